//! Two drivers with their applications, joined by a transport in memory, in virtual time.

use core::time::Duration;
use std::io::{ErrorKind, IoSlice};

use bytes::BytesMut;
use sanswire::driver::{Driver, DriverError, Next, Transfer};
use sanswire::{Closed, Event, ReadyState, Role, SpareBuffers};

use crate::app::{App, Plan};
use crate::wire::{Pipe, Stream};

/// How an end waits for its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// One operation at a time, each for some time at most.
    Blocking,
    /// A read and a write are in flight at once, in memory of the transport's.
    Completion,
    /// Whatever is ready is done.
    Readiness,
}

/// What an end waits for.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    read: bool,
    write: bool,
    until: Option<Duration>,
}

pub(crate) struct End {
    role: Role,
    pub(crate) driver: Driver,
    pub(crate) stream: Stream,
    pub(crate) app: App,
    style: Style,
    waits: Waits,
    /// Whether it goes on without waiting.
    is_moving: bool,
    /// Until when a blocking write waits.
    write_until: Option<Duration>,
    /// What is in flight.
    reading: Option<BytesMut>,
    writing: Option<(Transfer, Vec<u8>)>,
    closed: Option<Closed>,
    pub(crate) result: Option<Result<Closed, DriverError>>,
    /// How often the time was told since anything else happened.
    timeouts: usize,
    /// Most bytes that were read and not delivered; only right without deflate and fragments.
    pub(crate) most_unread: u64,
    delivered: u64,
    /// Its unused buffers while it waits.
    spare: SpareBuffers,
}

pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) ends: [End; 2],
    /// The first carries what the client sends.
    pub(crate) pipes: [Pipe; 2],
}

impl World {
    pub(crate) fn new(client: &Plan, server: &Plan, styles: [Style; 2], capacity: usize) -> Self {
        Self {
            now: Duration::ZERO,
            ends: [
                End::new(Role::Client, client, styles[0]),
                End::new(Role::Server, server, styles[1]),
            ],
            pipes: [Pipe::new(capacity), Pipe::new(capacity)],
        }
    }

    /// Goes on until both ends are over.
    pub(crate) fn run(&mut self) {
        let mut steps = 0_u64;
        while self.ends.iter().any(|end| end.result.is_none()) {
            if !self.step() {
                self.pass();
            }
            steps += 1;
            assert!(steps < 20_000_000, "it goes on and on");
        }
        for (near, far) in [(0, 1), (1, 0)] {
            self.check(near, far);
        }
    }

    /// Lets both ends do what they can; returns whether there was anything.
    pub(crate) fn step(&mut self) -> bool {
        let mut has_moved = false;
        for at in 0..2 {
            has_moved |= self.turn(at);
        }
        has_moved
    }

    /// Lets one end do what it can, if it does not wait.
    pub(crate) fn turn(&mut self, at: usize) -> bool {
        let [client, server] = &mut self.pipes;
        let (to, from) = if at == 0 { (client, server) } else { (server, client) };
        let end = &mut self.ends[at];
        if end.result.is_some() || !end.is_ready(to, from, self.now) {
            return false;
        }
        end.turn(to, from, self.now);
        true
    }

    /// Lets time pass until somebody waits for no more.
    pub(crate) fn pass(&mut self) {
        let ends = self.ends.iter().filter(|end| end.result.is_none());
        let next = ends.filter_map(|end| end.waits.until).min();
        let Some(next) = next else {
            let states: Vec<_> = self.ends.iter().map(|end| (&end.result, &end.waits)).collect();
            panic!("both ends wait for nothing: {states:?}");
        };
        assert!(next > self.now, "the time has come, and nobody moves");
        assert!(next < Duration::from_secs(3_000), "it does not end: {next:?}");
        self.now = next;
    }

    /// Lets time pass if somebody waits for no later than `until`.
    pub(crate) fn pass_before(&mut self, until: Duration) -> bool {
        let ends = self.ends.iter().filter(|end| end.result.is_none());
        let next = ends.filter_map(|end| end.waits.until).min();
        let Some(next) = next.filter(|next| *next <= until) else { return false };
        self.now = self.now.max(next);
        true
    }

