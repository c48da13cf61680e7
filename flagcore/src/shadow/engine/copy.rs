//! Which copy of a sample runs on this thread, as the candidate may ask.

use std::cell::Cell;

/// The number of the copy that runs here, from 1; `None` outside of a candidate.
///
/// With an amplification of 2.5 a sample runs as two or three copies, numbered 1, 2, 3. A candidate can ask, to mark what
/// it sends on. In an asynchronous candidate the number is there whenever it is polled, not in tasks that it spawns.
///
/// A shadow call inside of a candidate runs its control and nothing else, so that copies never breed copies.
///
/// # Examples
///
/// ```
/// assert_eq!(flagcore::shadow::copy_number(), None);
/// ```
pub fn copy_number() -> Option<u32> {
    COPY.get()
}

/// Does some work as a copy.
pub(super) fn as_copy<R>(number: u32, work: impl FnOnce() -> R) -> R {
    let _outer = Outer(COPY.replace(Some(number)));
    work()
}

/// Puts back what was there, also when the work panics.
struct Outer(Option<u32>);

impl Drop for Outer {
    fn drop(&mut self) {
        COPY.set(self.0);
    }
}

thread_local! {
    static COPY: Cell<Option<u32>> = const { Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_there_while_the_copy_runs() {
        assert_eq!(
            as_copy(3, || (copy_number(), as_copy(1, copy_number), copy_number())),
            (Some(3), Some(1), Some(3))
        );
        let _ = std::panic::catch_unwind(|| as_copy(2, || std::panic::resume_unwind(Box::new(()))));
        assert_eq!(copy_number(), None);
    }
}
