//! The suite's flags, and the clients that serve them: what a provider with its daemon is to the suite.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use flagcore::bucketing::Bucketing;
use flagcore::change::Update;
use flagcore::client::{Builder, OnMissing};
use flagcore::model::Format;
use flagcore::{Client, EvaluationContext};

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

/// The suite's flags, and clients that scenarios share.
pub(crate) struct Providers {
    folder: PathBuf,
    clients: BTreeMap<(Provider, String), Client>,
}

/// The names that selectors use for the sources of flags.
const ALL_FLAGS: &str = "flags/allFlags.json";
const SELECTOR_FLAGS: &str = "rawflags/selector-flags.json";
const METADATA_FLAGS: &str = "rawflags/selector-flag-combined-metadata.json";

impl Providers {
    /// Of the suite in this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, clients: BTreeMap::new() }
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
            return builder.bytes("testkit", self.read("evaluator/flags/testkit-flags.json"), Format::Json);
        }
        let builder = builder
            .overrides(injected())
            .bytes(ALL_FLAGS, self.all_flags().to_string(), Format::Json)
            .bytes(SELECTOR_FLAGS, self.read("flags/selector-flags.json"), Format::Json);
        if provider != Provider::Metadata {
            return builder;
        }
        let flags = self.read("flags/selector-flag-combined-metadata.json");
        builder.bytes(METADATA_FLAGS, flags, Format::Json)
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
            match self.updates.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(update) if wanted(&update) => return Some(update),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => panic!("the client is gone"),
            }
        }
    }
}
