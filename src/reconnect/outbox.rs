//! What waits to be sent, across connections; knows neither attempts nor time.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use super::error::OutboxError;
use crate::connection::{Commands, Refused};
use crate::delivery::{DeliveryError, Session, SessionEvent};
use crate::message::Message;

/// Holds the messages that wait for a connection, and decides what happens to them when a
/// connection breaks. A part of a [`Supervisor`](super::Supervisor).
///
/// | | a message leaves the outbox when | if the connection breaks while a message is on its way |
/// |---|---|---|
/// | [`queue`](Self::queue) | a connection takes it | it may be lost |
/// | [`session`](Self::session) | the peer acknowledges it | it is sent again, and arrives once |
#[derive(Debug)]
pub struct Outbox {
    content: Content,
}

#[derive(Debug)]
enum Content {
    Queue(Queue),
    /// The session keeps its own queue.
    Session(Box<Session>),
}

/// Messages that no connection has taken. messages.len() <= max_messages, bytes <= max_bytes
struct Queue {
    messages: VecDeque<Message>,
    /// Bytes of payload in `messages`.
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("messages", &self.messages.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Outbox {
    /// Creates a queue of at most `max_messages` messages with at most `max_bytes` of payload in
    /// all. Further messages are refused. Each message is copied to its own memory, so that the
    /// limits count the memory that is used.
    #[must_use]
    pub const fn queue(max_messages: usize, max_bytes: usize) -> Self {
        let queue = Queue { messages: VecDeque::new(), bytes: 0, max_messages, max_bytes };
        Self { content: Content::Queue(queue) }
    }

    /// Creates an outbox that delivers each message once and in order, by the subprotocol of
    /// [`delivery`](crate::delivery). The session's own limits apply. The session may be new or
    /// [restored](Session::restore).
    #[must_use]
    pub fn session(session: Session) -> Self {
        Self { content: Content::Session(Box::new(session)) }
    }

    pub(super) fn push(&mut self, message: Message) -> Result<(), Refused<OutboxError, Message>> {
        match &mut self.content {
            Content::Queue(queue) => queue.push(message),
            Content::Session(session) => session.send(message).map_err(|refused| Refused {
                error: refused.error.into(),
                message: refused.message,
            }),
        }
    }

    /// Hands over as much as an open connection takes; returns whether it was anything.
    pub(super) fn transmit(&mut self, commands: &mut Commands<'_>) -> bool {
        match &mut self.content {
            Content::Queue(queue) => queue.transmit(commands),
            Content::Session(session) => {
                // Each of its messages has some bytes. What was refused stays in the session.
                let before = commands.buffered_amount();
                let _ = session.transmit(commands);
                commands.buffered_amount() > before
            }
        }
    }

    pub(super) fn acknowledge(&mut self) {
        if let Content::Session(session) = &mut self.content {
            session.acknowledge();
        }
    }

    pub(super) fn handle_connected(&mut self) {
        if let Content::Session(session) = &mut self.content {
            session.handle_connected();
        }
    }

    pub(super) fn handle_disconnected(&mut self) {
        if let Content::Session(session) = &mut self.content {
            session.handle_disconnected();
        }
    }

    pub(super) fn handle_message(
        &mut self,
        message: Message,
    ) -> Result<Option<SessionEvent>, DeliveryError> {
        match &mut self.content {
            Content::Queue(_) => Ok(Some(SessionEvent::Message(message))),
            Content::Session(session) => session.handle_message(message),
        }
    }

    /// Takes out what no connection has taken; a session keeps it.
    pub(super) fn take_unsent(&mut self) -> Vec<Message> {
        match &mut self.content {
            Content::Queue(queue) => {
                queue.bytes = 0;
                core::mem::take(&mut queue.messages).into()
            }
            Content::Session(_) => Vec::new(),
        }
    }

    pub(super) fn buffered_messages(&self) -> usize {
        match &self.content {
            Content::Queue(queue) => queue.messages.len(),
            Content::Session(session) => session.buffered_messages(),
        }
    }

    pub(super) fn buffered_amount(&self) -> usize {
        match &self.content {
            Content::Queue(queue) => queue.bytes,
            Content::Session(session) => session.buffered_amount(),
        }
    }

    pub(super) fn as_session(&self) -> Option<&Session> {
        match &self.content {
            Content::Queue(_) => None,
            Content::Session(session) => Some(session),
        }
    }
}

impl Queue {
    fn push(&mut self, message: Message) -> Result<(), Refused<OutboxError, Message>> {
        let len = message.len();
        if len > self.max_bytes {
            let error = OutboxError::TooLarge { len, limit: self.max_bytes };
            return Err(Refused { error, message });
        }
        if self.messages.len() >= self.max_messages || self.bytes > self.max_bytes - len {
            return Err(Refused { error: OutboxError::Full, message });
        }
        self.bytes += len;
        self.messages.push_back(message.detach());
        Ok(())
    }

    fn transmit(&mut self, commands: &mut Commands<'_>) -> bool {
        let before = self.messages.len();
        while let Some(message) = self.messages.pop_front() {
            let len = message.len();
            if let Err(refused) = commands.try_send(message) {
                // It waits for room, or for the next connection. What is given by value comes back.
                if let Some(message) = refused.message {
                    self.messages.push_front(message);
                }
                break;
            }
            self.bytes -= len;
        }
        self.messages.len() < before
    }
}
