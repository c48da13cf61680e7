//! What is expected of the suite: how many scenarios run, and which are left out for which reason.

use crate::gherkin::Scenario;

/// Feature files: how many scenarios run, and how many are left out. Each row of an outline is a scenario.
pub(crate) const SUITES: &[(&str, usize, usize)] = &[
    ("evaluator/gherkin/disabled.feature", 5, 0),
    ("evaluator/gherkin/errors.feature", 2, 0),
    ("evaluator/gherkin/evaluation.feature", 5, 0),
    ("evaluator/gherkin/evaluator-refs.feature", 9, 0),
    ("evaluator/gherkin/fractional.feature", 54, 0),
    ("evaluator/gherkin/metadata.feature", 5, 0),
    ("evaluator/gherkin/no-default-variant.feature", 6, 0),
    ("evaluator/gherkin/semver.feature", 31, 0),
    ("evaluator/gherkin/string.feature", 8, 0),
    ("evaluator/gherkin/targeting.feature", 2, 0),
    ("evaluator/gherkin/zero-values.feature", 13, 0),
    ("gherkin/config.feature", 0, 96),
    ("gherkin/connection.feature", 2, 9),
    ("gherkin/contextEnrichment.feature", 2, 2),
    ("gherkin/disabled.feature", 7, 0),
    ("gherkin/evaluation.feature", 24, 6),
    ("gherkin/events.feature", 1, 3),
    ("gherkin/metadata.feature", 4, 0),
    ("gherkin/rpc-caching.feature", 0, 7),
    ("gherkin/selector.feature", 5, 0),
    ("gherkin/sync-payload.feature", 2, 1),
    ("gherkin/targeting.feature", 245, 0),
];

/// Tags: how many of their scenarios run, and how many are left out.
pub(crate) const TAGS: &[(&str, usize, usize)] = &[
    ("@caching", 1, 15),
    ("@contextEnrichment", 2, 2),
    ("@customCert", 0, 6),
    ("@deprecated", 1, 6),
    ("@disabled", 12, 0),
    ("@env-var", 0, 50),
    ("@evaluator-refs", 14, 0),
    ("@evaluator-refs-whitespace", 12, 0),
    ("@events", 1, 3),
    ("@file", 276, 38),
    ("@forbidden", 0, 5),
    ("@fractional", 239, 0),
    ("@fractional-nested", 30, 0),
    ("@fractional-single-entry", 1, 0),
    ("@fractional-v1", 30, 0),
    ("@fractional-v2", 42, 0),
    ("@fractional-v3", 132, 0),
    ("@grace", 0, 6),
    ("@in-process", 291, 92),
    ("@legacy-sync-port", 0, 2),
    ("@metadata", 9, 0),
    ("@metadata-provider", 2, 0),
    ("@no-default", 1, 6),
    ("@no-default-variant", 13, 0),
    ("@non-existent-evaluator-ref", 2, 0),
    ("@operator-errors", 20, 0),
    ("@os.linux", 0, 1),
    ("@providerId", 0, 4),
    ("@reconnect", 0, 4),
    ("@rpc", 281, 92),
    ("@semver", 60, 0),
    ("@semver-build-metadata", 6, 0),
    ("@semver-edge-cases", 40, 0),
    ("@semver-numeric-context", 10, 0),
    ("@semver-partial-version", 16, 0),
    ("@semver-v-prefix", 8, 0),
    ("@stream", 0, 20),
    ("@string", 17, 0),
    ("@sync", 0, 4),
    ("@sync-payload", 2, 1),
    ("@sync-port", 0, 3),
    ("@targetURI", 0, 8),
    ("@targeting", 263, 0),
    ("@unavailable", 1, 0),
    ("@unixsocket", 0, 5),
];

/// A scenario that is left out, or all or some rows of an outline.
pub(crate) struct LeftOut {
    pub(crate) suite: &'static str,
    pub(crate) scenario: &'static str,
    /// Column and cell of the rows that are meant; all rows without.
    row: Option<(&'static str, &'static str)>,
    pub(crate) count: usize,
    pub(crate) why: &'static str,
    /// How it fails, where it can be run and contradicts a newer scenario.
    pub(crate) fails_with: Option<&'static str>,
}

impl LeftOut {
    /// Something that only a provider, a daemon or a network can run.
    const fn needs(suite: &'static str, scenario: &'static str, count: usize, why: &'static str) -> Self {
        Self { suite, scenario, row: None, count, why, fails_with: None }
    }

    const fn row(mut self, column: &'static str, cell: &'static str) -> Self {
        self.row = Some((column, cell));
        self
    }

