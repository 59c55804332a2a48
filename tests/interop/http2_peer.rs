//! Both ends of WebSockets over HTTP/2 without TLS, for other implementations:
//!
//! - `http2_peer server`: says where it listens, and serves a page at `/` and an echo at `/chat`.
//! - `http2_peer client ADDRESS`: checks the server of tests/interop/http2_peer.py, and prints a line
//!   for each check.
//! - `http2_peer busy ADDRESS`: keeps 50 sockets of `http2_peer server` busy until its input ends, and
//!   says how many messages came back.
#![expect(
    clippy::print_stdout,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a program of a test ends at what it did not expect"
)]

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt::Debug;
use std::io::{Read, stdin};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{ClientRequest, HandshakeError};
use sanswire::io::hyper::{WebSocketUpgrade, connect_http2};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error, Message};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, LocalSet, spawn_blocking, spawn_local};
use tokio::time::timeout;

type Socket = WebSocket<NetStream>;
type Failure = Box<dyn std::error::Error>;

const SIZES: [usize; 7] = [0, 1, 125, 126, 65_535, 65_536, 1 << 20];
const EMOJI: &str = "Grüße, 😀 👩‍👩‍👧 𝄞 and 日本語";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["server"] => serve().await,
        ["client", address] => LocalSet::new().run_until(check(address)).await,
        ["busy", address] => LocalSet::new().run_until(keep_busy(address)).await,
        _ => Err("http2_peer server | client ADDRESS | busy ADDRESS".into()),
    }
}

async fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on ws://{}/chat", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http2().enable_connect_protocol();
            let io = TokioIo::new(stream);
            let _ = builder.serve_connection_with_upgrades(io, service_fn(route)).await;
        });
    }
}

async fn route(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/chat" {
        return Ok(Response::new(Full::from("<!doctype html><title>Chat</title>")));
    }
    Ok(match WebSocketUpgrade::new(&mut request) {
        Ok(upgrade) => upgrade.deflate(&DeflateConfig::default()).on_open(echo),
        Err(rejection) => rejection.into(),
    })
}

async fn echo(mut socket: Socket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// A connection of HTTP/2.
async fn connection(address: &str) -> Result<SendRequest<Empty<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(send)
}

async fn open(
    send: &mut SendRequest<Empty<Bytes>>,
    request: &ClientRequest,
) -> Result<Socket, Error> {
    let config = Config::default().max_message_size(32 << 20);
    connect_http2(request, &config, |request| send.send_request(request)).await
}

async fn keep_busy(address: &str) -> Result<(), Failure> {
    let mut send = connection(address).await?;
    let (is_over, count) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0_u64)));
    let mut sockets = JoinSet::new();
    for number in 0..50 {
        let mut request = ClientRequest::new(address, "/chat")?;
        if number % 2 == 0 {
            request = request.deflate(&DeflateConfig::default());
        }
        let mut socket = open(&mut send, &request).await?;
        let (is_over, count) = (Rc::clone(&is_over), Rc::clone(&count));
        sockets.spawn_local(async move {
            while !is_over.get() {
                let message = format!("{number} {}", count.get());
                socket.send(&*message).await?;
                let back = socket.recv().await?;
                assert_eq!(back.as_ref().and_then(Message::as_text), Some(&*message));
                count.set(count.get() + 1);
            }
            socket.close(1000, "").await
        });
    }
    println!("busy");
    let over = spawn_blocking(|| stdin().read_to_end(&mut Vec::new()));
    spawn_local(async move {
        let _ = over.await;
        is_over.set(true);
    });
    while let Some(ended) = sockets.join_next().await {
        ended??;
    }
    println!("{} came back", count.get());
    Ok(())
}

/// Prints how a check came out.
async fn run(name: &str, check: impl Future<Output = Result<(), Failure>>) {
    match timeout(Duration::from_secs(20), check).await {
        Ok(Ok(())) => println!("ok      client, hypercorn: {name}"),
        Ok(Err(error)) => println!("FAILED  client, hypercorn: {name}\n        {error}"),
        Err(_) => println!("FAILED  client, hypercorn: {name}\n        it hangs"),
    }
}

fn equal<T: PartialEq + Debug>(found: T, wanted: T) -> Result<(), Failure> {
    if found == wanted {
        return Ok(());
    }
    let shown = |value: T| format!("{value:?}").chars().take(200).collect::<String>();
    Err(format!("found {}, wanted {}", shown(found), shown(wanted)).into())
}

