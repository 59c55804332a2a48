//! The opening handshake of either end, as a driver drives it; knows no transport.

use alloc::boxed::Box;

use crate::buffer::{Input, TransmitBuf};
use crate::connection::Connection;
use crate::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Request, Response,
    ServerHandshake,
};
use crate::timestamp::Timestamp;

/// The handshake of either end.
#[derive(Debug)]
pub(super) enum Opening {
    Accepting(Accepting),
    Connecting(Connecting),
}

/// A server's handshake.
#[derive(Debug)]
pub(super) struct Accepting {
    handshake: ServerHandshake,
    /// Whether the application has the request and has not answered it.
    is_deciding: bool,
}

/// A client's handshake.
#[derive(Debug)]
pub(super) struct Connecting {
    handshake: ClientHandshake,
    /// Where it goes, as it may be logged.
    url: Box<str>,
}

impl Accepting {
    pub(super) fn new(limits: &HeadLimits) -> Self {
        Self { handshake: ServerHandshake::new(limits), is_deciding: false }
    }

    /// Yields the request, once.
    pub(super) fn poll(&mut self) -> Result<Option<Box<Request>>, HandshakeError> {
        let request = self.handshake.poll_request()?;
        self.is_deciding |= request.is_some();
        Ok(request.map(Box::new))
    }

    /// Accepts the request and opens the connection. Where that is refused, by fault of the request
    /// or of the acceptance, the client is answered so.
    pub(super) fn accept(
        &mut self,
        request: &Request,
        acceptance: &Acceptance,
        connection: &mut Connection,
    ) -> Result<(), HandshakeError> {
        if let Err(error) = self.handshake.accept(request, acceptance) {
            return Err(self.refuse(error));
        }
        self.handshake.open(connection).ok_or(HandshakeError::OutOfOrder)
    }

    /// Answers the request otherwise; where that is no answer, by the server's own fault.
    pub(super) fn reject(&mut self, response: &Response) -> Result<(), HandshakeError> {
        self.handshake.reject(response).map_err(|error| self.refuse(error))
    }

    pub(super) const fn is_refused(&self) -> bool {
        self.handshake.is_refused()
    }

    /// Answers a request that waits for it by `error`.
    fn refuse(&mut self, error: HandshakeError) -> HandshakeError {
        // The request's faults are answered by the handshake, the application's are not.
        if self.is_deciding && !self.handshake.is_refused() {
            // Every error has a status that an answer may have.
            let _ = self.handshake.reject(&Response::from(&error));
        }
        error
    }
}

impl Connecting {
    pub(super) fn new(request: &ClientRequest, nonce: [u8; 16]) -> Self {
        Self { handshake: ClientHandshake::new(request, nonce), url: request.place().into() }
    }

    /// Yields the response, once, and opens the connection.
    pub(super) fn poll(
        &mut self,
        connection: &mut Connection,
    ) -> Result<Option<Box<Response>>, HandshakeError> {
        let Some(response) = self.handshake.poll_response()? else { return Ok(None) };
        self.handshake.open(connection).ok_or(HandshakeError::OutOfOrder)?;
        Ok(Some(Box::new(response)))
    }
}

impl Opening {
    pub(super) const fn input(&mut self) -> Input<'_> {
        match self {
            Self::Accepting(accepting) => accepting.handshake.input(),
            Self::Connecting(connecting) => connecting.handshake.input(),
        }
    }

    /// As [`input`](Self::input), with room for a read.
    pub(super) fn prepared_input(&mut self) -> Input<'_> {
        match self {
            Self::Accepting(accepting) => accepting.handshake.prepared_input(HEAD_SIZE),
            Self::Connecting(connecting) => connecting.handshake.prepared_input(HEAD_SIZE),
        }
    }

    /// Throws away what has arrived.
    pub(super) fn discard_input(&mut self) {
        match self {
            Self::Accepting(accepting) => accepting.handshake.discard_input(),
            Self::Connecting(connecting) => connecting.handshake.discard_input(),
        }
    }

    pub(super) fn transmit(&mut self) -> Option<&mut TransmitBuf> {
        match self {
            Self::Accepting(accepting) => accepting.handshake.poll_transmit(),
            Self::Connecting(connecting) => connecting.handshake.poll_transmit(),
        }
    }

    pub(super) fn handle_eof(&mut self) {
        match self {
            Self::Accepting(accepting) => accepting.handshake.handle_eof(),
            Self::Connecting(connecting) => connecting.handshake.handle_eof(),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        match self {
            Self::Accepting(accepting) => accepting.handshake.handle_timeout(now),
            Self::Connecting(connecting) => connecting.handshake.handle_timeout(now),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        match self {
            Self::Accepting(accepting) => accepting.handshake.poll_timeout(),
            Self::Connecting(connecting) => connecting.handshake.poll_timeout(),
        }
    }

    /// Returns where a client is connecting to.
    pub(super) fn url(&self) -> Option<&str> {
        match self {
            Self::Accepting(_) => None,
            Self::Connecting(connecting) => Some(&connecting.url),
        }
    }

    /// Returns whether the application has a request and has not answered it.
    pub(super) const fn is_deciding(&self) -> bool {
        matches!(self, Self::Accepting(accepting) if accepting.is_deciding)
    }

    /// Returns how much arrived and is not processed.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::Accepting(accepting) => accepting.handshake.unprocessed_len(),
            Self::Connecting(connecting) => connecting.handshake.unprocessed_len(),
        }
    }

    pub(super) fn has_output(&self) -> bool {
        match self {
            Self::Accepting(accepting) => accepting.handshake.has_output(),
            Self::Connecting(connecting) => connecting.handshake.has_output(),
        }
    }
}

/// Room for one read of a head: more than most have, and not so much that thousands of peers that
/// send theirs byte by byte could make a server hold it.
const HEAD_SIZE: usize = 2 << 10;
