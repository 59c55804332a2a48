//! DEFLATE (RFC 7692): what this crate compresses is decompressed by others, and the other way
//! round; all windows, both roles, windows kept and reset.

use bytes::Buf;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use sanswire::extension::{Deflate, DeflateConfig, parse_extensions};
use sanswire::{Config, Connection, Event, Role};

use crate::differential::child::Child;
use crate::differential::streams::{compress, compressor};
use crate::differential::told::{from_hex, hex};
use crate::differential::{Inquiry, Peers};
use crate::random::Random;
use crate::tally::Tally;

pub(crate) fn ask(tally: &mut Tally, inquiry: Inquiry) {
    let mut child = (inquiry.peers == Peers::All).then(Child::start);
    let mut counts = Counts::default();
    for seed in inquiry.seed..inquiry.seed + ROUNDS * inquiry.factor {
        let mut random = Random::new(seed);
        for role in [Role::Client, Role::Server] {
            for bits in 9..=15 {
                for resets in [false, true] {
                    let level = [0, 1, 6, 9][random.below(4)];
                    let case = Case { seed, role, bits, resets, level };
                    let messages = messages(&mut random, bits);
                    case.ask(tally, &mut counts, child.as_mut(), &messages);
                }
            }
        }
    }
    println!("  {:>9}  compressed here, decompressed by miniz_oxide", counts.miniz_inflates);
    println!("  {:>9}  compressed by miniz_oxide, decompressed here", counts.miniz_deflates);
    println!("  {:>9}  compressed here, decompressed by zlib", counts.zlib_inflates);
    println!("  {:>9}  compressed by zlib, decompressed here", counts.zlib_deflates);
}

/// How many messages went each way.
#[derive(Default)]
struct Counts {
    miniz_inflates: usize,
    miniz_deflates: usize,
    zlib_inflates: usize,
    zlib_deflates: usize,
}

/// What was agreed on for one direction.
#[derive(Clone, Copy, Debug)]
struct Case {
    #[expect(dead_code, reason = "it is shown where a case fails")]
    seed: u64,
    /// Of this crate.
    role: Role,
    bits: u8,
    resets: bool,
    level: u8,
}

impl Case {
    fn ask(
        self,
        tally: &mut Tally,
        counts: &mut Counts,
        child: Option<&mut Child>,
        messages: &[Vec<u8>],
    ) {
        let takeover = if self.resets { "reset" } else { "keep" };
        let expected = || Ok(messages.to_vec());
        let compressed = self.compress(messages);
        let by_miniz = self.inflate_by_miniz(&compressed);
        tally.check(&digest(&by_miniz), &digest(&expected()), || {
            format!("by miniz_oxide, {self:?}")
        });
        counts.miniz_inflates += messages.len();
        // miniz_oxide has no smaller windows; what is short enough needs none.
        let fits = |len| len <= 1_usize << self.bits;
        let needed = if self.resets {
            messages.iter().map(Vec::len).max()
        } else {
            Some(messages.iter().map(Vec::len).sum())
        };
        if needed.is_some_and(fits) || self.bits == 15 {
            let mut kept = compressor();
            let by_miniz = messages.iter().map(|message| {
                if self.resets {
                    kept = compressor();
                }
                compress(&mut kept, message)
            });
            let received = self.decompress(&by_miniz.collect::<Vec<_>>());
            tally.check(&digest(&received), &digest(&expected()), || {
                format!("of miniz_oxide, {self:?}")
            });
            counts.miniz_deflates += messages.len();
        }
        let Some(child) = child else { return };
        let Self { bits, level, .. } = self;
        let by_zlib = zlib(child, format!("inflate {bits} {takeover}"), &compressed);
        tally.check(&digest(&by_zlib), &digest(&expected()), || format!("by zlib, {self:?}"));
        counts.zlib_inflates += messages.len();
        let of_zlib = zlib(child, format!("deflate {bits} {takeover} {level}"), messages);
        let received = of_zlib.and_then(|of_zlib| self.decompress(&of_zlib));
        tally.check(&digest(&received), &digest(&expected()), || format!("of zlib, {self:?}"));
        counts.zlib_deflates += messages.len();
    }

    /// Returns an end of which `sender` compresses as the case says.
    fn connection(self, sender: Role, config: &Config) -> Connection {
        let name = if sender == Role::Client { "client" } else { "server" };
        let mut agreed = format!("permessage-deflate; {name}_max_window_bits={}", self.bits);
        if self.resets {
            agreed += &format!("; {name}_no_context_takeover");
        }
        let agreed = parse_extensions([agreed.as_bytes()]).expect("a header");
        let config_of_deflate = DeflateConfig::default().threshold(0).level(self.level);
        let deflate = Deflate::from_agreed(self.role, &config_of_deflate, &agreed[0]);
        let connection = match self.role {
            Role::Client => Connection::client(config, [7; 32]),
            Role::Server => Connection::server(config),
        };
        connection.with_deflate(deflate.expect("an agreement"))
    }

    /// Returns what this crate makes of messages.
    fn compress(self, messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let config = Config::default().max_buffered(16 << 20);
        let mut connection = self.connection(self.role, &config);
        messages.iter().map(|message| compressed_by(&mut connection, message)).collect()
    }