async fn comes_back(socket: &mut Socket, message: Message) -> Result<(), Failure> {
    socket.send(message.clone()).await?;
    equal(socket.recv().await?, Some(message))
}

async fn close(mut socket: Socket) -> Result<(), Failure> {
    socket.close(1000, "").await?;
    let closed = socket.closed().ok_or("not closed")?;
    equal((closed.code.as_u16(), closed.clean), (1000, true))
}

/// Bytes that do not shrink, or that do.
fn data(size: usize, shrinks: bool) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..size).map(|at| if shrinks { b'a' + u8::from(at % 7 == 0) } else { next() }).collect()
}

async fn check(address: &str) -> Result<(), Failure> {
    let mut send = connection(address).await?;
    let request = |path: &str| ClientRequest::new(address, path).unwrap();
    let echo = request("/echo");
    for (request, how) in [
        (echo.clone(), "plain"),
        (echo.clone().deflate(&DeflateConfig::default()), "with deflate"),
        (echo.clone().deflate(&DeflateConfig::default().window_bits(9)), "with 9 bits"),
    ] {
        let name = format!("sizes from 0 to 1 MiB and emoji come back, {how}");
        run(&name, async {
            let mut socket = open(&mut send, &request).await?;
            equal(socket.connection().extensions().is_empty(), how == "plain")?;
            for size in SIZES {
                for shrinks in [false, true] {
                    comes_back(&mut socket, data(size, shrinks).into()).await?;
                }
                comes_back(&mut socket, "é".repeat(size / 2).into()).await?;
            }
            comes_back(&mut socket, EMOJI.into()).await?;
            comes_back(&mut socket, EMOJI.repeat(500).into()).await?;
            close(socket).await
        })
        .await;
        let name = format!("five hundred messages in a row come back in order, {how}");
        run(&name, async {
            let (mut sender, mut receiver) = open(&mut send, &request).await?.split();
            let message = |i: usize| Message::from(data(i * i % 5_000, i.is_multiple_of(3)));
            let sending = async {
                for i in 0..500 {
                    sender.send(message(i)).await?;
                }
                Ok::<_, Error>(())
            };
            let receiving = async {
                for i in 0..500 {
                    equal(receiver.recv().await?, Some(message(i)))?;
                }
                Ok::<_, Failure>(())
            };
            let (sent, received) = tokio::join!(sending, receiving);
            sent?;
            received?;
            close(sender.reunite(receiver).map_err(|_| "not of one socket")?).await
        })
        .await;
    }
    run("twenty sockets on one connection do not mix", async {
        let mut sockets = JoinSet::new();
        for number in 0..20 {
            let mut socket = open(&mut send, &echo).await?;
            sockets.spawn_local(async move {
                for i in 0..20 {
                    comes_back(&mut socket, format!("{number} {i}").into()).await?;
                }
                close(socket).await
            });
        }
        while let Some(ended) = sockets.join_next().await {
            ended??;
        }
        Ok(())
    })
    .await;
    run("its ping is answered", async {
        let mut socket = open(&mut send, &echo).await?;
        socket.ping(b"hi").await?;
        comes_back(&mut socket, "still here".into()).await?;
        equal(socket.connection().round_trip_time().is_some(), true)?;
        close(socket).await
    })
    .await;
    run("the code and the reason of the server are shown", async {
        // hypercorn ends a whole connection if a frame comes for a stream that it has closed, as the
        // answer to its Close may (KeyError in h2.py).
        let mut send = connection(address).await?;
        let mut socket = open(&mut send, &request("/close")).await?;
        equal(socket.recv().await?, None)?;
        let closed = socket.closed().ok_or("not closed")?;
        equal((closed.code.as_u16(), &*closed.reason), (4000, "go away"))
    })
    .await;
    run("the subprotocol that the server chooses is shown", async {
        let offers = request("/subprotocol").subprotocol("v2")?.subprotocol("v1")?;
        let socket = open(&mut send, &offers).await?;
        equal(socket.protocol(), "v1")?;
        close(socket).await
    })
    .await;
    run("a refusal is shown with its status and its body", async {
        let Err(Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. }) =
            open(&mut send, &request("/refuse")).await
        else {
            return Err("not refused".into());
        };
        equal((response.status(), &response.content()[..]), (403, b"members only\n"))
    })
    .await;
    Ok(())
}
