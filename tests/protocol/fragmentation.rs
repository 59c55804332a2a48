//! Fragmentation (RFC 6455, §5.4), received and sent.

use sanswire::{Config, ConnectionError, Message, MessageKind, ReadyState, Role, SendError};

use crate::support::{
    self, BINARY, BOTH, CONTINUATION, End, FIN, Frame, Got, PING, PONG, Random, TEXT, frame, from,
    messages, outcome, sent_by, told,
};

#[track_caller]
fn assert_receives(frames: &[u8], got: &[Got]) {
    for role in BOTH {
        outcome(role, &Config::default(), &from(role.peer(), frames)).assert_got(got);
    }
}

#[track_caller]
fn assert_fails(frames: &[u8], error: ConnectionError, before: &[Got]) {
    for role in BOTH {
        let outcome = outcome(role, &Config::default(), &from(role.peer(), frames));
        outcome.assert_failed(error, 1002);
        assert_eq!(outcome.got, before);
    }
}

fn fragmenting(size: usize) -> Config {
    Config::default().fragment_size(size.try_into().ok())
}

/// First byte and length of each frame.
fn shape(frames: &[Frame]) -> Vec<(u8, usize)> {
    frames.iter().map(|frame| (frame.first, frame.payload.len())).collect()
}

#[test]
fn fragments_make_one_message_of_the_first_opcode() {
    assert_receives(b"\x01\x02He\x00\x02ll\x80\x01o", &[Got::text("Hello")]);
    assert_receives(
        b"\x02\x02\xff\xfe\x00\x01\xfd\x80\x01\xfc",
        &[Got::binary(b"\xff\xfe\xfd\xfc")],
    );
    assert_receives(b"\x01\x01a\x80\x01b\x02\x01c\x80\x01d", &[Got::text("ab"), Got::binary("cd")]);
}

#[test]
fn fragments_without_payload_are_legal() {
    assert_receives(b"\x01\x00\x80\x00", &[Got::text("")]);
    assert_receives(b"\x02\x00\x00\x00\x00\x00\x80\x00", &[Got::binary("")]);
    assert_receives(b"\x01\x00\x00\x02ab\x00\x00\x80\x00", &[Got::text("ab")]);
    assert_receives(b"\x01\x02ab\x80\x00\x81\x01c", &[Got::text("ab"), Got::text("c")]);
}

#[test]
fn a_message_is_the_same_fragmented_in_any_way() {
    let payload: Vec<u8> = (0..=255).cycle().take(40_000).collect();
    let mut random = Random::new(1);
    for _ in 0..20 {
        let mut frames = Vec::new();
        let mut rest = &payload[..];
        let mut opcode = BINARY;
        loop {
            let piece;
            (piece, rest) = rest.split_at(random.below(20_000).min(rest.len()));
            let fin = if rest.is_empty() { FIN } else { 0 };
            frames.extend(frame(fin | opcode, piece));
            opcode = CONTINUATION;
            if rest.is_empty() {
                break;
            }
        }
        for role in BOTH {
            let mut end = End::open(role);
            let bytes = from(role.peer(), &frames);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let piece;
                (piece, rest) = rest.split_at(random.split(rest.len()));
                end.feed(piece);
            }
            assert!(end.error.is_none() && end.got == [Got::binary(&payload)]);
        }
    }
}

#[test]
fn control_frames_between_fragments_are_handled_at_once() {
    let frames = b"\x01\x02He\x89\x01p\x00\x02ll\x8a\x01q\x89\x00\x80\x01o";
    let got = [Got::ping("p"), Got::pong("q"), Got::ping(""), Got::text("Hello")];
    assert_receives(frames, &got);
    for role in BOTH {
        let outcome = outcome(role, &Config::default(), &from(role.peer(), frames));
        assert_eq!(outcome.sent, [(0x8a, b"p".to_vec()), (0x8a, vec![])]);
    }
}

#[test]
fn a_ping_between_fragments_is_answered_before_the_message_is_whole() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(b"\x02\x03abc\x89\x01p");
        assert_eq!(end.take_sent(), [(0x8a, b"p".to_vec())]);
        assert_eq!(end.take_got(), [Got::ping("p")]);
        end.receive(b"\x80\x01d");
        assert_eq!(end.take_got(), [Got::binary("abcd")]);
    }
}

