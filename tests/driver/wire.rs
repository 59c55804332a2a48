//! A transport in memory, of which every operation can be scripted: two pipes of bounded capacity.
//! It is as unkind as TCP: who drops it with bytes unread destroys what it has sent.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use bytes::Buf;
use sanswire::driver::Write;

/// What can be done with a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Flush,
    Read,
    Shutdown,
    Write,
}

pub(crate) const OPS: [Op; 4] = [Op::Flush, Op::Read, Op::Shutdown, Op::Write];

/// What happens instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It would block, once.
    Block,
    /// The stream is at its end, from now on; for writes as an error.
    End,
    /// It fails, from now on.
    Error,
    /// It is interrupted, once.
    Interrupt,
    /// So many bytes at most, from now on, in both directions.
    Short(usize),
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// Nothing comes behind these bytes.
    is_shut: bool,
    /// The reader finds an error.
    is_reset: bool,
    /// Nobody reads any more.
    is_abandoned: bool,
}

/// One end's view of a transport.
#[derive(Debug)]
pub(crate) struct Stream {
    /// What is to happen to which operation of a kind, counted from 0.
    pub(crate) faults: Vec<(Op, usize, Fault)>,
    done: [usize; 4],
    most: usize,
    /// Whether it only seemed to block: it is ready.
    is_woken: bool,
    has_read_failed: bool,
    is_at_end: bool,
    has_write_failed: bool,
    pub(crate) read: u64,
}

impl Pipe {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            capacity,
            is_shut: false,
            is_reset: false,
            is_abandoned: false,
        }
    }

    fn is_readable(&self) -> bool {
        !self.bytes.is_empty() || self.is_shut || self.is_reset
    }

    fn is_writable(&self) -> bool {
        self.bytes.len() < self.capacity || self.is_abandoned
    }

    fn reset(&mut self) {
        self.bytes.clear();
        self.is_reset = true;
    }
}

impl Stream {
    pub(crate) fn new() -> Self {
        Self {
            faults: Vec::new(),
            done: [0; 4],
            most: usize::MAX,
            is_woken: false,
            has_read_failed: false,
            is_at_end: false,
            has_write_failed: false,
            read: 0,
        }
    }

    pub(crate) fn done(&self, op: Op) -> usize {
        self.done[op as usize]
    }

    /// Makes `fault` happen to the next operation of its kind.
    pub(crate) fn fail_next(&mut self, op: Op, fault: Fault) {
        self.faults.push((op, self.done(op), fault));
    }

    pub(crate) fn read(&mut self, from: &mut Pipe, into: &mut [u8]) -> io::Result<usize> {
        self.begin(Op::Read)?;
        if self.is_at_end {
            return Ok(0);
        }
        if self.has_read_failed || from.is_reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if from.bytes.is_empty() {
            return if from.is_shut { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        assert!(!into.is_empty(), "a read to no room");
        let len = into.len().min(self.most);
        let len = io::Read::read(&mut from.bytes, &mut into[..len])?;
        self.read += len as u64;
        Ok(len)
    }

    /// Does what is wanted. `back` is the pipe to read from.
    pub(crate) fn perform(
        &mut self,
        wanted: Write<'_>,
        to: &mut Pipe,
        back: &mut Pipe,
    ) -> io::Result<usize> {
        match wanted {
            Write::Bytes(output) => {
                assert!(output.has_remaining() && !output.chunk().is_empty());
                let mut slices = [io::IoSlice::new(&[]); 8];
                let used = output.chunks_vectored(&mut slices);
                self.write(&slices[..used], to, back)
            }
            Write::Flush => self.flush(to),
            Write::Shutdown => self.shut_down(to),
        }
    }

    pub(crate) fn write(
        &mut self,
        slices: &[io::IoSlice<'_>],
        to: &mut Pipe,
        back: &mut Pipe,
    ) -> io::Result<usize> {
        self.begin(Op::Write)?;
        self.check_write(to)?;
        if to.is_abandoned {
            // It leaves, nobody takes it, and the answer is a reset.
            back.reset();
            self.has_write_failed = true;
            return Ok(slices[0].len());
        }
        let mut left = (to.capacity - to.bytes.len()).min(self.most);
        if left == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut len = 0;
        for slice in slices {
            let taken = slice.len().min(left);
            to.bytes.extend(&slice[..taken]);
            left -= taken;
            len += taken;
        }
        Ok(len)
    }

    pub(crate) fn flush(&mut self, to: &Pipe) -> io::Result<usize> {
        self.begin(Op::Flush)?;
        self.check_write(to).map(|()| 0)
    }

    pub(crate) fn shut_down(&mut self, to: &mut Pipe) -> io::Result<usize> {
        self.begin(Op::Shutdown)?;
        self.check_write(to)?;
        assert!(!to.is_shut, "shut down twice");
        to.is_shut = true;
        Ok(0)
    }

    /// Drops the transport.
    pub(crate) fn drop(&mut self, to: &mut Pipe, from: &mut Pipe) {
        if from.bytes.is_empty() {
            to.is_shut = true;
        } else {
            to.reset();
        }
        from.bytes.clear();
        from.is_abandoned = true;
    }

    pub(crate) fn is_readable(&self, from: &Pipe) -> bool {
        self.is_woken || self.has_read_failed || self.is_at_end || from.is_readable()
    }

    pub(crate) fn is_writable(&self, to: &Pipe) -> bool {
        self.is_woken || self.has_write_failed || to.is_writable()
    }

    fn begin(&mut self, op: Op) -> io::Result<()> {
        let at = self.done(op);
        self.done[op as usize] += 1;
        self.is_woken = false;
        let Some(index) = self.faults.iter().position(|(of, n, _)| (*of, *n) == (op, at)) else {
            return Ok(());
        };
        match self.faults.swap_remove(index).2 {
            Fault::Block => {
                self.is_woken = true;
                return Err(ErrorKind::WouldBlock.into());
            }
            Fault::Interrupt => return Err(ErrorKind::Interrupted.into()),
            Fault::Short(most) => self.most = most,
            Fault::End if op == Op::Read => self.is_at_end = true,
            Fault::End | Fault::Error => match op {
                Op::Read => self.has_read_failed = true,
                Op::Flush | Op::Shutdown | Op::Write => self.has_write_failed = true,
            },
        }
        Ok(())
    }

    fn check_write(&self, to: &Pipe) -> io::Result<()> {
        assert!(!to.is_shut, "something is asked of a side that is shut");
        if self.has_write_failed { Err(ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}
