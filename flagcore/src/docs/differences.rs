//! Where this differs from flagd on purpose, and why.
//!
//! Everything else agrees: 14,272 evaluations recorded from the reference (flagd 0.16.1) are one of the tests, odd corners included, and a
//! difference that is not in this list is a bug. No row changes what a rule serves that somebody would write on purpose.
//!
//! # Evaluating
//!
//! | the reference | here | why |
//! | --- | --- | --- |
//! | an object in the *context* that looks like a rule is run as one, in some places (`if`, the conditions of list operators, `set`) | context is data, never a rule | whoever fills the context could write rules |
//! | nesting and work are unbounded | at most 256 levels in a file, 100 in a value or a context, 100,000 steps and 1 MiB of produced text in an evaluation, references counted as levels and long operands as steps; past it an error | one request must not cost a service |
//! | nested `$ref` are resolved in random order: now and then they fail | always resolved; a reference that leads back to itself is a warning, and `PARSE_ERROR` only when it is reached | the same file must mean the same every time |
//! | a number beyond 64 bits asked for as an integer is the smallest one (on one processor, not on another) | the nearest end of the range | the same everywhere |
//! | a key in several sources: evaluations, synchronisation and bulk answers pick different winners | one winner everywhere: the highest source | one question, one answer |
//! | a key hidden by a higher source is gone when that source drops it | it comes back at once | |
//! | the selector `flagSetId=` tells a random internal id as metadata | no `flagSetId` | |
//!
//! # Reading files
//!
//! | the reference | here | why |
//! | --- | --- | --- |
//! | looks once a second, and only at newer times; may lose a file that was deleted | events and slow polling; content decides; survives deletion, replacement, older files | |
//! | a file that suddenly holds no flags, or YAML written in place that lost many (five or more, and a tenth), is taken at once | taken when it is still so two seconds later; YAML written in place otherwise when it rested for 50 ms; bytes that the program itself gives at once | half a file is not a decision |
//! | a file is read again and again even if nothing changed | equal content changes nothing, and nobody is told | |
//! | loading nested rules takes quadratic time | linear | |
//! | in YAML, `%YAML 1.2` at the top is refused, and so is a tag alone in a list (`[!!str]`); a key that is left empty (`: 1`) is refused or lost | read | YAML 1.2 allows all three |
//!
//! # Added
//!
//! `bucketing:` at the top of a file pins the generation of `fractional`: `v1` (flagd before 0.15), `v2` (the default), `v3` (flagd's accepted
//! proposal: any value can be hashed). flagd ignores the word, and does what `v2` says. Nothing moves anyone to another bucket without being asked to.
//!
//! A flag file of several files ([a folder](crate::Client::open)) is one source: within one flag set a later file's flag wins, with a warning;
//! metadata, evaluators and bucketing belong to their own file; one bad file refuses the folder as a whole.
