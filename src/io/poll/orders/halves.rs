//! The halves of a socket in tasks of their own.

use alloc::vec::Vec;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use shuttle::future::{block_on, spawn};
use shuttle::rand::{Rng, thread_rng};

use super::pipes::{End, ends};
use super::{config, echo, in_many_orders, message};
use crate::close::CloseCode;
use crate::connection::Connection;
use crate::error::SendError;
use crate::io::Error;
use crate::io::poll::{Receiver, Sender, WebSocket};

/// A split server, and a client.
fn connect() -> (Sender<End>, Receiver<End>, WebSocket<End>) {
    let (sender, receiver, far) = connect_to_bytes();
    (sender, receiver, WebSocket::from_driver(far, Connection::client(&config(), [7; 32])))
}

/// A split server, and a peer that writes and reads its bytes by itself.
fn connect_to_bytes() -> (Sender<End>, Receiver<End>, End) {
    let (near, far) = ends();
    let (sender, receiver) = WebSocket::from_driver(near, Connection::server(&config())).split();
    (sender, receiver, far)
}

/// Receives to the end, sometimes by calls that are given up.
async fn receive(mut receiver: Receiver<End>) -> Vec<u8> {
    let mut received = Vec::new();
    loop {
        if thread_rng().gen_bool(0.5)
            && let Some(early) = poll_once(receiver.recv()).await
        {
            match early.unwrap() {
                Some(message) => received.push(message.as_bytes()[0]),
                None => return received,
            }
        }
        match receiver.recv().await.unwrap() {
            Some(message) => received.push(message.as_bytes()[0]),
            None => return received,
        }
    }
}

/// Polls a future once, and drops it.
async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[test]
fn all_that_is_sent_arrives_and_comes_back() {
    in_many_orders(|| {
        let (mut sender, receiver, client) = connect();
        let (receiving, echoing) = (spawn(receive(receiver)), spawn(echo(client)));
        let sending = spawn(async move {
            for number in 0..3 {
                sender.send(&message(number)[..]).await.unwrap();
            }
            sender
        });
        block_on(async {
            let mut sender = sending.await.unwrap();
            sender.send_close(CloseCode::NORMAL, "").await.unwrap();
            let (received, ended) = echoing.await.unwrap();
            ended.unwrap();
            assert_eq!(received, [0, 1, 2]);
            // Those that come behind our Close frame are dropped.
            let back = receiving.await.unwrap();
            assert!([0, 1, 2].starts_with(&back), "{back:?}");
        });
    });
}

#[test]
fn what_is_given_up_is_sent_whole_or_not_at_all() {
    in_many_orders(|| {
        let (mut sender, receiver, client) = connect();
        let (receiving, echoing) = (spawn(receive(receiver)), spawn(echo(client)));
        let sending = spawn(async move {
            let mut sent = Vec::new();
            for number in 0..4 {
                if thread_rng().gen_bool(0.5) {
                    // It may have been queued.
                    let _ = poll_once(sender.send(&message(number)[..])).await;
                } else {
                    sender.send(&message(number)[..]).await.unwrap();
                    sent.push(number);
                }
            }
            sender.send_close(CloseCode::NORMAL, "").await.unwrap();
            sent
        });
        block_on(async {
            let sent = sending.await.unwrap();
            let (received, ended) = echoing.await.unwrap();
            ended.unwrap();
            receiving.await.unwrap();
            assert!(received.is_sorted_by(|a, b| a < b), "{received:?}");
            assert!(sent.iter().all(|number| received.contains(number)), "{sent:?} {received:?}");
        });
    });
}

#[test]
fn a_receiver_that_waits_writes_what_a_sender_has_left() {
    in_many_orders(|| {
        let (mut sender, receiver, mut client) = connect();
        let receiving = spawn(receive(receiver));
        let sending = spawn(async move {
            for number in 0..3 {
                while sender.try_send(&message(number)[..]).is_err() {
                    sender.flush().await.unwrap();
                }
            }
            // Or its end would have the other half look.
            sender
        });
        block_on(async {
            for number in 0..3 {
                let received = client.recv().await.unwrap().unwrap();
                assert_eq!(received.as_bytes(), message(number));
            }
            sending.await.unwrap();
            client.close(CloseCode::NORMAL, "").await.unwrap();
            assert_eq!(receiving.await.unwrap(), []);
        });
    });
}

