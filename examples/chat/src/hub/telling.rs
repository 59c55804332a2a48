//! What pages are told: at once while they read, from the log when they have caught up.

use std::sync::Arc;

use sanswire::Message;

use super::{Hub, Seat};
use crate::client::{Pace, Reading, Turn, has_caught_up};
use crate::log::{Page, Position};
use crate::names::{Name, Room};
use crate::protocol::{Count, Event, Record, Refusal, Said, Since, Store};

/// A room of which a page is to be told from the log.
pub(crate) struct Errand {
    pub(crate) room: Room,
    pub(crate) position: Position,
    was_slow: bool,
}

impl Hub {
    /// Answers a page.
    pub(crate) fn answer(&mut self, seat: &Seat, event: &Event<'_>) -> Result<(), Refusal> {
        let Some(session) = self.session(seat) else { return Ok(()) };
        session.send(Message::text(event.to_json())).map_err(|_| Refusal::UNREAD)
    }

    /// Tells all who are in a room of a message in the log, and the two whom a private one is for.
    pub(crate) fn deliver(&mut self, room: &Room, epoch: &str, record: &Record) {
        let offset = record.offset;
        for person in room.pair().into_iter().flatten() {
            let since = Since { epoch: epoch.to_owned(), offset: offset.saturating_sub(1) };
            self.open(room, person, &Position::After(since));
        }
        let Some(members) = self.rooms.get(room) else { return };
        members.last.send_replace(offset);
        let message = message_for(room, |room| Event::message(room, epoch, record).to_json());
        for key in &members.keys {
            let Some(client) = self.clients.get_mut(key) else { continue };
            let Some(session) = self.sessions.find(key.page, key.server) else { continue };
            let Some(reading) = client.rooms.get(room) else { continue };
            let turn = reading.turn(epoch, offset);
            let is_told = turn == Turn::Next && client.offer(session, message(&client.name));
            let Some(reading) = client.rooms.get_mut(room) else { continue };
            match turn {
                Turn::Next if is_told => reading.told(epoch, offset),
                Turn::Next => reading.pace = Pace::Behind { was_slow: true },
                Turn::Unknown => {
                    reading.pace = Pace::Behind { was_slow: false };
                    client.wake.notify_one();
                }
                Turn::Later | Turn::Past => {}
            }
        }
    }

    /// Returns what a page is to be told from the log, if it has room.
    pub(crate) fn errand(&mut self, seat: &Seat) -> Option<Errand> {
        let is_stale = self.clients.get(&seat.key)?.is_stale;
        let counts = if is_stale { self.counts([]) } else { Vec::new() };
        let session = self.sessions.get(seat.attachment)?;
        let client = self.clients.get_mut(&seat.key)?;
        if !client.has_begun || !has_caught_up(session) {
            return None;
        }
        if std::mem::take(&mut client.is_stale) {
            for reading in client.rooms.values_mut().filter(|reading| reading.pace == Pace::Live) {
                reading.pace = Pace::Behind { was_slow: true };
            }
            if let Some(state) = self.store {
                client.offer(session, Message::text(Event::Store { state }.to_json()));
            }
            for Count { room, people } in counts {
                let event = Event::Room { room: &room, people }.to_json();
                // Of more rooms than there is room for, the rest is told when it changes.
                client.offer(session, Message::text(event));
            }
        }
        client.rooms.iter().find_map(|(room, reading)| match reading.pace {
            Pace::Live => None,
            Pace::Behind { was_slow } => {
                Some(Errand { room: room.clone(), position: reading.position.clone(), was_slow })
            }
        })
    }

    /// Tells a page what the log has said, or as much as one chunk may have.
    pub(crate) fn run(&mut self, seat: &Seat, errand: &Errand, page: &Page) -> Result<(), Refusal> {
        let Errand { room, position, was_slow } = errand;
        let records = chunk(&page.records);
        let end = records.last().map_or(page.end, |record| record.offset);
        let Some(client) = self.clients.get(&seat.key) else { return Ok(()) };
        // It may have left the room, or joined it again from elsewhere.
        let is_same = |reading: &&Reading| {
            reading.position == *position && reading.pace == Pace::Behind { was_slow: *was_slow }
        };
        if client.rooms.get(room).filter(is_same).is_none() {
            return Ok(());
        }
        let name = room.seen_by(&seat.name);
        if let Position::After(Since { epoch, offset }) = position
            && *was_slow
            && *epoch == *page.epoch
            && page.last > *offset
        {
            self.answer(seat, &Event::Missed { room: &name, count: page.last - offset })?;
        }
        let members = self.rooms.get(room);
        let people = self.people(room);
        let told = members.map_or(0, |members| *members.last.borrow());
        let event = Event::History {
            room: &name,
            epoch: &page.epoch,
            messages: records,
            last: page.last,
            gap: page.gap,
            more: end < page.last,
            people: &people.iter().map(Name::as_str).take(LISTED_PEOPLE).collect::<Vec<_>>(),
        };
        self.answer(seat, &event)?;
        let client = self.clients.get_mut(&seat.key);
        if let Some(reading) = client.and_then(|client| client.rooms.get_mut(room)) {
            reading.told(&page.epoch, end);
            // What was said meanwhile is in the log.
            let is_whole = end >= page.last.max(told);
            reading.pace = if is_whole { Pace::Live } else { Pace::Behind { was_slow: false } };
        }
        Ok(())
    }

