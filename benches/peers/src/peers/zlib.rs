//! The limit of compression: zlib-rs with nothing around it but headers and the mask; and both ends
//! that feed and check the contestants.

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

use super::limit::serve;
use crate::contestant::{Contestant, Role, Takeover};
use crate::ideal::put_header;
use crate::wire::{push, read};

pub(super) static ROWS: [Contestant; 1] = [Contestant {
    deflate: Some(|memory, takeover| {
        let (mut inflate, mut deflate) = (inflating(takeover), deflating(takeover));
        let (mut text, mut deflated) = (vec![0; MOST], vec![0; MOST]);
        serve(memory, move |output, _, payload| {
            let len = inflate(payload, &mut text);
            let text = simdutf8::basic::from_utf8(&text[..len]).unwrap();
            let len = deflate(text.as_bytes(), &mut deflated);
            put_header(output, 0xc1, len, None);
            output.extend_from_slice(&deflated[..len]);
        })
    }),
    ..Contestant::new("limit: zlib-rs")
}];

/// Returns what compresses the messages of a direction into a buffer, and returns the length.
fn deflating(takeover: Takeover) -> impl FnMut(&[u8], &mut [u8]) -> usize {
    let mut deflate = Deflate::new(6, false, 15);
    move |text, output| {
        let before = deflate.total_out();
        deflate.compress(text, output, DeflateFlush::SyncFlush).unwrap();
        let len = (deflate.total_out() - before) as usize - TAIL.len();
        if takeover == Takeover::Reset {
            deflate.reset();
        }
        len
    }
}

/// The same in the other direction.
fn inflating(takeover: Takeover) -> impl FnMut(&[u8], &mut [u8]) -> usize {
    let (mut inflate, mut input) = (Inflate::new(false, 15), Vec::new());
    move |payload, output| {
        input.clear();
        input.extend_from_slice(payload);
        input.extend_from_slice(&TAIL);
        let before = inflate.total_out();
        inflate.decompress(&input, output, InflateFlush::SyncFlush).unwrap();
        let len = (inflate.total_out() - before) as usize;
        if takeover == Takeover::Reset {
            inflate.reset(false);
        }
        len
    }
}

/// Compresses messages as a client does, each as a masked text frame.
pub(crate) fn compress(texts: &[Vec<u8>], takeover: Takeover) -> Vec<u8> {
    let (mut deflate, mut deflated, mut frames) = (deflating(takeover), vec![0; MOST], Vec::new());
    for (index, text) in texts.iter().enumerate() {
        let key = (index as u32 + 1).wrapping_mul(0x9e37_79b9);
        let len = deflate(text, &mut deflated);
        push(&mut frames, Role::Client, 0xc1, &deflated[..len], key);
    }
    frames
}

/// Returns what is in the compressed messages that a server sent.
pub(crate) fn decompress(sent: &[u8], takeover: Takeover) -> Vec<Vec<u8>> {
    let mut inflate = inflating(takeover);
    let is_compressed_text = |(first, payload): (u8, Vec<u8>)| {
        assert_eq!(first, 0x41, "a reply is not compressed text");
        let mut text = vec![0; MOST];
        let len = inflate(&payload, &mut text);
        text.truncate(len);
        text
    };
    read(sent, Role::Server).into_iter().map(is_compressed_text).collect()
}

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The most that a message has, compressed or not.
const MOST: usize = 128 << 10;
