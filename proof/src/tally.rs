//! Counts the cases, and shows the first that failed.

use std::fmt::Debug;

pub(crate) struct Tally {
    name: &'static str,
    passed: u64,
    failed: u64,
}

impl Tally {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, passed: 0, failed: 0 }
    }

    /// Counts a case; `case` tells which it was.
    pub(crate) fn check<T: PartialEq + Debug>(
        &mut self,
        is: &T,
        expected: &T,
        case: impl FnOnce() -> String,
    ) {
        if is == expected {
            self.pass();
        } else {
            self.fail(|| format!("{}: {is:?}, and not {expected:?}", case()));
        }
    }

    pub(crate) const fn pass(&mut self) {
        self.passed += 1;
    }

    /// Counts a case that failed; `fault` tells which it was, and how.
    pub(crate) fn fail(&mut self, fault: impl FnOnce() -> String) {
        self.failed += 1;
        if self.failed <= SHOWN {
            println!("{}: {}", self.name, fault());
        }
    }

    /// Counts the cases of another, such as those of a thread.
    pub(crate) const fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Prints the counts. Returns whether there were cases and none failed.
    pub(crate) fn print(&self) -> bool {
        println!("{}: {} passed, {} failed", self.name, self.passed, self.failed);
        self.passed > 0 && self.failed == 0
    }
}

/// How many failures of a question are shown.
const SHOWN: u64 = 10;
