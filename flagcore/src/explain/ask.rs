//! The questions that a snapshot and a view take.

use crate::compile::Plan;
use crate::context::ContextRef;
use crate::detail::{Resolution, Trouble};
use crate::limits::SHALLOW;
use crate::resolution::{on_a_deep_stack, resolve};
use crate::selector::Selector;
use crate::snapshot::{FlagKey, Snapshot, View};

use super::explanation::{Explanation, Kind};
use super::trace::traced;

impl Snapshot {
    /// Why a flag gives what it gives for a context. Allocates; for people and tools, not for every request.
    pub fn explain<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>) -> Explanation {
        self.explain_row(self.row_of(key), context.into(), None, || key.name(self))
    }

    /// The same as if it were evaluated at another time, in Unix seconds.
    pub fn explain_at<'c>(
        &self,
        key: impl FlagKey,
        context: impl Into<ContextRef<'c>>,
        unix_seconds: i64,
    ) -> Explanation {
        self.explain_row(self.row_of(key), context.into(), Some(unix_seconds), || key.name(self))
    }

    fn explain_row(
        &self,
        row: Option<u32>,
        context: ContextRef<'_>,
        at: Option<i64>,
        asked: impl FnOnce() -> String,
    ) -> Explanation {
        let Some(row) = row.and_then(|row| self.row(row)) else {
            return Explanation::missing(asked(), self.keys());
        };
        let layers = self.layers(&context);
        let place = self.file_of(row).map(|file| format!("{file}:{}", row.line));
        match &row.flag.plan {
            Plan::Targeted(program) if program.depth > SHALLOW => {
                let traced = on_a_deep_stack(|| traced(&row.flag, program, &layers, at));
                traced
                    .unwrap_or_else(|| {
                        Explanation::of(&row.flag, Kind::Targeted, Resolution::failed(Trouble::Budget))
                    })
                    .with_place(place)
            }
            Plan::Targeted(program) => traced(&row.flag, program, &layers, at).with_place(place),
            plan => {
                let kind = if *plan == Plan::Static { Kind::Static } else { Kind::Disabled };
                Explanation::of(&row.flag, kind, resolve(&row.flag, &layers)).with_place(place)
            }
        }
    }
}

impl View<'_> {
    /// Why a flag gives what it gives here; see [`Snapshot::explain`].
    pub fn explain<'c>(&self, key: &str, context: impl Into<ContextRef<'c>>) -> Explanation {
        self.snapshot().explain_row(self.row_of(key), context.into(), None, || key.to_owned())
    }

    /// What picks the flags of this view.
    pub fn selected_by(&self) -> &Selector {
        self.selector()
    }
}
