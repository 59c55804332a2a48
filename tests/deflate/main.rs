//! Compression (RFC 7692): how it is agreed on, and what becomes of messages.
#![cfg(feature = "deflate")]

#[path = "../support/mod.rs"]
mod support;

mod dropping;
mod holding;
mod messages;
mod negotiation;
mod vectors;
