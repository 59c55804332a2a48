//! What the WHATWG WebSocket standard says of an open connection: `readyState`, `bufferedAmount`,
//! `send()`, `close()` and the order of events.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use sanswire::{
    CloseCode, ClosedBy, Config, Connection, ConnectionError, Message, MessageKind, ReadyState,
    Role, SendError,
};

use crate::support::{self, BOTH, End, Got, Pair, outcome};

const CLOSE_1000: &[u8] = b"\x88\x02\x03\xe8";

/// A connection in each of the states that can be reached, and how it got there.
fn closing_and_closed(role: Role) -> Vec<(&'static str, ReadyState, End)> {
    let mut close_sent = End::open(role);
    close_sent.connection.commands().close(1000, "").unwrap();
    let mut close_received = End::open(role);
    close_received.receive(CLOSE_1000);
    let mut failed = End::open(role);
    failed.receive(b"\x83\x00");
    let mut told = End::open(role);
    told.receive(b"\x83\x00");
    told.take_output();
    let mut clean = End::open(role);
    clean.receive(CLOSE_1000);
    clean.take_output();
    clean.eof();
    let mut lost = End::open(role);
    lost.eof();
    vec![
        ("close sent", ReadyState::Closing, close_sent),
        ("close received", ReadyState::Closing, close_received),
        ("failed", ReadyState::Closing, failed),
        ("failed, and the peer told", ReadyState::Closed, told),
        ("closed", ReadyState::Closed, clean),
        ("lost", ReadyState::Closed, lost),
    ]
}

#[test]
fn ready_states_have_the_numbers_of_the_standard() {
    let numbers = [
        (ReadyState::Connecting, 0),
        (ReadyState::Open, 1),
        (ReadyState::Closing, 2),
        (ReadyState::Closed, 3),
    ];
    for (state, number) in numbers {
        assert_eq!(state as u8, number);
    }
    assert!(numbers.is_sorted());
}

#[test]
fn an_established_connection_is_open_and_empty() {
    for role in BOTH {
        let end = End::open(role);
        assert_eq!(end.state(), ReadyState::Open);
        assert_eq!(end.connection.role(), role);
        assert_eq!(end.connection.buffered_amount(), 0);
        assert_eq!((end.connection.extensions(), end.connection.protocol()), ("", ""));
        assert_eq!((end.connection.closed(), end.connection.close_code()), (None, None));
    }
}

#[test]
fn buffered_amount_counts_payload_bytes_until_they_are_handed_over() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().send("äöü").unwrap();
        assert_eq!(end.connection.buffered_amount(), 6);
        end.connection.commands().send(&[0; 300]).unwrap();
        assert_eq!(end.connection.buffered_amount(), 306);
        end.connection.commands().send(Message::from(vec![0; 70_000])).unwrap();
        assert_eq!(end.connection.buffered_amount(), 70_306);
        end.take_output();
        assert_eq!(end.connection.buffered_amount(), 0);
    }
}

#[test]
fn buffered_amount_counts_parts_of_a_message() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().begin(MessageKind::Binary).unwrap();
        assert_eq!(end.connection.buffered_amount(), 0);
        end.connection.commands().send_chunk(&[0; 10]).unwrap();
        end.connection.commands().send_chunk(&[0; 5]).unwrap();
        assert_eq!(end.connection.buffered_amount(), 15);
        end.connection.commands().finish().unwrap();
        assert_eq!(end.connection.buffered_amount(), 15);
        end.take_output();
        assert_eq!(end.connection.buffered_amount(), 0);
    }
}

#[test]
fn control_frames_and_headers_are_not_buffered_amount() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().ping(&[0; 100]).unwrap();
        end.connection.commands().pong(&[0; 100]).unwrap();
        end.receive(b"\x89\x01p");
        end.connection.commands().send("").unwrap();
        assert_eq!(end.connection.buffered_amount(), 0);
        end.connection.commands().send("abc").unwrap();
        end.connection.commands().close(1000, "reason").unwrap();
        assert_eq!(end.connection.buffered_amount(), 3);
    }
}

