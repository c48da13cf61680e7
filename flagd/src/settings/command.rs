//! The command line, made from the table of options.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{Styles, styling::AnsiColor};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};
use flagcore::text::closest;

use super::mistake::{Fault, Mistake, SettingsError};
use super::options::{ConfigOption, OPTIONS, Shape};

/// What a command line says.
pub(super) enum Line {
    /// Something to print: help, or the version.
    Say(String),
    /// To start, with these options.
    Start(Options),
}

/// The options of a command line.
pub(super) struct Options {
    matches: ArgMatches,
}

impl Options {
    /// What an option was given, if it was.
    pub(super) fn get(&self, option: &ConfigOption) -> Option<Vec<String>> {
        let values = self.matches.get_many::<String>(option.name)?;
        Some(values.cloned().collect())
    }

    /// The settings file.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.matches.get_many::<String>(CONFIG)?.next_back().map(PathBuf::from)
    }
}

/// Reads a command line, the program's name first.
pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Line, SettingsError> {
    match command().try_get_matches_from(arguments) {
        Ok(matches) => Ok(match matches.subcommand() {
            Some(("start", matches)) => Line::Start(Options { matches: matches.clone() }),
            _ => Line::Say(version()),
        }),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Ok(Line::Say(error.render().to_string()))
            }
            _ => Err(mistake(&error).into()),
        },
    }
}

/// In the words of the reference. Whoever builds says of what and when.
fn version() -> String {
    let commit = option_env!("FLAGD_COMMIT").unwrap_or("unknown");
    let built = option_env!("FLAGD_BUILT_AT").unwrap_or("unknown");
    format!("flagd: {} ({commit}), built at: {built}\n", env!("CARGO_PKG_VERSION"))
}

fn mistake(error: &clap::Error) -> Mistake {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let fault = match (error.kind(), text(ContextKind::InvalidArg), text(ContextKind::InvalidSubcommand)) {
        (ErrorKind::UnknownArgument, Some(found), _) => {
            let name = found.split('=').next().unwrap_or_default().to_owned();
            let options = OPTIONS.iter().map(|option| option.name).chain([CONFIG, "help"]);
            let nearest = name.strip_prefix("--").and_then(|name| closest(name, options));
            let what = if name.starts_with('-') { "option" } else { "argument" };
            // A name that is right stands in the wrong place: before `start`.
            let before = if nearest.is_some_and(|nearest| name == format!("--{nearest}")) {
                "flagd start "
            } else {
                ""
            };
            Fault::Unknown { what, name, nearest: nearest.map(|name| format!("{before}--{name}")) }
        }
        (ErrorKind::InvalidSubcommand, _, Some(name)) => {
            let nearest = closest(&name, ["start", "version", "help"]).map(str::to_owned);
            Fault::Unknown { what: "command", name, nearest }
        }
        _ => {
            let text = error.render().to_string();
            Fault::Usage(text.trim_start_matches("error: ").trim_end().to_owned())
        }
    };
    Mistake::new("", fault)
}

const CONFIG: &str = "config";

fn command() -> Command {
    let styles = Styles::styled()
        .header(AnsiColor::Green.on_default().bold())
        .usage(AnsiColor::Green.on_default().bold())
        .literal(AnsiColor::Cyan.on_default().bold())
        .placeholder(AnsiColor::Cyan.on_default());
    let start = Command::new("start")
        .about("Serves flags until it is told to stop")
        .long_about(START)
        .after_help(AFTER)
        .args(OPTIONS.iter().filter(|option| !is_global(option)).map(argument));
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .global(true)
        .value_name("PATH")
        .action(ArgAction::Append)
        .help_heading("Log and metrics")
        .help("The settings file, in YAML or JSON [default: $HOME/.agent.yaml, if there]");
    Command::new("flagd")
        .about("Serves feature flags out of files: watches them, evaluates them, passes them on")
        .version(env!("CARGO_PKG_VERSION"))
        .styles(styles)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(start)
        .subcommand(Command::new("version").about("Prints the version"))
        .args(OPTIONS.iter().filter(|option| is_global(option)).map(|option| argument(option).global(true)))
        .arg(config.help_heading(None::<&str>))
}

fn is_global(option: &ConfigOption) -> bool {
    option.name == "debug"
}

fn argument(option: &ConfigOption) -> Arg {
    let mut help = format!("{} [env: {}]", option.help, option.environment());
    if let Some(default) = option.default() {
        help.push_str(&format!(" [default: {default}]"));
    }
    let argument = Arg::new(option.name)
        .long(option.name)
        .value_name(option.value)
        .action(ArgAction::Append)
        .allow_hyphen_values(option.shape() == Shape::Scalar)
        .help(help);
    let argument = match option.short {
        Some(short) => argument.short(short),
        None => argument,
    };
    let argument = if is_global(option) { argument } else { argument.help_heading(option.group) };
    match option.shape() {
        Shape::Switch => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => argument.num_args(1),
    }
}

const START: &str = "Serves flags until it is told to stop.

Flags are read from files, and read again whenever these change. A change that is broken is refused, with its place \
and its mending in the log, and what was served before is still served.

Every option can also be given in the environment, and in the settings file under its long name. The command line \
wins over the environment, the environment over the file.";

const AFTER: &str = "Examples:
  flagd start --uri file:flags/quickstart.flagd.json
  flagd start -f file:base -f file:overrides.json     # a folder, and a file that wins over it
  FLAGD_URI='file:base file:overrides.json' flagd start --log-format json

Ask it something:
  curl -X POST localhost:8016/ofrep/v1/evaluate/flags/checkout -d '{\"context\": {\"email\": \"jo@example.com\"}}'

Signals: SIGTERM and SIGINT finish what is under way and end, a second one ends at once; SIGHUP reads all sources again.
Exit codes: 0 after a clean end, 2 for a mistake in the options, 1 for anything else.
";
