//! What a server keeps for its clients: whose, how many, and for how long.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sanswire::delivery::{
    Attachment, Denied, Hello, Limits, Owner, Retention, Session, SessionEvent, SessionId, Sessions,
};
use sanswire::{CloseCode, Message};

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

fn retention(max_sessions: usize, max_user_sessions: usize) -> Retention {
    Retention::default()
        .max_sessions(max_sessions)
        .max_user_sessions(max_user_sessions)
        .max_absence(seconds(100))
}

/// Connects a client, and returns what the server's session makes of it.
fn connect(
    sessions: &mut Sessions<&'static str>,
    user: &'static str,
    client: &mut Session,
    new: u8,
    now: Duration,
) -> Result<(Attachment, SessionEvent), Denied> {
    client.handle_connected();
    let message = client.poll_transmit().unwrap();
    let hello = Hello::parse(&message).unwrap();
    let attachment = sessions.attach(user, &hello, id(new), now)?;
    let session = sessions.get(attachment).unwrap();
    let mut event = session.handle_message(message).unwrap();
    while let Some(message) = session.poll_transmit() {
        client.handle_message(message).unwrap();
        while let Some(message) = client.poll_transmit() {
            event = session.handle_message(message).unwrap().or(event);
        }
    }
    Ok((attachment, event.unwrap()))
}

/// A Hello of a client that does not go on.
fn hello(from: SessionId, to: Option<SessionId>) -> Message {
    let to = to.map_or([0; 16], SessionId::to_bytes);
    [&[0][..], &from.to_bytes(), &to, &[0; 8]].concat().into()
}

/// Says Hello, and nothing more; returns what the server would send.
fn greet(
    sessions: &mut Sessions<&'static str>,
    user: &'static str,
    (from, to): (SessionId, Option<SessionId>),
    new: u8,
    now: Duration,
) -> Result<(Attachment, Vec<Message>), Denied> {
    let message = hello(from, to);
    let attachment = sessions.attach(user, &Hello::parse(&message).unwrap(), id(new), now)?;
    let session = sessions.get(attachment).unwrap();
    assert_eq!(session.handle_message(message), Ok(None));
    let sent = core::iter::from_fn(|| session.poll_transmit()).collect();
    Ok((attachment, sent))
}

/// The sessions, by the first bytes of their clients' ids.
fn clients(sessions: &Sessions<&'static str>) -> Vec<u8> {
    sessions.iter().map(|(client, ..)| client.to_bytes()[0]).collect()
}

#[test]
fn a_client_that_comes_back_finds_its_session() {
    let mut sessions = Sessions::new(retention(9, 9));
    assert!(sessions.is_empty());
    let mut alice = client(1);
    let (first, event) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    assert_eq!((event, sessions.len(), sessions.is_empty()), (SessionEvent::Started, 1, false));
    sessions.detach(first, seconds(10));
    assert!(sessions.get(first).is_none());
    // What is sent to it meanwhile waits.
    assert_eq!(sessions.of_user(&"bob").count(), 0);
    for session in sessions.of_user(&"alice") {
        session.send("welcome back".into()).unwrap();
    }
    let (_, event) = connect(&mut sessions, "alice", &mut alice, 102, seconds(20)).unwrap();
    assert_eq!((event, sessions.len()), (SessionEvent::Resumed, 1));
    assert_eq!(alice.peer(), Some(id(101)));
    assert_eq!(sessions.find(id(1), id(101)).unwrap().buffered_messages(), 1);
    assert!(sessions.find(id(1), id(102)).is_none());
}

