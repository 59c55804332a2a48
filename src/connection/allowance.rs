//! How much messages may add to the output before anything has to be decided; knows neither the
//! output nor what there is to decide.

/// What the long way to send allows the short way, which then asks for nothing else.
///
/// While it lasts, the connection is open, no other message is being sent, nothing is compressed or
/// fragmented, and the output stays below its high-water mark. So whatever may change any of that
/// ends it: [`Endpoint`](super::endpoint::Endpoint) does before it touches its output.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    /// How many bytes of frames are left.
    left: u16,
    /// How many bytes of payload were queued that the output has not noted: at most those that were
    /// taken from what was left, so that it cannot overflow.
    payload: u16,
}

impl Allowance {
    /// Allows to queue so many bytes of frames.
    #[inline]
    pub(super) const fn new(left: u16) -> Self {
        Self { left, payload: 0 }
    }

    /// Returns what is left behind a frame of so many bytes, `payload` of which are its payload;
    /// `None` if there is too little.
    #[inline(always)]
    pub(super) fn without(self, frame: usize, payload: usize) -> Option<Self> {
        let left = self.left.checked_sub(u16::try_from(frame).ok()?)?;
        Some(Self { left, payload: self.payload.wrapping_add(u16::try_from(payload).ok()?) })
    }

    /// Allows nothing more, and returns how many bytes of payload were queued.
    #[inline]
    pub(super) fn end(&mut self) -> usize {
        let Self { payload, .. } = core::mem::take(self);
        payload.into()
    }

    /// Returns how many bytes of payload were queued.
    pub(super) fn payload(self) -> usize {
        self.payload.into()
    }
}

/// The largest payload of a message that is small: its length is in the second byte of the header.
pub(super) const LARGEST_SMALL: usize = 125;

/// The largest payload that an allowance covers together with its header, whoever sends it.
pub(super) const LARGEST: usize = 4000;
