//! What a page asks for, and what it is answered. Knows no socket.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::connection::{End, Page};
use crate::flood::Empty;
use crate::log::{LogError, Position};
use crate::names::{self, Name, Room};
use crate::protocol::{Command, Event, Refusal, Said};

impl Page<'_> {
    /// Does what a page asks for, in JSON.
    pub(crate) async fn obey(&self, command: &str) -> Result<(), End> {
        let command = serde_json::from_str(command).ok();
        let counted = match &command {
            Some(Command::Say { room, id, .. }) => {
                self.app.hub().count_message(&self.seat, room, id)
            }
            Some(_) | None => self.app.hub().count(&self.seat),
        };
        match (command, counted) {
            (_, Err(Empty::TooOften)) => Err(Refusal::FLOOD.into()),
            (None, _) => self.refuse(None, None, "this server does not know this command"),
            (Some(command), Err(Empty::Until(time))) => self.slow_down(command, time),
            (Some(command), Ok(())) => self.do_it(command).await,
        }
    }

    async fn do_it(&self, command: Command) -> Result<(), End> {
        match command {
            Command::Say { room, id, text } => self.say(&room, id, &text).await,
            Command::Join { room, since } => {
                let Some(found) = self.find(&room, None).await? else { return Ok(()) };
                let position = since.map_or(Position::Newest, Position::After);
                let joined = self.app.hub().join(&self.seat, &found, position);
                joined.or_else(|why| self.refuse(None, Some(&room), why))
            }
            Command::Leave { room } => {
                let Some(found) = self.find(&room, None).await? else { return Ok(()) };
                self.app.hub().leave(&self.seat, &found);
                Ok(())
            }
            Command::Typing { room } => {
                let Some(found) = self.find(&room, None).await? else { return Ok(()) };
                if self.app.hub().type_in(&self.seat, &found) {
                    self.app.log.typing(&found, &self.seat.name);
                }
                Ok(())
            }
            Command::Ping { at } => Ok(self.app.hub().answer(&self.seat, &Event::Pong { at })?),
        }
    }

    async fn say(&self, room: &str, id: String, text: &str) -> Result<(), End> {
        if !names::is_id(&id) {
            return self.refuse(None, Some(room), "an id has 1 to 32 letters, digits, - and _");
        }
        let text = match names::text(text) {
            Ok(text) => text,
            Err(why) => return self.refuse(Some(&id), Some(room), why),
        };
        let Some(found) = self.find(room, Some(&id)).await? else { return Ok(()) };
        if found.pair().is_none() && !self.app.hub().is_in(&self.seat, &found) {
            return self.refuse(Some(&id), Some(room), "join the room first");
        }
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let from = self.seat.name.to_string();
        let said = Said { id: id.clone(), from, text: text.to_owned(), at };
        match self.app.log.append(&found, said).await {
            Ok(None) => Ok(()),
            Ok(Some(appended)) if appended.is_new => Ok(()),
            // It was said before. The page does not know, or it would not say it again.
            Ok(Some(appended)) => {
                let room = found.seen_by(&self.seat.name);
                let event = Event::message(&room, &appended.epoch, &appended.record);
                Ok(self.app.hub().answer(&self.seat, &event)?)
            }
            Err(LogError::Broken(_)) => self.refuse(Some(&id), Some(room), BROKEN),
            Err(LogError::Away(_)) => self.not_now(Some(&id), room),
        }
    }

    /// Finds the room that this page means, to say this in it, or answers why there is none.
    async fn find(&self, room: &str, id: Option<&str>) -> Result<Option<Room>, End> {
        let found = match room.strip_prefix('@').map(Name::parse) {
            None => Room::public(room),
            Some(Err(_)) => Err("nobody has this name"),
            Some(Ok(name)) => match self.app.log.owned(&name).await {
                Ok(Some(other)) => Room::direct(self.seat.name.clone(), other),
                Ok(None) => Err("nobody has this name"),
                Err(LogError::Broken(_)) => Err(BROKEN),
                Err(LogError::Away(_)) => {
                    self.not_now(id, room)?;
                    return Ok(None);
                }
            },
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(why) => self.refuse(id, Some(room), why).map(|()| None),
        }
    }

    fn slow_down(&self, command: Command, time: Duration) -> Result<(), End> {
        match command {
            Command::Say { room, id, .. } => self.retry(Some(&id), &room, SLOW_DOWN, time),
            Command::Join { room, .. } | Command::Leave { room } => {
                self.retry(None, &room, SLOW_DOWN, time)
            }
            Command::Ping { .. } | Command::Typing { .. } => Ok(()),
        }
    }

    /// Answers that the log is out of reach.
    fn not_now(&self, id: Option<&str>, room: &str) -> Result<(), End> {
        if let Some(id) = id {
            self.app.hub().hold(&self.seat, room, id);
        }
        self.retry(id, room, "it cannot be kept at present", RETRY_LOG)
    }

    pub(crate) fn refuse(
        &self,
        id: Option<&str>,
        room: Option<&str>,
        why: &str,
    ) -> Result<(), End> {
        let event = Event::Refused { id, room, why, retry: None };
        Ok(self.app.hub().answer(&self.seat, &event)?)
    }

    fn retry(&self, id: Option<&str>, room: &str, why: &str, time: Duration) -> Result<(), End> {
        let retry = u64::try_from(time.as_millis()).ok().map(|millis| millis + 1);
        let event = Event::Refused { id, room: Some(room), why, retry };
        Ok(self.app.hub().answer(&self.seat, &event)?)
    }
}

/// Somebody else has written into the log.
pub(crate) const BROKEN: &str = "this room is broken: tell those who run the server";
const SLOW_DOWN: &str = "slow down";
const RETRY_LOG: Duration = Duration::from_secs(1);
