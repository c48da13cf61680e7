//! The answer of one evaluation: value, variant, reason, error code, metadata.

use std::fmt;
use std::ops::Deref;

use crate::compile::{CompiledFlag, CompiledVariant};
use crate::context::ContextError;
use crate::selector::Selector;
use crate::value::{Structure, Value};

/// Why a flag gave what it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It has no targeting: everyone gets the default variant.
    Static,
    /// Its targeting picked nothing: the default variant, or the caller's own default where there is none.
    Default,
    /// Its targeting picked the variant.
    TargetingMatch,
    /// A share of the subjects gets the variant. Never given by flagd's rules, which say `TARGETING_MATCH`.
    Split,
    /// It is off duty: the caller's own default.
    Disabled,
    /// The answer comes from data that may be out of date.
    Stale,
    /// There is no answer: the caller's own default, and an error code.
    Error,
}

impl Reason {
    /// The reason as it is spelled on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Static => "STATIC",
            Reason::Default => "DEFAULT",
            Reason::TargetingMatch => "TARGETING_MATCH",
            Reason::Split => "SPLIT",
            Reason::Disabled => "DISABLED",
            Reason::Stale => "STALE",
            Reason::Error => "ERROR",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// No flag has this key.
    FlagNotFound,
    /// The flag's targeting cannot be applied.
    ParseError,
    /// The variant is of another type than was asked for.
    TypeMismatch,
    /// The targeting key is missing where one is needed. Never given by flagd's rules, which fall to the default.
    TargetingKeyMissing,
    /// The context cannot be evaluated; see [`ContextError`].
    InvalidContext,
    /// Anything else: a rule that names no variant, or one that does too much.
    General,
}

impl ErrorCode {
    /// The code as it is spelled on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::FlagNotFound => "FLAG_NOT_FOUND",
            ErrorCode::ParseError => "PARSE_ERROR",
            ErrorCode::TypeMismatch => "TYPE_MISMATCH",
            ErrorCode::TargetingKeyMissing => "TARGETING_KEY_MISSING",
            ErrorCode::InvalidContext => "INVALID_CONTEXT",
            ErrorCode::General => "GENERAL",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an evaluation came to, before anybody asks for a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// The variant by its place, also where its type is not the one asked for.
    pub(crate) variant: Option<u32>,
    pub(crate) reason: Reason,
    pub(crate) trouble: Option<Trouble>,
    /// Whether it may be another one a moment later, with the same flags and the same context.
    pub(crate) passing: bool,
}

/// Why there is no answer, as far as a message needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    NotFound,
    Rule,
    Type { asked: &'static str },
    Context(ContextError),
    UnknownVariant,
    Budget,
    Panic,
}

impl Trouble {
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Trouble::NotFound => ErrorCode::FlagNotFound,
            Trouble::Rule => ErrorCode::ParseError,
            Trouble::Type { .. } => ErrorCode::TypeMismatch,
            Trouble::Context(_) => ErrorCode::InvalidContext,
            Trouble::UnknownVariant | Trouble::Budget | Trouble::Panic => ErrorCode::General,
        }
    }

    /// The same in a sentence for people, about a flag and the value it would give.
    pub(crate) fn message(self, flag: &str, value: Option<&Value<'_>>) -> String {
        let text = match self {
            Trouble::NotFound => "there is no such flag".to_owned(),
            Trouble::Rule => format!("the targeting of flag `{flag}` cannot be applied"),
            Trouble::Type { asked } => {
                let found = value.map_or("nothing", type_name);
                format!("flag `{flag}` holds {found}; it was asked for as {asked}")
            }
            Trouble::Context(fault) => fault.to_string(),
            Trouble::UnknownVariant => {
                format!("the targeting of flag `{flag}` names a variant that it does not have")
            }
            Trouble::Budget => {
                format!("the targeting of flag `{flag}` takes too many steps for this context")
            }
            Trouble::Panic => {
                format!("evaluating flag `{flag}` failed inside of the library; this is a bug of ours")
            }
        };
        format!("{text} ({})", self.code())
    }
}

