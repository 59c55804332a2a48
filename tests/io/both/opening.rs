//! The opening handshake of an asynchronous adapter: what each end gets to know of the other's head.
#![expect(
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sanswire::driver::Driver;
use sanswire::handshake::{Acceptance, ClientRequest, HandshakeError, HeadLimits, Request};
use sanswire::{Config, Error};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};

use sanswire::io::ConnectStage;

use super::socket::{pair, read_head};
use super::{WebSocket, adapt};
use crate::support::{REQUEST, masked, response_to};

fn request() -> ClientRequest {
    ClientRequest::new("server.example.com", "/chat?room=7").unwrap()
}

#[tokio::test]
async fn a_client_sees_the_headers_of_the_response() {
    let (near, far) = duplex(1000);
    let (config, request) = (Config::default(), request());
    let mut asked = None;
    let decide = async |request: &Request| {
        asked = Some(request.clone());
        Ok(Acceptance::new().header("Set-Cookie", "server=b").unwrap())
    };
    let (client, server) = tokio::join!(
        WebSocket::connect_over(adapt(near), &request, &config),
        WebSocket::accept_with(adapt(far), &config, decide),
    );
    let (client, server) = (client.unwrap(), server.unwrap());
    let response = client.response().unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers().text("set-cookie"), Some("server=b"));
    // What a server needs to know later, it keeps.
    assert!(server.response().is_none());
    let asked = asked.unwrap();
    assert_eq!((asked.path(), asked.query()), ("/chat", Some("room=7")));
    // It stays with the driver.
    let (stream, driver) = client.into_parts();
    let client = WebSocket::from_driver(stream, driver);
    assert!(client.response().is_some());
}

#[tokio::test]
async fn without_a_header_of_its_own_the_response_is_that_of_the_handshake() {
    let (client, server) = pair(1000, &Config::default(), &Config::default()).await;
    let response = client.response().unwrap();
    assert_eq!(response.headers().iter().len(), 3);
    assert!(server.response().is_none());
}

#[tokio::test]
async fn a_101_with_the_headers_of_real_servers_opens_the_connection() {
    let (near, mut far) = duplex(1000);
    let (config, request) = (Config::default(), request());
    let serve = async {
        let response = String::from_utf8(response_to(&read_head(&mut far).await)).unwrap();
        let lines = "\r\nContent-Length: 0\r\nX-Policy: default-src 'self';\r\n  img-src *\r\n\r\n";
        far.write_all(response.replace("\r\n\r\n", lines).as_bytes()).await.unwrap();
        far.write_all(b"\x81\x05hello").await.unwrap();
    };
    let (client, ()) = tokio::join!(WebSocket::connect_over(adapt(near), &request, &config), serve);
    let mut client = client.unwrap();
    let policy = client.response().unwrap().headers().text("X-Policy");
    assert_eq!(policy, Some("default-src 'self'; img-src *"));
    assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
}

#[tokio::test]
async fn a_refusal_whose_body_does_not_end_is_reported_with_what_came() {
    for response in [
        "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\ntry later",
        "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 1000\r\n\r\ntry later",
        "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nTransfer-Encoding: gzip, chunked\r\n\r\n\
         9\r\ntry later\r\n",
    ] {
        let (near, mut far) = duplex(1000);
        let limits = HeadLimits::default().timeout(None);
        let request = request().head_limits(limits).refusal_timeout(Duration::from_millis(50));
        far.write_all(response.as_bytes()).await.unwrap();
        let refused = WebSocket::connect_over(adapt(near), &request, &Config::default()).await;
        let Err(Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. }) =
            refused
        else {
            panic!("{refused:?}")
        };
        assert_eq!((response.status(), response.reason()), (503, "Busy"));
        assert_eq!(response.headers().text("Retry-After"), Some("7"));
        assert_eq!((response.content(), response.is_truncated()), (&"try later".into(), true));
    }
}

/// A stream whose peer has broken off.
#[derive(Debug)]
struct Reset;

