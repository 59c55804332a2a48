//! Messages delivered in parts, before they are whole.
#![expect(clippy::panic, reason = "a test that cannot go on fails")]

use sanswire::{Config, ConnectionError, Event, MessageKind, ReadyState, Reassembly, Role};

use crate::support::{
    BINARY, BOTH, CONTINUATION, End, FIN, Got, Random, TEXT, frame, from, outcome,
};

fn chunks() -> Config {
    Config::default().reassembly(Reassembly::Chunks)
}

fn whole(kind: MessageKind, payload: impl AsRef<[u8]>) -> Got {
    Got::Chunk { kind, is_first: true, is_last: true, payload: payload.as_ref().to_vec() }
}

/// The chunks of one message: what they hold put together, and whether it is finished.
fn put_together(got: &[Got]) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    let mut finished = false;
    for (i, got) in got.iter().enumerate() {
        let Got::Chunk { is_first, is_last, payload, .. } = got else { panic!("{got:?}") };
        assert_eq!(*is_first, i == 0);
        assert!(!finished, "a chunk behind the last one");
        finished = *is_last;
        all.extend(payload);
    }
    (all, finished)
}

#[test]
fn parts_of_a_frame_are_delivered_before_it_is_whole() {
    for role in BOTH {
        for len in [100, 10_000, 100_000] {
            let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
            let bytes = from(role.peer(), &frame(FIN | BINARY, &payload));
            let header_len = bytes.len() - len;
            let mut end = End::new(role, &chunks());
            end.feed(&bytes[..header_len + 10]);
            assert_eq!(put_together(&end.got), (payload[..10].to_vec(), false));
            end.feed(&bytes[header_len + 10..header_len + 11]);
            assert_eq!(put_together(&end.got), (payload[..11].to_vec(), false));
            end.feed(&bytes[header_len + 11..]);
            assert!(put_together(&end.got) == (payload, true));
        }
    }
}

#[test]
fn a_message_that_arrives_whole_is_one_chunk() {
    for role in BOTH {
        let frames = b"\x81\x05Hello\x82\x00";
        let mut end = End::new(role, &chunks());
        end.receive(frames);
        let got = [whole(MessageKind::Text, "Hello"), whole(MessageKind::Binary, "")];
        assert_eq!(end.got, got);
    }
}

#[test]
fn the_chunks_of_a_message_put_together_are_the_message() {
    let payload: Vec<u8> = (0..=255).cycle().take(30_000).collect();
    let frames = [
        frame(BINARY, &payload[..20_000]),
        frame(CONTINUATION, b""),
        frame(FIN, &payload[20_000..]),
        frame(FIN | TEXT, b"next"),
    ];
    for role in BOTH {
        let bytes = from(role.peer(), &frames.concat());
        let got = [whole(MessageKind::Binary, &payload), whole(MessageKind::Text, "next")];
        let outcome = outcome(role, &chunks(), &bytes);
        assert!(outcome.error.is_none() && outcome.got == got);
    }
}

#[test]
fn every_message_has_one_first_and_one_last_chunk_however_it_is_split() {
    let frames = [
        frame(TEXT, b""),
        frame(CONTINUATION, "wörld".as_bytes()),
        frame(FIN, b""),
        frame(FIN | BINARY, b""),
        frame(BINARY, &[7; 500]),
        frame(FIN, &[8; 500]),
        frame(FIN | TEXT, b"x"),
    ];
    let mut random = Random::new(5);
    for role in BOTH {
        let bytes = from(role.peer(), &frames.concat());
        for round in 0..200 {
            let mut end = End::new(role, &chunks());
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let piece;
                let len = if round == 0 { 1 } else { random.split(rest.len()) };
                (piece, rest) = rest.split_at(len);
                end.feed(piece);
            }
            assert_eq!(end.error, None);
            let mut messages = Vec::new();
            for message in
                end.got.split_inclusive(|got| matches!(got, Got::Chunk { is_last: true, .. }))
            {
                messages.push(put_together(message));
            }
            let expected =
                ["wörld".as_bytes().to_vec(), vec![], [[7; 500], [8; 500]].concat(), b"x".to_vec()];
            assert_eq!(messages, expected.map(|payload| (payload, true)));
        }
    }
}

