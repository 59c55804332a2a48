//! Commands to frames (§5.4, §5.5, §6.1); decides what leaves in which order, not whether the
//! connection is open.

mod accounting;
mod allowed;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroUsize;

use bytes::Bytes;

use super::backlog::{Backlog, Loose, Queued};
use super::config::{Config, WhenFull};
use super::framing::{Compress, Flags, SPLICE_FROM, Source};
use super::masking_keys::MaskingKeys;
use super::water_marks::WaterMarks;
use crate::buffer::{SpareBuffers, TransmitBuf};
use crate::error::SendError;
use crate::extension::Deflater;
use crate::frame::{MAX_CONTROL_LEN, Opcode, RSV1};
use crate::message::{Framed, MessageKind, Prepared};
use crate::utf8::Utf8Validator;
#[cfg(feature = "split")]
pub(crate) use accounting::Mark;

/// Everything that waits to be written, and the frames that come from it.
///
/// ```text
/// messages ──▶ loose (only if the oldest may be dropped) ──▶ queue (only while fragmenting)
///                                                                │
/// control frames ──────────────────────────────────────────▶ output ──▶ the transport
/// ```
#[derive(Debug)]
pub(super) struct Output {
    output: TransmitBuf,
    /// A client's; a server has none and never keys.
    keys: Option<Box<MaskingKeys>>,
    marks: WaterMarks,
    fragment_size: Option<NonZeroUsize>,
    /// Where permessage-deflate was negotiated.
    deflater: Option<Box<Deflater>>,
    /// The message that is being sent in parts.
    part: Option<Part>,
    backlog: Option<Box<Backlog>>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    kind: MessageKind,
    /// Whether a frame of it has left.
    begun: bool,
    compressed: bool,
    utf8: Utf8Validator,
}

impl Output {
    pub(super) fn new(config: &Config, keys: Option<Box<MaskingKeys>>) -> Self {
        let drops_oldest = config.when_full == WhenFull::DropOldest;
        Self {
            output: TransmitBuf::new(),
            keys,
            marks: WaterMarks::new(config),
            fragment_size: config.fragment_size,
            deflater: None,
            part: None,
            // What has one never sends the short way.
            backlog: drops_oldest.then(|| Box::new(Backlog::dropping_oldest())),
        }
    }

    /// Begins with what a handshake has left to be written; nothing was sent before.
    pub(super) fn begin_with(&mut self, output: TransmitBuf) {
        self.output = output;
    }

    /// Compresses messages from now on.
    #[cfg(feature = "deflate")]
    pub(super) fn set_deflater(&mut self, deflater: Deflater) {
        self.deflater = Some(Box::new(deflater));
    }

    /// Sends a whole message if nothing is in the way and there is room; returns whether it did.
    #[inline]
    pub(super) fn short_message(&mut self, kind: MessageKind, payload: Source<'_>) -> bool {
        let before = self.output.len();
        let is_short = self.is_clear() && self.marks.has_room(before);
        if is_short {
            let flags = Flags { opcode: kind.opcode(), rsv: 0, fin: true };
            let amount = payload.len();
            self.put_frame(flags, payload, amount);
            self.marks.note_added(before, self.output.len());
        }
        is_short
    }

    /// Sends a whole message, whatever else is being sent.
    pub(super) fn message(
        &mut self,
        kind: MessageKind,
        payload: Source<'_>,
        compress: Compress,
    ) -> Result<(), SendError> {
        if self.part.is_some() {
            return Err(SendError::MessageInProgress);
        }
        self.check_room()?;
        let waiting = self.waiting_len();
        if self.is_held_back() {
            self.hold_back(Loose::Message(kind, payload.into_shared(), compress));
        } else {
            self.put_message(kind, payload, compress)?;
        }
        self.note_queued(waiting);
        Ok(())
    }

    fn put_message(
        &mut self,
        kind: MessageKind,
        payload: Source<'_>,
        compress: Compress,
    ) -> Result<(), SendError> {
        let flags = Flags { opcode: kind.opcode(), rsv: 0, fin: true };
        if compress == Compress::Auto
            && let Some(deflater) = &mut self.deflater
            && deflater.wants(payload.len())
        {
            let compressed = deflater.message(payload.as_slice())?;
            self.compressed(Flags { rsv: RSV1, ..flags }, compressed, payload.len());
        } else {
            let amount = payload.len();
            self.data(flags, payload, amount);
        }
        Ok(())
    }

