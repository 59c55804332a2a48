//! How a blocking client gets to a server: addresses, TCP, TLS; decides no more than in which order.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Instant;

use super::{NetStream, WebSocket};
use crate::connection::Config;
use crate::handshake::ClientRequest;
use crate::io::connecting::{ALONE, Tried, check_ends, in_turn};
use crate::io::{Connector, Error};

impl WebSocket<NetStream> {
    /// Connects to a `ws://` or `wss://` URL, and does the opening handshake.
    ///
    /// `wss` needs the feature `rustls` and two more: [TLS](super#tls).
    /// [`connect_with`](Self::connect_with) takes headers, subprotocols and a [`Config`];
    /// [`connect_via`](Self::connect_via) takes options of TLS and of the way to the server.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::InvalidUrl`](crate::handshake::HandshakeError), and those of
    /// [`connect_via`](Self::connect_via).
    #[doc(alias = "TLS")]
    #[doc(alias = "wss")]
    pub fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(&ClientRequest::from_url(url)?, &Config::default())
    }

    /// Connects to the host of `request`, and does the opening handshake.
    ///
    /// ```no_run
    /// use sanswire::Config;
    /// use sanswire::handshake::ClientRequest;
    /// use sanswire::io::blocking::WebSocket;
    ///
    /// let request = ClientRequest::from_url("ws://localhost:9001/chat")?
    ///     .header("Authorization", "Bearer 123")?
    ///     .subprotocol("chat")?;
    /// let mut socket = WebSocket::connect_with(&request, &Config::default())?;
    /// # Ok::<(), sanswire::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`connect_via`](Self::connect_via).
    #[doc(alias = "header")]
    #[doc(alias = "subprotocol")]
    pub fn connect_with(request: &ClientRequest, config: &Config) -> Result<Self, Error> {
        Self::connect_via(&Connector::default(), request, config)
    }

    /// Connects to the host of `request` as `connector` says, and does the opening handshake.
    ///
    /// The addresses of the host are tried in turn: each for 300 ms first, then each for its share
    /// of the time that is left.
    /// [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout) is the time for all steps
    /// together, except the look-up of the host, which the system limits. `TCP_NODELAY` is set:
    /// messages are written whole, so TCP need not wait for more.
    ///
    /// # Errors
    ///
    /// - [`Error::Tls`]: TLS is not set up, or its handshake failed.
    /// - [`Error::Connect`]: the host was not found, none of its addresses answered, or the
    ///   connection broke before the server's answer.
    /// - Those of [`connect_over`](Self::connect_over).
    #[doc(alias = "TLS")]
    #[doc(alias = "proxy")]
    pub fn connect_via(
        connector: &Connector,
        request: &ClientRequest,
        config: &Config,
    ) -> Result<Self, Error> {
        let begin = Instant::now();
        let stream = NetStream::connect(connector, request)?;
        Self::connect_over(stream, &request.clone().after(begin.elapsed()), config)
    }
}

impl NetStream {
    /// Connects to the host of `request`, with TLS if its URL says so; the request is not sent.
    fn connect(connector: &Connector, request: &ClientRequest) -> Result<Self, Error> {
        let tls = connector.tls_for(request)?;
        let (limit, mut tried) = (Limit::new(request.timeout()), Tried::new(request));
        let found = (request.host(), request.port()).to_socket_addrs();
        let addresses = in_turn(tried.found(found)?.collect());
        let stream = dial(limit, &mut tried, addresses);
        let Some(stream) = stream else { return Err(tried.into_error()) };
        match tls {
            None => Ok(stream.into()),
            #[cfg(feature = "rustls")]
            Some(tls) => super::tls::connect(stream, tls, limit, &tried, request),
            #[cfg(not(feature = "rustls"))]
            Some(none) => match none {},
        }
    }
}

/// Connects to the first address that answers. One that leads nowhere keeps the others waiting for a
/// moment only, and is tried again behind them.
fn dial(limit: Limit, tried: &mut Tried, mut addresses: Vec<SocketAddr>) -> Option<TcpStream> {
    for time in [Some(ALONE).filter(|_| addresses.len() > 1), None] {
        let mut left = addresses.len();
        let mut silent = Vec::new();
        for address in addresses {
            // Later ones have what earlier ones did not need.
            let share = limit.left() / u32::try_from(left).unwrap_or(u32::MAX);
            left -= 1;
            tried.begin(address);
            match connect(address, time.map_or(share, |time| time.min(share))) {
                Ok(stream) => return Some(stream),
                Err(error) => {
                    if error.kind() == io::ErrorKind::TimedOut {
                        silent.push(address);
                    }
                    tried.failed(address, error);
                }
            }
        }
        addresses = silent;
    }
    None
}

fn connect(address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    if limit.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_nodelay(true)?;
    check_ends(stream, |stream| (stream.local_addr(), stream.peer_addr()))
}

/// The time by which all steps must be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(Option<Instant>);

impl Limit {
    fn new(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| Instant::now().checked_add(limit)))
    }

    /// Returns how much time there is. Where nothing is said, the system gives up much earlier.
    pub(super) fn left(self) -> Duration {
        let left = |at: Instant| at.saturating_duration_since(Instant::now());
        self.0.map_or(Duration::from_secs(3600), left)
    }
}
