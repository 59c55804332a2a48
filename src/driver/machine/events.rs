//! What happened, and what is next; touches no transport.

use alloc::boxed::Box;

use super::{Answers, Driver, Writing};
use crate::connection::{Commands, Event, Ready, ReadyState};
use crate::driver::ending::{Ending, Farewell, Outcome};
use crate::driver::error::DriverError;
use crate::driver::opening::Opening;
use crate::error::ConnectionError;
use crate::handshake::{HandshakeError, Request, Response};
use crate::role::Role;

/// What to do next, from [`Driver::poll_event`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a loop has to know all there is to do")]
pub enum Next<'a> {
    /// Something arrived on the open connection. The commands answer it.
    Event(Event<'a>, Commands<'a>),
    /// The connection was closed, as [`Event::Closed`] said before, and the transport is done: drop
    /// it.
    Over,
    /// A client asks for a connection. [`accept`](Driver::accept) or [`reject`](Driver::reject) the
    /// request, now or later.
    Request(Box<Request>),
    /// The server accepted the connection with this response; it is open now.
    /// [`response`](Driver::response) returns it later, too.
    Response(&'a Response),
    /// Nothing happens until the transport makes progress or the time of [`Driver::poll_timeout`]
    /// comes.
    Wait,
    /// The connection has had its fair share of work. Let other connections run, then poll again.
    Yield,
}

/// What [`Driver::advance`] found, without what it lends.
enum Found {
    Over,
    Ready(Ready),
    Request(Box<Request>),
    Response,
    Wait,
    Yield,
}

