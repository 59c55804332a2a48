//! `Supervisor` and its `Reconnect`: calls in any order, at any times. There is one attempt or connection
//! at most, no more attempts than are allowed, no delay that is longer than it may be, and no event that
//! does not fit; queued messages are kept or returned; and a client that is left alone connects or ends.
#![no_main]

use core::num::NonZeroU32;
use core::time::Duration;

use libfuzzer_sys::fuzz_target;
use sanswire::delivery::{Limits, Session, SessionId};
use sanswire::reconnect::{Cause, ClientEvent, Outbox, Policy, Retry, State, Step, Supervisor};
use sanswire::{CloseCode, Config, Connection, ConnectionError, Message};
use sanswire_fuzz::Input;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let times = [Duration::from_secs(5), Duration::ZERO, Duration::MAX, Duration::from_millis(1)];
    let mut policy = Policy::default()
        .initial_delay(input.one_of(&times))
        .max_delay(input.one_of(&times))
        .stable_after(input.one_of(&times))
        .max_retry_after(input.one_of(&times))
        .normal_close(input.one_of(&[Retry::Never, Retry::Later]));
    policy.max_attempts = NonZeroU32::new(input.one_of(&[0, 1, 2, 5]));
    policy.max_outage = input.one_of(&[None, Some(times[0]), Some(times[1]), Some(times[2])]);
    let has_session = input.byte() % 2 == 1;
    let outbox = if has_session {
        let id = SessionId::new([7; 16]).unwrap();
        Outbox::session(Session::new(id, Limits::default().max_messages(4)))
    } else {
        Outbox::queue(4, 100)
    };
    let mut run = Run {
        supervisor: Supervisor::new(policy, [input.byte(); 32], outbox),
        now: Duration::ZERO,
        link: Link::None,
        attempts: 0,
        gave_up: false,
        has_session,
    };
    for _ in 0..200 {
        run.act(&mut input);
        run.check();
    }
    run.finish();
});

enum Link {
    None,
    Attempt,
    Open(Box<Connection>),
}

struct Run {
    supervisor: Supervisor<ConnectionError>,
    now: Duration,
    link: Link,
    /// Since the last start.
    attempts: u32,
    gave_up: bool,
    has_session: bool,
}

impl Run {
    fn act(&mut self, input: &mut Input<'_>) {
        match input.byte() % 12 {
            0 => {
                let was_ended = !matches!(
                    self.supervisor.state(),
                    State::Connecting | State::Open | State::Waiting
                );
                self.supervisor.start(self.now);
                if was_ended {
                    (self.attempts, self.gave_up) = (0, false);
                }
            }
            1 => self.supervisor.stop(),
            2 => self.supervisor.retry_now(),
            3 => self.try_send(input.bytes()),
            4 => {
                // It may also go backwards.
                let span = Duration::from_millis(u64::from(input.byte()) << (input.byte() % 60));
                self.now = if input.byte() % 8 == 0 {
                    self.now.saturating_sub(span)
                } else {
                    self.now.saturating_add(span)
                };
            }
            5 => {
                if matches!(self.link, Link::Attempt) {
                    let config =
                        Supervisor::<ConnectionError>::connection_config(Config::default());
                    self.link = Link::Open(Box::new(Connection::client(&config, [8; 32])));
                }
                self.supervisor.handle_connected(self.now, vec!["first".into()]);
            }
            6 => self.supervisor.handle_message(Message::from(input.bytes().to_vec())),
            7 => self.end(input.byte(), u16::from_be_bytes([input.byte(), input.byte()])),
            8 => {
                if let Link::Open(connection) = &mut self.link {
                    self.supervisor.acknowledge();
                    let _ = self.supervisor.transmit(&mut connection.commands());
                }
            }
            9 => {
                let count = self.supervisor.buffered_messages();
                let taken = self.supervisor.take_unsent();
                assert_eq!(taken.len(), if self.has_session { 0 } else { count });
            }
            _ => {
                self.step();
            }
        }
    }

