//! RFC 7692 for tests: ends that have agreed on it, raw zlib as a peer, and RFC 1951 word for word.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use sanswire::extension::{Deflate, DeflateConfig, Takeover, parse_extensions};
use sanswire::{Config, Connection, Role};

use super::end::End;

/// The end of a sync flush, which is not sent (§7.2.1).
pub(crate) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The reserved bit that says that a message is compressed.
pub(crate) const RSV1: u8 = 0x40;

/// A configuration that compresses everything, changed.
pub(crate) fn deflate_config() -> DeflateConfig {
    DeflateConfig::default().threshold(0)
}

/// What `role` makes of an agreement that is written down as in a response.
pub(crate) fn agreed(role: Role, config: &DeflateConfig, response: &str) -> Deflate {
    let response = parse_extensions([response.as_bytes()]).unwrap();
    Deflate::from_agreed(role, config, &response[0]).unwrap()
}

/// An end that has agreed on permessage-deflate without parameters.
pub(crate) fn plain_agreed(role: Role) -> Deflate {
    agreed(role, &deflate_config(), "permessage-deflate")
}

impl End {
    pub(crate) fn deflating(role: Role, config: &Config, agreed: Deflate) -> Self {
        let connection = match role {
            Role::Client => Connection::client(config, [7; 32]),
            Role::Server => Connection::server(config),
        };
        Self { connection: connection.with_deflate(agreed), ..Self::new(role, config) }
    }
}

/// What each of two ends makes of the other's offer or response to it.
pub(crate) fn negotiate(
    client: &DeflateConfig,
    server: &DeflateConfig,
) -> Option<(Deflate, Deflate)> {
    let (of_server, response) = Deflate::accept(server, &[Deflate::offer(client)])?;
    Some((Deflate::confirm(client, &response).unwrap(), of_server))
}

/// A peer that compresses with raw zlib.
pub(crate) struct RawDeflate {
    zlib: Compress,
    bits: u8,
    takeover: Takeover,
    /// All that the window may hold, as far as it matters.
    window: Vec<u8>,
    /// Whether the stream has ended.
    ended: bool,
}

impl RawDeflate {
    pub(crate) fn new(level: u32, bits: u8, takeover: Takeover) -> Self {
        let zlib = Compress::new_with_window_bits(Compression::new(level), false, bits);
        Self { zlib, bits, takeover, window: Vec::new(), ended: false }
    }

    /// Compresses a message, without its last four bytes.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut output = self.segment(payload, false);
        assert_eq!(output.split_off(output.len() - 4), TAIL);
        self.end();
        output
    }

    /// Compresses a part of a message: up to the end of a flush, or of a final block.
    pub(crate) fn segment(&mut self, payload: &[u8], is_final: bool) -> Vec<u8> {
        if core::mem::take(&mut self.ended) {
            self.zlib.reset();
            self.zlib.set_dictionary(&self.window).unwrap();
        }
        let flush = if is_final { FlushCompress::Finish } else { FlushCompress::Sync };
        let mut output = Vec::with_capacity(payload.len() + payload.len() / 8 + 1_000);
        self.zlib.compress_vec(payload, &mut output, flush).unwrap();
        assert!(output.len() < output.capacity());
        self.ended = is_final;
        self.window.extend(payload);
        self.window.drain(..self.window.len().saturating_sub(1 << self.bits));
        if output.is_empty() {
            // Another flush, where nothing came in between, does nothing.
            output.push(0);
            output.extend(TAIL);
        }
        output
    }

    /// Ends a message.
    pub(crate) fn end(&mut self) {
        if self.takeover == Takeover::Reset {
            self.restart();
        }
    }

    /// Begins with an empty window.
    pub(crate) fn restart(&mut self) {
        self.zlib.reset();
        self.window.clear();
        self.ended = false;
    }
}

/// A peer that decompresses with raw zlib.
pub(crate) struct RawInflate {
    zlib: Decompress,
    bits: u8,
    takeover: Takeover,
}

impl RawInflate {
    pub(crate) fn new(bits: u8, takeover: Takeover) -> Self {
        Self { zlib: Decompress::new_with_window_bits(false, bits), bits, takeover }
    }

    /// Decompresses a message of at most `len` bytes.
    pub(crate) fn message(&mut self, payload: &[u8], len: usize) -> Vec<u8> {
        let mut output = Vec::with_capacity(len + 1_000);
        let input = [payload, &TAIL].concat();
        let before = self.zlib.total_in();
        self.zlib.decompress_vec(&input, &mut output, FlushDecompress::Sync).unwrap();
        assert_eq!(self.zlib.total_in() - before, input.len() as u64);
        if self.takeover == Takeover::Reset {
            self.zlib = Decompress::new_with_window_bits(false, self.bits);
        }
        output
    }
}

/// RFC 1951 bit by bit, from §3.2 and with the shape of Mark Adler's `puff`; shares no code with
/// any zlib.
#[derive(Default)]
pub(crate) struct Puff {
    /// All that was ever decompressed.
    pub(crate) output: Vec<u8>,
    /// Where the window begins.
    pub(crate) begin: usize,
    /// The largest distance that was used.
    pub(crate) farthest: usize,
    /// How many blocks of each type there were: stored, fixed, dynamic; and how many were final.
    pub(crate) blocks: [usize; 4],
    input: Vec<u8>,
    /// The next bit.
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The input ended too early or too late for a message.
    End,
    Malformed,
}

