//! Which flags there are under a selector, and what changed from one time to another.

use std::cmp::Ordering;
use std::fmt::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use axum::body::Bytes;
use flagcore::snapshot::{View, WrittenFlag};
use flagcore::text::write_json_string;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use super::topics::{Shown, by_key, generation};
use crate::wire::{frames, structs};

/// Which flags there are under a selector.
///
/// Holds digests, not definitions: a listener that takes nothing for hours keeps no old flags alive.
#[derive(Debug)]
pub struct Listing {
    flags: Vec<Listed>,
    /// The step that was asked for last: most listeners are at the same place.
    step: Mutex<Option<(Weak<Listing>, Arc<Change>)>>,
}

#[derive(Debug)]
struct Listed {
    key: Arc<str>,
    digest: u128,
}

impl Shown for Listing {
    type Setup = ();

    fn make(view: View<'_>, (): &(), before: Option<&Arc<Self>>) -> Arc<Self> {
        let known = before.map_or(&[][..], |before| &before.flags);
        let mut known = known.iter().peekable();
        let list = |flag: WrittenFlag<'_>| {
            // Both are sorted: keys that were there before are shared with the listing of before.
            while known.next_if(|known| &*known.key < flag.key).is_some() {}
            let same = known.next_if(|known| &*known.key == flag.key);
            let key = same.map_or_else(|| flag.key.into(), |same| same.key.clone());
            let seed = xxh3_64(generation(&flag).as_bytes());
            Listed { key, digest: xxh3_128_with_seed(flag.json.as_bytes(), seed) }
        };
        let flags: Vec<Listed> = by_key(view).into_iter().map(list).collect();
        match before {
            Some(before) if before.flags == flags => before.clone(),
            _ => Arc::new(Self { flags, step: Mutex::default() }),
        }
    }
}

impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.key == other.key
    }
}

impl Listing {
    /// What changed since another listing.
    pub fn since(&self, before: &Arc<Listing>) -> Arc<Change> {
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        match &*step {
            Some((from, change)) if from.as_ptr() == Arc::as_ptr(before) => change.clone(),
            _ => {
                let change = Arc::new(Change::between(before, self));
                *step = Some((Arc::downgrade(before), change.clone()));
                change
            }
        }
    }
}

/// Which flags changed; written down once for all who hear of it.
#[derive(Debug, Default)]
pub struct Change {
    flags: Vec<(Arc<str>, &'static str)>,
    json: OnceLock<Bytes>,
    proto: OnceLock<Bytes>,
}

impl Change {
    fn between(before: &Listing, after: &Listing) -> Self {
        let (mut old, mut new) = (before.flags.iter().peekable(), after.flags.iter().peekable());
        let mut flags = Vec::new();
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return Self { flags, ..Self::default() },
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.key.cmp(&new.key),
            };
            let gone = if order.is_le() { old.next() } else { None };
            let there = if order.is_ge() { new.next() } else { None };
            match (gone, there) {
                (Some(gone), None) => flags.push((gone.key.clone(), "delete")),
                (None, Some(there)) => flags.push((there.key.clone(), "write")),
                (Some(gone), Some(there)) if gone.digest != there.digest => {
                    flags.push((there.key.clone(), "update"));
                }
                _ => {}
            }
        }
    }

    /// Key and kind of change of every flag that changed, sorted by key.
    pub fn flags(&self) -> impl ExactSizeIterator<Item = (&str, &'static str)> {
        self.flags.iter().map(|(key, change)| (&**key, *change))
    }

    /// A `configuration_change` event as JSON in a frame.
    pub fn json(&self) -> Bytes {
        let write = || {
            let mut text = String::from("\0\0\0\0\0{\"type\":\"configuration_change\",\"data\":{\"flags\":{");
            for (at, (key, change)) in self.flags().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                // Writing to a text cannot fail.
                let _ = write_json_string(&mut text, key);
                let _ = write!(text, ":{{\"type\":\"{change}\"}}");
            }
            text.push_str("}}}");
            let mut frame = text.into_bytes();
            frames::seal(0, &mut frame);
            Bytes::from(frame)
        };
        self.json.get_or_init(write).clone()
    }

    /// A `configuration_change` event as protobuf in a frame.
    pub fn proto(&self) -> Bytes {
        let write = || {
            let mut frame = vec![0; frames::HEAD];
            structs::write_text(1, "configuration_change", &mut frame);
            // Struct { flags: Struct { KEY: Struct { type: text } } }
            structs::write_message(2, &mut frame, |out| {
                write_member("flags", out, |out| {
                    for (key, change) in self.flags() {
                        write_member(key, out, |out| {
                            structs::write_message(1, out, |out| {
                                structs::write_text(1, "type", out);
                                structs::write_message(2, out, |out| structs::write_text(3, change, out));
                            });
                        });
                    }
                });
            });
            frames::seal(0, &mut frame);
            Bytes::from(frame)
        };
        self.proto.get_or_init(write).clone()
    }
}

/// A member of a `Struct` whose value is a `Struct`.
fn write_member(name: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>)) {
    structs::write_message(1, out, |out| {
        structs::write_text(1, name, out);
        structs::write_message(2, out, |out| structs::write_message(5, out, members));
    });
}
