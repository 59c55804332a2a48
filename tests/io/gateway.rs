//! A gateway between a client and a backend: whatever ends one connection ends the other.
//!
//! Time is paused: it leaps as soon as nobody can do anything, so a connection that is left behind
//! shows at once.
#![expect(clippy::std_instead_of_core, reason = "a test is an application")]

#[path = "../../examples/gateway.rs"]
#[expect(dead_code, reason = "the test has a main function of its own")]
mod example;

use std::time::Duration;

use sanswire::io::tokio::WebSocket;
use sanswire::{Closed, Config, Connection};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{masked, unmasked};

/// A gateway, the stream of a client and that of a backend.
fn gateway() -> (JoinHandle<()>, DuplexStream, DuplexStream) {
    let (client, near_client) = duplex(1_000);
    let (backend, near_backend) = duplex(1_000);
    let config = Config::default();
    let to_client = WebSocket::from_driver(near_client, Connection::server(&config));
    let to_backend = WebSocket::from_driver(near_backend, Connection::client(&config, [7; 32]));
    (tokio::spawn(example::forward(to_client, to_backend)), client, backend)
}

/// Receives until the end, and returns what the gateway has closed with.
async fn closed(mut socket: WebSocket<DuplexStream>) -> Option<Closed> {
    while let Ok(Some(_)) = socket.recv().await {}
    socket.closed()
}

/// How a side ends: the bytes of its last words, and the code and reason that the other side gets.
const ENDS: [(&[u8], u16, &str); 7] = [
    (b"\x03\xe8bye", 1000, "bye"),
    (b"\x03\xf3db down", 1011, "db down"),
    (b"\x03\xf5", 1013, ""),
    (b"\x03\xf2", 1010, ""),
    (b"\x0f\xa0mine", 4000, "mine"),
    (b"", 1005, ""),
    (b"\x03", 1001, ""),
];

#[tokio::test(start_paused = true)]
async fn each_side_is_closed_with_what_the_other_was_closed_with() {
    for (body, code, reason) in ENDS {
        // The client ends it; 1013 is for servers only.
        let (gateway, mut client, backend) = gateway();
        client.write_all(&masked(0x88, body)).await.unwrap();
        let backend = WebSocket::from_driver(backend, Connection::server(&Config::default()));
        let seen = timeout(Duration::from_secs(20), closed(backend)).await.unwrap().unwrap();
        let told = if code == 1013 { 1011 } else { code };
        assert_eq!((seen.code.as_u16(), &*seen.reason, seen.clean), (told, reason, true));
        drop(client);
        timeout(Duration::from_secs(20), gateway).await.expect("a connection is left").unwrap();

        // The backend does; 1010 is for clients only.
        let (gateway, client, mut backend) = self::gateway();
        backend.write_all(&unmasked(0x88, body)).await.unwrap();
        let connection = Connection::client(&Config::default(), [8; 32]);
        let client = WebSocket::from_driver(client, connection);
        let seen = timeout(Duration::from_secs(20), closed(client)).await.unwrap().unwrap();
        let told = if code == 1010 { 1011 } else { code };
        assert_eq!((seen.code.as_u16(), &*seen.reason, seen.clean), (told, reason, true));
        drop(backend);
        timeout(Duration::from_secs(20), gateway).await.expect("a connection is left").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_side_that_breaks_off_closes_the_other() {
    for ends_at_client in [true, false] {
        let (gateway, client, backend) = gateway();
        let connection = if ends_at_client {
            drop(client);
            closed(WebSocket::from_driver(backend, Connection::server(&Config::default()))).await
        } else {
            drop(backend);
            let connection = Connection::client(&Config::default(), [8; 32]);
            closed(WebSocket::from_driver(client, connection)).await
        };
        assert_eq!(connection.map(|closed| closed.code), Some(1001.into()));
        timeout(Duration::from_secs(20), gateway).await.expect("a connection is left").unwrap();
    }
}
