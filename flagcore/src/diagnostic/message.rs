//! The text of each problem: what was found and why it is a problem, in one sentence.

use std::fmt;

use crate::text::Printable;

use super::problem::Problem;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let q = Printable;
        match self {
            Problem::Missing => f.write_str("there is no such file or folder"),
            Problem::Unreadable { reason } => write!(f, "it cannot be read: {}", q(reason)),
            Problem::NotAFile { what } => write!(f, "this is a {what}, not a regular file"),
            Problem::UnknownFormat { extension } => {
                write!(f, "`{}` is not the ending of a flag file", q(extension))
            }
            Problem::TooLarge { bytes, most } => {
                write!(f, "the file has {bytes} bytes; at most {most} are read")
            }
            Problem::TooLargeWrittenOut { bytes, most } => {
                write!(
                    f,
                    "the texts of the file have {bytes} bytes with references and inherited metadata written out; at most {most} are kept"
                )
            }
            Problem::NoFiles => f.write_str("the folder holds no flag file"),
            Problem::Shrinks { before, after } => {
                write!(
                    f,
                    "the new content has {after} flags where {before} are served; waiting to see it unchanged"
                )
            }
            Problem::Empty => f.write_str("the file holds nothing but space or comments"),
            Problem::Syntax { found, .. } => write!(f, "{}", q(found)),
            Problem::TrailingText { found } if found == "}" || found == "]" => {
                write!(f, "this `{found}` closes nothing; the document has ended before it")
            }
            Problem::TrailingText { .. } => f.write_str("there is text after the end of the document"),
            Problem::ByteOrderMark => f.write_str("JSON starts with a byte-order mark"),
            Problem::InvalidUtf8 => f.write_str("the text is not UTF-8 here"),
            Problem::LoneSurrogate => {
                f.write_str("half of a character is escaped here; it is read as `\u{fffd}`")
            }
            Problem::NumberRange { text } => write!(f, "`{}` is not a number that JSON can hold", q(text)),
            Problem::DuplicateKey { key, first, .. } => {
                write!(f, "`{}` is given twice; the first stands {first}", q(key))
            }
            Problem::TooDeep { most } => write!(f, "nested more than {most} levels"),
            Problem::ControlCharacter { text } => {
                write!(f, "`{}` holds characters that cannot be seen", q(text))
            }
            Problem::YamlTag { tag, text } => {
                write!(f, "`{}` is not of the type that `{}` asks for", q(text), q(tag))
            }
            Problem::YamlUnknownTag { tag } => {
                write!(f, "`{}` is read as a YAML tag, which changes nothing here; it is left out", q(tag))
            }
            Problem::YamlMerge => f.write_str("`<<` merges something that is not a mapping"),
            Problem::YamlAnchor { within: true } => f.write_str("this stands inside of what it names"),
            Problem::YamlAnchor { within: false } => f.write_str("this names no anchor before it"),
            Problem::YamlAliases { most } => {
                write!(f, "aliases stand for more than {most} nodes altogether")
            }
            Problem::YamlDocuments => f.write_str("only the first YAML document of a file is read"),
            Problem::YamlAmbiguous { text, read_as } => {
                write!(f, "`{}` is read as {} here; other YAML readers differ", q(text), q(read_as))
            }
            Problem::YamlKey { read_as } => {
                write!(f, "the key is not a text; it is read as `{}`", q(read_as))
            }
            Problem::WrongType { what, found, wanted } => write!(f, "{what} is {found}; it must be {wanted}"),
            Problem::MissingFlags => f.write_str("the document has no `flags`"),
            Problem::UnknownField { field, .. } => {
                write!(f, "`{}` is not a word of flag files here", q(field))
            }
            Problem::FieldCase { field, wanted } => write!(f, "`{}` is read as `{wanted}`", q(field)),
            Problem::UnknownBucketing { found } => {
                write!(f, "`{}` is not a generation of bucketing", q(found))
            }
            Problem::EmptyEvaluator { name } => write!(f, "evaluator `{}` is empty", q(name)),
            Problem::EvaluatorName { name } => {
                write!(
                    f,
                    "evaluator `{}` can never be referred to: its name holds one of `\"`, `\\`, `<`, `>`, `&` or a control character",
                    q(name)
                )
            }
            Problem::RefMissing { name, known } if known.contains(name) => write!(
                f,
                "evaluator `{}` cannot be referred to because of its name; callers get their own default (PARSE_ERROR)",
                q(name)
            ),
            Problem::RefMissing { name, .. } => {
                write!(f, "there is no evaluator `{}`; callers get their own default (PARSE_ERROR)", q(name))
            }
            Problem::RefCycle { names } => {
                f.write_str("evaluators lead back to themselves: ")?;
                list(f, names, " -> ")?;
                f.write_str("; callers get their own default (PARSE_ERROR)")
            }
            Problem::RefExtraKeys { name } => {
                write!(
                    f,
                    "the reference to `{}` has other keys beside `$ref`, so it is not a reference",
                    q(name)
                )
            }
            Problem::EmptyKey => f.write_str("a flag without a key is left out"),
            Problem::NullFlag { flag } => {
                write!(f, "flag `{}` is null; it can only give the code's own default", q(flag))
            }
            Problem::DuplicateFlag { flag, first } => {
                write!(f, "flag `{}` is given twice; this one replaces the one {first}", q(flag))
            }
            Problem::UnknownState { flag, found } => {
                write!(f, "`{}` is not a state of flag `{}`; it counts as `ENABLED`", q(found), q(flag))
            }
            Problem::NoVariants { flag } => {
                write!(f, "flag `{}` has no variants; it can only give the code's own default", q(flag))
            }
            Problem::NullVariant { flag, variant } => {
                write!(
                    f,
                    "variant `{}` of flag `{}` is null; callers get their own default (TYPE_MISMATCH)",
                    q(variant),
                    q(flag)
                )
            }
            Problem::ListVariant { flag, variant } => {
                write!(
                    f,
                    "variant `{}` of flag `{}` is a list, which few clients can ask for",
                    q(variant),
                    q(flag)
                )
            }
            Problem::MixedTypes { flag, variant, found, first } => {
                write!(
                    f,
                    "variant `{}` of flag `{}` is {found}, but the first is {first}",
                    q(variant),
                    q(flag)
                )
            }
            Problem::UnknownDefaultVariant { flag, found, .. } => {
                write!(f, "default variant `{}` of flag `{}` does not exist", q(found), q(flag))
            }
            Problem::EmptyFlagSetId { flag } => {
                write!(f, "flag `{}` has an empty `flagSetId` and is left out", q(flag))
            }
            Problem::FlagSetIdType { found } => {
                write!(f, "`flagSetId` is {found} and names no flag set; only a text does")
            }
            Problem::MetadataType { name, found } => {
                write!(f, "metadata `{}` is {found}; some clients refuse the whole set for it", q(name))
            }
            Problem::ShadowWord { flag, field, .. } => {
                write!(
                    f,
                    "`{}` is not a word of the `shadow` block of flag `{}` here; there is no dark launch until it is mended",
                    q(field),
                    q(flag)
                )
            }
            Problem::ShadowValue { flag, word, found, wanted, .. } => {
                if *word != "shadow" {
                    write!(f, "`{word}` of ")?;
                }
                write!(
                    f,
                    "the `shadow` block of flag `{}` is {}; it must be {wanted}, and there is no dark launch until it is",
                    q(flag),
                    q(found)
                )
            }
            Problem::ShadowWhen { flag, problem } => {
                let cause = problem.to_string();
                let cause = cause.split(CALLERS).next().unwrap_or_default();
                write!(f, "{cause}; there is no dark launch of flag `{}` until it is mended", q(flag))
            }
            Problem::UnknownVariant { flag, found, .. } => {
                write!(
                    f,
                    "flag `{}` serves unknown variant `{}`; callers get their own default (GENERAL)",
                    q(flag),
                    q(found)
                )
            }
            Problem::UnknownOperator { found, .. } => {
                write!(f, "`{}` is not an operator; callers get their own default (PARSE_ERROR)", q(found))
            }
            Problem::LiteralObject { names } => {
                f.write_str("an object with ")?;
                if names.is_empty() {
                    f.write_str("no key")?;
                } else {
                    f.write_str("the keys ")?;
                    list(f, names, ", ")?;
                }
                f.write_str(" is not a rule but a plain value; a rule has exactly one key")
            }
            Problem::OperatorArguments { operator, found, outcome } => {
                write!(f, "`{}` {}; {outcome}", q(operator), q(found))
            }
            Problem::VersionComparison { found } => {
                write!(f, "`{}` is not a comparison of versions; `sem_ver` answers null", q(found))
            }
            Problem::VersionTarget { found } => {
                write!(f, "`{}` is not a version; `sem_ver` answers null", q(found))
            }
            Problem::FractionalBucket { found } => {
                write!(
                    f,
                    "a bucket of `fractional` is {}; the default variant is served to everyone",
                    q(found)
                )
            }
            Problem::FractionalWeight { found, wanted } => {
                write!(f, "weight `{}` of `fractional` {wanted}", q(found))
            }
            Problem::FractionalTotal { total: 0 } => f.write_str(
                "the weights of `fractional` are all zero; the default variant is served to everyone",
            ),
            Problem::FractionalTotal { total } => {
                write!(
                    f,
                    "the weights of `fractional` add up to {total}, which is over 2147483647; the default variant is served to everyone"
                )
            }
            Problem::TooManyFlags { found, most } => {
                write!(f, "there are {found} flags; at most {most} are read")
            }
            Problem::TooManyVariants { flag, found, most } => {
                write!(f, "flag `{}` has {found} variants; at most {most} are read", q(flag))
            }
            Problem::TooManyNodes { what, most } => {
                write!(f, "{} has more than {most} nodes with its references written out", q(what))
            }
            Problem::KeyTooLong { bytes, most } => {
                write!(f, "the key of a flag has {bytes} bytes; at most {most} are read")
            }
            Problem::NearLimit { what, found, most } => {
                write!(f, "{what}: {found}, which is near the limit of {most}")
            }
        }
    }
}

/// Begins what becomes of an evaluation whose rule is wrong; a condition of its own has another end.
const CALLERS: &str = "; callers get their own default";

fn list(f: &mut fmt::Formatter<'_>, names: &[String], between: &str) -> fmt::Result {
    for (at, name) in names.iter().enumerate() {
        write!(f, "{}`{}`", if at == 0 { "" } else { between }, Printable(name))?;
    }
    Ok(())
}
