//! Sockets that close by a signal, whatever their tasks wait for.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use sanswire::driver::Driver;
use sanswire::handshake::{Acceptance, ClientRequest, HandshakeError, Request};
use sanswire::io::poll::Shutdown;
use sanswire::{AfterClose, CloseCode, ClosedBy, Config, Error, ReadyState, SendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::socket::read_head;
use super::split::{pair, server, without_deadlock};
use super::{WebSocket, adapt};
use crate::support::{REQUEST, masked};

/// The Close frame of a server, and that of a client which answers it.
const GOING_AWAY: &[u8] = b"\x88\x02\x03\xe9";

fn answer() -> Vec<u8> {
    masked(0x88, b"\x03\xe9")
}

/// Lets all tasks run until they wait.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_whose_task_only_receives_closes_on_the_signal() {
    let (mut client, mut server) = pair(1000);
    let shutdown = Shutdown::new();
    server.shut_down_on(&shutdown);
    let receiving = tokio::spawn(async move {
        let received = server.recv().await;
        (received.unwrap(), server.closed().unwrap())
    });
    settle().await;
    assert!(!receiving.is_finished() && !shutdown.has_begun());
    shutdown.begin(CloseCode::SERVICE_RESTART, "update").unwrap();
    assert_eq!(without_deadlock(client.recv()).await.unwrap(), None);
    let closed = client.closed().unwrap();
    assert_eq!((closed.code.as_u16(), &*closed.reason), (1012, "update"));
    let (received, closed) = without_deadlock(receiving).await.unwrap();
    assert_eq!((received, closed.by), (None, ClosedBy::Local));
}

