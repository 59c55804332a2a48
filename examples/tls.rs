//! The TLS of a server, if it was built with the feature `tls`, and if it is asked for.

use std::error::Error;

use sanswire::io::blocking;
#[cfg(feature = "futures-io")]
use sanswire::io::futures_io;
#[cfg(feature = "tls")]
use sanswire::io::tls::ServerTls;
use sanswire::io::tokio::Server;

#[cfg(feature = "tls")]
use crate::identity::server_tls;

/// TLS, or none.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    #[cfg(feature = "tls")]
    server: Option<ServerTls>,
}

#[cfg(feature = "tls")]
impl Tls {
    pub(crate) fn new(files: Option<(&str, &str)>) -> Result<Self, Box<dyn Error>> {
        Ok(Self { server: Some(server_tls(files)?) })
    }

    pub(crate) const fn scheme(&self) -> &'static str {
        if self.server.is_some() { "wss" } else { "ws" }
    }

    pub(crate) fn on(&self, server: Server) -> Server {
        match &self.server {
            Some(tls) => server.tls(tls.clone()),
            None => server,
        }
    }

    pub(crate) fn accept(
        &self,
        stream: std::net::TcpStream,
    ) -> Result<blocking::NetStream, sanswire::Error> {
        match &self.server {
            Some(tls) => blocking::NetStream::accept_tls(stream, tls),
            None => Ok(stream.into()),
        }
    }

    #[cfg(feature = "futures-io")]
    pub(crate) async fn accept_async(
        &self,
        stream: smol::net::TcpStream,
    ) -> Result<futures_io::NetStream, sanswire::Error> {
        match &self.server {
            Some(tls) => futures_io::NetStream::accept_tls(stream, tls).await,
            None => Ok(stream.into()),
        }
    }
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unused_self, reason = "with the feature, there is something to look at")]
impl Tls {
    pub(crate) fn new(_: Option<(&str, &str)>) -> Result<Self, Box<dyn Error>> {
        Err("--tls needs TLS: add `--features tls` before the `--`".into())
    }

    pub(crate) const fn scheme(&self) -> &'static str {
        "ws"
    }

    pub(crate) fn on(&self, server: Server) -> Server {
        server
    }

    pub(crate) fn accept(
        &self,
        stream: std::net::TcpStream,
    ) -> Result<blocking::NetStream, sanswire::Error> {
        Ok(stream.into())
    }

    #[cfg(feature = "futures-io")]
    pub(crate) async fn accept_async(
        &self,
        stream: smol::net::TcpStream,
    ) -> Result<futures_io::NetStream, sanswire::Error> {
        Ok(stream.into())
    }
}
