//! What is kept of the control's answer, and how big answers are.

/// What is kept of the control's answer to be compared, made on the caller's thread.
pub trait Keep<A> {
    /// What the candidate gives too.
    type Kept;

    /// What is kept of an answer; `None` where it does not fit.
    fn keep(self, answer: &A, fits: impl FnOnce(&Self::Kept) -> bool) -> Option<Self::Kept>;
}

/// All of it, as a clone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole;

impl<A: Clone> Keep<A> for Whole {
    type Kept = A;

    #[inline]
    fn keep(self, answer: &A, fits: impl FnOnce(&A) -> bool) -> Option<A> {
        fits(answer).then(|| answer.clone())
    }
}

impl<A, T, F: FnOnce(&A) -> T> Keep<A> for F {
    type Kept = T;

    #[inline]
    fn keep(self, answer: &A, fits: impl FnOnce(&T) -> bool) -> Option<T> {
        Some(self(answer)).filter(fits)
    }
}

/// The size of what is compared.
pub trait Size<T>: Send + Sync {
    /// Bytes, held against the limit `body`; 0 where nobody can tell.
    fn bytes(&self, answer: &T) -> u64;
}

/// Nobody can tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmeasured;

impl<T> Size<T> for Unmeasured {
    #[inline]
    fn bytes(&self, _: &T) -> u64 {
        0
    }
}

impl<T, F: Fn(&T) -> u64 + Send + Sync> Size<T> for F {
    #[inline]
    fn bytes(&self, answer: &T) -> u64 {
        self(answer)
    }
}
