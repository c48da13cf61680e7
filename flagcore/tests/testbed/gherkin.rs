//! Reads the feature files of the public suites: features, backgrounds, scenarios, outlines, tags, tables.
//!
//! A reader of our own: the suites write `\"` and `\u0000` in table cells, which Gherkin keeps as they are and the
//! `gherkin` crate (0.16) refuses. Only what the suites use is read; anything else is an error.

use std::collections::BTreeSet;

/// A scenario that can be run: of an outline, one row of its examples.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// Its name; of an outline, the outline's as it is written.
    pub(crate) name: String,
    /// Of an outline, the row: name and cell of each column.
    pub(crate) row: Vec<(String, String)>,
    /// Those of the feature, of the scenario and of its examples.
    pub(crate) tags: BTreeSet<String>,
    /// The background's steps, then its own.
    pub(crate) steps: Vec<Step>,
    /// The line of the scenario, or of the row.
    pub(crate) line: usize,
}

/// One step, its keyword taken off.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) text: String,
    pub(crate) table: Vec<Vec<String>>,
}

impl Scenario {
    /// Name and row, as people find them again in the file.
    pub(crate) fn title(&self) -> String {
        let cells: Vec<&str> = self.row.iter().map(|(_, cell)| cell.as_str()).collect();
        format!("line {}: {} {}", self.line, self.name, cells.join(" | "))
    }
}

/// The scenarios of a feature file in order, outlines expanded.
///
/// # Errors
///
/// What is not understood, with its line.
pub(crate) fn scenarios(text: &str) -> Result<Vec<Scenario>, String> {
    let mut feature = Feature::default();
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let line = line.trim();
        if line.starts_with("\"\"\"") && matches!(feature.at, At::Feature) {
            // Documentation in the feature's description.
            lines.by_ref().find(|(line, _)| line.trim_start().starts_with("\"\"\""));
        } else if !line.is_empty() && !line.starts_with('#') {
            feature.line(line, number).ok_or_else(|| format!("line {number} is not understood: {line}"))?;
        }
    }
    Ok(feature.expanded())
}

#[derive(Default)]
struct Feature {
    tags: BTreeSet<String>,
    pending_tags: BTreeSet<String>,
    background: Vec<Step>,
    written: Vec<Written>,
    at: At,
}

/// A scenario or an outline as written.
struct Written {
    name: String,
    line: usize,
    tags: BTreeSet<String>,
    steps: Vec<Step>,
    is_outline: bool,
    examples: Vec<Examples>,
}

#[derive(Default)]
struct Examples {
    tags: BTreeSet<String>,
    header: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
}

/// Where the reader stands.
#[derive(Default)]
enum At {
    #[default]
    Start,
    Feature,
    Background,
    Scenario,
    Examples,
}

impl Feature {
    fn line(&mut self, line: &str, number: usize) -> Option<()> {
        let named = |keyword: &str| line.strip_prefix(keyword).map(|name| name.trim().to_owned());
        if line.starts_with('@') {
            self.pending_tags.extend(line.split_whitespace().map(str::to_owned));
        } else if named("Feature:").is_some() {
            self.tags = std::mem::take(&mut self.pending_tags);
            self.at = At::Feature;
        } else if named("Background:").is_some() {
            self.at = At::Background;
        } else if let Some(name) = named("Scenario Outline:") {
            self.scenario(name, number, true);
        } else if let Some(name) = named("Scenario:") {
            self.scenario(name, number, false);
        } else if named("Examples:").or_else(|| named("Scenarios:")).is_some() {
            let tags = std::mem::take(&mut self.pending_tags);
            let outline = self.written.last_mut().filter(|written| written.is_outline)?;
            outline.examples.push(Examples { tags, ..Examples::default() });
            self.at = At::Examples;
        } else if line.starts_with('|') {
            self.row(cells(line)?, number)?;
        } else if let Some(text) = step_text(line) {
            self.steps()?.push(Step { text: text.to_owned(), table: Vec::new() });
        } else if !matches!(self.at, At::Feature) {
            // Only a feature has a description in these suites.
            return None;
        }
        Some(())
    }

    fn scenario(&mut self, name: String, line: usize, is_outline: bool) {
        let tags = std::mem::take(&mut self.pending_tags);
        self.written.push(Written { name, line, tags, steps: Vec::new(), is_outline, examples: Vec::new() });
        self.at = At::Scenario;
    }

    fn steps(&mut self) -> Option<&mut Vec<Step>> {
        match self.at {
            At::Background => Some(&mut self.background),
            At::Scenario => Some(&mut self.written.last_mut()?.steps),
            At::Start | At::Feature | At::Examples => None,
        }
    }

