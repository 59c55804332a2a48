//! What an application may choose about a client that comes back; decides nothing.

use core::time::Duration;

use crate::connection::Config;
use crate::delivery::Limits;
use crate::reconnect::Policy;
use crate::setters::setters;

/// The habits and limits of a [`Client`](super::Client).
///
/// ```
/// use core::time::Duration;
/// use sanswire::io::tokio::reconnecting::Options;
///
/// let options = Options::default().attempt_timeout(Duration::from_secs(3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// When to try again, and when to give up.
    pub policy: Policy,
    /// The limits of each connection. Messages are always whole, Pings answered by the connection,
    /// and messages kept for which its output has no room, whatever is said here.
    pub config: Config,
    /// How long an attempt may take: the request's callback, the name look-up, TCP, TLS and the
    /// handshake together.
    ///
    /// Default 10 s: three lost SYNs, which are sent again after 1, 2 and 4 seconds.
    pub attempt_timeout: Duration,
    /// How many messages may wait for a connection; more are given back. With `delivery`, its
    /// limits count instead.
    ///
    /// Default 1024: some seconds of lively traffic while a connection is made again.
    pub max_messages: usize,
    /// How many bytes of payload may wait for a connection; more are given back. With `delivery`,
    /// its limits count instead.
    ///
    /// Default 1 MiB, as much as may wait in a connection.
    pub max_bytes: usize,
    /// Whether messages arrive each once and in order across connections, by the subprotocol of
    /// [`delivery`](crate::delivery), and how much is kept for that.
    ///
    /// Default `None`: it takes a server that does the same. The client offers the subprotocol by
    /// itself, and gives up on a server that does not choose it. The session begins with the client
    /// and ends with it.
    ///
    /// `attempt_timeout` does not cover the session: a server that chooses the subprotocol, answers
    /// Pings and never says Hello holds the client on that connection for good, and messages wait.
    /// Where a server may do that, set [`Config::idle_timeout`] to longer than it is ever silent.
    pub delivery: Option<Limits>,
    /// Seeds the random delays.
    ///
    /// Default `None`, which takes it from the operating system: clients with the same seed come
    /// back at the same moments. For tests.
    pub seed: Option<[u8; 32]>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            config: Config::default(),
            attempt_timeout: Duration::from_secs(10),
            max_messages: 1024,
            max_bytes: 1 << 20,
            delivery: None,
            seed: None,
        }
    }
}

setters! {
    Options {
        policy: Policy,
        config: Config,
        attempt_timeout: Duration,
        max_messages: usize,
        max_bytes: usize,
        delivery?: Limits,
        seed?: [u8; 32],
    }
}
