//! Close codes (§7.4): every number, received and sent by both roles.

use bytes::Buf;
use sanswire::{Config, Connection, Event, Role};

use crate::Extent;
use crate::tally::Tally;

pub(crate) fn ask(tally: &mut Tally, _: Extent) {
    for role in [Role::Client, Role::Server] {
        for code in 0..=u16::MAX {
            tally.check(&received(role, code), &expected_of(code), || {
                format!("{role:?} gets {code}")
            });
            for reason in ["", "because"] {
                tally.check(&sent(role, code, reason), &expected_to(role, code, reason), || {
                    format!("{role:?} closes with {code} {reason:?}")
                });
            }
        }
    }
}

/// How a connection ended: what it reports, and the code of its own Close frame.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Clean(u16),
    Failed(u16),
}

/// §7.4.1, the registry of IANA, §7.4.2.
const fn is_assigned(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn expected_of(code: u16) -> (Ending, u16) {
    if is_assigned(code) { (Ending::Clean(code), code) } else { (Ending::Failed(1002), 1002) }
}

fn received(role: Role, code: u16) -> (Ending, u16) {
    let mut connection = connection(role);
    connection.input().extend_from_slice(&close_frame(role, code));
    let mut answer = Vec::new();
    let ending = loop {
        match connection.poll_event() {
            Ok(Some((Event::Closed(closed), _))) => break Ending::Clean(closed.code.as_u16()),
            Ok(Some((event, _))) => panic!("{event:?} is no end"),
            Err(error) => break Ending::Failed(error.close_code().as_u16()),
            // The end comes when the answer has been written and the transport has ended.
            Ok(None) if answer.is_empty() => answer = output(&mut connection),
            Ok(None) => connection.handle_eof(),
        }
    };
    answer.extend(output(&mut connection));
    (ending, code_of(&answer))
}

/// The code and the reason of the frame, or nothing if the call was refused.
fn expected_to(role: Role, code: u16, reason: &str) -> Option<(Option<u16>, String)> {
    let is_others = match role {
        Role::Client => matches!(code, 1012..=1014),
        Role::Server => code == 1010,
    };
    let code = match code {
        1005 if reason.is_empty() => return Some((None, String::new())),
        1005 => 1000,
        1006 => 1001,
        1015 => 1011,
        _ if is_others => 1011,
        _ if is_assigned(code) => code,
        _ => return None,
    };
    Some((Some(code), reason.to_owned()))
}

fn sent(role: Role, code: u16, reason: &str) -> Option<(Option<u16>, String)> {
    let mut connection = connection(role);
    connection.commands().close(code, reason).ok()?;
    let payload = payload(&output(&mut connection));
    if payload.is_empty() {
        return Some((None, String::new()));
    }
    let (code, reason) = payload.split_at(2);
    let reason = String::from_utf8(reason.to_vec()).expect("the reason is text");
    Some((Some(u16::from_be_bytes([code[0], code[1]])), reason))
}

fn connection(role: Role) -> Connection {
    match role {
        Role::Client => Connection::client(&Config::default(), [7; 32]),
        Role::Server => Connection::server(&Config::default()),
    }
}

fn output(connection: &mut Connection) -> Vec<u8> {
    let Some(output) = connection.poll_transmit() else { return Vec::new() };
    let len = output.remaining();
    output.copy_to_bytes(len).to_vec()
}

/// A Close frame for an endpoint in this role.
fn close_frame(receiver: Role, code: u16) -> Vec<u8> {
    let [high, low] = code.to_be_bytes();
    match receiver {
        Role::Client => vec![0x88, 2, high, low],
        Role::Server => vec![0x88, 0x82, 1, 2, 3, 4, high ^ 1, low ^ 2],
    }
}

/// Returns the payload of the Close frame that is all of the output.
fn payload(frame: &[u8]) -> Vec<u8> {
    assert_eq!(frame[0], 0x88, "{frame:02x?} is no Close frame");
    let len = usize::from(frame[1] & 0x7F);
    if frame[1] & 0x80 == 0 {
        assert_eq!(frame.len(), 2 + len, "{frame:02x?}");
        return frame[2..].to_vec();
    }
    assert_eq!(frame.len(), 6 + len, "{frame:02x?}");
    let (mask, masked) = frame[2..].split_at(4);
    masked.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

fn code_of(frame: &[u8]) -> u16 {
    let payload = payload(frame);
    u16::from_be_bytes([payload[0], payload[1]])
}
