//! Everything that can be called without I/O, in any order and mixed up: objects swapped, bytes of
//! one given to another, calls behind the end, time that runs backwards. Whatever is done, nothing
//! panics, no text is anything but UTF-8, and nothing follows the end.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::mem::swap;
use core::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use sanswire::delivery::{self, DeliveryError, Limits, Session, SessionId};
#[cfg(feature = "deflate")]
use sanswire::extension::DeflateConfig;
use sanswire::frame::Decoder;
use sanswire::handshake::{
    Acceptance, ClientHandshake, ClientRequest, ExtendedConnect, HandshakeError, HeadLimits,
    HttpVersion, Request, Response, ServerHandshake,
};
use sanswire::whatwg::{self, WebSocketObject};
use sanswire::{
    AfterClose, Commands, Config, Connection, ConnectionError, Event, Input, Message, MessageKind,
    PingWhen, PongMode, Prepared, ReadyState, Reassembly, Refused, Role, SendError, SpareBuffers,
    TransmitBuf, Utf8Validator, WhenFull,
};

use crate::support::{
    BINARY, BOTH, CLOSE, CONTINUATION, FIN, PING, PONG, Random, TEXT, frame, from, sent_by,
};

proptest! {
    #[test]
    fn no_order_of_calls_breaks_a_promise(steps in vec(any::<u64>(), 1..300)) {
        let mut world = World::new();
        for step in steps {
            world.step(&mut Random::new(step));
        }
        world.end();
    }
}

/// Some of each object, and what has come out of them.
struct World {
    connections: Vec<End>,
    decoders: Vec<Decoding>,
    servers: Vec<Serving>,
    clients: Vec<Asking>,
    pages: Vec<Page>,
    sessions: Vec<Talking>,
    validators: Vec<Validating>,
    prepared: Vec<Prepared>,
    requests: Vec<Request>,
    messages: Vec<Message>,
    /// Bytes that go to any input.
    scraps: Vec<Vec<u8>>,
    /// What the connections leave to each other.
    spare: SpareBuffers,
    /// What was taken, and what it was then.
    kept: Vec<(Bytes, Vec<u8>)>,
}

impl World {
    fn new() -> Self {
        let mut random = Random::new(1);
        Self {
            connections: (0..4).map(|_| End::new(&mut random)).collect(),
            decoders: (0..2).map(|_| Decoding::new(&mut random)).collect(),
            servers: (0..2).map(|_| Serving::new(&mut random)).collect(),
            clients: (0..2).map(|_| Asking::new(&mut random)).collect(),
            pages: (0..2).map(|_| Page::new(&mut random)).collect(),
            sessions: (0..2).map(Talking::new).collect(),
            validators: (0..2).map(|_| Validating::default()).collect(),
            prepared: vec![Prepared::text("prepared"), Prepared::binary(&[7; 20_000])],
            requests: vec![multiplexed()],
            messages: vec![Message::from("text"), Message::from(vec![0xff; 40])],
            scraps: Vec::new(),
            spare: SpareBuffers::default(),
            kept: Vec::new(),
        }
    }

    fn step(&mut self, random: &mut Random) {
        let (i, j) = (random.below(4), random.below(4));
        let (at, other) = (i % 2, j % 2);
        match random.below(32) {
            0..10 => {
                let peer = self.connections[i].connection.role().peer();
                let bytes = match core::mem::take(&mut self.connections[i].pending) {
                    _ if random.below(20) == 0 => self.scrap(random),
                    pending if pending.is_empty() => from(peer, &frames(random)),
                    pending => pending,
                };
                let end = &mut self.connections[i];
                let (now, later) = bytes.split_at(match random.below(2) {
                    0 => random.below(bytes.len() + 1),
                    _ => bytes.len(),
                });
                end.pending = later.to_vec();
                feed(&mut end.connection.input(), now, random);
                self.poll(i, random);
                if self.connections[i].record.over.is_some() && random.below(4) == 0 {
                    self.connections[i].replace(random);
                }
            }
            10 => self.poll(i, random),
            11..14 => {
                let Self { connections, prepared, messages, .. } = self;
                let commands = &mut connections[i].connection.commands();
                command(commands, random, prepared, messages);
                connections[i].check();
            }
            14 => {
                let most = random.split(30_000);
                let bytes = self.connections[i].write(most);
                self.scraps.push(bytes);
            }
            15 => self.connections[i].call(random, &mut self.spare),
            16 => {
                let bytes = self.connections[i].replace(random);
                self.scraps.push(bytes);
            }
            17 => self.connections.swap(i, j),
            18 if i != j => self.swap_guards(i, j, random),
            18 => {}
            19 => {
                let bytes = self.scrap(random);
                self.decoders[at].feed(&bytes, random);
                if random.below(8) == 0 {
                    self.decoders[at] = Decoding::new(random);
                }
                self.decoders.swap(at, other);
            }
            20..23 => {
                let bytes = if random.below(2) == 0 { REQUEST.into() } else { self.scrap(random) };
                let bytes = self.cut(bytes, random);
                let Self { servers, requests, scraps, connections, .. } = self;
                servers[at].step(&bytes, random, requests, scraps, &mut connections[i]);
                servers.swap(at, other);
            }
            23..25 => {
                let bytes = if random.below(2) == 0 { RESPONSE.into() } else { self.scrap(random) };
                let bytes = self.cut(bytes, random);
                let Self { clients, scraps, connections, .. } = self;
                clients[at].step(&bytes, random, scraps, &mut connections[i]);
                clients.swap(at, other);
            }
            25..28 => {
                let is_connecting = self.pages[at].state == ReadyState::Connecting;
                let bytes = match random.below(12) {
                    0 => self.scrap(random),
                    1..7 if is_connecting => RESPONSE.into(),
                    _ => frames(random),
                };
                let bytes = self.cut(bytes, random);
                let Self { pages, scraps, .. } = self;
                pages[at].step(&bytes, random, scraps);
                pages.swap(at, other);
            }
            28..30 => (0..8).for_each(|_| self.talk(i, random)),
            30 => {
                let bytes = self.scrap(random);
                self.validators[at].push(&bytes);
                if random.below(4) == 0 {
                    self.validators[at] = Validating::default();
                }
                self.validators.swap(at, other);
            }
            _ => {
                let text = text(random);
                let prepared = match random.below(2) {
                    0 => Prepared::text(core::str::from_utf8(&text).unwrap_or("none")),
                    _ => Prepared::binary(&text),
                };
                self.prepared[at] = compressed(prepared, random);
            }
        }
    }

