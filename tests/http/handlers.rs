//! Handlers of sockets in tasks of their own: how they end, what the peer gets, and who is told.

use core::future::Future;

use sanswire::io::hyper::UpgradeError;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{ConnectionError, Error};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::{
    Framed, Kind, REQUEST, Route, Wire, client_h2, ends, masked, served, unmasked, with,
};

/// A route with a handler, and what it reports.
fn reporting<H, R>(handle: H) -> (impl Route, UnboundedReceiver<UpgradeError>)
where
    H: Fn(WebSocket<NetStream>) -> R + Clone + Send + 'static,
    R: Future<Output = Result<(), Error>> + Send + 'static,
{
    let (told, errors) = unbounded_channel();
    let route = move |request| {
        let (told, handle) = (told.clone(), handle.clone());
        with(request, |upgrade| {
            Ok(upgrade.on_error(move |error| drop(told.send(error))).on_open(handle))
        })
    };
    (route, errors)
}

/// Expects that the handler's end closes the connection with `code`, over both versions of HTTP.
async fn closes_with<R>(route: impl Route, code: u16, said: impl Fn() -> R)
where
    R: Future<Output = ()>,
{
    let close = code.to_be_bytes();
    let mut peer = Wire(served(Kind::Auto, route.clone()));
    peer.write(REQUEST).await;
    peer.head().await;
    peer.write(masked(0x81, b"hello")).await;
    peer.expect(&unmasked(0x88, &close)).await;
    peer.write(masked(0x88, &close)).await;
    assert!(peer.rest().await.is_empty());
    said().await;
    let mut client = client_h2(served(Kind::Auto, route)).await;
    let mut peer = Framed::open(&mut client).await;
    peer.write(masked(0x81, b"hello"));
    peer.expect(&unmasked(0x88, &close)).await;
    peer.write(masked(0x88, &close));
    peer.expect_end().await;
    said().await;
}

#[tokio::test]
async fn a_handler_that_returns_closes_with_1000_and_nobody_is_told() {
    let (route, mut errors) = reporting(async |mut socket: WebSocket<NetStream>| {
        socket.recv().await?;
        Ok(())
    });
    closes_with(route, 1000, || async {}).await;
    assert!(errors.try_recv().is_err());
}

#[tokio::test]
async fn a_handler_that_drops_its_socket_first_is_no_different() {
    let (route, mut errors) = reporting(async |mut socket: WebSocket<NetStream>| {
        socket.recv().await?;
        drop(socket);
        tokio::task::yield_now().await;
        Ok(())
    });
    closes_with(route, 1000, || async {}).await;
    assert!(errors.try_recv().is_err());
}

#[tokio::test]
async fn a_socket_that_a_handler_has_handed_on_stays_open() {
    let (given, mut sockets) = unbounded_channel();
    let (route, mut errors) = reporting(move |socket: WebSocket<NetStream>| {
        given.send(socket).unwrap();
        async { Ok(()) }
    });
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(REQUEST).await;
    peer.head().await;
    let mut socket = ends(sockets.recv()).await.unwrap();
    // The handler has ended: nobody is left who tells.
    assert!(ends(errors.recv()).await.is_none());
    peer.write(masked(0x81, b"hello")).await;
    assert_eq!(ends(socket.recv()).await.unwrap().unwrap().as_text(), Some("hello"));
}

#[tokio::test]
async fn an_error_of_a_handler_closes_with_1011_and_is_told() {
    let (route, errors) = reporting(async |mut socket: WebSocket<NetStream>| {
        socket.recv().await?;
        Err(std::io::Error::other("database is down").into())
    });
    let errors = tokio::sync::Mutex::new(errors);
    closes_with(route, 1011, || async {
        let error = ends(errors.lock().await.recv()).await.unwrap();
        assert!(matches!(error, UpgradeError::Connection { .. }), "{error:?}");
        assert_eq!(error.to_string(), "/chat: transport failed: database is down");
    })
    .await;
}

#[tokio::test]
async fn a_panic_of_a_handler_closes_with_1011_and_is_told() {
    let (route, errors) = reporting(async |mut socket: WebSocket<NetStream>| {
        socket.recv().await?;
        panic!("what now\nand more")
    });
    let errors = tokio::sync::Mutex::new(errors);
    closes_with(route, 1011, || async {
        let error = ends(errors.lock().await.recv()).await.unwrap();
        let UpgradeError::Panic { message, .. } = &error else { panic!("{error:?}") };
        assert_eq!(message, "what now\nand more");
        assert_eq!(error.to_string(), "/chat: application panicked: what now");
    })
    .await;
}

#[tokio::test]
async fn a_panic_before_the_first_wait_is_no_different() {
    let (route, mut errors) = reporting(|_| -> core::future::Ready<_> { panic!("at once") });
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(REQUEST).await;
    peer.head().await;
    peer.expect(&unmasked(0x88, &1011_u16.to_be_bytes())).await;
    drop(peer);
    let error = ends(errors.recv()).await.unwrap();
    assert!(matches!(error, UpgradeError::Panic { .. }), "{error:?}");
}

#[tokio::test]
async fn what_reports_may_panic_itself() {
    let route = |request| {
        with(request, |upgrade| {
            let upgrade = upgrade.on_error(|_| panic!("no log"));
            Ok(upgrade.on_open(async |_| Err(std::io::Error::other("no").into())))
        })
    };
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(REQUEST).await;
    peer.head().await;
    peer.expect(&unmasked(0x88, &1011_u16.to_be_bytes())).await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_handler_with_an_error() {
    let (route, mut errors) = reporting(crate::support::echo_all);
    let mut peer = Wire(served(Kind::Auto, route.clone()));
    peer.write(REQUEST).await;
    peer.head().await;
    drop(peer);
    let mut client = client_h2(served(Kind::Auto, route)).await;
    let peer = Framed::open(&mut client).await;
    drop(peer);
    for _ in 0..2 {
        let error = ends(errors.recv()).await.unwrap();
        let UpgradeError::Connection { error, .. } = error else { panic!("{error:?}") };
        assert!(
            matches!(*error, Error::Connection(ConnectionError::UnexpectedEof) | Error::Io(_)),
            "{error}"
        );
    }
    // The whole connection.
    let peer = Framed::open(&mut client).await;
    drop((peer, client));
    assert!(ends(errors.recv()).await.is_some());
}
