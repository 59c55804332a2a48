//! The blocking adapter, over TCP on the loopback and over streams with a will of their own.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bytes::BufMut;
use sanswire::handshake::{Acceptance, ClientRequest, HandshakeError, HeadLimits, Response};
use sanswire::io::blocking::WebSocket;
use sanswire::io::{Plain, Timeout, Transport};
use sanswire::{
    AfterClose, CloseCode, ClosedBy, Config, Connection, ConnectionError, Error, Event, Message,
    MessageKind, Prepared, ReadyState, Reassembly, SendError, WhenFull,
};

use crate::support::{REQUEST, masked, response_to, unmasked};

/// Two ends of a TCP connection: a client's and a server's.
fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    (client, server)
}

fn request() -> ClientRequest {
    ClientRequest::new("server.example.com", "/chat").unwrap()
}

/// A client and a server, connected.
fn pair(
    client_config: Config,
    server_config: Config,
) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (client, server) = tcp();
    let server = thread::spawn(move || WebSocket::accept(server, &server_config).unwrap());
    let client = WebSocket::connect_over(client, &request(), &client_config).unwrap();
    (client, server.join().unwrap())
}

/// Echoes until the end.
fn echo(mut socket: WebSocket<TcpStream>) -> Result<WebSocket<TcpStream>, Error> {
    while let Some(message) = socket.recv()? {
        socket.feed(message)?;
    }
    Ok(socket)
}

fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Reads up to the empty line that ends a head.
fn read_head(mut stream: &TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    head
}

/// One byte for each read and each write.
struct Trickle<S>(S);

impl<S: Read> Read for Trickle<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buf[..1])
    }
}

impl<S: Write> Write for Trickle<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..1])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Delivers what was put in, one piece for each read, and keeps what is written.
#[derive(Debug, Default)]
struct Script {
    reads: VecDeque<Vec<u8>>,
    writes: Vec<Vec<u8>>,
    /// What was written before each read.
    writes_before_read: Vec<usize>,
}

