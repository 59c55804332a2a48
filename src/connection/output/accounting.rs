//! How much of the output waits, was discarded or has been written; frames nothing.

use alloc::boxed::Box;

use super::Output;
use crate::connection::backlog::Backlog;
use crate::connection::event::{Discarded, Writable};
use crate::connection::timers::Progress;
use crate::error::SendError;

/// A place in what is sent, behind everything that was queued when it was noted.
#[cfg(feature = "split")]
#[derive(Debug)]
pub(crate) struct Mark {
    /// As `Backlog::passed` counts.
    queued: u64,
    /// Where the output ended, as `TransmitBuf::written` counts.
    end: u64,
    /// Whether something of that was lost already.
    has_lost: bool,
}

impl Output {
    /// Returns whether less waits than may, so that at least one more message is accepted.
    pub(in crate::connection) fn has_room(&self) -> bool {
        self.marks.has_room(self.waiting_len())
    }

    /// Reports what was accepted and is never sent, since it was last reported; at the end of the
    /// transport (`is_over`) that is all that waits, each time.
    pub(in crate::connection) fn poll_discarded(&mut self, is_over: bool) -> Option<Discarded> {
        let left = self.output.noted_payload() + self.queued();
        let has_left = self.output.holds_message() || self.has_messages();
        if is_over && has_left {
            self.backlog().note_discarded(left);
        }
        self.backlog.as_mut()?.discarded.take()
    }