    /// Returns what this crate makes of compressed messages, which come in fragments.
    fn decompress(self, compressed: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
        let config = Config::default();
        let mut connection = self.connection(self.role.peer(), &config);
        let mut received = Vec::new();
        for message in compressed {
            let (begin, end) = message.split_at(message.len() / 3);
            for (first, payload) in [(0x42, begin), (0x80, end)] {
                connection.input().extend_from_slice(&frame(self.role.peer(), first, payload));
                while let Some((event, _)) =
                    connection.poll_event().map_err(|error| error.to_string())?
                {
                    match event {
                        Event::Binary(payload) => received.push(payload.to_vec()),
                        other => panic!("{other:?} was not sent"),
                    }
                }
            }
        }
        Ok(received)
    }

    /// Decompresses in a window that is as small as was agreed on: a distance beyond it fails.
    fn inflate_by_miniz(self, compressed: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
        let mut window = vec![0; 1 << self.bits];
        let (mut state, mut at) = (DecompressorOxide::new(), 0);
        let mut all = Vec::new();
        for message in compressed {
            if self.resets {
                (state, at) = (DecompressorOxide::new(), 0);
            }
            let payload = [&message[..], &[0, 0, 0xFF, 0xFF]].concat();
            let (mut rest, mut got) = (&payload[..], Vec::new());
            loop {
                let (status, read, written) = decompress(
                    &mut state,
                    rest,
                    &mut window,
                    at,
                    inflate_flags::TINFL_FLAG_HAS_MORE_INPUT,
                );
                rest = &rest[read..];
                got.extend(&window[at..at + written]);
                at = (at + written) % window.len();
                match status {
                    TINFLStatus::HasMoreOutput => {}
                    TINFLStatus::NeedsMoreInput => break,
                    other => return Err(format!("{other:?}")),
                }
            }
            all.push(got);
        }
        Ok(all)
    }
}

/// Sends a message and returns its payload as it was sent.
fn compressed_by(connection: &mut Connection, message: &[u8]) -> Vec<u8> {
    connection.commands().send(message).expect("there is room");
    let mut bytes = Vec::new();
    while let Some(output) = connection.poll_transmit() {
        bytes.extend(output.copy_to_bytes(output.remaining()));
    }
    let (len, begin) = match bytes[1] & 0x7F {
        126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
        127 => {
            let len = bytes[2..10].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
            (len, 10)
        }
        short => (usize::from(short), 2),
    };
    assert_eq!(bytes[0], 0xC2, "one frame, compressed");
    let (key, payload) = if bytes[1] & 0x80 == 0 {
        (&[0; 4][..], &bytes[begin..])
    } else {
        bytes[begin..].split_at(4)
    };
    assert_eq!(payload.len(), len, "one frame");
    payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

/// Returns a frame as `sender` sends it; a mask of zeros changes nothing.
fn frame(sender: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if sender == Role::Client { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(mask | len.to_be_bytes()[7]),
        len @ 126..65_536 => {
            bytes.push(mask | 126);
            bytes.extend(&len.to_be_bytes()[6..]);
        }
        len => {
            bytes.push(mask | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    if sender == Role::Client {
        bytes.extend([0; 4]);
    }
    bytes.extend(payload);
    bytes
}

fn zlib(
    child: &mut Child,
    mut question: String,
    messages: &[Vec<u8>],
) -> Result<Vec<Vec<u8>>, String> {
    for message in messages {
        question += " ";
        question += &hex(message);
    }
    let answer = child.ask(&question);
    let Some(messages) = answer.strip_prefix("messages ") else { return Err(answer) };
    Ok(messages.split(' ').map(|word| from_hex(word).expect("bytes in hexadecimal")).collect())
}

/// Makes messages that repeat themselves, and each other, from as far back as a window reaches and
/// farther.
fn messages(random: &mut Random, bits: u8) -> Vec<Vec<u8>> {
    let window = 1_usize << bits;
    let mut before: Vec<u8> = Vec::new();
    let mut messages = Vec::new();
    for _ in 0..1 + random.below(5) {
        let len = match random.below(5) {
            0 => random.below(4),
            1 => window + random.below(600),
            2 => 2 * window + random.below(600),
            _ => random.below(600),
        };
        let mut message = Vec::new();
        while message.len() < len {
            let all = before.len() + message.len();
            let piece = 3 + random.below(300);
            // What a window of zlib reaches back, less and more.
            let back = [window, window - 262, window + 1, 1 + random.below(window)]
                [random.below(4)]
                + random.below(3);
            let at = |index: usize, message: &[u8]| match before.get(index) {
                Some(byte) => *byte,
                None => message[index - before.len()],
            };
            let repeats = random.below(3) > 0 && back <= all;
            for offset in 0..piece.min(len - message.len()) {
                let byte = if repeats {
                    at(all - back + offset, &message)
                } else if piece.is_multiple_of(5) {
                    0
                } else {
                    random.next().to_be_bytes()[0]
                };
                message.push(byte);
            }
        }
        before.extend(&message);
        messages.push(message);
    }
    messages
}

/// What can be compared, and shown where it differs.
fn digest(messages: &Result<Vec<Vec<u8>>, String>) -> Result<Vec<(usize, u64)>, String> {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    let one = |message: &Vec<u8>| (message.len(), message.iter().fold(0xCBF2_9CE4_8422_2325, fold));
    messages.as_ref().map(|messages| messages.iter().map(one).collect()).map_err(String::clone)
}

/// How many messages there are at least, of each role, window and takeover.
const ROUNDS: u64 = 40;
