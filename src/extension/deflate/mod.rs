//! permessage-deflate (RFC 7692): what is agreed on, and the two streams; knows no frames.

mod deflater;
mod history;
mod inflater;
mod negotiate;

pub(crate) use deflater::Deflater;
pub(crate) use inflater::Inflater;
pub use negotiate::{Deflate, DeflateConfig, Takeover};
