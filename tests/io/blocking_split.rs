//! One blocking socket in several threads, over TCP and over TLS.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use core::num::NonZeroUsize;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fd::AsFd;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use sanswire::driver::Driver;
use sanswire::handshake::ClientRequest;
use sanswire::io::blocking::{Receiver, Sender, WebSocket};
use sanswire::io::{Timeout, Transport};
use sanswire::{
    AfterClose, CloseCode, Config, Connection, ConnectionError, Error, Event, Message, MessageKind,
    ReadyState, SendError, WhenFull,
};

use crate::random::Random;
use crate::support::{masked, response_to, unmasked};

type Halves<S> = (Sender<S>, Receiver<S>);

/// Two ends of TCP between which less than a megabyte fits. With much less, the system sends a little
/// every 200 ms.
fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    set_socket_recv_buffer_size(&listener, 200_000).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    for stream in [&client, &server] {
        set_socket_send_buffer_size(stream, 50_000).unwrap();
        stream.set_nodelay(true).unwrap();
    }
    set_socket_recv_buffer_size(&client, 200_000).unwrap();
    (client, server)
}

fn client<S: Transport>(stream: S, config: &Config) -> WebSocket<S> {
    WebSocket::from_driver(stream, Connection::client(config, [7; 32]))
}

fn server<S: Transport>(stream: S, config: &Config) -> WebSocket<S> {
    WebSocket::from_driver(stream, Connection::server(config))
}

/// Two ends, split.
fn pair(config: &Config) -> (Halves<TcpStream>, Halves<TcpStream>) {
    let (near, far) = tcp();
    (client(near, config).split().unwrap(), server(far, config).split().unwrap())
}

/// An end that is split, of a server, and the bare stream at its other end.
fn half(config: &Config) -> (Halves<TcpStream>, TcpStream) {
    let (near, far) = tcp();
    (server(near, config).split().unwrap(), far)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs what a broken lock or a lost wake-up would stop for ever.
#[track_caller]
fn within_limits<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, waits) = std::sync::mpsc::channel();
    let worker = thread::spawn(move || {
        let result = work();
        let _ = done.send(());
        result
    });
    if waits.recv_timeout(Duration::from_secs(40))
        == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    {
        panic!("it does not end");
    }
    worker.join().unwrap()
}

/// Each of two ends sends in two threads, and receives, at once.
fn exchange<A, B>(near: WebSocket<A>, far: WebSocket<B>, seed: u64, total: usize)
where
    A: Transport + AsFd + Send + fmt::Debug + 'static,
    B: Transport + AsFd + Send + fmt::Debug + 'static,
{
    let (near, far) = (near.split().unwrap(), far.split().unwrap());
    within_limits(move || {
        thread::scope(|scope| {
            let near = scope.spawn(move || exchange_one(near, seed, total));
            let far = scope.spawn(move || exchange_one(far, seed + 1, total));
            near.join().unwrap();
            far.join().unwrap();
        });
    });
}

/// The messages of one thread: its name, a number, and something.
fn messages(name: u8, seed: u64, total: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut random = Random::new(seed);
    let (mut left, mut number) = (total, 0_u32);
    std::iter::from_fn(move || {
        let len = random.split(left.min(1 << 20));
        left = left.checked_sub(len)?;
        number += 1;
        let fill = random.next().to_be_bytes()[0];
        let mut message = vec![name];
        message.extend(number.to_be_bytes());
        message.resize(5 + len, fill);
        (left > 0).then_some(message)
    })
}

