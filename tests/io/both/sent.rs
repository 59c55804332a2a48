//! What is said to be sent has left, and what is to happen to a message without room happens only
//! when the transport takes nothing more.
//!
//! Time is paused: it leaps as soon as nobody can do anything, so a lost wake-up shows at once.
#![expect(
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_sink::Sink;
use sanswire::{AfterClose, Config, Error, Event, Prepared, SendError, WhenFull};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

use super::Sender;
use super::split::{Pipe, server, without_deadlock};
use crate::random::Random;
use crate::support::{masked, unmasked};
use crate::told::{POLICIES, Told, arrived};

fn millis(millis: usize) -> Duration {
    Duration::from_millis(millis.try_into().unwrap())
}

fn in_fragments(size: usize) -> Config {
    Config::default().fragment_size(NonZeroUsize::new(size))
}

fn when_full(when_full: WhenFull, high: usize) -> Config {
    Config::default().max_buffered(high).low_water(high / 4).when_full(when_full)
}

/// Reads to the end in a task of its own.
fn reads(mut stream: DuplexStream) -> JoinHandle<Vec<u8>> {
    tokio::spawn(async move {
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
        read
    })
}

#[tokio::test(start_paused = true)]
async fn send_fails_when_the_peers_close_cuts_the_message_off() {
    for closing in [masked(0x88, b"\x03\xe8"), masked(0x83, b"")] {
        let (socket, mut far) = server(1024, &in_fragments(4096));
        let (mut sender, mut receiver) = socket.split();
        let sending = tokio::spawn(async move {
            let sent = sender.send(vec![7; 200_000]).await;
            (sent, sender.flush().await)
        });
        let receiving = tokio::spawn(async move { receiver.recv().await });
        sleep(Duration::from_millis(1)).await;
        far.write_all(&closing).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        let reading = reads(far);
        let (sent, flushed) = without_deadlock(sending).await.unwrap();
        let Err(Error::Discarded(discarded)) = sent else { panic!("{sent:?}") };
        // It was told; nothing else was sent since.
        assert!(flushed.is_ok(), "{flushed:?}");
        let _ = receiving.await;
        let read = reading.await.unwrap();
        assert!(discarded.bytes > 180_000 && read.len() < 20_000, "{discarded} {}", read.len());
    }
}

#[tokio::test(start_paused = true)]
async fn flush_fails_when_what_was_fed_is_discarded() {
    let (mut socket, mut far) = server(1024, &in_fragments(4096));
    socket.feed(vec![7; 200_000]).await.unwrap();
    far.write_all(&masked(0x88, b"\x03\xe8")).await.unwrap();
    let reading = reads(far);
    assert_eq!(socket.recv().await.unwrap(), None);
    let flushed = socket.flush().await;
    assert!(matches!(flushed, Err(Error::Discarded(_))), "{flushed:?}");
    drop(socket);
    assert!(reading.await.unwrap().len() < 200_000);
}

