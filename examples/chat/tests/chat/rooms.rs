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
