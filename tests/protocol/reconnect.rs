//! When a client tries again (RFC 6455, §7.2.3), with a virtual clock.
#![expect(clippy::panic, reason = "a test that cannot go on fails")]

use core::error::Error;
use core::num::NonZeroU32;
use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sanswire::reconnect::{Action, AttemptError, Cause, GaveUp, Policy, Reconnect, Retry, State};
use sanswire::{CloseCode, ConnectionError};

const ZERO: Duration = Duration::ZERO;
const NANOSECOND: Duration = Duration::from_nanos(1);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A seed like no other with another number.
fn seed(number: u64) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

/// A machine whose first attempt is in flight, at time zero.
fn connecting(policy: Policy) -> Reconnect {
    let mut reconnect = Reconnect::new(policy, seed(1));
    reconnect.start(ZERO);
    assert_eq!(reconnect.poll_action(ZERO), Some(Action::Connect));
    reconnect
}

/// A machine whose first connection is open, at time zero.
fn open(policy: Policy) -> Reconnect {
    let mut reconnect = connecting(policy);
    reconnect.handle_connected(ZERO);
    assert_eq!(reconnect.state(), State::Open);
    reconnect
}

/// Sleeps as long as is asked for, then begins the attempt: returns when.
fn next_attempt(reconnect: &mut Reconnect) -> Duration {
    let Some(at) = reconnect.poll_timeout() else { panic!("{:?}", reconnect.state()) };
    assert_eq!(reconnect.poll_action(at), Some(Action::Connect));
    at.into()
}

/// The longest random delay before a retry, of which so many were made, by doubling.
fn longest(policy: &Policy, retries: u32) -> Duration {
    let mut longest = policy.initial_delay;
    for _ in 0..retries {
        longest = longest.saturating_mul(2).min(policy.max_delay);
    }
    longest.min(policy.max_delay)
}

// The life of a client.

#[test]
fn nothing_happens_before_start() {
    let mut reconnect = Reconnect::new(Policy::default(), seed(1));
    assert_eq!(reconnect.state(), State::Idle);
    assert_eq!(reconnect.poll_action(seconds(1000)), None);
    assert_eq!(reconnect.poll_timeout(), None);
    assert_eq!(reconnect.delay(), None);
}

#[test]
fn start_connects_at_once() {
    let mut reconnect = Reconnect::new(Policy::default(), seed(1));
    reconnect.start(seconds(50));
    assert_eq!(reconnect.state(), State::Waiting);
    assert_eq!(reconnect.poll_timeout().map(Duration::from), Some(seconds(50)));
    assert_eq!(reconnect.delay(), Some(ZERO));
    assert_eq!(reconnect.poll_action(seconds(50)), Some(Action::Connect));
    assert_eq!((reconnect.state(), reconnect.attempts()), (State::Connecting, 1));
    assert_eq!((reconnect.poll_timeout(), reconnect.delay()), (None, None));
}

#[test]
fn start_changes_nothing_while_it_goes_on() {
    let mut reconnect = connecting(Policy::default());
    reconnect.start(ZERO);
    assert_eq!((reconnect.state(), reconnect.attempts()), (State::Connecting, 1));
    reconnect.handle_connected(ZERO);
    reconnect.start(ZERO);
    assert_eq!(reconnect.state(), State::Open);
    reconnect.handle_disconnected(ZERO, Retry::Later);
    let timeout = reconnect.poll_timeout();
    reconnect.start(ZERO);
    assert_eq!((reconnect.state(), reconnect.poll_timeout()), (State::Waiting, timeout));
}

#[test]
fn no_second_attempt_before_the_first_is_answered() {
    let mut reconnect = connecting(Policy::default());
    for now in 0..1000 {
        assert_eq!(reconnect.poll_action(seconds(now)), None);
        assert_eq!(reconnect.poll_timeout(), None);
    }
    reconnect.handle_failed(seconds(1000), Retry::Later);
    assert!(next_attempt(&mut reconnect) >= seconds(1000));
}

#[test]
fn no_attempt_comes_a_nanosecond_early() {
    let mut reconnect = open(Policy::default());
    reconnect.handle_disconnected(seconds(7), Retry::Later);
    let Some(delay) = reconnect.delay() else { panic!("no delay") };
    assert!(delay > ZERO);
    let at = seconds(7) + delay;
    assert_eq!(reconnect.poll_timeout().map(Duration::from), Some(at));
    assert_eq!(reconnect.poll_action(at - NANOSECOND), None);
    assert_eq!(reconnect.poll_timeout().map(Duration::from), Some(at));
    assert_eq!(reconnect.poll_action(at), Some(Action::Connect));
}