#[test]
fn a_sender_that_is_stuck_reads_while_the_peer_only_sends() {
    in_many_orders(|| {
        let (mut sender, mut receiver, mut peer) = connect_to_bytes();
        let sending = spawn(async move {
            for number in 0..3 {
                sender.send(&message(number)[..]).await.unwrap();
            }
            sender
        });
        let receiving = spawn(async move {
            let mut received = Vec::new();
            let mut sending = Some(sending);
            if thread_rng().gen_bool(0.5) {
                for _ in 0..thread_rng().gen_range(0..4) {
                    let early = poll_once(receiver.recv()).await;
                    received.extend(early.map(|early| early.unwrap().unwrap()));
                }
                // It has something else to do meanwhile.
                drop(sending.take().unwrap().await.unwrap());
            }
            while received.len() < 3 {
                received.push(receiver.recv().await.unwrap().unwrap());
            }
            assert!(received.iter().map(|message| message.as_bytes()[0]).eq(0..3));
            if let Some(sending) = sending {
                drop(sending.await.unwrap());
            }
            receiver
        });
        block_on(async {
            for number in 0..3 {
                // Masked with zeros.
                peer.write(&[0x82, 0x80 | 12, 0, 0, 0, 0]).await;
                peer.write(&message(number)).await;
            }
            for number in 0..3 {
                assert_eq!(peer.read(14).await, [&[0x82, 12][..], &message(number)].concat());
            }
            let mut receiver = receiving.await.unwrap();
            drop(peer);
            assert!(receiver.recv().await.is_err(), "nobody has closed");
        });
    });
}

#[test]
fn a_sender_that_waits_for_room_hears_that_the_other_half_has_closed() {
    in_many_orders(|| {
        let (mut sender, mut receiver, peer) = connect_to_bytes();
        let sending = spawn(async move {
            loop {
                match sender.feed(&message(0)[..]).await {
                    Ok(()) => {}
                    Err(Error::Send { error: SendError::Closed, .. }) => return sender,
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
        block_on(async {
            receiver.with_commands(|commands| commands.close(CloseCode::NORMAL, "")).unwrap();
            // Nobody reads what was sent.
            let sender = sending.await.unwrap();
            drop((sender, receiver, peer));
        });
    });
}

#[test]
fn a_sender_goes_on_alone() {
    in_many_orders(|| {
        let (mut sender, mut receiver, client) = connect();
        let echoing = spawn(echo(client));
        let receiving = spawn(async move {
            receiver.recv().await.unwrap();
            // Its half is dropped while the sender may be waiting.
        });
        block_on(async {
            for number in 0..4 {
                sender.send(&message(number)[..]).await.unwrap();
            }
            receiving.await.unwrap();
            drop(sender);
            let (received, ended) = echoing.await.unwrap();
            assert_eq!(received, [0, 1, 2, 3]);
            assert!(ended.is_err(), "nobody has closed");
        });
    });
}

#[test]
fn halves_that_are_together_again_have_all_that_came() {
    in_many_orders(|| {
        let (mut sender, mut receiver, client) = connect();
        let echoing = spawn(echo(client));
        let receiving = spawn(async move {
            let first = receiver.recv().await.unwrap().unwrap();
            assert_eq!(first.as_bytes(), message(0));
            let _ = poll_once(receiver.recv()).await;
            receiver
        });
        block_on(async {
            for number in 0..2 {
                sender.send(&message(number)[..]).await.unwrap();
            }
            let mut socket = sender.reunite(receiving.await.unwrap()).unwrap();
            socket.close(CloseCode::NORMAL, "").await.unwrap();
            let (received, ended) = echoing.await.unwrap();
            ended.unwrap();
            assert_eq!(received, [0, 1]);
        });
    });
}
