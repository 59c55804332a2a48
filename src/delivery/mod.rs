//! Delivery across connections: nothing lost, repeated or reordered while both ends keep their
//! state. Without I/O.
//!
//! A WebSocket that breaks takes along what was on its way, and neither end can tell how much. A
//! [`Session`] outlives its connections: it numbers messages, keeps them until the peer has
//! acknowledged them, and sends the rest again on the next connection. When the peer comes back
//! without its state, the application is [told](SessionEvent::PeerForgot) what may be lost.
//!
//! Both ends offer and choose the subprotocol [`SUBPROTOCOL`]. There is one type for both: what is
//! below drives a client's session over one connection; a server looks at the [`Hello`] first, and
//! finds the session in its [`Sessions`] by the ids of both ends. `io::tokio::reconnecting` is a client
//! that does all this by itself.
//!
//! ```
//! use core::time::Duration;
//! use sanswire::delivery::{SessionEvent, Hello, Limits, Retention, Session, SessionId, Sessions};
//!
//! # fn random(seed: u8) -> SessionId { SessionId::new([seed; 16]).unwrap() }
//! let mut client = Session::new(random(1), Limits::default());
//! client.send("first".into()).unwrap(); // Before there is a connection: it waits.
//! client.handle_connected();
//! let hello = client.poll_transmit().unwrap();
//!
//! // A server keeps the sessions of its users.
//! let mut sessions = Sessions::new(Retention::default());
//! let from = Hello::parse(&hello)?;
//! let attachment = sessions.connect("user", &from, random(2), Duration::ZERO)?;
//! let server = sessions.get(attachment).unwrap();
//! assert_eq!(server.handle_message(hello)?, None); // Nobody has proved anything yet.
//!
//! // What either end wants to send goes to the other, by `Connection::send` in earnest.
//! while let Some(message) = server.poll_transmit() {
//!     assert_eq!(client.handle_message(message)?, Some(SessionEvent::Started));
//! }
//! let mut events = Vec::new();
//! while let Some(message) = client.poll_transmit() {
//!     events.extend(server.handle_message(message)?);
//! }
//! assert_eq!(events, [SessionEvent::Started, SessionEvent::Message("first".into())]);
//!
//! // Before an end waits, it acknowledges.
//! server.acknowledge();
//! let acknowledgement = server.poll_transmit().unwrap();
//! assert_eq!(client.handle_message(acknowledgement)?, None);
//! assert_eq!(client.buffered_messages(), 0);
//! # Ok::<_, Box<dyn core::error::Error>>(())
//! ```
//!
#![doc = include_str!("../../docs/delivery.md")]

mod error;
mod limits;
mod session;
mod sessions;
mod snapshot;
mod wire;

pub use error::{DeliveryError, InvalidSnapshot, SessionFull};
pub use limits::Limits;
pub use session::{Lost, Session, SessionEvent};
pub use sessions::{Attachment, Denied, Owner, Retention, Sessions};
pub use snapshot::Snapshot;
pub use wire::{Hello, SessionId};

/// The name of the subprotocol, with its version.
pub const SUBPROTOCOL: &str = "sanswire.delivery.v2";
