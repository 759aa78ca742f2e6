//! A kept connection to `named`'s control channel.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use zonelog_central::{clock, ids};
use zonelog_dns::tsig::{Algorithm, Secret};

use super::key::RndcKey;
use super::message::{MessageError, Value, decode, encode};

/// The longest reply that is read; named's replies to our commands are a few hundred octets.
const LONGEST_REPLY: usize = 1 << 20;
/// For how long a message is valid after it was made, in seconds: as rndc does.
const VALID: i64 = 60;
/// After a failure, commands that waited behind it fail with it, for this long, instead of each waiting in turn.
const FAILURE_HOLDS: Duration = Duration::from_millis(500);

/// Why a command got no reply. Each text says where it was tried and what to check.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RndcError {
    /// Nobody listens.
    #[error(
        "cannot reach the rndc channel at {address}: {reason}; check that named runs, and `controls` in its named.conf"
    )]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// named closes the connection without a word when a message's signature is wrong.
    #[error(
        "named at {address} hung up on our first message: the rndc key {key_name:?} ({algorithm}) is not one that its \
         `controls` name; compare algorithm and secret with its rndc.key, and both clocks"
    )]
    KeyRefused {
        /// Where.
        address: SocketAddr,
        /// The key's name.
        key_name: String,
        /// The key's algorithm.
        algorithm: Algorithm,
    },
    /// No reply in time.
    #[error(
        "named at {address} did not answer on the rndc channel within {seconds:.1} s; check whether it is overloaded"
    )]
    TimedOut {
        /// Where.
        address: SocketAddr,
        /// After how long.
        seconds: f64,
    },
    /// The connection broke in the middle.
    #[error("the rndc channel to {address} broke: {reason}")]
    Broken {
        /// Where.
        address: SocketAddr,
        /// What happened.
        reason: String,
    },
    /// A reply that is none.
    #[error(
        "what answers at {address} does not speak rndc: {reason}; check that the address is named's control channel"
    )]
    Malformed {
        /// Where.
        address: SocketAddr,
        /// What is wrong.
        reason: String,
    },
}

/// What named answered to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::targets) struct Reply {
    result: String,
    text: String,
}

impl Reply {
    /// Whether the command was done.
    pub(in crate::targets) fn succeeded(&self) -> bool {
        self.result == "0"
    }

    /// Whether the reply's text has these words.
    pub(in crate::targets) fn says(&self, words: &str) -> bool {
        self.text.contains(words)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            write!(f, "result {}", self.result)
        } else {
            f.write_str(self.text.trim())
        }
    }
}

/// The channel to one server. Commands go one after the other, as named works on them.
#[derive(Debug)]
pub(in crate::targets) struct Channel {
    address: SocketAddr,
    key_name: String,
    algorithm: Algorithm,
    secret: Secret,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Connection>,
    failed: Option<(Instant, RndcError)>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    nonce: String,
    serial: u32,
}

impl Channel {
    pub(in crate::targets) fn new(address: SocketAddr, key: RndcKey, timeout: Duration) -> Self {
        let RndcKey {
            name,
            algorithm,
            secret,
        } = key;
        Self {
            address,
            key_name: name,
            algorithm,
            secret,
            timeout,
            state: Mutex::default(),
        }
    }

