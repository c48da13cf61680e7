//! Listeners, limits, TLS, draining; the daemon from start to end.
//!
//! 1. `error` is why a daemon did not start.
//! 2. `listen` opens ports and unix sockets.
//! 3. `tls` reads certificates, and reads them again when they change.
//! 4. `room` is how many connections there may be.
//! 5. `untaken` bounds what answers hold that nobody takes.
//! 6. `unfinished` bounds what requests hold that are not complete.
//! 7. `pace` closes connections whose request header takes too long, and leaves idle ones alone.
//! 8. `authority` mends the authority that clients of unix sockets make of a path.
//! 9. `record` is what is measured of a request.
//! 10. `bodies` are bodies that are limited in time and counted.
//! 11. `request` takes one request to its handler: measured, and contained if it panics.
//! 12. `port` accepts connections, whatever happens, and serves them.
//! 13. `daemon` opens the sources and the ports, and closes them in order.

mod error;
mod listen;
mod tls;
mod room;
mod untaken;
mod unfinished;
mod pace;
mod authority;
mod record;
mod bodies;
mod request;
mod port;
mod daemon;
#[cfg(test)]
mod tests;

pub use daemon::{Addresses, Daemon};
pub use error::StartError;
