//! Heartbeats and deadlines under random schedules of traffic, silence, back-pressure and time:
//! whatever a driver does, each is due exactly when an obvious model says.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test ends at what it did not expect"
)]

use core::num::NonZeroU32;
use core::time::Duration;

use proptest::prelude::*;
use sanswire::{Config, ConnectionError, PingWhen, Role};

use crate::support::{self, End, config};

/// Milliseconds.
type Millis = u64;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A step of a message from the peer: its beginning, more of it, its end, or a whole one.
    Message {
        begins: bool,
        ends: bool,
        len: u8,
    },
    /// The peer's Pong, or Ping.
    Control,
    Send(u16),
    UserPing,
    /// From now on the transport takes nothing.
    Block,
    /// The transport takes some bytes at once, and nothing more.
    Take(u16),
    /// From now on the transport takes everything.
    Unblock,
    Wait(Millis),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<(bool, bool)>().prop_flat_map(|(begins, ends)| {
            (0..=120_u8).prop_map(move |len| Step::Message { begins, ends, len })
        }),
        2 => Just(Step::Control),
        2 => (0..3_000_u16).prop_map(Step::Send),
        1 => Just(Step::UserPing),
        1 => Just(Step::Block),
        2 => (1..2_000_u16).prop_map(Step::Take),
        2 => Just(Step::Unblock),
        8 => (1..30_000_u64).prop_map(Step::Wait),
        // Often it is the silence that matters.
        2 => (0..200_u64).prop_map(Step::Wait),
    ]
}

fn span() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::weighted(0.8, (1..20_000_u64).prop_map(Duration::from_millis))
}

fn settings() -> impl Strategy<Value = Config> {
    let pings = (span(), span(), any::<bool>());
    // So that each byte is worth whole milliseconds.
    let rates = proptest::sample::select(vec![1, 2, 5, 8, 20, 50, 100, 125, 200]);
    let rate = (proptest::option::of(rates), 0..10_000_u64);
    (pings, span(), span(), span(), span(), rate).prop_map(
        |((ping_interval, pong_timeout, always), write, idle, message, close, (rate, grace))| {
            config(|config| {
                config.ping_interval = ping_interval;
                config.pong_timeout = pong_timeout;
                config.ping_when = if always { PingWhen::Always } else { PingWhen::Silent };
                config.write_timeout = write;
                config.idle_timeout = idle;
                config.message_timeout = message;
                config.close_timeout = close;
                config.min_rate = rate.and_then(NonZeroU32::new);
                config.rate_grace = Duration::from_millis(grace);
            })
        },
    )
}

/// When what happened last, by the words of the documentation.
struct Model {
    config: Config,
    /// The last heartbeat; as long as it waits for the transport, when that took something last.
    pinged: Millis,
    awaited: Option<Awaited>,
    heard: Millis,
    active: Millis,
    /// The message that is arriving: since when, and the bytes before it.
    message: Option<(Millis, u64)>,
    received: u64,
    stalled: Option<Millis>,
    closing: Option<Millis>,
}

/// The heartbeat that the peer has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Left,
    Waiting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Close,
    Idle,
    Message,
    Pong,
    Rate,
    Write,
}

fn millis(span: Duration) -> Millis {
    u64::try_from(span.as_millis()).unwrap()
}

