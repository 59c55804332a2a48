//! The buffers that connections of one thread leave to each other, in places where they could be
//! mixed up: a transport that claims what it has not read, or that drives another connection; other
//! threads, and their end.
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test is an application, and ends at what it did not expect"
)]

use core::task::Poll;
use std::cell::RefCell;
use std::thread;

use bytes::Buf;
use sanswire::io::poll::WebSocket;
use sanswire::{Config, Connection, Input, Message, ReadyState, TransmitBuf};

use crate::support::{masked, unmasked};
use crate::transport::{Stream, Wire, poll};

/// What happens at each read, before what is there is read.
type BeforeRead = Box<dyn FnMut(&mut Input<'_>) -> Option<usize> + Send>;

/// What a peer sends, and what it has got.
struct Peer {
    sent: Vec<u8>,
    got: Vec<u8>,
    before_read: BeforeRead,
}

impl Wire for Peer {
    fn read(&mut self, input: &mut Input<'_>) -> Poll<usize> {
        if let Some(len) = (self.before_read)(input) {
            return Poll::Ready(len);
        }
        let spare = input.spare_mut();
        let len = spare.len().min(self.sent.len());
        if len == 0 {
            return Poll::Pending;
        }
        spare[..len].copy_from_slice(&self.sent[..len]);
        self.sent.drain(..len);
        input.commit(len);
        Poll::Ready(len)
    }

    fn write(&mut self, output: &TransmitBuf) -> Poll<usize> {
        self.got.extend_from_slice(output.chunk());
        Poll::Ready(output.chunk().len())
    }
}

fn server(
    sent: Vec<u8>,
    before_read: impl FnMut(&mut Input<'_>) -> Option<usize> + Send + 'static,
) -> WebSocket<Stream<Peer>> {
    let peer = Peer { sent, got: Vec::new(), before_read: Box::new(before_read) };
    WebSocket::from_driver(peer, Connection::server(&Config::default()))
}

/// Receives so many messages and sends them back.
fn echo(socket: &mut WebSocket<Stream<Peer>>, count: usize) {
    for _ in 0..count {
        let Poll::Ready(message) = poll(socket.recv()) else { panic!("it waits") };
        assert!(poll(socket.send(message.unwrap().unwrap())).is_ready());
    }
    assert!(poll(socket.recv()).is_pending());
}

/// Has a connection of this thread receive and send what nobody else is to see.
fn echo_secrets() {
    let secret = vec![SECRET; 9_000];
    let mut socket = server(masked(0x82, &secret).repeat(5), |_| None);
    echo(&mut socket, 5);
    assert_eq!(socket.into_parts().0.got, unmasked(0x82, &secret).repeat(5));
}

const SECRET: u8 = 0xa5;

#[test]
fn a_transport_that_claims_what_it_has_not_read_tells_nothing_of_others() {
    echo_secrets();
    // It claims all that it was lent.
    let mut socket = server(Vec::new(), |input| {
        let spare = input.spare_mut();
        assert!(spare.iter().all(|&byte| byte == 0));
        let len = spare.len();
        input.commit(len);
        Some(len)
    });
    // No client's frame begins like that, and what follows is thrown away.
    for _ in 0..3 {
        let _ = poll(socket.recv());
    }
    assert_ne!(socket.ready_state(), ReadyState::Open);
    assert!(!socket.into_parts().0.got.contains(&SECRET));

    // And one that says so once, and appends nothing.
    let mut claims = vec![5_000];
    let mut socket = server(masked(0x82, b"true"), move |_| claims.pop());
    echo(&mut socket, 1);
    assert_eq!(socket.into_parts().0.got, unmasked(0x82, b"true"));
}

#[test]
fn a_transport_may_drive_another_connection() {
    let message = [7; 3_000];
    let frames = masked(0x82, &message).repeat(9);
    let mut inner = server(frames.clone(), |_| None);
    let mut outer = server(frames, move |_| {
        // One that goes over the other, as a proxy does.
        if let Poll::Ready(received) = poll(inner.recv()) {
            let received = received.unwrap().unwrap();
            assert_eq!(received, Message::from(message.to_vec()));
            assert!(poll(inner.send(received)).is_ready());
        }
        None
    });
    echo(&mut outer, 9);
    assert_eq!(outer.into_parts().0.got, unmasked(0x82, &message).repeat(9));
}

#[test]
fn a_connection_may_go_from_thread_to_thread() {
    let frames = masked(0x82, &[7; 3_000]);
    let mut sockets: Vec<_> = (0..3).map(|_| server(Vec::new(), |_| None)).collect();
    for _ in 0..4 {
        let threads: Vec<_> = sockets
            .into_iter()
            .map(|socket| {
                let (mut peer, driver) = socket.into_parts();
                peer.sent.extend(frames.repeat(3));
                let mut socket = WebSocket::<Stream<Peer>>::from_driver(peer, driver);
                thread::spawn(move || {
                    echo_secrets();
                    echo(&mut socket, 3);
                    socket
                })
            })
            .collect();
        sockets = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    }
    for socket in sockets {
        assert_eq!(socket.into_parts().0.got, unmasked(0x82, &[7; 3_000]).repeat(12));
    }
}

/// A connection that a thread drives when it ends.
struct Late(Option<WebSocket<Stream<Peer>>>);

impl Drop for Late {
    fn drop(&mut self) {
        if let Some(mut socket) = self.0.take() {
            echo(&mut socket, 2);
        }
    }
}

#[test]
fn a_connection_may_be_driven_while_its_thread_ends() {
    thread_local! {
        static FIRST: RefCell<Late> = const { RefCell::new(Late(None)) };
        static LAST: RefCell<Late> = const { RefCell::new(Late(None)) };
    }
    let late = || Late(Some(server(masked(0x81, b"late").repeat(2), |_| None)));
    let thread = thread::spawn(move || {
        FIRST.replace(late());
        echo_secrets();
        LAST.replace(late());
    });
    thread.join().unwrap();
}
