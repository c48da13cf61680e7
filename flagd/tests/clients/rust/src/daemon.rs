//! The daemon that the launcher runs, and what it says of itself.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

/// Longer than anything takes, even on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Daemon {
    http: Client,
    places: Value,
    launcher: String,
}

impl Daemon {
    pub async fn of_launcher() -> Self {
        let launcher = std::env::var("LAUNCHER").expect("LAUNCHER is the URL of the launcher");
        let http = Client::new();
        let text = http.get(&launcher).send().await.unwrap().text().await.unwrap();
        Self { http, places: serde_json::from_str(&text).unwrap(), launcher }
    }

    pub fn port(&self, service: &str) -> u16 {
        self.places[service].as_u64().unwrap().try_into().unwrap()
    }

    pub fn path(&self, name: &str) -> String {
        self.places[name].as_str().unwrap().to_owned()
    }

    pub async fn order(&self, order: &str) {
        self.send(order, String::new()).await;
    }

    pub async fn write(&self, text: impl ToString) {
        self.send("write?file=own.json", text.to_string()).await;
    }

    /// Writes a file that holds no flags, and waits until the daemon has refused it.
    pub async fn write_broken(&self) {
        self.write(r#"{"flags": {"#).await;
        let url = format!("http://localhost:{}/status", self.port("management"));
        eventually("the broken file is refused", async || {
            let text = self.http.get(&url).send().await.unwrap().text().await.unwrap();
            let status: Value = serde_json::from_str(&text).unwrap();
            status["sources"].as_array().unwrap().iter().any(|source| !source["refused"].is_null())
        })
        .await;
    }

    /// Takes a flag out of those of the suite, for the daemon that starts next.
    pub async fn remove(&self, flag: &str) {
        self.order("stop").await;
        let path = format!("{}/flags/allFlags.json", self.path("folder"));
        let mut file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        file["flags"].as_object_mut().unwrap().remove(flag);
        self.send("write?file=allFlags.json", file.to_string()).await;
    }

    async fn send(&self, order: &str, body: String) {
        let url = format!("{}/{order}", self.launcher);
        let answer = self.http.post(url).body(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{order}: {text}");
    }
}

/// A flag file with these flags of two variants, `on` and `off`.
pub fn flags(rules: &[(&str, &str)]) -> Value {
    let flag = |rule: &str| {
        let rule: Value = serde_json::from_str(rule).unwrap();
        json!({ "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off", "targeting": rule })
    };
    let flags: serde_json::Map<_, _> =
        rules.iter().map(|(key, rule)| ((*key).to_owned(), flag(rule))).collect();
    json!({ "flags": flags })
}

/// A flag file with the flag `live`, of this value without a rule.
pub fn live(value: &str) -> Value {
    json!({ "flags": { "live": { "state": "ENABLED", "variants": { value: value }, "defaultVariant": value } } })
}

/// Waits until something is so.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < until, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
