//! Bytes that are ready for the peer; knows neither transport nor protocol.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, Bytes};

/// The bytes that are ready to be written to the transport.
///
/// It implements [`Buf`], so that one write can carry many frames: `chunk` and `advance` for a
/// plain write, `chunks_vectored` on top for a vectored one, `AsyncWriteExt::write_buf` of tokio
/// as it is. Small frames are packed together; a large payload is kept by reference and spliced in
/// where it belongs.
///
/// A short write is no problem: what was not taken stays for the next one.
#[derive(Default)]
pub struct TransmitBuf {
    /// Headers and small payloads, one behind the other; what lies before `head` is written.
    packed: Vec<u8>,
    /// head <= packed.len()
    head: usize,
    /// Bytes written since the buffer was made.
    written: u64,
    /// What an output has that ever carried a message. Behind a pointer, because an idle connection
    /// has none.
    extra: Option<Box<Extra>>,
}

#[derive(Default)]
struct Extra {
    /// Large payloads in order, each to be written before the packed byte at its position.
    spliced: VecDeque<Splice>,
    /// Bytes of all spliced payloads.
    spliced_len: usize,
    /// How much of the output is payload of messages, for `bufferedAmount`: in order; no note ends
    /// at or before `TransmitBuf::written`, but for `newest`.
    notes: VecDeque<Note>,
    /// The note behind those.
    newest: Note,
    /// The payload of all notes together.
    payload: usize,
}

struct Splice {
    /// head <= at <= packed.len()
    at: usize,
    bytes: Bytes,
}

/// A stretch of output and how much of it is payload.
#[derive(Default)]
struct Note {
    /// Positions in the whole output, as `TransmitBuf::written` counts them.
    begin: u64,
    end: u64,
    /// Bytes of the application's payload, before compression.
    payload: usize,
}

impl Note {
    /// How much of the payload is not written, once `written` bytes of the output are. The payload
    /// comes last; where it was compressed, it falls evenly.
    fn left(&self, written: u64) -> usize {
        if self.end <= written {
            return 0;
        }
        let whole = u128::from(self.end - self.begin);
        let left = u128::from(self.end - written.max(self.begin));
        let payload = self.payload as u128;
        let left = if payload <= whole { payload.min(left) } else { payload * left / whole };
        usize::try_from(left).unwrap_or(usize::MAX)
    }
}

impl Extra {
    /// Makes room for a new note: keeps the newest one unless all of it is written.
    fn keep_newest(&mut self, written: u64) {
        let before = core::mem::take(&mut self.newest);
        if before.end > written {
            self.notes.push_back(before);
        } else {
            self.payload -= before.payload;
        }
    }
}

