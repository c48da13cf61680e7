//! Edit `flags/quickstart.flagd.json` while this runs: `cargo run --example hot_reload`

use std::time::Duration;

use flagcore::change::Update;
use flagcore::diagnostic::Mode;
use flagcore::{Client, EvaluationContext};

fn main() -> Result<(), flagcore::Error> {
    let path = if std::path::Path::new("flags").is_dir() { "flags" } else { "../flags" };
    let path = format!("{path}/quickstart.flagd.json");
    // Strict: a slip of the fingers is refused. The default, lenient, takes with a warning whatever flagd takes.
    let client = Client::builder().path(&path).mode(Mode::Strict).build()?;
    let updates = client.updates();
    let jane = EvaluationContext::new("user-1").with("email", "jane@example.com");
    println!("watching {path}; stop with control-C");

    loop {
        println!("checkout for jane: {}", client.is_enabled("checkout", &jane));
        match updates.next_within(Duration::from_secs(600)) {
            Some(Update::Changed(change)) if change.flags().is_empty() => println!("\nno flag changed"),
            Some(Update::Changed(change)) => {
                println!("\nchanged: {:?}\n{}", change.flags(), change.findings())
            }
            // A mistake in the file: the last good flags are still served.
            Some(Update::Refused { findings, serving, .. }) => {
                println!("\n{findings}\nstill serving revision {serving}");
            }
            Some(Update::Held { findings, .. }) => println!("\nheld for two seconds\n{findings}"),
            Some(Update::Recovered { .. }) => println!("\nthe file is again what is served"),
            Some(_) | None => {}
        }
    }
}
