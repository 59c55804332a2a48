//! What a page and the server say to each other, as JSON; knows no room, no socket and no log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::names::{MAX_NAME, MAX_ROOM, MAX_TEXT};

/// The first message of a page.
#[derive(Debug, Deserialize)]
pub(crate) struct Login {
    pub(crate) name: String,
    /// The secret that the name belongs to.
    pub(crate) key: String,
}

/// Why a page is sent away: a close code, and a sentence that it can show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    /// At most 123 bytes.
    pub(crate) reason: &'static str,
}

/// What a page asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub(crate) enum Command {
    Join { room: String, since: Option<Since> },
    Leave { room: String },
    Ping { at: serde_json::Number },
    Say { room: String, id: String, text: String },
    Typing { room: String },
}

/// Up to where a page knows a room.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Since {
    /// The log that the offset is of.
    pub(crate) epoch: String,
    pub(crate) offset: u64,
}

/// What a page is told.
#[derive(Debug, Serialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub(crate) enum Event<'a> {
    History {
        room: &'a str,
        epoch: &'a str,
        messages: &'a [Arc<Record>],
        /// The offset of the room's newest message; 0 if there is none.
        last: u64,
        gap: Option<Gap>,
        /// Whether another chunk follows.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        more: bool,
        people: &'a [&'a str],
    },
    Joined {
        room: &'a str,
        name: &'a str,
    },
    Left {
        room: &'a str,
        name: &'a str,
    },
    Message {
        room: &'a str,
        epoch: &'a str,
        /// `None` while the log that all servers share is out of reach.
        offset: Option<u64>,
        #[serde(flatten)]
        said: &'a Said,
    },
    /// So many messages were left out, because the page did not read. The history follows.
    Missed {
        room: &'a str,
        count: u64,
    },
    Pong {
        at: serde_json::Number,
    },
    Refused {
        id: Option<&'a str>,
        room: Option<&'a str>,
        why: &'a str,
        /// After how many milliseconds it may be said again.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry: Option<u64>,
    },
    Room {
        room: &'a str,
        people: usize,
    },
    Store {
        state: Store,
    },
    Typing {
        room: &'a str,
        name: &'a str,
    },
    Welcome {
        name: &'a str,
        rooms: Vec<Count>,
        directs: Vec<String>,
        limits: Limits,
        store: Store,
    },
}

/// A message as it was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) text: String,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
}

/// A message in a log. The first of a room has the offset 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) offset: u64,
    #[serde(flatten)]
    pub(crate) said: Said,
}

/// What a page asked for and cannot get any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Gap {
    /// The log is another one than the page knew. What follows is the newest.
    Epoch { epoch: bool },
    /// So many messages are older than what is kept.
    Missed { missed: u64 },
}

/// A room, and how many people are in it.
#[derive(Debug, Serialize)]
pub(crate) struct Count {
    pub(crate) room: String,
    pub(crate) people: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Limits {
    text: usize,
    name: usize,
    room: usize,
    /// Messages a second; four times as many at once.
    rate: u32,
}

/// Where messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Store {
    /// By this process alone, until the log that all share is back.
    Alone,
    /// By this process.
    Local,
    /// By all servers together.
    Shared,
}

impl Login {
    /// Parses a page's first message. A page of another version is told so, whatever else it says.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Version {
            chat: u64,
        }

        let Version { chat } = serde_json::from_str(text).map_err(|_| Refusal::LOGIN)?;
        if chat != VERSION {
            return Err(Refusal::VERSION);
        }
        serde_json::from_str(text).map_err(|_| Refusal::LOGIN)
    }
}

impl Refusal {
    pub(crate) const VERSION: Self =
        Self::new(4100, "this server speaks version 1: reload the page");
    pub(crate) const TAKEN: Self = Self::new(4102, "this name belongs to somebody else");
    pub(crate) const ALIKE: Self =
        Self::new(4102, "this name looks like one that belongs to somebody else");
    pub(crate) const LOGIN: Self = Self::new(4103, "the first message must be a login");
    pub(crate) const LATE: Self = Self::new(4103, "no login within 10 seconds");
    pub(crate) const FLOOD: Self =
        Self::new(4104, "too many messages at once, in spite of warnings");
    pub(crate) const CROWD: Self =
        Self::new(1013, "too many connections from this address: close some, or try again later");
    pub(crate) const NAMES: Self =
        Self::new(1013, "too many new names from this address: try again in a minute");
    pub(crate) const UNREAD: Self = Self::new(1008, "the answers are not read");
    pub(crate) const REPLACED: Self = Self::new(1001, "the session goes on elsewhere");
    pub(crate) const INTERNAL: Self = Self::new(1011, "the server has no randomness");
    pub(crate) const STORE: Self = Self::new(1013, "the log is out of reach: try again later");

    /// A name that breaks this rule.
    pub(crate) const fn name(rule: &'static str) -> Self {
        Self::new(4101, rule)
    }

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

impl<'a> Event<'a> {
    /// A message of a log, for somebody who calls its room like this.
    pub(crate) fn message(room: &'a str, epoch: &'a str, record: &'a Record) -> Self {
        Self::Message { room, epoch, offset: Some(record.offset), said: &record.said }
    }

    pub(crate) fn to_json(&self) -> String {
        // It has no map with other keys than text, and nothing in it fails.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Limits {
    pub(crate) const fn with_rate(rate: u32) -> Self {
        Self { text: MAX_TEXT, name: MAX_NAME, room: MAX_ROOM, rate }
    }
}

/// The version of all this.
const VERSION: u64 = 1;
