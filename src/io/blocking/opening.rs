//! Where a blocking WebSocket comes from: connecting, and both handshakes; knows no events.

use core::time::Duration;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};

use super::WebSocket;
use super::clock::Clock;
use super::transport::{Transport, finish, is_timeout, read, write_all};
use crate::buffer::ReceiveBuf;
use crate::connection::Config;
use crate::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Request, Response,
    ServerHandshake,
};
use crate::io::{Error, HEAD_SIZE, answer, entropy};

impl WebSocket<TcpStream> {
    /// Connects to a `ws` URL over TCP, with [`TCP_NODELAY`](TcpStream::set_nodelay) on.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with); [`HandshakeError::InvalidUrl`].
    #[cfg(feature = "url")]
    pub fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(&ClientRequest::from_url(url)?, &Config::default())
    }

    /// Connects over TCP to where the request goes, with [`TCP_NODELAY`](TcpStream::set_nodelay)
    /// on: messages are written whole, so waiting for more would only delay them.
    ///
    /// # Errors
    ///
    /// [`Error::TlsRequired`] for `wss`, [`Error::Io`], and as [`client`](Self::client). Connecting
    /// to each address may take as long as the handshake: then it is an [`Error::Io`] of kind
    /// `TimedOut`.
    pub fn connect_with(request: &ClientRequest, config: &Config) -> Result<Self, Error> {
        if request.is_secure() {
            return Err(Error::TlsRequired);
        }
        let stream = connect((request.host(), request.port()), request.timeout())?;
        stream.set_nodelay(true)?;
        Self::client(stream, request, config)
    }
}

impl<S: Transport> WebSocket<S> {
    /// Does a client's handshake over a stream that is connected already, such as one of TLS.
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`]; [`HandshakeError::Refused`] has the server's answer, and
    /// [`HandshakeError::Timeout`] comes after [`HeadLimits::timeout`]. [`Error::Io`].
    pub fn client(mut stream: S, request: &ClientRequest, config: &Config) -> Result<Self, Error> {
        let mut handshake = ClientHandshake::new(request, entropy()?);
        let mut input = ReceiveBuf::new();
        let mut clock = Clock::new();
        handshake.handle_timeout(clock.now());
        write_all(&mut stream, handshake.poll_transmit())?;
        while handshake.poll_response(&mut input)?.is_none() {
            match read_within(&mut stream, &mut input, &mut clock, handshake.poll_timeout())? {
                Some(0) => handshake.handle_eof(),
                Some(_) => {}
                None => handshake.handle_timeout(clock.now()),
            }
        }
        let connection = handshake.into_connection(config, entropy()?);
        let connection = connection.ok_or(HandshakeError::OutOfOrder)?;
        Ok(Self { clock, ..Self::from_parts(stream, connection, input) })
    }

    /// Does a server's handshake, and accepts every request that asks for a WebSocket.
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
    /// serve a page. If it accepts such a request, the client is told what is wrong with it.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when `decide` answered otherwise, [`Error::Handshake`] when the request
    /// is at fault or does not come within [`HeadLimits::timeout`]; the answer has been written
    /// whole in either case. [`Error::Io`].
    pub fn accept_with(
        stream: S,
        config: &Config,
        decide: impl FnOnce(&Request) -> Result<Acceptance, Response>,
    ) -> Result<Self, Error> {
        Self::accept_with_limits(stream, HeadLimits::default(), config, decide)
    }

    /// As [`accept_with`](Self::accept_with), with other limits for the request.
    ///
    /// # Errors
    ///
    /// As [`accept_with`](Self::accept_with).
    pub fn accept_with_limits(
        mut stream: S,
        limits: HeadLimits,
        config: &Config,
        decide: impl FnOnce(&Request) -> Result<Acceptance, Response>,
    ) -> Result<Self, Error> {
        let mut handshake = ServerHandshake::new(limits);
        let mut input = ReceiveBuf::new();
        let mut clock = Clock::new();
        handshake.handle_timeout(clock.now());
        let answered = loop {
            match handshake.poll_request(&mut input) {
                Ok(Some(request)) => break answer(&mut handshake, &request, decide(&request)),
                Ok(None) => {}
                Err(error) => break Err(error.into()),
            }
            match read_within(&mut stream, &mut input, &mut clock, handshake.poll_timeout())? {
                Some(0) => handshake.handle_eof(),
                Some(_) => {}
                None => handshake.handle_timeout(clock.now()),
            }
        };
        if let Err(error) = answered {
            let eof = matches!(error, Error::Handshake(HandshakeError::EndOfStream));
            finish(&mut stream, handshake.poll_transmit(), eof);
            return Err(error);
        }
        let connection = handshake.into_connection(config).ok_or(HandshakeError::OutOfOrder)?;
        let mut socket = Self { clock, ..Self::from_parts(stream, connection, input) };
        socket.flush()?;
        Ok(socket)
    }
}

/// Connects to the first address that answers, waiting for each no longer than `limit`.
fn connect(addresses: impl ToSocketAddrs, limit: Option<Duration>) -> io::Result<TcpStream> {
    let Some(limit) = limit else { return TcpStream::connect(addresses) };
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "host has no address");
    for address in addresses.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Reads once, or until the time is `deadline`: then it returns `None`.
fn read_within(
    stream: &mut impl Transport,
    input: &mut ReceiveBuf,
    clock: &mut Clock,
    deadline: Option<Duration>,
) -> io::Result<Option<usize>> {
    loop {
        let left = deadline.map(|at| at.saturating_sub(clock.now()));
        if left == Some(Duration::ZERO) {
            return Ok(None);
        }
        let is_bounded = clock.bound_read(stream, left);
        match read(stream, input, HEAD_SIZE) {
            Err(error) if is_bounded && is_timeout(&error) => {}
            read => return read.map(Some),
        }
    }
}
