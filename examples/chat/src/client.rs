//! One page: the rooms that it has joined, and up to where it was told of each. It outlives its
//! connections, as its session does. Knows no other page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sanswire::Message;
use sanswire::delivery::{Limits, Session, SessionId};
use tokio::sync::Notify;

use crate::held::Held;
use crate::log::Position;
use crate::names::{Name, Room};
use crate::protocol::Since;

/// The ids of both ends of a session: the page's and the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) page: SessionId,
    pub(crate) server: SessionId,
}

pub(crate) struct Client {
    pub(crate) name: Name,
    /// Wakes the task of its connection.
    pub(crate) wake: Arc<Notify>,
    pub(crate) rooms: BTreeMap<Room, Reading>,
    /// Whether its session has begun, so that it can be told something.
    pub(crate) has_begun: bool,
    /// Whether others see it: it has a connection, or had one a moment ago.
    pub(crate) is_present: bool,
    /// Since when it has no connection.
    pub(crate) lost: Option<Instant>,
    /// Whether something other than a message was left out, for want of room.
    pub(crate) is_stale: bool,
    /// What it has said and was asked to say again.
    pub(crate) held: Held,
}

/// A room that a page has joined.
pub(crate) struct Reading {
    pub(crate) position: Position,
    pub(crate) pace: Pace,
    /// When others heard last that somebody is typing here.
    pub(crate) typed: Option<Instant>,
}

/// How a page gets what comes after its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// From the log, when the session has room. The page is to hear that it was too slow, or not.
    Behind { was_slow: bool },
    /// At once, as it is said.
    Live,
}

/// What a message is for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It comes from the log, in its time.
    Later,
    Next,
    /// It was told before.
    Past,
    /// There is one before it that the page does not know.
    Unknown,
}

impl Client {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            name,
            wake: Arc::default(),
            rooms: BTreeMap::new(),
            has_begun: false,
            is_present: false,
            lost: None,
            is_stale: false,
            held: Held::default(),
        }
    }

    /// Returns whether it may join this room, or has. Others begin conversations, so these are
    /// counted apart.
    pub(crate) fn has_room_for(&self, room: &Room) -> bool {
        let is_public = room.pair().is_none();
        let limit = if is_public { MAX_JOINED } else { MAX_DIRECTS };
        let is_such = |other: &&Room| other.pair().is_none() == is_public;
        self.rooms.contains_key(room) || self.rooms.keys().filter(is_such).count() < limit
    }

    /// Sends what may be left out if the page does not read. Returns whether it was sent.
    pub(crate) fn offer(&self, session: &mut Session, message: Message) -> bool {
        let has_room = session.buffered_messages() < OFFERED_MESSAGES
            && session.buffered_amount() < OFFERED_BYTES;
        let is_sent = self.has_begun && has_room && session.send(message).is_ok();
        if is_sent {
            self.wake.notify_one();
        }
        is_sent
    }
}

impl Reading {
    pub(crate) const fn new(position: Position, pace: Pace) -> Self {
        Self { position, pace, typed: None }
    }

    /// Judges a message that was just said.
    pub(crate) fn turn(&self, epoch: &str, offset: u64) -> Turn {
        match (&self.pace, &self.position) {
            (Pace::Behind { .. }, _) => Turn::Later,
            (Pace::Live, Position::After(since)) if since.epoch == epoch => {
                match offset.cmp(&since.offset.saturating_add(1)) {
                    std::cmp::Ordering::Less => Turn::Past,
                    std::cmp::Ordering::Equal => Turn::Next,
                    std::cmp::Ordering::Greater => Turn::Unknown,
                }
            }
            (Pace::Live, Position::After(_) | Position::Newest) => Turn::Unknown,
        }
    }

    /// Returns whether the page was told of a message before, or of what stands for it.
    pub(crate) fn has_passed(&self, epoch: &str, offset: u64) -> bool {
        match &self.position {
            Position::After(since) => since.epoch == epoch && since.offset >= offset,
            Position::Newest => false,
        }
    }

    /// Notes up to where the page was told.
    pub(crate) fn told(&mut self, epoch: &str, offset: u64) {
        match &mut self.position {
            Position::After(since) if since.epoch == epoch => since.offset = offset,
            Position::After(_) | Position::Newest => {
                self.position = Position::After(Since { epoch: epoch.to_owned(), offset });
            }
        }
    }

    /// Returns whether others may hear again that somebody is typing.
    pub(crate) fn may_type(&mut self, now: Instant) -> bool {
        let may = self.typed.is_none_or(|typed| now.duration_since(typed) >= TYPING_INTERVAL);
        if may {
            self.typed = Some(now);
        }
        may
    }
}

/// What a session keeps at most for a page that does not read.
pub(crate) fn limits() -> Limits {
    Limits::default().max_messages(512).max_bytes(256 << 10)
}

/// Returns whether a page that was left behind has read enough to be told more.
pub(crate) fn has_caught_up(session: &Session) -> bool {
    session.buffered_messages() < 128 && session.buffered_amount() < 64 << 10
}

/// Up to here a session takes what is said in rooms. The rest is for answers.
const OFFERED_MESSAGES: usize = 384;
const OFFERED_BYTES: usize = 192 << 10;

/// How many rooms a page may have joined.
const MAX_JOINED: usize = 50;
/// How many conversations it may have open: more than it is told of when it comes.
const MAX_DIRECTS: usize = 1000;
const TYPING_INTERVAL: Duration = Duration::from_secs(1);