#[test]
fn a_new_connection_takes_the_session_from_the_old_one() {
    let mut sessions = Sessions::new(retention(9, 9));
    let mut alice = client(1);
    let (old, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    let (new, event) = connect(&mut sessions, "alice", &mut alice, 102, seconds(1)).unwrap();
    assert_eq!(event, SessionEvent::Resumed);
    assert!(sessions.get(old).is_none());
    // The end of the old one is nothing to the new one.
    sessions.detach(old, seconds(2));
    assert!(sessions.get(new).unwrap().is_open());
    assert_eq!(sessions.poll_timeout(), None);
}

#[test]
fn one_id_of_two_does_nothing_to_a_session() {
    for user in ["alice", "mallory"] {
        let mut sessions = Sessions::new(retention(9, 9));
        let mut alice = client(1);
        let (attachment, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
        // Something was received, or not.
        for text in ["", "x"] {
            if !text.is_empty() {
                alice.send(text.into()).unwrap();
                let message = alice.poll_transmit().unwrap();
                sessions.get(attachment).unwrap().handle_message(message).unwrap();
            }
            let session = sessions.get(attachment).unwrap();
            session.send("precious".into()).unwrap();
            let sent = core::iter::from_fn(|| session.poll_transmit()).count();
            assert_eq!(sent, 1);
            let before = session.snapshot();
            for (n, guess) in [
                (id(1), None),
                (id(1), Some(id(1))),
                (id(1), Some(id(102))),
                (id(2), Some(id(101))),
                (id(101), Some(id(1))),
            ]
            .into_iter()
            .enumerate()
            {
                let new = 110 + u8::try_from(n).unwrap();
                let (other, sent) = greet(&mut sessions, user, guess, new, seconds(1)).unwrap();
                assert_eq!(sent, [hello(id(new), Some(guess.0))], "nothing else is told");
                sessions.detach(other, seconds(1));
                let session = sessions.get(attachment).expect("the connection keeps it");
                assert!(session.is_open());
                assert_eq!(session.snapshot(), before);
            }
            sessions.handle_timeout(seconds(101));
        }
    }
}

#[test]
fn a_session_has_not_begun_before_its_client_has_named_it() {
    let mut sessions = Sessions::new(retention(9, 9));
    let (first, sent) = greet(&mut sessions, "alice", (id(1), None), 101, ZERO).unwrap();
    assert_eq!(sessions.get(first).unwrap().peer(), None);
    assert_eq!(sessions.of_user(&"alice").count(), 0, "nobody would receive it");
    // Its answer is lost: another one begins, and there may be the first one still.
    let (second, _) = greet(&mut sessions, "alice", (id(1), None), 102, ZERO).unwrap();
    assert_eq!(sessions.len(), 2);
    let proof = hello(id(1), Some(id(102)));
    let session = sessions.get(second).unwrap();
    assert_eq!(session.handle_message(proof), Ok(Some(SessionEvent::Started)));
    assert_eq!(sessions.of_user(&"alice").count(), 1);

    // Its answer arrived, and the proof was lost: the session is there.
    let mut alice = client(1);
    alice.handle_connected();
    alice.send("kept".into()).unwrap();
    assert!(alice.poll_transmit().is_some());
    alice.handle_message(sent[0].clone()).unwrap();
    assert_eq!(core::iter::from_fn(|| alice.poll_transmit()).count(), 2);
    sessions.detach(first, seconds(1));
    let (_, event) = connect(&mut sessions, "alice", &mut alice, 103, seconds(2)).unwrap();
    assert_eq!(event, SessionEvent::Message("kept".into()));
    assert_eq!((alice.peer(), sessions.len()), (Some(id(101)), 2));
}

#[test]
fn a_client_whose_session_is_gone_begins_anew() {
    let mut alice = client(1);
    connect(&mut Sessions::new(retention(9, 9)), "alice", &mut alice, 101, ZERO).unwrap();
    let mut sessions = Sessions::new(retention(9, 9));
    let (_, event) = connect(&mut sessions, "alice", &mut alice, 102, ZERO).unwrap();
    assert_eq!((event, alice.peer()), (SessionEvent::Forgot, Some(id(102))));
}

#[test]
fn a_session_is_not_another_users() {
    let mut sessions = Sessions::new(retention(9, 9));
    let mut alice = client(1);
    let (attachment, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    let denied = connect(&mut sessions, "mallory", &mut alice, 102, ZERO).unwrap_err();
    assert_eq!((denied, denied.close_code()), (Denied::OtherUser, CloseCode::POLICY_VIOLATION));
    assert!(sessions.get(attachment).unwrap().is_open());
}

#[test]
fn a_session_moves_with_its_client_where_users_are_addresses() {
    let mut retention = retention(9, 2);
    retention.owner = Owner::Latest;
    let mut sessions = Sessions::new(retention);
    let mut alice = client(1);
    let (home, _) = connect(&mut sessions, "home", &mut alice, 101, ZERO).unwrap();
    let (away, event) = connect(&mut sessions, "train", &mut alice, 102, ZERO).unwrap();
    assert_eq!((event, sessions.len()), (SessionEvent::Resumed, 1));
    assert!(sessions.get(home).is_none() && sessions.get(away).is_some());
    assert_eq!(sessions.of_user(&"home").count(), 0);
    assert_eq!(sessions.of_user(&"train").count(), 1);
    // It counts there from now on.
    let (bob, _) = connect(&mut sessions, "train", &mut client(2), 103, ZERO).unwrap();
    let denied = connect(&mut sessions, "train", &mut client(3), 104, ZERO).unwrap_err();
    assert_eq!(denied, Denied::UserFull { limit: 2 });
    let mut carol = client(4);
    connect(&mut sessions, "home", &mut carol, 105, ZERO).unwrap();
    let denied = connect(&mut sessions, "train", &mut carol, 106, ZERO).unwrap_err();
    assert_eq!(denied, Denied::UserFull { limit: 2 });
    assert_eq!(sessions.of_user(&"home").count(), 1, "it stays where it was");
    sessions.detach(bob, seconds(1));
    connect(&mut sessions, "train", &mut carol, 107, seconds(2)).unwrap();
    assert_eq!(clients(&sessions), [1, 4]);
}

#[test]
fn a_client_that_stays_away_too_long_begins_anew() {
    let mut sessions = Sessions::new(retention(9, 9));
    let mut alice = client(1);
    let (attachment, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    sessions.handle_timeout(seconds(1000));
    assert_eq!((sessions.len(), sessions.poll_timeout()), (1, None));
    sessions.detach(attachment, seconds(1000));
    assert_eq!(sessions.poll_timeout().map(Duration::from), Some(seconds(1100)));
    sessions.handle_timeout(seconds(1100) - Duration::from_nanos(1));
    assert_eq!(sessions.len(), 1);
    // Also without a call of `handle_timeout`.
    let (_, event) = connect(&mut sessions, "alice", &mut alice, 102, seconds(1100)).unwrap();
    assert_eq!(event, SessionEvent::Forgot);
    assert_eq!(alice.peer(), Some(id(102)));
}

#[test]
fn for_one_too_many_of_a_user_its_own_longest_absent_goes() {
    let mut sessions = Sessions::new(retention(9, 3));
    let mut other = client(9);
    let (attachment, _) = connect(&mut sessions, "bob", &mut other, 109, ZERO).unwrap();
    sessions.detach(attachment, ZERO);
    let mut clients_of_alice = [1, 2, 3, 4, 5].map(client);
    let mut attachments = Vec::new();
    for (client, new) in clients_of_alice[..3].iter_mut().zip(101..) {
        attachments.push(connect(&mut sessions, "alice", client, new, ZERO).unwrap().0);
    }
    let denied = connect(&mut sessions, "alice", &mut clients_of_alice[3], 104, ZERO).unwrap_err();
    assert_eq!(denied, Denied::UserFull { limit: 3 });
    assert_eq!(denied.close_code(), CloseCode::TRY_AGAIN_LATER);
    assert!(denied.to_string().contains('3'), "{denied}");
    // Who has a session is not denied it.
    let again = &mut clients_of_alice[0];
    attachments[0] = connect(&mut sessions, "alice", again, 105, ZERO).unwrap().0;
    for (index, at) in [(2, 10), (0, 11), (1, 12)] {
        sessions.detach(attachments[index], seconds(at));
    }
    for (client, new) in clients_of_alice[3..].iter_mut().zip(106..) {
        connect(&mut sessions, "alice", client, new, seconds(20)).unwrap();
    }
    assert_eq!(clients(&sessions), [2, 4, 5, 9]);
}

#[test]
fn a_session_that_has_not_begun_goes_first() {
    let mut sessions = Sessions::new(retention(9, 2));
    let (begun, _) = connect(&mut sessions, "alice", &mut client(1), 101, ZERO).unwrap();
    sessions.detach(begun, seconds(1));
    for new in 102..110 {
        let who = (id(2), None);
        let (attachment, _) = greet(&mut sessions, "alice", who, new, seconds(2)).unwrap();
        sessions.detach(attachment, seconds(3));
    }
    assert_eq!(clients(&sessions), [1, 2]);
}

#[test]
fn a_session_that_has_not_begun_goes_first_though_it_is_connected() {
    let mut sessions = Sessions::new(retention(9, 4));
    for number in 1..=2 {
        let (begun, _) =
            connect(&mut sessions, "alice", &mut client(number), 100 + number, ZERO).unwrap();
        sessions.get(begun).unwrap().send("precious".into()).unwrap();
        sessions.detach(begun, seconds(1));
    }
    let mut attachments = Vec::new();
    for number in 11..=20 {
        let who = (id(number), None);
        attachments.push(greet(&mut sessions, "alice", who, 100 + number, seconds(2)).unwrap().0);
    }
    assert_eq!(clients(&sessions), [1, 2, 19, 20]);
    // Their connections are told so, and their ends change nothing.
    for &dropped in &attachments[..8] {
        assert!(sessions.get(dropped).is_none());
        sessions.detach(dropped, seconds(3));
    }
    assert_eq!((clients(&sessions), sessions.of_user(&"alice").count()), (vec![1, 2, 19, 20], 2));
    // One that is away is not dropped before an older one that is connected.
    sessions.detach(attachments[9], seconds(3));
    connect(&mut sessions, "alice", &mut client(3), 103, seconds(4)).unwrap();
    assert_eq!(clients(&sessions), [1, 2, 3, 20]);
}

#[test]
fn what_is_queued_in_a_session_that_has_not_begun_goes_with_it() {
    let mut sessions = Sessions::new(retention(9, 1));
    let (welcomed, _) = greet(&mut sessions, "alice", (id(1), None), 101, ZERO).unwrap();
    sessions.get(welcomed).unwrap().send("welcome".into()).unwrap();
    greet(&mut sessions, "alice", (id(2), None), 102, ZERO).unwrap();
    assert!(sessions.find(id(1), id(101)).is_none());
}

#[test]
fn a_hello_without_proof_costs_no_other_user_a_session_that_has_begun() {
    let mut sessions = Sessions::new(retention(4, 2));
    for (number, user) in (1..).zip(["alice", "alice", "bob", "carol"]) {
        let (begun, _) =
            connect(&mut sessions, user, &mut client(number), 100 + number, ZERO).unwrap();
        sessions.detach(begun, seconds(1));
    }
    // Each from an address of its own.
    for (number, user) in (11..).zip(["mallory", "mallet", "trudy", "eve"]) {
        let denied = greet(&mut sessions, user, (id(number), None), 100 + number, seconds(2));
        assert_eq!(denied.unwrap_err(), Denied::Full { limit: 4 });
    }
    assert_eq!(clients(&sessions), [1, 2, 3, 4]);
    // For one of the same user, also before it has begun.
    greet(&mut sessions, "alice", (id(5), None), 105, seconds(2)).unwrap();
    assert_eq!(clients(&sessions), [2, 3, 4, 5]);
}

#[test]
fn of_sessions_that_have_not_begun_the_user_with_the_most_loses_the_oldest() {
    let mut sessions = Sessions::new(retention(5, 5));
    let (begun, _) = connect(&mut sessions, "bob", &mut client(1), 101, ZERO).unwrap();
    sessions.detach(begun, ZERO);
    greet(&mut sessions, "alice", (id(2), None), 102, ZERO).unwrap();
    // Their age is not the order of the ids.
    for number in [19, 14, 16, 18, 11, 15, 12, 17, 13] {
        greet(&mut sessions, "mallory", (id(number), None), 100 + number, ZERO).unwrap();
    }
    assert_eq!(clients(&sessions), [1, 2, 12, 13, 17]);
    greet(&mut sessions, "carol", (id(3), None), 103, ZERO).unwrap();
    greet(&mut sessions, "bob", (id(4), None), 104, ZERO).unwrap();
    assert_eq!(clients(&sessions), [1, 2, 3, 4, 13]);
    // All have one: the oldest goes. What has begun stays, for whom it may.
    greet(&mut sessions, "dave", (id(5), None), 105, ZERO).unwrap();
    assert_eq!(clients(&sessions), [1, 3, 4, 5, 13]);
}

#[test]
fn of_restored_sessions_that_have_not_begun_the_first_goes_first() {
    let mut sessions = Sessions::new(retention(2, 2));
    for number in [9, 1] {
        sessions.insert("alice", id(number), client(100 + number), ZERO).unwrap();
    }
    greet(&mut sessions, "alice", (id(5), None), 105, ZERO).unwrap();
    assert_eq!(clients(&sessions), [1, 5]);
}

#[test]
fn a_thousand_hellos_of_one_user_cost_no_other_user_a_session() {
    let mut sessions = Sessions::new(Retention::default());
    let mut alice = client(1);
    let (attachment, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    sessions.get(attachment).unwrap().send("precious".into()).unwrap();
    sessions.detach(attachment, seconds(1));
    for number in 0..5_000_u16 {
        let mut bytes = [0xee; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        let from = SessionId::new(bytes).unwrap();
        let now = seconds(2);
        let (attachment, _) = greet(&mut sessions, "mallory", (from, None), 200, now).unwrap();
        let proof = hello(from, Some(id(200)));
        assert!(sessions.get(attachment).unwrap().handle_message(proof).unwrap().is_some());
        sessions.detach(attachment, now);
    }
    assert_eq!(sessions.len(), 1 + Retention::default().max_user_sessions);
    let (_, event) = connect(&mut sessions, "alice", &mut alice, 102, seconds(3)).unwrap();
    assert_eq!(event, SessionEvent::Resumed);
    assert_eq!(sessions.find(id(1), id(101)).unwrap().buffered_messages(), 1);
}

#[test]
fn a_thousand_connections_of_one_user_deny_no_other_user() {
    let mut sessions = Sessions::new(Retention::default());
    let mut attachments = Vec::new();
    for number in 0..1_024_u16 {
        let mut bytes = [0xee; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        let from = SessionId::new(bytes).unwrap();
        let (attachment, _) = greet(&mut sessions, "mallory", (from, None), 200, ZERO).unwrap();
        attachments.push((attachment, from));
    }
    // Those that go on are the last; then there is no room for more.
    let kept = attachments.split_off(1_024 - 16);
    assert!(attachments.into_iter().all(|(attachment, _)| sessions.get(attachment).is_none()));
    for (attachment, from) in kept {
        let proof = hello(from, Some(id(200)));
        assert!(sessions.get(attachment).unwrap().handle_message(proof).unwrap().is_some());
    }
    let denied = greet(&mut sessions, "mallory", (id(7), None), 201, ZERO).unwrap_err();
    assert_eq!(denied, Denied::UserFull { limit: 16 });
    connect(&mut sessions, "alice", &mut client(1), 101, ZERO).unwrap();
}

#[test]
fn for_one_too_many_in_all_its_users_longest_absent_goes() {
    let mut sessions = Sessions::new(retention(4, 4));
    for (number, user) in (1..).zip(["alice", "bob", "bob", "bob"]) {
        let (attachment, _) =
            connect(&mut sessions, user, &mut client(number), 100 + number, ZERO).unwrap();
        sessions.detach(attachment, seconds(u64::from(number)));
    }
    // Alice has been away for the longest, but it is Bob who wants more.
    for number in 5..=7 {
        connect(&mut sessions, "bob", &mut client(number), 100 + number, seconds(9)).unwrap();
    }
    assert_eq!(clients(&sessions), [1, 5, 6, 7]);
    for user in ["bob", "carol"] {
        let denied = connect(&mut sessions, user, &mut client(8), 108, seconds(9)).unwrap_err();
        assert_eq!(
            (denied, denied.close_code()),
            (Denied::Full { limit: 4 }, CloseCode::TRY_AGAIN_LATER)
        );
    }
    assert_eq!(clients(&sessions), [1, 5, 6, 7]);
    // Time makes room.
    connect(&mut sessions, "carol", &mut client(8), 108, seconds(101)).unwrap();
    assert_eq!(clients(&sessions), [5, 6, 7, 8]);
}

#[test]
fn an_id_that_is_not_new_is_refused() {
    let mut sessions = Sessions::new(retention(9, 9));
    let (attachment, _) = greet(&mut sessions, "alice", (id(1), None), 101, ZERO).unwrap();
    let denied = greet(&mut sessions, "alice", (id(1), None), 101, ZERO).unwrap_err();
    assert_eq!((denied, denied.close_code()), (Denied::IdRepeated, CloseCode::INTERNAL_ERROR));
    assert!(sessions.get(attachment).is_some());
    assert_eq!(sessions.len(), 1);
}

#[test]
fn sessions_that_were_written_down_are_found_again() {
    let mut sessions = Sessions::new(retention(2, 2));
    let mut alice = client(1);
    let (attachment, _) = connect(&mut sessions, "alice", &mut alice, 101, ZERO).unwrap();
    sessions.get(attachment).unwrap().send("kept".into()).unwrap();
    // One that has not begun, for all that the server knows.
    let mut bob = client(2);
    bob.handle_connected();
    assert!(bob.poll_transmit().is_some());
    let (_, sent) = greet(&mut sessions, "bob", (id(2), None), 102, ZERO).unwrap();
    bob.handle_message(sent[0].clone()).unwrap();
    let written: Vec<_> = sessions
        .iter()
        .map(|(client, &user, session)| (user, client, session.snapshot()))
        .collect();

    let mut sessions = Sessions::new(retention(2, 2));
    let restore = |snapshot| Session::restore(snapshot, Limits::default()).unwrap();
    for _ in 0..2 {
        for (user, client, snapshot) in written.clone() {
            sessions.insert(user, client, restore(snapshot), ZERO).unwrap();
        }
    }
    assert_eq!(
        (sessions.poll_timeout().map(Duration::from), sessions.len()),
        (Some(seconds(100)), 2)
    );
    let (_, client, snapshot) = written[0].clone();
    let taken = sessions.insert("mallory", client, restore(snapshot.clone()), ZERO);
    assert_eq!(taken, Err(Denied::OtherUser));
    let other = sessions.insert("alice", id(7), restore(snapshot), ZERO);
    assert_eq!(other, Err(Denied::OtherClient));
    let (_, event) = connect(&mut sessions, "alice", &mut alice, 103, ZERO).unwrap();
    assert_eq!(event, SessionEvent::Resumed);
    let (_, event) = connect(&mut sessions, "bob", &mut bob, 104, ZERO).unwrap();
    assert_eq!((event, bob.peer()), (SessionEvent::Started, Some(id(102))));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Says Hello with these ids, which may be those of a session.
    Greet {
        user: usize,
        client: u8,
        server: Option<u8>,
    },
    /// Names the session of a connection that was greeted.
    Prove(usize),
    Disconnect(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_usize, 1..6_u8, proptest::option::of(1..60_u8))
            .prop_map(|(user, client, server)| Step::Greet { user, client, server }),
        4 => (0..40_usize).prop_map(Step::Prove),
        5 => (0..40_usize).prop_map(Step::Disconnect),
        1 => (1..60_u64).prop_map(Step::Wait),
    ]
}

/// The sessions of a user, and whether they have begun.
fn owned(sessions: &Sessions<&'static str>, user: &str) -> Vec<(SessionId, SessionId, bool)> {
    let own = sessions.iter().filter(|&(_, &owner, _)| owner == user);
    own.map(|(client, _, session)| (client, session.id(), session.peer().is_some())).collect()
}

proptest! {
    #[test]
    fn what_has_begun_is_lost_only_by_its_user_by_time_or_by_its_ids(
        steps in vec(steps(), 0..120),
        owner in prop_oneof![Just(Owner::First), Just(Owner::Latest)],
    ) {
        const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
        let mut retention = retention(6, 3);
        retention.owner = owner;
        let mut sessions = Sessions::new(retention);
        let mut now = ZERO;
        let mut greeted = Vec::new();
        for (new, step) in (100_u8..).zip(steps) {
            // What time takes is taken before.
            sessions.handle_timeout(now);
            let before = USERS.map(|user| owned(&sessions, user));
            let mut by = None;
            match step {
                Step::Greet { user, client, server } => {
                    by = Some(user);
                    // The ids that were given away, and none to come.
                    let server = server.map(|n| n + 99).filter(|&n| n < new).map(id);
                    let message = hello(id(client), server);
                    let hello = Hello::parse(&message).unwrap();
                    let named = server.map(|server| (id(client), server));
                    let connected = sessions.attach(USERS[user], &hello, id(new), now);
                    match connected {
                        Ok(attachment) => {
                            let session = sessions.get(attachment).unwrap();
                            let is_known = named.is_some_and(|named| {
                                before.iter().flatten().any(|&(client, server, _)| named == (client, server))
                            });
                            prop_assert_eq!(is_known, Some(session.id()) == server);
                            session.handle_message(message).unwrap();
                            greeted.push((attachment, id(client), session.id()));
                        }
                        Err(Denied::OtherUser) => {
                            let (client, server) = named.unwrap();
                            let is_it = |own: &(_, _, bool)| (own.0, own.1) == (client, server);
                            prop_assert!(owner == Owner::First && !before[user].iter().any(is_it));
                        }
                        Err(Denied::UserFull { .. }) => {
                            prop_assert_eq!(before[user].len(), 3);
                            prop_assert!(before[user].iter().all(|own| own.2));
                        }
                        Err(denied) => {
                            prop_assert_eq!(denied, Denied::Full { limit: 6 });
                            prop_assert!(before.iter().flatten().all(|own| own.2));
                        }
                    }
                    if connected.is_err() {
                        prop_assert_eq!(&before, &USERS.map(|user| owned(&sessions, user)));
                    }
                }
                Step::Prove(index) if index < greeted.len() => {
                    let (attachment, client, server) = greeted[index];
                    if let Some(session) = sessions.get(attachment) {
                        let _ = session.handle_message(hello(client, Some(server)));
                    }
                }
                Step::Disconnect(index) if index < greeted.len() => {
                    sessions.detach(greeted[index].0, now);
                }
                Step::Prove(_) | Step::Disconnect(_) => {}
                Step::Wait(passed) => now += seconds(passed),
            }
            let after = USERS.map(|user| owned(&sessions, user));
            prop_assert!(after.iter().all(|own| own.len() <= 3) && sessions.len() <= 6);
            let Some(by) = by else { continue };
            let is_left = |gone: &(_, _, bool), user: usize| {
                after[user].iter().any(|own| (own.0, own.1) == (gone.0, gone.1))
            };
            let mut room_made = 0;
            for (user, own) in before.iter().enumerate() {
                for gone in own.iter().filter(|own| !is_left(own, user)) {
                    if is_left(gone, by) {
                        prop_assert!(owner == Owner::Latest);
                        continue;
                    }
                    room_made += 1;
                    // What has not begun goes first, and of others nothing else.
                    let waits = before[user].iter().any(|own| !own.2);
                    prop_assert!(!gone.2 || (user == by && !waits));
                }
            }
            prop_assert!(room_made <= 1);
        }
    }
}
