//! One end of a session: numbers, keeps, acknowledges and resumes; knows no bytes and no transport.

mod receiving;

use alloc::collections::VecDeque;
use core::fmt;

use super::error::{DeliveryError, InvalidSnapshot, SessionFull};
use super::event::SessionEvent;
use super::limits::Limits;
use super::snapshot::Snapshot;
use super::wire::{Frame, Hello, SessionId, encode_acknowledgement, encode_data};
use crate::connection::{Commands, Refused};
use crate::error::SendError;
use crate::message::Message;

/// One end of a session, on a client or a server. It outlives its connections.
///
/// There are four kinds of methods. Call them in this order, over and over:
///
/// 1. `handle_*` reports what happened: [`handle_connected`](Self::handle_connected) when a
///    connection with [this subprotocol](super::SUBPROTOCOL) is open,
///    [`handle_message`](Self::handle_message) for each message that arrives on it,
///    [`handle_disconnected`](Self::handle_disconnected) when it has ended.
/// 2. Commands: [`send`](Self::send) at any time, and [`acknowledge`](Self::acknowledge) before
///    waiting for the transport.
/// 3. Output: [`poll_transmit`](Self::poll_transmit) until it returns `None`, or
///    [`transmit`](Self::transmit).
/// 4. Getters, at any time.
///
/// ```text
///           handle_connected              Hello that names this end
///   Offline ───────────────▶ Connected ─────────────────────────────▶ Open
///      ▲                         │                                     ▲
///      │                         │ another Hello                       │
///      │                         └──────────────▶ Greeted ─────────────┘
///      │                                                  Hello that names this end
///      │   handle_disconnected             DeliveryError
///      └──────── from all         Failed ◀───────────────── from all
/// ```
///
/// A Hello that names this end proves that the peer knows the ids of both ends. A session trusts
/// every peer that proves this. It also tells its own id to every peer that connects, so a server
/// that is open to strangers must use [`Sessions`](super::Sessions), where a stranger gets a new
/// session.
///
/// It keeps sent messages up to the [`Limits`], each copied to its own memory, so that the limits
/// count the memory that is used. Received messages are returned at once and not kept.
pub struct Session {
    id: SessionId,
    /// The end that was met last: that named this end.
    peer: Option<SessionId>,
    phase: Phase,
    limits: Limits,

    /// The number of the first message in `queue`.
    first: u64,
    /// What the peer has not acknowledged. first + queue.len() <= MAX_NUMBER
    queue: VecDeque<Message>,
    /// Bytes of payload in `queue`.
    queued_bytes: usize,
    /// The number of the next message for this connection. first <= next <= sent
    next: u64,
    /// The number behind the last that was ever given to a connection. sent <= first + queue.len()
    sent: u64,

    /// The number of the next message from the peer. expected <= MAX_NUMBER
    expected: u64,
    /// The number that the peer was told last to be expected. acknowledged <= expected
    acknowledged: u64,
    /// Bytes of payload that arrived since.
    unacknowledged_bytes: usize,
    /// Whether an acknowledgement goes out although there is no message to carry it.
    acknowledgement_due: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Offline,
    /// The peer's Hello has not come.
    Connected {
        own: OwnHello,
    },
    /// The peer's Hello has come, and did not name this end.
    Greeted {
        own: OwnHello,
        greeting: Greeting,
    },
    /// A Hello of the peer named this end.
    Open {
        own: OwnHello,
    },
    Failed(DeliveryError),
}

/// The last Hello of this end on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnHello {
    /// To be sent, naming the peer that is known, or that has said Hello.
    Due {
        to: Option<SessionId>,
    },
    Sent {
        to: Option<SessionId>,
    },
}

/// The peer's Hello that did not name this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Greeting {
    from: SessionId,
    /// Whether it named another end.
    knows_another: bool,
}

impl OwnHello {
    /// Returns what there is to say once the peer has said Hello: its name, if it was not said.
    fn naming(self, peer: SessionId) -> Self {
        if self == (Self::Sent { to: Some(peer) }) { self } else { Self::Due { to: Some(peer) } }
    }

    /// Returns the peer that is named.
    const fn to(self) -> Option<SessionId> {
        match self {
            Self::Due { to } | Self::Sent { to } => to,
        }
    }
}

/// What is handed to the transport next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Acknowledgement,
    Data,
    Hello,
}

