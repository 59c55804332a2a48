//! Accepts connections, over TLS if there is a certificate. Knows no request.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use sanswire::io::tls::ServerTls;
use sanswire::io::tokio::NetStream;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::sleep;

pub(crate) struct Listener {
    tcp: TcpListener,
    tls: Option<ServerTls>,
    /// Connections whose TLS handshake is done: none holds up another.
    ready: mpsc::Receiver<(NetStream, SocketAddr)>,
    sender: mpsc::Sender<(NetStream, SocketAddr)>,
}

impl Listener {
    pub(crate) async fn bind(address: SocketAddr, tls: Option<ServerTls>) -> io::Result<Self> {
        let tcp = TcpListener::bind(address).await?;
        let (sender, ready) = mpsc::channel(1);
        Ok(Self { tcp, tls, ready, sender })
    }

    /// Returns the address of a page of this server.
    pub(crate) fn url(&self) -> io::Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.tcp.local_addr()?))
    }

    /// Returns the next connection.
    pub(crate) async fn accept(&mut self) -> (NetStream, SocketAddr) {
        loop {
            let (stream, peer) = tokio::select! {
                Some(ready) = self.ready.recv() => return ready,
                accepted = self.tcp.accept() => match accepted {
                    Ok(accepted) => accepted,
                    // No more sockets to be had.
                    Err(_) => {
                        sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            // They fail only for a connection that is gone already.
            let _ = stream.set_nodelay(true);
            // Who does not read what is sent keeps nothing from those who do.
            #[cfg(target_os = "linux")]
            let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD_TIMEOUT));
            let Some(tls) = &self.tls else { return (stream.into(), peer) };
            let handshake = NetStream::accept_tls(stream, tls);
            let sender = self.sender.clone();
            tokio::spawn(async move {
                // A client that does not speak TLS, or not in time, is nobody's concern.
                if let Ok(stream) = handshake.await {
                    let _ = sender.send((stream, peer)).await;
                }
            });
        }
    }
}

/// Reads a certificate and its key.
pub(crate) fn read_tls(certificate: &Path, key: &Path) -> Result<ServerTls, Box<dyn Error>> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| format!("--tls {}: {error}", path.display()))
    };
    let tls = ServerTls::from_pem(&read(certificate)?, &read(key)?);
    Ok(tls.map_err(|error| format!("--tls: {error}"))?)
}

/// How long the system waits for a peer to take what was sent. The end of a page's connection is
/// noticed sooner, by its pings.
#[cfg(target_os = "linux")]
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);
