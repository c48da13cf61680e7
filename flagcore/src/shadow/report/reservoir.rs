//! A uniform part of a stream of unknown length: whenever one looks, each item seen so far is as likely to be kept.
//!
//! Source: Vitter, "Random Sampling with a Reservoir", 1985, algorithm R.

use super::random::Random;

/// At most so many items, uniformly drawn.
#[derive(Clone, Debug)]
pub(super) struct Reservoir<T> {
    kept: Vec<T>,
    seen: u64,
    most: usize,
}

impl<T> Reservoir<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Vec::new(), seen: 0, most }
    }

    /// Draws: `Some` place, in which the next item is to be put.
    pub(super) fn draw(&mut self, random: &mut Random) -> Option<usize> {
        self.seen += 1;
        if self.kept.len() < self.most {
            return Some(self.kept.len());
        }
        let place = usize::try_from(random.below(self.seen)).unwrap_or(usize::MAX);
        (place < self.most).then_some(place)
    }

    /// Puts an item where it was drawn; gives back the one that it takes the place of.
    pub(super) fn put(&mut self, place: usize, item: T) -> Option<T> {
        match self.kept.get_mut(place) {
            Some(old) => Some(std::mem::replace(old, item)),
            None => {
                self.kept.push(item);
                None
            }
        }
    }

    /// From now on keeps fewer; the rest is let go by lot. It never keeps more than at first: what was let go
    /// cannot be had back, and later items must not be the likelier ones.
    pub(super) fn shrink(&mut self, most: usize, random: &mut Random, mut gone: impl FnMut(T)) {
        self.most = self.most.min(most);
        while self.kept.len() > self.most {
            let place = random.below(self.kept.len() as u64) as usize;
            gone(self.kept.swap_remove(place));
        }
    }

    pub(super) fn items(&self) -> &[T] {
        &self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seen: usize, most: usize, random: &mut Random) -> Reservoir<usize> {
        let mut reservoir = Reservoir::new(most);
        for item in 0..seen {
            if let Some(place) = reservoir.draw(random) {
                reservoir.put(place, item);
            }
        }
        reservoir
    }

    #[test]
    fn each_item_is_as_likely_to_be_kept() {
        const RUNS: u32 = 20_000;
        for (seen, most) in [(1, 20), (20, 20), (21, 20), (100, 20), (1_000, 5), (50, 1)] {
            let mut random = Random::new(7);
            let mut kept = vec![0_u32; seen];
            for _ in 0..RUNS {
                let reservoir = drawn(seen, most, &mut random);
                assert_eq!(reservoir.items().len(), seen.min(most));
                reservoir.items().iter().for_each(|item| kept[*item] += 1);
            }
            let share = (most as f64 / seen as f64).min(1.0);
            let expected = f64::from(RUNS) * share;
            // Six standard deviations: one false alarm in a hundred million items.
            let wide = 6.0 * (expected * (1.0 - share)).sqrt() + 1e-9;
            for (item, times) in kept.iter().enumerate() {
                assert!(
                    (f64::from(*times) - expected).abs() <= wide,
                    "{item} of {seen}: {times}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn fewer_are_let_go_by_lot() {
        const RUNS: u32 = 20_000;
        let mut random = Random::new(3);
        let mut kept = [0_u32; 60];
        for _ in 0..RUNS {
            let mut reservoir = drawn(40, 20, &mut random);
            let mut gone = 0;
            reservoir.shrink(5, &mut random, |_| gone += 1);
            reservoir.shrink(10, &mut random, |_| gone += 1);
            assert_eq!((gone, reservoir.items().len()), (15, 5));
            for item in 40..60 {
                if let Some(place) = reservoir.draw(&mut random) {
                    reservoir.put(place, item);
                }
            }
            reservoir.items().iter().for_each(|item| kept[*item] += 1);
        }
        let expected = f64::from(RUNS) * 5.0 / 60.0;
        let wide = 6.0 * expected.sqrt();
        assert!(
            kept.iter().all(|times| (f64::from(*times) - expected).abs() <= wide),
            "{kept:?} not {expected}"
        );
    }
}
