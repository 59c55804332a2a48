//! A client and a server, two pipes between them, and their applications: messages, fragments,
//! Pings, closes of both ends, time, transports that end or break.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use bytes::Buf;
use sanswire::{Config, Connection, Event, MessageKind, ReadyState, Timestamp};

use super::explorer::{Model, hash_debug};

pub(crate) struct Pair {
    /// The client, then the server.
    ends: [End; 2],
    /// What each has written and the other has not read.
    pipes: [Pipe; 2],
    now: Duration,
    is_broken: bool,
    timeouts: u8,
}

struct End {
    connection: Connection,
    /// What the application may still do.
    left: Left,
    /// Whether a message is being sent in fragments.
    is_streaming: bool,
    /// Whether this end closed while it was open.
    has_closed: bool,
    /// Whole messages that were accepted.
    sent: Vec<Vec<u8>>,
    got: Vec<Vec<u8>>,
    ending: Option<Ending>,
    /// What was read, since the last time that nothing was left of it.
    unread: Vec<u8>,
    /// What was done, by the application or for it, since the last time that everything was written.
    unwritten: Vec<Did>,
}

/// What may have brought output.
#[derive(Clone, Copy, Debug, Hash)]
enum Did {
    Begin,
    Close,
    Event,
    Finish,
    Ping,
    Send,
    Time,
}

#[derive(Clone, Copy, Debug, Hash)]
struct Left {
    closes: u8,
    messages: u8,
    pings: u8,
    single_bytes: u8,
    streams: u8,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Ending {
    /// Which code.
    Clean(u16),
    Failed(String),
}

#[derive(Default, Hash)]
struct Pipe {
    bytes: Vec<u8>,
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
}

impl Model for Pair {
    type Action = Action;

    fn new() -> Self {
        let config = Config::default();
        let connections = [Connection::client(&config, [7; 32]), Connection::server(&config)];
        let mut pair = Self {
            ends: connections.map(End::new),
            pipes: [Pipe::default(), Pipe::default()],
            now: Duration::ZERO,
            is_broken: false,
            timeouts: 0,
        };
        pair.tell_time();
        pair
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (at, end) in self.ends.iter().enumerate() {
            let pipe = &self.pipes[1 - at];
            let is_over = end.ending.is_some();
            let mut may = |is_possible: bool, action| {
                if is_possible {
                    actions.push(action);
                }
            };
            may(end.left.messages > 0 && !is_over && !end.is_streaming, Action::Send(at));
            may(end.left.streams > 0 && !is_over && !end.is_streaming, Action::Begin(at));
            may(end.is_streaming && !is_over, Action::Finish(at));
            may(end.left.pings > 0 && !is_over, Action::Ping(at));
            may(end.left.closes > 0 && !is_over, Action::Close(at));
            may(!is_over, Action::Poll(at));
            // Where there is nothing to write, it leads nowhere.
            may(true, Action::Write(at));
            may(!pipe.bytes.is_empty() && !is_over, Action::Read(at));
            may(
                pipe.bytes.len() > 1 && !is_over && end.left.single_bytes > 0,
                Action::ReadByte(at),
            );
            may(pipe.bytes.is_empty() && pipe.is_ended && !pipe.is_seen, Action::ReadEnd(at));
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
            Action::Begin(at) => self.ends[at].begin(),
            Action::Break => {
                self.is_broken = true;
                self.pipes = [(); 2].map(|()| Pipe { is_ended: true, ..Pipe::default() });
                Ok(())
            }
            Action::Close(at) => self.ends[at].close(),
            Action::Finish(at) => self.ends[at].finish(at),
            Action::Ping(at) => self.ends[at].ping(),
            Action::Poll(at) => self.ends[at].poll().map(drop),
            Action::Read(at) => {
                self.read(at, usize::MAX);
                Ok(())
            }
            Action::ReadByte(at) => {
                self.ends[at].left.single_bytes -= 1;
                self.read(at, 1);
                Ok(())
            }
            Action::ReadEnd(at) => {
                self.pipes[1 - at].is_seen = true;
                self.ends[at].connection.handle_eof();
                Ok(())
            }
            Action::Send(at) => self.ends[at].send(at),
            Action::Time => {
                self.timeouts += 1;
                self.pass();
                Ok(())
            }
            Action::Write(at) => {
                self.write(at);
                Ok(())
            }
        }?;
        self.check()
    }

