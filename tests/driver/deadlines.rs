//! What time brings: heartbeats, deadlines, and that both are seen without anything else moving.

use core::time::Duration;

use bytes::BufMut;
use sanswire::driver::DriverError;
use sanswire::{Config, ConnectionError, PingWhen, ReadyState, Role, SpareBuffers};

use crate::hand::{BINARY, Hand, PING, PONG, TEXT, Told, secs};
use crate::numbers::Random;

const BOTH: [Role; 2] = [Role::Client, Role::Server];

fn failed(error: ConnectionError) -> Vec<Told> {
    vec![Told::Failed(DriverError::Connection(error))]
}

#[test]
fn a_heartbeat_leaves_when_it_is_due_and_is_answered() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        for at in [20, 40, 60] {
            assert!(hand.pass_until(secs(at)).is_empty());
            let frames = hand.frames();
            let [(PING, payload)] = &frames[..] else { panic!("{frames:?}") };
            hand.now = secs(at) + Duration::from_millis(30);
            hand.read(&hand.by_peer(PONG, payload));
            assert_eq!(hand.settle(), [Told::Pong(payload.clone())]);
            let round_trip = hand.connection().round_trip_time();
            assert_eq!(round_trip, Some(Duration::from_millis(30)));
        }
    }
}

#[test]
fn a_heartbeat_that_is_due_is_no_deadline_of_a_sender() {
    for role in BOTH {
        for write_timeout in [None, Some(secs(60))] {
            let mut hand = Hand::open(role, &Config::default().write_timeout(write_timeout));
            // The time comes between the write of a message and the look at whether it was written.
            hand.driver.commands().send("x").unwrap();
            hand.write_all();
            hand.driver.handle_timeout(secs(20));
            assert!(!hand.driver.is_overdue(), "{role:?}");
            hand.write_all();
            assert_eq!(hand.driver.poll_written(), Ok(true), "{role:?}");
            assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(20)));
            hand.driver.handle_timeout(secs(20));
            assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(40)));
            // Nobody answers it.
            hand.driver.handle_timeout(secs(40));
            assert!(hand.driver.is_overdue(), "{role:?}");
        }
    }
}

#[test]
fn a_deadline_that_has_passed_is_an_event_and_nothing_to_wait_for() {
    let config = Config::default().idle_timeout(secs(10));
    let mut hand = Hand::open(Role::Server, &config);
    assert!(hand.pass_until(secs(9)).is_empty());
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(10)));
    assert!(!hand.driver.has_event() && !hand.driver.is_overdue());
    hand.driver.handle_timeout(secs(10));
    for _ in 0..3 {
        assert!(hand.driver.has_event() && hand.driver.is_overdue());
        assert_eq!(hand.driver.poll_timeout(), None);
        hand.driver.handle_timeout(secs(11));
    }
    assert!(hand.take().is_empty());
    assert!(!hand.driver.is_overdue() && hand.driver.is_ending());
    hand.now = secs(11);
    hand.settle();
    hand.eof();
    assert_eq!(hand.settle(), failed(ConnectionError::IdleTimeout { limit: secs(10) }));
}

#[test]
fn a_deadline_of_a_flush_is_seen_by_who_asks_for_no_events() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    // Something waits that nobody takes.
    hand.read(&hand.by_peer(TEXT, b"x"));
    hand.driver.commands().send("stuck").unwrap();
    let mut passed = 0;
    while !hand.driver.is_overdue() {
        assert!(hand.driver.want_write().is_some());
        hand.now = hand.driver.poll_timeout().map(Duration::from).unwrap().max(hand.now);
        assert!(hand.now <= secs(60));
        hand.driver.handle_timeout(hand.now);
        passed += 1;
        assert!(passed < 20, "time does not pass");
    }
    assert!(hand.now >= secs(40));
    assert_eq!(hand.driver.poll_timeout(), None);
    assert_eq!(hand.take()[0], Told::Text("x".into()));
}

