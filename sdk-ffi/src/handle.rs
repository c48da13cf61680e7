//! What a caller holds in place of a pointer.
//!
//! A handle looks like a pointer to C and is a number: an index into a table of its type, the type, and the generation of
//! the place that it stands for. Nothing follows it before the number is found in its table, so a handle that was freed, is of
//! another type, or was never given out is told apart from one that is good, whatever it is, without touching freed
//! memory. The number is no address that any program has, so that it cannot be taken for one (a garbage collector
//! of the host might look), and below 2^53, so that every language can hold it.
//!
//! Tables only grow: a place is used again with the next generation, and its memory stays. Nothing here locks, so that a
//! fork at any moment leaves tables that work in the child.
//!
//! What is not found out is a handle that one thread frees while another one is using it, except for those that are
//! shared (`share`); and of two threads that change one thing at once the second is only told most of the time.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::boundary::{Failure, Outcome};
use crate::fork;
use crate::status::Status;

/// A handle as C passes it.
pub type Handle = *mut c_void;

/// What a handle can stand for.
pub(crate) trait Object: Sized + 'static {
    /// Tells the types apart: 1 to 15, each once.
    const KIND: usize;

    /// Where they all are.
    fn table() -> &'static Table<Self>;
}

/// Makes a type one that handles can stand for.
macro_rules! objects {
    ($($type:ty = $kind:literal;)*) => {$(
        impl $crate::handle::Object for $type {
            const KIND: usize = $kind;

            #[inline(always)]
            fn table() -> &'static $crate::handle::Table<Self> {
                static TABLE: $crate::handle::Table<$type> = $crate::handle::Table::new();
                &TABLE
            }
        }
    )*};
}
pub(crate) use objects;

#[cfg(target_pointer_width = "64")]
mod layout {
    pub(super) const INDEX_BITS: u32 = 24;
    pub(super) const KIND_BITS: u32 = 4;
    pub(super) const GENERATION_BITS: u32 = 24;
    /// No address of any program, and below 2^53.
    pub(super) const MARK: usize = 1 << 52;
}

#[cfg(not(target_pointer_width = "64"))]
mod layout {
    pub(super) const INDEX_BITS: u32 = 14;
    pub(super) const KIND_BITS: u32 = 4;
    pub(super) const GENERATION_BITS: u32 = 12;
    pub(super) const MARK: usize = 0;
}

use layout::{GENERATION_BITS, INDEX_BITS, KIND_BITS, MARK};

const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;
const KIND_MASK: usize = (1 << KIND_BITS) - 1;
const GENERATION_MASK: usize = (1 << GENERATION_BITS) - 1;
/// In a tag: nothing stands here, and the handle is that of whatever comes next.
const FREE: usize = 1 << (usize::BITS - 1);
/// In a tag: somebody is changing what stands here.
const BUSY: usize = 1 << (usize::BITS - 2);

/// Places of the first chunk; each following one has twice as many.
const FIRST: u32 = 64;
const CHUNKS: usize = (INDEX_BITS - FIRST.trailing_zeros() + 1) as usize;

/// A place for one object.
struct Slot<T> {
    /// The handle of what stands here, with [`FREE`] and [`BUSY`].
    tag: AtomicUsize,
    /// The next free place, while this one is; its index and one.
    next: AtomicU32,
    /// How many are taking a copy right now, below the generation of the process in which that is so: a fork leaves
    /// takers behind who never come back.
    takers: AtomicU64,
    object: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// Counts a taker in.
    fn enter(&self) {
        let generation = u64::from(fork::generation()) << 32;
        let count = |takers: u64| {
            let others = if takers & !COUNT == generation { takers & COUNT } else { 0 };
            Some(generation | (others + 1))
        };
        // ORDERING: see `share`. It gives a value always.
        let _ = self.takers.fetch_update(Ordering::SeqCst, Ordering::Relaxed, count);
    }

    /// Whether there are takers in this process.
    fn is_being_taken(&self) -> bool {
        let takers = self.takers.load(Ordering::SeqCst);
        takers >> 32 == u64::from(fork::generation()) && takers & COUNT != 0
    }
}

/// The part of takers that counts them.
const COUNT: u64 = u32::MAX as u64;

/// All objects of a type.
pub(crate) struct Table<T> {
    chunks: [AtomicPtr<Slot<T>>; CHUNKS],
    /// How many places were ever given out.
    used: AtomicU32,
    /// The first free place, its index and one, below a count of changes that tells two equal firsts apart.
    free: AtomicU64,
}

