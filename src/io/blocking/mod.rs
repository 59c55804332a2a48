//! The blocking adapter: a WebSocket over anything that is `Read + Write`.
//!
//! ```no_run
//! use sanswire::io::blocking::WebSocket;
//!
//! let mut socket = WebSocket::connect("ws://localhost:9001/chat")?;
//! socket.send("hello")?;
//! while let Some(message) = socket.recv()? {
//!     println!("{message:?}");
//! }
//! # Ok::<(), sanswire::Error>(())
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
//! handshake, until the peer's Close frame comes. When a read ends with
//! `WouldBlock` or `TimedOut`, the call returns [`Timeout::Stream`](super::Timeout). It loses
//! nothing, and can be made again. A write that ends so is made again by the call itself, and a
//! handshake goes on until its own deadline.
//!
//! A stream that takes bounds and does not wait all the same is non-blocking: set it to be
//! blocking. It works, but is looked at only 50 times a second.
//!
//! # Threads
//!
//! One thread reads and writes. Two [`WebSocket`]s over one socket (`try_clone` and
//! [`from_driver`](WebSocket::from_driver)) would be two state machines of which each sees a part
//! of the stream, and would write into the middle of each other's frames. To send what other
//! threads have to say, set a read timeout and look at a channel whenever it passes, or use the
//! halves of the tokio adapter.

mod clock;
mod opening;
mod turns;

use core::time::Duration;

use self::clock::{Clock, NEVER};
use super::{Error, Transport, failure::Failure, is_message, once};
use crate::close::{CloseCode, Closed};
use crate::connection::{Commands, Connection, Event, ReadyState};
use crate::driver::Driver;
use crate::handshake::Response;
use crate::message::{Message, MessageKind, Outgoing};

/// A WebSocket over a blocking transport.
///
/// A loop around a [`Driver`]. What is sent by [`send`](Self::send) has left when it returns. What
/// is [fed](Self::feed), and what the connection answers by itself, leaves before
/// [`recv`](Self::recv) blocks: many replies in one write.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use std::thread;
///
/// use sanswire::Config;
/// use sanswire::io::blocking::WebSocket;
/// use sanswire::handshake::ClientRequest;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let server = thread::spawn(move || {
///     let mut socket = WebSocket::accept(listener.accept()?.0, &Config::default())?;
///     while let Some(message) = socket.recv()? {
///         socket.feed(message)?;
///     }
///     Ok::<_, sanswire::Error>(())
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
    driver: Driver,
    clock: Clock,
    /// How long a call may wait for the peer.
    read_timeout: Option<Duration>,
    failure: Failure,
}

