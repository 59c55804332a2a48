//! The server's side of the opening handshake (RFC 6455, §4.2).
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use bytes::Buf;
use proptest::prelude::*;
use sanswire::extension::Extension;
use sanswire::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Headers, HttpVersion,
    Preference, Request, Response, ServerHandshake, select_subprotocol,
};
use sanswire::{Config, Role};

use crate::support::{invalid_header, malformed};

const REQUEST: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// What a server that accepts all it can did.
#[derive(Debug, PartialEq)]
struct Outcome {
    requests: Vec<String>,
    result: Result<(), HandshakeError>,
    output: String,
    /// How much was not consumed.
    waiting: usize,
    /// What of it is the connection's; `None` if there is none.
    rest: Option<Vec<u8>>,
}

fn serve_in_parts<'a>(parts: impl Iterator<Item = &'a [u8]>, acceptance: &Acceptance) -> Outcome {
    let mut handshake = ServerHandshake::new(&HeadLimits::default());
    let mut requests = Vec::new();
    let mut result = Ok(());
    for part in parts {
        handshake.input().extend_from_slice(part);
        match handshake.poll_request() {
            Ok(Some(request)) => {
                requests.push(format!("{} {}", request.method(), request.target()));
                result = handshake.accept(&request, acceptance);
            }
            Ok(None) => {}
            Err(error) => result = Err(error),
        }
    }
    assert_eq!(handshake.is_open(), !requests.is_empty() && result.is_ok());
    assert_eq!(handshake.is_refused(), result.is_err());
    let output = take_output(&mut handshake);
    let waiting = handshake.input().len();
    let connection = handshake.into_connection(&Config::default());
    assert_eq!(connection.is_some(), result.is_ok() && !requests.is_empty());
    let rest = connection.map(|connection| connection.into_unprocessed().to_vec());
    Outcome { requests, result, output, waiting, rest }
}

/// Serves a request that comes at once, byte by byte, and by way of another HTTP stack with the same
/// outcome.
fn serve_with(request: impl AsRef<[u8]>, acceptance: &Acceptance) -> Outcome {
    let request = request.as_ref();
    let outcome = serve_in_parts([request].into_iter(), acceptance);
    assert_eq!(serve_in_parts(request.chunks(1), acceptance), outcome);
    let is_http = match &outcome.result {
        Ok(()) => !outcome.requests.is_empty(),
        Err(HandshakeError::UnsupportedHttpVersion(version)) => version == "HTTP/1.0",
        Err(
            HandshakeError::LimitExceeded(_)
            | HandshakeError::Malformed { .. }
            | HandshakeError::WrongProtocol { .. },
        ) => false,
        Err(_) => true,
    };
    if is_http {
        assert_same_by_another_stack(request, acceptance, &outcome);
    }
    outcome
}

/// Asserts that a request of which another HTTP stack has parsed the head comes to the same result,
/// and to the same answer in all its bytes.
fn assert_same_by_another_stack(head: &[u8], acceptance: &Acceptance, outcome: &Outcome) {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let line = lines.by_ref().find(|line| !line.is_empty()).unwrap();
    let line = String::from_utf8_lossy(line);
    let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{line}")
    };
    let version = if version == "HTTP/1.0" { HttpVersion::Http10 } else { HttpVersion::Http11 };
    let mut headers = Headers::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap();
        let name = core::str::from_utf8(&line[..colon]).unwrap();
        headers.append(name, &line[colon + 1..]).unwrap();
    }
    let answered = Request::new(method, target, version, headers)
        .and_then(|request| request.accept(acceptance, &Config::default()));
    match answered {
        Ok((response, connection)) => {
            let mut output = format!("HTTP/1.1 {} {}\r\n", response.status(), response.reason());
            for (name, value) in response.headers().iter() {
                output += &format!("{name}: {}\r\n", core::str::from_utf8(value).unwrap());
            }
            assert_eq!(output + "\r\n", outcome.output);
            assert_eq!((&outcome.result, connection.role()), (&Ok(()), Role::Server));
        }
        Err(error) => {
            // The answer to HEAD has no body, if it was known to be one.
            let mut handshake = ServerHandshake::new(&HeadLimits::default());
            if !outcome.requests.is_empty() {
                let asked = format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n");
                handshake = handshake_with(&asked).0;
            }
            handshake.reject(&Response::refusal(&error, version)).unwrap();
            assert_eq!(take_output(&mut handshake), outcome.output);
            assert_eq!(outcome.result, Err(error));
        }
    }
}

