//! The log that several servers share, in Redis: one stream for each room. Knows no page and no
//! socket.
//!
//! While Redis is out of reach, the server is *alone*: what is said waits here, in order, and is
//! appended when Redis is back. [`connecting`] does that; [`follow`] passes on what the streams say.
//!
//! An append of which the answer is lost may have happened or not. It is repeated; the script knows
//! the message again.

mod connecting;
mod follow;
mod names;
mod presence;
mod reading;
mod scripts;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamId;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::log::{Appended, LogError, Update};
use crate::names::{Name, Room};
use crate::protocol::{Record, Said, Store};
use follow::Followed;

pub(crate) struct Redis {
    client: Client,
    /// Of this process, for others.
    server: String,
    /// How many messages of a room can be read.
    history: usize,
    state: Mutex<State>,
    /// There are other streams to follow.
    refollow: Notify,
    /// Redis is out of reach.
    lost: Notify,
    /// The people on other servers may have changed.
    people: Notify,
    updates: mpsc::Sender<Update>,
}

struct State {
    /// `None` while the server is alone.
    connection: Option<MultiplexedConnection>,
    epoch: Arc<str>,
    /// What was said while the server is alone. Empty while it is not.
    waiting: VecDeque<(Room, Said)>,
    followed: BTreeMap<Room, Followed>,
    /// The last sign that was heard, as the stream calls it; `None` before the first connection.
    signs: Option<String>,
    /// The names that were asked for here, folded, and to whom they belong.
    owners: HashMap<String, (Name, String)>,
    /// What was said last to those who run the server.
    reported: String,
}

impl Redis {
    /// Connects. What fails is told in one line, without the password.
    pub(crate) async fn open(
        url: &str,
        history: usize,
        updates: mpsc::Sender<Update>,
    ) -> Result<Arc<Self>, String> {
        let client = Client::open(url).map_err(|error| {
            format!("--redis: this is no redis://[:PASSWORD@]HOST[:PORT][/DATABASE]: {error}")
        })?;
        let address = client.get_connection_info().addr().to_string();
        let random = || crate::log::new_epoch().map_err(|error| error.to_string());
        let mut redis = Self {
            client,
            server: random()?.to_string(),
            history,
            state: Mutex::new(State {
                connection: None,
                epoch: random()?,
                waiting: VecDeque::new(),
                followed: BTreeMap::new(),
                signs: None,
                owners: HashMap::new(),
                reported: String::new(),
            }),
            refollow: Notify::new(),
            lost: Notify::new(),
            people: Notify::new(),
            updates,
        };
        match timeout(OPENING, redis.connect_first()).await {
            Ok(Ok(())) => {}
            // Of a pipeline, the error has no code of its own.
            Ok(Err(error)) if error.to_string().contains("NOAUTH") => {
                return Err(format!(
                    "--redis {address}: a password is needed: redis://:PASSWORD@{address}"
                ));
            }
            Ok(Err(error)) => return Err(format!("--redis {address}: {error}")),
            Err(_) => return Err(format!("--redis {address}: no answer")),
        }
        let redis = Arc::new(redis);
        tokio::spawn({
            let redis = Arc::clone(&redis);
            async move { redis.keep().await }
        });
        Ok(redis)
    }

    /// Returns `None` if the message waits here for Redis.
    pub(crate) async fn append(
        &self,
        room: &Room,
        said: Said,
    ) -> Result<Option<Appended>, LogError> {
        loop {
            let (connection, epoch) = {
                let state = self.state();
                (state.connection.clone(), Arc::clone(&state.epoch))
            };
            if let Some(mut connection) = connection {
                match self.try_append(&mut connection, &epoch, room, &said).await {
                    Ok(Some(appended)) => {
                        self.follow(room, appended.record.offset - 1);
                        return Ok(Some(appended));
                    }
                    // The log has become another one.
                    Ok(None) => self.lose(&epoch),
                    Err(error) if is_broken(&error) => return Err(self.fail(&error)),
                    Err(error) => drop(self.fail(&error)),
                }
            }
            // Otherwise, Redis is back, and has taken what waited.
            if self.wait(room, &said).await? {
                return Ok(None);
            }
        }
    }

    /// Tells the other servers that somebody is typing. It does not matter if they do not hear it.
    pub(crate) fn typing(&self, room: &Room, name: &Name) {
        let Some(mut connection) = self.connection() else { return };
        let mut sign = redis::cmd("XADD");
        sign.arg(scripts::SIGNS).arg(&["MAXLEN", "~", "1000", "*"]);
        sign.arg(&["typing", &room.to_string(), "name", name.as_str(), "server", &self.server]);
        tokio::spawn(async move {
            let _: RedisResult<String> = sign.query_async(&mut connection).await;
        });
    }

    pub(crate) fn store(&self) -> Store {
        if self.state().connection.is_some() { Store::Shared } else { Store::Alone }
    }

