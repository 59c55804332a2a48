//! The load of an echo server, in a process of its own: prepared bytes out, replies counted. Knows
//! frames only as bytes that it has prepared.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use std::io::Read;
use std::rc::Rc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::ideal::put_header;
use crate::process::cpu_ticks;
use crate::wire::{Content, push_masked};

/// What is asked of a server.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub port: u16,
    /// The server's process.
    pub pid: u32,
    pub connections: usize,
    pub size: usize,
    /// How many messages of a connection are under way at once.
    pub window: usize,
    pub time: Duration,
    /// Whether the server echoes bytes and knows no frames.
    pub is_raw: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Parts of messages count, too.
    pub messages: f64,
    pub seconds: f64,
    /// Of the server.
    pub cpu_ticks: u64,
}

/// Messages as they are sent, and as they come back.
struct Exchange {
    sent: Vec<u8>,
    /// The length of each sent frame.
    frame_len: usize,
    echoed: Vec<u8>,
    /// The length of each reply.
    reply_len: usize,
}

impl Exchange {
    fn new(load: &Load) -> Self {
        let (mut sent, mut echoed) = (Vec::new(), Vec::new());
        for index in 0..load.window {
            let payload = Content::Binary.payload(load.size, index);
            let key = (index as u32 + 1).wrapping_mul(0x9e37_79b9).to_le_bytes();
            push_masked(&mut sent, 0x82, &payload, key);
            if !load.is_raw {
                put_header(&mut echoed, 0x82, payload.len(), None);
                echoed.extend_from_slice(&payload);
            }
        }
        if load.is_raw {
            echoed.clone_from(&sent);
        }
        let (frame_len, reply_len) = (sent.len() / load.window, echoed.len() / load.window);
        Self { sent, frame_len, echoed, reply_len }
    }
}

/// Checks the server byte by byte, then loads it.
#[must_use]
pub fn run(load: Load) -> Outcome {
    local(async move {
        let exchange = Rc::new(Exchange::new(&load));
        let streams = connect(&load).await;
        let checks: Vec<_> = streams
            .into_iter()
            .map(|stream| spawn_local(check(stream, Rc::clone(&exchange))))
            .collect();
        let reply_len = exchange.reply_len as f64;
        let count = Rc::new(Cell::new(0));
        let buf = Rc::new(RefCell::new(vec![0; 256 << 10]));
        let mut checked = Vec::new();
        for check in checks {
            checked.push(check.await.expect("a reply is not what was sent"));
        }
        for stream in checked {
            let (exchange, count, buf) = (Rc::clone(&exchange), Rc::clone(&count), Rc::clone(&buf));
            spawn_local(pump(stream, exchange, load.window, count, buf));
        }
        // Buffers grow, windows open.
        sleep(load.time / 5).await;
        let (begin, before, ticks) = (Instant::now(), count.get(), cpu_ticks(load.pid));
        sleep(load.time).await;
        Outcome {
            messages: (count.get() - before) as f64 / reply_len,
            seconds: begin.elapsed().as_secs_f64(),
            cpu_ticks: cpu_ticks(load.pid) - ticks,
        }
    })
}

/// Opens connections, has one message echoed on each, and keeps them until the standard input ends.
pub fn hold(load: Load) {
    local(async move {
        let exchange = Rc::new(Exchange::new(&load));
        let mut idle = Vec::new();
        for _ in 0..load.connections {
            let stream = connect_one(&load).await;
            idle.push(check(stream, Rc::clone(&exchange)).await);
        }
        println!("idle");
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
    });
}

fn local<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, future)
}

async fn connect(load: &Load) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..load.connections {
        streams.push(connect_one(load).await);
    }
    streams
}

async fn connect_one(load: &Load) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", load.port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    if !load.is_raw {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n",
            load.port
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut head).await.unwrap() > 0, "the handshake failed");
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "the handshake failed");
    }
    stream
}

/// Sends all messages once; what comes back must be the same.
async fn check(mut stream: TcpStream, exchange: Rc<Exchange>) -> TcpStream {
    let mut echoed = vec![0; exchange.echoed.len()];
    let (mut reader, mut writer) = stream.split();
    let (written, read) =
        tokio::join!(writer.write_all(&exchange.sent), reader.read_exact(&mut echoed));
    written.unwrap();
    let _ = read.unwrap();
    assert!(echoed == exchange.echoed, "a reply is not what was sent");
    stream
}

/// Keeps a window of messages under way, for ever, and counts the bytes that come back.
async fn pump(
    mut stream: TcpStream,
    exchange: Rc<Exchange>,
    window: usize,
    count: Rc<Cell<u64>>,
    buf: Rc<RefCell<Vec<u8>>>,
) {
    // Where in `sent` to go on, and how much there is to send.
    let (mut at, mut left) = (0, window * exchange.frame_len);
    // What has come of the next reply.
    let mut partial = 0;
    poll_fn(|cx| {
        loop {
            let mut is_stuck = true;
            while left > 0 {
                let end = exchange.sent.len().min(at + left);
                match Pin::new(&mut stream).poll_write(cx, &exchange.sent[at..end]) {
                    Poll::Ready(written) => {
                        let len = written.unwrap();
                        at = (at + len) % exchange.sent.len();
                        left -= len;
                        is_stuck = false;
                    }
                    Poll::Pending => break,
                }
            }
            let mut buf = buf.borrow_mut();
            let mut buf = ReadBuf::new(&mut buf);
            if let Poll::Ready(read) = Pin::new(&mut stream).poll_read(cx, &mut buf) {
                read.unwrap();
                assert!(!buf.filled().is_empty(), "the server closed the connection");
                count.set(count.get() + buf.filled().len() as u64);
                partial += buf.filled().len();
                let replies = partial / exchange.reply_len;
                partial %= exchange.reply_len;
                left += replies * exchange.frame_len;
                is_stuck = false;
            }
            if is_stuck {
                return Poll::<()>::Pending;
            }
        }
    })
    .await;
}
