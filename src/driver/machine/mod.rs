//! The driver itself: its state, where it comes from, and what the application asks of it.

mod events;
mod transfer;
mod transport;

use alloc::boxed::Box;

use self::events::CREDIT;
pub use self::events::Next;
pub use self::transfer::Transfer;
pub use self::transport::Write;
use super::ending::{Ending, Outcome};
use super::error::DriverError;
use super::opening::{Accepting, Connecting, Opening};
use super::reads::Reads;
use crate::close::CloseCode;
use crate::connection::{Commands, Config, Connection, Discarded, Refused, WhenFull, check_close};
use crate::error::SendError;
use crate::handshake::{Acceptance, ClientRequest, HandshakeError, HeadLimits, Request, Response};
use crate::message::Outgoing;
use crate::timestamp::Timestamp;

/// A WebSocket from its first byte to its last, over a transport that the caller holds.
///
/// See the [module](super) for the questions to ask it, and for the order of a loop.
///
/// ```text
///  Accepting ──accept──▶ Open ──Close frames, an error──▶ Ending ──transport done──▶ Over
///      │                   ▲                                ▲
///  Connecting ──response───┘                                │
///      └──reject, a bad request or response, a deadline─────┘
/// ```
///
/// ```
/// use bytes::Buf;
/// use core::time::Duration;
/// use sanswire::Config;
/// use sanswire::driver::{Driver, Next, Write};
/// use sanswire::handshake::Acceptance;
///
/// let mut driver = Driver::server(&Config::default());
///
/// // Read to where it says, then tell it how much, and when.
/// let mut input = driver.want_read().unwrap();
/// input.extend_from_slice(
///     b"GET /chat HTTP/1.1\r\n\
///       Host: server.example.com\r\n\
///       Upgrade: websocket\r\n\
///       Connection: Upgrade\r\n\
///       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
///       Sec-WebSocket-Version: 13\r\n\
///       \r\n",
/// );
/// let len = input.len();
/// driver.handle_read(len, Duration::from_millis(1));
///
/// if let Next::Request(request) = driver.poll_event()? {
///     driver.accept(&request, &Acceptance::new())?;
/// }
/// driver.commands().send("welcome")?;
///
/// // Write what it says, then tell it how much.
/// if let Some(Write::Bytes(output)) = driver.want_write() {
///     assert!(output.chunk().starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
///     let len = output.chunk().len();
///     driver.handle_written(len);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Its policies are the same for every transport:
///
/// - **Back-pressure.** While the answers to events fill the output, no more events are delivered.
///   What the application sends at other times does not count: two peers that stop reading while
///   they have something to send would wait for each other.
/// - **Reading ahead.** While the application takes no events, or the peer does not read, up to
///   64 KiB are read. So a peer that waits for its data to be read goes on, and is known to live.
/// - **The end.** What the peer sent before it broke off is delivered. Then the output is written
///   and the sending side shut down. At this point [`Closed`](crate::Event::Closed) is reported: the
///   peer has been told everything, and the transport may be dropped.
/// - **Lingering.** After that, input is read and thrown away until the peer is done, for 5 s and
///   32 MiB at most: otherwise TCP would answer it with a reset, which destroys a last Close frame
///   or HTTP answer that the peer has not read. Only then is [`Next::Over`] reported, or the error
///   of a connection that failed, whose peer is likely to go on sending. All of it, from the first
///   Close frame on, takes [`Config::close_timeout`] at most, whatever the peer does.
/// - **Fairness.** After 256 messages, or as many KiB processed or delivered, [`Next::Yield`] lets
///   others run, also in the middle of a message.
#[derive(Debug)]
pub struct Driver {
    /// Until the connection is open.
    opening: Option<Box<Opening>>,
    /// What opened a client's connection.
    response: Option<Box<Response>>,
    connection: Connection,
    ending: Option<Box<Ending>>,
    /// How much may be done before others get a turn: messages, and KiB that are processed.
    credit: i32,
    reads: Reads,
    /// What [`Self::want_write`] has asked for last.
    asked: Asked,
    writing: Writing,
    answers: Answers,
    pressure: Pressure,
    /// Whether the transport may keep bytes to itself that it was given.
    is_unflushed: bool,
    /// Whether the transport delivers nothing more.
    is_eof: bool,
    /// Whether there is no event until the transport has moved, or the time.
    is_quiet: bool,
    /// Whether a read is under way, in memory that was taken.
    is_read_away: bool,
    /// Whether a write is under way, of what was taken.
    is_write_away: bool,
    /// Whether a deadline has passed that [`Self::poll_event`] has not judged yet.
    is_overdue: bool,
}

