//! What listeners hear: exact keys, in order, and nothing that makes anybody wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flagcore::Client;
use flagcore::change::FlagChange::{self, Added, Removed, Updated};
use flagcore::change::Update;
use flagcore::model::Format;

use crate::common::files::{Folder, PATIENCE, Watched, flags_named, one};

/// The keys that change from one text to another.
#[track_caller]
fn check(before: &str, after: &str, expected: &[(&str, FlagChange)]) {
    check_in(Format::Json, before, after, expected);
}

#[track_caller]
fn check_in(format: Format, before: &str, after: &str, expected: &[(&str, FlagChange)]) {
    let client = Client::builder().bytes("flags", before, format).build().unwrap();
    let updates = client.updates();
    client.update("flags", after, format).unwrap();
    let Some(Update::Changed(change)) = updates.try_next() else { panic!("no change") };
    assert_eq!(change.flags(), expected);
    // And what it is said to be is what is served.
    assert_eq!((change.before().revision(), change.after().revision()), (1, 2));
    assert_eq!(client.snapshot().revision(), 2);
    for (key, what) in change.flags() {
        assert_eq!(change.before().contains(key), what != Added, "{key}");
        assert_eq!(change.after().contains(key), what != Removed, "{key}");
    }
}

const ON: &str = r#"{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}"#;

