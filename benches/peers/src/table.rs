//! What was measured, as tables that are kept as JSON and shown as Markdown; knows neither
//! contestants nor what is made of them.

use std::path::Path;
use std::{fs, io};

use itertools::Itertools;
use serde::{Deserialize, Serialize};

use crate::check::unchecked;
use crate::contestant::Row;

/// The tables of a part.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// Whether the figures mean little.
    pub(crate) is_quick: bool,
    pub(crate) tables: Vec<Table>,
}

/// Rows of contestants, columns of sizes or the like.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    /// What a value is: `ns per message`.
    pub(crate) unit: String,
    pub(crate) is_higher_better: bool,
    pub(crate) is_plotted: bool,
    /// Column by column.
    pub(crate) cells: Vec<Cell>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cell {
    #[serde(flatten)]
    pub(crate) row: Row,
    pub(crate) column: String,
    /// The median over the rounds.
    pub(crate) value: f64,
    /// The median of the ratios to something else in the same round.
    pub(crate) ratio: Option<f64>,
}

/// What each contestant's turns cost.
pub(crate) type Costs = Vec<(Row, Vec<f64>)>;

/// What the ratios of a column are to.
#[derive(Clone, Copy)]
pub(crate) enum Beside<'a> {
    /// The limit of the same class, or of any.
    Limit,
    Nothing,
    /// Other costs of the same contestants.
    These(&'a Costs),
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, unit: &str) -> Self {
        Self { title: title.into(), unit: unit.into(), ..Self::default() }
    }

    /// Adds a column.
    pub(crate) fn add(&mut self, column: &str, costs: &Costs, beside: Beside<'_>) {
        let limits = || costs.iter().filter(|(row, _)| row.is_limit());
        for (row, values) in costs.iter().filter(|(_, values)| !values.is_empty()) {
            let other = match beside {
                Beside::Limit => {
                    limits().find(|limit| limit.0.class == row.class).or_else(|| limits().next())
                }
                Beside::Nothing => None,
                Beside::These(others) => others.iter().find(|other| other.0 == *row),
            };
            let ratio = other.and_then(|(_, other)| ratio(values, other));
            let (row, column) = (row.clone(), column.to_owned());
            self.cells.push(Cell { row, column, value: median(values), ratio });
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.cells.iter().map(|cell| &cell.row).unique()
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = &String> {
        self.cells.iter().map(|cell| &cell.column).unique()
    }

    pub(crate) fn cell(&self, row: &Row, column: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.row == *row && cell.column == column)
    }

    /// Returns the best cell in a column of some rows that are no limits.
    pub(crate) fn best(&self, column: &str, is_in: impl Fn(&Row) -> bool) -> Option<&Cell> {
        let is_in =
            |cell: &&Cell| cell.column == column && !cell.row.is_limit() && is_in(&cell.row);
        let cells = self.cells.iter().filter(is_in);
        let order = |a: &&Cell, b: &&Cell| a.value.total_cmp(&b.value);
        if self.is_higher_better { cells.max_by(order) } else { cells.min_by(order) }
    }

    /// Returns what is shown. The best of its class is bold.
    pub(crate) fn markdown(&self) -> comfy_table::Table {
        let lines = self.rows().map(|row| {
            let cells = self.columns().map(|column| {
                let best = self.best(column, |other| other.class == row.class);
                let cell = self.cell(row, column);
                match cell.map(Cell::text) {
                    Some(text) if best == cell => format!("**{text}**"),
                    text => text.unwrap_or_else(|| "–".into()),
                }
            });
            let row = [&row.name, &row.class, unchecked(&row.name)].map(str::to_owned);
            row.into_iter().chain(cells).collect()
        });
        markdown(["who", "class", "takes"].into_iter().chain(self.columns().map(|c| &c[..])), lines)
    }

    pub(crate) fn print(self) -> Self {
        println!("\n{}: {}\n{}", self.title, self.unit, self.markdown());
        self
    }
}

impl Cell {
    /// Writes value and ratio.
    fn text(&self) -> String {
        let value = number(self.value);
        self.ratio.map_or(value.clone(), |ratio| format!("{value} ({ratio:.2}×)"))
    }
}

impl Results {
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::write(path, serde_json::to_vec_pretty(self)?)
    }

    /// Returns what was saved, or nothing.
    pub(crate) fn load(path: &Path) -> Self {
        serde_json::from_slice(&fs::read(path).unwrap_or_default()).unwrap_or_default()
    }
}

/// Makes a table of Markdown.
pub(crate) fn markdown<'a>(
    head: impl IntoIterator<Item = &'a str>,
    lines: impl IntoIterator<Item = Vec<String>>,
) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(head).add_rows(lines);
    table
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns the median of the ratios in the same round.
fn ratio(values: &[f64], others: &[f64]) -> Option<f64> {
    let ratios: Vec<_> = values.iter().zip(others).map(|(value, other)| value / other).collect();
    (values.len() == others.len()).then(|| median(&ratios)).filter(|ratio| ratio.is_finite())
}

/// Three digits that matter, and no more.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.1} k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        0.0 => "0".into(),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_can_be_loaded() {
        let cost = |name, class, costs: &[f64]| (Row::new(name, class), costs.to_vec());
        let mut table = Table::new("title", "ns");
        let costs = vec![cost("limit", "a", &[1.0, 2.0, 4.0]), cost("one", "a", &[2.0, 4.0, 12.0])];
        table.add("16 B", &costs, Beside::Limit);
        let costs = vec![cost("one", "a", &[3.0]), cost("two", "b", &[5.0])];
        table.add("1 KiB", &costs, Beside::Limit);
        let values = table.cells.iter().map(|cell| (cell.value, cell.ratio)).collect_vec();
        assert_eq!(values, [(2.0, Some(1.0)), (4.0, Some(2.0)), (3.0, None), (5.0, None)]);
        let line = "| one   | a     | ?     | **4.00 (2.00×)** | **3.00** |";
        assert_eq!(table.markdown().lines().nth(3).as_deref(), Some(line));
        let path = std::env::temp_dir().join(format!("peers-table-{}", std::process::id()));
        let results = Results { is_quick: true, tables: vec![table] };
        results.save(&path).unwrap();
        assert_eq!(Results::load(&path), results);
        fs::remove_file(path).unwrap();
    }
}
