//! When is read and when is not: back-pressure, reading ahead, fairness.

use bytes::Buf;
use sanswire::{Config, ConnectionError, Role};

use crate::hand::{BINARY, Hand, PING, PONG, TEXT, Told, secs};

/// An end whose output is full with 4 KiB.
fn narrow() -> Config {
    Config::default().max_buffered(4 << 10).low_water(1 << 10)
}

/// A server with an echo of 3 KiB for each message, and messages for it.
fn answering(config: &Config) -> (Hand, Vec<u8>) {
    let mut hand = Hand::open(Role::Server, config);
    hand.answer = Some(vec![7; 3_500]);
    let message = hand.by_peer(TEXT, b"x");
    (hand, message)
}

/// Reads all of `bytes`, and takes what is told on the way.
fn read_all(hand: &mut Hand, mut bytes: &[u8]) -> Vec<Told> {
    let mut told = Vec::new();
    while !bytes.is_empty() {
        bytes = &bytes[hand.read(bytes)..];
        told.extend(hand.take());
    }
    told
}

#[test]
fn answers_that_fill_the_output_stop_events_until_it_is_written() {
    let (mut hand, message) = answering(&narrow());
    hand.read(&message.repeat(5));
    assert_eq!(hand.take().len(), 2);
    assert_eq!(hand.refused, 0);
    // Down to the low mark, and not before.
    let waiting = hand.connection().buffered_amount();
    hand.write(waiting - (2 << 10)).unwrap();
    assert!(!hand.driver.has_event() && hand.take().is_empty());
    while hand.connection().buffered_amount() > 1 << 10 {
        assert!(hand.take().is_empty());
        hand.write(100);
    }
    hand.write(100);
    assert!(hand.driver.has_event());
    let told = hand.take();
    assert_eq!(told.iter().filter(|told| matches!(told, Told::Text(_))).count(), 1, "{told:?}");
    assert_eq!(hand.settle().iter().filter(|told| matches!(told, Told::Text(_))).count(), 2);
    assert_eq!(hand.refused, 0);
}

#[test]
fn what_is_sent_by_oneself_does_not_stop_events() {
    let mut hand = Hand::open(Role::Server, &narrow());
    while hand.driver.commands().send(vec![0; 1 << 10]).is_ok() {}
    hand.read(&hand.by_peer(TEXT, b"x").repeat(5));
    assert_eq!(hand.take().len(), 5);
}

#[test]
fn what_is_sent_by_oneself_behind_an_event_does_not_stop_events() {
    let mut hand = Hand::open(Role::Server, &narrow());
    hand.read(&hand.by_peer(TEXT, b"x").repeat(5));
    assert_eq!(hand.next(), Some(Told::Text("x".into())));
    while hand.driver.commands().send(vec![0; 1 << 10]).is_ok() {}
    assert_eq!(hand.take().len(), 4);
}

#[test]
fn what_is_sent_upon_room_is_no_answer() {
    // Or two ends that keep their outputs full would not read from each other.
    let mut hand = Hand::open(Role::Server, &narrow());
    while hand.driver.commands().send(vec![0; 1 << 10]).is_ok() {}
    while !hand.driver.has_event() {
        hand.write(100).unwrap();
    }
    match hand.driver.poll_event() {
        Ok(sanswire::driver::Next::Event(sanswire::Event::Writable(_), mut commands)) => {
            while commands.send(vec![0; 1 << 10]).is_ok() {}
        }
        told => panic!("{told:?}"),
    }
    hand.read(&hand.by_peer(TEXT, b"x").repeat(5));
    assert_eq!(hand.take().len(), 5);
}

#[test]
fn pongs_that_fill_the_output_stop_events() {
    let config = Config::default().max_buffered(1 << 10);
    let mut hand = Hand::open(Role::Server, &config);
    let ping = hand.by_peer(PING, &[7; 100]);
    hand.read(&ping.repeat(100));
    let told = hand.take().len();
    assert!((8..=12).contains(&told), "{told}");
    let told = told + hand.settle().iter().filter(|told| matches!(told, Told::Ping(_))).count();
    assert_eq!(told, 100);
    assert!(hand.frames().iter().all(|frame| *frame == (PONG, vec![7; 100])));
}

#[test]
fn a_write_error_lets_events_through() {
    let (mut hand, message) = answering(&narrow());
    hand.read(&message.repeat(5));
    assert_eq!(hand.take().len(), 2);
    assert!(hand.driver.want_write().is_some());
    hand.driver.handle_write_error();
    assert_eq!(hand.take().len(), 3);
    hand.eof();
    assert!(matches!(&hand.take()[..], [Told::Failed(_)]));
}

