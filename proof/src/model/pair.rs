//! A client and a server, two pipes between them, and their applications: messages, fragments,
//! Pings, closes of both ends, time, transports that end or break.

use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::time::Duration;

use sanswire::driver::Driver;
use sanswire::extension::{Deflate, DeflateConfig, parse_extensions};
use sanswire::{
    AfterClose, CloseCode, Config, Connection, ConnectionError, Role, Timestamp, WhenFull,
};

use super::end::{Answers, End, Ending, Left};
use super::explorer::{self, Model};
use super::machine::Machine;
use crate::Extent;
use crate::tally::Tally;

/// What a pair is made of; there is room for everything unless it says otherwise.
pub(crate) trait Setup {
    type Machine: Machine;

    const ANSWERS: Answers = Answers::Never;
    const LEFT: Left = Left { closes: 1, messages: 2, pings: 1, single_bytes: 1, streams: 1 };
    /// How many actions in a row, and how many with `--short`.
    const DEPTHS: [usize; 2] = [7, 5];
    /// How many bytes fit into a pipe, if not all.
    const CAPACITY: Option<usize> = None;

    fn config() -> Config {
        Config::default()
    }

    /// What the ends agreed on while they opened.
    fn agree(connections: [Connection; 2]) -> [Connection; 2] {
        connections
    }
}

/// Bare connections that have room for everything.
pub(crate) struct Bare;

/// Bare connections whose output is soon full, which fragment, and drop the oldest messages.
pub(crate) struct BareFull;

/// Drivers that have room for everything.
pub(crate) struct Driven;

/// Drivers whose output is full behind each message, which fragment, and drop the oldest ones.
pub(crate) struct DrivenFull;

/// As `DrivenFull`, and they compress.
pub(crate) struct Compressed;

/// Drivers whose output is full behind each message, while applications answer.
pub(crate) struct Answering<P>(PhantomData<P>);

/// Bare connections whose output is full behind each message, while applications answer.
pub(crate) struct BareAnswering;

/// Drivers between which a few bytes fit, and whose output is full behind each message.
pub(crate) struct Narrow;

/// What becomes of a message that is too much.
pub(crate) trait Policy {
    const WHEN_FULL: WhenFull;
}

pub(crate) struct Refuse;
pub(crate) struct DropNewest;
pub(crate) struct Close;

impl Setup for Bare {
    type Machine = Connection;
}

impl Setup for BareFull {
    type Machine = Connection;

    const LEFT: Left = MORE_MESSAGES;

    /// One message is queued, and one waits where it can be dropped.
    fn config() -> Config {
        small(64, WhenFull::DropOldest).low_water(16)
    }
}

impl Setup for Driven {
    type Machine = Driver;
}

impl Setup for DrivenFull {
    type Machine = Driver;

    const LEFT: Left = MORE_MESSAGES;

    fn config() -> Config {
        small(1, WhenFull::DropOldest)
    }
}

impl Setup for Compressed {
    type Machine = Driver;

    const LEFT: Left = MORE_MESSAGES;
    const DEPTHS: [usize; 2] = [6, 4];

    fn config() -> Config {
        DrivenFull::config()
    }

    fn agree([client, server]: [Connection; 2]) -> [Connection; 2] {
        let config = DeflateConfig::default().threshold(0);
        let offer = parse_extensions([&b"permessage-deflate"[..]]).expect("a header");
        let agree = |role| Deflate::from_agreed(role, &config, &offer[0]).expect("an agreement");
        [client.with_deflate(agree(Role::Client)), server.with_deflate(agree(Role::Server))]
    }
}

impl<P: Policy> Setup for Answering<P> {
    type Machine = Driver;

    const ANSWERS: Answers = Answers::Always;
    const DEPTHS: [usize; 2] = [6, 4];

    fn config() -> Config {
        small(1, P::WHEN_FULL)
    }
}

impl Setup for BareAnswering {
    type Machine = Connection;

