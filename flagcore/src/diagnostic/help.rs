//! How to mend each problem, if there is a good guess.

use crate::text::{Printable, closest};

use super::problem::Problem;

impl Problem {
    /// How to mend it, if there is a good guess.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Problem::Missing => {
                "create it, or name another one; a client that is running takes it as soon as it exists"
                    .to_owned()
            }
            Problem::UnknownFormat { .. } => "name it `*.json`, `*.yaml` or `*.yml`".to_owned(),
            Problem::NoFiles => {
                "put a `*.json`, `*.yaml` or `*.yml` file into it; to have no flags, write `flags: {}`"
                    .to_owned()
            }
            Problem::Empty => "to have no flags, write `{\"flags\": {}}`".to_owned(),
            Problem::Syntax { help, .. } => return help.clone(),
            Problem::TrailingText { found } if found == "}" || found == "]" => {
                format!("remove one `{found}` too many, here or before")
            }
            Problem::TrailingText { .. } => {
                "remove it; a file holds one document, from its first `{` to the `}` that belongs to it"
                    .to_owned()
            }
            Problem::ByteOrderMark => "save the file as UTF-8 without a byte-order mark".to_owned(),
            Problem::InvalidUtf8 => "save the file as UTF-8".to_owned(),
            Problem::LoneSurrogate => {
                "write the character itself, or both its halves as in `\\ud83d\\ude00`".to_owned()
            }
            Problem::NumberRange { .. } => "write a number of ordinary size, or a text".to_owned(),
            Problem::ControlCharacter { .. } => "type it anew, without them".to_owned(),
            Problem::TooDeep { .. } => {
                "move the inner part into `$evaluators`, or write a chain of `if`s as one `if`".to_owned()
            }
            Problem::DuplicateKey { last_counts: true, .. } => {
                "remove one of them; the last one counts".to_owned()
            }
            Problem::DuplicateKey { .. } => "remove one of them".to_owned(),
            Problem::YamlDocuments => "put further documents into files of their own".to_owned(),
            Problem::YamlUnknownTag { tag } => match tag.strip_suffix(':') {
                Some(word) => format!("put it in quotes: `\"{}\":`", Printable(word)),
                None => "remove it, or put the whole text in quotes".to_owned(),
            },
            Problem::YamlAnchor { within: true } => "write out what is meant".to_owned(),
            Problem::YamlAnchor { within: false } => {
                "write `&name` before what is meant; a text that begins with `*` needs quotes".to_owned()
            }
            Problem::YamlAmbiguous { text, read_as } => {
                let quoted = format!("put it in quotes: `\"{}\"`", Printable(text));
                if read_as == "a number" { quoted + ", or write it in plain decimals" } else { quoted }
            }
            Problem::YamlKey { read_as } => format!("put it in quotes: `\"{}\"`", Printable(read_as)),
            Problem::MissingFlags => "write `flags:` at the top level, with the flags under it".to_owned(),
            Problem::UnknownField { field, known } => {
                let words = suggest(field, known.iter().copied(), "words here");
                let more = match closest(field, known.iter().copied()) {
                    Some(_) => "",
                    None if known.contains(&"state") => "; notes may stand under `metadata`",
                    None if WORDS_OF_FLAGS.contains(&field.as_str()) => {
                        "; this is a word of a flag and belongs under it"
                    }
                    None => "; flags stand under `flags`",
                };
                words + more
            }
            Problem::WrongType { what, .. } => match &**what {
                "`state`" => "write `ENABLED` or `DISABLED`",
                "`defaultVariant`" => "write the name of a variant, in quotes",
                "`variants`" => "write for example `{ \"on\": true, \"off\": false }`",
                "`bucketing`" => "write for example `v2`",
                "`metadata`" => "write for example `{ \"owner\": \"payments\" }`",
                "`$evaluators`" => "write each rule under its name",
                "`flags`" => "write each flag under its key; to have none, write `{}`",
                "the document" => "write for example `{ \"flags\": {} }`",
                what if WORDS_OF_FLAGS.iter().any(|word| what == format!("flag `{word}`")) => {
                    "this is a word of a flag; indent it under the flag it belongs to"
                }
                what if what.contains("flag") => {
                    "write its words, for example `{ \"state\": \"ENABLED\", \"variants\": … }`"
                }
                _ => return None,
            }
            .to_owned(),
            Problem::FieldCase { wanted, .. } => format!("write `{wanted}`"),
            Problem::UnknownBucketing { found } => suggest(found, ["v1", "v2", "v3"], "generations"),
            Problem::EmptyEvaluator { .. } => "write its rule, or remove it".to_owned(),
            Problem::EvaluatorName { .. } => "give it a name of letters, digits, `-` and `_`".to_owned(),
            Problem::RefMissing { name, known } if known.contains(name) => {
                "give it a name of letters, digits, `-` and `_`".to_owned()
            }
            Problem::RefMissing { name, known } => {
                let name = name.rsplit('/').next().unwrap_or(name);
                suggest(name, known.iter().map(String::as_str), "evaluators here")
            }
            Problem::RefExtraKeys { .. } => "keep only `$ref`".to_owned(),
            Problem::RefCycle { .. } => "write out what one of them means, without `$ref`".to_owned(),
            Problem::EmptyKey => "give it a key".to_owned(),
            Problem::NullFlag { .. } => "write its words under it, or remove it".to_owned(),
            Problem::DuplicateFlag { .. } => "remove one of them, or give it another key".to_owned(),
            Problem::UnknownState { found, .. } => {
                let known = ["ENABLED", "DISABLED"];
                let more = "; which variant is given is said by `defaultVariant` and `targeting`";
                suggest(found, known, "states") + if closest(found, known).is_some() { "" } else { more }
            }
            Problem::NullVariant { .. } => {
                "give it a value; in YAML a text that begins with `#` needs quotes".to_owned()
            }
            Problem::ListVariant { .. } => {
                "put it into an object, for example `{ \"items\": [] }`".to_owned()
            }
            Problem::MixedTypes { .. } => {
                "give all variants values of one type; quotes make a text of anything".to_owned()
            }
            Problem::FlagSetIdType { .. } => "put it in quotes".to_owned(),
            Problem::MetadataType { .. } => "write a text, a number or a boolean".to_owned(),
            Problem::NoVariants { .. } => {
                "write for example `variants: { \"on\": true, \"off\": false }`".to_owned()
            }
            Problem::UnknownDefaultVariant { known, .. } if known.is_empty() => {
                "the flag has no variants; write for example `variants: { \"on\": true, \"off\": false }`"
                    .to_owned()
            }
            Problem::UnknownDefaultVariant { found, known, .. }
            | Problem::UnknownVariant { found, known, .. } => {
                suggest(found, known.iter().map(String::as_str), "variants here")
            }
            Problem::EmptyFlagSetId { .. } => "give it a name, or remove it".to_owned(),
            Problem::ShadowWord { field, known, .. } if SHADOW_LATER.contains(&&**field) => format!(
                "`{field}` is for dark launches over HTTP, which there are not yet: leave it out; words here are {}",
                known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            ),
            Problem::ShadowWord { field, known, .. } => suggest(field, known.iter().copied(), "words here"),
            Problem::ShadowWhen { problem, .. } => return problem.help(),
            Problem::ShadowValue { example: "", .. } => return None,
            Problem::ShadowValue { example, .. } => format!("write for example `{example}`"),
            Problem::UnknownOperator { found, known } => {
                match operator_in_words(found).or_else(|| closest(found, known.iter().copied())) {
                    Some(operator) => format!("did you mean `{operator}`?"),
                    None => format!(
                        "if it is an attribute, write for example `{{ \"==\": [{{ \"var\": \"{}\" }}, \"…\"] }}`; {}",
                        Printable(found),
                        suggest("", COMMON_OPERATORS.iter().copied(), "common operators")
                    ),
                }
            }
            Problem::OperatorArguments { operator, .. } => {
                format!("write for example `{}`", operator_example(operator)?)
            }
            Problem::LiteralObject { names } if !names.is_empty() => {
                "write one operator per object, and combine them with `and`, `or` or `if`".to_owned()
            }
            Problem::VersionComparison { found } => {
                let meant = match found.as_str() {
                    "=>" => "did you mean `>=`? ",
                    "=<" => "did you mean `<=`? ",
                    "==" | "===" => "did you mean `=`? ",
                    "<>" | "!==" => "did you mean `!=`? ",
                    _ => "",
                };
                meant.to_owned() + &suggest(found, ["=", "!=", "<", "<=", ">", ">=", "^", "~"], "comparisons")
            }
            Problem::VersionTarget { .. } => "write for example `1.2.3`".to_owned(),
            Problem::FractionalBucket { .. } => "write each bucket as `[\"variant\", weight]`".to_owned(),
            Problem::FractionalWeight { .. } => {
                "write weights as whole numbers, for example 1 and 99, or 125 and 875".to_owned()
            }
            Problem::FractionalTotal { total: 0 } => "give at least one variant a positive weight".to_owned(),
            Problem::FractionalTotal { .. } => "divide all weights by the same number".to_owned(),
            Problem::YamlTag { tag, .. } => format!("remove `{}`, or write what it asks for", Printable(tag)),
            Problem::YamlMerge => "write `<<: *name`, with `&name` before a mapping above".to_owned(),
            Problem::KeyTooLong { .. } => "give it a shorter one".to_owned(),
            Problem::YamlAliases { .. } | Problem::TooManyNodes { .. } => {
                "write the repeated part once and refer to it from fewer places".to_owned()
            }
            Problem::Shrinks { .. } => {
                "nothing, if that is what you want: it is served once it stood unchanged for two seconds"
                    .to_owned()
            }
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }
}

