//! What is wrong with a stream of frames: reads it slowly by §5, and shares no code with the crate.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use sanswire::Role;

use crate::differential::streams::Stream;
use crate::differential::told::Class;

/// The frames up to the first that ends the connection, one way or another.
pub(crate) struct Scan {
    /// What is wrong with the last frame; empty if nothing is.
    pub(crate) faults: Vec<Fault>,
    /// Whether all of the last frame is there.
    pub(crate) is_whole: bool,
    /// Whether the last frame came within a message.
    pub(crate) is_within: bool,
    /// Whether the last frame is the last of its message.
    pub(crate) is_last: bool,
    /// Whether a control frame came within a compressed message.
    pub(crate) has_interrupted: bool,
    /// Whether a compressed message had a final block, behind which more may come.
    pub(crate) has_final_block: bool,
    /// Whether a frame within a message was larger than what the message may grow by, as it came or
    /// decompressed.
    pub(crate) has_outgrown: bool,
    /// Whether the text ends in the first two bytes of a surrogate.
    pub(crate) has_half_surrogate: bool,
    /// Whether something of a message came of the tail, which is an empty block.
    pub(crate) has_eaten_tail: bool,
    /// Whether a compressed message was of no bytes at all.
    pub(crate) has_nothing: bool,
    /// The payloads of the messages, as far as they could be read: of a compressed one, up to what is
    /// wrong with it, or up to a final block.
    pub(crate) messages: Vec<Vec<u8>>,
    /// The code of a Close.
    pub(crate) code: Option<u16>,
}

/// A rule that a frame breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// §5.5.1: a Close with a body of one byte.
    CloseBody,
    /// §7.4: a code that nobody may send.
    CloseCode,
    /// §5.5: a control frame in fragments.
    ControlFragmented,
    /// §5.5: a control frame of more than 125 bytes.
    ControlLong,
    /// RFC 7692, §7.2.2: a compressed message that is no DEFLATE.
    Deflate,
    /// §10.4: a frame or message over the limit.
    Large,
    /// §5.1: a mask where there is none, or none where there is one.
    Mask,
    /// §5.2: a length in a longer form than it needs.
    NotMinimal,
    /// §5.2: a reserved opcode.
    Opcode,
    /// §5.4: a continuation of nothing, or a message within a message.
    Order,
    /// §5.5.1: a reason that is not UTF-8.
    Reason,
    /// §5.2: reserved bits.
    Reserved,
    /// §8.1: a text that is not UTF-8, as far as it is there.
    Text,
    /// §5.2: the most significant bit of a length.
    TopBit,
    /// RFC 7692, §7.2.1: a compressed message that ends inside a block.
    Unfinished,
}

impl Fault {
    pub(crate) const fn class(self) -> Class {
        match self {
            Self::Large => Class::Size,
            Self::Deflate | Self::Reason | Self::Text | Self::Unfinished => Class::Data,
            Self::CloseBody
            | Self::CloseCode
            | Self::ControlFragmented
            | Self::ControlLong
            | Self::Mask
            | Self::NotMinimal
            | Self::Opcode
            | Self::Order
            | Self::Reserved
            | Self::TopBit => Class::Protocol,
        }
    }
}

