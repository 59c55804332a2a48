//! What was measured, as tables that are kept in files; knows neither contestants nor Markdown.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use crate::peer::Row;
use crate::rounds::median;

/// Rows of contestants, columns of sizes or the like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub title: String,
    /// What a value is: `ns per message`.
    pub unit: String,
    pub better: Better,
    pub is_plotted: bool,
    pub columns: Vec<String>,
    pub rows: Vec<Values>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Better {
    Higher,
    #[default]
    Lower,
}

/// One contestant's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    pub name: String,
    pub class: String,
    /// As many as there are columns.
    pub cells: Vec<Option<Cell>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The median over the rounds.
    pub value: f64,
    /// The median of the ratios to the limit of the same class in the same round.
    pub ratio: Option<f64>,
}

impl Table {
    #[must_use]
    pub fn new(title: &str, unit: &str, better: Better) -> Self {
        Self { title: title.into(), unit: unit.into(), better, ..Self::default() }
    }

    /// Adds a column: for each contestant the values of all rounds.
    pub fn add(&mut self, column: &str, contestants: &[Row], rounds: &[Vec<f64>]) {
        let index = self.columns.len();
        self.columns.push(column.into());
        for row in &mut self.rows {
            row.cells.push(None);
        }
        for (contestant, values) in contestants.iter().zip(rounds) {
            if values.is_empty() {
                continue;
            }
            let limit = contestants
                .iter()
                .position(|limit| {
                    limit.name.starts_with("limit") && limit.class == contestant.class
                })
                .or_else(|| contestants.iter().position(|limit| limit.name.starts_with("limit")))
                .and_then(|limit| rounds.get(limit));
            let cell =
                Cell { value: median(values), ratio: limit.and_then(|limit| ratio(values, limit)) };
            self.row(contestant, index).cells[index] = Some(cell);
        }
    }

    /// Adds a column whose ratios are to other values of the same contestant.
    pub fn add_beside(
        &mut self,
        column: &str,
        contestants: &[Row],
        rounds: &[Vec<f64>],
        others: &[Vec<f64>],
    ) {
        self.add(column, contestants, rounds);
        let index = self.columns.len() - 1;
        for ((contestant, values), others) in contestants.iter().zip(rounds).zip(others) {
            if let Some(cell) = &mut self.row(contestant, index).cells[index] {
                cell.ratio = ratio(values, others);
            }
        }
    }

    /// Adds a column of values that have no limit.
    pub fn add_values(&mut self, column: &str, contestants: &[Row], values: &[f64]) {
        let rounds: Vec<_> = values.iter().map(|value| vec![*value]).collect();
        self.add(column, contestants, &rounds);
        let index = self.columns.len() - 1;
        self.rows.iter_mut().filter_map(|row| row.cells[index].as_mut()).for_each(|cell| {
            cell.ratio = None;
        });
    }

