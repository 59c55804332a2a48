//! The halves of a WebSocket in two tasks: no wake-up is lost, Pings are answered whatever the
//! sender does.
//!
//! Time is paused: it leaps as soon as nobody can do anything, so a lost wake-up shows at once.
#![expect(
    clippy::expect_used,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use futures_util::{SinkExt, StreamExt};
use sanswire::{
    Config, Connection, ConnectionError, Error, Event, Message, ReadyState, SendError, WhenFull,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Barrier, Mutex};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::{Adapted, Receiver, Sender, WebSocket, adapt};
use crate::support::{masked, unmasked};

/// One end of a pipe.
pub(super) type Pipe = Adapted<DuplexStream>;

pub(super) fn server(capacity: usize, config: &Config) -> (WebSocket<Pipe>, DuplexStream) {
    let (near, far) = duplex(capacity);
    (WebSocket::from_driver(adapt(near), Connection::server(config)), far)
}

pub(super) fn pair(capacity: usize) -> (WebSocket<Pipe>, WebSocket<Pipe>) {
    let (server, stream) = server(capacity, &Config::default());
    let connection = Connection::client(&Config::default(), [7; 32]);
    (WebSocket::from_driver(adapt(stream), connection), server)
}

/// Fails when everybody waits for somebody else.
pub(super) async fn without_deadlock<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(1000), future).await.expect("a wake-up was lost")
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_while_the_sender_is_idle() {
    let (server, mut stream) = server(1000, &Config::default());
    let (sender, mut receiver) = server.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    stream.write_all(&masked(0x89, b"here?")).await.unwrap();
    let mut pong = [0; 7];
    without_deadlock(stream.read_exact(&mut pong)).await.unwrap();
    assert_eq!(pong, *b"\x8a\x05here?");
    assert_eq!(sender.ready_state(), ReadyState::Open);
    stream.write_all(&masked(0x81, b"hello")).await.unwrap();
    let message = without_deadlock(receiving).await.unwrap();
    assert_eq!(message.unwrap(), Some("hello".into()));
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_once_there_is_room_while_the_sender_is_blocked() {
    let (server, mut stream) = server(100, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let sending = tokio::spawn(async move { sender.send(vec![7; 10_000]).await });
    let receiving = tokio::spawn(async move { receiver.recv().await });
    stream.write_all(&masked(0x89, b"here?")).await.unwrap();
    // Both tasks wait to write now: the sender its message, the receiver the Pong behind it.
    sleep(Duration::from_secs(1)).await;
    assert!(!sending.is_finished() && !receiving.is_finished());
    let mut read = vec![0; 4 + 10_000 + 7];
    without_deadlock(stream.read_exact(&mut read)).await.unwrap();
    assert_eq!(read[4 + 10_000..], *b"\x8a\x05here?");
    without_deadlock(sending).await.unwrap().unwrap();
    stream.write_all(&masked(0x81, b"done")).await.unwrap();
    assert_eq!(without_deadlock(receiving).await.unwrap().unwrap(), Some("done".into()));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_dropped_takes_no_wake_up_along() {
    let (server, mut stream) = server(100, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let sending = tokio::spawn(async move { sender.send(vec![7; 10_000]).await });
    sleep(Duration::from_secs(1)).await;
    // The receiver is the last one that waited for room to write.
    assert!(timeout(Duration::from_secs(1), receiver.recv()).await.is_err());
    let mut read = vec![0; 4 + 10_000];
    without_deadlock(stream.read_exact(&mut read)).await.unwrap();
    without_deadlock(sending).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_callback_queues_before_it_panics_leaves_while_the_receiver_waits() {
    let (server, mut stream) = server(1000, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    // Only once the receiver waits.
    sleep(Duration::from_secs(1)).await;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        sender.with_commands(|commands| -> () {
            commands.try_send("first").unwrap();
            panic!("of the application")
        });
    }));
    assert!(panicked.is_err());
    let mut frame = [0; 7];
    without_deadlock(stream.read_exact(&mut frame)).await.unwrap();
    assert_eq!(frame, *b"\x81\x05first");
    stream.write_all(&masked(0x81, b"done")).await.unwrap();
    assert_eq!(without_deadlock(receiving).await.unwrap().unwrap(), Some("done".into()));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_cannot_write_still_reads() {
    let (server, mut stream) = server(50, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let sending = tokio::spawn(async move { sender.send(vec![7; 10_000]).await });
    yield_now().await;
    for i in 0..100_u8 {
        let frame = masked(0x82, &[i; 30]);
        let (written, message) = tokio::join!(stream.write_all(&frame), receiver.recv());
        written.unwrap();
        assert_eq!(message.unwrap(), Some(Message::from(vec![i; 30])));
    }
    assert!(!sending.is_finished());
}

/// Sends and receives at the same time, in two tasks, until both ends have all.
async fn exchange(
    (mut sender, mut receiver): (Sender<Pipe>, Receiver<Pipe>),
    seed: u8,
    both: Arc<Barrier>,
) -> (usize, Vec<u8>, WebSocket<Pipe>) {
    let sending = tokio::spawn(async move {
        for i in 0..50_u8 {
            sender.send(vec![seed; usize::from(i) * 17]).await.unwrap();
            sender.ping(&[i]).await.unwrap();
        }
        sender
    });
    let receiving = tokio::spawn(async move {
        let mut pongs = Vec::new();
        let mut messages = 0;
        while messages < 50 || pongs.len() < 50 {
            let event = receiver.recv_with(|event, _| match event {
                Event::Binary(payload) => {
                    assert!(payload.iter().all(|byte| *byte != seed));
                    messages += 1;
                }
                Event::Pong(payload) => pongs.push(payload[0]),
                _ => {}
            });
            event.await.unwrap().unwrap();
        }
        // The other end may still wait for a Pong.
        tokio::select! {
            _ = both.wait() => {}
            received = receiver.recv() => panic!("{received:?}"),
        }
        (messages, pongs, receiver)
    });
    let sender = sending.await.unwrap();
    let (messages, pongs, receiver) = receiving.await.unwrap();
    (messages, pongs, sender.reunite(receiver).unwrap())
}

#[tokio::test(start_paused = true)]
async fn two_ends_that_flood_each_other_do_not_wait_forever() {
    for capacity in [1, 7, 64, 1000] {
        let (client, server) = pair(capacity);
        let both = Arc::new(Barrier::new(2));
        let client = exchange(client.split(), 1, Arc::clone(&both));
        let server = exchange(server.split(), 2, both);
        let exchanged = async { tokio::join!(client, server) };
        let (by_client, by_server) = without_deadlock(exchanged).await;
        let all: Vec<u8> = (0..50).collect();
        assert_eq!((by_client.0, by_client.1), (50, all.clone()));
        assert_eq!((by_server.0, by_server.1), (50, all));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_ends_that_flood_each_other_from_four_threads_do_not_wait_forever() {
    for capacity in [1, 100] {
        let (client, server) = pair(capacity);
        let both = Arc::new(Barrier::new(2));
        let client = tokio::spawn(exchange(client.split(), 1, Arc::clone(&both)));
        let server = tokio::spawn(exchange(server.split(), 2, both));
        let exchanged = async { (client.await.unwrap(), server.await.unwrap()) };
        let (by_client, by_server) =
            timeout(Duration::from_secs(60), exchanged).await.expect("a wake-up was lost");
        assert_eq!((by_client.0, by_server.0), (50, 50));
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_by_the_sender_ends_the_receiver() {
    let (client, mut server) = pair(3);
    let (mut sender, mut receiver) = client.split();
    let receiving = tokio::spawn(async move {
        assert_eq!(receiver.recv().await.unwrap(), None);
        receiver.closed().unwrap()
    });
    let served = tokio::spawn(async move { server.recv().await });
    sleep(Duration::from_secs(1)).await;
    without_deadlock(sender.send_close(4001, "bye")).await.unwrap();
    let closed = without_deadlock(receiving).await.unwrap();
    assert!(closed.clean && closed.code == 4001);
    assert_eq!(served.await.unwrap().unwrap(), None);
    assert_eq!(sender.ready_state(), ReadyState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_is_a_stream_that_swallows_no_error() {
    let (server, mut stream) = server(1000, &Config::default());
    let (_sender, mut receiver) = server.split();
    stream.write_all(&masked(0x81, b"good")).await.unwrap();
    drop(stream);
    let mut next = async || std::future::poll_fn(|cx| Pin::new(&mut receiver).poll_next(cx)).await;
    assert_eq!(next().await.unwrap().unwrap(), "good".into());
    assert!(matches!(next().await, Some(Err(Error::Connection(ConnectionError::UnexpectedEof)))));
    assert!(next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn halves_of_one_socket_reunite_and_others_do_not() {
    let (one, mut other) = pair(1000);
    let (sender, receiver) = one.split();
    let (foreign, _rest) = server(10, &Config::default()).0.split();
    let refused = foreign.reunite(receiver).unwrap_err();
    let mut socket = sender.reunite(refused.receiver).unwrap();
    socket.send("together").await.unwrap();
    assert_eq!(other.recv().await.unwrap(), Some("together".into()));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_waits_learns_that_the_peer_is_too_slow_for_the_sender() {
    let config = Config::default().max_buffered(900).when_full(WhenFull::Close(1008.into()));
    let (server, mut stream) = server(100, &config);
    let (mut sender, mut receiver) = server.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    yield_now().await;
    sender.feed(vec![7; 900]).await.unwrap();
    // Writes what the pipe takes, which makes room once.
    sender.feed(vec![7; 900]).await.unwrap();
    let refused = sender.feed(vec![7; 900]).await;
    assert!(matches!(refused, Err(Error::Send { error: SendError::Closed, message: Some(_) })));
    let reading = tokio::spawn(async move {
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        read
    });
    let ended = without_deadlock(receiving).await.unwrap();
    let Err(Error::Connection(error @ ConnectionError::PeerTooSlow { .. })) = ended else {
        panic!("{ended:?}")
    };
    let read = reading.await.unwrap();
    let close = unmasked(0x88, &[&[3, 0xf0], error.close_reason().as_bytes()].concat());
    assert!(read.ends_with(&close));
}

#[tokio::test(start_paused = true)]
async fn tasks_that_share_a_sender_behind_a_mutex_lose_no_wake_up_to_one_that_is_aborted() {
    let (server, mut stream) = server(10, &Config::default().max_buffered(100));
    let (mut sender, _receiver) = server.split();
    sender.feed(vec![1; 200]).await.unwrap();
    let sender = Arc::new(Mutex::new(sender));
    let send = |number: u8| {
        let sender = Arc::clone(&sender);
        tokio::spawn(async move { sender.lock().await.feed(vec![number; 50]).await })
    };
    let (aborted, two, three) = (send(2), send(3), send(4));
    // All wait: one for room, the others for it.
    yield_now().await;
    yield_now().await;
    aborted.abort();
    let reading = tokio::spawn(async move {
        let mut read = [0; 4 + 200 + 2 * 52];
        stream.read_exact(&mut read).await.unwrap();
        (read, stream)
    });
    without_deadlock(async { (two.await.unwrap().unwrap(), three.await.unwrap().unwrap()) }).await;
    without_deadlock(async { sender.lock().await.flush().await }).await.unwrap();
    let (read, _stream) = without_deadlock(reading).await.unwrap();
    let both = [unmasked(0x82, &[3; 50]), unmasked(0x82, &[4; 50])].concat();
    assert!(read.ends_with(&both));
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_leaves_before_the_other_half_waits() {
    let (server, mut stream) = server(1_000, &Config::default());
    let (mut sender, mut receiver) = server.split();
    sender.try_send("hello").unwrap();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    let mut read = [0; 7];
    without_deadlock(stream.read_exact(&mut read)).await.unwrap();
    assert_eq!(read, *b"\x81\x05hello");
    receiving.abort();
}

#[tokio::test(start_paused = true)]
async fn halves_that_reunite_lose_nothing() {
    let (server, mut stream) = server(100, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let together = [masked(0x81, b"one"), masked(0x81, b"two"), masked(0x89, b"here?")].concat();
    stream.write_all(&together).await.unwrap();
    assert_eq!(receiver.recv().await.unwrap(), Some("one".into()));
    sender.try_send("queued").unwrap();
    // One that is stuck, too, and dropped.
    assert!(timeout(Duration::from_secs(1), sender.send(vec![7; 200])).await.is_err());
    let mut server = sender.reunite(receiver).unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("two".into()));
    let receiving = tokio::spawn(async move { server.recv().await });
    let mut read = vec![0; 8 + 204 + 7];
    without_deadlock(stream.read_exact(&mut read)).await.unwrap();
    let sent = [unmasked(0x81, b"queued"), unmasked(0x82, &[7; 200]), unmasked(0x8a, b"here?")];
    assert_eq!(read, sent.concat());
    stream.write_all(&masked(0x81, b"three")).await.unwrap();
    assert_eq!(without_deadlock(receiving).await.unwrap().unwrap(), Some("three".into()));
}

/// Bytes that a sink has taken are written by its flush, if not before.
#[tokio::test(start_paused = true)]
async fn a_sink_has_written_all_behind_a_flush() {
    async fn assert_flushes(
        sink: &mut (impl Sink<Message, Error = Error> + Unpin),
        stream: &mut DuplexStream,
    ) {
        SinkExt::feed(sink, "one".into()).await.unwrap();
        without_deadlock(SinkExt::flush(sink)).await.unwrap();
        let mut frame = [0; 5];
        without_deadlock(stream.read_exact(&mut frame)).await.unwrap();
        assert_eq!(frame, *b"\x81\x03one");
    }
    let (mut server, mut stream) = server(1000, &Config::default());
    assert_flushes(&mut server, &mut stream).await;
    let (mut sender, _receiver) = server.split();
    assert_flushes(&mut sender, &mut stream).await;
}

/// By `StreamExt::split` of `futures`, whose halves lock the whole socket while they are polled.
#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_hears_the_answer_to_what_a_sink_has_sent() {
    let (server, mut stream) = server(1000, &Config::default());
    let (mut sink, mut messages) = StreamExt::split(server);
    let receiving = tokio::spawn(async move { messages.next().await.unwrap() });
    let sending = async {
        sink.send("question".into()).await.unwrap();
        let mut written = [0; 10];
        stream.read_exact(&mut written).await.unwrap();
        assert_eq!(written, *b"\x81\x08question");
        // Not polled any more, and not gone.
        stream.write_all(&masked(0x81, b"answer")).await.unwrap();
    };
    // The other task waits already.
    yield_now().await;
    sending.await;
    assert_eq!(without_deadlock(receiving).await.unwrap().unwrap(), "answer".into());
    drop(sink);
}

#[tokio::test(start_paused = true)]
async fn both_halves_tell_the_state_of_the_connection() {
    let (server, mut stream) = server(1000, &Config::default());
    let (mut sender, mut receiver) = server.split();
    assert_eq!([sender.ready_state(), receiver.ready_state()], [ReadyState::Open; 2]);
    assert_eq!(receiver.protocol(), "");
    assert_eq!(sender.buffered_amount(), 0);
    sender.with_commands(|commands| commands.try_send("queued")).unwrap();
    assert_eq!(sender.buffered_amount(), 6);
    sender.flush().await.unwrap();
    assert_eq!(sender.buffered_amount(), 0);
    // §5.5.3: "A Pong frame MAY be sent unsolicited."
    sender.pong(b"unasked").await.unwrap();
    assert_eq!(receiver.round_trip_time(), None);
    sender.ping(b"there?").await.unwrap();
    let mut written = [0; 8 + 9 + 8];
    without_deadlock(stream.read_exact(&mut written)).await.unwrap();
    assert_eq!(written, *b"\x81\x06queued\x8a\x07unasked\x89\x06there?");
    stream.write_all(&masked(0x8a, b"there?")).await.unwrap();
    stream.write_all(&masked(0x88, b"\x0f\xa1bye")).await.unwrap();
    assert_eq!(without_deadlock(receiver.recv()).await.unwrap(), None);
    assert!(receiver.round_trip_time().is_some());
    let closed = receiver.closed().unwrap();
    assert_eq!((closed.code.as_u16(), &*closed.reason), (4001, "bye"));
    assert_eq!(sender.closed(), Some(closed));
}
