//! NSD's control protocol: `NSDCT1 COMMAND`, lines, an end mark; the answer is text until NSD closes the connection. One
//! command a connection, but a command may be a list.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::tls::Identity;

/// What every request begins with: the protocol and its version.
const GREETING: &str = "NSDCT1 ";
/// What ends a list.
const END: &str = "\u{4}\n";
/// The longest answer that is read.
const LONGEST: usize = 16 << 20;

/// Where NSD is told, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nsd4Channel {
    /// Its socket on this machine.
    Socket(PathBuf),
    /// TLS, with certificates on both sides.
    Tls {
        /// Where it listens.
        address: SocketAddr,
        /// Our certificate, and which of its are taken.
        identity: Identity,
    },
}

impl fmt::Display for Nsd4Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Tls { address, .. } => write!(f, "{address}"),
        }
    }
}

impl Nsd4Channel {
    /// Sends a command, with its lines if it takes a list, and returns the answer. `patience` is for each time that
    /// nothing comes.
    pub(super) async fn ask(
        &self,
        command: &str,
        lines: Option<&[String]>,
        patience: Duration,
    ) -> Result<String, String> {
        let mut request = format!("{GREETING}{command}\n");
        if let Some(lines) = lines {
            for line in lines {
                request.push_str(line);
                request.push('\n');
            }
            request.push_str(END);
        }
        let answer = match self {
            Self::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| {
                    format!(
                        "cannot reach NSD's control socket {self}: {error}; check that nsd runs here with `control-enable: \
                         yes` and this path as its `control-interface`, and that this account may use it"
                    )
                })?;
                exchange(stream, &request, patience).await
            }
            Self::Tls { address, identity } => {
                let connecting = tokio::time::timeout(patience, TcpStream::connect(address));
                let stream = connecting
                    .await
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                let stream = stream.map_err(|error| {
                    format!(
                        "cannot reach NSD's control channel at {self}: {error}; check that nsd runs, with `control-enable: \
                         yes` and this address in its `control-interface` and `control-port`"
                    )
                })?;
                let connector = TlsConnector::from(identity.config.clone());
                let shaking = connector.connect(identity.name.clone(), stream);
                match tokio::time::timeout(patience, shaking).await {
                    Ok(Ok(stream)) => exchange(stream, &request, patience).await,
                    Ok(Err(error)) => Err(error),
                    Err(_) => Err(io::ErrorKind::TimedOut.into()),
                }
            }
        };
        let answer = answer.map_err(|error| self.broken(&error, patience))?;
        if answer.is_empty() {
            return Err(self.broken(&io::ErrorKind::UnexpectedEof.into(), patience));
        }
        Ok(answer)
    }

    fn broken(&self, error: &io::Error, patience: Duration) -> String {
        let of_tls = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let is_tls = matches!(self, Self::Tls { .. });
        match (of_tls, error.kind()) {
            (Some(rustls::Error::InvalidCertificate(reason)), _) => format!(
                "NSD at {self} shows a certificate that is not the one of ca_certs, nor from it ({reason:?}); copy its \
                 nsd_server.pem, and name it in the target's option ca_certs"
            ),
            (Some(_), _) | (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
                if is_tls =>
            {
                format!(
                    "NSD at {self} ended the connection without an answer ({error}); check that the target's certfile and \
                 keyfile are its nsd_control.pem and nsd_control.key"
                )
            }
            (_, io::ErrorKind::TimedOut) => format!(
                "NSD at {self} did not answer within {:.1} s; check that it is not overloaded",
                patience.as_secs_f64()
            ),
            _ => format!("the connection to NSD at {self} broke: {error}; check that nsd runs"),
        }
    }
}

/// Writes all and reads all at once: NSD stops reading when nobody takes its answers, and then both would wait for ever.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send,
    request: &str,
    patience: Duration,
) -> io::Result<String> {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut answer = Vec::new();
    let reading = async {
        loop {
            match tokio::time::timeout(patience, read.read_buf(&mut answer)).await {
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(Ok(0)) => return Ok(()),
                Ok(Ok(_)) if answer.len() > LONGEST => return Err(io::ErrorKind::InvalidData.into()),
                Ok(Ok(_)) => {}
                // NSD closes without the goodbye of TLS. What the answer must have at its end is known to who asked.
                Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof && !answer.is_empty() => {
                    return Ok(());
                }
                Ok(Err(error)) => return Err(error),
            }
        }
    };
    let writing = async {
        write.write_all(request.as_bytes()).await?;
        write.flush().await
    };
    tokio::try_join!(reading, writing)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
