//! What is no HTTP head, and how large one may be (RFC 9112; RFC 6455, §4.2.1 and §10.7).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use bytes::Buf;
use sanswire::Role;
use sanswire::handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HeadLimit, HeadLimits, OtherProtocol,
    ServerHandshake,
};

use crate::support::{invalid_header, malformed};

/// Feeds a server in parts, until it decides.
///
/// Returns the outcome, the status answered, and how many bytes were fed up to then.
fn feed<'a>(
    limits: &HeadLimits,
    parts: impl Iterator<Item = &'a [u8]>,
) -> (Result<bool, HandshakeError>, String, usize) {
    let mut handshake = ServerHandshake::new(limits);
    let mut fed = 0;
    for part in parts {
        handshake.input().extend_from_slice(part);
        fed += part.len();
        match handshake.poll_request() {
            Ok(Some(_)) => return (Ok(true), String::new(), fed),
            Ok(None) => assert!(handshake.poll_transmit().is_none()),
            Err(error) => {
                assert_eq!(handshake.poll_request().unwrap_err(), error);
                let output = handshake.poll_transmit().unwrap();
                let answer = output.copy_to_bytes(output.remaining());
                let answer = String::from_utf8(answer.to_vec()).unwrap();
                assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
                assert!(answer.ends_with(&format!("\r\n\r\n{}\n", error.answer())), "{answer}");
                let status = answer.strip_prefix("HTTP/1.1 ").unwrap();
                return (Err(error), status[..3].to_owned(), fed);
            }
        }
    }
    (Ok(false), String::new(), fed)
}

/// Feeds a head at once and byte by byte, with the same outcome; returns it and the status.
fn head_with(limits: &HeadLimits, head: &[u8]) -> (Result<bool, HandshakeError>, String) {
    let (result, status, _) = feed(limits, [head].into_iter());
    let (slow_result, slow_status, fed) = feed(limits, head.chunks(1));
    assert_eq!((&slow_result, &slow_status), (&result, &status));
    assert!(result != Ok(true) || fed == head.len());
    (result, status)
}

fn head(head: impl AsRef<[u8]>) -> (Result<bool, HandshakeError>, String) {
    head_with(&HeadLimits::default(), head.as_ref())
}

#[track_caller]
fn assert_malformed(bytes: impl AsRef<[u8]>, part: &'static str) {
    let text = String::from_utf8_lossy(bytes.as_ref()).into_owned();
    let (result, status) = head(bytes);
    assert_eq!((malformed(result), &*status), (part, "400"), "{text:?}");
}

fn limits(start_line: usize, headers: usize, size: usize) -> HeadLimits {
    HeadLimits::default().max_start_line(start_line).max_headers(headers).max_size(size)
}

fn exceeded(limit: HeadLimit) -> Result<bool, HandshakeError> {
    Err(HandshakeError::LimitExceeded(limit))
}

#[test]
fn a_bare_line_feed_is_refused_wherever_it_stands() {
    for bytes in [
        "GET / HTTP/1.1\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\n",
        "GET / HTTP/1.1\r\nHost: h\n\n",
        "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n",
    ] {
        assert_malformed(bytes, "bare line feed");
    }
}

#[test]
fn a_bare_carriage_return_is_refused_wherever_it_stands() {
    for bytes in [
        "GET / HTTP/1.1\rHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\rX",
        "\rGET / HTTP/1.1\r\n",
    ] {
        assert_malformed(bytes, "bare carriage return");
    }
}

#[test]
fn control_characters_are_refused_at_once() {
    for byte in (0..0x20).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)) {
        // The first byte alone may be the beginning of another protocol.
        assert_eq!(head([byte]).0.is_err(), ![0, 4, 5, 0x16].contains(&byte), "{byte}");
        if byte != 5 {
            assert_malformed([byte, b'x'], "control character");
        }
        for place in ["GET / HTTP/1.1\r\nHost: ", "GET / HTTP/1.1\r\nHo", "GET /", "G"] {
            assert_malformed([place.as_bytes(), &[byte]].concat(), "control character");
        }
    }
}

