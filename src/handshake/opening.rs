//! Where a finished handshake turns into a connection: the one place that knows both.

use super::{ClientHandshake, Negotiated, ServerHandshake};
use crate::buffer::{ReceiveBuf, TransmitBuf};
use crate::connection::{Config, Connection};

/// What a finished handshake leaves behind.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) negotiated: Negotiated,
    /// What came behind the handshake.
    pub(super) input: ReceiveBuf,
    /// What is not written of it.
    pub(super) output: TransmitBuf,
}

impl ServerHandshake {
    /// Turns an accepted handshake into the open connection; `None` unless the request was
    /// [accepted](Self::is_accepted).
    ///
    /// What is not written of the response yet leaves before any frame. What the client sent behind
    /// its request is processed first.
    #[must_use]
    pub fn into_connection(mut self, config: &Config) -> Option<Connection> {
        self.take_connection(config)
    }

    /// As [`into_connection`](Self::into_connection); only once.
    pub(crate) fn take_connection(&mut self, config: &Config) -> Option<Connection> {
        self.take_finished().map(|finished| open(config, None, finished))
    }
}

impl ClientHandshake {
    /// Turns a handshake that succeeded into the open connection; `None` unless the response was
    /// [good](Self::is_open).
    ///
    /// What the server sent behind its response is processed first. The masking keys of §5.3 are
    /// expanded from `seed`, which must come from the operating system's entropy and be used once.
    #[must_use]
    pub fn into_connection(mut self, config: &Config, seed: [u8; 32]) -> Option<Connection> {
        self.take_connection(config, seed)
    }

    /// As [`into_connection`](Self::into_connection); only once.
    pub(crate) fn take_connection(
        &mut self,
        config: &Config,
        seed: [u8; 32],
    ) -> Option<Connection> {
        self.take_finished().map(|finished| open(config, Some(seed), finished))
    }
}

fn open(config: &Config, seed: Option<[u8; 32]>, finished: Finished) -> Connection {
    let Finished { negotiated, input, output } = finished;
    let connection = Connection::opened(config, seed, input, output).with_negotiated(
        negotiated.subprotocol().unwrap_or_default(),
        negotiated.extensions_value(),
    );
    #[cfg(feature = "deflate")]
    if let Some(agreed) = negotiated.deflate() {
        return connection.with_deflate(agreed);
    }
    connection
}
