//! One connection of a page: its login, its session, and what it asks for. Knows neither who else
//! is there nor where messages are kept.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sanswire::delivery::{DeliveryError, Denied, Hello, SessionEvent, SessionId};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error, Message};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::app::App;
use crate::flood::Empty;
use crate::hub::Seat;
use crate::log::{LogError, Position};
use crate::names::{self, Name, Room};
use crate::protocol::{Command, Event, Limits, Login, Refusal, Said, Store};

/// Serves a page until its connection ends.
pub(crate) async fn serve(mut socket: WebSocket<NetStream>, app: Arc<App>) -> Result<(), Error> {
    let opened = match timeout(LOGIN_TIMEOUT, open(&mut socket, &app)).await {
        Ok(opened) => opened,
        Err(_) => Err(Refusal::LATE.into()),
    };
    let ended = match opened {
        Ok(Some((page, hello))) => page.exchange(&mut socket, hello).await,
        Ok(None) => Ok(()),
        Err(end) => Err(end),
    };
    match ended {
        Ok(()) => Ok(()),
        Err(End::Failed(error)) => Err(error),
        Err(End::Refused(Refusal { code, reason })) => socket.close(code, reason).await,
    }
}

/// The options of the connection: a message may be too long, to be told so, but not by much.
pub(crate) fn config() -> Config {
    Config::default()
        .max_message_size(64 << 10)
        .max_buffered(256 << 10)
        .ping_interval(Some(Duration::from_secs(10)))
        .pong_timeout(Some(Duration::from_secs(10)))
}

/// Why a connection ends, if not by the page's own wish.
enum End {
    Failed(Error),
    Refused(Refusal),
}

/// A page that has logged in, as long as it has this connection.
struct Page<'a> {
    app: &'a App,
    seat: Seat,
}

/// Also when the task is aborted: a session that counts as connected is kept forever.
impl Drop for Page<'_> {
    fn drop(&mut self) {
        self.app.hub().detach(&self.seat);
    }
}

/// Takes the login and the Hello. Returns `None` if the page has left.
async fn open<'a>(
    socket: &mut WebSocket<NetStream>,
    app: &'a App,
) -> Result<Option<(Page<'a>, Message)>, End> {
    let Some(first) = socket.recv().await? else { return Ok(None) };
    let login = Login::parse(first.as_text().unwrap_or_default())?;
    let name = Name::parse(&login.name).map_err(Refusal::name)?;
    if !names::is_key(&login.key) {
        return Err(Refusal::LOGIN.into());
    }
    let key =
        Sha256::digest(&login.key).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let name = app.log.claim(&name, &key).await?.ok_or(Refusal::TAKEN)?;
    let Some(message) = socket.recv().await? else { return Ok(None) };
    let hello = Hello::parse(&message)?;
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::INTERNAL)?;
    let new = SessionId::new(bytes).ok_or(Refusal::INTERNAL)?;
    let seat = app.hub().attach(&name, &hello, new)?;
    Ok(Some((Page { app, seat }, message)))
}

