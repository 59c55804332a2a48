//! The short way of nearly everything that arrives: a whole frame that is a message, or continues
//! one. Leaves all else as it is, to the general way, and knows nothing of what came before.

use core::ops::Range;

use super::progress::{Progress, Room};
use super::{Place, Receiver, STAYS_UP_TO, spend};
use crate::buffer::ReceiveBuf;
use crate::error::ConnectionError;
use crate::frame::{FIN, Opcode, Rest, mask};
use crate::message::MessageKind;
use crate::role::Role;
use crate::utf8::{is_multi_byte_utf8, is_utf8};

/// A validated message that is lent where it lies.
#[derive(Debug)]
pub(crate) struct Short {
    pub(crate) kind: MessageKind,
    pub(crate) payload: Range<usize>,
}

impl Receiver {
    /// Returns whether a fragment begins the input, of a message that stays there.
    #[inline]
    pub(super) fn may_join(&self) -> bool {
        begins_fragment(self.input.unread(), self.frames.sender())
            && !self.chunks
            && !self.frames.is_within()
            && (self.place == Place::Input || !self.message.is_within())
    }

    /// Returns how much the message may grow by fragments that stay in the input.
    #[inline]
    pub(super) fn room_for_fragments(&self) -> Room {
        let mut room = self.message.room();
        let stays = STAYS_UP_TO.saturating_sub(self.message.announced());
        room.bytes = room.bytes.min(stays).min(self.frames.max_frame_size());
        room
    }

    /// Joins the fragments that lie whole at the front of the input; returns whether the message is
    /// whole.
    #[inline(always)]
    pub(super) fn join_fragments(&mut self, budget: &mut usize) -> Result<bool, ConnectionError> {
        let announced = self.message.announced();
        let mut room = self.room_for_fragments();
        room.bytes = room.bytes.min(*budget as u64);
        let sender = self.frames.sender();
        let is_whole = join(&mut self.input, &mut self.message, sender, room)?;
        // Also where none was whole: a fragment begins the input, which goes the same way.
        let joined = self.message.announced().saturating_sub(announced);
        spend(budget, usize::try_from(joined).unwrap_or(usize::MAX));
        self.place = Place::Input;
        self.short_below = if is_whole { self.short_limit } else { 0 };
        Ok(is_whole)
    }
}

/// Takes a message of less than `below` bytes, unmasks it, and validates it if it is text.
#[inline(always)]
pub(super) fn take(
    input: &mut ReceiveBuf,
    sender: Role,
    below: u16,
) -> Result<Option<Short>, ConnectionError> {
    // Ways that do not meet again are shorter than one.
    match (input.unread().first(), sender) {
        (Some(&BINARY_MESSAGE), Role::Client) => {
            take_as(MessageKind::Binary, input, Role::Client, below)
        }
        (Some(&BINARY_MESSAGE), Role::Server) => {
            take_as(MessageKind::Binary, input, Role::Server, below)
        }
        (Some(&TEXT_MESSAGE), Role::Client) => {
            take_as(MessageKind::Text, input, Role::Client, below)
        }
        (Some(&TEXT_MESSAGE), Role::Server) => {
            take_as(MessageKind::Text, input, Role::Server, below)
        }
        _ => Ok(None),
    }
}

#[inline(always)]
fn take_as(
    kind: MessageKind,
    input: &mut ReceiveBuf,
    sender: Role,
    below: u16,
) -> Result<Option<Short>, ConnectionError> {
    let Some(rest) = Rest::parse(input.unread(), sender) else { return Ok(None) };
    if rest.payload_len >= u64::from(below) {
        return Ok(None);
    }
    let Some((positions, header, payload)) = consume(input, rest) else { return Ok(None) };
    let is_valid = match (sender, kind) {
        (Role::Client, MessageKind::Binary) => {
            mask::apply(payload, Rest::key(header), 0);
            true
        }
        (Role::Client, MessageKind::Text) => {
            mask::apply_to_text(payload, Rest::key(header), 0) || is_multi_byte_utf8(payload)
        }
        (Role::Server, MessageKind::Binary) => true,
        (Role::Server, MessageKind::Text) => is_utf8(payload),
    };
    if is_valid {
        Ok(Some(Short { kind, payload: positions }))
    } else {
        Err(ConnectionError::InvalidUtf8)
    }
}

