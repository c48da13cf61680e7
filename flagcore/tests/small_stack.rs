//! Everything that takes a file or a context, on a stack of 256 KiB: at the greatest depth that is accepted, and
//! with input far past it.
//!
//! A stack that overflows ends the process, so a failure here names no test: run with `--nocapture` to see which.

use std::fmt::Write;

use flagcore::compile::{CompileOptions, compile};
use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::{DOCUMENT_DEPTH, Limits, VALUE_DEPTH};
use flagcore::model::Format::{self, Json, Yaml};
use flagcore::{Client, EvaluationContext, Value, parse};

/// Runs something on a small stack.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap();
    assert!(thread.join().is_ok(), "the thread failed; see above");
}

/// Takes text and keeps none of it.
struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        Ok(())
    }
}

fn file(targeting: &str, evaluators: &str) -> String {
    let flag = format!(
        r#""f":{{"state":"ENABLED","variants":{{"on":true,"off":false}},"defaultVariant":"off","targeting":{targeting}}}"#
    );
    format!(r#"{{"flags":{{{flag}}},"$evaluators":{{{evaluators}}}}}"#)
}

/// `inner` inside of as many levels as `around` can be put around it.
fn nested(levels: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

fn context() -> EvaluationContext<'static> {
    let deep = (0..VALUE_DEPTH - 1).fold(Value::from(1), |value, level| {
        if level % 2 == 0 { Value::list([value]) } else { Value::structure([("a", value)]) }
    });
    EvaluationContext::new("user").with("x", 1).with("xs", vec![1, 2]).with("deep", deep)
}

/// All that can be done with a file that is accepted.
fn use_all_of(text: &str, format: Format) {
    for mode in [Mode::Lenient, Mode::Strict] {
        println!("  load, {mode:?}");
        let built = Client::builder().watch(false).mode(mode).bytes("deep", text, format).build();
        match built {
            Ok(client) => use_client(&client, text, format),
            Err(error) => {
                assert_eq!(mode, Mode::Strict, "{error}");
                let _ = write!(Nowhere, "{error} {error:?}");
            }
        }
    }
    println!("  parse");
    let mut report = Report::new("deep".into(), Mode::Lenient);
    let limits = Limits::default();
    let set = parse::flag_set("deep".into(), text.as_bytes(), format, &limits, &mut report).unwrap();
    let _ = write!(Nowhere, "{set:?}");
    println!("  export");
    assert!(set.to_json().unwrap().len() > 10);
    // The one thing that takes a stack of its own; a client sees to that.
    println!("  compile");
    let mut compile_it = || {
        let work = || compile(&set, &CompileOptions::default(), None, &mut report);
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(16 << 20);
            thread.spawn_scoped(scope, work).unwrap().join().unwrap()
        })
    };
    let compiled = compile_it();
    println!("  show the compiled");
    let _ = write!(Nowhere, "{compiled:?}");
    println!("  compare");
    let again = compile_it();
    assert!(compiled.flags[0].flag == again.flags[0].flag);
    println!("  drop");
    drop(compiled);
}

fn use_client(client: &Client, text: &str, format: Format) {
    let context = context();
    let snapshot = client.snapshot();
    println!("  evaluate");
    let _ = write!(Nowhere, "{:?}", snapshot.bool_detail("f", &context, false));
    let _ = write!(Nowhere, "{:?}", snapshot.any_detail("f", &context, &Value::Null));
    assert_eq!(snapshot.evaluate_all(&context).count(), 1);
    println!("  explain");
    let explanation = snapshot.explain("f", &context);
    println!("  show the explanation");
    let _ = write!(Nowhere, "{explanation}");
    println!("  show its inside");
    let _ = write!(Nowhere, "{explanation:?}");
    println!("  as JSON");
    let json = explanation.to_json();
    // Showing and dropping deep JSON is `serde_json`'s, and takes what it takes.
    let roomy = std::thread::Builder::new().stack_size(8 << 20);
    roomy.spawn(move || assert!(json.to_string().len() > 10)).unwrap().join().unwrap();
    println!("  replay");
    let _ = write!(Nowhere, "{:?}", explanation.replay());
    println!("  drop the explanation");
    drop(explanation);
    println!("  show the client");
    let _ = write!(Nowhere, "{client:?} {snapshot:?} {:?}", client.status());
    println!("  update");
    client.update("deep", format!("{text}\n"), format).unwrap();
}

