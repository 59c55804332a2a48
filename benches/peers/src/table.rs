//! What was measured, as tables that are kept as JSON and shown as Markdown; knows neither
//! contestants nor what is made of them.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::check::unchecked;
use crate::contestant::Row;
use crate::rounds::median;

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
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Values>,
}

/// One contestant's values.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Values {
    pub(crate) name: String,
    pub(crate) class: String,
    /// The letters of the rules that it does not check.
    pub(crate) unchecked: String,
    /// As many as there are columns.
    pub(crate) cells: Vec<Option<Cell>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// The median over the rounds.
    pub(crate) value: f64,
    /// The median of the ratios to something else in the same round.
    pub(crate) ratio: Option<f64>,
}

/// What the ratios of a column are to.
#[derive(Clone, Copy)]
pub(crate) enum Beside<'a> {
    /// The limit of the same class, or of any.
    Limit,
    Nothing,
    /// Other values of the same contestants.
    These(&'a [Vec<f64>]),
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, unit: &str) -> Self {
        Self { title: title.into(), unit: unit.into(), ..Self::default() }
    }

    /// Adds a column: for each contestant the values of all rounds.
    pub(crate) fn add(
        &mut self,
        column: &str,
        rows: &[Row],
        rounds: &[Vec<f64>],
        beside: Beside<'_>,
    ) {
        let index = self.columns.len();
        self.columns.push(column.into());
        self.rows.iter_mut().for_each(|row| row.cells.push(None));
        for (at, (row, values)) in rows.iter().zip(rounds).enumerate() {
            if values.is_empty() {
                continue;
            }
            let other = match beside {
                Beside::Limit => {
                    let is_limit = |limit: &Row| limit.name.starts_with("limit");
                    let is_same = |limit: &Row| limit.class == row.class && is_limit(limit);
                    let limit = rows.iter().position(is_same);
                    limit.or_else(|| rows.iter().position(is_limit)).map(|limit| &rounds[limit])
                }
                Beside::Nothing => None,
                Beside::These(others) => others.get(at),
            };
            let ratio = other.and_then(|other| ratio(values, other));
            self.row(row, index).cells[index] = Some(Cell { value: median(values), ratio });
        }
    }

    fn row(&mut self, row: &Row, index: usize) -> &mut Values {
        let is_same = |other: &Values| other.name == row.name && other.class == row.class;
        let at = self.rows.iter().position(is_same).unwrap_or_else(|| {
            self.rows.push(Values {
                name: row.name.into(),
                class: row.class.into(),
                unchecked: unchecked(row.name).into(),
                cells: vec![None; index + 1],
            });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// Returns the cell of a row in a column.
    pub(crate) fn cell(&self, row: &Values, column: &str) -> Option<Cell> {
        row.cells[self.columns.iter().position(|name| name == column)?]
    }

    /// Returns the best value of a column of some rows that are no limits, and whose it is.
    pub(crate) fn best(
        &self,
        column: &str,
        is_in: impl Fn(&Values) -> bool,
    ) -> Option<(f64, &Values)> {
        let rows = self.rows.iter().filter(|row| !row.is_limit() && is_in(row));
        let values = rows.filter_map(|row| Some((self.cell(row, column)?.value, row)));
        let order = |a: &(f64, _), b: &(f64, _)| a.0.total_cmp(&b.0);
        if self.is_higher_better { values.max_by(order) } else { values.min_by(order) }
    }

    /// Returns what is shown, the head first. The best of its class is bold.
    pub(crate) fn lines(&self) -> Vec<Vec<String>> {
        let mut lines = vec![["who", "class", "takes"].map(str::to_owned).to_vec()];
        lines[0].extend_from_slice(&self.columns);
        for row in &self.rows {
            let mut line = vec![row.name.clone(), row.class.clone(), row.unchecked.clone()];
            for column in &self.columns {
                let best = self.best(column, |other| other.class == row.class);
                let cell = self.cell(row, column).map_or_else(|| "–".into(), Cell::text);
                let is_best = best.is_some_and(|(_, best)| core::ptr::eq(best, row));
                line.push(if is_best { format!("**{cell}**") } else { cell });
            }
            lines.push(line);
        }
        lines
    }

    /// Prints the table for a terminal.
    pub(crate) fn print(self) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING).add_rows(self.lines());
        println!("\n{}: {}\n{table}", self.title, self.unit);
        self
    }
}

impl Values {
    pub(crate) fn is_ours(&self) -> bool {
        self.name.starts_with("sanswire")
    }

    pub(crate) fn is_limit(&self) -> bool {
        self.name.starts_with("limit")
    }
}

impl Cell {
    /// Writes value and ratio.
    fn text(self) -> String {
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
        let rows = [("limit", "a"), ("one", "a"), ("two", "b")];
        let rows = rows.map(|(name, class)| Row { name, class });
        let mut table = Table::new("title", "ns");
        let values = [vec![1.0, 2.0, 4.0], vec![2.0, 4.0, 12.0], vec![]];
        table.add("16 B", &rows, &values, Beside::Limit);
        table.add("1 KiB", &rows[1..], &[vec![3.0], vec![5.0]], Beside::Limit);
        assert_eq!(table.rows[1].cells[0], Some(Cell { value: 4.0, ratio: Some(2.0) }));
        assert_eq!(table.rows[2].cells, [None, Some(Cell { value: 5.0, ratio: None })]);
        assert_eq!(table.lines()[2][3..], ["**4.00 (2.00×)**", "**3.00**"]);
        let path = std::env::temp_dir().join(format!("peers-table-{}", std::process::id()));
        let results = Results { is_quick: true, tables: vec![table] };
        results.save(&path).unwrap();
        assert_eq!(Results::load(&path), results);
        fs::remove_file(path).unwrap();
    }
}
