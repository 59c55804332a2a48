//! When something is due: heartbeats, deadlines, the round-trip time. Knows neither frames nor
//! clocks, and decides by what it is told.

use core::time::Duration;

use super::config::{Config, PingWhen};
use super::holding::Holding;
use super::time::Time;
use crate::error::ConnectionError;
use crate::receive::Arriving;
use crate::timestamp::Timestamp;

/// The times of one connection.
///
/// What the peer does is dated by the last [`advance`](Self::advance), what the application
/// does by the next one, so that nothing is ever due too early.
///
/// They lie in memory as they stand here: what is looked at whenever something arrives comes first,
/// so that a server of many connections waits for two cache lines and not for four.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Timers {
    now: Time,
    /// Bytes of input and of output when they were last looked at, and of output those of a
    /// heartbeat that is taken whatever has left before it.
    received: u64,
    written: u64,
    /// When input was seen last.
    heard: Time,
    /// When a heartbeat was sent last, or was still on its way out.
    pinged: Time,
    ping_interval: Time,
    /// Since when output waits, here or in the transport, and nothing is taken of it; `NEVER` when
    /// none waits.
    stalled: Time,
    /// Whether the transport was asked to flush, and is not done.
    is_flushing: bool,
    /// When the message that is arriving began; `NEVER` while there is none.
    began: Time,
    /// When a message, or a part of one, went in either direction last.
    active: Time,
    idle_timeout: Time,
    heartbeat: Heartbeat,
    ping_when: PingWhen,
    /// Whether the time was ever told; nothing is due before.
    started: bool,
    /// How many times in a row something had come when all was processed, as in
    /// [`judge`](Self::judge).
    unjudged: u8,
    /// How many heartbeats were sent.
    pings: u32,
    probe: Option<Probe>,

    pong_timeout: Time,
    write_timeout: Time,
    message_timeout: Time,
    close_timeout: Time,
    holding: Holding,
    /// When the connection began to close; `NEVER` before that was dated.
    closing: Time,
    round_trip: Time,
}

/// Whether the peer has to show that it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heartbeat {
    /// It has, since the last Ping.
    Heard,
    /// The Ping has left.
    Sent,
    /// The Ping waits behind other output.
    Waiting,
}

/// The Ping by which the round trip is measured.
#[derive(Clone, Copy, Debug)]
struct Probe {
    digest: u32,
    /// Whether its Pong has come, which is not dated.
    is_answered: bool,
    /// `NEVER` until it is dated.
    sent: Time,
}

/// How far the output is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Bytes that were written so far.
    pub(super) written: u64,
    /// Whether nothing waits.
    pub(super) is_empty: bool,
}

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dated {
    /// At a time that is told later.
    Later,
    /// At the time that was told last.
    Now,
}

/// What a connection knows when nothing is left to process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    /// Bytes of input so far.
    pub(super) received: u64,
    /// Whether input was noted that was not processed then.
    pub(super) is_noted: bool,
    /// Whether a message came to its end since the last time.
    pub(super) delivered: bool,
    /// The message that is arriving.
    pub(super) arriving: Option<Arriving>,
}

impl Timers {
    /// Creates the times of a connection whose clock has not been read.
    pub(super) fn new(config: &Config) -> Self {
        let span = |duration: Option<Duration>| duration.map_or(Time::NEVER, Time::from);
        Self {
            idle_timeout: span(config.idle_timeout),
            close_timeout: span(config.close_timeout),
            // All the time would be no interval.
            ping_interval: span(config.ping_interval.filter(|interval| !interval.is_zero())),
            pong_timeout: span(config.pong_timeout),
            message_timeout: span(config.message_timeout),
            write_timeout: span(config.write_timeout),
            holding: Holding::new(span(config.hold_timeout)),
            ping_when: config.ping_when,
            started: false,
            unjudged: 0,
            now: Time::ZERO,
            received: 0,
            written: 0,
            heard: Time::ZERO,
            pinged: Time::ZERO,
            heartbeat: Heartbeat::Heard,
            stalled: Time::NEVER,
            is_flushing: false,
            active: Time::ZERO,
            began: Time::NEVER,
            closing: Time::NEVER,
            probe: None,
            round_trip: Time::NEVER,
            pings: 0,
        }
    }

