//! Limits on what a peer may send (RFC 6455, §10.4), checked before it is taken in.

use sanswire::{Config, ConnectionError, Reassembly, Role};

use crate::support::{BINARY, BOTH, CONTINUATION, End, FIN, Got, KEY, TEXT, frame, from, outcome};

fn message_limit(limit: usize) -> Config {
    Config::default().max_message_size(limit)
}

fn frame_limit(limit: usize) -> Config {
    Config::default().max_frame_size(limit)
}

/// A header that announces `len` bytes, without any of them.
fn announce(sender: Role, first: u8, len: u64) -> Vec<u8> {
    let mut bytes = match len {
        0..=125 => frame(first, &vec![0; usize::try_from(len).unwrap_or_default()])[..2].to_vec(),
        126..=0xffff => [&[first, 126][..], &len.to_be_bytes()[6..]].concat(),
        _ => [&[first, 127][..], &len.to_be_bytes()].concat(),
    };
    if sender == Role::Client {
        bytes[1] |= 0x80;
        bytes.extend(KEY);
    }
    bytes
}

#[test]
fn fourteen_bytes_that_announce_2_to_the_62_fail_with_1009() {
    let len = 1 << 62;
    for role in BOTH {
        let bytes = announce(role.peer(), FIN | BINARY, len);
        assert!(bytes.len() <= 14);
        let error = ConnectionError::FrameTooLarge { len, limit: 16 << 20 };
        outcome(role, &Config::default(), &bytes).assert_failed(error, 1009);
        assert_eq!(
            error.to_string(),
            "frame of 4611686018427387904 bytes is over the limit of 16777216 bytes \
             (Config::max_frame_size): raise it, or have the peer send less"
        );
    }
}

#[test]
fn a_message_of_the_limit_is_received_and_one_byte_more_fails_with_1009() {
    for role in BOTH {
        for limit in [0, 1, 125, 126, 1_000, 16_384, 16_385, 65_536] {
            let config = message_limit(limit);
            let bytes = from(role.peer(), &frame(FIN | BINARY, &vec![7; limit]));
            outcome(role, &config, &bytes).assert_got(&[Got::binary(vec![7; limit])]);
            let limit = limit as u64;
            let error = ConnectionError::MessageTooLarge { limit };
            // Known from the header, before one byte of payload.
            let bytes = announce(role.peer(), FIN | BINARY, limit + 1);
            outcome(role, &config, &bytes).assert_failed(error, 1009);
            let bytes = announce(role.peer(), FIN | TEXT, limit + 1);
            outcome(role, &config, &bytes).assert_failed(error, 1009);
            assert!(error.to_string().contains(&limit.to_string()));
        }
    }
}

#[test]
fn the_limit_on_messages_counts_over_all_fragments() {
    let config = message_limit(100);
    let error = ConnectionError::MessageTooLarge { limit: 100 };
    for role in BOTH {
        let peer = role.peer();
        let fine = [frame(TEXT, &[b'a'; 60]), frame(CONTINUATION, &[b'b'; 39]), frame(FIN, b"c")];
        let text = "a".repeat(60) + &"b".repeat(39) + "c";
        outcome(role, &config, &from(peer, &fine.concat())).assert_got(&[Got::text(&text)]);
        // Again, since the count begins anew.
        outcome(role, &config, &from(peer, &fine.concat().repeat(3))).assert_got(&vec![
            Got::text(
                &text
            );
            3
        ]);
        for begun in [60, 100] {
            let mut bytes = from(peer, &frame(TEXT, &vec![b'a'; begun]));
            bytes.extend(announce(peer, CONTINUATION, 101 - begun as u64));
            outcome(role, &config, &bytes).assert_failed(error, 1009);
        }
        let endless = [frame(BINARY, &[0; 10]), frame(CONTINUATION, &[0; 10]).repeat(20)].concat();
        outcome(role, &config, &from(peer, &endless)).assert_failed(error, 1009);
    }
}

#[test]
fn a_limit_of_1024_holds_for_100_000_bytes_in_fragments() {
    let config = Config::default().max_message_size(1_024);
    for role in BOTH {
        let mut frames = frame(BINARY, &[7; 1_000]);
        frames.extend(frame(CONTINUATION, &[7; 1_000]).repeat(99));
        outcome(role, &config, &from(role.peer(), &frames))
            .assert_failed(ConnectionError::MessageTooLarge { limit: 1_024 }, 1009);
    }
}

#[test]
fn a_frame_of_the_limit_is_received_and_one_byte_more_fails_with_1009() {
    for role in BOTH {
        for limit in [0, 1, 125, 126, 1_000, 16_384, 16_385, 65_536] {
            let config = frame_limit(limit);
            let bytes = from(role.peer(), &frame(FIN | BINARY, &vec![7; limit]));
            outcome(role, &config, &bytes).assert_got(&[Got::binary(vec![7; limit])]);
            let limit = limit as u64;
            let len = limit + 1;
            let error = ConnectionError::FrameTooLarge { len, limit };
            for first in [FIN | BINARY, TEXT] {
                let bytes = announce(role.peer(), first, len);
                outcome(role, &config, &bytes).assert_failed(error, 1009);
            }
        }
    }
}

