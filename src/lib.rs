//! WebSocket ([RFC 6455], with permessage-deflate of [RFC 7692]): clients and servers on tokio, smol
//! and blocking sockets, and a sans-I/O core for everything else.
//!
//! # On tokio
//!
//! An echo server and a client, with the feature `tokio`. On smol and async-std, use
//! [`io::futures_io`], which has the same methods.
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
//!         tokio::spawn(echo(stream)); // Its result is an error to log.
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
//! The same on sockets of the standard library, with one thread for each connection. It needs
//! only the default features.
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
//! A [`driver::Driver`] runs a connection from its first byte to its last, without I/O. It says what
//! to read, what to write and how long to wait, and has all policies: deadlines, back-pressure,
//! fairness, and an end at which the peer can read the last Close frame. All adapters are loops around
//! it. [`io::pump`](io::pump()) reads and writes on a non-blocking stream; the loop only has to wait.
//!
//! ```
//! use sanswire::driver::{Driver, DriverError, Next};
//! use sanswire::handshake::Acceptance;
//! use sanswire::{Config, Event, io};
//! use std::net::TcpStream;
//! use std::time::{Duration, Instant};
//!
//! /// `wait` waits until the stream is ready for what the driver wants, or the time is over.
//! fn echo(
//!     stream: &mut TcpStream, // non-blocking
//!     mut wait: impl FnMut(&TcpStream, &Driver, Option<Duration>),
//! ) -> Result<(), DriverError> {
//!     let (mut driver, start) = (Driver::server(&Config::default()), Instant::now());
//!     loop {
//!         match driver.poll_event()? {
//!             Next::Event(event, mut commands) => match event {
//!                 Event::Text(text) => commands.send(text),
//!                 Event::Binary(payload) => commands.send(payload),
//!                 _ => Ok(()),
//!             }
//!             .unwrap_or_else(|refused| eprintln!("not sent back: {refused}")),
//!             // A bad request is answered with its fault. `poll_event` has the error, too.
//!             Next::Request(request) => {
//!                 let _ = driver.accept(&request, &Acceptance::new());
//!             }
//!             Next::Response(_) | Next::Yield => {}
//!             // If the stream fails, the driver delivers what arrived before, then ends.
//!             Next::Wait => if let Ok(false) = io::pump(&mut driver, stream, || start.elapsed()) {
//!                 driver.release_memory();
//!                 let at = driver.poll_timeout();
//!                 let left = at.map(|at| at.saturating_duration_since(start.elapsed()));
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
//! The module [`driver`] has the loops for `no_std` and for io_uring. For another asynchronous
//! runtime, implement [`io::poll::PollTransport`]. If another HTTP stack does the opening handshake,
//! make a [`Connection`], and a driver from it by [`Driver::from`](driver::Driver). A `Connection`
//! also works without a driver: its page has the order of the calls.
//!
//! # Where to look
//!
//! - connect to a URL: [`WebSocket::connect`](io::tokio::WebSocket::connect)
//! - set headers, tokens, subprotocols, limits of a client:
//!   [`WebSocket::connect_with`](io::tokio::WebSocket::connect_with); see
//!   [`ClientRequest`](handshake::ClientRequest)
//! - connect over TLS (`wss://`), accept over TLS:
//!   [`WebSocket::connect`](io::tokio::WebSocket::connect),
//!   [`NetStream::accept_tls`](io::tokio::NetStream::accept_tls); see [`io::tls`]
//! - connect through a proxy, to another address, after redirects:
//!   [`WebSocket::connect_via`](io::tokio::WebSocket::connect_via); see
//!   [`Connector`](io::Connector), [`guide::proxy`]
//! - connect over another stream:
//!   [`WebSocket::connect_over`](io::poll::WebSocket::connect_over); see [`guide::proxy`]
//! - run a server, with limits and a handler for each connection:
//!   [`Server`](io::tokio::Server); see [`io::tokio::server`]
//! - accept a connection in a loop of your own:
//!   [`WebSocket::accept`](io::poll::WebSocket::accept)
//! - check path, headers or tokens; refuse a client:
//!   [`Server::serve_with`](io::tokio::Server::serve_with),
//!   [`WebSocket::accept_with`](io::poll::WebSocket::accept_with); see [`guide::authentication`]
//! - refuse pages of other sites: [`OriginPolicy`](handshake::OriginPolicy); see
//!   [`guide::authentication`]
//! - serve a page on the same port: [`Response::html`](handshake::Response::html)
//! - receive and send messages: [`recv`](io::poll::WebSocket::recv),
//!   [`send`](io::poll::WebSocket::send); see [`Message`], [`Outgoing`]
//! - send and receive in two tasks: [`split`](io::poll::WebSocket::split); see [`guide::rooms`]
//! - answer many small messages fast: [`run`](io::poll::WebSocket::run); see [`Event`],
//!   [`Commands`]
//! - send to many, some of them slow: [`Prepared`], [`Config::when_full`]; see [`guide::rooms`]
//! - receive or send large messages in parts: [`Reassembly::Chunks`],
//!   [`begin`](io::poll::WebSocket::begin); see [`guide::streaming`]
//! - limit sizes and times: [`Config`], [`handshake::HeadLimits`]; see [`guide::limits`]
//! - find dead peers by heartbeats: [`Config::ping_interval`], [`Config::pong_timeout`]; see
//!   [`guide::heartbeats`]
//! - understand an error: [`Error`], [`ConnectionError`],
//!   [`HandshakeError`](handshake::HandshakeError); see [`guide::errors`]
//! - close with a code; learn who closed and why: [`close`](io::poll::WebSocket::close),
//!   [`closed`](io::poll::WebSocket::closed); see [`CloseCode`], [`Closed`]
//! - pass messages on to a backend: [`split`](io::poll::WebSocket::split); see [`guide::gateway`]
//! - shut down a server:
//!   [`ServerHandle::shut_down`](io::tokio::server::ServerHandle::shut_down),
//!   [`Shutdown`](io::poll::Shutdown); see [`guide::shutdown`]
//! - compress messages: [`ClientRequest::deflate`](handshake::ClientRequest::deflate),
//!   [`Acceptance::deflate`](handshake::Acceptance::deflate); feature `deflate`
//! - reconnect: [`io::tokio::reconnecting`]; see [`guide::reconnecting`]
//! - lose no message when a connection breaks:
//!   [`Options::delivery`](io::tokio::reconnecting::Options); see [`delivery`]
//! - test an application in memory: `tokio::io::duplex`, [`Connection`]; see [`guide::testing`]
//! - use HTTP/2, HTTP/3 or another HTTP stack:
//!   [`handshake`](handshake#with-another-http-stack)
//! - have exactly the browser's `WebSocket`: [`whatwg::WebSocketObject`]
//!
//! The [`guide`] has a page for each larger task, with programs that run.
//!
//! # How it is built
//!
//! Bytes go into a state machine and events come out; commands go in and bytes come out. The machine
//! has no sockets and no clock.
//!
//! ```text
//! transport ──▶   Input    ──▶ poll_event ──▶ Event: lent in place, unmasked and validated
//!                                  │                 (large or fragmented: assembled once)
//!                                  ▼
//! transport ◀── TransmitBuf ◀── poll_transmit ◀── send, ping, close; Pong and Close by itself
//! ```
//!
//! The connection owns the bytes that it receives. [`Input`] is the place for the next ones. Each
//! [`Event`] is lent together with the [`Commands`] to answer it, so most messages are not copied.
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
//! # Modules
//!
//! - [`Input`], [`TransmitBuf`]: where bytes go in and come out
//! - [`SpareBuffers`]: memory that connections take turns with
//! - [`Utf8Validator`], [`Utf8Bytes`]: text, validated as it arrives (§8.1)
//! - [`Timestamp`]: a moment in time, by the caller's clock
//! - [`CloseCode`], [`Closed`]: how and why a connection ends (§7.4)
//! - [`ConnectionError`], [`SendError`]: why a connection failed; why a command was refused
//!   (§7.1.7)
//! - [`frame`]: one frame: header, mask, decoder, encoder (§5.2, §5.3)
//! - [`extension`]: negotiation, and permessage-deflate (§9, RFC 7692)
//! - [`Message`], [`Payload`], [`Text`], [`Chunk`]: messages, whole or in parts (§5.4, §5.6)
//! - [`Outgoing`], [`Prepared`]: what can be sent; one message for many connections
//! - [`Connection`], [`Config`], [`Event`], [`Commands`]: an open endpoint (§5.5, §6, §7)
//! - [`handshake`]: the opening handshake (§4)
//! - [`driver`]: runs a connection over any transport (§4, §7.1)
//! - [`whatwg`]: the browser's `WebSocket` object, without I/O
//! - [`reconnect`]: decides when a client reconnects, and what happens to its messages (§7.2.3)
//! - [`delivery`]: delivers each message once, in order, across connections
//! - [`io`]: the adapters: sockets, clocks and entropy
//!
//! Each module uses only those above it.
//!
//! # Features
//!
//! - `std` (default): the [`io::blocking`] adapter, [`io::pump`](io::pump()), SIMD chosen at run
//!   time
//! - `handshake` (default): [`handshake`] over HTTP/1.1, [`driver`], [`whatwg`]
//! - `deflate`: permessage-deflate
//! - `url`: URLs as the WHATWG parses them: international host names, percent-encoding
//! - `split`: several threads that use one socket of [`io::blocking`]
//! - `tokio`: [`io::tokio`], and its client that reconnects
//! - `futures-io`: [`io::futures_io`], for smol, async-std and others
//! - `proxy`: proxies of the environment ([`Connector::proxy_from_env`](io::Connector)), SOCKS5 on
//!   tokio
//! - `rustls`: TLS, for `wss` URLs and for servers, without a crypto provider and without root
//!   certificates: [`io::tls`]
//! - `ring`, `aws-lc-rs`: a crypto provider for `rustls`
//! - `webpki-roots`, `platform-verifier`: root certificates for `rustls`, Mozilla's or those of the
//!   operating system
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692
#![cfg_attr(docsrs, feature(doc_cfg))]
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
#[cfg(test)]
mod effort;
mod error;
mod excerpt;
pub mod extension;
pub mod frame;
#[cfg(any(all(doc, not(doctest)), all(doctest, feature = "tokio")))]
#[cfg_attr(docsrs, doc(auto_cfg = false))]
pub mod guide;
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

