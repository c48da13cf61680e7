//! Writing flag files: the form, the rules, and what to watch out for.
//!
//! A flag file is JSON or YAML, by the ending of its name. YAML has comments; that is why people get it.
//!
//! ```yaml
//! flags:
//!   checkout:                                  # the flag's key, as the code asks for it
//!     state: ENABLED
//!     variants: { "on": true, "off": false }   # named values of one type
//!     defaultVariant: "off"                    # given when no rule says otherwise
//!     targeting:                               # left out: everyone gets the default variant
//!       if:
//!         - ends_with: [{ var: email }, "@example.com"]
//!         - "on"
//! ```
//!
//! # The words
//!
//! | where | word | what it holds |
//! | --- | --- | --- |
//! | the file | `flags` | flags by key; or a list of flags that each carry a `key` |
//! | | `$evaluators` | conditions by name, for `{ "$ref": name }` |
//! | | `metadata` | facts about all its flags; `flagSetId` names the flag set |
//! | | `bucketing` | `v1`, `v2` or `v3`: how users are spread over shares; `v2` if nothing is said |
//! | | `$schema` | ignored |
//! | a flag | `state` | `ENABLED`, or `DISABLED`: callers get the default in their own code |
//! | | `variants` | named booleans, numbers, texts or objects, all of one type |
//! | | `defaultVariant` | the variant given when targeting says nothing; without one, the default in the caller's code |
//! | | `targeting` | a rule whose result is the name of a variant |
//! | | `metadata` | facts about this flag; a null takes a fact of the file away |
//! | | `shadow` | how a dark launch of it runs; see below |
//!
//! `DISABLED` is not "off": it leaves the answer to the caller. To turn something off for everyone, make `off` the
//! default variant and remove the targeting.
//!
//! # Rules
//!
//! An object with exactly one member is an operation: `{ "==": [{ "var": "plan" }, "pro"] }`. `var` looks into the
//! evaluation context, by a path with dots (`user.groups.0`). What the whole rule gives is a variant's name; null, or an
//! `if` without its last `else`, gives the default variant.
//!
//! | operators | |
//! | --- | --- |
//! | `if`, `and`, `or`, `!`, `!!` | pairs of condition and result, then the `else`; only what decides is looked at |
//! | `==`, `!=`, `===`, `!==`, `<`, `<=`, `>`, `>=` | the first two, and the order, read texts as numbers beside numbers; `===` does not |
//! | `in`, `contains_all`, `contains_any`, `contains_none` | a text in a text; a value in a list; lists in lists |
//! | `starts_with`, `ends_with`, `cat`, `substr` | texts |
//! | `sem_ver` | `[version, "=", "!=", "<", "<=", ">", ">=", "^" or "~", version]` |
//! | `fractional` | a share of the subjects each; see below |
//! | `+`, `-`, `*`, `/`, `%`, `abs`, `min`, `max` | numbers |
//! | `map`, `filter`, `reduce`, `all`, `some`, `none`, `merge`, `set` | lists and objects |
//! | `var`, `missing`, `missing_some` | the context |
//!
//! `$flagd.flagKey` is the flag's key, `$flagd.timestamp` the time in Unix seconds.
//!
//! # Shares
//!
//! ```yaml
//! targeting:
//!   fractional:
//!     - [new, 10]
//!     - [old, 90]
//! ```
//!
//! The flag's key and the targeting key are hashed to a bucket; each share owns as many buckets as its weight, in the order
//! written. So the same subject always falls into the same share, flags are independent of each other, and **raising the first
//! weight by what the second one loses keeps everyone in who was in**. Adding a share in the middle, or changing the total, moves others:
//! let the weights add up to the same number, and add new shares at the end.
//!
//! A text in front of the shares is hashed in place of the two keys: `cat: [checkout-2026, { var: company }]` gives all of one company the
//! same variant, and a constant in front (the salt) keeps one flag independent of another. Subjects without that attribute fall
//! together. Without a targeting key there is no share: the default variant.
//!
//! # Dark launches
//!
//! A `shadow` block says how often the code behind a flag also runs its successor, and within which bounds: see
//! [`Client::shadow`](crate::Client::shadow). It changes no answer: flagd and those who evaluate for themselves never see it.
//!
//! ```yaml
//! flags:
//!   search:
//!     variants: { old: old, new: new }
//!     defaultVariant: old
//!     shadow:
//!       sample: 5%
//!       when: { in: [{ var: plan }, [beta, staff]] }
//!       limits: { rate: 200/s, timeout: 100ms }
//! ```
//!
//! | where | word | what it holds, and what it is if left out |
//! | --- | --- | --- |
//! | `shadow` | `sample` | the share that is sampled: `5%` or `0.05`, so `1` is everything; never left out |
//! | | `by` | what the share is of: `request`, or `user`: all calls of a targeting key or none, and none without one; `request` |
//! | | `id` | what salts the sampling of users: the flag's key; another one draws other users |
//! | | `amplify` | copies of a sampled call: `x2`, or `2.5` for two or three; 0 to 100; 1 |
//! | | `when` | a rule that is true for whom may be sampled; everybody |
//! | `limits` | `in_flight` | shadow calls at a time: 1 to 1024; 64 |
//! | | `rate` | shadow calls in a second: `0.01/s` to `100000/s`; `500/s` |
//! | | `queue` | samples that wait: 1 to 65536; 4096 |
//! | | `timeout` | `1ms` to `1m`; `250ms` |
//! | | `body` | bytes of an answer that are looked at: `1B` to `16MiB`; `64KiB` |
//! | `breaker` | `failures` | the share of failing shadow calls that pauses them: `1%` to `100%`; `50%` |
//! | | `over`, `min` | the time that is counted over, `1s` to `10m`, and the calls it takes to judge, 1 to 10000; `10s` and 20 |
//! | | `half_open` | how long a pause lasts: `100ms` to `10m`; `5s` |
//! | | `primary_p99` | how much slower the control may become: 1.01 to 10, or `"off"`; 1.10 |
//! | `compare` | `ignore`, `unordered` | lists of JSON pointers with `*` for any name or index: what may differ, and lists in any order |
//! | | `float` | by how much numbers may differ that are not whole, of those beyond 1 which share: 0 to 1; 0 |
//! | | `errors` | what of two errors has to be alike: `class`, `text`, or `ignore` for nothing; `class` |
//! | `store` | `per_field`, `max` | samples of each differing field, 0 to 100, and bytes of all, `1KiB` to `1GiB`; 20 and `64MiB` |
//! | | `redact` | JSON pointers whose values are never kept; where there is any, texts of errors are not kept either |
//!
//! **Whatever is wrong with the block turns the dark launch off**, with a finding that says so; the flag itself answers as
//! before. `state: DISABLED` turns it off too, and a `state` that is neither.
//!
//! # What surprises people
//!
//! * `"on"` and `"off"` are texts in every case, but other tools read them unquoted as booleans; quote them.
//! * A missing attribute counts as 0 for `<` and its kin: `{ "<": [{ "var": "age" }, 18] }` is true without an age. Ask
//!   `{ "and": [{ "!=": [{ "var": "age" }, null] }, …] }` first. [`explain`](mod@crate::explain) shows such cases.
//! * Numbers are 64-bit floating point: whole numbers are exact up to 2^53. Write longer ids as texts.
//! * In YAML `1.10` is the number 1.1; a version wants quotes.
//!
//! # Finding mistakes
//!
//! Every finding says where, why and how to mend it, and all of a file are told at once:
//!
//! ```
//! use flagcore::{Client, model::Format};
//!
//! let file = "\
//! flags:
//!   checkout:
//!     state: ENABLED
//!     variants: { express: true, classic: false }
//!     defaultVariant: expres
//! ";
//! let error = Client::builder().bytes("flags.yaml", file, Format::Yaml).build().unwrap_err();
//! assert_eq!(error.to_string(), "\
//! flags.yaml:5:21: error[unknown-default-variant]: default variant `expres` of flag `checkout` does not exist
//!   at: /flags/checkout/defaultVariant
//!   help: did you mean `express`? variants here are `express`, `classic`
//! 1 problem; nothing of it is served");
//! ```
//!
//! A running client is lenient: what flagd takes is taken, with warnings ([`SourceStatus`](crate::sync::SourceStatus)). A check is
//! [strict](crate::diagnostic::Mode::Strict): whatever is surely a mistake is an error. A file that passes the check is always taken.
