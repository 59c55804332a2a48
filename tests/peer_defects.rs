//! Rules that other implementations have broken on an open connection, each with what broke it.

mod support;

use bytes::{Buf, BufMut};
use sanswire::{
    Config, Connection, ConnectionError, Event, ReadyState, ReceiveBuf, Role, SendError,
};
use support::{
    BINARY, BOTH, CONTINUATION, End, FIN, Got, PING, TEXT, config, frame, from, messages, outcome,
};

#[test]
fn a_text_frame_that_arrives_in_two_reads_is_validated_as_one() {
    for role in BOTH {
        let bytes = from(role.peer(), &frame(FIN | TEXT, b"caf\xc3\x28 and more"));
        for split in 1..bytes.len() {
            let mut end = End::open(role);
            end.feed(&bytes[..split]);
            end.feed(&bytes[split..]);
            assert_eq!((end.error, end.got.len()), (Some(ConnectionError::InvalidUtf8), 0));
        }
        let bytes = from(role.peer(), &frame(FIN | TEXT, "café".as_bytes()));
        for split in 1..bytes.len() {
            let mut end = End::open(role);
            end.feed(&bytes[..split]);
            end.feed(&bytes[split..]);
            assert_eq!(end.got, [Got::text("café")]);
        }
    }
}

#[test]
fn pongs_for_a_peer_that_never_reads_do_not_pile_up() {
    for role in BOTH {
        let mut end = End::open(role);
        let pings = from(role.peer(), &frame(FIN | PING, &[7; 125]).repeat(1_000));
        for _ in 0..20 {
            end.feed(&pings);
            end.take_got();
        }
        assert!(end.connection.poll_transmit().unwrap().len() < 64 << 10);
    }
}

#[test]
fn a_limit_of_1024_holds_for_100_000_bytes_in_fragments() {
    let config = config(|config| config.max_message_size = 1_024);
    for role in BOTH {
        let mut frames = frame(BINARY, &[7; 1_000]);
        frames.extend(frame(CONTINUATION, &[7; 1_000]).repeat(99));
        outcome(role, &config, &from(role.peer(), &frames))
            .assert_failed(ConnectionError::MessageTooLarge { limit: 1_024 }, 1009);
    }
}

#[test]
fn the_mask_has_to_be_there_from_clients_and_only_from_clients() {
    let config = Config::default();
    outcome(Role::Server, &config, b"\x81\x05Hello")
        .assert_failed(ConnectionError::MaskMissing, 1002);
    outcome(Role::Client, &config, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
        .assert_failed(ConnectionError::MaskUnexpected, 1002);
}

#[test]
fn a_read_that_ends_within_a_header_loses_nothing() {
    for role in BOTH {
        let payload = vec![b'x'; 70_000];
        let frames = [frame(FIN | BINARY, &payload), frame(FIN | TEXT, b"next")].concat();
        let bytes = from(role.peer(), &frames);
        for split in 0..20 {
            let mut end = End::open(role);
            for _ in 0..3 {
                end.poll();
            }
            end.feed(&bytes[..split]);
            for _ in 0..3 {
                end.poll();
            }
            end.feed(&bytes[split..]);
            assert!(end.got == [Got::binary(&payload), Got::text("next")]);
        }
    }
}

#[test]
fn text_is_refused_at_the_first_bad_byte_not_at_the_end() {
    for role in BOTH {
        let mut bytes =
            from(role.peer(), &frame(TEXT, &[b"ok\xff".as_slice(), &[b'x'; 900]].concat()));
        bytes.truncate(bytes.len() - 900);
        outcome(role, &Config::default(), &bytes).assert_failed(ConnectionError::InvalidUtf8, 1007);
    }
}

#[test]
fn pong_and_close_frames_over_125_bytes_are_refused() {
    for role in BOTH {
        for opcode in [8, 10] {
            let bytes = from(role.peer(), &frame(FIN | opcode, &[b'a'; 126]));
            outcome(role, &Config::default(), &bytes)
                .assert_failed(ConnectionError::ControlTooLong { opcode }, 1002);
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
fn an_automatic_pong_needs_no_further_read_or_write() {
    for role in BOTH {
        let mut end = End::open(role);
        end.input.extend_from_slice(&from(role.peer(), b"\x89\x04ping"));
        let event = end.connection.poll_event(&mut end.input).unwrap();
        assert!(matches!(event, Some(Event::Ping(_))));
        assert_eq!(end.take_sent(), [(0x8a, b"ping".to_vec())]);
    }
}

#[test]
fn a_user_pong_leaves_the_automatic_one_in_place() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(b"\x89\x04ping");
        end.connection.pong(b"mine").unwrap();
        assert_eq!(end.take_sent(), [(0x8a, b"ping".to_vec()), (0x8a, b"mine".to_vec())]);
    }
}

#[test]
fn a_close_of_126_bytes_does_not_come_back() {
    for role in BOTH {
        let body = [&b"\x03\xe8"[..], &[b'x'; 124]].concat();
        let bytes = from(role.peer(), &frame(0x88, &body));
        let outcome = outcome(role, &Config::default(), &bytes);
        assert_eq!(outcome.sent, [(0x88, b"\x03\xea".to_vec())]);
    }
}

#[test]
fn a_small_payload_taken_does_not_pin_the_receive_buffer() {
    let mut client = Connection::client(&Config::default(), [0; 32]);
    let mut input = ReceiveBuf::with_capacity(64 << 10);
    let frames = [frame(FIN | BINARY, b"small"), frame(FIN | BINARY, &[7; 30_000])].concat();
    input.extend_from_slice(&frames);
    let whole = input.as_slice().as_ptr_range();
    let Ok(Some(Event::Binary(payload))) = client.poll_event(&mut input) else { panic!() };
    let taken = payload.into_bytes();
    assert!(!whole.contains(&taken.as_ptr()));
    assert_eq!(taken, b"small".as_slice());
}

#[test]
fn a_large_payload_is_taken_without_a_copy() {
    let mut client = Connection::client(&Config::default(), [0; 32]);
    let mut input = ReceiveBuf::with_capacity(20_000);
    input.extend_from_slice(&[frame(FIN | BINARY, &[7; 16_000]), frame(FIN | TEXT, b"x")].concat());
    let address = input.as_slice()[4..].as_ptr();
    let Ok(Some(Event::Binary(payload))) = client.poll_event(&mut input) else { panic!() };
    let taken = payload.into_bytes();
    assert_eq!(taken.as_ptr(), address);
    // What lies behind it is received all the same, and what was taken stays as it is.
    let Ok(Some(Event::Text(text))) = client.poll_event(&mut input) else { panic!() };
    assert_eq!(text.as_str(), "x");
    drop(text);
    input.put_bytes(0xff, 20_000);
    assert!(taken == vec![7; 16_000]);
}

#[test]
fn what_lies_behind_the_last_event_is_not_lost() {
    let mut client = Connection::client(&Config::default(), [0; 32]);
    let mut input = ReceiveBuf::new();
    input.extend_from_slice(b"\x81\x01a\x81\x01b\x82");
    assert!(matches!(client.poll_event(&mut input), Ok(Some(Event::Text(_)))));
    assert_eq!(input.into_bytes(), b"\x81\x01b\x82".as_slice());
}

#[test]
fn a_64_bit_length_overflows_nothing() {
    let unlimited = config(|config| {
        config.max_message_size = usize::MAX;
        config.max_frame_size = usize::MAX;
    });
    for role in BOTH {
        for len in [i64::MAX as u64, 1 << 63, u64::MAX] {
            let bytes = [b"\x02\x02ab\x80\x7f".as_slice(), &len.to_be_bytes()].concat();
            let outcome = outcome(role, &unlimited, &from(role.peer(), &bytes));
            assert!(outcome.error.is_some() && outcome.got.is_empty());
        }
    }
}

#[test]
fn a_length_is_in_its_shortest_form_or_refused() {
    for role in BOTH {
        for bytes in [b"\x82\x7e\x00\x7d".as_slice(), b"\x82\x7f\0\0\0\0\0\0\xff\xff"] {
            let outcome = outcome(role, &Config::default(), &from(role.peer(), bytes));
            assert!(matches!(outcome.error, Some(ConnectionError::LengthNotMinimal { .. })));
        }
    }
}

#[test]
fn legal_fragments_pass_and_endless_ones_do_not() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(&frame(BINARY, &[7; 64]));
        end.receive(&frame(CONTINUATION, &[7; 64]).repeat(20_000));
        assert_eq!(end.error, None);
        let mut end = End::open(role);
        end.receive(&frame(BINARY, b""));
        end.receive(&frame(CONTINUATION, b"").repeat(20_000));
        assert!(matches!(end.error, Some(ConnectionError::TooManyFragments { .. })));
    }
}

