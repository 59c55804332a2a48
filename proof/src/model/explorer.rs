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

    /// Writes all that tells this state from others.
    fn identify(&self, state: &mut impl Hasher);

    /// Goes on as a fair world would, to the end, where everything that was promised must be true.
    ///
    /// # Errors
    ///
    /// What is not.
    fn settle(self) -> Result<(), String>;
}

/// Explores all orders of as many actions as is worth its time.
pub(crate) fn explore<M: Model>(tally: &mut Tally, extent: Extent) {
    let depth = match extent {
        Extent::Full => 8,
        Extent::Short => 6,
    };
    let mut known = HashSet::from([fingerprint(&M::new())]);
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
            let mut result = model.act(action);
            let mut state = Some(fingerprint(&model)).filter(|state| !known.contains(state));
            if result.is_ok() && state.is_some() {
                result = model.settle();
            }
            if result.is_err() {
                state = None;
            }
            let path = path.iter().copied().chain([action]).collect();
            found.push(Found { path, result, state });
        }
    }
    found
}

fn replay<M: Model>(path: &[M::Action]) -> M {
    let mut model = M::new();
    for action in path {
        // It was done before.
        model.act(*action).expect("the same actions do the same");
    }
    model
}

fn fingerprint<M: Model>(model: &M) -> u64 {
    let mut hasher = DefaultHasher::new();
    model.identify(&mut hasher);
    hasher.finish()
}

/// Adds what `Debug` shows, without making a text of it.
pub(crate) fn hash_debug(value: &impl Debug, state: &mut impl Hasher) {
    struct Sink<'a, H>(&'a mut H);

    impl<H: Hasher> std::fmt::Write for Sink<'_, H> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            text.hash(self.0);
            Ok(())
        }
    }

    std::fmt::write(&mut Sink(state), format_args!("{value:?}")).expect("nothing fails here");
}
