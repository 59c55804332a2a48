//! The short way of what comes of a frame whose header was taken, where its message stays in the
//! input. Knows no headers.

use super::{Place, Receiver, spend};
use crate::error::ConnectionError;
use crate::message::MessageKind;

impl Receiver {
    /// Returns whether such a frame is in progress.
    #[inline]
    pub(super) fn is_within_kept(&self) -> bool {
        self.place == Place::Input && self.frames.is_within_data()
    }

    /// Takes what has arrived of that frame: unmasks it where it lies, joins it to what is kept, and
    /// validates it if it is text, together with the character that it may begin within. Returns
    /// whether the message is whole.
    #[inline(always)]
    pub(super) fn keep_rest(&mut self, budget: &mut usize) -> Result<bool, ConnectionError> {
        let is_final = self.frames.is_final();
        let Some(part) = self.frames.poll_payload(&mut self.input, *budget) else {
            return Ok(false);
        };
        spend(budget, part.payload.len());
        let is_whole = is_final && part.is_last;
        let known = self.input.kept().len();
        self.input.keep(part.payload);
        if self.message.kind() == MessageKind::Text {
            let text = self.input.range(self.input.kept());
            self.message.validate_behind(text, known, part.is_ascii, is_whole)?;
        }
        self.short_below = if is_whole { self.short_limit } else { 0 };
        Ok(is_whole)
    }
}
