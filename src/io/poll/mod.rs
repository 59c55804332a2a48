//! The WebSocket of all asynchronous runtimes.
//!
//! `sanswire::io::tokio::WebSocket` and `sanswire::io::futures_io::WebSocket` are [`WebSocket`] over streams
//! of those runtimes. For another runtime, implement [`PollTransport`].
//!
//! ```
//! use sanswire::io::poll::{PollTransport, WebSocket};
//! use sanswire::{Error, Event};
//!
//! /// Sends everything back, on any runtime.
//! async fn echo(mut socket: WebSocket<impl PollTransport>) -> Result<(), Error> {
//!     let handled = socket.run(|event, commands| match event {
//!         // There is room for an answer. What is refused is so because it is closing.
//!         Event::Text(text) => drop(commands.send(text)),
//!         Event::Binary(payload) => drop(commands.send(payload)),
//!         _ => {}
//!     });
//!     handled.await
//! }
//! ```
//!
//! # Cancel safety
//!
//! All futures but those of the opening handshake can be dropped at any time, in a `select!` or by
//! a `timeout`, and the call can be made again. Nothing is lost, and no message is sent in part.
//!
//! # Time
//!
//! Deadlines and heartbeats are those of the [`Config`](crate::Config). There is one timer for each
//! socket. Time passes for a connection while a call waits: [`recv`](WebSocket::recv), or a method
//! that sends when there is no room. A socket that nobody waits on sends no Pings and meets no
//! deadlines.
//!
//! # Fairness
//!
//! A call that always finds something to do lets other tasks run after 256 messages, or as many KiB
//! processed or delivered.

mod halves;
mod opening;
mod shared;
mod shell;
mod transport;

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;

use self::shell::{Shell, Wakers};
use super::{Error, once};
use crate::close::{CloseCode, Closed};
use crate::connection::{Commands, Connection, Event, ReadyState};
use crate::driver::Driver;
use crate::error::SendError;
use crate::handshake::Response;
use crate::message::{Message, MessageKind, Outgoing};
pub use halves::{Receiver, ReuniteError, Sender};
pub use transport::PollTransport;

/// A WebSocket over an asynchronous transport.
///
/// It is also a [`Stream`] and a [`Sink`] of messages. [`send`](Self::send) returns when the message
/// has left. What is [fed](Self::feed), and what the connection answers by itself, leaves before
/// [`recv`](Self::recv) waits: many replies in one write.
///
/// While it waits, an idle connection holds no buffers.
#[derive(Debug)]
pub struct WebSocket<T> {
    shell: Shell<T>,
}

impl<T: PollTransport> WebSocket<T> {
    /// Goes on with a driver whose connection is open: one from [`into_parts`](Self::into_parts), or
    /// `connection.into()` for a [`Connection`] that another HTTP stack has opened. Its time
    /// continues.
    ///
    /// A driver whose opening handshake is not complete delivers nothing: do the handshake by
    /// [`connect_over`](Self::connect_over) or [`accept`](Self::accept).
    #[must_use]
    pub fn from_driver(stream: T::Stream, driver: impl Into<Driver>) -> Self {
        Self { shell: Shell::new(T::new(stream), driver.into()) }
    }

    /// Takes the socket apart. What was read and not delivered, and what was not written, is in the
    /// driver.
    pub fn into_parts(self) -> (T::Stream, Driver) {
        let (transport, driver) = self.shell.into_parts();
        (transport.into_stream(), driver)
    }

