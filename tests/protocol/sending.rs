//! Sending data (RFC 6455, §5.3, §6.1 and §10.3): bounded, by reference, and masked.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;

use bytes::{Buf, Bytes};
use sanswire::{Config, Connection, Event, Message, MessageKind, Role, SendError, Utf8Bytes};

use crate::support::{BINARY, BOTH, End, TEXT, from, messages, sent_by};

fn bounded(limit: usize) -> Config {
    Config::default().max_buffered(limit)
}

#[test]
fn a_message_is_one_final_frame_with_the_right_opcode() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().send("text").unwrap();
        end.connection.commands().send(b"\xff").unwrap();
        end.connection.commands().send(Message::from("owned")).unwrap();
        end.connection.commands().send(Message::from(vec![0xfe])).unwrap();
        end.connection.commands().send("").unwrap();
        end.connection.commands().send(b"").unwrap();
        let sent = [
            (0x81, b"text".to_vec()),
            (0x82, b"\xff".to_vec()),
            (0x81, b"owned".to_vec()),
            (0x82, b"\xfe".to_vec()),
            (0x81, vec![]),
            (0x82, vec![]),
        ];
        assert_eq!(end.take_sent(), sent);
    }
}

#[test]
fn nothing_waits_on_a_new_connection() {
    for role in BOTH {
        assert!(End::open(role).connection.poll_transmit().is_none());
    }
}

#[test]
fn what_is_not_written_stays_for_the_next_write() {
    for role in BOTH {
        let mut end = End::open(role);
        let mut bytes = Vec::new();
        for i in 0..50_u8 {
            end.connection.commands().send(vec![i; usize::from(i) * 200].as_slice()).unwrap();
            end.connection.commands().send(Message::from(vec![i; usize::from(i) * 200])).unwrap();
            bytes.extend(end.take_some(usize::from(i) * 300));
        }
        bytes.extend(end.take_output());
        let received = messages(&sent_by(role, &bytes));
        assert_eq!(received.len(), 100);
        for (i, (opcode, payload)) in received.iter().enumerate() {
            let i = u8::try_from(i / 2).unwrap();
            assert!(*opcode == BINARY && *payload == vec![i; usize::from(i) * 200]);
        }
    }
}

#[test]
fn many_small_frames_leave_in_one_write() {
    for role in BOTH {
        let mut end = End::open(role);
        for _ in 0..100 {
            end.connection.commands().send("reply").unwrap();
        }
        let output = end.connection.poll_transmit().unwrap();
        assert_eq!(output.chunk().len(), output.remaining());
        assert_eq!(end.take_frames().len(), 100);
    }
}

#[test]
fn an_event_is_answered_while_it_is_held() {
    for role in BOTH {
        let mut end = End::open(role);
        let bytes = from(role.peer(), b"\x81\x01a\x82\x01b");
        end.connection.input().extend_from_slice(&bytes);
        while let Some((event, mut commands)) = end.connection.poll_event().unwrap() {
            if let Event::Text(text) = event {
                commands.send(&text).unwrap();
            } else if let Event::Binary(payload) = event {
                commands.send(&payload).unwrap();
            }
        }
        let echoed = messages(&end.take_frames());
        assert_eq!(echoed, [(TEXT, b"a".to_vec()), (BINARY, b"b".to_vec())]);
    }
}

#[test]
fn a_full_output_refuses_a_message_and_gives_it_back() {
    for role in BOTH {
        for owned in [false, true] {
            let mut end = End::new(role, &bounded(1_000));
            let mut sent = 0;
            let error = loop {
                let result = if owned {
                    let message = Message::from(vec![7; 100]);
                    end.connection.commands().send(message.clone()).map_err(|refused| {
                        assert_eq!(refused.message, Some(message));
                        refused.error
                    })
                } else {
                    end.connection.commands().send(&[7; 100]).map_err(|refused| {
                        assert_eq!(refused.message, None, "nothing of it was copied");
                        refused.error
                    })
                };
                match result {
                    Ok(()) => sent += 1,
                    Err(error) => break error,
                }
                assert!(sent < 20, "nothing is refused");
            };
            let SendError::Full { queued, limit } = error else { panic!("{error:?}") };
            assert!(limit == 1_000 && (1_000..1_110).contains(&queued));
            assert_eq!(queued, end.connection.poll_transmit().unwrap().len());
            assert_eq!(end.connection.buffered_amount(), sent * 100);
            assert_eq!(end.take_frames().len(), sent);
            end.connection.commands().send(&[7; 100]).unwrap();
        }
    }
}

