//! Explores all orders of what can happen to the real machines, up to a depth.
//!
//! ```text
//! cargo run --release -p proof --bin model -- [--short] [NAME...]
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "a program of its own, which fails where the crate does"
)]

mod connection;
mod delivery;
mod explorer;

use std::process::ExitCode;
use std::time::Instant;

use explorer::{Explored, explore};

fn main() -> ExitCode {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let is_short = names.iter().any(|name| name == "--short");
    names.retain(|name| name != "--short");
    if let Some(unknown) = names.iter().find(|name| ALL.iter().all(|model| model.name != *name)) {
        let known: Vec<_> = ALL.iter().map(|model| model.name).collect();
        eprintln!("there is no {unknown}; there are: {}", known.join(" "));
        return ExitCode::from(2);
    }
    let mut is_sound = true;
    for model in ALL {
        if names.is_empty() || names.iter().any(|asked| asked == model.name) {
            let depth = if is_short { model.short } else { model.full };
            let begun = Instant::now();
            let explored = (model.explore)(model.name, depth);
            let time = begun.elapsed().as_secs_f64();
            let Explored { states, steps, failed } = explored;
            println!(
                "{}: {steps} steps to {states} states, {depth} deep; {time:.1} s",
                model.about
            );
            println!("{}: {} passed, {failed} failed", model.name, steps - failed);
            is_sound &= failed == 0;
        }
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Machines {
    name: &'static str,
    about: &'static str,
    explore: fn(&str, usize) -> Explored,
    short: usize,
    full: usize,
}

const ALL: [Machines; 3] = [
    Machines {
        name: "pair",
        about: "a client and a server",
        explore: explore::<connection::Pair>,
        short: 5,
        full: 8,
    },
    Machines {
        name: "delivery",
        about: "the sessions of two clients, from the first connection",
        explore: explore::<delivery::Service>,
        short: 5,
        full: 8,
    },
    Machines {
        name: "begun",
        about: "the sessions of two clients that have begun",
        explore: explore::<delivery::Begun>,
        short: 5,
        full: 8,
    },
];
