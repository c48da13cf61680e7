//! The three places put together: the command line wins over the environment, the environment over the file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use flagcore::text::{Printable, closest};

use super::command::{self, Line, Options};
use super::draft::Draft;
use super::file::SettingsFile;
use super::given::{self, Given};
use super::mistake::{Mistake, SettingsError};
use super::options::{ConfigOption, OPTIONS};
use super::otlp;
use super::values::Settings;

/// What a command asks for.
#[derive(Debug)]
pub enum Request {
    /// To print this: help, or the version.
    Say(String),
    /// To start.
    Start(Box<Chosen>),
}

/// What was chosen.
#[derive(Debug)]
pub struct Chosen {
    /// The settings.
    pub settings: Settings,
    /// The settings file, if there is one.
    pub file: Option<PathBuf>,
    /// What is no mistake but worth knowing, each in one line.
    pub warnings: Vec<String>,
}

/// Reads a command line, the program's name first, the environment, and the settings file that these name.
///
/// # Errors
///
/// Every mistake that was made.
pub fn read(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Request, SettingsError> {
    let options = match command::read(arguments)? {
        Line::Say(text) => return Ok(Request::Say(text)),
        Line::Start(options) => options,
    };
    let environment = Environment::of(environment);
    let file = settings_file(&options, &environment).map_err(|mistakes| SettingsError { mistakes })?;
    let mut draft = Draft::default();
    let mut mistakes = Vec::new();
    for option in OPTIONS {
        let applied = match first(option, &options, &environment, file.as_ref()) {
            Some(Ok(given)) => given::apply(option, given, &mut draft),
            Some(Err(found)) => Err(found),
            None => Ok(()),
        };
        mistakes.extend(applied.err().unwrap_or_default());
    }
    match draft.finish(mistakes.is_empty(), &|name| environment.get(name)) {
        Ok((settings, remarks)) if mistakes.is_empty() => {
            let mut warnings = environment.unknown();
            warnings.extend(otlp::without_effect(environment.names()));
            let file = file.map(|file| {
                warnings.extend(file.warnings);
                file.path
            });
            warnings.extend(remarks);
            Ok(Request::Start(Box::new(Chosen { settings, file, warnings })))
        }
        finished => {
            mistakes.extend(finished.err().unwrap_or_default());
            Err(SettingsError { mistakes })
        }
    }
}

/// What an option was given at the first place that has it.
fn first(
    option: &ConfigOption,
    options: &Options,
    environment: &Environment,
    file: Option<&SettingsFile>,
) -> Option<Result<Given, Vec<Mistake>>> {
    if let Some(values) = options.get(option) {
        return Some(given::on_the_line(option, values));
    }
    if let Some(text) = environment.get(&option.environment()) {
        return Some(given::in_the_environment(option, text));
    }
    file?.get(option)
}

/// The file that the command line names, or that of the home folder if there is one.
fn settings_file(options: &Options, environment: &Environment) -> Result<Option<SettingsFile>, Vec<Mistake>> {
    if let Some(path) = options.file() {
        return SettingsFile::read(&path).map(Some);
    }
    let Some(path) = environment.get("HOME").map(|home| Path::new(home).join(".agent.yaml")) else {
        return Ok(None);
    };
    if path.exists() { SettingsFile::read(&path).map(Some) } else { Ok(None) }
}

/// The environment's readable variables, sorted. One that is empty is one that is not there.
struct Environment {
    variables: Vec<(String, String)>,
}

impl Environment {
    fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let readable = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut variables: Vec<_> = readable.filter(|(_, value)| !value.is_empty()).collect();
        variables.sort();
        Self { variables }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }

    /// Clients and tests use such names too, so that an unknown one is no mistake.
    fn unknown(&self) -> Vec<String> {
        let known: Vec<String> = OPTIONS.iter().map(ConfigOption::environment).collect();
        let endings: Vec<&str> = known.iter().filter_map(|name| name.strip_prefix(PREFIX)).collect();
        let is_known = |name: &str| known.iter().any(|known| known == name);
        let unknown = self.names().filter(|name| name.starts_with(PREFIX) && !is_known(name));
        let warn = |name: &str| {
            // What they have in common says nothing.
            let ending = name.strip_prefix(PREFIX).unwrap_or_default();
            let nearest = closest(ending, endings.iter().copied());
            let help = nearest.map_or(String::new(), |nearest| format!("; did you mean {PREFIX}{nearest}?"));
            format!(
                "{}: no option has this name in the environment, so it has no effect{help}",
                Printable(name)
            )
        };
        unknown.map(warn).collect()
    }
}

/// What the names of variables begin with.
const PREFIX: &str = "FLAGD_";
