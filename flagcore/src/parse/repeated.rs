//! Names that an object gives more than once.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use crate::limits;
use crate::model::Member;
use crate::model::document::Builder;

/// Of members with equal names from `first` on keeps the last; tells where the dropped ones stood.
///
/// Linear in the number of members; the hash is keyed, so names made to collide gain nothing.
pub(super) fn deduplicate(
    builder: &Builder<'_>,
    members: &mut Vec<Member>,
    first: usize,
) -> Vec<(u32, Member)> {
    const FEW: usize = 8;
    let added = members.get(first..).unwrap_or(&[]);
    let name = |member: &Member| builder.resolve(member.name);
    let distinct = if added.len() <= FEW {
        added.iter().enumerate().all(|(at, a)| added.iter().take(at).all(|b| name(a) != name(b)))
    } else {
        let mut seen = HashSet::with_capacity(added.len());
        added.iter().all(|member| seen.insert(name(member)))
    };
    if distinct {
        return Vec::new();
    }
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut kept: Vec<Member> = Vec::with_capacity(added.len());
    let mut repeated = Vec::new();
    for member in added {
        match places.entry(name(member)) {
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(*member);
            }
            Entry::Occupied(place) => {
                if let Some(earlier) = kept.get_mut(*place.get()) {
                    if repeated.len() <= limits::DIAGNOSTICS {
                        repeated.push((earlier.name_span.start, *member));
                    }
                    *earlier = *member;
                }
            }
        }
    }
    members.truncate(first);
    members.extend(kept);
    repeated
}