    /// Delivers what is left of everything, and looks at all that was taken.
    fn end(mut self) {
        let mut random = Random::new(2);
        for i in 0..self.connections.len() {
            self.poll(i, &mut random);
            let end = &mut self.connections[i];
            end.write(usize::MAX);
            end.connection.handle_eof();
            end.connection.handle_eof();
            self.poll(i, &mut random);
            let end = &mut self.connections[i];
            end.write(usize::MAX);
            assert_eq!(end.connection.ready_state(), ReadyState::Closed);
            assert!(end.record.over.is_some() && end.connection.closed().is_some());
            end.check_written();
        }
        for (bytes, before) in &self.kept {
            assert!(bytes == before, "what was taken has changed");
        }
    }

    /// Some bytes that are meant for anybody.
    fn scrap(&mut self, random: &mut Random) -> Vec<u8> {
        match random.below(6) {
            0 => frames(random),
            1 => from(Role::Client, &frames(random)),
            2 => text(random),
            _ if self.scraps.is_empty() => b"\xff\xff".to_vec(),
            _ => {
                let at = random.below(self.scraps.len());
                self.scraps.swap_remove(at)
            }
        }
    }

    /// Cuts off an end that comes later, to somebody.
    fn cut(&mut self, mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
        if random.below(8) == 0 {
            let rest = bytes.split_off(random.below(bytes.len() + 1));
            self.scraps.push(rest);
        }
        bytes
    }

    fn poll(&mut self, i: usize, random: &mut Random) {
        let Self { connections, prepared, messages, kept, .. } = self;
        connections[i].poll(random, prepared, messages, kept);
    }

    /// Has one of the sessions do something.
    fn talk(&mut self, i: usize, random: &mut Random) {
        let at = random.below(2);
        let Self { sessions, messages, connections, .. } = self;
        match random.below(24) {
            0 => sessions.iter_mut().for_each(Talking::connect),
            1 => sessions.swap(0, 1),
            2 => {
                let any = messages[random.below(messages.len())].clone();
                sessions[at].receive(any);
            }
            // What the other end has sent, in order.
            3..12 => {
                let sent = &mut sessions[1 - at].sent;
                let next: Vec<_> = sent.drain(..sent.len().min(1)).collect();
                next.into_iter().for_each(|next| sessions[at].receive(next));
            }
            _ => sessions[at].step(random, messages, &mut connections[i]),
        }
    }

    /// Has two connections lend what they can at once, and swaps what is lent.
    fn swap_guards(&mut self, i: usize, j: usize, random: &mut Random) {
        let Self { connections, prepared, messages, kept, .. } = self;
        let [one, other] = connections.get_disjoint_mut([i, j]).unwrap();
        let (first, second) = (&mut one.connection, &mut other.connection);
        match random.below(3) {
            0 => {
                let lens = [first.input().len(), second.input().len()];
                let (mut a, mut b) = (first.input(), second.input());
                swap(&mut a, &mut b);
                let bytes = frames(random);
                feed(&mut a, &bytes, random);
                assert_eq!([b.len(), a.len()], [lens[0], lens[1] + bytes.len()]);
            }
            1 => {
                let roles = [first.role(), second.role()];
                let (mut a, mut b) = (first.commands(), second.commands());
                swap(&mut a, &mut b);
                assert_eq!([b.role(), a.role()], roles);
                command(&mut a.reborrow(), random, prepared, messages);
                command(&mut b, random, prepared, messages);
            }
            _ => {
                let (mut a, mut b) = (first.poll_event(), second.poll_event());
                one.record.note(&a);
                other.record.note(&b);
                let before = [payload(&b), payload(&a)];
                swap(&mut a, &mut b);
                for (polled, before) in [a, b].into_iter().zip(before) {
                    assert!(payload(&polled) == before);
                    let Ok(Some((event, mut commands))) = polled else { continue };
                    if let Event::Text(text) = event {
                        let _ = commands.send(&text);
                        keep(kept, text.into_utf8_bytes().into_bytes(), before);
                    }
                }
            }
        }
        one.check();
        other.check();
    }
}

