//! The OpenFeature Remote Evaluation Protocol: JSON over HTTP.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /ofrep/v1/evaluate/flags/{key}` | one flag for a context |
//! | `POST /ofrep/v1/evaluate/flags` | every flag for a context; an entity tag, and 304 where it still holds |
//! | `GET /ofrep/v1/sse/{channel}` | a word each time the flags of a channel, which is a selector, change |
//!
//! A body is read straight into a context that borrows from it, and an answer is written in one pass into one
//! buffer.
//!
//! 1. `path` decodes flag keys and mends paths.
//! 2. `answer` writes what came of an evaluation.
//! 3. `refusal` answers requests that come to none.
//! 4. `body` takes a request's body, within its limit.
//! 5. `context` reads a body as a context.
//! 6. `question` is a request with all that it asks.
//! 7. `tag` makes and compares entity tags.
//! 8. `memory` keeps the tags of the last answers.
//! 9. `channel` is what tells one state of a selector's flags from another.
//! 10. `shared` is what the handlers share.
//! 11. `stream` tells that to those who listen.
//! 12. `single` and `bulk` answer requests.
//! 13. `router` is where each of them is found.

mod path;
mod answer;
mod refusal;
mod body;
mod context;
mod question;
mod tag;
mod memory;
mod channel;
mod shared;
mod stream;
mod single;
mod bulk;
mod router;

pub use router::router;
