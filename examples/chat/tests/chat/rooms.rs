//! What everybody in a room hears, and nobody else.

use serde_json::{Value, json};

use crate::page::Page;
use crate::server::Server;

#[tokio::test]
async fn what_one_says_all_in_the_room_hear_and_who_comes_later_reads() {
    let server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    let history = ann.join("#lobby", Value::Null).await;
    assert_eq!(history["people"], json!(["Ann"]));
    assert_eq!(history["messages"], json!([]));
    bob.join("#lobby", Value::Null).await;
    assert_eq!(ann.wait("joined", "#lobby").await["name"], "Bob");

    let said = ann.say("#lobby", "a1", "  <b>hello</b> ").await;
    assert_eq!(said["text"], "<b>hello</b>");
    assert_eq!(said["from"], "Ann");
    assert_eq!(said["offset"], 1);
    assert_eq!(bob.wait("message", "#lobby").await, said);

    let mut cat = Page::open(&server.address, "Cat").await;
    let history = cat.join("#lobby", Value::Null).await;
    assert_eq!(history["messages"][0]["text"], "<b>hello</b>");
    assert_eq!(history["last"], 1);
    assert_eq!(history["people"], json!(["Ann", "Bob", "Cat"]));
}

#[tokio::test]
async fn a_private_message_is_seen_by_the_two_only() {
    let server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    let mut bobs_phone = Page::open(&server.address, "Bob").await;
    let mut cat = Page::open(&server.address, "Cat").await;
    for page in [&mut ann, &mut bob, &mut cat] {
        page.join("#lobby", Value::Null).await;
    }
    // Nobody has joined the room of the two, and each calls it by the other.
    let said = ann.say("@bob", "p1", "psst").await;
    assert_eq!((&said["from"], &said["offset"]), (&json!("Ann"), &json!(1)));
    for page in [&mut bob, &mut bobs_phone] {
        assert_eq!(page.wait("message", "@Ann").await["text"], "psst");
    }
    bob.say("@Ann", "p2", "what?").await;
    assert_eq!(ann.wait("message", "@Bob").await["text"], "what?");
    assert_eq!(bobs_phone.wait("message", "@Ann").await["text"], "what?");

    ann.say("#lobby", "a1", "hello").await;
    let mut next = cat.next().await;
    while next["t"] == "room" || next["t"] == "joined" {
        next = cat.next().await;
    }
    assert_eq!(next["id"], "a1");
    // Cat's rooms with the two are others.
    for name in ["@Ann", "@Bob"] {
        assert_eq!(cat.join(name, Value::Null).await["messages"], json!([]));
    }
    for alias in ["@Ann|Bob", "@Bob|Ann", "#@Ann|Bob"] {
        cat.send(json!({"t": "join", "room": alias, "since": null}));
        cat.wait("refused", alias).await;
    }

    let mut bobs_tablet = Page::connect(&server.address, "Bob").await;
    let welcome = bobs_tablet.next().await;
    assert_eq!(welcome["directs"], json!(["@Ann"]));
    assert_eq!(welcome["rooms"], json!([{"room": "#lobby", "people": 3}]));
    let history = bobs_tablet.join("@Ann", Value::Null).await;
    assert_eq!(history["messages"][1]["text"], "what?");
    assert_eq!(history["people"], json!(["Ann", "Bob"]));
}

#[tokio::test]
async fn who_loses_the_connection_is_seen_leaving_unless_it_comes_back() {
    let server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    let mut cat = Page::open(&server.address, "Cat").await;
    ann.join("#lobby", Value::Null).await;
    ann.join("@Bob", Value::Null).await;
    bob.join("#lobby", Value::Null).await;
    cat.join("#lobby", Value::Null).await;
    assert_eq!(ann.wait("joined", "#lobby").await["name"], "Bob");
    assert_eq!(ann.wait("joined", "#lobby").await["name"], "Cat");
    // Bob's connection breaks, and he is back at once. Then Cat is gone for good.
    drop(bob.reconnect().await);
    bob.say("#lobby", "b1", "back").await;
    drop(cat);
    assert_eq!(ann.wait("left", "#lobby").await["name"], "Cat");
    drop(bob);
    assert_eq!(ann.wait("left", "#lobby").await["name"], "Bob");
    assert_eq!(ann.wait("left", "@Bob").await["name"], "Bob");
    assert_eq!(ann.wait("room", "#lobby").await["people"], 1);
    let bob = Page::open(&server.address, "Bob").await;
    assert_eq!(ann.wait("joined", "@Bob").await["name"], "Bob");
    drop(bob);
    assert_eq!(ann.wait("left", "@Bob").await["name"], "Bob");
}

