//! The short way of a frame that arrives in parts, where its message stays in the input. Leaves all
//! else as it is, to the general way.

use super::short::{
    BINARY_FRAGMENT, BINARY_MESSAGE, CONTINUATION, LAST_FRAGMENT, TEXT_FRAGMENT, TEXT_MESSAGE,
};
use super::{KEPT_AT_ONCE, Place, Receiver, spend};
use crate::error::ConnectionError;
use crate::frame::{FIN, Header, Opcode, Rest};
use crate::message::MessageKind;
use crate::role::Role;

/// A frame at the front of the input that has arrived but for its end.
#[derive(Clone, Copy, Debug)]
struct Begun {
    opcode: Opcode,
    kind: MessageKind,
    fin: bool,
    /// Where its payload begins.
    start: usize,
    payload_len: u64,
    /// How much of the payload is missing. Not 0.
    missing: u64,
}

impl Receiver {
    /// Looks for a frame that has arrived but for its end and that no limit forbids. One of a binary
    /// message is left as it is until it is whole, as nobody can look at its beginning; what has come
    /// of it is expected. One of a text is begun. Returns whether a frame was left.
    #[inline(always)]
    pub(super) fn leave_or_begin(&mut self) -> Result<bool, ConnectionError> {
        let Some(begun) = self.find_begun() else { return Ok(false) };
        let Begun { opcode, kind, fin, start, payload_len, missing } = begun;
        if kind == MessageKind::Text {
            let header = self.input.unread().get(..start).unwrap_or_default();
            let mask = (self.frames.sender() == Role::Client).then(|| Rest::key(header));
            let header = Header { fin, rsv: 0, opcode, mask, payload_len };
            self.message.begin(&header)?;
            self.place = Place::Input;
            self.short_below = 0;
            self.frames.begin(&mut self.input, &header, start, 1);
        }
        self.input.expect(missing, payload_len);
        Ok(kind == MessageKind::Binary)
    }

    #[inline(always)]
    fn find_begun(&self) -> Option<Begun> {
        let unread = self.input.unread();
        let first = *unread.first()?;
        let is_within = self.message.is_within();
        let (opcode, kind) = match first {
            BINARY_MESSAGE => (Opcode::Binary, MessageKind::Binary),
            TEXT_MESSAGE => (Opcode::Text, MessageKind::Text),
            BINARY_FRAGMENT if !is_within => (Opcode::Binary, MessageKind::Binary),
            TEXT_FRAGMENT if !is_within => (Opcode::Text, MessageKind::Text),
            CONTINUATION | LAST_FRAGMENT if is_within && self.place == Place::Input => {
                (Opcode::Continuation, self.message.kind())
            }
            _ => return None,
        };
        let most = match first {
            BINARY_MESSAGE | TEXT_MESSAGE => u64::from(self.short_below).checked_sub(1)?,
            _ if self.chunks || self.frames.is_within() => return None,
            _ => {
                let room = self.room_for_fragments();
                room.fragments.checked_sub(1)?;
                room.bytes.min(KEPT_AT_ONCE.into())
            }
        };
        let Rest { start, payload_len } = Rest::parse(unread, self.frames.sender())?;
        let arrived = unread.len().checked_sub(start)? as u64;
        let missing = payload_len.checked_sub(arrived).filter(|missing| *missing > 0)?;
        let fin = first & FIN != 0;
        (payload_len <= most).then_some(Begun { opcode, kind, fin, start, payload_len, missing })
    }

    /// Returns whether the header of such a frame was taken and its payload was not.
    #[inline]
    pub(super) fn is_within_kept(&self) -> bool {
        self.place == Place::Input && self.frames.is_within_data()
    }

    /// Takes what has arrived of that frame: unmasks it where it lies, and [keeps](Self::keep) it.
    /// Returns whether the message is whole.
    #[inline(always)]
    pub(super) fn keep_rest(&mut self, budget: &mut usize) -> Result<bool, ConnectionError> {
        let is_final = self.frames.is_final();
        let Some(part) = self.frames.poll_payload(&mut self.input, *budget) else {
            return Ok(false);
        };
        spend(budget, part.payload.len());
        let is_whole = is_final && part.is_last;
        self.keep(part, is_whole)?;
        self.short_below = if is_whole { self.short_limit } else { 0 };
        Ok(is_whole)
    }
}
