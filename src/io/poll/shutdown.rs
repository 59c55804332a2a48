//! The signal `Shutdown`, and the wakers of the tasks that wait for it; knows no connection.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
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
    waiting: BTreeMap<u64, Waker>,
}

/// One who watches.
pub(in crate::io) struct Watch(Arc<Slot>);

/// One who waits until all have ended.
struct Waiter {
    shared: Arc<Shared>,
    key: u64,
}

struct Slot {
    shared: Arc<Shared>,
    key: u64,
    is_member: bool,
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
    /// A code that may not be sent is replaced as [`CloseCode::as_sent_by`] says: 1005 sends a Close
    /// frame without a code, or 1000 if there is a reason; 1006 sends 1001; 1015 sends 1011.
    ///
    /// Only the first call counts: later ones change nothing.
    ///
    /// # Errors
    ///
    /// [`SendError::InvalidCloseCode`] for a code below 1000, 1004, 1016 to 2999, or above 4999.
    /// [`SendError::ReasonTooLong`] for a reason of more than 123 bytes. Nothing has begun.
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
        let watch = self.watch(false);
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
        let waiter = Waiter { shared: Arc::clone(&self.shared), key: self.shared.lock().new_key() };
        poll_fn(move |cx| waiter.poll(cx.waker()))
    }

    /// Watches for one whose end is waited for, until the watch is dropped.
    pub(in crate::io) fn watch_as_member(&self) -> Watch {
        self.watch(true)
    }

    fn watch(&self, is_member: bool) -> Watch {
        let shared = Arc::clone(&self.shared);
        let mut watches = self.shared.lock();
        watches.members += usize::from(is_member);
        let key = watches.new_key();
        let slot = Arc::new(Slot { shared, key, is_member, waker: Mutex::default() });
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

    fn has_ended(&self, watches: &Watches) -> bool {
        self.begun.get().is_some() && watches.members == 0
    }

    /// Wakes the tasks that wait for the end, if it has come.
    fn wake_if_ended(&self) {
        let mut watches = self.lock();
        if self.has_ended(&watches) {
            let waiting = core::mem::take(&mut watches.waiting);
            // The lock is free again before anything is woken.
            drop(watches);
            waiting.into_values().for_each(Waker::wake);
        }
    }
}

impl Watches {
    const fn new_key(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Waiter {
    fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut watches = self.shared.lock();
        if self.shared.has_ended(&watches) {
            return Poll::Ready(());
        }
        let replaced = watches.waiting.insert(self.key, waker.clone());
        // Dropped after the lock is free again.
        drop(watches);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        // Dropped after the lock is free again.
        let waker = self.shared.lock().waiting.remove(&self.key);
        drop(waker);
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
        if self.0.is_member {
            self.0.shared.lock().members -= 1;
            self.0.shared.wake_if_ended();
        }
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

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.key).finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::task::Wake;
    use alloc::vec::Vec;
    use core::pin::Pin;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use core::task::Context;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(future: &mut (impl Future<Output = ()> + Unpin), count: &Arc<Count>) -> bool {
        let waker = Waker::from(Arc::clone(count));
        Pin::new(future).poll(&mut Context::from_waker(&waker)).is_ready()
    }

    #[test]
    fn all_who_wait_for_the_end_are_woken_once_by_the_last_member() {
        let shutdown = Shutdown::new();
        let members = [shutdown.watch_as_member(), shutdown.watch_as_member()];
        let counts = [Arc::<Count>::default(), Arc::default()];
        let mut ended = [shutdown.ended(), shutdown.clone().ended()];
        let woken = || counts.each_ref().map(|count| count.0.load(Ordering::Relaxed));
        for _ in 0..3 {
            assert!(!poll(&mut ended[0], &counts[0]) && !poll(&mut ended[1], &counts[1]));
        }
        shutdown.begin(1001, "").unwrap();
        let [first, last] = members;
        drop(first);
        assert_eq!(woken(), [0, 0]);
        drop(last);
        assert_eq!(woken(), [1, 1]);
        assert!(poll(&mut ended[0], &counts[0]) && poll(&mut ended[1], &counts[1]));
        // One who comes later waits for nobody.
        assert!(poll(&mut shutdown.ended(), &counts[0]));
    }

    #[test]
    fn a_begin_without_members_is_the_end() {
        let shutdown = Shutdown::new();
        drop(shutdown.watch_as_member());
        let (mut ended, count) = (shutdown.ended(), Arc::default());
        assert!(!poll(&mut ended, &count));
        shutdown.begin(1001, "").unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(poll(&mut ended, &count));
    }

    #[test]
    fn a_member_that_comes_after_the_begin_is_waited_for() {
        let shutdown = Shutdown::new();
        shutdown.begin(1001, "").unwrap();
        let (mut ended, count) = (shutdown.ended(), Arc::default());
        let member = shutdown.watch_as_member();
        assert!(!poll(&mut ended, &count));
        drop(member);
        assert!(poll(&mut ended, &count));
    }

    #[test]
    fn a_watch_of_a_member_is_waited_for_after_it_was_told() {
        let shutdown = Shutdown::new();
        let watch = shutdown.watch_as_member();
        shutdown.begin(1001, "").unwrap();
        assert!(watch.poll(Waker::noop()).is_some());
        let (mut ended, count) = (shutdown.ended(), Arc::default());
        assert!(!poll(&mut ended, &count));
        drop(watch);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(poll(&mut ended, &count));
    }

    #[test]
    fn one_who_waits_no_more_is_not_woken_and_leaves_nothing_behind() {
        let shutdown = Shutdown::new();
        let member = shutdown.watch_as_member();
        let (mut ended, count) = (shutdown.ended(), Arc::default());
        assert!(!poll(&mut ended, &count));
        drop(ended);
        assert!(shutdown.shared.lock().waiting.is_empty());
        assert_eq!(Arc::strong_count(&count), 1);
        shutdown.begin(1001, "").unwrap();
        drop(member);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn one_who_waits_from_another_task_is_woken_there() {
        let shutdown = Shutdown::new();
        let member = shutdown.watch_as_member();
        let (mut ended, [before, after]) = (shutdown.ended(), [Arc::default(), Arc::default()]);
        assert!(!poll(&mut ended, &before) && !poll(&mut ended, &after));
        shutdown.begin(1001, "").unwrap();
        drop(member);
        assert_eq!([before, after].map(|count| count.0.load(Ordering::Relaxed)), [0, 1]);
    }

    #[test]
    fn those_who_watch_no_more_leave_nothing_behind() {
        let shutdown = Shutdown::new();
        for _ in 0..1000 {
            let watch = shutdown.watch(false);
            assert!(watch.poll(Waker::noop()).is_none());
        }
        let watches: Vec<_> = (0..10).map(|_| shutdown.watch(false)).collect();
        assert_eq!(shutdown.shared.lock().all.len(), 10);
        drop(watches);
        assert!(shutdown.shared.lock().all.is_empty());
        shutdown.begin(1001, "").unwrap();
        let late = shutdown.watch(false);
        assert!(late.poll(Waker::noop()).is_some());
        assert!(shutdown.shared.lock().all.is_empty());
    }
}
