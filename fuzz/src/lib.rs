//! What the fuzz targets share: the oracle, how inputs are cut, how memory is counted.

pub mod http;
mod input;
pub mod memory;
pub mod oracle;

pub use input::{Input, cut};
