//! How a target reads its parameters from the front of a fuzz input; knows no protocol.

/// A fuzz input that is read from the front and never runs dry: behind its end there are zeros.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads a byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        byte
    }

    /// Reads a choice.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// Reads a length byte and as many bytes, or fewer at the end.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(len);
        self.rest = rest;
        bytes
    }

    /// Returns everything behind what was read.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// Cuts `bytes` into chunks of the given sizes, over and over. No size at all: byte by byte.
pub fn cut<'a>(mut bytes: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let sizes = if sizes.is_empty() { &[1] } else { sizes };
    let mut sizes = sizes.iter().cycle();
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let size = usize::from(*sizes.next().unwrap()).clamp(1, bytes.len());
        let (chunk, rest) = bytes.split_at(size);
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}
