//! Plots as SVG, from tables; knows nothing of what was measured.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::contestant::Row;
use crate::table::Table;

/// Draws the ratios of a table, from column to column; returns whether there were any.
pub(crate) fn draw(table: &Table, path: &Path) -> Result<bool, Box<dyn Error>> {
    let columns: Vec<_> = table.columns().collect();
    let points = |row: &Row| -> Vec<(f64, f64)> {
        let ratios = columns.iter().map(|column| table.cell(row, column)?.ratio);
        let points = ratios.enumerate().filter_map(|(at, ratio)| Some((at as f64, ratio?)));
        points.filter(|(_, ratio)| *ratio > 0.0).collect()
    };
    let lines: Vec<_> = table.rows().map(|row| (row, points(row))).collect();
    let all = || lines.iter().flat_map(|(_, points)| points).map(|(_, ratio)| *ratio);
    let last = columns.len().saturating_sub(1) as f64;
    if last < 1.0 || all().next().is_none() {
        return Ok(false);
    }
    let (low, high) = (all().fold(0.9, f64::min), all().fold(2.0, f64::max));
    let root = SVGBackend::new(path, (960, 520)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(&table.title, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(44)
        // The names stand on the right.
        .build_cartesian_2d(0.0..last * 1.5, (low..high * 1.1).log_scale())?;
    let column = |at: &f64| {
        let name = columns.get(at.round() as usize);
        name.filter(|_| (at - at.round()).abs() < 0.02)
            .map_or_else(String::new, |name| (*name).clone())
    };
    chart
        .configure_mesh()
        .x_labels(2 * columns.len())
        .x_label_formatter(&column)
        .y_label_formatter(&|ratio| format!("{ratio}×"))
        .light_line_style(WHITE)
        .draw()?;
    for (index, (row, points)) in lines.into_iter().enumerate() {
        let style = match row.is_ours() {
            // Reds that can be told apart.
            true => HSLColor(index as f64 * 0.012, 1.0, 0.45).stroke_width(3),
            false if row.is_limit() => BLACK.stroke_width(1),
            false => HSLColor(index as f64 * 0.382 % 1.0, 0.7, 0.4).stroke_width(1),
        };
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(format!("{} ({})", row.name, row.class))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperRight).draw()?;
    root.present()?;
    Ok(true)
}
