//! What holds for any bytes, any commands and any splits, against models and an oracle.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::num::NonZeroUsize;

use proptest::collection::vec;
use proptest::prelude::*;
use sanswire::{
    AfterClose, Config, Connection, ConnectionError, MessageKind, PongMode, ReadyState, Reassembly,
    Role, SendError,
};

use crate::support::{
    BINARY, BOTH, End, FIN, Got, Outcome, PING, PONG, Pair, Random, TEXT, cases, frame, from,
    joined, messages, parse, sent_by, told,
};

fn roles() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

/// Limits low enough to be met, and every habit.
fn configs() -> impl Strategy<Value = Config> {
    let limits = (
        prop_oneof![Just(16 << 20), 0..300_usize],
        prop_oneof![Just(16 << 20), 0..300_usize],
        prop_oneof![Just(4096), 0..4_u32],
    );
    (limits, any::<[bool; 3]>()).prop_map(
        |((message, frame, fragments), [chunks, manual, deliver])| {
            Config::default()
                .max_message_size(message)
                .max_frame_size(frame)
                .max_fragments(fragments)
                .reassembly(if chunks { Reassembly::Chunks } else { Reassembly::Messages })
                .pong(if manual { PongMode::Manual } else { PongMode::Automatic })
                .after_close(if deliver { AfterClose::Deliver } else { AfterClose::Drop })
        },
    )
}

/// Bytes that are text, nearly text, or none.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => ".{0,12}".prop_map(String::into_bytes),
        1 => Just("aä€😀".as_bytes()[..9].to_vec()),
        1 => vec(any::<u8>(), 0..6),
        1 => (100..300_usize).prop_map(|len| vec![b'x'; len]),
        1 => (1000..1016_u16, ".{0,3}").prop_map(|(code, reason)| {
            [&code.to_be_bytes()[..], reason.as_bytes()].concat()
        }),
    ]
}

/// Mostly legal frames, written without a mask.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => prop_oneof![Just(0x81_u8), Just(0x82), Just(0x01), Just(0x02)],
        6 => prop_oneof![Just(0x00_u8), Just(0x80)],
        4 => prop_oneof![Just(0x89_u8), Just(0x8a)],
        1 => Just(0x88_u8),
        1 => any::<u8>(),
    ];
    vec((first, payloads()), 0..8).prop_map(|frames| {
        frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect()
    })
}

/// What a peer sends: frames, frames with some bytes changed, or noise.
fn streams() -> impl Strategy<Value = (Role, Vec<u8>)> {
    let changes = prop_oneof![
        2 => Just(vec![]),
        1 => vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ];
    let large = (16_000..17_000_usize, any::<u8>());
    let frames = prop_oneof![
        12 => frames(),
        1 => (frames(), large).prop_map(|(mut frames, (len, byte))| {
            frames.extend(frame(FIN | BINARY, &vec![byte; len]));
            frames
        }),
    ];
    let made = (roles(), frames, changes).prop_map(|(role, frames, changes)| {
        let mut bytes = from(role.peer(), &frames);
        for (index, byte) in changes {
            if !bytes.is_empty() {
                let index = index.index(bytes.len());
                bytes[index] ^= byte;
            }
        }
        (role, bytes)
    });
    prop_oneof![8 => made, 1 => (roles(), vec(any::<u8>(), 0..60))]
}

/// What is done before anything arrives, and whether the stream ends behind it.
fn moods() -> impl Strategy<Value = (bool, bool)> {
    (prop::bool::weighted(0.2), any::<bool>())
}

