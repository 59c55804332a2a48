//! `Driver` in both roles: any bytes, splits, faults of the transport and commands in any order end
//! in bounded steps; what is delivered is what a `Connection` delivers, and what is written is one
//! head of HTTP and sound frames.
#![no_main]

use core::time::Duration;
use std::num::NonZeroUsize;

use bytes::Buf;
use libfuzzer_sys::fuzz_target;
use sanswire::driver::{Driver, DriverError, Next, Write};
use sanswire::handshake::{Acceptance, ClientRequest, Request, Response};
use sanswire::{AfterClose, Config, Connection, Event, Message, ReadyState, Role};
use sanswire_fuzz::oracle::{self, Outcome, Rules};
use sanswire_fuzz::{Input, http};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let config = Config::default()
        .after_close(input.one_of(&[AfterClose::Drop, AfterClose::Deliver]))
        .max_message_size(input.one_of(&[16 << 20, 1, 300]))
        .max_buffered(input.one_of(&[1 << 20, 0, 300, 2_000]))
        .low_water(input.one_of(&[256 << 10, 0, 100]))
        .fragment_size(NonZeroUsize::new(input.one_of(&[0, 7, 100])))
        .idle_timeout(input.one_of(&[None, Some(Duration::from_secs(3))]));
    let start = input.one_of(&[
        Start::Open,
        Start::Asked,
        Start::Nothing,
        Start::Answered,
        Start::Unanswered,
    ]);
    let actions = input.bytes();
    let stream = [start.head(), input.rest()].concat();

    let mut run = Run::new(start.driver(&config), &stream);
    run.answers = start == Start::Open;
    for action in actions.chunks(2) {
        run.act(action[0], action.get(1).copied().unwrap_or_default());
    }
    run.finish();
    if !start.head().is_empty() {
        run.agree_with_connection(&config, input.rest());
    }
    run.check_output();
});

/// What has come before the bytes of the input: of a request to a server or, in the last two, of a
/// response to a client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Open,
    Asked,
    Nothing,
    Answered,
    Unanswered,
}

impl Start {
    const fn role(self) -> Role {
        match self {
            Self::Open | Self::Asked | Self::Nothing => Role::Server,
            Self::Answered | Self::Unanswered => Role::Client,
        }
    }

    const fn head(self) -> &'static [u8] {
        match self {
            Self::Open | Self::Asked => REQUEST,
            Self::Answered => RESPONSE,
            Self::Nothing | Self::Unanswered => b"",
        }
    }

    fn driver(self, config: &Config) -> Driver {
        match self.role() {
            Role::Server => Driver::server(config),
            Role::Client => {
                let request = ClientRequest::new("server.example.com", "/chat").unwrap();
                Driver::client(&request, config, *b"the sample nonce", SEED)
            }
        }
    }
}

struct Run<'a> {
    driver: Driver,
    stream: &'a [u8],
    now: Duration,
    request: Option<Box<Request>>,
    has_response: bool,
    /// Whether a request is accepted at once.
    answers: bool,
    echoes: bool,
    written: Vec<u8>,
    got: Vec<Message>,
    has_closed: bool,
    has_broken: bool,
    is_shut: bool,
    /// Whether nothing but what the peer sent may have ended it.
    is_undisturbed: bool,
    end: Option<Option<DriverError>>,
}

impl<'a> Run<'a> {
    fn new(driver: Driver, stream: &'a [u8]) -> Self {
        Self {
            driver,
            stream,
            now: Duration::ZERO,
            request: None,
            has_response: false,
            answers: false,
            echoes: false,
            written: Vec::new(),
            got: Vec::new(),
            has_closed: false,
            has_broken: false,
            is_shut: false,
            is_undisturbed: true,
            end: None,
        }
    }

