//! How much messages may add to the output before anything has to be decided; knows neither the
//! output nor what there is to decide.

/// What the long way to send allows the short way, which then asks for nothing else.
///
/// While it lasts, the connection is open, no other message is being sent, nothing is compressed or
/// fragmented, and the output stays below its high-water mark. So whatever may change any of that
/// ends it: [`Endpoint`](super::endpoint::Endpoint) does before it touches its output.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    /// Two numbers of 16 bits in one word, so that both change by one store. The upper half says how
    /// many bytes of frames may still be queued. The lower half says how many bytes of payload were
    /// queued that the output does not count yet. It cannot overflow: each payload is part of a frame
    /// that was subtracted from the upper half.
    counts: u32,
}

impl Allowance {
    /// Allows to queue so many bytes of frames.
    #[inline]
    pub(super) const fn new(left: u16) -> Self {
        Self { counts: (left as u32) << 16 }
    }

    /// Returns the allowance after a frame of `frame` bytes, of which `payload` are its payload, or
    /// `None` if not so many bytes are left.
    #[inline(always)]
    pub(super) fn without(self, frame: usize, payload: usize) -> Option<Self> {
        let (frame, payload) = (u16::try_from(frame).ok()?, u16::try_from(payload).ok()?);
        let left = self.counts.checked_sub(u32::from(frame) << 16)?;
        Some(Self { counts: left.wrapping_add(payload.into()) })
    }

    /// Allows nothing more, and returns how many bytes of payload were queued.
    #[inline]
    pub(super) fn end(&mut self) -> usize {
        core::mem::take(self).payload()
    }

    /// Returns how many bytes of payload were queued.
    #[inline]
    pub(super) fn payload(self) -> usize {
        let [low, high, ..] = self.counts.to_le_bytes();
        u16::from_le_bytes([low, high]).into()
    }
}

/// The largest payload of a message that is small: its length is in the second byte of the header.
pub(super) const LARGEST_SMALL: usize = 125;

/// The largest payload that may be sent by an allowance. With the header of either role, its frame is
/// at most 4,008 bytes long.
pub(super) const LARGEST: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_left_and_what_was_queued_are_counted_apart(
            left: u16,
            frames in vec((0..70_000_usize, 0..15_usize), 0..4),
            small in vec((2..126_usize, Just(2_usize)), 0..800),
        ) {
            let mut allowance = Allowance::new(left);
            let (mut left, mut queued) = (usize::from(left), 0);
            let all: Vec<_> = frames.into_iter().chain(small).collect();
            for (frame, header) in all {
                let payload = frame.saturating_sub(header);
                let after = allowance.without(frame, payload);
                prop_assert_eq!(after.is_some(), frame <= left);
                if let Some(after) = after {
                    (allowance, left, queued) = (after, left - frame, queued + payload);
                }
                prop_assert_eq!(allowance.payload(), queued);
            }
            prop_assert_eq!(allowance.end(), queued);
            prop_assert_eq!((allowance.payload(), allowance.without(1, 0).is_some()), (0, false));
        }
    }
}
