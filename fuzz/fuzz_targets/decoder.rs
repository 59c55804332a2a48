//! `Decoder`, fed in chunks and in one, against the oracle.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sanswire::frame::{Decoder, Header};
use sanswire::{ConnectionError, Role};
use sanswire_fuzz::oracle::{self, Frame, Rules};
use sanswire_fuzz::{Input, cut};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let setup = Setup {
        rules: Rules {
            allowed_rsv: input.one_of(&[0, 0x40, 0x70]),
            max_frame_size: input.one_of(&[u64::MAX, 0, 1, 125, 126, 1000, 70_000]),
            ..Rules::unlimited(input.one_of(&[Role::Client, Role::Server]))
        },
        max_piece: input.one_of(&[None, Some(u16::MAX), Some(1), Some(7), Some(100)]),
    };
    let sizes = input.bytes();
    let stream = input.rest();

    let whole = setup.decode(&[stream]);
    let pieces = setup.decode(&cut(stream, sizes));
    let (mut frames, faults) = oracle::frames(stream, setup.rules);
    if let Some(last) = frames.last_mut()
        && !last.is_whole()
        && last.opcode >= 8
    {
        // Of a control frame, nothing is seen before it is whole.
        last.payload.clear();
    }
    assert_eq!(pieces, whole);
    assert_eq!(whole.frames, frames);
    match whole.error {
        Some(error) => assert!(faults.contains(&error), "{error:?}, not {faults:?}"),
        None => assert!(faults.is_empty(), "{faults:?}"),
    }
});

struct Setup {
    rules: Rules,
    max_piece: Option<u16>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    frames: Vec<Frame>,
    error: Option<ConnectionError>,
}

impl Setup {
    fn decode(&self, chunks: &[&[u8]]) -> Decoded {
        let mut decoder = Decoder::new(self.rules.sender)
            .allow_rsv(self.rules.allowed_rsv)
            .max_frame_size(self.rules.max_frame_size);
        if let Some(most) = self.max_piece {
            decoder = decoder.max_piece(most.try_into().expect("none is 0"));
        }
        let mut decoded = Decoded::default();
        for chunk in chunks {
            decoder.input().extend_from_slice(chunk);
            loop {
                let piece = match decoder.poll() {
                    Ok(Some(piece)) => piece,
                    Ok(None) => break,
                    Err(error) => {
                        decoded.error = Some(error);
                        return decoded;
                    }
                };
                if piece.is_first {
                    assert!(decoded.frames.last().is_none_or(Frame::is_whole));
                    decoded.frames.push(unfilled(&piece.header));
                }
                let frame = decoded.frames.last_mut().expect("a first piece comes first");
                assert_eq!(unfilled(&piece.header), Frame { payload: Vec::new(), ..frame.clone() });
                let is_control = frame.opcode >= 8;
                assert!(piece.is_last || !is_control || piece.payload.is_empty());
                let most = self.max_piece.map_or(usize::MAX, usize::from);
                assert!(is_control || piece.payload.len() <= most);
                frame.payload.extend_from_slice(piece.payload);
                assert_eq!(piece.is_last, frame.is_whole());
            }
            assert_eq!(decoder.poll().map(|piece| piece.is_none()), Ok(true));
        }
        decoded
    }
}

fn unfilled(header: &Header) -> Frame {
    Frame {
        fin: header.fin,
        rsv: header.rsv,
        opcode: header.opcode as u8,
        mask: header.mask,
        len: header.payload_len,
        payload: Vec::new(),
    }
}
