//! Deadlines and heartbeats of the adapters: tokio by a paused clock, blocking over TCP with short
//! times.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use sanswire::handshake::{ClientRequest, HandshakeError, HeadLimits};
use sanswire::io::Error;
use sanswire::tokio::WebSocket;
use sanswire::{CloseCode, Config, Connection, ConnectionError, blocking};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{masked, unmasked};

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A server and the bare stream at its other end.
fn server(capacity: usize, config: &Config) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(capacity);
    (WebSocket::from_driver(near, Connection::server(config).into()), far)
}

#[track_caller]
fn assert_failed<T: std::fmt::Debug>(result: Result<T, Error>, expected: ConnectionError) {
    let Err(Error::Connection(error)) = result else { panic!("{result:?}") };
    assert_eq!(error, expected);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_given_up() {
    let (mut server, mut peer) = server(1000, &Config::default());
    let begin = Instant::now();
    let limit = Duration::from_secs(20);
    assert_failed(server.recv().await, ConnectionError::PongTimeout { limit });
    assert_eq!(begin.elapsed(), Duration::from_secs(40));
    assert_failed(server.recv().await, ConnectionError::PongTimeout { limit });
    // It was told why, in case that it lives after all.
    let mut seen = [0; 10];
    peer.read_exact(&mut seen).await.unwrap();
    assert_eq!(seen, *b"\x89\x04\0\0\0\x01\x88\x02\x03\xf3");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_peer_that_answers_pings_lives_on() {
    let (near, far) = duplex(1000);
    let new = |stream, connection| WebSocket::from_driver(stream, connection.into());
    let mut server = new(near, Connection::server(&Config::default()));
    let quiet = config(|config| config.ping_interval = None);
    let mut client = new(far, Connection::client(&quiet, [7; 32]));
    let client = tokio::spawn(async move { client.recv().await });
    assert!(timeout(Duration::from_secs(3_600), server.recv()).await.is_err());
    assert!(server.connection().round_trip_time().is_some());
    server.close(1000, "").await.unwrap();
    assert_eq!(client.await.unwrap().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn the_half_that_receives_keeps_the_time() {
    let (server, _peer) = server(1000, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let begin = Instant::now();
    let sending = tokio::spawn(async move {
        for _ in 0..50 {
            sleep(Duration::from_secs(1)).await;
            if sender.send("tick").await.is_err() {
                return;
            }
        }
    });
    let limit = Duration::from_secs(20);
    assert_failed(receiver.recv().await, ConnectionError::PongTimeout { limit });
    assert_eq!(begin.elapsed(), Duration::from_secs(40));
    sending.abort();
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_for_a_peer_that_does_not_read_no_longer_than_it_may() {
    let small = config(|config| {
        config.max_buffered = 1000;
        config.ping_interval = None;
    });
    let (mut server, mut peer) = server(100, &small);
    peer.write_all(&masked(0x81, b"last words")).await.unwrap();
    let begin = Instant::now();
    let Err(Error::Io(error)) = server.send(vec![7; 5_000]).await else { panic!("sent") };
    assert_eq!((error.kind(), begin.elapsed()), (io::ErrorKind::TimedOut, millis(60_000)));
    // What the peer sent before is delivered, and then the reason.
    assert_eq!(server.recv().await.unwrap(), Some("last words".into()));
    let limit = Duration::from_secs(60);
    assert_failed(server.recv().await, ConnectionError::WriteTimeout { limit });
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_sees_that_the_peer_is_gone() {
    let (mut server, _peer) = server(100, &Config::default());
    let begin = Instant::now();
    let Err(Error::Io(error)) = server.send(vec![7; 5_000]).await else { panic!("sent") };
    assert_eq!((error.kind(), begin.elapsed()), (io::ErrorKind::TimedOut, millis(40_000)));
    let limit = Duration::from_secs(20);
    assert_failed(server.recv().await, ConnectionError::PongTimeout { limit });
}

#[tokio::test(start_paused = true)]
async fn two_senders_that_wait_for_each_other_are_ended() {
    let (near, far) = duplex(1000);
    let small = config(|config| config.max_buffered = 1000);
    let new = |stream, connection| WebSocket::from_driver(stream, connection.into());
    let mut server = new(near, Connection::server(&small));
    let mut client = new(far, Connection::client(&small, [7; 32]));
    let flood = vec![7; 10_000];
    let other = flood.clone();
    let client = tokio::spawn(async move { while client.send(other.clone()).await.is_ok() {} });
    while server.send(flood.clone()).await.is_ok() {}
    drop(server);
    client.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_trickles_in_is_cut() {
    let (mut server, mut peer) = server(1000, &Config::default());
    let begin = Instant::now();
    let trickle = tokio::spawn(async move {
        for byte in masked(0x82, &[7; 10_000]) {
            peer.write_all(&[byte]).await?;
            sleep(Duration::from_secs(1)).await;
        }
        io::Result::Ok(())
    });
    assert_failed(server.recv().await, ConnectionError::MessageTooSlow { limit: 500 });
    // And not before the grace is over.
    assert!((20..26).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    drop(server);
    trickle.await.unwrap().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_trickles_in_is_answered_with_408() {
    let (near, mut far) = duplex(1000);
    let begin = Instant::now();
    let peer = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(&mut far);
        let trickle = async {
            for byte in b"GET / HTTP/1.1\r\n".iter().cycle() {
                sleep(Duration::from_secs(1)).await;
                if to.write_all(&[*byte]).await.is_err() {
                    return;
                }
            }
        };
        let mut answer = Vec::new();
        let read = from.read_to_end(&mut answer);
        tokio::select! { () = trickle => {}, read = read => { read.unwrap(); } }
        answer
    });
    let error = WebSocket::accept(near, &Config::default()).await.unwrap_err();
    let limit = HeadLimits::default().timeout.unwrap();
    let Error::Handshake(error) = error else { panic!("{error}") };
    assert_eq!(error, HandshakeError::Timeout(limit));
    assert!(begin.elapsed() >= limit);
    let answer = peer.await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up() {
    let (near, _far) = duplex(1000);
    let begin = Instant::now();
    let request = ClientRequest::new("example.com", "/").unwrap();
    let error = WebSocket::client(near, &request, &Config::default()).await.unwrap_err();
    assert!(matches!(error, Error::Handshake(HandshakeError::Timeout(_))), "{error}");
    assert_eq!(begin.elapsed(), HeadLimits::default().timeout.unwrap());
}

/// A blocking end over TCP, and the bare stream at its other end.
fn over_tcp(connection: Connection) -> (blocking::WebSocket<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let near = listener.accept().unwrap().0;
    (blocking::WebSocket::from_driver(near, connection.into()), far)
}

fn short() -> Config {
    config(|config| {
        config.ping_interval = Some(millis(60));
        config.pong_timeout = Some(millis(60));
        config.close_timeout = Some(millis(60));
        config.write_timeout = Some(millis(200));
    })
}

#[test]
fn blocking_a_silent_peer_is_pinged_and_then_given_up() {
    let ends = [Connection::server(&short()), Connection::client(&short(), [7; 32])];
    for connection in ends {
        let (mut socket, mut peer) = over_tcp(connection);
        let limit = millis(60);
        assert_failed(socket.recv(), ConnectionError::PongTimeout { limit });
        assert_failed(socket.recv(), ConnectionError::PongTimeout { limit });
        drop(socket);
        let mut seen = Vec::new();
        peer.read_to_end(&mut seen).unwrap();
        assert_eq!(seen[0], 0x89);
    }
}

#[test]
fn blocking_a_peer_that_answers_pings_lives_on() {
    // Far above what a slow machine takes to answer.
    let patient = config(|config| config.ping_interval = Some(millis(20)));
    let (mut socket, mut peer) = over_tcp(Connection::client(&patient, [7; 32]));
    let answers = thread::spawn(move || {
        for _ in 0..5 {
            let mut ping = [0; 10];
            peer.read_exact(&mut ping).unwrap();
            let payload: Vec<u8> =
                ping[6..].iter().zip(&ping[2..6]).map(|(byte, key)| byte ^ key).collect();
            peer.write_all(&unmasked(0x8a, &payload)).unwrap();
        }
        peer.write_all(&unmasked(0x81, b"alive")).unwrap();
        peer
    });
    assert_eq!(socket.recv().unwrap(), Some("alive".into()));
    assert!(socket.connection().round_trip_time().is_some());
    drop(answers.join().unwrap());
}

#[test]
fn blocking_what_came_in_time_is_read_before_a_deadline_counts() {
    let config = config(|config| {
        config.ping_interval = Some(millis(20));
        config.pong_timeout = Some(millis(500));
    });
    let (mut socket, mut peer) = over_tcp(Connection::server(&config));
    socket.set_read_timeout(Some(millis(100)));
    let Err(Error::Io(error)) = socket.recv() else { panic!("nothing was sent") };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    // The Ping is answered, and the application is busy elsewhere until long after.
    peer.read_exact(&mut [0; 6]).unwrap();
    peer.write_all(&masked(0x81, b"alive")).unwrap();
    thread::sleep(millis(700));
    assert_eq!(socket.recv().unwrap(), Some("alive".into()));
}

#[test]
fn blocking_a_close_that_is_not_answered_ends_in_time() {
    let (mut socket, _peer) = over_tcp(Connection::server(&short()));
    let limit = millis(60);
    assert_failed(socket.close(1000, ""), ConnectionError::CloseTimeout { limit });
    assert_eq!(socket.closed().unwrap().code, CloseCode::ABNORMAL);
}

#[test]
fn blocking_a_sender_waits_for_a_peer_that_does_not_read_no_longer_than_it_may() {
    let patient = config(|config| {
        config.ping_interval = None;
        config.write_timeout = Some(millis(200));
    });
    let (mut socket, mut peer) = over_tcp(Connection::server(&patient));
    peer.write_all(&masked(0x81, b"last words")).unwrap();
    let sent = (0..1_000).find_map(|_| socket.send(vec![7; 1 << 20]).err());
    let Some(Error::Io(error)) = sent else { panic!("sent to nobody: {sent:?}") };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(socket.recv().unwrap(), Some("last words".into()));
    let limit = millis(200);
    assert_failed(socket.recv(), ConnectionError::WriteTimeout { limit });
}

#[test]
fn blocking_a_request_that_trickles_in_is_answered_with_408() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut limits = HeadLimits::default();
    limits.timeout = Some(millis(100));
    let stream = listener.accept().unwrap().0;
    let accepting = thread::spawn(move || {
        blocking::WebSocket::accept_with_limits(stream, limits, &Config::default(), |_| {
            Ok(sanswire::handshake::Acceptance::new())
        })
    });
    for byte in b"GET / HTTP/1.1\r\n" {
        peer.write_all(&[*byte]).unwrap();
        thread::sleep(millis(10));
    }
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"));
    drop(peer);
    let error = accepting.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Handshake(HandshakeError::Timeout(_))), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_gets_on_is_not_ended_by_what_it_has_not_looked_at() {
    let (mut server, mut peer) = server(100, &config(|config| config.ping_interval = None));
    let frame = masked(0x82, b"in two parts");
    peer.write_all(&frame[..8]).await.unwrap();
    assert!(timeout(millis(10), server.recv()).await.is_err());
    // The rest is there long before it is late, but the application sends.
    peer.write_all(&frame[8..]).await.unwrap();
    let reading = tokio::spawn(async move {
        for _ in 0..101 {
            sleep(Duration::from_secs(1)).await;
            let _ = peer.read(&mut [0; 100]).await.unwrap();
        }
        peer
    });
    server.send(vec![7; 10_000]).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(b"in two parts".to_vec().into()));
    drop(reading.await.unwrap());
}

#[test]
fn blocking_the_deadline_of_the_handshake_ends_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let quiet = config(|config| config.ping_interval = None);
    let client = thread::spawn(move || {
        let request = ClientRequest::new(&address.to_string(), "/").unwrap();
        let mut socket = blocking::WebSocket::connect_with(&request, &quiet).unwrap();
        thread::sleep(millis(300));
        socket.send("late").unwrap();
        socket
    });
    let mut limits = HeadLimits::default();
    limits.timeout = Some(millis(100));
    let stream = listener.accept().unwrap().0;
    let accepted = |_: &_| Ok(sanswire::handshake::Acceptance::new());
    let mut socket =
        blocking::WebSocket::accept_with_limits(stream, limits, &quiet, accepted).unwrap();
    assert_eq!(socket.recv().unwrap(), Some("late".into()));
    drop(client.join().unwrap());
}

#[test]
fn blocking_nobody_waits_for_what_can_never_be_written() {
    let (mut socket, _peer) = over_tcp(Connection::server(&short()));
    let sent = (0..1_000).find_map(|_| socket.send(vec![7; 1 << 20]).err());
    assert!(matches!(sent, Some(Error::Io(_))), "{sent:?}");
    assert!(matches!(socket.recv(), Err(Error::Connection(_))));
    let Err(Error::Io(_)) = socket.flush() else { panic!("written to nobody") };
}

/// A transport that holds back what it is given, and takes its time to let it go: as TLS does.
struct Lazy {
    stream: TcpStream,
    held: Vec<u8>,
    waits: u32,
}

impl Read for Lazy {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buf)
    }
}

impl Write for Lazy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waits > 0 {
            self.waits -= 1;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.stream.write_all(&core::mem::take(&mut self.held))
    }
}

impl blocking::Transport for Lazy {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout))
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn blocking_a_transport_that_lets_go_slowly_is_waited_for() {
    let (socket, mut peer) = over_tcp(Connection::server(&Config::default()));
    let (stream, driver) = socket.into_parts();
    let lazy = Lazy { stream, held: Vec::new(), waits: 3 };
    let mut socket = blocking::WebSocket::from_driver(lazy, driver);
    socket.send("held back").unwrap();
    let mut seen = [0; 11];
    peer.read_exact(&mut seen).unwrap();
    assert_eq!(&seen[2..], b"held back");
}