impl Read for Script {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.writes_before_read.push(self.writes.len());
        let Some(piece) = self.reads.pop_front() else { return Ok(0) };
        buf[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn messages_of_all_sizes_come_back() {
    let (mut client, server) = pair(Config::default(), Config::default());
    let server = thread::spawn(|| echo(server));
    for len in [0, 1, 125, 126, 4_095, 4_096, 16_384, 65_535, 65_536, 1 << 20, 5 << 20] {
        let bytes: Vec<u8> = (0..=255).cycle().take(len).collect();
        client.send(bytes.clone()).unwrap();
        assert_eq!(client.recv().unwrap(), Some(Message::Binary(bytes.into())));
        let text = "ü".repeat(len / 2);
        client.send(&text).unwrap();
        assert_eq!(client.recv().unwrap(), Some(Message::from(text)));
    }
    client.close(CloseCode::NORMAL, "").unwrap();
    server.join().unwrap().unwrap();
}

#[test]
fn a_handshake_that_arrives_byte_by_byte_succeeds() {
    let (client, server) = tcp();
    let server = thread::spawn(move || {
        let mut socket = WebSocket::accept(Plain(Trickle(server)), &Config::default()).unwrap();
        while let Some(message) = socket.recv().unwrap() {
            socket.feed(message).unwrap();
        }
        socket.closed().unwrap().code
    });
    let mut client =
        WebSocket::connect_over(Plain(Trickle(client)), &request(), &Config::default()).unwrap();
    client.send("hello").unwrap();
    assert_eq!(client.recv().unwrap(), Some("hello".into()));
    // The client waits for the end of the stream, which a plain server brings about by its drop.
    client.close(4000, "enough").unwrap();
    assert_eq!(server.join().unwrap(), 4000);
}

#[test]
fn frames_right_behind_the_request_are_delivered() {
    let (mut client, server) = tcp();
    let sent = [REQUEST, &masked(0x81, b"one"), &masked(0x82, b"two")].concat();
    client.write_all(&sent).unwrap();
    let mut server = WebSocket::accept(server, &Config::default()).unwrap();
    assert_eq!(server.recv().unwrap(), Some("one".into()));
    assert_eq!(server.recv().unwrap(), Some(b"two".to_vec().into()));
}

#[test]
fn frames_right_behind_the_response_are_delivered() {
    let (client, mut server) = tcp();
    let server = thread::spawn(move || {
        let response = response_to(&read_head(&server));
        let sent = [&response[..], &unmasked(0x81, b"one"), &unmasked(0x82, b"two")].concat();
        server.write_all(&sent).unwrap();
        server
    });
    let mut client = WebSocket::connect_over(client, &request(), &Config::default()).unwrap();
    assert_eq!(client.recv().unwrap(), Some("one".into()));
    assert_eq!(client.recv().unwrap(), Some(b"two".to_vec().into()));
    server.join().unwrap();
}

#[test]
fn a_socket_taken_apart_and_put_together_loses_nothing() {
    let (mut client, server) = tcp();
    let third = masked(0x81, b"three");
    let sent = [REQUEST, &masked(0x81, b"one"), &masked(0x81, b"two"), &third[..4]].concat();
    client.write_all(&sent).unwrap();
    let mut server = WebSocket::accept(server, &Config::default()).unwrap();
    assert_eq!(server.recv().unwrap(), Some("one".into()));
    server.feed("not written yet").unwrap();
    let (stream, driver) = server.into_parts();
    let mut server = WebSocket::from_driver(stream, driver);
    assert_eq!(server.recv().unwrap(), Some("two".into()));
    client.write_all(&third[4..]).unwrap();
    assert_eq!(server.recv().unwrap(), Some("three".into()));
    read_head(&client);
    let mut frame = [0; 17];
    client.read_exact(&mut frame).unwrap();
    assert_eq!(frame, *b"\x81\x0fnot written yet");
}

#[test]
fn what_is_left_in_the_input_of_a_socket_taken_apart_can_be_read() {
    let (mut client, server) = tcp();
    let second = masked(0x81, b"two");
    client.write_all(&[REQUEST, &masked(0x81, b"one"), &second].concat()).unwrap();
    let mut server = WebSocket::accept(server, &Config::default()).unwrap();
    assert_eq!(server.recv().unwrap(), Some("one".into()));
    let (_, driver) = server.into_parts();
    assert_eq!(driver.into_connection().unwrap().into_unprocessed(), second);
}

#[test]
fn a_plain_get_can_be_answered_with_a_page() {
    let (mut client, server) = tcp();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    let served = thread::spawn(move || {
        WebSocket::accept_with(server, &Config::default(), |request| {
            assert_eq!((request.method(), request.path()), ("GET", "/"));
            Err(Response::new(200).text("welcome"))
        })
    });
    let answer = String::from_utf8(read_to_end(&client)).unwrap();
    drop(client);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nwelcome"), "{answer}");
    assert!(matches!(served.join().unwrap(), Err(Error::Rejected { status: 200 })));
}

#[test]
fn a_client_sees_status_headers_and_body_of_a_refusal() {
    let (client, server) = tcp();
    let served = thread::spawn(move || {
        WebSocket::accept_with(server, &Config::default(), |_| {
            let response = Response::new(401).text("who are you?");
            Err(response.header("WWW-Authenticate", "Basic").unwrap())
        })
    });
    let refused = WebSocket::connect_over(client, &request(), &Config::default()).unwrap_err();
    let Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers().text("www-authenticate"), Some("Basic"));
    assert_eq!(response.content(), "who are you?");
    assert!(matches!(served.join().unwrap(), Err(Error::Rejected { status: 401 })));
}

#[test]
fn a_request_that_is_not_http_gets_an_answer_although_it_goes_on() {
    let (mut client, server) = tcp();
    let served = thread::spawn(move || WebSocket::accept(server, &Config::default()));
    client.write_all(b"HELO example\r\n").unwrap();
    // Bytes that nobody reads would have the kernel reset the connection.
    client.write_all(&vec![b'x'; 200_000]).unwrap();
    let answer = read_to_end(&client);
    drop(client);
    assert!(answer.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{answer:?}");
    assert!(matches!(served.join().unwrap(), Err(Error::Handshake { .. })));
}

#[test]
fn an_upgrade_that_is_accepted_although_it_is_wrong_is_answered_by_its_fault() {
    let (mut client, server) = tcp();
    let request = String::from_utf8(REQUEST.to_vec()).unwrap().replace("n: 13", "n: 8");
    client.write_all(request.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let error = WebSocket::accept(server, &Config::default()).unwrap_err();
    assert!(matches!(error, Error::Handshake { error: HandshakeError::UnsupportedVersion(_), .. }));
    let answer = String::from_utf8(read_to_end(&client)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(answer.contains("Sec-WebSocket-Version: 13\r\n"), "{answer}");
}

#[test]
fn a_choice_that_was_not_offered_is_answered_with_500() {
    let (mut client, server) = tcp();
    client.write_all(REQUEST).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let error = WebSocket::accept_with(server, &Config::default(), |_| {
        Ok(Acceptance::new().subprotocol("chat"))
    });
    assert!(matches!(
        error,
        Err(Error::Handshake { error: HandshakeError::UnofferedSubprotocol(_), .. })
    ));
    assert!(read_to_end(&client).starts_with(b"HTTP/1.1 500 "));
}

#[test]
fn a_subprotocol_is_agreed_on() {
    let (client, server) = tcp();
    let server = thread::spawn(move || {
        let socket = WebSocket::accept_with(server, &Config::default(), |request| {
            Ok(Acceptance::new().subprotocol(request.subprotocols().last()))
        });
        socket.unwrap().protocol().to_owned()
    });
    let request = request().subprotocol("first").unwrap().subprotocol("second").unwrap();
    let client = WebSocket::connect_over(client, &request, &Config::default()).unwrap();
    assert_eq!(client.protocol(), "second");
    assert_eq!(server.join().unwrap(), "second");
}

#[test]
fn a_client_connects_to_a_host_and_sets_nodelay() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        echo(WebSocket::accept(stream, &Config::default()).unwrap()).unwrap();
    });
    let request = ClientRequest::new(&format!("127.0.0.1:{port}"), "/").unwrap();
    let mut client = WebSocket::connect_with(&request, &Config::default()).unwrap();
    assert!(client.stream().tcp().unwrap().nodelay().unwrap());
    client.close(CloseCode::NORMAL, "").unwrap();
    server.join().unwrap();
}

#[test]
fn replies_to_one_read_leave_in_one_write_before_the_next_read() {
    let frames: Vec<u8> = (0..100).flat_map(|i| masked(0x82, &[i; 10])).collect();
    let script = Script {
        reads: [REQUEST.to_vec(), frames, masked(0x89, b"ping")].into(),
        ..Script::default()
    };
    let mut socket = WebSocket::accept(Plain(script), &Config::default()).unwrap();
    while let Ok(Some(message)) = socket.recv() {
        socket.feed(message).unwrap();
    }
    let (Plain(script), _) = socket.into_parts();
    // The response, the echoes, the Pong; each before the next read.
    assert_eq!(script.writes.len(), 3);
    assert_eq!(script.writes[1].len(), 100 * 12);
    assert_eq!(script.writes[2], b"\x8a\x04ping");
    assert_eq!(script.writes_before_read, [0, 1, 2, 3]);
}

#[test]
fn events_are_lent_with_the_commands_to_answer_them() {
    let script = Script {
        reads: [REQUEST.to_vec(), masked(0x89, b"here?"), masked(0x81, b"hello")].into(),
        ..Script::default()
    };
    let mut socket = WebSocket::accept(Plain(script), &Config::default()).unwrap();
    let ping = socket.recv_with(|event, _| matches!(event, Event::Ping(_))).unwrap();
    assert_eq!(ping, Some(true));
    let sent = socket.recv_with(|event, commands| match event {
        Event::Text(text) => commands.send(text.to_uppercase()),
        other => panic!("{other:?}"),
    });
    assert_eq!(sent.unwrap(), Some(Ok(())));
    socket.flush().unwrap();
    let (Plain(script), _) = socket.into_parts();
    assert_eq!(script.writes[1..].concat(), b"\x8a\x05here?\x81\x05HELLO");
}

#[test]
fn messages_are_sent_and_received_in_parts() {
    let config = Config::default().reassembly(Reassembly::Chunks);
    let (mut client, mut server) = pair(Config::default(), config);
    client.begin(MessageKind::Text).unwrap();
    client.send_chunk(b"gr\xc3").unwrap();
    assert!(matches!(
        client.send(Message::from("other")),
        Err(Error::Send { error: SendError::MessageInProgress, message: Some(_) })
    ));
    client.send_chunk(b"\xbc\xc3\x9fe").unwrap();
    client.finish().unwrap();
    let mut received = Vec::new();
    while !server
        .recv_with(|event, _| match event {
            Event::Chunk(chunk) => {
                received.extend_from_slice(&chunk.payload);
                chunk.is_last
            }
            other => panic!("{other:?}"),
        })
        .unwrap()
        .unwrap()
    {}
    assert_eq!(received, "grüße".as_bytes());
}

#[test]
fn a_ping_is_answered_while_messages_are_waited_for() {
    let (mut client, server) = pair(Config::default(), Config::default());
    let server = thread::spawn(|| echo(server));
    client.ping(b"here?").unwrap();
    let pong = client.recv_with(|event, _| match event {
        Event::Pong(payload) => payload.to_vec(),
        other => panic!("{other:?}"),
    });
    assert_eq!(pong.unwrap().unwrap(), b"here?");
    client.close(CloseCode::NORMAL, "").unwrap();
    server.join().unwrap().unwrap();
}

#[test]
fn either_end_closes_and_both_know_by_whom() {
    for server_closes in [false, true] {
        let (client, server) = pair(Config::default(), Config::default());
        let (mut closing, mut other) =
            if server_closes { (server, client) } else { (client, server) };
        let other = thread::spawn(move || {
            assert_eq!(other.recv().unwrap(), None);
            assert_eq!(other.recv().unwrap(), None);
            other
        });
        closing.close(4001, "bye").unwrap();
        let other = other.join().unwrap();
        for socket in [&closing, &other] {
            assert_eq!(socket.ready_state(), ReadyState::Closed);
            assert!(socket.connection().was_clean());
            assert_eq!(socket.closed().unwrap().code, 4001);
        }
        assert_eq!(closing.closed().unwrap().by, ClosedBy::Local);
        assert_eq!(other.closed().unwrap().by, ClosedBy::Peer);
        assert_eq!(other.closed().unwrap().reason, "bye");
    }
}

#[test]
fn both_ends_close_at_once() {
    let (mut client, mut server) = pair(Config::default(), Config::default());
    client.send_close(4001, "").unwrap();
    server.send_close(4002, "").unwrap();
    let server = thread::spawn(move || {
        server.close(4002, "").unwrap();
        server.closed().unwrap()
    });
    client.close(4001, "").unwrap();
    assert_eq!(client.closed().unwrap().code, 4002);
    assert_eq!(server.join().unwrap().code, 4001);
}

#[test]
fn messages_under_way_are_delivered_after_close_if_wanted() {
    let config = Config::default().after_close(AfterClose::Deliver);
    let (mut client, mut server) = pair(config, Config::default());
    server.send("under way").unwrap();
    client.send_close(CloseCode::NORMAL, "").unwrap();
    let server = thread::spawn(move || server.recv().unwrap());
    assert_eq!(client.recv().unwrap(), Some("under way".into()));
    assert_eq!(client.recv().unwrap(), None);
    assert_eq!(server.join().unwrap(), None);
}

#[test]
fn the_end_of_the_stream_without_a_close_is_an_error_that_stays() {
    let (client, mut server) = pair(Config::default(), Config::default());
    let (stream, _) = client.into_parts();
    drop(stream);
    for _ in 0..2 {
        let error = server.recv().unwrap_err();
        assert!(matches!(error, Error::Connection(ConnectionError::UnexpectedEof)), "{error:?}");
    }
    assert_eq!(server.closed().unwrap().code, CloseCode::ABNORMAL);
    assert!(matches!(
        server.send(Message::from("too late")),
        Err(Error::Send { error: SendError::Closed, message: Some(_) })
    ));
}

#[test]
fn a_close_that_may_not_be_sent_changes_nothing() {
    let (mut client, server) = pair(Config::default(), Config::default());
    let server = thread::spawn(|| echo(server));
    for (code, len) in [(1004, 0), (999, 0), (1000, 124)] {
        let refused = client.close(code, &"x".repeat(len));
        assert!(matches!(refused, Err(Error::Send { .. })), "{refused:?}");
    }
    client.send("still open").unwrap();
    assert_eq!(client.recv().unwrap(), Some("still open".into()));
    client.close(1000, &"x".repeat(123)).unwrap();
    server.join().unwrap().unwrap();
}

#[test]
fn answers_to_what_arrived_together_leave_together() {
    let script = Script {
        reads: [REQUEST.to_vec(), masked(0x81, b"one").repeat(100), masked(0x88, b"")].into(),
        ..Script::default()
    };
    let mut socket = WebSocket::accept(Plain(script), &Config::default()).unwrap();
    socket
        .run(|event, commands| {
            if let Event::Text(text) = event {
                commands.send(&text).unwrap();
            }
        })
        .unwrap();
    let (Plain(script), _) = socket.into_parts();
    // The response, the answers, the Close.
    let [_, answers, close] = &script.writes[..] else { panic!("{:?}", script.writes.len()) };
    assert_eq!((answers, close), (&unmasked(0x81, b"one").repeat(100), &unmasked(0x88, b"")));
}

#[test]
fn a_read_timeout_loses_nothing() {
    let (mut client, server) = tcp();
    client.write_all(REQUEST).unwrap();
    let frame = masked(0x81, b"in two parts");
    let mut server = WebSocket::accept(server, &Config::default()).unwrap();
    server.set_read_timeout(Some(Duration::from_millis(1)));
    for part in [&frame[..7], &frame[7..]] {
        let timeout = server.recv().unwrap_err();
        assert!(matches!(timeout, Error::Timeout(Timeout::Read { .. })), "{timeout:?}");
        client.write_all(part).unwrap();
    }
    let message = loop {
        match server.recv() {
            Err(Error::Timeout(_)) => {}
            received => break received.unwrap(),
        }
    };
    assert_eq!(message, Some("in two parts".into()));
}

#[test]
fn a_read_timeout_passes_whatever_arrives_instead_of_a_message() {
    let pings = unmasked(0x89, b"").repeat(100);
    let beginning = [&unmasked(0x82, &[0; 1000])[..100]].concat();
    for (bytes, step) in [(pings, 2), (beginning, 1)] {
        let (client, mut server) = tcp();
        let sender = thread::spawn(move || {
            server.write_all(&response_to(&read_head(&server)))?;
            for part in bytes.chunks(step) {
                server.write_all(part)?;
                thread::sleep(Duration::from_millis(20));
            }
            io::Result::Ok(())
        });
        let mut client = WebSocket::connect_over(client, &request(), &Config::default()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(200)));
        let error = client.recv().unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout::Read { .. })), "{error:?}");
        drop(client);
        // It may have been sending when nobody received any more.
        let _ = sender.join().unwrap();
    }
}

