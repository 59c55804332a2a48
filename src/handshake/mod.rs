//! How a connection begins (RFC 6455, §4).
//!
//! Each role has a state machine. Bytes go in by an [`Input`](crate::Input) and come out by a
//! [`TransmitBuf`](crate::TransmitBuf). What came behind the handshake is handed over to the
//! connection. A [`Driver`](crate::driver::Driver) does all this by itself.
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
//! | file | what it has | RFC |
//! |---|---|---|
//! | `http`, `headers`, `body` | HTTP/1.1 as far as it takes | RFC 9110, RFC 9112 |
//! | `authority`, `url`, `client_request` | where to, and what for | §3, §4.1 |
//! | `key` | `Sec-WebSocket-Key` and `-Accept` | §4.2.2 |
//! | `request`, `server` | [`ServerHandshake`] | §4.2 |
//! | `error`, `excerpt`, `other_protocol`, `refusal` | what went wrong, in words | |
//! | `response`, `client` | [`ClientHandshake`] | §4.1 |
//! | `negotiated`, `subprotocol` | what both ends agree on | §4.2.2, §11.3 |
//! | `opening` | into a [`Connection`](crate::Connection) | |
//! | `origin` | [`OriginPolicy`] | §10.2 |
//! | `extended_connect` | [`ExtendedConnect`] | RFC 8441, RFC 9220 |
//!
//! # Building heads
//!
//! The methods of [`ClientRequest`], [`Acceptance`] and [`Response`] can be chained. One rule holds
//! for all of them: a method that adds a header, an origin or a subprotocol to an offer returns a
//! `Result`, because not every text can be written into a head. A method that chooses what the
//! client has offered is checked against the offer when it is used. Options and the content of a
//! response cannot fail.
//!
//! With an HTTP/1.1 stack of your own, make a [`Request`] of what it parsed, and answer with
//! [`encode_accept`].

mod authority;
mod body;
mod client;
mod client_request;
mod deadline;
mod error;
mod excerpt;
mod extended_connect;
mod headers;
mod http;
mod key;
mod negotiated;
mod opening;
mod origin;
mod other_protocol;
mod refusal;
mod request;
mod response;
mod server;
mod subprotocol;
mod url;

pub use client::ClientHandshake;
pub use client_request::{ClientRequest, SubprotocolPolicy};
pub use error::{HandshakeError, InvalidHeader};
pub use extended_connect::ExtendedConnect;
pub use headers::Headers;
pub use http::{HeadLimit, HeadLimits, HttpVersion};
pub use key::{encode_accept, encode_key};
pub use negotiated::{Acceptance, Negotiated};
pub use origin::{MissingOrigin, OriginPolicy};
pub use other_protocol::OtherProtocol;
pub use request::Request;
pub use response::Response;
pub use server::ServerHandshake;
pub use subprotocol::{Preference, select_subprotocol};
pub use url::{UrlError, UrlPart};
