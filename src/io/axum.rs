//! WebSockets in an axum application (feature `axum`).
//!
//! [`WebSocketUpgrade`] is an extractor. Its options are those of
//! [`io::hyper`](crate::io::hyper), and the socket is the same type that
//! [`tokio::WebSocket::connect`](crate::io::tokio::WebSocket::connect) returns:
//!
//! ```
//! use axum::Router;
//! use axum::response::IntoResponse;
//! use axum::routing::any;
//! use sanswire::io::axum::WebSocketUpgrade;
//!
//! async fn echo(upgrade: WebSocketUpgrade) -> impl IntoResponse {
//!     upgrade.on_open(async |mut socket| {
//!         while let Some(message) = socket.recv().await? {
//!             socket.send(message).await?;
//!         }
//!         Ok(())
//!     })
//! }
//!
//! let app: Router = Router::new().route("/echo", any(echo));
//! ```
//!
//! The extractor checks the request and refuses it by a [`Rejection`]: 400, 405, 426, 501 or 505
//! with a line of text ([`Request::check`]). A socket that does not come after all is
//! [reported](WebSocketUpgrade::on_error).
//!
//! # Options
//!
//! A handler is asynchronous, so it may ask a database before it answers. To refuse, it returns
//! another response and does not call [`on_open`](WebSocketUpgrade::on_open). A layer that replaces
//! the response of `on_open` is [too late](WebSocketUpgrade::on_open). Pages of all sites may
//! connect until [`origin`](WebSocketUpgrade::origin) is called.
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::extract::{Path, State};
//! use axum::http::StatusCode;
//! use axum::response::{IntoResponse, Response};
//! use sanswire::Config;
//! # #[cfg(feature = "deflate")]
//! use sanswire::extension::DeflateConfig;
//! use sanswire::handshake::OriginPolicy;
//! use sanswire::io::axum::{Rejection, WebSocketUpgrade};
//! # struct Rooms;
//! # impl Rooms {
//! #     async fn exists(&self, _: &str) -> bool {
//! #         true
//! #     }
//! # }
//!
//! async fn room(
//!     State(rooms): State<Arc<Rooms>>,
//!     Path(name): Path<String>,
//!     upgrade: WebSocketUpgrade,
//! ) -> Result<Response, Rejection> {
//!     if !rooms.exists(&name).await {
//!         return Ok(StatusCode::NOT_FOUND.into_response());
//!     }
//!     // Pages of other sites get 403.
//!     let upgrade = upgrade.origin(&OriginPolicy::same_origin())?;
//! #   #[cfg(feature = "deflate")]
//!     let upgrade = upgrade.deflate(&DeflateConfig::default());
//!     let response = upgrade
//!         .subprotocols(&["chat.v2", "chat.v1"])
//!         .config(Config::default().max_message_size(64 << 10))
//!         .on_error(|error| eprintln!("{error}"))
//!         .on_open(async |mut socket| socket.send("welcome").await);
//!     Ok(response.into_response())
//! }
//! # let route = axum::routing::any(room);
//! # let _: axum::Router<Arc<Rooms>> = axum::Router::new().route("/{name}", route);
//! ```
//!
//! `Option<WebSocketUpgrade>` is for a route that also serves a page: it is `None` if the request
//! does not ask for a WebSocket. A request that asks for one in an invalid form is refused.
//! `Result<WebSocketUpgrade, Rejection>` lets the handler answer instead.
//!
//! ```
//! # use axum::response::{Html, IntoResponse, Response};
//! # use sanswire::io::axum::WebSocketUpgrade;
//! async fn page(upgrade: Option<WebSocketUpgrade>) -> Response {
//!     match upgrade {
//!         Some(upgrade) => {
//!             upgrade.on_open(async |mut socket| socket.send("hello").await).into_response()
//!         }
//!         None => Html("<script>new WebSocket(location)</script>").into_response(),
//!     }
//! }
//! # let _: axum::Router = axum::Router::new().route("/", axum::routing::any(page));
//! ```
//!
//! # HTTP/2
//!
//! A client asks for a WebSocket by GET over HTTP/1.1, and by CONNECT over HTTP/2 (RFC 8441): route
//! it by `any`. axum answers a CONNECT to a `get` route with 405 before any extractor sees it; the
//! fallback [`method_not_allowed`] adds a text that says what to do.
//!
//! Enable the feature `http2` of this crate and that of axum. `axum::serve` then tells clients that
//! it takes WebSockets over HTTP/2. Browsers use HTTP/2 only over TLS, where ALPN has chosen `h2`.
//!
//! With this feature, a socket over HTTP/1.1 has the stream of the listener itself: TCP, which gets
//! `TCP_NODELAY`, a Unix socket, or a [`NetStream`](crate::io::tokio::NetStream). Without the
//! feature, it has that of hyper around it, and
//! [`NetStream::tcp`](crate::io::tokio::NetStream::tcp) is `None`.
//!
//! `axum::serve` does not set `TCP_NODELAY`, so small messages may be delayed over HTTP/2, and over
//! HTTP/1.1 without the feature `http2`. Set it by the listener:
//!
//! ```
//! use axum::serve::ListenerExt;
//! use tokio::net::TcpListener;
//!
//! # async fn serve(app: axum::Router) -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:8080").await?.tap_io(|stream| {
//!     // It fails only for a connection that is gone already.
//!     let _ = stream.set_nodelay(true);
//! });
//! axum::serve(listener, app).await
//! # }
//! ```
//!
//! # Graceful shutdown
//!
//! By itself, the graceful shutdown of `axum::serve` closes no WebSocket: it does not wait for
//! those over HTTP/1.1, whose connections are no longer axum's, and waits without a limit for those
//! over HTTP/2. A [`Shutdown`](crate::io::poll::Shutdown) closes both, and can be waited for:
//!
//! ```
//! use core::time::Duration;
//!
//! use axum::Router;
//! use axum::extract::State;
//! use axum::response::IntoResponse;
//! use axum::routing::any;
//! use sanswire::io::axum::WebSocketUpgrade;
//! use sanswire::io::poll::Shutdown;
//! use tokio::net::TcpListener;
//! use tokio::time::timeout;
//!
//! async fn echo(shutdown: State<Shutdown>, upgrade: WebSocketUpgrade) -> impl IntoResponse {
//!     upgrade.shut_down_on(&shutdown).on_open(async |mut socket| {
//!         while let Some(message) = socket.recv().await? {
//!             socket.send(message).await?;
//!         }
//!         Ok(())
//!     })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let shutdown = Shutdown::new();
//! let app = Router::new().route("/echo", any(echo)).with_state(shutdown.clone());
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("ws://{}/echo", listener.local_addr()?);
//! # let (stop, stopped) = tokio::sync::oneshot::channel();
//! # let client = tokio::spawn(async move {
//! #     let mut client = sanswire::io::tokio::WebSocket::connect(&url).await.unwrap();
//! #     stop.send(()).unwrap();
//! #     assert_eq!(client.recv().await.unwrap(), None);
//! #     assert_eq!(client.closed().unwrap().code, 1001);
//! # });
//! tokio::spawn({
//!     let shutdown = shutdown.clone();
//!     async move {
//!         // Such as `tokio::signal::ctrl_c()`.
//! #       let signal = async { stopped.await };
//!         signal.await.unwrap();
//!         // Closes all sockets. This code may be sent.
//!         shutdown.begin(1001, "").unwrap();
//!     }
//! });
//! axum::serve(listener, app).with_graceful_shutdown(shutdown.begun()).await?;
//! // How long the clients may take to answer.
//! timeout(Duration::from_secs(10), shutdown.ended()).await?;
//! # client.await?;
//! # Ok(())
//! # }
//! ```

