//! One driver whose transport, clock and application are played by hand.

use core::time::Duration;

use bytes::Buf;
use sanswire::driver::{Driver, DriverError, Next, Write};
use sanswire::handshake::{Acceptance, ClientRequest, Request};
use sanswire::{Closed, Config, Connection, Event, Message, Role};

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

pub(crate) const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

/// The answer to the request of [`Hand::connecting`].
pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

/// What came of a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Binary(Vec<u8>),
    Closed(Closed),
    Writable,
    Failed(DriverError),
    Over,
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Request,
    Response,
    Text(String),
    Yield,
}

/// What was done with the sending side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Flush,
    Shutdown,
    Wrote(Vec<u8>),
}

pub(crate) struct Hand {
    pub(crate) driver: Driver,
    pub(crate) now: Duration,
    /// Whether reads tell the time only where it is asked for.
    pub(crate) is_lazy: bool,
    pub(crate) request: Option<Box<Request>>,
    pub(crate) written: Vec<u8>,
    /// The answer to each message, if there is one.
    pub(crate) answer: Option<Vec<u8>>,
    pub(crate) refused: usize,
}

impl Hand {
    pub(crate) fn new(driver: Driver) -> Self {
        Self {
            driver,
            now: Duration::ZERO,
            is_lazy: false,
            request: None,
            written: Vec::new(),
            answer: None,
            refused: 0,
        }
    }

    pub(crate) fn accepting(config: &Config) -> Self {
        Self::new(Driver::server(config))
    }

    pub(crate) fn connecting(config: &Config) -> Self {
        let request = ClientRequest::new("server.example.com", "/chat").unwrap();
        Self::new(Driver::client(&request, config, *b"the sample nonce", [7; 32]))
    }

    /// A server that has the request and has not answered it.
    pub(crate) fn asked(config: &Config) -> Self {
        let mut hand = Self::accepting(config);
        hand.settle();
        assert_eq!(hand.read(REQUEST), REQUEST.len());
        assert_eq!(hand.take(), [Told::Request]);
        hand
    }

    /// An open end with nothing left to write.
    pub(crate) fn open(role: Role, config: &Config) -> Self {
        let mut hand = match role {
            Role::Client => {
                let mut hand = Self::connecting(config);
                hand.settle();
                assert_eq!(hand.read(RESPONSE), RESPONSE.len());
                assert_eq!(hand.take(), [Told::Response]);
                hand
            }
            Role::Server => {
                let mut hand = Self::asked(config);
                hand.accept(&Acceptance::new()).unwrap();
                assert!(hand.take().is_empty());
                hand
            }
        };
        hand.settle();
        assert!(hand.driver.is_written());
        hand.written.clear();
        hand
    }

    pub(crate) fn accept(
        &mut self,
        acceptance: &Acceptance,
    ) -> Result<(), sanswire::handshake::HandshakeError> {
        let request = self.request.take().unwrap();
        let accepted = self.driver.accept(&request, acceptance);
        self.request = Some(request);
        accepted
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.driver.connection()
    }

    /// Takes one thing that is told; `None` is to wait.
    pub(crate) fn next(&mut self) -> Option<Told> {
        let had_event = self.driver.has_event();
        let told = match self.driver.poll_event() {
            Err(error) => Told::Failed(error),
            Ok(Next::Event(event, mut commands)) => {
                if let (Some(answer), Event::Binary(_) | Event::Text(_)) = (&self.answer, &event) {
                    self.refused += usize::from(commands.send(&answer[..]).is_err());
                }
                Told::from(event)
            }
            Ok(Next::Over) => Told::Over,
            Ok(Next::Request(request)) => {
                self.request = Some(request);
                Told::Request
            }
            Ok(Next::Response(_)) => Told::Response,
            Ok(Next::Wait) => {
                assert!(!self.driver.has_event(), "there is an event, and there is none");
                return None;
            }
            Ok(Next::Yield) => Told::Yield,
        };
        assert!(had_event || told == Told::Yield, "{told:?} came unannounced");
        Some(told)
    }

    /// Takes all that is told until it is to wait, or over.
    pub(crate) fn take(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(told) = self.next() {
            let is_last = matches!(told, Told::Failed(_) | Told::Over);
            all.push(told);
            if is_last {
                break;
            }
        }
        all
    }