impl TransmitBuf {
    /// Creates an empty buffer that holds no memory.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Returns whether everything has been written.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many bytes wait to be written.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        let spliced = self.extra.as_ref().map_or(0, |extra| extra.spliced_len);
        self.packed.len() - self.head + spliced
    }

    /// Returns how many bytes were written since the buffer was made.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.packed.extend_from_slice(bytes);
    }

    /// Appends what `write` appends to the packed bytes.
    #[inline]
    pub(crate) fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.packed);
    }

    /// Appends `bytes` by reference.
    pub(crate) fn splice(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let at = self.packed.len();
        let extra = self.extra.get_or_insert_default();
        extra.spliced_len += bytes.len();
        extra.spliced.push_back(Splice { at, bytes });
    }

    /// Notes that what was appended between two [lengths](Self::len), of which `end` is the present
    /// one, carries `payload` bytes of a message.
    #[inline]
    pub(crate) fn note_payload(&mut self, begin: usize, end: usize, payload: usize) {
        let (begin, end) = (self.written + begin as u64, self.written + end as u64);
        let extra = match &mut self.extra {
            Some(extra) => extra,
            none => {
                // Many more small ones may follow.
                if payload < FIRST_ROOM {
                    self.packed.reserve(FIRST_ROOM);
                }
                none.insert(Box::default())
            }
        };
        extra.payload += payload;
        // What is being written is not joined by more: its payload comes last.
        if extra.newest.begin >= self.written && end - extra.newest.begin < MERGE_BELOW {
            extra.newest.end = end;
            extra.newest.payload += payload;
        } else {
            extra.keep_newest(self.written);
            extra.newest = Note { begin, end, payload };
        }
    }

    /// Returns the payload bytes noted and not written yet.
    pub(crate) fn noted_payload(&self) -> usize {
        let Some(extra) = &self.extra else { return 0 };
        let first = extra.notes.front().unwrap_or(&extra.newest);
        extra.payload - first.payload + first.left(self.written)
    }

    /// Gives memory back if everything has been written.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self { written: self.written, ..Self::new() };
        }
    }

    /// Forgets what has been written; the allocation stays for what comes next unless it is large.
    fn reset(&mut self) {
        self.head = 0;
        self.packed.clear();
        if self.packed.capacity() > KEEP_AT_MOST {
            self.packed = Vec::new();
        }
        if let Some(extra) = &mut self.extra {
            while extra.spliced.pop_front().is_some() {}
            extra.spliced_len = 0;
            extra.notes.clear();
            extra.newest = Note { begin: self.written, end: self.written, payload: 0 };
            extra.payload = 0;
        }
    }

    /// Drops the notes that have been written whole.
    fn pass_notes(&mut self) {
        let Some(extra) = &mut self.extra else { return };
        while let Some(first) = extra.notes.front() {
            if first.end > self.written {
                return;
            }
            extra.payload -= first.payload;
            extra.notes.pop_front();
        }
    }

    /// Moves what waits to the front once most of `packed` has been written, so that an output
    /// that is never quite empty does not grow.
    fn compact(&mut self) {
        if self.head < COMPACT_FROM || self.head < self.packed.len() / 2 {
            return;
        }
        self.packed.drain(..self.head);
        for splice in self.extra.iter_mut().flat_map(|extra| &mut extra.spliced) {
            splice.at -= self.head;
        }
        self.head = 0;
    }

    fn next_splice(&self) -> Option<&Splice> {
        self.extra.as_ref()?.spliced.front()
    }

    /// Returns the packed bytes before the first splice.
    fn packed_chunk(&self) -> &[u8] {
        let end = self.next_splice().map_or(self.packed.len(), |splice| splice.at);
        self.packed.get(self.head..end).unwrap_or_default()
    }
}

impl Buf for TransmitBuf {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        match self.next_splice() {
            Some(splice) if splice.at == self.head => &splice.bytes,
            _ => self.packed_chunk(),
        }
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, dst: &mut [std::io::IoSlice<'a>]) -> usize {
        let mut slots = dst.iter_mut();
        let mut used = 0;
        let mut push = |bytes: &'a [u8]| {
            if bytes.is_empty() {
                return true;
            }
            let Some(slot) = slots.next() else { return false };
            *slot = std::io::IoSlice::new(bytes);
            used += 1;
            true
        };
        let mut from = self.head;
        for splice in self.extra.iter().flat_map(|extra| &extra.spliced) {
            let packed = self.packed.get(from..splice.at).unwrap_or_default();
            if !push(packed) || !push(&splice.bytes) {
                return used;
            }
            from = splice.at;
        }
        push(self.packed.get(from..).unwrap_or_default());
        used
    }

    /// # Panics
    ///
    /// When `len` is more than [`remaining`](Buf::remaining), as [`Buf`] demands.
    fn advance(&mut self, len: usize) {
        let remaining = self.len();
        assert!(len <= remaining, "more bytes taken than there were");
        self.written += len as u64;
        if len == remaining {
            return self.reset();
        }
        let mut left = len;
        while left > 0 {
            let packed = self.packed_chunk().len();
            self.head += packed.min(left);
            left -= packed.min(left);
            let Some(extra) = &mut self.extra else { break };
            let Some(splice) = extra.spliced.front_mut() else { break };
            if splice.at == self.head {
                let taken = splice.bytes.len().min(left);
                splice.bytes.advance(taken);
                extra.spliced_len -= taken;
                left -= taken;
                if splice.bytes.is_empty() {
                    extra.spliced.pop_front();
                }
            }
        }
        self.pass_notes();
        self.compact();
    }
}

