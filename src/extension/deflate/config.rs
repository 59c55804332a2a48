//! How an endpoint wants to compress, and what that costs; knows neither peer nor streams.

use crate::setters::setters;

/// The settings of an endpoint for permessage-deflate: level, windows and threshold.
///
/// Values out of range are changed to the nearest allowed value. Each field has a setter of the same
/// name:
///
/// ```
/// use sanswire::extension::{DeflateConfig, Takeover};
///
/// let config = DeflateConfig::default().takeover(Takeover::Reset).threshold(512);
/// ```
///
/// # Memory
///
/// On a server with many connections, compression costs mainly memory. Memory is allocated on first
/// use: a connection that has neither sent nor received a compressed message needs 0.4 KiB. After
/// that it needs, in KiB:
///
/// | | in use | idle, [`Takeover::Keep`] | idle, [`Takeover::Reset`] |
/// |-|-|-|-|
/// | compressor | see below | the same | 0 |
/// | decompressor | 47 and the window | the window | 0 |
///
/// "Idle" means after [`release_memory`](crate::Connection::release_memory). The window of the
/// decompressor has 2^`peer_window_bits` bytes (0.5 to 32 KiB), or fewer if the peer has sent less.
/// Compressor and decompressor may each keep up to 4 KiB for small messages while in use. A message
/// that is being assembled needs its memory in addition. The compressor needs, in KiB:
///
/// | `window_bits` | `mem_level` 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
/// |-|-|-|-|-|-|-|-|-|-|
/// |  9 | 135 | 136 | 137 | 141 | 148 | 162 | 190 | 246 | 358 |
/// | 10 | 137 | 138 | 139 | 143 | 150 | 164 | 192 | 248 | 360 |
/// | 11 | 141 | 142 | 143 | 147 | 154 | 168 | 196 | 252 | 364 |
/// | 12 | 149 | 150 | 151 | 155 | 162 | 176 | 204 | 260 | 372 |
/// | 13 | 165 | 166 | 167 | 171 | 178 | 192 | 220 | 276 | 388 |
/// | 14 | 197 | 198 | 199 | 203 | 210 | 224 | 252 | 308 | 420 |
/// | 15 | 261 | 262 | 263 | 267 | 274 | 288 | 316 | 372 | 484 |
///
/// [`max_memory`](Self::max_memory) computes the total, and [`within`](Self::within) finds settings
/// for a given amount of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// The compression level, from 0 (no compression) to 9 (smallest). Default 6, as in zlib.
    pub level: u8,
    /// The memory level of the compressor, from 1 to 9. Default 8, as in zlib.
    pub mem_level: u8,
    /// The largest window that this endpoint compresses with, as a power of two from 9 to 15.
    /// Default 15.
    pub window_bits: u8,
    /// The largest window that the peer may compress with, as a power of two from 9 to 15.
    /// Default 15.
    ///
    /// If it is below 15, a server declines offers that do not allow it to limit the client's window.
    pub peer_window_bits: u8,
    /// Whether this endpoint's messages may refer to earlier ones. Default [`Takeover::Keep`]: small
    /// messages that are similar become several times smaller.
    pub takeover: Takeover,
    /// Whether the peer's messages may refer to earlier ones. Default [`Takeover::Keep`].
    pub peer_takeover: Takeover,
    /// The smallest message that is compressed, in bytes. Default 64, because shorter messages hardly
    /// shrink.
    pub threshold: usize,
}

/// Whether a compression window is kept from one message to the next: "context takeover" (RFC 7692,
/// §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a window is kept or it is not")]
pub enum Takeover {
    /// The window is kept for the next message.
    Keep,
    /// The window is emptied before each message: `no_context_takeover`.
    Reset,
}

impl DeflateConfig {
    /// Returns the configuration with the largest windows for which compression never needs more than
    /// `bytes` of memory per connection. Returns `None` if `bytes` is too small.
    ///
    /// The smallest windows need 192 KiB, the largest 459 KiB. Both windows have the same size, and
    /// `mem_level` is `window_bits - 7`, as in the defaults of zlib. The other fields have their
    /// default values.
    ///
    /// ```
    /// use sanswire::extension::DeflateConfig;
    ///
    /// let config = DeflateConfig::within(256 << 10).unwrap();
    /// assert_eq!((config.window_bits, config.peer_window_bits, config.mem_level), (13, 13, 6));
    /// assert!(DeflateConfig::within(100 << 10).is_none());
    /// ```
    #[must_use]
    pub fn within(bytes: usize) -> Option<Self> {
        (9..=15)
            .rev()
            .map(|bits| Self {
                mem_level: bits - 7,
                window_bits: bits,
                peer_window_bits: bits,
                ..Self::default()
            })
            .find(|config| config.max_memory() <= bytes)
    }

    /// Returns the most bytes of memory that compression needs per connection at any time, without
    /// the messages themselves.
    #[must_use]
    pub fn max_memory(&self) -> usize {
        let config = self.clamped();
        // zlib-rs has a window of twice its size with positions of two bytes for one of them, and
        // seven bytes for each symbol that it collects before it writes a block.
        let compressor = COMPRESSOR + (4 << config.window_bits) + (7 << (config.mem_level + 6));
        compressor + DECOMPRESSOR + (1 << config.peer_window_bits)
    }

    /// Brings what is out of range to the nearest value that is not.
    pub(super) fn clamped(&self) -> Self {
        Self {
            level: self.level.min(9),
            mem_level: self.mem_level.clamp(1, 9),
            window_bits: self.window_bits.clamp(9, 15),
            peer_window_bits: self.peer_window_bits.clamp(9, 15),
            ..*self
        }
    }
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            level: 6,
            mem_level: 8,
            window_bits: 15,
            peer_window_bits: 15,
            takeover: Takeover::Keep,
            peer_takeover: Takeover::Keep,
            threshold: 64,
        }
    }
}

setters! {
    DeflateConfig {
        level: u8,
        mem_level: u8,
        window_bits: u8,
        peer_window_bits: u8,
        takeover: Takeover,
        peer_takeover: Takeover,
        threshold: usize,
    }
}

impl Takeover {
    pub(super) const fn or_reset(self, reset: bool) -> Self {
        if reset { Self::Reset } else { self }
    }
}

/// What a compressor needs whatever its parameters: a hash table of 128 KiB, its state, and a
/// buffer for small messages.
const COMPRESSOR: usize = 136 << 10;

/// The same of a decompressor: a window of 32 KiB that it has of its own whatever was agreed on,
/// tables, and a buffer.
const DECOMPRESSOR: usize = 51 << 10;
