//! Two pipes, a clock that moves when nobody can, and what runs futures.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// One direction.
#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    is_ended: bool,
    is_broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How much waits in a pipe at most.
const CAPACITY: usize = 4 << 10;

/// One end of two pipes.
#[derive(Debug)]
pub(crate) struct PipeEnd {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
}

pub(crate) fn pipes() -> (PipeEnd, PipeEnd) {
    let (one, other) = (Arc::default(), Arc::default());
    let near = PipeEnd { incoming: Arc::clone(&one), outgoing: Arc::clone(&other) };
    (near, PipeEnd { incoming: other, outgoing: one })
}

impl PipeEnd {
    /// 0 is the end.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<usize> {
        let mut pipe = self.incoming.lock().unwrap();
        if pipe.bytes.is_empty() && !pipe.is_ended {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = pipe.bytes.len().min(buf.len());
        for (to, byte) in buf.iter_mut().zip(pipe.bytes.drain(..len)) {
            *to = byte;
        }
        pipe.writer.take().into_iter().for_each(Waker::wake);
        Poll::Ready(len)
    }

    /// Nothing if the other end is gone.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Option<usize>> {
        let mut pipe = self.outgoing.lock().unwrap();
        if pipe.is_broken {
            return Poll::Ready(None);
        }
        let len = bytes.len().min(CAPACITY - pipe.bytes.len());
        if len == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.bytes.extend(&bytes[..len]);
        pipe.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Some(len))
    }

    pub(crate) fn shut_down(&self) {
        let mut pipe = self.outgoing.lock().unwrap();
        pipe.is_ended = true;
        pipe.reader.take().into_iter().for_each(Waker::wake);
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.shut_down();
        let mut pipe = self.incoming.lock().unwrap();
        pipe.is_broken = true;
        pipe.writer.take().into_iter().for_each(Waker::wake);
    }
}

/// A clock, and who waits for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    pub(crate) now: Rc<Cell<Duration>>,
    timers: Rc<RefCell<Vec<(Duration, Waker)>>>,
}

impl Clock {
    pub(crate) fn poll_timer(&self, cx: &Context<'_>, at: Duration) -> Poll<()> {
        if at <= self.now.get() {
            return Poll::Ready(());
        }
        self.timers.borrow_mut().push((at, cx.waker().clone()));
        Poll::Pending
    }

    /// Goes to the next time that somebody waits for. Returns whether there is one.
    pub(crate) fn advance(&self) -> bool {
        let mut timers = self.timers.borrow_mut();
        let Some(at) = timers.iter().map(|(at, _)| *at).min() else { return false };
        self.now.set(self.now.get().max(at));
        timers.retain(|(other, waker)| {
            if *other <= at {
                waker.wake_by_ref();
            }
            *other > at
        });
        true
    }
}

/// Whether a task is to be polled.
#[derive(Debug)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs tasks until all are done. Returns whether they came to their end, rather than that nobody
/// can do anything more.
#[track_caller]
pub(crate) fn run<'a>(
    clock: &Clock,
    tasks: [Pin<Box<dyn Future<Output = ()> + 'a>>; 2],
    case: &str,
) -> bool {
    let mut tasks = tasks.map(|task| (Some(task), Arc::new(Flag(AtomicBool::new(true)))));
    for _ in 0..100_000 {
        let mut is_idle = true;
        for (task, flag) in &mut tasks {
            let Some(future) = task else { continue };
            if !flag.0.swap(false, Ordering::Relaxed) {
                continue;
            }
            is_idle = false;
            let waker = Waker::from(Arc::clone(flag));
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                *task = None;
            }
        }
        if tasks.iter().all(|(task, _)| task.is_none()) {
            return true;
        }
        if is_idle && !clock.advance() {
            return false;
        }
        assert!(clock.now.get() < LONG, "{case}: it goes on and on");
    }
    panic!("{case}: it runs in circles");
}

/// Longer than any deadline, and than a leap.
const LONG: Duration = Duration::from_secs(3 * 3600);
