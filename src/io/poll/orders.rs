//! The halves of a socket in threads of their own, in many orders of all that they lock: nobody waits
//! forever, and nothing is lost or comes twice.
//!
//! A failure prints how to replay its order. The environment variable `SANSWIRE_ORDERS` says how many
//! orders are tried of each kind, 300 by default.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;

use bytes::{Buf, BufMut};
use futures_core::Stream;
use futures_sink::Sink;
use shuttle::future::{block_on, spawn};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Mutex;

use super::{PollTransport, Receiver, Sender, WebSocket};
use crate::buffer::{Input, TransmitBuf};
use crate::close::CloseCode;
use crate::connection::{Config, Connection};
use crate::error::SendError;
use crate::io::Error;
use crate::message::Message;
use crate::timestamp::Timestamp;

/// One direction between two ends.
#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
struct End {
    inbound: Arc<Mutex<Pipe>>,
    outbound: Arc<Mutex<Pipe>>,
    /// In seconds. No timer wakes anybody.
    clock: Arc<AtomicU64>,
}

/// How many bytes are under way at most: no message fits.
const ROOM: usize = 8;

fn update<R>(pipe: &Mutex<Pipe>, work: impl FnOnce(&mut Pipe) -> R) -> R {
    let mut pipe = pipe.lock().unwrap();
    let done = work(&mut pipe);
    let is_readable = pipe.is_closed || !pipe.bytes.is_empty();
    let is_writable = pipe.is_closed || pipe.bytes.len() < ROOM;
    let reader = pipe.reader.take_if(|_| is_readable);
    let writer = pipe.writer.take_if(|_| is_writable);
    drop(pipe);
    [reader, writer].into_iter().flatten().for_each(Waker::wake);
    done
}

impl PollTransport for End {
    type Stream = Self;

    fn new(stream: Self) -> Self {
        stream
    }

    fn stream(&self) -> &Self {
        self
    }

