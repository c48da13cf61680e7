//! An error as it is compared: its class, and its text.

use std::any::Any;
use std::fmt::{self, Debug, Display, Write};

use super::members::serialize_members;
use crate::text::Printable;

/// An error of the control or the candidate.
///
/// The class says what kind of error it is: by default the name of its type and, of an enum, of its variant. It is
/// what errors are compared by, as texts often hold times, ids and addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    class: Box<str>,
    text: Box<str>,
}

serialize_members! {
    Failure { class, text }
}

impl Failure {
    /// What is kept of an error. Its text is cut after 240 bytes, however long it would be.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagcore::shadow::compare::Failure;
    ///
    /// #[derive(Debug)]
    /// enum SearchError { TimedOut { after_ms: u32 } }
    /// # impl std::fmt::Display for SearchError {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    /// #         let SearchError::TimedOut { after_ms } = self;
    /// #         write!(f, "no answer after {after_ms} ms")
    /// #     }
    /// # }
    /// # impl std::error::Error for SearchError {}
    /// let one = Failure::of(&SearchError::TimedOut { after_ms: 250 });
    /// let other = Failure::of(&SearchError::TimedOut { after_ms: 251 });
    /// assert_eq!((one.class(), one.text()), ("SearchError::TimedOut", "no answer after 250 ms"));
    /// assert!(one.is_of_class(&other) && one != other);
    /// ```
    pub fn of<E: Debug + Display + 'static>(error: &E) -> Self {
        if let Some(failure) = (error as &dyn Any).downcast_ref::<Failure>() {
            return failure.clone();
        }
        // The name alone, without the modules that it stands in; what it is generic over has names of its own.
        let name = std::any::type_name::<E>();
        let plain = name.split('<').next().unwrap_or(name);
        let mut class = plain.rsplit("::").next().unwrap_or(plain).to_owned();
        let debug = cut(format_args!("{error:?}"), MOST_NAME);
        if let Some(variant) = variant(&debug).filter(|variant| *variant != class) {
            class.push_str("::");
            class.push_str(variant);
        }
        Self { class: class.into(), text: cut(format_args!("{error}"), MOST_TEXT).into() }
    }

    /// An error of a class of the caller's own, such as a status code.
    pub fn with_class(class: &str, text: &str) -> Self {
        Self {
            class: cut(format_args!("{class}"), MOST_NAME).into(),
            text: cut(format_args!("{text}"), MOST_TEXT).into(),
        }
    }

    /// What kind of error it is.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// What it says, at most some 240 bytes of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a text rather than an error with a type of its own.
    pub(super) fn is_text(&self) -> bool {
        ["String", "str", "&str"].contains(&&*self.class)
    }

    /// Whether another error is of the same class.
    pub fn is_of_class(&self, other: &Failure) -> bool {
        self.class == other.class
    }

    /// Its class and its text, to keep.
    pub fn into_parts(self) -> (Box<str>, Box<str>) {
        (self.class, self.text)
    }
}

/// For people: the class, and what it says.
impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&self.class))?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", Printable(&self.text)) }
    }
}

/// The variant that the debug form of an enum begins with. A text that only happens to begin with a word is none:
/// a class must never hold a part of what an error says.
fn variant(debug: &str) -> Option<&str> {
    let end = debug.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(debug.len());
    let (name, rest) = debug.split_at_checked(end)?;
    let is_form = rest.is_empty() || rest.starts_with('(') || rest.starts_with(" {");
    (name.starts_with(|letter: char| letter.is_ascii_uppercase()) && is_form).then_some(name)
}

/// Writes no more than is kept.
fn cut(text: fmt::Arguments<'_>, most: usize) -> String {
    struct Cut(String, usize);
    impl Write for Cut {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let room = self.1.saturating_sub(self.0.len());
            if part.len() <= room {
                self.0.push_str(part);
                return Ok(());
            }
            let end = (0..=room).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
            self.0.push_str(part.get(..end).unwrap_or_default());
            self.0.push('…');
            Err(fmt::Error)
        }
    }
    let mut kept = Cut(String::new(), most);
    // What does not fit ends the writing with an error.
    let _ = kept.write_fmt(text);
    kept.0
}

/// Bytes of a class.
const MOST_NAME: usize = 120;

/// Bytes of a text.
const MOST_TEXT: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Broken;
    impl Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("broken")
        }
    }

    #[test]
    fn a_class_is_a_type_and_a_variant_and_nothing_of_the_text() {
        for (class, failure) in [
            ("Broken", Failure::of(&Broken)),
            ("ParseIntError", Failure::of(&"x".parse::<u8>().unwrap_err())),
            ("String", Failure::of(&"Alice (admin) is gone".to_owned())),
            ("&str", Failure::of(&"Alice")),
            ("502", Failure::of(&Failure::with_class("502", "bad gateway"))),
            ("502", Failure::with_class("502", "bad gateway")),
        ] {
            assert_eq!(failure.class(), class);
        }
        assert_eq!(variant("Alice not found"), None);
        assert_eq!(variant("Io(Os { code: 2 })"), Some("Io"));
        assert_eq!(variant("Timeout { after: 2 }"), Some("Timeout"));
    }

    #[test]
    fn a_giant_text_is_never_made() {
        struct Giant;
        impl Debug for Giant {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("more ")?;
                }
            }
        }
        impl Display for Giant {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Debug::fmt(self, f)
            }
        }
        let failure = Failure::of(&Giant);
        assert!(failure.text().len() < 250 && failure.text().ends_with('…'));
    }
}