    /// Goes on until nothing moves but the clock, for longer than anybody is slow.
    pub(crate) fn settle(&mut self) {
        let mut quiet_since = self.now;
        let mut seen = (0, 0);
        while self.now < quiet_since + Duration::from_secs(2) {
            if !self.step() && !self.pass_before(quiet_since + Duration::from_secs(2)) {
                return;
            }
            let now = (self.ends[0].stream.read, self.ends[1].stream.read);
            if now != seen {
                (seen, quiet_since) = (now, self.now);
            }
        }
    }

    /// What holds whatever happened.
    pub(crate) fn check(&self, near: usize, far: usize) {
        let (near, far) = (&self.ends[near], &self.ends[far]);
        let (got, sent) = (&near.app.got, &far.app.sent);
        assert!(got.len() <= sent.len() && *got == sent[..got.len()], "in order, and once");
        // A Close of the peer's application comes behind all that it has sent, one of a failure
        // before what is not framed.
        if let Some(Ok(closed)) = &near.result
            && closed.clean
            && closed.by == sanswire::ClosedBy::Peer
            && !closed.reason.is_empty()
        {
            assert_eq!(got.len(), sent.len(), "something is lost: {closed:?} at {:?}", near.role);
        }
    }
}

impl End {
    fn new(role: Role, plan: &Plan, style: Style) -> Self {
        Self {
            role,
            driver: plan.driver(role),
            stream: Stream::new(),
            app: App::new(plan),
            style,
            waits: Waits::default(),
            is_moving: true,
            write_until: None,
            reading: None,
            writing: None,
            closed: None,
            result: None,
            timeouts: 0,
            most_unread: 0,
            delivered: 0,
            spare: SpareBuffers::default(),
        }
    }

    /// Makes it look again at what there is to do.
    pub(crate) const fn poke(&mut self) {
        self.is_moving = true;
    }

    fn is_ready(&self, to: &Pipe, from: &Pipe, now: Duration) -> bool {
        let Waits { read, write, until } = self.waits;
        self.is_moving
            || read && self.stream.is_readable(from)
            || write && self.stream.is_writable(to)
            || until.is_some_and(|until| until <= now)
    }

    fn turn(&mut self, to: &mut Pipe, from: &mut Pipe, now: Duration) {
        self.waits = Waits::default();
        let is_open = self.driver.connection().ready_state() != ReadyState::Connecting;
        let is_deaf = is_open && now < self.app.plan.deaf_until;
        if !is_deaf && !self.take_events() {
            self.stream.drop(to, from);
            self.is_moving = false;
            return;
        }
        let mut is_moving = self.app.act(&mut self.driver, now);
        is_moving |= match self.style {
            Style::Blocking => self.advance_blocking(to, from, now, is_deaf),
            Style::Completion => self.advance_completion(to, from, now, is_deaf),
            Style::Readiness => self.advance_ready(to, from, now, is_deaf),
        };
        self.is_moving = is_moving || !is_deaf && self.driver.has_event();
        let until = self.waits.until.or(self.driver.poll_timeout().map(Duration::from));
        self.waits.until = until.into_iter().chain(self.app.until(now)).min();
    }