    /// Sends a whole message that was framed before.
    pub(super) fn prepared(&mut self, prepared: &Prepared) -> Result<(), SendError> {
        let before = self.output.len();
        if self.is_clear() && self.keys.is_none() && self.marks.has_room(before) {
            self.put_framed(prepared.plain(), prepared.len());
            self.marks.note_added(before, self.output.len());
            return Ok(());
        }
        if self.part.is_some() {
            return Err(SendError::MessageInProgress);
        }
        self.check_room()?;
        let waiting = self.waiting_len();
        if self.is_held_back() {
            self.hold_back(Loose::Prepared(prepared.clone()));
        } else {
            self.put_prepared(prepared);
        }
        self.note_queued(waiting);
        Ok(())
    }

    fn put_prepared(&mut self, prepared: &Prepared) {
        let mut framed = prepared.plain();
        if let Some(deflater) = &mut self.deflater
            && let Some(compressed) = prepared.compressed_within(deflater.window_bits())
        {
            deflater.note_passed();
            framed = compressed;
        }
        if self.keys.is_some() || self.is_queued(framed.payload().len()) {
            let flags = Flags { opcode: prepared.kind().opcode(), rsv: framed.rsv(), fin: true };
            self.data(flags, Source::Owned(&mut framed.shared_payload()), prepared.len());
        } else {
            self.put_framed(framed, prepared.len());
        }
    }

    /// Puts a frame to the output as it is, which carries `amount` bytes of a message.
    fn put_framed(&mut self, framed: &Framed, amount: usize) {
        let (before, bytes) = (self.output.len(), framed.as_shared());
        if bytes.len() >= SHARE_FROM {
            self.output.splice(bytes.clone());
        } else {
            self.output.extend_from_slice(bytes);
        }
        self.output.note_payload(before, amount);
    }

