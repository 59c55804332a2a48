//! The browser's `WebSocket` object (WHATWG), without I/O.
//!
//! [`WebSocketObject`] behaves like the object that a page creates by `new WebSocket(url)`, with
//! the states, checks, counts and events of the [standard]. It is always a client. It is a thin
//! layer over [`ClientHandshake`](crate::handshake::ClientHandshake) and
//! [`Connection`](crate::Connection), and has the same kinds of methods.
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
//! Parts of the standard that belong to JavaScript are missing. `binaryType` chooses between two
//! types of object. Arguments are converted by Rust's types: `NaN` and 70000 to a 16-bit code, lone
//! surrogates to U+FFFD. Origins, cookies and proxies are added to the request by the caller. There
//! is no base URL, so a URL is absolute.
//!
//! [standard]: https://websockets.spec.whatwg.org/

mod error;
mod event;
mod websocket;

pub use error::{DomException, Failure};
pub use event::DomEvent;
pub use websocket::WebSocketObject;
