//! Connections that take turns with the same buffers: a turn asks for no memory, one that waits
//! holds none, and what is kept between them is bounded.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::{Buf, BufMut};
use sanswire::driver::{Driver, Next, Write};
use sanswire::{Config, Connection, Event, Message, Role, SpareBuffers};

use crate::heap::{Heap, heap_of, signed};
use crate::support::{BINARY, BOTH, FIN, PING, TEXT, frame, from};

/// The most that spare buffers hold, if no large message was received.
pub(crate) const MOST: isize = 264 << 10;

/// What they hold besides, if one was.
pub(crate) const MOST_LARGE: isize = (1 << 20) + 1024;

fn driver(role: Role) -> Driver {
    Driver::from(match role {
        Role::Client => Connection::client(&Config::default(), [7; 32]),
        Role::Server => Connection::server(&Config::default()),
    })
}

/// Answers all messages of the driver by copies, or by themselves.
fn answer(driver: &mut Driver, by_copy: bool) {
    loop {
        match driver.poll_event().unwrap() {
            Next::Event(Event::Text(text), mut commands) if by_copy => {
                commands.send(&text).unwrap();
            }
            Next::Event(event, mut commands) => {
                if let Some(message) = event.into_message() {
                    commands.send(message).unwrap();
                }
            }
            Next::Wait => return,
            Next::Yield => {}
            next @ (Next::Over | Next::Request(_) | Next::Response(_)) => panic!("{next:?}"),
        }
    }
}

/// Writes all that waits, to nowhere.
fn write(driver: &mut Driver) {
    while let Some(wanted) = driver.want_write() {
        let len = if let Write::Bytes(output) = wanted { output.remaining() } else { 0 };
        driver.handle_written(len);
    }
}

/// Reads from `bytes` as a socket is read; returns how much.
fn read(driver: &mut Driver, bytes: &[u8]) -> usize {
    let mut input = driver.want_read().unwrap();
    let len = input.chunk_mut().len().min(bytes.len());
    input.put_slice(&bytes[..len]);
    driver.handle_read(len, core::time::Duration::ZERO);
    len
}

/// Has the driver read all of `bytes`, answer and write in one turn.
fn turn(driver: &mut Driver, mut bytes: &[u8], by_copy: bool, spare: &mut SpareBuffers) {
    driver.reuse_memory(spare);
    while !bytes.is_empty() {
        if driver.wants_read() {
            bytes = &bytes[read(driver, bytes)..];
        } else {
            write(driver);
        }
        answer(driver, by_copy);
    }
    write(driver);
    answer(driver, by_copy);
    write(driver);
    driver.release_memory_to(spare);
}

#[test]
fn connections_take_turns_without_an_allocation() {
    for role in BOTH {
        for (len, count, by_copy) in [
            (16, 1, true),
            (16, 64, true),
            (1_000, 64, true),
            (16_000, 4, true),
            (1_000, 64, false),
        ] {
            let bytes = from(role.peer(), &frame(FIN | TEXT, &vec![b'x'; len]).repeat(count));
            let mut drivers = [(); 20].map(|()| driver(role));
            let mut spare = SpareBuffers::default();
            let mut turns = |spare: &mut SpareBuffers| {
                for driver in &mut drivers {
                    turn(driver, &bytes, by_copy, spare);
                }
            };
            (0..3).for_each(|_| turns(&mut spare));
            let heap = heap_of(|| (0..3).for_each(|_| turns(&mut spare)));
            // A message that is sent on is taken out of the input.
            let taken = if by_copy { 0 } else { 3 * 20 * count };
            assert!(heap.allocations <= taken, "{role:?}, {count} of {len}: {heap:?}");
        }
    }
}

#[test]
fn large_messages_that_are_handed_on_leave_their_memory_to_the_next() {
    for len in [60 << 10, 130_000, 300_000, 1 << 20] {
        let bytes = from(Role::Client, &frame(FIN | BINARY, &vec![7; len]));
        let mut drivers = [(); 4].map(|()| driver(Role::Server));
        let mut spare = SpareBuffers::default();
        let mut turns = || {
            for driver in &mut drivers {
                turn(driver, &bytes, false, &mut spare);
            }
        };
        (0..5).for_each(|_| turns());
        let heap = heap_of(|| (0..5).for_each(|_| turns()));
        // What counts who has a message, and no memory for messages.
        assert!(heap.bytes < 20 * 500, "{len}: {heap:?}");
    }
}

