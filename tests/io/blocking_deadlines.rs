//! Deadlines and heartbeats of the blocking adapter, over TCP with short times.
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

use sanswire::handshake::{Acceptance, ClientRequest, HandshakeError, HeadLimits};
use sanswire::io::blocking::WebSocket;
use sanswire::io::{Timeout, Transport};
use sanswire::{AfterClose, CloseCode, Config, Connection, ConnectionError, Error};

use crate::support::{masked, unmasked};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[track_caller]
fn assert_failed<T: std::fmt::Debug>(result: Result<T, Error>, expected: ConnectionError) {
    let Err(Error::Connection(error)) = result else { panic!("{result:?}") };
    assert_eq!(error, expected);
}

/// A blocking end over TCP, and the bare stream at its other end.
fn over_tcp(connection: Connection) -> (WebSocket<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let near = listener.accept().unwrap().0;
    (WebSocket::from_driver(near, connection), far)
}

fn short() -> Config {
    Config::default()
        .ping_interval(millis(60))
        .pong_timeout(millis(60))
        .close_timeout(millis(60))
        .write_timeout(millis(200))
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
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

/// A stream that always has the same frame at once, and takes nothing.
struct Flood(Vec<u8>);

impl Read for Flood {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.as_slice().read(into)
    }
}

impl Write for Flood {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Flood {
    fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_peer_that_always_sends_and_never_reads_is_found() {
    let stream = Flood(masked(0x82, b"x"));
    let mut socket = WebSocket::from_driver(stream, Connection::server(&short()));
    socket.try_send(vec![0; 100_000]).unwrap();
    let error = loop {
        match socket.recv() {
            Ok(message) => assert!(message.is_some()),
            Err(error) => break error,
        }
    };
    let limit = millis(200);
    assert_failed(Err::<(), _>(error), ConnectionError::WriteTimeout { limit });
}

#[test]
fn a_close_is_over_in_time_while_the_peer_goes_on_talking() {
    let deliver = Config::default().after_close(AfterClose::Deliver).close_timeout(millis(60));
    for frame in [masked(0x81, b"x"), masked(0x89, b""), masked(0x82, &[7; 2_000])[..8].to_vec()] {
        let (mut socket, mut peer) = over_tcp(Connection::server(&deliver));
        let talking = thread::spawn(move || {
            while peer.write_all(&frame).is_ok() {
                thread::sleep(millis(10));
            }
        });
        let limit = millis(60);
        assert_failed(socket.close(1000, ""), ConnectionError::CloseTimeout { limit });
        drop(socket);
        talking.join().unwrap();
    }
}

#[test]
fn a_peer_that_answers_pings_lives_on() {
    // Far above what a slow machine takes to answer.
    let patient = Config::default().ping_interval(millis(20));
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
fn what_came_in_time_is_read_before_a_deadline_counts() {
    let config = Config::default().ping_interval(millis(20)).pong_timeout(millis(500));
    let (mut socket, mut peer) = over_tcp(Connection::server(&config));
    socket.set_read_timeout(Some(millis(100)));
    let limit = millis(100);
    let Err(Error::Timeout(timeout)) = socket.recv() else { panic!("nothing was sent") };
    assert_eq!(timeout, Timeout::Read { limit });
    // The Ping is answered, and the application is busy elsewhere until long after.
    peer.read_exact(&mut [0; 6]).unwrap();
    peer.write_all(&masked(0x81, b"alive")).unwrap();
    thread::sleep(millis(700));
    assert_eq!(socket.recv().unwrap(), Some("alive".into()));
}

#[test]
fn what_came_before_a_socket_was_taken_apart_came_in_time() {
    let config = Config::default().idle_timeout(millis(500));
    let (mut socket, mut peer) = over_tcp(Connection::server(&config));
    socket.set_read_timeout(Some(millis(50)));
    let Err(Error::Timeout(_)) = socket.recv() else { panic!("nothing was sent") };
    peer.write_all(&masked(0x81, b"in time")).unwrap();
    thread::sleep(millis(700));
    let (stream, driver) = socket.into_parts();
    let mut socket = WebSocket::from_driver(stream, driver);
    assert_eq!(socket.recv().unwrap(), Some("in time".into()));
}

#[test]
fn a_close_that_is_not_answered_ends_in_time() {
    let (mut socket, _peer) = over_tcp(Connection::server(&short()));
    let limit = millis(60);
    assert_failed(socket.close(1000, ""), ConnectionError::CloseTimeout { limit });
    assert_eq!(socket.closed().unwrap().code, CloseCode::ABNORMAL);
}

#[test]
fn a_sender_waits_for_a_peer_that_does_not_read_no_longer_than_it_may() {
    let patient = Config::default().ping_interval(None).write_timeout(millis(200));
    let (mut socket, mut peer) = over_tcp(Connection::server(&patient));
    peer.write_all(&masked(0x81, b"last words")).unwrap();
    let sent = (0..1_000).find_map(|_| socket.send(vec![7; 1 << 20]).err());
    assert!(matches!(sent, Some(Error::Timeout(Timeout::Deadline))), "{sent:?}");
    assert_eq!(socket.recv().unwrap(), Some("last words".into()));
    let limit = millis(200);
    assert_failed(socket.recv(), ConnectionError::WriteTimeout { limit });
}

#[test]
fn a_request_that_trickles_in_is_answered_with_408() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let limits = HeadLimits::default().timeout(millis(100));
    let stream = listener.accept().unwrap().0;
    let accepting =
        thread::spawn(move || {
            WebSocket::accept_with_limits(stream, &limits, &Config::default(), |_| {
                Ok(Acceptance::new())
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
    assert!(matches!(error, Error::Handshake { error: HandshakeError::Timeout(_), .. }), "{error}");
}

#[test]
fn the_deadline_of_the_handshake_ends_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = thread::spawn(move || {
        let request = ClientRequest::new(&address.to_string(), "/").unwrap();
        let mut socket =
            WebSocket::connect_with(&request, &Config::default().ping_interval(None)).unwrap();
        thread::sleep(millis(300));
        socket.send("late").unwrap();
        socket
    });
    let limits = HeadLimits::default().timeout(millis(100));
    let stream = listener.accept().unwrap().0;
    let accepted = |_: &_| Ok(Acceptance::new());
    let mut socket = WebSocket::accept_with_limits(
        stream,
        &limits,
        &Config::default().ping_interval(None),
        accepted,
    )
    .unwrap();
    assert_eq!(socket.recv().unwrap(), Some("late".into()));
    drop(client.join().unwrap());
}

#[test]
fn nobody_waits_for_what_can_never_be_written() {
    let (mut socket, _peer) = over_tcp(Connection::server(&short()));
    let sent = (0..1_000).find_map(|_| socket.send(vec![7; 1 << 20]).err());
    assert!(matches!(sent, Some(Error::Timeout(Timeout::Deadline))), "{sent:?}");
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

impl Transport for Lazy {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout))
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_transport_that_lets_go_slowly_is_waited_for() {
    let (socket, mut peer) = over_tcp(Connection::server(&Config::default()));
    let (stream, driver) = socket.into_parts();
    let lazy = Lazy { stream, held: Vec::new(), waits: 3 };
    let mut socket = WebSocket::from_driver(lazy, driver);
    socket.send("held back").unwrap();
    let mut seen = [0; 11];
    peer.read_exact(&mut seen).unwrap();
    assert_eq!(&seen[2..], b"held back");
}
