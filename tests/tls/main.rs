//! TLS over sockets, on the asynchronous adapters, with whatever crypto providers the features bring.
#![cfg(all(feature = "rustls", feature = "tokio", feature = "futures-io"))]
#![expect(
    clippy::duplicate_mod,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect; the tests of both adapters \
              are the same"
)]

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
#[path = "../support/tls.rs"]
mod certificates;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod futures_io;
mod provider;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod reconnecting;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod tokio;
