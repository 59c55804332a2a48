//! The blocking adapter over TLS: who is trusted, how it begins, and how it ends.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use proptest::prelude::{ProptestConfig, proptest};
use sanswire::handshake::{ClientRequest, HeadLimits};
use sanswire::io::blocking::{NetStream, TlsStream, WebSocket};
use sanswire::io::tls::rustls::pki_types::ServerName;
use sanswire::io::tls::rustls::{ClientConnection, ServerConnection};
use sanswire::io::tls::{ClientTls, ServerTls};
use sanswire::io::{ConnectStage, Connector, TlsError, Transport};
use sanswire::{CloseCode, Config, ConnectionError, Error, Message};

use crate::random::Random;
use crate::tls::{Authority, Identity};

/// A server that sends back what one client sends. It returns what it failed of.
fn echo_server(tls: ServerTls) -> (String, JoinHandle<Result<(), Error>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let server = thread::spawn(move || {
        let stream = NetStream::accept_tls(listener.accept().unwrap().0, &tls)?;
        let mut socket = WebSocket::accept(stream, &Config::default())?;
        while let Some(message) = socket.recv()? {
            socket.feed(message)?;
        }
        Ok(())
    });
    (url, server)
}

fn connect(url: &str, tls: ClientTls) -> Result<WebSocket<NetStream>, Error> {
    let request = ClientRequest::from_url(url)?;
    WebSocket::connect_via(&Connector::new().tls(tls), &request, &Config::default())
}

fn assert_echo(url: &str, tls: ClientTls) {
    let mut socket = connect(url, tls).unwrap();
    for len in [0, 5, 16_384, 300_000] {
        let sent = Message::from(vec![7; len]);
        socket.send(sent.clone()).unwrap();
        assert_eq!(socket.recv().unwrap(), Some(sent));
    }
    socket.close(CloseCode::NORMAL, "").unwrap();
}

/// What a client and its server fail of.
fn failures(server: ServerTls, client: ClientTls) -> (Error, Error) {
    let (url, server) = echo_server(server);
    let error = connect(&url, client).expect_err("it is not trusted");
    (error, server.join().unwrap().expect_err("it is not trusted"))
}

/// Two ends of TLS over TCP.
fn pair() -> (TlsStream<TcpStream>, TlsStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    pair_over((client, listener.accept().unwrap().0))
}

/// Puts TLS on the two ends of a stream: that of the client, and that of the server.
pub(crate) fn pair_over<S: Transport + Send + 'static>(
    (client, server): (S, S),
) -> (TlsStream<S>, TlsStream<S>) {
    let authority = Authority::new();
    let config = authority.issue("localhost").server().config();
    let server = thread::spawn(move || {
        let connection = ServerConnection::new(config).unwrap();
        TlsStream::handshake(connection, server, LIMIT).unwrap()
    });
    let config = authority.client().resolve().unwrap();
    let connection = ClientConnection::new(config, ServerName::try_from("localhost").unwrap());
    let client = TlsStream::handshake(connection.unwrap(), client, LIMIT).unwrap();
    (client, server.join().unwrap())
}

/// A stream that does a part of what is wanted, or nothing.
struct Fitful {
    stream: TcpStream,
    random: Random,
    /// How many calls do something for three that do nothing.
    calls: Cell<usize>,
}

impl Fitful {
    /// Returns how much of `len` bytes is done.
    fn part(&mut self, len: usize) -> io::Result<usize> {
        match self.random.below(self.calls.get() + 3) {
            0 => Err(ErrorKind::Interrupted.into()),
            1 => Err(ErrorKind::TimedOut.into()),
            2 => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(self.random.split(len).min(len)),
        }
    }
}

impl Read for Fitful {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.part(buf.len())?;
        self.stream.read(&mut buf[..len])
    }
}

impl Write for Fitful {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.part(bytes.len())?;
        self.stream.write(&bytes[..len])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.part(1).map(|_| ())
    }
}

