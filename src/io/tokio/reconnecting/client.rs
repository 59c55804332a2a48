//! The client that reconnects: its constructors, commands and getters; knows nothing of the loop.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::time::Instant;

use super::attempt::{Attempt, by_callbacks};
use super::drive::Stage;
use super::event::Cause;
use super::handle::Handle;
use super::options::Options;
use super::shared::Shared;
use crate::connection::{Config, Refused};
use crate::delivery::{Session, SessionId};
use crate::handshake::ClientRequest;
use crate::io::entropy;
use crate::io::tokio::{NetStream, WebSocket};
use crate::message::Message;
use crate::reconnect::{AttemptError, Opening, Outbox, OutboxError, Retry, State, Supervisor};

/// A client that reconnects when its connection is lost.
///
/// [`next`](Self::next) drives the client. While it is not called, nothing is sent or received, no
/// Ping is answered, and no attempt proceeds. The client is also a `Stream` of the same
/// events.
///
/// It uses memory for the queued messages, up to the limits of the [`Options`], and for one
/// connection.
pub struct Client<S> {
    pub(super) begin: Box<dyn FnMut(u32) -> Attempt<S> + Send>,
    /// The zero of the time that the supervisor is told.
    pub(super) epoch: Instant,
    pub(super) stage: Stage<S>,
    pub(super) shared: Arc<Shared>,
    #[expect(clippy::type_complexity, reason = "a name for it would say less")]
    pub(super) judge: Option<Box<dyn FnMut(&Cause, Retry) -> Retry + Send>>,
}

impl Client<NetStream> {
    /// Creates a client that connects as [`Options::connector`] says. The first attempt begins with
    /// the first call of [`next`](Self::next).
    ///
    /// `request` is called before each attempt, with the number of the attempt as in
    /// [`ClientEvent::Connecting`](super::ClientEvent). It can fetch what changes, such as a fresh
    /// token or the URL. It returns a [`ClientRequest`], or an [`Opening`] with the first messages
    /// of the connection. If it fails, the attempt fails, and its error says whether another
    /// attempt is made.
    ///
    /// # Errors
    ///
    /// The operating system has no entropy.
    pub fn new<R, Requested, O>(options: Options, request: R) -> io::Result<Self>
    where
        R: FnMut(u32) -> Requested + Send + 'static,
        Requested: Future<Output = Result<O, AttemptError>> + Send + 'static,
        O: Into<Opening>,
    {
        let connector = options.connector.clone();
        Self::by_callbacks(options, request, move |request, config| {
            let connecting = WebSocket::connect_via(&connector, &request, &config);
            async move { connecting.await.map_err(Cause::Failed) }
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Client<S> {
    /// Creates a client over streams of any kind.
    ///
    /// `dial` gets the request of the attempt, with the host, the port and whether TLS is wanted. It
    /// returns a connected stream; the client does the opening handshake over it.
    /// [`Options::connector`] is not used.
    ///
    /// # Errors
    ///
    /// The operating system has no entropy.
    #[doc(alias = "TLS")]
    #[doc(alias = "wss")]
    pub fn with_dialer<R, Requested, O, C, Connected>(
        options: Options,
        request: R,
        dial: C,
    ) -> io::Result<Self>
    where
        R: FnMut(u32) -> Requested + Send + 'static,
        Requested: Future<Output = Result<O, AttemptError>> + Send + 'static,
        O: Into<Opening>,
        C: Fn(ClientRequest) -> Connected + Send + Sync + 'static,
        Connected: Future<Output = Result<S, AttemptError>> + Send + 'static,
    {
        Self::by_callbacks(options, request, move |request, config| {
            let dialling = dial(request.clone());
            async move {
                let stream = dialling.await.map_err(Cause::Attempt)?;
                let opened = WebSocket::connect_over(stream, &request, &config).await;
                opened.map_err(Cause::Failed)
            }
        })
    }

    fn by_callbacks<R, Requested, O, C, Connected>(
        options: Options,
        request: R,
        connect: C,
    ) -> io::Result<Self>
    where
        R: FnMut(u32) -> Requested + Send + 'static,
        Requested: Future<Output = Result<O, AttemptError>> + Send + 'static,
        O: Into<Opening>,
        C: Fn(ClientRequest, Config) -> Connected + Send + Sync + 'static,
        Connected: Future<Output = Result<WebSocket<S>, Cause>> + Send + 'static,
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
    /// Lets `judge` decide whether another attempt is made after an attempt failed or a connection
    /// ended. It gets the cause and the decision of the [`Policy`](crate::reconnect::Policy).
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

    /// Starts again after [`stop`](Self::stop), or after the client gave up. All counts begin at
    /// zero; queued messages are still there. A connection that is closing ends first.
    ///
    /// Has no effect while the client is running.
    pub fn start(&mut self) {
        let now = self.epoch.elapsed();
        self.shared.with(|supervisor| supervisor.start(now));
    }

    /// Ends the delay before the next attempt: the network is back, or the user wants it. The attempt
    /// is made with the next call of [`next`](Self::next).
    ///
    /// It counts for [`Policy::max_attempts`](crate::reconnect::Policy), and if it fails, the next
    /// delay is as long as it would have been. A delay that the server asked for is ended, too. Has no
    /// effect while the client connects or is connected, and after it gave up or was stopped.
    #[doc(alias = "online")]
    pub fn retry_now(&mut self) {
        self.shared.with(Supervisor::retry_now);
    }

    /// Queues a message, online or offline. It leaves in the order of these calls, when the client
    /// is connected and driven. To wait for room, use [`Handle::send`] in another task.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back, with one of these errors:
    ///
    /// - [`OutboxError::Ended`]: the client was stopped or gave up.
    /// - [`OutboxError::Full`]: there is no room now.
    /// - [`OutboxError::TooLarge`]: the message alone is over the limit on bytes,
    ///   [`Options::max_bytes`] or, with [`Options::delivery`], that of its
    ///   [`Limits`](crate::delivery::Limits).
    /// - [`OutboxError::Exhausted`]: with [`Options::delivery`], the session has no number left.
    pub fn try_send(
        &self,
        message: impl Into<Message>,
    ) -> Result<(), Refused<OutboxError, Message>> {
        let message = message.into();
        self.shared.command(|supervisor| supervisor.try_send(message))
    }

    /// Returns a handle, for other tasks to send and to stop the client.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared))
    }

    /// Removes and returns the messages that no connection has taken, oldest first. With
    /// [`Options::delivery`] it returns none: the session keeps them.
    #[must_use = "the messages are in the queue no more"]
    pub fn take_unsent(&mut self) -> Vec<Message> {
        self.shared.with(Supervisor::take_unsent)
    }

    /// Returns how many messages are queued. With [`Options::delivery`], they wait to be
    /// acknowledged; without, for a connection.
    #[must_use]
    pub fn buffered_messages(&self) -> usize {
        self.shared.with(|supervisor| supervisor.buffered_messages())
    }

    /// Returns how many bytes of payload the queued messages have.
    #[doc(alias = "bufferedAmount")]
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.shared.with(|supervisor| supervisor.buffered_amount())
    }

    /// Returns what the client is doing.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.with(|supervisor| supervisor.state())
    }

    /// Returns the socket of the connection, while there is one.
    ///
    /// Its [`response`](WebSocket::response) has the headers of the server's answer, from
    /// [`ClientEvent::Open`](super::ClientEvent) on.
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

fn session_id() -> io::Result<SessionId> {
    loop {
        // 16 zeros stand for none.
        if let Some(id) = SessionId::new(entropy()?) {
            return Ok(id);
        }
    }
}
