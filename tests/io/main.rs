//! The adapters, over sockets and over pipes in memory.
#![cfg(all(feature = "std", feature = "handshake"))]

#[path = "../support/random.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "other tests need all of it")]
mod random;
mod support;
#[cfg(feature = "ring")]
#[path = "../support/tls.rs"]
mod tls;
mod told;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
#[path = "../support/transport.rs"]
mod transport;

mod blocking;
mod blocking_deadlines;
mod blocking_opening;
mod blocking_rounds;
#[cfg(feature = "split")]
mod blocking_split;
mod blocking_streams;
#[cfg(feature = "ring")]
mod blocking_tls;
#[cfg(feature = "tokio")]
mod deadlines;
#[cfg(feature = "tokio")]
mod delivery;
#[cfg(all(feature = "tokio", feature = "futures-io"))]
mod futures_io;
#[cfg(feature = "tokio")]
mod gateway;
#[cfg(feature = "tokio")]
mod names;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod poll;
#[cfg(feature = "tokio")]
mod reconnecting;
#[cfg(feature = "tokio")]
mod schedules;
#[cfg(feature = "tokio")]
mod server;
#[cfg(all(feature = "tokio", feature = "futures-io"))]
mod smol;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod spare;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod turns;