fn flag(body: &str) -> String {
    format!(r#"{{"flags": {{"kept": {ON}, "a": {body}}}}}"#)
}

#[test]
fn a_flag_is_added() {
    check(&format!(r#"{{"flags": {{"kept": {ON}}}}}"#), &flag(ON), &[("a", Added)]);
}

#[test]
fn a_flag_is_removed() {
    check(&flag(ON), &format!(r#"{{"flags": {{"kept": {ON}}}}}"#), &[("a", Removed)]);
}

#[test]
fn a_flag_is_renamed() {
    let text = |key| format!(r#"{{"flags": {{"{key}": {ON}}}}}"#);
    check(&text("old"), &text("new"), &[("new", Added), ("old", Removed)]);
}

#[test]
fn anything_about_a_flag_is_a_change_of_it() {
    let changes = [
        r#"{"state": "DISABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}"#,
        r#"{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}"#,
        r#"{"state": "ENABLED", "variants": {"on": true, "off": false}}"#,
        r#"{"state": "ENABLED", "variants": {"on": true, "off": true}, "defaultVariant": "on"}"#,
        r#"{"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}"#,
        r#"{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
            "targeting": {"if": [true, "off"]}}"#,
        r#"{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
            "metadata": {"team": "core"}}"#,
    ];
    for change in changes {
        check(&flag(ON), &flag(change), &[("a", Updated)]);
        check(&flag(change), &flag(ON), &[("a", Updated)]);
    }
}

#[test]
fn a_rule_that_differs_in_one_number_is_a_change() {
    let rule = |number| {
        let targeting = format!(r#"{{"if": [{{">": [{{"var": "age"}}, {number}]}}, "on", "off"]}}"#);
        flag(&format!(
            r#"{{"state": "ENABLED", "variants": {{"on": 1, "off": 0}}, "defaultVariant": "on", "targeting": {targeting}}}"#
        ))
    };
    check(&rule(17), &rule(18), &[("a", Updated)]);
}

#[test]
fn what_is_only_written_differently_did_not_change() {
    let spaced = flag(ON).replace('{', "{\n  ").replace(',', " ,\t");
    let reordered =
        flag(r#"{"defaultVariant": "on", "variants": {"off": false, "on": true}, "state": "ENABLED"}"#);
    let escaped = flag(ON).replace("\"on\"", "\"\\u006fn\"");
    let state = flag(ON).replace(r#""state": "ENABLED", "#, "");
    let other_order = format!(r#"{{"flags": {{"a": {ON}, "kept": {ON}}}}}"#);
    let schema = flag(ON).replacen('{', r#"{"$schema": "https://flagd.dev/schema/v0/flags.json", "#, 1);
    let unused = flag(ON).replacen('{', r#"{"$evaluators": {"e": {"==": [1, 1]}}, "#, 1);
    for text in [spaced, reordered, escaped, state, other_order, schema, unused] {
        check(&flag(ON), &text, &[]);
    }
}

#[test]
fn a_rule_that_is_only_written_differently_did_not_change() {
    let rule = |text: &str| {
        flag(&format!(
            r#"{{"state": "ENABLED", "variants": {{"on": 1, "off": 0}}, "defaultVariant": "on", "targeting": {text}}}"#
        ))
    };
    let rule = (
        rule(r#"{"if": [{"==": [{"var": "plan"}, "pro"]}, "on", "off"]}"#),
        rule("{\n\"if\":[ {\"==\":[{\"var\":\"plan\"},\"pro\"]},\n\"on\",\"off\" ] }"),
    );
    check(&rule.0, &rule.1, &[]);
}

#[test]
fn an_evaluator_changes_the_flags_that_use_it_and_no_others() {
    let text = |inner: &str, other: &str| {
        let using = |name: &str| {
            format!(
                r#"{{"state": "ENABLED", "variants": {{"on": 1, "off": 0}}, "defaultVariant": "off",
                    "targeting": {{"if": [{{"$ref": "{name}"}}, "on"]}}}}"#
            )
        };
        format!(
            r#"{{"$evaluators": {{"inner": {inner}, "outer": {{"!": [{{"$ref": "inner"}}]}}, "other": {other}}},
                "flags": {{"direct": {}, "through": {}, "another": {}, "none": {ON}}}}}"#,
            using("inner"),
            using("outer"),
            using("other"),
        )
    };
    let (one, two) = (r#"{"==": [{"var": "x"}, 1]}"#, r#"{"==": [{"var": "x"}, 2]}"#);
    check(&text(one, one), &text(two, one), &[("direct", Updated), ("through", Updated)]);
    check(&text(one, one), &text(one, two), &[("another", Updated)]);
    check(&text(one, one), &text(&one.replace(' ', ""), one), &[]);
}

/// A flag that refers to an evaluator somewhere else than in its rule.
#[track_caller]
fn check_reference(file: impl Fn(&str) -> String) {
    check(&file("1"), &file("2"), &[("a", Updated)]);
    check(&file("1"), &format!("{} ", file("1")), &[]);
}

#[test]
fn metadata_that_reads_alike_without_its_quotes_is_other_metadata() {
    let file = |metadata: &str| format!(r#"{{"metadata": {metadata}, "flags": {{"a": {ON}}}}}"#);
    check(&file(r#"{"v1": 2}"#), &file(r#"{"v": 12}"#), &[("a", Updated)]);
}

#[test]
fn an_evaluator_changes_the_variant_that_refers_to_it() {
    check_reference(|value| {
        format!(
            r#"{{"$evaluators": {{"e": {{"v": {value}}}}}, "flags": {{
                "a": {{"state": "ENABLED", "variants": {{"v": {{"$ref": "e"}}}}, "defaultVariant": "v"}}, "kept": {ON}}}}}"#
        )
    });
    // Through another, and deep inside of a value.
    check_reference(|value| {
        format!(
            r#"{{"$evaluators": {{"e": {{"v": {value}}}, "f": {{"e": [{{"$ref": "e"}}]}}}}, "flags": {{
                "a": {{"state": "ENABLED", "variants": {{"v": {{"x": [1, {{"$ref": "f"}}]}}}}, "defaultVariant": "v"}}, "kept": {ON}}}}}"#
        )
    });
}

#[test]
fn an_evaluator_changes_the_metadata_that_refers_to_it() {
    check_reference(|value| {
        format!(
            r#"{{"$evaluators": {{"e": {{"v": {value}}}}}, "flags": {{
                "a": {{"state": "ENABLED", "variants": {{"v": 1}}, "defaultVariant": "v", "metadata": {{"m": {{"$ref": "e"}}}}}},
                "kept": {ON}}}}}"#
        )
    });
}

#[test]
fn an_evaluator_changes_the_flag_whose_parts_are_references() {
    check_reference(|value| {
        format!(
            r#"{{"$evaluators": {{"e": {{"v": {value}}}}}, "flags": {{
                "a": {{"state": "ENABLED", "variants": {{"$ref": "e"}}, "defaultVariant": "v"}}, "kept": {ON}}}}}"#
        )
    });
    check_reference(|value| {
        format!(
            r#"{{"$evaluators": {{"e": {{"state": "ENABLED", "variants": {{"v": {value}}}, "defaultVariant": "v"}}}},
                "flags": {{"a": {{"$ref": "e"}}, "kept": {ON}}}}}"#
        )
    });
}

