//! Heartbeats and deadlines (§5.5.2, §7.1.1, §10): each at its time, not before and not twice, by
//! a virtual clock.

use core::time::Duration;

use sanswire::{AfterClose, CloseCode, Config, ConnectionError, PingWhen, ReadyState, Role};

use crate::support::{self, BOTH, End, Got, told};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A configuration without deadlines, changed.
fn timeless() -> Config {
    Config::default()
        .ping_interval(None)
        .pong_timeout(None)
        .write_timeout(None)
        .idle_timeout(None)
        .close_timeout(None)
        .message_timeout(None)
        .hold_timeout(None)
}

/// Tells an end the time and takes what comes of it.
fn tell(end: &mut End, now: Duration) {
    end.connection.handle_timeout(now);
    end.poll();
}

/// As [`tell`], when it says that it wants to know; asserts that nothing happens before.
#[track_caller]
fn tell_at(end: &mut End, expected: Duration) {
    let before = expected - Duration::from_nanos(1);
    tell(end, before);
    assert_eq!(end.error, None);
    assert_eq!(end.take_output(), b"");
    assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(expected));
    tell(end, expected);
}

/// An end that was told that its time begins.
fn started(role: Role, config: &Config) -> End {
    let mut end = End::new(role, config);
    assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(Duration::ZERO));
    tell(&mut end, Duration::ZERO);
    end
}

fn heartbeats(interval: u64, timeout: u64) -> Config {
    timeless().ping_interval(secs(interval)).pong_timeout(secs(timeout))
}

#[test]
fn a_ping_is_sent_at_each_interval() {
    for role in BOTH {
        let mut end = started(role, &heartbeats(20, 15));
        for round in 1..=3 {
            tell_at(&mut end, secs(20 * round));
            let [(0x89, payload)] = &end.take_sent()[..] else { panic!("no Ping at {round}") };
            // It has left: the peer's time begins.
            assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(20 * round)));
            tell(&mut end, secs(20 * round));
            assert_eq!(
                end.connection.poll_timeout().map(Duration::from),
                Some(secs(20 * round + 15))
            );
            tell(&mut end, secs(20 * round + 3));
            end.receive(&[&[0x8a, 4], &payload[..]].concat());
            assert_eq!(end.take_got(), [Got::pong(payload)]);
            assert_eq!(end.connection.round_trip_time(), Some(secs(3)));
            assert_eq!(end.connection.commands().round_trip_time(), Some(secs(3)));
        }
    }
}

#[test]
fn a_peer_that_shows_no_sign_of_life_behind_a_ping_is_dead() {
    for role in BOTH {
        let mut end = started(role, &heartbeats(20, 15));
        tell_at(&mut end, secs(20));
        end.take_output();
        tell(&mut end, secs(20));
        tell_at(&mut end, secs(35));
        let error = ConnectionError::PongTimeout { limit: secs(15) };
        assert_eq!(end.error, Some(error));
        assert_eq!(end.take_sent(), [(0x88, told(error))]);
        assert_eq!(end.connection.close_code(), Some(CloseCode::ABNORMAL));
        assert_eq!(end.state(), ReadyState::Closed);
        assert_eq!(end.connection.poll_timeout(), None);
    }
}

#[test]
fn anything_that_arrives_is_a_sign_of_life() {
    // Not even a whole frame.
    for bytes in [&b"\x82"[..], b"\x82\x00", b"\x8a\x00", b"\x02\x01"] {
        let mut end = started(Role::Client, &heartbeats(20, 15));
        tell(&mut end, secs(20));
        end.take_output();
        tell(&mut end, secs(20));
        tell(&mut end, secs(34));
        end.receive(bytes);
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(40)));
        tell(&mut end, secs(35));
        assert_eq!(end.error, None);
    }
}

#[test]
fn what_has_arrived_before_the_time_is_told_counts() {
    let mut end = started(Role::Client, &heartbeats(20, 15));
    tell(&mut end, secs(20));
    end.take_output();
    tell(&mut end, secs(20));
    // It waited in the kernel while the application was busy.
    end.connection.input().extend_from_slice(b"\x8a\x00");
    tell(&mut end, secs(100));
    assert_eq!((end.error, end.take_got()), (None, vec![Got::pong("")]));
}

