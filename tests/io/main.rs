//! The adapters, over sockets and over pipes in memory.
#![cfg(all(feature = "std", feature = "handshake"))]

mod support;

mod blocking;
mod blocking_deadlines;
mod blocking_streams;
#[cfg(feature = "tokio")]
mod broadcast;
#[cfg(feature = "tokio")]
mod cancel;
#[cfg(feature = "tokio")]
mod deadlines;
#[cfg(feature = "tokio")]
mod delivery;
#[cfg(feature = "tokio")]
mod reconnecting;
#[cfg(feature = "tokio")]
mod split;
#[cfg(feature = "tokio")]
mod tokio;
