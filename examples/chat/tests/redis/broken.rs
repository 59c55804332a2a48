//! Data in Redis that no server has written so: what is broken costs only what depends on it.

use serde_json::{Value, json};

use crate::page::Page;
use crate::reader::Reader;
use crate::redis::Redis;

#[tokio::test]
async fn a_room_of_another_kind_is_refused_and_breaks_nothing_else() {
    let redis = Redis::start();
    redis.command("SET chat:room:#broken x");
    let server = redis.server();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    ann.send(json!({"t": "join", "room": "#broken", "since": null}));
    let refused = ann.wait("refused", "#broken").await;
    assert!(refused["why"].as_str().unwrap().contains("broken"), "{refused}");
    ann.send(json!({"t": "say", "room": "#broken", "id": "b1", "text": "x"}));
    assert_eq!(ann.wait("refused", "#broken").await["id"], "b1");
    for number in 1..=3 {
        assert_eq!(ann.say("#lobby", &format!("a{number}"), "x").await["offset"], number);
    }
    // Also if it becomes so later.
    redis.command("DEL chat:room:#lobby");
    redis.command("SET chat:room:#lobby x");
    while ann.wait("refused", "#lobby").await["why"] != refused["why"] {}
    ann.join("#attic", Value::Null).await;
    assert_eq!(ann.say("#attic", "c1", "x").await["offset"], 1);
}

#[tokio::test]
async fn a_room_that_is_trimmed_beneath_its_readers_is_a_gap_and_goes_on() {
    let redis = Redis::start();
    let server = redis.server();
    let mut ann = Page::open(&server.address, "Ann").await;
    let epoch = ann.join("#lobby", Value::Null).await["epoch"].clone();
    for number in 1..=3 {
        ann.say("#lobby", &format!("a{number}"), "x").await;
    }
    redis.command("XTRIM chat:room:#lobby MAXLEN 0");
    let mut bob = Page::open(&server.address, "Bob").await;
    let history = bob.join("#lobby", json!({"epoch": epoch, "offset": 1})).await;
    assert_eq!((&history["gap"], &history["last"]), (&json!({"missed": 2}), &json!(3)));
    assert_eq!(ann.say("#lobby", "a4", "x").await["offset"], 4);
    assert_eq!(bob.wait("message", "#lobby").await["offset"], 4);
    // A hole in the middle is told, too.
    for number in 5..=6 {
        ann.say("#lobby", &format!("a{number}"), "x").await;
    }
    redis.command("XDEL chat:room:#lobby 5");
    let mut cat = Page::open(&server.address, "Cat").await;
    let history = cat.join("#lobby", json!({"epoch": epoch, "offset": 3})).await;
    assert_eq!((offsets(&history), &history["more"]), (vec![4], &json!(true)));
    let history = cat.wait("history", "#lobby").await;
    assert_eq!((offsets(&history), &history["gap"]), (vec![6], &json!({"missed": 1})));
}

fn offsets(history: &Value) -> Vec<u64> {
    let messages = history["messages"].as_array().unwrap();
    messages.iter().map(|message| message["offset"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_redis_that_has_lost_its_newest_messages_goes_on_with_private_ones() {
    let mut redis = Redis::with(&["--save", "", "--appendonly", "no", "--dbfilename", "dump.rdb"]);
    let server = redis.server();
    let mut ann = Reader::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    ann.page.say("@Bob", "p1", "psst").await;
    bob.wait("message", "@Ann").await;
    // Both close the conversation: only its sign is left, which is heard again later.
    for (page, room) in [(&mut ann.page, "@Bob"), (&mut bob, "@Ann")] {
        page.send(json!({"t": "leave", "room": room}));
        page.send(json!({"t": "ping", "at": 1}));
        page.wait("pong", "").await;
    }
    ann.say("a1");
    ann.see("a1").await;
    redis.command("SAVE");
    ann.say("a2");
    ann.see("a2").await;
    redis.kill();
    ann.see_store("alone").await;
    redis.start_again();
    ann.see_store("shared").await;
    // Meanwhile the old signs are heard again. The server must not take them for another log.
    for number in 3..=20 {
        let id = format!("a{number}");
        ann.say(&id);
        while ann.seen.last() != Some(&id) {
            let event = ann.take().await;
            assert_ne!(event["state"], "alone", "{event}");
        }
    }
    assert_eq!(ann.page.say("@Bob", "p2", "psst").await["offset"], 2);
    while bob.wait("message", "@Ann").await["id"] != "p2" {}
}

#[tokio::test]
async fn signs_that_make_no_sense_are_not_heard() {
    let redis = Redis::start();
    let server = redis.server();
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    ann.say("@Bob", "p1", "psst").await;
    bob.wait("message", "@Ann").await;
    for sign in
        ["direct @Ann|Bob offset 0", "direct @Ann|Bob offset -1", "direct x", "typing #lobby"]
    {
        redis.command(&format!("XADD chat:signs * {sign}"));
    }
    redis.command("XADD chat:room:#lobby 0-1 from x id y text z at 0 epoch w");
    ann.join("#lobby", Value::Null).await;
    ann.say("#lobby", "a1", "x").await;
    ann.say("@Bob", "p2", "psst").await;
    while bob.wait("message", "@Ann").await["id"] != "p2" {}
}
