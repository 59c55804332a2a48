//! `Decoder`, fed in chunks and in one, against the oracle.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sanswire::frame::{Decoder, Header};
use sanswire::{ConnectionError, ReceiveBuf, Role};
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
        hold: input.one_of(&[0, 1, 20, 125, 300, 16 << 10, u32::MAX]),
        max_piece: input.one_of(&[None, Some(u16::MAX), Some(1), Some(7), Some(100)]),
    };
    let sizes = input.bytes();
    let stream = input.rest();

    let mut whole = setup.decode(&[stream]);
    let mut pieces = setup.decode(&cut(stream, sizes));
    let (mut frames, faults) = oracle::frames(stream, setup.rules);
    if let Some(last) = frames.last_mut()
        && !last.is_whole()
    {
        // Of a frame that is held, nothing is seen before it is whole.
        if setup.holds(last) {
            last.payload.clear();
        } else if setup.gathers(last) {
            // What has not been seen yet is less than what is gathered.
            for seen in
                [&mut whole, &mut pieces].into_iter().filter_map(|seen| seen.frames.last_mut())
            {
                let unseen = last.payload.strip_prefix(&seen.payload[..]).expect("the beginning");
                assert!(unseen.len() < setup.hold as usize);
                seen.payload.clear();
            }
            last.payload.clear();
        }
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
    hold: u32,
    max_piece: Option<u16>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    frames: Vec<Frame>,
    error: Option<ConnectionError>,
}

impl Setup {
    fn holds(&self, frame: &Frame) -> bool {
        let is_message = matches!(frame.opcode, 1 | 2) && frame.fin && frame.rsv == 0;
        let hold = u64::from(self.hold) * if is_message { 64 } else { 1 };
        frame.opcode >= 8 || frame.len <= hold
    }

    /// Returns whether a frame that is not held is seen in larger pieces than it arrives in.
    fn gathers(&self, frame: &Frame) -> bool {
        self.max_piece.is_none() && frame.opcode == 2 && frame.rsv == 0 && self.hold > 0
    }

    fn decode(&self, chunks: &[&[u8]]) -> Decoded {
        let mut decoder = Decoder::new(self.rules.sender)
            .allow_rsv(self.rules.allowed_rsv)
            .max_frame_size(self.rules.max_frame_size)
            .hold_up_to(self.hold);
        if let Some(most) = self.max_piece {
            decoder = decoder.max_piece(most.try_into().expect("none is 0"));
        }
        let mut input = ReceiveBuf::new();
        let mut decoded = Decoded::default();
        for chunk in chunks {
            input.extend_from_slice(chunk);
            loop {
                let piece = match decoder.poll(&mut input) {
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
                let held = self.holds(frame);
                assert!(piece.is_last || !held || piece.payload(&input).is_empty());
                let most = self.max_piece.map_or(usize::MAX, usize::from);
                assert!(held || piece.payload(&input).len() <= most);
                frame.payload.extend_from_slice(piece.payload(&input));
                assert_eq!(piece.is_last, frame.is_whole());
            }
            assert_eq!(decoder.poll(&mut input).map(|piece| piece.is_none()), Ok(true));
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
