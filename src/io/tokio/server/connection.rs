//! One connection of a server: its handshake, its handler, and its end; accepts none.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::Future;
#[cfg(feature = "rustls")]
use core::future::poll_fn;
use core::pin::Pin;
#[cfg(feature = "rustls")]
use core::task::Poll;

use super::error::ServerError;
use super::handle::Shared;
use super::limits::{PerAddress, Place};
use super::listener::Peer;
use super::stats::{End, Entry};
use crate::connection::Config;
use crate::driver::Driver;
use crate::handshake::{Acceptance, HandshakeError, HeadLimits, Request, Response};
use crate::io::Error;
use crate::io::poll::Salvage;
#[cfg(feature = "rustls")]
use crate::io::tls::ServerTls;
use crate::io::tokio::handler::{Failure, serve};
use crate::io::tokio::panics::{Panic, catch, catch_in};
#[cfg(feature = "rustls")]
use crate::io::tokio::tls;
use crate::io::tokio::{NetStream, Stream, WebSocket};

/// What holds for all connections of a server.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) limits: HeadLimits,
    pub(super) max_connections: usize,
    pub(super) per_address: PerAddress,
    pub(super) on_error: Option<Box<Report>>,
    #[cfg(feature = "rustls")]
    pub(super) tls: Option<ServerTls>,
    pub(super) shared: Arc<Shared>,
}

type Report = dyn Fn(ServerError) + Send + Sync;

/// A connection that was accepted, in its handshake.
pub(super) struct Arrival {
    stream: NetStream,
    client: Client,
    place: Option<Place>,
}

/// A connection that is open and has no handler yet.
pub(super) struct Admitted<U> {
    socket: WebSocket<NetStream>,
    user: U,
    client: Client,
}

/// Whose connection it is, and where it is counted.
struct Client {
    peer: Peer,
    entry: Entry,
    settings: Arc<Settings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            config: Config::default(),
            limits: HeadLimits::default(),
            max_connections: usize::MAX,
            per_address: PerAddress::default(),
            on_error: None,
            #[cfg(feature = "rustls")]
            tls: None,
            shared: Arc::default(),
        }
    }
}

impl Settings {
    /// Reports an error, if that is wanted. The server does not depend on how that goes.
    pub(super) fn report(&self, error: ServerError) {
        if let Some(report) = &self.on_error {
            let _ = catch(|| report(error));
        }
    }
}

impl Settings {
    /// Puts TLS on a stream, where the server has it. A shutdown drops the stream: within a TLS
    /// handshake, there is no answer to give.
    #[cfg(feature = "rustls")]
    async fn secure(&self, stream: NetStream) -> Result<NetStream, Error> {
        let Some(tls) = &self.tls else { return Ok(stream) };
        let mut handshake = tls::accept(stream, tls, self.limits.timeout);
        let mut begun = self.shared.shutdown.begun();
        poll_fn(|cx| match Pin::new(&mut handshake).poll(cx) {
            Poll::Pending => {
                Pin::new(&mut begun).poll(cx).map(|()| Err(HandshakeError::ShutDown.into()))
            }
            ended @ Poll::Ready(_) => ended,
        })
        .await
    }

    #[cfg(not(feature = "rustls"))]
    #[expect(clippy::unused_async, reason = "a handshake of TLS would wait")]
    async fn secure(&self, stream: NetStream) -> Result<NetStream, Error> {
        Ok(stream)
    }
}

impl Arrival {
    /// Counts a connection that was accepted. `None` if its address has too many handshakes already.
    pub(super) fn new(settings: &Arc<Settings>, stream: NetStream, peer: Peer) -> Option<Self> {
        let mut entry = Entry::new(&settings.shared.counters);
        let Ok(place) = settings.per_address.enter(peer.address) else {
            entry.end(End::OverLimit);
            return None;
        };
        let client = Client { peer, entry, settings: Arc::clone(settings) };
        Some(Self { stream, client, place })
    }

