//! The handle that commands a client from other tasks; knows nothing of its connections.

use alloc::sync::Arc;

use super::shared::Shared;
use crate::connection::Refused;
use crate::message::Message;
use crate::reconnect::{OutboxError, Supervisor};

/// Sends messages by a [`Client`](super::Client) that another task drives, and stops it.
///
/// A handle can be cloned. It does not keep the client alive.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Queues a message. Waits until there is room for it.
    ///
    /// Call it from a task other than the one that drives the client: with a full queue it waits as
    /// long as the client is offline.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back, with one of these errors:
    ///
    /// - [`OutboxError::Ended`]: the client was stopped, gave up or was dropped, before the call or
    ///   while it waited.
    /// - [`OutboxError::TooLarge`] and [`OutboxError::Exhausted`], at once, for the same reasons as
    ///   [`Client::try_send`](super::Client::try_send).
    ///
    /// It never returns [`OutboxError::Full`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message has not been queued.
    pub async fn send(
        &self,
        message: impl Into<Message>,
    ) -> Result<(), Refused<OutboxError, Message>> {
        let mut message = message.into();
        loop {
            // Before the look at the outbox: what happens in between is not missed.
            let room = self.shared.room();
            match self.try_send(message) {
                Err(Refused { error: OutboxError::Full, message: refused }) => message = refused,
                result => return result,
            }
            room.await;
        }
    }

    /// Queues a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back, for the same reasons as
    /// [`Client::try_send`](super::Client::try_send). If the client was dropped, the error is
    /// [`OutboxError::Ended`].
    pub fn try_send(
        &self,
        message: impl Into<Message>,
    ) -> Result<(), Refused<OutboxError, Message>> {
        let message = message.into();
        self.shared.command(|supervisor| supervisor.try_send(message))
    }

    /// Waits until no message is queued: connections have taken all of them or, with
    /// [`Options::delivery`](super::Options::delivery), the peer has acknowledged all of them.
    ///
    /// # Errors
    ///
    /// - [`OutboxError::Ended`]: the client ended before.
    /// - [`OutboxError::GivenBack`]: since this call, the application got queued messages back, from
    ///   [`ClientEvent::PeerForgot`](super::ClientEvent) or
    ///   [`Client::take_unsent`](super::Client::take_unsent).
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped at any time.
    #[doc(alias = "flush")]
    pub async fn drained(&self) -> Result<(), OutboxError> {
        let mut given_back = None;
        loop {
            let room = self.shared.room();
            let left = |supervisor: &mut Supervisor<_>| {
                (supervisor.given_back(), supervisor.buffered_messages(), supervisor.is_ended())
            };
            let (now_given_back, messages, is_ended) = self.shared.with(left);
            if *given_back.get_or_insert(now_given_back) != now_given_back {
                return Err(OutboxError::GivenBack);
            }
            match (messages, is_ended) {
                (0, _) => return Ok(()),
                (_, true) => return Err(OutboxError::Ended),
                (_, false) => room.await,
            }
        }
    }

    /// Ends the delay before the next attempt, as [`Client::retry_now`](super::Client::retry_now)
    /// does.
    pub fn retry_now(&self) {
        self.shared.command(Supervisor::retry_now);
    }

    /// Stops the client, as [`Client::stop`](super::Client::stop) does. The attempt ends, or the
    /// connection is closed, as soon as the client is driven.
    pub fn stop(&self) {
        self.shared.command(Supervisor::stop);
    }
}
