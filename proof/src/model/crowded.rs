//! More clients than a server keeps sessions for: whose session is replaced, who is denied one, who
//! is forgotten, and what their applications hear of it.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use sanswire::delivery::{
    Attachment, Denied, Hello, Limits, Retention, Session, SessionEvent, SessionId, Sessions,
};
use sanswire::{Message, Timestamp};

use super::delivery::{bytes_of, id, identify, text_of};
use super::explorer::{Model, hash_debug};
use crate::Extent;

/// Two sessions are kept in all, and so many of one user.
pub(crate) struct Crowded<const PER_USER: usize> {
    clients: [Client; 4],
    sessions: Sessions<usize>,
    /// What must be kept by the documentation of `Sessions`, the oldest first.
    kept: Vec<Kept>,
    connections: Vec<Connection>,
    /// How many ids were made: each is another.
    ids: u64,
    /// In `UNIT`s.
    now: u32,
}

struct Client {
    user: usize,
    id: SessionId,
    session: Session,
    /// The index of the connection that it uses.
    connection: Option<usize>,
    greetings: u8,
    to_server: Way,
    to_client: Way,
}

struct Connection {
    client: usize,
    to_server: VecDeque<Message>,
    to_client: VecDeque<Message>,
    attachment: Option<Attachment>,
    /// The server's end of its session.
    server: Option<SessionId>,
    /// Whether the client has named a session that the server did not have.
    names_a_stranger: bool,
    /// Whether the server takes part in it.
    is_served: bool,
}

/// A session of the server.
#[derive(Clone, Debug, Hash)]
struct Kept {
    client: usize,
    user: usize,
    server: SessionId,
    has_begun: bool,
    /// The index of its connection, or since when it has none.
    presence: Result<usize, u32>,
}

/// The messages of one client in one direction.
#[derive(Debug, Default, Hash)]
struct Way {
    left: u8,
    /// What the session took, and, of a server, the session that did.
    sent: Vec<(String, Option<SessionId>)>,
    /// What was given to a connection.
    transmitted: Vec<String>,
    got: Vec<String>,
    /// What the sender was told.
    told: Vec<String>,
}

/// The number is a client or a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    ClientSend(usize),
    ServerSend(usize),
    /// Gives up the connection that it has, without the server noticing. Its first Hello arrives.
    Greet(usize),
    /// All that is under way to the client arrives.
    Hear(usize),
    /// All that is under way arrives, and so does what comes of it.
    Talk(usize),
    /// Both ends see the end of the connection.
    Lose(usize),
    /// The server sees the end of a connection that was given up.
    End(usize),
    Wait,
    Timeout,
}

impl<const PER_USER: usize> Model for Crowded<PER_USER> {
    type Action = Action;

