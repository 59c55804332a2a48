//! How a server answers a request; knows no open connection.

use alloc::boxed::Box;

use super::Driver;
#[expect(unused_imports, reason = "for the docs")]
use super::Next;
use crate::driver::ending::{Ending, Outcome};
use crate::driver::error::DriverError;
use crate::driver::opening::{Accepting, Opening};
use crate::handshake::{Acceptance, HandshakeError, Request, Response};

impl Driver {
    /// Accepts the request of [`Next::Request`]: queues the response, and opens the connection.
    ///
    /// # Errors
    ///
    /// - The request is invalid, or `acceptance` chooses a subprotocol or extension that the client
    ///   did not offer. The client gets the error's status; continue until
    ///   [`poll_event`](Self::poll_event) returns the error.
    /// - [`HandshakeError::OutOfOrder`]: no request is waiting for an answer. Nothing changed.
    pub fn accept(
        &mut self,
        request: &Request,
        acceptance: &Acceptance,
    ) -> Result<(), HandshakeError> {
        let Some(accepting) = Self::accepting(&mut self.opening, &self.ending) else {
            return Err(HandshakeError::OutOfOrder);
        };
        match accepting.accept(request, acceptance, &mut self.connection) {
            Ok(()) => self.opening = None,
            Err(error) if !accepting.is_refused() => return Err(error),
            Err(error) => {
                self.end_opening(error.clone());
                self.is_quiet = false;
                return Err(error);
            }
        }
        self.is_quiet = false;
        Ok(())
    }

    /// Refuses the request with an HTTP response. Continue until [`poll_event`](Self::poll_event)
    /// returns [`DriverError::Rejected`].
    ///
    /// It may also be called before the request is complete.
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::InvalidStatus`]: the status is below 200 or above 599. The client gets
    ///   the status 500, and [`poll_event`](Self::poll_event) returns the error.
    /// - [`HandshakeError::OutOfOrder`]: the request was answered before. Nothing changed.
    pub fn reject(&mut self, response: &Response) -> Result<(), HandshakeError> {
        let Some(accepting) = Self::accepting(&mut self.opening, &self.ending) else {
            return Err(HandshakeError::OutOfOrder);
        };
        let rejected = accepting.reject(response);
        let error = match &rejected {
            Ok(()) => DriverError::Rejected { status: response.status() },
            Err(error) if accepting.is_refused() => DriverError::from(error.clone()),
            Err(_) => return rejected,
        };
        self.end(Outcome::Failed(error));
        self.is_quiet = false;
        rejected
    }

    /// Returns the handshake of a server that has not been answered.
    fn accepting<'a>(
        opening: &'a mut Option<Box<Opening>>,
        ending: &Option<Box<Ending>>,
    ) -> Option<&'a mut Accepting> {
        match opening.as_deref_mut()? {
            Opening::Accepting(accepting) if ending.is_none() => Some(accepting),
            Opening::Accepting(_) | Opening::Connecting(_) => None,
        }
    }
}
