//! The newest bytes of a stream, as many as a window holds; knows no compression.

use alloc::vec::Vec;

/// The last `window` bytes of all that was added.
///
/// Takes memory as bytes come, and never more than the window.
pub(super) struct History {
    /// bytes.len() <= window; a ring once they are as many.
    bytes: Vec<u8>,
    /// Where the oldest byte is; 0 as long as there is room. next < window
    next: usize,
    window: usize,
}

impl History {
    /// Creates an empty history of up to `window` bytes, which is not 0.
    pub(super) const fn new(window: usize) -> Self {
        Self { bytes: Vec::new(), next: 0, window }
    }

    pub(super) fn extend_from_slice(&mut self, added: &[u8]) {
        let newest = added.get(added.len().saturating_sub(self.window)..).unwrap_or_default();
        let room = self.window - self.bytes.len();
        let (appended, wrapped) = newest.split_at(room.min(newest.len()));
        self.reserve(appended.len());
        self.bytes.extend_from_slice(appended);
        let (high, low) = wrapped.split_at(wrapped.len().min(self.window - self.next));
        for (at, part) in [(self.next, high), (0, low)] {
            if let Some(slot) = self.bytes.get_mut(at..at + part.len()) {
                slot.copy_from_slice(part);
            }
        }
        self.next = (self.next + wrapped.len()) % self.window;
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.next = 0;
    }

    /// Gives the memory back if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }

    /// Returns the bytes from the oldest to the newest, in two parts.
    pub(super) fn as_slices(&self) -> (&[u8], &[u8]) {
        let (newer, older) = self.bytes.split_at(self.next);
        (older, newer)
    }

    /// Makes room for `additional` bytes, for at least twice as many as there was, and for no more
    /// than the window.
    fn reserve(&mut self, additional: usize) {
        let len = self.bytes.len();
        if self.bytes.capacity() - len < additional {
            let capacity = self.window.min((len + additional).max(2 * self.bytes.capacity()));
            self.bytes.reserve_exact(capacity - len);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_kept_is_the_end_of_what_was_added(
            window in 1_usize..40,
            added in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20),
        ) {
            let mut history = History::new(window);
            let mut all = Vec::new();
            for bytes in added {
                history.extend_from_slice(&bytes);
                all.extend(bytes);
                let (older, newer) = history.as_slices();
                prop_assert_eq!([older, newer].concat(), &all[all.len().saturating_sub(window)..]);
                prop_assert!(history.bytes.capacity() <= window);
            }
        }
    }
}
