//! What the benches measure against: loops as one would write them by hand for one purpose, without
//! checks, limits or state; knows nothing of the crate.
#![allow(dead_code, reason = "each bench uses a part of it")]

use bytes::{Buf, Bytes, BytesMut};

/// The payload sizes that are measured.
pub(crate) const SIZES: [usize; 7] = [16, 125, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20];

/// How many batches are sent in a turn.
pub(crate) const REPEAT: usize = 8;

/// How much a read delivers.
pub(crate) const READ: usize = 64 << 10;

/// Masked frames of one size as a client sends them, and what is in them.
pub(crate) struct Stream {
    bytes: Vec<u8>,
    /// Where in `bytes` the frames begin.
    start: usize,
    pub(crate) payloads: Vec<Vec<u8>>,
}

impl Stream {
    /// Makes binary messages of `size` bytes.
    pub(crate) fn binary(size: usize) -> Self {
        Self::new(0x82, size, |index| (index % 251) as u8)
    }

    /// Makes text messages of `size` bytes: mostly ASCII, with two-byte characters among it.
    pub(crate) fn text(size: usize) -> Self {
        Self::new(0x81, size, |index| match index % 64 {
            30 if size >= 64 => 0xc3,
            31 if size >= 64 => 0xa4,
            index => b'0' + index as u8,
        })
    }

    /// Makes text messages of `size` bytes, with characters of two to four bytes among the others.
    pub(crate) fn multi_byte(size: usize) -> Self {
        let text = MULTI_BYTE.as_bytes();
        let whole = size - size % text.len();
        Self::new(0x81, size, |index| if index < whole { text[index % text.len()] } else { b'x' })
    }

    fn new(first: u8, size: usize, byte_at: impl Fn(usize) -> u8) -> Self {
        let count = (TOTAL / (size + 8)).max(4);
        let mut wire = Vec::new();
        let mut payloads = Vec::new();
        for index in 0..count {
            let payload: Vec<u8> = (0..size).map(&byte_at).collect();
            let key = (index as u32).wrapping_mul(0x9e37_79b9).to_le_bytes();
            put_header(&mut wire, first, size, Some(key));
            wire.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
            payloads.push(payload);
        }
        Self { bytes: wire, start: 0, payloads }
    }

    /// Moves the bytes to another offset within a page. Where the source of a copy lies, seen from
    /// its destination, can matter more than anything that is measured here.
    pub(crate) fn moved_by(mut self, offset: usize) -> Self {
        self.bytes.splice(..self.start, core::iter::repeat_n(0, offset));
        self.start = offset;
        self
    }

    /// Returns the bytes as they are read from a socket.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.reads_of(READ)
    }

    /// Returns the bytes in pieces of a size.
    pub(crate) fn reads_of(&self, size: usize) -> impl Iterator<Item = &[u8]> + Clone {
        self.bytes[self.start..].chunks(size)
    }

    /// Returns how many bytes of payload there are.
    pub(crate) fn payload_len(&self) -> u64 {
        self.payloads.iter().map(|payload| payload.len() as u64).sum()
    }
}

/// A receive buffer and the loop that empties it: parse the header, unmask in place, call.
#[derive(Default)]
pub(crate) struct Lent {
    bytes: Vec<u8>,
    start: usize,
}

impl Lent {
    #[inline]
    pub(crate) fn fill(&mut self, read: &[u8]) {
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        } else if self.bytes.capacity() - self.bytes.len() < read.len() {
            self.bytes.copy_within(self.start.., 0);
            self.bytes.truncate(self.bytes.len() - self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(read);
    }

    #[inline]
    pub(crate) fn receive(&mut self, mut call: impl FnMut(&[u8])) {
        while let Some((header, len, key)) = parse(&self.bytes[self.start..]) {
            let from = self.start + header;
            let Some(payload) = self.bytes.get_mut(from..from + len) else { return };
            xor(payload, key);
            call(payload);
            self.start = from + len;
        }
    }
}

/// The same with messages that own their payload: split off the buffer, without a copy.
#[derive(Default)]
pub(crate) struct Owned {
    bytes: BytesMut,
}

impl Owned {
    #[inline]
    pub(crate) fn fill(&mut self, read: &[u8]) {
        self.bytes.extend_from_slice(read);
    }

