//! The adapters over sockets and streams, and the driver under them.

use std::collections::VecDeque;
use std::io::{self, Cursor, ErrorKind, Read};
use std::net::TcpListener;
use std::time::Duration;

use bytes::Buf;
use sanswire::driver::{Driver, DriverError, Next, Write};
use sanswire::handshake::{ClientRequest, HeadLimit, HeadLimits, Response, ServerHandshake};
use sanswire::io::blocking::{NetStream, WebSocket};
use sanswire::io::tokio as poll;
use sanswire::io::{ConnectError, Plain, Timeout, Transport};
use sanswire::{Closed, Config, Connection, Discarded, Error, Event, WhenFull};

use crate::table::{NOTHING, Shown, Table};

pub(crate) fn connecting(table: &mut Table) {
    table.group(
        "Connecting",
        "From `connect` and `connect_with` of all adapters, and as the cause of an attempt of the \
         client that reconnects. `ConnectError` has the `io::Error` and how far it came.",
    );
    let lookup = connect("ws://nobody.invalid:9001/chat?token=secret").unwrap_err();
    let cause = "the name of the host is not known, or no resolver answers";
    connect_error(table, lookup, 9001, cause, "look at the name and at the network");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let refused = connect(&format!("ws://127.0.0.1:{port}/chat")).unwrap_err();
    let cause = "no address of the host takes the connection";
    connect_error(
        table,
        refused,
        port,
        cause,
        "look whether the server runs, at the port and at firewalls",
    );
    let reset = Script { reads: [Err(ErrorKind::ConnectionReset)].into(), ..Script::default() };
    let request = ClientRequest::new("example.com:9001", "/chat?token=secret").unwrap();
    let reset = WebSocket::connect_over(Plain(reset), &request, &Config::default()).unwrap_err();
    let cause = "the connection breaks before the server has answered";
    connect_error(table, reset, 9001, cause, "try again; look at the server's log and at proxies");
}

fn connect(url: &str) -> Result<WebSocket<NetStream>, Error> {
    WebSocket::connect(url)
}

/// Adds an error of connecting, with port 9001 for one that was chosen by the system, and without
/// the words of the system's resolver.
fn connect_error(
    table: &mut Table,
    error: Error,
    port: u16,
    cause: &'static str,
    remedy: &'static str,
) {
    let text = error.to_string();
    assert!(!text.contains("secret"), "{text}");
    let Error::Connect(inner) = error else { panic!("{error}") };
    assert_eq!(text, inner.to_string());
    let ConnectError { .. } = &*inner;
    let text = text.replace(&format!(":{port}"), ":9001");
    let words = "host not found: ";
    let end = text.find(words).map(|at| at + words.len());
    let text = end.map_or(text.clone(), |end| format!("{}(what the system says)", &text[..end]));
    table.single("Error::Connect", &Shown(text.clone()), cause, NOTHING, remedy);
    table.single("ConnectError", &Shown(text), cause, NOTHING, "see `Error::Connect`");
}

pub(crate) fn head_limits(table: &mut Table) {
    let request = b"GET /chat HTTP/1.1\r\nHost: h\r\n\r\n";
    for (limits, cause) in [
        (HeadLimits::default().max_headers(0), "a head has too many headers"),
        (HeadLimits::default().max_size(20), "a head is too large"),
        (HeadLimits::default().max_start_line(5), "a first line is too long"),
    ] {
        let mut handshake = ServerHandshake::new(&limits);
        handshake.input().extend_from_slice(request);
        let error = handshake.poll_request().unwrap_err();
        limit(table, &error, cause);
    }
    let limits = HeadLimits::default().max_interim_responses(0);
    let request = ClientRequest::new("h", "/").unwrap().head_limits(limits);
    let mut handshake = sanswire::handshake::ClientHandshake::new(&request, [7; 16]);
    handshake.input().extend_from_slice(b"HTTP/1.1 103 Early Hints\r\n\r\n");
    let error = handshake.poll_response().unwrap_err();
    limit(table, &error, "a server sends too many interim responses");
}