#[tokio::test(start_paused = true)]
async fn close_fails_when_what_was_fed_does_not_leave() {
    // The peer's Close crosses ours, and then the peer is gone.
    let (mut socket, mut far) = server(1024, &Config::default());
    socket.feed(vec![7; 200_000]).await.unwrap();
    far.write_all(&masked(0x88, b"\x03\xe8")).await.unwrap();
    drop(far);
    let closed = socket.close(1000, "").await;
    assert!(matches!(closed, Err(Error::Discarded(_) | Error::Connection(_))), "{closed:?}");

    // Nothing but the answer is lost.
    let (mut socket, mut far) = server(1024, &Config::default());
    far.write_all(&masked(0x88, b"\x03\xe8")).await.unwrap();
    drop(far);
    socket.close(1000, "").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_misses_nothing_whatever_is_to_happen_without_room() {
    for policy in POLICIES {
        for is_split in [false, true] {
            for is_prepared in [false, true] {
                let (mut socket, stream) = server(1_000, &when_full(policy, 10_000));
                let reading = reads(stream);
                let message = |i: u8| Prepared::binary(&[i; 1_000]);
                if is_split {
                    let (mut sender, receiver) = socket.split();
                    for i in 0..200 {
                        match is_prepared {
                            true => sender.feed(&message(i)).await.unwrap(),
                            false => sender.feed(vec![i; 1_000]).await.unwrap(),
                        }
                    }
                    sender.flush().await.unwrap();
                    drop((sender, receiver));
                } else {
                    for i in 0..200 {
                        match is_prepared {
                            true => socket.feed(&message(i)).await.unwrap(),
                            false => socket.feed(vec![i; 1_000]).await.unwrap(),
                        }
                    }
                    socket.flush().await.unwrap();
                    drop(socket);
                }
                let expected: Vec<u8> =
                    (0..200).flat_map(|i| unmasked(0x82, &[i; 1_000])).collect();
                assert!(without_deadlock(reading).await.unwrap() == expected, "{policy:?}");
            }
        }
    }
}

/// Feeds a peer that reads nothing until something else happens than that it is queued; or drops.
async fn fill(sender: &mut Sender<Pipe>) -> Result<(), Error> {
    for i in 0..100 {
        sender.feed(&Prepared::binary(&[i; 1_000])).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_to_happen_without_room_happens_when_the_transport_takes_nothing() {
    for policy in POLICIES {
        // The receiver waits, or nobody does.
        for waits in [false, true] {
            let (socket, stream) = server(1_000, &when_full(policy, 10_000));
            let (mut sender, mut receiver) = socket.split();
            let receiving = waits.then(|| tokio::spawn(async move { receiver.recv().await }));
            let filled = timeout(Duration::from_secs(1), fill(&mut sender)).await;
            match (policy, filled) {
                (WhenFull::Close(_), Ok(Err(Error::Send { error: SendError::Closed, .. })))
                | (
                    WhenFull::DropNewest,
                    Ok(Err(Error::Send { error: SendError::Dropped { .. }, .. })),
                )
                | (WhenFull::Refuse, Err(_)) => {}
                (WhenFull::DropOldest, Ok(Ok(()))) => {
                    let reading = reads(stream);
                    let flushed = sender.flush().await;
                    let Err(Error::Discarded(discarded)) = flushed else { panic!("{flushed:?}") };
                    sender.flush().await.unwrap();
                    drop((sender, receiving.map(|receiving| receiving.abort())));
                    let left = 100 - usize::try_from(discarded.bytes).unwrap() / 1_000;
                    if !waits {
                        continue;
                    }
                    let read = without_deadlock(reading).await.unwrap();
                    assert_eq!(read.len(), left * 1_004);
                    assert!(read.ends_with(&unmasked(0x82, &[99; 1_000])), "not the newest");
                }
                (policy, filled) => panic!("{policy:?}: {filled:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_comes_back_and_a_sink_waits_whatever_is_to_happen_without_room() {
    for policy in POLICIES {
        // What the pipe takes makes no room.
        let (mut socket, stream) = server(10, &when_full(policy, 10_000));
        let full = loop {
            match socket.try_send(vec![7; 1_000]) {
                Ok(()) => {}
                Err(Error::Send { error, message }) => break (error, message),
                Err(error) => panic!("{error}"),
            }
        };
        assert!(matches!(full, (SendError::Full { .. }, Some(_))), "{policy:?}");
        let mut ready = async || {
            let mut sink = Pin::new(&mut socket);
            poll_fn(|cx| sink.as_mut().poll_ready(cx)).await
        };
        assert!(timeout(Duration::from_secs(1), ready()).await.is_err());
        let reading = reads(stream);
        without_deadlock(ready()).await.unwrap();
        Pin::new(&mut socket).start_send(vec![8; 1_000].into()).unwrap();
        socket.flush().await.unwrap();
        drop(socket);
        assert!(reading.await.unwrap().ends_with(&unmasked(0x82, &[8; 1_000])), "{policy:?}");
    }
}

/// Sends, feeds and flushes until the end or an error that is one.
async fn send_some(sender: &mut Sender<Pipe>, mut random: Random, told: &Mutex<Told>) {
    let mut fed = Vec::new();
    for number in 0..u32::try_from(random.below(60)).unwrap() {
        let mut message = vec![7; 4 + random.below(400)];
        message[..4].copy_from_slice(&number.to_be_bytes());
        let (flushes, done) = match random.below(5) {
            0 | 1 => {
                let sent = sender.send(message).await;
                fed.push(number);
                (true, sent)
            }
            2 => (false, sender.try_send(message).inspect(|()| fed.push(number))),
            3 => {
                let prepared = Prepared::binary(&message);
                (false, sender.feed(&prepared).await.inspect(|()| fed.push(number)))
            }
            _ => (false, sender.feed(message).await.inspect(|()| fed.push(number))),
        };
        let (flushes, done) = if done.is_ok() && random.below(4) == 0 {
            (true, sender.flush().await)
        } else {
            (flushes, done)
        };
        match done {
            Ok(()) if flushes => told.lock().unwrap().sent.extend(fed.drain(..)),
            Ok(()) => {}
            // Some of what was fed, or this one: nobody was told that they have left.
            Err(Error::Discarded(_)) => fed.clear(),
            Err(Error::Send { .. }) => {
                fed.retain(|fed| *fed != number);
                told.lock().unwrap().refused.insert(number);
            }
            Err(_) => return,
        }
        if random.below(3) == 0 {
            yield_now().await;
        }
    }
    if sender.flush().await.is_ok() {
        told.lock().unwrap().sent.extend(fed);
    }
}

/// Reads slowly, and at some time closes, breaks a rule, or says no more; then reads to the end.
async fn peer(mut stream: DuplexStream, mut random: Random) -> Vec<u8> {
    let mut read = Vec::new();
    let mut block = vec![0; 1 + random.below(500)];
    for _ in 0..random.below(60) {
        match random.below(4) {
            0 => sleep(millis(random.below(50))).await,
            1 => yield_now().await,
            _ => {
                let reading = timeout(Duration::from_millis(5), stream.read(&mut block)).await;
                read.extend(&block[..reading.map_or(0, |len| len.unwrap_or(0))]);
            }
        }
    }
    let _ = match random.below(4) {
        0 => stream.write_all(&masked(0x88, b"\x03\xe8")).await,
        1 => stream.write_all(&masked(0x83, b"")).await,
        2 => stream.shutdown().await,
        _ => stream.write_all(&masked(0x81, b"goes on")).await,
    };
    if random.below(2) == 0 {
        sleep(millis(random.below(50))).await;
    }
    let _ = stream.read_to_end(&mut read).await;
    read
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_be_sent_has_arrived_whatever_happens() {
    for seed in 0..1_000 {
        let mut random = Random::new(seed);
        let policy = POLICIES[random.below(POLICIES.len())];
        let mut config = when_full(policy, random.below(3_000));
        config.fragment_size = NonZeroUsize::new([0, 7, 150][random.below(3)]);
        config.after_close = [AfterClose::Deliver, AfterClose::Drop][random.below(2)];
        let (socket, stream) = server(1 + random.below(1_500), &config);
        let far = tokio::spawn(peer(stream, Random::new(seed + 1_000_000)));
        let told = Arc::new(Mutex::new(Told::default()));
        let (mut sender, mut receiver) = socket.split();
        let receives = random.below(4) > 0;
        let receiving =
            tokio::spawn(
                async move { while receives && let Ok(Some(_)) = receiver.recv().await {} },
            );
        let sending = {
            let told = Arc::clone(&told);
            async move { send_some(&mut sender, Random::new(seed + 2_000_000), &told).await }
        };
        if random.below(10) == 0 {
            // Given up somewhere in the middle.
            let _ = timeout(millis(random.below(100)), sending).await;
        } else {
            without_deadlock(sending).await;
        }
        receiving.abort();
        let _ = receiving.await;
        let arrived = arrived(&without_deadlock(far).await.unwrap());
        told.lock().unwrap().check(&arrived, &format!("seed {seed}, {policy:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn writable_says_how_much_was_dropped_of_what_was_fed() {
    for policy in [WhenFull::DropNewest, WhenFull::DropOldest] {
        let (mut socket, stream) = server(1_000, &when_full(policy, 10_000));
        let refused = async {
            let mut refused = 0;
            for i in 0..100 {
                refused += u64::from(socket.feed(vec![i; 1_000]).await.is_err());
            }
            refused
        };
        let refused = refused.await;
        let reading = reads(stream);
        let writable = socket.recv_with(|event, _| match event {
            Event::Writable(writable) => writable.dropped_messages,
            event => panic!("{event:?}"),
        });
        let dropped = without_deadlock(writable).await.unwrap().unwrap();
        let flushed = socket.flush().await;
        assert_eq!(flushed.is_err(), policy == WhenFull::DropOldest);
        socket.flush().await.unwrap();
        drop(socket);
        let read = reading.await.unwrap().len() as u64;
        assert_eq!(read, (100 - dropped) * 1_004, "{policy:?}");
        assert_eq!(refused, if policy == WhenFull::DropNewest { dropped } else { 0 });
    }
}
