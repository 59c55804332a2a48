//! `peers [PART...] [--quick] [--rounds N] [--callgrind]`: measures, and writes the report.

use std::path::Path;
use std::process::ExitCode;

use peers::load::{self, Load};
use peers::parts::{PARTS, callgrind};
use peers::peer::Tuning;
use peers::rounds::Effort;
use peers::{report, serve, table};

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
        [verb, rest @ ..] if verb == "turn" => {
            let numbers: Vec<_> = rest.iter().filter_map(|number| number.parse().ok()).collect();
            let [size, index, turns] = numbers[..] else { return ExitCode::FAILURE };
            callgrind::turn(size, index, turns);
        }
        _ => return measure(&arguments),
    }
    ExitCode::SUCCESS
}

fn measure(arguments: &[String]) -> ExitCode {
    let mut effort = Effort { rounds: 16, is_quick: false };
    let mut counts = false;
    let mut asked = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--callgrind" => counts = true,
            "--quick" => effort = Effort { rounds: 1, is_quick: true },
            "--rounds" => match arguments.next().and_then(|rounds| rounds.parse().ok()) {
                Some(rounds @ 1..) => effort.rounds = rounds,
                _ => return usage(),
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
        let path = results.join(format!("{name}.tsv"));
        table::save(&path, tables, effort.is_quick).expect("results can be kept");
    };
    if counts {
        keep("callgrind", &callgrind::measure());
    }
    for part in PARTS {
        if asked.contains(&part.name) || asked.is_empty() && !counts {
            println!("\n== {}", part.name);
            let tables = (part.measure)(effort);
            keep(part.name, &tables);
        }
    }
    report::write(results, Path::new("docs")).expect("a report can be written");
    println!("\nwrote docs/performance.md");
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    let parts: Vec<_> = PARTS.iter().map(|part| part.name).collect();
    println!("peers [PART...] [--quick] [--rounds N] [--callgrind]");
    println!("parts: {}; `report` only writes the report", parts.join(" "));
    ExitCode::FAILURE
}
