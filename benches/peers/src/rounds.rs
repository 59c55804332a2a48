//! Contestants take turns, so that a noisy machine is noisy for all of them alike; knows neither
//! what they do nor what becomes of the times.

use std::time::Instant;

use crate::peer::Row;

/// How much is done.
#[derive(Clone, Debug, Default)]
pub struct Effort {
    pub rounds: usize,
    pub is_quick: bool,
    /// Who takes part beside the limits; empty for everybody.
    pub only: Vec<String>,
    /// The payload sizes that are measured; empty for those of the part.
    pub sizes: Vec<usize>,
}

impl Effort {
    /// Returns whether a contestant takes part: a peer is asked for with all its interfaces.
    #[must_use]
    pub fn includes(&self, row: &Row) -> bool {
        let peer = row.name.split([',', ' ']).next();
        let is_asked = self.only.iter().any(|asked| peer == Some(asked));
        self.only.is_empty() || row.name.starts_with("limit") || is_asked
    }

    /// Returns whether all that a part has is measured, so that its results may be kept.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.only.is_empty() && self.sizes.is_empty()
    }

    /// Returns the sizes that are measured, of those that a part has and of others.
    #[must_use]
    pub fn sizes<'a>(&'a self, usual: &'a [usize]) -> &'a [usize] {
        if self.sizes.is_empty() { usual } else { &self.sizes }
    }
}

/// A turn that times what is to be timed of it.
pub type Timed<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// Runs all turns in each round; returns nanoseconds, a list of rounds for each contestant.
pub fn take_turns(turns: &mut [Box<dyn FnMut() + '_>], rounds: usize) -> Vec<Vec<f64>> {
    let mut timed: Vec<Timed<'_>> = Vec::new();
    for turn in turns {
        timed.push(Box::new(|| time(&mut *turn)));
    }
    take_timed_turns(&mut timed, rounds)
}

/// As [`take_turns`], of turns that time themselves.
pub fn take_timed_turns(turns: &mut [Timed<'_>], rounds: usize) -> Vec<Vec<f64>> {
    // Buffers grow in the first turn.
    for turn in &mut *turns {
        let _ = turn();
    }
    let mut times = vec![Vec::with_capacity(rounds); turns.len()];
    for round in 0..rounds {
        // Nobody has the same predecessor in every round.
        for index in 0..turns.len() {
            let index = (index * step(turns.len(), round) + round) % turns.len();
            times[index].push(turns[index]());
        }
    }
    times
}

/// Returns how long it takes, in nanoseconds.
pub fn time(turn: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    turn();
    begin.elapsed().as_nanos() as f64
}

/// Returns a number that has no divisor in common with `len`.
fn step(len: usize, round: usize) -> usize {
    let coprime = |step: &usize| {
        (2..=*step).all(|divisor| !step.is_multiple_of(divisor) || !len.is_multiple_of(divisor))
    };
    let steps: Vec<_> = (1..=len.max(1)).filter(coprime).collect();
    steps[round % steps.len()]
}

/// Returns the median.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::{Effort, step};
    use crate::peer::Row;

    #[test]
    fn a_peer_is_asked_for_by_its_name() {
        let only = vec!["sockudo-ws".into(), "ws".into(), "tokio".into(), "bun".into()];
        let effort = Effort { rounds: 1, is_quick: false, only, sizes: Vec::new() };
        let includes = |name| effort.includes(&Row { name, class: "" });
        for name in ["limit: raw TCP, tokio", "sockudo-ws, gathered", "ws", "bun (uWebSockets)"] {
            assert!(includes(name), "{name}");
        }
        for name in ["tokio-websockets", "sanswire", "sockudo", "tungstenite"] {
            assert!(!includes(name), "{name}");
        }
    }

    #[test]
    fn everybody_has_a_turn_in_each_round() {
        for len in 1..24 {
            for round in 0..40 {
                let mut had: Vec<_> =
                    (0..len).map(|index| (index * step(len, round) + round) % len).collect();
                had.sort_unstable();
                assert!(had.into_iter().eq(0..len));
            }
        }
    }
}
