//! Messages that nothing stands in the way of take a short way to the output. What they leave behind
//! is what the long way leaves, which decides everything: the same bytes, counts, errors and times.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::fmt::Debug;
use core::num::NonZeroUsize;
use core::time::Duration;

use bytes::{Buf, Bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use sanswire::{
    CloseCode, Config, ConnectionError, Discarded, Message, MessageKind, Prepared, ReadyState,
    Refused, Role, SendError, SpareBuffers, Timestamp, Utf8Bytes, WhenFull,
};

use crate::support::{BINARY, CLOSE, End, FIN, Got, PING, PONG, TEXT, cases, frame};

/// How a message is passed.
#[derive(Clone, Copy, Debug)]
enum Passed {
    Bytes,
    BytesByReference,
    Prepared,
    Shared,
    Slice,
    Text,
    TextOwned,
    Try,
    Uncompressed,
}

#[derive(Clone, Debug)]
enum Step {
    Begin,
    Chunk(usize),
    Close,
    Discarded,
    Eof,
    Finish,
    Ping(usize),
    Poll,
    Pong(usize),
    Receive(u8, usize),
    Release,
    Reuse,
    Send(Passed, usize),
    Wait(u64),
    Write(usize),
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0..40_usize,
        2 => 120..130_usize,
        2 => 0..2_000_usize,
        1 => 4_090..4_100_usize,
        1 => 0..30_000_usize,
    ]
}

