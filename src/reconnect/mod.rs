//! Decides when a client reconnects (RFC 6455, §7.2.3), and what happens to its messages, without
//! I/O.
//!
//! `io::tokio::reconnecting` is a complete client, with sockets. This module has its two state
//! machines:
//!
//! - [`Reconnect`] decides when to connect, and nothing else.
//! - [`Supervisor`] makes all decisions of a client that reconnects. It contains a [`Reconnect`],
//!   keeps the messages to send, judges how attempts and connections end, and has the events for
//!   the application.
//!
//! The clock comes in as a [`Timestamp`], entropy as a seed.
//!
//! The states of a [`Reconnect`]:
//!
//! ```text
//!                                  poll_action: Connect
//!   Idle ──start──▶ Waiting ──────────────────────────────▶ Connecting
//!                    ▲   ▲                                   │      │
//!                    │   └─ handle_failed(Later or After) ───┘      │ handle_connected
//!                    │                                              ▼
//!                    └──── handle_disconnected(Later or After) ─── Open
//!
//!   Waiting, Connecting, Open ──Never, or a limit was passed──▶ GaveUp ──start──▶ Waiting
//!   any state ──stop──▶ Stopped ──start──▶ Waiting
//! ```
//!
//! # When it tries again
//!
//! [`Policy`] judges the errors and closes of this crate. The caller judges what only the caller
//! knows: for a [`Supervisor`], implement [`Retryable`]. The application can replace each judgement
//! by another [`Retry`].
//!
//! - By the caller, before the handshake:
//!   - no route, refused, reset, timed out, a name not found: [`Retry::Later`], because an
//!     offline device looks like this
//!   - the server's certificate or the TLS handshake was bad: [`Retry::Never`], because a
//!     downgrade or an attack must be seen. The client on tokio reports each such failure and tries
//!     again (`Later`), because a certificate may be renewed
//! - By [`judge_handshake`]:
//!   - an invalid URL, a header that cannot be written: `Never`
//!   - refused with 408, 425, 429 or 5xx: `Later`, or [`Retry::After`] what `Retry-After` says
//!   - any other status: 2xx, 3xx, other 4xx: `Never`, because the same request gets
//!     the same answer
//!   - the stream ended during the handshake: `Later`
//!   - an answer that breaks HTTP or §4.1: `Never`
//! - By [`judge_close_code`]:
//!   - closed with 1000 or without a code: [`Policy::normal_close`]
//!   - closed with 1001, 1011–1014, or lost (1006): `Later`
//!   - closed with 1002, 1003, 1007–1010, or 1015: `Never`, because the next connection
//!     breaks the same rule
//!   - closed with 3000 or 3003: `Never`, because they are registered as 401 and 403
//!   - closed with another code of 3000–4999: `Later`, because only the application
//!     knows better
//!   - closed with a code that must not be sent: `Never`, as for 1002
//! - By [`judge_error`], if this end failed the connection: as for the code that the peer was sent
//! - By [`judge_closed`], if this end closed it by [`close`](crate::Commands::close): `Never`, because
//!   the application wanted it
//!
//! [`judge_close_code`]: Policy::judge_close_code
//! [`judge_closed`]: Policy::judge_closed
//! [`judge_error`]: Policy::judge_error
//! [`judge_handshake`]: Policy::judge_handshake

mod cause;
mod error;
mod event;
#[cfg(feature = "handshake")]
mod opening;
mod outbox;
mod policy;
mod supervisor;

use core::fmt;
use core::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::timestamp::Timestamp;

pub use cause::{Cause, Judgement, Retryable};
pub use error::{AttemptError, OutboxError};
pub use event::ClientEvent;
#[cfg(feature = "handshake")]
pub use opening::Opening;
pub use outbox::Outbox;
pub use policy::{Policy, Retry};
pub use supervisor::{Step, Supervisor};

