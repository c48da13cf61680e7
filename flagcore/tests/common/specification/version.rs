//! `sem_ver`: semantic versions, read a little more kindly than the standard does (§2.7).

use std::cmp::Ordering;

use super::json::Json;
use super::number;

/// Of exactly a version, a sign and a version; of anything else nothing.
pub(crate) fn sem_ver(operands: &Json) -> Json {
    let Some([version, Json::Text(sign), target]) = operands.as_list() else { return Json::Null };
    let (Some(version), Some(target)) = (operand(version), operand(target)) else { return Json::Null };
    let order = compare(&version, &target);
    Json::Bool(match sign.as_str() {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        // Nothing but the leading numbers: no lower bound.
        "^" => version.numbers[0] == target.numbers[0],
        "~" => version.numbers[..2] == target.numbers[..2],
        _ => return Json::Null,
    })
}

fn operand(value: &Json) -> Option<Version> {
    match value {
        Json::Text(text) => Version::read(text),
        Json::Number(x) => Version::read(&number::version_text(*x)?),
        Json::WholeZero => Version::read("0"),
        _ => None,
    }
}

/// Three numbers of any size as their digits, and the identifiers behind the `-`.
#[derive(Debug)]
struct Version {
    numbers: [String; 3],
    pre_release: Vec<String>,
}

impl Version {
    fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (text, pre_release) = text.split_once('-').map_or((text, None), |(text, pre)| (text, Some(pre)));
        let mut numbers: Vec<String> = text.split('.').map(str::to_owned).collect();
        let whole = numbers.len() == 3;
        if numbers.len() > 3 || !numbers.iter().all(|number| is_number(number)) {
            return None;
        }
        // A version cut short stands for one with zeros, and has nothing behind it.
        if !whole && (pre_release.is_some() || build.is_some()) {
            return None;
        }
        numbers.resize(3, "0".to_owned());
        let identifiers = |text: Option<&str>| -> Vec<String> {
            text.map_or(Vec::new(), |text| text.split('.').map(str::to_owned).collect())
        };
        let (pre_release, build) = (identifiers(pre_release), identifiers(build));
        let fits = |identifier: &String| !all_digits(identifier) || is_number(identifier);
        let valid =
            pre_release.iter().chain(&build).all(|it| is_identifier(it)) && pre_release.iter().all(fits);
        let numbers = numbers.try_into().ok()?;
        valid.then_some(Self { numbers, pre_release })
    }
}

fn is_number(text: &str) -> bool {
    all_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Precedence of semantic versioning: build metadata takes no part.
fn compare(a: &Version, b: &Version) -> Ordering {
    let numbers =
        || a.numbers.iter().zip(&b.numbers).map(|(a, b)| compare_numbers(a, b)).find(|it| it.is_ne());
    numbers().unwrap_or_else(|| match (a.pre_release.as_slice(), b.pre_release.as_slice()) {
        ([], []) => Ordering::Equal,
        // A version comes after all that leads up to it.
        ([], _) => Ordering::Greater,
        (_, []) => Ordering::Less,
        (a, b) => {
            let pairs = a.iter().zip(b).map(|(a, b)| compare_identifiers(a, b));
            pairs.into_iter().find(|it| it.is_ne()).unwrap_or(a.len().cmp(&b.len()))
        }
    })
}

/// Numbers by size, names by their bytes, numbers before names.
fn compare_identifiers(a: &str, b: &str) -> Ordering {
    match (all_digits(a), all_digits(b)) {
        (true, true) => compare_numbers(a, b),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

fn compare_numbers(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}
