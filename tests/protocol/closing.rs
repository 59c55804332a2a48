//! Closing (RFC 6455, §5.5.1, §7 and the close codes of §7.4), cleanly and by failure.

use core::time::Duration;

use sanswire::{
    AfterClose, CloseCode, CloseReason, Closed, ClosedBy, Config, ConnectionError, Message,
    ReadyState, Role, SendError,
};

use crate::support::{
    BINARY, BOTH, CLOSE, End, FIN, Got, PONG, Pair, TEXT, frame, from, messages, outcome, sent_by,
    told,
};

fn body(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason].concat()
}

fn close_frame(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &body(code, reason))
}

/// §7.4 and the table of the registry.
const fn is_allowed(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[track_caller]
fn assert_closed(closed: &Closed, code: u16, reason: &str, by: ClosedBy, clean: bool) {
    assert_eq!(closed.code, code);
    assert_eq!(closed.reason, reason);
    assert_eq!((closed.by, closed.clean), (by, clean));
}

/// Limits low enough to be broken by a few bytes.
fn strict() -> Config {
    Config::default().max_message_size(1_000)
}

/// Every way to fail a connection with `strict` limits, and the bytes that do it.
fn failures(role: Role) -> Vec<(Vec<u8>, ConnectionError, u16)> {
    let peer = role.peer();
    let (wrong_mask, mask_error) = match role {
        Role::Client => (b"\x81\x80\0\0\0\0".to_vec(), ConnectionError::MaskUnexpected),
        Role::Server => (b"\x81\x00".to_vec(), ConnectionError::MaskMissing),
    };
    let len = 1 << 62;
    let huge = [b"\x82\x7f".as_slice(), &u64::to_be_bytes(len)].concat();
    let many = [b"\x02\x00".as_slice(), &b"\x00\x00".repeat(5_000)].concat();
    vec![
        (from(peer, b"\xc1\x00"), ConnectionError::ReservedBits { bits: 0x40 }, 1002),
        (from(peer, b"\x83\x00"), ConnectionError::ReservedOpcode { opcode: 3 }, 1002),
        (from(peer, b"\x82\x7e\x00\x05"), ConnectionError::LengthNotMinimal { len: 5 }, 1002),
        (
            from(peer, b"\x82\x7f\x80\0\0\0\0\0\0\0"),
            ConnectionError::LengthTopBit { len: 1 << 63 },
            1002,
        ),
        (wrong_mask, mask_error, 1002),
        (from(peer, b"\x09\x00"), ConnectionError::ControlFragmented { opcode: 9 }, 1002),
        (from(peer, b"\x8a\x7e\x00\x7e"), ConnectionError::ControlTooLong { opcode: 10 }, 1002),
        (from(peer, b"\x80\x00"), ConnectionError::UnexpectedContinuation, 1002),
        (from(peer, b"\x01\x00\x81\x00"), ConnectionError::UnfinishedMessage { opcode: 1 }, 1002),
        (from(peer, &huge), ConnectionError::FrameTooLarge { len, limit: 16 << 20 }, 1009),
        (from(peer, b"\x82\x7e\x03\xe9"), ConnectionError::MessageTooLarge { limit: 1_000 }, 1009),
        (from(peer, &many), ConnectionError::TooManyFragments { limit: 4096 }, 1008),
        (from(peer, b"\x81\x01\xff"), ConnectionError::InvalidUtf8, 1007),
        (from(peer, b"\x88\x01\x03"), ConnectionError::CloseBodyTooShort, 1002),
        (from(peer, b"\x88\x02\x03\xed"), ConnectionError::InvalidCloseCode { code: 1005 }, 1002),
    ]
}

#[test]
fn a_close_is_answered_with_its_code_and_reason_and_reported_once() {
    for role in BOTH {
        let bytes = from(role.peer(), &close_frame(3000, "bye ✓".as_bytes()));
        let outcome = outcome(role, &Config::default(), &bytes);
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.sent, [(0x88, body(3000, "bye ✓".as_bytes()))]);
        assert_closed(outcome.closed.as_ref().unwrap(), 3000, "bye ✓", ClosedBy::Peer, true);
    }
}

