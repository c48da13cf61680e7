//! What each step of a scenario means. A step that is not here is a failure.

use std::fmt::{self, Debug};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use flagcore::bucketing::Bucketing;
use flagcore::change::{FlagChange, Update};
use flagcore::{EvaluationContext, Selector, Value};

use crate::common::ask::{Answer, Question, ask};
use crate::gherkin::{Scenario, Step};
use crate::providers::{Form, Live, PATIENCE, Provider, Providers};

/// Runs a scenario.
///
/// # Errors
///
/// The first step that is unknown, finds another answer, or panics.
pub(crate) fn run(providers: &mut Providers, scenario: &Scenario) -> Result<(), Failure> {
    let mut world = World::new(providers, scenario);
    scenario.steps.iter().try_for_each(|step| {
        let outcome = catch_unwind(AssertUnwindSafe(|| world.step(step)));
        outcome.unwrap_or_else(|_| Err(Failure::Panic(step.text.clone())))
    })
}

/// Why a scenario fails.
#[derive(Debug, PartialEq)]
pub(crate) enum Failure {
    /// The step is none that is known.
    Unknown(String),
    /// The answer is another one.
    Answer(String),
    /// The step panics: a value that is none, or two ways to ask that differ.
    Panic(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unknown(step) => write!(f, "unknown step: {step}"),
            Failure::Answer(problem) => f.write_str(problem),
            Failure::Panic(step) => write!(f, "panics, as told above, at: {step}"),
        }
    }
}

type Outcome = Result<(), Failure>;

/// What a step does with the scenario, what stands in place of each `{}`, and the step itself.
type Action = fn(&mut World<'_>, &[&str], &Step) -> Outcome;

const STEPS: &[(&str, Action)] = &[
    // What is there.
    ("an evaluator", |world, _, step| world.provider("evaluator", step)),
    ("a {} flagd provider", |world, found, step| world.provider(found[0], step)),
    (r#"an option "{}" of type "{}" with value "{}""#, |world, found, step| world.option(found, step)),
    (r#"a {}-flag with key "{}" and a default value "{}""#, |world, found, _| world.flag(found)),
    (r#"a {}-flag with key "{}" and a fallback value "{}""#, |world, found, _| world.flag(found)),
    (r#"a context containing a targeting key with value "{}""#, |world, found, _| {
        world.attribute("targetingKey", typed("String", found[0]))
    }),
    (r#"a context containing a key "{}", with type "{}" and with value "{}""#, |world, found, _| {
        world.attribute(found[0], typed(found[1], found[2]))
    }),
    (
        r#"a context containing a nested property with outer key "{}" and inner key "{}", with value "{}""#,
        |world, found, _| {
            let inner = (found[1].to_owned(), typed("String", found[2]));
            world.attribute(found[0], Value::structure([inner]))
        },
    ),
    ("a {} event handler", |world, found, step| world.handler(found[0], step)),
    // What happens.
    ("the flag was evaluated with details", |world, _, _| world.evaluate()),
    ("the flag was modified", |world, _, _| {
        world.live().change();
        Ok(())
    }),
    ("a change event was fired", |world, _, _| world.changed()),
    // What is seen.
    (r#"the resolved details value should be "{}""#, |world, found, _| {
        expect(&world.answer().value, &typed(&world.asked().kind, found[0]))
    }),
    (r#"the reason should be "{}""#, |world, found, _| expect(world.answer().reason.as_str(), found[0])),
    (r#"the error-code should be "{}""#, |world, found, _| {
        expect(world.answer().error.map_or("", |code| code.as_str()), found[0])
    }),
    ("the resolved metadata should contain", |world, _, step| world.metadata(&step.table)),
    ("the resolved metadata is empty", |world, _, _| {
        expect(&world.answer().metadata, &Value::structure([("", 0); 0]))
    }),
    ("the flag should be part of the event payload", |world, _, _| world.told_of_the_flag()),
    ("the error event handler should have been executed within {}ms", |world, found, _| {
        let time = Duration::from_millis(found[0].parse().unwrap());
        world.next("error", |update| matches!(update, Update::Refused { .. }), time).map(drop)
    }),
];

/// What a scenario has come to.
struct World<'p> {
    providers: &'p mut Providers,
    bucketing: Bucketing,
    provider: Option<Provider>,
    selector: Option<Selector>,
    context: EvaluationContext<'static>,
    asked: Option<Asked>,
    answer: Option<Answer>,
    live: Option<Live>,
    change: Option<Update>,
}

