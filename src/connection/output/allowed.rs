//! Messages that nothing is in the way of, and how many of them may come; decides nothing but that.

use super::{Flags, Output};
use crate::frame::{Opcode, encode, encode_small, encode_small_masked};
use crate::message::MessageKind;

impl Output {
    /// Returns whether nothing is in the way of a message but that the output may be full.
    #[inline(always)]
    pub(in crate::connection) fn is_clear(&self) -> bool {
        self.part.is_none()
            && self.backlog.is_none()
            && self.deflater.is_none()
            && self.fragment_size.is_none()
    }

    /// Returns how many bytes of frames may come next before anything has to be noted or decided, and
    /// makes room for the first, which has `frame` bytes. 0 if something is in the way.
    #[inline(always)]
    pub(in crate::connection) fn allow(&mut self, frame: usize) -> u16 {
        let left = self.marks.left(self.output.len());
        if !self.is_clear() || left < frame {
            return 0;
        }
        let noted = self.output.begin_note(frame);
        self.output.reserve(frame);
        if let Some(keys) = &mut self.keys {
            keys.refill();
        }
        u16::try_from(left.min(noted)).unwrap_or(u16::MAX)
    }

    /// Returns whether there is room for a frame of so many bytes, and a key for it.
    #[inline(always)]
    pub(in crate::connection) fn is_ready<const MASKED: bool>(&self, frame: usize) -> bool {
        self.output.has_room(frame)
            && (!MASKED || self.keys.as_ref().is_some_and(|keys| keys.has_next()))
    }

    /// Queues a message of 1 to 125 bytes under an allowance. Returns whether it did: it does if
    /// [`is_ready`](Self::is_ready) is true for its frame. The caller counts the payload by
    /// [`note_allowed`](Self::note_allowed).
    #[inline(always)]
    pub(in crate::connection) fn put_small<const MASKED: bool>(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
    ) -> bool {
        if !MASKED {
            return self.output.try_append_with(|packed| encode_small(packed, opcode, payload));
        }
        let Some(keys) = &mut self.keys else { return false };
        let Some(key) = keys.take() else { return false };
        self.output.try_append_with(|packed| encode_small_masked(packed, opcode, payload, key))
    }

    /// Sends a message that is copied, for which there is room, and nothing is in the way. The payload
    /// is to be [noted](Self::note_allowed).
    #[inline(always)]
    pub(in crate::connection) fn put_medium(&mut self, kind: MessageKind, payload: &[u8]) {
        let flags = Flags { opcode: kind.opcode(), rsv: 0, fin: true };
        let header = flags.header(self.keys.as_mut().map(|keys| keys.next()), payload.len());
        self.output.append_with(|packed| encode(packed, header, payload));
    }

    /// Notes that so much payload was sent as [`allow`](Self::allow) has allowed.
    #[inline]
    pub(in crate::connection) fn note_allowed(&mut self, payload: usize) {
        self.output.note_more(payload);
    }
}
