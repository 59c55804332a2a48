//! A server's handshake: what the client sent, and what the application answered.

use core::time::Duration;

use bytes::Buf;
use sanswire::extension::Extension;
use sanswire::handshake::{
    Acceptance, HandshakeError, HeadLimits, Headers, HttpVersion, OriginPolicy, Request, Response,
    ServerHandshake,
};

use crate::table::{NOTHING, Table};

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

pub(crate) fn client(table: &mut Table) {
    table.group(
        "What a client sends to a server",
        "From `accept` and `accept_with`, and from `ServerHandshake`. There is no connection. The \
         client was answered with the status and a line of text. Faults of clients: count them, and do \
         not log them one by one.",
    );
    let client = "fix the client, or the proxy before this end";
    let request = |lines: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{lines}\r\n"
        )
    };
    let full = [KEY, VERSION].concat();
    for (head, cause, remedy) in [
        (
            String::new(),
            "the client leaves without a request: a probe, or a spare connection of a browser",
            "do not log it",
        ),
        ("GET / HT".into(), "the client leaves within its request", "nothing"),
        ("hello\r\n\r\n".into(), "the request is not HTTP", client),
        (
            "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03".into(),
            "a client of `wss` comes to a port without TLS",
            "have it use `ws`, or accept TLS on this port",
        ),
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
            "a client speaks HTTP/2 without asking",
            "use an HTTP/2 stack and `Request::extended_connect`",
        ),
        ("\x05\x01\x00".into(), "a client takes this for a SOCKS proxy", client),
        ("SSH-2.0-OpenSSH_9.9\r\n".into(), "an SSH client, or a scanner", "nothing"),
        (
            "PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\nGET".into(),
            "a load balancer speaks the PROXY protocol",
            "read its line before, or turn it off there",
        ),
        (
            "\r\n\r\n\x00\r\nQUIT\n!".into(),
            "the same, in version 2",
            "read its header before, or turn it off there",
        ),
        ("GET example.com:443 HTTP/1.1\r\nHost: h\r\n\r\n".into(), "the target is no path", client),
        ("GET / HTTP/2.0\r\n".into(), "the HTTP version is unknown", client),
        ("GET / HTTP/1.1\r\n\r\n".into(), "a header is missing", client),
        (
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into(),
            "a header has a value that it cannot have",
            client,
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(), "a header is repeated", client),
        (
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n".into(),
            "the request asks for a page, not for a WebSocket",
            "answer it by `reject`, if there is a page",
        ),
        (request(&full).replace("GET", "POST"), "the method is not GET", client),
        (request(KEY), "the version is missing, or not 13", client),
        (
            request(&[VERSION, "Sec-WebSocket-Key: short\r\n"].concat()),
            "the key is not 16 bytes in base64",
            client,
        ),
        (request(&[&full, "Content-Length: 3\r\n"].concat()), "the request has a body", client),
        (
            request(&[&full, "Sec-WebSocket-Protocol: a, a\r\n"].concat()),
            "a subprotocol is offered twice",
            client,
        ),
        (
            format!("GET /{} HTTP/1.1\r\n", "a".repeat(8 << 10)),
            "the request line is too long",
            "raise the limit (`accept_with_limits`)",
        ),
        (
            format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(101)),
            "there are too many headers",
            "raise the limit",
        ),
        (
            format!("GET / HTTP/1.1\r\nCookie: {}", "a".repeat(16 << 10)),
            "the headers are too large, such as cookies",
            "raise the limit",
        ),
    ] {
        asked(table, head.as_bytes(), cause, remedy);
    }
    for (limit, input, cause) in [
        (10, &b""[..], "no request comes in time"),
        (10, b"GET / HTTP/1.1\r\n", "a request does not come whole in time"),
    ] {
        let mut handshake = ServerHandshake::new(&HeadLimits::default());
        handshake.input().extend_from_slice(input);
        handshake.poll_request().unwrap();
        handshake.handle_timeout(Duration::from_secs(1));
        handshake.handle_timeout(Duration::from_secs(1 + limit));
        let error = handshake.poll_request().unwrap_err();
        let remedy = "nothing; raise the limit for slow clients";
        table.variant("HandshakeError", &error, cause, told(&mut handshake), remedy);
    }
    let mut handshake = asking(&request(&full));
    let other = handshake.0.poll_request().unwrap();
    assert!(other.is_none(), "it is yielded once");
    let foreign = OriginPolicy::same_origin();
    let mut from = asking(&request(&[&full, "Origin: https://evil.example\r\n"].concat()));
    let error = foreign.check(&from.1).unwrap_err();
    from.0.reject(&Response::from(&error)).unwrap();
    let cause = "a page of another site connects (`OriginPolicy::check`)";
    let remedy = "allow the origin, if it is yours";
    table.variant("HandshakeError", &error, cause, told(&mut from.0), remedy);
    let pseudo = [
        (":method", "CONNECT"),
        (":protocol", "connect-udp"),
        (":scheme", "https"),
        (":authority", "example.com"),
        (":path", "/"),
    ];
    let other = Request::extended_connect(HttpVersion::Http2, pseudo, Headers::new()).unwrap();
    let page = Request::new("GET", "https://example.com/", HttpVersion::Http2, Headers::new());
    for (request, cause, remedy) in [
        (other, "an extended CONNECT is for another protocol", client),
        (
            page.unwrap(),
            "a request over HTTP/2 or HTTP/3 asks for a page, not for a WebSocket",
            "answer it with the page, if there is one; set the `:protocol` of a CONNECT that has one",
        ),
    ] {
        let error = request.check().unwrap_err();
        let refusal = Response::refusal(&error, request.version());
        table.variant("HandshakeError", &error, cause, answer_of(&refusal), remedy);
    }
}

