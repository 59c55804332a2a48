//! How an endpoint wants to compress, and what that costs; knows neither peer nor streams.

use crate::setters::setters;

/// How an endpoint wants to use permessage-deflate.
///
/// # Memory
///
/// Memory is what compression costs a server with many connections. It is taken on first use, so a
/// connection that has neither sent nor received a compressed message holds 0.4 KiB. From then on,
/// in KiB:
///
/// | | in use | idle, [`Takeover::Keep`] | idle, [`Takeover::Reset`] |
/// |-|-|-|-|
/// | compressor | see below | the same | 0 |
/// | decompressor | 47 and the window | the window | 0 |
///
/// Idle means after [`release_memory`](crate::Connection::release_memory). The decompressor's
/// window is 2^`peer_window_bits` bytes (0.5 to 32 KiB), or as many as the peer has sent, if they
/// are fewer. Either end may keep up to 4 KiB for small messages while in use; a message that is
/// being assembled comes on top. The compressor:
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
/// [`max_memory`](Self::max_memory) adds it up, [`within`](Self::within) goes the other way.
/// `cargo test --features deflate --test memory deflate:: -- --nocapture` measures it again.
///
/// ```
/// use sanswire::extension::{DeflateConfig, Takeover};
///
/// let config = DeflateConfig::default().takeover(Takeover::Reset).threshold(512);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// How hard to compress: 0 (stored) to 9 (smallest). Default 6, zlib's own.
    pub level: u8,
    /// How much memory the compressor takes for its working tables: 1 to 9. Default 8, zlib's own.
    pub mem_level: u8,
    /// The largest window this endpoint compresses with, as a power of two: 9 to 15. Default 15.
    pub window_bits: u8,
    /// The largest window the peer may compress with, as a power of two: 9 to 15. Default 15.
    ///
    /// Below 15 an offer that does not let the server ask for it is declined.
    pub peer_window_bits: u8,
    /// Whether this endpoint's messages refer to earlier ones. Default [`Takeover::Keep`]: small
    /// messages that resemble each other shrink several times as much.
    pub takeover: Takeover,
    /// Whether the peer's messages may refer to earlier ones. Default [`Takeover::Keep`].
    pub peer_takeover: Takeover,
    /// Messages below this many bytes are sent plain. Default 64: what is shorter hardly shrinks.
    pub threshold: usize,
}

/// Whether a compression window outlives a message (RFC 7692, §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a window is kept or it is not")]
pub enum Takeover {
    /// The window is kept for the next message.
    Keep,
    /// Each message begins with an empty window: `no_context_takeover`.
    Reset,
}

impl DeflateConfig {
    /// Returns the default configuration with the largest windows with which a connection never
    /// needs more than `bytes` for compression, or `None` if there is none. The smallest need
    /// 192 KiB, those of full size 459 KiB.
    ///
    /// Both windows are of one size, and `mem_level` is `window_bits - 7`, as in zlib's own
    /// defaults.
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

    /// Returns an upper bound of the bytes that a connection needs for compression at any time,
    /// besides the messages themselves.
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
