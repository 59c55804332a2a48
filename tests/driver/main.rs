//! What `sanswire::driver::Driver` promises: single policies by hand, whole connections over
//! scripted transports, random schedules. No sockets, no sleeps: time is what the tests say it is.
#![cfg(feature = "handshake")]
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by it")]
#![expect(clippy::std_instead_of_alloc, reason = "a test has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what else comes fails the test")]

mod app;
mod closing;
mod deadlines;
mod hand;
#[path = "../support/random.rs"]
#[allow(dead_code, reason = "other tests need all of it")]
mod numbers;
mod opening;
mod order;
mod random;
mod reading;
mod scenarios;
mod sending;
mod wire;
mod world;