#[test]
fn the_time_for_a_pong_begins_when_the_ping_has_left() {
    let mut end = started(Role::Server, &heartbeats(20, 15));
    end.connection.commands().send(&[7; 1_000]).unwrap();
    tell(&mut end, secs(20));
    // The peer reads slowly.
    for second in [30, 44, 58] {
        end.take_some(100);
        assert!(end.connection.poll_timeout().map(Duration::from).unwrap() <= secs(second));
        tell(&mut end, secs(second));
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(second + 15)));
    }
    end.take_output();
    tell(&mut end, secs(60));
    tell_at(&mut end, secs(75));
    assert!(matches!(end.error, Some(ConnectionError::PongTimeout { .. })));
}

#[test]
fn a_ping_that_cannot_leave_finds_a_dead_peer_too() {
    let mut end = started(Role::Server, &heartbeats(20, 15));
    end.connection.commands().send(&[7; 2 << 20]).unwrap();
    tell(&mut end, secs(20));
    assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(35)));
    tell(&mut end, secs(35));
    assert!(matches!(end.error, Some(ConnectionError::PongTimeout { .. })));
}

#[test]
fn a_peer_that_is_not_silent_need_not_be_pinged() {
    let config = Config::default().ping_when(PingWhen::Silent);
    let mut end = started(Role::Client, &config);
    for second in [5, 24, 43] {
        tell(&mut end, secs(second));
        end.receive(b"\x82\x00");
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(second + 20)));
    }
    tell_at(&mut end, secs(63));
    assert_eq!(end.take_sent().len(), 1);
}

#[test]
fn an_interval_of_nothing_is_none() {
    let config = timeless().ping_interval(Duration::ZERO);
    let end = started(Role::Server, &config);
    assert_eq!(end.connection.poll_timeout(), None);
}

#[test]
fn without_a_deadline_for_pongs_pings_go_on() {
    let config = timeless().ping_interval(secs(7));
    let mut end = started(Role::Server, &config);
    for round in 1..=5 {
        tell_at(&mut end, secs(7 * round));
        assert_eq!(end.take_sent().len(), 1);
    }
}

#[test]
fn the_round_trip_of_a_ping_of_the_application_is_measured() {
    for role in BOTH {
        let mut end = started(role, &timeless());
        tell(&mut end, secs(1));
        end.connection.commands().ping(b"mine").unwrap();
        // It is sent now, whenever the time was told last.
        assert!(end.connection.poll_timeout().map(Duration::from).unwrap() <= secs(1));
        tell(&mut end, secs(10));
        assert_eq!(end.connection.poll_timeout(), None);
        tell(&mut end, secs(12));
        end.receive(b"\x8a\x05other");
        assert_eq!(end.connection.round_trip_time(), None);
        end.receive(b"\x8a\x04mine");
        assert_eq!(end.connection.round_trip_time(), Some(secs(2)));
        // Once.
        tell(&mut end, secs(20));
        end.receive(b"\x8a\x04mine");
        assert_eq!(end.connection.round_trip_time(), Some(secs(2)));
    }
}

#[test]
fn pings_that_come_faster_than_pongs_are_measured_too() {
    let mut end = started(Role::Server, &timeless());
    for second in 1..=5 {
        end.connection.commands().ping(&[second]).unwrap();
        tell(&mut end, secs(second.into()));
    }
    tell(&mut end, secs(6));
    end.receive(b"\x8a\x01\x01");
    assert_eq!(end.connection.round_trip_time(), Some(secs(5)));
    // Of the next, only the last is answered, after a while.
    for second in [10, 15, 20] {
        tell(&mut end, secs(second.into()));
        end.connection.commands().ping(&[second]).unwrap();
        tell(&mut end, secs(second.into()));
    }
    tell(&mut end, secs(21));
    end.receive(b"\x8a\x01\x14");
    assert_eq!(end.connection.round_trip_time(), Some(secs(1)));
}

