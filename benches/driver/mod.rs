//! The crate as the benches drive it, and the proof that it does the work of the ideal loops.
#![allow(dead_code, reason = "each bench uses a part of it")]

use core::hint::black_box;

use bytes::{Buf, Bytes};
use sanswire::{Commands, Config, Connection, Event, Message};

use crate::ideal::{Lent, Output, Owned, REPEAT, Stream};

/// A server that receives.
pub(crate) struct Receiver {
    connection: Connection,
}

impl Receiver {
    #[inline]
    pub(crate) fn receive(&mut self, read: &[u8], mut call: impl FnMut(Event<'_>)) {
        self.connection.input().extend_from_slice(read);
        while let Some((event, _)) = self.connection.poll_event().unwrap() {
            call(event);
        }
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self { connection: Connection::server(&Config::default()) }
    }
}

/// Either end, as it sends.
pub(crate) struct Sender(pub(crate) Connection);

impl Sender {
    #[inline]
    pub(crate) fn send(&mut self, batch: usize, mut send: impl FnMut(Commands<'_>)) {
        for _ in 0..REPEAT {
            (0..batch).for_each(|_| send(self.0.commands()));
            while let Some(output) = self.0.poll_transmit() {
                black_box(output.chunk());
                output.advance(output.remaining());
            }
        }
    }
}

/// All candidates do the same work: every payload of the stream, byte by byte.
pub(crate) fn check_received(binary: &Stream, text: &Stream) {
    let (mut ideal, mut ideal_owned, mut ours) =
        (Lent::default(), Owned::default(), Receiver::default());
    let [mut a, mut b, mut c, mut d] = [const { Vec::new() }; 4];
    for read in binary.reads() {
        ideal.fill(read);
        ideal.receive(|payload| a.push(payload.to_vec()));
        ideal_owned.fill(read);
        ideal_owned.receive(|payload| b.push(payload.to_vec()));
        ours.receive(read, |event| {
            let Event::Binary(payload) = event else { panic!() };
            c.push(payload.to_vec());
        });
    }
    for read in text.reads() {
        ours.receive(read, |event| {
            let Event::Text(text) = event else { panic!() };
            d.push(text.as_bytes().to_vec());
        });
    }
    assert!(a == binary.payloads && b == binary.payloads && c == binary.payloads);
    assert!(d == text.payloads);
}

/// What is sent is what the ideal loop makes; of a client's frame, what is behind the mask.
pub(crate) fn check_sent(payload: &Bytes) {
    let mut ideal = Output::default();
    ideal.copy(payload);
    let mut server = Connection::server(&Config::default());
    server.commands().send(&payload[..]).unwrap();
    let output = server.poll_transmit().unwrap();
    assert!(output.copy_to_bytes(output.remaining()) == ideal.bytes);
    server.commands().send(Message::Binary(payload.clone())).unwrap();
    let output = server.poll_transmit().unwrap();
    assert!(output.copy_to_bytes(output.remaining()) == ideal.bytes);
    let mut client = Connection::client(&Config::default(), [7; 32]);
    client.commands().send(&payload[..]).unwrap();
    let output = client.poll_transmit().unwrap();
    let mut lent = Lent::default();
    lent.fill(&output.copy_to_bytes(output.remaining()));
    let mut received = Vec::new();
    lent.receive(|payload| received.extend_from_slice(payload));
    assert!(received == *payload);
}
