//! The stream of a connection that this crate has made: TCP or a Unix socket, with TLS on it or
//! not; decides nothing.

#[cfg(feature = "rustls")]
use alloc::boxed::Box;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use ::futures_io::{AsyncRead, AsyncWrite};
use async_net::TcpStream;
#[cfg(unix)]
use async_net::unix::UnixStream;
#[cfg(feature = "rustls")]
use futures_rustls::TlsStream;

/// A TCP or Unix stream of async-net, with TLS on it or not.
///
/// It is the stream of every connection that this crate makes, by
/// [`WebSocket::connect`](super::WebSocket::connect). Which of them it is depends on the URL and on
/// the options, not on the features of the crate.
#[derive(Debug)]
pub struct NetStream(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// Over a stream that may itself be one with TLS: that to a proxy.
    #[cfg(feature = "rustls")]
    Tls(Box<TlsStream<NetStream>>),
}

impl NetStream {
    /// Returns the TCP stream underneath, for its options and addresses. `None` over a Unix socket.
    ///
    /// Do not read from it or write to it: that breaks the connection.
    #[must_use]
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.0 {
            Kind::Tcp(stream) => Some(stream),
            #[cfg(unix)]
            Kind::Unix(_) => None,
            #[cfg(feature = "rustls")]
            Kind::Tls(stream) => stream.get_ref().0.tcp(),
        }
    }

    /// Returns whether there is TLS on it.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        match &self.0 {
            Kind::Tcp(_) => false,
            #[cfg(unix)]
            Kind::Unix(_) => false,
            #[cfg(feature = "rustls")]
            Kind::Tls(_) => true,
        }
    }

    /// Returns what TLS has negotiated: the peer's certificates, the version, ALPN. `None` without
    /// TLS.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(&self) -> Option<&rustls::CommonState> {
        match &self.0 {
            Kind::Tls(stream) => Some(stream.get_ref().1),
            Kind::Tcp(_) => None,
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }

    /// Returns the address of the TCP peer: of the proxy, if there is one in between.
    ///
    /// # Errors
    ///
    /// The socket is no longer connected, or it is a Unix socket.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().ok_or(io::ErrorKind::Unsupported)?.peer_addr()
    }
}

impl From<TcpStream> for NetStream {
    fn from(stream: TcpStream) -> Self {
        Self(Kind::Tcp(stream))
    }
}

#[cfg(unix)]
impl From<UnixStream> for NetStream {
    fn from(stream: UnixStream) -> Self {
        Self(Kind::Unix(stream))
    }
}

#[cfg(feature = "rustls")]
impl NetStream {
    /// Puts TLS on a stream.
    pub(super) fn over_tls(stream: impl Into<TlsStream<Self>>) -> Self {
        Self(Kind::Tls(Box::new(stream.into())))
    }
}

/// Passes a call on to the stream that it is.
macro_rules! with_stream {
    ($kind:expr, $stream:ident => $call:expr) => {
        match $kind {
            Kind::Tcp($stream) => $call,
            #[cfg(unix)]
            Kind::Unix($stream) => $call,
            #[cfg(feature = "rustls")]
            Kind::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for NetStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        with_stream!(&mut self.0, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for NetStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        with_stream!(&mut self.0, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with_stream!(&mut self.0, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(&mut self.0, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(&mut self.0, stream => Pin::new(stream).poll_close(cx))
    }
}
