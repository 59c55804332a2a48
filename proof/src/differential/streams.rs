//! Makes streams of frames as a peer may send them: valid ones, and such as break a rule.

use miniz_oxide::deflate::CompressionLevel;
use miniz_oxide::deflate::core::CompressorOxide;
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::{DataFormat, MZFlush};
use sanswire::Role;

use crate::random::Random;

/// What a receiver is given.
pub(crate) struct Stream {
    /// The receiver's.
    pub(crate) role: Role,
    /// What was agreed on as permessage-deflate; a header without spaces.
    pub(crate) agreed: Option<&'static str>,
    pub(crate) bytes: Vec<u8>,
    /// Where pieces end; the last one is the end of the bytes.
    pub(crate) cuts: Vec<usize>,
}

impl Stream {
    /// Makes the stream that has this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let role = [Role::Client, Role::Server][random.below(2)];
        let agreed = (random.below(3) == 0).then(|| AGREEMENTS[random.below(AGREEMENTS.len())]);
        let mut frames = frames(&mut random, role, agreed);
        if random.below(8) > 2 {
            for _ in 0..1 + random.below(2) {
                change_frame(&mut random, &mut frames);
            }
        }
        let mut bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        if random.below(4) == 0 {
            change_bytes(&mut random, &mut bytes);
        }
        let mut cuts = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            at += random.split(bytes.len() - at);
            cuts.push(at);
        }
        Self { role, agreed, bytes, cuts }
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = core::iter::once(0).chain(self.cuts.iter().copied());
        starts.zip(&self.cuts).map(|(start, end)| &self.bytes[start..*end])
    }
}

/// A frame that may be wrong.
#[derive(Clone)]
struct Frame {
    first: u8,
    key: Option<[u8; 4]>,
    payload: Vec<u8>,
    /// The header's form of the length: 7, 16 or 64 bits.
    form: u8,
    /// What the header says beyond the length of the payload.
    surplus: u64,
}

impl Frame {
    fn encode(&self) -> Vec<u8> {
        let mask = if self.key.is_some() { 0x80 } else { 0 };
        let len = self.payload.len() as u64 | self.surplus;
        let mut bytes = vec![self.first];
        match self.form {
            7 => bytes.push(mask | len.to_be_bytes()[7] & 0x7F),
            16 => {
                bytes.push(mask | 126);
                bytes.extend(&len.to_be_bytes()[6..]);
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend(len.to_be_bytes());
            }
        }
        let key = self.key.unwrap_or_default();
        if self.key.is_some() {
            bytes.extend(key);
        }
        bytes.extend(self.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    }

    const fn is_control(&self) -> bool {
        self.first & 8 != 0
    }
}

/// Makes valid frames.
fn frames(random: &mut Random, role: Role, agreed: Option<&str>) -> Vec<Frame> {
    let mut peer = Peer { role, frames: Vec::new(), compressor: None };
    let resets = agreed.is_some_and(|agreed| {
        let name = if role == Role::Client { "server_no" } else { "client_no" };
        agreed.contains(name)
    });
    for _ in 0..random.below(6) {
        match random.below(8) {
            0 => peer.control(random, 9),
            1 => peer.control(random, 10),
            _ => {
                if resets {
                    peer.compressor = None;
                }
                peer.message(random, agreed.is_some());
            }
        }
    }
    if random.below(4) > 0 {
        peer.close(random);
    }
    // Not looked at.
    if random.below(4) == 0 {
        peer.message(random, false);
    }
    peer.frames
}

/// Who sends.
struct Peer {
    /// Of the receiver.
    role: Role,
    frames: Vec<Frame>,
    compressor: Option<CompressorOxide>,
}

impl Peer {
    fn push(&mut self, random: &mut Random, first: u8, payload: Vec<u8>) {
        let key = (self.role == Role::Server).then(|| {
            let [a, b, c, d, ..] = random.next().to_be_bytes();
            [a, b, c, d]
        });
        let form = match payload.len() {
            0..126 => 7,
            126..65_536 => 16,
            _ => 64,
        };
        self.frames.push(Frame { first, key, payload, form, surplus: 0 });
    }

    fn control(&mut self, random: &mut Random, opcode: u8) {
        let len = [0, 1, random.below(126), 125][random.below(4)];
        let payload = bytes(random, len);
        self.push(random, 0x80 | opcode, payload);
    }

