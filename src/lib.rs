//! WebSocket ([RFC 6455], [RFC 7692]) as a sans-I/O state machine: bytes go in, events come out,
//! bytes come out.
//!
//! The core owns no socket, no clock, no entropy and no lock, and needs no `std`. The adapters in
//! [`io`] drive it over std and tokio sockets; whoever has another runtime drives it by a
//! loop like this one:
//!
//! ```
//! # use std::io::{Read, Write};
//! use bytes::Buf;
//! use sanswire::{Config, Connection, Event, ReadyState};
//!
//! fn echo(stream: &mut (impl Read + Write)) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut connection = Connection::server(&Config::default());
//!     while connection.ready_state() != ReadyState::Closed {
//!         // What arrived. The commands come along with each event: answer it in place.
//!         let failed = loop {
//!             match connection.poll_event() {
//!                 Ok(Some((Event::Text(text), mut commands))) => commands.send(&text)?,
//!                 Ok(Some((Event::Binary(payload), mut commands))) => commands.send(&payload)?,
//!                 Ok(Some(_)) => {}
//!                 Ok(None) => break None,
//!                 Err(error) => break Some(error),
//!             }
//!         };
//!         // What is to be written: many frames in one write. Then look for events again, since
//!         // a closing handshake may be complete now.
//!         let mut written = false;
//!         while let Some(output) = connection.poll_transmit() {
//!             let len = stream.write(output.chunk())?;
//!             output.advance(len);
//!             written = true;
//!         }
//!         if let Some(error) = failed {
//!             return Err(error.into());
//!         }
//!         // Nothing left to do: wait for the transport.
//!         if !written {
//!             let mut input = connection.input();
//!             match stream.read(input.spare_mut())? {
//!                 0 => connection.handle_eof(),
//!                 len => input.commit(len),
//!             }
//!         }
//!     }
//!     Ok(())
//! }
//! # struct Memory(std::io::Cursor<Vec<u8>>, Vec<u8>);
//! # impl Read for Memory {
//! #     fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> { self.0.read(buf) }
//! # }
//! # impl Write for Memory {
//! #     fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> { self.1.write(buf) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let bytes = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\0\0\0\0".to_vec();
//! # let mut memory = Memory(std::io::Cursor::new(bytes), Vec::new());
//! # echo(&mut memory).unwrap();
//! # assert_eq!(memory.1, b"\x81\x05Hello\x88\x00");
//! ```
//!
//! That loop has no clock, and so no deadlines. With one it calls
//! [`handle_timeout`](Connection::handle_timeout) whenever it wakes up, and waits no longer than
//! until [`poll_timeout`](Connection::poll_timeout): then dead peers are found by heartbeats, slow
//! ones are cut, and a close ends, by the times in [`Config`].
//!
//! The handshake before that is a machine of its own with the same verbs:
//! [`handshake::ServerHandshake`] and [`handshake::ClientHandshake`], which turn into a
//! [`Connection`] without losing a byte that came behind it.
//!
//! # How a byte travels
//!
//! ```text
//! transport ──▶   Input    ──▶ poll_event ──▶ Event: lent in place, unmasked and validated
//!                                  │                 (large or fragmented: assembled once)
//!                                  ▼
//! transport ◀── TransmitBuf ◀── poll_transmit ◀── send, ping, close; Pong and Close by itself
//! ```
//!
//! # The modules, and what of the RFC they are
//!
//! | module | what it does | section |
//! |---|---|---|
//! | [`Input`], [`TransmitBuf`] | the two ends of a byte's way | |
//! | [`Utf8Validator`], [`Utf8Bytes`] | text, validated as it arrives | §8.1 |
//! | [`CloseCode`], [`Closed`] | how and why a connection ends | §7.4 |
//! | [`ConnectionError`], [`SendError`] | whose fault it is | §7.1.7 |
//! | [`frame`] | one frame: header, mask, decoder, encoder | §5.2, §5.3 |
//! | [`Message`], [`Payload`], [`Text`], [`Chunk`] | fragments to messages | §5.4, §5.6 |
//! | [`Outgoing`], [`Prepared`] | what can be sent; one message to many connections | |
//! | [`extension`] | negotiation, and permessage-deflate | §9, RFC 7692 |
//! | [`Connection`], [`Config`], [`Event`], [`Commands`] | an open endpoint | §5.5, §6, §7 |
//! | [`handshake`] | how a connection begins | §4 |
//! | [`whatwg`] | the two as the object that a page has | |
//! | [`reconnect`] | a client that comes back: when, and what becomes of its messages | §7.2.3 |
//! | [`delivery`] | nothing lost, repeated or reordered across connections | |
//! | [`io`] | sockets, clocks and entropy: the adapters | |
//!
//! Each uses only what stands above it.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | the [`blocking`] adapter, SIMD chosen at run time |
//! | `handshake` | yes | [`handshake`] over HTTP/1.1 heads |
//! | `deflate` | | permessage-deflate |
//! | `url` | | `ws://` URLs as the WHATWG parses them |
//! | `tokio` | | the tokio adapter |
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod buffer;
mod close;
mod connection;
pub mod delivery;
#[cfg(feature = "handshake")]
pub mod driver;
mod error;
pub mod extension;
pub mod frame;
#[cfg(feature = "handshake")]
pub mod handshake;
#[cfg(all(feature = "std", feature = "handshake"))]
pub mod io;
mod message;
mod receive;
pub mod reconnect;
mod role;
mod utf8;
#[cfg(feature = "handshake")]
pub mod whatwg;

pub use buffer::{Input, TransmitBuf};
pub use close::{CloseCode, Closed, ClosedBy, MAX_REASON_LEN};
pub use connection::{
    AfterClose, Commands, Config, Connection, Drained, Event, PingWhen, Pong, ReadyState,
    Reassembly, Refused, WhenFull,
};
pub use error::{ConnectionError, SendError};
#[cfg(all(feature = "std", feature = "handshake"))]
pub use io::blocking;
#[cfg(feature = "futures-io")]
pub use io::futures_io;
#[cfg(feature = "tokio")]
pub use io::tokio;
pub use message::{Chunk, Message, MessageKind, Outgoing, Payload, Prepared, Text};
pub use role::Role;
pub use utf8::{InvalidUtf8, Utf8Bytes, Utf8Validator};

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
mod readme {}
