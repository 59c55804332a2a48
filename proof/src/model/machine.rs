//! What each end of a pair runs: a bare connection, or a driver. Knows neither pipes nor
//! applications.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Buf;
use sanswire::driver::{Driver, DriverError, Next, Write};
use sanswire::{Commands, Connection, ConnectionError, Event, Timestamp};

/// A machine of the crate, as the loop over a transport uses it.
pub(crate) trait Machine: Debug {
    /// Whether it delivers no message while an answer fills the output.
    const HOLDS_BACK: bool;

    fn new(connection: Connection) -> Self;

    fn commands(&mut self) -> Commands<'_>;

    /// Takes the next event, which `answer` may answer.
    ///
    /// # Errors
    ///
    /// What is no answer of an open connection.
    fn poll(&mut self, answer: impl FnOnce(&Event<'_>, Commands<'_>)) -> Result<Polled, String>;

    /// Takes what was read; an empty read is the end of the stream.
    fn read(&mut self, bytes: &[u8], now: Duration);

    /// Writes once, `most` bytes at most, or all there is when the end was told or has begun. The
    /// transport has `room` for so much.
    fn write(&mut self, told: Told, most: usize, room: usize) -> Written;

    /// Takes note that nothing can be written.
    fn fail_write(&mut self) -> Written;

    fn tell_time(&mut self, now: Duration);

    fn next_time(&self) -> Option<Timestamp>;

    fn wants_read(&self) -> bool;

    /// Whether the output is full, as far as that can be asked without consequences.
    fn is_full(&mut self) -> bool;

    /// Whether nothing more is expected of the transport once the end was told.
    fn is_over(&self) -> bool;

    /// Returns how many bytes of what was accepted were reported as not sent, once.
    fn discarded(&mut self) -> Option<u64>;

    fn connection(&self) -> &Connection;

    fn into_connection(self) -> Connection;
}

pub(crate) enum Polled {
    Event(Event<'static>),
    Failed(ConnectionError),
    Nothing,
    /// A driver has said that it is over.
    Over,
}

/// Whether the application was told the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    No,
    Yes,
}

#[derive(Default)]
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    /// Whether there was anything to do.
    pub(crate) has_moved: bool,
    /// Whether nothing comes behind the bytes.
    pub(crate) is_shut: bool,
}

impl Machine for Connection {
    const HOLDS_BACK: bool = false;

    fn new(connection: Connection) -> Self {
        connection
    }

    fn commands(&mut self) -> Commands<'_> {
        self.commands()
    }

    fn poll(&mut self, answer: impl FnOnce(&Event<'_>, Commands<'_>)) -> Result<Polled, String> {
        Ok(match self.poll_event() {
            Ok(Some((event, commands))) => {
                answer(&event, commands);
                Polled::Event(event.into_owned())
            }
            Ok(None) => Polled::Nothing,
            Err(error) => Polled::Failed(error),
        })
    }

    fn read(&mut self, bytes: &[u8], now: Duration) {
        if bytes.is_empty() {
            self.handle_eof();
        } else {
            self.input().extend_from_slice(bytes);
        }
        self.handle_timeout(now);
    }

    fn write(&mut self, told: Told, most: usize, room: usize) -> Written {
        assert_eq!(room, usize::MAX, "what a bare connection writes has to fit");
        let mut written = Written { is_shut: told == Told::Yes, ..Written::default() };
        while let Some(output) = self.poll_transmit() {
            let len =
                if told == Told::Yes { output.remaining() } else { output.remaining().min(most) };
            written.bytes.extend_from_slice(&output.copy_to_bytes(len));
            written.has_moved = true;
            if told == Told::No {
                break;
            }
        }
        written
    }

    /// A bare connection is not told: what it writes is lost.
    fn fail_write(&mut self) -> Written {
        let has_moved = self.write(Told::Yes, usize::MAX, usize::MAX).has_moved;
        Written { has_moved, ..Written::default() }
    }

    fn tell_time(&mut self, now: Duration) {
        self.handle_timeout(now);
    }

    fn next_time(&self) -> Option<Timestamp> {
        self.poll_timeout()
    }

    fn wants_read(&self) -> bool {
        self.wants_read()
    }

    fn is_full(&mut self) -> bool {
        !self.commands().has_room() || !self.wants_read()
    }

    fn is_over(&self) -> bool {
        true
    }

    fn discarded(&mut self) -> Option<u64> {
        self.poll_discarded().map(|discarded| discarded.bytes)
    }

    fn connection(&self) -> &Connection {
        self
    }

    fn into_connection(self) -> Connection {
        self
    }
}

impl Machine for Driver {
    const HOLDS_BACK: bool = true;

    fn new(connection: Connection) -> Self {
        connection.into()
    }

    fn commands(&mut self) -> Commands<'_> {
        self.commands()
    }

    fn poll(&mut self, answer: impl FnOnce(&Event<'_>, Commands<'_>)) -> Result<Polled, String> {
        let has_event = self.has_event();
        match self.poll_event() {
            Ok(Next::Wait) => Ok(Polled::Nothing),
            other if !has_event => Err(format!("{other:?} came unannounced")),
            Ok(Next::Event(event, commands)) => {
                answer(&event, commands);
                Ok(Polled::Event(event.into_owned()))
            }
            Ok(Next::Over) => Ok(Polled::Over),
            Err(DriverError::Connection(error)) => Ok(Polled::Failed(error)),
            other => Err(format!("an open connection has {other:?}")),
        }
    }

    fn read(&mut self, bytes: &[u8], now: Duration) {
        if let Some(mut input) = self.want_read() {
            input.extend_from_slice(bytes);
            self.handle_read(bytes.len(), now);
        }
    }

    fn write(&mut self, _: Told, most: usize, room: usize) -> Written {
        let mut written = Written::default();
        // At the end, a driver counts it as a try in vain if it asks and nothing is written.
        let writes_all = self.is_ending();
        while let Some(write) = self.want_write() {
            let len = match write {
                Write::Bytes(_) if !writes_all && !written.bytes.is_empty() => break,
                Write::Bytes(output) => {
                    let chunk = output.chunk();
                    let len = if writes_all { chunk.len() } else { chunk.len().min(most) };
                    let len = len.min(room - written.bytes.len());
                    if len == 0 {
                        break;
                    }
                    written.bytes.extend_from_slice(&chunk[..len]);
                    len
                }
                Write::Flush => 0,
                Write::Shutdown => {
                    written.is_shut = true;
                    0
                }
            };
            written.has_moved = true;
            self.handle_written(len);
        }
        written.is_shut |= self.is_over();
        written
    }

    fn fail_write(&mut self) -> Written {
        let has_moved = self.wants_write();
        if has_moved {
            self.handle_write_error();
        }
        Written { has_moved, ..Written::default() }
    }

    fn tell_time(&mut self, now: Duration) {
        self.handle_timeout(now);
    }

    fn next_time(&self) -> Option<Timestamp> {
        self.poll_timeout()
    }

    fn wants_read(&self) -> bool {
        self.wants_read()
    }

    /// To lend the commands would tell a driver that what comes answers nothing.
    fn is_full(&mut self) -> bool {
        !self.connection().wants_read()
    }

    fn is_over(&self) -> bool {
        self.is_over()
    }

    fn discarded(&mut self) -> Option<u64> {
        self.check_end().err().map(|discarded| discarded.bytes)
    }

    fn connection(&self) -> &Connection {
        self.connection()
    }

    fn into_connection(self) -> Connection {
        self.into_connection().expect("it was made of a connection")
    }
}