/// The operator that a word of everyday language means.
fn operator_in_words(found: &str) -> Option<&'static str> {
    Some(match found.to_lowercase().as_str() {
        "=" | "eq" | "equal" | "equals" | "is" => "==",
        "ne" | "neq" | "not_equal" | "notequal" | "not_equals" | "<>" | "is_not" => "!=",
        "not" => "!",
        "gt" | "greater" | "greater_than" | "more_than" => ">",
        "gte" | "ge" | "at_least" | "=>" => ">=",
        "lt" | "less" | "less_than" => "<",
        "lte" | "le" | "at_most" | "=<" => "<=",
        "contains" | "matches" | "one_of" | "is_in" | "includes" | "any_of" => "in",
        "&&" | "all_of" => "and",
        "||" => "or",
        "begins_with" | "prefix" => "starts_with",
        "suffix" => "ends_with",
        "split" | "rollout" | "percentage" | "weights" => "fractional",
        "version" | "semantic_version" => "sem_ver",
        _ => return None,
    })
}

/// How an operator is written with all that it needs.
fn operator_example(operator: &str) -> Option<String> {
    let example = match operator {
        "var" => r#"{ "var": "country" }"#,
        "$ref" => r#"{ "$ref": "staff" }"#,
        "and" | "or" => r#"{ "OP": [{ "var": "beta" }, { "in": [{ "var": "plan" }, ["team"]] }] }"#,
        "if" | "?:" => r#"{ "OP": [{ "==": [{ "var": "country" }, "DE"] }, "on", "off"] }"#,
        "sem_ver" => r#"{ "sem_ver": [{ "var": "appVersion" }, ">=", "1.2.3"] }"#,
        "starts_with" => r#"{ "OP": [{ "var": "email" }, "team-"] }"#,
        "ends_with" => r#"{ "OP": [{ "var": "email" }, "@example.com"] }"#,
        "in" => r#"{ "in": [{ "var": "country" }, ["DE", "FR"]] }"#,
        "==" | "!=" | "===" | "!==" => r#"{ "OP": [{ "var": "country" }, "DE"] }"#,
        "<" | "<=" | ">" | ">=" => r#"{ "OP": [{ "var": "age" }, 18] }"#,
        "some" | "all" | "none" => r#"{ "OP": [{ "var": "groups" }, { "==": [{ "var": "" }, "beta"] }] }"#,
        "fractional" => r#"{ "OP": [["new", 10], ["old", 90]] }"#,
        "+" | "-" | "*" | "/" | "%" => r#"{ "OP": [{ "var": "age" }, 10] }"#,
        _ => return None,
    };
    Some(example.replace("OP", operator))
}

