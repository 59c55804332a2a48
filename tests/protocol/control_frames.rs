//! Control frames (RFC 6455, §5.5), above all Ping and Pong (§5.5.2 and §5.5.3).

use core::num::NonZeroUsize;

use bytes::Buf;
use sanswire::{Config, ConnectionError, Event, PongMode, ReadyState, SendError};

use crate::support::{
    BOTH, CLOSE, End, FIN, Frame, Got, PING, PONG, frame, from, outcome, sent_by,
};

fn pongs(frames: &[Frame]) -> Vec<Vec<u8>> {
    let pongs = frames.iter().filter(|frame| frame.opcode() == PONG);
    pongs.map(|frame| frame.payload.clone()).collect()
}

fn manual() -> Config {
    Config::default().pong(PongMode::Manual)
}

#[test]
fn a_fragmented_control_frame_fails_with_1002() {
    for role in BOTH {
        for opcode in [CLOSE, PING, PONG] {
            let error = ConnectionError::ControlFragmented { opcode };
            for frames in
                [vec![opcode, 0], vec![opcode, 2, 3, 0xe8], vec![0x01, 1, b'a', opcode, 0]]
            {
                let outcome = outcome(role, &Config::default(), &from(role.peer(), &frames));
                outcome.assert_failed(error, 1002);
                assert_eq!(outcome.got, []);
            }
        }
    }
}

#[test]
fn a_control_frame_over_125_bytes_fails_with_1002() {
    for role in BOTH {
        for opcode in [CLOSE, PING, PONG] {
            let error = ConnectionError::ControlTooLong { opcode };
            for len in [126, 127, 1_000, 65_535, 65_536] {
                let mut bytes = frame(FIN | opcode, &vec![b'a'; len]);
                bytes.truncate(1_000);
                let outcome = outcome(role, &Config::default(), &from(role.peer(), &bytes));
                outcome.assert_failed(error, 1002);
            }
            // Not even a length that would be short enough may take the longer forms.
            for header in
                [&[FIN | opcode, 126, 0, 5][..], &[FIN | opcode, 127, 0, 0, 0, 0, 0, 0, 0, 5]]
            {
                let outcome = outcome(role, &Config::default(), &from(role.peer(), header));
                outcome.assert_failed(error, 1002);
            }
        }
    }
}

#[test]
fn pong_and_close_frames_over_125_bytes_are_refused() {
    for role in BOTH {
        for opcode in [8, 10] {
            let bytes = from(role.peer(), &frame(FIN | opcode, &[b'a'; 126]));
            outcome(role, &Config::default(), &bytes)
                .assert_failed(ConnectionError::ControlTooLong { opcode }, 1002);
        }
    }
}

#[test]
fn a_ping_is_answered_with_the_same_bytes() {
    for role in BOTH {
        for len in [0, 1, 2, 3, 4, 5, 124, 125] {
            let payload: Vec<u8> = (200..=255).cycle().take(len).collect();
            let bytes = from(role.peer(), &frame(FIN | PING, &payload));
            let outcome = outcome(role, &Config::default(), &bytes);
            outcome.assert_got(&[Got::ping(&payload)]);
            assert_eq!(outcome.sent, [(0x8a, payload)]);
        }
    }
}

#[test]
fn pings_are_answered_one_by_one_in_order_while_there_is_room() {
    for role in BOTH {
        let frames: Vec<u8> = (0..100).flat_map(|i| frame(FIN | PING, &[i; 7])).collect();
        let outcome = outcome(role, &Config::default(), &from(role.peer(), &frames));
        let expected: Vec<_> = (0..100).map(|i| (0x8a, vec![i; 7])).collect();
        assert_eq!(outcome.sent, expected);
    }
}

#[test]
fn half_a_ping_is_not_answered() {
    for role in BOTH {
        let bytes = from(role.peer(), b"\x89\x05Hello");
        let mut end = End::open(role);
        end.feed(&bytes[..bytes.len() - 1]);
        assert!(end.got.is_empty() && end.take_output().is_empty());
        end.feed(&bytes[bytes.len() - 1..]);
        assert_eq!(end.take_sent(), [(0x8a, b"Hello".to_vec())]);
    }
}

