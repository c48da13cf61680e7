//! The specification itself agrees with every recorded evaluation of the reference, so that it can be trusted.
//!
//! The same cases and the same accepted differences as in `reference.rs`.

mod common;

use common::cases::{structure, text};
use common::specification::{Json, Specification, as_told_in_bulk};
use common::verdict::{Tally, each_case};
use flagcore::Value;
use flagcore::bucketing::Bucketing;

/// A time within the years that recorded rules on the clock hold for.
const NOW: i64 = 1_780_000_000;

#[test]
fn the_specification_agrees_with_every_case_of_the_reference() {
    let Some(folder) = common::suite("FLAGD_REFERENCE") else { return };
    let mut tally = Tally::default();
    let load = |_: &str, text: &str| Specification::of(&common::read(text), Bucketing::V2);
    each_case(&folder, load, |specification, recorded| {
        let case = structure(recorded);
        let context = Json::from(case.get("context").unwrap());
        let found = match text(case, "type") {
            "all" => {
                let all = specification.all(&context, NOW).into_iter();
                Value::structure(all.map(|(key, answer)| (key.to_owned(), as_told_in_bulk(answer))))
            }
            asked => specification.answer(text(case, "flag"), asked, &context, NOW).to_value(),
        };
        tally.record(recorded, &found);
    });
    tally.assert_complete();
}
