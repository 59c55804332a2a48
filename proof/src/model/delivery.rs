//! Two clients and the sessions of their server, with their applications: connections that are
//! lost, given up and late, processes that crash, with their snapshots and without.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use sanswire::Message;
use sanswire::delivery::{
    Attachment, Hello, Limits, Retention, Session, SessionEvent, SessionId, Sessions,
};

use super::explorer::{Model, hash_debug};

pub(crate) struct Service {
    clients: [Client; 2],
    sessions: Sessions<usize>,
    connections: Vec<Connection>,
    /// What the server's application and those of the clients know, for each client.
    to_server: [Way; 2],
    to_client: [Way; 2],
    /// How many ids were made: each is another.
    ids: u64,
    crashes: u8,
    /// The newest id when the server last lost its memory: it knows no session up to this one.
    forgotten: Option<SessionId>,
}

struct Client {
    session: Session,
    /// The index of the connection that it uses.
    connection: Option<usize>,
    connects: u8,
}

struct Connection {
    client: usize,
    to_server: VecDeque<Message>,
    to_client: VecDeque<Message>,
    attachment: Option<Attachment>,
    /// Whether the server takes part in it.
    is_served: bool,
}

/// The messages of one client in one direction.
#[derive(Debug, Default, Hash)]
struct Way {
    left: u8,
    sent: Vec<String>,
    got: Vec<String>,
    /// What the sender was told: sent and not acknowledged, and never sent.
    lost: Vec<String>,
    unsent: Vec<String>,
    /// Of how many messages, the first ones, nobody is told: the sender has lost its memory since,
    /// or sent them to a client that had.
    exempt: usize,
}

/// Who has lost its memory of a session: only that may be reported.
#[derive(Clone, Copy)]
struct Losses {
    own: bool,
    of_peer: bool,
}

/// The same, from where both sessions have begun.
pub(crate) struct Begun(Service);

impl Model for Begun {
    type Action = Action;

    fn new() -> Self {
        let mut service = Service::new();
        for client in 0..2 {
            service.connect(client);
            service.transmit();
            // Three times Hello.
            for deliver in
                [Service::deliver_to_server, Service::deliver_to_client, Service::deliver_to_server]
            {
                deliver(&mut service, client).expect("a session begins");
                service.transmit();
            }
        }
        Self(service)
    }

    fn actions(&self) -> Vec<Action> {
        self.0.actions()
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        self.0.act(action)
    }

    fn identify(self, state: &mut impl Hasher) {
        self.0.identify(state);
    }

    fn settle(self, ending: usize) -> Result<(), String> {
        self.0.settle(ending)
    }
}

/// The number is a client or a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    ClientSend(usize),
    ServerSend(usize),
    /// Gives up the connection that it has.
    Connect(usize),
    DeliverToClient(usize),
    DeliverToServer(usize),
    /// The server sees the end of a connection.
    End(usize),
    /// The client sees the end of its connection.
    Lose(usize),
    CrashClient(usize, Memory),
    CrashServer(Memory),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Memory {
    Kept,
    Lost,
}

impl Model for Service {
    type Action = Action;