    fn identify(&self, state: &mut impl Hasher) {
        for end in &self.ends {
            hash_debug(&end.connection, state);
            (end.left, end.is_streaming, end.has_closed, &end.sent, &end.got, &end.ending)
                .hash(state);
        }
        (&self.pipes, self.now, self.is_broken, self.timeouts).hash(state);
    }

    fn settle(mut self) -> Result<(), String> {
        for _ in 0..1000 {
            let mut has_moved = false;
            for at in 0..2 {
                while self.ends[at].ending.is_none() && self.ends[at].poll()? {
                    has_moved = true;
                }
                has_moved |= self.write(at);
                let is_over = self.ends[at].ending.is_some();
                let pipe = &mut self.pipes[1 - at];
                if !pipe.bytes.is_empty() {
                    // What comes behind the end is thrown away.
                    if is_over {
                        pipe.bytes.clear();
                    } else {
                        self.read(at, usize::MAX);
                    }
                    has_moved = true;
                } else if pipe.is_ended && !pipe.is_seen {
                    self.act(Action::ReadEnd(at))?;
                    has_moved = true;
                }
            }
            self.check()?;
            if has_moved {
                continue;
            }
            if self.ends.iter().all(|end| end.ending.is_some()) {
                return self.check_end();
            }
            // An application ends some time. Nobody else need do anything.
            let is_open = |end: &End| end.connection.ready_state() == ReadyState::Open;
            if self.ends.iter().all(is_open) {
                self.ends[0].close()?;
            } else if self.next_time().is_some() {
                self.pass();
            } else {
                return Err("an end waits for nothing".into());
            }
        }
        Err("it goes on and on".into())
    }
}

impl Pair {
    /// Returns whether there was anything to write. An end that is over, and has written everything,
    /// ends its side of the transport.
    fn write(&mut self, at: usize) -> bool {
        let end = &mut self.ends[at];
        let pipe = &mut self.pipes[at];
        let output = end.connection.poll_transmit();
        let has_output = output.is_some();
        if let Some(output) = output {
            let len = output.remaining();
            let bytes = output.copy_to_bytes(len);
            if !self.is_broken {
                pipe.bytes.extend_from_slice(&bytes);
            }
        }
        pipe.is_ended |= end.ending.is_some();
        end.unwritten.clear();
        has_output
    }

    fn read(&mut self, at: usize, most: usize) {
        let pipe = &mut self.pipes[1 - at];
        let len = pipe.bytes.len().min(most);
        let bytes: Vec<u8> = pipe.bytes.drain(..len).collect();
        self.ends[at].unread.extend_from_slice(&bytes);
        self.ends[at].connection.input().extend_from_slice(&bytes);
    }

    fn next_time(&self) -> Option<Timestamp> {
        let waiting = self.ends.iter().filter(|end| end.ending.is_none());
        waiting.filter_map(|end| end.connection.poll_timeout()).min()
    }

    fn pass(&mut self) {
        if let Some(next) = self.next_time() {
            self.now = self.now.max(next.into());
        }
        self.tell_time();
    }

    fn tell_time(&mut self) {
        for end in &mut self.ends {
            end.connection.handle_timeout(self.now);
            end.unwritten.push(Did::Time);
        }
    }

    /// What is true at any time.
    fn check(&self) -> Result<(), String> {
        for at in 0..2 {
            let (sent, got) = (&self.ends[at].sent, &self.ends[1 - at].got);
            if !sent.starts_with(got) {
                return Err(format!("{} of {at} came, of {}: not in order", got.len(), sent.len()));
            }
        }
        Ok(())
    }

    /// What is true in the end.
    fn check_end(&mut self) -> Result<(), String> {
        for at in 0..2 {
            let (near, far) = (&self.ends[at], &self.ends[1 - at]);
            let is_clean = matches!(near.ending, Some(Ending::Clean(_)));
            // Who has closed drops what comes then, as is its default; who has failed says so.
            let is_told = far.has_closed || near.ending == Some(Ending::Clean(1011));
            if is_clean && !is_told && far.got != near.sent {
                return Err(format!("{at} is closed cleanly, and not all of its messages came"));
            }
            if !is_clean && !self.is_broken && self.timeouts == 0 {
                return Err(format!("{at} failed: {:?}", near.ending));
            }
            if near.connection.was_clean() != is_clean {
                return Err(format!("was_clean of {at} is not {is_clean}"));
            }
            self.ends[at].check_over()?;
        }
        Ok(())
    }
}

impl End {
    const LEFT: Left = Left { closes: 1, messages: 2, pings: 1, single_bytes: 1, streams: 1 };

