//! Where the bytes go that come next: which memory a receive buffer makes room in, and what it moves
//! for that. Knows nothing of what the bytes are.

use core::ops::Range;

use bytes::{Buf, BytesMut};

use super::{MOST_BEFORE, ReceiveBuf, size_of_allocation};

impl ReceiveBuf {
    /// Makes room for at least `additional` bytes behind those that are there.
    ///
    /// Dead bytes are reclaimed first; the allocation grows only when that is not enough.
    pub(crate) fn reserve(&mut self, additional: usize) {
        self.rewind();
        self.is_roomy = false;
        self.lent_end = usize::MAX;
        if self.spare_len() < additional {
            self.make_room(additional);
        }
    }

    /// Reserves room for the next read: `size`; at least `size / 4` while bytes are held; for a large
    /// partial frame, only the rest and one header; after a large message, room for another. An
    /// announced length alone reserves no more than has arrived.
    #[inline]
    pub(crate) fn prepare(&mut self, size: usize) {
        if !self.is_roomy || self.received >= self.expected {
            self.prepare_anew(size);
        }
    }

    #[inline(never)]
    pub(super) fn prepare_anew(&mut self, size: usize) {
        self.rewind();
        let is_between = self.storage.is_empty() && self.expected <= self.received;
        if is_between && self.storage.capacity() >= size.max(self.like_last()) {
            // Nearly every read begins like that.
            self.lent_end = usize::MAX;
            return;
        }
        let held = self.held();
        let missing = self.missing();
        if missing > 0 && self.expected_len as usize >= size - size / 8 {
            return self.prepare_rest(missing, size);
        }
        self.lent_end = usize::MAX;
        if held <= MOST_BEFORE && self.storage.len() > held {
            self.move_to_front();
        }
        let quarter = size.div_ceil(4);
        let another = self.like_last().saturating_sub(held);
        let (least, room) = match missing {
            // Sooner or later it would be moved.
            1.. if held >= LITTLE && self.has_capacity(missing.max(quarter)) => {
                (missing.max(quarter), missing.max(quarter))
            }
            // Room for another like the last from its beginning, or it would be moved later.
            _ if self.like_last() > size && held < LITTLE => (another, another),
            _ if held > 0 => (quarter, size),
            _ => (size, size),
        };
        if self.spare_len() < least {
            self.make_room(room);
        }
        self.is_roomy = self.spare_len() >= missing.saturating_add(MOST_BEFORE);
    }

    /// Goes on behind what is kept, if nothing is unread: at the front, if nothing is kept either.
    #[inline]
    pub(super) fn rewind(&mut self) {
        if self.cursor == self.storage.len() {
            self.storage.truncate(self.kept.end);
            self.cursor = self.kept.end;
        }
    }

    /// Moves what is kept to the front of `storage`, and what is unread behind it.
    fn move_to_front(&mut self) {
        let kept = self.kept.clone();
        self.kept = 0..kept.len();
        self.move_down(kept, 0);
        self.close_gap();
    }

    /// Moves what is unread to the end of what is kept.
    fn close_gap(&mut self) {
        let (to, unread) = (self.kept.end, self.len());
        self.move_down(self.cursor..self.storage.len(), to);
        self.storage.truncate(to.saturating_add(unread));
        self.cursor = to;
    }

    /// Moves bytes within `storage` to a position before them.
    #[inline]
    pub(super) fn move_down(&mut self, range: Range<usize>, to: usize) {
        let distance = range.start.saturating_sub(to);
        if distance > 0
            && let Some(bytes) = self.storage.get_mut(to..range.end)
            && distance <= bytes.len()
        {
            bytes.copy_within(distance.., 0);
        }
    }

    /// Returns how much is to be made room for before anything of a message has come.
    #[inline]
    pub(super) const fn like_last(&self) -> usize {
        if self.is_long_ago { 0 } else { self.like_last as usize }
    }

