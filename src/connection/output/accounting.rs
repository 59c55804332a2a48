//! How much of the output waits, was discarded or has been written; frames nothing.

use super::Output;
use crate::connection::event::{Discarded, Writable};
use crate::connection::timers::Progress;
use crate::error::SendError;

/// A place in what is sent, behind everything that was queued when it was noted.
#[cfg(feature = "split")]
#[derive(Debug)]
pub(crate) struct Mark {
    /// As `Backlog::passed` counts. A backlog that was empty meanwhile may have begun anew: then it
    /// is reached late.
    queued: u64,
    /// As `TransmitBuf::written` counts, once all before it is in the output.
    end: Option<u64>,
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
            self.backlog.get_or_insert_default().note_discarded(left);
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
    pub(in crate::connection) fn mark(&self) -> Mark {
        let queued = self.backlog.as_ref().map_or(0, |backlog| backlog.queued_ever());
        Mark { queued, end: None }
    }

    /// Returns whether everything before the place has been written, whatever waits behind it.
    #[cfg(feature = "split")]
    pub(in crate::connection) fn has_written(&self, mark: &mut Mark) -> bool {
        // Nothing comes behind a Close.
        if self.backlog.as_ref().is_some_and(|backlog| {
            backlog.close.is_some() || backlog.has_messages() && backlog.passed() < mark.queued
        }) {
            return false;
        }
        let end = self.output.written() + self.output.len() as u64;
        *mark.end.get_or_insert(end) <= self.output.written()
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
        let backlog = self.backlog.get_or_insert_default();
        backlog.unsent = backlog.unsent.saturating_add(len);
    }

    /// Notes a message for which there was no room.
    #[cold]
    pub(in crate::connection) fn note_dropped(&mut self, len: usize) {
        self.backlog.get_or_insert_default().note_dropped(len);
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
