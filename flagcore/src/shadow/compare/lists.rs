//! Differences of lists: what was taken out or put in is one difference, and does not make all items after it differ.
//!
//! What both lists begin and end with is set aside. Of the rest, items that are equal are recognised by their hash,
//! wherever they stand; where those have moved, the order differs. What then remains is paired, similar items first,
//! and compared item by item.

use std::collections::HashMap;

use super::difference::DifferenceKind;
use super::walk::{Side, States, Walk};

/// An item: its index in its list, and its place in the tree.
type Item = (usize, u32);

/// Items of two lists that have no equal on the other side.
struct Left {
    control: Vec<Item>,
    candidate: Vec<Item>,
    /// Whether equal items stand in another order.
    moved: bool,
}

impl Walk<'_> {
    pub(super) fn lists(&mut self, i: u32, j: u32, at: States) {
        let (ones, others) = (self.control.items(i), self.candidate.items(j));
        if self.is_weighing() {
            let surplus = ones.len().abs_diff(others.len());
            self.add_weight(u32::try_from(surplus).unwrap_or(u32::MAX).saturating_mul(WEIGHT_OF_ITEM));
            return self.in_order(numbered(&ones), numbered(&others), &at);
        }
        if ones.len() != others.len() {
            let (one, other) = (Side::Items(ones.len()), Side::Items(others.len()));
            self.note(DifferenceKind::Length, one, other, &at);
        }
        let (ones, others) = (numbered(&ones), numbered(&others));
        let pairs = ones.iter().zip(&others);
        let begin = pairs.take_while(|(one, other)| self.are_equal(**one, **other, &at)).count();
        let (ones, others) = (ones.get(begin..).unwrap_or_default(), others.get(begin..).unwrap_or_default());
        let pairs = ones.iter().rev().zip(others.iter().rev());
        let end = pairs.take_while(|(one, other)| self.are_equal(**one, **other, &at)).count();
        let ones = ones.get(..ones.len() - end).unwrap_or_default();
        let others = others.get(..others.len() - end).unwrap_or_default();
        self.rest_of_lists((i, j), ones.to_vec(), others.to_vec(), &at);
    }

    fn rest_of_lists(&mut self, lists: (u32, u32), ones: Vec<Item>, others: Vec<Item>, at: &States) {
        if ones.len().min(others.len()) == 0 || ones.len().max(others.len()) == 1 {
            return self.in_order(ones, others, at);
        }
        let in_place = ones.len() == others.len();
        let left = self.unrecognised(ones, others, in_place, at);
        if left.moved {
            self.note(DifferenceKind::Order, Side::Value(lists.0), Side::Value(lists.1), at);
        }
        if in_place && !left.moved {
            return self.in_order(left.control, left.candidate, at);
        }
        // Of a list the items without a partner are told as its length.
        self.paired(left.control, left.candidate, at);
    }

    pub(super) fn multisets(&mut self, i: u32, j: u32, at: States) {
        let (ones, others) = (numbered(&self.control.items(i)), numbered(&self.candidate.items(j)));
        let left = self.unrecognised(ones, others, false, &at);
        if self.is_weighing() {
            let differing = left.control.len().max(left.candidate.len());
            return self
                .add_weight(u32::try_from(differing).unwrap_or(u32::MAX).saturating_mul(WEIGHT_OF_ITEM));
        }
        let (ones, others) = self.paired(left.control, left.candidate, &at);
        for (index, one) in ones {
            self.at_items((index, index), &at, |walk, at| walk.lone(DifferenceKind::Missing, one, &at));
        }
        for (index, other) in others {
            self.at_items((index, index), &at, |walk, at| walk.lone(DifferenceKind::Extra, other, &at));
        }
    }

    /// Whether two items are equal; no where that may not be asked any more.
    fn are_equal(&mut self, one: Item, other: Item, at: &States) -> bool {
        self.spare > 0 && self.at_items((one.0, other.0), at, |walk, at| walk.is_equal(one.1, other.1, &at))
    }

    /// Takes away the items that have an equal on the other side, first those at the same place if that is asked for.
    fn unrecognised(&mut self, ones: Vec<Item>, others: Vec<Item>, in_place: bool, at: &States) -> Left {
        let mut left = Left { control: Vec::new(), candidate: Vec::new(), moved: false };
        let mut taken = vec![false; others.len()];
        let mut searched = Vec::new();
        for (nth, one) in ones.into_iter().enumerate() {
            let there = others.get(nth).filter(|_| in_place);
            match (there, taken.get_mut(nth)) {
                (Some(other), Some(taken)) if self.are_equal(one, *other, at) => *taken = true,
                _ => searched.push(one),
            }
        }
        let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
        for (nth, (index, other)) in others.iter().enumerate().rev() {
            if self.spare > 0 && !taken.get(nth).is_some_and(|taken| *taken) {
                let tree = self.candidate;
                let hash = self.at_items((*index, *index), at, |walk, at| walk.hash(tree, *other, &at));
                by_hash.entry(hash).or_default().push(nth);
            }
        }
        let mut last = None;
        for (index, one) in searched {
            let tree = self.control;
            let hash = if self.spare == 0 {
                0
            } else {
                self.at_items((index, index), at, |walk, at| walk.hash(tree, one, &at))
            };
            let Some(nth) = self.take_equal((index, one), by_hash.get_mut(&hash), &others, at) else {
                left.control.push((index, one));
                continue;
            };
            if let Some(taken) = taken.get_mut(nth) {
                *taken = true;
            }
            left.moved |= in_place || last.is_some_and(|last| nth < last);
            last = Some(nth);
        }
        let rest = others.into_iter().zip(taken).filter(|(_, taken)| !taken).map(|(other, _)| other);
        left.candidate.extend(rest);
        if self.spare == 0 && !self.is_weighing() {
            self.note_partial();
        }
        left
    }

    /// Takes the first item that equals another out of those of the same hash, of which the last is the first in its list.
    fn take_equal(
        &mut self,
        one: Item,
        alike: Option<&mut Vec<usize>>,
        others: &[Item],
        at: &States,
    ) -> Option<usize> {
        let alike = alike?;
        let tried = (0..alike.len()).rev().take(MOST_ALIKE);
        let place = tried.into_iter().find(|place| {
            let other = alike.get(*place).and_then(|nth| others.get(*nth));
            other.is_some_and(|other| self.are_equal(one, *other, at))
        })?;
        Some(alike.remove(place))
    }

    /// Compares items with those that are most like them; gives back those without a partner.
    fn paired(&mut self, ones: Vec<Item>, others: Vec<Item>, at: &States) -> (Vec<Item>, Vec<Item>) {
        let is_plain = ones.len().max(others.len()) == 1;
        if is_plain || ones.len().saturating_mul(others.len()) > MOST_PAIRS {
            if !is_plain {
                self.note_partial();
            }
            return self.in_order_with_rest(ones, others, at);
        }
        let mut weights = Vec::with_capacity(ones.len() * others.len());
        for (n, one) in ones.iter().enumerate() {
            for (m, other) in others.iter().enumerate() {
                if self.spare == 0 {
                    self.note_partial();
                    return self.in_order_with_rest(ones, others, at);
                }
                let weight =
                    self.at_items((one.0, other.0), at, |walk, at| walk.unlikeness(one.1, other.1, &at));
                weights.push((weight, n.abs_diff(m), n, m));
            }
        }
        weights.sort_unstable();
        let (mut of_ones, mut of_others) = (vec![None; ones.len()], vec![false; others.len()]);
        for (_, _, n, m) in weights {
            if let (Some(partner @ None), Some(taken @ false)) = (of_ones.get_mut(n), of_others.get_mut(m)) {
                (*partner, *taken) = (Some(m), true);
            }
        }
        let mut alone = Vec::new();
        for (one, partner) in ones.into_iter().zip(of_ones) {
            match partner.and_then(|partner| others.get(partner)) {
                Some(other) => {
                    self.at_items((one.0, other.0), at, |walk, at| walk.values(one.1, other.1, at))
                }
                None => alone.push(one),
            }
        }
        let others = others.into_iter().zip(of_others).filter(|(_, taken)| !taken).map(|(other, _)| other);
        (alone, others.collect())
    }

    /// Compares items as they stand, as far as both have some.
    fn in_order(&mut self, ones: Vec<Item>, others: Vec<Item>, at: &States) {
        self.in_order_with_rest(ones, others, at);
    }

    fn in_order_with_rest(
        &mut self,
        mut ones: Vec<Item>,
        mut others: Vec<Item>,
        at: &States,
    ) -> (Vec<Item>, Vec<Item>) {
        let both = ones.len().min(others.len());
        for (one, other) in ones.drain(..both).zip(others.drain(..both)) {
            if self.is_heavy() {
                break;
            }
            self.at_items((one.0, other.0), at, |walk, at| walk.values(one.1, other.1, at));
        }
        (ones, others)
    }
}

fn numbered(items: &[u32]) -> Vec<Item> {
    items.iter().copied().enumerate().collect()
}

/// What an item too many weighs, as much as another value.
const WEIGHT_OF_ITEM: u32 = 2;

/// How many items of one hash are tried: more have it only where numbers need not be equal.
const MOST_ALIKE: usize = 16;

/// How many pairs are weighed to find the most similar ones.
const MOST_PAIRS: usize = 1_024;
