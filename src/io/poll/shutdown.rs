//! The signal `Shutdown`, and the wakers of the tasks that wait for it; knows no connection.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::task::{Poll, Waker};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::close::{CloseCode, MAX_REASON_LEN};
use crate::error::SendError;
use crate::role::Role;

/// Closes many sockets at once, such as all connections of a server that stops.
///
/// Each socket that [watches](super::WebSocket::shut_down_on) it closes by itself when it begins,
/// although its task only waits in [`recv`](super::WebSocket::recv). Clones are the same signal. It
/// needs no task and no timer. [`io::tokio::Server`](crate::io::tokio::Server) has one inside; use
/// this type for an accept loop of your own, on any runtime:
///
#[cfg_attr(feature = "tokio", doc = "```")]
#[cfg_attr(not(feature = "tokio"), doc = "```ignore")]
/// use sanswire::driver::Driver;
/// use sanswire::handshake::{Acceptance, Request};
/// use sanswire::io::poll::Shutdown;
/// use sanswire::io::tokio::WebSocket;
/// use sanswire::{Config, Error};
/// use tokio::net::TcpStream;
///
/// async fn connection(stream: TcpStream, shutdown: &Shutdown) -> Result<(), Error> {
///     let mut socket = WebSocket::from_driver(stream, Driver::server(&Config::default()));
///     socket.shut_down_on(shutdown);
///     socket.open(async |_: &Request| Ok(Acceptance::new())).await?;
///     while let Some(message) = socket.recv().await? {
///         socket.send(message).await?;
///     }
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("ws://{}/", listener.local_addr()?);
/// # let client = tokio::spawn(async move { WebSocket::connect(&url).await });
/// let shutdown = Shutdown::new();
/// # let stream = listener.accept().await?.0;
/// let serving = tokio::spawn({
///     let shutdown = shutdown.clone();
///     async move { connection(stream, &shutdown).await }
/// });
/// # let mut client = client.await.unwrap()?;
/// shutdown.begin(1001, "")?;
/// # assert_eq!(client.recv().await?, None);
/// # assert_eq!(client.closed().unwrap().code, 1001);
/// serving.await.unwrap()
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// What all are closed with, once it has begun.
    begun: OnceLock<(CloseCode, Box<str>)>,
    watches: Mutex<Watches>,
}

/// All who watch and have not been woken.
#[derive(Default)]
struct Watches {
    next: u64,
    all: BTreeMap<u64, Arc<Slot>>,
    /// How many are to end after it has begun.
    members: usize,
    /// The tasks that wait until all have ended.
    waiting: Vec<Waker>,
}

/// One who watches.
pub(super) struct Watch(Arc<Slot>);

/// One whose end is waited for after the signal has begun, until it is dropped.
pub(in crate::io) struct Member(Arc<Shared>);

struct Slot {
    shared: Arc<Shared>,
    key: u64,
    waker: Mutex<Option<Waker>>,
}

impl Shutdown {
    /// Creates a signal that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to close all sockets that watch this signal, with this code and reason. A socket that
    /// comes to watch it later is closed at once.
    ///
    /// Only the first call counts: later ones change nothing.
    ///
    /// # Errors
    ///
    /// No Close frame can have this code, or the reason is longer than 123 bytes. Nothing has begun.
    pub fn begin(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), SendError> {
        let code = code.into();
        // A code of the other role is replaced by each socket.
        if code.as_sent_by(Role::Server).is_none() {
            return Err(SendError::InvalidCloseCode { code: code.as_u16() });
        }
        if reason.len() > MAX_REASON_LEN {
            return Err(SendError::ReasonTooLong { len: reason.len() });
        }
        if self.shared.begun.set((code, reason.into())).is_ok() {
            let all = core::mem::take(&mut self.shared.lock().all);
            for slot in all.into_values() {
                slot.wake();
            }
            self.shared.wake_if_ended();
        }
        Ok(())
    }

    /// Returns whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.shared.begun.get().is_some()
    }

    /// Waits until it begins, for example beside an accept loop.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped at any time.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + Sync + Unpin + use<> {
        let watch = self.watch();
        poll_fn(move |cx| match watch.poll(cx.waker()) {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        })
    }

    /// Waits until it has begun and all sockets that watched it are gone: closed by both ends, or
    /// given up after [`Config::close_timeout`](crate::Config::close_timeout), and dropped by their
    /// tasks. A server waits for this before its process ends. Add a timeout, for tasks that keep
    /// their sockets.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped at any time.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + Sync + Unpin + use<> {
        let shared = Arc::clone(&self.shared);
        poll_fn(move |cx| shared.poll_ended(cx.waker()))
    }

    /// Counts one whose end is waited for.
    pub(in crate::io) fn member(&self) -> Member {
        self.shared.lock().members += 1;
        Member(Arc::clone(&self.shared))
    }

    pub(super) fn watch(&self) -> Watch {
        let shared = Arc::clone(&self.shared);
        let mut watches = self.shared.lock();
        let key = watches.next;
        watches.next += 1;
        let slot = Arc::new(Slot { shared, key, waker: Mutex::default() });
        if !self.has_begun() {
            watches.all.insert(key, Arc::clone(&slot));
        }
        Watch(slot)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watches> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_ended(&self, waker: &Waker) -> Poll<()> {
        let mut watches = self.lock();
        if self.begun.get().is_some() && watches.members == 0 {
            return Poll::Ready(());
        }
        if !watches.waiting.iter().any(|known| known.will_wake(waker)) {
            watches.waiting.push(waker.clone());
        }
        Poll::Pending
    }

    /// Wakes the tasks that wait for the end, if it has come.
    fn wake_if_ended(&self) {
        let mut watches = self.lock();
        let has_ended = self.begun.get().is_some() && watches.members == 0;
        let waiting = if has_ended { core::mem::take(&mut watches.waiting) } else { Vec::new() };
        // The lock is free again before anything is woken.
        drop(watches);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.lock().members -= 1;
        self.0.wake_if_ended();
    }
}

impl Watch {
    /// Returns what to close with if it has begun. If not, `waker` is woken when it does.
    pub(super) fn poll(&self, waker: &Waker) -> Option<(CloseCode, &str)> {
        // Before the look, or one that begins meanwhile would wake nobody.
        self.0.register(waker);
        self.0.shared.begun.get().map(|(code, reason)| (*code, &**reason))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Dropped after the lock is free again.
        let slot = self.0.shared.lock().all.remove(&self.0.key);
        drop(slot);
    }
}

impl Slot {
    fn register(&self, waker: &Waker) {
        match &mut *self.lock() {
            Some(registered) => registered.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        // The lock is free again before anything is woken.
        let waker = self.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("begun", &self.shared.begun.get()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").finish_non_exhaustive()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.key).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_watch_no_more_leave_nothing_behind() {
        let shutdown = Shutdown::new();
        for _ in 0..1000 {
            let watch = shutdown.watch();
            assert!(watch.poll(Waker::noop()).is_none());
        }
        let watches: Vec<_> = (0..10).map(|_| shutdown.watch()).collect();
        assert_eq!(shutdown.shared.lock().all.len(), 10);
        drop(watches);
        assert!(shutdown.shared.lock().all.is_empty());
        shutdown.begin(1001, "").unwrap();
        let late = shutdown.watch();
        assert!(late.poll(Waker::noop()).is_some());
        assert!(shutdown.shared.lock().all.is_empty());
    }
}
