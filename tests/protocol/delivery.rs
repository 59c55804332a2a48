//! Delivery across connections: the protocol of `docs/delivery.md`, by literal bytes and at random.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

extern crate alloc;

use alloc::collections::VecDeque;
use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sanswire::delivery::{
    DeliveryError, Hello, InvalidSnapshot, Limits, Lost, SUBPROTOCOL, Session, SessionEvent,
    SessionFull, SessionId, Snapshot,
};
use sanswire::reconnect::{Cause, ClientEvent, GaveUp, Outbox, Policy, Supervisor};
use sanswire::{CloseCode, Config, ConnectionError, Message, Role};

use crate::support::{self, End};

/// The largest number that there is, behind the last that a message can have.
const MAX: u64 = (1 << 53) - 1;

const A: u8 = 0xaa;
const B: u8 = 0xbb;

fn id(byte: u8) -> SessionId {
    SessionId::new([byte; 16]).unwrap()
}

fn session(byte: u8) -> Session {
    Session::new(id(byte), Limits::default())
}

fn hello(from: u8, to: u8, expected: u64) -> Message {
    [&[0][..], &[from; 16], &[to; 16], &expected.to_be_bytes()].concat().into()
}

fn acknowledgement(expected: u64) -> Message {
    [&[1][..], &expected.to_be_bytes()].concat().into()
}

fn data(kind: u8, expected: u64, number: u64, payload: &[u8]) -> Message {
    [&[kind][..], &expected.to_be_bytes(), &number.to_be_bytes(), payload].concat().into()
}

fn text(expected: u64, number: u64, payload: &str) -> Message {
    data(2, expected, number, payload.as_bytes())
}

fn drain(session: &mut Session) -> Vec<Message> {
    core::iter::from_fn(|| session.poll_transmit()).collect()
}

fn got(text: &str) -> Result<Option<SessionEvent>, DeliveryError> {
    Ok(Some(SessionEvent::Message(text.into())))
}

/// End A on a first connection to B, both Hellos exchanged.
fn open_with(limits: Limits) -> Session {
    let mut session = Session::new(id(A), limits);
    session.handle_connected();
    assert_eq!(drain(&mut session), [hello(A, 0, 0)]);
    assert_eq!(session.handle_message(hello(B, A, 0)), Ok(Some(SessionEvent::Started)));
    assert_eq!(drain(&mut session), [hello(A, B, 0)]);
    session
}

fn open() -> Session {
    open_with(Limits::default())
}

/// Fails on `message`, stays failed, and works on the next connection.
fn fails(mut session: Session, message: Message, error: DeliveryError) {
    let before = session.snapshot();
    assert_eq!(session.handle_message(message), Err(error));
    assert_eq!(session.handle_message(acknowledgement(0)), Err(error));
    session.acknowledge();
    assert_eq!(session.poll_transmit(), None);
    assert!(!session.is_open());
    assert_eq!(session.snapshot(), before);
    session.handle_disconnected();
    session.handle_connected();
    assert!(session.poll_transmit().is_some());
}

#[test]
fn the_name_carries_the_version() {
    assert_eq!(SUBPROTOCOL, "sanswire.delivery.v2");
}

#[test]
fn hello_is_the_first_message() {
    let mut session = session(A);
    session.send("early".into()).unwrap();
    assert_eq!(session.poll_transmit(), None);
    session.handle_connected();
    assert_eq!(drain(&mut session), [hello(A, 0, 0)]);
    assert!(!session.is_open());
    assert_eq!(session.handle_message(hello(B, A, 0)), Ok(Some(SessionEvent::Started)));
    assert!(session.is_open());
    assert_eq!(drain(&mut session), [hello(A, B, 0), text(0, 0, "early")]);
    assert_eq!(session.peer(), Some(id(B)));
}

#[test]
fn nothing_but_hello_is_sent_before_the_peer_has_proved_that_it_knows_both_ids() {
    let mut session = session(A);
    session.send("early".into()).unwrap();
    session.handle_connected();
    assert_eq!(session.handle_message(hello(B, 0, 0)), Ok(None));
    assert_eq!(drain(&mut session), [hello(A, B, 0)]);
    assert!(!session.is_open());
    assert_eq!((session.peer(), session.snapshot().peer), (None, None));
    assert_eq!(session.handle_message(hello(B, A, 0)), Ok(Some(SessionEvent::Started)));
    assert_eq!(drain(&mut session), [text(0, 0, "early")]);
}

