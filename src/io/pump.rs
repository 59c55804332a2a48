//! One turn of a loop around a driver, for any `Read + Write`; does not wait by itself.

use core::time::Duration;
use std::io::{self, IoSlice, Read, Write};

use bytes::Buf;

use crate::buffer::{Input, TransmitBuf};
use crate::driver::{self, Driver};
use crate::io::SLICES;

/// Makes one turn of a loop around a [`Driver`]: writes until the stream takes no more, reads once,
/// and tells the time. Returns whether anything happened.
///
/// Call it when [`Driver::poll_event`] returns [`Next::Wait`](driver::Next::Wait). When it returns
/// `false`, wait for the stream, until [`Driver::poll_timeout`] at most. The stream is non-blocking,
/// or has timeouts for reads and writes. `clock` returns the time since a fixed point of your choice.
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
///             // A bad request is answered so, and `poll_event` returns the error behind that.
///             Next::Request(request) => drop(driver.accept(&request, &Acceptance::new())),
///             Next::Wait => {
///                 let left = driver.poll_timeout().map(|at| at.saturating_sub(start.elapsed()));
///                 let left = left.map(|left| left.max(Duration::from_millis(1)));
///                 stream.set_read_timeout(if driver.wants_write() { Some(STUCK) } else { left })?;
///                 // When the stream fails, the driver ends behind what came before.
///                 let _ = io::pump(&mut driver, stream, || start.elapsed());
///             }
///         }
///     }
/// }
///
/// // How long one direction may hold up the other.
/// const STUCK: Duration = Duration::from_millis(50);
/// ```
///
/// # Errors
///
/// The stream failed. The driver knows: go on, and it delivers what arrived before, then reports the
/// end.
pub fn pump(
    driver: &mut Driver,
    stream: &mut (impl Read + Write),
    mut clock: impl FnMut() -> Duration,
) -> io::Result<bool> {
    let mut has_moved = false;
    while let Some(wanted) = driver.want_write() {
        match write(stream, wanted) {
            Ok(len) => driver.handle_written(len),
            Err(error) if is_timeout(&error) => break,
            Err(error) => {
                driver.handle_write_error();
                return Err(error);
            }
        }
        has_moved = true;
    }
    // Behind a write there may be an event: a closing handshake is complete, or there is room.
    if has_moved && driver.has_event() {
        return Ok(true);
    }
    if let Some(mut input) = driver.want_read() {
        match read(stream, &mut input) {
            Ok(len) => {
                driver.handle_read(len, clock());
                return Ok(true);
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => {
                driver.handle_read_error();
                return Err(error);
            }
        }
    }
    let now = clock();
    if driver.poll_timeout().is_some_and(|at| at <= now) {
        driver.handle_timeout(now);
        return Ok(true);
    }
    Ok(has_moved)
}

/// Reads once; 0 is the end of the stream.
pub(super) fn read(stream: &mut impl Read, input: &mut Input<'_>) -> io::Result<usize> {
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

/// Writes once, flushes, or shuts down as far as a `Write` can: by a flush.
fn write(stream: &mut impl Write, wanted: driver::Write<'_>) -> io::Result<usize> {
    match wanted {
        driver::Write::Bytes(output) => write_bytes(stream, output),
        driver::Write::Flush | driver::Write::Shutdown => flush(stream).map(|()| 0),
    }
}

/// Writes once, as much as the stream takes.
pub(super) fn write_bytes(stream: &mut impl Write, output: &TransmitBuf) -> io::Result<usize> {
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

/// Flushes.
pub(super) fn flush(stream: &mut impl Write) -> io::Result<()> {
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
