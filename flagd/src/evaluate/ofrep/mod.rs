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
//! 2. `body` takes a request's body, within its limit.
//! 3. `context` reads a body as a context.
//! 4. `answer` writes what came of an evaluation.
//! 5. `tag` makes and compares entity tags.
//! 6. `cors` tells browsers who may call.
//! 7. `channel` knows when the flags of a selector change.
//! 8. `stream` tells that to those who listen.
//! 9. `single` and `bulk` answer requests.
//! 10. `router` is where each of them is found.

mod path;
mod body;
mod context;
mod answer;
mod tag;
mod cors;
mod channel;
mod stream;
mod single;
mod bulk;
mod router;

pub use router::router;
