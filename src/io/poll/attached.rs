//! What only some sockets have beside their connection: signals that they watch, an heir that takes
//! them over when they are dropped, and tasks that wait in a `Stream` or a `Sink`; knows no frames.

use alloc::boxed::Box;
use alloc::sync::Weak;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};
use core::task::Waker;
use std::sync::{Mutex, PoisonError};

use super::WebSocket;
use super::combinators::Waiting;
use super::shell::Shell;
use super::shutdown::{Shutdown, Watch};
use super::transport::PollTransport;
use crate::driver::Driver;

/// What few sockets have. A socket without it holds no more than an empty pointer.
#[derive(Debug)]
pub(super) struct Attached<T> {
    /// Kept when a signal has begun, which waits for their end.
    watches: Vec<Watch>,
    is_shut_down: bool,
    pub(super) heir: Option<Weak<Slot<T>>>,
    pub(super) waiting: Waiting,
}

/// Where the heir of a socket finds it.
pub(super) type Slot<T> = Mutex<Option<Box<Shell<T>>>>;

/// A shell that is handed on when it is dropped, if somebody waits for it.
#[derive(Debug)]
pub(super) struct Kept<T>(
    /// Never empty before it is dropped or taken.
    Option<Shell<T>>,
);

impl<T: PollTransport> WebSocket<T> {
    /// Closes this socket when `shutdown` begins, or at once if it has begun.
    ///
    /// The socket closes by itself in whatever call waits then, as by
    /// [`Driver::shut_down`](crate::driver::Driver::shut_down): what is queued leaves first, then
    /// the Close frame with the signal's code and reason. [`recv`](Self::recv) returns `None` when
    /// the peer has answered, or an error after
    /// [`Config::close_timeout`](crate::Config::close_timeout). A call that waits to send fails with
    /// [`SendError::Closed`](crate::SendError::Closed). While no call waits, nothing happens; the
    /// next one closes.
    ///
    /// In its [opening handshake](Self::open), a server answers with the status 503, and a client
    /// gives up. A socket can watch several signals: the first that begins closes it. Both halves of
    /// a [split](Self::split) socket watch it still; [`into_parts`](Self::into_parts) ends that.
    #[doc(alias = "graceful")]
    pub fn shut_down_on(&mut self, shutdown: &Shutdown) {
        let attached = self.shell.attached.get_or_insert_default();
        // Few watch more than one, and many watch one.
        attached.watches.reserve_exact(1);
        attached.watches.push(shutdown.watch_as_member());
    }
}

impl<T> Attached<T> {
    /// Shuts the driver down if a signal has begun, and returns whether it did. If not, `waker` is
    /// woken when one does.
    #[inline]
    pub(super) fn shut_down(
        attached: &mut Option<Box<Self>>,
        driver: &mut Driver,
        waker: &Waker,
    ) -> bool {
        let Some(attached) = attached.as_mut().filter(|attached| !attached.is_shut_down) else {
            return false;
        };
        let Some((code, reason)) = attached.watches.iter().find_map(|watch| watch.poll(waker))
        else {
            return false;
        };
        // The signal has no other codes than connections can end with.
        let _ = driver.shut_down(code, reason);
        attached.is_shut_down = true;
        true
    }
}

impl<T> Default for Attached<T> {
    fn default() -> Self {
        Self { watches: Vec::new(), is_shut_down: false, heir: None, waiting: Waiting::default() }
    }
}

impl<T> Kept<T> {
    pub(super) const fn new(shell: Shell<T>) -> Self {
        Self(Some(shell))
    }

    /// Takes the shell, which is then handed on to nobody.
    #[expect(clippy::expect_used, reason = "it is consumed, and was not empty")]
    pub(super) fn into_shell(mut self) -> Shell<T> {
        self.0.take().expect("a shell")
    }
}

impl<T> Deref for Kept<T> {
    type Target = Shell<T>;

    #[inline]
    #[expect(clippy::expect_used, reason = "it is empty only when it is gone")]
    fn deref(&self) -> &Shell<T> {
        self.0.as_ref().expect("a shell")
    }
}

impl<T> DerefMut for Kept<T> {
    #[inline]
    #[expect(clippy::expect_used, reason = "it is empty only when it is gone")]
    fn deref_mut(&mut self) -> &mut Shell<T> {
        self.0.as_mut().expect("a shell")
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        let Some(mut shell) = self.0.take() else { return };
        let heir = shell.attached.as_mut().and_then(|attached| attached.heir.take());
        if let Some(heir) = heir.and_then(|heir| heir.upgrade()) {
            *heir.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(shell));
        }
    }
}
