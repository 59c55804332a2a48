//! The futures-io adapter on smol, over TCP on the loopback, with short deadlines: no test depends
//! on how fast anything is.
#![expect(
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::io;
use std::time::Duration;

use sanswire::handshake::{Acceptance, ClientRequest, HandshakeError, HeadLimits, Response};
use sanswire::io::Timeout;
use sanswire::io::futures_io::WebSocket;
use sanswire::{CloseCode, Config, Connection, ConnectionError, Error};
use smol::future::zip;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{Timer, block_on, spawn};

use crate::support::masked;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A listener, and the URL to it.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, url)
}

/// Two ends of a TCP connection.
async fn tcp() -> (TcpStream, TcpStream) {
    let (listener, _) = listen().await;
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, server) = zip(client, listener.accept()).await;
    (client.unwrap(), server.unwrap().0)
}

/// One end of an open connection, and the bare stream at its other end.
async fn open(connection: Connection) -> (WebSocket<TcpStream>, TcpStream) {
    let (near, far) = tcp().await;
    (WebSocket::from_driver(near, connection), far)
}

/// Accepts one connection, and sends everything back.
async fn echo(listener: TcpListener) -> Result<(), Error> {
    let (stream, _) = listener.accept().await?;
    let mut socket = WebSocket::accept(stream, &Config::default()).await?;
    while let Some(message) = socket.recv().await? {
        socket.feed(message).await?;
    }
    Ok(())
}

#[track_caller]
fn assert_failed<T: std::fmt::Debug>(result: Result<T, Error>, expected: ConnectionError) {
    let Err(Error::Connection(error)) = result else { panic!("{result:?}") };
    assert_eq!(error, expected);
}

#[test]
fn a_client_connects_to_a_url_and_has_everything_back() {
    block_on(async {
        let (listener, url) = listen().await;
        let server = spawn(echo(listener));
        let mut client = WebSocket::connect(&url).await.unwrap();
        assert!(client.stream().tcp().unwrap().nodelay().unwrap());
        for len in [0, 1, 125, 126, 70_000, 5 << 20] {
            client.send(vec![7; len]).await.unwrap();
            assert_eq!(client.recv().await.unwrap(), Some(vec![7; len].into()));
        }
        client.close(4000, "bye").await.unwrap();
        server.await.unwrap();
        assert_eq!(client.closed().unwrap().code, 4000);
    });
}

#[test]
fn a_connection_is_made_from_a_url_and_a_request_that_are_temporaries() {
    block_on(async {
        let (listener, url) = listen().await;
        let address = listener.local_addr().unwrap().to_string();
        let server = spawn(async move {
            for _ in 0..2 {
                let (stream, _) = listener.accept().await.unwrap();
                WebSocket::accept(stream, &Config::default()).await.unwrap();
            }
        });
        spawn(WebSocket::connect(&url.clone())).await.unwrap();
        let by_request = WebSocket::connect_with(
            &ClientRequest::new(&address, "/").unwrap(),
            &Config::default().ping_interval(None),
        );
        spawn(by_request).await.unwrap();
        server.await;
    });
}

#[test]
fn a_request_has_its_subprotocol_and_its_config() {
    block_on(async {
        let (listener, _) = listen().await;
        let address = listener.local_addr().unwrap().to_string();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let plain = Config::default();
            let accepted = WebSocket::accept_with(stream, &plain, async |request| {
                assert_eq!(request.path(), "/chat");
                Ok(Acceptance::new().subprotocol(request.subprotocols().next()))
            });
            let mut socket = accepted.await.unwrap();
            socket.send(vec![0; 101]).await.unwrap();
            socket.recv().await
        });
        let request = ClientRequest::new(&address, "/chat").unwrap();
        let request = request.subprotocol("chat").unwrap();
        let small = Config::default().max_message_size(100);
        let mut client = WebSocket::connect_with(&request, &small).await.unwrap();
        assert_eq!(client.protocol(), "chat");
        let failed = client.recv().await;
        assert_failed(failed, ConnectionError::MessageTooLarge { limit: 100 });
        assert_eq!(server.await.unwrap(), None);
    });
}