#[test]
fn an_evaluator_changes_the_metadata_of_the_set_that_refers_to_it() {
    let file = |value: &str| {
        format!(
            r#"{{"$evaluators": {{"e": {{"v": {value}}}}}, "metadata": {{"m": {{"$ref": "e"}}}}, "flags": {{"a": {ON}, "b": {ON}}}}}"#
        )
    };
    check(&file("1"), &file("2"), &[("a", Updated), ("b", Updated)]);
}

#[test]
fn a_loop_of_evaluators_that_is_opened_far_away_changes_the_flag() {
    let file = |last: &str| {
        format!(
            r#"{{"$evaluators": {{"e": {{"!": [{{"$ref": "f"}}]}}, "f": {{"!": [{{"$ref": "g"}}]}}, "g": {last}}},
                "flags": {{"a": {{"state": "ENABLED", "variants": {{"on": 1, "off": 0}}, "defaultVariant": "off",
                "targeting": {{"if": [{{"$ref": "e"}}, "on"]}}}}, "kept": {ON}}}}}"#
        )
    };
    check(&file(r#"{"$ref": "e"}"#), &file("true"), &[("a", Updated)]);
}

#[test]
fn metadata_of_the_set_is_a_change_of_each_flag_that_inherits_it() {
    let text = |set: &str| {
        let own = ON.replace("}}", "}, \"metadata\": {\"team\": \"mine\"}}");
        let own = own.replace(
            r#""defaultVariant": "on"}"#,
            r#""defaultVariant": "on", "metadata": {"team": "mine"}}"#,
        );
        format!(r#"{{"metadata": {{"team": "{set}"}}, "flags": {{"a": {ON}, "own": {own}}}}}"#)
    };
    check(&text("core"), &text("edge"), &[("a", Updated)]);
}

#[test]
fn an_alias_in_yaml_changes_the_flags_that_use_it() {
    let text = |value| {
        format!(
            "flags:\n  a: &a\n    state: ENABLED\n    variants: &v {{on: {value}}}\n    defaultVariant: 'on'\n  \
             b:\n    state: ENABLED\n    variants: *v\n    defaultVariant: 'on'\n  \
             c: {{state: ENABLED, variants: {{x: 1}}, defaultVariant: x}}\n"
        )
    };
    check_in(Format::Yaml, &text(1), &text(2), &[("a", Updated), ("b", Updated)]);
}

#[test]
fn a_pinned_bucketing_changes_only_flags_that_split() {
    let text = |generation: &str| {
        let split = r#"{"state": "ENABLED", "variants": {"x": 1, "y": 2}, "defaultVariant": "x",
            "targeting": {"fractional": [["x", 50], ["y", 50]]}}"#;
        format!(r#"{{"bucketing": "{generation}", "flags": {{"split": {split}, "plain": {ON}}}}}"#)
    };
    check(&text("v2"), &text("v3"), &[("split", Updated)]);
}

#[test]
fn json_to_yaml_with_the_same_flags_changes_nothing() {
    let client = Client::builder()
        .bytes("flags", flags_named(Format::Json, ["a", "b"], 1), Format::Json)
        .build()
        .unwrap();
    let updates = client.updates();
    client.update("flags", flags_named(Format::Yaml, ["a", "b"], 1), Format::Yaml).unwrap();
    let Some(Update::Changed(change)) = updates.try_next() else { panic!("no change") };
    assert_eq!(change.flags(), []);
}

#[test]
fn listeners_of_the_builder_hear_of_the_first_publication() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let inside = heard.clone();
    let client = Client::builder()
        .bytes("flags", flags_named(Format::Json, ["b", "a"], 1), Format::Json)
        .on_update(move |update| {
            let Update::Changed(change) = update else { panic!("{update:?}") };
            let keys =
                change.flags().iter().map(|(key, what)| ((*key).to_owned(), *what)).collect::<Vec<_>>();
            inside.lock().unwrap().push(keys);
        })
        .build()
        .unwrap();
    assert_eq!(*heard.lock().unwrap(), [[("a".to_owned(), Added), ("b".to_owned(), Added)]]);
    assert!(client.updates().try_next().is_none());
}

#[test]
fn listeners_hear_in_the_order_in_which_they_were_added() {
    let client = Client::builder().bytes("flags", one("a.json", 1), Format::Json).build().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    for number in 0..3 {
        let heard = heard.clone();
        client.on_update(move |_| heard.lock().unwrap().push(number));
    }
    client.update("flags", one("a.json", 2), Format::Json).unwrap();
    client.update("flags", "{", Format::Json).unwrap_err();
    assert_eq!(*heard.lock().unwrap(), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_slow_listener_delays_no_evaluation_and_loses_nothing() {
    let folder = Folder::with("flags.json", one("flags.json", 0));
    let (entered, inside) = channel();
    let (go, gone) = channel::<()>();
    let mut first = true;
    let watched = Watched::unmixed(Client::builder().path(folder.path("flags.json")));
    watched.client.on_update(move |_| {
        if std::mem::take(&mut first) {
            entered.send(()).unwrap();
            gone.recv_timeout(PATIENCE).unwrap();
        }
    });
    folder.rename_into_place("flags.json", one("flags.json", 1));
    inside.recv_timeout(PATIENCE).unwrap();
    // The listener is inside of the update that it is told of, which is served already.
    assert_eq!(watched.value(), 1);
    let mut reader = watched.client.reader();
    for value in 2..=500 {
        folder.rename_into_place("flags.json", one("flags.json", value));
        assert_eq!(reader.snapshot().integer("flag-0", "", -1), 1);
    }
    go.send(()).unwrap();
    watched.serves(500);
}

#[test]
fn a_slow_listener_delays_no_status_which_tells_what_it_is_told_of() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let (entered, inside) = channel();
    let (go, gone) = channel::<()>();
    let watched = Watched::open(folder.path("flags.json"));
    watched.client.on_update(move |update| {
        entered.send(name_of(update).split_whitespace().rev().take(3).collect::<Vec<_>>().join(" ")).unwrap();
        gone.recv_timeout(PATIENCE).unwrap();
    });
    let asked = || {
        let (client, (asked, told)) = (watched.client.clone(), channel());
        std::thread::spawn(move || asked.send((client.is_ready(), client.status())));
        told.recv_timeout(PATIENCE).expect("the status waits for nobody")
    };
    for (text, what, revision, refused) in [
        (one("flags.json", 2), "2 to changed", 2, false),
        ("{".to_owned(), "2 at refused", 2, true),
        (one("flags.json", 2), "2 at recovered", 2, false),
        (one("flags.json", 3), "3 to changed", 3, false),
    ] {
        folder.rename_into_place("flags.json", text);
        assert_eq!(inside.recv_timeout(PATIENCE).unwrap(), what);
        let (is_ready, mut all) = asked();
        let status = all.remove(0);
        assert!(is_ready);
        assert_eq!(status.served.unwrap().revision, revision, "{what}");
        assert_eq!(status.refused.is_some(), refused, "{what}");
        go.send(()).unwrap();
    }
}

#[test]
fn a_listener_that_panics_stops_neither_the_watching_nor_the_others() {
    let folder = Folder::with("flags.json", one("flags.json", 0));
    let watched = Watched::open(folder.path("flags.json"));
    watched.client.on_update(|_| std::panic::panic_any("a listener panics"));
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = heard.clone();
    watched.client.on_update(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    for value in 1..=5 {
        folder.rename_into_place("flags.json", one("flags.json", value));
        watched.serves(value);
    }
    folder.rename_into_place("flags.json", "{");
    watched.refuses("syntax");
    watched.until("the last listener heard of all", |_| heard.load(Ordering::SeqCst) == 6);
}

#[test]
fn a_listener_may_evaluate_and_sees_what_it_is_told_of() {
    let folder = Folder::with("flags.json", one("flags.json", 0));
    let watched = Watched::open(folder.path("flags.json"));
    let (told, seen) = channel();
    let client = Arc::new(Mutex::new(Some(watched.client.clone())));
    let inside = client.clone();
    watched.client.on_update(move |update| {
        let Update::Changed(change) = update else { return };
        let Some(client) = &*inside.lock().unwrap() else { return };
        let revisions = (client.snapshot().revision(), change.after().revision());
        let flag = client.flag("flag-0");
        told.send((client.integer(flag, "", -1), revisions, client.snapshots_alive() >= 1)).unwrap();
    });
    folder.rename_into_place("flags.json", one("flags.json", 1));
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), (1, (2, 2), true));
    // A listener that keeps its client would keep it for ever.
    client.lock().unwrap().take();
}

#[test]
fn changes_that_nobody_took_become_one() {
    let text = |keys: &[&str], value| flags_named(Format::Json, keys.iter().copied(), value);
    let client = Client::builder().bytes("flags", text(&["a", "b", "c"], 1), Format::Json).build().unwrap();
    let updates = client.updates();
    client.update("flags", text(&["a", "b", "d"], 1), Format::Json).unwrap();
    client.update("flags", text(&["a", "e"], 2), Format::Json).unwrap();
    client.update("flags", text(&["a", "b"], 1), Format::Json).unwrap();
    let Some(Update::Changed(change)) = updates.try_next() else { panic!("no change") };
    assert_eq!((change.before().revision(), change.after().revision()), (1, 4));
    // What came and went, and what changed and changed back, is nothing.
    assert_eq!(change.flags(), [("c", Removed)]);
    assert!(updates.try_next().is_none());
}

#[test]
fn of_refusals_that_nobody_took_the_latest_of_each_source_is_kept() {
    let client = Client::builder()
        .bytes("one", one("a.json", 1), Format::Json)
        .bytes("two", one("a.json", 1), Format::Json)
        .build()
        .unwrap();
    let updates = client.updates();
    for (name, bytes) in [("one", "{"), ("two", "["), ("one", "[]"), ("one", "")] {
        client.update(name, bytes, Format::Json).unwrap_err();
    }
    let told: Vec<(String, String)> = std::iter::from_fn(|| updates.try_next())
        .map(|update| match update {
            Update::Refused { source, findings, .. } => (source, findings.diagnostics[0].code().to_owned()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [("two", "syntax"), ("one", "empty-file")];
    assert_eq!(told, expected.map(|(name, code)| (name.to_owned(), code.to_owned())));
}

/// What a listener of the names of updates hears.
fn name_of(update: &Update) -> String {
    match update {
        Update::Changed(change) => format!("changed to {}", change.after().revision()),
        Update::Refused { source, serving, .. } => format!("{source} refused at {serving}"),
        Update::Held { source, .. } => format!("{source} held"),
        Update::Recovered { source, serving } => format!("{source} recovered at {serving}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_source_that_is_again_what_is_served_is_told_once() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let path = folder.path("flags.json");
    let name = path.display().to_string();
    let client = Client::builder().path(&path).watch(false).build().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let inside = heard.clone();
    client.on_update(move |update| inside.lock().unwrap().push(name_of(update)));
    // Without a thread that watches, everything is heard when it is asked for.
    let holds = |bytes: &str, expected: &[&str]| {
        folder.rename_into_place("flags.json", bytes);
        client.refresh();
        client.refresh();
        let expected: Vec<String> = expected.iter().map(|what| what.replace("flags", &name)).collect();
        assert_eq!(std::mem::take(&mut *heard.lock().unwrap()), expected, "{bytes}");
        assert_eq!(client.status()[0].refused.is_some(), !bytes.contains("variants"));
    };
    let (good, other) = (one("flags.json", 1), one("flags.json", 2));
    holds(&good, &[]);
    holds("{", &["flags refused at 1"]);
    holds(&good, &["flags recovered at 1"]);
    // What was not told of needs no end.
    holds(&good, &[]);
    holds("{", &["flags refused at 1"]);
    holds("[", &["flags refused at 1"]);
    holds(&good, &["flags recovered at 1"]);
    // Something new says by itself that all is well.
    holds("{", &["flags refused at 1"]);
    holds(&other, &["changed to 2"]);
    holds(&other, &[]);
    // A content that is held back, and one that cannot be read.
    holds(r#"{"flags": {}, "$comment": "variants"}"#, &["flags held"]);
    holds(&other, &["flags recovered at 2"]);
    folder.remove("flags.json");
    client.refresh();
    assert_eq!(std::mem::take(&mut *heard.lock().unwrap()), [format!("{name} refused at 2")]);
    holds(&other, &["flags recovered at 2"]);
}

#[test]
fn recoveries_that_nobody_took_stand_for_what_they_ended() {
    let folder = Folder::with("one.json", one("one.json", 1));
    folder.write("two.json", flags_named(Format::Json, ["other"], 1));
    let paths = [folder.path("one.json"), folder.path("two.json")];
    let client = Client::builder().path(&paths[0]).path(&paths[1]).watch(false).build().unwrap();
    let updates = client.updates();
    let told = || std::iter::from_fn(|| updates.try_next()).map(|it| name_of(&it)).collect::<Vec<_>>();
    let holds = |at: usize, bytes: String| {
        folder.rename_into_place(["one.json", "two.json"][at], bytes);
        client.refresh();
    };
    let name = |at: usize| paths[at].display();
    holds(0, "{".to_owned());
    holds(1, "{".to_owned());
    holds(0, one("one.json", 1));
    assert_eq!(told(), [format!("{} refused at 1", name(1)), format!("{} recovered at 1", name(0))]);
    holds(1, flags_named(Format::Json, ["other"], 1));
    holds(0, one("one.json", 2));
    holds(1, "{".to_owned());
    assert_eq!(told(), ["changed to 2".to_owned(), format!("{} refused at 2", name(1))]);
}

#[test]
fn updates_come_in_the_order_in_which_they_happened_last() {
    let client = Client::builder()
        .bytes("one", one("a.json", 1), Format::Json)
        .bytes("two", flags_named(Format::Json, ["other"], 1), Format::Json)
        .build()
        .unwrap();
    let updates = client.updates();
    let told = || {
        let all = std::iter::from_fn(|| updates.try_next());
        let what = all.map(|update| match update {
            Update::Changed(change) => format!("changed to {}", change.after().revision()),
            Update::Refused { source, serving, .. } => format!("{source} refused at {serving}"),
            other => panic!("{other:?}"),
        });
        what.collect::<Vec<_>>()
    };
    client.update("one", one("a.json", 2), Format::Json).unwrap();
    client.update("one", "{", Format::Json).unwrap_err();
    // Whoever goes by the last of them knows that something is wrong.
    assert_eq!(told(), ["changed to 2", "one refused at 2"]);
    client.update("one", "[", Format::Json).unwrap_err();
    client.update("two", "[", Format::Json).unwrap_err();
    client.update("one", one("a.json", 3), Format::Json).unwrap();
    assert_eq!(told(), ["one refused at 2", "two refused at 2", "changed to 3"]);
    client.update("one", one("a.json", 4), Format::Json).unwrap();
    client.update("two", "{", Format::Json).unwrap_err();
    client.update("one", one("a.json", 5), Format::Json).unwrap();
    assert_eq!(told(), ["two refused at 4", "changed to 5"]);
}

#[test]
fn updates_may_be_shared_and_each_is_taken_once() {
    let client = Client::builder().bytes("flags", one("a.json", 1), Format::Json).build().unwrap();
    let (first, second) = (client.updates(), client.updates());
    let shared = first.clone();
    client.update("flags", one("a.json", 2), Format::Json).unwrap();
    assert!(first.try_next().is_some());
    assert!(shared.try_next().is_none());
    assert!(second.try_next().is_some());
}

#[test]
fn waiting_for_updates_ends_when_the_client_is_gone() {
    let folder = Folder::with("flags.json", one("flags.json", 1));
    let client = Client::open(folder.path("flags.json")).unwrap();
    let updates = client.updates();
    let waiting = std::thread::spawn(move || updates.next_within(Duration::from_secs(3_600)).is_none());
    drop(client);
    assert!(waiting.join().unwrap());
}

#[test]
fn updates_that_came_before_the_client_was_gone_can_still_be_taken() {
    let client = Client::builder().bytes("flags", one("a.json", 1), Format::Json).build().unwrap();
    let updates = client.updates();
    client.update("flags", one("a.json", 2), Format::Json).unwrap();
    drop(client);
    let Some(Update::Changed(change)) = updates.next_within(PATIENCE) else { panic!("no change") };
    assert_eq!(change.after().integer("flag-0", "", -1), 2);
    assert!(updates.next_within(PATIENCE).is_none());
}
