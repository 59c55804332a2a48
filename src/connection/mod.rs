//! An open connection (§5.5, §6, §7): what arrives becomes events, commands become bytes; knows
//! neither sockets nor clocks.

mod commands;
mod config;
mod event;
mod masks;
#[cfg(feature = "handshake")]
mod opening;
mod outgoing;
mod state;

pub use config::{AfterClose, Config, Pong, Reassembly};
pub use event::Event;
pub use outgoing::Refused;
pub use state::{Connection, ReadyState};
