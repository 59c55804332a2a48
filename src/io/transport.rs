//! `Transport`: what an adapter needs of a stream besides `Read + Write`; knows no WebSocket.

use alloc::boxed::Box;
use core::time::Duration;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;

/// A stream for a [`blocking`](super::blocking) WebSocket or for [`pump`](super::pump()).
///
/// Implemented for the TCP and Unix streams of the standard library. For any other `Read + Write`,
/// implement it or wrap the stream in [`Plain`]. All methods have a default. With the defaults, a
/// blocked read or write holds up deadlines and heartbeats, and a peer that is still sending may
/// lose the last Close frame or HTTP answer.
pub trait Transport: Read + Write {
    /// Limits how long each later read may block. The limit is never zero.
    ///
    /// # Errors
    ///
    /// The stream cannot limit its reads, which is the default. Then deadlines do not apply while a
    /// read blocks, and nothing is read once the connection has ended, because such a read might
    /// block forever.
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        let _ = timeout;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Limits how long each later write may block. The limit is never zero.
    ///
    /// # Errors
    ///
    /// The stream cannot limit its writes, which is the default. Then deadlines do not apply while
    /// a write blocks.
    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        let _ = timeout;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Shuts down the sending side (TCP's FIN, TLS's `close_notify`) and leaves the receiving side
    /// open. By default it does nothing: the peer sees the end when the stream is dropped.
    ///
    /// # Errors
    ///
    /// The transport's own.
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for TcpStream {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(timeout))
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(timeout))
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

#[cfg(unix)]
impl Transport for UnixStream {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(timeout))
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(timeout))
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        (**self).set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        (**self).set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        (**self).shutdown_write()
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        (**self).set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        (**self).set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        (**self).shutdown_write()
    }
}

/// Makes any `Read + Write` a [`Transport`], with the defaults of that trait.
///
/// ```
/// use sanswire::io::Plain;
/// use sanswire::io::blocking::WebSocket;
/// use sanswire::{Connection, Config};
///
/// let stream = Plain(std::io::Cursor::new(Vec::new())); // such as a TLS stream, or one of mio
/// let socket = WebSocket::from_driver(stream, Connection::server(&Config::default()));
/// # drop(socket);
/// ```
///
/// It cannot shut down one direction: a stream that can, such as the `TcpStream` of mio, should
/// implement [`Transport::shutdown_write`], so that the peer sees the end at once.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper to be put on and taken off")]
pub struct Plain<S>(
    /// The stream.
    pub S,
);

impl<S: Read> Read for Plain<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<S: Write> Write for Plain<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Transport for Plain<S> {}
