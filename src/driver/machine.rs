//! The driver itself: what to ask of a transport, and what comes of the answers.

use alloc::boxed::Box;
use core::time::Duration;

use super::ending::{Ending, Farewell, Outcome};
use super::error::Error;
use super::opening::{Accepting, Connecting, Opening};
use super::reads::Reads;
use crate::buffer::{Input, TransmitBuf};
use crate::close::CloseCode;
use crate::connection::{
    Commands, Config, Connection, Discarded, Event, Ready, Refused, WhenFull, check_close,
};
use crate::error::{ConnectionError, SendError};
use crate::handshake::{Acceptance, ClientRequest, HandshakeError, HeadLimits, Request, Response};
use crate::message::Outgoing;
use crate::role::Role;

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
///   and the sending side shut down. [`Event::Closed`] is reported at this point: the peer has been
///   told everything, and the transport may be dropped.
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

/// What is next, from [`Driver::poll_event`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a loop has to know all there is to do")]
pub enum Next<'a> {
    /// Something arrived on the open connection, with the commands to answer it by.
    Event(Event<'a>, Commands<'a>),
    /// The connection was closed, as [`Event::Closed`] has told before, and the transport is done:
    /// drop it.
    Over,
    /// A client asks for a connection: [`accept`](Driver::accept) or [`reject`](Driver::reject) the
    /// request, now or later.
    Request(Box<Request>),
    /// The server accepted the connection with this response: it is open.
    /// [`response`](Driver::response) lends it later, too.
    Response(&'a Response),
    /// Nothing happens until the transport moves or the time of [`Driver::poll_timeout`] comes.
    Wait,
    /// A fair share has been done: let other connections run, then ask again.
    Yield,
}