    const ANSWERS: Answers = Answers::Always;
    const DEPTHS: [usize; 2] = [6, 4];

    fn config() -> Config {
        small(1, WhenFull::Refuse)
    }
}

impl Setup for Narrow {
    type Machine = Driver;

    const DEPTHS: [usize; 2] = [6, 4];
    /// Less than a fragment from a client takes.
    const CAPACITY: Option<usize> = Some(6);

    fn config() -> Config {
        small(1, WhenFull::Refuse)
    }
}

impl Policy for Refuse {
    const WHEN_FULL: WhenFull = WhenFull::Refuse;
}

impl Policy for DropNewest {
    const WHEN_FULL: WhenFull = WhenFull::DropNewest;
}

impl Policy for Close {
    const WHEN_FULL: WhenFull = WhenFull::Close(CloseCode::POLICY_VIOLATION);
}

/// The third message is the first for which one is dropped.
const MORE_MESSAGES: Left = Left { messages: 3, ..Bare::LEFT };

/// What is not dropped or discarded is delivered, whoever closes: all can be accounted for.
fn small(max_buffered: usize, when_full: WhenFull) -> Config {
    Config::default()
        .max_buffered(max_buffered)
        .when_full(when_full)
        .after_close(AfterClose::Deliver)
        .fragment_size(NonZeroUsize::new(2))
}

pub(crate) struct Pair<S: Setup> {
    /// The client, then the server.
    ends: [End<S::Machine>; 2],
    /// What each has written and the other has not read.
    pipes: [Pipe; 2],
    now: Duration,
    is_broken: bool,
    timeouts: u8,
    config: Config,
    setup: PhantomData<S>,
}

#[derive(Default, Hash)]
struct Pipe {
    bytes: Vec<u8>,
    /// How much ever lay in it.
    passed: usize,
    /// Whether what is written from now on is lost.
    is_cut: bool,
    /// Whether the end comes behind the bytes.
    is_ended: bool,
    /// Whether the reader has seen the end.
    is_seen: bool,
}

/// The number is the end that does it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Begin(usize),
    /// The transport is gone, with what lies in it.
    Break,
    Close(usize),
    /// What comes to this end ends behind what is on its way; what it writes still arrives.
    Cut(usize),
    Finish(usize),
    Ping(usize),
    Poll(usize),
    /// Everything that has come.
    Read(usize),
    ReadByte(usize),
    ReadEnd(usize),
    Send(usize),
    /// Until the next deadline of either end.
    Time,
    Write(usize),
    WriteByte(usize),
}

/// Explores what a pair does, if it can tell its states from one another.
pub(crate) fn explore<S: Setup>(tally: &mut Tally, extent: Extent) {
    let paths = [
        [Action::Send(0), Action::Ping(0), Action::Close(0)],
        [Action::Ping(0), Action::Send(0), Action::Close(0)],
    ];
    // The same lengths, the same counts, other bytes.
    let [one, other] = paths.map(|path| explorer::fingerprint_of::<Pair<S>>(&path));
    tally.check(&(one == other), &false, || format!("{paths:?} are the same"));
    explorer::explore::<Pair<S>>(tally, extent);
}

impl<S: Setup> Model for Pair<S> {
    type Action = Action;

