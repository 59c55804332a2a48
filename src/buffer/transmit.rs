//! Bytes that are ready for the peer; knows neither transport nor protocol.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, Bytes};

use super::spare::{KEEP_AT_MOST, MUCH, MUCH_LESS};

/// The bytes to write to the transport.
///
/// It implements `bytes::Buf`. Write `chunk` and call `advance` with the number of bytes written, use
/// `chunks_vectored` for a vectored write, or pass it to `AsyncWriteExt::write_buf` of tokio. After a
/// short write, the rest stays for the next one. One write can carry many frames: small frames are
/// packed together, and large payloads are kept by reference.
///
/// ```
/// use std::io::Write;
///
/// use bytes::Buf;
/// use sanswire::{Config, Connection};
///
/// let mut transport = Vec::new(); // A socket.
/// let mut connection = Connection::server(&Config::default());
/// connection.commands().send("Hello")?;
/// while let Some(output) = connection.poll_transmit() {
///     let len = transport.write(output.chunk())?;
///     output.advance(len);
/// }
/// assert_eq!(transport, b"\x81\x05Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct TransmitBuf {
    /// Headers and small payloads, one behind the other; what lies before `Extra::head` is written.
    packed: Vec<u8>,
    /// Bytes that wait, packed and spliced.
    len: usize,
    /// Bytes written since the buffer was made.
    written: u64,
    /// What an output has that ever carried a message, or was written in part. Behind a pointer,
    /// because an idle connection has none.
    extra: Option<Box<Extra>>,
}

#[derive(Default)]
struct Extra {
    /// How much of the packed bytes is written.
    head: usize,
    /// Large payloads in order, each to be written before the packed byte at its position.
    spliced: Vec<Splice>,
    /// How many of those are written: they are empty and leave with many others.
    passed: usize,
    /// How much of the output is payload of messages, for `bufferedAmount`: in order; no note ends
    /// at or before `TransmitBuf::written`, but for `newest`.
    notes: VecDeque<Note>,
    /// The payload of `notes` together.
    payload: usize,
    /// The note behind those.
    newest: Note,
}

struct Splice {
    /// Extra::head <= at <= packed.len(), unless it is written.
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
    /// A stretch that begins, and has nothing yet.
    const fn at(position: u64) -> Self {
        Self { begin: position, end: position, payload: 0 }
    }

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
    /// Notes a stretch behind all others.
    #[inline]
    fn note(&mut self, note: Note, written: u64) {
        let before = core::mem::replace(&mut self.newest, note);
        if before.end > written {
            self.payload += before.payload;
            self.notes.push_back(before);
        }
    }

    /// Passes `len` bytes that have been written, after which `written` are.
    fn pass(&mut self, len: usize, written: u64) {
        self.head += len;
        while let Some(splice) = self.spliced.get_mut(self.passed)
            && splice.at < self.head
        {
            // What is beyond it was taken from it.
            let taken = splice.bytes.len().min(self.head - splice.at);
            self.head -= taken;
            if taken < splice.bytes.len() {
                splice.bytes.advance(taken);
            } else {
                splice.bytes = Bytes::new();
                self.passed += 1;
            }
        }
        if self.passed > self.spliced.len() / 2 {
            self.spliced.drain(..self.passed);
            self.passed = 0;
        }
        while let Some(first) = self.notes.front()
            && first.end <= written
        {
            self.payload -= first.payload;
            self.notes.pop_front();
        }
    }
}

impl Extra {
    /// Notes that the packed bytes that are written are gone.
    fn forget_head(&mut self) {
        let head = core::mem::take(&mut self.head);
        self.spliced.iter_mut().skip(self.passed).for_each(|splice| splice.at -= head);
    }

    /// Returns whether more is held than the notes and pieces of a buffer that is kept need.
    fn is_large(&self) -> bool {
        self.spliced.capacity() > KEEP_PIECES || self.notes.capacity() > KEEP_PIECES
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
        self.len == 0
    }

