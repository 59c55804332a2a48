//! How much output may wait: the high and the low water mark; knows no bytes and no messages.

use super::config::Config;
use crate::error::SendError;

/// The two marks, and between which the output is.
///
/// ```text
///     the high mark is reached       the low mark is reached       reported
/// Low ───────────────────────▶ High ────────────────────────▶ Writable ─────▶ Low
///                                ▲                               │
///                                └───────────────────────────────┘
/// ```
#[derive(Debug)]
pub(super) struct WaterMarks {
    high: usize,
    /// low < high, unless both are 0
    low: u32,
    level: Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// The low mark was reached since, and nobody was told.
    Writable,
    /// The high mark was reached, the low one not since.
    High,
    Low,
}

impl WaterMarks {
    pub(super) fn new(config: &Config) -> Self {
        let high = config.max_buffered;
        let low = config.low_water.min(high.saturating_sub(1));
        Self { high, low: u32::try_from(low).unwrap_or(u32::MAX), level: Level::Low }
    }

    /// Returns the high mark.
    pub(super) const fn high(&self) -> usize {
        self.high
    }

    /// Returns whether another message may wait behind `waiting` bytes.
    #[inline]
    pub(super) fn has_room(&self, waiting: usize) -> bool {
        // Behind nothing one always may.
        waiting < self.high.max(1)
    }

    /// Returns how much more may wait than `waiting` bytes without anything to be noted.
    #[inline]
    pub(super) fn left(&self, waiting: usize) -> usize {
        match self.level {
            Level::Writable | Level::High => 0,
            Level::Low => self.high.saturating_sub(waiting).saturating_sub(1),
        }
    }

    /// As [`has_room`](Self::has_room); what has none is refused.
    #[inline]
    pub(super) fn check(&mut self, waiting: usize) -> Result<(), SendError> {
        if self.has_room(waiting) { Ok(()) } else { Err(self.refuse(waiting)) }
    }

    /// Notes that more waits now than before.
    #[inline]
    pub(super) fn note_added(&mut self, before: usize, waiting: usize) {
        if waiting >= self.high || self.level != Level::Low {
            self.rise(before, waiting);
        }
    }

    /// Returns whether the output has been too full; it may have fallen to the low mark since.
    /// Tells most callers what they ask for without `waiting`.
    #[inline]
    pub(super) fn was_high(&self) -> bool {
        self.level == Level::High
    }

    /// Returns whether the output has been too full, and has not fallen to the low mark since.
    #[inline]
    pub(super) const fn is_high(&self, waiting: usize) -> bool {
        match self.level {
            Level::Writable | Level::Low => false,
            Level::High => waiting > self.low as usize,
        }
    }

    /// Returns whether the output has fallen to the low mark, and that is to be reported.
    pub(super) fn is_writable(&self, waiting: usize) -> bool {
        self.level != Level::Low && !self.is_high(waiting)
    }

    /// Notes that it was reported.
    pub(super) const fn note_reported(&mut self) {
        self.level = Level::Low;
    }

    #[cold]
    fn refuse(&mut self, waiting: usize) -> SendError {
        self.level = Level::High;
        SendError::Full { queued: waiting, limit: self.high }
    }

    #[cold]
    #[inline(never)]
    fn rise(&mut self, before: usize, waiting: usize) {
        if self.is_writable(before) {
            self.level = Level::Writable;
        }
        if waiting >= self.high {
            self.level = Level::High;
        }
    }
}
