//! The steps from a client to a server, in their order: look-up, TCP, a proxy, TLS; knows no runtime.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use std::io;

use bytes::Buf;

use super::net::{Net, SocksError};
use super::{ConnectStage, Tried};
use crate::handshake::{ClientRequest, Tunnel, TunnelError};
#[cfg(feature = "rustls")]
use crate::io::TlsError;
use crate::io::connector::{Entry, Route, Speaks, Tls, Via};
use crate::io::{Connector, Error, ProxyError};

/// Connects to the host of `request` as `connector` says. The request is not sent.
pub(in crate::io) async fn connect<N: Net>(
    net: &N,
    connector: &Connector,
    request: &ClientRequest,
) -> Result<N::Stream, Error> {
    let Route { entry, via, tls } = connector.route(request)?;
    let mut tried = Tried::new(request).by(via.as_ref().map(|via| via.url.clone()));
    let mut stream = match entry {
        Entry::Tcp(host, port) => {
            if let Some(option) = N::unsupported(connector.tcp()) {
                return Err(tried.error(ConnectStage::Options, unsupported(option)));
            }
            let found = look_up(net, connector, &host, port).await;
            let found = found.and_then(|found| of_family(found, connector.tcp().local_address));
            let addresses = tried.found(found)?;
            let dial = async { Ok(net.dial(&mut tried, addresses, connector.tcp()).await) };
            let dialled = net.wait(dial).await.unwrap_or_else(|_| {
                tried.time_out();
                None
            });
            dialled.ok_or_else(|| tried.none_answered())?
        }
        #[cfg(unix)]
        Entry::Unix(path) => {
            tried = tried.over(&path);
            let dialled = net.wait(net.dial_unix(&path)).await;
            dialled.map_err(|error| tried.error(ConnectStage::Unix, error))?
        }
    };
    if let Some(via) = via {
        stream = through(net, connector, request, stream, via, &tried).await?;
    }
    match tls {
        Some(tls) => encrypt(net, stream, tls, ConnectStage::Tls, &tried, request.place()).await,
        None => Ok(stream),
    }
}

/// Looks up a host. What is given counts before what the system says.
async fn look_up<N: Net>(
    net: &N,
    connector: &Connector,
    host: &str,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    net.wait(async {
        match connector.look_up(host, port) {
            Some(look_up) => look_up.await,
            None => net.look_up(host, port).await,
        }
    })
    .await
}

/// Leaves out the addresses that a socket with a `local` address cannot reach.
fn of_family(mut addresses: Vec<SocketAddr>, local: Option<IpAddr>) -> io::Result<Vec<SocketAddr>> {
    let Some(local) = local.filter(|_| !addresses.is_empty()) else { return Ok(addresses) };
    addresses.retain(|address| address.is_ipv6() == local.is_ipv6());
    if addresses.is_empty() {
        let fact = "it has no address of the family of Connector::local_address";
        return Err(io::Error::new(io::ErrorKind::NotFound, fact));
    }
    Ok(addresses)
}

/// Gets from a proxy to the host of `request`.
async fn through<N: Net>(
    net: &N,
    connector: &Connector,
    request: &ClientRequest,
    mut stream: N::Stream,
    Via { url: proxy, speaks }: Via,
    tried: &Tried,
) -> Result<N::Stream, Error> {
    let refused = |error, proxy: String| {
        let (proxy, url) = (proxy.into(), request.place().into());
        Error::Proxy { error, proxy, url }
    };
    let lost = |error| tried.error(ConnectStage::Proxy, error);
    match speaks {
        Speaks::Http { tls, headers } => {
            if let Some(tls) = tls {
                let stage = ConnectStage::ProxyTls;
                stream = encrypt(net, stream, tls, stage, tried, proxy.clone()).await?;
            }
            let tunnel = Tunnel::new(request, &headers);
            match net.wait(open_tunnel(net, &mut stream, tunnel)).await.map_err(lost)? {
                Ok(()) => Ok(stream),
                Err(error) => Err(refused(ProxyError::Tunnel(error), proxy)),
            }
        }
        Speaks::Socks5 { looks_up, credentials } => {
            let (mut host, port) = (request.host().to_string(), request.port());
            if looks_up {
                // This is about the server, not about the proxy.
                let mut tried = Tried::new(request);
                let found = tried.found(look_up(net, connector, &host, port).await)?;
                let first = found.first().ok_or_else(|| tried.none_answered())?;
                host = first.ip().to_string();
            }
            net.socks5(stream, &host, port, credentials).await.map_err(|error| match error {
                #[cfg(all(feature = "proxy", feature = "tokio"))]
                SocksError::Io(error) => lost(error),
                #[cfg(all(feature = "proxy", feature = "tokio"))]
                SocksError::Refused(error) => refused(ProxyError::Socks(error), proxy),
                SocksError::Unsupported => refused(ProxyError::Unsupported, proxy),
            })
        }
    }
}

/// Has an HTTP proxy open a tunnel.
async fn open_tunnel<N: Net>(
    net: &N,
    stream: &mut N::Stream,
    mut tunnel: Tunnel,
) -> io::Result<Result<(), TunnelError>> {
    while let Some(output) = tunnel.poll_transmit() {
        let bytes = output.chunk();
        net.write(stream, bytes).await?;
        let len = bytes.len();
        output.advance(len);
    }
    loop {
        match tunnel.poll_response() {
            Ok(Some(_)) => return Ok(Ok(())),
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
        let mut input = tunnel.input();
        let len = net.read(stream, input.spare_mut()).await?;
        input.commit(len);
        if len == 0 {
            tunnel.handle_eof();
        }
    }
}

/// Does a TLS handshake with what is at `url`.
#[cfg(feature = "rustls")]
async fn encrypt<N: Net>(
    net: &N,
    stream: N::Stream,
    tls: Tls,
    stage: ConnectStage,
    tried: &Tried,
    url: String,
) -> Result<N::Stream, Error> {
    match net.wait(net.tls(stream, tls)).await.map_err(TlsError::of_handshake) {
        Ok(stream) => Ok(stream),
        Err(Ok(error)) => Err(Error::Tls { error, url: Some(url.into()) }),
        Err(Err(error)) => Err(tried.error(stage, error)),
    }
}

#[cfg(not(feature = "rustls"))]
async fn encrypt<N: Net>(
    _: &N,
    _: N::Stream,
    tls: Tls,
    _: ConnectStage,
    _: &Tried,
    _: String,
) -> Result<N::Stream, Error> {
    match tls {}
}

fn unsupported(option: &str) -> io::Error {
    let remedy = "use another adapter, or connect the stream and pass it to connect_over";
    io::Error::new(io::ErrorKind::Unsupported, format!("{option} is not supported here: {remedy}"))
}