#[test]
fn every_chunk_names_the_type_of_its_message() {
    for role in BOTH {
        let mut end = End::new(role, &chunks());
        end.receive(b"\x01\x01a\x00\x01b\x80\x01c");
        end.receive(b"\x02\x01a\x00\x01b\x80\x01c");
        let kinds: Vec<_> = end
            .got
            .iter()
            .filter_map(|got| if let Got::Chunk { kind, .. } = got { Some(*kind) } else { None })
            .collect();
        assert_eq!(kinds, [[MessageKind::Text; 3], [MessageKind::Binary; 3]].concat());
    }
}

#[test]
fn text_in_chunks_is_validated() {
    for role in BOTH {
        for frames in [
            b"\x81\x03a\xffb".as_slice(),
            b"\x01\x01\xc3\x80\x01a",
            b"\x81\x02a\xc3",
            b"\x01\x01\xe2\x80\x00",
        ] {
            outcome(role, &chunks(), &from(role.peer(), frames))
                .assert_failed(ConnectionError::InvalidUtf8, 1007);
        }
        let bytes = from(role.peer(), &frame(FIN | TEXT, "a€😀".as_bytes()));
        outcome(role, &chunks(), &bytes).assert_got(&[whole(MessageKind::Text, "a€😀")]);
    }
}

#[test]
fn a_bad_byte_is_never_delivered() {
    for role in BOTH {
        let mut end = End::new(role, &chunks());
        // 125 bytes are announced, two come.
        let mut bytes =
            from(role.peer(), &frame(FIN | TEXT, &[b"a\xff", &[b'x'; 123][..]].concat()));
        bytes.truncate(bytes.len() - 123);
        for byte in bytes {
            end.feed(&[byte]);
        }
        assert_eq!(end.error, Some(ConnectionError::InvalidUtf8));
        assert_eq!(put_together(&end.got), (b"a".to_vec(), false));
    }
}

#[test]
fn control_frames_between_chunks_are_handled_at_once() {
    for role in BOTH {
        let mut end = End::new(role, &chunks());
        end.receive(b"\x02\x01a\x89\x01p\x80\x01b");
        assert_eq!(end.got[1], Got::ping("p"));
        assert_eq!(end.take_sent(), [(0x8a, b"p".to_vec())]);
        end.got.remove(1);
        assert_eq!(put_together(&end.got), (b"ab".to_vec(), true));
    }
}

#[test]
fn a_control_frame_is_never_delivered_in_parts() {
    for role in BOTH {
        let mut end = End::new(role, &chunks());
        for byte in from(role.peer(), &frame(0x89, &[7; 100])) {
            assert_eq!(end.got, []);
            end.feed(&[byte]);
        }
        assert_eq!(end.got, [Got::ping([7; 100])]);
    }
}

#[test]
fn the_receive_buffer_is_empty_after_each_chunk() {
    for role in BOTH {
        let mut end = End::new(role, &chunks());
        let bytes = from(role.peer(), &frame(FIN | BINARY, &[7; 1_000_000]));
        for piece in bytes.chunks(1_000) {
            end.feed(piece);
            assert!(end.connection.input().is_empty());
        }
    }
}

#[test]
fn a_chunk_can_be_taken() {
    let mut client = End::new(Role::Client, &chunks());
    client.connection.input().extend_from_slice(&frame(FIN | BINARY, &[7; 10_000]));
    let Ok(Some((Event::Chunk(chunk), _))) = client.connection.poll_event() else {
        panic!("no chunk");
    };
    assert_eq!(chunk.payload.into_bytes(), vec![7; 10_000]);
}

#[test]
fn a_close_within_a_message_leaves_it_without_a_last_chunk() {
    for role in BOTH {
        let mut end = End::new(role, &chunks());
        end.receive(b"\x02\x01a\x88\x02\x03\xe8");
        assert_eq!(end.error, None);
        assert_eq!(end.state(), ReadyState::Closing);
        assert_eq!(put_together(&end.got[..1]), (b"a".to_vec(), false));
    }
}

#[test]
fn the_rules_of_fragmentation_hold_for_chunks() {
    for role in BOTH {
        for (frames, error) in [
            (b"\x80\x01a".as_slice(), ConnectionError::UnexpectedContinuation),
            (b"\x01\x01a\x81\x01b", ConnectionError::UnfinishedMessage { opcode: 1 }),
            (b"\x02\x00\x82\x00", ConnectionError::UnfinishedMessage { opcode: 2 }),
        ] {
            outcome(role, &chunks(), &from(role.peer(), frames)).assert_failed(error, 1002);
        }
    }
}
