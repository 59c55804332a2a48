//! One attempt: the request, the stream, the handshake, and how long they may take together; knows
//! nothing of the next one.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::time::timeout;

use super::error::AttemptError;
use super::event::Cause;
use super::options::Options;
use crate::connection::{Config, Pong, Reassembly, WhenFull};
use crate::delivery::SUBPROTOCOL;
use crate::handshake::{ClientRequest, HandshakeError, SubprotocolPolicy};
use crate::io::Error;
use crate::io::tokio::WebSocket;

/// An attempt in flight.
pub(super) struct Attempt<S> {
    future: Pin<Box<dyn Future<Output = Result<WebSocket<S>, Cause>> + Send>>,
}

impl<S> Attempt<S> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<WebSocket<S>, Cause>> {
        self.future.as_mut().poll(cx)
    }
}

/// What begins attempts.
pub(super) trait Begin<S>: Send {
    fn begin(&mut self, number: u32) -> Attempt<S>;
}

/// Begins attempts by two callbacks.
pub(super) struct ByCallbacks<R, C> {
    request: R,
    connect: Arc<C>,
    config: Config,
    timeout: Duration,
    /// Whether the subprotocol of `delivery` is spoken.
    delivers: bool,
}

impl<R, C> ByCallbacks<R, C> {
    pub(super) fn new(options: &Options, request: R, connect: C) -> Self {
        let mut config = options.config;
        config.reassembly = Reassembly::Messages;
        config.pong = Pong::Automatic;
        // What finds no room waits in the queue, or in the session.
        config.when_full = WhenFull::Refuse;
        Self {
            request,
            connect: Arc::new(connect),
            config,
            timeout: options.attempt_timeout,
            delivers: options.delivery.is_some(),
        }
    }
}

impl<S, R, Requested, C, Connected> Begin<S> for ByCallbacks<R, C>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: FnMut(u32) -> Requested + Send,
    Requested: Future<Output = Result<ClientRequest, AttemptError>> + Send + 'static,
    C: Fn(ClientRequest) -> Connected + Send + Sync + 'static,
    Connected: Future<Output = Result<S, AttemptError>> + Send,
{
    fn begin(&mut self, number: u32) -> Attempt<S> {
        let request = (self.request)(number);
        let connect = Arc::clone(&self.connect);
        let Self { config, delivers, .. } = *self;
        let attempt = async move {
            let mut request = request.await.map_err(Cause::Attempt)?;
            if delivers {
                request = request
                    .subprotocol(SUBPROTOCOL)
                    .map_err(failed)?
                    .subprotocol_policy(SubprotocolPolicy::Required);
            }
            let stream = connect(request.clone()).await.map_err(Cause::Attempt)?;
            let socket = WebSocket::client(stream, &request, &config).await;
            let socket = socket.map_err(Cause::Failed)?;
            // The application may have offered others before it.
            if delivers && socket.protocol() != SUBPROTOCOL {
                return Err(failed(HandshakeError::NoSubprotocol));
            }
            Ok(socket)
        };
        let limited = timeout(self.timeout, attempt);
        Attempt {
            future: Box::pin(async move {
                limited.await.unwrap_or_else(|_| {
                    let error = io::Error::new(
                        io::ErrorKind::TimedOut,
                        "attempt to connect was not complete in time",
                    );
                    Err(Cause::Failed(Error::Io(error)))
                })
            }),
        }
    }
}

fn failed(error: HandshakeError) -> Cause {
    Cause::Failed(Error::Handshake(error))
}