#[test]
fn what_is_not_http_is_refused_with_its_first_bytes() {
    let client = |protocol| HandshakeError::WrongProtocol { peer: Role::Client, protocol };
    for (bytes, protocol) in [
        (&b"\x16\x03"[..], OtherProtocol::Tls),
        (b"SSH-", OtherProtocol::Ssh),
        (b"PROXY T", OtherProtocol::Proxy),
        (b"PROXY U", OtherProtocol::Proxy),
        (b"\r\n\r\n\0\r\nQ", OtherProtocol::Proxy),
        (b"\x04\x01", OtherProtocol::Socks),
        (b"\x05\x01", OtherProtocol::Socks),
    ] {
        assert_eq!(head(bytes), (Err(client(protocol)), "400".to_owned()));
        // One byte less may be anything.
        assert_eq!(head(&bytes[..bytes.len() - 1]), (Ok(false), String::new()));
    }
    assert_eq!(head("PRI * "), (Err(client(OtherProtocol::Http2)), "505".to_owned()));
    for request in ["PROPFIND", "PROXY", "PUT", "PRI", "PRINT", "POST", "SEARCH"] {
        let request = format!("{request} / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(head(request).0, Ok(true));
    }
    assert_malformed("{\"json\": true}\r\n", "request line");
}

#[test]
fn a_request_line_is_a_method_a_target_and_a_version() {
    for line in [
        " ",
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / a HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / HTTP/1.1\t",
        "G@T / HTTP/1.1",
        "G\u{fc}T / HTTP/1.1",
        "GET /\u{fc} HTTP/1.1",
        "GET  HTTP/1.1",
    ] {
        let part = if line.ends_with('\t') { "HTTP version" } else { "request line" };
        assert_malformed(format!("{line}\r\nHost: h\r\n\r\n"), part);
    }
    for version in ["HTTP/1", "HTTP/1.", "HTTP/11", "HTTP/1.10", "http/1.1", "HTTX/1.1", "/", "ICY"]
    {
        assert_malformed(format!("GET / {version}\r\nHost: h\r\n\r\n"), "HTTP version");
    }
}

#[test]
fn a_header_line_is_a_token_a_colon_and_a_value() {
    for line in [
        "Host : h",
        "Host\t: h",
        ": h",
        "Host",
        "Ho st: h",
        "Ho\"st: h",
        "H\u{f6}st: h",
        "Host: h\r\nX-Second : a",
        "(Host): h",
    ] {
        assert_malformed(format!("GET / HTTP/1.1\r\n{line}\r\n\r\n"), "header line");
    }
    assert_eq!(head("GET / HTTP/1.1\r\nHost:\th\t\r\nX: a\tb \u{fc}\r\nY:\r\n\r\n").0, Ok(true));
}

#[test]
fn what_is_malformed_is_shown_without_what_may_be_a_secret() {
    for (bytes, shown) in [
        ("GET /chat?secret HTTP/1.1\n", "bare line feed (\"GET /chat?…\")"),
        ("GET /chat?secret\x1b", "control character (\"GET /chat?…\")"),
        ("GET http://a:secret@h/x\x00", "control character (\"GET http://…@h/x\\0\")"),
        ("\x1b[2Jhello", "control character (\"\\u{1b}\")"),
        ("GET /a b?secret HTTP/1.1\r\n", "request line (\"GET /a b?…\")"),
        ("GET / HTTQ?secret\r\n", "HTTP version (\"HTTQ?…\")"),
        ("GET / HTTP/1.1\r\nCookie: secret\n", "bare line feed (\"Cookie:…\")"),
        ("GET / HTTP/1.1\r\nCookie: secret\rx", "bare carriage return (\"Cookie:…\")"),
        ("GET / HTTP/1.1\r\nCookie: secret\x00", "control character (\"Cookie:…\")"),
        ("GET / HTTP/1.1\r\nA: b\r\nCookie=secret\r\n\r\n", "header line (\"Cookie=…\")"),
        ("GET / HTTP/1.1\r\nCookie secret: x\r\n\r\n", "header line (\"Cookie…\")"),
        ("GET / HTTP/1.1\r\nCookie: a\r\n secret\r\n\r\n", "folded header line"),
    ] {
        let error = head(bytes).0.unwrap_err();
        let (text, answer) = (error.to_string(), error.answer());
        assert!(answer.ends_with(&format!("not a valid HTTP head: {shown}")), "{answer}");
        assert!(text.starts_with(&answer) && text.len() < 300, "{text}");
        assert!(!text.contains("secret") && !text.contains(char::is_control), "{text}");
    }
}

#[test]
fn a_folded_header_line_of_a_request_is_answered_400() {
    for lines in ["Host: h\r\n folded", "Host: h\r\n\tfolded", "Host: h\r\n ", "Host:\r\n h"] {
        assert_malformed(format!("GET / HTTP/1.1\r\n{lines}\r\n\r\n"), "folded header line");
    }
    for line in [" Host: h", "\tHost: h", " "] {
        let request = format!("GET / HTTP/1.1\r\n{line}\r\n\r\n");
        assert_malformed(request, "white space before the first header");
    }
}

#[test]
fn empty_lines_before_a_request_are_passed_over() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for count in 0..=4 {
        assert_eq!(head("\r\n".repeat(count) + request).0, Ok(true), "{count}");
    }
    for count in [5, 6, 10_000] {
        assert_malformed("\r\n".repeat(count) + request, "request line");
    }
    assert_malformed(format!("\r\n\n{request}"), "bare line feed");
    assert_malformed(format!("\r\n\r{request}"), "bare carriage return");
    assert_malformed(format!("\r\n \r\n{request}"), "request line");
    // They are no part of the head.
    let limits = limits(14, 1, request.len());
    let late = "\r\n\r\n".to_owned() + request;
    assert_eq!(head_with(&limits, late.as_bytes()).0, Ok(true));
    let long = "\r\n\r\n".to_owned() + &request.replace("Host: h", "Host: hh");
    assert_eq!(head_with(&limits, long.as_bytes()).0, exceeded(HeadLimit::Size(request.len())));
}