#[test]
fn a_client_that_is_still_sending_receives_the_close_of_its_failure() {
    let config = Config::default().max_message_size(1000);
    let (mut client, mut server) = pair(Config::default(), config);
    let server = thread::spawn(move || server.recv().unwrap_err());
    // More than the kernel's buffers hold: the client is blocked until the server reads on.
    client.send(vec![0; 16 << 20]).unwrap();
    assert_eq!(client.recv().unwrap(), None);
    assert_eq!(client.closed().unwrap().code, CloseCode::MESSAGE_TOO_BIG);
    let error = server.join().unwrap();
    assert!(matches!(error, Error::Connection(ConnectionError::MessageTooLarge { limit: 1000 })));
}

#[test]
fn a_failed_write_does_not_hide_what_the_peer_sent_before() {
    struct Deaf(Script);

    impl Read for Deaf {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read(buf)
        }
    }

    impl Write for Deaf {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.writes.is_empty() {
                return self.0.write(bytes);
            }
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let reads = [REQUEST.to_vec(), masked(0x88, b"\x0f\xa1why")].into();
    let script = Script { reads, ..Script::default() };
    let mut socket = WebSocket::accept(Plain(Deaf(script)), &Config::default()).unwrap();
    for _ in 0..2 {
        let Err(Error::Io(error)) = socket.send("hello") else { panic!("the pipe is broken") };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
    assert_eq!(socket.recv().unwrap(), None);
    let closed = socket.closed().unwrap();
    assert_eq!((closed.code.as_u16(), closed.reason.as_str()), (4001, "why"));
}

/// Takes byte by byte, and its time for each; nothing arrives behind the script.
#[derive(Debug, Default)]
struct Slow {
    script: Script,
    write_timeouts: Vec<Duration>,
    /// Writes before there was a bound.
    unbounded: usize,
}

impl Read for Slow {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.script.read(buf) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unbounded += usize::from(self.write_timeouts.is_empty());
        thread::sleep(Duration::from_millis(1));
        self.script.write(&bytes[..1])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Slow {
    fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.write_timeouts.push(timeout);
        Ok(())
    }
}

#[test]
fn writes_are_bounded_together_and_not_only_one_by_one() {
    let limit = Duration::from_millis(20);
    // A client's request.
    let mut slow = Slow::default();
    let limits = HeadLimits::default().timeout(limit);
    let request =
        request().header("X-Long", "x".repeat(5_000)).unwrap().head_limits(limits.clone());
    let error = WebSocket::connect_over(&mut slow, &request, &Config::default()).unwrap_err();
    let Error::Handshake { error: HandshakeError::Timeout(_), .. } = error else {
        panic!("{error}")
    };
    assert!(slow.script.writes.len() < 1_000 && slow.unbounded == 0);
    assert!(slow.write_timeouts.iter().all(|bound| *bound <= Duration::from_millis(100)));
    // A server's answer.
    let mut slow = Slow::default();
    slow.script.reads.push_back(REQUEST.to_vec());
    let accepted = WebSocket::accept_with_limits(&mut slow, &limits, &Config::default(), |_| {
        Ok(Acceptance::new().header("X-Long", "x".repeat(5_000)).unwrap())
    });
    let Err(error) = accepted else { panic!("it took its time") };
    assert!(matches!(error, Error::Timeout(Timeout::Deadline)), "{error:?}");
    assert!(slow.script.writes.len() < 1_000 && slow.unbounded == 0);
    // A connection's end.
    let config = Config::default().close_timeout(limit);
    let mut slow = Slow::default();
    let mut socket = WebSocket::from_driver(&mut slow, Connection::server(&config));
    socket.feed(&[7; 5_000]).unwrap();
    let error = socket.close(1000, "").unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::CloseTimeout { .. })), "{error}");
    assert!(slow.script.writes.len() < 1_000 && slow.unbounded == 0);
}