pub use buffer::{Input, SpareBuffers, TransmitBuf};
// An alias for the search of the docs belongs to the re-export: rustdoc ignores it on an item of a
// private module.
#[doc(alias("close code", "status code"))]
pub use close::CloseCode;
#[doc(alias("close reason", "CloseEvent"))]
pub use close::Closed;
pub use close::{ClosedBy, MAX_REASON_LEN};
#[doc(alias("options", "settings", "timeout", "limits"))]
pub use connection::Config;
#[doc(alias = "readyState")]
pub use connection::ReadyState;
#[doc(alias("backpressure", "slow", "overflow"))]
pub use connection::WhenFull;
pub use connection::{
    AfterClose, CloseReason, Commands, Connection, Discarded, Event, PingWhen, PongMode,
    Reassembly, Refused, Writable,
};
pub use error::{ConnectionError, SendError};
#[cfg(all(feature = "std", feature = "handshake"))]
pub use io::error::Error;
#[doc(alias("streaming", "fragment"))]
pub use message::Chunk;
#[doc(alias("broadcast", "rooms"))]
pub use message::Prepared;
pub use message::{Message, MessageKind, Outgoing, Payload, Text};
pub use role::Role;
pub use timestamp::Timestamp;
pub use utf8::{InvalidUtf8, Utf8Bytes, Utf8Validator};

#[cfg(all(doctest, feature = "rustls", feature = "tokio"))]
#[doc = include_str!("../README.md")]
mod readme {}
