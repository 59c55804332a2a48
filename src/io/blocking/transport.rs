//! What a blocking WebSocket needs of a stream, and single reads and writes on it; knows no
//! connection.

use alloc::boxed::Box;
use alloc::vec;
use core::time::Duration;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Instant;

use bytes::Buf;

use crate::buffer::{ReceiveBuf, TransmitBuf};
use crate::io::reads::READ_SIZE;
use crate::io::{LINGER_BYTES, LINGER_TIMEOUT};

/// A stream that a blocking WebSocket can be over.
///
/// Anything that is `Read + Write` can be one: all methods have a default, and [`Plain`] makes
/// one of types from elsewhere. They make for deadlines and heartbeats, and for a better end of a
/// connection: the peer gets the last Close frame or HTTP answer also if it was still sending.
pub trait Transport: Read + Write {
    /// Bounds how long each read may block from now on. The bound is not zero.
    ///
    /// # Errors
    ///
    /// When it cannot be bounded, as by default. Then there are no deadlines while a read blocks,
    /// and nothing is read once the connection has ended, because that might take forever.
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        let _ = timeout;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Bounds how long each write may block from now on. The bound is not zero.
    ///
    /// # Errors
    ///
    /// When it cannot be bounded, as by default. Then there are no deadlines while a write blocks.
    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        let _ = timeout;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Tells the peer that nothing more will be written, and leaves reading as it is: TCP's FIN,
    /// TLS's `close_notify`. By default it is told when the stream is dropped.
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

/// Any `Read + Write` as a [`Transport`], with the defaults of that trait.
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

/// Reads once; 0 is the end of the stream.
pub(super) fn read(
    stream: &mut impl Read,
    input: &mut ReceiveBuf,
    size: usize,
) -> io::Result<usize> {
    let spare = input.spare_mut(size);
    loop {
        match stream.read(spare) {
            Ok(len) => {
                // A reader that claims more than it was lent is wrong, not the peer.
                let len = len.min(spare.len());
                input.commit(len);
                return Ok(len);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes once, as much as the stream takes of `output`, which is not empty.
pub(super) fn write(stream: &mut impl Write, output: &mut TransmitBuf) -> io::Result<()> {
    loop {
        let written = if output.chunk().len() == output.len() {
            stream.write(output.chunk())
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let used = output.chunks_vectored(&mut slices);
            stream.write_vectored(slices.get(..used).unwrap_or_default())
        };
        match written {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => {
                output.advance(len);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes all of `output`.
pub(super) fn write_all(
    stream: &mut impl Write,
    output: Option<&mut TransmitBuf>,
) -> io::Result<()> {
    if let Some(output) = output {
        while !output.is_empty() {
            write(stream, output)?;
        }
    }
    stream.flush()
}

/// Closes a stream so that the peer gets all that was written: writes what is left, says that
/// nothing follows, and reads until the peer is done, all for a bounded time.
pub(super) fn finish(stream: &mut impl Transport, output: Option<&mut TransmitBuf>, eof: bool) {
    let deadline = Instant::now() + LINGER_TIMEOUT;
    let is_bounded = bound(stream, deadline).is_ok();
    if let Some(output) = output {
        while !output.is_empty() {
            // A peer that takes a little each time would make each write succeed, and all of them
            // last forever.
            if is_bounded && bound(stream, deadline).is_err() || write(stream, output).is_err() {
                return;
            }
        }
    }
    // Nobody is there to be told that the peer is gone already.
    let told = stream.flush().and_then(|()| stream.shutdown_write());
    if told.is_err() || !is_bounded || eof {
        return;
    }
    let mut scratch = vec![0; READ_SIZE];
    let mut left = LINGER_BYTES;
    while left > 0 {
        if bound(stream, deadline).is_err() {
            return;
        }
        match stream.read(&mut scratch) {
            Ok(0) => return,
            Ok(len) => left = left.saturating_sub(len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Has the next read or write end by the deadline.
fn bound(stream: &mut impl Transport, deadline: Instant) -> io::Result<()> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => {
            stream.set_read_timeout(left)?;
            stream.set_write_timeout(left)
        }
    }
}

/// Returns whether a read or a write may simply be made again later.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// How many pieces of output go into one write. More than large messages that wait at once.
const SLICES: usize = 64;