    pub(crate) fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.state().epoch)
    }

    /// Returns what was said last in a room and waits for Redis.
    pub(crate) fn waiting(&self, room: &Room) -> Vec<Said> {
        let state = self.state();
        let here = state.waiting.iter().rev().filter(|(other, _)| other == room);
        let mut said: Vec<_> = here.take(SHOWN).map(|(_, said)| said.clone()).collect();
        said.reverse();
        said
    }

    /// Passes on what comes after an offset of a room, from now on.
    pub(crate) fn follow(&self, room: &Room, offset: u64) {
        let mut state = self.state();
        if !state.followed.contains_key(room) {
            state.followed.insert(room.clone(), Followed { offset, said: None });
            self.refollow.notify_one();
        }
    }

    /// Follows no other rooms any more.
    pub(crate) fn retain(&self, is_needed: impl Fn(&Room) -> bool) {
        self.state().followed.retain(|room, _| is_needed(room));
    }

    /// Waits until the people on other servers may have changed.
    pub(crate) async fn people_changed(&self) {
        self.people.notified().await;
    }

    /// Returns `None` if the log is of another epoch.
    async fn try_append(
        &self,
        connection: &mut MultiplexedConnection,
        epoch: &Arc<str>,
        room: &Room,
        said: &Said,
    ) -> RedisResult<Option<Appended>> {
        let Said { id, from, text, at } = said;
        let script = scripts::append();
        let mut asked = script.key(scripts::stream(room));
        asked.key(scripts::ids(room)).key(scripts::EPOCH).key(scripts::ROOMS).key(scripts::SIGNS);
        asked.arg(&**epoch).arg(room.to_string()).arg(from).arg(id).arg(text).arg(*at);
        asked.arg(self.history).arg(self.history * REMEMBERED);
        asked.arg(i32::from(room.pair().is_some()));
        let (offset, is_new, text, at): (u64, bool, String, u64) =
            asked.invoke_async(connection).await?;
        let said = Said { id: id.clone(), from: from.clone(), text, at };
        let record = Arc::new(Record { offset, said });
        Ok((offset > 0).then(|| Appended { epoch: Arc::clone(epoch), record, is_new }))
    }

    /// Keeps a message until Redis is back, and shows it to those who are here. Returns `false` if
    /// Redis is back.
    async fn wait(&self, room: &Room, said: &Said) -> Result<bool, LogError> {
        let epoch = {
            let mut state = self.state();
            let is_same =
                |(_, other): &&(Room, Said)| (&other.from, &other.id) == (&said.from, &said.id);
            let is_known = state.waiting.iter().filter(is_same).any(|(other, _)| other == room);
            if !is_known {
                if state.connection.is_some() {
                    return Ok(false);
                }
                if state.waiting.len() >= MAX_WAITING {
                    return Err(alone());
                }
                state.waiting.push_back((room.clone(), said.clone()));
            }
            Arc::clone(&state.epoch)
        };
        // Nobody listens any more when the server ends.
        let (room, said) = (room.clone(), said.clone());
        let _ = self.updates.send(Update::Waiting { room, epoch, said }).await;
        Ok(true)
    }

    fn connection(&self) -> Option<MultiplexedConnection> {
        self.state().connection.clone()
    }

    /// Goes on alone, unless this has happened since: the log has had this epoch.
    fn lose(&self, epoch: &Arc<str>) {
        let mut state = self.state();
        if state.epoch == *epoch && state.connection.take().is_some() {
            self.lost.notify_one();
        }
    }

    /// Goes on alone, unless it is only this that is broken.
    fn fail(&self, error: &RedisError) -> LogError {
        if is_broken(error) {
            self.report(&format!("Redis: {error}"));
            return LogError::Broken(error.to_string());
        }
        if self.state().connection.take().is_some() {
            self.lost.notify_one();
        }
        LogError::Away(error.to_string())
    }

    /// Tells those who run the server, but not the same again and again.
    fn report(&self, text: &str) {
        let mut state = self.state();
        if state.reported != text {
            eprintln!("{text}");
            text.clone_into(&mut state.reported);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn alone() -> LogError {
    LogError::Away("Redis is out of reach".into())
}

/// Returns whether a key is not what a server has written. Others may be.
fn is_broken(error: &RedisError) -> bool {
    error.to_string().contains("WRONGTYPE")
}

/// Returns a message as it is in a stream.
fn record(entry: &StreamId) -> Option<Record> {
    let offset = entry.id.strip_suffix("-0")?.parse().ok().filter(|&offset| offset > 0)?;
    let said = Said {
        id: entry.get("id")?,
        from: entry.get("from")?,
        text: entry.get("text")?,
        at: entry.get("at")?,
    };
    Some(Record { offset, said })
}

fn config(response: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(response))
}

/// How long Redis may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same at the start.
const OPENING: Duration = Duration::from_secs(4);
/// How many messages wait at most while Redis is away.
const MAX_WAITING: usize = 10_000;
/// How many of them somebody sees at most who joins a room meanwhile.
const SHOWN: usize = 100;
/// How many times as many messages are known again as can be read, if they are said again.
const REMEMBERED: usize = 4;