#[test]
fn a_connection_without_messages_is_idle() {
    for role in BOTH {
        let config = timeless().idle_timeout(secs(60));
        let mut end = started(role, &config);
        tell(&mut end, secs(50));
        // Neither Pings nor Pongs count.
        end.receive(b"\x89\x00\x8a\x00");
        end.connection.commands().ping(b"").unwrap();
        assert_eq!(end.take_sent().len(), 2);
        tell(&mut end, secs(50));
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(60)));
        tell(&mut end, secs(55));
        end.receive(b"\x82\x00");
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(115)));
        tell(&mut end, secs(110));
        end.connection.commands().send("out").unwrap();
        assert_eq!(end.take_sent().len(), 1);
        // What is sent is dated by the next time that is told.
        tell(&mut end, secs(120));
        // Each part of a message counts, if there is anything in it.
        tell(&mut end, secs(179));
        end.receive(b"\x02\x01x");
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(239)));
        tell(&mut end, secs(200));
        end.receive(b"\x00\x01x");
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(260)));
        tell(&mut end, secs(210));
        end.receive(b"\x00\x00\x89\x01x");
        end.take_output();
        tell(&mut end, secs(211));
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(260)));
        tell(&mut end, secs(220));
        end.receive(b"\x80\x00");
        tell_at(&mut end, secs(280));
        let error = ConnectionError::IdleTimeout { limit: secs(60) };
        assert_eq!(end.error, Some(error));
        assert_eq!(end.take_sent(), [(0x88, told(error))]);
    }
}

#[test]
fn a_message_must_be_whole_in_time() {
    // A frame that is not whole, a header that is not, a fragment, a large frame.
    for begin in [&b"\x82\x05x"[..], b"\x82", b"\x02\x00", b"\x82\x7e\x80\x00"] {
        for role in BOTH {
            let config = timeless().message_timeout(secs(30));
            let mut end = started(role, &config);
            tell(&mut end, secs(100));
            // An earlier message has nothing to do with it.
            end.receive(&[b"\x82\x01x", begin].concat());
            assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(130)));
            tell_at(&mut end, secs(130));
            let error = ConnectionError::MessageTimeout { limit: secs(30) };
            assert_eq!(end.error, Some(error));
            assert_eq!(end.take_sent(), [(0x88, told(error))]);
        }
    }
}

#[test]
fn each_message_has_its_own_time() {
    let config = timeless().message_timeout(secs(30));
    let mut end = started(Role::Client, &config);
    end.receive(b"\x82\x05x");
    for round in 1..10 {
        // The end of one and the beginning of another.
        tell(&mut end, secs(20 * round));
        end.receive(b"xxxx\x82\x05x");
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(20 * round + 30)));
    }
    end.receive(b"xxxx");
    assert_eq!(end.connection.poll_timeout(), None);
}

#[test]
fn a_message_that_was_sent_asks_for_the_time_only_where_it_matters() {
    for role in BOTH {
        for (config, expected) in
            [(timeless(), None), (timeless().idle_timeout(secs(60)), Some(secs(50)))]
        {
            let mut end = started(role, &config);
            tell(&mut end, secs(50));
            end.connection.commands().send("out").unwrap();
            end.take_output();
            assert_eq!(end.connection.poll_timeout().map(Duration::from), expected);
        }
    }
}

fn holding(secs: u64) -> Config {
    timeless().hold_timeout(Duration::from_secs(secs))
}

/// A fragment of zeros.
fn fragment(first: u8, len: usize) -> Vec<u8> {
    let mut frame = match u16::try_from(len) {
        Ok(len @ ..126) => vec![first, len.to_be_bytes()[1]],
        Ok(len) => [&[first, 126][..], &len.to_be_bytes()].concat(),
        Err(_) => [&[first, 127][..], &(len as u64).to_be_bytes()].concat(),
    };
    frame.resize(frame.len() + len, 0);
    frame
}

