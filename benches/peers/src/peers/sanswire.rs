//! sanswire: its core in a loop of one's own, and both adapters.

use core::time::Duration;
use std::io::Write;

use bytes::{Buf, BufMut, Bytes};
use sanswire::extension::{self, Deflate, DeflateConfig};
use sanswire::io::{self, blocking};
use sanswire::{Commands, Config, Connection, Event, Message, Prepared};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::memory::{self, Memory};
use crate::peer::{
    Deflater, Echo, Peer, Receive, Receiver, Role, Sender, Server, Takeover, Task, Transmit, Tuning,
};
use crate::wire::Kind;

pub(super) struct Sanswire;

impl Peer for Sanswire {
    fn name(&self) -> &'static str {
        "sanswire"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        let tokio = || io::tokio::WebSocket::from_driver(transport(), connection(role));
        let blocking = || {
            let stream = io::Plain(transport());
            blocking::WebSocket::from_driver(stream, connection(role))
        };
        vec![
            Receiver::new("sanswire", "lent", Core::<Lends>::new(transport(), role)),
            Receiver::new("sanswire", "owned", Core::<Owns>::new(transport(), role)),
            Receiver::new("sanswire, tokio", "lent", Tokio(tokio(), Lends)),
            Receiver::new("sanswire, tokio", "owned", Tokio(tokio(), Owns)),
            Receiver::new("sanswire, blocking", "lent", Blocking(blocking(), Lends)),
            Receiver::new("sanswire, blocking", "owned", Blocking(blocking(), Owns)),
        ]
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, _: Tuning) -> Vec<Sender> {
        let sending = |send| Sending { transport: transport(), connection: connection(role), send };
        vec![
            Sender::new(
                "sanswire",
                "slice",
                sending(|commands, payload| commands.send(&payload[..]).is_ok()),
            ),
            Sender::new(
                "sanswire",
                "bytes",
                sending(|commands, payload| commands.send(payload).is_ok()),
            ),
        ]
    }

    fn deflaters(&self, transport: &dyn Fn() -> Memory, takeover: Takeover) -> Vec<Deflater> {
        let takeover = match takeover {
            Takeover::Keep => extension::Takeover::Keep,
            Takeover::Reset => extension::Takeover::Reset,
        };
        let config = DeflateConfig::default().takeover(takeover).peer_takeover(takeover);
        let (agreed, _) = Deflate::accept(&config, &[Deflate::offer(&config)]).unwrap();
        let connection = server().with_deflate(agreed);
        let echo = Echoing { transport: transport(), connection };
        vec![Deflater::new("sanswire", "level 6", echo)]
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        let mut core = Serving { transport: transport(), connection: server() };
        let tokio = gathered(transport());
        vec![
            Task::called("sanswire", move || core.serve()),
            Task::new("sanswire, tokio", async { tokio.await.unwrap() }),
        ]
    }

    fn servers(&self) -> Vec<Server> {
        vec![
            Server::tokio("sanswire", |stream, _| drop(tokio::spawn(plain(stream)))),
            Server::tokio("sanswire, gathered", |stream, _| drop(tokio::spawn(gathered(stream)))),
            Server::blocking("sanswire, blocking", blocking),
        ]
    }
}

fn server() -> Connection {
    Connection::server(&Config::default())
}

fn connection(role: Role) -> Connection {
    match role {
        Role::Client => Connection::client(&Config::default(), [7; 32]),
        Role::Server => server(),
    }
}

/// What is made of an event.
trait Takes {
    fn take(event: Event<'_>, call: impl FnMut(Kind, &[u8])) -> bool;
}

struct Lends;

impl Takes for Lends {
    fn take(event: Event<'_>, mut call: impl FnMut(Kind, &[u8])) -> bool {
        match event {
            Event::Binary(payload) => call(Kind::Binary, &payload),
            Event::Text(text) => call(Kind::Text, text.as_bytes()),
            Event::Chunk(_) | Event::Closed(_) | Event::Ping(_) | Event::Pong(_) | _ => {
                return false;
            }
        }
        true
    }
}

struct Owns;

impl Takes for Owns {
    fn take(event: Event<'_>, mut call: impl FnMut(Kind, &[u8])) -> bool {
        match event.into_message() {
            Some(Message::Binary(payload)) => call(Kind::Binary, &payload),
            Some(Message::Text(text)) => call(Kind::Text, text.as_bytes()),
            None => return false,
        }
        true
    }
}

/// The run loop of the documentation.
struct Core<T> {
    transport: Memory,
    connection: Connection,
    takes: core::marker::PhantomData<T>,
}

impl<T> Core<T> {
    fn new(transport: Memory, role: Role) -> Self {
        let takes = core::marker::PhantomData;
        Self { transport, connection: connection(role), takes }
    }
}

impl<T: Takes> Receive for Core<T> {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        let mut left = messages;
        while left > 0 {
            match self.connection.poll_event().unwrap() {
                Some((event, _)) => left -= usize::from(T::take(event, &mut take)),
                None => {
                    read(&mut self.transport, &mut self.connection).unwrap();
                }
            }
        }
    }
}

struct Tokio<T>(io::tokio::WebSocket<Memory>, T);