    fn act(&mut self, action: u8, size: u8) {
        let len = 1 + usize::from(size);
        match action % 24 {
            0..4 => _ = self.take(len),
            4..8 => _ = self.read(len * 7),
            8..12 => _ = self.write(len * 3),
            12 => _ = self.driver.want_write().is_some(),
            13 => self.pass(Duration::from_millis(10 * u64::from(size))),
            14 => self.pass(Duration::from_millis(200 * u64::from(size))),
            15 => self.accept(size % 8 == 7),
            16 => _ = self.driver.commands().send(vec![size; len * 5]),
            17 => _ = self.driver.commands().ping(&vec![size; len]),
            18 => self.echoes = size % 2 == 0,
            19 => self.disturb(size),
            20 => self.driver.release_memory(),
            21 => _ = self.driver.commands().send("text"),
            22 => self.driver.handle_timeout(self.now),
            _ => self.answers = true,
        }
        self.check();
    }

    /// Does what may end it before the peer does, or nothing.
    fn disturb(&mut self, size: u8) {
        self.is_undisturbed &= matches!(size % 16, 6 | 8..);
        match size % 16 {
            0 => self.stream = b"",
            1 => self.driver.handle_read_error(),
            2 => {
                self.has_broken = true;
                self.driver.handle_write_error();
            }
            3 => _ = self.driver.reject(&Response::new(u16::from(size) * 2)),
            4 => _ = self.driver.shut_down(1001, "bye"),
            5 => _ = self.driver.commands().close(1000, "done"),
            6 => self.driver.handle_written(0),
            7 => self.driver.handle_read(0, self.now),
            _ => {}
        }
    }

