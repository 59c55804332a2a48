//! RFC 6455 read slowly: the whole input at once, one frame after the other, nothing clever; knows
//! nothing of how the crate does it, except the names of its errors.
//!
//! Where a frame breaks several rules, the oracle names them all, and the crate may report any.

use sanswire::{ConnectionError, MessageKind, Role};

/// A frame, or what there is of one whose header is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub fin: bool,
    pub rsv: u8,
    pub opcode: u8,
    pub mask: Option<[u8; 4]>,
    /// The length that the header announces.
    pub len: u64,
    /// What has arrived of the payload, unmasked.
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn is_whole(&self) -> bool {
        self.payload.len() as u64 == self.len
    }
}

/// What an endpoint may be sent.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub sender: Role,
    pub allowed_rsv: u8,
    pub max_frame_size: u64,
    pub max_message_size: u64,
    pub max_fragments: u64,
}

impl Rules {
    /// The RFC's own rules, without limits.
    pub fn unlimited(sender: Role) -> Self {
        Self {
            sender,
            allowed_rsv: 0,
            max_frame_size: u64::MAX,
            max_message_size: u64::MAX,
            max_fragments: u64::MAX,
        }
    }
}

/// Parses frames until the input ends or a frame breaks a rule, and returns the faults of that one.
/// Only the last frame may be partial.
pub fn frames(mut bytes: &[u8], rules: Rules) -> (Vec<Frame>, Vec<ConnectionError>) {
    let mut frames = Vec::new();
    loop {
        match frame(bytes, rules) {
            Err(faults) => return (frames, faults),
            Ok(None) => return (frames, Vec::new()),
            Ok(Some((frame, used))) => {
                bytes = &bytes[used..];
                frames.push(frame);
                if !frames[frames.len() - 1].is_whole() {
                    return (frames, Vec::new());
                }
            }
        }
    }
}

/// Nothing follows a Close frame but Pongs, since Pings are answered until the peer's Close frame has
/// come (§5.5.2).
pub fn check_behind_close(frames: &[Frame]) {
    let mut behind = frames.iter().skip_while(|frame| frame.opcode != 8).skip(1);
    assert_eq!(behind.find(|frame| frame.opcode != 10), None, "behind a Close frame");
}

/// Parses one frame and returns how many bytes there are of it, or nothing if its header is not
/// whole.
fn frame(bytes: &[u8], rules: Rules) -> Result<Option<(Frame, usize)>, Vec<ConnectionError>> {
    let mut faults = Vec::new();
    let Some(&first) = bytes.first() else { return Ok(None) };
    let fin = first >= 128;
    let rsv = first & 0b0111_0000;
    let opcode = first & 0b0000_1111;
    if !matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10) {
        faults.push(ConnectionError::ReservedOpcode { opcode });
    }
    if rsv & !rules.allowed_rsv != 0 {
        faults.push(ConnectionError::ReservedBits { bits: rsv & !rules.allowed_rsv });
    }
    let Some(&second) = bytes.get(1) else { return done(faults, None) };
    let is_control = matches!(opcode, 8..=10);
    let is_masked = second >= 128;
    let short = second % 128;
    if is_control && !fin {
        faults.push(ConnectionError::ControlFragmented { opcode });
    }
    if is_control && short > 125 {
        faults.push(ConnectionError::ControlTooLong { opcode });
    }
    match rules.sender {
        Role::Client if !is_masked => faults.push(ConnectionError::MaskMissing),
        Role::Server if is_masked => faults.push(ConnectionError::MaskUnexpected),
        _ => {}
    }
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(number) = bytes.get(2..2 + extended) else { return done(faults, None) };
    let len = match extended {
        0 => u64::from(short),
        _ => number.iter().fold(0, |len, &byte| len * 256 + u64::from(byte)),
    };
    if len >= 1 << 63 {
        faults.push(ConnectionError::LengthTopBit { len });
    }
    if (extended == 2 && len < 126) || (extended == 8 && len < 65_536) {
        faults.push(ConnectionError::LengthNotMinimal { len });
    }
    let mut used = 2 + extended;
    let mask = if is_masked {
        let Some(key) = bytes.get(used..used + 4) else { return done(faults, None) };
        used += 4;
        Some([key[0], key[1], key[2], key[3]])
    } else {
        None
    };
    if len > rules.max_frame_size && !is_control {
        let limit = rules.max_frame_size;
        faults.push(ConnectionError::FrameTooLarge { len, limit });
    }
    let mut payload = Vec::new();
    for &byte in &bytes[used..] {
        if payload.len() as u64 == len {
            break;
        }
        payload.push(byte ^ mask.map_or(0, |key| key[payload.len() % 4]));
    }
    used += payload.len();
    done(faults, Some((Frame { fin, rsv, opcode, mask, len, payload }, used)))
}

