//! The tokio adapter: a WebSocket over anything that is `AsyncRead + AsyncWrite`; knows no frames.
//!
//! ```no_run
//! # async fn f() -> Result<(), sanswire::io::Error> {
//! use sanswire::tokio::WebSocket;
//!
//! let mut socket = WebSocket::connect("ws://localhost:9001/chat").await?;
//! socket.send("hello").await?;
//! while let Some(message) = socket.recv().await? {
//!     println!("{message:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A client that connects again by itself is in [`reconnecting`].
//!
//! All futures but those of the handshakes can be dropped at any time, in a `select!` or by a
//! `timeout`, and the call be made again: nothing is lost or sent by halves.
//!
//! What is sent leaves as the module [`io`](super#when-bytes-leave) says.
//!
//! # Time
//!
//! Deadlines and heartbeats are those of the [`Config`](crate::Config); there is one timer for each
//! socket, and the runtime must have its time driver enabled. Time passes for a connection while
//! it is waited on, by [`recv`](WebSocket::recv) or by sending when there is no room: a socket that
//! is left alone sends no Pings and finds nobody dead.

mod clock;
mod driver;
mod opening;
pub mod reconnecting;
mod shared;
mod split;
mod transport;

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite};
use futures_core::Stream;
use futures_sink::Sink;

use self::driver::Driver;
use super::Error;
use crate::buffer::ReceiveBuf;
use crate::close::{CloseCode, Closed};
use crate::connection::{Connection, Event, ReadyState};
use crate::message::{Message, MessageKind, Prepared};
pub use split::{Receiver, ReuniteError, Sender};