#[test]
fn every_code_is_received_or_refused_as_section_7_4_says() {
    for role in BOTH {
        for code in 0..=u16::MAX {
            let mut end = End::open(role);
            end.receive(&close_frame(code, b""));
            if is_allowed(code) {
                assert_eq!(end.error, None, "{code}");
                assert_eq!(end.connection.close_code(), Some(code.into()));
                assert_eq!(end.take_sent(), [(0x88, body(code, b""))]);
            } else {
                let error = ConnectionError::InvalidCloseCode { code };
                assert_eq!(end.error, Some(error));
                assert_eq!(end.connection.close_code(), Some(CloseCode::ABNORMAL));
                assert_eq!(end.take_sent(), [(0x88, told(error))]);
            }
        }
    }
}

#[test]
fn close_codes_at_the_borders_are_the_same_byte_by_byte() {
    for role in BOTH {
        for code in [
            0, 1, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011,
            1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65_535,
        ] {
            let bytes = from(role.peer(), &close_frame(code, b"why"));
            let outcome = outcome(role, &Config::default(), &bytes);
            if is_allowed(code) {
                assert_eq!(outcome.sent, [(0x88, body(code, b"why"))]);
            } else {
                outcome.assert_failed(ConnectionError::InvalidCloseCode { code }, 1002);
            }
        }
    }
}

/// What leaves for a code that a connection was closed with, by the table in the docs.
fn sent_for(code: u16, role: Role) -> Option<Vec<u8>> {
    Some(match (code, role) {
        (1005, _) => vec![],
        (1006, _) => body(1001, b""),
        (1015, _) | (1010, Role::Server) | (1012..=1014, Role::Client) => body(1011, b""),
        _ if is_allowed(code) => body(code, b""),
        _ => return None,
    })
}

#[test]
fn every_code_is_sent_replaced_or_refused_as_the_table_says() {
    for role in BOTH {
        for code in 0..=u16::MAX {
            let mut end = End::open(role);
            let result = end.connection.commands().close(code, "");
            if let Some(sent) = sent_for(code, role) {
                assert_eq!((result, end.state()), (Ok(()), ReadyState::Closing));
                assert_eq!(end.take_sent(), [(0x88, sent)]);
            } else {
                assert_eq!(result, Err(SendError::InvalidCloseCode { code }));
                assert_eq!(end.state(), ReadyState::Open);
                assert!(end.connection.poll_transmit().is_none());
            }
        }
    }
}

#[test]
fn what_one_connection_was_closed_with_closes_another() {
    // A gateway: the side that ended, and the other one in either role.
    let mut ended: Vec<Vec<u8>> = (0..=u16::MAX)
        .filter(|&code| is_allowed(code))
        .flat_map(|code| [close_frame(code, b""), close_frame(code, &[b'x'; 123])])
        .collect();
    ended.extend([vec![0x88, 0], vec![0x8f, 0], vec![]]);
    for (role, other) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
        for frames in &ended {
            let mut end = End::open(role);
            end.receive(frames);
            end.take_output();
            end.eof();
            let closed = end.connection.closed().unwrap();
            let mut behind = End::open(other);
            behind.connection.commands().close(closed.code, &closed.reason).unwrap();
            let sent = sent_for(closed.code.as_u16(), other).unwrap();
            assert_eq!(behind.state(), ReadyState::Closing);
            assert_eq!(behind.take_sent(), [(0x88, [&sent, closed.reason.as_bytes()].concat())]);
        }
    }
}

#[test]
fn a_reason_without_a_code_is_sent_with_1000_as_browsers_do() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(1005, "why").unwrap();
        assert_eq!(end.take_sent(), [(0x88, body(1000, b"why"))]);
    }
}

#[test]
fn a_close_without_code_is_reported_as_1005_and_answered_without_code() {
    for role in BOTH {
        let outcome = outcome(role, &Config::default(), &from(role.peer(), b"\x88\x00"));
        assert_eq!(outcome.sent, [(0x88, vec![])]);
        assert_closed(outcome.closed.as_ref().unwrap(), 1005, "", ClosedBy::Peer, true);
    }
}

#[test]
fn a_close_body_of_one_byte_fails_with_1002() {
    for role in BOTH {
        for byte in [0, 3, 0xff] {
            let bytes = from(role.peer(), &[0x88, 1, byte]);
            outcome(role, &Config::default(), &bytes)
                .assert_failed(ConnectionError::CloseBodyTooShort, 1002);
        }
    }
}

