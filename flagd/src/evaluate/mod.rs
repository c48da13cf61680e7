//! Remote evaluation: OFREP, gRPC in three generations, Connect.
//!
//! 1. `cors` tells browsers who may call.
//! 2. `ofrep` is the OpenFeature Remote Evaluation Protocol.
//! 3. `rpc` is gRPC, gRPC-Web and Connect on one port.

mod cors;
pub mod ofrep;
pub mod rpc;
