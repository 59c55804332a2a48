//! What a page's listeners are called with; knows nothing of how it came about.

use crate::close::CloseCode;
use crate::message::Message;
use crate::utf8::Utf8Bytes;

/// An event, in the standard's order: `Open`, any number of `Message`, perhaps `Error`, `Close`.
///
/// Nothing follows `Close`, and it comes exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomEvent {
    /// `open`: the connection is established.
    Open,
    /// `message`: its `data`, owned as there.
    Message(Message),
    /// `error`: the connection failed. It says nothing more; see
    /// [`WebSocketObject::failure`](super::WebSocketObject::failure).
    Error,
    /// `close`: the connection is over.
    Close {
        /// The code that was received; 1005 when the peer's Close frame had none, 1006 when no
        /// Close frame came or the connection failed. Never a code that this end has sent.
        code: CloseCode,
        /// The reason that was received, or an empty one.
        reason: Utf8Bytes,
        /// Whether the transport was closed after the closing handshake was complete.
        was_clean: bool,
    },
}
