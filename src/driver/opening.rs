//! The opening handshake of either end, with what the connection is made of; knows no transport.

use alloc::boxed::Box;
use core::time::Duration;

use crate::buffer::{Input, TransmitBuf};
use crate::connection::{Config, Connection};
use crate::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Request, Response,
    ServerHandshake,
};

/// A server's handshake.
#[derive(Debug)]
pub(super) struct Accepting {
    handshake: ServerHandshake,
    config: Config,
    now: Duration,
    /// Whether the application has the request and has not answered it.
    is_deciding: bool,
}

/// A client's handshake.
#[derive(Debug)]
pub(super) struct Connecting {
    handshake: ClientHandshake,
    config: Config,
    now: Duration,
    seed: [u8; 32],
    is_eof: bool,
}

impl Accepting {
    pub(super) fn new(limits: HeadLimits, config: &Config) -> Self {
        Self {
            handshake: ServerHandshake::new(limits),
            config: *config,
            now: Duration::ZERO,
            is_deciding: false,
        }
    }

    /// Yields the request, once.
    pub(super) fn poll(&mut self) -> Result<Option<Box<Request>>, HandshakeError> {
        let request = self.handshake.poll_request()?;
        self.is_deciding |= request.is_some();
        Ok(request.map(Box::new))
    }

    /// Accepts the request. Where that is refused, by fault of the request or of the acceptance,
    /// the client is answered so.
    pub(super) fn accept(
        &mut self,
        request: &Request,
        acceptance: &Acceptance,
    ) -> Result<Connection, HandshakeError> {
        let accepted = self.handshake.accept(request, acceptance);
        if let Err(error) = accepted {
            // The request's faults are answered by the handshake, the application's are not.
            if self.is_deciding && !self.handshake.is_refused() {
                self.handshake.reject(&Response::from(&error))?;
            }
            return Err(error);
        }
        let connection = self.handshake.take_connection(&self.config);
        let mut connection = connection.ok_or(HandshakeError::OutOfOrder)?;
        // The application has taken its time, of which nothing may be known yet.
        connection.continue_time(self.now);
        Ok(connection)
    }

    pub(super) fn reject(&mut self, response: &Response) -> Result<(), HandshakeError> {
        self.handshake.reject(response)
    }

    /// Lends the input; where it is only thrown away, empty.
    pub(super) fn input(&mut self, is_thrown_away: bool) -> Input<'_> {
        if is_thrown_away {
            self.handshake.discard_input();
        }
        self.handshake.prepared_input(HEAD_SIZE)
    }

    pub(super) fn waiting(&self) -> usize {
        self.handshake.unprocessed_len()
    }

    pub(super) fn transmit(&mut self) -> Option<&mut TransmitBuf> {
        self.handshake.poll_transmit()
    }

    pub(super) fn has_output(&self) -> bool {
        self.handshake.has_output()
    }

    pub(super) fn handle_eof(&mut self) {
        self.handshake.handle_eof();
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.handshake.handle_timeout(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.handshake.poll_timeout()
    }

    pub(super) const fn now(&self) -> Duration {
        self.now
    }

    pub(super) const fn is_deciding(&self) -> bool {
        self.is_deciding
    }

    pub(super) const fn is_refused(&self) -> bool {
        self.handshake.is_refused()
    }
}

impl Connecting {
    pub(super) fn new(
        request: &ClientRequest,
        config: &Config,
        nonce: [u8; 16],
        seed: [u8; 32],
    ) -> Self {
        Self {
            handshake: ClientHandshake::new(request, nonce),
            config: *config,
            now: Duration::ZERO,
            seed,
            is_eof: false,
        }
    }

    /// Yields the response that opens the connection, and the connection.
    pub(super) fn poll(&mut self) -> Result<Option<(Box<Response>, Connection)>, HandshakeError> {
        let Some(response) = self.handshake.poll_response()? else { return Ok(None) };
        let connection = self.handshake.take_connection(&self.config, self.seed);
        let mut connection = connection.ok_or(HandshakeError::OutOfOrder)?;
        connection.handle_timeout(self.now);
        if self.is_eof {
            connection.handle_eof();
        }
        Ok(Some((Box::new(response), connection)))
    }

    pub(super) fn input(&mut self) -> Input<'_> {
        self.handshake.prepared_input(HEAD_SIZE)
    }

    pub(super) fn waiting(&self) -> usize {
        self.handshake.unprocessed_len()
    }

    pub(super) fn transmit(&mut self) -> Option<&mut TransmitBuf> {
        self.handshake.poll_transmit()
    }

    pub(super) fn has_output(&self) -> bool {
        self.handshake.has_output()
    }

    pub(super) fn handle_eof(&mut self) {
        self.is_eof = true;
        self.handshake.handle_eof();
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.handshake.handle_timeout(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.handshake.poll_timeout()
    }

    pub(super) const fn now(&self) -> Duration {
        self.now
    }
}

/// Room for one read of a head: more than most have, and not so much that thousands of peers that
/// send theirs byte by byte could make a server hold it.
const HEAD_SIZE: usize = 2 << 10;
