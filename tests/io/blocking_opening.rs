//! The opening handshake of the blocking adapter: what each end gets to know of the other's head.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_core,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use sanswire::driver::Driver;
use sanswire::handshake::{Acceptance, ClientRequest, HandshakeError, HeadLimits};
use sanswire::io::Plain;
use sanswire::io::blocking::WebSocket;
use sanswire::{Config, Error};

#[test]
fn a_client_sees_the_headers_of_the_response() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let mut asked = None;
        let stream = listener.accept().unwrap().0;
        let socket = WebSocket::accept_with(stream, &Config::default(), |request| {
            asked = Some(request.clone());
            Ok(Acceptance::new().header("Set-Cookie", "server=b").unwrap())
        });
        (socket.unwrap(), asked.unwrap())
    });
    let request = ClientRequest::new(&authority, "/chat?room=7").unwrap();
    let client = WebSocket::connect_with(&request, &Config::default()).unwrap();
    let response = client.response().unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers().text("set-cookie"), Some("server=b"));
    // What a server needs to know later, it keeps.
    let (server, asked) = server.join().unwrap();
    assert!(server.response().is_none());
    assert_eq!((asked.path(), asked.query()), ("/chat", Some("room=7")));
    // It stays with the driver.
    let (stream, driver) = client.into_parts();
    assert!(WebSocket::from_driver(stream, driver).response().is_some());
}

#[test]
fn a_client_connects_to_a_url() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/chat?room=7", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut asked = None;
        let stream = listener.accept().unwrap().0;
        WebSocket::accept_with(stream, &Config::default(), |request| {
            asked = Some(request.target().to_owned());
            Ok(Acceptance::new())
        })
        .unwrap();
        asked
    });
    WebSocket::connect(&url).unwrap();
    assert_eq!(server.join().unwrap().as_deref(), Some("/chat?room=7"));

    let invalid = WebSocket::connect("ws://127.0.0.1:0/");
    assert!(matches!(invalid, Err(Error::Handshake { error: HandshakeError::InvalidUrl(_), .. })));
}

#[test]
fn a_refusal_whose_body_does_not_end_is_reported_with_what_came() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let limits = HeadLimits::default().timeout(None);
    let request = ClientRequest::new(&authority, "/").unwrap().head_limits(limits);
    let request = request.refusal_timeout(Duration::from_millis(50));
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let refusal = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\ntry later";
        stream.write_all(refusal).unwrap();
        // Until the client has gone.
        stream.read_to_end(&mut Vec::new())
    });
    let refused = WebSocket::connect_with(&request, &Config::default());
    let Err(Error::Handshake { error: HandshakeError::UnexpectedStatus(response), .. }) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!((response.status(), response.reason()), (503, "Busy"));
    assert_eq!(response.headers().text("Retry-After"), Some("7"));
    assert_eq!((response.content(), response.is_truncated()), (&"try later".into(), true));
    drop(server.join().unwrap());
}

/// A stream whose peer has gone without a word.
#[derive(Debug)]
struct Gone(io::Result<usize>);

impl Read for Gone {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Ok(len) => Ok(*len),
            Err(error) => Err(error.kind().into()),
        }
    }
}

impl Write for Gone {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_client_that_leaves_without_a_word_is_told_apart() {
    for end in [Ok(0), Err(io::ErrorKind::ConnectionReset.into())] {
        let error = WebSocket::accept(Plain(Gone(end)), &Config::default()).unwrap_err();
        let Error::Handshake { error, .. } = error else { panic!("{error}") };
        assert_eq!(error, HandshakeError::NoRequest { waited: None });
        assert_eq!(error.to_string(), "client left without a request");
    }
}

/// Somebody has to decide.
#[test]
fn a_request_that_nobody_answers_is_late() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(crate::support::REQUEST).unwrap();
    let limits = HeadLimits::default().timeout(Duration::from_millis(50));
    let driver = Driver::server_with(&limits, &Config::default());
    let mut server = WebSocket::from_driver(listener.accept().unwrap().0, driver);
    let error = server.recv().unwrap_err();
    let Error::Handshake { error: HandshakeError::NotAnswered(limit), .. } = error else {
        unreachable!("{error:?}")
    };
    assert_eq!(limit, Duration::from_millis(50));
}
