//! Targeting key and salt to a number, and a number to a share.
//!
//! Three generations exist in the field, and the same user falls into different shares under each, so the
//! generation is named, pinned in the flag file or by the embedder, and never changed silently.
//!
//! | | hashed | arithmetic |
//! | --- | --- | --- |
//! | [`V1`](Bucketing::V1) | the text | `\|hash as i32\| / i32::MAX × 100` against cumulative percentages, floating point |
//! | [`V2`](Bucketing::V2) | the text | `(hash × total weight) >> 32` against cumulative weights, whole numbers |
//! | [`V3`](Bucketing::V3) | its CBOR encoding (RFC 8949 §4.2.1) | as v2 |
//!
//! The hash is MurmurHash3 x86 32-bit, seed 0 (Austin Appleby, public domain), the same on every machine.
//!
//! # Examples
//!
//! ```
//! use flagcore::bucketing::{Murmur, bucket};
//!
//! let hash = Murmur::of(b"kuser-1");
//! assert_eq!(hash, 2_131_630_810);
//! assert_eq!(bucket(hash, 100), 49); // of 0 to 99
//! ```

use std::fmt;
use std::str::FromStr;

/// A generation of bucketing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bucketing {
    /// Percentages in floating point: the reference up to 0.14 and the Rust provider of the community.
    V1,
    /// Whole-number shares of a hash of the text: the reference from 0.15 on.
    #[default]
    V2,
    /// Whole-number shares of a hash of the value's CBOR encoding: accepted upstream, not yet in the reference.
    V3,
}

impl Bucketing {
    /// Every generation with its name in flag files and options.
    pub const NAMES: [(&'static str, Bucketing); 3] =
        [("v1", Bucketing::V1), ("v2", Bucketing::V2), ("v3", Bucketing::V3)];
}

impl fmt::Display for Bucketing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(_, it)| it == self).map_or("", |(name, _)| name))
    }
}

impl FromStr for Bucketing {
    type Err = UnknownBucketing;

    fn from_str(name: &str) -> Result<Self, UnknownBucketing> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, it)| *it).ok_or(UnknownBucketing)
    }
}

/// A name that is no generation of bucketing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownBucketing;

impl fmt::Display for UnknownBucketing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a generation of bucketing; write `v1`, `v2` or `v3`")
    }
}

impl std::error::Error for UnknownBucketing {}

/// The share, from 0 to `total - 1`, in which a hash falls: v2 and v3.
#[inline]
pub const fn bucket(hash: u32, total: u32) -> u32 {
    // Both factors are below 2^32, so the product fits and the quotient is below `total`.
    ((hash as u64 * total as u64) >> 32) as u32
}

/// The percentage, from 0 to a hair over 100, in which a hash falls: v1.
pub fn percentage(hash: u32) -> f64 {
    f64::from(hash as i32).abs() / f64::from(i32::MAX) * 100.0
}

/// Weights in a row, as cumulative thresholds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    /// `ends[i]` is one past the last bucket of entry `i`.
    ends: Box<[u32]>,
}

impl Shares {
    /// The largest sum of weights.
    pub const MOST: u32 = i32::MAX as u32;

    /// Shares of these weights, in order; `None` when they add up to more than [`Shares::MOST`].
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Option<Self> {
        let mut end = 0_u32;
        let ends: Option<Box<[u32]>> = weights
            .into_iter()
            .map(|weight| {
                end = end.checked_add(weight).filter(|end| *end <= Self::MOST)?;
                Some(end)
            })
            .collect();
        Some(Self { ends: ends? })
    }

    /// The sum of the weights.
    #[inline]
    pub fn total(&self) -> u32 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// One past the last bucket of each entry.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Which entry a hash falls to; `None` when all weights are zero (v1 also: at the very end of the range).
    #[inline]
    pub fn pick(&self, bucketing: Bucketing, hash: u32) -> Option<usize> {
        if bucketing == Bucketing::V1 {
            return self.pick_by_percentage(hash);
        }
        let bucket = bucket(hash, self.total());
        // Nearly all splits have a handful of entries; a scan beats a search there.
        if self.ends.len() <= 16 {
            self.ends.iter().position(|end| bucket < *end)
        } else {
            let at = self.ends.partition_point(|end| *end <= bucket);
            (at < self.ends.len()).then_some(at)
        }
    }

    /// v1 adds percentages up in floating point; the order of additions is part of the result.
    #[cold]
    fn pick_by_percentage(&self, hash: u32) -> Option<usize> {
        let (share, total) = (percentage(hash), f64::from(self.total()));
        let (mut end, mut before) = (0.0, 0);
        self.ends.iter().position(|next| {
            end += f64::from(next - before) * 100.0 / total;
            before = *next;
            share < end
        })
    }
}

/// MurmurHash3 x86 32-bit, seed 0, fed piece by piece.
///
/// Copying it remembers a prefix: the state after a constant prefix is computed once, when a flag is
/// compiled, and an evaluation hashes only what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Murmur {
    hash: u32,
    /// Up to three bytes that do not fill a block yet, lowest first.
    tail: u32,
    tail_bytes: u32,
    length: u32,
}

