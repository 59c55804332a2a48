//! Whatever one page does wrong: it gets a clear answer, and nobody else notices.

use sanswire::delivery::{Session, Snapshot};
use sanswire::handshake::{ClientRequest, HandshakeError};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error, Message};
use serde_json::{Value, json};

use crate::page::{Page, socket};
use crate::server::Server;

/// Two who talk, and must not notice anything.
struct Others {
    server: Server,
    ann: Page,
    bob: Page,
    said: u64,
}

impl Others {
    async fn new() -> Self {
        let server = Server::start();
        let mut ann = Page::open(&server.address, "Ann").await;
        let mut bob = Page::open(&server.address, "Bob").await;
        bob.join("#lobby", Value::Null).await;
        ann.join("#lobby", Value::Null).await;
        bob.wait("room", "#lobby").await;
        let mut others = Self { server, ann, bob, said: 0 };
        // What is told of both is over.
        others.said += 1;
        let said = others.ann.say("#lobby", "first", "first").await;
        while others.bob.wait("message", "#lobby").await != said {}
        others
    }

    /// One of them says something, which is the very next that the other hears.
    async fn notice_nothing(&mut self) {
        self.said += 1;
        let id = format!("n{}", self.said);
        let said = self.ann.say("#lobby", &id, "all is well").await;
        assert_eq!(said["offset"], self.said);
        let mut next = self.bob.next().await;
        // How many people are somewhere may be told at any time.
        while next["t"] == "room" {
            next = self.bob.next().await;
        }
        assert_eq!(next, said);
    }

    /// Logs in like this, and returns how the connection is closed.
    async fn refused(&mut self, login: impl Into<Message>) -> (u16, String) {
        let mut socket = socket(&self.server.address).await;
        socket.send(login.into()).await.unwrap();
        let refusal = refusal(&mut socket).await;
        self.notice_nothing().await;
        refusal
    }
}

async fn refusal(socket: &mut WebSocket<NetStream>) -> (u16, String) {
    assert_eq!(socket.recv().await.unwrap(), None);
    let closed = socket.closed().unwrap();
    (closed.code.as_u16(), closed.reason.to_string())
}

fn login(name: &str, key: &str) -> String {
    json!({"chat": 1, "name": name, "key": key}).to_string()
}

const KEY: &str = "abcdefghijklmnopqrstuv";

#[tokio::test]
async fn a_name_that_is_none_is_refused_with_the_rule_that_it_breaks() {
    let mut others = Others::new().await;
    let long = "x".repeat(25);
    for (name, rule) in [
        ("", "at least one character"),
        ("   ", "at least one character"),
        (&long, "at most 24 characters"),
        ("<b>Eve</b>", "none of # @ | < > &"),
        ("#lobby", "none of # @ | < > &"),
        ("E\u{0}ve", "invisible"),
        ("\u{202e}evE", "invisible"),
        ("Ann\u{3164}", "invisible"),
        ("\u{3164}", "invisible"),
        ("A\u{335}\u{321}\u{347}\u{317}nn", "three marks"),
        ("---", "a letter or a digit"),
    ] {
        let (code, reason) = others.refused(login(name, KEY)).await;
        assert_eq!(code, 4101, "{name:?}");
        assert!(reason.contains(rule), "{name:?}: {reason}");
    }
}

#[tokio::test]
async fn a_name_belongs_to_the_first_key_in_whatever_case() {
    let mut others = Others::new().await;
    for name in ["Ann", "ann", " ANN "] {
        let taken = (4102, "this name belongs to somebody else".to_owned());
        assert_eq!(others.refused(login(name, KEY)).await, taken);
    }
}

#[tokio::test]
async fn a_name_that_looks_like_anothers_is_refused() {
    let mut others = Others::new().await;
    // Full width, which is another spelling; and a Cyrillic letter, which is another name.
    let taken = (4102, "this name belongs to somebody else".to_owned());
    assert_eq!(others.refused(login("\u{ff21}nn", KEY)).await, taken);
    let alike = (4102, "this name looks like one that belongs to somebody else".to_owned());
    assert_eq!(others.refused(login("\u{410}nn", KEY)).await, alike);
    // Still after a restart.
    others.server.kill();
    others.server.start_again();
    let mut socket = socket(&others.server.address).await;
    socket.send(login("\u{410}nn", KEY)).await.unwrap();
    assert_eq!(refusal(&mut socket).await, alike);
}

#[tokio::test]
async fn a_page_of_another_protocol_version_is_told_to_reload() {
    let mut others = Others::new().await;
    for version in [0, 2, u64::MAX] {
        // Whatever else a page of that version says.
        let login = json!({"chat": version, "user": {"name": "Eve"}}).to_string();
        let (code, reason) = others.refused(login).await;
        assert_eq!(
            (code, reason.as_str()),
            (4100, "this server speaks version 1: reload the page")
        );
    }
}

