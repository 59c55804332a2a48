//! Responses to a client (§4.1), with any one or two headers in other forms; all status codes.

use sanswire::extension::DeflateConfig;
use sanswire::handshake::{ClientHandshake, ClientRequest, HandshakeError};

use crate::Extent;
use crate::enumerate::headers::{self, Header};
use crate::tally::Tally;

pub(crate) fn ask(tally: &mut Tally, _: Extent) {
    for head in headers::heads(&HEADERS) {
        let response = format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n", head.lines);
        let expected = if head.is_refused() { Outcome::Failed } else { Outcome::Open };
        for size in [response.len(), 1] {
            tally.check(&outcome(response.as_bytes(), size), &expected, || {
                format!("{response:?} in pieces of {size}")
            });
        }
    }
    let right = headers::heads(&HEADERS).swap_remove(0).lines;
    for status in 0..=999_u16 {
        let response = format!("HTTP/1.1 {status:03} \r\n{right}Content-Length: 0\r\n\r\n");
        let expected = match status {
            // A body is no part of a response that switches; its length is not looked at.
            101 => Outcome::Open,
            // RFC 9110, §15.2: more comes.
            100 | 102..=199 => Outcome::Waiting,
            // RFC 9110, §15: one that is out of range is taken as a 5xx.
            200..=999 => Outcome::Refused(status),
            _ => Outcome::Failed,
        };
        tally.check(&outcome(response.as_bytes(), response.len()), &expected, || response.clone());
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Open,
    Waiting,
    Refused(u16),
    Failed,
}

fn outcome(response: &[u8], size: usize) -> Outcome {
    let request = ClientRequest::new("server.example.com", "/chat")
        .and_then(|request| request.subprotocol("chat"))
        .expect("a valid request")
        .deflate(&DeflateConfig::default());
    let mut handshake = ClientHandshake::new(&request, *b"the sample nonce");
    for piece in response.chunks(size) {
        handshake.input().extend_from_slice(piece);
        match handshake.poll_response() {
            Ok(_) => {}
            Err(HandshakeError::UnexpectedStatus(refusal)) => {
                return Outcome::Refused(refusal.status());
            }
            Err(_) => return Outcome::Failed,
        }
    }
    if handshake.is_open() { Outcome::Open } else { Outcome::Waiting }
}

const NO: Result<(), u16> = Err(0);

const HEADERS: [Header; 6] = [
    Header {
        name: "Upgrade",
        right: "websocket",
        forms: &[
            (&[], NO),
            (&["websocket", "websocket"], NO),
            (&[""], NO),
            (&["h2c"], NO),
            (&["WebSocket"], Ok(())),
        ],
    },
    Header {
        name: "Connection",
        right: "Upgrade",
        forms: &[
            (&[], NO),
            (&["Upgrade", "Upgrade"], Ok(())),
            (&[""], NO),
            (&["close"], NO),
            (&["keep-alive, upgrade"], Ok(())),
        ],
    },
    Header {
        name: "Sec-WebSocket-Accept",
        right: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        forms: &[
            (&[], NO),
            (&["s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="], NO),
            (&[""], NO),
            (&["s3pPLMBiTxaQ9kYGzzhZRbK+xOo"], NO),
            (&["S3PPLMBITXAQ9KYGZZHZRBK+XOO="], NO),
            (&["dGhlIHNhbXBsZSBub25jZQ=="], NO),
        ],
    },
    Header {
        name: "Sec-WebSocket-Protocol",
        right: "chat",
        forms: &[
            (&[], Ok(())),
            (&["chat", "chat"], NO),
            (&[""], NO),
            (&["superchat"], NO),
            (&["Chat"], NO),
            (&["chat, superchat"], NO),
        ],
    },
    Header {
        name: "Sec-WebSocket-Extensions",
        right: "permessage-deflate",
        forms: &[
            (&[], Ok(())),
            (&["permessage-deflate", "permessage-deflate"], NO),
            (&[""], NO),
            (&["x-unoffered"], NO),
            (&["permessage-deflate; x=1"], NO),
            (&["permessage-deflate; client_max_window_bits"], NO),
            (&["permessage-deflate; client_max_window_bits=9"], Ok(())),
            (&["permessage-deflate; server_max_window_bits=7"], NO),
            (&["permessage-deflate; server_no_context_takeover"], Ok(())),
        ],
    },
    Header {
        name: "X-Other",
        right: "anything",
        forms: &[
            (&[], Ok(())),
            (&[""], Ok(())),
            (&["a", "b"], Ok(())),
            (&["a\u{0}b"], NO),
            // RFC 9112, §5.2: a client reads it as a space.
            (&["a\r\n b"], Ok(())),
        ],
    },
];