#[test]
fn calls_that_do_not_fit_the_state_change_nothing() {
    let unfit = |reconnect: &mut Reconnect| {
        let before = (reconnect.state(), reconnect.poll_timeout(), reconnect.attempts());
        let state = reconnect.state();
        if state != State::Connecting {
            reconnect.handle_connected(ZERO);
            reconnect.handle_failed(ZERO, Retry::Never);
        }
        if state != State::Open {
            reconnect.handle_disconnected(ZERO, Retry::Never);
        }
        let after = (reconnect.state(), reconnect.poll_timeout(), reconnect.attempts());
        assert_eq!(before, after);
    };
    let mut reconnect = Reconnect::new(Policy::default(), seed(1));
    unfit(&mut reconnect);
    reconnect.start(ZERO);
    unfit(&mut reconnect);
    assert_eq!(reconnect.poll_action(ZERO), Some(Action::Connect));
    unfit(&mut reconnect);
    reconnect.handle_connected(ZERO);
    unfit(&mut reconnect);
    reconnect.handle_disconnected(ZERO, Retry::Never);
    unfit(&mut reconnect);
    reconnect.stop();
    unfit(&mut reconnect);
    assert_eq!(reconnect.poll_action(ZERO), None);
}

// Delays.

#[test]
fn delays_double_up_to_the_longest() {
    let mut longest_seen = [ZERO; 8];
    for number in 0..500 {
        let mut reconnect = Reconnect::new(Policy::default(), seed(number));
        reconnect.start(ZERO);
        let mut now = next_attempt(&mut reconnect);
        for (retries, longest_seen) in (0..).zip(&mut longest_seen) {
            reconnect.handle_failed(now, Retry::Later);
            let Some(delay) = reconnect.delay() else { panic!("no delay") };
            assert!(delay <= longest(&Policy::default(), retries));
            *longest_seen = delay.max(*longest_seen);
            now = next_attempt(&mut reconnect);
        }
    }
    // Of 500 random delays, some are nearly as long as is allowed.
    for (longest, seen) in [5, 10, 20, 40, 60, 60, 60, 60].into_iter().zip(longest_seen) {
        assert!(seen > seconds(longest) * 9 / 10, "{seen:?} of {longest}");
    }
}

/// §7.2.3: "The first reconnect attempt SHOULD be delayed by a random amount of time."
#[test]
fn clients_that_lose_their_server_come_back_spread_out() {
    const CLIENTS: u64 = 10_000;
    let mut tenths = [0_u64; 10];
    let mut sum = ZERO;
    for number in 0..CLIENTS {
        let mut reconnect = Reconnect::new(Policy::default(), seed(number));
        reconnect.start(ZERO);
        assert_eq!(reconnect.poll_action(ZERO), Some(Action::Connect));
        reconnect.handle_connected(ZERO);
        reconnect.handle_disconnected(seconds(100), Retry::Later);
        let delay = reconnect.delay().unwrap_or_default();
        sum += delay;
        let index = usize::try_from(delay.as_millis() / 500).unwrap_or(usize::MAX);
        tenths[index.min(9)] += 1;
    }
    // Uniform: 1000 in each tenth with a standard deviation of 30, 2.5 s on average with one of
    // 0.0144 s.
    for count in tenths {
        assert!((850..=1150).contains(&count), "{tenths:?}");
    }
    let mean = sum.as_secs_f64() / 10_000.0;
    assert!((2.43..2.57).contains(&mean), "{mean}");
}

#[test]
fn delays_of_one_client_are_independent() {
    let mut reconnect = connecting(Policy::default().initial_delay(Policy::default().max_delay));
    let mut now = ZERO;
    let delays: Vec<f64> = (0..10_000)
        .map(|_| {
            reconnect.handle_failed(now, Retry::Later);
            let delay = reconnect.delay().unwrap_or_default();
            now = next_attempt(&mut reconnect);
            delay.as_secs_f64() / 60.0 - 0.5
        })
        .collect();
    // The variance of a uniform distribution of width 1 is 1/12; neighbours do not correlate.
    let variance = delays.iter().map(|delay| delay * delay).sum::<f64>() / 10_000.0;
    assert!((0.080..0.087).contains(&variance), "{variance}");
    let pairs = delays.iter().zip(&delays[1..]);
    let correlation = pairs.map(|(a, b)| a * b).sum::<f64>() / 10_000.0 / variance;
    assert!(correlation.abs() < 0.05, "{correlation}");
}