#[test]
fn a_stuck_sender_whose_peer_sends_sees_that_it_lives() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.driver.commands().send("stuck").unwrap();
    // Events wait from now on: the application only sends.
    let message = hand.by_peer(TEXT, b"x");
    for at in 1..60 {
        hand.now = secs(at);
        assert!(hand.driver.want_write().is_some());
        hand.read(&message);
        hand.driver.handle_timeout(hand.now);
        assert!(!hand.driver.is_overdue(), "{at}");
    }
    hand.now = secs(61);
    hand.driver.handle_timeout(hand.now);
    assert!(hand.driver.is_overdue());
    let told = hand.pass_stuck_until(secs(61));
    assert_eq!(told.len(), 60);
    let error = ConnectionError::WriteTimeout { limit: secs(60) };
    assert_eq!(told[59..], failed(error));
}

#[test]
fn what_is_read_ahead_is_dated_when_it_is_read() {
    let config = Config::default().ping_when(PingWhen::Silent).write_timeout(None);
    let mut hand = Hand::open(Role::Server, &config);
    hand.read(&hand.by_peer(TEXT, b"x"));
    hand.now = secs(15);
    hand.read(&hand.by_peer(TEXT, b"x"));
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(35)));
}

/// Something that a peer may send, which may end within a frame or begin there.
fn anything(random: &mut Random, hand: &Hand, last_ping: &[u8]) -> Vec<u8> {
    match random.below(6) {
        0 => hand.by_peer(PING, b"x"),
        1 => hand.by_peer(PONG, last_ping),
        2 => hand.by_peer(BINARY, &[7; 3_000]),
        _ => hand.by_peer(TEXT, b"0123456789"),
    }
}

#[test]
fn what_is_read_without_the_time_is_dated_by_the_next_one() {
    let base = Config::default().message_timeout(secs(11)).hold_timeout(secs(900));
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let config = match seed % 3 {
            0 => base.clone().idle_timeout(secs(13)),
            1 => base.clone().ping_when(PingWhen::Silent),
            _ => base.clone(),
        };
        let mut hands = [false, true].map(|is_lazy| {
            let mut hand = Hand::open(Role::Server, &config);
            hand.is_lazy = is_lazy;
            hand
        });
        let (mut sent, mut last_ping) = (Vec::new(), Vec::new());
        for step in 0..40 {
            let now = hands[0].now + Duration::from_millis(1 + random.next() % 9_000);
            let reads: Vec<_> = (0..random.below(5))
                .map(|_| {
                    if sent.is_empty() || random.below(3) == 0 {
                        sent.extend(anything(&mut random, &hands[0], &last_ping));
                    }
                    let len = 1 + random.below(sent.len());
                    sent.drain(..len).collect::<Vec<_>>()
                })
                .collect();
            let outcomes = hands.each_mut().map(|hand| {
                let mut told = hand.pass_until(now);
                for read in &reads {
                    hand.read_ahead(read);
                    told.extend(hand.take());
                }
                told.extend(hand.settle());
                let round_trip = hand.connection().round_trip_time();
                (told, hand.frames(), hand.driver.poll_timeout(), round_trip)
            });
            assert_eq!(outcomes[0], outcomes[1], "seed {seed}, step {step}");
            let [(told, frames, ..), _] = outcomes;
            if let Some((_, payload)) = frames.into_iter().rfind(|(first, _)| *first == PING) {
                last_ping = payload;
            }
            if matches!(told.last(), Some(Told::Failed(_) | Told::Over)) {
                break;
            }
        }
    }
}

#[test]
fn a_pong_that_is_read_without_the_time_is_measured_by_the_next_one() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.is_lazy = true;
        hand.driver.commands().ping(b"mine").unwrap();
        hand.now = secs(1);
        hand.driver.handle_timeout(hand.now);
        hand.settle();
        // The first read after that tells the time, and the second does not.
        hand.read(&hand.by_peer(TEXT, b"x"));
        assert_eq!(hand.take(), [Told::Text("x".into())]);
        hand.read(&hand.by_peer(PONG, b"mine"));
        assert_eq!(hand.take(), [Told::Pong(b"mine".to_vec())]);
        assert_eq!(hand.connection().round_trip_time(), None);
        hand.driver.handle_timeout(secs(3));
        assert_eq!(hand.connection().round_trip_time(), Some(secs(2)));
    }
}

