//! OFREP's stream of changes: who is told what, and when nobody is told anything.

mod common;

use common::ofrep::{Answer, Connection, Served, encoded};
use serde_json::json;

const BULK: &str = "/ofrep/v1/evaluate/flags";

fn flags(set: Option<&str>, default: &str) -> String {
    let flag = json!({"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": default});
    match set {
        Some(id) => json!({"metadata": {"flagSetId": id}, "flags": {id: flag}}).to_string(),
        None => json!({"flags": {"a": flag}}).to_string(),
    }
}

fn two_sets() -> Served {
    let (shop, site) = (flags(Some("shop"), "on"), flags(Some("site"), "on"));
    Served::files(&[("shop.json", &shop), ("site.json", &site)], |_| {})
}

/// Somebody who listens.
struct Listener {
    connection: Connection,
    id: String,
}

fn listen(served: &Served, path: &str, headers: &[(&str, &str)]) -> (Answer, Connection) {
    let mut connection = served.connect();
    connection.send("GET", path, headers, b"");
    (connection.head(), connection)
}

impl Listener {
    fn of(served: &Served, path: &str) -> Self {
        let (head, mut connection) = listen(served, path, &[]);
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        let greeting = connection.text().unwrap();
        // Who comes without an id may have missed anything.
        let event = after_retry(&greeting);
        let id = event.strip_prefix("id: ").and_then(|rest| rest.split('\n').next()).unwrap().to_owned();
        assert_eq!((id.len(), event), (32, &*event_of(&id)));
        Self { connection, id }
    }

    /// Waits for an event, which has a new id, and takes it.
    fn hears(&mut self) {
        let event = self.connection.text().unwrap();
        let id = event.strip_prefix("id: ").and_then(|rest| rest.split('\n').next()).unwrap().to_owned();
        assert_eq!(event, event_of(&id));
        assert_ne!(id, self.id);
        self.id = id;
    }
}

/// What comes after the time to wait before coming back.
fn after_retry(greeting: &str) -> &str {
    let (retry, rest) = greeting.strip_prefix("retry: ").and_then(|rest| rest.split_once('\n')).unwrap();
    assert!((2_000..4_000).contains(&retry.parse().unwrap()), "{retry}");
    rest
}

fn event_of(id: &str) -> String {
    format!("id: {id}\nevent: message\ndata: {{\"type\":\"refetchEvaluation\",\"etag\":\"{id}\"}}\n\n")
}

#[test]
fn a_change_is_told_to_those_whose_flags_change() {
    let served = two_sets();
    let mut all = Listener::of(&served, "/ofrep/v1/sse");
    let mut shop = Listener::of(&served, "/ofrep/v1/sse/flagSetId%3Dshop");
    let mut site = Listener::of(&served, "/ofrep/v1/sse/flagSetId=site");
    let (first, others) = (shop.id.clone(), site.id.clone());
    assert_ne!(first, others);

    served.rewrite("shop.json", &flags(Some("shop"), "off"));
    all.hears();
    shop.hears();
    // The flags of `site` did not change: the next word is about its own change.
    served.rewrite("site.json", &flags(Some("site"), "off"));
    all.hears();
    site.hears();
    // What is as it was has the id that it had.
    served.rewrite("shop.json", &flags(Some("shop"), "on"));
    all.hears();
    shop.hears();
    assert_eq!(shop.id, first);
}

#[test]
fn a_source_is_a_channel_too() {
    let served = two_sets();
    let source = format!("source={}", served.path("shop.json").display());
    let mut shop = Listener::of(&served, &format!("/ofrep/v1/sse/{}", encoded(&source)));
    // A slash need not be escaped.
    let mut same = Listener::of(&served, &format!("/ofrep/v1/sse/{source}"));
    assert_eq!(shop.id, same.id);
    served.rewrite("shop.json", &flags(Some("shop"), "off"));
    shop.hears();
    same.hears();
}

#[test]
fn the_same_flags_written_anew_are_no_news() {
    let served = two_sets();
    let mut all = Listener::of(&served, "/ofrep/v1/sse/");
    let spaced = flags(Some("shop"), "on").replace(':', ": ");
    served.place("shop.json", &spaced);
    served.rewrite("site.json", &flags(Some("site"), "off"));
    all.hears();
    let told = all.id.clone();
    drop(all);
    // Nothing happened since, although the first file was read again.
    assert_eq!(Listener::of(&served, "/ofrep/v1/sse").id, told);
}

#[test]
fn another_bucketing_is_told_where_a_flag_splits() {
    let flags = |bucketing: &str, targeting: &str| {
        format!(
            r#"{{"bucketing": "{bucketing}", "flags": {{"a": {{"state": "ENABLED", "variants": {{"on": true, "off": false}},
                "defaultVariant": "on", "targeting": {targeting}}}}}}}"#
        )
    };
    let split = r#"{"fractional": [["on", 50], ["off", 50]]}"#;
    let served = Served::files(&[("a.json", &flags("v2", split))], |_| {});
    let mut all = Listener::of(&served, "/ofrep/v1/sse");
    for bucketing in ["v3", "v1", "v2"] {
        served.rewrite("a.json", &flags(bucketing, split));
        all.hears();
    }
    // Without a split it makes no difference: the next event is that of the next change.
    served.rewrite("a.json", &flags("v2", "{}"));
    all.hears();
    let told = all.id.clone();
    served.rewrite("a.json", &flags("v3", "{}"));
    assert_eq!(Listener::of(&served, "/ofrep/v1/sse").id, told);
}

