//! What the peers have in common that are a `Stream` and a `Sink`: echo loops.

use core::fmt::Debug;

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};

/// Echoes each message, which has left before the next is taken.
pub(super) async fn plain<S, I, E>(mut socket: S, mut is_data: impl FnMut(&I) -> bool)
where
    S: Stream<Item = Result<I, E>> + Sink<I> + Unpin,
    <S as Sink<I>>::Error: Debug,
{
    while let Some(Ok(message)) = socket.next().await {
        if is_data(&message) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Echoes all that is there before anything is flushed.
pub(super) async fn gathered<S, I, E>(mut socket: S, mut is_data: impl FnMut(&I) -> bool)
where
    S: Stream<Item = Result<I, E>> + Sink<I> + Unpin,
    <S as Sink<I>>::Error: Debug,
{
    loop {
        let next = match socket.next().now_or_never() {
            Some(next) => next,
            None => {
                if socket.flush().await.is_err() {
                    return;
                }
                socket.next().await
            }
        };
        let Some(Ok(message)) = next else { return };
        if is_data(&message) && socket.feed(message).await.is_err() {
            return;
        }
    }
}

/// Takes all that is there, and then answers all of it.
pub(super) async fn batched<S, I, E>(mut socket: S, mut is_data: impl FnMut(&I) -> bool)
where
    S: Stream<Item = Result<I, E>> + Sink<I> + Unpin,
    <S as Sink<I>>::Error: Debug,
{
    let mut batch = Vec::new();
    loop {
        let mut next = socket.next().await;
        while let Some(Ok(message)) = next {
            batch.push(message);
            next = match socket.next().now_or_never() {
                Some(next) if batch.len() < BATCH => next,
                Some(Some(Ok(message))) => {
                    batch.push(message);
                    break;
                }
                _ => break,
            };
        }
        if batch.is_empty() {
            return;
        }
        for message in batch.drain(..).filter(&mut is_data) {
            if socket.feed(message).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

/// How many messages are held at once.
const BATCH: usize = 64;
