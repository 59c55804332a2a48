//! sanswire beside other WebSocket crates: the same work, checked byte by byte, then timed in
//! turns. See the README of this package.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench makes its own data, and computes with times"
)]

mod check;
mod contestant;
mod effort;
#[path = "../../ideal/mod.rs"]
mod ideal;
mod load;
mod machine;
mod memory;
mod parts;
mod peers;
mod plot;
mod process;
mod report;
mod summary;
mod table;
mod wire;

use std::path::Path;

use clap::Parser;
use contestant::Tuning;
use effort::Effort;
use parts::PARTS;
use table::Results;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        // What this program starts in processes of their own.
        ["serve", name] => process::serve(name, Tuning::Speed),
        ["serve-idle", name] => process::serve(name, Tuning::Memory),
        ["checks"] => println!("{}", check::legend()),
        _ => measure(&Effort::parse()),
    }
}

fn measure(effort: &Effort) {
    let kept = Path::new("target/peers/results");
    let is_whole = effort.only.is_empty() && effort.sizes.is_empty();
    for (name, measure) in PARTS.iter().filter(|(name, _)| effort.has_part(name)) {
        println!("\n== {name}");
        process::take_core();
        let results = Results { is_quick: effort.is_quick, tables: measure(effort) };
        if is_whole {
            results.save(&kept.join(name).with_extension("json")).expect("results are kept");
        }
    }
    if is_whole {
        report::write(kept, &effort.docs).expect("a report can be written");
        println!("\nwrote {}", effort.docs.join("performance.md").display());
    } else {
        println!("\nnot everything was measured: nothing is kept");
    }
}