    /// Takes the time, and dates a Pong that has come before it was told.
    pub(super) fn catch_up(&mut self, now: Timestamp) {
        self.note_now(now);
        if let Some(probe) = self.probe.take_if(|probe| probe.is_answered) {
            self.round_trip = self.now.since(probe.sent);
        }
    }

    /// Takes the time before anything is to be dated.
    pub(super) fn note_now(&mut self, now: Timestamp) {
        self.now = self.now.max(now.into());
    }

    /// Takes the time, which never goes back, and dates what the application did.
    pub(super) fn advance(&mut self, now: Timestamp, output: Progress, sent: bool) {
        self.note_now(now);
        if !self.started {
            self.started = true;
            (self.heard, self.pinged, self.active) = (self.now, self.now, self.now);
        }
        if sent {
            self.active = self.now;
        }
        if let Some(Probe { sent: sent @ Time::NEVER, .. }) = &mut self.probe {
            *sent = self.now;
        }
        let Progress { written, is_empty } = output;
        let is_moving = self.written < written;
        self.written = self.written.max(written);
        if self.heartbeat == Heartbeat::Waiting && (is_moving || is_empty) {
            self.pinged = self.now;
            if is_empty {
                self.heartbeat = Heartbeat::Sent;
            }
        }
        self.stalled = match self.is_waiting(is_empty) {
            false => Time::NEVER,
            true if is_moving => self.now,
            true => self.stalled.min(self.now),
        };
    }

    /// Notes whether the transport was asked to flush, and is not done: it may hold what it took.
    pub(super) fn note_flushing(&mut self, is_flushing: bool) {
        self.is_flushing = is_flushing;
    }

    pub(super) const fn is_flushing(&self) -> bool {
        self.is_flushing
    }

    /// Notes input that is not processed yet: the peer lives. Returns whether there is any.
    pub(super) fn note_input(&mut self, received: u64) -> bool {
        let is_fresh = received != self.received;
        if is_fresh {
            self.received = received;
            self.note_heard();
        }
        is_fresh
    }

    /// Notes input that is processed before the time was told.
    #[inline]
    pub(super) const fn note_processed(&mut self, received: u64) {
        self.received = received;
    }

    /// Notes that the peer lives, or that nobody listens to it.
    pub(super) const fn note_heard(&mut self) {
        self.heard = self.now;
        self.heartbeat = Heartbeat::Heard;
    }

    /// Notes what has arrived by now; returns whether anything has since the last time.
    #[inline(always)]
    pub(super) fn settle(&mut self, settled: Settled) -> bool {
        let Settled { received, is_noted, delivered, arriving } = settled;
        let is_fresh = received != self.received || is_noted;
        if is_fresh {
            self.note_heard();
        }
        if delivered {
            self.active = self.active.max(self.now);
        }
        if delivered || arriving.is_none() {
            self.began = Time::NEVER;
        }
        if let Some(arriving) = arriving {
            self.note_arriving(arriving);
        }
        self.received = received;
        is_fresh
    }

    /// Notes what has arrived of a message, and what it costs.
    fn note_arriving(&mut self, arriving: Arriving) {
        if self.began == Time::NEVER {
            self.began = self.now;
            self.holding.begin();
        }
        if self.holding.note(self.now, self.began, arriving) {
            self.active = self.active.max(self.now);
        }
    }

    /// Returns whether deadlines are to be looked at now that all input is processed. If something
    /// came, the transport may hold more, and so what is waited for. The answer is then yes only now
    /// and then, and not never: a transport that always has something must not stop all deadlines.
    #[inline]
    pub(super) const fn is_look_due(&mut self, is_fresh: bool) -> bool {
        if !is_fresh {
            self.unjudged = 0;
            return true;
        }
        self.unjudged += 1;
        self.unjudged.is_multiple_of(READS_UNJUDGED)
    }

    /// Notes that all input is processed, which is not dated: deadlines are looked at when it is.
    pub(super) const fn note_unjudged(&mut self) {
        if !(self.unjudged + 1).is_multiple_of(READS_UNJUDGED) {
            self.unjudged += 1;
        }
    }

    /// Judges what such a look has found. When something had come, it must be found again by the
    /// next look: what arrived in time has been read by then.
    pub(super) fn judge(&mut self, overdue: Option<ConnectionError>) -> Option<ConnectionError> {
        if overdue.is_none() {
            self.unjudged = 0;
        }
        overdue.filter(|_| self.unjudged != READS_UNJUDGED)
    }

