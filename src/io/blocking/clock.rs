//! The time of one socket, and how long its reads may block; knows no deadlines.

use core::time::Duration;
use std::time::Instant;

use crate::io::Transport;
use crate::timestamp::Timestamp;

/// The time of a driver, which goes on from what it was told before, and what its stream was told.
#[derive(Debug)]
pub(super) struct Clock {
    base: Timestamp,
    start: Instant,
    /// How long a read may block as the stream has it; `None` if the stream cannot be told.
    pub(super) bound: Option<Duration>,
    /// Until when what arrives goes first, behind a write that was stuck.
    pub(super) read_first_until: Option<Timestamp>,
}

impl Clock {
    pub(super) fn new(base: Timestamp) -> Self {
        Self { base, start: Instant::now(), bound: Some(Duration::MAX), read_first_until: None }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.base.saturating_add(self.start.elapsed())
    }

    /// Has the next read end within `left`; returns whether it will.
    ///
    /// A read may end earlier: the stream is told anew only when the bound that it has is too long,
    /// or much too short.
    pub(super) fn bound_read(&mut self, stream: &mut impl Transport, left: Duration) -> bool {
        let left = left.clamp(SHORT, LONG);
        if self.bound.is_some_and(|bound| bound > left || bound < left / 2) {
            // What is left becomes less with each read: not to be told each time, leave some room.
            let bound = if left > LEAVE_ROOM_FROM { left / 4 * 3 } else { left };
            self.bound = stream.set_read_timeout(bound).ok().map(|()| bound);
        }
        self.bound.is_some()
    }
}

/// The time of what does not come.
pub(super) const NEVER: Timestamp = Timestamp::MAX;

/// What counts as a wait at all.
pub(super) const SHORT: Duration = Duration::from_millis(1);

/// A wait without end, which streams cannot be told.
const LONG: Duration = Duration::from_secs(3600);

/// A shorter wait is bounded exactly.
const LEAVE_ROOM_FROM: Duration = Duration::from_millis(100);
