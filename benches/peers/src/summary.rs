//! The bars: what this crate is to reach (`bars.json`), and whether what was measured does; knows
//! tables and not how they came about.

use serde::Deserialize;

use crate::check::unchecked;
use crate::contestant::Row;
use crate::table::{Cell, Results, Table, markdown, number};
use itertools::Itertools;

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
pub(crate) fn summary(parts: &[(&str, Results)]) -> comfy_table::Table {
    let bars: Vec<Bar> = serde_json::from_str(BARS).expect("bars");
    let lines = bars.into_iter().filter_map(|bar| {
        let (_, Results { tables, .. }) = parts.iter().find(|(name, _)| *name == bar.part)?;
        let cases: Vec<_> = tables.iter().flat_map(|table| bar.cases(table, tables)).collect();
        let (worst, at) = cases.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let missed = cases.iter().filter(|(value, _)| *value > bar.most).count();
        let value = if bar.unit == "×" { format!("{worst:.2}") } else { number(*worst) };
        let verdict = match missed {
            0 => "met".to_owned(),
            _ => format!("**missed** in {missed} of {}", cases.len()),
        };
        Some(vec![bar.part, bar.demand, format!("{value}{}: {at}", bar.unit), verdict])
    });
    markdown(["", "bar", "worst case", ""], lines)
}

impl Bar {
    /// Returns the values that are to be judged, and where each stands.
    fn cases(&self, table: &Table, all: &[Table]) -> Vec<(f64, String)> {
        let has = |part: &String| table.title.contains(part);
        if !self.titles.iter().all(has) || self.without.iter().any(has) {
            return Vec::new();
        }
        let is_or_any =
            |asked: &Option<String>, is: &str| asked.as_deref().is_none_or(|asked| asked == is);
        let is_judged = |cell: &&Cell| {
            let is_asked = self.columns.is_empty() || self.columns.contains(&cell.column);
            let Row { name, class } = &cell.row;
            let is_in = is_or_any(&self.name, name) && is_or_any(&self.class, class);
            cell.row.is_ours() && is_asked && is_in
        };
        let cases = table.cells.iter().filter(is_judged).filter_map(|cell| {
            let (value, beside) = self.value(table, all, cell)?;
            let (Row { name, class }, column) = (&cell.row, &cell.column);
            Some((column, value, format!("{column}, {}: {name}, {class}{beside}", table.title)))
        });
        // The best of each column, unless each row is judged.
        let columns = cases.chunk_by(|(column, ..)| *column);
        let columns = columns.into_iter().map(|(_, cases)| cases.map(|(_, value, at)| (value, at)));
        if self.is_each {
            columns.flatten().collect()
        } else {
            columns.filter_map(|cases| cases.min_by(|a, b| a.0.total_cmp(&b.0))).collect()
        }
    }

    /// Returns the value of one of our cells, and the name of the peer that it is beside.
    fn value(&self, table: &Table, all: &[Table], cell: &Cell) -> Option<(f64, String)> {
        let Cell { row, column, value, ratio } = cell;
        let beside = |other: f64| {
            if table.is_higher_better { other / value } else { value / other }
        };
        let other = |prefix: &String| {
            let is_other =
                |other: &&Row| other.name.starts_with(prefix.as_str()) && other.class == row.class;
            Some(table.cell(table.rows().find(is_other)?, column)?.value)
        };
        let value = match &self.beside {
            Beside::Ratio => (*ratio)?,
            Beside::Nothing => *value,
            Beside::Row(prefix) => beside(other(prefix)?),
            Beside::Above(prefix) => value - other(prefix)?,
            Beside::Title(from, to) if table.title.contains(from) => {
                let title = table.title.replace(from, to);
                value / all.iter().find(|other| other.title == title)?.cell(row, column)?.value
            }
            Beside::Title(..) => return None,
            Beside::Peers { is_any_class, checks_all, only, without } => {
                let is_in = |list: &[String], row: &Row| {
                    list.iter().any(|name| row.name.starts_with(name.as_str()))
                };
                let best = table.best(column, |rival| {
                    let is_in_class = *is_any_class || rival.class == row.class;
                    let is_asked = only.is_empty() || is_in(only, rival);
                    let checks = unchecked(&rival.name) == unchecked(&row.name) || !checks_all;
                    let is_peer = !rival.is_ours() && !is_in(without, rival);
                    is_peer && is_in_class && is_asked && checks
                })?;
                return Some((beside(best.value), format!(", beside {}", best.row.name)));
            }
        };
        Some((value, String::new()))
    }
}

const BARS: &str = include_str!("../bars.json");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn the_worst_case_is_told() {
        let mut table = Table::new("Binary, whole, reads of 64 KiB", "ns");
        let mut add = |column, costs: [f64; 4]| {
            let rows = [("limit", "lent"), ("sanswire", "lent"), ("sanswire, tokio", "lent")];
            let rows = rows.into_iter().chain([("soketto", "owned")]);
            let rows = rows.map(|(name, class)| Row::new(name, class));
            let costs = rows.zip(costs.map(|cost| vec![cost])).collect();
            table.add(column, &costs, table::Beside::Limit);
        };
        add("16 B", [10.0, 14.0, 20.0, 50.0]);
        add("125 B", [10.0, 20.0, 19.0, 30.0]);
        let results = Results { is_quick: false, tables: vec![table] };
        let text = summary(&[("receive", results)]).to_string();
        let at = "125 B, Binary, whole, reads of 64 KiB: sanswire, tokio, lent";
        let has = |cells: &str| {
            text.lines().any(|line| {
                line.split('|').map(str::trim).collect::<Vec<_>>().join("|").contains(cells)
            })
        };
        assert!(has(&format!("|1.90×: {at}|**missed** in 1 of 2|")), "{text}");
        assert!(has(&format!("|0.63×: {at}, beside soketto|met|")), "{text}");
        assert!(has("|6.00 ns: 16 B, "), "{text}");
        assert!(!has("|echo|"), "{text}");
    }
}
