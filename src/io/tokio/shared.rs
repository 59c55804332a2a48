//! What the halves of a WebSocket share: the driver behind a lock, and who waits for it; knows no
//! messages.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::driver::Driver;

/// One driver, polled by two tasks.
#[derive(Debug)]
pub(super) struct Shared<S> {
    /// Locked for the time of one poll, and never while a waker is called.
    driver: Mutex<Driver<S>>,
    wakers: Arc<Wakers>,
    /// Wakes whoever is in `wakers`. The stream is always polled with this one: it remembers only
    /// one waker for each direction, and both halves may be waiting for the same one.
    waker: Waker,
}

/// Who waits, of the two halves.
#[derive(Debug, Default)]
struct Wakers {
    receiver: Mutex<Option<Waker>>,
    sender: Mutex<Option<Waker>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    Receiver,
    Sender,
}

impl<S> Shared<S> {
    pub(super) fn new(driver: Driver<S>) -> Self {
        let wakers = Arc::new(Wakers::default());
        let waker = Waker::from(Arc::clone(&wakers));
        Self { driver: Mutex::new(driver), wakers, waker }
    }

    pub(super) fn into_driver(self) -> Driver<S> {
        self.driver.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls the driver for one half.
    pub(super) fn poll<T>(
        &self,
        half: Half,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let polled = self.drive(half, |driver| {
            self.wakers.register(half, cx.waker());
            poll(driver, &mut Context::from_waker(&self.waker))
        });
        if polled.is_ready() {
            self.wakers.take(half);
        }
        polled
    }

    /// Does something with the driver, of which the other half may have to know.
    pub(super) fn drive<T>(&self, half: Half, work: impl FnOnce(&mut Driver<S>) -> T) -> T {
        let mut driver = self.driver();
        let before = driver.progress();
        let done = work(&mut driver);
        let is_progress = driver.progress() != before;
        drop(driver);
        // What this half wrote may be the room, or the end, that the other one waits for.
        if is_progress && let Some(waker) = self.wakers.take(half.other()) {
            waker.wake();
        }
        done
    }

    pub(super) fn driver(&self) -> MutexGuard<'_, Driver<S>> {
        // A panic in the application's code cannot leave the driver in pieces.
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wakers {
    fn register(&self, half: Half, waker: &Waker) {
        let mut slot = self.slot(half);
        match &mut *slot {
            Some(registered) => registered.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    fn take(&self, half: Half) -> Option<Waker> {
        self.slot(half).take()
    }

    fn slot(&self, half: Half) -> MutexGuard<'_, Option<Waker>> {
        let slot = match half {
            Half::Receiver => &self.receiver,
            Half::Sender => &self.sender,
        };
        slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for half in [Half::Receiver, Half::Sender] {
            let waker = self.take(half);
            if let Some(waker) = waker {
                waker.wake();
            }
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