// SAFETY: whether an object may be used by several threads is the business of those who use it: the header says
// which calls may run at once, and their objects are `Sync`; the others go from thread to thread, and are `Send`.
unsafe impl<T: Send> Sync for Table<T> {}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            used: AtomicU32::new(0),
            free: AtomicU64::new(0),
        }
    }

    /// The place of an index, if its chunk is there.
    #[inline(always)]
    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let number = index.wrapping_add(FIRST);
        let chunk = number.ilog2() - FIRST.trailing_zeros();
        // ORDERING: pairs with the exchange in `chunk`, which publishes the places.
        let places = self.chunks.get(chunk as usize)?.load(Ordering::Acquire);
        if places.is_null() {
            return None;
        }
        // SAFETY: a chunk has FIRST << chunk places, and is never freed.
        Some(unsafe { &*places.add((number - (FIRST << chunk)) as usize) })
    }

    /// A place that nobody has, made if need be.
    fn vacant(&self) -> Option<(u32, &Slot<T>)> {
        // ORDERING: pairs with the exchange in `vacate`: who takes a place sees its tag and its next.
        let mut first = self.free.load(Ordering::Acquire);
        while let Some(index) = (first as u32).checked_sub(1) {
            let slot = self.slot(index)?;
            let next = u64::from(slot.next.load(Ordering::Relaxed));
            let changed = ((first >> 32).wrapping_add(1) << 32) | next;
            match self.free.compare_exchange_weak(first, changed, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some((index, slot)),
                Err(now) => first = now,
            }
        }
        // ORDERING: hands out numbers, and publishes nothing.
        let next = |used: u32| (used as usize <= INDEX_MASK).then(|| used + 1);
        let index = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        self.grow(index);
        Some((index, self.slot(index)?))
    }

    /// Makes the chunk of an index.
    fn grow(&self, index: u32) {
        let chunk = (index + FIRST).ilog2() - FIRST.trailing_zeros();
        let Some(place) = self.chunks.get(chunk as usize) else { return };
        if !place.load(Ordering::Acquire).is_null() {
            return;
        }
        let slots: Box<[Slot<T>]> = (0..FIRST << chunk)
            .map(|_| Slot {
                tag: AtomicUsize::new(FREE),
                next: AtomicU32::new(0),
                takers: AtomicU64::new(0),
                object: UnsafeCell::new(MaybeUninit::uninit()),
            })
            .collect();
        let length = slots.len();
        let made = Box::into_raw(slots).cast::<Slot<T>>();
        // ORDERING: publishes the places to `slot`.
        let lost =
            place.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire).is_err();
        if lost {
            // SAFETY: it was made above, of this length, and nobody else has seen it.
            drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(made, length)) });
        }
    }

    /// Puts a place back.
    fn vacate(&self, index: u32, slot: &Slot<T>) {
        let mut first = self.free.load(Ordering::Relaxed);
        loop {
            slot.next.store(first as u32, Ordering::Relaxed);
            let changed = ((first >> 32).wrapping_add(1) << 32) | u64::from(index + 1);
            // ORDERING: publishes the place's tag and next to `vacant`.
            match self.free.compare_exchange_weak(first, changed, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }
}

/// A handle of something new.
pub(crate) fn give_out<T: Object>(object: T) -> Outcome<Handle> {
    let (index, slot) = T::table().vacant().ok_or_else(|| Failure::new(Status::Exhausted, ""))?;
    // A place that was never used has no generation yet.
    let before = slot.tag.load(Ordering::Relaxed) >> (INDEX_BITS + KIND_BITS) & GENERATION_MASK;
    let handle = MARK
        | (before.wrapping_add(1) & GENERATION_MASK) << (INDEX_BITS + KIND_BITS)
        | T::KIND << INDEX_BITS
        | index as usize;
    // SAFETY: the place is vacant, and `vacant` gave it to this thread alone.
    unsafe { (*slot.object.get()).write(object) };
    // ORDERING: publishes the object to whoever finds the tag.
    slot.tag.store(handle, Ordering::Release);
    Ok(ptr::without_provenance_mut(handle))
}

/// The place of a handle, whose tag was the handle itself a moment ago.
#[inline(always)]
fn find<T: Object>(handle: Handle, name: &'static str) -> Outcome<&'static Slot<T>> {
    let number = handle.addr();
    // ORDERING: pairs with the store in `give_out`.
    match T::table().slot((number & INDEX_MASK) as u32) {
        // A number with the bits of a tag is no handle, whatever the tag says; neither is 0.
        Some(slot) if number.wrapping_sub(1) < BUSY - 1 && slot.tag.load(Ordering::Acquire) == number => {
            Ok(slot)
        }
        other => Err(unfound(number, T::KIND, other.map(|slot| slot.tag.load(Ordering::Relaxed)), name)),
    }
}

#[cold]
#[inline(never)]
fn unfound(number: usize, kind: usize, tag: Option<usize>, name: &'static str) -> Failure {
    let looks_like_one = number & MARK == MARK && number & (FREE | BUSY) == 0;
    let status = match number >> INDEX_BITS & KIND_MASK {
        _ if number == 0 => Status::Null,
        _ if tag == Some(number | BUSY) => Status::InUse,
        found if looks_like_one && found != kind && found != 0 => Status::WrongHandle,
        _ => Status::InvalidHandle,
    };
    Failure::new(status, name)
}

/// What a handle stands for, to look at.
///
/// # Safety
///
/// Nobody frees it, and nobody changes it but through [`change`], before the call of the library ends that this is for; the
/// lifetime is no longer than that call.
#[inline(always)]
pub(crate) unsafe fn look<'call, T: Object + Sync>(handle: Handle, name: &'static str) -> Outcome<&'call T> {
    let slot = find::<T>(handle, name)?;
    // SAFETY: the tag says that there is an object, and the caller that it stays.
    Ok(unsafe { (*slot.object.get()).assume_init_ref() })
}

