//! What each source holds, and whether it is served.

use std::time::{SystemTime, UNIX_EPOCH};

use flagcore::sync::SourceStatus;

use crate::boundary::{Failure, Outcome, give, room};
use crate::client::Shared;
use crate::error::{CDiagnostic, Finding};
use crate::handle::{self, Handle, look, objects, share};
use crate::status::Status;
use crate::text::Text;
use crate::value::{Growing, give_sized, sized_room};

/// How every source was at one moment.
#[derive(Debug)]
pub(crate) struct Sources {
    all: Vec<Source>,
}

objects! { Sources = 7; }

#[derive(Debug)]
struct Source {
    status: SourceStatus,
    findings: Vec<Finding>,
}

/// One source as C sees it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CSource {
    /// Its size, as the caller knows it.
    pub struct_size: usize,
    /// Its name.
    pub name: Text,
    /// Whether anything of it is served.
    pub is_served: bool,
    /// Whether what it holds now is refused.
    pub is_refused: bool,
    /// The revision with which what is served was published.
    pub revision: u64,
    /// When that was, in milliseconds since 1970.
    pub served_since: i64,
    /// When what is refused was first seen, in milliseconds since 1970.
    pub refused_since: i64,
    /// How many flags are served of it.
    pub flags: u64,
    /// The bytes of its largest file.
    pub largest_file_bytes: u64,
    /// A digest of what is served.
    pub digest: Text,
    /// What holds back a content that is in doubt.
    pub waiting: Text,
    /// What is wrong with the watching.
    pub complaint: Text,
    /// How many findings there are: about what is refused, else about what is served.
    pub diagnostic_count: usize,
}

// SAFETY: see the type.
unsafe impl Growing for CSource {}

impl Source {
    fn new(status: SourceStatus) -> Self {
        let refused = status.refused.as_ref().map(|refused| &refused.findings);
        let findings = refused.or(status.served.as_ref().map(|served| &served.findings));
        let findings = findings.map(Finding::all).unwrap_or_default();
        Self { status, findings }
    }

    fn shown(&self) -> CSource {
        let Source { status, findings } = self;
        let served = status.served.as_ref();
        CSource {
            struct_size: size_of::<CSource>(),
            name: Text::of(&status.name),
            is_served: served.is_some(),
            is_refused: status.refused.is_some(),
            revision: served.map_or(0, |served| served.revision),
            served_since: served.map_or(0, |served| milliseconds(served.since)),
            refused_since: status.refused.as_ref().map_or(0, |refused| milliseconds(refused.at)),
            flags: served.map_or(0, |served| served.flags as u64),
            largest_file_bytes: served.map_or(0, |served| served.largest_file_bytes as u64),
            digest: Text::of_option(served.map(|served| served.digest.as_str())),
            waiting: Text::of_option(status.waiting.as_deref()),
            complaint: Text::of_option(status.complaint.as_deref()),
            diagnostic_count: findings.len(),
        }
    }
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).ok();
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

/// One of the sources.
///
/// # Safety
///
/// As for [`look`].
unsafe fn at<'call>(sources: Handle, index: usize) -> Outcome<&'call Source> {
    // SAFETY: the caller says so.
    let found = unsafe { look::<Sources>(sources, "sources") }?.all.get(index);
    found.ok_or_else(|| Failure::new(Status::OutOfRange, "index"))
}

exported! {
    /// How every source is now.
    fn flagcore_client_sources(client: Handle, out: *mut Handle) {
        let out = room(out, "out")?;
        let client = share::<Shared>(client, "client")?;
        let all = client.client().status().into_iter().map(Source::new).collect();
        let made = handle::give_out(Sources { all })?;
        // SAFETY: the header asks for room there.
        unsafe { give(out, "out", made) }
    }

    /// How many sources there are.
    fn flagcore_sources_count(sources: Handle) -> usize, 0; {
        // SAFETY: the header says that nobody frees the sources meanwhile.
        Ok(unsafe { look::<Sources>(sources, "sources") }?.all.len())
    }

    /// One of them.
    fn flagcore_sources_at(sources: Handle, index: usize, out: *mut CSource) {
        // SAFETY: as above, and the header asks for room.
        unsafe {
            let out = sized_room(out, "out")?;
            give_sized(out, at(sources, index)?.shown());
        }
        Ok(())
    }

    /// One finding about one of them.
    fn flagcore_sources_diagnostic(sources: Handle, index: usize, number: usize, out: *mut CDiagnostic) {
        // SAFETY: as above.
        unsafe {
            let out = sized_room(out, "out")?;
            let found = at(sources, index)?.findings.get(number);
            let found = found.ok_or_else(|| Failure::new(Status::OutOfRange, "number"))?;
            give_sized(out, found.shown());
        }
        Ok(())
    }

    /// Frees sources.
    fn flagcore_sources_free(sources: Handle) {
        handle::take_back::<Sources>(sources, "sources").map(drop)
    }
}
