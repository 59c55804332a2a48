//! `Session`: two ends over connections that break at any moment, and restarts from snapshots. Messages
//! arrive once and in order, and all of them in the end; no end blames the other. Then a hostile peer:
//! whatever it sends, an error lasts until the next connection, nothing is delivered behind it, and the
//! session can be stored and restored.
#![no_main]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use sanswire::Message;
use sanswire::delivery::{Limits, Session, SessionEvent, SessionId};
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
    attack(hostile.session, &limits, input);
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
fn attack(mut session: Session, limits: &Limits, mut input: Input<'_>) {
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