    fn new() -> Self {
        let config = S::config();
        let connections = [Connection::client(&config, [7; 32]), Connection::server(&config)];
        let mut pair = Self {
            ends: S::agree(connections)
                .map(|connection| End::new(S::Machine::new(connection), S::LEFT, S::ANSWERS)),
            pipes: [Pipe::default(), Pipe::default()],
            now: Duration::ZERO,
            is_broken: false,
            timeouts: 0,
            config,
            setup: PhantomData,
        };
        pair.tell_time();
        pair
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (at, end) in self.ends.iter().enumerate() {
            let pipe = &self.pipes[1 - at];
            let is_told = end.ending.is_some();
            let may_read = !end.is_over() && end.wants_read();
            let mut may = |is_possible: bool, action| {
                if is_possible {
                    actions.push(action);
                }
            };
            may(end.left.messages > 0 && !is_told && !end.is_streaming(), Action::Send(at));
            may(end.left.streams > 0 && !is_told && !end.is_streaming(), Action::Begin(at));
            may(end.is_streaming() && !is_told, Action::Finish(at));
            may(end.left.pings > 0 && !is_told, Action::Ping(at));
            may(end.left.closes > 0 && !is_told, Action::Close(at));
            may(!end.is_over(), Action::Poll(at));
            // Where there is nothing to write, it leads nowhere.
            may(true, Action::Write(at));
            may(end.left.single_bytes > 0, Action::WriteByte(at));
            may(!pipe.bytes.is_empty() && may_read, Action::Read(at));
            may(
                pipe.bytes.len() > 1 && may_read && end.left.single_bytes > 0,
                Action::ReadByte(at),
            );
            may(pipe.bytes.is_empty() && pipe.is_unseen() && may_read, Action::ReadEnd(at));
            may(self.pipes.iter().all(|pipe| !pipe.is_ended), Action::Cut(at));
        }
        if !self.is_broken {
            actions.push(Action::Break);
        }
        if self.timeouts < TIMEOUTS && self.next_time().is_some() {
            actions.push(Action::Time);
        }
        actions
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Begin(at) => self.ends[at].begin()?,
            Action::Break => self.break_off(),
            Action::Close(at) => self.ends[at].close()?,
            Action::Cut(at) => self.pipes[1 - at].cut(),
            Action::Finish(at) => self.ends[at].finish(at)?,
            Action::Ping(at) => self.ends[at].ping()?,
            Action::Poll(at) => self.ends[at].poll().map(drop)?,
            Action::Read(at) => self.read(at, usize::MAX),
            Action::ReadByte(at) => {
                self.ends[at].left.single_bytes -= 1;
                self.read(at, 1);
            }
            Action::ReadEnd(at) => self.read_end(at),
            Action::Send(at) => self.ends[at].send(at)?,
            Action::Time => {
                self.timeouts += 1;
                self.pass();
            }
            Action::Write(at) => self.write(at, usize::MAX).map(drop)?,
            Action::WriteByte(at) => {
                self.ends[at].left.single_bytes -= 1;
                self.write(at, 1)?;
            }
        }
        self.check()
    }

    fn identify(self, state: &mut impl Hasher) {
        self.ends.into_iter().for_each(|end| end.identify(state));
        (self.pipes, self.now, self.is_broken, self.timeouts).hash(state);
    }

    /// Where both are open, it matters which of them closes.
    fn endings(&self) -> usize {
        if self.ends.iter().all(End::is_open) { 2 } else { 1 }
    }

    fn settle(mut self, closes: usize) -> Result<(), String> {
        for _ in 0..1000 {
            let mut has_moved = false;
            for at in 0..2 {
                has_moved |= self.go_on(at)?;
            }
            self.check()?;
            if has_moved {
                continue;
            }
            if self.ends.iter().all(End::is_over) {
                return self.check_end();
            }
            if self.ends.iter().all(End::is_open) {
                self.check_quiet()?;
                // An application ends some time. Nobody else need do anything.
                self.ends[closes].close()?;
            } else if self.next_time().is_some_and(|next| next <= self.now.into()) {
                self.tell_time();
            } else {
                return Err(format!("an end waits for {:?}", self.next_time()));
            }
        }
        Err("it goes on and on".into())
    }

    fn depth(extent: Extent) -> usize {
        let [full, short] = S::DEPTHS;
        match extent {
            Extent::Full => full,
            Extent::Short => short,
        }
    }
}

