//! Objects swapped, replaced and filled from elsewhere in the middle of a text: what one has
//! validated vouches for nothing of another.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::mem::{replace, swap};
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;

use sanswire::{Config, Connection, ConnectionError, Event, Input, Role};

use crate::support::{BINARY, BOTH, FIN, TEXT, frame, from};

fn text() -> Vec<u8> {
    "aé€😀".repeat(600).into_bytes()
}

/// A text of which a good deal has arrived and was validated.
fn begun(role: Role) -> (Connection, Vec<u8>) {
    let mut connection = match role {
        Role::Client => Connection::client(&Config::default(), [7; 32]),
        Role::Server => Connection::server(&Config::default()),
    };
    let mut bytes = from(role.peer(), &frame(FIN | TEXT, &text()));
    let rest = bytes.split_off(5_001);
    connection.input().extend_from_slice(&bytes);
    assert!(connection.poll_event().unwrap().is_none());
    (connection, rest)
}

fn lend<'a>(input: &'a mut Input<'_>) -> &'a mut [u8] {
    input.prepare(100);
    input.spare_mut()
}

fn next_text(connection: &mut Connection) -> Option<Vec<u8>> {
    match connection.poll_event() {
        Ok(Some((Event::Text(text), _))) => Some(text.as_bytes().to_vec()),
        Ok(None) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn inputs_swapped_within_a_text_lead_to_where_they_came_from() {
    for (role, other_role) in [(Role::Server, Role::Server), (Role::Client, Role::Server)] {
        let ((mut one, rest), (mut other, other_rest)) = (begun(role), begun(other_role));
        let (mut input, mut other_input) = (one.input(), other.input());
        swap(&mut input, &mut other_input);
        other_input.extend_from_slice(&rest);
        input.extend_from_slice(&other_rest);
        for connection in [&mut one, &mut other] {
            assert_eq!(next_text(connection).unwrap(), text());
        }
    }
}

#[test]
fn connections_swapped_within_a_text_keep_what_they_know_of_it() {
    for (role, other_role) in [(Role::Server, Role::Server), (Role::Client, Role::Server)] {
        let ((mut one, rest), (mut other, other_rest)) = (begun(role), begun(other_role));
        swap(&mut one, &mut other);
        one.input().extend_from_slice(&other_rest);
        // Not its own rest.
        other.input().extend_from_slice(&vec![0xff; rest.len()]);
        assert_eq!(next_text(&mut one).unwrap(), text());
        assert_eq!(other.poll_event().unwrap_err(), ConnectionError::InvalidUtf8);
    }
}

#[test]
fn a_connection_replaced_within_a_text_leaves_nothing_behind() {
    let (mut connection, rest) = begun(Role::Server);
    connection.release_memory();
    let old = replace(&mut connection, Connection::server(&Config::default()));
    assert!(connection.poll_event().unwrap().is_none());
    connection.input().extend_from_slice(&from(Role::Client, b"\x81\x05Hello"));
    assert_eq!(next_text(&mut connection).unwrap(), b"Hello");
    let mut old = old;
    old.input().extend_from_slice(&rest);
    assert_eq!(next_text(&mut old).unwrap(), text());
}

/// The clock, too, belongs to a connection and what it has received.
#[test]
fn bytes_that_another_connection_receives_again_do_not_confuse_its_clock() {
    let second = Duration::from_secs;
    let mut one = Connection::server(&Config::default());
    let mut other = Connection::server(&Config::default());
    one.handle_timeout(second(0));
    one.input().extend_from_slice(&from(Role::Client, &frame(FIN | BINARY, &[0; 300])));
    while one.poll_event().unwrap().is_some() {}
    one.handle_timeout(second(1));
    one.input().extend_from_slice(&[0x82, 0xb2, 0, 0]);
    assert!(one.poll_event().unwrap().is_none());
    other.handle_timeout(second(2));
    swap(&mut one, &mut other);
    one.input().extend_from_slice(&other.into_unprocessed());
    for now in [1, 3, 0] {
        one.handle_timeout(second(now));
        assert!(one.poll_event().unwrap().is_none());
        assert!(one.poll_timeout().is_some());
    }
}

#[test]
fn a_commit_of_more_than_was_lent_panics_and_does_no_harm() {
    for role in BOTH {
        for before in [0, 1, 900] {
            let (mut connection, rest) = begun(role);
            connection.input().extend_from_slice(&rest[..before]);
            let len = connection.input().len();
            let lent = lend(&mut connection.input()).len();
            for more in [lent + 1, lent + 200_000, usize::MAX] {
                let commit = AssertUnwindSafe(|| connection.input().commit(more));
                assert!(catch_unwind(commit).is_err(), "{more} of {lent}");
                assert_eq!(connection.input().len(), len);
            }
            connection.input().extend_from_slice(&rest[before..]);
            assert_eq!(next_text(&mut connection).unwrap(), text());
        }
    }
}

/// What is committed late is whatever lies there: bytes that somebody wrote, and no text unless
/// they are.
#[test]
fn a_commit_at_another_time_than_it_was_lent_makes_no_text_of_what_is_none() {
    for role in BOTH {
        for len in [1, 50, 100] {
            let (mut connection, rest) = begun(role);
            lend(&mut connection.input()).fill(0xff);
            connection.input().extend_from_slice(&rest[..7]);
            assert!(connection.poll_event().unwrap().is_none());
            let before = connection.input().len();
            let commit = AssertUnwindSafe(|| connection.input().commit(len));
            let is_taken = catch_unwind(commit).is_ok();
            let added = if is_taken { len } else { 0 };
            assert_eq!(connection.input().len(), before + added);
            connection.input().extend_from_slice(&rest[7..]);
            match connection.poll_event() {
                Ok(Some((Event::Text(text), _))) => {
                    assert!(!is_taken && text.as_bytes() == self::text());
                }
                Err(ConnectionError::InvalidUtf8) => assert!(is_taken),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn an_input_lends_the_room_that_was_prepared_and_16_kib_without() {
    for role in BOTH {
        let mut connection = match role {
            Role::Client => Connection::client(&Config::default(), [7; 32]),
            Role::Server => Connection::server(&Config::default()),
        };
        let mut input = connection.input();
        assert!(input.is_empty());
        assert_eq!(input.spare_mut().len(), 16 << 10);
        input.prepare(50_000);
        assert_eq!(input.spare_mut().len(), 50_000);
        input.spare_mut()[0] = 0x81;
        input.commit(1);
        assert!(!input.is_empty());
    }
}
