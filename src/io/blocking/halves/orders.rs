//! The halves of a socket in threads of their own, in many orders of all that they lock: nobody waits
//! forever, and nothing is lost or comes twice.
//!
//! A failure prints how to replay its order. The environment variable `SANSWIRE_ORDERS` says how many
//! orders are tried of each kind, 300 by default.

use alloc::vec;
use alloc::vec::Vec;
use std::os::unix::net::UnixStream;

use rustix::net::sockopt::set_socket_send_buffer_size;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{self, JoinHandle};

use super::{Receiver, Sender};
use crate::connection::{AfterClose, Config, Connection};
use crate::io::Error;
use crate::io::blocking::WebSocket;
use crate::message::Message;

type Halves = (Sender<UnixStream>, Receiver<UnixStream>);

/// Two split ends, between which no message of [`LARGE`] fits.
fn connect() -> (Halves, Halves) {
    let (near, far) = UnixStream::pair().unwrap();
    for stream in [&near, &far] {
        set_socket_send_buffer_size(stream, 1).unwrap();
    }
    let near = WebSocket::from_driver(near, Connection::server(&config()));
    let far = WebSocket::from_driver(far, Connection::client(&config(), [7; 32]));
    (near.split().unwrap(), far.split().unwrap())
}

/// A message has to wait when another one does. What was sent before a Close arrives. Nothing has a
/// deadline.
fn config() -> Config {
    let config = Config::default().max_buffered(1).after_close(AfterClose::Deliver);
    config.ping_interval(None).write_timeout(None).close_timeout(None)
}

const LARGE: usize = 20_000;

fn message(number: u8) -> Vec<u8> {
    vec![number; LARGE]
}

/// Receives to the end, and returns the first bytes of the messages, which came whole.
fn receive(mut receiver: Receiver<UnixStream>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut received = Vec::new();
        while let Some(message) = receiver.recv().unwrap() {
            received.push(number_of(&message));
        }
        received
    })
}

/// Receives a message, and returns its first byte, and the half.
fn receive_one(mut receiver: Receiver<UnixStream>) -> JoinHandle<(u8, Receiver<UnixStream>)> {
    thread::spawn(move || {
        let message = receiver.recv().unwrap().unwrap();
        (number_of(&message), receiver)
    })
}

fn number_of(message: &Message) -> u8 {
    let bytes = message.as_bytes();
    assert_eq!(bytes, vec![bytes[0]; LARGE]);
    bytes[0]
}

/// Sends back what comes, to the end.
fn echo((sender, mut receiver): Halves) -> JoinHandle<()> {
    thread::spawn(move || {
        while let Some(message) = receiver.recv().unwrap() {
            // The other end may have closed meanwhile.
            let _ = sender.send(message);
        }
    })
}

fn send(sender: &Sender<UnixStream>, numbers: [u8; 2]) -> JoinHandle<Result<(), Error>> {
    let sender = sender.clone();
    thread::spawn(move || numbers.into_iter().try_for_each(|number| sender.send(message(number))))
}

/// Runs in many orders: random ones, and those in which a few switches at bad moments suffice. An
/// order in which nobody gets on is one of too many steps.
fn in_many_orders(run: fn()) {
    let orders = std::env::var("SANSWIRE_ORDERS").map_or(300, |orders| orders.parse().unwrap());
    in_orders(RandomScheduler::new(orders), run);
    in_orders(PctScheduler::new(3, orders), run);
}

fn in_orders(scheduler: impl Scheduler + 'static, run: fn()) {
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 20;
    config.max_steps = shuttle::MaxSteps::FailAfter(100_000);
    shuttle::Runner::new(scheduler, config).run(run);
}

#[test]
fn all_that_is_sent_arrives_and_comes_back() {
    in_many_orders(|| {
        let ((sender, receiver), far) = connect();
        let (receiving, echoing) = (receive(receiver), echo(far));
        let sending = send(&sender, [1, 2]);
        sending.join().unwrap().unwrap();
        sender.send_close(1000, "").unwrap();
        let received = receiving.join().unwrap();
        assert!([1, 2].starts_with(&received), "{received:?}");
        echoing.join().unwrap();
    });
}

