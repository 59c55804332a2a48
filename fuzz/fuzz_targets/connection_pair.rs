//! A client and a server, joined by pipes that carry a few bytes at a time: whatever they are told
//! to do, messages arrive once and in order, nobody fails, and a close is seen at both ends.
#![no_main]

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use arbitrary::Arbitrary;
use bytes::Buf;
use libfuzzer_sys::fuzz_target;
use sanswire::extension::{Deflate, DeflateConfig, Takeover};
use sanswire::{
    AfterClose, Closed, Config, Connection, Event, Message, MessageKind, PongMode, Prepared,
    ReadyState, Reassembly, Refused, SendError,
};

#[derive(Arbitrary, Debug)]
struct Plan {
    ends: [Habits; 2],
    compression: Option<[Compression; 2]>,
    steps: Vec<(Side, Step)>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Side {
    Client,
    Server,
}

/// What may be configured without making an end refuse what the other may send.
#[derive(Arbitrary, Debug)]
struct Habits {
    chunks: bool,
    manual_pong: bool,
    deliver_after_close: bool,
    fragments_of: Option<u8>,
    max_buffered: u16,
}

#[derive(Arbitrary, Debug)]
struct Compression {
    level: u8,
    mem_level: u8,
    window_bits: u8,
    peer_window_bits: u8,
    reset: bool,
    reset_peer: bool,
    threshold: u8,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Binary(u8),
    Shared(u8),
    /// Compressed or not, for a window of some size.
    Prepared(u8, Option<u8>),
    Text(String),
    Begin(bool),
    Chunk(Vec<u8>),
    Finish,
    Ping(u8),
    Pong(u8),
    Close(u16, u8),
    CloseWithoutCode,
    ReleaseMemory,
    /// Carries so many bytes of this side's output to the other.
    Carry(u16),
}

fuzz_target!(|plan: Plan| {
    let [client, server] = plan.ends.each_ref().map(Habits::config);
    let mut ends = [
        End::new(Connection::client(&client, [7; 32]), &client),
        End::new(Connection::server(&server), &server),
    ];
    if let Some(compression) = plan.compression {
        let [client, server] = compression.each_ref().map(Compression::config);
        if let Some((agreed, response)) = Deflate::accept(&server, &[Deflate::offer(&client)]) {
            let confirmed = Deflate::confirm(&client, &response).expect("our own offer was served");
            let [client, server] = ends;
            ends = [client.with_deflate(confirmed), server.with_deflate(agreed)];
        }
    }
    let mut asked_to_close = false;
    for (side, step) in plan.steps {
        let [near, far] = &mut ends;
        let (near, far) = match side {
            Side::Client => (near, far),
            Side::Server => (far, near),
        };
        asked_to_close |= near.step(step, far);
    }
    // A message that is being sent in parts holds nothing back but itself.
    for _ in 0..100_000 {
        let [client, server] = &mut ends;
        if client.carry(server, usize::MAX) + server.carry(client, usize::MAX) == 0 {
            break;
        }
    }
    let [client, server] = &mut ends;
    client.check_arrived(server, asked_to_close);
    server.check_arrived(client, asked_to_close);
    for end in [&*client, &*server] {
        // What was refused or dropped in closing counts forever.
        let left = end.connection.buffered_amount();
        assert!(if asked_to_close { left >= end.unsent } else { left == 0 });
    }
    if asked_to_close {
        // §7.1.1: the server closes the transport first, and the client sees it.
        assert_eq!(server.connection.ready_state(), ReadyState::Closed);
        assert_eq!(client.connection.ready_state(), ReadyState::Closing);
        client.connection.handle_eof();
        client.poll();
        assert_eq!(client.connection.ready_state(), ReadyState::Closed);
        for end in [client, server] {
            assert!(end.closed.as_ref().is_some_and(|closed| closed.clean));
            assert!(end.connection.was_clean());
        }
    } else {
        assert_eq!(server.connection.ready_state(), ReadyState::Open);
        assert_eq!(client.connection.ready_state(), ReadyState::Open);
    }
});

impl Habits {
    fn config(&self) -> Config {
        // Fragments of 32 bytes and more are never refused for their number.
        let fragment_size =
            self.fragments_of.and_then(|size| NonZeroUsize::new(32 + usize::from(size)));
        Config::default()
            .reassembly(if self.chunks { Reassembly::Chunks } else { Reassembly::Messages })
            .pong(if self.manual_pong { PongMode::Manual } else { PongMode::Automatic })
            .after_close(if self.deliver_after_close {
                AfterClose::Deliver
            } else {
                AfterClose::Drop
            })
            .fragment_size(fragment_size)
            .max_buffered(self.max_buffered.into())
    }
}

impl Compression {
    fn config(&self) -> DeflateConfig {
        let takeover = |reset| if reset { Takeover::Reset } else { Takeover::Keep };
        DeflateConfig::default()
            .level(self.level % 10)
            // Little memory, so that making the streams does not take most of the time.
            .mem_level(1 + self.mem_level % 2)
            .window_bits(9 + self.window_bits % 3)
            .peer_window_bits(9 + self.peer_window_bits % 3)
            .takeover(takeover(self.reset))
            .peer_takeover(takeover(self.reset_peer))
            .threshold(self.threshold.into())
    }
}

type Sent = (MessageKind, Vec<u8>);

struct End {
    connection: Connection,
    /// Accepted to be sent, in order.
    sent: Vec<Sent>,
    /// The message in parts.
    part: Option<Sent>,
    received: Vec<Sent>,
    arriving: Option<Sent>,
    /// Those that are not answered.
    pings: VecDeque<Vec<u8>>,
    /// What the next one begins with, never 0xff, and how often that began anew.
    pinged: u8,
    wrapped: u8,
    closed: Option<Closed>,
    /// Refused because the connection was closing: WHATWG counts it forever.
    unsent: usize,
    automatic_pong: bool,
}

impl End {
    fn new(connection: Connection, config: &Config) -> Self {
        Self {
            connection,
            sent: Vec::new(),
            part: None,
            received: Vec::new(),
            arriving: None,
            pings: VecDeque::new(),
            pinged: 0,
            wrapped: 0,
            closed: None,
            unsent: 0,
            automatic_pong: config.pong == PongMode::Automatic,
        }
    }

