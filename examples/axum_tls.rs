//! Where axum accepts connections with TLS; knows no request.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use sanswire::io::tls::ServerTls;
use sanswire::io::tokio::NetStream;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Accepts a client when its TLS handshake is done. Slow ones keep nobody waiting.
pub(crate) struct TlsListener {
    listener: TcpListener,
    tls: ServerTls,
    handshakes: JoinSet<Result<(NetStream, SocketAddr), sanswire::Error>>,
}

impl TlsListener {
    /// Offers HTTP/2 and HTTP/1.1.
    pub(crate) fn new(listener: TcpListener, tls: &ServerTls) -> Self {
        let mut config = tls.config().as_ref().clone();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self { listener, tls: ServerTls::new(config), handshakes: JoinSet::new() }
    }
}

impl Listener for TlsListener {
    type Io = NetStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (NetStream, SocketAddr) {
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if self.handshakes.len() < MAX_HANDSHAKES => {
                    let (stream, peer) = match accepted {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            eprintln!("accept: {error}");
                            tokio::time::sleep(PAUSE).await;
                            continue;
                        }
                    };
                    // It fails only for a connection that is gone already.
                    let _ = stream.set_nodelay(true);
                    let tls = self.tls.clone();
                    self.handshakes.spawn(async move {
                        // It has a time limit.
                        Ok((NetStream::accept_tls(stream, &tls).await?, peer))
                    });
                }
                Some(Ok(shaken)) = self.handshakes.join_next() => match shaken {
                    Ok(accepted) => return accepted,
                    Err(error) => eprintln!("{error}"),
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

const MAX_HANDSHAKES: usize = 1000;

/// The wait when the system has no more sockets to give.
const PAUSE: Duration = Duration::from_millis(50);
