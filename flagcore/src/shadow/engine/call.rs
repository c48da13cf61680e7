//! One call: the control runs and answers; a sample is handed on.

use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use smallbox::smallbox;

use super::contain::contained;
use super::copy::as_copy;
use super::counts::Reason;
use super::measure::{Keep, Size, Unmeasured, Whole};
use super::sample::{AsyncParts, BlockingParts, Packed, Parts, Queued};
use super::shared::{Entry, Shared};
use crate::shadow::compare::{Compare, Equality, Fields, Ignoring, Results, Verdict};
use crate::shadow::report::Times;
use crate::text::Printable;

/// A call that may be a sample. Made by [`Client::shadow`](crate::Client::shadow) and [`Launch::shadow`](super::Launch::shadow).
#[must_use = "nothing runs before `run` or `run_async`"]
pub struct Shadow<'a>(Option<Drawn<'a>>);

/// A sample.
struct Drawn<'a> {
    launch: Held<'a>,
    copies: u32,
}

/// A launch, lent by a handle or kept by the call.
enum Held<'a> {
    Lent(&'a Shared),
    Kept(Arc<Shared>),
}

impl Deref for Held<'_> {
    type Target = Shared;

    #[inline]
    fn deref(&self) -> &Shared {
        match self {
            Held::Lent(shared) => shared,
            Held::Kept(shared) => shared,
        }
    }
}

impl<'a> Shadow<'a> {
    /// A call that is no sample.
    #[inline]
    pub(in crate::shadow) fn none() -> Self {
        Self(None)
    }

    #[inline]
    pub(super) fn of(launch: &'a Shared, copies: u32) -> Self {
        Self((copies > 0).then_some(Drawn { launch: Held::Lent(launch), copies }))
    }

    #[inline]
    pub(super) fn kept(launch: Arc<Shared>, copies: u32) -> Self {
        Self(Some(Drawn { launch: Held::Kept(launch), copies }))
    }

    /// Whether the call is a sample. Limits may still drop it.
    #[inline]
    pub fn is_sampled(&self) -> bool {
        self.0.is_some()
    }

    /// How to capture the input for the candidate: called only when the call is a sample and no limit drops it, on the
    /// caller's thread, before the control runs.
    #[inline]
    pub fn capture<C>(self, capture: C) -> Captured<'a, C> {
        Captured { shadow: self, capture, keep: Whole, compare: Equality, size: Unmeasured }
    }
}

impl fmt::Debug for Shadow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow").field("is_sampled", &self.is_sampled()).finish_non_exhaustive()
    }
}

/// A call whose input can be captured, and how its answers are compared: for equality, unless told otherwise.
#[must_use = "nothing runs before `run` or `run_async`"]
pub struct Captured<'a, C, K = Whole, J = Equality, S = Unmeasured> {
    shadow: Shadow<'a>,
    capture: C,
    keep: K,
    compare: J,
    size: S,
}

/// How answers are compared is said before what is made of it: results, what is ignored.
impl<'a, C, K, S> Captured<'a, C, K, Equality, S> {
    /// Compares answers by a closure that says whether they agree, or gives a [`Verdict`]; or by any [`Compare`].
    #[inline]
    pub fn compare<T, F: Compare<T>>(self, compare: F) -> Captured<'a, C, K, F, S> {
        self.with(|_| compare)
    }

    /// Compares answers member by member, as serde writes them, by the rules of the flag's `compare` block: places to
    /// ignore, a tolerance, lists without order. The report then says which fields differ.
    #[inline]
    pub fn compare_fields(self) -> Captured<'a, C, K, Fields, S> {
        self.with(|_| Fields)
    }
}