#[test]
fn messages_are_numbered_and_carry_acknowledgements() {
    let mut session = open();
    session.send("ä".into()).unwrap();
    session.send(vec![0xff].into()).unwrap();
    assert_eq!(drain(&mut session), [text(0, 0, "ä"), data(3, 0, 1, &[0xff])]);
    assert_eq!(session.handle_message(text(1, 0, "x")), got("x"));
    assert_eq!(session.buffered_messages(), 1);
    let binary = SessionEvent::Message(vec![0xfe].into());
    assert_eq!(session.handle_message(data(3, 2, 1, &[0xfe])), Ok(Some(binary)));
    assert_eq!((session.buffered_messages(), session.buffered_amount()), (0, 0));
    session.send("".into()).unwrap();
    session.acknowledge();
    assert_eq!(drain(&mut session), [text(2, 2, "")]);
}

#[test]
fn an_acknowledgement_is_sent_once_and_only_for_something() {
    let mut session = open();
    session.acknowledge();
    assert_eq!(session.poll_transmit(), None);
    assert_eq!(session.handle_message(text(0, 0, "x")), got("x"));
    assert_eq!(session.poll_transmit(), None);
    session.acknowledge();
    assert_eq!(drain(&mut session), [acknowledgement(1)]);
    session.acknowledge();
    assert_eq!(session.poll_transmit(), None);
    assert_eq!(session.handle_message(acknowledgement(0)), Ok(None));
    session.acknowledge();
    assert_eq!(session.poll_transmit(), None);
}

#[test]
fn an_acknowledgement_is_due_after_64_messages_or_64_kib() {
    let mut session = open();
    for number in 0..64 {
        assert_eq!(session.poll_transmit(), None);
        assert_eq!(session.handle_message(text(0, number, "x")), got("x"));
    }
    assert_eq!(drain(&mut session), [acknowledgement(64)]);

    let half = "x".repeat(32 << 10);
    assert_eq!(session.handle_message(text(0, 64, &half)), got(&half));
    assert_eq!(session.poll_transmit(), None);
    assert_eq!(session.handle_message(text(0, 65, &half)), got(&half));
    assert_eq!(drain(&mut session), [acknowledgement(66)]);
}

#[test]
fn what_was_not_acknowledged_is_sent_again() {
    let mut session = open();
    for text in ["a", "b", "c"] {
        session.send(text.into()).unwrap();
    }
    assert_eq!(drain(&mut session).len(), 3);
    assert_eq!(session.handle_message(text(0, 0, "x")), got("x"));
    session.handle_disconnected();
    session.send("d".into()).unwrap();
    session.handle_connected();
    assert_eq!(drain(&mut session), [hello(A, B, 1)]);
    assert_eq!(session.handle_message(hello(B, A, 1)), Ok(Some(SessionEvent::Resumed)));
    assert_eq!(drain(&mut session), [text(1, 1, "b"), text(1, 2, "c"), text(1, 3, "d")]);
}

#[test]
fn a_connection_replaces_one_that_was_not_seen_to_end() {
    let mut session = open();
    session.send("a".into()).unwrap();
    assert_eq!(drain(&mut session).len(), 1);
    session.handle_connected();
    assert_eq!(session.handle_message(hello(B, A, 1)), Ok(Some(SessionEvent::Resumed)));
    assert_eq!(drain(&mut session), [hello(A, B, 0)]);
}

#[test]
fn a_duplicate_is_dropped() {
    let mut session = open();
    assert_eq!(session.handle_message(text(0, 0, "x")), got("x"));
    assert_eq!(session.handle_message(text(0, 0, "x")), Ok(None));
    assert_eq!(session.handle_message(text(0, 1, "y")), got("y"));
}

#[test]
fn a_gap_fails() {
    fails(open(), text(0, 1, "x"), DeliveryError::Gap { expected: 0, sequence: 1 });
}

