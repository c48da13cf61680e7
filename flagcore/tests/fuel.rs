//! What one evaluation may cost, whatever its rule and its context: counted in steps and in bytes, never timed.

use flagcore::client::Builder;
use flagcore::model::Format;
use flagcore::{Client, ErrorCode, EvaluationContext, Reason, Value};

fn client(targeting: &str) -> Client {
    client_with(targeting, "")
}

fn client_with(targeting: &str, evaluators: &str) -> Client {
    let flag = format!(
        r#""f":{{"state":"ENABLED","variants":{{"on":true,"off":false}},"defaultVariant":"off","targeting":{targeting}}}"#
    );
    Client::from_json(&format!(r#"{{"flags":{{{flag}}},"$evaluators":{{{evaluators}}}}}"#)).unwrap()
}

/// `on` where a rule is true.
fn condition(rule: &str) -> Client {
    client(&format!(r#"{{"if":[{rule},"on","off"]}}"#))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    On,
    Off,
    /// The budget is used up: the caller's default, `ERROR`, and a code.
    Budget,
}

fn ends(client: &Client, context: &EvaluationContext<'_>) -> Ends {
    let snapshot = client.snapshot();
    let detail = snapshot.bool_detail("f", context, false);
    match (detail.error_code(), detail.value()) {
        (None, true) => Ends::On,
        (None, false) => Ends::Off,
        (Some(_), _) => {
            assert_eq!(detail.reason(), Reason::Error, "{detail:?}");
            assert_eq!(detail.error_code(), Some(ErrorCode::General), "{detail:?}");
            let message = detail.error_message().unwrap();
            assert!(message.contains("too many steps"), "{message}");
            Ends::Budget
        }
    }
}

fn check(rule: &str, context: &EvaluationContext<'_>, expected: Ends) {
    assert_eq!(ends(&condition(rule), context), expected, "{}", &rule[..rule.len().min(300)]);
}

fn numbers(count: usize) -> Value<'static> {
    Value::list(vec![1; count])
}

fn user(attributes: &[(&'static str, Value<'static>)]) -> EvaluationContext<'static> {
    let mut context = EvaluationContext::new("user");
    for (name, value) in attributes {
        context.set(*name, value.clone());
    }
    context
}

#[test]
fn a_list_costs_its_elements_times_what_is_done_to_each() {
    // Two nodes for each element: the operator and the variable, and a list around them.
    let rule = r#"{"none":[{"var":"xs"},{"<":[{"var":""},0]}]}"#;
    for (count, expected) in [(0, Ends::On), (1_000, Ends::On), (20_000, Ends::On), (100_001, Ends::Budget)] {
        check(rule, &user(&[("xs", numbers(count))]), expected);
    }
    for rule in [
        r#"{"map":[{"var":"xs"},{"+":[{"var":""},1]}]}"#,
        r#"{"filter":[{"var":"xs"},{"<":[{"var":""},9]}]}"#,
        r#"{"reduce":[{"var":"xs"},{"+":[{"var":"current"},{"var":"accumulator"}]},0]}"#,
        r#"{"all":[{"var":"xs"},{"<":[{"var":""},9]}]}"#,
        r#"{"some":[{"var":"xs"},{"<":[{"var":""},0]}]}"#,
        r#"{"none":[{"var":"xs"},{"<":[{"var":""},0]}]}"#,
    ] {
        assert_ne!(ends(&condition(rule), &user(&[("xs", numbers(1_000))])), Ends::Budget, "{rule}");
        check(rule, &user(&[("xs", numbers(100_001))]), Ends::Budget);
    }
}

#[test]
fn lists_inside_of_lists_end_at_the_budget() {
    for levels in 2..=8 {
        let mut rule = r#"{"==":[1,2]}"#.to_owned();
        rule = rule.replace('1', r#"{"var":"x"}"#);
        for _ in 0..levels {
            rule = format!(r#"{{"some":[{{"var":"xs"}},{rule}]}}"#);
        }
        // 317 squared is past 100,000.
        check(&rule, &user(&[("xs", numbers(400))]), Ends::Budget);
    }
    let mut nested = r#"{"+":[{"var":"current"},{"var":"accumulator"}]}"#.to_owned();
    for _ in 0..4 {
        nested = format!(r#"{{"reduce":[[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],{nested},0]}}"#);
    }
    check(&nested, &user(&[]), Ends::Budget);
}

#[test]
fn doubling_ends_at_the_bytes_it_may_produce() {
    let ten = "[0,1,2,3,4,5,6,7,8,9]";
    let double = r#"{"cat":[{"var":"accumulator"},{"var":"accumulator"},{"var":"accumulator"},{"var":"accumulator"}]}"#;
    check(&format!(r#"{{"reduce":[{ten},{double},"xxxx"]}}"#), &user(&[]), Ends::Budget);
    let text = user(&[("t", Value::from("x".repeat(600_000)))]);
    check(r#"{"!!":[{"cat":[{"var":"t"},"."]}]}"#, &text, Ends::On);
    check(r#"{"!!":[{"cat":[{"var":"t"},{"var":"t"}]}]}"#, &text, Ends::Budget);
    // An item takes 24 bytes or more.
    check(r#"{"!!":[{"merge":[{"var":"xs"},1]}]}"#, &user(&[("xs", numbers(10_000))]), Ends::On);
    check(
        r#"{"!!":[{"merge":[{"var":"xs"},{"var":"xs"}]}]}"#,
        &user(&[("xs", numbers(30_000))]),
        Ends::Budget,
    );
}

#[test]
fn long_operands_cost_steps_in_every_operator() {
    // Each element looks at all of something long: a hundred times are allowed, ten thousand are not.
    let long = Value::from("z a".repeat(300_000));
    let version = Value::from(format!("1.{}.0", "7".repeat(900_000)));
    let list = numbers(50_000);
    for (rule, name, value) in [
        (r#"{"in":["zzz",{"var":"long"}]}"#, "long", &long),
        (r#"{"starts_with":[{"var":"long"},{"var":"long"}]}"#, "long", &long),
        (r#"{"==":[{"var":"long"},{"var":"long"}]}"#, "long", &long),
        (r#"{"<":[{"var":"long"},{"var":"long"}]}"#, "long", &long),
        (r#"{"==":[{"var":"long"},1]}"#, "long", &long),
        (r#"{"+":[{"var":"long"},1]}"#, "long", &long),
        (r#"{"substr":[{"var":"long"},-1]}"#, "long", &long),
        (r#"{"cat":[{"var":"long"}]}"#, "long", &long),
        (r#"{"sem_ver":[{"var":"long"},"<","1.0.0"]}"#, "long", &version),
        (r#"{"sem_ver":["1.0.0",">",{"var":"long"}]}"#, "long", &version),
        (r#"{"in":[7,{"var":"long"}]}"#, "long", &list),
        (r#"{"+":{"var":"long"}}"#, "long", &list),
        (r#"{"max":{"var":"long"}}"#, "long", &list),
        (r#"{"*":{"var":"long"}}"#, "long", &list),
        (r#"{"merge":{"var":"long"}}"#, "long", &list),
        (r#"{"contains_any":[{"var":"long"},[7,8]]}"#, "long", &list),
        (r#"{"missing":{"var":"long"}}"#, "long", &list),
    ] {
        // The condition of `filter` sees the data around it.
        let each = format!(r#"{{"filter":[{{"var":"xs"}},{rule}]}}"#);
        let context = user(&[("xs", numbers(1_000)), (name, value.clone())]);
        check(&each, &context, Ends::Budget);
    }
}

/// The condition of one of many arms.
type Condition = fn(usize) -> String;

/// Rules that need nothing but the context are answered without a budget, as long as nothing in them is long.
#[test]
fn long_texts_cost_steps_in_every_arm_of_a_rule() {
    let arms = |condition: &dyn Fn(usize) -> String| {
        let arms: Vec<String> = (0..200).map(|at| format!(r#"{},"off""#, condition(at))).collect();
        client(&format!(r#"{{"if":[{},"on"]}}"#, arms.join(",")))
    };
    let nested: Condition = |at| format!(r#"{{"<":[{{"var":"o.x"}},-{at}]}}"#);
    let conditions: [(Condition, String); 12] = [
        (
            |at| format!(r#"{{"sem_ver":[{{"var":"long"}},"=","2.0.{at}"]}}"#),
            format!("1.{}.0", "7".repeat(900_000)),
        ),
        (|at| format!(r#"{{"==":[{{"var":"long"}},{at}]}}"#), "7".repeat(900_000)),
        (|at| format!(r#"{{"<":[{{"var":"long"}},-{at}]}}"#), "7".repeat(900_000)),
        (|at| format!(r#"{{"==":[{{"var":"targetingKey"}},{at}]}}"#), "7".repeat(900_000)),
        (nested, "7".repeat(900_000)),
        (|at| format!(r#"{{"!":{{"!=":[{{"var":"long"}},{at}]}}}}"#), "7".repeat(900_000)),
        (
            |at| format!(r#"{{"and":[{{"!=":[{{"var":"a"}},"b"]}},{{"==":[{{"var":"long"}},{at}]}}]}}"#),
            "7".repeat(900_000),
        ),
        (|at| format!(r#"{{"and":[{{"==":[{{"var":"long"}},{at}]}}]}}"#), "7".repeat(900_000)),
        (
            |at| format!(r#"{{"or":[{{"==":[{{"var":"a"}},"b"]}},{{"==":[{{"var":"long"}},{at}]}}]}}"#),
            "7".repeat(900_000),
        ),
        (
            |at| format!(r#"{{"===":[{{"fractional":[{{"cat":["{at}",{{"var":"long"}}]}},["x",1]]}},"y"]}}"#),
            "x".repeat(900_000),
        ),
        (|_| r#"{"===":[{"fractional":[["x",1]]},"y"]}"#.to_owned(), "x".repeat(900_000)),
        (
            |_| r#"{"===":[{"fractional":[{"var":"long"},["x",{"var":"one"}]]},"y"]}"#.to_owned(),
            "x".repeat(900_000),
        ),
    ];
    for (condition, long) in conditions {
        let client = arms(&condition);
        let context = |long: &str| {
            let o = Value::structure([("x", long.to_owned())]);
            EvaluationContext::new(long.to_owned()).with("long", long.to_owned()).with("o", o).with("one", 1)
        };
        assert_eq!(ends(&client, &context(&long).into_owned()), Ends::Budget, "{}", condition(0));
        // What is long but not too long costs something, and gets the same answer.
        let shorter = long.replacen(&long[2..long.len() - 4_000], "", 1);
        assert!(shorter.len() > 2_000 && shorter.len() < 10_000);
        assert_eq!(ends(&client, &context(&shorter).into_owned()), Ends::On, "{}", condition(0));
    }
}

/// A text is looked up among others without a look at more of it than they have.
#[test]
fn what_is_bounded_by_the_rule_costs_nothing_however_long_the_text() {
    let long = user(&[("long", Value::from("x".repeat(900_000)))]);
    let names: Vec<String> = (0..20).map(|at| format!(r#""{at}""#)).collect();
    for condition in [
        r#"{"==":[{"var":"long"},"x"]}"#.to_owned(),
        r#"{"===":[{"var":"long"},"x"]}"#.to_owned(),
        r#"{"starts_with":[{"var":"long"},"y"]}"#.to_owned(),
        r#"{"ends_with":[{"var":"long"},"y"]}"#.to_owned(),
        r#"{"in":[{"var":"long"},["x","y"]]}"#.to_owned(),
        format!(r#"{{"in":[{{"var":"long"}},[{}]]}}"#, names.join(",")),
    ] {
        let arms = [condition.as_str(), r#""off""#].join(",");
        let client = client(&format!(r#"{{"if":[{},"on"]}}"#, vec![arms; 2_000].join(",")));
        assert_eq!(ends(&client, &long), Ends::On, "{condition}");
    }
}

#[test]
fn a_structure_that_splits_costs_what_it_holds() {
    let wide =
        |count: usize| Value::structure((0..count).map(|at| (format!("k{at}"), at)).collect::<Vec<_>>());
    let arm = r#"{"===":[{"fractional":[{"var":"o"},["x",1]]},"y"]},"off""#;
    let rule = format!(r#"{{"if":[{},"on"]}}"#, vec![arm; 50].join(","));
    let flag = format!(
        r#""f":{{"state":"ENABLED","variants":{{"on":true,"off":false}},"defaultVariant":"off","targeting":{rule}}}"#
    );
    let client = Client::from_json(&format!(r#"{{"bucketing":"v3","flags":{{{flag}}}}}"#)).unwrap();
    assert_eq!(ends(&client, &user(&[("o", wide(1_000))])), Ends::On);
    assert_eq!(ends(&client, &user(&[("o", wide(10_000))])), Ends::Budget);
}

#[test]
fn the_whole_context_costs_what_it_holds_and_is_never_half_there() {
    let wide = |count: usize| (0..count).map(|at| (format!("a{at}"), at)).collect::<EvaluationContext<'_>>();
    let whole = r#"{"!!":[{"var":""}]}"#;
    check(whole, &wide(10_000), Ends::On);
    let six = format!(r#"{{"and":[{whole},{whole},{whole},{whole},{whole},{whole}]}}"#);
    check(&six, &wide(100), Ends::On);
    // What does not fit is an error, and not the same as nothing.
    check(&six, &wide(10_000), Ends::Budget);
    let mut context = wide(9_000);
    context.set("xs", numbers(10_000));
    check(r#"{"none":[{"var":"xs"},{"!":[{"var":""}]}]}"#, &context, Ends::On);
    let each = r#"{"filter":[{"map":[{"var":"xs"},{"var":""}]},{"var":["",1]}]}"#;
    assert_ne!(ends(&condition(each), &context), Ends::Off);
}

#[test]
fn ordinary_rules_are_far_below_the_budget() {
    let users: Vec<String> = (0..10_000).map(|at| format!("\"user-{at}\"")).collect();
    let rule = format!(r#"{{"in":[{{"var":"id"}},[{}]]}}"#, users.join(","));
    check(&rule, &user(&[("id", Value::from("user-9999"))]), Ends::On);
    let roles = Value::list((0..100).map(|at| format!("role-{at}")).collect::<Vec<_>>());
    let rule = r#"{"some":[{"var":"roles"},{"in":[{"var":""},["role-98","role-99"]]}]}"#;
    check(rule, &user(&[("roles", roles)]), Ends::On);
    let arms: Vec<String> = (0..10_000).map(|at| format!(r#"{{"==":[{{"var":"a"}},{at}]}},"off""#)).collect();
    let client = client(&format!(r#"{{"if":[{},"on"]}}"#, arms.join(",")));
    assert_eq!(ends(&client, &user(&[("a", Value::from(-1))])), Ends::On);
    let buckets: Vec<String> = (0..10_000).map(|_| r#"["on",1]"#.to_owned()).collect();
    let client = self::client(&format!(r#"{{"fractional":[{}]}}"#, buckets.join(",")));
    assert_eq!(ends(&client, &user(&[])), Ends::On);
}

#[test]
fn shared_evaluators_are_computed_as_often_as_they_are_named_and_no_more() {
    // Ten levels of two references: 1,024 looks at one attribute, in a file of a kilobyte.
    let level =
        |at: usize| format!(r#""e{at}":{{"and":[{{"$ref":"e{}"}},{{"$ref":"e{}"}}]}}"#, at + 1, at + 1);
    let levels: Vec<String> = (0..10).map(level).collect();
    let evaluators = format!(r#"{},"e10":{{"==":[{{"var":"x"}},1]}}"#, levels.join(","));
    let client = client_with(r#"{"if":[{"$ref":"e0"},"on","off"]}"#, &evaluators);
    assert_eq!(ends(&client, &user(&[("x", Value::from(1))])), Ends::On);
    assert_eq!(ends(&client, &user(&[("x", Value::from(2))])), Ends::Off);
}

#[test]
fn a_budget_used_up_leaves_the_next_evaluation_all_of_it() {
    let client = condition(r#"{"none":[{"var":"xs"},{"<":[{"var":""},0]}]}"#);
    for _ in 0..3 {
        assert_eq!(ends(&client, &user(&[("xs", numbers(100_001))])), Ends::Budget);
        assert_eq!(ends(&client, &user(&[("xs", numbers(10))])), Ends::On);
    }
}

#[test]
fn context_is_data_and_never_runs() {
    let shapes = [
        r#"{"var":"secret"}"#,
        r#"{"cat":["a","b"]}"#,
        r#"{"$ref":"e"}"#,
        r#"{"if":[true,"on","off"]}"#,
        r#"{"fractional":[["on",1]]}"#,
        r#"[{"var":"secret"}]"#,
    ];
    for shape in shapes {
        let json: serde_json::Value = serde_json::from_str(shape).unwrap();
        let value = Value::from_json(&json, 100).unwrap().into_owned();
        let context = user(&[("x", value.clone()), ("secret", Value::from("on"))]);
        // As the rule itself: the text of the data names no variant.
        let client = client_with(r#"{"var":"x"}"#, r#""e":{"var":"secret"}"#);
        let snapshot = client.snapshot();
        let detail = snapshot.bool_detail("f", &context, false);
        assert_eq!((detail.value(), detail.variant()), (false, None), "{shape}: {detail:?}");
        // Inside of every operator that looks at values: the data is neither its result nor the secret.
        for rule in [
            r#"{"==":[{"var":"x"},"on"]}"#,
            r#"{"===":[{"var":"x"},"on"]}"#,
            r#"{"in":[{"var":"x"},["on","ab"]]}"#,
            r#"{"in":["on",{"merge":[{"var":"x"},[]]}]}"#,
            r#"{"==":[{"if":[true,{"var":"x"}]},"on"]}"#,
            r#"{"==":[{"or":[{"var":"x"}]},"on"]}"#,
            r#"{"starts_with":[{"var":"x"},"o"]}"#,
            r#"{"in":["on",{"map":[[1],{"var":"x"}]}]}"#,
            r#"{"some":[{"merge":[{"var":"x"}]},{"==":[{"var":""},"on"]}]}"#,
        ] {
            let client = client_with(&format!(r#"{{"if":[{rule},"on","off"]}}"#), r#""e":{"var":"secret"}"#);
            let snapshot = client.snapshot();
            assert!(!snapshot.bool_detail("f", &context, false).value(), "{rule} of {shape}");
        }
    }
}

#[test]
fn contexts_that_are_no_contexts_are_told_and_change_nothing_else() {
    let client = condition(r#"{"==":[{"var":"a"},1]}"#);
    let snapshot = client.snapshot();
    let code = |context: &EvaluationContext<'_>| snapshot.bool_detail("f", context, false).error_code();
    let nested = |levels: usize| (0..levels).fold(Value::from(1), |value, _| Value::list([value]));
    let wide = |count: usize| (0..count).map(|at| (format!("k{at}"), 1)).collect::<EvaluationContext<'_>>();
    let invalid = Some(ErrorCode::InvalidContext);
    for (context, expected, name) in [
        (user(&[("a", Value::from(f64::NAN))]), invalid, "not a number"),
        (user(&[("a", Value::from(f64::INFINITY))]), invalid, "infinite"),
        (user(&[("x", Value::list([f64::NEG_INFINITY]))]), invalid, "infinite in a list"),
        (user(&[("x", nested(99))]), None, "as deep as allowed"),
        (user(&[("x", nested(100))]), invalid, "one level more"),
        (EvaluationContext::new("user").with("x", nested(100_000)), invalid, "as deep as memory"),
        (wide(10_000), None, "as wide as allowed"),
        (wide(10_001), invalid, "one attribute more"),
        (user(&[("targetingKey", Value::from(5))]), None, "a key of another type"),
        (user(&[("targetingKey", Value::list([1]))]), None, "a list for a key"),
    ] {
        assert_eq!(code(&context), expected, "{name}");
    }
}

/// What a request's context answers for at each evaluation, the layers around it answer for at the start.
#[test]
fn layers_that_are_no_contexts_are_told_when_the_client_is_built() {
    let nested = |levels: usize| (0..levels).fold(Value::from(1), |value, _| Value::list([value]));
    let wide = |count: usize| (0..count).map(|at| (format!("k{at}"), 1)).collect::<EvaluationContext<'_>>();
    let builder = || Client::builder().bytes("flags", r#"{"flags": {}}"#, Format::Json).watch(false);
    for (context, fault) in [
        (user(&[("a", Value::from(f64::NAN))]), Some("a number in the context is infinite or not a number")),
        (user(&[("a", nested(100))]), Some("an attribute of the context is nested more than 100 levels")),
        (wide(10_001), Some("the context has more than 10000 attributes")),
        (wide(10_000), None),
    ] {
        let told = |builder: Builder| builder.build().err().map(|error| error.to_string());
        let wanted = |layer| fault.map(|fault| format!("`{layer}`: {fault}"));
        assert_eq!(told(builder().global(context.clone())), wanted("global"));
        assert_eq!(told(builder().overrides(context.clone())), wanted("overrides"));
        let both = builder().global(EvaluationContext::empty().with("a", 1)).overrides(context);
        assert_eq!(told(both), wanted("overrides"));
    }
}

#[test]
fn names_of_a_context_are_exact_and_none_is_magic() {
    let composed = "\u{e9}";
    let decomposed = "e\u{301}";
    for (rule, name, value, expected) in [
        (r#"{"==":[{"var":"A"},1]}"#, "a", Value::from(1), Ends::Off),
        (r#"{"==":[{"var":"__proto__"},1]}"#, "a", Value::from(1), Ends::Off),
        (r#"{"==":[{"var":"__proto__"},1]}"#, "__proto__", Value::from(1), Ends::On),
        (
            r#"{"==":[{"var":"constructor.name"},1]}"#,
            "constructor",
            Value::structure([("name", 1)]),
            Ends::On,
        ),
        (
            r#"{"==":[{"var":"$flagd.flagKey"},"f"]}"#,
            "$flagd",
            Value::structure([("flagKey", "x")]),
            Ends::On,
        ),
        (r#"{">":[{"var":"$flagd.timestamp"},9]}"#, "$flagd", Value::from(5), Ends::On),
        (r#"{"==":[{"var":"\u00e9"},1]}"#, composed, Value::from(1), Ends::On),
        (r#"{"==":[{"var":"\u00e9"},1]}"#, decomposed, Value::from(1), Ends::Off),
        (r#"{"==":[{"var":"x"},"\u00e9"]}"#, "x", Value::from(decomposed), Ends::Off),
        (r#"{"==":[{"var":"targetingKey"},"user"]}"#, "targetingkey", Value::from("x"), Ends::On),
    ] {
        check(rule, &user(&[(name, value)]), expected);
    }
    // Of one name set twice the last value counts.
    check(r#"{"==":[{"var":"a"},2]}"#, &user(&[("a", Value::from(1)), ("a", Value::from(2))]), Ends::On);
}
