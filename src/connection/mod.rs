//! An open connection (§5.5, §6, §7): what arrives becomes events, commands become bytes; knows
//! neither sockets nor clocks.

mod commands;
mod config;
mod deadlines;
mod event;
mod getters;
mod marks;
mod masks;
#[cfg(feature = "handshake")]
mod opening;
mod outbound;
mod outgoing;
mod refused;
mod state;
mod timers;
mod waiting;

pub use config::{AfterClose, Config, PingWhen, Pong, Reassembly, WhenFull};
pub use event::{Drained, Event};
pub use refused::Refused;
pub use state::{Connection, ReadyState};