#[test]
fn a_read_that_follows_at_once_asks_for_the_time_later() {
    let silent = Config::default().ping_when(PingWhen::Silent);
    let mut hand = Hand::open(Role::Server, &silent);
    hand.is_lazy = true;
    hand.read(&hand.by_peer(TEXT, b"x"));
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(20)));
    hand.now = secs(19);
    hand.read(&hand.by_peer(TEXT, b"x"));
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(0)));
    assert_eq!(hand.take(), [Told::Text("x".into()), Told::Text("x".into())]);
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(0)));
    hand.driver.handle_timeout(secs(19));
    assert!(hand.take().is_empty() && !hand.driver.wants_write());
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(39)));
}

#[test]
fn the_clock_is_read_for_the_first_read_after_a_wait_and_for_every_eighth() {
    let waits: [fn(&mut Hand); 3] = [
        |hand| hand.driver.release_memory(),
        |hand| hand.driver.release_memory_to(&mut SpareBuffers::default()),
        |hand| hand.driver.handle_timeout(hand.now),
    ];
    for wait in waits {
        let mut hand = Hand::open(Role::Server, &Config::default());
        let message = hand.by_peer(TEXT, b"x");
        for _ in 0..2 {
            wait(&mut hand);
            let was_read = [(); 11].map(|()| {
                let mut was_read = false;
                hand.driver.want_read().unwrap().put_slice(&message);
                hand.driver.handle_read_with(message.len(), || {
                    was_read = true;
                    hand.now
                });
                hand.take();
                was_read
            });
            for (at, was_read) in was_read.into_iter().enumerate() {
                assert_eq!(was_read, at % 8 == 0, "{at}");
            }
        }
    }
}

#[test]
fn what_is_read_without_the_time_counts_also_before_it_is_taken() {
    let silent = Config::default().ping_when(PingWhen::Silent);
    let mut hand = Hand::open(Role::Server, &silent);
    hand.is_lazy = true;
    hand.read(&hand.by_peer(TEXT, b"x"));
    assert_eq!(hand.take(), [Told::Text("x".into())]);
    hand.read(&hand.by_peer(TEXT, b"y"));
    // The peer lives: it is not asked whether it does.
    hand.driver.handle_timeout(secs(19));
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(39)));
    assert_eq!(hand.take(), [Told::Text("y".into())]);
}

#[test]
fn a_driver_that_is_handed_over_with_undated_input_has_not_failed() {
    let config = Config::default().message_timeout(secs(10));
    let mut hand = Hand::open(Role::Server, &config);
    hand.is_lazy = true;
    hand.read(&hand.by_peer(TEXT, b"x"));
    assert_eq!(hand.take(), [Told::Text("x".into())]);
    // Another follows at once, which is not dated.
    hand.read(&hand.by_peer(TEXT, b"xyz")[..7]);
    assert!(hand.take().is_empty());
    hand.driver.handle_pause(secs(60));
    assert!(hand.take().is_empty() && !hand.driver.is_ending());
    let mut connection = hand.driver.into_connection().unwrap();
    assert!(connection.poll_event().unwrap().is_none());
    // The next is a heartbeat: the message has just begun.
    assert_eq!(connection.poll_timeout().map(Duration::from), Some(secs(20)));
}

