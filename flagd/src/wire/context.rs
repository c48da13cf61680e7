//! The evaluation context of a request.

use axum::http::HeaderMap;
use flagcore::EvaluationContext;

use crate::settings::Settings;

/// Lays what the daemon adds over a request's context: the static values, then those out of headers.
pub fn surround<'a>(
    context: &mut EvaluationContext<'a>,
    settings: &'a Settings,
    headers: Option<&'a HeaderMap>,
) {
    for (name, value) in &settings.context_values {
        context.set(name.as_str(), value.as_str());
    }
    let Some(headers) = headers else { return };
    for (header, name) in &settings.context_from_header {
        let value = headers.get(header.as_str()).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            context.set(name.as_str(), value);
        }
    }
}
