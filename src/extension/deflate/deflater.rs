//! One end's compressor (RFC 7692, §7.2.1); knows neither frames nor the peer.

use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{DeflateConfig as StreamConfig, DeflateFlush};

use super::negotiate::{Deflate, Takeover};
use crate::error::SendError;

/// Compresses messages, whole or in parts.
pub(crate) struct Deflater {
    agreed: Deflate,
    /// Taken on first use. Its window holds what the peer's does.
    stream: Option<zlib_rs::Deflate>,
    /// Whether the end of the last part, [`TAIL`], is withheld: it is not sent at the end of a
    /// message.
    withheld: bool,
}

impl Deflater {
    pub(crate) const fn new(agreed: Deflate) -> Self {
        Self { agreed, stream: None, withheld: false }
    }

    /// Returns whether a message of `len` bytes is to be compressed. Asked before the window is
    /// touched: what has gone through the compressor has to be sent.
    #[inline]
    pub(crate) const fn wants(&self, len: usize) -> bool {
        // A window of 256 bytes is one that zlib cannot compress with.
        len >= self.agreed.threshold && self.agreed.window_bits > 8
    }

    /// Appends a whole message, compressed.
    pub(crate) fn message(
        &mut self,
        payload: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.part(payload, output)?;
        self.finish(output);
        Ok(())
    }

    /// Appends the next part of a message, so that the peer can decompress it at once.
    pub(crate) fn part(&mut self, payload: &[u8], output: &mut Vec<u8>) -> Result<(), SendError> {
        if payload.is_empty() {
            return Ok(());
        }
        if self.withheld {
            output.extend_from_slice(&TAIL);
        }
        let agreed = self.agreed;
        let stream = self.stream.get_or_insert_with(|| {
            zlib_rs::Deflate::new_with_config(StreamConfig {
                level: agreed.level.into(),
                window_bits: -i32::from(agreed.window_bits),
                mem_level: agreed.mem_level.into(),
                ..StreamConfig::default()
            })
        });
        let mut piece = [0; PIECE];
        let mut rest = payload;
        loop {
            let (read, written) = (stream.total_in(), stream.total_out());
            stream
                .compress(rest, &mut piece, DeflateFlush::SyncFlush)
                .map_err(|_| SendError::CompressionFailed)?;
            rest = rest.get(since(read, stream.total_in())..).unwrap_or_default();
            let written = since(written, stream.total_out());
            output.extend_from_slice(piece.get(..written).unwrap_or_default());
            if rest.is_empty() && written < PIECE {
                break;
            }
        }
        // §7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
        debug_assert!(output.ends_with(&TAIL));
        output.truncate(output.len().saturating_sub(TAIL.len()));
        self.withheld = true;
        Ok(())
    }

    /// Ends a message.
    pub(crate) fn finish(&mut self, output: &mut Vec<u8>) {
        if !self.withheld {
            // §7.2.3.6: an empty message is an empty block.
            output.push(0);
        }
        self.withheld = false;
        if self.agreed.takeover == Takeover::Reset
            && let Some(stream) = &mut self.stream
        {
            stream.reset();
        }
    }

    /// Gives the memory back if no later message needs what is in it.
    pub(crate) fn release(&mut self) {
        if self.agreed.takeover == Takeover::Reset && !self.withheld {
            self.stream = None;
        }
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("agreed", &self.agreed).finish_non_exhaustive()
    }
}

/// The end of a sync flush: an empty stored block without its first byte (RFC 7692, §7.2.1).
pub(super) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The stream works through pieces of this size.
pub(super) const PIECE: usize = 8192;

/// The difference of two positions in a stream, at most the size of a slice.
pub(super) fn since(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}