impl Session {
    /// Creates an end that has not met a peer.
    #[must_use]
    pub const fn new(id: SessionId, limits: Limits) -> Self {
        Self {
            id,
            peer: None,
            phase: Phase::Offline,
            limits,
            first: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            next: 0,
            sent: 0,
            expected: 0,
            acknowledged: 0,
            unacknowledged_bytes: 0,
            acknowledgement_due: false,
        }
    }

    /// Restores a session from a snapshot.
    ///
    /// All its messages count as sent, since nobody knows whether they were. If there are more than
    /// `limits` allow, they are kept, and new messages are refused until there is room.
    ///
    /// # Errors
    ///
    /// [`InvalidSnapshot`] if no session can be in this state.
    pub fn restore(snapshot: Snapshot, limits: Limits) -> Result<Self, InvalidSnapshot> {
        let Snapshot { id, peer, expected, first, unacknowledged } = snapshot;
        let len = u64::try_from(unacknowledged.len()).map_err(|_| InvalidSnapshot)?;
        let end = first.checked_add(len).ok_or(InvalidSnapshot)?;
        let is_numbered = peer.is_some() || (first == 0 && expected == 0);
        if end > MAX_NUMBER || expected > MAX_NUMBER || peer == Some(id) || !is_numbered {
            return Err(InvalidSnapshot);
        }
        let mut session = Self::new(id, limits);
        session.peer = peer;
        session.first = first;
        session.queued_bytes = unacknowledged.iter().map(Message::len).sum();
        session.queue = unacknowledged.into_iter().map(Message::detach).collect();
        session.next = first;
        session.sent = if peer.is_some() { end } else { 0 };
        session.expected = expected;
        session.acknowledged = expected;
        Ok(session)
    }

    /// Reports a new connection. An earlier connection counts as ended: do not handle its messages
    /// any more.
    pub fn handle_connected(&mut self) {
        self.phase = Phase::Connected { own: OwnHello::Due { to: self.peer } };
        self.acknowledgement_due = false;
    }

    /// Reports that the connection has ended. Messages are kept for the next one.
    pub const fn handle_disconnected(&mut self) {
        self.phase = Phase::Offline;
    }

    /// Takes a message from the connection, and returns what happened.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]: the peer broke the protocol. Close the connection with the error's
    /// [`close_code`](DeliveryError::close_code). Further calls return the same error until the
    /// next connection. The session itself is not harmed.
    pub fn handle_message(
        &mut self,
        message: Message,
    ) -> Result<Option<SessionEvent>, DeliveryError> {
        let handled = match self.phase {
            Phase::Failed(error) => return Err(error),
            Phase::Offline => return Err(DeliveryError::HelloMissing),
            Phase::Connected { own } => {
                Hello::parse(&message).and_then(|hello| self.receive_hello(&hello, own, None))
            }
            Phase::Greeted { own, greeting } => Hello::parse(&message)
                .and_then(|hello| self.receive_hello(&hello, own, Some(greeting))),
            Phase::Open { .. } => Frame::parse(message).and_then(|frame| self.receive(frame)),
        };
        handled.inspect_err(|&error| self.phase = Phase::Failed(error))
    }

    /// Queues a message for the peer, online or offline. It is kept until the peer acknowledges it.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back: a limit is reached, or all message numbers are used up.
    pub fn send(&mut self, message: Message) -> Result<(), Refused<SessionFull, Message>> {
        if let Err(error) = self.check_room(message.len()) {
            return Err(Refused { error, message });
        }
        self.queued_bytes += message.len();
        self.queue.push_back(message.detach());
        Ok(())
    }

    /// Acknowledges all messages that have arrived, if any are not acknowledged yet.
    ///
    /// Call it before waiting for the transport. Otherwise the peer keeps messages that it could
    /// drop, and may run out of room. A session also acknowledges by itself, as the [`Limits`] say,
    /// and with each message that it sends.
    pub const fn acknowledge(&mut self) {
        self.acknowledgement_due = self.acknowledged < self.expected;
    }

    /// Returns the next message for the connection, or `None` if there is none now.
    ///
    /// Send these messages on the present connection only, in this order and without gaps. If one
    /// cannot be sent, keep it until it can be, or close the connection.
    #[must_use = "messages that are not sent do not reach the peer"]
    pub fn poll_transmit(&mut self) -> Option<Message> {
        let (message, step) = self.encode_next()?;
        self.advance(step);
        Some(message)
    }

