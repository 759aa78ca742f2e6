//! A real Keystone that is asked over TLS.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use zonelog_api::{Api, ApiOptions, Auth, KeystoneOptions};
use zonelog_store::Database;
use zonelog_test_parts::keystone::Keystone;

use crate::keystone::{address, api, expect_refused, guarded, zones};
use crate::parts::options;

/// Speaks TLS in front of Keystone, with a certificate that is written to `folder`; its address.
async fn behind_tls(keystone: &Keystone, folder: &Path) -> String {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("ca.pem"), cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/v3", listener.local_addr().unwrap());
    let to = address(keystone);
    tokio::spawn(async move {
        loop {
            let (inward, _) = listener.accept().await.unwrap();
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                // Who does not trust the certificate breaks off here.
                let mut inward = acceptor.accept(inward).await?;
                let mut outward = TcpStream::connect(&to).await?;
                tokio::io::copy_bidirectional(&mut inward, &mut outward).await
            });
        }
    });
    url
}

#[tokio::test]
async fn keystones_certificate_is_checked_against_the_ca_file() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let folder = tempfile::tempdir().unwrap();
    let url = behind_tls(&keystone, folder.path()).await;
    let strange = tempfile::tempdir().unwrap();
    behind_tls(&keystone, strange.path()).await;
    let trusting = |ca_file: Option<&Path>| KeystoneOptions {
        auth_url: url.clone(),
        ca_file: ca_file.map(|folder| folder.join("ca.pem")),
        ..guarded(&keystone)
    };
    let token = keystone.token("alpha-member", "alpha").await;
    let secure = api(trusting(Some(folder.path()))).await;
    zones(&secure, &token).await.expect(200);
    expect_refused(zones(&secure, "nonsense").await);
    for ca_file in [None, Some(strange.path())] {
        let wary = api(trusting(ca_file)).await;
        zones(&wary, &token)
            .await
            .expect_error(504, "keystone_communication_failure");
    }

    let database = Database::new(secure.database().url(), "zonelog-api-test").unwrap();
    let start = || {
        let options = ApiOptions {
            auth: Auth::Keystone(trusting(Some(folder.path()))),
            ..options()
        };
        Api::bind(options, secure.central.clone(), &database)
    };
    start().unwrap();
    std::fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
    let error = start().err().unwrap().to_string();
    assert!(
        error.contains("ca.pem") && error.contains("no certificate in PEM form"),
        "{error}"
    );
}