#[test]
fn try_send_gives_the_message_back_where_there_is_no_room() {
    let config = Config::default().max_buffered(900);
    let (mut client, mut server) = pair(Config::default(), config);
    server.try_send(vec![1; 900]).unwrap();
    let Err(Error::Send { error, message }) = server.try_send(vec![2; 900]) else { panic!() };
    assert!(matches!(error, SendError::Full { queued: 904, limit: 900 }));
    assert_eq!(message, Some(Message::from(vec![2; 900])));
    server.flush().unwrap();
    server.try_send("last").unwrap();
    server.flush().unwrap();
    assert_eq!(client.recv().unwrap(), Some(Message::from(vec![1; 900])));
    assert_eq!(client.recv().unwrap(), Some(Message::from("last")));
}

#[test]
fn prepared_messages_are_sent_fed_and_tried() {
    let config = Config::default().max_buffered(600);
    let (mut client, mut server) = pair(Config::default(), config);
    let prepared = Prepared::text(&"x".repeat(600));
    server.send(&prepared).unwrap();
    server.try_send(&prepared).unwrap();
    let refused = server.try_send(&prepared);
    assert!(matches!(refused, Err(Error::Send { error: SendError::Full { .. }, .. })));
    // Writes to make room.
    server.feed(&prepared).unwrap();
    server.flush().unwrap();
    client.send(&prepared).unwrap();
    for _ in 0..3 {
        assert_eq!(client.recv().unwrap(), Some(Message::from("x".repeat(600))));
    }
    assert_eq!(server.recv().unwrap(), Some(Message::from("x".repeat(600))));
}

