//! A server's side over HTTP/2: what opens a WebSocket, what is refused and how, and what the frames
//! of HTTP/2 mean for the socket.

use bytes::Bytes;
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{Acceptance, MissingOrigin, OriginPolicy};
use sanswire::{CloseCode, ConnectionError, Error};
use tokio::sync::mpsc::unbounded_channel;

use crate::support::{
    Framed, Kind, answer, client_h2, connect_request, echo, ends, handing_out, masked, pipe, serve,
    served, unmasked, with,
};

const BOTH: [Kind; 2] = [Kind::Auto, Kind::Http2];
const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

#[tokio::test]
async fn a_request_is_accepted_and_a_close_by_the_client_ends_the_stream() {
    for kind in BOTH {
        let mut client = client_h2(served(kind, echo)).await;
        let (response, send) = client.send_request(connect_request(), false).unwrap();
        let response = ends(response).await.unwrap();
        assert_eq!(response.status(), 200);
        for absent in ["upgrade", "connection", "sec-websocket-accept", "content-length"] {
            assert!(!response.headers().contains_key(absent), "{absent}");
        }
        drop((response, send));
        let mut peer = Framed::open(&mut client).await;
        peer.write(masked(0x81, b"hello"));
        peer.expect(&unmasked(0x81, b"hello")).await;
        peer.write(masked(0x89, b"ping"));
        peer.expect(&unmasked(0x8a, b"ping")).await;
        peer.write(masked(0x88, &NORMAL));
        peer.expect(&unmasked(0x88, &NORMAL)).await;
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn a_close_by_the_server_ends_the_stream_when_it_is_answered() {
    let (route, mut sockets) = handing_out(Ok);
    let mut client = client_h2(served(Kind::Http2, route)).await;
    let mut peer = Framed::open(&mut client).await;
    let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
    assert!(socket.stream().tcp().is_none());
    let closing = tokio::spawn(async move { socket.close(1001, "bye").await });
    peer.expect(&unmasked(0x88, b"\x03\xe9bye")).await;
    peer.write(masked(0x88, &1001_u16.to_be_bytes()));
    peer.expect_end().await;
    ends(closing).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_options_decide_what_is_granted() {
    let (route, mut sockets) = handing_out(|upgrade| {
        Ok(upgrade.subprotocols(&["v1", "v2"]).deflate(&DeflateConfig::default()))
    });
    let mut client = client_h2(served(Kind::Auto, route)).await;
    let mut request = connect_request();
    for (name, value) in [
        ("sec-websocket-protocol", "v3, v2, v1"),
        ("sec-websocket-extensions", "permessage-deflate"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (response, send) = client.send_request(request, false).unwrap();
    let response = ends(response).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "v2");
    assert_eq!(response.headers()["sec-websocket-extensions"], "permessage-deflate");
    let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
    let mut send = send;
    // "Hello" as RFC 7692, §7.2.3.1, has it.
    let hello = masked(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    send.send_data(hello.into(), false).unwrap();
    assert_eq!(ends(socket.recv()).await.unwrap().unwrap().as_text(), Some("Hello"));
}

#[tokio::test]
async fn what_is_refused_has_the_status_and_the_headers_that_belong_to_it() {
    let route = |request| {
        with(request, |upgrade| {
            let policy = OriginPolicy::same_origin().missing(MissingOrigin::Allow);
            Ok(upgrade.origin(&policy)?.on_open(crate::support::echo_all))
        })
    };
    let with_header = |name: &'static str, value: &str| {
        let mut request = connect_request();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let mut other = connect_request();
    other.extensions_mut().insert(h2::ext::Protocol::from_static("connect-udp"));
    let mut tunnel = Request::connect("server.example.com:80").body(()).unwrap();
    *tunnel.version_mut() = hyper::Version::HTTP_2;
    let mut no_version = connect_request();
    no_version.headers_mut().clear();
    let page = Request::get("http://server.example.com/chat").body(()).unwrap();
    let mut client = client_h2(served(Kind::Auto, route)).await;
    for (request, status, text) in [
        (other, 501, "connect-udp"),
        (tunnel, 400, "server.example.com:80"),
        (page, 400, "GET"),
        (no_version, 400, "Sec-WebSocket-Version"),
        (with_header("sec-websocket-version", "8"), 400, "Sec-WebSocket-Version"),
        (with_header("sec-websocket-extensions", ";"), 400, "Sec-WebSocket-Extensions"),
        (with_header("origin", "https://evil.example"), 403, "https://evil.example"),
    ] {
        let (found, headers, body) = answer(&mut client, request).await;
        assert_eq!(found, status, "{body}");
        assert!(body.contains(text), "{body}");
        assert!(!headers.iter().any(|header| header.starts_with("upgrade")), "{headers:?}");
    }
    let (_, headers, _) = answer(&mut client, with_header("sec-websocket-version", "8")).await;
    assert!(headers.contains(&"sec-websocket-version: 13".into()), "{headers:?}");
    // The connection goes on.
    let mut peer = Framed::open(&mut client).await;
    peer.write(masked(0x81, b"hello"));
    peer.expect(&unmasked(0x81, b"hello")).await;
}

#[tokio::test]
async fn what_the_client_did_not_offer_is_answered_with_500() {
    let route = |request| {
        with(request, |upgrade| {
            let upgrade = upgrade.acceptance(Acceptance::new().subprotocol("other"));
            Ok(upgrade.on_error(drop).on_open(crate::support::echo_all))
        })
    };
    let mut client = client_h2(served(Kind::Auto, route)).await;
    assert_eq!(answer(&mut client, connect_request()).await.0, 500);
}

#[tokio::test]
async fn frames_may_lie_in_data_frames_of_any_size() {
    let mut client = client_h2(served(Kind::Auto, echo)).await;
    let mut peer = Framed::open(&mut client).await;
    // h2 takes no more than 100 empty ones over a connection.
    for byte in masked(0x81, b"one") {
        peer.write(Bytes::new());
        peer.write(vec![byte]);
        peer.write(Bytes::new());
    }
    for byte in masked(0x82, &[7; 300]) {
        peer.write(vec![byte]);
    }
    peer.expect(&unmasked(0x81, b"one")).await;
    peer.expect(&unmasked(0x82, &[7; 300])).await;
    // Many in one.
    peer.write([masked(0x81, b"two"), masked(0x01, b"th"), masked(0x80, b"ree")].concat());
    peer.expect(&[unmasked(0x81, b"two"), unmasked(0x81, b"three")].concat()).await;
}

#[tokio::test]
async fn a_stream_that_ends_without_a_close_frame_is_abnormal() {
    let (route, mut sockets) = handing_out(Ok);
    let mut client = client_h2(served(Kind::Auto, route)).await;
    let mut peer = Framed::open(&mut client).await;
    let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
    peer.write(masked(0x81, b"last"));
    peer.end();
    assert_eq!(ends(socket.recv()).await.unwrap().unwrap().as_text(), Some("last"));
    assert!(matches!(
        ends(socket.recv()).await,
        Err(Error::Connection(ConnectionError::UnexpectedEof))
    ));
    assert_eq!(socket.closed().unwrap().code, CloseCode::ABNORMAL);
    drop(socket);
    peer.expect_end().await;
}

#[tokio::test]
async fn a_reset_stream_ends_the_socket_whatever_it_waits_for() {
    for reason in [h2::Reason::CANCEL, h2::Reason::INTERNAL_ERROR, h2::Reason::NO_ERROR] {
        let (route, mut sockets) = handing_out(Ok);
        let mut client = client_h2(served(Kind::Auto, route)).await;
        // One that waits to receive.
        let mut peer = Framed::open(&mut client).await;
        let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
        peer.write(masked(0x81, b"last"));
        assert_eq!(ends(socket.recv()).await.unwrap().unwrap().as_text(), Some("last"));
        let receiving = tokio::spawn(async move { (socket.recv().await, socket) });
        tokio::task::yield_now().await;
        peer.send.send_reset(reason);
        let (received, mut socket) = ends(receiving).await.unwrap();
        assert!(
            matches!(
                received,
                Err(Error::Connection(ConnectionError::UnexpectedEof) | Error::Io(_))
            ),
            "{reason}: {received:?}"
        );
        assert!(ends(socket.send("no more")).await.is_err());
        assert_eq!(socket.closed().unwrap().code, CloseCode::ABNORMAL);
        // One that waits to send: the peer reads nothing.
        let mut peer = Framed::open(&mut client).await;
        let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
        let sending = tokio::spawn(async move { socket.send(vec![0; 8 << 20]).await });
        peer.read(1).await;
        peer.send.send_reset(reason);
        let sent = ends(sending).await.unwrap();
        assert!(sent.is_err(), "{reason}: {sent:?}");
    }
}

#[tokio::test]
async fn a_half_closed_stream_gets_all_that_the_server_has_to_send() {
    const LEN: usize = 1 << 20;
    let (told, mut done) = unbounded_channel();
    let route = move |request| {
        let told = told.clone();
        with(request, |upgrade| {
            Ok(upgrade.on_open(async move |mut socket| {
                let message = socket.recv().await?.unwrap();
                assert_eq!(message.as_text(), Some("all, please"));
                // The end of the client's side is read while this waits.
                let sent = socket.send(vec![7; LEN]).await;
                told.send((sent, socket.recv().await)).unwrap();
                Ok(())
            }))
        })
    };
    let mut client = client_h2(served(Kind::Auto, route)).await;
    let mut peer = Framed::open(&mut client).await;
    peer.write(masked(0x81, b"all, please"));
    peer.end();
    peer.expect(&unmasked(0x82, &vec![7; LEN])).await;
    peer.expect_end().await;
    let (sent, received) = ends(done.recv()).await.unwrap();
    sent.unwrap();
    assert!(matches!(received, Err(Error::Connection(ConnectionError::UnexpectedEof))));
}

#[tokio::test]
async fn the_connection_is_shut_down_when_the_last_socket_has_ended() {
    for kind in BOTH {
        let (client, server) = pipe();
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http2().enable_connect_protocol();
        let (begin, begun) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| async {
                Ok::<_, core::convert::Infallible>(echo(request))
            });
            let serving = builder.serve_connection_with_upgrades(TokioIo::new(server), service);
            let mut serving = core::pin::pin!(serving);
            tokio::select! {
                ended = serving.as_mut() => return ended.map_err(|error| error.to_string()),
                _ = begun => serving.as_mut().graceful_shutdown(),
            }
            serving.await.map_err(|error| error.to_string())
        });
        let mut client = client_h2(client).await;
        let mut peer = Framed::open(&mut client).await;
        begin.send(()).unwrap();
        // The client has been told, and opens nothing more; this socket goes on.
        while client.clone().ready().await.is_ok()
            && client.send_request(connect_request(), false).is_ok()
        {
            tokio::task::yield_now().await;
        }
        assert!(!serving.is_finished(), "{kind:?}");
        peer.write(masked(0x81, b"hello"));
        peer.expect(&unmasked(0x81, b"hello")).await;
        peer.write(masked(0x88, &NORMAL));
        peer.expect(&unmasked(0x88, &NORMAL)).await;
        peer.expect_end().await;
        drop(peer);
        ends(serving).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_socket_that_is_dropped_ends_its_stream_with_all_that_was_sent() {
    let (route, mut sockets) = handing_out(Ok);
    let mut client = client_h2(served(Kind::Auto, route)).await;
    let mut peer = Framed::open(&mut client).await;
    let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
    ends(socket.send("last")).await.unwrap();
    drop(socket);
    peer.expect(&unmasked(0x81, b"last")).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_stops_the_sender_and_nobody_else() {
    const LEN: usize = 512 << 10;
    let (client, server) = pipe();
    let (route, mut sockets) = handing_out(Ok);
    serve(server, Kind::Auto, route);
    let (send, connection) = h2::client::Builder::new()
        .initial_window_size(64 << 10)
        .initial_connection_window_size(1 << 20)
        .handshake(client)
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut client = send.ready().await.unwrap();
    let mut stuck = Framed::open(&mut client).await;
    let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
    let sending = tokio::spawn(async move { socket.send(vec![7; LEN]).await });
    for _ in 0..20 {
        let mut peer = Framed::open(&mut client).await;
        let mut other = ends(sockets.recv()).await.unwrap().unwrap();
        let expected = unmasked(0x82, &[1; LEN]);
        let (sent, ()) = tokio::join!(other.send(vec![1; LEN]), peer.expect(&expected));
        sent.unwrap();
    }
    assert!(!sending.is_finished());
    stuck.expect(&unmasked(0x82, &[7; LEN])).await;
    ends(sending).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_does_not_read_outlives_its_socket() {
    /// hyper's default for the streams of a connection.
    const STREAMS: usize = 200;
    let (client, server) = pipe();
    let (route, mut sockets) = handing_out(Ok);
    serve(server, Kind::Auto, route);
    let mut builder = h2::client::Builder::new();
    let (send, connection) = builder.initial_window_size(0).handshake(client).await.unwrap();
    tokio::spawn(connection);
    let mut client = send.ready().await.unwrap();
    let mut peers = Vec::new();
    for _ in 0..STREAMS {
        peers.push(Framed::open(&mut client).await);
        let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
        ends(socket.send("last")).await.unwrap();
    }
    // All sockets are gone, but their streams are not.
    let mut another = client.clone();
    let opening = tokio::spawn(async move { drop(Framed::open(&mut another).await) });
    tokio::time::sleep(core::time::Duration::from_secs(60)).await;
    assert!(!opening.is_finished());
    // A peer that leaves makes room.
    peers.pop().unwrap().send.send_reset(h2::Reason::CANCEL);
    ends(opening).await.unwrap();
}

#[tokio::test]
async fn small_messages_that_wait_to_be_read_do_not_end_the_connection() {
    const COUNT: usize = 10_000;
    let (client, server) = pipe();
    let (route, mut sockets) = handing_out(Ok);
    let service = hyper::service::service_fn(move |request| {
        let answer = route(request);
        async { Ok::<_, core::convert::Infallible>(answer) }
    });
    // By default, h2 ends a connection on which about 2,000 small DATA frames wait.
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder.enable_connect_protocol().initial_connection_window_size(16 << 20);
    tokio::spawn(builder.serve_connection(TokioIo::new(server), service));
    let mut client = client_h2(client).await;
    let mut peer = Framed::open(&mut client).await;
    let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
    for _ in 0..COUNT {
        peer.write(masked(0x81, b"x"));
    }
    // One that comes behind them has been read, so they have, too.
    let mut other = Framed::open(&mut client).await;
    let mut behind = ends(sockets.recv()).await.unwrap().unwrap();
    other.write(masked(0x81, b"behind"));
    assert_eq!(ends(behind.recv()).await.unwrap().unwrap().as_text(), Some("behind"));
    for _ in 0..COUNT {
        assert_eq!(ends(socket.recv()).await.unwrap().unwrap().as_text(), Some("x"));
    }
}
