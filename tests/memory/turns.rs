//! Connections of one thread that an adapter serves in turn: nobody allocates a buffer for a turn, and
//! nobody who waits holds one.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use core::future::Future;
use core::pin::Pin;
use core::task::Poll;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::BufMut;
use sanswire::io::poll::WebSocket;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use sanswire::{Config, Connection, Error, Event, Input, Role, TransmitBuf};

use crate::heap::{Heap, heap_of};
use crate::spare::{MOST, MOST_LARGE};
use crate::support::transport::{Stream, Wire, poll};
use crate::support::{BINARY, FIN, frame, from};

/// What a peer has sent, and how much came back.
#[derive(Clone, Debug, Default)]
struct Peer {
    sent: Rc<RefCell<Vec<u8>>>,
    written: Rc<Cell<usize>>,
}

impl Wire for Peer {
    fn read(&mut self, input: &mut Input<'_>) -> Poll<usize> {
        let mut sent = self.sent.borrow_mut();
        if sent.is_empty() {
            return Poll::Pending;
        }
        let len = input.chunk_mut().len().min(sent.len());
        input.put_slice(&sent[..len]);
        sent.drain(..len);
        Poll::Ready(len)
    }

    fn write(&mut self, output: &TransmitBuf) -> Poll<usize> {
        self.written.set(self.written.get() + output.len());
        Poll::Ready(output.len())
    }
}

type Task = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

fn server(peer: &Peer) -> WebSocket<Stream<Peer>> {
    WebSocket::from_driver(peer.clone(), Connection::server(&Config::default()))
}

/// Answers while the events are lent.
fn gathered(peer: &Peer) -> Task {
    let mut socket = server(peer);
    Box::pin(async move {
        let answer = |event: Event<'_>, commands: &mut sanswire::Commands<'_>| {
            if let Event::Binary(payload) = event {
                commands.send(&payload).unwrap();
            }
        };
        socket.run(answer).await
    })
}

/// Receives and sends, one after the other.
fn plain(peer: &Peer) -> Task {
    let mut socket = server(peer);
    Box::pin(async move {
        while let Some(message) = socket.recv().await? {
            socket.send(message).await?;
        }
        Ok(())
    })
}

/// Many connections that are served in turn.
struct Turns {
    served: Vec<(Peer, Task)>,
    /// What each of them is sent in a turn.
    sent: Vec<u8>,
}

impl Turns {
    fn new(serve: fn(&Peer) -> Task, len: usize, count: usize) -> Self {
        let sent = from(Role::Client, &frame(FIN | BINARY, &vec![7; len]).repeat(count));
        let mut served = Vec::new();
        for _ in 0..20 {
            let peer = Peer::default();
            peer.sent.borrow_mut().reserve(sent.len());
            served.push((peer.clone(), serve(&peer)));
        }
        Self { served, sent }
    }

    /// Sends everybody the same, in parts that may end within a message, and has all of them served
    /// meanwhile, as far as it goes.
    fn run(&mut self, parts: usize) {
        for part in self.sent.chunks(self.sent.len().div_ceil(parts)) {
            for (peer, _) in &self.served {
                peer.sent.borrow_mut().extend_from_slice(part);
            }
            // After a turn of others, some go on.
            for _ in 0..12 {
                for (_, task) in &mut self.served {
                    assert!(poll(task.as_mut()).is_pending());
                }
            }
        }
    }

    fn written(&self) -> usize {
        self.served.iter().map(|(peer, _)| peer.written.get()).sum()
    }
}

#[test]
fn those_who_are_served_in_turn_ask_for_no_buffers() {
    for (len, count) in [(16, 1), (16, 64), (16, 256), (1_000, 64), (20_000, 1)] {
        let mut turns = Turns::new(gathered, len, count);
        (0..6).for_each(|_| turns.run(1));
        let before = turns.written();
        let heap = heap_of(|| (0..12).for_each(|_| turns.run(1)));
        let frames = 12 * 20 * count;
        assert!(turns.written() - before >= frames * (len + 2), "{count} of {len}");
        assert_eq!(heap.allocations, 0, "{count} of {len}: {heap:?}");
    }
}

#[test]
fn messages_that_are_sent_one_by_one_ask_for_no_buffers() {
    for (len, count) in [(16, 1), (16, 64), (1_000, 10)] {
        let mut turns = Turns::new(plain, len, count);
        (0..6).for_each(|_| turns.run(1));
        let heap = heap_of(|| (0..12).for_each(|_| turns.run(1)));
        // Each message that is received is a copy.
        assert!(heap.allocations <= 2 * 12 * 20 * count, "{count} of {len}: {heap:?}");
        assert!(heap.bytes <= 12 * 20 * count * (len + 64), "{count} of {len}: {heap:?}");
    }
}

