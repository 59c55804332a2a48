//! How long a handshake may take; reads no clock.

use core::time::Duration;

use crate::timestamp::Timestamp;

/// The time by which something in a handshake must be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    limit: Option<Duration>,
    /// How much of it was over before the first time is told.
    spent: Duration,
    /// Known once the time was told.
    at: Option<Timestamp>,
    has_passed: bool,
}

impl Deadline {
    pub(super) const fn new(limit: Option<Duration>) -> Self {
        Self { limit, spent: Duration::ZERO, at: None, has_passed: false }
    }

    /// Sets how much of the time was over before.
    pub(super) const fn after(self, spent: Duration) -> Self {
        Self { spent, ..self }
    }

    /// Takes the time; the first one begins the wait.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if let Some(limit) = self.limit {
            let at = *self.at.get_or_insert(now.saturating_add(limit.saturating_sub(self.spent)));
            self.has_passed |= at <= now;
        }
    }

    /// Gives the whole time again, from when the time is told next.
    pub(super) const fn restart(&mut self) {
        (self.at, self.has_passed) = (None, false);
    }

    /// Returns when it is to be told the time: at once before the first time.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.limit.map(|_| self.at.unwrap_or_default())
    }

    /// Returns how long the time was as an error, once it is over.
    pub(super) fn check(&self) -> Result<(), Duration> {
        match self.limit {
            Some(limit) if self.has_passed => Err(limit),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "std")]
    use crate::handshake::{ClientHandshake, ClientRequest};

    #[cfg(feature = "std")]
    #[test]
    fn what_it_took_to_connect_is_taken_from_the_time_of_the_handshake() {
        let request = ClientRequest::new("host", "/").unwrap();
        let limit = request.timeout().unwrap();
        let spent = Duration::from_secs(3);
        let mut handshake = ClientHandshake::new(&request.after(spent), [7; 16]);
        handshake.handle_timeout(Duration::ZERO);
        assert_eq!(handshake.poll_timeout(), Some((limit - spent).into()));
    }

    #[test]
    fn what_was_spent_before_is_taken_from_the_time() {
        let seconds = Duration::from_secs;
        for (spent, at) in [(0, 15), (3, 12), (9, 6), (10, 5), (11, 5)] {
            let mut deadline = Deadline::new(Some(seconds(10))).after(seconds(spent));
            deadline.handle_timeout(seconds(5).into());
            assert_eq!(deadline.poll_timeout(), Some(seconds(at).into()));
            deadline.handle_timeout((seconds(at) - Duration::from_nanos(u64::from(at > 5))).into());
            assert_eq!(deadline.check().is_ok(), at > 5);
            deadline.handle_timeout(seconds(at).into());
            assert_eq!(deadline.check(), Err(seconds(10)));
        }
    }
}