    /// Waits for the next message. Returns `None` when the connection has been closed, at once and
    /// again on later calls: [`closed`](Self::closed) says by whom and why, [`Closed::check`] makes
    /// an error of a close that was not normal. Then drop the socket;
    /// see [The end](crate::io#the-end).
    ///
    /// Pings are answered on the way, and events that are no messages are passed over. For
    /// [`Event::Writable`], and with
    /// [`Reassembly::Chunks`](crate::Reassembly), where there are no whole messages, use
    /// [`recv_with`](Self::recv_with).
    ///
    /// # Errors
    ///
    /// [`Error::Connection`], [`Error::Io`]. Everything that arrived before has been delivered.
    /// When the peer leaves without a Close frame, the error is
    /// [`UnexpectedEof`](crate::ConnectionError::UnexpectedEof), and [`closed`](Self::closed) has
    /// the code 1006.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.shell.poll_recv(Wakers::of(cx))).await
    }

    /// Waits for the next event and lends it to `take`, with the commands to answer it by. Returns
    /// `None` after [`Event::Closed`].
    ///
    /// Nothing is copied. What `take` sends leaves before a later call waits, or by
    /// [`flush`](Self::flush).
    ///
    /// `take` cannot wait. To wait for something else between two events, take along what is lent:
    /// `into_bytes` and `into_owned` copy what is small, and hand over what is large. The page of
    /// the tokio adapter shows how a message of any size goes to a file.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has not called `take`.
    pub async fn recv_with<R>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> R,
    ) -> Result<Option<R>, Error> {
        let mut take = once(take);
        let received = poll_fn(|cx| self.shell.poll_recv_with(Wakers::of(cx), false, &mut take));
        received.await
    }

    /// Lends all events to `handle` until the connection ends, with the commands to answer them by.
    ///
    /// What `handle` sends in answer to everything that arrived together leaves in one write: the
    /// quickest way to serve many small messages. While a peer does not read its answers, it is
    /// given no more ([`Connection::wants_read`]), so that there is room for an answer to each
    /// event.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is lost: what `handle` sent leaves by the next call that
    /// waits.
    pub async fn run(
        &mut self,
        mut handle: impl FnMut(Event<'_>, &mut Commands<'_>),
    ) -> Result<(), Error> {
        poll_fn(|cx| self.shell.poll_run(Wakers::of(cx), &mut handle)).await
    }

    /// Sends a message, and returns when it has left. While the output is full, writes what the
    /// transport takes; when that takes nothing more, waits for room or does what
    /// [`Config::when_full`](crate::Config::when_full) says.
    ///
    /// See [`Outgoing`] for what can be a message, and for when it is copied.
    ///
    /// While the peer does not read, it waits, for
    /// [`Config::write_timeout`](crate::Config::write_timeout) at most. Two peers that both only send
    /// may wait for each other: [`split`](Self::split) the socket to send and receive at once.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] when the message was refused, with the message if it was given by value: with
    /// [`SendError::Full`] when a deadline passed before there was room for it, with
    /// [`SendError::Closed`] when nothing can be written any more. When it was queued,
    /// [`Error::Timeout`] if it was not written before a deadline, [`Error::Io`] if it cannot be
    /// written: do not send it again. [`Error::Discarded`] when it was queued, or another message before it, and the end of the
    /// connection cut it off.
    /// When the peer broke off, [`recv`](Self::recv) still delivers what it sent before, and knows
    /// why.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message may or may not have been queued. Once queued it leaves
    /// whole, by the next call of any method that waits. To know, [`feed`](Self::feed) it and drop
    /// only [`flush`](Self::flush).
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.shell.poll_send(Wakers::of(cx), &mut message)).await
    }

    /// Queues a message, which leaves before [`recv`](Self::recv) waits or by
    /// [`flush`](Self::flush).
    ///
    /// While the output is full, it writes what the transport takes. When that takes nothing more, it
    /// lets other tasks run once and then does what
    /// [`Config::when_full`](crate::Config::when_full) says: it waits only with
    /// [`WhenFull::Refuse`](crate::WhenFull).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has not queued the message.
    pub async fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.shell.poll_feed(Wakers::of(cx), &mut message)).await
    }

    /// Queues a message if there is room for it, and gives it back at once if there is not. It
    /// leaves as by [`feed`](Self::feed).
    ///
    /// Use it to send to many peers of which some are slow. [`Event::Writable`] says when there is
    /// room again. It writes nothing, so [`Config::when_full`](crate::Config::when_full) does not
    /// apply: a peer that reads would seem to be slow. [`feed`](Self::feed) writes first.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] gives a message back that was passed by value, with [`SendError::Full`]
    /// where there is no room.
    pub fn try_send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        Ok(self.commands().try_send(message)?)
    }

    /// Begins a message that is sent in parts by [`send_chunk`](Self::send_chunk) and
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// As [`Commands::begin`].
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), Error> {
        Ok(self.commands().begin(kind)?)
    }

    /// Sends the next part of a message, as a fragment of its own, which has left when this
    /// returns.
    ///
    /// # Errors
    ///
    /// As [`Commands::send_chunk`], and as [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send), for the part.
    pub async fn send_chunk(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.send_chunk(payload)).await
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// As [`Commands::finish`], and as [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// Once polled, the message is finished, and leaves as by [`feed`](Self::feed).
    pub async fn finish(&mut self) -> Result<(), Error> {
        self.command(|commands| commands.finish()).await
    }

    /// Sends a Ping with up to 125 bytes (§5.5.2).
    ///
    /// # Errors
    ///
    /// As [`Commands::ping`], and as [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.ping(payload)).await
    }

    /// Sends a Pong with up to 125 bytes (§5.5.3). Pings are answered without it.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.pong(payload)).await
    }

    /// Closes the connection: sends a Close frame behind all messages, and waits for the peer's, for
    /// [`Config::close_timeout`](crate::Config::close_timeout) at most, whatever the peer does.
    /// Messages that arrive meanwhile are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code that no Close frame can have or a reason over 123 bytes,
    /// [`Error::Discarded`] when not everything has left that was queued before; otherwise as
    /// [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Once polled, the connection is closing; a later call, or [`recv`](Self::recv), goes on with
    /// it.
    pub async fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.commands().close(code, reason)?;
        poll_fn(|cx| self.shell.poll_end(Wakers::of(cx))).await
    }

    /// Begins to close the connection: sends a Close frame and does not wait for an answer.
    ///
    /// Call [`recv`](Self::recv) until it returns `None`. With
    /// [`AfterClose::Deliver`](crate::AfterClose) it delivers the messages that are under way, for
    /// as long as [`Config::close_timeout`](crate::Config::close_timeout) says.
    ///
    /// # Errors
    ///
    /// As [`Commands::close`], and as [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// Once polled, the connection is closing, and the frame leaves as by [`feed`](Self::feed).
    pub async fn send_close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: &str,
    ) -> Result<(), Error> {
        self.commands().close(code, reason)?;
        self.flush().await
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], or [`Error::Timeout`] when a deadline has passed. [`Error::Discarded`], once,
    /// when something that was queued before is never sent.
    ///
    /// # Cancel safety
    ///
    /// What has not left yet does so by the next call of any method that waits.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.shell.poll_flush(Wakers::of(cx))).await
    }

    /// Queues what `command` sends, once there is room, and writes it.
    async fn command(
        &mut self,
        command: impl FnMut(&mut Commands<'_>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let mut command = Some(command);
        poll_fn(|cx| self.shell.poll_command(Wakers::of(cx), &mut command)).await
    }

    /// Splits the socket into halves for two tasks.
    ///
    /// The [`Receiver`] answers Pings by itself, whatever the [`Sender`] does, and writes what that
    /// has queued.
    pub fn split(self) -> (Sender<T>, Receiver<T>) {
        halves::split(self.shell)
    }

    /// Returns the commands of the connection. What they queue leaves as by [`feed`](Self::feed).
    pub fn commands(&mut self) -> Commands<'_> {
        self.shell.commands()
    }

    /// Returns the connection, for its getters.
    pub fn connection(&self) -> &Connection {
        self.shell.driver().connection()
    }

    /// Returns the stream. Reading from it or writing to it breaks the connection.
    pub fn stream(&self) -> &T::Stream {
        self.shell.transport().stream()
    }

    /// Returns the WHATWG `readyState`; see [`Connection::ready_state`].
    pub fn ready_state(&self) -> ReadyState {
        self.connection().ready_state()
    }

    /// Returns the WHATWG `bufferedAmount`; see [`Connection::buffered_amount`].
    pub fn buffered_amount(&self) -> usize {
        self.connection().buffered_amount()
    }

    /// Returns the subprotocol in use, or an empty string.
    pub fn protocol(&self) -> &str {
        self.connection().protocol()
    }

    /// Returns the response by which the server opened the connection, with its headers, such as the
    /// cookie of a load balancer; see [`Driver::response`].
    pub fn response(&self) -> Option<&Response> {
        self.shell.driver().response()
    }

    /// Returns how the connection ended; see [`Connection::closed`].
    pub fn closed(&self) -> Option<Closed> {
        self.connection().closed()
    }
}

/// The messages that arrive. An error comes once, and is the last item.
impl<T: PollTransport> Stream for WebSocket<T> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shell.poll_next(Wakers::of(cx))
    }
}

/// Closing the sink, as `SinkExt::close` and `forward` do, sends a Close frame with 1000 and does not
/// wait for an answer: that is the end of the stream. Messages that the peer sends before it answers
/// are still in the stream, whatever [`Config::after_close`](crate::Config::after_close) says,
/// because a sink that is closed has no more to send, and its stream may have more to receive: the
/// replies to what was forwarded.
///
/// Readiness waits for room, so [`Config::when_full`](crate::Config::when_full) never applies.
impl<T: PollTransport> Sink<Message> for WebSocket<T> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shell.poll_room(Wakers::of(cx))
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.try_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shell.poll_flush(Wakers::of(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.commands().close_and_deliver(CloseCode::NORMAL, "")?;
        self.shell.poll_flush(Wakers::of(cx))
    }
}
