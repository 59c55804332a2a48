//! The base framing protocol (RFC 6455, §5.1 to §5.3) as an open connection enforces it.

use sanswire::frame::{Decoder, Frame, Header, Opcode};
use sanswire::{Config, Connection, ConnectionError, Event, MessageKind, Role};

use crate::support::{
    self, BINARY, BOTH, CONTINUATION, End, FIN, Got, KEY, PING, PONG, TEXT, frame, from, masked,
    outcome,
};

/// Receives frames, written without a mask, at an end of each role.
#[track_caller]
fn assert_fails(frames: &[u8], error: ConnectionError, code: u16) {
    for role in BOTH {
        let outcome = outcome(role, &Config::default(), &from(role.peer(), frames));
        outcome.assert_failed(error, code);
    }
}

#[track_caller]
fn assert_receives(frames: &[u8], got: &[Got]) {
    for role in BOTH {
        outcome(role, &Config::default(), &from(role.peer(), frames)).assert_got(got);
    }
}

#[test]
fn a_reserved_bit_fails_with_1002() {
    for bits in [0x40, 0x20, 0x10, 0x60, 0x50, 0x30, 0x70] {
        for first in [0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0x00, 0x01, 0x02] {
            let error = ConnectionError::ReservedBits { bits };
            assert_fails(&[first | bits, 0], error, 1002);
            assert_fails(&[first | bits, 2, b'a', b'b'], error, 1002);
        }
    }
}

#[test]
fn a_reserved_bit_on_a_continuation_fails_with_1002() {
    let error = ConnectionError::ReservedBits { bits: 0x40 };
    assert_fails(b"\x01\x01a\xc0\x01b", error, 1002);
}

#[test]
fn a_reserved_opcode_fails_with_1002() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let error = ConnectionError::ReservedOpcode { opcode };
        assert_fails(&[FIN | opcode, 0], error, 1002);
        assert_fails(&[FIN | opcode, 3, 1, 2, 3], error, 1002);
        assert_fails(&[opcode, 0], error, 1002);
        assert_fails(&[0x01, 0x01, b'a', FIN | opcode, 0], error, 1002);
    }
}

#[test]
fn what_one_byte_gives_away_fails_before_the_second() {
    for role in BOTH {
        for (first, error) in [
            (0xc1, ConnectionError::ReservedBits { bits: 0x40 }),
            (0x83, ConnectionError::ReservedOpcode { opcode: 3 }),
            (0x8b, ConnectionError::ReservedOpcode { opcode: 11 }),
        ] {
            outcome(role, &Config::default(), &[first]).assert_failed(error, 1002);
        }
    }
}

#[test]
fn what_two_bytes_give_away_fails_before_the_third() {
    let cases: [(Role, [u8; 2], ConnectionError); 6] = [
        (Role::Server, [0x82, 126], ConnectionError::MaskMissing),
        (Role::Client, [0x82, 254], ConnectionError::MaskUnexpected),
        (Role::Server, [0x89, 254], ConnectionError::ControlTooLong { opcode: 9 }),
        (Role::Client, [0x88, 127], ConnectionError::ControlTooLong { opcode: 8 }),
        (Role::Server, [0x09, 0x80], ConnectionError::ControlFragmented { opcode: 9 }),
        (Role::Client, [0x0a, 1], ConnectionError::ControlFragmented { opcode: 10 }),
    ];
    for (role, bytes, error) in cases {
        outcome(role, &Config::default(), &bytes).assert_failed(error, 1002);
    }
}

#[test]
fn a_frame_that_breaks_two_rules_fails_the_same_way_however_it_is_split() {
    // Each bit of the first two bytes may be wrong together with any other, and the length too.
    for role in BOTH {
        for first in 0..=255_u8 {
            for second in [0, 5, 125, 126, 127, 128, 133, 253, 254, 255] {
                let bytes = [[first, second].as_slice(), &[0; 14]].concat();
                outcome(role, &Config::default(), &bytes);
            }
        }
    }
}

