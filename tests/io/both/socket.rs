//! An asynchronous adapter, over pipes in memory that hold next to nothing and over TCP on the loopback.
#![expect(
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use sanswire::handshake::{ClientRequest, HandshakeError, Response};
use sanswire::io::poll::{self, PollTransport};
use sanswire::{
    AfterClose, CloseCode, ClosedBy, Config, Connection, ConnectionError, Error, Event, Message,
    MessageKind, Prepared, ReadyState, Reassembly, SendError, WhenFull, driver,
};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use super::{Adapted, WebSocket, adapt};
use crate::support::{REQUEST, masked, response_to, unmasked};

/// Two ends of a TCP connection: a client's and a server's.
async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, server) = tokio::join!(client, listener.accept());
    let (client, (server, _)) = (client.unwrap(), server.unwrap());
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    (client, server)
}

fn request() -> ClientRequest {
    ClientRequest::new("server.example.com", "/chat").unwrap()
}

/// A client and a server over a pipe of this capacity, connected.
pub(super) async fn pair(
    capacity: usize,
    client_config: &Config,
    server_config: &Config,
) -> (WebSocket<Adapted<DuplexStream>>, WebSocket<Adapted<DuplexStream>>) {
    let (client, server) = duplex(capacity);
    let request = request();
    let (client, server) = tokio::join!(
        WebSocket::connect_over(adapt(client), &request, client_config),
        WebSocket::accept(adapt(server), server_config),
    );
    (client.unwrap(), server.unwrap())
}

/// A server and the bare stream at its other end.
pub(super) fn server_and_stream(
    capacity: usize,
    config: &Config,
) -> (WebSocket<Adapted<DuplexStream>>, DuplexStream) {
    let (near, far) = duplex(capacity);
    (WebSocket::from_driver(adapt(near), Connection::server(config)), far)
}

pub(super) async fn echo<T: PollTransport>(mut socket: poll::WebSocket<T>) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.feed(message).await?;
    }
    Ok(())
}

pub(super) async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    head
}

