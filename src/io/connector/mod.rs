//! How a client reaches a server, as data for all adapters; opens no socket.

#[cfg(feature = "proxy")]
mod environment;
mod proxy;
mod resolver;
mod route;
mod tcp;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::future::Future;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;
#[cfg(unix)]
use std::path::PathBuf;

#[cfg(feature = "proxy")]
use self::environment::Environment;
pub use self::proxy::Proxy;
pub(super) use self::resolver::LookUp;
use self::resolver::Resolver;
pub(super) use self::route::{Entry, Route, Speaks, Tls, Via};
#[cfg(feature = "tokio")]
pub(super) use self::tcp::INTERFACE;
pub(super) use self::tcp::Tcp;
#[cfg(feature = "rustls")]
use super::tls::ClientTls;

/// How a client reaches a server: options of TCP and TLS, proxies, name look-up and redirects.
///
/// The default is right for most: every address of the host is tried, TLS is used where the URL
/// wants it, there is no proxy, and no redirect is followed. Clones share what is large.
///
/// ```
/// use sanswire::io::Connector;
/// use std::time::Duration;
///
/// let connector = Connector::new()
///     .keepalive(Duration::from_secs(60))
///     .resolve("example.com", 443, ["192.0.2.1:443".parse()?])
///     .redirects(3);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Connector {
    tcp: Tcp,
    way: Way,
    fixed: Vec<(String, u16, Vec<SocketAddr>)>,
    resolver: Option<Resolver>,
    redirects: u32,
    #[cfg(feature = "rustls")]
    tls: ClientTls,
    #[cfg(feature = "rustls")]
    proxy_tls: ClientTls,
}

/// What is between the client and the servers.
#[derive(Clone, Debug, Default)]
enum Way {
    #[default]
    Direct,
    #[cfg(feature = "proxy")]
    Environment(Environment),
    Proxy(Proxy),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Connector {
    /// Creates a connector with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether `TCP_NODELAY` is set. Default `true`: messages are written whole, so TCP need not
    /// wait for more.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.tcp.nodelay = nodelay;
        self
    }

    /// Turns TCP keep-alive on. `after` is how long a connection is idle before the first probe;
    /// the operating system decides the rest. By default it is off: the heartbeats of
    /// [`Config`](crate::Config) find a dead peer sooner, and through proxies, too.
    ///
    /// Only the tokio adapter can do this. The others return an error when they connect.
    #[must_use]
    pub fn keepalive(mut self, after: Duration) -> Self {
        self.tcp.keepalive = Some(after);
        self
    }

