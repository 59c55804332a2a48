//! A server that is killed and started again: nothing is lost, and nothing is there twice.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::page::Page;
use crate::rooms::offsets;
use crate::server::{Server, program};

/// What a real page keeps besides its session, to survive a server without memory.
struct Reader {
    page: Page,
    since: Value,
    /// What was said and not seen yet.
    unconfirmed: BTreeMap<String, String>,
    /// The ids of all messages, in the order in which they were seen.
    seen: Vec<String>,
}

impl Reader {
    async fn new(address: &str, name: &str) -> Self {
        let mut page = Page::open(address, name).await;
        let history = page.join("#lobby", Value::Null).await;
        let since = json!({"epoch": history["epoch"], "offset": history["last"]});
        Self { page, since, unconfirmed: BTreeMap::new(), seen: Vec::new() }
    }

    fn say(&mut self, id: &str) {
        self.unconfirmed.insert(id.to_owned(), format!("text of {id}"));
        self.send(id);
    }

    fn send(&mut self, id: &str) {
        let text = &self.unconfirmed[id];
        self.page.send(json!({"t": "say", "room": "#lobby", "id": id, "text": text}));
    }

    /// Takes the next message or history.
    async fn take(&mut self) {
        let event = self.page.next().await;
        match event["t"].as_str().unwrap() {
            "message" => self.see(&event),
            "history" => {
                assert_eq!(event["gap"], Value::Null);
                assert_eq!(event["epoch"], self.since["epoch"]);
                event["messages"].as_array().unwrap().iter().for_each(|message| self.see(message));
            }
            "refused" => panic!("{event}"),
            _ => {}
        }
    }

    fn see(&mut self, message: &Value) {
        let offset = message["offset"].as_u64().unwrap();
        let seen = self.since["offset"].as_u64().unwrap();
        self.unconfirmed.remove(message["id"].as_str().unwrap());
        if offset <= seen {
            return;
        }
        assert_eq!(offset, seen + 1, "{message}");
        self.since["offset"] = json!(offset);
        self.seen.push(message["id"].as_str().unwrap().to_owned());
    }

    /// Comes back to a server that knows nothing of this page.
    async fn come_back(&mut self) {
        drop(self.page.reconnect().await);
        self.page.wait("welcome", "").await;
        let since = self.since.clone();
        self.page.send(json!({"t": "join", "room": "#lobby", "since": since}));
        for id in self.unconfirmed.keys().cloned().collect::<Vec<_>>() {
            self.send(&id);
        }
    }
}

