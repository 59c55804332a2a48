//! A guide: one page for each larger task, with programs that run.
//!
//! - [`authentication`]: Which user is this? How do programs and pages send a token? Which sites
//!   may connect?
//! - [`errors`]: What does this error mean, what did the peer see, and what do I do?
//! - [`limits`]: How much may a peer send, hold and delay? Which value do I change?
//! - [`heartbeats`]: How do I notice that the other end is gone, in a program and in a page?
//! - [`rooms`]: How do I send and receive at once, and send to many when some are slow?
//! - [`gateway`]: How do I pass messages, closes and back-pressure on, from clients to a backend
//!   and back?
//! - [`http_servers`]: How does a server of hyper or axum open WebSockets, over HTTP/1.1 and HTTP/2, and
//!   behind haproxy, nginx, Apache and Caddy?
//! - [`many_connections`]: What does an idle connection cost, and how many does a machine carry?
//! - [`proxy`]: How do I connect through a proxy, to another address, after a redirect, or over
//!   another stream?
//! - [`reconnecting`]: How does a client come back by itself, with a fresh token and its
//!   subscriptions?
//! - [`streaming`]: How do I receive or send a message that is larger than memory?
//! - [`shutdown`]: How do I stop a server without cutting off its clients?
//! - [`testing`]: How do I test my application without ports, networks and waiting?
//!
//! For each smaller task, the [front page](crate#where-to-look) lists the item to use. This module
//! exists only in the documentation.

#[doc = include_str!("../docs/guide/authentication.md")]
///
/// # Items of this page
///
/// [`WebSocket::accept_with`](crate::io::poll::WebSocket::accept_with),
/// [`Request`](crate::handshake::Request), [`Acceptance`](crate::handshake::Acceptance),
/// [`Response`](crate::handshake::Response), [`OriginPolicy`](crate::handshake::OriginPolicy),
/// [`ClientRequest::header`](crate::handshake::ClientRequest::header),
/// [`Opening::first_message`](crate::reconnect::Opening::first_message)
#[doc(alias = "authorization")]
#[doc(alias = "token")]
#[doc(alias = "cookie")]
#[doc(alias = "header")]
pub mod authentication {}

#[doc = include_str!("../docs/errors.md")]
#[doc(alias = "error")]
pub mod errors {}

#[doc = include_str!("../docs/guide/gateway.md")]
///
/// # Items of this page
///
/// [`WebSocket::split`](crate::io::poll::WebSocket::split),
/// [`Sender::send_close`](crate::io::poll::Sender::send_close),
/// [`Receiver::closed`](crate::io::poll::Receiver::closed),
/// [`CloseCode::as_sent_by`](crate::CloseCode::as_sent_by),
/// [`Acceptance`](crate::handshake::Acceptance), [`ClientRequest`](crate::handshake::ClientRequest)
#[doc(alias = "proxy")]
#[doc(alias = "forward")]
pub mod gateway {}

#[doc = include_str!("../docs/guide/heartbeats.md")]
///
/// # Items of this page
///
/// [`Config::ping_interval`](crate::Config::ping_interval),
/// [`Config::pong_timeout`](crate::Config::pong_timeout),
/// [`Config::idle_timeout`](crate::Config::idle_timeout),
/// [`Connection::round_trip_time`](crate::Connection::round_trip_time)
#[doc(alias = "ping")]
#[doc(alias = "pong")]
#[doc(alias = "keepalive")]
pub mod heartbeats {}

#[cfg(any(not(doctest), all(feature = "axum", feature = "http2", feature = "ring")))]
#[doc = include_str!("../docs/http-servers.md")]
///
/// # Items of this page
///
/// [`hyper::WebSocketUpgrade`](crate::io::hyper::WebSocketUpgrade), [`io::axum`](crate::io::axum),
/// [`OriginPolicy`](crate::handshake::OriginPolicy),
/// [`Config::ping_interval`](crate::Config::ping_interval),
/// [`ServerTls`](crate::io::tls::ServerTls),
/// [`Request::extended_connect`](crate::handshake::Request::extended_connect)
#[doc(alias = "HTTP/2")]
#[doc(alias = "HTTP/3")]
#[doc(alias = "axum")]
#[doc(alias = "haproxy")]
#[doc(alias = "hyper")]
#[doc(alias = "nginx")]
pub mod http_servers {}