    /// Returns whether a message waits where it can be dropped for newer ones.
    fn is_held_back(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| {
            backlog.drops_oldest() && (backlog.has_messages() || self.output.len() >= self.room())
        })
    }

    fn hold_back(&mut self, message: Loose) {
        self.backlog().push_loose(message);
    }

    /// Sends a message for which there is no room in place of the oldest that can be dropped. Where
    /// none can, one more waits than may.
    #[cold]
    pub(super) fn replace_oldest(&mut self, message: Loose) {
        let waiting = self.waiting_len();
        while !self.has_room()
            && let Some(backlog) = &mut self.backlog
            && backlog.drop_oldest()
        {}
        self.hold_back(message);
        self.note_queued(waiting);
    }

    /// Frames what waits: behind it comes what is compressed in its turn.
    fn settle_loose(&mut self) {
        loop {
            let waiting = self.waiting_count();
            let Some(message) = self.backlog.as_mut().and_then(|backlog| backlog.next_loose())
            else {
                return;
            };
            self.put_loose(message);
            self.note_moved(waiting);
        }
    }

    fn put_loose(&mut self, message: Loose) {
        match message {
            Loose::Message(kind, mut payload, compress) => {
                let sent = self.put_message(kind, Source::Owned(&mut payload), compress);
                if sent.is_err() {
                    // Nobody waits for the answer, and it can leave as it is.
                    let _ = self.put_message(kind, Source::Owned(&mut payload), Compress::Never);
                }
            }
            Loose::Prepared(prepared) => self.put_prepared(&prepared),
        }
    }

    pub(super) fn begin(&mut self, kind: MessageKind, compress: Compress) -> Result<(), SendError> {
        if self.part.is_some() {
            return Err(SendError::MessageInProgress);
        }
        self.check_room()?;
        self.settle_loose();
        let compressed = compress == Compress::Auto
            && self.deflater.as_ref().is_some_and(|deflater| deflater.wants(usize::MAX));
        self.part = Some(Part { kind, begun: false, compressed, utf8: Utf8Validator::new() });
        Ok(())
    }

    pub(super) fn chunk(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let mut part = self.part.ok_or(SendError::NoMessageInProgress)?;
        self.check_room()?;
        if part.kind == MessageKind::Text {
            part.utf8.push(payload).map_err(|_| SendError::InvalidUtf8)?;
        }
        if payload.is_empty() {
            return Ok(());
        }
        let waiting = self.waiting_len();
        let flags = part.next_flags(false);
        part.begun = true;
        if part.compressed
            && let Some(deflater) = &mut self.deflater
        {
            let compressed = deflater.part(payload)?;
            self.compressed(flags, compressed, payload.len());
        } else {
            self.data(flags, Source::Borrowed(payload), payload.len());
        }
        self.note_queued(waiting);
        self.part = Some(part);
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), SendError> {
        let part = self.part.ok_or(SendError::NoMessageInProgress)?;
        if !part.utf8.is_complete() {
            return Err(SendError::InvalidUtf8);
        }
        self.part = None;
        let waiting = self.waiting_len();
        let flags = part.next_flags(true);
        if part.compressed
            && let Some(deflater) = &mut self.deflater
        {
            let compressed = deflater.finish();
            self.compressed(flags, compressed, 0);
        } else {
            self.data(flags, Source::Borrowed(&[]), 0);
        }
        self.note_queued(waiting);
        Ok(())
    }

    /// Sends a Ping or Pong that the application asked for.
    pub(super) fn control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > MAX_CONTROL_LEN {
            return Err(SendError::ControlTooLong { len: payload.len() });
        }
        self.check_room()?;
        self.put_control(opcode, payload);
        Ok(())
    }

    #[inline(always)]
    fn put_control(&mut self, opcode: Opcode, payload: &[u8]) {
        let waiting = self.waiting_len();
        self.frame(Flags::control(opcode), Source::Borrowed(payload));
        self.note_added(waiting);
    }

    /// Sends a Ping of at most 125 bytes, whatever waits: it is only one at a time.
    pub(super) fn heartbeat(&mut self, payload: &[u8]) {
        self.put_control(Opcode::Ping, payload);
    }

    /// Answers a Ping: at once while little waits, else when the output has been written, and then
    /// only the newest one.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        // §5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in
        // response to previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only
        // the most recently processed Ping frame."
        let one_waits = self.backlog.as_ref().is_some_and(|backlog| backlog.pong.is_some());
        if self.output.len() < PONG_ROOM && !one_waits {
            self.put_control(Opcode::Pong, payload);
        } else {
            self.backlog().pong = Some(Bytes::copy_from_slice(payload));
        }
    }

    /// Sends a Close, behind all messages that were sent before it.
    pub(super) fn close(&mut self, body: &[u8]) {
        self.part = None;
        self.settle_loose();
        // Nothing is compressed any more.
        self.deflater = None;
        match &mut self.backlog {
            Some(backlog) if backlog.has_messages() => {
                backlog.hold_close(Bytes::copy_from_slice(body));
            }
            _ => self.frame(Flags::control(Opcode::Close), Source::Borrowed(body)),
        }
    }

    /// Sends a Close at once, and discards what has not been framed of messages.
    pub(super) fn close_now(&mut self, body: &[u8]) {
        if let Some(backlog) = &mut self.backlog {
            backlog.discard();
        }
        self.close(body);
    }

    /// Brings the output up to date and returns it.
    #[inline]
    pub(super) fn output(&mut self) -> &mut TransmitBuf {
        if self.backlog.is_some() {
            self.move_backlog();
        }
        &mut self.output
    }

    /// Returns whether the buffer holds nothing. Something may wait for room in it.
    #[inline]
    pub(super) fn is_written(&self) -> bool {
        self.output.is_empty()
    }

    /// Goes on in memory of `spare`, if there is less here.
    pub(super) fn reuse(&mut self, spare: &mut SpareBuffers) {
        self.output.reuse(&mut spare.output);
    }

    /// Gives memory that is not in use to `spare`, or frees it.
    pub(super) fn release_to(&mut self, spare: &mut SpareBuffers) {
        self.output.release_to(&mut spare.output);
        if let Some(deflater) = &mut self.deflater {
            deflater.release();
        }
        if let Some(backlog) = &mut self.backlog {
            backlog.forget_ends(self.output.written());
        }
        self.backlog.take_if(|backlog| backlog.is_forgettable());
    }

    /// Sends data as one frame, or puts it in the queue to be fragmented.
    #[inline]
    fn data(&mut self, flags: Flags, payload: Source<'_>, amount: usize) {
        if self.is_queued(payload.len()) {
            return self.queue(flags, payload, amount);
        }
        self.put_frame(flags, payload, amount);
    }

    /// Puts a frame to the output that carries `amount` bytes of a message.
    #[inline]
    fn put_frame(&mut self, flags: Flags, payload: Source<'_>, amount: usize) {
        let before = self.output.len();
        self.frame(flags, payload);
        self.output.note_payload(before, amount);
    }

    /// Returns whether data of `len` bytes goes to the queue: to be fragmented, or behind what is.
    #[inline]
    fn is_queued(&self, len: usize) -> bool {
        self.fragment_size.is_some_and(|size| len > size.get())
            || self.backlog.as_ref().is_some_and(|backlog| backlog.has_frames())
    }

    /// Sends data that was compressed from `amount` bytes.
    fn compressed(&mut self, flags: Flags, payload: Vec<u8>, amount: usize) {
        if payload.len() >= SPLICE_FROM {
            return self.data(flags, Source::Owned(&mut payload.into()), amount);
        }
        self.data(flags, Source::Borrowed(&payload), amount);
        if let Some(deflater) = &mut self.deflater {
            deflater.reuse(payload);
        }
    }

    #[cold]
    fn queue(&mut self, flags: Flags, payload: Source<'_>, amount: usize) {
        let frame = Queued { flags, payload: payload.into_shared(), amount };
        self.backlog().push(frame);
    }

    /// Moves what waits to the output as far as there is room.
    fn move_backlog(&mut self) {
        let room = self.room();
        while self.output.len() < room {
            let waiting = self.waiting_count();
            let Some(backlog) = &mut self.backlog else { return };
            if let Some(payload) = backlog.pong.take() {
                self.frame(Flags::control(Opcode::Pong), Source::Borrowed(&payload));
            } else if let Some(mut fragment) = backlog.next_fragment(self.fragment_size) {
                let payload = Source::Owned(&mut fragment.payload);
                self.put_frame(fragment.flags, payload, fragment.amount);
            } else if let Some(message) = backlog.next_loose() {
                self.put_loose(message);
            } else if let Some(body) = backlog.next_close() {
                self.frame(Flags::control(Opcode::Close), Source::Borrowed(&body));
            } else {
                return;
            }
            self.note_moved(waiting);
        }
    }

    /// Returns how much of the output is filled from the backlog.
    fn room(&self) -> usize {
        // Not more than `PONG_ROOM`, or Pongs would pile up to the size of the fragments.
        let room = self.fragment_size.map_or(PONG_ROOM, |size| size.get().min(PONG_ROOM));
        // Most of what waits is to be where it can be dropped.
        let drops = self.backlog.as_ref().is_some_and(|backlog| backlog.drops_oldest());
        if drops { room.min(self.marks.high() / 4).max(1) } else { room }
    }

    #[inline]
    fn frame(&mut self, flags: Flags, payload: Source<'_>) {
        let key = self.keys.as_mut().map(|keys| keys.next());
        payload.put(flags, key, &mut self.output);
    }
}

impl Part {
    const fn next_flags(&self, fin: bool) -> Flags {
        match self {
            Self { begun: true, .. } => Flags { opcode: Opcode::Continuation, rsv: 0, fin },
            Self { kind, compressed: true, .. } => Flags { opcode: kind.opcode(), rsv: RSV1, fin },
            Self { kind, .. } => Flags { opcode: kind.opcode(), rsv: 0, fin },
        }
    }
}

/// Pongs are queued behind one another until the output has this many bytes.
const PONG_ROOM: usize = 16 << 10;

/// A prepared frame of this size and more is kept by reference rather than copied. It lies in the
/// cache and the many outputs do not, so a reference is worth its while earlier.
const SHARE_FROM: usize = 1024;
