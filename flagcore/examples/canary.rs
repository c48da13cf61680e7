//! A growing share of users, the same people every time: `cargo run --example canary`

use std::collections::BTreeSet;

use flagcore::Client;

fn main() -> Result<(), flagcore::Error> {
    let users: Vec<String> = (0..10_000).map(|number| format!("user-{number}")).collect();
    let mut before = BTreeSet::new();
    for percent in [1, 5, 25, 100] {
        let client = Client::from_json(&flags(percent))?;
        let now: BTreeSet<&String> =
            users.iter().filter(|user| client.is_enabled("new-checkout", *user)).collect();
        let left = before.difference(&now).count();
        println!(
            "{percent:>3} %: {:>5} of {} users, {left} of those before have left",
            now.len(),
            users.len()
        );
        before = now;
    }
    Ok(())
}

/// The flag file of a canary: in real life the file is edited, and nothing is restarted.
fn flags(percent: u32) -> String {
    let rest = 100 - percent;
    format!(
        r#"{{"flags": {{"new-checkout": {{
            "state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off",
            "targeting": {{"fractional": [["on", {percent}], ["off", {rest}]]}}
        }}}}}}"#
    )
}
