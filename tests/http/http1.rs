//! A server's side over HTTP/1.1: what opens a WebSocket, what is refused and how, and what becomes
//! of a response that was never sent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{Acceptance, HandshakeError, MissingOrigin, OriginPolicy};
use sanswire::io::HttpError;
use sanswire::io::hyper::{UpgradeError, WebSocketUpgrade};
use sanswire::{Config, ConnectionError, Error};

use crate::support::{
    Answer, Kind, REQUEST, Wire, echo, ends, handing_out, handing_out_upgrades, masked, serve,
    served, unmasked, with,
};

const BOTH: [Kind; 2] = [Kind::Auto, Kind::Http1];

/// [`REQUEST`] with more headers.
fn request_with(headers: &str) -> String {
    String::from_utf8(REQUEST.to_vec()).unwrap().replace("\r\n\r\n", &format!("\r\n{headers}\r\n"))
}

#[tokio::test]
async fn a_request_is_accepted_and_the_socket_speaks() {
    for kind in BOTH {
        let mut peer = Wire(served(kind, echo));
        peer.write(REQUEST).await;
        let head = peer.head().await.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 switching protocols\r\n"), "{head}");
        for header in [
            "upgrade: websocket",
            "connection: upgrade",
            "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
        ] {
            assert!(head.contains(&format!("\r\n{header}\r\n")), "{head}");
        }
        for absent in ["content-length", "transfer-encoding", "sec-websocket-extensions"] {
            assert!(!head.contains(absent), "{head}");
        }
        peer.write(masked(0x81, b"hello")).await;
        peer.expect(&unmasked(0x81, b"hello")).await;
        peer.write(masked(0x88, &1000_u16.to_be_bytes())).await;
        peer.expect(&unmasked(0x88, &1000_u16.to_be_bytes())).await;
        assert!(peer.rest().await.is_empty());
    }
}

#[tokio::test]
async fn what_comes_right_behind_the_request_reaches_the_socket() {
    for kind in BOTH {
        let mut peer = Wire(served(kind, echo));
        let close = masked(0x88, &1000_u16.to_be_bytes());
        let large = vec![7; 30_000];
        peer.write([REQUEST, &masked(0x81, b"one"), &masked(0x82, &large), &close].concat()).await;
        peer.head().await;
        peer.expect(&unmasked(0x81, b"one")).await;
        peer.expect(&unmasked(0x82, &large)).await;
        peer.expect(&unmasked(0x88, &1000_u16.to_be_bytes())).await;
        assert!(peer.rest().await.is_empty());
    }
}

#[tokio::test]
async fn a_request_and_its_first_frame_arrive_byte_by_byte() {
    let mut peer = Wire(served(Kind::Auto, echo));
    for byte in [REQUEST, &masked(0x81, b"hello")].concat() {
        peer.write([byte]).await;
        tokio::task::yield_now().await;
    }
    peer.head().await;
    peer.expect(&unmasked(0x81, b"hello")).await;
}

#[tokio::test]
async fn the_options_decide_what_is_granted() {
    let (route, mut sockets) = handing_out(|upgrade| {
        assert_eq!(upgrade.request().path(), "/chat");
        let config = Config::default().max_message_size(5);
        Ok(upgrade.subprotocols(&["v1", "v2"]).deflate(&DeflateConfig::default()).config(config))
    });
    let mut peer = Wire(served(Kind::Auto, route));
    let offers = "Sec-WebSocket-Protocol: v3, v2, v1\r\n\
                  Sec-WebSocket-Extensions: permessage-deflate\r\n";
    peer.write(request_with(offers)).await;
    let head = peer.head().await.to_ascii_lowercase();
    assert!(head.contains("\r\nsec-websocket-protocol: v2\r\n"), "{head}");
    assert!(head.contains("\r\nsec-websocket-extensions: permessage-deflate\r\n"), "{head}");
    let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
    assert_eq!(socket.protocol(), "v2");
    // "Hello" as RFC 7692, §7.2.3.1, has it.
    peer.write(masked(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00])).await;
    assert_eq!(ends(socket.recv()).await.unwrap().unwrap().as_text(), Some("Hello"));
    peer.write(masked(0x81, b"longer")).await;
    assert!(matches!(
        ends(socket.recv()).await,
        Err(Error::Connection(ConnectionError::MessageTooLarge { .. }))
    ));
}

