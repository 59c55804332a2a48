//! The supervisor that a client shares with its handles, and the tasks that wait for it; knows
//! neither streams nor attempts.

use core::task::Waker;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::tokio::sync::Notify;
use ::tokio::sync::futures::Notified;

use crate::io::Error;
use crate::reconnect::Supervisor;

/// What a client and its handles have in common.
#[derive(Debug)]
pub(super) struct Shared {
    locked: Mutex<Locked>,
    /// Notified when messages have left the outbox, or none will leave any more.
    room: Notify,
}

#[derive(Debug)]
struct Locked {
    supervisor: Supervisor<Error>,
    /// Wakes the task that drives the client.
    driver: Option<Waker>,
}

impl Shared {
    pub(super) fn new(supervisor: Supervisor<Error>) -> Self {
        let locked = Locked { supervisor, driver: None };
        Self { locked: Mutex::new(locked), room: Notify::new() }
    }

    /// Notes who drives the client.
    pub(super) fn register(&self, driver: &Waker) {
        match &mut self.lock().driver {
            Some(registered) => registered.clone_from(driver),
            none => *none = Some(driver.clone()),
        }
    }

    /// Lends the decisions to `act`, which must call nothing of the application's.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Supervisor<Error>) -> T) -> T {
        let measure = |supervisor: &Supervisor<Error>| {
            (supervisor.is_ended(), supervisor.buffered_messages(), supervisor.buffered_amount())
        };
        let mut locked = self.lock();
        let before = measure(&locked.supervisor);
        let result = act(&mut locked.supervisor);
        let after = measure(&locked.supervisor);
        drop(locked);
        if after.0 != before.0 || after.1 < before.1 || after.2 < before.2 {
            self.room.notify_waiters();
        }
        result
    }

    /// As [`with`](Self::with), and has the client see to it.
    pub(super) fn command<T>(&self, act: impl FnOnce(&mut Supervisor<Error>) -> T) -> T {
        let result = self.with(act);
        let driver = self.lock().driver.take();
        if let Some(driver) = driver {
            driver.wake();
        }
        result
    }

    /// Waits for room, from this call on.
    pub(super) fn room(&self) -> Notified<'_> {
        self.room.notified()
    }

    fn lock(&self) -> MutexGuard<'_, Locked> {
        // Nothing in here panics half-way.
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
