//! The two ends of a byte's way through the crate; knows no protocol.
//!
//! [`ReceiveBuf`] is filled by the transport and emptied by a state machine, [`TransmitBuf`] the
//! other way round. Neither does any I/O.

mod receive;
mod transmit;

pub use receive::ReceiveBuf;
pub use transmit::TransmitBuf;
