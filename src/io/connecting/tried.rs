//! Notes what an attempt to connect has tried, and makes its error of that; opens no socket.

use alloc::boxed::Box;
use alloc::string::String;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use super::{ConnectError, ConnectStage};
use crate::handshake::ClientRequest;
use crate::io::Error;

/// What came of the addresses of a host, until one answers.
#[derive(Debug)]
pub(in crate::io) struct Tried {
    to: String,
    /// The proxy, without credentials.
    proxy: Option<String>,
    limit: Option<Duration>,
    /// The address that was begun last.
    begun: Option<SocketAddr>,
    /// The address that failed last.
    failed: Option<(SocketAddr, io::Error)>,
}

impl Tried {
    pub(in crate::io) fn new(request: &ClientRequest) -> Self {
        let (to, limit) = (request.authority(), request.timeout());
        Self { to, proxy: None, limit, begun: None, failed: None }
    }

    /// Notes which proxy leads there.
    pub(in crate::io) fn by(self, proxy: Option<String>) -> Self {
        Self { proxy, ..self }
    }

    /// Notes that the way goes over a Unix socket.
    #[cfg(unix)]
    pub(in crate::io) fn over(self, path: &std::path::Path) -> Self {
        Self { to: path.to_string_lossy().into_owned(), ..self }
    }

    /// Takes what a look-up found.
    pub(in crate::io) fn found<A>(&self, addresses: io::Result<A>) -> Result<A, Error> {
        addresses.map_err(|error| self.error(ConnectStage::LookUp, error))
    }

    /// Notes that an address is tried.
    pub(in crate::io) fn begin(&mut self, address: SocketAddr) {
        self.begun = Some(address);
    }

    pub(in crate::io) fn failed(&mut self, address: SocketAddr, error: io::Error) {
        self.failed = Some((address, error));
    }

    /// Notes that the time is over for what was begun.
    pub(in crate::io) fn time_out(&mut self) {
        self.failed = self.begun.map(|address| (address, io::ErrorKind::TimedOut.into()));
    }

    /// Says why none of the addresses answered.
    pub(in crate::io) fn none_answered(&mut self) -> Error {
        let none = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
        match self.failed.take() {
            Some((last, error)) => self.error(ConnectStage::Tcp { last }, error),
            None => self.error(ConnectStage::LookUp, none()),
        }
    }

    /// Makes an error of any other step.
    pub(in crate::io) fn error(&self, stage: ConnectStage, error: io::Error) -> Error {
        let (to, proxy, limit) = (self.to.clone(), self.proxy.clone(), self.limit);
        Error::Connect(Box::new(ConnectError { to, proxy, stage, error, limit }))
    }
}

/// Refuses a stream that is its own peer: where nobody listens on this machine, a socket may be
/// given the very port that it connects to.
pub(in crate::io) fn check_ends<S>(
    stream: S,
    ends: impl FnOnce(&S) -> (io::Result<SocketAddr>, io::Result<SocketAddr>),
) -> io::Result<S> {
    match ends(&stream) {
        (Ok(local), Ok(peer)) if local == peer => Err(io::ErrorKind::ConnectionRefused.into()),
        _ => Ok(stream),
    }
}