    fn new() -> Self {
        let client = |number: u64, user, [to_server, to_client]: [u8; 2]| Client {
            user,
            id: id(number),
            session: Session::new(id(number), limits()),
            connection: None,
            greetings: GREETINGS,
            to_server: Way { left: to_server, ..Way::default() },
            to_client: Way { left: to_client, ..Way::default() },
        };
        let retention = Retention::default()
            .max_sessions(MAX_SESSIONS)
            .max_user_sessions(PER_USER)
            .max_absence(UNIT * MAX_ABSENCE)
            .limits(limits());
        Self {
            clients: [
                client(1, 0, [2, 2]),
                client(2, 0, [1, 0]),
                client(3, 0, [0, 0]),
                client(4, 1, [1, 1]),
            ],
            sessions: Sessions::new(retention),
            kept: Vec::new(),
            connections: Vec::new(),
            ids: 4,
            now: 0,
        }
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (at, client) in self.clients.iter().enumerate() {
            // The three of one user are the same until they differ: they come in their order.
            if matches!(at, 1 | 2) && self.clients[at - 1].greetings == GREETINGS {
                continue;
            }
            if client.to_server.left > 0 {
                actions.push(Action::ClientSend(at));
            }
            if client.to_client.left > 0 && self.begun_of(at).is_some() {
                actions.push(Action::ServerSend(at));
            }
            if client.greetings > 0 {
                actions.push(Action::Greet(at));
            }
            let Some(used) = client.connection else { continue };
            let connection = &self.connections[used];
            if !connection.to_client.is_empty() {
                actions.push(Action::Hear(at));
            }
            if !(connection.to_client.is_empty() && connection.to_server.is_empty()) {
                actions.push(Action::Talk(at));
            }
            actions.push(Action::Lose(at));
        }
        for (at, connection) in self.connections.iter().enumerate() {
            if connection.is_served && self.clients[connection.client].connection != Some(at) {
                actions.push(Action::End(at));
            }
        }
        if self.now < MAX_ABSENCE + 1 {
            actions.push(Action::Wait);
        }
        if self.sessions.poll_timeout().is_some_and(|due| due <= self.time()) {
            actions.push(Action::Timeout);
        }
        actions
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::ClientSend(at) => {
                let Client { session, to_server, .. } = &mut self.clients[at];
                send(session, to_server, format!("{at} to server"), None)?;
            }
            Action::ServerSend(at) => {
                let server = self.begun_of(at).ok_or("the session has begun, and is gone")?;
                let Client { id, to_client, .. } = &mut self.clients[at];
                let session = self.sessions.find(*id, server);
                let session = session.ok_or("a session that is kept is not found")?;
                send(session, to_client, format!("server to {at}"), Some(server))?;
            }
            Action::Greet(at) => {
                self.clients[at].greetings -= 1;
                self.greet(at)?;
            }
            Action::Hear(at) => self.hear(at)?,
            Action::Talk(at) => self.talk(at)?,
            Action::Lose(at) => self.lose(at),
            Action::End(at) => self.end(at),
            Action::Wait => self.now += 1,
            Action::Timeout => self.forget(),
        }
        self.transmit()?;
        self.check()
    }

    fn identify(self, state: &mut impl Hasher) {
        for client in &self.clients {
            identify(&client.session, state);
            (client.connection, client.greetings).hash(state);
            (&client.to_server, &client.to_client).hash(state);
        }
        hash_debug(&self.sessions, state);
        self.sessions.iter().for_each(|(.., session)| identify(session, state));
        for connection in &self.connections {
            hash_debug(&connection.attachment, state);
            (connection.client, connection.server, connection.is_served).hash(state);
            connection.names_a_stranger.hash(state);
            for message in connection.to_client.iter().chain(&connection.to_server) {
                bytes_of(message).hash(state);
            }
            connection.to_client.len().hash(state);
        }
        (&self.kept, self.ids, self.now).hash(state);
    }

    fn endings(&self) -> usize {
        2
    }

    fn settle(mut self, ending: usize) -> Result<(), String> {
        self.intrude()?;
        // One after the other comes, alone: at once those who had a session, or who had none.
        for at in [[0, 1, 2, 3], [2, 3, 1, 0]][ending] {
            for other in 0..self.clients.len() {
                self.lose(other);
            }
            for given_up in 0..self.connections.len() {
                self.end(given_up);
            }
            self.greet(at)?;
            if self.clients[at].connection.is_none() {
                // All wait for their clients, and for no longer than they may.
                self.now += MAX_ABSENCE;
                self.forget();
                self.check()?;
                self.greet(at)?;
            }
            self.talk(at)?;
            self.check()?;
            self.check_client(at)?;
        }
        Ok(())
    }

    fn depth(extent: Extent) -> usize {
        match extent {
            Extent::Full => 7,
            Extent::Short => 5,
        }
    }
}

impl<const PER_USER: usize> Crowded<PER_USER> {
    fn greet(&mut self, client: usize) -> Result<(), String> {
        if let Some(given_up) = self.clients[client].connection {
            self.connections[given_up].to_server.clear();
            self.connections[given_up].to_client.clear();
        }
        let at = self.connections.len();
        self.clients[client].connection = Some(at);
        self.clients[client].session.handle_connected();
        self.connections.push(Connection {
            client,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            attachment: None,
            server: None,
            names_a_stranger: false,
            is_served: true,
        });
        self.transmit()?;
        self.tell_server(at)?;
        self.transmit()
    }

    fn talk(&mut self, client: usize) -> Result<(), String> {
        for _ in 0..100 {
            let Some(at) = self.clients[client].connection else { return Ok(()) };
            let Connection { to_server, to_client, is_served, .. } = &self.connections[at];
            if to_server.is_empty() && to_client.is_empty() {
                if !is_served {
                    self.lose(client);
                }
                return Ok(());
            }
            self.tell_server(at)?;
            self.transmit()?;
            self.hear(client)?;
            self.transmit()?;
        }
        Err(format!("client {client} and the server talk on and on"))
    }

