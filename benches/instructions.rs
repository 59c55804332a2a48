//! The hot paths, one by one, for a tool that counts instructions: counts do not depend on what
//! else a machine does. `benches/instructions.sh` runs them and compares with what was committed.
//!
//! `instructions NAME COUNT` does the work of a path COUNT times; without arguments, all names are
//! listed. The counts for two values of COUNT tell what one more costs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a bench checks by failing and makes its own data"
)]

mod ideal;

use core::cell::Cell;
use core::hint::black_box;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io::{self, Read, Write};

use bytes::{Buf, BufMut, Bytes};
use ideal::{READ, REPEAT, Stream};
use sanswire::frame::{Header, Opcode};
use sanswire::io::{Plain, Transport, blocking, tokio as adapter};
use sanswire::{Commands, Config, Connection, Event, Message, Prepared};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A path, and what it does so many times.
type Path = (&'static str, fn(usize));

const PATHS: &[Path] = &[
    ("receive_16", |count| receive(&Stream::binary(16), count, lent)),
    ("receive_125", |count| receive(&Stream::binary(125), count, lent)),
    ("receive_1024", |count| receive(&Stream::binary(1024), count, lent)),
    ("receive_16384", |count| receive(&Stream::binary(16_384), count, lent)),
    ("receive_65536", |count| receive(&Stream::binary(65_536), count, lent)),
    ("receive_text_16", |count| receive(&Stream::text(16), count, lent)),
    ("receive_text_1024", |count| receive(&Stream::text(1024), count, lent)),
    ("receive_segments_125", |count| receive_segments(&Stream::binary(125), count)),
    ("receive_segments_1024", |count| receive_segments(&Stream::binary(1024), count)),
    ("receive_segments_4096", |count| receive_segments(&Stream::binary(4096), count)),
    ("receive_segments_65536", |count| receive_segments(&Stream::binary(65_536), count)),
    ("receive_segments_text_1024", |count| receive_segments(&Stream::text(1024), count)),
    ("receive_segments_text_65536", |count| receive_segments(&Stream::text(65_536), count)),
    ("read_4096", |count| read(&Stream::binary(4096), READ, count)),
    ("read_16384", |count| read(&Stream::binary(16_384), READ, count)),
    ("read_multi_1024", |count| read(&Stream::multi_byte(1024), READ, count)),
    ("read_multi_65536", |count| read(&Stream::multi_byte(65_536), READ, count)),
    ("read_segments_1024", |count| read(&Stream::binary(1024), SEGMENT, count)),
    ("read_segments_4096", |count| read(&Stream::binary(4096), SEGMENT, count)),
    ("read_segments_65536", |count| read(&Stream::binary(65_536), SEGMENT, count)),
    ("read_segments_text_4096", |count| read(&Stream::text(4096), SEGMENT, count)),
    ("read_segments_multi_125", |count| read(&Stream::multi_byte(125), SEGMENT, count)),
    ("read_segments_multi_1024", |count| read(&Stream::multi_byte(1024), SEGMENT, count)),
    ("read_segments_multi_65536", |count| read(&Stream::multi_byte(65_536), SEGMENT, count)),
    ("read_fragments_4096", |count| read_fragments(0x02, count)),
    ("read_fragments_text_4096", |count| read_fragments(0x01, count)),
    ("read_blocking_4096", |count| read_blocking(&Stream::binary(4096), count)),
    ("receive_owned_16", |count| receive(&Stream::binary(16), count, owned)),
    ("receive_owned_1024", |count| receive(&Stream::binary(1024), count, owned)),
    ("receive_owned_65536", |count| receive(&Stream::binary(65_536), count, owned)),
    ("receive_ping", receive_ping),
    ("receive_fragmented", receive_fragmented),
    ("receive_byte_by_byte", receive_byte_by_byte),
    ("receive_one_per_read", receive_one_per_read),
    ("send_server_16", |count| send(false, 16, count)),
    ("send_server_125", |count| send(false, 125, count)),
    ("send_server_1024", |count| send(false, 1024, count)),
    ("send_server_bytes_16", |count| send_bytes(false, 16, count)),
    ("send_server_shared_16384", send_shared),
    ("send_server_prepared_16", |count| send_prepared(16, count)),
    ("send_server_prepared_1024", |count| send_prepared(1024, count)),
    ("send_server_single_16", send_single),
    ("send_client_16", |count| send(true, 16, count)),
    ("send_client_125", |count| send(true, 125, count)),
    ("send_client_1024", |count| send(true, 1024, count)),
    ("send_client_bytes_16", |count| send_bytes(true, 16, count)),
    ("send_tokio_bytes_16", |count| send_tokio(16, count)),
    ("echo_16", echo),
    ("echo_16_blocking", |count| echo_blocking(&Stream::binary(16), count)),
    ("echo_1024_blocking", |count| echo_blocking(&Stream::binary(1024), count)),
    ("turn_16_blocking", |count| turn_blocking(&Stream::binary(16), count)),
    ("echo_16_tokio", |count| echo_tokio(&Stream::binary(16), count)),
    ("echo_1024_tokio", |count| echo_tokio(&Stream::binary(1024), count)),
    ("turn_16_tokio", |count| turn_tokio(&Stream::binary(16), count)),
    ("turn_1024_tokio", |count| turn_tokio(&Stream::binary(1024), count)),
    ("segments_1024_tokio", |count| recv_tokio(&Stream::binary(1024), SEGMENT, count)),
    ("recv_16_tokio", |count| recv_tokio(&Stream::binary(16), READ, count)),
    ("recv_4096_tokio", |count| recv_tokio(&Stream::binary(4096), READ, count)),
    ("header", header),
];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(wanted) = arguments.next() else {
        // `cargo test` runs benches too, to see that they work.
        for (name, path) in PATHS {
            path(2);
            println!("{name}");
        }
        return;
    };
    let count = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let (_, path) = PATHS.iter().find(|(name, _)| *name == wanted).unwrap();
    path(count);
}