#[test]
fn a_shutdown_is_printed_with_whether_it_has_begun() {
    let shutdown = Shutdown::new();
    let before = format!("{shutdown:?}");
    shutdown.begin(CloseCode::GOING_AWAY, "").unwrap();
    let behind = format!("{shutdown:?}");
    assert!(before.starts_with("Shutdown { begun: None"), "{before}");
    assert!(behind.starts_with("Shutdown { begun: Some("), "{behind}");
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_has_begun_closes_at_once() {
    let shutdown = Shutdown::new();
    shutdown.begin(1001, "").unwrap();
    let (mut client, mut server) = pair(1000);
    server.shut_down_on(&shutdown);
    server.shut_down_on(&shutdown);
    let (served, received) = tokio::join!(server.recv(), client.recv());
    assert_eq!((served.unwrap(), received.unwrap()), (None, None));
    assert_eq!(client.closed().unwrap().code, CloseCode::GOING_AWAY);
    without_deadlock(shutdown.begun()).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_code_counts_and_one_that_is_none_begins_nothing() {
    let shutdown = Shutdown::new();
    let error = shutdown.begin(1004, "").unwrap_err();
    assert!(matches!(error, SendError::InvalidCloseCode { code: 1004 }), "{error}");
    let error = shutdown.begin(1001, &"long".repeat(31)).unwrap_err();
    assert!(matches!(error, SendError::ReasonTooLong { len: 124 }), "{error}");
    assert!(!shutdown.has_begun());
    let (mut client, mut server) = pair(1000);
    server.shut_down_on(&shutdown);
    shutdown.clone().begin(1001, "first").unwrap();
    shutdown.begin(1012, "second").unwrap();
    let (served, received) = tokio::join!(server.recv(), client.recv());
    assert_eq!((served.unwrap(), received.unwrap()), (None, None));
    assert_eq!(client.closed().unwrap().reason, "first");
}

#[tokio::test(start_paused = true)]
async fn a_client_closes_with_a_code_that_it_may_send() {
    let (mut client, mut server) = pair(1000);
    let shutdown = Shutdown::new();
    client.shut_down_on(&shutdown);
    shutdown.begin(1012, "").unwrap();
    let (served, received) = tokio::join!(server.recv(), client.recv());
    assert_eq!((served.unwrap(), received.unwrap()), (None, None));
    assert_eq!(server.closed().unwrap().code, CloseCode::INTERNAL_ERROR);
}

#[tokio::test(start_paused = true)]
async fn any_of_several_signals_closes() {
    for which in 0..3 {
        let (mut client, mut server) = pair(1000);
        let all: Vec<_> = (0..3).map(|_| Shutdown::new()).collect();
        all.iter().for_each(|shutdown| server.shut_down_on(shutdown));
        let receiving = tokio::spawn(async move { server.recv().await });
        settle().await;
        all[which].begin(1001, "").unwrap();
        assert_eq!(without_deadlock(client.recv()).await.unwrap(), None);
        // Too late.
        all.iter().for_each(|shutdown| shutdown.begin(1012, "").unwrap());
        assert_eq!(without_deadlock(receiving).await.unwrap().unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_leaves_before_the_close() {
    let (mut server, mut stream) = server(10, &Config::default());
    let shutdown = Shutdown::new();
    server.shut_down_on(&shutdown);
    let messages = 100;
    for number in 0..messages {
        server.try_send(vec![number; 3]).unwrap();
    }
    let receiving = tokio::spawn(async move { server.recv().await });
    settle().await;
    shutdown.begin(1001, "").unwrap();
    for number in 0..messages {
        let mut frame = [0; 5];
        without_deadlock(stream.read_exact(&mut frame)).await.unwrap();
        assert_eq!(frame, [0x82, 3, number, number, number]);
    }
    let mut close = [0; 4];
    without_deadlock(stream.read_exact(&mut close)).await.unwrap();
    assert_eq!(close, GOING_AWAY);
    stream.write_all(&answer()).await.unwrap();
    assert_eq!(without_deadlock(receiving).await.unwrap().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn both_halves_of_a_socket_learn_of_the_signal() {
    let config = Config::default().max_buffered(100);
    let (mut server, mut stream) = server(50, &config);
    let shutdown = Shutdown::new();
    server.shut_down_on(&shutdown);
    let (mut sender, mut receiver) = server.split();
    let sending = tokio::spawn(async move {
        sender.feed(vec![1; 200]).await.unwrap();
        let error = sender.feed(vec![2; 200]).await.unwrap_err();
        (sender, error)
    });
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    assert!(!sending.is_finished() && !receiving.is_finished());
    shutdown.begin(1001, "").unwrap();
    let (sender, error) = without_deadlock(sending).await.unwrap();
    assert!(matches!(error, Error::Send { error: SendError::Closed, .. }), "{error:?}");
    assert_eq!(sender.ready_state(), ReadyState::Closing);
    let mut output = vec![0; 4 + 200 + 4];
    without_deadlock(stream.read_exact(&mut output)).await.unwrap();
    assert!(output.ends_with(GOING_AWAY));
    stream.write_all(&answer()).await.unwrap();
    assert_eq!(without_deadlock(receiving).await.unwrap().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_half_that_waits_alone_closes_on_the_signal() {
    for waits_to_send in [true, false] {
        let (mut server, mut stream) = server(50, &Config::default());
        let shutdown = Shutdown::new();
        server.shut_down_on(&shutdown);
        let (mut sender, mut receiver) = server.split();
        let waiting = tokio::spawn(async move {
            if waits_to_send {
                sender.send(vec![7; 100]).await.unwrap();
            } else {
                assert_eq!(receiver.recv().await.unwrap(), None);
            }
            (sender, receiver)
        });
        settle().await;
        shutdown.begin(1001, "").unwrap();
        settle().await;
        if waits_to_send {
            stream.read_exact(&mut [0; 102]).await.unwrap();
        }
        let mut close = [0; 4];
        without_deadlock(stream.read_exact(&mut close)).await.unwrap();
        assert_eq!(close, GOING_AWAY);
        stream.write_all(&answer()).await.unwrap();
        drop(without_deadlock(waiting).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_was_split_and_joined_watches_still() {
    let (mut client, mut server) = pair(1000);
    let shutdown = Shutdown::new();
    server.shut_down_on(&shutdown);
    let (sender, receiver) = server.split();
    let mut server = sender.reunite(receiver).unwrap();
    shutdown.begin(1001, "").unwrap();
    let (served, received) = tokio::join!(server.recv(), client.recv());
    assert_eq!((served.unwrap(), received.unwrap()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_was_taken_apart_watches_no_more() {
    let (mut client, mut server) = pair(1000);
    let shutdown = Shutdown::new();
    server.shut_down_on(&shutdown);
    let (stream, driver) = server.into_parts();
    let mut server = WebSocket::from_driver(stream, driver);
    shutdown.begin(1001, "").unwrap();
    client.send("still here").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("still here".into()));
    assert_eq!(server.ready_state(), ReadyState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_closed_already_goes_on_with_that() {
    let (mut client, mut server) = pair(1000);
    let shutdown = Shutdown::new();
    server.shut_down_on(&shutdown);
    server.send_close(4000, "mine").await.unwrap();
    shutdown.begin(1001, "").unwrap();
    let (served, received) = tokio::join!(server.recv(), client.recv());
    assert_eq!((served.unwrap(), received.unwrap()), (None, None));
    assert_eq!(client.closed().unwrap().code, 4000);
    // And once more, behind the end.
    server.shut_down_on(&shutdown);
    assert_eq!(without_deadlock(server.recv()).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_sent_in_parts_ends_with_the_signal() {
    let (mut client, mut server) = pair(1000);
    let shutdown = Shutdown::new();
    server.shut_down_on(&shutdown);
    server.begin(sanswire::MessageKind::Text).unwrap();
    server.send_chunk(b"half").await.unwrap();
    shutdown.begin(1001, "").unwrap();
    let (served, received) = tokio::join!(server.recv(), client.recv());
    assert_eq!((served.unwrap(), received.unwrap()), (None, None));
    assert_eq!(client.closed().unwrap().code, CloseCode::GOING_AWAY);
    assert!(server.send_chunk(b"more").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_server_in_its_handshake_answers_with_503() {
    for asks in [false, true] {
        let (near, mut far) = duplex(1000);
        let shutdown = Shutdown::new();
        let (deciding, dropped) = oneshot::channel::<()>();
        let mut server = WebSocket::from_driver(adapt(near), Driver::server(&Config::default()));
        server.shut_down_on(&shutdown);
        let opening = tokio::spawn(async move {
            let decide = async |_: &Request| {
                let _deciding = deciding;
                pending::<()>().await;
                Ok(Acceptance::new())
            };
            server.open(decide).await
        });
        far.write_all(if asks { REQUEST } else { &REQUEST[..20] }).await.unwrap();
        settle().await;
        shutdown.begin(1001, "").unwrap();
        assert!(read_head(&mut far).await.starts_with(b"HTTP/1.1 503 "));
        if asks {
            // Nobody waits for the decision.
            assert!(without_deadlock(dropped).await.is_err());
        }
        drop(far);
        let error = without_deadlock(opening).await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Rejected { status: 503 }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_in_its_handshake_gives_up() {
    let (near, mut far) = duplex(1000);
    let request = ClientRequest::new("server.example.com", "/").unwrap();
    let driver = Driver::client(&request, &Config::default(), [7; 16], [7; 32]);
    let mut client = WebSocket::from_driver(adapt(near), driver);
    let shutdown = Shutdown::new();
    client.shut_down_on(&shutdown);
    let opening =
        tokio::spawn(async move { client.open(async |_: &Request| Ok(Acceptance::new())).await });
    read_head(&mut far).await;
    shutdown.begin(1001, "").unwrap();
    let error = without_deadlock(opening).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, Error::Handshake { error: HandshakeError::ShutDown, .. }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_was_given_up_is_continued() {
    let (near, mut far) = duplex(1000);
    let mut server = WebSocket::from_driver(adapt(near), Driver::server(&Config::default()));
    let accept = async |_: &Request| Ok(Acceptance::new());
    far.write_all(&REQUEST[..20]).await.unwrap();
    let early = pin!(server.open(accept)).poll(&mut Context::from_waker(Waker::noop()));
    assert!(early.is_pending());
    far.write_all(&REQUEST[20..]).await.unwrap();
    server.open(accept).await.unwrap();
    assert!(read_head(&mut far).await.starts_with(b"HTTP/1.1 101 "));
    // It is open already.
    server.open(accept).await.unwrap();
    far.write_all(&masked(0x81, b"hello")).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("hello".into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_still_wanted_behind_the_close_is_delivered() {
    let config = Config::default().after_close(AfterClose::Deliver);
    let (mut server, mut stream) = server(1000, &config);
    let shutdown = Shutdown::new();
    server.shut_down_on(&shutdown);
    let receiving = tokio::spawn(async move { (server.recv().await, server.recv().await) });
    settle().await;
    shutdown.begin(1001, "").unwrap();
    let mut close = [0; 4];
    without_deadlock(stream.read_exact(&mut close)).await.unwrap();
    assert_eq!(close, GOING_AWAY);
    stream.write_all(&masked(0x81, b"on its way")).await.unwrap();
    stream.write_all(&answer()).await.unwrap();
    let (received, end) = without_deadlock(receiving).await.unwrap();
    assert_eq!(received.unwrap(), Some("on its way".into()));
    assert_eq!(end.unwrap(), None);
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_task_that_waited_last_is_woken() {
    let (mut server, _stream) = server(1000, &Config::default());
    let shutdown = Shutdown::new();
    server.shut_down_on(&shutdown);
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    // Without a runtime, an adapter has no timer.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    for count in &counts {
        let waker = Waker::from(Arc::clone(count));
        assert!(pin!(server.recv()).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    shutdown.begin(1001, "").unwrap();
    assert_eq!(counts.map(|count| count.0.load(Ordering::SeqCst)), [0, 1]);
}

#[test]
fn a_wait_for_the_signal_is_dropped_or_completes() {
    let shutdown = Shutdown::new();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    let mut waits: Vec<_> = (0..3).map(|_| shutdown.begun()).collect();
    for wait in &mut waits {
        assert!(std::pin::Pin::new(wait).poll(&mut cx).is_pending());
    }
    drop(waits.pop());
    shutdown.begin(1001, "").unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
    for wait in &mut waits {
        assert_eq!(std::pin::Pin::new(wait).poll(&mut cx), Poll::Ready(()));
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_sockets_close_at_once() {
    let shutdown = Shutdown::new();
    let mut ends = Vec::new();
    for _ in 0..10_000 {
        let (mut server, stream) = server(100, &Config::default());
        server.shut_down_on(&shutdown);
        ends.push((tokio::spawn(async move { server.recv().await }), stream));
    }
    settle().await;
    shutdown.begin(1001, "").unwrap();
    for (_, stream) in &mut ends {
        let mut close = [0; 4];
        without_deadlock(stream.read_exact(&mut close)).await.unwrap();
        assert_eq!(close, GOING_AWAY);
        stream.write_all(&answer()).await.unwrap();
    }
    for (receiving, _) in ends {
        assert_eq!(without_deadlock(receiving).await.unwrap().unwrap(), None);
    }
}