impl Scan {
    pub(crate) fn new(stream: &Stream) -> Self {
        let mut scan = Self {
            faults: Vec::new(),
            is_whole: false,
            is_within: false,
            is_last: false,
            has_interrupted: false,
            has_final_block: false,
            has_outgrown: false,
            has_half_surrogate: false,
            has_eaten_tail: false,
            has_nothing: false,
            messages: Vec::new(),
            code: None,
        };
        let mut inflater = Inflater::new(stream);
        let mut message: Option<Message> = None;
        let mut rest = &stream.bytes[..];
        while let Some(&first) = rest.first() {
            let frame = Frame::new(rest, stream.role);
            scan.is_whole = frame.is_whole;
            scan.is_within = message.is_some();
            scan.is_last = first & 0x80 != 0;
            scan.check_header(&frame, stream, message.as_ref());
            if frame.opcode == 8 {
                scan.check_close(&frame);
                return scan;
            }
            if frame.is_control() {
                scan.has_interrupted |=
                    message.as_ref().is_some_and(|message| message.is_compressed);
            } else {
                let within = message.as_ref().map_or(0, |message| message.got.len());
                if frame.opcode != 0 || message.is_none() {
                    if inflater.resets {
                        inflater = Inflater::new(stream);
                    }
                    let is_compressed = first & 0x40 != 0 && stream.agreed.is_some();
                    message = Some(Message { frame: frame.opcode, is_compressed, got: Vec::new() });
                }
                if let Some(message) = &mut message {
                    let is_last = first & 0x80 != 0 && frame.is_whole;
                    if message.is_compressed {
                        scan.has_final_block |= inflater.has_ended;
                        scan.has_nothing |=
                            frame.opcode != 0 && is_last && frame.payload.is_empty();
                        let inflated = inflater.inflate(&frame.payload, is_last, &mut message.got);
                        scan.add(!inflated, Fault::Deflate);
                        scan.has_eaten_tail |= inflater.has_eaten_tail;
                        let ends = !is_last || !inflated || inflater.ends_a_block();
                        scan.add(!ends, Fault::Unfinished);
                        scan.add(message.got.len() as u64 > LIMIT, Fault::Large);
                        scan.has_final_block |= inflater.has_ended;
                        // A frame in the wrong place begins anew.
                        let begun = if frame.opcode == 0 { 0 } else { within };
                        scan.has_outgrown |=
                            scan.is_within && (begun + message.got.len()) as u64 > LIMIT;
                    } else {
                        message.got.extend(&frame.payload);
                    }
                    // What follows a final block is not known here.
                    let is_text =
                        message.frame == 1 && !(message.is_compressed && scan.has_final_block);
                    scan.add(is_text && is_invalid(&message.got, is_last), Fault::Text);
                    scan.has_half_surrogate = matches!(message.got[..], [.., 0xED, 0xA0..=0xBF]);
                }
                if first & 0x80 != 0 {
                    scan.messages.extend(message.take().map(|message| message.got));
                }
            }
            if !scan.faults.is_empty() || !frame.is_whole {
                return scan;
            }
            rest = &rest[frame.len..];
        }
        scan.is_within = message.is_some();
        scan.is_whole = false;
        scan
    }

    fn check_header(&mut self, frame: &Frame, stream: &Stream, message: Option<&Message>) {
        let may_compress = stream.agreed.is_some() && matches!(frame.opcode, 1..=7);
        let reserved = frame.first & if may_compress { 0x30 } else { 0x70 };
        self.add(reserved != 0, Fault::Reserved);
        self.add(matches!(frame.opcode, 3..=7 | 11..), Fault::Opcode);
        self.add(frame.is_control() && frame.first & 0x80 == 0, Fault::ControlFragmented);
        self.add(!frame.is_control() && (frame.opcode == 0) != message.is_some(), Fault::Order);
        let Some(second) = frame.second else { return };
        self.add((second & 0x80 != 0) != (stream.role == Role::Server), Fault::Mask);
        let announced = frame.announced.unwrap_or(u64::MAX);
        self.add(frame.is_control() && announced > 125 && second & 0x7F > 125, Fault::ControlLong);
        if let Some(announced) = frame.announced {
            let least = match second & 0x7F {
                126 => 126,
                127 => 65_536,
                _ => 0,
            };
            self.add(announced < least, Fault::NotMinimal);
            self.add(announced >> 63 != 0, Fault::TopBit);
            let within = message.map_or(0, |message| message.got.len() as u64);
            self.has_outgrown |= message.is_some() && announced.saturating_add(within) > LIMIT;
            let before = message.filter(|message| !message.is_compressed && frame.opcode == 0);
            let before = before.map_or(0, |message| message.got.len() as u64);
            self.add(announced.saturating_add(before) > LIMIT, Fault::Large);
        }
    }

    fn check_close(&mut self, frame: &Frame) {
        self.add(frame.announced == Some(1), Fault::CloseBody);
        if let [high, low, reason @ ..] = &frame.payload[..] {
            let code = u16::from_be_bytes([*high, *low]);
            self.code = Some(code);
            self.add(!matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), Fault::CloseCode);
            self.add(is_invalid(reason, frame.is_whole), Fault::Reason);
        }
    }

    fn add(&mut self, is_broken: bool, fault: Fault) {
        if is_broken {
            self.faults.push(fault);
        }
    }

    /// Whether there are faults, and no others than these.
    pub(crate) fn has_only(&self, faults: &[Fault]) -> bool {
        !self.faults.is_empty() && self.faults.iter().all(|fault| faults.contains(fault))
    }

    /// Whether the last frame is a Close, and nothing is wrong with it.
    pub(crate) fn has_closed(&self) -> bool {
        self.is_whole && self.faults.is_empty()
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    pub(crate) fn has_class(&self, class: Class) -> bool {
        self.faults.iter().any(|fault| fault.class() == class)
    }
}

/// What there is of a frame.
struct Frame {
    first: u8,
    second: Option<u8>,
    opcode: u8,
    /// The length in the header, once it is there.
    announced: Option<u64>,
    /// Unmasked, as far as it is there.
    payload: Vec<u8>,
    is_whole: bool,
    /// With the header.
    len: usize,
}

