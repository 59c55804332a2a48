//! What to do with the transport, and what came of it; touches no events.

use core::time::Duration;

use super::{Answers, Asked, Driver, Pressure, Writing};
use crate::buffer::{Input, TransmitBuf};
use crate::timestamp::Timestamp;

/// What to do with the transport's sending side, from [`Driver::want_write`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a loop has to know all there is to do")]
pub enum Write<'a> {
    /// Write these bytes, or the first of them; they are never empty. Do not advance the buffer:
    /// [`Driver::handle_written`] does.
    Bytes(&'a TransmitBuf),
    /// Flush the transport's own buffer.
    Flush,
    /// Shut down the sending side (TCP's FIN, TLS's `close_notify`). Continue reading.
    Shutdown,
}

impl Driver {
    /// Returns a buffer to read into, or `None` if nothing should be read now.
    ///
    /// The buffer has room ([`Input::prepare`] was called). Read once. If the bytes were written
    /// into [`Input::spare_mut`] rather than by [`BufMut`](bytes::BufMut),
    /// [`commit`](Input::commit) them. Then call [`handle_read`](Self::handle_read).
    pub fn want_read(&mut self) -> Option<Input<'_>> {
        if !self.wants_read() {
            return None;
        }
        let discards = self.ending.is_some();
        if let Some(opening) = &mut self.opening {
            if discards {
                opening.discard_input();
            }
            return Some(opening.prepared_input());
        }
        if discards {
            self.connection.discard_input();
        }
        Some(self.connection.prepared_input(self.reads.size()))
    }

    /// Lends the input of what is driven.
    pub(super) fn input(&mut self) -> Input<'_> {
        match &mut self.opening {
            Some(opening) => opening.input(),
            None => self.connection.input(),
        }
    }

    pub(super) const fn set_read_away(&mut self, is_away: bool) {
        self.is_read_away = is_away;
    }

    pub(super) fn set_write_away(&mut self) {
        self.is_write_away = true;
        if let Some(ending) = &mut self.ending {
            // What is under way is no try that was in vain.
            ending.note_moved();
        }
    }

    /// Returns whether something should be read now.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.is_read_away && self.is_readable()
    }

    /// Returns whether anything is to be read now, or is being read.
    fn is_readable(&self) -> bool {
        if self.is_eof {
            return false;
        }
        match &self.ending {
            Some(ending) => ending.wants_read() && !self.is_done(),
            None => self.is_quiet && !self.is_deciding() || self.waiting() < READ_AHEAD,
        }
    }

    /// Returns whether the application has a request to decide about.
    fn is_deciding(&self) -> bool {
        self.opening.as_ref().is_some_and(|opening| opening.is_deciding())
    }

    /// Returns how much was read and not processed.
    fn waiting(&self) -> usize {
        match &self.opening {
            Some(opening) => opening.waiting(),
            None => self.connection.unprocessed_len(),
        }
    }

    /// Reports that `len` bytes were read into the buffer of [`want_read`](Self::want_read), at the
    /// time `now`. A `len` of 0 is the end of the stream.
    pub fn handle_read(&mut self, len: usize, now: impl Into<Timestamp>) {
        self.note_read(len);
        self.set_time(now.into());
        if !self.is_quiet {
            self.connection.note_input();
        }
        self.is_quiet = false;
    }

    /// Reports a read as [`handle_read`](Self::handle_read) does, and calls `clock` only if the time
    /// is needed.
    ///
    /// Reading a clock takes as long as receiving several small messages. `clock` is called for the
    /// first read after [`release_memory`](Self::release_memory),
    /// [`release_memory_to`](Self::release_memory_to) or [`handle_timeout`](Self::handle_timeout), and
    /// then for every eighth read. Other reads count as made at the time that is told next. While the
    /// connection is open, [`poll_timeout`](Self::poll_timeout) then returns a time in the past: call
    /// `handle_timeout` before you wait for the transport.
    pub fn handle_read_with<T: Into<Timestamp>>(&mut self, len: usize, clock: impl FnOnce() -> T) {
        let is_first = self.burst == 0;
        self.burst = (self.burst + 1) % READS_AT_ONCE;
        if is_first {
            return self.handle_read(len, clock());
        }
        self.note_read(len);
        self.connection.note_behind();
        self.is_quiet = false;
    }

    fn note_read(&mut self, len: usize) {
        if len == 0 {
            self.handle_read_error();
        } else {
            self.reads.note(len);
            if self.opening.is_some() || self.ending.is_some() || self.connection.has_closed() {
                // What an open connection makes of its input is counted there. Here it is the read
                // that takes time: 256 KiB are a turn.
                let spent = isize::try_from(len.saturating_mul(8)).unwrap_or(isize::MAX);
                self.credit = self.credit.saturating_sub(spent);
            }
            if let Some(ending) = &mut self.ending {
                ending.note_read(len);
            }
        }
    }

    /// Reports that nothing more can be read. What arrived before is delivered; then the connection
    /// ends as at the end of the stream.
    pub fn handle_read_error(&mut self) {
        self.is_eof = true;
        self.is_quiet = false;
        if let Some(opening) = &mut self.opening {
            opening.handle_eof();
        }
        self.connection.handle_eof();
    }

    /// Returns what to do with the sending side, or `None` if there is nothing to do.
    ///
    /// Do it once, as far as the transport allows, and call
    /// [`handle_written`](Self::handle_written).
    pub fn want_write(&mut self) -> Option<Write<'_>> {
        if self.writing != Writing::Open || self.is_write_away || self.is_done() {
            return None;
        }
        if let Some(ending) = &mut self.ending {
            ending.note_tried();
        }
        if self.has_output() {
            self.asked = Asked::Bytes;
            return self.transmit().map(|output| Write::Bytes(output));
        }
        if self.is_unflushed {
            self.asked = Asked::Flush;
            return Some(Write::Flush);
        }
        let ends = self.ending.is_some() && !self.waits_for_server();
        self.asked = if ends { Asked::Shutdown } else { Asked::Nothing };
        ends.then_some(Write::Shutdown)
    }

    /// Returns whether [`want_write`](Self::want_write) would return something.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.writing == Writing::Open
            && !self.is_write_away
            && !self.is_done()
            && (!self.is_written() || self.ending.is_some() && !self.waits_for_server())
    }

    fn transmit(&mut self) -> Option<&mut TransmitBuf> {
        match &mut self.opening {
            Some(opening) => opening.transmit(),
            None => self.connection.poll_transmit(),
        }
    }

    #[inline]
    pub(crate) fn has_output(&self) -> bool {
        match &self.opening {
            Some(opening) => opening.has_output(),
            None => self.connection.has_output(),
        }
    }

    /// Reports that the action of [`want_write`](Self::want_write) was done. For [`Write::Bytes`],
    /// `len` is how many bytes were written; otherwise it is ignored.
    pub fn handle_written(&mut self, len: usize) {
        self.is_write_away = false;
        let asked = core::mem::replace(&mut self.asked, Asked::Nothing);
        match asked {
            Asked::Bytes => {
                if let Some(output) = self.transmit() {
                    let len = len.min(output.len());
                    bytes::Buf::advance(output, len);
                }
                self.pressure = Pressure::None;
                self.is_unflushed = true;
            }
            Asked::Flush => {
                self.is_unflushed = false;
                self.connection.note_flushing(false);
            }
            Asked::Nothing => return,
            Asked::Shutdown => self.writing = Writing::Shut,
        }
        if let Some(ending) = &mut self.ending {
            ending.note_moved();
        }
        if asked == Asked::Flush && self.connection.is_open() {
            // All else that it can bring about has come with the bytes.
            return;
        }
        if self.answers == Answers::Full && self.connection.wants_read() {
            self.answers = Answers::None;
            self.is_quiet = false;
        }
        if self.connection.has_news() {
            self.is_quiet = false;
        }
    }

    /// Reports that nothing more can be written. What the peer sent before is still read and
    /// delivered; then the connection ends as at the end of the stream.
    pub fn handle_write_error(&mut self) {
        self.is_write_away = false;
        self.asked = Asked::Nothing;
        self.writing = Writing::Broken;
        self.connection.note_flushing(false);
        self.is_quiet = false;
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout), on the same
    /// clock as its `now`. `None` if no deadline is set. If the time is in the past, call it at
    /// once.
    ///
    /// The time changes with everything that happens: ask before each wait.
    #[doc(alias = "timeout")]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.is_overdue {
            return None;
        }
        if let Some(ending) = &self.ending {
            return if self.is_done() { None } else { Some(ending.poll_timeout(self.now())) };
        }
        match &self.opening {
            Some(opening) => opening.poll_timeout(),
            None if self.asked == Asked::Flush && !self.connection.is_flushing() => {
                Some(self.now())
            }
            None if self.is_quiet => self.connection.poll_timeout(),
            None => self.connection.poll_timeout_unread(),
        }
    }

    /// Advances the clock to `now`, measured from a fixed point of your choice.
    ///
    /// Call it when the time of [`poll_timeout`](Self::poll_timeout) has come, and after each wait.
    /// A deadline that has passed is reported by [`poll_event`](Self::poll_event); a heartbeat that
    /// is due is queued.
    #[doc(alias = "heartbeat")]
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        self.burst = 0;
        if self.connection.is_behind() && self.is_quiet {
            self.connection.catch_up_processed(now);
        }
        if !self.is_readable() {
            self.connection.note_not_reading();
        }
        self.set_time(now);
        if self.ending.is_none() && self.poll_timeout().is_some_and(|at| at <= now) {
            self.is_overdue = true;
        }
    }

    /// Advances the clock of a driver that is about to be handed to another loop, whose clock
    /// continues from `now`. It reports no deadline as passed, because data that came in time may
    /// still wait in the transport.
    pub fn handle_pause(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        let next = match (&self.ending, &self.opening) {
            (None, None) => self.connection.next_dated(),
            // What is due at once is to begin now, or was told before.
            (Some(_), _) | (_, Some(_)) => self.poll_timeout().filter(|at| *at > self.now()),
        };
        let before = |at: Timestamp| now.min(at.saturating_sub(Duration::from_nanos(1)));
        self.handle_timeout(next.map_or(now, before).max(self.now()));
    }

    fn set_time(&mut self, now: Timestamp) {
        if self.asked == Asked::Flush {
            self.connection.note_flushing(true);
        }
        if let Some(opening) = &mut self.opening {
            opening.handle_timeout(now);
        }
        self.connection.handle_timeout(now);
        if let Some(ending) = &mut self.ending {
            ending.handle_timeout(now, self.connection.close_deadline());
        }
    }
}

/// How many reads in a row have one time.
const READS_AT_ONCE: u8 = 8;

/// What is read while no event is taken, to see that the peer lives.
const READ_AHEAD: usize = 64 << 10;
