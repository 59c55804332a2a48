//! What a real page keeps of `#lobby`: every message once, in order.

use serde_json::{Value, json};

use crate::page::Page;

pub(crate) struct Reader {
    pub(crate) page: Page,
    /// `null`, or the epoch and the offset of the last of `seen`.
    pub(crate) since: Value,
    /// The ids of all messages with an offset, in the order of their offsets.
    pub(crate) seen: Vec<String>,
    /// The ids of those that were shown without one.
    pub(crate) shown: Vec<String>,
    /// The ids of what was said in other rooms.
    pub(crate) elsewhere: Vec<String>,
    /// How often the log became another one.
    pub(crate) gaps: usize,
}

impl Reader {
    pub(crate) async fn open(address: &str, name: &str) -> Self {
        let mut page = Page::open(address, name).await;
        let history = page.join("#lobby", Value::Null).await;
        let since = json!({"epoch": history["epoch"], "offset": history["last"]});
        Self { page, since, seen: Vec::new(), shown: Vec::new(), elsewhere: Vec::new(), gaps: 0 }
    }

    /// Moves to another server, which knows nothing of this page.
    pub(crate) async fn move_to(&mut self, address: &str, name: &str) {
        self.page = Page::open(address, name).await;
        let since = self.since.clone();
        self.page.send(json!({"t": "join", "room": "#lobby", "since": since}));
    }

    pub(crate) fn say(&mut self, id: &str) {
        let text = format!("text of {id}");
        self.page.send(json!({"t": "say", "room": "#lobby", "id": id, "text": text}));
    }

    /// Reads until a message is in the log.
    pub(crate) async fn see(&mut self, id: &str) {
        while !self.seen.iter().any(|seen| seen == id) {
            self.take().await;
        }
    }

    /// Reads until so many messages are in the log.
    pub(crate) async fn see_all(&mut self, count: usize) {
        while self.seen.len() < count {
            self.take().await;
        }
    }

    /// Reads until a message is shown that waits for the log.
    pub(crate) async fn see_waiting(&mut self, id: &str) {
        while !self.shown.iter().any(|shown| shown == id) {
            self.take().await;
        }
    }

    /// Reads until the server says that the log is in this state.
    pub(crate) async fn see_store(&mut self, state: &str) {
        loop {
            let event = self.take().await;
            if event["t"] == "store" && event["state"] == state {
                return;
            }
        }
    }

    pub(crate) async fn take(&mut self) -> Value {
        let event = self.page.next().await;
        if event["room"] != "#lobby" {
            assert_ne!(event["t"], "refused", "{event}");
            if event["t"] == "message" {
                self.elsewhere.push(event["id"].as_str().unwrap().to_owned());
            }
            return event;
        }
        match event["t"].as_str().unwrap() {
            "message" if event["offset"].is_null() => {
                self.shown.push(event["id"].as_str().unwrap().to_owned());
            }
            "message" => self.note(&event["epoch"], &event),
            "history" => {
                assert!(event["gap"]["missed"].is_null(), "{event}");
                if event["gap"]["epoch"] == true {
                    self.gaps += 1;
                    self.seen.clear();
                    self.since = json!({"epoch": event["epoch"], "offset": 0});
                }
                for message in event["messages"].as_array().unwrap() {
                    self.note(&event["epoch"], message);
                }
            }
            "refused" => panic!("{event}"),
            _ => {}
        }
        event
    }

    fn note(&mut self, epoch: &Value, message: &Value) {
        let offset = message["offset"].as_u64().unwrap();
        let seen = self.since["offset"].as_u64().unwrap();
        if offset <= seen {
            return;
        }
        assert_eq!(*epoch, self.since["epoch"], "{message}");
        assert_eq!(offset, seen + 1, "{message}");
        self.since["offset"] = json!(offset);
        self.seen.push(message["id"].as_str().unwrap().to_owned());
    }
}
