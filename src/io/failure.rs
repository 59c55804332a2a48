//! Keeps the first error of a stream, and decides how the application is told; knows no stream.

use alloc::boxed::Box;
use std::io;

use super::connecting::ConnectError;
use super::{Error, TlsError};
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
        let is_end_of_stream = match &error {
            DriverError::Connection(error) => *error == ConnectionError::UnexpectedEof,
            DriverError::Handshake { error, .. } => {
                matches!(error, HandshakeError::EndOfStream | HandshakeError::NoResponse)
            }
            DriverError::Rejected { .. } => false,
        };
        match (self.first.take().filter(|_| is_end_of_stream), error) {
            (Some(first), DriverError::Handshake { url: Some(url), .. }) => {
                // With TLS 1.3, a server says only here that it wants a certificate.
                match TlsError::of_handshake(first) {
                    Ok(error) => Error::Tls { error, url: Some(url) },
                    Err(first) => {
                        Error::Connect(Box::new(ConnectError::in_handshake(url.into(), first)))
                    }
                }
            }
            (Some(first), _) => Error::Io(first),
            (None, error) => error.into(),
        }
    }
}
