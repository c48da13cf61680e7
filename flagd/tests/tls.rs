//! TLS: which ports, which versions, renewed without a restart.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::server::{Running, answer, ask, get, start_with, until};
use flagd::settings::Tls;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

#[tokio::test]
async fn a_certificate_makes_evaluation_and_sync_speak_tls_and_nothing_else() {
    let running = secure().await;
    for address in [running.evaluation(), running.sync()] {
        let (_, status) = fetch(address, &[b"http/1.1"]).await;
        assert_ne!(status, 0);
    }
    assert_eq!(get(running.management(), "/healthz").await.0, 200);
    assert_eq!(get(running.ofrep(), "/nothing").await.0, 404);
}

#[tokio::test]
async fn ofrep_speaks_tls_by_an_option_of_its_own() {
    let running = start_with(|settings, folder| {
        write_pair(folder);
        settings.ofrep_tls = Some(files(folder));
    })
    .await;
    assert_eq!(fetch(running.ofrep(), &[]).await.1, 404);
    assert_eq!(get(running.evaluation(), "/nothing").await.0, 404);
}

#[tokio::test]
async fn http2_is_agreed_on_before_http1() {
    let running = secure().await;
    for (offered, agreed) in [
        (vec![&b"h2"[..], b"http/1.1"], Some(&b"h2"[..])),
        (vec![b"http/1.1"], Some(b"http/1.1")),
        (vec![], None),
    ] {
        let stream = connect(running.evaluation(), &offered, rustls::DEFAULT_VERSIONS).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
    }
}

#[tokio::test]
async fn tls_is_1_2_or_later() {
    let running = secure().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        assert!(connect(running.evaluation(), &[], &[version]).await.is_ok());
    }
    // A hello of TLS 1.1, which is answered by an alert and an end.
    let hello = b"\x16\x03\x02\x00\x2f\x01\x00\x00\x2b\x03\x02\
        0123456789abcdef0123456789abcdef\x00\x00\x04\xc0\x13\x00\x2f\x01\x00";
    let mut stream = TcpStream::connect(running.evaluation()).await.unwrap();
    stream.write_all(hello).await.unwrap();
    let (status, _) = answer(stream).await;
    assert_ne!(status, 200);
    assert_eq!(fetch(running.evaluation(), &[]).await.1, 404);
}

#[tokio::test]
async fn plain_http_on_a_port_of_tls_is_400() {
    let running = secure().await;
    for address in [running.evaluation(), running.sync()] {
        let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(ask(address, request).await.0, 400);
    }
    // Who runs the daemon sees it, too.
    let counted = async || running.metrics().await.contains("\nflagd_tls_handshake_errors_total 2\n");
    until("counted", counted).await;
}

#[tokio::test]
async fn a_changed_pair_is_taken_and_a_bad_one_is_told_of() {
    let running = secure().await;
    let folder = running.folder.path().to_owned();
    let first = fetch(running.evaluation(), &[]).await.0;

    // Half replaced: the new certificate with the old key.
    let (certificate, key) = pair();
    std::fs::write(folder.join("tls.crt"), &certificate).unwrap();
    until("told of", || async { running.status().await["certificates"][0]["complaint"].is_string() }).await;
    assert_eq!(fetch(running.evaluation(), &[]).await.0, first);
    assert!(running.metrics().await.contains("\nflagd_certificate_errors_total 1\n"));

    std::fs::write(folder.join("tls.key"), &key).unwrap();
    until("renewed", || async { fetch(running.evaluation(), &[]).await.0 != first }).await;
    assert!(running.status().await["certificates"][0]["complaint"].is_null());

    std::fs::remove_file(folder.join("tls.key")).unwrap();
    until("told of", || async { running.status().await["certificates"][0]["complaint"].is_string() }).await;
    assert_eq!(fetch(running.evaluation(), &[]).await.1, 404);
    std::fs::write(folder.join("tls.key"), &key).unwrap();
    until("mended", || async { running.status().await["certificates"][0]["complaint"].is_null() }).await;
}