/// Decides when a client connects, and connects again.
///
/// There are three kinds of calls. Make them in this order, over and over:
///
/// 1. Report what happened (`handle_*`), or what the application wants ([`start`](Self::start),
///    [`stop`](Self::stop)).
/// 2. Do what [`poll_action`](Self::poll_action) says, until it returns `None`.
/// 3. Sleep until [`poll_timeout`](Self::poll_timeout), or until something happens.
///
/// At most one attempt or connection exists at a time: between two [`Action::Connect`], the caller
/// reports the end of the first, or [`Action::Disconnect`] demands it. A call that does not fit the
/// state has no effect, so a late report does no harm.
///
/// `now` is the current time, as a [`Timestamp`]. If it goes backwards, no time has passed.
///
/// The delay before retry `n`, counted from 0, is random between zero and `min(max_delay,
/// initial_delay * 2^n)`. This is truncated binary exponential backoff (§7.2.3) with full jitter,
/// the kind of jitter that costs a recovering server the least work ([Brooker 2015]).
///
/// ```
/// use core::time::Duration;
/// use sanswire::Timestamp;
/// use sanswire::reconnect::{Action, GaveUp, Policy, Reconnect, Retry, State};
///
/// // What the driver has: a clock, a transport, entropy.
/// let mut now = Timestamp::ZERO;
/// let mut answers = [Err("refused"), Ok(1012), Err("refused"), Ok(1008)].into_iter();
/// let seed = [7; 32];
///
/// let mut reconnect = Reconnect::new(Policy::default(), seed);
/// reconnect.start(now);
/// loop {
///     while let Some(action) = reconnect.poll_action(now) {
///         match action {
///             Action::Connect => match answers.next().unwrap() {
///                 Ok(code) => {
///                     reconnect.handle_connected(now);
///                     // … the life of the connection, until it is closed with this code.
///                     now = now.saturating_add(Duration::from_secs(600));
///                     let retry = reconnect.policy().judge_close_code(code.into());
///                     reconnect.handle_disconnected(now, retry);
///                 }
///                 Err(_) => reconnect.handle_failed(now, Retry::Later),
///             },
///             // `stop` was called from elsewhere: drop the attempt, or close the connection.
///             Action::Disconnect => {}
///             _ => {}
///         }
///     }
///     match reconnect.poll_timeout() {
///         Some(at) => now = at, // … or sleep until then
///         None => break,
///     }
/// }
/// assert_eq!(reconnect.state(), State::GaveUp(GaveUp::Final)); // by 1008
/// ```
///
/// [Brooker 2015]: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
#[doc(alias = "backoff")]
#[derive(Debug)]
pub struct Reconnect {
    policy: Policy,
    rng: StdRng,
    phase: Phase,
    /// Whether the caller still has an attempt or a connection that was stopped. Only while the
    /// phase is `Stopped` or `Waiting`.
    is_abandoned: bool,
    /// When the caller last said what time it is.
    now: Timestamp,
    /// How long it has been since `start`, or since the last stable connection ended.
    outage: Duration,
    /// How many attempts were begun within `outage`.
    attempts: u32,
    /// How many delays were drawn within `outage`.
    retries: u32,
}

/// The state, with how long it lasts. No moments in time: they would not survive a clock that is
/// set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    GaveUp(GaveUp),
    Idle,
    /// For how long the connection has been open.
    Open(Duration),
    Stopped,
    /// `left` <= `delay`.
    Waiting {
        delay: Duration,
        left: Duration,
    },
}

impl Reconnect {
    /// Creates a machine that waits for [`start`](Self::start).
    ///
    /// The seed must differ between clients; otherwise all of them come back at the same moment.
    /// Take it from the operating system, or from a generator that was seeded by it.
    #[must_use]
    pub fn new(policy: Policy, seed: [u8; 32]) -> Self {
        Self {
            policy,
            rng: StdRng::from_seed(seed),
            phase: Phase::Idle,
            is_abandoned: false,
            now: Timestamp::ZERO,
            outage: Duration::ZERO,
            attempts: 0,
            retries: 0,
        }
    }

