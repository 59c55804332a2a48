//! WebSockets in an axum application (feature `axum`).

use ::http::Response;
use ::http::request::Parts;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response as AxumResponse};
use bytes::Bytes;
use http_body_util::Full;

use crate::handshake::Request;
pub use crate::io::hyper::{OnUpgrade, Rejection, UpgradeError, WebSocketUpgrade};

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Rejection> {
        Self::of(Request::try_from(&*parts), parts.version, &mut parts.extensions)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> AxumResponse {
        Response::<Full<Bytes>>::from(self).into_response()
    }
}
