//! Random pairs of answers of which every difference is known.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::difference::DifferenceKind;
use super::rules::Rules;
use super::tree::{Tree, TreeLimits};

/// What is expected or found: how often each kind stands at each pointer.
type Found = BTreeMap<(String, DifferenceKind), u32>;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

/// Makes answers and edits them. Each made scalar is unlike all others, so that an edit has one explanation.
struct Editor {
    random: Random,
    made: u64,
    expected: Found,
}

impl Editor {
    fn scalar(&mut self) -> Json {
        self.made += 1;
        let made = self.made;
        match self.random.below(5) {
            0 => json!(made),
            1 => json!(-(made as i64)),
            2 => json!(made as f64 + 0.5),
            3 => json!(format!("text \"{made}\" ä/~")),
            _ => json!(u64::MAX - made),
        }
    }

    fn value(&mut self, levels: usize) -> Json {
        match self.random.below(if levels == 0 { 3 } else { 8 }) {
            0 => json!(self.random.one_in(2)),
            1 if self.random.one_in(3) => Json::Null,
            1 | 2 => self.scalar(),
            3 | 4 => self.list(levels - 1),
            _ => self.map(levels - 1),
        }
    }

    fn map(&mut self, levels: usize) -> Json {
        let members = (0..self.random.below(6)).map(|member| (format!("m{member}/~"), self.value(levels)));
        Json::Object(members.collect())
    }

    /// Items that can be told apart.
    fn list(&mut self, levels: usize) -> Json {
        let objects = self.random.one_in(2);
        Json::Array((0..self.random.below(7)).map(|_| self.item(levels, objects)).collect())
    }

    fn item(&mut self, levels: usize, object: bool) -> Json {
        if !object {
            return self.scalar();
        }
        let mut item = Map::new();
        for name in ["id", "title", "price"] {
            item.insert(name.to_owned(), self.scalar());
        }
        item.insert("rest".to_owned(), self.map(levels));
        Json::Object(item)
    }

    fn expect(&mut self, pointer: &str, kind: DifferenceKind) {
        *self.expected.entry((pointer.to_owned(), kind)).or_default() += 1;
    }

    /// Edits a value, or something inside of it, or nothing.
    fn edit(&mut self, value: &mut Json, pointer: &str) {
        if self.random.one_in(8) {
            return self.replace(value, pointer);
        }
        match value {
            Json::Object(members) => self.edit_map(members, pointer),
            Json::Array(items) => self.edit_list(items, pointer),
            _ => {}
        }
    }

    fn replace(&mut self, value: &mut Json, pointer: &str) {
        let kind = match value {
            Json::Bool(value) => {
                *value = !*value;
                DifferenceKind::Value
            }
            Json::Number(_) if self.random.one_in(2) => {
                self.made += 1;
                *value = json!(self.made);
                DifferenceKind::Value
            }
            Json::String(text) if self.random.one_in(2) => {
                text.push('!');
                DifferenceKind::Value
            }
            Json::Null | Json::Array(_) => {
                *value = json!({ "new": self.made });
                DifferenceKind::Type
            }
            _ => {
                *value = Json::Null;
                DifferenceKind::Type
            }
        };
        self.expect(pointer, kind);
    }

    fn edit_map(&mut self, members: &mut Map<String, Json>, pointer: &str) {
        for name in members.keys().cloned().collect::<Vec<_>>() {
            let inner = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            if self.random.one_in(10) {
                members.remove(&name);
                self.expect(&inner, DifferenceKind::Missing);
            } else {
                self.edit(&mut members[&name], &inner);
            }
        }
        if self.random.one_in(8) {
            let name = format!("added{}", self.random.below(3));
            members.insert(name.clone(), self.value(1));
            self.expect(&format!("{pointer}/{name}"), DifferenceKind::Extra);
        }
    }

