//! Echo servers in a process of their own: accepts, does the same small handshake for everybody,
//! and hands over; knows no frames.

use std::io::{BufRead, Read, Write};
use std::sync::Arc;

use sanswire::handshake::encode_accept;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{Server, Start, Tuning};
use crate::peers::PEERS;

/// Runs a server until the standard input ends. Tells its port on the standard output, and how much
/// is on the heap whenever a line comes in.
pub fn run(name: &str, tuning: Tuning, heap: fn() -> usize) {
    let server = find(name).unwrap_or_else(|| panic!("there is no server {name}"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines() {
            println!("{}", heap());
        }
        std::process::exit(0);
    });
    match server.start {
        Start::Blocking(start) => blocking(&listener, Some(start), start),
        Start::RawBlocking(start) => blocking(&listener, None, start),
        Start::RawTokio(start) => tokio(listener, move |stream, _| start(stream), tuning),
        Start::Tokio(start) => tokio(
            listener,
            move |mut stream, tuning| {
                drop(tokio::spawn(async move {
                    if accept(&mut stream).await.is_some() {
                        start(stream, tuning);
                    }
                }));
            },
            tuning,
        ),
    }
}

/// Returns the server of that name.
#[must_use]
pub fn find(name: &str) -> Option<Server> {
    PEERS.iter().flat_map(|peer| peer.servers()).find(|server| server.row.name == name)
}

fn blocking(
    listener: &std::net::TcpListener,
    handshakes: Option<fn(std::net::TcpStream)>,
    start: fn(std::net::TcpStream),
) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        std::thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(move || {
                if handshakes.is_none() || accept_blocking(&mut stream).is_some() {
                    start(stream);
                }
            })
            .unwrap();
    }
}

/// One thread: the server has one core.
fn tokio(
    listener: std::net::TcpListener,
    start: impl Fn(tokio::net::TcpStream, Tuning),
    tuning: Tuning,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            start(stream, tuning);
        }
    });
}

async fn accept(stream: &mut tokio::net::TcpStream) -> Option<()> {
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    stream.write_all(response(&head)?.as_bytes()).await.ok()
}

fn accept_blocking(stream: &mut std::net::TcpStream) -> Option<()> {
    let mut head = Vec::with_capacity(512);
    let mut buf = [0; 512];
    while !head.ends_with(b"\r\n\r\n") {
        let len = stream.read(&mut buf).ok()?;
        head.extend_from_slice(buf.get(..len).filter(|read| !read.is_empty())?);
    }
    stream.write_all(response(&head)?.as_bytes()).ok()
}

/// Returns the answer to a request.
fn response(head: &[u8]) -> Option<String> {
    let key = core::str::from_utf8(head)
        .ok()?
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))?
        .1
        .trim();
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        encode_accept(key)
    ))
}

/// Names all servers.
#[must_use]
pub fn servers() -> Arc<[Server]> {
    PEERS.iter().flat_map(|peer| peer.servers()).collect()
}
