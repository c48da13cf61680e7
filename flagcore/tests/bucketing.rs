//! What people rely on when they split their users: that it is the same everywhere and always, fair, grows
//! without moving anybody back, and differs from flag to flag (R57 to R59).
//!
//! The keys are the same in every run, so the bounds either hold or do not.

mod common;

use common::mutation::Random;
use flagcore::bucketing::{Bucketing, Murmur};
use flagcore::model::Format;
use flagcore::{Client, EvaluationContext, Value};

/// A client with one flag of each key, all split alike.
fn split(keys: &[&str], weights: &[u32], bucketing: Bucketing) -> Client {
    let names = (0..weights.len()).map(|at| format!("\"v{at}\": \"v{at}\"")).collect::<Vec<_>>().join(", ");
    let shares = weights.iter().enumerate().map(|(at, weight)| format!("[\"v{at}\", {weight}]"));
    let shares = shares.collect::<Vec<_>>().join(", ");
    let flags = keys.iter().map(|key| {
        format!(
            "\"{key}\": {{\"state\": \"ENABLED\", \"variants\": {{{names}}}, \"targeting\": {{\"fractional\": [{shares}]}}}}"
        )
    });
    let text = format!("{{\"flags\": {{{}}}}}", flags.collect::<Vec<_>>().join(", "));
    let builder = Client::builder().bytes("flags", text, Format::Json).watch(false);
    builder.bucketing(bucketing).build().unwrap()
}

/// Which share each of some users falls to.
fn shares(client: &Client, key: &str, users: &[String]) -> Vec<usize> {
    let snapshot = client.snapshot();
    let share = |user: &String| snapshot.string(key, user.as_str(), "v99")[1..].parse().unwrap();
    users.iter().map(share).collect()
}

/// Ids as they occur: numbers in a row, and random ones.
fn users(many: usize) -> [Vec<String>; 2] {
    let mut random = Random(7);
    let in_a_row = (0..many).map(|at| format!("user-{at}")).collect();
    [in_a_row, (0..many).map(|_| format!("{:016x}", random.next())).collect()]
}

#[test]
fn shares_are_as_large_as_their_weights() {
    // Of 50,000 keys each: chi-square at a chance of one in a million.
    for (weights, most) in
        [(&[10, 20, 30, 40][..], 30.7), (&[1, 1][..], 24.0), (&[1, 99][..], 24.0), (&[5; 20][..], 62.4)]
    {
        for (name, bucketing) in Bucketing::NAMES {
            let client = split(&["ranker"], weights, bucketing);
            for users in users(50_000) {
                let mut found = vec![0_f64; weights.len()];
                shares(&client, "ranker", &users).into_iter().for_each(|share| found[share] += 1.0);
                let total = f64::from(weights.iter().sum::<u32>());
                let wanted = weights.iter().map(|weight| f64::from(*weight) / total * users.len() as f64);
                let distance: f64 = found.iter().zip(wanted).map(|(a, b)| (a - b).powi(2) / b).sum();
                assert!(distance < most, "{name} {weights:?}: {distance:.1} of {most}, {found:?}");
            }
        }
    }
}

#[test]
fn a_growing_canary_keeps_every_key_it_had() {
    let steps = [0, 1, 5, 10, 10, 25, 50, 75, 99, 100];
    for (name, bucketing) in Bucketing::NAMES {
        let [users, _] = users(10_000);
        let mut before = vec![1; users.len()];
        for (from, percent) in
            steps.iter().scan(0, |last, step| Some((std::mem::replace(last, *step), *step)))
        {
            let after = shares(&split(&["canary"], &[percent, 100 - percent], bucketing), "canary", &users);
            let back = before.iter().zip(&after).filter(|(before, after)| before < after).count();
            let moved = before.iter().zip(&after).filter(|(before, after)| before > after).count();
            assert_eq!(back, 0, "{name}: {back} keys lost the canary from {from} to {percent}");
            // No more than the growth needs, give or take four standard deviations.
            let share = f64::from(percent - from) / 100.0;
            let (wanted, spread) = (share * 10_000.0, (share * (1.0 - share) * 10_000.0).sqrt());
            assert!(
                (moved as f64 - wanted).abs() <= 4.0 * spread,
                "{name}: {moved} moved from {from} to {percent}"
            );
            before = after;
        }
    }
}

#[test]
fn a_larger_weight_moves_keys_towards_its_share_only() {
    let mut random = Random(11);
    let [users, _] = users(500);
    for round in 0..60 {
        let mut weights: Vec<u32> = (0..2 + round % 4).map(|_| random.below(50) as u32 + 1).collect();
        for (name, bucketing) in Bucketing::NAMES {
            let before = shares(&split(&["f"], &weights, bucketing), "f", &users);
            let grown = random.below(weights.len());
            weights[grown] += random.below(40) as u32 + 1;
            let after = shares(&split(&["f"], &weights, bucketing), "f", &users);
            for (before, after) in before.into_iter().zip(after) {
                let nearer = before.abs_diff(grown) >= after.abs_diff(grown);
                let same_side = (before <= grown) == (after <= grown) || after == grown;
                assert!(nearer && same_side, "{name} {weights:?}: from {before} to {after}, {grown} grew");
            }
        }
    }
}

