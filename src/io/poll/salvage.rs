//! Takes over a socket that its owner drops, also by a panic; knows no signals.

use alloc::sync::Arc;
use std::sync::PoisonError;

use super::WebSocket;
use super::attached::{Kept, Slot};
use super::transport::PollTransport;

/// Where a socket is found that its owner has dropped. Without it, such a socket is gone.
pub(in crate::io) struct Salvage<T>(Arc<Slot<T>>);

impl<T: PollTransport> WebSocket<T> {
    /// Has this socket taken over when it is dropped.
    pub(in crate::io) fn salvage(&mut self) -> Salvage<T> {
        let slot = Arc::default();
        self.shell.attached.get_or_insert_default().heir = Some(Arc::downgrade(&slot));
        Salvage(slot)
    }
}

impl<T> Salvage<T> {
    /// Returns the socket if its owner has dropped it.
    pub(in crate::io) fn take(self) -> Option<WebSocket<T>> {
        let shell = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        shell.map(|shell| WebSocket { shell: Kept::new(*shell) })
    }
}
