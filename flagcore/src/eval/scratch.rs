//! The bounded memory of one evaluation.
//!
//! Most rules produce nothing on the way to their answer and never touch it. What `cat`, `map` and their like
//! produce goes into an arena that a thread keeps and reuses, so that nothing is allocated once it has grown;
//! bytes and steps are counted, so that no rule and no context can make an evaluation large or long.

use std::cell::{Cell, OnceCell};
use std::fmt::{self, Write};

use bumpalo::Bump;
use bumpalo::collections::{String as ArenaString, Vec as ArenaVec};

use crate::limits::{FUEL, PRODUCED_BYTES};

use super::operand::{Fault, Items, Operand};

/// Memory and budget of one evaluation.
#[derive(Debug)]
pub struct Scratch {
    arena: OnceCell<Bump>,
    fuel: Cell<u32>,
    bytes: Cell<u32>,
    /// Whether anything did not fit, be it that somebody went on without it.
    exhausted: Cell<bool>,
}

thread_local! {
    /// The arena that the thread's evaluations take turns with.
    static KEPT: Cell<Option<Bump>> = const { Cell::new(None) };
}

/// An arena that has grown beyond this is freed, not kept.
const KEPT_BYTES: usize = 256 << 10;

impl Default for Scratch {
    #[inline]
    fn default() -> Self {
        Self {
            arena: OnceCell::new(),
            fuel: Cell::new(FUEL),
            bytes: Cell::new(PRODUCED_BYTES),
            exhausted: Cell::new(false),
        }
    }
}

impl Scratch {
    /// Takes `steps` off the budget.
    ///
    /// # Errors
    ///
    /// [`Fault::Budget`] when it is used up.
    pub fn spend(&self, steps: usize) -> Result<(), Fault> {
        if self.exhausted.get() {
            return Err(Fault::Budget);
        }
        self.take(&self.fuel, steps)
    }

    /// Whether something did not fit into the budget.
    pub fn is_exhausted(&self) -> bool {
        self.exhausted.get()
    }

    /// How many steps were spent.
    pub fn spent(&self) -> u32 {
        FUEL - self.fuel.get()
    }

    /// A list of operands.
    pub fn list<'m>(&'m self, items: impl ExactSizeIterator<Item = Operand<'m>>) -> Result<Items<'m>, Fault> {
        self.take(&self.bytes, items.len().saturating_mul(size_of::<Operand<'_>>()))?;
        Ok(Items::Made(self.arena().alloc_slice_fill_iter(items)))
    }

    /// A list that grows.
    pub fn growing<'m>(&'m self) -> Growing<'m> {
        Growing { scratch: self, items: ArenaVec::new_in(self.arena()) }
    }

    /// Named operands; they are sorted already.
    pub fn members<'m>(
        &'m self,
        members: impl ExactSizeIterator<Item = (&'m str, Operand<'m>)>,
    ) -> Result<&'m [(&'m str, Operand<'m>)], Fault> {
        self.take(&self.bytes, members.len().saturating_mul(size_of::<(&str, Operand<'_>)>()))?;
        Ok(self.arena().alloc_slice_fill_iter(members))
    }

    /// A text that is written piece by piece; writing fails when the budget is used up.
    pub fn text(&self) -> Text<'_> {
        Text { scratch: self, text: ArenaString::new_in(self.arena()) }
    }

    #[inline(never)]
    fn arena(&self) -> &Bump {
        self.arena.get_or_init(|| KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default())
    }

    fn take(&self, from: &Cell<u32>, amount: usize) -> Result<(), Fault> {
        let left = u32::try_from(amount).ok().and_then(|amount| from.get().checked_sub(amount));
        from.set(left.unwrap_or(0));
        if left.is_none() {
            self.exhausted.set(true);
        }
        left.map(|_| ()).ok_or(Fault::Budget)
    }
}

impl Drop for Scratch {
    #[inline]
    fn drop(&mut self) {
        if let Some(mut arena) = self.arena.take()
            && arena.allocated_bytes() <= KEPT_BYTES
        {
            arena.reset();
            // A thread that is ending keeps nothing.
            let _ = KEPT.try_with(|kept| kept.set(Some(arena)));
        }
    }
}

/// A list in the scratch that grows.
#[derive(Debug)]
pub struct Growing<'m> {
    scratch: &'m Scratch,
    items: ArenaVec<'m, Operand<'m>>,
}

impl<'m> Growing<'m> {
    /// Adds an item.
    pub fn push(&mut self, item: Operand<'m>) -> Result<(), Fault> {
        self.scratch.take(&self.scratch.bytes, size_of::<Operand<'_>>())?;
        self.items.push(item);
        Ok(())
    }

    /// The list.
    pub fn finish(self) -> Items<'m> {
        Items::Made(self.items.into_bump_slice())
    }
}

/// A text in the scratch that grows.
#[derive(Debug)]
pub struct Text<'m> {
    scratch: &'m Scratch,
    text: ArenaString<'m>,
}

impl<'m> Text<'m> {
    /// The text.
    pub fn finish(self) -> &'m str {
        self.text.into_bump_str()
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.scratch.take(&self.scratch.bytes, text.len()).map_err(|_| fmt::Error)?;
        self.text.push_str(text);
        Ok(())
    }
}