/// All that can be seen of a connection that receives `bytes` in pieces of the sizes given.
fn receive(
    role: Role,
    config: &Config,
    (close, eof): (bool, bool),
    bytes: &[u8],
    mut size: impl FnMut(usize) -> usize,
) -> (Outcome, Vec<u8>) {
    let mut end = End::new(role, config);
    if close {
        end.connection.commands().close(1000, "").unwrap();
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece;
        (piece, rest) = rest.split_at(size(rest.len()).min(rest.len()));
        end.feed(piece);
        let state = end.state();
        assert_eq!(end.connection.closed().is_some(), {
            end.error.is_some() || end.ended().is_some() || closing_by_peer(&end)
        });
        assert!(end.error.is_none() || state >= ReadyState::Closing);
    }
    let output = end.take_output();
    end.poll();
    if eof {
        end.eof();
        assert!(end.error.is_some() != end.ended().is_some());
        assert_eq!(end.state(), ReadyState::Closed);
    }
    let mut got = end.got;
    if config.reassembly == Reassembly::Chunks {
        got = joined(got);
        if end.error == Some(ConnectionError::InvalidUtf8) {
            got.retain(|got| !matches!(got, Got::Chunk { is_last: false, .. }));
        }
    }
    let sent = sent_by(role, &output).into_iter().map(|frame| (frame.first, frame.payload));
    let outcome = Outcome {
        got,
        error: end.error,
        sent: sent.collect(),
        state: end.connection.ready_state(),
        closed: end.connection.closed(),
    };
    (outcome, output)
}

/// Whether the peer's Close has arrived and the transport is still there.
fn closing_by_peer(end: &End) -> bool {
    end.state() == ReadyState::Closing && end.connection.close_code().is_some()
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn the_same_bytes_have_the_same_outcome_in_any_pieces(
        (role, bytes) in streams(),
        config in configs(),
        mood in moods(),
        seed in any::<u64>(),
    ) {
        let whole = receive(role, &config, mood, &bytes, |len| len);
        let mut random = Random::new(seed);
        let pieces = receive(role, &config, mood, &bytes, |len| random.split(len));
        prop_assert_eq!(&whole, &pieces);
        if bytes.len() < 2_000 {
            let single = receive(role, &config, mood, &bytes, |_| 1);
            prop_assert_eq!(&whole, &single);
        }
    }

    #[test]
    fn a_failure_sends_one_close_and_only_what_came_before_is_delivered(
        (role, bytes) in streams(),
        config in configs(),
    ) {
        let (outcome, _) = receive(role, &config, (false, false), &bytes, |len| len);
        let closes: Vec<_> = outcome.sent.iter().filter(|(first, _)| *first == 0x88).collect();
        if let Some(error) = outcome.error {
            prop_assert_eq!(closes.len(), 1);
            prop_assert_eq!(outcome.sent.last().unwrap(), closes[0]);
            prop_assert_eq!(&closes[0].1, &told(error));
            prop_assert_eq!(outcome.state, ReadyState::Closed);
            // The same bytes without the last one that arrived before the failure do not fail, or
            // fail earlier: a failure is known at one byte.
            let failed_at = (0..=bytes.len())
                .find(|&len| receive(role, &config, (false, false), &bytes[..len], |len| len).0.error.is_some())
                .unwrap();
            for len in [failed_at, bytes.len()] {
                let (again, _) = receive(role, &config, (false, false), &bytes[..len], |len| len);
                prop_assert_eq!(again.error, Some(error));
                prop_assert_eq!(&again.got, &outcome.got);
            }
        } else {
            prop_assert!(closes.len() <= 1);
        }
    }

    #[test]
    fn arbitrary_bytes_and_commands_never_panic(
        role in roles(),
        config in configs(),
        pieces in vec((vec(any::<u8>(), 0..20), any::<u8>()), 0..20),
    ) {
        let mut end = End::new(role, &config);
        let mut output = Vec::new();
        for (bytes, command) in &pieces {
            end.feed(bytes);
            let connection = &mut end.connection;
            let _ = match command % 12 {
                0 => connection.commands().send("text").map_err(SendError::from),
                1 => connection.commands().send(bytes).map_err(SendError::from),
                2 => connection.commands().ping(bytes),
                3 => connection.commands().pong(bytes),
                4 => connection.commands().close(u16::from(*command) * 20, "why"),
                5 => connection.commands().begin(MessageKind::Text),
                6 => connection.commands().send_chunk(bytes),
                7 => connection.commands().finish(),
                8 => connection.commands().send(bytes.clone()).map_err(SendError::from),
                9 => {
                    connection.handle_eof();
                    Ok(())
                }
                10 => {
                    connection.release_memory();
                    Ok(())
                }
                _ => {
                    output.extend(end.take_some(bytes.len()));
                    Ok(())
                }
            };
            end.poll();
        }
        output.extend(end.take_output());
        sent_by(role, &output);
    }
}

