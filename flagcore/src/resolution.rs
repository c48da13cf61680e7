//! A compiled flag and a context to a resolution, with everything contained that could go wrong.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::compile::{CompiledFlag, CompiledVariant, Plan, TRUE};
use crate::context::{ContextRef, Layers, Surroundings};
use crate::detail::{Reason, Resolution, Trouble};
use crate::eval::machine::Machine;
use crate::eval::operand::Fault;
use crate::eval::program::{Choice, Program};
use crate::eval::quick;
use crate::eval::scratch::Scratch;
use crate::eval::{Observer, Unobserved};
use crate::limits::SHALLOW;

/// What a flag comes to for a context.
#[inline]
pub(crate) fn resolve(flag: &CompiledFlag, layers: &Layers<'_>) -> Resolution {
    match &flag.plan {
        Plan::Targeted(program) => targeted(flag, program, layers),
        Plan::Static => by_default(flag, Reason::Static),
        Plan::Disabled => {
            Resolution { variant: None, reason: Reason::Disabled, trouble: None, passing: false }
        }
    }
}

/// The default variant; without one the caller's own default, which always has the reason `DEFAULT`.
#[inline]
fn by_default(flag: &CompiledFlag, reason: Reason) -> Resolution {
    let reason = if flag.default_variant.is_some() { reason } else { Reason::Default };
    Resolution { variant: flag.default_variant, reason, trouble: None, passing: false }
}

fn targeted(flag: &CompiledFlag, program: &Program, layers: &Layers<'_>) -> Resolution {
    match decide_quickly(program, layers) {
        Some(choice) => chosen(flag, choice),
        None => by_machine(flag, program, layers),
    }
}

#[inline(always)]
fn decide_quickly(program: &Program, layers: &Layers<'_>) -> Option<Choice> {
    if program.quick && layers.fault().is_none() { quick::decide(&program.decision, layers) } else { None }
}

/// The variant that a flag gives for a context, and nothing of why.
// PERF: what a plain getter needs; a resolution is some 30 instructions more.
#[inline(never)]
pub(crate) fn variant_for<'f>(
    flag: &'f CompiledFlag,
    context: &ContextRef<'_>,
    surroundings: &Surroundings,
) -> Option<&'f CompiledVariant> {
    let layers = &surroundings.around(context);
    let place = match &flag.plan {
        Plan::Targeted(program) => match decide_quickly(program, layers) {
            Some(Choice::Variant(place)) => Some(place),
            Some(Choice::Default) => flag.default_variant,
            Some(Choice::Unknown) => None,
            None => by_machine(flag, program, layers).variant,
        },
        Plan::Static => flag.default_variant,
        Plan::Disabled => None,
    };
    flag.variant(place?)
}

/// Whether a condition by itself is true for a context; where that cannot be told, it is not.
pub(crate) fn holds(flag: &CompiledFlag, condition: &Program, layers: &Layers<'_>) -> bool {
    match decide_quickly(condition, layers) {
        Some(choice) => choice == TRUE,
        None => by_machine(flag, condition, layers).reason == Reason::TargetingMatch,
    }
}

#[inline(never)]
fn by_machine(flag: &CompiledFlag, program: &Program, layers: &Layers<'_>) -> Resolution {
    if program.depth > SHALLOW {
        // A thread may be had the next time.
        return on_a_deep_stack(|| evaluate(flag, program, layers))
            .unwrap_or(Resolution { passing: true, ..Resolution::failed(Trouble::Budget) });
    }
    evaluate(flag, program, layers)
}

/// Does something that needs more stack than a caller may have, on a thread of its own.
///
/// Costs some 30 µs; only rules with more levels of operations inside of each other than anybody writes need
/// it. None where no thread can be had.
#[cold]
pub(crate) fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    // Of address space; only what is used takes memory.
    const BYTES: usize = 16 << 20;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(BYTES).spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok())
    })
}

#[inline]
fn evaluate(flag: &CompiledFlag, program: &Program, layers: &Layers<'_>) -> Resolution {
    let scratch = Scratch::default();
    let machine = Machine {
        layers,
        flag_key: &flag.key,
        scratch: &scratch,
        timestamp: Cell::new(None),
        variants: flag,
        observer: Unobserved,
    };
    // A bug of ours costs one evaluation, not the service.
    let outcome = catch_unwind(AssertUnwindSafe(|| run(flag, program, &machine)));
    let resolution = outcome.unwrap_or(Resolution::failed(Trouble::Panic));
    Resolution { passing: machine.timestamp.get().is_some(), ..resolution }
}

/// Runs the rule of a flag.
#[inline]
pub(crate) fn run<'m, O: Observer<'m>>(
    flag: &CompiledFlag,
    program: &'m Program,
    machine: &Machine<'m, O>,
) -> Resolution {
    if let Some(fault) = machine.layers.fault() {
        return Resolution::failed(Trouble::Context(fault));
    }
    let decided = machine.decide(&program.decision);
    if machine.scratch.is_exhausted() {
        // What did not fit was nothing to the rest of the rule: its answer means nothing either.
        return Resolution::failed(Trouble::Budget);
    }
    match decided {
        Ok(choice) => chosen(flag, choice),
        Err(Fault::Rule) => Resolution::failed(Trouble::Rule),
        Err(Fault::Budget) => Resolution::failed(Trouble::Budget),
    }
}

#[inline]
fn chosen(flag: &CompiledFlag, choice: Choice) -> Resolution {
    match choice {
        Choice::Variant(place) => {
            Resolution { variant: Some(place), reason: Reason::TargetingMatch, trouble: None, passing: false }
        }
        Choice::Default => by_default(flag, Reason::Default),
        Choice::Unknown => Resolution::failed(Trouble::UnknownVariant),
    }
}
