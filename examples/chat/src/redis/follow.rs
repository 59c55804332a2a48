//! Keeps the connection to Redis, and passes on what the streams say. Knows no page.
//!
//! ```text
//!   keep: ── follow ──(an error, another epoch)──► alone ──► connect ──► flush ──┐
//!            ▲                                       ▲          │ fails          │
//!            │                                       └──────────┘                │
//!            └───────────────────────── shared ◄─────────────────────────────────┘
//! ```

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use redis::{AsyncCommands as _, ErrorKind, RedisError, RedisResult};
use tokio::time::sleep;

use super::{PATIENCE, Redis, config, record, scripts};
use crate::log::Update;
use crate::names::{Name, Room};
use crate::protocol::Store;

/// Up to where a room was passed on.
pub(super) struct Followed {
    pub(super) offset: u64,
    /// The author and the id of the message with this offset, if it was seen.
    pub(super) said: Option<(String, String)>,
}

impl Redis {
    /// Follows, and begins again after each break, forever.
    pub(super) async fn keep(&self) {
        loop {
            if let Err(error) = self.follow_until_lost().await {
                self.report(&format!("Redis: {error}; this server goes on alone"));
            }
            self.state().connection = None;
            self.tell(Update::Store(Store::Alone)).await;
            loop {
                sleep(RETRY).await;
                match self.come_back().await {
                    Ok(()) => break,
                    Err(error) => self.report(&format!("Redis: {error}")),
                }
            }
            self.report("Redis is back");
            self.tell(Update::Store(Store::Shared)).await;
        }
    }

    async fn follow_until_lost(&self) -> RedisResult<()> {
        let following = self.follow_all();
        tokio::pin!(following);
        loop {
            tokio::select! {
                ended = &mut following => return ended,
                // It may have been noticed before.
                () = self.lost.notified() => {
                    if self.store() == Store::Alone {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Passes on what the streams say, until something is wrong.
    async fn follow_all(&self) -> RedisResult<()> {
        let config = config(BLOCK + PATIENCE);
        let mut connection =
            self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut waker = self.connect().await?;
        let epoch = self.epoch();
        let wake = scripts::wake(&self.server);
        let heard = self.state().signs.clone();
        // After a break, there may be signs of messages, and marks of those who no longer type.
        let mut is_late = heard.is_some();
        let mut signs = match heard {
            Some(heard) => heard,
            None => newest(&mut connection, scripts::SIGNS).await?,
        };
        self.state().signs = Some(signs.clone());
        let mut woken = newest(&mut connection, &wake).await?;
        loop {
            let rooms: Vec<_> = {
                let state = self.state();
                let followed = state.followed.iter();
                followed.map(|(room, followed)| (room.clone(), followed.offset)).collect()
            };
            let streams: Vec<_> = rooms.iter().map(|(room, _)| scripts::stream(room)).collect();
            let mut read = redis::cmd("XREAD");
            read.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK.as_millis().to_string());
            read.arg("STREAMS").arg(scripts::SIGNS).arg(&wake).arg(&streams);
            read.arg(&signs).arg(&woken);
            for (_, offset) in &rooms {
                read.arg(*offset);
            }
            let reply: Option<StreamReadReply> = {
                let reading = read.query_async(&mut connection);
                tokio::pin!(reading);
                loop {
                    tokio::select! {
                        reply = &mut reading => break reply?,
                        () = self.refollow.notified() => wake_up(&mut waker, &wake).await?,
                    }
                }
            };
            let now: Option<String> = connection.get(scripts::EPOCH).await?;
            if now.as_deref() != Some(&*epoch) {
                return Err(another_epoch());
            }
            let mut is_full = false;
            for stream in reply.map(|reply| reply.keys).unwrap_or_default() {
                if stream.key == scripts::SIGNS {
                    is_full = stream.ids.len() == COUNT;
                    for entry in stream.ids {
                        self.hear(|field| entry.get(field), is_late).await;
                        signs.clone_from(&entry.id);
                        self.state().signs = Some(entry.id);
                    }
                } else if stream.key == wake {
                    woken = stream.ids.last().map_or(woken, |entry| entry.id.clone());
                } else if let Some(index) = streams.iter().position(|key| *key == stream.key) {
                    self.pass_on(&rooms[index].0, &stream.ids, &epoch).await;
                }
            }
            is_late &= is_full;
        }
    }

    /// Tells of messages.
    async fn pass_on(&self, room: &Room, entries: &[StreamId], epoch: &Arc<str>) {
        for entry in entries {
            // It may be of an earlier epoch, if that has become this one.
            let Some(record) = record(entry) else { continue };
            let offset = record.offset;
            let said = Some((record.said.from.clone(), record.said.id.clone()));
            let (to, epoch, record) = (room.clone(), Arc::clone(epoch), Arc::new(record));
            self.tell(Update::Said { room: to, epoch, record }).await;
            if let Some(followed) = self.state().followed.get_mut(room) {
                *followed = Followed { offset, said };
            }
        }
    }

    /// Understands a sign of a server, by its fields.
    async fn hear(&self, field: impl Fn(&str) -> Option<String>, is_late: bool) {
        let room = |name: &str| field(name).and_then(|room| Room::of_log(&room));
        if let Some(room) = room("direct") {
            let offset = field("offset").and_then(|offset| offset.parse().ok());
            if let Some(offset) = offset {
                self.tell(Update::Direct { room, offset }).await;
            }
        } else if let Some(room) = room("typing") {
            let name = field("name").and_then(|name| Name::stored(&name));
            let is_foreign = field("server").is_some_and(|server| server != self.server);
            if let Some(name) = name.filter(|_| is_foreign && !is_late) {
                self.tell(Update::Typing { room, name }).await;
            }
        } else if field("people").is_some_and(|server| server != self.server) {
            self.people.notify_one();
        }
    }

    pub(super) async fn tell(&self, update: Update) {
        // Nobody listens any more when the server ends.
        let _ = self.updates.send(update).await;
    }
}

/// Returns the id of the newest entry of a stream.
async fn newest(connection: &mut MultiplexedConnection, stream: &str) -> RedisResult<String> {
    let reply: StreamRangeReply = connection.xrevrange_count(stream, "+", "-", 1).await?;
    Ok(reply.ids.first().map_or("0".into(), |entry| entry.id.clone()))
}

async fn wake_up(connection: &mut MultiplexedConnection, wake: &str) -> RedisResult<()> {
    let mut sign = redis::pipe();
    sign.cmd("XADD").arg(wake).arg(&["MAXLEN", "1", "*", "wake", ""]).ignore();
    sign.expire(wake, 60).ignore();
    sign.query_async(connection).await
}

pub(super) fn another_epoch() -> RedisError {
    (ErrorKind::Client, "the log has become another one").into()
}

/// How long to wait for the next message, before it is seen whether Redis is there.
const BLOCK: Duration = Duration::from_secs(1);
/// How many messages of a room are read at once.
const COUNT: usize = 100;
/// How long to wait before the next attempt to come back.
const RETRY: Duration = Duration::from_millis(500);
