//! What waits to be sent, for the client and its handles alike; knows neither sockets nor attempts.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::task::Waker;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::tokio::sync::Notify;

use super::error::{Refused, SendError};
use super::event::Event;
use crate::connection::Connection;
use crate::delivery::{self, DeliveryError, Session};
use crate::message::Message;

/// What a client and its handles have in common.
#[derive(Debug)]
pub(super) struct Shared {
    outbox: Mutex<Outbox>,
    /// Notified when messages left, or will not leave any more.
    room: Notify,
}

#[derive(Debug)]
pub(super) struct Outbox {
    content: Content,
    /// Who drives the client.
    waker: Option<Waker>,
    /// Whether a handle wants the client to stop.
    stop_wanted: bool,
    /// Whether nothing will be sent any more.
    is_ended: bool,
}

#[derive(Debug)]
pub(super) enum Content {
    Queue(Queue),
    /// The session keeps its own queue.
    Session(Box<Session>),
}

/// Messages that no connection has taken. messages.len() <= max_messages, bytes <= max_bytes
#[derive(Debug)]
pub(super) struct Queue {
    messages: VecDeque<Message>,
    /// Bytes of payload in `messages`.
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl Shared {
    pub(super) fn new(content: Content) -> Self {
        let outbox = Outbox { content, waker: None, stop_wanted: false, is_ended: false };
        Self { outbox: Mutex::new(outbox), room: Notify::new() }
    }

    /// Queues a message, and has the client see to it.
    pub(super) fn try_send(&self, message: Message) -> Result<(), Refused> {
        let mut outbox = self.lock();
        outbox.push(message)?;
        outbox.wake();
        Ok(())
    }

    /// Queues a message once there is room.
    pub(super) async fn send(&self, mut message: Message) -> Result<(), Refused> {
        loop {
            // Before the look at the queue: what happens in between is not missed.
            let room = self.room.notified();
            match self.try_send(message) {
                Err(Refused { error: SendError::Full, message: refused }) => message = refused,
                result => return result,
            }
            room.await;
        }
    }

    /// Waits until nothing waits any more.
    pub(super) async fn drained(&self) -> Result<(), SendError> {
        loop {
            let room = self.room.notified();
            if self.buffered().0 == 0 {
                return Ok(());
            }
            if self.lock().is_ended {
                return Err(SendError::Ended);
            }
            room.await;
        }
    }

    pub(super) fn want_stop(&self) {
        let mut outbox = self.lock();
        outbox.stop_wanted = true;
        outbox.wake();
    }

    /// Notes who is to be woken; returns whether a handle wants the client to stop.
    pub(super) fn register(&self, waker: &Waker) -> bool {
        let mut outbox = self.lock();
        match &mut outbox.waker {
            Some(registered) => registered.clone_from(waker),
            None => outbox.waker = Some(waker.clone()),
        }
        core::mem::take(&mut outbox.stop_wanted)
    }

    /// Hands over as much as a connection takes; returns whether it was anything.
    pub(super) fn transmit(&self, connection: &mut Connection) -> bool {
        let is_progress = self.lock().transmit(connection);
        if is_progress {
            self.room.notify_waiters();
        }
        is_progress
    }

    /// Acknowledges what arrived, before the client waits.
    pub(super) fn acknowledge(&self) {
        if let Content::Session(session) = &mut self.lock().content {
            session.acknowledge();
        }
    }

    pub(super) fn handle_connected(&self) {
        if let Content::Session(session) = &mut self.lock().content {
            session.handle_connected();
        }
    }

    pub(super) fn handle_disconnected(&self) {
        if let Content::Session(session) = &mut self.lock().content {
            session.handle_disconnected();
        }
    }

    /// Takes a message from the connection, and returns what comes of it.
    pub(super) fn handle_message(&self, message: Message) -> Result<Option<Event>, DeliveryError> {
        let handled = match &mut self.lock().content {
            Content::Queue(_) => return Ok(Some(Event::Message(message))),
            Content::Session(session) => session.handle_message(message)?,
        };
        // It may have acknowledged.
        self.room.notify_waiters();
        Ok(handled.map(|event| match event {
            delivery::Event::Forgot => Event::Forgot,
            delivery::Event::Message(message) => Event::Message(message),
            delivery::Event::PeerForgot(lost) => Event::PeerForgot(lost),
            delivery::Event::Resumed => Event::Resumed,
            delivery::Event::Started => Event::Started,
        }))
    }

    /// Says whether anything will still be sent.
    pub(super) fn set_ended(&self, is_ended: bool) {
        let mut outbox = self.lock();
        outbox.is_ended = is_ended;
        if !is_ended {
            // It was for the time before.
            outbox.stop_wanted = false;
        }
        drop(outbox);
        self.room.notify_waiters();
    }

    /// Returns how many messages wait, and how many bytes they have.
    pub(super) fn buffered(&self) -> (usize, usize) {
        match &self.lock().content {
            Content::Queue(queue) => (queue.messages.len(), queue.bytes),
            Content::Session(session) => (session.buffered_messages(), session.buffered_amount()),
        }
    }

    /// Takes out what no connection has taken; a session keeps it.
    pub(super) fn take_unsent(&self) -> Vec<Message> {
        let unsent = match &mut self.lock().content {
            Content::Queue(queue) => {
                queue.bytes = 0;
                core::mem::take(&mut queue.messages).into()
            }
            Content::Session(_) => Vec::new(),
        };
        self.room.notify_waiters();
        unsent
    }

    fn lock(&self) -> MutexGuard<'_, Outbox> {
        // Nothing in here panics half-way.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox {
    fn push(&mut self, message: Message) -> Result<(), Refused> {
        if self.is_ended {
            return Err(Refused { error: SendError::Ended, message });
        }
        match &mut self.content {
            Content::Queue(queue) => queue.push(message),
            Content::Session(session) => session.send(message).map_err(|refused| Refused {
                error: refused.error.into(),
                message: refused.message,
            }),
        }
    }

    fn transmit(&mut self, connection: &mut Connection) -> bool {
        match &mut self.content {
            Content::Queue(queue) => queue.transmit(connection),
            Content::Session(session) => {
                // Each of its messages has some bytes.
                let before = connection.buffered_amount();
                // A connection that is closing takes nothing, but counts what it refused; the
                // session keeps it.
                session.transmit(connection).is_ok() && connection.buffered_amount() > before
            }
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Queue {
    pub(super) const fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, max_messages, max_bytes }
    }

    fn push(&mut self, message: Message) -> Result<(), Refused> {
        let len = message.len();
        if len > self.max_bytes {
            let error = SendError::TooLarge { len, limit: self.max_bytes };
            return Err(Refused { error, message });
        }
        if self.messages.len() >= self.max_messages || self.bytes > self.max_bytes - len {
            return Err(Refused { error: SendError::Full, message });
        }
        self.bytes += len;
        self.messages.push_back(message);
        Ok(())
    }

    fn transmit(&mut self, connection: &mut Connection) -> bool {
        let before = self.messages.len();
        while let Some(message) = self.messages.pop_front() {
            let len = message.len();
            if let Err(refused) = connection.send(message) {
                // Full or closing: it waits for room, or for the next connection.
                self.messages.push_front(refused.message);
                break;
            }
            self.bytes -= len;
        }
        self.messages.len() < before
    }
}
