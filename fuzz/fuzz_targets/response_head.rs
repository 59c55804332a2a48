//! `ClientHandshake`: any bytes in any chunks give the same response or error, the same agreement
//! and the same rest as in one piece; its headers are those of a slow reader that unfolds lines, and
//! so is the body of a refusal.
#![no_main]

use bytes::Buf;
use libfuzzer_sys::fuzz_target;
use sanswire::Config;
use sanswire::extension::Extension;
use sanswire::handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Response, SubprotocolPolicy,
};
use sanswire_fuzz::{Input, cut, http};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let limits = HeadLimits::default()
        .max_start_line(input.one_of(&[8 << 10, 0, 20, 100]))
        .max_headers(input.one_of(&[100, 0, 1, 6]))
        .max_size(input.one_of(&[16 << 10, 0, 100, 300]));
    let max_body = input.one_of(&[64 << 10, 0, 1, 10]);
    let offers = input.byte();
    let mut request = ClientRequest::new("server.example.com", "/chat").unwrap();
    let max_interim_responses = [16, 0, 1, 2][usize::from(offers >> 6)];
    let limits = limits.max_interim_responses(max_interim_responses);
    request = request.head_limits(limits).max_refusal_body(max_body);
    if offers & 1 != 0 {
        request = request.subprotocol("chat").unwrap().subprotocol("b").unwrap();
    }
    if offers & 2 != 0 {
        request = request.deflate(&Default::default());
    }
    if offers & 4 != 0 {
        request = request.extension(Extension::new("x-other").unwrap());
    }
    if offers & 8 != 0 {
        request = request.subprotocol_policy(SubprotocolPolicy::Required);
    }
    let sizes = input.bytes();
    // A response that opens, to which the input adds.
    let start: &[u8] = input.one_of(&[b"", SAMPLE]);
    let stream = [start, input.rest()].concat();

    let whole = Outcome::of(&request, max_body, &[&stream]);
    let pieces = Outcome::of(&request, max_body, &cut(&stream, sizes));
    assert_eq!(pieces, whole);
    whole.check(&stream, max_body, max_interim_responses);
});

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    response: Option<Response>,
    error: Option<HandshakeError>,
    rest: Vec<u8>,
    negotiated: Option<String>,
}

impl Outcome {
    fn of(request: &ClientRequest, max_body: usize, chunks: &[&[u8]]) -> Self {
        let mut handshake = ClientHandshake::new(request, *b"the sample nonce");
        let output = handshake.poll_transmit().unwrap();
        output.advance(output.remaining());
        let mut outcome = Self::default();
        for chunk in chunks {
            handshake.input().extend_from_slice(chunk);
            outcome.poll(&mut handshake);
        }
        handshake.handle_eof();
        outcome.poll(&mut handshake);
        assert_eq!(handshake.is_open(), outcome.response.is_some());
        assert!(outcome.response.is_some() != outcome.error.is_some());
        if let Some(HandshakeError::UnexpectedStatus(response)) = &outcome.error {
            assert!(response.content().len() <= max_body);
            assert_ne!(response.status(), 101);
        }
        outcome.negotiated = handshake.negotiated().map(|negotiated| format!("{negotiated:?}"));
        assert_eq!(outcome.negotiated.is_some(), handshake.is_open());
        let connection = handshake.into_connection(&Config::default(), [7; 32]);
        assert_eq!(connection.is_some(), outcome.negotiated.is_some());
        if let Some(connection) = connection {
            outcome.rest = connection.into_unprocessed().to_vec();
        }
        outcome
    }

    /// Compares with what a slow reader makes of the same stream.
    fn check(&self, stream: &[u8], max_body: usize, max_interim: usize) {
        let refused = match &self.error {
            Some(HandshakeError::UnexpectedStatus(response)) => Some(&**response),
            Some(_) | None => None,
        };
        let Some(response) = self.response.as_ref().or(refused) else { return };
        let received = http::Received::read(stream);
        assert_eq!(response.status(), received.status);
        assert!(received.interim <= max_interim);
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()));
        assert_eq!(headers.collect::<Vec<_>>(), received.headers);
        if refused.is_none() {
            assert_eq!(self.rest, received.rest);
        } else if let Some((body, is_truncated)) = received.body(max_body) {
            assert_eq!(
                (&response.content()[..], response.is_truncated()),
                (&body[..], is_truncated)
            );
        }
    }

    fn poll(&mut self, handshake: &mut ClientHandshake) {
        match handshake.poll_response() {
            Ok(None) => {}
            Ok(Some(response)) => {
                assert_eq!(response.status(), 101);
                assert!(self.response.is_none() && self.error.is_none());
                self.response = Some(response);
            }
            Err(error) => {
                assert!(self.error.as_ref().is_none_or(|before| *before == error));
                self.error = Some(error);
            }
        }
    }
}

const SAMPLE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
