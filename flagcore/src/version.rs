//! Semantic versions as `sem_ver` compares them.
//!
//! One leading `v` or `V` is dropped; `1` and `1.2` mean `1.0.0` and `1.2.0`; numbers may be of any size.
//! Source: Semantic Versioning 2.0.0 and Go's `golang.org/x/mod/semver`, whose lenience the reference has.

use std::cmp::Ordering;

/// A parsed version, borrowing its text.
///
/// Build metadata is checked and dropped; it takes no part in any comparison.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    major: Digits<'a>,
    minor: Digits<'a>,
    patch: Digits<'a>,
    pre_release: &'a [u8],
}

impl<'a> Version<'a> {
    /// Reads a version; `None` where the text is not one.
    ///
    /// Linear in the length, no allocation.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.as_bytes();
        let text = match text {
            [b'v' | b'V', rest @ ..] => rest,
            rest => rest,
        };
        let (major, rest) = Digits::take(text)?;
        let short = |minor| Some(Self { major, minor, patch: Digits::ZERO, pre_release: b"" });
        let Some(rest) = after_dot(rest)? else { return short(Digits::ZERO) };
        let (minor, rest) = Digits::take(rest)?;
        let Some(rest) = after_dot(rest)? else { return short(minor) };
        let (patch, rest) = Digits::take(rest)?;
        let (pre_release, rest) = match rest {
            [b'-', rest @ ..] => {
                let end = rest.iter().position(|byte| *byte == b'+').unwrap_or(rest.len());
                let (pre_release, rest) = rest.split_at(end);
                if !identifiers(pre_release).all(|id| is_identifier(id) && !has_leading_zero(id)) {
                    return None;
                }
                (pre_release, rest)
            }
            rest => (b"".as_slice(), rest),
        };
        match rest {
            [] => {}
            [b'+', build @ ..] if identifiers(build).all(is_identifier) => {}
            _ => return None,
        }
        Some(Self { major, minor, patch, pre_release })
    }

    /// Precedence by Semantic Versioning §11.
    pub fn compare(&self, other: &Version<'_>) -> Ordering {
        self.major
            .compare(other.major)
            .then_with(|| self.minor.compare(other.minor))
            .then_with(|| self.patch.compare(other.patch))
            .then_with(|| compare_pre_releases(self.pre_release, other.pre_release))
    }

    /// Same major number: what `^` asks, without a lower bound.
    pub fn same_major(&self, other: &Version<'_>) -> bool {
        self.major.compare(other.major).is_eq()
    }

    /// Same major and minor number: what `~` asks, without a lower bound.
    pub fn same_minor(&self, other: &Version<'_>) -> bool {
        self.same_major(other) && self.minor.compare(other.minor).is_eq()
    }
}

/// A version of three numbers and nothing else, which is nearly all of them.
///
/// Cheaper to read and to compare than a [`Version`], and equal to it where it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlainVersion {
    numbers: [u32; 3],
}

impl PlainVersion {
    /// Reads `1.2.3`, with or without a `v` before it; none for any other form, valid or not.
    #[inline]
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.as_bytes() {
            [b'v' | b'V', rest @ ..] => rest,
            rest => rest,
        };
        // The longest numbers have nine digits, so nothing overflows.
        if text.len() > 29 {
            return None;
        }
        let (mut numbers, mut at, mut digits) = ([0_u32; 3], 0, 0);
        for byte in text {
            match byte {
                b'0'..=b'9' => {
                    let number = numbers.get_mut(at)?;
                    // A leading zero stands alone.
                    if digits == 9 || digits > 0 && *number == 0 {
                        return None;
                    }
                    *number = *number * 10 + u32::from(byte - b'0');
                    digits += 1;
                }
                b'.' if digits > 0 => (at, digits) = (at + 1, 0),
                _ => return None,
            }
        }
        (at == 2 && digits > 0).then_some(Self { numbers })
    }
}

