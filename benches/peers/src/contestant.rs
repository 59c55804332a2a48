//! What a contestant is, and what those that own an async stream have in common. Knows no crate.

use core::hint::black_box;
use core::pin::Pin;

use bytes::Bytes;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::memory::{self, Memory};
use crate::wire::Kind;

/// A crate by one of its interfaces, or a limit. Everything but the name is optional.
#[derive(Clone, Copy)]
pub(crate) struct Contestant {
    /// Begins with the name of the crate.
    pub(crate) name: &'static str,
    /// Makes an endpoint in memory.
    pub(crate) open: Option<Opening>,
    /// The classes in which that receives and sends.
    pub(crate) receives: Option<&'static str>,
    pub(crate) sends: Option<&'static str>,
    /// A server in memory that echoes until its transport lets it wait.
    pub(crate) task: Option<fn(Memory) -> Task>,
    /// A server in memory with compression.
    pub(crate) deflate: Option<Deflating>,
    /// A server that echoes over a socket, behind the handshake.
    pub(crate) server: Option<Start>,
    /// Whether the server echoes bytes and has no handshake.
    pub(crate) is_raw: bool,
}

/// Makes an endpoint; or one with compression.
pub(crate) type Opening = fn(Memory, Role, Tuning) -> Box<dyn Run>;
pub(crate) type Deflating = fn(Memory, Takeover) -> Box<dyn Run>;

/// Starts a server for a connection: in a thread of its own, or as a task.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Blocking(fn(std::net::TcpStream)),
    Tokio(fn(TcpStream, Tuning)),
}

pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What can be told apart in a table. Rows are compared within their class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) class: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Role {
    pub(crate) fn pick<T>(self, client: T, server: T) -> T {
        if self == Self::Client { client } else { server }
    }
}

/// What the settings are good for, where a peer has settings for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tuning {
    /// As for speed, without the checks that its adapter here adds.
    Bare,
    /// Many connections, most of them idle.
    Memory,
    Speed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takeover {
    Keep,
    Reset,
}

/// Why there is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Failed,
}

impl Contestant {
    pub(crate) const fn new(name: &'static str) -> Self {
        let (open, receives, sends, task, deflate) = (None, None, None, None, None);
        Self { name, open, receives, sends, task, deflate, server: None, is_raw: false }
    }
}

/// Where messages are kept that are received; otherwise they are only looked at.
pub(crate) type Seen<'a> = Option<&'a mut Vec<(Kind, Vec<u8>)>>;

/// Receives by one interface. The code is the same whether messages are kept or not, but compiled
/// for either, so that none pays for the choice.
pub(crate) trait Pull {
    /// Receives so many messages and shows each to `take`.
    fn pull(&mut self, messages: usize, take: impl FnMut(Kind, &[u8])) -> Result<(), End>;

    fn pull_to(&mut self, messages: usize, seen: Seen<'_>) -> Result<(), End> {
        match seen {
            Some(seen) => self.pull(messages, |kind, payload| seen.push((kind, payload.to_vec()))),
            None => self.pull(messages, |kind, payload| {
                black_box((kind, payload));
            }),
        }
    }
}

/// An endpoint that can be timed; what is checked is the same.
pub(crate) trait Run {
    fn receive(&mut self, _messages: usize, _seen: Seen<'_>) -> Result<(), End> {
        unimplemented!()
    }

    /// Sends binary messages with this payload, and has all of them written at the end.
    fn send(&mut self, _payload: &Bytes, _messages: usize) {
        unimplemented!()
    }

    fn echo(&mut self, _messages: usize) {
        unimplemented!()
    }
}

/// An endpoint over a stream. What is sent may wait for the next flush.
pub(crate) trait Endpoint<S>: Sized + Send + 'static {
    type Message: Send;

    fn open(stream: S, role: Role, tuning: Tuning) -> Self;
    /// Waits for the next message; control frames are passed over.
    fn next(&mut self) -> impl Future<Output = Result<Self::Message, End>> + Send;
    fn show<'a>(&'a self, message: &'a Self::Message) -> (Kind, &'a [u8]);
    fn feed(&mut self, message: Self::Message) -> impl Future<Output = Option<()>> + Send;
    fn send(&mut self, payload: &Bytes) -> impl Future<Output = Option<()>> + Send;
    fn flush(&mut self) -> impl Future<Output = Option<()>> + Send;
}

/// Returns the contestant that receives, sends and serves in memory.
pub(crate) const fn endpoint<T: Endpoint<Memory>>(
    name: &'static str,
    receives: &'static str,
    sends: &'static str,
) -> Contestant {
    Contestant {
        open: Some(|memory, role, tuning| Box::new(Over(T::open(memory, role, tuning)))),
        receives: Some(receives),
        sends: Some(sends),
        task: Some(|memory| Box::pin(gathered::<_, T>(memory, Tuning::Memory))),
        ..Contestant::new(name)
    }
}