#[test]
fn messages_of_several_threads_arrive_whole_and_each_threads_in_order() {
    in_many_orders(|| {
        let ((sender, receiver), (other, far)) = connect();
        let (receiving, collecting) = (receive(receiver), receive(far));
        let sending = [send(&sender, [1, 2]), send(&sender, [11, 12])];
        for thread in sending {
            thread.join().unwrap().unwrap();
        }
        sender.send_close(1000, "").unwrap();
        let collected = collecting.join().unwrap();
        for numbers in [[1, 2], [11, 12]] {
            let of_one: Vec<_> = collected.iter().filter(|got| numbers.contains(got)).collect();
            assert_eq!(of_one, [&numbers[0], &numbers[1]], "{collected:?}");
        }
        assert_eq!(receiving.join().unwrap(), []);
        drop(other);
    });
}

#[test]
fn both_ends_send_at_once_what_does_not_fit_between_them() {
    in_many_orders(|| {
        let ((near, here), (far, there)) = connect();
        let receiving = [receive(here), receive(there)];
        let sending = [send(&near, [1, 2]), send(&far, [3, 4])];
        for thread in sending {
            thread.join().unwrap().unwrap();
        }
        near.send_close(1000, "").unwrap();
        let [here, there] = receiving.map(|thread| thread.join().unwrap());
        assert_eq!((here, there), (vec![3, 4], vec![1, 2]));
    });
}

/// It may have been the one that waited for the stream.
#[test]
fn when_the_receiver_leaves_a_sender_takes_over() {
    in_many_orders(|| {
        let ((sender, receiver), (far, there)) = connect();
        let collecting = receive(there);
        let receiving = receive_one(receiver);
        let sending = send(&sender, [1, 2]);
        far.send(message(3)).unwrap();
        let (number, receiver) = receiving.join().unwrap();
        assert_eq!(number, 3);
        sending.join().unwrap().unwrap();
        let closing = receive(receiver);
        far.send_close(1000, "").unwrap();
        assert_eq!(closing.join().unwrap(), []);
        assert_eq!(collecting.join().unwrap(), [1, 2]);
    });
}

/// While the other end receives nothing, the stream alone wakes nobody.
#[test]
fn what_a_sender_reads_comes_to_the_receiver_that_waits() {
    in_many_orders(|| {
        let ((sender, receiver), (far, there)) = connect();
        let receiving = receive_one(receiver);
        let sending = send(&sender, [1, 2]);
        far.send(message(3)).unwrap();
        let (number, receiver) = receiving.join().unwrap();
        assert_eq!(number, 3);
        let (closing, collecting) = (receive(receiver), receive(there));
        sending.join().unwrap().unwrap();
        sender.send_close(1000, "").unwrap();
        assert_eq!((closing.join().unwrap(), collecting.join().unwrap()), (vec![], vec![1, 2]));
    });
}

/// Also while the message of another one fills the stream.
#[test]
fn a_sender_whose_message_was_written_by_another_returns() {
    in_many_orders(|| {
        let ((sender, receiver), (far, mut there)) = connect();
        let [mut first, mut second] = [1, 2].map(|number| {
            let sender = sender.clone();
            thread::spawn(move || sender.send(message(number)))
        });
        let number = number_of(&there.recv().unwrap().unwrap());
        if number == 2 {
            core::mem::swap(&mut first, &mut second);
        }
        first.join().unwrap().unwrap();
        let (receiving, collecting) = (receive(receiver), receive(there));
        second.join().unwrap().unwrap();
        far.send_close(1000, "").unwrap();
        assert_eq!(
            (receiving.join().unwrap(), collecting.join().unwrap()),
            (vec![], vec![3 - number])
        );
    });
}

#[test]
fn the_end_of_the_stream_wakes_all() {
    in_many_orders(|| {
        let ((sender, mut receiver), far) = connect();
        let receiving = thread::spawn(move || {
            let received = receiver.recv();
            assert!(received.is_err(), "{received:?}");
        });
        let sending = [send(&sender, [1, 2]), send(&sender, [11, 12])];
        drop(far);
        for thread in sending {
            assert!(thread.join().unwrap().is_err());
        }
        receiving.join().unwrap();
    });
}
