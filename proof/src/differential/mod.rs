//! The same bytes to this crate and to other implementations: each difference is one that a rule
//! permits, or a failure.

mod child;
pub(crate) mod deflate;
pub(crate) mod frames;
pub(crate) mod heads;
mod http_peers;
mod http_rules;
mod peers;
mod rules;
mod scan;
mod stream_rules;
mod streams;
mod told;

/// What is asked, and whom.
#[derive(Clone, Copy)]
pub(crate) struct Inquiry {
    /// The seed of the first case; each other has the next.
    pub(crate) seed: u64,
    /// How many cases, as a factor.
    pub(crate) factor: u64,
    pub(crate) peers: Peers,
}

impl Inquiry {
    /// Whether each rule must be needed by a case: rare ones may not be, if cases are few or others.
    const fn needs_all(&self) -> bool {
        self.factor > 1 && self.seed == 1
    }
}

/// Which other implementations are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peers {
    /// All of them.
    All,
    /// Those that are a part of this program.
    Embedded,
}
