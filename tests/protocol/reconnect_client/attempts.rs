//! When attempts come, how their ends are judged, and when it gives up.

use core::num::NonZeroU32;
use core::time::Duration;

use sanswire::delivery::DeliveryError;
use sanswire::reconnect::{
    Action, AttemptError, Cause, ClientEvent, GaveUp, OutboxError, Policy, Reconnect, Retry, State,
    Step, Supervisor,
};
use sanswire::{ClosedBy, ConnectionError};

use super::world::{Failure, HOUR, LOST, SEED, World, ZERO, closed, queue};

// Attempts.

#[test]
fn nothing_happens_before_start() {
    let mut client = Supervisor::<Failure>::new(Policy::default(), SEED, queue());
    assert!(matches!(client.poll_step(HOUR), Step::Over));
    assert_eq!((client.state(), client.is_ended()), (State::Idle, false));
    client.try_send("queued").unwrap();
    assert_eq!(client.buffered_messages(), 1);
    client.start(HOUR);
    assert_eq!(client.poll_timeout().map(Duration::from), Some(HOUR));
    assert!(matches!(client.poll_step(HOUR), Step::Connect { attempt: 1 }));
    assert!(matches!(client.poll_step(HOUR), Step::Event(ClientEvent::Connecting { attempt: 1 })));
    assert!(matches!(client.poll_step(HOUR), Step::Wait));
}

#[test]
fn attempts_come_when_the_policy_says() {
    let mut world = World::new(Policy::default(), queue());
    let mut oracle = Reconnect::new(Policy::default(), SEED);
    oracle.start(world.now);
    for attempt in 1..20 {
        assert_eq!(world.connect(), attempt);
        assert_eq!(oracle.poll_action(world.now), Some(Action::Connect));
        oracle.handle_failed(world.now, Retry::Later);
        world.end(Cause::Failed(Failure::Transport(Retry::Later)));
        let (cause, delay) = world.disconnected();
        assert!(matches!(cause, Cause::Failed(Failure::Transport(Retry::Later))), "{cause:?}");
        assert_eq!(delay, oracle.delay());
        world.waits();
        assert_eq!(world.client.poll_timeout(), oracle.poll_timeout());
    }
}

#[test]
fn a_lost_connection_is_followed_by_another() {
    let mut world = World::open(queue());
    world.now += HOUR;
    let delay = world.lose().unwrap();
    assert_eq!(world.client.state(), State::Waiting);
    assert_eq!(world.client.poll_timeout().map(Duration::from), Some(world.now + delay));
    // It was stable, so that the count begins anew.
    assert_eq!(world.connect(), 1);
}

#[test]
fn the_application_hears_of_an_end_before_the_next_attempt_begins() {
    let mut world = World::new(Policy::default().initial_delay(ZERO), queue());
    world.connect();
    world.end(Cause::Failed(LOST));
    assert_eq!(world.disconnected().1, Some(ZERO));
    assert!(matches!(world.step(), Step::Connect { attempt: 2 }));
}

#[test]
fn start_changes_nothing_while_it_goes_on() {
    let mut world = World::connecting(queue());
    world.client.start(world.now);
    world.waits();
    world.accept();
    world.client.start(world.now);
    world.waits();
    world.lose();
    let timeout = world.client.poll_timeout();
    world.client.start(world.now);
    assert_eq!((world.client.state(), world.client.poll_timeout()), (State::Waiting, timeout));
}

// Judgements.

#[test]
fn causes_are_judged() {
    let client = Supervisor::<Failure>::new(Policy::default(), SEED, queue());
    let after = Retry::After(HOUR);
    let slow = ConnectionError::PongTimeout { limit: HOUR };
    for (cause, retry) in [
        (Cause::Attempt(AttemptError::new(Retry::Never, "signed out")), Retry::Never),
        (Cause::Attempt(AttemptError::new(after, "busy")), after),
        (Cause::Closed(closed(1000, ClosedBy::Peer)), Retry::Never),
        (Cause::Closed(closed(1001, ClosedBy::Peer)), Retry::Later),
        (Cause::Closed(closed(1008, ClosedBy::Peer)), Retry::Never),
        (Cause::Closed(closed(4000, ClosedBy::Peer)), Retry::Later),
        (Cause::Closed(closed(4000, ClosedBy::Local)), Retry::Never),
        (Cause::Delivery(DeliveryError::HelloMissing), Retry::Never),
        (Cause::Delivery(DeliveryError::InvalidUtf8), Retry::Never),
        (Cause::Failed(LOST), Retry::Later),
        (Cause::Failed(Failure::Connection(slow)), Retry::Later),
        (Cause::Failed(Failure::Connection(ConnectionError::InvalidUtf8)), Retry::Never),
        (Cause::Failed(Failure::Transport(after)), after),
    ] {
        assert_eq!(cause.retry(client.policy()), retry, "{cause:?}");
        assert_eq!(client.judge(cause).retry, retry);
    }
}

