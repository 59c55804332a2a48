//! An application by a plan: what it sends, what it answers, when it closes, and all that it got.

use core::time::Duration;
use std::collections::VecDeque;

use sanswire::driver::Driver;
#[cfg(feature = "deflate")]
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{Acceptance, ClientRequest, HeadLimits, Request, Response};
use sanswire::{Commands, Config, Event, Message, MessageKind, ReadyState, Role, SendError};

use crate::hand::Hand;

/// What an application is going to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) limits: HeadLimits,
    pub(crate) is_deflated: bool,
    pub(crate) answer: Answer,
    pub(crate) sends: Vec<Piece>,
    pub(crate) echoes: bool,
    pub(crate) close: Close,
    /// Until when it neither reads nor asks for events.
    pub(crate) deaf_until: Duration,
}

/// How a request is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Accept,
    AcceptAt(Duration),
    /// By the request of somebody else.
    AcceptForeign,
    AcceptUnoffered,
    Reject(u16),
}

#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Message(Message),
    Ping,
    /// In parts of so many bytes.
    Stream(Message, usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Close {
    At(Duration),
    /// Once so many messages have arrived, and all is queued.
    Behind(usize),
    Never,
    ShutDownAt(Duration),
}

pub(crate) struct App {
    pub(crate) plan: Plan,
    queue: VecDeque<Piece>,
    /// How much of the message that is sent in parts is sent.
    begun: Option<usize>,
    request: Option<Box<Request>>,
    has_closed: bool,
    /// What was accepted to be sent, in order.
    pub(crate) sent: Vec<Message>,
    pub(crate) got: Vec<Message>,
    arriving: Option<(MessageKind, Vec<u8>)>,
    pub(crate) pongs: usize,
    /// Most payload that ever waited to be written.
    pub(crate) most_buffered: usize,
}

impl Plan {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::default(),
            limits: HeadLimits::default(),
            is_deflated: false,
            answer: Answer::Accept,
            sends: Vec::new(),
            echoes: false,
            close: Close::Never,
            deaf_until: Duration::ZERO,
        }
    }

    pub(crate) fn driver(&self, role: Role) -> Driver {
        match role {
            Role::Client => {
                let mut request = ClientRequest::new("server.example.com", "/chat").unwrap();
                request = request.head_limits(self.limits.clone());
                #[cfg(feature = "deflate")]
                if self.is_deflated {
                    request = request.deflate(&DeflateConfig::default());
                }
                Driver::client(&request, &self.config, *b"the sample nonce", [7; 32])
            }
            Role::Server => Driver::server_with(&self.limits, &self.config),
        }
    }
}