fn limit(table: &mut Table, error: &sanswire::handshake::HandshakeError, cause: &'static str) {
    let sanswire::handshake::HandshakeError::LimitExceeded(limit) = error else {
        panic!("{error}")
    };
    let limit: &HeadLimit = limit;
    let debug = format!("{limit:?}");
    let name = format!("HeadLimit::{}", debug.split('(').next().unwrap());
    let answer = match error.status() {
        500 => NOTHING.into(),
        status => format!("{status} {}: {}", Response::new(status).reason(), error.answer()),
    };
    table.single(
        &name,
        &Shown(limit.to_string()),
        cause,
        answer,
        "raise the limit of `HeadLimits`",
    );
}

pub(crate) fn all(table: &mut Table) {
    table.group(
        "The adapters and the driver",
        "All adapters return `Error`. Its variants print the errors that they wrap, so one example of \
         each is enough. `DriverError` has the variants that need no I/O.",
    );
    let mut connection = Connection::server(&Config::default());
    connection.input().extend_from_slice(b"\x88\x92\0\0\0\0\x03\xf3database is down");
    let mut socket = WebSocket::from_driver(Plain(Cursor::new(Vec::new())), connection);
    assert!(socket.recv().unwrap().is_none());
    let closed: Closed = socket.closed().unwrap().check().unwrap_err();
    let cause = "the peer closes with a code other than 1000 and 1001 (`Closed::check`)";
    let remedy = "look at the code and the reason; reconnect after 1001, 1011, 1012 and 1013";
    table.single("Closed", &closed, cause, NOTHING, remedy);
    table.variant("Error", &Error::from(closed), cause, NOTHING, remedy);

    let mut connection = Connection::server(&Config::default());
    connection.input().extend_from_slice(b"\x83\x80\0\0\0\0");
    let mut driver = Driver::from(connection);
    let (error, written) = end(&mut driver);
    // A Close frame of a server: two bytes of header, the code, the reason.
    let [0x88, _, code @ ..] = written.as_slice() else { panic!("{written:x?}") };
    let (code, reason) = code.split_at(2);
    let code = u16::from_be_bytes(code.try_into().unwrap());
    let told = format!("{code} {}", String::from_utf8_lossy(reason));
    let cause = "an open connection fails";
    let remedy = "see the connection";
    table.variant("DriverError", &error, cause, told.clone(), remedy);
    table.variant("Error", &Error::from(error), cause, told, remedy);
    let request = ClientRequest::new("example.com:9001", "/chat?token=secret").unwrap();
    let mut driver = Driver::client(&request, &Config::default(), [7; 16], [7; 32]);
    let answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 13\r\n\r\ntoken expired";
    driver.want_read().unwrap().extend_from_slice(answer);
    driver.handle_read(answer.len(), Duration::ZERO);
    let (error, _) = end(&mut driver);
    let cause = "a handshake fails; a client's has the URL";
    let remedy = "see the handshakes";
    table.variant("DriverError", &error, cause, NOTHING, remedy);
    table.variant("Error", &Error::from(error), cause, NOTHING, remedy);
    let mut driver = Driver::server(&Config::default());
    driver.reject(&Response::new(503).text("full\n")).unwrap();
    let (error, written) = end(&mut driver);
    let answer = String::from_utf8(written).unwrap();
    let status = answer.lines().next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
    let told = format!("{status}: {}", answer.lines().last().unwrap());
    let cause = "the application rejects a request";
    let remedy = "nothing: it was wanted";
    table.variant("DriverError", &error, cause, told.clone(), remedy);
    table.variant("Error", &Error::from(error), cause, told, remedy);

    let config = Config::default().max_buffered(10).when_full(WhenFull::DropOldest);
    let mut connection = Connection::server(&config);
    for _ in 0..3 {
        connection.commands().send("a".repeat(20).as_str()).unwrap();
    }
    let discarded: Discarded = connection.poll_discarded().unwrap();
    let cause = "what was queued does not leave: the end came first, or newer messages did";
    let remedy = "do not send again what may have arrived; see `delivery`";
    table.single("Discarded", &discarded, cause, NOTHING, remedy);
    table.variant("Error", &Error::from(discarded), cause, NOTHING, remedy);

    let broken = Script { is_broken: true, ..Script::default() };
    let mut socket = WebSocket::from_driver(Plain(broken), open_connection());
    let error = socket.send("lost").unwrap_err();
    let remedy = "receive what came before, then reconnect";
    table.variant("Error", &error, "the transport fails", NOTHING, remedy);
    socket.commands().close(1000, "").unwrap();
    let error = socket.try_send("late").unwrap_err();
    let cause = "a command is refused";
    table.variant("Error", &error, cause, NOTHING, "see sending and closing");
    timeouts(table);

    let half = || poll::WebSocket::from_driver(Cursor::new(Vec::new()), open_connection()).split();
    let ((sender, _), (_, receiver)) = (half(), half());
    let error = sender.reunite(receiver).unwrap_err();
    let cause = "two halves of different sockets are put together";
    table.single(
        "ReuniteError",
        &error,
        cause,
        NOTHING,
        "pass the halves of one socket; the error gives both back",
    );
}

