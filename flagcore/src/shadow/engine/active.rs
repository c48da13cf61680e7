//! What a policy comes to, for everybody who has to keep to it.

use std::sync::Arc;

use crate::bucketing::Murmur;
use crate::shadow::compare::{Rules, TreeLimits};
use crate::shadow::policy::{ShadowLimits, ShadowPolicy};
use crate::shadow::report::{Recorder, StoreLimits};

use super::counts::Dropped;
use super::sampling;
use super::shared::bounded;

/// A policy that holds, and what was made of it.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) policy: Arc<ShadowPolicy>,
    /// What users are drawn under.
    pub(super) salt: Murmur,
    pub(super) rules: Rules,
    pub(super) recorder: Arc<Recorder>,
    /// What was dropped before the recorder began.
    pub(super) dropped_before: Dropped,
}

impl Active {
    pub(super) fn new(name: &str, policy: Arc<ShadowPolicy>, dropped_before: Dropped) -> Self {
        let id = id(name, &policy);
        let limits = StoreLimits::from(&policy.store);
        let recorder = Arc::new(Recorder::new(name, id, limits, sampling::seed()));
        Self { salt: sampling::salt(id), rules: rules(&policy), recorder, dropped_before, policy }
    }

    /// Another policy. Under the same id what was recorded stays; another id is another launch.
    pub(super) fn after(&self, name: &str, policy: Arc<ShadowPolicy>, dropped: Dropped) -> Self {
        if id(name, &policy) != id(name, &self.policy) {
            return Self::new(name, policy, dropped);
        }
        if policy.store != self.policy.store {
            self.recorder.set_limits(StoreLimits::from(&policy.store));
        }
        Self {
            salt: self.salt,
            rules: rules(&policy),
            recorder: Arc::clone(&self.recorder),
            dropped_before: self.dropped_before,
            policy,
        }
    }
}

fn id<'a>(name: &'a str, policy: &'a ShadowPolicy) -> &'a str {
    if policy.id.is_empty() { name } else { &policy.id }
}

/// Rules that are wrong compare everything: a policy out of a file has none.
fn rules(policy: &ShadowPolicy) -> Rules {
    let body = bounded(policy.limits.body, ShadowLimits::BODY);
    let bytes = u32::try_from(body).unwrap_or(u32::MAX);
    // A value takes a byte of text at least.
    let limits = TreeLimits { bytes, nodes: bytes.min(TreeLimits::default().nodes), ..TreeLimits::default() };
    Rules::of(&policy.compare, &policy.store).unwrap_or_default().with_limits(limits)
}