/// What a handle stands for, to change.
///
/// # Safety
///
/// Nobody else uses it before this is dropped.
#[inline(always)]
pub(crate) unsafe fn change<T: Object + Send>(handle: Handle, name: &'static str) -> Outcome<Changing<T>> {
    let slot = find::<T>(handle, name)?;
    // ORDERING: tells of misuse, and decides nothing where there is none.
    // PERF: a store, where an exchange would cost more than most evaluations.
    slot.tag.store(handle.addr() | BUSY, Ordering::Relaxed);
    Ok(Changing { slot, tag: handle.addr() })
}

/// Something that one call changes; others are told [`Status::InUse`] meanwhile.
pub(crate) struct Changing<T: 'static> {
    slot: &'static Slot<T>,
    tag: usize,
}

impl<T> Deref for Changing<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: `change` found it, and its caller says that nobody else uses it.
        unsafe { (*self.slot.object.get()).assume_init_ref() }
    }
}

impl<T> DerefMut for Changing<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: `change` found it, and its caller says that nobody else uses it.
        unsafe { (*self.slot.object.get()).assume_init_mut() }
    }
}

impl<T> Drop for Changing<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // ORDERING: what was changed is seen by the thread that the host hands the handle to.
        self.slot.tag.store(self.tag, Ordering::Release);
    }
}

/// A copy of what a handle stands for; safe also while another thread frees the handle.
pub(crate) fn share<T: Object + Clone + Sync>(handle: Handle, name: &'static str) -> Outcome<T> {
    let slot = find::<T>(handle, name)?;
    // ORDERING: this and the exchange in `free` are in one order: either the tag is seen to be gone here, or the taker is
    // seen there.
    slot.enter();
    let taken = if slot.tag.load(Ordering::SeqCst) == handle.addr() {
        // SAFETY: the tag says that there is an object, and `free` waits for takers.
        Ok(unsafe { (*slot.object.get()).assume_init_ref() }.clone())
    } else {
        Err(Failure::new(Status::InvalidHandle, name))
    };
    slot.takers.fetch_sub(1, Ordering::SeqCst);
    taken
}

