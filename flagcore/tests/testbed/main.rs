//! The public conformance suite of flagd: every scenario that a library can run.
//!
//! The suite is in the folder that `FLAGD_TESTBED` names. How many scenarios run is asserted for each feature
//! file and each tag, and what is left out is listed with its reason, so that nothing is skipped quietly: a
//! scenario that is not listed runs, and a listed one that is gone is a failure.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`gherkin`] | feature files to scenarios |
//! | [`expected`] | how many run, and what is left out |
//! | [`providers`] | the suite's flags, and the clients that serve them |
//! | [`steps`] | what each step of a scenario means |

#[path = "../common/mod.rs"]
mod common;
mod gherkin;
mod expected;
mod providers;
mod steps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use expected::{LEFT_OUT, LeftOut, SUITES, TAGS};
use gherkin::{Scenario, scenarios};
use providers::{Form, Providers};
use steps::{Failure, run};

#[test]
fn every_scenario_of_the_public_suite_passes_or_is_left_out_with_its_reason() {
    let Some(folder) = common::suite("FLAGD_TESTBED") else { return };
    let tally = Tally::of(&folder, Form::AsWritten);
    tally.tell();
    tally.check();
}

#[test]
fn every_scenario_passes_on_flags_that_were_written_out_again() {
    let Some(folder) = common::suite("FLAGD_TESTBED") else { return };
    Tally::of(&folder, Form::WrittenOutAgain).check();
}

#[cfg(feature = "yaml")]
#[test]
fn every_scenario_passes_on_flags_that_are_read_as_yaml() {
    let Some(folder) = common::suite("FLAGD_TESTBED") else { return };
    Tally::of(&folder, Form::AsYaml).check();
}

/// The files of a folder with this ending, by name.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == ending));
    files.sort();
    files
}

/// What ran, what was left out, and what failed.
struct Tally {
    providers: Providers,
    suites: Counts,
    tags: Counts,
    /// How many scenarios each entry of [`LEFT_OUT`] stands for.
    left_out: Vec<usize>,
    failures: Vec<String>,
}

impl Tally {
    /// Runs the whole suite.
    fn of(folder: &Path, form: Form) -> Self {
        let mut tally = Self {
            providers: Providers::new(folder.to_owned(), form),
            suites: Counts::default(),
            tags: Counts::default(),
            left_out: vec![0; LEFT_OUT.len()],
            failures: Vec::new(),
        };
        for suite in ["evaluator/gherkin", "gherkin"] {
            for file in files(&folder.join(suite), "feature") {
                let name = format!("{suite}/{}", file.file_name().unwrap().to_str().unwrap());
                tally.feature(&name, &std::fs::read_to_string(&file).unwrap());
            }
        }
        tally
    }

    fn feature(&mut self, suite: &str, text: &str) {
        for scenario in scenarios(text).unwrap_or_else(|error| panic!("{suite}: {error}")) {
            let listed = LEFT_OUT.iter().position(|left_out| left_out.means(suite, &scenario));
            self.suites.add(suite, listed.is_none());
            for tag in &scenario.tags {
                self.tags.add(tag, listed.is_none());
            }
            let failure = match listed {
                None => run(&mut self.providers, &scenario).err().map(|failure| failure.to_string()),
                Some(entry) => {
                    self.left_out[entry] += 1;
                    self.superseded(&LEFT_OUT[entry], &scenario)
                }
            };
            self.failures.extend(failure.map(|failure| format!("{suite}, {}: {failure}", scenario.title())));
        }
    }

    /// A scenario that could run and is left out as superseded must fail, and in just the way that is known.
    fn superseded(&mut self, left_out: &LeftOut, scenario: &Scenario) -> Option<String> {
        let known = left_out.fails_with?;
        match run(&mut self.providers, scenario) {
            Err(Failure::Answer(problem)) if problem == known => None,
            other => Some(format!("is superseded and known to fail, but gave {other:?}")),
        }
    }

    /// Nothing failed, and just what is expected ran and was left out.
    fn check(&self) {
        let failures = self.failures.join("\n");
        assert!(failures.is_empty(), "{} scenarios fail:\n{failures}", self.failures.len());
        for (left_out, found) in LEFT_OUT.iter().zip(&self.left_out) {
            assert_eq!(*found, left_out.count, "left out of {}: {}", left_out.suite, left_out.scenario);
        }
        self.suites.check(SUITES);
        self.tags.check(TAGS);
    }

    fn tell(&self) {
        let mut table = format!("{:<46} {:>4} {:>9}\n", "feature file", "ran", "left out");
        let all = self.suites.counts().iter().fold((0, 0), |sum, one| (sum.0 + one.1, sum.1 + one.2));
        for (name, ran, left_out) in self.suites.counts().into_iter().chain([("all", all.0, all.1)]) {
            table += &format!("{name:<46} {ran:>4} {left_out:>9}\n");
        }
        table += &format!("\n{:<46} {:>4} {:>9}\n", "tag", "ran", "left out");
        for (name, ran, left_out) in self.tags.counts() {
            table += &format!("{name:<46} {ran:>4} {left_out:>9}\n");
        }
        table += "\nleft out\n";
        for (left_out, found) in LEFT_OUT.iter().zip(&self.left_out) {
            table += &format!("{found:>4} of {}, {}: {}\n", left_out.suite, left_out.scenario, left_out.why);
        }
        common::tell(&table);
    }
}

/// How many scenarios ran and how many were left out, by name.
#[derive(Default)]
struct Counts(BTreeMap<String, (usize, usize)>);

impl Counts {
    fn add(&mut self, name: &str, ran: bool) {
        let count = self.0.entry(name.to_owned()).or_default();
        *(if ran { &mut count.0 } else { &mut count.1 }) += 1;
    }

    fn counts(&self) -> Vec<(&str, usize, usize)> {
        self.0.iter().map(|(name, (ran, left_out))| (name.as_str(), *ran, *left_out)).collect()
    }

    fn check(&self, expected: &[(&str, usize, usize)]) {
        let found = self.counts();
        let unexpected: Vec<_> = found.iter().filter(|count| !expected.contains(count)).collect();
        let unseen: Vec<_> = expected.iter().filter(|count| !found.contains(count)).collect();
        assert!(unexpected.is_empty() && unseen.is_empty(), "found {unexpected:?}, expected {unseen:?}");
    }
}