#[test]
fn a_large_message_that_comes_in_many_turns_goes_to_the_same_memory() {
    let bytes = from(Role::Client, &frame(FIN | BINARY, &vec![7; 1 << 20]));
    let mut spare = SpareBuffers::default();
    let mut driver = driver(Role::Server);
    let mut slowly = || {
        for part in bytes.chunks(10_000) {
            turn(&mut driver, part, false, &mut spare);
        }
    };
    (0..2).for_each(|_| slowly());
    // Only the first eighth waits in memory of its own.
    let heap = heap_of(slowly);
    assert!(heap.peak < 135_000 && heap.bytes < 1 << 20, "{heap:?}");
}

#[test]
fn memory_for_large_messages_goes_to_who_receives_such() {
    let bytes = from(Role::Client, &frame(FIN | BINARY, &vec![7; 1 << 20]));
    let mut spare = SpareBuffers::default();
    let (mut one, mut other) = (driver(Role::Server), driver(Role::Server));
    (0..2).for_each(|_| turn(&mut one, &bytes, false, &mut spare));
    // An announcement alone is none.
    other.reuse_memory(&mut spare);
    read(&mut other, &bytes[..100]);
    answer(&mut other, false);
    let before = Heap::now().live;
    other.release_memory_to(&mut spare);
    assert!(Heap::now().live <= before);
    // Nor does a peer have a whole one that has sent one before, and nothing since.
    for peer in [&mut one, &mut other] {
        let held = heap_of(|| {
            peer.reuse_memory(&mut SpareBuffers::default());
            assert!(peer.want_read().unwrap().chunk_mut().len() < 128 << 10);
            peer.release_memory();
        });
        assert!(held.live <= 32 << 10 && held.bytes < 128 << 10, "{held:?}");
    }
    let heap = heap_of(|| turn(&mut one, &bytes, false, &mut spare));
    assert!(heap.bytes < 500, "{heap:?}");
    // Whose memory is needed is not asked for a smaller one: it would be copied out of it.
    let small = from(Role::Client, &frame(FIN | BINARY, &vec![7; 200_000]));
    (0..2).for_each(|_| turn(&mut other, &small, false, &mut spare));
    let heap = heap_of(|| turn(&mut other, &small, false, &mut spare));
    assert!(heap.bytes < 500, "{heap:?}");
}

#[test]
fn a_header_that_comes_alone_is_remembered() {
    let bytes = from(Role::Client, &frame(FIN | BINARY, &vec![7; 1 << 20]));
    let mut spare = SpareBuffers::default();
    let mut driver = driver(Role::Server);
    let mut apart = |at: usize| {
        turn(&mut driver, &bytes[..at], false, &mut spare);
        turn(&mut driver, &bytes[at..], false, &mut spare);
    };
    for at in [1, 13, 14, 15, 500_000] {
        (0..2).for_each(|_| apart(at));
        let heap = heap_of(|| apart(at));
        assert!(heap.bytes < 500, "{at}: {heap:?}");
    }
    // Without spare memory, there is room for all of it at once.
    let mut other = self::driver(Role::Server);
    let mut apart = || {
        turn(&mut other, &bytes[..14], false, &mut SpareBuffers::default());
        turn(&mut other, &bytes[14..], false, &mut SpareBuffers::default());
    };
    apart();
    let heap = heap_of(apart);
    assert!(heap.bytes < (1 << 20) + (100 << 10), "{heap:?}");
}

#[test]
fn a_large_message_that_is_only_looked_at_is_remembered() {
    let bytes = from(Role::Client, &frame(FIN | BINARY, &vec![7; 1 << 20]));
    let mut spare = SpareBuffers::default();
    let mut driver = driver(Role::Server);
    let mut look = || {
        driver.reuse_memory(&mut spare);
        let mut left = &bytes[..];
        let mut seen = 0;
        while !left.is_empty() {
            left = &left[read(&mut driver, left)..];
            while let Next::Event(Event::Binary(payload), _) = driver.poll_event().unwrap() {
                seen += payload.len();
            }
        }
        assert_eq!(seen, 1 << 20);
        driver.release_memory_to(&mut spare);
    };
    (0..3).for_each(|_| look());
    let heap = heap_of(look);
    assert!(heap.bytes < 500, "{heap:?}");
}

