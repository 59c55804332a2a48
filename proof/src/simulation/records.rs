//! What was sent, told and heard in a world, and whether that is as promised; knows no network.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sanswire::Message;
use sanswire::delivery::{Lost, SessionId, Snapshot};

use super::Disk;

/// Who said it, and its number among the messages of that client.
pub(super) type Said = (usize, usize);

/// What its client knows of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is to arrive.
    Taken,
    /// A server that has forgotten since may have heard it.
    Doubtful,
    /// A server has forgotten before it was sent: nobody has heard it.
    Unsent,
}

pub(super) struct Records {
    pub(super) disk: Disk,
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub(super) struct Inner {
    /// What is left of the server's sessions after a crash.
    pub(super) saved: Vec<(usize, SessionId, Snapshot)>,
    /// What the server has heard of each client.
    pub(super) heard: Vec<Vec<usize>>,
    /// What the server has passed on to each client.
    pub(super) passed_on: Vec<Vec<Said>>,
    /// What each client has been told.
    told: Vec<Vec<Said>>,
    /// What became of each client's messages.
    fates: Vec<Vec<Fate>>,
    /// How often each client was told that the server has forgotten its session.
    losses: Vec<usize>,
    /// How often the server has forgotten all.
    amnesias: usize,
    /// What was reported and is not so.
    faults: Vec<String>,
    /// How many messages each client could not send yet.
    left: BTreeMap<usize, usize>,
    /// Whether no more harm is done.
    pub(super) is_calm: bool,
    trace: Vec<(Duration, String, String)>,
}

impl Records {
    pub(super) fn new(disk: Disk, clients: usize) -> Self {
        let inner = Inner {
            heard: vec![Vec::new(); clients],
            passed_on: vec![Vec::new(); clients],
            told: vec![Vec::new(); clients],
            fates: vec![Vec::new(); clients],
            losses: vec![0; clients],
            left: (0..clients).map(|number| (number, usize::MAX)).collect(),
            ..Inner::default()
        };
        Self { disk, inner: Mutex::new(inner) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn trace(&self) -> Vec<(Duration, String, String)> {
        self.lock().trace.clone()
    }

    pub(super) fn note_crash(&self, of_server: bool) {
        let mut inner = self.lock();
        if of_server && self.disk == Disk::Forgets {
            inner.amnesias += 1;
        }
    }

    /// Whether nothing is to come any more.
    pub(super) fn is_complete(&self) -> bool {
        let inner = self.lock();
        inner.left.values().all(|&left| left == 0) && inner.missing(self.disk).is_none()
    }

    /// Returns what is not as promised.
    pub(super) fn fault(&self) -> Option<String> {
        let inner = self.lock();
        if let Some(fault) = inner.faults.first() {
            return Some(fault.clone());
        }
        if let Some((client, left)) = inner.left.iter().find(|(_, left)| **left > 0) {
            return Some(format!("client {client} could not send {left} messages"));
        }
        inner.missing(self.disk).or_else(|| inner.too_much())
    }
}

impl Inner {
    /// Returns what has not come and should.
    fn missing(&self, disk: Disk) -> Option<String> {
        for (client, fates) in self.fates.iter().enumerate() {
            let is_missing = |&number: &usize| {
                fates[number] == Fate::Taken && !self.heard[client].contains(&number)
            };
            if let Some(number) = (0..fates.len()).find(is_missing) {
                return Some(format!("message {number} of client {client} was not heard"));
            }
        }
        let mut both = self.passed_on.iter().zip(&self.told).enumerate();
        let is_short = |(client, (passed_on, told)): (usize, (&Vec<Said>, &Vec<Said>))| {
            (passed_on != told)
                .then(|| format!("client {client} was told {told:?}, and not all of {passed_on:?}"))
        };
        if disk == Disk::Keeps { both.find_map(is_short) } else { None }
    }

    /// Returns what has come and should not, or not so.
    fn too_much(&self) -> Option<String> {
        for (client, (heard, fates)) in self.heard.iter().zip(&self.fates).enumerate() {
            if !heard.is_sorted_by(|a, b| a < b) {
                return Some(format!("of client {client} was heard {heard:?}"));
            }
            if let Some(number) = heard.iter().find(|&&number| fates[number] == Fate::Unsent) {
                return Some(format!("message {number} of client {client} was heard, and unsent"));
            }
        }
        for (client, told) in self.told.iter().enumerate() {
            for author in 0..self.heard.len() {
                let said = told.iter().filter(|(by, _)| *by == author);
                if !said.is_sorted_by(|a, b| a < b) {
                    return Some(format!("client {client} was told {told:?}"));
                }
            }
        }
        None
    }

    /// Notes the next message of a client.
    pub(super) fn note_sent(&mut self, client: usize, left: usize) {
        self.fates[client].push(Fate::Taken);
        self.left.insert(client, left);
    }

    pub(super) fn next_of(&self, client: usize) -> usize {
        self.fates[client].len()
    }

    /// Notes what a client is told that the server has forgotten. It may have forgotten once for
    /// each time that it crashed without a disk, and no more.
    pub(super) fn note_lost(&mut self, client: usize, lost: &Lost) {
        self.losses[client] += 1;
        if self.losses[client] > self.amnesias {
            let times = self.amnesias;
            self.note_fault(format!("client {client}: it forgot {times} times, not for {lost:?}"));
            // What is reported so is to arrive all the same.
            return;
        }
        for (messages, fate) in [(&lost.sent, Fate::Doubtful), (&lost.unsent, Fate::Unsent)] {
            for message in messages {
                let (author, number) = parse(message);
                assert_eq!(author, client, "somebody else's message is lost");
                self.fates[client][number] = fate;
            }
        }
    }

    pub(super) fn note_fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Notes that the server is told that it has forgotten a session.
    pub(super) fn note_forgot(&mut self, client: usize) {
        if self.amnesias == 0 {
            self.note_fault(format!("the server forgot nothing of client {client}"));
        }
    }

    pub(super) fn note_told(&mut self, client: usize, message: &Message) {
        self.told[client].push(parse(message));
    }

    /// Notes what happens at a host, by its own clock.
    pub(super) fn note(&mut self, host: &str, event: String) {
        self.note_at(turmoil::elapsed(), host, event);
    }

    pub(super) fn note_at(&mut self, at: Duration, host: &str, event: String) {
        self.trace.push((at, host.to_owned(), event));
    }
}

pub(super) fn message(author: usize, number: usize) -> Message {
    format!("{author} {number}").into()
}

pub(super) fn parse(message: &Message) -> Said {
    let parsed = message.as_text().and_then(|text| {
        let (author, number) = text.split_once(' ')?;
        Some((author.parse().ok()?, number.parse().ok()?))
    });
    parsed.expect("a message of this room")
}