#[test]
fn what_is_held_of_a_message_is_paid_for_by_what_comes_of_it() {
    let free = 4 << 10;
    for role in BOTH {
        let mut end = started(role, &holding(100));
        tell(&mut end, secs(50));
        end.receive(&fragment(2, 2 * free));
        // Twice as much pays as is counted: for 200 s.
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(250)));
        tell(&mut end, secs(150));
        // For half of the time it is paid, for 100 s each byte: 100 s of `free`, and as much again.
        end.receive(&fragment(0, free));
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(150 + 50 + 50)));
        // Neither Pings nor empty fragments pay for anything.
        tell(&mut end, secs(200));
        end.receive(b"\x00\x00\x8a\x01x");
        tell_at(&mut end, secs(250));
        let held = 3 * free as u64;
        let error = ConnectionError::MessageTooSlow { held, limit: secs(100) };
        assert_eq!(end.error, Some(error));
        assert_eq!(end.take_sent(), [(0x88, told(error))]);
    }
}

#[test]
fn only_what_has_come_of_a_fragment_pays() {
    let free = 4 << 10;
    for role in BOTH {
        let mut end = started(role, &holding(100));
        tell(&mut end, secs(50));
        let fragment = support::from(role.peer(), &fragment(2, 1 << 20));
        let header = fragment.len() - (1 << 20);
        end.feed(&fragment[..header + 2 * free]);
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(250)));
    }
}

#[test]
fn the_header_of_the_next_frame_pays_for_nothing() {
    let free = 4 << 10;
    for role in BOTH {
        for next in [0x00, 0x89] {
            let mut end = started(role, &holding(100));
            tell(&mut end, secs(50));
            end.receive(&fragment(2, 2 * free));
            tell(&mut end, secs(60));
            end.feed(&[next]);
            assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(250)));
        }
    }
}

#[test]
fn each_message_pays_for_itself() {
    let free = 4 << 10;
    for role in BOTH {
        let mut end = started(role, &holding(100));
        tell(&mut end, secs(50));
        end.receive(&fragment(2, 2 * free));
        tell(&mut end, secs(60));
        end.receive(b"\x80\x00");
        assert_eq!(end.connection.poll_timeout(), None);
        tell(&mut end, secs(70));
        end.receive(&fragment(2, 2 * free));
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(270)));
    }
}

#[test]
fn what_was_held_beyond_what_was_paid_is_owed_behind_the_first_20_s() {
    let free = 4 << 10;
    for role in BOTH {
        // What is paid for at first, 2 s, and what comes then, half of which pays for the rest.
        for (at, paid_until) in [
            // Nothing is owed.
            (secs(20) - Duration::from_nanos(2), secs(20) + Duration::from_millis(500)),
            // 18 s of the half are, and 58 s.
            (secs(20), secs(20)),
            (secs(60), secs(31) + Duration::from_millis(500)),
        ] {
            let mut end = started(role, &holding(1));
            end.receive(&fragment(2, 2 * free));
            // It is found together with the time.
            let peer = end.connection.role().peer();
            end.connection.input().extend_from_slice(&support::from(peer, &fragment(0, free)));
            tell(&mut end, at);
            let until = end.connection.poll_timeout().map(Duration::from).unwrap();
            assert!(until.abs_diff(paid_until) < Duration::from_nanos(10), "{at:?} {until:?}");
        }
    }
}

#[test]
fn a_message_of_which_little_is_held_may_last() {
    for role in BOTH {
        let mut end = started(role, &holding(1));
        end.receive(&fragment(2, 4 << 10));
        for day in 1..100 {
            tell(&mut end, secs(day * 86_400));
            end.receive(b"\x00\x00");
            assert_eq!((end.connection.poll_timeout(), end.error), (None, None));
        }
    }
}

#[test]
fn a_stream_that_is_delivered_in_chunks_may_last() {
    let config = Config::default()
        .max_message_size(usize::MAX)
        .reassembly(sanswire::Reassembly::Chunks)
        .ping_interval(None)
        .hold_timeout(secs(1));
    for role in BOTH {
        let mut end = started(role, &config);
        end.receive(b"\x02\x00");
        for minute in 1..10_000 {
            tell(&mut end, secs(60 * minute));
            end.receive(&fragment(0, 1_000));
            assert_eq!((end.connection.poll_timeout(), end.error), (None, None));
        }
    }
}