    /// Either items are edited where they stand, or taken out, put in or moved; in the latter case others may get
    /// another value.
    fn edit_list(&mut self, items: &mut Vec<Json>, pointer: &str) {
        let inner = format!("{pointer}/*");
        match self.random.below(6) {
            0 => {
                self.edit_prices(items, &inner);
                let added = self.item(1, items.first().is_some_and(Json::is_object));
                items.insert(self.random.below(items.len() + 1), added);
                self.expect(pointer, DifferenceKind::Length);
            }
            1 if !items.is_empty() => {
                for _ in 0..=self.random.below(items.len()) {
                    items.remove(self.random.below(items.len()));
                }
                self.expect(pointer, DifferenceKind::Length);
                self.edit_prices(items, &inner);
            }
            2 if items.len() > 1 => {
                let one = self.random.below(items.len() - 1);
                let other = one + 1 + self.random.below(items.len() - one - 1);
                items.swap(one, other);
                self.expect(pointer, DifferenceKind::Order);
            }
            _ => items.iter_mut().for_each(|item| self.edit(item, &inner)),
        }
    }

    /// Other prices in items that stay recognisable.
    fn edit_prices(&mut self, items: &mut [Json], pointer: &str) {
        for item in items.iter_mut().filter(|item| item["price"].is_number()) {
            if self.random.one_in(3) {
                self.made += 1;
                item["price"] = json!(self.made);
                self.expect(&format!("{pointer}/price"), DifferenceKind::Value);
            }
        }
    }
}

/// JSON with its members in a random order.
fn shuffled(value: &Json, random: &mut Random) -> String {
    match value {
        Json::Object(members) => {
            let mut texts: Vec<String> = Vec::new();
            for (name, value) in members {
                let text = format!("{}: {}", Json::from(name.as_str()), shuffled(value, random));
                texts.insert(random.below(texts.len() + 1), text);
            }
            format!("{{{}}}", texts.join(", "))
        }
        Json::Array(items) => {
            let texts: Vec<String> = items.iter().map(|item| shuffled(item, random)).collect();
            format!("[{}]", texts.join(","))
        }
        scalar => scalar.to_string(),
    }
}

fn found(rules: &Rules, control: &str, candidate: &str) -> (Found, u32) {
    let differences = rules.compare_json(control.as_bytes(), candidate.as_bytes()).unwrap();
    assert!(!differences.is_partial() && differences.more() == 0, "{differences:?}\n{control}");
    let mut found = Found::new();
    for difference in differences.list() {
        let name = (difference.pointer.to_string(), difference.kind);
        assert!(found.insert(name, difference.places).is_none(), "{difference:?} stands twice");
    }
    (found, differences.ignored())
}

#[test]
fn every_edit_of_ten_thousand_pairs_is_found_once_and_nothing_else() {
    let (mut edits, mut with_edits, mut bytes) = (0, 0, 0);
    let mut kinds: BTreeMap<DifferenceKind, u32> = BTreeMap::new();
    for pair in 0..10_000 {
        let mut editor = Editor { random: Random(pair), made: 1_000, expected: Found::new() };
        let control = editor.map(4);
        let mut candidate = control.clone();
        editor.edit(&mut candidate, "");
        let control = shuffled(&control, &mut editor.random);
        let candidate = shuffled(&candidate, &mut editor.random);
        let rules = Rules::default().with_tolerance(if pair % 2 == 0 { 0.0 } else { 1e-9 });
        let (found, _) = found(&rules, &control, &candidate);
        assert_eq!(found, editor.expected, "pair {pair}\n{control}\n{candidate}");
        bytes += control.len() + candidate.len();
        edits += editor.expected.values().sum::<u32>();
        with_edits += u32::from(!editor.expected.is_empty());
        for ((_, kind), places) in editor.expected {
            *kinds.entry(kind).or_default() += places;
        }
    }
    // Enough of everything was tried.
    assert!(with_edits > 4_000 && with_edits < 9_900, "{with_edits}");
    assert!(edits > 20_000 && bytes > 2_000_000, "{edits} {bytes}");
    assert!(kinds.len() == 6 && kinds.values().all(|edits| *edits > 300), "{kinds:?}");
}

