//! sanswire beside other WebSocket crates: the same work, checked byte by byte, then timed in
//! turns. See the README of this package.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench makes its own data, and computes with times"
)]

mod check;
mod contestant;
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
mod rounds;
mod summary;
mod table;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use contestant::Tuning;
use parts::PARTS;
use rounds::Effort;
use table::Results;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let load = |json: &str| serde_json::from_str(json).expect("a load");
    match words[..] {
        // What this program starts in processes of their own.
        ["serve", name] => process::serve(name, Tuning::Speed),
        ["serve-idle", name] => process::serve(name, Tuning::Memory),
        ["load", json] => println!("{}", serde_json::json!(load::run(&load(json)))),
        ["hold", json] => load::hold(&load(json)),
        // For `valgrind --tool=callgrind --toggle-collect='*RunOnce*'` and `perf record`.
        ["turn", part, size, name, class] => parts::turn(part, size, name, class),
        ["checks"] => print!("{}", check::legend()),
        _ => match parse(&words) {
            Some((effort, names, docs)) => measure(&effort, &names, &docs),
            None => {
                println!("{USAGE}\nparts: {}", PARTS.map(|(name, _)| name).join(" "));
                return ExitCode::FAILURE;
            }
        },
    }
    ExitCode::SUCCESS
}

/// Returns how much is done, which parts, and where the report goes.
fn parse(words: &[&str]) -> Option<(Effort, Vec<String>, PathBuf)> {
    let mut effort = Effort { rounds: 16, ..Effort::default() };
    let (mut names, mut docs) = (Vec::new(), PathBuf::from("docs"));
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        match word {
            "--docs" => docs = words.next()?.into(),
            "--only" => effort.only = words.next()?.split(',').map(str::to_owned).collect(),
            "--quick" => (effort.rounds, effort.is_quick) = (5, true),
            "--rounds" => {
                effort.rounds = words.next()?.parse().ok().filter(|rounds| *rounds > 0)?
            }
            "--size" => {
                let sizes = words.next()?.split(',').map(str::parse);
                effort.sizes = sizes.collect::<Result<_, _>>().ok()?;
            }
            name if name == "report" || PARTS.iter().any(|part| part.0 == name) => {
                names.push(name.to_owned());
            }
            _ => return None,
        }
    }
    Some((effort, names, docs))
}

fn measure(effort: &Effort, names: &[String], docs: &std::path::Path) {
    let kept = PathBuf::from("target/peers/results");
    let is_whole = effort.only.is_empty() && effort.sizes.is_empty();
    for (name, measure) in PARTS {
        if names.is_empty() || names.iter().any(|asked| asked == name) {
            println!("\n== {name}");
            let results = Results { is_quick: effort.is_quick, tables: measure(effort) };
            if is_whole {
                results.save(&kept.join(name).with_extension("json")).expect("results are kept");
            }
        }
    }
    if is_whole {
        report::write(&kept, docs).expect("a report can be written");
        println!("\nwrote {}", docs.join("performance.md").display());
    } else {
        println!("\nnot everything was measured: nothing is kept");
    }
}

const USAGE: &str = "\
peers [PART...] [--quick] [--rounds N] [--only PEER,...] [--size BYTES,...] [--docs DIR]
peers report [--docs DIR]: only writes the report
peers checks: what the peers do not check
peers turn receive|receive-1460|send|send-client SIZE NAME CLASS: some turns, to be looked at";
