//! `Session`: two ends over connections that break at any moment, and restarts from snapshots. Messages
//! arrive once and in order, and all of them in the end; no end blames the other. Then a hostile peer:
//! whatever it sends, an error lasts until the next connection, nothing is delivered behind it, and the
//! session can be stored and restored. Then `Sessions` with small bounds: they hold, and no session that
//! has begun goes for another user.
#![no_main]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sanswire::Message;
use sanswire::delivery::{
    Attachment, Denied, Hello, Limits, Owner, Retention, Session, SessionEvent, SessionId, Sessions,
};
use sanswire_fuzz::Input;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let limits = Limits::default()
        .max_messages(input.one_of(&[1024, 0, 1, 3]))
        .max_bytes(input.one_of(&[1 << 20, 0, 5, 40]))
        .acknowledge_bytes(input.one_of(&[64 << 10, 0, 1, 10]));
    let plan = input.bytes();
    let mut pair = Pair::new(&limits);
    for action in plan {
        pair.act(*action);
    }
    pair.finish();
    let hostile =
        if input.byte() % 2 == 0 { pair.ends.swap_remove(0) } else { End::new(3, &limits) };
    attack(hostile.session, &limits, &mut input);
    let mut crowd = Crowd::new(&limits, &mut input);
    for action in input.bytes() {
        crowd.act(*action);
    }
});

struct End {
    session: Session,
    /// What the transport has not delivered.
    inbox: VecDeque<Message>,
    /// The texts of all messages that were taken.
    sent: Vec<String>,
    got: Vec<String>,
}

impl End {
    fn new(id: u8, limits: &Limits) -> Self {
        let id = SessionId::new([id; 16]).unwrap();
        Self {
            session: Session::new(id, limits.clone()),
            inbox: VecDeque::new(),
            sent: Vec::new(),
            got: Vec::new(),
        }
    }
}

struct Pair {
    ends: Vec<End>,
    limits: Limits,
    is_connected: bool,
}

impl Pair {
    fn new(limits: &Limits) -> Self {
        let ends = vec![End::new(1, limits), End::new(2, limits)];
        Self { ends, limits: limits.clone(), is_connected: false }
    }

    fn act(&mut self, action: u8) {
        let end = usize::from(action & 1);
        match action >> 1 & 7 {
            0 => self.connect(),
            1 => self.disconnect(),
            2 => self.send(end, usize::from(action >> 4)),
            3 => self.transmit(end),
            4 => self.deliver(end),
            5 => self.ends[end].session.acknowledge(),
            6 => self.restart(end),
            _ => while self.step() {},
        }
        for end in &self.ends {
            assert!(end.session.buffered_messages() <= end.sent.len());
            assert_eq!(end.session.buffered_amount() == 0, {
                let snapshot = end.session.snapshot();
                snapshot.unacknowledged.iter().all(Message::is_empty)
            });
        }
    }

    fn connect(&mut self) {
        self.disconnect();
        self.is_connected = true;
        for end in &mut self.ends {
            end.session.handle_connected();
        }
    }

    /// What is under way is lost.
    fn disconnect(&mut self) {
        self.is_connected = false;
        for end in &mut self.ends {
            end.inbox.clear();
            end.session.handle_disconnected();
        }
    }

    fn send(&mut self, end: usize, len: usize) {
        let end = &mut self.ends[end];
        let text = format!("{:0len$}", end.sent.len());
        let before = (end.session.buffered_messages(), end.session.buffered_amount());
        match end.session.send(Message::from(text.as_str())) {
            Ok(()) => end.sent.push(text),
            Err(refused) => {
                assert_eq!(refused.message, Message::from(text));
                let after = (end.session.buffered_messages(), end.session.buffered_amount());
                assert_eq!(after, before);
            }
        }
    }

    fn transmit(&mut self, end: usize) {
        if let Some(message) = self.ends[end].session.poll_transmit() {
            assert!(self.is_connected, "it sends without a connection");
            self.ends[1 - end].inbox.push_back(message);
        }
    }

    fn deliver(&mut self, end: usize) {
        let end = &mut self.ends[end];
        let Some(message) = end.inbox.pop_front() else { return };
        let event = end.session.handle_message(message).expect("an honest peer");
        match event {
            Some(SessionEvent::Message(message)) => {
                end.got.push(message.as_text().expect("a text").to_owned());
            }
            Some(SessionEvent::Resumed | SessionEvent::Started) | None => {}
            other => panic!("{other:?} although nobody has lost anything"),
        }
    }

    /// Restores an end from what it has stored, as after a crash. Its connection is gone.
    fn restart(&mut self, end: usize) {
        self.disconnect();
        let limits = self.limits.clone();
        let end = &mut self.ends[end];
        let snapshot = end.session.snapshot();
        end.session = Session::restore(snapshot.clone(), limits).expect("a snapshot of its own");
        assert_eq!(end.session.snapshot(), snapshot);
    }

