//! The WebSocket of all asynchronous runtimes.
//!
//! `sanswire::io::tokio::WebSocket` and `sanswire::io::futures_io::WebSocket` are this
//! [`WebSocket`] over the streams of those runtimes. For another runtime, implement
//! [`PollTransport`].
//!
//! ```
//! use sanswire::io::poll::{PollTransport, WebSocket};
//! use sanswire::{Error, Event};
//!
//! /// Sends everything back, on any runtime.
//! async fn echo(mut socket: WebSocket<impl PollTransport>) -> Result<(), Error> {
//!     let handled = socket.run(|event, commands| {
//!         let sent = match event {
//!             Event::Text(text) => commands.send(text),
//!             Event::Binary(payload) => commands.send(payload),
//!             _ => Ok(()),
//!         };
//!         if let Err(refused) = sent {
//!             eprintln!("not sent back: {refused}"); // Such as: the connection is closing.
//!         }
//!     });
//!     handled.await
//! }
//! ```
//!
//! # Cancel safety
//!
//! Every future can be dropped at any time, by `select!` or by a timeout, and the call can be
//! repeated: no message is lost or sent in part. The exception is the opening handshake: if its
//! future is dropped, the connection is dropped with it.
//!
//! # Time
//!
//! Deadlines and heartbeats are those of the [`Config`](crate::Config). Each socket has one timer.
//! The clock of a connection runs only while a call waits: [`recv`](WebSocket::recv), or a method
//! that sends and finds no room. A socket that no call is waiting on sends no Pings and meets no
//! deadlines.
//!
//! # Shutdown
//!
//! A [`Shutdown`] closes many sockets at once, whatever their tasks wait for.
//!
//! # Fairness
//!
//! A call that always finds something to do yields to other tasks after 256 messages, after 1 to
//! 2 MiB of payload, or after about 256 KiB that were decompressed.

mod attached;
mod combinators;
pub(in crate::io) mod connecting;
mod getters;
mod halves;
mod locks;
mod opening;
#[cfg(test)]
mod orders;
#[cfg(feature = "tokio")]
mod salvage;
mod shared;
mod shell;
pub(in crate::io) mod shutdown;
#[cfg(feature = "rustls")]
pub(in crate::io) mod tls;
mod transport;

use core::future::poll_fn;

use self::attached::Kept;
use self::shell::{Shell, Wakers};
use super::{Error, once};
use crate::close::CloseCode;
#[expect(unused_imports, reason = "for the docs")]
use crate::close::Closed;
#[expect(unused_imports, reason = "for the docs")]
use crate::connection::Connection;
use crate::connection::{Commands, Event};
use crate::driver::Driver;
use crate::error::SendError;
use crate::message::{Message, MessageKind, Outgoing};
pub use halves::{Receiver, ReuniteError, Sender};
#[cfg(feature = "tokio")]
pub(in crate::io) use salvage::Salvage;
pub use shutdown::Shutdown;
pub use transport::PollTransport;

/// A WebSocket over an asynchronous transport.
///
/// It is also a `Stream` and a `Sink` of messages. [`send`](Self::send) returns when the
/// message has been written. Messages that are [fed](Self::feed), and the answers of the connection
/// itself, leave before [`recv`](Self::recv) waits: many replies in one write.
///
/// An idle connection that waits holds [no buffers](super#memory).
#[derive(Debug)]
pub struct WebSocket<T> {
    shell: Kept<T>,
}

impl<T: PollTransport> WebSocket<T> {
    /// Continues with a driver of an open connection: one from [`into_parts`](Self::into_parts), or
    /// made from a [`Connection`] that another HTTP stack has opened (`connection.into()`). Its
    /// clock continues.
    ///
    /// A driver whose opening handshake is not complete delivers nothing before
    /// [`open`](Self::open) has completed it.
    #[must_use]
    pub fn from_driver(stream: T::Stream, driver: impl Into<Driver>) -> Self {
        Self { shell: Kept::new(Shell::new(T::new(stream), driver.into())) }
    }

    /// Returns the stream and the driver. The driver holds everything that was read and not
    /// delivered, or queued and not written; [`from_driver`](Self::from_driver) continues with
    /// both.
    pub fn into_parts(self) -> (T::Stream, Driver) {
        let (transport, driver) = self.shell.into_shell().into_parts();
        (transport.into_stream(), driver)
    }

