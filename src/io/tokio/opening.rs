//! Where an asynchronous WebSocket comes from: connecting, and both handshakes; knows no events.

use core::future::{Future, poll_fn};
use core::task::Poll;
use core::time::Duration;
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use ::tokio::net::{TcpStream, lookup_host};
use ::tokio::time::timeout;

use super::WebSocket;
use super::clock::Clock;
use super::transport::poll_read;
use crate::buffer::{ReceiveBuf, TransmitBuf};
use crate::connection::Config;
use crate::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Request, Response,
    ServerHandshake,
};
use crate::io::reads::READ_SIZE;
use crate::io::{Error, HEAD_SIZE, LINGER_BYTES, LINGER_TIMEOUT, answer, entropy};

impl WebSocket<TcpStream> {
    /// Connects to a `ws` URL over TCP, with [`TCP_NODELAY`](TcpStream::set_nodelay) on.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with); [`HandshakeError::InvalidUrl`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the stream.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(&ClientRequest::from_url(url)?, &Config::default()).await
    }

    /// Connects over TCP to where the request goes, with [`TCP_NODELAY`](TcpStream::set_nodelay)
    /// on: messages are written whole, so waiting for more would only delay them.
    ///
    /// # Errors
    ///
    /// [`Error::TlsRequired`] for `wss`, [`Error::Io`], and as [`client`](Self::client). Connecting
    /// to each address may take as long as the handshake: then it is an [`Error::Io`] of kind
    /// `TimedOut`.
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(request: &ClientRequest, config: &Config) -> Result<Self, Error> {
        if request.is_secure() {
            return Err(Error::TlsRequired);
        }
        let stream = connect(request).await?;
        stream.set_nodelay(true)?;
        Self::client(stream, request, config).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Does a client's handshake over a stream that is connected already, such as one of TLS.
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`]; [`HandshakeError::Refused`] has the server's answer, and
    /// [`HandshakeError::Timeout`] comes after [`HeadLimits::timeout`]. [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the stream.
    pub async fn client(
        mut stream: S,
        request: &ClientRequest,
        config: &Config,
    ) -> Result<Self, Error> {
        let mut handshake = ClientHandshake::new(request, entropy()?);
        let mut input = ReceiveBuf::new();
        let mut clock = Clock::new();
        handshake.handle_timeout(clock.now());
        within(request.timeout(), write_all(&mut stream, handshake.poll_transmit())).await?;
        while handshake.poll_response(&mut input)?.is_none() {
            match read(&mut stream, &mut input, &mut clock, handshake.poll_timeout()).await? {
                Read::Eof => handshake.handle_eof(),
                Read::Some => {}
                Read::Timeout(now) => handshake.handle_timeout(now),
            }
        }
        let connection = handshake.into_connection(config, entropy()?);
        let connection = connection.ok_or(HandshakeError::OutOfOrder)?;
        Ok(Self::from_parts(stream, connection, input))
    }

    /// Does a server's handshake, and accepts every request that asks for a WebSocket.
    ///
    /// # Errors
    ///
    /// As [`accept_with`](Self::accept_with).
    ///
    /// # Cancel safety
    ///
    /// As [`accept_with`](Self::accept_with).
    pub async fn accept(stream: S, config: &Config) -> Result<Self, Error> {
        Self::accept_with(stream, config, |_| Ok(Acceptance::new())).await
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
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the stream.
    pub async fn accept_with(
        stream: S,
        config: &Config,
        decide: impl FnOnce(&Request) -> Result<Acceptance, Response>,
    ) -> Result<Self, Error> {
        Self::accept_with_limits(stream, HeadLimits::default(), config, decide).await
    }

    /// As [`accept_with`](Self::accept_with), with other limits for the request.
    ///
    /// # Errors
    ///
    /// As [`accept_with`](Self::accept_with).
    ///
    /// # Cancel safety
    ///
    /// As [`accept_with`](Self::accept_with).
    pub async fn accept_with_limits(
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
            match read(&mut stream, &mut input, &mut clock, handshake.poll_timeout()).await? {
                Read::Eof => handshake.handle_eof(),
                Read::Some => {}
                Read::Timeout(now) => handshake.handle_timeout(now),
            }
        };
        if let Err(error) = answered {
            finish(&mut stream, handshake.poll_transmit(), &mut input).await;
            return Err(error);
        }
        let connection = handshake.into_connection(config).ok_or(HandshakeError::OutOfOrder)?;
        let mut socket = Self::from_parts(stream, connection, input);
        socket.flush().await?;
        Ok(socket)
    }
}

/// Connects to the first address that answers, waiting for each no longer than for the handshake:
/// one that leads nowhere does not keep from the others.
async fn connect(request: &ClientRequest) -> io::Result<TcpStream> {
    let limit = request.timeout();
    let addresses = within(limit, lookup_host((request.host(), request.port()))).await?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "host has no address");
    for address in addresses {
        match within(limit, TcpStream::connect(address)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// What came of a read with a deadline.
enum Read {
    Eof,
    Some,
    Timeout(Duration),
}

/// Reads once, or waits for `deadline`.
async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    input: &mut ReceiveBuf,
    clock: &mut Clock,
    deadline: Option<Duration>,
) -> io::Result<Read> {
    poll_fn(|cx| match poll_read(stream, input, HEAD_SIZE, cx) {
        Poll::Ready(Ok(0)) => Poll::Ready(Ok(Read::Eof)),
        Poll::Ready(Ok(_)) => Poll::Ready(Ok(Read::Some)),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Pending => clock.poll(deadline, cx).map(|now| Ok(Read::Timeout(now))),
    })
    .await
}

/// Waits for `future`, no longer than `limit`.
async fn within<T>(
    limit: Option<Duration>,
    future: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match limit {
        Some(limit) => timeout(limit, future).await?,
        None => future.await,
    }
}

/// Writes all of `output`.
async fn write_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    output: Option<&mut TransmitBuf>,
) -> io::Result<()> {
    if let Some(output) = output {
        stream.write_all_buf(output).await?;
    }
    stream.flush().await
}

/// Closes a stream so that the peer gets all that was written: writes what is left, says that
/// nothing follows, and reads until the peer is done, all for a bounded time.
async fn finish<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    output: Option<&mut TransmitBuf>,
    input: &mut ReceiveBuf,
) {
    let finished = timeout(LINGER_TIMEOUT, async {
        write_all(stream, output).await?;
        stream.shutdown().await?;
        let mut left = LINGER_BYTES;
        while left > 0 {
            input.clear();
            match poll_fn(|cx| poll_read(stream, input, READ_SIZE, cx)).await? {
                0 => break,
                len => left = left.saturating_sub(len),
            }
        }
        io::Result::Ok(())
    });
    // Nobody is there to be told that the peer is gone already, or will not go.
    let _ = finished.await;
}
