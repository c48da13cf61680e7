//! The flags under a selector as sync sends them: one frame, made once, shared by all streams.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use flagcore::snapshot::View;
use flagcore::text::write_json_string;
use flagcore::{Selector, Value};
use prost::encoding::encode_varint;

use super::topics::{Shown, by_key};
use crate::telemetry::{Metrics, PayloadSize};
use crate::wire::{frames, structs};

/// The message of a sync stream, framed.
#[derive(Debug)]
pub(super) struct Payload {
    frame: Bytes,
    /// Where the field with the flags ends.
    flags_end: usize,
    is_empty: bool,
    /// While it is sent, its size is known to who asks for metrics.
    size: OnceLock<PayloadSize>,
}

impl Payload {
    /// `SyncFlagsResponse` in a frame.
    pub(super) fn frame(&self) -> Bytes {
        self.frame.clone()
    }

    /// `FetchAllFlagsResponse` in two parts, the frame's head and its message: the flags are not copied.
    pub(super) fn flags_only(&self) -> [Bytes; 2] {
        let flags = self.frame.slice(frames::HEAD..self.flags_end);
        let length = u32::try_from(flags.len()).unwrap_or(u32::MAX);
        let [a, b, c, d] = length.to_be_bytes();
        [Bytes::copy_from_slice(&[0, a, b, c, d]), flags]
    }
}

/// What every receiver adds to its contexts, and who counts.
#[derive(Debug)]
pub(super) struct SyncContext {
    values: Vec<(String, Value<'static>)>,
    metrics: Arc<Metrics>,
}

impl SyncContext {
    pub(super) fn new(values: &[(String, String)], metrics: Arc<Metrics>) -> Self {
        // Of a name given twice the last value counts.
        let values: std::collections::BTreeMap<_, _> = values.iter().cloned().collect();
        let values = values.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        Self { values, metrics }
    }

    /// Writes it as the field that has the same number in all messages.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        structs::write_struct(2, self.values.iter().map(|(name, value)| (name.as_str(), value)), out);
    }
}

impl Shown for Payload {
    type Setup = SyncContext;

    fn make(view: View<'_>, context: &SyncContext, before: Option<&Arc<Self>>) -> Arc<Self> {
        context.metrics.payload_encoded();
        let flags = by_key(view);
        let length: usize = flags.iter().map(|flag| flag.key.len() + flag.json.len() + 4).sum();
        // The head is known after the text: room for the longest is left before it.
        let mut text = String::with_capacity(ROOM + length + 64);
        text.extend([' '; ROOM]);
        text.push_str("{\"flags\":{");
        for (at, flag) in flags.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { "," });
            // Writing to a text cannot fail.
            let _ = write_json_string(&mut text, flag.key);
            text.push(':');
            text.push_str(flag.json);
        }
        text.push_str("}}");
        let mut frame = text.into_bytes();
        let flags_end = frame.len();
        let mut head = vec![0; frames::HEAD];
        head.push(FLAG_CONFIGURATION);
        encode_varint((flags_end - ROOM) as u64, &mut head);
        context.write(&mut frame);
        let start = ROOM.saturating_sub(head.len());
        for (place, byte) in frame.iter_mut().skip(start).zip(head) {
            *place = byte;
        }
        if let Some(frame) = frame.get_mut(start..) {
            frames::seal(0, frame);
        }
        let frame = Bytes::from(frame).slice(start..);
        match before {
            Some(before) if before.frame == frame => before.clone(),
            _ => Arc::new(Self {
                frame,
                flags_end: flags_end - start,
                is_empty: flags.is_empty(),
                size: OnceLock::new(),
            }),
        }
    }

    fn made(&self, selector: &Selector, context: &SyncContext) {
        let label = if self.is_empty && !selector.is_empty() { "_other" } else { &selector.to_string() };
        let message = self.frame.len().saturating_sub(frames::HEAD) as u64;
        let _ = self.size.set(context.metrics.payload(label, message));
    }
}

/// Bytes before the text: the frame's head, the field's key, the longest length.
const ROOM: usize = frames::HEAD + 1 + 10;

/// The key of field 1, which is a text.
const FLAG_CONFIGURATION: u8 = 1 << 3 | 2;
