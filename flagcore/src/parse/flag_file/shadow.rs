//! The `shadow` block of a flag: how its dark launch runs.
//!
//! The reference ignores the block, so nothing in it refuses a file to a daemon. But whatever is wrong with it turns
//! the dark launch off: real traffic goes to new code because somebody said so, never on a guess. For the same
//! reason its words are taken as they are spelled here, in no other case.

use std::sync::Arc;

use crate::diagnostic::{Place, Pointer, Problem};
use crate::model::shadow::{
    ComparePolicy, ErrorCompare, SampleBy, ShadowBreaker, ShadowDefinition, ShadowLimits, ShadowPolicy,
    StorePolicy,
};
use crate::model::{Kind, Member, NodeId};
use crate::text::{closest, excerpt};

use super::reader::Reader;
use super::units::{Form, Written, count, duration, factor, number, rate, share, size};

/// The word of a flag that holds the block.
pub(super) const SHADOW: &str = "shadow";

impl<'d> Reader<'d, '_> {
    /// The block of a flag, if it has one.
    pub(super) fn shadow(
        &mut self,
        members: &[&'d Member],
        flag: &str,
        at: &Pointer<'_>,
    ) -> Option<Box<ShadowDefinition>> {
        let member = members.last()?;
        let node = member.value;
        let span = self.document().span(node);
        // A word that is given twice, say: the reader of the format decided which one counts.
        let is_sound = !self.report.tells_of(member.name_span) && !self.report.tells_of(span);
        let mut policy = ShadowPolicy { id: flag.into(), ..ShadowPolicy::default() };
        let mut block = Block { reader: self, flag, is_sound, is_sampled: false, when: None };
        block.read(&mut policy, node, &at.member(SHADOW));
        let Block { is_sound, when, .. } = block;
        Some(Box::new(ShadowDefinition { policy: is_sound.then(|| Arc::new(policy)), when }))
    }
}

/// A block while it is read.
struct Block<'b, 'd, 'r> {
    reader: &'b mut Reader<'d, 'r>,
    flag: &'b str,
    is_sound: bool,
    /// Whether it says who is sampled.
    is_sampled: bool,
    when: Option<NodeId>,
}

/// A value of the block: what it is called, and where it stands.
#[derive(Clone, Copy)]
struct Here<'p> {
    word: &'static str,
    node: NodeId,
    at: Pointer<'p>,
}

impl<'d> Block<'_, 'd, '_> {
    fn read(&mut self, policy: &mut ShadowPolicy, node: NodeId, at: &Pointer<'_>) {
        self.each(Here { word: SHADOW, node, at: *at }, WORDS, |block, here| match here.word {
            "id" => block.id(&mut policy.id, here),
            "sample" => {
                block.is_sampled = true;
                block.value(&mut policy.sample, here, &share(ShadowPolicy::SAMPLE, SAMPLE_EXAMPLE));
            }
            "by" => block.choice(&mut policy.by, here, SampleBy::NAMES),
            "amplify" => block.value(&mut policy.amplify, here, &factor(ShadowPolicy::AMPLIFY, "x2")),
            "when" => block.condition(here),
            "limits" => block.limits(&mut policy.limits, here),
            "breaker" => block.breaker(&mut policy.breaker, here),
            "compare" => block.compare(&mut policy.compare, here),
            _ => block.store(&mut policy.store, here),
        });
        if self.is_sound && !self.is_sampled {
            let here = Here { word: "sample", node, at: *at };
            let wanted = share(ShadowPolicy::SAMPLE, SAMPLE_EXAMPLE).wanted();
            self.tell(here, "missing".to_owned(), wanted, SAMPLE_EXAMPLE);
        }
    }

    fn limits(&mut self, limits: &mut ShadowLimits, here: Here<'_>) {
        self.each(here, LIMIT_WORDS, |block, here| match here.word {
            "in_flight" => block.value(&mut limits.in_flight, here, &count(ShadowLimits::IN_FLIGHT, "64")),
            "rate" => block.value(&mut limits.rate, here, &rate(ShadowLimits::RATE, "500/s")),
            "queue" => block.value(&mut limits.queue, here, &count(ShadowLimits::QUEUE, "4096")),
            "timeout" => block.value(&mut limits.timeout, here, &duration(ShadowLimits::TIMEOUT, "250ms")),
            _ => block.value(&mut limits.body, here, &size(ShadowLimits::BODY, "64KiB")),
        });
    }

