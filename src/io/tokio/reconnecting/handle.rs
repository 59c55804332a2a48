//! The way to a client from other tasks; knows nothing of its connections.

use alloc::sync::Arc;

use super::error::{Refused, SendError};
use super::outbox::Shared;
use crate::message::Message;

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
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Refused> {
        self.shared.send(message.into()).await
    }

    /// Queues a message if there is room for it now; see
    /// [`Client::try_send`](super::Client::try_send).
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), Refused> {
        self.shared.try_send(message.into())
    }

    /// Waits until no message waits any more: a connection has taken each, or, with
    /// [`Options::delivery`](super::Options::delivery), the peer has acknowledged each.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`] when that will not happen.
    ///
    /// # Cancel safety
    ///
    /// Nothing depends on the future.
    pub async fn drained(&self) -> Result<(), SendError> {
        self.shared.drained().await
    }

    /// Has the client stop, as soon as it is driven; see [`Client::stop`](super::Client::stop).
    pub fn stop(&self) {
        self.shared.want_stop();
    }
}