#[tokio::test]
async fn a_person_with_two_pages_comes_with_the_first_and_leaves_with_the_last() {
    let server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    let mut pages = Vec::new();
    for name in ["Bob", "Bob", "Cat"] {
        let mut page = Page::open(&server.address, name).await;
        page.join("#lobby", Value::Null).await;
        pages.push(page);
    }
    let [bob, bobs_phone, cat] = pages.try_into().ok().unwrap();
    let mut heard = Vec::new();
    let mut hear = async |ann: &mut Page, last: &str| {
        while heard.last().is_none_or(|heard| heard != last) {
            let event = ann.next().await;
            if event["t"] == "joined" || event["t"] == "left" {
                let [kind, name] = ["t", "name"].map(|key| event[key].as_str().unwrap().to_owned());
                heard.push(format!("{name} {kind}"));
            }
        }
        heard.clone()
    };
    hear(&mut ann, "Cat joined").await;
    drop(bob);
    // The end of a connection is noticed in its order: Bob's page is gone for longer than Cat.
    ann.say("#lobby", "a1", "hello").await;
    drop(cat);
    assert_eq!(hear(&mut ann, "Cat left").await, ["Bob joined", "Cat joined", "Cat left"]);
    drop(bobs_phone);
    assert_eq!(hear(&mut ann, "Bob left").await.len(), 4);
}

#[tokio::test]
async fn typing_is_passed_on_once_a_second() {
    let server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    ann.join("#lobby", Value::Null).await;
    bob.join("#lobby", Value::Null).await;
    for room in ["#lobby", "#lobby", "#lobby", "#elsewhere"] {
        ann.send(json!({"t": "typing", "room": room}));
    }
    ann.say("#lobby", "a1", "hello").await;
    let mut typing = 0;
    loop {
        let event = bob.next().await;
        match event["t"].as_str().unwrap() {
            "typing" => {
                assert_eq!((&event["room"], &event["name"]), (&json!("#lobby"), &json!("Ann")));
                typing += 1;
            }
            "message" => break,
            _ => {}
        }
    }
    assert_eq!(typing, 1);
    ann.send(json!({"t": "ping", "at": 12.5}));
    assert_eq!(ann.wait("pong", "").await["at"], 12.5);
}

#[tokio::test]
async fn a_session_moves_to_the_newest_connection_and_loses_nothing() {
    let server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    ann.join("#lobby", Value::Null).await;
    bob.join("#lobby", Value::Null).await;
    for number in 0..5 {
        ann.say("#lobby", &format!("a{number}"), "before").await;
    }
    // Nothing of that was read when Bob comes on another connection. The old one still stands.
    let mut old = bob.reconnect().await;
    for number in 0..5 {
        let said = ann.say("#lobby", &format!("b{number}"), "after").await;
        assert_eq!(said["offset"], number + 6);
    }
    for offset in 1..=10 {
        assert_eq!(bob.wait("message", "#lobby").await["offset"], offset);
    }
    while let Ok(Some(_)) = old.recv().await {}
    assert_eq!(old.closed().unwrap().code, 1001);
}

#[tokio::test]
async fn a_long_history_comes_in_chunks_and_what_is_gone_is_said() {
    let server = Server::with(&["--history", "250", "--rate", "1000"]);
    let mut ann = Page::open(&server.address, "Ann").await;
    let epoch = ann.join("#lobby", Value::Null).await["epoch"].clone();
    for number in 1..=300 {
        ann.say("#lobby", &format!("a{number}"), "x").await;
    }
    let mut bob = Page::open(&server.address, "Bob").await;
    let newest = bob.join("#lobby", Value::Null).await;
    assert_eq!((offsets(&newest), &newest["gap"]), ((251..=300).collect(), &Value::Null));
    assert_eq!(newest["more"], Value::Null);

    let mut history = bob.join("#lobby", json!({"epoch": epoch, "offset": 10})).await;
    assert_eq!(history["gap"], json!({"missed": 40}));
    let mut read = offsets(&history);
    assert_eq!(read.len(), 100);
    while history["more"] == true {
        history = bob.wait("history", "#lobby").await;
        assert_eq!((&history["gap"], &history["last"]), (&Value::Null, &json!(300)));
        read.extend(offsets(&history));
    }
    assert_eq!(read, (51..=300).collect::<Vec<_>>());

    let nothing = bob.join("#lobby", json!({"epoch": epoch, "offset": 300})).await;
    assert_eq!((offsets(&nothing), &nothing["gap"]), (vec![], &Value::Null));
    for since in [json!({"epoch": epoch, "offset": 301}), json!({"epoch": "x", "offset": 10})] {
        let other = bob.join("#lobby", since).await;
        assert_eq!(other["gap"], json!({"epoch": true}));
        assert_eq!(offsets(&other), (251..=300).collect::<Vec<_>>());
    }
    assert_eq!(ann.say("#lobby", "last", "x").await["offset"], 301);
    assert_eq!(bob.wait("message", "#lobby").await["offset"], 301);
}

/// Returns the offsets of the messages of a history.
pub(crate) fn offsets(history: &Value) -> Vec<u64> {
    let messages = history["messages"].as_array().unwrap();
    messages.iter().map(|message| message["offset"].as_u64().unwrap()).collect()
}