#[test]
fn the_limit_on_frames_counts_for_each_frame() {
    let config = frame_limit(100);
    for role in BOTH {
        let frames =
            [frame(BINARY, &[1; 100]), frame(CONTINUATION, &[1; 100]), frame(FIN, &[1; 100])];
        outcome(role, &config, &from(role.peer(), &frames.concat()))
            .assert_got(&[Got::binary([1; 300])]);
        let mut bytes = from(role.peer(), &frame(BINARY, &[1; 100]));
        bytes.extend(announce(role.peer(), CONTINUATION, 101));
        let error = ConnectionError::FrameTooLarge { len: 101, limit: 100 };
        outcome(role, &config, &bytes).assert_failed(error, 1009);
    }
}

#[test]
fn control_frames_do_not_count_toward_a_message() {
    let config = message_limit(10);
    for role in BOTH {
        let frames =
            [frame(BINARY, &[1; 5]), frame(FIN | 9, &[2; 125]).repeat(3), frame(FIN, &[1; 5])];
        let outcome = outcome(role, &config, &from(role.peer(), &frames.concat()));
        let ping = Got::ping([2; 125]);
        outcome.assert_got(&[ping.clone(), ping.clone(), ping, Got::binary([1; 10])]);
    }
}

#[test]
fn limits_hold_for_chunks_too() {
    for role in BOTH {
        let chunks = || Config::default().reassembly(Reassembly::Chunks);
        let bytes = from(role.peer(), &[frame(BINARY, &[1; 60]), frame(FIN, &[1; 41])].concat());
        let config = chunks().max_message_size(100);
        outcome(role, &config, &bytes)
            .assert_failed(ConnectionError::MessageTooLarge { limit: 100 }, 1009);
        let config = chunks().max_frame_size(50);
        outcome(role, &config, &bytes)
            .assert_failed(ConnectionError::FrameTooLarge { len: 60, limit: 50 }, 1009);
        let config = chunks().max_fragments(2);
        let bytes = from(role.peer(), b"\x02\x00\x00\x00\x00\x00");
        outcome(role, &config, &bytes)
            .assert_failed(ConnectionError::TooManyFragments { limit: 2 }, 1008);
    }
}

#[test]
fn a_message_over_the_limit_is_refused_after_our_close_too() {
    for role in BOTH {
        let mut end = End::new(role, &message_limit(100));
        end.connection.commands().close(1000, "").unwrap();
        end.feed(&announce(role.peer(), FIN | BINARY, 101));
        assert_eq!(end.error, Some(ConnectionError::MessageTooLarge { limit: 100 }));
    }
}

// Elsewhere they are smaller.
#[cfg(target_pointer_width = "64")]
#[test]
fn the_largest_limits_overflow_nothing() {
    let unlimited = Config::default()
        .max_message_size(usize::MAX)
        .max_frame_size(usize::MAX)
        .max_fragments(u32::MAX)
        .max_buffered(usize::MAX);
    for role in BOTH {
        let peer = role.peer();
        let almost = i64::MAX as u64;
        for len in [1 << 40, 1 << 62, almost] {
            let waiting = outcome(role, &unlimited, &announce(peer, FIN | BINARY, len));
            assert_eq!((waiting.error, waiting.state), (None, sanswire::ReadyState::Open));
        }
        for begun in [1_usize, 3] {
            let mut bytes = from(peer, &frame(BINARY, &vec![0; begun]));
            bytes.extend(announce(peer, CONTINUATION, almost));
            let limit = almost;
            outcome(role, &unlimited, &bytes)
                .assert_failed(ConnectionError::MessageTooLarge { limit }, 1009);
        }
        let mut end = End::new(role, &unlimited);
        end.connection.commands().send(b"a").unwrap();
        end.connection.commands().send(b"b").unwrap();
        assert_eq!(end.take_sent().len(), 2);
    }
}

#[test]
fn the_defaults_are_those_documented() {
    let config = Config::default();
    assert_eq!((config.max_message_size, config.max_frame_size), (16 << 20, 16 << 20));
    assert_eq!((config.max_fragments, config.max_buffered), (4096, 1 << 20));
    for role in BOTH {
        let len = (16 << 20) + 1;
        let error = ConnectionError::FrameTooLarge { len, limit: 16 << 20 };
        let bytes = announce(role.peer(), FIN | BINARY, len);
        outcome(role, &config, &bytes).assert_failed(error, 1009);
        let bytes = announce(role.peer(), FIN | BINARY, len - 1);
        assert_eq!(outcome(role, &config, &bytes).error, None);
    }
}

#[test]
fn a_limit_on_frames_spares_control_frames() {
    for role in BOTH {
        let config = Config::default().max_frame_size(3);
        let outcome = outcome(role, &config, &from(role.peer(), b"\x89\x05Hello"));
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.got, [Got::Ping(b"Hello".to_vec())]);
    }
}