    /// Gives the client all that is under way to it.
    fn hear(&mut self, client: usize) -> Result<(), String> {
        let Some(at) = self.clients[client].connection else { return Ok(()) };
        while let Some(message) = self.connections[at].to_client.pop_front() {
            let Client { session, to_server, to_client, .. } = &mut self.clients[client];
            let known = session.peer();
            let is_kept = self.kept.iter().any(|kept| Some(kept.server) == known);
            let event = session.handle_message(message);
            match event.map_err(|error| format!("client {client}: {error}"))? {
                Some(SessionEvent::Message(message)) => to_client.got.push(text_of(&message)),
                Some(SessionEvent::PeerForgot(lost)) if is_kept || known.is_none() => {
                    return Err(format!("client {client} was not forgotten, and hears {lost:?}"));
                }
                Some(SessionEvent::PeerForgot(lost)) => {
                    let [sent, unsent] = [lost.sent, lost.unsent]
                        .map(|messages| messages.iter().map(text_of).collect::<Vec<_>>());
                    let was_transmitted = |text: &String| to_server.transmitted.contains(text);
                    if !sent.iter().all(was_transmitted) || unsent.iter().any(was_transmitted) {
                        let was = &to_server.transmitted;
                        return Err(format!(
                            "{was:?} were sent, told: {sent:?} and not {unsent:?}"
                        ));
                    }
                    to_server.told.extend(sent.into_iter().chain(unsent));
                }
                Some(SessionEvent::Started) if known.is_none() => {}
                Some(SessionEvent::Resumed) if is_kept => {}
                None => {}
                Some(event) => return Err(format!("client {client} knew {known:?}: {event:?}")),
            }
        }
        Ok(())
    }

    /// Gives the server all that is under way to it.
    fn tell_server(&mut self, at: usize) -> Result<(), String> {
        while let Some(message) = self.connections[at].to_server.pop_front() {
            let client = self.connections[at].client;
            let attachment = match self.connections[at].attachment {
                Some(attachment) => attachment,
                None => match self.attach(at, &message)? {
                    Some(attachment) => attachment,
                    None => return Ok(()),
                },
            };
            let Some(session) = self.sessions.get(attachment) else {
                self.end(at);
                return Ok(());
            };
            let event = session.handle_message(message);
            let event = event.map_err(|error| format!("server, of {client}: {error}"))?;
            let Connection { server, names_a_stranger, .. } = self.connections[at];
            let kept = self.kept.iter_mut().find(|kept| Some(kept.server) == server);
            let kept = kept.ok_or("a session that must be gone is there")?;
            match event {
                Some(SessionEvent::Message(message)) => {
                    self.clients[client].to_server.got.push(text_of(&message));
                }
                Some(SessionEvent::Started) if !kept.has_begun && !names_a_stranger => {}
                Some(SessionEvent::Forgot) if !kept.has_begun && names_a_stranger => {}
                Some(SessionEvent::Resumed) if kept.has_begun => {}
                None => continue,
                Some(event) => return Err(format!("server, of {client}: {event:?}, {kept:?}")),
            }
            kept.has_begun = true;
        }
        Ok(())
    }

    /// Finds or makes the session of a connection: nothing if it is denied.
    fn attach(&mut self, at: usize, message: &Message) -> Result<Option<Attachment>, String> {
        let hello = Hello::parse(message).map_err(|error| error.to_string())?;
        let client = self.connections[at].client;
        let user = self.clients[client].user;
        let known = self.clients[client].session.peer();
        self.ids += 1;
        let new = id(self.ids);
        let before: Vec<Kept> = self.kept.clone();
        let due = self.claim(client, known, new);
        let attached = self.sessions.attach(user, &hello, new, UNIT * self.now);
        if due.map(|_| ()) != attached.map(|_| ()) {
            return Err(format!("{client} comes: {due:?} is due, not {attached:?}"));
        }
        // The promise itself, beside the rules that come of it: who has begun goes for its own user alone.
        for kept in before.iter().filter(|kept| kept.has_begun && kept.user != user) {
            let is_gone = self.sessions.find(self.clients[kept.client].id, kept.server).is_none();
            if is_gone && !self.is_forgotten(kept) {
                return Err(format!("{kept:?} went for {client}, of another user"));
            }
        }
        let (Ok(server), Ok(attachment)) = (due, attached) else {
            self.connections[at].is_served = false;
            self.lose(client);
            return Ok(None);
        };
        let kept = self.kept.iter_mut().find(|kept| kept.server == server);
        kept.ok_or("it was kept")?.presence = Ok(at);
        let connection = &mut self.connections[at];
        connection.names_a_stranger = known.is_some_and(|known| known != server);
        connection.server = Some(server);
        connection.attachment = Some(attachment);
        Ok(Some(attachment))
    }

