//! A server of hyper, and clients over hyper.

use core::convert::Infallible;

use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sanswire::Config;
use sanswire::handshake::ClientRequest;
use sanswire::io::hyper::{WebSocketUpgrade, connect_http1, connect_http2};
use tokio::net::{TcpListener, TcpStream};

async fn route(
    mut request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    Ok(match WebSocketUpgrade::new(&mut request) {
        Ok(upgrade) => upgrade.on_open(async |mut socket| {
            while let Some(message) = socket.recv().await? {
                socket.send(message).await?;
            }
            Ok(())
        }),
        Err(rejection) => rejection.into(),
    })
}

#[tokio::test]
async fn smoke() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut builder = auto::Builder::new(TokioExecutor::new());
                builder.http2().enable_connect_protocol();
                let io = TokioIo::new(stream);
                let _ = builder.serve_connection_with_upgrades(io, service_fn(route)).await;
            });
        }
    });
    let request = ClientRequest::new(&address.to_string(), "/").unwrap();
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut send, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(io).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let config = Config::default();
    let mut socket =
        connect_http1(&request, &config, |request| send.send_request(request)).await.unwrap();
    assert!(socket.stream().tcp().is_some());
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    socket.close(1000, "").await.unwrap();

    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut send, connection) =
        hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), io)
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut socket =
        connect_http2(&request, &config, |request| send.send_request(request)).await.unwrap();
    assert!(socket.stream().tcp().is_none());
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    socket.close(1000, "").await.unwrap();
}