#[test]
fn flags_are_independent_of_each_other() {
    let keys = ["a", "b", "checkout", "checkout-2", "ranker", "search.new", "é", "x1", "x2", "x3"];
    for (name, bucketing) in Bucketing::NAMES {
        let client = split(&keys, &[50, 50], bucketing);
        let [users, _] = users(4_000);
        let halves: Vec<Vec<usize>> = keys.iter().map(|key| shares(&client, key, &users)).collect();
        for (at, one) in halves.iter().enumerate() {
            for (other_at, other) in halves.iter().enumerate().skip(at + 1) {
                let agreeing = one.iter().zip(other).filter(|(a, b)| a == b).count() as f64 / 4_000.0;
                // Half of the keys agree by chance; five standard deviations are 4 %.
                assert!(
                    (agreeing - 0.5).abs() < 0.04,
                    "{name}: {} and {} agree on {agreeing}",
                    keys[at],
                    keys[other_at]
                );
            }
        }
    }
}

#[test]
fn the_same_key_falls_to_the_same_share_whatever_is_around_it() {
    for (_, bucketing) in Bucketing::NAMES {
        let (alone, among) =
            (split(&["f"], &[1, 2, 3], bucketing), split(&["a", "f", "z"], &[1, 2, 3], bucketing));
        let [users, _] = users(300);
        let wanted = shares(&alone, "f", &users);
        assert_eq!(shares(&among, "f", &users), wanted);
        for (user, share) in users.iter().zip(wanted) {
            let mut context = EvaluationContext::new(user.clone()).with("plan", "pro");
            for at in 0..20 {
                context.set(format!("a{at}"), at);
            }
            let owned = context.clone().into_owned();
            let late = EvaluationContext::empty().with("x", 1).with("targetingKey", user.as_str());
            for context in [&context, &owned, &late] {
                assert_eq!(among.snapshot().string("f", context, ""), format!("v{share}"));
            }
        }
    }
}

/// Buckets that must never change, on any machine: those that the suites of all flagd implementations share.
#[test]
fn published_buckets_stay() {
    let cards = r#"{"cat": [{"var": "$flagd.flagKey"}, {"var": "user.name"}]}, ["clubs", 25], ["diamonds", 25], ["hearts", 25], ["spades", 25]"#;
    let coin = r#"["heads"], ["tails"]"#;
    let check = |flag: &str, rule: &str, bucketing, user: &str, wanted: &str| {
        let names = ["clubs", "diamonds", "hearts", "spades", "heads", "tails"];
        let variants = names.map(|name| format!("\"{name}\": \"{name}\"")).join(", ");
        let text = format!(
            r#"{{"flags": {{"{flag}": {{"state": "ENABLED", "variants": {{{variants}}}, "targeting": {{"fractional": [{rule}]}}}}}}}}"#
        );
        let client = Client::builder().bytes("flags", text, Format::Json).bucketing(bucketing).watch(false);
        let context = EvaluationContext::new(user).with("user", Value::structure([("name", user)]));
        assert_eq!(
            client.build().unwrap().snapshot().string(flag, &context, ""),
            wanted,
            "{flag} {bucketing} {user}"
        );
    };
    for (user, v2, v3) in [
        ("jack", "hearts", "diamonds"),
        ("queen", "spades", "diamonds"),
        ("ten", "clubs", "clubs"),
        ("nine", "diamonds", "clubs"),
        ("3", "clubs", "spades"),
    ] {
        check("fractional-flag", cards, Bucketing::V2, user, v2);
        check("fractional-flag", cards, Bucketing::V3, user, v3);
    }
    for (user, v2, v3) in [
        ("jon@company.com", "heads", "tails"),
        ("jane@company.com", "tails", "tails"),
        ("user-1", "heads", "heads"),
        ("user-2", "heads", "tails"),
        ("user-3", "tails", "heads"),
    ] {
        check("fractional-flag-shorthand", coin, Bucketing::V2, user, v2);
        check("fractional-flag-shorthand", coin, Bucketing::V3, user, v3);
    }
}

#[test]
fn the_hash_is_murmur_in_pieces_of_any_size() {
    let mut random = Random(3);
    for length in 0..=300 {
        let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        let wanted = murmur3::murmur3_32(&mut bytes.as_slice(), 0).unwrap();
        assert_eq!(Murmur::of(&bytes), wanted, "{bytes:?}");
        for cut in 0..=length {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(Murmur::new().with(head).with(tail).finish(), wanted, "{cut} of {bytes:?}");
        }
        // In many small pieces.
        let mut hash = Murmur::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(random.below(6).min(rest.len()));
            hash.write(piece);
            rest = behind;
        }
        assert_eq!(hash.finish(), wanted);
    }
}
