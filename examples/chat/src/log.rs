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
//! A shared log may be out of reach. Then a message waits for it, those who are here see it at once,
//! and it comes again when it has its offset.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::journal::Journal;
use crate::names::{Name, Room};
use crate::protocol::{Gap, Record, Said, Since, Store};
use crate::redis::Redis;

/// Where messages and names are kept.
pub(crate) enum Log {
    /// In a file of this process.
    Local(Journal),
    /// In Redis, with other processes.
    Shared(Arc<Redis>),
}

/// What those who are here are to hear, from [`Log`] to the hub. All but the first kind come from a
/// shared log only.
#[derive(Debug)]
pub(crate) enum Update {
    /// A message is in the log.
    Said { room: Room, epoch: Arc<str>, record: Arc<Record> },
    /// There is a message of two, which may concern somebody here.
    Direct { room: Room, offset: u64 },
    /// A message that has waited was in the log already: its author does not know.
    Known { room: Room, epoch: Arc<str>, record: Arc<Record> },
    /// The log is out of reach, or back. It may be another one, and have more.
    Store(Store),
    /// Somebody on another server is typing.
    Typing { room: Room, name: Name },
    /// A message waits for the log.
    Waiting { room: Room, epoch: Arc<str>, said: Said },
}

/// Somebody is in a public room, or, without a room, online.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Present {
    pub(crate) room: Option<Room>,
    pub(crate) name: Name,
}

/// Whose a name is that a key has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nobody's, but it looks like one of another key.
    Alike,
    /// This key's, which has spelt it like this at first.
    Own(Name),
    /// Another key's.
    Taken,
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

/// Why something cannot be read or kept, with what the store says.
#[derive(Debug)]
pub(crate) enum LogError {
    /// The log is out of reach, or its disk is full.
    Away(String),
    /// This room is not what a server has written.
    Broken(String),
}

impl Log {
    /// Gives a name to the first key that asks for it.
    pub(crate) async fn claim(&self, name: &Name, key: &str) -> Result<Claim, LogError> {
        match self {
            Self::Local(journal) => journal.claim(name, key).await,
            Self::Shared(redis) => redis.claim(name, key).await,
        }
    }

    /// Returns a name as its owner spells it, if it has one.
    pub(crate) async fn owned(&self, name: &Name) -> Result<Option<Name>, LogError> {
        match self {
            Self::Local(journal) => Ok(journal.owned(name)),
            Self::Shared(redis) => redis.owned(name).await,
        }
    }

    /// Appends a message, unless it is there already. Returns `None` if it waits for the log.
    pub(crate) async fn append(
        &self,
        room: &Room,
        said: Said,
    ) -> Result<Option<Appended>, LogError> {
        match self {
            Self::Local(journal) => journal.append(room, said).await.map(Some),
            Self::Shared(redis) => redis.append(room, said).await,
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
            Self::Shared(redis) => redis.after(room, position, limit).await,
        }
    }

    /// Returns all rooms in which something was said.
    pub(crate) async fn rooms(&self) -> Result<Vec<Room>, LogError> {
        match self {
            Self::Local(journal) => Ok(journal.rooms()),
            Self::Shared(redis) => redis.rooms().await,
        }
    }

    pub(crate) fn store(&self) -> Store {
        match self {
            Self::Local(_) => Store::Local,
            Self::Shared(redis) => redis.store(),
        }
    }

    /// Returns the epoch that was seen last, and the newest messages of a room that wait for the log.
    pub(crate) fn waiting(&self, room: &Room) -> (Arc<str>, Vec<Said>) {
        match self {
            Self::Local(journal) => (journal.epoch(), Vec::new()),
            Self::Shared(redis) => (redis.epoch(), redis.waiting(room)),
        }
    }

    /// Has updates of a room come, those after this offset.
    pub(crate) fn follow(&self, room: &Room, offset: u64) {
        match self {
            Self::Local(_) => {}
            Self::Shared(redis) => redis.follow(room, offset),
        }
    }

    /// Has updates of no other rooms come.
    pub(crate) fn retain(&self, is_needed: impl Fn(&Room) -> bool) {
        match self {
            Self::Local(_) => {}
            Self::Shared(redis) => redis.retain(is_needed),
        }
    }

    /// Tells the other processes that somebody is typing.
    pub(crate) fn typing(&self, room: &Room, name: &Name) {
        match self {
            Self::Local(_) => {}
            Self::Shared(redis) => redis.typing(room, name),
        }
    }

    /// Tells the other processes who is here (`mine`; `noted` was told before), for a few seconds.
    /// Returns who is elsewhere.
    pub(crate) async fn present(
        &self,
        mine: &BTreeSet<Present>,
        noted: &BTreeSet<Present>,
    ) -> Result<BTreeSet<Present>, LogError> {
        match self {
            Self::Local(_) => Ok(BTreeSet::new()),
            Self::Shared(redis) => redis.present(mine, noted).await,
        }
    }

    /// Waits until others have said that people came or went. Local people are nobody's business.
    pub(crate) async fn people_changed(&self) {
        match self {
            Self::Local(_) => std::future::pending().await,
            Self::Shared(redis) => redis.people_changed().await,
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
        let (Self::Away(text) | Self::Broken(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for LogError {}

/// Returns the name of a new log.
pub(crate) fn new_epoch() -> io::Result<Arc<str>> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)).into())
}

/// How many messages somebody gets who comes to a room for the first time.
pub(crate) const NEWEST: u64 = 50;
