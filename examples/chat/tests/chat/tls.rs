//! The chat over TLS.

use std::fs;

use sanswire::Config;
use sanswire::handshake::ClientRequest;
use sanswire::io::Connector;
use sanswire::io::tls::ClientTls;
use sanswire::io::tokio::{NetStream, WebSocket};
use serde_json::{Value, json};

use crate::page::Page;
use crate::server::Server;

#[tokio::test]
async fn the_same_is_served_over_tls() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let directory = std::env::temp_dir().join(format!("chat-tls-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.join(name));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().unwrap());
    let server = Server::with(&["--tls", certificate, key]);
    fs::remove_dir_all(&directory).unwrap();

    // One that never begins its handshake holds up nobody.
    let _idle = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    let tls = ClientTls::new().root_certificates(made.cert.pem().as_bytes()).unwrap();
    let connector = Connector::new().tls(tls);
    let request = ClientRequest::from_url(&format!("wss://{}/chat", server.address)).unwrap();
    let request = request.subprotocol("sanswire.delivery.v2").unwrap();
    let request = request.origin(&format!("https://{}", server.address)).unwrap();
    let socket = WebSocket::<NetStream>::connect_via(&connector, &request, &Config::default());
    let mut ann = Page::on(socket.await.unwrap(), &server.address, "Ann");
    assert!(ann.socket.stream().is_tls());
    assert_eq!(ann.next().await["t"], "welcome");
    ann.join("#lobby", Value::Null).await;
    assert_eq!(ann.say("#lobby", "a1", "hello").await["offset"], json!(1));
}
