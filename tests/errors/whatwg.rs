//! The browser's object.

use bytes::Buf;
use sanswire::Config;
use sanswire::handshake::ClientRequest;
use sanswire::whatwg::{Failure, WebSocketObject};

use crate::table::{NOTHING, Table};

pub(crate) fn all(table: &mut Table) {
    table.group(
        "The browser's `WebSocket` object",
        "`DomException` is thrown by the methods of `WebSocketObject`, and nothing changed. `Failure` \
         comes from its `failure()`: scripts may not know, so it is for a log.",
    );
    let mut socket = connecting();
    let code = socket.close(Some(1001), None).unwrap_err();
    let reason = socket.close(None, Some(&"a".repeat(124))).unwrap_err();
    let early = socket.send("early").unwrap_err();
    let thrown = "DomException";
    let cause = "`close()` with a code that a page may not send";
    table.variant(thrown, &code, cause, NOTHING, "use 1000, or 3000 to 4999");
    let cause = "`send()` before the socket is open";
    table.variant(thrown, &early, cause, NOTHING, "send when `DomEvent::Open` comes");
    let cause = "`close()` with a reason that is too long";
    table.variant(thrown, &reason, cause, NOTHING, "shorten it");

    socket.close(None, None).unwrap();
    failed(table, socket, "`close()` before the socket is open", NOTHING, "nothing: it was wanted");
    let mut socket = open();
    socket.input().extend_from_slice(b"\x83\x00");
    let told = "1002 reserved opcode 3";
    failed(table, socket, "an open connection fails", told, "see the connection");
    let mut socket = open_with(&Config::default().max_buffered(10));
    socket.send("a".repeat(20)).unwrap();
    socket.send("more").unwrap();
    let cause = "a message is sent and there is no room for it";
    failed(table, socket, cause, NOTHING, "look at `buffered_amount()` before sending");
    let mut socket = connecting();
    socket.input().extend_from_slice(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    failed(table, socket, "the handshake fails", NOTHING, "see the handshake");
    let mut socket = connecting();
    socket.handle_not_connected();
    failed(table, socket, "the transport was not connected", NOTHING, "look at host and port");
}

fn connecting() -> WebSocketObject {
    connecting_with(&Config::default())
}

fn connecting_with(config: &Config) -> WebSocketObject {
    let request = ClientRequest::new("server.example.com", "/").unwrap();
    WebSocketObject::new(&request, config, *b"the sample nonce", [7; 32])
}

fn open() -> WebSocketObject {
    open_with(&Config::default())
}

fn open_with(config: &Config) -> WebSocketObject {
    let mut socket = connecting_with(config);
    let output = socket.poll_transmit().unwrap();
    output.advance(output.remaining());
    socket.input().extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\n\
          Upgrade: websocket\r\n\
          Connection: Upgrade\r\n\
          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
          \r\n",
    );
    assert!(socket.poll_event().is_some());
    socket
}

fn failed(
    table: &mut Table,
    mut socket: WebSocketObject,
    cause: &'static str,
    told: &str,
    remedy: &'static str,
) {
    while socket.poll_event().is_some() {}
    let failure: &Failure = socket.failure().unwrap();
    table.variant("Failure", failure, cause, told, remedy);
}