#[test]
fn nothing_that_arrives_panics() {
    // Every first byte, before anything that may follow.
    for role in BOTH {
        for first in 0..=255 {
            for second in (0..=255).step_by(5).chain([126, 127, 128, 254]) {
                for rest in [&[0; 20][..], &[0xff; 20]] {
                    let mut end = End::open(role);
                    end.feed(&[first, second]);
                    end.feed(rest);
                    end.eof();
                    assert!(end.error.is_some() || end.ended().is_some());
                }
            }
        }
    }
}

/// A message or a control frame, and the pieces in which it is sent.
#[derive(Clone, Debug)]
enum Item {
    Message { text: bool, fragments: Vec<String>, between: Vec<Control> },
    Control(Control),
}

#[derive(Clone, Debug)]
struct Control {
    ping: bool,
    payload: Vec<u8>,
}

impl Control {
    fn frame(&self) -> Vec<u8> {
        frame(FIN | if self.ping { PING } else { PONG }, &self.payload)
    }

    fn got(&self) -> Got {
        if self.ping { Got::ping(&self.payload) } else { Got::pong(&self.payload) }
    }
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let control = (any::<bool>(), vec(any::<u8>(), 0..126))
        .prop_map(|(ping, payload)| Control { ping, payload })
        .boxed();
    let message = (any::<bool>(), vec(".{0,40}", 1..5), vec(control.clone(), 0..5))
        .prop_map(|(text, fragments, between)| Item::Message { text, fragments, between });
    vec(prop_oneof![3 => message, 1 => control.prop_map(Item::Control)], 0..8)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_legal_stream_is_received_as_it_was_made(
        role in roles(),
        items in items(),
        shift in 0..4_usize,
        seed in any::<u64>(),
    ) {
        let mut frames = Vec::new();
        let mut got = Vec::new();
        let mut pongs = Vec::new();
        let mut control = |frames: &mut Vec<u8>, got: &mut Vec<Got>, control: &Control| {
            frames.extend(control.frame());
            got.push(control.got());
            if control.ping {
                pongs.push((FIN | PONG, control.payload.clone()));
            }
        };
        for item in &items {
            match item {
                Item::Control(item) => control(&mut frames, &mut got, item),
                Item::Message { text, fragments, between } => {
                    let payload = fragments.concat();
                    // Fragments end anywhere, also inside a character.
                    let mut ends: Vec<usize> = fragments
                        .iter()
                        .scan(shift, |end, fragment| {
                            *end += fragment.len();
                            Some(payload.len().min(*end))
                        })
                        .collect();
                    *ends.last_mut().unwrap() = payload.len();
                    let mut begin = 0;
                    for (i, end) in ends.iter().enumerate() {
                        let opcode = match (i, text) {
                            (0, true) => TEXT,
                            (0, false) => BINARY,
                            _ => 0,
                        };
                        let fin = if i + 1 == ends.len() { FIN } else { 0 };
                        frames.extend(frame(fin | opcode, &payload.as_bytes()[begin..*end]));
                        begin = *end;
                        if let (0, Some(item)) = (fin, between.get(i)) {
                            control(&mut frames, &mut got, item);
                        }
                    }
                    got.push(if *text { Got::Text(payload) } else { Got::binary(payload) });
                }
            }
        }
        let bytes = from(role.peer(), &frames);
        let mut random = Random::new(seed);
        let config = Config::default();
        let (outcome, _) =
            receive(role, &config, (false, false), &bytes, |len| random.split(len));
        prop_assert_eq!(outcome.error, None);
        prop_assert_eq!(outcome.got, got);
        prop_assert_eq!(outcome.sent, pongs);
    }
}

