//! The blocking adapter: a WebSocket over anything that is `Read + Write`; knows no frames.
//!
//! ```no_run
//! # #[cfg(feature = "url")] {
//! use sanswire::blocking::WebSocket;
//!
//! let mut socket = WebSocket::connect("ws://localhost:9001/chat")?;
//! socket.send("hello")?;
//! while let Some(message) = socket.recv()? {
//!     println!("{message:?}");
//! }
//! # }
//! # Ok::<(), sanswire::io::Error>(())
//! ```
//!
//! What is sent leaves as the module [`io`](super#when-bytes-leave) says.
//!
//! # Timeouts
//!
//! Deadlines and heartbeats are those of the [`Config`](crate::Config), where the transport can
//! bound its reads and writes ([`Transport::set_read_timeout`]), as sockets can: the
//! WebSocket does so by itself, and overwrites bounds that were set otherwise. How long
//! [`recv`](WebSocket::recv) may wait is set by [`WebSocket::set_read_timeout`]. Time passes for a
//! connection while a call waits: a socket that is left alone sends no Pings.
//!
//! Of other transports a read blocks for as long as the peer is silent, also in the closing
//! handshake: a client waits for the server to close the transport (§7.1.1). When a wait ends with
//! `WouldBlock` or `TimedOut`, that is the [`Error::Io`] of the call. It loses nothing, and the
//! call can be made again.
//!
//! # Threads
//!
//! One thread reads and writes. Two [`WebSocket`]s over one socket (`try_clone` and
//! [`from_parts`](WebSocket::from_parts)) would be two state machines of which each sees a part
//! of the stream, and would write into the middle of each other's frames. To send what other
//! threads have to say, set a read timeout and look at a channel whenever it passes, or use the
//! halves of the tokio adapter.

mod clock;
mod driver;
mod opening;
mod transport;

use core::time::Duration;
use std::io;

use self::clock::Clock;
use self::driver::Written;
use super::Error;
use super::reads::Reads;
use crate::buffer::ReceiveBuf;
use crate::close::{CloseCode, Closed};
use crate::connection::{Connection, Event, ReadyState, Refused};
use crate::error::SendError;
use crate::message::{Message, MessageKind, Prepared};
pub use transport::{Plain, Transport};

/// A WebSocket over a blocking transport.
///
/// What is sent by [`send`](Self::send) has left when it returns. What is [fed](Self::feed), and
/// what the connection answers by itself, leaves before [`recv`](Self::recv) blocks: many replies
/// in one write.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use std::thread;
///
/// use sanswire::Config;
/// use sanswire::blocking::WebSocket;
/// use sanswire::handshake::ClientRequest;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let server = thread::spawn(move || {
///     let mut socket = WebSocket::accept(listener.accept()?.0, &Config::default())?;
///     while let Some(message) = socket.recv()? {
///         socket.feed(message)?;
///     }
///     Ok::<_, sanswire::io::Error>(())
/// });
/// let request = ClientRequest::new(&address.to_string(), "/")?;
/// let mut socket = WebSocket::connect_with(&request, &Config::default())?;
/// socket.send("hello")?;
/// assert_eq!(socket.recv()?.unwrap().as_text(), Some("hello"));
/// socket.close(1000, "")?;
/// server.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WebSocket<S> {
    stream: S,
    connection: Connection,
    input: ReceiveBuf,
    reads: Reads,
    clock: Clock,
    /// When a read ended last.
    looked: Duration,
    /// How long a call may wait for the peer.
    read_timeout: Option<Duration>,
    /// Whether nothing is received until the output has been drained.
    is_gated: bool,
    /// Whether the stream may keep bytes to itself that it was given.
    unflushed: bool,
    /// Whether the stream delivers nothing more.
    eof: bool,
    /// Whether the transport has been closed.
    ended: bool,
    /// Why writing is over, if it failed: what the peer has sent before may still be read.
    broken: Option<io::ErrorKind>,
    /// The failure of the stream that ends the connection, until it is reported.
    failure: Option<io::Error>,
}

