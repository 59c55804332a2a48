//! The way through an HTTP proxy (RFC 9110, §9.3.6).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use core::time::Duration;

use bytes::Buf;
use proptest::prelude::*;
use sanswire::Role;
use sanswire::handshake::{
    ClientRequest, HandshakeError, HeadLimit, HeadLimits, Headers, OtherProtocol, Response, Tunnel,
    TunnelError,
};

fn request() -> ClientRequest {
    let request = ClientRequest::from_url("wss://example.com/chat?token=secret").unwrap();
    request.header("Authorization", "Bearer of-the-server").unwrap()
}

fn tunnel() -> Tunnel {
    Tunnel::new(&request(), &Headers::new())
}

fn written(tunnel: &mut Tunnel) -> String {
    let mut written = Vec::new();
    while let Some(output) = tunnel.poll_transmit() {
        written.extend_from_slice(output.chunk());
        output.advance(output.chunk().len());
    }
    String::from_utf8(written).unwrap()
}

/// What becomes of an answer that arrives in these parts, followed by the end of the stream.
fn outcome<'a>(
    limits: &HeadLimits,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Response, TunnelError> {
    let mut tunnel = Tunnel::new(&request().head_limits(limits.clone()), &Headers::new());
    for part in parts {
        tunnel.input().extend_from_slice(part);
        match tunnel.poll_response() {
            Ok(None) => assert!(!tunnel.is_open()),
            Ok(Some(response)) => {
                assert!(tunnel.is_open());
                assert_eq!(tunnel.poll_response(), Ok(None));
                return Ok(response);
            }
            Err(error) => {
                assert!(!tunnel.is_open());
                assert_eq!(tunnel.poll_response(), Err(error.clone()));
                return Err(error);
            }
        }
    }
    tunnel.handle_eof();
    let error = tunnel.poll_response().unwrap_err();
    assert_eq!(tunnel.poll_response(), Err(error.clone()));
    Err(error)
}

/// As [`outcome`], of all at once and byte by byte, which make no difference.
#[track_caller]
fn answered(answer: &[u8]) -> Result<Response, TunnelError> {
    let limits = HeadLimits::default();
    let at_once = outcome(&limits, [answer]);
    // Byte by byte, the head is complete before what is behind it arrives.
    if at_once != Err(TunnelError::EarlyBytes) {
        assert_eq!(outcome(&limits, answer.chunks(1)), at_once);
    }
    at_once
}

#[test]
fn the_request_names_the_host_and_port_and_nothing_of_the_server() {
    let mut headers = Headers::new();
    headers.append("Proxy-Authorization", "Basic dTpw").unwrap();
    let mut tunnel = Tunnel::new(&request(), &headers);
    let expected = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\
        Proxy-Authorization: Basic dTpw\r\n\r\n";
    assert_eq!(written(&mut tunnel), expected);
    assert!(tunnel.poll_transmit().is_none());
    let request = ClientRequest::from_url("ws://[::1]/").unwrap();
    let mut tunnel = Tunnel::new(&request, &Headers::new());
    let expected = "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n";
    assert_eq!(written(&mut tunnel), expected);
}

#[test]
fn each_2xx_opens_the_tunnel_whatever_length_it_announces() {
    for answer in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nVia: a\r\n\r\n",
        "HTTP/1.1 204\r\n\r\n",
        "HTTP/1.1 299 \r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let response = answered(answer.as_bytes()).unwrap();
        assert!((200..300).contains(&response.status()), "{answer}");
    }
}

#[test]
fn another_status_is_a_refusal_with_its_headers() {
    let answer = b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\n\
        Content-Length: 1000\r\n\r\n<html>";
    let Err(TunnelError::Refused(response)) = answered(answer) else { panic!() };
    assert_eq!((response.status(), response.reason()), (407, "Who are you"));
    assert_eq!(response.headers().text("Proxy-Authenticate"), Some("Basic realm=\"proxy\""));
    let text = TunnelError::Refused(response).to_string();
    assert!(text.starts_with("proxy answered 407 Who are you; it asks for Basic realm="), "{text}");
    for status in [101, 301, 400, 403, 502, 504, 999] {
        let answer = format!("HTTP/1.1 {status} \r\n\r\n");
        match answered(answer.as_bytes()) {
            Err(TunnelError::Refused(response)) => assert_eq!(response.status(), status),
            // It is no final response.
            Err(error) => assert_eq!(
                (status, error),
                (101, TunnelError::InvalidAnswer(HandshakeError::EndOfStream))
            ),
            Ok(response) => panic!("{response:?}"),
        }
    }
}

#[test]
fn bytes_behind_the_answer_are_an_error() {
    let answer = b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101";
    assert_eq!(answered(answer), Err(TunnelError::EarlyBytes));
}