impl Driver {
    /// Returns what to do next. Call it until it returns [`Next::Wait`], then read and write.
    ///
    /// # Errors
    ///
    /// The connection failed or was never opened. Everything that arrived before has been
    /// delivered, and the transport is done: drop it. Later calls return the same error.
    #[inline(always)]
    pub fn poll_event(&mut self) -> Result<Next<'_>, DriverError> {
        // Nearly everything is a message on an open connection, while answers have room.
        if self.credit > 0
            && self.ending.is_none()
            && self.connection.wants_read()
            // A failure is found again below.
            && let Ok(Some(short)) = self.connection.poll_short()
        {
            self.credit -= EVENT + 2 * short.payload.len().cast_signed();
            self.answers = Answers::Maybe;
            let (event, commands) = self.connection.lend_short(short);
            return Ok(Next::Event(event, commands));
        }
        // Put together here: if a call returned it, the event above would lie in memory, too, and the
        // processor would wait for it there.
        Ok(match self.advance()? {
            Found::Over => Next::Over,
            Found::Ready(ready) => match self.connection.lend(ready) {
                Some((event, commands)) => Next::Event(event, commands),
                None => Next::Yield,
            },
            Found::Request(request) => Next::Request(request),
            Found::Response => self.response.as_deref().map_or(Next::Yield, Next::Response),
            Found::Wait => Next::Wait,
            Found::Yield => Next::Yield,
        })
    }

    /// Finds out what is next, the long way.
    #[inline(never)]
    fn advance(&mut self) -> Result<Found, DriverError> {
        if core::mem::take(&mut self.is_overdue) {
            // What is late is known once all that arrived is processed, whatever waits meanwhile.
            self.answers = Answers::None;
            self.is_quiet = false;
        }
        if self.credit <= 0 {
            self.credit = CREDIT;
            return Ok(Found::Yield);
        }
        if self.ending.is_none() {
            let found = self.advance_machine();
            // The end may have begun.
            if self.ending.is_none() || !matches!(found, Found::Wait) {
                return Ok(found);
            }
        }
        self.advance_ending()
    }

    /// Asks the machine what is next; it may turn out that the end begins.
    fn advance_machine(&mut self) -> Found {
        let polled = match self.opening.as_deref_mut() {
            None => return self.advance_open(),
            Some(Opening::Accepting(accepting)) => {
                accepting.poll().map(|request| request.map(Found::Request))
            }
            Some(Opening::Connecting(connecting)) => match connecting.poll(&mut self.connection) {
                Ok(Some(response)) => {
                    self.response = Some(response);
                    self.opening = None;
                    return Found::Response;
                }
                polled => polled.map(|_| None),
            },
        };
        match polled {
            Ok(Some(found)) => return found,
            Ok(None) => self.is_quiet = true,
            Err(error) => self.end_opening(error),
        }
        Found::Wait
    }

    fn advance_open(&mut self) -> Found {
        self.judge_answers();
        // Or a deadline would be judged although nobody has told the time.
        let is_quiet = self.is_quiet && !self.connection.has_own_event();
        if is_quiet || self.is_gated() {
            return Found::Wait;
        }
        let has_room = self.connection.wants_read();
        let mut polled = self.poll_connection();
        if matches!(polled, Ok(None))
            && self.connection.has_closed()
            && (self.writing == Writing::Broken || self.is_written())
        {
            // A Close frame came, and was answered or cannot be any more: the rest is lingering.
            self.connection.handle_eof();
            polled = self.poll_connection();
        }
        match polled {
            Ok(Some(Ready::Closed(closed))) => self.end(Outcome::Closed(closed)),
            Ok(Some(Ready::Paused)) => {
                self.credit = CREDIT;
                return Found::Yield;
            }
            Ok(Some(ready)) => {
                self.credit -= EVENT;
                // What is sent upon room in the output answers nothing.
                let is_answered = has_room && !matches!(ready, Ready::Writable(_));
                self.answers = if is_answered { Answers::Maybe } else { Answers::None };
                return Found::Ready(ready);
            }
            Ok(None) => match self.connection.closed() {
                // One that was handed over when it had told its end, or was to tell it.
                Some(closed) if self.connection.ready_state() == ReadyState::Closed => {
                    self.end(Outcome::Closed(closed));
                }
                Some(_) | None => self.is_quiet = true,
            },
            Err(error) => self.end(Outcome::Failed(DriverError::Connection(error))),
        }
        Found::Wait
    }

    /// Asks the connection what is next, as far as there is credit for the work.
    fn poll_connection(&mut self) -> Result<Option<Ready>, ConnectionError> {
        let given = self.credit.max(AT_LEAST);
        let mut budget = usize::try_from(given).unwrap_or_default();
        let polled = self.connection.poll_ready(&mut budget);
        let spent = given.saturating_sub_unsigned(budget);
        self.credit = self.credit.saturating_sub(spent);
        polled
    }

    /// Looks whether the answers to the last event have filled the output.
    #[inline]
    pub(super) fn judge_answers(&mut self) {
        if self.answers == Answers::Maybe {
            let has_room = self.connection.wants_read();
            self.answers = if has_room { Answers::None } else { Answers::Full };
        }
    }

    /// Returns whether no events are delivered until answers are written.
    pub(super) fn is_gated(&self) -> bool {
        // Where nothing can be written, to wait for room would be to wait for ever.
        self.answers == Answers::Full && !self.connection.wants_read() && !self.is_broken()
    }

    /// Ends a handshake that has failed.
    #[cold]
    pub(super) fn end_opening(&mut self, error: HandshakeError) {
        let url = self.opening.as_deref().and_then(Opening::url).map(Box::from);
        self.end(Outcome::Failed(DriverError::Handshake { error, url }));
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        let farewell = match &outcome {
            Outcome::Failed(DriverError::Connection(error)) if error.is_peer_gone() => {
                Farewell::Try
            }
            // A client that was not let in has nothing to say.
            Outcome::Failed(DriverError::Handshake { .. })
                if self.connection.role() == Role::Client =>
            {
                Farewell::None
            }
            Outcome::Closed(_) | Outcome::Failed(_) => Farewell::Linger,
        };
        self.ending = Some(Box::new(Ending::new(outcome, farewell)));
        // What was late does not count any more.
        self.is_overdue = false;
    }

    /// Tells a close once the peer was told, and the end once the transport is done.
    fn advance_ending(&mut self) -> Result<Found, DriverError> {
        let (is_told, is_done) = (self.is_peer_told(), self.is_done());
        if is_done {
            // What waits will not leave any more: a connection that has failed is closed.
            self.connection.handle_eof();
        }
        let Some(ending) = &mut self.ending else { return Ok(Found::Wait) };
        if is_told && let Some(closed) = ending.tell_closed() {
            return Ok(Found::Ready(Ready::Closed(closed)));
        }
        if is_done {
            return ending.error().map_or(Ok(Found::Over), Err);
        }
        self.is_quiet = true;
        Ok(Found::Wait)
    }

    /// Returns whether all that there was to write at the end was written, as far as that is
    /// possible.
    pub(super) fn is_peer_told(&self) -> bool {
        self.writing != Writing::Open || self.is_done() || self.waits_for_server()
    }

    /// Returns whether a client has said all, and waits for the server to close the transport.
    pub(super) fn waits_for_server(&self) -> bool {
        // §7.1.1: the server closes the transport first.
        let is_closed = self.ending.as_ref().is_some_and(|ending| ending.is_clean());
        is_closed && self.connection.role() == Role::Client && !self.is_eof && self.is_written()
    }

    /// Returns whether nothing more is expected of the transport at the end.
    pub(super) fn is_done(&self) -> bool {
        let Some(ending) = &self.ending else { return false };
        if ending.is_timed_out() {
            return true;
        }
        match (ending.farewell(), self.writing) {
            (Farewell::None, _) | (_, Writing::Broken) => true,
            (Farewell::Linger, Writing::Open) => false,
            (Farewell::Linger, Writing::Shut) => self.is_eof || ending.is_drained(),
            (Farewell::Try, Writing::Open | Writing::Shut) => self.is_written(),
        }
    }
}

/// How much is done before others get a turn, in bytes: each one of payload counts when it is
/// unmasked, and again when it is delivered.
pub(super) const CREDIT: isize = 256 * EVENT;

/// How much may be done of a message, whatever was done before: if turns ended in the middle of
/// messages, each connection would hold a part of one.
const AT_LEAST: isize = 1 << 20;

/// What an event costs besides.
const EVENT: isize = 8 << 10;