#[test]
fn a_client_is_told_why_it_cannot_connect() {
    block_on(async {
        let invalid = WebSocket::connect("ftp://localhost/").await;
        assert!(matches!(
            invalid,
            Err(Error::Handshake { error: HandshakeError::InvalidUrl(_), .. })
        ));

        let (listener, url) = listen().await;
        drop(listener);
        let Err(Error::Connect(error)) = WebSocket::connect(&url).await else {
            panic!("nobody listens")
        };
        assert_eq!(error.error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_request_can_be_answered_otherwise() {
    block_on(async {
        let (listener, url) = listen().await;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let config = Config::default();
            let decide = async |_: &_| Err(Response::new(404).text("not here"));
            WebSocket::accept_with(stream, &config, decide).await.map(drop)
        });
        let Err(Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. }) =
            WebSocket::connect(&url).await
        else {
            panic!("there is no such room")
        };
        assert_eq!((response.status(), &response.content()[..]), (404, &b"not here"[..]));
        assert!(matches!(server.await, Err(Error::Rejected { status: 404 })));
    });
}

#[test]
fn halves_in_two_tasks_send_and_receive_at_once() {
    block_on(async {
        let (listener, url) = listen().await;
        let server = spawn(echo(listener));
        let (mut sender, mut receiver) = WebSocket::connect(&url).await.unwrap().split();
        // More than both sockets hold: it is read while it is sent.
        let sending = spawn(async move {
            for i in 0..50_u8 {
                sender.send(vec![i; 200_000]).await.unwrap();
            }
            sender
        });
        for i in 0..50_u8 {
            assert!(receiver.recv().await.unwrap() == Some(vec![i; 200_000].into()));
        }
        let mut client = sending.await.reunite(receiver).unwrap();
        client.close(1000, "").await.unwrap();
        server.await.unwrap();
    });
}

#[test]
fn a_receiver_that_waits_writes_what_the_sender_queues() {
    block_on(async {
        let (server, mut peer) = open(Connection::server(&Config::default())).await;
        let (mut sender, mut receiver) = server.split();
        let receiving = spawn(async move { receiver.recv().await });
        let mut seen = [0; 3];
        for letter in [b"a", b"b", b"c"] {
            sender.try_send(&letter[..]).unwrap();
            peer.read_exact(&mut seen).await.unwrap();
            assert_eq!(seen, [0x82, 1, letter[0]]);
        }
        peer.write_all(&masked(0x81, b"enough")).await.unwrap();
        assert_eq!(receiving.await.unwrap(), Some("enough".into()));
    });
}

#[tokio::test]
async fn a_tokio_client_talks_to_a_server_on_smol() {
    let (listener, url) = listen().await;
    let server = spawn(echo(listener));
    let mut client = sanswire::io::tokio::WebSocket::connect(&url).await.unwrap();
    client.send(vec![7; 1 << 20]).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(vec![7; 1 << 20].into()));
    client.close(4000, "bye").await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_client_on_smol_talks_to_a_tokio_server() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let client = spawn(async move {
        let mut client = WebSocket::connect(&url).await?;
        client.send("hello").await?;
        let answer = client.recv().await?;
        client.close(4000, "bye").await?;
        Ok::<_, Error>(answer)
    });
    let (stream, _) = listener.accept().await.unwrap();
    let mut server =
        sanswire::io::tokio::WebSocket::accept(stream, &Config::default()).await.unwrap();
    while let Some(message) = server.recv().await.unwrap() {
        server.send(message).await.unwrap();
    }
    assert_eq!(client.await.unwrap(), Some("hello".into()));
    assert_eq!(server.closed().unwrap().reason, "bye");
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let short = Config::default().ping_interval(millis(60)).pong_timeout(millis(60));
    for connection in [Connection::server(&short), Connection::client(&short, [7; 32])] {
        block_on(async {
            let (mut socket, mut peer) = open(connection).await;
            let limit = millis(60);
            assert_failed(socket.recv().await, ConnectionError::PongTimeout { limit });
            assert_failed(socket.recv().await, ConnectionError::PongTimeout { limit });
            drop(socket);
            let mut seen = Vec::new();
            peer.read_to_end(&mut seen).await.unwrap();
            assert_eq!(seen[0], 0x89);
        });
    }
}

