//! The body of a response that opens no connection (RFC 9112, §6); knows no status.

use alloc::vec::Vec;

use httparse::{InvalidChunkSize, Status};

use super::Headers;
use super::headers::{CONTENT_LENGTH, TRANSFER_ENCODING};
use crate::buffer::ReceiveBuf;

/// Collects a body, up to a limit.
#[derive(Debug)]
pub(super) struct BodyReader {
    framing: Framing,
    /// Bytes before the body, or the chunk, is over.
    left: u64,
    /// body.len() <= limit
    body: Vec<u8>,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// What comes behind `left` bytes, if no chunk was read yet.
    FirstChunk,
    /// What comes behind `left` bytes.
    NextChunk,
    Length,
    /// The body lasts as long as the stream.
    Stream,
    /// Where the body ends cannot be known.
    Unknown,
}

/// Why nothing more of a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The stream has ended.
    Eof,
    /// Nobody waits any longer.
    Late,
}

impl BodyReader {
    pub(super) fn new(headers: &Headers, limit: usize) -> Self {
        let (framing, left) = framing(headers);
        Self { framing, left, body: Vec::new(), limit }
    }

    /// Consumes what belongs to the body. Returns it once it is over or cut off, and whether it is
    /// less than what the server has sent or announced.
    pub(super) fn poll(
        &mut self,
        input: &mut ReceiveBuf,
        cut: Option<Cut>,
    ) -> Option<(Vec<u8>, bool)> {
        let is_truncated = loop {
            if self.left > 0 {
                let room = self.limit - self.body.len();
                let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                let bytes = input.unread();
                let taken = bytes.get(..room.min(left)).unwrap_or(bytes);
                match taken.len() {
                    0 if !bytes.is_empty() => break true,
                    0 => match cut {
                        Some(Cut::Eof) => break self.framing != Framing::Stream,
                        Some(Cut::Late) => break true,
                        None => return None,
                    },
                    len => {
                        self.body.extend_from_slice(taken);
                        self.left -= len as u64;
                        input.consume(len);
                    }
                }
                continue;
            }
            match self.framing {
                Framing::FirstChunk | Framing::NextChunk => {}
                Framing::Length | Framing::Stream => break false,
                Framing::Unknown => break true,
            }
            // Each byte that arrives has the line parsed again, so it is kept short.
            let line = input.unread();
            let line = line.get(..MAX_CHUNK_LINE).unwrap_or(line);
            match self.chunk_size(line) {
                // What follows the last chunk says nothing about the body.
                Ok(Status::Complete((_, 0))) => break false,
                Ok(Status::Complete((len, size))) => {
                    input.consume(len);
                    self.left = size;
                    self.framing = Framing::NextChunk;
                }
                Ok(Status::Partial) if line.len() < MAX_CHUNK_LINE && cut.is_none() => {
                    return None;
                }
                Ok(Status::Partial) | Err(InvalidChunkSize) => break true,
            }
        };
        Some((core::mem::take(&mut self.body), is_truncated))
    }

    /// Parses the line between two chunks: its length and the size of the chunk behind it.
    fn chunk_size(&self, bytes: &[u8]) -> Result<Status<(usize, u64)>, InvalidChunkSize> {
        let line = match (self.framing, bytes) {
            (Framing::FirstChunk, line) | (_, [b'\r', b'\n', line @ ..]) => line,
            (_, [] | [b'\r']) => return Ok(Status::Partial),
            _ => return Err(InvalidChunkSize),
        };
        // httparse takes a line without a number for the size 0.
        if line.first().is_some_and(|digit| !digit.is_ascii_hexdigit()) {
            return Err(InvalidChunkSize);
        }
        let parsed = httparse::parse_chunk_size(line)?;
        let skipped = bytes.len() - line.len();
        Ok(match parsed {
            Status::Complete((len, size)) => Status::Complete((skipped + len, size)),
            Status::Partial => Status::Partial,
        })
    }
}

/// Returns how the body is framed, and how many bytes come first (RFC 9112, §6.3).
fn framing(headers: &Headers) -> (Framing, u64) {
    // RFC 2616, §3.6, had a coding "identity" that is none.
    let is_coding = |coding: &&[u8]| !coding.eq_ignore_ascii_case(b"identity");
    let is_chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let codings = || headers.list(TRANSFER_ENCODING).filter(is_coding);
    if let Some(last) = codings().last() {
        return match codings().filter(is_chunked).count() {
            1 if is_chunked(&last) => (Framing::FirstChunk, 0),
            0 | 1 => (Framing::Stream, u64::MAX),
            // §6.1: "A sender MUST NOT apply the chunked transfer coding more than once"
            _ => (Framing::Unknown, 0),
        };
    }
    if headers.get(CONTENT_LENGTH).is_none() {
        return (Framing::Stream, u64::MAX);
    }
    // §6.3, 5: a list of the same number again and again stands for that number.
    let mut lengths = headers.list(CONTENT_LENGTH).map(length);
    match lengths.next() {
        Some(Some(first)) if lengths.all(|length| length == Some(first)) => {
            (Framing::Length, first)
        }
        Some(_) | None => (Framing::Unknown, 0),
    }
}

/// Parses an element of `Content-Length`. More than can be counted is endless.
fn length(digits: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(digits).ok()?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// A size in 16 hexadecimal digits, line breaks, and some room for extensions.
const MAX_CHUNK_LINE: usize = 256;
