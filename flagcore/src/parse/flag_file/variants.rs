//! Variants, and the one that is given when nothing matches.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::diagnostic::{Pointer, Problem};
use crate::model::document::TextId;
use crate::model::{Document, Kind, Member, NodeId, Variant};
use crate::text::excerpt;

use super::super::near_limit;
use super::reader::Reader;

impl<'d> Reader<'d, '_> {
    pub(super) fn variants(
        &mut self,
        members: &[&'d Member],
        flag: &str,
        at: &Pointer<'_>,
    ) -> std::ops::Range<usize> {
        let start = self.variants.len();
        let at = at.member("variants");
        for member in members {
            match self.kind(member.value) {
                Kind::Object(range) => {
                    let document = self.document();
                    let earlier = self.variants.get(start..).unwrap_or(&[]).iter().zip(start..);
                    let places: HashMap<&str, usize> =
                        earlier.map(|(variant, at)| (document.resolve(variant.name), at)).collect();
                    for variant in document.members(range) {
                        let place = places.get(document.resolve(variant.name));
                        let variant = Variant { name: variant.name, value: variant.value };
                        match place.and_then(|at| self.variants.get_mut(*at)) {
                            Some(place) => *place = variant,
                            None => self.variants.push(variant),
                        }
                    }
                }
                Kind::Null => self.variants.truncate(start),
                other => self.wrong_type(member.value, at, "`variants`", other, "an object of values"),
            }
        }
        let range = start..self.variants.len();
        near_limit(self.report, "variants of a flag", range.len(), self.limits.variants);
        if range.len() > self.limits.variants {
            let problem = Problem::TooManyVariants {
                flag: excerpt(flag),
                found: range.len(),
                most: self.limits.variants,
            };
            let node = members.last().map_or(self.document().root(), |member| member.value);
            self.exceed(self.place(node, at), problem);
        }
        self.check_variant_types(range.clone(), flag, &at);
        range
    }

    pub(super) fn is_kind_of_variants(&self, node: NodeId) -> bool {
        matches!(self.kind(node), Kind::Object(_) | Kind::Null)
    }

    pub(super) fn check_variant_types(
        &mut self,
        range: std::ops::Range<usize>,
        flag: &str,
        at: &Pointer<'_>,
    ) {
        let mut first: Option<&'static str> = None;
        for number in range {
            let Some(variant) = self.variants.get(number).copied() else { continue };
            let name = self.document().resolve(variant.name);
            let (flag, at) = (|| excerpt(flag), at.member(name));
            let place = self.place(variant.value, at);
            self.check_value_depth(variant.value, at);
            let kind = self.kind(variant.value);
            match kind {
                Kind::Null => {
                    self.report.tolerate(place, Problem::NullVariant { flag: flag(), variant: excerpt(name) })
                }
                Kind::List(_) => {
                    self.report.tolerate(place, Problem::ListVariant { flag: flag(), variant: excerpt(name) })
                }
                _ if *first.get_or_insert(kind.name()) != kind.name() => {
                    let (found, first) = (kind.name(), first.unwrap_or(""));
                    let problem = Problem::MixedTypes { flag: flag(), variant: excerpt(name), found, first };
                    self.report.tolerate(place, problem);
                }
                _ => {}
            }
        }
    }

    pub(super) fn check_default_variant(
        &mut self,
        text: TextId,
        node: NodeId,
        variants: &std::ops::Range<usize>,
        flag: &str,
        at: &Pointer<'_>,
    ) {
        let document = self.document();
        let found = document.resolve(text);
        let known = self.variants.get(variants.clone()).unwrap_or(&[]);
        if known.iter().all(|variant| document.resolve(variant.name) != found) {
            let problem = Problem::UnknownDefaultVariant {
                flag: excerpt(flag),
                found: excerpt(found),
                known: names(document, known),
            };
            self.report.refuse(self.place(node, at.member("defaultVariant")), problem);
        }
    }
}

/// The names of variants for a message.
fn names(document: &Document, variants: &[Variant]) -> Vec<String> {
    const MOST: usize = 64;
    let names = variants.iter().take(MOST).map(|variant| document.resolve(variant.name));
    names.map(Cow::Borrowed).map(|name: Cow<'_, str>| excerpt(&name)).collect()
}
