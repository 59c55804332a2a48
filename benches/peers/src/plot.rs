//! Plots as SVG, from tables; knows nothing of what was measured.

use std::fmt::Write as _;

use crate::table::{Table, number};

/// Draws ratios to the limit: columns from left to right, a line for each row.
#[must_use]
pub fn lines(table: &Table) -> Option<String> {
    let ratio = |row: usize, column: usize| {
        table.rows[row].cells.get(column)?.and_then(|cell| cell.ratio).filter(|ratio| *ratio > 0.0)
    };
    let rows: Vec<_> = (0..table.rows.len())
        // What is only beside itself is a line already.
        .filter(|row| {
            (0..table.columns.len()).any(|at| ratio(*row, at).is_some_and(|at| at != 1.0))
        })
        .collect();
    let all: Vec<_> = rows
        .iter()
        .flat_map(|row| (0..table.columns.len()).filter_map(|column| ratio(*row, column)))
        .collect();
    if table.columns.len() < 2 || all.is_empty() {
        return None;
    }
    let low = all.iter().copied().fold(1.0, f64::min).log2().floor();
    let high = all.iter().copied().fold(2.0, f64::max).log2().ceil();
    let x = |column: usize| LEFT + WIDTH * column as f64 / (table.columns.len() - 1) as f64;
    let y = |ratio: f64| TOP + HEIGHT * (high - ratio.log2()) / (high - low);
    let total = TOP + HEIGHT + BOTTOM.max(0.0);
    let legend = TOP + 18.0 * rows.len() as f64;
    let mut svg = open(LEFT + WIDTH + RIGHT, total.max(legend + 10.0), &table.title);
    let mut power = low;
    while power <= high {
        let (ratio, at) = (power.exp2(), y(power.exp2()));
        let color = if power == 0.0 { "#000" } else { "#ddd" };
        let _ = writeln!(
            svg,
            r##"<path d="M{LEFT} {at:.1}h{WIDTH}" stroke="{color}"/><text x="{:.0}" y="{:.1}" text-anchor="end">{}×</text>"##,
            LEFT - 6.0,
            at + 4.0,
            trimmed(ratio)
        );
        power += 1.0;
    }
    for (column, name) in table.columns.iter().enumerate() {
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            x(column),
            TOP + HEIGHT + 18.0,
            escape(name)
        );
    }
    for (index, &row) in rows.iter().enumerate() {
        let style = style(&table.rows[row].name, index);
        let mut path = String::new();
        for column in 0..table.columns.len() {
            if let Some(ratio) = ratio(row, column) {
                let verb = if path.is_empty() { 'M' } else { 'L' };
                let _ = write!(path, "{verb}{:.1} {:.1}", x(column), y(ratio));
            }
        }
        let _ = writeln!(svg, r#"<path d="{path}" fill="none" {style}/>"#);
        let (from, at) = (LEFT + WIDTH + 16.0, TOP + 18.0 * index as f64);
        let _ = writeln!(
            svg,
            r#"<path d="M{from} {at}h22" {style}/><text x="{}" y="{}">{} ({})</text>"#,
            from + 28.0,
            at + 4.0,
            escape(&table.rows[row].name),
            escape(&table.rows[row].class)
        );
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

/// Draws the values of the last column as bars.
#[must_use]
pub fn bars(table: &Table) -> Option<String> {
    let values: Vec<_> = table
        .rows
        .iter()
        .filter_map(|row| Some((row.name.as_str(), row.cells.last()?.as_ref()?.value)))
        .collect();
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let mut svg = open(LEFT + WIDTH + RIGHT, TOP + 22.0 * values.len() as f64 + 10.0, &table.title);
    for (index, (name, value)) in values.into_iter().enumerate() {
        let at = TOP + 22.0 * index as f64;
        let width = (value.max(0.0) / most * WIDTH).max(1.0);
        let color = if name.starts_with("sanswire") { OURS } else { "#999" };
        let _ = writeln!(
            svg,
            r#"<text x="190" y="{:.0}" text-anchor="end">{}</text><path d="M198 {:.0}h{width:.1}" stroke="{color}" stroke-width="14"/><text x="{:.1}" y="{:.0}">{}</text>"#,
            at + 4.0,
            escape(name),
            at,
            204.0 + width,
            at + 4.0,
            number(value)
        );
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn open(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
        escape(title)
    )
}

/// This crate's lines are thick.
fn style(name: &str, index: usize) -> String {
    let dashes = ["", "6 3", "2 3"][index / COLORS.len() % 3];
    if name.starts_with("sanswire") {
        let dashes = if name.contains(',') { "6 3" } else { "" };
        return format!(r#"stroke="{OURS}" stroke-width="3" stroke-dasharray="{dashes}""#);
    }
    let color = COLORS[index % COLORS.len()];
    format!(r#"stroke="{color}" stroke-width="1.5" stroke-dasharray="{dashes}""#)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn trimmed(ratio: f64) -> String {
    if ratio >= 1.0 { format!("{ratio:.0}") } else { format!("1/{:.0}", 1.0 / ratio) }
}

const OURS: &str = "#c00";
const COLORS: [&str; 8] =
    ["#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#7f7f7f"];
const LEFT: f64 = 60.0;
const WIDTH: f64 = 520.0;
const RIGHT: f64 = 260.0;
const TOP: f64 = 40.0;
const HEIGHT: f64 = 300.0;
const BOTTOM: f64 = 34.0;