impl<'a, C, K, J, S> Captured<'a, C, K, J, S> {
    /// Compares only what a closure makes of the control's answer, on the caller's thread; the candidate gives the same.
    /// For answers that are no `Clone`, or of which only a part matters.
    #[inline]
    pub fn keep<A, T, F: FnOnce(&A) -> T>(self, keep: F) -> Captured<'a, C, F, J, S> {
        let Self { shadow, capture, compare, size, .. } = self;
        Captured { shadow, capture, keep, compare, size }
    }

    /// Compares answers that are a `Result`: what is in `Ok` as told so far, errors as the flag's `compare` block says. A
    /// candidate that fails where the control does not is counted as an error, and held against it by the breaker.
    #[inline]
    pub fn results(self) -> Captured<'a, C, K, Results<J>, S> {
        self.with(Results)
    }

    /// Mismatches that do not matter; asked only about mismatches.
    #[inline]
    pub fn ignore<T, F: Fn(&T, &T) -> bool>(self, ignore: F) -> Captured<'a, C, K, Ignoring<J, F>, S> {
        self.with(|compare| Ignoring(compare, ignore))
    }

    /// The size of an answer in bytes, held against the limit `body`: of the control's before it is cloned, on the caller's
    /// thread, and of the candidate's before it is compared.
    #[inline]
    pub fn size<T, F: Fn(&T) -> u64>(self, size: F) -> Captured<'a, C, K, J, F> {
        let Self { shadow, capture, keep, compare, .. } = self;
        Captured { shadow, capture, keep, compare, size }
    }

    #[inline]
    fn with<N>(self, change: impl FnOnce(J) -> N) -> Captured<'a, C, K, N, S> {
        let Self { shadow, capture, keep, compare, size } = self;
        Captured { shadow, capture, keep, compare: change(compare), size }
    }

    /// Runs the control and returns its answer, always. Of a sample, what is kept of the answer and the captured input are
    /// handed on; the candidate runs later, elsewhere, once for each copy.
    ///
    /// A call that is no sample costs nothing but the control. A sample costs the capture, what is kept of the answer, two
    /// readings of the clock and a push; what is bigger than 64 bytes in all is put in a box. It never waits, never wakes a
    /// thread, never panics but with the control.
    #[inline]
    pub fn run<A, I, N>(self, control: impl FnOnce() -> A, candidate: N) -> A
    where
        C: FnOnce() -> I,
        I: Clone + Send + 'static,
        K: Keep<A>,
        K::Kept: Send + 'static,
        N: Fn(I) -> K::Kept + Send + Sync + 'static,
        J: Compare<K::Kept> + 'static,
        S: Size<K::Kept> + 'static,
    {
        match self.shadow.0 {
            None => control(),
            Some(drawn) => {
                let sample = Sampled { keep: self.keep, compare: self.compare, size: self.size };
                run_sampled(drawn, self.capture, sample, control, candidate)
            }
        }
    }

    /// The same with an asynchronous control and candidate. The candidate runs on the engine's runtime, see
    /// [`spawner`](super::ShadowEngineBuilder::spawner). A control that is dropped before it answers hands nothing on.
    #[inline]
    pub async fn run_async<A, I, N, F>(self, control: impl Future<Output = A>, candidate: N) -> A
    where
        C: FnOnce() -> I,
        I: Clone + Send + 'static,
        K: Keep<A>,
        K::Kept: Send + 'static,
        N: Fn(I) -> F + Send + Sync + 'static,
        F: Future<Output = K::Kept> + Send + 'static,
        J: Compare<K::Kept> + 'static,
        S: Size<K::Kept> + 'static,
    {
        let Some(Drawn { launch, copies }) = self.shadow.0 else { return control.await };
        let sample = Sampled { keep: self.keep, compare: self.compare, size: self.size };
        if launch.is_test() {
            let (input, begun) = ((self.capture)(), Instant::now());
            let answer = control.await;
            let (took, begun) = (begun.elapsed(), Instant::now());
            let mut other = pin!(candidate(input));
            let other = poll_fn(|cx| as_copy(1, || other.as_mut().poll(cx))).await;
            sample.test(&launch, &answer, other, Times { control: took, candidate: begun.elapsed() });
            return answer;
        }
        let entry = launch.enter(copies, self.capture);
        if let Entry::Nothing = entry {
            return control.await;
        }
        let begun = Instant::now();
        let answer = control.await;
        let pack = |parts| -> Packed { smallbox!(AsyncParts(Some(parts))) };
        sample.answered(&launch, entry, &answer, begun, candidate, pack);
        answer
    }
}

