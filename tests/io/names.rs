//! The names of the crate beside those of others: a glob import shadows no crate, and each adapter
//! has one path.

use sanswire::*;

#[tokio::test]
async fn a_glob_import_leaves_the_tokio_crate_its_name() {
    let (near, far) = tokio::io::duplex(1024);
    let config = Config::default();
    let server = tokio::spawn(async move {
        let mut socket = io::tokio::WebSocket::accept(far, &Config::default()).await?;
        socket.send("hello").await?;
        Ok::<_, Error>(())
    });
    let request = handshake::ClientRequest::new("example.com", "/").unwrap();
    let mut socket = io::tokio::WebSocket::connect_over(near, &request, &config).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::from("hello")));
    server.await.unwrap().unwrap();
}
