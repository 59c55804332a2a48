//! What the clock does to an endpoint, and when what has arrived counts as arrived; knows neither
//! messages nor bytes.

use super::{Endpoint, Processed};
use crate::connection::life::{Phase, ReadyState};
use crate::connection::timers::Settled;
use crate::error::ConnectionError;
use crate::timestamp::Timestamp;

impl Endpoint {
    pub(in crate::connection) fn handle_timeout(&mut self, now: Timestamp) {
        self.end_allowance();
        let timers = &mut self.rare.timers;
        if let Phase::Connecting = self.life.phase() {
            return timers.note_now(now);
        }
        timers.advance(now, self.output.progress(), self.has_sent);
        self.has_sent = false;
        match self.life.phase() {
            Phase::Open => {
                if let Some(payload) = timers.poll_ping() {
                    let before = self.output.progress();
                    self.output.heartbeat(&payload);
                    timers.note_queued(before, self.output.end());
                }
            }
            // The peer's Close may be in the input.
            Phase::CloseSent => timers.begin_close(),
            Phase::AwaitingEof(_) | Phase::Failed(_) => {
                timers.begin_close();
                if timers.close_overdue().is_some() {
                    self.life.note_eof();
                }
            }
            Phase::Connecting | Phase::Closed(_) => {}
        }
    }

    pub(in crate::connection) fn poll_timeout(&self) -> Option<Timestamp> {
        match self.life.phase() {
            Phase::Open if self.is_behind => Some(self.now()),
            Phase::Open => self.rare.timers.next(self.output.progress(), self.has_sent),
            Phase::CloseSent | Phase::AwaitingEof(_) | Phase::Failed(_) => {
                if self.ready_state() == ReadyState::Closed {
                    None
                } else {
                    self.rare.timers.next_closing()
                }
            }
            Phase::Connecting | Phase::Closed(_) => None,
        }
    }

    /// Returns the next deadline while received input is not processed. Leaves out the deadlines of
    /// messages, because the rest of a message may wait in the input.
    pub(in crate::connection) fn poll_timeout_unread(&self) -> Option<Timestamp> {
        match self.life.phase() {
            Phase::Open if self.is_behind => Some(self.now()),
            Phase::Open => self.rare.timers.next_unread(self.output.progress(), self.has_sent),
            Phase::Connecting
            | Phase::CloseSent
            | Phase::AwaitingEof(_)
            | Phase::Failed(_)
            | Phase::Closed(_) => self.poll_timeout(),
        }
    }

    /// Returns the next deadline of what happened before the time was told last. What happened since
    /// then is due later.
    pub(in crate::connection) fn next_dated(&self) -> Option<Timestamp> {
        match self.life.phase() {
            Phase::Open => self.rare.timers.next_dated(self.output.progress(), self.has_sent),
            Phase::Connecting
            | Phase::CloseSent
            | Phase::AwaitingEof(_)
            | Phase::Failed(_)
            | Phase::Closed(_) => self.poll_timeout().filter(|at| *at > self.now()),
        }
    }

    /// Notes whether the transport was asked to flush, and is not done.
    pub(in crate::connection) fn note_flushing(&mut self, is_flushing: bool) {
        self.rare.timers.note_flushing(is_flushing);
    }

    pub(in crate::connection) fn is_flushing(&self) -> bool {
        self.rare.timers.is_flushing()
    }

    /// Notes how much input has arrived although nobody asks for events: the peer lives.
    pub(in crate::connection) fn note_input(&mut self, received: u64) {
        self.has_noted |= self.rare.timers.note_input(received);
    }

    /// Notes that something has arrived at a time that is told later.
    pub(in crate::connection) const fn note_behind(&mut self) {
        self.is_behind = true;
    }

    /// Returns whether something has arrived that is not dated.
    #[inline]
    pub(in crate::connection) const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Notes that all input is processed, which is not dated.
    pub(in crate::connection) fn note_unjudged(&mut self) {
        self.rare.timers.note_unjudged();
    }

    /// Dates what has arrived since the time was told last, when it was not all processed.
    #[inline(never)]
    pub(in crate::connection) fn catch_up(&mut self, now: Timestamp, received: u64) {
        self.is_behind = false;
        self.rare.timers.catch_up(now);
        self.note_input(received);
    }

    /// As [`catch_up`](Self::catch_up), when all of it was processed.
    #[inline(never)]
    pub(in crate::connection) fn catch_up_processed(
        &mut self,
        now: Timestamp,
        processed: Processed,
    ) {
        self.is_behind = false;
        self.rare.timers.catch_up(now);
        self.date(processed);
    }

    /// Notes that nobody reads from the transport: the peer's silence means nothing.
    pub(in crate::connection) fn note_not_reading(&mut self) {
        self.rare.timers.note_heard();
    }

    /// Returns what was waited for too long, now that all input is processed.
    pub(in crate::connection) fn settle(
        &mut self,
        processed: Processed,
    ) -> Option<ConnectionError> {
        let is_fresh = self.date(processed);
        let timers = &mut self.rare.timers;
        match self.life.phase() {
            Phase::Open if timers.is_look_due(is_fresh) => {
                let overdue = timers.overdue(self.has_sent);
                timers.judge(overdue)
            }
            Phase::CloseSent => timers.close_overdue(),
            Phase::Connecting
            | Phase::Open
            | Phase::AwaitingEof(_)
            | Phase::Failed(_)
            | Phase::Closed(_) => None,
        }
    }

    /// Dates all input, which is processed. Returns whether anything has come since the last time.
    #[inline(always)]
    fn date(&mut self, processed: Processed) -> bool {
        let delivered = core::mem::take(&mut self.has_received);
        let Processed { received, arriving } = processed;
        let is_noted = core::mem::take(&mut self.has_noted);
        self.rare.timers.settle(Settled { received, is_noted, delivered, arriving })
    }

    /// Returns whether the time was ever told.
    #[inline]
    pub(in crate::connection) fn is_timed(&self) -> bool {
        self.rare.timers.is_started()
    }

    /// Returns whether nothing can come of an open connection of which all input is processed. Where
    /// the time was told, deadlines are to be [settled](Self::settle) instead.
    #[inline(never)]
    pub(in crate::connection) fn is_waiting(&mut self, received: u64) -> bool {
        let is_idle = self.life.is_open() && !self.life.is_eof();
        if !is_idle || self.is_timed() || self.output.is_writable() {
            return false;
        }
        self.note_processed(received);
        true
    }

    /// Notes that all input was processed before the time was told.
    #[inline]
    pub(in crate::connection) fn note_processed(&mut self, received: u64) {
        self.has_noted = false;
        self.rare.timers.note_processed(received);
    }

    /// Returns until when the end of the connection may take, all in all.
    pub(in crate::connection) fn close_deadline(&self) -> Option<Timestamp> {
        self.rare.timers.close_deadline()
    }
}
