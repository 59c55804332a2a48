//! Futures dropped at every point where they wait: nothing is lost, repeated
//! or sent by halves.
#![expect(
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use sanswire::{CloseCode, Config, Connection, Event, Message, MessageKind};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::{Adapted, WebSocket, adapt};

/// One end of a pipe.
type Pipe = Adapted<DuplexStream>;

/// Polls a future so many times, each when it was woken, and drops it then.
async fn poll_times<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A client and a server over a pipe that holds five bytes.
fn pair(max_buffered: usize) -> (WebSocket<Pipe>, WebSocket<Pipe>) {
    let (client, server) = duplex(5);
    let config = Config::default().max_buffered(max_buffered);
    (
        WebSocket::from_driver(adapt(client), Connection::client(&config, [7; 32])),
        WebSocket::from_driver(adapt(server), Connection::server(&config)),
    )
}

/// Messages that can be told from each other, of different lengths.
fn messages() -> Vec<Message> {
    (1..=8_u8).map(|i| Message::from(vec![i; usize::from(i) * 7 % 40])).collect()
}

/// Receives everything, closes, and returns what was received.
async fn collect(mut socket: WebSocket<Pipe>) -> Vec<Message> {
    let mut received = Vec::new();
    while let Some(message) = socket.recv().await.unwrap() {
        received.push(message);
    }
    received
}

/// Runs a test with futures dropped after 0, 1, 2, … polls, until none was dropped.
async fn at_every_point(mut test: impl AsyncFnMut(usize) -> bool) {
    for times in 0..10_000 {
        if !test(times).await {
            assert!(times > 1, "nothing ever waited");
            return;
        }
    }
    panic!("a future never completes");
}

#[tokio::test]
async fn recv_can_be_dropped_anywhere() {
    at_every_point(async |times| {
        let (mut client, mut server) = pair(1000);
        let sending = tokio::spawn(async move {
            for message in messages() {
                server.send(message).await.unwrap();
            }
            server.close(CloseCode::NORMAL, "").await.unwrap();
        });
        let mut dropped = false;
        let mut received = Vec::new();
        loop {
            let message = match poll_times(times, client.recv()).await {
                Some(message) => message,
                None => {
                    dropped = true;
                    client.recv().await
                }
            };
            match message.unwrap() {
                Some(message) => received.push(message),
                None => break,
            }
        }
        assert_eq!(received, messages());
        sending.await.unwrap();
        dropped
    })
    .await;
}

#[tokio::test]
async fn recv_with_that_is_dropped_takes_no_event() {
    at_every_point(async |times| {
        let (mut client, mut server) = pair(1000);
        let sending = tokio::spawn(async move {
            for message in messages() {
                server.ping(b"between").await.unwrap();
                server.send(message).await.unwrap();
            }
            server.close(4000, "bye").await.unwrap();
        });
        let mut taken = Vec::new();
        let mut dropped = false;
        loop {
            let mut take = |event: Event<'_>| match event {
                Event::Ping(_) => taken.push(Message::from("ping")),
                Event::Closed(closed) => taken.push(closed.reason.into()),
                other => taken.extend(other.into_message()),
            };
            let event = poll_times(times, client.recv_with(|event, _| take(event))).await;
            let event = match event {
                Some(event) => event,
                None => {
                    dropped = true;
                    client.recv_with(|event, _| take(event)).await
                }
            };
            if event.unwrap().is_none() {
                break;
            }
        }
        let mut expected = Vec::new();
        for message in messages() {
            expected.extend([Message::from("ping"), message]);
        }
        expected.push("bye".into());
        assert_eq!(taken, expected);
        sending.await.unwrap();
        dropped
    })
    .await;
}

#[tokio::test]
async fn feed_that_is_dropped_queues_nothing() {
    at_every_point(async |times| {
        let (mut client, server) = pair(20);
        let receiving = tokio::spawn(collect(server));
        let mut dropped = false;
        for message in messages() {
            if poll_times(times, client.feed(message.clone())).await.is_none() {
                dropped = true;
                client.feed(message).await.unwrap();
            }
        }
        client.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(receiving.await.unwrap(), messages());
        dropped
    })
    .await;
}

