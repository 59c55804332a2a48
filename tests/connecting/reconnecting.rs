//! The client that reconnects, by the same ways.

use std::time::Duration;

use sanswire::Error;
use sanswire::handshake::{Acceptance, Response};
use sanswire::io::tokio::NetStream;
use sanswire::io::tokio::reconnecting::{Cause, Client, ClientEvent, Options};
use sanswire::io::{ConnectStage, Connector, Proxy, ProxyError};
use sanswire::reconnect::{GaveUp, Policy};

use crate::request;
use crate::world::{Does, HttpProxy, Server, queue, taken};

fn client(options: Options, url: &str) -> Client<NetStream> {
    let request = request(url);
    Client::new(options, move |_| {
        let request = request.clone();
        async move { Ok(request) }
    })
    .unwrap()
}

/// Returns why the next attempt or connection ended, and how long it is until the one after.
async fn ended(client: &mut Client<NetStream>) -> (Cause, Option<Duration>) {
    loop {
        match client.next().await.unwrap() {
            ClientEvent::Disconnected { cause, delay } => return (cause, delay),
            ClientEvent::Connecting { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn echoes(client: &mut Client<NetStream>) {
    client.try_send("hello").unwrap();
    loop {
        match client.next().await.unwrap() {
            ClientEvent::Message(message) => return assert_eq!(message.as_text(), Some("hello")),
            ClientEvent::Connecting { .. } | ClientEvent::Open => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn it_goes_through_a_proxy_and_follows_redirects() {
    let server = Server::redirecting(&[("/chat", "ws://there.invalid/".into())]);
    let proxy = HttpProxy::start(Does::Forward(server.address));
    let proxy_url = format!("http://{}", proxy.address);
    let connector = Connector::new().redirects(1).proxy(Proxy::from_url(&proxy_url).unwrap());
    let mut client = client(Options::default().connector(connector), "ws://here.invalid/chat");
    echoes(&mut client).await;
    assert_eq!(taken(&proxy.heard).len(), 2);
}

#[tokio::test]
async fn what_a_proxy_or_an_option_refuses_is_judged_by_what_it_is() {
    for (answer, is_final) in [
        (&b"HTTP/1.1 407 \r\n\r\n"[..], true),
        (b"HTTP/1.1 403 \r\n\r\n", true),
        (b"garbage\r\n", true),
        (b"HTTP/1.1 502 \r\n\r\n", false),
        (b"", false),
    ] {
        let proxy = HttpProxy::start(Does::Answer(answer));
        let proxy = Proxy::from_url(&format!("http://{}", proxy.address)).unwrap();
        let options = Options::default().connector(Connector::new().proxy(proxy));
        let (cause, delay) = ended(&mut client(options, "ws://a.invalid/")).await;
        let Cause::Failed(Error::Proxy { error: ProxyError::Tunnel(_), .. }) = cause else {
            panic!("{cause:?}")
        };
        assert_eq!(delay.is_none(), is_final, "{}", String::from_utf8_lossy(answer));
    }
    let nobody = Connector::new().resolve("a.invalid", 80, []);
    let (cause, delay) =
        ended(&mut client(Options::default().connector(nobody), "ws://a.invalid/")).await;
    let Cause::Failed(Error::Connect(error)) = cause else { panic!("{cause:?}") };
    assert_eq!(error.stage, ConnectStage::LookUp);
    assert!(delay.is_some());
}

#[tokio::test]
async fn a_circle_of_redirects_is_final() {
    let server = Server::redirecting(&[("/chat", "/chat?token=secret".into())]);
    let options = Options::default().connector(Connector::new().redirects(5));
    let (cause, delay) = ended(&mut client(options, &server.url())).await;
    assert!(matches!(cause, Cause::Failed(Error::Redirect { .. })), "{cause:?}");
    assert_eq!(delay, None);
}

#[tokio::test]
async fn a_handle_ends_the_delay_at_once() {
    let answers = queue([503, 503]);
    let server = Server::deciding(move |_| match answers.lock().unwrap().pop_front() {
        Some(status) => Err(Response::new(status).header("Retry-After", "86400").unwrap()),
        None => Ok(Acceptance::new()),
    });
    let mut client = client(Options::default(), &server.url());
    let handle = client.handle();
    for _ in 0..2 {
        let (_, delay) = ended(&mut client).await;
        assert!(delay.is_some_and(|delay| delay >= Duration::from_secs(3600)), "{delay:?}");
        let handle = handle.clone();
        // While the client is driven, and waits.
        tokio::spawn(async move { handle.retry_now() });
        assert!(matches!(client.next().await, Some(ClientEvent::Connecting { .. })));
    }
    echoes(&mut client).await;
    // It has no effect on a connection.
    client.retry_now();
    echoes(&mut client).await;
}

#[tokio::test]
async fn delays_that_are_ended_count_for_the_limits() {
    let server = Server::deciding(|_| Err(Response::new(503)));
    let policy = Policy::default().max_attempts(core::num::NonZeroU32::new(3));
    let mut client = client(Options::default().policy(policy), &server.url());
    let mut attempts = 0;
    loop {
        match client.next().await.unwrap() {
            ClientEvent::Connecting { .. } => attempts += 1,
            ClientEvent::Disconnected { .. } => client.retry_now(),
            ClientEvent::GaveUp(why) => break assert_eq!(why, GaveUp::Attempts),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(attempts, 3);
    client.retry_now();
    assert!(client.next().await.is_none());
}
