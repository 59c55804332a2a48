//! The blocking adapter. The other end lives on its thread, and runs where this one would wait.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sanswire::io::Transport;
use sanswire::io::blocking::WebSocket;
use sanswire::{Error, Role};

use crate::fault::{Faults, KINDS, Kind, Op, at_each_operation};
use crate::faulty::Faulty;
use crate::log::{End, Log, MESSAGES, Shared, message};
use crate::play::{Deadlines, Plan, play};
use crate::poll;
use crate::world::{Clock, PipeEnd, pipes};

/// Nothing when it has ended.
pub(crate) type Task = Rc<RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>>;

/// A pipe that has faults; as a `TcpStream` that is non-blocking, it takes bounds and ignores them.
pub(crate) struct Stream {
    pipe: PipeEnd,
    faults: Faults,
    far: Task,
}

impl Stream {
    pub(crate) fn new(pipe: PipeEnd, faults: &Faults, far: &Task) -> Self {
        Self { pipe, faults: faults.clone(), far: Rc::clone(far) }
    }

    /// Tries, and once more when the other end has done what it can.
    fn attempt<T>(
        &self,
        operation: impl Fn(&PipeEnd, &mut Context<'_>) -> Poll<T>,
    ) -> io::Result<T> {
        for _ in 0..2 {
            let cx = &mut Context::from_waker(Waker::noop());
            if let Poll::Ready(done) = operation(&self.pipe, cx) {
                return Ok(done);
            }
            run(&self.far);
        }
        Err(ErrorKind::WouldBlock.into())
    }
}

/// Polls a task while it may do more. Returns whether it has ended.
pub(crate) fn run(task: &Task) -> bool {
    let mut task = task.borrow_mut();
    // It yields now and then.
    for _ in 0..10 {
        let Some(future) = &mut *task else { return true };
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            *task = None;
        }
    }
    task.is_none()
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = self.faults.act(Op::Read).most()?.min(buf.len());
        if most == 0 {
            return Ok(0);
        }
        let buf = RefCell::new(&mut buf[..most]);
        self.attempt(|pipe, cx| pipe.poll_read(cx, &mut buf.borrow_mut()))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.faults.act(Op::Write).most()?.min(bytes.len());
        if most == 0 {
            return Ok(0);
        }
        let written = self.attempt(|pipe, cx| pipe.poll_write(cx, &bytes[..most]))?;
        written.ok_or_else(|| ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.faults.act(Op::Flush).most().map(|_| ())
    }
}

impl Transport for Stream {
    fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.faults.act(Op::Shutdown).most()?;
        self.pipe.shut_down();
        Ok(())
    }
}

/// Opens a socket over a stream.
pub(crate) fn open<S: Transport>(stream: S, role: Role, plan: Plan) -> Result<WebSocket<S>, Error> {
    let config = plan.config();
    match role {
        Role::Client => WebSocket::connect_over(stream, &plan.request(), &config),
        Role::Server => {
            WebSocket::accept_with_limits(
                stream,
                &plan.limits(),
                &config,
                |_| Ok(plan.acceptance()),
            )
        }
    }
}

/// What an application does at one end.
pub(crate) fn play_blocking<S: Transport>(stream: S, role: Role, plan: Plan) -> Log {
    let mut log = Log::default();
    let mut socket = match open(stream, role, plan) {
        Ok(socket) => socket,
        Err(error) => {
            log.ends.push(End::from(&error));
            return log;
        }
    };
    log.opened = true;
    for number in 0..MESSAGES {
        let sent = match number {
            3 => socket.feed(message(number)).and_then(|()| socket.flush()),
            _ => socket.send(message(number)),
        };
        if sent.is_ok() {
            log.sent.push(number);
        }
        if number == 1 {
            let _ = socket.ping(b"there?");
        }
    }
    loop {
        let received = socket.recv();
        let Ok(Some(received)) = received else {
            log.note_end(received);
            break;
        };
        log.receive(&received);
        if plan.closer == role && log.received.len() == usize::from(MESSAGES) {
            let _ = socket.close(1000, "bye");
        }
    }
    for _ in 0..2 {
        log.note_end(socket.recv());
    }
    assert!(socket.send("late").is_err(), "sent behind the end");
    let _: Result<(), Error> = socket.flush();
    (log.closed, log.state) = (socket.closed(), Some(socket.ready_state()));
    log
}

/// Plays a plan with a fault, and returns how many operations the near end's transport had.
fn suffer(plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let (clock, faults) = (Clock::default(), Faults::new(fault));
    let (near, far) = pipes();
    let far_log = Shared::default();
    let far = poll::Stream { pipe: Faulty::new(far, &Faults::new(None)), clock: clock.clone() };
    let far = play::<poll::Transport>(far, plan.near.peer(), plan, far_log.clone());
    let far: Task = Rc::new(RefCell::new(Some(Box::pin(far))));
    let near = Stream::new(near, &faults, &far);
    let near = play_blocking(near, plan.near, plan);
    while !run(&far) {
        assert!(clock.advance(), "{case}: the other end waits for nothing");
    }
    let far = far_log.borrow();
    Log::check_both(&near, &far, plan.deadlines == Deadlines::Usual, &case);
    (faults.count(), faults.has_struck())
}

fn suffer_all(deadlines: Deadlines, kinds: impl Fn(Kind) -> bool) {
    for plan in Plan::all(deadlines) {
        // Here, nobody sends and receives at once; and what takes real time is played half as often.
        let is_slow = deadlines == Deadlines::Short;
        if plan.is_split || is_slow && plan.closer == Role::Server {
            continue;
        }
        at_each_operation(plan, KINDS.into_iter().filter(|kind| kinds(*kind)), suffer);
    }
}

#[test]
fn each_fault_of_a_blocking_stream_that_it_gets_over() {
    suffer_all(Deadlines::Usual, |kind| goes_on(kind) && kind != Kind::AlwaysReady);
}

/// In real time, so that deadlines are short.
#[test]
fn each_fault_at_each_operation_of_a_blocking_stream() {
    suffer_all(Deadlines::Short, |kind| !goes_on(kind) && !kind.is_of_clock());
}

/// Here, an operation that is interrupted is made again.
pub(crate) fn goes_on(kind: Kind) -> bool {
    kind.is_harmless() || kind == Kind::Interrupted
}
