//! What a connection asks of the heap: nothing for each message, nothing while idle, and nothing
//! that only an announced length stands for.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::{Buf, BufMut, Bytes};
use sanswire::{
    Config, Connection, ConnectionError, Event, Message, MessageKind, Prepared, Reassembly, Role,
};

use crate::heap::{Heap, heap_of, signed};
use crate::support::{self, BINARY, BOTH, CONTINUATION, FIN, PING, TEXT, frame, from};

/// Runs `work` often enough to have all the memory that it needs, then asserts that it asks for no
/// more.
#[track_caller]
fn assert_steady(mut work: impl FnMut()) {
    (0..50).for_each(|_| work());
    let heap = heap_of(|| (0..500).for_each(|_| work()));
    assert_eq!(heap.allocations, 0, "{heap:?}");
}

fn connect(role: Role, config: &Config) -> Connection {
    match role {
        Role::Client => Connection::client(config, [7; 32]),
        Role::Server => Connection::server(config),
    }
}

fn open(role: Role) -> Connection {
    connect(role, &Config::default())
}

/// Writes everything, to nowhere.
fn drain(connection: &mut Connection) {
    while let Some(output) = connection.poll_transmit() {
        output.advance(output.remaining());
    }
}

/// Takes everything that arrived, and returns how many events that was.
fn poll(connection: &mut Connection) -> usize {
    let mut events = 0;
    while connection.poll_event().unwrap().is_some() {
        events += 1;
    }
    events
}

#[test]
fn the_allocator_counts() {
    let mut kept = Vec::new();
    let heap = heap_of(|| {
        kept.push(vec![0_u8; 1_000]);
        drop(vec![0_u8; 5_000]);
    });
    assert!(heap.allocations == 3 && heap.bytes >= 6_000);
    assert!((1_000..2_000).contains(&heap.live) && heap.peak >= 6_000);
}

#[test]
fn messages_are_lent_without_an_allocation() {
    for role in BOTH {
        for len in [0, 16, 125, 126, 1_000, 16_384] {
            for opcode in [TEXT, BINARY] {
                let bytes = from(role.peer(), &frame(FIN | opcode, &vec![b'x'; len]).repeat(2));
                let mut connection = open(role);
                assert_steady(|| {
                    connection.input().extend_from_slice(&bytes);
                    assert_eq!(poll(&mut connection), 2);
                });
            }
        }
    }
}

#[test]
fn messages_that_arrive_in_pieces_are_lent_without_an_allocation() {
    for role in BOTH {
        let bytes = from(role.peer(), &frame(FIN | TEXT, &[b'x'; 5_000]));
        let mut connection = open(role);
        assert_steady(|| {
            let events: usize = bytes
                .chunks(700)
                .map(|piece| {
                    connection.input().extend_from_slice(piece);
                    poll(&mut connection)
                })
                .sum();
            assert_eq!(events, 1);
        });
    }
}

/// Reads from `bytes` as a socket is read, `most` at once; returns how much.
fn read(connection: &mut Connection, bytes: &[u8], most: usize) -> usize {
    let mut input = connection.input();
    input.prepare(16 << 10);
    let len = input.chunk_mut().len().min(most).min(bytes.len());
    input.put_slice(&bytes[..len]);
    len
}

#[test]
fn large_messages_are_lent_without_an_allocation() {
    for role in BOTH {
        for opcode in [TEXT, BINARY] {
            for len in [20_000, 65_536, 300_000, 1 << 20] {
                let bytes = from(role.peer(), &frame(FIN | opcode, &vec![b'x'; len]));
                for most in [1_460, 16 << 10, usize::MAX] {
                    let mut connection = open(role);
                    let mut receive = || {
                        let mut left = &bytes[..];
                        while !left.is_empty() {
                            left = &left[read(&mut connection, left, most)..];
                            let events = poll(&mut connection);
                            assert_eq!(events, usize::from(left.is_empty()));
                        }
                    };
                    (0..3).for_each(|_| receive());
                    let heap = heap_of(|| (0..5).for_each(|_| receive()));
                    assert_eq!(heap.allocations, 0, "{len} in reads of {most}: {heap:?}");
                }
            }
        }
    }
}

