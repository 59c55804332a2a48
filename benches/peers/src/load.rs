//! The load of an echo server, in a process of its own: prepared bytes out, replies counted. Knows
//! frames only as bytes that it has prepared.

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::Instant;

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};

use crate::contestant::Role;
use crate::process;
use crate::wire::{Content, push};

/// What is asked of a server.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Load {
    /// The server's port and process, and whether it echoes bytes and knows no frames.
    pub(crate) port: u16,
    pub(crate) pid: u32,
    pub(crate) is_raw: bool,
    pub(crate) connections: usize,
    pub(crate) size: usize,
    /// How many messages of a connection are under way at once.
    pub(crate) window: usize,
    /// So many messages a second are sent by schedule, whether replies have come or not.
    pub(crate) rate: Option<f64>,
    pub(crate) seconds: f64,
    /// A file with a line for each call that is traced.
    pub(crate) trace: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Parts of messages count, too.
    pub(crate) messages: f64,
    pub(crate) seconds: f64,
    /// What the server used.
    pub(crate) usage: [f64; 3],
    /// Microseconds from when a message was due until its reply was there, by [`QUANTILES`].
    pub(crate) latencies: [f64; 3],
}

pub(crate) const QUANTILES: [f64; 3] = [0.5, 0.99, 0.999];

/// Messages as they are sent, and as they come back; all have one length.
struct Exchange {
    sent: Vec<u8>,
    frame_len: usize,
    echoed: Vec<u8>,
    reply_len: usize,
}

impl Exchange {
    fn new(load: &Load) -> Self {
        let (mut sent, mut echoed) = (Vec::new(), Vec::new());
        for index in 0..load.window {
            let payload = Content::Binary.payload(load.size, index);
            let key = (index as u32 + 1).wrapping_mul(0x9e37_79b9);
            push(&mut sent, Role::Client, 0x82, &payload, key);
            push(&mut echoed, Role::Server, 0x82, &payload, key);
        }
        if load.is_raw {
            echoed.clone_from(&sent);
        }
        let (frame_len, reply_len) = (sent.len() / load.window, echoed.len() / load.window);
        Self { sent, frame_len, echoed, reply_len }
    }
}

struct Connection {
    stream: TcpStream,
    /// Where in `sent` to go on, and how much is to be sent.
    at: usize,
    left: usize,
    /// How many bytes have come back.
    received: usize,
    /// When the messages that are under way were due, if there is a schedule.
    due: VecDeque<Instant>,
}

struct Driver {
    poll: Poll,
    events: Events,
    exchange: Exchange,
    connections: Vec<Connection>,
    buf: Vec<u8>,
    received: u64,
    /// Compares what comes back, until each connection has had all messages once.
    unchecked: usize,
    /// Whether a reply lets the next message go.
    is_closed: bool,
    latencies: Histogram<u64>,
}

/// Checks the server byte by byte, then loads it.
pub(crate) fn run(load: &Load) -> Outcome {
    let mut driver = Driver::new(load);
    driver.check();
    driver.is_closed = load.rate.is_none();
    if driver.is_closed {
        driver.send_window();
    }
    // Buffers grow, windows open.
    driver.go(load, load.seconds / 5.0);
    driver.latencies.reset();
    let usage = || process::usage(load.pid, load.trace.as_deref());
    let (received, before, begin) = (driver.received, usage(), Instant::now());
    driver.go(load, load.seconds);
    let (seconds, after) = (begin.elapsed().as_secs_f64(), usage());
    let messages = (driver.received - received) as f64 / driver.exchange.reply_len as f64;
    // What is late is waited for, or else the slowest replies would not count.
    driver.wait(|driver| driver.connections.iter().all(|connection| connection.due.is_empty()));
    let latency = |quantile| driver.latencies.value_at_quantile(quantile) as f64 / 1e3;
    let usage = core::array::from_fn(|index| after[index] - before[index]);
    Outcome { messages, seconds, usage, latencies: QUANTILES.map(latency) }
}

