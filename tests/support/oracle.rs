//! RFC 6455, §5.2, word for word and byte for byte; shares no code with the crate.

use sanswire::Role;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
pub(crate) const FIN: u8 = 0x80;

/// The masking key of the examples in §5.7.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame on the wire, its payload unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) const fn fin(&self) -> bool {
        self.first & FIN != 0
    }

    pub(crate) const fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    pub(crate) const fn is_control(&self) -> bool {
        self.opcode() >= 8
    }
}

/// Encodes one frame without a mask: the first byte as given, the shortest length.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let len = payload.len() as u64;
    if len <= 125 {
        bytes.push(u8::try_from(len).unwrap());
    } else if len <= 65_535 {
        bytes.push(126);
        bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
    } else {
        bytes.push(127);
        bytes.extend(len.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

/// Returns frames written without a mask as `sender` has to send them.
pub(crate) fn from(sender: Role, frames: &[u8]) -> Vec<u8> {
    match sender {
        Role::Client => masked(frames),
        Role::Server => frames.to_vec(),
    }
}

/// Sets the mask bit of each frame, inserts the key and masks the payload. What is broken stays as
/// broken as it is, and what is cut short stays short.
pub(crate) fn masked(frames: &[u8]) -> Vec<u8> {
    let mut rest = frames;
    let mut bytes = Vec::new();
    while let [first, second, ..] = *rest {
        let header_len = match second & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        if rest.len() < header_len {
            break;
        }
        let payload_len = length(rest);
        bytes.extend([first, second | 0x80]);
        bytes.extend(&rest[2..header_len]);
        bytes.extend(KEY);
        rest = &rest[header_len..];
        let payload;
        (payload, rest) =
            rest.split_at(usize::try_from(payload_len).unwrap_or(usize::MAX).min(rest.len()));
        bytes.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]));
    }
    match *rest {
        [first, second, ref length @ ..] => {
            bytes.extend([&[first, second | 0x80], length].concat())
        }
        _ => bytes.extend(rest),
    }
    bytes
}

/// The payload length that the header at the beginning of `bytes` announces.
fn length(bytes: &[u8]) -> u64 {
    match bytes[1] & 0x7f {
        126 => u64::from(u16::from_be_bytes(bytes[2..4].try_into().unwrap())),
        127 => u64::from_be_bytes(bytes[2..10].try_into().unwrap()),
        short => u64::from(short),
    }
}

/// Parses whole frames, and returns them with the bytes behind the last whole one.
pub(crate) fn parse(bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    let mut rest = bytes;
    loop {
        let Some(&second) = rest.get(1) else { return (frames, rest) };
        let mut at = match second & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        if rest.len() < at {
            return (frames, rest);
        }
        let len = usize::try_from(length(rest)).unwrap();
        let key = if second & 0x80 == 0 {
            None
        } else {
            let Some(key) = rest.get(at..at + 4) else { return (frames, rest) };
            at += 4;
            Some(<[u8; 4]>::try_from(key).unwrap())
        };
        if rest.len() - at < len {
            return (frames, rest);
        }
        let payload: Vec<u8> = rest[at..at + len]
            .iter()
            .enumerate()
            .map(|(i, byte)| byte ^ key.map_or(0, |key| key[i % 4]))
            .collect();
        frames.push(Frame { first: rest[0], key, payload });
        rest = &rest[at + len..];
    }
}

/// Parses all that `sender` sent and checks every rule of §5 that a sender has to keep.
pub(crate) fn sent_by(sender: Role, bytes: &[u8]) -> Vec<Frame> {
    let (frames, rest) = parse(bytes);
    assert!(rest.is_empty(), "{} bytes that are no frame: {rest:02x?}", rest.len());
    let mut again = Vec::new();
    let mut within = false;
    let mut closed = false;
    for sent in &frames {
        assert_eq!(sent.key.is_some(), sender == Role::Client, "§5.1: who masks");
        assert_eq!(sent.first & 0x70, 0, "§5.2: reserved bits");
        assert!(matches!(sent.opcode(), 0..=2 | 8..=10), "§5.2: reserved opcodes");
        if sent.is_control() {
            assert!(sent.fin() && sent.payload.len() <= 125, "§5.5: control frames");
        } else {
            assert_eq!(sent.opcode() == CONTINUATION, within, "§5.4: order of fragments");
            assert!(!closed, "§5.5.1: data behind a Close");
            within = !sent.fin();
        }
        if sent.opcode() == CLOSE {
            assert!(!closed, "§5.5.1: a second Close");
            closed = true;
            check_close_body(&sent.payload);
        }
        let mut plain = frame(sent.first, &sent.payload);
        if let Some(key) = sent.key {
            let header_len = plain.len() - sent.payload.len();
            plain[1] |= 0x80;
            let masked = sent.payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]);
            let masked: Vec<u8> = masked.collect();
            plain.truncate(header_len);
            plain.extend(key);
            plain.extend(masked);
        }
        again.extend(plain);
    }
    assert_eq!(again, bytes, "§5.2: lengths in the shortest form");
    for (opcode, payload) in messages(&frames) {
        assert!(opcode == BINARY || core::str::from_utf8(&payload).is_ok(), "§8.1: UTF-8");
    }
    frames
}

fn check_close_body(body: &[u8]) {
    if let [high, low, reason @ ..] = body {
        let code = u16::from_be_bytes([*high, *low]);
        assert!(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), "§7.4: code {code}");
        assert!(core::str::from_utf8(reason).is_ok(), "§5.5.1: reason");
    } else {
        assert!(body.is_empty(), "§5.5.1: a body of one byte");
    }
}

/// Puts fragments together: opcode and payload of each finished message.
pub(crate) fn messages(frames: &[Frame]) -> Vec<(u8, Vec<u8>)> {
    let mut messages = Vec::new();
    let mut current: Option<(u8, Vec<u8>)> = None;
    for frame in frames.iter().filter(|frame| !frame.is_control()) {
        let (_, payload) = current.get_or_insert((frame.opcode(), Vec::new()));
        payload.extend(&frame.payload);
        if frame.fin() {
            messages.extend(current.take());
        }
    }
    messages
}
