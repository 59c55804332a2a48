//! What a server does when there are too many: connections, handshakes, open files.
#![expect(
    clippy::disallowed_methods,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::time::Duration;

use sanswire::Error;
use sanswire::handshake::{Acceptance, HandshakeError, HeadLimits, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{LONG, Running, echo, read_all};
use crate::support::REQUEST;

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_until_there_is_a_place() {
    let server = Running::start(|server| server.max_connections(2).serve(echo)).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    let refused = server.connect_to("/").await.map(drop).unwrap_err();
    let Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers().text("Retry-After"), Some("5"));
    server.until(|stats| stats.over_limit == 1 && stats.handshakes == 0).await;
    first.close(1000, "").await.unwrap();
    server.until(|stats| stats.connections == 1).await;
    let mut third = server.connect().await;
    for client in [&mut second, &mut third] {
        client.send("hello").await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
    }
    assert_eq!(server.errors.take(), [""; 0]);
    drop((second, third));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_was_refused_takes_no_place_while_it_reads_why() {
    let server = Running::start(|server| {
        server.max_connections(1).serve_with(
            async |request: Request, _| match request.query() {
                Some(_) => Ok((Acceptance::new(), ())),
                None => Err(Response::new(401)),
            },
            async |socket, ()| echo(socket).await,
        )
    })
    .await;
    let mut refused = server.stream().await;
    refused.write_all(REQUEST).await.unwrap();
    let mut answer = [0; 13];
    refused.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401 ");
    assert_eq!(server.handle.stats().handshakes, 1);
    let mut client = server.connect_to("/?user").await.unwrap();
    client.close(1000, "").await.unwrap();
    drop(refused);
    let stats = server.stop().await;
    assert_eq!((stats.refused, stats.closed, stats.over_limit), (1, 1, 0));
}

#[tokio::test]
async fn clients_wait_while_there_are_too_many_handshakes() {
    let limits = HeadLimits::default().timeout(LONG);
    let server =
        Running::start(|server| server.max_handshakes(2).head_limits(limits).serve(echo)).await;
    let silent = [server.stream().await, server.stream().await];
    server.until(|stats| stats.handshakes == 2).await;
    let mut waiting = server.stream().await;
    waiting.write_all(REQUEST).await.unwrap();
    let early = timeout(Duration::from_millis(50), waiting.read_u8()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(server.handle.stats().accepted, 2);
    drop(silent);
    let mut answer = [0; 13];
    timeout(LONG, waiting.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101 ");
    drop(waiting);
    server.stop().await;
}

#[tokio::test]
async fn handshakes_of_one_address_beyond_the_limit_are_dropped() {
    let server = Running::start(|server| {
        server
            .max_handshakes_per_address(2)
            .head_limits(HeadLimits::default().timeout(LONG))
            .serve(echo)
    })
    .await;
    let silent = [server.stream().await, server.stream().await];
    server.until(|stats| stats.handshakes == 2).await;
    assert_eq!(server.answer_to(REQUEST).await, "");
    server.until(|stats| stats.over_limit == 1).await;
    drop(silent);
    server.until(|stats| stats.handshakes == 0).await;
    // Open connections do not count.
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(server.connect().await);
    }
    server.until(|stats| stats.connections == 5).await;
    drop(open);
    server.stop().await;
}

/// The limit of files is that of a process: a child has one of its own, from a shell.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_has_no_more_files_waits_and_goes_on() {
    use std::net::TcpStream;
    use std::process::{Command, Stdio};

    const CHILD: &str = "SANSWIRE_TEST_FEW_FILES";
    if std::env::var_os(CHILD).is_none() {
        let name = std::thread::current().name().unwrap().to_owned();
        let program = std::env::current_exe().unwrap();
        let status = Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
            .arg(program)
            .args([&name, "--exact", "--test-threads=1"])
            .env(CHILD, "1")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        return;
    }
    let server = Running::start(|server| server.serve(echo)).await;
    // Both ends are in this process. What is accepted takes the file of a client that has left.
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect(server.address) {
        clients.push(client);
        tokio::task::yield_now().await;
    }
    server.until(|stats| stats.accept_errors >= 3).await;
    let begin = std::time::Instant::now();
    let before = server.handle.stats().accept_errors;
    tokio::time::sleep(Duration::from_millis(300)).await;
    // No busy loop: each pause is twice the last one, so there is one at most in 5 ms.
    let errors = server.handle.stats().accept_errors - before;
    assert!(u128::from(errors) <= begin.elapsed().as_millis() / 5 + 1, "{errors} errors");
    let reported = server.errors.take();
    assert!(reported[0].contains("cannot accept connections for now"), "{reported:?}");
    drop(clients);
    // There is a pause of a second at most.
    let mut client = server.connect().await;
    client.send("hello").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("hello".into()));
    client.close(1000, "").await.unwrap();
    assert!(!read_all(&mut server.stream_of_request().await).await.is_empty());
    server.handle.shut_down(1001, "", Duration::ZERO).unwrap();
    server.serving.await.unwrap();
}

impl Running {
    /// Sends a request that is refused, over a bare stream.
    async fn stream_of_request(&self) -> tokio::net::TcpStream {
        let mut stream = self.stream().await;
        stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
        stream
    }
}
