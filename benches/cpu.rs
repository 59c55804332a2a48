//! What a thread has cost, and the middle of several figures; knows nothing of the crate.

/// Returns the CPU time of this thread in ns.
#[expect(clippy::unwrap_used, reason = "a bench checks by failing")]
pub(crate) fn thread_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
