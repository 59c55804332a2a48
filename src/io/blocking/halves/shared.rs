//! One socket in several threads: a driver and its stream behind a lock, and who waits for what;
//! knows no messages.

use core::time::Duration;
use std::io;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, OwnedFd};

use super::locks::{Condvar, Mutex, MutexGuard, PoisonError, poll, thread};
use crate::connection::{Connection, ReadyState};
use crate::driver::Driver;
use crate::io::blocking::clock::{Clock, NEVER};
use crate::io::failure::Failure;
use crate::io::pump::{self, Wrote};
use crate::io::{Error, Timeout, Transport};
use crate::timestamp::Timestamp;

/// A socket that several threads use.
///
/// The stream is non-blocking, so that the lock is held for moments only. Of the threads that wait,
/// one keeps watch: it waits for the stream, in `poll`, without the lock, and does for all what is
/// to be done when the stream is ready or the time has come. The others wait to be told. When it
/// has what it wants, another one takes over.
#[derive(Debug)]
pub(super) struct Shared<S> {
    state: Mutex<State<S>>,
    /// Where a receiver waits that does not keep watch.
    came: Condvar,
    /// Where senders wait that do not keep watch.
    sent: Condvar,
    /// The stream, to wait for it while the lock is free.
    stream: OwnedFd,
    bell: Bell,
}

#[derive(Debug)]
pub(super) struct State<S> {
    pub(super) stream: S,
    pub(super) driver: Driver,
    pub(super) clock: Clock,
    pub(super) failure: Failure,
    /// What the thread waits for that keeps watch, if there is one.
    watch: Option<Watch>,
    /// How many receivers and senders wait to be told.
    waiting: [usize; 2],
    /// How often something was written.
    pub(super) writes: u64,
    /// What senders have been told.
    told: News,
}

/// What a sender that waits is to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct News {
    writes: u64,
    has_discarded: bool,
    is_broken: bool,
    is_closing: bool,
    is_ending: bool,
    is_over: bool,
    is_overdue: bool,
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Receiver,
    Sender,
}

/// What a thread does next.
#[derive(Debug)]
pub(super) enum Turn<R> {
    Done(R),
    Wait,
    /// Lets others have the lock.
    Yield,
}

#[derive(Debug)]
struct Watch {
    side: Side,
    wants_read: bool,
    wants_write: bool,
    until: Timestamp,
    is_rung: bool,
}

/// What ends the watch.
#[derive(Debug)]
struct Bell {
    rope: OwnedFd,
    clapper: OwnedFd,
}

/// Tells all who wait when the application's code panics, or nobody would take over, or see to what
/// it has queued. It is made before the lock is taken.
struct TellsOfPanic<'a, S: Transport + AsFd>(&'a Shared<S>);

impl<S: Transport + AsFd> Shared<S> {
    pub(super) fn new(
        stream: S,
        driver: Driver,
        clock: Clock,
        failure: Failure,
    ) -> io::Result<Self> {
        let (bell, fd) = (Bell::new()?, stream.as_fd().try_clone_to_owned()?);
        rustix::io::ioctl_fionbio(&fd, true)?;
        let (watch, waiting, writes, told) = (None, [0; 2], 0, News::default());
        let state = State { stream, driver, clock, failure, watch, waiting, writes, told };
        let (state, came, sent) = (Mutex::new(state), Condvar::new(), Condvar::new());
        Ok(Self { state, came, sent, stream: fd, bell })
    }