impl<S: Setup> Pair<S> {
    /// Does what an end can do now; returns whether that was anything.
    fn go_on(&mut self, at: usize) -> Result<bool, String> {
        let mut has_moved = false;
        while !self.ends[at].is_over() && self.ends[at].poll()? {
            has_moved = true;
        }
        has_moved |= self.write(at, usize::MAX)?;
        let (end, pipe) = (&self.ends[at], &mut self.pipes[1 - at]);
        if end.is_over() {
            // What comes behind the end is thrown away.
            has_moved |= !pipe.bytes.is_empty();
            pipe.bytes.clear();
        } else if !end.wants_read() {
            // It writes first.
        } else if !pipe.bytes.is_empty() {
            self.read(at, usize::MAX);
            has_moved = true;
        } else if pipe.is_unseen() {
            self.read_end(at);
            has_moved = true;
        }
        Ok(has_moved)
    }

    /// Returns whether there was anything to write. An end that is over, and has written everything,
    /// ends its side of the transport.
    fn write(&mut self, at: usize, most: usize) -> Result<bool, String> {
        let (end, pipe) = (&mut self.ends[at], &mut self.pipes[at]);
        let told = end.told();
        // What goes nowhere always fits.
        let capacity = S::CAPACITY.filter(|_| !pipe.is_cut);
        let room = capacity.map_or(usize::MAX, |capacity| capacity - pipe.bytes.len());
        let written =
            if self.is_broken { end.fail_write() } else { end.machine.write(told, most, room) };
        if !pipe.is_cut && !written.bytes.is_empty() {
            if pipe.is_ended {
                return Err(format!("{at} writes behind its end"));
            }
            pipe.passed += written.bytes.len();
            pipe.bytes.extend_from_slice(&written.bytes);
        }
        let has_ended = written.is_shut && !pipe.is_ended;
        pipe.is_ended |= written.is_shut;
        Ok(written.has_moved || has_ended)
    }

    fn read(&mut self, at: usize, most: usize) {
        let pipe = &mut self.pipes[1 - at];
        let len = pipe.bytes.len().min(most);
        let bytes: Vec<u8> = pipe.bytes.drain(..len).collect();
        self.ends[at].machine.read(&bytes, self.now);
    }

    fn read_end(&mut self, at: usize) {
        self.pipes[1 - at].is_seen = true;
        self.ends[at].machine.read(b"", self.now);
    }

    fn break_off(&mut self) {
        self.is_broken = true;
        for pipe in &mut self.pipes {
            pipe.cut();
            pipe.bytes.clear();
        }
    }

    fn next_time(&self) -> Option<Timestamp> {
        let waiting = self.ends.iter().filter(|end| !end.is_over());
        waiting.filter_map(|end| end.machine.next_time()).min()
    }

    fn pass(&mut self) {
        if let Some(next) = self.next_time() {
            self.now = self.now.max(next.into());
        }
        self.tell_time();
    }

    fn tell_time(&mut self) {
        for end in &mut self.ends {
            end.machine.tell_time(self.now);
        }
    }

    /// What is true at any time.
    fn check(&mut self) -> Result<(), String> {
        for at in 0..2 {
            self.ends[at].check(&self.config)?;
            let missing = self.missing(at)?;
            let (sent, got) = (&self.ends[at].sent, &self.ends[1 - at].got);
            if self.config.when_full != WhenFull::DropOldest && !sent.starts_with(got) {
                return Err(format!("of {at} came all but {missing:?}"));
            }
        }
        Ok(())
    }

    /// What is true when both are open, and everything was written and read: what was accepted has
    /// arrived, or was reported as dropped.
    fn check_quiet(&mut self) -> Result<(), String> {
        for at in 0..2 {
            let missing = self.missing(at)?;
            let (messages, bytes) = self.ends[at].refused_as_dropped;
            let dropped = (missing.len() as u64 + messages, len_of(&missing) + bytes);
            self.ends[at].check_quiet().map_err(|fault| format!("{at}: {fault}"))?;
            if self.ends[at].dropped != dropped {
                let reported = self.ends[at].dropped;
                return Err(format!(
                    "of {at}, {missing:?} did not come, reported is {reported:?}, not {dropped:?}"
                ));
            }
        }
        Ok(())
    }