    /// Sets the local address of the sockets. Only addresses of servers of the same family are
    /// tried.
    ///
    /// Only the tokio adapter can do this. The others return an error when they connect.
    #[doc(alias = "bind")]
    #[must_use]
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.tcp.local_address = Some(address);
        self
    }

    /// Sets the network interface, such as `eth0` (`SO_BINDTODEVICE`).
    ///
    /// Only the tokio adapter on Linux and Android can do this. Others return an error when they
    /// connect.
    #[doc(alias = "SO_BINDTODEVICE")]
    #[must_use]
    pub fn interface(mut self, name: &str) -> Self {
        self.tcp.interface = Some(name.to_string());
        self
    }

    /// Sets the addresses of a host and port, which is not looked up then. It may be the server's or
    /// a proxy's. The URL, the `Host` header and the name for TLS stay as they are.
    ///
    /// `host` is as [`ClientRequest::host`](crate::handshake::ClientRequest::host) returns it: ASCII,
    /// also for international names, and an IPv6 address without brackets.
    ///
    /// It has no effect on names that a proxy looks up. For the same host and port, the last call
    /// counts.
    #[must_use]
    pub fn resolve(
        mut self,
        host: &str,
        port: u16,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Self {
        let host = host.to_ascii_lowercase();
        self.fixed.retain(|(other, of, _)| (other, *of) != (&host, port));
        self.fixed.push((host, port, addresses.into_iter().collect()));
        self
    }

    /// Sets who looks up names instead of the operating system. `resolve` gets a host name and a port
    /// and returns addresses with that port, the preferred first. It is not asked about IP addresses
    /// and hosts of [`resolve`](Self::resolve).
    ///
    /// The future is polled by the task that connects, and dropped when the time is over
    /// ([`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout)). A function that blocks
    /// belongs into a thread, such as by `tokio::task::spawn_blocking`; under the blocking adapter it
    /// may block. The blocking adapter polls the future in the calling thread: a future that needs a
    /// runtime must be spawned there.
    ///
    /// ```
    /// use sanswire::io::Connector;
    /// use std::net::SocketAddr;
    ///
    /// let connector = Connector::new().resolver(|host, port| {
    ///     let is_known = host == "chat.internal";
    ///     async move {
    ///         let address = SocketAddr::from(([192, 0, 2, 7], port));
    ///         Ok(if is_known { vec![address] } else { Vec::new() })
    ///     }
    /// });
    /// ```
    #[doc(alias = "DNS")]
    #[must_use]
    pub fn resolver<R>(mut self, resolve: impl Fn(&str, u16) -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        self.resolver = Some(Resolver::new(resolve));
        self
    }

    /// Goes through a proxy. Replaces a proxy and a Unix socket that were set before.
    #[doc(alias = "CONNECT")]
    #[doc(alias = "SOCKS5")]
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.way = Way::Proxy(proxy);
        self
    }

    /// Goes through the proxies that the environment names now, by the rules of curl: `https_proxy`
    /// for `wss`, `http_proxy` for `ws`, `all_proxy` for both, and `no_proxy` for the hosts that need
    /// none. The names may be in capitals, too, and these come first. Under CGI, where
    /// `REQUEST_METHOD` is set, there is no proxy: a client of the web server could name it by a
    /// header.
    ///
    /// A value that is no URL counts as none. Replaces a proxy and a Unix socket that were set before.
    #[cfg(feature = "proxy")]
    #[doc(alias("http_proxy", "https_proxy", "all_proxy", "no_proxy"))]
    #[must_use]
    pub fn proxy_from_env(mut self) -> Self {
        self.way = Way::Environment(Environment::read());
        self
    }

    /// Connects to a Unix socket instead of the host of the URL. The URL still has the path, the
    /// `Host` header and, for `wss`, the name for TLS. Replaces a proxy that was set before. The
    /// options of TCP have no effect.
    #[cfg(unix)]
    #[must_use]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.way = Way::Unix(path.into());
        self
    }

    /// Sets how many redirects of servers are followed for one connection. Default 0: then a redirect
    /// is [`HandshakeError::UnexpectedStatus`](crate::handshake::HandshakeError). Browsers follow none
    /// for a WebSocket.
    ///
    /// [`ClientRequest::redirected`](crate::handshake::ClientRequest::redirected) says what is sent to
    /// where a redirect leads. [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout) is the
    /// time for all requests together. The body of a redirect is awaited as that of any refusal:
    /// [`ClientRequest::refusal_timeout`](crate::handshake::ClientRequest::refusal_timeout).
    #[must_use]
    pub fn redirects(mut self, most: u32) -> Self {
        self.redirects = most;
        self
    }

    /// Sets what a `wss` URL needs: which certificates are trusted, and by which name.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(self, tls: ClientTls) -> Self {
        Self { tls, ..self }
    }

    /// Sets what an `https` proxy needs: which certificates are trusted, and by which name. It is
    /// apart from [`tls`](Self::tls), which is for servers.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn proxy_tls(self, tls: ClientTls) -> Self {
        Self { proxy_tls: tls, ..self }
    }

    pub(super) const fn max_redirects(&self) -> u32 {
        self.redirects
    }

    pub(super) const fn tcp(&self) -> &Tcp {
        &self.tcp
    }

    /// Returns the addresses of a host that are known without asking the system, or who looks them
    /// up. `None` leaves it to the system.
    pub(super) fn look_up(&self, host: &str, port: u16) -> Option<LookUp> {
        let fixed = |(name, of, _): &&(String, u16, Vec<SocketAddr>)| {
            *of == port && name.eq_ignore_ascii_case(host)
        };
        let known = |addresses| alloc::boxed::Box::pin(core::future::ready(Ok(addresses)));
        if let Some((_, _, addresses)) = self.fixed.iter().find(fixed) {
            return Some(known(addresses.clone()));
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(known(alloc::vec![SocketAddr::new(address, port)]));
        }
        self.resolver.as_ref().map(|resolver| resolver.look_up(host, port))
    }
}