fn open_connection() -> Connection {
    Connection::server(&Config::default())
}

fn timeouts(table: &mut Table) {
    let mut socket = WebSocket::from_driver(Script::default(), open_connection());
    socket.set_read_timeout(Some(Duration::from_millis(1)));
    let cause = "`recv` or `close` of the blocking adapter waits for too long";
    let read = timeout(table, socket.recv().unwrap_err(), cause, "call it again");
    assert_eq!(read, Timeout::Read { limit: Duration::from_millis(1) });
    let mut socket = WebSocket::from_driver(Plain(Script::default()), open_connection());
    let cause = "a stream does not wait, or has a timeout of its own";
    let remedy = "call it again; make the stream a `Transport`, or set it to be blocking";
    timeout(table, socket.recv().unwrap_err(), cause, remedy);
    let config = Config::default().write_timeout(Duration::from_millis(10));
    let stuck = Script { is_stuck: true, ..Script::default() };
    let mut socket = WebSocket::from_driver(stuck, Connection::server(&config));
    let cause = "a deadline passes while a call waits to write";
    let remedy = "call `recv` until it says which deadline";
    timeout(table, socket.send("stuck").unwrap_err(), cause, remedy);
}

pub(crate) fn timeout(
    table: &mut Table,
    error: Error,
    cause: &'static str,
    remedy: &'static str,
) -> Timeout {
    let Error::Timeout(timeout) = error else { panic!("{error}") };
    table.variant("Timeout", &timeout, cause, NOTHING, remedy);
    table.variant("Error", &error, cause, NOTHING, remedy);
    timeout
}

/// Drives a driver over a transport that takes everything to its end.
/// Runs a driver to its error. Returns that, and what the peer is told.
fn end(driver: &mut Driver) -> (DriverError, Vec<u8>) {
    let mut written = Vec::new();
    let error = loop {
        match driver.poll_event() {
            Ok(Next::Wait) => {}
            Ok(Next::Event(Event::Closed(closed), _)) => panic!("{closed}"),
            Ok(_) => continue,
            Err(error) => break error,
        }
        write_all(driver, &mut written);
        driver.handle_read_error();
    };
    write_all(driver, &mut written);
    (error, written)
}

fn write_all(driver: &mut Driver, written: &mut Vec<u8>) {
    while let Some(wanted) = driver.want_write() {
        let len = match wanted {
            Write::Bytes(output) => {
                written.extend_from_slice(output.chunk());
                output.chunk().len()
            }
            Write::Flush | Write::Shutdown => 0,
        };
        driver.handle_written(len);
    }
}

/// A stream without a socket: it delivers what is given, then it would block.
#[derive(Debug, Default)]
struct Script {
    reads: VecDeque<Result<Vec<u8>, ErrorKind>>,
    is_broken: bool,
    is_stuck: bool,
}

impl Read for Script {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.reads.pop_front().unwrap_or(Err(ErrorKind::WouldBlock))?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl io::Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self { is_broken: true, .. } => Err(ErrorKind::BrokenPipe.into()),
            Self { is_stuck: true, .. } => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Script {
    fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}
