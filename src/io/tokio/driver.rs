//! What moves bytes between a stream, its connection and the application, as poll functions;
//! knows no futures and no locks.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::time::{Sleep, sleep};

use super::clock::Clock;
use super::transport::{poll_read, poll_write};
use crate::buffer::ReceiveBuf;
use crate::close::CloseCode;
use crate::connection::{Connection, Event, ReadyState, Refused};
use crate::error::SendError;
use crate::io::reads::{READ_SIZE, Reads};
use crate::io::{Error, LINGER_BYTES, LINGER_TIMEOUT};
use crate::message::Message;

/// A connection over a stream.
///
/// Every state is in here and none in a future, so that a future can be dropped at any time.
///
/// ```text
///       the connection ended or failed
/// Open ────────────────────────────────▶ Lingering ──────▶ Over
///   └─────────────── the peer is gone ─────────────────────▲
/// ```
#[derive(Debug)]
pub(super) struct Driver<S> {
    stream: S,
    connection: Connection,
    input: ReceiveBuf,
    reads: Reads,
    clock: Clock,
    stage: Stage,
    /// Whether no event is taken until the output has been drained.
    is_gated: bool,
    /// Whether the stream may keep bytes to itself that it was given.
    unflushed: bool,
    /// Whether the stream delivers nothing more.
    eof: bool,
    /// Why writing is over, if it failed: what the peer has sent before may still be read.
    broken: Option<io::ErrorKind>,
    /// The failure of the stream that ends the connection, until it is reported.
    failure: Option<io::Error>,
    /// Bytes that left, to see whether there was progress.
    written: u64,
    /// Whether a stream of messages has told its last item.
    is_told: bool,
}

#[derive(Debug)]
enum Stage {
    Open,
    Lingering(Linger),
    Over,
}

/// The end of the transport.
#[derive(Debug)]
struct Linger {
    deadline: Pin<Box<Sleep>>,
    /// Whether the peer has been told that nothing more is written.
    shut_down: bool,
    /// How much is still read and thrown away.
    left: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Lends the next event to `take`; `None` behind the end.
    pub(super) fn poll_recv_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(Event<'_>, &mut Connection) -> T,
    ) -> Poll<Result<Option<T>, Error>> {
        if self.is_gated {
            ready!(self.poll_drain(cx));
        }
        loop {
            if let Stage::Lingering(_) = self.stage {
                ready!(self.poll_linger(cx));
                return Poll::Ready(self.report(take));
            }
            let wanted = self.connection.wants_read();
            let polled = match self.connection.poll_event(&mut self.input) {
                Ok(Some(Event::Closed(_))) => Ok(true),
                Ok(Some(event)) => {
                    let taken = take(event, &mut self.connection);
                    // Only for answers: two peers that would not read while they have
                    // something to say could wait for each other.
                    self.is_gated = wanted && !self.connection.wants_read();
                    return Poll::Ready(Ok(Some(taken)));
                }
                Ok(None) => Ok(false),
                Err(error) => Err(error),
            };
            match (polled, &self.stage) {
                (Err(error), Stage::Over) => return Poll::Ready(Err(error.into())),
                (Ok(_), Stage::Over) => return Poll::Ready(Ok(None)),
                (Err(error), _) if error.is_peer_gone() => {
                    // What can be written at once is: a peer that only seemed to be gone sees why.
                    let _ = self.poll_write_all(cx);
                    self.end();
                    return Poll::Ready(self.report(take));
                }
                (Ok(true) | Err(_), _) => self.begin_linger(),
                (Ok(false), _) if self.connection.ready_state() == ReadyState::Closed => {
                    return Poll::Ready(Ok(None));
                }
                (Ok(false), _) => ready!(self.poll_advance(cx)),
            }
        }
    }