#[test]
fn a_reason_of_123_bytes_is_received_and_one_of_124_is_not() {
    for role in BOTH {
        let bytes = from(role.peer(), &close_frame(1000, &[b'x'; 123]));
        let fine = outcome(role, &Config::default(), &bytes);
        assert_closed(&fine.closed.unwrap(), 1000, &"x".repeat(123), ClosedBy::Peer, true);
        let bytes = from(role.peer(), &close_frame(1000, &[b'x'; 124]));
        outcome(role, &Config::default(), &bytes)
            .assert_failed(ConnectionError::ControlTooLong { opcode: 8 }, 1002);
    }
}

#[test]
fn a_close_of_126_bytes_does_not_come_back() {
    for role in BOTH {
        let body = [&b"\x03\xe8"[..], &[b'x'; 124]].concat();
        let bytes = from(role.peer(), &frame(0x88, &body));
        let outcome = outcome(role, &Config::default(), &bytes);
        outcome.assert_failed(ConnectionError::ControlTooLong { opcode: 8 }, 1002);
        assert_eq!(outcome.sent.len(), 1);
    }
}

#[test]
fn a_reason_that_is_not_utf8_fails_with_1007() {
    let reasons: [&[u8]; 7] = [
        b"\xff",
        b"ok\xc3",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
        b"\xce\xba\xe1\xbd\xb9\xf0\x80\x80\x80edited",
    ];
    for role in BOTH {
        for reason in reasons {
            let bytes = from(role.peer(), &close_frame(1000, reason));
            outcome(role, &Config::default(), &bytes)
                .assert_failed(ConnectionError::InvalidUtf8, 1007);
        }
    }
}

#[test]
fn a_close_is_sent_with_its_code_and_reason() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(4000, "ärger").unwrap();
        assert_eq!(end.state(), ReadyState::Closing);
        assert_eq!(end.take_sent(), [(0x88, body(4000, "ärger".as_bytes()))]);
        assert_eq!(end.state(), ReadyState::Closing);
    }
}

#[test]
fn a_reason_of_123_bytes_is_sent_and_one_of_124_is_refused() {
    for role in BOTH {
        let mut end = End::open(role);
        // Bytes are counted, not characters: 62 of two bytes each are one too many.
        for reason in ["x".repeat(124), "ä".repeat(62)] {
            let refused = Err(SendError::ReasonTooLong { len: 124 });
            assert_eq!(end.connection.commands().close(1000, &reason), refused);
            assert_eq!(end.state(), ReadyState::Open);
        }
        let reason = "ä".repeat(61) + "x";
        end.connection.commands().close(1000, &reason).unwrap();
        assert_eq!(end.take_sent(), [(0x88, body(1000, reason.as_bytes()))]);
    }
}

#[test]
fn a_close_without_code_has_no_body() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(1005, "").unwrap();
        assert_eq!(end.state(), ReadyState::Closing);
        assert_eq!(end.take_sent(), [(0x88, vec![])]);
    }
}

#[test]
fn only_the_first_close_is_sent() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(1000, "first").unwrap();
        end.connection.commands().close(1001, "second").unwrap();
        end.connection.commands().close(1005, "").unwrap();
        assert_eq!(end.take_sent(), [(0x88, body(1000, b"first"))]);
        end.connection.commands().close(1001, "third").unwrap();
        end.receive(&close_frame(1000, b""));
        end.connection.commands().close(1001, "fourth").unwrap();
        assert_eq!(end.take_output(), []);
    }
}

#[test]
fn the_end_that_asked_is_told_the_code_of_the_answer() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(4001, "mine").unwrap();
        end.take_output();
        end.receive(&close_frame(4002, b"theirs"));
        assert!(end.take_output().is_empty());
        end.eof();
        assert_closed(end.ended().unwrap(), 4002, "theirs", ClosedBy::Local, true);
        assert_eq!(end.state(), ReadyState::Closed);
        assert!(end.connection.was_clean());
    }
}

