//! Numbers and versions as texts, against others' and plain readings of them.

mod common;

use std::cmp::Ordering;

use common::mutation::Random;
use common::specification::number as plain;
use common::specification::number::Reading;
use common::specification::{Json, fractional};
use flagcore::bucketing::Murmur;
use flagcore::number::{self, ParseFault};
use flagcore::version::Version;

/// Strict versions with numbers of 64 bits: what both understand. Ours also takes versions cut short, a `v`
/// before them, and numbers of any size.
#[test]
fn strict_versions_are_ordered_as_by_semver() {
    let mut random = Random(5);
    let versions: Vec<String> = (0..400).map(|_| version(&mut random)).collect();
    for a in &versions {
        for b in &versions {
            let wanted =
                semver::Version::parse(a).unwrap().cmp_precedence(&semver::Version::parse(b).unwrap());
            let found = Version::parse(a).unwrap().compare(&Version::parse(b).unwrap());
            assert_eq!(found, wanted, "{a} {b}");
        }
    }
}

#[test]
fn what_is_no_version_to_semver_is_none_to_us() {
    let mut random = Random(6);
    let (mut valid, mut invalid) = (0, 0);
    for _ in 0..20_000 {
        let mut text: Vec<char> = version(&mut random).chars().collect();
        for _ in 0..random.below(3) {
            let at = random.below(text.len());
            text[at] = ['0', '1', '.', '-', '+', 'a', ' ', 'é', '_'][random.below(9)];
        }
        let text: String = text.into_iter().collect();
        // Numbers of more than 64 bits are fine to us.
        if text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 19) {
            continue;
        }
        // Cut short it is a version to us, but only without anything behind it.
        let whole = text.split(['-', '+']).next().unwrap().matches('.').count() >= 2;
        let wanted = semver::Version::parse(&text).is_ok();
        if whole {
            assert_eq!(Version::parse(&text).is_some(), wanted, "{text}");
            *if wanted { &mut valid } else { &mut invalid } += 1;
        } else if text.contains(['-', '+']) {
            assert!(Version::parse(&text).is_none(), "{text}");
        }
    }
    assert!(valid > 1_000 && invalid > 1_000, "{valid} valid, {invalid} not");
}

#[test]
fn versions_cut_short_mean_zeros() {
    for (short, whole) in [("1", "1.0.0"), ("1.2", "1.2.0"), ("v1.2", "1.2.0"), ("V3", "3.0.0")] {
        let (short, whole) = (Version::parse(short).unwrap(), Version::parse(whole).unwrap());
        assert_eq!(short.compare(&whole), Ordering::Equal);
    }
}

/// A strict version out of small pools, so that equal parts are common.
fn version(random: &mut Random) -> String {
    let number = |random: &mut Random| ["0", "1", "2", "10", "9", "9223372036854775807"][random.below(6)];
    let identifiers = |random: &mut Random, from: &[&str]| {
        let many = 1 + random.below(3);
        (0..many).map(|_| from[random.below(from.len())].to_owned()).collect::<Vec<_>>().join(".")
    };
    let mut text = format!("{}.{}.{}", number(random), number(random), number(random));
    if random.below(2) == 0 {
        let from =
            ["0", "1", "2", "10", "alpha", "beta", "rc", "a-b", "-", "1a", "A", "99999999999999999999", "9"];
        text = format!("{text}-{}", identifiers(random, &from));
    }
    if random.below(4) == 0 {
        text = format!("{text}+{}", identifiers(random, &["001", "x", "-", "b7"]));
    }
    text
}

/// Numbers of all sizes: random bits, and decimals as people write them.
fn numbers() -> impl Iterator<Item = f64> {
    let mut random = Random(9);
    let written =
        [0.0, -0.0, 1e21, 1e-6, 1e-7, 999_999.0, 1e6, 1e-4, 1e-5, 5e-324, f64::MAX, 0.1 + 0.2, 1e15, 1e16];
    let any = (0..20_000).map(move |at| match at % 4 {
        0 => f64::from_bits(random.next()),
        1 => (random.next() as i64 >> random.below(64)) as f64,
        2 => random.below(1_000_000) as f64 / 1_000.0,
        _ => format!("{}e{}", random.below(1_000), random.below(60) as i32 - 30).parse().unwrap(),
    });
    written.into_iter().chain(any)
}

#[test]
fn numbers_are_written_as_specified_and_read_back() {
    for x in numbers() {
        let mut written = String::new();
        number::write_plain(&mut written, x).unwrap();
        assert_eq!(written, plain::plain_text(x), "{x:e}");
        match number::parse(&written) {
            Ok(read) => assert!(read.to_bits() == x.to_bits() || (read.is_nan() && x.is_nan()), "{written}"),
            Err(fault) => panic!("{written}: {fault:?}"),
        }
        if let Some(wanted) = plain::json_text(x) {
            let mut written = String::new();
            number::write_json(&mut written, x).unwrap();
            assert_eq!(written, wanted);
            assert_eq!(number::parse(&written).unwrap().to_bits(), x.to_bits());
            assert_eq!(written.parse::<f64>().unwrap().to_bits(), x.to_bits());
        }
        if let Some(wanted) = plain::version_text(x) {
            let mut written = String::new();
            number::write_version_operand(&mut written, x).unwrap();
            assert_eq!(written, wanted);
        }
    }
}

#[test]
fn texts_are_read_as_numbers_as_specified() {
    let mut random = Random(10);
    let pieces = [
        "0", "1", "9", "25", ".", "e", "E", "p", "0x", "0X", "_", "-", "+", "inf", "nan", "f", "a", " ", "é",
        "308",
    ];
    let mut numbers = 0;
    for _ in 0..60_000 {
        let text: String = (0..1 + random.below(6)).map(|_| pieces[random.below(pieces.len())]).collect();
        let found = number::parse(&text);
        let same = match plain::read(&text) {
            Reading::Number(x) => {
                found.as_ref().is_ok_and(|y| y.to_bits() == x.to_bits() || (y.is_nan() && x.is_nan()))
            }
            Reading::TooLarge(x) => matches!(found, Err(ParseFault::Range(y)) if y == x),
            Reading::NotANumber => matches!(found, Err(ParseFault::Syntax)),
        };
        assert!(same, "`{text}` is {:?}, and was read as {found:?}", plain::read(&text));
        numbers += usize::from(found.is_ok());
    }
    assert!(numbers > 2_000, "{numbers} numbers");
}

/// The encodings that v3 hashes, as RFC 8949 says and the published vectors have them.
#[test]
fn the_specification_encodes_the_published_vectors() {
    let object = |members: Vec<(&str, Json)>| {
        Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let list = Json::List(vec![Json::Null, Json::Number(1.0)]);
    for (value, encoding, hash) in [
        (Json::Bool(true), "f5", 836_216_331),
        (Json::Bool(false), "f4", 116_478_471),
        (Json::Number(0.0), "00", 1_364_076_727),
        (Json::Number(1.0), "01", 3_831_157_163),
        (Json::Number(-1.0), "20", 2_129_959_832),
        (Json::Number(1.5), "f93e00", 346_941_878),
        (Json::text(""), "60", 661_569_231),
        (Json::Number(9_223_372_036_854_775_808.0), "1b8000000000000000", 2_583_063_103),
        (object(vec![("b", Json::Number(1.0)), ("a", list)]), "a2616182f601616201", 870_253_641),
    ] {
        let bytes = fractional::cbor(&value);
        assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), encoding);
        assert_eq!((fractional::murmur(&bytes), Murmur::of(&bytes)), (hash, hash));
    }
}