fn ways() -> impl Strategy<Value = Passed> {
    prop_oneof![
        4 => Just(Passed::Slice),
        1 => Just(Passed::Bytes),
        1 => Just(Passed::BytesByReference),
        1 => Just(Passed::Prepared),
        1 => Just(Passed::Shared),
        1 => Just(Passed::Text),
        1 => Just(Passed::TextOwned),
        1 => Just(Passed::Try),
        1 => Just(Passed::Uncompressed),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let first = prop_oneof![
        3 => Just(FIN | PING),
        1 => Just(FIN | PONG),
        2 => Just(FIN | BINARY),
        1 => Just(TEXT),
    ];
    let step = prop_oneof![
        30 => (ways(), sizes()).prop_map(|(passed, len)| Step::Send(passed, len)),
        1 => Just(Step::Begin),
        2 => (0..300_usize).prop_map(Step::Chunk),
        2 => Just(Step::Finish),
        2 => (0..128_usize).prop_map(Step::Ping),
        1 => (0..128_usize).prop_map(Step::Pong),
        1 => Just(Step::Discarded),
        3 => Just(Step::Poll),
        3 => (first, 0..126_usize).prop_map(|(first, len)| Step::Receive(first, len)),
        1 => Just(Step::Release),
        1 => Just(Step::Reuse),
        3 => (0..40_u64).prop_map(Step::Wait),
        4 => (0..5_000_usize).prop_map(Step::Write),
        4 => Just(Step::Write(usize::MAX)),
    ];
    // The end, and a few steps behind it.
    let last = prop_oneof![
        Just(Step::Close),
        Just(Step::Eof),
        Just(Step::Receive(FIN | CLOSE, 0)),
        Just(Step::Receive(0x7f, 1)),
    ];
    (vec(step.clone(), 1..120), last, vec(step, 0..12)).prop_map(|(mut steps, last, behind)| {
        steps.push(last);
        steps.extend(behind);
        steps
    })
}

fn configs() -> impl Strategy<Value = Config> {
    let high = prop_oneof![2 => Just(1 << 20), 1 => 0..300_usize, 2 => 0..9_000_usize];
    let when_full = prop_oneof![
        3 => Just(WhenFull::Refuse),
        1 => Just(WhenFull::DropNewest),
        1 => Just(WhenFull::DropOldest),
        1 => Just(WhenFull::Close(CloseCode::POLICY_VIOLATION)),
    ];
    let span = || prop::option::of((1..60_u64).prop_map(Duration::from_secs));
    (high, 0..9_000_usize, when_full, [span(), span(), span(), span()]).prop_map(
        |(high, low, when_full, [ping, pong, write, idle])| {
            Config::default()
                .max_buffered(high)
                .low_water(low)
                .when_full(when_full)
                .ping_interval(ping)
                .pong_timeout(pong)
                .write_timeout(write)
                .idle_timeout(idle)
        },
    )
}

/// One that is driven, and what it was told.
struct Driven {
    end: End,
    now: Duration,
    spare: SpareBuffers,
    /// Bytes that were written.
    written: Vec<u8>,
}

/// All that can be seen after a step.
#[derive(Debug, PartialEq)]
struct Seen {
    answer: Option<Result<(), (SendError, Option<Message>)>>,
    buffered_amount: usize,
    discarded: Option<Discarded>,
    error: Option<ConnectionError>,
    got: Vec<Got>,
    has_room: bool,
    round_trip: Option<Duration>,
    state: ReadyState,
    timeout: Option<Timestamp>,
    wants_read: bool,
    written: Vec<u8>,
}

impl Driven {
    fn new(role: Role, config: &Config) -> Self {
        let spare = SpareBuffers::default();
        Self { end: End::new(role, config), now: Duration::ZERO, spare, written: Vec::new() }
    }

    fn step(&mut self, step: &Step) -> Seen {
        let (mut answer, mut discarded) = (None, None);
        let connection = &mut self.end.connection;
        let plain = |sent: Result<(), SendError>| Some(sent.map_err(|error| (error, None)));
        match *step {
            Step::Begin => answer = plain(connection.commands().begin(MessageKind::Binary)),
            Step::Chunk(len) => answer = plain(connection.commands().send_chunk(&vec![3; len])),
            Step::Close => answer = plain(connection.commands().close(1000, "bye")),
            Step::Discarded => discarded = connection.poll_discarded(),
            Step::Eof => self.end.eof(),
            Step::Finish => answer = plain(connection.commands().finish()),
            Step::Ping(len) => answer = plain(connection.commands().ping(&vec![4; len])),
            Step::Poll => self.end.poll(),
            Step::Pong(len) => answer = plain(connection.commands().pong(&vec![5; len])),
            Step::Receive(first, len) => self.end.receive(&frame(first, &vec![b'x'; len])),
            Step::Release => connection.release_memory_to(&mut self.spare),
            Step::Reuse => connection.reuse_memory(&mut self.spare),
            Step::Send(passed, len) => {
                let sent = self.send(passed, len);
                answer = Some(sent.map_err(|refused| (refused.error, refused.message)));
            }
            Step::Wait(seconds) => {
                self.now += Duration::from_secs(seconds);
                connection.handle_timeout(self.now);
                self.end.poll();
            }
            Step::Write(most) => self.write(most),
        }
        let (got, written) = (self.end.take_got(), core::mem::take(&mut self.written));
        let connection = &mut self.end.connection;
        Seen {
            answer,
            buffered_amount: connection.buffered_amount(),
            discarded,
            error: self.end.error,
            got,
            has_room: connection.commands().has_room(),
            round_trip: connection.round_trip_time(),
            state: connection.ready_state(),
            timeout: connection.poll_timeout(),
            wants_read: connection.wants_read(),
            written,
        }
    }

    fn send(&mut self, passed: Passed, len: usize) -> Result<(), Refused> {
        let mut commands = self.end.connection.commands();
        let payload: Vec<u8> = (b'a'..=b'z').cycle().take(len).collect();
        let text = String::from_utf8(payload.clone()).unwrap();
        match passed {
            Passed::Bytes => commands.send(Bytes::from(payload)),
            Passed::BytesByReference => {
                let bytes = Bytes::from(payload);
                commands.send(&bytes)
            }
            Passed::Prepared => commands.send(&Prepared::text(&text)),
            Passed::Shared => {
                let bytes = Bytes::from(payload);
                let _other = bytes.clone();
                commands.send(Message::Binary(bytes))
            }
            Passed::Slice => commands.send(&payload[..]),
            Passed::Text => commands.send(&text[..]),
            Passed::TextOwned => commands.send(Utf8Bytes::from(text)),
            Passed::Try => commands.try_send(payload),
            Passed::Uncompressed => commands.send_uncompressed(&payload),
        }
    }

    /// Writes at most so much, and looks at the rest as it would be written.
    fn write(&mut self, most: usize) {
        let mut left = most;
        while let Some(output) = self.end.connection.poll_transmit() {
            let len = output.chunk().len().min(left);
            self.written.extend(&output.chunk()[..len]);
            output.advance(len);
            left -= len;
            if left == 0 {
                return;
            }
        }
    }
}

fn check<T: PartialEq + Debug>(long: &T, short: &T) -> Result<(), TestCaseError> {
    prop_assert_eq!(long, short);
    Ok(())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn the_short_way_leaves_what_the_long_way_leaves(
        is_client in any::<bool>(),
        config in configs(),
        steps in steps(),
    ) {
        let role = if is_client { Role::Client } else { Role::Server };
        // Fragments that are larger than any message are none, but where there may be some, nothing
        // takes the short way.
        let long = config.clone().fragment_size(NonZeroUsize::new(usize::MAX));
        let (mut short, mut long) = (Driven::new(role, &config), Driven::new(role, &long));
        for step in &steps {
            check(&long.step(step), &short.step(step))?;
        }
        let all = Step::Write(usize::MAX);
        check(&long.step(&all), &short.step(&all))?;
    }
}