/// Messages of one size after each other, as fast as they can be read: each is read to where it
/// stays, and nothing else is.
#[test]
fn large_messages_are_taken_without_a_copy() {
    for role in BOTH {
        for len in [20_000, 65_536, 300_000, 1 << 20] {
            let bytes = from(role.peer(), &frame(FIN | BINARY, &vec![7; len]).repeat(12));
            for most in [1_460, 16 << 10, usize::MAX] {
                let mut connection = open(role);
                let (mut left, mut kept) = (&bytes[..], Vec::with_capacity(12));
                let heap = heap_of(|| {
                    while kept.len() < 12 {
                        left = &left[read(&mut connection, left, most)..];
                        while let Some((event, _)) = connection.poll_event().unwrap() {
                            kept.push(event.into_message().unwrap());
                        }
                    }
                });
                assert!(kept.iter().all(|message| message.len() == len));
                // The buffer grows to what the first one needs, and may be larger than that.
                let most_asked = 12 * (len + 200) + 3 * len + (80 << 10);
                assert!(heap.bytes < most_asked, "{len} in reads of {most}: {heap:?}");
            }
        }
    }
}

#[test]
fn a_large_payload_is_taken_without_a_copy() {
    let mut client = Connection::client(&Config::default(), [0; 32]);
    let mut input = client.input();
    input.prepare(20_000);
    let address = input.chunk_mut().as_mut_ptr().wrapping_add(4).cast_const();
    input.put_slice(&[frame(FIN | BINARY, &[7; 16_000]), frame(FIN | TEXT, b"x")].concat());
    let Ok(Some((Event::Binary(payload), _))) = client.poll_event() else { panic!() };
    let taken = payload.into_bytes();
    assert_eq!(taken.as_ptr(), address);
    // What lies behind it is received all the same, and what was taken stays as it is.
    let Ok(Some((Event::Text(text), _))) = client.poll_event() else { panic!() };
    assert_eq!(text.as_str(), "x");
    drop(text);
    client.input().put_bytes(0xff, 20_000);
    assert!(taken == vec![7; 16_000]);
}

#[test]
fn a_small_payload_taken_does_not_pin_the_receive_buffer() {
    let mut client = Connection::client(&Config::default(), [0; 32]);
    let frames = [frame(FIN | BINARY, b"small"), frame(FIN | BINARY, &[7; 30_000])].concat();
    let mut input = client.input();
    input.prepare(64 << 10);
    let begin = input.chunk_mut().as_mut_ptr().cast_const();
    input.put_slice(&frames);
    let whole = begin..begin.wrapping_add(frames.len());
    let Ok(Some((Event::Binary(payload), _))) = client.poll_event() else { panic!() };
    let taken = payload.into_bytes();
    assert!(!whole.contains(&taken.as_ptr()));
    assert_eq!(taken, b"small".as_slice());
}

#[test]
fn messages_are_sent_without_an_allocation() {
    for role in BOTH {
        for len in [0, 16, 125, 126, 1_000, 16_384] {
            let payload = vec![b'x'; len];
            let text = String::from_utf8(payload.clone()).unwrap();
            let mut connection = open(role);
            assert_steady(|| {
                connection.commands().send(&text).unwrap();
                connection.commands().send(&payload).unwrap();
                drain(&mut connection);
            });
        }
    }
}

#[test]
fn prepared_messages_are_sent_without_an_allocation() {
    for role in BOTH {
        for len in [0, 16, 125, 126, 1_000, 16_384] {
            let prepared = Prepared::binary(&vec![7; len]);
            let mut connection = open(role);
            assert_steady(|| {
                connection.commands().send(&prepared).unwrap();
                drain(&mut connection);
            });
        }
    }
}