#[test]
fn a_stream_that_pauses_is_not_cut_by_the_defaults() {
    let config = Config::default().ping_interval(None);
    for role in BOTH {
        // Speech, 1.5 KB/s, for half an hour, with a pause of a minute now and then; and lines of a
        // log, one in a minute.
        for (len, pause) in [(1_500, 1), (120, 60)] {
            let mut end = started(role, &config);
            end.receive(b"\x02\x00");
            let mut second = 0;
            while second < 1_800 {
                second += if second % 300 == 0 { 60 } else { pause };
                tell(&mut end, secs(second));
                assert_eq!(end.error, None, "after {second} s");
                end.receive(&fragment(0, len));
            }
        }
    }
}

#[test]
fn any_message_may_be_held_for_a_while() {
    for role in BOTH {
        let mut end = started(role, &holding(1));
        tell(&mut end, secs(7));
        end.receive(&fragment(2, 1 << 20));
        tell_at(&mut end, secs(27));
        assert!(matches!(end.error, Some(ConnectionError::MessageTooSlow { .. })));
    }
}

#[test]
fn a_message_at_a_steady_pace_may_take_twice_the_time_for_which_it_pays() {
    // Whatever its size, but for what is free.
    for len in [1 << 20, 8 << 20] {
        for (percent, is_cut) in [(95, false), (105, true)] {
            let mut end = started(Role::Client, &holding(1_800));
            end.receive(b"\x02\x00");
            for part in 1..=100 {
                tell(&mut end, secs(36 * part * percent / 100));
                if end.error.is_some() {
                    break;
                }
                end.receive(&fragment(0, len / 100));
            }
            assert_eq!(end.error.is_some(), is_cut, "{len} {percent}");
        }
    }
}

#[test]
fn the_most_that_a_peer_can_hold_by_the_defaults_ends() {
    let config = Config::default().ping_interval(None);
    for role in BOTH {
        let mut end = started(role, &config);
        end.receive(&fragment(2, 16 << 20));
        let until = end.connection.poll_timeout().map(Duration::from).unwrap();
        assert!((secs(1_800)..secs(1_801)).contains(&until), "{until:?}");
        // More is not accepted, and nothing else helps.
        for second in (20..1_800).step_by(20) {
            tell(&mut end, secs(second));
            end.receive(b"\x00\x00\x8a\x00");
            assert_eq!(end.error, None);
        }
        tell_at(&mut end, until);
        assert!(matches!(end.error, Some(ConnectionError::MessageTooSlow { .. })));
    }
}

#[test]
fn a_control_frame_that_is_not_whole_is_no_message() {
    let config = timeless().message_timeout(secs(30)).idle_timeout(secs(60));
    for role in BOTH {
        for ping in [&b"\x89"[..], b"\x89\x05xx"] {
            let mut end = started(role, &config);
            end.receive(ping);
            tell(&mut end, secs(40));
            assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(60)));
        }
    }
}

#[test]
fn output_that_nobody_takes_ends_the_connection() {
    let config = timeless().write_timeout(secs(60));
    let mut end = started(Role::Server, &config);
    end.connection.commands().send(&[7; 1_000]).unwrap();
    tell(&mut end, secs(10));
    assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(70)));
    tell(&mut end, secs(69));
    end.take_some(1);
    // A peer that talks and does not read is not spared.
    end.receive(b"\x82\x00");
    tell(&mut end, secs(70));
    assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(130)));
    tell(&mut end, secs(130));
    assert_eq!(end.error, Some(ConnectionError::WriteTimeout { limit: secs(60) }));
    assert_eq!(end.connection.close_code(), Some(CloseCode::ABNORMAL));
}

#[test]
fn output_that_leaves_in_time_is_no_reason() {
    let config = timeless().write_timeout(secs(60));
    let mut end = started(Role::Server, &config);
    for round in 0..10 {
        end.connection.commands().send(&[7; 1_000]).unwrap();
        tell(&mut end, secs(50 * round));
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(50 * round + 60)));
        end.take_output();
        tell(&mut end, secs(50 * round + 30));
        assert_eq!(end.connection.poll_timeout(), None);
    }
}

fn closing() -> Config {
    timeless().close_timeout(secs(10))
}

