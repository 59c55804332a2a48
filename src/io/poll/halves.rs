//! The halves of a WebSocket, for two tasks; knows neither frames nor transports.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use alloc::string::String;
use futures_core::Stream;
use futures_sink::Sink;

use super::WebSocket;
use super::attached::Kept;
use super::shared::Side;
use super::shell::Shell;
use super::transport::PollTransport;
use crate::close::{CloseCode, Closed};
use crate::connection::{Commands, Event, ReadyState};
use crate::error::SendError;
use crate::io::{Error, once};
use crate::message::{Message, MessageKind, Outgoing};

/// The half of a [`WebSocket`] that sends.
///
/// It is a `Sink` of messages. While the [`Receiver`] waits, it writes what this half has queued.
/// Dropping the sender does not close the connection.
///
/// # Several tasks that send
///
/// Each connection has one sender. A message that is sent in parts belongs to one task, and a
/// failure to send is reported to one caller. Several tasks share the sender in one of two ways:
///
/// - One task owns the sender and takes messages from a bounded channel. The other tasks hold
///   senders of the channel, which wait while the peer does not read. Use this by default: the task
///   can send many messages in one write, by [`feed`](Self::feed) and [`flush`](Self::flush).
/// - An asynchronous mutex holds the sender: `Arc<tokio::sync::Mutex<Sender<S>>>`. A task locks it
///   and awaits [`send`](Self::send). That future may be dropped at any time; the next task can
///   still send.
#[derive(Debug)]
pub struct Sender<T: PollTransport> {
    side: Side<T>,
}

/// The half of a [`WebSocket`] that receives. It answers Pings and Close frames while it waits.
///
/// It is a `Stream` of messages. Keep it waiting, even if no messages are expected: while neither
/// half waits, nothing is read and no Ping is answered.
#[derive(Debug)]
pub struct Receiver<T: PollTransport> {
    side: Side<T>,
}

/// The two halves that [`Sender::reunite`] gives back because they belong to different sockets.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReuniteError<T: PollTransport> {
    /// The half that sends.
    pub sender: Sender<T>,
    /// The half that receives.
    pub receiver: Receiver<T>,
}

pub(super) fn split<T: PollTransport>(shell: Kept<T>) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = Side::pair(shell);
    (Sender { side: sender }, Receiver { side: receiver })
}

