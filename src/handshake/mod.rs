//! The opening handshake (RFC 6455, §4), without I/O.
//!
//! Most applications use three types of this module: [`ClientRequest`] for `connect_with`,
//! [`Request`] and [`Acceptance`] in the callback of `accept_with`. The adapters and the
//! [`Driver`](crate::driver::Driver) do the rest.
//!
//! There is a state machine for each role. Bytes go in by an [`Input`](crate::Input) and come out
//! by a [`TransmitBuf`](crate::TransmitBuf). Bytes that follow the handshake are passed on to the
//! connection.
//!
//! ```text
//!  ServerHandshake                                ClientHandshake
//!
//!      Reading ──malformed, too large──┐              Head ◀─┐ 1xx
//!         │                            │               │ │ └─┘
//!    poll_request                      ▼           101 │ └──malformed, too large──▶ Failed
//!         ▼                         Failed             │   breaks a rule of §4.1      ▲
//!     Requested ──accept, but not─────▶ (4xx           ▼                              │
//!       │   │     an upgrade            queued)      Open        other status: Body ──┘
//!  accept   reject                                (into_connection)      (UnexpectedStatus,
//!       ▼   ▼                                                             with the response)
//!  Accepted Rejected (answer queued)
//!  (101 queued; into_connection)
//! ```
//!
//! - [`ClientRequest`], [`ClientHandshake`]: the client's side (§3, §4.1)
//! - [`Request`], [`Acceptance`], [`ServerHandshake`]: the server's side (§4.2)
//! - [`Response`]: a refusal, sent or received (§4.2.2)
//! - [`OriginPolicy`]: which web pages may connect (§10.2)
//! - [`select_subprotocol`], [`Negotiated`]: what both ends agree on (§4.2.2, §11.3)
//! - [`Headers`], [`HeadLimits`]: HTTP/1.1 (RFC 9110, RFC 9112)
//! - [`encode_key`], [`encode_accept`]: `Sec-WebSocket-Key` and `-Accept` (§4.2.2)
//! - [`Tunnel`]: a way through an HTTP proxy (RFC 9110, §9.3.6)
//! - [`Upgrade`], [`ExtendedConnect`]: a client's request as data, for another HTTP stack, also for
//!   HTTP/2 and HTTP/3 (RFC 8441, RFC 9220)
//!
//! # Builders
//!
//! The methods of [`ClientRequest`], [`Acceptance`] and [`Response`] can be chained. Methods that
//! write a text into the head, such as a header, an origin or an offered subprotocol, return a
//! `Result`, because not every text is valid there. All other methods cannot fail. What a server
//! chooses is checked against the client's offer later, when the request is accepted.
//!
//! # With another HTTP stack
//!
//! Another HTTP stack may read and write the heads, of HTTP/1.1, HTTP/2 or HTTP/3. A server makes a
//! [`Request`] from the parts of what it received and [accepts](Request::accept) it: that gives the
//! response and the open connection. A client sends an [`Upgrade`] or an [`ExtendedConnect`], and
//! opens the connection by the response.

mod answer;
mod authority;
mod body;
mod client;
mod client_request;
mod credentials;
mod deadline;
mod error;
mod extended_connect;
mod headers;
mod http;
#[cfg(feature = "http")]
mod http_types;
mod key;
mod negotiated;
mod opening;
mod origin;
mod other_protocol;
mod redirect;
mod refusal;
mod request;
mod response;
mod server;
mod subprotocol;
mod tunnel;
mod tunnel_error;
mod upgrade;
mod url;

pub use client::ClientHandshake;
pub use client_request::{ClientRequest, SubprotocolPolicy};
#[cfg(feature = "std")]
pub(crate) use credentials::Credentials;
pub use error::{HandshakeError, InvalidHeader};
#[doc(alias("HTTP/2", "HTTP/3"))]
pub use extended_connect::ExtendedConnect;
pub use headers::Headers;
#[doc(alias = "timeout")]
pub use http::HeadLimits;
pub use http::{HeadLimit, HttpVersion};
pub use key::{encode_accept, encode_key};
pub use negotiated::{Acceptance, Negotiated};
pub use origin::MissingOrigin;
#[doc(alias = "CSRF")]
pub use origin::OriginPolicy;
pub use other_protocol::OtherProtocol;
#[doc(alias = "Location")]
pub use redirect::RedirectError;
pub use request::Request;
pub use response::Response;
pub use server::ServerHandshake;
pub use subprotocol::{Preference, select_subprotocol};
#[doc(alias("CONNECT", "proxy"))]
pub use tunnel::Tunnel;
pub use tunnel_error::TunnelError;
pub use upgrade::Upgrade;
pub use url::{UrlError, UrlPart};