    /// Reads once as much of `bytes` as there is room for; returns how much that was.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> usize {
        let Some(mut input) = self.driver.want_read() else { return 0 };
        let spare = input.spare_mut();
        let len = spare.len().min(bytes.len());
        spare[..len].copy_from_slice(&bytes[..len]);
        input.commit(len);
        if self.is_lazy {
            self.driver.handle_read_with(len, || self.now);
        } else {
            self.driver.handle_read(len, self.now);
        }
        len
    }

    /// Reads until nothing is wanted or `bytes` are over, without taking any event.
    pub(crate) fn read_ahead(&mut self, bytes: &[u8]) -> usize {
        let mut len = 0;
        while len < bytes.len() {
            match self.read(&bytes[len..]) {
                0 => break,
                read => len += read,
            }
        }
        len
    }

    pub(crate) fn eof(&mut self) {
        self.driver.handle_read(0, self.now);
    }

    /// Returns how much was read and not processed; `None` when nothing is to be read.
    pub(crate) fn waiting(&mut self) -> Option<usize> {
        self.driver.want_read().map(|input| input.len())
    }

    /// Does once what is wanted of the sending side, of which it takes `most` bytes.
    pub(crate) fn write(&mut self, most: usize) -> Option<Did> {
        let is_wanted = self.driver.wants_write();
        let wanted = self.driver.want_write();
        assert_eq!(wanted.is_some(), is_wanted);
        let did = match wanted? {
            Write::Bytes(output) => {
                assert!(output.has_remaining());
                let chunk = output.chunk();
                Did::Wrote(chunk[..chunk.len().min(most)].to_vec())
            }
            Write::Flush => Did::Flush,
            Write::Shutdown => Did::Shutdown,
        };
        let len = if let Did::Wrote(bytes) = &did { bytes.len() } else { 0 };
        self.driver.handle_written(len);
        if let Did::Wrote(bytes) = &did {
            self.written.extend(bytes);
        }
        Some(did)
    }

    /// Does all that is wanted of the sending side.
    pub(crate) fn write_all(&mut self) -> Vec<Did> {
        core::iter::from_fn(|| self.write(usize::MAX)).collect()
    }

    /// Writes all bytes that there are to a transport that cannot flush them.
    pub(crate) fn write_unflushed(&mut self) {
        while let Some(Write::Bytes(output)) = self.driver.want_write() {
            let len = output.remaining();
            self.driver.handle_written(len);
        }
    }

    /// Takes events and writes until there is nothing to do but wait, and returns what was told.
    pub(crate) fn settle(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        for _ in 0..100_000 {
            let told = self.take();
            let is_over = matches!(told.last(), Some(Told::Failed(_) | Told::Over));
            all.extend(told);
            if is_over {
                return all;
            }
            if !self.write_all().is_empty() {
                continue;
            }
            if self.driver.poll_timeout().map(Duration::from).is_none_or(|at| at > self.now) {
                return all;
            }
            self.driver.handle_timeout(self.now);
        }
        panic!("nothing moves, and it is not to wait");
    }

    /// Lets time pass up to `now`, calling at every deadline, and returns what was told.
    pub(crate) fn pass_until(&mut self, now: Duration) -> Vec<Told> {
        let mut all = self.settle();
        while let Some(at) = self.driver.poll_timeout().map(Duration::from)
            && at <= now
        {
            assert!(at > self.now);
            self.now = at;
            self.driver.handle_timeout(at);
            all.extend(self.settle());
        }
        self.now = now;
        self.driver.handle_timeout(now);
        if !matches!(all.last(), Some(Told::Failed(_) | Told::Over)) {
            all.extend(self.settle());
        }
        all
    }

    /// As [`pass_until`](Self::pass_until), while the transport takes nothing.
    pub(crate) fn pass_stuck_until(&mut self, now: Duration) -> Vec<Told> {
        let mut all = Vec::new();
        for _ in 0..10_000 {
            all.extend(self.take());
            if matches!(all.last(), Some(Told::Failed(_) | Told::Over)) {
                return all;
            }
            // Asked and not done.
            let _ = self.driver.want_write();
            match self.driver.poll_timeout().map(Duration::from) {
                Some(at) if at <= now => {
                    self.now = self.now.max(at);
                    self.driver.handle_timeout(self.now);
                }
                _ if self.driver.has_event() => {}
                _ => {
                    self.now = now;
                    self.driver.handle_timeout(now);
                    all.extend(self.take());
                    return all;
                }
            }
        }
        panic!("time does not pass");
    }

    /// Takes the frames that were written since the last time: first bytes and payloads.
    pub(crate) fn frames(&mut self) -> Vec<(u8, Vec<u8>)> {
        frames(&core::mem::take(&mut self.written))
    }

    /// Frames as the peer sends them.
    pub(crate) fn by_peer(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        frame(self.connection().role().peer(), first, payload)
    }
}

impl From<Event<'_>> for Told {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Closed(closed) => Self::Closed(closed),
            Event::Writable(_) => Self::Writable,
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            event => match event.into_message().unwrap() {
                Message::Text(text) => Self::Text(text.as_str().into()),
                message => Self::Binary(message.as_bytes().to_vec()),
            },
        }
    }
}

/// A frame as `sender` sends it; masked by zeros, which change nothing.
pub(crate) fn frame(sender: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if sender == Role::Client { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(mask | u8::try_from(len).unwrap()),
        len @ 126..65_536 => {
            bytes.push(mask | 126);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(mask | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    if sender == Role::Client {
        bytes.extend([0; 4]);
    }
    bytes.extend(payload);
    bytes
}

/// Takes whole frames apart, masked or not.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (len, rest) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()), &rest[8..]),
            len => (len.into(), rest),
        };
        let (key, rest) = if second & 0x80 == 0 { (&[0; 4][..], rest) } else { rest.split_at(4) };
        let (payload, rest) = rest.split_at(usize::try_from(len).unwrap());
        let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        all.push((*first, payload.collect()));
        bytes = rest;
    }
    assert!(bytes.is_empty());
    all
}

/// The body of a Close frame.
pub(crate) fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// How a connection ended that was closed by this end or the other.
#[track_caller]
pub(crate) fn assert_closed(told: &Told, code: u16) {
    match told {
        Told::Closed(closed) => assert!(closed.clean && closed.code.as_u16() == code, "{closed:?}"),
        told => panic!("{told:?} instead of Closed"),
    }
}
