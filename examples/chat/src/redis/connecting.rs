//! Connects to Redis, at first and again: agrees with the other servers on the log's epoch, and
//! appends what has waited. Knows no page, and follows nothing.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamRangeReply;
use redis::{AsyncCommands as _, ErrorKind, RedisError, RedisResult};

use super::follow::another_epoch;
use super::{PATIENCE, Redis, config, is_broken, record, scripts};
use crate::log::{Update, new_epoch};
use crate::protocol::{Record, Said};

impl Redis {
    /// Connects for the first time.
    pub(super) async fn connect_first(&mut self) -> RedisResult<()> {
        let mut connection = self.connect().await?;
        let epoch = self.agree(&mut connection).await?;
        let mut state = self.state();
        state.epoch = epoch;
        state.connection = Some(connection);
        Ok(())
    }

    /// Connects again, and appends what waits. Then the log is shared.
    pub(super) async fn come_back(&self) -> RedisResult<()> {
        let mut connection = self.connect().await?;
        let epoch = self.agree(&mut connection).await?;
        if *epoch != *self.epoch() {
            self.begin_epoch(&mut connection, &epoch).await?;
        }
        loop {
            let (room, said) = {
                let mut state = self.state();
                let Some(first) = state.waiting.front().cloned() else {
                    state.connection = Some(connection);
                    return Ok(());
                };
                first
            };
            let appended = match self.try_append(&mut connection, &epoch, &room, &said).await {
                // Its author still has it, and is refused when it is said again.
                Err(error) if is_broken(&error) => {
                    self.state().waiting.pop_front();
                    continue;
                }
                appended => appended?,
            };
            let appended = appended.ok_or_else(another_epoch)?;
            self.state().waiting.pop_front();
            self.follow(&room, appended.record.offset - 1);
            if !appended.is_new {
                // It is behind what is followed, but its author does not know.
                let record = appended.record;
                self.tell(Update::Known { room, epoch: Arc::clone(&epoch), record }).await;
            }
        }
    }

    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        self.client.get_multiplexed_async_connection_with_config(&config(PATIENCE)).await
    }

    /// Returns the log's epoch. If the log has lost what was seen of it, it becomes another one.
    async fn agree(&self, connection: &mut MultiplexedConnection) -> RedisResult<Arc<str>> {
        let mut kinds = redis::pipe();
        for (key, _) in scripts::KINDS {
            kinds.cmd("TYPE").arg(key);
        }
        let kinds: Vec<String> = kinds.query_async(connection).await?;
        for ((key, kind), found) in scripts::KINDS.into_iter().zip(kinds) {
            if found != kind && found != "none" {
                let detail = format!("{key} is a {found}, rather than a {kind}");
                return Err((ErrorKind::Client, "this is no log of the chat", detail).into());
            }
        }
        let fresh = new_epoch().map_err(RedisError::from)?;
        let _: bool = connection.set_nx(scripts::EPOCH, &*fresh).await?;
        let epoch: String = connection.get(scripts::EPOCH).await?;
        let epoch: Arc<str> = epoch.into();
        if epoch == self.epoch() && self.is_behind(connection).await? {
            let script = scripts::renew();
            let mut asked = script.key(scripts::EPOCH);
            let epoch: String = asked.arg(&*epoch).arg(&*fresh).invoke_async(connection).await?;
            return Ok(epoch.into());
        }
        Ok(epoch)
    }

    /// Returns whether the log lacks something that was seen, or has something else in its place.
    async fn is_behind(&self, connection: &mut MultiplexedConnection) -> RedisResult<bool> {
        let seen: Vec<_> = {
            let state = self.state();
            let seen = state.followed.iter().filter(|(_, followed)| followed.offset > 0);
            seen.map(|(room, followed)| (room.clone(), followed.offset, followed.said.clone()))
                .collect()
        };
        for (room, offset, said) in seen {
            let stream = scripts::stream(&room);
            let found: RedisResult<StreamRangeReply> =
                connection.xrange(&stream, offset, offset).await;
            let found = match found {
                // Its readers are told when they ask for it.
                Err(error) if is_broken(&error) => {
                    self.state().followed.remove(&room);
                    continue;
                }
                found => found?,
            };
            let is_lost = match found.ids.first().and_then(record) {
                Some(Record { said: Said { from, id, .. }, .. }) => {
                    said.is_some_and(|said| said != (from, id))
                }
                None => {
                    let last: u64 = scripts::last().key(&stream).invoke_async(connection).await?;
                    last < offset
                }
            };
            if is_lost {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes on with another log. The names that are used here stay with their owners.
    async fn begin_epoch(
        &self,
        connection: &mut MultiplexedConnection,
        epoch: &Arc<str>,
    ) -> RedisResult<()> {
        let owners: Vec<_> = {
            let state = self.state();
            state.owners.values().cloned().collect()
        };
        for (name, key) in owners {
            let script = scripts::claim();
            let mut asked = script.key(scripts::NAMES);
            asked.key(scripts::LOOKS).arg(name.folded()).arg(name.look());
            let _: String = asked.arg(key).arg(name.as_str()).invoke_async(connection).await?;
        }
        let mut state = self.state();
        state.epoch = Arc::clone(epoch);
        // Each page asks for its rooms again, and lets them be followed.
        state.followed.clear();
        state.signs = Some("0".into());
        Ok(())
    }
}
