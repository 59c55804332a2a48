//! Contestants take turns, so that a noisy machine is noisy for all of them alike; knows neither
//! what they do nor what becomes of the times.

use std::time::Instant;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub rounds: usize,
    pub is_quick: bool,
}

/// Runs all turns in each round; returns nanoseconds, a list of rounds for each contestant.
pub fn take_turns(turns: &mut [Box<dyn FnMut() + '_>], rounds: usize) -> Vec<Vec<f64>> {
    // Buffers grow in the first turn.
    turns.iter_mut().for_each(|turn| turn());
    let mut times = vec![Vec::with_capacity(rounds); turns.len()];
    for round in 0..rounds {
        // Nobody has the same predecessor in every round.
        for index in 0..turns.len() {
            let index = (index * step(turns.len(), round) + round) % turns.len();
            let begin = Instant::now();
            turns[index]();
            times[index].push(begin.elapsed().as_nanos() as f64);
        }
    }
    times
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
    use super::step;

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