#[test]
fn a_request_line_over_the_limit_is_answered_414() {
    let request = |len: usize| {
        let target = "a".repeat(len - "GET / HTTP/1.1".len());
        format!("GET /{target} HTTP/1.1\r\nHost: h\r\n\r\n")
    };
    assert_eq!(head(request(8 << 10)).0, Ok(true));
    let refused = (exceeded(HeadLimit::StartLine(8 << 10)), "414".to_owned());
    assert_eq!(head(request((8 << 10) + 1)), refused);
    assert_eq!(head("a".repeat(20_000)), refused);
}

#[test]
fn more_headers_than_the_limit_are_answered_431() {
    let request =
        |count: usize| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "a:b\r\n".repeat(count - 1));
    for count in [1, 2, 99, 100] {
        assert_eq!(head(request(count)).0, Ok(true), "{count}");
    }
    for count in [101, 102, 1000] {
        let refused = (exceeded(HeadLimit::Headers(100)), "431".to_owned());
        assert_eq!(head(request(count)), refused, "{count}");
    }
    let none = head_with(&limits(100, 0, 100), b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(none.0, Ok(true));
    let one = head_with(&limits(100, 0, 100), b"GET / HTTP/1.0\r\na:\r\n\r\n");
    assert_eq!(one.0, exceeded(HeadLimit::Headers(0)));
}

#[test]
fn a_head_over_the_limit_is_answered_431() {
    let request = |len: usize| {
        let start = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
        format!("{start}{}\r\n\r\n", "a".repeat(len - start.len() - 4))
    };
    assert_eq!(head(request(16 << 10)).0, Ok(true));
    let refused = (exceeded(HeadLimit::Size(16 << 10)), "431".to_owned());
    assert_eq!(head(request((16 << 10) + 1)), refused);
    assert_eq!(head(request(1 << 20)), refused);
}

