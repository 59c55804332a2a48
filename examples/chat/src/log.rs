//! The log of all rooms: what was said, in one order for everybody, and to whom names belong.
//! Knows no page and no socket.
//!
//! A [`Log`] promises the rest of the server this, wherever it keeps its rooms:
//!
//! - What [`append`](Log::append) has returned survives the process. Nobody is told of a message
//!   before that.
//! - A message is in a room once, however often it is appended: it is known by its author and its
//!   id together, so that nobody can use up the ids of others.
//! - The messages of a room have the offsets 1, 2, 3, … The log has an *epoch*: offsets of another
//!   epoch mean nothing. [`after`](Log::after) returns what comes next, or says what is gone.
//! - Every message is an [`Update`] to all processes that share the log, in the order of its room.
//!
//! A second kind of log, which several processes share, is one more variant: its calls may wait
//! for a network, and its updates also come from the other processes.

use std::fmt;
use std::sync::Arc;

use crate::journal::Journal;
use crate::names::{Name, Room};
use crate::protocol::{Gap, Record, Said, Since, Store};

/// Where messages and names are kept.
pub(crate) enum Log {
    /// In a file of this process.
    Local(Journal),
}

/// What everybody in a room is to hear, from [`Log`] to the hub.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) room: Room,
    pub(crate) epoch: Arc<str>,
    pub(crate) record: Arc<Record>,
}

/// A message that is in the log.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) epoch: Arc<str>,
    pub(crate) record: Arc<Record>,
    /// Whether it was not there before. Only then there is an [`Update`].
    pub(crate) is_new: bool,
}

/// Up to where somebody has read a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Nowhere: the newest messages will do.
    Newest,
    After(Since),
}

/// A part of a room's history.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) epoch: Arc<str>,
    pub(crate) records: Vec<Arc<Record>>,
    /// The offset of the last of `records`; where there are none, that of the message before.
    pub(crate) end: u64,
    /// The offset of the room's newest message. end <= last
    pub(crate) last: u64,
    /// What there was between the position and `records`, and is gone.
    pub(crate) gap: Option<Gap>,
}

/// The log is out of reach, or its disk is full.
#[derive(Debug)]
pub(crate) struct LogError(pub(crate) String);

impl Log {
    /// Gives a name to the first key that asks for it. Returns its spelling, or `None` if it
    /// belongs to another key.
    pub(crate) async fn claim(&self, name: &Name, key: &str) -> Result<Option<Name>, LogError> {
        match self {
            Self::Local(journal) => journal.claim(name, key).await,
        }
    }

    /// Returns a name as its owner spells it, if it has one.
    pub(crate) async fn owned(&self, name: &Name) -> Result<Option<Name>, LogError> {
        match self {
            Self::Local(journal) => Ok(journal.owned(name)),
        }
    }

    /// Appends a message, unless it is there already.
    pub(crate) async fn append(&self, room: &Room, said: Said) -> Result<Appended, LogError> {
        match self {
            Self::Local(journal) => journal.append(room, said).await,
        }
    }

    /// Returns at most `limit` messages, the oldest first.
    pub(crate) async fn after(
        &self,
        room: &Room,
        position: &Position,
        limit: usize,
    ) -> Result<Page, LogError> {
        match self {
            Self::Local(journal) => Ok(journal.after(room, position, limit)),
        }
    }

    /// Returns all rooms in which something was said.
    pub(crate) async fn rooms(&self) -> Result<Vec<Room>, LogError> {
        match self {
            Self::Local(journal) => Ok(journal.rooms()),
        }
    }

    pub(crate) const fn store(&self) -> Store {
        match self {
            Self::Local(_) => Store::Local,
        }
    }
}

impl Position {
    /// Returns where to begin in a log of this epoch that has the messages `first..=last` of a
    /// room, as the offset of the message before, and what is gone.
    pub(crate) fn begin(&self, epoch: &str, first: u64, last: u64) -> (u64, Option<Gap>) {
        let newest = last.saturating_sub(NEWEST).max(first - 1);
        match self {
            Self::Newest => (newest, None),
            Self::After(since) if since.epoch != epoch || since.offset > last => {
                (newest, Some(Gap::Epoch { epoch: true }))
            }
            Self::After(since) if since.offset + 1 < first => {
                (first - 1, Some(Gap::Missed { missed: first - 1 - since.offset }))
            }
            Self::After(since) => (since.offset, None),
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LogError {}

/// How many messages somebody gets who comes to a room for the first time.
const NEWEST: u64 = 50;