#[test]
fn answers_behind_a_write_error_do_not_stop_events() {
    let (mut hand, message) = answering(&narrow());
    hand.driver.commands().send("x").unwrap();
    assert!(hand.driver.want_write().is_some());
    hand.driver.handle_write_error();
    hand.read(&message.repeat(5));
    assert_eq!(hand.take().len(), 5);
    hand.eof();
    assert!(matches!(&hand.take()[..], [Told::Failed(_)]));
}

#[test]
fn at_most_64_kib_are_read_ahead_while_events_are_stopped() {
    let (mut hand, message) = answering(&narrow());
    hand.read(&message.repeat(2));
    assert_eq!(hand.take().len(), 2);
    let read = hand.read_ahead(&message.repeat(100_000));
    assert!((64 << 10..136 << 10).contains(&read), "{read}");
    assert!(!hand.driver.wants_read() && hand.take().is_empty());
    assert!(!hand.driver.wants_read());
    let told = hand.settle().iter().filter(|told| matches!(told, Told::Text(_))).count();
    assert_eq!(told, read / message.len());
}

#[test]
fn at_most_64_kib_are_read_ahead_while_nobody_asks_for_events() {
    for role in [Role::Client, Role::Server] {
        let mut hand = Hand::open(role, &Config::default());
        let message = hand.by_peer(TEXT, &[b'x'; 100]);
        let read = hand.read_ahead(&message.repeat(10_000));
        assert!((64 << 10..136 << 10).contains(&read), "{read}");
        assert!(!hand.driver.wants_read());
        let told = hand.take().iter().filter(|told| matches!(told, Told::Text(_))).count();
        assert_eq!(told, read / message.len());
        assert!(hand.driver.wants_read());
    }
}

#[test]
fn a_large_message_is_read_to_its_end_however_much_waits() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    let message = hand.by_peer(BINARY, &vec![7; 1 << 20]);
    let mut rest = &message[..];
    let mut told = Vec::new();
    while !rest.is_empty() {
        assert!(told.is_empty());
        let len = hand.read(rest);
        assert!(len > 0);
        rest = &rest[len..];
        told.extend(hand.take().into_iter().filter(|told| *told != Told::Yield));
    }
    assert_eq!(told, [Told::Binary(vec![7; 1 << 20])]);
}

#[test]
fn a_large_message_is_not_read_ahead_of_who_asks_for_no_event() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    let message = hand.by_peer(BINARY, &vec![7; 1 << 20]);
    let read = hand.read_ahead(&message);
    assert!(read < 256 << 10, "{read}");
}

#[test]
fn others_get_a_turn_after_256_events() {
    for first in [TEXT, PONG] {
        let mut hand = Hand::open(Role::Server, &Config::default());
        hand.settle();
        let frame = hand.by_peer(first, b"");
        // What opening took is not known here: count from one turn to the next.
        let mut since = Vec::new();
        let mut count = 0;
        for told in (0..6).flat_map(|_| {
            hand.read_ahead(&frame.repeat(300));
            hand.take()
        }) {
            if told == Told::Yield {
                since.push(core::mem::take(&mut count));
            } else {
                count += 1;
            }
        }
        assert!(since.len() >= 6, "{since:?}");
        assert!(since.iter().all(|count| (240..=256).contains(count)), "{since:?}");
    }
}

#[test]
fn what_is_left_of_a_turn_is_kept_across_waits() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    let message = hand.by_peer(TEXT, b"");
    let mut turns = Vec::new();
    for at in 0..600 {
        hand.read(&message);
        let told = hand.take();
        if told.contains(&Told::Yield) {
            turns.push(at);
        }
    }
    assert_eq!(turns.len(), 2, "{turns:?}");
    assert_eq!(turns[1] - turns[0], 256);
}

#[test]
fn a_turn_begins_anew_where_nothing_is_to_be_done() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    let message = hand.by_peer(TEXT, b"");
    for _ in 0..600 {
        hand.read(&message);
        assert!(!hand.take().contains(&Told::Yield));
        hand.driver.release_memory();
    }
}

#[test]
fn a_large_message_is_done_in_one_turn_and_answered_in_it() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    let message = hand.by_peer(BINARY, &vec![7; 1 << 20]);
    hand.driver.release_memory();
    // And then it is somebody else's turn.
    let told = read_all(&mut hand, &message);
    let [Told::Binary(bytes), Told::Yield] = &told[..] else { panic!("{} told", told.len()) };
    assert!(*bytes == [7; 1 << 20]);
}

