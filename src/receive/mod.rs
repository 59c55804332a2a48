//! The one owner of the bytes that arrived and of all that is known of them: bytes become frames,
//! frames become messages (§5.4, §6.2, §8.1). Knows nothing of what is sent.
//!
//! | file | what it has |
//! |---|---|
//! | `short` | the way of a message that is one frame and lies whole in the input |
//! | `rest` | the way of a frame that arrives in parts, where its message stays in the input |
//! | `frames` | the general way |
//! | `progress` | what is known of the message in progress, and its limits |
//! | `assembly` | the message in progress, where it does not stay in the input |
//! | `received` | what is accepted, and what is found |

mod assembly;
mod frames;
mod progress;
mod received;
mod rest;
mod short;

use alloc::boxed::Box;
use core::ops::Range;

use bytes::Bytes;

use crate::buffer::{Input, ReceiveBuf, SpareBuffers};
use crate::error::ConnectionError;
#[cfg(feature = "deflate")]
use crate::extension::Deflate;
use crate::extension::Inflater;
use crate::frame::FrameReader;
#[cfg(feature = "deflate")]
use crate::frame::RSV1;
use crate::message::Payload;
use crate::role::Role;
use assembly::Assembly;
use progress::Progress;
pub(crate) use received::{Arriving, Limits, Received, Source};
pub(crate) use short::Short;

/// Takes messages and control frames out of what arrives.
///
/// The payload of a message is unmasked and validated as it arrives, and stays where it is until it
/// is whole: kept in the input, where fragments are joined. One that is large or compressed is put
/// together elsewhere; where chunks are delivered, nothing is put together.
#[derive(Debug)]
pub(crate) struct Receiver {
    input: ReceiveBuf,
    frames: FrameReader,
    message: Progress,
    /// What has arrived of a message that does not stay in the input; else empty.
    assembly: Assembly,
    inflater: Option<Box<Inflater>>,
    /// How many bytes will have arrived when there is something to decide. Nothing is looked at before
    /// that: a part of a frame that says nothing costs one comparison.
    due: u64,
    /// Messages of less than so many bytes may go the short way: 0 within a message or a frame, else
    /// `short_limit`.
    short_below: u16,
    /// The same between messages; 0 where chunks are delivered.
    short_limit: u16,
    /// Whether parts of a message are reported as they arrive.
    chunks: bool,
    /// Where the message in progress is put together.
    place: Place,
}

/// What becomes of the parts of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// They are copied to [`Receiver::assembly`].
    Assembly,
    /// They are delivered as they arrive.
    Chunks,
    /// What they decompress to is put there, and delivered where chunks are.
    Inflated,
    /// They are kept in the input.
    Input,
}

impl Receiver {
    pub(crate) fn new(sender: Role, limits: Limits) -> Self {
        let short_limit = limits.max_message_size.min(limits.max_frame_size).saturating_add(1);
        let short_limit = u16::try_from(short_limit).unwrap_or(u16::MAX);
        let short_limit = if limits.chunks { 0 } else { short_limit };
        Self {
            input: ReceiveBuf::new(),
            frames: FrameReader::new(sender, limits.max_frame_size),
            message: Progress::new(&limits),
            assembly: Assembly::new(),
            inflater: None,
            due: 0,
            short_below: short_limit,
            short_limit,
            chunks: limits.chunks,
            place: Place::Input,
        }
    }

    /// Begins with what arrived behind the opening handshake.
    pub(crate) fn begin_with(&mut self, input: ReceiveBuf) {
        self.clear();
        self.input = input;
    }

