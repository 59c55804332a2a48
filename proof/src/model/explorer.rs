//! Explores every order of actions up to a depth; knows nothing of what acts.
//!
//! A state is what its actions have made of the start, so it is made anew by doing them again: the
//! machines need no copy of themselves. States with the same fingerprint are explored once.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::thread;

use crate::Extent;
use crate::tally::Tally;

/// Machines of the crate, what lies between them, and what their users remember.
pub(crate) trait Model: Sized {
    type Action: Copy + Debug + Send + Sync;

    fn new() -> Self;

    /// Returns what may happen now.
    fn actions(&self) -> Vec<Self::Action>;

    /// Does it.
    ///
    /// # Errors
    ///
    /// What must not be.
    fn act(&mut self, action: Self::Action) -> Result<(), String>;

    /// Writes all that tells this state from others. To look at everything may take the machines
    /// apart.
    fn identify(self, state: &mut impl Hasher);

    /// Returns in how many ways a fair world could go on from here.
    fn endings(&self) -> usize {
        1
    }

    /// Goes on in one of these ways, to the end, where everything that was promised must be true.
    ///
    /// # Errors
    ///
    /// What is not.
    fn settle(self, ending: usize) -> Result<(), String>;

    /// Returns how many actions in a row are worth their time.
    fn depth(extent: Extent) -> usize {
        match extent {
            Extent::Full => 8,
            Extent::Short => 6,
        }
    }
}

/// Explores all orders of as many actions as is worth its time.
pub(crate) fn explore<M: Model>(tally: &mut Tally, extent: Extent) {
    let depth = M::depth(extent);
    let mut known = HashSet::from([fingerprint(M::new())]);
    let mut paths: Vec<Vec<M::Action>> = vec![Vec::new()];
    for _ in 0..depth {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = paths.len().div_ceil(threads).max(1);
        let known_now = &known;
        let found: Vec<Found<M>> = thread::scope(|scope| {
            let start = |paths| scope.spawn(move || advance::<M>(paths, known_now));
            let started: Vec<_> = paths.chunks(share).map(start).collect();
            started
                .into_iter()
                .flat_map(|thread| thread.join().expect("the model panicked"))
                .collect()
        });
        paths = Vec::new();
        for Found { path, result, state } in found {
            match result {
                Ok(()) => tally.pass(),
                Err(fault) => tally.fail(|| format!("{fault}, after {path:?}")),
            }
            if state.is_some_and(|state| known.insert(state)) {
                paths.push(path);
            }
        }
    }
    println!("{} states, {depth} steps deep", known.len());
}

struct Found<M: Model> {
    path: Vec<M::Action>,
    result: Result<(), String>,
    /// Nothing if it was known, or must not be.
    state: Option<u64>,
}

/// Does each action that is possible after each of the paths.
fn advance<M: Model>(paths: &[Vec<M::Action>], known: &HashSet<u64>) -> Vec<Found<M>> {
    let mut found = Vec::new();
    for path in paths {
        for action in replay::<M>(path).actions() {
            let mut model = replay::<M>(path);
            let result = model.act(action);
            let endings = model.endings();
            let path: Vec<_> = path.iter().copied().chain([action]).collect();
            let state = Some(fingerprint(model)).filter(|state| !known.contains(state));
            let result = match state {
                Some(_) => result.and_then(|()| settle::<M>(&path, endings)),
                None => result,
            };
            let state = state.filter(|_| result.is_ok());
            found.push(Found { path, result, state });
        }
    }
    found
}

/// Goes on from the end of a path in all ways that there are.
fn settle<M: Model>(path: &[M::Action], endings: usize) -> Result<(), String> {
    (0..endings).try_for_each(|ending| replay::<M>(path).settle(ending))
}

/// Does actions that are known to be possible.
fn replay<M: Model>(path: &[M::Action]) -> M {
    let mut model = M::new();
    for action in path {
        model.act(*action).expect("the same actions do the same");
    }
    model
}

/// Returns what tells the state at the end of a path from others.
pub(super) fn fingerprint_of<M: Model>(path: &[M::Action]) -> u64 {
    fingerprint(replay::<M>(path))
}

fn fingerprint<M: Model>(model: M) -> u64 {
    let mut hasher = DefaultHasher::new();
    model.identify(&mut hasher);
    hasher.finish()
}

/// Adds what `Debug` shows.
pub(crate) fn hash_debug(value: &impl Debug, state: &mut impl Hasher) {
    // One long text takes less time than its many parts.
    format!("{value:?}").hash(state);
}
