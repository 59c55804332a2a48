//! Who is present on which server: each notes its own people for a few seconds, again and again, so
//! that those of a killed one are gone soon. Knows no page.

use std::collections::BTreeSet;
use std::time::Duration;

use redis::RedisResult;

use super::{Redis, alone, scripts};
use crate::log::{LogError, Present};
use crate::names::{Name, Room};

impl Redis {
    /// Notes who is here (`mine`, of which `noted` was noted before), and returns who is elsewhere.
    pub(crate) async fn present(
        &self,
        mine: &BTreeSet<Present>,
        noted: &BTreeSet<Present>,
    ) -> Result<BTreeSet<Present>, LogError> {
        let mut connection = self.connection().ok_or_else(alone)?;
        let script = scripts::present();
        let mut asked = script.key(scripts::PRESENT);
        asked.key(scripts::SIGNS).arg(&self.server).arg(EXPIRY.as_millis().to_string());
        asked.arg(i32::from(mine != noted)).arg(mine.len());
        for present in mine.iter().chain(noted.difference(mine)) {
            asked.arg(to_text(present));
        }
        let answer: RedisResult<Vec<String>> = asked.invoke_async(&mut connection).await;
        let all = answer.map_err(|error| self.fail(&error))?;
        let parse = |text: &String| {
            let (server, text) = text.split_once('\n')?;
            from_text(text).filter(|_| server != self.server)
        };
        Ok(all.iter().filter_map(parse).collect())
    }
}

fn to_text(Present { room, name }: &Present) -> String {
    format!("{}\n{name}", room.as_ref().map(Room::to_string).unwrap_or_default())
}

fn from_text(text: &str) -> Option<Present> {
    let (room, name) = text.split_once('\n')?;
    let name = Name::stored(name)?;
    let room = if room.is_empty() { None } else { Some(Room::of_log(room)?) };
    Some(Present { room, name })
}

/// How long somebody is seen whose server says nothing more.
const EXPIRY: Duration = Duration::from_secs(6);
