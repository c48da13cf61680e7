//! What an evaluation takes, and the layers of a client around it.

use super::needle::Wanted;
use super::{ContextError, EvaluationContext, Needle, TARGETING_KEY};
use crate::value::Value;

/// What an evaluation takes: a context, or a text that is just a targeting key.
///
/// Made by itself from `&EvaluationContext`, `&str` and `&String`.
#[derive(Clone, Copy, Debug)]
pub struct ContextRef<'c>(Given<'c>);

#[derive(Clone, Copy, Debug)]
enum Given<'c> {
    Key(&'c str),
    Context(&'c EvaluationContext<'c>),
}

impl<'c> ContextRef<'c> {
    #[inline(always)]
    fn context(&self) -> Option<&'c EvaluationContext<'c>> {
        if let Given::Context(context) = &self.0 { Some(context) } else { None }
    }

    #[inline(always)]
    fn targeting_key(&self) -> Option<Found<'c>> {
        match &self.0 {
            Given::Key(text) => Some(Found::Text(text)),
            Given::Context(context) => context.targeting_key.as_ref().map(Found::Value),
        }
    }

    /// The targeting key, if there is one and it is a text.
    #[cfg(feature = "shadow")]
    #[inline]
    pub(crate) fn targeting_text(&self) -> Option<&'c str> {
        match &self.0 {
            Given::Key(text) => Some(text),
            Given::Context(context) => context.targeting_key(),
        }
    }
}

impl<'c> From<&'c EvaluationContext<'_>> for ContextRef<'c> {
    #[inline]
    fn from(context: &'c EvaluationContext<'_>) -> Self {
        ContextRef(Given::Context(context))
    }
}

impl<'c> From<&'c str> for ContextRef<'c> {
    #[inline]
    fn from(targeting_key: &'c str) -> Self {
        ContextRef(Given::Key(targeting_key))
    }
}

impl<'c> From<&'c &str> for ContextRef<'c> {
    #[inline]
    fn from(targeting_key: &'c &str) -> Self {
        ContextRef::from(*targeting_key)
    }
}

impl<'c> From<&'c String> for ContextRef<'c> {
    #[inline]
    fn from(targeting_key: &'c String) -> Self {
        ContextRef::from(targeting_key.as_str())
    }
}

/// What surrounds every request's context.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) global: Option<EvaluationContext<'static>>,
    pub(crate) overrides: Option<EvaluationContext<'static>>,
}

impl Surroundings {
    /// Which layer cannot be part of a context, and why.
    pub(crate) fn fault(&self) -> Option<(&'static str, ContextError)> {
        let layers = [("global", &self.global), ("overrides", &self.overrides)];
        layers.into_iter().find_map(|(name, layer)| Some((name, layer.as_ref()?.fault?)))
    }

    #[inline]
    pub(crate) fn around<'c>(&'c self, request: &'c ContextRef<'c>) -> Layers<'c> {
        Layers { request, under: self.global.as_ref(), over: self.overrides.as_ref() }
    }
}

/// The request's context between the layers of its client: `under` fills gaps, `over` has the last word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layers<'c> {
    // PERF: by reference; copying what was just written in halves stalls (benchmark `eval`, rollout).
    pub(crate) request: &'c ContextRef<'c>,
    pub(crate) under: Option<&'c EvaluationContext<'c>>,
    pub(crate) over: Option<&'c EvaluationContext<'c>>,
}

/// What stands under a name: a value, or the targeting key as bare text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'c> {
    Value(&'c Value<'c>),
    Text(&'c str),
}

impl<'c> Layers<'c> {
    /// The value of an attribute other than the targeting key.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'c Value<'c>> {
        self.find(Wanted::new(name))
    }

    /// The same by a name that was prepared.
    #[inline(always)]
    pub(crate) fn named(&self, name: &Needle) -> Option<&'c Value<'c>> {
        self.find(name.wanted())
    }

    #[inline(always)]
    fn find(&self, wanted: Wanted<'_>) -> Option<&'c Value<'c>> {
        if self.over.is_some() || self.under.is_some() {
            return self.find_in_layers(wanted);
        }
        self.request.context()?.find(wanted)
    }

    #[inline(never)]
    fn find_in_layers(&self, wanted: Wanted<'_>) -> Option<&'c Value<'c>> {
        let layers = [self.over, self.request.context(), self.under];
        layers.into_iter().flatten().find_map(|context| context.find(wanted))
    }

    /// The targeting key, if it is a text.
    #[inline(always)]
    pub(crate) fn subject(&self) -> Option<&'c str> {
        let key = match self.over {
            None => self.request.targeting_key(),
            Some(_) => None,
        };
        match key.or_else(|| self.targeting_key())? {
            Found::Text(text) => Some(text),
            Found::Value(value) => value.as_str(),
        }
    }

    /// The targeting key.
    #[inline(never)]
    pub(crate) fn targeting_key(&self) -> Option<Found<'c>> {
        let of =
            |context: Option<&'c EvaluationContext<'c>>| context?.targeting_key.as_ref().map(Found::Value);
        of(self.over).or_else(|| self.request.targeting_key()).or_else(|| of(self.under))
    }

    /// Why evaluations that look at the context fail, if they do.
    #[inline]
    pub(crate) fn fault(&self) -> Option<ContextError> {
        self.request.context()?.fault
    }

    /// Visits everything there is, of equal names the one that counts last; the targeting key comes at the end.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&'c str, Found<'c>)) {
        for context in [self.under, self.request.context(), self.over].into_iter().flatten() {
            for attribute in context.attributes() {
                visit(&attribute.name, Found::Value(&attribute.value));
            }
        }
        if let Some(key) = self.targeting_key() {
            visit(TARGETING_KEY, key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_fill_gaps_and_override() {
        let under = EvaluationContext::new("under").with("a", "under").with("b", "under").with("c", "under");
        let over = EvaluationContext::empty().with("c", "over");
        let request = EvaluationContext::empty().with("b", Value::Null).with("c", "request");
        let request = ContextRef::from(&request);
        let layers = Layers { request: &request, under: Some(&under), over: Some(&over) };
        assert_eq!(layers.attribute("a").unwrap().as_str(), Some("under"));
        assert_eq!(layers.attribute("b"), Some(&Value::Null));
        assert_eq!(layers.attribute("c").unwrap().as_str(), Some("over"));
        assert!(matches!(layers.targeting_key(), Some(Found::Value(key)) if key.as_str() == Some("under")));
        let mut names = Vec::new();
        layers.for_each(|name, _| names.push(name));
        assert_eq!(names, ["a", "b", "c", "b", "c", "c", "targetingKey"]);
    }
}
