//! Everything between the machines and a transport but the waiting: opening, reading, writing,
//! being stuck, closing, lingering. Knows neither sockets nor clocks nor runtimes.
//!
//! A [`Driver`] is what each adapter of this crate is a loop around, and what a loop of your own
//! should be around, too. It is asked three questions, in any order and as often as you like, and
//! told what came of the answers:
//!
//! | question | answer | then tell it |
//! |---|---|---|
//! | [`poll_event`](Driver::poll_event) | what happened, or that there is nothing to do but wait | commands |
//! | [`want_write`](Driver::want_write) | bytes to write, or to flush, or to shut down | [`handle_written`](Driver::handle_written), [`handle_write_error`](Driver::handle_write_error) |
//! | [`want_read`](Driver::want_read) | where to read to | [`handle_read`](Driver::handle_read), [`handle_read_error`](Driver::handle_read_error) |
//!
//! Between them, wait until [`poll_timeout`](Driver::poll_timeout), and say what time it is by
//! [`handle_timeout`](Driver::handle_timeout). A transport that takes nothing, or has nothing, is
//! nothing to tell: ask again when it is ready.
//!
//! The order of a loop: events until [`Next::Wait`]; then write; then events *again*, since a
//! closing handshake may be complete; then read or wait.
#![cfg_attr(
    feature = "std",
    doc = "`io::pump` makes one such turn over any `Read + Write`, and has a loop."
)]

mod ending;
mod error;
mod machine;
mod opening;
mod reads;
mod transfer;

pub use error::Error;
pub use machine::{Driver, Next, Write};
pub use transfer::Transfer;
