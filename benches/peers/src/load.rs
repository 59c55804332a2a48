//! The load of an echo server, on a core of its own: prepared bytes out, replies counted. Knows
//! frames only as bytes that it has prepared.

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use bytes::Bytes;
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::contestant::Role;
use crate::process::Server;
use crate::wire::{Content, Stream};

/// What is asked of a server.
#[derive(Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) size: usize,
    /// How many messages of a connection are under way at once.
    pub(crate) window: usize,
    /// So many messages a second are sent by schedule, whether replies have come or not.
    pub(crate) rate: Option<f64>,
    pub(crate) seconds: f64,
}

/// What came of it.
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

/// Connections on which the same messages are sent again and again; all have one length.
pub(crate) struct Driver {
    load: Load,
    sent: Bytes,
    echoed: Bytes,
    connections: Vec<Connection>,
    poll: Poll,
    events: Events,
    buf: Vec<u8>,
    received: u64,
    /// Compares what comes back, until each connection has had all messages once.
    unchecked: usize,
    /// Whether a reply lets the next message go.
    is_closed: bool,
    latencies: Histogram<u64>,
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

impl Driver {
    /// Opens connections, and has all messages echoed on each: what comes back must be the same.
    pub(crate) fn open(load: &Load, server: &Server) -> Self {
        let poll = Poll::new().unwrap();
        let connections = (0..load.connections).map(|index| {
            let mut stream = TcpStream::from_std(connect(server));
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(index), interest).unwrap();
            Connection { stream, at: 0, left: 0, received: 0, due: VecDeque::new() }
        });
        let connections = connections.collect();
        let frames = |role| Stream::of(load.window, role, Content::Binary, load.size, 1).bytes;
        let sent = frames(Role::Client);
        let mut driver = Self {
            load: *load,
            echoed: if server.is_raw { sent.clone() } else { frames(Role::Server) },
            sent,
            connections,
            poll,
            events: Events::with_capacity(1024),
            buf: vec![0; 256 << 10],
            received: 0,
            unchecked: load.connections,
            is_closed: false,
            latencies: Histogram::new(3).unwrap(),
        };
        driver.send_window();
        driver.wait(|driver| driver.unchecked == 0);
        driver
    }

    /// Loads the server, which tells what it has used.
    pub(crate) fn run(mut self, usage: impl Fn() -> [f64; 3]) -> Outcome {
        self.is_closed = self.load.rate.is_none();
        if self.is_closed {
            self.send_window();
        }
        // Buffers grow, windows open.
        self.go(self.load.seconds / 5.0);
        self.latencies.reset();
        let (received, before, begin) = (self.received, usage(), Instant::now());
        self.go(self.load.seconds);
        let (seconds, after) = (begin.elapsed().as_secs_f64(), usage());
        let reply_len = self.echoed.len() / self.load.window;
        let messages = (self.received - received) as f64 / reply_len as f64;
        // What is late is waited for, or else the slowest replies would not count.
        self.wait(|driver| driver.connections.iter().all(|connection| connection.due.is_empty()));
        let latency = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1e3;
        let usage = core::array::from_fn(|index| after[index] - before[index]);
        Outcome { messages, seconds, usage, latencies: QUANTILES.map(latency) }
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
            self.connections[index].left = self.sent.len();
            self.turn(index);
        }
    }

    /// Lets replies let messages go; or sends a message whenever one is due, on one connection
    /// after the other. The core is this process's: it does not sleep then, so that nothing is sent
    /// late.
    fn go(&mut self, seconds: f64) {
        let begin = Instant::now();
        let end = begin + Duration::from_secs_f64(seconds);
        let mut sent = 0_u32;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Some(rate) = self.load.rate else {
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
            self.connections[index].left += self.sent.len() / self.load.window;
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
        let Self { sent, echoed, buf, .. } = self;
        let (frame_len, reply_len) =
            (sent.len() / self.load.window, echoed.len() / self.load.window);
        let connection = &mut self.connections[index];
        loop {
            while connection.left > 0 {
                let end = sent.len().min(connection.at + connection.left);
                let written = connection.stream.write(&sent[connection.at..end]);
                let Some(len) = ready(written) else { break };
                connection.at = (connection.at + len) % sent.len();
                connection.left -= len;
            }
            let Some(len) = ready(connection.stream.read(buf)) else { return };
            assert!(len > 0, "the server closed the connection");
            if self.unchecked > 0 {
                let expected = echoed[connection.received..].get(..len);
                assert!(expected == Some(&buf[..len]), "a reply is not what was sent");
            }
            let before = connection.received / reply_len;
            connection.received += len;
            let replies = connection.received / reply_len - before;
            self.received += len as u64;
            if self.unchecked > 0 && connection.received == echoed.len() {
                self.unchecked -= 1;
            }
            for due in connection.due.drain(..replies.min(connection.due.len())) {
                self.latencies.record(due.elapsed().as_nanos() as u64).unwrap();
            }
            if self.is_closed {
                connection.left += replies * frame_len;
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

fn connect(server: &Server) -> std::net::TcpStream {
    let stream = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_nodelay(true).unwrap();
    if !server.is_raw {
        tungstenite::client("ws://localhost/", &stream).expect("the handshake succeeds");
    }
    stream.set_nonblocking(true).unwrap();
    stream
}

/// How long all replies may take to the check.
const PATIENCE: Duration = Duration::from_secs(20);
