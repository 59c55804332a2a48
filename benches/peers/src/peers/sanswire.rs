//! sanswire: its core in a loop of one's own, and both adapters.

use core::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use sanswire::extension::{self, Deflate, DeflateConfig};
use sanswire::io::{self, blocking};
use sanswire::{Commands, Config, Connection, Event, Message, Prepared};
use tokio::net::TcpStream;

use crate::contestant::{
    Contestant, End, Role, Run, Seen, Start, Takeover, Task, Transport, Tuning,
};
use crate::machine::{Driven, Machine, machine};
use crate::memory::{self, Memory};
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 7] = [
    Contestant {
        deflate: Some(deflating),
        server: Some(Start::Tokio(|stream, _| drop(tokio::spawn(plain(stream))))),
        ..machine::<Core<false>>("sanswire", "lent", "slice")
    },
    Contestant { task: None, ..machine::<Core<true>>("sanswire", "owned", "bytes") },
    Contestant {
        server: Some(Start::Tokio(|stream, _| drop(tokio::spawn(gathered(stream))))),
        ..Contestant::new("sanswire, gathered")
    },
    Contestant {
        open: Some(|memory, role, _| Box::new(Tokio::<false>(open(memory, role)))),
        receives: Some("lent"),
        ..Contestant::new("sanswire, tokio")
    },
    Contestant {
        open: Some(|memory, role, _| Box::new(Tokio::<true>(open(memory, role)))),
        receives: Some("owned"),
        sends: Some("bytes"),
        task: Some(|memory| Box::pin(gathered(memory))),
        ..Contestant::new("sanswire, tokio")
    },
    Contestant {
        open: Some(|memory, role, _| Box::new(Blocking::<false>::new(memory, role))),
        receives: Some("lent"),
        server: Some(Start::Blocking(|stream| {
            let _ = blocking::WebSocket::from_driver(stream, connection(Role::Server)).run(reply);
        })),
        ..Contestant::new("sanswire, blocking")
    },
    Contestant {
        open: Some(|memory, role, _| Box::new(Blocking::<true>::new(memory, role))),
        receives: Some("owned"),
        ..Contestant::new("sanswire, blocking")
    },
];

fn connection(role: Role) -> Connection {
    match role {
        Role::Client => Connection::client(&Config::default(), [7; 32]),
        Role::Server => Connection::server(&Config::default()),
    }
}

/// Shows an event if it is a message; returns whether it is one.
fn lend(event: Event<'_>, seen: &mut Seen) -> bool {
    match event {
        Event::Binary(payload) => seen.take(Kind::Binary, &payload),
        Event::Text(text) => seen.take(Kind::Text, text.as_bytes()),
        Event::Chunk(_) | Event::Closed(_) | Event::Ping(_) | Event::Pong(_) | _ => return false,
    }
    true
}

/// Shows a message that was given away.
fn take(message: &Message, seen: &mut Seen) {
    match message {
        Message::Binary(payload) => seen.take(Kind::Binary, payload),
        Message::Text(text) => seen.take(Kind::Text, text.as_bytes()),
    }
}

/// The run loop of the documentation.
struct Core<const OWNED: bool>(Connection);

impl<const OWNED: bool> Machine for Core<OWNED> {
    fn new(role: Role, _: Tuning) -> Self {
        Self(connection(role))
    }

    fn input(&mut self) -> impl BufMut + Send {
        let mut input = self.0.input();
        input.prepare(READ);
        input
    }

    fn receive(&mut self, most: usize, seen: &mut Seen) -> Result<usize, End> {
        let mut count = 0;
        while count < most
            && let Some((event, _)) = self.0.poll_event()?
        {
            if !OWNED {
                count += usize::from(lend(event, seen));
            } else if let Some(message) = event.into_message() {
                take(&message, seen);
                count += 1;
            }
        }
        Ok(count)
    }

    fn echo(&mut self) -> Result<(), End> {
        while let Some((event, mut commands)) = self.0.poll_event()? {
            reply(event, &mut commands);
        }
        Ok(())
    }

    fn send(&mut self, payload: &Bytes) -> bool {
        let mut commands = self.0.commands();
        if OWNED { commands.send(payload).is_ok() } else { commands.send(&payload[..]).is_ok() }
    }

    fn output(&mut self) -> Option<impl Buf + Send> {
        self.0.poll_transmit()
    }

