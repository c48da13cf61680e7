//! The words of a flag file: a document to a flag set.
//!
//! Follows the reference's reading of JSON into its structures: names in any case, a null that changes
//! nothing, the last of several spellings by bytes. What it drops is dropped with a finding, what refuses its
//! whole update refuses the file.
//!
//! 1. `reader` is what is known while a file is read; all the others are parts of reading.
//! 2. `words` is how members are looked up.
//! 3. `evaluators` are rules that others refer to.
//! 4. `extent` is how large everything is with references written out.
//! 5. `variants` and `metadata` are what a flag has beside its rule.
//! 6. `shadow` is how its dark launch runs, `units` how the values there are written.
//! 7. `file` goes through the file from top to bottom.

mod reader;
mod words;
mod evaluators;
mod extent;
mod variants;
mod metadata;
mod units;
mod shadow;
mod file;

pub use file::read;
pub use metadata::FLAG_SET_ID;

pub(crate) use evaluators::is_too_short;
