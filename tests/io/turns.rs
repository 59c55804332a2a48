//! What a turn of the shell of all asynchronous runtimes asks of its transport: no more looks at the
//! clock, reads and timers than it needs.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use core::task::{Context, Poll};
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use bytes::BufMut;
use sanswire::io::poll::{PollTransport, WebSocket};
use sanswire::{Commands, Config, Connection, Event, Input, PingWhen, Timestamp, TransmitBuf};

use crate::support::masked;
use crate::transport::poll;

const SECOND: Duration = Duration::from_secs(1);

/// What was asked of a transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Asked {
    looks: usize,
    reads: usize,
    timers: usize,
    writes: usize,
}

/// The other end of a transport.
#[derive(Clone, Debug, Default)]
struct Peer {
    /// What is read at once, each.
    sent: Rc<RefCell<Vec<Vec<u8>>>>,
    now: Rc<Cell<Timestamp>>,
    asked: Rc<Cell<Asked>>,
}

impl Peer {
    fn note(&self, change: impl FnOnce(&mut Asked)) {
        let mut asked = self.asked.get();
        change(&mut asked);
        self.asked.set(asked);
    }
}

struct Counted(Peer);

impl PollTransport for Counted {
    type Stream = Peer;

    fn new(peer: Peer) -> Self {
        Self(peer)
    }

    fn stream(&self) -> &Peer {
        &self.0
    }

    fn into_stream(self) -> Peer {
        self.0
    }

    fn poll_read(&mut self, _: &mut Context<'_>, input: &mut Input<'_>) -> Poll<io::Result<usize>> {
        self.0.note(|asked| asked.reads += 1);
        let mut sent = self.0.sent.borrow_mut();
        if sent.is_empty() {
            return Poll::Pending;
        }
        let read = sent.remove(0);
        input.put_slice(&read);
        Poll::Ready(Ok(read.len()))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, output: &TransmitBuf) -> Poll<io::Result<usize>> {
        self.0.note(|asked| asked.writes += 1);
        Poll::Ready(Ok(output.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn now(&self) -> Timestamp {
        self.0.note(|asked| asked.looks += 1);
        self.0.now.get()
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, at: Timestamp) -> Poll<()> {
        self.0.note(|asked| asked.timers += 1);
        if at <= self.0.now.get() { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn server(config: &Config) -> (WebSocket<Counted>, Peer) {
    let peer = Peer::default();
    (WebSocket::from_driver(peer.clone(), Connection::server(config)), peer)
}

fn answer(event: Event<'_>, commands: &mut Commands<'_>) {
    if let Event::Binary(payload) = event {
        commands.send(&payload).unwrap();
    }
}

/// What is asked of a transport in a turn, once the first is over.
fn turn(config: &Config, reads: &[Vec<u8>]) -> Asked {
    let (mut socket, peer) = server(config);
    for _ in 0..3 {
        peer.asked.take();
        peer.now.set(peer.now.get().saturating_add(SECOND));
        peer.sent.borrow_mut().extend_from_slice(reads);
        assert!(poll(socket.run(answer)).is_pending());
    }
    peer.asked.get()
}

#[test]
fn a_message_that_is_answered_is_one_look_at_the_clock_and_one_try_to_read_more() {
    for config in [Config::default(), Config::default().idle_timeout(300 * SECOND)] {
        let Asked { looks, reads, timers, writes } = turn(&config, &[masked(0x82, b"x")]);
        assert_eq!((reads, writes), (2, 1));
        // What was sent is dated, too, where that counts.
        assert!(looks <= 2 && timers <= 2, "{looks} looks, {timers} timers");
    }
    let asked = turn(&Config::default(), &[masked(0x82, b"x")]);
    assert_eq!(asked, Asked { looks: 1, reads: 2, timers: 1, writes: 1 });
}

#[test]
fn of_many_reads_at_once_only_some_look_at_the_clock() {
    let reads = vec![masked(0x82, b"x"); 64];
    let asked = turn(&Config::default(), &reads);
    assert_eq!(asked, Asked { looks: 9, reads: 65, ..asked });
}

#[test]
fn what_came_in_many_reads_is_dated_when_it_came() {
    let (mut socket, peer) = server(&Config::default().ping_when(PingWhen::Silent));
    for len in [1, 2, 8, 9, 30] {
        peer.now.set(peer.now.get().saturating_add(19 * SECOND));
        peer.sent.borrow_mut().extend(vec![masked(0x8a, b""); len]);
        assert!(poll(socket.run(|_, _| {})).is_pending());
        let at = socket.connection().poll_timeout();
        assert_eq!(at, Some(peer.now.get().saturating_add(20 * SECOND)), "{len}");
    }
}
