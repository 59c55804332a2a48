//! The chat as a program: real processes, real sockets, and pages as a browser would be.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application that may panic"
)]

mod bad_input;
mod end;
mod events;
mod limits;
mod page;
mod prices;
mod restart;
mod rooms;
mod server;
mod slow_reader;
mod start;
mod tls;