#[test]
fn a_close_between_fragments_ends_the_connection_without_the_message() {
    for role in BOTH {
        let bytes = from(role.peer(), b"\x01\x02He\x88\x02\x03\xe8\x80\x01o");
        let outcome = outcome(role, &Config::default(), &bytes);
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.sent, [(0x88, b"\x03\xe8".to_vec())]);
        assert!(!outcome.got.iter().any(|got| matches!(got, Got::Text(_))));
    }
}

#[test]
fn a_continuation_without_a_message_fails_with_1002() {
    let error = ConnectionError::UnexpectedContinuation;
    assert_fails(b"\x80\x01a", error, &[]);
    assert_fails(b"\x00\x00", error, &[]);
    assert_fails(b"\x81\x01a\x80\x01b", error, &[Got::text("a")]);
    assert_fails(b"\x01\x01a\x80\x01b\x00\x01c", error, &[Got::text("ab")]);
    assert_fails(b"\x89\x01p\x80\x00", error, &[Got::ping("p")]);
    // A whole large frame leaves nothing to continue either.
    let large = frame(FIN | BINARY, &[7; 40_000]);
    assert_fails(&[&large[..], b"\x80\x00"].concat(), error, &[Got::binary([7; 40_000])]);
}

#[test]
fn a_new_message_within_a_fragmented_one_fails_with_1002() {
    for opcode in [TEXT, BINARY] {
        let error = ConnectionError::UnfinishedMessage { opcode };
        assert_fails(&[0x01, 1, b'a', FIN | opcode, 1, b'b'], error, &[]);
        assert_fails(&[0x02, 0, opcode, 0], error, &[]);
        assert_fails(&[0x01, 1, b'a', 0x00, 1, b'b', FIN | opcode, 0], error, &[]);
        assert_fails(&[0x02, 0, 0x89, 0, FIN | opcode, 0], error, &[Got::ping("")]);
    }
}

#[test]
fn what_fragments_break_is_known_from_the_header_alone() {
    for role in BOTH {
        for (frames, error) in [
            (b"\x80\x7d".as_slice(), ConnectionError::UnexpectedContinuation),
            (b"\x01\x00\x81\x7d", ConnectionError::UnfinishedMessage { opcode: 1 }),
            (b"\x01\x00\x02\x7e\x10\x00", ConnectionError::UnfinishedMessage { opcode: 2 }),
        ] {
            let mut bytes = from(role.peer(), frames);
            if role == Role::Server && frames.len() < 6 {
                bytes.extend(support::KEY);
            }
            outcome(role, &Config::default(), &bytes).assert_failed(error, 1002);
        }
    }
}

#[test]
fn a_message_of_65_537_fragments_of_64_bytes_is_received() {
    let payload: Vec<u8> = (0..=255).cycle().take(65_537 * 64).collect();
    for role in BOTH {
        let mut random = Random::new(3);
        let mut end = End::open(role);
        let mut bytes = Vec::new();
        for (i, piece) in payload.chunks(64).enumerate() {
            let opcode = if i == 0 { BINARY } else { CONTINUATION };
            let fin = if i == 65_536 { FIN } else { 0 };
            bytes.extend(from(role.peer(), &frame(fin | opcode, piece)));
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let piece;
            (piece, rest) = rest.split_at((1 + random.below(30_000)).min(rest.len()));
            end.feed(piece);
        }
        assert_eq!(end.error, None);
        assert!(end.got == [Got::binary(&payload)]);
    }
}

#[test]
fn twenty_thousand_fragments_without_payload_are_refused() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(b"\x02\x00");
        end.receive(&b"\x00\x00".repeat(20_000));
        let error = ConnectionError::TooManyFragments { limit: 4096 };
        assert_eq!(end.error, Some(error));
        assert_eq!(error.close_reason(), "message has more than 4096 fragments for its size");
        assert_eq!(end.take_sent(), [(0x88, told(error))]);
    }
}