/// A WebSocket over an asynchronous transport.
///
/// It is a [`Stream`] and a [`Sink`] of messages, too. What is sent by [`send`](Self::send) has
/// left when that returns. What is [fed](Self::feed), and what the connection answers by itself,
/// leaves before [`recv`](Self::recv) waits: many replies in one write.
///
/// While it waits, an idle connection holds no buffers.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sanswire::io::Error> {
/// use sanswire::Config;
/// use sanswire::handshake::ClientRequest;
/// use sanswire::tokio::WebSocket;
///
/// let (near, far) = tokio::io::duplex(1024);
/// let server = tokio::spawn(async move {
///     let mut socket = WebSocket::accept(far, &Config::default()).await?;
///     while let Some(message) = socket.recv().await? {
///         socket.feed(message).await?;
///     }
///     Ok::<_, sanswire::io::Error>(())
/// });
/// let request = ClientRequest::new("example.com", "/")?;
/// let mut socket = WebSocket::client(near, &request, &Config::default()).await?;
/// socket.send("hello").await?;
/// assert_eq!(socket.recv().await?.unwrap().as_text(), Some("hello"));
/// socket.close(1000, "").await?;
/// server.await.unwrap()
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocket<S> {
    driver: Driver<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Waits for the next message; `None` when the connection has been closed cleanly:
    /// [`closed`](Self::closed) says by whom and why.
    ///
    /// Pings are answered on the way. With [`Reassembly::Chunks`](crate::Reassembly) there are no
    /// whole messages: use [`recv_with`](Self::recv_with).
    ///
    /// # Errors
    ///
    /// [`Error::Connection`], [`Error::Io`]. Everything that arrived before has been delivered.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has taken no message.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.driver.poll_recv(cx)).await
    }

    /// Waits for the next event and lends it to `take`, with the connection to answer it by;
    /// `None` behind [`Event::Closed`].
    ///
    /// Nothing is copied. What `take` sends leaves before a later call waits, or by
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has not called `take`.
    pub async fn recv_with<T>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Connection) -> T,
    ) -> Result<Option<T>, Error> {
        let mut take = Some(take);
        poll_fn(|cx| {
            self.driver.poll_recv_with(cx, |event, connection| {
                take.take().map(|take| take(event, connection))
            })
        })
        .await
        .map(Option::flatten)
    }

    /// Lends all events to `handle` until the connection ends, with the connection to answer them
    /// by.
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
    /// A dropped future has lost nothing: what `handle` was called for is done, and what it sent
    /// leaves by the next call that waits.
    pub async fn run(
        &mut self,
        mut handle: impl FnMut(Event<'_>, &mut Connection),
    ) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_run(cx, &mut handle)).await
    }

    /// Sends a message: it has left when this returns. Waits for room while the output is full,
    /// unless [`Config::when_full`](crate::Config::when_full) says otherwise.
    ///
    /// A peer that does not read makes it wait, for
    /// [`Config::write_timeout`](crate::Config::write_timeout) at most, and two peers that both
    /// only send may wait for each other: [`split`](Self::split) the socket where that can be.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] gives the message back; [`Error::Io`], of kind `TimedOut` when a deadline
    /// has passed. When the peer broke off, [`recv`](Self::recv) still delivers what it sent
    /// before, and knows why.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent the message whole or not at all. Whole: what has not left yet
    /// does so by the next call of any method that waits. Which of both cannot be told; to know,
    /// drop only [`flush`](Self::flush).
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Queues a message, which leaves before [`recv`](Self::recv) waits or by
    /// [`flush`](Self::flush). Waits only while the output is full, and only with
    /// [`WhenFull::Refuse`](crate::WhenFull).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has not queued the message.
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.driver.poll_feed(cx, &mut message)).await
    }

    /// Queues a message if there is room for it, and gives it back at once if there is not. It
    /// leaves as by [`feed`](Self::feed).
    ///
    /// That is the way to send to many of whom some are slow. [`Event::Drained`] says when there is
    /// room again; [`Config::when_full`](crate::Config::when_full) has other answers to a full
    /// output.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] gives the message back, with [`SendError::Full`](crate::SendError::Full)
    /// where there is no room.
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        Ok(self.driver.connection_mut().send(message.into())?)
    }

    /// Sends a message that was framed once for many connections: it has left when this returns.
    /// Otherwise as [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_prepared`], and [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.feed_prepared(prepared).await?;
        self.flush().await
    }

    /// Queues a message that was framed once for many connections; otherwise as
    /// [`feed`](Self::feed).
    ///
    /// # Errors
    ///
    /// As [`send_prepared`](Self::send_prepared).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Self::feed).
    pub async fn feed_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let mut command = |connection: &mut Connection| connection.send_prepared(prepared);
        poll_fn(|cx| self.driver.poll_command(cx, &mut command)).await
    }

    /// Queues a message that was framed once for many connections, if there is room for it; as
    /// [`try_send`](Self::try_send).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_prepared`].
    pub fn try_send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        Ok(self.driver.connection_mut().send_prepared(prepared)?)
    }

    /// Sends a text message; as [`send`](Self::send), but the text is copied.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_command(cx, |connection| connection.send_text(text))).await?;
        self.flush().await
    }

    /// Sends a binary message; as [`send`](Self::send), but the payload is copied.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_command(cx, |connection| connection.send_binary(payload)))
            .await?;
        self.flush().await
    }

    /// Begins a message that is sent in parts by [`send_chunk`](Self::send_chunk) and
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// As [`Connection::begin`].
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), Error> {
        Ok(self.driver.connection_mut().begin(kind)?)
    }

    /// Sends the next part of a message, as a fragment of its own: it has left when this returns.
    ///
    /// # Errors
    ///
    /// As [`Connection::send_chunk`], and [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send): the part was sent whole or not at all.
    pub async fn send_chunk(&mut self, payload: &[u8]) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_command(cx, |connection| connection.send_chunk(payload)))
            .await?;
        self.flush().await
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// As [`Connection::finish`], and [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Once polled, the message is finished, and leaves as by [`feed`](Self::feed).
    pub async fn finish(&mut self) -> Result<(), Error> {
        self.driver.connection_mut().finish()?;
        self.flush().await
    }

    /// Sends a Ping with up to 125 bytes (§5.5.2).
    ///
    /// # Errors
    ///
    /// As [`Connection::ping`], and [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_command(cx, |connection| connection.ping(payload))).await?;
        self.flush().await
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
        poll_fn(|cx| self.driver.poll_command(cx, |connection| connection.pong(payload))).await?;
        self.flush().await
    }

    /// Closes the connection: sends a Close frame behind all messages, waits for the peer's and for
    /// the end of the transport. Messages that arrive meanwhile are dropped.
    ///
    /// It takes [`Config::close_timeout`](crate::Config::close_timeout) at most, and 5 seconds for
    /// the end of the transport.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code that may not be sent or a reason over 123 bytes; otherwise as
    /// [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Once polled, the connection is closing; a later call, or [`recv`](Self::recv), goes on with
    /// it.
    pub async fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.driver.connection_mut().close(code, reason)?;
        while self.recv_with(|_, _| ()).await?.is_some() {}
        Ok(())
    }

    /// Begins to close the connection: sends a Close frame and does not wait for an answer.
    ///
    /// Call [`recv`](Self::recv) until it returns `None`. With
    /// [`AfterClose::Deliver`](crate::AfterClose) it delivers the messages that are under way; the
    /// time that the peer has begins anew with each.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`], and [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Once polled, the connection is closing, and the frame leaves as by [`feed`](Self::feed).
    pub async fn send_close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: &str,
    ) -> Result<(), Error> {
        let code = code.into();
        poll_fn(|cx| self.driver.poll_send_close(cx, code, reason)).await
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// What has not left yet does so by the next call of any method that waits.
    pub async fn flush(&mut self) -> Result<(), Error> {
        Ok(poll_fn(|cx| self.driver.poll_flush(cx)).await?)
    }
}

