//! What compression asks of the heap: nothing before it is used, nothing while a connection is idle
//! without takeover, and otherwise what the docs of `DeflateConfig` say. The table there is made by
//! `cargo test --features deflate --test memory deflate:: -- --nocapture`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use bytes::Buf;
use sanswire::extension::{DeflateConfig, Takeover};
use sanswire::{Config, Connection, Event, MessageKind, Role};

use crate::heap::{Heap, heap_of, signed};
use crate::support::deflate::{RSV1, RawDeflate, deflate_config, negotiate};
use crate::support::{BINARY, CONTINUATION, FIN, Random, frame, from};

/// A server that agreed on its own configuration.
fn server(config: &DeflateConfig) -> Connection {
    let (_, agreed) = negotiate(&DeflateConfig::default(), config).unwrap();
    Connection::server(&Config::default()).with_deflate(agreed)
}

/// What does not compress, so that all buffers fill up.
fn noise(len: usize) -> Vec<u8> {
    let mut random = Random::new(1);
    (0..len).map(|_| random.next().to_le_bytes()[0]).collect()
}

fn send(connection: &mut Connection, message: &[u8]) {
    connection.commands().send(message).unwrap();
    write(connection);
}

fn write(connection: &mut Connection) {
    while let Some(output) = connection.poll_transmit() {
        output.advance(output.remaining());
    }
}

fn receive(connection: &mut Connection, bytes: &[u8]) -> usize {
    let mut messages = 0;
    for piece in bytes.chunks(4_000) {
        connection.input().extend_from_slice(piece);
        while let Some((event, _)) = connection.poll_event().unwrap() {
            assert!(matches!(event, Event::Binary(_)), "{event:?}");
            messages += 1;
        }
    }
    messages
}

/// A message of a client, compressed with a window of `bits`, whole and in fragments.
fn messages(bits: u8, takeover: Takeover, message: &[u8]) -> [Vec<u8>; 2] {
    let mut raw = RawDeflate::new(6, bits, takeover);
    let whole = frame(FIN | RSV1 | BINARY, &raw.message(message));
    let payload = raw.message(message);
    let mut parts = frame(RSV1 | BINARY, b"");
    parts.extend(payload.chunks(1_000).flat_map(|part| frame(CONTINUATION, part)));
    parts.extend(frame(FIN | CONTINUATION, b""));
    [from(Role::Client, &whole), from(Role::Client, &parts)]
}

/// Bytes of the heap that are for compression.
#[derive(Clone, Copy, Debug)]
struct Used {
    /// After the handshake.
    agreed: usize,
    /// More once messages have been sent, and once messages have been received.
    compressor: usize,
    decompressor: usize,
    /// All of it when memory has been given back.
    idle: usize,
}

/// Uses all that can be used of a connection, and measures.
fn measure(config: &DeflateConfig) -> Used {
    let message = noise(100_000);
    let received = messages(config.peer_window_bits, config.peer_takeover, &message);
    let before = Heap::now().live;
    let live = || usize::try_from(Heap::now().live - before).unwrap();
    let mut connection = server(config);
    let agreed = live();
    for len in [100_000, 3_500, 10] {
        send(&mut connection, &message[..len]);
    }
    connection.commands().begin(MessageKind::Binary).unwrap();
    for part in message.chunks(30_000) {
        connection.commands().send_chunk(part).unwrap();
        write(&mut connection);
    }
    connection.commands().finish().unwrap();
    write(&mut connection);
    // The output buffer is no part of it, but for what is taken again at once; a large message that
    // was compressed is never in it.
    let output = {
        let mut plain = Connection::server(&Config::default());
        let before = live();
        for len in [3_500, 10] {
            send(&mut plain, &message[..len]);
        }
        live() - before
    };
    let compressor = live() - agreed - output;
    // Nor is the input, which has room for each piece from the beginning.
    connection.input().prepare(16 << 10);
    let input = live() - agreed - output - compressor;
    assert!(input >= 16 << 10);
    for bytes in &received {
        assert_eq!(receive(&mut connection, bytes), 1);
    }
    let decompressor = live() - agreed - output - compressor - input;
    connection.release_memory();
    Used { agreed, compressor, decompressor, idle: live() }
}

