//! The server of tokio, over TCP on the loopback.
#![expect(
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

#[path = "server/limits.rs"]
mod limits;
#[path = "server/panics.rs"]
mod panics;
#[path = "server/shutdown.rs"]
mod shutdown;

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[cfg(feature = "ring")]
use sanswire::handshake::ClientRequest;
use sanswire::handshake::{Acceptance, HandshakeError, HeadLimits, Request, Response};
#[cfg(feature = "ring")]
use sanswire::io::Connector;
use sanswire::io::tokio::Server;
use sanswire::io::tokio::server::{Peer, ServerError, ServerHandle, Stats};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{CloseCode, Config, ConnectionError, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::support::REQUEST;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

/// A server that runs.
struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    serving: JoinHandle<Stats>,
    errors: Errors,
}

/// What a server has reported.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl Errors {
    fn push(&self, error: &ServerError) {
        self.0.lock().unwrap().push(error.to_string());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Running {
    /// Binds a server to a free port, and has `serve` start it.
    async fn start<F>(serve: impl FnOnce(Server) -> F) -> Self
    where
        F: Future<Output = Stats> + Send + 'static,
    {
        let errors = Errors::default();
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let (address, handle) = (server.local_addr().unwrap(), server.handle());
        let server = server.on_error({
            let errors = errors.clone();
            move |error| errors.push(&error)
        });
        Self { address, handle, serving: tokio::spawn(serve(server)), errors }
    }

    async fn connect(&self) -> WebSocket<impl Client> {
        self.connect_to("/").await.unwrap()
    }

    async fn connect_to(&self, path: &str) -> Result<WebSocket<impl Client>, Error> {
        WebSocket::connect(&format!("ws://{}{path}", self.address)).await
    }

    /// Opens a bare stream.
    async fn stream(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request over a bare stream, and reads what comes until the end.
    async fn answer_to(&self, request: &[u8]) -> String {
        let mut stream = self.stream().await;
        stream.write_all(request).await.unwrap();
        read_all(&mut stream).await
    }

    /// Waits until the figures are as wanted.
    async fn until(&self, wanted: impl Fn(&Stats) -> bool) {
        until(&self.handle, wanted).await;
    }

    /// Shuts the server down, and returns its figures.
    async fn stop(self) -> Stats {
        self.handle.shut_down(1001, "", LONG).unwrap();
        let stats = timeout(LONG, self.serving).await.unwrap().unwrap();
        assert_sums(&stats);
        assert!(TcpStream::connect(self.address).await.is_err(), "it still listens");
        stats
    }
}

/// The stream of a client of these tests.
trait Client: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static> Client for S {}

async fn until(handle: &ServerHandle, wanted: impl Fn(&Stats) -> bool) {
    let waiting = async {
        while !wanted(&handle.stats()) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(timeout(LONG, waiting).await.is_ok(), "{:?}", handle.stats());
}

/// Each accepted connection is in one figure.
#[track_caller]
fn assert_sums(stats: &Stats) {
    let now = stats.handshakes + stats.connections;
    let ended = stats.closed + stats.failed + stats.panicked + stats.aborted;
    let never_open = stats.refused + stats.over_limit + stats.handshakes_failed;
    assert_eq!(now + ended + never_open, stats.accepted, "{stats:?}");
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = timeout(LONG, stream.read_to_end(&mut all)).await.unwrap();
    // A connection that is dropped may be reset.
    drop(read);
    String::from_utf8(all).unwrap()
}

async fn echo(mut socket: WebSocket<NetStream>) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

#[tokio::test]
async fn each_connection_is_served_until_it_closes() {
    let server = Running::start(|server| server.serve(echo)).await;
    let mut clients = Vec::new();
    for number in 0..10 {
        let mut client = server.connect().await;
        client.send(format!("number {number}")).await.unwrap();
        clients.push(client);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let expected = format!("number {number}");
        assert_eq!(client.recv().await.unwrap(), Some(expected.into()));
    }
    let stats = server.handle.stats();
    assert_eq!((stats.accepted, stats.opened, stats.connections), (10, 10, 10));
    assert_sums(&stats);
    for mut client in clients {
        client.close(1000, "").await.unwrap();
    }
    server.until(|stats| stats.closed == 10 && stats.connections == 0).await;
    assert_eq!(server.errors.take(), [""; 0]);
    let stats = server.stop().await;
    assert_eq!((stats.closed, stats.accepted), (10, 10));
}

#[tokio::test]
async fn a_server_and_its_handle_are_printed_with_what_can_be_seen_from_outside() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let (address, handle) = (server.local_addr().unwrap(), server.handle());
    let debug = format!("{server:?}");
    assert!(debug.starts_with("Server { listener: ") && debug.contains(&address.to_string()));
    assert_eq!(
        format!("{handle:?}"),
        format!("ServerHandle {{ stats: {:?}, .. }}", handle.stats())
    );
}

#[cfg(feature = "ring")]
#[tokio::test]
async fn a_server_over_tls_serves_clients_that_speak_it() {
    let authority = crate::tls::Authority::new();
    let identity = authority.issue("127.0.0.1");
    let server = Running::start(|server| server.tls(identity.server()).serve(echo)).await;
    let connector = Connector::new().tls(authority.client());
    let request = ClientRequest::from_url(&format!("wss://{}/", server.address)).unwrap();
    let connecting = WebSocket::connect_via(&connector, &request, &Config::default());
    let mut socket = connecting.await.unwrap();
    assert!(socket.stream().is_tls());
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some("hello".into()));
    socket.close(1000, "").await.unwrap();
    assert!(server.errors.take().is_empty());
    assert!(server.connect_to("/").await.is_err());
    server.until(|stats| stats.handshakes_failed == 1).await;
    let errors = server.errors.take();
    assert!(errors[0].contains("does not speak TLS"), "{errors:?}");
    server.stop().await;
}

#[tokio::test]
async fn closures_share_what_they_capture() {
    let users = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&users);
    let greeting: Arc<str> = "hello".into();
    let server = Running::start(|server| {
        server.serve_with(
            async move |request: Request, peer: Peer| {
                let Some(user) = request.query() else {
                    return Err(Response::new(401).text("sign in first\n"));
                };
                // A decision may wait.
                tokio::task::yield_now().await;
                assert!(peer.address.unwrap().ip().is_loopback());
                users.lock().unwrap().push(user.to_owned());
                Ok((Acceptance::new(), user.to_owned()))
            },
            async move |mut socket, user| {
                assert!(socket.stream().tcp().unwrap().nodelay().unwrap());
                socket.send(format!("{greeting}, {user}")).await?;
                echo(socket).await
            },
        )
    })
    .await;
    for user in ["Ann", "Bob"] {
        let mut client = server.connect_to(&format!("/?{user}")).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some(format!("hello, {user}").into()));
        client.close(1000, "").await.unwrap();
    }
    let refused = server.connect_to("/").await.map(drop).unwrap_err();
    let Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!((response.status(), &**response.content()), (401, &b"sign in first\n"[..]));
    assert_eq!(*seen.lock().unwrap(), ["Ann", "Bob"]);
    server.until(|stats| stats.refused == 1).await;
    // That is no error.
    assert_eq!(server.errors.take(), [""; 0]);
    assert_eq!(server.stop().await.closed, 2);
}

