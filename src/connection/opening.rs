//! Where a finished handshake turns into a connection: the one place where the two meet.

use super::config::Config;
use super::state::Connection;
use crate::buffer::TransmitBuf;
use crate::handshake::{ClientHandshake, Negotiated, ServerHandshake};

impl ServerHandshake {
    /// Turns an accepted handshake into the open connection; `None` unless the request was
    /// [accepted](Self::is_accepted).
    ///
    /// What is not written of the response yet leaves before any frame. What the client sent behind
    /// its request lies in the receive buffer, which the connection goes on with.
    #[must_use]
    pub fn into_connection(self, config: &Config) -> Option<Connection> {
        self.into_parts().map(|parts| open(config, None, parts))
    }
}

impl ClientHandshake {
    /// Turns a handshake that succeeded into the open connection; `None` unless the response was
    /// [good](Self::is_open).
    ///
    /// What the server sent behind its response lies in the receive buffer, which the connection
    /// goes on with. The masking keys of §5.3 are expanded from `seed`, which must come from the
    /// operating system's entropy and be used once.
    #[must_use]
    pub fn into_connection(self, config: &Config, seed: [u8; 32]) -> Option<Connection> {
        self.into_parts().map(|parts| open(config, Some(seed), parts))
    }
}

fn open(
    config: &Config,
    seed: Option<[u8; 32]>,
    (agreed, output): (Negotiated, TransmitBuf),
) -> Connection {
    let connection = Connection::opened(config, seed, output)
        .with_negotiated(agreed.subprotocol().unwrap_or_default(), agreed.extensions_value());
    #[cfg(feature = "deflate")]
    if let Some(agreed) = agreed.deflate() {
        return connection.with_deflate(agreed);
    }
    connection
}
