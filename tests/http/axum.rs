//! The extractor in axum, over sockets: HTTP/1.1 and HTTP/2, in routers of many forms.

use core::future::IntoFuture;
use core::net::SocketAddr;
use core::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sanswire::handshake::{Acceptance, ClientRequest, HandshakeError, OriginPolicy};
use sanswire::io::axum::{
    OnUpgrade, Rejection, UpgradeError, WebSocketUpgrade, method_not_allowed,
};
use sanswire::io::hyper::{connect_http1, connect_http2};
use sanswire::io::poll::Shutdown;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tower::ServiceExt;

const BOTH: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// What ends a test that hangs.
const LONG: Duration = Duration::from_secs(60);

/// Names the version of HTTP and the stream, then echoes.
async fn echo(upgrade: WebSocketUpgrade) -> impl IntoResponse {
    let version = upgrade.request().version();
    upgrade.on_open(async move |mut socket| {
        let is_tcp = socket.stream().tcp().is_some();
        socket.send(format!("{version}, TCP: {is_tcp}")).await?;
        while let Some(message) = socket.recv().await? {
            socket.send(message).await?;
        }
        Ok(())
    })
}

async fn start(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

async fn tcp(address: SocketAddr) -> TokioIo<TcpStream> {
    TokioIo::new(TcpStream::connect(address).await.unwrap())
}

async fn connect(
    address: SocketAddr,
    version: Version,
    path: &str,
) -> Result<WebSocket<NetStream>, Error> {
    let request = ClientRequest::new(&address.to_string(), path)?.origin("https://example.com")?;
    let request = request.subprotocol("chat")?;
    let config = Config::default();
    if version == Version::HTTP_2 {
        let handshake =
            http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), tcp(address).await);
        let (mut send, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        connect_http2(&request, &config, |request| send.send_request(request)).await
    } else {
        let handshake = http1::handshake::<_, Empty<Bytes>>(tcp(address).await);
        let (mut send, connection) = handshake.await.unwrap();
        tokio::spawn(connection.with_upgrades());
        connect_http1(&request, &config, |request| send.send_request(request)).await
    }
}

/// Returns what a refused client was told.
async fn refusal(address: SocketAddr, version: Version, path: &str) -> (u16, String) {
    let refused = connect(address, version, path).await.unwrap_err();
    let Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } = refused else {
        panic!("{refused}");
    };
    (response.status(), String::from_utf8(response.content().to_vec()).unwrap())
}

