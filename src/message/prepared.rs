//! A message that is framed once and sent to many; knows no connection.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::{Message, MessageKind};
#[cfg(feature = "deflate")]
use crate::extension::{DeflateConfig, deflate_alone};
#[cfg(feature = "deflate")]
use crate::frame::RSV1;
use crate::frame::{Header, MAX_HEADER_LEN};

#[doc = include_str!("../../docs/broadcast.md")]
#[derive(Clone)]
pub struct Prepared {
    kind: MessageKind,
    plain: Framed,
    /// The same message, each smaller than `plain`.
    compressed: Vec<Framed>,
}

/// A whole frame of a server.
#[derive(Clone)]
pub(crate) struct Framed {
    /// Header and payload.
    bytes: Bytes,
    /// header_len <= bytes.len()
    header_len: usize,
    rsv: u8,
    /// The smallest window, as a power of two, that it can be decompressed with; 0 if it is not
    /// compressed.
    window_bits: u8,
}

impl Prepared {
    /// Prepares a message. Copies the payload once.
    #[must_use]
    pub fn new(message: impl Into<Message>) -> Self {
        let message = message.into();
        Self::framed(message.kind(), message.as_bytes())
    }

    /// Prepares a binary message.
    #[must_use]
    pub fn binary(payload: &[u8]) -> Self {
        Self::framed(MessageKind::Binary, payload)
    }

    /// Prepares a text message.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::framed(MessageKind::Text, text.as_bytes())
    }

    /// Adds a compressed form, for all connections that negotiated permessage-deflate with this
    /// configuration.
    ///
    /// Other connections send the message uncompressed. All connections do so if the message is
    /// shorter than [`threshold`](DeflateConfig::threshold) or does not shrink.
    ///
    /// A peer may have negotiated a smaller window than
    /// [`window_bits`](DeflateConfig::window_bits). The compressed form still suits it if the message
    /// is no longer than that window. For longer messages, call this again with a smaller
    /// `window_bits`; the message then has both forms.
    #[doc(alias = "deflate")]
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn compressed_for(mut self, config: &DeflateConfig) -> Self {
        let payload = self.as_bytes();
        if payload.len() >= config.threshold
            // A compressor that fails has nothing to add.
            && let Ok((compressed, window_bits)) = deflate_alone(config, payload)
            && compressed.len() < payload.len()
        {
            self.compressed.push(Framed::new(self.kind, RSV1, window_bits, &compressed));
        }
        self
    }

    /// Returns the type of the message.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Returns the payload.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.plain.payload()
    }

    /// Returns the length of the payload in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.plain.bytes.len() - self.plain.header_len
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) const fn plain(&self) -> &Framed {
        &self.plain
    }

    /// Returns the smallest compressed frame for a window of this size, if there is one.
    pub(crate) fn compressed_within(&self, window_bits: u8) -> Option<&Framed> {
        let fitting = self.compressed.iter().filter(|framed| framed.window_bits <= window_bits);
        fitting.min_by_key(|framed| framed.bytes.len())
    }

    fn framed(kind: MessageKind, payload: &[u8]) -> Self {
        Self { kind, plain: Framed::new(kind, 0, 0, payload), compressed: Vec::new() }
    }
}

impl Framed {
    fn new(kind: MessageKind, rsv: u8, window_bits: u8, payload: &[u8]) -> Self {
        let (opcode, payload_len) = (kind.opcode(), payload.len() as u64);
        let header = Header { fin: true, rsv, opcode, mask: None, payload_len }.encode();
        let mut bytes = Vec::with_capacity(MAX_HEADER_LEN + payload.len());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(payload);
        Self { header_len: header.len(), bytes: bytes.into(), rsv, window_bits }
    }

    /// Returns header and payload.
    pub(crate) const fn as_shared(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the reserved bits.
    pub(crate) const fn rsv(&self) -> u8 {
        self.rsv
    }

    #[inline]
    pub(crate) fn payload(&self) -> &[u8] {
        self.bytes.get(self.header_len..).unwrap_or_default()
    }

    /// Returns the payload, without a copy.
    pub(crate) fn shared_payload(&self) -> Bytes {
        self.bytes.slice(self.header_len..)
    }
}

impl From<Message> for Prepared {
    fn from(message: Message) -> Self {
        Self::new(message)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("kind", &self.kind)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