#[test]
fn same_seed_gives_same_delays() {
    let delays = |number| {
        let mut reconnect = Reconnect::new(Policy::default(), seed(number));
        reconnect.start(ZERO);
        let mut now = next_attempt(&mut reconnect);
        [(); 10].map(|()| {
            reconnect.handle_failed(now, Retry::Later);
            now = next_attempt(&mut reconnect);
            now
        })
    };
    assert_eq!(delays(1), delays(1));
    assert_ne!(delays(1), delays(2));
}

#[test]
fn longest_delay_bounds_the_first_one_too() {
    let short = Policy::default().max_delay(Duration::from_millis(3));
    let mut reconnect = connecting(short);
    reconnect.handle_failed(ZERO, Retry::Later);
    assert!(reconnect.delay() <= Some(Duration::from_millis(3)));
}

#[test]
fn delay_that_the_server_names_is_the_least() {
    let mut reconnect = connecting(Policy::default());
    let mut now = ZERO;
    for retries in 0..6 {
        reconnect.handle_failed(now, Retry::After(seconds(300)));
        let Some(delay) = reconnect.delay() else { panic!("no delay") };
        // Above 300 s, or all who were told so would come at once.
        assert!(delay > seconds(300));
        assert!(delay <= seconds(300) + longest(&Policy::default(), retries));
        now = next_attempt(&mut reconnect);
    }
}

#[test]
fn stable_connection_makes_delays_short_again() {
    for (lasted, is_stable) in [(seconds(60) - NANOSECOND, false), (seconds(60), true)] {
        let mut longest_seen = ZERO;
        for number in 0..200 {
            let mut reconnect = Reconnect::new(Policy::default(), seed(number));
            reconnect.start(ZERO);
            let mut now = next_attempt(&mut reconnect);
            for _ in 0..6 {
                reconnect.handle_failed(now, Retry::Later);
                now = next_attempt(&mut reconnect);
            }
            reconnect.handle_connected(now);
            assert_eq!(reconnect.attempts(), 7);
            reconnect.handle_disconnected(now + lasted, Retry::Later);
            assert_eq!(reconnect.attempts(), if is_stable { 0 } else { 7 });
            longest_seen = longest_seen.max(reconnect.delay().unwrap_or_default());
        }
        assert_eq!(longest_seen <= seconds(5), is_stable, "{longest_seen:?}");
    }
}

#[test]
fn unstable_connections_count_as_failures() {
    let mut reconnect = connecting(Policy::default().max_attempts(NonZeroU32::new(4)));
    let mut now = ZERO;
    for _ in 0..3 {
        reconnect.handle_connected(now);
        reconnect.handle_disconnected(now + seconds(1), Retry::Later);
        now = next_attempt(&mut reconnect);
    }
    reconnect.handle_connected(now);
    reconnect.handle_disconnected(now + seconds(1), Retry::Later);
    assert_eq!(reconnect.state(), State::GaveUp(GaveUp::Attempts));
}

// Limits.

#[test]
fn gives_up_after_so_many_attempts() {
    let mut reconnect = connecting(Policy::default().max_attempts(NonZeroU32::new(3)));
    let mut now = ZERO;
    for attempts in 2..=3 {
        reconnect.handle_failed(now, Retry::Later);
        now = next_attempt(&mut reconnect);
        assert_eq!(reconnect.attempts(), attempts);
    }
    reconnect.handle_failed(now, Retry::Later);
    assert_eq!(reconnect.state(), State::GaveUp(GaveUp::Attempts));
    assert_eq!(reconnect.poll_timeout(), None);
    assert_eq!(reconnect.poll_action(Duration::MAX), None);
}

#[test]
fn one_attempt_means_no_retry() {
    let mut reconnect = connecting(Policy::default().max_attempts(NonZeroU32::new(1)));
    reconnect.handle_failed(ZERO, Retry::Later);
    assert_eq!(reconnect.state(), State::GaveUp(GaveUp::Attempts));
}

#[test]
fn gives_up_at_once_when_the_next_attempt_would_be_too_late() {
    let limited = Policy::default().max_outage(seconds(100));
    let mut reconnect = connecting(limited.clone());
    reconnect.handle_failed(ZERO, Retry::After(seconds(101)));
    assert_eq!(reconnect.state(), State::GaveUp(GaveUp::Time));

    let mut reconnect = connecting(limited);
    let mut now = ZERO;
    while reconnect.state() != State::GaveUp(GaveUp::Time) {
        reconnect.handle_failed(now, Retry::Later);
        if reconnect.state() == State::Waiting {
            now = next_attempt(&mut reconnect);
            assert!(now <= seconds(100));
        }
    }
    assert!(now > seconds(40));
}