fn exchange_one<S>((sender, mut receiver): Halves<S>, seed: u64, total: usize)
where
    S: Transport + AsFd + Send + fmt::Debug,
{
    // What the other end sends, by the same rule.
    let other = seed ^ 1;
    thread::scope(|scope| {
        let senders: Vec<_> = (0..2)
            .map(|name: u8| {
                let sender = sender.clone();
                scope.spawn(move || {
                    let mut random = Random::new(seed + u64::from(name));
                    for message in messages(name, seed * 2 + u64::from(name), total / 2) {
                        match random.below(3) {
                            0 => sender.send(message).unwrap(),
                            1 => sender.feed(message).unwrap(),
                            _ => match sender.try_send(message) {
                                Err(Error::Send { error: SendError::Full { .. }, message }) => {
                                    sender.send(message.unwrap()).unwrap();
                                }
                                tried => tried.unwrap(),
                            },
                        }
                    }
                    sender.flush().unwrap();
                })
            })
            .collect();
        let mut expected =
            [0, 1].map(|name| messages(name, other * 2 + u64::from(name), total / 2).peekable());
        while expected.iter_mut().any(|messages| messages.peek().is_some()) {
            let message = receiver.recv().unwrap().unwrap();
            let message = message.as_bytes();
            let expected = expected[usize::from(message[0])].next().unwrap();
            assert!(message[..] == expected[..]);
        }
        for sender in senders {
            sender.join().unwrap();
        }
    });
    let mut socket = sender.reunite(receiver).unwrap();
    socket.close(CloseCode::NORMAL, "").unwrap();
}

#[test]
fn messages_of_all_sizes_go_both_ways_at_once() {
    for seed in [10, 20, 30] {
        let (near, far) = tcp();
        let config = Config::default().max_buffered(100_000);
        exchange(client(near, &config), server(far, &config), seed, 2 << 20);
    }
}

#[test]
fn two_ends_that_both_send_much_do_not_stop_each_other() {
    let (near, far) = tcp();
    let config = Config::default();
    exchange(client(near, &config), server(far, &config), 40, 16 << 20);
}

#[cfg(feature = "ring")]
#[test]
fn tls_goes_both_ways_at_once() {
    for (seed, total) in [(10, 1 << 20), (40, 16 << 20)] {
        let (near, far) = crate::blocking_tls::pair_over(tcp());
        let config = Config::default().max_buffered(200_000);
        exchange(client(near, &config), server(far, &config), seed, total);
    }
}

/// One thread queues much, then writes it while it receives as much.
fn queue_and_receive<S: Transport>(mut socket: WebSocket<S>) {
    for number in 0..128 {
        socket.feed(vec![number; 64 << 10]).unwrap();
    }
    for number in 0..128 {
        assert_eq!(socket.recv().unwrap(), Some(Message::from(vec![number; 64 << 10])));
    }
    socket.flush().unwrap();
}

#[test]
fn two_ends_of_one_thread_each_do_not_stop_each_other() {
    fn check<S: Transport + Send + 'static>((near, far): (S, S)) {
        let config = Config::default().max_buffered(16 << 20);
        let (near, far) = (client(near, &config), server(far, &config));
        let far = thread::spawn(move || queue_and_receive(far));
        queue_and_receive(near);
        far.join().unwrap();
    }
    check(tcp());
    #[cfg(feature = "ring")]
    check(crate::blocking_tls::pair_over(tcp()));
}

#[test]
fn all_events_are_lent_with_the_commands_to_answer_them() {
    let ((sender, mut receiver), (far_sender, mut far_receiver)) = pair(&Config::default());
    let far = thread::spawn(move || {
        let mut pings = 0;
        let ran = far_receiver.run(|event, commands| {
            pings += usize::from(matches!(event, Event::Ping(_)));
            if let Event::Text(text) = event {
                commands.send(text).unwrap();
            }
        });
        ran.map(|()| pings)
    });
    sender.ping(b"1").unwrap();
    sender.pong(b"not asked for").unwrap();
    sender.send("echo").unwrap();
    let pong = receiver.recv_with(|event, _| matches!(event, Event::Pong(_))).unwrap();
    assert_eq!(pong, Some(true));
    assert_eq!(receiver.recv().unwrap(), Some(Message::from("echo")));
    far_sender.send_close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(receiver.recv_with(|_, _| ()).unwrap(), Some(()));
    assert_eq!(receiver.recv_with(|_, _| ()).unwrap(), None);
    assert_eq!(far.join().unwrap().unwrap(), 1);
    assert_eq!((receiver.protocol(), sender.buffered_amount()), (String::new(), 0));
}

