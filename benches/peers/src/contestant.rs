//! What a contestant is, and what those that own an async stream have in common. Knows no crate.

use core::hint::black_box;
use core::pin::Pin;
use std::borrow::Cow;

use bytes::Bytes;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use serde::{Deserialize, Serialize};
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
    /// The same with compression.
    pub(crate) deflate: Option<fn(Memory, Takeover) -> Task>,
    /// A server that echoes over a socket, behind the handshake.
    pub(crate) server: Option<Start>,
    /// Whether the server echoes bytes and has no handshake.
    pub(crate) is_raw: bool,
}

pub(crate) type Opening = fn(Memory, Role, Tuning) -> Box<dyn Run>;

/// Starts a server for a connection: in a thread of its own, or as a task.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Blocking(fn(std::net::TcpStream)),
    Tokio(fn(TcpStream, Tuning)),
}

/// What is in a message, if it is one.
pub(crate) type Look<'a> = Result<Option<(Kind, &'a [u8])>, End>;

pub(crate) type Task = Pin<Box<dyn Future<Output = Result<(), End>>>>;

/// What can be told apart in a table. Rows are compared within their class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: Cow<'static, str>,
    pub(crate) class: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
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

/// Why there is no message, or none can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Failed,
}

/// What is done with messages that are received: they are kept, or only looked at.
#[derive(Default)]
pub(crate) struct Seen(pub(crate) Option<Vec<(Kind, Vec<u8>)>>);

/// An endpoint in memory that can be timed; what is checked is the same.
pub(crate) trait Run {
    fn receive(&mut self, _messages: usize, _seen: &mut Seen) -> Result<(), End> {
        unimplemented!()
    }

    /// Sends binary messages with this payload, and has all of them written at the end.
    fn send(&mut self, _payload: &Bytes, _messages: usize) {
        unimplemented!()
    }
}

impl Contestant {
    pub(crate) const fn new(name: &'static str) -> Self {
        let (open, receives, sends, task, deflate) = (None, None, None, None, None);
        Self { name, open, receives, sends, task, deflate, server: None, is_raw: false }
    }
}

impl Row {
    pub(crate) fn new(name: &'static str, class: &'static str) -> Self {
        Self { name: name.into(), class: class.into() }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.name.starts_with("sanswire")
    }

    pub(crate) fn is_limit(&self) -> bool {
        self.name.starts_with("limit")
    }
}

impl Role {
    pub(crate) fn pick<T>(self, client: T, server: T) -> T {
        if self == Self::Client { client } else { server }
    }
}

impl Tuning {
    /// Returns the capacity of buffers, where the adapter has to choose one.
    pub(crate) fn capacity(self) -> usize {
        if self == Self::Memory { 8 << 10 } else { 64 << 10 }
    }
}

impl Seen {
    #[inline]
    pub(crate) fn take(&mut self, kind: Kind, payload: &[u8]) {
        match &mut self.0 {
            Some(kept) => kept.push((kind, payload.to_vec())),
            None => drop(black_box((kind, payload))),
        }
    }
}

/// Whatever goes wrong has one name here, but the end that was agreed upon.
impl<E: core::error::Error> From<E> for End {
    fn from(_: E) -> Self {
        Self::Failed
    }
}

/// An endpoint over a stream. What is sent may wait for the next flush.
pub(crate) trait Endpoint<S>: Sized + Send + 'static {
    type Message: Send;

    fn open(stream: S, role: Role, tuning: Tuning) -> Self;
    /// Waits for what comes next, whatever it is.
    fn next(&mut self) -> impl Future<Output = Result<Self::Message, End>> + Send;
    /// Returns what is in a message; nothing if it is a control frame.
    fn look<'a>(&'a self, message: &'a Self::Message) -> Look<'a>;
    fn feed(&mut self, message: Self::Message) -> impl Future<Output = Result<(), End>> + Send;
    fn send(&mut self, payload: &Bytes) -> impl Future<Output = Result<(), End>> + Send;
    fn flush(&mut self) -> impl Future<Output = Result<(), End>> + Send;

    /// Waits for the next message; control frames are passed over.
    fn message(&mut self) -> impl Future<Output = Result<Self::Message, End>> + Send {
        async {
            loop {
                let message = self.next().await?;
                if self.look(&message)?.is_some() {
                    return Ok(message);
                }
            }
        }
    }

    /// Returns the next message if it is there.
    fn ready(&mut self) -> impl Future<Output = Option<Result<Self::Message, End>>> + Send {
        async { self.message().now_or_never() }
    }
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
        task: Some(|memory| Box::pin(gathered(T::open(memory, Role::Server, Tuning::Memory)))),
        ..Contestant::new(name)
    }
}

