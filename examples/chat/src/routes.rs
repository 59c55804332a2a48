//! What is served under which path. Knows nothing of what goes over a socket.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use sanswire::delivery::SUBPROTOCOL;
use sanswire::extension::{DeflateConfig, Takeover};
use sanswire::io::axum::{Rejection, WebSocketUpgrade};

use crate::app::App;
use crate::serve::Peer;
use crate::{connection, prices, sse};

pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/chat", any(chat))
        .route("/prices/live", any(live_prices))
        .route("/rooms/{room}/events", get(sse::events));
    for &(path, kind, content) in ASSETS {
        router = router.route(path, get(move || async move { asset(kind, content) }));
    }
    router.with_state(app)
}

async fn chat(
    State(app): State<Arc<App>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Rejection> {
    let upgrade = upgrade.origin(&app.origins)?;
    if !upgrade.request().subprotocols().any(|name| name == SUBPROTOCOL) {
        let why = "this server speaks the subprotocol sanswire.delivery.v2: reload the page\n";
        return Ok((StatusCode::BAD_REQUEST, why).into_response());
    }
    let upgrade = upgrade
        .subprotocols(&[SUBPROTOCOL])
        // Each message is compressed alone: how well one shrinks tells nothing of another, which
        // may be private (RFC 7692, §8).
        .deflate(&DeflateConfig::default().takeover(Takeover::Reset))
        .config(connection::config())
        .shut_down_on(&app.shutdown);
    // Only a WebSocket can tell a page why it is closed.
    let entry = app.addresses.enter(peer, &headers);
    Ok(upgrade.on_open(|socket| connection::serve(socket, app, entry)).into_response())
}

async fn live_prices(
    State(app): State<Arc<App>>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Rejection> {
    let upgrade = upgrade
        .origin(&app.origins)?
        .deflate(&DeflateConfig::default())
        .config(prices::config())
        .shut_down_on(&app.shutdown);
    let newest = app.prices.clone();
    Ok(upgrade.on_open(|socket| prices::serve(socket, newest)).into_response())
}

/// A page loads nothing from elsewhere, and shows nothing as markup that is data.
fn asset(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, content).into_response()
}

/// Paths, types and contents: all are part of the program.
const ASSETS: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("../page/chat.html")),
    ("/prices", HTML, include_str!("../page/prices.html")),
    ("/delivery.js", JS, include_str!("../../delivery.js")),
    ("/attention.js", JS, include_str!("../page/attention.js")),
    ("/base.css", CSS, include_str!("../page/base.css")),
    ("/chat.css", CSS, include_str!("../page/chat.css")),
    ("/chat.js", JS, include_str!("../page/chat.js")),
    ("/client.js", JS, include_str!("../page/client.js")),
    ("/composer.js", JS, include_str!("../page/composer.js")),
    ("/connection.js", JS, include_str!("../page/connection.js")),
    ("/dom.js", JS, include_str!("../page/dom.js")),
    ("/message.js", JS, include_str!("../page/message.js")),
    ("/names.js", JS, include_str!("../page/names.js")),
    ("/plot.js", JS, include_str!("../page/plot.js")),
    ("/prices.css", CSS, include_str!("../page/prices.css")),
    ("/prices.js", JS, include_str!("../page/prices.js")),
    ("/room.js", JS, include_str!("../page/room.js")),
    ("/sidebar.js", JS, include_str!("../page/sidebar.js")),
    ("/sign-in.js", JS, include_str!("../page/sign-in.js")),
    ("/status.js", JS, include_str!("../page/status.js")),
    ("/storage.js", JS, include_str!("../page/storage.js")),
    ("/switcher.js", JS, include_str!("../page/switcher.js")),
    ("/theme.js", JS, include_str!("../page/theme.js")),
    ("/timeline.js", JS, include_str!("../page/timeline.js")),
];

const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