impl<S> WebSocket<S> {
    /// Continues a connection whose handshake is done.
    ///
    /// `input` has what arrived behind the handshake; what `connection` has to write is written by
    /// the next call that waits.
    #[must_use]
    pub fn from_parts(stream: S, connection: Connection, input: ReceiveBuf) -> Self {
        Self { driver: Driver::new(stream, connection, input) }
    }

    /// Takes the socket apart.
    ///
    /// Nothing is lost: what was read and not delivered is in the [`ReceiveBuf`], what was not
    /// written in the [`Connection`].
    pub fn into_parts(self) -> (S, Connection, ReceiveBuf) {
        self.driver.into_parts()
    }

    /// Splits the socket into halves for two tasks.
    ///
    /// The [`Receiver`] answers Pings by itself, whatever the [`Sender`] does.
    pub fn split(self) -> (Sender<S>, Receiver<S>) {
        split::split(self.driver)
    }

    /// Returns the connection, to command it directly: what it queues leaves as by
    /// [`feed`](Self::feed). Its events are to be left to [`recv_with`](Self::recv_with).
    pub const fn connection_mut(&mut self) -> &mut Connection {
        self.driver.connection_mut()
    }

    /// Returns the connection.
    pub const fn connection(&self) -> &Connection {
        self.driver.connection()
    }

    /// Returns the stream. Whoever reads from it or writes to it breaks the connection.
    pub const fn stream(&self) -> &S {
        self.driver.stream()
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

    /// Returns how the connection ended; see [`Connection::closed`].
    pub fn closed(&self) -> Option<&Closed> {
        self.connection().closed()
    }
}

/// The messages that arrive. An error comes once, and is the last item.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.driver.poll_next(cx)
    }
}

/// Closing the sink sends a Close frame with 1000 and does not wait for an answer: that is the end
/// of the stream.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.poll_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.driver.start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.poll_flush(cx).map_err(Error::Io)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.poll_send_close(cx, CloseCode::NORMAL, "")
    }
}
