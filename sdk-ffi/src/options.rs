//! What can be chosen about a client.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use flagcore::bucketing::Bucketing;
use flagcore::client::{Builder, OnMissing};
use flagcore::diagnostic::Mode;
use flagcore::limits::Limits;
use flagcore::model::Format;
use flagcore::{Client, EvaluationContext};

use crate::boundary::{Failure, Outcome, give, room};
use crate::context::Context;
use crate::handle::{self, Handle, change, look, objects};
use crate::listener::{Callback, Listener, Registered, Release};
use crate::status::{BucketingNumber, FormatNumber, LimitNumber, ModeNumber, Status};
use crate::text::{bytes, read};

/// What was chosen; a client is made of a copy.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    sources: Vec<SourceOption>,
    mode: Mode,
    bucketing: Bucketing,
    limits: Limits,
    global: Option<EvaluationContext<'static>>,
    overrides: Option<EvaluationContext<'static>>,
    watch: bool,
    events: bool,
    on_missing: OnMissing,
    /// Shared by the copies; gone once a client has them.
    listeners: Vec<Arc<Mutex<Option<Registered>>>>,
}

objects! { Options = 4; }

#[derive(Clone, Debug)]
enum SourceOption {
    Path(PathBuf),
    Bytes { name: String, bytes: Arc<Vec<u8>>, format: Format },
}

impl Options {
    pub(crate) fn new() -> Self {
        Self {
            sources: Vec::new(),
            mode: Mode::default(),
            bucketing: Bucketing::default(),
            limits: Limits::default(),
            global: None,
            overrides: None,
            watch: true,
            events: true,
            on_missing: OnMissing::default(),
            listeners: Vec::new(),
        }
    }

    pub(crate) fn add_path(&mut self, path: &[u8]) -> Outcome {
        self.sources.push(SourceOption::Path(path_of(path)?));
        Ok(())
    }

    /// A builder of all that was chosen.
    pub(crate) fn to_builder(&self) -> Builder {
        let builder = Client::builder()
            .mode(self.mode)
            .bucketing(self.bucketing)
            .limits(self.limits.clone())
            .watch(self.watch)
            .file_events(self.events)
            .on_missing(self.on_missing);
        let builder = self.global.iter().fold(builder, |builder, it| builder.global(it.clone()));
        let builder = self.overrides.iter().fold(builder, |builder, it| builder.overrides(it.clone()));
        let builder = self.sources.iter().fold(builder, |builder, source| match source {
            SourceOption::Path(path) => builder.path(path),
            SourceOption::Bytes { name, bytes, format } => builder.bytes(name, bytes.to_vec(), *format),
        });
        let listeners = self.listeners.iter();
        let listeners = listeners.filter_map(|it| it.lock().unwrap_or_else(PoisonError::into_inner).clone());
        listeners.fold(builder, |builder, listener| builder.on_update(move |update| listener.hear(update)))
    }

    /// Hands the listeners over to a client that was made; a client that was not leaves them here.
    pub(crate) fn take_listeners(&self) -> Vec<Registered> {
        let listeners = self.listeners.iter();
        listeners.filter_map(|it| it.lock().unwrap_or_else(PoisonError::into_inner).take()).collect()
    }
}

