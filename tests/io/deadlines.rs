//! Deadlines and heartbeats of the tokio adapter, by a paused clock.
#![expect(
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use sanswire::handshake::{ClientRequest, HandshakeError, HeadLimits, Request};
use sanswire::io::Timeout;
use sanswire::io::tokio::WebSocket;
use sanswire::{AfterClose, Config, Connection, ConnectionError, Error, PingWhen};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{REQUEST, masked};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A server and the bare stream at its other end.
fn server(capacity: usize, config: &Config) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(capacity);
    (WebSocket::from_driver(near, Connection::server(config)), far)
}

#[track_caller]
fn assert_failed<T: std::fmt::Debug>(result: Result<T, Error>, expected: ConnectionError) {
    let Err(Error::Connection(error)) = result else { panic!("{result:?}") };
    assert_eq!(error, expected);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_given_up() {
    let (mut server, mut peer) = server(1000, &Config::default());
    let begin = Instant::now();
    let limit = Duration::from_secs(20);
    assert_failed(server.recv().await, ConnectionError::PongTimeout { limit });
    assert_eq!(begin.elapsed(), Duration::from_secs(40));
    assert_failed(server.recv().await, ConnectionError::PongTimeout { limit });
    // It was told why, in case that it lives after all.
    let mut seen = [0; 46];
    peer.read_exact(&mut seen).await.unwrap();
    assert_eq!(seen, *b"\x89\x04\0\0\0\x01\x88\x26\x03\xf3nothing arrived within 20s of a Ping");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_peer_that_answers_pings_lives_on() {
    let (near, far) = duplex(1000);
    let new = |stream, connection: Connection| WebSocket::from_driver(stream, connection);
    let mut server = new(near, Connection::server(&Config::default()));
    let quiet = Config::default().ping_interval(None);
    let mut client = new(far, Connection::client(&quiet, [7; 32]));
    let client = tokio::spawn(async move { client.recv().await });
    assert!(timeout(Duration::from_secs(3_600), server.recv()).await.is_err());
    assert!(server.connection().round_trip_time().is_some());
    server.close(1000, "").await.unwrap();
    assert_eq!(client.await.unwrap().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_busy_peer_that_falls_silent_is_pinged_and_given_up_in_time() {
    for (when, begin_of_ping) in [(PingWhen::Silent, 49), (PingWhen::Always, 40)] {
        let (mut server, mut peer) = server(1000, &Config::default().ping_when(when));
        let begin = Instant::now();
        let peer = tokio::spawn(async move {
            for _ in 0..29 {
                sleep(millis(1_000)).await;
                peer.write_all(&masked(0x82, b"x")).await.unwrap();
            }
            let mut pings = Vec::new();
            let mut seen = [0; 6];
            while peer.read_exact(&mut seen).await.is_ok() && seen[0] == 0x89 {
                pings.push(begin.elapsed().as_secs());
            }
            pings
        });
        let handled = server.run(|_, _| {}).await;
        let limit = Duration::from_secs(20);
        assert_failed(handled, ConnectionError::PongTimeout { limit });
        assert_eq!(begin.elapsed(), Duration::from_secs(begin_of_ping + 20));
        drop(server);
        // The first ones waited in the pipe until the peer read.
        assert_eq!(peer.await.unwrap().last(), Some(&begin_of_ping));
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_wakes_the_task_that_waits_last() {
    let (mut server, _peer) = server(1000, &Config::default());
    let begin = Instant::now();
    assert!(timeout(millis(5_000), server.recv()).await.is_err());
    // The timer was set by another task, and fires no earlier for this one.
    let mut server = tokio::spawn(async move {
        let other = timeout(millis(5_000), server.recv());
        assert!(other.await.is_err());
        server
    })
    .await
    .unwrap();
    let failed = tokio::spawn(async move { server.recv().await });
    let limit = Duration::from_secs(20);
    assert_failed(failed.await.unwrap(), ConnectionError::PongTimeout { limit });
    assert_eq!(begin.elapsed(), Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn the_half_that_receives_keeps_the_time() {
    let (server, _peer) = server(1000, &Config::default());
    let (mut sender, mut receiver) = server.split();
    let begin = Instant::now();
    let sending = tokio::spawn(async move {
        for _ in 0..50 {
            sleep(Duration::from_secs(1)).await;
            if sender.send("tick").await.is_err() {
                return;
            }
        }
    });
    let limit = Duration::from_secs(20);
    assert_failed(receiver.recv().await, ConnectionError::PongTimeout { limit });
    assert_eq!(begin.elapsed(), Duration::from_secs(40));
    sending.abort();
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_for_a_peer_that_does_not_read_no_longer_than_it_may() {
    let small = Config::default().max_buffered(1000).ping_interval(None);
    let (mut server, mut peer) = server(100, &small);
    peer.write_all(&masked(0x81, b"last words")).await.unwrap();
    let begin = Instant::now();
    let Err(Error::Timeout(timeout)) = server.send(vec![7; 5_000]).await else { panic!("sent") };
    assert_eq!((timeout, begin.elapsed()), (Timeout::Deadline, millis(60_000)));
    // What the peer sent before is delivered, and then the reason.
    assert_eq!(server.recv().await.unwrap(), Some("last words".into()));
    let limit = Duration::from_secs(60);
    assert_failed(server.recv().await, ConnectionError::WriteTimeout { limit });
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_sees_that_the_peer_is_gone() {
    let (mut server, _peer) = server(100, &Config::default());
    let begin = Instant::now();
    let Err(Error::Timeout(timeout)) = server.send(vec![7; 5_000]).await else { panic!("sent") };
    assert_eq!((timeout, begin.elapsed()), (Timeout::Deadline, millis(40_000)));
    let limit = Duration::from_secs(20);
    assert_failed(server.recv().await, ConnectionError::PongTimeout { limit });
}

#[tokio::test(start_paused = true)]
async fn two_senders_that_wait_for_each_other_are_ended() {
    let (near, far) = duplex(1000);
    let small = Config::default().max_buffered(1000);
    let new = |stream, connection: Connection| WebSocket::from_driver(stream, connection);
    let mut server = new(near, Connection::server(&small));
    let mut client = new(far, Connection::client(&small, [7; 32]));
    let flood = vec![7; 10_000];
    let other = flood.clone();
    let client = tokio::spawn(async move { while client.send(other.clone()).await.is_ok() {} });
    while server.send(flood.clone()).await.is_ok() {}
    drop(server);
    client.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_trickles_in_is_cut() {
    let (mut server, mut peer) = server(1000, &Config::default());
    let begin = Instant::now();
    let trickle = tokio::spawn(async move {
        let frame = masked(0x82, &[7; 65_000]);
        let (most, rest) = frame.split_at(60_000);
        peer.write_all(most).await?;
        for byte in rest {
            peer.write_all(&[*byte]).await?;
            sleep(Duration::from_secs(1)).await;
        }
        io::Result::Ok(())
    });
    let error = server.recv().await.unwrap_err();
    let Error::Connection(ConnectionError::MessageTooSlow { held, limit }) = error else {
        panic!("{error}")
    };
    assert_eq!(limit, Duration::from_secs(30 * 60));
    assert!((60_000..65_000).contains(&held), "{held}");
    // Each byte pays for itself, and the few that follow for a minute.
    assert!((1_800..2_100).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    drop(server);
    trickle.await.unwrap().unwrap_err();
}

/// A peer that never answers a Close: it sends `frame` every half second for as long as it can.
fn talk(mut peer: DuplexStream, frame: Vec<u8>) {
    tokio::spawn(async move {
        while peer.write_all(&frame).await.is_ok() {
            sleep(millis(500)).await;
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_close_takes_no_longer_than_its_time_while_the_peer_goes_on_talking() {
    let message = masked(0x81, b"x");
    for (after_close, frame) in [
        (AfterClose::Deliver, message.clone()),
        (AfterClose::Drop, message),
        (AfterClose::Deliver, masked(0x89, b"")),
        // It trickles: what is sent each time is no frame.
        (AfterClose::Deliver, masked(0x82, &[7; 2_000])[..8].to_vec()),
    ] {
        let deliver = Config::default().after_close(after_close);
        let (mut server, peer) = server(1_000, &deliver);
        talk(peer, frame);
        let begin = Instant::now();
        server.close(1000, "").await.unwrap_err();
        assert_eq!(begin.elapsed(), Duration::from_secs(10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_the_peer_answers_and_goes_on_talking_takes_no_longer_either() {
    let (mut server, mut peer) = server(1_000, &Config::default().close_timeout(millis(3_000)));
    let begin = Instant::now();
    tokio::spawn(async move {
        sleep(millis(2_900)).await;
        peer.write_all(&masked(0x88, &[3, 232])).await.unwrap();
        talk(peer, masked(0x81, b"late"));
    });
    server.close(1000, "").await.unwrap();
    assert!(begin.elapsed() <= millis(3_000), "{:?}", begin.elapsed());
}

/// A transport that never has to be waited for: it always has the same frame, and takes nothing.
struct Flood(Vec<u8>);

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.put_slice(&self.0);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_always_sends_and_never_reads_is_found() {
    let connection = Connection::server(&Config::default());
    let mut server = WebSocket::from_driver(Flood(masked(0x82, b"x")), connection);
    server.try_send(vec![0; 100_000]).unwrap();
    let begin = Instant::now();
    let error = loop {
        match server.recv().await {
            Ok(_) => tokio::time::advance(millis(100)).await,
            Err(error) => break error,
        }
        assert!(begin.elapsed() < Duration::from_secs(80), "write_timeout is 60 s");
    };
    let limit = Duration::from_secs(60);
    assert_failed(Err::<(), _>(error), ConnectionError::WriteTimeout { limit });
}

#[tokio::test(start_paused = true)]
async fn a_request_that_trickles_in_is_answered_with_408() {
    let (near, mut far) = duplex(1000);
    let begin = Instant::now();
    let peer = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(&mut far);
        let trickle = async {
            for byte in b"GET / HTTP/1.1\r\n".iter().cycle() {
                sleep(Duration::from_secs(1)).await;
                if to.write_all(&[*byte]).await.is_err() {
                    return;
                }
            }
        };
        let mut answer = Vec::new();
        let read = from.read_to_end(&mut answer);
        tokio::select! { () = trickle => {}, read = read => { read.unwrap(); } }
        answer
    });
    let error = WebSocket::accept(near, &Config::default()).await.unwrap_err();
    let limit = HeadLimits::default().timeout.unwrap();
    let Error::Handshake { error, .. } = error else { panic!("{error}") };
    assert_eq!(error, HandshakeError::Timeout(limit));
    assert!(begin.elapsed() >= limit);
    let answer = peer.await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_answered_in_time_is_answered_with_503() {
    let (near, mut far) = duplex(1000);
    let begin = Instant::now();
    far.write_all(REQUEST).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).await.unwrap();
        answer
    });
    let was_dropped = Arc::new(());
    let witness = Arc::clone(&was_dropped);
    let decide = async move |_: &Request| {
        let _witness = witness;
        std::future::pending().await
    };
    let error = WebSocket::accept_with(near, &Config::default(), decide).await.unwrap_err();
    let limit = HeadLimits::default().timeout.unwrap();
    let Error::Handshake { error, .. } = error else { panic!("{error}") };
    assert_eq!(error, HandshakeError::NotAnswered(limit));
    assert_eq!(begin.elapsed(), limit);
    assert_eq!(Arc::strong_count(&was_dropped), 1);
    let answer = reading.await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 503 Service Unavailable\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up() {
    let (near, _far) = duplex(1000);
    let begin = Instant::now();
    let request = ClientRequest::new("example.com", "/").unwrap();
    let error = WebSocket::connect_over(near, &request, &Config::default()).await.unwrap_err();
    assert!(matches!(error, Error::Handshake { error: HandshakeError::Timeout(_), .. }), "{error}");
    assert_eq!(begin.elapsed(), HeadLimits::default().timeout.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_gets_on_is_not_ended_by_what_it_has_not_looked_at() {
    let (mut server, mut peer) = server(100, &Config::default().ping_interval(None));
    let frame = masked(0x82, b"in two parts");
    peer.write_all(&frame[..8]).await.unwrap();
    assert!(timeout(millis(10), server.recv()).await.is_err());
    // The rest is there long before it is late, but the application sends.
    peer.write_all(&frame[8..]).await.unwrap();
    let reading = tokio::spawn(async move {
        for _ in 0..101 {
            sleep(Duration::from_secs(1)).await;
            let _ = peer.read(&mut [0; 100]).await.unwrap();
        }
        peer
    });
    server.send(vec![7; 10_000]).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(b"in two parts".to_vec().into()));
    drop(reading.await.unwrap());
}