    /// Returns how many bytes wait to be written.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns how many bytes were written since the buffer was made.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.append_with(|packed| packed.extend_from_slice(bytes));
    }

    /// Appends what `write` appends to the packed bytes.
    #[inline]
    pub(crate) fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.packed.len();
        write(&mut self.packed);
        self.len += self.packed.len() - before;
    }

    /// Returns whether there is room for `len` more packed bytes.
    #[inline(always)]
    pub(crate) fn has_room(&self, len: usize) -> bool {
        self.packed.capacity() - self.packed.len() >= len
    }

    /// Makes room for `len` more packed bytes.
    pub(crate) fn reserve(&mut self, len: usize) {
        self.packed.reserve(len);
    }

    /// As [`append_with`](Self::append_with); returns what `write` returns.
    #[inline(always)]
    pub(crate) fn try_append_with(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let before = self.packed.len();
        let is_written = write(&mut self.packed);
        self.len += self.packed.len() - before;
        is_written
    }

    /// Appends `bytes` by reference.
    #[inline]
    pub(crate) fn splice(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let at = self.packed.len();
        let extra = self.extra.get_or_insert_default();
        self.len += bytes.len();
        extra.spliced.push(Splice { at, bytes });
    }

    /// Notes that what was appended since the [length](Self::len) was `begin` carries `payload`
    /// bytes of a message.
    #[inline]
    pub(crate) fn note_payload(&mut self, begin: usize, payload: usize) {
        let (begin, end) = (self.written + begin as u64, self.written + self.len as u64);
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
        // What is being written is not joined by more: its payload comes last.
        if extra.newest.begin >= self.written && end - extra.newest.begin < MERGE_BELOW {
            extra.newest.end = end;
            extra.newest.payload += payload;
        } else {
            extra.note(Note { begin, end, payload }, self.written);
        }
    }

    /// Begins a note, unless the newest has room for `frame` more bytes; returns how many may be
    /// appended that are to be noted by [`note_more`](Self::note_more).
    #[inline(always)]
    pub(crate) fn begin_note(&mut self, frame: usize) -> usize {
        let end = self.written + self.len as u64;
        let extra = match &mut self.extra {
            Some(extra) => extra,
            none => {
                // Many more small ones may follow.
                self.packed.reserve(frame.max(FIRST_ROOM));
                none.insert(Box::default())
            }
        };
        // As in `note_payload`.
        if extra.newest.begin >= self.written {
            let covered = end - extra.newest.begin;
            if covered + (frame as u64) < MERGE_BELOW {
                return usize::try_from(MERGE_BELOW - 1 - covered).unwrap_or_default();
            }
        }
        extra.note(Note::at(end), self.written);
        usize::try_from(MERGE_BELOW - 1).unwrap_or_default()
    }

    /// Notes that what was appended since the last note carries `payload` bytes of messages, too.
    #[inline]
    pub(crate) fn note_more(&mut self, payload: usize) {
        if let Some(extra) = &mut self.extra {
            extra.newest.end = self.written + self.len as u64;
            extra.newest.payload += payload;
        }
    }

    /// Returns the payload bytes noted and not written yet.
    pub(crate) fn noted_payload(&self) -> usize {
        let Some(extra) = &self.extra else { return 0 };
        let written =
            extra.notes.front().map_or(0, |first| first.payload - first.left(self.written));
        extra.payload - written + extra.newest.left(self.written)
    }

    /// Returns whether anything of a message was noted and not written yet.
    pub(crate) fn holds_message(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.newest.end > self.written)
    }

    /// Appends a copy of what is to be written first to `block`, at most `limit` bytes.
    pub(crate) fn copy_to(&self, block: &mut Vec<u8>, limit: usize) {
        let mut append = |bytes: &[u8]| {
            let room = limit.saturating_sub(block.len());
            block.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        };
        let mut from = self.head();
        for splice in self.waiting() {
            append(self.packed.get(from..splice.at).unwrap_or_default());
            append(&splice.bytes);
            from = splice.at;
        }
        append(self.packed.get(from..).unwrap_or_default());
    }

    /// Gives the memory that holds nothing to `spare`, or frees it: all of it if everything has been
    /// written, and most of it if little waits in much.
    pub(crate) fn release_to(&mut self, spare: &mut Self) {
        let (mut packed, mut extra) = if self.is_empty() {
            (core::mem::take(&mut self.packed), self.extra.take())
        } else {
            (self.shrink(), None)
        };
        if !(spare.packed.capacity()..=KEEP_AT_MOST).contains(&packed.capacity()) {
            return;
        }
        packed.clear();
        if let Some(extra) = &mut extra {
            extra.newest = Note::default();
        }
        (spare.packed, spare.extra) = (packed, extra.filter(|extra| !extra.is_large()));
    }

    /// Moves to memory of its own what is left of the packed bytes, if that is little in much.
    /// Returns what it lay in.
    fn shrink(&mut self) -> Vec<u8> {
        let left = self.packed.get(self.head()..).unwrap_or_default();
        if self.packed.capacity() > MUCH && left.len() <= self.packed.capacity() / MUCH_LESS {
            let left = left.to_vec();
            if let Some(extra) = &mut self.extra {
                extra.forget_head();
            }
            return core::mem::replace(&mut self.packed, left);
        }
        Vec::new()
    }

    /// Goes on in the memory of `spare`, if that is larger and nothing waits here.
    pub(crate) fn reuse(&mut self, spare: &mut Self) {
        if self.is_empty() && self.packed.capacity() < spare.packed.capacity() {
            (self.packed, self.extra) = (core::mem::take(&mut spare.packed), spare.extra.take());
            if let Some(extra) = &mut self.extra {
                extra.newest = Note::at(self.written);
            }
        }
    }

    /// Forgets what has been written; the allocation stays for what comes next unless it is large.
    fn reset(&mut self) {
        self.len = 0;
        self.packed.clear();
        if self.packed.capacity() > KEEP_AT_MOST {
            self.packed = Vec::new();
        }
        if let Some(extra) = &mut self.extra {
            extra.head = 0;
            extra.spliced.clear();
            extra.passed = 0;
            extra.notes.clear();
            extra.payload = 0;
            // What comes next is noted here, without a look at what is there.
            extra.newest = Note::at(self.written);
        }
    }

    /// Forgets `len` bytes that have been written, while more wait.
    fn pass(&mut self, len: usize) {
        self.len -= len;
        let extra = self.extra.get_or_insert_default();
        extra.pass(len, self.written);
        // Moves what waits to the front once most of `packed` has been written, so that an output
        // that is never quite empty does not grow.
        let head = extra.head;
        if head >= COMPACT_FROM && head >= self.packed.len() / 2 {
            self.packed.drain(..head);
            extra.forget_head();
        }
    }

    /// Returns where the packed bytes begin that wait.
    #[inline]
    fn head(&self) -> usize {
        self.extra.as_ref().map_or(0, |extra| extra.head)
    }

    /// Returns the spliced payloads that wait.
    #[inline]
    fn waiting(&self) -> &[Splice] {
        self.extra.as_ref().and_then(|extra| extra.spliced.get(extra.passed..)).unwrap_or_default()
    }
}

