//! Requests that open a WebSocket (§4.1, §4.2.1), with any one or two headers in other forms.

use sanswire::handshake::{Acceptance, HeadLimits, ServerHandshake};

use crate::Extent;
use crate::enumerate::headers::{self, Header};
use crate::tally::Tally;

pub(crate) fn ask(tally: &mut Tally, _: Extent) {
    for head in headers::heads(&HEADERS) {
        let request = format!("GET /chat HTTP/1.1\r\n{}\r\n", head.lines);
        let statuses: Vec<u16> = head.verdicts.iter().filter_map(|verdict| verdict.err()).collect();
        let whole = answer(request.as_bytes(), request.len());
        let is_right = if head.is_refused() { statuses.contains(&whole) } else { whole == 101 };
        tally.check(&is_right, &true, || format!("{whole}, not {statuses:?}, to {request:?}"));
        let pieces = answer(request.as_bytes(), 1);
        tally.check(&pieces, &whole, || format!("byte by byte, {request:?}"));
    }
}

/// Returns the status of the answer to a request that comes in pieces of this size.
fn answer(request: &[u8], size: usize) -> u16 {
    let mut handshake = ServerHandshake::new(&HeadLimits::default());
    for piece in request.chunks(size) {
        handshake.input().extend_from_slice(piece);
        let polled = handshake.poll_request();
        let result = polled.and_then(|request| match request {
            Some(request) => handshake.accept(&request, &Acceptance::new()),
            None => Ok(()),
        });
        if let Err(error) = result {
            return error.status();
        }
    }
    if handshake.is_open() { 101 } else { 0 }
}

const HEADERS: [Header; 10] = [
    Header {
        name: "Host",
        right: "server.example.com",
        forms: &[
            (&[], Err(400)),
            (&["server.example.com", "server.example.com"], Err(400)),
            (&[""], Err(400)),
            (&["server example com"], Err(400)),
            (&["user@server.example.com"], Err(400)),
            (&["server.example.com/chat"], Err(400)),
            (&["server.example.com:99999"], Err(400)),
            (&["server.example.com:8080"], Ok(())),
            (&["[::1]:8080"], Ok(())),
        ],
    },
    Header {
        name: "Upgrade",
        right: "websocket",
        forms: &[
            (&[], Err(426)),
            (&["websocket", "websocket"], Ok(())),
            (&[""], Err(426)),
            (&["h2c"], Err(426)),
            (&["websockets"], Err(426)),
            (&["websocket/13"], Err(426)),
            (&["WebSocket"], Ok(())),
            (&["h2c, websocket"], Ok(())),
            (&["h2c", "websocket"], Ok(())),
        ],
    },
    Header {
        name: "Connection",
        right: "Upgrade",
        forms: &[
            (&[], Err(400)),
            (&["Upgrade", "Upgrade"], Ok(())),
            (&[""], Err(400)),
            (&["close"], Err(400)),
            (&["Upgrades"], Err(400)),
            (&["keep-alive, upgrade"], Ok(())),
            (&["keep-alive", "UPGRADE"], Ok(())),
        ],
    },
    Header {
        name: "Sec-WebSocket-Version",
        right: "13",
        forms: &[
            (&[], Err(426)),
            (&["13", "13"], Err(400)),
            (&[""], Err(426)),
            (&["8"], Err(426)),
            (&["13, 8"], Err(426)),
            (&["013"], Err(426)),
            (&["+13"], Err(426)),
        ],
    },
    Header {
        name: "Sec-WebSocket-Key",
        right: "dGhlIHNhbXBsZSBub25jZQ==",
        forms: &[
            (&[], Err(400)),
            (&["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="], Err(400)),
            (&[""], Err(400)),
            (&["dGhlIHNhbXBsZSBub25jZQ"], Err(400)),
            (&["dGhlIHNhbXBsZSBub25jZQ="], Err(400)),
            // 15 and 17 bytes.
            (&["dGhlIHNhbXBsZSBub25j"], Err(400)),
            (&["dGhlIHNhbXBsZSBub25jZWU="], Err(400)),
            // Bits behind the last byte. RFC 4648, §3.5: a decoder need not look at them.
            (&["dGhlIHNhbXBsZSBub25jZR=="], Ok(())),
            (&["dGhlIHNhbXBsZSBub25j_Q=="], Err(400)),
            (&["dGhlIHNhbXBsZSBub25jZQ==, x"], Err(400)),
        ],
    },
    Header {
        name: "Sec-WebSocket-Protocol",
        right: "chat, superchat",
        forms: &[
            (&[], Ok(())),
            (&["chat", "superchat"], Ok(())),
            (&["chat, superchat", "chat, superchat"], Err(400)),
            (&[""], Err(400)),
            (&["chat, chat"], Err(400)),
            (&["a chat"], Err(400)),
            (&["chat(1)"], Err(400)),
            (&["chat,, superchat"], Ok(())),
        ],
    },
    Header {
        name: "Sec-WebSocket-Extensions",
        right: "permessage-deflate; client_max_window_bits",
        forms: &[
            (&[], Ok(())),
            (&["permessage-deflate", "permessage-deflate"], Ok(())),
            (&[""], Err(400)),
            (&["permessage deflate"], Err(400)),
            (&["permessage-deflate; =15"], Err(400)),
            (&["permessage-deflate;"], Err(400)),
            (&["x; y=\"z\", permessage-deflate"], Ok(())),
            (&["x; y=\"a b\""], Err(400)),
        ],
    },
    Header {
        name: "Origin",
        right: "http://example.com",
        forms: &[
            (&[], Ok(())),
            (&["http://example.com", "http://example.com"], Err(400)),
            (&["null"], Ok(())),
            (&["http://ex\u{E4}mple.com"], Err(400)),
        ],
    },
    Header {
        name: "Content-Length",
        right: "0",
        forms: &[(&[], Ok(())), (&["1"], Err(400)), (&[""], Err(400)), (&["0", "0"], Ok(()))],
    },
    Header {
        name: "X-Other",
        right: "anything",
        forms: &[
            (&[], Ok(())),
            (&[""], Ok(())),
            (&["a", "b"], Ok(())),
            (&["a\u{0}b"], Err(400)),
            (&["a\rb"], Err(400)),
            (&["a\r\n b"], Err(400)),
        ],
    },
];
