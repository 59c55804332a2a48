//! The time of one socket, and how long its reads and writes may block; knows no deadlines.

use core::time::Duration;
use std::time::Instant;

use super::transport::Transport;

/// The time since this was made, and what the stream was told of it.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    /// How long a read may block as the stream has it.
    reads: Bound,
    /// How long a write may block as the stream has it.
    writes: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// The stream cannot be told.
    Impossible,
    Set(Duration),
    /// The stream was told nothing.
    Unset,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), reads: Bound::Unset, writes: Bound::Unset }
    }

    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Has the next read end within `left`; returns whether it will.
    ///
    /// A read may end earlier: the stream is told anew only when the bound that it has is too long,
    /// or much too short.
    pub(super) fn bound_read(
        &mut self,
        stream: &mut impl Transport,
        left: Option<Duration>,
    ) -> bool {
        let left = match (left, self.reads) {
            (_, Bound::Impossible) => return false,
            (None, Bound::Unset) => return false,
            (None, Bound::Set(_)) => LONG,
            (Some(left), _) => left.clamp(SHORT, LONG),
        };
        if matches!(self.reads, Bound::Set(set) if set <= left && left / 2 <= set) {
            return true;
        }
        // What is left becomes less with each read: not to be told each time, leave some room.
        let bound = if left > LEAVE_ROOM_FROM { left / 4 * 3 } else { left };
        self.reads = match stream.set_read_timeout(bound) {
            Ok(()) => Bound::Set(bound),
            Err(_) => Bound::Impossible,
        };
        self.reads != Bound::Impossible
    }

    /// Has writes end within a moment; returns whether they will.
    pub(super) fn bound_writes(&mut self, stream: &mut impl Transport) -> bool {
        if self.writes == Bound::Unset {
            self.writes = match stream.set_write_timeout(WRITE_TIMEOUT) {
                Ok(()) => Bound::Set(WRITE_TIMEOUT),
                Err(_) => Bound::Impossible,
            };
        }
        self.writes != Bound::Impossible
    }
}

/// What counts as a wait at all.
const SHORT: Duration = Duration::from_millis(1);

/// A wait without end, which streams cannot be told.
const LONG: Duration = Duration::from_secs(3600);

/// A shorter wait is bounded exactly.
const LEAVE_ROOM_FROM: Duration = Duration::from_millis(100);

/// How long a write blocks before the other direction is looked at.
const WRITE_TIMEOUT: Duration = Duration::from_millis(100);
