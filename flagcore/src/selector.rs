//! Which flags a view shows: a flag set, or a source.

use std::fmt;

use crate::parse::flag_file::FLAG_SET_ID;
use crate::value::Value;

/// Picks the flags of one flag set or of one source.
///
/// Written as the reference writes it: `flagSetId=<id>`, `source=<name>`, or a bare source name. The text is
/// cut at its first `=`, so an id may hold `=` and `,`.
///
/// # Examples
///
/// ```
/// use flagcore::Selector;
///
/// let selector: Selector = "flagSetId=checkout".parse()?;
/// assert_eq!(selector.to_string(), "flagSetId=checkout");
/// assert!("team=a".parse::<Selector>().is_err());
/// # Ok::<(), flagcore::selector::InvalidSelector>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    wanted: Wanted,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Wanted {
    /// Every flag.
    #[default]
    All,
    /// The flags without a flag set.
    Unnamed,
    /// A flag set, by its id.
    FlagSet(Value<'static>),
    /// A source, by its name.
    Source(Value<'static>),
}

impl Selector {
    /// The flags of a set; an empty id is the unnamed one.
    pub fn flag_set(id: &str) -> Self {
        let wanted =
            if id.is_empty() { Wanted::Unnamed } else { Wanted::FlagSet(Value::from(id.to_owned())) };
        Self { wanted }
    }

    /// The flags of a source.
    pub fn source(name: &str) -> Self {
        Self { wanted: Wanted::Source(Value::from(name.to_owned())) }
    }

    /// Whether it picks every flag.
    pub fn is_empty(&self) -> bool {
        self.wanted == Wanted::All
    }

    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// What it adds to the metadata of answers: a name and the id or source that it picks, if it picks one.
    pub fn metadata(&self) -> Option<(&'static str, &Value<'static>)> {
        match &self.wanted {
            Wanted::All | Wanted::Unnamed => None,
            Wanted::FlagSet(id) => Some((FLAG_SET_ID, id)),
            // An empty name picks nothing and is not told.
            Wanted::Source(name) => (name.as_str() != Some("")).then_some((SOURCE, name)),
        }
    }
}

const SOURCE: &str = "source";

impl std::str::FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        match text.split_once('=') {
            None if text.is_empty() => Ok(Self::default()),
            None => Ok(Self::source(text)),
            Some((FLAG_SET_ID, id)) => Ok(Self::flag_set(id)),
            Some((SOURCE, name)) => Ok(Self::source(name)),
            Some((key, _)) => Err(InvalidSelector { key: key.to_owned() }),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wanted {
            Wanted::All => Ok(()),
            Wanted::Unnamed => write!(f, "{FLAG_SET_ID}="),
            Wanted::FlagSet(id) => write!(f, "{FLAG_SET_ID}={}", id.as_str().unwrap_or("")),
            Wanted::Source(name) => write!(f, "{SOURCE}={}", name.as_str().unwrap_or("")),
        }
    }
}

/// A text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSelector {
    key: String,
}

impl fmt::Display for InvalidSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid selector key {:?}, valid keys: {FLAG_SET_ID:?}, {SOURCE:?}", self.key)
    }
}

impl std::error::Error for InvalidSelector {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_read_as_the_reference_reads_them() {
        for (text, wanted) in [
            ("", Selector::default()),
            ("flags/a.json", Selector::source("flags/a.json")),
            ("source=flags/a.json", Selector::source("flags/a.json")),
            ("source=", Selector::source("")),
            ("flagSetId=a", Selector::flag_set("a")),
            ("flagSetId=a,source=b", Selector::flag_set("a,source=b")),
            ("flagSetId=", Selector::flag_set("")),
        ] {
            assert_eq!(text.parse::<Selector>(), Ok(wanted));
        }
        let error = "foo=x".parse::<Selector>().unwrap_err();
        assert_eq!(error.to_string(), r#"invalid selector key "foo", valid keys: "flagSetId", "source""#);
    }
}
