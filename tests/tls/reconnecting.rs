//! The client that reconnects, over TLS.

use sanswire::Config;
use sanswire::handshake::ClientRequest;
use sanswire::io::Connector;
use sanswire::io::tokio::reconnecting::{Client, ClientEvent, Options};
use sanswire::io::tokio::{NetStream, WebSocket};
use tokio::net::TcpListener;

use crate::certificates::Authority;

#[tokio::test]
async fn it_connects_as_its_options_say() {
    let authority = Authority::new();
    let server = authority.issue("localhost").server();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let serving = tokio::spawn(async move {
        for round in ["first", "second"] {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = NetStream::accept_tls(stream, &server).await.unwrap();
            let mut socket = WebSocket::accept(stream, &Config::default()).await.unwrap();
            socket.send(round).await.unwrap();
            // Each connection breaks behind one message.
        }
    });
    let options = Options::default().connector(Connector::new().tls(authority.client()));
    let mut client = Client::new(options, move |_| {
        let request = ClientRequest::from_url(&url);
        async move { Ok(request?) }
    })
    .unwrap();
    let mut received = Vec::new();
    while received.len() < 2 {
        match client.next().await.unwrap() {
            ClientEvent::Message(message) => received.push(message.as_text().unwrap().to_owned()),
            ClientEvent::GaveUp(cause) => panic!("{cause:?}"),
            _ => {}
        }
    }
    assert_eq!(received, ["first", "second"]);
    serving.await.unwrap();
}