#[tokio::test]
async fn messages_of_all_sizes_come_back_through_pipes_of_all_sizes() {
    for capacity in [1, 13, 1000, 100_000] {
        let (mut client, server) = pair(capacity, &Config::default(), &Config::default()).await;
        let server = tokio::spawn(echo(server));
        for len in [0, 1, 125, 126, 4_096, 17_000, 70_000] {
            let bytes: Vec<u8> = (0..=255).cycle().take(len.min(1000 * capacity)).collect();
            client.send(bytes.clone()).await.unwrap();
            assert_eq!(client.recv().await.unwrap(), Some(Message::Binary(bytes.into())));
        }
        client.send("grüße").await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some("grüße".into()));
        client.close(CloseCode::NORMAL, "").await.unwrap();
        server.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_handler_answers_all_that_comes_until_the_end() {
    let (mut client, mut server) = pair(1 << 20, &Config::default(), &Config::default()).await;
    let server = tokio::spawn(async move {
        let mut events = 0;
        let ended = server.run(|event, commands| {
            events += 1;
            if let Event::Binary(payload) = event {
                commands.send(&payload).unwrap();
            }
        });
        ended.await.unwrap();
        events
    });
    for round in 0..100_u8 {
        client.feed(vec![round; 10]).await.unwrap();
    }
    for round in 0..100_u8 {
        assert_eq!(client.recv().await.unwrap(), Some(vec![round; 10].into()));
    }
    client.close(1000, "").await.unwrap();
    // And the end.
    assert_eq!(server.await.unwrap(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_answers_are_not_read_is_given_no_more() {
    let config = Config::default().max_buffered(1000).low_water(500);
    let (mut server, mut peer) = server_and_stream(100, &config);
    let flood = masked(0x82, &[7; 100]).repeat(1000);
    let serve = tokio::spawn(async move {
        let (mut answered, mut refused) = (0, 0);
        let ended = server.run(|event, commands| {
            if let Event::Binary(payload) = event {
                match commands.send(&payload) {
                    Ok(()) => answered += 1,
                    Err(_) => refused += 1,
                }
            }
        });
        ended.await.unwrap_err();
        (answered, refused)
    });
    let (mut from, mut to) = tokio::io::split(&mut peer);
    let send = async { to.write_all(&flood).await.unwrap() };
    let receive = async {
        let mut answers = Vec::new();
        while answers.len() < 1000 * 102 {
            // A peer that reads, slowly.
            sleep(Duration::from_millis(10)).await;
            let len = from.read_buf(&mut answers).await.unwrap();
            assert_ne!(len, 0, "the end after {} bytes", answers.len());
        }
        assert_eq!(answers, unmasked(0x82, &[7; 100]).repeat(1000));
    };
    tokio::join!(send, receive);
    drop(peer);
    assert_eq!(serve.await.unwrap(), (1000, 0));
}

#[tokio::test]
async fn large_messages_come_back_over_tcp() {
    let (client, server) = tcp().await;
    let server = tokio::spawn(async move {
        echo(WebSocket::accept(adapt(server), &Config::default()).await.unwrap()).await
    });
    let mut client =
        WebSocket::connect_over(adapt(client), &request(), &Config::default()).await.unwrap();
    for len in [1 << 20, 5 << 20] {
        client.send(vec![7; len]).await.unwrap();
        assert_eq!(client.recv().await.unwrap().unwrap().len(), len);
    }
    client.close(CloseCode::NORMAL, "").await.unwrap();
    server.await.unwrap().unwrap();
}

#[cfg(not(feature = "rustls"))]
#[tokio::test]
async fn without_tls_a_secure_url_is_refused_before_anything_is_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let refused = WebSocket::connect(&url).await.unwrap_err();
    assert!(matches!(refused, Error::Tls { error: sanswire::io::TlsError::NotBuiltIn, .. }));
    assert!(refused.to_string().contains("enable the feature `rustls`"), "{refused}");
    timeout(Duration::from_millis(50), listener.accept()).await.unwrap_err();
}

#[tokio::test]
async fn frames_right_behind_the_request_are_delivered() {
    let (mut client, server) = tcp().await;
    let sent = [REQUEST, &masked(0x81, b"one"), &masked(0x82, b"two")].concat();
    client.write_all(&sent).await.unwrap();
    let mut server = WebSocket::accept(adapt(server), &Config::default()).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("one".into()));
    assert_eq!(server.recv().await.unwrap(), Some(b"two".to_vec().into()));
}

#[tokio::test]
async fn frames_right_behind_the_response_are_delivered() {
    let (client, mut server) = duplex(1000);
    let request = request();
    let config = Config::default();
    let handshake = WebSocket::connect_over(adapt(client), &request, &config);
    let (client, ()) = tokio::join!(handshake, async {
        let response = response_to(&read_head(&mut server).await);
        let sent = [&response[..], &unmasked(0x81, b"one"), &unmasked(0x82, b"two")].concat();
        server.write_all(&sent).await.unwrap();
    });
    let mut client = client.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("one".into()));
    assert_eq!(client.recv().await.unwrap(), Some(b"two".to_vec().into()));
}

#[tokio::test]
async fn a_socket_taken_apart_and_put_together_loses_nothing() {
    let (mut client, server) = tcp().await;
    let third = masked(0x81, b"three");
    let sent = [REQUEST, &masked(0x81, b"one"), &masked(0x81, b"two"), &third[..4]].concat();
    client.write_all(&sent).await.unwrap();
    let mut server = WebSocket::accept(adapt(server), &Config::default()).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("one".into()));
    server.feed("not written yet").await.unwrap();
    let (stream, driver) = server.into_parts();
    let mut server = WebSocket::from_driver(stream, driver);
    assert_eq!(server.recv().await.unwrap(), Some("two".into()));
    client.write_all(&third[4..]).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("three".into()));
    read_head(&mut client).await;
    let mut frame = [0; 17];
    client.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame, *b"\x81\x0fnot written yet");
}

#[tokio::test]
async fn a_plain_get_can_be_answered_with_a_page() {
    let (mut client, server) = tcp().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await.unwrap();
    let config = Config::default();
    let served = WebSocket::accept_with(adapt(server), &config, async |request| {
        assert_eq!((request.method(), request.path()), ("GET", "/"));
        Err(Response::new(200).text("welcome"))
    });
    let (served, answer) = tokio::join!(served, async move {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    });
    assert!(matches!(served, Err(Error::Rejected { status: 200 })));
    assert!(answer.ends_with("\r\n\r\nwelcome"), "{answer}");
}

#[tokio::test]
async fn a_client_sees_status_headers_and_body_of_a_refusal() {
    let (client, server) = duplex(10);
    let (request, config) = (request(), Config::default());
    let (refused, served) = tokio::join!(
        WebSocket::connect_over(adapt(client), &request, &config),
        WebSocket::accept_with(adapt(server), &config, async |_| {
            let response = Response::new(401).text("who are you?");
            Err(response.header("WWW-Authenticate", "Basic").unwrap())
        }),
    );
    let Err(Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers().text("www-authenticate"), Some("Basic"));
    assert_eq!(response.content(), "who are you?");
    assert!(matches!(served, Err(Error::Rejected { status: 401 })));
}

