//! Every flag for a context.

use crate::context::ContextRef;
use crate::detail::{Detail, FlagType};
use crate::selector::Selector;
use crate::value::Value;

use super::state::{Snapshot, mismatch};

impl Snapshot {
    /// Every flag for a context, sorted by flag set and key.
    ///
    /// Each is asked for as the type of its default variant, as in the reference: a targeted variant of another
    /// type is a `TYPE_MISMATCH`. One list of keys and one evaluation per flag; no allocation.
    pub fn evaluate_all<'s>(
        &'s self,
        context: impl Into<ContextRef<'s>>,
    ) -> impl Iterator<Item = (&'s str, Detail<'s, Value<'static>, &'s Snapshot>)> {
        let context = context.into();
        self.winners().map(move |number| self.evaluate_row(number, context, None))
    }

    pub(super) fn evaluate_row<'s>(
        &'s self,
        number: u32,
        context: ContextRef<'s>,
        selector: Option<&'s Selector>,
    ) -> (&'s str, Detail<'s, Value<'static>, &'s Snapshot>) {
        let (row, mut resolution) = self.resolve_as::<Value<'static>>(Some(number), context);
        let flag = self.row(number).map(|row| &row.flag);
        if let Some(flag) = flag
            && resolution.trouble.is_none()
            && let (Some(given), Some(default)) = (resolution.variant, flag.default_variant)
            && let (Some(given), Some(default)) = (flag.variant(given), flag.variant(default))
            && let Some(asked) = bulk_type(&default.value)
            && bulk_type(&given.value) != Some(asked)
        {
            resolution = mismatch(resolution, asked);
        }
        let key = flag.map_or("", |flag| &*flag.key);
        (key, Detail { default: &Value::Null, resolution, row, snapshot: self, selector })
    }
}

/// What a flag is asked for as when all are asked for; none for any type.
fn bulk_type(default: &Value<'_>) -> Option<&'static str> {
    match default {
        Value::Bool(_) => Some(<bool as FlagType>::NAME),
        Value::Number(_) => Some(<f64 as FlagType>::NAME),
        Value::String(_) => Some(<str as FlagType>::NAME),
        Value::Structure(_) => Some(<crate::value::Structure<'static> as FlagType>::NAME),
        Value::Null | Value::List(_) => None,
    }
}