    const fn fails_with(mut self, problem: &'static str) -> Self {
        self.fails_with = Some(problem);
        self
    }

    pub(crate) fn means(&self, suite: &str, scenario: &Scenario) -> bool {
        let is_row = |(column, cell): (&str, &str)| {
            scenario.row.iter().any(|(name, value)| name == column && value == cell)
        };
        suite == self.suite && scenario.name == self.scenario && self.row.is_none_or(is_row)
    }
}

pub(crate) const LEFT_OUT: &[LeftOut] = &[
    LeftOut::needs(CONFIG, "Default Config", 20, OPTIONS),
    LeftOut::needs(CONFIG, "Default Config RPC", 1, OPTIONS),
    LeftOut::needs(CONFIG, "Default Config In-Process", 1, OPTIONS),
    LeftOut::needs(CONFIG, "File Backwards compatibility", 3, OPTIONS),
    LeftOut::needs(CONFIG, "Default Config File", 1, OPTIONS),
    LeftOut::needs(CONFIG, "Dedicated Config", 20, OPTIONS),
    LeftOut::needs(CONFIG, "Dedicated Config via Env_var", 24, OPTIONS),
    LeftOut::needs(CONFIG, "Dedicated Config via Env_var special In-process case", 1, OPTIONS),
    LeftOut::needs(CONFIG, "Dedicated Config via Env_var special file case", 2, OPTIONS),
    LeftOut::needs(CONFIG, "Dedicated Config via Env_var and set", 22, OPTIONS),
    LeftOut::needs(CONFIG, "FLAGD_SYNC_PORT takes priority over FLAGD_PORT", 1, OPTIONS),
    LeftOut::needs(CONNECTION, "Connection", 1, "needs TLS").row("name", "ssl"),
    LeftOut::needs(CONNECTION, "Connection", 1, "needs a Unix socket").row("name", "socket"),
    LeftOut::needs(CONNECTION, "Provider reconnection", 2, LOST),
    LeftOut::needs(CONNECTION, "Provider forbidden", 1, "needs a server that refuses a client"),
    LeftOut::needs(CONNECTION, "Connection via TargetUri rpc", 1, PROXY),
    LeftOut::needs(CONNECTION, "Connection via TargetUri in-process", 1, PROXY),
    LeftOut::needs(CONNECTION, "Re-Connection via TargetUri in-process", 1, PROXY),
    LeftOut::needs(CONNECTION, "Re-Connection via TargetUri in-process with grace period", 1, PROXY),
    LeftOut::needs(ENRICHMENT, "Use enriched context on connection error for IN-PROCESS", 1, LOST),
    LeftOut::needs(ENRICHMENT, "Use enriched context on connection error for RPC", 1, LOST),
    LeftOut::needs(EVALUATION, "Resolves flag with no defaultValue correctly", 6, NO_DEFAULT)
        .row("error_code", "FLAG_NOT_FOUND")
        .fails_with(r#"found "DEFAULT", wanted "ERROR""#),
    LeftOut::needs(EVENTS, "Provider events chain ready -> error -> ready", 1, LOST),
    LeftOut::needs(EVENTS, "Provider events chain ready -> stale -> error -> ready", 1, LOST),
    LeftOut::needs(EVENTS, "Provider events chain ready -> stale -> ready", 1, LOST),
    LeftOut::needs(CACHING, "Resolves <type> details with caching", 5, CACHE),
    LeftOut::needs(CACHING, "Flag change event with caching", 1, CACHE),
    LeftOut::needs(CACHING, "Stale and Error stage", 1, CACHE),
    LeftOut::needs(PAYLOAD, "Use enriched context on connection error for IN-PROCESS", 1, LOST),
];

const CONFIG: &str = "gherkin/config.feature";
const CONNECTION: &str = "gherkin/connection.feature";
const ENRICHMENT: &str = "gherkin/contextEnrichment.feature";
const EVALUATION: &str = "gherkin/evaluation.feature";
const EVENTS: &str = "gherkin/events.feature";
const CACHING: &str = "gherkin/rpc-caching.feature";
const PAYLOAD: &str = "gherkin/sync-payload.feature";

const OPTIONS: &str = "needs the options and environment variables of a provider; a library has neither";
const LOST: &str =
    "needs a connection, and its states stale and error; a library has files and keeps its flags";
const PROXY: &str = "needs a proxy in front of a daemon";
const CACHE: &str = "needs the cache of a provider that asks over the network, and its reason CACHED";
const NO_DEFAULT: &str = "deprecated: such a flag was once told as missing; @no-default-variant has the same \
    rows with today's answer";
