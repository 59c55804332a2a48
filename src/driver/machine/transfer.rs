//! What a completion transport needs: a read and a write in flight at once, in memory that the
//! kernel owns meanwhile; knows no kernel.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::{Driver, Write};

/// What [`Driver::take_write`] has taken, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a loop has to know all there is to do")]
pub enum Transfer {
    /// Write the block.
    Bytes,
    /// Flush the transport's own buffer. The block is empty.
    Flush,
    /// Shut down the sending side. The block is empty.
    Shutdown,
}

impl Driver {
    /// Takes memory to read into. Returns `None` if nothing should be read now, or if a read is in
    /// flight.
    ///
    /// The memory is empty and has capacity for a read. Append the bytes that were read,
    /// [give](Self::give_read) the memory back, and call [`handle_read`](Self::handle_read), or
    /// [`handle_read_error`](Self::handle_read_error) if the read failed. Until then,
    /// [`want_read`](Self::want_read) returns `None`; events and writes continue.
    ///
    /// If the driver is [over](Self::is_over) while a read is in flight, cancel the read, and drop
    /// the memory only after the kernel has released it.
    #[doc(alias = "io_uring")]
    #[must_use = "the memory is to be given back"]
    pub fn take_read(&mut self) -> Option<BytesMut> {
        let memory = self.want_read()?.split_spare();
        self.set_read_away(true);
        Some(memory)
    }

    /// Gives back the memory of [`take_read`](Self::take_read), with the bytes that were read. They
    /// are copied only if other bytes were appended meanwhile.
    pub fn give_read(&mut self, memory: BytesMut) {
        self.set_read_away(false);
        self.input().append(memory);
    }

    /// Takes the next action for the sending side. Returns `None` if there is nothing to do, or if
    /// a write is in flight. `block` is cleared; up to 64 KiB of output are copied into it.
    ///
    /// When the action is done, call [`handle_written`](Self::handle_written), or
    /// [`handle_write_error`](Self::handle_write_error) if it failed. Until then, the bytes count
    /// as buffered, and [`want_write`](Self::want_write) returns `None`.
    #[doc(alias = "io_uring")]
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
