//! Who is woken for what: the half that has something to do, and as seldom as can be.
//!
//! Futures are polled by hand, with wakers that count.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream;
use sanswire::{Config, Error, Message, SendError};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::task::unconstrained;

use super::split::server;
use crate::support::{masked, unmasked};

/// A task that does nothing but count how often it is woken.
struct Task {
    woken: Arc<Count>,
    waker: Waker,
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Task {
    fn new() -> Self {
        let woken = Arc::new(Count::default());
        Self { waker: Arc::clone(&woken).into(), woken }
    }

    fn poll<F: Future>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&self.waker))
    }

    /// Returns how often it was woken since the last look.
    fn woken(&self) -> usize {
        self.woken.0.swap(0, Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Reads everything that is there.
fn read(stream: &mut DuplexStream) -> Vec<u8> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    loop {
        let mut memory = [0; 1_000];
        let mut buf = ReadBuf::new(&mut memory);
        match Pin::new(&mut *stream).poll_read(&mut cx, &mut buf) {
            Poll::Ready(read) => read.unwrap(),
            Poll::Pending => return all,
        }
        if buf.filled().is_empty() {
            return all;
        }
        all.extend_from_slice(buf.filled());
    }
}

/// Writes all of it at once.
fn write(stream: &mut DuplexStream, bytes: &[u8]) {
    let written = Pin::new(stream).poll_write(&mut Context::from_waker(Waker::noop()), bytes);
    assert!(matches!(written, Poll::Ready(Ok(len)) if len == bytes.len()), "{written:?}");
}

/// Runs a test that is one poll of its runtime's task, however long.
async fn by_hand(test: impl FnOnce()) {
    unconstrained(async { test() }).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_waits_is_woken_once_for_each_message_that_is_queued() {
    by_hand(|| {
        let (socket, mut stream) = server(10_000, &Config::default());
        let (mut sender, mut receiver) = socket.split();
        let task = Task::new();
        let mut receiving = pin!(receiver.recv());
        assert!(task.poll(receiving.as_mut()).is_pending());
        for i in 0..100_u8 {
            if i % 2 == 0 {
                sender.try_send(vec![i; 10]).unwrap();
            } else {
                let feeding = pin!(sender.feed(vec![i; 10]));
                assert!(Task::new().poll(feeding).is_ready());
            }
            assert_eq!(task.woken(), 1);
            assert!(task.poll(receiving.as_mut()).is_pending());
            assert_eq!(read(&mut stream), unmasked(0x82, &[i; 10]));
        }
        assert_eq!(task.woken(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_waits_is_woken_once_for_all_that_is_queued_at_once() {
    by_hand(|| {
        let (socket, mut stream) = server(10_000, &Config::default());
        let (mut sender, mut receiver) = socket.split();
        let task = Task::new();
        let mut receiving = pin!(receiver.recv());
        assert!(task.poll(receiving.as_mut()).is_pending());
        for i in 0..100_u8 {
            sender.try_send(vec![i; 10]).unwrap();
        }
        assert_eq!(task.woken(), 1);
        assert!(task.poll(receiving.as_mut()).is_pending());
        let expected: Vec<u8> = (0..100).flat_map(|i| unmasked(0x82, &[i; 10])).collect();
        assert_eq!(read(&mut stream), expected);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_waits_is_not_woken_for_what_is_sent() {
    by_hand(|| {
        let (socket, mut stream) = server(10_000, &Config::default());
        let (mut sender, mut receiver) = socket.split();
        let (receives, sends) = (Task::new(), Task::new());
        let mut receiving = pin!(receiver.recv());
        assert!(receives.poll(receiving.as_mut()).is_pending());
        for i in 0..100_u8 {
            let sending = pin!(sender.send(vec![i; 10]));
            assert!(sends.poll(sending).is_ready());
            assert_eq!(read(&mut stream), unmasked(0x82, &[i; 10]));
        }
        assert_eq!((receives.woken(), sends.woken()), (0, 0));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_for_room_is_woken_when_the_other_half_closes() {
    by_hand(|| {
        let (socket, _stream) = server(10, &Config::default().max_buffered(20).close_timeout(None));
        let (mut sender, mut receiver) = socket.split();
        sender.try_send(vec![7; 30]).unwrap();
        let task = Task::new();
        let mut feeding = pin!(sender.feed(vec![7; 30]));
        while task.poll(feeding.as_mut()).is_pending() && task.woken() > 0 {}
        receiver.with_commands(|commands| commands.close(1000, "")).unwrap();
        assert_eq!(task.woken(), 1);
        let Poll::Ready(fed) = task.poll(feeding) else { panic!("it still waits for room") };
        assert!(matches!(fed, Err(Error::Send { error: SendError::Closed, .. })), "{fed:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_stuck_is_not_woken_for_what_arrives() {
    by_hand(|| {
        let (socket, mut stream) = server(1_000, &Config::default());
        let (mut sender, mut receiver) = socket.split();
        let (receives, sends) = (Task::new(), Task::new());
        let mut sending = pin!(sender.send(vec![7; 10_000]));
        assert!(sends.poll(sending.as_mut()).is_pending());
        let mut receiving = Box::pin(receiver.recv());
        for i in 0..100_u8 {
            assert!(receives.poll(receiving.as_mut()).is_pending());
            write(&mut stream, &masked(0x82, &[i; 10]));
            assert_ne!(receives.woken(), 0);
            let Poll::Ready(received) = receives.poll(receiving.as_mut()) else { panic!("{i}") };
            assert_eq!(received.unwrap(), Some(Message::from(vec![i; 10])));
            drop(receiving);
            receiving = Box::pin(receiver.recv());
        }
        assert_eq!(sends.woken(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_stuck_is_not_woken_for_a_flood() {
    by_hand(|| {
        let (socket, mut stream) = server(1_000, &Config::default());
        let (mut sender, mut receiver) = socket.split();
        let (receives, sends) = (Task::new(), Task::new());
        let mut sending = pin!(sender.send(vec![7; 10_000]));
        assert!(sends.poll(sending.as_mut()).is_pending());
        let frames = masked(0x82, b"flood").repeat(80);
        for _ in 0..10 {
            let mut receiving = Box::pin(receiver.recv());
            assert!(receives.poll(receiving.as_mut()).is_pending());
            write(&mut stream, &frames);
            for _ in 0..80 {
                while receives.poll(receiving.as_mut()).is_pending() {
                    assert_ne!(receives.woken(), 0);
                }
                drop(receiving);
                receiving = Box::pin(receiver.recv());
            }
            assert_eq!(sends.woken(), 0);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_alone_reads_and_what_was_answered_leaves() {
    by_hand(|| {
        let (socket, mut stream) = server(100, &Config::default());
        let (mut sender, mut receiver) = socket.split();
        let (receives, sends) = (Task::new(), Task::new());
        let mut sending = pin!(sender.send(vec![7; 1_000]));
        assert!(sends.poll(sending.as_mut()).is_pending());
        let mut receiving = Box::pin(receiver.recv());
        assert!(receives.poll(receiving.as_mut()).is_pending());
        write(&mut stream, &masked(0x89, b"here?"));
        assert_eq!((receives.woken(), sends.woken()), (1, 0));
        assert!(receives.poll(receiving.as_mut()).is_pending());
        drop(receiving);
        // It may have been the receiver whom the transport would have woken.
        assert_eq!(sends.woken(), 1);
        assert!(sends.poll(sending.as_mut()).is_pending());
        for i in 0..20_u8 {
            write(&mut stream, &masked(0x82, &[i; 80]));
            assert_eq!((receives.woken(), sends.woken()), (0, 1));
            assert!(sends.poll(sending.as_mut()).is_pending());
        }
        let mut written = read(&mut stream);
        while sends.woken() > 0 {
            let sent = sends.poll(sending.as_mut());
            written.extend(read(&mut stream));
            if let Poll::Ready(sent) = sent {
                sent.unwrap();
                break;
            }
        }
        assert_eq!(written, [unmasked(0x82, &[7; 1_000]), unmasked(0x8a, b"here?")].concat());
        // What was read meanwhile is there.
        for i in 0..20_u8 {
            let Poll::Ready(received) = receives.poll(pin!(receiver.recv())) else { panic!("{i}") };
            assert_eq!(received.unwrap(), Some(Message::from(vec![i; 80])));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_polled_no_more_takes_no_wake_up_along() {
    by_hand(|| {
        let (socket, mut stream) = server(100, &Config::default());
        let (mut sender, mut receiver) = socket.split();
        let (receives, sends) = (Task::new(), Task::new());
        // As a branch of a `select!` that another one has won.
        let mut next = Box::pin(poll_fn(|cx| Pin::new(&mut receiver).poll_next(cx)));
        assert!(receives.poll(next.as_mut()).is_pending());
        drop(next);
        let mut sending = pin!(sender.send(vec![7; 1_000]));
        assert!(sends.poll(sending.as_mut()).is_pending());
        sends.woken();
        write(&mut stream, &masked(0x82, b"read me first"));
        assert_eq!(sends.woken(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_half_that_is_dropped_wakes_the_other() {
    by_hand(|| {
        let (socket, _stream) = server(100, &Config::default());
        let (sender, mut receiver) = socket.split();
        let task = Task::new();
        let mut receiving = pin!(receiver.recv());
        assert!(task.poll(receiving.as_mut()).is_pending());
        drop(sender);
        assert_eq!(task.woken(), 1);
        assert!(task.poll(receiving.as_mut()).is_pending());

        let (socket, mut stream) = server(100, &Config::default());
        let (mut sender, receiver) = socket.split();
        let mut sending = pin!(sender.send(vec![7; 150]));
        assert!(task.poll(sending.as_mut()).is_pending());
        drop(receiver);
        assert_eq!(task.woken(), 1);
        assert!(task.poll(sending.as_mut()).is_pending());
        read(&mut stream);
        assert_eq!(task.woken(), 1);
        let Poll::Ready(sent) = task.poll(sending.as_mut()) else { panic!("there was room") };
        sent.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn senders_that_are_stuck_and_dropped_lose_nothing() {
    by_hand(|| {
        let (socket, mut stream) = server(50, &Config::default());
        let (mut sender, mut receiver) = socket.split();
        let (receives, sends) = (Task::new(), Task::new());
        let mut receiving = pin!(receiver.recv());
        assert!(receives.poll(receiving.as_mut()).is_pending());
        let (mut stuck, mut read_so_far) = (0, Vec::new());
        for i in 0..100_u8 {
            stuck += usize::from(sends.poll(pin!(sender.send(vec![i; 30]))).is_pending());
            // Whoever waits writes on.
            if receives.woken() > 0 {
                assert!(receives.poll(receiving.as_mut()).is_pending());
            }
            if i % 3 == 0 {
                read_so_far.extend(read(&mut stream));
            }
        }
        // From here on whoever is woken for the pipe does it all.
        while receives.woken() > 0 {
            assert!(receives.poll(receiving.as_mut()).is_pending());
            read_so_far.extend(read(&mut stream));
        }
        assert!(stuck > 50);
        let expected: Vec<u8> = (0..100).flat_map(|i| unmasked(0x82, &[i; 30])).collect();
        assert!(read_so_far == expected, "{} bytes", read_so_far.len());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_stuck_learns_from_the_receiver_that_the_peer_has_closed() {
    by_hand(|| {
        let (socket, mut stream) = server(100, &Config::default());
        let (mut sender, mut receiver) = socket.split();
        let (receives, sends) = (Task::new(), Task::new());
        let mut receiving = pin!(receiver.recv());
        assert!(receives.poll(receiving.as_mut()).is_pending());
        let mut sending = pin!(sender.send(vec![7; 200]));
        assert!(sends.poll(sending.as_mut()).is_pending());
        assert_eq!(receives.woken(), 0);
        write(&mut stream, &masked(0x88, b"\x03\xe8"));
        assert_ne!(receives.woken(), 0);
        assert!(receives.poll(receiving.as_mut()).is_pending());
        // The peer reads all that was queued before, and our Close frame.
        let mut written = Vec::new();
        let (mut sent, mut received) = (None, None);
        while sent.is_none() || received.is_none() || written.len() < 208 {
            written.extend(read(&mut stream));
            let woken = [receives.woken(), sends.woken()];
            if sent.is_none() || received.is_none() {
                assert_ne!(woken, [0, 0], "nobody goes on after {} bytes", written.len());
            }
            if received.is_none()
                && let Poll::Ready(ready) = receives.poll(receiving.as_mut())
            {
                received = Some(ready);
            }
            if sent.is_none()
                && let Poll::Ready(ready) = sends.poll(sending.as_mut())
            {
                sent = Some(ready);
            }
        }
        assert_eq!(written, [unmasked(0x82, &[7; 200]), unmasked(0x88, b"\x03\xe8")].concat());
        assert_eq!(received.unwrap().unwrap(), None);
        sent.unwrap().unwrap();
    })
    .await;
}