/// A path of the system's own bytes; elsewhere than on Unix of UTF-8.
fn path_of(path: &[u8]) -> Outcome<PathBuf> {
    if path.contains(&0) {
        return Err(Failure::told(Status::InvalidArgument, "path", "a path has no NUL in it"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Ok(PathBuf::from(std::ffi::OsStr::from_bytes(path)))
    }
    #[cfg(not(unix))]
    {
        let path = std::str::from_utf8(path).map_err(|_| Failure::new(Status::InvalidUtf8, "path"))?;
        Ok(PathBuf::from(path))
    }
}

/// The format of a number.
pub(crate) fn format_of(number: i32) -> Outcome<Format> {
    match FormatNumber::of(number) {
        Some(FormatNumber::Json) => Ok(Format::Json),
        Some(FormatNumber::Yaml) => Ok(Format::Yaml),
        None => Err(Failure::new(Status::InvalidArgument, "format")),
    }
}

fn invalid(name: &'static str) -> impl FnOnce() -> Failure {
    move || Failure::new(Status::InvalidArgument, name)
}

exported! {
    /// Options with nothing chosen.
    fn flagcore_options_new(out: *mut Handle) {
        let out = room(out, "out")?;
        let made = handle::give_out(Options::new())?;
        // SAFETY: the header asks for room there.
        unsafe { give(out, "out", made) }
    }

    /// Frees options.
    fn flagcore_options_free(options: Handle) {
        handle::take_back::<Options>(options, "options").map(drop)
    }

    /// Adds a file or a folder.
    fn flagcore_options_add_path(options: Handle, path: *const c_char, path_length: usize) {
        // SAFETY: the header says that one thread at a time changes options, and that the path is there.
        unsafe {
            let path = bytes(path.cast(), path_length, "path")?;
            change::<Options>(options, "options")?.add_path(path)
        }
    }

    /// Adds bytes under a name.
    fn flagcore_options_add_bytes(
        options: Handle, name: *const c_char, name_length: usize, data: *const c_void, data_length: usize, format: i32,
    ) {
        // SAFETY: as above.
        unsafe {
            let name = read(name, name_length, "name")?.to_owned();
            let (bytes, format) = (Arc::new(bytes(data, data_length, "data")?.to_vec()), format_of(format)?);
            change::<Options>(options, "options")?.sources.push(SourceOption::Bytes { name, bytes, format });
        }
        Ok(())
    }

    /// How strictly files are taken.
    fn flagcore_options_set_mode(options: Handle, mode: i32) {
        let mode = match ModeNumber::of(mode).ok_or_else(invalid("mode"))? {
            ModeNumber::Lenient => Mode::Lenient,
            ModeNumber::Strict => Mode::Strict,
        };
        // SAFETY: the header says that one thread at a time changes options.
        unsafe { change::<Options>(options, "options") }?.mode = mode;
        Ok(())
    }

    /// The generation of bucketing for files that pin none.
    fn flagcore_options_set_bucketing(options: Handle, bucketing: i32) {
        let bucketing = match BucketingNumber::of(bucketing).ok_or_else(invalid("bucketing"))? {
            BucketingNumber::V1 => Bucketing::V1,
            BucketingNumber::V2 => Bucketing::V2,
            BucketingNumber::V3 => Bucketing::V3,
        };
        // SAFETY: as above.
        unsafe { change::<Options>(options, "options") }?.bucketing = bucketing;
        Ok(())
    }

    /// One bound on what is read.
    fn flagcore_options_set_limit(options: Handle, limit: i32, most: usize) {
        // SAFETY: as above.
        let mut options = unsafe { change::<Options>(options, "options") }?;
        let limits = &mut options.limits;
        let bound = match LimitNumber::of(limit).ok_or_else(invalid("limit"))? {
            LimitNumber::FileBytes => &mut limits.file_bytes,
            LimitNumber::Depth => &mut limits.depth,
            LimitNumber::FlagNodes => &mut limits.flag_nodes,
            LimitNumber::SetNodes => &mut limits.set_nodes,
            LimitNumber::Flags => &mut limits.flags,
            LimitNumber::Variants => &mut limits.variants,
            LimitNumber::KeyBytes => &mut limits.key_bytes,
        };
        *bound = most;
        Ok(())
    }

    /// Attributes that every evaluation has unless its own context sets them.
    fn flagcore_options_set_global(options: Handle, context: Handle) {
        // SAFETY: as above, and that nobody changes the context meanwhile.
        unsafe {
            let global = look::<Context>(context, "context")?.to_owned()?;
            change::<Options>(options, "options")?.global = Some(global);
        }
        Ok(())
    }

    /// Attributes that every evaluation has whatever its own context says.
    fn flagcore_options_set_overrides(options: Handle, context: Handle) {
        // SAFETY: as above.
        unsafe {
            let overrides = look::<Context>(context, "context")?.to_owned()?;
            change::<Options>(options, "options")?.overrides = Some(overrides);
        }
        Ok(())
    }

    /// Whether to keep up to the sources by a thread.
    fn flagcore_options_set_watch(options: Handle, watch: u8) {
        // SAFETY: the header says that one thread at a time changes options.
        unsafe { change::<Options>(options, "options") }?.watch = watch != 0;
        Ok(())
    }

    /// Whether to use the file system's events beside polling.
    fn flagcore_options_set_file_events(options: Handle, events: u8) {
        // SAFETY: as above.
        unsafe { change::<Options>(options, "options") }?.events = events != 0;
        Ok(())
    }

    /// Whether a client starts without sources that have nothing valid yet.
    fn flagcore_options_set_wait(options: Handle, wait: u8) {
        let on_missing = if wait == 0 { OnMissing::Fail } else { OnMissing::Wait };
        // SAFETY: as above.
        unsafe { change::<Options>(options, "options") }?.on_missing = on_missing;
        Ok(())
    }

    /// Adds a callback that hears of every update, the first publication included.
    fn flagcore_options_on_update(options: Handle, listener: Option<Callback>, data: *mut c_void, release: Option<Release>) {
        let listener = listener.ok_or_else(|| Failure::new(Status::Null, "listener"))?;
        // SAFETY: as above.
        let mut options = unsafe { change::<Options>(options, "options") }?;
        let listener = Registered::new(Listener::new(listener, data, release));
        options.listeners.push(Arc::new(Mutex::new(Some(listener))));
        Ok(())
    }
}
