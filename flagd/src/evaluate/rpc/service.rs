//! One evaluation service for all generations and protocols.

use std::sync::Arc;

use axum::http::HeaderMap;
use flagcore::snapshot::View;
use flagcore::value::Structure;
use flagcore::{ErrorCode, EvaluationContext, Reason};
use tonic::Code;

use super::all::All;
use super::answer::{Answer, Kind};
use super::protocol::{Encoding, Generation, Method};
use super::question::Question;
use crate::distribute::{Listing, Topics, selector};
use crate::state::State;
use crate::wire::{Failure, surround, without_spare_escapes};

/// What all calls share.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) state: State,
    pub(super) listings: Arc<Topics<Listing>>,
}

impl Service {
    pub(super) fn new(state: State) -> Self {
        Self { listings: Arc::new(Topics::new(state.client.clone(), ())), state }
    }

    /// Answers a message with a message, behind `room` bytes that are left free.
    pub(super) fn answer(
        &self,
        (generation, method): (Generation, Method),
        encoding: Encoding,
        headers: &HeaderMap,
        message: &[u8],
        room: usize,
    ) -> Result<Vec<u8>, Failure> {
        let selector = selector(headers, "")?;
        let Question { key, mut context } = Question::read(message, encoding, method)?;
        let mapped = (generation != Generation::Schema).then_some(headers);
        surround(&mut context, &self.state.settings, mapped);
        let snapshot = self.state.client.snapshot();
        let view = snapshot.view(&selector);
        let one = One { service: self, generation, encoding, key: &key, context: &context, view, room };
        match method {
            Method::Boolean => one.answer::<bool>(),
            Method::String => one.answer::<str>(),
            Method::Float => one.answer::<f64>(),
            Method::Int => one.answer::<i64>(),
            Method::Object => one.answer::<Structure<'static>>(),
            Method::All => {
                let all = All { view, selector: &selector, context: &context, generation };
                let mut out = vec![0; room];
                all.write(encoding, &self.state.metrics, &mut out);
                Ok(out)
            }
            Method::Events => Err(Failure::new(Code::Internal, "a stream is not answered at once")),
        }
    }
}

/// One flag that is asked for.
struct One<'a> {
    service: &'a Service,
    generation: Generation,
    encoding: Encoding,
    key: &'a str,
    context: &'a EvaluationContext<'a>,
    view: View<'a>,
    room: usize,
}

impl One<'_> {
    fn answer<T: Kind + ?Sized>(&self) -> Result<Vec<u8>, Failure> {
        let metrics = &self.service.state.metrics;
        let detail = self.view.detail::<T>(self.key, self.context, T::shorten(T::zero()));
        let absent = detail.variant().is_none();
        let older = self.generation != Generation::V2;
        // The older generations cannot say that the caller's default is meant: they know no such flag.
        let unsayable = older && absent && detail.reason() != Reason::Disabled;
        let code = detail.error_code().or_else(|| unsayable.then_some(ErrorCode::FlagNotFound));
        if let Some(code) = code {
            metrics.failed(self.key, code);
            if code == ErrorCode::FlagNotFound && !self.service.state.client.is_ready() {
                return Err(Failure::early());
            }
            return Err(Failure::of(code, || detail.error_message()));
        }
        metrics.evaluated(self.key, detail.variant(), detail.reason());
        let answer = Answer::<T> {
            value: (older || !absent).then(|| detail.value()),
            reason: detail.reason(),
            variant: detail.variant().or_else(|| older.then_some("")),
            metadata: detail.metadata(),
        };
        Ok(match self.encoding {
            Encoding::Proto => {
                let mut out = Vec::with_capacity(self.room + 128);
                out.resize(self.room, 0);
                answer.write_proto(&mut out);
                out
            }
            Encoding::Json => {
                let mut out = String::with_capacity(self.room + 256);
                out.extend(std::iter::repeat_n('\0', self.room));
                answer.write_json(&mut out);
                without_spare_escapes(out).into_bytes()
            }
        })
    }
}
