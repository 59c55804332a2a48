//! `peers [PART...] [--quick] [--rounds N] [--only PEER,...] [--size BYTES,...] [--callgrind] [--profile]`:
//! measures, and writes the report.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use peers::load::{self, Load};
use peers::parts::{PARTS, callgrind};
use peers::peer::Tuning;
use peers::rounds::Effort;
use peers::{profile, report, serve, table};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        // What this program starts in processes of their own.
        [verb, name] if verb == "serve" => serve::run(name, Tuning::Speed, || 0),
        [verb, rest @ ..] if verb == "load" => {
            let outcome = load::run(Load::parse(rest).expect("a load"));
            println!("{} {} {}", outcome.messages, outcome.seconds, outcome.cpu_ticks);
        }
        [verb, rest @ ..] if verb == "hold" => load::hold(Load::parse(rest).expect("a load")),
        [verb, size, read_size, name, class, turns] if verb == "turn" => {
            let [size, read_size, turns] =
                [size, read_size, turns].map(|number| number.parse().expect("a number"));
            callgrind::turn(size, read_size, name, class, turns);
        }
        _ => return measure(&arguments),
    }
    ExitCode::SUCCESS
}

fn measure(arguments: &[String]) -> ExitCode {
    let mut effort = Effort { rounds: 16, is_quick: false, only: Vec::new(), sizes: Vec::new() };
    let (mut counts, mut profiles) = (false, false);
    let mut asked = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--callgrind" => counts = true,
            "--profile" => profiles = true,
            "--only" => match arguments.next() {
                Some(peers) => effort.only = peers.split(',').map(str::to_owned).collect(),
                None => return usage(),
            },
            "--quick" => (effort.rounds, effort.is_quick) = (1, true),
            "--rounds" => match arguments.next().and_then(|rounds| rounds.parse().ok()) {
                Some(rounds @ 1..) => effort.rounds = rounds,
                _ => return usage(),
            },
            "--size" => match arguments.next().and_then(|sizes| numbers(sizes)) {
                Some(sizes) => effort.sizes = sizes,
                None => return usage(),
            },
            "report" => asked.push("report"),
            name => match PARTS.iter().find(|part| part.name == name) {
                Some(part) => asked.push(part.name),
                None => return usage(),
            },
        }
    }
    let results = Path::new("target/peers/results");
    let keep = |name: &str, tables: &[table::Table]| {
        if !effort.is_whole() {
            return;
        }
        let path = results.join(format!("{name}.tsv"));
        table::save(&path, tables, effort.is_quick).expect("results can be kept");
    };
    if counts {
        keep("callgrind", &callgrind::measure(&effort));
    }
    if profiles {
        let profile = profile::measure(&effort);
        if effort.is_whole() {
            fs::write(results.join("profile.md"), profile).expect("results can be kept");
        }
    }
    for part in PARTS {
        if asked.contains(&part.name) || asked.is_empty() && !counts && !profiles {
            println!("\n== {}", part.name);
            let tables = (part.measure)(&effort);
            keep(part.name, &tables);
        }
    }
    if !effort.is_whole() {
        println!("\nnot everything was measured: the report stays as it is");
        return ExitCode::SUCCESS;
    }
    report::write(results, Path::new("docs")).expect("a report can be written");
    println!("\nwrote docs/performance.md");
    ExitCode::SUCCESS
}

/// Reads numbers with commas between them.
fn numbers(text: &str) -> Option<Vec<usize>> {
    text.split(',').map(|number| number.parse().ok()).collect()
}

fn usage() -> ExitCode {
    let parts: Vec<_> = PARTS.iter().map(|part| part.name).collect();
    println!("{USAGE}");
    println!("parts: {}; `report` only writes the report", parts.join(" "));
    ExitCode::FAILURE
}

const USAGE: &str = "peers [PART...] [--quick] [--rounds N] [--only PEER,...] [--size BYTES,...] [--callgrind] [--profile]";