#[doc = include_str!("../docs/guide/limits.md")]
///
/// # Items of this page
///
/// [`Config`](crate::Config), [`HeadLimits`](crate::handshake::HeadLimits),
/// [`WhenFull`](crate::WhenFull), [`ConnectionError`](crate::ConnectionError)
#[doc(alias = "timeout")]
#[doc(alias = "deadline")]
#[doc(alias = "hold_timeout")]
pub mod limits {}

#[doc = include_str!("../docs/guide/many-connections.md")]
///
/// # Items of this page
///
/// [`Config::ping_interval`](crate::Config::ping_interval), [`Prepared`](crate::Prepared)
#[doc(alias = "C10K")]
#[doc(alias = "scale")]
#[doc(alias = "memory")]
pub mod many_connections {}

#[doc = include_str!("../docs/guide/proxy.md")]
///
/// # Items of this page
///
/// [`Connector`](crate::io::Connector), [`Proxy`](crate::io::Proxy),
/// [`WebSocket::connect_via`](crate::io::tokio::WebSocket::connect_via),
/// [`Error::Proxy`](crate::Error::Proxy), [`Error::Redirect`](crate::Error::Redirect),
/// [`Tunnel`](crate::handshake::Tunnel),
/// [`ClientRequest::redirected`](crate::handshake::ClientRequest::redirected),
/// [`ClientRequest::from_url_with_user_info`](crate::handshake::ClientRequest::from_url_with_user_info),
/// [`WebSocket::connect_over`](crate::io::poll::WebSocket::connect_over),
/// [`Client::with_dialer`](crate::io::tokio::reconnecting::Client::with_dialer)
#[doc(alias = "TLS")]
#[doc(alias = "CONNECT")]
#[doc(alias = "SOCKS5")]
#[doc(alias = "redirect")]
pub mod proxy {}

#[doc = include_str!("../docs/guide/reconnecting.md")]
///
/// # Items of this page
///
/// [`Client`](crate::io::tokio::reconnecting::Client),
/// [`ClientEvent`](crate::io::tokio::reconnecting::ClientEvent),
/// [`Options`](crate::io::tokio::reconnecting::Options),
/// [`Opening`](crate::reconnect::Opening), [`Policy`](crate::reconnect::Policy),
/// [`Retry`](crate::reconnect::Retry)
#[doc(alias = "reconnect")]
#[doc(alias = "retry")]
#[doc(alias = "backoff")]
pub mod reconnecting {}

#[doc = include_str!("../docs/guide/rooms.md")]
///
/// # Items of this page
///
/// [`WebSocket::split`](crate::io::poll::WebSocket::split), [`Prepared`](crate::Prepared),
/// [`Config::when_full`](crate::Config::when_full), [`WhenFull`](crate::WhenFull),
/// [`Event::Writable`](crate::Event::Writable), [`Writable`](crate::Writable)
#[doc(alias = "split")]
#[doc(alias = "broadcast")]
#[doc(alias = "backpressure")]
pub mod rooms {}

#[doc = include_str!("../docs/guide/shutdown.md")]
///
/// # Items of this page
///
/// [`Server`](crate::io::tokio::Server),
/// [`ServerHandle::shut_down`](crate::io::tokio::server::ServerHandle::shut_down),
/// [`Shutdown`](crate::io::poll::Shutdown),
/// [`WebSocket::shut_down_on`](crate::io::poll::WebSocket::shut_down_on),
/// [`Driver::shut_down`](crate::driver::Driver::shut_down), [`CloseCode`](crate::CloseCode)
#[doc(alias = "close")]
#[doc(alias = "graceful")]
pub mod shutdown {}

#[doc = include_str!("../docs/guide/streaming.md")]
///
/// # Items of this page
///
/// [`Reassembly::Chunks`](crate::Reassembly::Chunks), [`Event::Chunk`](crate::Event::Chunk),
/// [`Chunk`](crate::Chunk), [`WebSocket::begin`](crate::io::poll::WebSocket::begin),
/// [`WebSocket::send_chunk`](crate::io::poll::WebSocket::send_chunk),
/// [`WebSocket::finish`](crate::io::poll::WebSocket::finish)
#[doc(alias = "chunk")]
#[doc(alias = "upload")]
pub mod streaming {}

#[doc = include_str!("../docs/guide/testing.md")]
///
/// # Items of this page
///
/// [`WebSocket::accept`](crate::io::poll::WebSocket::accept),
/// [`WebSocket::connect_over`](crate::io::poll::WebSocket::connect_over),
/// [`Connection`](crate::Connection), [`Driver`](crate::driver::Driver)
#[doc(alias = "mock")]
pub mod testing {}
