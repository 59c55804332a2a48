//! A client's side over connections of hyper: what it sends, and what it makes of the answers.

use core::future::{pending, ready};
use core::time::Duration;
use std::error::Error as _;
use std::io;

use bytes::Bytes;
use h2::server::SendResponse;
use http_body_util::{Empty, Full};
use hyper::Response;
use hyper_util::rt::TokioIo;
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{ClientRequest, HandshakeError, HeadLimits};
use sanswire::io::HttpError;
use sanswire::io::hyper::{connect_http1, connect_http2};
use sanswire::{Config, Error};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use crate::support::{
    Kind, Wire, client_http1, client_http2, echo, ends, handing_out, open_http1, open_http2, pipe,
    response_to, served, unmasked, with,
};

fn request() -> ClientRequest {
    ClientRequest::new("server.example.com", "/chat?token=secret").unwrap()
}

/// A request that may take so long.
fn limited(limit: Duration) -> ClientRequest {
    request().head_limits(HeadLimits::default().timeout(limit))
}

#[tokio::test]
async fn a_socket_over_either_version_speaks_and_closes() {
    let offers = request().subprotocol("v2").unwrap().deflate(&DeflateConfig::default());
    let route = |request| {
        with(request, |upgrade| {
            let upgrade = upgrade.subprotocols(&["v2"]).deflate(&DeflateConfig::default());
            Ok(upgrade.on_open(crate::support::echo_all))
        })
    };
    let mut http1 = client_http1(served(Kind::Auto, route)).await;
    let mut http2 = client_http2(served(Kind::Auto, route)).await;
    let one = open_http1(&mut http1, &offers).await.unwrap();
    let two = open_http2(&mut http2, &offers).await.unwrap();
    for mut socket in [one, two] {
        assert_eq!(socket.protocol(), "v2");
        assert!(socket.connection().extensions().starts_with("permessage-deflate"));
        for message in ["", "hello", &"Grüße 😀".repeat(10_000)] {
            ends(socket.send(message)).await.unwrap();
            assert_eq!(ends(socket.recv()).await.unwrap().unwrap().as_text(), Some(message));
        }
        ends(socket.ping(b"hi")).await.unwrap();
        ends(socket.close(1000, "bye")).await.unwrap();
        assert!(socket.closed().unwrap().clean);
    }
}

#[tokio::test]
async fn a_socket_outlives_the_handle_of_its_http2_connection() {
    let mut send = client_http2(served(Kind::Auto, echo)).await;
    let mut socket = open_http2(&mut send, &request()).await.unwrap();
    drop(send);
    ends(socket.send("hello")).await.unwrap();
    assert_eq!(ends(socket.recv()).await.unwrap().unwrap().as_text(), Some("hello"));
    ends(socket.close(1000, "")).await.unwrap();
}

#[tokio::test]
async fn a_close_by_the_server_is_answered_over_http2() {
    let (route, mut sockets) = handing_out(Ok);
    let mut send = client_http2(served(Kind::Auto, route)).await;
    let mut socket = open_http2(&mut send, &request()).await.unwrap();
    let mut server = ends(sockets.recv()).await.unwrap().unwrap();
    let (closed, received) = tokio::join!(server.close(1001, "bye"), socket.recv());
    closed.unwrap();
    assert_eq!(received.unwrap(), None);
    assert_eq!(&*socket.closed().unwrap().reason, "bye");
}

/// Sends a request over HTTP/1.1 to a server that answers by `answer`.
async fn answered(
    request: &ClientRequest,
    answer: impl AsRef<[u8]>,
) -> (Result<(), Error>, Wire<DuplexStream>) {
    let (client, server) = pipe();
    let mut send = client_http1(client).await;
    let mut server = Wire(server);
    let (opened, ()) = tokio::join!(open_http1(&mut send, request), async {
        let head = server.head().await;
        assert!(head.starts_with("GET /chat?token=secret HTTP/1.1\r\n"), "{head}");
        assert!(head.to_ascii_lowercase().contains("\r\nhost: server.example.com\r\n"), "{head}");
        server.write(answer).await;
    });
    (opened.map(drop), server)
}

fn response(result: Result<(), Error>) -> sanswire::handshake::Response {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("server.example.com/chat") && !text.contains("secret"), "{text}");
    let Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } = error else {
        panic!("{error:?}")
    };
    *response
}

