//! Stopping, in every state.

use sanswire::reconnect::{Cause, OutboxError, Policy, Retry, State, Step, Supervisor};
use sanswire::{CloseCode, ClosedBy};

use super::world::{Failure, LOST, SEED, World, ZERO, carry, messages, queue};

#[test]
fn stop_before_start_refuses_messages() {
    let mut client = Supervisor::<Failure>::new(Policy::default(), SEED, queue());
    client.stop();
    assert_eq!(client.try_send("late").unwrap_err().error, OutboxError::Ended);
    assert!(matches!(client.poll_step(ZERO), Step::Over));
}

#[test]
fn stop_ends_a_delay() {
    let mut world = World::connecting(queue());
    world.lose();
    world.client.stop();
    assert_eq!(world.client.state(), State::Stopped);
    world.is_over();
    world.client.start(world.now);
    assert_eq!(world.connect(), 1);
}

#[test]
fn stop_drops_an_attempt() {
    let mut world = World::connecting(queue());
    world.client.stop();
    assert!(matches!(world.step(), Step::Disconnect));
    world.is_over();
}

#[test]
fn an_attempt_that_ends_behind_a_stop_is_not_told() {
    let mut world = World::connecting(queue());
    world.client.stop();
    world.client.handle_connected(world.now, vec!["first".into()]);
    assert!(matches!(world.step(), Step::Disconnect), "what has come of it is dropped");
    world.is_over();

    let mut world = World::connecting(queue());
    world.client.stop();
    world.end(Cause::Failed(LOST));
    world.is_over();
}

#[test]
fn an_attempt_is_dropped_before_the_next_start_begins_another() {
    let mut world = World::connecting(queue());
    world.client.stop();
    world.client.start(world.now);
    world.client.handle_connected(world.now, vec!["first".into()]);
    assert!(matches!(world.step(), Step::Disconnect));
    assert_eq!(world.connect(), 1);
}

#[test]
fn stop_closes_a_connection_behind_what_waits() {
    let mut world = World::open(queue());
    world.client.try_send("first").unwrap();
    world.client.try_send("second").unwrap();
    world.client.stop();
    assert_eq!(world.client.try_send("late").unwrap_err().error, OutboxError::Ended);
    world.waits();
    // What was under way is delivered.
    world.send_far("news".into());
    let (near, far) = world.link.as_mut().unwrap();
    carry(far, near);
    for message in messages(near) {
        world.client.handle_message(message);
    }
    assert_eq!(world.message(), "news".into());

    assert_eq!(world.drive(), ["first".into(), "second".into()]);
    let closed = world.link.as_ref().unwrap().0.closed().unwrap();
    assert_eq!((closed.code, closed.by, closed.clean), (CloseCode::NORMAL, ClosedBy::Local, true));
    world.waits();
    world.end(Cause::Closed(closed));
    let (cause, delay) = world.disconnected();
    assert!(matches!(cause, Cause::Closed(_)), "{cause:?}");
    assert_eq!((delay, world.client.state()), (None, State::Stopped));
    world.is_over();
}

#[test]
fn stop_keeps_what_finds_no_room() {
    let mut world = World::connecting(queue());
    world.config.max_buffered = 10;
    world.accept();
    for number in 0..10 {
        world.client.try_send(format!("message {number}")).unwrap();
    }
    world.client.stop();
    let sent = world.drive();
    assert_eq!(sent.len(), 1);
    assert_eq!(world.far().close_code(), Some(CloseCode::NORMAL));
    world.lose();
    assert_eq!((world.client.buffered_messages(), world.client.take_unsent().len()), (9, 9));
}

#[test]
fn a_start_right_behind_a_stop_waits_for_the_close() {
    let mut world = World::open(queue());
    world.client.stop();
    world.client.start(world.now);
    world.waits();
    assert_eq!(world.client.poll_timeout(), None);
    world.drive();
    assert_eq!(world.far().close_code(), Some(CloseCode::NORMAL));
    world.client.try_send("for the next one").unwrap();
    assert_eq!(world.drive(), []);
    world.waits();
    assert_eq!(world.lose(), Some(ZERO));
    world.reopen();
    assert_eq!(world.drive(), ["for the next one".into()]);
}

#[test]
fn stop_behind_giving_up_takes_the_place_of_its_event() {
    let mut world = World::connecting(queue());
    world.end(Cause::Failed(Failure::Transport(Retry::Never)));
    world.client.stop();
    assert_eq!(world.disconnected().1, None);
    world.is_over();
}