    /// Returns which session a client must get that knows one, or why none; keeps what must be kept.
    fn claim(
        &mut self,
        client: usize,
        known: Option<SessionId>,
        new: SessionId,
    ) -> Result<SessionId, Denied> {
        let now = self.now;
        self.kept.retain(|kept| kept.presence.map_or_else(|since| stays(since, now), |_| true));
        let is_known = |kept: &&Kept| kept.client == client && Some(kept.server) == known;
        if let Some(kept) = self.kept.iter().find(is_known) {
            return Ok(kept.server);
        }
        let user = self.clients[client].user;
        if self.count(|kept| kept.user == user) == PER_USER {
            // "One more replaces the user's oldest session that has not begun, connected or not."
            let oldest = self.kept.iter().position(|kept| kept.user == user && !kept.has_begun);
            // "If all have begun, it replaces the one whose client has been away for the longest."
            let at = oldest.or_else(|| self.longest_away(user));
            // "If all have begun and are connected, the new one is denied."
            self.kept.remove(at.ok_or(Denied::UserFull { limit: PER_USER })?);
        }
        if self.kept.len() == MAX_SESSIONS {
            // "One more replaces a session that has not begun, connected or not: of the user with
            // the most such sessions, the oldest." The new one is one of its user's.
            let waiting = |of| {
                self.count(|kept| kept.user == of && !kept.has_begun) + usize::from(of == user)
            };
            let unproved = self.kept.iter().filter(|kept| !kept.has_begun);
            let most = unproved.map(|kept| kept.user).max_by_key(|of| waiting(*of));
            let is_least = |kept: &Kept| Some(kept.user) == most && !kept.has_begun;
            // "If all have begun, it replaces the session of the same user whose client has been
            // away for the longest."
            let at = self.kept.iter().position(is_least).or_else(|| self.longest_away(user));
            // "If no client of this user is away, the new session is denied."
            self.kept.remove(at.ok_or(Denied::Full { limit: MAX_SESSIONS })?);
        }
        let presence = Err(now);
        self.kept.push(Kept { client, user, server: new, has_begun: false, presence });
        Ok(new)
    }

    /// The index of a user's session whose client has been away for the longest. Of two that went
    /// at the same time, the one with the lower id goes: this is not promised.
    fn longest_away(&self, user: usize) -> Option<usize> {
        let away = |(at, kept): (usize, &Kept)| {
            let since = kept.presence.err().filter(|_| kept.user == user)?;
            Some((since, self.clients[kept.client].id, kept.server, at))
        };
        self.kept.iter().enumerate().filter_map(away).min().map(|(.., at)| at)
    }

    fn forget(&mut self) {
        self.sessions.handle_timeout(UNIT * self.now);
        let now = self.now;
        self.kept.retain(|kept| kept.presence.map_or_else(|since| stays(since, now), |_| true));
    }

    /// Both see the end of a client's connection.
    fn lose(&mut self, client: usize) {
        let Client { session, connection, .. } = &mut self.clients[client];
        if let Some(at) = connection.take() {
            session.handle_disconnected();
            self.end(at);
        }
    }

    /// The server sees the end of a connection.
    fn end(&mut self, at: usize) {
        let Connection { attachment, to_server, to_client, is_served, .. } =
            &mut self.connections[at];
        to_server.clear();
        to_client.clear();
        *is_served = false;
        if let Some(attachment) = *attachment {
            self.sessions.detach(attachment, UNIT * self.now);
        }
        for kept in self.kept.iter_mut().filter(|kept| kept.presence == Ok(at)) {
            kept.presence = Err(self.now);
        }
    }