#[test]
fn silence_means_nothing_while_nothing_is_read() {
    let config = Config::default().max_buffered(4 << 10).write_timeout(secs(300));
    let mut hand = Hand::open(Role::Server, &config);
    hand.answer = Some(vec![0; 4 << 10]);
    let message = hand.by_peer(BINARY, &[0; 1_000]);
    hand.read_ahead(&message.repeat(200));
    assert_eq!(hand.take().len(), 1);
    assert!(!hand.driver.wants_read());
    assert!(hand.pass_stuck_until(secs(299)).is_empty());
    let told = hand.pass_stuck_until(secs(301));
    let error = ConnectionError::WriteTimeout { limit: secs(300) };
    assert_eq!(told.last(), failed(error).last());
}

#[test]
fn silence_means_nothing_behind_the_end_of_the_stream() {
    let config = Config::default().max_buffered(4 << 10).write_timeout(secs(300));
    let mut hand = Hand::open(Role::Server, &config);
    hand.answer = Some(vec![0; 4 << 10]);
    hand.read(&hand.by_peer(TEXT, b"x").repeat(3));
    hand.eof();
    assert_eq!(hand.take().len(), 1);
    assert!(hand.pass_stuck_until(secs(299)).is_empty());
    let told = hand.pass_stuck_until(secs(306));
    assert_eq!(told[..2], [Told::Text("x".into()), Told::Text("x".into())]);
    assert_eq!(told[2..], failed(ConnectionError::UnexpectedEof));
}

#[test]
fn a_message_that_waits_is_not_late() {
    let config =
        Config::default().message_timeout(secs(5)).idle_timeout(secs(5)).pong_timeout(None);
    let mut hand = Hand::open(Role::Server, &config);
    hand.read(&hand.by_peer(TEXT, b"whole"));
    for at in 1..20 {
        hand.now = secs(at);
        hand.driver.handle_timeout(hand.now);
        assert!(!hand.driver.is_overdue());
    }
    assert_eq!(hand.take(), [Told::Text("whole".into())]);
}

#[test]
fn a_message_that_does_not_end_is_late() {
    let config = Config::default().message_timeout(secs(5));
    let mut hand = Hand::open(Role::Server, &config);
    hand.now = secs(1);
    hand.read(&hand.by_peer(TEXT, b"half")[..8]);
    assert!(hand.take().is_empty());
    assert!(hand.pass_until(secs(5)).is_empty());
    hand.pass_until(secs(6));
    assert!(hand.driver.is_ending());
    hand.eof();
    assert_eq!(hand.settle(), failed(ConnectionError::MessageTimeout { limit: secs(5) }));
}

#[test]
fn a_peer_that_always_sends_and_never_reads_is_found() {
    let idle = Config::default().idle_timeout(secs(60));
    let limit = secs(60);
    for (config, first, error) in [
        (Config::default(), TEXT, ConnectionError::WriteTimeout { limit }),
        (idle, PONG, ConnectionError::IdleTimeout { limit }),
    ] {
        for role in BOTH {
            let mut hand = Hand::open(role, &config);
            if first == TEXT {
                hand.driver.commands().send("stuck").unwrap();
            }
            let mut told = Vec::new();
            while !hand.driver.is_ending() {
                // A transport that never has to be waited for: no other time is told.
                hand.now += secs(1) / 10;
                assert!(hand.now < secs(80), "{first:#x} {:?}", hand.now);
                hand.read(&hand.by_peer(first, b"x"));
                told = hand.take();
                if first != TEXT {
                    hand.write_all();
                }
            }
            assert!(hand.now >= limit);
            hand.now += secs(10);
            hand.driver.handle_timeout(hand.now);
            told.extend(hand.pass_stuck_until(hand.now + secs(10)));
            assert_eq!(told.last(), failed(error).last());
        }
    }
}

