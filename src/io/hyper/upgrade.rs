//! A request for a WebSocket in a server of hyper or axum: its options and its answer; knows no
//! frames.

use alloc::boxed::Box;
use alloc::format;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{Write, stderr};

use ::http::{Extensions, Response as HttpResponse, Version};
use ::hyper::upgrade::OnUpgrade as Upgrading;
use ::tokio::spawn;
use ::tokio::time::{Sleep, sleep};
use bytes::Bytes;
use http_body_util::Full;

use super::{Rejection, UpgradeError};
use crate::connection::{Config, Connection};
#[cfg(feature = "deflate")]
use crate::extension::DeflateConfig;
use crate::handshake::{
    Acceptance, HandshakeError, HttpVersion, OriginPolicy, Preference, Request, select_subprotocol,
};
use crate::io::poll::Shutdown;
use crate::io::poll::shutdown::Watch;
use crate::io::tokio::handler::{Failure, serve};
use crate::io::tokio::panics::{Panic, catch};
use crate::io::tokio::{NetStream, WebSocket};
use crate::io::{Error, HttpError};

/// A valid request for a WebSocket, over HTTP/1.1 or HTTP/2, that waits for its answer.
///
/// Choose the options, then answer: [`on_open`](Self::on_open) serves the socket in a task of its
/// own, [`accept`](Self::accept) returns it. To refuse, drop it and return another response. With the
/// feature `axum`, it is an extractor.
///
/// Nothing is granted unless an option says so: no subprotocol, no compression; every origin is
/// accepted until [`origin`](Self::origin) is called.
#[must_use = "the request has not been answered"]
pub struct WebSocketUpgrade {
    request: Request,
    upgrading: Upgrading,
    acceptance: Acceptance,
    config: Config,
    shutdown: Option<Shutdown>,
    on_error: Option<Box<Report>>,
}

type Report = dyn FnMut(UpgradeError) + Send;

impl WebSocketUpgrade {
    /// Checks a request, and takes the means to upgrade it.
    ///
    /// # Errors
    ///
    /// - The request does not ask for a WebSocket, or not in a valid form
    ///   ([`Request::check`]).
    /// - The server does not upgrade connections, or this crate was built without the feature
    ///   `http2` and the request came over HTTP/2.
    pub fn new<B>(request: &mut ::http::Request<B>) -> Result<Self, Rejection> {
        let (made, version) = (Request::try_from(&*request), request.version());
        Self::of(made, version, request.extensions_mut())
    }

    /// As [`new`](Self::new), by the request in two parts.
    pub(in crate::io) fn of(
        request: Result<Request, HandshakeError>,
        version: Version,
        extensions: &mut Extensions,
    ) -> Result<Self, Rejection> {
        let version = match version {
            Version::HTTP_2 => HttpVersion::Http2,
            Version::HTTP_3 => HttpVersion::Http3,
            _ => HttpVersion::Http11,
        };
        let rejected = |error| Rejection::new(error, version);
        let request = request.map_err(rejected)?;
        #[cfg(feature = "http2")]
        let request = match extensions.get::<::hyper::ext::Protocol>() {
            Some(protocol) => request.with_protocol(protocol.as_str()),
            None => request,
        };
        #[cfg(not(feature = "http2"))]
        if version == HttpVersion::Http2 && request.method() == "CONNECT" {
            return Err(Rejection::NO_HTTP2);
        }
        request.check().map_err(rejected)?;
        let upgrading = extensions.remove::<Upgrading>().ok_or(Rejection::NOT_UPGRADABLE)?;
        Ok(Self {
            request,
            upgrading,
            acceptance: Acceptance::new(),
            config: Config::default(),
            shutdown: None,
            on_error: None,
        })
    }

    /// Returns the request: its path, query, headers and origin.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Checks which page the request comes from.
    ///
    /// # Errors
    ///
    /// The policy does not allow its origin: 403.
    pub fn origin(self, policy: &OriginPolicy) -> Result<Self, Rejection> {
        match policy.check(&self.request) {
            Ok(()) => Ok(self),
            Err(error) => Err(Rejection::new(error, self.request.version())),
        }
    }

    /// Chooses the client's most preferred subprotocol of those that are supported. If there is none
    /// in common, none is chosen: [`WebSocket::protocol`](crate::io::poll::WebSocket::protocol) is
    /// empty then.
    pub fn subprotocols(mut self, supported: &[&str]) -> Self {
        let offered = self.request.subprotocols();
        let chosen = select_subprotocol(offered, supported, Preference::Client);
        self.acceptance = self.acceptance.subprotocol(chosen);
        self
    }