    #[inline]
    pub(crate) const fn input(&mut self) -> Input<'_> {
        Input::new(&mut self.input)
    }

    /// As [`input`](Self::input), with room for a read of `size` bytes.
    #[inline]
    pub(crate) fn prepared_input(&mut self, size: usize) -> Input<'_> {
        Input::prepared(&mut self.input, size)
    }

    /// Returns how many bytes arrived and are not processed.
    pub(crate) fn unprocessed_len(&self) -> usize {
        self.input.len()
    }

    /// Takes a message that is one frame and lies whole at the front of the input, or leaves
    /// everything as it is.
    #[inline(always)]
    pub(crate) fn poll_short(&mut self) -> Result<Option<Short>, ConnectionError> {
        short::take(&mut self.input, self.frames.sender(), self.short_below)
    }

    /// Takes the next message, chunk or control frame, or returns `Ok(None)` if the input does not
    /// hold all of it.
    ///
    /// Stops when `budget` is used up, and goes on there the next time: each byte of payload that
    /// is processed costs 1, and so does each byte that is delivered. One that is inflated, or copied
    /// to begin an inflated stream anew, costs [`INFLATED`](frames::INFLATED). What one call does
    /// beyond its budget is bounded by what a few KiB inflate to.
    #[inline]
    pub(crate) fn poll(&mut self, budget: &mut usize) -> Result<Option<Received>, ConnectionError> {
        if self.is_waiting() {
            return Ok(None);
        }
        self.due = 0;
        let polled = if self.input.is_empty() { Ok(None) } else { self.poll_arrived(budget) };
        if matches!(polled, Ok(None)) {
            self.due = self.input.received().saturating_add(self.missing());
        }
        polled
    }

    /// Returns whether nothing is to be done before more arrives, as the last poll has found.
    #[inline]
    pub(crate) const fn is_waiting(&self) -> bool {
        self.input.received() < self.due
    }

    #[inline(always)]
    fn poll_arrived(&mut self, budget: &mut usize) -> Result<Option<Received>, ConnectionError> {
        if self.may_join() && self.join_fragments(budget)? {
            return Ok(self.deliver_kept(budget));
        }
        if !self.frames.is_within() && self.leave_or_begin()? {
            return Ok(None);
        }
        if self.is_within_kept() && *budget > 0 {
            if self.keep_rest(budget)? {
                return Ok(self.deliver_kept(budget));
            }
            if self.input.is_empty() {
                return Ok(None);
            }
        }
        self.poll_frames(budget)
    }

    /// Decompresses what is marked as compressed from now on.
    #[cfg(feature = "deflate")]
    pub(crate) fn set_deflate(&mut self, agreed: Deflate) {
        let inflater = Inflater::new(agreed, self.message.max_message_size());
        self.inflater = Some(Box::new(inflater));
        self.frames.set_allowed_rsv(RSV1);
    }

    /// Forgets everything that has arrived.
    pub(crate) fn clear(&mut self) {
        self.input.clear();
        self.due = 0;
        self.assembly.clear();
        self.message.finish();
        self.frames.forget();
        self.short_below = self.short_limit;
    }

    /// Goes on in memory of `spare`, if there is less here and little in it.
    pub(crate) fn reuse(&mut self, spare: &mut SpareBuffers) {
        self.input.reuse(&mut spare.input);
    }

    /// Gives memory that is not in use to `spare`, or frees it.
    pub(crate) fn release_to(&mut self, spare: &mut SpareBuffers) {
        self.input.release_to(&mut spare.input);
        self.assembly.release();
        if let Some(inflater) = &mut self.inflater {
            inflater.release();
        }
    }

    /// Returns bytes by their positions.
    #[inline]
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.input.range(range)
    }

    /// Lends bytes by their positions, which hold until anything is polled or appended.
    #[inline(always)]
    pub(crate) const fn lend_range(&mut self, range: Range<usize>) -> Payload<'_> {
        Payload::lent(&mut self.input, range)
    }

    pub(crate) fn lend(&mut self, source: Source) -> Payload<'_> {
        match source {
            Source::Assembled(bytes) => Payload::owned(bytes),
            Source::Input(range) => self.lend_range(range),
        }
    }

    /// Returns how many bytes have arrived.
    pub(crate) const fn received(&self) -> u64 {
        self.input.received()
    }

    /// Returns what there is of a message that is not whole, when all that arrived is processed. A
    /// control frame that is not whole is none.
    #[inline]
    pub(crate) fn arriving(&self) -> Option<Arriving> {
        if self.input.is_empty() && !self.is_begun() { None } else { self.begun() }
    }

    #[inline(never)]
    fn begun(&self) -> Option<Arriving> {
        let unread = self.input.len() as u64;
        let arrived = match (self.frames.unfinished(), self.message.is_within()) {
            (Some((opcode, left)), true) if !opcode.is_control() => {
                self.message.announced().saturating_sub(left).saturating_add(unread)
            }
            // A fragment that was left as it is.
            (None, true) if self.input.missing() > 0 => {
                self.message.announced().saturating_add(unread)
            }
            (_, true) => self.message.announced(),
            (Some(_), false) => return None,
            // A frame of which nothing is consumed.
            (None, false) if self.input.unread().first()? & CONTROL != 0 => return None,
            (None, false) => unread,
        };
        let held = self.input.held().saturating_add(self.assembly.len());
        Some(Arriving { arrived, held: held as u64 })
    }

    pub(crate) fn into_unprocessed(self) -> Bytes {
        self.input.into_bytes()
    }

    /// Returns whether a header has been processed and what belongs to it has not.
    const fn is_begun(&self) -> bool {
        self.message.is_within() || self.frames.is_within()
    }

    /// Returns how much has to arrive before there is something to do, now that all that could be
    /// done is done. At least 1.
    #[inline]
    fn missing(&self) -> u64 {
        let missing = if self.frames.is_within() {
            self.frames.missing(self.input.len())
        } else {
            // Of a frame that was left as it is.
            self.input.missing() as u64
        };
        missing.max(1)
    }
}

