//! A reload compiles only what changed: a flag that stays is the very same one.

use std::sync::Arc;

use flagcore::compile::{CompileOptions, CompiledSet, compile};
use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::Format;
use flagcore::parse;

fn compiled(format: Format, text: &str, previous: Option<&CompiledSet>) -> CompiledSet {
    let mut report = Report::new("flags".into(), Mode::Lenient);
    let set = parse::flag_set("flags".into(), text.as_bytes(), format, &Limits::default(), &mut report);
    compile(&set.unwrap(), &CompileOptions::default(), previous, &mut report)
}

/// The keys of the flags that are not the same allocation as before.
#[track_caller]
fn check(format: Format, before: &str, after: &str, anew: &[&str]) {
    let before = compiled(format, before, None);
    let after = compiled(format, after, Some(&before));
    let is_same = |entry: &flagcore::compile::CompiledEntry| {
        before.flags.iter().any(|earlier| Arc::ptr_eq(&earlier.flag, &entry.flag))
    };
    let found: Vec<&str> =
        after.flags.iter().filter(|entry| !is_same(entry)).map(|it| &*it.flag.key).collect();
    assert_eq!(found, anew);
}

/// Five hundred flags with rules, one of which has another number.
fn five_hundred(changed: usize, number: usize) -> String {
    let flag = |at: usize| {
        let limit = if at == changed { number } else { at };
        format!(
            r#""flag-{at}": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off",
            "targeting": {{"if": [{{"and": [{{"$ref": "staff"}}, {{">": [{{"var": "age"}}, {limit}]}}]}}, "on"]}}}}"#
        )
    };
    let flags: Vec<String> = (0..500).map(flag).collect();
    format!(
        r#"{{"$evaluators": {{"staff": {{"ends_with": [{{"var": "email"}}, "@example.com"]}}}}, "flags": {{{}}}}}"#,
        flags.join(",\n")
    )
}

#[test]
fn of_five_hundred_flags_the_changed_one_is_compiled_anew() {
    check(Format::Json, &five_hundred(250, 1), &five_hundred(250, 2), &["flag-250"]);
}

#[test]
fn nothing_is_compiled_anew_where_nothing_changed() {
    check(Format::Json, &five_hundred(0, 0), &five_hundred(0, 0), &[]);
    // Moved down by lines in front, and reformatted.
    check(Format::Json, &five_hundred(0, 0), &format!("\n\n\n{}", five_hundred(0, 0)), &[]);
    check(Format::Json, &five_hundred(0, 0), &five_hundred(0, 0).replace(", ", " , "), &[]);
}

#[test]
fn an_evaluator_is_compiled_anew_with_the_flags_that_use_it() {
    let text = |number| {
        format!(
            r#"{{"$evaluators": {{"e": {{"==": [{{"var": "x"}}, {number}]}}}}, "flags": {{
            "uses": {{"state": "ENABLED", "variants": {{"a": 1}}, "targeting": {{"if": [{{"$ref": "e"}}, "a"]}}}},
            "not": {{"state": "ENABLED", "variants": {{"a": 1}}, "targeting": {{"if": [{{"var": "e"}}, "a"]}}}}}}}}"#
        )
    };
    check(Format::Json, &text(1), &text(2), &["uses"]);
}

#[test]
fn an_added_flag_is_the_only_new_one() {
    let text =
        |more: &str| format!("flags:\n  a: {{variants: {{x: 1}}}}\n{more}  b: {{variants: {{x: 2}}}}\n");
    check(Format::Yaml, &text(""), &text("  new: {variants: {x: 3}}\n"), &["new"]);
    check(Format::Yaml, &text("  new: {variants: {x: 3}}\n"), &text(""), &[]);
}

#[test]
fn a_chain_of_twenty_reloads_keeps_the_flags_of_the_first() {
    let first = compiled(Format::Json, &five_hundred(0, 0), None);
    let mut last = compiled(Format::Json, &five_hundred(0, 1), Some(&first));
    for number in 2..20 {
        last = compiled(Format::Json, &five_hundred(0, number), Some(&last));
    }
    let kept = first.flags.iter().zip(&last.flags).filter(|(a, b)| Arc::ptr_eq(&a.flag, &b.flag)).count();
    assert_eq!(kept, 499);
}
