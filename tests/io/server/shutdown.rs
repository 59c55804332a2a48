//! The shutdown of a server: who is told what, who is waited for, and for how long.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_core,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use sanswire::handshake::Acceptance;
#[cfg(feature = "ring")]
use sanswire::handshake::HeadLimits;
use sanswire::io::tokio::Server;
use sanswire::{CloseCode, Config, ConnectionError, SendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use super::{LONG, Running, assert_sums, echo, read_all, until};
use crate::support::REQUEST;

/// A deadline that passes within the test.
const SOON: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_thousand_connections_get_the_code_also_when_some_do_not_answer() {
    let server = Running::start(|server| server.serve(echo)).await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        // Not all at once: the system's queue may be shorter.
        let (a, b, c, d, e) = tokio::join!(
            server.connect(),
            server.connect(),
            server.connect(),
            server.connect(),
            server.connect(),
        );
        clients.extend([a, b, c, d, e]);
    }
    server.until(|stats| stats.connections == 1000).await;
    let silent = clients.split_off(900);
    server.handle.shut_down(1001, "bye", 10 * SOON).unwrap();
    for client in &mut clients {
        assert_eq!(client.recv().await.unwrap(), None);
        let closed = client.closed().unwrap();
        assert_eq!((closed.code, &*closed.reason), (CloseCode::GOING_AWAY, "bye"));
    }
    let stats = timeout(LONG, server.serving).await.unwrap().unwrap();
    assert_eq!((stats.closed, stats.aborted), (900, 100), "{stats:?}");
    assert_sums(&stats);
    for mut client in silent {
        // They were told, too, before they were dropped.
        assert_eq!(client.recv().await.unwrap(), None);
        assert_eq!(client.closed().unwrap().code, CloseCode::GOING_AWAY);
    }
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn requests_under_way_are_refused_with_503() {
    let server = Running::start(|server| {
        server.serve_with(async |_, _| pending().await, async |socket, ()| echo(socket).await)
    })
    .await;
    let mut early = server.stream().await;
    let mut deciding = server.stream().await;
    deciding.write_all(REQUEST).await.unwrap();
    early.write_all(&REQUEST[..20]).await.unwrap();
    server.until(|stats| stats.handshakes == 2).await;
    let address = server.address;
    let stopping = tokio::spawn(server.stop());
    for stream in [&mut early, &mut deciding] {
        let answer = read_all(stream).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
    drop((early, deciding));
    let stats = stopping.await.unwrap();
    assert_eq!((stats.refused, stats.opened), (2, 0));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_shutdown_before_the_server_runs_ends_it_at_once() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let (address, handle) = (server.local_addr().unwrap(), server.handle());
    handle.shut_down(1001, "", LONG).unwrap();
    assert!(handle.is_shutting_down());
    let stats = timeout(LONG, server.serve(echo)).await.unwrap();
    assert_eq!(stats.accepted, 0);
    assert!(TcpStream::connect(address).await.is_err());
    // And after it has ended.
    handle.shut_down(1012, "", Duration::ZERO).unwrap();
    assert_eq!(handle.stats(), stats);
}

#[tokio::test]
async fn a_second_shutdown_keeps_the_code_and_brings_the_end_forward() {
    let server = Running::start(|server| server.serve(echo)).await;
    let mut client = server.connect().await;
    let silent = server.connect().await;
    server.until(|stats| stats.connections == 2).await;
    let handle = server.handle.clone();
    handle.shut_down(1001, "first", LONG).unwrap();
    assert_eq!(client.recv().await.unwrap(), None);
    // Not later than before.
    handle.shut_down(1012, "second", 2 * LONG).unwrap();
    server.until(|stats| stats.closed == 1).await;
    sleep(Duration::from_millis(10)).await;
    assert!(!server.serving.is_finished());
    handle.shut_down(1012, "third", Duration::ZERO).unwrap();
    let stats = timeout(LONG, server.serving).await.unwrap().unwrap();
    assert_eq!((stats.closed, stats.aborted), (1, 1));
    assert_eq!(client.closed().unwrap().reason, "first");
    drop(silent);
}

#[tokio::test]
async fn a_code_that_is_none_shuts_nothing_down() {
    let server = Running::start(|server| server.serve(echo)).await;
    let error = server.handle.shut_down(1004, "", LONG).unwrap_err();
    assert!(matches!(error, SendError::InvalidCloseCode { code: 1004 }), "{error}");
    assert!(!server.handle.is_shutting_down());
    let mut client = server.connect().await;
    client.send("hello").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_is_dropped_drops_everything() {
    let server = Running::start(|server| server.serve(echo)).await;
    let mut client = server.connect().await;
    let mut early = server.stream().await;
    server.until(|stats| stats.connections == 1 && stats.handshakes == 1).await;
    server.serving.abort();
    assert!(server.serving.await.unwrap_err().is_cancelled());
    // Without a Close frame.
    assert!(client.recv().await.is_err());
    assert_eq!(read_all(&mut early).await, "");
    until(&server.handle, |stats| stats.aborted == 2).await;
    assert_sums(&server.handle.stats());
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_handler_that_outlives_the_deadline_is_dropped() {
    let dropped = Arc::new(());
    let held = Arc::clone(&dropped);
    let server = Running::start(|server| {
        server.serve(async move |mut socket| {
            let _held = Arc::clone(&held);
            // It goes on after the close.
            socket.recv().await?;
            pending().await
        })
    })
    .await;
    let mut client = server.connect().await;
    server.until(|stats| stats.connections == 1).await;
    server.handle.shut_down(1001, "", SOON).unwrap();
    assert_eq!(client.recv().await.unwrap(), None);
    let stats = timeout(LONG, server.serving).await.unwrap().unwrap();
    assert_eq!((stats.aborted, stats.closed), (1, 0));
    assert_eq!(Arc::strong_count(&dropped), 1);
}

/// A runtime with a thread that blocks may not look at its sockets and timers before another thread
/// has something to do: so the client is outside of it.
#[test]
fn a_handler_that_never_waits_does_not_hold_the_server_up() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let runtime = Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    let server = runtime.block_on(Running::start(|server| {
        server.serve(async move |_| {
            // Blocks its thread, as it should not.
            let _ = released.lock().unwrap().recv();
            Ok(())
        })
    }));
    let client = std::thread::spawn(move || {
        sanswire::io::blocking::WebSocket::connect(&format!("ws://{}/", server.address)).map(drop)
    });
    while server.handle.stats().connections == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    server.handle.shut_down(1001, "", SOON).unwrap();
    let stats = runtime.block_on(server.serving).unwrap();
    assert_eq!((stats.aborted, stats.connections), (1, 0));
    drop(release);
    drop(client.join());
}

#[tokio::test]
async fn a_slow_reader_gets_everything_that_was_queued() {
    const PART: usize = 1 << 20;
    let server = Running::start(|server| {
        let config = Config::default().max_buffered(64 * PART).write_timeout(None);
        server.config(config).serve(async |mut socket| {
            // More than the system takes while nobody reads.
            for number in 0..16_u8 {
                socket.try_send(vec![number; PART])?;
            }
            while socket.recv().await?.is_some() {}
            Ok(())
        })
    })
    .await;
    let mut client = server.connect().await;
    server.until(|stats| stats.connections == 1).await;
    sleep(Duration::from_millis(20)).await;
    let handle = server.handle.clone();
    handle.shut_down(1012, "", LONG).unwrap();
    assert!(handle.is_shutting_down());
    for number in 0..16 {
        sleep(Duration::from_millis(5)).await;
        assert_eq!(client.recv().await.unwrap(), Some(vec![number; PART].into()));
    }
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code, CloseCode::SERVICE_RESTART);
    assert_eq!(timeout(LONG, server.serving).await.unwrap().unwrap().closed, 1);
}

#[tokio::test]
async fn two_servers_have_handles_of_one_type_and_stop_one_by_one() {
    let servers = [
        Running::start(|server| server.serve(echo)).await,
        Running::start(|server| {
            server.serve_with(
                async |_, _| Ok((Acceptance::new(), 7)),
                async |socket, _: i32| echo(socket).await,
            )
        })
        .await,
    ];
    let handles = [servers[0].handle.clone(), servers[1].handle.clone()];
    let mut clients = [servers[0].connect().await, servers[1].connect().await];
    for (server, client) in servers.into_iter().zip(&mut clients) {
        client.send("hello").await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
        let told = tokio::spawn(server.handle.shutting_down());
        let stopping = tokio::spawn(server.stop());
        timeout(LONG, told).await.unwrap().unwrap();
        assert_eq!(client.recv().await.unwrap(), None);
        assert_eq!(stopping.await.unwrap().closed, 1);
    }
    assert!(handles.iter().all(|handle| handle.stats().closed == 1));
}

#[tokio::test]
async fn a_connection_that_opens_while_the_shutdown_begins_is_closed() {
    // Whatever comes first, each client is refused or closed, and nothing is left.
    for round in 0..20 {
        let server = Running::start(|server| server.serve(echo)).await;
        let mut stream = server.stream().await;
        stream.write_all(REQUEST).await.unwrap();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        let stopping = tokio::spawn(server.stop());
        let mut answer = Vec::new();
        let mut part = [0; 1000];
        while !answer.ends_with(b"\x88\x02\x03\xe9") {
            match timeout(LONG, stream.read(&mut part)).await.unwrap() {
                Ok(len @ 1..) => answer.extend(&part[..len]),
                _ => break,
            }
        }
        let is_closed = answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(b"\x03\xe9");
        let is_refused = answer.starts_with(b"HTTP/1.1 503 ");
        // One that the system has not delivered yet is reset with the listener.
        assert!(is_closed || is_refused || answer.is_empty(), "{answer:?}");
        let _ = stream.write_all(&crate::support::masked(0x88, b"\x03\xe9")).await;
        drop(stream);
        stopping.await.unwrap();
    }
}

#[cfg(feature = "ring")]
#[tokio::test]
async fn tls_handshakes_under_way_are_dropped() {
    let identity = crate::tls::Authority::new().issue("127.0.0.1");
    // Nothing but the shutdown ends them.
    let limits = HeadLimits::default().timeout(None);
    let server =
        Running::start(|server| server.tls(identity.server()).head_limits(limits).serve(echo))
            .await;
    let mut silent = server.stream().await;
    let mut begun = server.stream().await;
    // The head of a TLS record, and nothing of what it announces.
    begun.write_all(b"\x16\x03\x01\x02\x00").await.unwrap();
    server.until(|stats| stats.handshakes == 2).await;
    let errors = server.errors.clone();
    let stats = server.stop().await;
    assert_eq!((stats.refused, stats.handshakes_failed, stats.aborted), (2, 0, 0), "{stats:?}");
    assert_eq!(errors.take(), [""; 0]);
    for stream in [&mut silent, &mut begun] {
        assert_eq!(read_all(stream).await, "");
    }
}

#[tokio::test]
async fn a_handler_that_was_sending_has_not_failed() {
    let server = Running::start(|server| {
        // It ends by the error alone.
        server.serve(async |mut socket| {
            loop {
                socket.send("hello").await?;
            }
        })
    })
    .await;
    let mut client = server.connect().await;
    assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
    let errors = server.errors.clone();
    let stopping = tokio::spawn(server.stop());
    while client.recv().await.unwrap().is_some() {}
    assert_eq!(client.closed().unwrap().code, CloseCode::GOING_AWAY);
    let stats = stopping.await.unwrap();
    assert_eq!((stats.closed, stats.failed), (1, 0), "{stats:?}");
    assert_eq!(errors.take(), [""; 0]);
}

#[tokio::test]
async fn a_handler_that_was_sending_to_a_client_that_does_not_answer_has_failed() {
    const LIMIT: Duration = Duration::from_millis(50);
    // Whether the handler sees the end before it returns, or the server behind it.
    for sees_the_end in [false, true] {
        let server = Running::start(|server| {
            let handle = server.handle();
            server.config(Config::default().close_timeout(LIMIT)).serve(async move |mut socket| {
                handle.shutting_down().await;
                while socket.send("hello").await.is_ok() {}
                if sees_the_end {
                    socket.recv().await.unwrap_err();
                }
                socket.send("hello").await
            })
        })
        .await;
        let silent = server.connect().await;
        server.until(|stats| stats.connections == 1).await;
        let errors = server.errors.clone();
        let stats = server.stop().await;
        assert_eq!((stats.closed, stats.failed), (0, 1), "{stats:?}");
        let timeout = ConnectionError::CloseTimeout { limit: LIMIT }.to_string();
        let errors = errors.take();
        assert!(matches!(&*errors, [error] if error.contains(&timeout)), "{errors:?}");
        drop(silent);
    }
}

#[tokio::test]
async fn a_handler_that_sends_after_a_close_fails_without_a_shutdown() {
    let server = Running::start(|server| {
        server.serve(async |mut socket| {
            socket.recv().await?;
            socket.send("too late").await
        })
    })
    .await;
    let mut client = server.connect().await;
    client.close(1000, "").await.unwrap();
    server.until(|stats| stats.failed == 1).await;
    assert_eq!(server.errors.take().len(), 1);
    server.stop().await;
}