#[test]
fn what_a_transport_takes_and_does_not_flush_has_not_left() {
    let error = ConnectionError::WriteTimeout { limit: secs(60) };
    for ping_interval in [None, Some(secs(20))] {
        for role in BOTH {
            let mut hand = Hand::open(role, &Config::default().ping_interval(ping_interval));
            hand.now = secs(1);
            hand.driver.handle_timeout(hand.now);
            hand.driver.commands().send("stuck").unwrap();
            // The application waits for the flush, and nothing else comes of the peer.
            hand.eof();
            while !hand.driver.is_overdue() {
                hand.write_unflushed();
                let next = hand.driver.poll_timeout().map(Duration::from).unwrap();
                assert!(next > hand.now || hand.driver.poll_written() == Ok(false));
                hand.now = next.max(hand.now);
                assert!(hand.now <= secs(61), "{role:?} {:?}", hand.now);
                hand.driver.handle_timeout(hand.now);
            }
            assert_eq!(hand.now, secs(61));
        }
        // With somebody who takes what the peer sends.
        for role in BOTH {
            let mut hand = Hand::open(role, &Config::default().ping_interval(ping_interval));
            hand.driver.commands().send("stuck").unwrap();
            let mut told = Vec::new();
            while !hand.driver.is_ending() {
                hand.write_unflushed();
                hand.now += secs(1) / 10;
                // What has just come may be a part of what is waited for.
                assert!(hand.now < secs(80), "{role:?} {:?}", hand.now);
                hand.read(&hand.by_peer(TEXT, b"x"));
                hand.driver.handle_timeout(hand.now);
                told = hand.take();
            }
            told.extend(hand.pass_stuck_until(hand.now + secs(10)));
            assert_eq!(told.last(), failed(error).last());
        }
    }
}

#[test]
fn what_is_flushed_at_last_or_moves_on_is_not_late() {
    let mut hand = Hand::open(Role::Server, &Config::default().ping_interval(None));
    hand.driver.commands().send("slow").unwrap();
    for at in 1..100 {
        hand.write_unflushed();
        hand.now = secs(30 * at);
        hand.driver.handle_timeout(hand.now);
        assert!(!hand.driver.is_overdue(), "{at}");
        // Some of it leaves each time.
        hand.driver.commands().send("more").unwrap();
    }
    hand.write_all();
    hand.driver.handle_timeout(hand.now);
    assert_eq!(hand.driver.poll_timeout(), None);
    // A connection that goes its own way is flushed by somebody else, if at all.
    hand.driver.commands().send("on").unwrap();
    hand.write_unflushed();
    let connection = hand.driver.into_connection().unwrap();
    assert_eq!(connection.poll_timeout(), None);
}

#[test]
fn a_pong_that_waited_while_the_process_was_stopped_counts() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.pass_until(secs(20));
        assert_eq!(hand.frames().len(), 1);
        hand.now = secs(1_000);
        // Seen first, and judged behind what is there.
        hand.driver.handle_timeout(hand.now);
        assert!(hand.driver.is_overdue());
        hand.read(&hand.by_peer(PONG, b"anything"));
        assert_eq!(hand.settle(), [Told::Pong(b"anything".to_vec())]);
        assert!(!hand.driver.is_ending());
    }
}

#[test]
fn time_that_goes_back_counts_as_the_last() {
    for mut hand in [
        Hand::accepting(&Config::default()),
        Hand::connecting(&Config::default()),
        Hand::open(Role::Client, &Config::default()),
        Hand::open(Role::Server, &Config::default()),
    ] {
        hand.settle();
        hand.driver.handle_timeout(secs(8));
        hand.driver.handle_timeout(secs(3));
        assert_eq!(hand.driver.now(), secs(8).into());
    }
}

#[test]
fn a_clock_that_begins_late_is_no_deadline() {
    for role in BOTH {
        let mut hand = match role {
            Role::Client => Hand::connecting(&Config::default()),
            Role::Server => Hand::accepting(&Config::default()),
        };
        hand.now = Duration::MAX / 2;
        assert!(hand.settle().is_empty());
        assert!(hand.driver.poll_timeout().map(Duration::from).is_some_and(|at| at > hand.now));
    }
}

#[test]
fn a_connection_without_deadlines_waits_for_its_transport_only() {
    let config = Config::default().ping_interval(None).write_timeout(None).hold_timeout(None);
    let mut hand = Hand::open(Role::Server, &config);
    assert_eq!(hand.driver.poll_timeout(), None);
    assert!(hand.pass_until(secs(1_000_000)).is_empty());
    assert!(hand.written.is_empty());
}