/// Takes back what a handle stands for; NULL stands for nothing, and that is fine.
pub(crate) fn take_back<T: Object + Send>(handle: Handle, name: &'static str) -> Outcome<Option<T>> {
    if handle.is_null() {
        return Ok(None);
    }
    let slot = find::<T>(handle, name)?;
    let number = handle.addr();
    // ORDERING: see `share`; of two that free at once one finds the tag gone.
    if slot.tag.compare_exchange(number, number | FREE, Ordering::SeqCst, Ordering::Relaxed).is_err() {
        return Err(unfound(number, T::KIND, Some(slot.tag.load(Ordering::Relaxed)), name));
    }
    // Taking a copy is a few instructions. Whoever stays away for long is preempted, or not in this process any more, by a
    // fork that could not be counted; then the object is left alone.
    let mut patience = 10_000_u32;
    while slot.is_being_taken() {
        match patience.checked_sub(1) {
            Some(less) => {
                patience = less;
                std::thread::yield_now();
            }
            None if fork::is_uncounted_copy() => return Ok(None),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    // SAFETY: the tag said that there is an object; from the exchange on nobody finds it, and nobody is taking a copy.
    let object = unsafe { (*slot.object.get()).assume_init_read() };
    T::table().vacate((number & INDEX_MASK) as u32, slot);
    Ok(Some(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct A(u32);
    #[derive(Debug)]
    struct B;
    objects! { A = 14; B = 15; }

    fn status<T>(outcome: Outcome<T>) -> Option<Status> {
        outcome.err().map(|failure| failure.status)
    }

    #[test]
    fn a_handle_finds_what_it_was_given_for_until_it_is_freed() {
        let handles: Vec<Handle> = (0..500).map(|number| give_out(A(number)).unwrap()).collect();
        for (number, handle) in (0..).zip(&handles) {
            // SAFETY: nobody frees it meanwhile.
            assert_eq!(unsafe { look::<A>(*handle, "a") }.unwrap().0, number);
            assert!(handle.addr() < 1 << 53, "{handle:?}");
        }
        for handle in &handles {
            assert!(take_back::<A>(*handle, "a").unwrap().is_some());
            assert_eq!(status(take_back::<A>(*handle, "a")), Some(Status::InvalidHandle));
        }
        // Places are used again; old handles do not find what is new there.
        let again: Vec<Handle> = (0..500).map(|number| give_out(A(number)).unwrap()).collect();
        for handle in &handles {
            // SAFETY: nobody frees it meanwhile.
            assert_eq!(status(unsafe { look::<A>(*handle, "a") }), Some(Status::InvalidHandle));
        }
        again.into_iter().for_each(|handle| drop(take_back::<A>(handle, "a")));
    }

    #[test]
    fn a_handle_of_another_type_or_of_nothing_is_told() {
        let a = give_out(A(1)).unwrap();
        let look = |number: usize| {
            // SAFETY: nobody frees it meanwhile.
            status(unsafe { super::look::<B>(ptr::without_provenance_mut(number), "b") })
        };
        assert_eq!(look(a.addr()), Some(Status::WrongHandle));
        assert_eq!(look(0), Some(Status::Null));
        for number in [1, 7, 4_096, usize::MAX, usize::MAX >> 1, a.addr() ^ FREE, &raw const a as usize] {
            let found = look(number);
            assert!(matches!(found, Some(Status::InvalidHandle | Status::WrongHandle)), "{number:x}");
        }
        assert!(take_back::<B>(ptr::null_mut(), "b").unwrap().is_none());
        // Bits of a tag make no handle of a number, neither before nor after it is freed.
        for is_freed in [false, true] {
            for bits in [FREE, BUSY, FREE | BUSY] {
                let odd = ptr::without_provenance_mut(a.addr() | bits);
                // SAFETY: nobody frees it meanwhile.
                let looked = status(unsafe { super::look::<A>(odd, "a") });
                assert!(looked.is_some(), "{bits:x}, freed: {is_freed}");
                assert!(take_back::<A>(odd, "a").is_err(), "{bits:x}, freed: {is_freed}");
            }
            if !is_freed {
                drop(take_back::<A>(a, "a"));
            }
        }
    }

    #[test]
    fn what_is_being_changed_is_in_use() {
        let handle = give_out(A(1)).unwrap();
        // SAFETY: only this thread uses it.
        let mut changing = unsafe { change::<A>(handle, "a") }.unwrap();
        changing.0 = 2;
        // SAFETY: it is not followed.
        assert_eq!(status(unsafe { look::<A>(handle, "a") }), Some(Status::InUse));
        assert_eq!(status(take_back::<A>(handle, "a")), Some(Status::InUse));
        drop(changing);
        assert_eq!(take_back::<A>(handle, "a").unwrap().unwrap().0, 2);
    }

    #[derive(Clone, Debug)]
    struct C(std::sync::Arc<u32>);
    objects! { C = 13; }

    #[test]
    fn threads_that_share_and_free_find_all_or_nothing() {
        let alive = std::sync::Arc::new(7);
        let current = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let handle = ptr::without_provenance_mut(current.load(Ordering::Relaxed));
                        if let Ok(found) = share::<C>(handle, "c") {
                            assert_eq!(*found.0, 7);
                        }
                    }
                });
            }
            for _ in 0..20_000 {
                let handle = give_out(C(alive.clone())).unwrap();
                current.store(handle.addr(), Ordering::Relaxed);
                drop(take_back::<C>(handle, "c").unwrap());
            }
        });
        assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    }
}
