//! What it costs to hold a message that is arriving, and until when that is paid for; reads no
//! clock.

use super::time::Time;
use crate::receive::Arriving;

/// The memory that a message takes that is not whole, against what has come of it: each byte that
/// comes pays for holding one byte for the time of `timeout`.
#[derive(Debug)]
pub(super) struct Holding {
    timeout: Time,
    /// How much of the message had come when that was looked at last.
    arrived: u64,
    /// How much memory it took then, beyond what is free.
    held: u64,
    /// Until when that is paid for, or was; `NEVER` while none is taken.
    paid_until: Time,
}

impl Holding {
    pub(super) const fn new(timeout: Time) -> Self {
        Self { timeout, arrived: 0, held: 0, paid_until: Time::NEVER }
    }

    /// Begins with another message.
    pub(super) const fn begin(&mut self) {
        (self.arrived, self.held, self.paid_until) = (0, 0, Time::NEVER);
    }

    /// Notes what has arrived, at `now`, of the message that began at `began`; returns whether
    /// anything has since the last time.
    pub(super) fn note(&mut self, now: Time, began: Time, arriving: Arriving) -> bool {
        let Arriving { arrived, held } = arriving;
        let fresh = arrived.saturating_sub(self.arrived);
        if fresh == 0 {
            return false;
        }
        let held = held.saturating_sub(HELD_FREE);
        if held > 0 && self.timeout != Time::NEVER {
            self.paid_until = match self.held {
                // Nothing was spent.
                0 => now.after(span(cost(self.timeout, arrived), held)),
                _ => self.pay(now, began, fresh, held),
            };
        }
        (self.arrived, self.held) = (self.arrived.max(arrived), held);
        true
    }

    /// Returns until when `held` bytes are paid for, now that `fresh` more have come.
    fn pay(&self, now: Time, began: Time, fresh: u64, held: u64) -> Time {
        // One of both is none.
        let left = cost(self.paid_until.since(now), self.held);
        let owed = cost(now.since(self.paid_until), self.held);
        // What is free for a while is not owed behind that.
        let owed = if now < began.after(HOLD_GRACE) { 0 } else { owed };
        let left = left.saturating_add(cost(self.timeout, fresh));
        match left.checked_sub(owed) {
            Some(left) => now.after(span(left, held)),
            None => now.since(span(owed - left, held)),
        }
    }

    /// Returns when the message that began at `began` has taken more memory, for longer, than what
    /// came of it pays for.
    pub(super) fn deadline(&self, began: Time) -> Time {
        if self.held == 0 || began == Time::NEVER {
            return Time::NEVER;
        }
        self.paid_until.max(began.after(HOLD_GRACE))
    }

    /// Returns how many bytes are held, those that are free included.
    pub(super) const fn held(&self) -> u64 {
        self.held.saturating_add(HELD_FREE)
    }

    pub(super) const fn timeout(&self) -> Time {
        self.timeout
    }
}

/// What it costs to hold so many bytes for so long.
fn cost(span: Time, bytes: u64) -> u128 {
    u128::from(span.as_nanos()) * u128::from(bytes)
}

/// For how long so many bytes, at least one, can be held at this cost.
fn span(cost: u128, bytes: u64) -> Time {
    Time::from_nanos(match u64::try_from(cost) {
        Ok(cost) => cost / bytes,
        Err(_) => u64::try_from(cost / u128::from(bytes)).unwrap_or(u64::MAX),
    })
}

/// How much of a message may be held for nothing: little more than what an idle connection costs.
const HELD_FREE: u64 = 4 << 10;

/// For how long any message may be held for nothing, as Apache's `mod_reqtimeout` has it: a way
/// may be out of order for a while.
const HOLD_GRACE: Time = Time::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_holds_nothing_any_more_may_take_its_time() {
        let (began, later) = (Time::from_secs(5), Time::from_secs(30));
        let mut holding = Holding::new(Time::from_secs(10));
        holding.begin();
        assert!(holding.note(began, began, Arriving { arrived: 10_000, held: 50_000 }));
        assert_ne!(holding.deadline(began), Time::NEVER);
        // The application has taken what there was.
        assert!(holding.note(later, began, Arriving { arrived: 11_000, held: 100 }));
        assert_eq!(holding.deadline(began), Time::NEVER);
        assert_eq!(holding.deadline(Time::NEVER), Time::NEVER);
    }
}
