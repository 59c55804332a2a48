//! The loop of the client: does what the supervisor says, one thing at a time; decides nothing.

use alloc::boxed::Box;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::time::{Sleep, sleep};
use futures_core::Stream;

use super::attempt::Attempt;
use super::client::Client;
use super::event::{Cause, ClientEvent};
use crate::io::tokio::WebSocket;
use crate::reconnect::{Step, Supervisor};

/// What a client has of attempts and connections.
#[expect(clippy::large_enum_variant, reason = "a client has one of it")]
pub(super) enum Stage<S> {
    /// Nothing exists but the delay before the next attempt.
    Idle(Option<Pin<Box<Sleep>>>),
    Connecting(Attempt<S>),
    /// It may be closing.
    Open(WebSocket<S>),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Client<S> {
    /// Waits for the next event. Returns `None` after the client was stopped or gave up, and its
    /// connection has ended.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no event is lost; work in progress continues with the next call.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next event: [`next`](Self::next) as a poll function.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        self.shared.register(cx.waker());
        loop {
            let now = self.epoch.elapsed();
            match self.shared.with(|supervisor| supervisor.poll_step(now)) {
                Step::Connect { attempt } => self.stage = Stage::Connecting((self.begin)(attempt)),
                Step::Disconnect => self.stage = Stage::Idle(None),
                Step::Event(event) => return Poll::Ready(Some(event)),
                Step::Over => return Poll::Ready(None),
                Step::Wait => ready!(self.poll_stage(cx)),
            }
        }
    }

    /// Stops the client. An attempt or a delay ends at once; a connection is closed with 1000.
    ///
    /// To complete the closing handshake, call [`next`](Self::next) until it returns `None`. This
    /// takes [`Config::close_timeout`](crate::Config) at most, whatever the server does. Queued
    /// messages are sent before the Close frame as far as the connection's output has room; the
    /// rest stays queued: [`take_unsent`](Self::take_unsent) returns it. If the client is dropped instead, everything is lost.
    #[doc(alias = "close")]
    #[doc(alias = "shutdown")]
    pub fn stop(&mut self) {
        self.shared.with(Supervisor::stop);
        match &mut self.stage {
            Stage::Open(socket) => {
                self.shared.with(|supervisor| supervisor.transmit(&mut socket.commands()));
            }
            Stage::Connecting(_) | Stage::Idle(_) => self.stage = Stage::Idle(None),
        }
    }

    /// Drives what exists; ready when that may have made another step due.
    fn poll_stage(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.epoch.elapsed();
        match &mut self.stage {
            Stage::Idle(delay) => {
                // Without a time a handle has stopped the client this moment, and woken it.
                let until = self.shared.with(|supervisor| supervisor.poll_timeout());
                let Some(until) = until else { return Poll::Pending };
                let sleep = || Box::pin(sleep(until.saturating_duration_since(now)));
                ready!(delay.get_or_insert_with(sleep).as_mut().poll(cx));
                *delay = None;
            }
            Stage::Connecting(attempt) => match ready!(attempt.poll(cx)) {
                Ok((socket, first)) => {
                    self.stage = Stage::Open(socket);
                    self.shared.with(|supervisor| supervisor.handle_connected(now, first));
                }
                Err(cause) => self.end(cause),
            },
            Stage::Open(socket) => {
                self.shared.with(|supervisor| supervisor.transmit(&mut socket.commands()));
                match Pin::new(&mut *socket).poll_next(cx) {
                    Poll::Ready(Some(Ok(message))) => {
                        self.shared.with(|supervisor| supervisor.handle_message(message));
                    }
                    Poll::Ready(None) => {
                        let lost =
                            || Cause::Failed(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                        let cause = socket.closed().map_or_else(lost, Cause::Closed);
                        self.end(cause);
                    }
                    Poll::Ready(Some(Err(error))) => self.end(Cause::Failed(error)),
                    Poll::Pending => {
                        let is_queued = self.shared.with(|supervisor| {
                            supervisor.acknowledge();
                            // There may be room now.
                            supervisor.transmit(&mut socket.commands())
                        });
                        if is_queued {
                            // To be written next, but not in this call: it may have to let other
                            // tasks run.
                            cx.waker().wake_by_ref();
                        }
                        return Poll::Pending;
                    }
                }
            }
        }
        Poll::Ready(())
    }

    /// Reports the end of an attempt or of a connection.
    fn end(&mut self, cause: Cause) {
        self.stage = Stage::Idle(None);
        let mut judgement = self.shared.with(|supervisor| supervisor.judge(cause));
        if let Some(judge) = &mut self.judge {
            judgement.retry = judge(&judgement.cause, judgement.retry);
        }
        let now = self.epoch.elapsed();
        self.shared.with(|supervisor| supervisor.handle_disconnected(now, judgement));
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for Client<S> {
    type Item = ClientEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        Self::poll_next(&mut self, cx)
    }
}
