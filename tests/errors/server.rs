//! A server: what it reports of its listener and of its connections.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::Server;
use sanswire::io::tokio::server::ServerError;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error};
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Builder;

use crate::table::{NOTHING, Table};

pub(crate) fn all(table: &mut Table) {
    table.group(
        "A server",
        "From `Server::on_error`. The address of the client stands in front. The server goes on.",
    );
    let [handshake, connection, panic] = reported();
    // EMFILE of Linux.
    let accept = ServerError::Accept(io::Error::from_raw_os_error(24));
    for (error, cause, told, remedy) in [
        (
            accept,
            "the system has no more files or memory",
            NOTHING,
            "raise the limit (`ulimit -n`), or set `Server::max_connections`; the server waits and tries again",
        ),
        (handshake, "a handshake fails", "400", "look at the error in it"),
        (connection, "the handler returns an error", "1011", "look at the error in it"),
        (panic, "the handler or `decide` panics", "1011", "fix the application; the others go on"),
    ] {
        table.variant("ServerError", &error, cause, told, remedy);
    }
}

/// What a server reports of three clients.
fn reported() -> [ServerError; 3] {
    let path =
        std::env::temp_dir().join(format!("sanswire-errors-{:?}", std::thread::current().id()));
    let path = path.with_extension(std::process::id().to_string());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (sender, errors) = mpsc::channel();
    runtime.block_on(async {
        let server = Server::new(UnixListener::bind(&path).unwrap());
        let server = server.on_error(move |error| sender.send(error).unwrap());
        let handle = server.handle();
        let serving = tokio::spawn(server.serve(handler));
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        while handle.stats().handshakes_failed == 0 {
            drop(stream.shutdown().await);
            tokio::task::yield_now().await;
        }
        for what in ["fail", "panic"] {
            let stream = UnixStream::connect(&path).await.unwrap();
            let request = ClientRequest::new("localhost", "/").unwrap();
            let mut client =
                WebSocket::connect_over(stream, &request, &Config::default()).await.unwrap();
            client.send(what).await.unwrap();
            assert_eq!(client.recv().await.unwrap(), None);
            assert_eq!(client.closed().unwrap().code, 1011);
        }
        handle.shut_down(1001, "", Duration::from_secs(10)).unwrap();
        serving.await.unwrap();
    });
    std::fs::remove_file(&path).unwrap();
    errors.iter().collect::<Vec<_>>().try_into().unwrap()
}

async fn handler(mut socket: WebSocket<NetStream>) -> Result<(), Error> {
    let message = socket.recv().await?.unwrap();
    assert_ne!(message.as_text(), Some("panic"), "index out of range");
    Err(io::Error::other("no database").into())
}
