//! Everything that can be chosen, with its defaults.
//!
//! An option can be given on the command line, in the environment and in a file; the first of them that has it wins.
//!
//! 1. `values` is the result: what the rest of the daemon reads.
//! 2. `duration` reads `250ms` and `1h30m`.
//! 3. `mistake` is what is wrong with what was given, and how to mend it.
//! 4. `draft` is the settings while they are put together.
//! 5. `options` is the table of all options: name, help, and the setting each one sets.
//! 6. `sources` reads where flags come from.
//! 7. `given` reads what an option was given at each of the three places.
//! 8. `file` reads the settings file.
//! 9. `command` is the command line that the table makes.
//! 10. `choose` puts the three places together.

mod values;
mod duration;
mod mistake;
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
pub use values::{LogFormat, Settings, SourceSettings, Tls};