#[test]
fn limits_can_be_as_small_as_zero() {
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for (limits, result) in [
        (limits(14, 1, request.len()), Ok(true)),
        (limits(13, 1, request.len()), exceeded(HeadLimit::StartLine(13))),
        (limits(14, 0, request.len()), exceeded(HeadLimit::Headers(0))),
        (limits(14, 1, request.len() - 1), exceeded(HeadLimit::Size(request.len() - 1))),
        (limits(0, 0, 0), exceeded(HeadLimit::StartLine(0))),
        (limits(1, 0, 0), exceeded(HeadLimit::Size(0))),
    ] {
        assert_eq!(head_with(&limits, request).0, result);
        assert_eq!(head_with(&limits, &[b"\r\n", &request[..]].concat()).0, result);
    }
}

#[test]
fn an_endless_header_fails_at_the_limit_and_not_later() {
    let start = b"GET / HTTP/1.1\r\nX: ";
    let endless = start.iter().chain(core::iter::repeat(&b'a')).take(1 << 20);
    let bytes: Vec<_> = endless.copied().collect();
    let (result, _, fed) = feed(&HeadLimits::default(), bytes.chunks(1));
    assert_eq!((result, fed), (exceeded(HeadLimit::Size(16 << 10)), (16 << 10) + 1));
}

#[test]
fn a_megabyte_of_head_byte_by_byte_takes_linear_time() {
    // Parsing anew for each byte would look at half a million million bytes here.
    let start = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    let request = format!("{start}{}\r\n\r\n", "a".repeat(1 << 20));
    let (result, _, _) = feed(&limits(100, 2, usize::MAX), request.as_bytes().chunks(1));
    assert_eq!(result, Ok(true));
}

#[test]
fn long_lists_take_linear_time() {
    let list = |name: &str, value: String| {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             {name}: {value}\r\n\r\n"
        );
        let mut handshake = ServerHandshake::new(&limits(100, 10, usize::MAX));
        handshake.input().extend_from_slice(request.as_bytes());
        handshake.poll_request().unwrap().unwrap().check()
    };
    let protocol = "Sec-WebSocket-Protocol";
    let spaces = " ,".repeat(32 << 10);
    assert_eq!(list(protocol, spaces.clone() + "a"), Ok(()));
    assert_eq!(invalid_header(list(protocol, spaces)), protocol);
    let names = (0..50_000).map(|name| format!("n{name}")).collect::<Vec<_>>().join(",");
    assert_eq!(list(protocol, names), Ok(()));
    let extensions = "Sec-WebSocket-Extensions";
    let unclosed = format!("a; b=\"{}", r"\c".repeat(64 << 10));
    assert_eq!(invalid_header(list(extensions, unclosed)), extensions);
    assert_eq!(list(extensions, format!("a{}", ";b=c".repeat(10_000))), Ok(()));
}

#[test]
fn a_client_limits_the_head_of_the_response_too() {
    let request = ClientRequest::new("h", "/").unwrap().head_limits(limits(40, 2, 100));
    let poll = |response: &str| {
        let run = |size| {
            let mut handshake = ClientHandshake::new(&request, [0; 16]);
            response.as_bytes().chunks(size).try_fold(false, |_, part| {
                handshake.input().extend_from_slice(part);
                handshake.poll_response().map(|open| open.is_some())
            })
        };
        let result = run(response.len());
        assert_eq!(run(1), result);
        result
    };
    let line = format!("HTTP/1.1 101 {}", "a".repeat(28));
    assert_eq!(poll(&line), exceeded(HeadLimit::StartLine(40)));
    let headers = "HTTP/1.1 101 a\r\nA: b\r\nA: b\r\nA: b\r\n\r\n";
    assert_eq!(poll(headers), exceeded(HeadLimit::Headers(2)));
    let endless = format!("HTTP/1.1 101 a\r\nA: {}", "a".repeat(1000));
    assert_eq!(poll(&endless), exceeded(HeadLimit::Size(100)));
}

