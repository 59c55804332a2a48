//! How much the tests of the crate try. Miri, which interprets them, is thousands of times slower.

use alloc::vec::Vec;
use proptest::test_runner::Config;

/// Returns how many cases a property is tried with; under Miri as many as `PROPTEST_CASES` says.
pub(crate) fn cases(cases: u32) -> Config {
    if cfg!(miri) { Config::default() } else { Config::with_cases(cases) }
}

/// Returns `much`, and `little` under Miri.
pub(crate) const fn of(much: usize, little: usize) -> usize {
    if cfg!(miri) { little } else { much }
}

/// Returns so many bytes from a place on in a row where one that is missing or elsewhere shows. They
/// are copied, for one by one is slow.
pub(crate) fn bytes(from: usize, len: usize) -> Vec<u8> {
    let from = from % PERIOD;
    let row: Vec<u8> = (0..=250).collect();
    row.repeat((from + len).div_ceil(PERIOD))[from..from + len].to_vec()
}

/// After how many bytes they begin again.
pub(crate) const PERIOD: usize = 251;