impl<C, K, J, S> fmt::Debug for Captured<'_, C, K, J, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").field("shadow", &self.shadow).finish_non_exhaustive()
    }
}

/// Apart from what runs where nothing is sampled, so that this stays small.
#[inline(never)]
fn run_sampled<A, I, C, N, K, J, S>(
    drawn: Drawn<'_>,
    capture: C,
    sample: Sampled<K, J, S>,
    control: impl FnOnce() -> A,
    candidate: N,
) -> A
where
    C: FnOnce() -> I,
    I: Clone + Send + 'static,
    K: Keep<A>,
    K::Kept: Send + 'static,
    N: Fn(I) -> K::Kept + Send + Sync + 'static,
    J: Compare<K::Kept> + 'static,
    S: Size<K::Kept> + 'static,
{
    let Drawn { launch, copies } = drawn;
    if launch.is_test() {
        let (input, begun) = (capture(), Instant::now());
        let answer = control();
        let (took, begun) = (begun.elapsed(), Instant::now());
        let other = as_copy(1, || candidate(input));
        sample.test(&launch, &answer, other, Times { control: took, candidate: begun.elapsed() });
        return answer;
    }
    let entry = launch.enter(copies, capture);
    if let Entry::Nothing = entry {
        return control();
    }
    let begun = Instant::now();
    let answer = control();
    let pack = |parts| -> Packed { smallbox!(BlockingParts(Some(parts))) };
    sample.answered(&launch, entry, &answer, begun, candidate, pack);
    answer
}

/// How the answers of a sample are kept, compared and measured.
struct Sampled<K, J, S> {
    keep: K,
    compare: J,
    size: S,
}

impl<K, J, S> Sampled<K, J, S> {
    /// The control has answered: hands the sample on.
    #[inline]
    fn answered<A, I, N>(
        self,
        launch: &Shared,
        entry: Entry<I>,
        answer: &A,
        begun: Instant,
        candidate: N,
        pack: impl FnOnce(Parts<I, K::Kept, N, J, S>) -> Packed,
    ) where
        K: Keep<A>,
        S: Size<K::Kept>,
    {
        let at = Instant::now();
        let control = at.duration_since(begun);
        let Entry::Sample { input, copies } = entry else { return launch.read(control) };
        let dropped = contained(move || {
            let Self { keep, compare, size } = self;
            let most = launch.most_bytes();
            let Some(answer) = keep.keep(answer, |kept| size.bytes(kept) <= most) else {
                return Some(Reason::TooBig);
            };
            let packed = pack(Parts { input, answer, candidate, compare, size });
            launch.hand_in(Queued { packed, copies, control, at })
        });
        // A panic, also of what is dropped, is a reason of its own, so that nothing is counted twice.
        if let Some(reason) = dropped.unwrap_or(Some(Reason::Capture)) {
            launch.drops.0.count(reason, copies);
        }
    }

    /// Both have answered, in a test: panics where they do not agree.
    #[cold]
    fn test<A>(self, launch: &Shared, answer: &A, other: K::Kept, times: Times)
    where
        K: Keep<A>,
        J: Compare<K::Kept>,
    {
        let Some(answer) = self.keep.keep(answer, |_| true) else { return };
        let active = launch.active();
        let verdict = self.compare.compare_by(&active.rules, &answer, &other);
        let complaint = match &verdict {
            Verdict::Match | Verdict::Ignored => None,
            Verdict::Mismatch(differences) => Some(format!("answers differently: {differences}")),
            // Its text may hold what is redacted; reports keep none then either.
            Verdict::Failed(failure) if !active.policy.store.redact.is_empty() => {
                Some(format!("fails: {}", Printable(failure.class())))
            }
            Verdict::Failed(failure) => Some(format!("fails: {failure}")),
            Verdict::Unfit(error) => Some(format!("cannot be compared: {error}")),
        };
        active.recorder.compared(verdict, times, 1);
        if let Some(complaint) = complaint {
            fail(launch.name(), &complaint);
        }
    }
}

#[cold]
#[expect(clippy::panic, reason = "an engine for tests is asked to fail them")]
fn fail(name: &str, complaint: &str) -> ! {
    panic!("dark launch `{name}`: the candidate {complaint}")
}
