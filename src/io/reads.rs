//! How much to read at once; knows neither streams nor what is read.

/// How much room the next read gets.
///
/// At first little: what was read is still in the cache when it is parsed, the rest of a large message
/// is read to where it stays, and a peer that sends a little at a time makes nobody hold much. More once
/// small messages fill that: then it is the number of system calls that costs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reads {
    /// How many reads get more room, unless another one is filled.
    large: u8,
}

impl Reads {
    pub(super) const fn size(self) -> usize {
        if self.large > 0 { LARGE_READ } else { READ_SIZE }
    }

    /// Notes that a read brought `len` bytes behind those that waited.
    pub(super) const fn note(&mut self, waiting: usize, len: usize) {
        self.large = match len {
            // A large message is arriving.
            _ if waiting > READ_SIZE / 2 => 0,
            0..READ_SIZE => self.large.saturating_sub(1),
            // More than what was asked for: there is still the room that a large message had.
            _ if len >= 2 * READ_SIZE && self.large == 0 => 0,
            _ => STAY_LARGE,
        };
    }
}

/// Room for one read: large enough that the system call costs little for each byte, small enough
/// that what was read is still in the cache when it is parsed.
pub(super) const READ_SIZE: usize = 16 << 10;

/// Room for a read of many small messages: 64 KiB of payload, and headers.
const LARGE_READ: usize = 72 << 10;

/// How many reads with little to read end a burst.
const STAY_LARGE: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_become_large_when_small_messages_fill_them() {
        let mut reads = Reads::default();
        assert_eq!(reads.size(), READ_SIZE);
        reads.note(0, READ_SIZE);
        assert_eq!(reads.size(), LARGE_READ);
        for _ in 1..STAY_LARGE {
            reads.note(100, 200);
            assert_eq!(reads.size(), LARGE_READ);
        }
        reads.note(100, 200);
        assert_eq!(reads.size(), READ_SIZE);
    }

    #[test]
    fn reads_stay_small_while_large_messages_arrive() {
        let mut reads = Reads::default();
        for _ in 0..3 {
            reads.note(0, READ_SIZE);
            reads.note(READ_SIZE, 3 * READ_SIZE);
            assert_eq!(reads.size(), READ_SIZE);
            reads.note(0, 4 * READ_SIZE);
            assert_eq!(reads.size(), READ_SIZE);
        }
    }
}