    /// Returns whether there is something discarded to report.
    pub(in crate::connection) fn has_discarded(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.discarded.is_some())
    }

    /// Returns how far the output is.
    pub(in crate::connection) fn progress(&self) -> Progress {
        Progress { written: self.output.written(), is_empty: self.is_empty() }
    }

    /// Returns whether nothing waits to be written.
    pub(in crate::connection) fn is_empty(&self) -> bool {
        self.output.is_empty() && self.backlog.as_ref().is_none_or(|backlog| backlog.is_empty())
    }

    /// Notes the place behind everything that is queued.
    #[cfg(feature = "split")]
    pub(in crate::connection) fn mark(&mut self) -> Mark {
        let queued = self.backlog.as_mut().map_or(0, |backlog| backlog.mark());
        Mark { queued, end: self.end(), has_lost: self.lost_of(queued).is_some() }
    }

    /// Returns what was discarded of the first `count` that were queued, and perhaps of others.
    #[cfg(feature = "split")]
    fn lost_of(&self, count: u64) -> Option<Discarded> {
        self.backlog.as_ref()?.lost_of(count)
    }

    /// Returns whether everything before the place has been written, whatever waits behind it.
    ///
    /// # Errors
    ///
    /// Some of it has been discarded since the place was noted. This is told each time: others may
    /// have been told before.
    #[cfg(feature = "split")]
    pub(in crate::connection) fn has_written(&self, mark: &Mark) -> Result<bool, Discarded> {
        if !mark.has_lost
            && let Some(lost) = self.lost_of(mark.queued)
        {
            return Err(lost);
        }
        let end = match &self.backlog {
            Some(backlog) if backlog.passed() < mark.queued => return Ok(false),
            Some(backlog) => mark.end.max(backlog.end_of(mark.queued)),
            // One that was there is forgotten when all of it is written.
            None => mark.end,
        };
        Ok(end <= self.output.written())
    }

    /// Notes where the output ends if one of `waiting` messages and parts has left the backlog.
    pub(super) fn note_moved(&mut self, waiting: usize) {
        let (end, written) = (self.end(), self.output.written());
        if let Some(backlog) = &mut self.backlog
            && backlog.waiting_count() < waiting
        {
            backlog.note_end(end, written);
        }
    }

    /// Returns how many messages and parts wait in the backlog.
    pub(super) fn waiting_count(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.waiting_count())
    }

    /// Returns the backlog, and makes one if there is none.
    pub(super) fn backlog(&mut self) -> &mut Backlog {
        let end = self.end();
        self.backlog.get_or_insert_with(|| Box::new(Backlog::behind(end)))
    }

    /// Returns where the output ends, as `TransmitBuf::written` counts.
    pub(in crate::connection) fn end(&self) -> u64 {
        self.output.written() + self.output.len() as u64
    }

    /// Returns the payload bytes of messages that wait.
    pub(in crate::connection) fn buffered_amount(&self) -> usize {
        let unsent = self.backlog.as_ref().map_or(0, |backlog| backlog.unsent);
        self.output.noted_payload() + self.queued() + unsent
    }

    /// Notes payload that is never sent: it counts in [`buffered_amount`](Self::buffered_amount)
    /// forever.
    #[cold]
    pub(in crate::connection) fn note_unsent(&mut self, len: usize) {
        let backlog = self.backlog();
        backlog.unsent = backlog.unsent.saturating_add(len);
    }

    /// Notes a message for which there was no room.
    #[cold]
    pub(in crate::connection) fn note_dropped(&mut self, len: usize) {
        self.backlog().note_dropped(len);
    }

    /// Returns whether the output has been too full, and has not fallen to the low mark since.
    #[inline]
    pub(in crate::connection) fn is_high(&self) -> bool {
        self.marks.was_high() && self.marks.is_high(self.waiting_len())
    }

    /// Returns whether it is to be reported that there is room again.
    pub(in crate::connection) fn is_writable(&self) -> bool {
        self.marks.is_writable(self.waiting_len())
    }

    /// Reports that there is room again, once.
    pub(in crate::connection) fn poll_writable(&mut self) -> Option<Writable> {
        if !self.is_writable() {
            return None;
        }
        self.marks.note_reported();
        let backlog = self.backlog.as_mut();
        Some(backlog.map(|backlog| core::mem::take(&mut backlog.dropped)).unwrap_or_default())
    }

    fn queued(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.payload_len())
    }

    fn has_messages(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.has_messages())
    }

    /// Returns how many bytes wait to be written, of messages that are not framed yet the payload
    /// and what it takes to keep them.
    #[inline]
    pub(super) fn waiting_len(&self) -> usize {
        self.output.len() + self.backlog.as_ref().map_or(0, |backlog| backlog.size())
    }

    #[inline]
    pub(super) fn check_room(&mut self) -> Result<(), SendError> {
        self.marks.check(self.waiting_len())
    }

    #[inline]
    pub(super) fn note_queued(&mut self, before: usize) {
        if let Some(backlog) = &mut self.backlog {
            backlog.note_queued();
        }
        self.note_added(before);
    }

    #[inline]
    pub(super) fn note_added(&mut self, before: usize) {
        if self.backlog.is_some() {
            self.move_backlog();
        }
        self.marks.note_added(before, self.waiting_len());
    }
}

#[cfg(feature = "split")]
#[cfg(test)]
mod tests {
    use alloc::{format, vec};
    use core::num::NonZeroUsize;

    use bytes::Buf;

    use super::Mark;
    use crate::connection::{Config, Connection, WhenFull};

    #[test]
    fn a_mark_is_reached_before_anything_of_what_is_queued_later() {
        let room = Config::default().max_buffered(32 << 20);
        let configs = [
            (room.clone(), 1 << 20),
            (room.clone().when_full(WhenFull::DropOldest), 1 << 20),
            (room.fragment_size(NonZeroUsize::new(50_000)), 50_000),
        ];
        for (config, fragment) in configs {
            for steps in [1, 999, 50_000, 3 << 20] {
                let mut connection = Connection::server(&config);
                for byte in [1, 2] {
                    connection.commands().send(vec![byte; 1 << 20]).unwrap();
                }
                let mark = connection.mark();
                connection.commands().send(vec![3; 8 << 20]).unwrap();
                connection.commands().close(1000, "").unwrap();
                let written = write_to(&mut connection, &mark, steps);
                let frames = 2 * ((1_usize << 20).div_ceil(fragment));
                // A header has 4 or 10 bytes.
                let most = (2 << 20) + frames * 10 + steps - 1;
                assert!((2 << 20..=most).contains(&written), "{written} of {fragment}, by {steps}");
            }
        }
    }