impl Buf for TransmitBuf {
    #[inline]
    fn remaining(&self) -> usize {
        self.len()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        let head = self.head();
        let packed = match self.waiting().first() {
            Some(splice) if splice.at == head => return &splice.bytes,
            Some(splice) => self.packed.get(head..splice.at),
            None => self.packed.get(head..),
        };
        packed.unwrap_or_default()
    }

    #[cfg(feature = "std")]
    #[inline]
    fn chunks_vectored<'a>(&'a self, dst: &mut [std::io::IoSlice<'a>]) -> usize {
        let room = dst.len();
        let mut slots = dst.iter_mut();
        let mut push = |bytes: &'a [u8]| {
            bytes.is_empty()
                || slots.next().map(|slot| *slot = std::io::IoSlice::new(bytes)).is_some()
        };
        let mut from = self.head();
        for splice in self.waiting() {
            let packed = self.packed.get(from..splice.at).unwrap_or_default();
            if !push(packed) || !push(&splice.bytes) {
                return room;
            }
            from = splice.at;
        }
        push(self.packed.get(from..).unwrap_or_default());
        room - slots.len()
    }

    /// # Panics
    ///
    /// If `len` is greater than `remaining`, as the trait demands.
    #[inline]
    fn advance(&mut self, len: usize) {
        assert!(len <= self.len, "more bytes taken than there were");
        self.written += len as u64;
        if len == self.len {
            self.reset();
        } else {
            self.pass(len);
        }
    }
}

