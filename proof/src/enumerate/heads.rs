//! Frame headers (§5.2): every first two bytes, each length at the boundaries of its form, within a
//! message or not, with and without an extension that uses RSV1, both roles.

use sanswire::extension::{Deflate, DeflateConfig};
use sanswire::{Config, Connection, Role};

use crate::Extent;
use crate::tally::Tally;

pub(crate) fn ask(tally: &mut Tally, extent: Extent) {
    let threads: Vec<_> = std::thread::scope(|scope| {
        let start = |role| scope.spawn(move || ask_role(role, extent));
        let started = [Role::Client, Role::Server].map(start);
        started.into_iter().map(|thread| thread.join().expect("a question panicked")).collect()
    });
    threads.iter().for_each(|thread| tally.add(thread));
}

fn ask_role(role: Role, extent: Extent) -> Tally {
    let mut tally = Tally::new("heads");
    for is_within in [false, true] {
        for has_deflate in [false, true] {
            let setting = Setting { role, is_within, has_deflate };
            for first in 0..=u8::MAX {
                for second in 0..=u8::MAX {
                    for head in heads(first, second) {
                        ask_head(&mut tally, setting, &head, extent);
                    }
                }
            }
        }
    }
    tally
}

/// What was agreed on and has come before.
#[derive(Clone, Copy, Debug)]
struct Setting {
    role: Role,
    /// After a fragment of a text.
    is_within: bool,
    has_deflate: bool,
}

/// Asks about one header, in all pieces.
fn ask_head(tally: &mut Tally, setting: Setting, head: &[u8], extent: Extent) {
    let expected = verdict(setting, head);
    // A bit for each byte but the first: whether a piece begins there.
    let gaps = head.len() - 1;
    let cuts: Vec<u32> = match extent {
        Extent::Full => (0..1 << gaps).collect(),
        // Whole, byte by byte, and in two pieces.
        Extent::Short => {
            [0, (1 << gaps) - 1].into_iter().chain((0..gaps).map(|gap| 1 << gap)).collect()
        }
    };
    for cut in cuts {
        tally.check(&received(setting, head, cut), &expected, || {
            format!("{setting:?}, {head:02x?}, cut at {cut:b}")
        });
    }
}

/// Returns the code that the connection fails with.
fn received(setting: Setting, head: &[u8], cut: u32) -> Option<u16> {
    let config = Config::default();
    let mut connection = match setting.role {
        Role::Client => Connection::client(&config, [0; 32]),
        Role::Server => Connection::server(&config),
    };
    if setting.has_deflate {
        let deflate = DeflateConfig::default();
        let offer = Deflate::offer(&deflate);
        let agreed = Deflate::from_agreed(setting.role, &deflate, &offer_answer(&deflate, &offer));
        connection = connection.with_deflate(agreed.expect("our own answer"));
    }
    if setting.is_within {
        let fragment: &[u8] = match setting.role {
            Role::Client => &[0x01, 0],
            Role::Server => &[0x01, 0x80, 0, 0, 0, 0],
        };
        connection.input().extend_from_slice(fragment);
        assert!(matches!(connection.poll_event(), Ok(None)), "a fragment was refused");
    }
    let mut start = 0;
    for end in 1..=head.len() {
        let is_cut = end == head.len() || cut & (1 << (end - 1)) != 0;
        if !is_cut {
            continue;
        }
        connection.input().extend_from_slice(&head[start..end]);
        start = end;
        match connection.poll_event() {
            Ok(_) => {}
            Err(error) => return Some(error.close_code().as_u16()),
        }
    }
    None
}

fn offer_answer(
    config: &DeflateConfig,
    offer: &sanswire::extension::Extension,
) -> sanswire::extension::Extension {
    Deflate::accept(config, core::slice::from_ref(offer)).expect("our own offer").1
}

/// The oracle: what §5.2 and §5.5 say of one frame, then the limit, then the order of frames (§5.4).
fn verdict(setting: Setting, head: &[u8]) -> Option<u16> {
    let (fin, rsv, opcode) = (head[0] & 0x80 != 0, head[0] & 0x70, head[0] & 0x0F);
    let is_masked = head[1] & 0x80 != 0;
    let number = |bytes: &[u8]| bytes.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
    let (len, least) = match head[1] & 0x7F {
        126 => (number(&head[2..4]), 126),
        127 => (number(&head[2..10]), 65_536),
        short => (u64::from(short), 0),
    };
    let (is_known, is_in_order) = match opcode {
        // RFC 7692, §6: the first frame of a message may have RSV1.
        0 => (true, setting.is_within && rsv == 0),
        1 | 2 => (true, !setting.is_within),
        8..=10 => (fin && len <= 125, true),
        _ => (false, true),
    };
    let may_rsv = if setting.has_deflate && opcode < 8 { 0x40 } else { 0 };
    let is_sound = is_known
        && rsv & !may_rsv == 0
        && is_masked == (setting.role == Role::Server)
        && (least..1 << 63).contains(&len);
    if !is_sound {
        Some(1002)
    } else if len > LIMIT {
        Some(1009)
    } else if !is_in_order {
        Some(1002)
    } else {
        None
    }
}

/// Returns the headers that begin with these bytes: one for each length that is worth asking about.
fn heads(first: u8, second: u8) -> Vec<Vec<u8>> {
    let mask: &[u8] = if second & 0x80 == 0 { &[] } else { &[0x37, 0xFA, 0x21, 0x3D] };
    let numbers: Vec<Vec<u8>> = match second & 0x7F {
        126 => SHORT.iter().map(|len| len.to_be_bytes().to_vec()).collect(),
        127 => LONG.iter().map(|len| len.to_be_bytes().to_vec()).collect(),
        _ => vec![Vec::new()],
    };
    numbers.iter().map(|number| [&[first, second], &number[..], mask].concat()).collect()
}

/// The default of `max_frame_size`.
const LIMIT: u64 = 16 << 20;

const SHORT: [u16; 7] = [0, 1, 125, 126, 127, 65_534, 65_535];

const LONG: [u64; 15] = [
    0,
    1,
    125,
    126,
    65_535,
    65_536,
    65_537,
    LIMIT - 1,
    LIMIT,
    LIMIT + 1,
    u32::MAX as u64,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX,
];