#[test]
fn a_million_fragments_of_one_byte_are_refused() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(b"\x02\x01a");
        let thousand = b"\x00\x01a".repeat(1_000);
        let mut thousands = 0;
        while end.error.is_none() && thousands < 1_000 {
            end.receive(&thousand);
            thousands += 1;
        }
        assert!(thousands < 10, "{thousands} thousand fragments accepted");
        let Some(error @ ConnectionError::TooManyFragments { limit }) = end.error else {
            panic!("{:?}", end.error);
        };
        assert!(error.to_string().contains(&limit.to_string()));
        assert_eq!(end.take_sent(), [(0x88, told(error))]);
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
fn the_number_of_fragments_counts_anew_for_each_message() {
    let config = Config::default().max_fragments(3);
    for role in BOTH {
        let message = b"\x01\x01a\x00\x00\x80\x01b".repeat(50);
        outcome(role, &config, &from(role.peer(), &message)).assert_got(&vec![Got::text("ab"); 50]);
    }
}

#[test]
fn exactly_the_allowed_number_of_fragments_is_accepted_and_one_more_is_not() {
    let config = Config::default().max_fragments(3);
    for role in BOTH {
        let fine = b"\x01\x01a\x00\x01b\x80\x01c";
        outcome(role, &config, &from(role.peer(), fine)).assert_got(&[Got::text("abc")]);
        let error = ConnectionError::TooManyFragments { limit: 3 };
        for more in [
            b"\x01\x01a\x00\x01b\x00\x01c\x80\x00".as_slice(),
            b"\x01\x00\x00\x00\x00\x00\x00\x01a",
        ] {
            outcome(role, &config, &from(role.peer(), more)).assert_failed(error, 1008);
        }
        // 32 bytes of payload earn one fragment more.
        let earned = [&frame(TEXT, &[b'x'; 32])[..], b"\x00\x00\x00\x00\x80\x00"].concat();
        outcome(role, &config, &from(role.peer(), &earned))
            .assert_got(&[Got::Text("x".repeat(32))]);
    }
}

#[test]
fn an_unfragmented_message_is_no_fragment() {
    for max_fragments in [0, 1] {
        let config = Config::default().max_fragments(max_fragments);
        for role in BOTH {
            let bytes = from(role.peer(), b"\x81\x05Hello\x82\x00\x82\x01a");
            let got = [Got::text("Hello"), Got::binary(""), Got::binary("a")];
            outcome(role, &config, &bytes).assert_got(&got);
        }
    }
}

#[test]
fn control_frames_are_no_fragments() {
    let config = Config::default().max_fragments(2);
    for role in BOTH {
        let frames = [b"\x02\x00".as_slice(), &b"\x8a\x00".repeat(100), b"\x80\x00"].concat();
        let outcome = outcome(role, &config, &from(role.peer(), &frames));
        assert_eq!((outcome.error, outcome.got.len()), (None, 101));
    }
}

#[test]
fn a_large_message_is_sent_in_fragments_of_the_chosen_size() {
    for role in BOTH {
        for (len, sizes) in [
            (0, vec![(0x82, 0)]),
            (10, vec![(0x82, 10)]),
            (11, vec![(0x02, 10), (0x80, 1)]),
            (20, vec![(0x02, 10), (0x80, 10)]),
            (25, vec![(0x02, 10), (0x00, 10), (0x80, 5)]),
        ] {
            let payload: Vec<u8> = (0..).take(len).collect();
            for owned in [false, true] {
                let mut end = End::new(role, &fragmenting(10));
                if owned {
                    end.connection.commands().send(Message::from(payload.clone())).unwrap();
                } else {
                    end.connection.commands().send(&payload).unwrap();
                }
                let frames = end.take_frames();
                assert_eq!(shape(&frames), sizes);
                assert_eq!(messages(&frames), [(BINARY, payload.clone())]);
            }
        }
    }
}

#[test]
fn a_text_is_fragmented_by_bytes_not_characters() {
    for role in BOTH {
        let mut end = End::new(role, &fragmenting(1));
        end.connection.commands().send("äß€").unwrap();
        let frames = end.take_frames();
        assert_eq!(frames.len(), 7);
        assert_eq!(messages(&frames), [(TEXT, "äß€".into())]);
        let mut peer = End::open(role.peer());
        peer.receive(&frames.iter().flat_map(|f| frame(f.first, &f.payload)).collect::<Vec<_>>());
        assert_eq!(peer.got, [Got::text("äß€")]);
    }
}

