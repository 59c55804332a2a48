//! The two ends of a byte's way through the crate; knows no protocol.
//!
//! A [`ReceiveBuf`] is filled by the transport, through an [`Input`], and emptied by the state
//! machine that owns it; a [`TransmitBuf`] the other way round. Neither does any I/O.

mod input;
mod receive;
mod spare;
mod transmit;

pub use input::Input;
#[cfg(feature = "handshake")]
pub(crate) use input::READ_SIZE;
pub(crate) use receive::ReceiveBuf;
pub use spare::SpareBuffers;
pub use transmit::TransmitBuf;