    fn new() -> Self {
        let client = |number| Client {
            session: Session::new(id(number), Limits::default()),
            connection: None,
            connects: 2,
        };
        let ways = || [2, 1].map(|left| Way { left, ..Way::default() });
        Self {
            clients: [client(1), client(2)],
            sessions: Sessions::new(Retention::default()),
            connections: Vec::new(),
            to_server: ways(),
            to_client: ways(),
            ids: 2,
            crashes: 0,
            forgotten: None,
        }
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (at, client) in self.clients.iter().enumerate() {
            if self.to_server[at].left > 0 {
                actions.push(Action::ClientSend(at));
            }
            if self.to_client[at].left > 0 && self.has_begun(at) {
                actions.push(Action::ServerSend(at));
            }
            if client.connects > 0 {
                actions.push(Action::Connect(at));
            }
            if client.connection.is_some() {
                actions.push(Action::Lose(at));
            }
            if self.crashes < CRASHES {
                actions.push(Action::CrashClient(at, Memory::Kept));
                actions.push(Action::CrashClient(at, Memory::Lost));
            }
        }
        for (at, connection) in self.connections.iter().enumerate() {
            let is_used = self.clients[connection.client].connection == Some(at);
            if is_used && !connection.to_client.is_empty() {
                actions.push(Action::DeliverToClient(at));
            }
            if connection.is_served {
                actions.push(Action::End(at));
                if !connection.to_server.is_empty() {
                    actions.push(Action::DeliverToServer(at));
                }
            }
        }
        if self.crashes < CRASHES {
            actions.push(Action::CrashServer(Memory::Kept));
            actions.push(Action::CrashServer(Memory::Lost));
        }
        actions
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::ClientSend(at) => {
                let text = self.to_server[at].next(format!("{at} to server"));
                let sent = self.clients[at].session.send(text.into());
                sent.map_err(|refused| refused.error.to_string())?;
            }
            Action::ServerSend(at) => {
                let text = self.to_client[at].next(format!("server to {at}"));
                // The newest, if the client has come back without its memory.
                let session = self.sessions.of_user(&at).max_by_key(|session| session.id());
                let session = session.ok_or("the session has begun, and is gone")?;
                session.send(text.into()).map_err(|refused| refused.error.to_string())?;
                // The server cannot know that its client is gone for ever.
                if session.peer() != Some(self.clients[at].session.id()) {
                    self.to_client[at].exempt_all();
                }
            }
            Action::Connect(at) => {
                self.clients[at].connects -= 1;
                self.connect(at);
            }
            Action::DeliverToClient(at) => self.deliver_to_client(at)?,
            Action::DeliverToServer(at) => self.deliver_to_server(at)?,
            Action::End(at) => self.end(at),
            Action::Lose(at) => self.lose(at),
            Action::CrashClient(at, memory) => {
                self.crashes += 1;
                self.crash_client(at, memory)?;
            }
            Action::CrashServer(memory) => {
                self.crashes += 1;
                self.crash_server(memory)?;
            }
        }
        self.transmit();
        self.check()
    }

    fn identify(self, state: &mut impl Hasher) {
        for client in &self.clients {
            identify(&client.session, state);
            (client.connection, client.connects).hash(state);
        }
        hash_debug(&self.sessions, state);
        self.sessions.iter().for_each(|(.., session)| identify(session, state));
        for connection in &self.connections {
            hash_debug(&connection.attachment, state);
            (connection.client, connection.is_served).hash(state);
            for message in connection.to_client.iter().chain(&connection.to_server) {
                bytes_of(message).hash(state);
            }
            connection.to_client.len().hash(state);
        }
        (&self.to_server, &self.to_client, self.ids, self.crashes).hash(state);
        self.forgotten.hash(state);
    }

    fn settle(mut self, _: usize) -> Result<(), String> {
        // What is given up ends some time; clients come back.
        for at in 0..self.connections.len() {
            if self.clients[self.connections[at].client].connection != Some(at) {
                self.end(at);
            }
        }
        for _ in 0..100 {
            let mut has_moved = false;
            for at in 0..2 {
                if self.clients[at].connection.is_none() {
                    self.connect(at);
                    has_moved = true;
                }
            }
            self.transmit();
            for at in 0..self.connections.len() {
                let connection = &self.connections[at];
                let is_used = self.clients[connection.client].connection == Some(at);
                if connection.is_served && !connection.to_server.is_empty() {
                    self.deliver_to_server(at)?;
                    has_moved = true;
                } else if is_used && !connection.to_client.is_empty() {
                    self.deliver_to_client(at)?;
                    has_moved = true;
                } else if is_used && !connection.is_served {
                    self.lose(connection.client);
                    has_moved = true;
                }
                self.transmit();
            }
            self.check()?;
            if !has_moved {
                return self.check_end();
            }
        }
        Err("it goes on and on".into())
    }
}

impl Service {
    fn connect(&mut self, client: usize) {
        let Client { session, connection, .. } = &mut self.clients[client];
        *connection = Some(self.connections.len());
        session.handle_connected();
        self.connections.push(Connection {
            client,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            attachment: None,
            is_served: true,
        });
    }

