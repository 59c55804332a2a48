//! What becomes of messages.

use sanswire::reconnect::{Outbox, OutboxError, Policy, Supervisor};
use sanswire::{Config, Connection, Message};

use super::world::{Failure, SEED, World, carry, messages, queue, session};

#[test]
fn what_is_sent_offline_leaves_in_order() {
    let mut world = World::new(Policy::default(), Outbox::queue(4, 100));
    for number in 0..4 {
        world.client.try_send(format!("{number}")).unwrap();
    }
    assert_eq!((world.client.buffered_messages(), world.client.buffered_amount()), (4, 4));
    world.reopen();
    assert_eq!(world.drive(), ["0".into(), "1".into(), "2".into(), "3".into()]);
    assert_eq!((world.client.buffered_messages(), world.client.buffered_amount()), (0, 0));
    world.client.try_send("4").unwrap();
    assert_eq!(world.drive(), ["4".into()]);
}

#[test]
fn what_a_connection_begins_with_leaves_before_the_queue() {
    let mut world = World::new(Policy::default(), queue());
    world.client.try_send("queued").unwrap();
    for token in ["token 1", "token 2"] {
        world.connect();
        world.accept_with(vec![token.into(), vec![7].into()]);
        world.client.try_send("later").unwrap();
        // It is no part of the queue.
        let waiting = world.client.buffered_messages();
        let mut expected = vec![token.into(), vec![7].into()];
        expected.extend(["queued".into(), "later".into()][2 - waiting..].iter().cloned());
        assert_eq!(world.drive(), expected);
        assert_eq!(world.client.buffered_messages(), 0);
        world.lose();
    }
    world.reopen();
    assert_eq!(world.drive(), [], "each connection has its own");
}

#[test]
fn what_a_connection_begins_with_leaves_first_however_little_fits() {
    let first: Vec<Message> = (0..9).map(|number| format!("first {number}").into()).collect();
    for broken in [false, true] {
        let mut world = World::connecting(queue());
        world.config.max_buffered = 20;
        world.client.try_send("queued").unwrap();
        world.accept_with(first.clone());
        let (near, _) = world.link.as_mut().unwrap();
        assert!(world.client.transmit(&mut near.commands()));
        assert!(!world.client.transmit(&mut near.commands()), "it is full");
        assert_eq!(world.client.buffered_messages(), 1);
        if broken {
            // The rest is not for the next connection.
            world.lose();
            world.connect();
            world.accept_with(vec!["other".into()]);
            assert_eq!(world.drive(), ["other".into(), "queued".into()]);
        } else {
            world.client.stop();
            let (near, far) = world.link.as_mut().unwrap();
            let mut got = messages(far);
            while carry(near, far) {
                got.extend(messages(far));
                world.client.transmit(&mut near.commands());
            }
            assert!(got.len() < first.len() && first.starts_with(&got), "{got:?}");
            assert_eq!(world.client.take_unsent(), ["queued".into()]);
        }
    }
}

#[test]
fn messages_over_the_limits_come_back() {
    let mut world = World::new(Policy::default(), Outbox::queue(4, 100));
    let refused = world.client.try_send(vec![0; 101]).unwrap_err();
    assert_eq!(refused.error, OutboxError::TooLarge { len: 101, limit: 100 });
    assert_eq!(refused.message.len(), 101);
    world.client.try_send(vec![0; 60]).unwrap();
    assert_eq!(world.client.try_send(vec![0; 41]).unwrap_err().error, OutboxError::Full);
    world.client.try_send(vec![0; 40]).unwrap();
    // Full of bytes, not of messages.
    world.client.try_send("").unwrap();
    world.client.try_send("").unwrap();
    let refused = world.client.try_send("").unwrap_err();
    assert_eq!((&refused.error, &refused.message), (&OutboxError::Full, &"".into()));
    assert_eq!(OutboxError::from(refused), OutboxError::Full);
    assert_eq!((world.client.buffered_messages(), world.client.buffered_amount()), (4, 100));
    assert_eq!(world.client.take_unsent().len(), 4);
    world.client.try_send(vec![0; 100]).unwrap();
}

#[test]
fn what_no_connection_took_goes_to_the_next_one() {
    let mut world = World::connecting(queue());
    world.config.max_buffered = 20;
    world.accept();
    let all: Vec<Message> = (10..99).map(|number| format!("message {number}").into()).collect();
    for message in &all {
        world.client.try_send(message.clone()).unwrap();
    }
    let (near, _) = world.link.as_mut().unwrap();
    assert!(world.client.transmit(&mut near.commands()));
    assert!(!world.client.transmit(&mut near.commands()), "it is full");
    let left = world.client.buffered_messages();
    assert!((80..all.len()).contains(&left), "{left}");
    world.lose();
    assert_eq!(world.client.buffered_messages(), left);
    world.reopen();
    assert_eq!(world.drive(), all[all.len() - left..]);
}

#[test]
fn a_connection_that_is_closing_is_offered_nothing() {
    for outbox in [queue(), Outbox::session(session(1))] {
        let mut world = World::open(outbox);
        world.far().commands().close(1001, "").unwrap();
        let (near, far) = world.link.as_mut().unwrap();
        carry(far, near);
        messages(near);
        world.client.try_send("kept").unwrap();
        assert!(!world.client.transmit(&mut near.commands()));
        // What is refused by a closing connection would count forever.
        assert_eq!((near.buffered_amount(), world.client.buffered_messages()), (0, 1));
    }
}

#[test]
fn a_connection_gets_nothing_while_there_is_none() {
    let mut world = World::connecting(queue());
    world.client.try_send("kept").unwrap();
    let mut other = Connection::client(&Config::default(), SEED);
    assert!(!world.client.transmit(&mut other.commands()));
    world.client.handle_message("from nowhere".into());
    world.waits();
    assert_eq!(world.client.buffered_messages(), 1);
}

#[test]
fn messages_from_the_server_are_told_in_order() {
    let mut world = World::open(queue());
    world.send_far("first".into());
    world.send_far(vec![1, 2].into());
    world.drive();
    assert_eq!(world.message(), "first".into());
    assert_eq!(world.message(), vec![1, 2].into());
    world.waits();
}

#[test]
fn connections_are_configured_for_the_outbox() {
    use sanswire::{PongMode, Reassembly, WhenFull};

    let config = Config::default()
        .max_message_size(77)
        .reassembly(Reassembly::Chunks)
        .pong(PongMode::Manual)
        .when_full(WhenFull::DropOldest);
    let config = Supervisor::<Failure>::connection_config(config);
    assert_eq!(config.max_message_size, 77);
    assert_eq!(
        (config.reassembly, config.pong, config.when_full),
        (Reassembly::Messages, PongMode::Automatic, WhenFull::Refuse)
    );
}
