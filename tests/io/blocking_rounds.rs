//! Random rounds of a blocking socket and a peer that reads slowly, closes, breaks a rule or breaks
//! off: what was said to be sent has arrived.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use sanswire::io::Timeout;
use sanswire::io::blocking::WebSocket;
use sanswire::{AfterClose, Config, Connection, Error, Prepared};

use crate::random::Random;
use crate::support::masked;
use crate::told::{POLICIES, Told, arrived};

/// Reads slowly, and at some time closes, breaks a rule, or says no more; then reads to the end.
fn peer(mut stream: TcpStream, mut random: Random) -> Vec<u8> {
    let mut read = Vec::new();
    let mut block = vec![0; 1 + random.below(50_000)];
    stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    for _ in 0..random.below(20) {
        match random.below(4) {
            0 => thread::sleep(Duration::from_micros(random.below(1_000).try_into().unwrap())),
            _ => {
                let len = stream.read(&mut block).unwrap_or(0);
                read.extend(&block[..len]);
            }
        }
    }
    let _ = match random.below(4) {
        0 => stream.write_all(&masked(0x88, b"\x03\xe8")),
        1 => stream.write_all(&masked(0x83, b"")),
        2 => stream.shutdown(Shutdown::Write),
        _ => stream.write_all(&masked(0x81, b"goes on")),
    };
    stream.set_read_timeout(None).unwrap();
    let _ = stream.read_to_end(&mut read);
    read
}

/// Sends, feeds, flushes and receives until the end or an error that is one.
fn send_some(socket: &mut WebSocket<TcpStream>, random: &mut Random, told: &mut Told) {
    let mut fed = Vec::new();
    for number in 0..u32::try_from(random.below(60)).unwrap() {
        let mut message = vec![7; 4 + random.below(40_000)];
        message[..4].copy_from_slice(&number.to_be_bytes());
        let (flushes, done) = match random.below(6) {
            0 | 1 => {
                fed.push(number);
                (true, socket.send(message))
            }
            2 => (false, socket.try_send(message).inspect(|()| fed.push(number))),
            3 => (false, socket.feed(&Prepared::binary(&message)).inspect(|()| fed.push(number))),
            4 => match socket.recv() {
                Ok(None) => break,
                Ok(Some(_)) => continue,
                Err(Error::Timeout(Timeout::Read { .. })) => continue,
                Err(error) => (false, Err(error)),
            },
            _ => (false, socket.feed(message).inspect(|()| fed.push(number))),
        };
        let (flushes, done) = if done.is_ok() && random.below(4) == 0 {
            (true, socket.flush())
        } else {
            (flushes, done)
        };
        match done {
            Ok(()) if flushes => told.sent.extend(fed.drain(..)),
            Ok(()) => {}
            // Some of what was fed, or this one: nobody was told that they have left.
            Err(Error::Discarded(_)) => fed.clear(),
            Err(Error::Send { .. }) => {
                fed.retain(|fed| *fed != number);
                told.refused.insert(number);
            }
            Err(_) => return,
        }
    }
    let end = if random.below(2) == 0 { socket.flush() } else { socket.close(1000, "") };
    if end.is_ok() {
        told.sent.extend(fed);
    }
}

#[test]
fn what_is_said_to_be_sent_has_arrived_whatever_happens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut sent, mut refused) = (0, 0);
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let policy = POLICIES[random.below(POLICIES.len())];
        let max_buffered = random.below(300_000);
        let config = Config::default()
            .max_buffered(max_buffered)
            .low_water(max_buffered / 4)
            .when_full(policy)
            .fragment_size(NonZeroUsize::new([0, 700, 15_000][random.below(3)]))
            .after_close([AfterClose::Deliver, AfterClose::Drop][random.below(2)]);
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let near = listener.accept().unwrap().0;
        let peer = thread::spawn(move || peer(far, Random::new(seed + 1_000_000)));
        let mut socket = WebSocket::from_driver(near, Connection::server(&config));
        socket.set_read_timeout(Some(Duration::from_millis(1)));
        let mut told = Told::default();
        send_some(&mut socket, &mut random, &mut told);
        // Nothing more is written, and the peer reads to the end.
        let _ = socket.stream().shutdown(Shutdown::Write);
        let written = peer.join().unwrap();
        drop(socket);
        told.check(&arrived(&written), &format!("seed {seed}, {policy:?}"));
        (sent, refused) = (sent + told.sent.len(), refused + told.refused.len());
    }
    assert!(sent > 1_000 && refused > 100, "{sent} sent, {refused} refused: it says little");
}
