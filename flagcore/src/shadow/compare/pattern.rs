//! Which places of an answer are ignored, unordered or redacted: JSON pointers in which `*` stands for any one step.
//!
//! All pointers are one tree of steps. Who walks an answer carries the states that its path has reached, so that a
//! step costs the pointers that are still in question, which is nearly always none.

use std::fmt;
use std::io::Write;
use std::ops::Range;

/// What a pointer says of a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) ignored: bool,
    pub(super) unordered: bool,
    pub(super) redacted: bool,
    /// The name that led here is redacted too: the pointer does not say it.
    pub(super) name_redacted: bool,
}

/// A pointer that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerError {
    pointer: Box<str>,
}

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = crate::text::Printable(&self.pointer);
        write!(f, "`{pointer}` is not a JSON pointer; write for example `/items/*/price`")
    }
}

impl std::error::Error for PointerError {}

/// One step of a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'s> {
    Name(&'s [u8]),
    Index(usize),
    /// To an item of the control that is compared with one of the candidate: what is said of either is said of both.
    Pair(usize, usize),
}

/// The pointers, by their steps.
#[derive(Clone, Debug)]
pub(super) struct Patterns {
    states: Vec<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    named: Vec<(Box<str>, u32)>,
    any: Option<u32>,
    marks: Marks,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { states: vec![State::default()] }
    }
}

impl Patterns {
    /// The state before the first step.
    pub(super) const START: u32 = 0;

    /// Whether nothing is said of any place.
    pub(super) fn is_empty(&self) -> bool {
        self.states.len() == 1 && self.states.first().is_none_or(|state| state.marks == Marks::default())
    }

    /// Marks the places of a pointer; `mark` changes what is said of them.
    pub(super) fn mark(&mut self, pointer: &str, mark: impl FnOnce(&mut Marks)) -> Result<(), PointerError> {
        let refused = || PointerError { pointer: crate::text::excerpt(pointer).into() };
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(refused());
        }
        let mut at = Self::START;
        for step in pointer.split('/').skip(1) {
            let name = unescaped(step).ok_or_else(refused)?;
            at = self.child(at, &name);
        }
        let last_is_any = pointer.ends_with("/*");
        if let Some(state) = self.states.get_mut(at as usize) {
            mark(&mut state.marks);
            state.marks.name_redacted = state.marks.redacted && last_is_any;
        }
        Ok(())
    }

    fn child(&mut self, at: u32, name: &str) -> u32 {
        let new = self.states.len() as u32;
        let Some(state) = self.states.get_mut(at as usize) else { return at };
        let known = if name == "*" {
            *state.any.get_or_insert(new)
        } else if let Some((_, known)) = state.named.iter().find(|(known, _)| **known == *name) {
            *known
        } else {
            state.named.push((name.into(), new));
            new
        };
        if known == new {
            self.states.push(State::default());
        }
        known
    }

    /// Appends the states that are reached by a step from those in `from`; says which they are.
    pub(super) fn advance(&self, reached: &mut Vec<u32>, from: Range<usize>, step: Step<'_>) -> Range<usize> {
        let start = reached.len();
        for at in from {
            let Some(state) = reached.get(at).and_then(|state| self.states.get(*state as usize)) else {
                continue;
            };
            let named = state.named.iter().find(|(name, _)| step.is(name));
            reached.extend(named.map(|(_, next)| *next));
            reached.extend(state.any);
        }
        start..reached.len()
    }

    /// What is said of the place that some states stand for.
    pub(super) fn marks(&self, states: &[u32]) -> Marks {
        let known = states.iter().filter_map(|state| self.states.get(*state as usize));
        known.fold(Marks::default(), |all, state| Marks {
            ignored: all.ignored || state.marks.ignored,
            unordered: all.unordered || state.marks.unordered,
            redacted: all.redacted || state.marks.redacted,
            name_redacted: all.name_redacted || state.marks.name_redacted,
        })
    }
}

impl Step<'_> {
    fn is(self, name: &str) -> bool {
        match self {
            Step::Name(bytes) => bytes == name.as_bytes(),
            Step::Index(index) => is_index(name, index),
            Step::Pair(one, other) => is_index(name, one) || is_index(name, other),
        }
    }
}

fn is_index(name: &str, index: usize) -> bool {
    let mut digits = [0; 20];
    let mut rest = digits.as_mut_slice();
    // Twenty digits are enough for any index.
    let _ = write!(rest, "{index}");
    let unused = rest.len();
    digits.get(..digits.len() - unused) == Some(name.as_bytes())
}

/// A step with `~1` and `~0` as what they stand for; `None` where another letter follows `~`.
fn unescaped(step: &str) -> Option<String> {
    let mut name = String::with_capacity(step.len());
    let mut letters = step.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '~' => name.push(match letters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            }),
            letter => name.push(letter),
        }
    }
    Some(name)
}

/// Writes a name as a step of a pointer.
pub(super) fn push_step(pointer: &mut String, name: &str) {
    pointer.push('/');
    for letter in name.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            letter => pointer.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(patterns: &Patterns, path: &[Step<'_>]) -> Marks {
        let mut states = vec![Patterns::START];
        let mut at = 0..1;
        for step in path {
            at = patterns.advance(&mut states, at, *step);
        }
        patterns.marks(&states[at])
    }

    #[test]
    fn a_star_stands_for_one_step() {
        let mut patterns = Patterns::default();
        assert!(patterns.is_empty());
        for pointer in ["/took_ms", "/hits/*/score", "/hits/0", "/a~1b/~0"] {
            patterns.mark(pointer, |marks| marks.ignored = true).unwrap();
        }
        assert!(!patterns.is_empty());
        let name = |name: &'static str| Step::Name(name.as_bytes());
        for (path, ignored) in [
            (&[name("took_ms")][..], true),
            (&[name("took")], false),
            (&[name("hits")], false),
            (&[name("hits"), Step::Index(0)], true),
            (&[name("hits"), Step::Index(10)], false),
            (&[name("hits"), Step::Index(10), name("score")], true),
            (&[name("hits"), name("x"), name("score")], true),
            (&[name("hits"), Step::Index(1), name("x"), name("score")], false),
            (&[name("a/b"), name("~")], true),
        ] {
            assert_eq!(reached(&patterns, path).ignored, ignored, "{path:?}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused_with_an_example() {
        for pointer in ["took_ms", "/a~", "/a~2", "$.a"] {
            let error = Patterns::default().mark(pointer, |_| {}).unwrap_err();
            let told = format!("`{pointer}` is not a JSON pointer; write for example `/items/*/price`");
            assert_eq!(error.to_string(), told);
        }
        assert!(Patterns::default().mark("", |_| {}).is_ok());
    }
}
