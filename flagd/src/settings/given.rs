//! What an option was given at each of the three places, brought to one form, and applied.

use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::{Document, Format, Kind, NodeId};
use flagcore::text::closest;

use super::draft::Draft;
use super::mistake::{Fault, Mistake, Visible};
use super::options::{ConfigOption, Effect, Idle, Shape};
use super::values::SourceSettings;
use super::{duration, sources};

/// What was given, and where.
#[derive(Debug)]
pub(super) struct Given {
    /// The option, variable or key as people know it.
    pub(super) at: String,
    pub(super) value: Value,
}

/// What was given.
#[derive(Debug)]
pub(super) enum Value {
    Scalar(String),
    List(Vec<String>),
    Pairs(Vec<(String, String)>),
    Sources(Vec<SourceSettings>),
}

type Found = Result<Given, Vec<Mistake>>;

/// What stands on the command line; the last one counts, but for lists and pairs, which add up.
pub(super) fn on_the_line(option: &ConfigOption, mut values: Vec<String>) -> Found {
    let at = format!("--{}", option.name);
    let wrong = |fault| vec![Mistake::new(at.clone(), fault)];
    let value = match option.shape() {
        Shape::Scalar | Shape::Switch => Value::Scalar(values.pop().unwrap_or_default()),
        Shape::List => {
            let lists =
                values.iter().map(|value| split(value)).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
            Value::List(lists.into_iter().flatten().collect())
        }
        Shape::Pairs => {
            let pairs =
                values.iter().map(|value| pairs_of(value)).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
            Value::Pairs(pairs.into_iter().flatten().collect())
        }
        Shape::Sources => Value::Sources(sources_of(&at, &values.pop().unwrap_or_default())?),
    };
    Ok(Given { at, value })
}

/// What stands in the environment: lists separated by spaces, pairs as a JSON object.
pub(super) fn in_the_environment(option: &ConfigOption, text: &str) -> Found {
    let at = option.environment();
    let value = of_text(option.shape(), &at, text)?;
    Ok(Given { at, value })
}

/// What stands in the settings file, where a text may stand for a list too. Names of pairs are read in lower case.
pub(super) fn in_the_file(
    option: &ConfigOption,
    document: &Document,
    node: NodeId,
    place: &dyn Fn(NodeId) -> String,
) -> Found {
    let at = format!("{}: {}", place(node), option.name);
    let wrong = |at: NodeId, wanted| {
        let found = document.kind(at).name();
        vec![Mistake::new(format!("{}: {}", place(at), option.name), Fault::WrongKind { found, wanted })]
    };
    let value = match (option.shape(), document.kind(node)) {
        (Shape::Scalar | Shape::Switch, _) => {
            Value::Scalar(scalar(document, node).ok_or_else(|| wrong(node, "a text or a number"))?)
        }
        (Shape::List, Kind::List(range)) => {
            let texts = document.items(range).iter();
            let texts = texts.map(|item| scalar(document, *item).ok_or_else(|| wrong(*item, "a text")));
            Value::List(texts.collect::<Result<_, _>>()?)
        }
        (Shape::Pairs, Kind::Object(_)) => Value::Pairs(
            members(document, node, |name| name.to_lowercase()).map_err(|at| wrong(at, "a text"))?,
        ),
        (Shape::Sources, Kind::List(_)) => Value::Sources(sources::of_array(document, node, place)?),
        (shape, Kind::String(text)) => of_text(shape, &at, document.resolve(text))?,
        (Shape::List, _) => return Err(wrong(node, "a list of texts")),
        (Shape::Pairs, _) => return Err(wrong(node, "an object of names and values")),
        (Shape::Sources, _) => return Err(wrong(node, "a list of sources")),
    };
    Ok(Given { at, value })
}

fn of_text(shape: Shape, at: &str, text: &str) -> Result<Value, Vec<Mistake>> {
    Ok(match shape {
        Shape::Scalar | Shape::Switch => Value::Scalar(text.to_owned()),
        Shape::List => Value::List(text.split_whitespace().map(str::to_owned).collect()),
        Shape::Sources => Value::Sources(sources_of(at, text)?),
        Shape::Pairs => {
            let wrong = |found| {
                let wanted = r#"an object of texts, as `{"name": "value"}`,"#;
                vec![Mistake::new(at, Fault::WrongKind { found, wanted })]
            };
            let document = json(at, text)?;
            let root = document.root();
            if !matches!(document.kind(root), Kind::Object(_)) {
                return Err(wrong(document.kind(root).name()));
            }
            let pairs = members(&document, root, str::to_owned);
            Value::Pairs(pairs.map_err(|node| wrong(document.kind(node).name()))?)
        }
    })
}

fn sources_of(at: &str, text: &str) -> Result<Vec<SourceSettings>, Vec<Mistake>> {
    let document = json(at, text)?;
    sources::of_array(&document, document.root(), &|_| at.to_owned())
}

/// Reads a JSON text; its findings name the place.
fn json(at: &str, text: &str) -> Result<Document, Vec<Mistake>> {
    let mut report = Report::new(at.into(), Mode::Lenient);
    let limits = Limits::default();
    let document = flagcore::parse::document(at.into(), text.as_bytes(), Format::Json, &limits, &mut report);
    document.filter(|_| !report.is_refused()).ok_or_else(|| {
        let findings = report.finish(text).to_string();
        vec![Mistake::new("", Fault::Document { findings })]
    })
}

/// The members of an object as texts, or the node that is none.
fn members(
    document: &Document,
    object: NodeId,
    name: impl Fn(&str) -> String,
) -> Result<Vec<(String, String)>, NodeId> {
    let pair = |member: &flagcore::model::Member| {
        let value = scalar(document, member.value).ok_or(member.value)?;
        Ok((name(document.resolve(member.name)), value))
    };
    document.members_of(object).iter().map(pair).collect()
}

