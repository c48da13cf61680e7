//! Everything that can be chosen, with its defaults.
//!
//! An option can be given on the command line, in the environment and in a file; the first of them that has it wins.
//!
//! 1. `duration` reads `250ms` and `1h30m`.
//! 2. `mistake` is what is wrong with what was given, and how to mend it.
//! 3. `tls` is a certificate with its key.
//! 4. `otlp` is where metrics and traces are sent.
//! 5. `values` is the result: what the rest of the daemon reads.
//! 6. `draft` is the settings while they are put together.
//! 7. `options` is the table of all options: name, help, and the setting each one sets.
//! 8. `sources` reads where flags come from.
//! 9. `given` reads what an option was given at each of the three places.
//! 10. `file` reads the settings file.
//! 11. `command` is the command line that the table makes.
//! 12. `choose` puts the three places together.

mod duration;
mod mistake;
mod tls;
mod otlp;
mod values;
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
pub use tls::Tls;
pub use values::{LogFormat, Settings, SourceSettings};