/// `did you mean …?`, and what there is to choose from.
fn suggest<'k>(found: &str, known: impl IntoIterator<Item = &'k str> + Clone, what: &str) -> String {
    /// More names than this are not listed.
    const MOST: usize = 12;
    let names: Vec<&str> = known.clone().into_iter().take(MOST + 1).collect();
    if names.is_empty() {
        return format!("there are no {what}");
    }
    let closest = closest(found, known);
    let meant = closest.map_or(String::new(), |name| format!("did you mean `{}`? ", Printable(name)));
    let are = if names.len() == 1 { ":" } else { " are" };
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{}`", Printable(name))).collect();
    let more = if names.len() > MOST { ", …" } else { "" };
    format!("{meant}{what}{are} {}{more}", shown.join(", "))
}

/// The operators that most rules are made of.
const COMMON_OPERATORS: &[&str] =
    &["if", "and", "or", "!", "==", "!=", "<", ">=", "in", "starts_with", "sem_ver", "fractional"];

/// Words of a flag that nothing else has.
const WORDS_OF_FLAGS: &[&str] = &["state", "variants", "defaultVariant", "targeting"];

/// Words of the `shadow` block for what is sent to another process.
const SHADOW_LATER: [&str; 9] =
    ["target", "writes", "noise", "ramp", "as", "status", "headers", "keep", "primary_share"];
