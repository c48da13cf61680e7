//! Remote evaluation: OFREP, gRPC in three generations, Connect.
//!
//! 1. `ofrep` is the OpenFeature Remote Evaluation Protocol.
//! 2. `rpc` is gRPC, gRPC-Web and Connect on one port.

pub mod ofrep;
pub mod rpc;