    #[inline]
    pub(crate) fn receive(&mut self, mut call: impl FnMut(Bytes)) {
        while let Some((header, len, key)) = parse(&self.bytes) {
            if self.bytes.len() < header + len {
                self.bytes.reserve(header + len - self.bytes.len());
                return;
            }
            self.bytes.advance(header);
            let mut payload = self.bytes.split_to(len);
            xor(&mut payload, key);
            call(payload.freeze());
        }
    }
}

/// An output buffer: header and payload, packed or by reference.
#[derive(Default)]
pub(crate) struct Output {
    pub(crate) bytes: Vec<u8>,
    pub(crate) shared: Vec<(usize, Bytes)>,
    key: u32,
}

impl Output {
    /// A server's frame: header and copy.
    #[inline]
    pub(crate) fn copy(&mut self, payload: &[u8]) {
        put_header(&mut self.bytes, 0x82, payload.len(), None);
        self.bytes.extend_from_slice(payload);
    }

    /// A server's frame: header and reference.
    #[inline]
    pub(crate) fn refer(&mut self, payload: &Bytes) {
        put_header(&mut self.bytes, 0x82, payload.len(), None);
        self.shared.push((self.bytes.len(), payload.clone()));
    }

    /// A client's frame: header and masked copy. The key is a counter.
    #[inline]
    pub(crate) fn mask(&mut self, payload: &[u8]) {
        self.key = self.key.wrapping_add(0x9e37_79b9);
        let key = self.key.to_le_bytes();
        put_header(&mut self.bytes, 0x82, payload.len(), Some(key));
        let from = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        xor(&mut self.bytes[from..], key);
    }

    /// Sends batches, each of which is written before the next.
    #[inline]
    pub(crate) fn send(&mut self, batch: usize, mut send: impl FnMut(&mut Self)) {
        for _ in 0..REPEAT {
            (0..batch).for_each(|_| send(self));
            core::hint::black_box(&*self);
            self.clear();
        }
    }

    #[inline]
    fn clear(&mut self) {
        self.bytes.clear();
        self.shared.clear();
    }
}

/// Returns how many messages of a size are sent before they are written.
pub(crate) fn batch(size: usize) -> usize {
    (BATCH / (size + 14)).max(1)
}

/// Returns the lengths of header and payload, and the key.
#[inline]
pub(crate) fn parse(bytes: &[u8]) -> Option<(usize, usize, [u8; 4])> {
    let [_, second, rest @ ..] = bytes else { return None };
    let (header, len, rest) = match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (8, usize::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (14, u64::from_be_bytes(*len) as usize, rest)
        }
        len => (6, usize::from(len), rest),
    };
    Some((header, len, *rest.first_chunk()?))
}

/// Appends a header.
#[inline]
pub(crate) fn put_header(output: &mut Vec<u8>, first: u8, len: usize, key: Option<[u8; 4]>) {
    let masked = if key.is_some() { 0x80 } else { 0 };
    match len {
        0..126 => output.extend_from_slice(&[first, masked | len as u8]),
        126..0x1_0000 => {
            let [a, b] = (len as u16).to_be_bytes();
            output.extend_from_slice(&[first, masked | 126, a, b]);
        }
        _ => {
            output.extend_from_slice(&[first, masked | 127]);
            output.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if let Some(key) = key {
        output.extend_from_slice(&key);
    }
}

/// The XOR of §5.3, eight bytes at a time.
#[inline]
pub(crate) fn xor(payload: &mut [u8], key: [u8; 4]) {
    let half = u32::from_ne_bytes(key);
    let wide = u64::from(half) << 32 | u64::from(half);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// Two, three and four bytes, as people write.
const MULTI_BYTE: &str = "Zürich 東京都 😀 привет ";

/// About how many bytes a stream of messages has: with the buffer they fill, they fit a
/// second-level cache, so that the loops are measured and not the memory.
const TOTAL: usize = 512 << 10;

/// About how many bytes a batch has: below what an output buffer keeps.
const BATCH: usize = 32 << 10;
