//! Where a finished handshake turns into a connection: the one place that knows both.

use super::{
    Acceptance, ClientHandshake, ExtendedConnect, HandshakeError, Headers, Negotiated, Request,
    Response, ServerHandshake, Upgrade,
};
use crate::buffer::{ReceiveBuf, TransmitBuf};
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

impl Request {
    /// Accepts a request that came through another HTTP stack. Returns the response to send, and the
    /// open connection over the stream that the stack hands out then: after 101 over HTTP/1.1, after
    /// 200 over HTTP/2 and HTTP/3.
    ///
    /// Bytes that the stack has read beyond the request go into [`Connection::input`]. To drive the
    /// connection over the stream, make a [`Driver`](crate::driver::Driver) or a socket of an adapter
    /// from it.
    ///
    /// # Errors
    ///
    /// - The request is invalid ([`check`](Self::check)). [`Response::refusal`] makes the answer.
    /// - [`HandshakeError::UnofferedSubprotocol`] or [`HandshakeError::UnofferedExtension`]: the
    ///   client did not offer what `acceptance` chooses.
    pub fn accept(
        &self,
        acceptance: &Acceptance,
        config: &Config,
    ) -> Result<(Response, Connection), HandshakeError> {
        self.check()?;
        let (response, negotiated) = self.grant(acceptance)?;
        Ok((response, connection(negotiated, config, None)))
    }
}

impl Upgrade {
    /// Opens the connection by a response with this status and these headers.
    ///
    /// Bytes that the HTTP stack has read beyond the response go into [`Connection::input`]. `seed`
    /// generates the masking keys (§5.3); it must come from the operating system's entropy and be used
    /// once.
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::UnexpectedStatus`], without a body: the status is not 101.
    /// - Others: the response breaks a rule of §4.1.
    pub fn open(
        &self,
        status: u16,
        headers: &Headers,
        config: &Config,
        seed: [u8; 32],
    ) -> Result<Connection, HandshakeError> {
        Ok(connection(self.check(status, headers)?, config, Some(seed)))
    }
}

impl ExtendedConnect {
    /// Opens the connection by a response with this status and these headers.
    ///
    /// `seed` generates the masking keys (§5.3); it must come from the operating system's entropy and
    /// be used once.
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::UnexpectedStatus`], without a body: the status is not 2xx.
    /// - Others: the server chose a subprotocol or an extension that was not offered, or in a wrong
    ///   form.
    pub fn open(
        &self,
        status: u16,
        headers: &Headers,
        config: &Config,
        seed: [u8; 32],
    ) -> Result<Connection, HandshakeError> {
        Ok(connection(self.check(status, headers)?, config, Some(seed)))
    }
}

/// Creates an open connection of which another HTTP stack has the bytes; that of a client with a
/// seed.
fn connection(negotiated: Negotiated, config: &Config, seed: Option<[u8; 32]>) -> Connection {
    let opened = Opened { input: ReceiveBuf::new(), output: TransmitBuf::new() };
    let mut connection = Connection::connecting(config, seed);
    Finished { negotiated, opened }.open(&mut connection);
    connection
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
