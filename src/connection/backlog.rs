//! What cannot be written yet: messages behind one that is being fragmented (§5.4), and what must
//! come behind them; knows neither masks nor headers.

use alloc::collections::VecDeque;
use core::num::NonZeroUsize;

use bytes::Bytes;

use super::event::Drained;
use super::framing::Flags;
use crate::frame::{MAX_HEADER_LEN, Opcode};

/// What cannot go to the output yet.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Messages behind one that is being fragmented.
    queue: VecDeque<Queued>,
    /// Payload bytes in the queue.
    queued: usize,
    /// The payload of the newest Ping, when Pongs pile up.
    pub(super) pong: Option<Bytes>,
    /// The body of a Close that must leave behind the queue.
    pub(super) close: Option<Bytes>,
    /// Payload bytes of messages that came too late to be sent, or were dropped at the end.
    pub(super) unsent: usize,
    /// Messages for which there was no room, since that was last reported.
    pub(super) dropped: Drained,
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

impl Backlog {
    pub(super) fn push(&mut self, frame: Queued) {
        self.queued += frame.amount;
        self.queue.push_back(frame);
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
        Some(Queued { flags, payload, amount })
    }

    pub(super) fn has_messages(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Returns how many bytes the queue counts as: the payload, and a header for each message, or
    /// empty ones would wait without end.
    pub(super) fn size(&self) -> usize {
        self.queued + self.queue.len() * MAX_HEADER_LEN
    }

    /// Returns the payload bytes in the queue.
    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    /// Returns whether nothing of it is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.pong.is_none() && self.close.is_none()
    }

    /// Returns whether nothing of it is to be written, counted or reported.
    pub(super) fn is_forgettable(&self) -> bool {
        self.is_empty() && self.unsent == 0 && self.dropped == Drained::default()
    }
}
