//! Moments in time: made of durations, compared, and kept within what can be counted.

use core::time::Duration;

use sanswire::{Config, Connection, Timestamp};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_moment_is_made_of_a_duration_and_turned_back() {
    assert_eq!(Timestamp::from(SECOND), Timestamp::ZERO.saturating_add(SECOND));
    assert_eq!(Duration::from(Timestamp::from(SECOND)), SECOND);
    assert_eq!(Timestamp::default(), Timestamp::ZERO);
    assert!(Timestamp::ZERO < SECOND.into() && Timestamp::MAX > SECOND.into());
}

#[test]
fn the_time_between_two_moments_is_never_negative() {
    let (one, two) = (Timestamp::from(SECOND), Timestamp::from(SECOND * 3));
    assert_eq!(two.saturating_duration_since(one), SECOND * 2);
    assert_eq!(two.saturating_duration_since(SECOND), SECOND * 2);
    assert_eq!(one.saturating_duration_since(two), Duration::ZERO);
    assert_eq!(Timestamp::MAX.saturating_duration_since(Timestamp::ZERO), Duration::MAX);
}

#[test]
fn moments_stay_within_what_can_be_counted() {
    let late = Timestamp::MAX.saturating_sub(SECOND);
    assert_eq!(late.saturating_add(SECOND * 2), Timestamp::MAX);
    assert_eq!(late.checked_add(SECOND), Some(Timestamp::MAX));
    assert_eq!(late.checked_add(SECOND * 2), None);
    assert_eq!(Timestamp::ZERO.saturating_sub(SECOND), Timestamp::ZERO);
}

#[test]
fn a_clock_that_goes_back_or_to_the_end_of_time_moves_no_deadline() {
    let mut connection = Connection::server(&Config::default().ping_interval(SECOND * 10));
    connection.handle_timeout(SECOND * 5);
    let at = connection.poll_timeout();
    assert_eq!(at, Some(Timestamp::from(SECOND * 15)));
    connection.handle_timeout(Timestamp::ZERO);
    assert_eq!(connection.poll_timeout(), at);
    connection.handle_timeout(Timestamp::MAX);
    assert!(connection.poll_event().is_ok());
}