#[test]
fn both_ends_closing_at_once_send_one_close_each() {
    let mut pair = Pair::open();
    pair.client.end.connection.commands().close(4001, "client").unwrap();
    pair.server.end.connection.commands().close(4002, "server").unwrap();
    pair.settle();
    assert_closed(pair.client.end.ended().unwrap(), 4002, "server", ClosedBy::Local, true);
    assert_closed(pair.server.end.ended().unwrap(), 4001, "client", ClosedBy::Local, true);
    for role in BOTH {
        assert_eq!(sent_by(role, &pair.side(role).wrote).len(), 1);
        assert_eq!(pair.end(role).got.len(), 1);
        assert_eq!(pair.end(role).state(), ReadyState::Closed);
    }
}

#[test]
fn a_closing_handshake_ends_both_sides_cleanly_whoever_begins() {
    for role in BOTH {
        let mut pair = Pair::open();
        pair.end(role).connection.commands().close(1001, "away").unwrap();
        pair.settle();
        let end = pair.end(role);
        assert_closed(end.ended().unwrap(), 1001, "away", ClosedBy::Local, true);
        let peer = pair.end(role.peer());
        assert_closed(peer.ended().unwrap(), 1001, "away", ClosedBy::Peer, true);
    }
}

#[test]
fn a_server_ends_as_soon_as_both_closes_are_through() {
    // The peer asked.
    let mut server = End::open(Role::Server);
    server.receive(&close_frame(1000, b""));
    assert_eq!((server.state(), server.ended()), (ReadyState::Closing, None));
    let close = server.take_output();
    assert_eq!(close, b"\x88\x02\x03\xe8");
    server.poll();
    assert_closed(server.ended().unwrap(), 1000, "", ClosedBy::Peer, true);
    assert_eq!(server.state(), ReadyState::Closed);
    // The server asked.
    let mut server = End::open(Role::Server);
    server.connection.commands().close(1000, "").unwrap();
    server.take_output();
    server.receive(&close_frame(1000, b""));
    assert!(server.ended().is_some());
    assert_eq!(server.state(), ReadyState::Closed);
}

#[test]
fn a_server_writes_all_of_its_close_before_it_ends() {
    let mut server = End::open(Role::Server);
    server.receive(&close_frame(1000, b""));
    for _ in 0..4 {
        server.poll();
        assert_eq!((server.state(), server.ended()), (ReadyState::Closing, None));
        assert_eq!(server.take_some(1).len(), 1);
    }
    server.poll();
    assert!(server.ended().is_some());
}

#[test]
fn a_client_waits_for_the_server_to_close_the_transport() {
    for client_asked in [false, true] {
        let mut client = End::open(Role::Client);
        if client_asked {
            client.connection.commands().close(1000, "").unwrap();
            client.take_output();
        }
        client.receive(&close_frame(1000, b""));
        client.take_output();
        client.poll();
        assert_eq!((client.state(), client.ended()), (ReadyState::Closing, None));
        assert!(!client.connection.was_clean());
        client.eof();
        assert!(client.ended().unwrap().clean && client.connection.was_clean());
        assert_eq!(client.state(), ReadyState::Closed);
    }
}

#[test]
fn nothing_is_known_of_the_end_before_it_begins() {
    for role in BOTH {
        let mut end = End::open(role);
        assert_eq!((end.connection.closed(), end.connection.close_code()), (None, None));
        assert!(!end.connection.was_clean());
        end.connection.commands().close(1000, "").unwrap();
        assert_eq!((end.connection.closed(), end.connection.close_code()), (None, None));
        end.receive(&close_frame(1001, b"x"));
        assert_eq!(end.connection.close_code(), Some(CloseCode::GOING_AWAY));
    }
}

#[test]
fn data_behind_a_close_is_ignored() {
    let behind: [&[u8]; 6] = [
        b"\x81\x02no",
        b"\x89\x01p",
        b"\x88\x02\x03\xe9",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x81\x01\xff",
        b"\x82\x7e",
    ];
    for role in BOTH {
        for behind in behind {
            let frames = [&close_frame(1000, b"")[..], behind].concat();
            let outcome = outcome(role, &Config::default(), &from(role.peer(), &frames));
            assert_eq!(outcome.error, None);
            assert_eq!(outcome.sent, [(0x88, body(1000, b""))]);
            assert_closed(outcome.closed.as_ref().unwrap(), 1000, "", ClosedBy::Peer, true);
            assert!(outcome.got.len() <= 1);
        }
    }
}

