//! Redis is away for a while: rooms go on, and nothing is lost that is not declared lost.

use serde_json::{Value, json};

use crate::page::Page;
use crate::reader::Reader;
use crate::redis::Redis;
use crate::server::Server;

/// Ann and Bob on a server each, who both have seen the message `a1`.
async fn two_servers(redis: &Redis) -> [(Reader, Server); 2] {
    let [one, other] = [redis.server(), redis.server()];
    let mut ann = Reader::open(&one.address, "Ann").await;
    let mut bob = Reader::open(&other.address, "Bob").await;
    ann.say("a1");
    ann.see("a1").await;
    bob.see("a1").await;
    [(ann, one), (bob, other)]
}

/// Both say something while Redis is away, and again when it is back.
async fn talk_across(ann: &mut Reader, bob: &mut Reader, back: impl FnOnce()) {
    bob.see_store("alone").await;
    for id in ["a2", "a3"] {
        ann.say(id);
        ann.see_waiting(id).await;
    }
    bob.say("b2");
    bob.see_waiting("b2").await;
    back();
    for reader in [&mut *ann, &mut *bob] {
        reader.see_store("shared").await;
    }
    ann.say("a4");
    for id in ["a2", "a3", "b2", "a4"] {
        ann.see(id).await;
        bob.see(id).await;
    }
    // Each is alone: what the other says is heard from the log only.
    assert_eq!(
        (&ann.shown[..], &bob.shown[..]),
        (&["a2".into(), "a3".into()][..], &["b2".into()][..])
    );
    // A page that reads up to here has heard everything that came before.
    for reader in [ann, bob] {
        reader.see("a4").await;
        let own: Vec<_> = reader.seen.iter().filter(|id| id.starts_with('a')).collect();
        assert!(own.is_sorted(), "{own:?}");
    }
}

#[tokio::test]
async fn what_is_said_while_redis_does_not_answer_comes_when_it_does() {
    let redis = Redis::start();
    let [(mut ann, _one), (mut bob, _other)] = two_servers(&redis).await;
    // Bob is known to Ann's server.
    ann.page.join("@Bob", Value::Null).await;
    redis.pause();
    ann.see_store("alone").await;
    assert_eq!(ann.page.say("@Bob", "p1", "psst").await["offset"], Value::Null);
    talk_across(&mut ann, &mut bob, || redis.go_on()).await;
    while bob.elsewhere.is_empty() {
        bob.take().await;
    }
    assert_eq!(bob.elsewhere, ["p1"]);
    assert_eq!(ann.seen, bob.seen);
    let mut ids = ann.seen.clone();
    ids.sort();
    assert_eq!(ids, ["a1", "a2", "a3", "a4", "b2"]);
    assert_eq!(ann.gaps + bob.gaps, 0);
}

