//! One small daemon: watches flag files, distributes them as they change, evaluates remotely.
//!
//! A drop-in replacement for OpenFeature's flagd: the same options, ports, protocols and answers. The library is the daemon
//! without its process, so that tests and embedders can start one on free ports.
//!
//! # The way through the code
//!
//! A file changes; `flagcore` reads, compiles and publishes it; [`distribute`] tells those who listen. A request comes in
//! through [`server`]; [`evaluate`] turns it into a context, asks the snapshot and writes the answer in the protocol's words.
//! **Imports point up this list**: a module may use those listed before it.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`settings`] | everything that can be chosen, with its defaults; from options, environment and file |
//! | [`telemetry`] | the log; every metric with its name, unit and labels; traces; what sends both to a collector |
//! | [`proto`] | the messages of the protocols, generated |
//! | [`chance`] | what keeps many from doing the same thing at the same moment |
//! | [`wire`] | flag values, metadata and contexts in JSON and protobuf, as the reference writes them |
//! | [`state`] | what all handlers share: the client, the settings, the metrics, the drain |
//! | [`distribute`] | snapshots to other processes: sync streams, change events; encoded once |
//! | [`evaluate`] | remote evaluation: OFREP, gRPC in three generations, Connect |
//! | [`admin`] | health, readiness, status, metrics |
//! | [`server`] | listeners, limits, TLS, draining; the daemon from start to end |
//! | [`docs`] | guides: [coming from flagd](docs::coming_from_flagd) |

#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod settings;
pub mod telemetry;
pub mod proto;
pub mod chance;
pub mod wire;
pub mod state;
pub mod distribute;
pub mod evaluate;
pub mod admin;
pub mod server;
pub mod docs;
