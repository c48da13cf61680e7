//! Flag sets and contexts that nobody wrote, but that somebody could have: small pools of names and values, so
//! that rules often find what they look for, often match, and are sometimes wrong in every way there is.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::specification::Json;

/// A flag file.
pub(crate) fn flag_set() -> BoxedStrategy<Json> {
    // An empty one would refuse the file.
    let evaluator = rule().prop_filter("an empty evaluator", |rule| rule.encode().unwrap().len() > 2);
    let evaluators = btree_map(select(&EVALUATORS[..]), evaluator, 0..3);
    let metadata = btree_map(select(&["version", "owner"][..]), scalar(), 0..2);
    (vec(flag(), 1..4), evaluators, metadata)
        .prop_map(|(flags, evaluators, metadata)| {
            let flags = flags.into_iter().enumerate().map(|(at, flag)| (format!("flag-{at}"), flag));
            object([
                ("$evaluators", object(evaluators)),
                ("flags", Json::Object(flags.collect())),
                ("metadata", object(metadata)),
            ])
        })
        .boxed()
}

fn flag() -> BoxedStrategy<Json> {
    let default = prop_oneof![4 => select(&["a", "on", "x"][..]).prop_map(Json::text), 1 => Just(Json::Null)];
    let state = prop_oneof![15 => Just("ENABLED"), 1 => Just("DISABLED")];
    let metadata = btree_map(select(&["version", "tier"][..]), scalar(), 0..2);
    let targeting = prop_oneof![
        6 => picks(),
        3 => split(picks().boxed()),
        3 => rule(),
        1 => Just(object::<&str>([])),
    ];
    let variants = prop_oneof![3 => Just(variants()), 1 => Just(plain_variants())];
    (state, default, metadata, targeting, variants)
        .prop_map(|(state, default, metadata, targeting, variants)| {
            object([
                ("state", Json::text(state)),
                ("variants", variants),
                ("defaultVariant", default),
                ("metadata", object(metadata)),
                ("targeting", targeting),
            ])
        })
        .boxed()
}

/// Values of all types, under names that rules give.
fn variants() -> Json {
    let list = Json::List(vec![Json::text("a"), Json::Number(1.0)]);
    object([
        ("a", Json::Bool(true)),
        ("b", Json::Bool(false)),
        ("on", Json::text("on")),
        ("x", Json::Number(2.5)),
        ("true", Json::Number(-3.0)),
        ("false", object([("k", Json::text("v"))])),
        ("1", Json::Number(1e300)),
        ("1.5", Json::text("")),
        ("[]", list),
        ("null", Json::Null),
        ("", Json::text("empty")),
        ("é", Json::text("é")),
    ])
}

/// Texts under the names that rules give, which even a check has nothing against.
fn plain_variants() -> Json {
    object(["a", "b", "on", "x", "nobody", "true", "false", "1", "é"].map(|name| (name, Json::text(name))))
}

/// What people write: conditions, each with a variant behind it.
fn picks() -> BoxedStrategy<Json> {
    let variant = prop_oneof![8 => variant_name(), 1 => split(variant_name().boxed()), 1 => rule()];
    (vec((condition(), variant.clone()), 1..3), proptest::option::of(variant))
        .prop_map(|(pairs, otherwise)| {
            let pairs = pairs.into_iter().flat_map(|(condition, variant)| [condition, variant]);
            operation("if", pairs.chain(otherwise).collect())
        })
        .boxed()
}

fn variant_name() -> BoxedStrategy<Json> {
    prop_oneof![
        8 => select(&["a", "b", "on", "x", "é", "", "null", "nobody"][..]).prop_map(Json::text),
        1 => any::<bool>().prop_map(Json::Bool),
        1 => select(&[1.0, 1.5, 2.0][..]).prop_map(Json::Number),
        1 => Just(Json::Null),
    ]
    .boxed()
}

/// A test that a rule of this world is likely to make.
fn condition() -> BoxedStrategy<Json> {
    let attribute = || prop_oneof![3 => variable(), 1 => rule()];
    let compare = select(&["==", "!=", "===", "!==", "<", "<=", ">", ">="][..]);
    let sign = select(&["=", "!=", "<", "<=", ">", ">=", "^", "~", "=="][..]).prop_map(Json::text);
    let version = || prop_oneof![2 => version(), 1 => attribute()];
    prop_oneof![
        4 => (compare, attribute(), scalar()).prop_map(|(name, a, b)| operation(name, vec![a, b])),
        2 => (attribute(), vec(scalar(), 0..4)).prop_map(|(a, list)| operation("in", vec![a, Json::List(list)])),
        1 => (attribute(), attribute()).prop_map(|(a, b)| operation("in", vec![a, b])),
        1 => (select(&["starts_with", "ends_with"][..]), attribute(), text())
            .prop_map(|(name, a, b)| operation(name, vec![a, b])),
        2 => (version(), sign, version()).prop_map(|(a, sign, b)| operation("sem_ver", vec![a, sign, b])),
        1 => (scalar(), attribute(), scalar()).prop_map(|(a, b, c)| operation("<=", vec![a, b, c])),
        2 => rule(),
    ]
    .boxed()
}

