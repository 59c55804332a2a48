//! Several servers on one Redis: real processes, of which any may stop at any time.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application that may panic"
)]

mod away;
mod broken;
#[path = "../chat/page.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod page;
mod reader;
mod redis;
#[path = "../chat/server.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod server;
mod start;
mod together;
