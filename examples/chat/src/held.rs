//! The order of what a page says, where some of it was refused for now. The page has sent more before
//! it hears of that: without this, a later message could be taken before the earlier one. Knows no
//! page.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The message for which others wait, in each room.
#[derive(Default)]
pub(crate) struct Held {
    rooms: BTreeMap<String, (String, Instant)>,
}

impl Held {
    /// Has all that is said in a room wait until this is said again.
    pub(crate) fn hold(&mut self, room: &str, id: &str, now: Instant) {
        self.rooms.retain(|_, (_, until)| now < *until);
        if self.rooms.len() < MAX_ROOMS && room.len() + id.len() < MAX_LEN {
            let held = (id.to_owned(), now + PATIENCE);
            self.rooms.entry(room.to_owned()).or_insert(held);
        }
    }

    /// Returns whether another message comes before this one. If it is this one, it is held no longer.
    pub(crate) fn is_before(&mut self, room: &str, id: &str, now: Instant) -> bool {
        let Some((held, until)) = self.rooms.get(room) else { return false };
        let is_before = held != id && now < *until;
        if !is_before {
            self.rooms.remove(room);
        }
        is_before
    }
}

/// How long others wait: its author may have taken it back meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_ROOMS: usize = 64;
const MAX_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_of_the_room_wait_until_it_is_said_again_or_for_some_seconds() {
        let now = Instant::now();
        let mut held = Held::default();
        held.hold("#lobby", "a1", now);
        held.hold("#lobby", "a2", now);
        assert!(held.is_before("#lobby", "a2", now));
        assert!(!held.is_before("#attic", "a2", now));
        assert!(!held.is_before("#lobby", "a1", now));
        assert!(!held.is_before("#lobby", "a2", now));
        held.hold("#lobby", "a1", now);
        assert!(held.is_before("#lobby", "a2", now + PATIENCE / 2));
        assert!(!held.is_before("#lobby", "a2", now + PATIENCE));
    }

    #[test]
    fn nobody_has_much_kept() {
        let now = Instant::now();
        let mut held = Held::default();
        for number in 0..1000 {
            held.hold(&format!("#{number}"), "a1", now);
            held.hold(&"x".repeat(1000), "a1", now);
        }
        assert_eq!(held.rooms.len(), MAX_ROOMS);
    }
}