#[test]
fn a_pong_is_reported_and_never_answered() {
    for role in BOTH {
        let bytes = from(role.peer(), b"\x8a\x00\x8a\x03abc");
        let outcome = outcome(role, &Config::default(), &bytes);
        outcome.assert_got(&[Got::pong(""), Got::pong("abc")]);
        assert_eq!(outcome.sent, []);
        assert_eq!(outcome.state, ReadyState::Open);
    }
}

#[test]
fn pings_of_up_to_125_bytes_can_be_sent_and_longer_ones_cannot() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().ping(&[1; 125]).unwrap();
        end.connection.commands().pong(&[2; 125]).unwrap();
        let refused = Err(SendError::ControlTooLong { len: 126 });
        assert_eq!(end.connection.commands().ping(&[1; 126]), refused);
        assert_eq!(end.connection.commands().pong(&[2; 126]), refused);
        assert_eq!(end.take_sent(), [(0x89, vec![1; 125]), (0x8a, vec![2; 125])]);
    }
}

#[test]
fn a_peer_that_pings_and_never_reads_cannot_make_the_output_grow() {
    for role in BOTH {
        let mut end = End::open(role);
        for thousand in 0..200_u32 {
            let pings: Vec<u8> = (0..1_000)
                .flat_map(|i| {
                    frame(
                        FIN | PING,
                        &[&(thousand * 1_000 + i).to_be_bytes(), &[7; 100][..]].concat(),
                    )
                })
                .collect();
            end.receive(&pings);
            assert_eq!(end.take_got().len(), 1_000);
            let len = end.connection.poll_transmit().map_or(0, |output| output.len());
            assert!(len < 64 << 10, "{len} bytes wait");
        }
        let answered: Vec<u32> =
            pongs(&end.take_frames()).iter().map(|pong| pong.as_slice().get_u32()).collect();
        // §5.5.3: "MAY elect to send a Pong frame for only the most recently processed Ping frame"
        assert_eq!(answered.last(), Some(&199_999));
        assert!(answered.is_sorted());
    }
}

#[test]
fn pongs_for_a_peer_that_never_reads_do_not_pile_up() {
    for role in BOTH {
        let mut end = End::open(role);
        let pings = from(role.peer(), &frame(FIN | PING, &[7; 125]).repeat(1_000));
        for _ in 0..20 {
            end.feed(&pings);
            end.take_got();
        }
        assert!(end.connection.poll_transmit().unwrap().len() < 64 << 10);
    }
}

#[test]
fn pongs_that_cannot_leave_do_not_pile_up_to_the_size_of_fragments() {
    let config = Config::default().fragment_size(NonZeroUsize::new(1 << 20));
    for role in BOTH {
        let mut end = End::new(role, &config);
        for _ in 0..2_000 {
            end.receive(&frame(FIN | PING, &[7; 125]));
            let len = end.connection.poll_transmit().map_or(0, |output| output.len());
            assert!(len < 64 << 10, "{len} bytes wait");
        }
    }
}

#[test]
fn pings_are_answered_again_once_the_peer_reads() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(&frame(FIN | PING, &[7; 125]).repeat(1_000));
        end.take_output();
        end.receive(b"\x89\x01a\x89\x01b");
        assert_eq!(end.take_sent(), [(0x8a, b"a".to_vec()), (0x8a, b"b".to_vec())]);
    }
}

#[test]
fn a_pong_never_overtakes_an_older_one() {
    for role in BOTH {
        let mut end = End::open(role);
        let mut bytes = Vec::new();
        let mut next = 0_u32;
        let mut ping = |end: &mut End, count| {
            for _ in 0..count {
                end.receive(&frame(FIN | PING, &[&next.to_be_bytes(), &[0; 90][..]].concat()));
                next += 1;
            }
        };
        ping(&mut end, 500);
        // What waited when it was asked for is written, then the peer pings before it is asked for
        // again.
        let output = end.connection.poll_transmit().unwrap();
        while output.has_remaining() {
            bytes.extend(output.chunk());
            output.advance(output.chunk().len());
        }
        ping(&mut end, 3);
        bytes.extend(end.take_output());
        let answered: Vec<u32> =
            pongs(&sent_by(role, &bytes)).iter().map(|pong| pong.as_slice().get_u32()).collect();
        assert!(answered.is_sorted(), "{:?}", &answered[answered.len() - 5..]);
        assert_eq!(answered.last(), Some(&502));
    }
}