/// Shares, most of them well-formed, with what they give.
fn split(gives: BoxedStrategy<Json>) -> BoxedStrategy<Json> {
    let weight = prop_oneof![
        6 => select(&[0.0, 1.0, 25.0, 50.0, 100.0, 2_147_483_000.0][..]).prop_map(Json::Number),
        1 => Just(object([("var", Json::text("n"))])),
        1 => scalar(),
    ];
    let share = prop_oneof![
        8 => (gives, weight).prop_map(|(variant, weight)| Json::List(vec![variant, weight])),
        2 => variant_name().prop_map(|variant| Json::List(vec![variant])),
        1 => scalar(),
    ];
    let by = prop_oneof![
        3 => Just(None),
        3 => variable().prop_map(Some),
        2 => (text(), variable()).prop_map(|(a, b)| Some(operation("cat", vec![a, b]))),
        2 => variable().prop_map(|it| {
            let flag = object([("var", Json::text("$flagd.flagKey"))]);
            Some(operation("cat", vec![flag, it]))
        }),
        1 => scalar().prop_map(Some),
    ];
    (by, vec(share, 0..4))
        .prop_map(|(by, shares)| operation("fractional", by.into_iter().chain(shares).collect()))
        .boxed()
}

/// Any operation on anything, a few levels deep.
pub(crate) fn rule() -> BoxedStrategy<Json> {
    let leaf = prop_oneof![
        4 => scalar(),
        6 => variable(),
        1 => version(),
        1 => select(&EVALUATORS[..]).prop_map(|name| object([("$ref", Json::text(name))])),
        1 => Just(operation(">", vec![object([("var", Json::text("$flagd.timestamp"))]), Json::Number(1e6)])),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = vec(inner.clone(), 0..4).prop_map(Json::List);
        let each = select(&["map", "filter", "all", "some", "none"][..]);
        prop_oneof![
            10 => (select(&OPERATORS[..]), vec(inner.clone(), 0..4)).prop_map(|(name, it)| operation(name, it)),
            8 => (select(&OPERATORS[..]), inner.clone(), inner.clone())
                .prop_map(|(name, a, b)| operation(name, vec![a, b])),
            2 => (select(&OPERATORS[..]), inner.clone()).prop_map(|(name, bare)| object([(name, bare)])),
            4 => (each, subject(), inner.clone()).prop_map(|(name, a, b)| operation(name, vec![a, b])),
            2 => (subject(), inner.clone(), scalar()).prop_map(|(a, b, c)| operation("reduce", vec![a, b, c])),
            2 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| operation("if", vec![a, b, c])),
            1 => split(inner.clone().boxed()),
            2 => list,
            1 => (inner.clone(), inner).prop_map(|(a, b)| object([("k", a), ("l", b)])),
        ]
    })
    .boxed()
}

fn subject() -> BoxedStrategy<Json> {
    let list = vec(prop_oneof![scalar(), element()], 0..4).prop_map(Json::List);
    prop_oneof![6 => Just(object([("var", Json::text("list"))])), 2 => list, 2 => variable(), 1 => scalar()]
        .boxed()
}

/// A look at the context, sometimes with a default.
fn variable() -> BoxedStrategy<Json> {
    let path = prop_oneof![10 => select(&PATHS[..]), 1 => Just("")];
    let default = proptest::option::weighted(0.2, scalar());
    (path, default)
        .prop_map(|(path, default)| match default {
            Some(default) => operation("var", vec![Json::text(path), default]),
            None => object([("var", Json::text(path))]),
        })
        .boxed()
}