#[test]
fn no_attempt_is_begun_too_late_by_a_caller_that_overslept() {
    let mut reconnect = connecting(Policy::default().max_outage(seconds(100)));
    reconnect.handle_failed(ZERO, Retry::Later);
    assert_eq!(reconnect.poll_action(seconds(101)), None);
    assert_eq!(reconnect.state(), State::GaveUp(GaveUp::Time));
}

#[test]
fn limit_of_time_counts_from_the_end_of_a_stable_connection() {
    let mut reconnect = open(Policy::default().max_outage(seconds(100)));
    reconnect.handle_disconnected(seconds(5000), Retry::Later);
    assert!(next_attempt(&mut reconnect) <= seconds(5005));
    reconnect.handle_failed(seconds(5101), Retry::Later);
    assert_eq!(reconnect.state(), State::GaveUp(GaveUp::Time));
}

#[test]
fn final_judgement_ends_it_whatever_is_left() {
    let mut reconnect = connecting(Policy::default());
    reconnect.handle_failed(ZERO, Retry::Never);
    assert_eq!(reconnect.state(), State::GaveUp(GaveUp::Final));
    let mut reconnect = open(Policy::default());
    reconnect.handle_disconnected(seconds(1000), Retry::Never);
    assert_eq!(reconnect.state(), State::GaveUp(GaveUp::Final));
    assert_eq!(reconnect.poll_action(seconds(2000)), None);
}

#[test]
fn starts_anew_after_it_gave_up() {
    let mut reconnect = connecting(Policy::default().max_attempts(NonZeroU32::new(1)));
    reconnect.handle_failed(ZERO, Retry::Later);
    reconnect.start(seconds(9));
    assert_eq!(reconnect.poll_action(seconds(9)), Some(Action::Connect));
    assert_eq!(reconnect.attempts(), 1);
}

// Stopping.

#[test]
fn stop_ends_a_delay() {
    let mut reconnect = connecting(Policy::default());
    reconnect.handle_failed(ZERO, Retry::Later);
    reconnect.stop();
    assert_eq!((reconnect.state(), reconnect.poll_timeout()), (State::Stopped, None));
    assert_eq!(reconnect.poll_action(seconds(1000)), None);
}

#[test]
fn stop_demands_the_end_of_what_exists_once() {
    for mut reconnect in [connecting(Policy::default()), open(Policy::default())] {
        reconnect.stop();
        assert_eq!(reconnect.state(), State::Stopped);
        assert_eq!(reconnect.poll_action(ZERO), Some(Action::Disconnect));
        assert_eq!(reconnect.poll_action(ZERO), None);
        // An answer on the way comes too late.
        reconnect.handle_connected(ZERO);
        reconnect.handle_failed(ZERO, Retry::Later);
        reconnect.handle_disconnected(ZERO, Retry::Later);
        assert_eq!(reconnect.state(), State::Stopped);
        assert_eq!((reconnect.poll_action(seconds(100)), reconnect.poll_timeout()), (None, None));
    }
}

#[test]
fn stop_demands_nothing_when_the_end_is_reported() {
    let mut reconnect = connecting(Policy::default());
    reconnect.stop();
    reconnect.handle_failed(ZERO, Retry::Later);
    assert_eq!(reconnect.poll_action(ZERO), None);
    let mut reconnect = open(Policy::default());
    reconnect.stop();
    reconnect.handle_disconnected(ZERO, Retry::Later);
    assert_eq!(reconnect.poll_action(ZERO), None);
}

#[test]
fn stopped_attempt_that_succeeds_is_still_to_be_closed() {
    let mut reconnect = connecting(Policy::default());
    reconnect.stop();
    reconnect.handle_connected(ZERO);
    assert_eq!(reconnect.state(), State::Stopped);
    assert_eq!(reconnect.poll_action(ZERO), Some(Action::Disconnect));
}

#[test]
fn restart_disconnects_before_it_connects() {
    let mut reconnect = open(Policy::default());
    reconnect.stop();
    reconnect.stop();
    reconnect.start(ZERO);
    reconnect.stop();
    reconnect.start(ZERO);
    assert_eq!(reconnect.poll_action(ZERO), Some(Action::Disconnect));
    assert_eq!(reconnect.poll_action(ZERO), Some(Action::Connect));
    assert_eq!(reconnect.poll_action(ZERO), None);
}

// Time.