/// A connection and what it has said.
struct End {
    connection: Connection,
    record: Record,
    /// What comes next for it, if nothing else does.
    pending: Vec<u8>,
    /// What it has written, if all of that can be read: frames without compression.
    wrote: Option<Vec<u8>>,
}

/// What a connection has said.
struct Record {
    /// What has been delivered of a message in chunks.
    part: Option<(MessageKind, Vec<u8>)>,
    over: Option<Over>,
    state: ReadyState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Closed,
    Failed(ConnectionError),
}

type Polled<'a> = Result<Option<(Event<'a>, Commands<'a>)>, ConnectionError>;

impl Record {
    /// Nothing follows the end, and all that is text is UTF-8.
    fn note(&mut self, polled: &Polled<'_>) {
        let event = match polled {
            Err(error) => {
                let over = *self.over.get_or_insert(Over::Failed(*error));
                return assert_eq!(over, Over::Failed(*error), "another end");
            }
            Ok(None) => return assert!(!matches!(self.over, Some(Over::Failed(_))), "forgotten"),
            Ok(Some((event, _))) => event,
        };
        assert_eq!(self.over, None, "{event:?} behind the end");
        match event {
            Event::Chunk(chunk) => {
                assert_eq!(chunk.is_first, self.part.is_none());
                let (kind, mut part) = self.part.take().unwrap_or((chunk.kind, Vec::new()));
                assert_eq!(kind, chunk.kind);
                part.extend_from_slice(&chunk.payload);
                if kind == MessageKind::Text {
                    assert!(may_be_text(&part, chunk.is_last));
                }
                self.part = Some((kind, part)).filter(|_| !chunk.is_last);
            }
            Event::Closed(closed) => {
                assert!(may_be_text(closed.reason.as_bytes(), true));
                self.over = Some(Over::Closed);
            }
            Event::Writable(_) => assert_eq!(self.state, ReadyState::Open),
            Event::Ping(payload) | Event::Pong(payload) => assert!(payload.len() <= 125),
            Event::Text(text) => assert!(may_be_text(text.as_bytes(), true)),
            Event::Binary(_) | _ => {}
        }
    }
}

impl End {
    fn new(random: &mut Random) -> Self {
        let role = BOTH[random.below(2)];
        let config = config(random);
        let connection = match role {
            Role::Client => Connection::client(&config, [7; 32]),
            Role::Server => Connection::server(&config),
        };
        let end = Self::with(connection, Some(Vec::new()));
        if random.below(4) == 0 { end.deflating(random) } else { end }
    }

    fn with(connection: Connection, wrote: Option<Vec<u8>>) -> Self {
        let record = Record { part: None, over: None, state: connection.ready_state() };
        Self { connection, record, pending: Vec::new(), wrote }
    }

    /// Compresses from here on, whatever came before, as either role has agreed on it.
    #[cfg(feature = "deflate")]
    fn deflating(self, random: &mut Random) -> Self {
        let agreed = crate::support::deflate::plain_agreed(BOTH[random.below(2)]);
        Self { connection: self.connection.with_deflate(agreed), wrote: None, ..self }
    }

    #[cfg(not(feature = "deflate"))]
    fn deflating(self, _: &mut Random) -> Self {
        self
    }

    fn poll(
        &mut self,
        random: &mut Random,
        prepared: &[Prepared],
        messages: &mut Vec<Message>,
        kept: &mut Vec<(Bytes, Vec<u8>)>,
    ) {
        loop {
            let polled = self.connection.poll_event();
            self.record.note(&polled);
            let before = payload(&polled);
            let Ok(Some((event, mut commands))) = polled else { break };
            if random.below(3) == 0 {
                command(&mut commands, random, prepared, messages);
            }
            match (random.below(5), event) {
                (0, event) => {
                    let event = event.into_owned();
                    assert!(payload(&Ok(Some((event, commands)))) == before);
                }
                (1, event) => {
                    if let Some(message) = event.into_message() {
                        messages.push(message.clone());
                        keep(kept, message.into_bytes(), before);
                    }
                }
                (2, Event::Text(text)) => _ = commands.send(text),
                (2, Event::Binary(payload)) => _ = commands.send(payload),
                (_, Event::Text(text)) => {
                    let _ = commands.send(&text);
                    assert!(text.as_bytes() == before);
                }
                (_, Event::Binary(payload)) => {
                    let _ = commands.send_uncompressed(&payload);
                    assert!(*payload == before);
                }
                _ => {}
            }
        }
        self.check();
    }