#[test]
fn a_ping_is_answered_while_nobody_sends() {
    let ((_sender, mut receiver), mut peer) = half(&Config::default());
    let receiving = thread::spawn(move || receiver.recv().unwrap());
    peer.write_all(&masked(0x89, b"ping")).unwrap();
    let mut pong = [0; 6];
    peer.read_exact(&mut pong).unwrap();
    assert_eq!(pong[..], unmasked(0x8a, b"ping"));
    peer.write_all(&masked(0x81, b"done")).unwrap();
    assert_eq!(receiving.join().unwrap(), Some(Message::from("done")));
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let config = Config::default().ping_interval(millis(40)).pong_timeout(millis(40));
    let ((sender, mut receiver), mut peer) = half(&config);
    let error = receiver.recv().unwrap_err();
    let Error::Connection(ConnectionError::PongTimeout { .. }) = error else { panic!("{error}") };
    let mut ping = [0; 1];
    peer.read_exact(&mut ping).unwrap();
    assert_eq!(ping, [0x89]);
    let refused = sender.send("late").unwrap_err();
    assert!(matches!(refused, Error::Send { error: SendError::Closed, .. }), "{refused}");
}

#[test]
fn what_is_queued_leaves_while_the_receiver_waits_already() {
    let ((sender, mut receiver), mut peer) = half(&Config::default());
    let receiving = thread::spawn(move || receiver.recv().unwrap());
    let mut frame = [0; 5];
    for round in 0..20 {
        if round == 10 {
            // By then, it surely waits. Either way, all leave.
            thread::sleep(millis(50));
        }
        sender.feed("fed").unwrap();
        peer.read_exact(&mut frame).unwrap();
        assert_eq!(frame[..], unmasked(0x81, b"fed"));
        sender.try_send("try").unwrap();
        peer.read_exact(&mut frame).unwrap();
        assert_eq!(frame[..], unmasked(0x81, b"try"));
        sender.with_commands(|commands| commands.send("cmd")).unwrap();
        peer.read_exact(&mut frame).unwrap();
        assert_eq!(frame[..], unmasked(0x81, b"cmd"));
    }
    peer.write_all(&masked(0x81, b"done")).unwrap();
    assert_eq!(receiving.join().unwrap(), Some(Message::from("done")));
}

#[test]
fn a_sender_that_is_stuck_stops_no_receiver_and_goes_on_when_the_peer_reads() {
    let ((sender, mut receiver), mut peer) = half(&Config::default());
    let sending = {
        let sender = sender.clone();
        thread::spawn(move || sender.send(vec![7; 8 << 20]))
    };
    while sender.buffered_amount() == 0 {
        thread::yield_now();
    }
    let mut writing = peer.try_clone().unwrap();
    let writer = thread::spawn(move || {
        for _ in 0..1_000 {
            writing.write_all(&masked(0x82, &[1; 8_000])).unwrap();
        }
    });
    for _ in 0..1_000 {
        assert_eq!(receiver.recv().unwrap().unwrap().len(), 8_000);
    }
    writer.join().unwrap();
    assert!(sender.buffered_amount() > 0 && !sending.is_finished());
    let mut received = vec![0; 10 + (8 << 20)];
    peer.read_exact(&mut received).unwrap();
    sending.join().unwrap().unwrap();
    // A receiver that is not there stops no sender, either.
    let sending = thread::spawn(move || sender.send(vec![8; 1 << 20]));
    peer.read_exact(&mut received[..10 + (1 << 20)]).unwrap();
    sending.join().unwrap().unwrap();
}