/// The flag that a scenario asks for.
struct Asked {
    key: String,
    /// The suite's word for its type.
    kind: String,
    default: Value<'static>,
}

impl<'p> World<'p> {
    fn new(providers: &'p mut Providers, scenario: &Scenario) -> Self {
        let tagged = GENERATIONS.iter().filter(|(tag, _)| scenario.tags.contains(*tag));
        let generations: Vec<Bucketing> = tagged.map(|(_, bucketing)| *bucketing).collect();
        assert!(generations.len() <= 1, "{} is of several generations", scenario.title());
        Self {
            providers,
            bucketing: generations.first().copied().unwrap_or(Bucketing::V2),
            provider: None,
            selector: None,
            context: EvaluationContext::empty(),
            asked: None,
            answer: None,
            live: None,
            change: None,
        }
    }

    fn step(&mut self, step: &Step) -> Outcome {
        let mut known = STEPS
            .iter()
            .filter_map(|(pattern, action)| captures(pattern, &step.text).map(|found| (found, action)));
        let Some((found, action)) = known.next() else {
            return Err(Failure::Unknown(step.text.clone()));
        };
        assert!(known.next().is_none(), "two patterns fit: {}", step.text);
        action(self, &found, step)
    }

    fn provider(&mut self, name: &str, step: &Step) -> Outcome {
        self.provider = Some(match name {
            "evaluator" => Provider::Evaluator,
            "stable" => Provider::Stable,
            "syncpayload" => Provider::SyncPayload,
            "metadata" => Provider::Metadata,
            "unavailable" => Provider::Unavailable,
            _ => return Err(Failure::Unknown(step.text.clone())),
        });
        Ok(())
    }

    fn option(&mut self, found: &[&str], step: &Step) -> Outcome {
        match *found {
            ["selector", "String", selector] => self.selector = Some(selector.parse().unwrap()),
            // There is no cache, and no wire on which a call could be late.
            ["cache", "CacheType", "disabled"] | ["deadlineMs", "Integer", _] => {}
            _ => return Err(Failure::Unknown(step.text.clone())),
        }
        Ok(())
    }

    fn flag(&mut self, found: &[&str]) -> Outcome {
        let [kind, key, default] = *found else { unreachable!("the pattern has three places") };
        self.asked =
            Some(Asked { key: key.to_owned(), kind: kind.to_owned(), default: typed(kind, default) });
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: Value<'static>) -> Outcome {
        self.context.set(name.to_owned(), value);
        Ok(())
    }

    fn handler(&mut self, event: &str, step: &Step) -> Outcome {
        match event {
            "change" | "error" => self.live().forget_the_start(),
            // Whoever comes later is told at once.
            "ready" => expect(self.live().client.is_ready(), true)?,
            _ => return Err(Failure::Unknown(step.text.clone())),
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Outcome {
        let client = match &self.live {
            Some(live) => live.client.clone(),
            None => {
                let provider = self.provider.expect("a provider comes first");
                self.providers.client(provider, self.bucketing)
            }
        };
        let Asked { key, kind, default } = self.asked();
        let question = Question {
            flag: key,
            asked: &kind.to_lowercase(),
            default,
            context: &self.context,
            selector: self.selector.as_ref(),
        };
        self.answer = Some(ask(&client, &question));
        Ok(())
    }

    fn changed(&mut self) -> Outcome {
        let update = self.next("change", |update| matches!(update, Update::Changed(_)), PATIENCE)?;
        self.change = Some(update);
        Ok(())
    }

    fn told_of_the_flag(&self) -> Outcome {
        let Some(Update::Changed(change)) = &self.change else { panic!("a change comes first") };
        expect(change.flags(), vec![(self.asked().key.as_str(), FlagChange::Updated)])
    }

    fn metadata(&self, table: &[Vec<String>]) -> Outcome {
        assert_eq!(table[0], ["key", "metadata_type", "value"]);
        let metadata = self.answer().metadata.as_structure().unwrap();
        table[1..].iter().try_for_each(|row| expect(metadata.get(&row[0]), Some(&typed(&row[1], &row[2]))))
    }

    fn next(
        &mut self,
        event: &str,
        wanted: impl Fn(&Update) -> bool,
        patience: Duration,
    ) -> Result<Update, Failure> {
        self.live()
            .next(wanted, patience)
            .ok_or_else(|| Failure::Answer(format!("no {event} event was fired")))
    }

    /// The client that watches, from the first step on that needs it.
    fn live(&mut self) -> &mut Live {
        let provider = self.provider.expect("a provider comes first");
        self.live.get_or_insert_with(|| self.providers.live(provider))
    }

    fn asked(&self) -> &Asked {
        self.asked.as_ref().expect("a flag is named first")
    }

    fn answer(&self) -> &Answer {
        self.answer.as_ref().expect("the flag is evaluated first")
    }
}

/// The tags that say by which generation of bucketing a scenario was written; v2 where it has none.
const GENERATIONS: &[(&str, Bucketing)] = &[
    ("@fractional-v1", Bucketing::V1),
    ("@fractional-v2", Bucketing::V2),
    ("@fractional-v3", Bucketing::V3),
];

fn expect<T: PartialEq + Debug>(found: T, wanted: T) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    Err(Failure::Answer(format!("found {found:?}, wanted {wanted:?}")))
}

/// A value in the suite's text form.
fn typed(kind: &str, text: &str) -> Value<'static> {
    match kind {
        "Boolean" => text.parse::<bool>().unwrap().into(),
        "String" => text.to_owned().into(),
        "Integer" => text.parse::<i64>().unwrap().into(),
        "Float" => text.parse::<f64>().unwrap().into(),
        "Object" => {
            let json = text.replace("\\\"", "\"");
            let value = serde_json::from_str::<Value<'_>>(&json);
            value.unwrap_or_else(|error| panic!("{json}: {error}")).into_owned()
        }
        other => panic!("`{other}` is no type of the suite"),
    }
}

