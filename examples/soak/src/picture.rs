//! Draws the samples as SVG.

use std::error::Error;

use plotters::prelude::*;

use crate::samples::{Samples, Value};

pub(crate) fn draw(samples: &Samples, file: &str) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(file, (960, 720)).into_drawing_area();
    root.fill(&WHITE)?;
    let panels: [(&str, Value, RGBColor); 3] = [
        ("resident memory of the server, MiB", |sample| sample.memory, RED),
        ("descriptors of the server", |sample| sample.descriptors, BLUE),
        ("round trip, median of each second, ms", |sample| sample.latency, BLACK),
    ];
    let end = samples.all().last().map_or(1.0, |sample| sample.seconds);
    for (area, (caption, of, color)) in root.split_evenly((3, 1)).into_iter().zip(panels) {
        let top = samples.all().iter().map(of).fold(1.0, f64::max) * 1.1;
        let mut chart = ChartBuilder::on(&area)
            .caption(caption, ("sans-serif", 15))
            .margin(8)
            .x_label_area_size(28)
            .y_label_area_size(52)
            .build_cartesian_2d(0.0..end, 0.0..top)?;
        chart.configure_mesh().x_desc("seconds").light_line_style(WHITE).draw()?;
        let points = samples.all().iter().map(|sample| (sample.seconds, of(sample)));
        chart.draw_series(LineSeries::new(points, &color))?;
    }
    Ok(root.present()?)
}
