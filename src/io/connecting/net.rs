//! What connecting needs of an adapter: its sockets and its clock; knows no order of steps.

#[cfg(all(feature = "proxy", feature = "tokio"))]
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::Future;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
#[cfg(unix)]
use std::path::Path;

use super::Tried;
use crate::connection::Config;
use crate::handshake::{ClientRequest, Credentials};
use crate::io::Error;
use crate::io::connector::Tcp;
#[cfg(feature = "rustls")]
use crate::io::connector::Tls;

/// The sockets and the clock of an adapter, for one attempt. [`wait`](Self::wait) ends the steps in
/// time. Those of the blocking adapter block until they are ready, and end by themselves.
pub(in crate::io) trait Net: Send + Sync {
    type Stream: Send;
    type Socket;

    /// Begins an attempt, which may take that long.
    fn begin(limit: Option<Duration>) -> Self;

    /// Returns how long the attempt has taken.
    fn elapsed(&self) -> Duration;

    /// Says which of the options cannot be set.
    fn unsupported(tcp: &Tcp) -> Option<&'static str>;

    /// Waits for a step until the time of the attempt is over: [`io::ErrorKind::TimedOut`].
    fn wait<R: Send>(
        &self,
        step: impl Future<Output = io::Result<R>> + Send,
    ) -> impl Future<Output = io::Result<R>> + Send;

    /// Looks up a host as the system does.
    fn look_up(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to the first address that answers.
    fn dial(
        &self,
        tried: &mut Tried,
        addresses: Vec<SocketAddr>,
        tcp: &Tcp,
    ) -> impl Future<Output = Option<Self::Stream>> + Send;

    #[cfg(unix)]
    fn dial_unix(&self, path: &Path) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Does a client's TLS handshake.
    #[cfg(feature = "rustls")]
    fn tls(
        &self,
        stream: Self::Stream,
        tls: Tls,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Reads once.
    fn read(
        &self,
        stream: &mut Self::Stream,
        buf: &mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes all of it, and flushes.
    fn write(
        &self,
        stream: &mut Self::Stream,
        bytes: &[u8],
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Asks a SOCKS5 proxy for the way to a name or an address. Ends in time by itself: most adapters
    /// cannot do it.
    fn socks5(
        &self,
        stream: Self::Stream,
        host: &str,
        port: u16,
        credentials: Option<Credentials>,
    ) -> impl Future<Output = Result<Self::Stream, SocksError>> + Send {
        let _ = (stream, host, port, credentials);
        core::future::ready(Err(SocksError::Unsupported))
    }

    /// Does the opening handshake.
    fn open(
        stream: Self::Stream,
        request: &ClientRequest,
        config: &Config,
    ) -> impl Future<Output = Result<Self::Socket, Error>> + Send;
}

/// Why a SOCKS5 proxy led to no server.
#[derive(Debug)]
pub(in crate::io) enum SocksError {
    #[cfg(all(feature = "proxy", feature = "tokio"))]
    Io(io::Error),
    #[cfg(all(feature = "proxy", feature = "tokio"))]
    Refused(Box<dyn core::error::Error + Send + Sync>),
    Unsupported,
}