#[test]
fn others_get_a_turn_within_a_large_message_however_it_arrives() {
    for (opcode, size) in [BINARY, TEXT]
        .into_iter()
        .flat_map(|opcode| [1_000, 4_000, 9_000, usize::MAX].map(|size| (opcode, size)))
    {
        let mut hand = Hand::open(Role::Server, &Config::default());
        let message = hand.by_peer(opcode, &vec![b'x'; 12 << 20]);
        let told: Vec<_> =
            message.chunks(size).flat_map(|part| read_all(&mut hand, part)).collect();
        let turns = told.iter().filter(|told| **told == Told::Yield).count();
        assert_eq!(told.len() - turns, 1);
        assert!((5..=9).contains(&turns), "{turns}, reads of {size}");
    }
}

#[test]
fn messages_of_some_length_take_as_much_of_a_turn_as_one() {
    for len in [10_000, 60_000, 70_000] {
        let mut hand = Hand::open(Role::Server, &Config::default());
        let count = (12 << 20) / len;
        let messages = hand.by_peer(BINARY, &vec![7; len]).repeat(count);
        let told = read_all(&mut hand, &messages);
        let turns = told.iter().filter(|told| **told == Told::Yield).count();
        assert_eq!(told.len() - turns, count);
        assert!((10..=22).contains(&turns), "{turns} of {len}");
    }
}

#[test]
fn a_turn_of_others_does_not_get_lost_among_answers() {
    let (mut hand, message) = answering(&Config::default());
    hand.answer = Some(b"x".to_vec());
    let mut turns = 0;
    for _ in 0..1_024 {
        hand.read(&message);
        turns += hand.settle().iter().filter(|told| **told == Told::Yield).count();
    }
    assert_eq!(turns, 4);
}

#[test]
fn memory_is_given_back_when_nothing_waits() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    let message = hand.by_peer(BINARY, &vec![7; 100 << 10]);
    let (head, rest) = message.split_at(50 << 10);
    for part in [head, rest] {
        let mut part = part;
        while !part.is_empty() {
            let len = hand.read(part);
            part = &part[len..];
            hand.take();
            hand.driver.release_memory();
        }
    }
    hand.driver.release_memory();
    hand.read(&hand.by_peer(TEXT, b"x"));
    assert_eq!(hand.take().last(), Some(&Told::Text("x".into())));
}

#[test]
fn output_is_written_as_far_as_it_goes() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    let text = "x".repeat(1_000);
    hand.driver.commands().send(&*text).unwrap();
    let mut len = 0;
    while let Some(sanswire::driver::Write::Bytes(output)) = hand.driver.want_write() {
        assert!(output.has_remaining());
        // Asked again, and nothing is gone.
        let left = output.remaining();
        let Some(sanswire::driver::Write::Bytes(output)) = hand.driver.want_write() else {
            panic!()
        };
        assert_eq!(output.remaining(), left);
        hand.write(3);
        len += 1;
        assert!(!hand.driver.is_written());
    }
    assert_eq!(len, 1_004_usize.div_ceil(3));
    hand.write_all();
    assert!(hand.driver.is_written());
    assert_eq!(hand.frames(), [(TEXT, text.into_bytes())]);
}

#[test]
fn a_stuck_output_that_answers_filled_ends_by_its_deadline() {
    let config = Config::default().max_buffered(4 << 10).ping_interval(None);
    let (mut hand, message) = answering(&config);
    hand.read(&message.repeat(5));
    assert_eq!(hand.take().len(), 2);
    assert!(hand.pass_stuck_until(secs(59)).is_empty());
    let told = hand.pass_stuck_until(secs(61));
    // What had arrived is delivered, and then the error.
    assert_eq!(told[..3], [(); 3].map(|()| Told::Text("x".into())));
    let error = ConnectionError::WriteTimeout { limit: secs(60) };
    assert_eq!(told[3..], [Told::Failed(sanswire::driver::DriverError::Connection(error))]);
}

#[test]
fn room_that_no_write_has_brought_is_an_event() {
    // What waits counts less once it is framed, and that is only when it is to be written.
    for low in 480..500 {
        let config = Config::default()
            .max_buffered(2_000)
            .low_water(low)
            .fragment_size(core::num::NonZeroUsize::new(10));
        let mut hand = Hand::open(Role::Server, &config);
        hand.driver.commands().send(&[7; 100][..]).unwrap();
        while hand.driver.commands().send(&b""[..]).is_ok() {}
        hand.take();
        let mut told = Vec::new();
        while told.is_empty() {
            assert!(hand.driver.want_write().is_some());
            let had_event = hand.driver.has_event();
            told = hand.take();
            assert_eq!(had_event, !told.is_empty());
            if told.is_empty() {
                hand.write(1);
                told = hand.take();
            }
        }
        assert_eq!(told, [Told::Writable]);
    }
}
