//! Delivery by a session, and servers that break its rules.

use sanswire::delivery::{DeliveryError, Limits, Session, SessionId};
use sanswire::reconnect::{Cause, ClientEvent, GaveUp, Outbox, OutboxError, Policy, Supervisor};
use sanswire::{CloseCode, ClosedBy, ConnectionError};

use super::world::{
    Failure, LOST, SEED, World, ZERO, carry, data, hello, messages, queue, session,
};

/// A server's end of a session on the present connection.
fn exchange(world: &mut World, server: &mut Session) -> Vec<sanswire::delivery::SessionEvent> {
    let mut events = Vec::new();
    loop {
        let received = world.drive();
        if received.is_empty() {
            return events;
        }
        for message in received {
            events.extend(server.handle_message(message).unwrap());
        }
        server.acknowledge();
        server.transmit(&mut world.far().commands()).unwrap();
    }
}

#[test]
fn a_session_goes_on_across_connections() {
    let mut world = World::connecting(Outbox::session(session(1)));
    let mut server = session(2);
    world.client.try_send("first").unwrap();
    server.handle_connected();
    server.send("news".into()).unwrap();
    world.accept();
    exchange(&mut world, &mut server);
    assert!(matches!(world.event(), ClientEvent::Started));
    assert_eq!(world.message(), "news".into());
    assert_eq!(world.client.buffered_messages(), 0, "acknowledged");
    assert_eq!(server.buffered_messages(), 0, "acknowledged before waiting");

    // Sent, and lost on the way.
    world.client.try_send("second").unwrap();
    let (near, _) = world.link.as_mut().unwrap();
    assert!(world.client.transmit(&mut near.commands()));
    assert_eq!(world.client.buffered_messages(), 1);
    assert_eq!(world.client.take_unsent(), []);
    assert!(world.client.session().is_some_and(Session::is_open));
    world.lose();
    assert!(world.client.session().is_some_and(|session| !session.is_open()));
    world.client.try_send("third").unwrap();

    server.handle_disconnected();
    server.handle_connected();
    world.reopen();
    let events = exchange(&mut world, &mut server);
    assert!(matches!(world.event(), ClientEvent::Resumed));
    let text = |text: &str| sanswire::delivery::SessionEvent::Message(text.into());
    assert_eq!(events[1..], [text("second"), text("third")]);
    assert_eq!((world.client.buffered_messages(), world.client.buffered_amount()), (0, 0));
    world.waits();
}

#[test]
fn what_a_connection_begins_with_leaves_before_a_session() {
    let mut world = World::new(Policy::default(), Outbox::session(session(1)));
    let mut server = session(2);
    world.client.try_send("kept").unwrap();
    for (token, tells) in [("token 1", "Started"), ("token 2", "Resumed")] {
        world.connect();
        world.accept_with(vec![token.into()]);
        let mut received = world.drive();
        assert_eq!(received.remove(0), token.into());
        server.handle_connected();
        let mut events = Vec::new();
        for message in received {
            events.extend(server.handle_message(message).unwrap());
        }
        server.transmit(&mut world.far().commands()).unwrap();
        events.extend(exchange(&mut world, &mut server));
        assert_eq!(format!("{:?}", events[0]), tells);
        assert_eq!(format!("{:?}", world.event()), tells);
        world.lose();
        server.handle_disconnected();
    }
    assert_eq!(world.client.buffered_messages(), 0);
}

#[test]
fn a_session_tells_who_forgot() {
    let mut world = World::open(Outbox::session(session(1)));
    let mut server = session(2);
    server.handle_connected();
    exchange(&mut world, &mut server);
    assert!(matches!(world.event(), ClientEvent::Started));
    world.client.try_send("lost").unwrap();
    world.lose();

    let mut other = session(3);
    other.handle_connected();
    world.reopen();
    exchange(&mut world, &mut other);
    let ClientEvent::PeerForgot(lost) = world.event() else { panic!("it forgot") };
    assert_eq!((&lost.sent, &lost.unsent), (&vec![], &vec!["lost".into()]));
    assert_eq!(
        ClientEvent::<ConnectionError>::PeerForgot(lost).to_string(),
        "session is unknown to the peer: a new one begins without 0 messages that may have \
         arrived and 1 that were not sent",
    );

    // A client that comes back without its state.
    let mut world = World::open(Outbox::session(session(4)));
    other.handle_disconnected();
    other.handle_connected();
    other.send("kept".into()).unwrap();
    other.transmit(&mut world.far().commands()).unwrap();
    let events = exchange(&mut world, &mut other);
    assert!(matches!(&events[..], [sanswire::delivery::SessionEvent::PeerForgot(_)]), "{events:?}");
    assert!(matches!(world.event(), ClientEvent::Forgot));
}

#[test]
fn a_session_has_its_own_limits() {
    let limits = Limits::default().max_messages(2).max_bytes(10);
    let session = Session::new(SessionId::new([1; 16]).unwrap(), limits);
    let mut world = World::new(Policy::default(), Outbox::session(session));
    let refused = world.client.try_send(vec![0; 11]).unwrap_err();
    assert_eq!(refused.error, OutboxError::TooLarge { len: 11, limit: 10 });
    world.client.try_send(vec![0; 6]).unwrap();
    assert_eq!(world.client.try_send(vec![0; 5]).unwrap_err().error, OutboxError::Full);
    world.client.try_send("1").unwrap();
    let refused = world.client.try_send("2").unwrap_err();
    assert_eq!((refused.error, refused.message), (OutboxError::Full, "2".into()));
    assert_eq!((world.client.buffered_messages(), world.client.buffered_amount()), (2, 7));
    assert!(world.client.session().is_some_and(|session| session.buffered_messages() == 2));
}