#[test]
fn an_unmasked_frame_from_a_client_fails_with_1002() {
    for first in [0x01, 0x81, 0x82, 0x88, 0x89, 0x8a] {
        for payload in [b"".as_slice(), b"\x03\xe8", &[b'a'; 125]] {
            let outcome = outcome(Role::Server, &Config::default(), &frame(first, payload));
            outcome.assert_failed(ConnectionError::MaskMissing, 1002);
            assert_eq!(outcome.got, []);
        }
    }
    for len in [126, 70_000] {
        let bytes = frame(FIN | BINARY, &vec![0; len]);
        outcome(Role::Server, &Config::default(), &bytes)
            .assert_failed(ConnectionError::MaskMissing, 1002);
    }
}

#[test]
fn a_masked_frame_from_a_server_fails_with_1002() {
    for first in [0x01, 0x81, 0x82, 0x88, 0x89, 0x8a] {
        for payload in [b"".as_slice(), b"\x03\xe8", &[b'a'; 125]] {
            let bytes = masked(&frame(first, payload));
            let outcome = outcome(Role::Client, &Config::default(), &bytes);
            outcome.assert_failed(ConnectionError::MaskUnexpected, 1002);
            assert_eq!(outcome.got, []);
        }
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
fn the_mask_is_checked_on_every_frame_not_only_the_first() {
    let server = [masked(b"\x81\x02ok"), b"\x81\x02no".to_vec()].concat();
    let outcome_ = outcome(Role::Server, &Config::default(), &server);
    outcome_.assert_failed(ConnectionError::MaskMissing, 1002);
    assert_eq!(outcome_.got, [Got::text("ok")]);

    let client = [b"\x81\x02ok".to_vec(), masked(b"\x81\x02no")].concat();
    let outcome_ = outcome(Role::Client, &Config::default(), &client);
    outcome_.assert_failed(ConnectionError::MaskUnexpected, 1002);
    assert_eq!(outcome_.got, [Got::text("ok")]);
}

#[test]
fn a_masking_key_of_zeros_is_a_key() {
    let bytes = b"\x81\x85\x00\x00\x00\x00Hello\x81\x80\x00\x00\x00\x00";
    outcome(Role::Server, &Config::default(), bytes)
        .assert_got(&[Got::text("Hello"), Got::text("")]);
}

#[test]
fn octet_i_is_unmasked_with_octet_i_mod_4_of_the_key() {
    for len in (0..40).chain([124, 125, 126, 127, 4_095, 4_096, 4_097, 16_384, 16_385, 20_001]) {
        let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
        let bytes = masked(&frame(FIN | BINARY, &payload));
        assert_eq!(
            bytes[bytes.len() - len..].first(),
            payload.first().map(|byte| byte ^ KEY[0]).as_ref()
        );
        outcome(Role::Server, &Config::default(), &bytes).assert_got(&[Got::binary(&payload)]);
    }
}

#[test]
fn each_frame_is_unmasked_with_its_own_key() {
    let bytes = b"\x01\x81\x01\x02\x03\x04\x60\x80\x81\xff\x00\x00\x00\x9d";
    outcome(Role::Server, &Config::default(), bytes).assert_got(&[Got::text("ab")]);
}

#[test]
fn lengths_at_the_borders_of_the_three_forms_are_received() {
    for len in [0, 1, 124, 125, 126, 127, 128, 255, 256, 65_534, 65_535, 65_536, 65_537] {
        let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
        assert_receives(&frame(FIN | BINARY, &payload), &[Got::binary(&payload)]);
    }
}

#[test]
fn lengths_at_the_borders_of_the_three_forms_are_sent_in_the_shortest() {
    for role in BOTH {
        for (len, header_len) in
            [(0, 2), (125, 2), (126, 4), (127, 4), (65_535, 4), (65_536, 10), (70_000, 10)]
        {
            let payload = vec![b'x'; len];
            let mut end = End::open(role);
            end.connection.commands().send(&payload).unwrap();
            let bytes = end.take_output();
            let key_len = if role == Role::Client { 4 } else { 0 };
            assert_eq!(bytes.len(), header_len + key_len + len);
            let sent = support::sent_by(role, &bytes);
            assert!(sent.len() == 1 && sent[0].first == 0x82 && sent[0].payload == payload);
        }
    }
}

#[test]
fn a_length_that_is_not_minimal_fails_with_1002() {
    for len in [0, 1, 5, 124, 125] {
        let bytes = [&[0x82, 126][..], &u16::to_be_bytes(len), &vec![0; len.into()]].concat();
        assert_fails(&bytes, ConnectionError::LengthNotMinimal { len: len.into() }, 1002);
    }
    for len in [0_u64, 1, 125, 126, 255, 65_534, 65_535] {
        let bytes = [&[0x82, 127][..], &len.to_be_bytes()].concat();
        assert_fails(&bytes, ConnectionError::LengthNotMinimal { len }, 1002);
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
fn a_length_with_its_top_bit_set_fails_with_1002() {
    for len in [1 << 63, (1 << 63) + 1, (1 << 63) | 5, u64::MAX - 1, u64::MAX] {
        for first in [0x82, 0x01] {
            let bytes = [&[first, 127][..], &len.to_be_bytes()].concat();
            assert_fails(&bytes, ConnectionError::LengthTopBit { len }, 1002);
        }
    }
}

#[test]
fn a_64_bit_length_overflows_nothing() {
    let unlimited = Config::default().max_message_size(usize::MAX).max_frame_size(usize::MAX);
    for role in BOTH {
        for len in [i64::MAX as u64, 1 << 63, u64::MAX] {
            let bytes = [b"\x02\x02ab\x80\x7f".as_slice(), &len.to_be_bytes()].concat();
            let outcome = outcome(role, &unlimited, &from(role.peer(), &bytes));
            assert!(outcome.error.is_some() && outcome.got.is_empty());
        }
    }
}

// Elsewhere no limit is so large.
#[cfg(target_pointer_width = "64")]
#[test]
fn the_longest_legal_length_is_a_matter_of_the_limit() {
    let len = i64::MAX as u64;
    let bytes = [&[0x82, 127][..], &len.to_be_bytes()].concat();
    assert_fails(&bytes, ConnectionError::FrameTooLarge { len, limit: 16 << 20 }, 1009);

    // Without limits it is waited for, and the next one does not overflow the sum.
    let unlimited = Config::default().max_frame_size(usize::MAX).max_message_size(usize::MAX);
    for role in BOTH {
        let bytes = from(role.peer(), &[&bytes[..], b"abc"].concat());
        let waiting = outcome(role, &unlimited, &bytes);
        waiting.assert_got(&[]);
        assert_eq!(waiting.state, sanswire::ReadyState::Open);

        let bytes = [b"\x02\x01a".as_slice(), b"\x80\x7f", &len.to_be_bytes()].concat();
        let limit = i64::MAX as u64;
        outcome(role, &unlimited, &from(role.peer(), &bytes))
            .assert_failed(ConnectionError::MessageTooLarge { limit }, 1009);
    }
}

#[test]
fn a_masked_length_of_64_bits_is_refused_without_its_key() {
    let bytes = b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    outcome(Role::Server, &Config::default(), bytes)
        .assert_failed(ConnectionError::LengthTopBit { len: u64::MAX }, 1002);
}

#[test]
fn lengths_are_in_network_byte_order() {
    let payload = vec![b'x'; 0x0102];
    let bytes = [b"\x81\x7e\x01\x02".as_slice(), &payload].concat();
    let text = String::from_utf8(payload).unwrap();
    assert_receives(&bytes, &[Got::Text(text)]);
}

#[test]
fn a_frame_without_payload_is_a_message_without_payload() {
    assert_receives(b"\x81\x00", &[Got::text("")]);
    assert_receives(b"\x82\x00", &[Got::binary("")]);
    assert_receives(b"\x89\x00\x8a\x00", &[Got::ping(""), Got::pong("")]);
}

#[test]
fn frames_packed_together_arrive_one_by_one_in_order() {
    let mut frames = Vec::new();
    let mut got = Vec::new();
    for i in 0..300_u16 {
        let text = i.to_string().repeat(usize::from(i % 90));
        frames.extend(frame(FIN | TEXT, text.as_bytes()));
        got.push(Got::Text(text));
        frames.extend(frame(FIN | PONG, &i.to_be_bytes()));
        got.push(Got::pong(i.to_be_bytes()));
    }
    assert_receives(&frames, &got);
}

#[test]
fn what_lies_behind_the_last_event_is_not_lost() {
    let mut client = Connection::client(&Config::default(), [0; 32]);
    client.input().extend_from_slice(b"\x81\x01a\x81\x01b\x82");
    assert!(matches!(client.poll_event(), Ok(Some((Event::Text(_), _)))));
    assert_eq!(client.into_unprocessed(), b"\x81\x01b\x82".as_slice());
}

#[test]
fn half_a_frame_is_no_event_and_no_error() {
    for role in BOTH {
        let bytes = from(role.peer(), &frame(FIN | BINARY, &[7; 300]));
        for len in 0..bytes.len() {
            let mut end = End::open(role);
            end.feed(&bytes[..len]);
            assert_eq!((end.got.len(), end.error), (0, None));
            end.feed(&bytes[len..]);
            assert_eq!(end.got, [Got::binary([7; 300])]);
        }
    }
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
fn a_client_masks_every_kind_of_frame_and_a_server_none() {
    for role in BOTH {
        let mut end = End::new(role, &Config::default().fragment_size(4.try_into().ok()));
        end.receive(b"\x89\x01p");
        end.connection.commands().send("in two frames").unwrap();
        end.connection.commands().send(vec![0; 70_000].as_slice()).unwrap();
        end.connection.commands().ping(b"a").unwrap();
        end.connection.commands().pong(b"").unwrap();
        end.connection.commands().begin(MessageKind::Binary).unwrap();
        end.connection.commands().send_chunk(b"ab").unwrap();
        end.connection.commands().finish().unwrap();
        end.connection.commands().close(1000, "bye").unwrap();
        let frames = end.take_frames();
        for opcode in [CONTINUATION, TEXT, BINARY, support::CLOSE, PING, PONG] {
            assert!(frames.iter().any(|frame| frame.opcode() == opcode), "opcode {opcode}");
        }
        for frame in frames {
            assert_eq!(frame.key.is_some(), role == Role::Client);
        }
    }
}

#[test]
fn a_frame_is_encoded_with_the_length_of_its_payload() {
    for len in [0, 1, 125, 126, 65_535, 65_536] {
        for mask in [None, Some([1, 2, 3, 4])] {
            let payload = &vec![7; len][..];
            let frame = Frame { fin: false, rsv: 0x40, opcode: Opcode::Text, mask, payload };
            let mut output = b"before".to_vec();
            frame.encode(&mut output);
            let (header, header_len) = Header::parse(&output[6..]).unwrap().unwrap();
            assert_eq!(header, frame.header());
            assert_eq!(header.payload_len, len as u64);
            assert_eq!(output.len(), 6 + header_len + len);
        }
    }
}

#[test]
fn a_decoder_refuses_a_data_frame_over_its_limit_at_its_header() {
    for (frame, is_refused) in [
        (&b"\x82\x04"[..], false),
        (b"\x82\x05", true),
        (b"\x82\x7e\x01\x00", true),
        // §5.5: a control frame has 125 bytes at most by itself.
        (b"\x89\x05", false),
    ] {
        let mut decoder = Decoder::new(Role::Server).max_frame_size(4);
        decoder.input().extend_from_slice(frame);
        let polled = decoder.poll().map(|piece| piece.unwrap().header.opcode);
        match polled {
            Ok(_) => assert!(!is_refused, "{frame:?}"),
            Err(ConnectionError::FrameTooLarge { limit, .. }) => {
                assert!(is_refused && limit == 4, "{frame:?}");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}