    /// Uses permessage-deflate (RFC 7692) if the client offers it with acceptable parameters.
    #[doc(alias = "compression")]
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, config: &DeflateConfig) -> Self {
        self.acceptance = self.acceptance.deflate(config);
        self
    }

    /// Sets all that is granted, with headers of the response. It replaces what
    /// [`subprotocols`](Self::subprotocols) and [`deflate`](Self::deflate) have chosen before.
    pub fn acceptance(self, acceptance: Acceptance) -> Self {
        Self { acceptance, ..self }
    }

    /// Sets the options of the connection.
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Closes the socket when `shutdown` begins
    /// ([`WebSocket::shut_down_on`](crate::io::poll::WebSocket::shut_down_on)).
    /// [`Shutdown::ended`] also waits for the handler.
    #[doc(alias = "graceful")]
    pub fn shut_down_on(self, shutdown: &Shutdown) -> Self {
        Self { shutdown: Some(shutdown.clone()), ..self }
    }

    /// Calls `report` if the socket does not come, or if the handler of [`on_open`](Self::on_open)
    /// fails or panics.
    ///
    /// By default, a socket that does not come is reported on the standard error: usually the server
    /// is set up wrongly, or the client left. Handlers that fail are not reported by default.
    ///
    /// If a layer replaces the response by a refusal, the socket does not come over HTTP/2. Over
    /// HTTP/1.1, it may still come: see [`on_open`](Self::on_open).
    #[doc(alias = "log")]
    pub fn on_error(self, report: impl FnMut(UpgradeError) + Send + 'static) -> Self {
        Self { on_error: Some(Box::new(report)), ..self }
    }

    /// Accepts the request, and serves the socket by `handle` in a task of its own. Returns the
    /// response.
    ///
    /// When `handle` has returned, the connection is closed if it is still open, also if `handle`
    /// has dropped the socket: with 1000 after `Ok`, with 1011 after an error or a panic. A socket
    /// that it has handed on to another task stays open.
    ///
    /// **Decide before you accept**: the response must reach the client unchanged. If a middleware
    /// replaces it by a refusal over HTTP/1.1, and the connection ends with that response, hyper
    /// still hands out the stream, and `handle` is called. A client that sent `Connection: close`
    /// then has an open WebSocket although it got a 403. A client that has only ended its own side
    /// receives what `handle` sends.
    pub fn on_open<H, R>(mut self, handle: H) -> HttpResponse<Full<Bytes>>
    where
        H: FnOnce(WebSocket<NetStream>) -> R + Send + 'static,
        R: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let path = Box::from(self.request.path());
        let on_error = self.on_error.take();
        let watched = self.shutdown.as_ref().map(Watched::new);
        let mut serving = Serving { path, on_error, watched };
        match self.accept() {
            Ok((response, upgrade)) => {
                spawn(serving.run(upgrade, handle));
                response
            }
            Err(rejection) => {
                let path = serving.path.clone();
                serving.not_opened(UpgradeError::Rejected { path, rejection: rejection.clone() });
                rejection.into()
            }
        }
    }

    /// Accepts the request. Returns the response, and the socket that will come when it has been
    /// sent.
    ///
    /// # Errors
    ///
    /// The [acceptance](Self::acceptance) chooses what the client did not offer, or its headers cannot
    /// be sent: 500.
    pub fn accept(self) -> Result<(HttpResponse<Full<Bytes>>, OnUpgrade), Rejection> {
        let Self { request, upgrading, acceptance, config, shutdown, on_error: _ } = self;
        let rejected = |error| Rejection::new(error, request.version());
        let (response, connection) = request.accept(&acceptance, &config).map_err(rejected)?;
        let response = HttpResponse::try_from(&response).map_err(Rejection::unsendable)?;
        let upgrade = OnUpgrade::new(upgrading, connection, shutdown.as_ref());
        Ok((response.map(Full::new), upgrade))
    }
}

/// A socket that comes when hyper has sent the response and handed out its stream.
///
/// Which stream is under it is [decided by that of the server](super#the-stream).
///
/// # Errors
///
/// - [`Error::Http`]: the client left, the server does not upgrade connections, or the stream did
///   not come within 10 s, for example because another response was sent. Over HTTP/1.1, hyper may
///   hand out the stream after another response, too: see [`WebSocketUpgrade::on_open`].
/// - [`HandshakeError::OutOfOrder`]: it was polled again after it was ready.
///
/// # Cancel safety
///
/// If the future is dropped, the stream is dropped when it comes.
#[must_use = "without it, there is no socket"]
pub struct OnUpgrade {
    upgrading: Upgrading,
    /// Until the stream comes, or its time is over.
    opened: Option<Box<Opened>>,
}

