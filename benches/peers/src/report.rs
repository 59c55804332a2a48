//! The report: what was measured as Markdown, with a verdict under each table that is computed and
//! not written; knows tables and not how they came about.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::check::legend;
use crate::parts::PARTS;
use crate::plot;
use crate::summary::summary;
use crate::table::{Results, Table};

/// Writes `performance.md` and `plots/` from the results that are there, and from what `notes.md`
/// says of them.
pub(crate) fn write(results: &Path, docs: &Path) -> Result<(), Box<dyn Error>> {
    let plots = docs.join("plots");
    fs::create_dir_all(&plots)?;
    // What was plotted before may have no place in the report any more.
    for plot in fs::read_dir(&plots)?.flatten() {
        if plot.path().extension().is_some_and(|extension| extension == "svg") {
            fs::remove_file(plot.path())?;
        }
    }
    let load = |name| Results::load(&results.join(name).with_extension("json"));
    let measured = PARTS.map(|(name, _)| (name, load(name)));
    let mut text = format!("# Performance\n\n{}\n{}", note("start"), facts());
    let _ = write!(text, "\n## Summary\n\n{}\n{}", note("summary"), summary(&measured));
    let _ = write!(text, "\n## What is not checked\n\n{}\n{}", note("checks"), legend());
    for (name, results) in measured.iter().filter(|(_, results)| !results.tables.is_empty()) {
        let title = [&name[..1].to_uppercase(), &name[1..]].concat();
        let _ = write!(text, "\n## {title}\n\n{}", note(name));
        if results.is_quick {
            text += "\n**A quick run, to see that everything works: its figures mean little.**\n";
        }
        for (index, table) in results.tables.iter().enumerate() {
            let _ = write!(text, "\n### {}\n\n{}.\n\n", table.title, table.unit);
            for (index, line) in table.lines().iter().enumerate() {
                let _ = writeln!(text, "| {} |", line.join(" | "));
                if index == 0 {
                    let _ = writeln!(text, "{}|", "|---".repeat(line.len()));
                }
            }
            text += &verdicts(table);
            let file = format!("{name}-{}.svg", index + 1);
            if table.is_plotted && plot::draw(table, &plots.join(&file))? {
                let _ = write!(text, "\n![{}](plots/{file})\n", table.title);
            }
        }
    }
    let _ = write!(text, "\n## Echo over TLS\n\n{}", note("tls"));
    Ok(fs::write(docs.join("performance.md"), text)?)
}

/// Returns what is said by hand of a part: the section of `notes.md` with its name.
fn note(name: &str) -> String {
    let mut sections = NOTES.split("\n## ").filter_map(|section| section.split_once('\n'));
    let found = sections.find(|(title, _)| *title == name);
    found.map_or_else(String::new, |(_, text)| format!("{}\n", text.trim()))
}

/// Says in which columns our best row of a class is ahead of the best peer of the class, level with
/// it, or behind, with what that peer does not check. Where there is no limit, nothing is judged.
fn verdicts(table: &Table) -> String {
    let mut text = String::new();
    let mut classes: Vec<_> =
        table.rows.iter().filter(|row| row.is_ours()).map(|row| &row.class).collect();
    classes.sort();
    classes.dedup();
    let has_limit =
        table.rows.iter().flat_map(|row| &row.cells).flatten().any(|cell| cell.ratio.is_some());
    for class in classes.into_iter().filter(|_| has_limit) {
        let mut columns = [const { Vec::new() }; 3];
        for column in &table.columns {
            let best =
                |is_ours| table.best(column, |row| row.is_ours() == is_ours && row.class == *class);
            let Some(((ours, _), (theirs, peer))) = best(true).zip(best(false)) else { continue };
            let factor = if table.is_higher_better { theirs / ours } else { ours / theirs };
            match factor {
                1.03.. => {
                    let takes = match peer.unchecked.as_str() {
                        "–" | "?" => String::new(),
                        letters => format!(", which takes {letters},"),
                    };
                    let name = &peer.name;
                    columns[0]
                        .push(format!("{column} ({name}{takes} is {factor:.2} times as good)"));
                }
                0.97.. => columns[1].push(column.clone()),
                _ => columns[2].push(column.clone()),
            }
        }
        let verdicts =
            ["**behind**", "level with the best peer (within 3 %)", "ahead of all peers"];
        for (verdict, columns) in verdicts.iter().zip(columns).filter(|(_, all)| !all.is_empty()) {
            let columns = columns.join(", ");
            let _ = write!(text, "\nsanswire, {class}, is {verdict} at {columns}.\n");
        }
    }
    text
}

/// Returns what of the machine and the versions matters: no names, no paths.
fn facts() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown", |(_, model)| model);
    let mut facts = vec![
        ("Date".to_owned(), said("date", &["-u", "+%F"])),
        ("Processor".into(), format!("{model}, {cores} cores")),
        ("Kernel".into(), said("uname", &["-sr"])),
        ("Compiler".into(), said("rustc", &["--version"])),
        ("Build".into(), "portable: no `target-cpu`, the release profile as it is".into()),
    ];
    let lock = fs::read_to_string("benches/peers/Cargo.lock").unwrap_or_default();
    for name in CRATES.split(' ') {
        let package = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
        let version = package.and_then(|(_, rest)| rest.split('"').next());
        facts.push((name.into(), version.unwrap_or_default().into()));
    }
    let outside = std::env::var_os("PEERS_OUTSIDE").unwrap_or_default();
    for name in ["ws", "bun"] {
        let path = Path::new(&outside).join("node_modules").join(name).join("package.json");
        let package = serde_json::from_slice(&fs::read(path).unwrap_or_default());
        let package: serde_json::Value = package.unwrap_or_default();
        facts.push((format!("npm {name}"), package["version"].as_str().unwrap_or_default().into()));
    }
    let mut text = String::from("| | |\n|---|---|\n");
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text
}

const NOTES: &str = include_str!("../notes.md");

const CRATES: &str = "sanswire tungstenite tokio-tungstenite fastwebsockets tokio-websockets yawc \
    sockudo-ws nexus-web web-socket soketto tokio bytes flate2 zlib-rs";