/// What was asked of the sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Bytes,
    Flush,
    Nothing,
    Shutdown,
}

/// Whether anything can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Broken,
    Open,
    Shut,
}

/// What to do with a message for which there is no room, from [`Driver::handle_stuck`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a loop has to know all there is to do")]
pub enum Stuck {
    /// [Feed](Driver::feed) it again at once: [`WhenFull`] is applied.
    Feed,
    /// Wait for the transport, then feed it again.
    Wait,
    /// Let other tasks run, one of which may be the peer, try to write, then feed it again.
    Yield,
}

/// How long the transport has taken nothing while a message waits for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pressure {
    None,
    /// Others were let run.
    Some,
    /// And it still took nothing: what is to happen happens to the next message.
    Full,
}

/// What the answers to events have to do with the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    /// They have filled it: no events until it is written.
    Full,
    /// Some may have been queued since the last look, when there was room.
    Maybe,
    None,
}

impl Driver {
    /// Creates a server's end that waits for a request.
    #[must_use]
    pub fn server(config: &Config) -> Self {
        Self::server_with(&HeadLimits::default(), config)
    }

    /// As [`server`](Self::server), with other limits for the request.
    #[must_use]
    pub fn server_with(limits: &HeadLimits, config: &Config) -> Self {
        let opening = Opening::Accepting(Accepting::new(limits));
        Self::new(Some(Box::new(opening)), Connection::connecting(config, None))
    }

    /// Creates a client's end, with `request` ready to be written.
    ///
    /// `nonce` and `seed` must come from the operating system's entropy and be used once: §4.1
    /// wants the nonce random, and the masking keys of §5.3 are expanded from the seed.
    #[must_use]
    pub fn client(
        request: &ClientRequest,
        config: &Config,
        nonce: [u8; 16],
        seed: [u8; 32],
    ) -> Self {
        let opening = Opening::Connecting(Connecting::new(request, nonce));
        Self::new(Some(Box::new(opening)), Connection::connecting(config, Some(seed)))
    }

    fn new(opening: Option<Box<Opening>>, connection: Connection) -> Self {
        Self {
            opening,
            response: None,
            connection,
            ending: None,
            credit: CREDIT,
            reads: Reads::default(),
            asked: Asked::Nothing,
            writing: Writing::Open,
            answers: Answers::None,
            pressure: Pressure::None,
            // The transport may have been used before.
            is_unflushed: true,
            is_eof: false,
            is_quiet: false,
            is_read_away: false,
            is_write_away: false,
            is_overdue: false,
        }
    }

    /// Accepts `request`, from [`Next::Request`]: queues the response, and opens the connection.
    ///
    /// # Errors
    ///
    /// The request is at fault, or `acceptance` chooses what was not offered. The client is answered
    /// with the error's status; go on until [`poll_event`](Self::poll_event) returns the error.
    /// [`HandshakeError::OutOfOrder`] when no request waits for an answer: nothing changed.
    pub fn accept(
        &mut self,
        request: &Request,
        acceptance: &Acceptance,
    ) -> Result<(), HandshakeError> {
        let Some(accepting) = Self::accepting(&mut self.opening, &self.ending) else {
            return Err(HandshakeError::OutOfOrder);
        };
        match accepting.accept(request, acceptance, &mut self.connection) {
            Ok(()) => self.opening = None,
            Err(error) if !accepting.is_refused() => return Err(error),
            Err(error) => {
                self.end_opening(error.clone());
                self.is_quiet = false;
                return Err(error);
            }
        }
        self.is_quiet = false;
        Ok(())
    }

