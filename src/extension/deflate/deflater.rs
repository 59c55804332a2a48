//! One end's compressor (RFC 7692, §7.2.1); knows neither frames nor the peer.

use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{DeflateConfig as StreamConfig, DeflateFlush};

use super::config::{DeflateConfig, Takeover};
use super::negotiate::Deflate;
use crate::error::SendError;

/// Compresses messages, whole or in parts.
pub(crate) struct Deflater {
    agreed: Deflate,
    /// Taken on first use. What its window holds, the peer's does, too, unless it is stale.
    stream: Option<zlib_rs::Deflate>,
    /// Whether the stream has to begin anew before it is used: the last message was the last one
    /// that its window may be used for, or the peer's window holds what this one does not.
    stale: bool,
    /// Whether the end of the last part, [`TAIL`], is withheld: it is not sent at the end of a
    /// message.
    withheld: bool,
    /// Empty, but for its capacity; at most `MAX_BUFFER` bytes.
    buffer: Vec<u8>,
}

impl Deflater {
    pub(crate) const fn new(agreed: Deflate) -> Self {
        Self { agreed, stream: None, stale: false, withheld: false, buffer: Vec::new() }
    }

    /// Returns whether a message of `len` bytes is to be compressed. Asked before the window is
    /// touched: what has gone through the compressor has to be sent.
    #[inline]
    pub(crate) const fn wants(&self, len: usize) -> bool {
        // A window of 256 bytes is one that zlib cannot compress with.
        len >= self.agreed.threshold && self.agreed.window_bits > 8
    }

    /// Returns the window that the peer decompresses with, as a power of two.
    pub(crate) const fn window_bits(&self) -> u8 {
        self.agreed.window_bits
    }

    /// Notes that the peer is sent a whole message that was [compressed elsewhere](deflate_alone).
    ///
    /// With takeover its window holds that message, and this one's does not: distances would not
    /// agree. The cheapest way out is to refer to nothing before it, which the peer does not
    /// notice: no compressor has to use its window.
    pub(crate) const fn note_passed(&mut self) {
        self.stale = true;
    }

    /// Returns a whole message, compressed.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, SendError> {
        let mut output = self.part(payload)?;
        self.end(&mut output);
        Ok(output)
    }

    /// Returns the next part of a message, compressed so that the peer can decompress it at once.
    pub(crate) fn part(&mut self, payload: &[u8]) -> Result<Vec<u8>, SendError> {
        let mut output = core::mem::take(&mut self.buffer);
        if payload.is_empty() {
            return Ok(output);
        }
        if self.withheld {
            output.extend_from_slice(&TAIL);
        }
        if self.deflate(payload, &mut output).is_err() {
            // The peer does without what it has not seen, and so does a new stream.
            self.stream = None;
            return Err(SendError::CompressionFailed);
        }
        // §7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
        debug_assert!(output.ends_with(&TAIL));
        output.truncate(output.len().saturating_sub(TAIL.len()));
        self.withheld = true;
        Ok(output)
    }

    /// Ends a message of which parts were compressed, and returns what is still to be sent of it.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut output = core::mem::take(&mut self.buffer);
        self.end(&mut output);
        output
    }

    /// Takes back what [`message`](Self::message), [`part`](Self::part) or
    /// [`finish`](Self::finish) returned, to be used again.
    pub(crate) fn reuse(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MAX_BUFFER {
            buffer.clear();
            self.buffer = buffer;
        }
    }

    /// Gives the memory back if no later message needs what is in it.
    pub(crate) fn release(&mut self) {
        self.buffer = Vec::new();
        if self.stale {
            self.stream = None;
        }
    }

    fn end(&mut self, output: &mut Vec<u8>) {
        if !self.withheld {
            // §7.2.3.6: an empty message is an empty block.
            output.push(0);
        }
        self.withheld = false;
        // An empty message leaves the stream untouched, and as stale as it was.
        self.stale |= self.agreed.takeover == Takeover::Reset;
    }

    fn deflate(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<(), zlib_rs::DeflateError> {
        let agreed = self.agreed;
        let stream = self.stream.get_or_insert_with(|| {
            zlib_rs::Deflate::new_with_config(StreamConfig {
                level: agreed.level.into(),
                window_bits: -i32::from(agreed.window_bits),
                mem_level: agreed.mem_level.into(),
                ..StreamConfig::default()
            })
        });
        if core::mem::take(&mut self.stale) {
            stream.reset();
        }
        let mut rest = input;
        loop {
            let len = output.len();
            let room = (zlib_rs::compress_bound(rest.len()) + TAIL.len()).clamp(MIN_ROOM, MAX_ROOM);
            output.resize(len + room, 0);
            let (read, written) = (stream.total_in(), stream.total_out());
            let free = output.get_mut(len..).unwrap_or_default();
            let result = stream.compress(rest, free, DeflateFlush::SyncFlush);
            rest = rest.get(since(read, stream.total_in())..).unwrap_or_default();
            let written = since(written, stream.total_out());
            output.truncate(len + written);
            result?;
            // While it has more to say, it fills what room there is.
            if rest.is_empty() && written < room {
                return Ok(());
            }
        }
    }
}

/// Compresses a whole message for any connection, whatever it has sent before: it refers to nothing
/// but itself. Returns with it the window that it takes to decompress, as a power of two.
pub(crate) fn deflate_alone(
    config: &DeflateConfig,
    payload: &[u8],
) -> Result<(Vec<u8>, u8), SendError> {
    let agreed = Deflate::with_streams_of(&config.clamped());
    // No distance is longer than the message. zlib itself uses a window but for its last bytes.
    let window_bits = power_of_two(payload.len() + LOOKAHEAD).clamp(9, agreed.window_bits);
    let compressed = Deflater::new(Deflate { window_bits, ..agreed }).message(payload)?;
    Ok((compressed, power_of_two(payload.len()).clamp(8, window_bits)))
}

/// Returns the exponent of the least power of two that is not below `len`.
fn power_of_two(len: usize) -> u8 {
    let exponent = len.checked_next_power_of_two().map_or(usize::BITS, usize::trailing_zeros);
    u8::try_from(exponent).unwrap_or(u8::MAX)
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("agreed", &self.agreed).finish_non_exhaustive()
    }
}

/// The end of a sync flush: an empty stored block without its first byte (RFC 7692, §7.2.1).
pub(super) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// How much of its window zlib does not refer to: `MIN_LOOKAHEAD`.
const LOOKAHEAD: usize = 262;

/// The least and the most room that is made at once. A sync flush that begins with less than
/// six bytes of room would be repeated.
const MIN_ROOM: usize = 64;
const MAX_ROOM: usize = 16 << 10;

/// The largest buffer that is kept from one message to the next.
const MAX_BUFFER: usize = 4 << 10;

/// The difference of two positions in a stream, at most the size of a slice.
pub(super) fn since(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}
