//! The blocking adapter over streams that do not simply block.
#![expect(
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use sanswire::driver::{Driver, DriverError, Next};
use sanswire::handshake::{ClientRequest, HandshakeError, HeadLimits};
use sanswire::io::blocking::WebSocket;
use sanswire::io::{Plain, Timeout, Transport, pump};
use sanswire::{ClosedBy, Config, Connection, ConnectionError, Error, Event, Message, SendError};

use crate::support::{REQUEST, unmasked};

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
    /// How much a write takes.
    most: Option<usize>,
    /// What flushes fail with.
    flush_fails: Option<ErrorKind>,
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
        let bytes = &bytes[..bytes.len().min(seen.most.unwrap_or(usize::MAX))];
        seen.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut seen = self.0.borrow_mut();
        seen.block()?;
        seen.flush_fails.map_or(Ok(()), |kind| Err(kind.into()))
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

/// It has to find room, as a message has.
#[test]
fn a_ping_waits_for_room_and_is_refused_where_none_comes() {
    let config = Config::default().max_buffered(4).write_timeout(Duration::from_millis(20));
    let (mut socket, stream) = server(&config);
    let fill = |socket: &mut WebSocket<Stream>| {
        while socket.commands().ping(b"?").is_ok() {}
    };
    fill(&mut socket);
    stream.0.borrow_mut().would_block = 2;
    socket.ping(b"!").unwrap();
    assert!(stream.0.borrow().written.starts_with(b"\x89\x01?"));
    assert!(stream.0.borrow().written.ends_with(b"\x89\x01!"));
    fill(&mut socket);
    stream.0.borrow_mut().would_block = usize::MAX;
    let error = socket.ping(b"!").unwrap_err();
    assert!(matches!(error, Error::Send { error: SendError::Full { .. }, .. }), "{error:?}");
    let error = socket.ping(&[7; 126]).unwrap_err();
    assert!(matches!(error, Error::Send { error: SendError::ControlTooLong { .. }, .. }));
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

/// A driver of a server, and a stream for [`pump`].
fn pumped(config: &Config) -> (Driver, Stream) {
    let mut driver = Driver::from(Connection::server(config));
    driver.handle_timeout(Duration::ZERO);
    (driver, Stream::default())
}

/// Why a driver and its stream do not go on.
#[derive(Debug, PartialEq)]
enum Ended {
    Driver(DriverError),
    Stream(ErrorKind),
}

/// Pumps until there is nothing to do; adds the texts that arrive to `texts`.
fn pump_all(
    driver: &mut Driver,
    stream: &mut Stream,
    now: Duration,
    texts: &mut Vec<String>,
) -> Result<(), Ended> {
    loop {
        match driver.poll_event().map_err(Ended::Driver)? {
            Next::Event(Event::Text(text), _) => texts.push(text.to_string()),
            Next::Wait => {
                let has_moved = pump(driver, stream, || now);
                if !has_moved.map_err(|error| Ended::Stream(error.kind()))? {
                    return Ok(());
                }
            }
            Next::Yield => {}
            Next::Event(..) | Next::Over | Next::Request(_) | Next::Response(_) => {
                unreachable!("nothing but texts and their end")
            }
        }
    }
}

#[test]
fn a_pump_writes_what_is_queued_and_reads_what_is_there() {
    let ((mut driver, mut stream), mut texts) = (pumped(&Config::default()), Vec::new());
    // A little at a time.
    stream.0.borrow_mut().most = Some(3);
    stream.0.borrow_mut().input.push_back(Ok(b"\x81\x83\0\0\0\0two"));
    driver.commands().send("one").unwrap();
    pump_all(&mut driver, &mut stream, Duration::ZERO, &mut texts).unwrap();
    assert_eq!(stream.0.borrow().written, unmasked(0x81, b"one"));
    assert_eq!(texts, ["two"]);
    // What does not go is kept, and said to be.
    driver.commands().send("three").unwrap();
    stream.0.borrow_mut().would_block = usize::MAX;
    pump_all(&mut driver, &mut stream, Duration::ZERO, &mut texts).unwrap();
    assert!(driver.wants_write());
    stream.0.borrow_mut().would_block = 0;
    pump_all(&mut driver, &mut stream, Duration::ZERO, &mut texts).unwrap();
    assert!(!driver.wants_write());
    assert!(stream.0.borrow().written.ends_with(&unmasked(0x81, b"three")));
}

#[test]
fn a_pump_returns_why_the_stream_failed_and_the_driver_reports_the_end() {
    for is_read in [true, false] {
        let ((mut driver, mut stream), mut texts) = (pumped(&Config::default()), Vec::new());
        driver.commands().send("one").unwrap();
        let mut seen = stream.0.borrow_mut();
        seen.input.push_back(Ok(b"\x81\x83\0\0\0\0two"));
        if is_read {
            seen.input.push_back(Err(ErrorKind::ConnectionReset));
        } else {
            seen.flush_fails = Some(ErrorKind::ConnectionReset);
        }
        drop(seen);
        let mut pump_all = || pump_all(&mut driver, &mut stream, Duration::ZERO, &mut texts);
        assert_eq!(pump_all(), Err(Ended::Stream(ErrorKind::ConnectionReset)), "{is_read}");
        let mut ended = pump_all();
        if !is_read {
            // The peer may still have something to say, until it ends.
            assert_eq!(ended, Ok(()));
            stream.0.borrow_mut().input.push_back(Ok(b""));
            ended = self::pump_all(&mut driver, &mut stream, Duration::ZERO, &mut texts);
        }
        let error = DriverError::Connection(ConnectionError::UnexpectedEof);
        assert_eq!(ended, Err(Ended::Driver(error)), "{is_read}");
        // What arrived before was delivered.
        assert_eq!(texts, ["two"]);
    }
}

#[test]
fn a_pump_tells_the_driver_of_a_deadline() {
    let config = Config::default().ping_interval(Duration::from_secs(30));
    let ((mut driver, mut stream), mut texts) = (pumped(&config), Vec::new());
    for (seconds, frames) in [(29, 0), (30, 1), (31, 1)] {
        let now = Duration::from_secs(seconds);
        pump_all(&mut driver, &mut stream, now, &mut texts).unwrap();
        let written = &stream.0.borrow().written;
        assert_eq!(written.iter().filter(|byte| **byte == 0x89).count(), frames, "{seconds}");
    }
}

/// Its reads cannot be bounded, and the peer may never say that it is done.
#[test]
fn a_plain_stream_is_not_read_behind_a_close() {
    let (mut socket, stream) = plain();
    stream.0.borrow_mut().input.push_back(Ok(b"\x88\x82\0\0\0\0\x03\xe8"));
    socket.close(1000, "").unwrap();
    assert_eq!(stream.0.borrow().written, b"\x88\x02\x03\xe8");
    assert_eq!(stream.0.borrow().reads, 1);
    assert_eq!(socket.closed().unwrap().by, ClosedBy::Local);
}

/// Its reads cannot be bounded, either, but it can be shut down.
#[derive(Debug)]
struct Unbounded(Stream);

impl Read for Unbounded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Unbounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Transport for Unbounded {
    fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_whose_reads_cannot_be_bounded_is_not_read_behind_a_refusal() {
    let stream = Stream::default();
    stream.0.borrow_mut().input.push_back(Ok(b"no request\r\n\r\n"));
    let error = WebSocket::accept(Unbounded(stream.clone()), &Config::default()).unwrap_err();
    assert!(matches!(error, Error::Handshake { .. }), "{error}");
    assert!(stream.0.borrow().written.starts_with(b"HTTP/1.1 400 "));
    assert_eq!(stream.0.borrow().reads, 1);
}

/// As a program lends its stream, whatever it is: a vectored write is one, a shutdown is one.
#[test]
fn a_stream_that_is_lent_or_plain_does_what_it_does_by_itself() {
    #[derive(Debug, Default)]
    struct Counts {
        vectored: usize,
        shutdowns: usize,
    }
    impl Read for Counts {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }
    impl Write for Counts {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
            self.vectored += 1;
            Ok(slices.iter().map(|slice| slice.len()).sum())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Transport for Counts {
        fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
            Ok(())
        }
        fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
            Ok(())
        }
        fn shutdown_write(&mut self) -> io::Result<()> {
            self.shutdowns += 1;
            Ok(())
        }
    }
    // A large message is written by reference, behind its header.
    let large = || Message::from(vec![7; 100_000]);
    let mut counts = Counts::default();
    let connection = Connection::server(&Config::default());
    let mut socket = WebSocket::from_driver(&mut counts, connection);
    socket.send(large()).unwrap();
    // The peer is gone.
    socket.recv().unwrap_err();
    drop(socket);
    assert!(counts.vectored > 0 && counts.shutdowns > 0, "{counts:?}");
    let connection = Connection::server(&Config::default());
    let mut socket = WebSocket::from_driver(Plain(Counts::default()), connection);
    socket.send(large()).unwrap();
    assert!(socket.stream().0.vectored > 0);
}

/// For `poll` and options of the socket, and to tell what is under it.
#[cfg(unix)]
#[test]
fn a_stream_of_this_crate_tells_what_it_is() {
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::net::UnixStream;

    use sanswire::io::blocking::NetStream;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (unix, _peer) = UnixStream::pair().unwrap();
    let (tcp_fd, unix_fd) = (tcp.as_raw_fd(), unix.as_raw_fd());
    let (tcp, unix) = (NetStream::from(tcp), NetStream::from(unix));
    assert_eq!((tcp.as_fd().as_raw_fd(), unix.as_fd().as_raw_fd()), (tcp_fd, unix_fd));
    assert!(tcp.tcp().is_some() && unix.tcp().is_none());
    assert!(!tcp.is_tls() && !unix.is_tls());
    #[cfg(feature = "rustls")]
    assert!(tcp.tls().is_none() && unix.tls().is_none());
    assert_eq!(tcp.peer_addr().unwrap(), listener.local_addr().unwrap());
    assert_eq!(unix.peer_addr().unwrap_err().kind(), ErrorKind::Unsupported);
}
