//! What a request asks: for which context, and of which flags.

use axum::http::HeaderMap;
use flagcore::{EvaluationContext, Selector};

use super::context;
use super::refusal::Refusal;
use crate::settings::Settings;
use crate::wire::{selector, surround};

/// For which context a request asks, and of which flags.
#[derive(Debug)]
pub(super) struct Question<'r> {
    pub(super) context: EvaluationContext<'r>,
    pub(super) selector: Selector,
}

impl<'r> Question<'r> {
    /// Reads a request; what the daemon adds to contexts is part of it.
    pub(super) fn read(
        body: &'r [u8],
        headers: &'r HeaderMap,
        settings: &'r Settings,
    ) -> Result<Self, Refusal> {
        let mut context = context::read(body).map_err(|_| Refusal::Context)?;
        surround(&mut context, settings, Some(headers));
        if context.fault().is_some() {
            return Err(Refusal::Context);
        }
        let selector = match selector::told(headers) {
            None => Selector::default(),
            Some(text) => text.parse().map_err(Refusal::Selector)?,
        };
        Ok(Self { context, selector })
    }
}
