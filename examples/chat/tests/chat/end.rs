//! How the program ends.

use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::page::{Page, socket};
use crate::server::Server;

#[tokio::test]
async fn sigterm_closes_every_connection_with_1001() {
    let mut server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    let mut silent = socket(&server.address).await;
    server.terminate();
    assert_eq!(ann.closed().await.code, 1001);
    while let Ok(Some(_)) = silent.recv().await {}
    assert_eq!(silent.closed().unwrap().code, 1001);
    assert!(server.wait().success());
    server.start_again();
    Page::open(&server.address, "Ann").await;
}

#[tokio::test]
async fn nobody_can_hold_up_the_end() {
    let mut server = Server::start();
    let ann = Page::open(&server.address, "Ann").await;
    // Nobody reads on this connection, nor on those of HTTP.
    let mut idle = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    server.terminate();
    assert!(server.wait().success());
    assert_eq!(idle.read(&mut [0]).await.unwrap_or(0), 0);
    drop(ann);
}
