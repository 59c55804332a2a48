//! Where a finished handshake turns into a connection: the one place that knows both.

use super::{ClientHandshake, Negotiated, ServerHandshake};
use crate::connection::{Config, Connection, Opened};
use crate::timestamp::Timestamp;

/// What a finished handshake leaves behind.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) negotiated: Negotiated,
    pub(super) opened: Opened,
}

impl ServerHandshake {
    /// Turns an accepted handshake into the open connection. `None` unless the request was
    /// [accepted](Self::is_open).
    ///
    /// The rest of the response is written before any frame. Bytes that the client sent after its
    /// request are processed first.
    #[must_use]
    pub fn into_connection(mut self, config: &Config) -> Option<Connection> {
        let mut connection = Connection::connecting(config, None);
        self.open(&mut connection)?;
        Some(connection)
    }

    /// Opens a connection by what was agreed on; once, and only if the request was accepted.
    pub(crate) fn open(&mut self, connection: &mut Connection) -> Option<()> {
        self.take_finished().map(|finished| finished.open(connection))
    }
}

impl ClientHandshake {
    /// Turns a successful handshake into the open connection. `None` unless the server
    /// [accepted](Self::is_open) it.
    ///
    /// Bytes that the server sent after its response are processed first. `seed` generates the
    /// masking keys (§5.3); it must come from the operating system's entropy and be used once.
    #[must_use]
    pub fn into_connection(mut self, config: &Config, seed: [u8; 32]) -> Option<Connection> {
        let mut connection = Connection::connecting(config, Some(seed));
        self.open(&mut connection)?;
        Some(connection)
    }

    /// Opens a connection by what was agreed on; once, and only if the response was good.
    pub(crate) fn open(&mut self, connection: &mut Connection) -> Option<()> {
        self.take_finished().map(|finished| finished.open(connection))?;
        // It begins when the response came. (At 0, the time may not have been told.)
        let now = connection.now();
        if now != Timestamp::ZERO {
            connection.handle_timeout(now);
        }
        Some(())
    }
}

impl Finished {
    fn open(self, connection: &mut Connection) {
        let Self { negotiated, opened } = self;
        let protocol = negotiated.subprotocol().unwrap_or_default();
        connection.set_negotiated(protocol, negotiated.extensions_value());
        #[cfg(feature = "deflate")]
        if let Some(agreed) = negotiated.deflate() {
            connection.set_deflate(agreed);
        }
        connection.open(opened);
    }
}
