//! A fault of the transport at each of its operations: nobody waits forever, nothing is delivered
//! twice, what was said to be sent has arrived, and an end is an end.
//!
//! An allocation that fails is no part of it: it ends the process.
#![cfg(any(feature = "futures-io", feature = "tokio"))]
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::disallowed_types,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

mod blocking;
#[cfg(all(feature = "split", unix))]
mod blocking_halves;
#[cfg(all(feature = "futures-io", feature = "ring", feature = "tokio"))]
mod blocking_tls;
#[cfg(all(feature = "futures-io", feature = "ring", feature = "tokio"))]
#[path = "../support/tls.rs"]
#[expect(dead_code, reason = "the tests of TLS need all of it")]
mod certificates;
mod fault;
mod faulty;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "axum")]
mod hyper;
mod log;
#[cfg_attr(not(feature = "futures-io"), allow(dead_code, reason = "one adapter has no deadlines"))]
mod play;
mod poll;
#[cfg(feature = "tokio")]
mod reconnecting;
#[cfg(all(feature = "futures-io", feature = "ring", feature = "tokio"))]
mod tls;
#[cfg(feature = "tokio")]
mod tokio;
mod world;
