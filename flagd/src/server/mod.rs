//! Listeners, limits, TLS, draining; the daemon from start to end.
//!
//! 1. `listen` opens ports and unix sockets.
//! 2. `tls` reads certificates, and reads them again when they change.
//! 3. `pace` closes connections whose request header takes too long, and leaves idle ones alone.
//! 4. `bodies` are bodies that are limited in time and counted.
//! 5. `request` takes one request to its handler: measured, and contained if it panics.
//! 6. `port` accepts connections, whatever happens, and serves them.
//! 7. `daemon` opens the sources and the ports, and closes them in order.

mod listen;
mod tls;
mod pace;
mod bodies;
mod request;
mod port;
mod daemon;
#[cfg(test)]
mod tests;

pub use daemon::{Addresses, Daemon, StartError};