/// What stands in place of each `{}`, if the text is of this pattern.
fn captures<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut literals = pattern.split("{}");
    let mut rest = text.strip_prefix(literals.next()?)?;
    let mut found = Vec::new();
    let mut literals = literals.peekable();
    while let Some(literal) = literals.next() {
        // The last one reaches to the end, whatever is in it.
        let is_last = literals.peek().is_none();
        let (capture, after) =
            if is_last { (rest.strip_suffix(literal)?, "") } else { rest.split_once(literal)? };
        found.push(capture);
        rest = after;
    }
    rest.is_empty().then_some(found)
}

#[test]
fn an_unknown_step_fails_and_so_does_another_answer() {
    let folder = tempfile::tempdir().unwrap();
    let flags = r#"{"flags": {"a": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}}}"#;
    std::fs::create_dir_all(folder.path().join("evaluator/flags")).unwrap();
    std::fs::write(folder.path().join("evaluator/flags/testkit-flags.json"), flags).unwrap();
    let mut providers = Providers::new(folder.path().to_owned(), Form::AsWritten);
    let mut check = |last: &str, wanted: Option<&str>| {
        let feature = format!(
            "Scenario: a
             Given an evaluator
             And a Boolean-flag with key \"a\" and a fallback value \"false\"
             When the flag was evaluated with details
             Then {last}"
        );
        let scenario = crate::gherkin::scenarios(&feature).unwrap().remove(0);
        let failure = run(&mut providers, &scenario).err().map(|failure| failure.to_string());
        assert_eq!(failure.as_deref(), wanted, "{last}");
    };
    check(r#"the resolved details value should be "true""#, None);
    check(r#"the resolved details value should be "false""#, Some("found Bool(true), wanted Bool(false)"));
    check(r#"the reason should be "STATIC""#, None);
    check(r#"the reason should be "DEFAULT""#, Some(r#"found "STATIC", wanted "DEFAULT""#));
    check(r#"the error-code should be """#, None);
    check(r#"the error-code should be "GENERAL""#, Some(r#"found "", wanted "GENERAL""#));
    check("the resolved metadata is empty", None);
    check("the flag was evaluated", Some("unknown step: the flag was evaluated"));
    check("a golden flagd provider", Some("unknown step: a golden flagd provider"));
    check("a stale event handler", Some("unknown step: a stale event handler"));
    check(
        r#"an option "cache" of type "CacheType" with value "lru""#,
        Some(r#"unknown step: an option "cache" of type "CacheType" with value "lru""#),
    );
    check(
        r#"the resolved details value should be "yes""#,
        Some(r#"panics, as told above, at: the resolved details value should be "yes""#),
    );
}