#[test]
fn a_hello_that_never_arrived_is_no_loss() {
    // The answer to the peer's first Hello is lost, twice.
    let mut session = session(A);
    for _ in 0..2 {
        session.handle_connected();
        assert_eq!(session.handle_message(hello(B, 0, 0)), Ok(None));
        assert_eq!(drain(&mut session), [hello(A, B, 0)]);
    }
    assert_eq!(session.handle_message(hello(B, A, 0)), Ok(Some(SessionEvent::Started)));

    // The proof of this end is lost, with what was behind it.
    let mut session = open();
    session.send("a".into()).unwrap();
    assert_eq!(drain(&mut session), [text(0, 0, "a")]);
    session.handle_connected();
    assert_eq!(drain(&mut session), [hello(A, B, 0)]);
    assert_eq!(session.handle_message(hello(B, 0, 0)), Ok(None));
    assert_eq!(session.poll_transmit(), None);
    assert_eq!(session.handle_message(hello(B, A, 0)), Ok(Some(SessionEvent::Resumed)));
    assert_eq!(drain(&mut session), [text(0, 0, "a")]);
}

/// A session with a message that was sent, one that was not, and one received, on its next
/// connection.
fn again() -> Session {
    let mut session = open();
    for text in ["a", "b"] {
        session.send(text.into()).unwrap();
    }
    assert_eq!(drain(&mut session).len(), 2);
    assert_eq!(session.handle_message(text(1, 0, "x")), got("x"));
    session.handle_disconnected();
    session.send("c".into()).unwrap();
    session.handle_connected();
    session
}

#[test]
fn a_peer_without_its_state_is_reported_with_what_may_be_lost() {
    const OTHER: u8 = 0xb2;
    for (peer, greeting, proof) in [
        (OTHER, None, hello(OTHER, A, 0)),
        (OTHER, None, hello(OTHER, A, 9)),
        (OTHER, Some(hello(OTHER, 0, 0)), hello(OTHER, A, 0)),
        (OTHER, Some(hello(OTHER, 0xa1, 9)), hello(OTHER, A, 0)),
        (B, Some(hello(B, 0, 0)), hello(B, A, 0)),
        (B, Some(hello(B, 0xa1, 1)), hello(B, A, 0)),
    ] {
        for speaks_first in [false, true] {
            let mut session = again();
            let mut sent_hellos = if speaks_first { drain(&mut session) } else { vec![] };
            if let Some(greeting) = &greeting {
                assert_eq!(session.handle_message(greeting.clone()), Ok(None));
                sent_hellos.extend(drain(&mut session));
            }
            let handled = session.handle_message(proof.clone());
            let Ok(Some(SessionEvent::PeerForgot(Lost { sent, unsent, .. }))) = handled else {
                panic!("not told: {handled:?}");
            };
            assert_eq!((sent, unsent), (vec!["b".into()], vec!["c".into()]));
            assert_eq!((session.buffered_messages(), session.buffered_amount()), (0, 0));
            session.send("again".into()).unwrap();
            sent_hellos.extend(drain(&mut session));
            assert_eq!(sent_hellos.pop(), Some(text(0, 0, "again")));
            // What it knew when it spoke first, and the name of the peer, each once.
            let expected = match (speaks_first, peer) {
                (true, B) => vec![hello(A, B, 1)],
                (true, _) => vec![hello(A, B, 1), hello(A, peer, 0)],
                (false, _) => vec![hello(A, peer, 0)],
            };
            assert_eq!(sent_hellos, expected);
            assert_eq!(session.handle_message(text(1, 0, "y")), got("y"));
        }
    }
}

#[test]
fn a_peer_without_its_state_is_told_apart_whichever_end_had_sent() {
    for (message, sent) in [(text(0, 0, "of the peer"), false), (acknowledgement(1), true)] {
        let mut session = open();
        if sent {
            session.send("of this end".into()).unwrap();
            assert_eq!(drain(&mut session).len(), 1);
        }
        session.handle_message(message).unwrap();
        session.handle_connected();
        assert_eq!(session.handle_message(hello(B, 0, 0)), Ok(None));
        let handled = session.handle_message(hello(B, A, 0));
        assert!(matches!(handled, Ok(Some(SessionEvent::PeerForgot(_)))), "{handled:?}");
    }
}