/// Opens connections, has the messages echoed on each, and keeps them until the standard input
/// ends.
pub(crate) fn hold(load: &Load) {
    let mut driver = Driver::new(load);
    driver.check();
    println!("idle");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

impl Driver {
    fn new(load: &Load) -> Self {
        let poll = Poll::new().unwrap();
        let connections = (0..load.connections).map(|index| {
            let mut stream = TcpStream::from_std(connect(load));
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(index), interest).unwrap();
            Connection { stream, at: 0, left: 0, received: 0, due: VecDeque::new() }
        });
        Self {
            connections: connections.collect(),
            poll,
            events: Events::with_capacity(1024),
            exchange: Exchange::new(load),
            buf: vec![0; 256 << 10],
            received: 0,
            unchecked: 0,
            is_closed: false,
            latencies: Histogram::new(3).unwrap(),
        }
    }

    /// Sends all messages once on each connection; what comes back must be the same.
    fn check(&mut self) {
        self.unchecked = self.connections.len();
        self.send_window();
        self.wait(|driver| driver.unchecked == 0);
    }

    fn wait(&mut self, is_done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_done(self) {
            assert!(Instant::now() < deadline, "replies are missing");
            self.react(Duration::from_millis(100));
        }
    }

    fn send_window(&mut self) {
        for index in 0..self.connections.len() {
            self.connections[index].left = self.exchange.sent.len();
            self.turn(index);
        }
    }

    /// Lets replies let messages go; or sends a message whenever one is due, on one connection
    /// after the other. The core is this process's: it does not sleep then, so that nothing is sent
    /// late.
    fn go(&mut self, load: &Load, seconds: f64) {
        let begin = Instant::now();
        let end = begin + Duration::from_secs_f64(seconds);
        let mut sent = 0_u32;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Some(rate) = load.rate else {
                self.react(left);
                continue;
            };
            let due = begin + Duration::from_secs_f64(f64::from(sent) / rate);
            if Instant::now() < due {
                self.react(Duration::ZERO);
                continue;
            }
            let index = sent as usize % self.connections.len();
            self.connections[index].due.push_back(due);
            self.connections[index].left += self.exchange.frame_len;
            self.turn(index);
            sent += 1;
        }
    }

    fn react(&mut self, timeout: Duration) {
        let mut events = core::mem::replace(&mut self.events, Events::with_capacity(0));
        self.poll.poll(&mut events, Some(timeout)).unwrap();
        for event in &events {
            self.turn(event.token().0);
        }
        self.events = events;
    }

    /// Writes and reads as much as there is on one connection.
    fn turn(&mut self, index: usize) {
        let Self { exchange, connections, buf, latencies, .. } = self;
        let connection = &mut connections[index];
        loop {
            while connection.left > 0 {
                let end = exchange.sent.len().min(connection.at + connection.left);
                let bytes = &exchange.sent[connection.at..end];
                let Some(len) = ready(connection.stream.write(bytes)) else { break };
                connection.at = (connection.at + len) % exchange.sent.len();
                connection.left -= len;
            }
            let Some(len) = ready(connection.stream.read(buf)) else { return };
            assert!(len > 0, "the server closed the connection");
            if self.unchecked > 0 {
                let expected = exchange.echoed[connection.received..].get(..len);
                assert!(expected == Some(&buf[..len]), "a reply is not what was sent");
            }
            let before = connection.received / exchange.reply_len;
            connection.received += len;
            let replies = connection.received / exchange.reply_len - before;
            self.received += len as u64;
            if self.unchecked > 0 && connection.received == exchange.echoed.len() {
                self.unchecked -= 1;
            }
            for due in connection.due.drain(..replies.min(connection.due.len())) {
                latencies.record(due.elapsed().as_nanos() as u64).unwrap();
            }
            if self.is_closed {
                connection.left += replies * exchange.frame_len;
            }
            // What comes after a read that was not filled is announced.
            if connection.left == 0 && len < buf.len() {
                return;
            }
        }
    }
}

/// Returns `None` when it would block.
fn ready(done: std::io::Result<usize>) -> Option<usize> {
    match done {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        done => Some(done.unwrap()),
    }
}

fn connect(load: &Load) -> std::net::TcpStream {
    let stream = std::net::TcpStream::connect(("127.0.0.1", load.port)).unwrap();
    stream.set_nodelay(true).unwrap();
    if !load.is_raw {
        tungstenite::client("ws://localhost/", &stream).expect("the handshake succeeds");
    }
    stream.set_nonblocking(true).unwrap();
    stream
}

/// How long all replies may take to the check.
const PATIENCE: Duration = Duration::from_secs(20);