#[test]
fn a_refused_message_is_given_back_without_a_copy() {
    for role in BOTH {
        let mut end = End::new(role, &bounded(1));
        end.connection.commands().send(b"a").unwrap();
        let bytes = Bytes::from(vec![7; 10_000]);
        let refused = end.connection.commands().send(Message::from(bytes.clone())).unwrap_err();
        assert_eq!(refused.message.as_ref().unwrap().as_bytes().as_ptr(), bytes.as_ptr());
        let text = Utf8Bytes::from("x".repeat(10_000));
        let refused = end.connection.commands().send(Message::from(text.clone())).unwrap_err();
        assert_eq!(refused.message.as_ref().unwrap().as_bytes().as_ptr(), text.as_str().as_ptr());
        assert!(refused.to_string().contains("at the limit of 1 bytes (Config::max_buffered)"));
        assert_eq!(end.take_frames().len(), 1);
    }
}

#[test]
fn one_message_of_any_size_is_accepted_while_nothing_waits() {
    for role in BOTH {
        for fragment_size in [None, 500.try_into().ok()] {
            let config = Config::default().max_buffered(1_000).fragment_size(fragment_size);
            let mut end = End::new(role, &config);
            for round in 0..3 {
                end.connection.commands().send(&[round; 100_000]).unwrap();
                assert!(matches!(end.send("a"), Err(SendError::Full { .. })));
                assert!(messages(&end.take_frames()) == [(BINARY, vec![round; 100_000])]);
            }
        }
    }
}

#[test]
fn the_output_is_bounded_whatever_is_sent() {
    // Even what has no payload has a header.
    type Send = fn(&mut Connection) -> Result<(), SendError>;
    let ways: [(&str, Send); 6] = [
        ("text", |connection| Ok(connection.commands().send("")?)),
        ("binary", |connection| Ok(connection.commands().send(b"")?)),
        ("ping", |connection| connection.commands().ping(b"")),
        ("pong", |connection| connection.commands().pong(b"")),
        ("parts", |connection| {
            connection.commands().begin(MessageKind::Text)?;
            connection.commands().finish()
        }),
        ("large parts", |connection| {
            connection.commands().begin(MessageKind::Text)?;
            let sent = connection.commands().send_chunk(&[b'a'; 100]);
            connection.commands().finish().and(sent)
        }),
    ];
    for role in BOTH {
        for (what, send) in ways {
            let mut end = End::new(role, &bounded(1_000));
            let refused = (0..2_000).find_map(|_| send(&mut end.connection).err());
            let len = end.connection.poll_transmit().unwrap().len();
            assert!(matches!(refused, Some(SendError::Full { .. })), "{what}: {len} bytes wait");
            assert!(len <= 1_200, "{what}: {len} bytes wait");
        }
    }
}

#[test]
fn a_close_is_never_refused_for_lack_of_room() {
    for role in BOTH {
        let mut end = End::new(role, &bounded(10));
        end.connection.commands().send(&[7; 100]).unwrap();
        end.connection.commands().close(1000, "").unwrap();
        assert_eq!(end.take_sent().last(), Some(&(0x88, vec![3, 0xe8])));
    }
}

#[test]
fn a_large_payload_of_a_server_is_queued_by_reference() {
    let bytes = Bytes::from(vec![7; 100_000]);
    let text = Utf8Bytes::from("x".repeat(100_000));
    let mut server = End::open(Role::Server);
    server.connection.commands().send(Message::from(bytes.clone())).unwrap();
    server.connection.commands().send(Message::from(text.clone())).unwrap();
    let output = server.connection.poll_transmit().unwrap();
    for address in [bytes.as_ptr(), text.as_str().as_ptr()] {
        assert_eq!(output.chunk().len(), 10);
        output.advance(10);
        assert_eq!((output.chunk().as_ptr(), output.chunk().len()), (address, 100_000));
        output.advance(100_000);
    }
    assert!(!output.has_remaining());
}

