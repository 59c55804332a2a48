//! What one half queues while the other waits: it leaves without a further call.
//!
//! Time is paused: it leaps as soon as nobody can do anything, so what stays behind shows at once.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use sanswire::{CloseCode, Config, MessageKind, Prepared, WhenFull};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Barrier;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::split::{Pipe, pair, server, without_deadlock};
use super::{Receiver, Sender, WebSocket};
use crate::support::{masked, unmasked};

/// A sender whose receiver waits in a task of its own, and the bare stream at the other end.
async fn beside_a_receiver(capacity: usize) -> (Sender<Pipe>, DuplexStream, JoinHandle<()>) {
    let (socket, stream) = server(capacity, &Config::default());
    let (sender, receiver) = socket.split();
    (sender, stream, waits(receiver).await)
}

/// Has a receiver wait until the end.
async fn waits(mut receiver: Receiver<Pipe>) -> JoinHandle<()> {
    let waiting = tokio::spawn(async move { while let Ok(Some(_)) = receiver.recv().await {} });
    sleep(Duration::from_millis(1)).await;
    waiting
}

/// Asserts that exactly this arrives, and nothing behind it.
async fn assert_leaves(stream: &mut DuplexStream, expected: &[u8]) {
    let mut read = vec![0; expected.len()];
    without_deadlock(stream.read_exact(&mut read)).await.unwrap();
    assert_eq!(read, expected);
}

