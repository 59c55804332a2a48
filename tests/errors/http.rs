//! WebSockets in HTTP servers and over HTTP clients.

use core::convert::Infallible;

use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sanswire::handshake::{Acceptance, ClientRequest};
use sanswire::io::HttpError;
use sanswire::io::hyper::{UpgradeError, WebSocketUpgrade, connect_http1, connect_http2};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error};
use tokio::io::duplex;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::table::{NOTHING, Shown, Table};

pub(crate) fn all(table: &mut Table) {
    table.group(
        "WebSockets of HTTP servers and clients",
        "From `io::hyper` and `io::axum`. `UpgradeError` is for `WebSocketUpgrade::on_error`; the path \
         of the request stands in front.",
    );
    let mut request = Request::get("/chat").header("host", "h").header("upgrade", "websocket");
    for (name, value) in [
        ("connection", "upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ] {
        request = request.header(name, value);
    }
    let rejection = WebSocketUpgrade::new(&mut request.body(()).unwrap()).unwrap_err();
    let told = rejection.status().to_string();
    let cause = "the request opens no WebSocket, or the server cannot upgrade the connection";
    table.single(
        "Rejection",
        &rejection,
        cause,
        told,
        "look at the text; it turns into the answer",
    );
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (client_errors, server_errors) = runtime.block_on(provoked());
    for ((error, cause), remedy) in client_errors.into_iter().zip([
        "look whether the server runs, and at the task of the connection",
        "enable extended CONNECT in the server, or use HTTP/1.1",
        "drive the connection of the client by `with_upgrades`",
    ]) {
        let Error::Http { error: inner, url } = &error else { panic!("{error}") };
        // What hyper says may change with it.
        let (HttpError::ExtendedConnect(words)
        | HttpError::Request(words)
        | HttpError::Upgrade(words)) = inner
        else {
            panic!("{inner}")
        };
        let shown = |text: String| Shown(text.replace(&words.to_string(), "(what hyper says)"));
        let name = format!("HttpError::{}", format!("{inner:?}").split('(').next().unwrap());
        table.single("Error::Http", &shown(error.to_string()), cause, NOTHING, remedy);
        table.single(&name, &shown(inner.to_string()), cause, NOTHING, "see `Error::Http`");
        assert!(url.is_some());
    }
    for (error, (cause, told, remedy)) in server_errors.into_iter().zip([
        (
            "the application chooses what the client did not offer",
            "500",
            "choose among what the request offers",
        ),
        ("the handler returns an error", "1011", "look at the error in it"),
        ("the handler panics", "1011", "fix the application; the others go on"),
        (
            "the response was made, and no stream came",
            NOTHING,
            "serve connections with upgrades, and let the response through as it is",
        ),
    ]) {
        if let UpgradeError::Open { .. } = error {
            let text = error.to_string();
            let (before, after) =
                (text.find("handshake: ").unwrap(), text.find(": serve").unwrap());
            let text = format!("{}handshake: (what hyper says){}", &text[..before], &text[after..]);
            table.single("UpgradeError::Open", &Shown(text), cause, told, remedy);
        } else {
            table.variant("UpgradeError", &error, cause, told, remedy);
        }
    }
}

/// What clients get, with the cause, and what servers report.
async fn provoked() -> (Vec<(Error, &'static str)>, Vec<UpgradeError>) {
    let (told, mut errors) = unbounded_channel();
    let mut client_errors = Vec::new();
    let config = Config::default();
    let chat = ClientRequest::new("example.com", "/chat?token=secret").unwrap();
    let (stream, _) = duplex(1 << 10);
    let (mut send, connection) = http1(stream).await;
    drop(connection);
    let failed = connect_http1(&chat, &config, |request| send.send_request(request));
    let cause = "the connection ends before the server has answered";
    client_errors.push((failed.await.unwrap_err(), cause));
    let (stream, served) = duplex(1 << 10);
    let service =
        service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
    let builder = server::conn::http2::Builder::new(TokioExecutor::new());
    tokio::spawn(builder.serve_connection(TokioIo::new(served), service));
    let (mut send, connection) = client::conn::http2::handshake::<_, _, Empty<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let failed = connect_http2(&chat, &config, |request| send.send_request(request));
    let cause = "the server does not allow extended CONNECT, or the connection ends before it has \
                 answered";
    client_errors.push((failed.await.unwrap_err(), cause));
    let (mut send, connection) = http1(serve(&told, true)).await;
    tokio::spawn(connection);
    let failed = connect_http1(&chat, &config, |request| send.send_request(request));
    let cause = "hyper does not hand the connection over";
    client_errors.push((failed.await.unwrap_err(), cause));
    let mut server_errors = Vec::new();
    for path in ["/rejected", "/fail", "/panic"] {
        let (mut send, connection) = http1(serve(&told, true)).await;
        tokio::spawn(connection.with_upgrades());
        let request = ClientRequest::new("example.com", path).unwrap();
        let opened = connect_http1(&request, &config, |request| send.send_request(request)).await;
        if let Ok(mut socket) = opened {
            assert_eq!(socket.recv().await.unwrap(), None);
            assert_eq!(socket.closed().unwrap().code, 1011);
        }
        // That of "/chat" is told of its client, which did not take the connection.
        loop {
            let error = errors.recv().await.unwrap();
            if error.to_string().starts_with(path) {
                server_errors.push(error);
                break;
            }
        }
    }
    let (mut send, connection) = http1(serve(&told, false)).await;
    tokio::spawn(connection.with_upgrades());
    let socket =
        connect_http1(&chat, &Config::default(), |request| send.send_request(request)).await;
    server_errors.push(errors.recv().await.unwrap());
    drop(socket);
    (client_errors, server_errors)
}

type Http1<S> = (
    client::conn::http1::SendRequest<Empty<Bytes>>,
    client::conn::http1::Connection<TokioIo<S>, Empty<Bytes>>,
);

async fn http1(stream: tokio::io::DuplexStream) -> Http1<tokio::io::DuplexStream> {
    client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap()
}

/// Serves a connection, of which this is the client's end.
fn serve(told: &UnboundedSender<UpgradeError>, upgrades: bool) -> tokio::io::DuplexStream {
    let (stream, served) = duplex(1 << 10);
    let told = told.clone();
    let service = service_fn(move |request| {
        let answer = route(request, told.clone());
        async { Ok::<_, Infallible>(answer) }
    });
    let serving =
        server::conn::http1::Builder::new().serve_connection(TokioIo::new(served), service);
    tokio::spawn(
        async move { if upgrades { serving.with_upgrades().await } else { serving.await } },
    );
    stream
}

fn route(
    mut request: Request<Incoming>,
    told: UnboundedSender<UpgradeError>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let upgrade = WebSocketUpgrade::new(&mut request).unwrap();
    let upgrade = upgrade.on_error(move |error| drop(told.send(error)));
    match &*path {
        "/rejected" => upgrade.acceptance(Acceptance::new().subprotocol("chat")).on_open(fail),
        "/panic" => upgrade.on_open(async |_| panic!("index out of range")),
        _ => upgrade.on_open(fail),
    }
}

async fn fail(_: WebSocket<NetStream>) -> Result<(), Error> {
    Err(std::io::Error::other("no database").into())
}