/// Whatever it has sent before.
#[test]
fn who_waits_within_a_message_holds_little_more_than_came_of_it() {
    let large = from(Role::Client, &frame(FIN | BINARY, &vec![7; 1 << 20]));
    let (ping, text) = (frame(FIN | PING, &[7; 10]), frame(FIN | TEXT, &[b'x'; 20]));
    for is_known in [false, true] {
        for next in [&large, &from(Role::Client, &ping), &from(Role::Client, &text)] {
            for len in [1, 6, 10, 14, 15, 1_000, 30_000, 131_300, 200_100] {
                let mut spare = SpareBuffers::default();
                let (mut driver, mut other) = (driver(Role::Server), driver(Role::Server));
                turn(&mut other, &large, false, &mut spare);
                turn(&mut other, &large, false, &mut spare);
                if is_known {
                    turn(&mut driver, &large, false, &mut spare);
                }
                // It begins in one turn, and goes on in others.
                let mut bytes = &next[..len.min(next.len() - 1)];
                let sent = signed(bytes.len());
                let before = Heap::now().live;
                while !bytes.is_empty() {
                    let part = bytes.len().min(40_000);
                    turn(&mut driver, &bytes[..part], false, &mut spare);
                    bytes = &bytes[part..];
                }
                drop(spare);
                let most = (8 * sent).max(32 << 10);
                let held = Heap::now().live - before;
                assert!(held <= most, "{held} bytes for {sent}, known: {is_known}");
            }
        }
    }
}

#[test]
fn an_idle_connection_holds_nothing_and_spare_buffers_hold_little() {
    for role in BOTH {
        for len in [16, 1_000, 30_000, 60_000, 130_000, 300_000, 1 << 20] {
            for by_copy in [false, true] {
                let mut spare = SpareBuffers::default();
                let mut drivers = [(); 5].map(|()| driver(role));
                let bytes = from(role.peer(), &frame(FIN | TEXT, &vec![b'x'; len]).repeat(8));
                let most = MOST + if len > 128 << 10 { MOST_LARGE } else { 0 };
                let before = Heap::now().live;
                for _ in 0..3 {
                    for driver in &mut drivers {
                        turn(driver, &bytes, by_copy, &mut spare);
                        let held = Heap::now().live - before;
                        assert!(held <= most, "{held} bytes after 8 messages of {len}");
                    }
                }
                drop(spare);
                assert_eq!(Heap::now().live, before, "{len}");
            }
        }
    }
}

#[test]
fn turns_do_not_end_within_messages() {
    for len in [60_000, 70_000, 300_000, 1 << 20] {
        let bytes = from(Role::Client, &frame(FIN | BINARY, &vec![7; len]));
        let mut spare = SpareBuffers::default();
        let mut drivers: Vec<_> = (0..10).map(|_| (driver(Role::Server), &bytes[..])).collect();
        turn(&mut drivers[0].0, &bytes, true, &mut spare);
        turn(&mut drivers[0].0, &bytes, true, &mut spare);
        let mut messages = 0;
        let heap = heap_of(|| {
            while messages < 300 {
                // Something is to be read all the time.
                for (driver, left) in &mut drivers {
                    driver.reuse_memory(&mut spare);
                    loop {
                        match driver.poll_event().unwrap() {
                            Next::Event(event, _) => {
                                drop(event.into_message());
                                messages += 1;
                            }
                            Next::Wait => {
                                *left = &left[read(driver, left)..];
                                if left.is_empty() {
                                    *left = &bytes;
                                }
                            }
                            Next::Yield => break,
                            next @ (Next::Over | Next::Request(_) | Next::Response(_)) => {
                                panic!("{next:?}")
                            }
                        }
                    }
                    driver.release_memory_to(&mut spare);
                }
            }
        });
        // One at a time has memory, and the first message grows.
        let most = 3 * signed(len) + (256 << 10);
        assert!(heap.peak <= most, "{len}: {heap:?}");
    }
}

/// Whatever was large once, or has many pieces.
#[test]
fn spare_buffers_hold_little_whatever_was_sent() {
    let mut spare = SpareBuffers::default();
    let mut driver = driver(Role::Server);
    let before = Heap::now().live;
    for round in 0..200_usize {
        driver.reuse_memory(&mut spare);
        let mut sent = true;
        while sent {
            let len = round * 701 % 20_000;
            let message = Message::from(vec![7; len]);
            sent = driver.commands().send(message).is_ok();
        }
        write(&mut driver);
        driver.release_memory_to(&mut spare);
        let held = Heap::now().live - before;
        assert!(held <= MOST, "{held} bytes");
    }
}