impl<S: Transport> WebSocket<S> {
    /// Continues a connection whose handshake is done.
    ///
    /// `input` has what arrived behind the handshake; what `connection` has to write is written by
    /// the next call.
    #[must_use]
    pub fn from_parts(stream: S, connection: Connection, input: ReceiveBuf) -> Self {
        Self {
            stream,
            connection,
            input,
            reads: Reads::default(),
            clock: Clock::new(),
            looked: Duration::ZERO,
            read_timeout: None,
            is_gated: false,
            // Whoever had the stream before may have left something in it.
            unflushed: true,
            eof: false,
            ended: false,
            broken: None,
            failure: None,
        }
    }

    /// Waits for the next message; `None` when the connection has been closed cleanly:
    /// [`closed`](Self::closed) says by whom and why.
    ///
    /// Pings are answered on the way. With [`Reassembly::Chunks`](crate::Reassembly) there are no
    /// whole messages: use [`recv_with`](Self::recv_with).
    ///
    /// # Errors
    ///
    /// [`Error::Connection`], [`Error::Io`]. Everything that arrived before has been delivered.
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        let until = self.until();
        while let Some(message) = self.recv_until(until, |event, _| event.into_message())? {
            if message.is_some() {
                return Ok(message);
            }
            self.check_until(until)?;
        }
        Ok(None)
    }

    /// Waits for the next event and lends it to `take`, with the connection to answer it by;
    /// `None` behind [`Event::Closed`].
    ///
    /// Nothing is copied. What `take` sends leaves before a later call blocks, or by
    /// [`flush`](Self::flush).
    ///
    /// ```
    /// use sanswire::blocking::{Plain, WebSocket};
    /// use sanswire::{Config, Connection, Event, ReceiveBuf};
    ///
    /// # let stream = std::io::Cursor::new(Vec::new());
    /// let mut input = ReceiveBuf::new();
    /// input.extend_from_slice(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); // "Hello", masked
    /// let connection = Connection::server(&Config::default());
    /// let mut socket = WebSocket::from_parts(Plain(stream), connection, input);
    /// let echoed = socket.recv_with(|event, connection| match event {
    ///     Event::Text(text) => connection.send_text(&text),
    ///     _ => Ok(()),
    /// })?;
    /// assert_eq!(echoed, Some(Ok(())));
    /// # Ok::<(), sanswire::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_with<T>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Connection) -> T,
    ) -> Result<Option<T>, Error> {
        self.recv_until(self.until(), take)
    }

    /// Lends all events to `handle` until the connection ends, with the connection to answer them
    /// by.
    ///
    /// What `handle` sends in answer to everything that arrived together leaves in one write: the
    /// quickest way to serve many small messages.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn run(&mut self, mut handle: impl FnMut(Event<'_>, &mut Connection)) -> Result<(), Error> {
        while self.recv_with(&mut handle)?.is_some() {}
        Ok(())
    }

    /// Sends a message: it has left when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] gives the message back, [`Error::Io`]. When the peer broke off,
    /// [`recv`](Self::recv) still delivers what it sent before, and may know why.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message)?;
        self.flush()
    }

    /// Queues a message, which leaves before [`recv`](Self::recv) blocks or by
    /// [`flush`](Self::flush). Blocks only while the output is full, and only with
    /// [`WhenFull::Refuse`](crate::WhenFull).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let mut message = message.into();
        loop {
            let Err(refused) = self.connection.send(message) else { return Ok(()) };
            let Refused { error: SendError::Full { .. }, .. } = refused else {
                return Err(refused.into());
            };
            message = refused.message;
            self.make_room()?;
        }
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
    /// [`Error::Send`] gives the message back, with [`SendError::Full`] where
    /// there is no room.
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        Ok(self.connection.send(message.into())?)
    }

    /// Sends a message that was framed once for many connections: it has left when this returns.
    /// Otherwise as [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_prepared`], and [`Error::Io`].
    pub fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.command(|connection| connection.send_prepared(prepared))
    }

    /// Queues a message that was framed once for many connections; otherwise as
    /// [`feed`](Self::feed).
    ///
    /// # Errors
    ///
    /// As [`send_prepared`](Self::send_prepared).
    pub fn feed_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.queue(|connection| connection.send_prepared(prepared))
    }

    /// Queues a message that was framed once for many connections, if there is room for it; as
    /// [`try_send`](Self::try_send).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_prepared`].
    pub fn try_send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        Ok(self.connection.send_prepared(prepared)?)
    }

    /// Sends a text message; as [`send`](Self::send), but the text is copied.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.command(|connection| connection.send_text(text))
    }

    /// Sends a binary message; as [`send`](Self::send), but the payload is copied.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|connection| connection.send_binary(payload))
    }

    /// Begins a message that is sent in parts by [`send_chunk`](Self::send_chunk) and
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// As [`Connection::begin`].
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), Error> {
        Ok(self.connection.begin(kind)?)
    }

    /// Sends the next part of a message, as a fragment of its own: it has left when this returns.
    ///
    /// # Errors
    ///
    /// As [`Connection::send_chunk`], and [`Error::Io`].
    pub fn send_chunk(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|connection| connection.send_chunk(payload))
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// As [`Connection::finish`], and [`Error::Io`].
    pub fn finish(&mut self) -> Result<(), Error> {
        self.command(Connection::finish)
    }

    /// Sends a Ping with up to 125 bytes (§5.5.2).
    ///
    /// # Errors
    ///
    /// As [`Connection::ping`], and [`Error::Io`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|connection| connection.ping(payload))
    }

    /// Sends a Pong with up to 125 bytes (§5.5.3). Pings are answered without it.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|connection| connection.pong(payload))
    }

    /// Closes the connection: sends a Close frame behind all messages, waits for the peer's and for
    /// the end of the transport. Messages that arrive meanwhile are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code that may not be sent or a reason over 123 bytes; otherwise as
    /// [`recv`](Self::recv).
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.connection.close(code, reason)?;
        let until = self.until();
        while self.recv_until(until, |_, _| ())?.is_some() {
            self.check_until(until)?;
        }
        Ok(())
    }

    /// Begins to close the connection: sends a Close frame and does not wait.
    ///
    /// Call [`recv`](Self::recv) until it returns `None`. With
    /// [`AfterClose::Deliver`](crate::AfterClose) it delivers the messages that are under way.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`], and [`Error::Io`].
    pub fn send_close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.connection.close(code, reason)?;
        self.flush()
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], of kind `TimedOut` when a deadline has passed.
    pub fn flush(&mut self) -> Result<(), Error> {
        while self.write_all(None)? == Written::Some {
            self.wait_stuck()?;
        }
        Ok(())
    }

    /// Sets how long [`recv`](Self::recv) may wait for a message, [`recv_with`](Self::recv_with)
    /// for an event and [`close`](Self::close) for the end, whatever else arrives; `None` is
    /// without end. Then they return [`Error::Io`] of kind `TimedOut`, and can be called again.
    /// Works where the transport can bound its reads. Default `None`.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// Takes the socket apart.
    ///
    /// Nothing is lost: what was read and not delivered is in the [`ReceiveBuf`], what was not
    /// written in the [`Connection`].
    pub fn into_parts(self) -> (S, Connection, ReceiveBuf) {
        (self.stream, self.connection, self.input)
    }

    /// Returns the connection, to command it directly: what it queues leaves as by
    /// [`feed`](Self::feed). Its events are to be left to [`recv_with`](Self::recv_with).
    pub const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Returns the connection.
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the stream. Whoever reads from it or writes to it breaks the connection.
    pub const fn stream(&self) -> &S {
        &self.stream
    }

    /// Returns the WHATWG `readyState`; see [`Connection::ready_state`].
    pub fn ready_state(&self) -> ReadyState {
        self.connection.ready_state()
    }

    /// Returns the WHATWG `bufferedAmount`; see [`Connection::buffered_amount`].
    pub fn buffered_amount(&self) -> usize {
        self.connection.buffered_amount()
    }

    /// Returns the subprotocol in use, or an empty string.
    pub fn protocol(&self) -> &str {
        self.connection.protocol()
    }

    /// Returns how the connection ended; see [`Connection::closed`].
    pub fn closed(&self) -> Option<&Closed> {
        self.connection.closed()
    }
}