#[test]
fn what_is_no_answer_of_a_proxy_is_an_error() {
    let invalid = |error| Err(TunnelError::InvalidAnswer(error));
    assert_eq!(answered(b""), invalid(HandshakeError::NoResponse));
    assert_eq!(answered(b"HTTP/1.1 200"), invalid(HandshakeError::EndOfStream));
    assert_eq!(answered(b"HTTP/1.1 100 \r\n\r\n"), invalid(HandshakeError::EndOfStream));
    for (answer, part) in
        [(&b"GET / HTTP/1.1\r\n"[..], "HTTP version"), (b"HTTP/1.1 2\r\n", "status code")]
    {
        match answered(answer) {
            Err(TunnelError::InvalidAnswer(HandshakeError::Malformed { part: found, .. })) => {
                assert_eq!(found, part);
            }
            other => panic!("{other:?}"),
        }
    }
    let version = HandshakeError::UnsupportedHttpVersion("HTTP/2.0".into());
    assert_eq!(answered(b"HTTP/2.0 200 \r\n"), invalid(version));
    for (bytes, expected) in [
        (&b"\x15\x03\x01\0\x02\x02\x0a"[..], OtherProtocol::Tls),
        (b"SSH-2.0-OpenSSH_9.6\r\n", OtherProtocol::Ssh),
    ] {
        match answered(bytes) {
            Err(TunnelError::InvalidAnswer(HandshakeError::WrongProtocol { protocol, .. })) => {
                assert_eq!(protocol, expected);
            }
            other => panic!("{other:?}"),
        }
    }
    // SOCKS5.
    assert!(matches!(answered(b"\x05\xff"), Err(TunnelError::InvalidAnswer(_))));
}

#[test]
fn the_limits_of_heads_apply() {
    let limits = HeadLimits::default().max_size(100).max_headers(1).max_interim_responses(1);
    let exceeded = |limit| Err(TunnelError::InvalidAnswer(HandshakeError::LimitExceeded(limit)));
    let large = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(100));
    assert_eq!(outcome(&limits, [large.as_bytes()]), exceeded(HeadLimit::Size(100)));
    let many = b"HTTP/1.1 200 OK\r\nA: a\r\nB: b\r\n\r\n";
    assert_eq!(outcome(&limits, [&many[..]]), exceeded(HeadLimit::Headers(1)));
    let endless = b"HTTP/1.1 100 \r\n\r\n".repeat(2);
    assert_eq!(outcome(&limits, [&endless[..]]), exceeded(HeadLimit::InterimResponses(1)));
}

#[test]
fn the_answer_has_until_the_deadline_and_no_longer() {
    let limit = Duration::from_secs(10);
    let begin = Duration::from_secs(1000);
    let mut tunnel = tunnel();
    tunnel.handle_timeout(begin);
    assert_eq!(tunnel.poll_timeout().map(Duration::from), Some(begin + limit));
    tunnel.handle_timeout(begin + limit - Duration::from_nanos(1));
    assert_eq!(tunnel.poll_response(), Ok(None));
    tunnel.handle_timeout(begin + limit);
    assert_eq!(tunnel.poll_response(), Err(TunnelError::Timeout(limit)));
    assert_eq!(tunnel.poll_timeout(), None);
    // What comes now is too late.
    tunnel.input().extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(tunnel.poll_response(), Err(TunnelError::Timeout(limit)));
}

#[test]
fn calls_in_an_odd_order_open_and_break_nothing() {
    let mut tunnel = tunnel();
    assert_eq!(tunnel.poll_response(), Ok(None));
    // A proxy that answers before it is asked, and closes at once.
    tunnel.input().extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\n");
    tunnel.handle_eof();
    assert_eq!(tunnel.poll_response().unwrap().unwrap().status(), 200);
    tunnel.handle_timeout(Duration::MAX);
    tunnel.input().extend_from_slice(b"late");
    assert_eq!(tunnel.poll_response(), Ok(None));
    assert!(tunnel.is_open());
    assert!(written(&mut tunnel).starts_with("CONNECT "));
}

#[test]
fn nothing_shows_credentials() {
    let mut headers = Headers::new();
    headers.append("Proxy-Authorization", "Basic secret").unwrap();
    let tunnel = Tunnel::new(&request(), &headers);
    assert!(!format!("{tunnel:?}").contains("secret"));
}

proptest! {
    #[test]
    fn the_outcome_does_not_depend_on_where_the_answer_is_cut(
        status in prop_oneof![Just(200_u16), Just(407), Just(502), 100_u16..600],
        interim in 0_usize..3,
        padding in 0_usize..40,
        noise in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut answer = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n".repeat(interim);
        let head = format!("HTTP/1.1 {status} Reason\r\nVia: {}\r\n\r\n", "v".repeat(padding));
        answer.extend_from_slice(head.as_bytes());
        if let Some((at, byte)) = noise {
            let at = at.index(answer.len());
            answer[at] = byte;
        }
        let limits = HeadLimits::default().max_interim_responses(2);
        let at_once = outcome(&limits, [&answer[..]]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(answer.len())).collect();
        cuts.extend([0, answer.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| &answer[cut[0]..cut[1]]);
        let in_parts = outcome(&limits, parts);
        if at_once != Err(TunnelError::EarlyBytes) {
            prop_assert_eq!(in_parts, at_once);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)) {
        let _ = outcome(&HeadLimits::default(), parts.iter().map(Vec::as_slice));
    }
}

#[test]
fn the_text_of_a_refusal_says_what_can_be_done_about_it() {
    for (status, remedy) in [
        (403, "; it does not let this host and port through: many allow port 443 only (wss)"),
        (407, "; it asks for a user name and a password"),
        (502, "; it does not reach the server"),
        (504, "; it does not reach the server"),
        (500, "500 Internal Server Error"),
    ] {
        let text = TunnelError::Refused(Response::new(status).into()).to_string();
        assert!(text.ends_with(remedy), "{text}");
    }
    for (protocol, remedy) in [
        (OtherProtocol::Tls, "use an https URL for it"),
        (OtherProtocol::Ssh, "is the port right?"),
    ] {
        let error = HandshakeError::WrongProtocol { peer: Role::Server, protocol };
        let text = TunnelError::InvalidAnswer(error).to_string();
        assert!(text.ends_with(remedy), "{text}");
    }
}