// Without `std`, `Buf` yields the first chunk alone.
#[cfg(feature = "std")]
#[test]
fn a_client_masks_a_large_payload_that_nobody_else_holds_where_it_lies() {
    for len in [16 << 10, 100_000] {
        let payload: Vec<u8> = (0..=250).cycle().take(len).collect();
        let mine = payload.clone();
        let address = mine.as_ptr();
        let mut client = End::open(Role::Client);
        client.connection.commands().send("small").unwrap();
        client.connection.commands().send(Message::from(mine)).unwrap();
        client.connection.commands().send("small").unwrap();
        let output = client.connection.poll_transmit().unwrap();
        let mut slices = [std::io::IoSlice::new(&[]); 4];
        assert_eq!(output.chunks_vectored(&mut slices), 3);
        assert_eq!((slices[1].as_ptr(), slices[1].len()), (address, len));
        let small = (TEXT, b"small".to_vec());
        assert!(messages(&client.take_frames()) == [small.clone(), (BINARY, payload), small]);
    }
}

#[test]
fn a_refused_message_of_a_client_is_not_masked() {
    let mut client = End::new(Role::Client, &bounded(1));
    client.connection.commands().send(b"a").unwrap();
    let refused = client.connection.commands().send(Message::from(vec![7; 100_000])).unwrap_err();
    let message = refused.message.unwrap();
    assert!(message.as_bytes() == [7; 100_000]);
    client.take_frames();
    client.connection.commands().close(1000, "").unwrap();
    let refused = client.connection.commands().send(message).unwrap_err();
    assert_eq!(refused.error, SendError::Closed);
    assert!(refused.message.unwrap().as_bytes() == [7; 100_000]);
}

#[test]
fn fragments_of_a_large_payload_are_queued_by_reference() {
    let bytes = Bytes::from(vec![7; 100_000]);
    let config = Config::default().fragment_size(25_000.try_into().ok());
    let mut server = End::new(Role::Server, &config);
    server.connection.commands().send(Message::from(bytes.clone())).unwrap();
    for fragment in 0..4 {
        let output = server.connection.poll_transmit().unwrap();
        output.advance(4);
        assert_eq!(output.chunk().as_ptr(), bytes[fragment * 25_000..].as_ptr());
        output.advance(25_000);
    }
    assert!(server.connection.poll_transmit().is_none());
}

// Without `std`, `Buf` yields the first chunk alone.
#[cfg(feature = "std")]
#[test]
fn all_that_waits_can_leave_in_one_vectored_write() {
    let mut server = End::open(Role::Server);
    for i in 0..3 {
        server.connection.commands().send("small").unwrap();
        server.connection.commands().send(Message::from(Bytes::from(vec![i; 10_000]))).unwrap();
    }
    let output = server.connection.poll_transmit().unwrap();
    let mut slices = [std::io::IoSlice::new(&[]); 16];
    let used = output.chunks_vectored(&mut slices);
    let vectored: Vec<u8> = slices[..used].iter().flat_map(|slice| slice.to_vec()).collect();
    assert_eq!(used, 6);
    assert!(vectored == server.take_output());
}

#[test]
fn a_payload_is_not_changed_by_being_sent() {
    // §10.3: what the application still holds is masked in a copy.
    for role in BOTH {
        let mut end = End::open(role);
        let payload: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        let mine = payload.clone();
        let shared = Bytes::from(payload.clone());
        end.connection.commands().send(&mine).unwrap();
        end.connection.commands().send(Message::from(shared.clone())).unwrap();
        end.connection.commands().begin(MessageKind::Binary).unwrap();
        end.connection.commands().send_chunk(&mine).unwrap();
        end.connection.commands().finish().unwrap();
        let output = end.take_output();
        assert!(mine == payload && shared == payload);
        let received = messages(&sent_by(role, &output));
        assert!(received.iter().all(|(_, sent)| *sent == payload));
    }
}

#[test]
fn what_was_queued_can_be_sent_to_many() {
    let shared = Bytes::from(vec![7; 50_000]);
    let mut outputs = Vec::new();
    for _ in 0..3 {
        let mut server = End::open(Role::Server);
        server.connection.commands().send(Message::from(shared.clone())).unwrap();
        outputs.push(server.take_output());
    }
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}

