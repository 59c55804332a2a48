//! TLS on streams of tokio, by tokio-rustls; decides nothing.

use alloc::boxed::Box;
use core::future::Future;
use core::time::Duration;
use std::io;

use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::NetStream;
use super::connecting::Limit;
use crate::io::connecting::Net;
use crate::io::connector::Tls;
use crate::io::tls::ServerTls;
use crate::io::{Error, TlsError};

/// Does a client's TLS handshake.
pub(super) async fn connect(stream: NetStream, tls: Tls) -> io::Result<NetStream> {
    let stream = TlsConnector::from(tls.config).connect(tls.name, stream).await?;
    Ok(NetStream::over_tls(stream))
}

impl NetStream {
    /// Does a server's TLS handshake over a connected stream. The result is for
    /// [`accept`](super::WebSocket::accept).
    ///
    /// ```no_run
    /// # async fn f(stream: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    /// use sanswire::Config;
    /// use sanswire::io::tls::ServerTls;
    /// use sanswire::io::tokio::{NetStream, WebSocket};
    ///
    /// let tls = ServerTls::from_pem(&std::fs::read("cert.pem")?, &std::fs::read("key.pem")?)?;
    /// stream.set_nodelay(true)?;
    /// let stream = NetStream::accept_tls(stream, &tls).await?;
    /// let mut socket = WebSocket::accept(stream, &Config::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Tls`]: the client does not speak TLS, does not trust the certificate, or has none
    ///   where one is wanted.
    /// - [`Error::Io`]: the stream failed, or the client took longer than 10 s.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped.
    pub fn accept_tls<S: Into<Self>>(
        stream: S,
        tls: &ServerTls,
    ) -> impl Future<Output = Result<Self, Error>> + Send + use<S> {
        accept(stream.into(), tls, Some(LIMIT))
    }
}

/// Does a server's TLS handshake within `limit`.
pub(super) fn accept(
    stream: NetStream,
    tls: &ServerTls,
    limit: Option<Duration>,
) -> impl Future<Output = Result<NetStream, Error>> + Send + Unpin + use<> {
    let handshake = TlsAcceptor::from(tls.config()).accept(stream);
    // Boxed: it is large, and a task would hold its place all along.
    Box::pin(async move {
        match Limit::begin(limit).wait(handshake).await.map_err(TlsError::of_handshake) {
            Ok(stream) => Ok(NetStream::over_tls(stream)),
            Err(Ok(error)) => Err(error.into()),
            Err(Err(error)) => Err(error.into()),
        }
    })
}

/// As [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout) is by default.
const LIMIT: Duration = Duration::from_secs(10);
