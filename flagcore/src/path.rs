//! Where in a context a rule looks: a dotted path, taken apart once.

use crate::number::{self, ParseFault};
use crate::value::Value;

/// One step of a path: a name in a structure, or a position in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The name.
    pub name: Box<str>,
    /// What the name is as a position; a name that is no number is position 0, as in the reference.
    pub index: i64,
}

impl Segment {
    /// A step of this name.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), index: position(name) }
    }
}

/// The position in a list that a name stands for.
pub fn position(name: &str) -> i64 {
    number::to_index(match number::parse(name) {
        Ok(x) | Err(ParseFault::Range(x)) => x,
        Err(ParseFault::Syntax) => 0.0,
    })
}

/// The names of a dotted path; empty ones are skipped: `.a`, `a.` and `a` are the same path.
pub fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|name| !name.is_empty())
}

/// One step into a value: `None` where nothing, or null, is there.
pub fn step<'v, 'a>(value: &'v Value<'a>, name: &str, index: impl FnOnce() -> i64) -> Option<&'v Value<'a>> {
    let inner = match value {
        Value::Structure(structure) => structure.get(name),
        Value::List(list) => usize::try_from(index()).ok().and_then(|index| list.get(index)),
        _ => None,
    };
    inner.filter(|value| !value.is_null())
}

/// All steps of `rest` into a value.
pub fn walk<'v, 'a>(value: &'v Value<'a>, rest: &[Segment]) -> Option<&'v Value<'a>> {
    rest.iter().try_fold(value, |value, segment| step(value, &segment.name, || segment.index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_walk_structures_and_lists() {
        let value: Value = serde_json::from_str(r#"{"a":{"b":[10,{"c":20}]},"n":null}"#).unwrap();
        let at = |path: &str| {
            let segments: Vec<Segment> = names(path).map(Segment::new).collect();
            walk(&value, &segments).map(ToString::to_string)
        };
        for (path, found) in [
            ("a.b.0", Some("10")),
            ("a.b.1.c", Some("20")),
            ("..a...b.1e0.c.", Some("20")),
            // A name that is no number is the first position.
            ("a.b.length", Some("10")),
            ("a.b.-1", None),
            ("a.b.2", None),
            ("a.b.inf", None),
            ("a.b.0.x", None),
            ("n", None),
            ("a.x.b", None),
        ] {
            assert_eq!(at(path).as_deref(), found, "{path}");
        }
    }
}