#[test]
fn data_behind_a_close_takes_no_memory() {
    let mut client = End::open(Role::Client);
    client.receive(&close_frame(1000, b""));
    for _ in 0..100 {
        client.feed(&[0; 10_000]);
        assert!(client.connection.input().is_empty());
    }
}

#[test]
fn messages_sent_before_close_leave_before_it() {
    for fragment_size in [None, 100.try_into().ok()] {
        let config = Config::default().fragment_size(fragment_size);
        for role in BOTH {
            let mut end = End::new(role, &config);
            end.connection.commands().send("one").unwrap();
            end.connection.commands().send(&[2; 10_000]).unwrap();
            end.connection.commands().send(vec![3; 10_000]).unwrap();
            end.connection.commands().close(1000, "").unwrap();
            let frames = end.take_frames();
            assert_eq!(frames.last().unwrap().first, 0x88);
            let expected =
                [(TEXT, b"one".to_vec()), (BINARY, vec![2; 10_000]), (BINARY, vec![3; 10_000])];
            assert_eq!(messages(&frames), expected);
        }
    }
}

#[test]
fn messages_sent_before_close_leave_although_the_peers_close_comes_first() {
    for fragment_size in [None, 100.try_into().ok()] {
        let config = Config::default().fragment_size(fragment_size);
        for role in BOTH {
            let mut end = End::new(role, &config);
            end.connection.commands().send(&[2; 10_000]).unwrap();
            end.connection.commands().close(1000, "").unwrap();
            let mut bytes = end.take_some(1_000);
            end.receive(&close_frame(1001, b""));
            bytes.extend(end.take_output());
            let frames = sent_by(role, &bytes);
            assert_eq!(messages(&frames), [(BINARY, vec![2; 10_000])]);
            assert_eq!(frames.last().unwrap().payload, body(1000, b""));
        }
    }
}

#[test]
fn a_close_is_answered_between_the_fragments_of_what_is_being_sent() {
    let config = Config::default().fragment_size(1_000.try_into().ok());
    for role in BOTH {
        let mut end = End::new(role, &config);
        end.connection.commands().send(&[2; 100_000]).unwrap();
        let mut bytes = end.take_some(500);
        end.receive(&close_frame(1001, b""));
        bytes.extend(end.take_output());
        // §5.5.1: "SHOULD do so as soon as practical"
        assert!(bytes.len() < 10_000, "{}", bytes.len());
        assert_eq!(sent_by(role, &bytes).last().unwrap().payload, body(1001, b""));
    }
}

#[test]
fn nothing_can_be_sent_once_close_was_sent_or_received() {
    for role in BOTH {
        for theirs in [false, true] {
            let mut end = End::open(role);
            if theirs {
                end.receive(&close_frame(1000, b""));
            } else {
                end.connection.commands().close(1000, "").unwrap();
            }
            assert_eq!(end.send("a"), Err(SendError::Closed));
            assert_eq!(end.send(b"a"), Err(SendError::Closed));
            let refused = end.connection.commands().send(Message::from("a")).unwrap_err();
            assert_eq!(
                (refused.error, refused.message),
                (SendError::Closed, Some(Message::from("a")))
            );
            assert_eq!(end.take_sent().len(), 1);
        }
    }
}

#[test]
fn messages_that_arrive_after_our_close_are_dropped_unless_wanted() {
    let deliver = Config::default().after_close(AfterClose::Deliver);
    let large = frame(FIN | BINARY, &[7; 40_000]);
    let frames = [b"\x81\x01a\x02\x01b\x80\x01c\x8a\x00".as_slice(), &large].concat();
    for role in BOTH {
        for (config, got) in [
            (Config::default(), vec![Got::pong("")]),
            (
                deliver.clone(),
                vec![Got::text("a"), Got::binary("bc"), Got::pong(""), Got::binary([7; 40_000])],
            ),
        ] {
            let mut end = End::new(role, &config);
            end.connection.commands().close(1000, "").unwrap();
            end.receive(&frames);
            assert_eq!(end.error, None);
            assert!(end.got == got);
            // Not behind the peer's own Close.
            end.receive(&[&close_frame(1000, b"")[..], b"\x81\x01z"].concat());
            assert!(!end.got.contains(&Got::text("z")));
        }
    }
}

