//! Delivery across connections: a peer's faults, full sessions, and clients without one.

use core::time::Duration;

use sanswire::Message;
use sanswire::delivery::{
    DeliveryError, Denied, Hello, Limits, Retention, Session, SessionFull, SessionId, Sessions,
    Snapshot,
};

use crate::table::{NOTHING, Table};

const A: u8 = 0xaa;
const B: u8 = 0xbb;
const C: u8 = 0xcc;
const MAX: u64 = (1 << 53) - 1;

pub(crate) fn all(table: &mut Table) {
    table.group(
        "Delivery: what the peer did wrong",
        "From `Session::handle_message` and `Hello::parse`. The connection is to be closed with the \
         code and the text; the session stays, and another connection may take it up. When that \
         fails in the same way, begin a new session.",
    );
    let opened = |message: Message| open().handle_message(message).unwrap_err();
    let greeted = |message: Message| {
        let mut session = new(Limits::default());
        assert_eq!(session.handle_message(hello(B, 0)), Ok(None));
        session.handle_message(message).unwrap_err()
    };
    for (error, cause) in [
        (opened("text".into()), "a text message comes"),
        (opened(vec![9].into()), "a message has an unknown first byte"),
        (opened(vec![1, 0].into()), "a message is too short or too long"),
        (opened(data(2, 0, 0, b"\xff")), "a text is not UTF-8"),
        (greeted(hello(C, A)), "the peer says Hello again with another id"),
        (opened(hello(0, A)), "a Hello has no id"),
        (
            new(Limits::default()).handle_message(hello(A, 0)).unwrap_err(),
            "a Hello has the id of this end: what this end says is reflected",
        ),
        (
            new(Limits::default()).handle_message(data(2, 0, 0, b"a")).unwrap_err(),
            "something comes before the Hello",
        ),
        (opened(hello(B, A)), "the peer says Hello again"),
        (opened(data(2, 0, 7, b"a")), "a message is missing"),
        (
            opened([&[1][..], &9_u64.to_be_bytes()].concat().into()),
            "something unsent is acknowledged",
        ),
        (
            {
                let mut session = restored(MAX);
                session.handle_connected();
                session.poll_transmit().unwrap();
                session.handle_message(hello_at(B, A, MAX - 1)).unwrap();
                session.handle_message(data(2, MAX - 1, MAX, b"a")).unwrap_err()
            },
            "a session has used up all numbers",
        ),
    ] {
        let error: DeliveryError = error;
        let told = format!("{} {error}", error.close_code());
        table.variant(
            "DeliveryError",
            &error,
            cause,
            told,
            "close; begin a new session if it repeats",
        );
    }
    table.group(
        "Delivery: this end",
        "`SessionFull` comes from `Session::send`, with the message. `Denied` comes from \
         `Sessions::attach` and `insert`: close the connection with its `close_code()`.",
    );
    let full = |limits: Limits, len: usize| {
        let mut session = new(limits);
        loop {
            if let Err(refused) = session.send(vec![7; len].into()) {
                return refused.error;
            }
        }
    };
    let wait = "send again when the peer has acknowledged some, or raise the limit";
    for (error, cause, remedy) in [
        (full(Limits::default().max_bytes(100), 60), "too many bytes are not acknowledged", wait),
        (
            full(Limits::default().max_messages(2), 1),
            "too many messages are not acknowledged",
            wait,
        ),
        (
            full(Limits::default().max_bytes(100), 101),
            "a message is over the limit",
            "split it, or raise the limit",
        ),
        (
            {
                let mut session = restored(MAX - 1);
                session.send("last".into()).unwrap();
                session.send("over".into()).unwrap_err().error
            },
            "2^53 - 1 messages were sent",
            "begin a new session",
        ),
    ] {
        let error: SessionFull = error;
        table.variant("SessionFull", &error, cause, NOTHING, remedy);
    }
    let broken = Snapshot { expected: 7, peer: None, ..new(Limits::default()).snapshot() };
    let invalid = Session::restore(broken, Limits::default()).unwrap_err();
    let (cause, remedy) = ("a stored session is damaged", "begin a new session");
    table.single("InvalidSnapshot", &invalid, cause, NOTHING, remedy);
    denied(table);
}

fn denied(table: &mut Table) {
    let retention = |all, each| Retention::default().max_sessions(all).max_user_sessions(each);
    let mut full = Sessions::new(retention(1, 9));
    connect(&mut full, "alice", 1, 101).unwrap();
    let all = connect(&mut full, "bob", 2, 102).unwrap_err();
    let mut sessions = Sessions::new(retention(9, 1));
    connect(&mut sessions, "alice", 1, 101).unwrap();
    let each = connect(&mut sessions, "alice", 2, 102).unwrap_err();
    let greeting = Hello::parse(&hello(1, 101)).unwrap();
    let other_user = sessions.attach("mallory", &greeting, id(103), Duration::ZERO).unwrap_err();
    let greeting = Hello::parse(&hello(1, 0)).unwrap();
    let repeated = sessions.attach("alice", &greeting, id(101), Duration::ZERO).unwrap_err();
    let other_client = sessions.insert("alice", id(7), restored(9), Duration::ZERO).unwrap_err();
    for (error, cause, remedy) in [
        (
            all,
            "as many sessions are kept as may be, by other users",
            "raise `Retention::max_sessions`",
        ),
        (repeated, "the id of a new session is not random", "take ids from the system's entropy"),
        (
            other_client,
            "a stored session is inserted for another client",
            "store the client's id with it",
        ),
        (
            other_user,
            "a client names a session of another user",
            "nothing: it is an attack or a mix-up",
        ),
        (
            each,
            "the user has as many sessions as may be kept",
            "raise `Retention::max_user_sessions`",
        ),
    ] {
        let error: Denied = error;
        let told = format!("{} {error}", error.close_code());
        table.variant("Denied", &error, cause, told, remedy);
    }
}

fn connect(
    sessions: &mut Sessions<&'static str>,
    user: &'static str,
    client: u8,
    server: u8,
) -> Result<(), Denied> {
    let message = hello(client, 0);
    let greeting = Hello::parse(&message).unwrap();
    let attachment = sessions.attach(user, &greeting, id(server), Duration::ZERO)?;
    let session = sessions.get(attachment).unwrap();
    session.handle_message(message).unwrap();
    // It begins when the client names it.
    session.handle_message(hello(client, server)).unwrap();
    Ok(())
}

fn id(byte: u8) -> SessionId {
    SessionId::new([byte; 16]).unwrap()
}

fn hello(from: u8, to: u8) -> Message {
    hello_at(from, to, 0)
}

fn hello_at(from: u8, to: u8, expected: u64) -> Message {
    [&[0][..], &[from; 16], &[to; 16], &expected.to_be_bytes()].concat().into()
}

fn data(kind: u8, expected: u64, number: u64, payload: &[u8]) -> Message {
    [&[kind][..], &expected.to_be_bytes(), &number.to_be_bytes(), payload].concat().into()
}

fn new(limits: Limits) -> Session {
    let mut session = Session::new(id(A), limits);
    session.handle_connected();
    session.poll_transmit().unwrap();
    session
}

fn open() -> Session {
    let mut session = new(Limits::default());
    session.handle_message(hello(B, A)).unwrap();
    session
}

fn restored(expected: u64) -> Session {
    let (id, peer) = (id(A), Some(id(B)));
    let snapshot = Snapshot { id, peer, expected, first: MAX - 1, unacknowledged: Vec::new() };
    Session::restore(snapshot, Limits::default()).unwrap()
}