#[test]
fn buffered_amount_only_falls_while_bytes_are_written_and_never_below_what_is_left() {
    for fragment_size in [None, 700.try_into().ok()] {
        let config = Config::default().fragment_size(fragment_size);
        for role in BOTH {
            let mut end = End::new(role, &config);
            let mut amount = 0;
            for i in 0..40 {
                let payload = vec![0; i * 37];
                end.connection.commands().send(&payload).unwrap();
                end.connection.commands().send(Message::from(payload.clone())).unwrap();
                end.connection.commands().ping(b"p").unwrap();
                amount += 2 * payload.len();
                assert_eq!(end.connection.buffered_amount(), amount);
            }
            let all = amount;
            let mut written = 0;
            loop {
                let bytes = end.take_some(997).len();
                written += bytes;
                let now = end.connection.buffered_amount();
                assert!(now <= amount && now + written >= all, "{now} of {all}, {written} written");
                amount = now;
                if bytes == 0 {
                    break;
                }
            }
            assert_eq!(amount, 0);
        }
    }
}

#[test]
fn a_message_refused_for_lack_of_room_is_not_buffered() {
    for role in BOTH {
        let mut end = End::new(role, &Config::default().max_buffered(90));
        end.connection.commands().send(&[0; 90]).unwrap();
        end.connection.commands().send(&[0; 90]).unwrap_err();
        end.connection.commands().send(Message::from(vec![0; 90])).unwrap_err();
        assert_eq!(end.connection.buffered_amount(), 90);
    }
}

#[test]
fn a_message_sent_too_late_is_not_sent_but_counts_as_buffered_for_ever() {
    for role in BOTH {
        for (how, state, mut end) in closing_and_closed(role) {
            assert_eq!(end.state(), state, "{how}");
            let before = end.connection.buffered_amount();
            assert_eq!(end.send("äöü"), Err(SendError::Closed), "{how}");
            assert_eq!(end.send(&[0; 100]), Err(SendError::Closed), "{how}");
            assert!(
                end.connection.commands().send(Message::from(vec![0; 1_000])).is_err(),
                "{how}"
            );
            assert_eq!(end.connection.buffered_amount(), before + 1_106, "{how}");
            end.take_frames().iter().for_each(|frame| assert!(frame.is_control(), "{how}"));
            end.eof();
            assert_eq!(end.connection.buffered_amount(), before + 1_106, "{how}");
        }
    }
}

#[test]
fn buffered_amount_is_not_reset_when_the_connection_closes() {
    // Not by the peer's Close, not by a failure, not by the end of the stream; whether what was
    // sent lies in the output or waits to be fragmented.
    for fragment_size in [None, 1_000.try_into().ok()] {
        let config = Config::default().fragment_size(fragment_size);
        for role in BOTH {
            for end_of_it in [CLOSE_1000, b"\x83\x00", b""] {
                let mut end = End::new(role, &config);
                end.connection.commands().send(&[0; 10_000]).unwrap();
                let written = end.take_some(500).len();
                end.receive(end_of_it);
                if end_of_it.is_empty() {
                    end.eof();
                }
                assert!(end.state() >= ReadyState::Closing);
                let amount = end.connection.buffered_amount();
                assert!((10_000 - written..=10_000).contains(&amount), "{amount}");
            }
        }
    }
}

#[test]
fn close_checks_its_arguments_before_the_state() {
    for role in BOTH {
        let mut ends: Vec<_> = closing_and_closed(role).into_iter().map(|(.., end)| end).collect();
        ends.push(End::open(role));
        for mut end in ends {
            let state = end.state();
            for code in [0, 999, 1004, 1016, 2999, 5000, 65_535] {
                let refused = Err(SendError::InvalidCloseCode { code });
                assert_eq!(end.connection.commands().close(code, ""), refused);
            }
            let reason = "x".repeat(124);
            let refused = Err(SendError::ReasonTooLong { len: 124 });
            assert_eq!(end.connection.commands().close(1000, &reason), refused);
            assert_eq!(end.state(), state);
        }
    }
}

#[test]
fn close_has_no_effect_on_a_connection_that_is_closing_or_closed() {
    for role in BOTH {
        for (how, state, mut end) in closing_and_closed(role) {
            let before = end.connection.closed();
            end.connection.commands().close(4000, "late").unwrap();
            end.connection.commands().close(1005, "").unwrap();
            assert_eq!((end.state(), end.connection.closed()), (state, before.clone()), "{how}");
            assert!(!end.take_sent().iter().any(|(_, body)| body.ends_with(b"late")), "{how}");
        }
    }
}

#[test]
fn close_without_code_sends_a_close_without_body() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(1005, "").unwrap();
        assert_eq!(end.state(), ReadyState::Closing);
        assert_eq!(end.take_sent(), [(0x88, vec![])]);
    }
}

