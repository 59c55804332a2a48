//! The poll functions over a driver and its transport, which all methods wait by; knows no futures
//! and no locks.

use alloc::boxed::Box;
use core::task::{Context, Poll, Waker, ready};
use core::time::Duration;
use std::io;

use super::attached::Attached;
use super::transport::PollTransport;
use crate::connection::{Commands, Event, ReadyState};
use crate::driver::{Driver, Next, Stuck, Write};
use crate::error::SendError;
use crate::handshake::{Acceptance, Request, Response};
use crate::io::{Error, Opening, Timeout, answer, failure::Failure, is_message, open, spare};
use crate::message::{Message, Outgoing};
use crate::timestamp::Timestamp;

/// A driver over a transport.
///
/// Every state is in here and none in a future, so that a future can be dropped at any time.
#[derive(Debug)]
pub(super) struct Shell<T> {
    driver: Driver,
    pub(super) transport: T,
    /// The time of the driver when that of the transport began.
    base: Duration,
    armed: Armed,
    /// What a sender waits for that waits.
    lacks: Lacks,
    failure: Failure,
    /// Whether a stream of messages has told its last item.
    is_told: bool,
    pub(super) attached: Option<Box<Attached<T>>>,
}

/// What the transport will wake somebody for.
#[derive(Clone, Copy, Debug, Default)]
struct Armed {
    read: bool,
    write: bool,
    until: Option<Timestamp>,
}

/// What a sender waits for.
#[derive(Clone, Copy, Debug)]
enum Lacks {
    /// Room for another message.
    Room,
    /// That everything is written.
    Written,
}

/// The tasks to wake: one when there is something to read, one when there is room to write or a
/// deadline has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wakers<'a> {
    pub(super) read: &'a Waker,
    pub(super) write: &'a Waker,
}

impl<'a> Wakers<'a> {
    /// One task for everything.
    pub(super) fn of(cx: &Context<'a>) -> Self {
        Self { read: cx.waker(), write: cx.waker() }
    }
}

impl<T: PollTransport> Shell<T> {
    pub(super) fn new(transport: T, driver: Driver) -> Self {
        let base = driver.now().saturating_duration_since(transport.now());
        Self {
            driver,
            transport,
            base,
            armed: Armed::default(),
            lacks: Lacks::Room,
            failure: Failure::default(),
            is_told: false,
            attached: None,
        }
    }

    /// Does the opening handshake: yields a request that is to be answered, and nothing when the
    /// connection is open and the response has left.
    pub(super) fn poll_open(
        &mut self,
        wakers: Wakers<'_>,
    ) -> Poll<Result<Option<Box<Request>>, Error>> {
        loop {
            match open(&mut self.driver).map_err(|error| self.failure.explain(error))? {
                Opening::Answer(request) => return Poll::Ready(Ok(Some(request))),
                Opening::Done => return self.poll_flush(wakers).map_ok(|()| None),
                Opening::Transport => ready!(self.poll_io(wakers)),
                Opening::Yield => return self.yield_now(wakers, wakers.read),
            }
        }
    }

    /// Answers the request that [`poll_open`](Self::poll_open) has yielded.
    pub(super) fn answer(&mut self, request: &Request, decided: Result<Acceptance, Response>) {
        answer(&mut self.driver, request, decided);
    }

    /// Lends the next event to `take`, or the next one that is a message; the default behind the end.
    ///
    /// What is not wanted is known before it is taken: what is taken is written to where it is
    /// returned, and not moved there.
    #[inline]
    pub(super) fn poll_recv_with<R: Default>(
        &mut self,
        wakers: Wakers<'_>,
        only_messages: bool,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> R,
    ) -> Poll<Result<R, Error>> {
        loop {
            // Every part that could be dropped is taken out, or all would lie in memory for that.
            match self.driver.poll_event() {
                Ok(Next::Event(event, mut commands)) => {
                    if !only_messages || is_message(&event) {
                        return Poll::Ready(Ok(take(event, &mut commands)));
                    }
                }
                Ok(Next::Wait) => match self.poll_io(wakers) {
                    // Behind a close, nobody needs to wait for the end of the transport.
                    _ if self.driver.is_lingering() => return Poll::Ready(Ok(R::default())),
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => {}
                },
                Ok(Next::Over) => return Poll::Ready(Ok(R::default())),
                Ok(Next::Request(request)) => drop(request),
                Ok(Next::Response(_)) => {}
                Ok(Next::Yield) => return self.yield_now(wakers, wakers.read),
                Err(error) => return Poll::Ready(Err(self.failure.explain(error))),
            }
        }
    }