#[test]
fn messages_that_are_dropped_are_checked_all_the_same() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(1000, "").unwrap();
        end.receive(b"\x81\x01\xff");
        assert_eq!(end.error, Some(ConnectionError::InvalidUtf8));
        assert_eq!(end.take_sent(), [(0x88, body(1000, b""))]);
    }
}

#[test]
fn a_failure_sends_one_close_with_the_right_code() {
    for role in BOTH {
        for (bytes, error, code) in failures(role) {
            outcome(role, &strict(), &bytes).assert_failed(error, code);
        }
    }
}

#[test]
fn a_failure_is_sticky_and_stops_parsing() {
    for role in BOTH {
        for (bytes, error, _) in failures(role) {
            let mut end = End::new(role, &strict());
            end.feed(&bytes);
            assert_eq!((end.error, end.state()), (Some(error), ReadyState::Closing));
            let before = end.got.len();
            for _ in 0..3 {
                end.receive(b"\x81\x02no\x89\x01p\x88\x02\x03\xe8");
                assert_eq!(end.connection.poll_event().unwrap_err(), error);
            }
            assert_eq!(end.got.len(), before);
            assert_eq!(end.send("a"), Err(SendError::Closed));
            assert_eq!(end.connection.commands().ping(b""), Err(SendError::Closed));
            end.connection.commands().close(1000, "").unwrap();
            end.connection.commands().close(1005, "").unwrap();
            assert_eq!(end.take_sent(), [(0x88, told(error))]);
            assert_eq!(end.state(), ReadyState::Closed);
            end.eof();
            assert_eq!((end.error, end.state()), (Some(error), ReadyState::Closed));
            let closed = end.connection.closed().unwrap();
            assert_closed(&closed, 1006, "", ClosedBy::Local, false);
            assert!(!end.connection.was_clean());
        }
    }
}

#[test]
fn a_protocol_error_stops_the_parser_and_sends_a_close() {
    for role in BOTH {
        let bytes = from(role.peer(), b"\x81\x01a\x84\x00\x81\x01b\x89\x00");
        let outcome = outcome(role, &Config::default(), &bytes);
        outcome.assert_failed(ConnectionError::ReservedOpcode { opcode: 4 }, 1002);
        assert_eq!(outcome.got, [Got::text("a")]);
        assert_eq!(outcome.sent.len(), 1);
    }
}

#[test]
fn what_came_before_the_fault_is_delivered() {
    for role in BOTH {
        let bytes = from(role.peer(), b"\x81\x01a\x89\x01p\x83\x00");
        let outcome = outcome(role, &Config::default(), &bytes);
        assert_eq!(outcome.got, [Got::text("a"), Got::ping("p")]);
        let told = told(ConnectionError::ReservedOpcode { opcode: 3 });
        assert_eq!(outcome.sent, [(FIN | PONG, b"p".to_vec()), (0x88, told)]);
    }
}

#[test]
fn the_close_of_a_failure_says_what_was_wrong_in_a_few_words() {
    for (error, said) in [
        (
            ConnectionError::MessageTooLarge { limit: 16_777_216 },
            &b"\x03\xf1message is over the limit of 16777216 bytes"[..],
        ),
        (ConnectionError::InvalidUtf8, b"\x03\xeftext is not valid UTF-8"),
        (ConnectionError::MaskMissing, b"\x03\xeaframe from a client is not masked"),
    ] {
        assert_eq!(told(error), said);
    }
    for role in BOTH {
        for (bytes, error, _) in failures(role) {
            let mut end = End::new(role, &strict());
            end.feed(&bytes);
            assert_eq!(end.take_sent(), [(0x88, told(error))]);
        }
    }
}

