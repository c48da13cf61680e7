//! Which call in which protocol: what path and content type say.

use axum::http::HeaderValue;

/// A generation of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// `schema.v1`: as `V1`, without headers in the context and without a stream deadline.
    Schema,
    /// `flagd.evaluation.v1`: values that are not there are zero; no default variant is no flag.
    V1,
    /// `flagd.evaluation.v2`: values that are not there are absent.
    V2,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Boolean,
    String,
    Float,
    Int,
    Object,
    All,
    Events,
}

impl Method {
    /// What a path asks for, of which generation.
    pub(super) fn of(path: &str) -> Option<(Generation, Method)> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let generation = match service {
            "flagd.evaluation.v2.Service" => Generation::V2,
            "flagd.evaluation.v1.Service" => Generation::V1,
            "schema.v1.Service" => Generation::Schema,
            _ => return None,
        };
        let method = match method {
            "ResolveBoolean" => Method::Boolean,
            "ResolveString" => Method::String,
            "ResolveFloat" => Method::Float,
            "ResolveInt" => Method::Int,
            "ResolveObject" => Method::Object,
            "ResolveAll" if generation != Generation::V2 => Method::All,
            "EventStream" => Method::Events,
            _ => return None,
        };
        Some((generation, method))
    }
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Proto,
    Json,
}

/// What is around messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Envelope {
    /// Frames, then trailers.
    Grpc,
    /// Frames, then a frame that holds the trailers; all of it in base64 for some.
    GrpcWeb,
    /// Nothing around a single message; frames, then a frame that says how it ended, in a stream.
    Connect,
}

/// A protocol, by its content type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protocol {
    pub(super) envelope: Envelope,
    pub(super) encoding: Encoding,
    /// The content type of the answer.
    pub(super) content_type: &'static str,
}

impl Protocol {
    /// The protocol of a request, if it is one that the method speaks.
    pub(super) fn of(content_type: Option<&HeaderValue>, method: Method) -> Option<Self> {
        let text = content_type?.to_str().ok()?;
        let essence = text.split_once(';').map_or(text, |(essence, _)| essence).trim();
        let streams = method == Method::Events;
        let known = PROTOCOLS.iter().find(|known| known.0.eq_ignore_ascii_case(essence));
        let (content_type, envelope, encoding, _) = *known.filter(|known| known.3.fits(streams))?;
        Some(Self { envelope, encoding, content_type })
    }

    /// Whether bodies are base64, for clients that can only read text.
    pub(super) fn is_text(self) -> bool {
        self.content_type.starts_with("application/grpc-web-text")
    }

    /// Whether messages are in frames.
    pub(super) fn is_framed(self, method: Method) -> bool {
        self.envelope != Envelope::Connect || method == Method::Events
    }
}

/// What a method may be asked in, for those who asked in something else.
pub(super) fn accept_post(method: Method) -> String {
    let fits = PROTOCOLS.iter().filter(|known| known.3.fits(method == Method::Events));
    fits.map(|known| known.0).collect::<Vec<_>>().join(", ")
}

/// Which methods speak a protocol.
#[derive(Clone, Copy, Debug)]
enum Methods {
    All,
    Unary,
    Streams,
}

impl Methods {
    fn fits(self, streams: bool) -> bool {
        match self {
            Methods::All => true,
            Methods::Unary => !streams,
            Methods::Streams => streams,
        }
    }
}

const PROTOCOLS: [(&str, Envelope, Encoding, Methods); 12] = [
    ("application/connect+json", Envelope::Connect, Encoding::Json, Methods::Streams),
    ("application/connect+proto", Envelope::Connect, Encoding::Proto, Methods::Streams),
    ("application/grpc", Envelope::Grpc, Encoding::Proto, Methods::All),
    ("application/grpc+json", Envelope::Grpc, Encoding::Json, Methods::All),
    ("application/grpc+proto", Envelope::Grpc, Encoding::Proto, Methods::All),
    ("application/grpc-web", Envelope::GrpcWeb, Encoding::Proto, Methods::All),
    ("application/grpc-web+json", Envelope::GrpcWeb, Encoding::Json, Methods::All),
    ("application/grpc-web+proto", Envelope::GrpcWeb, Encoding::Proto, Methods::All),
    ("application/grpc-web-text", Envelope::GrpcWeb, Encoding::Proto, Methods::All),
    ("application/grpc-web-text+proto", Envelope::GrpcWeb, Encoding::Proto, Methods::All),
    ("application/json", Envelope::Connect, Encoding::Json, Methods::Unary),
    ("application/proto", Envelope::Connect, Encoding::Proto, Methods::Unary),
];
