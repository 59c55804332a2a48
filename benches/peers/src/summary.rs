//! The bars: what this crate is to reach, and whether what was measured does; knows tables and not
//! how they came about.

use std::fmt::Write as _;

use crate::table::{Cell, Table, Values, number};

/// The tables of all parts, by name.
pub type Results = Vec<(&'static str, Vec<Table>)>;

/// What is to be reached.
struct Bar {
    area: &'static str,
    demand: &'static str,
    /// What is before each value, and behind it.
    unit: &'static str,
    cases: Vec<Case>,
}

/// One value that was measured.
struct Case {
    at: String,
    value: f64,
    most: f64,
}

/// Returns a table of all bars for which something was measured.
#[must_use]
pub fn summary(results: &Results) -> String {
    let all = [receive(results), send(results), echo(results), scale(results), idle(results)];
    let mut text = String::from("| | bar | worst case | |\n|---|---|---|---|\n");
    for bar in all.iter().flatten().filter(|bar| !bar.cases.is_empty()) {
        let missed = bar.cases.iter().filter(|case| case.value > case.most).count();
        let order = |a: &&Case, b: &&Case| (a.value / a.most).total_cmp(&(b.value / b.most));
        let Some(worst) = bar.cases.iter().max_by(order) else { continue };
        let value =
            if bar.unit == "×" { format!("{:.2}", worst.value) } else { number(worst.value) };
        let verdict = match missed {
            0 => "met".to_owned(),
            _ => format!("**missed** in {missed} of {}", bar.cases.len()),
        };
        let Bar { area, demand, unit, .. } = bar;
        let _ = writeln!(text, "| {area} | {demand} | {value}{unit}: {} | {verdict} |", worst.at);
    }
    text
}

fn receive(results: &Results) -> Vec<Bar> {
    let tables = tables(results, "receive", |_| true);
    let whole = |table: &&&Table| table.title.contains("whole");
    let parts = |table: &&&Table| table.title.contains("fragments");
    let bar = |demand, cases| Bar { area: "receive", demand, unit: "×", cases };
    let limit = |tables: &mut dyn Iterator<Item = &&Table>| {
        let mut cases = Vec::new();
        for table in tables {
            cases.extend(beside_limit(table, "lent", &SMALL, 1.5));
            cases.extend(beside_limit(table, "lent", &["1 KiB"], 1.2));
        }
        cases
    };
    let fastest = |class, rivals: &dyn Fn(&Values) -> bool, columns: Option<&[&str]>, most| {
        let cases = tables.iter().flat_map(|table| {
            let asked = |column: &str| columns.is_none_or(|columns| columns.contains(&column));
            let ours = |row: &Values| is_ours(row) && row.class == class;
            beside(table, &asked, &ours, rivals, most)
        });
        cases.collect()
    };
    let is_owned = |row: &Values| row.class == "owned";
    vec![
        bar(
            "lent, whole: 1.5× the limit at 0 to 125 B, 1.2× at 1 KiB",
            limit(&mut tables.iter().filter(whole)),
        ),
        bar("lent, in fragments: the same", limit(&mut tables.iter().filter(parts))),
        bar(
            "lent: no slower than the fastest peer, lent or owned",
            fastest("lent", &|_| true, None, LEVEL),
        ),
        bar(
            "lent: half of the fastest peer at 0 to 125 B",
            fastest("lent", &|_| true, Some(&SMALL), 0.5),
        ),
        bar("owned: no slower than the fastest peer", fastest("owned", &is_owned, None, LEVEL)),
        bar("1,460-byte reads: 1.3× those of 64 KiB, for messages that fit", reads(&tables)),
    ]
}

/// Compares the tables that differ only in how much a read delivers.
fn reads(tables: &[&Table]) -> Vec<Case> {
    let mut cases = Vec::new();
    for large in tables.iter().filter(|table| table.title.ends_with("reads of 64 KiB")) {
        let title = large.title.replace("64 KiB", "1,460 B");
        let Some(small) = tables.iter().find(|table| table.title == title) else { continue };
        for row in large.rows.iter().filter(|row| row.name == "sanswire") {
            for column in SMALL.into_iter().chain(["1 KiB"]) {
                let other = small.rows.iter().find(|other| same(other, row));
                let Some(slow) = other.and_then(|other| cell(small, other, column)) else {
                    continue;
                };
                let Some(fast) = cell(large, row, column) else { continue };
                let at = format!("{column}, {}: {}", row.class, large.title);
                cases.push(Case { at, value: slow.value / fast.value, most: FLAT });
            }
        }
    }
    cases
}

fn send(results: &Results) -> Vec<Bar> {
    let bar = |demand, unit, cases| Bar { area: "send", demand, unit, cases };
    let server = tables(results, "send", |title| title == "Server");
    let mut small = Vec::new();
    let mut large = Vec::new();
    for table in &server {
        for row in table.rows.iter().filter(|row| is_ours(row)) {
            if let Some(cell) = cell(table, row, "16 B") {
                small.push(Case { at: row.class.clone(), value: cell.value, most: 15.0 });
            }
        }
        large.extend(beside_limit(table, "bytes", &["16 KiB", "64 KiB", "1 MiB"], 1.1));
    }
    let mut client = Vec::new();
    for table in tables(results, "send", |title| title == "Client") {
        for class in ["slice", "bytes"] {
            let ours = |row: &Values| is_ours(row) && row.class == class;
            let theirs = |row: &Values| row.class == class;
            client.extend(beside(table, &|_| true, &ours, &theirs, LEVEL));
        }
    }
    vec![
        bar("server, 16 B: 15 ns", " ns", small),
        bar("server, 16 KiB and more as `Bytes`: 1.1× the limit", "×", large),
        bar("client: no slower than the fastest peer", "×", client),
    ]
}

fn echo(results: &Results) -> Vec<Bar> {
    let bar = |demand, cases| Bar { area: "echo", demand, unit: "×", cases };
    let tables = tables(results, "echo", |title| title.ends_with("CPU time"));
    let limit = |class: &str| {
        let ours = |row: &Values| is_ours(row) && row.class == class;
        let mut cases = Vec::new();
        for table in &tables {
            for (column, most) in [("16 B", 1.25), ("1 KiB", 1.1)] {
                let limit = |row: &&Values| row.name.starts_with(FRAMES) && row.class == class;
                let limit = table.rows.iter().find(limit);
                let limit = limit.and_then(|limit| cell(table, limit, column));
                let best = best(table, column, &ours);
                if let Some(((best, _), limit)) = best.zip(limit) {
                    let at = format!("{column}, {}", table.title);
                    cases.push(Case { at, value: best / limit.value, most });
                }
            }
            cases.extend(beside_limit(table, class, &["64 KiB", "1 MiB"], 1.1));
        }
        cases
    };
    let fastest = |class: &str, rivals: &dyn Fn(&Values) -> bool| {
        let ours = |row: &Values| is_ours(row) && row.class == class;
        tables.iter().flat_map(|table| beside(table, &|_| true, &ours, rivals, LEVEL)).collect()
    };
    let is_bun = |row: &Values| row.name.starts_with("bun");
    vec![
        bar(
            "tokio: CPU time of a loop over frames 1.25× at 16 B, 1.1× at 1 KiB; of raw TCP 1.1× above",
            limit("async"),
        ),
        bar("tokio: no more than uWebSockets (bun)", fastest("async", &is_bun)),
        bar("tokio: no more than the best peer", fastest("async", &|row| row.class == "async")),
        bar("blocking: the same", limit("blocking")),
        bar(
            "blocking: no more than the best peer",
            fastest("blocking", &|row| row.class == "blocking"),
        ),
    ]
}

fn scale(results: &Results) -> Vec<Bar> {
    let mut cases = Vec::new();
    for table in tables(results, "scale", |_| true) {
        for row in table.rows.iter().filter(|row| is_ours(row)) {
            for column in table.columns.iter().skip(1) {
                if let Some(Cell { ratio: Some(value), .. }) = cell(table, row, column) {
                    let at = format!("{column} connections, {}, {}", table.title, row.name);
                    cases.push(Case { at, value, most: FLAT });
                }
            }
        }
    }
    let demand = "a message with up to 10,000 connections: 1.3× that with 1";
    vec![Bar { area: "scale", demand, unit: "×", cases }]
}

fn idle(results: &Results) -> Vec<Bar> {
    let mut cases = Vec::new();
    for table in tables(results, "memory", |title| title == "Heap") {
        let Some(limit) = table.rows.iter().find(|row| is_limit(row)) else { continue };
        for row in table.rows.iter().filter(|row| is_ours(row)) {
            for column in &table.columns {
                let cells = cell(table, row, column).zip(cell(table, limit, column));
                let Some((ours, limit)) = cells else { continue };
                let at = format!("{column}, {}", row.name);
                cases.push(Case { at, value: ours.value - limit.value, most: 1024.0 });
            }
        }
    }
    let demand = "heap beyond that of a raw TCP task: 1,024 B";
    vec![Bar { area: "memory", demand, unit: " B", cases }]
}

/// Returns the tables of a part whose title is asked for.
fn tables<'a>(results: &'a Results, part: &str, is_asked: impl Fn(&str) -> bool) -> Vec<&'a Table> {
    let tables = results.iter().filter(|(name, _)| *name == part).flat_map(|(_, tables)| tables);
    tables.filter(|table| is_asked(&table.title)).collect()
}

