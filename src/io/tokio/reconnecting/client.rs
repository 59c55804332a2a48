//! The client as its owner sees it: how it is made, commanded and asked; knows nothing of the loop.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::net::TcpStream;
use ::tokio::time::Instant;

use super::attempt::{Attempt, by_callbacks};
use super::drive::Stage;
use super::event::Cause;
use super::handle::Handle;
use super::options::Options;
use super::shared::Shared;
use crate::connection::Refused;
use crate::delivery::{Session, SessionId};
use crate::handshake::ClientRequest;
use crate::io::tokio::{WebSocket, connect};
use crate::io::{check_plain, entropy};
use crate::message::Message;
use crate::reconnect::{
    AttemptError, Opening, Outbox, OutboxError, Policy, Retry, Retryable, State, Supervisor,
};

/// A client that connects again when its connection is lost.
///
/// [`next`](Self::next) drives it: while that is not called, nothing is sent or received, no Ping
/// is answered and no attempt goes on. It is a [`Stream`](futures_core::Stream) of the same events,
/// too.
///
/// Memory: what waits to be sent, up to the limits of the [`Options`], and one connection.
pub struct Client<S> {
    pub(super) begin: Box<dyn FnMut(u32) -> Attempt<S> + Send>,
    /// The zero of the time that the supervisor is told.
    pub(super) epoch: Instant,
    pub(super) stage: Stage<S>,
    pub(super) shared: Arc<Shared>,
    #[expect(clippy::type_complexity, reason = "a name for it would say less")]
    pub(super) judge: Option<Box<dyn FnMut(&Cause, Retry) -> Retry + Send>>,
}

impl Client<TcpStream> {
    /// Creates a client over TCP. It connects as soon as it is driven.
    ///
    /// `request` is called before each attempt, with its number as in
    /// [`ClientEvent::Connecting`](super::ClientEvent), and may read anew what changes: a token, the URL. It
    /// returns a [`ClientRequest`], or an [`Opening`] with the messages that the connection begins
    /// with. If it fails, so has the attempt, finally or for now.
    ///
    /// # Errors
    ///
    /// Only if the operating system has no entropy.
    pub fn new<R, Requested, O>(options: Options, request: R) -> io::Result<Self>
    where
        R: FnMut(u32) -> Requested + Send + 'static,
        Requested: Future<Output = Result<O, AttemptError>> + Send + 'static,
        O: Into<Opening>,
    {
        Self::with_connector(options, request, connect_tcp)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Client<S> {
    /// Creates a client over streams of any kind, such as those of TLS.
    ///
    /// `connect` is given the request of the attempt, to see where it goes and whether over TLS,
    /// and returns a stream over which the handshake is done.
    ///
    /// # Errors
    ///
    /// As [`Client::new`].
    pub fn with_connector<R, Requested, O, C, Connected>(
        options: Options,
        request: R,
        connect: C,
    ) -> io::Result<Self>
    where
        R: FnMut(u32) -> Requested + Send + 'static,
        Requested: Future<Output = Result<O, AttemptError>> + Send + 'static,
        O: Into<Opening>,
        C: Fn(ClientRequest) -> Connected + Send + Sync + 'static,
        Connected: Future<Output = Result<S, AttemptError>> + Send + 'static,
    {
        let seed = options.seed.map_or_else(entropy, Ok)?;
        let outbox = match &options.delivery {
            Some(limits) => Outbox::session(Session::new(session_id()?, limits.clone())),
            None => Outbox::queue(options.max_messages, options.max_bytes),
        };
        let shared = Arc::new(Shared::new(Supervisor::new(options.policy.clone(), seed, outbox)));
        let mut client = Self {
            begin: by_callbacks(&options, Arc::clone(&shared), request, connect),
            epoch: Instant::now(),
            stage: Stage::Idle(None),
            shared,
            judge: None,
        };
        client.start();
        Ok(client)
    }
}

impl<S> Client<S> {
    /// Has `judge` replace the judgement on the end of an attempt or connection: it is given the
    /// cause, and what the [`Policy`](crate::reconnect::Policy) says.
    ///
    /// ```no_run
    /// # use sanswire::io::tokio::reconnecting::{Cause, Client, Options};
    /// # use sanswire::reconnect::{AttemptError, Retry};
    /// # use sanswire::handshake::{ClientRequest, HandshakeError};
    /// # async fn request(_: u32) -> Result<ClientRequest, AttemptError> { unreachable!() }
    /// use sanswire::Error;
    ///
    /// let client = Client::new(Options::default(), request)?.judge_by(|cause, judged| match cause {
    ///     // The next attempt has another token.
    ///     Cause::Failed(Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. })
    ///         if response.status() == 401 => Retry::Later,
    ///     _ => judged,
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn judge_by(mut self, judge: impl FnMut(&Cause, Retry) -> Retry + Send + 'static) -> Self {
        self.judge = Some(Box::new(judge));
        self
    }

    /// Begins again after [`stop`](Self::stop), or after it gave up, with all counts from zero;
    /// what was queued is still there. A connection that is being closed comes to its end first.
    ///
    /// Changes nothing while it goes on.
    pub fn start(&mut self) {
        let now = self.epoch.elapsed();
        self.shared.with(|supervisor| supervisor.start(now));
    }

    /// Queues a message, online or not. It leaves when the client is driven and connected, in the
    /// order of these calls. To wait for room, use [`Handle::send`] in another task.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back: the queue is full, or the client has ended.
    pub fn try_send(
        &self,
        message: impl Into<Message>,
    ) -> Result<(), Refused<OutboxError, Message>> {
        let message = message.into();
        self.shared.command(|supervisor| supervisor.try_send(message))
    }

    /// Returns a handle, for other tasks.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared))
    }

    /// Takes out the messages that no connection has taken, the oldest first. None with
    /// [`Options::delivery`]: the session has a use for them.
    #[must_use = "the messages are in the queue no more"]
    pub fn take_unsent(&mut self) -> Vec<Message> {
        self.shared.with(Supervisor::take_unsent)
    }

    /// Returns how many messages wait: for a connection, or with [`Options::delivery`] to be
    /// acknowledged.
    #[must_use]
    pub fn buffered_messages(&self) -> usize {
        self.shared.with(|supervisor| supervisor.buffered_messages())
    }

    /// Returns how many bytes of payload those messages have.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.shared.with(|supervisor| supervisor.buffered_amount())
    }

    /// Returns what it is doing.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.with(|supervisor| supervisor.state())
    }

    /// Returns the connection's socket, while there is one. Its
    /// [`response`](WebSocket::response) has the headers by which the server accepted this
    /// connection, the newest, from [`ClientEvent::Open`](super::ClientEvent) on.
    #[must_use]
    pub const fn socket(&self) -> Option<&WebSocket<S>> {
        match &self.stage {
            Stage::Open(socket) => Some(socket),
            Stage::Connecting(_) | Stage::Idle(_) => None,
        }
    }
}

impl<S> Drop for Client<S> {
    fn drop(&mut self) {
        self.shared.with(Supervisor::stop);
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("shared", &self.shared).finish_non_exhaustive()
    }
}

async fn connect_tcp(request: ClientRequest) -> Result<TcpStream, AttemptError> {
    let policy = Policy::default();
    check_plain(&request).map_err(|error| AttemptError::new(Retry::Never, error))?;
    connect(&request).await.map_err(|error| AttemptError::new(error.retry(&policy), error))
}

fn session_id() -> io::Result<SessionId> {
    loop {
        // 16 zeros stand for none.
        if let Some(id) = SessionId::new(entropy()?) {
            return Ok(id);
        }
    }
}
