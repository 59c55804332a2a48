//! A small deterministic generator for tests; good enough to split bytes, no good for masks.

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// Returns how many of `len` bytes come next: mostly few, sometimes all. At least 1.
    pub(crate) fn split(&mut self, len: usize) -> usize {
        let most = match self.next() % 4 {
            0 => 1,
            1 => 16,
            2 => 1_000,
            _ => len,
        };
        1 + self.below(most.min(len).max(1))
    }
}