#[tokio::test]
async fn a_request_that_is_not_http_gets_an_answer_although_it_goes_on() {
    let (mut client, server) = tcp().await;
    let served = tokio::spawn(async move {
        WebSocket::accept(adapt(server), &Config::default()).await.map(drop)
    });
    client.write_all(b"HELO example\r\n").await.unwrap();
    // Bytes that nobody reads would have the kernel reset the connection.
    client.write_all(&vec![b'x'; 200_000]).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    drop(client);
    assert!(answer.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{answer:?}");
    assert!(matches!(served.await.unwrap(), Err(Error::Handshake { .. })));
}

#[tokio::test]
async fn what_is_sent_has_left_when_send_returns() {
    let (mut server, mut stream) = server_and_stream(1000, &Config::default());
    server.send("hello").await.unwrap();
    assert_eq!(server.buffered_amount(), 0);
    let mut frame = [0; 7];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame, *b"\x81\x05hello");
}

#[tokio::test]
async fn what_is_fed_leaves_in_one_write_before_waiting() {
    let (mut server, mut stream) = server_and_stream(1000, &Config::default());
    for word in ["a", "b", "c"] {
        server.feed(word).await.unwrap();
    }
    assert_eq!(server.buffered_amount(), 3);
    assert!(timeout(Duration::ZERO, server.recv()).await.is_err());
    let mut frames = Vec::new();
    stream.read_buf(&mut frames).await.unwrap();
    assert_eq!(frames, b"\x81\x01a\x81\x01b\x81\x01c");
}

#[tokio::test]
async fn messages_are_sent_and_received_in_parts() {
    let config = Config::default().reassembly(Reassembly::Chunks);
    let (mut client, mut server) = pair(5, &Config::default(), &config).await;
    let sending = async {
        client.begin(MessageKind::Text).unwrap();
        client.send_chunk(b"gr\xc3").await.unwrap();
        assert!(matches!(
            client.send("other".to_owned()).await,
            Err(Error::Send { error: SendError::MessageInProgress, message: Some(_) })
        ));
        client.send_chunk(b"\xbc\xc3\x9fe").await.unwrap();
        client.finish().await.unwrap();
    };
    let receiving = async {
        let mut received = Vec::new();
        loop {
            let is_last = server.recv_with(|event, _| match event {
                Event::Chunk(chunk) => {
                    received.extend_from_slice(&chunk.payload);
                    chunk.is_last
                }
                other => panic!("{other:?}"),
            });
            if is_last.await.unwrap().unwrap() {
                return received;
            }
        }
    };
    let ((), received) = tokio::join!(sending, receiving);
    assert_eq!(received, "grüße".as_bytes());
}

#[tokio::test]
async fn a_stream_of_messages_ends_after_its_first_error() {
    let (mut server, mut stream) = server_and_stream(1000, &Config::default());
    stream.write_all(&masked(0x81, b"good")).await.unwrap();
    stream.write_all(&masked(0x81, b"\xff")).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut next = async || poll_fn(|cx| Pin::new(&mut server).poll_next(cx)).await;
    assert_eq!(next().await.unwrap().unwrap(), "good".into());
    let error = next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::InvalidUtf8)), "{error:?}");
    assert!(next().await.is_none());
    assert!(next().await.is_none());
}

#[tokio::test]
async fn a_sink_takes_messages_of_any_size_and_closes() {
    let config = Config::default().max_buffered(100);
    let (mut client, server) = pair(10, &config, &Config::default()).await;
    let received = tokio::spawn(async move {
        let mut server = server;
        let mut lens = Vec::new();
        while let Some(message) = server.recv().await.unwrap() {
            lens.push(message.len());
        }
        lens
    });
    let mut sink = Pin::new(&mut client);
    for len in [50, 90, 3, 1000, 7] {
        poll_fn(|cx| sink.as_mut().poll_ready(cx)).await.unwrap();
        sink.as_mut().start_send(vec![0; len].into()).unwrap();
    }
    poll_fn(|cx| sink.as_mut().poll_close(cx)).await.unwrap();
    assert!(poll_fn(|cx| sink.as_mut().poll_ready(cx)).await.is_err());
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(received.await.unwrap(), [50, 90, 3, 1000, 7]);
}