#[test]
fn a_reference_to_a_prepared_message_takes_no_memory_for_its_payload() {
    let prepared = Prepared::binary(&[7; 1_000_000]);
    let mut connections: Vec<_> = (0..100).map(|_| open(Role::Server)).collect();
    let heap = heap_of(|| {
        for connection in &mut connections {
            connection.commands().send(&prepared).unwrap();
        }
    });
    assert!(heap.bytes < 100 * 500, "{heap:?}");
}

#[test]
fn many_messages_wait_for_one_write_without_an_allocation() {
    for role in BOTH {
        let mut connection = open(role);
        assert_steady(|| {
            (0..500).for_each(|_| connection.commands().send(&[7; 100]).unwrap());
            drain(&mut connection);
        });
    }
}

#[test]
fn messages_in_parts_are_sent_without_an_allocation() {
    for role in BOTH {
        let mut connection = open(role);
        assert_steady(|| {
            connection.commands().begin(MessageKind::Text).unwrap();
            connection.commands().send_chunk(b"some").unwrap();
            connection.commands().send_chunk(b"text").unwrap();
            connection.commands().finish().unwrap();
            drain(&mut connection);
        });
    }
}

#[test]
fn a_large_payload_is_sent_by_a_server_without_an_allocation() {
    let payload = Bytes::from_static(&[7; 100_000]);
    let mut connection = open(Role::Server);
    assert_steady(|| {
        connection.commands().send(Message::Binary(payload.clone())).unwrap();
        drain(&mut connection);
    });
}

#[test]
fn an_echo_needs_no_allocation() {
    for role in BOTH {
        for len in [16, 1_000, 16_384] {
            let bytes = from(role.peer(), &frame(FIN | TEXT, &vec![b'x'; len]));
            let mut connection = open(role);
            assert_steady(|| {
                connection.input().extend_from_slice(&bytes);
                while let Some((event, mut commands)) = connection.poll_event().unwrap() {
                    let Event::Text(text) = event else { panic!("{event:?}") };
                    commands.send(&text).unwrap();
                }
                drain(&mut connection);
            });
        }
    }
}

#[test]
fn pings_and_pongs_need_no_allocation() {
    for role in BOTH {
        let frames = [frame(FIN | PING, &[7; 125]), frame(0x8a, b"late")].concat();
        let bytes = from(role.peer(), &frames);
        let mut connection = open(role);
        assert_steady(|| {
            connection.commands().ping(b"ours").unwrap();
            connection.input().extend_from_slice(&bytes);
            assert_eq!(poll(&mut connection), 2);
            drain(&mut connection);
        });
    }
}

#[test]
fn messages_in_chunks_need_no_allocation_whatever_their_size() {
    let config = Config::default().reassembly(Reassembly::Chunks);
    for role in BOTH {
        let bytes = from(role.peer(), &frame(FIN | TEXT, &[b'x'; 100_000]));
        let mut connection = connect(role, &config);
        assert_steady(|| {
            for piece in bytes.chunks(4_000) {
                connection.input().extend_from_slice(piece);
                assert!(poll(&mut connection) > 0);
            }
        });
    }
}

#[test]
fn a_message_in_chunks_takes_no_memory_however_long_it_is() {
    let config = Config::default().reassembly(Reassembly::Chunks);
    for role in BOTH {
        let mut bytes = from(role.peer(), &frame(BINARY, &[7; 1_000]));
        bytes.extend(from(role.peer(), &frame(CONTINUATION, &[7; 1_000]).repeat(9_999)));
        let heap = heap_of(|| {
            let mut connection = connect(role, &config);
            for piece in bytes.chunks(8_000) {
                connection.input().extend_from_slice(piece);
                poll(&mut connection);
            }
        });
        assert!(heap.peak < 32 << 10, "{heap:?}");
    }
}