/// What an application or the world does to a pair.
#[derive(Clone, Debug)]
enum Command {
    Begin(Role, MessageKind),
    Chunk(Role, usize),
    Close(Role, Option<u16>),
    Cut,
    Finish(Role),
    Ping(Role),
    Pong(Role),
    Send(Role, MessageKind, usize, Owned),
    Settle,
    Step(u8),
}

#[derive(Clone, Copy, Debug)]
enum Owned {
    No,
    Yes,
}

fn lens() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..200_usize, 2 => 0..5_000_usize, 1 => 0..60_000_usize]
}

fn kinds() -> impl Strategy<Value = MessageKind> {
    prop_oneof![Just(MessageKind::Binary), Just(MessageKind::Text)]
}

fn commands() -> impl Strategy<Value = Command> {
    let code = prop_oneof![Just(None), Just(Some(1000)), (4000..5000_u16).prop_map(Some)];
    let owned = prop_oneof![Just(Owned::No), Just(Owned::Yes)];
    prop_oneof![
        20 => (roles(), kinds(), lens(), owned).prop_map(|(role, kind, len, owned)| Command::Send(role, kind, len, owned)),
        6 => (roles(), kinds()).prop_map(|(role, kind)| Command::Begin(role, kind)),
        8 => (roles(), lens()).prop_map(|(role, len)| Command::Chunk(role, len)),
        8 => roles().prop_map(Command::Finish),
        6 => roles().prop_map(Command::Ping),
        3 => roles().prop_map(Command::Pong),
        1 => (roles(), code).prop_map(|(role, code)| Command::Close(role, code)),
        1 => prop::bool::weighted(0.3).prop_map(|cut| if cut { Command::Cut } else { Command::Settle }),
        3 => Just(Command::Settle),
        25 => (1..20_u8).prop_map(Command::Step),
    ]
}

fn pair_configs() -> impl Strategy<Value = Config> {
    let fragment_size = prop_oneof![
        2 => Just(None),
        1 => (1..100_usize).prop_map(Some),
        1 => (1_000..30_000_usize).prop_map(Some),
    ];
    let max_buffered = prop_oneof![2 => Just(1_usize << 20), 1 => 0..2_000_usize];
    (fragment_size, max_buffered, any::<[bool; 2]>()).prop_map(
        |(fragment_size, max_buffered, [chunks, deliver])| {
            let fragment_size = fragment_size.and_then(NonZeroUsize::new);
            Config::default()
                .fragment_size(fragment_size)
                .max_buffered(max_buffered)
                .reassembly(if chunks { Reassembly::Chunks } else { Reassembly::Messages })
                .after_close(if deliver { AfterClose::Deliver } else { AfterClose::Drop })
                // Fragments of a single byte are what some of these send.
                .max_fragments(u32::MAX)
        },
    )
}

/// What one side should have sent, as simply as it can be said.
#[derive(Debug, Default)]
struct Model {
    /// Messages that were accepted.
    sent: Vec<(u8, Vec<u8>)>,
    /// The message that is sent in parts.
    part: Option<(u8, Vec<u8>)>,
    /// Payload of messages that came too late.
    late: usize,
    /// The newest Ping that was accepted.
    pinged: Option<Vec<u8>>,
    /// Whether the application closed the connection while it was open, and how.
    closed: Option<Option<u16>>,
}

/// `len` bytes, or as many fewer as make whole characters.
fn payload(kind: MessageKind, len: usize, salt: usize) -> Vec<u8> {
    match kind {
        MessageKind::Binary => (0..=255_u8).cycle().skip(salt % 256).take(len).collect(),
        MessageKind::Text => "aé€😀z"
            .chars()
            .cycle()
            .skip(salt % 5)
            .scan(len, |left, char| {
                *left = left.checked_sub(char.len_utf8())?;
                Some(char)
            })
            .collect::<String>()
            .into_bytes(),
    }
}

