//! What was accepted and is never sent: it is counted, and told to who asks whether all has left.

use core::num::NonZeroUsize;

use proptest::prelude::*;
use sanswire::{
    CloseCode, Config, ConnectionError, MessageKind, Prepared, Role, SendError, WhenFull,
};

use crate::support::{BINARY, BOTH, CLOSE, End, FIN, Got, frame, messages, sent_by};

fn in_fragments(size: usize) -> Config {
    Config::default().fragment_size(NonZeroUsize::new(size))
}

fn dropping_oldest(high: usize) -> Config {
    Config::default().max_buffered(high).low_water(high / 4).when_full(WhenFull::DropOldest)
}

/// How much an end has discarded since it was asked last.
fn discarded(end: &mut End) -> Option<u64> {
    let has = end.connection.has_discarded();
    let discarded = end.connection.poll_discarded().map(|discarded| discarded.bytes);
    assert_eq!(discarded.is_some(), has);
    assert!(!end.connection.has_discarded() && end.connection.poll_discarded().is_none());
    discarded
}

/// The payload in whole and cut-off messages of an output.
fn payload_len(role: Role, output: &[u8]) -> u64 {
    let frames = sent_by(role, output);
    frames.iter().filter(|f| f.first & 0x0f < 8).map(|f| f.payload.len() as u64).sum()
}

#[test]
fn what_the_peers_close_cuts_off_is_told_once() {
    for role in BOTH {
        let mut end = End::new(role, &in_fragments(4096));
        end.connection.commands().send(vec![7; 200_000]).unwrap();
        end.connection.commands().send("behind").unwrap();
        end.connection.commands().send("").unwrap();
        let mut output = end.take_some(10_000);
        assert_eq!(discarded(&mut end), None);
        end.receive(&frame(FIN | CLOSE, b"\x03\xe8"));
        output.extend(end.take_output());
        assert_eq!(discarded(&mut end), Some(200_006 - payload_len(role, &output)));
    }
}

#[test]
fn what_a_failure_cuts_off_is_told() {
    for role in BOTH {
        let mut end = End::new(role, &in_fragments(4096));
        end.connection.commands().send(vec![7; 200_000]).unwrap();
        end.receive(&[0x8f, 0]);
        assert_eq!(end.error, Some(ConnectionError::ReservedOpcode { opcode: 15 }));
        let left = payload_len(role, &end.take_output());
        assert_eq!(discarded(&mut end), Some(200_000 - left));
    }
}

#[test]
fn empty_messages_that_are_cut_off_are_told_too() {
    let mut end = End::new(Role::Server, &in_fragments(1));
    end.connection.commands().send(b"ab").unwrap();
    end.connection.commands().send("").unwrap();
    // Both fragments are framed, the empty message is not.
    end.take_some(4);
    end.receive(&frame(FIN | CLOSE, b""));
    assert_eq!(discarded(&mut end), Some(0));
}

#[test]
fn a_close_of_this_end_discards_nothing() {
    for role in BOTH {
        for config in [in_fragments(100), dropping_oldest(1 << 20)] {
            let mut end = End::new(role, &config);
            for _ in 0..50 {
                end.connection.commands().send(vec![7; 5_000]).unwrap();
            }
            end.connection.commands().close(1000, "").unwrap();
            end.receive(&frame(FIN | CLOSE, b""));
            let frames = end.take_frames();
            assert_eq!(messages(&frames).len(), 50);
            assert_eq!(frames.last().map(|frame| frame.first), Some(FIN | CLOSE));
            assert_eq!(discarded(&mut end), None);
        }
    }
}

#[test]
fn a_connection_in_whole_frames_discards_nothing() {
    for role in BOTH {
        for closing in [frame(FIN | CLOSE, b""), vec![0x8f, 0]] {
            let mut end = End::open(role);
            end.connection.commands().send(vec![7; 200_000]).unwrap();
            end.receive(&closing);
            assert_eq!(payload_len(role, &end.take_output()), 200_000);
            assert_eq!(discarded(&mut end), None);
        }
    }
}

#[test]
fn the_oldest_messages_make_room_for_the_newest() {
    for role in BOTH {
        for is_prepared in [false, true] {
            let mut end = End::new(role, &dropping_oldest(10_000));
            for i in 0..200_u8 {
                let mut commands = end.connection.commands();
                match is_prepared {
                    true => commands.send(&Prepared::binary(&[i; 100])).unwrap(),
                    false => commands.send(vec![i; 100]).unwrap(),
                }
            }
            let buffered = end.connection.buffered_amount();
            let sent = messages(&end.take_frames());
            assert_eq!(buffered, sent.len() * 100);
            // The first ones were framed, of the others the last ones are left, in order.
            let begun = (0..200_u8).zip(&sent).take_while(|(i, sent)| sent.1[0] == *i).count();
            assert!((20..40).contains(&begun), "{begun}");
            let newest = sent.len() - begun;
            assert!(newest > 20, "{newest}");
            for (i, (opcode, payload)) in (200 - newest..200).zip(&sent[begun..]) {
                assert!(*opcode == BINARY && payload.len() == 100);
                assert_eq!(usize::from(payload[0]), i);
            }
            let dropped = 200 - sent.len() as u64;
            assert_eq!(discarded(&mut end), Some(dropped * 100));
            end.poll();
            let [Got::Writable(writable)] = end.take_got()[..] else { panic!() };
            let told = (writable.dropped_messages, writable.dropped_bytes);
            assert_eq!(told, (dropped, dropped * 100));
        }
    }
}

