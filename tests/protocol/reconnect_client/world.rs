//! A client, its clock, and both ends of its connection.

use core::time::Duration;

use bytes::Buf;
use sanswire::delivery::{Limits, Session, SessionId};
use sanswire::reconnect::{
    Cause, ClientEvent, Outbox, Policy, Retry, Retryable, State, Step, Supervisor,
};
use sanswire::{Closed, ClosedBy, Config, Connection, ConnectionError, Message};

pub(crate) const ZERO: Duration = Duration::ZERO;
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const SEED: [u8; 32] = [7; 32];

/// What can go wrong with a transport.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Connection(ConnectionError),
    Transport(Retry),
}

impl Retryable for Failure {
    fn retry(&self, policy: &Policy) -> Retry {
        match self {
            Self::Connection(error) => error.retry(policy),
            Self::Transport(retry) => *retry,
        }
    }
}

pub(crate) const LOST: Failure = Failure::Connection(ConnectionError::UnexpectedEof);

pub(crate) fn queue() -> Outbox {
    Outbox::queue(1024, 1 << 20)
}

pub(crate) fn session(byte: u8) -> Session {
    Session::new(SessionId::new([byte; 16]).unwrap(), Limits::default())
}

/// A client and its clock, and, while it has a connection, the two ends of that.
pub(crate) struct World {
    pub(crate) client: Supervisor<Failure>,
    pub(crate) now: Duration,
    pub(crate) link: Option<(Connection, Connection)>,
    pub(crate) config: Config,
}

impl World {
    /// A client that was started at some time.
    pub(crate) fn new(policy: Policy, outbox: Outbox) -> Self {
        let mut client = Supervisor::new(policy, SEED, outbox);
        let now = Duration::from_secs(1000);
        client.start(now);
        let config = Supervisor::<Failure>::connection_config(Config::default());
        Self { client, now, link: None, config }
    }

    /// A client whose first attempt is in flight.
    pub(crate) fn connecting(outbox: Outbox) -> Self {
        let mut world = Self::new(Policy::default(), outbox);
        assert_eq!(world.connect(), 1);
        world
    }

    /// A client with an open connection.
    pub(crate) fn open(outbox: Outbox) -> Self {
        let mut world = Self::connecting(outbox);
        world.accept();
        world
    }

    pub(crate) fn step(&mut self) -> Step<Failure> {
        self.client.poll_step(self.now)
    }

    pub(crate) fn event(&mut self) -> ClientEvent<Failure> {
        match self.step() {
            Step::Event(event) => event,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn message(&mut self) -> Message {
        match self.event() {
            ClientEvent::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn waits(&mut self) {
        assert!(matches!(self.step(), Step::Wait));
    }

    pub(crate) fn is_over(&mut self) {
        for _ in 0..2 {
            assert!(matches!(self.step(), Step::Over));
            assert_eq!(self.client.poll_timeout(), None);
            self.now += HOUR;
        }
    }

    /// Sleeps until the next attempt begins, and returns its number.
    pub(crate) fn connect(&mut self) -> u32 {
        self.now = self.client.poll_timeout().map(Duration::from).unwrap();
        let Step::Connect { attempt } = self.step() else { panic!("no attempt") };
        assert!(
            matches!(self.event(), ClientEvent::Connecting { attempt: told } if told == attempt)
        );
        self.waits();
        assert_eq!((self.client.state(), self.client.poll_timeout()), (State::Connecting, None));
        attempt
    }

    /// Has the attempt succeed.
    pub(crate) fn accept(&mut self) {
        self.accept_with(Vec::new());
    }

    /// Has the attempt succeed, with messages that the connection begins with.
    pub(crate) fn accept_with(&mut self, first: Vec<Message>) {
        let ends = (Connection::client(&self.config, SEED), Connection::server(&Config::default()));
        self.link = Some(ends);
        self.client.handle_connected(self.now, first);
        assert!(matches!(self.event(), ClientEvent::Open));
        self.waits();
    }

    pub(crate) fn reopen(&mut self) {
        self.connect();
        self.accept();
    }

    /// Reports the end of the attempt or connection.
    pub(crate) fn end(&mut self, cause: Cause<Failure>) {
        self.link = None;
        let judgement = self.client.judge(cause);
        self.client.handle_disconnected(self.now, judgement);
    }

    pub(crate) fn lose(&mut self) -> Option<Duration> {
        self.end(Cause::Failed(LOST));
        self.disconnected().1
    }

    pub(crate) fn disconnected(&mut self) -> (Cause<Failure>, Option<Duration>) {
        match self.event() {
            ClientEvent::Disconnected { cause, delay } => (cause, delay),
            other => panic!("{other:?}"),
        }
    }

    /// Drives the connection as an adapter does, until nothing moves; returns what the server got.
    pub(crate) fn drive(&mut self) -> Vec<Message> {
        let (near, far) = self.link.as_mut().unwrap();
        let mut got = Vec::new();
        loop {
            self.client.transmit(&mut near.commands());
            let mut moved = carry(near, far) | carry(far, near);
            got.extend(messages(far));
            for message in messages(near) {
                self.client.handle_message(message);
                moved = true;
            }
            if !moved {
                self.client.acknowledge();
                if !self.client.transmit(&mut near.commands()) {
                    return got;
                }
            }
        }
    }

    pub(crate) fn far(&mut self) -> &mut Connection {
        &mut self.link.as_mut().unwrap().1
    }

    pub(crate) fn send_far(&mut self, message: Message) {
        self.far().commands().send(message).unwrap();
    }
}

/// Moves the bytes that wait; returns whether there were any.
pub(crate) fn carry(from: &mut Connection, to: &mut Connection) -> bool {
    let mut moved = false;
    while let Some(output) = from.poll_transmit() {
        let len = output.chunk().len();
        to.input().extend_from_slice(output.chunk());
        output.advance(len);
        moved = true;
    }
    moved
}

pub(crate) fn messages(connection: &mut Connection) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        match connection.poll_event() {
            Ok(Some((sanswire::Event::Text(text), _))) => messages.push(text.as_str().into()),
            Ok(Some((sanswire::Event::Binary(bytes), _))) => messages.push(bytes.to_vec().into()),
            Ok(Some(_)) => {}
            Ok(None) => return messages,
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn closed(code: u16, by: ClosedBy) -> Closed {
    // There is no constructor: what a client reports after an exchange of Close frames.
    let mut server = Connection::server(&Config::default());
    let mut client = Connection::client(&Config::default(), SEED);
    let (first, second) = match by {
        ClosedBy::Local => (&mut client, &mut server),
        ClosedBy::Peer => (&mut server, &mut client),
    };
    first.commands().close(code, "why").unwrap();
    carry(first, second);
    messages(second);
    carry(second, first);
    messages(first);
    client.closed().unwrap()
}

pub(crate) fn hello(from: u8, to: u8, expected: u64) -> Message {
    [&[0][..], &[from; 16], &[to; 16], &expected.to_be_bytes()].concat().into()
}

pub(crate) fn data(kind: u8, expected: u64, number: u64, payload: &[u8]) -> Message {
    [&[kind][..], &expected.to_be_bytes(), &number.to_be_bytes(), payload].concat().into()
}