#[test]
fn a_peer_that_answers_pings_lives_on() {
    // Far above what a slow machine takes to answer.
    let patient = Config::default().ping_interval(millis(20));
    block_on(async {
        let (mut socket, mut peer) = open(Connection::server(&patient)).await;
        let answers = spawn(async move {
            for _ in 0..5 {
                let mut ping = [0; 6];
                peer.read_exact(&mut ping).await.unwrap();
                peer.write_all(&masked(0x8a, &ping[2..])).await.unwrap();
            }
            peer.write_all(&masked(0x81, b"alive")).await.unwrap();
            peer
        });
        assert_eq!(socket.recv().await.unwrap(), Some("alive".into()));
        assert!(socket.connection().round_trip_time().is_some());
        drop(answers.await);
    });
}

#[test]
fn a_deadline_before_the_one_that_is_waited_for_counts() {
    let hasty = Config::default().close_timeout(millis(60));
    block_on(async {
        let (socket, _peer) = open(Connection::server(&hasty)).await;
        let (mut sender, mut receiver) = socket.split();
        // The first timer is the one of the next Ping, in 20 s.
        let receiving = spawn(async move { receiver.recv().await });
        Timer::after(millis(20)).await;
        sender.send_close(CloseCode::NORMAL, "").await.unwrap();
        let limit = millis(60);
        assert_failed(receiving.await, ConnectionError::CloseTimeout { limit });
        assert_eq!(sender.closed().unwrap().code, CloseCode::ABNORMAL);
    });
}

#[test]
fn a_sender_waits_for_a_peer_that_does_not_read_no_longer_than_it_may() {
    let patient = Config::default().ping_interval(None).write_timeout(millis(200));
    block_on(async {
        let (mut socket, mut peer) = open(Connection::server(&patient)).await;
        peer.write_all(&masked(0x81, b"last words")).await.unwrap();
        let mut sent = Ok(());
        while sent.is_ok() {
            sent = socket.send(vec![7; 1 << 20]).await;
        }
        assert!(matches!(sent, Err(Error::Timeout(Timeout::Deadline))), "{sent:?}");
        // What the peer sent before is delivered, and then the reason.
        assert_eq!(socket.recv().await.unwrap(), Some("last words".into()));
        let limit = millis(200);
        assert_failed(socket.recv().await, ConnectionError::WriteTimeout { limit });
    });
}

#[test]
fn a_handshake_that_takes_too_long_is_given_up_by_both_ends() {
    block_on(async {
        let (listener, _) = listen().await;
        let request = ClientRequest::new(&listener.local_addr().unwrap().to_string(), "/").unwrap();
        let limits = HeadLimits::default().timeout(millis(100));
        // Nobody accepts it.
        let unanswered =
            WebSocket::connect_with(&request.head_limits(limits.clone()), &Config::default()).await;
        let limit = millis(100);
        let Err(Error::Handshake { error, .. }) = unanswered else { panic!("{unanswered:?}") };
        assert_eq!(error, HandshakeError::Timeout(limit));

        let (mut client, server) = tcp().await;
        let config = Config::default();
        let accept = async |_: &_| Ok(Acceptance::new());
        let accepting = WebSocket::accept_with_limits(server, &limits, &config, accept);
        let (unasked, answer) = zip(accepting, async {
            client.write_all(b"GET / HT").await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            drop(client);
            answer
        })
        .await;
        let Err(Error::Handshake { error, .. }) = unasked else { panic!("{unasked:?}") };
        assert_eq!(error, HandshakeError::Timeout(limit));
        assert!(answer.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"));
    });
}

#[test]
fn the_time_goes_on_when_a_socket_is_taken_apart() {
    let slow = Config::default().ping_interval(millis(100));
    block_on(async {
        let (mut socket, mut peer) = open(Connection::server(&slow)).await;
        for _ in 0..5 {
            // No wait is as long as the interval.
            let wait = async {
                Timer::after(millis(30)).await;
                None
            };
            assert!(smol::future::or(async { Some(socket.recv().await) }, wait).await.is_none());
            let (stream, driver) = socket.into_parts();
            socket = WebSocket::from_driver(stream, driver);
        }
        let mut ping = [0; 6];
        peer.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping[0], 0x89);
    });
}
