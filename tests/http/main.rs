//! WebSockets in HTTP servers and over HTTP clients: hyper and axum, HTTP/1.1 and HTTP/2.
#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

mod hyper;