impl AsyncRead for Reset {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

impl AsyncWrite for Reset {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_client_that_leaves_without_a_word_is_told_apart() {
    let (near, far) = duplex(1000);
    drop(far);
    let left = WebSocket::accept(adapt(near), &Config::default()).await.unwrap_err();
    let reset = WebSocket::accept(adapt(Reset), &Config::default()).await.unwrap_err();
    for error in [left, reset] {
        let Error::Handshake { error, .. } = error else { panic!("{error}") };
        assert_eq!(error, HandshakeError::NoRequest { waited: None });
    }
    // One that has begun is another matter.
    let (near, mut far) = duplex(1000);
    far.write_all(b"GET").await.unwrap();
    drop(far);
    let error = WebSocket::accept(adapt(near), &Config::default()).await.unwrap_err();
    assert!(
        matches!(error, Error::Handshake { error: HandshakeError::EndOfStream, .. }),
        "{error}"
    );
    // So is a server that breaks off.
    let error =
        WebSocket::connect_over(adapt(Reset), &request(), &Config::default()).await.unwrap_err();
    let Error::Connect(error) = error else { panic!("{error}") };
    assert_eq!(error.stage, ConnectStage::Handshake);
    assert_eq!(error.error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_request_may_be_decided_about_later() {
    let (near, far) = duplex(1000);
    let (config, request) = (Config::default(), request());
    let (asked, ask) = tokio::sync::oneshot::channel();
    let (answer, answered) = tokio::sync::oneshot::channel();
    // What an application does in a task of its own, with a reference into the request.
    let serving = tokio::spawn(async move {
        let decide = async |request: &Request| {
            asked.send(request.path().to_owned()).unwrap();
            let acceptance: Acceptance = answered.await.unwrap();
            Ok(acceptance.subprotocol(request.subprotocols().next()))
        };
        WebSocket::accept_with(adapt(far), &Config::default(), decide).await
    });
    let request = request.subprotocol("chat").unwrap();
    let connecting =
        tokio::spawn(async move { WebSocket::connect_over(adapt(near), &request, &config).await });
    assert_eq!(ask.await.unwrap(), "/chat");
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!connecting.is_finished());
    answer.send(Acceptance::new()).unwrap();
    let (mut client, mut server) =
        (connecting.await.unwrap().unwrap(), serving.await.unwrap().unwrap());
    assert_eq!(client.protocol(), "chat");
    server.send("hello").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
}

#[tokio::test]
async fn frames_that_come_while_a_request_is_decided_about_are_kept() {
    let (mut near, far) = duplex(10_000);
    let bytes = [REQUEST, &masked(0x81, b"early")].concat();
    near.write_all(&bytes).await.unwrap();
    let decide = async |_: &Request| {
        tokio::task::yield_now().await;
        Ok(Acceptance::new())
    };
    let mut server = WebSocket::accept_with(adapt(far), &Config::default(), decide).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("early".into()));
}

// Futures of the opening handshake borrow nothing, so that options and requests may be temporaries.

#[tokio::test]
async fn a_handshake_is_spawned_with_options_that_are_temporaries() {
    let (near, far) = duplex(1000);
    let accepting = WebSocket::accept(adapt(far), &Config::default().ping_interval(None));
    let server = tokio::spawn(accepting);
    let connecting = WebSocket::connect_over(
        adapt(near),
        &ClientRequest::new("server.example.com", "/").unwrap(),
        &Config::default().max_buffered(1),
    );
    let client = tokio::spawn(connecting);
    let (mut server, mut client) = (server.await.unwrap().unwrap(), client.await.unwrap().unwrap());
    client.feed("fills the output").await.unwrap();
    assert!(client.try_send("no room").is_err());
    assert!(tokio::join!(client.flush(), server.recv()).1.unwrap().is_some());
}

#[tokio::test]
async fn a_handshake_is_selected_and_timed_with_options_that_are_temporaries() {
    let (_near, far) = duplex(1000);
    tokio::select! {
        biased;
        accepted = WebSocket::accept(adapt(far), &Config::default().ping_interval(None)) => {
            panic!("{accepted:?}");
        }
        () = std::future::ready(()) => {}
    }
    let (_near, far) = duplex(1000);
    let accepting = WebSocket::accept_with_limits(
        adapt(far),
        &HeadLimits::default().timeout(None),
        &Config::default().ping_interval(None),
        async |_: &Request| Ok(Acceptance::new()),
    );
    tokio::time::timeout(Duration::ZERO, accepting).await.unwrap_err();
}

/// As an embedder has it that begins with a driver of its own.
#[tokio::test]
async fn a_socket_that_is_not_open_yet_opens_while_it_receives() {
    let (near, far) = duplex(1000);
    let driver = Driver::client(&request(), &Config::default(), [7; 16], [7; 32]);
    let mut client = WebSocket::from_driver(adapt(near), driver);
    let serve = async {
        let mut server = WebSocket::accept(adapt(far), &Config::default()).await.unwrap();
        server.send("hello").await.unwrap();
        server
    };
    let (received, _server) = tokio::join!(client.recv(), serve);
    assert_eq!(received.unwrap(), Some("hello".into()));
    assert_eq!(client.response().unwrap().status(), 101);
    // Of a server, somebody has to decide.
    let (near, mut far) = duplex(1000);
    let limits = HeadLimits::default().timeout(Duration::from_millis(50));
    let driver = Driver::server_with(&limits, &Config::default());
    let mut server = WebSocket::from_driver(adapt(near), driver);
    far.write_all(REQUEST).await.unwrap();
    let error = server.recv().await.unwrap_err();
    let Error::Handshake { error: HandshakeError::NotAnswered(limit), .. } = error else {
        unreachable!("{error:?}")
    };
    assert_eq!(limit, Duration::from_millis(50));
}
