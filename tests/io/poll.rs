//! The shell of all asynchronous runtimes, over a transport of the test's own that is always ready.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test is an application, and ends at what it did not expect"
)]

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::cell::Cell;
use std::rc::Rc;

use sanswire::handshake::{Request, Response};
use sanswire::io::poll::WebSocket;
use sanswire::{Config, Connection, Error, Input, TransmitBuf};

use crate::support::masked;
use crate::transport::{Stream, Wire, poll};

/// A peer that sends this and then zeros without end.
#[derive(Clone, Debug, Default)]
struct Flood {
    input: Vec<u8>,
    /// Whether it takes nothing.
    is_stuck: bool,
    read: Rc<Cell<usize>>,
}

impl Wire for Flood {
    fn read(&mut self, input: &mut Input<'_>) -> Poll<usize> {
        let spare = input.spare_mut();
        spare.fill(0);
        let begin = spare.len().min(self.input.len());
        spare[..begin].copy_from_slice(&self.input[..begin]);
        self.input.drain(..begin);
        let len = spare.len();
        input.commit(len);
        self.read.set(self.read.get() + len);
        assert!(self.read.get() < 100 << 20, "it reads without end");
        Poll::Ready(len)
    }

    fn write(&mut self, output: &TransmitBuf) -> Poll<usize> {
        if self.is_stuck { Poll::Pending } else { Poll::Ready(output.len()) }
    }
}

fn server(is_stuck: bool) -> (WebSocket<Stream<Flood>>, Flood) {
    let flood = Flood { input: masked(0x88, b"\x03\xe8"), is_stuck, ..Flood::default() };
    (WebSocket::from_driver(flood.clone(), Connection::server(&Config::default())), flood)
}

#[test]
fn a_close_is_reported_although_the_peer_goes_on_sending() {
    let (mut socket, flood) = server(false);
    let mut polls = 0;
    let end = loop {
        polls += 1;
        if let Poll::Ready(end) = poll(socket.recv()) {
            break end;
        }
    };
    assert_eq!(end.unwrap(), None);
    assert!(polls <= 2 && flood.read.get() < 1 << 20, "{polls} polls, {} bytes", flood.read.get());
    assert!(matches!(poll(socket.recv()), Poll::Ready(Ok(None))));
}

#[test]
fn others_run_while_a_peer_that_has_closed_goes_on_sending() {
    let (mut socket, flood) = server(true);
    socket.commands().send("before").unwrap();
    for turn in 1..10 {
        assert!(poll(socket.recv()).is_pending());
        assert!(flood.read.get() <= turn << 20, "{} bytes in {turn} turns", flood.read.get());
    }
}

#[test]
fn others_run_while_the_body_of_a_rejected_request_is_thrown_away() {
    let input = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n".to_vec();
    let flood = Flood { input, ..Flood::default() };
    let config = Config::default();
    let decide = async |_: &Request| Err(Response::new(404));
    let mut accepting =
        pin!(WebSocket::<Stream<Flood>>::accept_with(flood.clone(), &config, decide));
    let mut turns = 0;
    let error = loop {
        turns += 1;
        match accepting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {
                assert!(flood.read.get() <= turns << 20, "{} bytes", flood.read.get());
            }
            Poll::Ready(accepted) => break accepted.unwrap_err(),
        }
    };
    assert!(matches!(error, Error::Rejected { status: 404 }), "{error}");
}

#[test]
fn an_error_that_is_logged_does_not_tell_the_message() {
    let (mut socket, _) = server(true);
    socket.commands().close(1000, "").unwrap();
    let error = socket.try_send("secret".to_owned()).unwrap_err();
    let refused = socket.commands().send("secret".to_owned()).unwrap_err();
    for said in [format!("{error} {error:?}"), format!("{refused} {refused:?}")] {
        assert!(!said.contains("secret") && said.contains("message_len: Some(6)"), "{said}");
    }
}
