//! The listeners of a server, and its pause while none can accept; knows no limits.

use alloc::boxed::Box;
use alloc::string::ToString;
use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use ::tokio::net::TcpListener;
#[cfg(unix)]
use ::tokio::net::UnixListener;
use ::tokio::time::{Sleep, sleep};

use crate::io::tokio::NetStream;

/// A listening socket: TCP, or a Unix socket. Made from tokio's by `into()`.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Peer {
    /// The TCP address; `None` over a Unix socket. Behind a reverse proxy, it is that of the proxy.
    pub address: Option<SocketAddr>,
}

/// A listener, and the wait after it has failed.
#[derive(Debug)]
pub(super) struct Incoming {
    listener: Listener,
    pause: Option<Pin<Box<Sleep>>>,
    /// How long the next pause takes.
    delay: Duration,
}

impl Listener {
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Kind::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            Kind::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(NetStream, Peer)>> {
        Poll::Ready(Ok(match &self.0 {
            Kind::Tcp(listener) => {
                let (stream, address) = ready!(listener.poll_accept(cx))?;
                // It fails only for a connection that is gone, which the handshake will find out.
                let _ = stream.set_nodelay(true);
                (stream.into(), Peer { address: Some(address) })
            }
            #[cfg(unix)]
            Kind::Unix(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                (stream.into(), Peer { address: None })
            }
        }))
    }
}

impl Incoming {
    pub(super) const fn new(listener: Listener) -> Self {
        Self { listener, pause: None, delay: SHORTEST_PAUSE }
    }

    /// Waits for the next connection. After an error, the next call waits before it tries again.
    pub(super) fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(NetStream, Peer)>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let accepted = ready!(self.listener.poll_accept(cx));
        match &accepted {
            Ok(_) => self.delay = SHORTEST_PAUSE,
            Err(error) if is_of_one_connection(error) => {}
            Err(_) => {
                self.pause = Some(Box::pin(sleep(self.delay)));
                self.delay = (2 * self.delay).min(LONGEST_PAUSE);
            }
        }
        Poll::Ready(accepted)
    }
}

/// Returns whether an error says that a client has left, and nothing of the listener. Such a client
/// is no longer in the queue.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self(Kind::Tcp(listener))
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self(Kind::Unix(listener))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => f.pad(&address.to_string()),
            None => f.pad("a Unix socket"),
        }
    }
}

/// The pause after the first error in a row; it doubles with each.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause: a client that waits in the system's queue is served soon after.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