#[test]
fn an_announced_length_asks_for_no_memory() {
    let unlimited = |reassembly| {
        Config::default()
            .max_frame_size(usize::MAX)
            .max_message_size(usize::MAX)
            .reassembly(reassembly)
    };
    for role in BOTH {
        let most = usize::MAX as u64 / 2;
        // What is more is over the limit where `usize` has 32 bits.
        for len in [1 << 20, 16 << 20, most / 2, 1 << 32, 1 << 40, most] {
            if len > most {
                continue;
            }
            for (first, reassembly) in [
                (FIN | BINARY, Reassembly::Messages),
                (TEXT, Reassembly::Messages),
                (FIN | TEXT, Reassembly::Chunks),
            ] {
                let header = [&[first, 127][..], &len.to_be_bytes(), &[b'x'; 1_000]].concat();
                let bytes = from(role.peer(), &header);
                for pieces in [1, bytes.len()] {
                    let heap = heap_of(|| {
                        let mut connection = connect(role, &unlimited(reassembly));
                        for piece in bytes.chunks(pieces) {
                            connection.input().extend_from_slice(piece);
                            poll(&mut connection);
                        }
                    });
                    assert!(heap.bytes < 64 << 10, "{len}: {heap:?}");
                }
            }
        }
    }
}

#[test]
fn a_length_over_the_limit_asks_for_no_memory() {
    for role in BOTH {
        for len in [(16_u64 << 20) + 1, 1 << 40, 1 << 62, u64::MAX] {
            let header = [&[FIN | BINARY, 127][..], &len.to_be_bytes()].concat();
            let bytes = from(role.peer(), &header);
            let heap = heap_of(|| {
                let mut connection = open(role);
                connection.input().extend_from_slice(&bytes);
                connection.input().extend_from_slice(&support::KEY);
                assert!(connection.poll_event().is_err());
            });
            assert!(heap.bytes < 64 << 10, "{len}: {heap:?}");
        }
    }
}

#[test]
fn memory_grows_with_what_has_arrived() {
    let len = 4 << 20;
    for role in BOTH {
        for opcode in [BINARY, TEXT] {
            let bytes = from(role.peer(), &frame(FIN | opcode, &vec![b'x'; len]));
            let mut connection = open(role);
            let before = Heap::now();
            let mut arrived = 0;
            for piece in bytes[..bytes.len() - 1].chunks(8_000) {
                arrived += piece.len();
                let heap = heap_of(|| {
                    connection.input().extend_from_slice(piece);
                    assert_eq!(poll(&mut connection), 0);
                });
                let live = Heap::now().live - before.live;
                assert!(live <= signed(2 * arrived + (64 << 10)), "{live} for {arrived}");
                assert!(heap.peak <= signed(3 * arrived + (64 << 10)), "{heap:?} for {arrived}");
            }
            connection.input().extend_from_slice(&bytes[bytes.len() - 1..]);
            let message =
                connection.poll_event().unwrap().and_then(|(event, _)| event.into_message());
            assert!(message.is_some_and(|message| message.len() == len));
            connection.release_memory();
            let masks = if role == Role::Client { 1_024 } else { 0 };
            assert!(Heap::now().live - before.live <= masks);
        }
    }
}

#[test]
fn a_message_in_tiny_pieces_takes_no_more_memory_than_its_bytes() {
    for role in BOTH {
        let bytes = from(role.peer(), &frame(FIN | BINARY, &[7; 200_000]));
        let heap = heap_of(|| {
            let mut connection = open(role);
            for byte in &bytes {
                connection.input().extend_from_slice(&[*byte]);
                poll(&mut connection);
            }
        });
        assert!(heap.peak < 700_000, "{heap:?}");

        let mut bytes = from(role.peer(), &frame(BINARY, b"x"));
        bytes.extend(from(role.peer(), &frame(CONTINUATION, b"x").repeat(4_000)));
        let heap = heap_of(|| {
            let mut connection = open(role);
            for piece in bytes.chunks(1_000) {
                connection.input().extend_from_slice(piece);
                poll(&mut connection);
            }
        });
        assert!(heap.peak < 64 << 10, "{heap:?}");
    }
}

#[test]
fn a_fresh_server_holds_its_timers_and_at_most_376_bytes() {
    let mut kept = None;
    let heap = heap_of(|| kept = Some(open(Role::Server)));
    assert!(heap.allocations == 1 && heap.live <= TIMERS, "{heap:?}");
    assert!(size_of::<Connection>() <= 376, "{} bytes", size_of::<Connection>());
    drop(kept);
}

