//! A client across its connections: what it sends, what it is told, when it connects; knows no
//! transport, no clock and no lock.

use alloc::collections::VecDeque;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::cause::{Cause, Judgement, Retryable};
use super::error::OutboxError;
use super::event::ClientEvent;
use super::outbox::Outbox;
use super::policy::Policy;
use super::{Action, Reconnect, State};
use crate::close::CloseCode;
use crate::connection::{Commands, Config, PongMode, ReadyState, Reassembly, Refused, WhenFull};
#[cfg(feature = "handshake")]
use crate::delivery::SUBPROTOCOL;
use crate::delivery::{DeliveryError, Session, SessionEvent};
#[cfg(feature = "handshake")]
use crate::handshake::{ClientRequest, HandshakeError, SubprotocolPolicy};
use crate::message::Message;
use crate::timestamp::Timestamp;

/// Makes all decisions of a client that reconnects, without sockets.
///
/// It says when to connect (by a [`Reconnect`]), keeps the messages to send (in an [`Outbox`]),
/// judges how attempts and connections end, and tells the application what happened. The caller
/// owns the attempt or connection, of which there is one at most, the clock and the timer. `E` is
/// the error of the caller's transport.
///
/// The loop around it:
///
/// 1. Call [`poll_step`](Self::poll_step) and do what it says, until it returns [`Step::Wait`].
/// 2. While there is a connection, call [`transmit`](Self::transmit), receive, and pass what
///    arrives to [`handle_message`](Self::handle_message). When nothing more arrives, call
///    [`acknowledge`](Self::acknowledge) and [`transmit`](Self::transmit) again.
/// 3. Report a successful attempt by [`handle_connected`](Self::handle_connected). If an attempt
///    fails or the connection ends, have the cause [judged](Self::judge), and pass the judgement to
///    [`handle_disconnected`](Self::handle_disconnected).
/// 4. Wait for the attempt, for the connection, or until [`poll_timeout`](Self::poll_timeout). Go
///    to 1.
///
/// [`start`](Self::start), [`stop`](Self::stop) and [`try_send`](Self::try_send) may be called at
/// any time. A call that does not fit the state has no effect, so a late report does no harm. `now`
/// is the current time, as a [`Timestamp`].
///
/// ```
/// use sanswire::reconnect::{Cause, ClientEvent, Outbox, Policy, Step, Supervisor};
/// use sanswire::{Config, Connection, ConnectionError, Timestamp};
///
/// let config = Supervisor::<ConnectionError>::connection_config(Config::default());
/// let outbox = Outbox::queue(1024, 1 << 20);
/// let mut supervisor = Supervisor::new(Policy::default(), [7; 32], outbox);
/// supervisor.try_send("sent as soon as there is a connection")?;
///
/// // What the caller has: a clock, and at most one connection.
/// let mut now = Timestamp::ZERO;
/// let mut connection = None;
///
/// supervisor.start(now);
/// loop {
///     match supervisor.poll_step(now) {
///         Step::Connect { .. } => {
///             connection = Some(Connection::client(&config, [8; 32])); // … after the handshake
///             supervisor.handle_connected(now, vec!["token …".into()]); // leaves first
///         }
///         Step::Disconnect => connection = None,
///         Step::Event(ClientEvent::Connecting { attempt: 3 }) => supervisor.stop(),
///         Step::Event(event) => println!("{event:?}"),
///         Step::Wait => match &mut connection {
///             Some(open) => {
///                 supervisor.transmit(&mut open.commands());
///                 // … Write what there is to write, read, and one day the stream ends.
///                 let judgement = supervisor.judge(Cause::Failed(ConnectionError::UnexpectedEof));
///                 supervisor.handle_disconnected(now, judgement);
///                 connection = None;
///             }
///             None => now = supervisor.poll_timeout().unwrap(), // … or sleep until then
///         },
///         Step::Over => break,
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```text
///              Step::Connect         handle_connected
///   no link ───────────────▶ no link ───────────────▶ Open ──┐ stop, or the peer broke
///      ▲        (attempt)       │                      │     │ the rules of `delivery`
///      ├─── handle_disconnected ┘                      │     ▼
///      └──────────── handle_disconnected ──────────────┴─ Closing: `transmit` sends Close
/// ```
#[derive(Debug)]
pub struct Supervisor<E> {
    reconnect: Reconnect,
    outbox: Outbox,
    link: Link,
    /// What the connection begins with, and has not taken. Empty without a connection.
    first: VecDeque<Message>,
    /// What the application has not been told, the oldest first.
    events: VecDeque<ClientEvent<E>>,
    /// Whether the application was told that it gave up.
    is_told: bool,
    /// Messages that left the outbox for the application, and not for the peer.
    given_back: u64,
}