    /// What is no command and does not make anything arrive.
    fn call(&mut self, random: &mut Random, spare: &mut SpareBuffers) {
        match random.below(16) {
            0 => self.connection.handle_eof(),
            1..6 => self.connection.handle_timeout(time(random)),
            6 => self.connection.release_memory(),
            7 => self.connection.release_memory_to(spare),
            15 => self.connection.reuse_memory(spare),
            8 => _ = format!("{:?}", self.connection),
            9 => {
                let old = core::mem::replace(self, Self::new(random));
                *self = old.deflating(random);
            }
            10 => {
                let old = core::mem::replace(self, Self::new(random));
                let connection = old.connection.with_negotiated("any", "");
                *self = Self { connection, ..old };
                assert_eq!(self.connection.protocol(), "any");
            }
            _ => {
                let connection = &self.connection;
                let _ = (connection.poll_timeout(), connection.round_trip_time());
                let _ = (connection.wants_read(), connection.buffered_amount());
                let _ = (connection.extensions(), connection.close_code());
            }
        }
        self.check();
    }

    /// Begins anew, and returns what had arrived and was not looked at.
    fn replace(&mut self, random: &mut Random) -> Vec<u8> {
        let mut old = core::mem::replace(self, Self::new(random));
        old.write(usize::MAX);
        old.check_written();
        old.connection.into_unprocessed().to_vec()
    }

    fn write(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < most
            && let Some(output) = self.connection.poll_transmit()
        {
            let len = output.chunk().len().min(most - bytes.len());
            assert!(len > 0);
            bytes.extend_from_slice(&output.chunk()[..len]);
            output.advance(len);
        }
        if let Some(wrote) = &mut self.wrote {
            wrote.extend_from_slice(&bytes);
        }
        bytes
    }

    /// The state goes only forward, and says what was said.
    fn check(&mut self) {
        let state = self.connection.ready_state();
        assert!(state >= self.record.state, "{:?} before {state:?}", self.record.state);
        self.record.state = state;
        match self.record.over {
            None => assert!(!self.connection.was_clean()),
            Some(Over::Closed) => {
                assert!(self.connection.was_clean() && state == ReadyState::Closed);
            }
            Some(Over::Failed(_)) => {
                assert!(!self.connection.was_clean() && state >= ReadyState::Closing);
            }
        }
    }

    /// All that it has written is what its role may send. The output is empty.
    fn check_written(&self) {
        if let Some(wrote) = &self.wrote {
            sent_by(self.connection.role(), wrote);
        }
    }
}

/// Calls any command, on a connection in any state.
fn command(
    commands: &mut Commands<'_>,
    random: &mut Random,
    prepared: &[Prepared],
    messages: &[Message],
) {
    let before = commands.ready_state();
    let bytes = text(random);
    let chosen = &prepared[random.below(prepared.len())];
    let message = &messages[random.below(messages.len())];
    let kind = [MessageKind::Binary, MessageKind::Text][random.below(2)];
    let lent = |refused: Refused| {
        assert_eq!(refused.message, None, "a copy of what was lent");
        refused.error
    };
    let owned = |refused: Refused| {
        assert_eq!(refused.message.as_ref(), Some(message), "it comes back");
        refused.error
    };
    let done: Result<(), SendError> = match random.below(20) {
        0..3 => commands.send(&bytes).map_err(lent),
        3..5 => commands.send(&*String::from_utf8_lossy(&bytes)).map_err(lent),
        5..7 => commands.send(message.clone()).map_err(owned),
        7 => commands.send_uncompressed(message).map_err(owned),
        8 => commands.send(chosen).map_err(lent),
        9 => commands.send_uncompressed(chosen).map_err(lent),
        10 => commands.begin(kind),
        11 => commands.begin_uncompressed(kind),
        12..14 => commands.send_chunk(&bytes),
        14 => commands.finish(),
        15 => commands.ping(&bytes),
        16 => commands.pong(&bytes),
        17 if random.below(4) == 0 => {
            let reason = String::from_utf8_lossy(&bytes);
            let code = u16::try_from(random.below(5_100)).unwrap();
            let closed = commands.close(code, &reason);
            assert!(closed.is_err() || commands.ready_state() >= ReadyState::Closing);
            return;
        }
        18 if random.below(4) == 0 => {
            commands.close(1005, "").unwrap();
            assert!(commands.ready_state() >= ReadyState::Closing);
            return;
        }
        _ => {
            let _ = (commands.has_room(), commands.buffered_amount(), commands.round_trip_time());
            let _ = (commands.protocol(), commands.closed(), format!("{commands:?}"));
            return;
        }
    };
    if before != ReadyState::Open {
        assert_eq!(done, Err(SendError::Closed), "sent behind the end");
    }
    assert!(commands.ready_state() >= before);
}