#[tokio::test(start_paused = true)]
async fn either_end_closes_and_both_know_by_whom() {
    let begin = Instant::now();
    for (server_closes, capacity) in [(false, 3), (true, 3), (false, 1000), (true, 1000)] {
        let (client, server) = pair(capacity, &Config::default(), &Config::default()).await;
        let (mut closing, mut other) =
            if server_closes { (server, client) } else { (client, server) };
        // In a task of its own: nothing but its own wake-ups has it polled.
        let other = tokio::spawn(async move {
            assert_eq!(other.recv().await.unwrap(), None);
            assert_eq!(other.recv().await.unwrap(), None);
            other
        });
        closing.close(4001, "bye").await.unwrap();
        let other = other.await.unwrap();
        for socket in [&closing, &other] {
            assert_eq!(socket.ready_state(), ReadyState::Closed);
            assert!(socket.connection().was_clean());
            assert_eq!(socket.closed().unwrap().code, 4001);
        }
        assert_eq!(closing.closed().unwrap().by, ClosedBy::Local);
        assert_eq!(other.closed().unwrap().by, ClosedBy::Peer);
        assert_eq!(other.closed().unwrap().reason, "bye");
    }
    assert_eq!(begin.elapsed(), Duration::ZERO, "nobody had to wait for a deadline");
}

#[tokio::test(start_paused = true)]
async fn both_ends_close_at_once() {
    let begin = Instant::now();
    let (mut client, mut server) = pair(1, &Config::default(), &Config::default()).await;
    let (by_client, by_server) =
        tokio::join!(client.close(4001, "client"), server.close(4002, "server"));
    by_client.unwrap();
    by_server.unwrap();
    assert_eq!(client.closed().unwrap().code, 4002);
    assert_eq!(server.closed().unwrap().code, 4001);
    assert_eq!(begin.elapsed(), Duration::ZERO, "nobody had to wait for a deadline");
}

