//! A room as Server-Sent Events.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::page::{PATIENCE, Page};
use crate::server::Server;

/// A response whose lines are read as they come.
struct Reader {
    lines: Lines<BufReader<TcpStream>>,
}

/// An event's name, id and data.
type Event = (String, String, Value);

impl Reader {
    async fn get(address: &str, room: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!("GET /rooms/{room}/events HTTP/1.1\r\nHost: {address}\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Self { lines: BufReader::new(stream).lines() }
    }

    async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line");
        line.unwrap().unwrap_or_default()
    }

    /// Returns the status, and skips the rest of the head.
    async fn status(&mut self) -> String {
        let status = self.line().await;
        while !self.line().await.is_empty() {}
        status.split(' ').nth(1).unwrap().to_owned()
    }

    async fn next(&mut self) -> Event {
        let (mut name, mut id, mut data) = Default::default();
        loop {
            let line = self.line().await;
            match line.split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", value)) => data = serde_json::from_str(value).unwrap(),
                // Lines of the chunked coding, too, and comments.
                _ if line.is_empty() && !name.is_empty() => return (name, id, data),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn a_reader_gets_each_message_once_and_goes_on_where_it_was() {
    let server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    ann.say("#lobby", "a1", "one").await;
    let mut reader = Reader::get(&server.address, "lobby", None).await;
    assert_eq!(reader.status().await, "200");
    let (name, first, data) = reader.next().await;
    assert_eq!(
        (name.as_str(), &data["text"], &data["from"]),
        ("message", &json!("one"), &json!("Ann"))
    );
    ann.say("#lobby", "a2", "two").await;
    let (_, second, data) = reader.next().await;
    assert_eq!(data["text"], "two");
    drop(reader);
    ann.say("#lobby", "a3", "three").await;

    let mut reader = Reader::get(&server.address, "lobby", Some(&first)).await;
    assert_eq!(reader.next().await.1, second);
    assert_eq!(reader.next().await.2["text"], "three");
    ann.say("#lobby", "a4", "four").await;
    assert_eq!(reader.next().await.2["text"], "four");
}

#[tokio::test]
async fn a_reader_that_was_away_too_long_is_told_what_is_gone() {
    let server = Server::with(&["--history", "10", "--rate", "1000"]);
    let mut ann = Page::open(&server.address, "Ann").await;
    let epoch = ann.join("#lobby", Value::Null).await["epoch"].as_str().unwrap().to_owned();
    for number in 1..=30 {
        ann.say("#lobby", &format!("a{number}"), "x").await;
    }
    for (id, gap) in [
        (format!("{epoch}:5"), json!({"missed": 15})),
        ("another:5".to_owned(), json!({"epoch": true})),
        (format!("{epoch}:31"), json!({"epoch": true})),
    ] {
        let mut reader = Reader::get(&server.address, "lobby", Some(&id)).await;
        let (name, _, data) = reader.next().await;
        assert_eq!((name.as_str(), data), ("gap", gap), "{id}");
        for offset in 21..=30 {
            assert_eq!(reader.next().await.1, format!("{epoch}:{offset}"));
        }
    }
}

#[tokio::test]
async fn there_are_events_of_public_rooms_only() {
    let server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    let mut bob = Page::open(&server.address, "Bob").await;
    ann.say("@Bob", "a1", "psst").await;
    bob.wait("message", "@Ann").await;
    for room in ["@Ann|Bob", "%40Ann%7CBob", "%23@Ann%7CBob", "Lobby", "a%20b", "%3Cb%3E"] {
        let status = Reader::get(&server.address, room, None).await.status().await;
        assert!(status == "404" || status == "400", "{room}: {status}");
    }
    let mut reader = Reader::get(&server.address, "lobby", Some("nonsense")).await;
    assert_eq!(reader.status().await, "400");
}
