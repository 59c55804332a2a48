//! Masking keys that cannot be predicted (§5.3, §10.3); knows no frames.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// An endless supply of masking keys, expanded from a seed.
///
/// §10.3: "Clients MUST choose a new masking key for each frame, using an algorithm that cannot be
/// predicted by end applications that provide data." The generator is cryptographically secure and
/// works in blocks, so that most keys cost a load.
pub(super) struct MaskingKeys {
    rng: StdRng,
}

impl MaskingKeys {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { rng: StdRng::from_seed(seed) }
    }

    #[inline]
    pub(super) fn next(&mut self) -> [u8; 4] {
        self.rng.next_u32().to_ne_bytes()
    }
}

impl core::fmt::Debug for MaskingKeys {
    /// Says nothing of the state: it gives every later key away.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MaskingKeys").finish_non_exhaustive()
    }
}
