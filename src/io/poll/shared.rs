//! What the halves of a WebSocket share: the shell behind a lock, and the task that waits for each
//! event; knows no messages.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::poll_fn;
use core::panic::AssertUnwindSafe;
use core::task::{Context, Poll, Waker};
use std::panic::{catch_unwind, resume_unwind};

use super::attached::Kept;
use super::locks::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};
use super::shell::{Shell, Wakers};
use super::transport::PollTransport;

/// One of the two who use a shell.
///
/// Whenever one has used it, the other is woken if what it waits for is there, or if there is
/// something to do that the transport will wake nobody for. So neither depends on the other's being
/// polled again.
#[derive(Debug)]
pub(super) struct Side<T: PollTransport> {
    shared: Arc<Shared<T>>,
    half: Half,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Receiver,
    Sender,
}

#[derive(Debug)]
struct Shared<T> {
    /// Locked for the time of one poll, in which the transport may wake a task: a waker that polls
    /// it at once, in the same thread, would wait forever.
    shell: Mutex<Kept<T>>,
    sleepers: Arc<Sleepers>,
    /// What the transport wakes when it can be read: the receiver, or the sender if that waits
    /// alone.
    readable: Waker,
    /// What it wakes when it can be written to, or when it is time: both.
    writable: Waker,
}

/// Who waits.
#[derive(Debug, Default)]
struct Sleepers {
    receiver: Mutex<Option<Waker>>,
    sender: Mutex<Option<Waker>>,
    /// Whether the receiver may have given its wait up without a word.
    is_loose: AtomicBool,
}

struct Readable(Arc<Sleepers>);

struct Writable(Arc<Sleepers>);

/// A wait that may be given up.
struct Wait<'a, T: PollTransport> {
    side: &'a Side<T>,
    is_over: bool,
}

impl<T: PollTransport> Side<T> {
    pub(super) fn pair(shell: Kept<T>) -> (Self, Self) {
        let sleepers = Arc::new(Sleepers::default());
        let shared = Arc::new(Shared {
            shell: Mutex::new(shell),
            readable: Arc::new(Readable(Arc::clone(&sleepers))).into(),
            writable: Arc::new(Writable(Arc::clone(&sleepers))).into(),
            sleepers,
        });
        let sender = Self { shared: Arc::clone(&shared), half: Half::Sender };
        (sender, Self { shared, half: Half::Receiver })
    }

    /// Puts two sides together again, if they are those of one shell.
    pub(super) fn reunite(self, other: Self) -> Result<Kept<T>, (Self, Self)> {
        if !Arc::ptr_eq(&self.shared, &other.shared) {
            return Err((self, other));
        }
        let half = self.half;
        let shared = Arc::clone(&self.shared);
        drop((self, other));
        match Arc::try_unwrap(shared) {
            Ok(shared) => Ok(shared.shell.into_inner().unwrap_or_else(PoisonError::into_inner)),
            // There are no more than two sides.
            Err(shared) => {
                let other = Self { shared: Arc::clone(&shared), half: half.other() };
                Err((Self { shared, half }, other))
            }
        }
    }

    /// Waits until `poll` is ready.
    pub(super) async fn wait<R>(
        &self,
        mut poll: impl FnMut(&mut Shell<T>, Wakers<'_>) -> Poll<R>,
    ) -> R {
        let mut wait = Wait { side: self, is_over: false };
        let done = poll_fn(|cx| self.poll_for(false, cx, &mut poll)).await;
        wait.is_over = true;
        done
    }

    /// Polls the shell for this side, which waits if that is not ready. Nobody will know when it is
    /// not polled again.
    pub(super) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Shell<T>, Wakers<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.poll_for(true, cx, poll)
    }

    /// Polls, for a wait that the other side hears of when it is given up, unless it `is_loose`.
    fn poll_for<R>(
        &self,
        is_loose: bool,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Shell<T>, Wakers<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let Shared { sleepers, readable, writable, .. } = &*self.shared;
        // Before the poll, or what happens meanwhile would wake nobody.
        sleepers.register(self.half, cx.waker());
        if self.half == Half::Receiver {
            sleepers.is_loose.store(is_loose, Ordering::Relaxed);
        }
        let wakers = Wakers { read: readable, write: writable };
        let polled = self.with(|shell| {
            let polled = poll(shell, wakers);
            if polled.is_ready() && self.half == Half::Receiver && sleepers.waits(Half::Sender) {
                // Or each message that arrives would wake a sender that is stuck.
                shell.settle(wakers);
            }
            polled
        });
        if polled.is_ready() && sleepers.take(self.half).is_none() {
            // It was woken meanwhile, and may not see to that soon.
            sleepers.wake(self.half.other());
        }
        polled
    }

    /// Does something with the shell, and wakes the other side if that is to know.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Shell<T>) -> R) -> R {
        let other = self.half.other();
        let mut shell = self.lock();
        // What the application's code has queued before it panics is to leave, too.
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut shell)));
        let has_it = match other {
            Half::Receiver => shell.driver().has_event(),
            Half::Sender => shell.has_sent(),
        };
        let wakes = has_it || shell.needs_io();
        drop(shell);
        if wakes {
            self.shared.sleepers.wake(other);
        }
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Waits no more. If this side has been woken and does not see to it, the other has to.
    fn leave(&self) {
        self.shared.sleepers.take(self.half);
        self.shared.sleepers.wake(self.half.other());
    }

    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        // A panic in the application's code cannot leave the shell in pieces.
        self.shared.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: PollTransport> Drop for Side<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T: PollTransport> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        if !self.is_over {
            self.side.leave();
        }
    }
}

impl Half {
    const fn other(self) -> Self {
        match self {
            Self::Receiver => Self::Sender,
            Self::Sender => Self::Receiver,
        }
    }
}

impl Sleepers {
    fn register(&self, half: Half, waker: &Waker) {
        self.slot(half).get_or_insert_with(|| waker.clone()).clone_from(waker);
    }

    fn waits(&self, half: Half) -> bool {
        self.slot(half).is_some()
    }

    fn take(&self, half: Half) -> Option<Waker> {
        self.slot(half).take()
    }

    /// Wakes a side if it waits; returns whether it did.
    fn wake(&self, half: Half) -> bool {
        // The lock is free again before anything is woken.
        let waker = self.take(half);
        waker.map(Waker::wake).is_some()
    }

    fn slot(&self, half: Half) -> MutexGuard<'_, Option<Waker>> {
        let slot = match half {
            Half::Receiver => &self.receiver,
            Half::Sender => &self.sender,
        };
        slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Readable {
    fn wake(self: Arc<Self>) {
        if !self.0.wake(Half::Receiver) || self.0.is_loose.load(Ordering::Relaxed) {
            self.0.wake(Half::Sender);
        }
    }
}

impl Wake for Writable {
    fn wake(self: Arc<Self>) {
        self.0.wake(Half::Receiver);
        self.0.wake(Half::Sender);
    }
}