    fn into_stream(self) -> Self {
        self
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Input<'_>,
    ) -> Poll<io::Result<usize>> {
        update(&self.inbound, |pipe| {
            let len = pipe.bytes.len();
            if len == 0 && !pipe.is_closed {
                pipe.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            pipe.bytes.drain(..).for_each(|byte| input.put_u8(byte));
            Poll::Ready(Ok(len))
        })
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        output: &TransmitBuf,
    ) -> Poll<io::Result<usize>> {
        update(&self.outbound, |pipe| {
            if pipe.is_closed {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let len = output.chunk().len().min(ROOM - pipe.bytes.len());
            if len == 0 {
                pipe.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            pipe.bytes.extend(&output.chunk()[..len]);
            Poll::Ready(Ok(len))
        })
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        update(&self.outbound, |pipe| pipe.is_closed = true);
        Poll::Ready(Ok(()))
    }

    fn now(&self) -> Timestamp {
        Duration::from_secs(self.clock.load(Ordering::Relaxed)).into()
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, at: Timestamp) -> Poll<()> {
        if self.now() < at { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        for pipe in [&self.inbound, &self.outbound] {
            update(pipe, |pipe| pipe.is_closed = true);
        }
    }
}

impl End {
    /// Writes all of it, and reads nothing meanwhile.
    async fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            poll_fn(|cx| {
                update(&self.outbound, |pipe| {
                    if pipe.bytes.len() == ROOM {
                        pipe.writer = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                    pipe.bytes.push_back(byte);
                    Poll::Ready(())
                })
            })
            .await;
        }
    }

    async fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let next = poll_fn(|cx| {
                update(&self.inbound, |pipe| {
                    if pipe.bytes.is_empty() {
                        pipe.reader = Some(cx.waker().clone());
                    }
                    pipe.bytes.pop_front().map_or(Poll::Pending, Poll::Ready)
                })
            });
            bytes.push(next.await);
        }
        bytes
    }
}

/// A split server, and a client.
fn connect() -> (Sender<End>, Receiver<End>, WebSocket<End>) {
    let (sender, receiver, far) = connect_to_bytes();
    (sender, receiver, WebSocket::from_driver(far, Connection::client(&config(), [7; 32])))
}

/// A split server, and a peer that writes and reads its bytes by itself.
fn connect_to_bytes() -> (Sender<End>, Receiver<End>, End) {
    let (near, far) = ends();
    let (sender, receiver) = WebSocket::from_driver(near, Connection::server(&config())).split();
    (sender, receiver, far)
}

fn ends() -> (End, End) {
    let [there, back]: [Arc<Mutex<Pipe>>; 2] = Default::default();
    let clock = Arc::default();
    let near =
        End { inbound: Arc::clone(&there), outbound: Arc::clone(&back), clock: Arc::clone(&clock) };
    (near, End { inbound: back, outbound: there, clock })
}

/// A message is stuck when another one waits. Nothing has a deadline.
fn config() -> Config {
    Config::default().max_buffered(20).ping_interval(None).write_timeout(None).close_timeout(None)
}

fn message(number: u8) -> [u8; 12] {
    [number; 12]
}

/// Sends everything back, to the end. Returns the first bytes of the messages.
async fn echo(mut client: WebSocket<End>) -> (Vec<u8>, Result<(), Error>) {
    let mut received = Vec::new();
    loop {
        match client.recv().await {
            Ok(Some(message)) => {
                received.push(message.as_bytes()[0]);
                // The server may have closed meanwhile.
                let _ = client.send(message).await;
            }
            Ok(None) => return (received, Ok(())),
            Err(error) => return (received, Err(error)),
        }
    }
}

/// Receives to the end, sometimes by calls that are given up.
async fn receive(mut receiver: Receiver<End>) -> Vec<u8> {
    let mut received = Vec::new();
    loop {
        if thread_rng().gen_bool(0.5)
            && let Some(early) = poll_once(receiver.recv()).await
        {
            match early.unwrap() {
                Some(message) => received.push(message.as_bytes()[0]),
                None => return received,
            }
        }
        match receiver.recv().await.unwrap() {
            Some(message) => received.push(message.as_bytes()[0]),
            None => return received,
        }
    }
}

/// Polls a future once, and drops it.
async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Runs in many orders: random ones, and those in which a few switches at bad moments suffice.
fn in_many_orders(run: fn()) {
    let orders = std::env::var("SANSWIRE_ORDERS").map_or(300, |orders| orders.parse().unwrap());
    shuttle::check_random(run, orders);
    shuttle::check_pct(run, orders, 3);
}

#[test]
fn all_that_is_sent_arrives_and_comes_back() {
    in_many_orders(|| {
        let (mut sender, receiver, client) = connect();
        let (receiving, echoing) = (spawn(receive(receiver)), spawn(echo(client)));
        let sending = spawn(async move {
            for number in 0..3 {
                sender.send(&message(number)[..]).await.unwrap();
            }
            sender
        });
        block_on(async {
            let mut sender = sending.await.unwrap();
            sender.send_close(CloseCode::NORMAL, "").await.unwrap();
            let (received, ended) = echoing.await.unwrap();
            ended.unwrap();
            assert_eq!(received, [0, 1, 2]);
            // Those that come behind our Close frame are dropped.
            let back = receiving.await.unwrap();
            assert!([0, 1, 2].starts_with(&back), "{back:?}");
        });
    });
}

#[test]
fn what_is_given_up_is_sent_whole_or_not_at_all() {
    in_many_orders(|| {
        let (mut sender, receiver, client) = connect();
        let (receiving, echoing) = (spawn(receive(receiver)), spawn(echo(client)));
        let sending = spawn(async move {
            let mut sent = Vec::new();
            for number in 0..4 {
                if thread_rng().gen_bool(0.5) {
                    // It may have been queued.
                    let _ = poll_once(sender.send(&message(number)[..])).await;
                } else {
                    sender.send(&message(number)[..]).await.unwrap();
                    sent.push(number);
                }
            }
            sender.send_close(CloseCode::NORMAL, "").await.unwrap();
            sent
        });
        block_on(async {
            let sent = sending.await.unwrap();
            let (received, ended) = echoing.await.unwrap();
            ended.unwrap();
            receiving.await.unwrap();
            assert!(received.is_sorted_by(|a, b| a < b), "{received:?}");
            assert!(sent.iter().all(|number| received.contains(number)), "{sent:?} {received:?}");
        });
    });
}

#[test]
fn a_receiver_that_waits_writes_what_a_sender_has_left() {
    in_many_orders(|| {
        let (mut sender, receiver, mut client) = connect();
        let receiving = spawn(receive(receiver));
        let sending = spawn(async move {
            for number in 0..3 {
                while sender.try_send(&message(number)[..]).is_err() {
                    sender.flush().await.unwrap();
                }
            }
            // Or its end would have the other half look.
            sender
        });
        block_on(async {
            for number in 0..3 {
                let received = client.recv().await.unwrap().unwrap();
                assert_eq!(received.as_bytes(), message(number));
            }
            sending.await.unwrap();
            client.close(CloseCode::NORMAL, "").await.unwrap();
            assert_eq!(receiving.await.unwrap(), []);
        });
    });
}

#[test]
fn a_sender_that_is_stuck_reads_while_the_peer_only_sends() {
    in_many_orders(|| {
        let (mut sender, mut receiver, mut peer) = connect_to_bytes();
        let sending = spawn(async move {
            for number in 0..3 {
                sender.send(&message(number)[..]).await.unwrap();
            }
            sender
        });
        let receiving = spawn(async move {
            let mut received = Vec::new();
            let mut sending = Some(sending);
            if thread_rng().gen_bool(0.5) {
                for _ in 0..thread_rng().gen_range(0..4) {
                    let early = poll_once(receiver.recv()).await;
                    received.extend(early.map(|early| early.unwrap().unwrap()));
                }
                // It has something else to do meanwhile.
                drop(sending.take().unwrap().await.unwrap());
            }
            while received.len() < 3 {
                received.push(receiver.recv().await.unwrap().unwrap());
            }
            assert!(received.iter().map(|message| message.as_bytes()[0]).eq(0..3));
            if let Some(sending) = sending {
                drop(sending.await.unwrap());
            }
            receiver
        });
        block_on(async {
            for number in 0..3 {
                // Masked with zeros.
                peer.write(&[0x82, 0x80 | 12, 0, 0, 0, 0]).await;
                peer.write(&message(number)).await;
            }
            for number in 0..3 {
                assert_eq!(peer.read(14).await, [&[0x82, 12][..], &message(number)].concat());
            }
            let mut receiver = receiving.await.unwrap();
            drop(peer);
            assert!(receiver.recv().await.is_err(), "nobody has closed");
        });
    });
}

#[test]
fn a_sender_that_waits_for_room_hears_that_the_other_half_has_closed() {
    in_many_orders(|| {
        let (mut sender, mut receiver, peer) = connect_to_bytes();
        let sending = spawn(async move {
            loop {
                match sender.feed(&message(0)[..]).await {
                    Ok(()) => {}
                    Err(Error::Send { error: SendError::Closed, .. }) => return sender,
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
        block_on(async {
            receiver.with_commands(|commands| commands.close(CloseCode::NORMAL, "")).unwrap();
            // Nobody reads what was sent.
            let sender = sending.await.unwrap();
            drop((sender, receiver, peer));
        });
    });
}

/// As `StreamExt::split` of `futures` has it: who polls has the whole socket for that time.
#[test]
fn a_stream_and_a_sink_in_two_tasks_wake_each_other() {
    in_many_orders(|| {
        let (near, client) = ends();
        let server = WebSocket::<End>::from_driver(near, Connection::server(&config()));
        let client = WebSocket::from_driver(client, Connection::client(&config(), [7; 32]));
        let (echoing, server) = (spawn(echo(client)), Arc::new(Mutex::new(server)));
        let socket = Arc::clone(&server);
        let receiving = spawn(async move {
            let mut received = Vec::new();
            let next = || poll_fn(|cx| Pin::new(&mut *socket.lock().unwrap()).poll_next(cx));
            while let Some(message) = next().await {
                received.push(message.unwrap().as_bytes()[0]);
            }
            received
        });
        let socket = Arc::clone(&server);
        let sending = spawn(async move {
            for number in 0..3 {
                poll_fn(|cx| Pin::new(&mut *socket.lock().unwrap()).poll_ready(cx)).await.unwrap();
                let message = Message::from(message(number).to_vec());
                Pin::new(&mut *socket.lock().unwrap()).start_send(message).unwrap();
                if thread_rng().gen_bool(0.5) {
                    let flush = |cx: &mut Context<'_>| {
                        Pin::new(&mut *socket.lock().unwrap()).poll_flush(cx)
                    };
                    poll_fn(flush).await.unwrap();
                }
            }
            poll_fn(|cx| Pin::new(&mut *socket.lock().unwrap()).poll_close(cx)).await.unwrap();
        });
        block_on(async {
            sending.await.unwrap();
            let (received, ended) = echoing.await.unwrap();
            ended.unwrap();
            assert_eq!(received, [0, 1, 2]);
            // A sink that closes leaves the stream open for what is to come.
            let back = receiving.await.unwrap();
            assert!([0, 1, 2].starts_with(&back), "{back:?}");
            drop(server);
        });
    });
}

#[test]
fn a_stream_and_a_sink_hear_what_the_other_one_finds() {
    let run = || {
        for finds in ["nobody", "sink", "stream"] {
            let (near, mut peer) = ends();
            let clock = Arc::clone(&near.clock);
            let mut server =
                WebSocket::<End>::from_driver(near, Connection::server(&Config::default()));
            let mut server = Pin::new(&mut server);
            let woken = [(); 2].map(|()| Arc::new(Woken(AtomicU64::new(0))));
            let wakers = woken.clone().map(Waker::from);
            let [mut stream, mut sink] = wakers.each_ref().map(Context::from_waker);
            assert!(server.as_mut().poll_next(&mut stream).is_pending());
            server.as_mut().start_send(Message::from(message(1).to_vec())).unwrap();
            assert!(server.as_mut().poll_flush(&mut sink).is_pending());
            let is_woken = || woken.each_ref().map(|woken| woken.0.swap(0, Ordering::Relaxed) > 0);
            assert_eq!(is_woken(), [false; 2]);
            if finds == "nobody" {
                block_on(peer.write(&[0x81]));
                assert_eq!(is_woken(), [true; 2], "the transport has something");
                continue;
            }
            clock.store(3600, Ordering::Relaxed);
            if finds == "sink" {
                assert!(server.as_mut().poll_flush(&mut sink).is_ready());
                assert_eq!(is_woken(), [true, false]);
                assert!(server.as_mut().poll_next(&mut stream).is_ready());
            } else {
                assert!(server.as_mut().poll_next(&mut stream).is_ready());
                assert_eq!(is_woken(), [false, true]);
                assert!(server.as_mut().poll_flush(&mut sink).is_ready());
            }
            assert_eq!(is_woken(), [false; 2], "nobody waits any more");
        }
    };
    shuttle::check_random(run, 1);
}

#[derive(Debug)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_sender_goes_on_alone() {
    in_many_orders(|| {
        let (mut sender, mut receiver, client) = connect();
        let echoing = spawn(echo(client));
        let receiving = spawn(async move {
            receiver.recv().await.unwrap();
            // Its half is dropped while the sender may be waiting.
        });
        block_on(async {
            for number in 0..4 {
                sender.send(&message(number)[..]).await.unwrap();
            }
            receiving.await.unwrap();
            drop(sender);
            let (received, ended) = echoing.await.unwrap();
            assert_eq!(received, [0, 1, 2, 3]);
            assert!(ended.is_err(), "nobody has closed");
        });
    });
}

#[test]
fn halves_that_are_together_again_have_all_that_came() {
    in_many_orders(|| {
        let (mut sender, mut receiver, client) = connect();
        let echoing = spawn(echo(client));
        let receiving = spawn(async move {
            let first = receiver.recv().await.unwrap().unwrap();
            assert_eq!(first.as_bytes(), message(0));
            let _ = poll_once(receiver.recv()).await;
            receiver
        });
        block_on(async {
            for number in 0..2 {
                sender.send(&message(number)[..]).await.unwrap();
            }
            let mut socket = sender.reunite(receiving.await.unwrap()).unwrap();
            socket.close(CloseCode::NORMAL, "").await.unwrap();
            let (received, ended) = echoing.await.unwrap();
            ended.unwrap();
            assert_eq!(received, [0, 1]);
        });
    });
}