#[test]
fn what_was_read_ahead_does_not_hide_that_more_came_in_time() {
    for ahead in 0..3 {
        let config = Config::default().message_timeout(secs(10)).ping_interval(None);
        let mut hand = Hand::open(Role::Server, &config);
        let message = hand.by_peer(BINARY, &vec![7; 60_000]);
        let mut rest = message.as_slice();
        rest = &rest[hand.read(&rest[..1000])..];
        assert!(hand.settle().is_empty());
        // All of it lies in the transport by now. The application waits in a call that sends.
        hand.now = secs(20);
        for _ in 0..ahead {
            rest = &rest[hand.read(&rest[..10_000])..];
        }
        let mut told = hand.take();
        while told.is_empty() {
            rest = &rest[hand.read(rest)..];
            told = hand.take();
        }
        assert!(matches!(told.as_slice(), [Told::Binary(_)]), "{ahead} reads: {told:?}");
    }
}

#[test]
fn what_is_read_without_the_time_does_not_hide_that_more_came_in_time() {
    let config = Config::default().message_timeout(secs(10)).ping_interval(None);
    let mut hand = Hand::open(Role::Server, &config);
    hand.is_lazy = true;
    let message = hand.by_peer(BINARY, &vec![7; 60_000]);
    let mut rest = message.as_slice();
    rest = &rest[hand.read(&rest[..1000])..];
    assert!(hand.take().is_empty());
    // All of it lies in the transport by now, and the time is told before what was read is taken.
    for _ in 0..2 {
        rest = &rest[hand.read(&rest[..10_000])..];
    }
    hand.now = secs(20);
    hand.driver.handle_timeout(hand.now);
    let mut told = hand.take();
    while told.is_empty() && !rest.is_empty() {
        rest = &rest[hand.read(rest)..];
        told = hand.take();
    }
    assert!(matches!(told.as_slice(), [Told::Binary(_)]), "{told:?}");
}

#[test]
fn a_connection_whose_failure_is_told_is_closed_although_its_output_never_left() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.driver.commands().send("does not leave").unwrap();
        let told = hand.pass_stuck_until(secs(300));
        assert!(matches!(told[..], [Told::Failed(_)]), "{told:?}");
        assert_eq!(hand.connection().ready_state(), ReadyState::Closed);
        assert_eq!(hand.connection().buffered_amount(), "does not leave".len());
    }
}

#[test]
fn a_pause_passes_no_deadline_of_a_close() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default().close_timeout(secs(10)));
        hand.driver.commands().close(1000, "").unwrap();
        // It begins when the time is told.
        hand.driver.handle_pause(secs(20));
        assert!(hand.settle().is_empty());
        assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(30)));
        hand.driver.handle_pause(secs(40));
        assert!(hand.take().is_empty());
        hand.driver.handle_timeout(secs(40));
        assert_eq!(hand.take(), failed(ConnectionError::CloseTimeout { limit: secs(10) }));
    }
}

#[test]
fn a_pause_passes_no_deadline_of_a_handshake() {
    for connecting in [false, true] {
        let config = Config::default();
        let mut hand =
            if connecting { Hand::connecting(&config) } else { Hand::accepting(&config) };
        // It begins when the time is told.
        hand.driver.handle_pause(secs(5));
        hand.settle();
        let until = hand.driver.poll_timeout().map(Duration::from).unwrap();
        assert!(until > secs(10), "{until:?}");
        hand.driver.handle_pause(until + secs(1));
        assert!(hand.take().is_empty());
        assert!(hand.driver.poll_timeout().map(Duration::from) == Some(until));
        let told = hand.pass_until(until + secs(10));
        assert!(matches!(&told[..], [Told::Failed(DriverError::Handshake { .. })]), "{told:?}");
    }
}
