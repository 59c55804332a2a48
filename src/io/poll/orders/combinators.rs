//! One socket as a `Stream` and as a `Sink`, in two tasks.

use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Waker};

use futures_core::Stream;
use futures_sink::Sink;
use shuttle::future::{block_on, spawn};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Mutex;

use super::pipes::{End, ends};
use super::{config, echo, in_many_orders, message};
use crate::connection::{Config, Connection};
use crate::io::poll::WebSocket;
use crate::message::Message;

/// As `StreamExt::split` of `futures` has it: who polls has the whole socket for that time.
#[test]
fn a_stream_and_a_sink_in_two_tasks_wake_each_other() {
    in_many_orders(|| {
        let (near, client) = ends();
        let server = WebSocket::<End>::from_driver(near, Connection::server(&config()));
        let client = WebSocket::from_driver(client, Connection::client(&config(), [7; 32]));
        let (echoing, server) = (spawn(echo(client)), Arc::new(Mutex::new(server)));
        let socket = Arc::clone(&server);
        let receiving = spawn(async move {
            let mut received = Vec::new();
            let next = || poll_fn(|cx| Pin::new(&mut *socket.lock().unwrap()).poll_next(cx));
            while let Some(message) = next().await {
                received.push(message.unwrap().as_bytes()[0]);
            }
            received
        });
        let socket = Arc::clone(&server);
        let sending = spawn(async move {
            for number in 0..3 {
                poll_fn(|cx| Pin::new(&mut *socket.lock().unwrap()).poll_ready(cx)).await.unwrap();
                let message = Message::from(message(number).to_vec());
                Pin::new(&mut *socket.lock().unwrap()).start_send(message).unwrap();
                if thread_rng().gen_bool(0.5) {
                    let flush = |cx: &mut Context<'_>| {
                        Pin::new(&mut *socket.lock().unwrap()).poll_flush(cx)
                    };
                    poll_fn(flush).await.unwrap();
                }
            }
            poll_fn(|cx| Pin::new(&mut *socket.lock().unwrap()).poll_close(cx)).await.unwrap();
        });
        block_on(async {
            sending.await.unwrap();
            let (received, ended) = echoing.await.unwrap();
            ended.unwrap();
            assert_eq!(received, [0, 1, 2]);
            // A sink that closes leaves the stream open for what is to come.
            let back = receiving.await.unwrap();
            assert!([0, 1, 2].starts_with(&back), "{back:?}");
            drop(server);
        });
    });
}

#[test]
fn a_stream_and_a_sink_hear_what_the_other_one_finds() {
    let run = || {
        for finds in ["nobody", "sink", "stream"] {
            let (near, mut peer) = ends();
            let clock = Arc::clone(&near.clock);
            let mut server =
                WebSocket::<End>::from_driver(near, Connection::server(&Config::default()));
            let mut server = Pin::new(&mut server);
            let woken = [(); 2].map(|()| Arc::new(Woken(AtomicU64::new(0))));
            let wakers = woken.clone().map(Waker::from);
            let [mut stream, mut sink] = wakers.each_ref().map(Context::from_waker);
            assert!(server.as_mut().poll_next(&mut stream).is_pending());
            server.as_mut().start_send(Message::from(message(1).to_vec())).unwrap();
            assert!(server.as_mut().poll_flush(&mut sink).is_pending());
            let is_woken = || woken.each_ref().map(|woken| woken.0.swap(0, Ordering::Relaxed) > 0);
            assert_eq!(is_woken(), [false; 2]);
            if finds == "nobody" {
                block_on(peer.write(&[0x81]));
                assert_eq!(is_woken(), [true; 2], "the transport has something");
                continue;
            }
            clock.store(3600, Ordering::Relaxed);
            if finds == "sink" {
                assert!(server.as_mut().poll_flush(&mut sink).is_ready());
                assert_eq!(is_woken(), [true, false]);
                assert!(server.as_mut().poll_next(&mut stream).is_ready());
            } else {
                assert!(server.as_mut().poll_next(&mut stream).is_ready());
                assert_eq!(is_woken(), [false, true]);
                assert!(server.as_mut().poll_flush(&mut sink).is_ready());
            }
            assert_eq!(is_woken(), [false; 2], "nobody waits any more");
        }
    };
    shuttle::check_random(run, 1);
}

#[derive(Debug)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