#[test]
fn a_server_that_breaks_the_rules_of_delivery_is_told_so() {
    let over = 1 << 60;
    for (sent, error) in [
        (vec!["text".into()], DeliveryError::TextUnexpected),
        (vec![vec![1; 9].into()], DeliveryError::HelloMissing),
        (vec![vec![0, 1].into()], DeliveryError::WrongLength { len: 2 }),
        (vec![hello(0, 1, 0)], DeliveryError::IdMissing),
        (vec![hello(1, 1, 0)], DeliveryError::IdReflected),
        (vec![hello(2, 1, 0), hello(2, 1, 0)], DeliveryError::HelloRepeated),
        (vec![hello(2, 1, 0), vec![9].into()], DeliveryError::UnknownKind { kind: 9 }),
        (vec![hello(2, 1, 0), data(2, 0, 0, b"\xff")], DeliveryError::InvalidUtf8),
        (vec![hello(2, 1, 0), data(2, 0, 5, b"")], DeliveryError::Gap { expected: 0, sequence: 5 }),
        (vec![hello(2, 1, 0), data(2, 0, over, b"")], DeliveryError::Exhausted),
        (
            vec![hello(2, 1, 0), data(2, over, 0, b"")],
            DeliveryError::AcknowledgementOutOfRange { expected: over, first: 0, end: 1 },
        ),
    ] {
        let mut world = World::open(Outbox::session(session(1)));
        world.client.try_send("kept").unwrap();
        world.drive();
        let is_greeted = sent.len() == 2;
        for message in sent {
            world.send_far(message);
            world.drive();
        }
        if is_greeted {
            assert!(matches!(world.event(), ClientEvent::Started));
        }
        let closed = world.far().closed().unwrap();
        assert_eq!((closed.code, closed.by), (error.close_code(), ClosedBy::Peer), "{error}");
        assert_eq!(&*closed.reason, error.to_string().as_str());

        // What still comes is not looked at, and how it ends does not matter.
        world.client.handle_message(hello(2, 1, 0));
        world.waits();
        world.end(Cause::Failed(LOST));
        let (cause, delay) = world.disconnected();
        assert!(matches!(cause, Cause::Delivery(told) if told == error), "{cause:?}");
        assert_eq!(delay, None);
        assert!(matches!(world.event(), ClientEvent::GaveUp(GaveUp::Final)));
        assert_eq!(world.client.buffered_messages(), 1);

        // The next connection is not to blame.
        world.client.start(world.now);
        world.reopen();
        world.end(Cause::Failed(LOST));
        assert!(matches!(world.disconnected().0, Cause::Failed(LOST)));
    }
}

#[test]
fn a_stop_behind_a_broken_rule_changes_nothing_of_the_close() {
    let mut world = World::open(Outbox::session(session(1)));
    world.client.handle_message("text".into());
    world.client.stop();
    world.drive();
    assert_eq!(world.far().close_code(), Some(CloseCode::PROTOCOL_ERROR));
    world.end(Cause::Failed(LOST));
    assert!(matches!(world.disconnected(), (Cause::Delivery(_), None)));
    world.is_over();
}

#[test]
fn stop_acknowledges_before_it_closes() {
    let mut world = World::open(Outbox::session(session(1)));
    let mut server = session(2);
    server.handle_connected();
    exchange(&mut world, &mut server);
    server.send("news".into()).unwrap();
    server.transmit(&mut world.far().commands()).unwrap();
    let (near, far) = world.link.as_mut().unwrap();
    carry(far, near);
    for message in messages(near) {
        world.client.handle_message(message);
    }
    world.client.stop();
    for message in world.drive() {
        assert_eq!(server.handle_message(message), Ok(None));
    }
    assert_eq!(server.buffered_messages(), 0);
    assert_eq!(world.far().close_code(), Some(CloseCode::NORMAL));
}

#[cfg(feature = "handshake")]
#[test]
fn the_subprotocol_of_delivery_is_offered_and_checked() {
    use bytes::Buf;
    use sanswire::delivery::SUBPROTOCOL;
    use sanswire::handshake::{ClientHandshake, ClientRequest, HandshakeError};

    let sent = |request: &ClientRequest| {
        let mut handshake = ClientHandshake::new(request, [0; 16]);
        String::from_utf8(handshake.poll_transmit().unwrap().chunk().to_vec()).unwrap()
    };
    let request = || ClientRequest::new("server.example.com", "/").unwrap();
    let mut client = Supervisor::<Failure>::new(Policy::default(), SEED, queue());
    client.start(ZERO);
    assert!(!sent(&client.prepare_request(request()).unwrap()).contains(SUBPROTOCOL));
    for protocol in ["", "chat", SUBPROTOCOL] {
        assert_eq!(client.check_protocol(protocol), Ok(()));
    }

    let outbox = Outbox::session(session(1));
    let client = Supervisor::<Failure>::new(Policy::default(), SEED, outbox);
    let chat = request().subprotocol("chat").unwrap();
    let sent = sent(&client.prepare_request(chat).unwrap());
    assert!(sent.contains(&format!("chat, {SUBPROTOCOL}\r\n")), "{sent}");
    let twice = client.prepare_request(request().subprotocol(SUBPROTOCOL).unwrap());
    assert!(matches!(twice, Err(HandshakeError::DuplicateSubprotocol(_))));
    assert_eq!(client.check_protocol(SUBPROTOCOL), Ok(()));
    for protocol in ["", "chat"] {
        assert_eq!(client.check_protocol(protocol), Err(HandshakeError::NoSubprotocol));
    }
}