    fn row(&mut self, cells: Vec<String>, number: usize) -> Option<()> {
        if let At::Examples = self.at {
            let examples = self.written.last_mut()?.examples.last_mut()?;
            if examples.header.is_empty() {
                examples.header = cells;
            } else if examples.header.len() == cells.len() {
                examples.rows.push((number, cells));
            } else {
                return None;
            }
        } else {
            self.steps()?.last_mut()?.table.push(cells);
        }
        Some(())
    }

    fn expanded(&self) -> Vec<Scenario> {
        self.written.iter().flat_map(|written| self.instances(written)).collect()
    }

    fn instances(&self, written: &Written) -> Vec<Scenario> {
        let own = self.tags.iter().chain(&written.tags);
        let steps = self.background.iter().chain(&written.steps);
        if !written.is_outline {
            return vec![Scenario {
                name: written.name.clone(),
                row: Vec::new(),
                tags: own.cloned().collect(),
                steps: steps.cloned().collect(),
                line: written.line,
            }];
        }
        let rows =
            written.examples.iter().flat_map(|examples| examples.rows.iter().map(move |row| (examples, row)));
        rows.map(|(examples, (line, row))| {
            let row: Vec<(String, String)> =
                examples.header.iter().cloned().zip(row.iter().cloned()).collect();
            Scenario {
                name: written.name.clone(),
                tags: own.clone().chain(&examples.tags).cloned().collect(),
                steps: steps.clone().map(|step| step.filled(&row)).collect(),
                row,
                line: *line,
            }
        })
        .collect()
    }
}

impl Step {
    /// The step with the cells of a row in place of the names of its columns.
    fn filled(&self, row: &[(String, String)]) -> Self {
        let fill = |text: &String| {
            row.iter().fold(text.clone(), |text, (name, cell)| text.replace(&format!("<{name}>"), cell))
        };
        Self {
            text: fill(&self.text),
            table: self.table.iter().map(|row| row.iter().map(fill).collect()).collect(),
        }
    }
}

fn step_text(line: &str) -> Option<&str> {
    ["Given ", "When ", "Then ", "And ", "But "].iter().find_map(|keyword| line.strip_prefix(keyword))
}

/// The cells of a table row. `\|`, `\\` and `\n` are escapes; any other backslash is one.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?.trim_end().strip_suffix('|')?;
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('|', _) => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            ('\\', Some(escaped @ ('|' | '\\'))) => {
                cell.push(*escaped);
                characters.next();
            }
            ('\\', Some('n')) => {
                cell.push('\n');
                characters.next();
            }
            (other, _) => cell.push(other),
        }
    }
    cells.push(cell.trim().to_owned());
    Some(cells)
}

#[test]
fn an_outline_is_one_scenario_for_each_row() {
    let feature = r#"
        @all
        Feature: a feature
          Words about it.

          Background:
            Given an evaluator

          @outline
          Scenario Outline: of <flag>
            When "<flag>" is "<value>"
              | name   | value   |
              | <flag> | <value> |
            @some
            Examples: some
              | flag | value          |
              | a    | {\"b\": "\|"}  |
              | c    | \u0000 \\ d    |
            Scenarios:
              | flag | value |
              | e    |       |

          # A comment.
          Scenario: plain
            Then nothing
    "#;
    let found = scenarios(feature).unwrap();
    let told: Vec<(&str, usize, String, &str)> = found
        .iter()
        .map(|it| {
            let tags: Vec<&str> = it.tags.iter().map(String::as_str).collect();
            (it.name.as_str(), it.line, tags.join(" "), it.steps[1].text.as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("of <flag>", 17, "@all @outline @some".to_owned(), r#""a" is "{\"b\": "|"}""#),
            ("of <flag>", 18, "@all @outline @some".to_owned(), r#""c" is "\u0000 \ d""#),
            ("of <flag>", 21, "@all @outline".to_owned(), r#""e" is """#),
            ("plain", 24, "@all".to_owned(), "nothing"),
        ]
    );
    assert!(found.iter().all(|it| it.steps[0].text == "an evaluator"));
    assert_eq!(found[0].steps[1].table[1], ["a", r#"{\"b\": "|"}"#]);
    assert_eq!(found[0].title(), r#"line 17: of <flag> a | {\"b\": "|"}"#);
}

#[test]
fn what_is_no_gherkin_is_told_with_its_line() {
    for (feature, line) in [
        ("Feature: a\nScenario: b\nGiven c\nwords", 4),
        ("Scenario Outline: a\nExamples: b\n| c |\n| d | e |", 4),
        ("Scenario: a\nExamples: b", 2),
        ("Scenario: a\n| b |", 2),
        ("Given a", 1),
        ("Rule: a", 1),
    ] {
        let problem = scenarios(feature).unwrap_err();
        assert!(problem.starts_with(&format!("line {line} ")), "{feature}: {problem}");
    }
}
