//! The report: what was measured as Markdown, with a verdict under each table that is computed and
//! not written; knows tables and not how they came about.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use crate::parts::PARTS;
use crate::plot;
use crate::summary::summary;
use crate::table::{Better, Table, Values, load};

/// Writes `performance.md` and `plots/` from the results that are there, and from what `notes.md`
/// says of them.
pub fn write(results: &Path, docs: &Path) -> io::Result<()> {
    let plots = docs.join("plots");
    fs::create_dir_all(&plots)?;
    let mut text = String::from("# Performance\n\n");
    text += "Written by `benches/peers/run`; do not edit. How it is measured, what counts as equal \
             work and which settings everybody has is told in \
             [benches/peers](../benches/peers/README.md).\n\n";
    text += &facts();
    text += "\nIn the tables, a value is the median of all rounds; in parentheses is the median of \
             its ratio to the limit of the same class in the same round. Bold is the best of its \
             class but for the limit.\n";
    let notes = fs::read_to_string("benches/peers/notes.md").unwrap_or_default();
    let measured = PARTS.map(|part| load(&results.join(format!("{}.tsv", part.name))));
    let all = PARTS.iter().zip(&measured).map(|(part, (tables, _))| (part.name, tables.clone()));
    let _ = write!(
        text,
        "\n## Summary\n\nWhat is to be reached, and the case that is the furthest from it, computed \
         from the tables below. Ours is the best of our rows of a class; within 3 % of a peer is no \
         slower.\n\n{}{}",
        summary(&all.collect()),
        note(&notes, "summary")
    );
    if measured.iter().any(|(_, is_quick)| *is_quick) {
        let _ = write!(text, "\n{QUICK}\n");
    }
    for (part, (tables, is_quick)) in PARTS.iter().zip(measured) {
        if tables.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "\n## {}{}\n\n{}\n",
            part.name[..1].to_uppercase(),
            &part.name[1..],
            part.about
        );
        if is_quick {
            let _ = write!(text, "\n{QUICK}\n");
        }
        text += &note(&notes, part.name);
        for (index, table) in tables.iter().enumerate() {
            section(&mut text, table);
            if table.is_plotted {
                let name = format!("{}-{}.svg", part.name, index + 1);
                let svg =
                    if part.name == "memory" { plot::bars(table) } else { plot::lines(table) };
                if let Some(svg) = svg {
                    fs::write(plots.join(&name), svg)?;
                    let _ = write!(text, "\n![{}](plots/{name})\n", table.title);
                }
            }
        }
    }
    let (counted, _) = load(&results.join("callgrind.tsv"));
    if !counted.is_empty() {
        text += "\n## Instructions\n\nCounted by callgrind, whose processor has no AVX-512.\n";
        counted.iter().for_each(|table| section(&mut text, table));
    }
    if let Ok(profile) = fs::read_to_string(results.join("profile.md")) {
        let _ = write!(text, "\n## Profile\n\n{}\n{profile}", crate::profile::ABOUT);
        text += &note(&notes, "profile");
    }
    // Measured by a bench of its own.
    let tls = note(&notes, "tls");
    if !tls.is_empty() {
        let _ = write!(text, "\n## Echo over TLS\n{tls}");
    }
    fs::write(docs.join("performance.md"), text)
}

/// Returns what is said of a part by hand: what stands below its name.
fn note(notes: &str, part: &str) -> String {
    let sections = notes.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    let said = sections.filter(|(name, _)| *name == part).map(|(_, said)| said.trim());
    said.filter(|said| !said.is_empty()).map(|said| format!("\n{said}\n")).collect()
}

fn section(text: &mut String, table: &Table) {
    let _ = write!(text, "\n### {}\n\n{}.\n\n| who | class |", table.title, capital(&table.unit));
    table.columns.iter().for_each(|column| {
        let _ = write!(text, " {column} |");
    });
    text.push_str("\n|---|---|");
    table.columns.iter().for_each(|_| text.push_str("---|"));
    text.push('\n');
    for row in &table.rows {
        let _ = write!(text, "| {} | {} |", row.name, row.class);
        for (column, cell) in row.cells.iter().enumerate() {
            let cell = cell.map_or_else(String::new, |cell| cell.text());
            let is_best = best(table, column, &row.class, |_| true)
                .is_some_and(|best| core::ptr::eq(best, row));
            let _ = if is_best { write!(text, " **{cell}** |") } else { write!(text, " {cell} |") };
        }
        text.push('\n');
    }
    text.push_str(&verdict(table));
}