/// The connection, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    None,
    Open,
    /// This end closes it: it was stopped, or the peer did this wrong.
    Closing(Option<DeliveryError>),
}

impl<E> Supervisor<E> {
    /// Creates a client that waits for [`start`](Self::start). Messages may be queued before.
    ///
    /// The seed must differ between clients; otherwise all of them come back at the same moment.
    #[must_use]
    pub fn new(policy: Policy, seed: [u8; 32], outbox: Outbox) -> Self {
        Self {
            reconnect: Reconnect::new(policy, seed),
            outbox,
            link: Link::None,
            first: VecDeque::new(),
            events: VecDeque::new(),
            is_told: false,
            given_back: 0,
        }
    }

    /// Adapts `config` for the connections of such a client: messages are whole, the connection
    /// answers Pings, and a message that finds no room in its output is refused, so that it stays
    /// in the [`Outbox`].
    #[must_use]
    pub const fn connection_config(mut config: Config) -> Config {
        config.reassembly = Reassembly::Messages;
        config.pong = PongMode::Automatic;
        config.when_full = WhenFull::Refuse;
        config
    }

    // Commands.

    /// Starts, or starts again after [`stop`](Self::stop) or after it gave up. All counts begin at
    /// zero; queued messages are still there. A connection that is closing ends first.
    ///
    /// Has no effect while it is running.
    pub fn start(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        match self.state() {
            State::GaveUp(_) | State::Idle | State::Stopped => {
                self.reconnect.start(now);
                self.is_told = false;
            }
            State::Connecting | State::Open | State::Waiting => {}
        }
    }

    /// Ends the delay before the next attempt, as [`Reconnect::retry_now`] does. Has no effect unless
    /// it waits for one.
    pub fn retry_now(&mut self) {
        self.reconnect.retry_now();
    }

    /// Stops, in any state. No attempt is made before the next [`start`](Self::start), and messages
    /// are refused.
    ///
    /// [`Step::Disconnect`] ends an attempt. The next [`transmit`](Self::transmit) closes a
    /// connection with 1000, after the queued messages that find room; the rest stays queued.
    pub fn stop(&mut self) {
        self.reconnect.stop();
        if self.link == Link::Open {
            self.link = Link::Closing(None);
        }
    }

    /// Queues a message, online or offline. It leaves by [`transmit`](Self::transmit), in the order
    /// of these calls.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back, with one of these errors:
    ///
    /// - [`OutboxError::Ended`]: the client [has ended](Self::is_ended).
    /// - [`OutboxError::Full`]: there is no room now.
    /// - [`OutboxError::TooLarge`]: the message alone is over the limit on bytes.
    /// - [`OutboxError::Exhausted`]: the session of [`Outbox::session`] has no number left.
    pub fn try_send(
        &mut self,
        message: impl Into<Message>,
    ) -> Result<(), Refused<OutboxError, Message>> {
        let message = message.into();
        if self.is_ended() {
            return Err(Refused { error: OutboxError::Ended, message });
        }
        self.outbox.push(message)
    }

    /// Removes and returns the messages that no connection has taken, oldest first. With
    /// [`Outbox::session`] it returns none: the session keeps them.
    #[must_use = "the messages are in the outbox no more"]
    pub fn take_unsent(&mut self) -> Vec<Message> {
        let unsent = self.outbox.take_unsent();
        self.note_given_back(unsent.len());
        unsent
    }

    /// Acknowledges the messages that arrived, if a session delivers them. Call it before waiting
    /// for the transport.
    pub fn acknowledge(&mut self) {
        self.outbox.acknowledge();
    }