    /// Everybody sends what can be sent.
    fn transmit(&mut self) -> Result<(), String> {
        for client in &mut self.clients {
            client.session.acknowledge();
            let Some(at) = client.connection else { continue };
            while let Some(message) = client.session.poll_transmit() {
                client.to_server.note(&message);
                // The server is gone, or will not look.
                if self.connections[at].is_served {
                    self.connections[at].to_server.push_back(message);
                }
            }
        }
        for (at, connection) in self.connections.iter_mut().enumerate() {
            let Some(attachment) = connection.attachment else { continue };
            let Some(session) = self.sessions.get(attachment) else {
                // Another connection has the session, or it is gone: this one is closed.
                connection.is_served = false;
                continue;
            };
            let client = &mut self.clients[connection.client];
            session.acknowledge();
            while let Some(message) = session.poll_transmit() {
                client.to_client.note(&message);
                if client.connection == Some(at) {
                    connection.to_client.push_back(message);
                }
            }
        }
        Ok(())
    }

    /// What is true at any time.
    fn check(&mut self) -> Result<(), String> {
        let mut due: Vec<_> = self.kept.iter().map(|kept| self.told_of(kept)).collect();
        let is = self
            .sessions
            .iter()
            .map(|(client, user, session)| (client, session.id(), *user, session.peer().is_some()));
        let is: Vec<_> = is.collect();
        due.sort_unstable();
        if is != due || self.sessions.len() != due.len() {
            return Err(format!("{due:?} must be kept, not {is:?}"));
        }
        let of_user = |user| is.iter().filter(|(_, _, of, _)| *of == user).count();
        if is.len() > MAX_SESSIONS || of_user(0) > PER_USER || of_user(1) > PER_USER {
            return Err(format!("too many are kept: {is:?}"));
        }
        let since = self.kept.iter().filter_map(|kept| kept.presence.err()).min();
        let timeout = since.map(|since| Timestamp::from(UNIT * (since + MAX_ABSENCE)));
        if self.sessions.poll_timeout() != timeout {
            return Err(format!("{timeout:?}, not {:?}", self.sessions.poll_timeout()));
        }
        for (at, connection) in self.connections.iter().enumerate() {
            let Some(attachment) = connection.attachment else { continue };
            let is_its = self.kept.iter().any(|kept| kept.presence == Ok(at));
            if self.sessions.get(attachment).is_some() != is_its {
                return Err(format!("that connection {at} has a session must be {is_its}"));
            }
        }
        for user in [0, 1] {
            let begun = self.kept.iter().filter(|kept| kept.user == user && kept.has_begun);
            let mut begun: Vec<_> = begun.map(|kept| kept.server).collect();
            let mut of_user: Vec<_> = self.sessions.of_user(&user).map(|it| it.id()).collect();
            begun.sort_unstable();
            of_user.sort_unstable();
            if begun != of_user {
                return Err(format!("of {user}, {begun:?} have begun, not {of_user:?}"));
            }
        }
        self.check_messages()
    }

    fn check_messages(&mut self) -> Result<(), String> {
        for Client { id, session, to_server, to_client, .. } in &self.clients {
            to_server.check()?;
            to_client.check()?;
            let waiting = waiting(session);
            for (text, _) in &to_server.sent {
                if !to_server.is_known(text) && !waiting.contains(text) {
                    return Err(format!("{text:?} is gone, and nobody was told"));
                }
            }
            for (text, server) in &to_client.sent {
                let session = server.and_then(|server| self.sessions.find(*id, server));
                // What is gone is gone with all its messages.
                let Some(session) = session else { continue };
                if !to_client.is_known(text) && !self::waiting(session).contains(text) {
                    return Err(format!("{text:?} is gone, though its session is not"));
                }
            }
        }
        Ok(())
    }