#[test]
fn a_hello_without_proof_changes_nothing() {
    for greeting in [hello(0xb2, 0, 0), hello(0xb2, B, 1), hello(B, 0, 0), hello(B, 0xa1, 1)] {
        let mut session = again();
        let before = session.snapshot();
        assert_eq!(session.handle_message(greeting), Ok(None));
        session.acknowledge();
        assert_eq!(drain(&mut session).len(), 1);
        assert_eq!(session.snapshot(), before);
        session.handle_disconnected();
        // The peer that was met goes on where it was.
        session.handle_connected();
        assert_eq!(session.handle_message(hello(B, A, 1)), Ok(Some(SessionEvent::Resumed)));
        assert_eq!(drain(&mut session), [hello(A, B, 1), text(1, 1, "b"), text(1, 2, "c")]);
    }
}

#[test]
fn an_end_without_its_state_is_told_so() {
    let mut session = session(A);
    session.send("kept".into()).unwrap();
    session.handle_connected();
    assert_eq!(session.handle_message(hello(B, 0xa1, 7)), Ok(None));
    assert_eq!(drain(&mut session), [hello(A, B, 0)]);
    assert_eq!(session.handle_message(hello(B, A, 0)), Ok(Some(SessionEvent::Forgot)));
    assert_eq!(drain(&mut session), [text(0, 0, "kept")]);
    assert_eq!(session.handle_message(text(1, 0, "x")), got("x"));
}

#[test]
fn a_refused_message_that_is_logged_does_not_tell_its_content() {
    let mut session = Session::new(id(A), Limits::default().max_bytes(1));
    let refused = session.send("secret".into()).unwrap_err();
    let said = format!("{refused} {refused:?}");
    assert!(!said.contains("secret") && said.contains("message_len: 6"), "{said}");
    assert_eq!(refused.message, Message::from("secret"));
    assert_eq!(SessionFull::from(refused), SessionFull::TooLarge { len: 6, limit: 1 });
}

#[test]
fn a_full_queue_gives_the_message_back() {
    let mut session = open_with(Limits::default().max_messages(3).max_bytes(10));
    let refused = session.send("12345678901".into()).unwrap_err();
    assert_eq!(refused.error, SessionFull::TooLarge { len: 11, limit: 10 });
    assert_eq!(refused.message, "12345678901".into());
    session.send("12345678".into()).unwrap();
    let refused = session.send("123".into()).unwrap_err();
    assert_eq!(refused.error, SessionFull::BytesFull { queued: 8, limit: 10 });
    assert_eq!(refused.message, "123".into());
    session.send("12".into()).unwrap();
    session.send("".into()).unwrap();
    let refused = session.send("".into()).unwrap_err();
    assert_eq!(refused.error, SessionFull::MessagesFull { limit: 3 });
    // Sent is not acknowledged.
    assert_eq!(drain(&mut session).len(), 3);
    session.send("".into()).unwrap_err();
    session.handle_message(acknowledgement(1)).unwrap();
    session.send("12345678".into()).unwrap();
    // One message may have all the room.
    open_with(Limits::default().max_bytes(10)).send("1234567890".into()).unwrap();
}

#[test]
fn malformed_messages_fail() {
    let wrong = |len| DeliveryError::WrongLength { len };
    fails(open(), "text".into(), DeliveryError::TextUnexpected);
    fails(open(), Vec::new().into(), wrong(0));
    for kind in 4..=255 {
        fails(open(), vec![kind].into(), DeliveryError::UnknownKind { kind });
    }
    for (whole, may_be_longer) in
        [(hello(B, A, 0), false), (acknowledgement(0), false), (text(0, 0, ""), true)]
    {
        let bytes = whole.as_bytes();
        for len in 1..bytes.len() {
            fails(open(), bytes[..len].to_vec().into(), wrong(len));
        }
        if !may_be_longer {
            fails(open(), [bytes, &[0]].concat().into(), wrong(bytes.len() + 1));
        }
    }
    fails(open(), data(2, 0, 0, b"\xff"), DeliveryError::InvalidUtf8);
    assert_eq!(DeliveryError::InvalidUtf8.close_code(), CloseCode::INVALID_PAYLOAD);
    assert_eq!(DeliveryError::TextUnexpected.close_code(), CloseCode::PROTOCOL_ERROR);
}

