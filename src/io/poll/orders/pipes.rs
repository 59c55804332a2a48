//! A transport between two tasks, whose buffers hold less than a message; knows no frames.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;

use bytes::{Buf, BufMut};
use shuttle::sync::Mutex;

use crate::buffer::{Input, TransmitBuf};
use crate::io::poll::PollTransport;
use crate::timestamp::Timestamp;

/// One direction between two ends.
#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
pub(super) struct End {
    inbound: Arc<Mutex<Pipe>>,
    outbound: Arc<Mutex<Pipe>>,
    /// In seconds. No timer wakes anybody.
    pub(super) clock: Arc<AtomicU64>,
}

/// How many bytes are under way at most: no message fits.
const ROOM: usize = 8;

fn update<R>(pipe: &Mutex<Pipe>, work: impl FnOnce(&mut Pipe) -> R) -> R {
    let mut pipe = pipe.lock().unwrap();
    let done = work(&mut pipe);
    let is_readable = pipe.is_closed || !pipe.bytes.is_empty();
    let is_writable = pipe.is_closed || pipe.bytes.len() < ROOM;
    let reader = pipe.reader.take_if(|_| is_readable);
    let writer = pipe.writer.take_if(|_| is_writable);
    drop(pipe);
    [reader, writer].into_iter().flatten().for_each(Waker::wake);
    done
}

impl PollTransport for End {
    type Stream = Self;

    fn new(stream: Self) -> Self {
        stream
    }

    fn stream(&self) -> &Self {
        self
    }

    fn into_stream(self) -> Self {
        self
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Input<'_>,
    ) -> Poll<io::Result<usize>> {
        update(&self.inbound, |pipe| {
            let len = pipe.bytes.len();
            if len == 0 && !pipe.is_closed {
                pipe.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            pipe.bytes.drain(..).for_each(|byte| input.put_u8(byte));
            Poll::Ready(Ok(len))
        })
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        output: &TransmitBuf,
    ) -> Poll<io::Result<usize>> {
        update(&self.outbound, |pipe| {
            if pipe.is_closed {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let len = output.chunk().len().min(ROOM - pipe.bytes.len());
            if len == 0 {
                pipe.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            pipe.bytes.extend(&output.chunk()[..len]);
            Poll::Ready(Ok(len))
        })
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        update(&self.outbound, |pipe| pipe.is_closed = true);
        Poll::Ready(Ok(()))
    }

    fn now(&self) -> Timestamp {
        Duration::from_secs(self.clock.load(Ordering::Relaxed)).into()
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, at: Timestamp) -> Poll<()> {
        if self.now() < at { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        for pipe in [&self.inbound, &self.outbound] {
            update(pipe, |pipe| pipe.is_closed = true);
        }
    }
}

impl End {
    /// Writes all of it, and reads nothing meanwhile.
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            poll_fn(|cx| {
                update(&self.outbound, |pipe| {
                    if pipe.bytes.len() == ROOM {
                        pipe.writer = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                    pipe.bytes.push_back(byte);
                    Poll::Ready(())
                })
            })
            .await;
        }
    }

    pub(super) async fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let next = poll_fn(|cx| {
                update(&self.inbound, |pipe| {
                    if pipe.bytes.is_empty() {
                        pipe.reader = Some(cx.waker().clone());
                    }
                    pipe.bytes.pop_front().map_or(Poll::Pending, Poll::Ready)
                })
            });
            bytes.push(next.await);
        }
        bytes
    }
}

pub(super) fn ends() -> (End, End) {
    let [there, back]: [Arc<Mutex<Pipe>>; 2] = Default::default();
    let clock = Arc::default();
    let near =
        End { inbound: Arc::clone(&there), outbound: Arc::clone(&back), clock: Arc::clone(&clock) };
    (near, End { inbound: back, outbound: there, clock })
}
