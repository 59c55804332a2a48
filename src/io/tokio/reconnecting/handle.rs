//! The way to a client from other tasks; knows nothing of its connections.

use alloc::sync::Arc;

use super::shared::Shared;
use crate::connection::Refused;
use crate::message::Message;
use crate::reconnect::{OutboxError, Supervisor};

/// Sends by a [`Client`](super::Client) that another task drives, and stops it.
///
/// It can be cloned at will, and does not keep the client alive.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Queues a message, once there is room for it.
    ///
    /// To be called from another task than the one that drives the client: it waits for as long as
    /// the client is offline with a full queue.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has not queued the message.
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

    /// Queues a message if there is room for it now; see
    /// [`Client::try_send`](super::Client::try_send).
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back.
    pub fn try_send(
        &self,
        message: impl Into<Message>,
    ) -> Result<(), Refused<OutboxError, Message>> {
        let message = message.into();
        self.shared.command(|supervisor| supervisor.try_send(message))
    }

    /// Waits until no message waits any more: a connection has taken each, or, with
    /// [`Options::delivery`](super::Options::delivery), the peer has acknowledged each.
    ///
    /// # Errors
    ///
    /// [`OutboxError::Ended`] when that will not happen.
    ///
    /// # Cancel safety
    ///
    /// Nothing depends on the future.
    pub async fn drained(&self) -> Result<(), OutboxError> {
        loop {
            let room = self.shared.room();
            let left = |supervisor: &mut Supervisor<_>| {
                (supervisor.buffered_messages(), supervisor.is_ended())
            };
            match self.shared.with(left) {
                (0, _) => return Ok(()),
                (_, true) => return Err(OutboxError::Ended),
                (_, false) => room.await,
            }
        }
    }

    /// Stops the client; see [`Client::stop`](super::Client::stop). An attempt ends, or a
    /// connection is closed, as soon as the client is driven.
    pub fn stop(&self) {
        self.shared.command(Supervisor::stop);
    }
}
