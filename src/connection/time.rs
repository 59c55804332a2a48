//! A point in time or a span of it in eight bytes; reads no clock.

use core::time::Duration;

use crate::timestamp::Timestamp;

/// A point in time or a span of it, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(u64);

impl Time {
    pub(super) const ZERO: Self = Self(0);
    /// 584 years are as good as never.
    pub(super) const NEVER: Self = Self(u64::MAX);

    pub(super) const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    pub(super) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    #[inline]
    pub(super) const fn as_nanos(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) const fn after(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    #[inline]
    pub(super) const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    #[inline]
    pub(super) fn to_timeout(self) -> Option<Timestamp> {
        (self != Self::NEVER).then(|| self.into())
    }

    /// Returns the span, unless it is without end.
    #[inline]
    pub(super) fn to_span(self) -> Option<Duration> {
        (self != Self::NEVER).then(|| self.into())
    }
}

impl From<Duration> for Time {
    #[inline]
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Timestamp> for Time {
    #[inline]
    fn from(timestamp: Timestamp) -> Self {
        Duration::from(timestamp).into()
    }
}

impl From<Time> for Timestamp {
    #[inline]
    fn from(time: Time) -> Self {
        Duration::from(time).into()
    }
}

impl From<Time> for Duration {
    #[inline]
    fn from(time: Time) -> Self {
        Self::from_nanos(time.0)
    }
}

const NANOS_PER_SEC: u64 = 1_000_000_000;
