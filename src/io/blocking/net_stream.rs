//! The stream of a connection that this crate has made: TCP or a Unix socket, with TLS on it or
//! not; decides nothing.

#[cfg(feature = "rustls")]
use alloc::boxed::Box;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};

#[cfg(feature = "rustls")]
use super::tls::TlsStream;
use crate::io::Transport;

/// A TCP or Unix stream, with TLS on it or not.
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
            Kind::Tls(stream) => stream.get_ref().tcp(),
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
            Kind::Tls(stream) => Some(stream.tls()),
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
impl From<TlsStream<Self>> for NetStream {
    fn from(stream: TlsStream<Self>) -> Self {
        Self(Kind::Tls(Box::new(stream)))
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

impl Read for NetStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        with_stream!(&mut self.0, stream => stream.read(buf))
    }
}

impl Write for NetStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        with_stream!(&mut self.0, stream => stream.write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        with_stream!(&mut self.0, stream => stream.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        with_stream!(&mut self.0, stream => stream.flush())
    }
}

#[cfg(unix)]
impl AsFd for NetStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        with_stream!(&self.0, stream => stream.as_fd())
    }
}

#[cfg(windows)]
impl AsSocket for NetStream {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        with_stream!(&self.0, stream => stream.as_socket())
    }
}

impl Transport for NetStream {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        with_stream!(&mut self.0, stream => Transport::set_read_timeout(stream, timeout))
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        with_stream!(&mut self.0, stream => Transport::set_write_timeout(stream, timeout))
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        with_stream!(&mut self.0, stream => stream.shutdown_write())
    }
}
