//! One connection of a page: its login and its session. Knows neither what it asks for, nor who else
//! is there, nor where messages are kept.

use std::sync::Arc;
use std::time::Duration;

use sanswire::delivery::{DeliveryError, Denied, Hello, SessionEvent, SessionId};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error, Message};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::addresses::Entry;
use crate::app::App;
use crate::commands::BROKEN;
use crate::hub::Seat;
use crate::log::{Claim, LogError};
use crate::names::{self, LOBBY, Name, Room};
use crate::protocol::{Event, Limits, Login, Refusal, Store};

/// Serves a page until its connection ends. Without an entry, its address has too many.
pub(crate) async fn serve(
    mut socket: WebSocket<NetStream>,
    app: Arc<App>,
    entry: Option<Entry>,
) -> Result<(), Error> {
    let opened = match &entry {
        Some(entry) => match timeout(LOGIN_TIMEOUT, open(&mut socket, &app, entry)).await {
            Ok(opened) => opened,
            Err(_) => Err(Refusal::LATE.into()),
        },
        None => Err(Refusal::CROWD.into()),
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
pub(crate) enum End {
    Failed(Error),
    Refused(Refusal),
}

/// A page that has logged in, as long as it has this connection.
pub(crate) struct Page<'a> {
    pub(crate) app: &'a App,
    pub(crate) seat: Seat,
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
    entry: &Entry,
) -> Result<Option<(Page<'a>, Message)>, End> {
    let Some(first) = socket.recv().await? else { return Ok(None) };
    let login = Login::parse(first.as_text().unwrap_or_default())?;
    let name = Name::parse(&login.name).map_err(Refusal::name)?;
    if !names::is_key(&login.key) {
        return Err(Refusal::LOGIN.into());
    }
    let key =
        Sha256::digest(&login.key).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if app.log.owned(&name).await?.is_none() && !entry.may_claim() {
        return Err(Refusal::NAMES.into());
    }
    let name = match app.log.claim(&name, &key).await? {
        Claim::Own(name) => name,
        Claim::Alike => return Err(Refusal::ALIKE.into()),
        Claim::Taken => return Err(Refusal::TAKEN.into()),
    };
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
                self.obey(message.as_text().unwrap_or_default()).await
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

    /// Tells the page what it has not seen of its rooms, as long as it has room for that.
    async fn catch_up(&self) -> Result<(), End> {
        loop {
            let Some(errand) = self.app.hub().errand(&self.seat) else { return Ok(()) };
            match self.app.log.after(&errand.room, &errand.position, CHUNK).await {
                Ok(page) => self.app.hub().run(&self.seat, &errand, &page)?,
                Err(LogError::Broken(_)) => {
                    let room = errand.room.seen_by(&self.seat.name);
                    self.app.hub().leave(&self.seat, &errand.room);
                    self.refuse(None, Some(&room), BROKEN)?;
                }
                Err(LogError::Away(_)) => {
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

/// Who connects and does not log in is sent away.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Conversations that a page is told of when it comes.
const LISTED_DIRECTS: usize = 500;
/// Messages in a chunk of history at most.
const CHUNK: usize = 100;