/// Says where this crate is ahead and where it is behind, class by class.
fn verdict(table: &Table) -> String {
    let mut classes: Vec<&str> = Vec::new();
    for row in &table.rows {
        if !classes.contains(&row.class.as_str()) {
            classes.push(&row.class);
        }
    }
    let is_ours = |row: &Values| row.name.starts_with("sanswire");
    let mut text = String::new();
    for class in classes {
        let (mut ahead, mut level, mut behind) = (Vec::new(), Vec::new(), Vec::new());
        for (column, name) in table.columns.iter().enumerate() {
            let ours = best(table, column, class, is_ours);
            let theirs = best(table, column, class, |row| !is_ours(row));
            let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
            let (Some(a), Some(b)) = (value(ours, column), value(theirs, column)) else { continue };
            // How many times better they are.
            let times = match table.better {
                Better::Higher => b / a,
                Better::Lower => a / b,
            };
            if !times.is_finite() {
                continue;
            }
            if times > 1.03 {
                behind.push(format!("{name} ({} is {times:.2} times as good)", theirs.name));
            } else if times > 0.97 {
                level.push(name.as_str());
            } else {
                ahead.push(name.as_str());
            }
        }
        let mut say = |what: &str, names: &[String]| {
            if !names.is_empty() {
                let _ = write!(text, "\nsanswire, {class}, is {what} at {}.\n", names.join(", "));
            }
        };
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        say("**behind**", &behind);
        say("level with the best peer (within 3 %)", &owned(level));
        say("ahead of all peers", &owned(ahead));
    }
    text
}

/// Returns the best row of a class but for the limit.
fn best<'a>(
    table: &'a Table,
    column: usize,
    class: &str,
    is_asked: impl Fn(&Values) -> bool,
) -> Option<&'a Values> {
    let rows = table
        .rows
        .iter()
        .filter(|row| row.class == class && !row.name.starts_with("limit") && is_asked(row))
        .filter(|row| value(row, column).is_some());
    let order = |a: &&Values, b: &&Values| {
        value(a, column).partial_cmp(&value(b, column)).unwrap_or(core::cmp::Ordering::Equal)
    };
    match table.better {
        Better::Higher => rows.max_by(order),
        Better::Lower => rows.min_by(order),
    }
}

fn value(row: &Values, column: usize) -> Option<f64> {
    row.cells.get(column)?.map(|cell| cell.value)
}

/// Returns what of the machine and the versions matters: no names, no paths.
fn facts() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'))
        .map_or("unknown", |(_, model)| model.trim());
    let mut text = String::from("| | |\n|---|---|\n");
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "| {name} | {value} |");
    };
    fact("Date", &said("date", &["-u", "+%F"]).unwrap_or_default());
    fact("Processor", &format!("{model}, {cores} cores"));
    fact("Kernel", &said("uname", &["-sr"]).unwrap_or_default());
    fact("Compiler", &said("rustc", &["--version"]).unwrap_or_default());
    fact("Build", "portable: no `target-cpu`, the release profile as it is");
    let lock = fs::read_to_string("benches/peers/Cargo.lock").unwrap_or_default();
    for name in CRATES {
        if let Some(version) = locked(&lock, name) {
            fact(name, &version);
        }
    }
    if let Some(outside) = std::env::var_os("PEERS_OUTSIDE") {
        for name in ["ws", "bun"] {
            let path = Path::new(&outside).join("node_modules").join(name).join("package.json");
            let package = fs::read_to_string(path).unwrap_or_default();
            let version =
                package.lines().find_map(|line| line.trim().strip_prefix("\"version\": \""));
            if let Some(version) = version {
                fact(&format!("npm {name}"), version.trim_end_matches(['"', ',']));
            }
        }
        fact("Node.js", &said("node", &["--version"]).unwrap_or_default());
    }
    text
}

/// Returns the version of a crate in a lock file.
fn locked(lock: &str, name: &str) -> Option<String> {
    let package = lock
        .split("[[package]]")
        .find(|package| package.lines().any(|line| line == format!("name = \"{name}\"")))?;
    let version = package.lines().find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"').to_owned())
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        // A unit of one letter keeps it: ns, µs.
        if text.starts_with("ns") || first == 'µ' {
            text.to_owned()
        } else {
            first.to_uppercase().chain(chars).collect()
        }
    })
}

const QUICK: &str = "**A quick run, to see that everything works: its figures mean nothing.**";

const CRATES: [&str; 13] = [
    "sanswire",
    "tungstenite",
    "tokio-tungstenite",
    "fastwebsockets",
    "tokio-websockets",
    "yawc",
    "sockudo-ws",
    "web-socket",
    "soketto",
    "tokio",
    "bytes",
    "flate2",
    "zlib-rs",
];
