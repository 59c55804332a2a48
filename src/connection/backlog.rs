//! What cannot be written yet: messages that nothing was made of, messages behind one that is being
//! fragmented (§5.4), and what must come behind them; knows neither masks nor headers.

use alloc::collections::VecDeque;
use core::num::NonZeroUsize;

use bytes::Bytes;

use super::event::{Discarded, Writable};
use super::framing::{Compress, Flags};
use crate::frame::Opcode;
use crate::message::{MessageKind, Prepared};

/// What cannot go to the output yet.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Frames behind one that is being fragmented.
    queue: VecDeque<Queued>,
    /// Payload bytes in the queue.
    queued: usize,
    /// Counts the messages and parts that were queued, and the Close.
    count: u64,
    /// Messages behind the queue, which can be dropped: no frame was begun, nothing compressed.
    loose: VecDeque<Loose>,
    /// Payload bytes of those.
    loose_len: usize,
    /// How many were dropped behind the queue: they count as waiting until that is empty, or one in
    /// the queue would count as gone in their place.
    gaps: usize,
    /// Whether messages wait in `loose` rather than in the output.
    drops_oldest: bool,
    /// The payload of the newest Ping, when Pongs pile up.
    pub(super) pong: Option<Bytes>,
    /// The body of a Close that must leave behind the messages.
    close: Option<Bytes>,
    /// Payload bytes of messages that came too late to be sent, or were discarded at the end.
    pub(super) unsent: usize,
    /// Messages for which there was no room, since that was last reported.
    pub(super) dropped: Writable,
    /// What was accepted and is never sent, since that was last reported.
    pub(super) discarded: Option<Discarded>,
    /// For each of the last that left the backlog: how many had left it then, and where it ends in
    /// the output. `None` until somebody asks by a mark.
    ends: Option<VecDeque<(u64, u64)>>,
    /// Of those that were queued, so many had left when the rest was discarded, of so much payload.
    #[cfg(feature = "split")]
    lost: Option<(u64, Discarded)>,
}

/// A frame or message, of which fragments are taken from the front.
#[derive(Debug)]
pub(super) struct Queued {
    /// Of the next fragment; `fin` of the last one.
    pub(super) flags: Flags,
    pub(super) payload: Bytes,
    /// How much payload it is to the application, before compression.
    pub(super) amount: usize,
}

/// A message of which nothing was made yet.
#[derive(Debug)]
pub(super) enum Loose {
    Message(MessageKind, Bytes, Compress),
    Prepared(Prepared),
}

impl Backlog {
    /// Creates a backlog behind an output that ends at `end`. It counts on from there, so that no
    /// earlier one has counted as far: each message has at least a byte.
    pub(super) fn behind(end: u64) -> Self {
        Self { count: end, ..Self::default() }
    }

    /// Creates a backlog in which messages wait so that the oldest can be dropped.
    pub(super) fn dropping_oldest() -> Self {
        Self { drops_oldest: true, ..Self::default() }
    }

    pub(super) fn push(&mut self, frame: Queued) {
        self.queued += frame.amount;
        self.queue.push_back(frame);
    }

    /// Holds back a Close, which comes behind everything.
    pub(super) fn hold_close(&mut self, body: Bytes) {
        self.close = Some(body);
        self.count += 1;
    }

    /// Takes the Close, when nothing else waits.
    pub(super) const fn next_close(&mut self) -> Option<Bytes> {
        self.close.take()
    }

    /// Takes at most `size` bytes off the front of the first message.
    pub(super) fn next_fragment(&mut self, size: Option<NonZeroUsize>) -> Option<Queued> {
        let first = self.queue.front_mut()?;
        let size = size.map_or(usize::MAX, NonZeroUsize::get);
        let payload = first.payload.split_to(size.min(first.payload.len()));
        let is_last = first.payload.is_empty();
        let flags = Flags { fin: first.flags.fin && is_last, ..first.flags };
        // RFC 7692, §6: only the first fragment says that the message is compressed.
        first.flags = Flags { opcode: Opcode::Continuation, rsv: 0, ..first.flags };
        let amount = if is_last { first.amount } else { first.amount.min(payload.len()) };
        first.amount -= amount;
        self.queued -= amount;
        if is_last {
            self.queue.pop_front();
        }
        if self.queue.is_empty() {
            self.gaps = 0;
        }
        Some(Queued { flags, payload, amount })
    }

    pub(super) fn push_loose(&mut self, message: Loose) {
        self.loose_len += message.len();
        self.loose.push_back(message);
    }

    /// Takes the oldest message of which nothing was made.
    pub(super) fn next_loose(&mut self) -> Option<Loose> {
        let message = self.loose.pop_front()?;
        self.loose_len -= message.len();
        Some(message)
    }

