//! Where an asynchronous WebSocket comes from: connecting, and both handshakes; knows no events.

use core::future::poll_fn;
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use ::tokio::net::TcpStream;
use ::tokio::time::timeout;

use super::WebSocket;
use super::driver::poll_read;
use crate::buffer::{ReceiveBuf, TransmitBuf};
use crate::connection::Config;
use crate::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Request, Response,
    ServerHandshake,
};
use crate::io::{Error, LINGER_BYTES, LINGER_TIMEOUT, answer, entropy};

impl WebSocket<TcpStream> {
    /// Connects to a `ws` URL over TCP, with [`TCP_NODELAY`](TcpStream::set_nodelay) on.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with); [`HandshakeError::InvalidUrl`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the stream. Bound the wait by [`timeout`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(&ClientRequest::from_url(url)?, &Config::default()).await
    }

    /// Connects over TCP to where the request goes, with [`TCP_NODELAY`](TcpStream::set_nodelay)
    /// on: messages are written whole, so waiting for more would only delay them.
    ///
    /// # Errors
    ///
    /// [`Error::TlsRequired`] for `wss`, [`Error::Io`], and as [`client`](Self::client).
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(request: &ClientRequest, config: &Config) -> Result<Self, Error> {
        if request.is_secure() {
            return Err(Error::TlsRequired);
        }
        let stream = TcpStream::connect((request.host(), request.port())).await?;
        stream.set_nodelay(true)?;
        Self::client(stream, request, config).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Does a client's handshake over a stream that is connected already, such as one of TLS.
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`]; [`HandshakeError::Refused`] has the server's answer. [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the stream. Bound the wait by [`timeout`].
    pub async fn client(
        mut stream: S,
        request: &ClientRequest,
        config: &Config,
    ) -> Result<Self, Error> {
        let mut handshake = ClientHandshake::new(request, entropy()?);
        let mut input = ReceiveBuf::new();
        write_all(&mut stream, handshake.poll_transmit()).await?;
        while handshake.poll_response(&mut input)?.is_none() {
            if read(&mut stream, &mut input).await? == 0 {
                handshake.handle_eof();
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
    /// is at fault; the answer has been written whole in either case. [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the stream. Bound the wait by [`timeout`], so that nobody can connect
    /// and be silent forever.
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
        let answered = loop {
            match handshake.poll_request(&mut input) {
                Ok(Some(request)) => break answer(&mut handshake, &request, decide(&request)),
                Ok(None) => {}
                Err(error) => break Err(error.into()),
            }
            if read(&mut stream, &mut input).await? == 0 {
                handshake.handle_eof();
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

/// Reads once; 0 is the end of the stream.
async fn read<S: AsyncRead + Unpin>(stream: &mut S, input: &mut ReceiveBuf) -> io::Result<usize> {
    poll_fn(|cx| poll_read(stream, input, cx)).await
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
            match read(stream, input).await? {
                0 => break,
                len => left = left.saturating_sub(len),
            }
        }
        io::Result::Ok(())
    });
    // Nobody is there to be told that the peer is gone already, or will not go.
    let _ = finished.await;
}