    /// Waits for the next message; `None` behind the end.
    pub(super) fn poll_recv(&mut self, wakers: Wakers<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.poll_recv_with(wakers, true, |event, _| event.into_message())
    }

    /// Lends all events to `handle`; ready behind the end.
    pub(super) fn poll_run<R>(
        &mut self,
        wakers: Wakers<'_>,
        handle: &mut impl FnMut(Event<'_>, &mut Commands<'_>) -> R,
    ) -> Poll<Result<(), Error>> {
        let mut take =
            |event: Event<'_>, commands: &mut Commands<'_>| Some(handle(event, commands));
        while ready!(self.poll_recv_with(wakers, false, &mut take))?.is_some() {}
        Poll::Ready(Ok(()))
    }

    /// As [`poll_recv`](Self::poll_recv), but an error comes once.
    pub(super) fn poll_next(&mut self, wakers: Wakers<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.is_told {
            return Poll::Ready(None);
        }
        let next = ready!(self.poll_recv(wakers)).transpose();
        self.is_told = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }

    /// Queues a message, once there is room or what is to happen without, and takes it out of
    /// `message`.
    pub(super) fn poll_feed(
        &mut self,
        wakers: Wakers<'_>,
        message: &mut Option<Outgoing<'_>>,
    ) -> Poll<Result<(), Error>> {
        while let Some(outgoing) = message
            && !spare::queue(&mut self.driver, |driver| driver.feed(outgoing))?
        {
            if self.poll_stuck(wakers, Lacks::Room)?.is_ready() {
                continue;
            }
            match self.driver.handle_stuck() {
                Stuck::Feed => {}
                Stuck::Wait => return Poll::Pending,
                Stuck::Yield => return self.yield_now(wakers, wakers.write),
            }
        }
        *message = None;
        Poll::Ready(Ok(()))
    }

    /// As [`poll_feed`](Self::poll_feed), and writes it.
    pub(super) fn poll_send(
        &mut self,
        wakers: Wakers<'_>,
        message: &mut Option<Outgoing<'_>>,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_feed(wakers, message))?;
        self.poll_flush(wakers)
    }

    /// Queues what `command` sends, once there is room, and writes it; takes it out of `command`.
    pub(super) fn poll_command(
        &mut self,
        wakers: Wakers<'_>,
        command: &mut Option<impl FnMut(&mut Commands<'_>) -> Result<(), SendError>>,
    ) -> Poll<Result<(), Error>> {
        while let Some(queue) = command {
            match spare::queue(&mut self.driver, |driver| queue(&mut driver.commands())) {
                Ok(()) => *command = None,
                Err(SendError::Full { .. }) => ready!(self.poll_stuck(wakers, Lacks::Room))?,
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        self.poll_flush(wakers)
    }

    /// Waits until a message of any size can be queued.
    pub(super) fn poll_room(&mut self, wakers: Wakers<'_>) -> Poll<Result<(), Error>> {
        while self.commands().ready_state() == ReadyState::Open {
            if self.commands().has_room() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_stuck(wakers, Lacks::Room))?;
        }
        Poll::Ready(Err(SendError::Closed.into()))
    }

    /// Writes everything that waits.
    pub(super) fn poll_flush(&mut self, wakers: Wakers<'_>) -> Poll<Result<(), Error>> {
        while !self.driver.poll_written()? || self.driver.is_broken() {
            ready!(self.poll_stuck(wakers, Lacks::Written))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Drives the connection to its end; an error if something was sent before and did not leave.
    pub(super) fn poll_end(&mut self, wakers: Wakers<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_run(wakers, &mut |_, _| {}))?;
        Poll::Ready(self.driver.check_end().map_err(Error::from))
    }

    /// Waits until a sender has what it `lacks`. Not inlined: most messages are sent without a wait.
    #[inline(never)]
    fn poll_stuck(&mut self, wakers: Wakers<'_>, lacks: Lacks) -> Poll<Result<(), Error>> {
        self.lacks = lacks;
        if self.driver.is_broken() {
            return Poll::Ready(Err(self.failure.report().into()));
        }
        if self.driver.is_overdue() {
            return Poll::Ready(Err(Timeout::Deadline.into()));
        }
        if self.driver.is_over() {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::BrokenPipe).into()));
        }
        let moved = self.poll_io(wakers);
        if self.has_sent() { Poll::Ready(Ok(())) } else { moved.map(Ok) }
    }

