//! The client itself: does what the policy says, one thing at a time; knows no bytes.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::net::TcpStream;
use ::tokio::time::{Instant, Sleep, sleep};
use futures_core::Stream;

use super::attempt::{Attempt, Begin, ByCallbacks};
use super::error::{AttemptError, Refused, judge_io};
use super::event::{Cause, Event};
use super::handle::Handle;
use super::link::Link;
use super::options::Options;
use super::outbox::{Content, Queue, Shared};
use crate::delivery::{Session, SessionId};
use crate::handshake::ClientRequest;
use crate::io::tokio::WebSocket;
use crate::io::{Error, entropy};
use crate::message::Message;
use crate::reconnect::{Action, Policy, Reconnect, Retry, State};

/// A client that connects again when its connection is lost.
///
/// [`next`](Self::next) drives it: while that is not called, nothing is sent or received, no Ping
/// is answered and no attempt goes on. It is a [`Stream`] of the same events, too.
///
/// Memory: what waits to be sent, up to the limits of the [`Options`], and one connection.
pub struct Client<S> {
    attempts: Box<dyn Begin<S>>,
    reconnect: Reconnect,
    /// The zero of the time that `reconnect` is told.
    epoch: Instant,
    stage: Stage<S>,
    shared: Arc<Shared>,
    #[expect(clippy::type_complexity, reason = "a name for it would say less")]
    judge: Option<Box<dyn FnMut(&Cause, Retry) -> Retry + Send>>,
    /// Whether the application knows that it gave up.
    is_told: bool,
}

#[expect(clippy::large_enum_variant, reason = "a client has one of it")]
enum Stage<S> {
    /// Nothing exists.
    Idle,
    Connecting(Attempt<S>),
    /// It may be closing.
    Open(Link<S>),
    Waiting(Pin<Box<Sleep>>),
}

impl Client<TcpStream> {
    /// Creates a client over TCP. It connects as soon as it is driven.
    ///
    /// `request` is called before each attempt, with its number as in [`Event::Connecting`], and
    /// may read anew what changes: a token, the URL. If it fails, so has the attempt, finally or
    /// for now.
    ///
    /// # Errors
    ///
    /// Only if the operating system has no entropy.
    pub fn new<R, Requested>(options: Options, request: R) -> io::Result<Self>
    where
        R: FnMut(u32) -> Requested + Send + 'static,
        Requested: Future<Output = Result<ClientRequest, AttemptError>> + Send + 'static,
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
    pub fn with_connector<R, Requested, C, Connected>(
        options: Options,
        request: R,
        connect: C,
    ) -> io::Result<Self>
    where
        R: FnMut(u32) -> Requested + Send + 'static,
        Requested: Future<Output = Result<ClientRequest, AttemptError>> + Send + 'static,
        C: Fn(ClientRequest) -> Connected + Send + Sync + 'static,
        Connected: Future<Output = Result<S, AttemptError>> + Send + 'static,
    {
        let seed = match options.seed {
            Some(seed) => seed,
            None => entropy()?,
        };
        let content = match options.delivery {
            Some(limits) => Content::Session(Box::new(Session::new(session_id()?, limits))),
            None => Content::Queue(Queue::new(options.max_messages, options.max_bytes)),
        };
        let mut client = Self {
            attempts: Box::new(ByCallbacks::new(&options, request, connect)),
            reconnect: Reconnect::new(options.policy, seed),
            epoch: Instant::now(),
            stage: Stage::Idle,
            shared: Arc::new(Shared::new(content)),
            judge: None,
            is_told: false,
        };
        client.start();
        Ok(client)
    }

    /// Waits for the next event; `None` when the client was stopped or gave up, and nothing of it
    /// is left.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has taken no event; what it began goes on by the next call.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`next`](Self::next), as a poll function.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.shared.register(cx.waker()) {
            self.stop();
        }
        loop {
            match &mut self.stage {
                Stage::Idle => {
                    let now = self.epoch.elapsed();
                    if let Some(Action::Connect) = self.reconnect.poll_action(now) {
                        let attempt = self.reconnect.attempts();
                        self.stage = Stage::Connecting(self.attempts.begin(attempt));
                        return Poll::Ready(Some(Event::Connecting { attempt }));
                    }
                    let Some(at) = self.reconnect.poll_timeout() else {
                        return Poll::Ready(self.report_end());
                    };
                    self.stage = Stage::Waiting(Box::pin(sleep(at.saturating_sub(now))));
                }
                Stage::Waiting(delay) => {
                    ready!(delay.as_mut().poll(cx));
                    self.stage = Stage::Idle;
                }
                Stage::Connecting(attempt) => {
                    let event = match ready!(attempt.poll(cx)) {
                        Ok(socket) => {
                            self.reconnect.handle_connected(self.epoch.elapsed());
                            self.shared.handle_connected();
                            self.stage = Stage::Open(Link::new(socket));
                            Event::Open
                        }
                        Err(cause) => self.end(cause),
                    };
                    return Poll::Ready(Some(event));
                }
                Stage::Open(link) => {
                    let event = match ready!(link.poll(&self.shared, cx)) {
                        Ok(event) => event,
                        Err(cause) => self.end(cause),
                    };
                    return Poll::Ready(Some(event));
                }
            }
        }
    }

    /// Stops: an attempt or a delay ends at once, a connection is closed with 1000.
    ///
    /// To let the closing handshake take place, call [`next`](Self::next) until it returns `None`;
    /// it takes no longer than [`WebSocket::close`]. What waits is sent before the Close frame as
    /// far as the connection's output has room; the rest stays queued. Dropping the client instead
    /// drops everything.
    pub fn stop(&mut self) {
        self.reconnect.stop();
        // The one action that follows is taken here.
        let _ = self.reconnect.poll_action(self.epoch.elapsed());
        match &mut self.stage {
            Stage::Open(link) => link.stop(&self.shared),
            Stage::Connecting(_) | Stage::Idle | Stage::Waiting(_) => self.stage = Stage::Idle,
        }
        self.shared.set_ended(true);
    }

    fn report_end(&mut self) -> Option<Event> {
        let State::GaveUp(why) = self.reconnect.state() else { return None };
        // It may have given up because it was driven too late.
        self.shared.set_ended(true);
        (!core::mem::replace(&mut self.is_told, true)).then_some(Event::GaveUp(why))
    }

    /// Notes the end of an attempt or of a connection.
    fn end(&mut self, cause: Cause) -> Event {
        self.stage = Stage::Idle;
        self.shared.handle_disconnected();
        let mut retry = judge(self.reconnect.policy(), &cause);
        if let Some(replace) = &mut self.judge {
            retry = replace(&cause, retry);
        }
        let now = self.epoch.elapsed();
        match self.reconnect.state() {
            State::Connecting => self.reconnect.handle_failed(now, retry),
            State::Open => self.reconnect.handle_disconnected(now, retry),
            // It was stopped, and nobody waits for this end.
            State::GaveUp(_) | State::Idle | State::Stopped | State::Waiting => {}
        }
        if let State::GaveUp(_) = self.reconnect.state() {
            self.shared.set_ended(true);
        }
        Event::Disconnected { cause, delay: self.reconnect.delay() }
    }
}

