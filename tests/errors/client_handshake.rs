//! A client's handshake: what the caller asked for, and what the server answered.

use core::time::Duration;

use sanswire::Config;
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{
    ClientHandshake, ClientRequest, ExtendedConnect, HandshakeError, HeadLimits, Headers,
    OriginPolicy, SubprotocolPolicy,
};

use crate::table::{NOTHING, Table};

pub(crate) fn caller(table: &mut Table) {
    table.group(
        "What the caller asks for",
        "From the methods that build requests, headers and policies. Nothing was sent.",
    );
    let new = |authority: &str, resource: &str| ClientRequest::new(authority, resource);
    let request = || new("example.com", "/").unwrap();
    for (error, cause, remedy) in [
        (
            ClientRequest::from_url("ftp://example.com/").unwrap_err(),
            "a URL does not begin with `ws://` or `wss://`",
            "begin it with `ws://` or `wss://`",
        ),
        (
            ClientRequest::from_url("ws://user:secret@example.com/").unwrap_err(),
            "a URL has a user name or password",
            "send an `Authorization` header, or call `from_url_with_user_info`",
        ),
        (
            new("a b", "/").unwrap_err(),
            "a host or port cannot be in a `Host` header",
            "fix it; write international names in ASCII",
        ),
        (
            new("user:secret@example.com", "/").unwrap_err(),
            "a host has a user name or password in front",
            "send an `Authorization` header",
        ),
        (
            new("example.com", "/a b?token=secret").unwrap_err(),
            "a path or query is not percent-encoded, or has a fragment",
            "percent-encode it; leave the fragment out",
        ),
        (
            request().subprotocol("a b").unwrap_err(),
            "a subprotocol has a character that it may not have",
            "choose another name",
        ),
        (
            request().subprotocol("chat").unwrap().subprotocol("chat").unwrap_err(),
            "a subprotocol is offered twice",
            "offer it once",
        ),
        (
            request().header("X-Name", "a\r\nb").unwrap_err(),
            "a header has a line break or another control character",
            "check what goes into it: it may be an attack",
        ),
        (
            request().header("Host", "example.com").unwrap_err(),
            "a header is set that the handshake writes itself",
            "leave it out; `origin`, `subprotocol` and `extension` set theirs",
        ),
        (
            OriginPolicy::same_origin().allow("example.com").unwrap_err(),
            "an origin pattern has no scheme",
            "write the scheme, too",
        ),
    ] {
        if let HandshakeError::InvalidUrl(error) = &error {
            table.single(
                "UrlError",
                error.as_ref(),
                cause,
                NOTHING,
                "see `HandshakeError::InvalidUrl`",
            );
        }
        table.variant("HandshakeError", &error, cause, NOTHING, remedy);
    }
}

