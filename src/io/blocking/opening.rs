//! Opens a blocking WebSocket: the handshake of either side; knows no events.

use core::time::Duration;

use super::WebSocket;
use super::clock::{Clock, NEVER};
use crate::connection::Config;
use crate::driver::Driver;
use crate::handshake::{Acceptance, ClientRequest, HeadLimits, Request, Response};

use crate::io::failure::Failure;
use crate::io::{Error, Transport, client, open_with};

impl<S: Transport> WebSocket<S> {
    /// Does a client's handshake over a connected stream, such as a TLS stream.
    ///
    /// # Errors
    ///
    /// - [`Error::Handshake`]:
    ///   [`UnexpectedStatus`](crate::handshake::HandshakeError::UnexpectedStatus) contains the
    ///   answer of a server that refused; `Timeout` comes after [`HeadLimits::timeout`].
    /// - [`Error::Connect`]: the stream failed.
    #[doc(alias = "TLS")]
    #[doc(alias = "wss")]
    pub fn connect_over(
        stream: S,
        request: &ClientRequest,
        config: &Config,
    ) -> Result<Self, Error> {
        Self::open(stream, client(request, config)?, |_| Ok(Acceptance::new()))
    }

    /// Does a server's handshake, and accepts every valid request for a WebSocket.
    ///
    /// On a TCP stream, call [`set_nodelay`](std::net::TcpStream::set_nodelay) first. Messages are written
    /// whole; without `TCP_NODELAY` the second of two replies may wait 40 ms for the
    /// acknowledgement of the first.
    ///
    /// # Errors
    ///
    /// Those of [`accept_with`](Self::accept_with), except [`Error::Rejected`].
    #[doc(alias = "server")]
    pub fn accept(stream: S, config: &Config) -> Result<Self, Error> {
        Self::accept_with(stream, config, |_| Ok(Acceptance::new()))
    }

    /// Does a server's handshake, and lets `decide` accept the request or refuse it with an HTTP
    /// response.
    ///
    /// `decide` sees every well-formed HTTP request, also one that does not ask for a WebSocket: it
    /// may answer with a page. If it accepts such a request, the client is told what is wrong with
    /// the request. Keep what you need later, such as the path or a cookie: the request is gone
    /// after the handshake.
    ///
    /// ```no_run
    /// # fn serve(stream: std::net::TcpStream) -> Result<(), sanswire::Error> {
    /// use sanswire::Config;
    /// use sanswire::handshake::{Acceptance, Response};
    /// use sanswire::io::blocking::WebSocket;
    ///
    /// let mut socket = WebSocket::accept_with(stream, &Config::default(), |request| {
    ///     match request.path() {
    ///         "/chat" => Ok(Acceptance::new().subprotocol(request.subprotocols().next())),
    ///         _ => Err(Response::new(404).text("not found\n")),
    ///     }
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Rejected`]: `decide` answered with a response, such as a refusal or a page.
    /// - [`Error::Handshake`]: the request is invalid, or did not arrive within
    ///   [`HeadLimits::timeout`]. [`HandshakeError::NoRequest`](crate::handshake::HandshakeError)
    ///   means that the client connected and left without a request, as browsers do: do not log it.
    /// - [`Error::Io`]: the stream failed.
    ///
    /// A client that made a request has been answered when this returns one of the first two.
    #[doc(alias = "authentication")]
    pub fn accept_with(
        stream: S,
        config: &Config,
        decide: impl FnOnce(&Request) -> Result<Acceptance, Response>,
    ) -> Result<Self, Error> {
        Self::accept_with_limits(stream, &HeadLimits::default(), config, decide)
    }

    /// Does the handshake of [`accept_with`](Self::accept_with), with other limits for the request.
    ///
    /// # Errors
    ///
    /// Those of [`accept_with`](Self::accept_with).
    pub fn accept_with_limits(
        stream: S,
        limits: &HeadLimits,
        config: &Config,
        decide: impl FnOnce(&Request) -> Result<Acceptance, Response>,
    ) -> Result<Self, Error> {
        Self::open(stream, Driver::server_with(limits, config), decide)
    }

    /// Continues with a driver of an open connection: one from [`into_parts`](Self::into_parts), or
    /// made from a [`Connection`](crate::Connection) that another HTTP stack has opened. Its clock
    /// continues.
    ///
    /// A driver whose opening handshake is not complete delivers nothing: use
    /// [`connect_over`](Self::connect_over) or [`accept`](Self::accept) for the handshake.
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

/// How long a write blocks before the other direction is looked at.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_millis(50);