#[test]
fn pings_and_pongs_pass_between_the_fragments_of_a_large_message() {
    for role in BOTH {
        let mut end = End::new(role, &fragmenting(1_000));
        end.connection.commands().send(&[7; 100_000]).unwrap();
        end.connection.commands().ping(b"ours").unwrap();
        let mut bytes = end.take_some(5_000);
        end.receive(b"\x89\x06theirs");
        bytes.extend(end.take_output());
        let frames = sent_by(role, &bytes);
        assert_eq!(messages(&frames), [(BINARY, vec![7; 100_000])]);
        let place = |first, payload: &[u8]| {
            frames.iter().position(|frame| frame.first == first && frame.payload == payload)
        };
        assert!(place(FIN | PING, b"ours").is_some_and(|at| (1..=2).contains(&at)));
        assert!(place(FIN | PONG, b"theirs").is_some_and(|at| at < 10));
    }
}

#[test]
fn messages_behind_a_large_one_keep_their_order() {
    for role in BOTH {
        let mut end = End::new(role, &fragmenting(100));
        end.connection.commands().send(&[1; 1_000]).unwrap();
        end.connection.commands().send("small").unwrap();
        end.connection.commands().send(Message::from(vec![2; 5_000])).unwrap();
        end.connection.commands().begin(MessageKind::Text).unwrap();
        end.connection.commands().send_chunk("in ".as_bytes()).unwrap();
        end.connection.commands().send_chunk(&[b'x'; 300]).unwrap();
        end.connection.commands().finish().unwrap();
        end.connection.commands().send("last").unwrap();
        end.connection.commands().close(1000, "").unwrap();
        let frames = end.take_frames();
        let streamed = format!("in {}", "x".repeat(300));
        let expected = [
            (BINARY, vec![1; 1_000]),
            (TEXT, b"small".to_vec()),
            (BINARY, vec![2; 5_000]),
            (TEXT, streamed.into_bytes()),
            (TEXT, b"last".to_vec()),
        ];
        assert_eq!(messages(&frames), expected);
        assert_eq!(frames.last().map(|frame| frame.first), Some(0x88));
        assert!(frames.iter().all(|frame| frame.payload.len() <= 100));
    }
}

#[test]
fn an_application_sends_a_message_in_parts() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().begin(MessageKind::Text).unwrap();
        end.connection.commands().send_chunk(b"Hel").unwrap();
        // Each part is visible at once.
        assert_eq!(end.take_sent(), [(0x01, b"Hel".to_vec())]);
        end.connection.commands().send_chunk(b"l").unwrap();
        end.connection.commands().send_chunk(b"o").unwrap();
        end.connection.commands().finish().unwrap();
        let bytes = end.take_output();
        let sent = support::parse(&bytes).0;
        assert_eq!(shape(&sent), [(0x00, 1), (0x00, 1), (0x80, 0)]);
    }
}

#[test]
fn parts_without_payload_send_no_frame() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().begin(MessageKind::Binary).unwrap();
        end.connection.commands().send_chunk(b"").unwrap();
        end.connection.commands().finish().unwrap();
        assert_eq!(end.take_sent(), [(0x82, vec![])]);
    }
}

#[test]
fn control_frames_pass_between_the_parts_of_a_message() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().begin(MessageKind::Binary).unwrap();
        end.connection.commands().send_chunk(b"a").unwrap();
        end.connection.commands().ping(b"ours").unwrap();
        end.receive(b"\x89\x06theirs");
        end.connection.commands().send_chunk(b"b").unwrap();
        end.connection.commands().finish().unwrap();
        let sent = end.take_sent();
        let firsts: Vec<u8> = sent.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [0x02, 0x89, 0x8a, 0x00, 0x80]);
    }
}