#[tokio::test]
async fn when_a_certificate_expires_is_told_in_status_and_metrics() {
    let until_year = |year: i32| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut asked = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        asked.not_before = rcgen::date_time_ymd(2000, 1, 1);
        asked.not_after = rcgen::date_time_ymd(year, 1, 1);
        (asked.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let write = |folder: &Path, (certificate, key): (String, String)| {
        std::fs::write(folder.join("tls.crt"), certificate).unwrap();
        std::fs::write(folder.join("tls.key"), key).unwrap();
    };
    let running = start_with(|settings, folder| {
        write(folder, until_year(2001));
        settings.tls = Some(files(folder));
    })
    .await;
    let folder = running.folder.path().to_owned();
    // Years after 2049 are written in another way.
    for (year, expires) in [(2001, 978_307_200), (2045, 2_366_841_600_u64), (2060, 2_840_140_800)] {
        if year != 2001 {
            write(&folder, until_year(year));
        }
        until("told", || async { running.status().await["certificates"][0]["expires"] == expires as f64 })
            .await;
        let path = folder.join("tls.crt");
        let name =
            format!("flagd_certificate_expiry_timestamp_seconds{{certificate=\"{}\"}} ", path.display());
        let text = running.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap();
        assert_eq!(value.parse::<f64>().unwrap(), expires as f64);
        // One that has expired is used all the same.
        assert_eq!(fetch(running.evaluation(), &[]).await.1, 404);
    }
}

#[tokio::test]
async fn an_open_connection_lives_through_a_renewal() {
    let running = secure().await;
    let mut open = connect(running.evaluation(), &[], rustls::DEFAULT_VERSIONS).await.unwrap();
    let first = fetch(running.evaluation(), &[]).await.0;
    write_pair(running.folder.path());
    until("renewed", || async { fetch(running.evaluation(), &[]).await.0 != first }).await;
    open.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(answer(open).await.0, 404);
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_refuses_to_start() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path());
    let start = || {
        let mut settings = common::server::settings(folder.path());
        settings.tls = Some(files(folder.path()));
        flagd::server::Daemon::start(settings)
    };
    let key = folder.path().join("tls.key");
    std::fs::write(&key, pair().1).unwrap();
    let error = start().await.unwrap_err().to_string();
    assert!(error.contains("do not fit"), "{error}");
    std::fs::write(&key, "nothing").unwrap();
    let error = start().await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot speak TLS: {} holds no private key", key.display())),
        "{error}"
    );
    std::fs::remove_file(&key).unwrap();
    let error = start().await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot speak TLS: {} cannot be read", key.display())), "{error}");
}

async fn secure() -> Running {
    start_with(|settings, folder| {
        write_pair(folder);
        settings.tls = Some(files(folder));
    })
    .await
}

fn files(folder: &Path) -> Tls {
    Tls { certificate: folder.join("tls.crt"), key: folder.join("tls.key") }
}

fn write_pair(folder: &Path) {
    let (certificate, key) = pair();
    std::fs::write(folder.join("tls.crt"), certificate).unwrap();
    std::fs::write(folder.join("tls.key"), key).unwrap();
}

fn pair() -> (String, String) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (pair.cert.pem(), pair.signing_key.serialize_pem())
}

/// The server's certificate, and the status of an answer.
async fn fetch(at: std::net::SocketAddr, protocols: &[&[u8]]) -> (Vec<u8>, u16) {
    let mut stream = connect(at, protocols, rustls::DEFAULT_VERSIONS).await.unwrap();
    let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    stream.write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    (certificate, answer(stream).await.0)
}

async fn connect(
    at: std::net::SocketAddr,
    protocols: &[&[u8]],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(at).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// Trusts every certificate: which one it is, the tests look at themselves.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
