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
    pub(crate) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        let (rate, burst) = (f64::from(rate), f64::from(burst));
        Self { rate, burst, tokens: burst, filled: now, refused: 0 }
    }

    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Empty> {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            self.refused = 0;
            return Ok(());
        }
        self.refused += 1;
        if self.refused > MAX_REFUSED {
            return Err(Empty::TooOften);
        }
        Err(Empty::Until(Duration::from_secs_f64((1.0 - self.tokens) / self.rate)))
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
        let mut bucket = Bucket::new(5, 20, start);
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
