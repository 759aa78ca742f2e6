//! TLS of the listener: the certificate and its key, taken anew when their files change.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM: the server's certificate, then those between it and an authority that callers trust.
    pub certificate_file: PathBuf,
    /// PEM: the certificate's private key (PKCS #8, PKCS #1 or SEC 1), not encrypted.
    pub key_file: PathBuf,
}

/// Why the listener cannot speak TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} holds no {what} in PEM form", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The certificate cannot be used, or the key is of another one.
    #[error("the certificate of {} and the key of {} cannot be used: {source}",
        certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// What the two files held.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The certificate in use.
pub(crate) struct Certificate {
    options: TlsOptions,
    config: RwLock<Arc<ServerConfig>>,
}

impl Certificate {
    /// Reads the files at the start, where what is wrong ends the start.
    pub(crate) fn open(options: TlsOptions) -> Result<(Arc<Self>, CertificateWatch), TlsError> {
        let contents = read(&options)?;
        let config = server_config(&options, &contents)?;
        let certificate = Arc::new(Self {
            options,
            config: RwLock::new(Arc::new(config)),
        });
        let watch = CertificateWatch {
            certificate: Arc::clone(&certificate),
            contents,
        };
        Ok((certificate, watch))
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(
            &self.config.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// Follows the files. A pair that cannot be used changes nothing: the last good one stays.
pub(crate) struct CertificateWatch {
    certificate: Arc<Certificate>,
    contents: Contents,
}

impl CertificateWatch {
    pub(crate) async fn follow(mut self, shutdown: CancellationToken) {
        let watching = async {
            loop {
                tokio::time::sleep(PERIOD).await;
                self.look();
            }
        };
        shutdown.run_until_cancelled(watching).await;
    }

    fn look(&mut self) {
        let options = &self.certificate.options;
        // Between the writing of the two files one of them may be missing, or they may not fit: the next look sees both.
        let Ok(contents) = read(options) else {
            return;
        };
        if contents == self.contents {
            return;
        }
        match server_config(options, &contents) {
            Ok(config) => {
                let mut current = self
                    .certificate
                    .config
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(config);
                tracing::info!(file = %options.certificate_file.display(), "a new certificate is in use");
            }
            Err(error) => tracing::error!(%error, "the new certificate cannot be used; the one in use stays"),
        }
        self.contents = contents;
    }
}

fn read(options: &TlsOptions) -> Result<Contents, TlsError> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| TlsError::Read {
            path: path.clone(),
            source,
        })
    };
    Ok(Contents {
        certificate: read(&options.certificate_file)?,
        key: read(&options.key_file)?,
    })
}

fn server_config(options: &TlsOptions, contents: &Contents) -> Result<ServerConfig, TlsError> {
    let empty = |path: &PathBuf, what| TlsError::Empty {
        path: path.clone(),
        what,
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&contents.certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| empty(&options.certificate_file, "certificate"))?;
    if chain.is_empty() {
        return Err(empty(&options.certificate_file, "certificate"));
    }
    let key =
        PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| empty(&options.key_file, "private key"))?;
    let unusable = |source| TlsError::Unusable {
        certificate: options.certificate_file.clone(),
        key: options.key_file.clone(),
        source,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn make(folder: &Path) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.join("certificate.pem"), cert.pem()).unwrap();
    }

    #[test]
    fn what_is_broken_changes_nothing_and_what_mends_it_does() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        let options = TlsOptions {
            certificate_file: folder.path().join("certificate.pem"),
            key_file: folder.path().join("key.pem"),
        };
        let (certificate, mut watch) = Certificate::open(options).unwrap();
        let config = || Arc::clone(&certificate.config.read().unwrap());
        let first = config();

        std::fs::write(folder.path().join("key.pem"), "no key").unwrap();
        watch.look();
        assert!(Arc::ptr_eq(&first, &config()), "a key that is none");
        std::fs::remove_file(folder.path().join("certificate.pem")).unwrap();
        watch.look();
        assert!(Arc::ptr_eq(&first, &config()), "a missing file");

        make(folder.path());
        watch.look();
        assert!(!Arc::ptr_eq(&first, &config()), "the mended pair");
    }
}
