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
}

impl BodyReader {
    /// RFC 9112, §6.3: by `Transfer-Encoding`, else by `Content-Length`, else by the end.
    pub(super) fn new(headers: &Headers, limit: usize) -> Self {
        let length = headers.text(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let (framing, left) = match (headers.get(TRANSFER_ENCODING), length) {
            (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") => {
                (Framing::FirstChunk, 0)
            }
            (None, Some(length)) => (Framing::Length, length),
            (Some(_), _) | (None, None) => (Framing::Stream, u64::MAX),
        };
        Self { framing, left, body: Vec::new(), limit }
    }

    /// Consumes what belongs to the body. Returns it once it is over, and whether it is less than
    /// what the server has sent or announced.
    pub(super) fn poll(
        &mut self,
        input: &mut ReceiveBuf,
        is_ended: bool,
    ) -> Option<(Vec<u8>, bool)> {
        let is_truncated = loop {
            if self.left > 0 {
                let room = self.limit - self.body.len();
                let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                let bytes = input.unread();
                let taken = bytes.get(..room.min(left)).unwrap_or(bytes);
                match taken.len() {
                    0 if !bytes.is_empty() => break true,
                    0 if is_ended => break self.framing != Framing::Stream,
                    0 => return None,
                    len => {
                        self.body.extend_from_slice(taken);
                        self.left -= len as u64;
                        input.consume(len);
                    }
                }
                continue;
            }
            if matches!(self.framing, Framing::Length | Framing::Stream) {
                break false;
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
                Ok(Status::Partial) if line.len() < MAX_CHUNK_LINE && !is_ended => return None,
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

/// A size in 16 hexadecimal digits, line breaks, and some room for extensions.
const MAX_CHUNK_LINE: usize = 256;
