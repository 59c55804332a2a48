//! A shutdown of a server that has no accept loop of this crate: its sockets are closed and waited
//! for.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use sanswire::io::poll::Shutdown;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

use crate::support::{
    Framed, Kind, REQUEST, Route, Wire, client_h2, connect_request, ends, handing_out, masked,
    pipe, serve, served, unmasked, with,
};

const GOING_AWAY: [u8; 2] = 1001_u16.to_be_bytes();

fn echoing(shutdown: &Shutdown) -> impl Route {
    let shutdown = shutdown.clone();
    move |request| {
        with(request, |upgrade| {
            Ok(upgrade.shut_down_on(&shutdown).on_open(crate::support::echo_all))
        })
    }
}

/// Polls once.
async fn is_ready(future: impl Future<Output = ()> + Unpin) -> bool {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}

#[tokio::test]
async fn sockets_over_both_versions_are_closed_and_waited_for() {
    let shutdown = Shutdown::new();
    let route = echoing(&shutdown);
    let mut one = Wire(served(Kind::Auto, route.clone()));
    one.write(REQUEST).await;
    one.head().await;
    let mut client = client_h2(served(Kind::Auto, route)).await;
    let mut two = Framed::open(&mut client).await;
    two.write(masked(0x81, b"hello"));
    two.expect(&unmasked(0x81, b"hello")).await;
    shutdown.begin(1001, "").unwrap();
    one.expect(&unmasked(0x88, &GOING_AWAY)).await;
    two.expect(&unmasked(0x88, &GOING_AWAY)).await;
    assert!(!is_ready(shutdown.ended()).await);
    one.write(masked(0x88, &GOING_AWAY)).await;
    assert!(one.rest().await.is_empty());
    assert!(!is_ready(shutdown.ended()).await);
    two.write(masked(0x88, &GOING_AWAY));
    two.expect_end().await;
    ends(shutdown.ended()).await;
}

#[tokio::test]
async fn a_handler_that_goes_on_after_its_socket_is_waited_for() {
    let shutdown = Shutdown::new();
    let (release, released) = oneshot::channel::<()>();
    let released = std::sync::Arc::new(std::sync::Mutex::new(Some(released)));
    let (gone, mut is_gone) = unbounded_channel();
    let route = {
        let shutdown = shutdown.clone();
        move |request| {
            let (gone, released) = (gone.clone(), released.lock().unwrap().take().unwrap());
            with(request, |upgrade| {
                Ok(upgrade.shut_down_on(&shutdown).on_open(async move |mut socket| {
                    while socket.recv().await?.is_some() {}
                    drop(socket);
                    gone.send(()).unwrap();
                    released.await.unwrap();
                    Ok(())
                }))
            })
        }
    };
    let mut peer = Wire(served(Kind::Auto, route));
    peer.write(REQUEST).await;
    peer.head().await;
    shutdown.begin(1001, "").unwrap();
    peer.expect(&unmasked(0x88, &GOING_AWAY)).await;
    peer.write(masked(0x88, &GOING_AWAY)).await;
    ends(is_gone.recv()).await.unwrap();
    assert!(!is_ready(shutdown.ended()).await);
    release.send(()).unwrap();
    ends(shutdown.ended()).await;
}

#[tokio::test]
async fn a_request_that_is_accepted_counts_before_its_socket_comes() {
    for handles in [true, false] {
        let shutdown = Shutdown::new();
        let (client, server) = pipe();
        let (accepted, mut is_accepted) = unbounded_channel();
        let ended = shutdown.ended();
        let route = {
            let shutdown = shutdown.clone();
            move |request| {
                let accepted = accepted.clone();
                with(request, |upgrade| {
                    let upgrade = upgrade.shut_down_on(&shutdown);
                    let response = if handles {
                        upgrade.on_open(crate::support::echo_all)
                    } else {
                        let (response, upgrade) = upgrade.accept()?;
                        tokio::spawn(async move { crate::support::echo_all(upgrade.await?).await });
                        response
                    };
                    // Neither the response has left, nor has the task begun.
                    shutdown.begin(1001, "").unwrap();
                    accepted.send(()).unwrap();
                    Ok(response)
                })
            }
        };
        serve(server, Kind::Auto, route);
        let mut peer = Wire(client);
        peer.write(REQUEST).await;
        ends(is_accepted.recv()).await.unwrap();
        let mut ended = pin!(ended);
        assert!(!is_ready(ended.as_mut()).await);
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
        peer.expect(&unmasked(0x88, &GOING_AWAY)).await;
        assert!(!is_ready(ended.as_mut()).await);
        peer.write(masked(0x88, &GOING_AWAY)).await;
        assert!(peer.rest().await.is_empty());
        ends(ended).await;
    }
}

#[tokio::test]
async fn a_socket_that_never_comes_is_waited_for_no_longer() {
    let shutdown = Shutdown::new();
    let mut peer = Wire(served(Kind::Http1WithoutUpgrades, {
        let shutdown = shutdown.clone();
        move |request| {
            with(request, |upgrade| {
                let upgrade = upgrade.on_error(drop).shut_down_on(&shutdown);
                Ok(upgrade.on_open(crate::support::echo_all))
            })
        }
    }));
    peer.write(REQUEST).await;
    peer.head().await;
    shutdown.begin(1001, "").unwrap();
    ends(shutdown.ended()).await;
}

#[tokio::test]
async fn one_that_is_accepted_after_the_begin_is_closed_at_once() {
    let shutdown = Shutdown::new();
    shutdown.begin(1012, "restart").unwrap();
    ends(shutdown.ended()).await;
    let mut client = client_h2(served(Kind::Auto, echoing(&shutdown))).await;
    let (response, send) = client.send_request(connect_request(), false).unwrap();
    let mut peer = Framed::of(response, send).await;
    peer.expect(&unmasked(0x88, b"\x03\xf4restart")).await;
    assert!(!is_ready(shutdown.ended()).await);
    peer.write(masked(0x88, &1012_u16.to_be_bytes()));
    peer.expect_end().await;
    ends(shutdown.ended()).await;
}

#[tokio::test]
async fn the_halves_of_a_split_socket_are_waited_for_and_its_parts_are_not() {
    let shutdown = Shutdown::new();
    let (route, mut sockets) = {
        let shutdown = shutdown.clone();
        handing_out(move |upgrade| Ok(upgrade.shut_down_on(&shutdown)))
    };
    let mut client = client_h2(served(Kind::Auto, route)).await;
    let peers = [Framed::open(&mut client).await, Framed::open(&mut client).await];
    let (sender, receiver) = ends(sockets.recv()).await.unwrap().unwrap().split();
    let other = ends(sockets.recv()).await.unwrap().unwrap();
    shutdown.begin(1001, "").unwrap();
    let parts = other.into_parts();
    assert!(!is_ready(shutdown.ended()).await);
    drop(sender);
    assert!(!is_ready(shutdown.ended()).await);
    drop(receiver);
    ends(shutdown.ended()).await;
    drop((parts, peers));
}
