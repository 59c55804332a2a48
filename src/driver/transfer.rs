//! What a completion transport needs, as io_uring and IOCP are: a read and a write in flight at
//! once, in memory that the kernel owns meanwhile.
//!
//! ```no_run
//! # use bytes::BytesMut;
//! # use sanswire::driver::{Driver, Next, Transfer};
//! # use std::time::Duration;
//! # enum Completion { Read(BytesMut, Option<usize>), Written(Vec<u8>, Option<usize>), Timeout }
//! # struct Ring;
//! # impl Ring {
//! #     fn read(&mut self, _: BytesMut) {}
//! #     fn write(&mut self, _: Vec<u8>) {}
//! #     fn shutdown(&mut self) {}
//! #     fn wait(&mut self, _: Option<Duration>) -> Completion { Completion::Timeout }
//! # }
//! # fn turn(driver: &mut Driver, ring: &mut Ring, mut block: Vec<u8>, now: Duration) {
//! // Behind `poll_event`, when that said to wait:
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

use alloc::vec::Vec;

use bytes::BytesMut;

use super::machine::{Driver, Write};

/// What [`Driver::take_write`] has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a loop has to know all there is to do")]
pub enum Transfer {
    /// Bytes, which are in the block.
    Bytes,
    /// Nothing but the wish that what was written be passed on.
    Flush,
    /// Nothing but the wish that the sending side be shut down.
    Shutdown,
}

impl Driver {
    /// Takes memory to read into, if anything is to be read now and none is away.
    ///
    /// It is empty, with capacity for a read: append what was read, [give](Self::give_read) it
    /// back, and say how much that was by [`handle_read`](Self::handle_read) or that it failed by
    /// [`handle_read_error`](Self::handle_read_error). Meanwhile [`want_read`](Self::want_read)
    /// wants nothing. Events are delivered and output is written all the same.
    ///
    /// When the driver is [over](Self::is_over) while a read is in flight, cancel it and wait for
    /// that before the memory is dropped.
    #[must_use = "the memory is to be given back"]
    pub fn take_read(&mut self) -> Option<BytesMut> {
        let memory = self.want_read()?.split_spare();
        self.set_read_away(true);
        Some(memory)
    }

    /// Gives memory back that was [taken](Self::take_read), with what was read in it. Where nothing
    /// else was appended meanwhile, nothing is copied.
    pub fn give_read(&mut self, memory: BytesMut) {
        self.set_read_away(false);
        self.input().append(memory);
    }

    /// Takes what is to be done with the sending side, if anything is and nothing is under way: of
    /// bytes, up to 64 KiB are copied into `block`, which is cleared before.
    ///
    /// Say what came of it by [`handle_written`](Self::handle_written) or
    /// [`handle_write_error`](Self::handle_write_error). Until then the bytes count as buffered,
    /// and [`want_write`](Self::want_write) wants nothing.
    pub fn take_write(&mut self, block: &mut Vec<u8>) -> Option<Transfer> {
        block.clear();
        let taken = match self.want_write()? {
            Write::Bytes(output) => {
                output.copy_to(block, BLOCK_SIZE);
                Transfer::Bytes
            }
            Write::Flush => Transfer::Flush,
            Write::Shutdown => Transfer::Shutdown,
        };
        self.set_write_away();
        Some(taken)
    }
}

/// The most that is copied for one write.
const BLOCK_SIZE: usize = 64 << 10;
