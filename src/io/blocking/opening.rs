//! Where a blocking WebSocket comes from: connecting, and both handshakes; knows no events.

use core::time::Duration;
use std::net::{TcpStream, ToSocketAddrs};

use super::WebSocket;
use super::clock::{Clock, NEVER};
use crate::connection::Config;
use crate::driver::Driver;
use crate::handshake::{Acceptance, ClientRequest, HeadLimits, Request, Response};

use crate::io::connecting::Tried;
use crate::io::failure::Failure;
use crate::io::{Error, Transport, check_plain, client, open_with};

impl WebSocket<TcpStream> {
    /// Connects to a `ws` URL over TCP, with [`TCP_NODELAY`](TcpStream::set_nodelay) on.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with); [`HandshakeError::InvalidUrl`](crate::handshake::HandshakeError).
    pub fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(&ClientRequest::from_url(url)?, &Config::default())
    }

    /// Connects over TCP to where the request goes, with [`TCP_NODELAY`](TcpStream::set_nodelay)
    /// on: messages are written whole, so waiting for more would only delay them.
    ///
    /// # Errors
    ///
    /// [`Error::TlsRequired`] for `wss`; [`Error::Connect`] when the host is not found or none of its
    /// addresses answers, each within the time for the handshake; and as
    /// [`connect_over`](Self::connect_over).
    pub fn connect_with(request: &ClientRequest, config: &Config) -> Result<Self, Error> {
        check_plain(request)?;
        Self::connect_over(connect(request)?, request, config)
    }
}

impl<S: Transport> WebSocket<S> {
    /// Does a client's handshake over a stream that is connected already, such as one of TLS.
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`]; [`HandshakeError::UnexpectedStatus`](crate::handshake::HandshakeError::UnexpectedStatus)
    /// has the server's answer, and `Timeout` comes after [`HeadLimits::timeout`].
    /// [`Error::Connect`] when the stream fails before.
    pub fn connect_over(
        stream: S,
        request: &ClientRequest,
        config: &Config,
    ) -> Result<Self, Error> {
        Self::open(stream, client(request, config)?, |_| Ok(Acceptance::new()))
    }

    /// Does a server's handshake, and accepts every request that asks for a WebSocket.
    ///
    /// On a TCP stream, call [`set_nodelay`](TcpStream::set_nodelay) before: messages are written
    /// whole, and without it the second of two replies may wait 40 ms for the acknowledgement of the
    /// first.
    ///
    /// # Errors
    ///
    /// As [`accept_with`](Self::accept_with).
    pub fn accept(stream: S, config: &Config) -> Result<Self, Error> {
        Self::accept_with(stream, config, |_| Ok(Acceptance::new()))
    }

    /// Does a server's handshake, and lets `decide` accept the request or answer it otherwise.
    ///
    /// `decide` sees every well-formed HTTP request, also one that asks for no WebSocket: it may
    /// serve a page. If it accepts such a request, the client is told what is wrong with it. What is
    /// needed of the request later, such as its path or a cookie, is for `decide` to keep.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when `decide` answered otherwise, [`Error::Handshake`] when the request
    /// is at fault or does not come within [`HeadLimits::timeout`]; the answer has been written
    /// whole in either case. [`HandshakeError::NoRequest`](crate::handshake::HandshakeError) when
    /// the client left without a word, as browsers do: do not log it. [`Error::Io`].
    pub fn accept_with(
        stream: S,
        config: &Config,
        decide: impl FnOnce(&Request) -> Result<Acceptance, Response>,
    ) -> Result<Self, Error> {
        Self::accept_with_limits(stream, &HeadLimits::default(), config, decide)
    }

    /// As [`accept_with`](Self::accept_with), with other limits for the request.
    ///
    /// # Errors
    ///
    /// As [`accept_with`](Self::accept_with).
    pub fn accept_with_limits(
        stream: S,
        limits: &HeadLimits,
        config: &Config,
        decide: impl FnOnce(&Request) -> Result<Acceptance, Response>,
    ) -> Result<Self, Error> {
        Self::open(stream, Driver::server_with(limits, config), decide)
    }

    /// Goes on with a driver, such as one that was [taken apart](Self::into_parts) or one of a
    /// [`Connection`](crate::Connection) that another HTTP stack has opened. Its time continues.
    ///
    /// One whose opening handshake is not complete delivers nothing: do the handshake by
    /// [`connect_over`](Self::connect_over) or [`accept`](Self::accept).
    #[must_use]
    pub fn from_driver(mut stream: S, driver: impl Into<Driver>) -> Self {
        let driver = driver.into();
        // Where it cannot be bounded, nothing else goes on while a write blocks.
        let _ = stream.set_write_timeout(WRITE_TIMEOUT);
        let (clock, failure) = (Clock::new(driver.now()), Failure::default());
        Self { stream, driver, clock, read_timeout: None, failure }
    }

    fn open(
        stream: S,
        driver: Driver,
        decide: impl FnOnce(&Request) -> Result<Acceptance, Response>,
    ) -> Result<Self, Error> {
        let (mut socket, mut decide) = (Self::from_driver(stream, driver), Some(decide));
        let mut deadline = NEVER;
        while !open_with(&mut socket.driver, &mut decide).map_err(|e| socket.failure.explain(e))? {
            deadline = socket.driver.poll_timeout().unwrap_or(deadline);
            socket.advance(NEVER)?;
        }
        // The answer has as much time as the request.
        while !socket.driver.is_written() {
            socket.push(deadline)?;
        }
        Ok(socket)
    }
}

/// Connects to the first address that answers, waiting for each no longer than the handshake may
/// take.
fn connect(request: &ClientRequest) -> Result<TcpStream, Error> {
    // Where nothing is said, the system gives up much earlier.
    let limit = request.timeout().unwrap_or(Duration::from_secs(3600));
    let mut tried = Tried::new(request);
    for address in tried.found((request.host(), request.port()).to_socket_addrs())? {
        let stream = TcpStream::connect_timeout(&address, limit);
        let ends = |stream: &TcpStream| (stream.local_addr(), stream.peer_addr());
        if let Some(stream) = tried.connected(address, stream, ends) {
            stream.set_nodelay(true)?;
            return Ok(stream);
        }
    }
    Err(tried.into_error())
}

/// How long a write blocks before the other direction is looked at.
const WRITE_TIMEOUT: Duration = Duration::from_millis(50);
