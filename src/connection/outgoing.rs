//! Commands to frames (§5.4, §5.5, §6.1); decides what leaves in which order, not whether the
//! connection is open.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::fmt;
use core::num::NonZeroUsize;

use bytes::Bytes;

use super::config::Config;
use super::masks::Masks;
use crate::buffer::TransmitBuf;
use crate::close::CloseCode;
use crate::error::SendError;
use crate::frame::{Header, MAX_CONTROL_LEN, Opcode, mask};
use crate::message::{Message, MessageKind};
use crate::utf8::Utf8Validator;

/// Everything that waits to be written, and the frames that come from it.
///
/// ```text
/// messages ──▶ queue (only while fragmenting) ──▶ output ──▶ the transport
/// control frames ─────────────────────────────────▲
/// ```
#[derive(Debug)]
pub(super) struct Outgoing {
    output: TransmitBuf,
    /// A client's; a server has none and never masks.
    masks: Option<Box<Masks>>,
    max_buffered: usize,
    fragment_size: Option<NonZeroUsize>,
    /// The message that is being sent in parts.
    part: Option<Part>,
    waiting: Option<Box<Waiting>>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    kind: MessageKind,
    /// Whether a frame of it has left.
    begun: bool,
    utf8: Utf8Validator,
}

/// What cannot go to the output yet.
#[derive(Debug, Default)]
struct Waiting {
    /// Messages behind one that is being fragmented.
    queue: VecDeque<Queued>,
    /// Payload bytes in the queue.
    queued: usize,
    /// The payload of the newest Ping, when Pongs pile up.
    pong: Option<Bytes>,
    /// The body of a Close that must leave behind the queue.
    close: Option<Bytes>,
}

/// A frame or message, of which fragments are taken from the front.
#[derive(Debug)]
struct Queued {
    /// Of the next fragment.
    opcode: Opcode,
    /// Of the last fragment.
    fin: bool,
    payload: Bytes,
}

/// A payload on its way out.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Borrowed(&'a [u8]),
    Owned(&'a Bytes),
}

/// A message that was refused, and why; nothing was sent of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Why.
    pub error: SendError,
    /// The message, as it was given.
    pub message: Message,
}

impl Outgoing {
    /// Continues an output in which a handshake may have left bytes.
    pub(super) fn new(config: &Config, masks: Option<Box<Masks>>, output: TransmitBuf) -> Self {
        Self {
            output,
            masks,
            max_buffered: config.max_buffered,
            fragment_size: config.fragment_size,
            part: None,
            waiting: None,
        }
    }

    /// Sends a whole message.
    #[inline]
    pub(super) fn message(
        &mut self,
        kind: MessageKind,
        payload: Source<'_>,
    ) -> Result<(), SendError> {
        if self.part.is_some() {
            return Err(SendError::MessageInProgress);
        }
        self.check_room(payload.len())?;
        self.data(kind.opcode(), true, payload);
        Ok(())
    }

    pub(super) fn begin(&mut self, kind: MessageKind) -> Result<(), SendError> {
        if self.part.is_some() {
            return Err(SendError::MessageInProgress);
        }
        // Messages without payload have headers.
        self.check_room(0)?;
        self.part = Some(Part { kind, begun: false, utf8: Utf8Validator::new() });
        Ok(())
    }

    pub(super) fn chunk(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let mut part = self.part.ok_or(SendError::NoMessageInProgress)?;
        self.check_room(payload.len())?;
        if part.kind == MessageKind::Text {
            part.utf8.push(payload).map_err(|_| SendError::InvalidUtf8)?;
        }
        if payload.is_empty() {
            return Ok(());
        }
        let opcode = part.next_opcode();
        part.begun = true;
        self.part = Some(part);
        self.data(opcode, false, Source::Borrowed(payload));
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), SendError> {
        let part = self.part.ok_or(SendError::NoMessageInProgress)?;
        if !part.utf8.is_complete() {
            return Err(SendError::InvalidUtf8);
        }
        self.part = None;
        self.data(part.next_opcode(), true, Source::Borrowed(&[]));
        Ok(())
    }

