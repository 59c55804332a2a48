//! The tokio adapter.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test is an application, and ends at what it did not expect"
)]
#![cfg_attr(
    feature = "futures-io",
    expect(clippy::duplicate_mod, reason = "the tests of both adapters are the same")
)]

#[cfg(feature = "deflate")]
#[path = "both/broadcast.rs"]
mod broadcast;
#[path = "both/cancel.rs"]
mod cancel;
#[path = "both/opening.rs"]
mod opening;
#[path = "both/queued.rs"]
mod queued;
#[path = "both/sent.rs"]
mod sent;
#[path = "both/shutdown.rs"]
mod shutdown;
#[path = "both/socket.rs"]
mod socket;
#[path = "both/split.rs"]
mod split;
#[path = "both/wakeups.rs"]
mod wakeups;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use sanswire::handshake::ClientRequest;
use sanswire::io::blocking;
use sanswire::io::poll::PollTransport;
use sanswire::io::tokio::{Receiver, Sender, Stream, WebSocket};
use sanswire::{
    AfterClose, CloseCode, ClosedBy, Config, Connection, ConnectionError, Error, Message,
    ReadyState, SendError,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use self::socket::{echo, pair, server_and_stream};
use self::split::without_deadlock;
use crate::support::{masked, unmasked};

/// A stream of tokio as the adapter takes it.
type Adapted<S> = S;

const fn adapt<S>(stream: S) -> Adapted<S> {
    stream
}

#[tokio::test]
async fn a_blocking_client_talks_to_a_tokio_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let client = thread::spawn(move || {
        let mut client = blocking::WebSocket::connect(&url).unwrap();
        client.send("hello").unwrap();
        assert_eq!(client.recv().unwrap(), Some("hello".into()));
        client.close(4000, "bye").unwrap();
        client.closed().unwrap()
    });
    let (stream, _) = listener.accept().await.unwrap();
    let server = WebSocket::accept(stream, &Config::default()).await.unwrap();
    echo(server).await.unwrap();
    assert_eq!(client.join().unwrap().code, 4000);
}

#[tokio::test]
async fn a_tokio_client_talks_to_a_blocking_server() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut server = blocking::WebSocket::accept(stream, &Config::default()).unwrap();
        while let Some(message) = server.recv().unwrap() {
            server.feed(message).unwrap();
        }
        server.closed().unwrap()
    });
    let mut client = WebSocket::connect(&url).await.unwrap();
    client.send("hello").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
    client.close(4000, "bye").await.unwrap();
    assert_eq!(server.join().unwrap().reason, "bye");
}

#[tokio::test]
async fn a_connection_is_made_from_a_url_and_a_request_that_are_temporaries() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            WebSocket::accept(stream, &Config::default()).await.unwrap();
        }
    });
    let by_url = tokio::spawn(WebSocket::connect(&format!("ws://{address}/")));
    by_url.await.unwrap().unwrap();
    let by_request = WebSocket::connect_with(
        &ClientRequest::new(&address.to_string(), "/").unwrap(),
        &Config::default().ping_interval(None),
    );
    timeout(Duration::from_secs(60), by_request).await.unwrap().unwrap();
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_after_a_close_arrives_within_the_time_of_the_close() {
    let config =
        Config::default().after_close(AfterClose::Deliver).close_timeout(Duration::from_secs(71));
    let (mut client, mut server) = pair(1000, &config, &Config::default()).await;
    client.send_close(CloseCode::NORMAL, "").await.unwrap();
    let server = tokio::spawn(async move {
        for _ in 0..10 {
            server.send("slow").await.unwrap();
            sleep(Duration::from_secs(7)).await;
        }
        server.recv().await
    });
    for _ in 0..10 {
        assert_eq!(client.recv().await.unwrap(), Some("slow".into()));
    }
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(server.await.unwrap().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_a_close_is_given_up() {
    let (mut server, stream) = server_and_stream(1000, &Config::default());
    let begin = Instant::now();
    let error = server.close(CloseCode::NORMAL, "").await.unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::CloseTimeout { .. })), "{error}");
    assert_eq!(server.ready_state(), ReadyState::Closed);
    assert_eq!(server.closed().unwrap().code, CloseCode::ABNORMAL);
    assert_eq!(begin.elapsed(), Config::default().close_timeout.unwrap());
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_close_is_reported_although_the_peer_never_closes_the_transport() {
    let begin = Instant::now();
    let ends = [
        (Connection::client(&Config::default(), [7; 32]), unmasked(0x88, b"\x03\xe8")),
        (Connection::server(&Config::default()), masked(0x88, b"\x03\xe8")),
    ];
    for (connection, close) in ends {
        let (near, mut far) = duplex(1000);
        let mut socket = WebSocket::from_driver(near, connection);
        far.write_all(&close).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), None);
        assert!(socket.connection().was_clean());
        assert_eq!(socket.closed().unwrap().by, ClosedBy::Peer);
        assert_eq!(socket.recv().await.unwrap(), None);
        socket.close(1000, "").await.unwrap();
    }
    let (near, mut far) = duplex(1000);
    let connection = Connection::client(&Config::default(), [7; 32]);
    let mut client = WebSocket::from_driver(near, connection);
    client.send_close(1000, "").await.unwrap();
    far.write_all(&unmasked(0x88, b"\x03\xe8")).await.unwrap();
    client.close(1000, "").await.unwrap();
    assert_eq!(client.closed().unwrap().by, ClosedBy::Local);
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_on_after_a_close_is_given_up() {
    let (mut server, mut stream) = server_and_stream(100, &Config::default());
    let flood = tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_secs(1));
        while stream.write_all(&masked(0x89, b"ping")).await.is_ok() {
            interval.tick().await;
        }
    });
    let begin = Instant::now();
    assert!(server.close(CloseCode::NORMAL, "").await.is_err());
    assert!(begin.elapsed() < Duration::from_secs(16));
    drop(server);
    flood.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_waits_learns_that_the_sender_waits_for_a_close_in_vain() {
    let (server, stream) = server_and_stream(1000, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    sleep(Duration::from_secs(1)).await;
    sender.send_close(CloseCode::NORMAL, "").await.unwrap();
    let error = without_deadlock(receiving).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::CloseTimeout { .. })), "{error}");
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_for_room_learns_that_the_connection_failed() {
    let config = Config::default().max_buffered(100);
    let (server, mut stream) = server_and_stream(50, &config);
    let (mut sender, mut receiver) = server.split();
    let sending = tokio::spawn(async move {
        sender.feed(vec![1; 200]).await.unwrap();
        sender.feed(vec![2; 200]).await.unwrap_err()
    });
    sleep(Duration::from_secs(1)).await;
    // An opcode that is not defined. Nobody reads what the server writes.
    stream.write_all(&masked(0x83, b"")).await.unwrap();
    let received = without_deadlock(receiver.recv()).await.unwrap_err();
    assert!(matches!(received, Error::Connection(ConnectionError::ReservedOpcode { opcode: 3 })));
    let error = without_deadlock(sending).await.unwrap();
    let Error::Send { error: SendError::Closed, message: Some(message) } = error else {
        panic!("{error:?}");
    };
    assert_eq!(message, Message::from(vec![2; 200]));
}