    /// Does what can be done; returns whether there was anything.
    fn step(&mut self) -> bool {
        let mut has_moved = false;
        for end in 0..2 {
            let before = self.ends[1 - end].inbox.len();
            self.transmit(end);
            has_moved |= self.ends[1 - end].inbox.len() > before;
            has_moved |= !self.ends[end].inbox.is_empty();
            self.deliver(end);
        }
        has_moved
    }

    /// A connection that lasts brings everything.
    fn finish(&mut self) {
        self.connect();
        for _ in 0..3 {
            while self.step() {}
            for end in &mut self.ends {
                end.session.acknowledge();
            }
        }
        assert!(!self.step());
        for (from, to) in [(0, 1), (1, 0)] {
            assert_eq!(self.ends[to].got, self.ends[from].sent);
            assert!(self.ends[from].session.is_open());
            assert_eq!(self.ends[from].session.buffered_messages(), 0);
        }
    }
}

/// Has a peer send anything.
fn attack(mut session: Session, limits: &Limits, input: &mut Input<'_>) {
    let own = session.id().to_bytes();
    let mut failed = None;
    let mut is_connected = session.is_open();
    for _ in 0..64 {
        match input.byte() % 8 {
            0 => {
                session.handle_connected();
                (failed, is_connected) = (None, true);
            }
            1 => {
                session.handle_disconnected();
                (failed, is_connected) = (None, false);
            }
            2 => drop(session.send(Message::from("more"))),
            3 => {
                let sends = session.poll_transmit().is_some();
                assert!(!sends || is_connected && failed.is_none());
            }
            4 => session.acknowledge(),
            kind => {
                let text = input.bytes();
                // A Hello, data or an acknowledgement that may fit.
                let message = match kind {
                    5 => Message::from(text.to_vec()),
                    6 => Message::from([&[0][..], text, &own].concat()),
                    _ => Message::from([&[input.byte() % 5][..], &[0; 6], text].concat()),
                };
                let before = session.snapshot();
                match session.handle_message(message) {
                    Ok(_) => assert!(is_connected && failed.is_none()),
                    Err(error) => {
                        assert!(failed.is_none_or(|before| before == error));
                        assert_eq!(session.snapshot(), before, "the session is harmed");
                        assert!(session.poll_transmit().is_none() && !session.is_open());
                        failed = is_connected.then_some(error);
                    }
                }
            }
        }
        let snapshot = session.snapshot();
        let again = Session::restore(snapshot.clone(), limits.clone()).expect("its own snapshot");
        assert_eq!(again.snapshot(), snapshot);
    }
}

/// Clients of three users, and the sessions of their server.
struct Crowd {
    clients: Vec<Client>,
    sessions: Sessions<u8>,
    retention: Retention,
    now: Duration,
    /// How many ids were made: each is another.
    ids: u64,
}

struct Client {
    user: u8,
    session: Session,
    attachment: Option<Attachment>,
}

/// The user and whether it has begun, by the ids of its ends.
type Kept = BTreeMap<(SessionId, SessionId), (u8, bool)>;

impl Crowd {
    fn new(limits: &Limits, input: &mut Input<'_>) -> Self {
        let retention = Retention::default()
            .max_sessions(input.one_of(&[2, 0, 1, 3]))
            .max_user_sessions(input.one_of(&[1, 0, 2, 4]))
            .max_absence(Duration::from_secs(input.one_of(&[2, 0, 1])))
            .owner(input.one_of(&[Owner::First, Owner::Latest]))
            .limits(limits.clone());
        let client = |(id, user)| Client {
            user,
            session: Session::new(numbered(id), limits.clone()),
            attachment: None,
        };
        let clients = [(1, 0), (2, 0), (3, 1), (4, 2)].map(client).into();
        let sessions = Sessions::new(retention.clone());
        Self { clients, sessions, retention, now: Duration::ZERO, ids: 4 }
    }

    fn act(&mut self, action: u8) {
        let at = usize::from(action & 3);
        let amount = u64::from(action >> 5);
        match action >> 2 & 7 {
            0 => self.connect(at),
            1 => self.talk(at),
            2 => self.leave(at),
            // Even back.
            3 if amount == 7 => self.now = self.now.saturating_sub(Duration::from_secs(1)),
            3 => self.now += Duration::from_secs(amount),
            4 => self.sessions.handle_timeout(self.now),
            5 => self.steal(at, usize::from(action >> 5)),
            6 => self.send(at),
            _ => self.restart(),
        }
        let kept = self.kept();
        assert_eq!(kept.len(), self.sessions.len());
        assert!(kept.len() <= self.retention.max_sessions);
        for user in 0..4 {
            let of_user = kept.values().filter(|(of, _)| *of == user);
            assert!(of_user.clone().count() <= self.retention.max_user_sessions);
            let begun = of_user.filter(|(_, has_begun)| *has_begun).count();
            assert_eq!(self.sessions.of_user(&user).count(), begun);
        }
    }

