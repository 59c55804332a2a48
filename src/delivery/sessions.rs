//! A server's sessions, found by what their clients say first; knows no transport and no clock.

mod retention;

use alloc::collections::BTreeMap;
use core::cmp::Reverse;
use core::fmt;

use super::session::Session;
use super::wire::{Hello, SessionId};
use crate::close::CloseCode;
use crate::timestamp::Timestamp;
pub use retention::{Owner, Retention};

/// The sessions of a server. Limits their number for each user and in all, and how long they wait
/// for their clients.
///
/// A client that names both ends of a session resumes it. The client may come back before the
/// server has noticed that its old connection is dead: the session then belongs to the new
/// connection, and [`get`](Self::get) returns `None` for the old one. A client that names anything
/// else gets a new session, and changes no other session, not even one with the same client id. A
/// session [has begun](Session::peer) when its client has named it.
///
/// # Users and limits
///
/// `U` identifies a user: an account, or whatever else separates clients that may harm each other.
/// A session that has begun is dropped only if its client stays away for too long, or for another
/// session of the same user:
///
/// - A user has at most [`max_user_sessions`](Retention::max_user_sessions). One more replaces the
///   user's oldest session that has not begun, connected or not. If all have begun, it replaces the
///   one whose client has been away for the longest. If all have begun and are connected, the new
///   one is [denied](Denied::UserFull).
/// - In all there are at most [`max_sessions`](Retention::max_sessions). One more replaces a
///   session that has not begun, connected or not: of the user with the most such sessions, the
///   oldest. If all have begun, it replaces the session of the same user whose client has been away
///   for the longest. If no client of this user is away, the new session is
///   [denied](Denied::Full).
///
/// The new session makes this room at once, before it has begun. So a client that only says Hello
/// can replace sessions of its own user, but none that has begun of another user. Close the
/// connection of a session that was dropped: [`get`](Self::get) returns `None`.
///
/// # Users without accounts
///
/// A server that does not know its users can use their addresses with [`Owner::Latest`], since
/// addresses change. Use a whole IPv4 address, but only the first 64 bits of an IPv6 address,
/// because one host can have all of the rest. Clients with the same address are then one user.
///
/// With `()`, all clients are one user: `max_user_sessions` is for all of them, and any client can
/// replace the sessions of others. An attacker with many accounts or addresses can use up
/// [`max_sessions`](Retention::max_sessions): sessions of others that have begun stay, and new
/// clients are denied.
///
/// `now` is the current time, as a [`Timestamp`].
///
/// ```
/// use core::time::Duration;
/// use sanswire::delivery::{SessionEvent, Hello, Limits, Retention, Session, SessionId, Sessions};
///
/// # fn random(seed: u8) -> SessionId { SessionId::new([seed; 16]).unwrap() }
/// let mut client = Session::new(random(1), Limits::default());
/// client.handle_connected();
///
/// // A connection, and its first message.
/// let mut sessions = Sessions::new(Retention::default());
/// let message = client.poll_transmit().unwrap();
/// let hello = Hello::parse(&message)?;
/// let attachment = sessions.attach("alice", &hello, random(2), Duration::ZERO)?;
/// let session = sessions.get(attachment).unwrap();
/// assert_eq!(session.handle_message(message)?, None);
///
/// // The session begins when the client has heard of it.
/// client.handle_message(session.poll_transmit().unwrap())?;
/// let message = client.poll_transmit().unwrap();
/// assert_eq!(session.handle_message(message)?, Some(SessionEvent::Started));
///
/// // The connection ends: the session waits for the next one.
/// sessions.detach(attachment, Duration::from_secs(60));
/// for session in sessions.of_user(&"alice") {
///     session.send("welcome back".into())?;
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sessions<U> {
    retention: Retention,
    /// len() <= max_sessions
    kept: BTreeMap<Key, Kept<U>>,
    /// How many of them each user has: none that has none. Each <= max_user_sessions
    users: BTreeMap<U, usize>,
    /// The number of the last connection, or of the last session that was added.
    last: u64,
}