#[test]
fn hello_comes_once_and_first_and_from_another() {
    let connected = || {
        let mut session = session(A);
        session.handle_connected();
        session
    };
    fails(open(), hello(B, A, 0), DeliveryError::HelloRepeated);
    fails(connected(), text(0, 0, "x"), DeliveryError::HelloMissing);
    fails(connected(), acknowledgement(0), DeliveryError::HelloMissing);
    fails(connected(), hello(A, 0, 0), DeliveryError::IdReflected);
    fails(connected(), hello(0, A, 0), DeliveryError::IdMissing);
    let greeted = || {
        let mut session = connected();
        assert_eq!(session.handle_message(hello(B, 0, 0)), Ok(None));
        session
    };
    fails(greeted(), hello(B, 0, 0), DeliveryError::HelloRepeated);
    fails(greeted(), hello(B, 0xa1, 0), DeliveryError::HelloRepeated);
    fails(greeted(), hello(0xb2, A, 0), DeliveryError::IdChanged);
    fails(greeted(), hello(A, A, 0), DeliveryError::IdReflected);
    fails(greeted(), text(0, 0, "x"), DeliveryError::HelloMissing);
    let mut offline = session(A);
    assert_eq!(offline.handle_message(hello(B, 0, 0)), Err(DeliveryError::HelloMissing));
    assert_eq!(Hello::parse(&text(0, 0, "x")), Err(DeliveryError::HelloMissing));
    assert_eq!(Hello::parse(&hello(B, A, 5)).unwrap().expected, 5);
}

#[test]
fn acknowledging_what_was_not_sent_fails() {
    let out_of_range =
        |expected, first, end| DeliveryError::AcknowledgementOutOfRange { expected, first, end };
    let with_two = || {
        let mut session = open();
        session.send("a".into()).unwrap();
        session.send("b".into()).unwrap();
        assert_eq!(session.poll_transmit(), Some(text(0, 0, "a")));
        session
    };
    fails(with_two(), acknowledgement(2), out_of_range(2, 0, 1));
    fails(with_two(), text(u64::MAX, 0, "x"), out_of_range(u64::MAX, 0, 1));

    let mut again = with_two();
    again.handle_message(acknowledgement(1)).unwrap();
    again.handle_connected();
    fails(again, hello(B, A, 0), out_of_range(0, 1, 1));
    let mut again = with_two();
    again.handle_connected();
    fails(again, hello(B, A, 2), out_of_range(2, 0, 1));
    let mut first = session(A);
    first.handle_connected();
    fails(first, hello(B, A, 1), out_of_range(1, 0, 0));
}

#[test]
fn numbers_end_before_they_repeat() {
    let snapshot = Snapshot {
        id: id(A),
        peer: Some(id(B)),
        expected: MAX - 1,
        first: MAX - 1,
        unacknowledged: vec![],
    };
    let mut session = Session::restore(snapshot, Limits::default()).unwrap();
    session.send("last".into()).unwrap();
    assert_eq!(session.send("over".into()).unwrap_err().error, SessionFull::Exhausted);
    session.handle_connected();
    session.handle_message(hello(B, A, MAX - 1)).unwrap();
    assert_eq!(drain(&mut session), [hello(A, B, MAX - 1), text(MAX - 1, MAX - 1, "last")]);
    assert_eq!(session.handle_message(text(MAX, MAX - 1, "x")), got("x"));
    assert_eq!(session.send("over".into()).unwrap_err().error, SessionFull::Exhausted);
    fails(session, text(MAX, MAX, "x"), DeliveryError::Exhausted);
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    let valid = open().snapshot();
    let broken: [fn(&mut Snapshot); 6] = [
        |snapshot| snapshot.peer = Some(snapshot.id),
        |snapshot| snapshot.expected = MAX + 1,
        |snapshot| snapshot.first = u64::MAX,
        |snapshot| (snapshot.first, snapshot.unacknowledged) = (MAX, vec!["x".into()]),
        |snapshot| (snapshot.peer, snapshot.first) = (None, 1),
        |snapshot| (snapshot.peer, snapshot.expected) = (None, 1),
    ];
    for change in broken {
        let mut snapshot = valid.clone();
        change(&mut snapshot);
        let error: InvalidSnapshot = Session::restore(snapshot, Limits::default()).unwrap_err();
        assert!(error.to_string().starts_with("snapshot contradicts itself"));
    }
    // All numbers may be used up.
    let last = Snapshot { first: MAX, expected: MAX, ..valid.clone() };
    for valid in [valid, last] {
        let restored = Session::restore(valid.clone(), Limits::default()).unwrap();
        assert_eq!(restored.snapshot(), valid);
    }
}

