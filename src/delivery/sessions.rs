//! A server's sessions, found by what their clients say first; knows no transport and no clock.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use core::fmt;
use core::time::Duration;

use super::limits::Limits;
use super::session::Session;
use super::wire::{Hello, SessionId};
use crate::close::CloseCode;

/// The sessions of a server, bounded in number and in how long they wait for their clients.
///
/// A session belongs to the user with whom it began, as far as the server knows users; `U` is `()`
/// where it does not. At most one connection has it: a client that comes back before its old
/// connection is known to be dead takes the session along, and [`get`](Self::get) tells the old one
/// so.
///
/// `now` is the time since a fixed point of your choice.
///
/// ```
/// use core::time::Duration;
/// use sanswire::delivery::{Event, Hello, Limits, Retention, Session, SessionId, Sessions};
///
/// # fn random(seed: u8) -> SessionId { SessionId::new([seed; 16]).unwrap() }
/// let mut client = Session::new(random(1), Limits::default());
/// client.handle_connected();
///
/// // A connection, and its first message.
/// let mut sessions = Sessions::new(Retention::default());
/// let message = client.poll_transmit().unwrap();
/// let hello = Hello::parse(&message)?;
/// let attachment = sessions.connect("alice", &hello, random(2), Duration::ZERO)?;
/// let session = sessions.get(attachment).unwrap();
/// assert_eq!(session.handle_message(message)?, Some(Event::Started));
///
/// // It ends: the session waits for the next one.
/// sessions.disconnect(attachment, Duration::from_secs(60));
/// assert_eq!(sessions.len(), 1);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sessions<U> {
    retention: Retention,
    /// By the ids of their clients. len() <= max_sessions
    kept: BTreeMap<SessionId, Kept<U>>,
    /// The number of the last connection.
    connections: u64,
}

/// How many sessions a server keeps, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// How many sessions are kept. For one more, that whose client has been away for the longest is
    /// dropped; while all are connected, it is denied.
    ///
    /// Default 1024: with the default limits, 1 GiB of messages at the very most.
    pub max_sessions: usize,
    /// For how long a session waits for its client.
    ///
    /// Default 1 h: a journey by train. A client that stays away longer begins anew, and is told so.
    pub max_absence: Duration,
    /// The limits of each session.
    pub limits: Limits,
}

/// A connection's claim on its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attachment {
    client: SessionId,
    connection: u64,
}

#[derive(Debug)]
struct Kept<U> {
    user: U,
    session: Session,
    presence: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// Since when it has no connection.
    Away(Duration),
    /// The number of its connection.
    Connected(u64),
}

impl<U: PartialEq> Sessions<U> {
    /// Creates an empty map.
    #[must_use]
    pub const fn new(retention: Retention) -> Self {
        Self { retention, kept: BTreeMap::new(), connections: 0 }
    }

    /// Finds the session that a client's Hello asks for, or makes a new one with the id `new`, and
    /// begins with the connection. The message itself is then to be given to the session.
    ///
    /// `new` must be random and fresh each time.
    ///
    /// # Errors
    ///
    /// [`Denied`]: the connection is to be closed.
    pub fn connect(
        &mut self,
        user: U,
        hello: &Hello,
        new: SessionId,
        now: Duration,
    ) -> Result<Attachment, Denied> {
        self.handle_timeout(now);
        if !self.kept.contains_key(&hello.from) {
            self.make_room()?;
        }
        let kept = match self.kept.entry(hello.from) {
            // Whoever knows the ids of both ends can take a session over, but not from another
            // user.
            Entry::Occupied(entry) if entry.get().user != user => return Err(Denied::OtherUser),
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let session = Session::new(new, self.retention.limits);
                entry.insert(Kept { user, session, presence: Presence::Away(now) })
            }
        };
        self.connections += 1;
        kept.presence = Presence::Connected(self.connections);
        kept.session.handle_connected();
        Ok(Attachment { client: hello.from, connection: self.connections })
    }

    /// Keeps a session that was [restored](Session::restore), until its client comes back. It
    /// replaces what there was of that client.
    ///
    /// # Errors
    ///
    /// [`Denied::Full`], or [`Denied::NotMet`]: nobody can ask for a session that met no client.
    pub fn insert(&mut self, user: U, session: Session, now: Duration) -> Result<(), Denied> {
        let client = session.peer().ok_or(Denied::NotMet)?;
        if !self.kept.contains_key(&client) {
            self.make_room()?;
        }
        self.kept.insert(client, Kept { user, session, presence: Presence::Away(now) });
        Ok(())
    }
}

