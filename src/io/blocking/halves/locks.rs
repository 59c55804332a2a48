//! What the threads of a socket wait in. In the crate's unit tests these are the locks of `shuttle`,
//! which runs the threads in many orders, and work only within its functions.

pub(super) use std::sync::PoisonError;
#[cfg(not(test))]
pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(test))]
pub(super) use std::thread;

#[cfg(not(test))]
pub(super) use rustix::event::poll;
#[cfg(test)]
pub(super) use shuttle::sync::{Condvar, Mutex, MutexGuard};
#[cfg(test)]
pub(super) use shuttle::thread;

/// Lets other threads run until one of `fds` is ready. No time passes.
#[cfg(test)]
pub(super) fn poll(
    fds: &mut [rustix::event::PollFd<'_>],
    _: Option<&rustix::event::Timespec>,
) -> rustix::io::Result<usize> {
    loop {
        match rustix::event::poll(fds, Some(&rustix::event::Timespec::default())) {
            Ok(0) => thread::yield_now(),
            polled => return polled,
        }
    }
}
