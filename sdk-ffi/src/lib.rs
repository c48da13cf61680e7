//! The C library: the same core for every language that can call C.
//!
//! The manual of the C API is `include/flagcore.h`, written by hand for those who call it. Here is how it is kept true.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`status`] | what every call returns, and the other numbers of the header |
//! | `boundary` | the one door that all calls come through: no panic leaves by it |
//! | `fork` | whether this process is a copy of the one that opened a client |
//! | [`handle`] | what a caller holds in place of a pointer, and the tables it stands for |
//! | [`text`] | borrowed text: a pointer and a length |
//! | [`value`] | values, members and details as C sees them |
//! | `shown` | texts that are made of a snapshot once, and lent as long as it is |
//! | [`context`] | the context builder |
//! | [`error`] | why there is no client, with every finding as fields |
//! | [`options`] | what can be chosen about a client |
//! | [`listener`] | a callback that hears of updates |
//! | [`client`] | opening, updating, asking how it is |
//! | [`sources`] | what each source holds |
//! | [`reader`] | a thread's own view of a client, and what it can be asked for by type |
//! | [`resolution`] | details, explanations, everything at once |
//! | [`results`] | the answers of all flags |
//! | [`ticket`] | samples of a dark launch, whose candidates the host runs |
//! | [`report`] | what dark launches found, written out |
//! | [`launch`] | dark launches: beginning a call, counts |
//! | [`version`] | which library this is, and whether header and library agree |
//!
//! Types that handles stand for have the numbers 1 to 10 in `objects!`; there is room for 15.
//!
//! Nearly all of the project's `unsafe` is here. What makes it sound is said in [`handle`] for handles, in [`text`] for text,
//! and otherwise where it stands; what a caller owes is said in the header.

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod status;
#[macro_use]
mod boundary;
mod fork;
pub mod handle;
pub mod text;
pub mod value;
mod shown;
pub mod context;
pub mod error;
pub mod options;
pub mod listener;
pub mod client;
pub mod sources;
pub mod reader;
pub mod resolution;
pub mod results;
pub mod ticket;
pub mod report;
pub mod launch;
pub mod version;