    fn new(connection: Connection) -> Self {
        Self {
            connection,
            left: Self::LEFT,
            is_streaming: false,
            has_closed: false,
            sent: Vec::new(),
            got: Vec::new(),
            ending: None,
            unread: Vec::new(),
            unwritten: Vec::new(),
        }
    }

    fn send(&mut self, at: usize) -> Result<(), String> {
        self.unwritten.push(Did::Send);
        self.left.messages -= 1;
        let message = self.next_message(at);
        let is_open = self.is_open();
        let result = self.connection.commands().send(&message[..]).map_err(|refused| refused.error);
        expect(is_open, &result, "send")?;
        self.sent.extend(result.is_ok().then_some(message));
        Ok(())
    }

    fn begin(&mut self) -> Result<(), String> {
        self.unwritten.push(Did::Begin);
        self.left.streams -= 1;
        let is_open = self.is_open();
        let mut commands = self.connection.commands();
        let begun =
            commands.begin(MessageKind::Binary).and_then(|()| commands.send_chunk(b"begun"));
        self.is_streaming = begun.is_ok();
        expect(is_open, &begun, "begin")
    }

    fn finish(&mut self, at: usize) -> Result<(), String> {
        self.unwritten.push(Did::Finish);
        self.is_streaming = false;
        let rest = self.next_message(at);
        let is_open = self.is_open();
        let mut commands = self.connection.commands();
        let finished = commands.send_chunk(&rest).and_then(|()| commands.finish());
        expect(is_open, &finished, "finish")?;
        if finished.is_ok() {
            self.sent.push([b"begun", &rest[..]].concat());
        }
        Ok(())
    }

    fn ping(&mut self) -> Result<(), String> {
        self.unwritten.push(Did::Ping);
        self.left.pings -= 1;
        let is_open = self.is_open();
        let result = self.connection.commands().ping(b"?");
        expect(is_open, &result, "ping")
    }

    fn close(&mut self) -> Result<(), String> {
        self.unwritten.push(Did::Close);
        self.left.closes = self.left.closes.saturating_sub(1);
        self.has_closed |= self.is_open();
        // In any state: what is closed stays closed.
        self.connection.commands().close(1000, "").map_err(|error| error.to_string())
    }

    /// Takes one event, if there is one.
    fn poll(&mut self) -> Result<bool, String> {
        let has_single_bytes = self.left.single_bytes < Self::LEFT.single_bytes;
        let got = match self.connection.poll_event() {
            Ok(None) => {
                // Whole frames were read, unless they were cut.
                if !has_single_bytes {
                    self.unread.clear();
                }
                return Ok(false);
            }
            Ok(Some((event, _))) => event.into_owned(),
            Err(error) => {
                self.ending = Some(Ending::Failed(error.to_string()));
                return Ok(true);
            }
        };
        self.unwritten.push(Did::Event);
        match got {
            Event::Binary(payload) => self.got.push(payload.to_vec()),
            Event::Closed(closed) => self.ending = Some(Ending::Clean(closed.code.as_u16())),
            Event::Ping(_) | Event::Pong(_) => {}
            other => return Err(format!("nobody asked for {other:?}")),
        }
        Ok(true)
    }

    /// Nothing comes behind the end, and nothing is accepted.
    fn check_over(&mut self) -> Result<(), String> {
        for _ in 0..2 {
            let again = match self.connection.poll_event() {
                Ok(None) => None,
                Ok(Some((event, _))) => Some(format!("{event:?}")),
                Err(error) if self.ending == Some(Ending::Failed(error.to_string())) => None,
                Err(error) => Some(error.to_string()),
            };
            if let Some(again) = again {
                return Err(format!("behind the end came {again}"));
            }
        }
        if self.connection.commands().send(&b"late"[..]).is_ok() {
            return Err("a message was accepted behind the end".into());
        }
        if self.connection.ready_state() != ReadyState::Closed {
            return Err(format!("{:?} in the end", self.connection.ready_state()));
        }
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.connection.ready_state() == ReadyState::Open
    }

    /// The end and the number make it different from all others.
    fn next_message(&self, at: usize) -> Vec<u8> {
        format!("{at}:{}", self.sent.len()).into_bytes()
    }
}

/// A command is accepted while the connection is open, and only then.
fn expect<E: std::fmt::Debug>(
    is_open: bool,
    result: &Result<(), E>,
    command: &str,
) -> Result<(), String> {
    if result.is_ok() == is_open {
        Ok(())
    } else {
        Err(format!("{command} said {result:?}, and open is {is_open}"))
    }
}

/// How often time passes at most.
const TIMEOUTS: u8 = 2;
