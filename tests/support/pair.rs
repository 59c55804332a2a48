//! A client and a server joined in memory, deterministic in everything.

use sanswire::{Config, ReadyState, Role};

use super::end::End;
use super::random::Random;

/// Two ends and the bytes between them.
pub(crate) struct Pair {
    pub(crate) client: Side,
    pub(crate) server: Side,
    pub(crate) random: Random,
}

/// An end and its way to the other.
pub(crate) struct Side {
    pub(crate) end: End,
    /// Everything that it wrote, for the oracle.
    pub(crate) wrote: Vec<u8>,
    /// What it wrote and the other end has not read.
    wire: Vec<u8>,
    /// Whether it has closed its transport: nothing follows what is on the wire.
    shut: bool,
    /// Whether the other end was told so.
    told: bool,
    state: ReadyState,
}

impl Side {
    fn new(end: End) -> Self {
        let state = end.state();
        Self { end, wrote: Vec::new(), wire: Vec::new(), shut: false, told: false, state }
    }

    /// Writes up to `len` bytes, and closes the transport when the connection is over and all is
    /// written, as a driver does.
    pub(crate) fn write(&mut self, len: usize) {
        if self.shut {
            return;
        }
        let bytes = self.end.take_some(len);
        self.wrote.extend(&bytes);
        self.wire.extend(bytes);
        self.end.poll();
        self.check();
        if self.is_over() && self.end.connection.poll_transmit().is_none() {
            self.shut = true;
        }
    }

    /// Asserts that the ready state goes only forward.
    pub(crate) fn check(&mut self) {
        let state = self.end.state();
        assert!(state >= self.state, "{:?} after {state:?}", self.state);
        self.state = state;
    }

    /// Reads what the other end wrote: up to `len` bytes, or that there is no more.
    fn read(&mut self, other: &mut Self, len: usize) {
        let bytes: Vec<u8> = other.wire.drain(..len.min(other.wire.len())).collect();
        if self.shut {
            return;
        }
        if !bytes.is_empty() {
            self.end.feed(&bytes);
        } else if other.shut && !other.told {
            other.told = true;
            self.end.eof();
        }
        self.check();
    }

    fn is_over(&self) -> bool {
        self.end.error.is_some() || self.end.ended().is_some()
    }

    /// Whether there is nothing to write, to read or to tell.
    fn is_idle(&mut self) -> bool {
        let nothing_to_write = self.end.connection.poll_transmit().is_none();
        self.wire.is_empty()
            && if self.shut { self.told } else { nothing_to_write && !self.is_over() }
    }
}

impl Pair {
    pub(crate) fn new(client: &Config, server: &Config, seed: u64) -> Self {
        Self::of(End::new(Role::Client, client), End::new(Role::Server, server), seed)
    }

    pub(crate) fn of(client: End, server: End, seed: u64) -> Self {
        Self { client: Side::new(client), server: Side::new(server), random: Random::new(seed) }
    }

    pub(crate) fn open() -> Self {
        Self::new(&Config::default(), &Config::default(), 0)
    }

    pub(crate) const fn side(&mut self, role: Role) -> &mut Side {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    pub(crate) const fn end(&mut self, role: Role) -> &mut End {
        &mut self.side(role).end
    }

    /// Moves some bytes one way.
    pub(crate) fn step(&mut self) {
        let len = self.random.split(100_000);
        match self.random.below(4) {
            0 => self.client.write(len),
            1 => self.server.write(len),
            2 => self.client.read(&mut self.server, len),
            _ => self.server.read(&mut self.client, len),
        }
    }

    /// Moves bytes to and fro until nothing is left to move.
    pub(crate) fn settle(&mut self) {
        loop {
            for _ in 0..8 {
                self.step();
            }
            // A side that has shut its transport reads nothing more.
            if self.client.shut {
                self.server.wire.clear();
                self.server.told |= self.server.shut;
            }
            if self.server.shut {
                self.client.wire.clear();
                self.client.told |= self.client.shut;
            }
            let both = [self.client.is_idle(), self.server.is_idle()];
            if both == [true; 2] {
                return;
            }
            let len = 1 + self.random.below(1 << 16);
            self.client.write(len);
            self.server.write(len);
            self.client.read(&mut self.server, len);
            self.server.read(&mut self.client, len);
        }
    }

    /// Loses the transport: what is on the wire is lost, and both ends are told.
    pub(crate) fn cut(&mut self) {
        for side in [&mut self.client, &mut self.server] {
            side.wire.clear();
            if !side.shut {
                side.shut = true;
                side.end.eof();
                side.check();
            }
            side.told = true;
        }
    }
}
