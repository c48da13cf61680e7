//! Flags from anywhere: `cargo run --example custom_source`
//!
//! The source here is a thread that makes up flag files; a real one would ask a service or listen to a queue.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flagcore::source::{Content, Notifier, Source, SourceError};
use flagcore::{Client, model::Format};

/// What the service said last.
type Latest = Arc<Mutex<Option<String>>>;

struct Service {
    latest: Latest,
}

impl Source for Service {
    fn name(&self) -> &str {
        "service"
    }

    fn read(&mut self) -> Result<Content, SourceError> {
        match &*self.latest.lock().expect("nobody panics while holding it") {
            Some(flags) => Ok(Content::of("service", Format::Json, flags.clone().into_bytes())),
            None => Err(SourceError::new("service", "nothing has arrived yet")),
        }
    }

    fn watch(&mut self, changed: Notifier) {
        let latest = self.latest.clone();
        std::thread::spawn(move || {
            for weight in [0, 10, 50, 100] {
                let flags = format!(
                    r#"{{"flags": {{"new-search": {{
                        "state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off",
                        "targeting": {{"fractional": [["on", {weight}], ["off", {}]]}}
                    }}}}}}"#,
                    100 - weight
                );
                *latest.lock().expect("nobody panics while holding it") = Some(flags);
                changed.notify();
                std::thread::sleep(Duration::from_millis(300));
            }
        });
    }
}

fn main() -> Result<(), flagcore::Error> {
    // A folder could stand before it: of several sources the later one wins a key.
    let client = Client::builder()
        .source(Service { latest: Latest::default() })
        .on_missing(flagcore::client::OnMissing::Wait)
        .build()?;
    let updates = client.updates();
    let users: Vec<String> = (0..1000).map(|number| format!("user-{number}")).collect();

    while updates.next_within(Duration::from_secs(1)).is_some() {
        let on = users.iter().filter(|user| client.is_enabled("new-search", *user)).count();
        println!("revision {}: on for {on} of {} users", client.snapshot().revision(), users.len());
    }
    Ok(())
}
