//! The handle of a running server: its commands and its figures; knows no sockets.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::time::Duration;

use ::tokio::sync::watch;
use ::tokio::time::Instant;

use super::stats::{Counters, Stats};
use crate::close::CloseCode;
use crate::error::SendError;
use crate::io::poll::Shutdown;

/// Shuts a [`Server`](crate::io::tokio::Server) down, and tells its figures. Clones are handles of the same
/// server.
#[derive(Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

/// What a server and its handles share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) shutdown: Shutdown,
    pub(super) counters: Arc<Counters>,
    /// When to drop what is left, once the shutdown has begun.
    pub(super) deadline: watch::Sender<Option<Instant>>,
}

impl ServerHandle {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Begins a graceful shutdown, and returns at once. The future of the server completes when all
    /// connections have ended, `limit` from now at the latest.
    ///
    /// The server no longer listens; TLS handshakes under way are dropped; requests under way are
    /// answered with 503; open connections are closed with this code and reason, after all messages
    /// that are queued. Usual codes are 1001 "going away" and 1012 "service restart". A code that
    /// a server may not send is replaced as [`CloseCode::as_sent_by`] says: 1005 sends a Close frame
    /// without a code, or 1000 if there is a reason; 1006 sends 1001; 1010 and 1015 send 1011. At the
    /// end of `limit`, the handlers that still run are dropped, at their next `.await`.
    ///
    /// A later call can only bring the end forward: it keeps the code and the earlier deadline. A
    /// `limit` of 0 drops everything at once.
    ///
    /// # Errors
    ///
    /// [`SendError::InvalidCloseCode`] for a code below 1000, 1004, 1016 to 2999, or above 4999.
    /// [`SendError::ReasonTooLong`] for a reason of more than 123 bytes. Nothing has begun.
    #[doc(alias = "graceful")]
    #[doc(alias = "stop")]
    pub fn shut_down(
        &self,
        code: impl Into<CloseCode>,
        reason: &str,
        limit: Duration,
    ) -> Result<(), SendError> {
        self.shared.shutdown.begin(code, reason)?;
        let until = Instant::now() + limit.min(FAR);
        self.shared.deadline.send_if_modified(|deadline| {
            let is_sooner = deadline.is_none_or(|earlier| until < earlier);
            if is_sooner {
                *deadline = Some(until);
            }
            is_sooner
        });
        Ok(())
    }

    /// Returns whether the shutdown has begun. A handler can ask it, for example to begin nothing
    /// new.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shared.shutdown.has_begun()
    }

    /// Waits until the shutdown begins: for what the application has to stop beside the connections.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped at any time.
    pub fn shutting_down(&self) -> impl Future<Output = ()> + Send + Sync + Unpin + use<> {
        self.shared.shutdown.begun()
    }

    /// Returns the figures until now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.counters.snapshot()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// Thirty years: later than any server runs, and not later than clocks can count.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);
