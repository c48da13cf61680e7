//! Clients in JavaScript, for servers and for pages; of today and of each older protocol.

use std::process::Command;

use crate::common::suite;
use crate::launcher::Launcher;
use crate::program;

/// Runs one of the programs with a provider; there are this many checks.
fn checks(file: &str, provider: &str, count: usize) {
    let Some(testbed) = suite("FLAGD_TESTBED") else { return };
    let Some(installed) = program::installed("javascript", "package.json") else { return };
    let launcher = Launcher::with(&testbed);
    let mut node = Command::new(installed.join("node"));
    node.arg(program::sources("javascript").join(file))
        .arg(provider)
        .env("LAUNCHER", &launcher.places.launcher)
        .env("NODE_PATH", installed.join("node_modules"))
        // Some clients trust the authorities of their machine alone.
        .env("NODE_EXTRA_CA_CERTS", &launcher.places.authority)
        .env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", &launcher.places.authority);
    program::checks(&mut node, count);
}

/// A test for each provider: the program with it, and the number of checks.
macro_rules! providers {
    ($($name:ident: $file:literal, $provider:literal, $count:literal;)*) => {
        $(
            #[test]
            fn $name() {
                checks($file, $provider, $count);
            }
        )*
    };
}

providers! {
    evaluations_by_rpc: "evaluations.js", "rpc", 58;
    evaluations_in_process: "evaluations.js", "in-process", 58;
    evaluations_on_a_page: "evaluations.js", "web", 58;
    evaluations_by_ofrep: "evaluations.js", "ofrep", 58;
    evaluations_by_ofrep_on_a_page: "evaluations.js", "ofrep-web", 58;
    evaluations_by_rpc_of_evaluation_v1: "evaluations.js", "evaluation-v1", 58;
    evaluations_in_process_of_evaluation_v1: "evaluations.js", "evaluation-v1-in-process", 58;
    evaluations_by_rpc_of_schema_v1: "evaluations.js", "schema-v1", 58;
    evaluations_on_a_page_of_schema_v1: "evaluations.js", "schema-v1-web", 58;

    changes_by_rpc: "changes.js", "rpc", 18;
    changes_in_process: "changes.js", "in-process", 18;
    changes_on_a_page: "changes.js", "web", 16;
    changes_by_ofrep: "changes.js", "ofrep", 16;
    changes_by_ofrep_on_a_page: "changes.js", "ofrep-web", 18;
    changes_by_rpc_of_evaluation_v1: "changes.js", "evaluation-v1", 18;
    changes_in_process_of_evaluation_v1: "changes.js", "evaluation-v1-in-process", 18;
    changes_by_rpc_of_schema_v1: "changes.js", "schema-v1", 18;
    changes_on_a_page_of_schema_v1: "changes.js", "schema-v1-web", 16;

    connections_by_rpc: "connections.js", "rpc", 13;
    connections_in_process: "connections.js", "in-process", 13;
    connections_on_a_page: "connections.js", "web", 7;
    connections_by_ofrep: "connections.js", "ofrep", 11;
    connections_by_ofrep_on_a_page: "connections.js", "ofrep-web", 11;
    connections_by_rpc_of_evaluation_v1: "connections.js", "evaluation-v1", 13;
    connections_in_process_of_evaluation_v1: "connections.js", "evaluation-v1-in-process", 13;
    connections_by_rpc_of_schema_v1: "connections.js", "schema-v1", 4;
    connections_on_a_page_of_schema_v1: "connections.js", "schema-v1-web", 2;

    many_questions_by_rpc: "crowd.js", "rpc", 6;
    many_questions_in_process: "crowd.js", "in-process", 6;
    many_questions_by_ofrep: "crowd.js", "ofrep", 6;
    many_questions_by_rpc_of_evaluation_v1: "crowd.js", "evaluation-v1", 6;
    many_questions_by_rpc_of_schema_v1: "crowd.js", "schema-v1", 6;

    questions_of_a_page_by_ofrep: "refetch.js", "ofrep-web", 9;
}