impl Transport for Fitful {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Transport::set_read_timeout(&mut self.stream, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Transport::set_write_timeout(&mut self.stream, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.part(1)?;
        self.stream.shutdown_write()
    }
}

/// One end that is to send so much, and has received that.
struct Sending {
    stream: TlsStream<Fitful>,
    sent: Vec<u8>,
    left: usize,
    is_shut: bool,
    received: Vec<u8>,
    is_over: bool,
}

impl Sending {
    fn new(stream: TlsStream<Fitful>, left: usize) -> Self {
        stream.get_ref().stream.set_nonblocking(true).unwrap();
        // A handshake pauses each time.
        stream.get_ref().calls.set(3);
        Self {
            stream,
            sent: Vec::new(),
            left,
            is_shut: false,
            received: Vec::new(),
            is_over: false,
        }
    }

    fn step(&mut self, random: &mut Random) -> io::Result<()> {
        match random.below(4) {
            0 | 1 if self.left > 0 => {
                let len = random.split(self.left).min(self.left);
                let bytes: Vec<u8> = (0..len).map(|_| random.next().to_be_bytes()[0]).collect();
                let (first, second) = bytes.split_at(random.below(len + 1));
                let written = if random.below(2) == 0 {
                    let slices = [IoSlice::new(first), IoSlice::new(second)];
                    self.stream.write_vectored(&slices)?
                } else {
                    self.stream.write(&bytes)?
                };
                self.sent.extend(&bytes[..written]);
                self.left -= written;
            }
            0 => self.stream.flush()?,
            1 if !self.is_shut => {
                self.stream.shutdown_write()?;
                self.is_shut = true;
            }
            _ if !self.is_over => {
                let mut buf = vec![0; random.split(40_000)];
                let len = self.stream.read(&mut buf)?;
                self.is_over = len == 0;
                self.received.extend(&buf[..len]);
            }
            _ => {}
        }
        Ok(())
    }
}

fn exchange_with_faults(seed: u64) {
    let mut random = Random::new(seed);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    let [client, server] = [client, server].map(|stream| Fitful {
        stream,
        random: Random::new(random.next()),
        calls: Cell::new(100),
    });
    let (client, server) = pair_over((client, server));
    let mut ends = [client, server].map(|stream| Sending::new(stream, random.below(100_000)));
    while ends.iter().any(|end| !end.is_over || !end.is_shut) {
        let end = &mut ends[random.below(2)];
        if let Err(error) = end.step(&mut random) {
            let kind = error.kind();
            let is_passing = matches!(
                kind,
                ErrorKind::Interrupted | ErrorKind::TimedOut | ErrorKind::WouldBlock
            );
            assert!(is_passing, "{error}");
        }
    }
    let [client, server] = ends;
    assert!(client.sent == server.received && server.sent == client.received);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn nothing_is_lost_or_doubled_by_streams_that_do_a_part_or_nothing(seed: u64) {
        exchange_with_faults(seed);
    }
}

#[test]
fn a_certificate_of_an_authority_that_is_trusted_gets_an_echo() {
    let authority = Authority::new();
    let (url, server) = echo_server(authority.issue("localhost").server());
    assert_echo(&url, authority.client());
    server.join().unwrap().unwrap();
}

#[test]
fn an_address_is_a_name_too() {
    let authority = Authority::new();
    let (url, server) = echo_server(authority.issue("127.0.0.1").server());
    assert_echo(&url.replace("localhost", "127.0.0.1"), authority.client());
    server.join().unwrap().unwrap();
}

#[test]
fn a_certificate_that_signs_itself_is_taken_by_a_verifier_of_ones_own() {
    let identity = Identity::self_signed("somebody.example");
    let (url, server) = echo_server(identity.server());
    assert_echo(&url, identity.client_that_pins_it());
    server.join().unwrap().unwrap();
}

#[test]
fn a_client_shows_a_certificate_where_one_is_wanted() {
    let authority = Authority::new();
    let tls = authority.server_for_clients(&authority.issue("localhost"));
    let (url, server) = echo_server(tls);
    assert_echo(&url, authority.client_with(&authority.issue("a client")));
    server.join().unwrap().unwrap();
}

#[test]
fn what_was_negotiated_can_be_asked_for() {
    let authority = Authority::new();
    let (url, server) = echo_server(authority.issue("localhost").server());
    let mut socket = connect(&url, authority.client()).unwrap();
    assert!(socket.stream().is_tls());
    let tls = socket.stream().tls().unwrap();
    assert_eq!(tls.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(tls.peer_certificates().unwrap().len(), 1);
    socket.close(CloseCode::NORMAL, "").unwrap();
    server.join().unwrap().unwrap();
}

#[test]
fn a_certificate_that_has_expired_is_named_so() {
    let authority = Authority::new();
    let (client, server) =
        failures(authority.issue_expired("localhost").server(), authority.client());
    let text = client.to_string();
    assert!(matches!(client, Error::Tls { error: TlsError::Handshake(_), url: Some(_) }), "{text}");
    assert!(text.starts_with("wss://localhost:"), "{text}");
    assert!(text.contains("expired") && text.contains("must be renewed"), "{text}");
    assert!(server.to_string().contains("CertificateExpired"), "{server}");
}

#[test]
fn a_certificate_for_another_name_is_named_so() {
    let authority = Authority::new();
    let (client, _) = failures(authority.issue("example.com").server(), authority.client());
    let text = client.to_string();
    assert!(matches!(client, Error::Tls { error: TlsError::Handshake(_), url: Some(_) }), "{text}");
    assert!(text.contains("not valid for name") && text.contains("server_name"), "{text}");
}

#[test]
fn a_certificate_of_an_authority_that_is_not_trusted_is_named_so() {
    let (client, server) =
        failures(Authority::new().issue("localhost").server(), Authority::new().client());
    let text = client.to_string();
    assert!(matches!(client, Error::Tls { error: TlsError::Handshake(_), url: Some(_) }), "{text}");
    assert!(text.contains("root_certificates"), "{text}");
    assert!(matches!(server, Error::Tls { error: TlsError::Handshake(_), .. }), "{server}");
}

#[test]
fn a_certificate_that_signs_itself_is_not_trusted() {
    let (client, _) =
        failures(Identity::self_signed("localhost").server(), Authority::new().client());
    assert!(matches!(client, Error::Tls { error: TlsError::Handshake(_), .. }), "{client}");
}

#[test]
fn a_client_without_the_certificate_that_is_wanted_is_told_so() {
    let authority = Authority::new();
    let tls = authority.server_for_clients(&authority.issue("localhost"));
    let (client, server) = failures(tls, authority.client());
    // TLS 1.3: the handshake was over for the client before the server looked.
    assert!(client.to_string().contains("CertificateRequired"), "{client}");
    assert!(server.to_string().contains("the client must send a certificate"), "{server}");
}

#[test]
fn a_peer_that_does_not_speak_tls_is_named_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let mut ignored = Vec::new();
        let _ = stream.read_to_end(&mut ignored);
    });
    let error = connect(&url, Authority::new().client()).unwrap_err();
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
    server.join().unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let tls = Identity::self_signed("localhost").server();
    let client = thread::spawn(move || {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    });
    let error = NetStream::accept_tls(listener.accept().unwrap().0, &tls).unwrap_err();
    assert!(matches!(error, Error::Tls { error: TlsError::Handshake(_), .. }), "{error}");
    // A fatal alert, which the client could read although more of it was unread.
    assert_eq!(client.join().unwrap()[..1], [0x15]);
}