    fn row(&mut self, contestant: &Row, index: usize) -> &mut Values {
        let is_same = |row: &Values| row.name == contestant.name && row.class == contestant.class;
        let at = self.rows.iter().position(is_same).unwrap_or_else(|| {
            self.rows.push(Values {
                name: contestant.name.into(),
                class: contestant.class.into(),
                cells: vec![None; index + 1],
            });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// Prints the table for a terminal.
    pub fn print(&self) {
        println!("\n{}: {}", self.title, self.unit);
        print!("{:<32} {:<9}", "", "");
        self.columns.iter().for_each(|column| print!(" {column:>17}"));
        println!();
        for row in &self.rows {
            print!("{:<32} {:<9}", row.name, row.class);
            for cell in &row.cells {
                let text = cell.map_or_else(|| "-".into(), |cell| cell.text());
                print!(" {text:>17}");
            }
            println!();
        }
    }
}

impl Cell {
    /// Writes value and ratio.
    #[must_use]
    pub fn text(&self) -> String {
        let value = number(self.value);
        match self.ratio {
            Some(ratio) => format!("{value} ({ratio:.2}×)"),
            None => value,
        }
    }
}

/// Returns the median of the ratios in the same round.
fn ratio(values: &[f64], others: &[f64]) -> Option<f64> {
    let ratios = values.iter().zip(others).map(|(value, other)| value / other);
    (values.len() == others.len())
        .then(|| median(&ratios.collect::<Vec<_>>()))
        .filter(|ratio| ratio.is_finite())
}

/// Three digits that matter, and no more.
#[must_use]
pub fn number(value: f64) -> String {
    if value.abs() >= 1e6 {
        format!("{:.2} M", value / 1e6)
    } else if value.abs() >= 1e4 {
        format!("{:.1} k", value / 1e3)
    } else if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else if value.abs() >= 0.1 || value == 0.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

/// Keeps the tables of a part, and whether its figures mean anything.
pub fn save(path: &Path, tables: &[Table], is_quick: bool) -> io::Result<()> {
    let mut text = String::from(if is_quick { "quick\n" } else { "" });
    for table in tables {
        let better = match table.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
        };
        let plotted = if table.is_plotted { "plot" } else { "-" };
        let _ = writeln!(text, "table\t{}\t{}\t{better}\t{plotted}", table.title, table.unit);
        let _ = writeln!(text, "columns\t{}", table.columns.join("\t"));
        for row in &table.rows {
            let _ = write!(text, "row\t{}\t{}", row.name, row.class);
            for cell in &row.cells {
                let _ = match cell {
                    Some(Cell { value, ratio: Some(ratio) }) => write!(text, "\t{value} {ratio}"),
                    Some(Cell { value, ratio: None }) => write!(text, "\t{value}"),
                    None => write!(text, "\t-"),
                };
            }
            text.push('\n');
        }
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)
}

/// Returns the tables of a part, if it was measured, and whether that was quick.
#[must_use]
pub fn load(path: &Path) -> (Vec<Table>, bool) {
    let mut tables: Vec<Table> = Vec::new();
    let text = fs::read_to_string(path).unwrap_or_default();
    for line in text.lines() {
        let mut fields = line.split('\t');
        match fields.next() {
            Some("table") => {
                let mut next = || fields.next().unwrap_or_default().to_owned();
                let (title, unit, better, plotted) = (next(), next(), next(), next());
                let better = if better == "higher" { Better::Higher } else { Better::Lower };
                let is_plotted = plotted == "plot";
                tables.push(Table { title, unit, better, is_plotted, ..Table::default() });
            }
            Some("columns") => {
                if let Some(table) = tables.last_mut() {
                    table.columns = fields.map(str::to_owned).collect();
                }
            }
            Some("row") => {
                let mut next = || fields.next().unwrap_or_default().to_owned();
                let (name, class) = (next(), next());
                let cells = fields.map(cell).collect();
                if let Some(table) = tables.last_mut() {
                    table.rows.push(Values { name, class, cells });
                }
            }
            _ => {}
        }
    }
    (tables, text.starts_with("quick\n"))
}

fn cell(text: &str) -> Option<Cell> {
    let mut numbers = text.split(' ').map(str::parse);
    let value = numbers.next()?.ok()?;
    Some(Cell { value, ratio: numbers.next().and_then(Result::ok) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_can_be_loaded() {
        let rows = [
            Row { name: "limit", class: "a" },
            Row { name: "one", class: "a" },
            Row { name: "two", class: "b" },
        ];
        let mut table = Table::new("title", "ns", Better::Lower);
        table.add("16 B", &rows, &[vec![1.0, 2.0, 4.0], vec![2.0, 4.0, 12.0], vec![]]);
        table.add("1 KiB", &rows[1..], &[vec![3.0], vec![5.0]]);
        assert_eq!(table.rows[1].cells[0], Some(Cell { value: 4.0, ratio: Some(2.0) }));
        assert_eq!(table.rows[2].cells, [None, Some(Cell { value: 5.0, ratio: None })]);
        let path = std::env::temp_dir().join(format!("peers-table-{}", std::process::id()));
        for is_quick in [false, true] {
            save(&path, core::slice::from_ref(&table), is_quick).unwrap();
            assert_eq!(load(&path), (vec![table.clone()], is_quick));
        }
        fs::remove_file(path).unwrap();
    }
}