/// What `sem_ver` asks of two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionTest {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `^`: same major number
    SameMajor,
    /// `~`: same major and minor number
    SameMinor,
}

impl VersionTest {
    /// Every test with its sign.
    pub const SIGNS: [(&'static str, VersionTest); 8] = [
        ("=", VersionTest::Equal),
        ("!=", VersionTest::NotEqual),
        ("<", VersionTest::Less),
        ("<=", VersionTest::LessOrEqual),
        (">", VersionTest::Greater),
        (">=", VersionTest::GreaterOrEqual),
        ("^", VersionTest::SameMajor),
        ("~", VersionTest::SameMinor),
    ];

    /// The test of a sign.
    pub fn of(sign: &str) -> Option<Self> {
        Self::SIGNS.iter().find(|(text, _)| *text == sign).map(|(_, test)| *test)
    }

    /// The sign of the test.
    pub fn sign(self) -> &'static str {
        Self::SIGNS.iter().find(|(_, test)| *test == self).map_or("", |(text, _)| text)
    }

    /// The answer for a plain value and a plain target.
    #[inline]
    pub fn holds_plainly(self, value: PlainVersion, target: PlainVersion) -> bool {
        let ([major, minor, _], [target_major, target_minor, _]) = (value.numbers, target.numbers);
        match self {
            VersionTest::Equal => value == target,
            VersionTest::NotEqual => value != target,
            VersionTest::Less => value < target,
            VersionTest::LessOrEqual => value <= target,
            VersionTest::Greater => value > target,
            VersionTest::GreaterOrEqual => value >= target,
            VersionTest::SameMajor => major == target_major,
            VersionTest::SameMinor => (major, minor) == (target_major, target_minor),
        }
    }

    /// The answer for a value and a target.
    pub fn holds(self, value: &Version<'_>, target: &Version<'_>) -> bool {
        match self {
            VersionTest::Equal => value.compare(target).is_eq(),
            VersionTest::NotEqual => value.compare(target).is_ne(),
            VersionTest::Less => value.compare(target).is_lt(),
            VersionTest::LessOrEqual => value.compare(target).is_le(),
            VersionTest::Greater => value.compare(target).is_gt(),
            VersionTest::GreaterOrEqual => value.compare(target).is_ge(),
            VersionTest::SameMajor => value.same_major(target),
            VersionTest::SameMinor => value.same_minor(target),
        }
    }
}

/// A whole number of any size, without leading zeros, as its digits.
#[derive(Clone, Copy, Debug)]
struct Digits<'a>(&'a [u8]);

impl<'a> Digits<'a> {
    const ZERO: Digits<'static> = Digits(b"0");

    /// The number at the start of `text`, and what follows it.
    fn take(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        match digits {
            [] | [b'0', _, ..] => None,
            digits => Some((Self(digits), rest)),
        }
    }

    fn compare(self, other: Digits<'_>) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| {
            // Short runs of bytes: a loop beats a call to compare memory.
            self.0.iter().cmp(other.0.iter())
        })
    }
}

/// `Some(None)` at the end, `Some(Some(rest))` after a dot, `None` at anything else.
#[expect(clippy::option_option, reason = "three outcomes: end, dot, neither")]
fn after_dot(text: &[u8]) -> Option<Option<&[u8]>> {
    match text {
        [] => Some(None),
        [b'.', rest @ ..] => Some(Some(rest)),
        _ => None,
    }
}

fn identifiers(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'.')
}