    fn with_deflate(self, agreed: Deflate) -> Self {
        Self { connection: self.connection.with_deflate(agreed), ..self }
    }

    /// Does a step and returns whether the closing handshake began by it.
    fn step(&mut self, step: Step, far: &mut Self) -> bool {
        let was_open = self.connection.ready_state() == ReadyState::Open;
        match step {
            Step::Binary(len) => {
                let payload = vec![len; usize::from(len)];
                let result = self.connection.commands().send(&payload).map_err(unsent);
                self.note(result, MessageKind::Binary, payload);
            }
            Step::Shared(len) => {
                let payload = vec![len; usize::from(len) * 64];
                let result = self.connection.commands().send(Message::from(payload.clone()));
                let result = result.map_err(|refused| {
                    assert_eq!(refused.message.expect("it comes back").as_bytes(), payload);
                    refused.error
                });
                self.note(result, MessageKind::Binary, payload);
            }
            Step::Prepared(len, window_bits) => {
                let payload = vec![len; usize::from(len) * 64];
                let mut prepared = Prepared::binary(&payload);
                if let Some(bits) = window_bits {
                    let config = DeflateConfig::default().mem_level(1).window_bits(9 + bits % 3);
                    prepared = prepared.compressed_for(&config);
                }
                let result = self.connection.commands().send(&prepared).map_err(unsent);
                self.note(result, MessageKind::Binary, payload);
            }
            Step::Text(text) => {
                let result = self.connection.commands().send(&text).map_err(unsent);
                self.note(result, MessageKind::Text, text.into_bytes());
            }
            Step::Begin(text) => {
                let kind = if text { MessageKind::Text } else { MessageKind::Binary };
                match self.connection.commands().begin(kind) {
                    Ok(()) => assert_eq!(self.part.replace((kind, Vec::new())), None),
                    Err(SendError::MessageInProgress) => assert!(self.part.is_some()),
                    Err(error) => assert!(is_closed_or_full(error), "{error:?}"),
                }
            }
            Step::Chunk(bytes) => match self.connection.commands().send_chunk(&bytes) {
                Ok(()) => self.part.as_mut().unwrap().1.extend(bytes),
                Err(SendError::InvalidUtf8) => {
                    let (kind, mut part) = self.part.clone().unwrap();
                    part.extend(bytes);
                    assert!(kind == MessageKind::Text && std::str::from_utf8(&part).is_err());
                }
                Err(SendError::NoMessageInProgress) => assert_eq!(self.part, None),
                Err(error) => assert!(is_closed_or_full(error), "{error:?}"),
            },
            Step::Finish => match self.connection.commands().finish() {
                Ok(()) => self.sent.push(self.part.take().unwrap()),
                Err(SendError::InvalidUtf8) => {
                    assert!(std::str::from_utf8(&self.part.as_ref().unwrap().1).is_err());
                }
                Err(SendError::NoMessageInProgress) => assert_eq!(self.part, None),
                Err(error) => assert_eq!(error, SendError::Closed),
            },
            Step::Ping(len) => {
                // Each is another one, or a Pong could answer two. Short ones go alone.
                let least = if self.pings.is_empty() { 0 } else { 2 };
                let mut payload = vec![len; usize::from(len).max(least)];
                if let [first, second, ..] = &mut payload[..] {
                    (*first, *second) = (self.pinged, self.wrapped);
                }
                if self.connection.commands().ping(&payload).is_ok() {
                    assert!(payload.len() <= 125);
                    self.pings.push_back(payload);
                    self.pinged = (self.pinged + 1) % 0xff;
                    self.wrapped = self.wrapped.wrapping_add(u8::from(self.pinged == 0));
                }
            }
            Step::Pong(len) => {
                // One that nobody asked for, and that no Ping could ask for.
                let payload = vec![0xff; usize::from(len).max(1)];
                assert_eq!(
                    self.connection.commands().pong(&payload).is_err_and(is_too_long),
                    len > 125 && was_open
                );
            }
            Step::Close(code, len) => {
                let reason = "x".repeat(len.into());
                let was = self.connection.ready_state();
                if self.connection.commands().close(code, &reason).is_err() {
                    assert_eq!(self.connection.ready_state(), was);
                }
            }
            Step::CloseWithoutCode => self.connection.commands().close(1005, "").unwrap(),
            Step::ReleaseMemory => self.connection.release_memory(),
            Step::Carry(most) => {
                self.carry(far, most.into());
                return false;
            }
        }
        was_open && self.connection.ready_state() != ReadyState::Open
    }

