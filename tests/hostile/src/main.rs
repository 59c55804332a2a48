//! Attacks a server and a client of the crate over real sockets, each in a process of its own, while an
//! honest client uses the server; prints what happened as a table.
//!
//! ```text
//! cargo run --release -p hostile                      all attacks
//! cargo run --release -p hostile -- NAME...           those whose names contain one of these
//! cargo run --release -p hostile -- --write           all of them, and writes docs/hostile.md
//! cargo run --release -p hostile -- --cost [--write]  what one peer can cost; writes SECURITY.md
//! ```
//!
//! Runs on Linux: memory and CPU are read from `/proc`. Ends with `hostile: N passed, N failed`.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_core,
    clippy::wildcard_enum_match_arm,
    reason = "a program of its own, with threads, sockets and a clock"
)]

mod arena;
mod attacks;
mod cost;
mod honest;
mod page;
mod peer;
mod process;
mod victim;

use std::process::ExitCode;

use attacks::Attack;
use page::Outcome;
use victim::Deadlines;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["serve"] => victim::serve(Deadlines::Default),
        ["serve", "short"] => victim::serve(Deadlines::Short),
        ["connect", authority] => victim::connect(authority),
        ["--cost"] => cost::measure().map(|table| print!("{table}")),
        ["--cost", "--write"] => cost::measure().and_then(|table| cost::write(&table)),
        ["--write"] => attack(&[], Some(page::write)),
        [] => attack(&[], Some(page::compare)),
        names => attack(names, None),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

/// What is done with the page of all attacks.
type Finish = fn(&str) -> Result<(), Fault>;

/// Makes the attacks that are named, or all; `finish` gets the page, if all that was seen is right.
fn attack(names: &[&str], finish: Option<Finish>) -> Result<(), Fault> {
    if let Some(unknown) =
        names.iter().find(|name| attacks::all().all(|attack| !attack.name.contains(*name)))
    {
        return Err(Fault::new(format!("no attack has {unknown} in its name")));
    }
    let chosen: Vec<&'static Attack> = attacks::all()
        .filter(|attack| names.is_empty() || names.iter().any(|name| attack.name.contains(name)))
        .collect();
    // What waits for a deadline costs no CPU: it is under way while the others are made.
    let (patient, busy): (Vec<_>, Vec<_>) = chosen.iter().partition(|attack| attack.is_patient);
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let make = |attack: &'static Attack| Outcome { attack, seen: arena::make(attack) };
        let waiting: Vec<_> =
            patient.into_iter().map(|attack| scope.spawn(move || make(attack))).collect();
        let mut outcomes: Vec<_> = busy.into_iter().map(make).collect();
        outcomes.extend(waiting.into_iter().filter_map(|thread| thread.join().ok()));
        outcomes
    });
    let page = page::render(&chosen, &outcomes);
    print!("{}", page::tables(&chosen, &outcomes));
    let mut failed = chosen.len() - outcomes.len();
    for Outcome { attack, seen } in &outcomes {
        if let Err(fault) = seen {
            failed += 1;
            println!("{}: {fault}", attack.name);
        }
    }
    let mut passed = chosen.len() - failed;
    match finish.filter(|_| failed == 0).map(|finish| finish(&page)) {
        None => {}
        Some(Ok(())) => passed += 1,
        Some(Err(fault)) => {
            failed += 1;
            println!("{fault}");
        }
    }
    println!("hostile: {passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { Err(Fault::new("not all is as it should be")) }
}

/// What was not as it should be.
#[derive(Debug)]
pub(crate) struct Fault(String);

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