    pub(super) fn into_state(self) -> State<S> {
        // It worked the other way, so it works this way; and if not, it only works slowly.
        let _ = rustix::io::ioctl_fionbio(&self.stream, false);
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the state, and has others see to what comes of it.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut State<S>) -> R) -> R {
        let _tells_of_panic = TellsOfPanic(self);
        let mut state = self.lock();
        let done = work(&mut state);
        self.tell(&mut state);
        done
    }

    /// Asks the connection something.
    pub(super) fn connection<R>(&self, ask: impl FnOnce(&Connection) -> R) -> R {
        ask(self.lock().driver.connection())
    }

    /// Lets the transport move until `turn` is done; `None` if that takes until `until`.
    pub(super) fn wait<R>(
        &self,
        side: Side,
        until: Timestamp,
        mut turn: impl FnMut(&mut State<S>) -> Turn<R>,
    ) -> Option<R> {
        let _tells_of_panic = TellsOfPanic(self);
        let mut state = self.lock();
        loop {
            match turn(&mut state) {
                Turn::Done(done) => {
                    self.leave(state);
                    return Some(done);
                }
                Turn::Wait if state.advance(side) => {}
                Turn::Wait if until <= state.clock.now() => {
                    self.leave(state);
                    return None;
                }
                Turn::Wait => {
                    self.tell(&mut state);
                    state = self.sleep(state, side, until);
                }
                Turn::Yield => {
                    self.leave(state);
                    thread::yield_now();
                    state = self.lock();
                }
            }
        }
    }

    /// Waits until the stream is ready, the time has come, or there is something else to see to.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<S>>,
        side: Side,
        until: Timestamp,
    ) -> MutexGuard<'a, State<S>> {
        if state.watch.is_some() {
            return self.sleep_until_told(state, side, until);
        }
        let until = state.driver.poll_timeout().unwrap_or(NEVER).min(until);
        let (wants_read, wants_write) = (state.driver.wants_read(), state.driver.wants_write());
        let left = until.saturating_duration_since(state.clock.now());
        state.driver.release_memory();
        state.watch = Some(Watch { side, wants_read, wants_write, until, is_rung: false });
        drop(state);
        self.poll(wants_read, wants_write, left);
        let mut state = self.lock();
        if state.watch.take().is_some_and(|watch| watch.is_rung) {
            self.bell.silence();
        }
        state
    }

    fn sleep_until_told<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<S>>,
        side: Side,
        until: Timestamp,
    ) -> MutexGuard<'a, State<S>> {
        let left = until.saturating_duration_since(state.clock.now()).min(LONG);
        let (told, index) = self.told(side);
        state.waiting[index] += 1;
        let woken = told.wait_timeout(state, left);
        let (mut state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        state.waiting[index] -= 1;
        state
    }

    fn poll(&self, wants_read: bool, wants_write: bool, left: Duration) {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, wants_read);
        flags.set(PollFlags::OUT, wants_write);
        let bell = PollFd::new(&self.bell.clapper, PollFlags::IN);
        let mut fds = [bell, PollFd::new(&self.stream, flags)];
        // A stream that has ended is always ready, also for those who want nothing of it.
        let fds = if flags.is_empty() { &mut fds[..1] } else { &mut fds[..] };
        let left = Timespec::try_from(left.min(LONG)).ok();
        match poll(fds, left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // The system lacks memory. The stream is tried in any case.
            Err(_) => thread::sleep(PAUSE),
        }
    }

    /// Ends the turns of a thread. If nobody keeps watch, another one takes over.
    fn leave(&self, mut state: MutexGuard<'_, State<S>>) {
        self.tell(&mut state);
        if state.watch.is_none() {
            let side = if state.waiting[0] > 0 { Side::Receiver } else { Side::Sender };
            self.told(side).0.notify_one();
        }
    }

    /// Tells those who wait what they are to see to.
    fn tell(&self, state: &mut State<S>) {
        let (has_event, news) = (state.driver.has_event(), state.news());
        // Once: a sender for whom it is not enough goes on waiting.
        let has_sent = core::mem::replace(&mut state.told, news) != news;
        for (side, has_it) in [(Side::Receiver, has_event), (Side::Sender, has_sent)] {
            let (told, index) = self.told(side);
            if has_it && state.waiting[index] > 0 {
                told.notify_all();
            }
        }
        let Some(watch) = &mut state.watch else { return };
        let has_it = match watch.side {
            Side::Receiver => has_event,
            Side::Sender => has_sent,
        };
        let needs_it = state.driver.wants_read() && !watch.wants_read
            || state.driver.wants_write() && !watch.wants_write
            || state.driver.poll_timeout().is_some_and(|at| at < watch.until);
        if (has_it || needs_it) && !core::mem::replace(&mut watch.is_rung, true) {
            self.bell.ring();
        }
    }

    fn told(&self, side: Side) -> (&Condvar, usize) {
        match side {
            Side::Receiver => (&self.came, 0),
            Side::Sender => (&self.sent, 1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        // A panic in the application's code cannot leave the driver in pieces.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Transport> State<S> {
    /// Writes and reads what can be, and tells the time. Returns whether anything has happened.
    fn advance(&mut self, side: Side) -> bool {
        let Self { driver, stream, failure, .. } = self;
        let mut has_moved = false;
        loop {
            let wrote = pump::write(driver, stream, failure);
            let is_some = matches!(wrote, Wrote::All | Wrote::Some);
            (has_moved, self.writes) = (has_moved || is_some, self.writes + u64::from(is_some));
            if wrote != Wrote::Some {
                break;
            }
        }
        // Behind a write there may be an event: a closing handshake is complete, or there is room.
        // If it is not for this thread, it may wait for long.
        if driver.has_event() && (has_moved || side == Side::Receiver)
            || pump::read(driver, stream, failure, || self.clock.now())
        {
            return true;
        }
        let now = self.clock.now();
        if driver.poll_timeout().is_some_and(|at| at <= now) {
            driver.handle_timeout(now);
            return true;
        }
        has_moved
    }

    fn news(&self) -> News {
        let driver = &self.driver;
        News {
            writes: self.writes,
            has_discarded: driver.connection().has_discarded(),
            is_broken: driver.is_broken(),
            is_closing: driver.connection().ready_state() != ReadyState::Open,
            is_ending: driver.is_ending(),
            is_over: driver.is_over(),
            is_overdue: driver.is_overdue(),
        }
    }

    /// Returns whether the stream keeps nothing to itself of what it was given.
    pub(super) fn is_flushed(&mut self) -> bool {
        pump::flush_early(&mut self.driver, &mut self.stream, &mut self.failure)
    }

    /// Has a sender wait, unless that is in vain.
    pub(super) fn wait_to_send<R>(&mut self) -> Turn<Result<R, Error>> {
        Turn::Done(Err(if self.driver.is_broken() {
            self.failure.report().into()
        } else if self.driver.is_overdue() {
            Timeout::Deadline.into()
        } else if self.driver.is_over() {
            io::Error::from(io::ErrorKind::BrokenPipe).into()
        } else {
            return Turn::Wait;
        }))
    }
}

impl<S: Transport + AsFd> Drop for TellsOfPanic<'_, S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.tell(&mut self.0.lock());
            self.0.came.notify_all();
            self.0.sent.notify_all();
        }
    }
}

impl Bell {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        let (rope, clapper) = std::os::unix::net::UnixStream::pair()?;
        rope.set_nonblocking(true)?;
        clapper.set_nonblocking(true)?;
        Ok(Self { rope: rope.into(), clapper: clapper.into() })
    }

    #[cfg(windows)]
    fn new() -> io::Result<Self> {
        let clapper = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        clapper.connect(clapper.local_addr()?)?;
        clapper.set_nonblocking(true)?;
        Ok(Self { rope: clapper.try_clone()?.into(), clapper: clapper.into() })
    }

    fn ring(&self) {
        // Full is loud enough.
        let _ = rustix::io::write(&self.rope, &[1]);
    }

    fn silence(&self) {
        let _ = rustix::io::read(&self.clapper, &mut [0_u8; 1]);
    }
}

/// A longer wait is made in parts: not every system knows it.
const LONG: Duration = Duration::from_secs(3600);

/// The wait before something is tried again that the system has refused.
const PAUSE: Duration = Duration::from_millis(20);