#[tokio::test]
async fn closures_that_return_futures_serve_as_well() {
    let state = Arc::new(());
    let server = Running::start(|server| {
        let (deciding, handling) = (Arc::clone(&state), state);
        server.serve_with(
            move |_, _| {
                let _state = Arc::clone(&deciding);
                async move { Ok((Acceptance::new(), ())) }
            },
            move |socket, ()| {
                let _state = Arc::clone(&handling);
                echo(socket)
            },
        )
    })
    .await;
    let mut client = server.connect().await;
    client.send("hello").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
    drop(client);
    server.until(|stats| stats.failed == 1).await;
    let errors = server.errors.take();
    assert!(matches!(&*errors, [error] if error.starts_with("127.0.0.1:")), "{errors:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_report_names_the_deadline_that_has_passed() {
    let config = Config::default()
        .write_timeout(Duration::from_millis(50))
        .close_timeout(Duration::from_millis(50));
    let server = Running::start(|server| {
        server.config(config).serve(async |mut socket| {
            loop {
                socket.send(vec![7; 1 << 20]).await?;
            }
        })
    })
    .await;
    let mut stream = server.stream().await;
    stream.write_all(REQUEST).await.unwrap();
    server.until(|stats| stats.failed == 1).await;
    let errors = server.errors.take();
    assert!(matches!(&*errors, [error] if error.contains("Config::write_timeout")), "{errors:?}");
    drop(stream);
}

#[tokio::test]
async fn a_page_is_an_answer() {
    let server = Running::start(|server| {
        server.serve_with(
            async |request: Request, _| match request.headers().get("Upgrade") {
                Some(_) => Ok((Acceptance::new(), request.path().to_owned())),
                None => Err(Response::new(200).text("a page")),
            },
            async |mut socket: WebSocket<NetStream>, path: String| socket.send(path).await,
        )
    })
    .await;
    let page = server.answer_to(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with("a page"), "{page}");
    let mut client = server.connect_to("/chat").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("/chat".into()));
    assert_eq!(client.recv().await.unwrap(), None);
    let stats = server.stop().await;
    assert_eq!((stats.refused, stats.closed), (1, 1));
}