/// Compares our best row of a class with the limit.
fn beside_limit(table: &Table, class: &str, columns: &[&str], most: f64) -> Vec<Case> {
    let ratio = |row: &Values, column: &str| cell(table, row, column)?.ratio;
    let ours = || table.rows.iter().filter(|row| is_ours(row) && row.class == class);
    let best = |column: &str| ours().filter_map(|row| ratio(row, column)).min_by(f64::total_cmp);
    let case = |column: &&str| {
        let at = format!("{column}, {}", table.title);
        Some(Case { at, value: best(column)?, most })
    };
    columns.iter().filter_map(case).collect()
}

/// Compares the best of our rows with the best of others.
fn beside(
    table: &Table,
    is_asked: &dyn Fn(&str) -> bool,
    is_our: &dyn Fn(&Values) -> bool,
    is_rival: &dyn Fn(&Values) -> bool,
    most: f64,
) -> Vec<Case> {
    let case = |column: &String| {
        let (ours, _) = best(table, column, is_our)?;
        let (theirs, name) = best(table, column, &|row| !is_ours(row) && is_rival(row))?;
        let at = format!("{column}, {}, beside {name}", table.title);
        Some(Case { at, value: ours / theirs, most })
    };
    table.columns.iter().filter(|column| is_asked(column)).filter_map(case).collect()
}

