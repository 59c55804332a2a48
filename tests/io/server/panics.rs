//! Panics of the application: each ends its own connection.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use sanswire::CloseCode;
use sanswire::handshake::{Acceptance, Request};
use sanswire::io::tokio::{NetStream, WebSocket};

use super::{Running, echo};
use crate::support::REQUEST;

/// Serves, and panics when it is told to.
async fn fragile(mut socket: WebSocket<NetStream>) -> Result<(), sanswire::Error> {
    while let Some(message) = socket.recv().await? {
        socket.feed(message.clone()).await?;
        assert_ne!(message.as_text(), Some("panic"), "as told");
    }
    Ok(())
}

#[tokio::test]
async fn a_panic_of_a_handler_closes_its_connection_with_1011() {
    let server = Running::start(|server| server.serve(fragile)).await;
    let mut other = server.connect().await;
    for _ in 0..2 {
        let mut client = server.connect().await;
        client.send("panic").await.unwrap();
        // What was queued leaves before.
        assert_eq!(client.recv().await.unwrap(), Some("panic".into()));
        assert_eq!(client.recv().await.unwrap(), None);
        assert_eq!(client.closed().unwrap().code, CloseCode::INTERNAL_ERROR);
    }
    other.send("still here").await.unwrap();
    assert_eq!(other.recv().await.unwrap(), Some("still here".into()));
    other.close(1000, "").await.unwrap();
    server.until(|stats| stats.panicked == 2 && stats.closed == 1).await;
    let errors = server.errors.take();
    assert_eq!(errors.len(), 2);
    assert!(errors.iter().all(|error| error.contains("application panicked: assertion")));
    server.stop().await;
}

#[tokio::test]
async fn a_panic_beside_half_a_message_leaves_no_half_frame() {
    let server = Running::start(|server| {
        server.serve(async |mut socket| {
            // More than the system takes at once.
            let large = vec![7; 16 << 20];
            tokio::select! {
                biased;
                sent = socket.send(large) => sent,
                () = std::future::ready(()) => panic!("while it is sent"),
            }
        })
    })
    .await;
    let mut client = server.connect().await;
    assert_eq!(client.recv().await.unwrap().unwrap().len(), 16 << 20);
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code, CloseCode::INTERNAL_ERROR);
    server.until(|stats| stats.panicked == 1).await;
    server.stop().await;
}

#[tokio::test]
async fn a_panic_with_the_halves_of_a_socket_closes_with_1011() {
    let server = Running::start(|server| {
        server.serve(async |socket| {
            let (mut sender, mut receiver) = socket.split();
            let receiving = tokio::spawn(async move {
                receiver.recv().await.unwrap();
                panic!("of a task");
            });
            sender.send("hello").await?;
            receiving.await.unwrap();
            Ok(())
        })
    })
    .await;
    let mut client = server.connect().await;
    assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
    client.send("go").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code, CloseCode::INTERNAL_ERROR);
    server.until(|stats| stats.panicked == 1).await;
    server.stop().await;
}

#[tokio::test]
async fn a_handler_that_panics_before_it_is_a_future_closes_with_1011() {
    let server = Running::start(|server| {
        server.serve(|socket| {
            assert!(socket.protocol().is_some_name(), "before the future");
            echo(socket)
        })
    })
    .await;
    let mut client = server.connect().await;
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code, CloseCode::INTERNAL_ERROR);
    server.until(|stats| stats.panicked == 1).await;
    server.stop().await;
}

trait Name {
    fn is_some_name(&self) -> bool;
}

impl Name for str {
    fn is_some_name(&self) -> bool {
        !self.is_empty()
    }
}

#[tokio::test]
async fn a_panic_of_a_decision_answers_with_500() {
    let server = Running::start(|server| {
        server.serve_with(
            async |request: Request, _| {
                assert_eq!(request.path(), "/good", "bad path");
                Ok((Acceptance::new(), ()))
            },
            async |socket, ()| echo(socket).await,
        )
    })
    .await;
    let answer = server.answer_to(REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    let mut client = server.connect_to("/good").await.unwrap();
    client.send("still here").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("still here".into()));
    server.until(|stats| stats.panicked == 1).await;
    let errors = server.errors.take();
    assert!(matches!(&*errors, [error] if error.contains("bad path")), "{errors:?}");
    client.close(1000, "").await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_panic_of_the_report_changes_nothing() {
    let server = Running::start(|server| {
        server.on_error(|error| panic!("of the report: {error}")).serve(fragile)
    })
    .await;
    let answer = server.answer_to(b"nonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let mut client = server.connect().await;
    client.send("panic").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("panic".into()));
    assert_eq!(client.recv().await.unwrap(), None);
    server.until(|stats| stats.panicked == 1 && stats.handshakes_failed == 1).await;
    server.stop().await;
}

/// A handler that holds its socket to the end, and panics when it is dropped behind that.
struct PanicsInDrop(Option<WebSocket<NetStream>>);

impl Future for PanicsInDrop {
    type Output = Result<(), sanswire::Error>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        assert!(self.0.is_none(), "of the drop");
    }
}

#[tokio::test]
async fn a_handler_that_panics_when_it_is_dropped_closes_with_1011() {
    let server = Running::start(|server| server.serve(|socket| PanicsInDrop(Some(socket)))).await;
    let mut client = server.connect().await;
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code, CloseCode::INTERNAL_ERROR);
    server.until(|stats| stats.panicked == 1).await;
    let errors = server.errors.take();
    assert!(matches!(&*errors, [error] if error.contains("of the drop")), "{errors:?}");
    server.stop().await;
}

/// Something whose first clone panics.
struct Fragile(Arc<AtomicUsize>);

impl Fragile {
    fn new() -> Self {
        Self(Arc::default())
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "of the clone");
        Self(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn a_panic_of_the_clone_of_a_handler_closes_its_connection_with_1011() {
    let captured = Fragile::new();
    let server = Running::start(|server| {
        server.serve(move |socket| {
            let _captured = captured;
            echo(socket)
        })
    })
    .await;
    let mut client = server.connect().await;
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.closed().unwrap().code, CloseCode::INTERNAL_ERROR);
    goes_on(server).await;
}

#[tokio::test]
async fn a_panic_of_the_clone_of_a_decision_answers_with_500() {
    let captured = Fragile::new();
    let server = Running::start(|server| {
        server.serve_with(
            move |_, _| {
                let _captured = captured;
                async { Ok((Acceptance::new(), ())) }
            },
            async |socket, ()| echo(socket).await,
        )
    })
    .await;
    let answer = server.answer_to(REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    goes_on(server).await;
}

/// One clone has panicked, and the next connection is served.
async fn goes_on(server: Running) {
    server.until(|stats| stats.panicked == 1).await;
    let errors = server.errors.take();
    assert!(matches!(&*errors, [error] if error.contains("of the clone")), "{errors:?}");
    let mut client = server.connect().await;
    client.send("still here").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("still here".into()));
    client.close(1000, "").await.unwrap();
    let stats = server.stop().await;
    assert_eq!((stats.panicked, stats.closed), (1, 1));
}