#[test]
fn a_sender_waits_for_nothing_that_is_queued_later() {
    type Work = fn(&Sender<TcpStream>) -> Result<(), Error>;
    let whole: Work = |sender| sender.feed(vec![1; 4 << 20]);
    let later: Work = |sender| sender.try_send(vec![3; 8 << 20]);
    let part: Work = |sender| {
        sender.begin(MessageKind::Binary)?;
        Ok(sender.with_commands(|commands| commands.send_chunk(&vec![1; 4 << 20]))?)
    };
    let later_part: Work =
        |sender| Ok(sender.with_commands(|commands| commands.send_chunk(&vec![3; 8 << 20]))?);
    // What is queued before, what waits, how much it writes, and what is queued later.
    let works: [(Work, Work, usize, Work); 4] = [
        (whole, |sender| sender.send(vec![2; 1 << 20]), 1 << 20, later),
        (whole, |sender| sender.ping(b"ping"), 4, later),
        (whole, Sender::flush, 0, later),
        (part, |sender| sender.send_chunk(&vec![2; 1 << 20]), 1 << 20, later_part),
    ];
    let room = Config::default().max_buffered(32 << 20);
    let configs = [
        room.clone().fragment_size(NonZeroUsize::new(50_000)),
        room.clone().when_full(WhenFull::DropOldest),
        room,
    ];
    for config in configs {
        for (before, waits, len, later) in works {
            let ((sender, receiver), mut peer) = half(&config);
            before(&sender).unwrap();
            let waiting = {
                let sender = sender.clone();
                thread::spawn(move || waits(&sender))
            };
            // Only that thread writes: it waits now until all that is queued is written.
            peer.read_exact(&mut [0; 1]).unwrap();
            later(&sender).unwrap();
            peer.read_exact(&mut vec![0; (4 << 20) + len]).unwrap();
            within_limits(move || waiting.join().unwrap()).unwrap();
            assert!(sender.buffered_amount() > 4 << 20);
            drop(receiver);
        }
    }
}

#[test]
fn a_receiver_that_waits_is_told_of_room() {
    let config = Config::default().max_buffered(10_000);
    let ((sender, mut receiver), mut peer) = half(&config);
    let receiving = thread::spawn(move || {
        receiver.recv_with(|event, _| matches!(event, Event::Writable(_))).unwrap()
    });
    // More than the buffers of the system hold.
    let mut sent = 0;
    while sent < 200 {
        match sender.try_send(vec![7; 10_000]) {
            Ok(()) => sent += 1,
            Err(Error::Send { error: SendError::Full { .. }, .. }) => break,
            Err(error) => panic!("{error}"),
        }
        // It never writes by itself.
        thread::yield_now();
    }
    let reading = thread::spawn(move || {
        let mut all = vec![0; sent * 10_004];
        peer.read_exact(&mut all).unwrap();
        peer
    });
    assert_eq!(receiving.join().unwrap(), Some(true));
    sender.flush().unwrap();
    reading.join().unwrap();
}

#[test]
fn a_deadline_that_a_sender_begins_ends_the_wait_of_the_receiver() {
    let config = Config::default().close_timeout(millis(50));
    let ((sender, mut receiver), _peer) = half(&config);
    let receiving = thread::spawn(move || receiver.recv());
    thread::sleep(millis(20));
    sender.send_close(CloseCode::NORMAL, "").unwrap();
    let error = within_limits(move || receiving.join().unwrap().unwrap_err());
    assert!(matches!(error, Error::Connection(ConnectionError::CloseTimeout { .. })), "{error}");
}

#[test]
fn a_sender_is_told_of_a_deadline_while_nobody_receives() {
    let config = Config::default().write_timeout(millis(50));
    let ((sender, mut receiver), _peer) = half(&config);
    let error = within_limits(move || sender.send(vec![7; 8 << 20]).unwrap_err());
    assert!(matches!(error, Error::Timeout(Timeout::Deadline)), "{error}");
    let error = receiver.recv().unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::WriteTimeout { .. })), "{error}");
}