#[test]
fn the_policy_of_the_client_judges() {
    let mut world = World::new(Policy::default().normal_close(Retry::Later), queue());
    world.connect();
    world.accept();
    world.end(Cause::Closed(closed(1000, ClosedBy::Peer)));
    assert!(world.disconnected().1.is_some());
}

#[test]
fn a_judgement_can_be_replaced() {
    let mut world = World::connecting(queue());
    let mut judgement = world.client.judge(Cause::Failed(Failure::Transport(Retry::Never)));
    assert_eq!(judgement.retry, Retry::Never);
    judgement.retry = Retry::After(HOUR);
    world.client.handle_disconnected(world.now, judgement);
    assert!(world.disconnected().1.unwrap() >= HOUR);

    world.reopen();
    let mut judgement = world.client.judge(Cause::Failed(LOST));
    judgement.retry = Retry::Never;
    world.client.handle_disconnected(world.now, judgement);
    assert_eq!(world.disconnected().1, None);
    assert!(matches!(world.event(), ClientEvent::GaveUp(GaveUp::Final)));
}

#[test]
fn causes_can_be_read() {
    let mut error = closed(1001, ClosedBy::Peer);
    let text = |cause: Cause<ConnectionError>| cause.to_string();
    assert_eq!(
        text(Cause::Closed(error.clone())),
        "connection closed by the peer with 1001: \"why\""
    );
    error.reason = "".into();
    assert_eq!(text(Cause::Closed(error)), "connection closed by the peer with 1001");
    let error = AttemptError::new(Retry::Never, "signed out");
    assert_eq!(text(Cause::Attempt(error)), "attempt failed: signed out");
    let error = ConnectionError::UnexpectedEof;
    assert_eq!(text(Cause::Failed(error)), error.to_string());
    let text = text(Cause::Delivery(DeliveryError::HelloMissing));
    assert_eq!(text, "delivery failed: message before the hello");
}

#[cfg(feature = "handshake")]
#[test]
fn handshakes_are_judged_by_the_policy() {
    use sanswire::handshake::{HandshakeError, Response};

    let policy = Policy::default();
    let busy = Response::new(503).header("Retry-After", "3600").unwrap();
    for (error, retry) in [
        (HandshakeError::EndOfStream, Retry::Later),
        (HandshakeError::NoSubprotocol, Retry::Never),
        (HandshakeError::UnexpectedStatus(Box::new(Response::new(401))), Retry::Never),
        (HandshakeError::UnexpectedStatus(Box::new(busy)), Retry::After(HOUR)),
    ] {
        assert_eq!(Cause::Failed(error).retry(&policy), retry);
    }
    assert_eq!(AttemptError::from(HandshakeError::EndOfStream).retry(), Retry::Never);
}

// Giving up.

#[test]
fn giving_up_is_told_once() {
    let limited = Policy::default().max_attempts(NonZeroU32::new(2));
    let mut world = World::new(limited, queue());
    world.client.try_send("first").unwrap();
    for _ in 0..3 {
        for attempt in 1..=2 {
            assert_eq!(world.connect(), attempt);
            let is_last = attempt == 2;
            assert_eq!(world.lose().is_none(), is_last);
        }
        assert!(world.client.is_ended());
        let refused = world.client.try_send("late").unwrap_err();
        assert_eq!((refused.error, refused.message), (OutboxError::Ended, "late".into()));
        assert!(matches!(world.event(), ClientEvent::GaveUp(GaveUp::Attempts)));
        world.is_over();
        assert_eq!(world.client.state(), State::GaveUp(GaveUp::Attempts));
        world.client.start(world.now);
        assert!(!world.client.is_ended());
    }
    world.client.try_send("second").unwrap();
    assert_eq!(world.client.take_unsent(), ["first".into(), "second".into()]);
}