    fn breaker(&mut self, breaker: &mut ShadowBreaker, here: Here<'_>) {
        self.each(here, BREAKER_WORDS, |block, here| match here.word {
            "failures" => block.value(&mut breaker.failures, here, &share(ShadowBreaker::FAILURES, "50%")),
            "over" => block.value(&mut breaker.over, here, &duration(ShadowBreaker::OVER, "10s")),
            "min" => block.value(&mut breaker.min, here, &count(ShadowBreaker::MIN, "20")),
            "half_open" => {
                block.value(&mut breaker.half_open, here, &duration(ShadowBreaker::HALF_OPEN, "5s"))
            }
            _ => block.primary_p99(&mut breaker.primary_p99, here),
        });
    }

    fn compare(&mut self, compare: &mut ComparePolicy, here: Here<'_>) {
        self.each(here, COMPARE_WORDS, |block, here| match here.word {
            "ignore" => block.pointers(&mut compare.ignore, here),
            "float" => block.value(&mut compare.float, here, &number(ComparePolicy::FLOAT, "0.001")),
            "unordered" => block.pointers(&mut compare.unordered, here),
            _ => block.choice(&mut compare.errors, here, ErrorCompare::NAMES),
        });
    }

    fn store(&mut self, store: &mut StorePolicy, here: Here<'_>) {
        self.each(here, STORE_WORDS, |block, here| match here.word {
            "per_field" => block.value(&mut store.per_field, here, &count(StorePolicy::PER_FIELD, "20")),
            "max" => block.value(&mut store.max, here, &size(StorePolicy::MAX, "64MiB")),
            _ => block.pointers(&mut store.redact, here),
        });
    }

    /// Goes through the members of an object, and tells of those that are none of its words.
    fn each(
        &mut self,
        here: Here<'_>,
        known: &'static [&'static str],
        mut take: impl FnMut(&mut Self, Here<'_>),
    ) {
        let document = self.reader.document();
        let Kind::Object(range) = document.kind(here.node) else {
            let example = if here.word == SHADOW { "{ \"sample\": \"5%\" }" } else { "" };
            return self.tell_kind(here, "an object".to_owned(), example);
        };
        for member in document.members(range) {
            let written = document.resolve(member.name);
            let at = here.at.member(written);
            match known.iter().find(|word| **word == written) {
                Some(&word) => take(self, Here { word, node: member.value, at }),
                None => {
                    let (flag, field) = (excerpt(self.flag), excerpt(written));
                    let problem = Problem::ShadowWord { flag, field, known };
                    self.is_sound = false;
                    self.reader.report.tolerate(Place::new(member.name_span, at), problem);
                }
            }
        }
    }

    fn id(&mut self, id: &mut Box<str>, here: Here<'_>) {
        match self.written(here.node) {
            Some(Written::Text(text)) if (1..=ShadowPolicy::ID_BYTES).contains(&text.len()) => {
                *id = text.into();
            }
            _ => {
                let wanted = format!("a text of 1 to {} bytes", ShadowPolicy::ID_BYTES);
                self.tell_kind(here, wanted, "search-rewrite");
            }
        }
    }

    fn value<T: PartialOrd>(&mut self, place: &mut T, here: Here<'_>, form: &Form<T>) {
        match self.written(here.node).and_then(|written| form.read(written)) {
            Some(value) => *place = value,
            None => self.tell_kind(here, form.wanted(), form.example),
        }
    }

    fn primary_p99(&mut self, place: &mut Option<f64>, here: Here<'_>) {
        let form = factor(ShadowBreaker::PRIMARY_P99, "1.10");
        match self.written(here.node) {
            Some(Written::Text("off")) => *place = None,
            written => match written.and_then(|written| form.read(written)) {
                Some(value) => *place = Some(value),
                None => self.tell_kind(here, form.wanted() + ", or `off`", form.example),
            },
        }
    }