#[test]
fn those_who_wait_within_a_message_hold_no_more_than_that() {
    let mut turns = Turns::new(gathered, 1_000, 64);
    (0..6).for_each(|_| turns.run(1));
    let before = Heap::now().live;
    let heap = heap_of(|| (0..6).for_each(|_| turns.run(7)));
    // The beginning of one message, moved there in each poll.
    assert!(heap.bytes <= 6 * 7 * 12 * 20 * 1_100, "{heap:?}");
    assert!(heap.peak <= 20 * 1_100 + (4 << 10), "{heap:?}");
    assert_eq!(Heap::now().live, before);
}

#[test]
fn nobody_who_waits_holds_buffers_whatever_came() {
    let mut kept = Turns::new(gathered, 50_000, 3);
    kept.run(1);
    for (len, count) in [(16, 1), (1_000, 300), (60_000, 4), (300_000, 2), (1 << 20, 1)] {
        for serve in [gathered, plain] {
            let mut turns = Turns::new(serve, len, count);
            turns.run(1);
            // The thread may keep other buffers than before, and only once.
            let before = Heap::now().live;
            turns.run(3);
            turns.run(1);
            let held = Heap::now().live - before;
            assert!(held.abs() <= MOST + MOST_LARGE, "{held} bytes by {count} of {len}");
            turns.run(2);
            turns.run(1);
            assert_eq!(Heap::now().live - before, held, "{count} of {len}");
        }
    }
}

/// A server that only sends: its receiver waits, and is not polled again.
#[test]
fn who_sends_holds_no_buffers_afterwards() {
    let peers: Vec<_> = (0..20).map(|_| Peer::default()).collect();
    let mut sockets: Vec<_> = peers.iter().map(|peer| server(peer).split()).collect();
    for (_, receiver) in &mut sockets {
        assert!(poll(receiver.recv()).is_pending());
    }
    let payload = vec![7; 50_000];
    for len in [16, 1_000, 50_000] {
        let mut push = || {
            for (sender, _) in &mut sockets {
                assert!(poll(sender.send(&payload[..len])).is_ready());
                assert!(poll(sender.ping(b"x")).is_ready());
            }
        };
        (0..3).for_each(|_| push());
        let before = Heap::now().live;
        let heap = heap_of(|| (0..3).for_each(|_| push()));
        assert_eq!(heap.allocations, 0, "{len}: {heap:?}");
        assert_eq!(Heap::now().live, before);
    }
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let peer = Peer::default();
    let mut socket = server(&peer);
    assert!(poll(socket.send("x")).is_ready());
    assert!(poll(socket.recv()).is_pending());
    assert!(poll(socket.send_chunk(b"no message was begun")).is_ready());
    assert!(poll(socket.send(&[7; 60_000][..])).is_ready());
    assert!(poll(socket.recv()).is_pending());
    let before = Heap::now().live;
    for _ in 0..3 {
        let refused = poll(socket.ping(&[7; 126]));
        assert!(matches!(refused, Poll::Ready(Err(_))));
        assert!(matches!(poll(socket.send_chunk(b"none")), Poll::Ready(Err(_))));
    }
    // Another one finds what the thread keeps.
    let mut other = server(&Peer::default());
    let heap = heap_of(|| assert!(poll(other.send(&[7; 60_000][..])).is_ready()));
    assert!(heap.bytes < 1_000, "{heap:?}");
    assert!(Heap::now().live - before < 1_000);
}

/// Over a socket, timers and wake-ups included.
#[tokio::test]
async fn a_turn_on_tokio_asks_for_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut server =
        sanswire::io::tokio::WebSocket::from_driver(stream, Connection::server(&Config::default()));
    let serving = tokio::spawn(async move {
        let answer = |event: Event<'_>, commands: &mut sanswire::Commands<'_>| {
            if let Event::Binary(payload) = event {
                commands.send(&payload).unwrap();
            }
        };
        server.run(answer).await
    });
    let message = frame(FIN | BINARY, &[7; 1_000]);
    let (sent, mut read) = (from(Role::Client, &message), vec![0; message.len()]);
    let mut live = Vec::with_capacity(2);
    for rounds in [10, 200] {
        let before = Heap::now().allocations;
        for _ in 0..rounds {
            client.write_all(&sent).await.unwrap();
            client.read_exact(&mut read).await.unwrap();
        }
        assert!(rounds == 10 || Heap::now().allocations == before);
        live.push(Heap::now().live);
    }
    assert_eq!((live[0], read), (live[1], message));
    drop(client);
    serving.await.unwrap().unwrap_err();
}