    #[test]
    fn a_mark_behind_a_close_is_reached_with_it() {
        let fragments = Config::default().fragment_size(NonZeroUsize::new(1000));
        for config in [fragments, Config::default().when_full(WhenFull::DropOldest)] {
            for steps in [1, 504, 1004, 2000] {
                let mut connection = Connection::server(&config);
                connection.commands().send(vec![1; 1500]).unwrap();
                connection.commands().close(1000, "").unwrap();
                let mark = connection.mark();
                write_to(&mut connection, &mark, steps);
                assert!(connection.poll_transmit().is_none(), "by {steps}");
            }
        }
    }

    #[test]
    fn a_backlog_that_was_marked_is_forgotten_and_the_next_counts_on() {
        let config = Config::default().fragment_size(NonZeroUsize::new(1000));
        let mut connection = Connection::server(&config);
        for _ in 0..3 {
            connection.commands().send(vec![1; 20_000]).unwrap();
            let mark = connection.mark();
            write_to(&mut connection, &mark, 1000);
            connection.release_memory();
            connection.commands().send(vec![2; 100_000]).unwrap();
            assert_eq!(connection.has_written(&mark), Ok(true), "what was reached stays reached");
            let mark = connection.mark();
            write_to(&mut connection, &mark, 1000);
            connection.release_memory();
            assert!(format!("{connection:?}").contains("backlog: None"), "it is kept");
        }
    }

    #[test]
    fn what_is_dropped_behind_a_mark_does_not_count_as_written() {
        let config = Config::default().when_full(WhenFull::DropOldest).max_buffered(20_000);
        let mut connection = Connection::server(&config.fragment_size(NonZeroUsize::new(1000)));
        connection.commands().send(vec![1; 40_000]).unwrap();
        let mark = connection.mark();
        // It has begun to leave, and is not dropped any more.
        connection.poll_transmit().unwrap().advance(1);
        for _ in 0..10 {
            connection.commands().send(vec![2; 5_000]).unwrap();
            assert_eq!(connection.has_written(&mark), Ok(false));
        }
        assert!(connection.poll_discarded().unwrap().bytes >= 5_000);
        let written = write_to(&mut connection, &mark, 1000);
        assert!(written >= 40_000, "{written}");
    }

    #[test]
    fn what_is_discarded_before_a_mark_is_told_whoever_was_told_before() {
        let config = Config::default().fragment_size(NonZeroUsize::new(1000));
        let mut connection = Connection::server(&config);
        let marks = [20_000, 20_000].map(|len| {
            connection.commands().send(vec![1; len]).unwrap();
            connection.mark()
        });
        let output = connection.poll_transmit().unwrap();
        output.advance(output.remaining());
        connection.input().extend_from_slice(b"\x88\x80\0\0\0\0");
        while connection.poll_event().is_ok_and(|polled| polled.is_some()) {}
        assert!(connection.poll_discarded().is_some() && connection.poll_discarded().is_none());
        while let Some(output) = connection.poll_transmit() {
            output.advance(output.remaining());
        }
        for mark in marks {
            connection.has_written(&mark).unwrap_err();
        }
        // Who asks only now has lost nothing.
        let mark = connection.mark();
        assert_eq!(connection.has_written(&mark), Ok(true));
    }

    /// Writes up to the mark; returns how much.
    fn write_to(connection: &mut Connection, mark: &Mark, steps: usize) -> usize {
        let mut written = 0;
        while connection.has_written(mark) == Ok(false) {
            let output = connection.poll_transmit().unwrap();
            let len = output.chunk().len().min(steps);
            output.advance(len);
            written += len;
        }
        written
    }
}
