//! How a client on async-net connects, with its sockets and its clock; knows no order of steps.

use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;
use std::io;
#[cfg(unix)]
use std::path::Path;
use std::time::Instant;

use ::futures_io::{AsyncRead, AsyncWrite};
use async_io::Timer;
#[cfg(unix)]
use async_net::unix::UnixStream;
use async_net::{TcpStream, resolve};

use super::{NetStream, WebSocket};
use crate::connection::Config;
use crate::handshake::ClientRequest;
use crate::io::Error;
use crate::io::connecting::{ALONE, Net, Tried, check_ends, race};
use crate::io::connector::Tcp;
#[cfg(feature = "rustls")]
use crate::io::connector::Tls;
use crate::io::poll::connecting::connect_methods;

connect_methods!("futures_io", Limit);

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
        tcp.special()
    }

    async fn wait<R: Send>(
        &self,
        step: impl Future<Output = io::Result<R>> + Send,
    ) -> io::Result<R> {
        let (mut step, mut timer) = (pin!(step), self.end.map(Timer::at));
        poll_fn(|cx| {
            if let Poll::Ready(done) = step.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            match &mut timer {
                Some(timer) => {
                    Pin::new(timer).poll(cx).map(|_| Err(io::ErrorKind::TimedOut.into()))
                }
                None => Poll::Pending,
            }
        })
        .await
    }

    async fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        resolve((host, port)).await
    }

    async fn dial(
        &self,
        tried: &mut Tried,
        addresses: Vec<SocketAddr>,
        tcp: &Tcp,
    ) -> Option<NetStream> {
        let attempt = |address| connect(address, tcp);
        race(tried, addresses, attempt, || Timer::after(ALONE)).await.map(NetStream::from)
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
        poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, buf)).await
    }

    async fn write(&self, stream: &mut NetStream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let write = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes));
            match write.await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                len => bytes = bytes.get(len..).unwrap_or_default(),
            }
        }
        poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx)).await
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
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(tcp.nodelay)?;
    check_ends(stream, |stream| (stream.local_addr(), stream.peer_addr()))
}