#[tokio::test]
async fn an_acceptance_with_headers_is_sent_with_them() {
    let (route, mut sockets) = handing_out(|upgrade| {
        let acceptance = Acceptance::new().subprotocol("chat").header("Set-Cookie", "a=b").unwrap();
        Ok(upgrade.acceptance(acceptance))
    });
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(request_with("Sec-WebSocket-Protocol: chat\r\n")).await;
    let head = peer.head().await.to_ascii_lowercase();
    assert!(head.contains("\r\nset-cookie: a=b\r\n"), "{head}");
    assert_eq!(ends(sockets.recv()).await.unwrap().unwrap().protocol(), "chat");
}

/// A head of the crate `http` has room for 32,768 headers.
#[tokio::test]
async fn an_acceptance_that_the_server_cannot_send_is_answered_with_500() {
    let (route, _sockets) = handing_out(|upgrade| {
        let debug = format!("{upgrade:?}");
        assert!(debug.starts_with("WebSocketUpgrade { request: Request {"), "{debug}");
        let acceptance = (0..40_000).fold(Acceptance::new(), |acceptance, number| {
            acceptance.header(&format!("X-{number}"), "").unwrap()
        });
        Ok(upgrade.acceptance(acceptance))
    });
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(REQUEST).await;
    let (first, _, body) = peer.response().await;
    assert_eq!(first, "http/1.1 500 internal server error");
    assert!(body.starts_with("response cannot be sent: "), "{body}");
}

fn checking_origin(request: Request<Incoming>) -> Answer {
    with(request, |upgrade| {
        let policy = OriginPolicy::same_origin().missing(MissingOrigin::Allow);
        Ok(upgrade.origin(&policy)?.on_open(crate::support::echo_all))
    })
}

#[tokio::test]
async fn what_is_refused_has_the_status_and_the_headers_that_belong_to_it() {
    let request = String::from_utf8(REQUEST.to_vec()).unwrap();
    let without = |line: &str| request.replace(&format!("{line}\r\n"), "");
    for (request, status, headers, text) in [
        (
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            "426 upgrade required",
            &["upgrade: websocket", "sec-websocket-version: 13"][..],
            "Upgrade",
        ),
        (
            request.replace("Version: 13", "Version: 8"),
            "426 upgrade required",
            &["upgrade: websocket", "sec-websocket-version: 13"],
            "Sec-WebSocket-Version",
        ),
        (request.replace("GET", "PUT"), "405 method not allowed", &["allow: GET"], "PUT"),
        (without("Connection: Upgrade"), "400 bad request", &[], "Connection"),
        (
            without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            "400 bad request",
            &[],
            "Sec-WebSocket-Key",
        ),
        (
            request.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIA=="),
            "400 bad request",
            &[],
            "Sec-WebSocket-Key",
        ),
        (
            request_with("Sec-WebSocket-Extensions: ;\r\n"),
            "400 bad request",
            &[],
            "Sec-WebSocket-Extensions",
        ),
        (request_with("Content-Length: 5\r\n") + "hello", "400 bad request", &[], "Content-Length"),
        (
            request_with("Origin: https://evil.example\r\n"),
            "403 forbidden",
            &[],
            "https://evil.example",
        ),
    ] {
        let mut peer = Wire(served(Kind::Auto, checking_origin));
        peer.write(&request).await;
        let (first, found, body) = peer.response().await;
        assert_eq!(first, format!("http/1.1 {status}"), "{request}");
        for header in headers {
            let header = header.to_ascii_lowercase();
            assert!(found.contains(&header), "{request}: {found:?}");
        }
        assert!(body.contains(text), "{request}: {body}");
        assert!(body.ends_with('\n'), "{body}");
    }
    let mut peer = Wire(served(Kind::Auto, checking_origin));
    peer.write(request.replace("HTTP/1.1", "HTTP/1.0")).await;
    let (first, _, body) = peer.response().await;
    assert!(first.ends_with(" 505 http version not supported"), "{first}");
    assert!(body.contains("HTTP/1.0"), "{body}");
}

#[tokio::test]
async fn a_refusal_leaves_the_connection_for_a_page_and_for_a_socket() {
    fn page_or_socket(mut request: Request<Incoming>) -> Answer {
        match WebSocketUpgrade::new(&mut request) {
            Ok(upgrade) => upgrade.on_open(crate::support::echo_all),
            Err(rejection) if matches!(rejection.error(), Some(HandshakeError::NotUpgrade(_))) => {
                Response::new(Full::from("<!doctype html>"))
            }
            Err(rejection) => rejection.into(),
        }
    }
    for kind in BOTH {
        let mut peer = Wire(served(kind, page_or_socket));
        peer.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let (first, _, body) = peer.response().await;
        assert_eq!((&*first, &*body), ("http/1.1 200 ok", "<!doctype html>"));
        peer.write(String::from_utf8_lossy(REQUEST).replace("GET", "PUT")).await;
        assert_eq!(peer.response().await.0, "http/1.1 405 method not allowed");
        peer.write(REQUEST).await;
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
        peer.write(masked(0x81, b"hello")).await;
        peer.expect(&unmasked(0x81, b"hello")).await;
    }
}

