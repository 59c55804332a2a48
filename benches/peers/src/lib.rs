//! sanswire beside other WebSocket crates: the same work, checked byte by byte, then timed in
//! turns.
//!
//! | module | what it does |
//! |---|---|
//! | [`wire`] | prepared byte streams, and an oracle that reads what was sent |
//! | [`memory`] | a transport without a socket |
//! | [`peer`] | what an adapter gives: receivers, senders, servers |
//! | [`peers`] | one adapter file for each peer |
//! | [`serve`], [`load`], [`process`] | echo servers and their load, in processes of their own |
//! | [`rounds`] | contestants take turns; medians of ratios |
//! | [`parts`] | what is measured, one module for each part |
//! | [`profile`] | where the time goes |
//! | [`table`], [`report`], [`summary`], [`plot`] | results, and what is made of them |
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::missing_panics_doc,
    clippy::missing_errors_doc,
    reason = "a bench checks by failing, makes its own data, and computes with times"
)]

// The limits are those of the crate's own benches.
#[path = "../../ideal/mod.rs"]
mod ideal;
pub mod load;
pub mod memory;
pub mod parts;
pub mod peer;
pub mod peers;
pub mod plot;
pub mod process;
pub mod profile;
pub mod report;
pub mod rounds;
pub mod serve;
pub mod summary;
pub mod table;
pub mod wire;
