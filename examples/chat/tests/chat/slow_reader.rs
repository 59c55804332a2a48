//! A page that does not read: it holds up nobody, costs little, and is told what it has missed.

use serde_json::{Value, json};

use crate::page::Page;
use crate::rooms::offsets;
use crate::server::Server;

#[tokio::test]
async fn who_reads_too_slowly_is_told_so_and_reads_the_rest_from_the_log() {
    let server = Server::with(&["--rate", "1000"]);
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    let mut slow = Page::open(&server.address, "Slow").await;
    for page in [&mut ann, &mut bob, &mut slow] {
        page.join("#lobby", Value::Null).await;
    }
    // A message of 8 KB each: what a session keeps is soon full.
    let text = "🦀".repeat(2000);
    for number in 1..=100 {
        let said = ann.say("#lobby", &format!("a{number}"), &text).await;
        assert_eq!(bob.wait("message", "#lobby").await, said);
    }
    let mut read = Vec::new();
    let missed = loop {
        let event = slow.next().await;
        match event["t"].as_str().unwrap() {
            "message" => read.push(event["offset"].as_u64().unwrap()),
            "missed" => break event["count"].as_u64().unwrap(),
            _ => {}
        }
    };
    assert_eq!(missed + read.len() as u64, 100);
    loop {
        let history = slow.wait("history", "#lobby").await;
        assert_eq!(history["gap"], Value::Null);
        assert_eq!(history["people"], json!(["Ann", "Bob", "Slow"]));
        read.extend(offsets(&history));
        if history["more"] != true {
            break;
        }
    }
    assert_eq!(read, (1..=100).collect::<Vec<_>>());
    // From here on it hears everything at once again.
    ann.say("#lobby", "last", "hello").await;
    assert_eq!(slow.wait("message", "#lobby").await["id"], "last");
}

#[tokio::test]
async fn what_is_gone_before_it_could_be_read_is_a_gap() {
    let server = Server::with(&["--rate", "1000", "--history", "10"]);
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut slow = Page::open(&server.address, "Slow").await;
    ann.join("#lobby", Value::Null).await;
    slow.join("#lobby", Value::Null).await;
    let text = "🦀".repeat(2000);
    for number in 1..=100 {
        ann.say("#lobby", &format!("a{number}"), &text).await;
    }
    let mut heard = 0;
    let missed = loop {
        let event = slow.next().await;
        match event["t"].as_str().unwrap() {
            "message" => heard += 1,
            "missed" => break event["count"].as_u64().unwrap(),
            _ => {}
        }
    };
    let mut history = slow.wait("history", "#lobby").await;
    assert_eq!(history["gap"], json!({"missed": missed - 10}));
    let mut read = offsets(&history);
    while history["more"] == true {
        history = slow.wait("history", "#lobby").await;
        read.extend(offsets(&history));
    }
    assert_eq!((heard + missed, read), (100, (91..=100).collect()));
}

#[tokio::test]
async fn who_was_away_hears_of_everybody_who_came_meanwhile() {
    let server = Server::with(&["--rate", "1000"]);
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut slow = Page::open(&server.address, "Slow").await;
    ann.join("#lobby", Value::Null).await;
    slow.join("#lobby", Value::Null).await;
    for number in 1..=500 {
        ann.say("#lobby", &format!("a{number}"), "x").await;
    }
    // There is no room to tell of that.
    let mut bob = Page::open(&server.address, "Bob").await;
    bob.join("#lobby", Value::Null).await;
    bob.join("#new", Value::Null).await;
    bob.wait("room", "#new").await;
    slow.wait("missed", "#lobby").await;
    let history = slow.wait("history", "#lobby").await;
    assert_eq!(history["people"], json!(["Ann", "Bob", "Slow"]));
}