    fn connect(&mut self, at: usize) {
        self.clients[at].attachment = None;
        self.clients[at].session.handle_connected();
        let hello = self.clients[at].session.poll_transmit().expect("a Hello");
        let user = self.clients[at].user;
        let Ok(attachment) = self.attach(user, &hello) else {
            return self.clients[at].session.handle_disconnected();
        };
        self.clients[at].attachment = Some(attachment);
        let session = self.sessions.get(attachment).expect("it was attached");
        session.handle_message(hello).expect("an honest client");
    }

    fn attach(&mut self, user: u8, hello: &Message) -> Result<Attachment, Denied> {
        // This is all that an attachment may forget: the rest gives way to the new one.
        self.sessions.handle_timeout(self.now);
        let before = self.kept();
        self.ids += 1;
        let hello = Hello::parse(hello).expect("a Hello");
        let attached = self.sessions.attach(user, &hello, numbered(self.ids), self.now);
        let after = self.kept();
        if attached.is_err() {
            assert_eq!(after, before, "it was denied, and something has changed");
        }
        let gone: Vec<_> = before.iter().filter(|(ids, _)| !after.contains_key(ids)).collect();
        assert!(gone.len() <= 1, "{gone:?}");
        for (ids, (of, has_begun)) in gone {
            assert!(*of == user || !has_begun, "{ids:?} of {of} goes for {user}");
        }
        attached
    }

    /// Brings all messages both ways.
    fn talk(&mut self, at: usize) {
        let Client { session, attachment, .. } = &mut self.clients[at];
        let Some(connection) = *attachment else { return };
        let Some(other) = self.sessions.get(connection) else {
            *attachment = None;
            return session.handle_disconnected();
        };
        loop {
            for end in [&mut *session, &mut *other] {
                end.acknowledge();
            }
            let (to_server, to_client) = (session.poll_transmit(), other.poll_transmit());
            if to_server.is_none() && to_client.is_none() {
                break;
            }
            for (end, message) in [(&mut *other, to_server), (&mut *session, to_client)] {
                let Some(message) = message else { continue };
                end.handle_message(message).expect("an honest peer");
            }
        }
        assert!(session.is_open() && other.is_open());
        assert_eq!(session.buffered_messages() + other.buffered_messages(), 0);
    }

    fn leave(&mut self, at: usize) {
        let Client { session, attachment, .. } = &mut self.clients[at];
        session.handle_disconnected();
        if let Some(attachment) = attachment.take() {
            self.sessions.detach(attachment, self.now);
        }
    }

    /// A user who has no session names one that is kept, or may have been.
    fn steal(&mut self, at: usize, nth: usize) {
        let client = self.clients[at].session.id();
        let ids = self.kept().into_keys().nth(nth).unwrap_or((client, numbered(1)));
        let [from, to] = [ids.0, ids.1].map(SessionId::to_bytes);
        let hello = Message::from([&[0][..], &from, &to, &[0; 8]].concat());
        self.sessions.handle_timeout(self.now);
        let owner = self.kept().get(&ids).map(|(user, _)| *user);
        let attached = self.attach(3, &hello);
        if self.retention.owner == Owner::First && owner.is_some_and(|owner| owner != 3) {
            assert_eq!(attached, Err(Denied::OtherUser));
        }
        if let Ok(attachment) = attached {
            self.sessions.detach(attachment, self.now);
        }
    }

    fn send(&mut self, at: usize) {
        let Client { user, session, .. } = &mut self.clients[at];
        let _ = session.send(Message::from("up"));
        for session in self.sessions.of_user(user) {
            let _ = session.send(Message::from("down"));
        }
    }

    /// The server crashes and comes back with all that it had.
    fn restart(&mut self) {
        let before = self.kept();
        let old = std::mem::replace(&mut self.sessions, Sessions::new(self.retention.clone()));
        for (client, user, session) in old.iter() {
            let limits = self.retention.limits.clone();
            let session = Session::restore(session.snapshot(), limits).expect("its own snapshot");
            self.sessions.insert(*user, client, session, self.now).expect("there was room");
        }
        for client in &mut self.clients {
            client.attachment = None;
            client.session.handle_disconnected();
        }
        if !self.retention.max_absence.is_zero() {
            assert_eq!(self.kept(), before);
        }
    }

    fn kept(&self) -> Kept {
        let kept = self.sessions.iter().map(|(client, user, session)| {
            ((client, session.id()), (*user, session.peer().is_some()))
        });
        kept.collect()
    }
}

fn numbered(number: u64) -> SessionId {
    let [zeros, bytes] = [[0; 8], number.to_be_bytes()];
    SessionId::new([zeros, bytes].concat().try_into().expect("16 bytes")).expect("not zero")
}