    pub(in crate::targets) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a command and waits for the reply. Connects where needed; a kept connection that turns out to be closed is
    /// replaced once, so only idempotent commands may be sent.
    pub(in crate::targets) async fn command(&self, command: &str) -> Result<Reply, RndcError> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some((at, error)) = &state.failed
            && *at >= asked
            && at.elapsed() < FAILURE_HOLDS
        {
            return Err(error.clone());
        }
        let result = match tokio::time::timeout(self.timeout, self.exchange(&mut state, command)).await {
            Ok(result) => result,
            Err(_) => Err(RndcError::TimedOut {
                address: self.address,
                seconds: self.timeout.as_secs_f64(),
            }),
        };
        state.failed = result.as_ref().err().map(|error| (Instant::now(), error.clone()));
        result
    }

    async fn exchange(&self, state: &mut State, command: &str) -> Result<Reply, RndcError> {
        // Taken out, so that a connection given up in the middle (a time limit, a dropped future) is not used again.
        if let Some(mut kept) = state.connection.take()
            && let Ok(reply) = self.send(&mut kept, command).await
        {
            state.connection = Some(kept);
            return reply_of(self.address, &reply);
        }
        let mut connection = self.connect().await?;
        let reply = self.send(&mut connection, command).await?;
        state.connection = Some(connection);
        reply_of(self.address, &reply)
    }

    /// Connects, and asks for the nonce that every later message of the connection carries.
    async fn connect(&self) -> Result<Connection, RndcError> {
        let unreachable = |error: io::Error| RndcError::Unreachable {
            address: self.address,
            reason: error.to_string(),
        };
        let stream = TcpStream::connect(self.address).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let serial = ids::random_below(u32::MAX / 2);
        let mut connection = Connection {
            stream,
            nonce: String::new(),
            serial,
        };
        let greeting = self
            .send(&mut connection, "null")
            .await
            .map_err(|error| match error {
                RndcError::Broken { address, .. } => RndcError::KeyRefused {
                    address,
                    key_name: self.key_name.clone(),
                    algorithm: self.algorithm,
                },
                other => other,
            })?;
        let nonce = greeting
            .get("_ctrl")
            .and_then(|control| control.get("_nonce"))
            .and_then(Value::as_text);
        connection.nonce = nonce.ok_or_else(|| RndcError::Malformed {
            address: self.address,
            reason: "its first reply has no nonce".to_owned(),
        })?;
        Ok(connection)
    }

    async fn send(&self, connection: &mut Connection, command: &str) -> Result<Value, RndcError> {
        let now = clock::now().timestamp();
        connection.serial = connection.serial.wrapping_add(1);
        let mut control = vec![
            ("_ser".to_owned(), Value::text(connection.serial.to_string())),
            ("_tim".to_owned(), Value::text(now.to_string())),
            ("_exp".to_owned(), Value::text((now + VALID).to_string())),
        ];
        if !connection.nonce.is_empty() {
            control.push(("_nonce".to_owned(), Value::text(connection.nonce.as_str())));
        }
        let data = vec![("type".to_owned(), Value::text(command))];
        let body = [
            ("_ctrl".to_owned(), Value::Table(control)),
            ("_data".to_owned(), Value::Table(data)),
        ];
        let message = encode(&body, self.algorithm, &self.secret);
        let reply = round_trip(&mut connection.stream, &message)
            .await
            .map_err(|error| RndcError::Broken {
                address: self.address,
                reason: error.to_string(),
            })?;
        let reply = reply.ok_or_else(|| RndcError::Malformed {
            address: self.address,
            reason: format!("a reply of more than {LONGEST_REPLY} octets"),
        })?;
        decode(&reply, self.algorithm, &self.secret).map_err(|error: MessageError| RndcError::Malformed {
            address: self.address,
            reason: error.to_string(),
        })
    }
}

/// Writes a message and reads one; `None` when the reply is too long.
async fn round_trip(stream: &mut TcpStream, message: &[u8]) -> io::Result<Option<Vec<u8>>> {
    stream.write_all(message).await?;
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    if length > LONGEST_REPLY {
        return Ok(None);
    }
    let mut reply = vec![0; length];
    stream.read_exact(&mut reply).await?;
    Ok(Some(reply))
}

fn reply_of(address: SocketAddr, reply: &Value) -> Result<Reply, RndcError> {
    let data = reply.get("_data").ok_or_else(|| RndcError::Malformed {
        address,
        reason: "a reply without data".to_owned(),
    })?;
    let field = |key| data.get(key).and_then(Value::as_text);
    let texts = [field("err"), field("text")]
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty());
    let text = texts.collect::<Vec<_>>().join(": ");
    // A reply without a result is that of a command that worked.
    Ok(Reply {
        result: field("result").unwrap_or_else(|| "0".to_owned()),
        text,
    })
}
