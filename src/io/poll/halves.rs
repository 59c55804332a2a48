//! One WebSocket in two tasks; knows neither frames nor transports.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use alloc::string::String;
use futures_core::Stream;
use futures_sink::Sink;

use super::WebSocket;
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
/// It is a [`Sink`] of messages. While the other half waits, that writes what this one has queued.
/// Dropping it does not close the connection.
///
/// # Several tasks that send
///
/// There is one sender for each connection: a message that is sent in parts is one task's alone, and
/// what could not be sent is reported to one caller. Several tasks share it in one of two ways:
///
/// - A task owns the sender and takes messages from a bounded channel. The other tasks hold a sender
///   of the channel, which waits while the peer does not read. Use this by default: the task can send
///   many messages in one write, by [`feed`](Self::feed) and [`flush`](Self::flush).
/// - An asynchronous mutex holds it, such as `Arc<tokio::sync::Mutex<Sender<S>>>`. A task locks it and
///   awaits [`send`](Self::send); its future may be dropped at any time, and the next task goes on.
#[derive(Debug)]
pub struct Sender<T: PollTransport> {
    side: Side<T>,
}

/// The half of a [`WebSocket`] that receives, and that answers Pings and Close frames while it
/// does.
///
/// It is a [`Stream`] of messages. While neither half waits, nothing is read and nothing answered.
#[derive(Debug)]
pub struct Receiver<T: PollTransport> {
    side: Side<T>,
}

/// Two halves that do not belong together, given back by [`Sender::reunite`].
#[derive(Debug)]
#[non_exhaustive]
pub struct ReuniteError<T: PollTransport> {
    /// The half that sends.
    pub sender: Sender<T>,
    /// The half that receives.
    pub receiver: Receiver<T>,
}

pub(super) fn split<T: PollTransport>(shell: Shell<T>) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = Side::pair(shell);
    (Sender { side: sender }, Receiver { side: receiver })
}

impl<T: PollTransport> Sender<T> {
    /// Sends a message; see [`WebSocket::send`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send`].
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mut message = Some(message.into());
        self.side.wait(|shell, wakers| shell.poll_send(wakers, &mut message)).await
    }

    /// Queues a message; see [`WebSocket::feed`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::feed`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::feed`].
    pub async fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mut message = Some(message.into());
        self.side.wait(|shell, wakers| shell.poll_feed(wakers, &mut message)).await
    }

    /// Queues a message if there is room for it; see [`WebSocket::try_send`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::try_send`].
    pub fn try_send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        Ok(self.with_commands(|commands| commands.try_send(message))?)
    }

    /// Begins a message that is sent in parts; see [`WebSocket::begin`].
    ///
    /// # Errors
    ///
    /// As [`Commands::begin`].
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), Error> {
        Ok(self.with_commands(|commands| commands.begin(kind))?)
    }

    /// Sends the next part of a message; see [`WebSocket::send_chunk`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_chunk`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send_chunk`].
    pub async fn send_chunk(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.send_chunk(payload)).await
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::finish`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::finish`].
    pub async fn finish(&mut self) -> Result<(), Error> {
        self.command(|commands| commands.finish()).await
    }

    /// Sends a Ping with up to 125 bytes (§5.5.2). The other half reports the Pong.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send`].
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.ping(payload)).await
    }

    /// Sends a Pong with up to 125 bytes (§5.5.3).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::pong`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send`].
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.pong(payload)).await
    }

    /// Begins to close the connection; the other half sees the end. See [`WebSocket::send_close`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_close`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send_close`].
    pub async fn send_close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: &str,
    ) -> Result<(), Error> {
        self.with_commands(|commands| commands.close(code, reason))?;
        self.flush().await
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::flush`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::flush`].
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

    /// Puts the halves together again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] gives both back when they are not of the same socket.
    pub fn reunite(self, receiver: Receiver<T>) -> Result<WebSocket<T>, ReuniteError<T>> {
        match self.side.reunite(receiver.side) {
            Ok(shell) => Ok(WebSocket { shell }),
            Err((sender, receiver)) => Err(ReuniteError {
                sender: Self { side: sender },
                receiver: Receiver { side: receiver },
            }),
        }
    }

    /// Lends the commands of the connection to `work`, which runs while the socket is locked: it
    /// must not use either half. What it queues leaves as by [`feed`](Self::feed).
    pub fn with_commands<R>(&mut self, work: impl FnOnce(&mut Commands<'_>) -> R) -> R {
        self.side.with(|shell| work(&mut shell.commands()))
    }

    /// Returns the WHATWG `readyState`; see [`WebSocket::ready_state`].
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.side.with(|shell| shell.driver().connection().ready_state())
    }

    /// Returns the WHATWG `bufferedAmount`; see [`WebSocket::buffered_amount`].
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.side.with(|shell| shell.driver().connection().buffered_amount())
    }

    /// Returns how the connection ended; see [`WebSocket::closed`].
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.side.with(|shell| shell.driver().connection().closed())
    }
}

impl<T: PollTransport> Receiver<T> {
    /// Waits for the next message; see [`WebSocket::recv`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::recv`].
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.side.wait(Shell::poll_recv).await
    }

    /// Waits for the next event and lends it to `take`; see [`WebSocket::recv_with`].
    ///
    /// `take` runs while the socket is locked: it must not use the other half, but may send by the
    /// commands that it is given.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv_with`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::recv_with`].
    pub async fn recv_with<R>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> R,
    ) -> Result<Option<R>, Error> {
        let mut take = once(take);
        let received =
            self.side.wait(|shell, wakers| shell.poll_recv_with(wakers, false, &mut take));
        received.await
    }

    /// Lends all events to `handle` until the end; see [`WebSocket::run`] and, for what `handle`
    /// must not do, [`recv_with`](Self::recv_with).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::run`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::run`].
    pub async fn run(
        &mut self,
        mut handle: impl FnMut(Event<'_>, &mut Commands<'_>),
    ) -> Result<(), Error> {
        self.side.wait(|shell, wakers| shell.poll_run(wakers, &mut handle)).await
    }

    /// Lends the commands of the connection to `work`; see [`Sender::with_commands`].
    pub fn with_commands<R>(&mut self, work: impl FnOnce(&mut Commands<'_>) -> R) -> R {
        self.side.with(|shell| work(&mut shell.commands()))
    }

    /// Returns the WHATWG `readyState`; see [`WebSocket::ready_state`].
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.side.with(|shell| shell.driver().connection().ready_state())
    }

    /// Returns the subprotocol in use, or an empty string.
    #[must_use]
    pub fn protocol(&self) -> String {
        self.side.with(|shell| shell.driver().connection().protocol().into())
    }

    /// Returns how the connection ended; see [`WebSocket::closed`].
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.side.with(|shell| shell.driver().connection().closed())
    }

    /// Returns how long a Ping and its Pong took together; see
    /// [`Connection::round_trip_time`](crate::Connection::round_trip_time).
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.side.with(|shell| shell.driver().connection().round_trip_time())
    }
}

/// The messages that arrive. An error comes once, and is the last item.
impl<T: PollTransport> Stream for Receiver<T> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.side.poll(cx, Shell::poll_next)
    }
}

/// Closing the sink sends a Close frame with 1000; the other half receives what the peer still sends
/// before it answers, as for the sink of a [`WebSocket`], and then sees the end. If answers of that
/// half fill the output between `poll_ready` and `start_send`, the message is given back by
/// [`Error::Send`].
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
        f.write_str("halves are not of the same socket")
    }
}

impl<T: PollTransport + fmt::Debug> core::error::Error for ReuniteError<T> {}