    fn close(&mut self, random: &mut Random) {
        let mut payload = Vec::new();
        if random.below(4) > 0 {
            let codes =
                [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
            let code: u16 = match random.below(6) {
                0 => *[1012, 1013, 1014].get(random.below(3)).unwrap_or(&1012),
                _ => codes[random.below(codes.len())],
            };
            payload.extend(code.to_be_bytes());
            if random.below(2) == 0 {
                let mut reason = text(random, 60);
                while reason.len() > 123 {
                    reason.pop();
                }
                payload.extend(reason.into_bytes());
            }
        }
        self.push(random, 0x88, payload);
    }

    fn message(&mut self, random: &mut Random, may_compress: bool) {
        let len = match random.below(12) {
            0 => 0,
            1 => 125 + random.below(3),
            2 => 65_534 + random.below(4),
            3 | 4 => random.below(2_000),
            _ => random.below(40),
        };
        let is_text = random.below(2) == 0;
        let mut payload = if is_text { text(random, len).into_bytes() } else { bytes(random, len) };
        let mut first = if is_text { 1 } else { 2 };
        if may_compress && random.below(4) > 0 {
            payload = compress(self.compressor.get_or_insert_with(compressor), &payload);
            first |= 0x40;
        }
        let fragments = if random.below(2) == 0 { 1 } else { 1 + random.below(4) };
        let mut rest = &payload[..];
        for index in 0..fragments {
            let is_last = index + 1 == fragments;
            let cut = if is_last { rest.len() } else { random.below(rest.len() + 1) };
            let piece;
            (piece, rest) = rest.split_at(cut);
            let opcode = if index == 0 { first } else { 0 };
            self.push(random, opcode | if is_last { 0x80 } else { 0 }, piece.to_vec());
            if !is_last && random.below(4) == 0 {
                let opcode = 9 + u8::from(random.below(2) == 0);
                self.control(random, opcode);
            }
        }
    }
}

/// Breaks a rule, or perhaps none, in one of the frames.
fn change_frame(random: &mut Random, frames: &mut Vec<Frame>) {
    if frames.is_empty() {
        return;
    }
    let at = random.below(frames.len());
    let frame = &mut frames[at];
    match random.below(18) {
        0 => frame.first ^= 0x10 << random.below(3),
        1 => frame.first ^= 0x80,
        2 => frame.first = frame.first & 0xF0 | u8::try_from(random.below(16)).unwrap_or(0),
        3 => {
            frame.key = if frame.key.is_some() { None } else { Some([1, 2, 3, 4]) };
        }
        4 => frame.form = 16,
        5 => frame.form = 64,
        6 => (frame.form, frame.surplus) = (64, 1 << 63),
        7 => (frame.form, frame.surplus) = (64, 1 << (17 + random.below(46))),
        8 if frame.is_control() => {
            let len = 126 + random.below(3);
            frame.payload = bytes(random, len);
            frame.form = 16;
        }
        8 | 9 if !frame.payload.is_empty() => {
            let index = random.below(frame.payload.len());
            frame.payload[index] =
                *[0x80, 0xC0, 0xED, 0xF4, 0xFF].get(random.below(5)).unwrap_or(&0);
        }
        10 if frame.first & 15 == 8 => frame.payload.truncate(1),
        10 | 11 if frame.first & 15 == 8 => {
            let codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
            let code: u16 = codes[random.below(codes.len())];
            frame.payload.splice(..frame.payload.len().min(2), code.to_be_bytes());
        }
        12 => {
            frames.remove(at);
        }
        13 => {
            let frame = frame.clone();
            frames.insert(at, frame);
        }
        14 => {
            let other = random.below(frames.len());
            frames.swap(at, other);
        }
        15 => {
            // A message that is not finished.
            frame.first &= 0x7F;
        }
        16 if !frame.is_control() => {
            let len = 70_000 + random.below(2);
            frame.payload = bytes(random, len);
            frame.form = 64;
        }
        _ => {
            // Text that ends inside a character.
            if frame.form == 7 && frame.payload.len() < 120 {
                frame.payload.push(0xE2);
            }
        }
    }
}

/// Changes bytes without regard to frames.
fn change_bytes(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(4) {
        0 => bytes.truncate(at),
        1 => bytes[at] = random.next().to_be_bytes()[0],
        2 => {
            bytes.remove(at);
        }
        _ => bytes.insert(at, random.next().to_be_bytes()[0]),
    }
}

fn bytes(random: &mut Random, len: usize) -> Vec<u8> {
    // Some of them repeat themselves.
    let kinds = 1 + random.below(256);
    (0..len).map(|_| u8::try_from(random.below(kinds)).unwrap_or(0)).collect()
}

/// Makes a text of about `len` bytes.
fn text(random: &mut Random, len: usize) -> String {
    let mut text = String::new();
    while text.len() < len {
        text.push(['a', ' ', 'é', '€', '\u{FEFF}', '😀', '\u{7FF}', '\0'][random.below(8)]);
    }
    text
}

/// Its window has 15 bits.
pub(crate) fn compressor() -> CompressorOxide {
    CompressorOxide::with_format_and_level(DataFormat::Raw, CompressionLevel::DefaultLevel)
}

/// RFC 7692, §7.2.1.
pub(crate) fn compress(compressor: &mut CompressorOxide, message: &[u8]) -> Vec<u8> {
    // §7.2.3.6
    if message.is_empty() {
        return vec![0];
    }
    let mut compressed = vec![0; message.len() * 2 + 200];
    let result = deflate(compressor, message, &mut compressed, MZFlush::Sync);
    assert_eq!(result.bytes_consumed, message.len(), "there is room for all");
    compressed.truncate(result.bytes_written);
    assert!(compressed.ends_with(&[0, 0, 0xFF, 0xFF]), "the end of a flush");
    compressed.truncate(compressed.len() - 4);
    compressed
}

/// What the ends may have agreed on.
const AGREEMENTS: [&str; 3] = [
    "permessage-deflate",
    "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
    "permessage-deflate;client_no_context_takeover",
];