fn lent(event: Event<'_>) {
    match event {
        Event::Binary(payload) => _ = black_box(&*payload),
        Event::Text(text) => _ = black_box(&*text),
        _ => panic!("not a message"),
    }
}

fn owned(event: Event<'_>) {
    let Event::Binary(payload) = event else { panic!("{event:?}") };
    black_box(payload.into_bytes());
}

/// Receives so many messages, in reads of 64 KiB, which are copied into the buffer.
fn receive(stream: &Stream, count: usize, take: fn(Event<'_>)) {
    receive_reads(stream.reads(), count, take);
}

/// As [`receive`], in reads of what a segment of TCP carries.
fn receive_segments(stream: &Stream, count: usize) {
    receive_reads(stream.reads_of(SEGMENT), count, lent);
}

/// Receives so many messages from a transport that delivers `size` bytes at most, as a run loop
/// does: into the room that was prepared.
fn read(stream: &Stream, size: usize, count: usize) {
    let bytes = stream.reads_of(usize::MAX).next().unwrap();
    read_bytes(bytes, size, count);
}

/// The same, of text or binary messages of four fragments with 1 KiB each.
fn read_fragments(opcode: u8, count: usize) {
    let mut bytes = Vec::new();
    for index in 0..128 {
        let first = [opcode, 0x00, 0x00, 0x80][index % 4];
        bytes.extend([first, 0x80 | 126, 4, 0, 0, 0, 0, 0]);
        bytes.resize(bytes.len() + 1024, b'a');
    }
    read_bytes(&bytes, SEGMENT, count);
}

fn read_bytes(bytes: &[u8], size: usize, count: usize) {
    let mut connection = Connection::server(&Config::default());
    let (mut at, mut left) = (0, count);
    loop {
        let mut input = connection.input();
        input.prepare(16 << 10);
        let len = input.chunk_mut().len().min(size).min(bytes.len() - at);
        input.put_slice(&bytes[at..at + len]);
        at = if at + len == bytes.len() { 0 } else { at + len };
        while let Some((event, _)) = connection.poll_event().unwrap() {
            lent(event);
            left -= 1;
            if left == 0 {
                return;
            }
        }
    }
}

fn receive_reads<'a>(
    reads: impl Iterator<Item = &'a [u8]> + Clone,
    count: usize,
    take: fn(Event<'_>),
) {
    let mut connection = Connection::server(&Config::default());
    let mut left = count;
    for read in reads.cycle() {
        connection.input().extend_from_slice(read);
        while let Some((event, _)) = connection.poll_event().unwrap() {
            take(event);
            left -= 1;
            if left == 0 {
                return;
            }
        }
    }
}

fn receive_ping(count: usize) {
    let mut connection = Connection::server(&Config::default());
    for _ in 0..count {
        connection.input().extend_from_slice(b"\x89\x84\x01\x02\x03\x04ping");
        black_box(connection.poll_event().unwrap());
        write(&mut connection);
    }
}

/// Messages of four fragments with 256 bytes each.
fn receive_fragmented(count: usize) {
    let mut connection = Connection::client(&Config::default(), [7; 32]);
    let payload = [7; 256];
    for _ in 0..count {
        for first in [0x02, 0x00, 0x00, 0x80] {
            connection.input().extend_from_slice(&[first, 126, 1, 0]);
            connection.input().extend_from_slice(&payload);
        }
        black_box(connection.poll_event().unwrap());
    }
}

/// A text in fragments of one byte, half a character each, that comes byte by byte.
fn receive_byte_by_byte(count: usize) {
    let mut connection = Connection::server(&Config::default());
    let mut stream = Vec::new();
    for index in 0..1000 {
        let first = [0x01, 0x00][usize::from(index > 0)];
        stream.extend([first, 0x81, 0, 0, 0, 0, [0xc3, 0xa4][index % 2]]);
    }
    let end = [0x80, 0x80, 0, 0, 0, 0];
    for byte in stream.into_iter().chain(end).cycle().take(count) {
        connection.input().extend_from_slice(&[byte]);
        black_box(connection.poll_event().unwrap());
    }
}

/// As on a quiet socket: one small message in each read, and the time is told.
fn receive_one_per_read(count: usize) {
    let mut connection = Connection::server(&Config::default());
    let mut now = Duration::ZERO;
    for _ in 0..count {
        now += Duration::from_micros(1);
        connection.input().extend_from_slice(b"\x82\x84\x01\x02\x03\x04ping");
        connection.handle_timeout(now);
        while let Some((event, _)) = connection.poll_event().unwrap() {
            lent(event);
        }
        black_box(connection.poll_timeout());
    }
}

fn open(client: bool) -> Connection {
    if client {
        Connection::client(&Config::default(), [7; 32])
    } else {
        Connection::server(&Config::default())
    }
}

fn send(client: bool, size: usize, count: usize) {
    let mut connection = open(client);
    let payload = vec![7; size];
    for _ in 0..count.div_ceil(REPEAT) {
        for _ in 0..REPEAT {
            connection.commands().send(black_box(&payload)).unwrap();
        }
        write(&mut connection);
    }
}

/// As who holds a message that is not to be copied.
fn send_bytes(client: bool, size: usize, count: usize) {
    let mut connection = open(client);
    let payload = Bytes::from(vec![7; size]);
    for _ in 0..count.div_ceil(REPEAT) {
        for _ in 0..REPEAT {
            connection.commands().send(black_box(&payload)).unwrap();
        }
        write(&mut connection);
    }
}

/// One message in each write, as on a quiet socket.
fn send_single(count: usize) {
    let mut connection = open(false);
    let payload = [7; 16];
    for _ in 0..count {
        connection.commands().send(black_box(&payload)).unwrap();
        write(&mut connection);
    }
}

fn send_prepared(size: usize, count: usize) {
    let mut connection = open(false);
    let prepared = Prepared::binary(&vec![7; size]);
    for _ in 0..count.div_ceil(REPEAT) {
        for _ in 0..REPEAT {
            connection.commands().send(black_box(&prepared)).unwrap();
        }
        write(&mut connection);
    }
}

/// Queues messages by the adapter, and writes them to a sink.
fn send_tokio(size: usize, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        // Nothing ever comes of the peer, which stays.
        let (input, _peer) = tokio::io::duplex(1);
        let stream = tokio::io::join(input, tokio::io::sink());
        let mut socket = adapter::WebSocket::from_driver(stream, open(false));
        let payload = Bytes::from(vec![7; size]);
        for _ in 0..count.div_ceil(REPEAT) {
            for _ in 0..REPEAT {
                socket.feed(black_box(&payload).clone()).await.unwrap();
            }
            socket.flush().await.unwrap();
        }
    });
}

