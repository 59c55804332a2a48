//! The loop of a server: accepts, has handshakes and handlers run in tasks, and ends them; knows no
//! protocol.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use ::tokio::sync::watch;
use ::tokio::task::JoinSet;
use ::tokio::time::{Instant, timeout, timeout_at};

use super::connection::{Admitted, Arrival, Settings};
use super::error::ServerError;
use super::listener::{Incoming, Listener, Peer};
use super::stats::Stats;
use crate::handshake::{Acceptance, Request, Response};
use crate::io::Error;
use crate::io::tokio::panics::catch;
use crate::io::tokio::{NetStream, WebSocket};

/// A server that runs.
pub(super) struct Serving<U> {
    /// `None` once the shutdown has begun.
    incoming: Option<Incoming>,
    settings: Arc<Settings>,
    max_handshakes: usize,
    handshakes: JoinSet<Option<Box<Admitted<U>>>>,
    connections: JoinSet<()>,
}

/// What a server has to see to.
enum Turn<U> {
    Accepted(io::Result<(NetStream, Peer)>),
    Admitted(Box<Admitted<U>>),
    /// The shutdown begins, or its deadline has come.
    Due,
    /// Nothing is left.
    Empty,
}

impl<U: Send + 'static> Serving<U> {
    pub(super) fn new(listener: Listener, settings: Settings, max_handshakes: usize) -> Self {
        Self {
            incoming: Some(Incoming::new(listener)),
            settings: Arc::new(settings),
            max_handshakes,
            handshakes: JoinSet::new(),
            connections: JoinSet::new(),
        }
    }

    pub(super) async fn run<D, A, H, R>(mut self, decide: D, handle: H) -> Stats
    where
        D: FnOnce(Request, Peer) -> A + Clone + Send + 'static,
        A: Future<Output = Result<(Acceptance, U), Response>> + Send + 'static,
        H: FnOnce(WebSocket<NetStream>, U) -> R + Clone + Send + 'static,
        R: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let mut deadline = self.settings.shared.deadline.subscribe();
        {
            let mut begun = pin!(begins(&mut deadline));
            loop {
                match poll_fn(|cx| self.poll_turn(begun.as_mut(), cx)).await {
                    Turn::Accepted(accepted) => self.accept(accepted, &decide),
                    Turn::Admitted(admitted) => self.serve(*admitted, &handle),
                    Turn::Due | Turn::Empty => break,
                }
            }
        }
        // New clients are refused by the system.
        self.incoming = None;
        {
            let mut over = pin!(passes(&mut deadline));
            loop {
                match poll_fn(|cx| self.poll_turn(over.as_mut(), cx)).await {
                    Turn::Accepted(_) => {}
                    // It is closed as soon as it is served.
                    Turn::Admitted(admitted) => self.serve(*admitted, &handle),
                    Turn::Due | Turn::Empty => break,
                }
            }
        }
        self.abort().await
    }

    fn accept<D, A>(&mut self, accepted: io::Result<(NetStream, Peer)>, decide: &D)
    where
        D: FnOnce(Request, Peer) -> A + Clone + Send + 'static,
        A: Future<Output = Result<(Acceptance, U), Response>> + Send + 'static,
    {
        match accepted {
            Ok((stream, peer)) => {
                if let Some(arrival) = Arrival::new(&self.settings, stream, peer) {
                    // A panic of the clone belongs to this connection.
                    self.handshakes.spawn(arrival.admit(catch(|| decide.clone())));
                }
            }
            Err(error) => {
                self.settings.shared.counters.note_accept_error();
                self.settings.report(ServerError::Accept(error));
            }
        }
    }

    fn serve<H, R>(&mut self, admitted: Admitted<U>, handle: &H)
    where
        H: FnOnce(WebSocket<NetStream>, U) -> R + Clone + 'static,
        R: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.connections.spawn(admitted.serve(catch(|| handle.clone())));
    }

    /// Waits for something to see to, or until `due` completes.
    fn poll_turn(
        &mut self,
        due: Pin<&mut impl Future<Output = ()>>,
        cx: &mut Context<'_>,
    ) -> Poll<Turn<U>> {
        if due.poll(cx).is_ready() {
            return Poll::Ready(Turn::Due);
        }
        // Tasks that have ended are let go. The tasks catch panics themselves.
        while let Poll::Ready(Some(_)) = self.connections.poll_join_next(cx) {}
        while let Poll::Ready(Some(ended)) = self.handshakes.poll_join_next(cx) {
            if let Ok(Some(admitted)) = ended {
                return Poll::Ready(Turn::Admitted(admitted));
            }
        }
        let Some(incoming) = &mut self.incoming else {
            let is_empty = self.handshakes.is_empty() && self.connections.is_empty();
            return if is_empty { Poll::Ready(Turn::Empty) } else { Poll::Pending };
        };
        if self.handshakes.len() >= self.max_handshakes {
            // The next handshake that ends wakes this task.
            return Poll::Pending;
        }
        Poll::Ready(Turn::Accepted(ready!(incoming.poll_accept(cx))))
    }

    /// Drops all that is left, and returns the figures.
    async fn abort(mut self) -> Stats {
        self.handshakes.abort_all();
        self.connections.abort_all();
        // Each is dropped where it waits; one that does not wait is not waited for.
        let dropped = async {
            while self.handshakes.join_next().await.is_some() {}
            while self.connections.join_next().await.is_some() {}
        };
        let _ = timeout(GRACE, dropped).await;
        let mut stats = self.settings.shared.counters.snapshot();
        stats.aborted += core::mem::take(&mut stats.handshakes);
        stats.aborted += core::mem::take(&mut stats.connections);
        stats
    }
}

/// Waits until the shutdown begins.
async fn begins(deadline: &mut watch::Receiver<Option<Instant>>) {
    // The server itself holds what could go away.
    let _ = deadline.wait_for(Option::is_some).await;
}

/// Waits until the deadline of the shutdown, which may be brought forward.
async fn passes(deadline: &mut watch::Receiver<Option<Instant>>) {
    loop {
        let until = *deadline.borrow_and_update();
        let Some(until) = until else { return };
        if timeout_at(until, deadline.changed()).await.is_err() {
            return;
        }
    }
}

/// How long tasks that are dropped are waited for.
const GRACE: Duration = Duration::from_millis(100);