#[tokio::test(start_paused = true)]
async fn a_sender_does_not_wait_for_what_can_never_be_written() {
    for says_more in [true, false] {
        let (server, mut stream) = server_and_stream(50, &Config::default());
        let (mut sender, mut receiver) = server.split();
        let receiving = tokio::spawn(async move { receiver.recv().await });
        let sending = tokio::spawn(async move { sender.send(vec![7; 10_000]).await });
        sleep(Duration::from_secs(1)).await;
        // The peer reads nothing.
        if !says_more {
            stream.shutdown().await.unwrap();
        }
        assert!(without_deadlock(receiving).await.unwrap().is_err());
        let error = without_deadlock(sending).await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        drop(stream);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_goes_on_when_a_socket_is_taken_apart() {
    let (mut server, mut peer) = server_and_stream(1000, &Config::default());
    let hour = Duration::from_secs(3_600);
    let answering = tokio::spawn(async move {
        let end = Instant::now() + hour;
        while Instant::now() < end {
            let mut ping = [0; 6];
            peer.read_exact(&mut ping).await.unwrap();
            peer.write_all(&masked(0x8a, &ping[2..])).await.unwrap();
        }
        // Silent from now on.
        peer
    });
    assert!(timeout(hour, server.recv()).await.is_err());
    let begin = Instant::now();
    loop {
        let (stream, driver) = server.into_parts();
        server = WebSocket::from_driver(stream, driver);
        // No wait is as long as the interval of the Pings.
        let Ok(received) = timeout(Duration::from_secs(7), server.recv()).await else { continue };
        let error = received.unwrap_err();
        assert!(matches!(error, Error::Connection(ConnectionError::PongTimeout { .. })), "{error}");
        break;
    }
    assert!((40..=60).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    drop(answering.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_socket_was_taken_apart_came_in_time() {
    let (mut server, mut peer) = server_and_stream(1000, &Config::default());
    assert!(timeout(Duration::from_secs(21), server.recv()).await.is_err());
    // A Ping has left, and is answered. The application is busy elsewhere until long after.
    peer.read_exact(&mut [0; 6]).await.unwrap();
    peer.write_all(&masked(0x81, b"alive")).await.unwrap();
    sleep(Duration::from_secs(100)).await;
    let (stream, driver) = server.into_parts();
    let mut server = WebSocket::from_driver(stream, driver);
    assert_eq!(server.recv().await.unwrap(), Some("alive".into()));
}

#[tokio::test]
async fn a_flood_does_not_hide_sockets_that_have_become_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut flooded = WebSocket::from_driver(Flood, Connection::server(&Config::default()));
    let turns = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&turns);
    tokio::spawn(async move {
        let mut flooded = pin!(flooded.run(|_, _| {}));
        poll_fn(|cx| {
            counter.fetch_add(1, Ordering::Relaxed);
            flooded.as_mut().poll(cx)
        })
        .await
    });
    for _ in 0..10 {
        let before = turns.load(Ordering::Relaxed);
        let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.accept().await.unwrap();
        let waited = turns.load(Ordering::Relaxed) - before;
        assert!(waited <= 4, "behind {waited} turns of another task");
    }
}

/// A peer that sends messages of one byte without end, and takes all.
struct Flood;

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let frame = b"\x81\x81\0\0\0\0a";
        while buf.remaining() >= frame.len() {
            buf.put_slice(frame);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// As an embedder may use the transport of the adapter.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_due_at_once() {
    let (near, _far) = duplex(1);
    let mut stream = Stream::new(near);
    sleep(Duration::from_secs(1)).await;
    for (seconds, is_due) in [(2, false), (1, true), (0, true), (2, false)] {
        let at = Duration::from_secs(seconds).into();
        let polled = poll_fn(|cx| Poll::Ready(stream.poll_timer(cx, at).is_ready())).await;
        assert_eq!(polled, is_due, "{seconds}");
    }
}
