//! The decompressor for the other end's messages (RFC 7692, §7.2.2); knows no frames.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::deflater::{PIECE, TAIL, since};
use super::negotiate::{Deflate, Takeover};
use crate::error::ConnectionError;

/// Decompresses messages as they arrive.
pub(crate) struct Inflater {
    agreed: Deflate,
    /// The most that a message may decompress to, in bytes.
    limit: u64,
    /// Taken on first use.
    stream: Option<Inflate>,
    /// The newest output, as much as the window holds, to begin anew with behind a final block.
    history: VecDeque<u8>,
    /// Whether the stream has ended with a final block and nothing has come behind it.
    ended: bool,
    /// Whether a part of a message has been decompressed, but not its end.
    within: bool,
    /// What it decompressed to, in bytes. At most `limit`.
    inflated: u64,
}

impl Inflater {
    pub(crate) const fn new(agreed: Deflate, limit: u64) -> Self {
        Self {
            agreed,
            limit,
            stream: None,
            history: VecDeque::new(),
            ended: false,
            within: false,
            inflated: 0,
        }
    }

    /// Appends what `input`, the next part of a message, decompresses to.
    ///
    /// Stops with an error as soon as the message is larger than it may be. What was decompressed
    /// before an error is appended, too.
    pub(crate) fn part(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), ConnectionError> {
        // zlib compresses with a window of 512 bytes when told to use one of 256.
        let window_bits = self.agreed.peer_window_bits.max(9);
        self.within = true;
        let mut piece = [0; PIECE];
        let mut rest = input;
        while !rest.is_empty() {
            let stream = self.stream.get_or_insert_with(|| Inflate::new(false, window_bits));
            if self.ended {
                // §7.2.3.4: a final block ends the stream, but neither the message nor the window.
                stream.reset(false);
                if !self.history.is_empty() {
                    stream
                        .set_dictionary(self.history.make_contiguous())
                        .map_err(|_| ConnectionError::InvalidDeflate)?;
                }
                self.ended = false;
            }
            loop {
                let (read, written) = (stream.total_in(), stream.total_out());
                let status = stream.decompress(rest, &mut piece, InflateFlush::SyncFlush);
                rest = rest.get(since(read, stream.total_in())..).unwrap_or_default();
                let written = piece.get(..since(written, stream.total_out())).unwrap_or_default();
                let room = usize::try_from(self.limit - self.inflated).unwrap_or(usize::MAX);
                output.extend_from_slice(written.get(..room).unwrap_or(written));
                self.inflated += written.len() as u64;
                if self.inflated > self.limit {
                    return Err(ConnectionError::MessageTooLarge { limit: self.limit });
                }
                let status = status.map_err(|_| ConnectionError::InvalidDeflate)?;
                remember(&mut self.history, written, 1 << window_bits);
                if status == Status::StreamEnd {
                    self.ended = true;
                    break;
                }
                if written.len() < PIECE {
                    if !rest.is_empty() {
                        return Err(ConnectionError::InvalidDeflate);
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    /// Ends a message.
    pub(crate) fn finish(&mut self, output: &mut Vec<u8>) -> Result<(), ConnectionError> {
        // §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the
        // message." Together with the last byte they are an empty block. Where they are
        // anything else, the message ended inside a block.
        if !self.ended {
            let inflated = self.inflated;
            self.part(&TAIL, output)?;
            if self.inflated != inflated {
                return Err(ConnectionError::InvalidDeflate);
            }
        }
        self.within = false;
        self.inflated = 0;
        if self.agreed.peer_takeover == Takeover::Reset {
            self.history.clear();
            self.ended = true;
        }
        Ok(())
    }

    /// Gives the memory back if no later message needs what is in it.
    pub(crate) fn release(&mut self) {
        if self.agreed.peer_takeover == Takeover::Reset && !self.within {
            *self = Self::new(self.agreed, self.limit);
        }
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("agreed", &self.agreed).finish_non_exhaustive()
    }
}

/// Appends to the history, which holds at most `window` bytes.
fn remember(history: &mut VecDeque<u8>, output: &[u8], window: usize) {
    let newest = output.get(output.len().saturating_sub(window)..).unwrap_or_default();
    let excess = (history.len() + newest.len()).saturating_sub(window);
    history.drain(..excess);
    history.extend(newest);
}