/// Sends a request as it is.
async fn ask(
    address: SocketAddr,
    request: http::Request<Empty<Bytes>>,
) -> (http::response::Parts, String) {
    let response = if request.version() == Version::HTTP_2 {
        let handshake = http2::handshake(TokioExecutor::new(), tcp(address).await);
        let (mut send, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        send.send_request(request).await.unwrap()
    } else {
        let (mut send, connection) = http1::handshake(tcp(address).await).await.unwrap();
        tokio::spawn(connection);
        send.send_request(request).await.unwrap()
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts, String::from_utf8(body.to_vec()).unwrap())
}

/// A valid request for a WebSocket over HTTP/1.1.
fn upgrade() -> http::request::Builder {
    http::Request::get("/ws")
        .header("Host", "localhost")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// A valid request for a WebSocket over HTTP/2, if the protocol is that.
fn extended_connect(address: SocketAddr, protocol: &'static str) -> http::request::Builder {
    http::Request::connect(format!("http://{address}/ws"))
        .version(Version::HTTP_2)
        .extension(hyper::ext::Protocol::from_static(protocol))
        .header("Sec-WebSocket-Version", "13")
}

fn set(
    mut builder: http::request::Builder,
    name: &'static str,
    value: &'static str,
) -> http::request::Builder {
    builder.headers_mut().unwrap().insert(name, HeaderValue::from_static(value));
    builder
}

/// Sends what `on_error` is told.
fn reporting(
    upgrade: WebSocketUpgrade,
    reports: mpsc::UnboundedSender<UpgradeError>,
) -> WebSocketUpgrade {
    upgrade.on_error(move |error| drop(reports.send(error)))
}

async fn next(reports: &mut mpsc::UnboundedReceiver<UpgradeError>) -> UpgradeError {
    timeout(LONG, reports.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_any_route_opens_over_both_versions() {
    let address = start(Router::new().route("/ws", any(echo))).await;
    for (version, told) in BOTH.into_iter().zip(["HTTP/1.1, TCP: true", "HTTP/2, TCP: false"]) {
        let mut socket = connect(address, version, "/ws").await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some(told.into()));
        socket.send("hello").await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some("hello".into()));
        socket.close(1000, "").await.unwrap();
    }
}

#[tokio::test]
async fn a_get_route_opens_over_http1_and_says_why_not_over_http2() {
    let app = Router::new()
        .route("/ws", get(echo))
        .method_not_allowed_fallback(method_not_allowed)
        .nest("/silent", Router::new().route("/ws", get(echo)));
    let address = start(app).await;
    let mut socket = connect(address, Version::HTTP_11, "/ws").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some("HTTP/1.1, TCP: true".into()));

    let request = extended_connect(address, "websocket").body(Empty::new()).unwrap();
    let (answer, text) = ask(address, request).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD");
    assert_eq!(
        text,
        "request method is CONNECT, which this route does not take: over HTTP/2, browsers open a \
         WebSocket by it: route it by `any` instead of `get`\n"
    );
    // Nothing to say about another method, nor by axum itself.
    let request = http::Request::post("/ws").header("Host", "localhost").body(Empty::new());
    let (answer, text) = ask(address, request.unwrap()).await;
    assert_eq!((answer.status, &*text), (StatusCode::METHOD_NOT_ALLOWED, ""));
    assert_eq!(refusal(address, Version::HTTP_2, "/silent/ws").await, (405, String::new()));
}

#[tokio::test]
async fn each_refusal_has_its_status_and_text() {
    let address = start(Router::new().route("/ws", any(echo))).await;
    let get = |version| http::Request::get(format!("http://{address}/ws")).version(version);
    let host = |builder: http::request::Builder| builder.header("Host", "localhost");
    let version = "sec-websocket-version";
    let connect = || extended_connect(address, "websocket");
    for (status, says, request) in [
        (426, "header Upgrade is missing", host(get(Version::HTTP_11))),
        (426, "", host(get(Version::HTTP_11)).method(Method::HEAD)),
        (405, "request method is POST, where GET is expected", upgrade().method(Method::POST)),
        (400, "Connection", set(upgrade(), "connection", "close")),
        (400, "Sec-WebSocket-Key", set(upgrade(), "sec-websocket-key", "short")),
        (426, "Sec-WebSocket-Version", set(upgrade(), version, "8")),
        (400, "Content-Length", set(upgrade(), "content-length", "2")),
        (400, "Sec-WebSocket-Protocol", set(upgrade(), "sec-websocket-protocol", "a, a")),
        (400, "Sec-WebSocket-Extensions", set(upgrade(), "sec-websocket-extensions", "=")),
        (505, "HTTP/1.0", upgrade().version(Version::HTTP_10)),
        (400, "request method is GET, where an extended CONNECT is expected", get(Version::HTTP_2)),
        (501, "connect-udp", extended_connect(address, "connect-udp")),
        (400, "Sec-WebSocket-Version", set(connect(), version, "8")),
        (400, "Sec-WebSocket-Protocol", set(connect(), "sec-websocket-protocol", "a, a")),
    ] {
        let (answer, text) = ask(address, request.body(Empty::new()).unwrap()).await;
        assert_eq!(answer.status, status, "{text}");
        assert!(text.contains(says), "{says}: {text}");
        let is_there = |name: &str| answer.headers.contains_key(name);
        assert_eq!(is_there("upgrade"), status == 426, "{text}");
        assert_eq!(is_there("allow"), status == 405, "{text}");
        assert_eq!(is_there(version), status == 426 || says == "Sec-WebSocket-Version", "{text}");
    }
}

#[tokio::test]
async fn an_application_refuses_by_origin_or_by_an_answer_of_its_own() {
    async fn route(
        State(policy): State<OriginPolicy>,
        Path(room): Path<String>,
        upgrade: WebSocketUpgrade,
        Extension(greeting): Extension<&'static str>,
        // A body can only be last.
        body: Bytes,
    ) -> Result<Response, Rejection> {
        assert!(body.is_empty());
        if room == "secret" {
            // The upgrade is dropped.
            return Ok((StatusCode::UNAUTHORIZED, "who are you?").into_response());
        }
        let upgrade = if room == "own" { upgrade.origin(&policy)? } else { upgrade };
        let upgrade = upgrade.subprotocols(&["other", "chat"]);
        Ok(upgrade.on_open(async move |mut socket| socket.send(greeting).await).into_response())
    }

    let app = Router::new()
        .route("/{room}", any(route))
        .layer(Extension("welcome"))
        .with_state(OriginPolicy::same_origin());
    let address = start(app).await;
    for version in BOTH {
        let mut socket = connect(address, version, "/open").await.unwrap();
        assert_eq!(socket.protocol(), "chat");
        assert_eq!(socket.recv().await.unwrap(), Some("welcome".into()));
        assert_eq!(socket.recv().await.unwrap(), None);
        assert_eq!(socket.closed().unwrap().code, 1000);

        let (status, text) = refusal(address, version, "/own").await;
        assert_eq!(status, 403);
        assert!(text.contains("https://example.com"), "{text}");
        let answer = refusal(address, version, "/secret").await;
        assert_eq!(answer, (401, "who are you?".to_owned()));
    }
}

#[tokio::test]
async fn a_route_may_serve_a_page_as_well() {
    async fn route(upgrade: Option<WebSocketUpgrade>) -> Response {
        match upgrade {
            Some(upgrade) => echo(upgrade).await.into_response(),
            None => Html("a page").into_response(),
        }
    }

    let address = start(Router::new().route("/ws", any(route))).await;
    for version in BOTH {
        let page = http::Request::get(format!("http://{address}/ws")).version(version);
        let page =
            page.header("Host", address.to_string()).header("Upgrade-Insecure-Requests", "1");
        let (answer, text) = ask(address, page.body(Empty::new()).unwrap()).await;
        assert_eq!((answer.status, &*text), (StatusCode::OK, "a page"));
        let mut socket = connect(address, version, "/ws").await.unwrap();
        assert!(socket.recv().await.unwrap().is_some());
    }
    let http2c = http::Request::get("/ws").header("Host", "localhost").header("Upgrade", "h2c");
    assert_eq!(ask(address, http2c.body(Empty::new()).unwrap()).await.1, "a page");
    // What asks for a WebSocket, and in a wrong form, does not get the page.
    let mut malformed = upgrade().body(Empty::new()).unwrap();
    malformed.headers_mut().remove(header::SEC_WEBSOCKET_KEY);
    assert_eq!(ask(address, malformed).await.0.status, 400);
    let other = extended_connect(address, "connect-udp").body(Empty::new()).unwrap();
    assert_eq!(ask(address, other).await.0.status, 501);
}

#[tokio::test]
async fn a_route_may_answer_a_rejection_itself() {
    async fn route(upgrade: Result<WebSocketUpgrade, Rejection>) -> Response {
        match upgrade {
            Ok(upgrade) => echo(upgrade).await.into_response(),
            Err(rejection) => {
                (StatusCode::IM_A_TEAPOT, rejection.status().to_string()).into_response()
            }
        }
    }

    let address = start(Router::new().route("/ws", any(route))).await;
    for (version, told) in BOTH.into_iter().zip(["426", "400"]) {
        let page = http::Request::get(format!("http://{address}/ws")).version(version);
        let page = page.header("Host", address.to_string());
        let (answer, text) = ask(address, page.body(Empty::new()).unwrap()).await;
        assert_eq!((answer.status, &*text), (StatusCode::IM_A_TEAPOT, told));
        connect(address, version, "/ws").await.unwrap();
    }
}

#[tokio::test]
async fn nested_routers_and_their_layers_let_it_through() {
    async fn mark(request: Request, next: Next) -> Response {
        let mut response = next.run(request).await;
        response.headers_mut().insert("x-layer", "seen".parse().unwrap());
        response
    }

    let inner = Router::new().route("/ws", any(echo)).layer(middleware::from_fn(mark));
    let app = Router::new()
        .nest("/api", inner)
        .fallback(async || (StatusCode::NOT_FOUND, "nothing here"))
        .layer(middleware::from_fn(mark));
    let address = start(app).await;
    for version in BOTH {
        let mut socket = connect(address, version, "/api/ws").await.unwrap();
        assert!(socket.recv().await.unwrap().is_some());
        let answer = refusal(address, version, "/ws").await;
        assert_eq!(answer, (404, "nothing here".to_owned()));
    }
}

#[tokio::test]
async fn a_layer_that_replaces_the_response_is_told_to_on_error() {
    async fn replace(request: Request, next: Next) -> Response {
        drop(next.run(request).await);
        (StatusCode::SERVICE_UNAVAILABLE, "not today").into_response()
    }

    let (reports, mut reported) = mpsc::unbounded_channel();
    let route = async move |upgrade: WebSocketUpgrade| {
        reporting(upgrade, reports).on_open(async |mut socket| socket.recv().await.map(drop))
    };
    let app = Router::new().route("/ws", any(route)).layer(middleware::from_fn(replace));
    let address = start(app).await;
    for version in BOTH {
        assert_eq!(refusal(address, version, "/ws").await, (503, "not today".to_owned()));
        let error = next(&mut reported).await;
        // hyper hands out the stream of HTTP/1.1 when the connection has ended.
        match version {
            Version::HTTP_2 => assert!(matches!(error, UpgradeError::Open { .. }), "{error}"),
            _ => assert!(matches!(error, UpgradeError::Connection { .. }), "{error}"),
        }
    }
}

#[tokio::test]
async fn what_goes_wrong_after_the_answer_is_told_to_on_error() {
    async fn route(
        State(reports): State<mpsc::UnboundedSender<UpgradeError>>,
        Path(way): Path<String>,
        upgrade: WebSocketUpgrade,
    ) -> impl IntoResponse {
        let upgrade = reporting(upgrade, reports);
        if way == "rejected" {
            let upgrade = upgrade.acceptance(Acceptance::new().subprotocol("never-offered"));
            return upgrade.on_open(async |_| Ok(()));
        }
        upgrade.on_open(async move |mut socket| {
            assert!(way != "panic", "for the test");
            if way == "error" {
                return Err(std::io::Error::other("for the test").into());
            }
            socket.recv().await.map(drop)
        })
    }

    let (reports, mut reported) = mpsc::unbounded_channel();
    let address = start(Router::new().route("/{way}", any(route)).with_state(reports)).await;
    for version in BOTH {
        for (way, told) in [
            ("error", "/error: transport failed: for the test"),
            ("panic", "/panic: application panicked: for the test"),
        ] {
            let mut socket = connect(address, version, &format!("/{way}")).await.unwrap();
            assert_eq!(socket.recv().await.unwrap(), None);
            assert_eq!(socket.closed().unwrap().code, 1011);
            let error = next(&mut reported).await.to_string();
            assert!(error.ends_with(told), "{error}");
        }
        let (status, _) = refusal(address, version, "/rejected").await;
        assert_eq!(status, 500);
        let error = next(&mut reported).await;
        assert!(matches!(error, UpgradeError::Rejected { .. }), "{error}");
        // A client that breaks off.
        drop(connect(address, version, "/wait").await.unwrap());
        let error = next(&mut reported).await;
        assert!(matches!(error, UpgradeError::Connection { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_second_extractor_of_a_request_is_refused() {
    async fn route(first: WebSocketUpgrade, _: WebSocketUpgrade) -> impl IntoResponse {
        echo(first).await
    }

    let address = start(Router::new().route("/ws", any(route))).await;
    for version in BOTH {
        let (status, text) = refusal(address, version, "/ws").await;
        assert_eq!(status, 500);
        assert!(text.contains("make one WebSocketUpgrade of a request"), "{text}");
    }
}

/// A server of HTTP/3 has to make the WebSocket by itself.
#[tokio::test]
async fn a_request_over_http_3_is_judged_as_one() {
    let app = Router::new().route("/ws", any(echo));
    let address = "127.0.0.1:80".parse().unwrap();
    let request = extended_connect(address, "websocket").version(Version::HTTP_3);
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    // It is a valid request of RFC 9220, but hyper has no stream of it.
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(text.starts_with(b"request cannot be upgraded: "), "{text:?}");
}

#[tokio::test]
async fn without_a_server_it_says_that_nothing_can_be_upgraded() {
    let app = Router::new().route("/ws", any(echo));
    let address = "127.0.0.1:80".parse().unwrap();
    for request in [upgrade(), extended_connect(address, "websocket")] {
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let text = response.into_body().collect().await.unwrap().to_bytes();
        assert!(
            text.starts_with(b"request cannot be upgraded: serve the connection with upgrades")
        );
    }
}

#[tokio::test]
async fn a_graceful_shutdown_closes_open_sockets_and_waits_for_them() {
    async fn route(
        State(shutdown): State<Shutdown>,
        upgrade: WebSocketUpgrade,
    ) -> impl IntoResponse {
        echo(upgrade.shut_down_on(&shutdown)).await
    }

    let shutdown = Shutdown::new();
    let app = Router::new().route("/ws", any(route)).with_state(shutdown.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = axum::serve(listener, app).with_graceful_shutdown(shutdown.begun());
    let serving = tokio::spawn(serving.into_future());
    let mut sockets = Vec::new();
    for version in BOTH {
        let mut socket = connect(address, version, "/ws").await.unwrap();
        assert!(socket.recv().await.unwrap().is_some());
        sockets.push(socket);
    }
    shutdown.begin(1001, "").unwrap();
    let ended = tokio::spawn(shutdown.ended());
    for mut socket in sockets {
        // A socket that nobody reads is not closed by both ends yet.
        assert!(!ended.is_finished());
        assert_eq!(socket.recv().await.unwrap(), None);
        assert_eq!(socket.closed().unwrap().code, 1001);
    }
    timeout(LONG, ended).await.unwrap().unwrap();
    timeout(LONG, serving).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

/// In one thread, a task that was spawned does not run before this one waits.
#[tokio::test]
async fn a_shutdown_waits_for_a_socket_that_is_yet_to_come() {
    async fn route(
        State((shutdown, upgrades)): State<(Shutdown, mpsc::UnboundedSender<OnUpgrade>)>,
        upgrade: WebSocketUpgrade,
    ) -> impl IntoResponse {
        assert!(!shutdown.has_begun());
        let (response, upgrade) = upgrade.shut_down_on(&shutdown).accept().unwrap();
        upgrades.send(upgrade).unwrap();
        response
    }

    for version in BOTH {
        let shutdown = Shutdown::new();
        let (upgrades, mut upgraded) = mpsc::unbounded_channel();
        let app = Router::new().route("/ws", any(route)).with_state((shutdown.clone(), upgrades));
        let address = start(app).await;
        let mut client = connect(address, version, "/ws").await.unwrap();
        let upgrade = upgraded.recv().await.unwrap();
        shutdown.begin(1001, "").unwrap();
        assert!(shutdown.ended().now_or_never().is_none());
        let mut socket = upgrade.await.unwrap();
        let (received, closed) = tokio::join!(socket.recv(), client.recv());
        assert_eq!((received.unwrap(), closed.unwrap()), (None, None));
        assert!(shutdown.ended().now_or_never().is_none());
        drop(socket);
        assert!(shutdown.ended().now_or_never().is_some());
    }

    let shutdown = Shutdown::new();
    let ended = shutdown.clone();
    let route = async move |upgrade: WebSocketUpgrade| {
        let response = upgrade.shut_down_on(&shutdown).on_open(async |_| Ok(()));
        shutdown.begin(1001, "").unwrap();
        assert!(shutdown.ended().now_or_never().is_none());
        response
    };
    let address = start(Router::new().route("/ws", any(route))).await;
    let mut client = connect(address, Version::HTTP_11, "/ws").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), None);
    timeout(LONG, ended.ended()).await.unwrap();
}