#[test]
fn who_comes_back_is_told_what_was_missed() {
    let served = two_sets();
    let path = "/ofrep/v1/sse";
    let id = Listener::of(&served, path).id;
    let (_, mut up_to_date) = listen(&served, path, &[("Last-Event-ID", &id)]);
    assert_eq!(after_retry(&up_to_date.text().unwrap()), format!("id: {id}\n\n"));

    served.rewrite("shop.json", &flags(Some("shop"), "off"));
    let now = Listener::of(&served, path).id;
    let (_, mut late) = listen(&served, path, &[("Last-Event-ID", &id)]);
    assert_eq!(after_retry(&late.text().unwrap()), event_of(&now));
}

#[test]
fn many_listeners_hear_of_a_change_one_by_one_and_only_the_newest() {
    let served = two_sets();
    let mut listeners: Vec<_> = (0..200).map(|_| Listener::of(&served, "/ofrep/v1/sse")).collect();
    served.rewrite("shop.json", &flags(Some("shop"), "off"));
    served.rewrite("site.json", &flags(Some("site"), "off"));
    // Both files are read by now.
    let newest = Listener::of(&served, "/ofrep/v1/sse").id;
    for listener in &mut listeners {
        // One that heard of the first change hears of the second, too.
        while listener.id != newest {
            listener.hears();
        }
    }
}

#[test]
fn an_event_comes_after_the_flags_that_it_is_about() {
    let served = two_sets();
    let mut all = Listener::of(&served, "/ofrep/v1/sse");
    let mut asking = served.connect();
    let mut tag = String::new();
    for default in ["off", "on", "off", "on"] {
        served.place("shop.json", &flags(Some("shop"), default));
        all.hears();
        let answer = asking.request("POST", BULK, &[("if-none-match", &tag)], b"");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["flags"][0]["variant"], default);
        tag = answer.header("etag").unwrap().to_owned();
    }
}

#[test]
fn bulk_tells_where_the_stream_is() {
    let served = two_sets();
    let source = format!("source={}", served.path("shop.json").display());
    for (selector, uri) in [
        ("", "/ofrep/v1/sse".to_owned()),
        ("flagSetId=shop", "/ofrep/v1/sse/flagSetId%3Dshop".to_owned()),
        ("flagSetId=", "/ofrep/v1/sse/flagSetId%3D".to_owned()),
        (&source, format!("/ofrep/v1/sse/{}", encoded(&source).replace("%2E", "."))),
    ] {
        let answer = served.post(BULK, &[("flagd-selector", selector)], "").json();
        let stream = json!([{"type": "sse", "endpoint": {"requestUri": uri}, "inactivityDelaySec": 120}]);
        assert_eq!(answer["eventStreams"], stream, "{selector}");
        Listener::of(&served, &uri);
    }
    let public = Served::with(&flags(None, "on"), |settings| {
        settings.ofrep_sse_public_url = Some("https://flags.example/".to_owned());
        settings.ofrep_sse_inactivity_delay = 7;
    });
    let answer = public.post(BULK, &[], "").json();
    let endpoint = json!({"origin": "https://flags.example", "requestUri": "/ofrep/v1/sse"});
    let stream = json!([{"type": "sse", "endpoint": endpoint, "inactivityDelaySec": 7}]);
    assert_eq!(answer["eventStreams"], stream);
}

#[test]
fn the_stream_can_be_turned_off() {
    let served = Served::with(&flags(None, "on"), |settings| settings.ofrep_sse_enabled = false);
    assert_eq!(served.post(BULK, &[], "").json().get("eventStreams"), None);
    for path in ["/ofrep/v1/sse", "/ofrep/v1/sse/flagSetId%3Da"] {
        assert_eq!(served.connect().request("GET", path, &[], b"").status, 404);
    }
}

#[test]
fn a_channel_that_is_no_selector_is_refused() {
    let served = two_sets();
    let answer = served.connect().request("GET", "/ofrep/v1/sse/key%3Dx", &[], b"");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errorCode"], "GENERAL");
    assert_eq!(served.connect().request("GET", "/ofrep/v1/sse/%zz", &[], b"").status, 400);
}

#[test]
fn browsers_may_listen_and_nobody_holds_events_back() {
    let served = two_sets();
    let headers = [("origin", "https://a.example"), ("accept-encoding", "gzip")];
    let (head, mut connection) = listen(&served, "/ofrep/v1/sse", &headers);
    for (header, value) in [
        ("access-control-allow-origin", Some("*")),
        ("cache-control", Some("no-cache")),
        ("x-accel-buffering", Some("no")),
        ("content-encoding", None),
    ] {
        assert_eq!(head.header(header), value, "{header}");
    }
    assert!(connection.text().unwrap().starts_with("retry: "));
}

#[test]
fn streams_end_when_the_daemon_is_asked_to() {
    let mut served = two_sets();
    let mut listeners: Vec<_> = (0..20).map(|_| Listener::of(&served, "/ofrep/v1/sse")).collect();
    served.stop();
    for listener in &mut listeners {
        assert_eq!(listener.connection.text(), None);
    }
}
