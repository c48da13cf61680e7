//! The answers of all flags: one crossing for all of them, and one snapshot that they come from.

use std::ffi::c_char;
use std::sync::Arc;

use flagcore::Snapshot;

use crate::boundary::{Failure, Outcome, give, room};
use crate::context::known;
use crate::handle::{self, Handle, change, look, objects};
use crate::reader::{Reader, Selected};
use crate::resolution::{Seen, filled, word};
use crate::shown::Shown;
use crate::status::Status;
use crate::text::{Text, read};
use crate::value::{CDetail, CValue, give_sized, sized_room};

/// Answers, and the snapshot that their texts stand in.
#[derive(Debug, Default)]
pub(crate) struct Results {
    rows: Vec<Row>,
    shown: Shown,
    selected: Option<Selected>,
    /// Sentences about what is no answer.
    messages: Vec<Box<str>>,
    snapshot: Option<Arc<Snapshot>>,
}

objects! { Results = 6; }

#[derive(Debug)]
struct Row {
    key: Text,
    detail: CDetail,
}

// SAFETY: the pointers of a row lead to what its results own, or share.
unsafe impl Send for Row {}
// SAFETY: as above; they are changed through `&mut` alone.
unsafe impl Sync for Row {}

impl Results {
    fn clear(&mut self) {
        self.rows.clear();
        self.messages.clear();
        self.snapshot = None;
    }

    /// Takes the place of what was there.
    ///
    /// # Safety
    ///
    /// As for [`look`].
    unsafe fn fill(
        &mut self,
        snapshot: &Arc<Snapshot>,
        is_forked: bool,
        selector: Option<&str>,
        context: Handle,
    ) -> Outcome {
        // SAFETY: the caller says so.
        let knowledge = unsafe { known(context) }?;
        // What was made of the snapshot before stays good while that is the one; metadata of a selector does not.
        let is_same = self.snapshot.as_ref().is_some_and(|before| Arc::ptr_eq(before, snapshot));
        if !is_same || selector.is_some() || self.selected.is_some() {
            self.shown.clear();
        }
        self.clear();
        self.selected = selector.map(Selected::new).transpose()?;
        let Self { rows, shown, selected, messages, .. } = self;
        let seen = Seen::new(snapshot, is_forked);
        let mut add = |(key, detail): (&str, flagcore::Detail<'_, flagcore::Value<'static>, &Snapshot>)| {
            let mut made = filled(&detail, shown, seen, CValue::of);
            // SAFETY: the caller says so.
            unsafe { word(&mut made, context, shown) };
            let error_message = if made.error_message.data.is_null() {
                Text::NONE
            } else {
                let message = shown.last_message().into();
                messages.push(message);
                Text::of_option(messages.last().map(AsRef::as_ref))
            };
            rows.push(Row { key: Text::of(key), detail: CDetail { error_message, ..made } });
        };
        match selected {
            None => snapshot.evaluate_all(knowledge).for_each(&mut add),
            Some(selected) => {
                snapshot.view(&selected.selector).evaluate_all(knowledge).for_each(&mut add);
            }
        }
        self.snapshot = Some(snapshot.clone());
        Ok(())
    }
}

exported! {
    /// Results without any answer.
    fn flagcore_results_new(out: *mut Handle) {
        let out = room(out, "out")?;
        let made = handle::give_out(Results::default())?;
        // SAFETY: the header asks for room there.
        unsafe { give(out, "out", made) }
    }

    /// Frees results.
    fn flagcore_results_free(results: Handle) {
        handle::take_back::<Results>(results, "results").map(drop)
    }

    /// Evaluates every flag, or those of a flag set or source.
    fn flagcore_reader_evaluate_all(
        reader: Handle, selector: *const c_char, selector_length: usize, context: Handle, results: Handle,
    ) {
        // SAFETY: the header says that one thread at a time uses reader and results, that nobody changes or frees the
        // context meanwhile, and that the selector is there.
        unsafe {
            let selector =
                if selector.is_null() { None } else { Some(read(selector, selector_length, "selector")?) };
            let mut results = change::<Results>(results, "results")?;
            let mut reader = change::<Reader>(reader, "reader")?;
            let (snapshot, is_forked) = (reader.snapshot_to_keep(), reader.known.is_forked());
            results.fill(&snapshot, is_forked, selector, context)
        }
    }

    /// How many answers there are.
    fn flagcore_results_count(results: Handle) -> usize, 0; {
        // SAFETY: the header says that nobody changes or frees the results meanwhile.
        Ok(unsafe { look::<Results>(results, "results") }?.rows.len())
    }

    /// One of them.
    fn flagcore_results_at(results: Handle, index: usize, key: *mut Text, out: *mut CDetail) {
        // SAFETY: as above, and the header asks for room.
        unsafe {
            let (key, out) = (room(key, "key")?, sized_room(out, "out")?);
            let row = look::<Results>(results, "results")?.rows.get(index);
            let row = row.ok_or_else(|| Failure::new(Status::OutOfRange, "index"))?;
            give_sized(out, row.detail);
            give(key, "key", row.key)
        }
    }
}
