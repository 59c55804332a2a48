//! What is served under which path. Knows nothing of what goes over a socket.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use sanswire::delivery::SUBPROTOCOL;
use sanswire::extension::DeflateConfig;
use sanswire::io::axum::{Rejection, WebSocketUpgrade};

use crate::app::App;
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
    upgrade: WebSocketUpgrade,
) -> Result<Response, Rejection> {
    let upgrade = upgrade.origin(&app.origins)?;
    if !upgrade.request().subprotocols().any(|name| name == SUBPROTOCOL) {
        let why = "this server speaks the subprotocol sanswire.delivery.v2: reload the page\n";
        return Ok((StatusCode::BAD_REQUEST, why).into_response());
    }
    let upgrade = upgrade
        .subprotocols(&[SUBPROTOCOL])
        .deflate(&DeflateConfig::default())
        .config(connection::config())
        .shut_down_on(&app.shutdown);
    Ok(upgrade.on_open(|socket| connection::serve(socket, app)).into_response())
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
    ("/chat.css", CSS, include_str!("../page/chat.css")),
    ("/chat.js", JS, include_str!("../page/chat.js")),
    ("/delivery.js", JS, include_str!("../../delivery.js")),
    ("/prices", HTML, include_str!("../page/prices.html")),
    ("/prices.js", JS, include_str!("../page/prices.js")),
];

const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