/// Consumes a frame, if it is whole; returns the positions of its payload, its header, and its
/// payload.
#[inline(always)]
fn consume(input: &mut ReceiveBuf, rest: Rest) -> Option<(Range<usize>, &[u8], &mut [u8])> {
    let Rest { start, payload_len } = rest;
    let len = start.checked_add(usize::try_from(payload_len).ok()?)?;
    let (positions, frame) = input.consume_mut(len)?;
    let (header, payload) = frame.split_at_mut_checked(start)?;
    Some((positions.start + start..positions.end, header, payload))
}

/// Takes fragments that lie whole at the front, up to the end of the message or of `room`, and keeps
/// what is in them in the input; returns whether the message is whole.
fn join(
    input: &mut ReceiveBuf,
    message: &mut Progress,
    sender: Role,
    room: Room,
) -> Result<bool, ConnectionError> {
    match sender {
        Role::Client => join_masked(input, message, room),
        Role::Server => join_unmasked(input, message, room),
    }
}

// Apart from each other and from all else, each has registers enough for its loop.

#[inline(never)]
fn join_masked(
    input: &mut ReceiveBuf,
    message: &mut Progress,
    room: Room,
) -> Result<bool, ConnectionError> {
    join_from(input, message, Role::Client, room)
}

#[inline(never)]
fn join_unmasked(
    input: &mut ReceiveBuf,
    message: &mut Progress,
    room: Room,
) -> Result<bool, ConnectionError> {
    join_from(input, message, Role::Server, room)
}

#[inline(always)]
fn join_from(
    input: &mut ReceiveBuf,
    message: &mut Progress,
    sender: Role,
    room: Room,
) -> Result<bool, ConnectionError> {
    // What the next fragment is to begin with, unless it is the last.
    let (mut due, kind) = match (input.unread(), message.is_within()) {
        ([CONTINUATION | LAST_FRAGMENT, ..], true) => (CONTINUATION, message.kind()),
        ([BINARY_FRAGMENT, ..], false) => (BINARY_FRAGMENT, MessageKind::Binary),
        ([TEXT_FRAGMENT, ..], false) => {
            message.begin_text();
            (TEXT_FRAGMENT, MessageKind::Text)
        }
        _ => return Ok(false),
    };
    let mut left = room;
    let mut is_whole = false;
    let mut joining = input.begin_joining();
    while let Some(&first) = joining.unread().first()
        && (first == due || first == LAST_FRAGMENT)
        && let Some(Rest { start, payload_len }) = Rest::parse(joining.unread(), sender)
        && let Some(header) = joining.unread().get(..start)
        && let key = Rest::key(header)
        && let Some(bytes) = left.bytes.checked_sub(payload_len)
        && let Some(fragments) = left.fragments.checked_sub(1)
        && let Ok(len) = usize::try_from(payload_len)
        && let Some(payload) = joining.keep(start, len)
    {
        is_whole = first == LAST_FRAGMENT;
        match (sender, kind) {
            (Role::Client, MessageKind::Binary) => mask::apply(payload, key, 0),
            (Role::Server, MessageKind::Binary) => {}
            (Role::Client, MessageKind::Text) => {
                let is_ascii = mask::apply_to_text(payload, key, 0);
                message.validate(payload, is_ascii, is_whole)?;
            }
            (Role::Server, MessageKind::Text) => message.validate(payload, false, is_whole)?,
        }
        due = CONTINUATION;
        left = Room { bytes, fragments };
        if is_whole {
            break;
        }
    }
    let ends = joining.end();
    input.end_joining(ends);
    message.note_joined(kind, room, left);
    Ok(is_whole)
}

/// Returns whether a plain fragment may lie whole here.
#[inline]
fn begins_fragment(bytes: &[u8], sender: Role) -> bool {
    let [first, second, ..] = *bytes else { return false };
    let key_len = if sender == Role::Client { 4 } else { 0 };
    matches!(first, CONTINUATION | LAST_FRAGMENT | TEXT_FRAGMENT | BINARY_FRAGMENT)
        && bytes.len() >= 2 + key_len + usize::from(second & 0x7f)
}

pub(super) const CONTINUATION: u8 = Opcode::Continuation as u8;
pub(super) const LAST_FRAGMENT: u8 = FIN | CONTINUATION;
pub(super) const BINARY_FRAGMENT: u8 = Opcode::Binary as u8;
pub(super) const TEXT_FRAGMENT: u8 = Opcode::Text as u8;
pub(super) const BINARY_MESSAGE: u8 = FIN | Opcode::Binary as u8;
pub(super) const TEXT_MESSAGE: u8 = FIN | Opcode::Text as u8;
