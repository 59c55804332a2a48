//! The options of a client that reconnects; decides nothing.

use core::fmt;
use core::time::Duration;

use crate::connection::Config;
use crate::delivery::Limits;
use crate::io::Connector;
use crate::reconnect::Policy;
use crate::setters::setters;

/// The limits and policies of a [`Client`](super::Client).
///
/// ```
/// use core::time::Duration;
/// use sanswire::io::tokio::reconnecting::Options;
///
/// let options = Options::default().attempt_timeout(Duration::from_secs(3));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// When to try again, and when to give up.
    #[doc(alias = "backoff")]
    pub policy: Policy,
    /// Limits, timeouts and policies of each connection. The client overrides three of them:
    /// messages are always whole, Pings are answered, and a message stays queued while the
    /// connection's output has no room.
    pub config: Config,
    /// How each connection is made: TLS, and the way to the server.
    pub connector: Connector,
    /// How long one attempt may take: the callback for the request, the name look-up, TCP, TLS and
    /// the handshake together.
    ///
    /// Default 10 s: time for three lost SYNs, which are repeated after 1, 2 and 4 seconds.
    #[doc(alias = "timeout")]
    pub attempt_timeout: Duration,
    /// How many messages may be queued; further messages are given back. With `delivery`, its
    /// limits apply instead.
    ///
    /// Default 1024: some seconds of lively traffic during a reconnection.
    pub max_messages: usize,
    /// How many bytes of payload may be queued; further messages are given back. With `delivery`,
    /// its limits apply instead.
    ///
    /// Default 1 MiB, as for the output of a connection.
    pub max_bytes: usize,
    /// Delivers each message once and in order across connections, by the subprotocol of
    /// [`delivery`](crate::delivery), within these limits.
    ///
    /// Default `None`, because the server must support it. The client offers the subprotocol by
    /// itself, and gives up on a server that does not choose it. The session begins and ends with
    /// the client.
    ///
    /// `attempt_timeout` does not include the beginning of the session. A server that chooses the
    /// subprotocol, answers Pings and never sends its Hello keeps the client on that connection,
    /// and messages wait. If a server may do this, set [`Config::idle_timeout`] to more than the
    /// longest silence of a working server.
    pub delivery: Option<Limits>,
    /// The seed of the random delays, for tests.
    ///
    /// Default `None`: it comes from the operating system. Clients with the same seed reconnect at
    /// the same moments.
    pub seed: Option<[u8; 32]>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            config: Config::default(),
            connector: Connector::default(),
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
        connector: Connector,
        attempt_timeout: Duration,
        max_messages: usize,
        max_bytes: usize,
        delivery?: Limits,
        seed?: [u8; 32],
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("policy", &self.policy)
            .field("config", &self.config)
            .field("connector", &self.connector)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("max_messages", &self.max_messages)
            .field("max_bytes", &self.max_bytes)
            .field("delivery", &self.delivery)
            .field("is_seeded", &self.seed.is_some())
            .finish()
    }
}