#[test]
fn every_reason_fits_a_close_frame() {
    let (most, len, limit) = (u64::MAX, u64::MAX, Duration::MAX);
    for error in [
        ConnectionError::ReservedBits { bits: 0x70 },
        ConnectionError::ReservedOpcode { opcode: 15 },
        ConnectionError::LengthNotMinimal { len },
        ConnectionError::LengthTopBit { len },
        ConnectionError::MaskMissing,
        ConnectionError::MaskUnexpected,
        ConnectionError::ControlFragmented { opcode: 10 },
        ConnectionError::ControlTooLong { opcode: 10 },
        ConnectionError::UnexpectedContinuation,
        ConnectionError::UnfinishedMessage { opcode: 2 },
        ConnectionError::FrameTooLarge { len, limit: most },
        ConnectionError::MessageTooLarge { limit: most },
        ConnectionError::TooManyFragments { limit: most },
        ConnectionError::InvalidUtf8,
        ConnectionError::InvalidDeflate,
        ConnectionError::TooManyFinalBlocks { limit: u32::MAX },
        ConnectionError::PeerTooSlow { code: 1008.into(), queued: usize::MAX, limit: usize::MAX },
        ConnectionError::CloseBodyTooShort,
        ConnectionError::InvalidCloseCode { code: u16::MAX },
        ConnectionError::IdleTimeout { limit },
        ConnectionError::MessageTimeout { limit },
        ConnectionError::MessageTooSlow { held: 1 << 40, limit: Duration::from_millis(86_399_999) },
        ConnectionError::PongTimeout { limit },
        ConnectionError::WriteTimeout { limit },
    ] {
        // Longer ones would be cut off.
        assert!(told(error).len() > 10);
    }
}

#[test]
fn the_reason_of_a_failure_can_be_replaced_or_left_out() {
    let custom = |function| Config::default().close_reason(CloseReason::Custom(function));
    let close = |config: &Config| {
        let mut end = End::new(Role::Server, config);
        end.receive(b"\x83\x00");
        end.take_sent()
    };
    let none = Config::default().close_reason(CloseReason::None);
    assert_eq!(close(&none), [(0x88, body(1002, b""))]);
    let config = custom(|error| format!("{:?}", error.close_code()).into());
    assert_eq!(close(&config), [(0x88, body(1002, b"1002"))]);
    let config = custom(|_| "see https://example.com/protocol".into());
    assert_eq!(close(&config), [(0x88, body(1002, b"see https://example.com/protocol"))]);
    assert_eq!(close(&custom(|_| "".into())), [(0x88, body(1002, b""))]);
    // Cut off at the end of a character: 61 of two bytes are 122.
    let cut = body(1002, "ä".repeat(61).as_bytes());
    assert_eq!(close(&custom(|_| "ä".repeat(100).into())), [(0x88, cut)]);
    let cut = body(1002, "x".repeat(123).as_bytes());
    assert_eq!(close(&custom(|_| "x".repeat(124).into())), [(0x88, cut)]);
}

#[test]
fn a_failure_after_our_close_sends_no_second_one() {
    for role in BOTH {
        for (bytes, error, _) in failures(role) {
            let mut end = End::new(role, &strict());
            end.connection.commands().close(1000, "").unwrap();
            end.feed(&bytes);
            assert_eq!(end.error, Some(error));
            assert_eq!(end.take_sent(), [(0x88, body(1000, b""))]);
            let closed = end.connection.closed().unwrap();
            assert_closed(&closed, 1006, "", ClosedBy::Local, false);
        }
    }
}

#[test]
fn the_end_of_the_stream_on_an_open_connection_is_reported_as_1006() {
    let before: [&[u8]; 7] = [
        b"",
        b"\x81",
        b"\x82\x7e\x01",
        b"\x81\x05Hel",
        b"\x01\x05Hello",
        b"\x89\x05p",
        b"\x88\x02\x03",
    ];
    for role in BOTH {
        for before in before {
            let mut end = End::open(role);
            end.receive(before);
            assert_eq!((end.error, end.state()), (None, ReadyState::Open));
            end.eof();
            assert_eq!(end.error, Some(ConnectionError::UnexpectedEof));
            assert_eq!(end.state(), ReadyState::Closed);
            let closed = end.connection.closed().unwrap();
            assert_closed(&closed, 1006, "", ClosedBy::Peer, false);
            // §7.4.1: 1006 "MUST NOT be set as a status code in a Close control frame".
            assert!(end.take_output().is_empty());
            end.eof();
        }
    }
}