#[tokio::test]
async fn a_refusal_comes_with_its_headers_and_its_body() {
    let answer = "HTTP/1.1 403 Forbidden\r\nX-Why: a\r\nContent-Length: 12\r\n\r\nmembers only";
    let refusal = response(answered(&request(), answer).await.0);
    assert_eq!(refusal.status(), 403);
    assert_eq!(refusal.headers().get("x-why"), Some(&b"a"[..]));
    assert_eq!((&refusal.content()[..], refusal.is_truncated()), (&b"members only"[..], false));
}

#[tokio::test]
async fn a_body_is_cut_at_its_limit() {
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\nmembers only";
    let cut = response(answered(&request().max_refusal_body(7), answer).await.0);
    assert_eq!((&cut.content()[..], cut.is_truncated()), (&b"members"[..], true));
    let whole = response(answered(&request().max_refusal_body(12), answer).await.0);
    assert_eq!((whole.content().len(), whole.is_truncated()), (12, false));
    let none = response(answered(&request().max_refusal_body(0), answer).await.0);
    assert_eq!((none.content().len(), none.is_truncated()), (0, true));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\nmembers";
    for request in [request(), limited(Duration::from_secs(1))] {
        let cut = response(answered(&request, answer).await.0);
        assert_eq!((&cut.content()[..], cut.is_truncated()), (&b"members"[..], true));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_truncated() {
    let (client, server) = pipe();
    let mut send = client_http1(client).await;
    let request = request();
    let (opened, ()) = tokio::join!(open_http1(&mut send, &request), async {
        let mut server = Wire(server);
        server.head().await;
        server.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\nmembers").await;
    });
    let cut = response(opened.map(drop));
    assert_eq!((&cut.content()[..], cut.is_truncated()), (&b"members"[..], true));
}

#[tokio::test]
async fn a_refusal_over_http2_comes_with_its_body() {
    let route = |_| {
        let mut refusal = Response::new(Full::from("members only"));
        *refusal.status_mut() = hyper::StatusCode::FORBIDDEN;
        refusal
    };
    let mut send = client_http2(served(Kind::Auto, route)).await;
    for (limit, body) in [(12, "members only"), (7, "members")] {
        let request = request().max_refusal_body(limit);
        let refusal = response(open_http2(&mut send, &request).await.map(drop));
        assert_eq!((refusal.status(), &refusal.content()[..]), (403, body.as_bytes()));
        assert_eq!(refusal.is_truncated(), limit == 7);
    }
}

#[tokio::test]
async fn what_is_no_acceptance_is_an_error() {
    for (answer, text) in [
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            "Sec-WebSocket-Accept",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n", "Upgrade"),
    ] {
        let error = answered(&request(), answer).await.0.unwrap_err();
        assert!(matches!(error, Error::Handshake { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(response(answered(&request(), answer).await.0).status(), 200);
}

#[tokio::test]
async fn what_comes_right_behind_the_response_reaches_the_socket() {
    let (client, server) = pipe();
    let mut send = client_http1(client).await;
    let request = request();
    let (opened, _server) = tokio::join!(open_http1(&mut send, &request), async {
        let mut server = Wire(server);
        let response = response_to(
            server.head().await.replace("sec-websocket-key", "Sec-WebSocket-Key").as_bytes(),
        );
        server.write([response, unmasked(0x81, b"hello")].concat()).await;
        server
    });
    assert_eq!(ends(opened.unwrap().recv()).await.unwrap().unwrap().as_text(), Some("hello"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up() {
    let limit = Duration::from_secs(3);
    let request = limited(limit);
    for error in [
        {
            let (client, _server) = pipe();
            let mut send = client_http1(client).await;
            open_http1(&mut send, &request).await.unwrap_err()
        },
        {
            let (client, _server) = pipe();
            let mut send = client_http2(client).await;
            open_http2(&mut send, &request).await.unwrap_err()
        },
    ] {
        let Error::Handshake { error: inner, url } = &error else { panic!("{error:?}") };
        assert_eq!(*inner, HandshakeError::Timeout(limit));
        assert!(url.as_deref().unwrap().ends_with("server.example.com/chat"), "{error}");
    }
}

fn http_error(error: &Error) -> &HttpError {
    let Error::Http { error, url: Some(url) } = error else { panic!("{error:?}") };
    assert!(url.ends_with("server.example.com/chat"), "{url}");
    error
}

#[tokio::test]
async fn a_server_without_extended_connect_is_named_as_the_reason() {
    let mut send = client_http2(served(Kind::Http2WithoutConnect, echo)).await;
    let error = open_http2(&mut send, &request()).await.unwrap_err();
    assert!(matches!(http_error(&error), HttpError::ExtendedConnect(_)));
    assert!(error.to_string().contains("extended CONNECT"), "{error}");
    let source = error.source().unwrap().to_string();
    assert!(source.contains("protocol error"), "{source}");
}

#[tokio::test]
async fn a_request_may_be_sent_before_the_settings_of_the_server_have_come() {
    let mut send = client_http2(served(Kind::Auto, echo)).await;
    open_http2(&mut send, &request()).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_gone_is_an_error() {
    let (client, server) = pipe();
    let (mut send, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(client))
            .await
            .unwrap();
    drop(connection);
    let error = open_http1(&mut send, &request()).await.unwrap_err();
    assert!(matches!(http_error(&error), HttpError::Request(_)));
    drop(server);
    let (client, server) = pipe();
    let mut send = client_http2(client).await;
    drop(server);
    let error = open_http2(&mut send, &request()).await.unwrap_err();
    assert!(matches!(http_error(&error), HttpError::ExtendedConnect(_)));
}

#[tokio::test]
async fn a_connection_without_upgrades_is_told_what_it_lacks() {
    let io = TokioIo::new(served(Kind::Auto, echo));
    let (mut send, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(io).await.unwrap();
    tokio::spawn(connection);
    let error = open_http1(&mut send, &request()).await.unwrap_err();
    assert!(matches!(http_error(&error), HttpError::Upgrade(_)));
    assert!(error.to_string().contains("with_upgrades"), "{error}");
}

#[tokio::test]
async fn the_error_of_any_client_is_passed_on() {
    let failing = |_: hyper::Request<Empty<Bytes>>| {
        ready(Err::<Response<Empty<Bytes>>, _>(io::Error::other("no route")))
    };
    let error = connect_http1(&request(), &Config::default(), failing).await.unwrap_err();
    assert!(error.to_string().contains("HTTP request failed: no route"), "{error}");
    let error = connect_http2(&request(), &Config::default(), failing).await.unwrap_err();
    assert!(error.to_string().contains(": no route"), "{error}");
}

/// A server of HTTP/2 by h2: the next request it got.
async fn accept(
    server: DuplexStream,
) -> (hyper::Request<h2::RecvStream>, SendResponse<Bytes>, JoinHandle<()>) {
    let mut builder = h2::server::Builder::new();
    let mut connection =
        builder.enable_connect_protocol().handshake::<_, Bytes>(server).await.unwrap();
    let (request, respond) = connection.accept().await.unwrap().unwrap();
    let driving = tokio::spawn(async move { while connection.accept().await.is_some() {} });
    (request, respond, driving)
}

#[tokio::test]
async fn a_future_that_is_dropped_resets_its_stream() {
    let (client, server) = pipe();
    let mut send = client_http2(client).await;
    let connecting = tokio::spawn(async move {
        let _socket = open_http2(&mut send, &request()).await;
        pending::<()>().await;
    });
    let (request, mut respond, _driving) = ends(accept(server)).await;
    assert_eq!(request.extensions().get::<h2::ext::Protocol>().unwrap().as_str(), "websocket");
    assert_eq!(request.uri(), "http://server.example.com/chat?token=secret");
    connecting.abort();
    let reason = ends(core::future::poll_fn(|cx| respond.poll_reset(cx))).await.unwrap();
    assert_eq!(reason, h2::Reason::CANCEL);
}

#[tokio::test]
async fn a_socket_that_is_dropped_gives_its_stream_back() {
    let (client, server) = pipe();
    let mut send = client_http2(client).await;
    let connecting = tokio::spawn(async move { open_http2(&mut send, &request()).await });
    let (_request, mut respond, _driving) = ends(accept(server)).await;
    let mut sent = respond.send_response(Response::new(()), false).unwrap();
    drop(ends(connecting).await.unwrap().unwrap());
    let reason = ends(core::future::poll_fn(|cx| sent.poll_reset(cx))).await.unwrap();
    assert_eq!(reason, h2::Reason::CANCEL);
}

#[tokio::test]
async fn a_success_that_hyper_does_not_take_for_one_is_an_error() {
    let (client, server) = pipe();
    let mut send = client_http2(client).await;
    let connecting = tokio::spawn(async move { open_http2(&mut send, &request()).await });
    let (_request, mut respond, _driving) = ends(accept(server)).await;
    let response = Response::builder().status(204).body(()).unwrap();
    let _sent = respond.send_response(response, false).unwrap();
    let error = ends(connecting).await.unwrap().unwrap_err();
    assert!(matches!(http_error(&error), HttpError::Upgrade(_)));
}
