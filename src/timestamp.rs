//! A moment in time, as the caller's clock tells it; reads no clock.

use core::time::Duration;

/// A moment in time, measured from a fixed point that the caller chooses, such as the start of the
/// program.
///
/// Use the same fixed point for all calls on one object. Methods with an argument `now` accept
/// anything that converts into a `Timestamp`, so pass the `Duration` since that point:
///
/// ```
/// use std::time::Instant;
/// use sanswire::{Config, Connection};
///
/// let start = Instant::now();
/// let mut connection = Connection::server(&Config::default());
/// connection.handle_timeout(start.elapsed());
/// // The longest time to wait. `None` means no limit.
/// let wait = connection.poll_timeout().map(|at| at.saturating_duration_since(start.elapsed()));
/// # assert!(wait.is_some());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    since: Duration,
}

impl Timestamp {
    /// The fixed point.
    pub const ZERO: Self = Self { since: Duration::ZERO };

    /// The latest moment. A deadline at this moment never comes.
    pub const MAX: Self = Self { since: Duration::MAX };

    /// Returns the moment `duration` later, or [`MAX`](Self::MAX) on overflow.
    #[inline]
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self { since: self.since.saturating_add(duration) }
    }

    /// Returns the moment `duration` later, or `None` on overflow.
    #[inline]
    #[must_use]
    pub const fn checked_add(self, duration: Duration) -> Option<Self> {
        match self.since.checked_add(duration) {
            Some(since) => Some(Self { since }),
            None => None,
        }
    }

    /// Returns the moment `duration` earlier, or [`ZERO`](Self::ZERO) if that is before the fixed
    /// point.
    #[inline]
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self { since: self.since.saturating_sub(duration) }
    }

    /// Returns the time from `earlier` to this moment, or zero if `earlier` is later.
    #[inline]
    #[must_use]
    pub fn saturating_duration_since(self, earlier: impl Into<Self>) -> Duration {
        self.since.saturating_sub(earlier.into().since)
    }
}

impl From<Duration> for Timestamp {
    #[inline]
    fn from(since: Duration) -> Self {
        Self { since }
    }
}

impl From<Timestamp> for Duration {
    #[inline]
    fn from(timestamp: Timestamp) -> Self {
        timestamp.since
    }
}