    /// Passes to the open connection as much as it takes: first its [first
    /// messages](Self::handle_connected), then the queued messages. Then closes the connection if
    /// [`stop`](Self::stop) was called, or if the peer broke the rules of
    /// [`delivery`](crate::delivery).
    ///
    /// Returns whether there is something new to write.
    pub fn transmit(&mut self, commands: &mut Commands<'_>) -> bool {
        // A connection that is closing takes nothing, but counts what it refuses.
        if commands.ready_state() != ReadyState::Open {
            return false;
        }
        match self.link {
            Link::None => false,
            Link::Open => self.hand_over(commands),
            Link::Closing(None) => {
                self.outbox.acknowledge();
                self.hand_over(commands);
                commands.close(CloseCode::NORMAL, "").is_ok()
            }
            Link::Closing(Some(error)) => {
                commands.close(error.close_code(), &error.to_string()).is_ok()
            }
        }
    }

    // What happened.

    /// Reports that the attempt succeeded: the handshake is complete.
    ///
    /// `first` are the first messages of this connection, such as a token or subscriptions. They
    /// leave in their order, before the queued messages. Those that the connection has not taken
    /// when it ends are dropped.
    ///
    /// Has no effect if the client was stopped meanwhile: [`Step::Disconnect`] follows.
    pub fn handle_connected(&mut self, now: impl Into<Timestamp>, first: Vec<Message>) {
        let now = now.into();
        if self.state() == State::Connecting {
            self.reconnect.handle_connected(now);
            self.outbox.handle_connected();
            self.first = first.into();
            self.link = Link::Open;
            self.events.push_back(ClientEvent::Open);
        }
    }

    /// Takes a message from the connection. If the peer broke the rules of
    /// [`delivery`](crate::delivery), the next [`transmit`](Self::transmit) closes the connection,
    /// and later messages are dropped.
    pub fn handle_message(&mut self, message: Message) {
        match self.link {
            Link::None | Link::Closing(Some(_)) => {}
            Link::Open | Link::Closing(None) => match self.outbox.handle_message(message) {
                Ok(event) => {
                    if let Some(SessionEvent::PeerForgot(lost)) = &event {
                        self.note_given_back(lost.sent.iter().chain(&lost.unsent).count());
                    }
                    self.events.extend(event.map(ClientEvent::from));
                }
                Err(error) => self.link = Link::Closing(Some(error)),
            },
        }
    }

    /// Reports that the attempt failed or the connection ended, in whatever way.
    pub fn handle_disconnected(&mut self, now: impl Into<Timestamp>, judgement: Judgement<E>) {
        let now = now.into();
        let Judgement { cause, retry } = judgement;
        self.first.clear();
        match core::mem::replace(&mut self.link, Link::None) {
            Link::None => {
                let was_connecting = self.state() == State::Connecting;
                self.reconnect.handle_failed(now, retry);
                if !was_connecting {
                    // It was stopped, and nobody waits for this end.
                    return;
                }
            }
            Link::Open | Link::Closing(_) => {
                self.reconnect.handle_disconnected(now, retry);
                self.outbox.handle_disconnected();
            }
        }
        self.events.push_back(ClientEvent::Disconnected { cause, delay: self.reconnect.delay() });
    }

    // What to do.

    /// Returns what the caller must do now.
    #[must_use]
    pub fn poll_step(&mut self, now: impl Into<Timestamp>) -> Step<E> {
        let now = now.into();
        if let Some(event) = self.events.pop_front() {
            return Step::Event(event);
        }
        // A connection that is being closed comes to its end before the next attempt.
        if self.link != Link::None {
            return Step::Wait;
        }
        match self.reconnect.poll_action(now) {
            Some(Action::Connect) => {
                let attempt = self.reconnect.attempts();
                self.events.push_back(ClientEvent::Connecting { attempt });
                return Step::Connect { attempt };
            }
            Some(Action::Disconnect) => return Step::Disconnect,
            None => {}
        }
        match self.state() {
            State::GaveUp(why) if !self.is_told => {
                self.is_told = true;
                Step::Event(ClientEvent::GaveUp(why))
            }
            State::GaveUp(_) | State::Idle | State::Stopped => Step::Over,
            State::Connecting | State::Open | State::Waiting => Step::Wait,
        }
    }

    /// Returns when to call [`poll_step`](Self::poll_step) again. `None` if only another call can
    /// change the state. If the time is in the past, call at once.
    #[doc(alias = "timeout")]
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Timestamp> {
        match self.link {
            Link::None => self.reconnect.poll_timeout(),
            Link::Open | Link::Closing(_) => None,
        }
    }

    // Getters.

    /// Returns what the client is doing.
    #[must_use]
    pub const fn state(&self) -> State {
        self.reconnect.state()
    }

