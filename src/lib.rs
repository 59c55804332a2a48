//! WebSocket ([RFC 6455], [RFC 7692]) for tokio, futures-io, blocking sockets, and every other
//! transport: a sans-I/O state machine, with thin adapters around it.
//!
//! # On tokio
//!
//! A server that sends everything back, and a client, with the feature `tokio`. On smol and others,
//! `sanswire::io::futures_io` has the same methods.
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # mod example {
//! use sanswire::io::tokio::WebSocket;
//! use sanswire::{Config, Error};
//! use tokio::net::{TcpListener, TcpStream};
//!
//! async fn serve(listener: TcpListener) -> Result<(), Error> {
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         tokio::spawn(echo(stream));
//!     }
//! }
//!
//! async fn echo(stream: TcpStream) -> Result<(), Error> {
//!     let mut socket = WebSocket::accept(stream, &Config::default()).await?;
//!     while let Some(message) = socket.recv().await? {
//!         socket.send(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! async fn greet(url: &str) -> Result<(), Error> {
//!     let mut socket = WebSocket::connect(url).await?;
//!     socket.send("hello").await?;
//!     println!("{:?}", socket.recv().await?);
//!     socket.close(1000, "").await
//! }
//! # pub fn run() {
//! #     tokio::runtime::Runtime::new().unwrap().block_on(async {
//! #         let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//! #         let url = format!("ws://{}/", listener.local_addr().unwrap());
//! #         tokio::spawn(serve(listener));
//! #         greet(&url).await.unwrap();
//! #     });
//! # }
//! # }
//! # #[cfg(feature = "tokio")]
//! # example::run();
//! ```
//!
//! # Blocking
//!
//! The same on sockets of the standard library, one thread for each connection:
//!
//! ```
//! use std::net::{TcpListener, TcpStream};
//! use std::thread;
//!
//! use sanswire::io::blocking::WebSocket;
//! use sanswire::{Config, Error};
//!
//! fn serve(listener: TcpListener) -> Result<(), Error> {
//!     loop {
//!         let (stream, _) = listener.accept()?;
//!         thread::spawn(|| echo(stream));
//!     }
//! }
//!
//! fn echo(stream: TcpStream) -> Result<(), Error> {
//!     let mut socket = WebSocket::accept(stream, &Config::default())?;
//!     while let Some(message) = socket.recv()? {
//!         socket.send(message)?;
//!     }
//!     Ok(())
//! }
//!
//! fn greet(url: &str) -> Result<(), Error> {
//!     let mut socket = WebSocket::connect(url)?;
//!     socket.send("hello")?;
//!     println!("{:?}", socket.recv()?);
//!     socket.close(1000, "")
//! }
//! # let listener = TcpListener::bind("127.0.0.1:0").unwrap();
//! # let url = format!("ws://{}/", listener.local_addr().unwrap());
//! # thread::spawn(|| serve(listener));
//! # greet(&url).unwrap();
//! ```
//!
//! # In a runtime of your own
//!
//! A [`driver::Driver`] is a connection from its first byte to its last. It says what to read, what
//! to write and how long to wait, and holds every policy: deadlines, back-pressure, fairness, and an
//! end that lets the peer read the last Close frame. All adapters are loops around it. `io::pump`
//! does what it says to a stream; what is left is to wait.
//!
//! ```
//! use sanswire::driver::{Driver, DriverError, Next};
//! use sanswire::handshake::Acceptance;
//! use sanswire::{Config, Event, io};
//! use std::net::TcpStream;
//! use std::time::{Duration, Instant};
//!
//! /// `wait` waits until the driver can read, or write, or the time is over.
//! fn echo(
//!     stream: &mut TcpStream, // non-blocking
//!     mut wait: impl FnMut(&TcpStream, &Driver, Option<Duration>),
//! ) -> Result<(), DriverError> {
//!     let (mut driver, start) = (Driver::server(&Config::default()), Instant::now());
//!     loop {
//!         match driver.poll_event()? {
//!             // There is room for an answer. What is refused is so because it is closing.
//!             Next::Event(Event::Text(text), mut commands) => drop(commands.send(text)),
//!             Next::Event(Event::Binary(payload), mut commands) => drop(commands.send(payload)),
//!             Next::Event(..) | Next::Response(_) | Next::Yield => {}
//!             // A bad request is answered so, and `poll_event` returns the error behind that.
//!             Next::Request(request) => drop(driver.accept(&request, &Acceptance::new())),
//!             // When the stream fails, the driver knows: it delivers what came before, then ends.
//!             Next::Wait => if let Ok(false) = io::pump(&mut driver, stream, || start.elapsed()) {
//!                 driver.release_memory();
//!                 let left = driver.poll_timeout().map(|at| at.saturating_duration_since(start.elapsed()));
//!                 wait(stream, &driver, left); // See `wants_read` and `wants_write`.
//!             },
//!             Next::Over => return Ok(()),
//!         }
//!     }
//! }
//! # use std::io::{Read, Write};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! # let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
//! # let (mut server, _) = listener.accept().unwrap();
//! # server.set_nonblocking(true).unwrap();
//! # let server = std::thread::spawn(move || {
//! #     echo(&mut server, |_, _, _| std::thread::sleep(Duration::from_millis(1)))
//! # });
//! # client.write_all(
//! #     b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//! #       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\
//! #       \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\0\0\0\0",
//! # ).unwrap();
//! # client.shutdown(std::net::Shutdown::Write).unwrap();
//! # let mut output = Vec::new();
//! # client.read_to_end(&mut output).unwrap();
//! # assert!(output.ends_with(b"\r\n\r\n\x81\x05Hello\x88\x00"));
//! # assert_eq!(server.join().unwrap(), Ok(()));
//! ```
//!
//! Without `std`, or with reads and writes in flight as io_uring has them, ask the driver directly:
//! see the module [`driver`]. Where the opening handshake is done elsewhere, as in an HTTP/2 or
//! HTTP/3 stack, make a [`Connection`] and let [`Driver::from`](driver::Driver) go on with it. A
//! `Connection` can be run without a driver, too: its documentation has the order of the calls.
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
//! The connection owns what it receives. [`Input`] lends the place where the next bytes go, and each
//! [`Event`] is lent together with the [`Commands`] to answer it by.
//!
//! # The layers
//!
//! ```text
//! tokio   futures_io   blocking   your loop      sockets, clocks, entropy
//!    └────┬────┘           │       │    │
//!      io::poll            └io::pump    │
//! ────────┴───────────────────┴─────────┴──────────────────────────────────
//!                 driver::Driver                 no I/O, no clock, no `std`
//!          ┌────────────┴────────────┐
//!      handshake                 Connection
//!                                    └── messages ── frames ── bytes
//! ```
//!
//! # The modules, and what of the RFC they are
//!
//! | module | what it does | section |
//! |---|---|---|
//! | [`Input`], [`TransmitBuf`] | the two ends of a byte's way | |
//! | [`Utf8Validator`], [`Utf8Bytes`] | text, validated as it arrives | §8.1 |
//! | [`Timestamp`] | a moment in time, by the caller's clock | |
//! | [`CloseCode`], [`Closed`] | how and why a connection ends | §7.4 |
//! | [`ConnectionError`], [`SendError`] | whose fault it is | §7.1.7 |
//! | [`frame`] | one frame: header, mask, decoder, encoder | §5.2, §5.3 |
//! | [`extension`] | negotiation, and permessage-deflate | §9, RFC 7692 |
//! | [`Message`], [`Payload`], [`Text`], [`Chunk`] | fragments to messages | §5.4, §5.6 |
//! | [`Outgoing`], [`Prepared`] | what can be sent; one message to many connections | |
//! | [`Connection`], [`Config`], [`Event`], [`Commands`] | an open endpoint | §5.5, §6, §7 |
//! | [`handshake`] | how a connection begins | §4 |
//! | [`driver`] | a connection from first byte to last, for any transport | §4, §7.1 |
//! | [`whatwg`] | the browser's `WebSocket` object, without I/O | |
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
//! | `std` | yes | the [`io::blocking`] adapter and [`io::pump`](io::pump()), SIMD chosen at run time |
//! | `handshake` | yes | [`handshake`] over HTTP/1.1 heads, [`driver`], [`whatwg`] |
//! | `deflate` | | permessage-deflate |
//! | `url` | | URLs as the WHATWG parses them: international host names, percent-encoding |
//! | `tokio` | | the `io::tokio` adapter, and its client that comes back |
//! | `futures-io` | | the `io::futures_io` adapter, for smol and others |
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg_attr(
    not(feature = "handshake"),
    expect(dead_code, reason = "the driver is not there, which asks more than a caller can")
)]
mod buffer;
mod close;
#[cfg_attr(
    not(feature = "handshake"),
    expect(dead_code, reason = "the driver is not there, which asks more than a caller can")
)]
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
mod setters;
mod timestamp;
mod utf8;
#[cfg(feature = "handshake")]
pub mod whatwg;

pub use buffer::{Input, TransmitBuf};
pub use close::{CloseCode, Closed, ClosedBy, MAX_REASON_LEN};
pub use connection::{
    AfterClose, CloseReason, Commands, Config, Connection, Discarded, Event, PingWhen, PongMode,
    ReadyState, Reassembly, Refused, WhenFull, Writable,
};
pub use error::{ConnectionError, SendError};
#[cfg(all(feature = "std", feature = "handshake"))]
pub use io::error::Error;
pub use message::{Chunk, Message, MessageKind, Outgoing, Payload, Prepared, Text};
pub use role::Role;
pub use timestamp::Timestamp;
pub use utf8::{InvalidUtf8, Utf8Bytes, Utf8Validator};

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(all(doctest, feature = "tokio"))]
mod guide {
    #[doc = include_str!("../docs/guide/authentication.md")]
    mod authentication {}
    #[doc = include_str!("../docs/guide/shutdown.md")]
    mod shutdown {}
    #[doc = include_str!("../docs/guide/split.md")]
    mod split {}
    #[doc = include_str!("../docs/guide/streaming.md")]
    mod streaming {}
    #[doc = include_str!("../docs/guide/testing.md")]
    mod testing {}
}
