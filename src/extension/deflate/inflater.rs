//! The decompressor for the other end's messages (RFC 7692, §7.2.2); knows no frames.

use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::config::Takeover;
use super::deflater::{TAIL, since};
use super::history::History;
use super::negotiate::Deflate;
use crate::error::ConnectionError;

/// Decompresses messages as they arrive.
///
/// ```text
///             bytes                     a final block's end
/// (between) ─────────▶ (within a block) ───────────────────▶ (ended)
///     ▲                  │     ▲──────────── bytes ─────────────┘ ▲
///     └─ message's end ──┘       (begins anew, with the history)  │
///                        └──── message's end, without takeover ───┘
/// ```
pub(crate) struct Inflater {
    agreed: Deflate,
    /// The most that a message may decompress to, in bytes.
    limit: u64,
    /// Taken on first use, and when it was given back.
    stream: Option<Inflate>,
    position: Position,
    /// What the window holds, to begin anew with. Without takeover only where a message came in
    /// parts.
    history: History,
    /// What the message in progress decompressed to, in bytes. At most `limit`.
    inflated: u64,
    /// How often the stream began anew in it. At most MAX_BEGINNINGS.
    beginnings: u32,
}

/// Where the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// At the beginning of a block, which is the beginning of a message.
    Between,
    /// At its end: what comes next needs it to begin anew.
    Ended,
    /// Anywhere else.
    Within,
}

impl Inflater {
    pub(crate) const fn new(agreed: Deflate, limit: u64) -> Self {
        Self {
            agreed,
            limit,
            stream: None,
            position: Position::Ended,
            history: History::new(1 << window_bits(agreed)),
            inflated: 0,
            beginnings: 0,
        }
    }

    /// Appends what `input`, the next part of a message or its last one, decompresses to. Returns
    /// how many bytes of the window were copied to begin anew behind final blocks.
    ///
    /// Stops with an error as soon as the message is larger than it may be. What was decompressed
    /// before an error has been appended.
    pub(crate) fn part(
        &mut self,
        input: &[u8],
        is_last: bool,
        output: &mut Vec<u8>,
    ) -> Result<usize, ConnectionError> {
        let before = output.len();
        let beginnings = self.beginnings;
        let mut rest = input;
        let mut room = rest.len().saturating_mul(ROOM_PER_BYTE).clamp(MIN_ROOM, MAX_ROOM);
        while !rest.is_empty() {
            if self.position == Position::Ended {
                self.beginnings += 1;
                if self.beginnings > MAX_BEGINNINGS {
                    return Err(ConnectionError::TooManyFinalBlocks { limit: MAX_BEGINNINGS });
                }
                self.begin_anew(output.get(before..).unwrap_or_default())?;
            }
            self.position = Position::Within;
            rest = self.inflate(rest, InflateFlush::SyncFlush, room, output)?;
            // Many final blocks with little in each would have much room made for nothing.
            room = MIN_ROOM;
            if self.position == Position::Within && !rest.is_empty() {
                return Err(ConnectionError::InvalidDeflate);
            }
        }
        let copied =
            (self.beginnings.saturating_sub(beginnings) as usize) << window_bits(self.agreed);
        if is_last {
            self.finish(output)?;
        }
        if self.agreed.peer_takeover == Takeover::Keep || !is_last {
            self.history.extend_from_slice(output.get(before..).unwrap_or_default());
        } else {
            self.history.clear();
        }
        Ok(copied)
    }

    /// Gives the memory back, but for what later messages may refer to.
    pub(crate) fn release(&mut self) {
        if self.position != Position::Within {
            self.stream = None;
            self.position = Position::Ended;
            self.history.release();
        }
    }

    /// Ends a message.
    fn finish(&mut self, output: &mut Vec<u8>) -> Result<(), ConnectionError> {
        if self.position == Position::Within {
            // §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the
            // message." Together with the last byte they are an empty block, and the stream stops
            // in front of what follows. Where it does not, the message ended inside a block.
            let [a, b, c, d] = TAIL;
            let tail_and_more = [a, b, c, d, 0];
            let len = output.len();
            let rest = self.inflate(&tail_and_more, InflateFlush::Block, 1, output);
            if rest.map(<[u8]>::len) != Ok(1) || output.len() != len {
                output.truncate(len);
                return Err(ConnectionError::InvalidDeflate);
            }
            self.position = Position::Between;
        }
        if self.agreed.peer_takeover == Takeover::Reset {
            self.position = Position::Ended;
        }
        self.inflated = 0;
        self.beginnings = 0;
        Ok(())
    }

    /// Makes a stream that goes on behind the history and `newest`.
    fn begin_anew(&mut self, newest: &[u8]) -> Result<(), ConnectionError> {
        match &mut self.stream {
            // §7.2.3.4: a final block ends the stream, but neither the message nor the window.
            Some(stream) => stream.reset(false),
            None => self.stream = Some(Inflate::new(false, window_bits(self.agreed))),
        }
        let (oldest, older) = self.history.as_slices();
        for part in [oldest, older, newest] {
            if let Some(stream) = &mut self.stream
                && !part.is_empty()
            {
                stream.set_dictionary(part).map_err(|_| ConnectionError::InvalidDeflate)?;
            }
        }
        Ok(())
    }

    /// Decompresses `input`, at first to at most `room` bytes, and returns what is left of it where
    /// the stream stops: behind a final block, or before the next one if `flush` says so.
    fn inflate<'a>(
        &mut self,
        input: &'a [u8],
        flush: InflateFlush,
        mut room: usize,
        output: &mut Vec<u8>,
    ) -> Result<&'a [u8], ConnectionError> {
        let Some(stream) = &mut self.stream else { return Ok(input) };
        let mut rest = input;
        loop {
            let left = self.limit - self.inflated;
            // One byte more than may come shows that it does.
            room = usize::try_from(left).map_or(room, |left| room.min(left.saturating_add(1)));
            let len = output.len();
            output.resize(len + room, 0);
            let (read, written) = (stream.total_in(), stream.total_out());
            let free = output.get_mut(len..).unwrap_or_default();
            let result = stream.decompress(rest, free, flush);
            rest = rest.get(since(read, stream.total_in())..).unwrap_or_default();
            let written = since(written, stream.total_out());
            if written as u64 > left {
                output.truncate(len + written - 1);
                return Err(ConnectionError::MessageTooLarge { limit: self.limit });
            }
            output.truncate(len + written);
            self.inflated += written as u64;
            let status = result.map_err(|_| ConnectionError::InvalidDeflate)?;
            if status == Status::StreamEnd {
                self.position = Position::Ended;
                return Ok(rest);
            }
            if written < room {
                return Ok(rest);
            }
            room = (2 * room).min(MAX_ROOM);
        }
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("agreed", &self.agreed).finish_non_exhaustive()
    }
}

/// zlib compresses with a window of 512 bytes when told to use one of 256.
const fn window_bits(agreed: Deflate) -> u8 {
    if agreed.peer_window_bits < 9 { 9 } else { agreed.peer_window_bits }
}

/// How many bytes of output there is room for at first, for each byte of input.
const ROOM_PER_BYTE: usize = 8;

/// The least and the most room that is made at once.
const MIN_ROOM: usize = 1 << 10;
const MAX_ROOM: usize = 64 << 10;

/// How often the stream may begin anew within one message. To end it by a final block takes two
/// bytes, to begin it anew takes a copy of the window.
const MAX_BEGINNINGS: u32 = 1024;