#[test]
fn either_half_closes_and_both_know() {
    let ((sender, mut receiver), (far_sender, mut far_receiver)) = pair(&Config::default());
    let far = thread::spawn(move || {
        assert_eq!(far_receiver.recv().unwrap(), None);
        far_sender.closed().unwrap()
    });
    sender.send_close(CloseCode::GOING_AWAY, "bye").unwrap();
    assert_eq!(receiver.recv().unwrap(), None);
    assert_eq!(far.join().unwrap().code, CloseCode::GOING_AWAY);
    assert_eq!(sender.closed().unwrap().code, CloseCode::GOING_AWAY);
    assert_eq!(receiver.ready_state(), ReadyState::Closed);
    for refused in
        [sender.send("late"), sender.feed("late"), sender.try_send("late"), sender.ping(b"")]
    {
        assert!(
            matches!(refused, Err(Error::Send { error: SendError::Closed, .. })),
            "{refused:?}"
        );
    }
    assert_eq!(receiver.recv().unwrap(), None);
}

#[test]
fn a_sender_that_is_stuck_is_told_that_the_peer_is_gone() {
    for by_close in [true, false] {
        let ((sender, mut receiver), mut peer) = half(&Config::default());
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let sender = sender.clone();
                thread::spawn(move || sender.send(vec![7; 8 << 20]))
            })
            .collect();
        while sender.buffered_amount() == 0 {
            thread::yield_now();
        }
        if by_close {
            peer.write_all(&masked(0x88, &1000_u16.to_be_bytes())).unwrap();
        }
        drop(peer);
        let ended = within_limits(move || {
            let ended = receiver.recv();
            for sender in senders {
                sender.join().unwrap().unwrap_err();
            }
            ended
        });
        assert!(!matches!(ended, Ok(Some(_))), "{ended:?}");
    }
}

#[test]
fn a_sender_is_told_what_is_discarded_when_the_peer_closes() {
    let config =
        Config::default().fragment_size(NonZeroUsize::new(1000)).close_timeout(millis(100));
    let ((sender, mut receiver), mut peer) = half(&config);
    // More than the system takes.
    sender.feed(vec![7; 32 << 20]).unwrap();
    peer.write_all(&masked(0x88, &1000_u16.to_be_bytes())).unwrap();
    assert_eq!(within_limits(move || receiver.recv()).unwrap(), None);
    let discarded = sender.flush();
    assert!(matches!(discarded, Err(Error::Discarded(_))), "{discarded:?}");
    drop(peer);
}

#[test]
fn each_sender_that_waits_is_told_that_its_message_is_discarded() {
    for close in [&b"\x03\xe8"[..], b"\x03"] {
        let config = Config::default().fragment_size(NonZeroUsize::new(1000));
        let config = config.close_timeout(millis(100)).max_buffered(64 << 20);
        let ((sender, mut receiver), mut peer) = half(&config);
        let mut senders = Vec::new();
        // Of the first, more than the system takes; the others are behind it.
        for len in [32 << 20, 5_000, 5_000] {
            let own = sender.clone();
            let before = sender.buffered_amount();
            senders.push(thread::spawn(move || own.send(vec![7; len])));
            while sender.buffered_amount() <= before {
                thread::yield_now();
            }
        }
        peer.write_all(&masked(0x88, close)).unwrap();
        let receiving = thread::spawn(move || receiver.recv().map(drop));
        while sender.ready_state() == ReadyState::Open {
            thread::yield_now();
        }
        let reader = thread::spawn(move || io::copy(&mut peer, &mut io::sink()).map(drop));
        drop(sender);
        let join = |sender: thread::JoinHandle<_>| sender.join().unwrap();
        let told: Vec<_> = within_limits(move || senders.into_iter().map(join).collect());
        for (at, told) in told.into_iter().enumerate() {
            assert!(matches!(told, Err(Error::Discarded(_))), "{at} of {close:?}: {told:?}");
        }
        let _ = (receiving.join().unwrap(), reader.join().unwrap());
    }
}

#[test]
fn a_sender_that_waits_for_room_is_told_that_the_other_half_closes() {
    let config = Config::default().close_timeout(None).write_timeout(None).ping_interval(None);
    let ((sender, mut receiver), peer) = half(&config);
    let senders: Vec<_> = (0..3)
        .map(|_| {
            let sender = sender.clone();
            thread::spawn(move || while sender.feed(vec![7; 1 << 20]).is_ok() {})
        })
        .collect();
    // Until the system takes nothing more, and the senders wait.
    let mut before = 0;
    while sender.buffered_amount() == 0 || sender.buffered_amount() != before {
        before = sender.buffered_amount();
        thread::sleep(millis(100));
    }
    receiver.with_commands(|commands| commands.close(1000, "")).unwrap();
    within_limits(move || senders.into_iter().for_each(|sender| sender.join().unwrap()));
    drop(peer);
}

