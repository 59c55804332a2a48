//! How much to read at once; knows neither transports nor what is read.

use crate::buffer::READ_SIZE;

/// How much room the next read gets.
///
/// At first little: what was read is still in the cache when it is parsed, and a peer that sends a
/// little at a time makes nobody hold much. More once that is filled: then it is the number of
/// system calls that costs. The rest of a message that is as large is read to where it stays,
/// whatever this is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reads {
    /// How many reads get more room, unless another one is filled.
    large: u8,
}

impl Reads {
    pub(super) const fn size(self) -> usize {
        if self.large > 0 { LARGE_READ } else { READ_SIZE }
    }

    /// Notes that a read brought `len` bytes.
    pub(super) const fn note(&mut self, len: usize) {
        self.large = match len {
            0..READ_SIZE => self.large.saturating_sub(1),
            _ => STAY_LARGE,
        };
    }
}

/// Room for a read of many messages: 64 KiB of payload, and headers.
const LARGE_READ: usize = 72 << 10;

/// How many reads with little to read end a burst.
const STAY_LARGE: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_become_large_when_messages_fill_them() {
        let mut reads = Reads::default();
        assert_eq!(reads.size(), READ_SIZE);
        reads.note(READ_SIZE);
        assert_eq!(reads.size(), LARGE_READ);
        for _ in 1..STAY_LARGE {
            reads.note(200);
            assert_eq!(reads.size(), LARGE_READ);
        }
        reads.note(200);
        assert_eq!(reads.size(), READ_SIZE);
    }
}
