//! How many connections there are, and how they ended; knows no sockets.

use alloc::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The figures of a server, from its start until now.
///
/// Each accepted connection is in exactly one of the other figures, except `opened`, which counts
/// all that were ever open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that the system has delivered.
    pub accepted: u64,
    /// Now: handshakes under way.
    pub handshakes: u64,
    /// Now: open connections, whose handler runs or which are being closed.
    pub connections: u64,
    /// Connections that were ever open.
    pub opened: u64,
    /// Ended after the handler returned `Ok`, and the connection was closed by both ends. Also a
    /// handler that could not send any more because the shutdown had closed its connection.
    pub closed: u64,
    /// Ended after the handler returned an error, or the client did not answer the Close frame that
    /// the server sent when the handler returned.
    pub failed: u64,
    /// Ended by a panic of the handler or of `decide`.
    pub panicked: u64,
    /// Dropped: at the deadline of the shutdown, or because the future of the server was dropped.
    pub aborted: u64,
    /// Answered by `decide` with a refusal or a page, or with 503 because of the shutdown. Also
    /// dropped by the shutdown within the TLS handshake.
    pub refused: u64,
    /// Refused or dropped because of [a limit](super#limits).
    pub over_limit: u64,
    /// Handshakes that failed: invalid, too slow, or the client left.
    pub handshakes_failed: u64,
    /// Errors of the listener. They are not connections.
    pub accept_errors: u64,
}

/// The figures while the server runs.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    stats: Stats,
    /// Handshakes that will be connections if they are accepted.
    reserved: u64,
}

/// One connection in the figures, from its accept to its end.
#[derive(Debug)]
pub(super) struct Entry {
    counters: Arc<Counters>,
    stage: Stage,
    /// What it is counted as when it is dropped.
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    /// It will be open if it is accepted.
    Reserved,
    Open,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Aborted,
    Closed,
    Failed,
    HandshakeFailed,
    OverLimit,
    Panicked,
    Refused,
}

impl Counters {
    pub(super) fn snapshot(&self) -> Stats {
        self.lock().stats
    }

    pub(super) fn note_accept_error(&self) {
        self.lock().stats.accept_errors += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Counts a connection that was accepted.
    pub(super) fn new(counters: &Arc<Counters>) -> Self {
        let mut counts = counters.lock();
        counts.stats.accepted += 1;
        counts.stats.handshakes += 1;
        drop(counts);
        Self { counters: Arc::clone(counters), stage: Stage::Handshake, end: End::Aborted }
    }

    /// Reserves a place among the open connections, unless there are `limit`.
    pub(super) fn reserve(&mut self, limit: usize) -> bool {
        let mut counts = self.counters.lock();
        let taken = counts.stats.connections + counts.reserved;
        let has_place = usize::try_from(taken).is_ok_and(|taken| taken < limit);
        if has_place && self.stage == Stage::Handshake {
            counts.reserved += 1;
            self.stage = Stage::Reserved;
        }
        has_place
    }

    /// Gives the reserved place back.
    pub(super) fn release(&mut self) {
        if self.stage == Stage::Reserved {
            self.counters.lock().reserved -= 1;
            self.stage = Stage::Handshake;
        }
    }

    /// Notes that the connection is open.
    pub(super) fn open(&mut self) {
        let mut counts = self.counters.lock();
        leave(&mut counts, self.stage);
        counts.stats.connections += 1;
        counts.stats.opened += 1;
        self.stage = Stage::Open;
    }

    /// Notes how it ends. The first note counts: it has the cause.
    pub(super) fn end(&mut self, end: End) {
        if self.end == End::Aborted {
            self.end = end;
        }
    }
}

/// One that ended without a word was aborted.
impl Drop for Entry {
    fn drop(&mut self) {
        let mut counts = self.counters.lock();
        leave(&mut counts, self.stage);
        let stats = &mut counts.stats;
        *match self.end {
            End::Aborted => &mut stats.aborted,
            End::Closed => &mut stats.closed,
            End::Failed => &mut stats.failed,
            End::HandshakeFailed => &mut stats.handshakes_failed,
            End::OverLimit => &mut stats.over_limit,
            End::Panicked => &mut stats.panicked,
            End::Refused => &mut stats.refused,
        } += 1;
    }
}

const fn leave(counts: &mut Counts, stage: Stage) {
    match stage {
        Stage::Handshake => counts.stats.handshakes -= 1,
        Stage::Reserved => {
            counts.stats.handshakes -= 1;
            counts.reserved -= 1;
        }
        Stage::Open => counts.stats.connections -= 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_is_in_one_figure_at_any_time() {
        let counters = Arc::default();
        let mut first = Entry::new(&counters);
        let mut second = Entry::new(&counters);
        assert!(first.reserve(1));
        assert!(!second.reserve(1));
        let stats = counters.snapshot();
        assert_eq!((stats.accepted, stats.handshakes, stats.connections), (2, 2, 0));
        first.open();
        assert!(!second.reserve(1));
        second.end(End::OverLimit);
        drop(second);
        first.end(End::Closed);
        drop(first);
        let mut third = Entry::new(&counters);
        assert!(third.reserve(1));
        third.release();
        third.release();
        assert!(Entry::new(&counters).reserve(1));
        drop(third);
        let stats = counters.snapshot();
        let expected = Stats {
            accepted: 4,
            opened: 1,
            closed: 1,
            over_limit: 1,
            aborted: 2,
            ..Stats::default()
        };
        assert_eq!(stats, expected);
        assert!(Entry::new(&counters).reserve(1));
        assert_eq!(counters.lock().reserved, 0);
    }
}
