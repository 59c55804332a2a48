//! A message that is put together outside the receive buffer: a large one, or what was
//! decompressed. Knows neither frames nor text.

use alloc::vec::Vec;

use bytes::Bytes;

/// Memory that grows with what arrives of a message, and is handed over when that is whole.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    data: Vec<u8>,
    /// How long the last message was that was taken.
    last_len: u32,
}

impl Assembly {
    pub(super) const fn new() -> Self {
        Self { data: Vec::new(), last_len: 0 }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.data.is_empty() {
            // Another one like the last, unless its beginning is much smaller.
            let room = (self.last_len as usize).min(bytes.len().saturating_mul(8));
            self.data.reserve_exact(room);
        }
        self.data.extend_from_slice(bytes);
    }

    /// Lends what has been put together, to be appended to.
    pub(super) const fn data_mut(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// Takes all of it: without a copy, unless less than half of the memory is used.
    pub(super) fn take(&mut self) -> Bytes {
        let (len, capacity) = (self.data.len(), self.data.capacity());
        self.last_len = u32::try_from(len).unwrap_or(LIKE_LAST_AT_MOST).min(LIKE_LAST_AT_MOST);
        if len > capacity / 2 {
            return core::mem::take(&mut self.data).into();
        }
        let bytes = Bytes::copy_from_slice(&self.data);
        if capacity > SMALL {
            self.data = Vec::new();
        }
        self.data.clear();
        bytes
    }

    pub(super) fn clear(&mut self) {
        self.data.clear();
    }

    /// Gives back memory that holds nothing.
    pub(super) fn release(&mut self) {
        if self.data.is_empty() {
            self.data = Vec::new();
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.data.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}

/// The most that is allocated because of what the last message was like.
const LIKE_LAST_AT_MOST: u32 = 1 << 20;

/// Memory up to this size may be kept from one message to the next.
const SMALL: usize = 4 << 10;