impl<T: PollTransport> Sender<T> {
    /// Sends a message, and returns when it has been written.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message may or may not have been queued.
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mut message = Some(message.into());
        self.side.wait(|shell, wakers| shell.poll_send(wakers, &mut message)).await
    }

    /// Queues a message. It leaves while the [`Receiver`] waits, or by [`flush`](Self::flush).
    ///
    /// Read [`WebSocket::feed`] for what happens when the output is full.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message has not been queued.
    #[doc(alias = "backpressure")]
    pub async fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mut message = Some(message.into());
        self.side.wait(|shell, wakers| shell.poll_feed(wakers, &mut message)).await
    }

    /// Queues a message if there is room for it, and never waits. It leaves while the [`Receiver`]
    /// waits, or by [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// [`Error::Send`]: the message was refused, with `SendError::Full` if there is no room. The
    /// error contains the message if it was passed by value.
    pub fn try_send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        Ok(self.with_commands(|commands| commands.try_send(message))?)
    }

    /// Begins a message that is sent in parts. [`WebSocket::begin`] has an example.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::begin`] lists.
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), Error> {
        Ok(self.with_commands(|commands| commands.begin(kind))?)
    }

    /// Sends the next part of a message as a fragment, and returns when it has been written.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send_chunk`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the part may or may not have been queued.
    pub async fn send_chunk(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.send_chunk(payload)).await
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::finish`].
    ///
    /// # Cancel safety
    ///
    /// The message is finished once the future has been polled.
    pub async fn finish(&mut self) -> Result<(), Error> {
        self.command(|commands| commands.finish()).await
    }

    /// Sends a Ping with a payload of up to 125 bytes (§5.5.2). The [`Receiver`] gets the Pong.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::ping`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the Ping may or may not have been queued.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.ping(payload)).await
    }

    /// Sends an unsolicited Pong with a payload of up to 125 bytes (§5.5.3). The [`Receiver`]
    /// answers Pings.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::ping`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the Pong may or may not have been queued.
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.pong(payload)).await
    }

    /// Begins to close the connection: sends a Close frame and does not wait for the peer's. The
    /// [`Receiver`] sees the end.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send_close`].
    ///
    /// # Cancel safety
    ///
    /// The connection is closing once the future has been polled.
    #[doc(alias = "close")]
    pub async fn send_close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: &str,
    ) -> Result<(), Error> {
        self.with_commands(|commands| commands.close(code, reason))?;
        self.flush().await
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::flush`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the rest leaves with the next call of either half that waits.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.side.wait(Shell::poll_flush).await
    }

    async fn command(
        &self,
        command: impl FnMut(&mut Commands<'_>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let mut command = Some(command);
        self.side.wait(|shell, wakers| shell.poll_command(wakers, &mut command)).await
    }

    /// Joins the two halves of a socket again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] gives both back if they belong to different sockets.
    pub fn reunite(self, receiver: Receiver<T>) -> Result<WebSocket<T>, ReuniteError<T>> {
        match self.side.reunite(receiver.side) {
            Ok(shell) => Ok(WebSocket { shell }),
            Err((sender, receiver)) => Err(ReuniteError {
                sender: Self { side: sender },
                receiver: Receiver { side: receiver },
            }),
        }
    }

    /// Lends the commands of the connection to `work`. They queue, as [`feed`](Self::feed) does.
    ///
    /// `work` runs while the socket is locked: it must not use either half.
    pub fn with_commands<R>(&mut self, work: impl FnOnce(&mut Commands<'_>) -> R) -> R {
        self.side.with(|shell| work(&mut shell.commands()))
    }

    /// Returns the WHATWG `readyState`: connecting, open, closing or closed.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.side.with(|shell| shell.driver().connection().ready_state())
    }

    /// Returns the WHATWG `bufferedAmount`: how many bytes of payload are queued and not written.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.side.with(|shell| shell.driver().connection().buffered_amount())
    }

    /// Returns who closed the connection, with which code and reason. `None` while it is open.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.side.with(|shell| shell.driver().connection().closed())
    }
}

impl<T: PollTransport> Receiver<T> {
    /// Waits for the next message. Returns `None` when the connection has been closed.
    ///
    /// [`WebSocket::recv`] has more about the end.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::recv`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.side.wait(Shell::poll_recv).await
    }

    /// Waits for the next event and lends it to `take`, together with the [`Commands`] to answer
    /// it. Returns `None` after [`Event::Closed`].
    ///
    /// `take` runs while the socket is locked: it must not use the other half. It may send by the
    /// commands that it gets.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::recv`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, `take` has not been called.
    pub async fn recv_with<R>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> R,
    ) -> Result<Option<R>, Error> {
        let mut take = once(take);
        let received =
            self.side.wait(|shell, wakers| shell.poll_recv_with(wakers, false, &mut take));
        received.await
    }

    /// Lends all events to `handle` until the connection ends, together with the [`Commands`] to
    /// answer them.
    ///
    /// `handle` runs while the socket is locked: it must not use the other half.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::recv`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is lost.
    pub async fn run(
        &mut self,
        mut handle: impl FnMut(Event<'_>, &mut Commands<'_>),
    ) -> Result<(), Error> {
        self.side.wait(|shell, wakers| shell.poll_run(wakers, &mut handle)).await
    }

    /// Lends the commands of the connection to `work`. [`Sender::with_commands`] says what `work`
    /// must not do.
    pub fn with_commands<R>(&mut self, work: impl FnOnce(&mut Commands<'_>) -> R) -> R {
        self.side.with(|shell| work(&mut shell.commands()))
    }

    /// Returns the WHATWG `readyState`: connecting, open, closing or closed.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.side.with(|shell| shell.driver().connection().ready_state())
    }

    /// Returns the negotiated subprotocol, or an empty string.
    #[must_use]
    pub fn protocol(&self) -> String {
        self.side.with(|shell| shell.driver().connection().protocol().into())
    }

    /// Returns who closed the connection, with which code and reason. `None` while it is open.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.side.with(|shell| shell.driver().connection().closed())
    }

    /// Returns the time between the last Ping and its Pong. See
    /// [`Connection::round_trip_time`](crate::Connection::round_trip_time).
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.side.with(|shell| shell.driver().connection().round_trip_time())
    }
}

/// The messages that arrive. An error is yielded once, and is the last item.
impl<T: PollTransport> Stream for Receiver<T> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.side.poll(cx, Shell::poll_next)
    }
}

/// Sends messages. `poll_ready` waits for room.
///
/// Closing the sink sends a Close frame with 1000. The [`Receiver`] gets the messages that the peer
/// sends before its own Close, and then sees the end. If answers of the receiving half fill the
/// output between `poll_ready` and `start_send`, [`Error::Send`] gives the message back.
impl<T: PollTransport> Sink<Message> for Sender<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.side.poll(cx, Shell::poll_room)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.try_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.side.poll(cx, Shell::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.side.poll(cx, |shell, wakers| {
            shell.commands().close_and_deliver(CloseCode::NORMAL, "")?;
            shell.poll_flush(wakers)
        })
    }
}

impl<T: PollTransport> fmt::Display for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("halves are of different sockets: pass the two that one split has returned")
    }
}

impl<T: PollTransport + fmt::Debug> core::error::Error for ReuniteError<T> {}
