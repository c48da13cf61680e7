//! What an answer tells, in one form for both sides.

use std::fmt;
use std::ops::Deref;

use flagcore::Value;
use flagcore::detail::{Detail, FlagType, Flags};

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Whether the value is a flag's, and not the caller's own.
    pub(crate) is_given: bool,
    pub(crate) value: Value<'static>,
    pub(crate) variant: Option<String>,
    pub(crate) reason: String,
    pub(crate) code: Option<String>,
    pub(crate) metadata: Value<'static>,
    /// Of its members, in their order.
    pub(crate) names: Vec<String>,
    pub(crate) message: Option<String>,
    pub(crate) is_passing: bool,
}

impl Told {
    /// What a detail of the Rust API tells.
    pub(crate) fn of<T, S>(
        detail: &Detail<'_, T, S>,
        owned: impl for<'a> Fn(T::Ref<'a>) -> Value<'static>,
    ) -> Self
    where
        T: FlagType + ?Sized,
        S: Deref<Target: Flags>,
    {
        let metadata = detail.metadata();
        let members = metadata.iter().map(|(name, value)| (name.to_owned(), value.clone()));
        Self {
            is_given: detail.error_code().is_none() && detail.variant().is_some(),
            value: owned(detail.value()),
            variant: detail.variant().map(str::to_owned),
            reason: detail.reason().as_str().to_owned(),
            code: detail.error_code().map(|code| code.as_str().to_owned()),
            metadata: Value::structure(members),
            names: metadata.iter().map(|(name, _)| name.to_owned()).collect(),
            message: detail.error_message().map(|message| message.to_string()),
            is_passing: detail.is_passing(),
        }
    }

    /// The members that the reference's record has: those that there are.
    pub(crate) fn recorded(&self) -> Value<'static> {
        let mut answer = Vec::new();
        if self.is_given {
            answer.push(("value", self.value.clone()));
        }
        // The reference's record leaves an empty name out.
        if let Some(variant) = self.variant.as_ref().filter(|variant| !variant.is_empty()) {
            answer.push(("variant", variant.clone().into()));
        }
        answer.push(("reason", self.reason.clone().into()));
        if let Some(code) = &self.code {
            answer.push(("errorCode", code.clone().into()));
        }
        answer.push(("metadata", self.metadata.clone()));
        Value::structure(answer)
    }

    /// The same as the reference's wire tells it among all flags: of an error only its code, and no other for a wrong type.
    pub(crate) fn recorded_among_all(&self) -> Value<'static> {
        let Some(code) = self.code.as_deref() else { return self.recorded() };
        let code = if code == "TYPE_MISMATCH" { "GENERAL" } else { code };
        let members = [("errorCode", Value::from(code.to_owned())), ("metadata", self.metadata.clone())];
        Value::structure(members)
    }

    /// The same as the library's JSON tells it.
    pub(crate) fn in_json(&self, key: &str) -> Value<'static> {
        let mut answer = vec![("key", Value::from(key.to_owned()))];
        if self.is_given {
            answer.push(("value", self.value.clone()));
        }
        if let Some(variant) = &self.variant {
            answer.push(("variant", variant.clone().into()));
        }
        answer.push(("reason", self.reason.clone().into()));
        if let Some(code) = &self.code {
            answer.push(("errorCode", code.clone().into()));
        }
        if let Some(message) = &self.message {
            answer.push(("errorDetails", message.clone().into()));
        }
        answer.push(("metadata", self.metadata.clone()));
        Value::structure(answer)
    }
}

/// As a text, which tells apart all that differs: `-0` from `0`, `1` from `"1"`.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_given, value, variant, reason, code, metadata, names, message, is_passing } = self;
        write!(f, "{value} ({is_given}) {variant:?} {reason} {code:?} {metadata} {names:?}")?;
        write!(f, " {message:?} {is_passing}")
    }
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}
