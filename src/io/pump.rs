//! One turn of a loop around a driver, for any stream that is `Read + Write`; does not wait by
//! itself.

use std::io::{self, IoSlice, Read, Write};

use bytes::Buf;

use super::failure::Failure;
use super::transport::Transport;
use crate::buffer::{Input, TransmitBuf};
use crate::driver::{self, Driver};
use crate::io::SLICES;
use crate::timestamp::Timestamp;

/// Makes one turn of a loop around a [`Driver`]: writes until the stream takes no more, reads once,
/// and advances the clock. Returns whether anything happened.
///
/// Call it when [`Driver::poll_event`] returns [`Next::Wait`](driver::Next::Wait). If it returns
/// `false`, wait until the stream is ready or the time of [`Driver::poll_timeout`] has come. The
/// stream must be non-blocking, or have timeouts for reads and writes. `clock` returns the current
/// time, as a [`Timestamp`].
///
/// At the end of the connection it calls [`Transport::shutdown_write`], which tells the peer that
/// nothing follows. A [`Plain`](super::Plain) stream cannot be shut down: its peer sees the end
/// when the stream is dropped.
///
/// ```no_run
/// use std::net::TcpStream;
/// use std::time::{Duration, Instant};
///
/// use sanswire::driver::{self, Driver, Next};
/// use sanswire::handshake::Acceptance;
/// use sanswire::{Config, Event, io};
///
/// fn echo(stream: &mut TcpStream) -> Result<(), Box<dyn std::error::Error>> {
///     let (mut driver, start) = (Driver::server(&Config::default()), Instant::now());
///     stream.set_write_timeout(Some(STUCK))?;
///     loop {
///         match driver.poll_event()? {
///             Next::Event(Event::Text(text), mut commands) => commands.send(&text)?,
///             Next::Event(..) | Next::Response(_) | Next::Yield => {}
///             Next::Over => return Ok(()),
///             // A bad request is answered with its fault. `poll_event` has the error, too.
///             Next::Request(request) => {
///                 let _ = driver.accept(&request, &Acceptance::new());
///             }
///             Next::Wait => {
///                 let at = driver.poll_timeout();
///                 let left = at.map(|at| at.saturating_duration_since(start.elapsed()));
///                 let left = left.map(|left| left.max(Duration::from_millis(1)));
///                 stream.set_read_timeout(if driver.wants_write() { Some(STUCK) } else { left })?;
///                 // If the stream fails, the driver delivers what arrived before, then ends.
///                 let _ = io::pump(&mut driver, stream, || start.elapsed());
///             }
///         }
///     }
/// }
///
/// // The longest that a read or a write may block.
/// const STUCK: Duration = Duration::from_millis(50);
/// ```
///
/// # Errors
///
/// The stream failed. The driver has been told: keep polling it. It delivers what arrived before,
/// then reports the end.
pub fn pump<T: Into<Timestamp>>(
    driver: &mut Driver,
    stream: &mut impl Transport,
    mut clock: impl FnMut() -> T,
) -> io::Result<bool> {
    let mut failure = Failure::default();
    let has_moved = loop {
        match write(driver, stream, &mut failure) {
            Wrote::All => break true,
            Wrote::Nothing | Wrote::Stuck => break false,
            Wrote::Some => {}
        }
    };
    // Behind a write there may be an event: a closing handshake is complete, or there is room.
    let has_moved =
        driver.has_event() || read(driver, stream, &mut failure, || clock().into()) || has_moved;
    if let Some(error) = failure.take() {
        return Err(error);
    }
    let now: Timestamp = clock().into();
    if driver.poll_timeout().is_some_and(|at| at <= now) {
        driver.handle_timeout(now);
        return Ok(true);
    }
    Ok(has_moved)
}

/// How far writing got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    /// Everything that waited.
    All,
    /// There was nothing to do.
    Nothing,
    /// The stream took some of what waits, and may take more.
    Some,
    /// The stream takes nothing now.
    Stuck,
}

/// Writes once, and flushes behind the last of what waits. What fails is told the driver, and noted
/// as something done.
pub(super) fn write(
    driver: &mut Driver,
    stream: &mut impl Transport,
    failure: &mut Failure,
) -> Wrote {
    let mut wrote = Wrote::Nothing;
    while let Some(wanted) = driver.want_write() {
        let is_flush = matches!(wanted, driver::Write::Flush);
        let written = match wanted {
            driver::Write::Bytes(_) if wrote == Wrote::All => return Wrote::Some,
            driver::Write::Bytes(output) => write_bytes(stream, output),
            driver::Write::Flush => flush(stream).map(|()| 0),
            driver::Write::Shutdown => stream.shutdown_write().map(|()| 0),
        };
        match written {
            Ok(len) => driver.handle_written(len),
            Err(error) if is_timeout(&error) => return Wrote::Stuck,
            Err(error) => {
                failure.note(error, driver);
                driver.handle_write_error();
            }
        }
        wrote = Wrote::All;
        // Nothing but a shutdown can follow.
        if is_flush && !driver.is_ending() {
            break;
        }
    }
    wrote
}

/// Flushes although more may wait to be written. Returns whether that is done, or was before; what
/// fails is told the driver, and noted.
#[cfg(feature = "split")]
pub(super) fn flush_early(
    driver: &mut Driver,
    stream: &mut impl Transport,
    failure: &mut Failure,
) -> bool {
    if driver.is_broken() || driver.is_written() {
        return !driver.is_broken();
    }
    let flushed = flush(stream);
    let is_flushed = flushed.is_ok();
    if let Err(error) = flushed
        && !is_timeout(&error)
    {
        failure.note(error, driver);
        driver.handle_write_error();
    }
    is_flushed
}

/// Reads once, if anything is to be read. Returns whether anything came, or the end; what fails is
/// told the driver, and noted.
pub(super) fn read(
    driver: &mut Driver,
    stream: &mut impl Read,
    failure: &mut Failure,
    clock: impl FnOnce() -> Timestamp,
) -> bool {
    let Some(mut input) = driver.want_read() else { return false };
    match read_bytes(stream, &mut input) {
        Ok(len) => driver.handle_read(len, clock()),
        Err(error) if is_timeout(&error) => return false,
        Err(error) => {
            failure.note(error, driver);
            driver.handle_read_error();
        }
    }
    true
}

/// Reads once; 0 is the end of the stream.
fn read_bytes(stream: &mut impl Read, input: &mut Input<'_>) -> io::Result<usize> {
    let spare = input.spare_mut();
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

/// Writes once, as much as the stream takes.
fn write_bytes(stream: &mut impl Write, output: &TransmitBuf) -> io::Result<usize> {
    loop {
        let written = if output.chunk().len() == output.len() {
            // One slice costs the kernel less than a list of them.
            stream.write(output.chunk())
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let used = output.chunks_vectored(&mut slices);
            stream.write_vectored(slices.get(..used).unwrap_or_default())
        };
        match written {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            written => return written,
        }
    }
}

fn flush(stream: &mut impl Write) -> io::Result<()> {
    loop {
        match stream.flush() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            flushed => return flushed,
        }
    }
}

/// Returns whether a read or a write may simply be made again later.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
