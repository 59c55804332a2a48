//! One connection of a client that comes back, until its end; knows nothing of the next one.

use alloc::string::ToString;
use core::task::{Context, Poll};
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite};

use super::event::{Cause, Event};
use super::outbox::Shared;
use crate::close::CloseCode;
use crate::delivery::DeliveryError;
use crate::io::tokio::WebSocket;

/// An open or closing connection.
#[derive(Debug)]
pub(super) struct Link<S> {
    socket: WebSocket<S>,
    /// Why this end closed it, if the peer broke the rules of the session.
    failure: Option<DeliveryError>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Sends what waits, and receives; an error is the end of the connection.
    pub(super) fn poll(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Event, Cause>> {
        loop {
            shared.transmit(self.socket.connection_mut());
            let received = match self.socket.driver.poll_recv(cx) {
                Poll::Ready(received) => received,
                Poll::Pending => {
                    shared.acknowledge();
                    // There may be room now, and what was queued is to be written.
                    if shared.transmit(self.socket.connection_mut()) {
                        continue;
                    }
                    return Poll::Pending;
                }
            };
            let message = match (received, self.failure) {
                (Ok(Some(message)), None) => message,
                (Ok(Some(_)), Some(_)) => continue,
                (Ok(None) | Err(_), Some(error)) => {
                    return Poll::Ready(Err(Cause::Delivery(error)));
                }
                (Err(error), None) => return Poll::Ready(Err(Cause::Failed(error))),
                (Ok(None), None) => return Poll::Ready(Err(self.closed())),
            };
            match shared.handle_message(message) {
                Ok(Some(event)) => return Poll::Ready(Ok(event)),
                Ok(None) => {}
                Err(error) => {
                    self.failure = Some(error);
                    self.close(error.close_code(), &error.to_string());
                }
            }
        }
    }
}

impl<S> Link<S> {
    pub(super) const fn new(socket: WebSocket<S>) -> Self {
        Self { socket, failure: None }
    }

    pub(super) const fn socket(&self) -> &WebSocket<S> {
        &self.socket
    }

    /// Begins to close the connection, behind what waits and finds room.
    pub(super) fn stop(&mut self, shared: &Shared) {
        shared.acknowledge();
        shared.transmit(self.socket.connection_mut());
        self.close(CloseCode::NORMAL, "");
    }

    /// Sends a Close frame. A connection that takes none is at its end already.
    fn close(&mut self, code: CloseCode, reason: &str) {
        let _ = self.socket.connection_mut().close(code, reason);
    }

    fn closed(&self) -> Cause {
        let lost = || Cause::Failed(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        self.socket.closed().cloned().map_or_else(lost, Cause::Closed)
    }
}