impl Receive for Tokio<Lends> {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        memory::run(async {
            let mut left = messages;
            while left > 0 {
                let taken = self.0.recv_with(|event, _| Lends::take(event, &mut take)).await;
                left -= usize::from(taken.unwrap().unwrap());
            }
        });
    }
}

impl Receive for Tokio<Owns> {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        memory::run(async {
            for _ in 0..messages {
                match self.0.recv().await.unwrap().unwrap() {
                    Message::Binary(payload) => take(Kind::Binary, &payload),
                    Message::Text(text) => take(Kind::Text, text.as_bytes()),
                }
            }
        });
    }
}

struct Blocking<T>(blocking::WebSocket<io::Plain<Memory>>, T);

impl Receive for Blocking<Lends> {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        let mut left = messages;
        while left > 0 {
            let taken = self.0.recv_with(|event, _| Lends::take(event, &mut take));
            left -= usize::from(taken.unwrap().unwrap());
        }
    }
}

impl Receive for Blocking<Owns> {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        for _ in 0..messages {
            match self.0.recv().unwrap().unwrap() {
                Message::Binary(payload) => take(Kind::Binary, &payload),
                Message::Text(text) => take(Kind::Text, text.as_bytes()),
            }
        }
    }
}

struct Sending {
    transport: Memory,
    connection: Connection,
    /// Returns whether there was room.
    send: fn(&mut Commands<'_>, &Bytes) -> bool,
}

impl Transmit for Sending {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        for _ in 0..messages {
            if !(self.send)(&mut self.connection.commands(), payload) {
                write(&mut self.transport, &mut self.connection);
                assert!((self.send)(&mut self.connection.commands(), payload));
            }
        }
        write(&mut self.transport, &mut self.connection);
    }
}

/// Servers that all send one message that was framed before.
pub(crate) fn prepared(payload: &Bytes, count: usize) -> Vec<Sender> {
    let prepared = Prepared::binary(payload);
    let sender = || {
        let prepared = prepared.clone();
        let run = SendingPrepared { transport: Memory::sink(), connection: server(), prepared };
        Sender::new("sanswire, prepared", "bytes", run)
    };
    (0..count).map(|_| sender()).collect()
}

struct SendingPrepared {
    transport: Memory,
    connection: Connection,
    prepared: Prepared,
}

impl Transmit for SendingPrepared {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        assert_eq!(payload.len(), self.prepared.len());
        for _ in 0..messages {
            self.connection.commands().send(&self.prepared).unwrap();
        }
        write(&mut self.transport, &mut self.connection);
    }
}

struct Echoing {
    transport: Memory,
    connection: Connection,
}

impl Echo for Echoing {
    fn echo(&mut self, messages: usize) {
        let mut left = messages;
        while left > 0 {
            match self.connection.poll_event().unwrap() {
                Some((Event::Text(text), mut commands)) => {
                    commands.send(&text).unwrap();
                    left -= 1;
                }
                Some((event, _)) => panic!("{event:?}"),
                None => {
                    write(&mut self.transport, &mut self.connection);
                    read(&mut self.transport, &mut self.connection).unwrap();
                }
            }
        }
        write(&mut self.transport, &mut self.connection);
    }
}

/// Writes all that waits, with vectored writes where it is in pieces, as the adapters do.
fn write(transport: &mut Memory, connection: &mut Connection) {
    while let Some(output) = connection.poll_transmit() {
        let len = if output.chunk().len() == output.len() {
            transport.write(output.chunk()).unwrap()
        } else {
            let mut slices = [std::io::IoSlice::new(&[]); 16];
            let count = output.chunks_vectored(&mut slices);
            transport.write_vectored(&slices[..count]).unwrap()
        };
        output.advance(len);
    }
}

/// The run loop as an event loop of many connections has it: it is entered when there is something
/// to read, and holds no memory when there is not.
struct Serving {
    transport: Memory,
    connection: Connection,
}

impl Serving {
    fn serve(&mut self) {
        loop {
            while let Some((event, mut commands)) = self.connection.poll_event().unwrap() {
                reply(event, &mut commands);
            }
            write(&mut self.transport, &mut self.connection);
            if read(&mut self.transport, &mut self.connection).is_none() {
                break;
            }
            // An event loop reads its clock once for all who are ready.
            self.connection.handle_timeout(NOW);
        }
        assert!(self.connection.poll_timeout() > Some(NOW.into()));
        self.connection.release_memory();
    }
}

/// Reads once, as much as there is room for; `None` when nothing is there.
fn read(transport: &mut Memory, connection: &mut Connection) -> Option<usize> {
    let mut input = connection.input();
    input.prepare(READ);
    let room = input.chunk_mut().len();
    transport.read_into(&mut input, room)
}

/// The loop that everybody writes first.
async fn plain(stream: tokio::net::TcpStream) -> Result<(), sanswire::Error> {
    let mut socket = io::tokio::WebSocket::from_driver(stream, server());
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// Replies are queued while the event is held, and leave together before a read would wait.
async fn gathered<S>(stream: S) -> Result<(), sanswire::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = io::tokio::WebSocket::from_driver(stream, server());
    socket.run(reply).await
}

fn blocking(stream: std::net::TcpStream) {
    let mut socket = blocking::WebSocket::from_driver(stream, server());
    let _ = socket.run(reply);
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
