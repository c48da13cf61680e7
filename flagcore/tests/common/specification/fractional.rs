//! `fractional`: a share of the subjects each (§2.6).

use std::collections::HashMap;
use std::sync::OnceLock;

use flagcore::bucketing::Bucketing;

use super::json::Json;
use super::rule::Rules;

impl Rules {
    /// The variant whose share a subject falls to; null where there is nothing to share out, or by.
    pub(crate) fn fractional(&self, operands: &Json, data: &Json) -> Json {
        self.share(operands, data).unwrap_or(Json::Null)
    }

    fn share(&self, operands: &Json, data: &Json) -> Option<Json> {
        // Shares are found by an object's members, so there are none for elements that are no objects.
        let (operands, Json::Object(_)) = (operands.as_list()?, data) else { return None };
        let (hash, entries) = match self.bucketing {
            Bucketing::V3 => self.hash_of_encoding(operands, data)?,
            _ => self.hash_of_text(operands, data)?,
        };
        let entries: Vec<(Json, u32)> = entries.iter().map(entry).collect::<Option<_>>()?;
        let total: u64 = entries.iter().map(|(_, weight)| u64::from(*weight)).sum();
        if total > MOST {
            return None;
        }
        match self.bucketing {
            Bucketing::V1 => by_percentage(hash, total, &entries),
            _ => by_weight(hash, total, &entries),
        }
    }

    /// v1 and v2: the first operand if it is a text, else the keys of flag and subject in a row. A first operand
    /// that is null counts for nothing; any other stays where it is, among the shares.
    fn hash_of_text<'o>(&self, operands: &'o [Json], data: &Json) -> Option<(u32, &'o [Json])> {
        let (text, entries) = match operands {
            [Json::Text(text), entries @ ..] => (text.clone(), entries),
            [Json::Null, entries @ ..] => (implicit(data)?.concat(), entries),
            entries => (implicit(data)?.concat(), entries),
        };
        Some((murmur(text.as_bytes()), entries))
    }

    /// v3: the CBOR encoding of the first operand if it is no share, else of the two keys.
    fn hash_of_encoding<'o>(&self, operands: &'o [Json], data: &Json) -> Option<(u32, &'o [Json])> {
        let (value, entries) = match operands {
            [Json::Null, ..] => return None,
            [Json::List(_), ..] | [] => (Json::List(implicit(data)?.map(Json::Text).into()), operands),
            [value, entries @ ..] => (value.clone(), entries),
        };
        Some((murmur(&cbor(&value)), entries))
    }
}

/// The most that weights may add up to.
const MOST: u64 = i32::MAX as u64;

/// The keys of flag and subject. There must be a subject.
fn implicit(data: &Json) -> Option<[String; 2]> {
    let flag = data.member("$flagd").member("flagKey").as_text().unwrap_or("").to_owned();
    let subject = data.member("targetingKey").as_text().unwrap_or("").to_owned();
    (!subject.is_empty()).then_some([flag, subject])
}

/// A share: a variant and its weight, 1 where none is given.
fn entry(share: &Json) -> Option<(Json, u32)> {
    let [variant, rest @ ..] = share.as_list()? else { return None };
    // A result names a variant by a scalar.
    if variant.is_composite() || *variant == Json::WholeZero {
        return None;
    }
    let weight = match rest.first() {
        None | Some(Json::Null) => 1.0,
        Some(Json::Number(x)) if x.fract() == 0.0 && *x <= MOST as f64 => x.max(0.0),
        Some(_) => return None,
    };
    Some((variant.clone(), weight as u32))
}

/// The first share whose end lies beyond the bucket.
fn by_weight(hash: u32, total: u64, entries: &[(Json, u32)]) -> Option<Json> {
    let bucket = (u64::from(hash) * total) >> 32;
    let mut end = 0;
    for (variant, weight) in entries {
        end += u64::from(*weight);
        if end > bucket {
            return Some(variant.clone());
        }
    }
    None
}

/// The first generation counts in percent and in floating point.
fn by_percentage(hash: u32, total: u64, entries: &[(Json, u32)]) -> Option<Json> {
    let bucket = f64::from(hash as i32).abs() / 2_147_483_647.0 * 100.0;
    let mut end = 0.0;
    for (variant, weight) in entries {
        end += 100.0 * f64::from(*weight) / total as f64;
        if end > bucket {
            return Some(variant.clone());
        }
    }
    None
}

pub(crate) fn murmur(bytes: &[u8]) -> u32 {
    murmur3::murmur3_32(&mut std::io::Cursor::new(bytes), 0).unwrap()
}

/// The core deterministic encoding of RFC 8949 §4.2.1.
pub(crate) fn cbor(value: &Json) -> Vec<u8> {
    match value {
        Json::Null => vec![0xf6],
        Json::Bool(false) => vec![0xf4],
        Json::Bool(true) => vec![0xf5],
        Json::WholeZero => vec![0],
        Json::Number(x) => cbor_number(*x),
        Json::Text(text) => [cbor_head(3, text.len() as u64), text.as_bytes().to_vec()].concat(),
        Json::List(items) => {
            [cbor_head(4, items.len() as u64), items.iter().flat_map(cbor).collect()].concat()
        }
        Json::Object(object) => {
            let mut encoded: Vec<(Vec<u8>, Vec<u8>)> =
                object.iter().map(|(name, value)| (cbor(&Json::text(name)), cbor(value))).collect();
            encoded.sort();
            let members = encoded.into_iter().flat_map(|(name, value)| [name, value].concat());
            [cbor_head(5, object.len() as u64), members.collect()].concat()
        }
        Json::Filled(value) => cbor(value),
    }
}

/// What stands before everything: a kind, and a length or an integer in as few bytes as will do.
fn cbor_head(kind: u8, number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let (mark, used): (u8, &[u8]) = match number {
        0..24 => (number as u8, &[]),
        24..0x100 => (24, &bytes[7..]),
        0x100..0x1_0000 => (25, &bytes[6..]),
        0x1_0000..0x1_0000_0000 => (26, &bytes[4..]),
        _ => (27, &bytes),
    };
    [&[kind << 5 | mark], used].concat()
}

/// A whole number of 64 bits as an integer, all others as the shortest float that is exact.
fn cbor_number(x: f64) -> Vec<u8> {
    let whole = x as i128;
    if x.fract() == 0.0 && i128::from(i64::MIN) <= whole && whole <= i128::from(u64::MAX) {
        return if whole < 0 { cbor_head(1, (-1 - whole) as u64) } else { cbor_head(0, whole as u64) };
    }
    let single = x as f32;
    match halves().get(&x.to_bits()) {
        _ if x.is_nan() => vec![0xf9, 0x7e, 0],
        Some(half) => [&[0xf9], &half.to_be_bytes()[..]].concat(),
        None if f64::from(single) == x => [&[0xfb - 1], &single.to_be_bytes()[..]].concat(),
        None => [&[0xfb], &x.to_be_bytes()[..]].concat(),
    }
}

/// Every number that half a float can hold, with its encoding.
fn halves() -> &'static HashMap<u64, u16> {
    static HALVES: OnceLock<HashMap<u64, u16>> = OnceLock::new();
    HALVES.get_or_init(|| {
        let number = |bits: u16| {
            let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let size = match exponent {
                0 => fraction * 2_f64.powi(-24),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
            };
            if sign == 1 { -size } else { size }
        };
        (0..=u16::MAX).map(|bits| (number(bits).to_bits(), bits)).collect()
    })
}
