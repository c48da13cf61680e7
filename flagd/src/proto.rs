//! The messages of the protocols, generated from `proto/`; `tests/generated.rs` keeps them current.

#![expect(missing_docs, reason = "generated")]

/// `schema.v1`: the oldest generation.
pub mod schema_v1 {
    include!("generated/schema.v1.rs");
}

/// `flagd.evaluation.v1`: values that are not there are zero.
pub mod evaluation_v1 {
    include!("generated/flagd.evaluation.v1.rs");
}

/// `flagd.evaluation.v2`: values that are not there are absent.
pub mod evaluation_v2 {
    include!("generated/flagd.evaluation.v2.rs");
}

/// `flagd.sync.v1`: flag definitions for those who evaluate for themselves.
pub mod sync_v1 {
    include!("generated/flagd.sync.v1.rs");
}

/// All of them, described, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");