fn send_shared(count: usize) {
    let mut connection = open(false);
    let payload = Bytes::from(vec![7; 16_384]);
    for _ in 0..count {
        connection.commands().send(Message::Binary(black_box(&payload).clone())).unwrap();
        write(&mut connection);
    }
}

/// Answers messages while they are lent, many in one write.
fn echo(count: usize) {
    let stream = Stream::binary(16);
    let mut connection = open(false);
    let mut left = count;
    for read in stream.reads().cycle() {
        connection.input().extend_from_slice(read);
        while let Some((event, mut commands)) = connection.poll_event().unwrap() {
            let Event::Binary(payload) = event else { panic!("{event:?}") };
            commands.send(&payload).unwrap();
            left -= 1;
            if left == 0 {
                return;
            }
        }
        write(&mut connection);
    }
}

/// The same with an adapter around it.
fn echo_blocking(stream: &Stream, count: usize) {
    echo_over(Plain(Repeated::new(stream, usize::MAX, count)));
}

/// One message in each read, as on a quiet socket.
fn turn_blocking(stream: &Stream, count: usize) {
    let frame = stream.reads_of(usize::MAX).next().unwrap().len() / stream.payloads.len();
    echo_over(Repeated::new(stream, frame, count));
}

/// Only receives, in reads of what a segment of TCP carries.
fn read_blocking(stream: &Stream, count: usize) {
    let stream = Plain(Repeated::new(stream, SEGMENT, count));
    let mut socket = blocking::WebSocket::from_driver(stream, open(false));
    let end = socket.run(|event, _| {
        if let Event::Binary(payload) = event {
            black_box(&*payload);
        }
    });
    black_box(end.unwrap_err());
}

