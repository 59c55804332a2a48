//! Live prices: the newest for everybody, however slow.

use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Message};
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::page::PATIENCE;
use crate::server::Server;

async fn tick(socket: &mut WebSocket<NetStream>) -> Value {
    let received = timeout(PATIENCE, socket.recv()).await.expect("a tick").unwrap();
    serde_json::from_str(received.unwrap().as_text().unwrap()).unwrap()
}

fn request(address: &str) -> ClientRequest {
    let request = ClientRequest::from_url(&format!("ws://{address}/prices/live")).unwrap();
    request.origin(&format!("http://{address}")).unwrap()
}

async fn open(address: &str) -> WebSocket<NetStream> {
    WebSocket::connect_with(&request(address), &Config::default()).await.unwrap()
}

#[tokio::test]
async fn every_reader_gets_the_same_ticks() {
    let server = Server::start();
    let (mut one, mut other) = (open(&server.address).await, open(&server.address).await);
    let (mut first, mut second) = (tick(&mut one).await, tick(&mut other).await);
    assert_eq!(first["prices"].as_array().unwrap().len(), 10);
    while first["tick"].as_u64() < second["tick"].as_u64() {
        first = tick(&mut one).await;
    }
    while second["tick"].as_u64() < first["tick"].as_u64() {
        second = tick(&mut other).await;
    }
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_slow_reader_skips_to_the_newest() {
    let server = Server::start();
    let mut fast = open(&server.address).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(server.address.parse().unwrap()).await.unwrap();
    let request = request(&server.address);
    let slow = WebSocket::<NetStream>::connect_over(stream.into(), &request, &Config::default());
    let mut slow = slow.await.unwrap();
    let first = tick(&mut slow).await["tick"].as_u64().unwrap();
    // More ticks than the kernel keeps for one who does not read.
    let mut newest = 0;
    while newest < first + 150 {
        newest = tick(&mut fast).await["tick"].as_u64().unwrap();
    }
    let mut last = first;
    let mut read = 0;
    while last < newest {
        last = tick(&mut slow).await["tick"].as_u64().unwrap();
        read += 1;
    }
    assert!(read < 145, "{read} ticks of {} were read", newest - first);
}

#[tokio::test]
async fn prices_are_read_only() {
    let server = Server::start();
    let mut other = open(&server.address).await;
    for message in [Message::from("buy"), Message::from(vec![1])] {
        let mut socket = open(&server.address).await;
        socket.send(message).await.unwrap();
        while socket.recv().await.unwrap().is_some() {}
        let closed = socket.closed().unwrap();
        assert_eq!((closed.code.as_u16(), &*closed.reason), (1008, "prices are read-only"));
    }
    tick(&mut other).await;
}