#[test]
fn short_questions_with_long_answers_find_room_for_each() {
    // All in one read: two of the answers are more than may wait.
    let questions = masked(0x82, b"?").repeat(1_000);
    let reads = [REQUEST.to_vec(), questions].into();
    let config = Config::default().max_buffered(4 + 1_000);
    let script = Script { reads, ..Script::default() };
    let mut socket = WebSocket::accept(Plain(script), &config).unwrap();
    for _ in 0..1_000 {
        let answered = socket.recv_with(|_, commands| commands.send(&[7; 1_000]));
        assert_eq!(answered.unwrap(), Some(Ok(())));
    }
}

#[test]
fn the_pong_to_a_ping_leaves_room_for_the_answers_behind_it() {
    let together = [masked(0x89, &[7; 120]), masked(0x82, b"?")].concat().repeat(10);
    let reads = [REQUEST.to_vec(), together].into();
    let config = Config::default().max_buffered(100);
    let script = Script { reads, ..Script::default() };
    let mut socket = WebSocket::accept(Plain(script), &config).unwrap();
    for _ in 0..20 {
        let answered = socket.recv_with(|event, commands| match event {
            Event::Binary(_) => commands.send(b"!"),
            _ => Ok(()),
        });
        assert_eq!(answered.unwrap(), Some(Ok(())));
    }
}

