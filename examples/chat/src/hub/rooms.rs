//! Who is in which room, and what others hear of that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sanswire::Message;
use tokio::sync::watch;

use super::{Hub, Seat};
use crate::client::{Key, Pace, Reading};
use crate::log::{Position, Present};
use crate::names::{Name, Room};
use crate::protocol::{Count, Event};

/// Who has joined a room.
#[derive(Default)]
pub(super) struct Members {
    pub(super) keys: BTreeSet<Key>,
    /// How many pages of each person are present here.
    pub(super) people: BTreeMap<Name, usize>,
    /// The offset of the newest message that was told.
    pub(super) last: watch::Sender<u64>,
}

impl Hub {
    /// Lets a page read a room from a position on.
    pub(crate) fn join(
        &mut self,
        seat: &Seat,
        room: &Room,
        position: Position,
    ) -> Result<(), &'static str> {
        if !self.has_room_for(room) {
            return Err("there are as many rooms as there may be");
        }
        let Some(client) = self.clients.get_mut(&seat.key) else { return Ok(()) };
        if !client.has_room_for(room) {
            return Err(if room.pair().is_none() {
                "you are in 50 rooms already: leave one"
            } else {
                "you have 1000 conversations already: leave one"
            });
        }
        let reading = Reading::new(position, Pace::Behind { was_slow: false });
        let is_new = client.rooms.insert(room.clone(), reading).is_none();
        let is_present = client.is_present;
        self.rooms.entry(room.clone()).or_default().keys.insert(seat.key);
        if is_new && is_present {
            self.enter(room, &seat.name);
        }
        Ok(())
    }

    /// Lets a page leave a room.
    pub(crate) fn leave(&mut self, seat: &Seat, room: &Room) {
        let Some(client) = self.clients.get_mut(&seat.key) else { return };
        if client.rooms.remove(room).is_none() {
            return;
        }
        if client.is_present {
            self.exit(room, &seat.name);
        }
        self.remove_key(room, seat.key);
    }

    /// Returns whether a page has joined a room.
    pub(crate) fn is_in(&self, seat: &Seat, room: &Room) -> bool {
        self.clients.get(&seat.key).is_some_and(|client| client.rooms.contains_key(room))
    }

    /// Tells the others in a room that somebody is typing. Returns `false` if it is too soon.
    pub(crate) fn type_in(&mut self, seat: &Seat, room: &Room) -> bool {
        let client = self.clients.get_mut(&seat.key);
        let reading = client.and_then(|client| client.rooms.get_mut(room));
        let may_type = reading.is_some_and(|reading| reading.may_type(Instant::now()));
        if may_type {
            self.tell_typing(room, &seat.name);
        }
        may_type
    }

    /// Tells a room that somebody is typing, here or on another server.
    pub(crate) fn tell_typing(&mut self, room: &Room, name: &Name) {
        self.tell(room, name, |room| Event::Typing { room, name: name.as_str() }.to_json());
    }

    /// Returns the rooms with the most people, of these and of those where there are some.
    pub(crate) fn counts(&self, known: impl IntoIterator<Item = Room>) -> Vec<Count> {
        let elsewhere = self.elsewhere.keys().flatten().cloned();
        let here = self.rooms.keys().cloned();
        let mut rooms: BTreeSet<_> = known.into_iter().chain(here).chain(elsewhere).collect();
        rooms.retain(|room| room.pair().is_none());
        let count = |room: Room| Count { people: self.people(&room).len(), room: room.to_string() };
        let mut counts: Vec<_> = rooms.into_iter().map(count).collect();
        counts.sort_by_key(|count| std::cmp::Reverse(count.people));
        counts.truncate(LISTED_ROOMS);
        counts
    }

    /// Returns what shows the offset of the newest message of a room, as it comes; `None` if there
    /// are too many rooms. [`tidy`](Self::tidy) up afterwards.
    pub(crate) fn watch(&mut self, room: &Room) -> Option<watch::Receiver<u64>> {
        self.has_room_for(room)
            .then(|| self.rooms.entry(room.clone()).or_default().last.subscribe())
    }

    /// Forgets a room if nobody is in it and nobody watches it.
    pub(crate) fn tidy(&mut self, room: &Room) {
        let is_empty = |members: &Members| members.keys.is_empty() && members.last.is_closed();
        if self.rooms.get(room).is_some_and(is_empty) {
            self.rooms.remove(room);
        }
    }

    /// Returns who is in a room; of two, who is online.
    pub(super) fn people(&self, room: &Room) -> Vec<Name> {
        match room.pair() {
            None => {
                let members = self.rooms.get(room);
                let here = members.into_iter().flat_map(|members| members.people.keys());
                let elsewhere = self.elsewhere.get(&Some(room.clone()));
                let people: BTreeSet<_> = here.chain(elsewhere.into_iter().flatten()).collect();
                people.into_iter().cloned().collect()
            }
            Some(pair) => pair.into_iter().filter(|name| self.is_online(name)).cloned().collect(),
        }
    }

    /// Returns who is online here, and who in which public room.
    pub(crate) fn present(&self) -> BTreeSet<Present> {
        let persons = self.persons.iter().filter(|(_, person)| person.present > 0);
        let rooms = self.rooms.iter().filter(|(room, _)| room.pair().is_none());
        let in_room = |(room, members): (&Room, &Members)| {
            let people = members.people.keys().cloned();
            let of = |name| Present { room: Some(room.clone()), name };
            people.map(of).collect::<Vec<_>>()
        };
        let online = |name: &Name| Present { room: None, name: name.clone() };
        persons.map(|(name, _)| online(name)).chain(rooms.flat_map(in_room)).collect()
    }

    /// Takes note of who is present on other servers, and tells of what has changed.
    pub(crate) fn set_elsewhere(&mut self, elsewhere: BTreeSet<Present>) {
        let mut after: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for Present { room, name } in &elsewhere {
            after.entry(room.clone()).or_default().insert(name.clone());
        }
        let of = |(room, names): (Option<Room>, BTreeSet<Name>)| {
            let of = move |name| Present { room: room.clone(), name };
            names.into_iter().map(of)
        };
        let before = std::mem::replace(&mut self.elsewhere, after);
        let before: BTreeSet<_> = before.into_iter().flat_map(of).collect();
        for Present { room, name } in before.symmetric_difference(&elsewhere).cloned() {
            let is_there = self.is_elsewhere(room.as_ref(), &name);
            let Some(room) = room else {
                if self.persons.get(&name).is_none_or(|person| person.present == 0) {
                    self.tell_of_online(&name);
                }
                continue;
            };
            let members = self.rooms.get(&room);
            if members.is_some_and(|members| members.people.contains_key(&name)) {
                continue;
            }
            self.recounted.insert(room.clone());
            self.tell(&room, &name, |room| {
                let name = name.as_str();
                if is_there { Event::Joined { room, name } } else { Event::Left { room, name } }
                    .to_json()
            });
        }
    }

    /// Returns whether what is said in a room is to be told to anybody here.
    pub(crate) fn concerns(&self, room: &Room) -> bool {
        self.rooms.contains_key(room)
            || room
                .pair()
                .is_some_and(|pair| pair.iter().any(|name| self.persons.contains_key(*name)))
    }

    /// Lets one more page of a person be in a room.
    pub(super) fn enter(&mut self, room: &Room, name: &Name) {
        let Some(members) = self.rooms.get_mut(room) else { return };
        let pages = members.people.entry(name.clone()).or_default();
        *pages += 1;
        if *pages == 1 && room.pair().is_none() && !self.is_elsewhere(Some(room), name) {
            self.recounted.insert(room.clone());
            let joined = |room: &str| Event::Joined { room, name: name.as_str() }.to_json();
            self.tell(room, name, joined);
        }
    }

    /// Lets one page less of a person be in a room.
    pub(super) fn exit(&mut self, room: &Room, name: &Name) {
        let Some(members) = self.rooms.get_mut(room) else { return };
        let Some(pages) = members.people.get_mut(name) else { return };
        *pages -= 1;
        if *pages > 0 {
            return;
        }
        members.people.remove(name);
        if room.pair().is_none() && !self.is_elsewhere(Some(room), name) {
            self.recounted.insert(room.clone());
            self.tell(room, name, |room| Event::Left { room, name: name.as_str() }.to_json());
        }
    }

    /// Tells those who share a room of two with somebody who has come or gone.
    pub(super) fn tell_of_online(&mut self, name: &Name) {
        let is_online = self.is_online(name);
        let shared = |room: &&Room| room.pair().is_some_and(|pair| pair.contains(&name));
        let rooms: Vec<_> = self.rooms.keys().filter(shared).cloned().collect();
        for room in rooms {
            self.tell(&room, name, |room| {
                let name = name.as_str();
                if is_online { Event::Joined { room, name } } else { Event::Left { room, name } }
                    .to_json()
            });
        }
    }

    /// Tells everybody of the rooms in which there are more people or fewer than before.
    pub(super) fn tell_counts(&mut self) {
        for room in std::mem::take(&mut self.recounted) {
            let people = self.people(&room).len();
            let event = Event::Room { room: &room.to_string(), people }.to_json();
            let message = Message::text(event);
            for (key, client) in &mut self.clients {
                let Some(session) = self.sessions.find(key.page, key.server) else { continue };
                client.is_stale |= client.has_begun && !client.offer(session, message.clone());
            }
        }
    }

    /// Has all pages of a person join a room of two, as if they had read all up to here.
    pub(super) fn open(&mut self, room: &Room, name: &Name, position: &Position) {
        let Some(person) = self.persons.get(name) else { return };
        for key in &person.keys {
            let Some(client) = self.clients.get_mut(key) else { continue };
            let is_new = !client.rooms.contains_key(room);
            // What there is no room for, the page finds when it asks for it.
            if client.has_begun && is_new && client.has_room_for(room) {
                let reading = Reading::new(position.clone(), Pace::Live);
                client.rooms.insert(room.clone(), reading);
                let members = self.rooms.entry(room.clone()).or_default();
                members.keys.insert(*key);
                if client.is_present {
                    *members.people.entry(name.clone()).or_default() += 1;
                }
            }
        }
    }

    /// Forgets that a page has joined a room.
    pub(super) fn remove_key(&mut self, room: &Room, key: Key) {
        if let Some(members) = self.rooms.get_mut(room) {
            members.keys.remove(&key);
        }
        self.tidy(room);
    }

    /// Returns whether there may be this room, too. Conversations do not count: they end with their
    /// pages.
    fn has_room_for(&self, room: &Room) -> bool {
        let is_public = |room: &&Room| room.pair().is_none();
        self.rooms.len() < MAX_ROOMS
            || room.is_lobby()
            || !is_public(&room)
            || self.rooms.contains_key(room)
            || self.rooms.keys().filter(is_public).count() < MAX_ROOMS
    }

    fn is_online(&self, name: &Name) -> bool {
        self.persons.get(name).is_some_and(|person| person.present > 0)
            || self.is_elsewhere(None, name)
    }

    /// Returns whether somebody is in a public room, or, without one, online, on another server.
    pub(super) fn is_elsewhere(&self, room: Option<&Room>, name: &Name) -> bool {
        self.elsewhere.get(&room.cloned()).is_some_and(|names| names.contains(name))
    }
}

/// How many rooms a page is told of when it comes.
const LISTED_ROOMS: usize = 200;
/// How many rooms there may be.
const MAX_ROOMS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lobby_is_there_when_all_rooms_are_taken() {
        let mut hub = Hub::new(5);
        let room = |name: &str| Room::public(name).unwrap();
        let taken = (0..MAX_ROOMS).map(|number| hub.watch(&room(&format!("#r{number}"))));
        let taken: Vec<_> = taken.map(Option::unwrap).collect();
        assert!(hub.watch(&room("#one-more")).is_none());
        assert!(hub.watch(&room("#r7")).is_some());
        assert!(hub.watch(&room("#lobby")).is_some());
        let [ann, bob] = ["Ann", "Bob"].map(|name| Name::parse(name).unwrap());
        assert!(hub.watch(&Room::direct(ann, bob).unwrap()).is_some());
        drop(taken);
        for name in ["#r7", "#lobby"] {
            hub.tidy(&room(name));
        }
        assert!(hub.watch(&room("#one-more")).is_some());
    }
}
