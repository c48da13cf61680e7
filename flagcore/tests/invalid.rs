//! What people are shown of flag files with mistakes.

use flagcore::diagnostic::Mode;
use flagcore::model::Format;
use flagcore::{Client, Error};

#[test]
fn fifty_mistakes_are_fifty_findings() {
    let mistakes = [
        ("misspelt-word", r#""state":"ENABLED","variants":{"on":true},"default":"on""#),
        ("state", r#""state":"enabled","variants":{"on":true},"defaultVariant":"on""#),
        ("default", r#""state":"ENABLED","variants":{"on":true},"defaultVariant":"no""#),
        ("operator", r#""state":"ENABLED","variants":{"on":true},"targeting":{"iff":[true,"on"]}"#),
        ("variant", r#""state":"ENABLED","variants":{"on":true},"targeting":{"if":[true,"of"]}"#),
    ];
    let codes =
        ["unknown-field", "unknown-state", "unknown-default-variant", "unknown-operator", "unknown-variant"];
    let flags: Vec<String> =
        (0..50).map(|at| format!("\"{}-{at}\":{{{}}}", mistakes[at % 5].0, mistakes[at % 5].1)).collect();
    let text = format!("{{\"flags\":{{\n{}\n}}}}", flags.join(",\n"));
    for mode in [Mode::Lenient, Mode::Strict] {
        let builder = Client::builder().bytes("f.json", text.clone(), Format::Json);
        let Err(Error::Refused { findings }) = builder.mode(mode).watch(false).build() else {
            panic!("a file with mistakes is served")
        };
        assert_eq!(findings.diagnostics.len(), 50, "{findings}");
        for (at, diagnostic) in findings.diagnostics.iter().enumerate() {
            assert_eq!(diagnostic.code(), codes[at % 5], "{diagnostic}");
            assert_eq!(diagnostic.position.unwrap().line as usize, at + 2, "{diagnostic}");
        }
    }
}

#[test]
fn a_flag_of_the_array_form_is_named_by_its_place() {
    let text = r#"{"flags":[
        {"variants":{"on":true}},
        {"key":"a","variants":{"on":true}},
        {"key":"a","variants":{"on":true},"targeting":{"iff":[]}}]}"#;
    let client = Client::builder().bytes("f.json", text, Format::Json).watch(false).build().unwrap();
    let findings = client.status().remove(0).served.unwrap().findings;
    let told = findings.diagnostics.iter().map(|it| (it.code(), it.pointer.as_str()));
    let expected = [
        ("empty-key", "/flags/0"),
        ("duplicate-flag", "/flags/2"),
        ("unknown-operator", "/flags/2/targeting/iff"),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn an_empty_evaluator_is_told_of_once() {
    let text = r#"{"$evaluators":{"staff":{}},"flags":{}}"#;
    let builder = Client::builder().bytes("f.json", text, Format::Json).watch(false);
    let Err(Error::Refused { findings }) = builder.build() else { panic!("an empty evaluator is served") };
    assert_eq!(findings.diagnostics.len(), 1, "{findings}");
}
