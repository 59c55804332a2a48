//! The stream of a connection that this crate has made: TCP or a Unix socket, with TLS on it or
//! not; decides nothing.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::net::TcpStream;
#[cfg(unix)]
use ::tokio::net::UnixStream;
#[cfg(feature = "rustls")]
use tokio_rustls::TlsStream;

#[cfg(feature = "hyper")]
use crate::io::hyper::UpgradedStream;
use crate::io::net_stream::net_stream;

net_stream! {
    /// A TCP or Unix stream of tokio, with TLS on it or not.
    ///
    /// It is the stream of every connection that this crate makes: of
    /// [`WebSocket::connect`](super::WebSocket::connect), and of a [`Server`](super::Server). Which of
    /// them it is depends on the URL and on the options, not on the features of the crate.
    pub struct NetStream {
        Tcp(TcpStream),
        Unix(UnixStream),
        Tls(TlsStream<NetStream>): |stream| stream.get_ref(),
        #[cfg(feature = "hyper")]
        Upgraded(UpgradedStream),
    }
}

#[cfg(feature = "hyper")]
impl From<UpgradedStream> for NetStream {
    fn from(stream: UpgradedStream) -> Self {
        Self(Kind::Upgraded(stream))
    }
}

impl AsyncRead for NetStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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

    fn is_write_vectored(&self) -> bool {
        with_stream!(&self.0, stream => stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(&mut self.0, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(&mut self.0, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