#[test]
fn each_half_works_while_the_other_is_dropped() {
    let ((sender, receiver), (far_sender, mut far_receiver)) = pair(&Config::default());
    drop(receiver);
    drop(far_sender);
    sender.send("alone").unwrap();
    assert_eq!(far_receiver.recv().unwrap(), Some(Message::from("alone")));
    drop(sender);
    let error = far_receiver.recv().unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::UnexpectedEof)), "{error}");
}

#[test]
fn a_callback_that_panics_stops_nobody() {
    let ((sender, mut receiver), (far_sender, mut far_receiver)) = pair(&Config::default());
    let stuck = {
        let sender = sender.clone();
        thread::spawn(move || sender.send(vec![7; 8 << 20]))
    };
    while sender.buffered_amount() == 0 {
        thread::yield_now();
    }
    far_sender.feed("first").unwrap();
    far_sender.send("second").unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = receiver.recv_with(|_, _| -> () { panic!("of the application") });
    }));
    assert!(panicked.is_err());
    let far = thread::spawn(move || far_receiver.recv().unwrap().unwrap().len());
    within_limits(move || stuck.join().unwrap()).unwrap();
    assert_eq!(far.join().unwrap(), 8 << 20);
    assert_eq!(receiver.recv().unwrap(), Some(Message::from("second")));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        sender.with_commands(|_| -> () { panic!("of the application") });
    }));
    assert!(panicked.is_err());
    sender.send("third").unwrap();
}

#[test]
fn what_a_callback_queues_before_it_panics_leaves_while_the_receiver_waits() {
    let ((sender, mut receiver), mut peer) = half(&Config::default());
    let receiving = thread::spawn(move || receiver.recv().unwrap());
    within_limits(move || {
        let mut frame = [0; 7];
        for round in 0..20 {
            if round == 10 {
                // By then, it surely waits. Either way, all leave.
                thread::sleep(millis(50));
            }
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                sender.with_commands(|commands| -> () {
                    commands.try_send("first").unwrap();
                    panic!("of the application")
                });
            }));
            assert!(panicked.is_err());
            peer.read_exact(&mut frame).unwrap();
            assert_eq!(frame[..], unmasked(0x81, b"first"));
        }
        peer.write_all(&masked(0x81, b"done")).unwrap();
    });
    assert_eq!(receiving.join().unwrap(), Some(Message::from("done")));
}

#[test]
fn a_read_timeout_loses_nothing() {
    let ((_sender, mut receiver), mut peer) = half(&Config::default());
    receiver.set_read_timeout(Some(millis(10)));
    peer.write_all(&masked(0x81, b"hello")[..7]).unwrap();
    for _ in 0..3 {
        let error = receiver.recv().unwrap_err();
        let Error::Timeout(Timeout::Read { limit }) = error else { panic!("{error}") };
        assert_eq!(limit, millis(10));
    }
    peer.write_all(&masked(0x81, b"hello")[7..]).unwrap();
    receiver.set_read_timeout(None);
    assert_eq!(receiver.recv().unwrap(), Some(Message::from("hello")));
}

#[test]
fn a_read_timeout_passes_while_a_sender_waits_for_the_stream() {
    let ((sender, mut receiver), peer) = half(&Config::default());
    let sending = thread::spawn(move || sender.send(vec![7; 8 << 20]));
    receiver.set_read_timeout(Some(millis(30)));
    for _ in 0..3 {
        let error = receiver.recv().unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout::Read { .. })), "{error}");
    }
    drop(peer);
    within_limits(move || sending.join().unwrap()).unwrap_err();
}

