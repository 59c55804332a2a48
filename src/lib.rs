//! WebSocket (RFC 6455) as a sans-I/O state machine.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod buffer;
mod close;
mod connection;
mod error;
pub mod extension;
pub mod frame;
#[cfg(feature = "handshake")]
pub mod handshake;
#[cfg(all(feature = "std", feature = "handshake"))]
pub mod io;
mod message;
mod role;
mod utf8;

pub use buffer::{ReceiveBuf, TransmitBuf};
pub use close::{CloseCode, Closed, ClosedBy, MAX_REASON_LEN};
pub use connection::{
    AfterClose, Config, Connection, Delivery, Event, Negotiated, Pong, ReadyState, Refused,
};
pub use error::{ConnectionError, SendError};
#[cfg(all(feature = "std", feature = "handshake"))]
pub use io::blocking;
#[cfg(feature = "tokio")]
pub use io::tokio;
pub use message::{Chunk, Message, MessageKind, Payload, Text};
pub use role::Role;
pub use utf8::{InvalidUtf8, Utf8Bytes, Utf8Validator};
