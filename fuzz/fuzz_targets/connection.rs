//! `Connection` in both roles, with any configuration, any bytes in any chunks, and commands in
//! between: against the oracle, against itself in one piece, and against a bound for memory.
#![no_main]

use std::num::NonZeroUsize;

use bytes::Buf;
use libfuzzer_sys::fuzz_target;
use sanswire::extension::{Deflate, DeflateConfig, Takeover};
use sanswire::{
    AfterClose, Closed, ClosedBy, Config, Connection, ConnectionError, Event, Message, MessageKind,
    PongMode, ReadyState, Reassembly, Role,
};
use sanswire_fuzz::memory::{self, Counting};
use sanswire_fuzz::oracle::{self, Outcome, Rules};
use sanswire_fuzz::{Input, cut};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let setup = Setup::read(&mut input);
    let sizes = input.bytes();
    let commands = input.bytes();
    let stream = input.rest();
    let chunks = cut(stream, sizes);

    let mut plain = Run::new(&setup, &[], Keep::All);
    plain.feed(&[stream]);
    if setup.deflate.is_none() {
        plain.agree_with_oracle(&setup, stream);
    }
    plain.end();

    let mut whole = Run::new(&setup, commands, Keep::All);
    whole.feed(&[stream]);
    whole.end();
    whole.check_output(&setup);

    let mut pieces = Run::new(&setup, commands, Keep::All);
    pieces.feed(&chunks);
    pieces.end();
    pieces.check_same(&whole);

    let bound = setup.memory_bound(stream.len(), whole.sent);
    let peak = memory::peak(|| {
        let mut run = Run::new(&setup, commands, Keep::Nothing);
        run.feed(&chunks);
        run.end();
    });
    assert!(peak <= bound, "{peak} bytes were held, {bound} are allowed");
});

struct Setup {
    role: Role,
    config: Config,
    deflate: Option<Deflate>,
}

impl Setup {
    fn read(input: &mut Input<'_>) -> Self {
        let role = input.one_of(&[Role::Client, Role::Server]);
        let config = Config::default()
            .reassembly(input.one_of(&[Reassembly::Messages, Reassembly::Chunks]))
            .pong(input.one_of(&[PongMode::Automatic, PongMode::Manual]))
            .after_close(input.one_of(&[AfterClose::Drop, AfterClose::Deliver]))
            .max_message_size(input.one_of(&[16 << 20, 0, 1, 125, 300, 70_000, usize::MAX]))
            .max_frame_size(input.one_of(&[16 << 20, 0, 1, 125, 300, 70_000, usize::MAX]))
            .max_fragments(input.one_of(&[4096, 0, 1, 3, u32::MAX]))
            .max_buffered(input.one_of(&[1 << 20, 0, 1, 300, 20_000]))
            .fragment_size(NonZeroUsize::new(input.one_of(&[0, 7, 100, 5000])));
        let takeover = match input.byte() % 4 {
            1 => Some(Takeover::Keep),
            2 => Some(Takeover::Reset),
            _ => None,
        };
        let deflate = takeover.map(|takeover| {
            let config = DeflateConfig::default()
                .takeover(takeover)
                .peer_takeover(takeover)
                // Little memory, so that making the streams does not take most of the time.
                .window_bits(9)
                .peer_window_bits(9)
                .mem_level(1);
            let (agreed, response) = Deflate::accept(&config, &[Deflate::offer(&config)]).unwrap();
            match role {
                Role::Client => Deflate::confirm(&config, &response).unwrap(),
                Role::Server => agreed,
            }
        });
        Self { role, config, deflate }
    }

    fn connect(&self) -> Connection {
        let connection = match self.role {
            Role::Client => Connection::client(&self.config, [7; 32]),
            Role::Server => Connection::server(&self.config),
        };
        match self.deflate {
            Some(deflate) => connection.with_deflate(deflate),
            None => connection,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            sender: self.role.peer(),
            allowed_rsv: 0,
            max_frame_size: self.config.max_frame_size as u64,
            max_message_size: (self.config.max_message_size as u64).min(i64::MAX as u64),
            max_fragments: self.config.max_fragments.into(),
        }
    }

    /// A message that is assembled, the receive buffer and the output, each of which may have
    /// doubled once too often, and what a connection costs.
    fn memory_bound(&self, received: usize, sent: usize) -> usize {
        let held = received.min(self.config.max_message_size.saturating_add(16 << 10));
        let plain = 8 * held + 4 * received + 8 * sent + (64 << 10);
        if self.deflate.is_none() {
            return plain;
        }
        // Deflate makes at most 1032 bytes of one, and its streams take some.
        plain + 4 * (1032 * received).min(self.config.max_message_size) + (128 << 10)
    }
}

