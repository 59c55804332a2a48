//! `ServerHandshake`: any bytes in any chunks give the same request or error, the same answer and
//! the same rest as in one piece, also behind empty lines; a folded header is refused; every answer
//! is a sound HTTP response.
#![no_main]

use bytes::Buf;
use libfuzzer_sys::fuzz_target;
use sanswire::Config;
use sanswire::handshake::{
    Acceptance, HandshakeError, HeadLimits, OriginPolicy, Preference, Request, Response,
    ServerHandshake, encode_accept, select_subprotocol,
};
use sanswire_fuzz::{Input, cut, http};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let limits = HeadLimits::default()
        .max_start_line(input.one_of(&[8 << 10, 0, 20, 100]))
        .max_headers(input.one_of(&[100, 0, 1, 6]))
        .max_size(input.one_of(&[16 << 10, 0, 100, 300]));
    let answer = input.one_of(&[Answer::Accept, Answer::Reject]);
    let sizes = input.bytes();
    // A request that opens, to which the input adds.
    let start: &[u8] = input.one_of(&[b"", SAMPLE]);
    let stream = [start, input.rest()].concat();

    let whole = Outcome::of(&limits, answer, &[&stream]);
    let pieces = Outcome::of(&limits, answer, &cut(&stream, sizes));
    assert_eq!(pieces, whole);
    if !stream.starts_with(b"\r") {
        let late = [EMPTY_LINES, &stream].concat();
        assert_eq!(Outcome::of(&limits, answer, &[&late]), whole);
        assert_eq!(Outcome::of(&limits, answer, &cut(&late, sizes)), whole);
    }
    let has_nothing = (0..=EMPTY_LINES.len()).any(|len| stream == EMPTY_LINES[..len]);
    let nothing = HandshakeError::NoRequest { waited: None };
    assert_eq!(whole.error == Some(nothing), has_nothing);
    if whole.request.is_some() {
        let request = stream.trim_ascii_start();
        let end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let is_folded = |three: &[u8]| matches!(three, [b'\r', b'\n', b' ' | b'\t']);
        assert!(!request[..end].windows(3).any(is_folded));
    }
});

/// As many as may come before a request.
const EMPTY_LINES: &[u8] = b"\r\n\r\n\r\n\r\n";

#[derive(Clone, Copy)]
enum Answer {
    Accept,
    Reject,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// The request, by its `Debug`.
    request: Option<String>,
    error: Option<HandshakeError>,
    output: Vec<u8>,
    rest: Vec<u8>,
    negotiated: Option<String>,
}

impl Outcome {
    fn of(limits: &HeadLimits, answer: Answer, chunks: &[&[u8]]) -> Self {
        let mut handshake = ServerHandshake::new(limits);
        let mut outcome = Self::default();
        for chunk in chunks {
            handshake.input().extend_from_slice(chunk);
            outcome.poll(&mut handshake, answer);
        }
        handshake.handle_eof();
        outcome.poll(&mut handshake, answer);
        assert!(handshake.is_open() != handshake.is_refused());
        if let Some(output) = handshake.poll_transmit() {
            outcome.output = output.copy_to_bytes(output.remaining()).to_vec();
            let status = http::check_response(&outcome.output);
            assert_eq!(status == 101, handshake.is_open());
        } else {
            assert!(matches!(
                outcome.error,
                Some(HandshakeError::EndOfStream | HandshakeError::NoRequest { waited: None })
            ));
        }
        assert!(handshake.poll_transmit().is_none());
        assert_eq!(handshake.negotiated().is_some(), handshake.is_open());
        outcome.negotiated = handshake.negotiated().map(|negotiated| format!("{negotiated:?}"));
        let connection = handshake.into_connection(&Config::default());
        assert_eq!(connection.is_some(), outcome.negotiated.is_some());
        if let Some(mut connection) = connection {
            assert!(connection.poll_transmit().is_none());
            outcome.rest = connection.into_unprocessed().to_vec();
        }
        outcome
    }

    fn poll(&mut self, handshake: &mut ServerHandshake, answer: Answer) {
        match handshake.poll_request() {
            Ok(None) => {}
            Ok(Some(request)) => {
                assert!(self.request.is_none() && self.error.is_none());
                self.request = Some(format!("{request:?}"));
                look_at(&request);
                match answer {
                    Answer::Accept => accept(handshake, &request),
                    Answer::Reject => handshake.reject(&Response::new(404).text("no")).unwrap(),
                }
            }
            Err(error) => {
                assert!(self.error.as_ref().is_none_or(|before| *before == error));
                self.error = Some(error);
            }
        }
    }
}

fn accept(handshake: &mut ServerHandshake, request: &Request) {
    let checked = request.check();
    let subprotocol =
        select_subprotocol(request.subprotocols(), &["chat", "b"], Preference::Client);
    let acceptance = Acceptance::new().subprotocol(subprotocol).deflate(&Default::default());
    let accepted = handshake.accept(request, &acceptance);
    assert_eq!(accepted, checked);
    if accepted.is_ok() {
        let key = request.headers().get("sec-websocket-key").unwrap();
        let output = handshake.poll_transmit().unwrap();
        let accept = format!("Sec-WebSocket-Accept: {}\r\n", encode_accept(key));
        let head = String::from_utf8(output.chunk().to_vec()).unwrap();
        assert!(head.contains(&accept), "{head}");
    }
}

/// Nothing that can be asked of a request panics.
fn look_at(request: &Request) {
    let path = request.path();
    assert!(path.starts_with('/') || path == "*" || request.check().is_err(), "{path}");
    let _ = (request.query(), request.host(), request.origin(), request.extensions());
    let _ = (request.subprotocols().count(), request.version(), request.target());
    for policy in
        [OriginPolicy::any(), OriginPolicy::same_origin(), OriginPolicy::same_https_origin()]
    {
        let _ = policy.check(request);
    }
    for (name, value) in request.headers().iter() {
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        assert!(request.headers().get(name).is_some());
        let _ = request.headers().list(name).count();
        let _ = request.headers().contains_token(name, "upgrade");
    }
}

const SAMPLE: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n";