/// TCP would destroy the alert if the stream were dropped with something unread.
#[test]
fn a_peer_that_goes_on_talking_is_told_why_the_handshake_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    client.write_all(&[b'x'; 50_000]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let config = Authority::new().issue("localhost").server().config();
    let connection = ServerConnection::new(config).unwrap();
    let error = TlsStream::handshake(connection, server, LIMIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let mut told = Vec::new();
    client.read_to_end(&mut told).unwrap();
    // RFC 8446, §5.1: 21 is the type of a record with an alert.
    assert_eq!(told.first(), Some(&21), "{told:?}");
}

#[test]
fn a_peer_that_leaves_within_the_handshake_is_named_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.read(&mut [0; 4096]);
    });
    let error = connect(&url, Authority::new().client()).unwrap_err();
    let Error::Connect(error) = error else { panic!("{error}") };
    assert_eq!((error.stage, error.error.kind()), (ConnectStage::Tls, ErrorKind::UnexpectedEof));
    server.join().unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let tls = Identity::self_signed("localhost").server();
    let error = NetStream::accept_tls(listener.accept().unwrap().0, &tls).unwrap_err();
    assert!(matches!(&error, Error::Io(it) if it.kind() == ErrorKind::UnexpectedEof), "{error}");
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let limits = HeadLimits::default().timeout(Duration::from_millis(50));
    let request = ClientRequest::from_url(&url).unwrap().head_limits(limits);
    let connector = Connector::new().tls(Authority::new().client());
    let error = WebSocket::connect_via(&connector, &request, &Config::default()).unwrap_err();
    let text = error.to_string();
    let Error::Connect(error) = error else { panic!("{text}") };
    assert_eq!((error.stage, error.error.kind()), (ConnectStage::Tls, ErrorKind::TimedOut));
    assert!(text.ends_with("no answer within 50ms (HeadLimits::timeout)"), "{text}");
}