    /// Returns whether it was stopped or gave up. Nothing is sent before the next
    /// [`start`](Self::start).
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.state(), State::GaveUp(_) | State::Stopped)
    }

    /// Returns how many messages are queued. With [`Outbox::session`], they wait to be
    /// acknowledged; without, for a connection.
    #[must_use]
    pub fn buffered_messages(&self) -> usize {
        self.outbox.buffered_messages()
    }

    /// Returns how many bytes of payload the queued messages have.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.outbox.buffered_amount()
    }

    /// Returns the policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        self.reconnect.policy()
    }

    /// Returns the session of [`Outbox::session`], if there is one.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.outbox.as_session()
    }
}

impl<E> Supervisor<E> {
    /// Returns how many messages were ever given back: the outbox is not empty for their delivery.
    #[cfg(feature = "tokio")]
    pub(crate) const fn given_back(&self) -> u64 {
        self.given_back
    }

    const fn note_given_back(&mut self, messages: usize) {
        self.given_back = self.given_back.saturating_add(messages as u64);
    }

    /// Hands over what an open connection takes; returns whether it was anything.
    fn hand_over(&mut self, commands: &mut Commands<'_>) -> bool {
        let mut is_progress = false;
        while let Some(message) = self.first.pop_front() {
            if let Err(refused) = commands.send(message) {
                // It waits for room, and all else behind it. What is given by value comes back.
                if let Some(message) = refused.message {
                    self.first.push_front(message);
                }
                return is_progress;
            }
            is_progress = true;
        }
        self.outbox.transmit(commands) || is_progress
    }
}

impl<E: Retryable> Supervisor<E> {
    /// Judges why an attempt failed or a connection ended, for
    /// [`handle_disconnected`](Self::handle_disconnected).
    ///
    /// If this end closed the connection because the peer broke the rules of
    /// [`delivery`](crate::delivery), this is the cause, whatever came afterwards.
    #[must_use]
    pub fn judge(&self, cause: Cause<E>) -> Judgement<E> {
        let cause = match self.link {
            Link::Closing(Some(error)) => Cause::Delivery(error),
            Link::Closing(None) | Link::None | Link::Open => cause,
        };
        let retry = cause.retry(self.policy());
        Judgement { cause, retry }
    }
}

#[cfg(feature = "handshake")]
impl<E> Supervisor<E> {
    /// Prepares the request of an attempt: with [`Outbox::session`] it adds the subprotocol of
    /// [`delivery`](crate::delivery).
    ///
    /// # Errors
    ///
    /// [`HandshakeError::DuplicateSubprotocol`] if the request already offers it.
    pub fn prepare_request(&self, request: ClientRequest) -> Result<ClientRequest, HandshakeError> {
        if self.session().is_none() {
            return Ok(request);
        }
        let request = request.subprotocol(SUBPROTOCOL)?;
        Ok(request.subprotocol_policy(SubprotocolPolicy::Required))
    }

    /// Checks the subprotocol that the server chose. If it fails, the attempt has failed.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::NoSubprotocol`] with [`Outbox::session`], if the server did not choose the
    /// subprotocol of [`delivery`](crate::delivery).
    pub fn check_protocol(&self, protocol: &str) -> Result<(), HandshakeError> {
        // The application may have offered others before it.
        if self.session().is_some() && protocol != SUBPROTOCOL {
            return Err(HandshakeError::NoSubprotocol);
        }
        Ok(())
    }
}

/// What the caller of [`Supervisor::poll_step`] must do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<E> {
    /// Begin an attempt, and report it by [`handle_connected`](Supervisor::handle_connected) or
    /// [`handle_disconnected`](Supervisor::handle_disconnected). The attempt needs its own
    /// deadline. Now is the time to fetch what the request and the first messages need, such as a
    /// fresh token.
    Connect {
        /// The number of the attempt, as in [`ClientEvent::Connecting`].
        attempt: u32,
    },
    /// Drop the attempt, or the connection that it has led to. Do not report its end.
    Disconnect,
    /// Tell the application what happened.
    Event(ClientEvent<E>),
    /// Nothing more happens before the next [`start`](Supervisor::start).
    Over,
    /// Drive the attempt or the connection. Without one, wait until
    /// [`poll_timeout`](Supervisor::poll_timeout).
    Wait,
}
