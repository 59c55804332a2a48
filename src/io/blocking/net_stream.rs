//! The stream of a connection that this crate has made: TCP or a Unix socket, with TLS on it or
//! not; decides nothing.

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
use crate::io::net_stream::net_stream;

net_stream! {
    /// A TCP or Unix stream, with TLS on it or not.
    ///
    /// It is the stream of every connection that this crate makes, by
    /// [`WebSocket::connect`](super::WebSocket::connect). Which of them it is depends on the URL and on
    /// the options, not on the features of the crate.
    pub struct NetStream {
        Tcp(TcpStream),
        Unix(UnixStream),
        Tls(TlsStream<NetStream>): |stream| (stream.get_ref(), stream.tls()),
    }
}

#[cfg(feature = "rustls")]
impl From<TlsStream<Self>> for NetStream {
    fn from(stream: TlsStream<Self>) -> Self {
        Self::over_tls(stream)
    }
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
