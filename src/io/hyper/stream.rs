//! The stream that an HTTP server or client of hyper hands out: TCP and the like where it can be
//! taken back; knows no handshake.

#[cfg(feature = "rustls")]
use alloc::boxed::Box;
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
#[cfg(feature = "rustls")]
use tokio_rustls::{TlsStream, client, server};

use crate::io::tokio::NetStream;

/// A stream that another crate has made.
#[derive(Debug)]
pub(in crate::io) enum UpgradedStream {
    /// One of HTTP/2, or of a type that is not known.
    Hyper { stream: SyncWrapper<TokioIo<Upgraded>>, is_write_vectored: bool },
    /// TLS as most servers have it.
    #[cfg(feature = "rustls")]
    Tls(Box<TlsStream<TcpStream>>),
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
        #[cfg(feature = "rustls")]
        let upgraded = match UpgradedStream::take_tls(upgraded) {
            Ok((stream, read)) => return (stream.into(), read),
            Err(upgraded) => upgraded,
        };
        let is_write_vectored = upgraded.is_write_vectored();
        let stream = SyncWrapper::new(TokioIo::new(upgraded));
        // What was read is read from it again.
        (UpgradedStream::Hyper { stream, is_write_vectored }.into(), Bytes::new())
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
    #[cfg(feature = "rustls")]
    fn take_tls(upgraded: Upgraded) -> Result<(Self, Bytes), Upgraded> {
        let (stream, read) = match take::<server::TlsStream<TcpStream>>(upgraded) {
            Ok((stream, read)) => (TlsStream::from(stream), read),
            Err(upgraded) => match take::<client::TlsStream<TcpStream>>(upgraded) {
                Ok((stream, read)) => (TlsStream::from(stream), read),
                Err(upgraded) => take::<TlsStream<TcpStream>>(upgraded)?,
            },
        };
        Ok((Self::Tls(Box::new(stream)), read))
    }

    pub(in crate::io) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Hyper { .. } => None,
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Some(stream.get_ref().0),
        }
    }

    pub(in crate::io) const fn is_tls(&self) -> bool {
        match self {
            Self::Hyper { .. } => false,
            #[cfg(feature = "rustls")]
            Self::Tls(_) => true,
        }
    }

    #[cfg(feature = "rustls")]
    pub(in crate::io) fn tls(&self) -> Option<&rustls::CommonState> {
        match self {
            Self::Hyper { .. } => None,
            Self::Tls(stream) => Some(stream.get_ref().1),
        }
    }
}

impl AsyncRead for UpgradedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Hyper { stream, .. } => Pin::new(stream.get_mut()).poll_read(cx, buf),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UpgradedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Hyper { stream, is_write_vectored } => {
                // A stream of HTTP/2, which writes no lists, takes all that it is given, whatever
                // the peer has room for. TCP does not.
                let limit = if *is_write_vectored { bytes.len() } else { MAX_WRITE };
                let bytes = bytes.get(..limit).unwrap_or(bytes);
                Pin::new(stream.get_mut()).poll_write(cx, bytes)
            }
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Hyper { stream, .. } => {
                Pin::new(stream.get_mut()).poll_write_vectored(cx, slices)
            }
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Hyper { is_write_vectored, .. } => *is_write_vectored,
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Hyper { stream, .. } => Pin::new(stream.get_mut()).poll_flush(cx),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Hyper { stream, .. } => Pin::new(stream.get_mut()).poll_shutdown(cx),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// One frame of HTTP/2 of the usual size. hyper holds up to four writes of a stream whose peer does not
/// read. Of 100 sockets with 10 MiB each way on one connection (`tests/memory/http2.rs`), the last has
/// 95 % when the first is done, 358 KiB are held for each and its peer, and it takes 2.4 s of CPU.
/// With 8 KiB it is 97 %, 389 KiB and 3.0 s; with 32 KiB 94 %, 438 KiB and 2.5 s; with 128 KiB 93 %,
/// 804 KiB and 2.4 s.
const MAX_WRITE: usize = 16 << 10;
