//! How a client on tokio connects, with its sockets and its clock; knows no order of steps.

use alloc::vec::Vec;
use core::future::Future;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
#[cfg(unix)]
use std::path::Path;

use ::tokio::io::{AsyncReadExt, AsyncWriteExt};
#[cfg(unix)]
use ::tokio::net::UnixStream;
use ::tokio::net::{TcpSocket, TcpStream, lookup_host};
use ::tokio::time::{Instant, sleep, timeout_at};
use socket2::{SockRef, TcpKeepalive};

use super::{NetStream, WebSocket};
use crate::connection::Config;
use crate::handshake::ClientRequest;
#[cfg(feature = "proxy")]
use crate::handshake::Credentials;
use crate::io::Error;
#[cfg(feature = "proxy")]
use crate::io::connecting::SocksError;
use crate::io::connecting::{ALONE, Net, Tried, check_ends, race};
#[cfg(feature = "rustls")]
use crate::io::connector::Tls;
use crate::io::connector::{INTERFACE, Tcp};
use crate::io::poll::connecting::connect_methods;

connect_methods!("tokio", Limit);

/// The clock of an attempt, and the time by which all of its steps must be done.
#[derive(Debug)]
pub(super) struct Limit {
    begin: Instant,
    end: Option<Instant>,
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
        let has_interface = cfg!(any(target_os = "android", target_os = "linux"));
        (tcp.interface.is_some() && !has_interface).then_some(INTERFACE)
    }

    async fn wait<R: Send>(
        &self,
        step: impl Future<Output = io::Result<R>> + Send,
    ) -> io::Result<R> {
        match self.end {
            Some(end) => timeout_at(end, step).await?,
            None => step.await,
        }
    }

    async fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn dial(
        &self,
        tried: &mut Tried,
        addresses: Vec<SocketAddr>,
        tcp: &Tcp,
    ) -> Option<NetStream> {
        let attempt = |address| connect(address, tcp);
        race(tried, addresses, attempt, || sleep(ALONE)).await.map(NetStream::from)
    }

    #[cfg(unix)]
    async fn dial_unix(&self, path: &Path) -> io::Result<NetStream> {
        Ok(UnixStream::connect(path).await?.into())
    }

    #[cfg(feature = "rustls")]
    async fn tls(&self, stream: NetStream, tls: Tls) -> io::Result<NetStream> {
        super::tls::connect(stream, tls).await
    }

    async fn read(&self, stream: &mut NetStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.read(buf).await
    }

    async fn write(&self, stream: &mut NetStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await?;
        stream.flush().await
    }

    #[cfg(feature = "proxy")]
    async fn socks5(
        &self,
        stream: NetStream,
        host: &str,
        port: u16,
        credentials: Option<Credentials>,
    ) -> Result<NetStream, SocksError> {
        let ask = async { Ok(super::socks5::connect(stream, host, port, credentials).await) };
        self.wait(ask).await.map_err(SocksError::Io)?
    }

    async fn open(
        stream: NetStream,
        request: &ClientRequest,
        config: &Config,
    ) -> Result<WebSocket<NetStream>, Error> {
        WebSocket::connect_over(stream, request, config).await
    }
}

async fn connect(address: SocketAddr, tcp: &Tcp) -> io::Result<TcpStream> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    if let Some(local) = tcp.local_address {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Some(interface) = &tcp.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if let Some(after) = tcp.keepalive {
        SockRef::from(&socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(after))?;
    }
    socket.set_nodelay(tcp.nodelay)?;
    let stream = socket.connect(address).await?;
    check_ends(stream, |stream| (stream.local_addr(), stream.peer_addr()))
}