struct Decoding {
    decoder: Decoder,
    /// What is missing of a frame that has begun.
    missing: Option<u64>,
    has_failed: bool,
}

impl Decoding {
    fn new(random: &mut Random) -> Self {
        let mut decoder = Decoder::new(BOTH[random.below(2)]);
        if random.below(2) == 0 {
            decoder = decoder.max_piece(7.try_into().unwrap()).allow_rsv(0xff);
        }
        Self { decoder, missing: None, has_failed: false }
    }

    fn feed(&mut self, bytes: &[u8], random: &mut Random) {
        feed(&mut self.decoder.input(), bytes, random);
        if self.has_failed {
            // It is of no use any more, and does no harm.
            let _ = self.decoder.poll();
            return;
        }
        loop {
            let piece = match self.decoder.poll() {
                Ok(Some(piece)) => piece,
                Ok(None) => return,
                Err(_) => return self.has_failed = true,
            };
            assert_eq!(piece.is_first, self.missing.is_none());
            let missing = self.missing.unwrap_or(piece.header.payload_len);
            let missing = missing.checked_sub(piece.payload.len() as u64).unwrap();
            assert_eq!(piece.is_last, missing == 0);
            self.missing = Some(missing).filter(|missing| *missing > 0);
        }
    }
}

struct Serving {
    handshake: ServerHandshake,
    has_request: bool,
    error: Option<HandshakeError>,
}

impl Serving {
    fn new(random: &mut Random) -> Self {
        let handshake = ServerHandshake::new(&limits(random));
        Self { handshake, has_request: false, error: None }
    }

    fn step(
        &mut self,
        bytes: &[u8],
        random: &mut Random,
        requests: &mut Vec<Request>,
        scraps: &mut Vec<Vec<u8>>,
        end: &mut End,
    ) {
        match random.below(13) {
            0..6 => feed(&mut self.handshake.input(), bytes, random),
            6 if !requests.is_empty() => {
                // Perhaps another handshake's.
                let request = &requests[random.below(requests.len())];
                let mut acceptance = Acceptance::new();
                if random.below(3) == 0 {
                    acceptance = acceptance.subprotocol("chat");
                }
                let was_refused = self.handshake.is_refused();
                let accepted = self.handshake.accept(request, &acceptance);
                assert!(accepted.is_err() || self.handshake.is_open());
                if !was_refused && self.handshake.is_refused() {
                    self.error = accepted.err();
                    let of_http_2 = HandshakeError::UnsupportedHttpVersion("HTTP/2".into());
                    let fault = if request.version() == HttpVersion::Http2 {
                        Some(of_http_2)
                    } else {
                        request.check().err()
                    };
                    assert_eq!(self.error, fault);
                }
            }
            11 if !requests.is_empty() => {
                // As if another HTTP stack had parsed it.
                let request = &requests[random.below(requests.len())];
                let accepted = request.accept(&Acceptance::new(), &config(random));
                assert_eq!(accepted.as_ref().err(), request.check().err().as_ref());
                if let Ok((_, connection)) = accepted {
                    *end = End::with(connection, Some(Vec::new()));
                }
            }
            7 => {
                let status = u16::try_from(random.below(700)).unwrap();
                let _ = self.handshake.reject(&Response::new(status).text("no"));
            }
            8 => self.handshake.handle_eof(),
            9 => self.handshake.handle_timeout(time(random)),
            10 => scraps.extend(self.handshake.poll_transmit().map(take)),
            _ => {
                let mut old = core::mem::replace(self, Self::new(random)).handshake;
                let is_written = old.poll_transmit().is_none();
                let is_open = old.is_open();
                assert_eq!(old.negotiated().is_some(), is_open);
                let connection = old.into_connection(&config(random));
                assert_eq!(connection.is_some(), is_open);
                if let Some(connection) = connection {
                    *end = End::with(connection, is_written.then(Vec::new));
                }
                return;
            }
        }
        let _ = self.handshake.poll_timeout();
        match self.handshake.poll_request() {
            Ok(Some(request)) => {
                assert!(!self.has_request && self.error.is_none(), "a second request");
                self.has_request = true;
                requests.truncate(7);
                requests.push(request);
            }
            Ok(None) => assert_eq!(self.error, None, "an error is forgotten"),
            Err(error) => assert_eq!(*self.error.get_or_insert_with(|| error.clone()), error),
        }
        assert!(!(self.handshake.is_open() && self.handshake.is_refused()));
        assert!(self.error.is_none() || self.handshake.is_refused());
    }
}

struct Asking {
    handshake: ClientHandshake,
    has_opened: bool,
    error: Option<HandshakeError>,
}

impl Asking {
    fn new(random: &mut Random) -> Self {
        let handshake = ClientHandshake::new(&request(random), *b"the sample nonce");
        Self { handshake, has_opened: false, error: None }
    }