/// Identifies one connection of a session, from [`Sessions::attach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attachment {
    key: Key,
    connection: u64,
}

/// The ids of both ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    client: SessionId,
    server: SessionId,
}

#[derive(Debug)]
struct Kept<U> {
    user: U,
    session: Session,
    /// When it was added: later ones have higher numbers.
    number: u64,
    presence: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// Since when it has no connection.
    Away(Timestamp),
    /// The number of its connection.
    Connected(u64),
}

impl<U: Ord + Clone> Sessions<U> {
    /// Creates an empty collection.
    #[must_use]
    pub const fn new(retention: Retention) -> Self {
        Self { retention, kept: BTreeMap::new(), users: BTreeMap::new(), last: 0 }
    }

    /// Finds the session that a client's first Hello names, or creates one with the id `new`. Then
    /// pass the Hello itself, and all later messages, to the session.
    ///
    /// `new` must be random, and different each time.
    ///
    /// A new session [has not begun](Session::peer), and may be replaced by the next new one
    /// together with its messages. Before you send what must not be lost, wait for
    /// [`SessionEvent::Started`](super::SessionEvent::Started) or
    /// [`SessionEvent::Forgot`](super::SessionEvent::Forgot).
    ///
    /// A client that names a session takes it from its earlier connection. This also happens if the
    /// Hello arrives late, on a connection that the client has given up: the client gets the
    /// session back with its next connection.
    ///
    /// # Errors
    ///
    /// [`Denied`]: close the connection. No session has changed.
    pub fn attach(
        &mut self,
        user: U,
        hello: &Hello,
        new: SessionId,
        now: impl Into<Timestamp>,
    ) -> Result<Attachment, Denied> {
        let now = now.into();
        self.handle_timeout(now);
        let named = hello.to.map(|server| Key { client: hello.from, server });
        let key = match named.filter(|key| self.kept.contains_key(key)) {
            Some(key) => {
                self.claim(user, key)?;
                key
            }
            None => {
                let key = Key { client: hello.from, server: new };
                if self.kept.contains_key(&key) {
                    return Err(Denied::IdRepeated);
                }
                self.add(user, key, Session::new(new, self.retention.limits.clone()), now)?;
                key
            }
        };
        self.last += 1;
        if let Some(kept) = self.kept.get_mut(&key) {
            kept.presence = Presence::Connected(self.last);
            kept.session.handle_connected();
        }
        Ok(Attachment { key, connection: self.last })
    }

    /// Adds a session that was [restored](Session::restore), which waits for its client. It
    /// replaces a session with the same ids. `client` is the client's id, as [`iter`](Self::iter)
    /// returned it.
    ///
    /// # Errors
    ///
    /// [`Denied`], for the same reasons as in [`attach`](Self::attach). [`Denied::OtherClient`]
    /// if the session has begun with another client.
    pub fn insert(
        &mut self,
        user: U,
        client: SessionId,
        session: Session,
        now: impl Into<Timestamp>,
    ) -> Result<(), Denied> {
        let now = now.into();
        if session.peer().is_some_and(|peer| peer != client) {
            return Err(Denied::OtherClient);
        }
        let key = Key { client, server: session.id() };
        if !self.kept.contains_key(&key) {
            return self.add(user, key, session, now);
        }
        self.claim(user, key)?;
        if let Some(kept) = self.kept.get_mut(&key) {
            (kept.session, kept.presence) = (session, Presence::Away(now));
        }
        Ok(())
    }