#[test]
fn a_message_in_parts_belongs_to_one_thread() {
    let ((sender, _receiver), (_far_sender, mut far_receiver)) = pair(&Config::default());
    sender.begin(MessageKind::Text).unwrap();
    sender.send_chunk(b"in ").unwrap();
    let other = sender.clone();
    let refused = thread::spawn(move || other.send("whole")).join().unwrap();
    let Err(Error::Send { error: SendError::MessageInProgress, message: None }) = refused else {
        panic!("{refused:?}");
    };
    sender.ping(b"between").unwrap();
    sender.send_chunk(b"parts").unwrap();
    sender.finish().unwrap();
    assert_eq!(far_receiver.recv().unwrap(), Some(Message::from("in parts")));
}

#[test]
fn messages_are_delivered_after_close_if_wanted() {
    let config = Config::default().after_close(AfterClose::Deliver);
    let ((sender, mut receiver), mut peer) = half(&config);
    sender.send_close(CloseCode::NORMAL, "").unwrap();
    peer.write_all(&masked(0x81, b"under way")).unwrap();
    peer.write_all(&masked(0x88, &1000_u16.to_be_bytes())).unwrap();
    assert_eq!(receiver.recv().unwrap(), Some(Message::from("under way")));
    assert_eq!(receiver.recv().unwrap(), None);
}

#[test]
fn what_is_to_happen_without_room_happens_when_the_stream_takes_nothing() {
    let config = Config::default().max_buffered(10_000).when_full(WhenFull::DropNewest);
    let ((sender, _receiver), _peer) = half(&config);
    let refused =
        within_limits(move || (0..200).find_map(|_| sender.feed(vec![7; 10_000]).err()).unwrap());
    assert!(matches!(refused, Error::Send { error: SendError::Dropped { .. }, .. }), "{refused}");
    // Not where the peer reads.
    let ((sender, receiver), mut reading) = half(&config);
    let reader = thread::spawn(move || io::copy(&mut reading, &mut io::sink()).unwrap());
    for _ in 0..200 {
        // The reader may be late, but comes.
        while let Err(error) = sender.feed(vec![7; 10_000]) {
            assert!(
                matches!(error, Error::Send { error: SendError::Dropped { .. }, .. }),
                "{error}"
            );
            thread::yield_now();
        }
    }
    sender.flush().unwrap();
    drop((sender, receiver));
    // What was dropped has not left.
    assert_eq!(reader.join().unwrap(), 200 * 10_004);
}

#[test]
fn halves_of_one_socket_are_joined_again_and_others_are_given_back() {
    let ((sender, receiver), (far_sender, far_receiver)) = pair(&Config::default());
    let error = sender.reunite(far_receiver).unwrap_err();
    let (sender, far_receiver) = (error.sender, error.receiver);
    let clone = sender.clone();
    let error = sender.reunite(receiver).unwrap_err();
    assert_eq!(
        error.to_string(),
        "halves are not of the same socket, or the sender has clones: drop them first"
    );
    drop(clone);
    error.sender.feed("queued before").unwrap();
    let mut near = error.sender.reunite(error.receiver).unwrap();
    let mut far = far_sender.reunite(far_receiver).unwrap();
    near.flush().unwrap();
    assert_eq!(far.recv().unwrap(), Some(Message::from("queued before")));
    // They block again.
    far.set_read_timeout(Some(millis(30)));
    let error = far.recv().unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Read { .. })), "{error}");
    let (stream, _) = near.into_parts();
    stream.set_read_timeout(Some(millis(1))).unwrap();
    let (sender, mut receiver) = far.split().unwrap();
    sender.send("split again").unwrap();
    receiver.set_read_timeout(None);
    let mut frame = [0; 13];
    (&stream).read_exact(&mut frame).unwrap();
    assert_eq!(frame[..], unmasked(0x81, b"split again"));
}

/// TCP that counts how often it is used.
#[derive(Debug)]
struct Counting {
    stream: TcpStream,
    calls: Arc<AtomicUsize>,
}

impl Read for Counting {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.stream.read(buf)
    }
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Counting {}

