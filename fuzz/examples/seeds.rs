//! Writes the seed corpus: the examples of RFC 6455 and RFC 7692, and what once broke, in the
//! layout that each target reads. `cargo run --example seeds` in this directory.

use std::fs;
use std::path::Path;

fn main() {
    let (server, client) = (from_client(), from_server());
    for (name, header) in server.iter().chain(&client) {
        write("frame_header", name, &[&header[..header.len().min(14)]]);
    }
    for (role, streams) in [(1, &server), (0, &client)] {
        for (name, stream) in streams {
            // Reserved bits, largest frame, sender, largest piece, chunk sizes.
            write("decoder", name, &[&[1, 0, 1 - role, 0], &[2, 3, 1], stream]);
            for reassembly in [0, 1] {
                let setup = [role, reassembly, 0, 0, 0, 0, 0, 0, 0];
                let deflate = u8::from(name.contains("deflate"));
                let name = format!("{name}-{reassembly}");
                // Chunk sizes 3 and 1; send a text, ping, write, close with 1000.
                let commands = [8, 0, 3, 7, 4, 15, 0, 9, 10];
                let parts = [&setup[..], &[deflate], &[2, 3, 1], &commands, stream];
                write("connection", &name, &parts);
            }
        }
    }
    let one_frame = b"\x82\x85\x01\x02\x03\x04hello";
    let setup = [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0];
    write("connection", "one-frame-without-fragments", &[&setup, one_frame]);
    for (name, header) in [
        ("reserved-and-fragmented", &[0x79, 0x80][..]),
        ("not-minimal-and-not-masked", &[0x82, 126, 0, 5]),
        ("top-bit", &[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
        ("not-minimal-64", &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4]),
        ("longest", &[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]),
        ("long-ping", &[0x89, 0xfe, 0, 126, 1, 2, 3, 4]),
    ] {
        write("frame_header", name, &[header]);
        write("decoder", name, &[&[0, 0, 0, 0], &[1, 1], header]);
    }

    for (name, text) in [
        ("mixed", "grüße, κόσμε, 😀".as_bytes()),
        ("surrogate", b"\xce\xba\xed\xa0\x80edited"),
        ("overlong", b"\xc0\xaf"),
        ("too-high", b"\xf4\x90\x80\x80"),
        ("unfinished", b"\xf0\x9f\x98"),
    ] {
        write("utf8", name, &[&[2, 1, 5], text]);
    }

    let (text, ping) = (b"\x81\x85\0\0\0\0Hello", b"\x89\x80\0\0\0\0");
    let stream = [&text.repeat(20)[..], ping, b"\x88\x82\0\0\0\0\x03\xe8"].concat();
    // Take, read, write; send, let time pass, echo, take, write, close.
    let actions = [4, 255, 0, 9, 8, 50, 16, 3, 13, 30, 18, 2, 0, 30, 8, 255, 19, 5];
    for (name, setup) in [
        ("open", [0; 7]),
        ("narrow", [0, 0, 2, 2, 1, 1, 0]),
        ("asked", [0, 0, 0, 0, 0, 0, 1]),
        ("nothing", [0, 0, 0, 0, 0, 0, 2]),
    ] {
        let len = [u8::try_from(actions.len()).unwrap()];
        write("driver", name, &[&setup, &len, &actions, &stream]);
    }

    for (name, url) in [
        ("name", "wss://example.com:8443/a/%2e%2E/b?c='d'"),
        ("ipv4", "WS://127.0.0.1"),
        ("ipv6", "http://[::ffff:1.2.3.4]:80/./a/.."),
        ("refused", "ws://user:password@0x7f.1:0/\\#a"),
    ] {
        write("url", name, &[url.as_bytes()]);
    }

    write("request_head", "sample", &[&[0, 0, 0, 0, 2, 7, 1, 1], b"\r\n\x81\x85"]);
    write("request_head", "rejected", &[&[0, 0, 0, 1, 0, 1], b"\r\n"]);
    let offers = b"Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    write("request_head", "offers", &[&[0, 0, 0, 0, 1, 9, 1], offers]);
    let plain = b"HEAD http://a:80/b?c HTTP/1.0\r\nHost: [::1]:80\r\nX: y\r\n\r\n";
    write("request_head", "no-upgrade", &[&[0, 0, 0, 0, 1, 5, 0], plain]);
    write("request_head", "empty-lines", &[&[0, 0, 0, 0, 1, 1, 0], b"\r\n\r\n", plain]);
    write("request_head", "folded", &[&[0, 0, 0, 0, 1, 5, 1], b"X: a\r\n b\r\n\r\n"]);

    write("response_head", "sample", &[&[0, 0, 0, 0, 0, 2, 7, 1, 1], b"\r\n\x81\x05Hello"]);
    let chosen = b"Sec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n\r\n";
    write("response_head", "chosen", &[&[0, 0, 0, 0, 3, 1, 9, 1], chosen]);
    let refused = b"HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    write("response_head", "refused", &[&[0, 0, 0, 0, 0, 1, 5, 0], refused]);
    let chunked = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n";
    write("response_head", "chunked", &[&[0, 0, 0, 0, 0, 1, 5, 0], chunked]);
    let folded = b"Content-Length: 5\r\nX: a \r\n\t b\r\n \r\n\r\n\x81\x00";
    write("response_head", "folded", &[&[0, 0, 0, 0, 0, 1, 7, 1], folded]);
    let coded =
        b"HTTP/1.1 503 No\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding:\r\n chunked\r\n\r\n\
        2\r\nno\r\nA\r\n0123456789\r\n0\r\n\r\n";
    write("response_head", "coded", &[&[0, 0, 0, 0, 0, 1, 5, 0], coded]);
    let lengths = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2, 2\r\nContent-Length: 02\r\n\r\nno";
    write("response_head", "lengths", &[&[0, 0, 0, 0, 0, 1, 9, 0], lengths]);

    // Limits; connect, run, send and run, break, send, connect, run, restart.
    let plan = [0, 14, 4, 5, 14, 2, 36, 37, 0, 6, 7, 8, 9, 14, 12, 13, 0, 14];
    let hello = [&[0, 0, 5, 33, 1][..], &[9; 16], &[0; 16]].concat();
    let len = [u8::try_from(plan.len()).unwrap()];
    write("delivery", "breaks", &[&[0, 0, 0], &len, &plan, &[1], &hello]);
    write("delivery", "narrow", &[&[2, 2, 2], &len, &plan, &[0], &hello]);

    // Policy, outbox, seed; start, steps, connected, message, transmit, end, steps.
    let calls =
        [0, 10, 10, 10, 5, 10, 6, 2, 1, 2, 8, 3, 1, 65, 7, 0, 0, 0, 10, 10, 4, 60, 10, 1, 10];
    write("reconnect", "queue", &[&[0, 0, 0, 0, 1, 0, 0, 0, 1], &calls]);
    write("reconnect", "session", &[&[3, 3, 1, 3, 1, 2, 1, 1, 1], &calls]);

    for (name, parts) in [
        ("plain", [&b"X-Name"[..], b"a value", b"https://example.com", b"/a?b"]),
        ("split", [b"X", b"a\r\nB: c", b"chat\r\nB: c", b"/ HTTP/1.1\r\nA: b"]),
        ("reserved", [b"Connection", b"close", b"", b""]),
        ("body", [b"Content-Length", b"4", b"null", b"*"]),
    ] {
        let part = |part: &&[u8]| [&[u8::try_from(part.len()).unwrap()], *part].concat();
        write("header_value", name, &[&[0], &parts.iter().map(part).collect::<Vec<_>>().concat()]);
    }

    let bits = [15, 15, 0, 0, 15, 15, 0, 0];
    for (name, value) in [
        ("offers", &b"permessage-deflate; client_max_window_bits; server_max_window_bits=10"[..]),
        ("several", b"foo, bar; baz=\"2\", permessage-deflate;client_no_context_takeover"),
        ("quoted", b"permessage-deflate; server_max_window_bits=\"1\\0\""),
        ("unclosed", b"a; b=\"\\c\\c\\c\\c"),
        ("names", b"constructor; __proto__\nx; y=z; y"),
    ] {
        write("extension_header", name, &[&bits, value]);
    }
}

/// What a server sends: RFC 6455, §5.7, and RFC 7692, §7.2.3.
fn from_server() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("server-text", b"\x81\x05Hello".to_vec()),
        ("server-fragments", b"\x01\x03Hel\x89\x05Hello\x80\x02lo".to_vec()),
        ("server-256", [&b"\x82\x7e\x01\x00"[..], &[7; 256]].concat()),
        ("server-close", b"\x88\x09\x03\xe8goodbye".to_vec()),
        ("server-close-1005", b"\x88\x00".to_vec()),
        ("server-deflate", b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec()),
        ("server-deflate-fragments", b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00".to_vec()),
        (
            "server-deflate-takeover",
            b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00".to_vec(),
        ),
        ("server-deflate-stored", b"\xc1\x0b\x00\x05\x00\xfa\xffHello\x00".to_vec()),
        ("server-deflate-final", b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00".to_vec()),
        ("server-deflate-bad-text", b"\xc1\x07\xf2\x48\xff\xff\xff\xff\xff".to_vec()),
        (
            "server-deflate-blocks",
            b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00".to_vec(),
        ),
    ]
}

/// What a client sends: the same, masked.
fn from_client() -> Vec<(&'static str, Vec<u8>)> {
    let masked = |first: u8, payload: &[u8]| {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap()];
        frame.extend(key);
        frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
        frame
    };
    vec![
        ("client-text", masked(0x81, b"Hello")),
        (
            "client-fragments",
            [masked(0x01, b"Hel"), masked(0x8a, b"Hello"), masked(0x80, b"lo")].concat(),
        ),
        ("client-bad-text", masked(0x81, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80")),
        ("client-close", masked(0x88, b"\x03\xe8goodbye")),
        ("client-bad-close", masked(0x88, b"\x03\xed")),
        ("client-ping-close", [masked(0x89, b"Hello"), masked(0x88, b"\x03\xe9")].concat()),
        ("client-deflate", masked(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00")),
    ]
}

fn write(target: &str, name: &str, parts: &[&[u8]]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name), parts.concat()).unwrap();
}