impl fmt::Debug for TransmitBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransmitBuf").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// An allocation larger than this is given back when everything has been written: more than answers
/// to all that is read at once.
const KEEP_AT_MOST: usize = 128 << 10;

/// What an output has room for behind its first small message, so that it need not grow from nothing
/// each time that there is something to send.
const FIRST_ROOM: usize = 1024;

/// What is written stays in front of what waits until it is this much.
const COMPACT_FROM: usize = 16 << 10;

/// Notes of small frames are merged until they cover this many bytes of output.
const MERGE_BELOW: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Pack(Vec<u8>),
        Splice(Vec<u8>),
        Advance(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = (any::<u8>(), 0..30_000_usize).prop_map(|(byte, len)| {
            (0..=250).cycle().map(|i: u8| byte.wrapping_add(i)).take(len).collect::<Vec<_>>()
        });
        prop_oneof![
            bytes.clone().prop_map(Step::Pack),
            bytes.prop_map(Step::Splice),
            (0..60_000_usize).prop_map(Step::Advance),
        ]
    }

    fn all(output: &TransmitBuf) -> Vec<u8> {
        let mut slices = [std::io::IoSlice::new(&[]); 64];
        let used = output.chunks_vectored(&mut slices);
        slices[..used].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_mix_of_packed_and_spliced_bytes_leaves_in_order(
            steps in proptest::collection::vec(step(), 1..30),
        ) {
            let mut output = TransmitBuf::new();
            let mut model = Vec::new();
            for step in steps {
                match step {
                    Step::Pack(bytes) => {
                        output.extend_from_slice(&bytes);
                        model.extend(bytes);
                    }
                    Step::Splice(bytes) => {
                        model.extend(&bytes);
                        output.splice(bytes.into());
                    }
                    Step::Advance(len) => {
                        let len = len.min(model.len());
                        output.advance(len);
                        model.drain(..len);
                    }
                }
                prop_assert_eq!(output.len(), model.len());
                prop_assert!(!output.chunk().is_empty() || model.is_empty());
                prop_assert_eq!(output.chunk(), &model[..output.chunk().len()]);
                prop_assert_eq!(all(&output), &model[..]);
            }
        }
    }

    #[test]
    fn noted_payload_falls_as_bytes_are_written() {
        let mut output = TransmitBuf::new();
        output.extend_from_slice(&[0; 2]);
        output.splice(vec![1; 10_000].into());
        output.note_payload(0, output.len(), 10_000);
        assert_eq!(output.noted_payload(), 10_000);
        output.advance(2);
        assert_eq!(output.noted_payload(), 10_000);
        output.advance(4_000);
        assert_eq!(output.noted_payload(), 6_000);
        let before = output.len();
        output.extend_from_slice(&[0; 7]);
        output.note_payload(before, output.len(), 5);
        assert_eq!(output.noted_payload(), 6_005);
        output.advance(6_000);
        assert_eq!(output.noted_payload(), 5);
        output.advance(7);
        assert_eq!(output.noted_payload(), 0);
    }

    #[test]
    fn an_output_that_is_never_empty_does_not_grow() {
        let mut output = TransmitBuf::new();
        output.extend_from_slice(&[0; 1_000]);
        for _ in 0..10_000 {
            output.extend_from_slice(&[0; 1_000]);
            output.note_payload(output.len() - 1_000, output.len(), 998);
            output.advance(1_000);
        }
        assert!(output.packed.capacity() < 64 << 10);
        assert!(output.extra.unwrap().notes.len() < 3);
    }
}