#[test]
fn an_answer_never_differs_from_itself_in_another_order_of_members() {
    for pair in 0..2_000 {
        let mut editor = Editor { random: Random(pair ^ 77), made: 0, expected: Found::new() };
        let value = editor.map(4);
        let one = shuffled(&value, &mut editor.random);
        let other = shuffled(&value, &mut editor.random);
        assert_eq!(found(&Rules::default(), &one, &other), (Found::new(), 0), "{one}\n{other}");
    }
}

#[test]
fn a_multiset_counts_items_and_not_their_places() {
    let rules = Rules::default().with_unordered("/set").unwrap().with_ignored("/set/*/at").unwrap();
    for seed in 0..2_000 {
        let mut editor = Editor { random: Random(seed), made: 100, expected: Found::new() };
        let mut items: Vec<Json> = (0..2 + editor.random.below(8))
            .map(|at| json!({ "id": editor.made + at as u64 / 2, "name": editor.scalar(), "at": at }))
            .collect();
        let control = json!({ "set": items }).to_string();
        for item in &mut items {
            item["at"] = json!(editor.random.next());
        }
        let surplus = editor.random.below(3);
        match editor.random.below(3) {
            0 => {
                for _ in 0..surplus {
                    items.pop();
                    editor.expect("/set/*", DifferenceKind::Missing);
                }
            }
            1 => {
                for extra in 0..surplus {
                    items.push(json!({ "id": extra }));
                    editor.expect("/set/*", DifferenceKind::Extra);
                }
            }
            _ => {
                let edited = editor.random.below(items.len());
                let was_text = items[edited]["name"].is_string();
                items[edited]["name"] = json!("another");
                let kind = if was_text { DifferenceKind::Value } else { DifferenceKind::Type };
                editor.expect("/set/*/name", kind);
            }
        }
        for end in (1..items.len()).rev() {
            items.swap(end, editor.random.below(end + 1));
        }
        let candidate = json!({ "set": items }).to_string();
        let (found, _) = found(&rules, &control, &candidate);
        assert_eq!(found, editor.expected, "{control}\n{candidate}");
    }
}

fn check(rules: &Rules, control: Json, candidate: Json, expected: &[(&str, DifferenceKind, u32)]) {
    let (found, _) = found(rules, &control.to_string(), &candidate.to_string());
    let expected: Found =
        expected.iter().map(|(pointer, kind, places)| (((*pointer).to_owned(), *kind), *places)).collect();
    assert_eq!(found, expected, "{control} {candidate}");
}

#[test]
fn numbers_are_compared_as_what_they_are() {
    use DifferenceKind::Value;
    let exact = Rules::default();
    check(&exact, json!(1), json!(1.0), &[]);
    check(&exact, json!(0.0), json!(-0.0), &[]);
    check(&exact, json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64), &[("", Value, 1)]);
    check(&exact, json!(0.1), json!(0.100_000_1), &[("", Value, 1)]);
    let near = Rules::default().with_tolerance(1e-6);
    check(&near, json!(0.1), json!(0.100_000_1), &[]);
    check(&near, json!(1e9), json!(1e9 + 900.5), &[]);
    check(&near, json!(1e9), json!(1e9 + 1_100.5), &[("", Value, 1)]);
    // Whole numbers are ids as often as not.
    check(&near, json!(1_000_000_000), json!(1_000_000_001), &[("", Value, 1)]);
    check(&Rules::default().with_tolerance(f64::NAN), json!(1.5), json!(1.6), &[("", Value, 1)]);
    let not_a_number = exact.compare_values(&f64::NAN, &f64::NAN).unwrap();
    assert!(not_a_number.is_match());
    assert!(!near.compare_values(&f64::INFINITY, &1.0).unwrap().is_match());
}

