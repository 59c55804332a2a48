//! Everything between the machines and a transport but the waiting: opening, reading, writing,
//! being stuck, closing, lingering. Knows neither sockets nor clocks nor runtimes.
//!
//! A [`Driver`] is what each adapter of this crate is a loop around, and what a loop of your own
//! should be around, too. It is asked three questions, in any order and as often as you like, and
//! told what came of the answers:
//!
//! | question | answer | then tell it |
//! |---|---|---|
//! | [`poll_event`](Driver::poll_event) | what happened, or that there is nothing to do but wait | commands |
//! | [`want_write`](Driver::want_write) | bytes to write, or to flush, or to shut down | [`handle_written`](Driver::handle_written), [`handle_write_error`](Driver::handle_write_error) |
//! | [`want_read`](Driver::want_read) | where to read to | [`handle_read`](Driver::handle_read), [`handle_read_error`](Driver::handle_read_error) |
//!
//! Between them, wait until [`poll_timeout`](Driver::poll_timeout), and say what time it is by
//! [`handle_timeout`](Driver::handle_timeout). A transport that takes nothing, or has nothing, is
//! nothing to tell: ask again when it is ready.
//!
//! The order of a loop: events until [`Next::Wait`]; then write; then events *again*, since a
//! closing handshake may be complete; then read or wait. For a blocking stream with a read timeout
//! that is:
//!
//! ```
//! use std::io::{self, Read, Write};
//! use std::time::Instant;
//!
//! use bytes::Buf;
//! use sanswire::driver::{self, Driver, Next};
//! use sanswire::handshake::Acceptance;
//! use sanswire::{Config, Event};
//!
//! fn echo(stream: &mut (impl Read + Write)) -> Result<(), driver::Error> {
//!     let (mut driver, start) = (Driver::server(&Config::default()), Instant::now());
//!     loop {
//!         match driver.poll_event()? {
//!             Next::Event(Event::Text(text), mut commands) => _ = commands.send(&text),
//!             Next::Event(..) | Next::Response(_) | Next::Yield => {}
//!             Next::Request(request) => driver.accept(&request, &Acceptance::new())?,
//!             Next::Over => return Ok(()),
//!             Next::Wait => driver::pump(stream, &mut driver, || start.elapsed()),
//!         }
//!     }
//! }
//! # struct Memory(io::Cursor<Vec<u8>>, Vec<u8>);
//! # impl Read for Memory {
//! #     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> { self.0.read(buf) }
//! # }
//! # impl Write for Memory {
//! #     fn write(&mut self, buf: &[u8]) -> io::Result<usize> { self.1.write(buf) }
//! #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
//! # }
//! # let request = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//! #     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
//! # let frames = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\0\0\0\0";
//! # let mut memory = Memory(io::Cursor::new([&request[..], frames].concat()), Vec::new());
//! # echo(&mut memory).unwrap();
//! # assert!(memory.1.ends_with(b"\x81\x05Hello\x88\x00"));
//! ```

mod ending;
mod error;
mod machine;
mod opening;
mod reads;

pub use error::Error;
pub use machine::{Driver, Next, Write};
