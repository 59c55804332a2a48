//! What comes next on a connection: found out, and lent together with the commands to answer it;
//! sends nothing.

use core::ops::Range;

use super::Connection;
use crate::buffer::SpareBuffers;
use crate::close::Closed;
use crate::connection::commands::Commands;
use crate::connection::endpoint::Processed;
use crate::connection::event::{Event, Writable};
use crate::connection::life::Phase;
use crate::error::ConnectionError;
use crate::message::{Chunk, MessageKind, Text};
use crate::receive::{Received, Short, Source};

/// What comes next, as positions in what was received: they hold until anything else is asked of
/// the connection.
#[derive(Debug)]
pub(crate) enum Ready {
    Chunk {
        kind: MessageKind,
        is_first: bool,
        is_last: bool,
        source: Source,
    },
    Closed(Closed),
    Writable(Writable),
    Message(MessageKind, Source),
    /// The budget is used up, and there is more to do.
    Paused,
    Ping(Range<usize>),
    Pong(Range<usize>),
}

impl Connection {
    /// Returns the next event and the commands to answer it, or `Ok(None)` if more input is needed.
    ///
    /// The event borrows the received bytes, and the commands borrow the rest of the connection, so
    /// both can be used together. After [`Event::Closed`], it always returns `Ok(None)`.
    ///
    /// # Errors
    ///
    /// The connection has failed (§7.1.7): the peer broke a rule, a limit was exceeded, a deadline has
    /// passed, or the stream ended. [`ConnectionError`] lists the causes. A Close frame with the
    /// right code has been queued where one can still be sent. No more input is parsed, and every
    /// later call returns the same error.
    ///
    /// # Panics
    ///
    /// Never.
    #[inline(always)]
    pub fn poll_event(&mut self) -> Result<Option<(Event<'_>, Commands<'_>)>, ConnectionError> {
        // Nearly everything that arrives is a whole message in one frame, or a part of one.
        if let Some(received) = self.poll_short()? {
            return Ok(Some(self.lend_short(received)));
        }
        if self.is_waiting() {
            return Ok(None);
        }
        let mut unlimited = usize::MAX;
        let Some(ready) = self.poll_ready(&mut unlimited)? else { return Ok(None) };
        // Taken apart, or what is lent above would be put in memory for the sake of this way, and
        // the processor would wait for it there.
        let Some((event, commands)) = self.lend(ready) else { return Ok(None) };
        Ok(Some((event, commands)))
    }

