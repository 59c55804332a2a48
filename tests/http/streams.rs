//! Which stream is under a socket of an HTTP server.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sanswire::ClosedBy;
use sanswire::handshake::ClientRequest;
use sanswire::io::hyper::{OnUpgrade, Rejection, WebSocketUpgrade};
use sanswire::io::tokio::{NetStream, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, BufStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::certificates::Authority;
use crate::support::{Kind, Stream, client_http1, ends, handing_out, open_http1, pipe, serve};

const KINDS: [Kind; 2] = [Kind::Auto, Kind::Http1];

#[test]
fn everything_can_be_shared_among_threads_or_sent_to_one() {
    fn is_sync<T: Send + Sync>() {}
    fn is_send<T: Send>() {}
    is_sync::<NetStream>();
    is_sync::<WebSocket<NetStream>>();
    is_sync::<Rejection>();
    is_send::<OnUpgrade>();
    is_send::<WebSocketUpgrade>();
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// Opens a WebSocket over a connection, and lets both ends speak: the client's and the server's.
async fn opened(
    client: impl Stream,
    server: impl Stream,
    kind: Kind,
) -> (WebSocket<NetStream>, WebSocket<NetStream>) {
    let (route, mut sockets) = handing_out(Ok);
    serve(server, kind, route);
    let mut send = client_http1(client).await;
    let request = ClientRequest::new("localhost", "/chat").unwrap();
    let mut client = open_http1(&mut send, &request).await.unwrap();
    let mut server = ends(sockets.recv()).await.unwrap().unwrap();
    let large = vec![7; 300_000];
    let (sent, received) = tokio::join!(client.send(&large[..]), server.recv());
    sent.unwrap();
    let received = received.unwrap().unwrap();
    let (sent, back) = tokio::join!(server.send(received), client.recv());
    sent.unwrap();
    assert_eq!(back.unwrap().unwrap().into_bytes(), large);
    (client, server)
}

/// Both ends get to know of the close, and of the end of the transport.
async fn assert_closes(mut client: WebSocket<NetStream>, mut server: WebSocket<NetStream>) {
    let (closed, received) = tokio::join!(ends(client.close(1000, "")), ends(server.recv()));
    closed.unwrap();
    assert_eq!(received.unwrap(), None);
    ends(server.close(1000, "")).await.unwrap();
    let closed = server.closed().unwrap();
    assert_eq!((closed.code.as_u16(), closed.by), (1000, ClosedBy::Peer));
}

#[tokio::test]
async fn tcp_is_taken_back_and_has_no_delay() {
    for kind in KINDS {
        let (client, server) = tcp().await;
        assert!(!server.nodelay().unwrap());
        let address = client.local_addr().unwrap();
        let (client, server) = opened(client, server, kind).await;
        for socket in [&client, &server] {
            assert!(socket.stream().tcp().unwrap().nodelay().unwrap(), "{kind:?}");
            assert!(!socket.stream().is_tls() && socket.stream().tls().is_none());
        }
        assert_eq!(server.stream().peer_addr().unwrap(), address);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_taken_back() {
    for kind in KINDS {
        let (client, server) = UnixStream::pair().unwrap();
        let (client, server) = opened(client, server, kind).await;
        for socket in [&client, &server] {
            assert!(socket.stream().tcp().is_none());
            assert!(format!("{:?}", socket.stream()).contains("UnixStream"), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn tls_of_this_crate_is_taken_back() {
    for kind in KINDS {
        let authority = Authority::new();
        let server_tls = authority.issue("localhost").server();
        let (client, server) = tcp().await;
        let connector = TlsConnector::from(authority.client().resolve().unwrap());
        let (client, server) = tokio::join!(
            connector.connect("localhost".try_into().unwrap(), NetStream::from(client)),
            NetStream::accept_tls(server, &server_tls),
        );
        let (client, server) = opened(client.unwrap(), server.unwrap(), kind).await;
        assert!(server.stream().tcp().unwrap().nodelay().unwrap(), "{kind:?}");
        assert!(server.stream().is_tls());
        assert!(server.stream().tls().unwrap().protocol_version().is_some());
        assert_closes(client, server).await;
    }
}

#[tokio::test]
async fn tls_of_tokio_rustls_is_taken_back() {
    for kind in KINDS {
        let authority = Authority::new();
        let acceptor = TlsAcceptor::from(authority.issue("localhost").server().config());
        let connector = TlsConnector::from(authority.client().resolve().unwrap());
        let (client, server) = tcp().await;
        let (client, server) = tokio::join!(
            connector.connect("localhost".try_into().unwrap(), client),
            acceptor.accept(server),
        );
        let (client, server) = opened(client.unwrap(), server.unwrap(), kind).await;
        for socket in [&client, &server] {
            assert!(socket.stream().tcp().unwrap().nodelay().unwrap(), "{kind:?}");
            assert!(socket.stream().is_tls());
            assert!(socket.stream().tls().unwrap().protocol_version().is_some());
        }
        assert_closes(client, server).await;
    }
}

#[tokio::test]
async fn a_stream_that_nobody_knows_works_as_it_is() {
    for kind in KINDS {
        let (client, server) = pipe();
        let (client, server) = opened(client, server, kind).await;
        for socket in [&client, &server] {
            assert!(socket.stream().tcp().is_none());
            assert!(!socket.stream().is_tls() && socket.stream().tls().is_none());
            assert!(socket.stream().peer_addr().is_err());
        }
        let (client, server) = tcp().await;
        let (_client, server) = opened(client, BufStream::new(server), kind).await;
        assert!(server.stream().tcp().is_none());
    }
}

/// A socket of a type that nobody knows, which notes how large a single write was.
struct Noted {
    inner: TcpStream,
    largest: Arc<AtomicUsize>,
}

impl AsyncRead for Noted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Noted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.largest.fetch_max(bytes.len(), Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn what_a_socket_is_given_is_not_cut_into_frames_of_http_2() {
    for kind in KINDS {
        let (client, server) = tcp().await;
        let largest = Arc::<AtomicUsize>::default();
        let noted = Noted { inner: server, largest: Arc::clone(&largest) };
        let (mut client, mut server) = opened(client, noted, kind).await;
        assert!(server.stream().tcp().is_none());
        // Compressed or masked messages and those that are copied are one piece.
        let prepared = sanswire::Prepared::binary(&vec![7; 200_000]);
        let (sent, received) = tokio::join!(server.send(&prepared), client.recv());
        sent.unwrap();
        assert_eq!(received.unwrap().unwrap().len(), 200_000);
        assert!(largest.load(Ordering::Relaxed) > 16 << 10, "{kind:?}");
    }
}
