//! A condition of one attribute and a constant: what people write every day.

use std::sync::Arc;

use crate::context::Needle;
use crate::path::Segment;
use crate::version::{PlainVersion, Version, VersionTest};

use super::text_set::TextSet;

/// A condition of one attribute and a constant.
#[derive(Debug, PartialEq)]
pub struct Test {
    /// The attribute.
    pub path: Arc<AttributePath>,
    /// What is asked of it.
    pub check: Check,
}

/// What is asked of an attribute.
#[derive(Debug, PartialEq)]
pub enum Check {
    /// `==` with a text.
    IsText(Needle),
    /// `===` with a text.
    IsSameText(Needle),
    /// `in` a list of texts.
    InTexts(Arc<TextSet>),
    /// `<`, `<=`, `>`, `>=`, `==`, `!=` with a number.
    Compare(Comparison, f64),
    /// `starts_with` a text.
    StartsWith(Box<str>),
    /// `ends_with` a text.
    EndsWith(Box<str>),
    /// `sem_ver` with a version.
    Version(Box<VersionRule>),
}

/// How an attribute and a number compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the operators of their names")]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Comparison {
    /// The answer for two numbers; none that is no number is equal or ordered.
    #[inline]
    pub fn holds(self, x: f64, number: f64) -> bool {
        match self {
            Comparison::Less => x < number,
            Comparison::LessOrEqual => x <= number,
            Comparison::Greater => x > number,
            Comparison::GreaterOrEqual => x >= number,
            Comparison::Equal => x == number,
            Comparison::NotEqual => x != number,
        }
    }

    /// The answer where nothing stands: null counts as zero where it is ordered, and equals nothing but itself.
    pub fn holds_for_null(self, number: f64) -> bool {
        match self {
            Comparison::Less | Comparison::LessOrEqual => 0.0 < number,
            Comparison::Greater | Comparison::GreaterOrEqual => 0.0 > number,
            Comparison::Equal => false,
            Comparison::NotEqual => true,
        }
    }
}

/// A constant version and what is asked of it.
#[derive(Debug, PartialEq)]
pub struct VersionRule {
    /// The comparison.
    pub test: VersionTest,
    /// The version, which is known to be one.
    pub target: Box<str>,
    /// The same where it is plain.
    pub plain: Option<PlainVersion>,
}

impl VersionRule {
    /// A rule about a target, which must be a version.
    pub fn new(test: VersionTest, target: Box<str>) -> Self {
        let plain = PlainVersion::parse(&target);
        Self { test, target, plain }
    }

    /// The answer for a text; none where it is no version.
    #[inline]
    pub fn test_text(&self, text: &str) -> Option<bool> {
        // PERF: reading three numbers costs half of reading any version (benchmark `eval`, split).
        if let (Some(value), Some(target)) = (PlainVersion::parse(text), self.plain) {
            return Some(self.test.holds_plainly(value, target));
        }
        Some(self.test.holds(&Version::parse(text)?, &Version::parse(&self.target)?))
    }
}

/// A path into the context, taken apart.
#[derive(Debug, PartialEq)]
pub enum AttributePath {
    /// The targeting key.
    TargetingKey,
    /// Another attribute.
    Attribute(Needle),
    /// A part of the targeting key or of an attribute.
    Inside(Root, Box<[Segment]>),
}

/// Where a path to a part begins.
#[derive(Debug, PartialEq)]
pub enum Root {
    /// The targeting key.
    TargetingKey,
    /// Another attribute.
    Attribute(Needle),
}