    /// Lets others run. What can be written is written before, so that they get the memory.
    fn yield_now<R>(&mut self, wakers: Wakers<'_>, waker: &Waker) -> Poll<R> {
        let can_write = !self.armed.write && self.driver.wants_write();
        let _ = can_write.then(|| self.poll_io(wakers));
        spare::release(&mut self.driver);
        self.transport.yield_now(&mut Context::from_waker(waker));
        Poll::Pending
    }

    /// Writes and reads what can be, and tells the time; ready when an event may have come of it. If
    /// not, there is somebody to wake for all that can come.
    fn poll_io(&mut self, wakers: Wakers<'_>) -> Poll<()> {
        let mut write = Context::from_waker(wakers.write);
        self.armed = Armed::default();
        if Attached::shut_down(&mut self.attached, &mut self.driver, wakers.write) {
            return Poll::Ready(());
        }
        let mut has_written = false;
        spare::reuse(&mut self.driver);
        while let Some(wanted) = self.driver.want_write() {
            let written = match wanted {
                Write::Bytes(output) => self.transport.poll_write(&mut write, output),
                Write::Flush => self.transport.poll_flush(&mut write).map_ok(|()| 0),
                Write::Shutdown => self.transport.poll_shutdown(&mut write).map_ok(|()| 0),
            };
            match written {
                Poll::Ready(Ok(len)) => self.driver.handle_written(len),
                Poll::Ready(Err(error)) => {
                    self.failure.note(error, &self.driver);
                    self.driver.handle_write_error();
                }
                Poll::Pending => {
                    self.armed.write = true;
                    break;
                }
            }
            has_written = true;
        }
        // Behind a write there may be an event: a closing handshake is complete, or there is room.
        if has_written && self.driver.has_event() {
            return Poll::Ready(());
        }
        if let Some(mut input) = self.driver.want_read() {
            match self.transport.poll_read(&mut Context::from_waker(wakers.read), &mut input) {
                Poll::Ready(Ok(len)) => {
                    let clock = || self.transport.now().saturating_add(self.base);
                    self.driver.handle_read_with(len, clock);
                }
                Poll::Ready(Err(error)) => {
                    self.failure.note(error, &self.driver);
                    self.driver.handle_read_error();
                }
                Poll::Pending => self.armed.read = true,
            }
            if !self.armed.read {
                return Poll::Ready(());
            }
        }
        while let Some(at) = self.driver.poll_timeout() {
            // The time of what was read or sent is asked for at once.
            let is_later = at > self.driver.now();
            let at_transport = at.saturating_sub(self.base);
            if is_later && self.transport.poll_timer(&mut write, at_transport).is_pending() {
                self.armed.until = Some(at);
                break;
            }
            self.driver.handle_timeout(self.transport.now().saturating_add(self.base));
            if self.driver.has_event() || self.driver.wants_write() {
                return Poll::Ready(());
            }
        }
        // An idle connection holds no memory, and nobody may come back for more than this.
        spare::release(&mut self.driver);
        if self.driver.is_over() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Has the transport wake somebody for all there is to do, and does what can be done at once.
    pub(super) fn settle(&mut self, wakers: Wakers<'_>) {
        while !self.has_sent() && self.needs_io() && self.poll_io(wakers).is_ready() {}
    }

    /// Returns whether there is something to do for the transport that it will wake nobody for.
    pub(super) fn needs_io(&self) -> bool {
        let is_earlier = |at: Timestamp| self.armed.until.is_none_or(|until| at < until);
        !self.armed.write && self.driver.wants_write()
            || !self.armed.read && self.driver.wants_read()
            || self.driver.poll_timeout().is_some_and(is_earlier)
    }

    /// Returns whether a sender that waits may go on.
    pub(super) fn has_sent(&mut self) -> bool {
        let has_it = match self.lacks {
            Lacks::Room if self.driver.connection().ready_state() != ReadyState::Open => true,
            Lacks::Room => self.commands().has_room(),
            Lacks::Written => self.driver.is_written() || self.driver.connection().has_discarded(),
        };
        has_it || self.driver.is_broken() || self.driver.is_overdue() || self.driver.is_over()
    }

    pub(super) fn commands(&mut self) -> Commands<'_> {
        self.driver.commands()
    }

    pub(super) const fn driver(&self) -> &Driver {
        &self.driver
    }

    pub(super) fn into_parts(mut self) -> (T, Driver) {
        self.driver.handle_pause(self.transport.now().saturating_add(self.base));
        (self.transport, self.driver)
    }
}
