//! Recognises items of lists again: values that are equal by the rules have equal hashes.

use xxhash_rust::xxh3::xxh3_64;

use super::pattern::Step;
use super::tree::{Node, Tree};
use super::walk::{States, Walk};

impl Walk<'_> {
    /// A number that is the same for all values that do not differ from this one. Says nothing of ignored places.
    pub(super) fn hash(&mut self, tree: &Tree, at: u32, states: &States) -> u64 {
        self.spare = self.spare.saturating_sub(1);
        let marks = self.marks(states);
        if marks.ignored {
            return IGNORED;
        }
        match tree.node(at) {
            Node::Null => 1,
            Node::Bool(value) => 2 + u64::from(value),
            Node::Whole(number) => self.number(number as f64),
            Node::Negative(number) => self.number(number as f64),
            Node::Float(number) => self.number(number),
            Node::Text(span) => xxh3_64(tree.bytes(span)),
            Node::Bytes(span) => !xxh3_64(tree.bytes(span)),
            Node::Map { .. } => {
                let members = tree.members(at);
                members.fold(MAP, |all, name| all.wrapping_add(self.member_hash(tree, name, states)))
            }
            Node::List { .. } => {
                let mut all = LIST;
                for (index, item) in tree.items(at).into_iter().enumerate() {
                    let reached = self.advance(states, Step::Index(index));
                    let hash = self.hash(tree, item, &reached);
                    self.states.truncate(reached.start);
                    let place = if marks.unordered { 0 } else { index as u64 };
                    all = all.wrapping_add(mixed(hash, place));
                }
                all
            }
        }
    }

    fn member_hash(&mut self, tree: &Tree, name: u32, states: &States) -> u64 {
        let reached = self.advance(states, Step::Name(tree.name(name)));
        let hash = self.hash(tree, name + 1, &reached);
        self.states.truncate(reached.start);
        // A member that is ignored may be missing.
        if hash == IGNORED { 0 } else { mixed(hash, xxh3_64(tree.name(name))) }
    }

    fn number(&self, number: f64) -> u64 {
        let whatever = self.rules.tolerance > 0.0 || number.is_nan();
        // Adding zero makes one of the two zeros.
        if whatever { NUMBER } else { mixed((number + 0.0).to_bits(), NUMBER) }
    }
}

/// Both numbers in one; the order counts.
fn mixed(one: u64, other: u64) -> u64 {
    let product = u128::from(one ^ 0x9e37_79b9_7f4a_7c15) * u128::from(other ^ 0xd1b5_4a32_d192_ed03);
    (product as u64) ^ (product >> 64) as u64 ^ one.rotate_left(23)
}

const IGNORED: u64 = 0;
const NUMBER: u64 = 0x51_7c_c1_b7_27_22_0a_95;
const LIST: u64 = 0x2545_f491_4f6c_dd1d;
const MAP: u64 = 0x8ebc_6af0_9c88_c6e3;