    /// Answers a request with `response` instead of accepting it, also before it is complete. Go on
    /// until [`poll_event`](Self::poll_event) returns [`DriverError::Rejected`].
    ///
    /// # Errors
    ///
    /// [`HandshakeError::InvalidStatus`] for a status below 200 or above 599: the client is
    /// answered with 500, and [`poll_event`](Self::poll_event) returns the error.
    /// [`HandshakeError::OutOfOrder`] when an answer was given already: nothing changed.
    pub fn reject(&mut self, response: &Response) -> Result<(), HandshakeError> {
        let Some(accepting) = Self::accepting(&mut self.opening, &self.ending) else {
            return Err(HandshakeError::OutOfOrder);
        };
        let rejected = accepting.reject(response);
        let error = match &rejected {
            Ok(()) => DriverError::Rejected { status: response.status() },
            Err(error) if accepting.is_refused() => DriverError::from(error.clone()),
            Err(_) => return rejected,
        };
        self.end(Outcome::Failed(error));
        self.is_quiet = false;
        rejected
    }

    /// Returns the handshake of a server that has not been answered.
    fn accepting<'a>(
        opening: &'a mut Option<Box<Opening>>,
        ending: &Option<Box<Ending>>,
    ) -> Option<&'a mut Accepting> {
        match opening.as_deref_mut()? {
            Opening::Accepting(accepting) if ending.is_none() => Some(accepting),
            Opening::Accepting(_) | Opening::Connecting(_) => None,
        }
    }

    /// Begins a graceful shutdown, in any state: closes an open connection with `code` (usual for
    /// servers are 1001 "going away" and 1012 "service restart"), answers a request with 503, or
    /// gives up an attempt to connect.
    ///
    /// Go on as before until [`Next::Over`] or an error, which takes
    /// [`Config::close_timeout`](crate::Config::close_timeout) at most.
    ///
    /// # Errors
    ///
    /// As [`Commands::close`].
    pub fn shut_down(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), SendError> {
        let code = code.into();
        check_close(self.connection.role(), code, reason)?;
        self.commands().close(code, reason)?;
        match self.opening.as_deref() {
            Some(Opening::Accepting(_)) => {
                // One that has been answered is at its end already.
                let _ = self.reject(&Response::new(503));
            }
            Some(Opening::Connecting(_)) if self.ending.is_none() => {
                self.end_opening(HandshakeError::ShutDown);
            }
            Some(Opening::Connecting(_)) | None => {}
        }
        self.is_quiet = false;
        Ok(())
    }

    /// Returns the commands of the connection, to send something that answers no event. Before it is
    /// open they are refused with [`SendError::Connecting`].
    #[inline]
    pub fn commands(&mut self) -> Commands<'_> {
        // Or what the application sends now would count as an answer.
        self.judge_answers();
        self.connection.commands()
    }

    /// Queues a message for a loop that can write, and returns whether it was queued. If not there is
    /// no room: [write](Self::want_write) what the transport takes, and feed it again.
    ///
    /// [`Config::when_full`] is applied only when the transport takes nothing more: call
    /// [`handle_stuck`](Self::handle_stuck) then. A message that is refused is no longer in
    /// `message` but in the error, if it was given by value.
    ///
    /// # Errors
    ///
    /// As [`Commands::send`]; also [`SendError::Closed`] when the output is full and nothing can be
    /// written any more, and [`SendError::Full`] when a deadline has passed before there was room.
    pub fn feed(&mut self, message: &mut Outgoing<'_>) -> Result<bool, Refused> {
        let sent = match self.pressure {
            Pressure::None | Pressure::Some => self.commands().try_send(message.offer()),
            Pressure::Full => {
                self.pressure = Pressure::None;
                self.commands().send(message.offer())
            }
        };
        let Err(mut refused) = sent else { return Ok(true) };
        let SendError::Full { .. } = refused.error else { return Err(refused) };
        if self.is_broken() {
            refused.error = SendError::Closed;
        }
        if self.is_broken() || self.is_overdue() || self.is_over() {
            return Err(refused);
        }
        message.put_back(refused.message);
        Ok(false)
    }

    /// Says that the transport takes nothing more now, while a message waits for room, and returns
    /// what to do with the message.
    pub fn handle_stuck(&mut self) -> Stuck {
        if self.commands().when_full() == WhenFull::Refuse {
            return Stuck::Wait;
        }
        let (pressure, stuck) = match self.pressure {
            Pressure::None => (Pressure::Some, Stuck::Yield),
            Pressure::Some | Pressure::Full => (Pressure::Full, Stuck::Feed),
        };
        self.pressure = pressure;
        stuck
    }

    /// Returns the connection, to ask it things: its
    /// [`ready_state`](Connection::ready_state) is "connecting" before it is open.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the response by which the server opened the connection, with its headers, such as the
    /// cookie of a load balancer. `None` for a server's end, before the connection is open, and for a
    /// driver that was made of a [`Connection`].
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        self.response.as_deref()
    }

    /// Takes the connection out, with what it has received and not written; `None` before it is
    /// open.
    #[must_use]
    pub fn into_connection(self) -> Option<Connection> {
        self.opening.is_none().then_some(self.connection)
    }

    /// Returns the time that the driver was told last. When another loop takes the driver over, its
    /// clock must go on from here.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.connection.now()
    }

    /// Gives back memory that is not in use. Worth calling before a wait.
    pub fn release_memory(&mut self) {
        self.connection.release_memory();
    }

    /// Returns whether [`poll_event`](Self::poll_event) may have something else to say than
    /// [`Next::Wait`].
    #[must_use]
    pub fn has_event(&self) -> bool {
        if let Some(ending) = &self.ending {
            return self.is_done() || ending.has_closed() && self.is_peer_told();
        }
        self.is_overdue || self.connection.has_own_event() || !self.is_quiet && !self.is_gated()
    }

    /// Returns whether everything that was sent has been handed to the transport and flushed: what
    /// an adapter waits for before it says so.
    ///
    /// # Errors
    ///
    /// Messages were accepted and are never sent, or not whole. Reported once.
    pub fn poll_written(&mut self) -> Result<bool, Discarded> {
        self.connection.poll_discarded().map_or_else(|| Ok(self.is_written()), Err)
    }

    /// Returns an error if messages were accepted and did not leave: what an adapter asks behind the
    /// end, before it reports the success of a close.
    ///
    /// # Errors
    ///
    /// As [`poll_written`](Self::poll_written); also, at each call, messages of which not everything
    /// was written.
    pub fn check_end(&mut self) -> Result<(), Discarded> {
        self.connection.poll_discarded_at_end().map_or(Ok(()), Err)
    }

    /// Returns whether nothing waits to be written or to be flushed. What was discarded does not
    /// wait: [`poll_written`](Self::poll_written) knows.
    #[must_use]
    pub fn is_written(&self) -> bool {
        !self.has_output() && !self.is_unflushed
    }

    /// Returns whether nothing more can be written, although the connection is not over.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        matches!(self.writing, Writing::Broken)
    }

    /// Returns whether a deadline has passed that [`poll_event`](Self::poll_event) is to report.
    #[must_use]
    pub const fn is_overdue(&self) -> bool {
        self.is_overdue
    }

    /// Returns whether the transport is done: [`poll_event`](Self::poll_event) only reports the end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_done()
    }

    /// Returns whether [`Closed`](crate::Event::Closed) has been reported, and the transport is only
    /// waited for. It may be dropped; a peer that still sends is better read until [`Next::Over`].
    #[must_use]
    pub fn is_lingering(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.is_closed_told()) && !self.is_done()
    }

    /// Returns whether the end has begun: no more messages arrive or leave, and errors of the
    /// transport do not matter.
    #[must_use]
    pub const fn is_ending(&self) -> bool {
        self.ending.is_some()
    }
}

/// Goes on with a connection that is open already, such as one that another HTTP stack has opened:
/// with what it has received and not processed, what it has not written, and its time.
impl From<Connection> for Driver {
    fn from(connection: Connection) -> Self {
        Self::new(None, connection)
    }
}
