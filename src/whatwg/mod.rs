//! The browser's `WebSocket` object (WHATWG), without I/O.
//!
//! [`WebSocketObject`] is the object that a page makes by `new WebSocket(url)`: a client from its
//! construction on, with the states, checks, counts and events of the [standard]. It is a thin
//! layer over [`ClientHandshake`](crate::handshake::ClientHandshake) and
//! [`Connection`](crate::Connection), which know the protocol, and has the same kinds of methods.
//!
//! ```text
//!                 close(), unreachable, refused
//!   Connecting ───────────────────────────────────────────▶ Closing
//!       │                                                      │
//!   Open event         close(), peer's Close, failure, full    │ transport done
//!       ▼                                                      ▼
//!     Open ───────────────────────────────────────────────▶ Closing ──▶ Closed
//!                                                            [Error event, if it failed]
//!                                                             Close event
//! ```
//!
//! | of the standard | here |
//! |---|---|
//! | `new WebSocket(url, protocols)` | [`ClientRequest`](crate::handshake::ClientRequest), then [`WebSocketObject::new`] |
//! | `send(data)`, `close(code, reason)` | [`WebSocketObject::send`], [`WebSocketObject::close`] |
//! | `readyState`, `bufferedAmount`, `url`, `protocol`, `extensions` | getters of these names |
//! | `onopen`, `onmessage`, `onerror`, `onclose` | [`DomEvent`] |
//! | a `DOMException` | [`DomException`] |
//!
//! What the standard leaves to JavaScript has no place here: `binaryType` chooses between two types
//! of object, the conversion of arguments (`NaN` and 70000 to a 16-bit code, lone surrogates to
//! U+FFFD) is done by Rust's types, and origins, cookies and proxies are the caller's to add to the
//! request. There is no base URL, so a URL is absolute.
//!
//! [standard]: https://websockets.spec.whatwg.org/

mod error;
mod event;
mod websocket;

pub use error::{DomException, Failure};
pub use event::DomEvent;
pub use websocket::WebSocketObject;