    fn note(&mut self, result: Result<(), SendError>, kind: MessageKind, payload: Vec<u8>) {
        match result {
            Ok(()) => {
                assert_eq!(self.part, None);
                self.sent.push((kind, payload));
            }
            Err(SendError::Closed) => self.unsent += payload.len(),
            Err(SendError::MessageInProgress) => assert!(self.part.is_some()),
            Err(error) => assert!(matches!(error, SendError::Full { .. }), "{error:?}"),
        }
    }

    /// Writes up to `most` bytes and has the other end read them. Returns how many there were.
    fn carry(&mut self, far: &mut Self, most: usize) -> usize {
        let mut left = most;
        while left > 0
            && let Some(output) = self.connection.poll_transmit()
        {
            let chunk = output.chunk();
            let taken = chunk.len().min(left);
            far.connection.input().extend_from_slice(&chunk[..taken]);
            output.advance(taken);
            left -= taken;
            far.poll();
        }
        self.poll();
        most - left
    }

    fn poll(&mut self) {
        while let Some((event, _)) = self.connection.poll_event().expect("nobody fails") {
            assert_eq!(self.closed, None, "{event:?} behind the last event");
            match event {
                Event::Closed(closed) => self.closed = Some(closed),
                Event::Chunk(chunk) => {
                    assert_eq!(chunk.is_first, self.arriving.is_none());
                    let (kind, mut bytes) =
                        self.arriving.take().unwrap_or((chunk.kind, Vec::new()));
                    assert_eq!(kind, chunk.kind);
                    bytes.extend_from_slice(&chunk.payload);
                    if chunk.is_last {
                        self.received.push((kind, bytes));
                    } else {
                        self.arriving = Some((kind, bytes));
                    }
                }
                Event::Pong(payload) => {
                    // The answer to a Ping, of which some may have been passed over.
                    if payload.starts_with(&[0xff]) {
                        continue;
                    }
                    let answered = self.pings.iter().position(|ping| **ping == *payload);
                    let Some(at) = answered else {
                        panic!("nobody asked for {payload:?}, but for {:?}", self.pings)
                    };
                    self.pings.drain(..=at);
                }
                Event::Ping(payload) => assert!(payload.len() <= 125),
                Event::Writable(writable) => assert_eq!(writable.dropped_messages, 0),
                event => {
                    let message = event.into_message().expect("nothing else is left");
                    self.received.push((message.kind(), message.into_bytes().to_vec()));
                }
            }
        }
    }

    /// What this end has sent has arrived at the other.
    fn check_arrived(&self, far: &Self, asked_to_close: bool) {
        assert!(self.sent.starts_with(&far.received), "in order, once");
        // A Close in either direction may leave messages behind.
        if !asked_to_close {
            assert_eq!(self.sent.len(), far.received.len());
        }
        if !asked_to_close && far.automatic_pong {
            assert!(self.pings.is_empty(), "the newest Ping is always answered");
        }
    }
}

/// Nothing that was borrowed comes back.
fn unsent(refused: Refused) -> SendError {
    assert_eq!(refused.message, None);
    refused.error
}

fn is_too_long(error: SendError) -> bool {
    matches!(error, SendError::ControlTooLong { .. })
}

fn is_closed_or_full(error: SendError) -> bool {
    matches!(error, SendError::Closed | SendError::Full { .. })
}
