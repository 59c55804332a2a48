//! One attempt of a client that reconnects: the request, the stream, the handshake, and the time
//! limit of all three; knows nothing of the next one.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::time::timeout;

use super::event::Cause;
use super::options::Options;
use super::shared::Shared;
use crate::connection::Config;
use crate::handshake::ClientRequest;
use crate::io::tokio::WebSocket;
use crate::io::{Error, Timeout};
use crate::message::Message;
use crate::reconnect::{AttemptError, Opening, Supervisor};

/// An attempt in flight.
pub(super) struct Attempt<S> {
    future: Pin<Box<dyn Future<Output = Result<Opened<S>, Cause>> + Send>>,
}

/// A connection, and the messages that it begins with.
pub(super) type Opened<S> = (WebSocket<S>, Vec<Message>);

impl<S> Attempt<S> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Opened<S>, Cause>> {
        self.future.as_mut().poll(cx)
    }
}

/// Returns what begins the attempt with the number that it is given, by two callbacks: one makes the
/// request, the other the connection.
pub(super) fn by_callbacks<S, R, Requested, O, C, Connected>(
    options: &Options,
    shared: Arc<Shared>,
    mut request: R,
    connect: C,
) -> Box<dyn FnMut(u32) -> Attempt<S> + Send>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: FnMut(u32) -> Requested + Send + 'static,
    Requested: Future<Output = Result<O, AttemptError>> + Send + 'static,
    O: Into<Opening>,
    C: Fn(ClientRequest, Config) -> Connected + Send + Sync + 'static,
    Connected: Future<Output = Result<WebSocket<S>, Cause>> + Send + 'static,
{
    let config = Supervisor::<Error>::connection_config(options.config.clone());
    let limit = options.attempt_timeout;
    let connect = Arc::new(connect);
    Box::new(move |number| {
        let (shared, connect) = (Arc::clone(&shared), Arc::clone(&connect));
        let config = config.clone();
        let request = request(number);
        let attempt = async move {
            let (request, first) = request.await.map_err(Cause::Attempt)?.into().into_parts();
            let prepared = shared.with(|supervisor| supervisor.prepare_request(request));
            let request = prepared.map_err(|error| Cause::Failed(error.into()))?;
            let socket = connect(request.clone(), config).await?;
            let checked = shared.with(|supervisor| supervisor.check_protocol(socket.protocol()));
            checked.map_err(|error| {
                let url = Some(request.place().into());
                Cause::Failed(Error::Handshake { error, url })
            })?;
            Ok((socket, first))
        };
        let late = Timeout::Attempt { limit };
        let limited = async move {
            timeout(limit, attempt).await.unwrap_or_else(|_| Err(Cause::Failed(late.into())))
        };
        Attempt { future: Box::pin(limited) }
    })
}
