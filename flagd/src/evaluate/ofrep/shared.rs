//! What the protocol's handlers share.

use std::sync::Arc;
use std::time::Duration;

use flagcore::Selector;

use super::channel::Digest;
use super::memory::Memory;
use crate::distribute::{Listener, Topics};
use crate::state::State;

/// What the protocol's handlers share.
#[derive(Debug)]
pub(super) struct Ofrep {
    pub(super) state: State,
    channels: Arc<Topics<Digest>>,
    pub(super) memory: Memory,
}

impl Ofrep {
    pub(super) fn new(state: State) -> Self {
        let channels = Arc::new(Topics::new(state.client.clone(), ()));
        Self { channels, memory: Memory::new(), state }
    }

    /// One who listens to the channel of a selector, for as long as it likes.
    pub(super) fn listener(&self, selector: Selector) -> Listener<Digest> {
        let State { revision, draining, farewell, .. } = self.state.clone();
        let channel = self.channels.topic(selector);
        Listener::new(self.channels.clone(), channel, revision, draining, Duration::ZERO).spread(farewell)
    }
}