pub(crate) fn server(table: &mut Table) {
    table.group(
        "What a server answers",
        "From `connect`, `connect_with` and `connect_over`, and from `ClientHandshake::poll_response`. \
         The adapters print the URL in front, without its query. There is no connection; a client has \
         nothing to tell the server.",
    );
    refusals(table);
    others(table);
    let answers: [(&str, &str, &str); 5] = [
        ("HTTP/1.1 OK\r\n\r\n", "the answer is not HTTP", "look what listens there"),
        (
            "HTTP/1.0 101 Switching\r\n\r\n",
            "the answer is of another HTTP version",
            "fix the server, or the proxy before it",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgr",
            "the server goes away within its answer",
            "try again; look at the server's log",
        ),
        ("", "the server closes at once", "look at port and scheme; try again"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "a header of the answer is missing",
            "fix the server, or the proxy before it",
        ),
    ];
    for (answer, cause, remedy) in answers {
        answered(table, &request(), answer.as_bytes(), cause, remedy);
    }
    let with = |lines: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             {lines}\r\n"
        )
    };
    let good = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let accepted = |lines: &str| with(&[good, lines].concat());
    let fix = "fix the server, or the proxy before it";
    answered(table, &request(), with(&good.repeat(2)).as_bytes(), "a header is repeated", fix);
    let wrong = with("Sec-WebSocket-Accept: \x0bwrong\r\n").replace('\x0b', "");
    answered(
        table,
        &request(),
        wrong.as_bytes(),
        "the server answers another key: a cache may",
        fix,
    );
    let h2c = accepted("").replace("websocket", "h2c");
    answered(table, &request(), h2c.as_bytes(), "the server upgrades to something else", fix);
    let chosen = accepted("Sec-WebSocket-Protocol: soap\r\n");
    let cause = "the server chooses a subprotocol that was not offered";
    let remedy = "offer it, or fix the server";
    answered(table, &request(), chosen.as_bytes(), cause, remedy);
    let demanding = request().subprotocol("chat").unwrap();
    let demanding = demanding.subprotocol_policy(SubprotocolPolicy::Required);
    let cause = "the server chooses no subprotocol, and the client demands one";
    let remedy = "offer one that the server knows, or make it optional";
    answered(table, &demanding, accepted("").as_bytes(), cause, remedy);
    let chosen = accepted("Sec-WebSocket-Extensions: foo\r\n");
    let cause = "the server chooses an extension that was not offered";
    answered(table, &request(), chosen.as_bytes(), cause, fix);
    let deflating = request().deflate(&DeflateConfig::default());
    let chosen =
        accepted("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n");
    let cause = "the server agrees on compression in a way that is not valid";
    let remedy = "fix the server, or use no compression";
    let error = answered(table, &deflating, chosen.as_bytes(), cause, remedy);
    let HandshakeError::InvalidExtension(error) = error else { panic!("{error}") };
    let remedy = "see `HandshakeError::InvalidExtension`";
    table.single("InvalidExtension", error.as_ref(), cause, NOTHING, remedy);
    let hints = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17);
    let cause = "the server sends too many interim responses";
    answered(table, &request(), hints.as_bytes(), cause, "raise the limit, or fix the server");

    let mut late = ClientHandshake::new(&request(), *b"the sample nonce");
    late.handle_timeout(Duration::from_secs(1));
    late.handle_timeout(Duration::from_secs(11));
    let late = late.poll_response().unwrap_err();
    let remedy = "try again, or raise the limit by `ClientRequest::head_limits`";
    table.variant("HandshakeError", &late, "the answer does not come in time", NOTHING, remedy);
    let mut driver = sanswire::driver::Driver::client(
        &request(),
        &Config::default(),
        *b"the sample nonce",
        [7; 32],
    );
    driver.shut_down(1001, "").unwrap();
    let sanswire::driver::DriverError::Handshake { error, .. } = driver.poll_event().unwrap_err()
    else {
        panic!("it was shut down")
    };
    let cause = "this end is shut down while it connects (`Driver::shut_down`)";
    table.variant("HandshakeError", &error, cause, NOTHING, "nothing: it was wanted");
    let sent = ExtendedConnect::from(&request());
    let refused = sent.open(403, &Headers::new(), &Config::default(), [7; 32]).unwrap_err();
    let cause = "a server refuses an extended CONNECT of HTTP/2 or HTTP/3";
    table.variant(
        "HandshakeError",
        &refused,
        cause,
        NOTHING,
        "look at the body of the response, and at what the request lacks",
    );
}