#[test]
fn nothing_is_sent_between_two_connections() {
    let mut session = open();
    session.handle_disconnected();
    session.send("later".into()).unwrap();
    assert!(!session.is_open());
    assert_eq!(drain(&mut session), []);
    session.handle_connected();
    assert_eq!(drain(&mut session), [hello(A, B, 0)]);
}

#[test]
fn a_session_sends_as_much_as_its_connection_takes() {
    let mut ends = [Role::Client, Role::Server]
        .map(|role| End::new(role, &Config::default().max_buffered(100)));
    let mut sessions = [session(A), session(B)];
    let texts: Vec<String> = (0..50).map(|number| format!("message {number}")).collect();
    for session in &mut sessions {
        session.handle_connected();
        for text in &texts {
            session.send(text.as_str().into()).unwrap();
        }
    }
    let mut received = [vec![], vec![]];
    for turn in 0..200 {
        let (from, to) = (turn % 2, (turn + 1) % 2);
        sessions[from].transmit(&mut ends[from].connection.commands()).unwrap();
        let bytes = ends[from].take_output();
        ends[to].feed(&bytes);
        for got in core::mem::take(&mut ends[to].got) {
            if matches!(got, support::Got::Writable(_)) {
                continue;
            }
            let support::Got::Binary(bytes) = got else { panic!("{got:?}") };
            match sessions[to].handle_message(bytes.into()).unwrap() {
                Some(SessionEvent::Message(message)) => {
                    received[to].push(message.as_text().unwrap().to_owned());
                }
                Some(SessionEvent::Started) | None => {}
                other => panic!("{other:?}"),
            }
        }
        sessions[to].acknowledge();
    }
    assert_eq!(received, [texts.clone(), texts]);
    assert_eq!(sessions.map(|session| session.buffered_messages()), [0, 0]);

    let mut session = session(A);
    session.handle_connected();
    ends[0].connection.commands().close(1000, "").unwrap();
    assert_eq!(
        session.transmit(&mut ends[0].connection.commands()),
        Err(sanswire::SendError::Closed)
    );
    assert_eq!(drain(&mut session), [hello(A, 0, 0)]);
}

/// Two sessions, what is on its way between them, and what their applications see.
struct Network {
    ends: [Side; 2],
    connected: bool,
    /// How many ids were given away.
    ids: u8,
    limits: Limits,
}

struct Side {
    session: Session,
    /// On the way to this end.
    wire: VecDeque<Message>,
    /// What the application gave to all incarnations of this end and was taken.
    accepted: u32,
    /// What was handed over, by the other side's numbers.
    received: Vec<u32>,
    /// What this side was given back: sent, and never sent.
    lost: [Vec<u32>; 2],
    /// What an incarnation of this end took to its grave.
    buried: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Acknowledge(usize),
    Connect,
    Cut { noticed: [bool; 2] },
    LoseState(usize),
    Receive(usize, usize),
    Restore(usize),
    Send(usize, usize),
    Transmit(usize, usize),
}

fn message(number: u32) -> Message {
    // Sizes differ, so that the limit on bytes is met, too.
    let text = format!("{number}{}", " ".repeat(number as usize % 7));
    if number.is_multiple_of(2) { text.into() } else { text.into_bytes().into() }
}

fn number(message: &Message) -> u32 {
    let number = str::from_utf8(message.as_bytes()).unwrap().trim_end().parse().unwrap();
    assert_eq!(message, &self::message(number));
    number
}