    fn try_send(&mut self, bytes: &[u8]) {
        let before = (self.supervisor.buffered_messages(), self.supervisor.buffered_amount());
        let sent = self.supervisor.try_send(bytes.to_vec());
        let after = (self.supervisor.buffered_messages(), self.supervisor.buffered_amount());
        match sent {
            Ok(()) => {
                assert!(!self.supervisor.is_ended());
                assert_eq!(after, (before.0 + 1, before.1 + bytes.len()));
            }
            Err(refused) => {
                assert_eq!(refused.message, Message::from(bytes.to_vec()));
                assert_eq!(after, before);
            }
        }
    }

    fn end(&mut self, how: u8, code: u16) {
        let error = match how % 3 {
            0 => ConnectionError::UnexpectedEof,
            1 => ConnectionError::MaskMissing,
            _ => ConnectionError::PeerTooSlow { code: CloseCode::from(code), queued: 0, limit: 0 },
        };
        let mut judgement = self.supervisor.judge(Cause::Failed(error));
        match how / 3 % 4 {
            0 => judgement.retry = Retry::Later,
            1 => judgement.retry = Retry::After(Duration::MAX),
            2 => judgement.retry = Retry::Never,
            _ => {}
        }
        self.link = Link::None;
        self.supervisor.handle_disconnected(self.now, judgement);
    }

    /// Does the next step; returns whether there was one.
    fn step(&mut self) -> bool {
        let policy = self.supervisor.policy().clone();
        match self.supervisor.poll_step(self.now) {
            Step::Connect { attempt } => {
                assert!(matches!(self.link, Link::None), "a second attempt");
                self.link = Link::Attempt;
                self.attempts += 1;
                assert!(attempt >= 1 && attempt <= self.attempts);
                assert!(policy.max_attempts.is_none_or(|max| attempt <= max.get()));
            }
            Step::Disconnect => {
                assert!(!matches!(self.link, Link::None), "there is nothing to drop");
                self.link = Link::None;
            }
            Step::Event(event) => {
                assert!(!event.to_string().is_empty());
                match event {
                    ClientEvent::GaveUp(_) => assert!(!core::mem::replace(&mut self.gave_up, true)),
                    ClientEvent::Disconnected { delay: Some(delay), .. } => {
                        let most = policy.max_delay.max(policy.max_retry_after);
                        assert!(delay <= most || delay == Duration::MAX, "{delay:?}");
                    }
                    _ => {}
                }
            }
            Step::Wait => return false,
            Step::Over => {
                assert!(matches!(
                    self.supervisor.state(),
                    State::GaveUp(_) | State::Idle | State::Stopped
                ));
                return false;
            }
            _ => {}
        }
        true
    }

    fn check(&self) {
        let supervisor = &self.supervisor;
        assert_eq!(
            supervisor.is_ended(),
            matches!(supervisor.state(), State::GaveUp(_) | State::Stopped)
        );
        assert!(self.has_session || supervisor.buffered_messages() <= 4);
        if let State::Waiting = supervisor.state() {
            let is_closing = matches!(self.link, Link::Open(_));
            assert!(supervisor.poll_timeout().is_some() || is_closing);
        }
    }

    /// Whatever was done before, it comes to an attempt or to its end.
    fn finish(&mut self) {
        for _ in 0..1_000 {
            if self.step() {
                continue;
            }
            match self.supervisor.state() {
                State::GaveUp(_) | State::Idle | State::Stopped => return,
                State::Connecting => {
                    assert!(matches!(self.link, Link::Attempt));
                    return;
                }
                State::Open => {
                    assert!(matches!(self.link, Link::Open(_)));
                    return;
                }
                _ if matches!(self.link, Link::Open(_)) => self.end(0, 0),
                _ => {
                    let at = Duration::from(self.supervisor.poll_timeout().expect("a time"));
                    assert!(at >= self.now || at == Duration::MAX || self.step(), "in vain");
                    self.now = self.now.max(at);
                    if self.now == Duration::MAX {
                        // It never comes.
                        return;
                    }
                }
            }
        }
        panic!("it does not come to an attempt");
    }
}