impl<U> Sessions<U> {
    /// Returns the session of a connection; `None` when it has it no more: the client has come back
    /// on another one. Then the old one is to be closed.
    pub fn get(&mut self, attachment: Attachment) -> Option<&mut Session> {
        let kept = self.kept.get_mut(&attachment.client)?;
        let is_attached = kept.presence == Presence::Connected(attachment.connection);
        is_attached.then_some(&mut kept.session)
    }

    /// Returns the session of a client, here or away: to send to it.
    pub fn of_client(&mut self, client: SessionId) -> Option<&mut Session> {
        self.kept.get_mut(&client).map(|kept| &mut kept.session)
    }

    /// Notes the end of a connection. Ignored if another connection has taken the session.
    ///
    /// Whatever ends a connection must come to this, an aborted task as well: a session that counts
    /// as connected is kept forever.
    pub fn disconnect(&mut self, attachment: Attachment, now: Duration) {
        let Some(kept) = self.kept.get_mut(&attachment.client) else { return };
        if kept.presence == Presence::Connected(attachment.connection) {
            kept.presence = Presence::Away(now);
            kept.session.handle_disconnected();
        }
    }

    /// Drops the sessions whose clients have been away for too long, with the messages in them.
    pub fn handle_timeout(&mut self, now: Duration) {
        let max_absence = self.retention.max_absence;
        self.kept.retain(|_, kept| match kept.presence {
            Presence::Away(since) => now.saturating_sub(since) < max_absence,
            Presence::Connected(_) => true,
        });
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout); `None` while nobody is away.
    /// [`connect`](Self::connect) does it by itself.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let since = self.away().map(|(since, _)| since).min()?;
        Some(since.saturating_add(self.retention.max_absence))
    }

    /// Returns all sessions, with the ids of their clients and their users: to write them down.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &U, &Session)> {
        self.kept.iter().map(|(&client, kept)| (client, &kept.user, &kept.session))
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

    fn make_room(&mut self) -> Result<(), Denied> {
        if self.kept.len() >= self.retention.max_sessions {
            let (_, client) = self.away().min().ok_or(Denied::Full)?;
            self.kept.remove(&client);
        }
        Ok(())
    }

    /// Those who are away, and since when.
    fn away(&self) -> impl Iterator<Item = (Duration, SessionId)> {
        self.kept.iter().filter_map(|(&client, kept)| match kept.presence {
            Presence::Away(since) => Some((since, client)),
            Presence::Connected(_) => None,
        })
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_sessions: 1024,
            max_absence: Duration::from_secs(3600),
            limits: Limits::default(),
        }
    }
}

/// Why a client gets no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denied {
    /// As many clients are connected as may have sessions.
    Full,
    /// The session has never met its client.
    NotMet,
    /// The session belongs to another user.
    OtherUser,
}

impl Denied {
    /// Returns the code that the connection is to be closed with: 1008 for what is not the user's,
    /// 1013 ("try again later") for the rest.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Full | Self::NotMet => CloseCode::TRY_AGAIN_LATER,
            Self::OtherUser => CloseCode::POLICY_VIOLATION,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "as many sessions are in use as may be kept",
            Self::NotMet => "session has met no client",
            Self::OtherUser => "session belongs to another user",
        })
    }
}

impl core::error::Error for Denied {}