#[test]
fn a_close_that_is_not_answered_ends_in_time() {
    for role in BOTH {
        let mut end = started(role, &closing());
        assert_eq!(end.connection.poll_timeout(), None);
        end.connection.commands().close(1000, "").unwrap();
        assert_eq!(end.take_sent().len(), 1);
        // It began when the time is told next.
        assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(Duration::ZERO));
        tell(&mut end, secs(5));
        // Messages that are dropped change nothing.
        tell(&mut end, secs(14));
        end.receive(b"\x82\x00\x89\x00");
        end.take_output();
        tell_at(&mut end, secs(15));
        assert_eq!(end.error, Some(ConnectionError::CloseTimeout { limit: secs(10) }));
        assert_eq!(end.take_sent(), []);
        assert_eq!(end.state(), ReadyState::Closed);
        assert_eq!(end.connection.poll_timeout(), None);
        let closed = end.connection.closed().unwrap();
        assert_eq!((closed.code, closed.clean), (CloseCode::ABNORMAL, false));
    }
}

#[test]
fn messages_that_are_still_wanted_give_a_close_no_more_time() {
    let config = timeless().close_timeout(secs(10)).after_close(AfterClose::Deliver);
    for role in BOTH {
        let mut end = started(role, &config);
        end.connection.commands().close(1000, "").unwrap();
        end.take_output();
        tell(&mut end, secs(0));
        for second in [3, 6, 9] {
            tell(&mut end, secs(second));
            end.receive(b"\x82\x00\x89\x00");
            end.take_output();
            assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(10)));
        }
        assert_eq!(end.got.len(), 6);
        tell_at(&mut end, secs(10));
        assert!(matches!(end.error, Some(ConnectionError::CloseTimeout { .. })));
    }
}

/// Tells a later time with each read, each of which brings something; returns after how many of
/// them the connection has failed, if it has.
fn reads_until_failure(end: &mut End, read: &[u8]) -> Option<u64> {
    (1..1_000).find(|at| {
        end.connection.handle_timeout(secs(1_000 + at));
        end.receive(read);
        end.take_got();
        end.error.is_some()
    })
}

#[test]
fn a_deadline_passes_although_something_always_comes() {
    let idle = timeless().idle_timeout(secs(60));
    let write = timeless().write_timeout(secs(60));
    let message = timeless().message_timeout(secs(60));
    let deliver = Config::default().after_close(AfterClose::Deliver);
    for role in BOTH {
        // What arrived in time has been read by then; of a close, nothing is worth that.
        for (config, begin, read, expected) in [
            (idle.clone(), &b""[..], &b"\x8a\x00"[..], 64..=128),
            (write.clone(), b"", b"\x82\x01x", 64..=128),
            (message.clone(), b"\x02\x00", b"\x00\x01x", 64..=128),
            (holding(60), &fragment(2, 1 << 20), b"\x8a\x00", 64..=128),
            (closing(), b"", b"\x82\x01x", 1..=1),
            (deliver.clone(), b"", b"\x82\x01x", 1..=1),
        ] {
            let mut end = started(role, &config);
            end.receive(begin);
            if config == write {
                end.connection.commands().send("stuck").unwrap();
            }
            if config == closing() || config == deliver {
                end.connection.commands().close(1000, "").unwrap();
                end.take_output();
            }
            tell(&mut end, secs(1));
            let reads = reads_until_failure(&mut end, read);
            assert!(reads.is_some_and(|reads| expected.contains(&reads)), "{config:?} {reads:?}");
        }
    }
}

#[test]
fn what_arrived_in_time_counts_when_it_is_read_late() {
    let idle = timeless().idle_timeout(secs(60));
    for role in BOTH {
        for pause in 0..70 {
            let mut end = started(role, &idle);
            for _ in 0..pause {
                end.receive(b"\x82\x00");
            }
            // The process was stopped. Much waits before what is waited for.
            end.connection.handle_timeout(secs(1_000));
            for _ in 0..63 {
                end.receive(b"\x8a\x00");
                assert_eq!(end.error, None, "{pause}");
            }
            end.receive(b"\x82\x00");
            tell(&mut end, secs(1_001));
            assert_eq!(end.error, None, "{pause}");
        }
    }
}