struct Run {
    pair: Pair,
    models: [Model; 2],
    cut: bool,
    count: usize,
}

const fn index(role: Role) -> usize {
    match role {
        Role::Client => 0,
        Role::Server => 1,
    }
}

impl Run {
    fn new(client: &Config, server: &Config, seed: u64) -> Self {
        let pair = Pair::new(client, server, seed);
        Self { pair, models: Default::default(), cut: false, count: 0 }
    }

    fn run(&mut self, command: &Command) {
        self.count += 1;
        match *command {
            Command::Cut => {
                self.pair.cut();
                self.cut = true;
            }
            Command::Settle => self.pair.settle(),
            Command::Step(steps) => (0..steps).for_each(|_| self.pair.step()),
            Command::Begin(role, _)
            | Command::Chunk(role, _)
            | Command::Close(role, _)
            | Command::Finish(role)
            | Command::Ping(role)
            | Command::Pong(role)
            | Command::Send(role, ..) => self.apply(role, command),
        }
    }

    /// Does something at one side, and makes sure that it is refused only for a reason.
    fn apply(&mut self, role: Role, command: &Command) {
        let count = self.count;
        let model = &mut self.models[index(role)];
        let end = self.pair.end(role);
        let state = end.state();
        let waits = end.connection.poll_transmit().is_some();
        let connection = &mut end.connection;
        let result = match *command {
            Command::Send(_, kind, len, owned) => {
                let payload = payload(kind, len, count);
                let result = send(connection, kind, &payload, owned);
                match result {
                    Ok(()) => model.sent.push((kind.opcode() as u8, payload)),
                    Err(SendError::Closed) => model.late += payload.len(),
                    Err(SendError::MessageInProgress) => assert!(model.part.is_some()),
                    Err(_) => {}
                }
                result
            }
            Command::Begin(_, kind) => {
                let result = connection.commands().begin(kind);
                match result {
                    Ok(()) => model.part = Some((kind.opcode() as u8, Vec::new())),
                    Err(error) => {
                        assert_eq!(
                            error == SendError::MessageInProgress,
                            state == ReadyState::Open && model.part.is_some()
                        );
                    }
                }
                result
            }
            Command::Chunk(_, len) => {
                let kind = match model.part {
                    Some((TEXT, _)) => MessageKind::Text,
                    _ => MessageKind::Binary,
                };
                let payload = payload(kind, len, count);
                let result = connection.commands().send_chunk(&payload);
                match (&result, &mut model.part) {
                    (Ok(()), Some((_, part))) => part.extend(payload),
                    (Ok(()), None) => panic!("a part of nothing"),
                    _ => {}
                }
                result
            }
            Command::Finish(_) => {
                let result = connection.commands().finish();
                if result.is_ok() {
                    model.sent.push(model.part.take().unwrap());
                }
                result
            }
            Command::Ping(_) => {
                let payload = count.to_be_bytes();
                let result = connection.commands().ping(&payload);
                if result.is_ok() {
                    model.pinged = Some(payload.to_vec());
                }
                result
            }
            Command::Pong(_) => connection.commands().pong(b"unasked"),
            Command::Close(_, code) => {
                if state == ReadyState::Open {
                    model.closed = Some(code);
                    model.part = None;
                }
                connection.commands().close(code.unwrap_or(1005), "").unwrap();
                assert!(connection.ready_state() >= ReadyState::Closing);
                Ok(())
            }
            Command::Cut | Command::Settle | Command::Step(_) => Ok(()),
        };
        let is_close = matches!(command, Command::Close(..));
        assert_eq!(result == Err(SendError::Closed), state != ReadyState::Open && !is_close);
        if let Err(SendError::Full { .. }) = result {
            assert!(waits, "refused for lack of room while nothing waits");
        }
        self.pair.side(role).check();
    }