    /// Sends a Ping or Pong that the application asked for.
    pub(super) fn control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > MAX_CONTROL_LEN {
            return Err(SendError::ControlTooLong { len: payload.len() });
        }
        self.check_room(payload.len())?;
        self.frame(opcode, true, Source::Borrowed(payload));
        Ok(())
    }

    /// Answers a Ping: at once while little waits, else when the output has been written, and then
    /// only the newest one.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        // §5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in
        // response to previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only
        // the most recently processed Ping frame."
        let one_waits = self.waiting.as_ref().is_some_and(|waiting| waiting.pong.is_some());
        if self.output.len() < PONG_ROOM && !one_waits {
            self.frame(Opcode::Pong, true, Source::Borrowed(payload));
        } else {
            self.waiting.get_or_insert_default().pong = Some(Bytes::copy_from_slice(payload));
        }
    }

    /// Sends a Close, behind all messages that were sent before it.
    pub(super) fn close(&mut self, body: &[u8]) {
        self.part = None;
        match &mut self.waiting {
            Some(waiting) if !waiting.queue.is_empty() => {
                waiting.close = Some(Bytes::copy_from_slice(body));
            }
            _ => self.frame(Opcode::Close, true, Source::Borrowed(body)),
        }
    }

    /// Sends a Close at once, drops what has not been framed of messages, and returns how many
    /// bytes of payload that was.
    pub(super) fn close_now(&mut self, body: &[u8]) -> usize {
        let dropped = self.queued();
        self.waiting = None;
        self.close(body);
        dropped
    }

    /// Brings the output up to date and returns it.
    pub(super) fn output(&mut self) -> &mut TransmitBuf {
        if self.waiting.is_some() {
            self.move_waiting();
        }
        &mut self.output
    }

    /// Gives memory back that is not in use.
    pub(super) fn release(&mut self) {
        self.output.release();
        if self.is_empty() {
            self.waiting = None;
        }
    }

    /// Returns whether nothing waits to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.output.is_empty() && self.waiting.as_ref().is_none_or(|waiting| waiting.is_empty())
    }

    /// Returns the payload bytes of messages that wait.
    pub(super) fn buffered_amount(&self) -> usize {
        self.output.noted_payload() + self.queued()
    }

    fn queued(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.queued)
    }

    #[inline]
    fn check_room(&self, len: usize) -> Result<(), SendError> {
        let queued = self.output.len() + self.queued();
        let limit = self.max_buffered;
        if queued > 0 && queued.saturating_add(len) > limit {
            return Err(SendError::Full { queued, limit });
        }
        Ok(())
    }

    /// Sends data as one frame, or puts it in the queue to be fragmented.
    #[inline]
    fn data(&mut self, opcode: Opcode, fin: bool, payload: Source<'_>) {
        let len = payload.len();
        let fragments = self.fragment_size.is_some_and(|size| len > size.get());
        let behind = self.waiting.as_ref().is_some_and(|waiting| !waiting.queue.is_empty());
        if fragments || behind {
            return self.queue(opcode, fin, payload);
        }
        let before = self.output.len();
        self.frame(opcode, fin, payload);
        self.output.note_payload(before, len);
    }

    #[cold]
    fn queue(&mut self, opcode: Opcode, fin: bool, payload: Source<'_>) {
        let payload = match payload {
            Source::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Source::Owned(bytes) => bytes.clone(),
        };
        let waiting = self.waiting.get_or_insert_default();
        waiting.queued += payload.len();
        waiting.queue.push_back(Queued { opcode, fin, payload });
        self.move_waiting();
    }

    /// Moves what waits to the output as far as there is room.
    fn move_waiting(&mut self) {
        while self.output.len() < self.fragment_size.map_or(PONG_ROOM, NonZeroUsize::get) {
            let Some(waiting) = &mut self.waiting else { return };
            if let Some(payload) = waiting.pong.take() {
                self.frame(Opcode::Pong, true, Source::Borrowed(&payload));
            } else if let Some(queued) = waiting.queue.front_mut() {
                let size = self.fragment_size.map_or(usize::MAX, NonZeroUsize::get);
                let payload = queued.payload.split_to(size.min(queued.payload.len()));
                let opcode = core::mem::replace(&mut queued.opcode, Opcode::Continuation);
                let is_last = queued.payload.is_empty();
                let fin = queued.fin && is_last;
                waiting.queued -= payload.len();
                if is_last {
                    waiting.queue.pop_front();
                }
                let before = self.output.len();
                self.frame(opcode, fin, Source::Owned(&payload));
                self.output.note_payload(before, payload.len());
            } else if let Some(body) = waiting.close.take() {
                self.frame(Opcode::Close, true, Source::Borrowed(&body));
            } else {
                return;
            }
        }
    }

    #[inline]
    fn frame(&mut self, opcode: Opcode, fin: bool, payload: Source<'_>) {
        let bytes = payload.as_slice();
        let key = self.masks.as_mut().map(|masks| masks.next());
        let header =
            Header { fin, rsv: 0, opcode, mask: key, payload_len: bytes.len() as u64 }.encode();
        match (key, payload) {
            (Some(key), _) => self.output.append_with(|output| {
                output.extend_from_slice(&header);
                mask::append(output, bytes, key);
            }),
            (None, Source::Owned(shared)) if shared.len() >= SPLICE_FROM => {
                self.output.extend_from_slice(&header);
                self.output.splice(shared.clone());
            }
            (None, _) => self.output.append_with(|output| {
                output.extend_from_slice(&header);
                output.extend_from_slice(bytes);
            }),
        }
    }
}

impl Part {
    const fn next_opcode(&self) -> Opcode {
        if self.begun { Opcode::Continuation } else { self.kind.opcode() }
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.pong.is_none() && self.close.is_none()
    }
}

impl<'a> Source<'a> {
    #[inline]
    pub(super) fn len(self) -> usize {
        self.as_slice().len()
    }

    #[inline]
    fn as_slice(self) -> &'a [u8] {
        match self {
            Source::Borrowed(bytes) => bytes,
            Source::Owned(bytes) => bytes,
        }
    }
}

impl From<Refused> for SendError {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for Refused {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Returns the body of a Close frame (§5.5.1), the code in network byte order and then the reason,
/// and its length. `reason` is at most 123 bytes.
pub(super) fn close_body(code: CloseCode, reason: &str) -> ([u8; MAX_CONTROL_LEN], usize) {
    let mut body = [0; MAX_CONTROL_LEN];
    let (head, tail) = body.split_at_mut(2);
    head.copy_from_slice(&code.as_u16().to_be_bytes());
    for (slot, byte) in tail.iter_mut().zip(reason.bytes()) {
        *slot = byte;
    }
    (body, MAX_CONTROL_LEN.min(2 + reason.len()))
}

/// Pongs are queued behind one another until the output has this many bytes.
const PONG_ROOM: usize = 16 << 10;

/// A server's payload of this size and more is kept by reference rather than copied.
const SPLICE_FROM: usize = 4096;
