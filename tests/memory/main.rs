//! What is asked of the heap, with an allocator that counts for each thread on its own.

mod heap;
#[path = "../support/mod.rs"]
mod support;

mod allocations;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(feature = "deflate")]
mod deflate_limits;
#[cfg(feature = "http2")]
mod http2;
#[cfg(feature = "tokio")]
mod idle;
mod kept;
#[cfg(feature = "handshake")]
mod spare;
#[cfg(feature = "tokio")]
mod turns;