impl Murmur {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;

    /// The state before any byte.
    pub const fn new() -> Self {
        Self { hash: 0, tail: 0, tail_bytes: 0, length: 0 }
    }

    /// The hash of one piece.
    #[inline]
    pub fn of(bytes: &[u8]) -> u32 {
        Self::new().with(bytes).finish()
    }

    /// The state after `bytes` too.
    #[inline]
    #[must_use]
    pub fn with(mut self, bytes: &[u8]) -> Self {
        self.write(bytes);
        self
    }

    /// Takes more bytes.
    // PERF: the distance by which blocks are shifted is a constant in each arm (benchmark `eval`, rollout).
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) {
        self.length = self.length.wrapping_add(bytes.len() as u32);
        match self.tail_bytes {
            0 => self.write_behind::<0>(bytes),
            1 => self.write_behind::<8>(bytes),
            2 => self.write_behind::<16>(bytes),
            _ => self.write_behind::<24>(bytes),
        }
    }

    /// Takes more bytes behind a tail of so many bits.
    #[inline(always)]
    fn write_behind<const BITS: u32>(&mut self, bytes: &[u8]) {
        let (blocks, odd) = bytes.as_chunks::<4>();
        let (mut hash, mut tail) = (self.hash, self.tail);
        for block in blocks {
            // Each block is the end of the one before and the beginning of this one.
            let block = u32::from_le_bytes(*block);
            hash = Self::mixed(hash, tail | block << BITS);
            tail = if BITS == 0 { 0 } else { block >> (32 - BITS) };
        }
        let last = match odd {
            [] => {
                (self.hash, self.tail) = (hash, tail);
                return;
            }
            [a] => u32::from(*a),
            [a, b] => u32::from(*a) | u32::from(*b) << 8,
            [a, b, c, ..] => u32::from(*a) | u32::from(*b) << 8 | u32::from(*c) << 16,
        };
        let mut tail = u64::from(tail) | u64::from(last) << BITS;
        self.tail_bytes = BITS / 8 + odd.len() as u32;
        if self.tail_bytes >= 4 {
            hash = Self::mixed(hash, tail as u32);
            tail >>= 32;
            self.tail_bytes -= 4;
        }
        (self.hash, self.tail) = (hash, tail as u32);
    }

    /// The hash of everything taken.
    #[inline]
    pub fn finish(self) -> u32 {
        let mut hash = self.hash;
        if self.tail_bytes != 0 {
            hash ^= Self::scramble(self.tail);
        }
        hash ^= self.length;
        hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
        hash ^ hash >> 16
    }

    #[inline]
    const fn mixed(hash: u32, block: u32) -> u32 {
        (hash ^ Self::scramble(block)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    }

    #[inline]
    const fn scramble(block: u32) -> u32 {
        block.wrapping_mul(Self::C1).rotate_left(15).wrapping_mul(Self::C2)
    }
}

/// The core deterministic CBOR encoding of JSON values, written straight into a hash: v3.
pub mod cbor {
    use super::Murmur;

    /// `null`, `false` or `true`.
    pub fn simple(hash: &mut Murmur, value: Option<bool>) {
        hash.write(&[match value {
            None => 0xf6,
            Some(false) => 0xf4,
            Some(true) => 0xf5,
        }]);
    }

    /// A text.
    pub fn text(hash: &mut Murmur, text: &str) {
        text_header(hash, text.len());
        hash.write(text.as_bytes());
    }

    /// What stands before the bytes of a text.
    #[inline]
    pub fn text_header(hash: &mut Murmur, length: usize) {
        header(hash, 3, length as u64);
    }

    /// What stands before the items of a list.
    pub fn list_header(hash: &mut Murmur, length: usize) {
        header(hash, 4, length as u64);
    }

    /// What stands before the members of a structure, which follow in the order of their encoded names.
    pub fn structure_header(hash: &mut Murmur, length: usize) {
        header(hash, 5, length as u64);
    }

    /// The order of names: of their encodings, which is shorter first, then by bytes.
    pub fn name_order(a: &str, b: &str) -> std::cmp::Ordering {
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    }

    /// A number: whole ones in the 64-bit ranges as integers, the rest as the shortest exact float.
    pub fn number(hash: &mut Murmur, x: f64) {
        const BELOW: f64 = 18_446_744_073_709_551_616.0;
        const LEAST: f64 = -9_223_372_036_854_775_808.0;
        if x.fract() == 0.0 && (LEAST..BELOW).contains(&x) {
            return if x < 0.0 {
                header(hash, 1, (-1 - x as i128) as u64)
            } else {
                header(hash, 0, x as u64)
            };
        }
        if let Some(half) = half_precision(x) {
            hash.write(&[0xf9]);
            hash.write(&half.to_be_bytes());
        } else if f64::from(x as f32) == x {
            hash.write(&[0xfa]);
            hash.write(&(x as f32).to_be_bytes());
        } else {
            hash.write(&[0xfb]);
            hash.write(&x.to_be_bytes());
        }
    }