#[test]
fn clock_that_is_set_back_prolongs_no_delay() {
    let mut reconnect = connecting(Policy::default().max_outage(seconds(1000)));
    reconnect.handle_failed(seconds(900), Retry::After(seconds(10)));
    let Some(delay) = reconnect.delay() else { panic!("no delay") };
    // Four seconds pass, then the clock is set back by an hour.
    assert_eq!(reconnect.poll_action(seconds(904)), None);
    assert_eq!(reconnect.poll_action(ZERO), None);
    let left = delay - seconds(4);
    assert_eq!(reconnect.poll_timeout().map(Duration::from), Some(left));
    assert_eq!(reconnect.poll_action(left - NANOSECOND), None);
    assert_eq!(reconnect.poll_action(left), Some(Action::Connect));
}

#[test]
fn clock_that_is_set_back_makes_no_connection_stable() {
    let mut reconnect = connecting(Policy::default());
    reconnect.handle_connected(seconds(1000));
    reconnect.handle_disconnected(ZERO, Retry::Later);
    assert_eq!(reconnect.attempts(), 1);
}

#[test]
fn longest_durations_do_not_overflow() {
    let endless = Policy::default()
        .initial_delay(Duration::MAX)
        .max_delay(Duration::MAX)
        .max_outage(Duration::MAX);
    let mut reconnect = connecting(endless);
    reconnect.handle_failed(Duration::MAX, Retry::After(Duration::MAX));
    assert_eq!(reconnect.delay(), Some(Duration::MAX));
    assert_eq!(reconnect.poll_timeout().map(Duration::from), Some(Duration::MAX));
    assert_eq!(reconnect.poll_action(ZERO), None);
    assert_eq!(next_attempt(&mut reconnect), Duration::MAX);
    reconnect.handle_failed(Duration::MAX, Retry::Later);
    assert_eq!(reconnect.state(), State::Waiting);
}

#[test]
fn ten_thousand_failures_keep_the_longest_delay() {
    let mut reconnect = connecting(Policy::default());
    let mut now = ZERO;
    for _ in 0..10_000 {
        reconnect.handle_failed(now, Retry::Later);
        assert!(reconnect.delay() <= Some(seconds(60)));
        now = next_attempt(&mut reconnect);
    }
    // 30 s on average.
    assert!((seconds(290_000)..seconds(310_000)).contains(&now), "{now:?}");
}

// What is tried again.

#[test]
fn close_codes_are_judged_by_what_they_mean() {
    let judge = |code: u16| Policy::default().judge_close_code(CloseCode::from(code));
    for code in [1001, 1006, 1011, 1012, 1013, 1014, 3001, 3002, 3008, 3999, 4000, 4999] {
        assert_eq!(judge(code), Retry::Later, "{code}");
    }
    let unsendable = [0, 999, 1004, 1016, 2999, 5000, 65_535];
    let refusals = [1002, 1003, 1007, 1008, 1009, 1010, 1015, 3000, 3003];
    for code in refusals.into_iter().chain(unsendable) {
        assert_eq!(judge(code), Retry::Never, "{code}");
    }
}

#[test]
fn normal_close_is_judged_as_configured() {
    for retry in [Retry::After(seconds(9)), Retry::Later, Retry::Never] {
        let policy = Policy::default().normal_close(retry);
        assert_eq!(policy.judge_close_code(CloseCode::NORMAL), retry);
        assert_eq!(policy.judge_close_code(CloseCode::NO_STATUS), retry);
    }
    assert_eq!(Policy::default().judge_close_code(CloseCode::NORMAL), Retry::Never);
}

#[test]
fn failures_of_this_end_are_judged_by_their_code() {
    let judge = |error| Policy::default().judge_error(error);
    assert_eq!(judge(ConnectionError::UnexpectedEof), Retry::Later);
    assert_eq!(judge(ConnectionError::InvalidUtf8), Retry::Never);
    assert_eq!(judge(ConnectionError::MaskUnexpected), Retry::Never);
    assert_eq!(judge(ConnectionError::MessageTooLarge { limit: 1 }), Retry::Never);
}

mod closed {
    use bytes::Buf;
    use sanswire::reconnect::{Policy, Retry};
    use sanswire::{Closed, Config, Connection, Event, ReadyState};

    fn closed(connection: &mut Connection, bytes: &[u8]) -> Closed {
        connection.input().extend_from_slice(bytes);
        loop {
            match connection.poll_event() {
                Ok(Some((Event::Closed(closed), _))) => return closed,
                Ok(None) => {}
                other => panic!("{other:?}"),
            }
            assert_ne!(connection.ready_state(), ReadyState::Closed);
            // What is to be sent has been, and the server closes TCP (§7.1.1).
            if let Some(output) = connection.poll_transmit() {
                output.advance(output.remaining());
            }
            connection.handle_eof();
        }
    }