/// Polls a future once, and drops it.
async fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_fed_or_commanded_leaves() {
    // At once, and in pieces.
    for capacity in [1_000, 2] {
        let (mut sender, mut stream, receiving) = beside_a_receiver(capacity).await;
        sender.try_send("tried").unwrap();
        assert_leaves(&mut stream, b"\x81\x05tried").await;
        sender.try_send(&Prepared::text("prepared")).unwrap();
        assert_leaves(&mut stream, b"\x81\x08prepared").await;
        sender.feed("fed").await.unwrap();
        assert_leaves(&mut stream, b"\x81\x03fed").await;
        sender.with_commands(|commands| commands.send("message")).unwrap();
        assert_leaves(&mut stream, b"\x81\x07message").await;
        sender.with_commands(|commands| commands.ping(b"ping")).unwrap();
        assert_leaves(&mut stream, b"\x89\x04ping").await;
        sender.with_commands(|commands| commands.pong(b"pong")).unwrap();
        assert_leaves(&mut stream, b"\x8a\x04pong").await;
        sender.begin(MessageKind::Text).unwrap();
        sender.with_commands(|commands| commands.send_chunk(b"part")).unwrap();
        assert_leaves(&mut stream, b"\x01\x04part").await;
        sender.with_commands(|commands| commands.finish()).unwrap();
        assert_leaves(&mut stream, b"\x80\x00").await;
        sender.with_commands(|commands| commands.close(4000, "bye")).unwrap();
        assert_leaves(&mut stream, b"\x88\x05\x0f\xa0bye").await;
        drop(stream);
        receiving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dropped_call_has_queued_leaves() {
    let (mut sender, mut stream, receiving) = beside_a_receiver(2).await;
    assert!(poll_once(sender.send("sent")).await.is_pending());
    assert_leaves(&mut stream, b"\x81\x04sent").await;
    assert!(poll_once(sender.ping(b"ping")).await.is_pending());
    assert_leaves(&mut stream, b"\x89\x04ping").await;
    assert!(poll_once(sender.pong(b"pong")).await.is_pending());
    assert_leaves(&mut stream, b"\x8a\x04pong").await;
    sender.begin(MessageKind::Binary).unwrap();
    assert!(poll_once(sender.send_chunk(b"part")).await.is_pending());
    assert_leaves(&mut stream, b"\x02\x04part").await;
    // That is all that the pipe holds.
    assert!(poll_once(sender.finish()).await.is_ready());
    assert_leaves(&mut stream, b"\x80\x00").await;
    assert!(poll_once(sender.send_close(4000, "bye")).await.is_pending());
    assert_leaves(&mut stream, b"\x88\x05\x0f\xa0bye").await;
    drop(stream);
    receiving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_has_started_to_send_leaves() {
    let (mut sender, mut stream, receiving) = beside_a_receiver(1_000).await;
    let mut sink = Pin::new(&mut sender);
    poll_fn(|cx| sink.as_mut().poll_ready(cx)).await.unwrap();
    sink.as_mut().start_send("started".into()).unwrap();
    assert_leaves(&mut stream, b"\x81\x07started").await;
    drop(stream);
    receiving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_leaves_however_the_receiver_waits() {
    let (server, mut stream) = server(1_000, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let receiving = tokio::spawn(async move {
        let _ = receiver.recv_with(|_, _| ()).await;
        let _ = poll_fn(|cx| Pin::new(&mut receiver).poll_next(cx)).await;
        let _ = receiver.run(|_, _| ()).await;
    });
    for word in ["lent", "streamed", "run"] {
        sleep(Duration::from_millis(1)).await;
        sender.try_send(word).unwrap();
        assert_leaves(&mut stream, &unmasked(0x81, word.as_bytes())).await;
        stream.write_all(&masked(0x81, b"go on")).await.unwrap();
    }
    drop(stream);
    receiving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_receiver_queues_leaves_while_the_sender_waits() {
    let (server, mut stream) = server(4, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let sending = tokio::spawn(async move { sender.send("too long").await });
    sleep(Duration::from_millis(1)).await;
    receiver.with_commands(|commands| commands.send("behind it")).unwrap();
    assert_leaves(&mut stream, b"\x81\x08too long\x81\x09behind it").await;
    without_deadlock(sending).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_queued_leaves_when_the_sender_is_dropped() {
    let (mut sender, mut stream, receiving) = beside_a_receiver(4).await;
    assert!(poll_once(sender.send("the last words")).await.is_pending());
    drop(sender);
    assert_leaves(&mut stream, b"\x81\x0ethe last words").await;
    drop(stream);
    receiving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_reads_at_once_is_not_too_slow() {
    let config = Config::default().when_full(WhenFull::Close(CloseCode::TRY_AGAIN_LATER));
    let (server, mut stream) = server(1_000, &config);
    let (mut sender, receiver) = server.split();
    let receiving = waits(receiver).await;
    let reading = tokio::spawn(async move {
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        read
    });
    for i in 0..100_u8 {
        // Some 50 of them fill the output.
        sender.feed(vec![i; 20_000]).await.unwrap();
        sleep(Duration::from_millis(5)).await;
    }
    receiving.abort();
    assert!(receiving.await.is_err());
    drop(sender);
    let expected: Vec<u8> = (0..100).flat_map(|i| unmasked(0x82, &[i; 20_000])).collect();
    assert!(without_deadlock(reading).await.unwrap() == expected);
}

/// Queues a hundred messages, and receives as many, in two tasks.
async fn queue_and_receive(socket: WebSocket<Pipe>, both: Arc<Barrier>) {
    let (mut sender, mut receiver) = socket.split();
    let receiving = tokio::spawn(async move {
        for i in 0..100_u8 {
            assert_eq!(receiver.recv().await.unwrap(), Some(vec![i; 30].into()));
        }
        // The other end may still wait for what was queued here.
        tokio::select! {
            _ = both.wait() => {}
            received = receiver.recv() => panic!("{received:?}"),
        }
    });
    for i in 0..100_u8 {
        sender.try_send(vec![i; 30]).unwrap();
        sleep(Duration::from_millis((i % 3).into())).await;
    }
    receiving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_ends_that_only_queue_have_everything() {
    for capacity in [1, 10, 1_000] {
        let (client, server) = pair(capacity);
        let both = Arc::new(Barrier::new(2));
        let client = queue_and_receive(client, Arc::clone(&both));
        let server = queue_and_receive(server, both);
        without_deadlock(async { tokio::join!(client, server) }).await;
    }
}