    #[inline]
    fn header(hash: &mut Murmur, major: u8, value: u64) {
        let major = major << 5;
        match value {
            0..=23 => hash.write(&[major | value as u8]),
            24..=0xff => hash.write(&[major | 24, value as u8]),
            0x100..=0xffff => {
                hash.write(&[major | 25]);
                hash.write(&(value as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                hash.write(&[major | 26]);
                hash.write(&(value as u32).to_be_bytes());
            }
            _ => {
                hash.write(&[major | 27]);
                hash.write(&value.to_be_bytes());
            }
        }
    }

    /// The bits of a half-precision float of exactly this value.
    fn half_precision(x: f64) -> Option<u16> {
        if x.is_nan() {
            return Some(0x7e00);
        }
        let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
        if x.is_infinite() {
            return Some(sign | 0x7c00);
        }
        let bits = x.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
        let fraction = bits & ((1 << 52) - 1);
        match exponent {
            -14..=15 if fraction.trailing_zeros() >= 42 => {
                Some(sign | ((exponent + 15) as u16) << 10 | (fraction >> 42) as u16)
            }
            // Below the normal range: a multiple of 2^-24.
            -24..=-15 => {
                let scaled = x.abs() * f64::from(1 << 24);
                (scaled.fract() == 0.0).then_some(sign | scaled as u16)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        for (text, hash) in [
            ("", 0),
            ("a", 1_009_084_850),
            ("ab", 2_613_040_991),
            ("abc", 3_017_643_002),
            ("abcd", 1_139_631_978),
            ("hello", 613_153_351),
            ("héllo", 3_164_577_896),
            ("日本", 3_302_619_458),
            ("😀", 3_199_479_546),
            ("user-1", 4_171_401_059),
            ("kuser-1", 2_131_630_810),
            ("kuser-2", 1_964_326_037),
            ("ejOoVL", 0),
            ("bY9fO-", 1),
            ("SI7p-", 2_147_483_647),
            ("6LvT0", 2_147_483_648),
            ("ceQdGm", 4_294_967_295),
            ("headerColorjon@company.com", 2_152_463_623),
        ] {
            assert_eq!(Murmur::of(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn pieces_hash_like_the_whole() {
        let text = b"the quick brown fox";
        for cut in 0..=text.len() {
            for again in cut..=text.len() {
                let pieces = Murmur::new().with(&text[..cut]).with(&text[cut..again]).with(&text[again..]);
                assert_eq!(pieces.finish(), Murmur::of(text));
            }
        }
    }

    #[test]
    fn cbor_vectors() {
        let hash_of = |write: &dyn Fn(&mut Murmur)| {
            let mut hash = Murmur::new();
            write(&mut hash);
            hash.finish()
        };
        assert_eq!(hash_of(&|h| cbor::simple(h, Some(true))), 836_216_331);
        assert_eq!(hash_of(&|h| cbor::simple(h, Some(false))), 116_478_471);
        for (x, hash) in [
            (0.0, 1_364_076_727),
            (-0.0, 1_364_076_727),
            (1.0, 3_831_157_163),
            (-1.0, 2_129_959_832),
            (1.5, 346_941_878),
            (9_223_372_036_854_775_808.0, 2_583_063_103),
            (1e300, 2_973_154_037),
        ] {
            assert_eq!(hash_of(&|h| cbor::number(h, x)), hash, "{x}");
        }
        assert_eq!(hash_of(&|h| cbor::text(h, "")), 661_569_231);
        assert_eq!(hash_of(&|h| cbor::text(h, "user-1")), 1_431_628_768);
        let pair = hash_of(&|h| {
            cbor::list_header(h, 2);
            cbor::text(h, "k");
            cbor::text(h, "user-1");
        });
        assert_eq!(pair, 725_327_399);
        let structure = hash_of(&|h| {
            cbor::structure_header(h, 2);
            cbor::text(h, "a");
            cbor::list_header(h, 2);
            cbor::simple(h, None);
            cbor::number(h, 1.0);
            cbor::text(h, "b");
            cbor::number(h, 1.0);
        });
        assert_eq!(structure, 870_253_641);
    }

    #[test]
    fn shares_end_where_weights_say() {
        let shares = Shares::new([0, 1, 0, 1]).unwrap();
        assert_eq!(shares.pick(Bucketing::V2, 0), Some(1));
        assert_eq!(shares.pick(Bucketing::V2, u32::MAX), Some(3));
        assert_eq!(shares.pick(Bucketing::V1, 0), Some(1));
        // The first generation leaves the end of the range to nobody.
        assert_eq!(shares.pick(Bucketing::V1, 0x7fff_ffff), None);
        assert_eq!(Shares::new([0, 0]).unwrap().pick(Bucketing::V2, 7), None);
        assert!(Shares::new([Shares::MOST]).is_some());
        assert!(Shares::new([Shares::MOST, 1]).is_none());
        let many = Shares::new(std::iter::repeat_n(3, 1_000)).unwrap();
        for hash in [0, 1, 1 << 20, 1 << 31, u32::MAX] {
            let bucket = bucket(hash, many.total());
            assert_eq!(many.pick(Bucketing::V3, hash), Some(bucket as usize / 3));
        }
    }
}
