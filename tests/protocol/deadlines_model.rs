//! Heartbeats and deadlines under random schedules of traffic, silence, back-pressure and time:
//! whatever a driver does, each is due exactly when an obvious model says.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test ends at what it did not expect"
)]

use core::time::Duration;

use proptest::prelude::*;
use sanswire::{Config, ConnectionError, PingWhen, Role};

use crate::support::{self, End};

/// Nanoseconds.
type Nanos = u64;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A step of a message from the peer: its beginning, more of it, its end, or a whole one.
    Message {
        begins: bool,
        ends: bool,
        len: u16,
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
    /// So many milliseconds.
    Wait(u32),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<(bool, bool)>().prop_flat_map(|(begins, ends)| {
            message_len().prop_map(move |len| Step::Message { begins, ends, len })
        }),
        2 => Just(Step::Control),
        2 => (0..3_000_u16).prop_map(Step::Send),
        1 => Just(Step::UserPing),
        1 => Just(Step::Block),
        2 => (1..2_000_u16).prop_map(Step::Take),
        2 => Just(Step::Unblock),
        8 => (1..30_000_u32).prop_map(Step::Wait),
        // Often it is the silence that matters.
        2 => (0..200_u32).prop_map(Step::Wait),
    ]
}

/// Little, or so much that what is held of a message counts.
fn message_len() -> impl Strategy<Value = u16> {
    prop_oneof![2 => 0..=120_u16, 1 => 120..6_000_u16]
}

fn span() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::weighted(0.8, (1..20_000_u64).prop_map(Duration::from_millis))
}

fn settings() -> impl Strategy<Value = Config> {
    let pings = (span(), span(), any::<bool>());
    (pings, span(), span(), span(), span(), span()).prop_map(
        |((ping_interval, pong_timeout, always), write, idle, message, close, hold)| {
            Config::default()
                .ping_interval(ping_interval)
                .pong_timeout(pong_timeout)
                .ping_when(if always { PingWhen::Always } else { PingWhen::Silent })
                .write_timeout(write)
                .idle_timeout(idle)
                .message_timeout(message)
                .close_timeout(close)
                .hold_timeout(hold)
        },
    )
}

/// When what happened last, by the words of the documentation.
struct Model {
    config: Config,
    /// The last heartbeat; as long as it waits for the transport, when that took something last.
    pinged: Nanos,
    awaited: Option<Awaited>,
    /// Whether an answer has come that the connection has not seen: a Ping that is due behind it is
    /// not queued before.
    is_answered: bool,
    heard: Nanos,
    active: Nanos,
    message: Option<Arriving>,
    stalled: Option<Nanos>,
    closing: Option<Nanos>,
}

/// The message that is arriving.
#[derive(Clone, Copy)]
struct Arriving {
    began: Nanos,
    len: u64,
    /// Until when it is paid for what is held of it.
    paid: Nanos,
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
    Hold,
    Idle,
    Message,
    Pong,
    Write,
}

fn nanos(span: Duration) -> Nanos {
    u64::try_from(span.as_nanos()).unwrap()
}

