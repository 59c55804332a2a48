//! What a journal says, in memory: names, and the messages of all rooms. Knows no file.
//!
//! What is put here is seen when it is [published](Shelf::publish): when the disk has it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::log::Claim;
use crate::names::{Name, Room};
use crate::protocol::{Record, Said};

pub(crate) struct Shelf {
    /// How many messages of a room can be read.
    history: usize,
    /// By what all spellings of a name have in common.
    owners: HashMap<String, Owner>,
    /// By what names that look alike have in common: the key of the first.
    looks: HashMap<String, String>,
    rooms: BTreeMap<Room, Kept>,
    /// What has been put here since all was published.
    fresh_names: Vec<Name>,
    fresh_rooms: Vec<Room>,
}

struct Owner {
    name: Name,
    /// The hash of the secret.
    key: String,
}

#[derive(Default)]
struct Kept {
    /// Their offsets are consecutive.
    records: VecDeque<Arc<Record>>,
    /// The offsets of `records`, by author and id.
    offsets: HashMap<(String, String), u64>,
    /// The last message that was published.
    published: u64,
}

impl Shelf {
    pub(crate) fn new(history: usize) -> Self {
        Self {
            history,
            owners: HashMap::new(),
            looks: HashMap::new(),
            rooms: BTreeMap::new(),
            fresh_names: Vec::new(),
            fresh_rooms: Vec::new(),
        }
    }

    /// Gives a name to a key if nobody has it. Returns whether it did not belong to it before, too.
    pub(crate) fn claim(&mut self, name: &Name, key: &str) -> (Claim, bool) {
        match self.owners.get(&name.folded()) {
            Some(owner) if owner.key == key => return (Claim::Own(owner.name.clone()), false),
            Some(_) => return (Claim::Taken, false),
            None => {}
        }
        if self.looks.get(&name.look()).is_some_and(|other| other != key) {
            return (Claim::Alike, false);
        }
        self.restore_name(name.clone(), key);
        self.fresh_names.push(name.clone());
        (Claim::Own(name.clone()), true)
    }

    /// Puts a name back that has its owner.
    pub(crate) fn restore_name(&mut self, name: Name, key: &str) {
        self.looks.entry(name.look()).or_insert_with(|| key.to_owned());
        let owner = Owner { name: name.clone(), key: key.to_owned() };
        self.owners.entry(name.folded()).or_insert(owner);
    }

    /// Puts a message at the end of a room, unless it is there already. Returns it, and whether it
    /// was not.
    pub(crate) fn put(&mut self, room: &Room, said: Said) -> (Arc<Record>, bool) {
        let kept = self.rooms.entry(room.clone()).or_default();
        if let Some(known) = kept.find(&said, self.history * REMEMBERED) {
            return (Arc::clone(known), false);
        }
        let record = Arc::new(Record { offset: kept.last() + 1, said });
        kept.push(Arc::clone(&record));
        self.fresh_rooms.push(room.clone());
        (record, true)
    }