    /// Takes events until it is to wait; returns whether it is not over.
    fn take_events(&mut self) -> bool {
        let mut had_event = self.driver.has_event();
        loop {
            let next = self.driver.poll_event();
            let is_announced = matches!(next, Ok(Next::Wait | Next::Yield));
            assert!(had_event || is_announced, "{next:?} came unannounced");
            match next {
                Ok(Next::Event(Event::Closed(closed), _)) => {
                    assert!(self.closed.is_none(), "closed twice");
                    self.closed = Some(closed);
                }
                Ok(Next::Event(event, mut commands)) => {
                    assert!(self.closed.is_none(), "{event:?} behind the last event");
                    let len = match &event {
                        Event::Binary(payload) => framed_len(payload.len()),
                        Event::Text(text) => framed_len(text.len()),
                        _ => 0,
                    };
                    self.delivered += len + if self.role == Role::Server { 4 } else { 0 };
                    self.app.handle(event, &mut commands);
                }
                Ok(Next::Over) => {
                    self.result = Some(Ok(self.closed.clone().expect("over without an end")));
                    return false;
                }
                Ok(Next::Request(request)) => self.app.note_request(request),
                Ok(Next::Response(response)) => assert_eq!(response.status(), 101),
                Ok(Next::Wait) => {
                    assert!(!self.driver.has_event(), "there is an event, and there is none");
                    return true;
                }
                Ok(Next::Yield) => {}
                Err(error) => {
                    assert!(self.closed.is_none(), "an error behind the last event");
                    assert_eq!(self.driver.poll_event().err(), Some(error.clone()), "sticky");
                    self.result = Some(Err(error));
                    return false;
                }
            }
            had_event = self.driver.has_event();
        }
    }

    fn advance_ready(
        &mut self,
        to: &mut Pipe,
        from: &mut Pipe,
        now: Duration,
        is_deaf: bool,
    ) -> bool {
        let mut has_moved = false;
        self.driver.reuse_memory(&mut self.spare);
        while let Some(wanted) = self.driver.want_write() {
            match self.stream.perform(wanted, to, from).map_err(|error| error.kind()) {
                Ok(len) => {
                    self.timeouts = 0;
                    self.driver.handle_written(len);
                }
                Err(ErrorKind::Interrupted) => {}
                Err(ErrorKind::WouldBlock) => {
                    self.waits.write = true;
                    break;
                }
                Err(_) => self.driver.handle_write_error(),
            }
            has_moved = true;
        }
        if has_moved && self.driver.has_event() {
            return true;
        }
        if !is_deaf {
            has_moved |= self.read(from, now) == Read::Moved;
        }
        while let Some(at) = self.driver.poll_timeout().map(Duration::from)
            && at <= now
        {
            self.tell_time(now);
            has_moved = true;
        }
        if !has_moved {
            self.driver.release_memory_to(&mut self.spare);
        }
        has_moved
    }

    fn advance_blocking(
        &mut self,
        to: &mut Pipe,
        from: &mut Pipe,
        now: Duration,
        is_deaf: bool,
    ) -> bool {
        if self.driver.poll_timeout().map(Duration::from).is_some_and(|at| at <= now) {
            self.tell_time(now);
            return true;
        }
        let mut is_stuck = false;
        if let Some(wanted) = self.driver.want_write() {
            match self.stream.perform(wanted, to, from).map_err(|error| error.kind()) {
                Ok(len) => {
                    self.timeouts = 0;
                    self.write_until = None;
                    self.driver.handle_written(len);
                    return true;
                }
                Err(ErrorKind::Interrupted) => return true,
                Err(ErrorKind::WouldBlock) => {
                    let until = *self.write_until.get_or_insert(now + WRITE_FOR);
                    if until > now {
                        self.waits.write = true;
                        self.waits.until = Some(until);
                        return false;
                    }
                    self.write_until = None;
                    is_stuck = true;
                }
                Err(_) => {
                    self.driver.handle_write_error();
                    return true;
                }
            }
        }
        let until = self.driver.poll_timeout().map(Duration::from);
        if is_stuck {
            self.waits.until = Some(until.map_or(now + LOOK_FOR, |at| at.min(now + LOOK_FOR)));
        }
        match if is_deaf { Read::Unwanted } else { self.read(from, now) } {
            Read::Moved => true,
            Read::Blocked if !is_stuck => {
                self.driver.release_memory();
                false
            }
            Read::Blocked | Read::Unwanted => false,
        }
    }

