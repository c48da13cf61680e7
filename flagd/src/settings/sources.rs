//! Where flags come from: `--uri file:flags.json`, and `--sources` with its JSON array.

use flagcore::model::{Document, Kind, NodeId};
use flagcore::text::closest;

use super::mistake::{Fault, Mistake};
use super::values::SourceSettings;

/// The source that a `--uri` names.
pub(super) fn of_uri(uri: &str) -> Result<SourceSettings, Fault> {
    if let Some(path) = uri.strip_prefix("file:") {
        return of_path(path);
    }
    match LATER.iter().find(|later| uri.starts_with(later.scheme)) {
        Some(later) => {
            Err(Fault::Later { what: format!("a source `{}…`", later.scheme), instead: later.instead })
        }
        None => {
            let later = LATER.iter().map(|later| later.scheme).collect();
            Err(Fault::UnknownScheme { uri: uri.to_owned(), later })
        }
    }
}

fn of_path(path: &str) -> Result<SourceSettings, Fault> {
    if path.is_empty() {
        return Err(Fault::EmptyPath);
    }
    Ok(SourceSettings { path: path.into() })
}

/// The sources of an array of objects; `place` says where a node stands.
pub(super) fn of_array(
    document: &Document,
    array: NodeId,
    place: &dyn Fn(NodeId) -> String,
) -> Result<Vec<SourceSettings>, Vec<Mistake>> {
    let Kind::List(range) = document.kind(array) else {
        let found = document.kind(array).name();
        let wanted = r#"a list of sources, as `[{"uri": "flags.json", "provider": "file"}]`,"#;
        return Err(vec![Mistake::new(place(array), Fault::WrongKind { found, wanted })]);
    };
    let (mut sources, mut mistakes) = (Vec::new(), Vec::new());
    for (number, item) in document.items(range).iter().enumerate() {
        match of_object(document, *item, number + 1, place) {
            Ok(source) => sources.push(source),
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() { Ok(sources) } else { Err(mistakes) }
}

fn of_object(
    document: &Document,
    object: NodeId,
    number: usize,
    place: &dyn Fn(NodeId) -> String,
) -> Result<SourceSettings, Vec<Mistake>> {
    let Kind::Object(members) = document.kind(object) else {
        let fault =
            Fault::WrongKind { found: document.kind(object).name(), wanted: "an object for each source" };
        return Err(vec![Mistake::new(place(object), fault)]);
    };
    let mut mistakes = Vec::new();
    let (mut uri, mut provider, mut certificate, mut tls) = (None, None, false, false);
    for member in document.members(members) {
        let name = document.resolve(member.name);
        let value = member.value;
        let Some(field) = FIELDS.iter().find(|field| field.eq_ignore_ascii_case(name)) else {
            let nearest = closest(name, FIELDS).map(str::to_owned);
            let fault = Fault::Unknown { what: "field of a source", name: name.to_owned(), nearest };
            mistakes.push(Mistake::new(place(value), fault));
            continue;
        };
        match *field {
            "uri" | "provider" => {
                let Some(text) = document.as_str(value) else {
                    let fault = Fault::WrongKind { found: document.kind(value).name(), wanted: "a text" };
                    mistakes.push(Mistake::new(place(value), fault));
                    continue;
                };
                let known = if *field == "uri" { &mut uri } else { &mut provider };
                *known = Some((text, value)).filter(|(text, _)| !text.is_empty());
            }
            "tls" => tls = document.kind(value) == Kind::Bool(true),
            "certPath" => certificate = document.as_str(value).is_some_and(|path| !path.is_empty()),
            // The others mean nothing to files.
            _ => {}
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let missing = |field| vec![Mistake::new(place(object), Fault::MissingField { number, field })];
    let (uri, uri_at) = uri.ok_or_else(|| missing("uri"))?;
    let (provider, provider_at) = provider.ok_or_else(|| missing("provider"))?;
    if certificate && !tls {
        return Err(missing("tls"));
    }
    of_provider(provider).map_err(|fault| vec![Mistake::new(place(provider_at), fault)]).and_then(|()| {
        let path = uri.strip_prefix("file:").unwrap_or(uri);
        of_path(path).map_err(|fault| vec![Mistake::new(place(uri_at), fault)])
    })
}

/// Whether a provider is one of files. All of them watch alike here.
fn of_provider(provider: &str) -> Result<(), Fault> {
    if FILES.contains(&provider) {
        return Ok(());
    }
    match LATER.iter().find(|later| later.provider == provider) {
        Some(later) => Err(Fault::Later { what: format!("provider `{provider}`"), instead: later.instead }),
        None => Err(Fault::NotOneOf {
            found: provider.to_owned(),
            words: FILES.to_vec(),
            nearest: closest(provider, FILES).map(str::to_owned),
        }),
    }
}

/// What the reference reads flags from and this version does not.
struct Later {
    scheme: &'static str,
    provider: &'static str,
    instead: &'static str,
}

const fn later(scheme: &'static str, provider: &'static str, instead: &'static str) -> Later {
    Later { scheme, provider, instead }
}

const LATER: [Later; 15] = [
    later("http://", "http", FETCH),
    later("https://", "http", FETCH),
    later("grpc://", "grpc", STREAM),
    later("grpcs://", "grpc", STREAM),
    later("core.openfeature.dev/", "kubernetes", MOUNT),
    later("gs://", "gcs", "copy the object with `gcloud storage cp` into a file that `file:` watches"),
    later(
        "azblob://",
        "azblob",
        "copy the blob with `az storage blob download` into a file that `file:` watches",
    ),
    later("s3://", "s3", "copy the object with `aws s3 cp` into a file that `file:` watches"),
    later("envoy://", "grpc", STREAM),
    later("dns:", "grpc", STREAM),
    later("uds:", "grpc", STREAM),
    later("unix:", "grpc", STREAM),
    later("unix-abstract:", "grpc", STREAM),
    later("xds:", "grpc", STREAM),
    later("passthrough:", "grpc", STREAM),
];

const FETCH: &str =
    "fetch it with another tool, as `curl --output flags.json`, into a file that `file:` watches";
const STREAM: &str = "write what the other side serves into a file that `file:` watches";
const MOUNT: &str = "mount the flags as a ConfigMap, and watch the mounted file with `file:`";

const FILES: [&str; 3] = ["file", "fsnotify", "fileinfo"];

/// What an object of `--sources` may have, in any letter case.
const FIELDS: [&str; 14] = [
    "uri",
    "provider",
    "authHeader",
    "certPath",
    "tls",
    "providerID",
    "selector",
    "interval",
    "intervalSeed",
    "maxMsgSize",
    "timeoutS",
    "incrementalUpdates",
    "headers",
    "oauth",
];