    /// Yields the payload of a heartbeat, when one is due.
    pub(super) fn poll_ping(&mut self) -> Option<[u8; 4]> {
        if self.heartbeat != Heartbeat::Heard || self.now < self.next_ping() {
            return None;
        }
        self.pinged = self.now;
        if self.pong_timeout != Time::NEVER {
            self.heartbeat = Heartbeat::Waiting;
        }
        self.pings = self.pings.wrapping_add(1);
        let payload = self.pings.to_be_bytes();
        self.probe = Some(Probe { digest: digest(&payload), is_answered: false, sent: self.now });
        Some(payload)
    }

    /// Dates a heartbeat that the connection has queued itself when the time was told: there is
    /// nothing left to date, and what is due later is no deadline that has passed. `before` is how
    /// far the output was, and `end` how many bytes it has with the heartbeat.
    pub(super) fn note_queued(&mut self, before: Progress, end: u64) {
        self.stalled = self.stalled.min(self.now);
        if before.is_empty && self.is_flushing {
            // A transport with a buffer of its own takes it into that. The connection's own
            // heartbeats are not to hide that nothing leaves.
            self.written = end;
        }
    }

    /// Notes a Ping of the application's, to be dated; not while another one may still be answered,
    /// or Pings that come faster than Pongs would measure nothing.
    pub(super) fn note_ping(&mut self, payload: &[u8]) {
        let is_awaited = |probe: &Probe| self.now < probe.sent.after(PROBE_TIMEOUT);
        if !self.probe.as_ref().is_some_and(is_awaited) {
            self.probe =
                Some(Probe { digest: digest(payload), is_answered: false, sent: Time::NEVER });
        }
    }

    /// Notes a Pong: if it answers the Ping that was noted, the way there and back is known, or will
    /// be when the time is told that it came at.
    pub(super) fn note_pong(&mut self, payload: &[u8], dated: Dated) {
        let answers = |probe: &mut Probe| {
            probe.is_answered |= probe.sent != Time::NEVER && probe.digest == digest(payload);
            probe.is_answered
        };
        if self.probe.as_mut().is_some_and(answers) && dated == Dated::Now {
            self.catch_up(self.now.into());
        }
    }

    /// Dates the beginning of the end, unless that was done.
    pub(super) fn begin_close(&mut self) {
        self.closing = self.closing.min(self.now);
    }

    /// Returns whether the end takes too long.
    pub(super) fn close_overdue(&self) -> Option<ConnectionError> {
        let limit = self.close_timeout;
        (self.closing.after(limit) <= self.now && self.now != Time::NEVER)
            .then_some(ConnectionError::CloseTimeout { limit: limit.into() })
    }

    /// Returns what an open connection has waited for too long. `sent` says whether the application
    /// has sent a message that is not dated.
    pub(super) fn overdue(&self, sent: bool) -> Option<ConnectionError> {
        if !self.started {
            return None;
        }
        let is_due = |at: Time| at <= self.now && at != Time::NEVER;
        if is_due(self.pong_deadline()) {
            return Some(ConnectionError::PongTimeout { limit: self.pong_timeout.into() });
        }
        if is_due(self.write_deadline()) {
            return Some(ConnectionError::WriteTimeout { limit: self.write_timeout.into() });
        }
        if is_due(self.message_deadline()) {
            return Some(ConnectionError::MessageTimeout { limit: self.message_timeout.into() });
        }
        if is_due(self.holding.deadline(self.began)) {
            let (held, limit) = (self.holding.held(), self.holding.timeout().into());
            return Some(ConnectionError::MessageTooSlow { held, limit });
        }
        if is_due(self.idle_deadline()) && !sent {
            return Some(ConnectionError::IdleTimeout { limit: self.idle_timeout.into() });
        }
        None
    }

    /// Returns when an open connection has something to do. `sent` is as in
    /// [`overdue`](Self::overdue).
    pub(super) fn next(&self, output: Progress, sent: bool) -> Option<Timestamp> {
        let messages = self.message_deadline().min(self.holding.deadline(self.began));
        let messages = messages.min(self.idle_deadline());
        self.next_unread(output, sent).map(|at| at.min(messages.into())).or(messages.to_timeout())
    }