#[test]
fn a_read_timeout_passes_while_the_peer_reads_slowly() {
    // Below the mark at which it is not read any more, and above.
    for max_buffered in [1 << 20, 1_000] {
        let config = Config::default().max_buffered(max_buffered);
        let mut connection = Connection::server(&config);
        connection.input().extend_from_slice(&masked(0x82, b"?"));
        let slow = Slow::default();
        let mut socket = WebSocket::from_driver(slow, connection);
        socket.set_read_timeout(Some(Duration::from_millis(20)));
        let answered = socket.recv_with(|_, commands| commands.send(&[7; 5_000]));
        assert_eq!(answered.unwrap(), Some(Ok(())));
        let timeout = socket.recv().unwrap_err();
        assert!(matches!(timeout, Error::Timeout(Timeout::Read { .. })), "{timeout:?}");
        let (slow, _) = socket.into_parts();
        assert!(slow.script.writes.len() < 1_000);
    }
}

#[test]
fn a_connection_on_which_nothing_happens_gives_its_memory_back() {
    let (mut client, mut server) = pair(Config::default(), Config::default());
    let sender = thread::spawn(move || client.send(vec![7; 1 << 20]).map(|()| client));
    let len = server.recv_with(|event, _| match event {
        Event::Binary(payload) => payload.len(),
        event => panic!("{event:?}"),
    });
    assert_eq!(len.unwrap(), Some(1 << 20));
    server.set_read_timeout(Some(Duration::from_millis(20)));
    let timeout = server.recv().unwrap_err();
    assert!(matches!(timeout, Error::Timeout(Timeout::Read { .. })), "{timeout:?}");
    let (_, driver) = server.into_parts();
    let mut connection = driver.into_connection().unwrap();
    let mut input = connection.input();
    assert!(input.is_empty() && input.chunk_mut().len() < 64 << 10);
    drop(sender.join().unwrap().unwrap());
}