    /// Sends as many messages as the connection takes. The rest stays in the session.
    ///
    /// # Errors
    ///
    /// The connection refused a message for another reason than a full output. Nothing is lost: the
    /// message stays in the session.
    pub fn transmit(&mut self, commands: &mut Commands<'_>) -> Result<(), SendError> {
        while let Some((message, step)) = self.encode_next() {
            match commands.try_send(message).map_err(|refused| refused.error) {
                Ok(()) => self.advance(step),
                Err(SendError::Full { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns the id of this end.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Returns the id of the last peer that knew this end's id. `None` for a session that has not
    /// begun.
    #[must_use]
    pub const fn peer(&self) -> Option<SessionId> {
        self.peer
    }

    /// Returns whether there is a connection on which the peer's Hello has named this end.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Returns how many messages wait to be acknowledged.
    #[must_use]
    pub fn buffered_messages(&self) -> usize {
        self.queue.len()
    }

    /// Returns how many bytes of payload wait to be acknowledged.
    #[must_use]
    pub const fn buffered_amount(&self) -> usize {
        self.queued_bytes
    }

    /// Returns what must be stored to [`restore`](Self::restore) the session. The payloads are
    /// shared, not copied.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            id: self.id,
            peer: self.peer,
            expected: self.expected,
            first: self.first,
            unacknowledged: self.queue.iter().cloned().collect(),
        }
    }

    fn check_room(&self, len: usize) -> Result<(), SessionFull> {
        let Limits { max_messages, max_bytes, .. } = self.limits;
        if len > max_bytes {
            return Err(SessionFull::TooLarge { len, limit: max_bytes });
        }
        if self.end() >= MAX_NUMBER {
            return Err(SessionFull::Exhausted);
        }
        if self.queue.len() >= max_messages {
            return Err(SessionFull::MessagesFull { limit: max_messages });
        }
        if self.queued_bytes > max_bytes - len {
            return Err(SessionFull::BytesFull { queued: self.queued_bytes, limit: max_bytes });
        }
        Ok(())
    }

    /// Returns what goes to the peer next; [`advance`](Self::advance) when it is on its way.
    fn encode_next(&self) -> Option<(Message, Step)> {
        let (own, expected) = match self.phase {
            Phase::Offline | Phase::Failed(_) => return None,
            Phase::Connected { own } | Phase::Open { own } => (own, self.expected),
            // If the peer proves to know both ids, it begins anew.
            Phase::Greeted { own, .. } => (own, 0),
        };
        if let OwnHello::Due { to } = own {
            let hello = Hello { from: self.id, to, expected };
            return Some((hello.encode(), Step::Hello));
        }
        if !self.is_open() {
            return None;
        }
        let index = usize::try_from(self.next - self.first).ok();
        if let Some(message) = index.and_then(|index| self.queue.get(index)) {
            return Some((encode_data(self.expected, self.next, message), Step::Data));
        }
        self.acknowledgement_due
            .then(|| (encode_acknowledgement(self.expected), Step::Acknowledgement))
    }

    /// Notes that a message is on its way. Each of them acknowledges.
    fn advance(&mut self, step: Step) {
        match step {
            Step::Acknowledgement => {}
            Step::Data => {
                self.next += 1;
                if self.sent < self.next {
                    self.sent = self.next;
                }
            }
            Step::Hello => {
                let sent = |own: OwnHello| OwnHello::Sent { to: own.to() };
                self.phase = match self.phase {
                    Phase::Connected { own } => Phase::Connected { own: sent(own) },
                    Phase::Greeted { own, greeting } => Phase::Greeted { own: sent(own), greeting },
                    Phase::Open { own } => Phase::Open { own: sent(own) },
                    Phase::Offline | Phase::Failed(_) => self.phase,
                };
            }
        }
        self.acknowledged = self.expected;
        self.unacknowledged_bytes = 0;
        self.acknowledgement_due = false;
    }

    /// Returns the number of the next message of the application.
    fn end(&self) -> u64 {
        let len = u64::try_from(self.queue.len()).unwrap_or(u64::MAX);
        self.first.saturating_add(len)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .field("phase", &self.phase)
            .field("first", &self.first)
            .field("next", &self.next)
            .field("sent", &self.sent)
            .field("expected", &self.expected)
            .field("acknowledged", &self.acknowledged)
            .field("acknowledgement_due", &self.acknowledgement_due)
            .field("buffered_messages", &self.queue.len())
            .field("buffered_bytes", &self.queued_bytes)
            .finish_non_exhaustive()
    }
}

/// Messages have numbers below this: the largest integer that JavaScript counts to exactly.
const MAX_NUMBER: u64 = (1 << 53) - 1;