#[test]
fn a_client_that_trickles_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let connection = ServerConnection::new(Identity::self_signed("a").server().config()).unwrap();
    let server = thread::spawn(move || {
        TlsStream::handshake(connection, listener.accept().unwrap().0, Duration::from_millis(100))
    });
    // The head of a record of 512 bytes, and then of those one after the other, for ever.
    client.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).unwrap();
    while !server.is_finished() {
        let _ = client.write_all(&[3]);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(server.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_record_that_trickles_does_not_outlast_a_read_timeout() {
    let (mut client, server) = pair();
    Transport::set_read_timeout(&mut client, Duration::from_millis(100)).unwrap();
    let mut raw = server.get_ref().try_clone().unwrap();
    let reader = thread::spawn(move || {
        let error = client.read(&mut [0; 100]).unwrap_err();
        (error.kind(), client)
    });
    // The head of a record of 16 KiB, and then of those one after the other, for ever.
    raw.write_all(&[23, 3, 3, 0x40, 0]).unwrap();
    while !reader.is_finished() {
        raw.write_all(&[3]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    let (kind, mut client) = reader.join().unwrap();
    // On a machine that is busy elsewhere, it may be the system that says it.
    assert!(matches!(kind, ErrorKind::TimedOut | ErrorKind::WouldBlock), "{kind}");
    // The next read has the whole time again, and what came before is not lost: it is no record.
    raw.write_all(&[3; 0x4000]).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::InvalidData);
    drop(server);
}

/// A peer that does not speak TLS, and stays. Notes how long a read may block.
#[derive(Debug)]
struct Garbage {
    bytes: &'static [u8],
    timeouts: Vec<Duration>,
}

impl Read for &mut Garbage {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(buf) {
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            read => read,
        }
    }
}

impl Write for &mut Garbage {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for &mut Garbage {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.timeouts.push(timeout);
        Ok(())
    }
}

#[test]
fn a_handshake_that_fails_does_not_wait_longer_than_its_limit() {
    let mut peer = Garbage { bytes: b"GET / HTTP/1.1\r\n\r\n", timeouts: Vec::new() };
    let connection = ServerConnection::new(Identity::self_signed("a").server().config()).unwrap();
    let limit = Duration::from_millis(100);
    let error = TlsStream::handshake(connection, &mut peer, limit).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    // One for the handshake, and at least one for the peer to read what was wrong.
    assert!(peer.timeouts.len() > 1, "{:?}", peer.timeouts);
    assert!(peer.timeouts.iter().all(|timeout| *timeout <= limit), "{:?}", peer.timeouts);
}

#[test]
fn nothing_is_written_of_nothing() {
    let (mut client, mut server) = pair();
    assert_eq!(client.write(&[]).unwrap(), 0);
    client.write_all(b"hello").unwrap();
    let mut hello = [0; 5];
    server.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
}

#[test]
fn the_end_without_close_notify_is_an_error() {
    let (mut client, mut server) = pair();
    server.write_all(b"all but").unwrap();
    server.flush().unwrap();
    server.get_ref().shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    let error = client.read_to_end(&mut received).unwrap_err();
    assert_eq!((error.kind(), &received[..]), (ErrorKind::UnexpectedEof, &b"all but"[..]));
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_websocket_that_was_cut_off_has_not_been_closed() {
    let (client, server) = pair();
    let config = Config::default();
    let connection = sanswire::Connection::client(&config, [7; 32]);
    let mut socket = WebSocket::from_driver(client, connection);
    server.get_ref().shutdown(Shutdown::Write).unwrap();
    let error = socket.recv().unwrap_err();
    assert!(matches!(&error, Error::Io(it) if it.kind() == ErrorKind::UnexpectedEof), "{error}");
    let error = socket.recv().unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::UnexpectedEof)), "{error}");
    assert_eq!(socket.closed().unwrap().code, CloseCode::ABNORMAL);
}