impl Page<'_> {
    /// Passes messages between the socket and the session.
    async fn exchange(&self, socket: &mut WebSocket<NetStream>, hello: Message) -> Result<(), End> {
        let mut received = Some(hello);
        loop {
            let is_idle = received.is_none();
            match received {
                Some(message) => {
                    if let Some(event) = self.receive(message)? {
                        self.handle(event).await?;
                    }
                }
                None => self.catch_up().await?,
            }
            self.transmit(socket, is_idle)?;
            received = tokio::select! {
                biased;
                received = socket.recv() => match received? {
                    Some(message) => Some(message),
                    None => return Ok(()),
                },
                // Nothing more has arrived: there is time for the rest.
                () = std::future::ready(()), if !is_idle => None,
                () = self.seat.wake.notified(), if is_idle => None,
            };
        }
    }

    fn receive(&self, message: Message) -> Result<Option<SessionEvent>, End> {
        let mut hub = self.app.hub();
        let session = hub.session(&self.seat).ok_or(Refusal::REPLACED)?;
        Ok(session.handle_message(message)?)
    }

    /// Hands the session's messages to the socket, with an acknowledgement before a wait.
    fn transmit(&self, socket: &mut WebSocket<NetStream>, is_idle: bool) -> Result<(), End> {
        let mut hub = self.app.hub();
        let session = hub.session(&self.seat).ok_or(Refusal::REPLACED)?;
        if is_idle {
            session.acknowledge();
        }
        Ok(session.transmit(&mut socket.commands()).map_err(Error::from)?)
    }

    async fn handle(&self, event: SessionEvent) -> Result<(), End> {
        match event {
            SessionEvent::Message(message) => {
                let text = message.as_text().unwrap_or_default();
                match serde_json::from_str(text) {
                    Ok(command) => self.obey(command).await,
                    Err(_) => self.refuse(None, None, "this server does not know this command"),
                }
            }
            SessionEvent::Resumed => {
                self.app.hub().arrive(&self.seat);
                Ok(())
            }
            // A new session begins.
            _ => self.welcome().await,
        }
    }

    async fn welcome(&self) -> Result<(), End> {
        let name = &self.seat.name;
        // Without the log, a page has its own list.
        let rooms = self.app.log.rooms().await.unwrap_or_default();
        let is_own = |room: &&Room| room.pair().is_some_and(|pair| pair.contains(&name));
        let directs = rooms.iter().filter(is_own).map(|room| room.seen_by(name));
        let directs = directs.take(LISTED_DIRECTS).collect();
        let mut hub = self.app.hub();
        hub.begin(&self.seat);
        let lobby = Room::public(LOBBY).ok();
        let rooms = hub.counts(rooms.into_iter().chain(lobby));
        let (limits, store) = (Limits::with_rate(hub.rate()), self.app.log.store());
        let event = Event::Welcome { name: name.as_str(), rooms, directs, limits, store };
        Ok(hub.answer(&self.seat, &event)?)
    }

    async fn obey(&self, command: Command) -> Result<(), End> {
        let is_say = matches!(command, Command::Say { .. });
        let counted = self.app.hub().count(&self.seat, is_say);
        match counted {
            Ok(()) => {}
            Err(Empty::TooOften) => return Err(Refusal::FLOOD.into()),
            Err(Empty::Until(time)) => return self.slow_down(command, time),
        }
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
            Err(LogError(_)) => self.retry(Some(&id), Some(room), NOT_NOW, RETRY_LOG),
        }
    }

    /// Tells the page what it has not seen of its rooms, as long as it has room for that.
    async fn catch_up(&self) -> Result<(), End> {
        loop {
            let Some(errand) = self.app.hub().errand(&self.seat) else { return Ok(()) };
            match self.app.log.after(&errand.room, &errand.position, CHUNK).await {
                Ok(page) => self.app.hub().run(&self.seat, &errand, &page)?,
                Err(LogError(_)) => {
                    let mut hub = self.app.hub();
                    // Otherwise it is back, and is asked again.
                    if self.app.log.store() == Store::Alone {
                        let (epoch, waiting) = self.app.log.waiting(&errand.room);
                        hub.run_alone(&self.seat, &errand, &epoch, &waiting)?;
                    }
                }
            }
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
                Err(LogError(_)) => {
                    self.retry(id, Some(room), NOT_NOW, RETRY_LOG)?;
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
            Command::Say { room, id, .. } => self.retry(Some(&id), Some(&room), SLOW_DOWN, time),
            Command::Join { room, .. } | Command::Leave { room } => {
                self.retry(None, Some(&room), SLOW_DOWN, time)
            }
            Command::Ping { .. } | Command::Typing { .. } => Ok(()),
        }
    }

    fn refuse(&self, id: Option<&str>, room: Option<&str>, why: &str) -> Result<(), End> {
        let event = Event::Refused { id, room, why, retry: None };
        Ok(self.app.hub().answer(&self.seat, &event)?)
    }

    fn retry(
        &self,
        id: Option<&str>,
        room: Option<&str>,
        why: &str,
        time: Duration,
    ) -> Result<(), End> {
        let retry = u64::try_from(time.as_millis()).ok().map(|millis| millis + 1);
        let event = Event::Refused { id, room, why, retry };
        Ok(self.app.hub().answer(&self.seat, &event)?)
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<DeliveryError> for End {
    fn from(error: DeliveryError) -> Self {
        Refusal { code: error.close_code().as_u16(), reason: "the page does not speak delivery" }
            .into()
    }
}

impl From<Denied> for End {
    fn from(denied: Denied) -> Self {
        let reason = match denied {
            Denied::OtherUser => "this session belongs to somebody else",
            Denied::UserFull { .. } => "this name is used by too many pages at once",
            _ => "the server is full: try again later",
        };
        Refusal { code: denied.close_code().as_u16(), reason }.into()
    }
}

impl From<LogError> for End {
    fn from(_: LogError) -> Self {
        Refusal::STORE.into()
    }
}

/// The room that is always there.
const LOBBY: &str = "#lobby";
/// Who connects and does not log in is sent away.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Conversations that a page is told of when it comes.
const LISTED_DIRECTS: usize = 500;
/// Messages in a chunk of history at most.
const CHUNK: usize = 100;
const SLOW_DOWN: &str = "slow down";
const NOT_NOW: &str = "it cannot be kept at present";
const RETRY_LOG: Duration = Duration::from_secs(1);