/// Returns the least value of some rows that are no limits, and whose it is.
fn best(table: &Table, column: &str, is_in: &dyn Fn(&Values) -> bool) -> Option<(f64, String)> {
    let rows = table.rows.iter().filter(|row| !is_limit(row) && is_in(row));
    rows.filter_map(|row| Some((cell(table, row, column)?.value, row.name.clone())))
        .min_by(|(a, _), (b, _)| a.total_cmp(b))
}

fn cell(table: &Table, row: &Values, column: &str) -> Option<Cell> {
    let index = table.columns.iter().position(|name| name == column)?;
    row.cells.get(index).copied().flatten()
}

fn same(a: &Values, b: &Values) -> bool {
    (&a.name, &a.class) == (&b.name, &b.class)
}

fn is_ours(row: &Values) -> bool {
    row.name.starts_with("sanswire")
}

fn is_limit(row: &Values) -> bool {
    row.name.starts_with("limit")
}

/// What the names of the limits begin with that handle frames.
const FRAMES: &str = "limit: frames";

const SMALL: [&str; 3] = ["0 B", "16 B", "125 B"];

/// What differs less is not told apart.
const LEVEL: f64 = 1.03;

/// What is flat.
const FLAT: f64 = 1.3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Row;
    use crate::table::Better;

    #[test]
    fn the_worst_case_is_told() {
        let rows = [
            Row { name: "limit", class: "lent" },
            Row { name: "sanswire", class: "lent" },
            Row { name: "sanswire, tokio", class: "lent" },
            Row { name: "other", class: "owned" },
        ];
        let mut table = Table::new("Binary, whole, reads of 64 KiB", "ns", Better::Lower);
        table.add("16 B", &rows, &[vec![10.0], vec![14.0], vec![20.0], vec![50.0]]);
        table.add("125 B", &rows, &[vec![10.0], vec![20.0], vec![19.0], vec![30.0]]);
        let text = summary(&vec![("receive", vec![table])]);
        let limit = "| 1.90×: 125 B, Binary, whole, reads of 64 KiB | **missed** in 1 of 2 |";
        assert!(text.contains(limit), "{text}");
        assert!(
            text.contains("| 0.63×: 125 B, Binary, whole, reads of 64 KiB, beside other | met |")
        );
        assert!(!text.contains("echo"));
    }
}