    #[test]
    fn close_by_the_peer_is_judged_by_its_code() {
        let mut connection = Connection::client(&Config::default(), [1; 32]);
        let closed = closed(&mut connection, b"\x88\x02\x03\xf4");
        assert_eq!(closed.code, 1012);
        assert_eq!(Policy::default().judge_closed(&closed), Retry::Later);
    }

    #[test]
    fn close_by_this_end_is_final() {
        let mut connection = Connection::client(&Config::default(), [1; 32]);
        assert!(connection.commands().close(4000, "").is_ok());
        let closed = closed(&mut connection, b"\x88\x02\x0f\xa0");
        assert_eq!(closed.code, 4000);
        assert_eq!(Policy::default().judge_closed(&closed), Retry::Never);
    }
}

#[cfg(feature = "handshake")]
mod handshake {
    use sanswire::handshake::{ClientRequest, HandshakeError, Response};
    use sanswire::reconnect::{Policy, Retry};

    use super::seconds;

    fn judge(error: &HandshakeError) -> Retry {
        Policy::default().judge_handshake(error)
    }

    fn judge_status(status: u16) -> Retry {
        judge(&HandshakeError::UnexpectedStatus(Response::new(status).into()))
    }

    fn judge_retry_after(status: u16, value: &[u8]) -> Retry {
        match Response::new(status).header("retry-after", value) {
            Ok(response) => judge(&HandshakeError::UnexpectedStatus(response.into())),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn refusals_that_may_pass_are_tried_again() {
        for status in 100..=599 {
            let expected = match status {
                408 | 425 | 429 | 500.. => Retry::Later,
                _ => Retry::Never,
            };
            assert_eq!(judge_status(status), expected, "{status}");
        }
        assert_eq!(judge_status(999), Retry::Never);
    }

    #[test]
    fn retry_after_in_seconds_is_obeyed_up_to_a_limit() {
        for status in [429, 503] {
            for (value, delay) in [("0", 0), ("120", 120), ("3600", 3600), ("007", 7)] {
                let expected = Retry::After(seconds(delay));
                assert_eq!(judge_retry_after(status, value.as_bytes()), expected);
            }
            for value in ["3601", "18446744073709551615", "99999999999999999999999"] {
                let expected = Retry::After(seconds(3600));
                assert_eq!(judge_retry_after(status, value.as_bytes()), expected);
            }
        }
    }

    #[test]
    fn retry_after_that_is_no_number_of_seconds_is_ignored() {
        let values: [&[u8]; 8] =
            [b"", b"-1", b"+1", b"1.5", b"1 2", b"soon", b"\xff", b"Fri, 31 Dec 1999 23:59:59 GMT"];
        for value in values {
            assert_eq!(judge_retry_after(503, value), Retry::Later, "{value:?}");
        }
    }

    #[test]
    fn retry_after_makes_no_final_refusal_pass() {
        assert_eq!(judge_retry_after(403, b"5"), Retry::Never);
        assert_eq!(judge_retry_after(301, b"5"), Retry::Never);
    }

    #[test]
    fn faults_that_repeat_themselves_are_final() {
        assert_eq!(judge(&HandshakeError::EndOfStream), Retry::Later);
        assert_eq!(judge(&ClientRequest::from_url("ftp://a").unwrap_err()), Retry::Never);
        assert_eq!(judge(&HandshakeError::NoSubprotocol), Retry::Never);
        let malformed = HandshakeError::Malformed { part: "status code", found: "".into() };
        assert_eq!(judge(&malformed), Retry::Never);
        assert_eq!(judge(&HandshakeError::MissingHeader("Sec-WebSocket-Accept")), Retry::Never);
    }
}

// Any schedule.

#[derive(Clone, Copy, Debug)]
enum Call {
    Back(Duration),
    Connected,
    Disconnected(Retry),
    Failed(Retry),
    Forth(Duration),
    RetryNow,
    /// Forth to the very moment that is asked for.
    Sleep,
    Start,
    Stop,
}

fn retries(delays: impl Strategy<Value = Duration>) -> impl Strategy<Value = Retry> {
    prop_oneof![
        8 => Just(Retry::Later),
        2 => delays.prop_map(Retry::After),
        1 => Just(Retry::Never),
    ]
}

fn calls(durations: impl Strategy<Value = Duration> + Clone) -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        1 => durations.clone().prop_map(Call::Back),
        4 => Just(Call::Connected),
        4 => retries(durations.clone()).prop_map(Call::Disconnected),
        6 => retries(durations.clone()).prop_map(Call::Failed),
        4 => durations.prop_map(Call::Forth),
        6 => Just(Call::Sleep),
        1 => Just(Call::RetryNow),
        2 => Just(Call::Start),
        1 => Just(Call::Stop),
    ];
    vec(call, 0..200)
}

