//! Everything that can be chosen, with its defaults.
//!
//! An option can be given on the command line, in the environment and in a file; the first of them that has it wins.
//!
//! 1. `values` is the result: what the rest of the daemon reads.
//! 2. `duration` reads `250ms` and `1h30m`.
//! 3. `mistake` is what is wrong with what was given, and how to mend it.
//! 4. `otlp` is where metrics and traces are sent.
//! 5. `draft` is the settings while they are put together.
//! 6. `options` is the table of all options: name, help, and the setting each one sets.
//! 7. `sources` reads where flags come from.
//! 8. `given` reads what an option was given at each of the three places.
//! 9. `file` reads the settings file.
//! 10. `command` is the command line that the table makes.
//! 11. `choose` puts the three places together.

mod values;
mod duration;
mod mistake;
mod otlp;
mod draft;
mod options;
mod sources;
mod given;
mod file;
mod command;
mod choose;

pub use choose::{Chosen, Request, read};
pub use mistake::{Mistake, SettingsError};
pub use options::{ConfigOption, OPTIONS};
pub use otlp::{Headers, Otlp, Sampler, Traces};
pub use values::{LogFormat, Settings, SourceSettings, Tls};
