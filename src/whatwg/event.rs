//! What a page's listeners are called with; knows nothing of how it came about.

use crate::close::CloseCode;
use crate::message::Message;
use crate::utf8::Utf8Bytes;

/// An event of the standard. They come in this order: `Open`, any number of `Message`, perhaps
/// `Error`, `Close`.
///
/// `Close` comes exactly once, and is the last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomEvent {
    /// `open`: the connection is established.
    Open,
    /// `message`: a message, with its `data`.
    Message(Message),
    /// `error`: the connection failed.
    /// [`WebSocketObject::failure`](super::WebSocketObject::failure) says why.
    Error,
    /// `close`: the connection is over.
    Close {
        /// The code of the peer's Close frame. It is 1005 if the frame had none, and 1006 if there
        /// was no Close frame or the connection failed. It is never a code that this end has sent.
        code: CloseCode,
        /// The reason of the peer's Close frame, or an empty string.
        reason: Utf8Bytes,
        /// Whether the transport was closed after the closing handshake was complete.
        was_clean: bool,
    },
}