/// A peer that says what it has to and then keeps the transport open: a read would wait.
struct Kept<'a>(&'a [u8], Vec<u8>);

impl Read for Kept<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0.is_empty(), "it waits for a peer that has closed");
        self.0.read(buf)
    }
}

impl Write for Kept<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.1.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Kept<'_> {
    fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_close_is_reported_although_the_peer_never_closes_the_transport() {
    let close: [(_, &[u8]); 2] = [
        (Connection::client(&Config::default(), [7; 32]), b"\x88\x02\x03\xe8"),
        (Connection::server(&Config::default()), b"\x88\x82\0\0\0\0\x03\xe8"),
    ];
    for (connection, close) in close {
        let mut socket = WebSocket::from_driver(Kept(close, Vec::new()), connection);
        assert_eq!(socket.recv().unwrap(), None);
        assert!(socket.connection().was_clean());
        assert_eq!(socket.stream().1.first(), Some(&0x88), "it was answered");
        assert_eq!(socket.recv().unwrap(), None);
        socket.close(1000, "").unwrap();
    }
}

/// Other ways than to wait for room.
const POLICIES: [WhenFull; 3] =
    [WhenFull::Close(CloseCode::POLICY_VIOLATION), WhenFull::DropNewest, WhenFull::DropOldest];

