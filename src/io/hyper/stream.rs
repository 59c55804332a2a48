//! The stream that an HTTP server or client of hyper hands out: TCP and the like where it can be
//! taken back; knows no handshake.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use ::hyper::rt::{Read, Write};
use ::hyper::upgrade::Upgraded;
use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::net::TcpStream;
#[cfg(unix)]
use ::tokio::net::UnixStream;
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use sync_wrapper::SyncWrapper;

use crate::io::tokio::NetStream;

/// A stream of hyper whose type is not known: one of HTTP/2, or of a server with streams of its own.
#[derive(Debug)]
pub(in crate::io) struct UpgradedStream {
    inner: SyncWrapper<TokioIo<Upgraded>>,
    is_write_vectored: bool,
}

impl NetStream {
    /// Takes the stream back from hyper, and what hyper has read of it beyond the head.
    pub(super) fn of_upgraded(upgraded: Upgraded) -> (Self, Bytes) {
        let upgraded = match take::<TcpStream>(upgraded) {
            Ok((stream, read)) => return (stream.into(), read),
            Err(upgraded) => upgraded,
        };
        let upgraded = match take::<Self>(upgraded) {
            Ok(taken) => return taken,
            Err(upgraded) => upgraded,
        };
        #[cfg(unix)]
        let upgraded = match take::<UnixStream>(upgraded) {
            Ok((stream, read)) => return (stream.into(), read),
            Err(upgraded) => upgraded,
        };
        // What was read is read from it again.
        (UpgradedStream::new(upgraded).into(), Bytes::new())
    }
}

/// Takes a stream of this type back.
fn take<T>(upgraded: Upgraded) -> Result<(T, Bytes), Upgraded>
where
    TokioIo<T>: Read + Write + Unpin + 'static,
{
    let upgraded = match upgraded.downcast::<TokioIo<T>>() {
        Ok(parts) => return Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    #[cfg(feature = "http2")]
    let upgraded = match hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<T>>(upgraded) {
        Ok(parts) => return Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    Err(upgraded)
}

impl UpgradedStream {
    fn new(upgraded: Upgraded) -> Self {
        let is_write_vectored = upgraded.is_write_vectored();
        Self { inner: SyncWrapper::new(TokioIo::new(upgraded)), is_write_vectored }
    }

    #[expect(clippy::unused_self, reason = "as other streams have it")]
    pub(in crate::io) const fn tcp(&self) -> Option<&TcpStream> {
        None
    }

    #[expect(clippy::unused_self, reason = "as other streams have it")]
    pub(in crate::io) const fn is_tls(&self) -> bool {
        false
    }

    #[cfg(feature = "rustls")]
    #[expect(clippy::unused_self, reason = "as other streams have it")]
    pub(in crate::io) const fn tls(&self) -> Option<&rustls::CommonState> {
        None
    }

    fn pinned(&mut self) -> Pin<&mut TokioIo<Upgraded>> {
        Pin::new(self.inner.get_mut())
    }
}

impl AsyncRead for UpgradedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.pinned().poll_read(cx, buf)
    }
}

impl AsyncWrite for UpgradedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A stream of HTTP/2 takes all that it is given, whatever the peer has room for.
        let len = if self.is_write_vectored { bytes.len() } else { bytes.len().min(MAX_WRITE) };
        self.pinned().poll_write(cx, bytes.get(..len).unwrap_or_default())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pinned().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.is_write_vectored
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_shutdown(cx)
    }
}

/// Two frames of HTTP/2 of the usual size. hyper holds up to four writes of a stream whose peer does
/// not read.
const MAX_WRITE: usize = 32 << 10;
