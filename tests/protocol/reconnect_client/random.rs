//! Calls in any order.

use core::num::NonZeroU32;
use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sanswire::delivery::{Limits, Session, SessionId};
use sanswire::reconnect::{
    Cause, ClientEvent, Outbox, OutboxError, Policy, Retry, State, Step, Supervisor,
};
use sanswire::{Config, Connection, Message, ReadyState, Role};

use super::world::{Failure, HOUR, SEED, ZERO, data, hello};

#[derive(Clone, Debug)]
enum Call {
    Acknowledge,
    Connected,
    Disconnected(Retry),
    Message(Message),
    RetryNow,
    Send(usize),
    Start,
    Step,
    Stop,
    TakeUnsent,
    Time(Duration),
    /// To the present connection, one that is closed, or one that has nothing to do with it.
    Transmit(u8),
}

fn call() -> impl Strategy<Value = Call> {
    let retry = prop_oneof![
        4 => Just(Retry::Later),
        1 => Just(Retry::Never),
        1 => any::<u32>().prop_map(|seconds| Retry::After(Duration::from_secs(seconds.into()))),
    ];
    let message = prop_oneof![
        Just("text".into()),
        (0..4_u8, 0..3_u8).prop_map(|(from, to)| hello(from, to, 0)),
        (0..4_u8, 0..3_u64, 0..3_u64)
            .prop_map(|(kind, expected, number)| data(kind, expected, number, b"data")),
    ];
    prop_oneof![
        1 => Just(Call::Acknowledge),
        3 => Just(Call::Connected),
        3 => retry.prop_map(Call::Disconnected),
        3 => message.prop_map(Call::Message),
        1 => Just(Call::RetryNow),
        3 => (0..40_usize).prop_map(Call::Send),
        2 => Just(Call::Start),
        9 => Just(Call::Step),
        1 => Just(Call::Stop),
        1 => Just(Call::TakeUnsent),
        3 => (0..100_000_u64).prop_map(|millis| Call::Time(Duration::from_millis(millis))),
        4 => (0..6_u8).prop_map(Call::Transmit),
    ]
}

/// What must hold whatever is called.
struct Model {
    client: Supervisor<Failure>,
    now: Duration,
    /// Whether the caller has an attempt or a connection.
    is_flying: bool,
    has_given_up: bool,
    connection: Connection,
    /// Messages in the queue, the oldest first.
    queued: Vec<usize>,
    is_queue: bool,
}

impl Model {
    fn new(outbox: Outbox, is_queue: bool) -> Self {
        let limited = Policy::default().max_attempts(NonZeroU32::new(5)).max_outage(HOUR);
        Self {
            client: Supervisor::new(limited, SEED, outbox),
            now: ZERO,
            is_flying: false,
            has_given_up: false,
            connection: Self::connection(),
            queued: Vec::new(),
            is_queue,
        }
    }

    fn connection() -> Connection {
        let mut config = Supervisor::<Failure>::connection_config(Config::default());
        config.max_buffered = 50;
        Connection::client(&config, SEED)
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Acknowledge => self.client.acknowledge(),
            Call::Connected => {
                if self.client.state() == State::Connecting {
                    assert!(self.is_flying);
                    self.connection = Self::connection();
                }
                self.client.handle_connected(self.now, vec![vec![0; 30].into(), "first".into()]);
            }
            Call::Disconnected(retry) => {
                let cause = Cause::Failed(Failure::Transport(retry));
                let judgement = self.client.judge(cause);
                self.client.handle_disconnected(self.now, judgement);
                self.is_flying = false;
            }
            Call::Message(message) => self.client.handle_message(message),
            Call::Send(len) => match self.client.try_send(vec![0; len]) {
                Ok(()) => {
                    assert!(!self.client.is_ended());
                    self.queued.push(len);
                }
                Err(refused) => {
                    assert_eq!(refused.message.len(), len);
                    assert_eq!(refused.error == OutboxError::Ended, self.client.is_ended());
                }
            },
            Call::RetryNow => {
                let state = self.client.state();
                self.client.retry_now();
                assert_eq!(self.client.state(), state);
            }
            Call::Start => {
                self.has_given_up &= !self.client.is_ended();
                self.client.start(self.now);
                assert!(!self.client.is_ended());
            }
            Call::Step => self.step(),
            Call::Stop => {
                self.client.stop();
                assert!(self.client.is_ended());
            }
            Call::TakeUnsent => {
                let taken: Vec<usize> =
                    self.client.take_unsent().iter().map(Message::len).collect();
                if self.is_queue {
                    assert_eq!(taken, core::mem::take(&mut self.queued));
                }
            }
            Call::Time(passed) => self.now += passed,
            Call::Transmit(which) => self.transmit(which),
        }
        if self.is_queue {
            assert_eq!(self.client.buffered_messages(), self.queued.len());
            assert_eq!(self.client.buffered_amount(), self.queued.iter().sum::<usize>());
        }
        assert!(self.client.buffered_messages() <= 3 && self.client.buffered_amount() <= 60);
    }

    fn step(&mut self) {
        match self.client.poll_step(self.now) {
            Step::Connect { .. } => {
                assert!(!self.is_flying, "two attempts");
                self.is_flying = true;
            }
            Step::Disconnect => self.is_flying = false,
            Step::Event(ClientEvent::GaveUp(why)) => {
                assert!(!core::mem::replace(&mut self.has_given_up, true), "told twice");
                assert_eq!(self.client.state(), State::GaveUp(why));
            }
            Step::Event(_) => {}
            Step::Over => {
                assert!(!self.is_flying, "nobody drops it");
                assert!(self.client.is_ended() || self.client.state() == State::Idle);
                assert_eq!(self.client.poll_timeout(), None);
            }
            Step::Wait => {
                let timeout = self.client.poll_timeout();
                assert_eq!(timeout.is_none(), self.is_flying, "woken by what exists, or by time");
                assert!(timeout.is_none_or(|at| at > self.now.into()), "no time to wait");
            }
            other => panic!("{other:?}"),
        }
    }

    fn transmit(&mut self, which: u8) {
        let mut other = match which {
            0 => Connection::server(&Config::default()),
            1 => {
                let mut closing = Self::connection();
                closing.commands().close(1000, "").unwrap();
                closing
            }
            _ => core::mem::replace(&mut self.connection, Self::connection()),
        };
        let before = other.buffered_amount();
        let was_open = other.ready_state() == ReadyState::Open;
        let is_progress = self.client.transmit(&mut other.commands());
        let is_taken = other.buffered_amount() > before;
        assert!(was_open || !is_progress, "a closed connection takes nothing");
        assert!(is_progress || !is_taken, "it would not leave");
        if self.is_queue {
            let left = self.client.buffered_messages();
            self.queued.drain(..self.queued.len() - left);
        }
        // It says so only once, or the caller would go on forever.
        assert!(!self.client.transmit(&mut other.commands()), "asked again");
        if which >= 2 {
            assert_eq!(other.role(), Role::Client);
            self.connection = other;
        }
    }
}

proptest! {
    #[test]
    fn no_order_of_calls_breaks_a_promise(calls in vec(call(), 0..100), is_queue in any::<bool>()) {
        let limits = Limits::default().max_messages(3).max_bytes(60);
        let outbox = if is_queue {
            Outbox::queue(3, 60)
        } else {
            Outbox::session(Session::new(SessionId::new([1; 16]).unwrap(), limits))
        };
        let mut model = Model::new(outbox, is_queue);
        for call in calls {
            model.call(call);
        }
    }
}
