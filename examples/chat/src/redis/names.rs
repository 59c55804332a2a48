//! To whom names belong, in Redis and as it was seen last. Knows no message.

use redis::RedisResult;

use super::{Redis, alone, scripts};
use crate::log::{Claim, LogError};
use crate::names::Name;

impl Redis {
    pub(crate) async fn claim(&self, name: &Name, key: &str) -> Result<Claim, LogError> {
        let folded = name.folded();
        let of = |owner: Name, is_own: bool| if is_own { Claim::Own(owner) } else { Claim::Taken };
        let Some(mut connection) = self.connection() else {
            let state = self.state();
            let (owner, its_key) = state.owners.get(&folded).ok_or_else(alone)?;
            return Ok(of(owner.clone(), its_key == key));
        };
        let script = scripts::claim();
        let mut asked = script.key(scripts::NAMES);
        asked.key(scripts::LOOKS).arg(&folded).arg(name.look()).arg(key).arg(name.as_str());
        let answer: RedisResult<String> = asked.invoke_async(&mut connection).await;
        let owner = answer.map_err(|error| self.fail(&error))?;
        if owner.is_empty() {
            return Ok(Claim::Alike);
        }
        let Some((its_key, owner)) = parse_owner(&owner) else { return Ok(Claim::Taken) };
        let is_own = its_key == key;
        self.state().owners.insert(folded, (owner.clone(), its_key));
        Ok(of(owner, is_own))
    }

    pub(crate) async fn owned(&self, name: &Name) -> Result<Option<Name>, LogError> {
        let folded = name.folded();
        // A name is nobody else's later.
        if let Some((owner, _)) = self.state().owners.get(&folded) {
            return Ok(Some(owner.clone()));
        }
        let mut connection = self.connection().ok_or_else(alone)?;
        let mut asked = redis::cmd("HGET");
        asked.arg(scripts::NAMES).arg(&folded);
        let answer: RedisResult<Option<String>> = asked.query_async(&mut connection).await;
        let Some(owner) = answer.map_err(|error| self.fail(&error))? else { return Ok(None) };
        let Some((key, owner)) = parse_owner(&owner) else { return Ok(None) };
        self.state().owners.insert(folded, (owner.clone(), key));
        Ok(Some(owner))
    }
}

/// Returns the hash of a secret, and the name that belongs to it.
fn parse_owner(text: &str) -> Option<(String, Name)> {
    let (key, name) = text.split_once(' ')?;
    Some((key.to_owned(), Name::stored(name)?))
}
