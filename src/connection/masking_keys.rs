//! Masking keys that cannot be predicted (§5.3, §10.3); knows no frames.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// An endless supply of masking keys, expanded from a seed.
///
/// §10.3: "Clients MUST choose a new masking key for each frame, using an algorithm that cannot be
/// predicted by end applications that provide data." The generator is cryptographically secure. Keys
/// are made so many at a time that most of them cost a load.
pub(super) struct MaskingKeys {
    rng: StdRng,
    keys: [[u8; 4]; BATCH],
    /// How many of `keys` were used.
    used: usize,
}

impl MaskingKeys {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { rng: StdRng::from_seed(seed), keys: [[0; 4]; BATCH], used: BATCH }
    }

    /// Returns a key that was never used.
    #[inline]
    pub(super) fn next(&mut self) -> [u8; 4] {
        self.refill();
        self.take().unwrap_or_default()
    }

    /// Returns a key that was never used; `None` if more have to be [made](Self::refill) before.
    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<[u8; 4]> {
        let key = self.keys.get(self.used).copied()?;
        self.used += 1;
        Some(key)
    }

    /// Returns whether there is a key to [take](Self::take).
    #[inline(always)]
    pub(super) const fn has_next(&self) -> bool {
        self.used < BATCH
    }

    /// Makes more keys if there are none.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.used >= BATCH {
            self.make();
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&mut self) {
        self.rng.fill_bytes(self.keys.as_flattened_mut());
        self.used = 0;
    }
}

impl core::fmt::Debug for MaskingKeys {
    /// Says nothing of the state: it gives every later key away.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MaskingKeys").finish_non_exhaustive()
    }
}

/// How many keys are made at a time: a line of the cache.
const BATCH: usize = 16;
