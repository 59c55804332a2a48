//! Frame headers (§5.2): every first two bytes, each length at the boundaries of its form, within a
//! message or not, with and without an extension that uses RSV1, both roles; and of those that are
//! accepted, how much payload is waited for, and what is made of it.

use sanswire::extension::{Deflate, DeflateConfig};
use sanswire::frame::Header;
use sanswire::{Config, Connection, Event, Role};

use crate::Extent;
use crate::tally::Tally;

pub(crate) fn ask(tally: &mut Tally, extent: Extent) {
    let threads: Vec<_> = std::thread::scope(|scope| {
        let start = |role| scope.spawn(move || ask_role(role, extent));
        let started = [Role::Client, Role::Server].map(start);
        started.into_iter().map(|thread| thread.join().expect("a question panicked")).collect()
    });
    threads.iter().for_each(|thread| tally.add(thread));
    for start in 0..=u16::MAX {
        let [first, second] = start.to_be_bytes();
        heads(first, second).iter().for_each(|head| ask_parser(tally, head));
    }
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
                        ask_payload(&mut tally, setting, &head);
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

/// Compares what `Header::parse` finds in each beginning of a header.
fn ask_parser(tally: &mut Tally, head: &[u8]) {
    let frame = Frame::new(head);
    for len in 0..=head.len() {
        let parsed = Header::parse(&head[..len]).map_err(|error| error.close_code().as_u16());
        let found = parsed.map(|parsed| {
            parsed.map(|(header, used)| {
                let Header { fin, rsv, opcode, mask, payload_len } = header;
                (Frame { fin, rsv, opcode: opcode as u8, key: mask, len: payload_len }, used)
            })
        });
        let expected = match fault_at(head) {
            Some(at) if len >= at => Err(1002),
            None if len == head.len() => Ok(Some((frame, len))),
            Some(_) | None => Ok(None),
        };
        tally.check(&found, &expected, || format!("{:02x?}, parsed", &head[..len]));
    }
}

/// Asks what comes of the payload of one frame: nothing before its last byte, and not before the
/// last fragment.
fn ask_payload(tally: &mut Tally, setting: Setting, head: &[u8]) {
    let frame = Frame::new(head);
    let is_large = frame.len > MOST;
    // A Close is no event before it is answered; what is compressed has a length of its own.
    if is_large || frame.opcode == 8 || frame.rsv != 0 || verdict(setting, head).is_some() {
        return;
    }
    let payload = vec![b'a'; usize::try_from(frame.len).expect("a small frame")];
    let key = frame.key.unwrap_or_default();
    let wire: Vec<u8> =
        payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let (most, last) = wire.split_at(wire.len().saturating_sub(1));
    let opcode = if frame.opcode == 0 { 1 } else { frame.opcode };
    let event = Some((opcode, payload));
    let (at_first, at_last, at_end) = match (frame.fin, last.is_empty()) {
        (true, true) => (event, None, None),
        (true, false) => (None, event, None),
        (false, _) => (None, None, event),
    };
    let mut connection = connection(setting);
    let mut told = |bytes: &[u8]| told_of(&mut connection, bytes);
    let mut found = vec![told(&[head, most].concat()), told(last)];
    if !frame.fin {
        found.push(told(fragment(setting.role, 0x80)));
    }
    let mut expected = vec![Ok(at_first), Ok(at_last)];
    expected.extend(at_end.map(|event| Ok(Some(event))));
    // No payloads of kilobytes in the output.
    tally.check(&(found == expected), &true, || {
        let short = |told: &[Told]| told.iter().map(outline).collect::<Vec<_>>().join(", ");
        format!("{setting:?}, {head:02x?}: {}, and not {}", short(&found), short(&expected))
    });
}

/// The opcode and payload of an event, or the code that the connection fails with.
type Told = Result<Option<(u8, Vec<u8>)>, u16>;

fn outline(told: &Told) -> String {
    match told {
        Ok(Some((opcode, payload))) => format!("opcode {opcode} with {} bytes", payload.len()),
        Ok(None) => "nothing".into(),
        Err(code) => format!("code {code}"),
    }
}

fn told_of(connection: &mut Connection, bytes: &[u8]) -> Told {
    connection.input().extend_from_slice(bytes);
    let polled = connection.poll_event().map_err(|error| error.close_code().as_u16())?;
    Ok(polled.map(|(event, _)| match event {
        Event::Binary(payload) => (2, payload.to_vec()),
        Event::Ping(payload) => (9, payload.to_vec()),
        Event::Pong(payload) => (10, payload.to_vec()),
        Event::Text(text) => (1, text.as_bytes().to_vec()),
        other => panic!("{other:?} of one frame"),
    }))
}

/// Returns the code that the connection fails with.
fn received(setting: Setting, head: &[u8], cut: u32) -> Option<u16> {
    let mut connection = connection(setting);
    let mut start = 0;
    for end in 1..=head.len() {
        let is_cut = end == head.len() || cut & (1 << (end - 1)) != 0;
        if !is_cut {
            continue;
        }
        connection.input().extend_from_slice(&head[start..end]);
        start = end;
        match connection.poll_event() {
            // What it makes of a header that it accepts is asked by itself.
            Ok(_) => {}
            Err(error) => return Some(error.close_code().as_u16()),
        }
    }
    None
}

/// Returns a connection to which this has happened.
fn connection(setting: Setting) -> Connection {
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
        connection.input().extend_from_slice(fragment(setting.role, 0x01));
        assert!(matches!(connection.poll_event(), Ok(None)), "a fragment was refused");
    }
    connection
}

