//! A transport without a socket: reads repeat a prepared stream without end, writes are taken whole;
//! knows nothing of WebSockets.

use core::hint::black_box;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};
use std::io::{self, IoSlice, Read, Write};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The transport.
#[derive(Debug)]
pub struct Memory {
    input: Arc<[u8]>,
    /// `at < input.len()`, unless there is no input.
    at: usize,
    /// The most that one read delivers.
    read_size: usize,
    tap: Arc<Tap>,
}

/// What was written.
#[derive(Debug, Default)]
pub struct Tap {
    writes: AtomicU64,
    keeps: AtomicBool,
    kept: Mutex<Vec<u8>>,
}

impl Memory {
    #[must_use]
    pub fn new(input: &Arc<[u8]>, read_size: usize) -> Self {
        Self { input: Arc::clone(input), at: 0, read_size, tap: Arc::default() }
    }

    /// Makes a transport that is only written to.
    #[must_use]
    pub fn sink() -> Self {
        Self::new(&Arc::from([].as_slice()), 1)
    }

    #[must_use]
    pub fn tap(&self) -> Arc<Tap> {
        Arc::clone(&self.tap)
    }

    /// A read ends where the stream begins anew.
    fn next(&mut self, room: usize) -> &[u8] {
        let from = self.at;
        let len = room.min(self.read_size).min(self.input.len() - from);
        self.at = if from + len == self.input.len() { 0 } else { from + len };
        &self.input[from..from + len]
    }
}

impl Tap {
    /// Keeps what is written from now on, or stops to.
    pub fn keep(&self, keeps: bool) {
        self.keeps.store(keeps, Ordering::Relaxed);
    }

    /// Returns what was kept, and forgets it.
    pub fn take_kept(&self) -> Vec<u8> {
        core::mem::take(&mut self.kept.lock().unwrap())
    }

    /// Returns how many calls wrote.
    pub fn writes(&self) -> u64 {
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
        let bytes = self.next(buf.len());
        let len = bytes.len();
        buf[..len].copy_from_slice(bytes);
        Ok(len)
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
        let bytes = self.next(buf.remaining());
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

/// Runs a future over this transport, which never makes it wait.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..PATIENCE {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
    panic!("a future waits for something that is not the transport");
}

/// How often a future may give way to others, of which there are none.
const PATIENCE: usize = 1 << 20;