    /// Starts, or starts again after [`stop`](Self::stop) or after it gave up. Connects at once;
    /// all counts begin at zero.
    ///
    /// Has no effect while it waits, connects or is open. To skip a delay, call
    /// [`retry_now`](Self::retry_now).
    pub fn start(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        match self.phase {
            Phase::GaveUp(_) | Phase::Idle | Phase::Stopped => {
                self.now = now;
                self.begin_outage();
                self.phase = Phase::Waiting { delay: Duration::ZERO, left: Duration::ZERO };
            }
            Phase::Connecting | Phase::Open(_) | Phase::Waiting { .. } => {}
        }
    }

    /// Ends the delay before the next attempt, because the network is back or the user wants it: the
    /// attempt is made at once, even if the server asked for a longer delay.
    ///
    /// No count is reset: the attempt counts for [`Policy::max_attempts`], and if it fails, the next
    /// delay is as long as it would have been. So a caller that skips many delays does not get around
    /// the limits. Has no effect unless it waits; after it gave up, call [`start`](Self::start).
    pub fn retry_now(&mut self) {
        if let Phase::Waiting { .. } = self.phase {
            self.phase = Phase::Waiting { delay: Duration::ZERO, left: Duration::ZERO };
        }
    }

    /// Stops, in any state. No attempt is made before the next [`start`](Self::start).
    ///
    /// If an attempt or a connection exists, [`Action::Disconnect`] follows once.
    pub fn stop(&mut self) {
        self.is_abandoned |= matches!(self.phase, Phase::Connecting | Phase::Open(_));
        self.phase = Phase::Stopped;
    }

    /// Reports that the attempt succeeded: the handshake is complete.
    pub fn handle_connected(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        self.advance(now);
        if self.phase == Phase::Connecting {
            self.phase = Phase::Open(Duration::ZERO);
        }
    }

    /// Reports that the attempt failed, at any step from the name look-up to the handshake.
    pub fn handle_failed(&mut self, now: impl Into<Timestamp>, retry: Retry) {
        let now = now.into();
        self.advance(now);
        self.is_abandoned = false;
        if self.phase == Phase::Connecting {
            self.wait(retry);
        }
    }

    /// Reports that the connection ended, in whatever way.
    pub fn handle_disconnected(&mut self, now: impl Into<Timestamp>, retry: Retry) {
        let now = now.into();
        self.advance(now);
        self.is_abandoned = false;
        if let Phase::Open(lasted) = self.phase {
            if lasted >= self.policy.stable_after {
                self.begin_outage();
            }
            self.wait(retry);
        }
    }

    /// Returns what the caller must do now, or `None` if there is nothing to do.
    #[must_use]
    pub fn poll_action(&mut self, now: impl Into<Timestamp>) -> Option<Action> {
        let now = now.into();
        self.advance(now);
        if self.is_abandoned {
            self.is_abandoned = false;
            return Some(Action::Disconnect);
        }
        let Phase::Waiting { left: Duration::ZERO, .. } = self.phase else { return None };
        // The caller may be late: a device that slept.
        if self.policy.max_outage.is_some_and(|max| self.outage > max) {
            self.phase = Phase::GaveUp(GaveUp::Time);
            return None;
        }
        self.attempts = self.attempts.saturating_add(1);
        self.phase = Phase::Connecting;
        Some(Action::Connect)
    }