    fn choice<T: Copy>(&mut self, place: &mut T, here: Here<'_>, names: &'static [(&'static str, T)]) {
        let written = self.reader.document().as_str(here.node).unwrap_or("");
        if let Some((_, value)) = names.iter().find(|(name, _)| *name == written) {
            *place = *value;
            return;
        }
        let known = || names.iter().map(|(name, _)| *name);
        let example = closest(written, known()).or_else(|| known().next()).unwrap_or("");
        let quoted: Vec<String> = known().map(|name| format!("`{name}`")).collect();
        self.tell_kind(here, format!("one of {}", quoted.join(", ")), example);
    }

    fn pointers(&mut self, places: &mut Vec<Box<str>>, here: Here<'_>) {
        let document = self.reader.document();
        let example = "[\"/took_ms\", \"/hits/*/score\"]";
        let Kind::List(range) = document.kind(here.node) else {
            return self.tell_kind(here, "a list of JSON pointers".to_owned(), example);
        };
        // Who ignores the whole answer compares nothing.
        let is_place = |text: &str| is_pointer(text) && !(text.is_empty() && here.word == "ignore");
        let items = document.items(range);
        if items.len() > ComparePolicy::POINTERS {
            let wanted = format!("a list of at most {} JSON pointers", ComparePolicy::POINTERS);
            return self.tell(here, format!("a list of {}", items.len()), wanted, "");
        }
        for (number, item) in items.iter().enumerate() {
            match document.as_str(*item).filter(|text| is_place(text)) {
                Some(text) => places.push(text.into()),
                None => {
                    let here = Here { word: here.word, node: *item, at: here.at.item(number) };
                    self.tell_kind(here, POINTER.to_owned(), example);
                }
            }
        }
    }

    /// The condition is compiled with the flag's own rule; what is wrong inside of it is told there.
    fn condition(&mut self, here: Here<'_>) {
        match self.reader.document().kind(here.node) {
            Kind::Object(_) | Kind::Bool(_) => self.when = Some(here.node),
            _ => {
                let example = "{ \"==\": [{ \"var\": \"plan\" }, \"beta\"] }";
                self.tell_kind(here, "a rule, `true` or `false`".to_owned(), example);
            }
        }
    }

    /// A number or a text; nothing else, and no reference, has a meaning here.
    fn written(&self, node: NodeId) -> Option<Written<'d>> {
        let document = self.reader.document();
        match document.kind(node) {
            Kind::Number(number) => Some(Written::Number(number)),
            Kind::String(text) => Some(Written::Text(document.resolve(text))),
            _ => None,
        }
    }

    /// Tells of something that is not what it has to be.
    fn tell_kind(&mut self, here: Here<'_>, wanted: String, example: &'static str) {
        let document = self.reader.document();
        let found = match document.kind(here.node) {
            Kind::Number(_) => {
                let text = document.text().get(document.span(here.node).range()).unwrap_or("");
                format!("`{}`", excerpt(text))
            }
            Kind::String(text) => format!("`{}`", excerpt(document.resolve(text))),
            other => other.name().to_owned(),
        };
        self.tell(here, found, wanted, example);
    }

    fn tell(&mut self, here: Here<'_>, found: String, wanted: String, example: &'static str) {
        self.is_sound = false;
        let flag = excerpt(self.flag);
        let problem = Problem::ShadowValue { flag, word: here.word, found, wanted, example };
        self.reader.report.tolerate(self.reader.place(here.node, here.at), problem);
    }
}

/// Whether a text is a JSON pointer.
fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes && text.len() <= ComparePolicy::POINTER_BYTES
}

/// What a place in an answer is.
const POINTER: &str = "a JSON pointer of at most 1024 bytes, which begins with `/`";

const SAMPLE_EXAMPLE: &str = "5%";

const WORDS: &[&str] = &["id", "sample", "by", "amplify", "when", "limits", "breaker", "compare", "store"];
const LIMIT_WORDS: &[&str] = &["in_flight", "rate", "queue", "timeout", "body"];
const BREAKER_WORDS: &[&str] = &["failures", "over", "min", "half_open", "primary_p99"];
const COMPARE_WORDS: &[&str] = &["ignore", "float", "unordered", "errors"];
const STORE_WORDS: &[&str] = &["per_field", "max", "redact"];
