//! What is asked of every client, and what is right.

/// The type that is asked for, the flag, the context, the answer; and for some clients another answer.
///
/// An answer is the value, the variant (`-` is none) and the reason; or `!` and the error's code.
pub type Case =
    (&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// With the flags of the public suite.
pub const SUITE: &[Case] = &[
    ("bool", "boolean-flag", "{}", "true on STATIC", &[]),
    ("string", "string-flag", "{}", r#""hi" greeting STATIC"#, &[]),
    ("int", "integer-flag", "{}", "10 ten STATIC", &[]),
    ("float", "float-flag", "{}", "0.5 half STATIC", &[]),
    ("float", "integer-flag", "{}", "10 ten STATIC", &[]),
    // The client's own evaluator refuses what the daemon cuts; over HTTP, where no type is asked for, the client does.
    (
        "int",
        "float-flag",
        "{}",
        "0 half STATIC",
        &[("in-process", "! TYPE_MISMATCH"), ("rest", "! PARSE_ERROR")],
    ),
    (
        "object",
        "object-flag",
        "{}",
        r#"{"imagesPerPage":100,"showImages":true,"title":"Check out these pics!"} template STATIC"#,
        &[],
    ),
    ("bool", "boolean-zero-flag", "{}", "false zero STATIC", &[]),
    ("string", "string-zero-flag", "{}", r#""" zero STATIC"#, &[]),
    ("int", "integer-zero-flag", "{}", "0 zero STATIC", &[]),
    ("float", "float-zero-flag", "{}", "0 zero STATIC", &[]),
    ("bool", "boolean-targeted-zero-flag", BALLMER, "false zero TARGETING_MATCH", &[]),
    ("string", "string-targeted-zero-flag", BALLMER, r#""" zero TARGETING_MATCH"#, &[]),
    ("int", "integer-targeted-zero-flag", BALLMER, "0 zero TARGETING_MATCH", &[]),
    ("float", "float-targeted-zero-flag", BALLMER, "0 zero TARGETING_MATCH", &[]),
    ("int", "integer-targeted-zero-flag", "{}", "0 zero DEFAULT", &[]),
    (
        "string",
        "context-aware",
        r#"{"fn": "Sulisław", "ln": "Świętopełk", "age": 29, "customer": false}"#,
        r#""INTERNAL" internal TARGETING_MATCH"#,
        &[],
    ),
    ("string", "context-aware", "{}", r#""EXTERNAL" external TARGETING_MATCH"#, &[]),
    (
        "string",
        "targeting-key-flag",
        r#"{"targetingKey": "5c3d8535-f81a-4478-a6d3-afaa4d51199e"}"#,
        r#""hit" hit TARGETING_MATCH"#,
        &[],
    ),
    ("string", "targeting-key-flag", r#"{"targetingKey": "nobody"}"#, r#""miss" miss DEFAULT"#, &[]),
    ("int", "timestamp-flag", r#"{"time": 4133980800}"#, "1 future TARGETING_MATCH", &[]),
    ("string", "some-email-targeted-flag", BALLMER, r#""hi" hi TARGETING_MATCH"#, &[]),
    ("string", "starts-ends-flag", r#"{"id": "abcdef"}"#, r#""prefix" prefix TARGETING_MATCH"#, &[]),
    (
        "string",
        "equal-greater-lesser-version-flag",
        r#"{"version": "2.0.0"}"#,
        r#""equal" equal TARGETING_MATCH"#,
        &[],
    ),
    // The evaluator in the client puts keys into other buckets: those of the reference's next version.
    (
        "string",
        "fractional-flag-shorthand",
        r#"{"targetingKey": "jon@company.com"}"#,
        r#""heads" heads TARGETING_MATCH"#,
        &[("in-process", r#""tails" tails TARGETING_MATCH"#)],
    ),
    ("int", "non-string-variant-targeting-flag", "{}", "2 true TARGETING_MATCH", &[]),
    ("int", "targeting-null-variant-flag", "{}", "2 two DEFAULT", &[]),
    ("int", "empty-targeting-flag", "{}", "1 false STATIC", &[]),
    ("string", "flagd-context-aware", "{}", r#""INTERNAL" internal TARGETING_MATCH"#, &[]),
    (
        "string",
        "no-default-flag-null-targeting-variant",
        r#"{"email": "jobs@orange.com"}"#,
        r#""CEO" special TARGETING_MATCH"#,
        &[],
    ),
    // The first generation of the protocol says NOT_FOUND; the evaluator in the client misses a variant without a name;
    // over HTTP the client takes an answer without a value for a broken one.
    ("string", "no-default-flag-null-targeting-variant", "{}", "! FLAG_NOT_FOUND", NO_DEFAULT),
    ("bool", "null-default-flag", "{}", "! FLAG_NOT_FOUND", NO_DEFAULT),
    ("int", "undefined-default-flag", "{}", "! FLAG_NOT_FOUND", NO_DEFAULT),
    // The first generation of the protocol has the zero value here.
    ("bool", "disabled-boolean-flag", "{}", "false - DISABLED", DISABLED),
    ("string", "disabled-string-flag", "{}", r#""" - DISABLED"#, DISABLED),
    ("int", "disabled-integer-flag", "{}", "0 - DISABLED", DISABLED),
    ("float", "disabled-float-flag", "{}", "0 - DISABLED", DISABLED),
    ("object", "disabled-object-flag", "{}", "{} - DISABLED", DISABLED),
    ("bool", "no-such-flag", "{}", "! FLAG_NOT_FOUND", &[]),
    // INVALID_ARGUMENT, which the client takes for the context; over HTTP no type is asked for.
    (
        "bool",
        "wrong-flag",
        "{}",
        "! TYPE_MISMATCH",
        &[("rpc", "! INVALID_CONTEXT"), ("rest", "! PARSE_ERROR")],
    ),
    (
        "object",
        "wrong-flag",
        "{}",
        "! TYPE_MISMATCH",
        &[("rpc", "! INVALID_CONTEXT"), ("rest", "! PARSE_ERROR")],
    ),
    // The client has no code for these statuses of gRPC, and calls every 400 of HTTP a bad context.
    (
        "int",
        "error-targeting-flag",
        "{}",
        "! PARSE_ERROR",
        &[("rpc", "! DataLoss"), ("rest", "! INVALID_CONTEXT")],
    ),
    ("string", DANGLING, "{}", "! PARSE_ERROR", &[("rpc", "! DataLoss"), ("rest", "! INVALID_CONTEXT")]),
    (
        "int",
        "missing-variant-targeting-flag",
        "{}",
        "! GENERAL",
        &[
            ("rpc", "! Unknown"),
            ("in-process", "! Variant three for flag missing-variant-targeting-flag was not found"),
            ("rest", "! INVALID_CONTEXT"),
        ],
    ),
];

/// Contexts of every type that the client sends, with flags of our own.
///
/// Left out is what the client sends as the text of its own debugging: structures; it has no lists.
pub const CONTEXTS: &[Case] = &[
    ("bool", "whole", r#"{"n": 7}"#, "true on TARGETING_MATCH", &[]),
    ("bool", "whole", r#"{"n": "7"}"#, "false off DEFAULT", &[]),
    ("bool", "whole", r#"{"n": -9007199254740991}"#, "false off DEFAULT", &[]),
    ("bool", "fraction", r#"{"n": 1.5}"#, "true on TARGETING_MATCH", &[]),
    ("bool", "truth", r#"{"b": true}"#, "true on TARGETING_MATCH", &[]),
    ("bool", "truth", r#"{"b": "true"}"#, "false off DEFAULT", &[]),
    ("bool", "text", r#"{"s": "ünï-日本"}"#, "true on TARGETING_MATCH", &[]),
    ("bool", "date", r#"{"when": {"date": 1767323045}}"#, "true on TARGETING_MATCH", &[]),
    ("bool", "key", r#"{"targetingKey": "anna"}"#, "true on TARGETING_MATCH", &[]),
];

/// The flags that [`CONTEXTS`] asks for, with their rules.
pub const CONTEXT_RULES: &[(&str, &str)] = &[
    ("whole", r#"{"if": [{"===": [{"var": "n"}, 7]}, "on"]}"#),
    ("fraction", r#"{"if": [{"===": [{"var": "n"}, 1.5]}, "on"]}"#),
    ("truth", r#"{"if": [{"===": [{"var": "b"}, true]}, "on"]}"#),
    ("text", r#"{"if": [{"===": [{"var": "s"}, "ünï-日本"]}, "on"]}"#),
    ("date", r#"{"if": [{"starts_with": [{"var": "when"}, "2026-01-02"]}, "on"]}"#),
    ("key", r#"{"if": [{"===": [{"var": "targetingKey"}, "anna"]}, "on"]}"#),
];

/// A flag whose rule refers to an evaluator that does not exist.
pub const DANGLING: &str = "ref-to-nonexistent-evaluator-flag";

const BALLMER: &str = r#"{"email": "ballmer@macrosoft.com"}"#;
const NO_DEFAULT: &[(&str, &str)] = &[("in-process", "! NO_VARIANT"), ("rest", "! PARSE_ERROR")];
const DISABLED: &[(&str, &str)] = &[("in-process", "! FLAG_NOT_FOUND"), ("rest", "! PARSE_ERROR")];
