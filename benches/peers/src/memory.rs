//! A transport without a socket: reads repeat a prepared stream, without end, once, or so much in
//! each turn; writes are taken whole. Knows nothing of WebSockets.

use core::hint::black_box;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::{Context, Poll};
use std::io::{self, IoSlice, Read, Write};
use std::sync::{Arc, Mutex};

use bytes::{BufMut, Bytes};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The transport. Clones read the same from where they are, and write to the same tap.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    input: Bytes,
    /// `at < input.len()`, unless the input is over.
    at: usize,
    /// The most that one read delivers.
    read_size: usize,
    /// The turn, and what is left of it, where reads wait for the next.
    pace: Option<(u64, usize)>,
    repeats: bool,
    tap: Arc<Tap>,
}

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    turn: AtomicU64,
    writes: AtomicU64,
    /// Whether a read found the end of what is delivered once.
    has_ended: AtomicBool,
    keeps: AtomicBool,
    kept: Mutex<Vec<u8>>,
}

impl Memory {
    pub(crate) fn new(input: &Bytes, read_size: usize) -> Self {
        let tap = Arc::default();
        Self { input: input.clone(), at: 0, read_size, pace: None, repeats: true, tap }
    }

    pub(crate) fn sink() -> Self {
        Self::new(&Bytes::new(), 1)
    }

    /// Makes a transport that delivers its input once, and then its end.
    pub(crate) fn once(input: &[u8], read_size: usize) -> Self {
        Self { repeats: false, ..Self::new(&Bytes::copy_from_slice(input), read_size) }
    }

    /// Makes a transport that delivers so many bytes in each [turn](Tap::begin_turn), and then lets
    /// its reader wait.
    pub(crate) fn paced(input: &Bytes, in_turn: usize) -> Self {
        Self { pace: Some((0, 0)), ..Self::new(input, in_turn) }
    }

    /// Reads into memory that need not be initialised; `None` when nothing is there.
    pub(crate) fn read_into(&mut self, buf: &mut impl BufMut) -> Option<usize> {
        let bytes = self.next(buf.chunk_mut().len())?;
        buf.put_slice(bytes);
        Some(bytes.len())
    }

    pub(crate) fn tap(&self) -> Arc<Tap> {
        Arc::clone(&self.tap)
    }

    /// A read ends where the stream begins anew.
    fn next(&mut self, room: usize) -> Option<&[u8]> {
        let from = self.at;
        let mut len = room.min(self.read_size).min(self.input.len() - from);
        if let Some((turn, left)) = &mut self.pace {
            let now = self.tap.turn.load(Ordering::Relaxed);
            if *turn != now {
                (*turn, *left) = (now, self.read_size);
            }
            if *left == 0 {
                return None;
            }
            len = len.min(*left);
            *left -= len;
        }
        if from == self.input.len() && !self.repeats {
            self.tap.has_ended.store(true, Ordering::Relaxed);
        }
        self.at = if self.repeats && from + len == self.input.len() { 0 } else { from + len };
        Some(&self.input[from..from + len])
    }
}

impl Tap {
    /// Lets all who wait read.
    pub(crate) fn begin_turn(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns what is written meanwhile.
    pub(crate) fn record(&self, act: impl FnOnce()) -> Vec<u8> {
        self.keeps.store(true, Ordering::Relaxed);
        act();
        self.keeps.store(false, Ordering::Relaxed);
        core::mem::take(&mut self.kept.lock().unwrap())
    }

    /// Returns whether more was asked for than was there to be delivered once.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    fn take(&self, slices: &[IoSlice<'_>]) -> usize {
        // One thread writes: no need to pay for an atomic addition.
        self.writes.store(self.writes.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if self.keeps.load(Ordering::Relaxed) {
            let mut kept = self.kept.lock().unwrap();
            slices.iter().for_each(|slice| kept.extend_from_slice(slice));
        }
        slices.iter().map(|slice| black_box(slice).len()).sum()
    }
}

impl Read for Memory {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.next(buf.len()).ok_or(io::ErrorKind::WouldBlock)?;
        buf[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Memory {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(self.tap.take(&[IoSlice::new(buf)]))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.tap.take(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Nobody is woken: a reader that waits is polled in the next turn.
        let Some(bytes) = self.next(buf.remaining()) else { return Poll::Pending };
        buf.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.tap.take(&[IoSlice::new(buf)])))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.tap.take(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Runs a future over this transport, which never makes it wait; but it may give way to others, of
/// which there are none.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut polls = (0..1 << 20).filter_map(|_| future.as_mut().now_or_never());
    polls.next().expect("nothing is waited for but the transport")
}