impl<S: Transport> WebSocket<S> {
    /// Waits for the next message. Returns `None` when the connection has been closed, at once and
    /// again on later calls: [`closed`](Self::closed) says by whom and why, [`Closed::check`] makes
    /// an error of a close that was not normal. Then drop the socket;
    /// see [The end](super#the-end).
    ///
    /// Pings are answered on the way, and events that are no messages are passed over. For
    /// [`Event::Writable`], and with
    /// [`Reassembly::Chunks`](crate::Reassembly), where there are no whole messages, use
    /// [`recv_with`](Self::recv_with).
    ///
    /// # Errors
    ///
    /// [`Error::Connection`], [`Error::Io`], and [`Error::Timeout`] after
    /// [`set_read_timeout`](Self::set_read_timeout). Everything that arrived before has been delivered.
    /// When the peer leaves without a Close frame, the error is
    /// [`UnexpectedEof`](crate::ConnectionError::UnexpectedEof), and [`closed`](Self::closed) has
    /// the code 1006.
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.recv_until(is_message, |event, _| event.into_message())
    }

    /// Waits for the next event and lends it to `take`, with the commands to answer it by;
    /// `None` behind [`Event::Closed`].
    ///
    /// Nothing is copied. What `take` sends leaves before a later call blocks, or by
    /// [`flush`](Self::flush).
    ///
    /// ```
    /// use sanswire::io::Plain;
    /// use sanswire::io::blocking::WebSocket;
    /// use sanswire::{Config, Connection, Event};
    ///
    /// # let stream = std::io::Cursor::new(Vec::new());
    /// let mut connection = Connection::server(&Config::default());
    /// connection.input().extend_from_slice(b"\x81\x85\0\0\0\0Hello");
    /// let mut socket = WebSocket::from_driver(Plain(stream), connection);
    /// let echoed = socket.recv_with(|event, commands| match event {
    ///     Event::Text(text) => commands.send(text),
    ///     _ => Ok(()),
    /// })?;
    /// assert_eq!(echoed, Some(Ok(())));
    /// # Ok::<(), sanswire::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_with<T>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> T,
    ) -> Result<Option<T>, Error> {
        self.recv_until(|_| true, once(take))
    }

    /// Lends all events to `handle` until the connection ends, with the commands to answer them by.
    ///
    /// What `handle` sends in answer to everything that arrived together leaves in one write: the
    /// quickest way to serve many small messages.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn run(
        &mut self,
        mut handle: impl FnMut(Event<'_>, &mut Commands<'_>),
    ) -> Result<(), Error> {
        while self.recv_with(&mut handle)?.is_some() {}
        Ok(())
    }

    /// Sends a message: it has left when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] when the message was refused, with the message if it was given by value: it
    /// may be sent again. [`Error::Timeout`] when it was queued and could not be written before a
    /// deadline passed, [`Error::Io`] when not at all: do not send it again. [`Error::Discarded`] when it was queued,
    /// or another message before it, and the end of the connection cut it off. When the peer broke off,
    /// [`recv`](Self::recv) still delivers what it sent before, and may know why.
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        self.feed(message)?;
        self.flush()
    }

    /// Queues a message, which leaves before [`recv`](Self::recv) blocks or by
    /// [`flush`](Self::flush).
    ///
    /// While the output is full, it writes what the stream takes. When that has taken nothing for
    /// 50 ms, it does what [`Config::when_full`](crate::Config::when_full) says: it blocks longer
    /// only with [`WhenFull::Refuse`](crate::WhenFull).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] when the message was refused, with the message if it was given by value:
    /// with [`SendError::Full`](crate::SendError) when a deadline passed before there was room for it, with
    /// [`SendError::Closed`](crate::SendError) when nothing can be written any more.
    pub fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mut message = message.into();
        while !self.driver.feed(&mut message)? {
            // The driver knows what is to become of the message when this fails.
            let _ = self.push(NEVER);
        }
        Ok(())
    }

    /// Queues a message if there is room for it, and gives it back at once if there is not. It
    /// leaves as by [`feed`](Self::feed).
    ///
    /// That is the way to send to many of whom some are slow. [`Event::Writable`] says when there is
    /// room again. It writes nothing, so [`Config::when_full`](crate::Config::when_full) does not
    /// apply: a peer that reads would seem to be slow. [`feed`](Self::feed) writes first.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] gives the message back if it was given by value, with [`SendError::Full`](crate::SendError)
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

    /// Sends the next part of a message, as a fragment of its own: it has left when this returns.
    ///
    /// # Errors
    ///
    /// As [`Commands::send_chunk`], and as [`flush`](Self::flush).
    pub fn send_chunk(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|commands| commands.send_chunk(payload))?;
        self.flush()
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// As [`Commands::finish`], and as [`flush`](Self::flush).
    pub fn finish(&mut self) -> Result<(), Error> {
        self.queue(|commands| commands.finish())?;
        self.flush()
    }

    /// Sends a Ping with up to 125 bytes (§5.5.2).
    ///
    /// # Errors
    ///
    /// As [`Commands::ping`], and as [`flush`](Self::flush).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|commands| commands.ping(payload))?;
        self.flush()
    }

    /// Sends a Pong with up to 125 bytes (§5.5.3). Pings are answered without it.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|commands| commands.pong(payload))?;
        self.flush()
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
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.commands().close(code, reason)?;
        self.recv_until(|_| false, |_, _| ())?;
        self.driver.check_end().map_err(Error::from)
    }

    /// Begins to close the connection: sends a Close frame and does not wait.
    ///
    /// Call [`recv`](Self::recv) until it returns `None`. With
    /// [`AfterClose::Deliver`](crate::AfterClose) it delivers the messages that are under way.
    ///
    /// # Errors
    ///
    /// As [`Commands::close`], and as [`flush`](Self::flush).
    pub fn send_close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.commands().close(code, reason)?;
        self.flush()
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], or [`Error::Timeout`] when a deadline has passed. [`Error::Discarded`], once, when
    /// something that was queued before is never sent.
    pub fn flush(&mut self) -> Result<(), Error> {
        while !self.driver.poll_written()? {
            self.push(NEVER)?;
        }
        Ok(())
    }

    /// Sets how long [`recv`](Self::recv) may wait for a message, [`recv_with`](Self::recv_with)
    /// for an event and [`close`](Self::close) for the end, whatever else arrives; `None` is
    /// without end. Then they return [`Timeout::Read`](super::Timeout), and can be called again.
    /// Works where the transport can bound its reads. Default `None`.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// Takes the socket apart: nothing is lost of what was read and not delivered, or not written.
    /// [`from_driver`](Self::from_driver) goes on with it.
    pub fn into_parts(mut self) -> (S, Driver) {
        self.driver.handle_pause(self.clock.now());
        (self.stream, self.driver)
    }

    /// Returns the commands of the connection. What they queue leaves as by [`feed`](Self::feed).
    #[inline]
    pub fn commands(&mut self) -> Commands<'_> {
        self.driver.commands()
    }

    /// Returns the connection.
    pub fn connection(&self) -> &Connection {
        self.driver.connection()
    }

    /// Returns the stream. Reading from it or writing to it breaks the connection.
    pub const fn stream(&self) -> &S {
        &self.stream
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
        self.driver.response()
    }

    /// Returns how the connection ended; see [`Connection::closed`].
    pub fn closed(&self) -> Option<Closed> {
        self.connection().closed()
    }
}