    #[inline]
    fn spare_len(&self) -> usize {
        // A promise of `BytesMut`, not of ours.
        self.storage.capacity() - self.storage.len()
    }

    /// Returns how many bytes are kept or unread.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        self.kept.len().saturating_add(self.len())
    }

    /// Returns whether `additional` bytes fit behind those that are held, if these are moved to the
    /// front.
    fn has_capacity(&self, additional: usize) -> bool {
        self.storage.capacity().saturating_sub(self.held()) >= additional
    }

    /// Returns how much of the frame that waits here has not arrived.
    #[inline]
    pub(crate) fn missing(&self) -> usize {
        usize::try_from(self.expected.saturating_sub(self.received)).unwrap_or(usize::MAX)
    }

    /// Makes room for what is `missing` of a large frame, and lends no more than that and the
    /// header behind it: then the next one is read to where it stays, too, instead of being moved
    /// there.
    #[inline]
    fn prepare_rest(&mut self, missing: usize, size: usize) {
        let rest = missing.saturating_add(MOST_BEFORE);
        if self.spare_len() < rest {
            let held = self.held();
            let earned = if held < LITTLE { size } else { held.max(GROW_BY) };
            let earned = earned.max(self.like_last as usize);
            if rest <= earned || self.has_capacity(rest) {
                self.make_room(rest);
            } else if self.spare_len() < size {
                self.make_room(earned);
            }
        }
        self.lent_end = self.storage.len().saturating_add(rest);
        self.is_roomy = self.spare_len() >= rest;
    }

    /// Returns how much of the spare memory is lent for a read.
    #[inline]
    pub(super) fn lent_len(&self) -> usize {
        self.storage.capacity().min(self.lent_end).saturating_sub(self.storage.len())
    }

    /// Makes room for `additional` bytes where there is less.
    #[inline(never)]
    fn make_room(&mut self, additional: usize) {
        let (unread, gap) = (self.len(), self.cursor.saturating_sub(self.kept.end));
        // For each byte that is moved, one is gone: many small fragments take no room by what stood
        // between them.
        if !self.kept.is_empty() && gap > 0 && unread <= gap {
            self.close_gap();
            if self.spare_len() >= additional {
                return;
            }
        }
        let held = self.held();
        let dead = self.storage.len().saturating_sub(held);
        // For each byte that is moved, one was consumed, or one can be read before the next move.
        let moved = if self.kept.start == 0 { unread } else { held };
        let is_cheap = dead > 0 && moved <= dead.max(additional);
        if is_cheap && self.has_capacity(additional) {
            return self.move_to_front();
        }
        self.initialised = 0;
        if !self.is_shared && dead < held {
            self.storage.reserve(additional);
            self.allocation = size_of_allocation(&self.storage);
            return;
        }
        let front = if self.kept.is_empty() { self.cursor } else { self.kept.start };
        self.storage.advance(front);
        self.cursor = self.cursor.saturating_sub(front);
        self.kept = 0..self.kept.len();
        // Once the messages that were taken are gone, all of the allocation is free again.
        if !self.storage.try_reclaim(additional) {
            let capacity = held.saturating_add(additional).max(self.like_last());
            self.move_to(BytesMut::with_capacity(capacity));
        }
    }

    /// Moves what is held to `storage`, which is empty and nobody else's; returns what it lay in.
    pub(super) fn move_to(&mut self, mut storage: BytesMut) -> BytesMut {
        storage.extend_from_slice(self.range(self.kept.clone()));
        storage.extend_from_slice(self.unread());
        self.kept = 0..self.kept.len();
        self.cursor = self.kept.end;
        // Nobody sees what may have been there before.
        self.initialised = 0;
        self.is_roomy = false;
        self.allocation = size_of_allocation(&storage);
        self.is_shared = false;
        core::mem::replace(&mut self.storage, storage)
    }
}

/// What may be moved for each read.
const LITTLE: usize = 4 << 10;

/// Where a large frame has begun to arrive, at least so much room is made at once.
const GROW_BY: usize = 56 << 10;
