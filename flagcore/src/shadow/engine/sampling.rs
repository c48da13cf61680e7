//! Which calls are samples: a threshold against a thread's own dice, or against the hash of a user.

use std::cell::Cell;
use std::hash::BuildHasher;

use crate::bucketing::Murmur;

/// The threshold of all calls; half of it is half of them.
pub(super) const ALL: u64 = 1 << 32;

/// The threshold of a share of 0 to 1; what is no number is none.
pub(super) fn threshold(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * ALL as f64).round() as u64
}

/// Throws the thread's dice: 32 bits. A few instructions, no memory but the thread's own.
#[inline]
pub(super) fn throw() -> u32 {
    DICE.with(|dice| {
        let mut state = dice.get();
        if state == 0 {
            state = seed();
        }
        // xorshift64* (Marsaglia 2003, Vigna 2016).
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        dice.set(state);
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    })
}

/// A user's own 32 bits under a salt: the same at every call.
#[inline]
pub(super) fn of_user(salt: Murmur, targeting_key: &str) -> u32 {
    salt.with(targeting_key.as_bytes()).finish()
}

/// The salt of a shadow: users drawn for one are not those drawn for another.
pub(super) fn salt(id: &str) -> Murmur {
    Murmur::new().with(b"shadow:").with(id.as_bytes()).with(b":")
}

/// A number that differs from thread to thread and from run to run; never 0.
#[cold]
pub(super) fn seed() -> u64 {
    foldhash::quality::RandomState::default().hash_one(std::thread::current().id()) | 1
}

thread_local! {
    static DICE: Cell<u64> = const { Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_thresholds() {
        let cases = [(0.0, 0), (0.5, ALL / 2), (1.0, ALL), (2.0, ALL), (-1.0, 0), (f64::NAN, 0)];
        for (share, expected) in cases {
            assert_eq!(threshold(share), expected, "{share}");
        }
    }

    #[test]
    fn the_dice_hit_a_share_about_as_often_as_it_says() {
        for share in [0.01, 0.1, 0.5, 0.99] {
            let hits = (0..100_000).filter(|_| u64::from(throw()) < threshold(share)).count() as f64;
            let spread = 6.0 * (100_000.0 * share * (1.0 - share)).sqrt();
            assert!((hits - 100_000.0 * share).abs() < spread, "{hits} of 100,000 at {share}");
        }
    }

    #[test]
    fn a_share_of_everything_takes_everyone() {
        assert!((0..1_000).all(|_| u64::from(throw()) < ALL));
        assert!((0..1_000).all(|_| u64::from(throw()) >= threshold(0.0)));
    }

    #[test]
    fn users_drawn_for_one_shadow_are_not_those_drawn_for_another() {
        let (a, b) = (salt("a"), salt("b"));
        let drawn = |salt, share| {
            let is_drawn =
                move |user: &u32| u64::from(of_user(salt, &format!("user-{user}"))) < threshold(share);
            (0..10_000).filter(is_drawn).collect::<Vec<u32>>()
        };
        let (of_a, of_b) = (drawn(a, 0.1), drawn(b, 0.1));
        assert!((800..1_200).contains(&of_a.len()) && (800..1_200).contains(&of_b.len()));
        let both = of_a.iter().filter(|user| of_b.contains(user)).count();
        assert!((40..200).contains(&both), "{both} in both");
        assert!(of_a.iter().all(|user| drawn(a, 0.2).contains(user)), "a greater share keeps who was in");
    }
}
