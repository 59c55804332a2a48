//! What an adapter gives: receivers and senders over memory, servers over sockets; knows no peer.

use core::hint::black_box;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::memory::Memory;
use crate::wire::Kind;

/// A crate, or the limit. Everything but its name is optional.
pub trait Peer: Sync {
    /// The name on its registry. Those of its rows begin with it.
    fn name(&self) -> &'static str;

    /// Endpoints that receive all that `transport` delivers.
    fn receivers(&self, _transport: &dyn Fn() -> Memory, _role: Role) -> Vec<Receiver> {
        Vec::new()
    }

    /// Endpoints that send into `transport`.
    fn senders(
        &self,
        _transport: &dyn Fn() -> Memory,
        _role: Role,
        _tuning: Tuning,
    ) -> Vec<Sender> {
        Vec::new()
    }

    /// Servers that echo compressed text.
    fn deflaters(&self, _transport: &dyn Fn() -> Memory, _takeover: Takeover) -> Vec<Deflater> {
        Vec::new()
    }

    /// Servers that echo what the transport delivers, until it lets them wait.
    fn tasks(&self, _transport: &dyn Fn() -> Memory) -> Vec<Task> {
        Vec::new()
    }

    /// Servers that echo over sockets.
    fn servers(&self) -> Vec<Server> {
        Vec::new()
    }
}

/// What can be told apart in a table: who, and by which of its interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: &'static str,
    /// Rows are compared within their class, with the limit of that class.
    pub class: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// What the settings are good for, where a peer has settings for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// Many connections, most of them idle.
    Memory,
    Speed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    Keep,
    Reset,
}

/// Receives messages by one interface.
pub trait Receive {
    /// Receives so many messages and shows each to `take`.
    fn receive(&mut self, messages: usize, take: impl FnMut(Kind, &[u8]));
}

/// A receiver that takes part.
pub struct Receiver {
    pub row: Row,
    pub run: Box<dyn RunReceive>,
}

impl Receiver {
    pub fn new(name: &'static str, class: &'static str, receive: impl Receive + 'static) -> Self {
        Self { row: Row { name, class }, run: Box::new(receive) }
    }
}

/// What is timed and what is checked are the same function.
pub trait RunReceive {
    fn turn(&mut self, messages: usize);
    fn collect(&mut self, messages: usize) -> Vec<(Kind, Vec<u8>)>;
}

impl<R: Receive> RunReceive for R {
    fn turn(&mut self, messages: usize) {
        self.receive(messages, |kind, payload| {
            black_box((kind, payload));
        });
    }

    fn collect(&mut self, messages: usize) -> Vec<(Kind, Vec<u8>)> {
        let mut collected = Vec::new();
        self.receive(messages, |kind, payload| collected.push((kind, payload.to_vec())));
        collected
    }
}

/// Sends messages by one interface.
pub trait Transmit {
    /// Sends so many binary messages with this payload, and has all of them written at the end.
    fn send(&mut self, payload: &Bytes, messages: usize);
}

/// A sender that takes part.
pub struct Sender {
    pub row: Row,
    pub run: Box<dyn Transmit>,
}

impl Sender {
    pub fn new(name: &'static str, class: &'static str, send: impl Transmit + 'static) -> Self {
        Self { row: Row { name, class }, run: Box::new(send) }
    }
}

/// Echoes what the transport delivers.
pub trait Echo {
    /// Echoes so many messages.
    fn echo(&mut self, messages: usize);
}

/// A server with permessage-deflate that takes part.
pub struct Deflater {
    pub row: Row,
    pub run: Box<dyn Echo>,
}

impl Deflater {
    pub fn new(name: &'static str, class: &'static str, echo: impl Echo + 'static) -> Self {
        Self { row: Row { name, class }, run: Box::new(echo) }
    }
}

/// A connection of an echo server that takes part, to be polled whenever there is something to
/// read.
pub struct Task {
    pub row: Row,
    pub run: Pin<Box<dyn Future<Output = ()>>>,
}

impl Task {
    pub fn new(name: &'static str, run: impl Future<Output = ()> + 'static) -> Self {
        Self { row: Row { name, class: "echo" }, run: Box::pin(run) }
    }

    /// Makes a task of what does all that there is to do.
    pub fn called(name: &'static str, mut serve: impl FnMut() + 'static) -> Self {
        let poll = move |_: &mut Context<'_>| {
            serve();
            Poll::Pending
        };
        Self::new(name, core::future::poll_fn(poll))
    }
}

/// An echo server that takes part; a connection is handed over behind its handshake.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pub row: Row,
    pub start: Start,
}

#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// Runs in a thread of the connection's own.
    Blocking(fn(std::net::TcpStream)),
    /// Spawns a task.
    Tokio(fn(TcpStream, Tuning)),
    /// The same without a handshake: bytes for bytes.
    RawBlocking(fn(std::net::TcpStream)),
    RawTokio(fn(TcpStream)),
}

impl Server {
    pub const fn tokio(name: &'static str, start: fn(TcpStream, Tuning)) -> Self {
        Self { row: Row { name, class: "async" }, start: Start::Tokio(start) }
    }

    pub const fn blocking(name: &'static str, start: fn(std::net::TcpStream)) -> Self {
        Self { row: Row { name, class: "blocking" }, start: Start::Blocking(start) }
    }
}