use ::http::request::Parts;
use ::http::{Method, Response, StatusCode, Version};
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response as AxumResponse};
use bytes::Bytes;
use http_body_util::Full;

use crate::handshake::{Headers, Request};
pub use crate::io::hyper::{OnUpgrade, Rejection, UpgradeError, WebSocketUpgrade};

/// Answers with 405 to a request whose method the route does not take. The text says how a CONNECT
/// of HTTP/2 can open a WebSocket there.
///
/// It is a handler for `Router::method_not_allowed_fallback`: call that after the routes were
/// added. axum adds the header `Allow`.
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use sanswire::io::axum::method_not_allowed;
///
/// let app: Router = Router::new()
///     .route("/", get("a page"))
///     .method_not_allowed_fallback(method_not_allowed);
/// ```
pub async fn method_not_allowed(method: Method, version: Version) -> impl IntoResponse {
    let is_websocket = method == Method::CONNECT && version == Version::HTTP_2;
    let text = if is_websocket {
        "request method is CONNECT, which this route does not take: over HTTP/2, browsers open a \
         WebSocket by it: route it by `any` instead of `get`\n"
    } else {
        ""
    };
    (StatusCode::METHOD_NOT_ALLOWED, text)
}

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Rejection> {
        Self::of(Request::try_from(&*parts), parts.version, &mut parts.extensions)
    }
}

/// It is `None` over HTTP/1.1 if the header `Upgrade` does not list `websocket`, over HTTP/2 if the
/// method is not CONNECT.
impl<S: Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let is_websocket = if parts.version == Version::HTTP_2 {
            parts.method == Method::CONNECT
        } else {
            Headers::from(&parts.headers).contains_token("Upgrade", "websocket")
        };
        if !is_websocket {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> AxumResponse {
        Response::<Full<Bytes>>::from(self).into_response()
    }
}
