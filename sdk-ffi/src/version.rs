//! Which library this is, and whether header and library agree.

use std::ffi::c_char;

use crate::boundary::{Failure, give, last_error};
use crate::error::CDiagnostic;
use crate::launch::CCounts;
use crate::listener::{CChange, CUpdate};
use crate::sources::CSource;
use crate::status::{ErrorCodeNumber, ReasonNumber, Status};
use crate::text::Text;
use crate::value::{CDetail, CValue, Member};

/// The part of the version that changes when what was promised does: the number in the SONAME.
pub const ABI_MAJOR: u32 = 0;
/// The part that grows when something is added.
pub const ABI_MINOR: u32 = 2;

/// The sizes of all structures, in the order of the header's `FLAGCORE_STRUCTS`; new ones are added at the end.
pub const STRUCTS: &[(&str, usize)] = &[
    ("flagcore_text", size_of::<Text>()),
    ("flagcore_value", size_of::<CValue>()),
    ("flagcore_member", size_of::<Member>()),
    ("flagcore_detail", size_of::<CDetail>()),
    ("flagcore_diagnostic", size_of::<CDiagnostic>()),
    ("flagcore_source", size_of::<CSource>()),
    ("flagcore_change", size_of::<CChange>()),
    ("flagcore_update", size_of::<CUpdate>()),
    ("flagcore_counts", size_of::<CCounts>()),
];

/// Those that stand in arrays or in others, and never grow; the others begin with their size.
const FIXED: [&str; 4] = ["flagcore_text", "flagcore_value", "flagcore_member", "flagcore_change"];

const fn packed(major: u32, minor: u32) -> u32 {
    major << 16 | minor
}

exported! {
    /// The ABI of this library.
    fn flagcore_abi_version() -> u32, 0; {
        Ok(packed(ABI_MAJOR, ABI_MINOR))
    }

    /// The version of this library, with a NUL at the end.
    fn flagcore_version() -> *const c_char, std::ptr::null(); {
        Ok(concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast())
    }

    /// Whether what was built with a header can use this library.
    fn flagcore_abi_check(version: u32, sizes: *const usize, count: usize) {
        let mismatch = |about: String| Err(Failure::told(Status::AbiMismatch, "", about));
        let (major, minor) = (version >> 16, version & 0xffff);
        if major != ABI_MAJOR || minor > ABI_MINOR {
            return mismatch(format!("the header is of ABI {major}.{minor}, the library of {ABI_MAJOR}.{ABI_MINOR}"));
        }
        if count > STRUCTS.len() {
            return mismatch(format!("the header has {count} structures, the library {}", STRUCTS.len()));
        }
        // SAFETY: the header says that so many sizes are there.
        let sizes = unsafe { crate::text::bytes(sizes.cast(), count.saturating_mul(size_of::<usize>()), "sizes") }?;
        let sizes = sizes.chunks_exact(size_of::<usize>()).map(|bytes| {
            bytes.try_into().map(usize::from_ne_bytes).unwrap_or_default()
        });
        for (size, (name, own)) in sizes.zip(STRUCTS) {
            let fits = if FIXED.contains(name) { size == *own } else { size <= *own };
            if !fits {
                return mismatch(format!("{name} has {size} bytes in the header, {own} in the library"));
            }
        }
        Ok(())
    }

    /// A status in a sentence for people, with a NUL at the end.
    fn flagcore_status_text(status: i32) -> *const c_char, std::ptr::null(); {
        Ok(Status::of(status).map_or(c"an unknown status", Status::text).as_ptr())
    }

    /// A reason as it is spelled on the wire, with a NUL at the end.
    fn flagcore_reason_text(reason: i32) -> *const c_char, std::ptr::null(); {
        Ok(match ReasonNumber::of(reason) {
            Some(ReasonNumber::Static) => c"STATIC",
            Some(ReasonNumber::Default) => c"DEFAULT",
            Some(ReasonNumber::TargetingMatch) => c"TARGETING_MATCH",
            Some(ReasonNumber::Split) => c"SPLIT",
            Some(ReasonNumber::Disabled) => c"DISABLED",
            Some(ReasonNumber::Stale) => c"STALE",
            Some(ReasonNumber::Error) => c"ERROR",
            Some(ReasonNumber::Unknown) | None => c"UNKNOWN",
        }.as_ptr())
    }

    /// An error code as it is spelled on the wire, with a NUL at the end; empty for none.
    fn flagcore_code_text(code: i32) -> *const c_char, std::ptr::null(); {
        Ok(match ErrorCodeNumber::of(code) {
            Some(ErrorCodeNumber::None) => c"",
            Some(ErrorCodeNumber::FlagNotFound) => c"FLAG_NOT_FOUND",
            Some(ErrorCodeNumber::ParseError) => c"PARSE_ERROR",
            Some(ErrorCodeNumber::TypeMismatch) => c"TYPE_MISMATCH",
            Some(ErrorCodeNumber::TargetingKeyMissing) => c"TARGETING_KEY_MISSING",
            Some(ErrorCodeNumber::InvalidContext) => c"INVALID_CONTEXT",
            Some(ErrorCodeNumber::General) | None => c"GENERAL",
        }.as_ptr())
    }

    /// The sentence about the last call of this thread that failed.
    fn flagcore_last_error(out: *mut Text) {
        // SAFETY: the header asks for room there.
        unsafe { give(out, "out", last_error()) }
    }
}
