//! How a client on smol and others gets to a server: addresses, TCP, TLS; decides no more than in which order.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;
use std::io;
use std::time::Instant;

use async_io::Timer;
use async_net::{TcpStream, resolve};

use super::{NetStream, WebSocket};
use crate::connection::Config;
use crate::handshake::ClientRequest;
use crate::io::connecting::{ALONE, Tried, check_ends, race};
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
    /// [`HandshakeError::InvalidUrl`](crate::handshake::HandshakeError::InvalidUrl), and those of
    /// [`connect_via`](Self::connect_via).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped. The future does not borrow its arguments.
    #[doc(alias = "TLS")]
    #[doc(alias = "wss")]
    pub fn connect(url: &str) -> impl Future<Output = Result<Self, Error>> + use<> {
        let request = ClientRequest::from_url(url);
        let connecting = request.map(|request| Self::connect_with(&request, &Config::default()));
        Box::pin(async move { connecting?.await })
    }

    /// Connects to the host of `request`, and does the opening handshake.
    ///
    /// # Errors
    ///
    /// Those of [`connect_via`](Self::connect_via).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped. The future does not borrow its arguments.
    #[doc(alias = "header")]
    #[doc(alias = "subprotocol")]
    pub fn connect_with(
        request: &ClientRequest,
        config: &Config,
    ) -> impl Future<Output = Result<Self, Error>> + use<> {
        Self::connect_via(&Connector::default(), request, config)
    }

    /// Connects to the host of `request` as `connector` says, and does the opening handshake.
    ///
    /// All addresses of the host are tried: a second one, of the other family if there is one,
    /// beside the first after 300 ms (RFC 8305). The first that answers is used.
    /// [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout) is the time for all steps
    /// together. `TCP_NODELAY` is set: messages are written whole, so TCP need not wait for more.
    ///
    /// # Errors
    ///
    /// - [`Error::Tls`]: TLS is not set up, or its handshake failed.
    /// - [`Error::Connect`]: the host was not found, none of its addresses answered, or the
    ///   connection broke before the server's answer.
    /// - Those of [`connect_over`](Self::connect_over).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped. The future does not borrow its arguments.
    #[doc(alias = "TLS")]
    #[doc(alias = "proxy")]
    pub fn connect_via(
        connector: &Connector,
        request: &ClientRequest,
        config: &Config,
    ) -> impl Future<Output = Result<Self, Error>> + use<> {
        let (connector, request, config) = (connector.clone(), request.clone(), config.clone());
        Box::pin(async move {
            let begin = Instant::now();
            let stream = NetStream::connect(&connector, &request).await?;
            Self::connect_over(stream, &request.after(begin.elapsed()), &config).await
        })
    }
}

impl NetStream {
    /// Connects to the host of `request`, with TLS if its URL says so; the request is not sent.
    pub(super) async fn connect(
        connector: &Connector,
        request: &ClientRequest,
    ) -> Result<Self, Error> {
        let tls = connector.tls_for(request)?;
        let (limit, mut tried) = (Limit::new(request.timeout()), Tried::new(request));
        let found = limit.of(resolve((request.host(), request.port()))).await;
        let addresses = tried.found(found)?;
        let stream = dial(limit, &mut tried, addresses).await;
        let Some(stream) = stream else { return Err(tried.into_error()) };
        match tls {
            None => Ok(stream.into()),
            #[cfg(feature = "rustls")]
            Some(tls) => super::tls::connect(stream.into(), tls, limit, &tried, request).await,
            #[cfg(not(feature = "rustls"))]
            Some(none) => match none {},
        }
    }
}

/// Connects to the first address that answers.
async fn dial(limit: Limit, tried: &mut Tried, addresses: Vec<SocketAddr>) -> Option<TcpStream> {
    let raced = async { Ok(race(tried, addresses, connect, || Timer::after(ALONE)).await) };
    let Ok(stream) = limit.of(raced).await else {
        tried.time_out();
        return None;
    };
    stream
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    check_ends(stream, |stream| (stream.local_addr(), stream.peer_addr()))
}

/// The time by which all steps must be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(Option<Instant>);

impl Limit {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| Instant::now().checked_add(limit)))
    }

    /// Waits for `step` as long as there is time.
    pub(super) async fn of<R>(self, step: impl Future<Output = io::Result<R>>) -> io::Result<R> {
        let (mut step, mut timer) = (pin!(step), self.0.map(Timer::at));
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
}
