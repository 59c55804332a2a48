//! The blocking adapter over streams that do not simply block.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use sanswire::driver::Driver;
use sanswire::handshake::{ClientRequest, HandshakeError, HeadLimits};
use sanswire::io::blocking::WebSocket;
use sanswire::io::{Plain, Timeout, Transport};
use sanswire::{Config, Connection, ConnectionError, Error, Message, SendError};

use crate::support::REQUEST;

/// What the stream has seen, and what it does.
#[derive(Debug, Default)]
struct Seen {
    reads: u64,
    /// What the next reads say, or deliver; then they say `WouldBlock`.
    input: VecDeque<Result<&'static [u8], ErrorKind>>,
    written: Vec<u8>,
    /// How many more writes and flushes say `WouldBlock`.
    would_block: usize,
    /// Whether every other read, write and flush is interrupted by a signal.
    has_signals: bool,
    was_interrupted: bool,
}

impl Seen {
    fn interrupt(&mut self) -> io::Result<()> {
        self.was_interrupted = self.has_signals && !self.was_interrupted;
        if self.was_interrupted { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    fn block(&mut self) -> io::Result<()> {
        self.interrupt()?;
        if self.would_block > 0 {
            self.would_block -= 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(())
    }
}

/// As a `TcpStream` that is non-blocking: it takes bounds and ignores them.
#[derive(Clone, Debug, Default)]
struct Stream(Rc<RefCell<Seen>>);

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut seen = self.0.borrow_mut();
        seen.reads += 1;
        seen.interrupt()?;
        let mut input = seen.input.pop_front().unwrap_or(Err(ErrorKind::WouldBlock))?;
        input.read(buf)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut seen = self.0.borrow_mut();
        seen.block()?;
        seen.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().block()
    }
}

impl Transport for Stream {
    fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

fn server(config: &Config) -> (WebSocket<Stream>, Stream) {
    let stream = Stream::default();
    (WebSocket::from_driver(stream.clone(), Connection::server(config)), stream)
}

/// Reads that deliver what is given, in two parts, and would block in between.
fn in_parts(input: &'static [u8]) -> Stream {
    let (first, rest) = input.split_at(input.len() / 2);
    let waits = [Err(ErrorKind::WouldBlock), Err(ErrorKind::TimedOut)];
    let input = [Ok(first)].into_iter().chain(waits).chain([Ok(rest)]).collect();
    Stream(Rc::new(RefCell::new(Seen { input, ..Seen::default() })))
}

fn plain() -> (WebSocket<Plain<Stream>>, Stream) {
    let stream = Stream::default();
    let connection = Connection::server(&Config::default());
    (WebSocket::from_driver(Plain(stream.clone()), connection), stream)
}

#[track_caller]
fn assert_timeout<T: std::fmt::Debug>(result: Result<T, Error>, expected: Timeout) {
    assert!(matches!(&result, Err(Error::Timeout(it)) if *it == expected), "{result:?}");
}

#[test]
fn a_non_blocking_stream_is_not_read_in_a_busy_loop() {
    let (mut socket, stream) = server(&Config::default());
    socket.set_read_timeout(Some(Duration::from_millis(200)));
    let limit = Duration::from_millis(200);
    assert_timeout(socket.recv(), Timeout::Read { limit });
    assert!(stream.0.borrow().reads < 100, "{} reads", stream.0.borrow().reads);
}

#[test]
fn a_non_blocking_stream_is_not_written_in_a_busy_loop() {
    let config = Config::default().write_timeout(Duration::from_millis(200));
    let (mut socket, stream) = server(&config);
    stream.0.borrow_mut().would_block = usize::MAX;
    assert_timeout(socket.send("one"), Timeout::Deadline);
    let tries = usize::MAX - stream.0.borrow().would_block;
    assert!(tries < 100, "{tries} writes");
}

#[test]
fn a_plain_stream_that_does_not_wait_ends_the_call() {
    let (mut socket, _) = plain();
    for _ in 0..2 {
        assert_timeout(socket.recv(), Timeout::Stream);
    }
}

#[test]
fn a_read_that_would_block_loses_nothing() {
    let text = b"\x81\x84\0\0\0\0late";
    let connection = || Connection::server(&Config::default());
    let mut socket = WebSocket::from_driver(Plain(in_parts(text)), connection());
    for _ in 0..2 {
        assert_timeout(socket.recv(), Timeout::Stream);
    }
    assert_eq!(socket.recv().unwrap(), Some("late".into()));
    // Where time can be bounded, it is no timeout until the time has passed.
    let mut socket = WebSocket::from_driver(in_parts(text), connection());
    socket.set_read_timeout(Some(Duration::from_secs(60)));
    assert_eq!(socket.recv().unwrap(), Some("late".into()));
}

#[test]
fn a_handshake_goes_on_behind_a_read_that_would_block() {
    let config = Config::default();
    WebSocket::accept(Plain(in_parts(REQUEST)), &config).unwrap();
    WebSocket::accept(in_parts(REQUEST), &config).unwrap();

    let refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let request = ClientRequest::new("localhost", "/").unwrap();
    let refused = WebSocket::connect_over(Plain(in_parts(refusal)), &request, &config);
    let Err(Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(response.status(), 404);
}

#[test]
fn a_handshake_that_only_would_block_ends_in_time() {
    let limits = HeadLimits::default().timeout(Duration::from_millis(100));
    let request = ClientRequest::new("localhost", "/").unwrap().head_limits(limits);
    let stream = Stream::default();
    let ended = WebSocket::connect_over(Plain(stream.clone()), &request, &Config::default());
    assert!(
        matches!(ended, Err(Error::Handshake { error: HandshakeError::Timeout(_), .. })),
        "{ended:?}"
    );
    assert!(stream.0.borrow().reads < 100, "{} reads", stream.0.borrow().reads);
}

#[test]
fn a_write_that_would_block_is_made_again() {
    let (mut socket, stream) = plain();
    stream.0.borrow_mut().would_block = 2;
    socket.send("one").unwrap();
    assert_eq!(stream.0.borrow().written, b"\x81\x03one");
}

#[test]
fn what_a_signal_interrupts_is_repeated() {
    let (mut socket, stream) = plain();
    stream.0.borrow_mut().has_signals = true;
    socket.send("one").unwrap();
    assert_timeout(socket.recv(), Timeout::Stream);
    assert_eq!(stream.0.borrow().written, b"\x81\x03one");
}

#[test]
fn a_message_for_which_there_is_no_room_is_given_back() {
    let config = Config::default().max_buffered(4).write_timeout(Duration::from_millis(20));
    let (mut socket, stream) = server(&config);
    stream.0.borrow_mut().would_block = usize::MAX;
    socket.feed("one").unwrap();
    for message in [Some(Message::from("two")), None] {
        let refused = match &message {
            Some(message) => socket.feed(message),
            None => socket.feed("two"),
        };
        let Err(Error::Send { error: SendError::Full { .. }, message: back }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(back, message);
    }
}

#[test]
fn time_goes_on_where_a_driver_is_handed_over() {
    let config = Config::default().close_timeout(Duration::from_millis(20));
    let mut driver = Driver::from(Connection::server(&config));
    for hour in 0..2 {
        driver.handle_timeout(Duration::from_secs(3600 * hour));
    }
    let mut socket = WebSocket::from_driver(Stream::default(), driver);
    socket.set_read_timeout(Some(Duration::from_secs(30)));
    let error = socket.close(1000, "").unwrap_err();
    let Error::Connection(ConnectionError::CloseTimeout { .. }) = error else { panic!("{error}") };
    let (_, driver) = socket.into_parts();
    assert!(driver.now() > Duration::from_secs(3600).into());
}