#[tokio::test]
async fn a_login_that_is_none_is_refused() {
    let mut others = Others::new().await;
    for first in [
        "hello".to_owned(),
        String::new(),
        json!({"chat": 1}).to_string(),
        json!({"chat": 1, "name": "Eve"}).to_string(),
        json!({"chat": "1", "name": "Eve", "key": KEY}).to_string(),
        json!({"name": "Eve", "key": KEY}).to_string(),
        login("Eve", "short"),
        login("Eve", "abcdefghijklmnopqrstu <script>"),
    ] {
        assert_eq!(others.refused(first.clone()).await.0, 4103, "{first}");
    }
    assert_eq!(others.refused(vec![0, 1, 2]).await.0, 4103);
}

#[tokio::test]
async fn who_says_nothing_is_sent_away_in_time() {
    let mut others = Others::new().await;
    let mut silent = socket(&others.server.address).await;
    let mut half = socket(&others.server.address).await;
    half.send(login("Eve", KEY)).await.unwrap();
    for socket in [&mut silent, &mut half] {
        assert_eq!(refusal(socket).await, (4103, "no login within 10 seconds".to_owned()));
    }
    others.notice_nothing().await;
}

#[tokio::test]
async fn a_page_of_another_origin_is_forbidden() {
    let mut others = Others::new().await;
    for path in ["chat", "prices/live"] {
        let url = format!("ws://{}/{path}", others.server.address);
        for origin in
            ["https://evil.example", "null", &format!("http://{}1", others.server.address)]
        {
            let request = ClientRequest::from_url(&url).unwrap();
            let request = request.subprotocol("sanswire.delivery.v2").unwrap();
            let request = request.origin(origin).unwrap();
            let refused = WebSocket::<NetStream>::connect_with(&request, &Config::default()).await;
            assert_eq!(status(refused.map(drop)), 403, "{origin}");
        }
    }
    others.notice_nothing().await;
}

#[tokio::test]
async fn a_page_without_the_subprotocol_is_told_which() {
    let mut others = Others::new().await;
    let address = &others.server.address;
    let plain = format!("ws://{address}/chat");
    let plain = ClientRequest::from_url(&plain).unwrap();
    let older = plain.clone().subprotocol("sanswire.delivery.v1").unwrap();
    for request in [plain, older] {
        let request = request.origin(&format!("http://{address}")).unwrap();
        let refused = WebSocket::<NetStream>::connect_with(&request, &Config::default()).await;
        let refused = refused.map(drop);
        let error = refused.as_ref().unwrap_err().to_string();
        assert!(error.contains("sanswire.delivery.v2"), "{error}");
        assert_eq!(status(refused), 400);
    }
    others.notice_nothing().await;
}

#[tokio::test]
async fn the_session_of_somebody_else_stays_theirs() {
    let mut others = Others::new().await;
    // Even with both ids, which nobody else can know.
    let Snapshot { id: page, peer, expected, first, .. } = others.ann.session.snapshot();
    let stolen = Snapshot { id: page, peer, expected, first, unacknowledged: Vec::new() };
    let mut session = Session::restore(stolen, Default::default()).unwrap();
    session.handle_connected();
    let mut socket = socket(&others.server.address).await;
    socket.send(login("Eve", KEY)).await.unwrap();
    socket.send(session.poll_transmit().unwrap()).await.unwrap();
    let denied = (1008, "this session belongs to somebody else".to_owned());
    assert_eq!(refusal(&mut socket).await, denied);
    others.notice_nothing().await;
    // With one of them there is a new session.
    let mut eve = Page::connect(&others.server.address, "Frank").await;
    eve.session = Session::new(page, Default::default());
    eve.session.handle_connected();
    assert_eq!(eve.next().await["t"], "welcome");
    assert_eq!(eve.join("#other", Value::Null).await["messages"], json!([]));
    others.notice_nothing().await;
}

#[tokio::test]
async fn what_is_not_delivery_ends_the_connection() {
    let mut others = Others::new().await;
    for second in [Message::from("hello"), Message::from(vec![9]), Message::from(vec![0; 41])] {
        let mut socket = socket(&others.server.address).await;
        socket.send(login("Eve", KEY)).await.unwrap();
        socket.send(second).await.unwrap();
        assert_eq!(refusal(&mut socket).await.0, 1002);
    }
    let mut eve = Page::open(&others.server.address, "Frank").await;
    eve.socket.send("text").await.unwrap();
    assert_eq!(eve.closed().await.code, 1002);
    others.notice_nothing().await;
}

