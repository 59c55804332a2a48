//! permessage-deflate (RFC 7692): what is agreed on, and the two streams; knows no frames.

mod config;
mod deflater;
mod history;
mod inflater;
mod negotiate;

pub use config::{DeflateConfig, Takeover};
pub(crate) use deflater::{Deflater, deflate_alone};
pub(crate) use inflater::Inflater;
pub use negotiate::Deflate;