#[test]
fn a_transport_that_is_not_closed_behind_the_closing_handshake_is_not_waited_for() {
    // The client waits for the server to go first (§7.1.1).
    let mut end = started(Role::Client, &closing());
    tell(&mut end, secs(3));
    end.receive(b"\x88\x02\x03\xe8");
    end.take_output();
    end.poll();
    assert_eq!(end.ended(), None);
    tell(&mut end, secs(3));
    tell_at(&mut end, secs(13));
    assert!(end.ended().unwrap().clean);
    assert_eq!(end.connection.poll_timeout(), None);
    // The server waits for its answer to leave.
    let mut end = started(Role::Server, &closing());
    end.receive(b"\x88\x02\x03\xe8");
    assert_eq!(end.ended(), None);
    tell(&mut end, secs(3));
    tell(&mut end, secs(13));
    assert_eq!(end.ended().unwrap().code.as_u16(), 1000);
    assert_eq!(end.connection.poll_timeout(), None);
}

#[test]
fn the_close_of_a_failed_connection_is_not_waited_for_without_end() {
    let mut end = started(Role::Server, &closing());
    end.receive(b"\x83\x00");
    assert_eq!(end.state(), ReadyState::Closing);
    tell(&mut end, secs(3));
    assert_eq!(end.connection.poll_timeout().map(Duration::from), Some(secs(13)));
    tell(&mut end, secs(13));
    assert_eq!((end.state(), end.connection.poll_timeout()), (ReadyState::Closed, None));
    assert_eq!(end.error, Some(ConnectionError::ReservedOpcode { opcode: 3 }));
}

#[test]
fn the_peers_close_in_the_input_comes_before_the_deadline_for_it() {
    let mut end = started(Role::Server, &closing());
    end.connection.commands().close(1000, "").unwrap();
    end.take_output();
    tell(&mut end, secs(0));
    let peer = end.connection.role().peer();
    end.connection.input().extend_from_slice(&support::from(peer, b"\x88\x02\x03\xe8"));
    tell(&mut end, secs(60));
    assert!(end.error.is_none() && end.ended().unwrap().clean);
}

#[test]
fn a_connection_that_is_never_told_the_time_has_no_deadlines() {
    for role in BOTH {
        let mut end = End::open(role);
        end.receive(b"\x02\x01x");
        end.connection.commands().ping(b"").unwrap();
        end.connection.commands().close(1000, "").unwrap();
        end.poll();
        assert_eq!(end.error, None);
        assert_eq!(end.take_sent().len(), 2);
    }
}

#[test]
fn time_does_not_go_back_and_does_not_overflow() {
    let mut end = started(Role::Server, &heartbeats(20, 15));
    tell(&mut end, secs(10));
    tell(&mut end, secs(1));
    tell_at(&mut end, secs(20));
    end.take_output();
    for now in [Duration::MAX, Duration::ZERO, Duration::MAX] {
        tell(&mut end, now);
    }
    // 584 years have passed, which are as good as never.
    assert!(
        end.connection.poll_timeout().map(Duration::from).is_none_or(|at| at > secs(1_000_000))
    );
    let config = timeless()
        .ping_interval(Duration::MAX)
        .idle_timeout(Duration::MAX)
        .message_timeout(Duration::MAX)
        .hold_timeout(Duration::MAX);
    let mut end = started(Role::Client, &config);
    end.receive(b"\x02\x01x");
    assert_eq!((end.connection.poll_timeout(), end.error), (None, None));
}

#[test]
fn what_was_there_before_the_first_time_is_dated_by_it() {
    let config = timeless().hold_timeout(secs(100));
    for role in BOTH {
        // Before anybody has read the clock.
        let mut end = End::new(role, &config);
        end.receive(&fragment(2, 8 << 10));
        tell(&mut end, secs(1_000_000));
        assert_eq!(end.error, None);
        tell_at(&mut end, secs(1_000_200));
    }
}

#[test]
fn a_close_before_the_time_was_told_is_timed_from_when_it_is() {
    for role in BOTH {
        let mut end = End::new(role, &timeless().close_timeout(secs(5)));
        end.connection.commands().close(1000, "").unwrap();
        tell(&mut end, secs(100));
        end.take_output();
        tell_at(&mut end, secs(105));
        assert_eq!(end.error, Some(ConnectionError::CloseTimeout { limit: secs(5) }));
    }
}