#[tokio::test]
async fn handshakes_that_fail_are_reported_and_spare_connections_are_not() {
    let limits = HeadLimits::default().timeout(Duration::from_millis(50));
    let server = Running::start(|server| server.head_limits(limits).serve(echo)).await;
    let answer = server.answer_to(b"nonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    // Without the header `Upgrade`.
    let answer = server.answer_to(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    // Too slow.
    let answer = server.answer_to(&REQUEST[..20]).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    server.until(|stats| stats.handshakes_failed == 3).await;
    assert_eq!(server.errors.take().len(), 3);
    drop(server.stream().await);
    server.until(|stats| stats.handshakes_failed == 4).await;
    assert_eq!(server.errors.take(), [""; 0]);
    let mut client = server.connect().await;
    client.send("still here").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("still here".into()));
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_server_whose_errors_nobody_wants_goes_on() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let (address, handle) = (server.local_addr().unwrap(), server.handle());
    let serving = tokio::spawn(server.serve(echo));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"no request\r\n\r\n").await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let mut socket = WebSocket::connect(&format!("ws://{address}/")).await.unwrap();
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some("hello".into()));
    socket.close(1000, "").await.unwrap();
    handle.shut_down(1001, "", LONG).unwrap();
    let stats = timeout(LONG, serving).await.unwrap().unwrap();
    assert_eq!((stats.handshakes_failed, stats.opened), (1, 1), "{stats:?}");
}

#[tokio::test]
async fn a_decision_that_takes_too_long_is_dropped_and_the_client_told() {
    let limits = HeadLimits::default().timeout(Duration::from_millis(50));
    let dropped = Arc::new(());
    let held = Arc::clone(&dropped);
    let server = Running::start(|server| {
        server.head_limits(limits).serve_with(
            async move |_, _| {
                let _held = &held;
                pending().await
            },
            async |socket, ()| echo(socket).await,
        )
    })
    .await;
    let answer = server.answer_to(REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    server.until(|stats| stats.handshakes_failed == 1).await;
    // Only the closure itself has it still.
    assert_eq!(Arc::strong_count(&dropped), 2);
    server.stop().await;
}

#[tokio::test]
async fn what_a_handler_leaves_open_is_closed_behind_what_was_queued() {
    let server = Running::start(|server| {
        server.serve(async |mut socket| {
            let received = socket.recv().await?;
            socket.feed("last words").await?;
            match received {
                Some(message) if message.as_text() == Some("fail") => {
                    Err(std::io::Error::other("of the application").into())
                }
                _ => Ok(()),
            }
        })
    })
    .await;
    for (said, code) in [("fail", CloseCode::INTERNAL_ERROR), ("end", CloseCode::NORMAL)] {
        let mut client = server.connect().await;
        client.send(said).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some("last words".into()));
        assert_eq!(client.recv().await.unwrap(), None);
        assert_eq!(client.closed().unwrap().code, code);
    }
    server.until(|stats| stats.connections == 0).await;
    let errors = server.errors.take();
    assert!(matches!(&*errors, [error] if error.contains("of the application")), "{errors:?}");
    let stats = server.stop().await;
    assert_eq!((stats.failed, stats.closed), (1, 1));
}

#[tokio::test]
async fn a_client_that_does_not_answer_the_last_close_is_an_error() {
    let config = Config::default().close_timeout(Duration::from_millis(50));
    let server = Running::start(|server| server.config(config).serve(async |_| Ok(()))).await;
    let silent = server.connect().await;
    server.until(|stats| stats.failed == 1).await;
    let errors = server.errors.take();
    let timeout = ConnectionError::CloseTimeout { limit: Duration::from_millis(50) }.to_string();
    assert!(matches!(&*errors, [error] if error.contains(&timeout)), "{errors:?}");
    drop(silent);
    server.stop().await;
}

#[tokio::test]
async fn a_socket_that_a_handler_gave_to_another_task_closes_with_the_shutdown() {
    let server = Running::start(|server| {
        server.serve(async |socket| {
            tokio::spawn(echo(socket));
            Ok(())
        })
    })
    .await;
    let mut client = server.connect().await;
    server.until(|stats| stats.closed == 1).await;
    client.send("still here").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("still here".into()));
    server.stop().await;
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code, CloseCode::GOING_AWAY);
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_served_and_has_no_address() {
    use sanswire::handshake::ClientRequest;
    use tokio::net::{UnixListener, UnixStream};

    let path = std::env::temp_dir().join(format!("sanswire-server-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let server = Server::new(UnixListener::bind(&path).unwrap()).max_handshakes_per_address(1);
    assert!(server.local_addr().is_err());
    let handle = server.handle();
    let decide = async |_, peer: Peer| {
        assert_eq!(peer.to_string(), "a Unix socket");
        Ok((Acceptance::new(), peer.address.is_none()))
    };
    let serving = tokio::spawn(server.serve_with(decide, async |socket, is_unix| {
        assert!(is_unix && socket.stream().tcp().is_none());
        echo(socket).await
    }));
    let stream = UnixStream::connect(&path).await.unwrap();
    let request = ClientRequest::new("localhost", "/").unwrap();
    let mut client = WebSocket::connect_over(stream, &request, &Config::default()).await.unwrap();
    client.send("hello").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
    handle.shut_down(1001, "", LONG).unwrap();
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(serving.await.unwrap().closed, 1);
    std::fs::remove_file(&path).unwrap();
}
