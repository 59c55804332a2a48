//! One frame (RFC 6455, §5.2 and §5.3).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//! |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
//! |N|V|V|V|       |S|             |   (if payload len==126/127)   |
//! | |1|2|3|       |K|             |                               |
//! +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//! ```
//!
//! For proxies, fuzzers and benches; an application uses [`Connection`](crate::Connection), which
//! is built on this.
//!
//! - [`Header`]: parsed and encoded, with every check that one header allows.
//! - [`mask`]: the XOR of §5.3, in place, in a copy, resumable at any offset.
//! - [`Decoder`]: bytes to frames, piece by piece.
//! - [`Frame`]: a frame to bytes.

mod decoder;
mod encoder;
mod header;
pub mod mask;
mod reader;

pub use decoder::{Decoder, Piece};
pub use encoder::Frame;
pub(crate) use encoder::{encode, encode_header};
pub use header::{EncodedHeader, Header, MAX_CONTROL_LEN, MAX_HEADER_LEN, Opcode};
pub(crate) use header::{FIN, RSV1, Rest};
pub(crate) use reader::{FrameReader, Part};
