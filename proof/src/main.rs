//! Asks about every case where there are finitely many, and explores all orders of what can happen
//! to the real machines, up to a depth.
//!
//! ```text
//! cargo run --release -p proof -- [--short] [NAME...]
//! ```
//!
//! `--short` leaves out what takes minutes. Each line ends with how many cases passed and failed.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "a program of its own, which fails where the crate does"
)]

mod enumerate;
mod model;
mod simulation;
mod tally;

use std::process::ExitCode;
use std::time::Instant;

use enumerate::{close_codes, heads, offers, requests, responses, utf8};
use tally::Tally;

fn main() -> ExitCode {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let extent = match names.iter().position(|name| name == "--short") {
        Some(index) => {
            names.remove(index);
            Extent::Short
        }
        None => Extent::Full,
    };
    if let Some(unknown) = names.iter().find(|name| ALL.iter().all(|(known, ..)| known != name)) {
        eprintln!("there is no {unknown}; there are: {}", ALL.map(|(name, ..)| name).join(" "));
        return ExitCode::from(2);
    }
    let mut is_sound = true;
    for (name, about, ask) in ALL {
        if names.is_empty() || names.iter().any(|asked| asked == name) {
            let begun = Instant::now();
            let mut tally = Tally::new(name);
            ask(&mut tally, extent);
            println!("{about}; {:.1} s", begun.elapsed().as_secs_f64());
            is_sound &= tally.print();
        }
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How much is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Everything.
    Full,
    /// What takes seconds.
    Short,
}

type Question = (&'static str, &'static str, fn(&mut Tally, Extent));

const ALL: [Question; 10] = [
    (
        "heads",
        "frame headers: all first two bytes, lengths at boundaries, roles, splits",
        heads::ask,
    ),
    ("utf8", "text: all sequences of four bytes, in all pieces, beside core::str", utf8::ask),
    ("codes", "close codes: all numbers, sent and received by both roles", close_codes::ask),
    (
        "requests",
        "requests: each header missing, doubled, empty or wrong, and all pairs",
        requests::ask,
    ),
    ("responses", "responses: the same, and all status codes", responses::ask),
    ("offers", "permessage-deflate: one or two offers of up to two parameters", offers::ask),
    ("pair", "a client and a server", model::explore::<model::Pair>),
    (
        "delivery",
        "the sessions of two clients, from the first connection",
        model::explore::<model::Service>,
    ),
    ("begun", "the sessions of two clients that have begun", model::explore::<model::Begun>),
    ("room", "a chat room over a simulated network, by seeds", simulation::ask),
];
