//! What one page, one person or one address may take of what there is for all.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, sleep, timeout};

use crate::page::{PATIENCE, Page, socket};
use crate::server::Server;

#[tokio::test]
async fn who_floods_with_nonsense_is_sent_away() {
    let server = Server::start();
    let mut eve = Page::open(&server.address, "Eve").await;
    for number in 0..600 {
        eve.send(json!({"t": "nonsense", "number": number}));
    }
    let closed = eve.closed().await;
    assert_eq!(closed.code, 4104, "{closed:?}");
}

#[tokio::test]
async fn what_follows_a_refused_message_waits_for_it() {
    let server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    let say = |ann: &mut Page, number: u32| {
        let id = format!("a{number}");
        ann.send(json!({"t": "say", "room": "#lobby", "id": id, "text": "x"}));
    };
    for number in 1..=21 {
        say(&mut ann, number);
    }
    let refused = ann.wait("refused", "#lobby").await;
    assert_eq!(refused["id"], "a21");
    // Now it would be taken. But the page has sent another one before it has heard of that.
    sleep(Duration::from_millis(refused["retry"].as_u64().unwrap() + 50)).await;
    say(&mut ann, 22);
    say(&mut ann, 21);
    assert_eq!(ann.wait("refused", "#lobby").await["id"], "a22");
    let mut said = ann.wait("message", "#lobby").await;
    while said["offset"] != 21 {
        said = ann.wait("message", "#lobby").await;
    }
    assert_eq!(said["id"], "a21");
    // In other rooms it may go on.
    ann.join("#attic", Value::Null).await;
    sleep(Duration::from_millis(250)).await;
    assert_eq!(ann.say("#attic", "b1", "x").await["offset"], 1);
}

#[tokio::test]
async fn private_messages_of_many_take_up_no_rooms() {
    let server = Server::start();
    let mut bob = Page::open(&server.address, "Bob").await;
    let mut others = Vec::new();
    for number in 0..51 {
        let mut other = Page::open(&server.address, &format!("Other {number}")).await;
        other.say("@Bob", "p1", "psst").await;
        others.push(other);
    }
    bob.send(json!({"t": "join", "room": "#lobby", "since": null}));
    loop {
        let event = bob.next().await;
        assert_ne!(event["t"], "refused", "{event}");
        if event["t"] == "history" && event["room"] == "#lobby" {
            break;
        }
    }
    // And when Bob comes again.
    let mut bob = Page::open(&server.address, "Bob").await;
    for number in 0..51 {
        bob.join(&format!("@Other {number}"), Value::Null).await;
    }
    bob.join("#lobby", Value::Null).await;
}

#[tokio::test]
async fn an_address_may_claim_many_names_but_not_for_ever() {
    let server = Server::start();
    for number in 0..100 {
        Page::open(&server.address, &format!("Name {number}")).await;
    }
    let closed = Page::connect(&server.address, "One more").await.closed().await;
    assert_eq!(closed.code, 1013);
    assert!(closed.reason.contains("too many new names from this address"), "{closed:?}");
    // Names that are there may be used, and others have not noticed.
    Page::open(&server.address, "Name 7").await;
    let other = crate::page::socket_from(&server.address, "192.0.2.1").await;
    let mut other = Page::on(other, &server.address, "One more");
    assert_eq!(other.next().await["t"], "welcome");
}

#[tokio::test]
async fn an_address_may_have_many_connections_but_not_all() {
    let server = Server::start();
    let head = format!("GET /rooms/lobby/events HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut readers = Vec::new();
    let mut status = async || {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        readers.push(stream);
        String::from_utf8_lossy(&status[9..]).into_owned()
    };
    for _ in 0..256 {
        assert_eq!(status().await, "200");
    }
    assert_eq!(status().await, "429");
    let mut page = socket(&server.address).await;
    assert_eq!(page.recv().await.unwrap(), None);
    let closed = page.closed().unwrap();
    assert_eq!(closed.code, 1013);
    assert!(closed.reason.contains("too many connections from this address"), "{closed:?}");
    let other = crate::page::socket_from(&server.address, "192.0.2.1").await;
    let mut other = Page::on(other, &server.address, "Ann");
    assert_eq!(other.next().await["t"], "welcome");
    // When some are gone, there is room again.
    readers.clear();
    loop {
        let mut page = Page::connect(&server.address, "Bob").await;
        if page.is_welcome().await {
            break;
        }
    }
}

#[tokio::test]
async fn a_request_that_never_ends_is_ended() {
    let server = Server::start();
    for begun in ["", "GET /chat HT", "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "] {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{begun:?}: it stays open");
    }
}
