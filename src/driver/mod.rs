//! Runs a WebSocket connection over any transport, from its first byte to its last, without I/O.
//!
//! A [`Driver`] does everything between the protocol and a transport, except waiting: the opening
//! handshake, when to read and when to write, deadlines, back-pressure, closing. Each adapter of
//! this crate is a loop around a driver. For another runtime, write your own loop.
//!
//! A loop asks the driver three questions, in any order and as often as needed, and reports what it
//! did:
//!
//! - [`poll_event`](Driver::poll_event): what happened, or that it waits. Answer by commands.
//! - [`want_write`](Driver::want_write): bytes to write, or to flush, or to shut down. Report by
//!   [`handle_written`](Driver::handle_written),
//!   [`handle_write_error`](Driver::handle_write_error).
//! - [`want_read`](Driver::want_read): a buffer to read into. Report by
//!   [`handle_read`](Driver::handle_read), [`handle_read_error`](Driver::handle_read_error).
//!   [`handle_read_with`](Driver::handle_read_with) looks at the clock less often.
//!
//! If the transport would block, report nothing, and ask again when the transport is ready. Wait
//! until the time of [`poll_timeout`](Driver::poll_timeout) at most, and call
//! [`handle_timeout`](Driver::handle_timeout) after each wait.
//!
//! The order of a loop:
//!
//! 1. Poll events until [`Next::Wait`].
//! 2. Write, if the driver wants to. After a write, go to 1: a closing handshake may be complete.
//! 3. Read, if the driver wants to. After a read, go to 1.
//! 4. Wait for the transport or for the time, and go to 1.
//!
#![cfg_attr(
    all(feature = "std", feature = "handshake"),
    doc = "If the transport is `Read + Write`, [`io::pump`](crate::io::pump()) does steps 2 and 3. Its page has an example of a whole loop."
)]
//!
//! # Memory
//!
//! A connection needs buffers while it reads, handles messages and writes. Call
//! [`release_memory`](Driver::release_memory) before each wait: then an idle connection holds none.
//!
//! If a thread serves many connections, keep [`SpareBuffers`](crate::SpareBuffers) for that thread,
//! so that a busy connection does not allocate and free in each turn. Call
//! [`reuse_memory`](Driver::reuse_memory) when a connection's turn begins, and
//! [`release_memory_to`](Driver::release_memory_to) before it waits, as the example `mio_server`
//! does. A connection whose input or output is not empty keeps that buffer, so after
//! [`Next::Yield`], write before you let others run.
//!
//! # Completion
//!
//! On io_uring and IOCP, a read and a write are in flight at once, in memory that the kernel owns
//! meanwhile. [`take_read`](Driver::take_read) and [`take_write`](Driver::take_write) take the place
//! of `want_read` and `want_write`:
//!
//! ```no_run
//! # use bytes::BytesMut;
//! # use sanswire::driver::{Driver, Next, Transfer};
//! # use sanswire::Timestamp;
//! # enum Completion { Read(BytesMut, Option<usize>), Written(Vec<u8>, Option<usize>), Timeout }
//! # struct Ring;
//! # impl Ring {
//! #     fn read(&mut self, _: BytesMut) {}
//! #     fn write(&mut self, _: Vec<u8>) {}
//! #     fn shutdown(&mut self) {}
//! #     fn wait(&mut self, _: Option<Timestamp>) -> Completion { Completion::Timeout }
//! # }
//! # fn turn(driver: &mut Driver, ring: &mut Ring, mut block: Vec<u8>, now: Timestamp) {
//! // When `poll_event` has returned `Next::Wait`:
//! if let Some(memory) = driver.take_read() {
//!     ring.read(memory);
//! }
//! match driver.take_write(&mut block) {
//!     Some(Transfer::Bytes) => ring.write(std::mem::take(&mut block)),
//!     Some(Transfer::Flush) => driver.handle_written(0),
//!     Some(Transfer::Shutdown) => ring.shutdown(),
//!     None => {}
//! }
//! match ring.wait(driver.poll_timeout()) {
//!     Completion::Read(memory, Some(len)) => {
//!         driver.give_read(memory); // with the `len` bytes that were read in it
//!         driver.handle_read(len, now);
//!     }
//!     Completion::Read(memory, None) => {
//!         driver.give_read(memory);
//!         driver.handle_read_error();
//!     }
//!     Completion::Written(memory, written) => {
//!         block = memory;
//!         match written {
//!             Some(len) => driver.handle_written(len),
//!             None => driver.handle_write_error(),
//!         }
//!     }
//!     Completion::Timeout => driver.handle_timeout(now),
//! }
//! # }
//! ```

mod ending;
mod error;
mod machine;
mod opening;
mod reads;

pub use error::DriverError;
pub(crate) use error::write_handshake;
#[doc(alias("linger", "event loop"))]
pub use machine::Driver;
pub use machine::{Next, Stuck, Transfer, Write};