fn echo_over(stream: impl Transport) {
    let mut socket = blocking::WebSocket::from_driver(stream, open(false));
    black_box(socket.run(answer).unwrap_err());
}

fn answer(event: Event<'_>, commands: &mut Commands<'_>) {
    if let Event::Binary(payload) = event {
        commands.send(&payload).unwrap();
    }
}

/// The same with an asynchronous adapter.
fn echo_tokio(stream: &Stream, count: usize) {
    let stream = Ready { repeated: Repeated::new(stream, usize::MAX, count), waits: None };
    let mut socket = adapter::WebSocket::from_driver(stream, open(false));
    black_box(complete(socket.run(answer), &Cell::default()).unwrap_err());
}

/// One message in each turn of a task, as on a quiet socket.
fn turn_tokio(stream: &Stream, count: usize) {
    let frame = stream.reads_of(usize::MAX).next().unwrap().len() / stream.payloads.len();
    let can_read = Cell::default();
    let stream = Ready { repeated: Repeated::new(stream, frame, count), waits: Some(&can_read) };
    let mut socket = adapter::WebSocket::from_driver(stream, open(false));
    black_box(complete(socket.run(answer), &can_read).unwrap_err());
}

/// Receives messages that can be kept, in reads of `size` bytes at most.
fn recv_tokio(stream: &Stream, size: usize, count: usize) {
    let stream = Ready { repeated: Repeated::new(stream, size, count), waits: None };
    let mut socket = adapter::WebSocket::from_driver(stream, open(false));
    let received = async { while socket.recv().await.is_ok_and(|message| message.is_some()) {} };
    complete(received, &Cell::default());
}

/// Completes a future that nobody wakes. Whenever it is polled, its stream can be read once.
fn complete<R>(future: impl Future<Output = R>, can_read: &Cell<bool>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        can_read.set(true);
        if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
            return done;
        }
    }
}

/// Bytes that come over and over, and a sink.
struct Repeated<'a> {
    bytes: &'a [u8],
    size: usize,
    at: usize,
    left: usize,
}

impl<'a> Repeated<'a> {
    /// So many messages, in reads of `size` bytes at most.
    fn new(stream: &'a Stream, size: usize, count: usize) -> Self {
        let bytes = stream.reads_of(usize::MAX).next().unwrap();
        Self { bytes, size, at: 0, left: bytes.len() / stream.payloads.len() * count }
    }

    /// The next bytes, as many as fit into `room`.
    fn next(&mut self, room: usize) -> &'a [u8] {
        let len = room.min(self.size).min(self.bytes.len() - self.at).min(self.left);
        let bytes = &self.bytes[self.at..self.at + len];
        self.at = (self.at + len) % self.bytes.len();
        self.left -= len;
        bytes
    }
}

impl Read for Repeated<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.next(buf.len());
        buf[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Repeated<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(black_box(buf).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Repeated<'_> {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        black_box(timeout);
        Ok(())
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        black_box(timeout);
        Ok(())
    }
}

/// What a task sees of a stream.
struct Ready<'a> {
    repeated: Repeated<'a>,
    /// Whether it can be read, if it has to be waited for.
    waits: Option<&'a Cell<bool>>,
}

impl AsyncRead for Ready<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.waits.is_some_and(|can_read| !can_read.replace(false)) {
            return Poll::Pending;
        }
        let bytes = self.repeated.next(buf.remaining());
        buf.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ready<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.repeated.write(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn header(count: usize) {
    for len in 0..count {
        let payload_len = (len % 300) as u64;
        let header = Header {
            fin: true,
            rsv: 0,
            opcode: Opcode::Binary,
            mask: Some([1, 2, 3, 4]),
            payload_len,
        };
        let encoded = black_box(header.encode());
        black_box(Header::parse(&encoded).unwrap());
    }
}

/// What a segment of TCP carries.
const SEGMENT: usize = 1460;

fn write(connection: &mut Connection) {
    while let Some(output) = connection.poll_transmit() {
        black_box(output.chunk());
        output.advance(output.remaining());
    }
}
