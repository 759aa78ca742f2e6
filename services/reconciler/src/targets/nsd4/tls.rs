//! TLS with NSD's control channel: both sides show certificates, as `nsd-control-setup` makes them.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use super::options::Nsd4Options;

/// Everything that a connection needs. Two are equal when their files had the same content.
#[derive(Clone)]
pub struct Identity {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
    digest: [u8; 32],
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(not shown)")
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        (self.digest, &self.name) == (other.digest, &other.name)
    }
}

impl Eq for Identity {}

impl Identity {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// Which option's file cannot be used, why, and what makes such files.
    pub(crate) fn read(options: &Nsd4Options) -> Result<Self, String> {
        let mut digest = Sha256::new();
        digest.update([u8::from(options.check_hostname)]);
        let mut content = |option: &str, path: &Path| {
            let content =
                std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
            let content = content.map_err(|error| unusable(option, &error))?;
            digest.update(Sha256::digest(&content));
            Ok::<_, String>(content)
        };
        let certificate = content("certfile", &options.certificate)?;
        let key = content("keyfile", &options.key)?;
        let authorities = content("ca_certs", &options.authorities)?;
        let certificate = certificates("certfile", &options.certificate, &certificate)?;
        let authorities = certificates("ca_certs", &options.authorities, &authorities)?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
            unusable(
                "keyfile",
                &format!("{} has no private key in PEM", options.key.display()),
            )
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(authorities, options.check_hostname, Arc::clone(&provider))
            .map_err(|error| unusable("ca_certs", &error))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(certificate, key)
            .map_err(|error| unusable("certfile", &format!("it does not go with keyfile: {error}")))?;
        // NSD refuses to go on with an earlier session (its OpenSSL has no session id context, and alerts).
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(options.host.trim_end_matches('.').to_owned())
            .map_err(|_| format!("option host: {:?} is neither a name nor an address", options.host))?;
        Ok(Self {
            config: Arc::new(config),
            name,
            digest: digest.finalize().into(),
        })
    }
}

fn unusable(option: &str, what: &str) -> String {
    format!("option {option}: {what}; `nsd-control-setup` makes such files at the server")
}

fn certificates(option: &str, path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(unusable(
            option,
            &format!("{} has no certificate in PEM", path.display()),
        )),
    }
}

/// Takes a server whose certificate is one of `ca_certs` itself, as NSD's own is, or is from one of them. Its name counts
/// only if the options say so: NSD's certificate is for the name `nsd`, wherever it runs.
#[derive(Debug)]
struct Verifier {
    authorities: Vec<CertificateDer<'static>>,
    check_name: bool,
    by_chain: Arc<WebPkiServerVerifier>,
}

impl Verifier {
    fn new(
        authorities: Vec<CertificateDer<'static>>,
        check_name: bool,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for authority in &authorities {
            roots.add(authority.clone()).map_err(|error| error.to_string())?;
        }
        let by_chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            authorities,
            check_name,
            by_chain,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.check_name && self.authorities.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let verified =
            self.by_chain
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last, when all else is right.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.check_name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_chain.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_chain.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_chain.supported_verify_schemes()
    }
}