    /// Lends all events to `handle`; ready behind the end.
    pub(super) fn poll_run(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut impl FnMut(Event<'_>, &mut Connection),
    ) -> Poll<Result<(), Error>> {
        while ready!(self.poll_recv_with(cx, &mut *handle))?.is_some() {}
        Poll::Ready(Ok(()))
    }

    /// Waits for the next message; `None` behind the end.
    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Error>> {
        loop {
            match ready!(self.poll_recv_with(cx, |event, _| event.into_message())) {
                Ok(Some(None)) => {}
                Ok(message) => return Poll::Ready(Ok(message.flatten())),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// As [`poll_recv`](Self::poll_recv), but an error comes once.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        if self.is_told {
            return Poll::Ready(None);
        }
        let next = ready!(self.poll_recv(cx)).transpose();
        self.is_told = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }

    /// Queues a message, once there is room; takes it out of `message` then.
    pub(super) fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), Error>> {
        while let Some(given) = message.take() {
            let Err(refused) = self.connection.send(given) else { break };
            let Refused { error: SendError::Full { .. }, .. } = refused else {
                return Poll::Ready(Err(refused.into()));
            };
            *message = Some(refused.message);
            ready!(self.poll_room_once(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues what `command` sends, once there is room.
    pub(super) fn poll_command(
        &mut self,
        cx: &mut Context<'_>,
        mut command: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Poll<Result<(), Error>> {
        loop {
            match command(&mut self.connection) {
                Err(SendError::Full { .. }) => ready!(self.poll_room_once(cx))?,
                result => return Poll::Ready(result.map_err(Error::from)),
            }
        }
    }

    /// Waits until a message of any size can be queued.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.is_open() {
            return Poll::Ready(Err(SendError::Closed.into()));
        }
        while !self.connection.has_room() {
            ready!(self.poll_room_once(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues a message; there was [room](Self::poll_room), unless the handler of another half has
    /// filled it since.
    pub(super) fn start_send(&mut self, message: Message) -> Result<(), Error> {
        Ok(self.connection.send(message)?)
    }

    /// Sends a Close frame, unless one was sent.
    pub(super) fn poll_send_close(
        &mut self,
        cx: &mut Context<'_>,
        code: CloseCode,
        reason: &str,
    ) -> Poll<Result<(), Error>> {
        self.connection.close(code, reason)?;
        self.poll_flush(cx).map_err(Error::Io)
    }

    /// Writes everything that waits.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.poll_write_all(cx) {
            Poll::Pending => self.poll_stuck(cx),
            ready => ready,
        }
    }

    /// Writes once, to make room.
    fn poll_room_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.poll_write(cx) {
            Poll::Pending => self.poll_stuck(cx),
            ready => ready,
        }
    }

    /// Waits with a sender that can write nothing: ready when that has taken too long.
    ///
    /// Some input is read meanwhile, or a peer that waits until it is read from, too, would wait
    /// forever, and one that is alive would seem to be silent.
    fn poll_stuck(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.input.len() < READ_AHEAD && !self.eof {
            if self.poll_input(cx).is_pending() {
                break;
            }
        }
        self.connection.note_input(&self.input);
        loop {
            let is_over = matches!(self.stage, Stage::Over);
            if is_over || self.connection.ready_state() == ReadyState::Closed {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let now = ready!(self.clock.poll(self.connection.poll_timeout_unread(), cx));
            if self.input.len() >= READ_AHEAD || self.eof {
                self.connection.note_not_reading();
            }
            self.connection.handle_timeout(now);
            if self.connection.poll_timeout_unread().is_some_and(|at| at <= now) {
                let error = io::Error::new(io::ErrorKind::TimedOut, "a deadline has passed");
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Writes until the connection wants to read again, or cannot go on.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.connection.wants_read() {
            // What failed is found by who receives.
            if ready!(self.poll_room_once(cx)).is_err() {
                break;
            }
        }
        self.is_gated = false;
        Poll::Ready(())
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.connection.poll_transmit().is_some() {
            ready!(self.poll_write(cx))?;
        }
        if let Some(kind) = self.broken {
            return Poll::Ready(Err(kind.into()));
        }
        if self.unflushed {
            let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
            flushed.map_err(|error| self.note_broken(error))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes once, if there is anything to write.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(kind) = self.broken {
            return Poll::Ready(Err(kind.into()));
        }
        let Some(output) = self.connection.poll_transmit() else { return Poll::Ready(Ok(())) };
        match ready!(poll_write(&mut self.stream, output, cx)) {
            Ok(len) => {
                self.written += len as u64;
                self.unflushed = true;
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(self.note_broken(error))),
        }
    }

    /// Writes what waits and reads; ready when there may be a new event.
    fn poll_advance(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.broken.is_none() {
            let waits = self.unflushed || self.connection.poll_transmit().is_some();
            match self.poll_write_all(cx) {
                // The closing handshake may be complete now.
                Poll::Ready(Ok(())) if waits && !self.is_open() => return Poll::Ready(()),
                Poll::Ready(Err(error)) => self.failure = Some(error),
                // It may be that a part was written, and was enough.
                _ if self.connection.is_drained() => return Poll::Ready(()),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        // A Close frame came that cannot be answered any more.
        if self.broken.is_some() && self.connection.closed().is_some() {
            self.note_eof();
            return Poll::Ready(());
        }
        if self.poll_input(cx).is_ready() || self.poll_deadlines(cx).is_ready() {
            return Poll::Ready(());
        }
        // An idle connection holds no memory.
        self.input.release();
        self.connection.release_memory();
        Poll::Pending
    }

    /// Reads once.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(poll_read(&mut self.stream, &mut self.input, self.reads.size(), cx)) {
            Ok(0) => self.note_eof(),
            Ok(len) => {
                self.reads.note(len);
                self.connection.handle_timeout(self.clock.now());
            }
            Err(error) => {
                self.failure.get_or_insert(error);
                self.note_eof();
            }
        }
        Poll::Ready(())
    }

    /// Tells the connection the time whenever it wants to know; ready when there is something to be
    /// written, or may be an event.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = ready!(self.clock.poll(self.connection.poll_timeout(), cx));
            self.connection.handle_timeout(now);
            let is_due = self.connection.poll_timeout().is_some_and(|at| at <= now);
            if is_due || self.connection.poll_transmit().is_some() {
                return Poll::Ready(());
            }
        }
    }

    fn begin_linger(&mut self) {
        let deadline = Box::pin(sleep(LINGER_TIMEOUT));
        self.stage = Stage::Lingering(Linger { deadline, shut_down: false, left: LINGER_BYTES });
    }

    /// Closes the transport so that the peer gets all that was written.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let flushed = self.poll_write_all(cx).is_ready();
        let Stage::Lingering(linger) = &mut self.stage else { return Poll::Ready(()) };
        if flushed && !linger.shut_down {
            // Nobody is there to be told that the peer is gone already.
            linger.shut_down = Pin::new(&mut self.stream).poll_shutdown(cx).is_ready();
        }
        // The peer may be waiting for us to read before it reads what we write.
        let drained =
            self.eof || linger.poll_drain(&mut self.stream, &mut self.input, cx).is_ready();
        if drained && linger.shut_down || linger.deadline.as_mut().poll(cx).is_ready() {
            self.end();
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn end(&mut self) {
        self.stage = Stage::Over;
        self.input = ReceiveBuf::new();
    }

    /// Reports how the connection ended.
    fn report<T>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Connection) -> T,
    ) -> Result<Option<T>, Error> {
        if let Err(error) = self.connection.poll_event(&mut self.input) {
            return Err(self.failure.take().map_or(error.into(), Error::Io));
        }
        let closed = self.connection.closed().cloned().map(Event::Closed);
        Ok(closed.map(|event| take(event, &mut self.connection)))
    }

    fn is_open(&self) -> bool {
        self.connection.ready_state() == ReadyState::Open
    }

    /// Notes that writing is over.
    fn note_broken(&mut self, error: io::Error) -> io::Error {
        self.broken = Some(error.kind());
        error
    }

    fn note_eof(&mut self) {
        self.eof = true;
        self.connection.handle_eof();
    }
}

impl<S> Driver<S> {
    pub(super) fn new(stream: S, connection: Connection, input: ReceiveBuf) -> Self {
        Self {
            stream,
            connection,
            input,
            reads: Reads::default(),
            clock: Clock::new(),
            stage: Stage::Open,
            is_gated: false,
            // Whoever had the stream before may have left something in it.
            unflushed: true,
            eof: false,
            broken: None,
            failure: None,
            written: 0,
            is_told: false,
        }
    }

    pub(super) fn into_parts(self) -> (S, Connection, ReceiveBuf) {
        (self.stream, self.connection, self.input)
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(super) const fn stream(&self) -> &S {
        &self.stream
    }

    /// Returns what changes when something happened that the other half may be waiting for.
    pub(super) fn progress(&self) -> (u64, usize, ReadyState, bool) {
        let is_over = matches!(self.stage, Stage::Over);
        (self.written, self.input.len(), self.connection.ready_state(), is_over)
    }
}

impl Linger {
    /// Reads and throws away; ready at the end of the stream, or when it was enough.
    fn poll_drain<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        input: &mut ReceiveBuf,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        while self.left > 0 {
            input.clear();
            match ready!(poll_read(stream, input, READ_SIZE, cx)) {
                Ok(0) | Err(_) => self.left = 0,
                Ok(len) => self.left = self.left.saturating_sub(len),
            }
        }
        Poll::Ready(())
    }
}

/// What is read while nobody asks for events, to see that the peer lives.
const READ_AHEAD: usize = 64 << 10;
