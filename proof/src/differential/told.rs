//! What an implementation tells of a stream of frames, in the same words for all of them.

use core::fmt;

/// An event. Nothing comes behind an end or a failure.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Binary(Vec<u8>),
    /// The peer closed, with this code and reason.
    Closed(u16, Vec<u8>),
    Failed(Class),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Text(Vec<u8>),
}

/// Why a connection failed (§7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// 1007
    Data,
    /// The stream ended, without a Close.
    End,
    /// 1008
    Policy,
    /// 1002
    Protocol,
    /// 1009
    Size,
}

impl Class {
    pub(crate) fn of_code(code: u16) -> Option<Self> {
        Some(match code {
            1002 => Self::Protocol,
            1006 => Self::End,
            1007 => Self::Data,
            1008 => Self::Policy,
            1009 => Self::Size,
            _ => return None,
        })
    }
}

/// Parses a line of `peers/peer.py`.
pub(crate) fn parse(line: &str) -> Option<Vec<Told>> {
    line.split_whitespace().map(parse_one).collect()
}

fn parse_one(word: &str) -> Option<Told> {
    let (kind, rest) = word.split_once(':')?;
    Some(match kind {
        "b" => Told::Binary(from_hex(rest)?),
        "c" => {
            let (code, reason) = rest.split_once(':')?;
            Told::Closed(code.parse().ok()?, from_hex(reason)?)
        }
        "f" => Told::Failed(Class::of_code(rest.parse().ok()?)?),
        "i" => Told::Ping(from_hex(rest)?),
        "o" => Told::Pong(from_hex(rest)?),
        "t" => Told::Text(from_hex(rest)?),
        _ => return None,
    })
}

/// Returns bytes in hexadecimal; of none, a dash.
pub(crate) fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".into();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(Vec::new());
    }
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Long payloads are cut short.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, payload) = match self {
            Self::Binary(payload) => ("Binary", payload),
            Self::Closed(code, reason) => {
                return write!(f, "Closed({code}, {:?})", String::from_utf8_lossy(reason));
            }
            Self::Failed(class) => return write!(f, "Failed({class:?})"),
            Self::Ping(payload) => ("Ping", payload),
            Self::Pong(payload) => ("Pong", payload),
            Self::Text(payload) => ("Text", payload),
        };
        let (len, begin) = (payload.len(), &payload[..payload.len().min(16)]);
        write!(f, "{name}({} in {len})", hex(begin))
    }
}
