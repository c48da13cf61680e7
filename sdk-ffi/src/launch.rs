//! Dark launches whose candidates the host runs: beginning a call, and what became of all of them.
//!
//! Nearly every call is no sample, and costs two look-ups and what the core takes to say so: no lock, no allocation, no
//! clock, no handle.

use std::ffi::c_char;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use flagcore::EvaluationContext;
use flagcore::shadow::{Counts, Reason};

use crate::boundary::{Failure, Outcome, give, room};
use crate::client::{Known, Shared};
use crate::context::known;
use crate::handle::{self, Handle, look, objects, share};
use crate::report::{Report, form_of};
use crate::status::{ShadowStateNumber, Status};
use crate::text::read;
use crate::ticket::Ticket;
use crate::value::{Growing, give_sized, sized_room};

/// A launch, and what it has to know of its client.
#[derive(Debug)]
pub(crate) struct Launch {
    launch: ManuallyDrop<flagcore::shadow::Launch>,
    known: Arc<Known>,
}

objects! { Launch = 8; }

impl Launch {
    /// Begins a call; nothing where only the control is to run.
    #[inline]
    fn begin(&self, context: &EvaluationContext<'_>) -> Option<Ticket> {
        // In the child of a fork nobody turns the launch's gates, and limits would be those of the parent.
        if self.known.is_forked() {
            return None;
        }
        Some(Ticket::new(self.launch.begin(context)?, Arc::clone(&self.known)))
    }

    /// The launch, where a lock may be taken.
    fn unforked(&self) -> Outcome<&flagcore::shadow::Launch> {
        if self.known.is_forked() { Err(Failure::new(Status::Forked, "launch")) } else { Ok(&self.launch) }
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        // As of a client: in the child of a fork what belongs to the parent is left alone.
        if !self.known.is_forked() {
            // SAFETY: this is the end of it.
            unsafe { ManuallyDrop::drop(&mut self.launch) };
        }
    }
}

/// What has become of all copies of a launch, as C sees it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CCounts {
    /// Its size, as the caller knows it.
    pub struct_size: usize,
    /// Nothing differed.
    pub matched: u64,
    /// Something differed.
    pub mismatched: u64,
    /// Only what is ignored differed.
    pub ignored: u64,
    /// They failed.
    pub errors: u64,
    /// They took too long.
    pub timeouts: u64,
    /// They run now.
    pub in_flight: u64,
    /// They were dropped, for whatever reason.
    pub dropped: u64,
    /// [`Reason::QueueFull`].
    pub dropped_queue_full: u64,
    /// [`Reason::Rate`].
    pub dropped_rate: u64,
    /// [`Reason::InFlight`].
    pub dropped_in_flight: u64,
    /// [`Reason::Breaker`].
    pub dropped_breaker: u64,
    /// [`Reason::Baseline`].
    pub dropped_baseline: u64,
    /// [`Reason::Late`].
    pub dropped_late: u64,
    /// [`Reason::TooBig`].
    pub dropped_too_big: u64,
    /// [`Reason::Stuck`].
    pub dropped_stuck: u64,
    /// [`Reason::Capture`].
    pub dropped_capture: u64,
    /// [`Reason::Nested`].
    pub dropped_nested: u64,
    /// [`Reason::Spawn`].
    pub dropped_spawn: u64,
    /// [`Reason::SwitchedOff`].
    pub dropped_switched_off: u64,
    /// [`Reason::Shutdown`].
    pub dropped_shutdown: u64,
}

// SAFETY: see the type.
unsafe impl Growing for CCounts {}

impl From<Counts> for CCounts {
    fn from(counts: Counts) -> Self {
        Self {
            struct_size: size_of::<CCounts>(),
            matched: counts.matched,
            mismatched: counts.mismatched,
            ignored: counts.ignored,
            errors: counts.errors,
            timeouts: counts.timeouts,
            in_flight: counts.in_flight,
            dropped: counts.all_dropped(),
            dropped_queue_full: counts.dropped(Reason::QueueFull),
            dropped_rate: counts.dropped(Reason::Rate),
            dropped_in_flight: counts.dropped(Reason::InFlight),
            dropped_breaker: counts.dropped(Reason::Breaker),
            dropped_baseline: counts.dropped(Reason::Baseline),
            dropped_late: counts.dropped(Reason::Late),
            dropped_too_big: counts.dropped(Reason::TooBig),
            dropped_stuck: counts.dropped(Reason::Stuck),
            dropped_capture: counts.dropped(Reason::Capture),
            dropped_nested: counts.dropped(Reason::Nested),
            dropped_spawn: counts.dropped(Reason::Spawn),
            dropped_switched_off: counts.dropped(Reason::SwitchedOff),
            dropped_shutdown: counts.dropped(Reason::Shutdown),
        }
    }
}

exported! {
    /// The dark launch of a flag.
    fn flagcore_client_launch(client: Handle, key: *const c_char, key_length: usize, out: *mut Handle) {
        let out = room(out, "out")?;
        // SAFETY: the header says that the text is there, and asks for room.
        unsafe {
            let key = read(key, key_length, "key")?;
            let client = share::<Shared>(client, "client")?.unforked()?;
            let launch = ManuallyDrop::new(client.client().launch(key));
            let made = handle::give_out(Launch { launch, known: Arc::clone(client.known()) })?;
            give(out, "out", made)
        }
    }

    /// Frees a launch's handle.
    fn flagcore_launch_free(launch: Handle) {
        handle::take_back::<Launch>(launch, "launch").map(drop)
    }

    /// Begins a call.
    fn flagcore_launch_begin(launch: Handle, context: Handle, out: *mut Handle) {
        let out = room(out, "out")?;
        // SAFETY: the header says that nobody frees the launch, nor changes or frees the context meanwhile, and asks for
        // room.
        unsafe {
            let context = known(context)?;
            let made = match look::<Launch>(launch, "launch")?.begin(context) {
                None => std::ptr::null_mut(),
                Some(ticket) => handle::give_out(ticket)?,
            };
            out.write(made);
        }
        Ok(())
    }

    /// What a sample meets now.
    fn flagcore_launch_state(launch: Handle, out: *mut i32) {
        let out = room(out, "out")?;
        // SAFETY: as above.
        unsafe {
            let launch = look::<Launch>(launch, "launch")?;
            let state = match launch.unforked() {
                Ok(launch) => ShadowStateNumber::told(launch.state()),
                Err(_) => Some(ShadowStateNumber::Forked),
            };
            let state = state.ok_or_else(|| Failure::told(Status::Internal, "", "the state has no number"))?;
            give(out, "out", state as i32)
        }
    }

    /// A state in one word, with a NUL at the end.
    fn flagcore_shadow_state_text(state: i32) -> *const c_char, std::ptr::null(); {
        Ok(ShadowStateNumber::of(state).map_or(c"unknown", ShadowStateNumber::text).as_ptr())
    }

    /// What has become of all copies.
    fn flagcore_launch_counts(launch: Handle, out: *mut CCounts) {
        // SAFETY: as above, and that the size is set.
        unsafe {
            let out = sized_room(out, "out")?;
            give_sized(out, look::<Launch>(launch, "launch")?.unforked()?.counts().into());
        }
        Ok(())
    }

    /// What was found.
    fn flagcore_launch_report(launch: Handle, form: i32, out: *mut Handle) {
        let (out, form) = (room(out, "out")?, form_of(form)?);
        // SAFETY: as above.
        unsafe {
            let report = look::<Launch>(launch, "launch")?.unforked()?.report();
            let made = handle::give_out(Report::of(report, form)?)?;
            give(out, "out", made)
        }
    }
}
