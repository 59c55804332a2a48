//! WebSockets in HTTP servers and over HTTP clients: hyper and axum, HTTP/1.1 and HTTP/2.
#![cfg(all(feature = "axum", feature = "deflate", feature = "http2", feature = "ring"))]
#![expect(
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

#[path = "../io/support.rs"]
mod bytes;
#[path = "../support/tls.rs"]
#[expect(dead_code, reason = "other tests need all of it")]
mod certificates;
#[path = "../support/random.rs"]
#[allow(dead_code, reason = "other tests need all of it")]
mod random;
mod support;

mod axum;
mod client;
mod corpus;
mod handlers;
mod http1;
mod http2;
mod shutdown;
mod streams;
