//! The suite's flags, and the clients that serve them: what a provider with its daemon is to the suite.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use flagcore::bucketing::Bucketing;
use flagcore::change::Update;
use flagcore::client::{Builder, OnMissing};
use flagcore::diagnostic::{Mode, Report};
use flagcore::limits::Limits;
use flagcore::model::Format;
use flagcore::sync::SETTLE;
use flagcore::{Client, EvaluationContext, parse};

use crate::files;

/// Who serves the flags of a scenario, as the suite names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Provider {
    /// One file, and nothing else.
    Evaluator,
    /// The daemon's usual configuration.
    Stable,
    /// The same, where a provider is not told the daemon's static context. A library is told nothing over a wire.
    SyncPayload,
    /// The usual one with another source.
    Metadata,
    /// A source that is not there.
    Unavailable,
}

/// How the suite's flag files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    AsWritten,
    /// Read once, and written out again as plain JSON.
    WrittenOutAgain,
    /// As YAML, which JSON is too.
    #[cfg(feature = "yaml")]
    AsYaml,
}

/// The suite's flags, and clients that scenarios share.
pub(crate) struct Providers {
    folder: PathBuf,
    form: Form,
    clients: BTreeMap<(Provider, String), Client>,
}

/// The names that selectors use for the sources of flags.
const ALL_FLAGS: &str = "flags/allFlags.json";
const SELECTOR_FLAGS: &str = "rawflags/selector-flags.json";
const METADATA_FLAGS: &str = "rawflags/selector-flag-combined-metadata.json";

impl Providers {
    /// Of the suite in this folder.
    pub(crate) fn new(folder: PathBuf, form: Form) -> Self {
        Self { folder, form, clients: BTreeMap::new() }
    }

    /// A client that does not change; one for all scenarios with the same provider and generation.
    pub(crate) fn client(&mut self, provider: Provider, bucketing: Bucketing) -> Client {
        let name = (provider, bucketing.to_string());
        if !self.clients.contains_key(&name) {
            let client = self.sources(provider).bucketing(bucketing).watch(false).build();
            self.clients.insert(name.clone(), client.unwrap_or_else(|error| panic!("{error}")));
        }
        self.clients[&name].clone()
    }

    fn sources(&self, provider: Provider) -> Builder {
        let builder = Client::builder();
        if provider == Provider::Evaluator {
            return self.add(builder, "testkit", self.read("evaluator/flags/testkit-flags.json"));
        }
        let builder = builder.overrides(injected());
        let builder = self.add(builder, ALL_FLAGS, self.all_flags().to_string().into_bytes());
        let builder = self.add(builder, SELECTOR_FLAGS, self.read("flags/selector-flags.json"));
        if provider != Provider::Metadata {
            return builder;
        }
        self.add(builder, METADATA_FLAGS, self.read("flags/selector-flag-combined-metadata.json"))
    }

    fn add(&self, builder: Builder, name: &str, json: Vec<u8>) -> Builder {
        match self.form {
            Form::AsWritten => builder.bytes(name, json, Format::Json),
            Form::WrittenOutAgain => builder.bytes(name, written_out_again(name, &json), Format::Json),
            #[cfg(feature = "yaml")]
            Form::AsYaml => builder.bytes(name, json, Format::Yaml),
        }
    }

    fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// All flag files but those of the selectors in one, as the suite's own launcher puts them together.
    fn all_flags(&self) -> serde_json::Value {
        let mut all = serde_json::json!({ "flags": {}, "$evaluators": {} });
        for file in files(&self.folder.join("flags"), "json") {
            if file.file_name().unwrap().to_str().unwrap().starts_with("selector-") {
                continue;
            }
            let one: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            for (part, members) in one.as_object().unwrap() {
                let part = all[part].as_object_mut().unwrap_or_else(|| panic!("{}: {part}", file.display()));
                for (name, value) in members.as_object().unwrap() {
                    assert!(part.insert(name.clone(), value.clone()).is_none(), "{name} is there twice");
                }
            }
        }
        all
    }

    /// A client that watches a file of its own, with the flags of the provider in it.
    pub(crate) fn live(&self, provider: Provider) -> Live {
        let folder = tempfile::tempdir().unwrap();
        match provider {
            Provider::Stable => {
                std::fs::write(folder.path().join(FILE), self.all_flags().to_string()).unwrap();
            }
            Provider::Unavailable => {}
            other => panic!("no scenario changes the flags of {other:?}"),
        }
        Live::new(folder)
    }
}

/// The flags of a document as the model writes them, which is another text.
fn written_out_again(name: &str, json: &[u8]) -> String {
    let mut report = Report::new(name.into(), Mode::Lenient);
    let flags = parse::flag_set(name.into(), json, Format::Json, &Limits::default(), &mut report);
    let text = flags.expect("the suite's files are read").to_json().unwrap();
    assert_ne!(text.as_bytes(), json);
    text
}

/// What the suite's launcher gives the daemon as static context.
fn injected() -> EvaluationContext<'static> {
    EvaluationContext::empty().with("injectedmetadata", "set")
}

/// A client that watches a file, which the scenario changes.
pub(crate) struct Live {
    folder: tempfile::TempDir,
    pub(crate) client: Client,
    updates: Receiver<Update>,
}

const FILE: &str = "flags.json";

/// Long enough for any machine; what is awaited comes within milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

impl Live {
    fn new(folder: tempfile::TempDir) -> Self {
        let (updates, received) = channel();
        let listener = move |update: &Update| {
            // Nobody may be listening any more.
            let _ = updates.send(update.clone());
        };
        let client = Client::builder()
            .path(folder.path().join(FILE))
            .overrides(injected())
            .on_missing(OnMissing::Wait)
            .on_update(listener)
            .build()
            .unwrap();
        Self { folder, client, updates: received }
    }

    /// Forgets what a handler does not hear that is added only now: how the client got its first flags.
    pub(crate) fn forget_the_start(&mut self) {
        if self.client.is_ready() {
            self.updates.try_iter().for_each(drop);
        }
    }

    /// Turns the changing flag to its other variant, and renames the new file into place.
    pub(crate) fn change(&self) {
        let file = self.folder.path().join(FILE);
        let mut flags: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let variant = &mut flags["flags"]["changing-flag"]["defaultVariant"];
        *variant = if *variant == "foo" { "bar".into() } else { "foo".into() };
        let new = self.folder.path().join("new");
        std::fs::write(&new, flags.to_string()).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    /// The next update that is `wanted`, awaited; none when it does not come.
    pub(crate) fn next(&self, wanted: impl Fn(&Update) -> bool, patience: Duration) -> Option<Update> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Without a thread that keeps up somebody has to ask, and again once a change has settled.
            let turn = if cfg!(feature = "watch") { left } else { left.min(SETTLE) };
            #[cfg(not(feature = "watch"))]
            self.client.refresh();
            match self.updates.recv_timeout(turn) {
                Ok(update) if wanted(&update) => return Some(update),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if turn < left => {}
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => panic!("the client is gone"),
            }
        }
    }
}
