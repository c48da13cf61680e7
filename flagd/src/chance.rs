//! Chance: what keeps many from doing the same thing at the same moment.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// A length of time from `least` up to `most`, any as likely as another.
pub fn between(least: Duration, most: Duration) -> Duration {
    // Keyed anew each time: good enough for what need not be secret.
    at(RandomState::new().build_hasher().finish(), least, most)
}

fn at(chance: u64, least: Duration, most: Duration) -> Duration {
    // The upper half is as random as the whole, and a division by a power of two is exact.
    let share = f64::from(u32::try_from(chance >> 32).unwrap_or(u32::MAX)) / 2_f64.powi(32);
    least + most.saturating_sub(least).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_within_its_bounds() {
        let (least, most) = (Duration::from_secs(300), Duration::from_secs(570));
        assert_eq!(at(0, least, most), least);
        assert_eq!(at(1 << 63, least, most), Duration::from_secs(435));
        let longest = at(u64::MAX, least, most);
        assert!(longest < most && longest > most - Duration::from_millis(1), "{longest:?}");
        assert_eq!(at(u64::MAX, most, least), most);
        assert_eq!(between(most, most), most);
    }

    #[test]
    fn many_are_spread_evenly() {
        let mut slices = [0; 10];
        for _ in 0..10_000 {
            slices[between(Duration::ZERO, Duration::from_secs(10)).as_secs() as usize] += 1;
        }
        // A thousand each; 200 more or less is six times what chance does.
        assert!(slices.iter().all(|count| (800..1_200).contains(count)), "{slices:?}");
    }
}
