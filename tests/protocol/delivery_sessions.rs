//! What a server keeps for its clients: whose, how many, and for how long.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::time::Duration;

use sanswire::CloseCode;
use sanswire::delivery::{
    Attachment, Denied, Event, Hello, Limits, Retention, Session, SessionId, Sessions,
};

const ZERO: Duration = Duration::ZERO;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn id(number: u8) -> SessionId {
    SessionId::new([number; 16]).unwrap()
}

fn client(number: u8) -> Session {
    Session::new(id(number), Limits::default())
}

fn retention(max_sessions: usize) -> Retention {
    let mut retention = Retention::default();
    retention.max_sessions = max_sessions;
    retention.max_absence = seconds(100);
    retention
}

/// Connects a client, and returns what the server's session makes of its Hello.
fn connect(
    sessions: &mut Sessions<&'static str>,
    user: &'static str,
    client: &mut Session,
    new: u8,
    now: Duration,
) -> Result<(Attachment, Event), Denied> {
    client.handle_connected();
    let message = client.poll_transmit().unwrap();
    let hello = Hello::parse(&message).unwrap();
    let attachment = sessions.connect(user, &hello, id(new), now)?;
    let session = sessions.get(attachment).unwrap();
    let event = session.handle_message(message).unwrap().unwrap();
    while let Some(message) = session.poll_transmit() {
        client.handle_message(message).unwrap();
    }
    Ok((attachment, event))
}

#[test]
fn a_client_that_comes_back_finds_its_session() {
    let mut sessions = Sessions::new(retention(9));
    assert!(sessions.is_empty());
    let mut alice = client(1);
    let (first, event) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    assert_eq!((event, sessions.len()), (Event::Started, 1));
    sessions.disconnect(first, seconds(10));
    assert!(sessions.get(first).is_none());
    // What is sent to it meanwhile waits.
    sessions.of_client(id(1)).unwrap().send("welcome back".into()).unwrap();
    let (_, event) = connect(&mut sessions, "alice", &mut alice, 102, seconds(20)).unwrap();
    assert_eq!((event, sessions.len()), (Event::Resumed, 1));
    assert_eq!(alice.peer(), Some(id(101)));
}

#[test]
fn a_new_connection_takes_the_session_from_the_old_one() {
    let mut sessions = Sessions::new(retention(9));
    let mut alice = client(1);
    let (old, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    let (new, event) = connect(&mut sessions, "alice", &mut alice, 102, seconds(1)).unwrap();
    assert_eq!(event, Event::Resumed);
    assert!(sessions.get(old).is_none());
    // The end of the old one is nothing to the new one.
    sessions.disconnect(old, seconds(2));
    assert!(sessions.get(new).unwrap().is_open());
    assert_eq!(sessions.poll_timeout(), None);
}

#[test]
fn a_session_is_not_another_users() {
    let mut sessions = Sessions::new(retention(9));
    let mut alice = client(1);
    let (attachment, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    let denied = connect(&mut sessions, "mallory", &mut alice, 102, ZERO).unwrap_err();
    assert_eq!((denied, denied.close_code()), (Denied::OtherUser, CloseCode::POLICY_VIOLATION));
    assert!(sessions.get(attachment).unwrap().is_open());
}

#[test]
fn a_client_that_stays_away_too_long_begins_anew() {
    let mut sessions = Sessions::new(retention(9));
    let mut alice = client(1);
    let (attachment, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    sessions.handle_timeout(seconds(1000));
    assert_eq!((sessions.len(), sessions.poll_timeout()), (1, None));
    sessions.disconnect(attachment, seconds(1000));
    assert_eq!(sessions.poll_timeout(), Some(seconds(1100)));
    sessions.handle_timeout(seconds(1100) - Duration::from_nanos(1));
    assert_eq!(sessions.len(), 1);
    // Also without a call of `handle_timeout`.
    let (_, event) = connect(&mut sessions, "alice", &mut alice, 102, seconds(1100)).unwrap();
    assert_eq!(event, Event::Forgot);
    assert_eq!(alice.peer(), Some(id(102)));
}

#[test]
fn for_one_too_many_the_longest_absent_goes() {
    let mut sessions = Sessions::new(retention(3));
    let mut clients = [1, 2, 3, 4, 5].map(client);
    let mut attachments = Vec::new();
    for (client, new) in clients[..3].iter_mut().zip(101..) {
        attachments.push(connect(&mut sessions, "all", client, new, ZERO).unwrap().0);
    }
    let denied = connect(&mut sessions, "all", &mut clients[3], 104, ZERO).unwrap_err();
    assert_eq!((denied, denied.close_code()), (Denied::Full, CloseCode::TRY_AGAIN_LATER));
    // Who has a session is not denied it.
    attachments[0] = connect(&mut sessions, "all", &mut clients[0], 105, ZERO).unwrap().0;
    for (index, at) in [(2, 10), (0, 11), (1, 12)] {
        sessions.disconnect(attachments[index], seconds(at));
    }
    for client in &mut clients[3..] {
        connect(&mut sessions, "all", client, 106, seconds(20)).unwrap();
    }
    let left: Vec<_> = sessions.iter().map(|(client, ..)| client).collect();
    assert_eq!(left, [id(2), id(4), id(5)]);
}

#[test]
fn sessions_that_were_written_down_are_found_again() {
    let mut sessions = Sessions::new(retention(2));
    let mut alice = client(1);
    let (attachment, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    sessions.get(attachment).unwrap().send("kept".into()).unwrap();
    let written: Vec<_> =
        sessions.iter().map(|(_, &user, session)| (user, session.snapshot())).collect();

    let mut sessions = Sessions::new(retention(2));
    for (user, snapshot) in written {
        let session = Session::restore(snapshot, Limits::default()).unwrap();
        sessions.insert(user, session, ZERO).unwrap();
    }
    assert_eq!(sessions.poll_timeout(), Some(seconds(100)));
    let (_, event) = connect(&mut sessions, "alice", &mut alice, 102, ZERO).unwrap();
    assert_eq!(event, Event::Resumed);
    assert_eq!(sessions.insert("bob", client(7), ZERO), Err(Denied::NotMet));
}