    /// Takes up to `most` events; returns whether there may be more.
    fn take(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let had_event = self.driver.has_event();
            match self.driver.poll_event() {
                Ok(Next::Event(event, mut commands)) => {
                    assert!(had_event && !self.has_closed && self.end.is_none(), "{event:?}");
                    match event {
                        Event::Closed(_) => self.has_closed = true,
                        Event::Text(text) => {
                            assert!(str::from_utf8(text.as_str().as_bytes()).is_ok());
                            if self.echoes {
                                let _ = commands.send(&text);
                            }
                            self.got.push(text.into());
                        }
                        Event::Binary(payload) => {
                            if self.echoes {
                                let _ = commands.send(&payload);
                            }
                            self.got.push(payload.into());
                        }
                        _ => {}
                    }
                }
                Ok(Next::Request(request)) => {
                    assert!(had_event && self.request.is_none());
                    self.request = Some(request);
                    if self.answers {
                        self.accept(false);
                    }
                }
                Ok(Next::Response(response)) => {
                    assert!(had_event && !self.has_response && response.status() == 101);
                    self.has_response = true;
                    assert_eq!(self.driver.connection().role(), Role::Client);
                }
                Ok(Next::Wait) => {
                    assert!(!self.driver.has_event() && self.end.is_none());
                    return false;
                }
                Ok(Next::Yield) => {}
                Ok(Next::Over) => {
                    assert!(had_event && self.has_closed);
                    assert!(self.end.get_or_insert(None).is_none());
                    return false;
                }
                Err(error) => {
                    assert!(had_event && !self.has_closed, "{error:?}");
                    let told = self.end.get_or_insert_with(|| Some(error.clone()));
                    assert_eq!(*told, Some(error), "an error is sticky");
                    return false;
                }
            }
        }
        true
    }

    fn accept(&mut self, is_bad: bool) {
        let Some(request) = &self.request else { return };
        let mut acceptance = Acceptance::new();
        if is_bad {
            self.is_undisturbed = false;
            acceptance = acceptance.subprotocol("not-offered");
        }
        let _ = self.driver.accept(request, &acceptance);
    }

    fn read(&mut self, most: usize) -> bool {
        let Some(mut input) = self.driver.want_read() else { return false };
        let spare = input.spare_mut();
        let len = spare.len().min(most).min(self.stream.len());
        if len == 0 {
            return false;
        }
        spare[..len].copy_from_slice(&self.stream[..len]);
        input.commit(len);
        self.stream = &self.stream[len..];
        self.driver.handle_read(len, self.now);
        true
    }

    fn write(&mut self, most: usize) -> bool {
        assert_eq!(self.driver.wants_write(), self.driver.want_write().is_some());
        let len = match self.driver.want_write() {
            None => return false,
            Some(Write::Bytes(output)) => {
                let chunk = output.chunk();
                assert!(!chunk.is_empty());
                let len = chunk.len().min(most);
                self.written.extend_from_slice(&chunk[..len]);
                len
            }
            Some(Write::Flush) => 0,
            Some(Write::Shutdown) => {
                assert!(!self.is_shut, "shut down twice");
                self.is_shut = true;
                0
            }
        };
        assert!(!self.has_broken, "nothing can be written");
        self.driver.handle_written(len);
        true
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        if self.driver.poll_timeout().is_some_and(|at| at <= self.now.into()) {
            self.is_undisturbed = false;
            self.driver.handle_timeout(self.now);
        }
    }

    /// What always holds.
    fn check(&mut self) {
        assert_eq!(self.driver.wants_read(), self.driver.want_read().is_some());
        if self.end.is_some() {
            assert!(self.driver.want_write().is_none() && self.driver.want_read().is_none());
            assert!(self.driver.poll_timeout().is_none() && self.driver.has_event());
        }
        if self.driver.is_overdue() {
            assert!(self.driver.has_event() && self.driver.poll_timeout().is_none());
        }
    }

    /// Goes on until it is over: the peer sends the rest, reads all, and goes.
    fn finish(&mut self) {
        self.answers = true;
        let mut idle = 0;
        for _ in 0..1_000_000 {
            while self.take(1_000) {}
            self.check();
            if self.end.is_some() {
                return;
            }
            if self.driver.connection().ready_state() == ReadyState::Connecting {
                self.accept(false);
            }
            let mut has_moved = false;
            while self.write(usize::MAX) {
                has_moved = true;
            }
            if self.driver.has_event() {
                continue;
            }
            if self.read(usize::MAX) {
                has_moved = true;
            } else if self.stream.is_empty() && self.driver.wants_read() {
                self.driver.handle_read(0, self.now);
                has_moved = true;
            } else if let Some(at) = self.driver.poll_timeout().map(Duration::from) {
                idle = if at > self.now { 0 } else { idle + 1 };
                assert!(idle < 10, "it is told the time again and again");
                self.now = self.now.max(at);
                self.driver.handle_timeout(self.now);
                has_moved = true;
            }
            assert!(has_moved || self.driver.has_event(), "it waits for nothing");
        }
        panic!("it does not end");
    }

    /// What was delivered is what a connection delivers, or the beginning of it if something else may
    /// have ended the driver.
    fn agree_with_connection(&self, config: &Config, frames: &[u8]) {
        let mut connection = match self.driver.connection().role() {
            Role::Server => Connection::server(config),
            Role::Client => Connection::client(config, SEED),
        };
        connection.input().extend_from_slice(frames);
        let mut got = Vec::new();
        while let Ok(Some((event, _))) = connection.poll_event() {
            got.extend(event.into_message());
        }
        assert!(got.starts_with(&self.got), "{:?} of {got:?}", self.got);
        assert!(!self.is_undisturbed || got == self.got, "{:?} of {got:?}", self.got);
    }

    fn check_output(&self) {
        let end = self.written.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let Some(end) = end.map(|at| at + 4) else {
            assert!(!self.is_shut || self.written.is_empty());
            return;
        };
        let role = self.driver.connection().role();
        if role == Role::Client {
            assert!(self.written.starts_with(b"GET /chat HTTP/1.1\r\n"));
            // One that was not let in says nothing more.
            assert!(self.has_response || self.written.len() == end);
        } else if !self.written.starts_with(b"HTTP/1.1 101 ") {
            // Time may have run out before all of it was written.
            if self.is_shut {
                http::check_response(&self.written);
            }
            return;
        }
        let rules = Rules::unlimited(role);
        let (frames, faults) = oracle::frames(&self.written[end..], rules);
        assert!(faults.is_empty(), "{faults:?}");
        oracle::check_behind_close(&frames);
        if let (_, Outcome::Faults(faults)) = oracle::receive(&self.written[end..], rules) {
            panic!("{faults:?}");
        }
    }
}

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

const SEED: [u8; 32] = [7; 32];
