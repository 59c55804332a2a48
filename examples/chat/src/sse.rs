//! A room as Server-Sent Events, to read only: each message once, from where the reader was. Knows
//! no page and no session.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use tokio::sync::{mpsc, watch};

use crate::app::App;
use crate::log::{LogError, Position};
use crate::names::Room;
use crate::protocol::{self, Since};
use crate::serve::Peer;

/// `GET /rooms/{room}/events`. `Last-Event-ID: EPOCH:OFFSET` says where to go on.
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Response {
    let room = match Room::public(&format!("#{room}")) {
        Ok(room) => room,
        Err(why) => return (StatusCode::NOT_FOUND, format!("{why}\n")).into_response(),
    };
    let position = match headers.get("last-event-id").map(|id| parse(id.as_bytes())) {
        None => Position::Newest,
        Some(Some(since)) => Position::After(since),
        Some(None) => {
            let why = "Last-Event-ID is not EPOCH:OFFSET\n";
            return (StatusCode::BAD_REQUEST, why).into_response();
        }
    };
    let Some(entry) = app.addresses.enter(peer, &headers) else {
        let why = "too many connections from this address\n";
        return (StatusCode::TOO_MANY_REQUESTS, why).into_response();
    };
    let Some(newest) = app.hub().watch(&room) else {
        let why = "there are as many rooms as there may be\n";
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let (sender, events) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let _entry = entry;
        tokio::select! {
            () = app.shutdown.begun() => {}
            // Without the log, the reader comes again by itself.
            Ok(()) | Err(_) = feed(&app, &room, position, newest, &sender) => {}
        }
        app.hub().tidy(&room);
    });
    let alive = KeepAlive::new().interval(Duration::from_secs(15)).text("");
    // nginx would keep the response until enough of it has come.
    let headers = [("x-accel-buffering", "no")];
    (headers, Sse::new(Events(events)).keep_alive(alive)).into_response()
}

/// Sends what comes after a position, as fast as it is read, until the reader is gone.
async fn feed(
    app: &App,
    room: &Room,
    mut position: Position,
    mut newest: watch::Receiver<u64>,
    sender: &mpsc::Sender<Event>,
) -> Result<(), LogError> {
    loop {
        let page = app.log.after(room, &position, CHUNK).await?;
        let id = |offset: u64| format!("{}:{offset}", page.epoch);
        if let Some(gap) = page.gap {
            let event = Event::default().event("gap").data(to_json(&gap));
            if sender.send(event).await.is_err() {
                return Ok(());
            }
        }
        for record in &page.records {
            let event = protocol::Event::message(&room.to_string(), &page.epoch, record).to_json();
            let event = Event::default().event("message").id(id(record.offset)).data(event);
            if sender.send(event).await.is_err() {
                return Ok(());
            }
        }
        position = Position::After(Since { epoch: page.epoch.to_string(), offset: page.end });
        if page.end == page.last {
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return Ok(()) },
                () = sender.closed() => return Ok(()),
            }
        }
    }
}

fn parse(id: &[u8]) -> Option<Since> {
    let (epoch, offset) = str::from_utf8(id).ok()?.split_once(':')?;
    Some(Since { epoch: epoch.to_owned(), offset: offset.parse().ok()? })
}

fn to_json(gap: &protocol::Gap) -> String {
    serde_json::to_string(gap).unwrap_or_default()
}

/// Events as they come.
struct Events(mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|event| event.map(Ok))
    }
}

/// Events that may wait for a slow reader. The rest waits in the log.
const WAITING: usize = 16;
const CHUNK: usize = 16;