/// What is to be done with the transport's sending side, from [`Driver::want_write`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a loop has to know all there is to do")]
pub enum Write<'a> {
    /// Write these bytes, or the first of them. Never empty. Do not advance the buffer:
    /// [`Driver::handle_written`] does.
    Bytes(&'a TransmitBuf),
    /// Flush what the transport may have buffered.
    Flush,
    /// Shut the sending side down: TCP's FIN, TLS's `close_notify`. Go on reading.
    Shutdown,
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

/// What [`Driver::advance`] found, without what it lends.
enum Found {
    Over,
    Ready(Ready),
    Request(Box<Request>),
    Response,
    Wait,
    Yield,
}

impl Driver {
    /// Creates a server's end that waits for a request.
    #[must_use]
    pub fn server(config: &Config) -> Self {
        Self::server_with(HeadLimits::default(), config)
    }

    /// As [`server`](Self::server), with other limits for the request.
    #[must_use]
    pub fn server_with(limits: HeadLimits, config: &Config) -> Self {
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

    /// Returns what is next. Call it until it returns [`Next::Wait`], then let the transport move.
    ///
    /// # Errors
    ///
    /// The connection has failed or was never opened. Everything that arrived before has been
    /// delivered, and the transport is done: drop it. Later calls return the same error.
    #[inline(always)]
    pub fn poll_event(&mut self) -> Result<Next<'_>, Error> {
        // Nearly everything is a message on an open connection, while answers have room.
        if self.credit > 0
            && self.ending.is_none()
            && self.connection.wants_read()
            // A failure is found again below.
            && let Ok(Some(short)) = self.connection.poll_short()
        {
            self.credit -= 1;
            self.answers = Answers::Maybe;
            let (event, commands) = self.connection.lend_short(short);
            return Ok(Next::Event(event, commands));
        }
        self.poll_next()
    }

    /// As [`poll_event`](Self::poll_event), the long way.
    #[inline(never)]
    fn poll_next(&mut self) -> Result<Next<'_>, Error> {
        Ok(match self.advance()? {
            Found::Over => Next::Over,
            Found::Ready(ready) => {
                let Some((event, commands)) = self.connection.lend(ready) else {
                    return Ok(Next::Yield);
                };
                Next::Event(event, commands)
            }
            Found::Request(request) => Next::Request(request),
            Found::Response => self.response.as_deref().map_or(Next::Yield, Next::Response),
            Found::Wait => Next::Wait,
            Found::Yield => Next::Yield,
        })
    }

    fn advance(&mut self) -> Result<Found, Error> {
        if core::mem::take(&mut self.is_overdue) {
            // What is late is known once all that arrived is processed, whatever waits meanwhile.
            self.answers = Answers::None;
            self.is_quiet = false;
        }
        if self.credit <= 0 {
            self.credit = CREDIT;
            return Ok(Found::Yield);
        }
        if self.ending.is_none() {
            let found = self.advance_machine();
            if !matches!(found, Found::Wait) {
                return Ok(found);
            }
        }
        self.advance_ending()
    }

    /// Asks the machine what is next; it may turn out that the end begins.
    fn advance_machine(&mut self) -> Found {
        let polled = match self.opening.as_deref_mut() {
            None => return self.advance_open(),
            Some(Opening::Accepting(accepting)) => {
                accepting.poll().map(|request| request.map(Found::Request))
            }
            Some(Opening::Connecting(connecting)) => match connecting.poll(&mut self.connection) {
                Ok(Some(response)) => {
                    self.response = Some(response);
                    self.opening = None;
                    return Found::Response;
                }
                polled => polled.map(|_| None),
            },
        };
        match polled {
            Ok(Some(found)) => return found,
            Ok(None) => self.is_quiet = true,
            Err(error) => self.end(Outcome::Failed(Error::Handshake(error))),
        }
        Found::Wait
    }

    fn advance_open(&mut self) -> Found {
        self.judge_answers();
        // Or a deadline would be judged although nobody has told the time.
        let is_quiet = self.is_quiet && !self.connection.has_own_event();
        if is_quiet || self.is_gated() {
            return Found::Wait;
        }
        let has_room = self.connection.wants_read();
        let mut polled = self.poll_connection();
        if matches!(polled, Ok(None))
            && self.connection.closed().is_some()
            && (self.writing == Writing::Broken || self.is_written())
        {
            // A Close frame came, and was answered or cannot be any more: the rest is lingering.
            self.connection.handle_eof();
            polled = self.poll_connection();
        }
        match polled {
            Ok(Some(Ready::Closed(closed))) => self.end(Outcome::Closed(closed)),
            Ok(Some(Ready::Paused)) => {
                self.credit = CREDIT;
                return Found::Yield;
            }
            Ok(Some(ready)) => {
                self.credit -= 1;
                // What is sent upon room in the output answers nothing.
                let is_answered = has_room && !matches!(ready, Ready::Drained(_));
                self.answers = if is_answered { Answers::Maybe } else { Answers::None };
                return Found::Ready(ready);
            }
            Ok(None) => self.is_quiet = true,
            Err(error) => self.end(Outcome::Failed(Error::Connection(error))),
        }
        Found::Wait
    }

    /// Asks the connection what is next, as far as there is credit for the work.
    fn poll_connection(&mut self) -> Result<Option<Ready>, ConnectionError> {
        let given = usize::try_from(self.credit).unwrap_or_default().max(1) << 10;
        let mut budget = given;
        let polled = self.connection.poll_ready(&mut budget);
        let spent = i32::try_from(given.saturating_sub(budget) >> 10).unwrap_or(i32::MAX);
        self.credit = self.credit.saturating_sub(spent);
        polled
    }

    /// Looks whether the answers to the last event have filled the output.
    #[inline]
    fn judge_answers(&mut self) {
        if self.answers == Answers::Maybe {
            self.answers = if self.connection.wants_read() { Answers::None } else { Answers::Full };
        }
    }

    /// Returns whether no events are delivered until answers are written.
    fn is_gated(&self) -> bool {
        self.answers == Answers::Full && !self.connection.wants_read()
    }

    fn end(&mut self, outcome: Outcome) {
        let farewell = match &outcome {
            Outcome::Failed(Error::Connection(error)) if error.is_peer_gone() => Farewell::Try,
            // A client that was not let in has nothing to say.
            Outcome::Failed(Error::Handshake(_)) if self.connection.role() == Role::Client => {
                Farewell::None
            }
            Outcome::Closed(_) | Outcome::Failed(_) => Farewell::Linger,
        };
        self.ending = Some(Box::new(Ending::new(outcome, farewell)));
        // What was late does not count any more.
        self.is_overdue = false;
    }

    /// Tells a close once the peer was told, and the end once the transport is done.
    fn advance_ending(&mut self) -> Result<Found, Error> {
        let (is_told, is_done) = (self.is_peer_told(), self.is_done());
        let Some(ending) = &mut self.ending else { return Ok(Found::Wait) };
        if is_told && let Some(closed) = ending.tell_closed() {
            return Ok(Found::Ready(Ready::Closed(closed)));
        }
        if is_done {
            return ending.error().map_or(Ok(Found::Over), Err);
        }
        self.is_quiet = true;
        Ok(Found::Wait)
    }

    /// Returns whether all that there was to write at the end was written, as far as that is
    /// possible.
    fn is_peer_told(&self) -> bool {
        self.writing != Writing::Open || self.is_done() || self.waits_for_server()
    }

    /// Returns whether a client has said all, and waits for the server to close the transport.
    fn waits_for_server(&self) -> bool {
        // §7.1.1: the server closes the transport first.
        let is_closed = self.ending.as_ref().is_some_and(|ending| ending.is_clean());
        is_closed && self.connection.role() == Role::Client && !self.is_eof && self.is_written()
    }

    /// Returns whether nothing more is expected of the transport at the end.
    fn is_done(&self) -> bool {
        let Some(ending) = &self.ending else { return false };
        if ending.is_timed_out() {
            return true;
        }
        match (ending.farewell(), self.writing) {
            (Farewell::None, _) | (_, Writing::Broken) => true,
            (Farewell::Linger, Writing::Open) => false,
            (Farewell::Linger, Writing::Shut) => self.is_eof || ending.is_drained(),
            (Farewell::Try, Writing::Open | Writing::Shut) => self.is_written(),
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
                self.end(Outcome::Failed(Error::Handshake(error.clone())));
                self.is_quiet = false;
                return Err(error);
            }
        }
        self.is_quiet = false;
        Ok(())
    }

    /// Answers a request with `response` instead of accepting it, also before it is complete. Go on
    /// until [`poll_event`](Self::poll_event) returns [`Error::Rejected`].
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
            Ok(()) => Error::Rejected { status: response.status() },
            Err(error) if accepting.is_refused() => Error::Handshake(error.clone()),
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
                self.end(Outcome::Failed(Error::Handshake(HandshakeError::ShutDown)));
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

    /// Returns where to read to, or `None` if nothing is to be read now.
    ///
    /// Room is [prepared](Input::prepare). Read once, [`commit`](Input::commit) what was read
    /// unless it was written by [`BufMut`](bytes::BufMut), and call
    /// [`handle_read`](Self::handle_read).
    pub fn want_read(&mut self) -> Option<Input<'_>> {
        if !self.wants_read() {
            return None;
        }
        let discards = self.ending.is_some();
        if let Some(opening) = &mut self.opening {
            if discards {
                opening.discard_input();
            }
            return Some(opening.prepared_input());
        }
        if discards {
            self.connection.discard_input();
        }
        Some(self.connection.prepared_input(self.reads.size()))
    }

    /// Lends the input of what is driven.
    pub(super) fn input(&mut self) -> Input<'_> {
        match &mut self.opening {
            Some(opening) => opening.input(),
            None => self.connection.input(),
        }
    }

    pub(super) const fn set_read_away(&mut self, is_away: bool) {
        self.is_read_away = is_away;
    }

    pub(super) fn set_write_away(&mut self) {
        self.is_write_away = true;
        if let Some(ending) = &mut self.ending {
            // What is under way is no try that was in vain.
            ending.note_moved();
        }
    }

    /// Returns whether anything is to be read now.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.is_read_away && self.is_readable()
    }

    /// Returns whether anything is to be read now, or is being read.
    fn is_readable(&self) -> bool {
        if self.is_eof {
            return false;
        }
        match &self.ending {
            Some(ending) => ending.wants_read() && !self.is_done(),
            None => self.is_quiet && !self.is_deciding() || self.waiting() < READ_AHEAD,
        }
    }

    /// Returns whether the application has a request to decide about.
    fn is_deciding(&self) -> bool {
        self.opening.as_ref().is_some_and(|opening| opening.is_deciding())
    }

    /// Returns how much was read and not processed.
    fn waiting(&self) -> usize {
        match &self.opening {
            Some(opening) => opening.waiting(),
            None => self.connection.unprocessed_len(),
        }
    }

    /// Says that `len` bytes were read into what [`want_read`](Self::want_read) lent, at the time
    /// `now`. 0 is the end of the stream.
    pub fn handle_read(&mut self, len: usize, now: Duration) {
        if len == 0 {
            self.handle_read_error();
        } else {
            self.reads.note(len);
            if self.opening.is_some() || self.ending.is_some() {
                // What an open connection makes of it costs more, and is counted there.
                let spent = i32::try_from(len >> 10).unwrap_or(i32::MAX);
                self.credit = self.credit.saturating_sub(spent);
            }
            if let Some(ending) = &mut self.ending {
                ending.note_read(len);
            }
        }
        self.set_time(now);
        if !self.is_quiet {
            self.connection.note_input();
        }
        self.is_quiet = false;
    }

    /// Says that nothing more can be read. What arrived before is delivered; then the connection
    /// ends as if the stream had ended.
    pub fn handle_read_error(&mut self) {
        self.is_eof = true;
        self.is_quiet = false;
        if let Some(opening) = &mut self.opening {
            opening.handle_eof();
        }
        self.connection.handle_eof();
    }

    /// Returns what to do with the sending side, or `None` if there is nothing to do.
    ///
    /// Do it once, as far as it goes, and call [`handle_written`](Self::handle_written).
    pub fn want_write(&mut self) -> Option<Write<'_>> {
        if self.writing != Writing::Open || self.is_write_away || self.is_done() {
            return None;
        }
        if let Some(ending) = &mut self.ending {
            ending.note_tried();
        }
        if self.has_output() {
            self.asked = Asked::Bytes;
            return self.transmit().map(|output| Write::Bytes(output));
        }
        if self.is_unflushed {
            self.asked = Asked::Flush;
            return Some(Write::Flush);
        }
        let ends = self.ending.is_some() && !self.waits_for_server();
        self.asked = if ends { Asked::Shutdown } else { Asked::Nothing };
        ends.then_some(Write::Shutdown)
    }

    /// Returns whether anything is to be done with the sending side: whether
    /// [`want_write`](Self::want_write) would return something.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.writing == Writing::Open
            && !self.is_write_away
            && !self.is_done()
            && (!self.is_written() || self.ending.is_some() && !self.waits_for_server())
    }

    fn transmit(&mut self) -> Option<&mut TransmitBuf> {
        match &mut self.opening {
            Some(opening) => opening.transmit(),
            None => self.connection.poll_transmit(),
        }
    }

    fn has_output(&self) -> bool {
        match &self.opening {
            Some(opening) => opening.has_output(),
            None => self.connection.has_output(),
        }
    }

    /// Says that what [`want_write`](Self::want_write) asked for was done: for bytes, `len` of
    /// them; otherwise `len` is ignored.
    pub fn handle_written(&mut self, len: usize) {
        self.is_write_away = false;
        let asked = core::mem::replace(&mut self.asked, Asked::Nothing);
        match asked {
            Asked::Bytes => {
                if let Some(output) = self.transmit() {
                    let len = len.min(output.len());
                    bytes::Buf::advance(output, len);
                }
                self.pressure = Pressure::None;
                self.is_unflushed = true;
            }
            Asked::Flush => self.is_unflushed = false,
            Asked::Nothing => return,
            Asked::Shutdown => self.writing = Writing::Shut,
        }
        if let Some(ending) = &mut self.ending {
            ending.note_moved();
        }
        if asked == Asked::Flush && self.connection.is_open() {
            // All else that it can bring about has come with the bytes.
            return;
        }
        if self.answers == Answers::Full && self.connection.wants_read() {
            self.answers = Answers::None;
            self.is_quiet = false;
        }
        if self.connection.has_news() {
            self.is_quiet = false;
        }
    }

    /// Says that nothing more can be written. What the peer sent before is still read and
    /// delivered; then it is as if the stream had ended.
    pub fn handle_write_error(&mut self) {
        self.is_write_away = false;
        self.asked = Asked::Nothing;
        self.writing = Writing::Broken;
        self.is_quiet = false;
        // Nothing that fills the output will leave.
        self.answers = Answers::None;
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), in the same time as its `now`;
    /// `None` if there is nothing to wait for. It may be in the past: then call at once.
    ///
    /// It changes with everything that happens: ask before each wait.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        if self.is_overdue {
            return None;
        }
        if let Some(ending) = &self.ending {
            return if self.is_done() { None } else { Some(ending.poll_timeout(self.now())) };
        }
        match &self.opening {
            Some(opening) => opening.poll_timeout(),
            None if self.is_quiet => self.connection.poll_timeout(),
            None => self.connection.poll_timeout_unread(),
        }
    }

    /// Advances the clock to `now`, measured from a fixed point of your choice.
    ///
    /// Call it when the time of [`poll_timeout`](Self::poll_timeout) has come, and after each wait.
    /// A deadline that has passed is reported by [`poll_event`](Self::poll_event); a heartbeat that
    /// is due is queued.
    pub fn handle_timeout(&mut self, now: Duration) {
        if !self.is_readable() {
            self.connection.note_not_reading();
        }
        self.set_time(now);
        if self.ending.is_none() && self.poll_timeout().is_some_and(|at| at <= now) {
            self.is_overdue = true;
        }
    }

    /// Tells the time to a driver that is handed over, so that the next clock goes on from there. It
    /// judges no deadline: what came in time may wait in the transport, for those who read next.
    pub fn handle_pause(&mut self, now: Duration) {
        let before = |at: Duration| now.min(at.saturating_sub(Duration::from_nanos(1)));
        self.handle_timeout(self.poll_timeout().map_or(now, before));
    }

    fn set_time(&mut self, now: Duration) {
        if let Some(opening) = &mut self.opening {
            opening.handle_timeout(now);
        }
        self.connection.handle_timeout(now);
        if let Some(ending) = &mut self.ending {
            ending.handle_timeout(now, self.connection.close_deadline());
        }
    }

    /// Returns the time that the driver was told last. When another loop takes the driver over, its
    /// clock must go on from here.
    #[must_use]
    pub fn now(&self) -> Duration {
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
    /// As [`poll_written`](Self::poll_written); also messages of which not everything was written.
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

    /// Returns whether [`Event::Closed`] has been reported, and the transport is only waited for. It
    /// may be dropped; a peer that still sends is better read until [`Next::Over`].
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

/// How much is done before others get a turn: so many messages, or KiB.
const CREDIT: i32 = 256;

/// What is read while no event is taken, to see that the peer lives.
const READ_AHEAD: usize = 64 << 10;