    fn deliver_to_client(&mut self, at: usize) -> Result<(), String> {
        let connection = &mut self.connections[at];
        let client = connection.client;
        let Some(message) = connection.to_client.pop_front() else { return Ok(()) };
        let session = &mut self.clients[client].session;
        let of_peer = session.peer().is_some_and(|peer| Some(peer) <= self.forgotten);
        // A client without its memory has an id that no server knows.
        let losses = Losses { own: false, of_peer };
        let event = session.handle_message(message);
        let event = event.map_err(|error| format!("client {client}: {error}"))?;
        take(event, losses, &mut self.to_client[client], &mut self.to_server[client])
            .map_err(|fault| format!("client {client}: {fault}"))
    }

    fn deliver_to_server(&mut self, at: usize) -> Result<(), String> {
        let connection = &mut self.connections[at];
        let client = connection.client;
        let Some(message) = connection.to_server.pop_front() else { return Ok(()) };
        let attachment = if let Some(attachment) = connection.attachment {
            attachment
        } else {
            let hello = Hello::parse(&message).map_err(|error| error.to_string())?;
            self.ids += 1;
            let attached = self.sessions.attach(client, &hello, id(self.ids), Duration::ZERO);
            let attachment = attached.map_err(|denied| format!("server: {denied}"))?;
            *connection.attachment.insert(attachment)
        };
        let Some(session) = self.sessions.get(attachment) else {
            // The client has another connection: this one is closed.
            self.end(at);
            return Ok(());
        };
        match session.handle_message(message) {
            Ok(event) => {
                // A client without its memory has another session.
                let losses = Losses { own: self.forgotten.is_some(), of_peer: false };
                take(event, losses, &mut self.to_server[client], &mut self.to_client[client])
                    .map_err(|fault| format!("server, of {client}: {fault}"))?;
            }
            // A late Hello may expect less than was acknowledged meanwhile on a later connection.
            Err(_) if self.clients[client].connection != Some(at) => self.end(at),
            Err(error) => return Err(format!("server, of {client}: {error}")),
        }
        Ok(())
    }

    /// The server sees the end of a connection.
    fn end(&mut self, at: usize) {
        let connection = &mut self.connections[at];
        connection.is_served = false;
        connection.to_server.clear();
        if let Some(attachment) = connection.attachment {
            self.sessions.detach(attachment, Duration::ZERO);
        }
    }

    /// The client sees the end of its connection.
    fn lose(&mut self, client: usize) {
        let Client { session, connection, .. } = &mut self.clients[client];
        session.handle_disconnected();
        if let Some(at) = connection.take() {
            self.connections[at].to_client.clear();
        }
    }

    fn crash_client(&mut self, client: usize, memory: Memory) -> Result<(), String> {
        self.lose(client);
        let session = &mut self.clients[client].session;
        *session = match memory {
            Memory::Kept => restored(session)?,
            Memory::Lost => {
                self.ids += 1;
                self.to_server[client].exempt_all();
                // The server waits for it, and does not know that it has gone for ever.
                self.to_client[client].exempt_all();
                Session::new(id(self.ids), Limits::default())
            }
        };
        Ok(())
    }

    fn crash_server(&mut self, memory: Memory) -> Result<(), String> {
        for connection in &mut self.connections {
            connection.is_served = false;
            connection.attachment = None;
            connection.to_server.clear();
        }
        let before = std::mem::replace(&mut self.sessions, Sessions::new(Retention::default()));
        match memory {
            Memory::Kept => {
                for (client, user, session) in before.iter() {
                    let inserted =
                        self.sessions.insert(*user, client, restored(session)?, Duration::ZERO);
                    inserted.map_err(|denied| format!("server: {denied}"))?;
                }
            }
            Memory::Lost => {
                self.forgotten = Some(id(self.ids));
                self.to_client.iter_mut().for_each(Way::exempt_all);
            }
        }
        Ok(())
    }

    /// Everybody sends what can be sent.
    fn transmit(&mut self) {
        for client in &mut self.clients {
            client.session.acknowledge();
            let Some(at) = client.connection else { continue };
            while let Some(message) = client.session.poll_transmit() {
                // The server is gone, or will not look.
                if self.connections[at].is_served {
                    self.connections[at].to_server.push_back(message);
                }
            }
        }
        for connection in self.connections.iter_mut().filter(|connection| connection.is_served) {
            let Some(attachment) = connection.attachment else { continue };
            let Some(session) = self.sessions.get(attachment) else {
                // Another connection has the session: this one is closed, though nothing arrives.
                connection.is_served = false;
                continue;
            };
            session.acknowledge();
            while let Some(message) = session.poll_transmit() {
                connection.to_client.push_back(message);
            }
        }
    }

