//! The bars: what this crate is to reach (`bars.json`), and whether what was measured does; knows
//! tables and not how they came about.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::table::{Cell, Results, Table, Values, number};

/// What is to be reached.
#[derive(Deserialize)]
struct Bar {
    part: String,
    demand: String,
    /// What is behind each value.
    unit: String,
    /// The most that a value may be.
    most: f64,
    /// What is in the titles of the tables, and what is not.
    #[serde(default)]
    titles: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    /// The columns; all if there are none.
    #[serde(default)]
    columns: Vec<String>,
    /// Our rows: the best of those that are asked for, or each.
    name: Option<String>,
    class: Option<String>,
    #[serde(default)]
    is_each: bool,
    beside: Beside,
}

/// What our values are set beside.
#[derive(Deserialize)]
enum Beside {
    /// The ratio that the table has.
    Ratio,
    /// Nothing: they are what they are.
    Nothing,
    /// The best peer of the same class, or of any: of all, or of those that check as much; of these
    /// names, or of all but others.
    Peers {
        #[serde(default)]
        is_any_class: bool,
        #[serde(default)]
        checks_all: bool,
        #[serde(default)]
        only: Vec<String>,
        #[serde(default)]
        without: Vec<String>,
    },
    /// The row whose name begins so, of the same class: the ratio to it, or the difference.
    Row(String),
    Above(String),
    /// The same row in the table in whose title the one is put for the other.
    Title(String, String),
}

/// Returns a table of all bars for which something was measured.
pub(crate) fn summary(parts: &[(&str, Results)]) -> String {
    let bars: Vec<Bar> = serde_json::from_str(BARS).expect("bars");
    let mut text = String::from("| | bar | worst case | |\n|---|---|---|---|\n");
    for bar in bars {
        let Some((part, Results { tables, .. })) = parts.iter().find(|(name, _)| *name == bar.part)
        else {
            continue;
        };
        let cases: Vec<_> = tables.iter().flat_map(|table| bar.cases(table, tables)).collect();
        let Some((worst, at)) = cases.iter().max_by(|a, b| a.0.total_cmp(&b.0)) else { continue };
        let missed = cases.iter().filter(|(value, _)| *value > bar.most).count();
        let value = if bar.unit == "×" { format!("{worst:.2}") } else { number(*worst) };
        let verdict = match missed {
            0 => "met".to_owned(),
            _ => format!("**missed** in {missed} of {}", cases.len()),
        };
        let Bar { demand, unit, .. } = &bar;
        let _ = writeln!(text, "| {part} | {demand} | {value}{unit}: {at} | {verdict} |");
    }
    text
}

impl Bar {
    /// Returns the values that are to be judged, and where each stands.
    fn cases(&self, table: &Table, all: &[Table]) -> Vec<(f64, String)> {
        let has = |part: &String| table.title.contains(part);
        if !self.titles.iter().all(has) || self.without.iter().any(has) {
            return Vec::new();
        }
        let mut cases = Vec::new();
        let is_asked = |column: &&String| self.columns.is_empty() || self.columns.contains(column);
        for column in table.columns.iter().filter(is_asked) {
            let ours = table.rows.iter().filter(|row| {
                let is_asked = self.name.as_ref().is_none_or(|name| row.name == *name);
                let is_in = self.class.as_ref().is_none_or(|class| row.class == *class);
                row.is_ours() && is_asked && is_in
            });
            let values = ours.filter_map(|row| {
                let (value, beside) = self.value(table, all, row, column)?;
                let (name, class) = (&row.name, &row.class);
                Some((value, format!("{column}, {}: {name}, {class}{beside}", table.title)))
            });
            if self.is_each {
                cases.extend(values);
            } else {
                cases.extend(values.min_by(|a, b| a.0.total_cmp(&b.0)));
            }
        }
        cases
    }

    /// Returns the value of one of our cells, and the name of the peer that it is beside.
    fn value(
        &self,
        table: &Table,
        all: &[Table],
        row: &Values,
        column: &str,
    ) -> Option<(f64, String)> {
        let Cell { value, ratio } = table.cell(row, column)?;
        let beside = |other: f64| {
            if table.is_higher_better { other / value } else { value / other }
        };
        let other = |prefix: &String| {
            let is_other = |other: &&Values| {
                other.name.starts_with(prefix.as_str()) && other.class == row.class
            };
            Some(table.cell(table.rows.iter().find(is_other)?, column)?.value)
        };
        let value = match &self.beside {
            Beside::Ratio => ratio?,
            Beside::Nothing => value,
            Beside::Row(prefix) => beside(other(prefix)?),
            Beside::Above(prefix) => value - other(prefix)?,
            Beside::Title(from, to) => {
                let title = table.title.replace(from, to);
                let other =
                    all.iter().find(|other| other.title == title && title != table.title)?;
                let is_same = |other: &&Values| other.name == row.name && other.class == row.class;
                value / other.cell(other.rows.iter().find(is_same)?, column)?.value
            }
            Beside::Peers { is_any_class, checks_all, only, without } => {
                let is_in = |list: &[String], row: &Values| {
                    list.iter().any(|name| row.name.starts_with(name.as_str()))
                };
                let (best, rival) = table.best(column, |rival| {
                    let is_in_class = *is_any_class || rival.class == row.class;
                    let is_asked = only.is_empty() || is_in(only, rival);
                    let checks = rival.unchecked == row.unchecked || !checks_all;
                    let is_peer = !rival.is_ours() && !is_in(without, rival);
                    is_peer && is_in_class && is_asked && checks
                })?;
                return Some((beside(best), format!(", beside {}", rival.name)));
            }
        };
        Some((value, String::new()))
    }
}

const BARS: &str = include_str!("../bars.json");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestant::Row;
    use crate::table;

    #[test]
    fn the_worst_case_is_told() {
        let rows = [("limit", "lent"), ("sanswire", "lent"), ("sanswire, tokio", "lent")];
        let rows = [&rows[..], &[("soketto", "owned")]].concat();
        let rows: Vec<_> = rows.into_iter().map(|(name, class)| Row { name, class }).collect();
        let mut table = Table::new("Binary, whole, reads of 64 KiB", "ns");
        let beside = table::Beside::Limit;
        table.add("16 B", &rows, &[vec![10.0], vec![14.0], vec![20.0], vec![50.0]], beside);
        table.add("125 B", &rows, &[vec![10.0], vec![20.0], vec![19.0], vec![30.0]], beside);
        let results = Results { is_quick: false, tables: vec![table] };
        let text = summary(&[("receive", results)]);
        let at = "125 B, Binary, whole, reads of 64 KiB: sanswire, tokio, lent";
        assert!(text.contains(&format!("| 1.90×: {at} | **missed** in 1 of 2 |")), "{text}");
        assert!(text.contains(&format!("| 0.63×: {at}, beside soketto | met |")), "{text}");
        assert!(text.contains("| 6.00 ns: 16 B, "), "{text}");
        assert!(!text.contains("| echo"), "{text}");
    }
}