#[tokio::test]
async fn messages_under_way_are_delivered_after_close_if_wanted() {
    let config = Config::default().after_close(AfterClose::Deliver);
    let (mut client, mut server) = pair(1000, &config, &Config::default()).await;
    server.send("under way").await.unwrap();
    client.send_close(CloseCode::NORMAL, "").await.unwrap();
    let server = tokio::spawn(async move { server.recv().await });
    assert_eq!(client.recv().await.unwrap(), Some("under way".into()));
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(server.await.unwrap().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_does_not_hide_what_the_peer_sent_before() {
    /// Every write fails. What can be read is followed by nothing, not even the end.
    struct Broken(DuplexStream);

    impl AsyncRead for Broken {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Broken {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    let begin = Instant::now();
    let (near, mut far) = duplex(1000);
    let connection = Connection::server(&Config::default());
    let mut server = WebSocket::from_driver(adapt(Broken(near)), connection);
    far.write_all(&masked(0x88, b"\x0f\xa1why")).await.unwrap();
    for _ in 0..2 {
        let Err(Error::Io(error)) = server.send("hello").await else {
            panic!("the pipe is broken")
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
    assert_eq!(server.recv().await.unwrap(), None);
    let closed = server.closed().unwrap();
    assert_eq!((closed.code.as_u16(), closed.reason.as_str()), (4001, "why"));
    assert_eq!(begin.elapsed(), Duration::ZERO, "nobody had to wait for a deadline");
}

#[tokio::test]
async fn the_closed_event_comes_last_and_once() {
    let (mut client, mut server) = pair(10, &Config::default(), &Config::default()).await;
    let closing = tokio::spawn(async move { client.close(1001, "").await });
    let closed = server.recv_with(|event, _| match event {
        Event::Closed(closed) => closed.code,
        other => panic!("{other:?}"),
    });
    assert_eq!(closed.await.unwrap().unwrap(), CloseCode::GOING_AWAY);
    assert!(server.recv_with(|event, _| panic!("{event:?}")).await.unwrap().is_none());
    closing.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_end_of_the_stream_without_a_close_is_an_error_that_stays() {
    let (mut server, stream) = server_and_stream(1000, &Config::default());
    drop(stream);
    for _ in 0..2 {
        let error = server.recv().await.unwrap_err();
        assert!(matches!(error, Error::Connection(ConnectionError::UnexpectedEof)), "{error:?}");
    }
    assert_eq!(server.closed().unwrap().code, CloseCode::ABNORMAL);
    assert!(matches!(
        server.send("too late".to_owned()).await,
        Err(Error::Send { error: SendError::Closed, message: Some(_) })
    ));
}

#[tokio::test]
async fn a_client_that_is_still_sending_receives_the_close_of_its_failure() {
    let config = Config::default().max_message_size(1000);
    let (client, server) = tcp().await;
    let server = tokio::spawn(async move {
        WebSocket::accept(adapt(server), &config).await.unwrap().recv().await.unwrap_err()
    });
    let mut client =
        WebSocket::connect_over(adapt(client), &request(), &Config::default()).await.unwrap();
    // More than the kernel's buffers hold: the client is blocked until the server reads on.
    client.send(vec![0; 16 << 20]).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code, CloseCode::MESSAGE_TOO_BIG);
    let error = server.await.unwrap();
    assert!(matches!(error, Error::Connection(ConnectionError::MessageTooLarge { limit: 1000 })));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_stops_the_echo_and_costs_a_bounded_amount() {
    let (server, mut stream) = server_and_stream(1000, &Config::default());
    let server = tokio::spawn(echo(server));
    let frame = masked(0x82, &[0; 10_000]);
    let mut taken = 0;
    // Time stands still while anybody can do anything.
    while timeout(Duration::from_secs(1), stream.write_all(&frame)).await.is_ok() {
        taken += frame.len();
        assert!(taken < 2 << 20, "the server takes on and on");
    }
    assert!(taken >= 1 << 20);
    server.abort();
}

#[tokio::test]
async fn the_pong_to_a_ping_leaves_room_for_the_answers_behind_it() {
    let config = Config::default().max_buffered(100);
    let mut connection = Connection::server(&config);
    let together = [masked(0x89, &[7; 120]), masked(0x82, b"?")].concat();
    connection.input().extend_from_slice(&together.repeat(10));
    let (near, _far) = duplex(10_000);
    let mut server = WebSocket::from_driver(adapt(near), connection);
    for _ in 0..20 {
        let answered = server.recv_with(|event, commands| match event {
            Event::Binary(_) => commands.send(b"!"),
            _ => Ok(()),
        });
        assert_eq!(answered.await.unwrap(), Some(Ok(())));
    }
}

#[tokio::test(start_paused = true)]
async fn pings_to_a_server_whose_pongs_nobody_reads_cost_a_bounded_amount() {
    let (mut server, mut stream) = server_and_stream(1000, &Config::default());
    let server = tokio::spawn(async move {
        for _ in 0..10_000 {
            let seen = server.recv_with(|event, _| assert!(matches!(event, Event::Ping(_))));
            seen.await.unwrap().unwrap();
        }
        let (_, mut driver) = server.into_parts();
        let Some(driver::Write::Bytes(output)) = driver.want_write() else { panic!() };
        output.len()
    });
    for _ in 0..10_000 {
        stream.write_all(&masked(0x89, &[0; 125])).await.unwrap();
    }
    assert!(server.await.unwrap() < 32 << 10);
}

fn when_full(when_full: WhenFull) -> Config {
    Config::default().max_buffered(1_000).low_water(300).when_full(when_full)
}

#[tokio::test]
async fn try_send_gives_the_message_back_where_there_is_no_room() {
    let (mut server, mut stream) = server_and_stream(64, &when_full(WhenFull::Refuse));
    server.try_send(vec![1; 1_000]).unwrap();
    let Err(Error::Send { error, message }) = server.try_send(vec![2; 1_000]) else { panic!() };
    assert!(matches!(error, SendError::Full { queued: 1_004, limit: 1_000 }));
    assert_eq!(message, Some(Message::from(vec![2; 1_000])));
    let mut frame = vec![0; 1_004];
    let (flushed, read) = tokio::join!(server.flush(), stream.read_exact(&mut frame));
    flushed.unwrap();
    read.unwrap();
    assert_eq!(frame, unmasked(0x82, &[1; 1_000]));
    server.try_send(vec![2; 1_000]).unwrap();
}

#[tokio::test]
async fn writable_is_reported_when_a_part_of_the_output_is_written() {
    let (mut server, mut stream) = server_and_stream(64, &when_full(WhenFull::DropNewest));
    server.feed(vec![7; 1_000]).await.unwrap();
    // Writes what the pipe takes, so that there is room for another.
    server.feed(vec![7; 1_000]).await.unwrap();
    for _ in 0..4 {
        // Whoever drops does not wait.
        let Err(Error::Send { error, message }) = server.feed(vec![7; 1_000]).await else {
            panic!()
        };
        assert!(matches!(error, SendError::Dropped { .. }) && message.is_some());
    }
    let mut read = vec![0; 1_700];
    let waited = server.recv_with(|event, commands| match event {
        Event::Writable(writable) => (writable.dropped_messages, commands.buffered_amount()),
        event => panic!("{event:?}"),
    });
    let (writable, _) = tokio::join!(waited, stream.read_exact(&mut read));
    let (dropped, left) = writable.unwrap().unwrap();
    assert!(dropped == 4 && (1..=300).contains(&left), "{dropped} {left}");
}

#[tokio::test]
async fn a_slow_peer_is_closed_where_that_is_asked_for() {
    let (mut server, mut stream) = server_and_stream(64, &when_full(WhenFull::Close(1013.into())));
    server.feed(vec![7; 1_000]).await.unwrap();
    let Err(Error::Send { error: SendError::Closed, message: Some(_) }) =
        async { server.feed(vec![7; 900]).await.and(server.feed(vec![8; 900]).await) }.await
    else {
        panic!()
    };
    let mut read = Vec::new();
    let (ended, _) = tokio::join!(server.recv(), async {
        stream.read_to_end(&mut read).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let Err(Error::Connection(error @ ConnectionError::PeerTooSlow { code, .. })) = ended else {
        panic!()
    };
    assert_eq!(code, 1013);
    let close = unmasked(0x88, &[&[3, 0xf5], error.close_reason().as_bytes()].concat());
    assert!(read.ends_with(&close));
}

#[tokio::test]
async fn a_sink_that_is_closed_still_gets_the_replies() {
    for is_split in [false, true] {
        let (server, mut stream) = server_and_stream(1_000, &Config::default());
        let peer = tokio::spawn(async move {
            let mut read = [0; 8];
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(read, *b"\x81\x02hi\x88\x02\x03\xe8");
            for _ in 0..10 {
                stream.write_all(&masked(0x81, b"reply")).await.unwrap();
            }
            stream.write_all(&masked(0x88, b"\x03\xe8")).await.unwrap();
            stream
        });
        let mut replies = 0;
        if is_split {
            let (mut sender, mut receiver) = server.split();
            sender.feed("hi").await.unwrap();
            poll_fn(|cx| Pin::new(&mut sender).poll_close(cx)).await.unwrap();
            while let Some(message) = receiver.recv().await.unwrap() {
                assert_eq!(message.as_text(), Some("reply"));
                replies += 1;
            }
        } else {
            let mut server = server;
            server.feed("hi").await.unwrap();
            poll_fn(|cx| Pin::new(&mut server).poll_close(cx)).await.unwrap();
            while let Some(message) = server.recv().await.unwrap() {
                assert_eq!(message.as_text(), Some("reply"));
                replies += 1;
            }
        }
        assert_eq!(replies, 10);
        drop(peer.await.unwrap());
    }
}

#[tokio::test]
async fn prepared_messages_are_sent_fed_and_tried() {
    let (mut server, mut stream) = server_and_stream(64, &when_full(WhenFull::Refuse));
    let prepared = Prepared::binary(&[7; 1_000]);
    let mut read = Vec::new();
    let sending = async {
        server.send(&prepared).await.unwrap();
        server.try_send(&prepared).unwrap();
        let refused = server.try_send(&prepared);
        let full = matches!(refused, Err(Error::Send { error: SendError::Full { .. }, .. }));
        assert!(full, "{refused:?}");
        // Waits for room.
        server.feed(&prepared).await.unwrap();
        let (mut sender, receiver) = server.split();
        sender.send(&prepared).await.unwrap();
        sender.try_send(&prepared).unwrap();
        sender.feed(&prepared).await.unwrap();
        sender.flush().await.unwrap();
        drop((sender, receiver));
    };
    let (read_to_end, ()) = tokio::join!(stream.read_to_end(&mut read), sending);
    read_to_end.unwrap();
    assert!(read == unmasked(0x82, &[7; 1_000]).repeat(6));
}

/// §5.5.3: "A Pong frame MAY be sent unsolicited."
#[tokio::test]
async fn a_pong_that_nobody_asked_for_is_sent() {
    let (mut server, mut stream) = server_and_stream(1000, &Config::default());
    server.pong(b"unasked").await.unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame, *b"\x8a\x07unasked");
    let error = server.pong(&[7; 126]).await.unwrap_err();
    let Error::Send { error: SendError::ControlTooLong { .. }, .. } = error else {
        unreachable!("{error:?}")
    };
}
