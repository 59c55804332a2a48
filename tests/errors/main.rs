//! Every error of the crate, provoked: its text, and what the peer is told. Together they make
//! `docs/errors.md`, which this compares; `SANSWIRE_BLESS=1` writes it anew.
#![cfg(all(feature = "deflate", feature = "futures-io", feature = "http2", feature = "ring"))]
#![expect(
    clippy::disallowed_types,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

#[path = "../support/tls.rs"]
#[expect(dead_code, reason = "other tests need all of it")]
mod certificates;
#[path = "../support/mod.rs"]
mod support;

mod adapters;
mod client_handshake;
mod connection;
mod delivery;
mod http;
mod reconnecting;
mod sending;
mod server;
mod server_handshake;
mod table;
mod tls;
mod ways;
mod whatwg;

use std::path::Path;
use std::{env, fs};

use crate::table::Table;

/// All errors, in the order of the page.
fn all() -> Table {
    let mut table = Table::default();
    adapters::connecting(&mut table);
    tls::all(&mut table);
    ways::all(&mut table);
    client_handshake::caller(&mut table);
    client_handshake::server(&mut table);
    server_handshake::client(&mut table);
    server_handshake::application(&mut table);
    connection::all(&mut table);
    sending::all(&mut table);
    adapters::all(&mut table);
    server::all(&mut table);
    http::all(&mut table);
    reconnecting::all(&mut table);
    delivery::all(&mut table);
    whatwg::all(&mut table);
    table
}

#[test]
fn the_page_of_errors_is_what_the_crate_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let made = all().page();
    if env::var_os("SANSWIRE_BLESS").is_some() {
        fs::write(&page, &made).unwrap();
    }
    let committed = fs::read_to_string(&page).unwrap_or_default();
    for (made, committed) in made.lines().zip(committed.lines()) {
        assert_eq!(made, committed, "to write docs/errors.md anew, set SANSWIRE_BLESS=1");
    }
    assert!(made == committed, "to write docs/errors.md anew, set SANSWIRE_BLESS=1");
}

#[test]
fn the_page_has_each_variant_of_each_error() {
    all().assert_complete(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
}

#[test]
fn each_text_is_one_line_that_reads_well_in_a_chain() {
    all().assert_readable();
}