impl<S> Client<S> {
    /// Has `judge` replace the judgement on the end of an attempt or connection: it is given the
    /// cause, and what the [`Policy`] says.
    ///
    /// ```no_run
    /// # use sanswire::tokio::reconnecting::{AttemptError, Cause, Client, Options};
    /// # use sanswire::reconnect::Retry;
    /// # use sanswire::handshake::{ClientRequest, HandshakeError};
    /// # async fn request(_: u32) -> Result<ClientRequest, AttemptError> { unreachable!() }
    /// use sanswire::io::Error;
    ///
    /// let client = Client::new(Options::default(), request)?.judge_by(|cause, judged| match cause {
    ///     // The next attempt has another token.
    ///     Cause::Failed(Error::Handshake(HandshakeError::Refused(response)))
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
        match self.state() {
            State::GaveUp(_) | State::Idle | State::Stopped => {
                self.reconnect.start(self.epoch.elapsed());
                self.shared.set_ended(false);
                self.is_told = false;
            }
            State::Connecting | State::Open | State::Waiting => {}
        }
    }

    /// Queues a message, online or not. It leaves when the client is driven and connected, in the
    /// order of these calls. To wait for room, use [`Handle::send`] in another task.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives the message back: the queue is full, or the client has ended.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), Refused> {
        self.shared.try_send(message.into())
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
        self.shared.take_unsent()
    }

    /// Returns how many messages wait: for a connection, or with [`Options::delivery`] to be
    /// acknowledged.
    #[must_use]
    pub fn buffered_messages(&self) -> usize {
        self.shared.buffered().0
    }

    /// Returns how many bytes of payload those messages have.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.shared.buffered().1
    }

    /// Returns what it is doing.
    #[must_use]
    pub const fn state(&self) -> State {
        self.reconnect.state()
    }

    /// Returns the connection's socket, while there is one.
    #[must_use]
    pub const fn socket(&self) -> Option<&WebSocket<S>> {
        match &self.stage {
            Stage::Open(link) => Some(link.socket()),
            Stage::Connecting(_) | Stage::Idle | Stage::Waiting(_) => None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for Client<S> {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Self::poll_next(&mut self, cx)
    }
}

impl<S> Drop for Client<S> {
    fn drop(&mut self) {
        self.shared.set_ended(true);
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("reconnect", &self.reconnect)
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

fn judge(policy: &Policy, cause: &Cause) -> Retry {
    match cause {
        Cause::Attempt(error) => error.retry(),
        Cause::Closed(closed) => policy.judge_closed(closed),
        Cause::Delivery(error) => policy.judge_close_code(error.close_code()),
        Cause::Failed(error) => match error {
            Error::Connection(error) => policy.judge_error(*error),
            Error::Handshake(error) => policy.judge_handshake(error),
            Error::Io(error) => judge_io(error),
            // Of servers; of commands that are not used here; of a URL that stays what it is.
            Error::Rejected { .. } | Error::Send { .. } | Error::TlsRequired => Retry::Never,
        },
    }
}

/// Connects with `TCP_NODELAY` on, as [`WebSocket::connect_with`] does.
async fn connect_tcp(request: ClientRequest) -> Result<TcpStream, AttemptError> {
    if request.is_secure() {
        return Err(AttemptError::new(Retry::Never, Error::TlsRequired));
    }
    let stream = TcpStream::connect((request.host(), request.port())).await?;
    // Where nobody listens on this machine, a socket may be given the very port that it connects
    // to, and be its own peer.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn session_id() -> io::Result<SessionId> {
    loop {
        // 16 zeros stand for none.
        if let Some(id) = SessionId::new(entropy()?) {
            return Ok(id);
        }
    }
}
