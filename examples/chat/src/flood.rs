//! How much one person may say in a time; knows nobody.

use std::time::{Duration, Instant};

/// A bucket that fills with time, and from which each message takes a token.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Tokens a second.
    rate: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
    /// How often it was empty, one time after the other.
    refused: u32,
}

/// It was empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    /// There is a token after this time.
    Until(Duration),
    /// Nobody who is asked to wait goes on like this.
    TooOften,
}

impl Bucket {
    /// `rate` tokens a second, `burst` at most.
    pub(crate) fn new(rate: f64, burst: f64, now: Instant) -> Self {
        Self { rate, burst, tokens: burst, filled: now, refused: 0 }
    }

    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Empty> {
        self.fill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            self.refused = 0;
            return Ok(());
        }
        Err(self.refuse(now))
    }

    /// Counts as if it were empty.
    pub(crate) fn refuse(&mut self, now: Instant) -> Empty {
        self.fill(now);
        let missing = if self.tokens < 1.0 { 1.0 - self.tokens } else { 1.0 };
        self.refused += 1;
        if self.refused > MAX_REFUSED {
            return Empty::TooOften;
        }
        Empty::Until(Duration::from_secs_f64(missing / self.rate))
    }

    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens >= self.burst
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        self.filled = now;
    }
}

/// How many warnings there are.
const MAX_REFUSED: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_then_warnings_then_the_end() {
        let start = Instant::now();
        let mut bucket = Bucket::new(5.0, 20.0, start);
        for _ in 0..20 {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(Empty::Until(Duration::from_millis(200))));
        let later = start + Duration::from_millis(250);
        assert_eq!(bucket.take(later), Ok(()));
        for _ in 0..50 {
            assert!(matches!(bucket.take(later), Err(Empty::Until(_))));
        }
        assert_eq!(bucket.take(later), Err(Empty::TooOften));
    }
}
