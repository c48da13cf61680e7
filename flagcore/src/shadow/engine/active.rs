//! What a policy comes to, for everybody who has to keep to it.

use std::sync::Arc;

use crate::bucketing::Murmur;
use crate::shadow::compare::{Rules, TreeLimits};
use crate::shadow::policy::ShadowPolicy;
use crate::shadow::report::{Recorder, StoreLimits};

use super::bounds::bounded;
use super::counts::Dropped;
use super::sampling;

/// A policy that holds, and what was made of it.
#[derive(Debug)]
pub(super) struct Active {
    /// What was asked for.
    given: Arc<ShadowPolicy>,
    /// The same within its bounds.
    pub(super) policy: ShadowPolicy,
    /// What users are drawn under.
    pub(super) salt: Murmur,
    pub(super) rules: Rules,
    pub(super) recorder: Arc<Recorder>,
    /// What was dropped before the recorder began.
    pub(super) dropped_before: Dropped,
}

impl Active {
    pub(super) fn new(name: &str, policy: Arc<ShadowPolicy>, dropped_before: Dropped) -> Self {
        let within = bounded(ShadowPolicy::clone(&policy));
        let id = id(name, &within);
        let limits = StoreLimits::from(&within.store);
        let recorder = Arc::new(Recorder::new(name, id, limits, sampling::seed()));
        Self {
            salt: sampling::salt(id),
            rules: rules(&within),
            recorder,
            dropped_before,
            policy: within,
            given: policy,
        }
    }

    /// Whether it was made of this very policy.
    pub(super) fn is_of(&self, policy: &Arc<ShadowPolicy>) -> bool {
        Arc::ptr_eq(&self.given, policy)
    }

    /// Another policy. What was recorded stays, but for two cases: another id is another launch, and what is to be redacted
    /// from now on may stand in what was recorded before.
    pub(super) fn after(&self, name: &str, policy: Arc<ShadowPolicy>, dropped: Dropped) -> Self {
        let within = bounded(ShadowPolicy::clone(&policy));
        if id(name, &within) != id(name, &self.policy) || within.store.redact != self.policy.store.redact {
            return Self::new(name, policy, dropped);
        }
        if within.store != self.policy.store {
            self.recorder.set_limits(StoreLimits::from(&within.store));
        }
        Self {
            salt: self.salt,
            rules: rules(&within),
            recorder: Arc::clone(&self.recorder),
            dropped_before: self.dropped_before,
            policy: within,
            given: policy,
        }
    }
}

fn id<'a>(name: &'a str, policy: &'a ShadowPolicy) -> &'a str {
    if policy.id.is_empty() { name } else { &policy.id }
}

/// Rules that are wrong compare everything: a policy out of a file has none.
fn rules(policy: &ShadowPolicy) -> Rules {
    let bytes = u32::try_from(policy.limits.body).unwrap_or(u32::MAX);
    // A value takes a byte of text at least.
    let limits = TreeLimits { bytes, nodes: bytes.min(TreeLimits::default().nodes), ..TreeLimits::default() };
    Rules::of(&policy.compare, &policy.store).unwrap_or_default().with_limits(limits)
}