/// Returns the server that flushes each reply.
pub(crate) const fn flushing<T: Endpoint<TcpStream>>() -> Option<Start> {
    Some(Start::Tokio(|stream, tuning| drop(tokio::spawn(plain::<_, T>(stream, tuning)))))
}

/// Returns the server that answers all that is ready before it flushes.
pub(crate) const fn gathering<T: Endpoint<TcpStream>>(name: &'static str) -> Contestant {
    let start = |stream, tuning| drop(tokio::spawn(gathered::<_, T>(stream, tuning)));
    Contestant { server: Some(Start::Tokio(start)), ..Contestant::new(name) }
}

/// An endpoint over memory.
pub(crate) struct Over<T>(pub(crate) T);

impl<T: Endpoint<Memory>> Pull for Over<T> {
    fn pull(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) -> Result<(), End> {
        memory::run(async {
            for _ in 0..messages {
                match self.0.next().await {
                    Ok(message) => {
                        let (kind, payload) = self.0.show(&message);
                        take(kind, payload);
                    }
                    Err(end) => {
                        let _ = self.0.flush().await;
                        return Err(end);
                    }
                }
            }
            Ok(())
        })
    }
}

impl<T: Endpoint<Memory>> Run for Over<T> {
    fn receive(&mut self, messages: usize, seen: Seen<'_>) -> Result<(), End> {
        self.pull_to(messages, seen)
    }

    fn send(&mut self, payload: &Bytes, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                self.0.send(payload).await.unwrap();
            }
            self.0.flush().await.unwrap();
        });
    }

    fn echo(&mut self, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                let message = self.0.next().await.unwrap();
                self.0.feed(message).await.unwrap();
            }
            self.0.flush().await.unwrap();
        });
    }
}

/// A stream that an endpoint can own.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for S {}

/// Echoes each message, which has left before the next is taken.
pub(crate) async fn plain<S: Transport, T: Endpoint<S>>(stream: S, tuning: Tuning) {
    let mut endpoint = T::open(stream, Role::Server, tuning);
    while let Ok(message) = endpoint.next().await {
        if endpoint.feed(message).await.is_none() || endpoint.flush().await.is_none() {
            return;
        }
    }
}

/// Echoes all that is there before anything is flushed.
pub(crate) async fn gathered<S: Transport, T: Endpoint<S>>(stream: S, tuning: Tuning) {
    let mut endpoint = T::open(stream, Role::Server, tuning);
    loop {
        let mut next = endpoint.next().now_or_never();
        if next.is_none() && endpoint.flush().await.is_some() {
            next = Some(endpoint.next().await);
        }
        let Some(Ok(message)) = next else { return };
        if endpoint.feed(message).await.is_none() {
            return;
        }
    }
}

/// Takes up to 64 messages that are there, and then answers all of them.
pub(crate) async fn batched<S: Transport, T: Endpoint<S>>(stream: S, tuning: Tuning) {
    let mut endpoint = T::open(stream, Role::Server, tuning);
    while let Ok(message) = endpoint.next().await {
        let mut batch = vec![message];
        while batch.len() < 64
            && let Some(Ok(message)) = endpoint.next().now_or_never()
        {
            batch.push(message);
        }
        for message in batch {
            if endpoint.feed(message).await.is_none() {
                return;
            }
        }
        if endpoint.flush().await.is_none() {
            return;
        }
    }
}

/// A crate's stream and sink of its messages.
pub(crate) struct Sinking<W>(pub(crate) W);

pub(crate) trait Open<S> {
    fn open(stream: S, role: Role, tuning: Tuning) -> Self;
}

/// A crate's message.
pub(crate) trait Data: Send + 'static {
    /// Returns `None` for control frames.
    fn data(&self) -> Option<(Kind, &[u8])>;
    fn is_close(&self) -> bool;
    fn binary(payload: Bytes) -> Self;
}

impl<S, W, M: Data, E: Send> Endpoint<S> for Sinking<W>
where
    W: Open<S> + Stream<Item = Result<M, E>> + Sink<M> + Send + Unpin + 'static,
{
    type Message = M;

    fn open(stream: S, role: Role, tuning: Tuning) -> Self {
        Self(W::open(stream, role, tuning))
    }

    async fn next(&mut self) -> Result<M, End> {
        loop {
            let message = self.0.next().await.ok_or(End::Closed)?.map_err(|_| End::Failed)?;
            if message.data().is_some() {
                return Ok(message);
            }
            if message.is_close() {
                return Err(End::Closed);
            }
        }
    }

    fn show<'a>(&'a self, message: &'a M) -> (Kind, &'a [u8]) {
        message.data().unwrap()
    }

    async fn feed(&mut self, message: M) -> Option<()> {
        self.0.feed(message).await.ok()
    }

    async fn send(&mut self, payload: &Bytes) -> Option<()> {
        self.0.feed(M::binary(payload.clone())).await.ok()
    }

    async fn flush(&mut self) -> Option<()> {
        self.0.flush().await.ok()
    }
}
