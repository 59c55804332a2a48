//! The chat room of the examples over real sockets, with one member who does not read.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../examples/room_server.rs"]
#[expect(dead_code, reason = "the test has a main function of its own")]
mod room_server;

use core::net::SocketAddr;

use sanswire::Config;
use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::Server;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{Adapted, WebSocket, adapt};

/// A new member of the room, greeted.
async fn member(room: SocketAddr) -> WebSocket<Adapted<TcpStream>> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let stream = socket.connect(room).await.unwrap();
    let request = ClientRequest::new("room.example.com", "/").unwrap();
    let mut socket =
        WebSocket::connect_over(adapt(stream), &request, &Config::default()).await.unwrap();
    assert!(line(&mut socket).await.starts_with("you are number"));
    socket
}

async fn line(socket: &mut WebSocket<Adapted<TcpStream>>) -> String {
    socket.recv().await.unwrap().unwrap().as_text().unwrap().to_owned()
}

#[tokio::test]
async fn who_does_not_read_holds_up_nobody_and_is_told_how_much_was_missed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let room = listener.local_addr().unwrap();
    let server = tokio::spawn(room_server::serve(Server::new(listener)));
    let mut slow = member(room).await;
    let mut speaker = member(room).await;
    let mut others = [member(room).await, member(room).await];

    // Much more than the sockets hold.
    let said = |i: usize| format!("{i} {}", "x".repeat(20_000));
    for i in 0..LINES {
        speaker.send(said(i)).await.unwrap();
        assert!(line(&mut speaker).await == format!("2: {}", said(i)));
        for other in &mut others {
            assert!(line(other).await == format!("2: {}", said(i)));
        }
    }

    // The slow one gets the first lines, perhaps some later ones, and how many there were besides.
    let (mut read, mut missed, mut next) = (0, 0, 0);
    while read + missed < LINES {
        let line = line(&mut slow).await;
        if let Some(count) = line.strip_suffix(" lines missed") {
            missed += count.parse::<usize>().unwrap();
            continue;
        }
        let at = (next..LINES).find(|i| line == format!("2: {}", said(*i)));
        next = at.unwrap() + 1;
        read += 1;
    }
    assert_eq!(read + missed, LINES);
    assert!(read < LINES / 2, "{read} lines were kept");

    // And from then on what all get.
    speaker.send("hello").await.unwrap();
    assert_eq!(line(&mut slow).await, "2: hello");
    slow.close(1000, "").await.unwrap();
    server.abort();
}

const LINES: usize = 1_000;
