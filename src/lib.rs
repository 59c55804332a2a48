//! WebSocket (RFC 6455) as a sans-I/O state machine.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod buffer;
pub mod extension;
#[cfg(feature = "handshake")]
pub mod handshake;
mod role;

pub use buffer::{ReceiveBuf, TransmitBuf};
pub use role::Role;