impl App {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            queue: plan.sends.iter().cloned().collect(),
            plan: plan.clone(),
            begun: None,
            request: None,
            has_closed: false,
            sent: Vec::new(),
            got: Vec::new(),
            arriving: None,
            pongs: 0,
            most_buffered: 0,
        }
    }

    pub(crate) fn push(&mut self, piece: Piece) {
        self.queue.push_back(piece);
    }

    pub(crate) fn note_request(&mut self, request: Box<Request>) {
        assert!(self.request.replace(request).is_none(), "two requests");
    }

    pub(crate) fn handle(&mut self, event: Event<'_>, commands: &mut Commands<'_>) {
        let message: Message = match event {
            Event::Chunk(chunk) => {
                assert_eq!(chunk.is_first, self.arriving.is_none());
                let arriving = self.arriving.get_or_insert_with(|| (chunk.kind, Vec::new()));
                arriving.1.extend_from_slice(&chunk.payload);
                if !chunk.is_last {
                    return;
                }
                match self.arriving.take().unwrap() {
                    (MessageKind::Binary, bytes) => bytes.into(),
                    (MessageKind::Text, bytes) => String::from_utf8(bytes).unwrap().into(),
                }
            }
            Event::Text(text) => {
                assert!(str::from_utf8(text.as_str().as_bytes()).is_ok());
                Message::from(text)
            }
            Event::Binary(payload) => payload.into(),
            Event::Pong(_) => {
                self.pongs += 1;
                return;
            }
            Event::Writable(writable) => return assert_eq!(writable.dropped_messages, 0),
            Event::Ping(_) => return,
            event => panic!("{event:?}"),
        };
        self.got.push(message.clone());
        if self.plan.echoes {
            self.send(message, commands);
        }
    }

    /// Whether all was sent.
    pub(crate) fn is_done(&self) -> bool {
        self.queue.is_empty() && self.begun.is_none()
    }

    fn send(&mut self, message: Message, commands: &mut Commands<'_>) {
        if !self.queue.is_empty() {
            return self.queue.push_back(Piece::Message(message));
        }
        match commands.send(message.clone()) {
            Ok(()) => self.sent.push(message),
            Err(refused) => match refused.error {
                SendError::Full { .. } => {
                    assert!(!commands.has_room());
                    self.queue.push_back(Piece::Message(refused.message.unwrap()));
                }
                error => assert_eq!(error, SendError::Closed),
            },
        }
    }

    /// Does what there is to do; returns whether it was anything.
    pub(crate) fn act(&mut self, driver: &mut Driver, now: Duration) -> bool {
        let mut has_acted = self.answer(driver, now);
        if driver.connection().ready_state() == ReadyState::Connecting {
            if let Close::ShutDownAt(at) = self.plan.close
                && at <= now
                && !self.has_closed
            {
                self.has_closed = true;
                driver.shut_down(1001, "bye").unwrap();
                has_acted = true;
            }
            return has_acted;
        }
        while let Some(piece) = self.queue.pop_front() {
            match self.put(&piece, &mut driver.commands()) {
                Ok(true) => has_acted = true,
                Ok(false) => {
                    has_acted = true;
                    self.queue.push_front(piece);
                }
                Err(SendError::Full { .. }) => {
                    self.queue.push_front(piece);
                    break;
                }
                Err(error) => {
                    assert_eq!(error, SendError::Closed);
                    self.queue.clear();
                    self.begun = None;
                }
            }
        }
        let buffered = driver.connection().buffered_amount();
        self.most_buffered = self.most_buffered.max(buffered);
        let is_time = match self.plan.close {
            Close::At(at) | Close::ShutDownAt(at) => at <= now,
            Close::Behind(count) => self.queue.is_empty() && self.got.len() >= count,
            Close::Never => false,
        };
        if is_time && !self.has_closed {
            self.has_closed = true;
            has_acted = true;
            match self.plan.close {
                Close::ShutDownAt(_) => driver.shut_down(1001, "bye").unwrap(),
                Close::At(_) | Close::Behind(_) | Close::Never => {
                    driver.commands().close(1000, "done").unwrap();
                }
            }
        }
        has_acted
    }

    fn answer(&mut self, driver: &mut Driver, now: Duration) -> bool {
        let Some(request) = &self.request else { return false };
        #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "deflate adds one"))]
        let mut acceptance = Acceptance::new();
        #[cfg(feature = "deflate")]
        if self.plan.is_deflated {
            acceptance = acceptance.deflate(&DeflateConfig::default());
        }
        match self.plan.answer {
            Answer::AcceptAt(at) if at > now => return false,
            Answer::Accept | Answer::AcceptAt(_) => {
                // Nothing is wrong with it; it may have been shut down.
                let _ = driver.accept(request, &acceptance);
            }
            Answer::AcceptForeign => {
                let mut other = Hand::accepting(&Config::default());
                other.read(
                    str::replace(str::from_utf8(crate::hand::REQUEST).unwrap(), "dGhl", "eHhl")
                        .as_bytes(),
                );
                other.take();
                driver.accept(&other.request.unwrap(), &acceptance).unwrap();
            }
            Answer::AcceptUnoffered => {
                assert!(driver.accept(request, &acceptance.subprotocol("chat")).is_err());
            }
            Answer::Reject(status) => {
                driver.reject(&Response::new(status).text("no")).unwrap();
            }
        }
        self.request = None;
        true
    }

    /// Sends a piece, or a part of it; returns whether that was all.
    fn put(&mut self, piece: &Piece, commands: &mut Commands<'_>) -> Result<bool, SendError> {
        match piece {
            Piece::Message(message) => {
                commands.send(message)?;
                self.sent.push(message.clone());
            }
            Piece::Ping => commands.ping(b"hello")?,
            Piece::Stream(message, size) => {
                let Some(at) = self.begun else {
                    commands.begin(message.kind())?;
                    self.begun = Some(0);
                    return Ok(false);
                };
                let rest = &message.as_bytes()[at..];
                if rest.is_empty() {
                    commands.finish()?;
                    self.begun = None;
                    self.sent.push(message.clone());
                    return Ok(true);
                }
                let len = rest.len().min(*size);
                commands.send_chunk(&rest[..len])?;
                self.begun = Some(at + len);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// When there is something to do that nothing but time brings.
    pub(crate) fn until(&self, now: Duration) -> Option<Duration> {
        let close = match self.plan.close {
            Close::At(at) | Close::ShutDownAt(at) if !self.has_closed => Some(at),
            Close::At(_) | Close::Behind(_) | Close::Never | Close::ShutDownAt(_) => None,
        };
        let answer = match (&self.request, self.plan.answer) {
            (Some(_), Answer::AcceptAt(at)) => Some(at),
            _ => None,
        };
        let deaf = Some(self.plan.deaf_until);
        close.into_iter().chain(answer).chain(deaf).filter(|at| *at > now).min()
    }
}

/// A message of `len` bytes that tells its number.
pub(crate) fn binary(number: usize, len: usize) -> Message {
    let mut bytes: Vec<u8> =
        (0..len).map(|at| ((at / 7 + number * 31) % 251).to_le_bytes()[0]).collect();
    for (byte, digit) in bytes.iter_mut().zip(number.to_be_bytes()) {
        *byte = digit;
    }
    bytes.into()
}

pub(crate) fn text(number: usize, len: usize) -> Message {
    let mut text = format!("{number} Grüße €😀 ");
    while text.len() < len {
        text.push_str("wörter ");
    }
    text.into()
}