    /// Returns when to call [`poll_action`](Self::poll_action) again, on the clock of `now`. `None`
    /// if only another call can change the state. If the time is in the past, call at once.
    #[doc(alias = "timeout")]
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Waiting { left, .. } => Some(self.now.saturating_add(left)),
            Phase::Connecting
            | Phase::GaveUp(_)
            | Phase::Idle
            | Phase::Open(_)
            | Phase::Stopped => None,
        }
    }

    /// Returns the state.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Connecting => State::Connecting,
            Phase::GaveUp(why) => State::GaveUp(why),
            Phase::Idle => State::Idle,
            Phase::Open(_) => State::Open,
            Phase::Stopped => State::Stopped,
            Phase::Waiting { .. } => State::Waiting,
        }
    }

    /// Returns how many attempts were begun since [`start`](Self::start), or since the last stable
    /// connection ended.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns the full delay before the next attempt, or `None` if it is not waiting for one.
    /// After [`start`](Self::start) it is zero.
    #[must_use]
    pub const fn delay(&self) -> Option<Duration> {
        match self.phase {
            Phase::Waiting { delay, .. } => Some(delay),
            Phase::Connecting
            | Phase::GaveUp(_)
            | Phase::Idle
            | Phase::Open(_)
            | Phase::Stopped => None,
        }
    }

    /// Returns the policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Lets the time pass that has passed since the last call.
    fn advance(&mut self, now: Timestamp) {
        let passed = now.saturating_duration_since(self.now);
        self.now = now;
        self.outage = self.outage.saturating_add(passed);
        match &mut self.phase {
            Phase::Open(lasted) => *lasted = lasted.saturating_add(passed),
            Phase::Waiting { left, .. } => *left = left.saturating_sub(passed),
            Phase::Connecting | Phase::GaveUp(_) | Phase::Idle | Phase::Stopped => {}
        }
    }

    fn begin_outage(&mut self) {
        self.outage = Duration::ZERO;
        self.attempts = 0;
        self.retries = 0;
    }

    /// Draws the next delay, unless it is over.
    fn wait(&mut self, retry: Retry) {
        let least = match retry {
            Retry::After(delay) => delay,
            Retry::Later => Duration::ZERO,
            Retry::Never => {
                self.phase = Phase::GaveUp(GaveUp::Final);
                return;
            }
        };
        if self.policy.max_attempts.is_some_and(|max| self.attempts >= max.get()) {
            self.phase = Phase::GaveUp(GaveUp::Attempts);
            return;
        }
        // All clients that were told the same moment would come at that moment: jitter here, too.
        let jitter = self.rng.random_range(Duration::ZERO..=self.policy.ceiling(self.retries));
        let delay = least.saturating_add(jitter);
        self.retries = self.retries.saturating_add(1);
        let is_too_late = |max| self.outage.saturating_add(delay) > max;
        if self.policy.max_outage.is_some_and(is_too_late) {
            self.phase = Phase::GaveUp(GaveUp::Time);
            return;
        }
        self.phase = Phase::Waiting { delay, left: delay };
    }
}

/// What the caller of [`Reconnect::poll_action`] must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Begin an attempt, and report it by [`handle_connected`](Reconnect::handle_connected) or
    /// [`handle_failed`](Reconnect::handle_failed). Now is the time to fetch what the request
    /// needs, such as a fresh token.
    Connect,
    /// Drop the attempt, or close the connection. Do not report its end.
    Disconnect,
}

/// The state of a [`Reconnect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It has not been started.
    Idle,
    /// It waits for the time of the next attempt.
    Waiting,
    /// An attempt is in flight.
    Connecting,
    /// A connection is open.
    Open,
    /// It was stopped.
    Stopped,
    /// It gave up: another attempt would not help, or is not allowed.
    GaveUp(GaveUp),
}

/// Why a [`Reconnect`] gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GaveUp {
    /// [`Policy::max_attempts`] have been made.
    Attempts,
    /// What happened was judged [`Retry::Never`].
    Final,
    /// The next attempt would come later than [`Policy::max_outage`] allows.
    Time,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempts => {
                "too many attempts in a row (Policy::max_attempts) have failed, or led to a connection \
                 that ended within Policy::stable_after: start it again when the user asks for it"
            },
            Self::Final => {
                "what ended the last attempt or connection is final: see its cause (for a close with \
                 1000, Policy::normal_close decides)"
            },
            Self::Time => {
                "no connection for too long (Policy::max_outage): start it again when the user asks \
                 for it"
            },
        })
    }
}

impl core::error::Error for GaveUp {}