fn keys(seed: [u8; 32], count: usize) -> Vec<[u8; 4]> {
    let mut client = Connection::client(&Config::default(), seed);
    let mut keys = Vec::new();
    for i in 0..count {
        match i % 4 {
            0 => client.commands().send("").unwrap(),
            1 => client.commands().send(b"x").unwrap(),
            2 => client.commands().ping(b"").unwrap(),
            _ => client.commands().pong(b"").unwrap(),
        }
        let output = client.poll_transmit().unwrap();
        let sent = sent_by(Role::Client, output.chunk());
        output.advance(output.remaining());
        keys.extend(sent.iter().map(|frame| frame.key.unwrap()));
    }
    keys
}

#[test]
fn every_frame_of_a_client_has_a_fresh_key_that_looks_random() {
    let keys = keys([42; 32], 10_000);
    assert_eq!(keys.len(), 10_000);
    // Of 10,000 random keys 0.01 pairs are expected to be equal.
    let unique: HashSet<_> = keys.iter().collect();
    assert!(unique.len() >= 9_999, "{} different keys", unique.len());
    // Each bit is set in half of the keys: 5 standard deviations are 250.
    for bit in 0..32 {
        let set = keys.iter().filter(|key| u32::from_be_bytes(**key) >> bit & 1 == 1).count();
        assert!((4_750..=5_250).contains(&set), "bit {bit} is set {set} times");
    }
    // A key says nothing of the next one: half of the bits differ, at any distance.
    for distance in [1, 2, 3, 4, 16, 64] {
        let differing: u32 = keys
            .iter()
            .zip(&keys[distance..])
            .map(|(a, b)| (u32::from_be_bytes(*a) ^ u32::from_be_bytes(*b)).count_ones())
            .sum();
        let expected = u32::try_from(16 * (keys.len() - distance)).unwrap();
        assert!(differing.abs_diff(expected) < 1_500, "{differing} bits of {expected}");
    }
    // Nor do differences repeat, as they would in a counter or a linear generator.
    let differences: HashSet<u32> = keys
        .windows(2)
        .map(|pair| u32::from_be_bytes(pair[1]).wrapping_sub(u32::from_be_bytes(pair[0])))
        .collect();
    assert!(differences.len() > 9_990);
    // No byte value is preferred: 40,000 bytes in 256 bins, chi squared below 360 (p = 0.00002).
    let mut bins = [0_i64; 256];
    for byte in keys.iter().flatten() {
        bins[usize::from(*byte)] += 1;
    }
    let chi_squared: i64 = bins.iter().map(|n| (n * 256 - 40_000).pow(2)).sum::<i64>() / 10_240_000;
    assert!((150..360).contains(&chi_squared), "{chi_squared}");
}

#[test]
fn keys_follow_from_the_seed_and_from_nothing_else() {
    assert_eq!(keys([1; 32], 100), keys([1; 32], 100));
    let [a, b] = [keys([1; 32], 1_000), keys([2; 32], 1_000)];
    assert!(a.iter().all(|key| !b.contains(key)));
    // One bit of the seed changes them all.
    let mut seed = [1; 32];
    seed[31] ^= 0x80;
    assert!(keys(seed, 100).iter().zip(&a).all(|(one, other)| one != other));
}

#[test]
fn fragments_of_one_message_have_keys_of_their_own() {
    let config = Config::default().fragment_size(10.try_into().ok());
    let mut client = End::new(Role::Client, &config);
    client.connection.commands().send(&[0; 1_000]).unwrap();
    let keys: HashSet<_> = client.take_frames().iter().map(|frame| frame.key).collect();
    assert_eq!(keys.len(), 100);
}

#[test]
fn masked_zeros_show_the_key_and_nothing_of_the_state() {
    let mut client = End::open(Role::Client);
    assert!(!format!("{:?}", client.connection).contains("7, 7"), "the seed is printed");
    client.connection.commands().send(&[0; 100]).unwrap();
    let bytes = client.take_output();
    assert!(bytes[6..].chunks(4).all(|four| *four == bytes[2..6]));
}

#[test]
fn a_client_masks_a_large_payload_with_one_key() {
    let mut client = End::open(Role::Client);
    let text = "0123456789".repeat(30_000);
    client.connection.commands().send(&text).unwrap();
    let frames = client.take_frames();
    assert_eq!(frames.len(), 1);
    assert!(messages(&frames) == [(TEXT, text.into_bytes())]);
}
