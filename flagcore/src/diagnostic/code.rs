//! The code of each problem: a kebab-case word that never changes.

use super::problem::Problem;

/// Makes code and list of all codes from one table.
macro_rules! codes {
    ($($($kind:ident)|+ => $code:literal,)*) => {
        impl Problem {
            /// The code of this kind of finding.
            pub fn code(&self) -> &'static str {
                match self {
                    $($(Problem::$kind { .. })|+ => $code,)*
                }
            }

            /// All codes, in the order of the kinds; for tools and for the tests of the samples.
            pub const CODES: &'static [&'static str] = &[$($code),*];
        }
    };
}

codes! {
    Missing => "missing-file",
    Unreadable => "unreadable",
    NotAFile => "not-a-file",
    UnknownFormat => "unknown-format",
    TooLarge | TooLargeWrittenOut => "too-large",
    NoFiles => "no-files",
    Shrinks => "shrinks",
    Empty => "empty-file",
    Syntax => "syntax",
    TrailingText => "trailing-text",
    ByteOrderMark => "byte-order-mark",
    InvalidUtf8 => "invalid-utf8",
    LoneSurrogate => "lone-surrogate",
    NumberRange => "number-range",
    DuplicateKey => "duplicate-key",
    TooDeep => "too-deep",
    ControlCharacter => "control-character",
    YamlTag => "yaml-tag",
    YamlUnknownTag => "yaml-unknown-tag",
    YamlMerge => "yaml-merge",
    YamlAnchor => "yaml-anchor",
    YamlAliases => "yaml-aliases",
    YamlDocuments => "yaml-documents",
    YamlAmbiguous => "yaml-ambiguous",
    YamlKey => "yaml-key",
    WrongType => "wrong-type",
    MissingFlags => "missing-flags",
    UnknownField => "unknown-field",
    FieldCase => "field-case",
    UnknownBucketing => "unknown-bucketing",
    EmptyEvaluator => "empty-evaluator",
    EvaluatorName => "evaluator-name",
    RefMissing => "ref-missing",
    RefCycle => "ref-cycle",
    RefExtraKeys => "ref-extra-keys",
    EmptyKey => "empty-key",
    NullFlag => "null-flag",
    DuplicateFlag => "duplicate-flag",
    UnknownState => "unknown-state",
    NoVariants => "no-variants",
    NullVariant => "null-variant",
    ListVariant => "list-variant",
    MixedTypes => "mixed-types",
    UnknownDefaultVariant => "unknown-default-variant",
    EmptyFlagSetId => "empty-flag-set-id",
    FlagSetIdType => "flag-set-id-type",
    MetadataType => "metadata-type",
    ShadowWord => "shadow-word",
    ShadowValue => "shadow-value",
    ShadowWhen => "shadow-when",
    UnknownVariant => "unknown-variant",
    UnknownOperator => "unknown-operator",
    LiteralObject => "literal-object",
    OperatorArguments => "operator-arguments",
    VersionComparison => "version-comparison",
    VersionTarget => "version-target",
    FractionalBucket => "fractional-bucket",
    FractionalWeight => "fractional-weight",
    FractionalTotal => "fractional-total",
    TooManyFlags => "too-many-flags",
    TooManyVariants => "too-many-variants",
    TooManyNodes => "too-many-nodes",
    KeyTooLong => "key-too-long",
    NearLimit => "near-limit",
}
