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
//! [When bytes leave](super#when-bytes-leave) is the same for all adapters.
//!
//! # Timeouts
//!
//! Deadlines and heartbeats are those of the [`Config`](crate::Config). They work if the transport
//! can limit how long it blocks, as sockets can ([`Transport::set_read_timeout`]). The WebSocket
//! sets these timeouts itself and overwrites any others. To limit how long
//! [`recv`](WebSocket::recv) waits, use [`WebSocket::set_read_timeout`]. The clock of a connection
//! runs only while a call waits: a socket that no call is waiting on sends no Pings.
//!
//! On other transports, a read blocks for as long as the peer is silent, also during the closing
//! handshake. If a read ends with `WouldBlock` or `TimedOut`, the call returns
//! [`Timeout::Stream`](super::Timeout); nothing is lost, and the call can be repeated. The
//! WebSocket itself repeats a
//! write that ends so, and a handshake until its own deadline.
//!
//! Set a non-blocking stream to blocking before use. Otherwise it works slowly: it is tried only 50
//! times a second.
//!
//! # Threads
//!
//! To send and to receive in several threads, enable the feature `split` and
//! [split](WebSocket::split) the socket: the [`Receiver`] waits in one thread, and clones of the
//! [`Sender`] send from others. Neither holds the other up, over TLS as over TCP: a peer that does
//! not read stops the senders, and the receiver goes on. The stream must be a socket of the system,
//! which can be waited for without reading.
//!
//! Do not make two [`WebSocket`]s from one socket by `try_clone` and
//! [`from_driver`](WebSocket::from_driver): each would see only a part of the stream, and their
//! frames would be mixed. Over any stream, and without the feature, one thread both reads and
//! writes. To send messages of other threads, it sets a read timeout and checks a channel each time
//! it passes:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use sanswire::Error;
//! use sanswire::io::blocking::WebSocket;
//!
//! let (queue, messages) = std::sync::mpsc::channel::<String>();
//! // … give clones of `queue` to other threads …
//! let mut socket = WebSocket::connect("ws://localhost:9001/chat")?;
//! socket.set_read_timeout(Some(Duration::from_millis(100)));
//! loop {
//!     for message in messages.try_iter() {
//!         socket.send(message)?;
//!     }
//!     match socket.recv() {
//!         Ok(Some(message)) => println!("{message:?}"),
//!         Ok(None) => break,
//!         Err(Error::Timeout(_)) => {}
//!         Err(error) => return Err(error),
//!     }
//! }
//! # Ok::<(), Error>(())
//! ```

mod clock;
mod connecting;
#[cfg(feature = "split")]
mod halves;
mod net_stream;
mod opening;
#[cfg(feature = "rustls")]
mod tls;
mod turns;

use core::time::Duration;

use self::clock::{Clock, NEVER};
use super::{Error, Transport, failure::Failure, is_message, once};
use crate::close::{CloseCode, Closed};
use crate::connection::{Commands, Connection, Event, ReadyState};
use crate::driver::Driver;
use crate::handshake::Response;
use crate::message::{Message, MessageKind, Outgoing};
#[cfg(feature = "split")]
pub use halves::{Receiver, ReuniteError, Sender};
pub use net_stream::NetStream;
#[cfg(feature = "rustls")]
pub use tls::TlsStream;

