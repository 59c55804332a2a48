//! Asks about every case where there are finitely many, and explores all orders of what can happen
//! to the real machines, up to a depth.
//!
//! ```text
//! cargo run --release -p proof -- [--short] [--embedded] [--seed N] [NAME...]
//! ```
//!
//! `--short` leaves out what takes minutes, `--embedded` the implementations that are no part of this
//! program. The seeds of random cases begin with `N`. Each question ends with how many cases passed
//! and failed.
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

mod differential;
mod enumerate;
mod model;
#[path = "../../tests/support/random.rs"]
#[allow(clippy::unwrap_used, reason = "numbers that fit")]
mod random;
mod simulation;
mod tally;

use std::process::ExitCode;
use std::time::Instant;

use differential::{Inquiry, Peers};
use enumerate::{close_codes, heads, offers, requests, responses, utf8};
use tally::Tally;

/// What is made and thrown away millions of times leaves holes in the heap of glibc, which grows by
/// many GB where there are compressors.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut names = Vec::new();
    let mut asked = Asked { extent: Extent::Full, peers: Peers::All, seed: 1 };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match &arg[..] {
            "--embedded" => asked.peers = Peers::Embedded,
            "--seed" => match args.next().and_then(|seed| seed.parse().ok()) {
                Some(seed) => asked.seed = seed,
                None => {
                    eprintln!("--seed is followed by a number");
                    return ExitCode::from(2);
                }
            },
            "--short" => asked.extent = Extent::Short,
            // For `room` alone.
            "--world" => match args.next().and_then(|seed| seed.parse().ok()) {
                Some(seed) if simulation::print(seed) => return ExitCode::SUCCESS,
                Some(_) => return ExitCode::FAILURE,
                None => {
                    eprintln!("--world is followed by a number");
                    return ExitCode::from(2);
                }
            },
            _ => names.push(arg),
        }
    }
    if let Some(unknown) = names.iter().find(|name| ALL.iter().all(|(known, ..)| known != name)) {
        eprintln!("there is no {unknown}; there are: {}", ALL.map(|(name, ..)| name).join(" "));
        return ExitCode::from(2);
    }
    let mut is_sound = true;
    for (name, about, ask) in ALL {
        if names.is_empty() || names.iter().any(|asked| asked == name) {
            let begun = Instant::now();
            let mut tally = Tally::new(name);
            ask(&mut tally, asked);
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

/// The options.
#[derive(Clone, Copy)]
struct Asked {
    extent: Extent,
    peers: Peers,
    seed: u64,
}

impl Asked {
    /// What is asked of other implementations.
    const fn inquiry(self) -> Inquiry {
        let factor = match self.extent {
            Extent::Full => 25,
            Extent::Short => 1,
        };
        Inquiry { seed: self.seed, factor, peers: self.peers }
    }
}

type Question = (&'static str, &'static str, fn(&mut Tally, Asked));

const ALL: [Question; 23] = [
    (
        "heads",
        "frame headers: all first two bytes, lengths at boundaries, roles, splits",
        |tally, asked| heads::ask(tally, asked.extent),
    ),
    (
        "utf8",
        "text: all sequences of four bytes, in all pieces, beside core::str",
        |tally, asked| utf8::ask(tally, asked.extent),
    ),
    ("codes", "close codes: all numbers, sent and received by both roles", |tally, asked| {
        close_codes::ask(tally, asked.extent)
    }),
    (
        "requests",
        "requests: each header missing, doubled, empty or wrong, and all pairs",
        |tally, asked| requests::ask(tally, asked.extent),
    ),
    ("responses", "responses: the same, and all status codes", |tally, asked| {
        responses::ask(tally, asked.extent)
    }),
    ("offers", "permessage-deflate: one or two offers of up to two parameters", |tally, asked| {
        offers::ask(tally, asked.extent)
    }),
    (
        "frames",
        "streams of frames, random and broken, beside four other implementations",
        |tally, asked| differential::frames::ask(tally, asked.inquiry()),
    ),
    (
        "http",
        "heads of requests and responses, random and broken, beside four parsers",
        |tally, asked| differential::heads::ask(tally, asked.inquiry()),
    ),
    (
        "deflate",
        "DEFLATE beside miniz_oxide and zlib, both directions, all windows",
        |tally, asked| differential::deflate::ask(tally, asked.inquiry()),
    ),
    ("pair", "a client and a server", |tally, asked| {
        model::explore_pair::<model::Bare>(tally, asked.extent)
    }),
    ("full", "a client and a server whose outputs are full", |tally, asked| {
        model::explore_pair::<model::BareFull>(tally, asked.extent)
    }),
    ("driven", "the drivers of a client and a server", |tally, asked| {
        model::explore_pair::<model::Driven>(tally, asked.extent)
    }),
    (
        "drivenfull",
        "the drivers of a client and a server whose outputs are full",
        |tally, asked| model::explore_pair::<model::DrivenFull>(tally, asked.extent),
    ),
    ("compressed", "the same, compressed", |tally, asked| {
        model::explore_pair::<model::Compressed>(tally, asked.extent)
    }),
    (
        "answering",
        "the drivers of applications that answer, and refuse what is too much",
        |tally, asked| model::explore_pair::<model::Answering<model::Refuse>>(tally, asked.extent),
    ),
    ("newest", "the same, but they drop the newest message", |tally, asked| {
        model::explore_pair::<model::Answering<model::DropNewest>>(tally, asked.extent)
    }),
    ("impatient", "the same, but they close", |tally, asked| {
        model::explore_pair::<model::Answering<model::Close>>(tally, asked.extent)
    }),
    ("bareanswering", "a client and a server that answer", |tally, asked| {
        model::explore_pair::<model::BareAnswering>(tally, asked.extent)
    }),
    ("narrow", "the drivers of a client and a server between which little fits", |tally, asked| {
        model::explore_pair::<model::Narrow>(tally, asked.extent)
    }),
    ("delivery", "the sessions of two clients, from the first connection", |tally, asked| {
        model::explore::<model::Service>(tally, asked.extent)
    }),
    ("begun", "the sessions of two clients that have begun", |tally, asked| {
        model::explore::<model::Begun>(tally, asked.extent)
    }),
    (
        "crowded",
        "more clients than sessions that are kept, of one user, and in all",
        |tally, asked| {
            model::explore::<model::Crowded<1>>(tally, asked.extent);
            model::explore::<model::Crowded<2>>(tally, asked.extent);
        },
    ),
    ("room", "a chat room over a simulated network, by seeds", |tally, asked| {
        simulation::ask(tally, asked.extent, asked.seed)
    }),
];