impl Network {
    fn new(limits: Limits) -> Self {
        let ends = [1, 2].map(|byte| Side {
            session: Session::new(id(byte), limits.clone()),
            wire: VecDeque::new(),
            accepted: 0,
            received: vec![],
            lost: [vec![], vec![]],
            buried: vec![],
        });
        Self { ends, connected: false, ids: 2, limits }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Acknowledge(at) => self.ends[at].session.acknowledge(),
            Step::Connect if self.connected => {}
            Step::Connect => {
                self.connected = true;
                self.ends.iter_mut().for_each(|end| end.session.handle_connected());
            }
            Step::Cut { noticed } => {
                self.connected = false;
                for (end, noticed) in self.ends.iter_mut().zip(noticed) {
                    end.wire.clear();
                    if noticed {
                        end.session.handle_disconnected();
                    }
                }
            }
            Step::LoseState(at) => {
                self.step(Step::Cut { noticed: [true; 2] });
                self.ids = self.ids.checked_add(1).unwrap();
                let new = Session::new(id(self.ids), self.limits.clone());
                let old = core::mem::replace(&mut self.ends[at].session, new).snapshot();
                self.ends[at].buried.extend(old.unacknowledged.iter().map(number));
            }
            Step::Receive(at, count) => {
                for _ in 0..count {
                    self.receive(at);
                }
            }
            Step::Restore(at) => {
                self.step(Step::Cut { noticed: [true; 2] });
                let end = &mut self.ends[at];
                end.session =
                    Session::restore(end.session.snapshot(), self.limits.clone()).unwrap();
            }
            Step::Send(at, count) => {
                let end = &mut self.ends[at];
                for _ in 0..count {
                    let given = message(end.accepted);
                    match end.session.send(given.clone()) {
                        Ok(()) => end.accepted += 1,
                        Err(refused) => assert_eq!(refused.message, given),
                    }
                }
                assert!(end.session.buffered_messages() <= self.limits.max_messages);
                assert!(end.session.buffered_amount() <= self.limits.max_bytes);
            }
            Step::Transmit(at, count) => {
                for _ in 0..count {
                    if let Some(message) = self.ends[at].session.poll_transmit()
                        && self.connected
                    {
                        self.ends[1 - at].wire.push_back(message);
                    }
                }
            }
        }
    }

    fn receive(&mut self, at: usize) {
        let end = &mut self.ends[at];
        let Some(message) = end.wire.pop_front() else { return };
        match end.session.handle_message(message).unwrap() {
            Some(SessionEvent::Message(message)) => end.received.push(number(&message)),
            Some(SessionEvent::PeerForgot(lost)) => {
                end.lost[0].extend(lost.sent.iter().map(number));
                end.lost[1].extend(lost.unsent.iter().map(number));
            }
            Some(SessionEvent::Forgot | SessionEvent::Resumed | SessionEvent::Started) | None => {}
            Some(other) => panic!("an event that the tests do not know: {other:?}"),
        }
    }

    /// Connects again and lets everything through.
    fn settle(&mut self) {
        self.step(Step::Cut { noticed: [true; 2] });
        self.step(Step::Connect);
        for _ in 0..5 {
            for at in [0, 1] {
                self.step(Step::Acknowledge(at));
                self.step(Step::Transmit(at, 1000));
                self.step(Step::Receive(1 - at, 1000));
            }
        }
        for end in &mut self.ends {
            assert_eq!((end.session.buffered_messages(), end.session.buffered_amount()), (0, 0));
            assert_eq!(end.session.poll_transmit(), None);
        }
    }
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..2_usize).prop_map(Step::Acknowledge),
        3 => Just(Step::Connect),
        1 => any::<[bool; 2]>().prop_map(|noticed| Step::Cut { noticed }),
        6 => (0..2_usize, 1..6_usize).prop_map(|(at, count)| Step::Receive(at, count)),
        1 => (0..2_usize).prop_map(Step::Restore),
        4 => (0..2_usize, 1..5_usize).prop_map(|(at, count)| Step::Send(at, count)),
        6 => (0..2_usize, 1..6_usize).prop_map(|(at, count)| Step::Transmit(at, count)),
    ]
}

fn small_limits() -> impl Strategy<Value = Limits> {
    (1..12_usize, 10..60_usize, 1..5_u64, 1..30_usize).prop_map(|(messages, bytes, every, size)| {
        Limits::default()
            .max_messages(messages)
            .max_bytes(bytes)
            .acknowledge_messages(every.try_into().unwrap())
            .acknowledge_bytes(size)
    })
}

