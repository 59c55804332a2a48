//! Delivers messages across connections: none is lost, repeated or reordered while both ends keep
//! their state. Without I/O.
//!
//! When a WebSocket breaks, the messages on their way are lost, and neither end can tell how many.
//! A [`Session`] outlives its connections: it numbers messages, keeps them until the peer has
//! acknowledged them, and sends the rest again on the next connection. If the peer comes back
//! without its state, the application is [told](SessionEvent::PeerForgot) which messages may be
//! lost.
//!
//! Both ends use this module, by the subprotocol [`SUBPROTOCOL`]. A client has a [`Session`];
//! `io::tokio::reconnecting` is a client that does all this by itself. A server keeps the sessions
//! of its users in [`Sessions`], and finds a session by the client's first message, a [`Hello`]:
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
//! let attachment = sessions.attach("user", &from, random(2), Duration::ZERO)?;
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
mod event;
mod limits;
mod session;
mod sessions;
mod snapshot;
mod wire;

pub use error::{DeliveryError, InvalidSnapshot, SessionFull};
pub use event::{Lost, SessionEvent};
pub use limits::Limits;
pub use session::Session;
pub use sessions::{Attachment, Denied, Owner, Retention, Sessions};
pub use snapshot::Snapshot;
pub use wire::{Hello, SessionId};

/// The name of the subprotocol, with its version.
pub const SUBPROTOCOL: &str = "sanswire.delivery.v2";
