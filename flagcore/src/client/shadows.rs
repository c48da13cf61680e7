//! Dark launches of a client: beginning a call, and what was found.

use crate::context::ContextRef;
use crate::shadow::report::ShadowReport;
use crate::shadow::{Launch, Shadow};
use crate::snapshot::FlagKey;

use super::Client;

impl Client {
    /// Begins a call that may be a sample of a flag's dark launch: today's code runs and answers, and the same input goes to
    /// the new code, later and elsewhere, as the flag's `shadow` block says.
    ///
    /// Costs what finding a flag costs where the flag has no such block, or is disabled; [`launch`](Self::launch) makes
    /// that a load. The first call of a flag that has one makes the launch, and the first launch starts a thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use flagcore::{Client, model::Format};
    ///
    /// let file = "\
    /// flags:
    ///   search:
    ///     variants: { rewrite: true }
    ///     shadow: { sample: 100% }
    /// ";
    /// let client = Client::builder().bytes("flags.yaml", file, Format::Yaml).build()?;
    ///
    /// let words = vec!["dark", "launch"];
    /// let found = client
    ///     .shadow("search", "user-1")
    ///     .capture(|| words.clone())
    ///     .run(|| words.join("+"), |words| words.join("-"));
    /// assert_eq!(found, "dark+launch"); // the control's answer, whatever the candidate does
    ///
    /// assert!(client.launch("search").settle(Duration::from_secs(10)));
    /// let report = client.shadow_report("search");
    /// assert_eq!((report.samples, report.mismatched), (1, 1));
    /// # Ok::<(), flagcore::Error>(())
    /// ```
    #[inline]
    pub fn shadow<'c>(&self, key: impl FlagKey, context: impl Into<ContextRef<'c>>) -> Shadow<'static> {
        self.inner.launches.shadow(key, context.into())
    }

    /// The dark launch of a flag, to keep where calls are made: the fastest way to begin one. The flag need not have a
    /// `shadow` block now, nor exist.
    ///
    /// Takes a lock; each new name takes some 20 KB for good, so ask for names in the code, not for names that users send.
    pub fn launch(&self, key: &str) -> Launch {
        self.inner.launches.launch(key)
    }

    /// What a flag's dark launch found so far, in this process. Empty where no call was made.
    pub fn shadow_report(&self, key: &str) -> ShadowReport {
        self.inner.launches.report(key)
    }

    /// What all dark launches of this client found so far, by the keys of their flags.
    ///
    /// # Examples
    ///
    /// With [`prometheus`](crate::shadow::report::prometheus) they are what a `/metrics` handler answers:
    ///
    /// ```
    /// # let client = flagcore::Client::from_json(r#"{"flags": {}}"#)?;
    /// use flagcore::shadow::report::prometheus;
    ///
    /// let body = prometheus(&client.shadow_reports());
    /// # Ok::<(), flagcore::Error>(())
    /// ```
    pub fn shadow_reports(&self) -> Vec<ShadowReport> {
        self.inner.launches.reports()
    }
}
