//! The limit of compression: zlib-rs with nothing around it but headers and the mask; and both ends
//! that feed and check the contestants.

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

use super::limit::serve;
use crate::contestant::{Contestant, Role, Takeover};
use crate::ideal::put_header;
use crate::wire::{push, read};

pub(super) static ROWS: [Contestant; 1] = [Contestant {
    deflate: Some(|memory, takeover| {
        let (mut inflate, mut deflate) = (Inflating::new(takeover), Deflating::new(takeover));
        serve(memory, move |output, _, payload| {
            let text = simdutf8::basic::from_utf8(inflate.run(payload)).unwrap();
            let deflated = deflate.run(text.as_bytes());
            put_header(output, 0xc1, deflated.len(), None);
            output.extend_from_slice(deflated);
        })
    }),
    ..Contestant::new("limit: zlib-rs")
}];

struct Deflating {
    deflate: Deflate,
    takeover: Takeover,
    output: Vec<u8>,
}

impl Deflating {
    fn new(takeover: Takeover) -> Self {
        Self { deflate: Deflate::new(6, false, 15), takeover, output: vec![0; 128 << 10] }
    }

    fn run(&mut self, text: &[u8]) -> &[u8] {
        let before = self.deflate.total_out();
        self.deflate.compress(text, &mut self.output, DeflateFlush::SyncFlush).unwrap();
        let len = (self.deflate.total_out() - before) as usize - TAIL.len();
        if self.takeover == Takeover::Reset {
            self.deflate.reset();
        }
        &self.output[..len]
    }
}

struct Inflating {
    inflate: Inflate,
    takeover: Takeover,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Inflating {
    fn new(takeover: Takeover) -> Self {
        let inflate = Inflate::new(false, 15);
        Self { inflate, takeover, input: Vec::new(), output: vec![0; 128 << 10] }
    }

    fn run(&mut self, payload: &[u8]) -> &[u8] {
        self.input.clear();
        self.input.extend_from_slice(payload);
        self.input.extend_from_slice(&TAIL);
        let before = self.inflate.total_out();
        self.inflate.decompress(&self.input, &mut self.output, InflateFlush::SyncFlush).unwrap();
        let len = (self.inflate.total_out() - before) as usize;
        if self.takeover == Takeover::Reset {
            self.inflate.reset(false);
        }
        &self.output[..len]
    }
}

/// Compresses messages as a client does, each as a masked text frame.
pub(crate) fn compress(texts: &[Vec<u8>], takeover: Takeover) -> Vec<u8> {
    let mut deflate = Deflating::new(takeover);
    let mut frames = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let key = (index as u32 + 1).wrapping_mul(0x9e37_79b9);
        push(&mut frames, Role::Client, 0xc1, deflate.run(text), key);
    }
    frames
}

/// Returns what is in the compressed messages that a server sent.
pub(crate) fn decompress(sent: &[u8], takeover: Takeover) -> Vec<Vec<u8>> {
    let mut inflate = Inflating::new(takeover);
    let is_compressed_text = |(first, payload): (u8, Vec<u8>)| {
        assert_eq!(first, 0x41, "a reply is not compressed text");
        inflate.run(&payload).to_vec()
    };
    read(sent, Role::Server).into_iter().map(is_compressed_text).collect()
}

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