/// What is kept of what happened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    All,
    Nothing,
}

impl Keep {
    fn copy(self, bytes: &[u8]) -> Vec<u8> {
        if self == Self::All { bytes.to_vec() } else { Vec::new() }
    }
}

/// A connection, and what came of it.
struct Run<'a> {
    connection: Connection,
    /// One is given after each event, and the rest behind the last.
    commands: Input<'a>,
    keep: Keep,
    events: Vec<oracle::Event>,
    /// What has been delivered of a message in chunks.
    part: Option<(MessageKind, Vec<u8>)>,
    closed: Option<Closed>,
    error: Option<ConnectionError>,
    output: Vec<u8>,
    /// Bytes that were given to be sent.
    sent: usize,
    largest_sent: usize,
    max_buffered: usize,
}

impl<'a> Run<'a> {
    fn new(setup: &Setup, commands: &'a [u8], keep: Keep) -> Self {
        Self {
            connection: setup.connect(),
            commands: Input::new(commands),
            keep,
            events: Vec::new(),
            part: None,
            closed: None,
            error: None,
            output: Vec::new(),
            sent: 0,
            largest_sent: 0,
            max_buffered: setup.config.max_buffered,
        }
    }

    fn feed(&mut self, chunks: &[&[u8]]) {
        for chunk in chunks {
            self.connection.input().extend_from_slice(chunk);
            self.poll();
        }
    }

    /// Gives the commands that are left, then ends the stream.
    fn end(&mut self) {
        while !self.commands.rest().is_empty() {
            self.command();
        }
        self.poll();
        self.drain(usize::MAX);
        self.poll();
        self.connection.handle_eof();
        self.poll();
        self.drain(usize::MAX);
        self.poll();
        assert_eq!(self.connection.ready_state(), ReadyState::Closed);
        assert!(self.closed.is_some() != self.error.is_some());
        assert!(self.connection.closed().is_some());
        assert_eq!(self.connection.was_clean(), self.closed.is_some());
    }

    fn poll(&mut self) {
        loop {
            let event = match self.connection.poll_event() {
                Ok(Some((event, _))) => event,
                Ok(None) => break,
                Err(error) => {
                    assert!(self.error.is_none_or(|before| before == error), "an error is sticky");
                    assert!(self.closed.is_none());
                    self.error = Some(error);
                    break;
                }
            };
            assert!(self.closed.is_none() && self.error.is_none(), "{event:?} behind the end");
            let is_whole = match event {
                Event::Binary(payload) => {
                    let message =
                        oracle::Event::Message(MessageKind::Binary, self.keep.copy(&payload));
                    self.record(message)
                }
                Event::Text(text) => {
                    assert!(std::str::from_utf8(text.as_bytes()).is_ok());
                    let message =
                        oracle::Event::Message(MessageKind::Text, self.keep.copy(text.as_bytes()));
                    self.record(message)
                }
                Event::Ping(payload) => {
                    let ping = oracle::Event::Ping(self.keep.copy(&payload));
                    self.record(ping)
                }
                Event::Pong(payload) => {
                    let pong = oracle::Event::Pong(self.keep.copy(&payload));
                    self.record(pong)
                }
                Event::Chunk(chunk) => {
                    assert_eq!(chunk.is_first, self.part.is_none());
                    let (kind, mut part) = self.part.take().unwrap_or((chunk.kind, Vec::new()));
                    assert_eq!(kind, chunk.kind);
                    if self.keep == Keep::All {
                        part.extend_from_slice(&chunk.payload);
                    }
                    if chunk.is_last {
                        self.record(oracle::Event::Message(kind, part))
                    } else {
                        self.part = Some((kind, part));
                        false
                    }
                }
                Event::Closed(closed) => {
                    self.closed = Some(closed);
                    false
                }
                Event::Writable(_) => false,
                event => panic!("{event:?} is new"),
            };
            if is_whole {
                self.command();
            }
        }
    }

    fn record(&mut self, event: oracle::Event) -> bool {
        if self.keep == Keep::All {
            self.events.push(event);
        }
        true
    }

