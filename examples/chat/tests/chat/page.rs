//! A page, as the browser's: a name, a secret, and a session that outlives its connections.

use std::collections::VecDeque;
use std::time::Duration;

use sanswire::delivery::{Limits, SUBPROTOCOL, Session, SessionEvent, SessionId};
use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Closed, Config, Message};
use serde_json::{Value, json};
use tokio::time::timeout;

pub(crate) struct Page {
    pub(crate) socket: WebSocket<NetStream>,
    pub(crate) session: Session,
    address: String,
    name: String,
    key: String,
    /// Events that were received, and not yet asked for.
    events: VecDeque<Value>,
}

impl Page {
    /// Logs in, and waits to be welcome.
    pub(crate) async fn open(address: &str, name: &str) -> Self {
        let mut page = Self::connect(address, name).await;
        let welcome = page.next().await;
        assert_eq!(welcome["t"], "welcome", "{welcome}");
        page
    }

    /// Logs in, with a session that has not begun.
    pub(crate) async fn connect(address: &str, name: &str) -> Self {
        Self::on(socket(address).await, address, name)
    }

    /// Logs in on a connection that has said nothing.
    pub(crate) fn on(socket: WebSocket<NetStream>, address: &str, name: &str) -> Self {
        let mut page = Self {
            socket,
            session: Session::new(id(), Limits::default()),
            address: address.to_owned(),
            name: name.to_owned(),
            key: format!("{name:_<22}").replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
            events: VecDeque::new(),
        };
        page.log_in();
        page
    }

    /// Joins a room, and returns its history.
    pub(crate) async fn join(&mut self, room: &str, since: Value) -> Value {
        self.send(json!({"t": "join", "room": room, "since": since}));
        self.wait("history", room).await
    }

    /// Says something, and returns it as everybody hears it.
    pub(crate) async fn say(&mut self, room: &str, id: &str, text: &str) -> Value {
        self.send(json!({"t": "say", "room": room, "id": id, "text": text}));
        loop {
            let event = self.next().await;
            match event["t"].as_str().unwrap() {
                "message" if event["id"] == id => return event,
                "refused" => panic!("{event}"),
                _ => {}
            }
        }
    }

    pub(crate) fn send(&mut self, command: Value) {
        self.session.send(Message::text(command.to_string())).unwrap();
    }

    /// Returns the next event of this type, in this room where it has one.
    pub(crate) async fn wait(&mut self, kind: &str, room: &str) -> Value {
        loop {
            let event = self.next().await;
            if event["t"] == kind && (event["room"] == room || event["room"].is_null()) {
                return event;
            }
        }
    }

    /// Returns the next event.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            assert!(self.receive().await, "{}: {:?}", self.name, self.socket.closed());
        }
    }

    /// Receives until the connection is closed, and says how.
    pub(crate) async fn closed(&mut self) -> Closed {
        while self.receive().await {}
        self.socket.closed().unwrap()
    }

    /// Receives until it is welcome, or the connection is closed.
    pub(crate) async fn is_welcome(&mut self) -> bool {
        while self.events.is_empty() {
            if !self.receive().await {
                return false;
            }
        }
        true
    }

    /// Comes back on another connection, with the same session.
    /// Returns the old one, which it no longer uses.
    pub(crate) async fn reconnect(&mut self) -> WebSocket<NetStream> {
        self.session.handle_disconnected();
        let old = std::mem::replace(&mut self.socket, socket(&self.address).await);
        self.log_in();
        old
    }

    /// Receives one message, and answers what is due. Returns `false` at the end of the connection.
    async fn receive(&mut self) -> bool {
        self.session.acknowledge();
        let received = async {
            self.session.transmit(&mut self.socket.commands()).unwrap();
            self.socket.recv().await
        };
        let received = timeout(PATIENCE, received).await.expect("something comes");
        let Ok(Some(message)) = received else { return false };
        if let Some(SessionEvent::Message(message)) = self.session.handle_message(message).unwrap()
        {
            self.events.push_back(serde_json::from_str(message.as_text().unwrap()).unwrap());
        }
        true
    }

    fn log_in(&mut self) {
        let login = json!({"chat": 1, "name": self.name, "key": self.key});
        self.socket.try_send(login.to_string()).unwrap();
        self.session.handle_connected();
    }
}

/// Opens a connection that has said nothing.
pub(crate) async fn socket(address: &str) -> WebSocket<NetStream> {
    WebSocket::connect_with(&request(address), &Config::default()).await.unwrap()
}

/// The same behind a proxy, from somebody with this address.
pub(crate) async fn socket_from(address: &str, client: &str) -> WebSocket<NetStream> {
    let request = request(address).header("X-Forwarded-For", client).unwrap();
    WebSocket::connect_with(&request, &Config::default()).await.unwrap()
}

fn request(address: &str) -> ClientRequest {
    let request = ClientRequest::from_url(&format!("ws://{address}/chat")).unwrap();
    let request = request.subprotocol(SUBPROTOCOL).unwrap();
    request.origin(&format!("http://{address}")).unwrap()
}

fn id() -> SessionId {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    SessionId::new(bytes).unwrap()
}

/// How long a test waits for what must come. It is never waited for in a test that passes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