    /// What is true of a client that has come and has talked.
    fn check_client(&mut self, at: usize) -> Result<(), String> {
        let server = self.begun_of(at).ok_or(format!("{at} has no session"))?;
        let Client { id, session, to_server, .. } = &mut self.clients[at];
        let of_server = self.sessions.find(*id, server);
        let of_server = of_server.ok_or("a session that is kept is not found")?;
        if !session.is_open() || !of_server.is_open() || session.peer() != Some(server) {
            return Err(format!("{at} came, and its session is not open"));
        }
        if session.buffered_messages() + of_server.buffered_messages() > 0 {
            return Err(format!("{at} came, and messages still wait"));
        }
        if let Some((text, _)) = to_server.sent.iter().find(|(text, _)| !to_server.is_known(text)) {
            return Err(format!("{text:?} did not come, and nobody was told"));
        }
        Ok(())
    }

    /// The other user names each session, and must not get it.
    fn intrude(&mut self) -> Result<(), String> {
        for kept in self.kept.clone() {
            if self.is_forgotten(&kept) {
                continue;
            }
            let [from, to] = [self.clients[kept.client].id, kept.server].map(SessionId::to_bytes);
            let hello = Message::from([&[0][..], &from, &to, &[0; 8]].concat());
            let hello = Hello::parse(&hello).map_err(|error| error.to_string())?;
            let attached =
                self.sessions.attach(1 - kept.user, &hello, id(u64::MAX), UNIT * self.now);
            if attached != Err(Denied::OtherUser) {
                return Err(format!("another user takes {kept:?}: {attached:?}"));
            }
        }
        // It has looked at the time.
        self.forget();
        self.check()
    }

    fn is_forgotten(&self, kept: &Kept) -> bool {
        kept.presence.is_err_and(|since| !stays(since, self.now))
    }

    fn begun_of(&self, client: usize) -> Option<SessionId> {
        let begun = self.kept.iter().find(|kept| kept.client == client && kept.has_begun);
        begun.map(|kept| kept.server)
    }

    fn told_of(&self, kept: &Kept) -> (SessionId, SessionId, usize, bool) {
        (self.clients[kept.client].id, kept.server, kept.user, kept.has_begun)
    }

    fn count(&self, is_one: impl Fn(&Kept) -> bool) -> usize {
        self.kept.iter().filter(|kept| is_one(kept)).count()
    }

    fn time(&self) -> Timestamp {
        Timestamp::from(UNIT * self.now)
    }
}

impl Way {
    /// Notes what is given to a connection, if it is a message of the application.
    fn note(&mut self, message: &Message) {
        if let [2 | 3, frame @ ..] = bytes_of(message) {
            let text = String::from_utf8_lossy(&frame[16..]).into_owned();
            self.transmitted.push(text);
        }
    }

    fn is_known(&self, text: &String) -> bool {
        self.got.contains(text) || self.told.contains(text)
    }

    fn check(&self) -> Result<(), String> {
        for known in [&self.got, &self.told] {
            let mut sent = self.sent.iter();
            // Each once, in order: those that are left out are the others.
            if !known.iter().all(|known| sent.any(|(sent, _)| sent == known)) {
                return Err(format!(
                    "of {:?} came {:?}, told {:?}",
                    self.sent, self.got, self.told
                ));
            }
        }
        Ok(())
    }
}

/// Has a session take one more message, if it has room.
fn send(
    session: &mut Session,
    way: &mut Way,
    name: String,
    server: Option<SessionId>,
) -> Result<(), String> {
    let text = format!("{name}, {}", way.sent.len());
    let is_full = session.buffered_messages() == MAX_MESSAGES;
    match session.send(text.clone().into()) {
        Ok(()) if !is_full => {
            way.left -= 1;
            way.sent.push((text, server));
            Ok(())
        }
        Err(refused) if is_full && text_of(&refused.message) == text => Ok(()),
        other => Err(format!("{other:?}, and it must be that it is full: {is_full}")),
    }
}

/// What a session keeps for its peer.
fn waiting(session: &Session) -> Vec<String> {
    session.snapshot().unacknowledged.iter().map(text_of).collect()
}

fn stays(since: u32, now: u32) -> bool {
    now - since < MAX_ABSENCE
}

fn limits() -> Limits {
    Limits::default().max_messages(MAX_MESSAGES)
}

const MAX_SESSIONS: usize = 2;
const MAX_MESSAGES: usize = 1;
/// In `UNIT`s.
const MAX_ABSENCE: u32 = 2;
const UNIT: Duration = Duration::from_secs(1);
/// How often a client comes at most.
const GREETINGS: u8 = 3;
