//! What moves bytes between a stream, its connection and the application; knows no frames.

use core::time::Duration;
use std::io;

use super::WebSocket;
use super::transport::{Transport, finish, is_timeout, read, write};
use crate::connection::{Connection, Event, ReadyState};
use crate::error::SendError;
use crate::io::Error;

impl<S: Transport> WebSocket<S> {
    /// As [`recv_with`](Self::recv_with), until the time is `until`.
    pub(super) fn recv_until<T>(
        &mut self,
        until: Option<Duration>,
        take: impl FnOnce(Event<'_>, &mut Connection) -> T,
    ) -> Result<Option<T>, Error> {
        if self.is_gated {
            self.drain(until)?;
        }
        let mut has_waited = false;
        loop {
            let wanted = self.connection.wants_read();
            let ended = match self.connection.poll_event(&mut self.input) {
                Ok(Some(Event::Closed(_))) => Ok(true),
                Ok(Some(event)) => {
                    let taken = take(event, &mut self.connection);
                    // Only for answers: two peers that would not read while they have something to
                    // say could wait for each other.
                    self.is_gated = wanted && !self.connection.wants_read();
                    return Ok(Some(taken));
                }
                Ok(None) => Ok(false),
                Err(error) => Err(error),
            };
            match ended {
                Ok(false) if self.connection.ready_state() == ReadyState::Closed => {
                    return Ok(None);
                }
                Ok(false) => {
                    // What came in time has been looked at.
                    if has_waited {
                        self.check_until(until)?;
                    }
                    self.advance(until)?;
                    has_waited = true;
                }
                Ok(true) => {
                    self.end();
                    let closed = self.connection.closed().cloned().map(Event::Closed);
                    return Ok(closed.map(|event| take(event, &mut self.connection)));
                }
                Err(error) => {
                    if error.is_peer_gone() {
                        self.ended = true;
                    }
                    self.end();
                    return Err(self.failure.take().map_or(error.into(), Error::Io));
                }
            }
        }
    }

    /// Queues what `command` sends, waiting for room, and writes it.
    pub(super) fn command(
        &mut self,
        command: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        self.queue(command)?;
        self.flush()
    }

    /// Queues what `command` sends, waiting for room.
    pub(super) fn queue(
        &mut self,
        mut command: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        loop {
            match command(&mut self.connection) {
                Ok(()) => return Ok(()),
                Err(SendError::Full { .. }) => self.make_room()?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes once, waiting until something is written.
    pub(super) fn make_room(&mut self) -> io::Result<()> {
        while !self.write_once()? {
            self.wait_stuck()?;
        }
        Ok(())
    }

    /// Writes once what waits, which is not nothing; returns whether the stream took any of it.
    fn write_once(&mut self) -> io::Result<bool> {
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        let is_bounded = self.clock.bound_writes(&mut self.stream);
        let Some(output) = self.connection.poll_transmit() else { return Ok(true) };
        match write(&mut self.stream, output) {
            Ok(()) => {
                self.unflushed = true;
                Ok(true)
            }
            Err(error) if is_bounded && is_timeout(&error) => Ok(false),
            Err(error) => Err(self.note_broken(error)),
        }
    }

    /// Writes until the connection wants to read again, or cannot go on.
    fn drain(&mut self, until: Option<Duration>) -> Result<(), Error> {
        while !self.connection.wants_read() {
            match self.write_once() {
                Ok(true) if self.connection.wants_read() => break,
                Ok(true) => {}
                Ok(false) => {
                    // What failed is found by who receives, here and below.
                    if self.wait_stuck().is_err() {
                        break;
                    }
                }
                Err(error) if is_timeout(&error) => return Err(error.into()),
                Err(_) => break,
            }
            self.check_until(until)?;
        }
        self.is_gated = false;
        Ok(())
    }

    /// Writes until nothing waits, the stream takes no more, or the time is `until`.
    pub(super) fn write_all(&mut self, until: Option<Duration>) -> io::Result<Written> {
        while self.connection.poll_transmit().is_some() {
            if !self.write_once()? {
                return Ok(Written::Some);
            }
            // A peer that takes a little each time would make each write succeed.
            let is_time = until.is_some_and(|until| until <= self.clock.now());
            if is_time && self.connection.poll_transmit().is_some() {
                return Ok(Written::Some);
            }
        }
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        if self.unflushed {
            let is_bounded = self.clock.bound_writes(&mut self.stream);
            match self.stream.flush() {
                Ok(()) => self.unflushed = false,
                Err(error) if is_bounded && is_timeout(&error) => return Ok(Written::Some),
                Err(error) => return Err(self.note_broken(error)),
            }
        }
        Ok(Written::All)
    }

    /// Looks at what else goes on while a sender can write nothing.
    ///
    /// # Errors
    ///
    /// When that has taken too long.
    pub(super) fn wait_stuck(&mut self) -> io::Result<()> {
        if self.ended || self.connection.ready_state() == ReadyState::Closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.read_ahead();
        let now = self.clock.now();
        self.connection.handle_timeout(now);
        if self.connection.poll_timeout_unread().is_some_and(|at| at <= now) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "a deadline has passed"));
        }
        Ok(())
    }

    /// Reads a little of what is there, to see that the peer lives.
    fn read_ahead(&mut self) {
        let wants = self.input.len() < READ_AHEAD && !self.eof;
        if wants && self.clock.bound_read(&mut self.stream, Some(Duration::ZERO)) {
            // Nothing there is no failure, and others are found when they are looked for.
            let _ = self.read();
            self.connection.note_input(&self.input);
        } else {
            self.connection.note_not_reading();
        }
    }

    /// Reads once; only a wait that ended without input is an error.
    fn read(&mut self) -> io::Result<()> {
        let read = read(&mut self.stream, &mut self.input, self.reads.size());
        self.looked = self.clock.now();
        match read {
            Ok(0) => self.note_eof(),
            Ok(len) => {
                self.reads.note(len);
                self.connection.handle_timeout(self.looked);
            }
            Err(error) if is_timeout(&error) => return Err(error),
            Err(error) => {
                self.failure.get_or_insert(error);
                self.note_eof();
            }
        }
        Ok(())
    }

    /// Writes what waits, or else waits for input until the time is `until`.
    fn advance(&mut self, until: Option<Duration>) -> Result<(), Error> {
        if self.broken.is_none() {
            let waits = self.unflushed || self.connection.poll_transmit().is_some();
            match self.write_all(until) {
                // The closing handshake may be complete now.
                Ok(Written::All) if waits => return Ok(()),
                Ok(Written::All) => {}
                Ok(Written::Some) => {
                    self.read_ahead();
                    self.connection.handle_timeout(self.clock.now());
                    return self.check_until(until);
                }
                Err(error) if self.broken.is_some() => self.failure = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        // A Close frame came that cannot be answered any more.
        if self.broken.is_some() && self.connection.closed().is_some() {
            self.note_eof();
            return Ok(());
        }
        self.wait(until)
    }

    /// Waits for input, for something to write, or for a deadline.
    fn wait(&mut self, until: Option<Duration>) -> Result<(), Error> {
        loop {
            let now = self.clock.now();
            if self.connection.poll_timeout().is_some_and(|at| at <= now) {
                self.connection.handle_timeout(now);
                let due = self.connection.poll_timeout().filter(|at| *at <= now);
                // What came in time may wait in the transport, when the caller was busy elsewhere.
                if due.is_some_and(|at| self.looked < at)
                    && self.clock.bound_read(&mut self.stream, Some(Duration::ZERO))
                {
                    // Nothing there is no failure.
                    let _ = self.read();
                }
                if due.is_some() || self.connection.poll_transmit().is_some() {
                    return Ok(());
                }
            }
            let next = self.connection.poll_timeout().into_iter().chain(until).min();
            let left = next.map(|at| at.saturating_sub(now));
            let is_bounded = self.clock.bound_read(&mut self.stream, left);
            match self.read() {
                Ok(()) => return Ok(()),
                Err(_) if is_bounded => {
                    // A large message may have left a large buffer behind.
                    self.input.release();
                    self.check_until(until)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns until when a call that begins now may wait.
    pub(super) fn until(&self) -> Option<Duration> {
        self.read_timeout.map(|timeout| self.clock.now().saturating_add(timeout))
    }

    pub(super) fn check_until(&self, until: Option<Duration>) -> Result<(), Error> {
        if until.is_some_and(|until| until <= self.clock.now()) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no event in time").into());
        }
        Ok(())
    }

    /// Notes that writing is over, unless the error passes.
    fn note_broken(&mut self, error: io::Error) -> io::Error {
        if !is_timeout(&error) {
            self.broken = Some(error.kind());
        }
        error
    }

    fn note_eof(&mut self) {
        self.eof = true;
        self.connection.handle_eof();
    }

    /// Closes the transport so that the peer gets all that was written.
    fn end(&mut self) {
        if !self.ended {
            self.ended = true;
            let output = self.connection.poll_transmit().filter(|_| self.broken.is_none());
            finish(&mut self.stream, output, self.eof);
        }
    }
}

/// How far writing got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    All,
    Some,
}

/// What is read while nobody asks for events, to see that the peer lives.
const READ_AHEAD: usize = 64 << 10;
