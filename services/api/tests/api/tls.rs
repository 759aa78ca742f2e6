//! The listener with a certificate of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zonelog_api::{Api, ApiOptions, TlsOptions};
use zonelog_central::Central;
use zonelog_store::Database;
use zonelog_test_parts::eventually;

use crate::parts::{TestApi, central_options, options};

/// Writes a new certificate with its key; answers with the certificate.
fn make(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("certificate.pem"), cert.pem()).unwrap();
    cert.der().clone()
}

fn files(folder: &Path) -> TlsOptions {
    TlsOptions {
        certificate_file: folder.join("certificate.pem"),
        key_file: folder.join("key.pem"),
    }
}

/// Asks for the versions over TLS, trusting one certificate.
async fn ask(api: &TestApi, trusted: &CertificateDer<'static>) -> Result<String, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = api.base.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: dns.example.com\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn the_listener_speaks_tls_and_takes_a_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let first = make(folder.path());
    let api = TestApi::with(ApiOptions {
        tls: Some(files(folder.path())),
        ..options()
    })
    .await;
    let answer = ask(&api, &first).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("\"https://dns.example.com/v2\""), "{answer}");
    assert!(
        api.http.get(&api.base).send().await.is_err(),
        "it speaks nothing else"
    );

    let second = make(folder.path());
    eventually(
        "the new certificate is in use",
        Duration::from_secs(20),
        async || ask(&api, &second).await.is_ok(),
    )
    .await;
    assert!(ask(&api, &first).await.is_err());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_ends_the_start() {
    let api = TestApi::start().await;
    let database = Database::new(api.database().url(), "zonelog-api-test").unwrap();
    let central = Central::start(
        database.clone(),
        central_options(),
        tokio_util::sync::CancellationToken::new(),
    );
    let start = |folder: &Path| {
        let options = ApiOptions {
            tls: Some(files(folder)),
            ..options()
        };
        Api::bind(options, central.clone(), &database)
            .err()
            .unwrap()
            .to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    assert!(start(folder.path()).contains("certificate.pem"));
    make(folder.path());
    let key = std::fs::read(folder.path().join("key.pem")).unwrap();
    make(folder.path());
    std::fs::write(folder.path().join("key.pem"), key).unwrap();
    let error = start(folder.path());
    assert!(error.contains("cannot be used"), "{error}");
    std::fs::write(folder.path().join("certificate.pem"), "").unwrap();
    let error = start(folder.path());
    assert!(error.contains("holds no certificate"), "{error}");
}