/// Answers with other statuses than 101.
fn refusals(table: &mut Table) {
    let answers: [(&str, &str, &str, &str); 9] = [
        (
            "401 Unauthorized",
            "WWW-Authenticate: Bearer realm=\"chat\"\r\nContent-Type: application/json\r\n",
            "{\"error\":\"token expired\"}",
            "the server requires authentication",
        ),
        (
            "403 Forbidden",
            "",
            "Origin is not allowed\n",
            "the server does not allow this client or origin",
        ),
        (
            "404 Not Found",
            "",
            "<html><head><title>Not Found</title></head></html>",
            "the path is wrong",
        ),
        (
            "200 OK",
            "Content-Type: text/html\r\n",
            "<!DOCTYPE html><p>Welcome",
            "a web page is at this path",
        ),
        (
            "302 Found",
            "Location: https://user:secret@login.example.com/in?next=secret\r\n",
            "",
            "the server redirects, to a login or to `wss`",
        ),
        (
            "400 Bad Request",
            "Content-Type: text/html\r\n",
            "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
            "a server of TLS gets plain HTTP, and says so (nginx, Apache, Go)",
        ),
        (
            "429 Too Many Requests",
            "Retry-After: 120\r\n",
            "",
            "this client has sent too many requests",
        ),
        (
            "503",
            "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n",
            "",
            "the server is overloaded or restarts",
        ),
        (
            "500 \x1b[31mOops",
            "",
            "line one\r\nline \x1b[2Jtwo",
            "the server fails; nothing that it sends controls a terminal",
        ),
    ];
    let remedies = [
        "send credentials; `HandshakeError::UnexpectedStatus` has the response",
        "look at the body, and at `Origin`",
        "look at the path",
        "look at the path",
        "connect to where it leads, if that is trusted",
        "begin the URL with `wss`",
        "wait, then try again",
        "wait, then try again",
        "look at the server's log",
    ];
    for ((status, headers, body, cause), remedy) in answers.into_iter().zip(remedies) {
        let len = body.len();
        let status = status.replace('\x1b', "\u{9b}");
        let answer = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {len}\r\n\r\n{body}");
        answered(table, &request(), answer.as_bytes(), cause, remedy);
    }
}

/// Answers that are not HTTP/1.1.
fn others(table: &mut Table) {
    let answers: [(&[u8], &str, &str); 8] = [
        (
            b"\x15\x03\x01\x00\x02\x02\x46",
            "a server of TLS answers with an alert",
            "begin the URL with `wss`",
        ),
        (
            b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03",
            "a server speaks HTTP/2 without asking",
            "use another port or path",
        ),
        (
            b"220 mail.example.com ESMTP\r\n",
            "a server of mail or files listens there",
            "look at the port",
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "an SSH server listens there", "look at the port"),
        (
            b"-ERR wrong number of arguments for 'get' command\r\n",
            "Redis listens there",
            "look at the port",
        ),
        (b"+OK POP3 ready\r\n", "a POP3 server listens there", "look at the port"),
        (b"J\x00\x00\x00\x0a8.0.36\x00", "MySQL listens there", "look at the port"),
        (b"\x04Host 'a' is blocked", "something else listens there", "look what listens there"),
    ];
    for (answer, cause, remedy) in answers {
        answered(table, &request(), answer, cause, remedy);
    }
}

fn request() -> ClientRequest {
    ClientRequest::new("example.com:9001", "/chat?token=secret").unwrap()
}

/// Adds the error that comes of an answer and the end of the stream, whole and byte by byte.
fn answered(
    table: &mut Table,
    request: &ClientRequest,
    answer: &[u8],
    cause: &'static str,
    remedy: &'static str,
) -> HandshakeError {
    let error = error_of(request, answer.chunks(answer.len().max(1)));
    assert_eq!(error, error_of(request, answer.chunks(1)), "{cause}: byte by byte");
    assert!(!error.to_string().contains("secret"), "{cause}: {error}");
    table.variant("HandshakeError", &error, cause, NOTHING, remedy);
    error
}

fn error_of<'a>(request: &ClientRequest, pieces: impl Iterator<Item = &'a [u8]>) -> HandshakeError {
    let request = request.clone().head_limits(HeadLimits::default());
    let mut handshake = ClientHandshake::new(&request, *b"the sample nonce");
    for piece in pieces {
        handshake.input().extend_from_slice(piece);
        if let Err(error) = handshake.poll_response() {
            return error;
        }
    }
    handshake.handle_eof();
    handshake.poll_response().unwrap_err()
}