#[test]
fn another_message_waits_until_the_one_in_parts_is_finished() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().begin(MessageKind::Binary).unwrap();
        for begun in [false, true] {
            if begun {
                end.connection.commands().send_chunk(b"a").unwrap();
            }
            assert_eq!(end.send("b"), Err(SendError::MessageInProgress));
            assert_eq!(end.send(b"b"), Err(SendError::MessageInProgress));
            assert_eq!(
                end.connection.commands().begin(MessageKind::Text),
                Err(SendError::MessageInProgress)
            );
            let refused = end.connection.commands().send(Message::from("b")).unwrap_err();
            assert_eq!(refused.error, SendError::MessageInProgress);
            assert_eq!(refused.message, Some(Message::from("b")));
        }
        end.connection.commands().finish().unwrap();
        end.connection.commands().send("b").unwrap();
        assert_eq!(messages(&end.take_frames()), [(BINARY, b"a".to_vec()), (TEXT, b"b".to_vec())]);
    }
}

#[test]
fn parts_need_a_message_in_progress() {
    for role in BOTH {
        let mut end = End::open(role);
        assert_eq!(end.connection.commands().send_chunk(b"a"), Err(SendError::NoMessageInProgress));
        assert_eq!(end.connection.commands().finish(), Err(SendError::NoMessageInProgress));
        end.connection.commands().begin(MessageKind::Text).unwrap();
        end.connection.commands().finish().unwrap();
        assert_eq!(end.connection.commands().send_chunk(b"a"), Err(SendError::NoMessageInProgress));
        assert_eq!(end.connection.commands().finish(), Err(SendError::NoMessageInProgress));
        assert_eq!(end.take_sent(), [(0x81, vec![])]);
    }
}

#[test]
fn parts_of_a_text_are_utf8_put_together() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().begin(MessageKind::Text).unwrap();
        end.connection.commands().send_chunk(b"\xe2\x82").unwrap();
        // Refused, and nothing changed: the character can still be finished.
        assert_eq!(end.connection.commands().send_chunk(b"\x28"), Err(SendError::InvalidUtf8));
        assert_eq!(end.connection.commands().finish(), Err(SendError::InvalidUtf8));
        end.connection.commands().send_chunk(b"\xac").unwrap();
        assert_eq!(end.connection.commands().send_chunk(b"\xff"), Err(SendError::InvalidUtf8));
        end.connection.commands().finish().unwrap();
        assert_eq!(messages(&end.take_frames()), [(TEXT, "€".into())]);
        // Binary parts are not looked at.
        end.connection.commands().begin(MessageKind::Binary).unwrap();
        end.connection.commands().send_chunk(b"\xff").unwrap();
        end.connection.commands().finish().unwrap();
    }
}

#[test]
fn a_part_that_finds_no_room_can_be_sent_later() {
    for role in BOTH {
        let mut end = End::new(role, &Config::default().max_buffered(90));
        end.connection.commands().begin(MessageKind::Text).unwrap();
        end.connection.commands().send_chunk("x".repeat(90).as_bytes()).unwrap();
        let refused = end.connection.commands().send_chunk("y".repeat(20).as_bytes());
        assert!(matches!(refused, Err(SendError::Full { limit: 90, .. })));
        let mut bytes = end.take_output();
        end.connection.commands().send_chunk("y".repeat(20).as_bytes()).unwrap();
        end.connection.commands().finish().unwrap();
        bytes.extend(end.take_output());
        let text = "x".repeat(90) + &"y".repeat(20);
        assert_eq!(messages(&sent_by(role, &bytes)), [(TEXT, text.into())]);
    }
}

#[test]
fn close_leaves_a_message_in_parts_unfinished() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().begin(MessageKind::Binary).unwrap();
        end.connection.commands().send_chunk(b"a").unwrap();
        end.connection.commands().close(1000, "").unwrap();
        assert_eq!(end.state(), ReadyState::Closing);
        assert_eq!(end.connection.commands().send_chunk(b"b"), Err(SendError::Closed));
        assert_eq!(end.connection.commands().finish(), Err(SendError::Closed));
        assert_eq!(end.connection.commands().begin(MessageKind::Binary), Err(SendError::Closed));
        assert_eq!(end.take_sent(), [(0x02, b"a".to_vec()), (0x88, vec![3, 0xe8])]);
    }
}
