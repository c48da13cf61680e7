//! Channels: selections of flags that somebody listens to.
//!
//! What a channel's flags are is boiled down to one digest per revision, which all streams of the channel share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use flagcore::{Client, Selector, Snapshot};
use xxhash_rust::xxh3::Xxh3;

/// The channels that somebody listens to, by the text of their selector.
#[derive(Debug, Default)]
pub(super) struct Channels {
    open: Mutex<HashMap<String, Weak<Channel>>>,
}

impl Channels {
    /// The channel of a selector, shared with whoever listens to it already.
    pub(super) fn open(&self, selector: Selector) -> Arc<Channel> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let name = selector.to_string();
        if let Some(channel) = open.get(&name).and_then(Weak::upgrade) {
            return channel;
        }
        // Those that nobody listens to any more are forgotten when another comes.
        open.retain(|_, channel| channel.strong_count() > 0);
        let channel = Arc::new(Channel { selector, latest: Mutex::new(None) });
        open.insert(name, Arc::downgrade(&channel));
        channel
    }
}

/// A selection of flags that somebody listens to.
#[derive(Debug)]
pub(super) struct Channel {
    selector: Selector,
    /// The revision that was digested last, and what it came to.
    latest: Mutex<Option<(u64, Digest)>>,
}

/// What tells one state of a channel's flags from another; the same wherever and whenever the flags are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest(u128);

impl Channel {
    /// The digest of the flags that are served now; made once per revision.
    pub(super) fn digest(&self, client: &Client) -> Digest {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = client.snapshot();
        match *latest {
            Some((revision, digest)) if revision == snapshot.revision() => digest,
            _ => {
                let digest = Digest::of(&snapshot, &self.selector);
                *latest = Some((snapshot.revision(), digest));
                digest
            }
        }
    }
}

impl Digest {
    fn of(snapshot: &Snapshot, selector: &Selector) -> Self {
        let mut hasher = Xxh3::new();
        for flag in snapshot.view(selector).flags() {
            // JSON text holds no bare zero byte: the parts cannot run into each other.
            for part in [flag.flag_set_id.unwrap_or(""), flag.key, flag.json] {
                hasher.update(part.as_bytes());
                hasher.update(&[0]);
            }
        }
        Self(hasher.digest128())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use flagcore::model::Format;

    use super::*;

    fn client(flags: &str) -> Client {
        let builder = Client::builder().keep_json(true).watch(false);
        builder.bytes("a.json", flags, Format::Json).build().unwrap()
    }

    fn flag(default: &str) -> String {
        format!(
            r#"{{"flags":{{"a":{{"state":"ENABLED","variants":{{"on":true,"off":false}},"defaultVariant":"{default}"}}}}}}"#
        )
    }

    #[test]
    fn a_digest_changes_with_the_flags_alone() {
        let channels = Channels::default();
        let (client, all) = (client(&flag("on")), channels.open(Selector::default()));
        let elsewhere = channels.open(Selector::flag_set("b"));
        let (on, none) = (all.digest(&client), elsewhere.digest(&client));
        client.update("a.json", flag("off"), Format::Json).unwrap();
        assert_ne!(all.digest(&client), on);
        assert_eq!(elsewhere.digest(&client), none);
        client.update("a.json", flag("on"), Format::Json).unwrap();
        assert_eq!(all.digest(&client), on);
    }

    #[test]
    fn channels_are_shared_and_forgotten() {
        let channels = Channels::default();
        let first = channels.open(Selector::source("a"));
        assert!(Arc::ptr_eq(&first, &channels.open("source=a".parse().unwrap())));
        drop(first);
        let _kept = channels.open(Selector::default());
        assert_eq!(channels.open.lock().unwrap().len(), 1);
    }
}