#[tokio::test]
async fn a_redis_that_is_killed_and_has_kept_all_is_gone_on_with() {
    let mut redis = Redis::with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
    let [(mut ann, _one), (mut bob, _other)] = two_servers(&redis).await;
    redis.kill();
    ann.see_store("alone").await;
    talk_across(&mut ann, &mut bob, || redis.start_again()).await;
    assert_eq!(ann.seen, bob.seen);
    assert_eq!(ann.seen.len(), 5);
    assert_eq!(ann.gaps + bob.gaps, 0);
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_a_gap() {
    let mut redis = Redis::start();
    let [(mut ann, one), (mut bob, _other)] = two_servers(&redis).await;
    redis.kill();
    ann.see_store("alone").await;
    talk_across(&mut ann, &mut bob, || redis.start_again()).await;
    assert_eq!(ann.seen, bob.seen);
    let mut ids = ann.seen.clone();
    ids.sort();
    assert_eq!(ids, ["a2", "a3", "a4", "b2"]);
    assert!(ann.gaps == 1 && bob.gaps == 1, "{} {}", ann.gaps, bob.gaps);
    // Names have stayed with their owners.
    let mut thief = crate::page::socket(&one.address).await;
    thief.try_send(json!({"chat": 1, "name": "Bob", "key": "x".repeat(22)}).to_string()).unwrap();
    while let Ok(Some(_)) = thief.recv().await {}
    assert_eq!(thief.closed().unwrap().code, 4102);
}

#[tokio::test]
async fn a_redis_that_has_lost_the_newest_messages_is_a_gap() {
    let mut redis = Redis::with(&["--save", "", "--appendonly", "no", "--dbfilename", "dump.rdb"]);
    let server = redis.server();
    let mut ann = Reader::open(&server.address, "Ann").await;
    ann.say("a1");
    ann.see("a1").await;
    redis.command("SAVE");
    ann.say("a2");
    ann.see("a2").await;
    redis.kill();
    ann.see_store("alone").await;
    ann.say("a3");
    ann.see_waiting("a3").await;
    redis.start_again();
    ann.see_store("shared").await;
    ann.see("a3").await;
    // Otherwise the new second message would be taken for the lost one.
    assert_eq!((&ann.seen[..], ann.gaps), (&["a1".to_owned(), "a3".to_owned()][..], 1));
}

#[tokio::test]
async fn what_is_said_again_while_redis_is_away_is_confirmed_and_not_repeated() {
    let redis = Redis::start();
    let server = redis.server();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    let said = ann.say("#lobby", "a1", "hello").await;
    redis.pause();
    while ann.wait("store", "").await["state"] != "alone" {}
    assert_eq!(ann.say("#lobby", "a1", "hello").await["offset"], Value::Null);
    redis.go_on();
    let again = ann.wait("message", "#lobby").await;
    assert_eq!((&again["id"], &again["offset"]), (&said["id"], &said["offset"]));
    assert_eq!(ann.say("#lobby", "a2", "hello").await["offset"], 2);
}

#[tokio::test]
async fn a_log_that_is_emptied_is_a_gap() {
    let redis = Redis::start();
    let server = redis.server();
    let mut ann = Reader::open(&server.address, "Ann").await;
    ann.say("a1");
    ann.see("a1").await;
    redis.command("FLUSHALL");
    ann.see_store("shared").await;
    ann.say("a2");
    ann.see("a2").await;
    assert_eq!((&ann.seen[..], ann.gaps), (&["a2".to_owned()][..], 1));
}

#[tokio::test]
async fn rooms_go_on_within_a_server_that_is_alone() {
    let mut redis = Redis::start();
    let server = redis.server();
    let mut ann = Reader::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    bob.join("#lobby", Value::Null).await;
    redis.kill();
    ann.see_store("alone").await;
    ann.say("a1");
    ann.see_waiting("a1").await;
    assert_eq!(bob.wait("message", "#lobby").await["offset"], Value::Null);
    // What is said again is there once.
    ann.say("a1");
    assert_eq!(ann.page.say("@Bob", "p1", "psst").await["offset"], Value::Null);
    assert_eq!(bob.wait("message", "@Ann").await["id"], "p1");
    // Whose name is known here may come, and sees what waits.
    let mut bobs_phone = Page::connect(&server.address, "Bob").await;
    assert_eq!(bobs_phone.next().await["store"], "alone");
    let history = bobs_phone.join("#lobby", Value::Null).await;
    assert_eq!((&history["people"], &history["messages"]), (&json!(["Ann", "Bob"]), &json!([])));
    assert_eq!(bobs_phone.wait("message", "#lobby").await["id"], "a1");
    // Another name may belong to somebody on another server.
    let closed = Page::connect(&server.address, "Cat").await.closed().await;
    assert_eq!(closed.code, 1013);
    redis.start_again();
    ann.see("a1").await;
    let history = bobs_phone.wait("history", "#lobby").await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    let mut message = bob.wait("history", "@Ann").await;
    while message["messages"] == json!([]) && message["t"] == "history" {
        message = bob.next().await;
    }
    assert!(message.to_string().contains(r#""offset":1"#), "{message}");
}
