//! The stream of a connection that this crate has made: TCP or a Unix socket, with TLS on it or
//! not; decides nothing.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use ::futures_io::{AsyncRead, AsyncWrite};
use async_net::TcpStream;
#[cfg(unix)]
use async_net::unix::UnixStream;
#[cfg(feature = "rustls")]
use futures_rustls::TlsStream;

use crate::io::net_stream::net_stream;

net_stream! {
    /// A TCP or Unix stream of async-net, with TLS on it or not.
    ///
    /// It is the stream of every connection that this crate makes, by
    /// [`WebSocket::connect`](super::WebSocket::connect). Which of them it is depends on the URL and on
    /// the options, not on the features of the crate.
    pub struct NetStream {
        Tcp(TcpStream),
        Unix(UnixStream),
        Tls(TlsStream<NetStream>): |stream| stream.get_ref(),
    }
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