#[tokio::test]
async fn a_message_that_is_none_is_refused_by_its_id_and_the_page_goes_on() {
    let mut others = Others::new().await;
    let mut eve = Page::open(&others.server.address, "Eve").await;
    eve.join("#attic", Value::Null).await;
    let long = "x".repeat(2001);
    for (room, id, text, why) in [
        ("#attic", "e1", long.as_str(), "at most 2000 characters"),
        ("#attic", "e2", " \n ", "not empty"),
        ("#attic", "e0", "a\u{1b}[31mb", "no control characters"),
        ("#cellar", "e3", "hello", "join the room first"),
        ("attic", "e4", "hello", "begins with # or @"),
        ("#Attic", "e5", "hello", "lower-case"),
        ("@Nobody", "e6", "hello", "nobody has this name"),
        ("@<b>", "e7", "hello", "nobody has this name"),
        ("@Eve", "e8", "hello", "yourself"),
    ] {
        eve.send(json!({"t": "say", "room": room, "id": id, "text": text}));
        let refused = eve.wait("refused", room).await;
        assert_eq!((&refused["id"], &refused["retry"]), (&json!(id), &Value::Null));
        assert!(refused["why"].as_str().unwrap().contains(why), "{refused}");
        others.notice_nothing().await;
    }
    for id in ["", "a b", "<b>", &"x".repeat(33)] {
        eve.send(json!({"t": "say", "room": "#attic", "id": id, "text": "hello"}));
        assert_eq!(eve.wait("refused", "#attic").await["id"], Value::Null, "{id:?}");
    }
    for command in [json!({"t": "dance"}), json!([]), json!({"t": "say"}), json!("join")] {
        eve.send(command);
        assert!(eve.wait("refused", "").await["why"].as_str().unwrap().contains("command"));
    }
    // 2000 characters are not too many, whatever they are.
    let text = "🦀".repeat(2000);
    assert_eq!(eve.say("#attic", "e9", &text).await["text"], text);
    others.notice_nothing().await;
}

#[tokio::test]
async fn a_message_far_over_the_limit_ends_the_connection_alone() {
    let mut others = Others::new().await;
    let mut eve = Page::open(&others.server.address, "Eve").await;
    eve.join("#attic", Value::Null).await;
    let text = "x".repeat(100_000);
    eve.send(json!({"t": "say", "room": "#attic", "id": "e1", "text": text}));
    assert_eq!(eve.closed().await.code, 1009);
    others.notice_nothing().await;
}

#[tokio::test]
async fn who_floods_is_warned_and_then_sent_away() {
    let mut others = Others::new().await;
    let mut eve = Page::open(&others.server.address, "Eve").await;
    eve.join("#attic", Value::Null).await;
    for number in 0..100 {
        let id = format!("e{number}");
        eve.send(json!({"t": "say", "room": "#attic", "id": id, "text": "spam"}));
    }
    let refused = eve.wait("refused", "#attic").await;
    assert_eq!(refused["why"], "slow down");
    assert!(refused["retry"].as_u64().unwrap() <= 201, "{refused}");
    let closed = eve.closed().await;
    assert_eq!(closed.code, 4104, "{closed:?}");
    others.notice_nothing().await;
    // Another connection does not help.
    let mut eve = Page::open(&others.server.address, "Eve").await;
    let history = eve.join("#attic", Value::Null).await;
    let said = history["messages"].as_array().unwrap().len();
    assert!((20..40).contains(&said), "{said}");
    others.notice_nothing().await;
}

#[tokio::test]
async fn there_are_rooms_enough_for_a_page_but_not_more() {
    let mut others = Others::new().await;
    let mut eve = Page::open(&others.server.address, "Eve").await;
    for number in 0..50 {
        eve.join(&format!("#r{number}"), Value::Null).await;
    }
    eve.send(json!({"t": "join", "room": "#r50", "since": null}));
    assert!(eve.wait("refused", "#r50").await["why"].as_str().unwrap().contains("50 rooms"));
    eve.send(json!({"t": "leave", "room": "#r0"}));
    eve.join("#r50", Value::Null).await;
    others.notice_nothing().await;
}

#[tokio::test]
async fn the_id_of_somebody_elses_message_is_not_used_up() {
    let mut others = Others::new().await;
    let mut eve = Page::open(&others.server.address, "Eve").await;
    let mut frank = Page::open(&others.server.address, "Frank").await;
    eve.join("#attic", Value::Null).await;
    frank.join("#attic", Value::Null).await;
    assert_eq!(eve.say("#attic", "one", "Eve's").await["offset"], 1);
    assert_eq!(frank.wait("message", "#attic").await["from"], "Eve");
    let said = frank.say("#attic", "one", "Frank's").await;
    assert_eq!((&said["offset"], &said["text"]), (&json!(2), &json!("Frank's")));
    others.notice_nothing().await;
}

/// Returns the status that a request was answered with instead of a socket.
fn status(refused: Result<(), Error>) -> u16 {
    match refused {
        Err(Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. }) => {
            response.status()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_has_pages_enough_but_not_more() {
    let mut others = Others::new().await;
    let mut pages = Vec::new();
    for _ in 0..16 {
        pages.push(Page::open(&others.server.address, "Eve").await);
    }
    let mut one_more = Page::connect(&others.server.address, "Eve").await;
    assert_eq!(one_more.closed().await.code, 1013);
    others.notice_nothing().await;
}
