//! Opens the sample flags and asks for a few: `cargo run --example quickstart`

use flagcore::{Client, EvaluationContext};

fn main() -> Result<(), flagcore::Error> {
    // From the root of the repository; a path of your own is a text like any other.
    let client = Client::open("flags").or_else(|_| Client::open("../flags"))?;

    let jane = EvaluationContext::new("user-1").with("email", "jane@example.com");
    let joe = EvaluationContext::new("user-2").with("plan", "team");

    for (name, user) in [("jane", &jane), ("joe", &joe)] {
        println!("checkout for {name}: {}", client.is_enabled("checkout", user));
    }

    // With variant and reason, for those who want to know more.
    let limit = client.integer_detail("export-limit", &joe, 0);
    println!("export-limit for joe: {} ({:?}, {})", limit.value(), limit.variant(), limit.reason());

    // A tenth of the users, the same ones every time.
    let users = (0..10_000).map(|number| format!("user-{number}"));
    let chosen = users.filter(|user| client.is_enabled("search-ranking-v2", user)).count();
    println!("search-ranking-v2 is on for {chosen} of 10,000 users");

    // Why a flag gives what it gives.
    println!("\n{}", client.snapshot().explain("checkout", &jane));
    Ok(())
}