#[test]
fn a_client_that_slept_too_long_gives_up() {
    let mut world = World::new(Policy::default().max_outage(HOUR), queue());
    world.connect();
    assert!(world.lose().is_some());
    world.now += HOUR + HOUR;
    assert!(matches!(world.event(), ClientEvent::GaveUp(GaveUp::Time)));
    assert!(world.client.is_ended());
    world.is_over();
}

// What an application prints.

#[test]
fn an_event_reads_as_a_line_of_a_log() {
    let eof = || Cause::Failed(ConnectionError::UnexpectedEof);
    let second = Duration::from_millis(1234);
    for (event, line) in [
        (ClientEvent::Connecting { attempt: 3 }, "connecting, attempt 3"),
        (
            ClientEvent::Disconnected { cause: eof(), delay: Some(second) },
            "stream ended before the closing handshake was complete: the peer or the network is \
             gone, and only a new connection helps; next attempt in 1.2s",
        ),
        (
            ClientEvent::Disconnected { cause: eof(), delay: None },
            "stream ended before the closing handshake was complete: the peer or the network is \
             gone, and only a new connection helps; no other attempt",
        ),
        (ClientEvent::Forgot, "session is unknown here: a new one begins"),
        (
            ClientEvent::GaveUp(GaveUp::Attempts),
            "gave up: too many attempts in a row (Policy::max_attempts) have failed, or led to a \
             connection that ended within Policy::stable_after: start it again when the user asks \
             for it",
        ),
        (
            ClientEvent::GaveUp(GaveUp::Final),
            "gave up: what ended the last attempt or connection is final: see its cause (for a close \
             with 1000, Policy::normal_close decides)",
        ),
        (
            ClientEvent::GaveUp(GaveUp::Time),
            "gave up: no connection for too long (Policy::max_outage): start it again when the user \
             asks for it",
        ),
        (ClientEvent::Message("secret".into()), "text message of 6 bytes"),
        (ClientEvent::Message(vec![1, 2].into()), "binary message of 2 bytes"),
        (ClientEvent::Open, "connected"),
        (ClientEvent::Resumed, "session resumed"),
        (ClientEvent::Started, "session started"),
    ] {
        assert_eq!(event.to_string(), line);
    }
}

#[test]
fn retry_now_ends_a_delay_and_resets_no_limit() {
    let policy = Policy::default().max_attempts(NonZeroU32::new(3));
    let mut world = World::new(policy.clone(), queue());
    let mut oracle = Reconnect::new(policy, SEED);
    oracle.start(world.now);
    for attempt in 1..=3 {
        assert_eq!(world.connect(), attempt);
        assert_eq!(oracle.poll_action(world.now), Some(Action::Connect));
        oracle.handle_failed(world.now, Retry::After(HOUR));
        world.end(Cause::Failed(Failure::Transport(Retry::After(HOUR))));
        let (_, delay) = world.disconnected();
        // The delays are those of a client that waits.
        assert_eq!(delay, oracle.delay());
        oracle.retry_now();
        world.client.retry_now();
        // Twice is as once.
        world.client.retry_now();
    }
    assert_eq!(world.client.state(), State::GaveUp(GaveUp::Attempts));
    world.client.retry_now();
    assert_eq!(world.client.state(), State::GaveUp(GaveUp::Attempts));
}

#[test]
fn retry_now_has_no_effect_unless_a_client_waits() {
    let mut client = Supervisor::<Failure>::new(Policy::default(), SEED, queue());
    client.retry_now();
    assert!(matches!(client.poll_step(HOUR), Step::Over));
    let mut world = World::connecting(queue());
    world.client.retry_now();
    world.waits();
    world.accept();
    world.client.retry_now();
    world.waits();
    assert_eq!(world.client.state(), State::Open);
    world.client.stop();
    world.client.retry_now();
    assert_eq!(world.client.state(), State::Stopped);
}