#[tokio::test]
async fn what_the_client_did_not_offer_is_answered_with_500_and_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let route = {
        let told = Arc::clone(&told);
        move |request| {
            let told = Arc::clone(&told);
            with(request, |upgrade| {
                let upgrade = upgrade.acceptance(Acceptance::new().subprotocol("other"));
                let upgrade = upgrade.on_error(move |error| told.lock().unwrap().push(error));
                Ok(upgrade.on_open(crate::support::echo_all))
            })
        }
    };
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(REQUEST).await;
    assert_eq!(peer.response().await.0, "http/1.1 500 internal server error");
    let told = told.lock().unwrap();
    let [error @ UpgradeError::Rejected { rejection, .. }] = &told[..] else { panic!("{told:?}") };
    assert!(matches!(rejection.error(), Some(HandshakeError::UnofferedSubprotocol(_))));
    assert_eq!(rejection.status(), 500);
    assert!(error.to_string().starts_with("/chat: answered with 500: "), "{error}");
}

#[tokio::test]
async fn a_request_that_was_made_without_hyper_is_answered_with_500() {
    let mut request = Request::get("/chat").header("host", "h").header("upgrade", "websocket");
    for (name, value) in [
        ("connection", "upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ] {
        request = request.header(name, value);
    }
    let rejection = WebSocketUpgrade::new(&mut request.body(()).unwrap()).unwrap_err();
    assert_eq!((rejection.status(), rejection.error()), (500, None));
    assert!(rejection.to_string().contains("with_upgrades"), "{rejection}");
}

#[tokio::test]
async fn a_server_without_upgrades_is_told_what_it_lacks() {
    let (told, mut errors) = tokio::sync::mpsc::unbounded_channel();
    let route = move |request| {
        let told = told.clone();
        with(request, |upgrade| {
            let upgrade = upgrade.on_error(move |error| told.send(error).unwrap());
            Ok(upgrade.on_open(async |_| panic!("there is no socket")))
        })
    };
    let mut peer = Wire(served(Kind::Http1WithoutUpgrades, route));
    peer.write(REQUEST).await;
    let error = ends(errors.recv()).await.unwrap();
    let UpgradeError::Open { path, error: inner } = &error else { panic!("{error:?}") };
    assert_eq!(&**path, "/chat");
    assert!(matches!(**inner, Error::Http { error: HttpError::Upgrade(_), url: None }));
    assert!(format!("{inner:?}").starts_with("Http { error: Upgrade("), "{inner:?}");
    assert!(error.to_string().contains("with_upgrades"), "{error}");
}

/// Runs itself once more to see what it writes.
#[test]
fn a_socket_that_does_not_come_is_written_to_the_standard_error() {
    const CHILD: &str = "SANSWIRE_TEST_CHILD";
    let name = "http1::a_socket_that_does_not_come_is_written_to_the_standard_error";
    if std::env::var_os(CHILD).is_none() {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let written = String::from_utf8(child.stderr).unwrap();
        assert!(child.status.success(), "{written}");
        assert!(written.contains("/chat: no stream after the handshake: "), "{written}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut peer = Wire(served(Kind::Http1WithoutUpgrades, echo));
        peer.write(REQUEST).await;
        peer.head().await;
        assert!(peer.rest().await.is_empty());
        // The task that waits for the socket runs before this one again.
        tokio::task::yield_now().await;
    });
}

/// Runs itself once more, where nothing can be written to the standard error.
#[test]
fn a_standard_error_that_is_closed_does_not_keep_the_answer_back() {
    const CHILD: &str = "SANSWIRE_TEST_CHILD_WITHOUT_STDERR";
    let name = "http1::a_standard_error_that_is_closed_does_not_keep_the_answer_back";
    if std::env::var_os(CHILD).is_none() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .stderr(writer)
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut peer = Wire(served(Kind::Http1, |request| {
            with(request, |upgrade| {
                let upgrade = upgrade.acceptance(Acceptance::new().subprotocol("other"));
                Ok(upgrade.on_open(crate::support::echo_all))
            })
        }));
        peer.write(REQUEST).await;
        assert_eq!(peer.response().await.0, "http/1.1 500 internal server error");
    });
}

