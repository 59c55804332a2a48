//! Everybody who is here: pages with their sessions, and the persons behind them. Knows no socket
//! and no log, and waits for nothing.

mod rooms;
mod telling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sanswire::delivery::{Attachment, Denied, Hello, Retention, Session, SessionId, Sessions};
use tokio::sync::Notify;

use crate::client::{Client, Key, limits};
use crate::flood::{Bucket, Empty};
use crate::names::{Name, Room};
use crate::protocol::Store;
use rooms::Members;

pub(crate) struct Hub {
    sessions: Sessions<Name>,
    /// As many as `sessions`, with the same keys.
    clients: BTreeMap<Key, Client>,
    persons: BTreeMap<Name, Person>,
    rooms: BTreeMap<Room, Members>,
    /// Whether the shared log is out of reach, since that has changed.
    store: Option<Store>,
    /// Who is present on other servers: in a public room or, without a room, online.
    elsewhere: BTreeMap<Option<Room>, BTreeSet<Name>>,
    /// Who has lost the connection, and when; the first is first.
    lost: VecDeque<(Instant, Key)>,
    /// The rooms whose number of people has changed since all were told.
    recounted: BTreeSet<Room>,
    /// Messages a second of one person.
    rate: u32,
    began: Instant,
}

/// Somebody with a page or several.
struct Person {
    keys: BTreeSet<Key>,
    /// How many of the pages are present.
    present: usize,
    says: Bucket,
    asks: Bucket,
}

/// A connection's claim on a page's session.
pub(crate) struct Seat {
    pub(crate) name: Name,
    /// Wakes the task of the connection.
    pub(crate) wake: Arc<Notify>,
    key: Key,
    attachment: Attachment,
}

impl Hub {
    pub(crate) fn new(rate: u32) -> Self {
        let retention = Retention::default()
            .max_sessions(MAX_SESSIONS)
            .max_absence(MAX_ABSENCE)
            .limits(limits());
        Self {
            sessions: Sessions::new(retention),
            clients: BTreeMap::new(),
            persons: BTreeMap::new(),
            rooms: BTreeMap::new(),
            store: None,
            elsewhere: BTreeMap::new(),
            lost: VecDeque::new(),
            recounted: BTreeSet::new(),
            rate,
            began: Instant::now(),
        }
    }

    /// Returns how many messages a second a person may say.
    pub(crate) const fn rate(&self) -> u32 {
        self.rate
    }

    /// Finds the session that a page names, or begins one.
    pub(crate) fn attach(
        &mut self,
        name: &Name,
        hello: &Hello,
        new: SessionId,
    ) -> Result<Seat, Denied> {
        let attachment = self.sessions.attach(name.clone(), hello, new, self.began.elapsed())?;
        let server = self.sessions.get(attachment).map_or(new, |session| session.id());
        let key = Key { page: hello.from, server };
        let client = self.clients.entry(key).or_insert_with(|| Client::new(name.clone()));
        // A connection before this one finds that the session is no longer its own.
        client.wake.notify_one();
        client.wake = Arc::default();
        client.lost = None;
        let wake = Arc::clone(&client.wake);
        let (rate, now) = (f64::from(self.rate), Instant::now());
        let person = self.persons.entry(name.clone()).or_insert_with(|| Person {
            keys: BTreeSet::new(),
            present: 0,
            says: Bucket::new(rate, 4.0 * rate, now),
            asks: Bucket::new(ASKS, 4.0 * ASKS, now),
        });
        person.keys.insert(key);
        // The new session may have taken the place of another.
        self.forget_dropped();
        Ok(Seat { name: name.clone(), wake, key, attachment })
    }

    /// Reports the end of a connection.
    pub(crate) fn detach(&mut self, seat: &Seat) {
        if self.sessions.get(seat.attachment).is_none() {
            return;
        }
        self.sessions.detach(seat.attachment, self.began.elapsed());
        let now = Instant::now();
        if let Some(client) = self.clients.get_mut(&seat.key) {
            client.lost = Some(now);
        }
        self.lost.push_back((now, seat.key));
    }

    /// Returns the session of a connection, unless another connection has it now.
    pub(crate) fn session(&mut self, seat: &Seat) -> Option<&mut Session> {
        self.sessions.get(seat.attachment)
    }

