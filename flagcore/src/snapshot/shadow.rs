//! Which flags have a dark launch, and for whom.

use crate::compile::{CompiledFlag, CompiledShadow};
use crate::context::ContextRef;
use crate::model::shadow::ShadowPolicy;
use crate::resolution::holds;

use super::flag_key::FlagKey;
use super::state::Snapshot;

impl Snapshot {
    /// How the dark launch of a flag runs; `None` where there is none, or where it is off.
    ///
    /// It is off for a flag that is disabled or gone, and where anything in its block is wrong. By handle two pointers
    /// are followed and nothing is looked up.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagcore::{Client, model::Format};
    ///
    /// let file = "\
    /// flags:
    ///   search:
    ///     variants: { rewrite: true }
    ///     shadow: { sample: 5%, when: { '==': [{ var: plan }, beta] } }
    /// ";
    /// let client = Client::builder().bytes("flags.yaml", file, Format::Yaml).build()?;
    /// let snapshot = client.snapshot();
    /// assert_eq!(snapshot.shadow_policy("search").map(|policy| policy.sample), Some(0.05));
    /// assert!(!snapshot.shadow_admits("search", "user-1"));
    /// # Ok::<(), flagcore::Error>(())
    /// ```
    #[inline]
    pub fn shadow_policy(&self, key: impl FlagKey) -> Option<&ShadowPolicy> {
        self.shadow(key).map(|(_, shadow)| &*shadow.policy)
    }

    /// Whether a flag has a dark launch whose `when` is true for a context; without a `when` it is.
    ///
    /// Where the condition fails, or takes more than an evaluation may, the answer is no. Costs what a condition of
    /// the flag's targeting costs; who is sampled is another question.
    #[inline]
    pub fn shadow_admits<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>) -> bool {
        let Some((flag, shadow)) = self.shadow(key) else { return false };
        let context = context.into();
        shadow.when.as_ref().is_none_or(|when| holds(flag, when, &self.layers(&context)))
    }

    /// The flag that wins a key, and its dark launch.
    #[inline]
    pub(crate) fn shadow(&self, key: impl FlagKey) -> Option<(&CompiledFlag, &CompiledShadow)> {
        let flag = self.entry(key)?.flag.as_deref()?;
        Some((flag, flag.shadow.as_deref()?))
    }
}
