//! Parses and encodes single frames (RFC 6455, §5.2 and §5.3), for proxies, fuzzers and benchmarks.
//!
//! Applications do not need this module: use an adapter of `sanswire::io` or a
//! [`Connection`](crate::Connection).
//!
//! - [`Decoder`] parses frames as their bytes arrive.
//! - [`Frame`] encodes a whole frame.
//! - [`Header`] parses and encodes the header of a frame alone.
//! - [`mask`] masks and unmasks payloads.
//!
//! ```
//! use sanswire::Role;
//! use sanswire::frame::{Decoder, Frame, Opcode};
//!
//! let mut bytes = Vec::new();
//! let mask = Some([0x37, 0xfa, 0x21, 0x3d]);
//! let frame = Frame { fin: true, rsv: 0, opcode: Opcode::Text, mask, payload: b"Hello" };
//! frame.encode(&mut bytes);
//!
//! let mut decoder = Decoder::new(Role::Client);
//! decoder.input().extend_from_slice(&bytes);
//! assert_eq!(decoder.poll()?.unwrap().payload, b"Hello");
//! # Ok::<(), sanswire::ConnectionError>(())
//! ```
//!
//! # The header of a frame
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

mod decoder;
mod encoder;
mod header;
pub mod mask;
mod reader;

pub use decoder::{Decoder, Piece};
pub use encoder::Frame;
pub(crate) use encoder::{encode, encode_header, encode_small, encode_small_masked};
pub use header::{EncodedHeader, Header, MAX_CONTROL_LEN, MAX_HEADER_LEN, Opcode};
pub(crate) use header::{FIN, RSV1, Rest};
pub(crate) use reader::{FrameReader, Part};