fn done<T>(
    faults: Vec<ConnectionError>,
    found: Option<T>,
) -> Result<Option<T>, Vec<ConnectionError>> {
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// What an endpoint reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Message(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// How it went on behind the last event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer's Close frame: code, or 1005, and reason.
    Closed(u16, String),
    /// The rules that the next frame breaks.
    Faults(Vec<ConnectionError>),
    /// More is to come. What there is of an unfinished message.
    Open(Option<(MessageKind, Vec<u8>)>),
}

/// Does what an endpoint that receives `bytes` does.
pub fn receive(bytes: &[u8], rules: Rules) -> (Vec<Event>, Outcome) {
    let (frames, frame_faults) = frames(bytes, rules);
    let mut events = Vec::new();
    let mut message: Option<Fragments> = None;
    for frame in frames {
        let is_whole = frame.is_whole();
        if frame.opcode >= 8 {
            if !is_whole {
                continue;
            }
            match frame.opcode {
                9 => events.push(Event::Ping(frame.payload)),
                10 => events.push(Event::Pong(frame.payload)),
                _ => return (events, close(&frame.payload)),
            }
            continue;
        }
        let mut faults = Vec::new();
        let mut current = match (frame.opcode, message.take()) {
            (0, Some(current)) => current,
            (0, None) => {
                faults.push(ConnectionError::UnexpectedContinuation);
                Fragments::new(MessageKind::Binary)
            }
            (opcode, before) => {
                if before.is_some() {
                    faults.push(ConnectionError::UnfinishedMessage { opcode });
                }
                let text = opcode == 1;
                Fragments::new(if text { MessageKind::Text } else { MessageKind::Binary })
            }
        };
        let is_fragmented = frame.opcode == 0 || !frame.fin;
        current.announced += u128::from(frame.len);
        current.count += 1;
        current.payload.extend(frame.payload);
        let limit = rules.max_message_size;
        if current.announced > u128::from(limit) {
            faults.push(ConnectionError::MessageTooLarge { limit });
        }
        let limit = u128::from(rules.max_fragments) + current.announced / 32;
        if is_fragmented && current.count > limit {
            let limit = u64::try_from(limit).unwrap();
            faults.push(ConnectionError::TooManyFragments { limit });
        }
        let is_done = is_whole && frame.fin;
        if current.kind == MessageKind::Text && !may_be_text(&current.payload, is_done) {
            faults.push(ConnectionError::InvalidUtf8);
        }
        if !faults.is_empty() {
            return (events, Outcome::Faults(faults));
        }
        if is_done {
            events.push(Event::Message(current.kind, current.payload));
        } else {
            message = Some(current);
        }
    }
    if !frame_faults.is_empty() {
        return (events, Outcome::Faults(frame_faults));
    }
    (events, Outcome::Open(message.map(|message| (message.kind, message.payload))))
}

struct Fragments {
    kind: MessageKind,
    announced: u128,
    count: u128,
    payload: Vec<u8>,
}

impl Fragments {
    fn new(kind: MessageKind) -> Self {
        Self { kind, announced: 0, count: 0, payload: Vec::new() }
    }
}

/// Returns whether a text may begin like this, or be this.
pub fn may_be_text(bytes: &[u8], is_done: bool) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => !is_done && error.error_len().is_none(),
    }
}

fn close(body: &[u8]) -> Outcome {
    let [high, low, reason @ ..] = body else {
        return match body {
            [] => Outcome::Closed(1005, String::new()),
            _ => Outcome::Faults(vec![ConnectionError::CloseBodyTooShort]),
        };
    };
    let mut faults = Vec::new();
    let code = u16::from(*high) * 256 + u16::from(*low);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        faults.push(ConnectionError::InvalidCloseCode { code });
    }
    let Ok(reason) = String::from_utf8(reason.to_vec()) else {
        faults.push(ConnectionError::InvalidUtf8);
        return Outcome::Faults(faults);
    };
    if faults.is_empty() { Outcome::Closed(code, reason) } else { Outcome::Faults(faults) }
}
