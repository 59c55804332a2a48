//! Contestants without I/O, whose caller reads and writes: what is common to them. Knows no crate.

use core::future::poll_fn;
use core::task::Poll;
use std::io::{IoSlice, Write};

use bytes::{Buf, BufMut, Bytes};
use tokio::net::TcpStream;

use crate::contestant::{Contestant, End, Pull, Role, Run, Seen, Start, Tuning};
use crate::memory::Memory;
use crate::wire::Kind;

/// A state machine and its buffers.
pub(crate) trait Machine: Sized + Send + 'static {
    fn new(role: Role, tuning: Tuning) -> Self;
    /// Returns room for what is read.
    fn input(&mut self) -> impl BufMut + Send;
    /// So much was read into [`input`](Self::input).
    fn filled(&mut self, _len: usize) {}
    /// Shows messages that are there, at most so many; returns how many.
    fn receive(&mut self, most: usize, take: impl FnMut(Kind, &[u8])) -> Result<usize, End>;
    /// Answers all messages that are there; returns how many.
    fn echo(&mut self) -> Result<usize, End>;
    /// Queues a message; returns whether there was room.
    fn send(&mut self, payload: &Bytes) -> bool;
    /// Returns what is to be written, if there is anything.
    fn output(&mut self) -> Option<impl Buf + Send>;
    /// So much of the output was written.
    fn written(&mut self, _len: usize) {}
    /// Gives memory back that is not needed before the next read.
    fn idle(&mut self) {}
}

/// Returns the contestant that receives, sends and serves in memory.
pub(crate) const fn machine<T: Machine>(
    name: &'static str,
    receives: &'static str,
    sends: &'static str,
) -> Contestant {
    Contestant {
        open: Some(|memory, role, tuning| Box::new(Driven::<T>::new(memory, role, tuning))),
        receives: Some(receives),
        sends: Some(sends),
        task: Some(|memory| {
            let mut driven = Driven::<T>::new(memory, Role::Server, Tuning::Memory);
            Box::pin(poll_fn(move |_| driven.serve()))
        }),
        ..Contestant::new(name)
    }
}

/// Returns a server over tokio's TCP.
pub(crate) const fn server<T: Machine>() -> Option<Start> {
    Some(Start::Tokio(|stream, tuning| drop(tokio::spawn(serve::<T>(stream, tuning)))))
}

/// A machine and its transport.
pub(crate) struct Driven<T> {
    memory: Memory,
    pub(crate) machine: T,
}

impl<T: Machine> Driven<T> {
    pub(crate) fn new(memory: Memory, role: Role, tuning: Tuning) -> Self {
        Self { memory, machine: T::new(role, tuning) }
    }

    /// Reads once; `None` when nothing is there.
    fn read(&mut self) -> Option<usize> {
        let len = self.memory.read_into(&mut self.machine.input())?;
        self.machine.filled(len);
        Some(len)
    }

    /// Writes all that waits, with vectored writes where it is in pieces.
    pub(crate) fn write(&mut self) {
        loop {
            let Some(mut output) = self.machine.output() else { return };
            let len = if output.chunk().len() == output.remaining() {
                self.memory.write(output.chunk()).unwrap()
            } else {
                let mut slices = [IoSlice::new(&[]); 16];
                let count = output.chunks_vectored(&mut slices);
                self.memory.write_vectored(&slices[..count]).unwrap()
            };
            output.advance(len);
            drop(output);
            self.machine.written(len);
        }
    }

    /// Serves as an event loop of many connections does: it is entered when there is something to
    /// read.
    fn serve(&mut self) -> Poll<()> {
        while self.read().is_some() {
            self.machine.echo().unwrap();
            self.write();
        }
        self.machine.idle();
        Poll::Pending
    }
}

impl<T: Machine> Pull for Driven<T> {
    fn pull(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) -> Result<(), End> {
        let mut left = messages;
        loop {
            left -= self.machine.receive(left, &mut take)?;
            if left == 0 {
                return Ok(());
            }
            if self.read() == Some(0) {
                return Err(End::Closed);
            }
        }
    }
}

impl<T: Machine> Run for Driven<T> {
    fn receive(&mut self, messages: usize, seen: Seen<'_>) -> Result<(), End> {
        self.pull_to(messages, seen)
    }

    fn send(&mut self, payload: &Bytes, messages: usize) {
        for _ in 0..messages {
            if !self.machine.send(payload) {
                self.write();
                assert!(self.machine.send(payload));
            }
        }
        self.write();
    }

    fn echo(&mut self, messages: usize) {
        let mut left = messages;
        while left > 0 {
            self.read().unwrap();
            left -= self.machine.echo().unwrap();
            self.write();
        }
    }
}

async fn serve<T: Machine>(mut stream: TcpStream, tuning: Tuning) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut machine = T::new(Role::Server, tuning);
    while stream.readable().await.is_ok() {
        let Ok(len @ 1..) = stream.read_buf(&mut machine.input()).await else { return };
        machine.filled(len);
        if machine.echo().is_err() {
            return;
        }
        loop {
            let Some(mut output) = machine.output() else { break };
            let len = output.remaining();
            if stream.write_all_buf(&mut output).await.is_err() {
                return;
            }
            drop(output);
            machine.written(len);
        }
        machine.idle();
    }
}
