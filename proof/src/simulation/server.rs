//! The server of the room, and the proxy before it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sanswire::delivery::{
    Attachment, Hello, Limits, Retention, SUBPROTOCOL, Session, SessionEvent, SessionId, Sessions,
};
use sanswire::handshake::{Acceptance, Response};
use sanswire::io::tokio::WebSocket;
use sanswire::{CloseCode, Commands, Message};
use tokio::io::copy_bidirectional;
use tokio::sync::Notify;
use tokio::time::timeout;
use turmoil::net::{TcpListener, TcpStream};

use super::client::{PORT, config};
use super::records::{Records, message, parse};
use super::{Disk, leap};

struct Room {
    sessions: Mutex<Sessions<usize>>,
    /// Wakes the connections that wait.
    changed: Notify,
    records: Arc<Records>,
}

/// Serves until it crashes.
pub(super) async fn run(seed: u64, records: Arc<Records>) -> turmoil::Result {
    tokio::spawn(leap(super::SERVER.to_owned(), seed, Arc::clone(&records)));
    let mut sessions = Sessions::new(Retention::default());
    for (user, client, snapshot) in &records.lock().saved {
        let session = Session::restore(snapshot.clone(), Limits::default())?;
        sessions.insert(*user, *client, session, turmoil::elapsed())?;
    }
    let (sessions, changed) = (Mutex::new(sessions), Notify::new());
    let room = Arc::new(Room { sessions, changed, records });
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let room = Arc::clone(&room);
        tokio::spawn(async move { room.serve(stream).await });
    }
}

/// Passes bytes on to the server until it crashes.
pub(super) async fn forward() -> turmoil::Result {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    loop {
        let (mut near, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut far = TcpStream::connect((super::SERVER, PORT)).await?;
            copy_bidirectional(&mut near, &mut far).await
        });
    }
}

/// A connection's claim on its session.
struct Attached<'a> {
    room: &'a Room,
    attachment: Attachment,
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        // The whole server may be gone, and its time with it.
        if turmoil::in_simulation() {
            self.room.sessions().detach(self.attachment, turmoil::elapsed());
        }
    }
}

impl Room {
    async fn serve(&self, stream: TcpStream) -> Result<(), sanswire::Error> {
        let config = config();
        let mut user = None;
        let opening = async {
            let mut socket = WebSocket::accept_with(stream, &config, async |request| {
                user = request.path().trim_start_matches('/').parse().ok();
                match request.subprotocols().find(|&name| name == SUBPROTOCOL) {
                    Some(name) => Ok(Acceptance::new().subprotocol(Some(name))),
                    None => Err(Response::new(400)),
                }
            })
            .await?;
            let first = socket.recv().await?;
            Ok::<_, sanswire::Error>((socket, first))
        };
        let Ok(opened) = timeout(OPENING, opening).await else { return Ok(()) };
        let ((mut socket, Some(first)), Some(user)) = (opened?, user) else { return Ok(()) };
        let attachment = match self.attach(user, &first) {
            Ok(attachment) => attachment,
            Err(code) => return socket.close(code, "").await,
        };
        let attached = Attached { room: self, attachment };
        let mut message = Some(first);
        loop {
            let changed = self.changed.notified();
            if let Err(code) = self.advance(user, &mut socket.commands(), &attached, message) {
                return socket.close(code, "").await;
            }
            message = tokio::select! {
                biased;
                received = socket.recv() => match received? {
                    Some(received) => Some(received),
                    None => return Ok(()),
                },
                () = changed => None,
            };
        }
    }

    fn attach(&self, user: usize, first: &Message) -> Result<Attachment, CloseCode> {
        let hello = Hello::parse(first).map_err(|error| error.close_code())?;
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| CloseCode::INTERNAL_ERROR)?;
        let new = SessionId::new(bytes).ok_or(CloseCode::INTERNAL_ERROR)?;
        let attached = self.sessions().attach(user, &hello, new, turmoil::elapsed());
        self.changed.notify_waiters();
        attached.map_err(|denied| denied.close_code())
    }

    /// Handles a message, saves what came of it, and hands what there is to the connection.
    fn advance(
        &self,
        user: usize,
        commands: &mut Commands<'_>,
        attached: &Attached<'_>,
        received: Option<Message>,
    ) -> Result<(), CloseCode> {
        let mut sessions = self.sessions();
        let session = sessions.get(attached.attachment).ok_or(CloseCode::GOING_AWAY)?;
        if let Some(received) = received {
            let event = session.handle_message(received).map_err(|error| error.close_code())?;
            match event {
                Some(SessionEvent::Message(said)) => self.pass_on(user, &said, &mut sessions),
                Some(SessionEvent::Forgot) => self.records.lock().note_forgot(user),
                // No client loses its memory.
                Some(SessionEvent::PeerForgot(lost)) => {
                    let fault = format!("client {user} forgot nothing, and is said to: {lost:?}");
                    self.records.lock().note_fault(fault);
                }
                _ => {}
            }
            self.save(&sessions);
        }
        let session = sessions.get(attached.attachment).ok_or(CloseCode::GOING_AWAY)?;
        session.acknowledge();
        session.transmit(commands).map_err(|_| CloseCode::GOING_AWAY)
    }

    /// Tells everybody else.
    fn pass_on(&self, author: usize, said: &Message, sessions: &mut Sessions<usize>) {
        let mut records = self.records.lock();
        let (by, number) = parse(said);
        assert_eq!(by, author, "a message came by somebody else's session");
        records.heard[author].push(number);
        for other in (0..super::CLIENTS).filter(|&other| other != author) {
            // A client whose first connection is still to come has none.
            for session in sessions.of_user(&other) {
                session.send(message(author, number)).expect("few messages");
                records.passed_on[other].push((author, number));
            }
        }
        drop(records);
        self.changed.notify_waiters();
    }

    fn save(&self, sessions: &Sessions<usize>) {
        if self.records.disk == Disk::Keeps {
            let saved = sessions.iter().map(|(id, user, session)| (*user, id, session.snapshot()));
            self.records.lock().saved = saved.collect();
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions<usize>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who connects and says nothing is dropped.
const OPENING: Duration = Duration::from_secs(10);
