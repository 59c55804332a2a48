//! What a stream failed of, and which of its errors an application is told; knows no stream.

use std::io;

use super::Error;
use crate::driver::{Driver, DriverError};
use crate::error::ConnectionError;
use crate::handshake::HandshakeError;

/// The first error of a stream, until it was reported.
#[derive(Debug, Default)]
pub(super) struct Failure {
    first: Option<io::Error>,
}

impl Failure {
    /// Notes an error of the stream. How the peer leaves in the end is of no interest.
    #[cold]
    pub(super) fn note(&mut self, error: io::Error, driver: &Driver) {
        if !driver.is_ending() {
            self.first.get_or_insert(error);
        }
    }

    pub(super) fn take(&mut self) -> Option<io::Error> {
        self.first.take()
    }

    /// Returns why nothing can be written, as often as that is asked for.
    #[cold]
    pub(super) fn report(&mut self) -> io::Error {
        let error = self.first.take().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
        self.first = Some(error.kind().into());
        error
    }

    /// Says why a connection ended: where the driver saw no more than the end of the stream, what
    /// that failed of.
    #[cold]
    pub(super) fn explain(&mut self, error: DriverError) -> Error {
        match self.first.take() {
            Some(first) if is_end_of_stream(&error) => Error::Io(first),
            Some(_) | None => error.into(),
        }
    }
}

/// Returns whether a driver knows no better reason than that the stream has ended.
const fn is_end_of_stream(error: &DriverError) -> bool {
    matches!(
        error,
        DriverError::Connection(ConnectionError::UnexpectedEof)
            | DriverError::Handshake(HandshakeError::EndOfStream)
    )
}