    /// Submits what is wanted, and waits for one completion.
    fn advance_completion(
        &mut self,
        to: &mut Pipe,
        from: &mut Pipe,
        now: Duration,
        is_deaf: bool,
    ) -> bool {
        self.driver.reuse_memory(&mut self.spare);
        if !is_deaf && let Some(memory) = self.driver.take_read() {
            assert!(self.reading.is_none() && memory.is_empty() && memory.capacity() > 0);
            self.reading = Some(memory);
        }
        let mut block = Vec::new();
        if let Some(taken) = self.driver.take_write(&mut block) {
            assert!(self.writing.is_none());
            assert_eq!(taken == Transfer::Bytes, !block.is_empty());
            self.writing = Some((taken, block));
        }
        assert!(self.reading.is_none() || self.driver.want_read().is_none());
        assert!(self.writing.is_none() || self.driver.want_write().is_none());
        if let Some((taken, block)) = self.writing.take() {
            let done = match taken {
                Transfer::Bytes => self.stream.write(&[IoSlice::new(&block)], to, from),
                Transfer::Flush => self.stream.flush(to),
                Transfer::Shutdown => self.stream.shut_down(to),
            };
            match done.map_err(|error| error.kind()) {
                Ok(len) => {
                    self.timeouts = 0;
                    self.driver.handle_written(len);
                    return true;
                }
                Err(kind @ (ErrorKind::Interrupted | ErrorKind::WouldBlock)) => {
                    self.writing = Some((taken, block));
                    self.waits.write = true;
                    if kind == ErrorKind::Interrupted {
                        return true;
                    }
                }
                Err(_) => {
                    self.driver.handle_write_error();
                    return true;
                }
            }
        }
        if let Some(mut memory) = self.reading.take() {
            let mut bytes = vec![0; memory.capacity()];
            match self.stream.read(from, &mut bytes).map_err(|error| error.kind()) {
                Ok(len) => {
                    self.timeouts = 0;
                    memory.extend_from_slice(&bytes[..len]);
                    self.driver.give_read(memory);
                    self.driver.handle_read(len, now);
                    let unread = self.stream.read.saturating_sub(self.delivered);
                    self.most_unread = self.most_unread.max(unread);
                    return true;
                }
                Err(kind @ (ErrorKind::Interrupted | ErrorKind::WouldBlock)) => {
                    self.reading = Some(memory);
                    self.waits.read = true;
                    if kind == ErrorKind::Interrupted {
                        return true;
                    }
                }
                Err(_) => {
                    self.driver.give_read(memory);
                    self.driver.handle_read_error();
                    return true;
                }
            }
        }
        if self.driver.poll_timeout().map(Duration::from).is_some_and(|at| at <= now) {
            self.tell_time(now);
            return true;
        }
        self.driver.release_memory_to(&mut self.spare);
        false
    }

    fn read(&mut self, from: &mut Pipe, now: Duration) -> Read {
        let Some(mut input) = self.driver.want_read() else { return Read::Unwanted };
        let read = self.stream.read(from, input.spare_mut()).map_err(|error| error.kind());
        match read {
            Ok(len) => {
                self.timeouts = 0;
                input.commit(len);
                self.driver.handle_read(len, now);
                let unread = self.stream.read.saturating_sub(self.delivered);
                self.most_unread = self.most_unread.max(unread);
            }
            Err(ErrorKind::Interrupted) => {}
            Err(ErrorKind::WouldBlock) => {
                self.waits.read = true;
                return Read::Blocked;
            }
            Err(_) => self.driver.handle_read_error(),
        }
        Read::Moved
    }

    fn tell_time(&mut self, now: Duration) {
        self.timeouts += 1;
        assert!(self.timeouts < 100, "it is told the time again and again");
        self.driver.handle_timeout(now);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Blocked,
    Moved,
    Unwanted,
}

fn framed_len(len: usize) -> u64 {
    let header = match len {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    };
    (header + len) as u64
}

/// How long a blocking write waits before the peer is read from.
const WRITE_FOR: Duration = Duration::from_millis(50);

/// How long is looked for input meanwhile.
const LOOK_FOR: Duration = Duration::from_millis(20);