pub(crate) fn application(table: &mut Table) {
    table.group(
        "What a server's application answers",
        "From `accept` and `reject` of `ServerHandshake`, `Driver` and the adapters. The drivers answer \
         the client with 500 when the application is at fault.",
    );
    let request = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{KEY}{VERSION}\r\n"
    );
    let accepted = |acceptance: &Acceptance| {
        let (mut handshake, asked) = asking(&request);
        handshake.accept(&asked, acceptance).unwrap_err()
    };
    let soap = accepted(&Acceptance::new().subprotocol("soap"));
    let unasked = accepted(&Acceptance::new().extension(Extension::new("foo").unwrap()));
    let mut handshake = asking(&request).0;
    let status = handshake.reject(&Response::new(101)).unwrap_err();
    handshake.reject(&Response::new(403)).unwrap();
    let twice = handshake.reject(&Response::new(404)).unwrap_err();
    for (error, cause, remedy) in [
        (
            soap,
            "a subprotocol is chosen that the client does not offer",
            "choose by `select_subprotocol`",
        ),
        (
            unasked,
            "an extension is chosen that the client does not offer",
            "choose one of `Request::extensions`",
        ),
        (status, "a request is rejected with a status that rejects nothing", "use 200 to 599"),
        (twice, "a request is answered twice, or none waits", "answer it once"),
    ] {
        let answer = if matches!(error, HandshakeError::OutOfOrder) {
            NOTHING.into()
        } else {
            answer_of(&Response::from(&error))
        };
        table.variant("HandshakeError", &error, cause, answer, remedy);
    }
    let mut handshake = asking(&request).0;
    handshake.handle_timeout(Duration::from_secs(1));
    handshake.handle_timeout(Duration::from_secs(11));
    let error = handshake.poll_request().unwrap_err();
    let cause = "the application takes too long to answer";
    let remedy = "answer sooner, or raise the limit (`accept_with_limits`)";
    table.variant("HandshakeError", &error, cause, told(&mut handshake), remedy);
    let mut headers = Headers::new();
    headers.append("Host", "h").unwrap();
    let limits = HeadLimits::default().max_size(16);
    let mut handshake = ServerHandshake::new(&limits);
    handshake.input().extend_from_slice(request.as_bytes());
    let HandshakeError::LimitExceeded(limit) = handshake.poll_request().unwrap_err() else {
        panic!("the request is larger")
    };
    let text = "HTTP head has more than 16 bytes (HeadLimits::max_size): raise it";
    assert!(limit.to_string().starts_with(text), "{limit}");
    super::adapters::head_limits(table);
}

fn asking(request: &str) -> (ServerHandshake, Request) {
    let mut handshake = ServerHandshake::new(&HeadLimits::default());
    handshake.input().extend_from_slice(request.as_bytes());
    let asked = handshake.poll_request().unwrap().unwrap();
    (handshake, asked)
}

/// Adds the error that comes of a request, whole and byte by byte.
fn asked(table: &mut Table, request: &[u8], cause: &'static str, remedy: &'static str) {
    let (error, told) = error_of(request.chunks(request.len().max(1)));
    let slowly = error_of(request.chunks(1));
    assert_eq!((&error, &told), (&slowly.0, &slowly.1), "{cause}: byte by byte");
    table.variant("HandshakeError", &error, cause, told, remedy);
}

fn error_of<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (HandshakeError, String) {
    let mut handshake = ServerHandshake::new(&HeadLimits::default());
    let step = |handshake: &mut ServerHandshake| match handshake.poll_request() {
        Ok(Some(request)) => handshake.accept(&request, &Acceptance::new()).err(),
        Ok(None) => None,
        Err(error) => Some(error),
    };
    for piece in pieces {
        handshake.input().extend_from_slice(piece);
        if let Some(error) = step(&mut handshake) {
            return (error, told(&mut handshake));
        }
    }
    handshake.handle_eof();
    (step(&mut handshake).unwrap(), told(&mut handshake))
}

/// Status and text of the answer that is to be written.
fn told(handshake: &mut ServerHandshake) -> String {
    let mut bytes = Vec::new();
    while let Some(output) = handshake.poll_transmit() {
        bytes.extend(output.chunk());
        output.advance(output.chunk().len());
    }
    let answer = String::from_utf8(bytes).unwrap();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return NOTHING.into() };
    let status = head.split("\r\n").next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
    format!("{status}: {}", body.trim_end())
}

fn answer_of(response: &Response) -> String {
    let body = String::from_utf8(response.content().to_vec()).unwrap();
    format!("{} {}: {}", response.status(), response.reason(), body.trim_end())
}
