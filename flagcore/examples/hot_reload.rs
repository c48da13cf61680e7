//! Edit `flags/quickstart.yaml` while this runs: `cargo run --example hot_reload`

use std::time::Duration;

use flagcore::change::Update;
use flagcore::{Client, EvaluationContext};

fn main() -> Result<(), flagcore::Error> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../flags/quickstart.yaml");
    let client = Client::open(path)?;
    let updates = client.updates();
    let jane = EvaluationContext::new("user-1").with("email", "jane@example.com");
    println!("watching {path}; stop with control-C");

    loop {
        println!("checkout for jane: {}", client.is_enabled("checkout", &jane));
        match updates.next_within(Duration::from_secs(600)) {
            Some(Update::Changed(change)) => println!("\nchanged: {:?}", change.flags()),
            // A mistake in the file: the last good flags are still served.
            Some(Update::Refused { findings, serving, .. }) => {
                println!("\n{findings}\nstill serving revision {serving}");
            }
            Some(_) | None => {}
        }
    }
}