#[test]
fn memory_in_which_a_message_lies_is_nobody_elses() {
    let bytes = from(Role::Client, &frame(FIN | BINARY, &[7; 60_000]));
    let mut spare = SpareBuffers::default();
    let (mut one, mut other) = (driver(Role::Server), driver(Role::Server));
    let mut kept: Vec<Message> = Vec::new();
    for _ in 0..5 {
        for driver in [&mut one, &mut other] {
            driver.reuse_memory(&mut spare);
            let mut left = &bytes[..];
            while !left.is_empty() {
                left = &left[read(driver, left)..];
                while let Next::Event(event, _) = driver.poll_event().unwrap() {
                    kept.push(event.into_message().unwrap());
                }
            }
            driver.release_memory_to(&mut spare);
        }
    }
    assert_eq!(kept.len(), 10);
    assert!(kept.iter().all(|message| *message == Message::from(vec![7; 60_000])));
    // And nothing is kept because of them.
    let before = Heap::now().live;
    drop(kept);
    assert!(Heap::now().live <= before - 10 * 60_000);
    let freed = heap_of(|| drop(spare)).live;
    assert!(freed >= -MOST, "{freed}");
}

/// The memory of a read in flight may be a part of what a connection has.
#[test]
fn memory_of_a_part_of_a_large_buffer_counts_whole() {
    let mut spare = SpareBuffers::default();
    let mut driver = driver(Role::Server);
    let large = from(Role::Client, &frame(FIN | BINARY, &[7; 900_000]));
    let before = Heap::now().live;
    let mut left = &large[..];
    while !left.is_empty() {
        let mut memory = driver.take_read().unwrap();
        driver.reuse_memory(&mut spare);
        let len = memory.capacity().min(left.len()).min(70_000);
        memory.extend_from_slice(&left[..len]);
        driver.give_read(memory);
        driver.handle_read(len, core::time::Duration::ZERO);
        left = &left[len..];
        loop {
            match driver.poll_event().unwrap() {
                Next::Event(event, _) => drop(event.into_message()),
                Next::Wait => break,
                Next::Over | Next::Request(_) | Next::Response(_) | Next::Yield => {}
            }
        }
        driver.release_memory_to(&mut spare);
    }
    let held = Heap::now().live - before;
    assert!(held <= MOST, "{held} bytes");
}

#[test]
fn a_little_that_waits_holds_no_large_buffer() {
    let bytes = from(Role::Client, &frame(FIN | TEXT, &[b'x'; 1_000]).repeat(60));
    let mut spare = SpareBuffers::default();
    let mut busy = driver(Role::Server);
    let mut slow: Vec<_> = (0..50).map(|_| driver(Role::Server)).collect();
    let before = Heap::now().live;
    for driver in &mut slow {
        // There are large ones.
        turn(&mut busy, &bytes, true, &mut spare);
        driver.reuse_memory(&mut spare);
        read(driver, &bytes[..100]);
        answer(driver, true);
        driver.commands().send("nobody reads it").unwrap();
        driver.release_memory_to(&mut spare);
    }
    let held = (Heap::now().live - before - MOST) / signed(slow.len());
    assert!(held < 1_000, "{held} bytes");
    for driver in &mut slow {
        driver.reuse_memory(&mut spare);
        assert!(matches!(driver.want_write(), Some(Write::Bytes(output)) if output.len() == 17));
        read(driver, &bytes[100..2_000]);
        assert!(matches!(driver.poll_event().unwrap(), Next::Event(Event::Text(text), _)
            if text.as_str() == "x".repeat(1_000)));
    }
}

#[test]
fn a_pair_that_is_never_taken_back_costs_nobody_anything() {
    let mut spare = SpareBuffers::default();
    let bytes = from(Role::Client, &frame(FIN | TEXT, b"x"));
    for _ in 0..3 {
        turn(&mut driver(Role::Server), &bytes, true, &mut spare);
        let mut driver = driver(Role::Server);
        driver.reuse_memory(&mut spare);
        driver.reuse_memory(&mut spare);
    }
    driver(Role::Server).release_memory_to(&mut spare);
}