    /// Drops the oldest message of which nothing was made, if there is one.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.next_loose() else { return false };
        self.gaps += usize::from(self.has_frames());
        self.note_dropped(oldest.len());
        self.note_discarded(oldest.len());
        true
    }

    /// Discards what has not been framed of messages, and what was to come behind.
    pub(super) fn discard(&mut self) {
        if self.has_messages() {
            let left = self.payload_len();
            self.unsent = self.unsent.saturating_add(left);
            self.note_discarded(left);
            #[cfg(feature = "split")]
            self.lost.get_or_insert((self.passed(), Discarded { bytes: left as u64 }));
        }
        self.queue = VecDeque::new();
        self.loose = VecDeque::new();
        (self.queued, self.loose_len, self.gaps) = (0, 0, 0);
        (self.pong, self.close) = (None, None);
    }

    /// Notes that a message for which there was no room is not sent.
    pub(super) const fn note_dropped(&mut self, len: usize) {
        self.dropped.dropped_messages += 1;
        self.dropped.dropped_bytes += len as u64;
    }

    /// Notes that so much was accepted and is not sent.
    pub(super) const fn note_discarded(&mut self, len: usize) {
        let before = match self.discarded {
            Some(discarded) => discarded.bytes,
            None => 0,
        };
        self.discarded = Some(Discarded { bytes: before.saturating_add(len as u64) });
    }

    /// Returns whether messages wait so that the oldest can be dropped.
    pub(super) const fn drops_oldest(&self) -> bool {
        self.drops_oldest
    }

    /// Returns whether a frame waits to be fragmented, or behind one that does.
    pub(super) fn has_frames(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Returns whether a message waits of which nothing was made.
    pub(super) fn has_loose(&self) -> bool {
        !self.loose.is_empty()
    }

    pub(super) fn has_messages(&self) -> bool {
        self.has_frames() || self.has_loose()
    }

    /// Returns how many bytes what waits counts as: the payload, and for each message what it takes
    /// to keep it, or empty ones would wait without end.
    pub(super) fn size(&self) -> usize {
        self.payload_len()
            + self.queue.len() * size_of::<Queued>()
            + self.loose.len() * size_of::<Loose>()
    }

    /// Returns the payload bytes that wait.
    pub(super) const fn payload_len(&self) -> usize {
        self.queued + self.loose_len
    }

    /// Notes that a message or part was queued, here or in the output.
    pub(super) const fn note_queued(&mut self) {
        self.count += 1;
    }

    /// Returns how many messages and parts have been queued, and notes from now on where they end.
    #[cfg(feature = "split")]
    pub(super) fn mark(&mut self) -> u64 {
        self.ends.get_or_insert_default();
        self.count
    }

    /// Returns what was discarded of the first `count` that were queued, and perhaps of others.
    #[cfg(feature = "split")]
    pub(super) fn lost_of(&self, count: u64) -> Option<Discarded> {
        self.lost.filter(|(passed, _)| *passed < count).map(|(_, lost)| lost)
    }

    /// Notes that the last one that left ends there in the output, of which so much is written.
    pub(super) fn note_end(&mut self, end: u64, written: u64) {
        let passed = self.passed();
        let Some(ends) = &mut self.ends else { return };
        while ends.front().is_some_and(|(_, end)| *end <= written) {
            ends.pop_front();
        }
        ends.push_back((passed, end));
    }

    /// Returns where the last of the first `count` that left ends in the output. 0 if it has been
    /// written, or left before the first [`mark`](Self::mark).
    #[cfg(feature = "split")]
    pub(super) fn end_of(&self, count: u64) -> u64 {
        let ends = self.ends.iter().flatten();
        ends.rev().find(|(passed, _)| *passed <= count).map_or(0, |(_, end)| *end)
    }

    /// Forgets where messages end, once so much of the output is written that nobody can ask.
    pub(super) fn forget_ends(&mut self, written: u64) {
        let is_written =
            |ends: &VecDeque<(u64, u64)>| ends.back().is_none_or(|(_, end)| *end <= written);
        if self.is_empty() {
            self.ends.take_if(|ends| is_written(ends));
        }
    }

    /// Counts those that were queued and wait here no more.
    pub(super) fn passed(&self) -> u64 {
        self.count.saturating_sub(self.waiting_count() as u64)
    }

    /// Returns how many messages and parts wait, and the Close.
    pub(super) fn waiting_count(&self) -> usize {
        self.queue.len() + self.gaps + self.loose.len() + usize::from(self.close.is_some())
    }

    /// Returns whether nothing of it is to be written.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_messages() && self.pong.is_none() && self.close.is_none()
    }

    /// Returns whether nothing of it is to be written, counted or reported, nor needed for what
    /// comes.
    pub(super) fn is_forgettable(&self) -> bool {
        self.is_empty()
            && self.ends.is_none()
            && !self.drops_oldest
            && self.unsent == 0
            && self.dropped == Writable::default()
            && self.discarded.is_none()
    }
}

impl Loose {
    /// Returns the length of the payload.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Message(_, payload, _) => payload.len(),
            Self::Prepared(prepared) => prepared.len(),
        }
    }
}