#[tokio::test]
async fn a_killed_server_loses_nothing_and_repeats_nothing() {
    let mut server = Server::with(&["--rate", "1000"]);
    let mut ann = Reader::new(&server.address, "Ann").await;
    let mut bob = Reader::new(&server.address, "Bob").await;
    let mut all = Vec::new();
    for round in 0..4 {
        for number in 0..50 {
            let id = format!("r{round}-{number:02}");
            ann.say(&id);
            all.push(id);
        }
        // Ann has seen some of it, Bob less, and the server is dead.
        while ann.unconfirmed.len() > 25 {
            ann.take().await;
        }
        server.kill();
        server.start_again();
        ann.come_back().await;
        bob.come_back().await;
        while !ann.unconfirmed.is_empty() {
            ann.take().await;
        }
    }
    while bob.seen.len() < all.len() {
        bob.take().await;
    }
    for mut seen in [ann.seen, bob.seen] {
        seen.sort();
        assert_eq!(seen, all);
    }
    // Whoever comes now sees the same, once.
    let mut cat = Page::open(&server.address, "Cat").await;
    let from_the_start = json!({"epoch": ann.since["epoch"], "offset": 0});
    let mut history = cat.join("#lobby", from_the_start).await;
    let mut read = offsets(&history);
    while history["more"] == true {
        history = cat.wait("history", "#lobby").await;
        read.extend(offsets(&history));
    }
    assert_eq!(read, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_said_again_after_a_restart_is_confirmed_and_not_repeated() {
    let mut server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    let said = ann.say("#lobby", "a1", "hello").await;
    server.kill();
    server.start_again();
    let mut ann = Page::open(&server.address, "Ann").await;
    let since = json!({"epoch": said["epoch"], "offset": 1});
    assert_eq!(ann.join("#lobby", since).await["messages"], json!([]));
    assert_eq!(ann.say("#lobby", "a1", "hello").await, said);
    assert_eq!(ann.say("#lobby", "a2", "hello").await["offset"], 2);
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_cut_off_and_the_rest_stays() {
    let mut server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    ann.say("#lobby", "a1", "hello").await;
    let long = format!(r##"{{"said":{{"room":"#lobby","text":"{}"##, "x".repeat(1000));
    for (number, torn) in [long.as_str(), "{", "\0\0\0"].into_iter().enumerate() {
        server.kill();
        let mut journal = std::fs::File::options().append(true).open(server.journal()).unwrap();
        journal.write_all(torn.as_bytes()).unwrap();
        server.start_again();
        assert!(std::fs::read(server.journal()).unwrap().ends_with(b"\n"));
        let mut ann = Page::open(&server.address, "Ann").await;
        let history = ann.join("#lobby", Value::Null).await;
        assert_eq!(history["last"], number + 1);
        let said = ann.say("#lobby", &format!("b{number}"), "still here").await;
        assert_eq!(said["offset"], number + 2);
    }
}

#[tokio::test]
async fn a_log_that_was_lost_is_another_one_and_pages_are_told() {
    let mut server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    let said = ann.say("#lobby", "a1", "hello").await;
    server.kill();
    std::fs::remove_file(server.journal()).unwrap();
    server.start_again();
    let mut ann = Page::open(&server.address, "Ann").await;
    let history = ann.join("#lobby", json!({"epoch": said["epoch"], "offset": 1})).await;
    assert_eq!(history["gap"], json!({"epoch": true}));
    assert_ne!(history["epoch"], said["epoch"]);
}

#[tokio::test]
async fn a_name_still_belongs_to_its_key_after_a_restart() {
    let mut server = Server::start();
    drop(Page::open(&server.address, "Ann").await);
    server.kill();
    server.start_again();
    drop(Page::open(&server.address, "Ann").await);
    let mut thief = crate::page::socket(&server.address).await;
    let login = json!({"chat": 1, "name": "Ann", "key": "0123456789abcdefghijkl"}).to_string();
    thief.send(login).await.unwrap();
    assert_eq!(thief.recv().await.unwrap(), None);
    assert_eq!(thief.closed().unwrap().code, 4102);
}

#[tokio::test]
async fn a_journal_that_is_broken_in_the_middle_is_not_touched() {
    let mut server = Server::start();
    let mut ann = Page::open(&server.address, "Ann").await;
    ann.join("#lobby", Value::Null).await;
    ann.say("#lobby", "a1", "hello").await;
    server.kill();
    let whole = std::fs::read_to_string(server.journal()).unwrap();
    let first = whole.lines().next().unwrap();
    for (broken, why) in [
        (whole.replacen("\"said\"", "\"sad\"", 1), "line 3 is broken"),
        (
            whole.replacen("\"offset\":1", "\"offset\":7", 1)
                + whole.lines().last().unwrap()
                + "\n",
            "line 4",
        ),
        (whole.lines().skip(1).map(|line| format!("{line}\n")).collect(), "does not begin"),
        (format!("{first}\n{first}\n"), "line 2"),
    ] {
        std::fs::write(server.journal(), &broken).unwrap();
        let data = server.directory.to_str().unwrap();
        let output = program(&["--listen", "127.0.0.1:0", "--data", data]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(why), "{error}");
        assert_eq!(std::fs::read_to_string(server.journal()).unwrap(), broken);
    }
}