    fn idle(&mut self) {
        // An event loop reads its clock once for all that are ready.
        self.0.handle_timeout(NOW);
        assert!(self.0.poll_timeout() > Some(NOW.into()));
        self.0.release_memory();
    }
}

fn open<S: Transport>(stream: S, role: Role) -> io::tokio::WebSocket<S> {
    io::tokio::WebSocket::from_driver(stream, connection(role))
}

struct Tokio<const OWNED: bool>(io::tokio::WebSocket<Memory>);

impl<const OWNED: bool> Run for Tokio<OWNED> {
    fn receive(&mut self, messages: usize, seen: &mut Seen) -> Result<(), End> {
        memory::run(async {
            let mut left = messages;
            while left > 0 {
                if OWNED {
                    take(&self.0.recv().await?.ok_or(End::Closed)?, seen);
                    left -= 1;
                } else {
                    let is_message = self.0.recv_with(|event, _| lend(event, seen)).await?;
                    left -= usize::from(is_message.ok_or(End::Closed)?);
                }
            }
            Ok(())
        })
    }

    fn send(&mut self, payload: &Bytes, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                self.0.feed(payload).await.unwrap();
            }
            self.0.flush().await.unwrap();
        });
    }
}

struct Blocking<const OWNED: bool>(blocking::WebSocket<io::Plain<Memory>>);

impl<const OWNED: bool> Blocking<OWNED> {
    fn new(memory: Memory, role: Role) -> Self {
        Self(blocking::WebSocket::from_driver(io::Plain(memory), connection(role)))
    }
}

impl<const OWNED: bool> Run for Blocking<OWNED> {
    fn receive(&mut self, messages: usize, seen: &mut Seen) -> Result<(), End> {
        let mut left = messages;
        while left > 0 {
            if OWNED {
                take(&self.0.recv()?.ok_or(End::Closed)?, seen);
                left -= 1;
            } else {
                let is_message = self.0.recv_with(|event, _| lend(event, seen))?;
                left -= usize::from(is_message.ok_or(End::Closed)?);
            }
        }
        Ok(())
    }
}

/// Returns what makes servers that send one message that was framed before.
pub(crate) fn prepared(payload: &Bytes) -> Box<dyn Fn() -> Box<dyn Run>> {
    let prepared = Prepared::binary(payload);
    Box::new(move || {
        let driven = Driven::new(Memory::sink(), Role::Server, Tuning::Memory);
        Box::new(Preparing(driven, prepared.clone()))
    })
}

struct Preparing(Driven<Core<false>>, Prepared);

impl Run for Preparing {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        assert_eq!(payload.len(), self.1.len());
        for _ in 0..messages {
            self.0.machine.0.commands().send(&self.1).unwrap();
        }
        self.0.write();
    }
}

fn deflating(memory: Memory, takeover: Takeover) -> Task {
    let takeover = match takeover {
        Takeover::Keep => extension::Takeover::Keep,
        Takeover::Reset => extension::Takeover::Reset,
    };
    let config = DeflateConfig::default().takeover(takeover).peer_takeover(takeover);
    let (agreed, _) = Deflate::accept(&config, &[Deflate::offer(&config)]).unwrap();
    let machine = Core::<false>(connection(Role::Server).with_deflate(agreed));
    Driven { memory, machine }.task(|_| {})
}

/// The loop that everybody writes first.
async fn plain(stream: TcpStream) -> Result<(), End> {
    let mut socket = open(stream, Role::Server);
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// Replies are queued while the event is held, and leave together before a read would wait.
async fn gathered<S: Transport>(stream: S) -> Result<(), End> {
    Ok(open(stream, Role::Server).run(reply).await?)
}

/// Answers a message while it is lent: small ones are copied, large ones handed on. There is room
/// for an answer to each event.
fn reply(event: Event<'_>, commands: &mut Commands<'_>) {
    match event {
        Event::Binary(payload) => commands.send(payload).unwrap(),
        Event::Text(text) => commands.send(text).unwrap(),
        Event::Chunk(_) | Event::Closed(_) | Event::Ping(_) | Event::Pong(_) | _ => {}
    }
}

/// How much is read at once, as the adapters do.
const READ: usize = 16 << 10;

/// Any time will do.
const NOW: Duration = Duration::from_secs(1);
