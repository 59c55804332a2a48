//! A connection and the time, which it is told: heartbeats and deadlines; reads no clock.

use core::time::Duration;

use super::config::AfterClose;
use super::state::{Connection, Phase};
use super::timers::Settled;
use crate::buffer::ReceiveBuf;
use crate::connection::ReadyState;
use crate::error::ConnectionError;

impl Connection {
    /// Says what time it is: the time since any moment that the caller likes, the same for all
    /// calls on this connection. A time before the last one counts as that.
    ///
    /// To be called whenever the driver wakes up, before [`poll_event`](Self::poll_event): what has
    /// arrived is dated by it, and heartbeats are sent. And it is to be called when the time of
    /// [`poll_timeout`](Self::poll_timeout) has come; then, too, `poll_event` is to be called
    /// behind it: what has been waited for too long is reported there, once everything that
    /// arrived is processed.
    ///
    /// A connection that is never told the time has no deadlines.
    pub fn handle_timeout(&mut self, now: Duration) {
        let timers = &mut self.rare.timers;
        timers.advance(now, self.outgoing.progress(), self.has_sent);
        self.has_sent = false;
        match self.phase {
            Phase::Open => {
                if let Some(payload) = timers.poll_ping() {
                    self.outgoing.heartbeat(&payload);
                }
            }
            // The peer's Close may be in the input.
            Phase::CloseSent => timers.begin_close(),
            Phase::Draining(_) | Phase::Failed(_) => {
                timers.begin_close();
                self.eof |= timers.close_overdue().is_some();
            }
            Phase::Closed(_) => {}
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), in the time of that; `None`
    /// if there is nothing to wait for.
    ///
    /// It may be in the past, when what the application did is to be dated: then call at once. It
    /// changes with everything that happens, so ask before each wait, when `poll_event` has
    /// returned `None` and the output is written as far as it goes.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.phase {
            Phase::Open => self.rare.timers.next(self.outgoing.progress(), self.has_sent),
            Phase::CloseSent | Phase::Draining(_) | Phase::Failed(_) => {
                if self.ready_state() == ReadyState::Closed {
                    None
                } else {
                    self.rare.timers.next_closing()
                }
            }
            Phase::Closed(_) => None,
        }
    }

    /// As [`poll_timeout`](Self::poll_timeout), while nobody asks for events: whether a message is
    /// late is not known then, since the rest of it may wait in the input.
    #[cfg(feature = "std")]
    pub(crate) fn poll_timeout_unread(&self) -> Option<Duration> {
        match self.phase {
            Phase::Open => self.rare.timers.next_unread(self.outgoing.progress(), self.has_sent),
            Phase::CloseSent | Phase::Draining(_) | Phase::Failed(_) | Phase::Closed(_) => {
                self.poll_timeout()
            }
        }
    }

    /// Returns how long a Ping and its Pong took together, by the newest measurement: of
    /// heartbeats, and of [`ping`](Self::ping).
    ///
    /// It is as exact as the times that [`handle_timeout`](Self::handle_timeout) is told.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.rare.timers.round_trip()
    }

    /// Notes that something has arrived, although nobody asks for events: the peer lives.
    #[cfg(feature = "std")]
    pub(crate) fn note_input(&mut self, input: &ReceiveBuf) {
        self.rare.timers.note_input(input.received());
    }

    /// Notes that nobody reads from the transport: the peer's silence means nothing.
    #[cfg(feature = "std")]
    pub(crate) fn note_not_reading(&mut self) {
        self.rare.timers.note_heard();
    }

    /// Returns what was waited for too long, now that all input is processed.
    pub(super) fn settle(&mut self, input: &ReceiveBuf) -> Option<ConnectionError> {
        let timers = &mut self.rare.timers;
        let delivered = core::mem::take(&mut self.has_received);
        let is_within = !input.is_empty() || self.assembler.is_within();
        let is_fresh = timers.settle(Settled { received: input.received(), delivered, is_within });
        match self.phase {
            // More may wait in the transport when something came.
            Phase::Open if is_fresh => None,
            Phase::Open => timers.overdue(self.has_sent),
            Phase::CloseSent => {
                if delivered && self.after_close == AfterClose::Deliver {
                    timers.restart_close();
                }
                timers.close_overdue()
            }
            Phase::Draining(_) | Phase::Failed(_) | Phase::Closed(_) => None,
        }
    }
}
