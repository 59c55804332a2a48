//! The report: what was measured as Markdown, with a verdict under each table that is computed and
//! not written; knows tables and not how they came about.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use itertools::Itertools;
use procfs::{CpuInfo, Current};

use crate::check::{legend, unchecked};
use crate::parts::PARTS;
use crate::plot;
use crate::summary::summary;
use crate::table::{Results, Table, markdown};

/// Writes `performance.md` and `plots/`: `report.md` with the results that are there.
pub(crate) fn write(results: &Path, docs: &Path) -> Result<(), Box<dyn Error>> {
    let plots = docs.join("plots");
    fs::create_dir_all(&plots)?;
    // What was plotted before may have no place in the report any more. Others have plots there, too.
    for plot in fs::read_dir(&plots)?.flatten() {
        let (path, is_of) = (plot.path(), |part| PARTS.iter().any(|(name, _)| *name == part));
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if stem.rsplit_once('-').is_some_and(|(part, _)| is_of(part)) {
            fs::remove_file(&path)?;
        }
    }
    let load = |name| Results::load(&results.join(name).with_extension("json"));
    let measured = PARTS.map(|(name, _)| (name, load(name)));
    let mut text = REPORT.replace("{{facts}}", &facts().to_string());
    text = text.replace("{{summary}}", &summary(&measured).to_string());
    text = text.replace("{{checks}}", &legend().to_string());
    for (name, results) in &measured {
        let mut part = String::new();
        if results.is_quick {
            part += "**A quick run, to see that everything works: its figures mean little.**\n\n";
        }
        for (index, table) in results.tables.iter().enumerate() {
            let (title, shown) = (&table.title, table.markdown());
            let _ = write!(part, "### {title}\n\n{}.\n\n{shown}\n\n", table.unit);
            part += &verdicts(table);
            let file = format!("{name}-{}.svg", index + 1);
            if table.is_plotted && plot::draw(table, &plots.join(&file))? {
                let _ = write!(part, "![{title}](plots/{file})\n\n");
            }
        }
        let part = if part.is_empty() { "Not measured." } else { part.trim_end() };
        text = text.replace(&format!("{{{{{name}}}}}"), part);
    }
    Ok(fs::write(docs.join("performance.md"), text)?)
}

/// Says in which columns our best row of a class is ahead of the best peer of the class, level with
/// it, or behind, with what that peer does not check. Where there is no limit, nothing is judged.
fn verdicts(table: &Table) -> String {
    let mut text = String::new();
    if table.cells.iter().all(|cell| cell.ratio.is_none()) {
        return text;
    }
    let ours = table.rows().filter(|row| row.is_ours());
    for class in ours.map(|row| &row.class).sorted().dedup() {
        let [mut behind, mut level, mut ahead] = [const { Vec::new() }; 3];
        for column in table.columns() {
            let best =
                |is_ours| table.best(column, |row| row.is_ours() == is_ours && row.class == *class);
            let Some((ours, theirs)) = best(true).zip(best(false)) else { continue };
            let (factor, name) = (ours.value / theirs.value, &theirs.row.name);
            match if table.is_higher_better { 1.0 / factor } else { factor } {
                factor @ 1.03.. => {
                    let takes = match unchecked(name) {
                        "–" | "?" => String::new(),
                        letters => format!(", which takes {letters},"),
                    };
                    behind.push(format!("{column} ({name}{takes} is {factor:.2} times as good)"));
                }
                0.97.. => level.push(column.clone()),
                _ => ahead.push(column.clone()),
            }
        }
        for (verdict, columns) in [
            ("**behind**", behind),
            ("level with the best peer (within 3 %)", level),
            ("ahead of all peers", ahead),
        ] {
            if !columns.is_empty() {
                let columns = columns.join(", ");
                let _ = write!(text, "sanswire, {class}, is {verdict} at {columns}.\n\n");
            }
        }
    }
    text
}

/// Returns what of the machine and the versions matters: no names, no paths.
fn facts() -> comfy_table::Table {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_default()
    };
    let cpu = CpuInfo::current().ok();
    let model = cpu.as_ref().and_then(|cpu| cpu.model_name(0)).unwrap_or("unknown");
    let cores = cpu.as_ref().map_or(1, CpuInfo::num_cores);
    let mut facts = vec![
        vec!["Date".into(), said("date", &["-u", "+%F"])],
        vec!["Processor".into(), format!("{model}, {cores} cores")],
        vec!["Kernel".into(), said("uname", &["-sr"])],
        vec!["Compiler".into(), said("rustc", &["--version"])],
        vec!["Build".into(), "portable: no `target-cpu`, the release profile as it is".into()],
    ];
    let lock = fs::read_to_string("benches/peers/Cargo.lock").unwrap_or_default();
    for name in CRATES.split(' ') {
        let package = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
        let version = package.and_then(|(_, rest)| rest.split('"').next());
        facts.push(vec![name.into(), version.unwrap_or_default().into()]);
    }
    let outside = std::env::var_os("PEERS_OUTSIDE").unwrap_or_default();
    for name in ["ws", "bun"] {
        let path = Path::new(&outside).join("node_modules").join(name).join("package.json");
        let package: Option<serde_json::Value> =
            fs::read(path).ok().and_then(|package| serde_json::from_slice(&package).ok());
        if let Some(version) = package.as_ref().and_then(|package| package["version"].as_str()) {
            facts.push(vec![format!("npm {name}"), version.into()]);
        }
    }
    markdown(["", ""], facts)
}

const REPORT: &str = include_str!("../report.md");

const CRATES: &str = "sanswire tungstenite tokio-tungstenite fastwebsockets tokio-websockets yawc \
    sockudo-ws nexus-web web-socket soketto tokio bytes flate2 zlib-rs";