    /// Tells a page that the log is out of reach: it gets the history later, and now what waits.
    pub(crate) fn run_alone(
        &mut self,
        seat: &Seat,
        errand: &Errand,
        epoch: &str,
        waiting: &[Said],
    ) -> Result<(), Refusal> {
        let Errand { room, position, .. } = errand;
        let name = room.seen_by(&seat.name);
        let (epoch, last) = match position {
            Position::Newest => (epoch, 0),
            Position::After(since) => (since.epoch.as_str(), since.offset),
        };
        let people = self.people(room);
        let event = Event::History {
            room: &name,
            epoch,
            messages: &[],
            last,
            gap: None,
            more: false,
            people: &people.iter().map(Name::as_str).take(LISTED_PEOPLE).collect::<Vec<_>>(),
        };
        self.answer(seat, &event)?;
        let Some(client) = self.clients.get_mut(&seat.key) else { return Ok(()) };
        let Some(session) = self.sessions.get(seat.attachment) else { return Ok(()) };
        for said in waiting {
            // All of it comes again.
            let event = Event::Message { room: &name, epoch, offset: None, said };
            client.offer(session, Message::text(event.to_json()));
        }
        if let Some(reading) = client.rooms.get_mut(room) {
            reading.pace = Pace::Live;
        }
        Ok(())
    }

    /// Tells all who are in a room, and the two whom a private one concerns, of a message that waits
    /// for the log. It comes again.
    pub(crate) fn show(&mut self, room: &Room, epoch: &str, said: &Said) {
        for person in room.pair().into_iter().flatten() {
            self.open(room, person, &Position::Newest);
        }
        let Some(members) = self.rooms.get(room) else { return };
        let event = |room: &str| Event::Message { room, epoch, offset: None, said }.to_json();
        let message = message_for(room, event);
        for key in &members.keys {
            let Some(client) = self.clients.get(key) else { continue };
            let Some(session) = self.sessions.find(key.page, key.server) else { continue };
            client.offer(session, message(&client.name));
        }
    }

    /// Tells an author that a message is in the log.
    pub(crate) fn confirm(&mut self, room: &Room, epoch: &str, record: &Record) {
        let pages =
            self.clients.iter().filter(|(_, client)| client.name.as_str() == record.said.from);
        for (key, client) in pages {
            let Some(session) = self.sessions.find(key.page, key.server) else { continue };
            // Otherwise, it comes in its turn.
            let has_passed = |reading: &Reading| reading.has_passed(epoch, record.offset);
            if client.rooms.get(room).is_some_and(has_passed) {
                let room = room.seen_by(&client.name);
                let event = Event::message(&room, epoch, record).to_json();
                client.offer(session, Message::text(event));
            }
        }
    }

    /// Tells everybody that the log is out of reach, or back. Then all go on from it, where they are.
    pub(crate) fn tell_store(&mut self, state: Store) {
        self.store = Some(state);
        let message = Message::text(Event::Store { state }.to_json());
        for (key, client) in &mut self.clients {
            let Some(session) = self.sessions.find(key.page, key.server) else { continue };
            client.is_stale |= client.has_begun && !client.offer(session, message.clone());
            if state == Store::Shared {
                for reading in client.rooms.values_mut() {
                    reading.pace = Pace::Behind { was_slow: false };
                }
                client.wake.notify_one();
            }
        }
        if state == Store::Shared {
            for members in self.rooms.values() {
                // The log may be another one.
                members.last.send_replace(0);
            }
        }
    }

    /// Tells the others in a room of something that may be left out.
    pub(super) fn tell(&mut self, room: &Room, by: &Name, event: impl Fn(&str) -> String) {
        let Some(members) = self.rooms.get(room) else { return };
        let message = message_for(room, event);
        for key in &members.keys {
            let Some(client) = self.clients.get_mut(key) else { continue };
            let Some(session) = self.sessions.find(key.page, key.server) else { continue };
            if client.name != *by {
                client.is_stale |=
                    client.has_begun && !client.offer(session, message(&client.name));
            }
        }
    }
}

/// Returns what makes the same event for everybody in a room, once if all call it by one name.
fn message_for(room: &Room, event: impl Fn(&str) -> String) -> impl Fn(&Name) -> Message {
    let shared = room.pair().is_none().then(|| Message::text(event(&room.to_string())));
    move |name| shared.clone().unwrap_or_else(|| Message::text(event(&room.seen_by(name))))
}

/// Returns as many messages as fit into an event, but one at least.
fn chunk(records: &[Arc<Record>]) -> &[Arc<Record>] {
    let mut size = 0;
    let fits = |record: &&Arc<Record>| {
        // At most: a character of a text becomes two at worst.
        size += 200 + 2 * record.said.text.len();
        size <= MAX_CHUNK
    };
    let count = records.iter().take_while(fits).count();
    &records[..count.max(1).min(records.len())]
}

/// How many people are named at most. All are counted.
const LISTED_PEOPLE: usize = 500;
/// Bytes of messages in an event at most.
const MAX_CHUNK: usize = 96 << 10;
