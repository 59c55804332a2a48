//! The way through a SOCKS5 proxy, by hyper-util; decides nothing.

use alloc::boxed::Box;
use alloc::format;
use core::future::{Ready, ready};
use core::task::{Context, Poll};
use std::io;

use http::Uri;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::NetStream;
use crate::handshake::Credentials;
use crate::io::connecting::SocksError;

/// Asks the proxy at the other end of `stream` for the way to a name or an address.
pub(super) async fn connect(
    stream: NetStream,
    host: &str,
    port: u16,
    credentials: Option<Credentials>,
) -> Result<NetStream, SocksError> {
    let authority =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let target = authority.parse().map_err(|error| SocksError::Refused(Box::new(error)))?;
    // It is connected already, so the address of the proxy does not matter.
    let mut socks = SocksV5::new(Uri::default(), Connected(Some(stream)));
    if let Some(Credentials { user, password }) = credentials {
        socks = socks.with_auth(user, password);
    }
    match socks.call(target).await {
        Ok(stream) => Ok(stream.into_inner()),
        Err(Failed::Io(error)) => Err(SocksError::Io(error)),
        Err(error) => Err(SocksError::Refused(Box::new(error))),
    }
}

type Failed = <SocksV5<Connected> as Service<Uri>>::Error;

/// A connection that is there already.
struct Connected(Option<NetStream>);

impl Service<Uri> for Connected {
    type Response = TokioIo<NetStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take().map(TokioIo::new);
        ready(stream.ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}