/// Feeds much more than the output and the buffers of the system hold.
fn feed_much<S: Transport>(stream: S, when_full: WhenFull) -> (WebSocket<S>, Result<(), Error>) {
    let config = Config::default().max_buffered(10_000).when_full(when_full);
    let mut socket = WebSocket::from_driver(stream, Connection::server(&config));
    let fed = (0..20).try_for_each(|i| socket.feed(vec![i; 1 << 20]));
    (socket, fed)
}

#[test]
fn what_is_to_happen_without_room_happens_when_the_stream_takes_nothing() {
    for when_full in POLICIES {
        let (stream, _peer) = tcp();
        match (when_full, feed_much(stream, when_full).1) {
            (WhenFull::Close(_), Err(Error::Send { error: SendError::Closed, .. }))
            | (
                WhenFull::DropNewest,
                Err(Error::Send { error: SendError::Dropped { .. }, message: Some(_) }),
            )
            | (WhenFull::DropOldest, Ok(())) => {}
            (_, fed) => panic!("{when_full:?}: {fed:?}"),
        }
    }
}

#[test]
fn nothing_is_dropped_while_the_stream_takes_something() {
    for when_full in POLICIES {
        let (stream, mut peer) = tcp();
        let reading = thread::spawn(move || io::copy(&mut peer, &mut io::sink()).unwrap());
        let (mut socket, fed) = feed_much(Patient(stream), when_full);
        fed.unwrap();
        socket.flush().unwrap();
        drop(socket);
        assert_eq!(reading.join().unwrap(), 20 * ((1 << 20) + 10));
    }
}

/// A write waits until the peer takes something, though that reads late.
struct Patient(TcpStream);

impl Read for Patient {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Patient {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Patient {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Transport::set_read_timeout(&mut self.0, timeout)
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

/// §5.5.3: "A Pong frame MAY be sent unsolicited."
#[test]
fn a_pong_that_nobody_asked_for_is_sent() {
    let (near, mut far) = tcp();
    let mut socket = WebSocket::from_driver(near, Connection::server(&Config::default()));
    socket.pong(b"unasked").unwrap();
    let mut frame = [0; 9];
    far.read_exact(&mut frame).unwrap();
    assert_eq!(frame, *b"\x8a\x07unasked");
    let error = socket.pong(&[7; 126]).unwrap_err();
    assert!(
        matches!(error, Error::Send { error: SendError::ControlTooLong { .. }, .. }),
        "{error}"
    );
}

#[test]
fn what_is_queued_is_the_buffered_amount_until_it_is_written() {
    let (near, mut far) = tcp();
    let mut socket = WebSocket::from_driver(near, Connection::server(&Config::default()));
    socket.commands().try_send("queued").unwrap();
    assert_eq!(socket.buffered_amount(), 6);
    socket.flush().unwrap();
    assert_eq!(socket.buffered_amount(), 0);
    let mut frame = [0; 8];
    far.read_exact(&mut frame).unwrap();
    assert_eq!(frame, *b"\x81\x06queued");
}
