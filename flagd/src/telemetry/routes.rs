//! The paths that have a name; no other path becomes a label.

/// A path that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route(usize);

impl Route {
    /// The route of a path; every path that has no name is the same one.
    pub fn of(path: &str) -> Self {
        let name = if let Some(rest) = path.strip_prefix("/ofrep/v1/") {
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            match rest.split_once('/') {
                Some(("evaluate", "flags")) => "/ofrep/v1/evaluate/flags",
                Some(("evaluate", key)) if key.starts_with("flags/") => "/ofrep/v1/evaluate/flags/{key}",
                Some(("sse", _)) => "/ofrep/v1/sse/{channel}",
                None if rest == "sse" => "/ofrep/v1/sse",
                _ => "_other",
            }
        } else {
            path
        };
        Self(ROUTES.iter().position(|route| *route == name).unwrap_or_default())
    }

    /// Its name: a path, variable parts in braces.
    pub fn name(self) -> &'static str {
        ROUTES.get(self.0).copied().unwrap_or("_other")
    }

    /// Its service and method, where it is a call of one.
    pub fn call(self) -> Option<(&'static str, &'static str)> {
        self.name().strip_prefix('/')?.split_once('/').filter(|(service, _)| service.contains('.'))
    }

    /// Whether its answer is a stream that somebody listens to.
    pub fn is_stream(self) -> bool {
        let method = self.name().rsplit('/').next();
        matches!(method, Some("EventStream" | "SyncFlags" | "Watch" | "sse" | "{channel}"))
    }

    /// Whether its request is a stream, which may take its time.
    pub fn takes_stream(self) -> bool {
        self.name().ends_with("/ServerReflectionInfo")
    }

    pub(super) fn number(self) -> usize {
        self.0
    }

    pub(super) fn numbered(number: usize) -> Self {
        Self(number)
    }
}

/// How many there are.
pub(super) const COUNT: usize = ROUTES.len();

const ROUTES: [&str; 37] = [
    "_other",
    "/ofrep/v1/evaluate/flags/{key}",
    "/ofrep/v1/evaluate/flags",
    "/ofrep/v1/sse",
    "/ofrep/v1/sse/{channel}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/status",
    "/flagd.evaluation.v2.Service/ResolveBoolean",
    "/flagd.evaluation.v2.Service/ResolveString",
    "/flagd.evaluation.v2.Service/ResolveFloat",
    "/flagd.evaluation.v2.Service/ResolveInt",
    "/flagd.evaluation.v2.Service/ResolveObject",
    "/flagd.evaluation.v2.Service/ResolveAll",
    "/flagd.evaluation.v2.Service/EventStream",
    "/flagd.evaluation.v1.Service/ResolveBoolean",
    "/flagd.evaluation.v1.Service/ResolveString",
    "/flagd.evaluation.v1.Service/ResolveFloat",
    "/flagd.evaluation.v1.Service/ResolveInt",
    "/flagd.evaluation.v1.Service/ResolveObject",
    "/flagd.evaluation.v1.Service/ResolveAll",
    "/flagd.evaluation.v1.Service/EventStream",
    "/schema.v1.Service/ResolveBoolean",
    "/schema.v1.Service/ResolveString",
    "/schema.v1.Service/ResolveFloat",
    "/schema.v1.Service/ResolveInt",
    "/schema.v1.Service/ResolveObject",
    "/schema.v1.Service/ResolveAll",
    "/schema.v1.Service/EventStream",
    "/flagd.sync.v1.FlagSyncService/SyncFlags",
    "/flagd.sync.v1.FlagSyncService/FetchAllFlags",
    "/flagd.sync.v1.FlagSyncService/GetMetadata",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_template_or_nothing() {
        let cases = [
            ("/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags"),
            ("/ofrep/v1/evaluate/flags/", "/ofrep/v1/evaluate/flags"),
            ("/ofrep/v1/evaluate/flags/a", "/ofrep/v1/evaluate/flags/{key}"),
            ("/ofrep/v1/evaluate/flags/a%2Fb", "/ofrep/v1/evaluate/flags/{key}"),
            ("/ofrep/v1/sse", "/ofrep/v1/sse"),
            ("/ofrep/v1/sse/x", "/ofrep/v1/sse/{channel}"),
            ("/ofrep/v1/other/x", "_other"),
            ("/healthz", "/healthz"),
            ("/flagd.evaluation.v2.Service/ResolveAll", "/flagd.evaluation.v2.Service/ResolveAll"),
            ("/flagd.evaluation.v2.Service/x", "_other"),
            ("", "_other"),
            ("/%00", "_other"),
        ];
        for (path, name) in cases {
            assert_eq!(Route::of(path).name(), name, "{path}");
        }
    }

    #[test]
    fn a_call_has_a_service_and_a_method() {
        let call = Route::of("/flagd.sync.v1.FlagSyncService/SyncFlags").call();
        assert_eq!(call, Some(("flagd.sync.v1.FlagSyncService", "SyncFlags")));
        assert_eq!(Route::of("/ofrep/v1/evaluate/flags").call(), None);
        assert_eq!(Route::of("/healthz").call(), None);
    }
}
