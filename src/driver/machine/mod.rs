//! The driver itself: its state, where it comes from, and what the application asks of it.

mod answering;
mod events;
mod transfer;
mod transport;

use alloc::boxed::Box;

use self::events::CREDIT;
pub use self::events::Next;
pub use self::transfer::Transfer;
pub use self::transport::Write;
use super::ending::Ending;
use super::opening::{Accepting, Connecting, Opening};
use super::reads::Reads;
use crate::buffer::SpareBuffers;
use crate::close::CloseCode;
#[cfg(feature = "split")]
use crate::connection::Mark;
use crate::connection::{Commands, Config, Connection, Discarded, Refused, WhenFull, check_close};
use crate::error::SendError;
use crate::handshake::{ClientRequest, HandshakeError, HeadLimits, Response};
use crate::message::Outgoing;
use crate::timestamp::Timestamp;

/// A WebSocket connection over a transport that the caller owns, without I/O.
///
/// The [module's page](super) shows the questions to ask a driver, and the order of a loop.
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
/// A driver has the same policies on every transport:
///
/// - **Back-pressure.** While the answers to events fill the output, no more events are delivered.
///   Messages that answer no event do not count: otherwise two peers that stop reading until they
///   have sent something would wait for each other.
/// - **Reading ahead.** While the application takes no events, or the peer does not read, up to 64
///   KiB are read. So a peer that cannot read until its data is taken makes progress, and Pongs are
///   seen.
/// - **The end.** Everything that the peer sent before it broke off is delivered. Then the output
///   is written and the sending side shut down. At this point [`Closed`](crate::Event::Closed) is
///   reported: the peer has been told everything, and the transport may be dropped.
/// - **Lingering.** After that, input is read and thrown away until the peer is done, for 5 s and
///   32 MiB at most. Otherwise TCP would answer the peer's data with a reset, which destroys a
///   Close frame or HTTP answer that the peer has not read. [`Next::Over`], or the error of a
///   connection that failed, comes only after that. The whole end, from the first Close frame on,
///   takes [`Config::close_timeout`] at most, whatever the peer does.
/// - **Fairness.** After 256 messages, after 1 to 2 MiB of payload, or after about 256 KiB that were
///   decompressed, [`Next::Yield`] lets other connections run, also in the middle of a message that
///   is larger. The count begins anew with each [`release_memory`](Self::release_memory).
#[doc(alias = "backpressure")]
#[derive(Debug)]
pub struct Driver {
    /// Until the connection is open.
    opening: Option<Box<Opening>>,
    /// What opened a client's connection.
    response: Option<Box<Response>>,
    connection: Connection,
    ending: Option<Box<Ending>>,
    /// How much may be done before others get a turn, as [`CREDIT`] counts it.
    credit: isize,
    reads: Reads,
    /// How many reads there were since one told the time and nobody waited.
    burst: u8,
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

/// What to do with a message when there is no room for it, from [`Driver::handle_stuck`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a loop has to know all there is to do")]
pub enum Stuck {
    /// [Feed](Driver::feed) it again at once; [`WhenFull`] is applied to it.
    Feed,
    /// Wait for the transport, then feed it again.
    Wait,
    /// Let other tasks run (one of them may be the peer), try to write, then feed it again.
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
    /// Creates the driver of a server, which waits for a request.
    #[doc(alias = "accept")]
    #[must_use]
    pub fn server(config: &Config) -> Self {
        Self::server_with(&HeadLimits::default(), config)
    }

    /// Creates the driver of a server with other limits for the request.
    #[must_use]
    pub fn server_with(limits: &HeadLimits, config: &Config) -> Self {
        let opening = Opening::Accepting(Accepting::new(limits));
        Self::new(Some(Box::new(opening)), Connection::connecting(config, None))
    }

    /// Creates the driver of a client, with `request` ready to be written.
    ///
    /// `nonce` and `seed` must come from the operating system's entropy and be used once. §4.1
    /// requires a random nonce; the seed generates the masking keys (§5.3).
    #[doc(alias = "connect")]
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
            burst: 0,
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

    /// Begins a graceful shutdown, in any state: closes an open connection, answers a request with
    /// 503, or gives up an attempt to connect.
    ///
    /// Servers usually close with 1001 "going away" or 1012 "service restart". Continue until
    /// [`Next::Over`] or an error, which takes
    /// [`Config::close_timeout`](crate::Config::close_timeout) at most.
    ///
    /// # Errors
    ///
    /// The reasons that [`Commands::close`] lists.
    #[doc(alias = "close")]
    #[doc(alias = "shutdown")]
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

    /// Returns the commands of the connection, to send a message that answers no event. Before the
    /// connection is open, they fail with [`SendError::Connecting`].
    #[doc(alias = "send")]
    #[inline]
    pub fn commands(&mut self) -> Commands<'_> {
        // Or what the application sends now would count as an answer.
        self.judge_answers();
        self.connection.commands()
    }

    /// Queues a message if there is room, and returns whether it was queued. If not,
    /// [write](Self::want_write) what the transport takes, and feed it again.
    ///
    /// [`Config::when_full`] is applied only if the transport takes nothing more: then call
    /// [`handle_stuck`](Self::handle_stuck). A refused message is moved out of `message` into the
    /// error if it was passed by value.
    ///
    /// After `Ok(true)`, a borrowed message can be fed again, also to another driver. An owned one is
    /// gone: an empty message is left.
    ///
    /// # Errors
    ///
    /// The reasons that [`Commands::send`] lists. Also [`SendError::Closed`] if the output is full
    /// and nothing can be written any more, and [`SendError::Full`] if a deadline passed before
    /// there was room.
    #[inline(always)]
    pub fn feed(&mut self, message: &mut Outgoing<'_>) -> Result<bool, Refused> {
        // Nearly everything is small, and need not be moved for it.
        if self.pressure != Pressure::Full && self.commands().send_small(message) {
            message.note_sent();
            return Ok(true);
        }
        self.feed_any(message)
    }