impl Resolution {
    pub(crate) const fn failed(trouble: Trouble) -> Self {
        Self { variant: None, reason: Reason::Error, trouble: Some(trouble), passing: false }
    }
}

/// A type that a flag can be asked for: `bool`, `i64`, `f64`, `str`, [`Structure`], or [`Value`] for any.
///
/// Sealed: the types are those of flag files.
pub trait FlagType: sealed::Sealed {
    /// How the value is handed out: texts, structures and values are borrowed.
    type Ref<'a>: Copy + fmt::Debug;

    /// What to call the type in a message, article included.
    const NAME: &'static str;

    /// The value of a variant, if it is of the type.
    fn of<'a>(value: &'a Value<'static>) -> Option<Self::Ref<'a>>;

    /// The same value for a shorter time.
    fn shorten<'b, 'a: 'b>(value: Self::Ref<'a>) -> Self::Ref<'b>;
}

pub(crate) mod sealed {
    pub trait Flags {}
    pub trait Sealed {}
    impl Sealed for bool {}
    impl Sealed for i64 {}
    impl Sealed for f64 {}
    impl Sealed for str {}
    impl Sealed for crate::value::Structure<'static> {}
    impl Sealed for crate::value::Value<'static> {}
}

macro_rules! copied_types {
    ($($type:ty, $name:literal, $of:expr;)*) => {$(
        impl FlagType for $type {
            type Ref<'a> = $type;
            const NAME: &'static str = $name;

            #[inline]
            fn of(value: &Value<'static>) -> Option<$type> {
                $of(value)
            }

            #[inline]
            fn shorten<'b, 'a: 'b>(value: $type) -> $type {
                value
            }
        }
    )*};
}

copied_types! {
    bool, "a boolean", Value::as_bool;
    f64, "a float", Value::as_f64;
    // Towards zero; beyond the range the nearest end of it.
    i64, "an integer", |value: &Value<'static>| value.as_f64().map(|number| number as i64);
}

macro_rules! borrowed_types {
    ($($type:ty, $name:literal, $of:expr;)*) => {$(
        impl FlagType for $type {
            type Ref<'a> = &'a $type;
            const NAME: &'static str = $name;

            #[inline]
            fn of<'a>(value: &'a Value<'static>) -> Option<&'a $type> {
                $of(value)
            }

            #[inline]
            fn shorten<'b, 'a: 'b>(value: &'a $type) -> &'b $type {
                value
            }
        }
    )*};
}

borrowed_types! {
    str, "a string", Value::as_str;
    Structure<'static>, "an object", Value::as_structure;
    Value<'static>, "a value", |value: &'a Value<'static>| (!value.is_null()).then_some(value);
}

/// Whatever an answer can look its flag up in: a snapshot.
pub trait Flags: sealed::Flags {
    #[doc(hidden)]
    fn flag_at(&self, row: u32) -> Option<&CompiledFlag>;
}

/// The answer of one evaluation.
///
/// Borrows the snapshot that was evaluated, or holds a guard of it: nothing is copied. `S` is a guard for
/// answers of a [`Client`](crate::Client), and a reference for those of a [`Reader`](crate::Reader) or a
/// [`Snapshot`](crate::Snapshot).
///
/// # Examples
///
/// ```
/// use flagcore::{Client, Reason};
///
/// let client = Client::from_json(r#"{"flags": {"checkout": {
///     "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
///     "metadata": {"owner": "payments"}
/// }}}"#)?;
/// let detail = client.bool_detail("checkout", "user-1", false);
/// assert_eq!((detail.value(), detail.variant(), detail.reason()), (true, Some("on"), Reason::Static));
/// assert_eq!(detail.metadata().get("owner").unwrap().as_str(), Some("payments"));
/// # Ok::<(), flagcore::Error>(())
/// ```
pub struct Detail<'d, T: FlagType + ?Sized, S> {
    pub(crate) default: T::Ref<'d>,
    pub(crate) resolution: Resolution,
    /// The flag's row in the snapshot; none for a flag that is not there.
    pub(crate) row: Option<u32>,
    pub(crate) snapshot: S,
    pub(crate) selector: Option<&'d Selector>,
}