#[tokio::test]
async fn send_that_is_dropped_once_there_was_room_sends_the_message_whole() {
    at_every_point(async |times| {
        let (mut client, server) = pair(10_000);
        let receiving = tokio::spawn(collect(server));
        let mut dropped = false;
        for message in messages() {
            dropped |= poll_times(times, client.send(message)).await.is_none();
        }
        client.close(CloseCode::NORMAL, "").await.unwrap();
        let expected = if times == 0 { Vec::new() } else { messages() };
        assert_eq!(receiving.await.unwrap(), expected);
        dropped
    })
    .await;
}

#[tokio::test]
async fn send_that_is_dropped_sends_the_message_whole_or_not_at_all() {
    at_every_point(async |times| {
        let (mut client, server) = pair(20);
        let receiving = tokio::spawn(collect(server));
        let mut dropped = false;
        for message in messages() {
            dropped |= poll_times(times, client.send(message)).await.is_none();
        }
        client.close(CloseCode::NORMAL, "").await.unwrap();
        let received = receiving.await.unwrap();
        let mut rest = messages().into_iter();
        assert!(received.iter().all(|message| rest.any(|sent| sent == *message)));
        assert!(dropped || received == messages());
        dropped
    })
    .await;
}

#[tokio::test]
async fn flush_and_streaming_can_be_dropped_anywhere() {
    at_every_point(async |times| {
        let (mut client, server) = pair(10_000);
        let receiving = tokio::spawn(collect(server));
        let mut dropped = times == 0;
        for message in messages() {
            client.begin(MessageKind::Binary).unwrap();
            for part in message.as_bytes().chunks(9) {
                // The part is queued by the first poll, and left to the flush.
                dropped |= poll_times(times.max(1), client.send_chunk(part)).await.is_none();
            }
            dropped |= poll_times(times.max(1), client.finish()).await.is_none();
            dropped |= poll_times(times, client.flush()).await.is_none();
        }
        client.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(receiving.await.unwrap(), messages());
        dropped
    })
    .await;
}

#[tokio::test]
async fn close_can_be_dropped_anywhere() {
    at_every_point(async |times| {
        let (mut client, server) = pair(1000);
        let receiving = tokio::spawn(collect(server));
        for message in messages() {
            client.feed(message).await.unwrap();
        }
        let dropped = poll_times(times, client.close(4000, "enough")).await.is_none();
        client.close(4001, "too late, unless nothing was polled").await.unwrap();
        assert_eq!(receiving.await.unwrap(), messages());
        let code = client.closed().unwrap().code;
        assert_eq!(code, if times == 0 { 4001 } else { 4000 });
        dropped
    })
    .await;
}

#[tokio::test]
async fn the_halves_of_a_socket_can_be_dropped_anywhere_too() {
    at_every_point(async |times| {
        let (client, mut server) = pair(20);
        let echo = tokio::spawn(async move {
            while let Some(message) = server.recv().await.unwrap() {
                server.send(message).await.unwrap();
            }
        });
        let (mut sender, mut receiver) = client.split();
        let sending = tokio::spawn(async move {
            let mut dropped = false;
            for message in messages() {
                if poll_times(times, sender.feed(message.clone())).await.is_none() {
                    dropped = true;
                    sender.feed(message).await.unwrap();
                }
                dropped |= poll_times(times, sender.flush()).await.is_none();
            }
            sender.flush().await.unwrap();
            dropped
        });
        let mut dropped = false;
        let mut received = Vec::new();
        while received.len() < messages().len() {
            match poll_times(times, receiver.recv()).await {
                Some(message) => received.extend(message.unwrap()),
                None => {
                    dropped = true;
                    received.extend(receiver.recv().await.unwrap());
                }
            }
        }
        assert_eq!(received, messages());
        echo.abort();
        sending.await.unwrap() || dropped
    })
    .await;
}

#[tokio::test]
async fn a_dropped_send_leaves_no_part_of_a_frame_to_others() {
    let (client, mut server) = duplex(5);
    let connection = Connection::server(&Config::default());
    let mut socket = WebSocket::from_driver(adapt(client), connection);
    assert!(poll_times(1, socket.send("too long for the pipe")).await.is_none());
    let (stream, driver) = socket.into_parts();
    let mut socket = WebSocket::from_driver(stream, driver);
    let (sent, read) = tokio::join!(socket.send("next"), async {
        let mut read = vec![0; 23 + 6];
        server.read_exact(&mut read).await.map(|_| read)
    });
    sent.unwrap();
    assert_eq!(read.unwrap(), b"\x81\x15too long for the pipe\x81\x04next");
}
