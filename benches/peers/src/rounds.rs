//! Contestants take turns, so that a noisy machine is noisy for all of them alike; knows neither
//! what they do nor what becomes of the times.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use crate::contestant::Row;

/// How much is done.
#[derive(Default)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) is_quick: bool,
    /// The crates that take part beside the limits; empty for all.
    pub(crate) only: Vec<String>,
    /// The payload sizes that are measured; empty for those of the part.
    pub(crate) sizes: Vec<usize>,
}

impl Effort {
    /// Returns whether a contestant takes part: a crate is asked for with all its interfaces.
    pub(crate) fn includes(&self, name: &str) -> bool {
        let peer = name.split([',', ' ']).next();
        let is_asked = self.only.iter().any(|asked| peer == Some(asked));
        self.only.is_empty() || name.starts_with("limit") || is_asked
    }

    /// Returns the sizes that are measured, of those that a part has.
    pub(crate) fn sizes<'a>(&'a self, usual: &'a [usize], quick: &'a [usize]) -> &'a [usize] {
        match (self.sizes.is_empty(), self.is_quick) {
            (false, _) => &self.sizes,
            (true, false) => usual,
            (true, true) => quick,
        }
    }
}

/// What a contestant does in its turn; returns what it cost.
pub(crate) type Turn = (Row, Box<dyn FnMut() -> f64>);

/// Runs all turns in each round; returns a list of rounds for each contestant.
pub(crate) fn take_turns(turns: &mut [Turn], rounds: usize) -> Vec<Vec<f64>> {
    // Buffers grow in the first turn.
    for (_, turn) in &mut *turns {
        let _ = turn();
    }
    let mut costs = vec![Vec::with_capacity(rounds); turns.len()];
    for round in 0..rounds {
        for index in order(turns.len(), round) {
            costs[index].push(turns[index].1());
        }
    }
    costs
}

/// Returns who follows whom in a round: in each it is another order.
pub(crate) fn order(len: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..len).collect();
    order.sort_by_cached_key(|index| {
        let mut hasher = DefaultHasher::new();
        (round, index).hash(&mut hasher);
        hasher.finish()
    });
    order
}

/// Returns how long it takes, in nanoseconds.
pub(crate) fn time(turn: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    turn();
    begin.elapsed().as_nanos() as f64
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::{Effort, order};

    #[test]
    fn a_peer_is_asked_for_by_its_name() {
        let only = ["sockudo-ws", "ws", "tokio", "bun"].map(str::to_owned).to_vec();
        let effort = Effort { only, ..Effort::default() };
        for name in ["limit: raw TCP, tokio", "sockudo-ws, gathered", "ws", "bun (uWebSockets)"] {
            assert!(effort.includes(name), "{name}");
        }
        for name in ["tokio-websockets", "sanswire", "sockudo", "tungstenite"] {
            assert!(!effort.includes(name), "{name}");
        }
    }

    #[test]
    fn each_has_a_turn_in_each_round() {
        let mut had = order(24, 7);
        assert_ne!(had, order(24, 8));
        had.sort_unstable();
        assert!(had.into_iter().eq(0..24));
    }
}