fn policies(durations: impl Strategy<Value = Duration> + Clone) -> impl Strategy<Value = Policy> {
    let delays = [durations.clone(), durations.clone(), durations.clone()];
    (delays, proptest::option::of(1..8_u32), proptest::option::of(durations)).prop_map(
        |([initial_delay, max_delay, stable_after], max_attempts, max_outage)| {
            Policy::default()
                .initial_delay(initial_delay)
                .max_delay(max_delay)
                .stable_after(stable_after)
                .max_attempts(max_attempts.and_then(NonZeroU32::new))
                .max_outage(max_outage)
        },
    )
}

fn minutes() -> impl Strategy<Value = Duration> + Clone {
    prop_oneof![Just(ZERO), (0..120_000_u64).prop_map(Duration::from_millis)]
}

fn extremes() -> impl Strategy<Value = Duration> + Clone {
    prop_oneof![
        Just(ZERO),
        Just(Duration::MAX),
        (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
    ]
}

/// What the caller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Attempt,
    Connection,
    Nothing,
}

/// What is known about a machine without looking into it. Its time only goes forth.
struct Model {
    policy: Policy,
    state: State,
    held: Held,
    is_stopped: bool,
    /// Saturating.
    time: Duration,
    outage_since: Duration,
    open_since: Duration,
    due: Duration,
    attempts: u32,
    retries: u32,
}

impl Model {
    /// Follows a failure; `state` and `delay` are the machine's answer to it, which is checked.
    fn follow(&mut self, retry: Retry, state: State, delay: Option<Duration>) {
        let least = match retry {
            Retry::After(least) => least,
            Retry::Later => ZERO,
            Retry::Never => {
                assert_eq!(state, State::GaveUp(GaveUp::Final));
                self.state = state;
                return;
            }
        };
        self.state = state;
        if self.policy.max_attempts.is_some_and(|max| self.attempts >= max.get()) {
            assert_eq!(state, State::GaveUp(GaveUp::Attempts));
            return;
        }
        let longest = least.saturating_add(longest(&self.policy, self.retries));
        self.retries += 1;
        match (state, delay, self.policy.max_outage) {
            (State::Waiting, Some(delay), max) => {
                assert!((least..=longest).contains(&delay), "{delay:?} of {least:?}..{longest:?}");
                self.due = self.time.saturating_add(delay);
                let outage = (self.time - self.outage_since).saturating_add(delay);
                assert!(max.is_none_or(|max| outage <= max));
            }
            (State::GaveUp(GaveUp::Time), None, Some(max)) => {
                let outage = (self.time - self.outage_since).saturating_add(longest);
                assert!(outage > max);
            }
            other => panic!("{other:?}"),
        }
    }

    fn begin(&mut self) {
        self.outage_since = self.time;
        self.attempts = 0;
        self.retries = 0;
    }
}