    /// Looks at what has arrived so far, in whatever state.
    fn check(&mut self) {
        for role in [Role::Client, Role::Server] {
            let wrote = &self.pair.side(role).wrote;
            let whole = wrote.len() - parse(wrote).1.len();
            let frames = sent_by(role, &wrote[..whole]);
            let on_wire = messages(&frames);
            let sent = &self.models[index(role)].sent;
            assert!(sent.starts_with(&on_wire), "{role:?} wrote something else");
            let arrived = received(&self.pair.end(role.peer()).got);
            assert!(on_wire.starts_with(&arrived), "{:?} got something else", role.peer());
        }
    }

    /// Looks at what there is when nothing is on its way any more.
    fn check_settled(&mut self) {
        let closers = self.models.each_ref().map(|model| model.closed.is_some());
        for role in [Role::Client, Role::Server] {
            let closed_alone = closers[index(role)] && !closers[index(role.peer())];
            let nobody_closed = closers == [false; 2];
            let arrived = received(&self.pair.end(role.peer()).got);
            let model = &self.models[index(role)];
            let amount = self.pair.end(role).connection.buffered_amount();
            let model = (model, amount);
            if !self.cut && (closed_alone || nobody_closed) {
                assert!(arrived == model.0.sent, "{role:?} sent what did not arrive");
                assert_eq!(model.1, model.0.late);
            } else {
                assert!(model.1 >= model.0.late);
            }
            let ended = !nobody_closed || self.cut;
            let end = self.pair.end(role);
            assert_eq!(ended, end.error.is_some() != end.ended().is_some());
            assert_eq!(ended, end.state() == ReadyState::Closed);
            if !ended && let Some(payload) = &self.models[index(role)].pinged {
                let pong = Got::pong(payload);
                assert!(self.pair.end(role).got.contains(&pong), "the newest Ping is unanswered");
            }
            if self.cut {
                continue;
            }
            if closed_alone {
                let code = self.models[index(role)].closed.flatten().unwrap_or(1005);
                for role in [Role::Client, Role::Server] {
                    let closed = self.pair.end(role).ended().unwrap();
                    assert!(closed.clean && closed.code == code);
                }
            }
        }
    }
}

fn send(
    connection: &mut Connection,
    kind: MessageKind,
    payload: &[u8],
    owned: Owned,
) -> Result<(), SendError> {
    let text = || String::from_utf8(payload.to_vec()).unwrap();
    let mut commands = connection.commands();
    let sent = match (kind, owned) {
        (MessageKind::Binary, Owned::No) => commands.send(payload),
        (MessageKind::Text, Owned::No) => commands.send(text().as_str()),
        (MessageKind::Binary, Owned::Yes) => commands.send(payload.to_vec()),
        (MessageKind::Text, Owned::Yes) => commands.send(text()),
    };
    sent.map_err(SendError::from)
}

/// The messages that arrived whole: opcode and payload.
fn received(got: &[Got]) -> Vec<(u8, Vec<u8>)> {
    joined(got.to_vec())
        .into_iter()
        .filter_map(|got| match got {
            Got::Binary(payload) => Some((BINARY, payload)),
            Got::Text(text) => Some((TEXT, text.into_bytes())),
            Got::Chunk { kind, is_last: true, payload, .. } => Some((kind.opcode() as u8, payload)),
            Got::Chunk { .. } | Got::Closed(_) | Got::Writable(_) | Got::Ping(_) | Got::Pong(_) => {
                None
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn a_pair_keeps_every_promise_whatever_its_applications_do(
        client in pair_configs(),
        server in pair_configs(),
        commands in vec(commands(), 1..60),
        last in roles(),
        seed in any::<u64>(),
    ) {
        let mut run = Run::new(&client, &server, seed);
        for command in &commands {
            run.run(command);
        }
        run.check();
        run.pair.settle();
        run.check();
        run.check_settled();
        // Whoever is left closes.
        run.run(&Command::Close(last, Some(4000)));
        run.pair.settle();
        run.check();
        run.check_settled();
    }
}
