//! What tells one state of the flags under a selector from another.

use std::fmt;
use std::sync::Arc;

use flagcore::snapshot::View;
use xxhash_rust::xxh3::Xxh3;

use crate::distribute::{Shown, generation};

/// What tells one state of a channel's flags from another; the same wherever and whenever the flags are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest(u128);

impl Shown for Digest {
    type Setup = ();

    fn make(view: View<'_>, (): &(), before: Option<&Arc<Self>>) -> Arc<Self> {
        let mut hasher = Xxh3::new();
        for flag in view.flags() {
            // JSON text holds no bare zero byte: the parts cannot run into each other.
            for part in [flag.flag_set_id.unwrap_or(""), flag.key, flag.json, generation(&flag)] {
                hasher.update(part.as_bytes());
                hasher.update(&[0]);
            }
        }
        let digest = Self(hasher.digest128());
        match before {
            Some(before) if **before == digest => before.clone(),
            _ => Arc::new(digest),
        }
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
    use flagcore::{Client, Selector};

    use super::*;
    use crate::distribute::Topics;

    fn flag(default: &str) -> String {
        format!(
            r#"{{"flags":{{"a":{{"state":"ENABLED","variants":{{"on":true,"off":false}},"defaultVariant":"{default}"}}}}}}"#
        )
    }

    #[tokio::test]
    async fn a_digest_changes_with_the_flags_alone() {
        let builder = Client::builder().keep_json(true).watch(false);
        let client = builder.bytes("a.json", flag("on"), Format::Json).build().unwrap();
        let channels: Arc<Topics<Digest>> = Arc::new(Topics::new(client.clone(), ()));
        let (all, elsewhere) = (channels.topic(Selector::default()), channels.topic(Selector::flag_set("b")));
        let (on, none) = (channels.current(&all).await, channels.current(&elsewhere).await);
        client.update("a.json", flag("off"), Format::Json).unwrap();
        assert_ne!(channels.current(&all).await, on);
        assert!(Arc::ptr_eq(&channels.current(&elsewhere).await, &none));
        client.update("a.json", flag("on"), Format::Json).unwrap();
        assert_eq!(channels.current(&all).await, on);
    }
}