    /// Drops the sessions whose clients have been away for too long, with their messages.
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        let Self { retention, kept, users, .. } = self;
        kept.retain(|_, kept| {
            let Presence::Away(since) = kept.presence else { return true };
            let stays = now.saturating_duration_since(since) < retention.max_absence;
            if !stays {
                discount(users, &kept.user);
            }
            stays
        });
    }

    /// Has a session belong to a user, if it may.
    fn claim(&mut self, user: U, key: Key) -> Result<(), Denied> {
        match self.kept.get(&key) {
            Some(kept) if kept.user != user => {}
            Some(_) | None => return Ok(()),
        }
        match self.retention.owner {
            Owner::First => return Err(Denied::OtherUser),
            Owner::Latest => self.make_room_of(&user)?,
        }
        if let Some(kept) = self.kept.get_mut(&key) {
            *self.users.entry(user.clone()).or_default() += 1;
            discount(&mut self.users, &kept.user);
            kept.user = user;
        }
        Ok(())
    }

    fn add(&mut self, user: U, key: Key, session: Session, now: Timestamp) -> Result<(), Denied> {
        self.make_room_of(&user)?;
        self.make_room(&user)?;
        *self.users.entry(user.clone()).or_default() += 1;
        self.last += 1;
        let kept = Kept { user, session, number: self.last, presence: Presence::Away(now) };
        self.kept.insert(key, kept);
        Ok(())
    }

    /// Makes room for one more session of a user among its own.
    fn make_room_of(&mut self, user: &U) -> Result<(), Denied> {
        let limit = self.retention.max_user_sessions;
        if self.users.get(user).copied().unwrap_or_default() < limit {
            return Ok(());
        }
        let own = self.unproved().filter(|(_, kept)| kept.user == *user);
        let oldest = own.min_by_key(|(_, kept)| kept.number).map(|(key, _)| key);
        let key = oldest.or_else(|| self.longest_away(user)).ok_or(Denied::UserFull { limit })?;
        self.remove(key);
        Ok(())
    }

    /// Makes room for one more session of a user among those of all.
    fn make_room(&mut self, user: &U) -> Result<(), Denied> {
        let limit = self.retention.max_sessions;
        if self.kept.len() < limit {
            return Ok(());
        }
        // As if the new one were there already.
        let mut counts = BTreeMap::from([(user, 1_usize)]);
        for (_, kept) in self.unproved() {
            *counts.entry(&kept.user).or_default() += 1;
        }
        let rank = |kept: &Kept<U>| (Reverse(counts.get(&kept.user).copied()), kept.number);
        let least = self.unproved().min_by_key(|(_, kept)| rank(kept)).map(|(key, _)| key);
        let key = least.or_else(|| self.longest_away(user)).ok_or(Denied::Full { limit })?;
        self.remove(key);
        Ok(())
    }

    /// Of a user's sessions that have no connection, the one that has had none for the longest.
    fn longest_away(&self, user: &U) -> Option<Key> {
        let own = self.away().filter(|(_, kept, _)| kept.user == *user);
        own.min_by_key(|&(key, _, since)| (since, key)).map(|(key, ..)| key)
    }

    fn remove(&mut self, key: Key) {
        if let Some(kept) = self.kept.remove(&key) {
            discount(&mut self.users, &kept.user);
        }
    }

    /// Returns the sessions of a user that have begun, connected or not, to send to the user.
    pub fn of_user<'a>(&'a mut self, user: &'a U) -> impl Iterator<Item = &'a mut Session> {
        let begun = |kept: &&mut Kept<U>| kept.user == *user && kept.session.peer().is_some();
        self.kept.values_mut().filter(begun).map(|kept| &mut kept.session)
    }
}

/// Counts one session less.
fn discount<U: Ord>(users: &mut BTreeMap<U, usize>, user: &U) {
    if let Some(count) = users.get_mut(user) {
        *count -= 1;
        if *count == 0 {
            users.remove(user);
        }
    }
}