impl<'d, T: FlagType + ?Sized, S: Deref<Target: Flags>> Detail<'d, T, S> {
    /// The value: the variant's, or the caller's default.
    #[inline]
    pub fn value(&self) -> T::Ref<'_> {
        let variant = if self.resolution.trouble.is_some() { None } else { self.resolved() };
        variant.and_then(|variant| T::of(&variant.value)).unwrap_or_else(|| T::shorten(self.default))
    }

    /// The name of the variant; none where the caller's default is given for want of one.
    ///
    /// Also told where the variant is of another type than was asked for.
    pub fn variant(&self) -> Option<&str> {
        self.resolved().map(|variant| &*variant.name)
    }

    /// Why this value.
    pub fn reason(&self) -> Reason {
        self.resolution.reason
    }

    /// Why there is no answer, if there is none.
    pub fn error_code(&self) -> Option<ErrorCode> {
        self.resolution.trouble.map(Trouble::code)
    }

    /// Why there is no answer, in a sentence for people.
    pub fn error_message(&self) -> Option<String> {
        let flag = self.flag().map_or("", |flag| &flag.key);
        let value = self.resolved().map(|variant| &variant.value);
        Some(self.resolution.trouble?.message(flag, value))
    }

    /// Whether the answer may be another one a moment later, with the same flags and the same context: the rule asked for
    /// the time (`$flagd.timestamp`). Whoever remembers answers remembers only the others.
    pub fn is_passing(&self) -> bool {
        self.resolution.passing
    }

    /// Facts about the flag and its set; for a flag that is not there, those of the selector alone.
    pub fn metadata(&self) -> Metadata<'_> {
        let own = self.flag().map_or(&[][..], |flag| &flag.facts.metadata);
        Metadata { own, selected: self.selector.and_then(Selector::metadata) }
    }

    fn flag(&self) -> Option<&CompiledFlag> {
        self.snapshot.flag_at(self.row?)
    }

    fn resolved(&self) -> Option<&CompiledVariant> {
        self.flag()?.variant(self.resolution.variant?)
    }
}

impl<T: FlagType + ?Sized, S: Deref<Target: Flags>> fmt::Debug for Detail<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detail")
            .field("value", &self.value())
            .field("variant", &self.variant())
            .field("reason", &self.reason())
            .field("error_code", &self.error_code())
            .field("metadata", &self.metadata())
            .finish()
    }
}

fn type_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.fract() == 0.0 => "an integer",
        Value::Number(_) => "a float",
        Value::String(_) => "a string",
        Value::List(_) => "a list",
        Value::Structure(_) => "an object",
    }
}

/// Facts about a flag and its set, sorted by name; the flag's own win over the selector's.
#[derive(Clone, Copy)]
pub struct Metadata<'a> {
    own: &'a [(Box<str>, Value<'static>)],
    selected: Option<(&'static str, &'a Value<'static>)>,
}

impl<'a> Metadata<'a> {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&'a Value<'static>> {
        match self.own.binary_search_by(|(known, _)| known.as_ref().cmp(name)) {
            Ok(at) => self.own.get(at).map(|(_, value)| value),
            Err(_) => self.selected.filter(|(known, _)| *known == name).map(|(_, value)| value),
        }
    }

    /// Names and values, the selector's first.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Value<'static>)> {
        let own = self.own;
        let hidden = move |name: &str| own.binary_search_by(|(known, _)| known.as_ref().cmp(name)).is_ok();
        let selected = self.selected.filter(move |(name, _)| !hidden(name));
        selected.into_iter().chain(own.iter().map(|(name, value)| (name.as_ref(), value)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.selected.is_none()
    }
}

impl fmt::Debug for Metadata<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
