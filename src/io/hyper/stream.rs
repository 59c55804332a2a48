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
#[cfg(feature = "rustls")]
use tokio_rustls::{TlsStream, client, server};

use super::held::HeldStream;
use crate::Role;
use crate::io::tokio::NetStream;

/// A stream that another crate has made.
#[derive(Debug)]
pub(in crate::io) enum UpgradedStream {
    Hyper(HeldStream),
    /// TLS as most servers have it.
    #[cfg(feature = "rustls")]
    Tls(Box<TlsStream<TcpStream>>),
}

impl NetStream {
    /// Takes the stream back from hyper, and what hyper has read of it beyond the head.
    pub(super) fn of_upgraded(upgraded: Upgraded, role: Role) -> (Self, Bytes) {
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
        // What was read is read from it again.
        (UpgradedStream::Hyper(HeldStream::new(upgraded, role)).into(), Bytes::new())
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
            Self::Hyper(_) => None,
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Some(stream.get_ref().0),
        }
    }

    pub(in crate::io) const fn is_tls(&self) -> bool {
        match self {
            Self::Hyper(_) => false,
            #[cfg(feature = "rustls")]
            Self::Tls(_) => true,
        }
    }

    #[cfg(feature = "rustls")]
    pub(in crate::io) fn tls(&self) -> Option<&rustls::CommonState> {
        match self {
            Self::Hyper(_) => None,
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
            Self::Hyper(stream) => Pin::new(stream).poll_read(cx, buf),
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
            Self::Hyper(stream) => Pin::new(stream).poll_write(cx, bytes),
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
            Self::Hyper(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Hyper(stream) => stream.is_write_vectored(),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Hyper(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Hyper(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