#[test]
fn an_echo_for_a_client_that_never_reads_is_bounded() {
    for role in BOTH {
        let mut end = End::open(role);
        let bytes = from(role.peer(), &frame(FIN | BINARY, &[7; 10_000]));
        let mut refused = false;
        // It would be 20 MB.
        for _ in 0..2_000 {
            end.input.extend_from_slice(&bytes);
            let Ok(Some(Event::Binary(payload))) = end.connection.poll_event(&mut end.input) else {
                panic!()
            };
            match end.connection.send_binary(&payload) {
                Ok(()) => assert!(!refused),
                Err(SendError::Full { .. }) => refused = true,
                Err(error) => panic!("{error}"),
            }
            if refused {
                break;
            }
        }
        assert!(refused);
        let len = end.connection.poll_transmit().unwrap().remaining();
        assert!(len < (1 << 20) + 20_000, "{len}");
    }
}

#[test]
fn a_client_does_not_wait_for_a_server_that_has_gone() {
    let mut client = End::open(Role::Client);
    client.connection.close(1000, "").unwrap();
    client.take_output();
    client.receive(b"\x88\x02\x03\xe8");
    assert_eq!(client.state(), ReadyState::Closing);
    client.eof();
    assert_eq!(client.state(), ReadyState::Closed);
    assert!(client.ended().is_some());
}

#[test]
fn an_event_is_answered_while_it_is_held() {
    for role in BOTH {
        let mut end = End::open(role);
        let bytes = from(role.peer(), b"\x81\x01a\x82\x01b");
        end.input.extend_from_slice(&bytes);
        while let Some(event) = end.connection.poll_event(&mut end.input).unwrap() {
            if let Event::Text(text) = event {
                end.connection.send_text(&text).unwrap();
            } else if let Event::Binary(payload) = event {
                end.connection.send_binary(&payload).unwrap();
            }
        }
        let echoed = messages(&end.take_frames());
        assert_eq!(echoed, [(TEXT, b"a".to_vec()), (BINARY, b"b".to_vec())]);
    }
}

#[test]
fn nothing_that_arrives_panics() {
    // Every first byte, before anything that may follow.
    for role in BOTH {
        for first in 0..=255 {
            for second in (0..=255).step_by(5).chain([126, 127, 128, 254]) {
                for rest in [&[0; 20][..], &[0xff; 20]] {
                    let mut end = End::open(role);
                    end.feed(&[first, second]);
                    end.feed(rest);
                    end.eof();
                    assert!(end.error.is_some() || end.ended().is_some());
                }
            }
        }
    }
}