    fn has_begun(&self, client: usize) -> bool {
        self.sessions.iter().any(|(_, user, session)| *user == client && session.peer().is_some())
    }

    /// What is true at any time.
    fn check(&self) -> Result<(), String> {
        for way in self.to_server.iter().chain(&self.to_client) {
            let mut sent = way.sent.iter();
            // Each once, in order: those that are left out are the others.
            if !way.got.iter().all(|got| sent.any(|sent| sent == got)) {
                return Err(format!("of {:?} came {:?}", way.sent, way.got));
            }
            if let Some(unsent) = way.unsent.iter().find(|unsent| way.got.contains(unsent)) {
                return Err(format!("{unsent:?} was never sent, and came"));
            }
            let is_twice = |lost: &&String| way.told().filter(|told| told == lost).count() > 1;
            if let Some(twice) = way.told().find(is_twice) {
                return Err(format!("{twice:?} was lost twice"));
            }
        }
        Ok(())
    }

    /// What is true when all that can come has come.
    fn check_end(&self) -> Result<(), String> {
        for way in self.to_server.iter().chain(&self.to_client) {
            let is_known =
                |sent: &&String| way.got.iter().chain(way.told()).any(|known| known == *sent);
            let mut due = way.sent[way.exempt..].iter();
            if let Some(unknown) = due.find(|sent| !is_known(sent)) {
                return Err(format!("{unknown:?} did not come, and nobody was told"));
            }
        }
        if let Some(at) = self.clients.iter().position(|client| !client.session.is_open()) {
            return Err(format!("the session of {at} is not open"));
        }
        Ok(())
    }
}

impl Way {
    /// Notes one more message.
    fn next(&mut self, name: String) -> String {
        self.left -= 1;
        let text = format!("{name}, {}", self.sent.len());
        self.sent.push(text.clone());
        text
    }

    /// What the sender was told that it will not come, or may not.
    fn told(&self) -> impl Iterator<Item = &String> {
        self.lost.iter().chain(&self.unsent)
    }

    fn exempt_all(&mut self) {
        self.exempt = self.sent.len();
    }
}

/// Has an application take an event: `from` is the way to it, `to` its own.
fn take(
    event: Option<SessionEvent>,
    losses: Losses,
    from: &mut Way,
    to: &mut Way,
) -> Result<(), String> {
    let texts = |messages: &[Message]| messages.iter().map(text_of).collect::<Vec<_>>();
    match event {
        Some(SessionEvent::Message(message)) => from.got.push(text_of(&message)),
        Some(SessionEvent::PeerForgot(lost)) => {
            if !losses.of_peer {
                return Err(format!("its peer has forgotten nothing, and is said to: {lost:?}"));
            }
            to.lost.extend(texts(&lost.sent));
            to.unsent.extend(texts(&lost.unsent));
        }
        Some(SessionEvent::Forgot) if !losses.own => {
            return Err("it has forgotten nothing, and is said to".into());
        }
        _ => {}
    }
    Ok(())
}

fn restored(session: &Session) -> Result<Session, String> {
    let restored = Session::restore(session.snapshot(), Limits::default());
    restored.map_err(|error| error.to_string())
}

pub(super) fn identify(session: &Session, state: &mut impl Hasher) {
    hash_debug(session, state);
    // `Debug` shows no payload.
    session.snapshot().unacknowledged.iter().for_each(|message| bytes_of(message).hash(state));
}

pub(super) fn bytes_of(message: &Message) -> &[u8] {
    match message {
        Message::Binary(payload) => payload,
        Message::Text(text) => text.as_str().as_bytes(),
    }
}

pub(super) fn text_of(message: &Message) -> String {
    String::from_utf8_lossy(bytes_of(message)).into_owned()
}

pub(super) fn id(number: u64) -> SessionId {
    let [zeros, bytes] = [[0; 8], number.to_be_bytes()];
    // In front is what `Debug` shows.
    SessionId::new([bytes, zeros].concat().try_into().expect("16 bytes")).expect("not zero")
}

/// How often somebody crashes at most.
const CRASHES: u8 = 2;
