//! The adapters: WebSockets over real sockets.
//!
//! - [`tokio`]: any `AsyncRead + AsyncWrite` of tokio (feature `tokio`)
//! - [`futures_io`]: any `AsyncRead + AsyncWrite` of futures-io: smol, async-std (feature
//!   `futures-io`)
//! - [`blocking`]: TCP and Unix sockets, any other `Read + Write` (default)
//! - [`poll`]: an asynchronous runtime that has no adapter here (feature `tokio` or `futures-io`)
//!
//! All of them have a `WebSocket` with the same methods, and return the same
//! [`Error`]. For a loop of your own, see [`pump()`] and the module [`driver`].
//!
//! # When bytes leave
//!
//! - `send`, `ping`, `close` and the other methods that send return when the bytes have been
//!   written.
//! - `feed` and `try_send` only queue. So do the [`Commands`] that a callback
//!   gets, and the connection itself when it answers a Ping or sends a heartbeat. Queued bytes are
//!   written before `recv`, `recv_with` or `run` waits, or together with the next message that is
//!   sent or flushed. As many queued messages as possible leave in one write.
//! - When a socket is dropped, queued bytes are lost. Call `flush` or `close` first.
//!
//! # The end
//!
//! A closing handshake is complete when both Close frames have been exchanged and all queued bytes
//! were written. Then `recv` returns `None` and `close` returns, without waiting for the peer to
//! close the transport. Drop the socket after that: this closes the transport.
//!
//! A connection that fails takes longer to report its error. Its peer may still be sending; if the
//! transport were closed at that moment, TCP would reset the connection, and the peer could lose
//! the Close frame that tells it why. So the adapter first reads and throws away input until the
//! peer is done, for 5 s and 32 MiB at most.
//!
//! # Memory
//!
//! An asynchronous WebSocket that waits holds no buffers; one that waits within a message, 32 KiB at
//! most, or eight times what has come of it. For the next one that has something to do, each thread
//! keeps the unused buffers of its sockets until it ends: one for input and one for output, 264 KiB
//! together at most, and one of up to 1 MiB once a large message has come. No socket sees the bytes of
//! another one in them.
//!
//! A blocking WebSocket keeps its buffers while a read blocks: 16 KiB for input, or 72 KiB after
//! much came at once, and up to 128 KiB for output.
//!
//! [`driver`]: crate::driver

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the sockets, clocks and locks of the crate are in here"
)]

use alloc::boxed::Box;
use std::io;

use self::error::Error;
use crate::connection::{Commands, Config, Event, ReadyState};
use crate::driver::{Driver, DriverError, Next};
use crate::handshake::{Acceptance, ClientRequest, Request, Response};

#[cfg(feature = "axum")]
pub mod axum;
pub mod blocking;
mod connecting;
mod connector;
pub(crate) mod error;
mod failure;
#[cfg(feature = "futures-io")]
pub mod futures_io;
mod http_error;
#[cfg(feature = "hyper")]
pub mod hyper;
mod net_stream;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
pub mod poll;
mod proxy_error;
mod pump;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod spare;
#[cfg(feature = "rustls")]
pub mod tls;
mod tls_error;
#[cfg(feature = "tokio")]
pub mod tokio;
mod transport;

pub use connecting::{ConnectError, ConnectStage};
#[doc(alias("TLS", "proxy"))]
pub use connector::{Connector, Proxy};
pub use error::Timeout;
pub use http_error::HttpError;
pub use proxy_error::ProxyError;
#[doc(alias("mio", "epoll", "non-blocking"))]
pub use pump::pump;
pub use tls_error::{TlsError, TlsPart};
pub use transport::{Plain, Transport};

/// Returns bytes of the operating system's entropy: a nonce, or the seed of the masking keys.
fn entropy<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Creates a client's driver.
fn client(request: &ClientRequest, config: &Config) -> Result<Driver, Error> {
    Ok(Driver::client(request, config, entropy()?, entropy()?))
}

/// Returns whether an event is a whole message.
#[inline]
const fn is_message(event: &Event<'_>) -> bool {
    matches!(event, Event::Binary(_) | Event::Text(_))
}

/// Makes a function that may be called once of one that may be called again: it yields nothing
/// then.
#[inline]
fn once<R>(
    take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> R,
) -> impl FnMut(Event<'_>, &mut Commands<'_>) -> Option<R> {
    let mut take = Some(take);
    move |event, commands| take.take().map(|take| take(event, commands))
}

/// What an opening handshake waits for.
enum Opening {
    Answer(Box<Request>),
    /// Nothing: the connection is open.
    Done,
    Transport,
    /// That others run.
    Yield,
}

/// Opens a driver as far as it goes by itself.
fn open(driver: &mut Driver) -> Result<Opening, DriverError> {
    while driver.connection().ready_state() == ReadyState::Connecting {
        match driver.poll_event()? {
            Next::Request(request) => return Ok(Opening::Answer(request)),
            Next::Wait => return Ok(Opening::Transport),
            Next::Yield => return Ok(Opening::Yield),
            Next::Event(..) | Next::Over | Next::Response(_) => {}
        }
    }
    Ok(Opening::Done)
}

/// As [`open`], with an answer of `decide` to the request. Returns whether the connection is open.
fn open_with(
    driver: &mut Driver,
    decide: &mut Option<impl FnOnce(&Request) -> Result<Acceptance, Response>>,
) -> Result<bool, DriverError> {
    loop {
        match open(driver)? {
            Opening::Answer(request) => {
                if let Some(decide) = decide.take() {
                    answer(driver, &request, decide(&request));
                }
            }
            Opening::Done => return Ok(true),
            Opening::Transport => return Ok(false),
            Opening::Yield => {}
        }
    }
}

/// Answers a request. What is refused ends the handshake, which says so.
fn answer(driver: &mut Driver, request: &Request, answer: Result<Acceptance, Response>) {
    let _ = match answer {
        Ok(acceptance) => driver.accept(request, &acceptance),
        Err(response) => driver.reject(&response),
    };
}

/// How many pieces of output go into one write. More than large messages that wait at once.
const SLICES: usize = 64;