impl AsFd for Counting {
    fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[test]
fn halves_that_wait_sleep() {
    let (near, mut far) = tcp();
    let calls = Arc::new(AtomicUsize::new(0));
    let near = Counting { stream: near, calls: Arc::clone(&calls) };
    let config = Config::default().max_buffered(10_000);
    let (sender, mut receiver) = server(near, &config).split().unwrap();
    receiver.set_read_timeout(Some(millis(200)));
    assert!(receiver.recv().is_err());
    // A look before the wait and one behind it.
    assert!(calls.load(Ordering::Relaxed) <= 4, "{calls:?}");
    // Three that cannot send, and one that waits, and now and then for other things.
    let senders: Vec<_> = (0..3)
        .map(|_| {
            let sender = sender.clone();
            thread::spawn(move || (0..100).find_map(|_| sender.send(vec![7; 100_000]).err()))
        })
        .collect();
    while sender.buffered_amount() == 0 {
        thread::yield_now();
    }
    thread::sleep(millis(100));
    let before = calls.load(Ordering::Relaxed);
    assert!(receiver.recv().is_err());
    let waited = calls.load(Ordering::Relaxed) - before;
    // Each writes and reads in vain before it waits.
    assert!(waited <= 40, "{waited}");
    // A message that arrives wakes the receiver. A sender is not woken for long.
    receiver.set_read_timeout(None);
    for _ in 0..10 {
        far.write_all(&masked(0x81, b"hello")).unwrap();
        assert_eq!(receiver.recv().unwrap(), Some(Message::from("hello")));
    }
    let waited = calls.load(Ordering::Relaxed) - before;
    assert!(waited <= 40 + 10 * 20, "{waited}");
    drop(far);
    within_limits(move || senders.into_iter().for_each(|it| drop(it.join().unwrap().unwrap())));
}

#[test]
fn both_halves_tell_the_state_of_the_connection() {
    let ((sender, mut receiver), mut far) = half(&Config::default());
    assert_eq!((sender.ready_state(), receiver.closed()), (ReadyState::Open, None));
    assert_eq!(receiver.round_trip_time(), None);
    sender.ping(b"there?").unwrap();
    let mut ping = [0; 8];
    far.read_exact(&mut ping).unwrap();
    assert_eq!(ping, *b"\x89\x06there?");
    far.write_all(&masked(0x8a, b"there?")).unwrap();
    far.write_all(&masked(0x88, b"\x0f\xa1bye")).unwrap();
    assert_eq!(receiver.recv().unwrap(), None);
    assert!(receiver.round_trip_time().is_some());
    let closed = receiver.closed().unwrap();
    assert_eq!((closed.code.as_u16(), &*closed.reason), (4001, "bye"));
    assert!(matches!(sender.ready_state(), ReadyState::Closing | ReadyState::Closed));
}

/// It has to find room, as a message has.
#[test]
fn a_ping_waits_for_room() {
    let ((sender, _receiver), mut far) = half(&Config::default().max_buffered(4));
    let mut pings = 0;
    while sender.with_commands(|commands| commands.ping(b"?")).is_ok() {
        pings += 1;
    }
    sender.ping(b"!").unwrap();
    let mut written = vec![0; 3 * (pings + 1)];
    far.read_exact(&mut written).unwrap();
    assert!(written.starts_with(b"\x89\x01?") && written.ends_with(b"\x89\x01!"), "{written:?}");
}

/// As a program has it that begins with a driver of its own.
#[test]
fn halves_of_a_socket_that_is_not_open_yet_open_it() {
    let (near, mut far) = tcp();
    let request = ClientRequest::new("server.example.com", "/chat").unwrap();
    let driver = Driver::client(&request, &Config::default(), [7; 16], [7; 32]);
    let (sender, mut receiver) = WebSocket::from_driver(near, driver).split().unwrap();
    sender.flush().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        far.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    far.write_all(&response_to(&head)).unwrap();
    far.write_all(&unmasked(0x81, b"hello")).unwrap();
    assert_eq!(receiver.recv().unwrap(), Some("hello".into()));
    sender.send("hello").unwrap();
}
