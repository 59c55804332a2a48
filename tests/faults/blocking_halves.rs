//! The halves of a blocking socket, in two threads, over a socket of the system; the other end has
//! a thread, too.
#![expect(clippy::disallowed_methods, reason = "an application has threads")]

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use sanswire::io::Transport;
use sanswire::io::blocking::Sender;

use crate::blocking::{open, play_blocking};
use crate::fault::{Act, Faults, KINDS, Kind, Op, at_most_operations};
use crate::log::{End, Log, MESSAGES, message};
use crate::play::{Deadlines, Plan};

/// A stream that has faults.
struct Stream {
    inner: UnixStream,
    faults: Faults,
}

impl Stream {
    /// Returns how much the operation may move.
    fn begin(&self, op: Op) -> io::Result<usize> {
        let act = self.faults.act(op);
        if act == Act::Never {
            // The system says that it is ready, again and again.
            thread::sleep(Duration::from_millis(1));
        }
        act.most()
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = self.begin(Op::Read)?.min(buf.len());
        if most == 0 { Ok(0) } else { self.inner.read(&mut buf[..most]) }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.begin(Op::Write)?.min(bytes.len());
        if most == 0 { Ok(0) } else { self.inner.write(&bytes[..most]) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.begin(Op::Flush).map(|_| ())
    }
}

impl Transport for Stream {
    fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Transport::set_read_timeout(&mut self.inner, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Transport::set_write_timeout(&mut self.inner, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.begin(Op::Shutdown)?;
        self.inner.shutdown_write()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// What an application does with the halves.
fn play_halves(stream: Stream, plan: Plan) -> Log {
    let mut log = Log::default();
    let (sender, mut receiver) = match open(stream, plan.near, plan) {
        Ok(socket) => socket.split().unwrap(),
        Err(error) => {
            log.ends.push(End::from(&error));
            return log;
        }
    };
    log.opened = true;
    let other = sender.clone();
    let mut sending = Some(thread::spawn(move || send(&other)));
    loop {
        let received = receiver.recv();
        let Ok(Some(received)) = received else {
            log.note_end(received);
            break;
        };
        log.receive(&received);
        if plan.closer == plan.near && log.received.len() == usize::from(MESSAGES) {
            // The Close goes behind what the other thread sends.
            log.sent = sending.take().unwrap().join().unwrap();
            let _ = receiver.with_commands(|commands| commands.close(1000, "bye"));
        }
    }
    if let Some(sending) = sending {
        log.sent = sending.join().unwrap();
    }
    for _ in 0..2 {
        log.note_end(receiver.recv());
    }
    assert!(sender.send("late").is_err(), "sent behind the end");
    assert_eq!(sender.ready_state(), receiver.ready_state());
    assert_eq!(sender.closed(), receiver.closed());
    (log.closed, log.state) = (receiver.closed(), Some(receiver.ready_state()));
    log
}

/// Returns the messages of which it was said that they have left.
fn send(sender: &Sender<Stream>) -> Vec<u8> {
    let mut sent = Vec::new();
    for number in 0..MESSAGES {
        if sender.send(message(number)).is_ok() {
            sent.push(number);
        }
        if number == 1 {
            let _ = sender.ping(b"there?");
        }
    }
    sent
}

/// Plays a plan with a fault, and returns how many operations the near end's transport had.
fn suffer(plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let faults = Faults::new(fault);
    let (near, far) = UnixStream::pair().unwrap();
    let near = Stream { inner: near, faults: faults.clone() };
    // The far end is patient, so that it does not give up one that is only slow.
    let patient = Plan { deadlines: Deadlines::Usual, ..plan };
    let far = thread::spawn(move || play_blocking(far, plan.near.peer(), patient));
    let near = play_halves(near, plan);
    let far = far.join().unwrap_or_else(|_| panic!("{case}: the other end failed"));
    Log::check_both(&near, &far, plan.deadlines == Deadlines::Usual, &case);
    (faults.count(), faults.has_struck())
}

fn suffer_all(deadlines: Deadlines, kinds: impl Fn(Kind) -> bool) {
    for plan in Plan::all(deadlines).into_iter().filter(|plan| plan.is_split) {
        at_most_operations(plan, KINDS.into_iter().filter(|kind| kinds(*kind)), suffer);
    }
}

#[test]
fn each_fault_of_a_stream_that_the_halves_get_over() {
    suffer_all(Deadlines::Usual, |kind| {
        matches!(kind, Kind::Block | Kind::Interrupted | Kind::Short)
    });
}

/// In real time, so that deadlines are short.
#[test]
fn each_fault_at_the_operations_of_the_halves() {
    suffer_all(Deadlines::Short, |kind| {
        matches!(kind, Kind::End | Kind::Error | Kind::ErrorOnce | Kind::NeverReady)
    });
}
