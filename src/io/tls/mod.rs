//! TLS by [rustls]: what a client and a server need for it. All types of rustls that the API of the
//! crate has are in this module.
//!
//! With the features `rustls`, one of `ring` and `aws-lc-rs`, and one of `webpki-roots` and
//! `platform-verifier`, `connect` takes `wss` URLs and needs nothing else. [`ClientTls`] has the
//! options of a client, and [`ServerTls`] is made from a server's certificate.
//!
//! # The crypto provider
//!
//! The feature `rustls` brings none. A client or a server uses the first of these:
//!
//! 1. that of the rustls configuration, if one is given;
//! 2. the [provider](ClientTls::provider) that is given;
//! 3. the default of the process, if the application has installed one;
//! 4. that of the feature `ring` or `aws-lc-rs` *of this crate*; with both, ring.
//!
//! Without any, the error is [`TlsError::NoProvider`], before anything is dialled. This crate never
//! installs a default, and never panics for lack of one or for two of them.
//!
//! # Root certificates
//!
//! A client trusts the first of these:
//!
//! 1. what the rustls configuration says, if one is given;
//! 2. the [root certificates](ClientTls::root_certificates) that are given;
//! 3. with the feature `platform-verifier`, what the operating system trusts;
//! 4. with the feature `webpki-roots`, the roots of Mozilla that were built in.
//!
//! Without any, the error is [`TlsError::NoRoots`].
//!
//! # ALPN
//!
//! Both ends offer `http/1.1`, unless the given configuration has a list of its own: the opening
//! handshake of RFC 6455 is HTTP/1.1.

mod client;
mod provider;
mod remedy;
mod server;
mod verifier;

use core::time::Duration;

pub use ::rustls;
pub use client::ClientTls;
pub(super) use remedy::{is_of_tls, remedy};
pub use server::ServerTls;

#[expect(unused_imports, reason = "for the docs")]
use super::TlsError;

/// What both ends offer (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// How long a client may take for the TLS handshake, where a server says nothing else: as
/// [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout) is by default.
pub(super) const ACCEPT_LIMIT: Duration = Duration::from_secs(10);