fn refuse(text: String, format: Format) {
    for mode in [Mode::Lenient, Mode::Strict] {
        let built = Client::builder().watch(false).mode(mode).bytes("deep", text.clone(), format).build();
        let error = built.unwrap_err();
        let _ = write!(Nowhere, "{error} {error:?}");
        assert!(error.to_string().contains("error[too-deep]"), "{error}");
    }
}

/// Every operator that takes operands, inside of itself as deep as a rule may be.
#[test]
fn rules_as_deep_as_allowed_are_used_on_a_small_stack() {
    // The document, `flags`, the flag; the rule's last object.
    let room = DOCUMENT_DEPTH - 3 - 1;
    for (open, close) in [
        (r#"{"!":["#, "]}"),
        (r#"{"and":["#, "]}"),
        (r#"{"or":[false,"#, "]}"),
        (r#"{"if":["#, r#","on","off"]}"#),
        (r#"{"if":[true,"#, "]}"),
        (r#"{"if":[{"var":"x"},"#, "]}"),
        (r#"{"?:":[{"var":"x"},"#, r#","off"]}"#),
        (r#"{"==":["#, ",1]}"),
        (r#"{"cat":["#, r#","a"]}"#),
        (r#"{"merge":["#, ",1]}"),
        (r#"{"+":["#, ",1]}"),
        (r#"{"in":["#, ",[1]]}"),
        (r#"{"substr":["#, ",1]}"),
        (r#"{"sem_ver":["#, r#",">","1.0.0"]}"#),
        (r#"{"missing":["#, "]}"),
        (r#"{"missing_some":[1,["#, "]]}"),
        (r#"{"var":["#, ",1]}"),
        (r#"{"var":["x","#, "]}"),
        (r#"{"map":["#, r#",{"var":""}]}"#),
        (r#"{"map":[[1],"#, "]}"),
        (r#"{"filter":[[1],"#, "]}"),
        (r#"{"some":[[1],"#, "]}"),
        (r#"{"all":[{"var":"xs"},"#, "]}"),
        (r#"{"none":[[],"#, "]}"),
        (r#"{"reduce":[[1],"#, ",0]}"),
        (r#"{"reduce":[[1],{"var":"current"},"#, "]}"),
        (r#"{"fractional":["#, r#",["on",1]]}"#),
        (r#"{"fractional":[["on",1],["#, ",1]]}"),
        ("[", "]"),
        (r#"{"a":"#, "}"),
        (r#"{"a":1,"b":"#, "}"),
    ] {
        // Some put a level around the other, some two, one three.
        let per_level = open.matches(['[', '{']).count() - open.matches([']', '}']).count();
        let rule = nested(room / per_level, open, r#"{"var":"x"}"#, close);
        println!("{open}");
        on_a_small_stack(move || use_all_of(&file(&rule, ""), Json));
    }
}

#[test]
fn depth_in_every_other_place_is_used_on_a_small_stack() {
    // One level less than brackets of YAML may have, which is one less than those of JSON.
    let room = DOCUMENT_DEPTH - 2 - 2;
    let not = nested(room / 2, r#"{"!":["#, r#"{"var":"x"}"#, "]}");
    let lists = nested(VALUE_DEPTH, "[", "1", "]");
    let objects = nested(VALUE_DEPTH, r#"{"a":"#, "1", "}");
    let links = DOCUMENT_DEPTH - 6;
    let chain: String = (0..links).map(|at| format!(r#""e{at}":{{"$ref":"e{}"}},"#, at + 1)).collect();
    let files = [
        file(
            r#"{"if":[{"$ref":"e"},"on"]}"#,
            &format!(r#""e":{}"#, nested(room / 2 - 3, r#"{"!":["#, r#"{"var":"x"}"#, "]}")),
        ),
        file(r#"{"$ref":"e0"}"#, &format!(r#"{chain}"e{links}":{{"var":"x"}}"#)),
        file("null", &format!(r#""e":{not}"#)),
        format!(r#"{{"flags":{{"f":{{"variants":{{"on":{objects}}},"defaultVariant":"on"}}}}}}"#),
        format!(r#"{{"flags":{{"f":{{"variants":{{"on":{lists}}},"defaultVariant":"on"}}}}}}"#),
        format!(r#"{{"flags":{{"f":{{"variants":{{"on":1}},"metadata":{{"a":{lists},"b":{objects}}}}}}}}}"#),
        format!(r#"{{"flags":{{"f":{{}}}},"metadata":{{"a":{lists}}}}}"#),
    ];
    for text in files {
        for format in [Json, Yaml] {
            println!("{format:?} {}", &text[..100.min(text.len())]);
            let text = text.clone();
            on_a_small_stack(move || use_all_of(&text, format));
        }
    }
    // Block style, one column for each level.
    let block: String =
        (1..DOCUMENT_DEPTH - 2).fold("flags: {f: {}}\n$evaluators:\n".to_owned(), |mut text, level| {
            let _ = writeln!(text, "{}a:", " ".repeat(level));
            text
        });
    on_a_small_stack(move || use_all_of(&format!("{block}{} b: 1\n", " ".repeat(DOCUMENT_DEPTH - 2)), Yaml));
}

#[test]
fn depth_past_the_limit_is_refused_on_a_small_stack() {
    for levels in [DOCUMENT_DEPTH + 1, 10_000, 300_000] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"!":["#, "]}")] {
            let text = nested(levels, open, "1", close);
            for format in [Json, Yaml] {
                let (rule, metadata) =
                    (file(&text, ""), format!(r#"{{"flags":{{}},"metadata":{{"a":{text}}}}}"#));
                on_a_small_stack(move || {
                    refuse(rule, format);
                    refuse(metadata, format);
                });
            }
        }
    }
    for links in [DOCUMENT_DEPTH, 20_000] {
        let chain: String = (0..links).map(|at| format!(r#""e{at}":{{"$ref":"e{}"}},"#, at + 1)).collect();
        let text = file(r#"{"$ref":"e0"}"#, &format!(r#"{chain}"e{links}":{{"var":"x"}}"#));
        on_a_small_stack(move || refuse(text, Json));
    }
}

#[test]
fn values_and_contexts_as_deep_as_allowed_are_copied_compared_and_shown_on_a_small_stack() {
    on_a_small_stack(|| {
        let context = context();
        assert_eq!(context.fault(), None);
        let copy = context.clone().into_owned();
        let deep = context.get("deep").unwrap();
        assert_eq!(copy.get("deep"), Some(deep));
        let _ = write!(Nowhere, "{context:?} {deep} {deep:?}");
        let text = serde_json::to_string(deep).unwrap();
        assert_eq!(&serde_json::from_str::<Value<'_>>(&text).unwrap(), deep);
        drop((context, copy));
    });
}

#[test]
fn values_of_any_depth_are_refused_and_dropped_on_a_small_stack() {
    on_a_small_stack(|| {
        for levels in [VALUE_DEPTH, 10_000, 1_000_000] {
            let mut value = Value::from(1);
            for level in 0..levels {
                value = if level % 2 == 0 { Value::list([value]) } else { Value::structure([("a", value)]) };
            }
            let context = EvaluationContext::new("user").with("deep", value);
            assert!(context.fault().is_some(), "{levels}");
        }
    });
}