/// The rows of a table in the docs of `DeflateConfig`, as numbers.
fn documented() -> Vec<Vec<usize>> {
    include_str!("../../src/extension/deflate/config.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("/// |"))
        .map(|row| row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect())
        .filter(|row: &Vec<usize>| row.len() == 10)
        .filter(|row| row[0] > 8)
        .collect()
}

const KIB: usize = 1 << 10;

#[test]
fn a_compressor_takes_what_is_documented() {
    let documented = documented();
    assert_eq!(documented.len(), 7);
    println!("compressor, KiB by window_bits and mem_level");
    for (bits, documented) in (9..=15).zip(documented) {
        assert_eq!(documented[0], usize::from(bits));
        print!("| {bits:>2} |");
        for mem_level in 1..=9 {
            let config = deflate_config().window_bits(bits).mem_level(mem_level);
            let used = measure(&config).compressor;
            print!(" {} |", used.div_ceil(KIB));
            // Another version of the library may differ a little.
            let documented = documented[usize::from(mem_level)] * KIB;
            assert!(used.abs_diff(documented) <= 4 * KIB, "{used} for {documented}");
        }
        println!();
    }
}

#[test]
fn a_decompressor_takes_what_is_documented_and_idle_connections_next_to_nothing() {
    println!("bytes by peer_window_bits");
    for takeover in [Takeover::Keep, Takeover::Reset] {
        for bits in 9..=15 {
            let config =
                deflate_config().peer_window_bits(bits).takeover(takeover).peer_takeover(takeover);
            let used = measure(&config);
            println!("{takeover:?} {bits:>2} {used:?}");
            let window = 1 << bits;
            assert!(used.agreed < 610);
            assert!(used.decompressor <= 47 * KIB + window);
            let kept = match takeover {
                Takeover::Keep => used.compressor + window,
                Takeover::Reset => 0,
            };
            assert!(used.idle <= used.agreed + kept, "{used:?}");
        }
    }
}

#[test]
fn a_window_of_which_little_is_used_takes_little() {
    let mut connection = server(&deflate_config());
    let [whole, _] = messages(15, Takeover::Keep, b"short");
    let before = Heap::now().live;
    assert_eq!(receive(&mut connection, &whole), 1);
    connection.release_memory();
    assert!(Heap::now().live - before <= 8);
    // And what was kept is enough to go on.
    let mut raw = RawDeflate::new(6, 15, Takeover::Keep);
    raw.message(b"short");
    let next = frame(FIN | RSV1 | BINARY, &raw.message(b"short"));
    assert_eq!(receive(&mut connection, &from(Role::Client, &next)), 1);
}

#[test]
fn nothing_is_allocated_before_it_is_used() {
    let agreed = heap_of(|| drop(server(&deflate_config())));
    assert!(agreed.peak < 610, "{agreed:?}");
    // Nor by what is not compressed.
    let mut connection = server(&deflate_config().threshold(1_000));
    let plain = from(Role::Client, &frame(FIN | BINARY, b"plain"));
    let heap = heap_of(|| {
        send(&mut connection, b"plain");
        receive(&mut connection, &plain);
        connection.commands().begin_uncompressed(MessageKind::Binary).unwrap();
        connection.commands().send_chunk(b"plain").unwrap();
        connection.commands().finish().unwrap();
        write(&mut connection);
    });
    assert!(heap.peak < 2_000, "{heap:?}");
}

#[test]
fn nothing_is_allocated_for_a_small_message_that_is_sent() {
    for takeover in [Takeover::Keep, Takeover::Reset] {
        let mut connection = server(&deflate_config().takeover(takeover));
        let text = br#"{"id":17,"name":"alpha","at":"2026-11-21T12:00:00Z"}"#.repeat(20);
        (0..50).for_each(|_| send(&mut connection, &text));
        let heap = heap_of(|| (0..100).for_each(|_| send(&mut connection, &text)));
        assert_eq!(heap.allocations, 0, "{heap:?}");
    }
}

#[test]
fn a_message_that_is_received_is_one_allocation() {
    for takeover in [Takeover::Keep, Takeover::Reset] {
        let mut connection = server(&deflate_config().peer_takeover(takeover));
        let mut raw = RawDeflate::new(6, 15, takeover);
        let text = br#"{"id":17,"name":"alpha","at":"2026-11-21T12:00:00Z"}"#.repeat(20);
        let mut receive = |count: usize| {
            for _ in 0..count {
                let bytes = from(Role::Client, &frame(FIN | RSV1 | BINARY, &raw.message(&text)));
                connection.input().extend_from_slice(&bytes);
                let heap = heap_of(|| {
                    let event = connection.poll_event().unwrap();
                    let Some((Event::Binary(payload), _)) = event else { panic!() };
                    assert_eq!(payload.into_bytes(), text);
                });
                if count > 1 {
                    assert_eq!((heap.allocations, heap.bytes), (1, text.len()));
                }
            }
        };
        (0..50).for_each(|_| receive(1));
        receive(100);
    }
}

#[test]
fn a_close_gives_the_compressor_back() {
    let mut connection = server(&deflate_config());
    let before = Heap::now().live;
    connection.commands().begin(MessageKind::Binary).unwrap();
    connection.commands().send_chunk(b"unfinished").unwrap();
    assert!(Heap::now().live - before > signed(300 * KIB));
    connection.commands().close(1000, "").unwrap();
    write(&mut connection);
    connection.release_memory();
    assert!(Heap::now().live < before);
}

#[test]
fn memory_is_not_given_back_in_the_middle_of_a_message() {
    let mut connection = server(&deflate_config().takeover(Takeover::Reset));
    connection.commands().begin(MessageKind::Binary).unwrap();
    connection.commands().send_chunk(b"one").unwrap();
    write(&mut connection);
    let before = Heap::now().live;
    connection.release_memory();
    assert!(before - Heap::now().live < signed(100 * KIB));
    connection.commands().finish().unwrap();
    write(&mut connection);
    connection.release_memory();
    assert!(before - Heap::now().live > signed(300 * KIB));
}

#[test]
fn max_memory_is_the_most_that_is_ever_used() {
    for takeover in [Takeover::Keep, Takeover::Reset] {
        for bits in [9, 12, 15] {
            for mem_level in [1, 5, 9] {
                for level in [0, 1, 9] {
                    let config = deflate_config()
                        .window_bits(bits)
                        .peer_window_bits(bits)
                        .takeover(takeover)
                        .peer_takeover(takeover)
                        .level(level)
                        .mem_level(mem_level);
                    let used = measure(&config);
                    let all = used.agreed + used.compressor + used.decompressor;
                    let bound = config.max_memory();
                    assert!(all <= bound && bound <= all + 10 * KIB, "{used:?} {bound}");
                }
            }
        }
    }
    // Whatever is out of range costs what the nearest value does.
    let wild = deflate_config().window_bits(99).mem_level(0).peer_window_bits(0);
    let tame = deflate_config().window_bits(15).mem_level(1).peer_window_bits(9);
    assert_eq!(wild.max_memory(), tame.max_memory());
}

#[test]
fn a_configuration_within_a_bound_keeps_to_it() {
    assert_eq!(DeflateConfig::within(0), None);
    assert_eq!(DeflateConfig::within(usize::MAX), DeflateConfig::within(459 * KIB));
    let largest = DeflateConfig::within(usize::MAX).unwrap();
    assert_eq!(largest, DeflateConfig::default());
    let mut found = Vec::new();
    for kib in 100..500 {
        let Some(config) = DeflateConfig::within(kib * KIB) else {
            assert!(kib < 192);
            continue;
        };
        assert!(config.max_memory() <= kib * KIB);
        if found.last() != Some(&config) {
            let used = measure(&config);
            assert!(used.agreed + used.compressor + used.decompressor <= kib * KIB, "{used:?}");
            found.push(config);
        }
    }
    assert_eq!(found.len(), 7);
    assert!(found.is_sorted_by_key(|config| (config.window_bits, config.mem_level)));
    // It stays so for many messages, and while they are processed.
    let config = found[2].clone();
    let mut connection = server(&config);
    let mut raw = RawDeflate::new(6, config.peer_window_bits, Takeover::Keep);
    let message = noise(2_000);
    let frames: Vec<_> = (0..50)
        .map(|_| from(Role::Client, &frame(FIN | RSV1 | BINARY, &raw.message(&message))))
        .collect();
    let heap = heap_of(|| {
        for frame in &frames {
            assert_eq!(receive(&mut connection, frame), 1);
            send(&mut connection, &message);
        }
    });
    // And the message in buffers to receive and to send, while they grow.
    assert!(heap.peak <= signed(config.max_memory() + 10 * message.len()), "{heap:?}");
}
