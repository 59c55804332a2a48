//! How many sessions a server keeps, for how long, and for whom; keeps none.

use core::time::Duration;

#[expect(unused_imports, reason = "for the docs")]
use super::Denied;
use crate::delivery::limits::Limits;
use crate::setters::setters;

/// How many sessions a server keeps, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// How many sessions are kept in all.
    ///
    /// Default 1024: with the default limits, at most 1 GiB of messages.
    ///
    /// It also limits the time of [`Sessions::attach`](super::Sessions::attach), which each new
    /// connection needs once: proportional to the number `n` of sessions that are kept, and up to
    /// `n log n` if a new session has to replace another one because `max_sessions` are kept.
    pub max_sessions: usize,
    /// How many sessions are kept for one user.
    ///
    /// Default 16: the devices and open pages of a person. With the default limits, at most 16 MiB
    /// of messages for one user. If users are addresses, raise it: all clients behind one address
    /// share it.
    pub max_user_sessions: usize,
    /// How long a session waits for its client.
    ///
    /// Default 1 h: a journey by train. A client that stays away longer gets a new session, and is
    /// told.
    pub max_absence: Duration,
    /// Who owns a session.
    ///
    /// Default [`Owner::First`].
    pub owner: Owner,
    /// The limits of each session.
    pub limits: Limits,
}

/// Who owns a session if a client of another user names both of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a session is handed over, or not")]
pub enum Owner {
    /// The user with whom it began; other users are [denied](Denied::OtherUser). For users that
    /// have proved who they are.
    First,
    /// The user who came last. For users that are identified by something that may change, such as
    /// an address.
    Latest,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_sessions: 1024,
            max_user_sessions: 16,
            max_absence: Duration::from_secs(3600),
            owner: Owner::First,
            limits: Limits::default(),
        }
    }
}

setters! {
    Retention {
        max_sessions: usize,
        max_user_sessions: usize,
        max_absence: Duration,
        owner: Owner,
        limits: Limits,
    }
}