impl Model {
    fn deadlines(&self) -> Vec<(Millis, Due)> {
        let config = &self.config;
        let after = |since: Option<Millis>, span: Option<Duration>, due| {
            Some((since? + millis(span?), due))
        };
        if self.closing.is_some() {
            return after(self.closing, config.close_timeout, Due::Close).into_iter().collect();
        }
        let began = self.message.map(|(began, _)| began);
        let idle = if began.is_none() { Some(self.active) } else { None };
        let rate = self.message.zip(config.min_rate).map(|((began, before), rate)| {
            let earned = (self.received - before) * 1_000 / u64::from(rate.get());
            (began + millis(config.rate_grace) + earned, Due::Rate)
        });
        let awaited = self.awaited.as_ref().map(|_| self.pinged);
        [
            after(awaited, config.pong_timeout, Due::Pong),
            after(self.stalled, config.write_timeout, Due::Write),
            after(began, config.message_timeout, Due::Message),
            rate,
            after(idle, config.idle_timeout, Due::Idle),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// When the next heartbeat is due.
    fn next_ping(&self) -> Option<Millis> {
        if self.awaited.is_some() || self.closing.is_some() {
            return None;
        }
        let since = match self.config.ping_when {
            PingWhen::Silent => self.pinged.max(self.heard),
            _ => self.pinged,
        };
        Some(since + millis(self.config.ping_interval?))
    }

    fn next(&self) -> Option<Millis> {
        self.deadlines().into_iter().map(|(at, _)| at).chain(self.next_ping()).min()
    }

    /// Sends the heartbeat that is due.
    fn ping(&mut self, now: Millis) {
        if self.next_ping().is_some_and(|at| at <= now) {
            self.pinged = now;
            self.awaited = self.config.pong_timeout.map(|_| Awaited::Waiting);
        }
    }

    /// Notes that the transport took something, or everything.
    fn write(&mut self, now: Millis, taken: usize, left: usize) {
        if self.awaited == Some(Awaited::Waiting) && (taken > 0 || left == 0) {
            self.pinged = now;
            if left == 0 {
                self.awaited = Some(Awaited::Left);
            }
        }
        self.stalled = match self.stalled {
            _ if left == 0 => None,
            Some(since) if taken == 0 => Some(since),
            _ => Some(now),
        };
    }
}

fn kind(error: ConnectionError) -> Due {
    match error {
        ConnectionError::CloseTimeout { .. } => Due::Close,
        ConnectionError::IdleTimeout { .. } => Due::Idle,
        ConnectionError::MessageTimeout { .. } => Due::Message,
        ConnectionError::MessageTooSlow { .. } => Due::Rate,
        ConnectionError::PongTimeout { .. } => Due::Pong,
        ConnectionError::WriteTimeout { .. } => Due::Write,
        error => panic!("{error}"),
    }
}

/// A driver with a virtual clock, and the model beside it.
struct Drive {
    end: End,
    model: Model,
    now: Millis,
    /// What the transport takes: everything, or so many bytes.
    room: Option<usize>,
}

impl Drive {
    /// Does what a driver does when it wakes up, and asserts what comes of it.
    fn wake(&mut self) {
        self.model.ping(self.now);
        let now = Duration::from_millis(self.now);
        for round in 0.. {
            assert!(round < 5, "always something to do at once");
            self.end.connection.handle_timeout(now);
            self.end.poll();
            if let Some(error) = self.end.error {
                let deadlines = self.model.deadlines();
                let at = deadlines.iter().find(|(_, due)| *due == kind(error)).unwrap().0;
                return assert_eq!(at, self.now, "{error}: not at its time");
            }
            self.write();
            self.end.poll();
            if self.end.connection.poll_timeout().is_none_or(|at| at > now) {
                break;
            }
        }
        for (at, due) in self.model.deadlines() {
            assert!(at > self.now, "{due:?} has passed unseen");
        }
        let expected = self.model.next().map(Duration::from_millis);
        assert_eq!(self.end.connection.poll_timeout(), expected);
    }

    /// Writes what the transport takes.
    fn write(&mut self) {
        let taken = self.end.take_some(self.room.unwrap_or(usize::MAX)).len();
        if let Some(room) = &mut self.room {
            *room -= taken;
        }
        let left = self.end.connection.poll_transmit().map_or(0, |output| output.len());
        self.model.write(self.now, taken, left);
    }

    /// Lets time pass, waking up only when the connection wants to.
    fn wait(&mut self, until: Millis) {
        while self.end.error.is_none() {
            let Some(at) = self.end.connection.poll_timeout() else { break };
            let at = millis(at);
            if at > until {
                break;
            }
            assert!(at > self.now);
            self.now = at;
            self.wake();
        }
        if self.end.error.is_none() {
            self.now = until;
        }
    }

    /// Lets the peer send.
    fn receive(&mut self, frame: &[u8]) {
        let peer = self.end.connection.role().peer();
        let bytes = support::from(peer, frame);
        self.model.received += bytes.len() as u64;
        self.model.heard = self.now;
        self.model.awaited = None;
        self.end.connection.input().extend_from_slice(&bytes);
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Wait(span) => return self.wait(self.now + span),
            Step::Message { begins, ends, len } => self.message(begins, ends, len),
            Step::Control => self.receive(b"\x8a\x00"),
            Step::Send(len) => {
                if self.end.connection.commands().send(vec![7; len.into()].as_slice()).is_ok() {
                    self.model.active = self.now;
                }
            }
            Step::UserPing => _ = self.end.connection.commands().ping(b"user"),
            Step::Block => self.room = Some(0),
            Step::Take(len) => self.room = Some(usize::from(len)),
            Step::Unblock => self.room = None,
            Step::Close => {
                self.end.connection.commands().close(1000, "").unwrap();
                self.model.closing.get_or_insert(self.now);
            }
        }
        self.wake();
    }

    fn message(&mut self, begins: bool, ends: bool, len: u8) {
        let is_within = self.model.message.is_some();
        // Neither a beginning nor an end: more of one, or a whole one.
        let ends = if is_within { ends } else { !begins };
        let first = if is_within { 0 } else { 2 } | if ends { 0x80 } else { 0 };
        let before = self.model.received;
        self.receive(&[&[first, len][..], &vec![7; len.into()]].concat());
        if ends {
            self.model.message = None;
            self.model.active = self.now;
        } else {
            self.model.message.get_or_insert((self.now, before));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn everything_is_due_exactly_when_the_model_says(
        config in settings(),
        client in any::<bool>(),
        closes in any::<bool>(),
        mut steps in proptest::collection::vec(step(), 1..60),
    ) {
        if closes {
            steps.extend([Step::Close, Step::Wait(100_000)]);
        }
        let role = if client { Role::Client } else { Role::Server };
        let model = Model {
            config,
            pinged: 0,
            awaited: None,
            heard: 0,
            active: 0,
            message: None,
            received: 0,
            stalled: None,
            closing: None,
        };
        let mut drive = Drive { end: End::new(role, &config), model, now: 0, room: None };
        drive.wake();
        for step in steps {
            if drive.end.error.is_some() {
                break;
            }
            drive.run(step);
        }
        if drive.end.error.is_some() {
            // And never again.
            drive.end.take_output();
            drive.end.poll();
            prop_assert_eq!(drive.end.connection.poll_timeout(), None);
        }
    }
}
