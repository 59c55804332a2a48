//! Contestants without I/O, whose caller reads and writes: what is common to them. Knows no crate.

use core::future::poll_fn;
use core::task::Poll;
use std::io::{IoSlice, Write};

use bytes::{Buf, BufMut, Bytes};
use tokio::net::TcpStream;

use crate::contestant::{Contestant, End, Role, Run, Seen, Start, Task, Tuning};
use crate::memory::Memory;

/// A state machine and its buffers.
pub(crate) trait Machine: Sized + Send + 'static {
    fn new(role: Role, tuning: Tuning) -> Self;
    /// Returns room for what is read.
    fn input(&mut self) -> impl BufMut + Send;
    /// So much was read into [`input`](Self::input).
    fn filled(&mut self, _len: usize) {}
    /// Shows messages that are there, at most so many; returns how many.
    fn receive(&mut self, most: usize, seen: &mut Seen) -> Result<usize, End>;
    /// Answers all messages that are there.
    fn echo(&mut self) -> Result<(), End>;
    /// Queues a message; returns whether there was room.
    fn send(&mut self, payload: &Bytes) -> bool;
    /// Returns what is to be written, if there is anything: all of it will be.
    fn output(&mut self) -> Option<impl Buf + Send>;
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
            Driven::<T>::new(memory, Role::Server, Tuning::Memory).task(Machine::idle)
        }),
        ..Contestant::new(name)
    }
}

/// Returns a server over tokio's TCP.
pub(crate) const fn server<T: Machine>() -> Option<Start> {
    Some(Start::Tokio(|stream, tuning| {
        tokio::spawn(serve(stream, T::new(Role::Server, tuning)));
    }))
}

/// A machine and its transport.
pub(crate) struct Driven<T> {
    pub(crate) memory: Memory,
    pub(crate) machine: T,
}

impl<T: Machine> Driven<T> {
    pub(crate) fn new(memory: Memory, role: Role, tuning: Tuning) -> Self {
        Self { memory, machine: T::new(role, tuning) }
    }

    /// Serves as an event loop of many connections does: it is entered when there is something to
    /// read.
    pub(crate) fn task(mut self, idle: fn(&mut T)) -> Task {
        Box::pin(poll_fn(move |_| {
            while self.read().is_some() {
                self.machine.echo()?;
                self.write();
            }
            idle(&mut self.machine);
            Poll::Pending
        }))
    }

    /// Reads once; `None` when nothing is there.
    fn read(&mut self) -> Option<usize> {
        let len = self.memory.read_into(&mut self.machine.input())?;
        self.machine.filled(len);
        Some(len)
    }

    /// Writes all that waits, with vectored writes where it is in pieces.
    pub(crate) fn write(&mut self) {
        while let Some(mut output) = self.machine.output() {
            let len = if output.chunk().len() == output.remaining() {
                self.memory.write(output.chunk()).unwrap()
            } else {
                let mut slices = [IoSlice::new(&[]); 16];
                let count = output.chunks_vectored(&mut slices);
                self.memory.write_vectored(&slices[..count]).unwrap()
            };
            output.advance(len);
        }
    }
}

impl<T: Machine> Run for Driven<T> {
    fn receive(&mut self, messages: usize, seen: &mut Seen) -> Result<(), End> {
        let mut left = messages;
        loop {
            left -= self.machine.receive(left, seen)?;
            if left == 0 {
                return Ok(());
            }
            if self.read() == Some(0) {
                return Err(End::Closed);
            }
        }
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
}

async fn serve<T: Machine>(mut stream: TcpStream, mut machine: T) -> Result<(), End> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    loop {
        stream.readable().await?;
        let len = stream.read_buf(&mut machine.input()).await?;
        if len == 0 {
            return Err(End::Closed);
        }
        machine.filled(len);
        machine.echo()?;
        while let Some(mut output) = machine.output() {
            stream.write_all_buf(&mut output).await?;
        }
        machine.idle();
    }
}