impl Puff {
    /// Decompresses a message that lacks its last four bytes.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, Fault> {
        let before = self.output.len();
        self.run(payload).map(|()| self.output[before..].to_vec())
    }

    fn run(&mut self, payload: &[u8]) -> Result<(), Fault> {
        (self.input, self.at) = (payload.to_vec(), 0);
        loop {
            // Behind a final block, and before any, there may be nothing.
            if self.at == self.input.len() * 8 {
                return Ok(());
            }
            loop {
                let is_final = self.bits(1)?;
                let kind = self.bits(2)?;
                if kind == 0 && self.at.div_ceil(8) == self.input.len() {
                    // Here the four bytes belong.
                    self.blocks[0] += 1;
                    self.blocks[3] += is_final;
                    return Ok(());
                }
                match kind {
                    0 => self.stored()?,
                    1 => self.compressed(&fixed_lengths(), &[5; 30])?,
                    2 => self.dynamic()?,
                    _ => return Err(Fault::Malformed),
                }
                self.blocks[kind] += 1;
                if is_final == 1 {
                    self.blocks[3] += 1;
                    break;
                }
            }
            // §7.2.1: behind a final block, "the compressor MUST pad to a byte boundary".
            self.at = self.at.next_multiple_of(8);
        }
    }

    fn bits(&mut self, count: usize) -> Result<usize, Fault> {
        let mut value = 0;
        for i in 0..count {
            let byte = self.input.get(self.at / 8).ok_or(Fault::End)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << i;
            self.at += 1;
        }
        Ok(value)
    }

    fn stored(&mut self) -> Result<(), Fault> {
        self.at = self.at.next_multiple_of(8);
        let (len, not_len) = (self.bits(16)?, self.bits(16)?);
        if len != !not_len & 0xffff {
            return Err(Fault::Malformed);
        }
        for _ in 0..len {
            let byte = self.bits(8)?;
            self.output.push(u8::try_from(byte).unwrap());
        }
        Ok(())
    }

    fn dynamic(&mut self) -> Result<(), Fault> {
        const ORDER: [usize; 19] =
            [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let (literals, distances, codes) =
            (self.bits(5)? + 257, self.bits(5)? + 1, self.bits(4)? + 4);
        if literals > 286 || distances > 30 {
            return Err(Fault::Malformed);
        }
        let mut lengths = [0; 19];
        for index in &ORDER[..codes] {
            lengths[*index] = self.bits(3)?;
        }
        if left(&lengths)? != 0 {
            return Err(Fault::Malformed);
        }
        let mut all: Vec<usize> = Vec::new();
        while all.len() < literals + distances {
            let (value, times) = match self.symbol(&lengths)? {
                16 => (*all.last().ok_or(Fault::Malformed)?, 3 + self.bits(2)?),
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (length, 1),
            };
            all.extend(core::iter::repeat_n(value, times));
        }
        // "all code lengths form a single sequence", but none goes beyond the end.
        if all.len() > literals + distances || all[256] == 0 {
            return Err(Fault::Malformed);
        }
        let (literals, distances) = all.split_at(literals);
        for lengths in [literals, distances] {
            // "One distance code of zero bits means that there are no distance codes used at all",
            // and zlib takes a single code of one bit.
            if left(lengths)? != 0 && lengths.iter().any(|length| *length > 1) {
                return Err(Fault::Malformed);
            }
        }
        self.compressed(literals, distances)
    }

    fn compressed(&mut self, literals: &[usize], distances: &[usize]) -> Result<(), Fault> {
        loop {
            let symbol = self.symbol(literals)?;
            match symbol {
                0..=255 => self.output.push(u8::try_from(symbol).unwrap()),
                256 => return Ok(()),
                257..=285 => {
                    let (base, extra) = match symbol {
                        285 => (258, 0),
                        257..=264 => (symbol - 254, 0),
                        _ => {
                            let extra = (symbol - 261) / 4;
                            ((((symbol - 261) % 4 + 4) << extra) + 3, extra)
                        }
                    };
                    let len = base + self.bits(extra)?;
                    let symbol = self.symbol(distances)?;
                    let (base, extra) = match symbol {
                        0..=3 => (symbol + 1, 0),
                        4..=29 => {
                            let extra = symbol / 2 - 1;
                            (((symbol % 2 + 2) << extra) + 1, extra)
                        }
                        _ => return Err(Fault::Malformed),
                    };
                    let distance = base + self.bits(extra)?;
                    if distance > self.output.len() - self.begin {
                        return Err(Fault::Malformed);
                    }
                    self.farthest = self.farthest.max(distance);
                    for _ in 0..len {
                        self.output.push(self.output[self.output.len() - distance]);
                    }
                }
                _ => return Err(Fault::Malformed),
            }
        }
    }

    /// §3.2.2: codes of one length are consecutive, and begin behind those that are shorter.
    fn symbol(&mut self, lengths: &[usize]) -> Result<usize, Fault> {
        let (mut code, mut first) = (0, 0);
        for length in 1..=15 {
            code |= self.bits(1)?;
            let count = lengths.iter().filter(|other| **other == length).count();
            if code < first + count {
                let of_length = lengths.iter().enumerate().filter(|(_, other)| **other == length);
                return Ok(of_length.map(|(symbol, _)| symbol).nth(code - first).unwrap());
            }
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Fault::Malformed)
    }
}

/// How many codes of 15 bits are left over.
fn left(lengths: &[usize]) -> Result<usize, Fault> {
    let used: usize =
        lengths.iter().filter(|length| **length > 0).map(|length| 1 << (15 - length)).sum();
    (1_usize << 15).checked_sub(used).ok_or(Fault::Malformed)
}

fn fixed_lengths() -> [usize; 288] {
    core::array::from_fn(|symbol| match symbol {
        0..=143 => 8,
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    })
}