#[test]
fn where_nothing_can_be_dropped_one_more_message_waits() {
    for role in BOTH {
        for high in [0, 1, 100] {
            let mut end = End::new(role, &dropping_oldest(high));
            end.connection.commands().send(vec![0; 5_000]).unwrap();
            for i in 1..=50 {
                end.connection.commands().send(vec![i; 5_000]).unwrap();
                assert_eq!(end.connection.buffered_amount(), 10_000);
            }
            let sent = messages(&end.take_frames());
            assert!(sent == [(BINARY, vec![0; 5_000]), (BINARY, vec![50; 5_000])]);
        }
    }
}

#[test]
fn a_message_in_parts_comes_behind_what_waits_and_keeps_it() {
    for role in BOTH {
        let mut end = End::new(role, &dropping_oldest(2_000));
        for i in 0..10 {
            end.connection.commands().send(vec![i; 100]).unwrap();
        }
        let mut commands = end.connection.commands();
        commands.begin(MessageKind::Binary).unwrap();
        commands.send_chunk(b"part").unwrap();
        assert_eq!(commands.send("a").map_err(SendError::from), Err(SendError::MessageInProgress));
        commands.finish().unwrap();
        for _ in 0..100 {
            commands.send(vec![10; 100]).unwrap();
        }
        let sent = messages(&end.take_frames());
        for (i, sent) in (0..10).zip(&sent) {
            assert_eq!(*sent, (BINARY, vec![i; 100]));
        }
        assert_eq!(sent[10], (BINARY, b"part".to_vec()));
    }
}

#[test]
fn what_waits_unframed_is_discarded_by_the_peers_close() {
    for role in BOTH {
        let mut end = End::new(role, &dropping_oldest(10_000));
        for _ in 0..20 {
            end.connection.commands().send(vec![7; 400]).unwrap();
        }
        end.connection.release_memory();
        end.receive(&frame(FIN | CLOSE, b""));
        let sent = payload_len(role, &end.take_output());
        assert!(sent < 8_000 && discarded(&mut end) == Some(8_000 - sent), "{sent}");
        assert_eq!(end.connection.buffered_amount() as u64, 8_000 - sent);
    }
}

#[test]
fn a_slow_peer_that_is_closed_costs_what_was_not_framed() {
    let mut config = in_fragments(100);
    config.max_buffered = 1_000;
    config.when_full = WhenFull::Close(CloseCode::TRY_AGAIN_LATER);
    let mut end = End::new(Role::Server, &config);
    end.connection.commands().send(vec![7; 1_000]).unwrap();
    assert_eq!(end.send("more"), Err(SendError::Closed));
    let left = payload_len(Role::Server, &end.take_output());
    assert_eq!(discarded(&mut end), Some(1_000 - left));
}

#[derive(Clone, Debug)]
enum Step {
    Begin,
    Close,
    Ping,
    Prepared(usize),
    Release,
    Send(usize),
    Write(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Begin),
        1 => Just(Step::Ping),
        1 => Just(Step::Release),
        3 => (0..700_usize).prop_map(Step::Prepared),
        8 => (0..700_usize).prop_map(Step::Send),
        5 => (0..900_usize).prop_map(Step::Write),
    ]
}

proptest! {
    #[test]
    fn what_was_accepted_arrives_in_order_or_is_counted(
        steps in prop::collection::vec(step(), 1..200),
        high in 1_usize..4_000,
        size in 0_usize..600,
        is_client in any::<bool>(),
        is_cut in any::<bool>(),
    ) {
        let role = if is_client { Role::Client } else { Role::Server };
        let mut config = dropping_oldest(high);
        config.fragment_size = NonZeroUsize::new(size);
        let mut end = End::new(role, &config);
        let (mut accepted, mut output, mut told) = (Vec::new(), Vec::new(), 0);
        let last = [if is_cut { Step::Close } else { Step::Release }, Step::Write(usize::MAX)];
        for (i, step) in steps.into_iter().chain(last).enumerate() {
            let byte = u8::try_from(i).unwrap();
            match step {
                Step::Begin => {
                    let mut commands = end.connection.commands();
                    if commands.begin(MessageKind::Binary).is_ok() {
                        let part = [byte; 20];
                        let sent = commands.send_chunk(&part).is_ok();
                        commands.finish().unwrap();
                        accepted.push(if sent { part.to_vec() } else { vec![] });
                    }
                }
                Step::Close => end.receive(&frame(FIN | CLOSE, b"")),
                Step::Ping => _ = end.connection.commands().ping(b"here?"),
                Step::Prepared(len) => {
                    end.connection.commands().send(&Prepared::binary(&vec![byte; len])).unwrap();
                    accepted.push(vec![byte; len]);
                }
                Step::Release => end.connection.release_memory(),
                Step::Send(len) => {
                    end.connection.commands().send(vec![byte; len]).unwrap();
                    accepted.push(vec![byte; len]);
                }
                Step::Write(len) => output.extend(end.take_some(len)),
            }
            if i % 7 == 0 {
                told += discarded(&mut end).unwrap_or_default();
            }
            // At most what may, one message that is written, and one more.
            prop_assert!(end.connection.buffered_amount() <= high + 1_400);
        }
        told += discarded(&mut end).unwrap_or_default();
        let whole: u64 = accepted.iter().map(|payload| payload.len() as u64).sum();
        prop_assert_eq!(payload_len(role, &output) + told, whole);
        let arrived = messages(&sent_by(role, &output));
        let mut rest = accepted.iter();
        for (_, payload) in arrived {
            prop_assert!(rest.any(|sent| *sent == payload), "out of order, or twice");
        }
    }
}
