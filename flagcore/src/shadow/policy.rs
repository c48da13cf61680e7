//! What a flag's `shadow` block asks for; read with the rest of the file, far below.

pub use crate::model::shadow::{
    ComparePolicy, ErrorCompare, SampleBy, ShadowBreaker, ShadowLimits, ShadowPolicy, StorePolicy,
};
