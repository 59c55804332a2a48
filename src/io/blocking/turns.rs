//! How a blocking call waits: it moves the transport turn by turn until something has come of it;
//! knows no policy but how long a call may block.

use core::time::Duration;
use std::thread;

use super::WebSocket;
use super::clock::{NEVER, SHORT};
use super::opening::WRITE_TIMEOUT;
use crate::connection::{Commands, Event, ReadyState};
use crate::driver::{Next, Stuck};
use crate::error::SendError;
use crate::io::pump::{self, Wrote};
use crate::io::{Error, Timeout, Transport};
use crate::timestamp::Timestamp;

impl<S: Transport> WebSocket<S> {
    /// Passes over events until one is `wanted`, and lends that to `take`; returns the default once
    /// the connection has ended. The time that a call may wait is for all of them.
    ///
    /// What is not wanted is known before it is taken: what is taken is written to where it is
    /// returned, and not moved there.
    #[inline]
    pub(super) fn recv_until<R: Default>(
        &mut self,
        wanted: impl Fn(&Event<'_>) -> bool,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> R,
    ) -> Result<R, Error> {
        let mut until = None;
        loop {
            // Every part that could be dropped is taken out, or all would lie in memory for that.
            match self.driver.poll_event() {
                Ok(Next::Event(event, mut commands)) => {
                    if wanted(&event) {
                        return Ok(take(event, &mut commands));
                    }
                }
                Ok(Next::Over) => return Ok(R::default()),
                Ok(Next::Wait) => {
                    if self.driver.is_lingering() {
                        return Ok(R::default());
                    }
                    let limit = |limit: Duration| self.clock.now().saturating_add(limit.max(SHORT));
                    let until =
                        *until.get_or_insert_with(|| self.read_timeout.map_or(NEVER, limit));
                    // What came in time has been looked at.
                    let limit = self.read_timeout.unwrap_or(Duration::MAX);
                    self.check(until, Timeout::Read { limit })?;
                    self.advance(until)?;
                }
                Ok(Next::Request(request)) => drop(request),
                Ok(Next::Response(_) | Next::Yield) => {}
                Err(error) => return Err(self.failure.explain(error)),
            }
        }
    }

    /// Queues what `command` sends, waiting for room.
    ///
    /// # Errors
    ///
    /// It was refused for another reason, or nothing was written before a deadline passed.
    pub(super) fn queue(
        &mut self,
        mut command: impl FnMut(&mut Commands<'_>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        while let Err(error) = command(&mut self.commands()) {
            let SendError::Full { .. } = error else { return Err(error) };
            let pushed = self.push(NEVER);
            pushed.map_err(|_| if self.driver.is_broken() { SendError::Closed } else { error })?;
        }
        Ok(())
    }

    /// Lets the transport move: writes what waits, or else reads, waiting until the time is
    /// `until`. For a driver that has no event.
    pub(super) fn advance(&mut self, until: Timestamp) -> Result<(), Error> {
        if self.read_first() {
            return Ok(());
        }
        match self.write() {
            Wrote::Some if !self.is_time(until) => Ok(()),
            Wrote::All if self.driver.has_event() => Ok(()),
            Wrote::All | Wrote::Nothing => self.read(until, false),
            Wrote::Some | Wrote::Stuck => self.read(until, true),
        }
    }

    /// Writes once, and looks at what else goes on if nothing can be written or the time for it has
    /// come. For a driver that has something to write.
    ///
    /// # Errors
    ///
    /// When nothing more can be written, or that has taken too long.
    pub(super) fn push(&mut self, until: Timestamp) -> Result<(), Error> {
        match self.write() {
            Wrote::Some if self.is_time(until) => {}
            Wrote::All | Wrote::Some => return Ok(()),
            Wrote::Nothing => return Err(self.failure.report().into()),
            // That was time enough for others.
            Wrote::Stuck => while self.driver.handle_stuck() == Stuck::Yield {},
        }
        self.read(until, true).and_then(|()| self.check(until, Timeout::Deadline))
    }

    /// Reads once if a write was stuck. Returns whether anything came.
    ///
    /// A peer that is stuck, too, is helped by nothing else, so this gets as much time as the write.
    fn read_first(&mut self) -> bool {
        let Some(until) = self.clock.read_first_until.take() else { return false };
        let is_bounded =
            self.clock.now() < until && self.clock.bound_read(&mut self.stream, Duration::ZERO);
        let clock = || self.clock.now();
        let has_read =
            is_bounded && pump::read(&mut self.driver, &mut self.stream, &mut self.failure, clock);
        self.clock.read_first_until = has_read.then_some(until);
        has_read
    }

    fn write(&mut self) -> Wrote {
        let wrote = pump::write(&mut self.driver, &mut self.stream, &mut self.failure);
        if wrote == Wrote::Stuck {
            self.clock.read_first_until = Some(self.clock.now().saturating_add(WRITE_TIMEOUT));
        }
        wrote
    }

    /// Returns whether to look at what else goes on, though the stream takes more: a peer that takes
    /// a little each time would make each write succeed.
    fn is_time(&self, until: Timestamp) -> bool {
        self.driver.poll_timeout().unwrap_or(until).min(until) <= self.clock.now()
    }

    /// Reads once, and tells the time: waits until `until` or a deadline, or hardly at all if it is
    /// for the sake of a writer that has more.
    fn read(&mut self, until: Timestamp, is_writing: bool) -> Result<(), Error> {
        let (begin, next) = (self.clock.now(), self.driver.poll_timeout().unwrap_or(NEVER));
        if next <= begin {
            self.driver.handle_timeout(begin);
            if !self.driver.is_overdue() {
                return Ok(());
            }
        }
        let left = next.min(until).saturating_duration_since(begin);
        // What is overdue may have come in time: the caller was busy elsewhere.
        let is_look = is_writing || next <= begin;
        let bound = if is_look { Duration::ZERO } else { left };
        let is_bounded = self.clock.bound_read(&mut self.stream, bound);
        if !is_bounded && !is_writing && self.driver.is_ending() {
            // The peer may never say that it is done.
            self.driver.handle_read_error();
            return Ok(());
        }
        let (can_read, clock) = (is_bounded || !is_look, || self.clock.now());
        if can_read && pump::read(&mut self.driver, &mut self.stream, &mut self.failure, clock) {
            return Ok(());
        }
        if can_read && !is_bounded && self.ready_state() != ReadyState::Connecting {
            return Err(Timeout::Stream.into());
        }
        let now = self.clock.now();
        self.driver.handle_timeout(now);
        self.driver.release_memory();
        // A non-blocking stream comes back at once, and must not be asked in a busy loop.
        if self.clock.bound.is_none_or(|bound| now.saturating_duration_since(begin) < bound / 2) {
            thread::sleep(left.min(PAUSE));
        }
        Ok(())
    }

    fn check(&self, until: Timestamp, timeout: Timeout) -> Result<(), Error> {
        let is_time = until < NEVER && until <= self.clock.now();
        if is_time || self.driver.is_overdue() { Err(timeout.into()) } else { Ok(()) }
    }
}

/// The wait before a non-blocking stream is looked at again.
const PAUSE: Duration = Duration::from_millis(20);