    fn step(
        &mut self,
        bytes: &[u8],
        random: &mut Random,
        scraps: &mut Vec<Vec<u8>>,
        end: &mut End,
    ) {
        match random.below(10) {
            0..6 => feed(&mut self.handshake.input(), bytes, random),
            6 => self.handshake.handle_eof(),
            7 => self.handshake.handle_timeout(time(random)),
            8 => scraps.extend(self.handshake.poll_transmit().map(take)),
            _ => {
                let mut old = core::mem::replace(self, Self::new(random)).handshake;
                let is_written = old.poll_transmit().is_none();
                let is_open = old.is_open();
                assert_eq!(old.negotiated().is_some(), is_open);
                let connection = old.into_connection(&config(random), [7; 32]);
                assert_eq!(connection.is_some(), is_open);
                if let Some(connection) = connection {
                    *end = End::with(connection, is_written.then(Vec::new));
                }
                return;
            }
        }
        let _ = self.handshake.poll_timeout();
        match self.handshake.poll_response() {
            Ok(Some(response)) => {
                assert!(!self.has_opened && self.error.is_none() && response.status() == 101);
                self.has_opened = true;
            }
            Ok(None) => assert_eq!(self.error, None, "an error is forgotten"),
            Err(error) => assert_eq!(*self.error.get_or_insert_with(|| error.clone()), error),
        }
        assert_eq!(self.handshake.is_open(), self.has_opened);
        assert!(!self.has_opened || self.error.is_none());
    }
}

struct Page {
    socket: WebSocketObject,
    last: Option<whatwg::DomEvent>,
    state: ReadyState,
}

impl Page {
    fn new(random: &mut Random) -> Self {
        let config = config(random);
        let socket = WebSocketObject::new(&request(random), &config, *b"the sample nonce", [7; 32]);
        Self { socket, last: None, state: ReadyState::Connecting }
    }

    fn step(&mut self, bytes: &[u8], random: &mut Random, scraps: &mut Vec<Vec<u8>>) {
        match random.below(24) {
            0..12 => feed(&mut self.socket.input(), bytes, random),
            12..14 => {
                let sent = self.socket.send(text(random));
                assert_eq!(sent.is_err(), self.state == ReadyState::Connecting);
            }
            14..16 => {
                let sent = self.socket.send(&*String::from_utf8_lossy(&text(random)));
                assert_eq!(sent.is_err(), self.state == ReadyState::Connecting);
            }
            16 => {
                let code = [None, Some(1000), Some(1001), Some(3000), Some(5000)][random.below(5)];
                let reason = String::from_utf8_lossy(&text(random)).into_owned();
                let reason = Some(&*reason).filter(|_| random.below(2) == 0);
                let closed = self.socket.close(code, reason);
                let is_good = !matches!(code, Some(1001 | 5000))
                    && reason.is_none_or(|reason| reason.len() <= 123);
                assert_eq!(closed.is_ok(), is_good);
                assert!(!is_good || self.socket.ready_state() >= ReadyState::Closing);
            }
            17 => self.socket.handle_eof(),
            18 => self.socket.handle_not_connected(),
            19 => self.socket.handle_timeout(time(random)),
            20..23 => scraps.extend(self.socket.poll_transmit().map(take)),
            _ if self.state == ReadyState::Closed => *self = Self::new(random),
            _ => _ = (self.socket.poll_timeout(), format!("{:?}", self.socket)),
        }
        self.check_state();
        while let Some(event) = self.socket.poll_event() {
            match (&self.last, &event) {
                (None, whatwg::DomEvent::Open | whatwg::DomEvent::Error)
                | (
                    Some(whatwg::DomEvent::Open | whatwg::DomEvent::Message(_)),
                    whatwg::DomEvent::Error
                    | whatwg::DomEvent::Message(_)
                    | whatwg::DomEvent::Close { .. },
                )
                | (Some(whatwg::DomEvent::Error), whatwg::DomEvent::Close { .. }) => {}
                (last, event) => panic!("{event:?} behind {last:?}"),
            }
            if let whatwg::DomEvent::Message(message) = &event {
                assert!(is_sound(message));
            }
            self.last = Some(event);
            self.check_state();
        }
    }

    fn check_state(&mut self) {
        let state = self.socket.ready_state();
        assert!(state >= self.state, "{:?} before {state:?}", self.state);
        self.state = state;
    }
}

struct Talking {
    session: Session,
    error: Option<DeliveryError>,
    /// What nobody has taken of what it has sent.
    sent: Vec<Message>,
}

impl Talking {
    fn new(id: usize) -> Self {
        let id = SessionId::new([u8::try_from(id).unwrap() + 1; 16]).unwrap();
        Self { session: Session::new(id, Limits::default()), error: None, sent: Vec::new() }
    }

    fn connect(&mut self) {
        self.session.handle_connected();
        self.error = None;
        self.sent.clear();
    }

