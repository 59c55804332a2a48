//! Buffers that nobody uses, on their way from one connection to the next; knows no connection.

use core::fmt;

use bytes::BytesMut;

use super::TransmitBuf;

/// Unused memory, kept for the next connection that needs it: a buffer for input and one for output.
///
/// A connection that waits holds no buffers. Where many connections take turns, each would allocate
/// its buffers at the beginning of a turn and free them at the end. With spare buffers for each thread,
/// they take turns with the same two buffers:
///
/// ```
/// use sanswire::{Config, Connection, SpareBuffers};
///
/// fn turn(connection: &mut Connection, spare: &mut SpareBuffers) {
///     connection.reuse_memory(spare);
///     // Read, poll events and write, until there is nothing to do.
///     connection.release_memory_to(spare);
/// }
///
/// let mut spare = SpareBuffers::default();
/// for connection in &mut [(); 10].map(|()| Connection::server(&Config::default())) {
///     turn(connection, &mut spare);
/// }
/// ```
///
/// It starts empty, and never holds more than 264 KiB: 128 KiB for each of the buffers, and a few
/// KiB of bookkeeping. A connection that needs more allocates it and frees it.
///
/// No connection sees what another one has received or sent. Only memory that counts as
/// uninitialised is handed over, so [`Input::spare_mut`](crate::Input::spare_mut) fills it
/// with zeros first.
#[derive(Default)]
pub struct SpareBuffers {
    /// Empty, and no message lies in its allocation.
    pub(crate) input: BytesMut,
    /// Empty.
    pub(crate) output: TransmitBuf,
}

impl fmt::Debug for SpareBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpareBuffers").finish_non_exhaustive()
    }
}

/// The largest buffer that is kept: more than is read at once, and than answers to that take.
pub(super) const KEEP_AT_MOST: usize = 128 << 10;

/// A buffer is given up for what is so many times smaller than itself.
pub(super) const MUCH_LESS: usize = 8;

/// What is not held for a little that waits, once nothing more comes.
pub(super) const MUCH: usize = 32 << 10;