#[test]
fn a_fresh_client_holds_its_timers_and_masks_and_nothing_else() {
    let mut kept = None;
    let heap = heap_of(|| kept = Some(open(Role::Client)));
    assert!(heap.allocations <= 2 && heap.live <= 1_024, "{heap:?}");
    drop(kept);
}

#[test]
fn an_idle_connection_gives_its_memory_back() {
    for role in BOTH {
        let bytes = from(
            role.peer(),
            &[
                frame(FIN | TEXT, &[b'x'; 10_000]),
                frame(BINARY, &[7; 100_000]),
                frame(FIN, &[7; 100_000]),
                frame(FIN | PING, &[7; 125]).repeat(1_000),
            ]
            .concat(),
        );
        for fragment_size in [None, 1_000.try_into().ok()] {
            let config = Config::default().fragment_size(fragment_size);
            let mut connection = connect(role, &config);
            let heap = heap_of(|| {
                for _ in 0..3 {
                    connection.input().extend_from_slice(&bytes);
                    assert_eq!(poll(&mut connection), 1_002);
                    connection.commands().send(&[7; 30_000]).unwrap();
                    connection.commands().send(Message::from(vec![7; 100_000])).unwrap();
                    drain(&mut connection);
                }
                connection.release_memory();
            });
            assert!(heap.allocations > 0);
            assert_eq!(heap.live, 0, "{heap:?}");
            // And it goes on as before.
            connection.input().extend_from_slice(&bytes);
            assert_eq!(poll(&mut connection), 1_002);
        }
    }
}

#[test]
fn a_large_copy_is_given_back_once_it_is_written() {
    for (role, header_len) in [(Role::Client, 14), (Role::Server, 10)] {
        let mut connection = open(role);
        let heap = heap_of(|| {
            connection.commands().send("small").unwrap();
            drain(&mut connection);
            connection.commands().send(&[7; 1_000_000]).unwrap();
            connection.commands().send("waits").unwrap();
            connection.poll_transmit().unwrap().advance(header_len + 1_000_000);
        });
        assert!(heap.peak > 1_000_000 && heap.live < 2_000, "{heap:?}");
        assert_eq!(connection.buffered_amount(), 5);
    }
}

#[test]
fn memory_in_use_is_not_given_back() {
    for role in BOTH {
        let bytes = from(role.peer(), b"\x81\x05Hello");
        let mut connection = open(role);
        connection.input().extend_from_slice(&bytes[..5]);
        connection.commands().send("waits").unwrap();
        assert!(connection.poll_event().unwrap().is_none());
        connection.release_memory();
        assert_eq!(connection.buffered_amount(), 5);
        connection.input().extend_from_slice(&bytes[5..]);
        assert!(matches!(connection.poll_event(), Ok(Some((Event::Text(_), _)))));
        assert!(connection.poll_transmit().is_some());
    }
}

#[test]
fn a_flood_of_pings_takes_little_memory() {
    for role in BOTH {
        let bytes = from(role.peer(), &frame(FIN | PING, &[7; 125]).repeat(100));
        let heap = heap_of(|| {
            let mut connection = open(role);
            for _ in 0..100 {
                connection.input().extend_from_slice(&bytes);
                poll(&mut connection);
            }
        });
        assert!(heap.peak < 128 << 10, "{heap:?}");
    }
}

#[test]
fn a_failed_connection_takes_no_more_memory() {
    for role in BOTH {
        let mut connection = open(role);
        connection.input().extend_from_slice(b"\xff\xff");
        let error = ConnectionError::ReservedBits { bits: 0x70 };
        let heap = heap_of(|| {
            for _ in 0..1_000 {
                assert_eq!(connection.poll_event().unwrap_err(), error);
                assert!(connection.commands().send("late").is_err());
            }
        });
        assert!(heap.bytes < 1_024, "{heap:?}");
    }
}

/// What a connection knows of the time, what it does without room, and what it says at a failure, in
/// bytes.
const TIMERS: isize = 216;