    /// Waits for the next message. Returns `None` when the connection has been closed, and again on
    /// later calls.
    ///
    /// [`closed`](Self::closed) says who closed it and why; [`Closed::check`] turns an abnormal
    /// close into an error. After `None`, drop the socket ([The end](crate::io#the-end)).
    ///
    /// Pings are answered, and events other than messages are skipped. Use
    /// [`recv_with`](Self::recv_with) for [`Event::Writable`], and for
    /// [`Reassembly::Chunks`](crate::Reassembly), which delivers no whole messages.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] or [`Error::Io`]. Everything that arrived before has been delivered.
    /// If the peer leaves without a Close frame, the error is
    /// [`UnexpectedEof`](crate::ConnectionError::UnexpectedEof), and [`closed`](Self::closed) has
    /// the code 1006.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost.
    #[doc(alias = "read")]
    #[doc(alias = "receive")]
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.shell.poll_recv(Wakers::of(cx))).await
    }

    /// Waits for the next event and lends it to `take`, together with the [`Commands`] to answer
    /// it. Returns `None` after [`Event::Closed`].
    ///
    /// Nothing is copied. Messages that `take` sends are queued; they leave before a later call
    /// waits, or by [`flush`](Self::flush).
    ///
    /// `take` is not `async`. To await something between two events, return the event's content:
    /// `into_bytes` and `into_owned` copy a small payload and hand over a large one.
    ///
    /// ```
    /// use sanswire::io::poll::{PollTransport, WebSocket};
    /// use sanswire::{Error, Event, Message};
    ///
    /// /// Waits for a message or for a Pong; `None` is the end.
    /// async fn next(socket: &mut WebSocket<impl PollTransport>) -> Result<Option<Message>, Error> {
    ///     let taken = socket.recv_with(|event, _commands| match event {
    ///         Event::Text(text) => Some(text.into()),
    ///         Event::Binary(payload) => Some(payload.into()),
    ///         Event::Pong(payload) => Some(Message::binary(payload.into_bytes())),
    ///         _ => None, // Another event: nothing to tell.
    ///     });
    ///     Ok(taken.await?.flatten())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, `take` has not been called.
    pub async fn recv_with<R>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> R,
    ) -> Result<Option<R>, Error> {
        let mut take = once(take);
        let received = poll_fn(|cx| self.shell.poll_recv_with(Wakers::of(cx), false, &mut take));
        received.await
    }

    /// Lends all events to `handle` until the connection ends, together with the [`Commands`] to
    /// answer them.
    ///
    /// This is the fastest way to serve many small messages: the answers to everything that arrived
    /// together leave in one write. The [module's page](self) has an example. While a peer does not
    /// read its answers, `handle` gets no more events ([`Connection::wants_read`]), so there is
    /// room for an answer to each event.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is lost: what `handle` sent leaves with the next call that
    /// waits.
    #[doc(alias = "callback")]
    pub async fn run(
        &mut self,
        mut handle: impl FnMut(Event<'_>, &mut Commands<'_>),
    ) -> Result<(), Error> {
        poll_fn(|cx| self.shell.poll_run(Wakers::of(cx), &mut handle)).await
    }

    /// Sends a message, and returns when it has been written.
    ///
    /// [`Outgoing`] lists what can be a message (`&str`, `String`, `&[u8]`, `Vec<u8>`, [`Message`],
    /// …), and when it is copied.
    ///
    /// While the output is full, it writes; if the transport takes nothing, it waits for room or
    /// does what [`Config::when_full`](crate::Config::when_full) says. While the peer does not
    /// read, it waits for [`Config::write_timeout`](crate::Config::write_timeout) at most. Two
    /// peers that both only send may wait for each other: [`split`](Self::split) the socket to send
    /// and receive at once.
    ///
    /// # Errors
    ///
    /// - [`Error::Send`]: the message was refused. The error contains it if it was passed by value.
    ///   The reason is [`SendError::Full`] when a deadline passed before there was room, and
    ///   [`SendError::Closed`] when nothing can be written any more.
    /// - [`Error::Timeout`] or [`Error::Io`]: the message was queued and could not be written
    ///   before a deadline, or at all. Do not send it again.
    /// - [`Error::Discarded`]: this message or an earlier one was queued, and the connection ended
    ///   before it was written. With [`WhenFull::DropOldest`](crate::WhenFull::DropOldest) it also
    ///   means that messages were dropped, perhaps others than this one, and the connection goes on.
    ///
    /// If the peer broke off, [`recv`](Self::recv) still delivers what the peer sent before, and
    /// reports the cause.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message may or may not have been queued. A queued message
    /// leaves whole, with the next call of any method that waits. To know, [`feed`](Self::feed) the
    /// message and drop only the future of [`flush`](Self::flush).
    #[doc(alias = "write")]
    pub fn send<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> impl Future<Output = Result<(), Error>> {
        // An async function would move the message twice more: 7 ns of the 32 that one of 16 bytes took.
        let mut message = Some(message.into());
        poll_fn(move |cx| self.shell.poll_send(Wakers::of(cx), &mut message))
    }

    /// Queues a message. It leaves before [`recv`](Self::recv) waits, or by [`flush`](Self::flush).
    ///
    /// While the output is full, it writes. If the transport takes nothing, it yields to other
    /// tasks once, then does what [`Config::when_full`](crate::Config::when_full) says; only with
    /// [`WhenFull::Refuse`](crate::WhenFull), the default, does it wait.
    ///
    /// ```
    /// use sanswire::Error;
    /// use sanswire::io::poll::{PollTransport, WebSocket};
    ///
    /// async fn lines(socket: &mut WebSocket<impl PollTransport>, text: &str) -> Result<(), Error> {
    ///     for line in text.lines() {
    ///         socket.feed(line).await?;
    ///     }
    ///     socket.flush().await // Many messages, few writes.
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message has not been queued.
    #[doc(alias = "backpressure")]
    pub fn feed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> impl Future<Output = Result<(), Error>> {
        // As in `send`.
        let mut message = Some(message.into());
        poll_fn(move |cx| self.shell.poll_feed(Wakers::of(cx), &mut message))
    }

    /// Queues a message if there is room for it, and never waits. It leaves as by
    /// [`feed`](Self::feed).
    ///
    /// Use it to send to many peers of which some are slow. [`Event::Writable`] says when there is
    /// room again. `try_send` does not write, so [`Config::when_full`](crate::Config::when_full)
    /// does not apply: otherwise a peer that reads would look slow.
    ///
    /// # Errors
    ///
    /// [`Error::Send`]: the message was refused, with [`SendError::Full`] if there is no room. The
    /// error contains the message if it was passed by value.
    #[doc(alias = "backpressure")]
    pub fn try_send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        Ok(self.commands().try_send(message)?)
    }

    /// Begins a message that is sent in parts by [`send_chunk`](Self::send_chunk) and
    /// [`finish`](Self::finish).
    ///
    /// ```
    /// use sanswire::io::poll::{PollTransport, WebSocket};
    /// use sanswire::{Error, MessageKind};
    ///
    /// async fn send_parts(
    ///     socket: &mut WebSocket<impl PollTransport>,
    ///     parts: impl Iterator<Item = Vec<u8>>,
    /// ) -> Result<(), Error> {
    ///     socket.begin(MessageKind::Binary)?;
    ///     for part in parts {
    ///         socket.send_chunk(&part).await?; // Waits while the peer does not read.
    ///     }
    ///     socket.finish().await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::begin`] lists.
    #[doc(alias = "stream")]
    #[doc(alias = "fragment")]
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), Error> {
        Ok(self.commands().begin(kind)?)
    }

    /// Sends the next part of a message as a fragment, and returns when it has been written.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::send_chunk`] lists, and the errors of
    /// [`flush`](Self::flush).
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
    /// [`Error::Send`], for the reasons that [`Commands::finish`] lists, and the errors of
    /// [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// The message is finished once the future has been polled; it leaves as by
    /// [`feed`](Self::feed).
    pub async fn finish(&mut self) -> Result<(), Error> {
        self.command(|commands| commands.finish()).await
    }

    /// Sends a Ping with a payload of up to 125 bytes (§5.5.2). Heartbeats are sent without it: see
    /// [`Config::ping_interval`](crate::Config::ping_interval).
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::ping`] lists, and the errors of
    /// [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the Ping may or may not have been queued.
    #[doc(alias = "heartbeat")]
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.ping(payload)).await
    }

    /// Sends an unsolicited Pong with a payload of up to 125 bytes (§5.5.3). The connection itself
    /// answers Pings.
    ///
    /// # Errors
    ///
    /// Those of [`ping`](Self::ping).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the Pong may or may not have been queued.
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|commands| commands.pong(payload)).await
    }

    /// Closes the connection: sends a Close frame after all queued messages, and waits for the
    /// peer's Close frame.
    ///
    /// It waits for [`Config::close_timeout`](crate::Config::close_timeout) at most, whatever the
    /// peer sends. Messages that arrive meanwhile are dropped. Use code 1000 for a normal close;
    /// [`CloseCode`] lists the others. A code that this end may not send is
    /// [replaced](CloseCode::as_sent_by): for example, 1006 sends 1001.
    ///
    /// ```
    /// use sanswire::io::poll::{PollTransport, WebSocket};
    /// use sanswire::{CloseCode, Error};
    ///
    /// async fn stop(mut socket: WebSocket<impl PollTransport>) -> Result<(), Error> {
    ///     socket.close(CloseCode::SERVICE_RESTART, "update").await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Send`]: the code is not valid and has no replacement (below 1000, 1004, 1016 to
    ///   2999, above 4999), or the reason is longer than 123 bytes.
    /// - [`Error::Discarded`]: the peer's Close came before all queued messages were written, or
    ///   some were [dropped](crate::WhenFull::DropOldest). The connection is closed all the same.
    /// - Otherwise those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// The connection is closing once the future has been polled. Another call of `close` or
    /// [`recv`](Self::recv) continues.
    #[doc(alias = "shutdown")]
    pub async fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.commands().close(code, reason)?;
        poll_fn(|cx| self.shell.poll_end(Wakers::of(cx))).await
    }

    /// Begins to close the connection: sends a Close frame and does not wait for the peer's.
    ///
    /// Then call [`recv`](Self::recv) until it returns `None`. With
    /// [`AfterClose::Deliver`](crate::AfterClose), it delivers the messages that are still
    /// arriving, for [`Config::close_timeout`](crate::Config::close_timeout) at most.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::close`] lists, and the errors of
    /// [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// The connection is closing once the future has been polled; the frame leaves as by
    /// [`feed`](Self::feed).
    pub async fn send_close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: &str,
    ) -> Result<(), Error> {
        self.commands().close(code, reason)?;
        self.flush().await
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// - [`Error::Timeout`] if a deadline passed, or [`Error::Io`].
    /// - [`Error::Discarded`], once, if messages that were queued will never be written: the
    ///   connection has ended, or they were [dropped](crate::WhenFull::DropOldest).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the rest leaves with the next call of any method that waits.
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

    /// Splits the socket into two halves, for two tasks: one sends, one receives.
    ///
    /// The [`Receiver`] answers Pings, whatever the [`Sender`] does, and writes what the [`Sender`]
    /// has queued. [`Sender::reunite`] joins the halves again.
    ///
    /// ```
    /// use sanswire::Error;
    /// use sanswire::io::poll::{PollTransport, WebSocket};
    ///
    /// async fn send_and_receive(socket: WebSocket<impl PollTransport>) -> Result<(), Error> {
    ///     let (mut sender, mut receiver) = socket.split();
    ///     let sending = async move {
    ///         sender.send("hello").await?;
    ///         sender.send_close(1000, "").await
    ///     };
    ///     let receiving = async move {
    ///         while let Some(message) = receiver.recv().await? {
    ///             println!("{message:?}");
    ///         }
    ///         Ok::<_, Error>(())
    ///     };
    ///     // Spawn the two as tasks, or await both: `tokio::join!`, `futures::join!`.
    ///     # sending.await?;
    ///     # receiving.await?;
    ///     Ok(())
    /// }
    /// ```
    #[doc(alias = "into_split")]
    pub fn split(self) -> (Sender<T>, Receiver<T>) {
        halves::split(self.shell)
    }
}