    fn receive(&mut self, message: Message) {
        match self.session.handle_message(message) {
            Ok(event) => {
                assert_eq!(self.error, None, "{event:?} behind an error");
                let (lost, sent) = match event {
                    Some(delivery::SessionEvent::Message(message)) => (vec![message], vec![]),
                    Some(delivery::SessionEvent::PeerForgot(lost)) => (lost.unsent, lost.sent),
                    _ => (vec![], vec![]),
                };
                assert!(lost.iter().chain(&sent).all(is_sound));
            }
            Err(error) => assert_eq!(*self.error.get_or_insert(error), error),
        }
    }

    fn step(&mut self, random: &mut Random, messages: &mut Vec<Message>, end: &mut End) {
        let session = &mut self.session;
        match random.below(24) {
            0 => self.connect(),
            1 => {
                session.handle_disconnected();
                self.error = None;
            }
            2 => {
                let snapshot = session.snapshot();
                let restored = Session::restore(snapshot.clone(), Limits::default()).unwrap();
                assert_eq!(restored.snapshot(), snapshot);
                (self.session, self.error) = (restored, None);
            }
            3 => {
                let sent = session.transmit(&mut end.connection.commands());
                if end.connection.ready_state() != ReadyState::Open {
                    assert!(matches!(sent, Ok(()) | Err(SendError::Closed)));
                }
                end.check();
            }
            4..10 => {
                let message = messages[random.below(messages.len())].clone();
                if let Err(refused) = session.send(message.clone()) {
                    assert_eq!(refused.message, message);
                }
            }
            10 => session.acknowledge(),
            _ => {
                let sent = session.poll_transmit();
                messages.extend(sent.clone());
                self.sent.extend(sent);
            }
        }
        if messages.len() > 40 {
            messages.swap_remove(random.below(messages.len()));
        }
        let _ = (self.session.peer(), self.session.is_open(), self.session.buffered_amount());
    }
}

#[derive(Default)]
struct Validating {
    validator: Utf8Validator,
    pushed: Vec<u8>,
    has_failed: bool,
}

impl Validating {
    fn push(&mut self, bytes: &[u8]) {
        let pushed = self.validator.push(bytes);
        if self.has_failed {
            // It is of no use any more, and does no harm.
            return;
        }
        self.pushed.extend_from_slice(bytes);
        assert_eq!(pushed.is_ok(), may_be_text(&self.pushed, false));
        self.has_failed = pushed.is_err();
        assert!(self.has_failed || self.validator.is_complete() == may_be_text(&self.pushed, true));
    }
}

/// Appends bytes in one of the ways that there are.
fn feed(input: &mut Input<'_>, bytes: &[u8], random: &mut Random) {
    let before = input.len();
    input.commit(0);
    match random.below(4) {
        0 => {
            let mut left = bytes;
            while !left.is_empty() {
                if random.below(2) == 0 {
                    input.prepare(random.split(20_000));
                }
                let spare = input.spare_mut();
                let len = spare.len().min(left.len());
                assert!(len > 0, "no memory was lent");
                spare[..len].copy_from_slice(&left[..len]);
                input.commit(len);
                left = &left[len..];
            }
            input.prepare(0);
            let _ = input.spare_mut();
            input.commit(0);
        }
        1 => {
            input.prepare(random.split(20_000));
            assert!(input.chunk_mut().len() > 0 && input.remaining_mut() > 0);
            input.put_slice(bytes);
        }
        2 => {
            input.prepare(random.below(100_000));
            input.extend_from_slice(bytes);
        }
        _ => input.extend_from_slice(bytes),
    }
    input.commit(0);
    assert_eq!(input.len(), before + bytes.len());
    assert_eq!(input.is_empty(), before + bytes.len() == 0);
}

