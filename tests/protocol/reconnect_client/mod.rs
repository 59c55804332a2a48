//! The client that comes back, without sockets and with a virtual clock.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test ends at what it did not expect"
)]

mod attempts;
mod delivery;
mod messages;
mod random;
mod stopping;
mod world;
