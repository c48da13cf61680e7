//! The flags of some sources to one snapshot: which flag wins its key.

use std::collections::HashMap;
use std::sync::Arc;

use crate::compile::CompiledEntry;
use crate::context::Surroundings;

use super::row::{Entry, File, KeyIndex, Quick, Row, SourceFlags, quick};
use super::state::Snapshot;

impl Snapshot {
    /// A snapshot of the flags of some sources, later ones winning. `slot_of` gives each key its slot.
    pub(crate) fn assemble(
        revision: u64,
        store: u32,
        sources: &[SourceFlags<'_>],
        surroundings: Arc<Surroundings>,
        slots: impl FnOnce(&mut dyn Iterator<Item = &Arc<str>>) -> Arc<KeyIndex>,
    ) -> Self {
        let files: Box<[File]> = sources
            .iter()
            .zip(0..)
            .flat_map(|(source, number)| {
                source.files.iter().map(move |file| File {
                    name: file.name.clone(),
                    source: number,
                    bucketing: file.set.bucketing,
                })
            })
            .collect();
        let source_of = |row: &Row| files.get(row.file as usize).map(|file| file.source);
        let mut merged = merge(sources);
        merged.sort_unstable_by(|(a, _), (b, _)| a.order().cmp(&b.order()));
        let written = merged.iter().filter_map(|(_, entry)| entry.json.clone()).collect();
        let rows: Box<[Row]> = merged.into_iter().map(|(row, _)| row).collect();
        let index = slots(&mut rows.iter().map(|row| &row.flag.key));
        let mut entries =
            vec![Entry { flag: None, row: 0, quick: Quick::No }; index.len()].into_boxed_slice();
        for (number, row) in rows.iter().enumerate() {
            let Some(entry) = index.get(&row.flag.key).and_then(|slot| entries.get_mut(*slot as usize))
            else {
                continue;
            };
            // The highest source wins; among its flag sets the last one by name.
            let wins = match &entry.flag {
                Some(_) => {
                    rows.get(entry.row as usize).is_none_or(|winner| source_of(winner) <= source_of(row))
                }
                None => true,
            };
            if wins {
                *entry = Entry { flag: Some(row.flag.clone()), row: number as u32, quick: quick(&row.flag) };
            }
        }
        Self {
            revision,
            store,
            entries,
            index,
            rows,
            written,
            sources: sources.iter().map(|source| source.name.clone()).collect(),
            files,
            surroundings,
        }
    }
}

/// Of each (flag set, key) the row of the highest source; within a source of its last document.
fn merge<'s>(sources: &[SourceFlags<'s>]) -> Vec<(Row, &'s CompiledEntry)> {
    let files = sources.iter().flat_map(|source| source.files).zip(0..);
    let entries = files.flat_map(|(file, number)| file.set.flags.iter().map(move |entry| (entry, number)));
    let row = |(entry, file): (&'s CompiledEntry, u32)| {
        (Row { flag: entry.flag.clone(), file, line: entry.line }, entry)
    };
    if sources.iter().map(|source| source.files.len()).sum::<usize>() < 2 {
        // One document holds each (flag set, key) once.
        return entries.map(row).collect();
    }
    let mut places: HashMap<(Option<&str>, &str), usize> = HashMap::new();
    let mut rows: Vec<(Row, &CompiledEntry)> = Vec::new();
    for (entry, file) in entries {
        let place = *places.entry((entry.flag.flag_set_id(), &*entry.flag.key)).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(kept) => *kept = row((entry, file)),
            None => rows.push(row((entry, file))),
        }
    }
    rows
}