/// A WebSocket over a blocking transport.
///
/// [`send`](Self::send) returns when the message has been written. Messages that are
/// [fed](Self::feed), and the answers of the connection itself, leave before [`recv`](Self::recv)
/// blocks: many replies in one write.
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
    /// Waits for the next message. Returns `None` when the connection has been closed, and again on
    /// later calls.
    ///
    /// [`closed`](Self::closed) says who closed it and why; [`Closed::check`] turns an abnormal
    /// close into an error. After `None`, drop the socket ([The end](super#the-end)).
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
    /// the code 1006. If the time of [`set_read_timeout`](Self::set_read_timeout) passes, the error
    /// is [`Error::Timeout`], and the call can be repeated.
    #[doc(alias = "read")]
    #[doc(alias = "receive")]
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.recv_until(is_message, |event, _| event.into_message())
    }

    /// Waits for the next event and lends it to `take`, together with the [`Commands`] to answer
    /// it. Returns `None` after [`Event::Closed`].
    ///
    /// Nothing is copied. Messages that `take` sends are queued; they leave before a later call
    /// blocks, or by [`flush`](Self::flush).
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
    /// Those of [`recv`](Self::recv).
    pub fn recv_with<T>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> T,
    ) -> Result<Option<T>, Error> {
        self.recv_until(|_| true, once(take))
    }

    /// Lends all events to `handle` until the connection ends, together with the [`Commands`] to
    /// answer them.
    ///
    /// This is the fastest way to serve many small messages: the answers to everything that arrived
    /// together leave in one write.
    ///
    /// ```no_run
    /// # fn serve(stream: std::net::TcpStream) -> Result<(), sanswire::Error> {
    /// use sanswire::io::blocking::WebSocket;
    /// use sanswire::{Config, Event};
    ///
    /// let mut socket = WebSocket::accept(stream, &Config::default())?;
    /// socket.run(|event, commands| {
    ///     let sent = match event {
    ///         Event::Text(text) => commands.send(text),
    ///         Event::Binary(payload) => commands.send(payload),
    ///         _ => Ok(()),
    ///     };
    ///     if let Err(refused) = sent {
    ///         eprintln!("not sent back: {refused}"); // Such as: the connection is closing.
    ///     }
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    pub fn run(
        &mut self,
        mut handle: impl FnMut(Event<'_>, &mut Commands<'_>),
    ) -> Result<(), Error> {
        while self.recv_with(&mut handle)?.is_some() {}
        Ok(())
    }

    /// Sends a message. It has been written when this returns.
    ///
    /// [`Outgoing`] lists what can be a message: `&str`, `String`, `&[u8]`, `Vec<u8>`, [`Message`]
    /// and others.
    ///
    /// # Errors
    ///
    /// - [`Error::Send`]: the message was refused. The error contains it if it was passed by value;
    ///   it may be sent again.
    /// - [`Error::Timeout`] or [`Error::Io`]: the message was queued and could not be written
    ///   before a deadline, or at all. Do not send it again.
    /// - [`Error::Discarded`]: this message or an earlier one was queued, and the connection ended
    ///   before it was written. With [`WhenFull::DropOldest`](crate::WhenFull::DropOldest) it also
    ///   means that messages were dropped, perhaps others than this one, and the connection goes on.
    ///
    /// If the peer broke off, [`recv`](Self::recv) still delivers what the peer sent before, and
    /// may report the cause.
    #[doc(alias = "write")]
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        self.feed(message)?;
        self.flush()
    }

    /// Queues a message. It leaves before [`recv`](Self::recv) blocks, or by
    /// [`flush`](Self::flush).
    ///
    /// While the output is full, it writes. If the stream takes nothing for 50 ms, it does what
    /// [`Config::when_full`](crate::Config::when_full) says; only with
    /// [`WhenFull::Refuse`](crate::WhenFull), the default, does it block longer.
    ///
    /// # Errors
    ///
    /// [`Error::Send`]: the message was refused. The error contains it if it was passed by value.
    /// The reason is [`SendError::Full`](crate::SendError) when a deadline passed before there was
    /// room, and [`SendError::Closed`](crate::SendError) when nothing can be written any more.
    pub fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mut message = message.into();
        while !self.driver.feed(&mut message)? {
            // The driver knows what is to become of the message when this fails.
            let _ = self.push(NEVER);
        }
        Ok(())
    }

    /// Queues a message if there is room for it, and never blocks. It leaves as by
    /// [`feed`](Self::feed).
    ///
    /// Use it to send to many peers of which some are slow. [`Event::Writable`] says when there is
    /// room again. `try_send` does not write, so [`Config::when_full`](crate::Config::when_full)
    /// does not apply: otherwise a peer that reads would look slow.
    ///
    /// # Errors
    ///
    /// [`Error::Send`]: the message was refused, with [`SendError::Full`](crate::SendError) if
    /// there is no room. The error contains the message if it was passed by value.
    #[doc(alias = "backpressure")]
    pub fn try_send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        Ok(self.commands().try_send(message)?)
    }

    /// Begins a message that is sent in parts by [`send_chunk`](Self::send_chunk) and
    /// [`finish`](Self::finish).
    ///
    /// ```no_run
    /// # fn upload(mut file: impl std::io::Read) -> Result<(), sanswire::Error> {
    /// use sanswire::MessageKind;
    /// use sanswire::io::blocking::WebSocket;
    ///
    /// let mut socket = WebSocket::connect("ws://localhost:9001/upload")?;
    /// let mut part = [0; 16 << 10];
    /// socket.begin(MessageKind::Binary)?;
    /// loop {
    ///     match file.read(&mut part)? {
    ///         0 => break,
    ///         len => socket.send_chunk(&part[..len])?,
    ///     }
    /// }
    /// socket.finish()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::begin`] lists.
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), Error> {
        Ok(self.commands().begin(kind)?)
    }

    /// Sends the next part of a message as a fragment. It has been written when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::send_chunk`] lists, and the errors of
    /// [`flush`](Self::flush).
    pub fn send_chunk(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|commands| commands.send_chunk(payload))?;
        self.flush()
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::finish`] lists, and the errors of
    /// [`flush`](Self::flush).
    pub fn finish(&mut self) -> Result<(), Error> {
        self.queue(|commands| commands.finish())?;
        self.flush()
    }

    /// Sends a Ping with a payload of up to 125 bytes (§5.5.2). Heartbeats are sent without it: see
    /// [`Config::ping_interval`](crate::Config::ping_interval).
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::ping`] lists, and the errors of
    /// [`flush`](Self::flush).
    #[doc(alias = "heartbeat")]
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|commands| commands.ping(payload))?;
        self.flush()
    }

    /// Sends an unsolicited Pong with a payload of up to 125 bytes (§5.5.3). The connection itself
    /// answers Pings.
    ///
    /// # Errors
    ///
    /// Those of [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|commands| commands.pong(payload))?;
        self.flush()
    }

    /// Closes the connection: sends a Close frame after all queued messages, and waits for the
    /// peer's Close frame.
    ///
    /// It waits for [`Config::close_timeout`](crate::Config::close_timeout) at most, whatever the
    /// peer sends. Messages that arrive meanwhile are dropped. Use code 1000 for a normal close;
    /// [`CloseCode`] lists the others. A code that this end may not send is
    /// [replaced](CloseCode::as_sent_by): for example, 1006 sends 1001.
    ///
    /// # Errors
    ///
    /// - [`Error::Send`]: the code is not valid and has no replacement (below 1000, 1004, 1016 to
    ///   2999, above 4999), or the reason is longer than 123 bytes.
    /// - [`Error::Discarded`]: the peer's Close came before all queued messages were written, or
    ///   some were [dropped](crate::WhenFull::DropOldest). The connection is closed all the same.
    /// - Otherwise those of [`recv`](Self::recv).
    #[doc(alias = "shutdown")]
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.commands().close(code, reason)?;
        self.recv_until(|_| false, |_, _| ())?;
        self.driver.check_end().map_err(Error::from)
    }

    /// Begins to close the connection: sends a Close frame and does not wait for the peer's.
    ///
    /// Then call [`recv`](Self::recv) until it returns `None`. With
    /// [`AfterClose::Deliver`](crate::AfterClose), it delivers the messages that are still
    /// arriving.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::close`] lists, and the errors of
    /// [`flush`](Self::flush).
    pub fn send_close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        self.commands().close(code, reason)?;
        self.flush()
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// - [`Error::Timeout`] if a deadline passed, or [`Error::Io`].
    /// - [`Error::Discarded`], once, if messages that were queued will never be written: the
    ///   connection has ended, or they were [dropped](crate::WhenFull::DropOldest).
    pub fn flush(&mut self) -> Result<(), Error> {
        while !self.driver.poll_written()? {
            self.push(NEVER)?;
        }
        Ok(())
    }

    /// Sets how long [`recv`](Self::recv) waits for a message, [`recv_with`](Self::recv_with) for
    /// an event, and [`close`](Self::close) for the end.
    ///
    /// When the time is over, they return [`Timeout::Read`](super::Timeout) and can be called
    /// again.
    /// Other traffic does not extend the time. `None`, the default, sets no limit. It works if the
    /// transport can limit its reads.
    #[doc(alias = "timeout")]
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// Returns the stream and the driver. The driver holds everything that was read and not
    /// delivered, or queued and not written; [`from_driver`](Self::from_driver) continues with
    /// both.
    pub fn into_parts(mut self) -> (S, Driver) {
        self.driver.handle_pause(self.clock.now());
        (self.stream, self.driver)
    }

    /// Returns the commands of the connection. They queue, as [`feed`](Self::feed) does.
    #[inline]
    pub fn commands(&mut self) -> Commands<'_> {
        self.driver.commands()
    }

    /// Returns the connection, for its getters, such as [`Connection::round_trip_time`].
    pub fn connection(&self) -> &Connection {
        self.driver.connection()
    }

    /// Returns the stream, for its options and addresses. Do not read from it or write to it: that
    /// breaks the connection.
    pub const fn stream(&self) -> &S {
        &self.stream
    }

    /// Returns the WHATWG `readyState`: connecting, open, closing or closed.
    #[doc(alias = "readyState")]
    pub fn ready_state(&self) -> ReadyState {
        self.connection().ready_state()
    }

    /// Returns the WHATWG `bufferedAmount`: how many bytes of payload are queued and not written.
    /// See [`Connection::buffered_amount`].
    #[doc(alias = "bufferedAmount")]
    pub fn buffered_amount(&self) -> usize {
        self.connection().buffered_amount()
    }

    /// Returns the negotiated subprotocol, or an empty string.
    #[doc(alias = "subprotocol")]
    pub fn protocol(&self) -> &str {
        self.connection().protocol()
    }

    /// Returns the server's response to the handshake, with its headers, such as a cookie of a load
    /// balancer. `None` on a server.
    pub fn response(&self) -> Option<&Response> {
        self.driver.response()
    }

    /// Returns who closed the connection, with which code and reason. `None` while it is open.
    pub fn closed(&self) -> Option<Closed> {
        self.connection().closed()
    }
}