/// Mostly legal frames, without a mask.
fn frames(random: &mut Random) -> Vec<u8> {
    let mut frames = Vec::new();
    for _ in 0..random.below(4) {
        let payload = text(random);
        let opcode = [TEXT, TEXT, BINARY][random.below(3)];
        match random.below(32) {
            0..12 => frames.extend(frame(FIN | opcode, &payload)),
            12..22 => {
                // Cut anywhere, also inside a character.
                let at = random.below(payload.len() + 1);
                frames.extend(frame(opcode, &payload[..at]));
                frames.extend(control(random));
                frames.extend(frame(FIN | CONTINUATION, &payload[at..]));
            }
            22..28 => frames.extend(control(random)),
            28 => frames.extend(frame(opcode, &payload)),
            29 => frames.extend(frame(FIN | CONTINUATION, &payload)),
            30 if random.below(4) == 0 => frames.extend(frame(FIN | CLOSE, b"\x03\xe8bye")),
            31 if random.below(4) == 0 => {
                frames.extend(frame(u8::try_from(random.below(256)).unwrap(), &payload));
            }
            // "Hello" as a text of RFC 7692, §7.2.3.1.
            _ if random.below(8) > 0 => {}
            _ => frames.extend(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"),
        }
    }
    frames
}

fn control(random: &mut Random) -> Vec<u8> {
    let mut payload = text(random);
    payload.truncate(125);
    match random.below(3) {
        0 => frame(FIN | PING, &payload),
        1 => frame(FIN | PONG, &payload),
        _ => Vec::new(),
    }
}

/// Text, of any length, and now and then a little that is none.
fn text(random: &mut Random) -> Vec<u8> {
    let len = match random.below(16) {
        0 => random.below(70_000),
        1..4 => random.below(6_000),
        _ => random.below(30),
    };
    let mut bytes = match random.below(3) {
        0 => "aé€😀".repeat(len / 10 + 1).into_bytes(),
        _ => vec![b'a'; len],
    };
    match random.below(60) {
        0 => bytes.truncate(len),
        1 => {
            let at = random.below(bytes.len() + 1);
            bytes.insert(at, 0xff);
        }
        _ => {}
    }
    bytes
}

fn config(random: &mut Random) -> Config {
    let mut config = Config::default();
    let mut one_in = |n| random.below(n) == 0;
    if one_in(3) {
        config.reassembly = Reassembly::Chunks;
    }
    if one_in(3) {
        config.pong = PongMode::Manual;
    }
    if one_in(3) {
        config.after_close = AfterClose::Deliver;
    }
    if one_in(3) {
        (config.max_buffered, config.low_water) = (500, 1_000);
    }
    if one_in(3) {
        config.when_full = if one_in(2) { WhenFull::DropNewest } else { WhenFull::DropOldest };
    } else if one_in(3) {
        config.when_full = WhenFull::Close(1005.into());
    }
    if one_in(3) {
        config.fragment_size = 10.try_into().ok();
    }
    if one_in(4) {
        (config.max_message_size, config.max_frame_size) = (usize::MAX, 3_000);
    }
    if one_in(3) {
        config.ping_when = PingWhen::Always;
        config.ping_interval = Some(Duration::MAX);
        config.write_timeout = Some(Duration::ZERO);
        config.idle_timeout = Some(Duration::from_secs(50));
        config.message_timeout = Some(Duration::MAX);
        config.hold_timeout = Some(Duration::MAX);
    }
    config
}

fn limits(random: &mut Random) -> HeadLimits {
    let mut limits = HeadLimits::default();
    if random.below(4) == 0 {
        (limits.max_size, limits.timeout) = (300, Some(Duration::MAX));
    }
    limits
}

fn request(random: &mut Random) -> ClientRequest {
    let request = ClientRequest::new("h", "/").unwrap().head_limits(limits(random));
    if random.below(4) == 0 { request.subprotocol("chat").unwrap() } else { request }
}

/// A time that has nothing to do with the one before it.
fn time(random: &mut Random) -> Duration {
    match random.below(8) {
        0 => Duration::ZERO,
        1 => Duration::MAX,
        _ => Duration::from_millis(random.next() % 100_000),
    }
}

#[cfg(feature = "deflate")]
fn compressed(prepared: Prepared, random: &mut Random) -> Prepared {
    let config = DeflateConfig::default()
        .threshold(0)
        .window_bits(u8::try_from(random.below(20)).unwrap())
        .mem_level(u8::try_from(random.below(12)).unwrap());
    prepared.compressed_for(&config)
}

#[cfg(not(feature = "deflate"))]
fn compressed(prepared: Prepared, _: &mut Random) -> Prepared {
    prepared
}

/// What there is to be seen of an event.
fn payload(polled: &Polled<'_>) -> Vec<u8> {
    let Ok(Some((event, _))) = polled else { return Vec::new() };
    match event {
        Event::Binary(payload) | Event::Ping(payload) | Event::Pong(payload) => payload.to_vec(),
        Event::Chunk(chunk) => chunk.payload.to_vec(),
        Event::Text(text) => text.as_bytes().to_vec(),
        Event::Closed(_) | Event::Writable(_) | _ => Vec::new(),
    }
}

/// Keeps what was taken, to see later whether it has changed.
fn keep(kept: &mut Vec<(Bytes, Vec<u8>)>, taken: Bytes, before: Vec<u8>) {
    assert!(taken == before);
    kept.push((taken, before));
}

fn take(output: &mut TransmitBuf) -> Vec<u8> {
    output.copy_to_bytes(output.remaining()).to_vec()
}

fn may_be_text(bytes: &[u8], is_whole: bool) -> bool {
    match core::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => !is_whole && error.error_len().is_none(),
    }
}

fn is_sound(message: &Message) -> bool {
    message.kind() == MessageKind::Binary || may_be_text(message.as_bytes(), true)
}

/// A valid request that came over HTTP/2.
fn multiplexed() -> Request {
    let sent = ExtendedConnect::from(&ClientRequest::new("a", "/").unwrap());
    let (pseudo_headers, headers) = (sent.pseudo_headers(), sent.headers().clone());
    Request::extended_connect(HttpVersion::Http2, pseudo_headers, headers).unwrap()
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