impl Frame {
    /// Reads the frame at the front of `bytes`, of which there is one.
    fn new(bytes: &[u8], role: Role) -> Self {
        let second = bytes.get(1).copied();
        let len_len = match second.map(|second| second & 0x7F) {
            Some(126) => 2,
            Some(127) => 8,
            _ => 0,
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
        let announced = match second {
            Some(second) if len_len == 0 => Some(u64::from(second & 0x7F)),
            _ => bytes.get(2..2 + len_len).filter(|_| len_len > 0).map(number),
        };
        // Where the mask is not as the role says, nobody looks at the payload.
        let is_masked = second.is_some_and(|second| second & 0x80 != 0);
        let header_len = 2 + len_len + if is_masked { 4 } else { 0 };
        let payload_len =
            announced.map_or(usize::MAX, |len| usize::try_from(len).unwrap_or(usize::MAX));
        let body = bytes.get(header_len..).unwrap_or_default();
        let body = &body[..body.len().min(payload_len)];
        let key = match bytes.get(header_len - 4..header_len) {
            Some(key) if is_masked && role == Role::Server => key,
            _ => &[0; 4],
        };
        Self {
            first: bytes[0],
            second,
            opcode: bytes[0] & 15,
            announced,
            payload: body.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect(),
            is_whole: bytes.len() >= header_len && body.len() == payload_len,
            len: header_len.saturating_add(payload_len),
        }
    }

    const fn is_control(&self) -> bool {
        self.opcode >= 8
    }
}

/// A message in progress.
struct Message {
    /// The opcode of its first frame.
    frame: u8,
    is_compressed: bool,
    /// What came of it, decompressed.
    got: Vec<u8>,
}

/// Decompresses messages by an implementation of its own.
struct Inflater {
    state: DecompressorOxide,
    /// All that came out, and room.
    output: Vec<u8>,
    /// How much of it came out.
    len: usize,
    resets: bool,
    /// Whether a final block has come.
    has_ended: bool,
    /// Whether something came of the last tail, which is an empty block.
    has_eaten_tail: bool,
}

impl Inflater {
    fn new(stream: &Stream) -> Self {
        let name = match stream.role {
            Role::Client => "server_no_context_takeover",
            Role::Server => "client_no_context_takeover",
        };
        let resets = stream.agreed.is_some_and(|agreed| agreed.contains(name));
        Self {
            state: DecompressorOxide::new(),
            output: Vec::new(),
            len: 0,
            resets,
            has_ended: false,
            has_eaten_tail: false,
        }
    }

    /// Returns whether it is DEFLATE.
    fn inflate(&mut self, payload: &[u8], is_last: bool, got: &mut Vec<u8>) -> bool {
        if !self.inflate_part(payload, got) {
            return false;
        }
        let before = got.len();
        let is_sound = !is_last || self.inflate_part(&[0, 0, 0xFF, 0xFF], got);
        self.has_eaten_tail = got.len() > before;
        is_sound
    }

    fn inflate_part(&mut self, payload: &[u8], got: &mut Vec<u8>) -> bool {
        let mut rest = payload;
        while !self.has_ended {
            self.output.resize(self.len + (64 << 10), 0);
            let (status, read, written) =
                decompress(&mut self.state, rest, &mut self.output, self.len, FLAGS);
            rest = &rest[read..];
            got.extend(&self.output[self.len..self.len + written]);
            self.len += written;
            match status {
                TINFLStatus::Done => self.has_ended = true,
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => return true,
                _ => return false,
            }
        }
        true
    }

    /// Returns whether a block may begin where it stands: one that is empty and final ends the stream.
    fn ends_a_block(&self) -> bool {
        const EMPTY: [u8; 5] = [1, 0, 0, 0xFF, 0xFF];
        if self.has_ended || self.has_eaten_tail {
            return self.has_ended;
        }
        let (mut state, mut output) = (self.state.clone(), self.output.clone());
        output.resize(self.len + 1_000, 0);
        decompress(&mut state, &EMPTY, &mut output, self.len, FLAGS)
            == (TINFLStatus::Done, EMPTY.len(), 0)
    }
}

const FLAGS: u32 = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT
    | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

/// Returns whether bytes are no UTF-8, or if more may come, not the beginning of any.
fn is_invalid(bytes: &[u8], is_whole: bool) -> bool {
    match core::str::from_utf8(bytes) {
        Ok(_) => false,
        Err(error) => is_whole || error.error_len().is_some(),
    }
}

/// The largest frame and message that is accepted.
pub(crate) const LIMIT: u64 = 70_000;
