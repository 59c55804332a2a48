//! How a blocking client connects, with the sockets and the clock of the standard library; knows no
//! order of steps.

use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::Future;
use core::net::SocketAddr;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(unix)]
use std::path::Path;
use std::thread::{self, Thread};
use std::time::Instant;

use super::{NetStream, WebSocket};
use crate::connection::Config;
use crate::handshake::ClientRequest;
use crate::io::connecting::{ALONE, Net, Tried, check_ends, in_turn, open};
use crate::io::connector::Tcp;
#[cfg(feature = "rustls")]
use crate::io::connector::Tls;
use crate::io::{Connector, Error, Transport};

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
    /// together, redirects included. It does not limit what the operating system does: the look-up of
    /// a host, unless [`Connector::resolver`] does it, and the connection to a Unix socket.
    ///
    /// # Errors
    ///
    /// - [`Error::Tls`]: TLS is not set up, or its handshake failed.
    /// - [`Error::Connect`]: the host or the proxy was not found or did not answer, the connection
    ///   broke before the server's answer, or the adapter cannot do what `connector` says.
    /// - [`Error::Proxy`]: the proxy refused.
    /// - [`Error::Redirect`]: the server redirected to where the client does not follow.
    /// - Those of [`connect_over`](Self::connect_over).
    #[doc(alias = "TLS")]
    #[doc(alias = "proxy")]
    pub fn connect_via(
        connector: &Connector,
        request: &ClientRequest,
        config: &Config,
    ) -> Result<Self, Error> {
        wait(pin!(open::<Limit>(connector, request, config)), &Limit::begin(None))?
    }
}

/// The clock of an attempt, and the time by which all of its steps must be done.
#[derive(Debug)]
struct Limit {
    begin: Instant,
    end: Option<Instant>,
}

impl Limit {
    /// Returns how much time there is. Where nothing is said, the system gives up much earlier.
    fn left(&self) -> Duration {
        let left = |at: Instant| at.saturating_duration_since(Instant::now());
        self.end.map_or(Duration::from_secs(3600), left)
    }

    /// Makes one call of a stream with the time that there is, again if nothing came of it yet.
    fn each<R>(&self, mut call: impl FnMut(Duration) -> io::Result<R>) -> io::Result<R> {
        loop {
            let left = self.left();
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match call(left) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::WouldBlock
                    ) => {}
                done => return done,
            }
        }
    }
}

impl Net for Limit {
    type Stream = NetStream;
    type Socket = WebSocket<NetStream>;

    fn begin(limit: Option<Duration>) -> Self {
        let begin = Instant::now();
        Self { begin, end: limit.and_then(|limit| begin.checked_add(limit)) }
    }

    fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    fn unsupported(tcp: &Tcp) -> Option<&'static str> {
        tcp.special()
    }

    async fn wait<R: Send>(
        &self,
        step: impl Future<Output = io::Result<R>> + Send,
    ) -> io::Result<R> {
        wait(pin!(step), self)?
    }

    async fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }

    async fn dial(
        &self,
        tried: &mut Tried,
        addresses: Vec<SocketAddr>,
        tcp: &Tcp,
    ) -> Option<NetStream> {
        dial(self, tried, in_turn(addresses), tcp).map(NetStream::from)
    }

    #[cfg(unix)]
    async fn dial_unix(&self, path: &Path) -> io::Result<NetStream> {
        Ok(UnixStream::connect(path)?.into())
    }

    #[cfg(feature = "rustls")]
    async fn tls(&self, stream: NetStream, tls: Tls) -> io::Result<NetStream> {
        super::tls::connect(stream, tls, self.left())
    }

    async fn read(&self, stream: &mut NetStream, buf: &mut [u8]) -> io::Result<usize> {
        self.each(|left| {
            Transport::set_read_timeout(stream, left)?;
            stream.read(buf)
        })
    }

    async fn write(&self, stream: &mut NetStream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.each(|left| {
                Transport::set_write_timeout(stream, left)?;
                stream.write(bytes)
            });
            match written? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                len => bytes = bytes.get(len..).unwrap_or_default(),
            }
        }
        self.each(|_| stream.flush())
    }

    async fn open(
        stream: NetStream,
        request: &ClientRequest,
        config: &Config,
    ) -> Result<WebSocket<NetStream>, Error> {
        WebSocket::connect_over(stream, request, config)
    }
}

/// Connects to the first address that answers. One that leads nowhere keeps the others waiting for a
/// moment only, and is tried again behind them.
fn dial(
    limit: &Limit,
    tried: &mut Tried,
    mut addresses: Vec<SocketAddr>,
    tcp: &Tcp,
) -> Option<TcpStream> {
    for time in [Some(ALONE).filter(|_| addresses.len() > 1), None] {
        let mut left = addresses.len();
        let mut silent = Vec::new();
        for address in addresses {
            // Later ones have what earlier ones did not need.
            let share = limit.left() / u32::try_from(left).unwrap_or(u32::MAX);
            left -= 1;
            tried.begin(address);
            match connect(address, time.map_or(share, |time| time.min(share)), tcp) {
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

fn connect(address: SocketAddr, limit: Duration, tcp: &Tcp) -> io::Result<TcpStream> {
    if limit.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_nodelay(tcp.nodelay)?;
    check_ends(stream, |stream| (stream.local_addr(), stream.peer_addr()))
}

/// Waits for a future in this thread.
fn wait<F: Future>(mut future: Pin<&mut F>, limit: &Limit) -> io::Result<F::Output> {
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Ok(output);
        }
        let left = limit.left();
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::park_timeout(left);
    }
}

/// A thread that waits for a future.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