    /// Does the handshake, and lets `decide` answer the request. `None` if the connection has ended.
    pub(super) async fn admit<U, A>(
        self,
        decide: Result<impl FnOnce(Request, Peer) -> A, Panic>,
    ) -> Option<Box<Admitted<U>>>
    where
        A: Future<Output = Result<(Acceptance, U), Response>>,
    {
        let Self { stream, mut client, place } = self;
        let settings = Arc::clone(&client.settings);
        let stream = match settings.secure(stream).await {
            Ok(stream) => stream,
            Err(error) => return client.end_handshake(error),
        };
        let driver = Driver::server_with(&settings.limits, &settings.config);
        let mut socket = WebSocket::from_driver(stream, driver);
        socket.shut_down_on(&settings.shared.shutdown);
        let mut user = None;
        let opened = socket.open(async |request: &Request| {
            let (acceptance, found) = client.decide(request, decide).await?;
            user = Some(found);
            Ok(acceptance)
        });
        match (opened.await, user) {
            (Ok(()), Some(user)) => {
                client.entry.open();
                drop(place);
                Some(Box::new(Admitted { socket, user, client }))
            }
            (Err(error), _) => client.end_handshake(error),
            // It is open only if it was accepted.
            (Ok(()), None) => None,
        }
    }
}

impl<U> Admitted<U> {
    /// Begins to serve it. The rest is a task of its own.
    pub(super) fn serve<R: Future<Output = Result<(), Error>>>(
        self,
        handle: Result<impl FnOnce(WebSocket<NetStream>, U) -> R, Panic>,
    ) -> impl Future<Output = ()> {
        let Self { mut socket, user, client } = self;
        let salvage = socket.salvage();
        // Called here: a task that called it would hold the place of the socket twice.
        let handler = handle.and_then(|handle| catch(|| Box::pin(handle(socket, user))));
        client.serve(handler, salvage)
    }
}

impl Client {
    /// Lets `decide` answer a request, if there is a place for another connection.
    async fn decide<U, A>(
        &mut self,
        request: &Request,
        decide: Result<impl FnOnce(Request, Peer) -> A, Panic>,
    ) -> Result<(Acceptance, U), Response>
    where
        A: Future<Output = Result<(Acceptance, U), Response>>,
    {
        if !self.entry.reserve(self.settings.max_connections) {
            self.entry.end(End::OverLimit);
            return Err(Response::new(503).header("Retry-After", RETRY_AFTER)?);
        }
        let (request, peer) = (request.clone(), self.peer.clone());
        let decided = match decide {
            Ok(decide) => catch_in(Box::pin(async { decide(request, peer).await })).await,
            Err(panic) => Err(panic),
        };
        let decided = decided.unwrap_or_else(|panic| {
            self.panicked(panic);
            Err(Response::new(500))
        });
        if decided.is_err() {
            // The client may take its time to read that.
            self.entry.release();
        }
        decided
    }

    /// Counts a handshake that came to nothing.
    fn end_handshake<U>(mut self, error: Error) -> Option<Box<Admitted<U>>> {
        if let Error::Rejected { .. } | Error::Handshake { error: HandshakeError::ShutDown, .. } =
            error
        {
            // By `decide` or the shutdown, unless a limit or a panic was noted before.
            self.entry.end(End::Refused);
            return None;
        }
        self.entry.end(End::HandshakeFailed);
        if !matches!(error, Error::Handshake { error: HandshakeError::NoRequest { .. }, .. }) {
            let (peer, error) = (self.peer.clone(), Box::new(error));
            self.settings.report(ServerError::Handshake { peer, error });
        }
        None
    }

    /// Waits for the handler, then closes what it has left open.
    async fn serve<R: Future<Output = Result<(), Error>>>(
        mut self,
        handler: Result<Pin<Box<R>>, Panic>,
        salvage: Salvage<Stream<NetStream>>,
    ) {
        let shared = Arc::clone(&self.settings.shared);
        let report = |failure| match failure {
            Failure::Error(error) => self.failed(error),
            Failure::Panic(panic) => self.panicked(panic),
        };
        serve(handler, salvage, || shared.shutdown.has_begun(), report).await;
        self.entry.end(End::Closed);
    }

    fn failed(&mut self, error: Error) {
        self.entry.end(End::Failed);
        let (peer, error) = (self.peer.clone(), Box::new(error));
        self.settings.report(ServerError::Connection { peer, error });
    }

    fn panicked(&mut self, Panic(message): Panic) {
        self.entry.end(End::Panicked);
        let peer = self.peer.clone();
        self.settings.report(ServerError::Panic { peer, message });
    }
}

/// When a client may try again that was one too many, in seconds.
const RETRY_AFTER: &str = "5";
