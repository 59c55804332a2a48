//! The end of a transport, once all is said: for how long, and what is told behind it.

use core::time::Duration;

use super::error::DriverError;
use crate::close::Closed;
use crate::timestamp::Timestamp;

/// What is told when the transport is done.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Closed(Closed),
    Failed(DriverError),
}

/// An end that has begun.
#[derive(Debug)]
pub(super) struct Ending {
    outcome: Outcome,
    farewell: Farewell,
    is_told: bool,
    /// Whether it was asked to write, and that is not done.
    is_tried: bool,
    is_timed_out: bool,
    /// Until when the peer is waited for, once the time was told.
    until: Option<Timestamp>,
    /// How much is still read and thrown away.
    left: usize,
}

/// What is still said to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// All that waits, and the peer is given time to read it.
    Linger,
    /// Nothing.
    None,
    /// What can be written at once: the peer seems to be gone, and may be told why.
    Try,
}

impl Ending {
    pub(super) const fn new(outcome: Outcome, farewell: Farewell) -> Self {
        Self {
            outcome,
            farewell,
            is_told: false,
            is_tried: false,
            is_timed_out: false,
            until: None,
            left: LINGER_BYTES,
        }
    }

    pub(super) const fn farewell(&self) -> Farewell {
        self.farewell
    }

    pub(super) const fn wants_read(&self) -> bool {
        matches!(self.farewell, Farewell::Linger) && self.left > 0
    }

    /// Notes that it is asked to write.
    pub(super) const fn note_tried(&mut self) {
        self.is_tried = true;
    }

    /// Notes that something was written, or is on its way.
    pub(super) const fn note_moved(&mut self) {
        self.is_tried = false;
    }

    /// Notes that so many bytes were thrown away.
    pub(super) const fn note_read(&mut self, len: usize) {
        self.left = self.left.saturating_sub(len);
    }

    /// Returns whether enough was thrown away.
    pub(super) const fn is_drained(&self) -> bool {
        self.left == 0
    }

    /// Takes the time. The first one begins the wait, which ends not later than at `limit`.
    pub(super) fn handle_timeout(&mut self, now: Timestamp, limit: Option<Timestamp>) {
        let linger = now.saturating_add(LINGER_TIMEOUT);
        let until = *self.until.get_or_insert(limit.map_or(linger, |limit| linger.min(limit)));
        self.is_timed_out |= until <= now || self.is_stuck();
    }

    pub(super) fn poll_timeout(&self, now: Timestamp) -> Timestamp {
        self.until.filter(|_| !self.is_stuck()).unwrap_or(now)
    }

    /// Returns whether the one try was in vain.
    const fn is_stuck(&self) -> bool {
        matches!(self.farewell, Farewell::Try) && self.is_tried
    }

    pub(super) const fn is_timed_out(&self) -> bool {
        self.is_timed_out
    }

    /// Returns whether [`tell_closed`](Self::tell_closed) has told it.
    pub(super) const fn is_closed_told(&self) -> bool {
        self.is_told
    }

    /// Returns whether [`tell_closed`](Self::tell_closed) has something to tell.
    pub(super) const fn has_closed(&self) -> bool {
        self.is_clean() && !self.is_told
    }

    /// Returns whether the connection was closed and has not failed.
    pub(super) const fn is_clean(&self) -> bool {
        matches!(self.outcome, Outcome::Closed(_))
    }

    /// Tells how the connection was closed, once.
    pub(super) fn tell_closed(&mut self) -> Option<Closed> {
        match &self.outcome {
            Outcome::Closed(closed) if !core::mem::replace(&mut self.is_told, true) => {
                Some(closed.clone())
            }
            Outcome::Closed(_) | Outcome::Failed(_) => None,
        }
    }

    /// Returns why the connection has failed, if it has.
    pub(super) fn error(&self) -> Option<DriverError> {
        match &self.outcome {
            Outcome::Failed(error) => Some(error.clone()),
            Outcome::Closed(_) => None,
        }
    }
}

/// How long the end may take, unless less is left of the time to close: writing what is left, and
/// reading what the peer had under way. As long as nginx (`lingering_timeout`) waits.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// How much is read and thrown away in that time: the rest of one message that was too large, twice
/// over the default limit.
const LINGER_BYTES: usize = 32 << 20;