/// Returns the server that flushes each reply.
pub(crate) const fn flushing<T: Endpoint<TcpStream>>() -> Option<Start> {
    Some(Start::Tokio(|stream, tuning| {
        tokio::spawn(plain(T::open(stream, Role::Server, tuning)));
    }))
}

/// Returns the server that answers all that is ready before it flushes.
pub(crate) const fn gathering<T: Endpoint<TcpStream>>(name: &'static str) -> Contestant {
    let start = |stream, tuning| {
        tokio::spawn(gathered(T::open(stream, Role::Server, tuning)));
    };
    Contestant { server: Some(Start::Tokio(start)), ..Contestant::new(name) }
}

/// Echoes each message, which has left before the next is taken.
pub(crate) async fn plain<S, T: Endpoint<S>>(mut endpoint: T) -> Result<(), End> {
    loop {
        let message = endpoint.message().await?;
        endpoint.feed(message).await?;
        endpoint.flush().await?;
    }
}

/// Echoes all that is there before anything is flushed.
pub(crate) async fn gathered<S, T: Endpoint<S>>(mut endpoint: T) -> Result<(), End> {
    loop {
        let message = match endpoint.ready().await {
            Some(message) => message?,
            None => {
                endpoint.flush().await?;
                endpoint.message().await?
            }
        };
        endpoint.feed(message).await?;
    }
}

/// An endpoint over memory.
struct Over<T>(T);

impl<T: Endpoint<Memory>> Run for Over<T> {
    fn receive(&mut self, messages: usize, seen: &mut Seen) -> Result<(), End> {
        memory::run(async {
            for _ in 0..messages {
                let message = match self.0.message().await {
                    Ok(message) => message,
                    Err(end) => {
                        let _ = self.0.flush().await;
                        return Err(end);
                    }
                };
                if let Some((kind, payload)) = self.0.look(&message)? {
                    seen.take(kind, payload);
                }
            }
            Ok(())
        })
    }

    fn send(&mut self, payload: &Bytes, messages: usize) {
        let sent: Result<(), End> = memory::run(async {
            for _ in 0..messages {
                self.0.send(payload).await?;
            }
            self.0.flush().await
        });
        sent.unwrap();
    }
}

/// A stream that an endpoint can own.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for S {}

/// A crate's stream and sink of its messages, which is an endpoint.
pub(crate) trait Open<S> {
    fn open(stream: S, role: Role, tuning: Tuning) -> Self;
}

/// The message of such a crate.
pub(crate) trait Message: Send + 'static {
    fn look(&self) -> Look<'_>;
    fn binary(payload: Bytes) -> Self;
}

impl<S, W, M: Message, E: core::error::Error> Endpoint<S> for W
where
    W: Open<S> + Stream<Item = Result<M, E>> + Sink<M, Error = E> + Send + Unpin + 'static,
{
    type Message = M;

    fn open(stream: S, role: Role, tuning: Tuning) -> Self {
        Open::open(stream, role, tuning)
    }

    async fn next(&mut self) -> Result<M, End> {
        Ok(StreamExt::next(self).await.ok_or(End::Closed)??)
    }

    fn look<'a>(&'a self, message: &'a M) -> Look<'a> {
        message.look()
    }

    async fn feed(&mut self, message: M) -> Result<(), End> {
        Ok(SinkExt::feed(self, message).await?)
    }

    async fn send(&mut self, payload: &Bytes) -> Result<(), End> {
        Ok(SinkExt::feed(self, M::binary(payload.clone())).await?)
    }

    async fn flush(&mut self) -> Result<(), End> {
        Ok(SinkExt::flush(self).await?)
    }
}