#[test]
fn what_is_ignored_is_counted_and_changes_nothing() {
    let rules = Rules::default().with_ignored("/took_ms").unwrap().with_ignored("/hits/*/score").unwrap();
    let (found, ignored) = found(
        &rules,
        r#"{"took_ms": 1, "hits": [{"score": 1}, {"score": [2]}, {"score": 3}, {}]}"#,
        r#"{"took_ms": 2, "hits": [{"score": 1}, {"score": [3]}, {}, {"score": 4}]}"#,
    );
    assert_eq!((found, ignored), (Found::new(), 4));
}

#[test]
fn a_field_that_differs_everywhere_is_one_difference_with_many_places() {
    use DifferenceKind::{Length, Value};
    let prices =
        |add: u32| (0..500).map(|item| json!({ "id": item, "price": item * 2 + add })).collect::<Vec<_>>();
    check(&Rules::default(), json!(prices(0)), json!(prices(1)), &[("/*/price", Value, 500)]);
    check(&Rules::default(), json!(prices(0)), json!(&prices(0)[1..]), &[("", Length, 1)]);
}

#[test]
fn nothing_redacted_is_shown_whatever_differs() {
    let rules = ["/user/email", "/tokens/*", "/deep"]
        .into_iter()
        .fold(Rules::default(), |rules, pointer| rules.with_redacted(pointer).unwrap());
    let rules = rules.with_redacted("/owners/0").unwrap();
    for (control, candidate) in [
        // What stands at a redacted index on one side is compared with what does not on the other.
        (json!({ "owners": ["b", "c"] }), json!({ "owners": ["canary", "b"] })),
        (json!({ "owners": ["canary", "b", "c"] }), json!({ "owners": ["b", "d"] })),
        (json!({ "user": { "email": "canary" } }), json!({ "user": { "email": "canary2" } })),
        (json!({ "user": { "email": "canary" } }), json!({ "user": {} })),
        (json!({ "user": { "email": "canary" } }), json!({})),
        (json!({}), json!({ "user": { "email": ["canary"] } })),
        (json!({ "tokens": { "canary": 1 } }), json!({ "tokens": { "canary": 2, "canary2": 3 } })),
        (json!({ "tokens": { "canary": 1 } }), json!([])),
        (
            json!({ "deep": { "canary": { "canary": ["canary"] } } }),
            json!({ "deep": { "canary": { "canary": [] } } }),
        ),
        (
            json!({ "deep": [{ "canary": 1 }, { "canary": 2 }] }),
            json!({ "deep": [{ "canary": 2 }, { "canary": 1 }] }),
        ),
    ] {
        let differences = rules.compare_values(&control, &candidate).unwrap();
        assert!(!differences.is_match());
        assert!(!format!("{differences:?}").contains("canary"), "{differences:?}");
    }
}

#[test]
fn hostile_answers_cost_no_more_than_their_size() {
    let limits = TreeLimits::default();
    // Lists in lists, all items of one hash, all different, all moved.
    let nested = |leaf: u64| (0..100).fold(json!([leaf]), |inner, _| json!([inner, leaf]));
    let many =
        |first: u64, step: u64| Json::from((0..30_000).map(|item| first + item * step).collect::<Vec<_>>());
    let floats = |add: f64| Json::from((0..30_000).map(|item| f64::from(item) + add).collect::<Vec<_>>());
    let mut reversed = many(0, 1);
    reversed.as_array_mut().unwrap().reverse();
    let rules = Rules::default().with_tolerance(1e-9).with_unordered("/set").unwrap();
    let start = std::time::Instant::now();
    for (control, candidate) in [
        (nested(1), nested(2)),
        (many(0, 1), many(50_000, 1)),
        (many(0, 1), reversed),
        (floats(0.25), floats(0.5)),
        (json!({ "set": floats(0.25) }), json!({ "set": floats(0.5) })),
        (json!({ "set": nested(1) }), json!({ "set": nested(2) })),
    ] {
        let differences = rules.compare_values(&control, &candidate).unwrap();
        assert!(!differences.is_match());
    }
    // Even unoptimised; what grows with the square would take minutes.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    let empty = Tree::from_json(b"[]", limits).unwrap();
    assert!(Rules::default().compare_trees(&empty, &Tree::default()).list().len() == 1);
}
