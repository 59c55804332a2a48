//! A server before it serves: its options; accepts nothing itself.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use std::io;

use ::tokio::net::{TcpListener, ToSocketAddrs};

use super::connection::Settings;
use super::error::ServerError;
use super::handle::ServerHandle;
use super::listener::{Listener, Peer};
use super::serving::Serving;
use super::stats::Stats;
use crate::connection::Config;
use crate::handshake::{Acceptance, HeadLimits, Request, Response};
use crate::io::Error;
#[cfg(feature = "rustls")]
use crate::io::tls::ServerTls;
use crate::io::tokio::{NetStream, WebSocket};

/// A server that accepts connections and serves each in a task of its own.
///
/// The page of the [module](super) has an example and the limits.
#[doc(alias = "accept")]
#[doc(alias = "listen")]
pub struct Server {
    listener: Listener,
    settings: Settings,
    max_handshakes: usize,
}

impl Server {
    /// Listens on a TCP address, such as `"0.0.0.0:9001"`. Port 0 is a free one:
    /// [`local_addr`](Self::local_addr) tells which.
    ///
    /// # Errors
    ///
    /// The host was not found, or the address is in use or not allowed.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::new(TcpListener::bind(address).await?))
    }

    /// Accepts the connections of a `TcpListener` or `UnixListener` of tokio.
    #[must_use]
    pub fn new(listener: impl Into<Listener>) -> Self {
        Self {
            listener: listener.into(),
            settings: Settings::default(),
            max_handshakes: MAX_HANDSHAKES,
        }
    }

    /// Sets the options of all connections.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.settings.config = config;
        self
    }

    /// Sets the limits of requests. [`HeadLimits::timeout`] is also the time that `decide` may take.
    #[must_use]
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Accepts over TLS, and nothing else. The TLS handshake, the request and `decide` have the time
    /// of [`HeadLimits::timeout`] each.
    #[cfg(feature = "rustls")]
    #[doc(alias = "wss")]
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.settings.tls = Some(tls);
        self
    }

    /// Limits how many connections are open at once. A client beyond that gets the status 503 with
    /// `Retry-After`, and `decide` is not called. Without a limit by default: what a connection
    /// costs is known to the application.
    ///
    /// A process also has a limit of file descriptors (`ulimit -n`).
    #[must_use]
    pub const fn max_connections(mut self, limit: usize) -> Self {
        self.settings.max_connections = limit;
        self
    }

    /// Limits how many handshakes are under way at once, 1,024 by default and 1 at least. While
    /// there are that many, nothing is accepted: clients wait in the system's queue. How long one
    /// handshake can take is said under [limits](super#limits).
    #[must_use]
    pub const fn max_handshakes(mut self, limit: usize) -> Self {
        self.max_handshakes = if limit == 0 { 1 } else { limit };
        self
    }

    /// Limits how many handshakes of one address are under way at once, so that one client cannot
    /// occupy them all. A connection beyond that is dropped without an answer. Addresses of IPv6
    /// count by their first 64 bits, which one client usually has all of.
    ///
    /// Without a limit by default: behind a reverse proxy, all clients have the address of the
    /// proxy. A server that clients connect to directly should set it, for example to 32. It does
    /// not apply to Unix sockets.
    #[must_use]
    pub fn max_handshakes_per_address(mut self, limit: impl Into<Option<usize>>) -> Self {
        self.settings.per_address.set_limit(limit.into());
        self
    }

    /// Calls `report` with each error of `accept`, of a handshake and of a handler, and with each
    /// panic. By default, they are only [counted](Stats).
    ///
    /// Not reported: requests that `decide` answers otherwise, and connections that end without a
    /// request, as browsers make them. `report` runs in the tasks of the server: it should not
    /// block. If it panics, that is ignored.
    #[doc(alias = "log")]
    #[must_use]
    pub fn on_error(mut self, report: impl Fn(ServerError) + Send + Sync + 'static) -> Self {
        self.settings.on_error = Some(Box::new(report));
        self
    }

    /// Returns the TCP address that the server listens on.
    ///
    /// # Errors
    ///
    /// It listens on a Unix socket, or the system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns a handle of this server, to shut it down and to see its figures. It also works before
    /// [`serve`](Self::serve).
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(Arc::clone(&self.settings.shared))
    }

    /// Accepts every valid request for a WebSocket, and serves each connection by a call of
    /// `handle`. Returns after the server was [shut down](ServerHandle::shut_down).
    ///
    /// `handle` is an `async` closure or function. It is cloned for each connection, so what it
    /// captures must be `Clone`, such as an `Arc`:
    ///
    /// ```no_run
    /// use sanswire::io::tokio::Server;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// # async fn f() -> std::io::Result<()> {
    /// let messages = Arc::new(AtomicU64::new(0));
    /// let stats = Server::bind("127.0.0.1:9001").await?.serve(async move |mut socket| {
    ///     while let Some(message) = socket.recv().await? {
    ///         messages.fetch_add(1, Ordering::Relaxed);
    ///         socket.send(message).await?;
    ///     }
    ///     Ok(())
    /// });
    /// println!("{:?}", stats.await);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the listener, all handshakes and all connections are dropped.
    pub fn serve<H, R>(self, handle: H) -> impl Future<Output = Stats> + Send + use<H, R>
    where
        H: FnOnce(WebSocket<NetStream>) -> R + Clone + Send + 'static,
        R: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let accept_all = async |_: Request, _: Peer| Ok((Acceptance::new(), ()));
        self.serve_with(accept_all, move |socket, ()| handle(socket))
    }

    /// Serves as [`serve`](Self::serve), but lets `decide` accept each request, or answer it with a
    /// refusal or a page. What it returns beside the [`Acceptance`] is passed on to `handle`: the
    /// user, the path, or the [`Request`] itself.
    ///
    /// `decide` sees every well-formed HTTP request, as that of
    /// [`WebSocket::accept_with`](crate::io::poll::WebSocket::accept_with). It may wait, for
    /// [`HeadLimits::timeout`] at most; then the client gets the status 503.
    ///
    /// The page of the [module](super) has an example with functions. Both can be closures, too; what they
    /// capture must be `Clone`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the listener, all handshakes and all connections are dropped.
    #[doc(alias = "authentication")]
    pub fn serve_with<D, A, U, H, R>(
        self,
        decide: D,
        handle: H,
    ) -> impl Future<Output = Stats> + Send + use<D, A, U, H, R>
    where
        D: FnOnce(Request, Peer) -> A + Clone + Send + 'static,
        A: Future<Output = Result<(Acceptance, U), Response>> + Send + 'static,
        U: Send + 'static,
        H: FnOnce(WebSocket<NetStream>, U) -> R + Clone + Send + 'static,
        R: Future<Output = Result<(), Error>> + Send + 'static,
    {
        Serving::new(self.listener, self.settings, self.max_handshakes).run(decide, handle)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// Enough for the clients of a server that was restarted, and not so many that peers that say
/// nothing take all file descriptors.
const MAX_HANDSHAKES: usize = 1_024;