#[test]
fn pings_behind_much_unread_output_are_answered_when_it_is_read() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().send(&[0; 300_000]).unwrap();
        end.receive(b"\x89\x01a\x89\x01b\x89\x01c");
        let frames = end.take_frames();
        assert_eq!(pongs(&frames).last(), Some(&b"c".to_vec()));
    }
}

#[test]
fn a_pong_of_the_application_does_not_replace_the_automatic_one() {
    for role in BOTH {
        for before in [false, true] {
            let mut end = End::open(role);
            if before {
                end.connection.commands().pong(b"mine").unwrap();
            }
            end.receive(b"\x89\x04ping");
            if !before {
                end.connection.commands().pong(b"mine").unwrap();
            }
            let mut pongs = pongs(&end.take_frames());
            pongs.sort();
            assert_eq!(pongs, [b"mine", b"ping"]);
        }
    }
}

#[test]
fn a_user_pong_leaves_the_automatic_one_in_place() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(b"\x89\x04ping");
        end.connection.commands().pong(b"mine").unwrap();
        assert_eq!(end.take_sent(), [(0x8a, b"ping".to_vec()), (0x8a, b"mine".to_vec())]);
    }
}

#[test]
fn a_pong_of_the_application_does_not_replace_one_that_waits_for_room() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().send(&[0; 100_000]).unwrap();
        end.receive(b"\x89\x04ping");
        end.connection.commands().pong(b"mine").unwrap();
        let mut pongs = pongs(&end.take_frames());
        pongs.sort();
        assert_eq!(pongs, [b"mine", b"ping"]);
    }
}

#[test]
fn an_automatic_pong_is_visible_at_once() {
    for role in BOTH {
        let mut end = End::open(role);
        assert!(end.connection.poll_transmit().is_none());
        end.connection.input().extend_from_slice(&from(role.peer(), b"\x89\x01a"));
        assert!(matches!(end.connection.poll_event(), Ok(Some(_))));
        assert!(end.connection.poll_transmit().is_some());
    }
}

#[test]
fn an_automatic_pong_needs_no_further_read_or_write() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.input().extend_from_slice(&from(role.peer(), b"\x89\x04ping"));
        let event = end.connection.poll_event().unwrap();
        assert!(matches!(event, Some((Event::Ping(_), _))));
        assert_eq!(end.take_sent(), [(0x8a, b"ping".to_vec())]);
    }
}

#[test]
fn the_application_may_answer_pings_itself() {
    for role in BOTH {
        let outcome = outcome(role, &manual(), &from(role.peer(), b"\x89\x01a\x89\x00"));
        outcome.assert_got(&[Got::ping("a"), Got::ping("")]);
        assert_eq!(outcome.sent, []);

        let mut end = End::new(role, &manual());
        end.receive(b"\x89\x01a");
        end.connection.commands().pong(b"a").unwrap();
        assert_eq!(end.take_sent(), [(0x8a, b"a".to_vec())]);
    }
}

#[test]
fn a_ping_is_answered_after_our_close_until_the_peers_has_come() {
    // §5.5.2: "MUST send a Pong frame in response, unless it already received a Close frame"
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(1000, "").unwrap();
        end.receive(b"\x89\x01a");
        assert_eq!(end.take_sent(), [(0x88, vec![3, 0xe8]), (0x8a, b"a".to_vec())]);
        end.receive(b"\x88\x02\x03\xe8\x89\x01b");
        assert_eq!(end.take_output(), []);
        assert!(!end.got.contains(&Got::ping("b")));
    }
}

#[test]
fn nothing_can_be_pinged_once_the_connection_closes() {
    for role in BOTH {
        let mut end = End::open(role);
        end.connection.commands().close(1000, "").unwrap();
        assert_eq!(end.connection.commands().ping(b""), Err(SendError::Closed));
        assert_eq!(end.connection.commands().pong(b""), Err(SendError::Closed));
    }
}

#[test]
fn pings_of_the_application_are_bounded_like_messages() {
    for role in BOTH {
        let mut end = End::new(role, &Config::default().max_buffered(1_000));
        let sent =
            (0..1_000).take_while(|_| end.connection.commands().ping(&[0; 100]).is_ok()).count();
        assert!((9..=10).contains(&sent), "{sent}");
        assert!(matches!(
            end.connection.commands().pong(&[0; 100]),
            Err(SendError::Full { limit: 1_000, .. })
        ));
        assert_eq!(end.take_frames().len(), sent);
        end.connection.commands().ping(b"").unwrap();
    }
}