    /// What is true in the end.
    fn check_end(&mut self) -> Result<(), String> {
        for at in 0..2 {
            self.check_ending(at)?;
            self.check_account(at)?;
            self.ends[at].check_over().map_err(|fault| format!("{at}: {fault}"))?;
        }
        Ok(())
    }

    /// An end is told what has happened: nothing fails without a cause, or with that of another.
    fn check_ending(&self, at: usize) -> Result<(), String> {
        let (near, far) = (&self.ends[at], &self.ends[1 - at]);
        let is_caused = match near.ending {
            Some(Ending::Clean(1000)) => near.has_closed || far.has_closed,
            // The other end has failed, and said so.
            Some(Ending::Clean(code)) => match far.ending {
                Some(Ending::Failed(error)) => error.close_code() == code,
                Some(Ending::Clean(_)) | None => false,
            },
            Some(Ending::Failed(ConnectionError::UnexpectedEof)) => {
                let has_given_up = far.has_overflowed && self.timeouts > 0;
                self.pipes[1 - at].is_cut || far.breaks_off() || has_given_up
            }
            Some(Ending::Failed(ConnectionError::PeerTooSlow { .. })) => near.has_overflowed,
            Some(Ending::Failed(error)) => error.is_timeout() && self.timeouts > 0,
            None => false,
        };
        if is_caused {
            Ok(())
        } else {
            Err(format!("{at} ended by {:?}, and the other by {:?}", near.ending, far.ending))
        }
    }

    /// What an end has accepted has arrived, or it was told of it.
    fn check_account(&mut self, at: usize) -> Result<(), String> {
        let discarded = self.ends[at].machine.discarded();
        let missing = self.missing(at)?;
        let (near, far) = (&self.ends[at], &self.ends[1 - at]);
        let account = || format!("of {at}, {missing:?} did not come, reported is {discarded:?}");
        let (dropped, dropped_bytes) = near.dropped_later();
        let unsent = discarded.unwrap_or_default();
        if dropped > missing.len() as u64
            || dropped_bytes > unsent
            || unsent > len_of(&missing) + near.unfinished() as u64
        {
            return Err(format!("{}: something came all the same", account()));
        }
        let has_failed = matches!(far.ending, Some(Ending::Failed(_)));
        // As is the default, or because it did not wait any longer.
        let drops = far.has_closed && (self.config.after_close == AfterClose::Drop || has_failed);
        let is_told = !matches!(near.ending, Some(Ending::Clean(1000)));
        if drops || is_told && (self.pipes[at].is_cut || has_failed) {
            return Ok(());
        }
        // A message of which a part has left is reported by what has not: that may be its end alone.
        let largest = missing.iter().map(|message| message.len() as u64).max().unwrap_or_default();
        let left = self.config.fragment_size.map_or(0, |_| largest);
        let is_reported = discarded.is_some() && len_of(&missing) <= unsent + left;
        if missing.is_empty() || is_reported { Ok(()) } else { Err(account()) }
    }

    /// Returns the messages of an end that the other did not get.
    fn missing(&self, at: usize) -> Result<Vec<Vec<u8>>, String> {
        let (sent, got) = (&self.ends[at].sent, &self.ends[1 - at].got);
        let mut next = got.iter().peekable();
        let missing = sent.iter().filter(|sent| next.next_if_eq(sent).is_none()).cloned().collect();
        match next.next() {
            Some(other) => Err(format!("{other:?} of {at} came twice, or not in order")),
            None => Ok(missing),
        }
    }
}

impl Pipe {
    fn cut(&mut self) {
        (self.is_cut, self.is_ended) = (true, true);
    }

    /// Returns whether the end is still to be seen.
    const fn is_unseen(&self) -> bool {
        self.is_ended && !self.is_seen
    }
}

fn len_of(messages: &[Vec<u8>]) -> u64 {
    messages.iter().map(|message| message.len() as u64).sum()
}

/// How often time passes at most.
const TIMEOUTS: u8 = 2;