    /// As [`feed`](Self::feed), the long way.
    #[inline(never)]
    fn feed_any(&mut self, message: &mut Outgoing<'_>) -> Result<bool, Refused> {
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

    /// Reports that the transport takes nothing more now while a message waits for room. Returns
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

    /// Returns the connection, for its getters. Its [`ready_state`](Connection::ready_state) is
    /// "connecting" before it is open.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the server's response to the handshake, with its headers, such as a cookie of a load
    /// balancer. `None` on a server, before the connection is open, and for a driver that was made
    /// from a [`Connection`].
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        self.response.as_deref()
    }

    /// Returns the connection, with everything that it has received and not written. `None` before
    /// it is open.
    #[must_use]
    pub fn into_connection(mut self) -> Option<Connection> {
        // Nobody would tell it when that is done.
        self.connection.note_flushing(false);
        self.opening.is_none().then_some(self.connection)
    }

    /// Returns the last time that the driver was told. If another loop takes over the driver, its
    /// clock must continue from this time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.connection.now()
    }

    /// Releases unused memory. Call it before a wait.
    pub fn release_memory(&mut self) {
        self.release_memory_to(&mut SpareBuffers::default());
    }

    /// Releases unused memory to `spare`, for the next connection of this thread that needs some.
    /// Call it before a wait, in place of [`release_memory`](Self::release_memory). What `spare`
    /// does not keep is freed.
    pub fn release_memory_to(&mut self, spare: &mut SpareBuffers) {
        self.burst = 0;
        self.credit = CREDIT;
        self.give_memory_back(spare);
    }

    /// Releases unused memory to `spare` without a wait: the turn goes on.
    pub(crate) fn give_memory_back(&mut self, spare: &mut SpareBuffers) {
        self.connection.release_memory_to(spare);
    }

    /// Takes the memory of `spare`, if the connection is open and has less. Call it after a wait,
    /// before [`want_read`](Self::want_read), and before a message is queued that answers no event.
    pub fn reuse_memory(&mut self, spare: &mut SpareBuffers) {
        // A handshake has input of its own, and a read that is in flight has the memory for it.
        if self.opening.is_none() && !self.is_read_away {
            self.connection.reuse_memory(spare);
        }
    }

    /// Returns whether [`poll_event`](Self::poll_event) may return something other than
    /// [`Next::Wait`].
    #[must_use]
    pub fn has_event(&self) -> bool {
        if let Some(ending) = &self.ending {
            return self.is_done() || ending.has_closed() && self.is_peer_told();
        }
        self.is_overdue || self.connection.has_own_event() || !self.is_quiet && !self.is_gated()
    }

    /// Returns whether everything that was sent has been handed to the transport and flushed. An
    /// adapter waits for this before `flush` returns.
    ///
    /// # Errors
    ///
    /// Messages were accepted and will never be sent, or not whole. Reported once.
    pub fn poll_written(&mut self) -> Result<bool, Discarded> {
        self.connection.poll_discarded().map_or_else(|| Ok(self.is_written()), Err)
    }

    /// Notes the place behind everything that is queued.
    #[cfg(feature = "split")]
    pub(crate) fn mark(&mut self) -> Mark {
        self.connection.mark()
    }

    /// As [`poll_written`](Self::poll_written), for what was queued before `mark` was noted. The
    /// transport has all of it then, and may have yet to be flushed. What was discarded of it is told
    /// each time.
    #[cfg(feature = "split")]
    pub(crate) fn poll_written_to(&mut self, mark: &Mark) -> Result<bool, Discarded> {
        let is_written = self.poll_written()?;
        // Until the connection is open, there is no output that a mark could be of.
        let has_written = self.opening.is_none() && self.connection.has_written(mark)?;
        Ok(is_written || has_written)
    }

    /// Checks that all accepted messages were written. An adapter calls it at the end, before it
    /// reports a successful close.
    ///
    /// # Errors
    ///
    /// Those of [`poll_written`](Self::poll_written). Also, on each call, messages that were not
    /// written whole.
    pub fn check_end(&mut self) -> Result<(), Discarded> {
        self.connection.poll_discarded_at_end().map_or(Ok(()), Err)
    }

    /// Returns whether nothing waits to be written or flushed. Discarded messages do not wait:
    /// [`poll_written`](Self::poll_written) reports them.
    #[must_use]
    pub fn is_written(&self) -> bool {
        !self.has_output() && !self.is_unflushed
    }

    /// Returns whether nothing more can be written although the connection is not over.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        matches!(self.writing, Writing::Broken)
    }

    /// Returns whether a deadline has passed that [`poll_event`](Self::poll_event) has yet to
    /// report.
    #[doc(alias = "timeout")]
    #[must_use]
    pub const fn is_overdue(&self) -> bool {
        self.is_overdue
    }

    /// Returns whether the transport is done. [`poll_event`](Self::poll_event) then only reports
    /// the end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_done()
    }

    /// Returns whether [`Closed`](crate::Event::Closed) has been reported and the driver only waits
    /// for the transport. The transport may be dropped; if the peer is still sending, it is better
    /// to read until [`Next::Over`].
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

/// Continues with an open connection, such as one that another HTTP stack has opened: with its
/// unprocessed input, its unwritten output, and its clock.
impl From<Connection> for Driver {
    fn from(connection: Connection) -> Self {
        Self::new(None, connection)
    }
}