#[test]
fn both_sides_are_closing_as_soon_as_one_has_begun() {
    for role in BOTH {
        let mut pair = Pair::open();
        pair.end(role).connection.commands().close(1000, "").unwrap();
        assert_eq!(pair.end(role).state(), ReadyState::Closing);
        let close = pair.end(role).take_output();
        let peer = pair.end(role.peer());
        peer.feed(&close);
        assert_eq!(peer.state(), ReadyState::Closing);
    }
}

#[test]
fn a_close_that_is_not_whole_closes_nothing() {
    for role in BOTH {
        let mut end = End::open(role);
        let bytes = support::from(role.peer(), CLOSE_1000);
        for byte in bytes {
            assert_eq!(end.state(), ReadyState::Open);
            end.feed(&[byte]);
        }
        assert_eq!(end.state(), ReadyState::Closing);
    }
}

#[test]
fn no_message_is_delivered_once_close_was_called() {
    for role in BOTH {
        let mut end = End::open(role);
        // It had arrived, but nobody had asked for it.
        end.connection.input().extend_from_slice(&support::from(role.peer(), b"\x81\x01a"));
        end.connection.commands().close(1000, "").unwrap();
        end.poll();
        end.receive(b"\x82\x01b");
        assert_eq!((&end.got[..], end.error), (&[][..], None));
    }
}

#[test]
fn the_code_and_reason_reported_are_those_received() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(4000, "sent").unwrap();
        end.take_output();
        // "UTF-8 decode without BOM": a byte order mark is part of the reason.
        end.receive(b"\x88\x0b\x0f\xa1\xef\xbb\xbfreason");
        end.eof();
        let closed = end.ended().unwrap();
        assert_eq!((closed.code, closed.reason.as_str()), (4001.into(), "\u{feff}reason"));
    }
}

#[test]
fn a_close_without_body_is_clean_and_1005() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(b"\x88\x00");
        end.take_output();
        end.eof();
        let closed = end.ended().unwrap();
        assert_eq!((closed.code, closed.clean), (CloseCode::NO_STATUS, true));
        assert_eq!(end.connection.close_code(), Some(CloseCode::NO_STATUS));
        assert!(end.connection.was_clean());
    }
}

#[test]
fn a_connection_that_failed_reports_1006_and_never_its_own_code() {
    for role in BOTH {
        for frames in [b"\x83\x00".as_slice(), b"\x81\x01\xff", b"\x82\x7f\x01\0\0\0\0\0\0\0"] {
            let bytes = support::from(role.peer(), frames);
            let outcome = outcome(role, &Config::default(), &bytes);
            let closed = outcome.closed.unwrap();
            assert_eq!((closed.code, closed.reason.as_str()), (CloseCode::ABNORMAL, ""));
            assert_eq!((closed.by, closed.clean), (ClosedBy::Local, false));
            assert!(outcome.error.is_some());
        }
        let mut lost = End::open(role);
        lost.eof();
        assert_eq!(lost.error, Some(ConnectionError::UnexpectedEof));
        assert_eq!(lost.connection.close_code(), Some(CloseCode::ABNORMAL));
        assert!(!lost.connection.was_clean());
    }
}

#[test]
fn messages_come_before_the_end_and_the_end_comes_once() {
    for role in BOTH {
        let mut pair = Pair::open();
        for i in 0..20 {
            pair.end(role).connection.commands().send(i.to_string().as_str()).unwrap();
        }
        pair.end(role).connection.commands().close(1000, "").unwrap();
        pair.settle();
        let got = &pair.end(role.peer()).got;
        assert_eq!(got.len(), 21);
        assert_eq!(got[..20], (0..20).map(|i| Got::Text(i.to_string())).collect::<Vec<_>>());
        assert!(matches!(&got[20], Got::Closed(closed) if closed.clean));
    }
}

#[test]
fn the_transport_is_to_be_closed_once_the_close_of_a_failure_is_written() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(b"\x83\x00");
        assert_eq!(end.state(), ReadyState::Closing);
        while end.take_some(1).len() == 1 {
            let left = end.connection.poll_transmit().is_some();
            let state = if left { ReadyState::Closing } else { ReadyState::Closed };
            assert_eq!(end.state(), state);
        }
        assert_eq!(end.state(), ReadyState::Closed);
    }
}

#[test]
fn a_connection_can_be_moved_between_threads_and_printed() {
    fn assert_send<T: Send + Sync + core::fmt::Debug>() {}
    assert_send::<Connection>();
    assert_send::<sanswire::Commands<'_>>();
    assert_send::<sanswire::Input<'_>>();
    assert_send::<sanswire::TransmitBuf>();
    assert_send::<sanswire::Event<'_>>();
}