    /// Begins with a page that knows nothing of this server, whatever it has joined before.
    pub(crate) fn begin(&mut self, seat: &Seat) {
        let Some(client) = self.clients.get_mut(&seat.key) else { return };
        client.has_begun = true;
        let rooms: Vec<_> = client.rooms.keys().cloned().collect();
        for room in rooms {
            self.leave(seat, &room);
        }
        self.arrive(seat);
    }

    /// Lets a page be seen by others, which has a connection.
    pub(crate) fn arrive(&mut self, seat: &Seat) {
        let Some(client) = self.clients.get_mut(&seat.key) else { return };
        if std::mem::replace(&mut client.is_present, true) {
            return;
        }
        let rooms: Vec<_> = client.rooms.keys().cloned().collect();
        if let Some(person) = self.persons.get_mut(&seat.name) {
            person.present += 1;
            if person.present == 1 && !self.is_elsewhere(None, &seat.name) {
                self.tell_of_online(&seat.name);
            }
        }
        for room in rooms {
            self.enter(&room, &seat.name);
        }
    }

    /// Takes note that somebody wants something other than to say a message.
    pub(crate) fn count(&mut self, seat: &Seat) -> Result<(), Empty> {
        let Some(person) = self.persons.get_mut(&seat.name) else { return Ok(()) };
        person.asks.take(Instant::now())
    }

    /// Takes note that somebody wants to say a message. It waits for those before it.
    pub(crate) fn count_message(&mut self, seat: &Seat, room: &str, id: &str) -> Result<(), Empty> {
        let Some(person) = self.persons.get_mut(&seat.name) else { return Ok(()) };
        let Some(client) = self.clients.get_mut(&seat.key) else { return Ok(()) };
        let now = Instant::now();
        if client.held.is_before(room, id, now) {
            return Err(person.says.refuse(now));
        }
        let counted = person.says.take(now);
        if counted.is_err() {
            client.held.hold(room, id, now);
        }
        counted
    }

    /// Has what a page says in a room wait until it says this again, which was refused for now.
    pub(crate) fn hold(&mut self, seat: &Seat, room: &str, id: &str) {
        if let Some(client) = self.clients.get_mut(&seat.key) {
            client.held.hold(room, id, Instant::now());
        }
    }

    /// Does what is due: call it several times a second.
    pub(crate) fn tick(&mut self) {
        let now = Instant::now();
        while let Some(&(since, key)) = self.lost.front()
            && now.duration_since(since) >= GRACE
        {
            self.lost.pop_front();
            // It may have come back, and gone again.
            if self.clients.get(&key).is_some_and(|client| client.lost == Some(since)) {
                self.depart(key);
            }
        }
        self.sessions.handle_timeout(self.began.elapsed());
        self.forget_dropped();
        self.tell_counts();
    }

    /// Lets a page be seen no more.
    fn depart(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if !std::mem::replace(&mut client.is_present, false) {
            return;
        }
        let name = client.name.clone();
        let rooms: Vec<_> = client.rooms.keys().cloned().collect();
        for room in rooms {
            self.exit(&room, &name);
        }
        if let Some(person) = self.persons.get_mut(&name) {
            person.present -= 1;
            if person.present == 0 && !self.is_elsewhere(None, &name) {
                self.tell_of_online(&name);
            }
        }
    }

    /// Forgets the pages whose sessions were dropped: they stayed away, or made room for others.
    fn forget_dropped(&mut self) {
        if self.clients.len() == self.sessions.len() {
            return;
        }
        let keys: Vec<_> = self.clients.keys().copied().collect();
        for key in keys {
            if self.sessions.find(key.page, key.server).is_some() {
                continue;
            }
            self.depart(key);
            let Some(client) = self.clients.remove(&key) else { continue };
            // Its connection finds that it has no session.
            client.wake.notify_one();
            for room in client.rooms.keys() {
                self.remove_key(room, key);
            }
            if let Some(person) = self.persons.get_mut(&client.name) {
                person.keys.remove(&key);
                if person.keys.is_empty() {
                    self.persons.remove(&client.name);
                }
            }
        }
    }
}

/// How many sessions there may be, so that they have at most 1 GiB of messages.
const MAX_SESSIONS: usize = 4096;
/// How long a session waits for its page. Later, the page catches up from the log.
const MAX_ABSENCE: Duration = Duration::from_secs(300);
/// How long a person without a connection is still seen: the time of a reload.
const GRACE: Duration = Duration::from_secs(5);
/// Commands of one person a second.
const ASKS: f64 = 50.0;