impl<U> Sessions<U> {
    /// Returns the session of a connection. `None` if the connection no longer has one: the client
    /// came back on another connection, or the session had not begun and was replaced.
    ///
    /// After `None`, close the connection with 1001, even if nothing more arrives on it. So after
    /// each [`attach`](Self::attach), wake the tasks that wait for a connection.
    pub fn get(&mut self, attachment: Attachment) -> Option<&mut Session> {
        let kept = self.kept.get_mut(&attachment.key)?;
        let is_attached = kept.presence == Presence::Connected(attachment.connection);
        is_attached.then_some(&mut kept.session)
    }

    /// Returns the session with these ids, connected or not, to send to its client. Messages for a
    /// session that [has not begun](Session::peer) are lost if its client does not come.
    pub fn find(&mut self, client: SessionId, server: SessionId) -> Option<&mut Session> {
        self.kept.get_mut(&Key { client, server }).map(|kept| &mut kept.session)
    }

    /// Reports the end of a connection. Ignored if another connection has taken the session.
    ///
    /// Call it however a connection ends, also when its task is aborted: a session that counts as
    /// connected is kept forever.
    pub fn detach(&mut self, attachment: Attachment, now: impl Into<Timestamp>) {
        let now = now.into();
        let Some(kept) = self.kept.get_mut(&attachment.key) else { return };
        if kept.presence == Presence::Connected(attachment.connection) {
            kept.presence = Presence::Away(now);
            kept.session.handle_disconnected();
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout); `None` while no client is
    /// away. [`attach`](Self::attach) also drops what is too old.
    #[doc(alias = "timeout")]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let since = self.away().map(|(.., since)| since).min()?;
        Some(since.saturating_add(self.retention.max_absence))
    }

    /// Returns all sessions, with the ids of their clients and their users, to store them. Includes
    /// the sessions that have not begun.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &U, &Session)> {
        self.kept.iter().map(|(key, kept)| (key.client, &kept.user, &kept.session))
    }

    /// Returns how many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Returns whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Those that have not begun.
    fn unproved(&self) -> impl Iterator<Item = (Key, &Kept<U>)> {
        let kept = self.kept.iter().map(|(&key, kept)| (key, kept));
        kept.filter(|(_, kept)| kept.session.peer().is_none())
    }

    /// Those that have no connection, and since when.
    fn away(&self) -> impl Iterator<Item = (Key, &Kept<U>, Timestamp)> {
        self.kept.iter().filter_map(|(&key, kept)| match kept.presence {
            Presence::Away(since) => Some((key, kept, since)),
            Presence::Connected(_) => None,
        })
    }
}

/// Why a client got no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denied {
    /// There are too many sessions, and none may be replaced by one more of this user: all have
    /// begun, and those of this user are connected.
    Full {
        /// [`Retention::max_sessions`].
        limit: usize,
    },
    /// The new id was used before: it is not random.
    IdRepeated,
    /// The session has begun with another client.
    OtherClient,
    /// The session belongs to another user.
    OtherUser,
    /// The user has too many sessions, and none may be replaced: all have begun and are connected.
    UserFull {
        /// [`Retention::max_user_sessions`].
        limit: usize,
    },
}

impl Denied {
    /// Returns the code to close the connection with: 1008 if the session is not the user's, 1011
    /// for a mistake of the server, 1013 ("try again later") otherwise.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Full { .. } | Self::UserFull { .. } => CloseCode::TRY_AGAIN_LATER,
            Self::IdRepeated | Self::OtherClient => CloseCode::INTERNAL_ERROR,
            Self::OtherUser => CloseCode::POLICY_VIOLATION,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit } => {
                write!(f, "all {limit} sessions that may be kept are in use")
            }
            Self::IdRepeated => f.write_str("id of the new session was used before"),
            Self::OtherClient => f.write_str("session has begun with another client"),
            Self::OtherUser => f.write_str("session belongs to another user"),
            Self::UserFull { limit } => {
                write!(f, "all {limit} sessions that may be kept for the user are in use")
            }
        }
    }
}

impl core::error::Error for Denied {}