#[test]
fn what_arrived_before_the_end_of_the_stream_is_delivered() {
    for role in BOTH {
        let mut end = End::open(role);
        let frames = [b"\x81\x01a\x89\x00".as_slice(), &frame(FIN | BINARY, &[7; 40_000])].concat();
        end.connection.input().extend_from_slice(&from(role.peer(), &frames));
        end.connection.handle_eof();
        end.poll();
        assert!(end.got == [Got::text("a"), Got::ping(""), Got::binary([7; 40_000])]);
        assert_eq!(end.error, Some(ConnectionError::UnexpectedEof));
    }
}

#[test]
fn the_end_of_the_stream_before_the_answer_is_not_clean() {
    for role in BOTH {
        for written in [false, true] {
            let mut end = End::open(role);
            end.connection.commands().close(1000, "").unwrap();
            if written {
                end.take_output();
            }
            end.eof();
            assert_eq!(end.error, Some(ConnectionError::UnexpectedEof));
            assert_eq!(end.state(), ReadyState::Closed);
            let closed = end.connection.closed().unwrap();
            assert_eq!((closed.code, closed.clean), (CloseCode::ABNORMAL, false));
        }
    }
}

#[test]
fn the_end_of_the_stream_behind_a_close_is_clean() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.input().extend_from_slice(&from(role.peer(), &close_frame(1000, b"x")));
        end.connection.handle_eof();
        end.poll();
        assert_eq!(end.error, None);
        assert_closed(end.ended().unwrap(), 1000, "x", ClosedBy::Peer, true);
        assert_eq!(end.state(), ReadyState::Closed);
        // The answer is there to be written, for a transport that is closed one way only.
        assert_eq!(end.take_sent(), [(0x88, body(1000, b"x"))]);
    }
}

#[test]
fn a_client_does_not_wait_for_a_server_that_has_gone() {
    let mut client = End::open(Role::Client);
    client.connection.commands().close(1000, "").unwrap();
    client.take_output();
    client.receive(b"\x88\x02\x03\xe8");
    assert_eq!(client.state(), ReadyState::Closing);
    client.eof();
    assert_eq!(client.state(), ReadyState::Closed);
    assert!(client.ended().is_some());
}

#[test]
fn nothing_comes_after_the_end() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(&close_frame(1000, b""));
        end.take_output();
        end.eof();
        assert_eq!(end.take_got().len(), 1);
        end.receive(b"\x81\x01a\x88\x00\xff\xff");
        end.eof();
        end.connection.commands().close(1000, "").unwrap();
        assert!(end.got.is_empty() && end.connection.poll_transmit().is_none());
        assert_eq!(end.state(), ReadyState::Closed);
        assert!(end.connection.was_clean());
        assert_closed(&end.connection.closed().unwrap(), 1000, "", ClosedBy::Peer, true);
    }
}

#[test]
fn a_lost_transport_fails_both_ends_of_a_pair() {
    let mut pair = Pair::open();
    pair.client.end.connection.commands().send("lost").unwrap();
    pair.client.write(usize::MAX);
    pair.cut();
    for role in BOTH {
        assert_eq!(pair.end(role).error, Some(ConnectionError::UnexpectedEof));
        assert!(pair.end(role).got.is_empty());
    }
}

#[test]
fn a_close_that_delivers_does_so_whatever_was_chosen() {
    for role in BOTH {
        for after_close in [AfterClose::Deliver, AfterClose::Drop] {
            let mut end = End::new(role, &Config::default().after_close(after_close));
            let refused = end.connection.commands().close_and_deliver(999, "");
            assert_eq!(refused, Err(SendError::InvalidCloseCode { code: 999 }));
            end.connection.commands().close_and_deliver(1000, "done").unwrap();
            assert_eq!(end.take_sent(), [(0x88, body(1000, b"done"))]);
            end.receive(b"\x81\x01a\x88\x00\x81\x01b");
            assert_eq!(end.take_got()[..1], [Got::text("a")]);

            // One that is closing already goes on as it was begun.
            let mut end = End::new(role, &Config::default().after_close(AfterClose::Drop));
            end.connection.commands().close(1000, "").unwrap();
            end.connection.commands().close_and_deliver(1000, "").unwrap();
            end.receive(b"\x81\x01a");
            assert!(end.take_got().is_empty());
        }
    }
}
