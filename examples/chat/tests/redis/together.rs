//! What two servers have in common, and what is left of one that is killed.

use serde_json::{Value, json};

use crate::page::{PATIENCE, Page};
use crate::reader::Reader;
use crate::redis::Redis;

#[tokio::test]
async fn two_servers_have_one_order() {
    let redis = Redis::start();
    let [one, other] = [redis.server(), redis.server()];
    let mut ann = Reader::open(&one.address, "Ann").await;
    let mut bob = Reader::open(&other.address, "Bob").await;
    for number in 0..100 {
        ann.say(&format!("a{number}"));
        bob.say(&format!("b{number}"));
        if number % 10 == 0 {
            let [a, b] = ["a", "b"].map(|letter| format!("{letter}{number}"));
            tokio::join!(ann.see(&a), bob.see(&b));
        }
    }
    tokio::join!(ann.see_all(200), bob.see_all(200));
    assert_eq!(ann.seen, bob.seen);
    for (reader, letter) in [(&ann, 'a'), (&bob, 'b')] {
        let own: Vec<_> = reader.seen.iter().filter(|id| id.starts_with(letter)).collect();
        assert!(own.iter().enumerate().all(|(index, id)| **id == format!("{letter}{index}")));
    }
    // Whoever comes now reads the same.
    let mut cat = Page::open(&other.address, "Cat").await;
    let history = cat.join("#lobby", Value::Null).await;
    assert_eq!(history["last"], 200);
    assert_eq!(history["messages"][49]["id"], ann.seen[199].as_str());
}

#[tokio::test]
async fn private_messages_and_names_know_no_servers() {
    let redis = Redis::start();
    let [one, other] = [redis.server(), redis.server()];
    let mut ann = Page::open(&one.address, "Ann").await;
    let mut bob = Page::open(&other.address, "Bob").await;
    // Nobody has joined the room of the two.
    for number in 1..4 {
        let said = ann.say("@bob", &format!("p{number}"), "psst").await;
        assert_eq!(said["offset"], number);
        let heard = bob.wait("message", "@Ann").await;
        assert_eq!((&heard["id"], &heard["offset"]), (&said["id"], &said["offset"]));
    }
    bob.say("@Ann", "p4", "what?").await;
    assert_eq!(ann.wait("message", "@Bob").await["text"], "what?");
    // Ann's name is hers on both.
    let mut ann_elsewhere = Page::connect(&other.address, "Ann").await;
    let welcome = ann_elsewhere.next().await;
    assert_eq!(welcome["directs"], json!(["@Bob"]));
    assert_eq!(welcome["store"], "shared");
    // So is one that looks like it, with a Cyrillic letter.
    for name in ["ANN", "\u{410}nn"] {
        let mut thief = crate::page::socket(&other.address).await;
        let login = json!({"chat": 1, "name": name, "key": "x".repeat(22)});
        thief.try_send(login.to_string()).unwrap();
        while let Ok(Some(_)) = thief.recv().await {}
        assert_eq!(thief.closed().unwrap().code, 4102, "{name}");
    }
}

#[tokio::test]
async fn people_and_what_they_type_are_seen_on_all_servers() {
    let redis = Redis::start();
    let [one, other] = [redis.server(), redis.server()];
    let mut ann = Page::open(&one.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    let mut bob = Page::open(&other.address, "Bob").await;
    bob.join("#lobby", Value::Null).await;
    assert_eq!(ann.wait("joined", "#lobby").await["name"], "Bob");
    assert_eq!(ann.wait("room", "#lobby").await["people"], 2);
    let mut cat = Page::open(&one.address, "Cat").await;
    let history = cat.join("#lobby", Value::Null).await;
    assert_eq!(history["people"], json!(["Ann", "Bob", "Cat"]));
    assert_eq!(cat.join("@Bob", Value::Null).await["people"], json!(["Bob", "Cat"]));
    bob.send(json!({"t": "typing", "room": "#lobby"}));
    bob.join("#far", Value::Null).await;
    // Which of both comes first is left open. A room with nobody on this server counts, too.
    let mut has_typed = false;
    let mut is_counted = false;
    while !has_typed || !is_counted {
        let event = ann.next().await;
        has_typed |= event["t"] == "typing" && event["name"] == "Bob";
        is_counted |= event["t"] == "room" && event["room"] == "#far" && event["people"] == 1;
    }
    bob.send(json!({"t": "leave", "room": "#lobby"}));
    bob.join("#near", Value::Null).await;
    assert_eq!(ann.wait("left", "#lobby").await["name"], "Bob");
    drop(bob);
    assert_eq!(cat.wait("left", "@Bob").await["name"], "Bob");
}

#[tokio::test]
async fn the_people_of_a_killed_server_are_gone_soon_and_go_on_elsewhere() {
    let redis = Redis::start();
    let [mut one, other] = [redis.server(), redis.server()];
    let mut bob = Reader::open(&other.address, "Bob").await;
    let mut ann = Reader::open(&one.address, "Ann").await;
    while bob.take().await["t"] != "joined" {}
    ann.say("a1");
    ann.see("a1").await;
    bob.see("a1").await;
    // Of what Ann says now, nobody tells her whether it was taken.
    ann.say("a2");
    one.kill();
    bob.say("b1");
    bob.see("b1").await;
    loop {
        let event = bob.take().await;
        if event["t"] == "left" {
            assert_eq!(event["name"], "Ann");
            break;
        }
    }
    ann.move_to(&other.address, "Ann").await;
    ann.say("a1");
    ann.say("a2");
    ann.see("a2").await;
    bob.see("a2").await;
    ann.say("a3");
    ann.see("a3").await;
    bob.see("a3").await;
    assert_eq!(ann.seen, bob.seen);
    let mut ids = ann.seen.clone();
    ids.sort();
    assert_eq!(ids, ["a1", "a2", "a3", "b1"]);
    assert_eq!(ann.gaps + bob.gaps, 0);
}

#[tokio::test]
async fn events_come_from_all_servers() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let redis = Redis::start();
    let [one, other] = [redis.server(), redis.server()];
    let mut ann = Reader::open(&one.address, "Ann").await;
    ann.say("a1");
    ann.see("a1").await;
    let mut stream = tokio::net::TcpStream::connect(&other.address).await.unwrap();
    stream.write_all(b"GET /rooms/lobby/events HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    for id in ["a1", "a2"] {
        let text = format!("text of {id}");
        while !String::from_utf8_lossy(&read).contains(&text) {
            let mut buf = [0; 1024];
            let len = tokio::time::timeout(PATIENCE, stream.read(&mut buf)).await.unwrap().unwrap();
            assert!(len > 0);
            read.extend_from_slice(&buf[..len]);
        }
        if id == "a1" {
            ann.say("a2");
            ann.see("a2").await;
        }
    }
}