    fn command(&mut self) {
        if self.commands.rest().is_empty() {
            return;
        }
        let command = self.commands.byte();
        let number = usize::from(self.commands.byte());
        let text = "grüße ".repeat(number);
        let open = self.connection.ready_state() == ReadyState::Open;
        let before = self.connection.buffered_amount();
        let mut commands = self.connection.commands();
        let accepted = match command % 16 {
            0 => commands.send(&text).is_ok(),
            1 => commands.send(vec![1; number].as_slice()).is_ok(),
            2 => commands.send(Message::from(vec![2; number * 33])).is_ok(),
            3 => commands.begin(MessageKind::Text).is_ok(),
            4 => commands.begin(MessageKind::Binary).is_ok(),
            // Often cut inside a character.
            5 => commands.send_chunk(&text.as_bytes()[..number]).is_ok(),
            6 => commands.finish().is_ok(),
            7 => commands.ping(&vec![7; number]).is_ok(),
            8 => commands.pong(&vec![8; number]).is_ok(),
            9 => {
                let _ = commands.close(900 + 10 * number as u16, &text[..number / 8 * 8]);
                return;
            }
            10 => return commands.close(1005, "").unwrap(),
            11 => return self.connection.release_memory(),
            12..=14 => return self.drain(number * 8),
            _ => return self.drain(usize::MAX),
        };
        assert!(open || !accepted, "nothing is sent behind the Close");
        if accepted {
            let len = number * 33;
            self.sent += len + 32;
            self.largest_sent = self.largest_sent.max(len);
        } else if open {
            assert_eq!(self.connection.buffered_amount(), before, "a refusal changes nothing");
        }
        self.check_bound();
    }

    /// Writes up to `most` bytes.
    fn drain(&mut self, most: usize) {
        let mut left = most;
        while left > 0
            && let Some(output) = self.connection.poll_transmit()
        {
            let chunk = output.chunk();
            let taken = chunk.len().min(left);
            assert!(taken > 0, "output that is there has bytes");
            if self.keep == Keep::All {
                self.output.extend_from_slice(&chunk[..taken]);
            }
            output.advance(taken);
            left -= taken;
        }
        self.check_bound();
    }

    fn check_bound(&mut self) {
        // One message over the bound, the Pongs, the Close, and headers.
        let bound = self.max_buffered + self.largest_sent * 15 + (20 << 10);
        assert!(self.connection.poll_transmit().map_or(0, |output| output.len()) <= bound);
    }

    fn agree_with_oracle(&self, setup: &Setup, stream: &[u8]) {
        let (events, outcome) = oracle::receive(stream, setup.rules());
        assert_eq!(self.events, events);
        match (outcome, self.error) {
            (Outcome::Faults(faults), Some(error)) => {
                assert!(faults.contains(&error), "{error:?}, not {faults:?}");
                let closed = self.connection.closed().unwrap();
                assert_eq!((closed.code.as_u16(), closed.clean), (1006, false));
            }
            (Outcome::Faults(faults), None) => panic!("{faults:?} went unnoticed"),
            (outcome, Some(error)) => panic!("{error:?} instead of {outcome:?}"),
            (Outcome::Open(part), None) => {
                assert_eq!(self.connection.ready_state(), ReadyState::Open);
                if setup.config.reassembly == Reassembly::Chunks {
                    assert_eq!(self.part, part);
                }
            }
            (Outcome::Closed(code, reason), None) => {
                let closed = self.connection.closed().unwrap();
                assert_eq!((closed.code.as_u16(), closed.reason.as_str()), (code, &*reason));
                assert_eq!((closed.by, closed.clean), (ClosedBy::Peer, true));
            }
        }
    }

    /// What was written is what an endpoint may send, and not a byte more.
    fn check_output(&self, setup: &Setup) {
        let rsv = if setup.deflate.is_some() { 0x40 } else { 0 };
        let rules = Rules { allowed_rsv: rsv, ..Rules::unlimited(setup.role) };
        let (frames, faults) = oracle::frames(&self.output, rules);
        assert!(faults.is_empty(), "{faults:?}");
        let mut len = 0;
        for frame in &frames {
            assert!(frame.is_whole());
            let extended = match frame.len {
                0..126 => 0,
                126..65_536 => 2,
                _ => 8,
            };
            len += 2 + extended + frame.mask.map_or(0, |key| key.len()) + frame.payload.len();
        }
        assert_eq!(len, self.output.len());
        oracle::check_behind_close(&frames);
        if let (_, Outcome::Faults(faults)) = oracle::receive(&self.output, rules)
            && setup.deflate.is_none()
        {
            panic!("{faults:?}");
        }
    }

    fn check_same(&self, whole: &Self) {
        assert_eq!(self.events, whole.events);
        assert_eq!(self.error, whole.error);
        assert_eq!(self.closed, whole.closed);
        assert_eq!(self.output, whole.output);
        match (&self.part, &whole.part) {
            // Of a message that turns out to be bad, more may be seen when it comes in pieces.
            (part, None) if self.error.is_some() => {
                assert!(part.is_none() || self.error != Some(ConnectionError::UnexpectedEof));
            }
            (Some((kind, part)), Some((whole_kind, whole))) if self.error.is_some() => {
                assert!(kind == whole_kind && part.starts_with(whole));
            }
            (part, whole) => assert_eq!(part, whole),
        }
    }
}