/// A connection that waits for its stream.
#[derive(Debug)]
struct Opened {
    connection: Connection,
    watched: Option<Watched>,
    /// From the first poll on.
    limit: Option<Pin<Box<Sleep>>>,
}

/// A signal that waits for the end of what holds this.
#[derive(Debug)]
struct Watched {
    shutdown: Shutdown,
    _member: Watch,
}

impl Watched {
    fn new(shutdown: &Shutdown) -> Self {
        Self { shutdown: shutdown.clone(), _member: shutdown.watch_as_member() }
    }
}

impl OnUpgrade {
    pub(super) fn new(
        upgrading: Upgrading,
        connection: Connection,
        shutdown: Option<&Shutdown>,
    ) -> Self {
        let watched = shutdown.map(Watched::new);
        let opened = Box::new(Opened { connection, watched, limit: None });
        Self { upgrading, opened: Some(opened) }
    }
}

impl Future for OnUpgrade {
    type Output = Result<WebSocket<NetStream>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut opened) = self.opened.take() else {
            return Poll::Ready(Err(HandshakeError::OutOfOrder.into()));
        };
        let upgraded = match Pin::new(&mut self.upgrading).poll(cx) {
            Poll::Ready(upgraded) => upgraded.map_err(Into::into),
            Poll::Pending => {
                let limit = opened.limit.get_or_insert_with(|| Box::pin(sleep(LIMIT)));
                if limit.as_mut().poll(cx).is_pending() {
                    self.opened = Some(opened);
                    return Poll::Pending;
                }
                Err(format!("none came within {LIMIT:?}").into())
            }
        };
        let Opened { mut connection, watched, limit: _ } = *opened;
        let (stream, read) = NetStream::of_upgraded(upgraded.map_err(HttpError::Upgrade)?);
        if let Some(tcp) = stream.tcp() {
            // It fails only for a connection that is gone, which the next read will find out.
            let _ = tcp.set_nodelay(true);
        }
        connection.input().extend_from_slice(&read);
        let mut socket = WebSocket::from_driver(stream, connection);
        if let Some(watched) = watched {
            socket.shut_down_on(&watched.shutdown);
        }
        Poll::Ready(Ok(socket))
    }
}

/// What a task that serves a socket needs besides it.
struct Serving {
    path: Box<str>,
    on_error: Option<Box<Report>>,
    watched: Option<Watched>,
}

impl Serving {
    async fn run<H, R>(mut self, upgrade: OnUpgrade, handle: H)
    where
        H: FnOnce(WebSocket<NetStream>) -> R,
        R: Future<Output = Result<(), Error>>,
    {
        let watched = self.watched.take();
        let is_shut_down = || watched.as_ref().is_some_and(|on| on.shutdown.has_begun());
        let mut socket = match upgrade.await {
            Ok(socket) => socket,
            Err(error) => {
                let (path, error) = (self.path.clone(), Box::new(error));
                return self.not_opened(UpgradeError::Open { path, error });
            }
        };
        let salvage = socket.salvage();
        let handler = catch(|| Box::pin(handle(socket)));
        serve(handler, salvage, is_shut_down, |failure| self.failed(failure)).await;
    }

    fn not_opened(&mut self, error: UpgradeError) {
        match &mut self.on_error {
            Some(report) => drop(catch(|| report(error))),
            // A standard error that is closed keeps nobody from the answer.
            None => drop(writeln!(stderr(), "{error}")),
        }
    }

    fn failed(&mut self, failure: Failure) {
        let Some(report) = &mut self.on_error else { return };
        let path = self.path.clone();
        let error = match failure {
            Failure::Error(error) => UpgradeError::Connection { path, error: Box::new(error) },
            Failure::Panic(Panic(message)) => UpgradeError::Panic { path, message },
        };
        // The server does not depend on how that goes.
        drop(catch(|| report(error)));
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("request", &self.request)
            .field("acceptance", &self.acceptance)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OnUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnUpgrade").finish_non_exhaustive()
    }
}

/// How long a stream may take to come after its response was made. hyper tells nobody if another
/// response was sent in its place and the connection goes on.
const LIMIT: Duration = Duration::from_secs(10);
