//! Where panics of others end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does work of others; `None` when it panics.
///
/// What it leaves behind half done is dropped with it, so nobody sees it.
#[inline]
pub(super) fn contained<R>(work: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(payload) => {
            put_away(payload);
            None
        }
    }
}

/// Does work of others; what the panic says, when it panics.
#[inline]
pub(super) fn told<R>(work: impl FnOnce() -> R) -> Result<R, Box<str>> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let text = Box::from(text.unwrap_or_default());
        put_away(payload);
        text
    })
}

/// The payload is theirs too. If dropping it panics, what that throws is not looked at any more.
#[cold]
fn put_away(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_here_whatever_it_carries() {
        struct Nasty;
        impl Drop for Nasty {
            fn drop(&mut self) {
                std::panic::resume_unwind(Box::new(7));
            }
        }
        assert_eq!(contained(|| 7), Some(7));
        assert_eq!(contained(|| -> u32 { std::panic::resume_unwind(Box::new("text")) }), None);
        assert_eq!(contained(|| -> u32 { std::panic::resume_unwind(Box::new(Nasty)) }), None);
        let panic = |payload: Box<dyn Any + Send>| told(|| -> u32 { std::panic::resume_unwind(payload) });
        assert_eq!(panic(Box::new("text")), Err("text".into()));
        assert_eq!(panic(Box::new("text".to_owned())), Err("text".into()));
        assert_eq!(panic(Box::new(Nasty)), Err("".into()));
    }
}