#[tokio::test]
async fn what_waits_for_a_socket_can_be_dropped() {
    let (route, mut upgrades) = handing_out_upgrades();
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(REQUEST).await;
    let upgrade = ends(upgrades.recv()).await.unwrap();
    assert_eq!(format!("{upgrade:?}"), "OnUpgrade { .. }");
    drop(upgrade);
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    assert!(peer.rest().await.is_empty());
}

#[tokio::test]
async fn polled_after_its_socket_came_it_says_so() {
    let (route, mut upgrades) = handing_out_upgrades();
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(REQUEST).await;
    let mut upgrade = ends(upgrades.recv()).await.unwrap();
    let _socket = ends(&mut upgrade).await.unwrap();
    for _ in 0..2 {
        let again = ends(&mut upgrade).await;
        assert!(matches!(
            again,
            Err(Error::Handshake { error: HandshakeError::OutOfOrder, url: None })
        ));
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_the_response_has_left_gives_an_error() {
    // The response does not fit, and nobody reads it.
    let (client, server) = tokio::io::duplex(16);
    let (route, mut upgrades) = handing_out_upgrades();
    let serving = serve(server, Kind::Http1, route);
    let mut peer = Wire(client);
    peer.write(REQUEST).await;
    let upgrade = ends(upgrades.recv()).await.unwrap();
    serving.abort();
    let error = ends(upgrade).await.unwrap_err();
    assert!(matches!(error, Error::Http { error: HttpError::Upgrade(_), .. }), "{error}");
}

/// A route whose first response is replaced by another one.
fn replacing() -> (impl Fn(Request<Incoming>) -> Answer + Clone + Send, crate::support::Sockets) {
    let (accept, sockets) = handing_out(Ok);
    let count = Arc::new(AtomicUsize::new(0));
    let route = move |request: Request<Incoming>| {
        let accepted = accept(request);
        if count.fetch_add(1, Ordering::Relaxed) > 0 {
            return accepted;
        }
        let mut refusal = Response::new(Full::from("no"));
        *refusal.status_mut() = hyper::StatusCode::FORBIDDEN;
        refusal
    };
    (route, sockets)
}

#[tokio::test(start_paused = true)]
async fn a_response_that_was_replaced_ends_the_wait_for_the_socket() {
    for kind in BOTH {
        let (route, mut sockets) = replacing();
        let mut peer = Wire(served(kind, route));
        peer.write(REQUEST).await;
        assert_eq!(peer.response().await.0, "http/1.1 403 forbidden");
        // The connection lives on, and hyper tells nothing.
        let began = tokio::time::Instant::now();
        let error = ends(sockets.recv()).await.unwrap().unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 10);
        assert!(error.to_string().contains("none came within 10s"), "{error}");
        assert!(error.to_string().contains("return the response as it is"), "{error}");
        peer.write(REQUEST).await;
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
        assert!(ends(sockets.recv()).await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn the_next_request_on_the_connection_ends_the_wait_for_a_socket_that_never_comes() {
    let (route, mut sockets) = replacing();
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(REQUEST).await;
    assert_eq!(peer.response().await.0, "http/1.1 403 forbidden");
    peer.write(REQUEST).await;
    let error = ends(sockets.recv()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Http { error: HttpError::Upgrade(_), .. }), "{error}");
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    assert!(ends(sockets.recv()).await.unwrap().is_ok());
}

/// hyper hands out the stream when it is done with the connection, whatever it has sent.
#[tokio::test]
async fn a_response_that_was_replaced_by_the_last_one_of_a_connection_gives_a_socket() {
    for kind in BOTH {
        let (route, mut sockets) = replacing();
        let mut peer = Wire(served(kind, route));
        let request = String::from_utf8(REQUEST.to_vec()).unwrap();
        peer.write(request.replace("Connection: Upgrade", "Connection: Upgrade, close")).await;
        assert_eq!(peer.response().await.0, "http/1.1 403 forbidden");
        let mut socket = ends(sockets.recv()).await.unwrap().unwrap();
        peer.write(masked(0x81, b"hello")).await;
        assert_eq!(ends(socket.recv()).await.unwrap().unwrap().as_text(), Some("hello"));
        ends(socket.send("hello")).await.unwrap();
        peer.expect(&unmasked(0x81, b"hello")).await;
    }
}