/// Plays a schedule against the model.
fn play(policy: Policy, seed: [u8; 32], begin: Duration, calls: &[Call]) {
    let mut reconnect = Reconnect::new(policy.clone(), seed);
    let mut now = begin;
    let mut model = Model {
        policy,
        state: State::Idle,
        held: Held::Nothing,
        is_stopped: false,
        time: ZERO,
        outage_since: ZERO,
        open_since: ZERO,
        due: ZERO,
        attempts: 0,
        retries: 0,
    };
    for call in calls {
        match *call {
            Call::Back(by) => now = now.saturating_sub(by),
            Call::Forth(by) => {
                let by = by.min(Duration::MAX - now);
                now += by;
                model.time = model.time.saturating_add(by);
            }
            Call::Sleep => {
                if let Some(at) = reconnect.poll_timeout() {
                    let at = now.max(at.into());
                    model.time = model.time.saturating_add(at - now);
                    now = at;
                }
            }
            Call::RetryNow => {
                reconnect.retry_now();
                if model.state == State::Waiting {
                    model.due = model.time;
                }
            }
            Call::Start => {
                reconnect.start(now);
                if matches!(model.state, State::Idle | State::Stopped | State::GaveUp(_)) {
                    model.begin();
                    model.due = model.time;
                    model.state = State::Waiting;
                }
            }
            Call::Stop => {
                reconnect.stop();
                model.is_stopped |= model.held != Held::Nothing;
                model.state = State::Stopped;
            }
            Call::Connected => {
                reconnect.handle_connected(now);
                if model.state == State::Connecting {
                    model.state = State::Open;
                    model.held = Held::Connection;
                    model.open_since = model.time;
                }
            }
            Call::Failed(retry) => {
                let fits = model.state == State::Connecting;
                reconnect.handle_failed(now, retry);
                if fits || model.is_stopped {
                    (model.held, model.is_stopped) = (Held::Nothing, false);
                }
                if fits {
                    model.follow(retry, reconnect.state(), reconnect.delay());
                }
            }
            Call::Disconnected(retry) => {
                let fits = model.state == State::Open;
                reconnect.handle_disconnected(now, retry);
                if fits || model.is_stopped {
                    (model.held, model.is_stopped) = (Held::Nothing, false);
                }
                if fits {
                    if model.time - model.open_since >= model.policy.stable_after {
                        model.begin();
                    }
                    model.follow(retry, reconnect.state(), reconnect.delay());
                }
            }
        }
        assert_eq!(reconnect.state(), model.state);
        loop {
            let action = reconnect.poll_action(now);
            let is_due = model.state == State::Waiting && model.time >= model.due;
            let outage = model.time - model.outage_since;
            match action {
                Some(Action::Disconnect) => {
                    assert!(model.is_stopped);
                    assert_ne!(model.held, Held::Nothing);
                    (model.held, model.is_stopped) = (Held::Nothing, false);
                }
                Some(Action::Connect) => {
                    assert!(is_due);
                    assert_eq!(model.held, Held::Nothing, "two attempts in flight");
                    assert!(model.policy.max_outage.is_none_or(|max| outage <= max));
                    model.held = Held::Attempt;
                    model.attempts += 1;
                    model.state = State::Connecting;
                    assert!(
                        model.policy.max_attempts.is_none_or(|max| model.attempts <= max.get())
                    );
                }
                None if is_due => {
                    assert!(model.policy.max_outage.is_some_and(|max| outage > max));
                    model.state = State::GaveUp(GaveUp::Time);
                }
                None => assert!(!model.is_stopped),
                Some(other) => panic!("{other:?}"),
            }
            assert_eq!(reconnect.state(), model.state);
            if action.is_none() {
                break;
            }
        }
        assert_eq!(reconnect.attempts(), model.attempts);
        if model.state == State::Waiting {
            let left = model.due - model.time;
            assert_eq!(
                reconnect.poll_timeout().map(Duration::from),
                Some(now.saturating_add(left))
            );
            assert!(reconnect.delay().is_some());
        } else {
            assert_eq!((reconnect.poll_timeout(), reconnect.delay()), (None, None));
        }
    }
}

proptest! {
    #[test]
    fn any_schedule_is_followed_as_the_model_says(
        policy in policies(minutes()),
        seed: [u8; 32],
        begin in minutes(),
        calls in calls(minutes()),
    ) {
        play(policy, seed, begin, &calls);
    }

    #[test]
    fn no_duration_breaks_anything(
        policy in policies(extremes()),
        seed: [u8; 32],
        times in vec((extremes(), 0..7, retries(extremes())), 0..100),
    ) {
        let mut reconnect = Reconnect::new(policy, seed);
        let mut is_held = false;
        for (now, call, retry) in times {
            match call {
                0 => reconnect.start(now),
                1 => reconnect.handle_connected(now),
                2 | 3 => {
                    is_held &= reconnect.state() != State::Connecting;
                    reconnect.handle_failed(now, retry);
                }
                4 | 5 => {
                    is_held &= reconnect.state() != State::Open;
                    reconnect.handle_disconnected(now, retry);
                }
                _ => {
                    reconnect.stop();
                    if reconnect.poll_action(now) == Some(Action::Disconnect) {
                        prop_assert!(is_held);
                        is_held = false;
                    }
                    prop_assert!(!is_held);
                }
            }
            if reconnect.poll_action(now) == Some(Action::Connect) {
                prop_assert!(!is_held);
                is_held = true;
            }
            prop_assert_eq!(reconnect.poll_timeout().is_some(), reconnect.state() == State::Waiting);
        }
    }
}

#[test]
fn an_error_of_an_attempt_has_the_source_of_what_it_wraps() {
    #[derive(Debug)]
    struct Outer(core::fmt::Error);
    impl core::fmt::Display for Outer {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("outer")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let attempt = || AttemptError::new(Retry::Never, Outer(core::fmt::Error));
    let is_inner =
        |error: &dyn Error| error.source().is_some_and(|source| source.is::<core::fmt::Error>());
    assert!(is_inner(&attempt()));
    assert!(is_inner(&Cause::<Outer>::Attempt(attempt())));
    assert!(is_inner(&Cause::Failed(Outer(core::fmt::Error))));
}