/// Takes from a budget what some work costs. The largest one is never used up.
#[inline]
const fn spend(budget: &mut usize, work: usize) {
    if *budget < usize::MAX {
        *budget = budget.saturating_sub(work);
    }
}

/// Messages of which no more is announced stay in the input until they are whole.
const STAYS_UP_TO: u64 = 1 << 20;

/// How much is unmasked at once of a payload that stays and at whose beginning nobody can look:
/// little enough that it is still in the cache.
const KEPT_AT_ONCE: u32 = 64 << 10;

/// The bit of the first byte of a frame that all control frames have, and no others (§5.5).
const CONTROL: u8 = 0x08;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort;
    use crate::frame::{Frame, Opcode};
    use crate::message::{MessageKind, Text};
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::collection::vec as many;
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// What came out, owned.
    #[derive(Clone, Debug, PartialEq, Eq)]
    enum Got {
        Close(Vec<u8>),
        Message(MessageKind, Vec<u8>),
        Ping(Vec<u8>),
        Pong(Vec<u8>),
    }

    /// A frame as it is sent.
    #[derive(Clone, Debug)]
    struct Sent {
        opcode: Opcode,
        fin: bool,
        rsv: u8,
        payload: Vec<u8>,
    }

    const LIMITS: Limits = Limits {
        max_message_size: 3 << 20,
        max_frame_size: 3 << 20,
        max_fragments: 100,
        chunks: false,
    };

    fn wire(frames: &[Sent], key: Option<[u8; 4]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for Sent { opcode, fin, rsv, payload } in frames {
            let (fin, rsv, opcode) = (*fin, *rsv, *opcode);
            Frame { fin, rsv, opcode, mask: key, payload }.encode(&mut bytes);
        }
        bytes
    }

    /// What §5.4 says, slowly: all that comes before the first fault, and that.
    fn oracle(frames: &[Sent], limits: &Limits) -> (Vec<Got>, Option<ConnectionError>) {
        let mut got = Vec::new();
        let mut begun: Option<(MessageKind, Vec<u8>, u32)> = None;
        for Sent { opcode, fin, rsv, payload } in frames {
            let len = payload.len() as u64;
            if *rsv != 0 {
                return (got, Some(ConnectionError::ReservedBits { bits: *rsv }));
            }
            if len > limits.max_frame_size && !opcode.is_control() {
                let limit = limits.max_frame_size;
                return (got, Some(ConnectionError::FrameTooLarge { len, limit }));
            }
            let (kind, mut message, fragments) = match (opcode, begun.take()) {
                (Opcode::Close | Opcode::Ping | Opcode::Pong, message) => {
                    let payload = payload.clone();
                    got.push(if *opcode == Opcode::Close {
                        Got::Close(payload)
                    } else if *opcode == Opcode::Ping {
                        Got::Ping(payload)
                    } else {
                        Got::Pong(payload)
                    });
                    begun = message;
                    continue;
                }
                (Opcode::Continuation, None) => {
                    return (got, Some(ConnectionError::UnexpectedContinuation));
                }
                (Opcode::Continuation, Some(message)) => message,
                (_, Some(_)) => {
                    let opcode = *opcode as u8;
                    return (got, Some(ConnectionError::UnfinishedMessage { opcode }));
                }
                (Opcode::Binary, None) => (MessageKind::Binary, vec![], 0),
                (Opcode::Text, None) => (MessageKind::Text, vec![], 0),
            };
            let is_fragment = *opcode == Opcode::Continuation || !fin;
            let limit = limits.max_message_size;
            if message.len() as u64 + len > limit {
                return (got, Some(ConnectionError::MessageTooLarge { limit }));
            }
            let fragments = fragments + u32::from(is_fragment);
            let limit = u64::from(limits.max_fragments) + (message.len() as u64 + len) / 32;
            if u64::from(fragments) > limit {
                return (got, Some(ConnectionError::TooManyFragments { limit }));
            }
            message.extend_from_slice(payload);
            let may_be_text = match core::str::from_utf8(&message) {
                Ok(_) => true,
                Err(error) => !fin && error.error_len().is_none(),
            };
            if kind == MessageKind::Text && !may_be_text {
                return (got, Some(ConnectionError::InvalidUtf8));
            }
            if *fin {
                got.push(Got::Message(kind, message));
            } else {
                begun = Some((kind, message, fragments));
            }
        }
        (got, None)
    }

    /// How bytes are given to a receiver, and how it is asked.
    #[derive(Clone, Debug)]
    struct Ways {
        reads: Vec<usize>,
        budgets: Vec<usize>,
        is_short: bool,
        releases: bool,
        takes: bool,
    }

    fn ways() -> impl Strategy<Value = Ways> {
        let read = prop_oneof![4 => 1..9_usize, 2 => 1..300_usize, 2 => Just(usize::MAX)];
        let budget = prop_oneof![2 => Just(usize::MAX), 1 => 1..300_usize];
        (many(read, 1..5), many(budget, 1..4), any::<[bool; 3]>()).prop_map(
            |(reads, budgets, [is_short, releases, takes])| Ways {
                reads,
                budgets,
                is_short,
                releases,
                takes,
            },
        )
    }

    /// Takes everything out of a receiver.
    fn drain(
        receiver: &mut Receiver,
        ways: &Ways,
        budgets: &mut impl Iterator<Item = usize>,
        got: &mut Vec<Got>,
    ) -> Result<(), ConnectionError> {
        loop {
            if ways.is_short
                && let Some(Short { kind, payload }) = receiver.poll_short()?
            {
                got.push(Got::Message(
                    kind,
                    own(receiver, Source::Input(payload), kind, ways.takes),
                ));
                continue;
            }
            let mut budget = budgets.next().unwrap();
            let given = budget;
            match receiver.poll(&mut budget)? {
                None => break,
                Some(Received::Paused) => {
                    assert!(budget == 0 && given < usize::MAX, "{given} {budget}");
                    continue;
                }
                Some(Received::Chunk { .. }) => panic!("a chunk"),
                Some(Received::Close(range)) => {
                    got.push(Got::Close(receiver.bytes(range).to_vec()))
                }
                Some(Received::Ping(range)) => got.push(Got::Ping(receiver.bytes(range).to_vec())),
                Some(Received::Pong(range)) => {
                    got.push(Got::Pong(receiver.lend_range(range).into_bytes().to_vec()));
                }
                Some(Received::Message(kind, source)) => {
                    got.push(Got::Message(kind, own(receiver, source, kind, ways.takes)));
                }
            }
        }
        // Nothing new, nothing to do.
        assert!(receiver.poll_short()?.is_none());
        assert!(receiver.poll(&mut 1)?.is_none());
        Ok(())
    }

    fn own(receiver: &mut Receiver, source: Source, kind: MessageKind, takes: bool) -> Vec<u8> {
        let payload = receiver.lend(source);
        if kind == MessageKind::Text {
            assert!(core::str::from_utf8(&payload).is_ok());
            let text = Text::from_validated(payload);
            return if takes { (*text.into_utf8_bytes()).into() } else { (*text).into() };
        }
        if takes { payload.into_bytes().to_vec() } else { payload.to_vec() }
    }

    fn receive(
        sender: Role,
        limits: Limits,
        bytes: &[u8],
        ways: &Ways,
    ) -> (Vec<Got>, Option<ConnectionError>) {
        let mut receiver = Receiver::new(sender, limits);
        let mut got = Vec::new();
        let mut budgets = ways.budgets.iter().copied().cycle();
        let mut rest = bytes;
        for read in ways.reads.iter().cycle() {
            let (read, behind) = rest.split_at(rest.len().min(*read));
            receiver.input().extend_from_slice(read);
            rest = behind;
            if let Err(error) = drain(&mut receiver, ways, &mut budgets, &mut got) {
                return (got, Some(error));
            }
            if ways.releases {
                receiver.release_to(&mut SpareBuffers::default());
            }
            if rest.is_empty() {
                break;
            }
        }
        (got, None)
    }

    fn payload() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            3 => ".{0,9}".prop_map(Vec::from),
            2 => many(any::<u8>(), 0..5),
            1 => (0..0x80_u8, 100..400_usize).prop_map(|(byte, len)| vec![byte; len]),
            1 => Just("aä€😀".as_bytes()[..9].to_vec()),
        ]
    }

    /// Frames that are legal for the most part.
    fn frames() -> impl Strategy<Value = Vec<Sent>> {
        let first = prop_oneof![
            6 => prop_oneof![Just((Opcode::Text, true)), Just((Opcode::Binary, true))],
            6 => prop_oneof![Just((Opcode::Text, false)), Just((Opcode::Binary, false))],
            18 => prop_oneof![Just((Opcode::Continuation, false)), Just((Opcode::Continuation, true))],
            6 => prop_oneof![Just((Opcode::Ping, true)), Just((Opcode::Pong, true))],
            1 => Just((Opcode::Close, true)),
        ];
        let rsv = prop_oneof![30 => Just(0_u8), 1 => Just(0x20)];
        let frame = (first, rsv, payload(), any::<Index>());
        many(frame, 0..12).prop_map(|frames| {
            let mut is_within = false;
            frames
                .into_iter()
                .map(|((mut opcode, fin), rsv, mut payload, index)| {
                    // Most of what is out of order is put right.
                    if index.index(16) > 0 && !opcode.is_control() {
                        if is_within {
                            opcode = Opcode::Continuation;
                        } else if opcode == Opcode::Continuation {
                            opcode = if fin { Opcode::Text } else { Opcode::Binary };
                        }
                    }
                    if opcode.is_control() {
                        payload.truncate(125);
                    } else {
                        is_within = !fin;
                    }
                    Sent { opcode, fin, rsv, payload }
                })
                .collect()
        })
    }

    fn limits() -> impl Strategy<Value = Limits> {
        let size = || prop_oneof![2 => Just(1_u64 << 20), 1 => 0..500_u64];
        let fragments = prop_oneof![2 => Just(100_u32), 1 => 0..4_u32];
        (size(), size(), fragments).prop_map(|(max_message_size, max_frame_size, max_fragments)| {
            Limits { max_message_size, max_frame_size, max_fragments, chunks: false }
        })
    }

    #[test]
    fn a_receiver_is_small() {
        assert!(size_of::<Receiver>() <= 232, "{}", size_of::<Receiver>());
    }

    #[test]
    #[cfg_attr(miri, ignore = "so many MiB take minutes")]
    fn a_message_stays_in_the_input_up_to_a_mib_and_is_the_same_beyond() {
        let fragment =
            |opcode, fin, len: usize| Sent { opcode, fin, rsv: 0, payload: vec![b'x'; len] };
        for opcode in [Opcode::Binary, Opcode::Text] {
            for lens in [[600_000, 400_000, 48_576], [600_000, 448_576, 1], [1, 1_048_575, 1]] {
                let [first, second, last] = lens;
                let frames = [
                    fragment(opcode, false, first),
                    fragment(Opcode::Ping, true, 3),
                    fragment(Opcode::Continuation, false, second),
                    fragment(Opcode::Continuation, true, last),
                ];
                let key = Some([7, 8, 9, 10]);
                let bytes = wire(&frames, key);
                let expected = oracle(&frames, &LIMITS);
                for read in [1_460, 70_000, usize::MAX] {
                    for budget in [10_000, usize::MAX] {
                        let ways = Ways {
                            reads: vec![read],
                            budgets: vec![budget],
                            is_short: true,
                            releases: false,
                            takes: true,
                        };
                        assert!(receive(Role::Client, LIMITS, &bytes, &ways) == expected);
                    }
                }
            }
        }
    }

    #[test]
    fn a_budget_ends_in_the_middle_of_a_message_and_the_next_goes_on() {
        let message = Sent { opcode: Opcode::Binary, fin: true, rsv: 0, payload: vec![7; 100_000] };
        let bytes = wire(&[message], None);
        let mut receiver = Receiver::new(Role::Server, LIMITS);
        receiver.input().extend_from_slice(&bytes);
        for _ in 0..9 {
            let mut budget = 10_000;
            assert!(matches!(receiver.poll(&mut budget), Ok(Some(Received::Paused))));
            assert_eq!(budget, 0);
        }
        let mut budget = 150_000;
        let polled = receiver.poll(&mut budget);
        assert!(matches!(
            polled,
            Ok(Some(Received::Message(MessageKind::Binary, Source::Input(_))))
        ));
        // What is processed counts, and what is delivered.
        assert_eq!(budget, 40_000);
    }

    #[cfg(feature = "deflate")]
    #[test]
    #[cfg_attr(miri, ignore = "so many MiB take minutes")]
    fn a_bomb_is_inflated_a_part_at_a_time() {
        use crate::extension::{Deflate, DeflateConfig, Deflater};

        let config = DeflateConfig::default();
        let (agreed, _) = Deflate::accept(&config, &[Deflate::offer(&config)]).unwrap();
        let message = vec![0; 12 << 20];
        let mut compressed = Deflater::new(agreed).message(&message).unwrap();
        // Final blocks, each of which costs a window.
        let tail = b"\x03\x00".repeat(100);
        compressed.splice(0..0, tail);
        for chunks in [false, true] {
            for (opcode, budget) in [(Opcode::Binary, 1), (Opcode::Text, 1 << 20)] {
                let sent = Sent { opcode, fin: true, rsv: RSV1, payload: compressed.clone() };
                let limits = Limits { chunks, max_message_size: 12 << 20, ..LIMITS };
                let mut receiver = Receiver::new(Role::Server, limits);
                receiver.set_deflate(agreed);
                receiver.input().extend_from_slice(&wire(&[sent], None));
                let (mut got, mut pauses) = (Vec::new(), 0);
                while let Some(received) = receiver.poll(&mut budget.clone()).unwrap() {
                    match received {
                        Received::Paused => pauses += 1,
                        Received::Chunk { source, .. } | Received::Message(_, source) => {
                            got.extend_from_slice(&receiver.lend(source));
                        }
                        Received::Close(_) | Received::Ping(_) | Received::Pong(_) => panic!(),
                    }
                }
                assert!(got == message);
                // A pause, or a chunk, for each part.
                let parts =
                    compressed.len() / if budget == 1 { 1 } else { frames::COMPRESSED_PART };
                assert!(chunks || pauses + 1 >= parts, "{pauses} for {parts}");
            }
        }
    }

    #[test]
    fn a_frame_that_says_nothing_before_it_is_whole_is_waited_for() {
        let message = Sent { opcode: Opcode::Binary, fin: true, rsv: 0, payload: vec![1; 900] };
        let first = Sent { fin: false, ..message.clone() };
        let last = Sent { opcode: Opcode::Continuation, ..message.clone() };
        for (before, frame) in [(vec![], message), (vec![first], last)] {
            for key in [None, Some([1, 2, 3, 4])] {
                let sender = if key.is_some() { Role::Client } else { Role::Server };
                let mut receiver = Receiver::new(sender, LIMITS);
                receiver.input().extend_from_slice(&wire(&before, key));
                assert!(receiver.poll(&mut 10_000).unwrap().is_none());
                let bytes = wire(core::slice::from_ref(&frame), key);
                let (end, rest) = bytes.split_last().unwrap();
                let before_it = receiver.arriving().map_or(0, |arriving| arriving.arrived);
                let (begin, rest) = rest.split_at(300);
                receiver.input().extend_from_slice(begin);
                assert!(!receiver.is_waiting());
                assert!(receiver.poll(&mut 10_000).unwrap().is_none());
                for piece in rest.chunks(100) {
                    assert!(receiver.is_waiting());
                    receiver.input().extend_from_slice(piece);
                    assert!(receiver.is_waiting());
                    assert!(receiver.poll(&mut 10_000).unwrap().is_none());
                }
                // As much has arrived of it as was appended.
                let now = receiver.arriving().unwrap().arrived;
                assert_eq!(now - before_it, (bytes.len() - 1) as u64);
                receiver.input().extend_from_slice(&[*end]);
                let Ok(Some(Received::Message(_, source))) = receiver.poll(&mut 10_000) else {
                    panic!("no message")
                };
                assert_eq!(receiver.lend(source).len(), 900 * (before.len() + 1));
                assert!(receiver.poll(&mut 10_000).unwrap().is_none() && receiver.is_waiting());
            }
        }
    }

    #[test]
    fn what_is_released_is_all_but_what_waits() {
        let mut receiver = Receiver::new(Role::Server, LIMITS);
        receiver.prepared_input(1 << 20);
        let begun = Sent { opcode: Opcode::Text, fin: false, rsv: 0, payload: b"kept".to_vec() };
        receiver.input().extend_from_slice(&wire(&[begun], None));
        assert!(receiver.poll(&mut 100).unwrap().is_none());
        assert!(receiver.arriving().is_some());
        receiver.release_to(&mut SpareBuffers::default());
        assert_eq!(receiver.input.range(receiver.input.kept()), b"kept");
        receiver.input().extend_from_slice(b"\x80\x01!");
        let Ok(Some(Received::Message(_, source))) = receiver.poll(&mut 100) else { panic!() };
        assert_eq!(&*receiver.lend(source), b"kept!");
        assert!(receiver.arriving().is_none());
    }

    #[test]
    fn what_is_forgotten_is_no_beginning_of_a_text() {
        let mut receiver = Receiver::new(Role::Server, LIMITS);
        receiver.input().extend_from_slice(b"\x01\x01\xc3\x80\x02\xa4");
        assert!(receiver.poll(&mut 100).unwrap().is_none());
        receiver.clear();
        receiver.input().extend_from_slice(b"\xa4\xa4\x80\x01\xa4");
        while let Ok(Some(received)) = receiver.poll(&mut usize::MAX.clone()) {
            if let Received::Message(MessageKind::Text, source) = received {
                assert!(core::str::from_utf8(&receiver.lend(source)).is_ok());
            }
        }
    }

    #[test]
    fn what_was_refused_is_no_text_whatever_is_asked_later() {
        for last in [b"\x80\x00".as_slice(), b"\x80\x02\xa4\xa4"] {
            for fault in
                [b"\x00\x02\xa4\xff".as_slice(), b"\x00\x01\xa4\x00\x01\xff", b"\x80\x02\xa4\xff"]
            {
                for reads in [vec![fault], vec![&fault[..3], &fault[3..]]] {
                    let mut receiver = Receiver::new(Role::Server, LIMITS);
                    receiver.input().extend_from_slice(b"\x01\x01\xc3");
                    assert!(receiver.poll(&mut 100).unwrap().is_none());
                    let mut refused = false;
                    for read in reads.into_iter().chain([last, last]) {
                        receiver.input().extend_from_slice(read);
                        for _ in 0..5 {
                            match receiver.poll(&mut 1_000) {
                                Ok(Some(Received::Message(MessageKind::Text, source))) => {
                                    assert!(core::str::from_utf8(&receiver.lend(source)).is_ok());
                                }
                                polled => refused |= polled.is_err(),
                            }
                        }
                    }
                    assert!(refused);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(effort::cases(600))]

        #[test]
        fn any_frames_in_any_pieces_are_what_the_oracle_says(
            frames in frames(),
            limits in limits(),
            key in any::<Option<[u8; 4]>>(),
            ways in ways(),
        ) {
            let sender = if key.is_some() { Role::Client } else { Role::Server };
            let bytes = wire(&frames, key);
            let expected = oracle(&frames, &limits);
            prop_assert_eq!(&receive(sender, limits, &bytes, &ways), &expected);
            let single = Ways { reads: vec![1], ..ways };
            prop_assert_eq!(&receive(sender, limits, &bytes, &single), &expected);
        }

        #[test]
        fn chunks_put_together_are_the_messages(
            frames in frames(),
            limits in limits(),
            key in any::<Option<[u8; 4]>>(),
            reads in many(1..60_usize, 1..9),
            budgets in many(1..200_usize, 1..9),
        ) {
            let sender = if key.is_some() { Role::Client } else { Role::Server };
            let (expected, fault) = oracle(&frames, &limits);
            let mut receiver =
                Receiver::new(sender, Limits { chunks: true, ..limits });
            let bytes = wire(&frames, key);
            let mut budgets = budgets.into_iter().cycle();
            let (mut got, mut begun, mut found) = (Vec::new(), Vec::new(), None);
            let mut rest = &bytes[..];
            'reads: for read in reads.into_iter().cycle() {
                let (read, behind) = rest.split_at(rest.len().min(read));
                receiver.input().extend_from_slice(read);
                rest = behind;
                loop {
                    match receiver.poll(&mut budgets.next().unwrap()) {
                        Ok(None) => break,
                        Ok(Some(Received::Chunk { kind, is_first, is_last, source })) => {
                            prop_assert_eq!(is_first, begun.is_empty());
                            begun.push(receiver.lend(source).to_vec());
                            if is_last {
                                got.push(Got::Message(kind, begun.concat()));
                                begun.clear();
                            }
                        }
                        Ok(Some(Received::Close(range))) => {
                            got.push(Got::Close(receiver.bytes(range).to_vec()));
                        }
                        Ok(Some(Received::Ping(range))) => {
                            got.push(Got::Ping(receiver.bytes(range).to_vec()));
                        }
                        Ok(Some(Received::Pong(range))) => {
                            got.push(Got::Pong(receiver.bytes(range).to_vec()));
                        }
                        Ok(Some(Received::Message(..))) => prop_assert!(false),
                        Ok(Some(Received::Paused)) => {}
                        Err(error) => {
                            found = Some(error);
                            break 'reads;
                        }
                    }
                }
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, fault);
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn no_bytes_and_no_order_of_calls_panic_or_lend_what_is_no_text(
            steps in many((0..8_u8, many(prop_oneof![
                Just(0x81_u8), Just(0x80), Just(0x01), Just(0x00), Just(0x02), 0..9_u8, any::<u8>(),
            ], 0..20)), 0..40),
            is_masked in any::<bool>(),
            chunks in any::<bool>(),
        ) {
            let sender = if is_masked { Role::Client } else { Role::Server };
            let mut receiver =
                Receiver::new(sender, Limits { chunks, ..LIMITS });
            for (step, bytes) in steps {
                let polled = match step {
                    0 => {
                        receiver.clear();
                        continue;
                    }
                    1 => {
                        receiver.release_to(&mut SpareBuffers::default());
                        continue;
                    }
                    2 | 3 => receiver.poll_short().map(|short| {
                        short.map(|Short { kind, payload }| {
                            Received::Message(kind, Source::Input(payload))
                        })
                    }),
                    4 => receiver.poll(&mut bytes.len()),
                    5 => receiver.poll(&mut usize::MAX.clone()),
                    _ => {
                        receiver.input().extend_from_slice(&bytes);
                        continue;
                    }
                };
                if let Ok(Some(Received::Message(kind, source))) = polled {
                    let payload = receiver.lend(source);
                    prop_assert!(
                        kind == MessageKind::Binary || core::str::from_utf8(&payload).is_ok()
                    );
                }
            }
        }
    }
}
