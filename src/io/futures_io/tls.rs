//! TLS on streams of futures-io, by futures-rustls; decides nothing.

use core::future::Future;
use core::time::Duration;
use std::io;

use alloc::boxed::Box;
use futures_rustls::{TlsAcceptor, TlsConnector};

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
        let handshake = TlsAcceptor::from(tls.config()).accept(stream.into());
        // Boxed: it is large, and a task would hold its place all along.
        Box::pin(async move {
            match Limit::begin(Some(LIMIT)).wait(handshake).await.map_err(TlsError::of_handshake) {
                Ok(stream) => Ok(Self::over_tls(stream)),
                Err(Ok(error)) => Err(error.into()),
                Err(Err(error)) => Err(error.into()),
            }
        })
    }
}

/// As [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout) is by default.
const LIMIT: Duration = Duration::from_secs(10);
