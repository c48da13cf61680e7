//! Whether the control is slower beside the candidate than alone.
//!
//! Times of the control are read in two situations: beside the candidate, and at rest, while the shadow pauses for a
//! moment. The limit is the 99th percentile at rest times the tolerated ratio; the control is called slower when more than
//! one in a hundred readings beside the candidate lie above it, by more than four standard deviations of what the two sets
//! would give by chance. A percentile of a few hundred readings would be off by more than the ratio most of the time; a
//! count of those over a limit tells how sure it is.

use std::collections::VecDeque;

/// Readings of the control, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    at_rest: VecDeque<u64>,
    beside: VecDeque<u64>,
}

impl Baseline {
    pub(super) fn at_rest(&mut self, nanoseconds: u64) {
        keep(&mut self.at_rest, nanoseconds, AT_REST);
    }

    pub(super) fn beside(&mut self, nanoseconds: u64) {
        keep(&mut self.beside, nanoseconds, BESIDE);
    }

    /// Whether enough is known of the control at rest.
    pub(super) fn is_known(&self) -> bool {
        self.at_rest.len() >= LEAST
    }

    /// Whether enough was read on both sides.
    pub(super) fn can_tell(&self) -> bool {
        self.is_known() && self.beside.len() >= LEAST
    }

    /// Begins to read beside the candidate anew.
    pub(super) fn begin(&mut self) {
        self.beside.clear();
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        self.at_rest.clear();
        self.beside.clear();
    }

    /// Whether the control takes more than so many times its 99th percentile at rest.
    pub(super) fn is_slower(&self, ratio: f64) -> bool {
        if !self.can_tell() {
            return false;
        }
        let (at_rest, beside) = (self.at_rest.len(), self.beside.len());
        let limit = percentile_99(&self.at_rest) as f64 * ratio;
        let over =
            self.beside.iter().filter(|reading| **reading as f64 > limit).count() as f64 / beside as f64;
        let spread = (SHARE * (1.0 - SHARE) * (1.0 / at_rest as f64 + 1.0 / beside as f64)).sqrt();
        over > SHARE + DEVIATIONS * spread
    }
}

fn keep(readings: &mut VecDeque<u64>, reading: u64, most: usize) {
    if readings.len() == most {
        readings.pop_front();
    }
    readings.push_back(reading);
}

fn percentile_99(readings: &VecDeque<u64>) -> u64 {
    let mut sorted: Vec<u64> = readings.iter().copied().collect();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(0)
}

/// What lies above a 99th percentile.
const SHARE: f64 = 0.01;
const DEVIATIONS: f64 = 4.0;
/// Fewer readings tell nothing about one in a hundred.
const LEAST: usize = 100;
/// How many are kept: the latest beside the candidate, so that a change shows soon.
const AT_REST: usize = 2_048;
const BESIDE: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    /// A number from 0 to 1, from a generator with a seed.
    fn noise(state: &mut u64) -> f64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A time with a long tail, around a microsecond.
    fn time(state: &mut u64) -> f64 {
        1_000.0 - 400.0 * (1.0 - noise(state)).ln()
    }

    #[test]
    fn a_control_that_is_the_same_is_hardly_ever_called_slower() {
        let (mut state, mut called) = (88_172_645_463_325_252, 0);
        for _ in 0..1_000 {
            let mut baseline = Baseline::default();
            (0..500).for_each(|_| baseline.at_rest(time(&mut state) as u64));
            (0..500).for_each(|_| baseline.beside(time(&mut state) as u64));
            called += u32::from(baseline.is_slower(1.10));
        }
        assert!(called <= 2, "{called} of 1,000");
    }

    #[test]
    fn a_control_that_is_a_fifth_slower_is_called_so() {
        let mut state = 88_172_645_463_325_252;
        let mut baseline = Baseline::default();
        (0..AT_REST).for_each(|_| baseline.at_rest((1_000_000.0 + time(&mut state)) as u64));
        (0..LEAST).for_each(|_| baseline.beside(((1_000_000.0 + time(&mut state)) * 1.2) as u64));
        assert!(baseline.is_slower(1.10));
        assert!(!baseline.is_slower(1.25));
        baseline.begin();
        assert!(!baseline.is_slower(1.10), "too few to tell");
    }

    #[test]
    fn readings_are_bounded() {
        let mut baseline = Baseline::default();
        for reading in 0..3 * AT_REST as u64 {
            baseline.at_rest(reading);
            baseline.beside(reading);
        }
        assert_eq!((baseline.at_rest.len(), baseline.beside.len()), (AT_REST, BESIDE));
        assert!(baseline.is_known());
        baseline.forget();
        assert!(!baseline.is_known());
    }
}