/// Returns an empty frame with this first byte, as the peer of `role` sends it.
const fn fragment(role: Role, first: u8) -> &'static [u8] {
    match (role, first) {
        (Role::Client, 0x01) => &[0x01, 0],
        (Role::Client, _) => &[0x80, 0],
        (Role::Server, 0x01) => &[0x01, 0x80, 0, 0, 0, 0],
        (Role::Server, _) => &[0x80, 0x80, 0, 0, 0, 0],
    }
}

fn offer_answer(
    config: &DeflateConfig,
    offer: &sanswire::extension::Extension,
) -> sanswire::extension::Extension {
    Deflate::accept(config, core::slice::from_ref(offer)).expect("our own offer").1
}

/// What §5.2 says of the bytes of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    fin: bool,
    rsv: u8,
    opcode: u8,
    key: Option<[u8; 4]>,
    len: u64,
}

impl Frame {
    /// Reads a whole header.
    fn new(head: &[u8]) -> Self {
        let (len, key) = head[2..].split_at(len_len(head));
        let number = len.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
        Self {
            fin: head[0] & 0x80 != 0,
            rsv: head[0] & 0x70,
            opcode: head[0] & 0x0F,
            key: key.try_into().ok(),
            len: if len.is_empty() { u64::from(head[1] & 0x7F) } else { number },
        }
    }
}

/// Returns how many bytes of length follow the second one.
const fn len_len(head: &[u8]) -> usize {
    match head[1] & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}

/// Returns how many bytes of a header show that it breaks a rule of §5.2 or §5.5 that holds for all.
fn fault_at(head: &[u8]) -> Option<usize> {
    let Frame { fin, opcode, len, .. } = Frame::new(head);
    let least = match len_len(head) {
        0 => 0,
        2 => 126,
        _ => 65_536,
    };
    match opcode {
        0..=2 | 8..=10 => {}
        _ => return Some(1),
    }
    if opcode >= 8 && (!fin || head[1] & 0x7F > 125) {
        return Some(2);
    }
    (!(least..1 << 63).contains(&len)).then_some(2 + len_len(head))
}

/// The oracle: what §5.2 and §5.5 say of one frame, then the limit, then the order of frames (§5.4).
fn verdict(setting: Setting, head: &[u8]) -> Option<u16> {
    let Frame { rsv, opcode, key, len, .. } = Frame::new(head);
    let is_in_order = match opcode {
        // RFC 7692, §6: the first frame of a message may have RSV1.
        0 => setting.is_within && rsv == 0,
        1 | 2 => !setting.is_within,
        _ => true,
    };
    let may_rsv = if setting.has_deflate && opcode < 8 { 0x40 } else { 0 };
    let is_sound = fault_at(head).is_none()
        && rsv & !may_rsv == 0
        && key.is_some() == (setting.role == Role::Server);
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

/// The longest payload that is sent.
const MOST: u64 = 65_537;

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