fn serve(request: impl AsRef<[u8]>) -> Outcome {
    serve_with(request, &Acceptance::new())
}

fn take_output(handshake: &mut ServerHandshake) -> String {
    let Some(output) = handshake.poll_transmit() else { return String::new() };
    let bytes = output.copy_to_bytes(output.remaining());
    assert!(handshake.poll_transmit().is_none());
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Serves a request that is refused with `status`, by an answer that closes and names `fact`.
#[track_caller]
fn refused(request: impl AsRef<[u8]>, status: u16, fact: &str) -> (HandshakeError, String) {
    let outcome = serve(request);
    let error = outcome.result.unwrap_err();
    assert_eq!(error.status(), status, "{error}");
    let (head, body) = outcome.output.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    assert!(head.contains("\r\nConnection: close"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
    assert!(head.contains("\r\nContent-Type: text/plain"), "{head}");
    assert_eq!(body, error.answer() + "\n");
    assert!(body.contains(fact), "{body}");
    (error, head.to_owned())
}

/// The request with the line that begins with `name` replaced by `lines` (each with a line break).
fn with(name: &str, lines: &str) -> String {
    let start = REQUEST.find(&format!("\r\n{name}")).unwrap() + 2;
    let end = start + REQUEST[start..].find("\r\n").unwrap() + 2;
    format!("{}{lines}{}", &REQUEST[..start], &REQUEST[end..])
}

/// The request with more lines.
fn and(lines: &str) -> String {
    REQUEST.replace("\r\n\r\n", &format!("\r\n{lines}\r\n"))
}

fn handshake_with(request: &str) -> (ServerHandshake, Request) {
    let mut handshake = ServerHandshake::new(&HeadLimits::default());
    handshake.input().extend_from_slice(request.as_bytes());
    let request = handshake.poll_request().unwrap().unwrap();
    (handshake, request)
}

#[test]
fn the_request_of_the_rfc_is_accepted_with_the_response_of_the_rfc() {
    let outcome = serve(REQUEST);
    assert_eq!(outcome.requests, ["GET /chat"]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.output, format!("{ACCEPTED}\r\n"));
}

#[test]
fn frames_right_behind_the_request_are_the_connections() {
    let frames = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\r\n\r\n";
    let outcome = serve([REQUEST.as_bytes(), frames].concat());
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.rest.as_deref(), Some(&frames[..]));
    assert_eq!(outcome.waiting, frames.len());
}

#[test]
fn an_error_of_a_callback_that_decides_is_an_answer() {
    let decide = || -> Result<Acceptance, Response> {
        Ok(Acceptance::new().header("not a token", "value")?)
    };
    let error = Acceptance::new().header("not a token", "value").unwrap_err();
    let response = decide().unwrap_err();
    // It is not the fault of the client.
    assert_eq!((&response, response.status()), (&Response::from(&error), 500));
}

#[test]
fn header_names_and_tokens_are_case_insensitive_in_any_order() {
    let request = "GET / HTTP/1.1\r\n\
        SEC-WEBSOCKET-VERSION: 13\r\n\
        X-Unknown: \u{fc}\r\n\
        sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==\t \r\n\
        connection:keep-alive ,UPGRADE\r\n\
        upgrade:\tWebSocket\r\n\
        host:h\r\n\
        \r\n";
    assert_eq!(serve(request).output, format!("{ACCEPTED}\r\n"));
}

#[test]
fn connection_and_upgrade_are_lists_over_several_lines() {
    for request in [
        with("Connection", "Connection: keep-alive, upgrade\r\n"),
        with("Connection", "Connection: keep-alive\r\nConnection: Upgrade\r\n"),
        with("Connection", "Connection: ,, upgrade,\r\n"),
        with("Upgrade", "Upgrade: h2c, websocket\r\n"),
        with("Upgrade", "Upgrade: h2c\r\nUpgrade: websocket\r\n"),
    ] {
        assert_eq!(serve(&request).result, Ok(()), "{request}");
    }
}

#[test]
fn connection_without_the_token_upgrade_is_answered_400() {
    let missing = HandshakeError::MissingHeader("Connection");
    assert_eq!(refused(with("Connection", ""), 400, "Connection is missing").0, missing);
    for value in ["", "close", "upgraded", "no-upgrade", "keep-alive; upgrade", "\"upgrade\""] {
        let request = with("Connection", &format!("Connection: {value}\r\n"));
        refused(request, 400, "Connection");
    }
}

#[test]
fn a_request_for_no_websocket_is_yielded_and_answered_426_with_upgrade() {
    for request in [
        with("Upgrade", ""),
        with("Upgrade", "Upgrade: h2c\r\n"),
        with("Upgrade", "Upgrade: websocket2\r\n"),
        with("Upgrade", "Upgrade: websocket/13\r\n"),
        "GET /health HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        "POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx".to_owned(),
    ] {
        let (error, head) = refused(&request, 426, "Upgrade");
        assert!(matches!(error, HandshakeError::NotUpgrade(_)), "{error}");
        assert!(head.contains("\r\nUpgrade: websocket\r\n"), "{head}");
        assert!(head.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{head}");
        assert!(head.contains("\r\nConnection: close, Upgrade\r\n"), "{head}");
        assert_eq!(serve(&request).requests.len(), 1);
    }
}

#[test]
fn an_upgrade_by_another_method_is_answered_405_with_allow() {
    for method in ["POST", "PUT", "OPTIONS", "get", "Get", "FOO"] {
        let request = REQUEST.replace("GET", method);
        let (error, head) = refused(request, 405, "method");
        assert_eq!(error, HandshakeError::MethodNotAllowed(method.to_owned()));
        assert!(head.contains("\r\nAllow: GET\r\n"), "{head}");
    }
}

#[test]
fn the_answer_to_head_has_no_body() {
    let outcome = serve(REQUEST.replace("GET", "HEAD"));
    assert!(outcome.output.starts_with("HTTP/1.1 405 "));
    assert!(!outcome.output.contains("Content-Length: 0"));
    assert!(outcome.output.ends_with("\r\n\r\n"));
}

#[test]
fn other_http_versions_are_answered_505() {
    for version in ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/3.0"] {
        let (error, _) = refused(REQUEST.replace("HTTP/1.1", version), 505, "HTTP version");
        assert_eq!(error, HandshakeError::UnsupportedHttpVersion(version.to_owned()));
    }
    refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "not HTTP/1.1");
    // RFC 9110, §2.5: a later minor version is compatible.
    assert_eq!(serve(REQUEST.replace("HTTP/1.1", "HTTP/1.2")).result, Ok(()));
}

#[test]
fn a_missing_repeated_or_malformed_host_is_answered_400() {
    assert_eq!(refused(with("Host", ""), 400, "Host").0, HandshakeError::MissingHeader("Host"));
    let twice = with("Host", "Host: a\r\nHost: a\r\n");
    assert_eq!(refused(twice, 400, "Host").0, HandshakeError::DuplicateHeader("Host"));
    for host in [
        "", "a b", "a/b", "user@a", "a:b", "a:65536", "a:1:2", "a:-1", "a:+1", "[::1", "[::g]",
        "[]", "[::1]x", "[::1]:x", "::1", "a\\b", "a?b", "a#b", "\u{fc}", "a,b, c",
    ] {
        let (error, _) = refused(with("Host", &format!("Host: {host}\r\n")), 400, "Host");
        assert_eq!(invalid_header(Err::<(), _>(error)), "Host", "{host}");
    }
    for host in ["a", "a:", "a:0", "A.B-c_d~:65535", "127.0.0.1:80", "[::1]", "[2001:DB8::1]:9"] {
        assert_eq!(serve(with("Host", &format!("Host: {host}\r\n"))).result, Ok(()), "{host}");
    }
}

#[test]
fn another_or_no_websocket_version_is_answered_426_with_the_version() {
    for line in ["", "12", "8", "0", "013", "13.0", "+13", "0xd", "13, 13", "13;", "25", "x", ","] {
        let line = match line {
            "" => String::new(),
            version => format!("Sec-WebSocket-Version: {version}\r\n"),
        };
        let (error, head) = refused(with("Sec-WebSocket-Version", &line), 426, "Version");
        let found = line.split_once(": ").map(|(_, version)| version.trim_end().to_owned());
        assert_eq!(error, HandshakeError::UnsupportedVersion(found));
        assert!(head.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{head}");
    }
    let twice = and("Sec-WebSocket-Version: 13\r\n");
    let duplicate = HandshakeError::DuplicateHeader("Sec-WebSocket-Version");
    assert_eq!(refused(twice, 400, "Version").0, duplicate);
}

#[test]
fn a_missing_repeated_or_malformed_key_is_answered_400() {
    let missing = with("Sec-WebSocket-Key", "");
    let error = HandshakeError::MissingHeader("Sec-WebSocket-Key");
    assert_eq!(refused(missing, 400, "Sec-WebSocket-Key").0, error);
    let twice = and("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    let error = HandshakeError::DuplicateHeader("Sec-WebSocket-Key");
    assert_eq!(refused(twice, 400, "Sec-WebSocket-Key").0, error);
    for key in [
        "",
        "x",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZ_==",
        "dGhlIHNhbXBsZSBub25jZ ==",
        "dGhlIHNhbXBsZSBub25jZWE=",
        "dGhlIHNhbXBsZSBub25jZWVl",
        "dGhlIHNhbXBsZSBub25jZWVlZWVlZWVlZQ==",
        "========================",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        let request = with("Sec-WebSocket-Key", &format!("Sec-WebSocket-Key: {key}\r\n"));
        let (error, _) = refused(request, 400, "Sec-WebSocket-Key");
        assert_eq!(invalid_header(Err::<(), _>(error)), "Sec-WebSocket-Key", "{key}");
    }
}

#[test]
fn the_key_in_the_example_of_section_4_1_is_one() {
    let key = "AQIDBAUGBwgJCgsMDQ4PEC==";
    let request = with("Sec-WebSocket-Key", &format!("Sec-WebSocket-Key: {key}\r\n"));
    assert_eq!(serve(request).result, Ok(()));
}

#[test]
fn a_request_that_announces_a_body_is_answered_400() {
    for lines in [
        "Content-Length: 1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 00\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content-Length:\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let (error, _) = refused(and(lines), 400, "body");
        assert!(matches!(error, HandshakeError::UnexpectedBody(_)), "{lines}: {error}");
    }
    assert_eq!(serve(and("Content-Length: 0\r\n")).result, Ok(()));
}

#[test]
fn a_malformed_subprotocol_offer_is_answered_400() {
    for lines in [
        "Sec-WebSocket-Protocol:\r\n",
        "Sec-WebSocket-Protocol: , ,\r\n",
        "Sec-WebSocket-Protocol: a b\r\n",
        "Sec-WebSocket-Protocol: a;b\r\n",
        "Sec-WebSocket-Protocol: \"a\"\r\n",
        "Sec-WebSocket-Protocol: a/b\r\n",
        "Sec-WebSocket-Protocol: \u{fc}\r\n",
        "Sec-WebSocket-Protocol: a, b, a\r\n",
        "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n",
    ] {
        let (error, _) = refused(and(lines), 400, "Protocol");
        assert_eq!(invalid_header(Err::<(), _>(error)), "Sec-WebSocket-Protocol", "{lines}");
    }
}

#[test]
fn a_malformed_extension_offer_is_answered_400() {
    for value in ["", ",", "a;", "a=b", "a; b=\"c d\"", "a; b=\"", "a b", "\u{fc}"] {
        let request = and(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
        let (error, _) = refused(request, 400, "Extensions");
        assert_eq!(invalid_header(Err::<(), _>(error)), "Sec-WebSocket-Extensions", "{value}");
    }
}

#[test]
fn a_repeated_or_non_ascii_origin_is_answered_400() {
    let error = HandshakeError::DuplicateHeader("Origin");
    assert_eq!(refused(and("Origin: http://a\r\nOrigin: http://a\r\n"), 400, "Origin").0, error);
    let (error, _) = refused(and("Origin: http://\u{fc}\r\n"), 400, "Origin");
    assert_eq!(invalid_header(Err::<(), _>(error)), "Origin");
}

#[test]
fn a_target_is_a_path_or_an_absolute_http_uri() {
    let parts = |target: &str| {
        let (_, request) = handshake_with(&REQUEST.replace("/chat", target));
        let query = request.query().map(str::to_owned);
        (request.path().to_owned(), query, request.host().unwrap().to_owned())
    };
    let host = || "server.example.com".to_owned();
    assert_eq!(parts("/"), ("/".into(), None, host()));
    assert_eq!(parts("/a%20b?"), ("/a%20b".into(), Some("".into()), host()));
    assert_eq!(parts("/a?b=c?d"), ("/a".into(), Some("b=c?d".into()), host()));
    assert_eq!(parts("//a/b"), ("//a/b".into(), None, host()));
    assert_eq!(parts("/a?http://b/c"), ("/a".into(), Some("http://b/c".into()), host()));
    // RFC 9112, §3.2.2: the authority of the target replaces Host.
    assert_eq!(parts("http://Other:81/a?b"), ("/a".into(), Some("b".into()), "Other:81".into()));
    assert_eq!(parts("HTTPS://o"), ("/".into(), None, "o".into()));
    assert_eq!(parts("http://o?q"), ("/".into(), Some("q".into()), "o".into()));
    for target in [
        "*",
        "chat",
        "server.example.com:80",
        "ws://server.example.com/",
        "ftp://a/",
        "http:///a",
        "http://",
        "http://user@a/",
        "http:/a",
        "/a#b",
        "/a#",
        "/\u{fc}",
        "?a",
    ] {
        let outcome = serve(REQUEST.replace("/chat", target));
        assert_eq!(outcome.result.unwrap_err().status(), 400, "{target}");
    }
}

#[test]
fn a_subprotocol_is_chosen_from_the_offer_or_none_is_named() {
    let request = and("Sec-WebSocket-Protocol: chat, superchat\r\nsec-websocket-protocol:v3\r\n");
    let (_, parsed) = handshake_with(&request);
    assert_eq!(parsed.subprotocols().collect::<Vec<_>>(), ["chat", "superchat", "v3"]);
    for name in ["chat", "superchat", "v3"] {
        let outcome = serve_with(&request, &Acceptance::new().subprotocol(name));
        assert_eq!(outcome.output, format!("{ACCEPTED}Sec-WebSocket-Protocol: {name}\r\n\r\n"));
    }
    assert_eq!(serve(&request).output, format!("{ACCEPTED}\r\n"));
}

#[test]
fn what_was_not_offered_cannot_be_accepted_and_nothing_changes() {
    let offer = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: foo; x=1, bar\r\n";
    let (mut handshake, request) = handshake_with(&and(offer));
    for name in ["Chat", "cha", "", "chat, chat", "foo", "chat\r\nX: y"] {
        let result = handshake.accept(&request, &Acceptance::new().subprotocol(name));
        assert_eq!(result, Err(HandshakeError::UnofferedSubprotocol(name.to_owned())));
    }
    for name in ["baz", "Foo", "chat"] {
        let acceptance = Acceptance::new().extension(Extension::new(name).unwrap());
        let result = handshake.accept(&request, &acceptance);
        assert_eq!(result, Err(HandshakeError::UnofferedExtension(name.to_owned())));
    }
    assert!(handshake.poll_transmit().is_none() && !handshake.is_refused());
    let foo = Extension::new("foo").unwrap().param("y", Some("2")).unwrap();
    let acceptance = Acceptance::new()
        .subprotocol("chat")
        .extension(Extension::new("bar").unwrap())
        .extension(foo)
        .header("Set-Cookie", "a=b")
        .unwrap();
    handshake.accept(&request, &acceptance).unwrap();
    let negotiated = handshake.negotiated().unwrap();
    assert_eq!(negotiated.subprotocol(), Some("chat"));
    assert_eq!(negotiated.extensions_value(), "bar, foo; y=2");
    assert_eq!(negotiated.extensions()[1].name(), "foo");
    let expected = format!(
        "{ACCEPTED}Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: bar, foo; y=2\r\n\
         Set-Cookie: a=b\r\n\r\n"
    );
    // What is not written of the response leaves before any frame.
    let mut connection = handshake.into_connection(&Config::default()).unwrap();
    assert_eq!((connection.protocol(), connection.extensions()), ("chat", "bar, foo; y=2"));
    connection.commands().send("Hello").unwrap();
    let output = connection.poll_transmit().unwrap();
    let expected = [expected.as_bytes(), b"\x81\x05Hello"].concat();
    assert_eq!(output.copy_to_bytes(output.remaining()), expected);
}

#[test]
fn an_acceptance_cannot_override_the_handshake_or_inject_headers() {
    for name in [
        "Upgrade",
        "connection",
        "SEC-WEBSOCKET-ACCEPT",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Version",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let error = Acceptance::new().header(name, "x").unwrap_err();
        assert_eq!(error, HandshakeError::ReservedHeader(name.to_owned()));
    }
    for (name, value) in [
        ("X", "a\r\nY: b"),
        ("X", "a\nb"),
        ("X", "a\rb"),
        ("X", "a\0b"),
        ("X", "a\n"),
        ("X", "\x7f"),
        ("X: a\r\nY", "b"),
        ("", "a"),
        ("X ", "a"),
        ("X:", "a"),
        ("\u{fc}", "a"),
    ] {
        let error = Acceptance::new().header(name, value).unwrap_err();
        assert_eq!(error, HandshakeError::IllegalHeader(name.to_owned()));
        assert_eq!(Response::new(403).header(name, value).unwrap_err(), error);
    }
}

#[test]
fn a_request_can_be_answered_with_a_page() {
    let (mut handshake, _) = handshake_with(REQUEST);
    handshake.reject(&Response::new(200).html("<p>\u{e4}")).unwrap();
    assert_eq!(
        take_output(&mut handshake),
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n\
         Content-Length: 5\r\n\r\n<p>\u{e4}"
    );
}

#[test]
fn a_request_can_be_answered_with_any_status_headers_and_body() {
    let (mut handshake, _) = handshake_with(REQUEST);
    let response =
        Response::new(401).header("WWW-Authenticate", "Basic realm=\"a\"").unwrap().text("who?");
    handshake.reject(&response).unwrap();
    assert!(handshake.is_refused() && !handshake.is_open());
    assert_eq!(
        take_output(&mut handshake),
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\n\
         Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: 4\r\n\r\n\
         who?"
    );
    assert!(handshake.negotiated().is_none());
    assert!(handshake.into_connection(&Config::default()).is_none());

    let (mut handshake, _) = handshake_with("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    handshake.reject(&Response::new(299).body(vec![0x41; 3])).unwrap();
    let output = "HTTP/1.1 299 \r\nConnection: close\r\nContent-Length: 3\r\n\r\nAAA";
    assert_eq!(take_output(&mut handshake), output);

    let (mut handshake, _) = handshake_with("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    handshake.reject(&Response::new(200).body("abc")).unwrap();
    let output = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(take_output(&mut handshake), output);

    let (mut handshake, _) = handshake_with(REQUEST);
    handshake.reject(&Response::new(204).body("abc")).unwrap();
    let output = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    assert_eq!(take_output(&mut handshake), output);
}

#[test]
fn a_body_has_one_content_type_and_the_callers_wins() {
    let json = |response: Response| response.header("content-type", "application/json").unwrap();
    for response in [
        json(Response::new(400)).text("{}"),
        json(Response::new(400).text("{}")),
        json(Response::new(400).text("a")).text("{}"),
        json(Response::new(400)).html("{}"),
        json(Response::new(400).html("{}")),
    ] {
        let types: Vec<_> = response.headers().all("Content-Type").collect();
        assert_eq!(types, [b"application/json"]);
    }
    assert_eq!(Response::new(400).text("a").text("b").headers().iter().len(), 1);
    assert_eq!(Response::new(400).html("a").html("b").headers().iter().len(), 1);
}

#[test]
fn a_response_that_another_server_sent_is_framed_anew() {
    for (headers, body) in [
        ("Transfer-Encoding: chunked\r\nConnection: keep-alive", "2\r\nab\r\n0\r\n\r\n"),
        ("connection: close\r\ncontent-length: 2", "ab"),
        ("Content-Length: 2\r\nContent-Length: 2", "ab"),
    ] {
        let request = ClientRequest::new("a", "/").unwrap();
        let mut client = ClientHandshake::new(&request, [0; 16]);
        let answer = format!("HTTP/1.1 503 Busy\r\n{headers}\r\nX-A: b\r\n\r\n{body}");
        client.input().extend_from_slice(answer.as_bytes());
        let error = client.poll_response().unwrap_err();
        let HandshakeError::UnexpectedStatus(response) = error else { unreachable!("{error}") };
        let (mut handshake, _) = handshake_with(REQUEST);
        handshake.reject(&response).unwrap();
        assert_eq!(
            take_output(&mut handshake),
            "HTTP/1.1 503 Busy\r\nX-A: b\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab"
        );
    }
}

#[test]
fn a_rejection_can_be_neither_informational_nor_a_switch() {
    let (mut handshake, request) = handshake_with(REQUEST);
    for status in [0, 100, 101, 199, 600, 1000] {
        let result = handshake.reject(&Response::new(status));
        assert_eq!(result, Err(HandshakeError::InvalidStatus(status)));
    }
    for name in ["Content-Length", "connection", "Transfer-Encoding"] {
        let error = Response::new(403).header(name, "0").unwrap_err();
        assert_eq!(error, HandshakeError::ReservedHeader(name.to_owned()));
    }
    assert_eq!(handshake.accept(&request, &Acceptance::new()), Ok(()));
}

#[test]
fn a_request_is_answered_only_once() {
    let (mut handshake, request) = handshake_with(REQUEST);
    handshake.accept(&request, &Acceptance::new()).unwrap();
    let again = handshake.accept(&request, &Acceptance::new());
    assert_eq!(again, Err(HandshakeError::OutOfOrder));
    assert_eq!(handshake.reject(&Response::new(403)), Err(HandshakeError::OutOfOrder));
    assert_eq!(take_output(&mut handshake), format!("{ACCEPTED}\r\n"));

    let (mut handshake, _) = handshake_with(REQUEST);
    handshake.reject(&Response::new(403)).unwrap();
    let late = handshake.accept(&request, &Acceptance::new());
    assert_eq!(late, Err(HandshakeError::OutOfOrder));
    assert_eq!(handshake.poll_request().unwrap().map(|_| ()), None);

    let mut handshake = ServerHandshake::new(&HeadLimits::default());
    let early = handshake.accept(&request, &Acceptance::new());
    assert_eq!(early, Err(HandshakeError::OutOfOrder));
}

#[test]
fn a_slow_client_can_be_answered_before_its_request_is_complete() {
    let mut handshake = ServerHandshake::new(&HeadLimits::default());
    handshake.input().extend_from_slice(b"GET / HTTP/1.1\r\n");
    assert!(handshake.poll_request().unwrap().is_none());
    handshake.reject(&Response::new(408)).unwrap();
    assert!(take_output(&mut handshake).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    handshake.input().extend_from_slice(b"Host: h\r\n\r\n");
    assert!(handshake.poll_request().unwrap().is_none());
}

#[test]
fn the_end_of_the_stream_before_the_request_is_an_error_without_an_answer() {
    let nothing = HandshakeError::NoRequest { waited: None };
    for (arrived, ended) in [
        ("", &nothing),
        ("\r", &nothing),
        ("\r\n", &nothing),
        (&REQUEST[..1], &HandshakeError::EndOfStream),
        (&REQUEST[..REQUEST.len() - 1], &HandshakeError::EndOfStream),
    ] {
        let mut handshake = ServerHandshake::new(&HeadLimits::default());
        handshake.input().extend_from_slice(arrived.as_bytes());
        assert!(handshake.poll_request().unwrap().is_none());
        handshake.handle_eof();
        for _ in 0..2 {
            let error = handshake.poll_request().unwrap_err();
            assert_eq!(error, *ended);
        }
        assert!(handshake.poll_transmit().is_none() && handshake.is_refused());
    }
    let mut handshake = ServerHandshake::new(&HeadLimits::default());
    handshake.input().extend_from_slice(REQUEST.as_bytes());
    handshake.handle_eof();
    assert!(handshake.poll_request().unwrap().is_some(), "it came before the end");
}

#[test]
fn a_fault_of_the_request_is_sticky() {
    let (mut handshake, request) = handshake_with(&with("Sec-WebSocket-Key", ""));
    let error = handshake.accept(&request, &Acceptance::new()).unwrap_err();
    assert_eq!(error, request.check().unwrap_err());
    assert_eq!(handshake.poll_request().unwrap_err(), error);
    assert!(take_output(&mut handshake).starts_with("HTTP/1.1 400 "));
    assert_eq!(handshake.reject(&Response::new(500)), Err(HandshakeError::OutOfOrder));
    assert!(handshake.poll_transmit().is_none());
}

#[test]
fn a_request_shows_its_parts() {
    let lines = "Origin: http://example.com\r\nCookie: a\r\nCookie: b\r\n\
                 Sec-WebSocket-Extensions: foo\r\nX-Latin: \u{fc}\r\n";
    let (_, request) = handshake_with(&and(lines));
    assert_eq!((request.method(), request.version()), ("GET", HttpVersion::Http11));
    assert_eq!(request.host(), Some("server.example.com"));
    assert_eq!(request.origin(), Some("http://example.com"));
    assert_eq!(request.headers().all("cookie").collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(request.headers().get("x-latin"), Some("\u{fc}".as_bytes()));
    assert_eq!(request.headers().get("missing"), None);
    assert_eq!(request.extensions().unwrap()[0].name(), "foo");
    assert_eq!(request.headers().iter().len(), 10);
}

#[test]
fn a_request_can_be_made_of_parts_that_another_stack_parsed() {
    let (_, parsed) = handshake_with(REQUEST);
    let new = |method, target| {
        Request::new(method, target, HttpVersion::Http11, parsed.headers().clone())
    };
    assert_eq!(new("GET", "/chat").unwrap().check(), Ok(()));
    for (target, shown) in [("/a b?secret", "/a b?…"), ("", ""), ("user:secret@a", "…@a")] {
        let error = new("GET", target).unwrap_err();
        assert_eq!(error, HandshakeError::InvalidTarget(shown.to_owned()));
    }
    assert_eq!(malformed(new("G T", "/")), "request method");
}

proptest! {
    #![proptest_config(crate::support::cases(200))]

    #[test]
    fn arbitrary_bytes_never_panic_however_they_arrive(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        serve(&bytes);
    }

    #[test]
    fn a_request_with_arbitrary_damage_never_panics(
        position in 0..REQUEST.len(),
        damage in proptest::collection::vec(any::<u8>(), 0..4),
        removed in 0..4_usize,
    ) {
        let mut bytes = REQUEST.as_bytes().to_vec();
        let end = bytes.len().min(position + removed);
        bytes.splice(position..end, damage);
        serve(&bytes);
    }

    #[test]
    fn arbitrary_header_values_never_panic(
        name in proptest::sample::select(vec![
            "Host", "Origin", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Connection",
            "Sec-WebSocket-Extensions", "Sec-WebSocket-Version", "Content-Length",
        ]),
        value in r#"[ -~é]{0,20}|[a,;="\\ \[\]:]{0,20}"#,
    ) {
        serve(and(&format!("{name}: {value}\r\n")));
    }
}

#[test]
fn what_a_client_is_told_is_cut_where_a_close_frame_has_no_more_room() {
    for len in 0..200 {
        let target = "x".repeat(len);
        let whole = format!("request target \"{target}\" is neither a path nor an http URI");
        let answer = HandshakeError::InvalidTarget(target).answer();
        if whole.len() <= 123 {
            assert_eq!(answer, whole);
        } else {
            assert_eq!(answer.len(), 123);
            assert!(whole.starts_with(answer.strip_suffix('…').unwrap()), "{answer}");
        }
    }
}

#[test]
fn the_reason_of_an_answer_is_that_of_the_registry() {
    let named = (200..=599).filter(|status| !Response::new(*status).reason().is_empty());
    let named: Vec<u16> = named.collect();
    for status in &named {
        let registered = http::StatusCode::from_u16(*status).unwrap().canonical_reason();
        assert_eq!(Some(Response::new(*status).reason()), registered);
    }
    let likely = [
        200, 204, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 407, 408, 410, 414,
        421, 426, 429, 431, 500, 501, 502, 503, 504, 505,
    ];
    assert_eq!(named, likely);
}

#[test]
fn a_subprotocol_is_chosen_by_the_order_of_the_client_or_of_the_server() {
    let choose = |offered: &[&str], preference| {
        select_subprotocol(offered.iter().copied(), &["soap", "mqtt"], preference)
    };
    for (offered, by_client, by_server) in [
        (&["mqtt", "soap"][..], Some("mqtt"), Some("soap")),
        (&["other", "mqtt"], Some("mqtt"), Some("mqtt")),
        (&["SOAP", "other"], None, None),
        (&[], None, None),
    ] {
        assert_eq!(choose(offered, Preference::Client), by_client);
        assert_eq!(choose(offered, Preference::Server), by_server);
    }
}