#[test]
fn interim_responses_have_a_limit_of_their_own() {
    let poll = |limit, count| {
        let mut limits = limits(100, 100, 100);
        limits.max_interim_responses = limit;
        let request = ClientRequest::new("h", "/").unwrap().head_limits(limits);
        let responses = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n".repeat(count);
        let run = |size| {
            let mut handshake = ClientHandshake::new(&request, [0; 16]);
            responses.as_bytes().chunks(size).try_fold(false, |_, part| {
                handshake.input().extend_from_slice(part);
                handshake.poll_response().map(|open| open.is_some())
            })
        };
        let result = run(responses.len());
        assert_eq!(run(1), result);
        result
    };
    for limit in [16, 3, 1] {
        assert_eq!(poll(limit, limit), Ok(false));
        for count in [limit + 1, 10_000] {
            let error = poll(limit, count).unwrap_err();
            assert_eq!(Err(error.clone()), exceeded(HeadLimit::InterimResponses(limit)));
            let text = format!("server sent more than {limit} interim responses of 1xx");
            let text = text + " (HeadLimits::max_interim_responses): raise it";
            assert!(error.to_string().starts_with(&text), "{error}");
        }
    }
    assert_eq!(poll(0, 1), exceeded(HeadLimit::InterimResponses(0)));
    assert_eq!(HeadLimits::default().max_interim_responses, 16);
}

#[test]
fn each_head_is_limited_alone_and_errors_name_the_limits_that_were_set() {
    // Each is within the limits, together they are not.
    let interim = "HTTP/1.1 103 a\r\nA: b\r\nA: b\r\n\r\n".repeat(9);
    for (response, limit, text) in [
        (
            format!("HTTP/1.1 101 {}", "a".repeat(28)),
            HeadLimit::StartLine(40),
            "HTTP head has a first line of more than 40 bytes (HeadLimits::max_start_line)",
        ),
        (
            "HTTP/1.1 101 a\r\nA: b\r\nA: b\r\nA: b\r\n\r\n".to_owned(),
            HeadLimit::Headers(2),
            "HTTP head has more than 2 headers (HeadLimits::max_headers)",
        ),
        (
            format!("HTTP/1.1 101 a\r\nA: {}", "a".repeat(1000)),
            HeadLimit::Size(100),
            "HTTP head has more than 100 bytes (HeadLimits::max_size)",
        ),
    ] {
        for before in ["", &interim] {
            let request = ClientRequest::new("h", "/").unwrap().head_limits(limits(40, 2, 100));
            let mut handshake = ClientHandshake::new(&request, [0; 16]);
            handshake.input().extend_from_slice(before.as_bytes());
            assert!(handshake.poll_response().unwrap().is_none());
            handshake.input().extend_from_slice(response.as_bytes());
            let error = handshake.poll_response().unwrap_err();
            assert_eq!(error, HandshakeError::LimitExceeded(limit));
            let remedy = ": raise it, or have the peer send less";
            assert_eq!(error.to_string(), text.to_owned() + remedy);
        }
    }
}

#[test]
fn a_folded_line_is_no_header_of_its_own_and_counts_for_the_size() {
    let request = ClientRequest::new("h", "/").unwrap().head_limits(limits(40, 1, 100));
    let poll = |folds: usize| {
        let mut handshake = ClientHandshake::new(&request, [0; 16]);
        let response = format!("HTTP/1.1 204 a\r\nA: b\r\n{}\r\n", " c\r\n".repeat(folds));
        handshake.input().extend_from_slice(response.as_bytes());
        handshake.poll_response().map(|open| open.is_some())
    };
    assert!(matches!(poll(19), Err(HandshakeError::UnexpectedStatus(_))));
    assert_eq!(poll(20), exceeded(HeadLimit::Size(100)));
}