    /// Takes a message that is one frame and lies whole at the front of the input, if the
    /// connection is open: the short way of [`poll_ready`](Self::poll_ready).
    #[inline(always)]
    pub(crate) fn poll_short(&mut self) -> Result<Option<Short>, ConnectionError> {
        if !self.endpoint.life().is_open() {
            return Ok(None);
        }
        match self.receiver.poll_short() {
            Ok(None) => Ok(None),
            Ok(Some(short)) => {
                self.endpoint.note_received();
                Ok(Some(short))
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Returns whether there is nothing to find out before more arrives or the application does
    /// something: the short way of a part of a frame.
    #[inline]
    fn is_waiting(&mut self) -> bool {
        self.receiver.is_waiting() && self.endpoint.is_waiting(self.receiver.received())
    }

    /// Finds out what comes next, without lending it; [`Ready::Paused`] when `budget`, counted in
    /// bytes of work, is used up before that. `usize::MAX` never is.
    #[inline(never)]
    pub(crate) fn poll_ready(
        &mut self,
        budget: &mut usize,
    ) -> Result<Option<Ready>, ConnectionError> {
        loop {
            match self.endpoint.life().phase() {
                Phase::Open | Phase::CloseSent => {}
                Phase::AwaitingEof(_) => {
                    // §5.5.1: after a Close frame, "any further data" is discarded.
                    self.receiver.clear();
                    return Ok(self.endpoint.poll_closed().map(Ready::Closed));
                }
                Phase::Failed(failure) => return Err(failure.error()),
                Phase::Connecting | Phase::Closed(_) => return Ok(None),
            }
            let received = match self.receiver.poll(budget) {
                Ok(Some(received)) => received,
                Ok(None) => return self.poll_quiet(),
                Err(error) => return Err(self.fail(error)),
            };
            return Ok(Some(match received {
                Received::Chunk { .. } | Received::Message(..)
                    if self.endpoint.life().drops_messages() =>
                {
                    continue;
                }
                Received::Chunk { kind, is_first, is_last, source } => {
                    if is_last {
                        self.endpoint.note_received();
                    }
                    Ready::Chunk { kind, is_first, is_last, source }
                }
                Received::Close(body) => {
                    match self.endpoint.receive_close(self.receiver.bytes(body)) {
                        Ok(()) => continue,
                        Err(error) => return Err(self.fail(error)),
                    }
                }
                Received::Message(kind, source) => {
                    self.endpoint.note_received();
                    Ready::Message(kind, source)
                }
                Received::Paused => Ready::Paused,
                Received::Ping(payload) => {
                    self.endpoint.receive_ping(self.receiver.bytes(payload.clone()));
                    Ready::Ping(payload)
                }
                Received::Pong(payload) => {
                    self.endpoint.receive_pong(self.receiver.bytes(payload.clone()));
                    Ready::Pong(payload)
                }
            }));
        }
    }

    /// Finds out what comes next when everything that arrived is processed.
    fn poll_quiet(&mut self) -> Result<Option<Ready>, ConnectionError> {
        if self.endpoint.life().is_eof() {
            return Err(self.fail(ConnectionError::UnexpectedEof));
        }
        if self.endpoint.is_behind() {
            self.endpoint.note_unjudged();
            return Ok(self.endpoint.poll_writable().map(Ready::Writable));
        }
        // Nothing is due before the time was told first.
        if !self.endpoint.is_timed() {
            self.endpoint.note_processed(self.receiver.received());
            return Ok(self.endpoint.poll_writable().map(Ready::Writable));
        }
        match self.endpoint.settle(self.processed()) {
            Some(error) => Err(self.fail(error)),
            None => Ok(self.endpoint.poll_writable().map(Ready::Writable)),
        }
    }

    #[inline(always)]
    pub(super) fn processed(&self) -> Processed {
        Processed { received: self.receiver.received(), arriving: self.receiver.arriving() }
    }

    /// Fails the connection (§7.1.7). Nothing more is made of what has arrived.
    #[cold]
    fn fail(&mut self, error: ConnectionError) -> ConnectionError {
        self.receiver.clear();
        self.receiver.release_to(&mut SpareBuffers::default());
        self.endpoint.fail(error)
    }

    /// Lends what [`poll_short`](Self::poll_short) has found.
    #[inline(always)]
    pub(crate) fn lend_short(&mut self, short: Short) -> (Event<'_>, Commands<'_>) {
        let Short { kind, payload } = short;
        let payload = self.receiver.lend_range(payload);
        let event = match kind {
            MessageKind::Binary => Event::Binary(payload),
            MessageKind::Text => Event::Text(Text::from_validated(payload)),
        };
        (event, Commands::new(&mut self.endpoint))
    }

    /// Lends what [`poll_ready`](Self::poll_ready) has found; of a pause, there is nothing to lend.
    #[inline]
    pub(crate) fn lend(&mut self, ready: Ready) -> Option<(Event<'_>, Commands<'_>)> {
        let event = match ready {
            Ready::Chunk { kind, is_first, is_last, source } => {
                let payload = self.receiver.lend(source);
                Event::Chunk(Chunk { kind, is_first, is_last, payload })
            }
            Ready::Closed(closed) => Event::Closed(closed),
            Ready::Writable(writable) => Event::Writable(writable),
            Ready::Message(MessageKind::Binary, source) => {
                Event::Binary(self.receiver.lend(source))
            }
            Ready::Message(MessageKind::Text, source) => {
                Event::Text(Text::from_validated(self.receiver.lend(source)))
            }
            Ready::Paused => return None,
            Ready::Ping(payload) => Event::Ping(self.receiver.lend_range(payload)),
            Ready::Pong(payload) => Event::Pong(self.receiver.lend_range(payload)),
        };
        Some((event, Commands::new(&mut self.endpoint)))
    }
}