/// A text, number or boolean as text.
fn scalar(document: &Document, node: NodeId) -> Option<String> {
    Some(match document.kind(node) {
        Kind::String(text) => document.resolve(text).to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Number(value) => value.to_string(),
        Kind::Null | Kind::List(_) | Kind::Object(_) => return None,
    })
}

/// Splits a text at commas. A part in quotes may hold commas, and `""` for a quote.
fn split(text: &str) -> Result<Vec<String>, Fault> {
    let wrong = || Fault::Quotes { found: text.to_owned() };
    let (mut parts, mut rest) = (Vec::new(), text);
    if text.is_empty() {
        return Ok(parts);
    }
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (part, after) =
                rest.split_once(',').map_or((rest, None), |(part, after)| (part, Some(after)));
            if part.contains('"') {
                return Err(wrong());
            }
            parts.push(part.to_owned());
            let Some(after) = after else { return Ok(parts) };
            rest = after;
            continue;
        };
        let (mut part, mut inside) = (String::new(), quoted);
        let after = loop {
            let (before, after) = inside.split_once('"').ok_or_else(wrong)?;
            part.push_str(before);
            match after.strip_prefix('"') {
                Some(after) => {
                    part.push('"');
                    inside = after;
                }
                None => break after,
            }
        };
        parts.push(part);
        if after.is_empty() {
            return Ok(parts);
        }
        rest = after.strip_prefix(',').ok_or_else(wrong)?;
    }
}

/// The pairs of `a=1` or `a=1,b=2`: commas separate only where there is a second `=`.
fn pairs_of(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let parts = match text.matches('=').count() {
        0 | 1 => vec![text.trim_matches('"').to_owned()],
        _ => split(text)?,
    };
    let pair = |part: String| match part.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Fault::NotA { found: part, kind: "a name with a value", example: "`name=value`" }),
    };
    parts.into_iter().map(pair).collect()
}

/// Sets what the option sets; tells what there is to say about it.
pub(super) fn apply(option: &ConfigOption, given: Given, draft: &mut Draft) -> Result<(), Vec<Mistake>> {
    let Given { at, value } = given;
    let wrong = |fault| vec![Mistake::new(at.clone(), fault)];
    match (&option.effect, value) {
        (Effect::Port(of), Value::Scalar(text)) => {
            *of(draft) = number(&text, "a port", "`8013`; 0 takes a free one").map_err(wrong)?;
        }
        (Effect::Bytes(of), Value::Scalar(text)) => {
            *of(draft) = number(&text, "a number of bytes", "`1000000`").map_err(wrong)?;
        }
        (Effect::Seconds(of), Value::Scalar(text)) => {
            *of(draft) = number(&text, "a number of seconds", "`120`").map_err(wrong)?;
        }
        (Effect::Duration(of), Value::Scalar(text)) => *of(draft) = time(&text).map_err(wrong)?,
        (Effect::Switch(of), Value::Scalar(text)) => *of(draft) = switch(&text).map_err(wrong)?,
        (Effect::Path(of), Value::Scalar(text)) => {
            *of(draft) = Some(text).filter(|text| !text.is_empty()).map(Into::into);
        }
        (Effect::Text(of), Value::Scalar(text)) => *of(draft) = Some(text).filter(|text| !text.is_empty()),
        (Effect::Texts(of), Value::List(texts)) => *of(draft) = texts,
        (Effect::Pairs(of), Value::Pairs(pairs)) => {
            let all = of(draft);
            for (name, value) in pairs {
                all.retain(|(known, _)| *known != name);
                all.push((name, value));
            }
        }
        (Effect::Uris(of), Value::List(uris)) => {
            let (mut found, mut mistakes) = (Vec::new(), Vec::new());
            for uri in &uris {
                match sources::of_uri(uri) {
                    Ok(source) => found.push(source),
                    Err(fault) => mistakes.push(Mistake::new(at.clone(), fault)),
                }
            }
            if !mistakes.is_empty() {
                return Err(mistakes);
            }
            *of(draft) = found;
        }
        (Effect::Sources(of), Value::Sources(sources)) => *of(draft) = sources,
        (Effect::Word(words, set), Value::Scalar(text)) => {
            if !words.contains(&text.as_str()) {
                let nearest = closest(&text, words.iter().copied()).map(str::to_owned);
                return Err(wrong(Fault::NotOneOf { found: text, words: words.to_vec(), nearest }));
            }
            set(draft, &text);
        }
        (Effect::Idle(kind, because), Value::Scalar(text)) => {
            match kind {
                Idle::Duration => drop(time(&text).map_err(wrong)?),
                Idle::Switch => drop(switch(&text).map_err(wrong)?),
            }
            draft.warnings.push(format!("{} {because}", Visible(&at)));
        }
        (Effect::Later(instead), _) => {
            return Err(wrong(Fault::Later { what: "this option".to_owned(), instead }));
        }
        // INVARIANT: a value has the shape of its option.
        _ => {}
    }
    Ok(())
}

fn number<T: std::str::FromStr>(text: &str, kind: &'static str, example: &'static str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::NotA { found: text.to_owned(), kind, example })
}

fn time(text: &str) -> Result<std::time::Duration, Fault> {
    let fault =
        || Fault::NotA { found: text.to_owned(), kind: "a duration", example: "`250ms`, `2s` or `1h30m`" };
    duration::parse(text).ok_or_else(fault)
}

fn switch(text: &str) -> Result<bool, Fault> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
        _ => Err(Fault::NotA { found: text.to_owned(), kind: "a yes or no", example: "`true` or `false`" }),
    }
}
