//! The command line of the binaries.

use std::path::{Path, PathBuf};

use super::Trouble;
use super::process::Template;

/// What was asked for.
#[derive(Debug)]
pub struct Options {
    /// The daemons that are measured, the first one being the one that others are compared with.
    pub daemons: Vec<Template>,
    /// How often everything is measured; the best counts.
    pub rounds: usize,
    /// Only what has this in its name.
    pub only: String,
    /// A tenth of the requests, to see whether all works.
    pub quick: bool,
}

impl Options {
    /// Reads the arguments of the process; without a daemon it is the one that was built beside this binary.
    ///
    /// # Errors
    ///
    /// Where an argument is unknown or has no value.
    pub fn read(rounds: usize) -> Result<Self, Trouble> {
        let mut options = Self { daemons: Vec::new(), rounds, only: String::new(), quick: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            if name == "--quick" {
                options.quick = true;
                continue;
            }
            if !["--daemon", "--rounds", "--only"].contains(&name.as_str()) {
                return Err(format!("`{name}` is no option; {USAGE}").into());
            }
            let value = arguments.next().ok_or_else(|| format!("`{name}` wants a value; {USAGE}"))?;
            match name.as_str() {
                "--daemon" => options.daemons.push(Template::read(&value)),
                "--rounds" => options.rounds = value.parse::<usize>()?.max(1),
                _ => options.only = value,
            }
        }
        if options.daemons.is_empty() {
            options.daemons.push(Template::read(&format!("flagd={} {OURS}", built("flagd").display())));
        }
        Ok(options)
    }

    /// Whether something of this name is asked for.
    pub fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    /// The handler that does nothing but what no handler can leave out.
    pub fn bare() -> Template {
        Template::read(&format!("bare axum={} {{ofrep}} {{port}} {{answers}}", built("bare_axum").display()))
    }
}

/// A binary of the release build.
fn built(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release").join(name)
}

const OURS: &str = "start -f file:{flags} -p {port} -m {management} -g {sync} -r {ofrep}";

const USAGE: &str = "write `[--daemon 'NAME=COMMAND'].. [--rounds N] [--only TEXT] [--quick]`, with {flags}, {port}, \
    {management}, {sync} and {ofrep} in the command";
