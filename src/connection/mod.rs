//! An open connection (§5.5, §6, §7): what arrives becomes events, commands become bytes; knows
//! neither sockets nor clocks.

mod commands;
mod config;
mod deadlines;
mod event;
mod masks;
#[cfg(feature = "handshake")]
mod opening;
mod outgoing;
mod state;
mod timers;

pub use config::{AfterClose, Config, PingWhen, Pong, Reassembly};
pub use event::Event;
pub use outgoing::Refused;
pub use state::{Connection, ReadyState};