    /// Puts a message back that has its place, behind those that are there.
    pub(crate) fn restore(&mut self, room: &Room, record: Arc<Record>) -> Result<(), &'static str> {
        let kept = self.rooms.entry(room.clone()).or_default();
        if !kept.records.is_empty() && record.offset != kept.last() + 1 {
            return Err("offset");
        }
        kept.push(record);
        kept.published = kept.last();
        kept.trim(self.history * REMEMBERED);
        Ok(())
    }

    /// Lets everything be seen.
    pub(crate) fn publish(&mut self) {
        self.fresh_names.clear();
        for room in self.fresh_rooms.drain(..) {
            if let Some(kept) = self.rooms.get_mut(&room) {
                kept.published = kept.last();
                kept.trim(self.history * REMEMBERED);
            }
        }
    }

    /// Takes away what was not published: it could not be written.
    pub(crate) fn take_back(&mut self) {
        let names = std::mem::take(&mut self.fresh_names);
        for name in &names {
            self.owners.remove(&name.folded());
            self.looks.remove(&name.look());
        }
        if !names.is_empty() {
            // Names of the same owners may look alike.
            for Owner { name, key } in self.owners.values() {
                self.looks.entry(name.look()).or_insert_with(|| key.clone());
            }
        }
        for room in self.fresh_rooms.drain(..) {
            let Some(kept) = self.rooms.get_mut(&room) else { continue };
            while kept.last() > kept.published
                && let Some(record) = kept.records.pop_back()
            {
                kept.offsets.remove(&key(&record.said));
            }
            if kept.records.is_empty() {
                self.rooms.remove(&room);
            }
        }
    }

    /// Returns who owns a name, and the hash of the secret.
    pub(crate) fn owner(&self, name: &Name) -> Option<(&Name, &str)> {
        self.owners.get(&name.folded()).map(|owner| (&owner.name, owner.key.as_str()))
    }

    /// Returns the first and the last of the offsets that can be read: 1 and 0 if there is none.
    pub(crate) fn readable(&self, room: &Room) -> (u64, u64) {
        let Some(kept) = self.rooms.get(room) else { return (1, 0) };
        let first = (kept.published + 1).saturating_sub(self.history as u64);
        (first.max(kept.first()), kept.published)
    }

    /// Returns messages with higher offsets.
    pub(crate) fn after(&self, room: &Room, offset: u64, limit: usize) -> Vec<Arc<Record>> {
        let Some(kept) = self.rooms.get(room) else { return Vec::new() };
        let skipped = usize::try_from((offset + 1).saturating_sub(kept.first()));
        let newer = kept.records.iter().skip(skipped.unwrap_or(usize::MAX));
        newer.take_while(|record| record.offset <= kept.published).take(limit).cloned().collect()
    }

    /// Returns the rooms in which something was said.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter().filter(|(_, kept)| kept.published > 0).map(|(room, _)| room)
    }

    /// Returns all names, with the hashes of the secrets that they belong to.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&Name, &str)> {
        self.owners.values().map(|owner| (&owner.name, owner.key.as_str()))
    }

    /// Returns all messages, also those that are kept only to be known again.
    pub(crate) fn records(&self) -> impl Iterator<Item = (&Room, &Arc<Record>)> {
        self.rooms.iter().flat_map(|(room, kept)| kept.records.iter().map(move |kept| (room, kept)))
    }

    /// Returns how many names and messages there are.
    pub(crate) fn len(&self) -> usize {
        self.owners.len() + self.rooms.values().map(|kept| kept.records.len()).sum::<usize>()
    }
}

impl Kept {
    /// Returns one of the newest messages that was said before: its author has used its id.
    fn find(&self, said: &Said, newest: usize) -> Option<&Arc<Record>> {
        let offset = *self.offsets.get(&key(said))?;
        let is_newest = offset + newest as u64 > self.last();
        let index = usize::try_from(offset - self.first()).ok()?;
        self.records.get(index).filter(|_| is_newest)
    }

    fn push(&mut self, record: Arc<Record>) {
        self.offsets.insert(key(&record.said), record.offset);
        self.records.push_back(record);
    }

    /// Forgets the oldest beyond so many.
    fn trim(&mut self, limit: usize) {
        while self.records.len() > limit
            && let Some(oldest) = self.records.pop_front()
        {
            let key = key(&oldest.said);
            // Its id may have been used again, when it was no longer known.
            if self.offsets.get(&key) == Some(&oldest.offset) {
                self.offsets.remove(&key);
            }
        }
    }

    fn first(&self) -> u64 {
        self.records.front().map_or(1, |record| record.offset)
    }

    fn last(&self) -> u64 {
        self.records.back().map_or(0, |record| record.offset)
    }
}

fn key(said: &Said) -> (String, String) {
    (said.from.clone(), said.id.clone())
}

/// How many times as many messages are known again as can be read, if they are said again.
const REMEMBERED: usize = 4;