proptest! {
    #[test]
    fn each_message_arrives_once_and_in_order_whatever_is_cut(
        limits in small_limits(),
        steps in vec(steps(), 0..150),
    ) {
        let mut network = Network::new(limits);
        for step in steps {
            network.step(step);
        }
        network.settle();
        let [one, two] = &network.ends;
        prop_assert_eq!(&one.received, &(0..two.accepted).collect::<Vec<_>>());
        prop_assert_eq!(&two.received, &(0..one.accepted).collect::<Vec<_>>());
        prop_assert!(one.lost.iter().chain(&two.lost).all(Vec::is_empty));
    }

    #[test]
    fn nothing_is_lost_in_silence_when_state_is(
        limits in small_limits(),
        steps in vec(
            prop_oneof![15 => steps(), 1 => (0..2_usize).prop_map(Step::LoseState)],
            0..150,
        ),
    ) {
        let mut network = Network::new(limits);
        for step in steps {
            network.step(step);
        }
        network.settle();
        for at in [0, 1] {
            let (from, received) = (&network.ends[at], &network.ends[1 - at].received);
            prop_assert!(received.is_sorted_by(|one, two| one < two), "{:?}", received);
            for number in 0..from.accepted {
                let arrived = received.contains(&number);
                let [sent, unsent] = from.lost.each_ref().map(|lost| lost.contains(&number));
                prop_assert!(arrived || sent || unsent || from.buried.contains(&number));
                prop_assert!(!(arrived && unsent));
            }
        }
    }

    #[test]
    fn no_bytes_of_a_peer_panic(
        messages in vec(
            prop_oneof![
                vec(any::<u8>(), 0..60),
                (0..6_u8, vec(0..3_u8, 0..45)).prop_map(|(kind, rest)| [vec![kind], rest].concat()),
                (2..4_u8, 0..3_u64, 0..4_u64).prop_map(|(kind, expected, number)| {
                    data(kind, expected, number, b"x").into_bytes().to_vec()
                }),
            ],
            0..12,
        ),
    ) {
        let mut session = open();
        session.send("x".into()).unwrap();
        for message in messages {
            let handled = session.handle_message(message.into());
            let _ = drain(&mut session);
            if handled.is_err() {
                session.handle_connected();
                session.handle_message(hello(B, A, 0)).ok();
            }
        }
    }
}

#[test]
fn the_debug_output_has_no_content_of_messages() {
    let mut session = session(A);
    session.send("secret".into()).unwrap();
    let snapshot = session.snapshot();
    let event = SessionEvent::Message("secret".into());
    let opened = ClientEvent::<ConnectionError>::from(event.clone());
    let outbox = Outbox::session(Session::restore(snapshot.clone(), Limits::default()).unwrap());
    let mut supervisor: Supervisor<ConnectionError> =
        Supervisor::new(Policy::default(), [7; 32], Outbox::queue(1, 10));
    supervisor.try_send("secret").unwrap();
    for debug in [
        format!("{session:?}"),
        format!("{snapshot:?}"),
        format!("{event:?}"),
        format!("{opened:?}"),
        format!("{outbox:?}"),
        format!("{supervisor:?}"),
    ] {
        assert!(!debug.contains("secret"), "{debug}");
    }
    assert_eq!(format!("{opened:?}"), "Message(Text of 6 bytes)");
    assert_eq!(format!("{event:?}"), "Message(Text of 6 bytes)");
    // The peer has lost its state.
    session.handle_connected();
    let _ = drain(&mut session);
    session.handle_message(hello(B, A, 0)).unwrap();
    let _ = drain(&mut session);
    session.handle_disconnected();
    session.handle_connected();
    let _ = drain(&mut session);
    let lost = session.handle_message(hello(9, A, 0)).unwrap();
    assert_eq!(format!("{lost:?}"), "Some(PeerForgot(Lost { sent: 1, unsent: 0 }))");
    // And a client, of which these are events among others.
    for (event, shown) in [
        (ClientEvent::from(lost.unwrap()), "PeerForgot(Lost { sent: 1, unsent: 0 })"),
        (SessionEvent::Forgot.into(), "Forgot"),
        (SessionEvent::Message("secret".into()).into(), "Message(Text of 6 bytes)"),
        (SessionEvent::Resumed.into(), "Resumed"),
        (SessionEvent::Started.into(), "Started"),
        (ClientEvent::Connecting { attempt: 2 }, "Connecting { attempt: 2 }"),
        (ClientEvent::Open, "Open"),
        (ClientEvent::GaveUp(GaveUp::Attempts), "GaveUp(Attempts)"),
        (
            ClientEvent::Disconnected {
                cause: Cause::Failed(ConnectionError::UnexpectedEof),
                delay: Some(Duration::from_secs(1)),
            },
            "Disconnected { cause: Failed(UnexpectedEof), delay: Some(1s) }",
        ),
    ] {
        let event: ClientEvent<ConnectionError> = event;
        assert_eq!(format!("{event:?}"), shown);
    }
    assert_eq!(format!("{:?}", SessionEvent::Forgot), "Forgot");
}