impl Model {
    fn deadlines(&self) -> Vec<(Nanos, Due)> {
        let config = &self.config;
        let after =
            |since: Option<Nanos>, span: Option<Duration>, due| Some((since? + nanos(span?), due));
        if self.closing.is_some() {
            return after(self.closing, config.close_timeout, Due::Close).into_iter().collect();
        }
        let began = self.message.map(|message| message.began);
        let hold = self.message.filter(|message| message.len > FREE);
        let hold = hold
            .zip(config.hold_timeout)
            .map(|(message, _)| (message.paid.max(message.began + GRACE), Due::Hold));
        let awaited = self.awaited.as_ref().map(|_| self.pinged);
        [
            after(awaited, config.pong_timeout, Due::Pong),
            after(self.stalled, config.write_timeout, Due::Write),
            after(began, config.message_timeout, Due::Message),
            hold,
            after(Some(self.active), config.idle_timeout, Due::Idle),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// When the next heartbeat is due.
    fn next_ping(&self) -> Option<Nanos> {
        if self.awaited.is_some() || self.closing.is_some() {
            return None;
        }
        let since = match self.config.ping_when {
            PingWhen::Silent => self.pinged.max(self.heard),
            _ => self.pinged,
        };
        Some(since + nanos(self.config.ping_interval?))
    }

    fn next(&self) -> Option<Nanos> {
        self.deadlines().into_iter().map(|(at, _)| at).chain(self.next_ping()).min()
    }

    /// Sends the heartbeat that is due.
    fn ping(&mut self, now: Nanos) {
        if self.next_ping().is_some_and(|at| at <= now) {
            self.pinged = now;
            self.awaited = self.config.pong_timeout.map(|_| Awaited::Waiting);
        }
    }

    /// Notes that a part of a message came: what it pays for is spent on all that is held.
    fn hold(&mut self, now: Nanos, len: u64) {
        let message = self.message.get_or_insert(Arriving { began: now, len: 0, paid: now });
        let Some(limit) = self.config.hold_timeout.map(nanos).filter(|_| len > 0) else { return };
        let counted = |len: u64| i128::from(len.saturating_sub(FREE));
        let before = counted(message.len);
        message.len += len;
        let (fresh, left) = match before {
            0 => (message.len, 0),
            _ => (len, (i128::from(message.paid) - i128::from(now)) * before),
        };
        if counted(message.len) > 0 {
            let is_free = now < message.began + GRACE;
            let left = if is_free { left.max(0) } else { left };
            let left = left + i128::from(limit) * i128::from(fresh);
            let paid = i128::from(now) + left / counted(message.len);
            message.paid = u64::try_from(paid.max(0)).unwrap();
        }
    }

    /// Notes that the transport took something, or everything.
    fn write(&mut self, now: Nanos, taken: usize, left: usize) {
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
        ConnectionError::MessageTooSlow { .. } => Due::Hold,
        ConnectionError::PongTimeout { .. } => Due::Pong,
        ConnectionError::WriteTimeout { .. } => Due::Write,
        error => panic!("{error}"),
    }
}

/// A driver with a virtual clock, and the model beside it.
struct Drive {
    end: End,
    model: Model,
    now: Nanos,
    /// What the transport takes: everything, or so many bytes.
    room: Option<usize>,
}

impl Drive {
    /// Does what a driver does when it wakes up, and asserts what comes of it.
    fn wake(&mut self) {
        let now = Duration::from_nanos(self.now);
        for round in 0.. {
            assert!(round < 5, "always something to do at once");
            if round > 0 || !self.model.is_answered {
                self.model.ping(self.now);
            }
            self.end.connection.handle_timeout(now);
            self.end.poll();
            if let Some(error) = self.end.error {
                let deadlines = self.model.deadlines();
                let at = deadlines.iter().find(|(_, due)| *due == kind(error)).unwrap().0;
                return assert_eq!(at, self.now, "{error}: not at its time");
            }
            self.write();
            self.end.poll();
            if self.end.connection.poll_timeout().map(Duration::from).is_none_or(|at| at > now) {
                break;
            }
        }
        self.model.is_answered = false;
        for (at, due) in self.model.deadlines() {
            assert!(at > self.now, "{due:?} has passed unseen");
        }
        let expected = self.model.next().map(Duration::from_nanos);
        assert_eq!(self.end.connection.poll_timeout().map(Duration::from), expected);
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
    fn wait(&mut self, until: Nanos) {
        while self.end.error.is_none() {
            let Some(at) = self.end.connection.poll_timeout() else { break };
            let at = nanos(at.into());
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
        self.model.heard = self.now;
        self.model.is_answered |= self.model.awaited.take().is_some();
        self.end.connection.input().extend_from_slice(&bytes);
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Wait(span) => return self.wait(self.now + u64::from(span) * 1_000_000),
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

    fn message(&mut self, begins: bool, ends: bool, len: u16) {
        let is_within = self.model.message.is_some();
        // Neither a beginning nor an end: more of one, or a whole one.
        let ends = if is_within { ends } else { !begins };
        let first = if is_within { 0 } else { 2 } | if ends { 0x80 } else { 0 };
        let header = match u8::try_from(len) {
            Ok(len @ 0..126) => vec![first, len],
            _ => [&[first, 126][..], &len.to_be_bytes()].concat(),
        };
        self.receive(&[header, vec![7; len.into()]].concat());
        if ends || len > 0 {
            self.model.active = self.now;
        }
        if ends {
            self.model.message = None;
        } else {
            self.model.hold(self.now, len.into());
        }
    }
}

/// What may be held for nothing, and for how long anything may.
const FREE: u64 = 4 << 10;
const GRACE: Nanos = 20_000_000_000;

proptest! {
    #![proptest_config(support::cases(600))]

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
        check(if client { Role::Client } else { Role::Server }, config, &steps);
    }
}

/// Asserts that all is due when the model says.
fn check(role: Role, config: Config, steps: &[Step]) {
    let end = End::new(role, &config);
    let model = Model {
        config,
        pinged: 0,
        awaited: None,
        is_answered: false,
        heard: 0,
        active: 0,
        message: None,
        stalled: None,
        closing: None,
    };
    let mut drive = Drive { end, model, now: 0, room: None };
    drive.wake();
    for step in steps {
        if drive.end.error.is_some() {
            break;
        }
        drive.run(*step);
    }
    if drive.end.error.is_some() {
        // And never again.
        drive.end.take_output();
        drive.end.poll();
        assert_eq!(drive.end.connection.poll_timeout(), None);
    }
}

/// A server whose peer is pinged at `interval` and has `timeout` to answer, in milliseconds, gets
/// an empty message and then Pings that wait.
fn check_pinged_behind_a_message(interval: u64, timeout: u64, first: u32) {
    let config = Config::default()
        .ping_interval(Duration::from_millis(interval))
        .pong_timeout(Duration::from_millis(timeout))
        .write_timeout(None)
        .hold_timeout(None);
    let message = Step::Message { begins: false, ends: true, len: 0 };
    let steps = [Step::Wait(first), Step::Block, message, Step::Wait(1), Step::Take(1)];
    let steps = [&steps[..], &[Step::Wait(30_000)]].concat();
    check(Role::Server, config, &steps);
}

#[test]
fn a_ping_that_is_due_behind_an_answer_has_not_left_before_it_is_queued() {
    check_pinged_behind_a_message(1, 14_111, 2);
}

#[test]
fn a_ping_that_waits_is_not_late_before_the_transport_took_something() {
    check_pinged_behind_a_message(90, 6_171, 180);
}
