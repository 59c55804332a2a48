//! What an attempt begins with; knows neither when it is made nor over what.

use alloc::vec::Vec;
use core::fmt;

use crate::handshake::ClientRequest;
use crate::message::Message;

/// How a connection begins: with the request of its handshake, and with the first messages.
///
/// Use it if a server wants something first on each connection, such as a token or subscriptions.
/// These messages leave in their order, before the messages in the [`Outbox`](super::Outbox). They
/// are not kept: the next connection has its own opening. With [`delivery`](crate::delivery) they
/// do not belong to the session: the server receives them before the client's `Hello`.
///
/// A [`ClientRequest`] can be used as an opening without messages. `Debug` shows how many messages
/// there are, and not their content, which may be a token.
///
/// ```
/// use sanswire::handshake::ClientRequest;
/// use sanswire::reconnect::Opening;
///
/// # let token = "secret";
/// let request = ClientRequest::from_url("ws://localhost:9001/news")?;
/// let opening = Opening::new(request)
///     .first_message(format!("token {token}"))
///     .first_message("subscribe weather");
/// assert_eq!(opening.into_parts().1.len(), 2);
/// # Ok::<_, sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Clone)]
pub struct Opening {
    request: ClientRequest,
    first: Vec<Message>,
}

impl Opening {
    /// Creates an opening without messages.
    #[must_use]
    pub const fn new(request: ClientRequest) -> Self {
        Self { request, first: Vec::new() }
    }

    /// Adds a message after those that were added before.
    #[must_use]
    pub fn first_message(mut self, message: impl Into<Message>) -> Self {
        self.first.push(message.into());
        self
    }

    /// Returns the request for the handshake, and the messages to pass to
    /// [`Supervisor::handle_connected`](super::Supervisor::handle_connected).
    #[must_use]
    pub fn into_parts(self) -> (ClientRequest, Vec<Message>) {
        (self.request, self.first)
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, first } = self;
        f.debug_struct("Opening").field("request", request).field("first", &first.len()).finish()
    }
}

impl From<ClientRequest> for Opening {
    fn from(request: ClientRequest) -> Self {
        Self::new(request)
    }
}
