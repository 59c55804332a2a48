//! A handler that serves one open connection in a task, and how both end; knows no handshake.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;

use super::panics::{Panic, catch_in};
use super::{NetStream, Stream, WebSocket};
use crate::close::CloseCode;
use crate::connection::ReadyState;
use crate::error::SendError;
use crate::io::poll::Salvage;
use crate::io::{Error, Timeout};

/// Why a connection has ended badly.
#[derive(Debug)]
pub(in crate::io) enum Failure {
    /// By the handler, or by the peer after it.
    Error(Error),
    Panic(Panic),
}

/// How a handler has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// By an error or a panic, which has been reported.
    Badly,
    /// It could not send, because of the shutdown.
    ShutDown,
    Well,
}

/// Waits for the handler of a connection, then closes what it has left open. Reports one failure at
/// most.
pub(in crate::io) async fn serve<R: Future<Output = Result<(), Error>>>(
    handler: Result<Pin<Box<R>>, Panic>,
    salvage: Salvage<Stream<NetStream>>,
    is_shut_down: impl Fn() -> bool,
    mut report: impl FnMut(Failure),
) {
    let ended = match handler {
        Ok(handler) => catch_in(handler).await,
        Err(panic) => Err(panic),
    };
    // Boxed, as few need it: the task would hold the place of the socket all along.
    let mut socket = salvage.take().map(Box::new);
    let ended = match ended {
        Ok(Ok(())) => Ended::Well,
        // It was closed under the handler: what counts is how that comes out.
        Ok(Err(Error::Send { error: SendError::Closed, .. }))
            if socket.is_some() && is_shut_down() =>
        {
            Ended::ShutDown
        }
        Ok(Err(error)) => {
            report(Failure::Error(Box::pin(explain(error, socket.as_deref_mut())).await));
            Ended::Badly
        }
        Err(panic) => {
            report(Failure::Panic(panic));
            Ended::Badly
        }
    };
    let closing = socket.map(|socket| Box::pin(close(*socket, ended)));
    if let Some(closing) = closing
        && let Err(error) = closing.await
        && ended != Ended::Badly
    {
        report(Failure::Error(error));
    }
}

/// Returns the connection's own error instead of one that does not name the deadline that has passed.
async fn explain(error: Error, socket: Option<&mut WebSocket<NetStream>>) -> Error {
    match (error, socket) {
        (error @ Error::Timeout(Timeout::Deadline), Some(socket)) => {
            socket.run(|_, _| {}).await.err().unwrap_or(error)
        }
        (error, _) => error,
    }
}

/// Closes a connection that is still open.
async fn close(mut socket: WebSocket<NetStream>, ended: Ended) -> Result<(), Error> {
    let code = match ended {
        Ended::Badly => CloseCode::INTERNAL_ERROR,
        // By the shutdown, it usually has a code already.
        Ended::ShutDown | Ended::Well => CloseCode::NORMAL,
    };
    // Of an end that the handler has seen, it has judged itself.
    if ended != Ended::ShutDown && socket.ready_state() == ReadyState::Closed {
        return Ok(());
    }
    socket.close(code, "").await
}