fn is_identifier(id: &[u8]) -> bool {
    !id.is_empty() && id.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn is_number(id: &[u8]) -> bool {
    id.iter().all(u8::is_ascii_digit)
}

fn has_leading_zero(id: &[u8]) -> bool {
    is_number(id) && matches!(id, [b'0', _, ..])
}

fn compare_pre_releases(a: &[u8], b: &[u8]) -> Ordering {
    match (a, b) {
        ([], []) => Ordering::Equal,
        // A release comes after its pre-releases.
        ([], _) => Ordering::Greater,
        (_, []) => Ordering::Less,
        _ => {
            let (mut left, mut right) = (identifiers(a), identifiers(b));
            loop {
                let order = match (left.next(), right.next()) {
                    (None, None) => return Ordering::Equal,
                    (None, Some(_)) => Ordering::Less,
                    (Some(_), None) => Ordering::Greater,
                    (Some(x), Some(y)) => match (is_number(x), is_number(y)) {
                        (true, true) => x.len().cmp(&y.len()).then_with(|| x.cmp(y)),
                        (true, false) => Ordering::Less,
                        (false, true) => Ordering::Greater,
                        (false, false) => x.cmp(y),
                    },
                };
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version<'_> {
        Version::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn lenient_where_the_reference_is() {
        for text in [
            "1",
            "1.2",
            "1.2.3",
            "v1",
            "V1.2.3",
            "1.2.3-a.1",
            "1.2.3+b.01",
            "1.2.3--",
            "0.0.0",
            "1.2.3-0a",
            "1.2.3-a+b",
        ] {
            assert!(Version::parse(text).is_some(), "{text}");
        }
        let not_versions = [
            "",
            "v",
            "vv1",
            "Vv1",
            "1.",
            "1.2.",
            "1.2.3.4",
            "01",
            "1.02",
            "1.2-beta",
            "1-beta",
            " 1.0.0",
            "1.0.0 ",
            "1.2.3-",
            "1.2.3+",
            "1.2.3-a..b",
            "1.2.3-01",
            "1.2.3-é",
            "1.2.3+é",
            "a",
            "1.x",
            "-1",
            "1.2.3-+b",
            "1.2.3-a.",
            "1.2.3-.a",
            "1+b",
            "1.2+b",
        ];
        for text in not_versions {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn precedence_is_semantic_versionings() {
        let ordered = [
            "0.9.9",
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0",
            "1.0.1",
            "1.2",
            "1.10.0",
            "2",
            "18446744073709551616.0.0",
        ];
        for (at, low) in ordered.iter().enumerate() {
            assert!(version(low).compare(&version(low)).is_eq());
            for high in &ordered[at + 1..] {
                assert!(version(low).compare(&version(high)).is_lt(), "{low} < {high}");
                assert!(version(high).compare(&version(low)).is_gt(), "{high} > {low}");
            }
        }
        assert!(version("1.0.0+a").compare(&version("1.0.0+b")).is_eq());
    }

    #[test]
    fn plain_versions_compare_as_versions_do() {
        let texts = ["0.0.0", "1.2.3", "v1.2.4", "1.10.0", "2.0.0", "999999999.0.1", "1.0.999999999"];
        for value in texts {
            for target in texts {
                for (_, test) in VersionTest::SIGNS {
                    let plain = |text| PlainVersion::parse(text).unwrap();
                    let plainly = test.holds_plainly(plain(value), plain(target));
                    assert_eq!(
                        plainly,
                        test.holds(&version(value), &version(target)),
                        "{value} {test:?} {target}"
                    );
                }
            }
        }
        let not_plain = [
            "1",
            "1.2",
            "1.2.3-a",
            "1.2.3+b",
            "01.2.3",
            "1.02.3",
            "1.2.3.4",
            "",
            "v",
            "1..2",
            "1.2.",
            "1000000000.0.0",
            "a.b.c",
        ];
        for text in not_plain {
            assert!(PlainVersion::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn caret_and_tilde_have_no_lower_bound() {
        assert!(VersionTest::SameMajor.holds(&version("1.0.0"), &version("1.2.0")));
        assert!(VersionTest::SameMinor.holds(&version("1.2.0"), &version("1.2.9")));
        assert!(!VersionTest::SameMinor.holds(&version("1.2.3"), &version("1.3.0")));
    }

    #[test]
    fn a_million_digits_are_only_slow_linearly() {
        let long = "9".repeat(1_000_000);
        assert!(version(&long).compare(&version("1")).is_gt());
    }
}