#[test]
fn close_notify_goes_before_the_end_of_tcp_and_leaves_the_other_direction_open() {
    let (mut client, mut server) = pair();
    client.write_all(b"last words").unwrap();
    client.shutdown_write().unwrap();
    // Again, as after a timeout.
    client.shutdown_write().unwrap();
    let mut received = Vec::new();
    server.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"last words");
    server.write_all(b"heard").unwrap();
    server.shutdown_write().unwrap();
    received.clear();
    client.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"heard");
    // Nothing can follow, and nothing is lost in silence.
    assert_eq!(client.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_record_that_was_tampered_with_is_an_error_which_the_peer_is_told() {
    let (mut client, mut server) = pair();
    let mut tcp: &TcpStream = client.get_ref();
    tcp.write_all(&[23, 3, 3, 0, 20]).unwrap();
    tcp.write_all(&[1; 20]).unwrap();
    let error = server.read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let error = client.read(&mut [0; 10]).unwrap_err();
    assert!(error.to_string().contains("BadRecordMac"), "{error}");
}

#[test]
fn tls_1_2_is_spoken_too() {
    use sanswire::io::tls::rustls::version::TLS12;
    use sanswire::io::tls::rustls::{ServerConfig, crypto};

    let authority = Authority::new();
    let identity = authority.issue("localhost");
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth();
    let config = builder.with_single_cert(identity.chain(), identity.key()).unwrap();
    let (url, server) = echo_server(ServerTls::new(config));
    assert_echo(&url, authority.client());
    server.join().unwrap().unwrap();
}

#[test]
fn a_write_that_is_stuck_returns_and_a_flush_says_so() {
    let (mut client, mut server) = pair();
    client.set_write_timeout(Duration::from_millis(1)).unwrap();
    let mut sent = 0;
    let is_timeout =
        |error: &io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    loop {
        match client.write(&[7; 100_000]) {
            Ok(len) => sent += len,
            Err(error) => {
                assert!(is_timeout(&error), "{error}");
                // The system may have made room meanwhile, which does not go on for ever.
                let Err(error) = client.flush() else { continue };
                assert!(is_timeout(&error), "{error}");
                break;
            }
        }
    }
    // The other direction is not held up by that.
    server.write_all(b"hello").unwrap();
    server.flush().unwrap();
    let mut hello = [0; 5];
    client.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        server.read_to_end(&mut received).map(|_| received)
    });
    let begin = Instant::now();
    while let Err(error) = client.shutdown_write() {
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        assert!(begin.elapsed() < LIMIT);
    }
    let received = reader.join().unwrap().unwrap();
    assert_eq!(received.len(), sent);
    assert!(received.iter().all(|byte| *byte == 7));
}

/// For what takes no time, unless something is wrong.
const LIMIT: Duration = Duration::from_secs(60);