/// Attributes of the names that rules look for, of the types that they want, and of others.
pub(crate) fn context() -> BoxedStrategy<Json> {
    let key = prop_oneof![
        6 => "[a-z0-9é]{1,6}".prop_map(Json::Text),
        1 => Just(Json::text("")),
        1 => scalar(),
    ];
    let value = || prop_oneof![6 => scalar(), 1 => element(), 1 => vec(scalar(), 0..3).prop_map(Json::List)];
    let list =
        prop_oneof![6 => vec(prop_oneof![scalar(), element()], 0..5).prop_map(Json::List), 1 => value()];
    let versions = prop_oneof![4 => version(), 1 => scalar()];
    let structure = prop_oneof![6 => element(), 1 => value()];
    let own = proptest::option::weighted(0.05, element());
    let attribute = |strategy: BoxedStrategy<Json>| proptest::option::weighted(0.8, strategy);
    (
        attribute(key.boxed()),
        attribute(value().boxed()),
        attribute(value().boxed()),
        attribute(scalar().boxed()),
        attribute(list.boxed()),
        attribute(versions.boxed()),
        attribute(structure.boxed()),
        own,
    )
        .prop_map(|(key, a, b, n, list, version, structure, own)| {
            let names = ["targetingKey", "a", "b", "n", "list", "v", "o", "$flagd"];
            let values = [key, a, b, n, list, version, structure, own];
            object(names.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))))
        })
        .boxed()
}

/// An object of the members that paths name.
fn element() -> BoxedStrategy<Json> {
    let value = prop_oneof![4 => scalar(), 1 => vec(scalar(), 0..3).prop_map(Json::List)];
    // With a single member it looks like a rule, and must stay data (O1).
    let name = prop_oneof![4 => select(&["a", "b", "x"][..]), 1 => select(&["var", "if", "$ref"][..])];
    btree_map(name, value, 0..3).prop_map(object).boxed()
}

fn scalar() -> BoxedStrategy<Json> {
    prop_oneof![
        4 => text(),
        4 => number(),
        1 => any::<bool>().prop_map(Json::Bool),
        1 => Just(Json::Null),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<Json> {
    prop_oneof![
        8 => select(&[0.0, 1.0, 2.0, 3.0, 10.0, 100.0, -1.0, 1.5, 0.1][..]),
        1 => select(&[-0.0, 1e21, 1e-7, 1e6, 123_456.0, 2_147_483_648.0, 9_007_199_254_740_992.0, 1e300, 5e-324][..]),
        1 => proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL,
    ]
    .prop_map(Json::Number)
    .boxed()
}

fn text() -> BoxedStrategy<Json> {
    prop_oneof![
        8 => select(&["a", "b", "x", "on", "1", "2", "10", "é", ""][..]).prop_map(Json::text),
        2 => select(&ODD_TEXTS[..]).prop_map(Json::text),
        1 => "\\PC{0,4}".prop_map(Json::Text),
    ]
    .boxed()
}

fn version() -> BoxedStrategy<Json> {
    prop_oneof![
        4 => select(&["1.2.3", "1.2.4", "1.3.0", "2.0.0", "1.2.3-rc.1", "1.2.3-rc.2+b", "v1.2", "1"][..]).prop_map(Json::text),
        1 => select(&["01.2.3", "1.2-rc", "1.2.3.4", "Vv1", "1.2.3-01", "1.2.3-", " 1.2.3"][..]).prop_map(Json::text),
        1 => select(&[1.2, 2.0, 1e6, 0.00001][..]).prop_map(Json::Number),
    ]
    .boxed()
}

fn operation(name: &str, operands: Vec<Json>) -> Json {
    object([(name, Json::List(operands))])
}

fn object<N: Into<String>>(members: impl IntoIterator<Item = (N, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

const EVALUATORS: [&str; 3] = ["staff", "beta", "nobody"];

const PATHS: [&str; 22] = [
    "a",
    "b",
    "n",
    "v",
    "list",
    "o",
    "targetingKey",
    "$flagd.flagKey",
    "o.a",
    "o.x",
    "o.a.0",
    "list.0",
    "list.1.a",
    "list.x",
    "list.-1",
    "a.b",
    ".a",
    "x",
    "current",
    "current.a",
    "accumulator",
    "nowhere",
];

const ODD_TEXTS: [&str; 18] = [
    " 1 ", " ", "1.5", "1e3", "0x10", "0x1p4", "1_000", "inf", "NaN", "1e400", "-0", "a\"b", "a\\b", "<&>",
    "\u{2028}", "null", "true", "\u{a0}",
];

const OPERATORS: [&str; 38] = [
    "==",
    "!=",
    "===",
    "!==",
    "<",
    "<=",
    ">",
    ">=",
    "!",
    "!!",
    "and",
    "or",
    "if",
    "?:",
    "in",
    "cat",
    "substr",
    "+",
    "-",
    "*",
    "/",
    "%",
    "abs",
    "max",
    "min",
    "merge",
    "missing",
    "missing_some",
    "set",
    "contains_all",
    "contains_any",
    "contains_none",
    "starts_with",
    "ends_with",
    "sem_ver",
    "var",
    "fractional",
    "log",
];
