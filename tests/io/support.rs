//! Literal bytes for the tests of the adapters.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use sanswire::handshake::encode_accept;

/// A request that opens a WebSocket.
pub(crate) const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

/// The response that belongs to a client's request.
pub(crate) fn response_to(request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8(request.to_vec()).unwrap();
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\
         \r\n",
        encode_accept(key),
    )
    .into_bytes()
}

/// A client's frame, with a key that makes the payload look different.
pub(crate) fn masked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let key = [1, 2, 3, 4];
    let mut frame = header(first_byte, 0x80, payload.len());
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A server's frame.
pub(crate) fn unmasked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first_byte, 0, payload.len());
    frame.extend(payload);
    frame
}

fn header(first_byte: u8, mask_bit: u8, len: usize) -> Vec<u8> {
    match u16::try_from(len) {
        Ok(len @ ..126) => vec![first_byte, mask_bit | u8::try_from(len).unwrap()],
        Ok(len) => [&[first_byte, mask_bit | 126][..], &len.to_be_bytes()].concat(),
        Err(_) => [&[first_byte, mask_bit | 127][..], &(len as u64).to_be_bytes()].concat(),
    }
}