    /// As [`next`](Self::next), without what depends on messages: the input may have some that
    /// nobody has looked at.
    #[inline]
    pub(super) fn next_unread(&self, output: Progress, sent: bool) -> Option<Timestamp> {
        let Progress { written, is_empty } = output;
        let is_moving = self.written < written;
        let undated = sent && self.idle_timeout != Time::NEVER
            || self.probe.is_some_and(|probe| probe.sent == Time::NEVER)
            || self.heartbeat == Heartbeat::Waiting && (is_moving || is_empty)
            || self.is_waiting(is_empty)
                && self.write_timeout != Time::NEVER
                && (is_moving || self.stalled == Time::NEVER);
        if undated || !self.started {
            return Some(self.now.into());
        }
        self.next_of_output(is_empty).to_timeout()
    }

    /// Returns the next deadline of what is dated. Once the rest is dated, the next deadline may be
    /// earlier, but not later.
    pub(super) fn next_dated(&self, output: Progress, sent: bool) -> Option<Timestamp> {
        let idle = if sent { Time::NEVER } else { self.idle_deadline() };
        let messages = self.message_deadline().min(self.holding.deadline(self.began)).min(idle);
        let output = if self.started { self.next_of_output(output.is_empty) } else { Time::NEVER };
        messages.min(output).to_timeout()
    }

    /// Returns whether anything has not left that is to: of the output, or of what the transport
    /// has taken.
    const fn is_waiting(&self, is_empty: bool) -> bool {
        !is_empty || self.is_flushing
    }

    /// Returns when a heartbeat or what depends on the output is due.
    fn next_of_output(&self, is_empty: bool) -> Time {
        let ping = match self.heartbeat {
            Heartbeat::Heard => self.next_ping(),
            Heartbeat::Sent | Heartbeat::Waiting => self.pong_deadline(),
        };
        let write = if self.is_waiting(is_empty) { self.write_deadline() } else { Time::NEVER };
        ping.min(write)
    }

    /// Returns when a closing connection has something to do.
    pub(super) fn next_closing(&self) -> Option<Timestamp> {
        if self.close_timeout == Time::NEVER {
            return None;
        }
        if self.closing == Time::NEVER {
            return Some(self.now.into());
        }
        self.closing.after(self.close_timeout).to_timeout()
    }

    /// Returns until when the end may take, counted from now if it is not dated.
    pub(super) fn close_deadline(&self) -> Option<Timestamp> {
        self.closing.min(self.now).after(self.close_timeout).to_timeout()
    }

    /// Returns whether the time was ever told.
    #[inline]
    pub(super) const fn is_started(&self) -> bool {
        self.started
    }

    /// Returns the time that was told last.
    pub(super) fn now(&self) -> Timestamp {
        self.now.into()
    }

    /// Returns the round-trip time that was measured last.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.to_span()
    }

    fn next_ping(&self) -> Time {
        let since = match self.ping_when {
            PingWhen::Always => self.pinged,
            PingWhen::Silent => self.pinged.max(self.heard),
        };
        since.after(self.ping_interval)
    }

    fn pong_deadline(&self) -> Time {
        match self.heartbeat {
            Heartbeat::Heard => Time::NEVER,
            Heartbeat::Sent | Heartbeat::Waiting => self.pinged.after(self.pong_timeout),
        }
    }

    fn write_deadline(&self) -> Time {
        if self.stalled == Time::NEVER {
            Time::NEVER
        } else {
            self.stalled.after(self.write_timeout)
        }
    }

    fn message_deadline(&self) -> Time {
        if self.began == Time::NEVER { Time::NEVER } else { self.began.after(self.message_timeout) }
    }

    fn idle_deadline(&self) -> Time {
        self.active.after(self.idle_timeout)
    }
}

/// What is kept of the payload of a Ping, to know its Pong by (FNV-1a).
fn digest(payload: &[u8]) -> u32 {
    let add = |digest: u32, byte: &u8| (digest ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    payload.iter().fold(0x811c_9dc5, add)
}

/// How long the Pong to a Ping is awaited to measure the round trip: §5.5.3 allows that only later
/// Pings are answered.
const PROBE_TIMEOUT: Time = Time::from_secs(10);

/// How many reads in a row bring something before deadlines are looked at: as much as waits in a
/// socket, in reads that are filled.
const READS_UNJUDGED: u8 = 64;
