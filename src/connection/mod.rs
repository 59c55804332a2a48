//! An open connection (§5.5, §6, §7): what arrives becomes events, commands become bytes; knows
//! neither sockets nor clocks nor handshakes.
//!
//! | file | what it has |
//! |---|---|
//! | `machine` | [`Connection`]: what arrives, put together with the end that it is for |
//! | `event`, `commands` | what it reports, and what can be asked of it |
//! | `endpoint` | one end: what its application, its peer and the clock do to it |
//! | `life` | the phases and transitions |
//! | `output` | the order in which frames leave |
//! | `framing`, `masking_keys` | one frame on its way out |
//! | `backlog` | what has to wait before it is framed |
//! | `water_marks` | how much may wait |
//! | `timers` | heartbeats and deadlines |
//! | `config` | what an application may choose |

mod allowance;
mod backlog;
mod commands;
mod config;
mod endpoint;
mod event;
mod framing;
mod holding;
mod life;
mod machine;
mod masking_keys;
mod output;
mod refused;
mod time;
mod timers;
mod water_marks;

pub use commands::Commands;
pub use config::{AfterClose, CloseReason, Config, PingWhen, PongMode, Reassembly, WhenFull};
#[cfg(feature = "handshake")]
pub(crate) use endpoint::check_close;
pub use event::{Discarded, Event, Writable};
pub use life::ReadyState;
pub use machine::Connection;
#[cfg(feature = "handshake")]
pub(crate) use machine::{Opened, Ready};
#[cfg(feature = "split")]
pub(crate) use output::Mark;
pub use refused::Refused;