impl fmt::Debug for TransmitBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransmitBuf").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// How many notes, or large payloads, spare memory has room for.
const KEEP_PIECES: usize = 64;

/// What an output has room for behind its first small message, so that it need not grow from
/// nothing each time that there is something to send.
const FIRST_ROOM: usize = 1024;

/// What is written stays in front of what waits until it is this much.
const COMPACT_FROM: usize = 16 << 10;

/// Notes of small frames are merged until they cover this many bytes of output.
const MERGE_BELOW: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort;
    use alloc::vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Pack(Vec<u8>),
        Splice(Vec<u8>),
        Advance(usize),
        Release,
        Reuse,
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = (0..effort::PERIOD, 0..effort::of(30_000, 3_000))
            .prop_map(|(from, len)| effort::bytes(from, len));
        prop_oneof![
            bytes.clone().prop_map(Step::Pack),
            bytes.prop_map(Step::Splice),
            (0..effort::of(60_000, 6_000)).prop_map(Step::Advance),
            Just(Step::Release),
            Just(Step::Reuse),
        ]
    }

    #[test]
    fn an_empty_payload_is_no_slice_of_its_own() {
        let mut output = TransmitBuf::new();
        output.splice(Bytes::new());
        assert!(output.is_empty() && output.chunk().is_empty());
        output.splice(Bytes::from_static(b"a"));
        output.splice(Bytes::new());
        assert_eq!((output.len(), output.chunk()), (1, &b"a"[..]));
    }

    /// Returns what is in so many slices.
    fn first<const SLOTS: usize>(output: &TransmitBuf) -> Vec<u8> {
        let mut slices = [std::io::IoSlice::new(&[]); SLOTS];
        let used = output.chunks_vectored(&mut slices);
        assert!(slices[..used].iter().all(|slice| !slice.is_empty()));
        slices[..used].iter().map(|slice| &**slice).collect::<Vec<_>>().concat()
    }

    proptest! {
        #![proptest_config(effort::cases(64))]

        #[test]
        fn any_mix_of_packed_and_spliced_bytes_leaves_in_order(
            steps in proptest::collection::vec(step(), 1..30),
        ) {
            let mut output = TransmitBuf::new();
            let (mut other, mut spare) = (TransmitBuf::new(), TransmitBuf::new());
            let mut model = Vec::new();
            for step in steps {
                let before = output.len();
                match step {
                    Step::Pack(bytes) => {
                        output.extend_from_slice(&bytes);
                        output.note_payload(before, bytes.len());
                        model.extend(bytes);
                    }
                    Step::Splice(bytes) => {
                        model.extend(&bytes);
                        output.splice(bytes.into());
                        output.note_payload(before, output.len() - before);
                    }
                    Step::Advance(len) => {
                        let len = len.min(model.len());
                        output.advance(len);
                        model.drain(..len);
                    }
                    Step::Release => {
                        output.release_to(&mut spare);
                        prop_assert!(spare.is_empty() && spare.packed.capacity() <= KEEP_AT_MOST);
                        // Another one has written something else there.
                        other.reuse(&mut spare);
                        other.extend_from_slice(&[7; 3_000]);
                        other.note_payload(0, 2_990);
                        other.advance(3_000);
                        other.release_to(&mut spare);
                    }
                    Step::Reuse => output.reuse(&mut spare),
                }
                prop_assert_eq!(output.len(), model.len());
                prop_assert!(!output.chunk().is_empty() || model.is_empty());
                prop_assert_eq!(output.chunk(), &model[..output.chunk().len()]);
                // Without `std`, `Buf` yields the first chunk alone.
                if cfg!(feature = "std") {
                    prop_assert_eq!(first::<64>(&output), &model[..]);
                }
                let some = first::<3>(&output);
                prop_assert_eq!(&some, &model[..some.len()]);
                prop_assert_eq!(output.noted_payload(), model.len());
            }
        }
    }

    #[test]
    fn noted_payload_falls_as_bytes_are_written() {
        let mut output = TransmitBuf::new();
        output.extend_from_slice(&[0; 2]);
        output.splice(vec![1; 10_000].into());
        output.note_payload(0, 10_000);
        assert_eq!(output.noted_payload(), 10_000);
        output.advance(2);
        assert_eq!(output.noted_payload(), 10_000);
        output.advance(4_000);
        assert_eq!(output.noted_payload(), 6_000);
        let before = output.len();
        output.extend_from_slice(&[0; 7]);
        output.note_payload(before, 5);
        assert_eq!(output.noted_payload(), 6_005);
        output.advance(6_000);
        assert_eq!(output.noted_payload(), 5);
        output.advance(7);
        assert_eq!(output.noted_payload(), 0);
    }

    #[test]
    fn little_that_waits_does_not_hold_much() {
        let (mut output, mut spare) = (TransmitBuf::new(), TransmitBuf::new());
        output.extend_from_slice(&[1; 60_000]);
        output.splice(vec![2; 5_000].into());
        output.extend_from_slice(&[3; 10]);
        output.release_to(&mut spare);
        assert!(output.packed.capacity() >= 60_000 && spare.packed.capacity() == 0);
        output.advance(59_990);
        output.release_to(&mut spare);
        assert!(output.packed.capacity() < 100 && spare.packed.capacity() >= 60_000);
        let mut left = Vec::new();
        output.copy_to(&mut left, usize::MAX);
        assert_eq!(left, [&[1; 10][..], &[2; 5_000], &[3; 10]].concat());
        // And not more than once.
        let address = output.packed.as_ptr();
        output.release_to(&mut spare);
        output.reuse(&mut spare);
        assert_eq!(output.packed.as_ptr(), address);
    }

    #[test]
    fn memory_for_many_pieces_is_not_kept() {
        let (mut output, mut spare) = (TransmitBuf::new(), TransmitBuf::new());
        output.extend_from_slice(&[0; 10]);
        (0..1_000).for_each(|_| output.splice(Bytes::from_static(b"x")));
        output.note_payload(0, 1_000);
        output.advance(1_010);
        output.release_to(&mut spare);
        assert!(spare.packed.capacity() >= 10 && spare.extra.is_none());
    }

    #[test]
    fn a_spliced_payload_is_let_go_when_it_is_written() {
        let mut output = TransmitBuf::new();
        let payloads = [1, 2, 3].map(|byte| Bytes::from(vec![byte; 5_000]));
        for payload in &payloads {
            output.splice(payload.clone());
        }
        output.advance(4_999);
        assert!(payloads.iter().all(|payload| !payload.is_unique()));
        output.advance(2);
        assert_eq!(payloads.each_ref().map(Bytes::is_unique), [true, false, false]);
        output.advance(9_999);
        assert!(payloads.iter().all(Bytes::is_unique));
    }

    #[test]
    fn an_output_that_is_never_empty_does_not_grow() {
        let mut output = TransmitBuf::new();
        output.extend_from_slice(&[0; 1_000]);
        for _ in 0..effort::of(10_000, 300) {
            output.extend_from_slice(&[0; 1_000]);
            output.note_payload(output.len() - 1_000, 998);
            output.splice(Bytes::from_static(b"spliced"));
            output.advance(1_007);
        }
        assert!(output.packed.capacity() < 64 << 10);
        let extra = output.extra.unwrap();
        assert!(extra.notes.len() < 3 && extra.spliced.len() < 5);
    }
}
