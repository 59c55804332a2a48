//! Many small ranges of a receive buffer that are kept one after the other; knows no fragments.

use super::ReceiveBuf;

/// A buffer of which ranges are kept one after the other.
#[derive(Debug)]
pub(crate) struct Joining<'a> {
    bytes: &'a mut [u8],
    ends: Ends,
}

/// Where the parts of a buffer begin and end.
#[derive(Debug)]
pub(crate) struct Ends {
    cursor: usize,
    kept_start: usize,
    kept_end: usize,
}

impl ReceiveBuf {
    /// Begins to keep many ranges one after the other: with all that it takes at hand, the
    /// processor has little to do for each. What was done counts once it has
    /// [ended](Self::end_joining).
    #[inline(always)]
    pub(crate) fn begin_joining(&mut self) -> Joining<'_> {
        let ends =
            Ends { cursor: self.cursor, kept_start: self.kept.start, kept_end: self.kept.end };
        Joining { bytes: &mut self.storage, ends }
    }

    /// Notes what was kept by a [`Joining`] of this buffer.
    #[inline(always)]
    pub(crate) fn end_joining(&mut self, ends: Ends) {
        let Ends { cursor, kept_start, kept_end } = ends;
        if kept_start <= kept_end && kept_end <= cursor && cursor <= self.storage.len() {
            self.cursor = cursor;
            self.kept = if kept_start == kept_end { 0..0 } else { kept_start..kept_end };
        }
    }
}

impl Joining<'_> {
    /// Returns the unread bytes.
    #[inline(always)]
    pub(crate) fn unread(&self) -> &[u8] {
        self.bytes.get(self.ends.cursor..).unwrap_or_default()
    }

    /// Consumes the next `skip` unread bytes and `len` behind them, of which it keeps these `len`
    /// and returns them, joined to what is kept. Does nothing, and returns `None`, if there are not
    /// so many.
    #[inline(always)]
    pub(crate) fn keep(&mut self, skip: usize, len: usize) -> Option<&mut [u8]> {
        let ends = &mut self.ends;
        let from = ends.cursor.checked_add(skip)?;
        if self.bytes.len().checked_sub(from)? < len {
            return None;
        }
        let end = from + len;
        ends.cursor = end;
        if ends.kept_end == 0 {
            (ends.kept_start, ends.kept_end) = (from, end);
            return self.bytes.get_mut(from..end);
        }
        let to = ends.kept_end;
        let moved = self.bytes.get_mut(to..end)?;
        let distance = moved.len().checked_sub(len)?;
        moved.copy_within(distance.., 0);
        ends.kept_end = to + len;
        moved.get_mut(..len)
    }

    /// Ends it, to be told to the [buffer](ReceiveBuf::end_joining).
    #[inline(always)]
    pub(crate) fn end(self) -> Ends {
        self.ends
    }
}
