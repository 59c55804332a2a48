//! What a completion transport needs: a read and a write in flight at once, in memory that the
//! kernel owns meanwhile; knows no kernel.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::{Driver, Write};

/// What [`Driver::take_write`] has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a loop has to know all there is to do")]
pub enum Transfer {
    /// Bytes: write the block.
    Bytes,
    /// Nothing: flush what the transport may have buffered.
    Flush,
    /// Nothing: shut the sending side down.
    Shutdown,
}

impl Driver {
    /// Takes memory to read into, or `None` if nothing is to be read now or a read is in flight.
    ///
    /// It is empty, with capacity for a read. Append what was read, [give](Self::give_read) the
    /// memory back, and call [`handle_read`](Self::handle_read), or
    /// [`handle_read_error`](Self::handle_read_error) if the read failed. Until then
    /// [`want_read`](Self::want_read) returns `None`; events and output go on.
    ///
    /// When the driver is [over](Self::is_over) while a read is in flight, cancel the read, and drop
    /// the memory only once the kernel has let go of it.
    #[must_use = "the memory is to be given back"]
    pub fn take_read(&mut self) -> Option<BytesMut> {
        let memory = self.want_read()?.split_spare();
        self.set_read_away(true);
        Some(memory)
    }

    /// Gives memory back that was [taken](Self::take_read), with what was read in it. Nothing is
    /// copied unless something else was appended meanwhile.
    pub fn give_read(&mut self, memory: BytesMut) {
        self.set_read_away(false);
        self.input().append(memory);
    }

    /// Takes what to do with the sending side, or `None` if there is nothing to do or a write is in
    /// flight. `block` is cleared; bytes to write are copied into it, up to 64 KiB.
    ///
    /// When it is done, call [`handle_written`](Self::handle_written), or
    /// [`handle_write_error`](Self::handle_write_error) if it failed. Until then the bytes count as
    /// buffered, and [`want_write`](Self::want_write) returns `None`.
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
